#include "mappings/dn.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "scim/base/buf.h"

#include "scim/base/banned.h"

#define RDN_PARTS_MAX 16

struct part {
	struct slice type;  /* lower case */
	struct slice value; /* unescaped, folded when `fold` */
};

struct reader {
	struct arena *mem;
	const char *at, *end, *start;
	struct err *err;
	bool fold;
};

static int bad(struct reader *r, const char *what)
{
	char shown[120];

	text_visible(r->start, (size_t)(r->end - r->start), shown, sizeof(shown));
	return err_set(r->err, ERR_INVALID, "\"%s\" is not a DN: %s at byte %zu", shown, what,
		       (size_t)(r->at - r->start) + 1);
}

static void skip_space(struct reader *r)
{
	while (r->at < r->end && *r->at == ' ')
		r->at++;
}

static bool is_type_char(char c)
{
	return c == '-' || c == '.' || (c >= '0' && c <= '9') ||
	       ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static int read_type(struct reader *r, struct slice *ret)
{
	const char *start = r->at;
	char *type;
	size_t len;

	while (r->at < r->end && *r->at != '=' && *r->at != ',' && *r->at != '+')
		r->at++;
	len = (size_t)(r->at - start);
	while (len && start[len - 1] == ' ')
		len--;
	if (len == 0 || r->at == r->end || *r->at != '=')
		return bad(r, "an attribute name and \"=\" are expected");
	for (size_t i = 0; i < len; i++)
		if (!is_type_char(start[i]))
			return bad(r, "an attribute name has letters, digits, \"-\" and \".\"");
	type = arena_strndup(r->mem, start, len);
	text_lower(type, len);
	*ret = slice_of(type, len);
	r->at++;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_escape(struct reader *r, char *ret)
{
	int high, low;

	r->at++;
	if (r->at == r->end)
		return bad(r, "it ends inside an escape");
	high = hex_digit(*r->at);
	low = r->at + 1 < r->end ? hex_digit(r->at[1]) : -1;
	if (high >= 0 && low >= 0) {
		*ret = (char)(high * 16 + low);
		r->at += 2;
	} else {
		*ret = *r->at++;
	}
	return 0;
}

/* Built into the C library, so that equal names are equal whatever locale the user has. */
static locale_t fold_locale;

static void fold_locale_open(void)
{
	fold_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t fold(uint32_t cp)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (cp < 128)
		return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
	pthread_once(&once, fold_locale_open);
	return fold_locale ? (uint32_t)towlower_l((wint_t)cp, fold_locale) : cp;
}

/*
 * Fold case of a text. Not the whole of RFC 4518 string preparation: directories
 * differ there, and two spellings beyond case and spaces are rare in DNs that servers
 * themselves return.
 */
static void add_folded(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t cp;
		size_t n = utf8_decode(s + i, len - i, &cp);
		char bytes[4];

		if (n == 0) {
			buf_addch(out, s[i++]);
			continue;
		}
		buf_add(out, bytes, utf8_encode(fold(cp), bytes));
		i += n;
	}
}

/* Runs of spaces become one; those at the ends go (RFC 4518 section 2.6.1). */
static void squeeze(struct buf *value)
{
	size_t out = 0;

	for (size_t i = 0; i < value->len; i++) {
		if (value->data[i] == ' ' && (out == 0 || value->data[out - 1] == ' '))
			continue;
		value->data[out++] = value->data[i];
	}
	if (out && value->data[out - 1] == ' ')
		out--;
	value->len = out;
	if (value->data)
		value->data[out] = '\0';
}

/* Without escapes and folding it is the text as it stands. */
static bool read_plain_value(struct reader *r, struct slice *ret)
{
	const char *end = r->at;
	size_t len;

	if (r->fold)
		return false;
	while (end < r->end && *end != ',' && *end != ';' && *end != '+') {
		if (strchr("\\\"<>", *end))
			return false;
		end++;
	}
	len = (size_t)(end - r->at);
	while (len && r->at[len - 1] == ' ')
		len--;
	*ret = slice_of(arena_strndup(r->mem, r->at, len), len);
	r->at = end;
	return true;
}

static int read_value(struct reader *r, struct slice *ret)
{
	struct buf raw, folded;
	size_t keep = 0; /* trailing spaces after this are not part of the value */
	int status = -1;

	if (read_plain_value(r, ret))
		return 0;
	buf_init(&raw, DN_BYTES_MAX);
	buf_init(&folded, DN_BYTES_MAX * 4);
	while (r->at < r->end && *r->at != ',' && *r->at != ';' && *r->at != '+') {
		char c = *r->at;

		if (c == '\\') {
			if (read_escape(r, &c))
				goto out;
			buf_addch(&raw, c);
			keep = raw.len;
			continue;
		}
		if (c == '"' || c == '<' || c == '>') {
			bad(r, "a character that must be escaped");
			goto out;
		}
		buf_addch(&raw, c);
		if (c != ' ')
			keep = raw.len;
		r->at++;
	}
	raw.len = keep;
	if (r->fold) {
		add_folded(&folded, raw.data, raw.len);
		squeeze(&folded);
	} else {
		buf_add(&folded, raw.data, raw.len);
	}
	*ret = slice_of(arena_strndup(r->mem, folded.data ? folded.data : "", folded.len),
			folded.len);
	status = 0;
out:
	buf_release(&raw);
	buf_release(&folded);
	return status;
}

/* One RDN: parts joined by '+'. Leaves `at` after its comma, or at the end. */
static int read_rdn(struct reader *r, struct part parts[RDN_PARTS_MAX], unsigned *ret_count)
{
	unsigned count = 0;

	for (;;) {
		if (count == RDN_PARTS_MAX)
			return bad(r, "too many parts in one RDN");
		skip_space(r);
		if (read_type(r, &parts[count].type))
			return -1;
		skip_space(r);
		if (read_value(r, &parts[count].value))
			return -1;
		count++;
		if (r->at == r->end)
			break;
		if (*r->at++ == '+')
			continue;
		if (r->at == r->end)
			return bad(r, "it ends with a comma");
		break;
	}
	*ret_count = count;
	return 0;
}

static int part_cmp(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order = slice_cmp(x->type, y->type);

	return order ? order : slice_cmp(x->value, y->value);
}

static void write_value(struct buf *out, struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];

		if (c == ',' || c == '+' || c == '"' || c == '\\' || c == '<' || c == '>' ||
		    c == ';' || c == '=' || c < 32)
			buf_addf(out, "\\%02x", c);
		else
			buf_addch(out, (char)c);
	}
}

