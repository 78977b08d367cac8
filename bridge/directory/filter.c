#include "bridge/directory/filter.h"

#include <string.h>
#include <wctype.h>

#include "mappings/dn.h"

#include "scim/base/banned.h"

enum node_kind {
	NODE_AND,
	NODE_OR,
	NODE_NOT,
	NODE_EQUAL,
	NODE_PRESENT,
	NODE_SUBSTRING,
	NODE_GREATER,
	NODE_LESS,
	NODE_BITS_ALL, /* 1.2.840.113556.1.4.803 */
	NODE_BITS_ANY, /* 1.2.840.113556.1.4.804 */
	NODE_EXACT,
	NODE_RULE,     /* not evaluable here */
};

struct dir_filter {
	enum node_kind kind;
	struct slice attr;
	struct slice value;           /* folded where matching ignores case */
	struct slice dn;              /* the value as normalised DN, when it is one */
	const struct slice *pieces;   /* of a substring: the first and last may be empty */
	unsigned piece_count;
	const struct dir_filter *child, *next;
};

struct parser {
	struct arena *mem;
	const char *start, *at, *end;
	bool evaluable;
	unsigned depth;
	struct err *err;
};

static int bad(struct parser *p, const char *what)
{
	return err_at(p->err, ERR_INVALID, NULL, 0, (unsigned)(p->at - p->start) + 1,
		      "not an LDAP filter (RFC 4515): %s", what);
}

