#include "scim/base/json.h"

#include <assert.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "scim/base/banned.h"

/* Where the reader stands in the document, an array or an object. */
enum {
	AT_VALUE = 1,  /* one value comes next */
	AFTER_VALUE,   /* a comma or the end comes next */
	AT_FIRST,      /* the first element or the end comes next */
	IN_OBJECT = 8, /* flag */
	IN_ARRAY = 16, /* flag */
};

/* A number's text; longer ones are refused (a double has 767 significant digits at most). */
#define NUMBER_BYTES_MAX 1024

/* ---- scanning ---- */

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/*
 * First byte that a JSON string can't take over as it stands: a quote, a backslash, a
 * control character or one of 0x80 and above. Eight at a time: a byte of `hit` gets its
 * high bit when it is one; bytes above the first hit may be wrong, the first never is.
 */
static inline const char *scan_plain(const char *at, const char *end)
{
	while (end - at >= 8) {
		uint64_t w, quote, back, hit;

		memcpy(&w, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		w = __builtin_bswap64(w);
#endif
		quote = w ^ ONES * '"';
		back = w ^ ONES * '\\';
		hit = (((quote - ONES) & ~quote) | ((back - ONES) & ~back) |
		       ((w - ONES * 0x20) & ~w) | w) & HIGHS;
		if (hit)
			return at + (__builtin_ctzll(hit) >> 3);
		at += 8;
	}
	while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 &&
	       *at != '"' && *at != '\\')
		at++;
	return at;
}

/* The same, also past whole UTF-8 sequences; stops at a broken one. */
static inline const char *scan_utf8(const char *at, const char *end)
{
	for (;;) {
		uint32_t cp;
		size_t n;

		at = scan_plain(at, end);
		if (at == end || !(*at & 0x80))
			return at;
		do {
			n = utf8_decode(at, (size_t)(end - at), &cp);
			if (!n)
				return at;
			at += n;
		} while (at < end && (*at & 0x80));
	}
}

/* ---- reader: errors and white space ---- */

static void fail_va(struct json_in *in, const char *at, enum err_kind kind,
		    const char *fmt, va_list args)
{
	const char *line_start = in->text, *p;
	unsigned line = 1;
	char text[200];

	if (in->failed)
		return;
	in->failed = true;
	for (p = in->text; p < at; p++) {
		p = memchr(p, '\n', (size_t)(at - p));
		if (!p)
			break;
		line++;
		line_start = p + 1;
	}
	vsnprintf(text, sizeof(text), fmt, args);
	err_at(in->err, kind, in->where, line, (unsigned)(at - line_start) + 1, "%s", text);
}

/* Always returns false. */
static bool __attribute__((format(printf, 4, 5)))
fail_at(struct json_in *in, const char *at, enum err_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fail_va(in, at, kind, fmt, args);
	va_end(args);
	return false;
}

bool json_fail(struct json_in *in, enum err_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fail_va(in, in->at, kind, fmt, args);
	va_end(args);
	return false;
}