/*
 * Most DNs that a server sends are already plain: attr=value parts without escapes or odd
 * spaces. Those are folded in one go, since a big group brings 50,000 of them.
 */
enum plain { ODD, TYPE, OTHER, SPACE, EQUALS, COMMA };
static unsigned char plain_of[256];
static unsigned char lower_of[256];

static void plain_tables_make(void)
{
	for (int c = 0; c < 256; c++) {
		bool odd = c >= 128 || c < 32 || strchr("\\+;\"<>", c) != NULL;

		lower_of[c] = (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		plain_of[c] = odd ? ODD : c == ' ' ? SPACE : c == '=' ? EQUALS : c == ',' ? COMMA
				: is_type_char((char)c) ? TYPE : OTHER;
	}
}

/*
 * Fold the RDN that begins at dn[at] into out[at], up to its comma or the end. Returns where
 * that is; 0 when it is not plain: a space at an edge or two together, nothing before "=".
 */
static size_t fold_plain_rdn(const char *dn, size_t at, size_t len, char *out)
{
	size_t start = at;
	unsigned char before;

	for (; at < len && plain_of[(unsigned char)dn[at]] == TYPE; at++)
		out[at] = (char)lower_of[(unsigned char)dn[at]];
	if (at == start || at == len || dn[at] != '=')
		return 0;
	out[at++] = '=';
	before = EQUALS;
	for (; at < len; at++) {
		unsigned char c = (unsigned char)dn[at], plain = plain_of[c];

		if (plain == COMMA)
			break;
		if (plain == ODD || plain == EQUALS ||
		    (plain == SPACE && (before == SPACE || before == EQUALS)))
			return 0;
		before = plain;
		out[at] = (char)lower_of[c];
	}
	return before == SPACE ? 0 : at;
}

static bool normalize_plain(struct arena *mem, const char *dn, size_t len, struct slice *ret)
{
	char *out = arena_bytes(mem, len + 1);
	unsigned rdns = 0;
	size_t at = 0;

	for (;;) {
		at = fold_plain_rdn(dn, at, len, out);
		if (at == 0 || ++rdns > DN_RDNS_MAX)
			return false;
		if (at == len)
			break;
		out[at++] = ',';
	}
	out[len] = '\0';
	*ret = slice_of(out, len);
	return true;
}

static void plain_tables(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, plain_tables_make);
}

int dn_normalize_next(struct dn_memo *memo, struct arena *mem, const char *dn, size_t len,
		      struct slice *ret_norm, struct err *err)
{
	char *out, rdn[256];
	struct slice parent;
	size_t at;