static void skip_space(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\t'))
		p->at++;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Text up to ')' or '*', escapes decoded. */
static int parse_text(struct parser *p, struct slice *ret)
{
	const char *stop = p->at;
	char *out;
	size_t len = 0;

	while (stop < p->end && *stop != ')' && *stop != '*' && *stop != '(')
		stop++;
	if (stop == p->end || *stop == '(') {
		p->at = stop;
		return bad(p, "\")\" is expected after a value; write ( ) * \\ as \\28 \\29 \\2a \\5c");
	}
	out = arena_bytes(p->mem, (size_t)(stop - p->at) + 1);
	while (p->at < stop) {
		if (*p->at != '\\') {
			out[len++] = *p->at++;
			continue;
		}
		if (stop - p->at < 3 || hex_digit(p->at[1]) < 0 || hex_digit(p->at[2]) < 0)
			return bad(p, "two hexadecimal digits are expected after \"\\\"");
		out[len++] = (char)(hex_digit(p->at[1]) * 16 + hex_digit(p->at[2]));
		p->at += 3;
	}
	out[len] = '\0';
	*ret = slice_of(out, len);
	return 0;
}

/*
 * Case folded, runs of spaces as one: caseIgnoreMatch (RFC 4517 section 4.2.11) as far as it
 * matters without a schema. Lower case may be a byte longer than upper case.
 */
static struct slice fold(struct arena *mem, struct slice value)
{
	char *out = arena_bytes(mem, value.len * 2 + 1);
	size_t len = 0;

	for (size_t i = 0; i < value.len;) {
		uint32_t cp;
		size_t n = utf8_decode(value.data + i, value.len - i, &cp);

		if (n == 0) {
			out[len++] = value.data[i++];
			continue;
		}
		i += n;
		if (cp == ' ' && len && out[len - 1] == ' ')
			continue;
		if (cp < 128)
			out[len++] = (char)(cp >= 'A' && cp <= 'Z' ? cp + 32 : cp);
		else
			len += utf8_encode((uint32_t)towlower((wint_t)cp), out + len);
	}
	return slice_of(out, len);
}

static struct slice trim(struct slice s)
{
	while (s.len && s.data[0] == ' ')
		s.data++, s.len--;
	while (s.len && s.data[s.len - 1] == ' ')
		s.len--;
	return s;
}

static int parse_value(struct parser *p, struct dir_filter *node)
{
	VEC(struct slice) pieces = { 0 };
	struct slice piece = { 0 };

	for (;;) {
		if (parse_text(p, &piece)) {
			vec_release(&pieces);
			return -1;
		}
		vec_push(&pieces, piece);
		if (*p->at != '*')
			break;
		p->at++;
	}
	if (pieces.count > 1 && node->kind != NODE_EQUAL) {
		vec_release(&pieces);
		return bad(p, "\"*\" has a meaning after \"=\" only; write \\2a");
	}
	node->value = pieces.items[0];
	if (pieces.count == 2 && !pieces.items[0].len && !pieces.items[1].len) {
		node->kind = NODE_PRESENT;
	} else if (pieces.count > 1) {
		struct slice *kept = arena_array(p->mem, pieces.count, sizeof(*kept));

		for (size_t i = 0; i < pieces.count; i++)
			kept[i] = fold(p->mem, pieces.items[i]);
		node->kind = NODE_SUBSTRING;
		node->pieces = kept;
		node->piece_count = (unsigned)pieces.count;
	}
	vec_release(&pieces);
	return 0;
}

static bool is_attr_char(char c)
{
	char lower = (char)(c | 32);

	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == ';' || c == '_';
}

static struct slice parse_attr(struct parser *p)
{
	const char *start = p->at;

	while (p->at < p->end && is_attr_char(*p->at))
		p->at++;
	return slice_of(start, (size_t)(p->at - start));
}

/* ":dn" and ":rule" of an extensible item; leaves `at` after ":=". */
static int parse_rule(struct parser *p, struct dir_filter *node)
{
	static const struct {
		const char *name;
		enum node_kind kind;
	} rules[] = {
		{ "1.2.840.113556.1.4.803", NODE_BITS_ALL },
		{ "1.2.840.113556.1.4.804", NODE_BITS_ANY },
		{ "caseExactMatch", NODE_EXACT },
		{ "2.5.13.5", NODE_EXACT },
		{ "caseIgnoreMatch", NODE_EQUAL },
		{ "2.5.13.2", NODE_EQUAL },
		{ "distinguishedNameMatch", NODE_EQUAL },
		{ "2.5.13.1", NODE_EQUAL },
	};
	struct slice rule = { 0 };
	const char *start;

	node->kind = NODE_EQUAL;
	while (p->at < p->end && *p->at == ':') {
		if (p->at + 1 < p->end && p->at[1] == '=') {
			p->at += 2;
			break;
		}
		start = ++p->at;
		rule = parse_attr(p);
		if (rule.len == 0)
			return bad(p, "a matching rule is expected after \":\"");
		node->kind = NODE_RULE;
		for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
			if (text_cmp_nocase(rule.data, rule.len, rules[i].name,
					    strlen(rules[i].name)) == 0)
				node->kind = rules[i].kind;
		}
		if (node->kind == NODE_RULE && p->evaluable) {
			p->at = start;
			return bad(p, "this matching rule is known to servers only, not for LDIF");
		}
	}
	if (node->attr.len == 0 && (p->evaluable || rule.len == 0))
		return bad(p, "an attribute is expected");
	return p->at[-1] == '=' ? 0 : bad(p, "\":=\" is expected");
}

static int parse_operator(struct parser *p, struct dir_filter *node)
{
	char c = p->at < p->end ? *p->at : '\0';

	if (c == ':')
		return parse_rule(p, node);
	if (node->attr.len == 0)
		return bad(p, "an attribute name is expected");
	node->kind = NODE_EQUAL;
	if (c == '>' || c == '<' || c == '~') {
		if (c != '~')
			node->kind = c == '>' ? NODE_GREATER : NODE_LESS;
		p->at++;
		c = p->at < p->end ? *p->at : '\0';
	}
	if (c != '=')
		return bad(p, "one of = >= <= ~= := is expected after an attribute");
	p->at++;
	return 0;
}

static bool parse_number(struct slice text, long long *ret)
{
	bool negative = text.len && text.data[0] == '-';
	unsigned long long n = 0;

	if (text.len == negative || text.len > 19u)
		return false;
	for (size_t i = negative; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		n = n * 10 + (unsigned long long)(text.data[i] - '0');
	}
	if (n > INT64_MAX)
		return false;
	*ret = negative ? -(long long)n : (long long)n;
	return true;
}