static inline void skip_space(struct json_in *in)
{
	const char *at = in->at;

	while (at < in->end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
		at++;
	in->at = at;
}

/* "met X" for an error: the byte that is there, or the end. */
static bool fail_unexpected(struct json_in *in, const char *wanted)
{
	if (in->at == in->end)
		return fail_at(in, in->at, ERR_INVALID, "JSON ends where %s is expected",
			       wanted);
	return fail_at(in, in->at, ERR_INVALID, "JSON has \"%.*s\" where %s is expected", 1,
		       in->at, wanted);
}

void json_open(struct json_in *in, const char *text, size_t len, const char *where,
	       struct arena *mem, struct err *err)
{
	*in = (struct json_in){
		.text = text, .at = text, .end = text + len,
		.mem = mem, .err = err, .where = where,
	};
	in->state[0] = AT_VALUE;
}

bool json_failed(const struct json_in *in)
{
	return in->failed;
}

int json_close(struct json_in *in)
{
	if (!in->failed && (in->depth > 0 || in->state[0] != AFTER_VALUE))
		fail_at(in, in->at, ERR_INVALID, "JSON was not read to its end");
	if (!in->failed) {
		skip_space(in);
		if (in->at != in->end)
			fail_unexpected(in, "the end");
	}
	return in->failed ? -1 : 0;
}

/* ---- reader: where we are ---- */

static bool at_value(const struct json_in *in)
{
	return !in->failed && (in->state[in->depth] & 7) == AT_VALUE;
}

static void value_done(struct json_in *in)
{
	in->state[in->depth] = (in->state[in->depth] & ~7) | AFTER_VALUE;
}

static inline enum json_type type_of(char c)
{
	switch (c) {
	case '"':
		return JSON_IN_TEXT;
	case '{':
		return JSON_IN_OBJECT;
	case '[':
		return JSON_IN_ARRAY;
	case 't':
	case 'f':
		return JSON_IN_BOOL;
	case 'n':
		return JSON_IN_NULL;
	case '-':
	case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return JSON_IN_NUMBER;
	default:
		return JSON_IN_NONE;
	}
}

enum json_type json_peek(struct json_in *in)
{
	enum json_type type;

	if (!at_value(in))
		return JSON_IN_NONE;
	skip_space(in);
	type = in->at < in->end ? type_of(*in->at) : JSON_IN_NONE;
	if (type == JSON_IN_NONE)
		fail_unexpected(in, "a value");
	return type;
}

static const char *type_name(enum json_type type)
{
	static const char *const names[] = {
		"nothing", "null", "true or false", "a number",
		"text",    "an array", "an object",
	};

	return names[type];
}

/* A value must come next and have this type. */
static bool expect(struct json_in *in, enum json_type wanted)
{
	enum json_type type = json_peek(in);

	if (type == wanted)
		return true;
	if (type == JSON_IN_NONE) {
		/* Asking for a value where none can be is a bug of the caller. */
		assert(in->failed);
		return false;
	}
	return fail_at(in, in->at, ERR_INVALID, "%s where %s is expected", type_name(type),
		       type_name(wanted));
}

/* ---- reader: strings ---- */

static int hex4(const char *at, const char *end, uint32_t *ret)
{
	uint32_t value = 0;
	int i;

	if (end - at < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		char c = at[i];
		int digit = c >= '0' && c <= '9' ? c - '0' :
			    c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			    c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (digit < 0)
			return -1;
		value = value << 4 | (uint32_t)digit;
	}
	*ret = value;
	return 0;
}

/* The "uXXXX" at `at`, with its second half if it is a surrogate. Returns bytes used. */
static size_t unescape_u(const char *at, const char *end, uint32_t *ret_cp)
{
	uint32_t cp, low;

	if (hex4(at + 1, end, &cp) != 0 || (cp >= 0xdc00 && cp <= 0xdfff))
		return 0;
	if (cp < 0xd800 || cp > 0xdbff) {
		*ret_cp = cp;
		return 5;
	}
	/* Half a pair names no character and has no UTF-8. */
	if (end - at < 11 || at[5] != '\\' || at[6] != 'u' || hex4(at + 7, end, &low) != 0 ||
	    low < 0xdc00 || low > 0xdfff)
		return 0;
	*ret_cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
	return 11;
}

/*
 * The escape after a backslash at `at` to `out` (NULL: only checked). Returns the bytes
 * used of the input, 0 if it is none.
 */
static size_t unescape(const char *at, const char *end, char *out, size_t *ret_len)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	char encoded[4];
	const char *name;
	uint32_t cp;
	size_t used;

	if (at == end)
		return 0;
	name = *at ? strchr(names, *at) : NULL;
	if (name) {
		encoded[0] = values[name - names];
		*ret_len = used = 1;
	} else if (*at == 'u' && (used = unescape_u(at, end, &cp)) > 0) {
		*ret_len = utf8_encode(cp, encoded);
	} else {
		return 0;
	}
	if (out)
		memcpy(out, encoded, *ret_len);
	return used;
}