	plain_tables();
	at = len > sizeof(rdn) ? 0 : fold_plain_rdn(dn, 0, len, rdn);
	if (at == 0 || at == len)
		return dn_normalize(mem, dn, len, ret_norm, err);
	parent = slice_of(dn + at + 1, len - at - 1);
	if (!slice_eq(parent, memo->raw)) {
		struct slice norm;

		arena_reset(&memo->mem);
		memo->raw = slice_of(NULL, 0);
		if (parent.len == 0 ||
		    dn_normalize(&memo->mem, parent.data, parent.len, &norm, NULL) ||
		    norm.len == 0)
			return dn_normalize(mem, dn, len, ret_norm, err);
		memo->raw = slice_of(arena_strndup(&memo->mem, parent.data, parent.len),
				     parent.len);
		memo->norm = norm;
	}
	out = arena_bytes(mem, at + memo->norm.len + 2);
	memcpy(out, rdn, at);
	out[at] = ',';
	memcpy(out + at + 1, memo->norm.data, memo->norm.len);
	out[at + 1 + memo->norm.len] = '\0';
	*ret_norm = slice_of(out, at + 1 + memo->norm.len);
	return 0;
}

void dn_memo_release(struct dn_memo *memo)
{
	arena_release(&memo->mem);
	*memo = (struct dn_memo){ 0 };
}

int dn_normalize(struct arena *mem, const char *dn, size_t len, struct slice *ret_norm,
		 struct err *err)
{
	struct reader r = { .mem = mem, .at = dn, .start = dn, .end = dn + len, .err = err,
			    .fold = true };
	struct part parts[RDN_PARTS_MAX];
	struct buf out;
	unsigned rdns = 0;

	if (len > DN_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "a DN of more than %d bytes", DN_BYTES_MAX);
	plain_tables();
	if (len && normalize_plain(mem, dn, len, ret_norm))
		return 0;
	buf_init(&out, DN_BYTES_MAX * 4);
	skip_space(&r);
	while (r.at < r.end) {
		unsigned count;

		if (++rdns > DN_RDNS_MAX) {
			buf_release(&out);
			return bad(&r, "too many parts");
		}
		if (read_rdn(&r, parts, &count)) {
			buf_release(&out);
			return -1;
		}
		qsort(parts, count, sizeof(parts[0]), part_cmp);
		for (unsigned i = 0; i < count; i++) {
			if (out.len)
				buf_addch(&out, i ? '+' : ',');
			buf_add(&out, parts[i].type.data, parts[i].type.len);
			buf_addch(&out, '=');
			write_value(&out, parts[i].value);
		}
	}
	*ret_norm = slice_of(arena_strndup(mem, out.data ? out.data : "", out.len), out.len);
	buf_release(&out);
	return 0;
}

bool dn_looks_like(const char *text, size_t len)
{
	struct arena mem = ARENA_INIT;
	struct slice norm;
	bool is = len && memchr(text, '=', len) && len <= DN_BYTES_MAX &&
		  dn_normalize(&mem, text, len, &norm, NULL) == 0;

	arena_release(&mem);
	return is;
}

bool dn_is_below(struct slice dn, struct slice base)
{
	size_t at;

	if (base.len == 0)
		return true;
	if (dn.len < base.len || memcmp(dn.data + dn.len - base.len, base.data, base.len) != 0)
		return false;
	at = dn.len - base.len;
	/* A comma inside a value is written \2c, so a bare one parts RDNs. */
	return at == 0 || dn.data[at - 1] == ',';
}

int dn_parts(struct arena *mem, const char *dn, size_t len, const char *type,
	     struct slice *ret_values, size_t max, size_t *ret_count, struct err *err)
{
	struct reader r = { .mem = mem, .at = dn, .start = dn, .end = dn + len, .err = err };
	struct part parts[RDN_PARTS_MAX];
	size_t found = 0;

	if (len > DN_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "a DN of more than %d bytes", DN_BYTES_MAX);
	skip_space(&r);
	while (r.at < r.end && found < max) {
		unsigned count;

		if (read_rdn(&r, parts, &count))
			return -1;
		for (unsigned i = 0; i < count && found < max; i++)
			if (text_cmp_nocase(parts[i].type.data, parts[i].type.len, type,
					    strlen(type)) == 0)
				ret_values[found++] = parts[i].value;
	}
	*ret_count = found;
	return 0;
}

int dn_part(struct arena *mem, const char *dn, size_t len, const char *type,
	    struct slice *ret_value, struct err *err)
{
	size_t count;

	if (dn_parts(mem, dn, len, type, ret_value, 1, &count, err))
		return -1;
	if (count == 0)
		return err_set(err, ERR_NOT_FOUND, "the DN has no part \"%s\"", type);
	return 0;
}