static int parse_item(struct parser *p, struct dir_filter *node)
{
	long long number;

	node->attr = parse_attr(p);
	if (parse_operator(p, node) || parse_value(p, node))
		return -1;
	if ((node->kind == NODE_BITS_ALL || node->kind == NODE_BITS_ANY) &&
	    !parse_number(node->value, &number))
		return bad(p, "a bit rule needs a number");
	if (node->kind == NODE_EQUAL || node->kind == NODE_GREATER || node->kind == NODE_LESS) {
		struct slice raw = node->value;

		if (!dn_looks_like(raw.data, raw.len) ||
		    dn_normalize(p->mem, raw.data, raw.len, &node->dn, NULL))
			node->dn = slice_of(NULL, 0);
		node->value = trim(fold(p->mem, raw));
	}
	return 0;
}

static int parse_filter(struct parser *p, const struct dir_filter **ret);

static int parse_children(struct parser *p, struct dir_filter *node)
{
	const struct dir_filter **tail = &node->child;
	struct dir_filter *child;
	const struct dir_filter *parsed = NULL;
	unsigned count = 0;

	skip_space(p);
	while (p->at < p->end && *p->at == '(') {
		if (parse_filter(p, &parsed))
			return -1;
		child = arena_alloc(p->mem, sizeof(*child));
		*child = *parsed;
		*tail = child;
		tail = &child->next;
		count++;
		skip_space(p);
	}
	if (node->kind == NODE_NOT && count != 1)
		return bad(p, "\"!\" takes one filter");
	return 0;
}

static int parse_filter(struct parser *p, const struct dir_filter **ret)
{
	struct dir_filter *node = arena_alloc(p->mem, sizeof(*node));
	char c;

	skip_space(p);
	if (p->at == p->end || *p->at != '(')
		return bad(p, "\"(\" is expected");
	if (p->depth == DIR_FILTER_DEPTH_MAX)
		return err_set(p->err, ERR_LIMIT, "a filter of more than %d levels",
			       DIR_FILTER_DEPTH_MAX);
	p->depth++;
	p->at++;
	skip_space(p);
	c = p->at < p->end ? *p->at : '\0';
	if (c == '&' || c == '|' || c == '!') {
		node->kind = c == '&' ? NODE_AND : c == '|' ? NODE_OR : NODE_NOT;
		p->at++;
		if (parse_children(p, node))
			return -1;
	} else if (parse_item(p, node)) {
		return -1;
	}
	if (p->at == p->end || *p->at != ')')
		return bad(p, "\")\" is expected");
	p->at++;
	p->depth--;
	*ret = node;
	return 0;
}

int dir_filter_parse(struct arena *mem, const char *text, size_t len, bool evaluable,
		     const struct dir_filter **ret_filter, struct err *err)
{
	struct parser p = { .mem = mem, .start = text, .at = text, .end = text + len,
			    .evaluable = evaluable, .err = err };
	const struct dir_filter *filter = NULL;

	if (len > DIR_FILTER_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "a filter of more than %d bytes",
			       DIR_FILTER_BYTES_MAX);
	if (parse_filter(&p, &filter))
		return -1;
	skip_space(&p);
	if (p.at != p.end)
		return bad(&p, "it goes on after its last \")\"");
	*ret_filter = filter;
	return 0;
}

static bool contains_in_order(struct slice value, const struct dir_filter *node)
{
	struct slice first = node->pieces[0], last = node->pieces[node->piece_count - 1];
	size_t at = first.len, end;

	if (value.len < first.len + last.len || memcmp(value.data, first.data, first.len) != 0)
		return false;
	end = value.len - last.len;
	if (last.len && memcmp(value.data + end, last.data, last.len) != 0)
		return false;
	for (unsigned i = 1; i + 1 < node->piece_count; i++) {
		struct slice piece = node->pieces[i];
		const char *found;

		if (piece.len == 0)
			continue;
		found = at < end ? memmem(value.data + at, end - at, piece.data, piece.len) : NULL;
		if (!found)
			return false;
		at = (size_t)(found - value.data) + piece.len;
	}
	return true;
}