static bool fail_string(struct json_in *in, const char *at)
{
	if (at == in->end)
		return fail_at(in, at, ERR_INVALID, "JSON ends inside text");
	if (*at & 0x80)
		return fail_at(in, at, ERR_INVALID, "text that is not UTF-8 (byte 0x%02X)",
			       (unsigned char)*at);
	if (*at == '\\')
		return fail_at(in, at, ERR_INVALID,
			       "an escape that RFC 8259 does not have, or half a surrogate pair");
	return fail_at(in, at, ERR_INVALID,
		       "control character 0x%02X in text, it must be escaped",
		       (unsigned char)*at);
}

/*
 * Check a string from after its opening quote; *ret_end is at the closing one and
 * *ret_escapes tells whether it has to be decoded.
 */
static bool check_string(struct json_in *in, const char *at, const char **ret_end,
			 bool *ret_escapes)
{
	*ret_escapes = false;
	for (;;) {
		size_t len, used;

		at = scan_utf8(at, in->end);
		if (at < in->end && *at == '"') {
			*ret_end = at;
			return true;
		}
		if (at == in->end || *at != '\\')
			return fail_string(in, at);
		used = unescape(at + 1, in->end, NULL, &len);
		if (!used)
			return fail_string(in, at);
		*ret_escapes = true;
		at += 1 + used;
	}
}

/* A checked string to the arena; decoded it is never longer than its text. */
static struct slice decode_string(struct json_in *in, const char *at, const char *end)
{
	char *out = arena_bytes(in->mem, (size_t)(end - at)), *to = out;

	while (at < end) {
		const char *back = memchr(at, '\\', (size_t)(end - at));
		size_t plain = (size_t)((back ? back : end) - at), len = 0;

		memcpy(to, at, plain);
		to += plain;
		at += plain;
		if (back) {
			at += 1 + unescape(at + 1, end, to, &len);
			to += len;
		}
	}
	return slice_of(out, (size_t)(to - out));
}

/* The string whose opening quote is at in->at. */
static bool read_string(struct json_in *in, struct slice *ret)
{
	const char *start = in->at + 1, *end;
	bool escapes;

	if (!check_string(in, start, &end, &escapes))
		return false;
	in->at = end + 1;
	*ret = escapes ? decode_string(in, start, end)
		       : slice_of(start, (size_t)(end - start));
	return true;
}

bool json_get_text(struct json_in *in, struct slice *ret)
{
	if (!expect(in, JSON_IN_TEXT) || !read_string(in, ret))
		return false;
	value_done(in);
	return true;
}

/* ---- reader: words and numbers ---- */

static bool read_word(struct json_in *in, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
		return fail_at(in, in->at, ERR_INVALID, "a word that is not \"%s\"", word);
	in->at += len;
	return true;
}

bool json_opt_text(struct json_in *in, struct slice *ret)
{
	if (json_peek(in) != JSON_IN_NULL)
		return json_get_text(in, ret);
	if (!read_word(in, "null"))
		return false;
	value_done(in);
	*ret = slice_of(NULL, 0);
	return true;
}

bool json_get_bool(struct json_in *in, bool *ret)
{
	bool value;

	if (!expect(in, JSON_IN_BOOL))
		return false;
	value = *in->at == 't';
	if (!read_word(in, value ? "true" : "false"))
		return false;
	value_done(in);
	*ret = value;
	return true;
}

static const char *digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* The number at in->at by the grammar of RFC 8259 section 6. */
static bool read_number(struct json_in *in, struct slice *ret, bool *ret_integer)
{
	const char *at = in->at, *end = in->end, *from;

	*ret_integer = true;
	if (*at == '-')
		at++;
	from = at;
	at = digits(at, end);
	if (at == from || (*from == '0' && at - from > 1))
		goto bad;
	if (at < end && *at == '.') {
		*ret_integer = false;
		from = ++at;
		at = digits(at, end);
		if (at == from)
			goto bad;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		*ret_integer = false;
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		from = at;
		at = digits(at, end);
		if (at == from)
			goto bad;
	}
	*ret = slice_of(in->at, (size_t)(at - in->at));
	if (ret->len > NUMBER_BYTES_MAX)
		return fail_at(in, in->at, ERR_LIMIT, "a number longer than %d digits",
			       NUMBER_BYTES_MAX);
	in->at = at;
	return true;
bad:
	return fail_at(in, in->at, ERR_INVALID, "a number that RFC 8259 does not allow");
}

bool json_get_int(struct json_in *in, int64_t *ret)
{
	struct slice text;
	bool integer, minus;
	int64_t value = 0;
	size_t i;

	if (!expect(in, JSON_IN_NUMBER))
		return false;
	const char *start = in->at;
	if (!read_number(in, &text, &integer))
		return false;
	if (!integer)
		return fail_at(in, start, ERR_INVALID,
			       "%.*s where a whole number is expected",
			       text.len > 40 ? 40 : (int)text.len, text.data);
	minus = text.data[0] == '-';
	/* Downwards, since the least number has no positive twin. */
	for (i = minus; i < text.len; i++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, text.data[i] - '0', &value))
			return fail_at(in, start, ERR_LIMIT, "a number beyond 64 bits");
	}
	if (!minus && __builtin_sub_overflow(0, value, &value))
		return fail_at(in, start, ERR_LIMIT, "a number beyond 64 bits");
	value_done(in);
	*ret = value;
	return true;
}

/* strtod and printf write the decimal point of the user's locale; JSON has its own. */
static locale_t c_locale;

static void c_locale_open(void)
{
	c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	assert(c_locale);
}

static locale_t c_locale_get(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, c_locale_open);
	return c_locale;
}

bool json_get_double(struct json_in *in, double *ret)
{
	char copy[NUMBER_BYTES_MAX + 1];
	struct slice text;
	bool integer;
	double value;

	if (!expect(in, JSON_IN_NUMBER))
		return false;
	const char *start = in->at;
	if (!read_number(in, &text, &integer))
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	value = strtod_l(copy, NULL, c_locale_get());
	if (!isfinite(value))
		return fail_at(in, start, ERR_LIMIT, "a number beyond the range of a double");
	value_done(in);
	*ret = value;
	return true;
}

/* ---- reader: containers ---- */

static bool enter(struct json_in *in, enum json_type type, unsigned char flag)
{
	if (!expect(in, type))
		return false;
	if (in->depth == JSON_DEPTH_MAX)
		return fail_at(in, in->at, ERR_LIMIT, "JSON nested deeper than %d levels",
			       JSON_DEPTH_MAX);
	in->at++;
	in->state[++in->depth] = flag | AT_FIRST;
	return true;
}

/*
 * Step to the next element of the container we are in: true when there is one, false at
 * its end (left behind) or on failure.
 */
static bool step(struct json_in *in, char closer, const char *wanted)
{
	bool first = (in->state[in->depth] & 7) == AT_FIRST;

	skip_space(in);
	if (in->at < in->end && *in->at == closer) {
		in->at++;
		in->depth--;
		value_done(in);
		return false;
	}
	if (first)
		return true;
	if (in->at == in->end || *in->at != ',')
		return fail_unexpected(in, wanted);
	in->at++;
	return true;
}