static bool match_dn(struct arena *mem, const struct dir_filter *node, struct slice attr,
		     struct slice value)
{
	struct slice norm, part;

	if (node->dn.data)
		return memchr(value.data, '=', value.len) &&
		       dn_normalize(mem, value.data, value.len, &norm, NULL) == 0 &&
		       slice_eq(norm, node->dn);
	/* (objectCategory=person) means the class of that name (MS-ADTS 3.1.1.3.1.3.5). */
	return text_cmp_nocase(attr.data, attr.len, "objectCategory", 14) == 0 &&
	       dn_part(mem, value.data, value.len, "cn", &part, NULL) == 0 &&
	       slice_eq(fold(mem, part), node->value);
}

static bool match_value(struct arena *mem, const struct dir_filter *node, struct slice attr,
			struct slice value)
{
	long long mine, theirs;
	struct slice folded;
	int order;

	switch (node->kind) {
	case NODE_PRESENT:
		return true;
	case NODE_EXACT:
		return slice_eq(value, node->value);
	case NODE_BITS_ALL:
	case NODE_BITS_ANY:
		if (!parse_number(value, &mine) || !parse_number(node->value, &theirs))
			return false;
		return node->kind == NODE_BITS_ALL ? (mine & theirs) == theirs
						   : (mine & theirs) != 0;
	default:
		break;
	}
	if (node->kind == NODE_EQUAL && text_cmp_nocase(value.data, value.len, node->value.data,
							node->value.len) == 0)
		return true;
	folded = fold(mem, value);
	if (node->kind == NODE_SUBSTRING)
		return contains_in_order(folded, node);
	folded = trim(folded);
	if (node->kind == NODE_EQUAL)
		return slice_eq(folded, node->value) || match_dn(mem, node, attr, value);
	if (parse_number(folded, &mine) && parse_number(node->value, &theirs))
		order = (mine > theirs) - (mine < theirs);
	else
		order = slice_cmp(folded, node->value);
	return node->kind == NODE_GREATER ? order >= 0 : order <= 0;
}

/* A description without options means the tagged ones as well (RFC 4512 section 2.5.2). */
static bool names_attr(struct slice wanted, struct slice name)
{
	const char *semi;

	if (!memchr(wanted.data, ';', wanted.len)) {
		semi = memchr(name.data, ';', name.len);
		if (semi)
			name.len = (size_t)(semi - name.data);
	}
	return text_cmp_nocase(wanted.data, wanted.len, name.data, name.len) == 0;
}

static bool match_item(struct arena *mem, const struct dir_filter *node,
		       const struct ldif_entry *entry)
{
	for (unsigned i = 0; i < entry->attr_count; i++) {
		const struct ldif_attr *attr = &entry->attrs[i];

		if (!names_attr(node->attr, attr->name))
			continue;
		for (uint32_t v = 0; v < attr->count; v++) {
			if (match_value(mem, node, attr->name, attr->values[v]))
				return true;
		}
	}
	return false;
}

static bool match_node(struct arena *mem, const struct dir_filter *node,
		       const struct ldif_entry *entry)
{
	switch (node->kind) {
	case NODE_AND:
		for (const struct dir_filter *c = node->child; c; c = c->next) {
			if (!match_node(mem, c, entry))
				return false;
		}
		return true;
	case NODE_OR:
		for (const struct dir_filter *c = node->child; c; c = c->next) {
			if (match_node(mem, c, entry))
				return true;
		}
		return false;
	case NODE_NOT:
		return !match_node(mem, node->child, entry);
	case NODE_RULE:
		return false;
	default:
		return match_item(mem, node, entry);
	}
}

bool dir_filter_match(const struct dir_filter *filter, const struct ldif_entry *entry)
{
	struct arena mem = ARENA_INIT;
	bool match = match_node(&mem, filter, entry);

	arena_release(&mem);
	return match;
}

void dir_filter_escape(struct buf *out, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c == '(' || c == ')' || c == '*' || c == '\\' || c == '\0')
			buf_addf(out, "\\%02x", c);
		else
			buf_addch(out, (char)c);
	}
}