bool json_object_next(struct json_in *in, struct slice *ret_key)
{
	if (in->failed)
		return false;
	if (at_value(in) && !enter(in, JSON_IN_OBJECT, IN_OBJECT))
		return false;
	assert(in->state[in->depth] & IN_OBJECT);
	if (!step(in, '}', "a comma or }"))
		return false;
	skip_space(in);
	if (in->at == in->end || *in->at != '"')
		return fail_unexpected(in, "a name");
	if (!read_string(in, ret_key))
		return false;
	skip_space(in);
	if (in->at == in->end || *in->at != ':')
		return fail_unexpected(in, "a colon");
	in->at++;
	in->state[in->depth] = IN_OBJECT | AT_VALUE;
	return true;
}

bool json_array_next(struct json_in *in)
{
	if (in->failed)
		return false;
	if (at_value(in) && !enter(in, JSON_IN_ARRAY, IN_ARRAY))
		return false;
	assert(in->state[in->depth] & IN_ARRAY);
	if (!step(in, ']', "a comma or ]"))
		return false;
	in->state[in->depth] = IN_ARRAY | AT_VALUE;
	return true;
}

/* ---- reader: skipping ---- */

/* A text, number or word at in->at, checked. */
static bool skip_scalar(struct json_in *in)
{
	const char *end = NULL;
	struct slice text;
	bool flag;

	switch (type_of(*in->at)) {
	case JSON_IN_TEXT:
		if (!check_string(in, in->at + 1, &end, &flag))
			return false;
		in->at = end + 1;
		return true;
	case JSON_IN_NUMBER:
		return read_number(in, &text, &flag);
	case JSON_IN_BOOL:
		return read_word(in, *in->at == 't' ? "true" : "false");
	case JSON_IN_NULL:
		return read_word(in, "null");
	default:
		return fail_unexpected(in, "a value");
	}
}

static bool skip_key(struct json_in *in)
{
	const char *end;
	bool escapes;

	skip_space(in);
	if (in->at == in->end || *in->at != '"')
		return fail_unexpected(in, "a name");
	if (!check_string(in, in->at + 1, &end, &escapes))
		return false;
	in->at = end + 1;
	skip_space(in);
	if (in->at == in->end || *in->at != ':')
		return fail_unexpected(in, "a colon");
	in->at++;
	skip_space(in);
	return true;
}

/*
 * One whole value, checked like one that is read. `objects` has a bit for each level
 * below the present one: an object (1) or an array (0).
 */
static bool skip_value(struct json_in *in)
{
	uint64_t objects = 0;
	unsigned levels = 0;

	_Static_assert(JSON_DEPTH_MAX <= 64, "one bit a level");
	for (;;) {
		char c = in->at < in->end ? *in->at : '\0';
		bool opened = c == '{' || c == '[';

		if (in->at == in->end)
			return fail_unexpected(in, "a value");
		if (opened) {
			if (in->depth + levels == JSON_DEPTH_MAX)
				return fail_at(in, in->at, ERR_LIMIT,
					       "JSON nested deeper than %d levels",
					       JSON_DEPTH_MAX);
			objects = objects << 1 | (c == '{');
			levels++;
			in->at++;
		} else if (!skip_scalar(in)) {
			return false;
		}
		/* Close what ends here; a comma leads to the next value. */
		for (;;) {
			if (levels == 0)
				return true;
			skip_space(in);
			if (in->at < in->end && *in->at == (objects & 1 ? '}' : ']')) {
				in->at++;
				objects >>= 1;
				levels--;
				opened = false;
				continue;
			}
			if (opened)
				break;
			if (in->at == in->end || *in->at != ',')
				return fail_unexpected(in, objects & 1 ? "a comma or }"
								       : "a comma or ]");
			in->at++;
			break;
		}
		if (objects & 1) {
			if (!skip_key(in))
				return false;
		} else {
			skip_space(in);
		}
	}
}

bool json_get_raw(struct json_in *in, struct slice *ret)
{
	const char *start;

	if (json_peek(in) == JSON_IN_NONE)
		return false;
	start = in->at;
	if (!skip_value(in))
		return false;
	value_done(in);
	*ret = slice_of(start, (size_t)(in->at - start));
	return true;
}

void json_skip(struct json_in *in)
{
	struct slice ignored;

	json_get_raw(in, &ignored);
}

/* ---- writer ---- */

void json_out_init(struct json_out *out, struct buf *buf)
{
	*out = (struct json_out){ .buf = buf };
}

static inline void before_value(struct json_out *out)
{
	if (out->need_comma)
		buf_addch(out->buf, ',');
	out->need_comma = true;
}

static void open_container(struct json_out *out, char c)
{
	before_value(out);
	buf_addch(out->buf, c);
	out->need_comma = false;
	out->depth++;
}

static void close_container(struct json_out *out, char c)
{
	assert(out->depth > 0);
	buf_addch(out->buf, c);
	out->need_comma = true;
	out->depth--;
}

void json_out_object(struct json_out *out)
{
	open_container(out, '{');
}

void json_out_object_end(struct json_out *out)
{
	close_container(out, '}');
}

void json_out_array(struct json_out *out)
{
	open_container(out, '[');
}

void json_out_array_end(struct json_out *out)
{
	close_container(out, ']');
}

/* A byte that json_quote can't take over: escaped, or replaced if it is no UTF-8. */
static void quote_special(struct buf *buf, unsigned char c)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *found = c ? strchr(plain, c) : NULL;

	if (c >= 0x80) {
		buf_add(buf, "\xef\xbf\xbd", 3); /* U+FFFD */
	} else if (found) {
		buf_addch(buf, '\\');
		buf_addch(buf, letters[found - plain]);
	} else {
		buf_addf(buf, "\\u%04x", c);
	}
}

void json_quote(struct buf *buf, const char *s, size_t len)
{
	const char *at = s, *end = s + len;

	buf_addch(buf, '"');
	while (at < end) {
		const char *stop = scan_utf8(at, end);

		buf_add(buf, at, (size_t)(stop - at));
		at = stop;
		if (at < end)
			quote_special(buf, (unsigned char)*at++);
	}
	buf_addch(buf, '"');
}

void json_out_key(struct json_out *out, const char *key)
{
	before_value(out);
	json_quote(out->buf, key, strlen(key));
	buf_addch(out->buf, ':');
	out->need_comma = false;
}

void json_out_slice(struct json_out *out, struct slice s)
{
	before_value(out);
	json_quote(out->buf, s.len ? s.data : "", s.len);
}

void json_out_text(struct json_out *out, const char *s)
{
	if (s)
		json_out_slice(out, slice_str(s));
	else
		json_out_null(out);
}

void json_out_int(struct json_out *out, int64_t value)
{
	before_value(out);
	buf_addf(out->buf, "%lld", (long long)value);
}

void json_out_double(struct json_out *out, double value)
{
	locale_t before;
	char text[32];
	int precision;

	if (!isfinite(value)) { /* JSON has no word for it */
		json_out_null(out);
		return;
	}
	/* A small whole number, as levels are: the same text without trying. */
	if (value > 0 && value < 10 && value == (int)value) {
		before_value(out);
		buf_addch(out->buf, (char)('0' + (int)value));
		return;
	}
	before = uselocale(c_locale_get());
	for (precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			break;
	}
	uselocale(before);
	before_value(out);
	buf_addstr(out->buf, text);
}

void json_out_bool(struct json_out *out, bool value)
{
	before_value(out);
	buf_addstr(out->buf, value ? "true" : "false");
}

void json_out_null(struct json_out *out)
{
	before_value(out);
	buf_add(out->buf, "null", 4);
}

void json_out_raw(struct json_out *out, struct slice json)
{
	before_value(out);
	buf_add(out->buf, json.data, json.len);
}

void json_out_member(struct json_out *out, const char *key, const char *value)
{
	json_out_key(out, key);
	json_out_text(out, value);
}

void json_out_member_int(struct json_out *out, const char *key, int64_t value)
{
	json_out_key(out, key);
	json_out_int(out, value);
}
