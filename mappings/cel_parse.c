#include "mappings/cel_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "scim/base/banned.h"

/*
 * Recursive descent over the grammar of the language definition ("Syntax"). Names are not
 * looked up here; macros are calls until they are bound.
 */
struct parser {
	struct arena *mem;
	struct cel_lex lex;
	unsigned depth;
	size_t done; /* end of the last token that was taken */
	VEC(struct cel_node *) stack; /* kids of lists that are still being read */
};

static struct cel_node *parse_expr(struct parser *p);

static bool is(const struct parser *p, char c)
{
	return p->lex.tok == TOK_CHAR + (unsigned)c;
}

static struct slice tok_text(const struct parser *p)
{
	return slice_of(p->lex.text.data + p->lex.start, p->lex.at - p->lex.start);
}

static bool next(struct parser *p)
{
	p->done = p->lex.at;
	return cel_lex_next(&p->lex) == 0;
}

static struct cel_node *unexpected(struct parser *p, const char *wanted)
{
	char shown[48];
	struct slice tok = tok_text(p);

	if (p->lex.failed)
		return NULL;
	if (p->lex.tok == TOK_END) {
		cel_lex_error(&p->lex, p->lex.text.len, "%s is missing at the end", wanted);
		return NULL;
	}
	text_visible(tok.data, tok.len, shown, sizeof(shown));
	cel_lex_error(&p->lex, p->lex.start, "\"%s\" stands where %s belongs", shown, wanted);
	return NULL;
}

static bool expect(struct parser *p, char c, const char *wanted)
{
	if (is(p, c))
		return next(p);
	unexpected(p, wanted);
	return false;
}

static struct cel_node *new_node(struct parser *p, enum cel_op op, size_t offset, size_t count)
{
	struct cel_node *n = arena_alloc(p->mem, sizeof(*n));

	n->op = (unsigned char)op;
	n->count = (uint32_t)count;
	n->types = TANY;
	n->depth = 1;
	n->column = (uint32_t)offset; /* becomes line and column at the end */
	n->start = (uint32_t)offset;
	n->end = (uint32_t)p->lex.at; /* of one token; finish() tells more */
	n->kids = count ? arena_array(p->mem, count, sizeof(*n->kids)) : NULL;
	return n;
}

/* Its depth and extent follow from its kids, which are all there. */
static struct cel_node *finish(struct parser *p, struct cel_node *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (n->kids[i]->depth >= n->depth)
			n->depth = n->kids[i]->depth + 1;
	if (n->count && n->kids[0]->start < n->start)
		n->start = n->kids[0]->start;
	n->end = (uint32_t)p->done;
	if (n->depth > CEL_DEPTH_MAX) {
		cel_lex_error(&p->lex, n->column, "the expression is nested more than %d deep",
			      CEL_DEPTH_MAX);
		return NULL;
	}
	return n;
}

static struct cel_node *unary_node(struct parser *p, enum cel_op op, size_t at,
				   struct cel_node *a)
{
	struct cel_node *n;

	if (!a)
		return NULL;
	n = new_node(p, op, at, 1);
	n->kids[0] = a;
	return finish(p, n);
}

static struct cel_node *binary_node(struct parser *p, enum cel_op op, size_t at,
				    struct cel_node *a, struct cel_node *b)
{
	struct cel_node *n;

	if (!a || !b)
		return NULL;
	n = new_node(p, op, at, 2);
	n->kids[0] = a;
	n->kids[1] = b;
	return finish(p, n);
}

static struct cel_node *from_stack(struct parser *p, enum cel_op op, size_t at, size_t base)
{
	struct cel_node *n = new_node(p, op, at, p->stack.count - base);

	if (n->count)
		memcpy(n->kids, p->stack.items + base, n->count * sizeof(*n->kids));
	p->stack.count = base;
	return finish(p, n);
}

/* expr, expr, ... up to `close`, onto the stack. */
static bool parse_args(struct parser *p, char close, bool optional_elements)
{
	while (!is(p, close)) {
		bool opt = optional_elements && is(p, '?');
		struct cel_node *e;

		if (opt && !next(p))
			return false;
		e = parse_expr(p);
		if (!e)
			return false;
		if (opt)
			e->flags |= NF_OPT_ELEM;
		vec_push(&p->stack, e);
		if (!is(p, ','))
			break;
		if (!next(p))
			return false;
		if (is(p, close) && !optional_elements) {
			unexpected(p, "an argument");
			return false;
		}
	}
	return expect(p, close, close == ')' ? "\",\" or \")\"" : "\",\" or \"]\"");
}

static struct cel_node *parse_map(struct parser *p)
{
	size_t at = p->lex.start, base = p->stack.count;

	if (!next(p))
		return NULL;
	while (!is(p, '}')) {
		bool opt = is(p, '?');
		struct cel_node *e;

		if (opt && !next(p))
			return NULL;
		e = parse_expr(p);
		if (!e)
			return NULL;
		if (opt)
			e->flags |= NF_OPT_ELEM;
		vec_push(&p->stack, e);
		if (!expect(p, ':', "\":\" after a key"))
			return NULL;
		e = parse_expr(p);
		if (!e)
			return NULL;
		vec_push(&p->stack, e);
		if (!is(p, ','))
			break;
		if (!next(p))
			return NULL;
	}
	if (!expect(p, '}', "\",\" or \"}\""))
		return NULL;
	return from_stack(p, N_MAP, at, base);
}

static struct cel_node *parse_list(struct parser *p)
{
	size_t at = p->lex.start, base = p->stack.count;

	if (!next(p) || !parse_args(p, ']', true))
		return NULL;
	return from_stack(p, N_LIST, at, base);
}

static bool parse_uint(struct slice s, uint64_t *ret)
{
	uint64_t value = 0, base = 10;
	size_t i = 0;

	if (s.len > 2 && s.data[0] == '0' && (s.data[1] | 32) == 'x') {
		base = 16;
		i = 2;
	}
	for (; i < s.len; i++) {
		int c = s.data[i];
		uint64_t d = c <= '9' ? (uint64_t)(c - '0') : (uint64_t)((c | 32) - 'a' + 10);

		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, d, &value))
			return false;
	}
	*ret = value;
	return true;
}

static struct cel_node *parse_number(struct parser *p, size_t at, bool negative)
{
	struct cel_node *n = new_node(p, N_CONST, at, 0);
	struct slice s = tok_text(p);
	unsigned tok = p->lex.tok;
	uint64_t u = 0;

	if (tok == TOK_DOUBLE) {
		/* The token is only digits, dot and exponent: strtod reads all of it. */
		char *text = arena_strndup(p->mem, s.data, s.len);
		double d = strtod(text, NULL);

		n->value = cel_double(negative ? -d : d);
		return next(p) ? n : NULL;
	}
	if (tok == TOK_UINT)
		s.len--;
	if (!parse_uint(s, &u) ||
	    (tok == TOK_INT && u > (uint64_t)INT64_MAX + (negative ? 1 : 0))) {
		cel_lex_error(&p->lex, at, "%.*s is out of the range of %s",
			      (int)(s.len > 40 ? 40 : s.len), s.data,
			      tok == TOK_UINT ? "uint" : "int");
		return NULL;
	}
	if (tok == TOK_UINT)
		n->value = cel_uint(u);
	else
		n->value = cel_int(negative ? (int64_t)(0 - u) : (int64_t)u);
	return next(p) ? n : NULL;
}

static struct cel_node *parse_text(struct parser *p)
{
	struct cel_node *n = new_node(p, N_CONST, p->lex.start, 0);
	struct slice s;

	if (cel_lex_string(&p->lex, p->mem, &s) < 0)
		return NULL;
	n->value = p->lex.tok == TOK_STRING ? cel_string(s) : cel_bytes(s);
	return next(p) ? n : NULL;
}

static struct cel_node *parse_ident(struct parser *p, size_t at, bool root)
{
	struct slice name = tok_text(p);
	struct cel_node *n;

	if (cel_is_keyword(name)) {
		if (root || slice_eq_str(name, "in"))
			return unexpected(p, "a value");
		n = new_node(p, N_CONST, at, 0);
		if (!slice_eq_str(name, "null"))
			n->value = cel_bool(slice_eq_str(name, "true"));
		return next(p) ? n : NULL;
	}
	if (cel_is_reserved(name)) {
		cel_lex_error(&p->lex, p->lex.start, "\"%.*s\" is a reserved word",
			      SLICE_FMT(name));
		return NULL;
	}
	if (!next(p))
		return NULL;
	if (is(p, '(')) {
		size_t base = p->stack.count;

		if (!next(p) || !parse_args(p, ')', false))
			return NULL;
		n = from_stack(p, N_CALL, at, base);
	} else {
		n = finish(p, new_node(p, N_IDENT, at, 0));
	}
	if (n) {
		n->text = name;
		n->flags |= root ? NF_ROOT : 0;
	}
	return n;
}

static struct cel_node *parse_primary(struct parser *p)
{
	size_t at = p->lex.start;
	struct cel_node *n;

	switch (p->lex.tok) {
	case TOK_INT:
	case TOK_UINT:
	case TOK_DOUBLE:
		return parse_number(p, at, false);
	case TOK_STRING:
	case TOK_BYTES:
		return parse_text(p);
	case TOK_IDENT:
		return parse_ident(p, at, false);
	case TOK_CHAR + '.':
		if (!next(p))
			return NULL;
		if (p->lex.tok != TOK_IDENT)
			return unexpected(p, "a name after \".\"");
		return parse_ident(p, at, true);
	case TOK_CHAR + '(':
		if (!next(p))
			return NULL;
		n = parse_expr(p);
		if (!n || !expect(p, ')', "\")\""))
			return NULL;
		n->flags |= NF_PARENS;
		n->start = (uint32_t)at;
		n->end = (uint32_t)p->done;
		return n;
	case TOK_CHAR + '[':
		return parse_list(p);
	case TOK_CHAR + '{':
		return parse_map(p);
	default:
		return unexpected(p, "a value");
	}
}

/* .name  .name(args)  .?name  .`na-me` */
static struct cel_node *parse_dot(struct parser *p, struct cel_node *operand)
{
	size_t base = p->stack.count, at;
	bool opt, quoted;
	struct slice name;
	struct cel_node *n;

	if (!next(p))
		return NULL;
	opt = is(p, '?');
	if (opt && !next(p))
		return NULL;
	at = p->lex.start;
	name = tok_text(p);
	quoted = p->lex.tok == TOK_QUOTED;
	if (quoted)
		name = slice_of(name.data + 1, name.len - 2);
	else if (p->lex.tok != TOK_IDENT || cel_is_keyword(name))
		return unexpected(p, "a field name");
	if (!next(p))
		return NULL;
	if (is(p, '(') && !opt && !quoted) {
		vec_push(&p->stack, operand);
		if (!next(p) || !parse_args(p, ')', false))
			return NULL;
		n = from_stack(p, N_CALL, at, base);
		if (n)
			n->flags |= NF_MEMBER;
	} else {
		n = unary_node(p, N_SELECT, at, operand);
		if (n)
			n->flags |= (opt ? NF_OPT : 0) | (quoted ? NF_QUOTED : 0);
	}
	if (n)
		n->text = name;
	return n;
}

static struct cel_node *parse_subscript(struct parser *p, struct cel_node *operand)
{
	size_t at = p->lex.start;
	struct cel_node *key, *n;
	bool opt;

	if (!next(p))
		return NULL;
	opt = is(p, '?');
	if (opt && !next(p))
		return NULL;
	key = parse_expr(p);
	if (!key || !expect(p, ']', "\"]\""))
		return NULL;
	n = binary_node(p, N_INDEX, at, operand, key);
	if (n && opt)
		n->flags |= NF_OPT;
	return n;
}

/* Is this node a name or a chain of names, as the type of a message literal would be? */
static bool is_name(const struct cel_node *n)
{
	while (n->op == N_SELECT)
		n = n->kids[0];
	return n->op == N_IDENT;
}

static struct cel_node *parse_member(struct parser *p, struct cel_node *n)
{
	while (n) {
		if (is(p, '.')) {
			n = parse_dot(p, n);
		} else if (is(p, '[')) {
			n = parse_subscript(p, n);
		} else if (is(p, '{') && is_name(n)) {
			cel_lex_error(&p->lex, p->lex.start,
				      "messages (\"name{...}\") are not part of this language; "
				      "a map is written {\"key\": value}");
			return NULL;
		} else {
			return n;
		}
	}
	return NULL;
}

static struct cel_node *parse_unary(struct parser *p)
{
	size_t at = p->lex.start, ops = 0;
	char op = is(p, '!') ? '!' : '-';
	struct cel_node *n;

	for (; is(p, op); ops++)
		if (!next(p))
			return NULL;
	/* "-" and digits are one literal, so that the least int can be written. */
	if (op == '-' && ops > 0 &&
	    (p->lex.tok == TOK_INT || p->lex.tok == TOK_DOUBLE)) {
		n = parse_member(p, parse_number(p, at + ops - 1, true));
		ops--;
	} else if (ops > 0 && (is(p, '!') || is(p, '-'))) {
		return unexpected(p, "a value");
	} else {
		n = parse_member(p, parse_primary(p));
	}
	while (n && ops-- > 0)
		n = unary_node(p, op == '!' ? N_NOT : N_NEG, at, n);
	return n;
}

static struct cel_node *parse_product(struct parser *p)
{
	struct cel_node *n = parse_unary(p);

	while (n && (is(p, '*') || is(p, '/') || is(p, '%'))) {
		enum cel_op op = is(p, '*') ? N_MUL : is(p, '/') ? N_DIV : N_MOD;
		size_t at = p->lex.start;

		n = next(p) ? binary_node(p, op, at, n, parse_unary(p)) : NULL;
	}
	return n;
}

/* a + b + c is one node, so that a long chain is not deep and joins its texts at once. */
static struct cel_node *parse_sum(struct parser *p)
{
	struct cel_node *n = parse_product(p);

	while (n && (is(p, '+') || is(p, '-'))) {
		size_t at = p->lex.start, base = p->stack.count;
		struct cel_node *right;

		if (is(p, '-')) {
			n = next(p) ? binary_node(p, N_SUB, at, n, parse_product(p)) : NULL;
			continue;
		}
		vec_push(&p->stack, n);
		while (is(p, '+')) {
			if (!next(p) || !(right = parse_product(p)))
				return NULL;
			vec_push(&p->stack, right);
		}
		n = from_stack(p, N_ADD, at, base);
	}
	return n;
}

static int relation(const struct parser *p)
{
	switch (p->lex.tok) {
	case TOK_EQ:
		return N_EQ;
	case TOK_NE:
		return N_NE;
	case TOK_LE:
		return N_LE;
	case TOK_GE:
		return N_GE;
	case TOK_CHAR + '<':
		return N_LT;
	case TOK_CHAR + '>':
		return N_GT;
	case TOK_IDENT:
		return slice_eq_str(tok_text(p), "in") ? N_IN : -1;
	default:
		return -1;
	}
}

static struct cel_node *parse_relation(struct parser *p)
{
	struct cel_node *n = parse_sum(p);
	int op;

	while (n && (op = relation(p)) >= 0) {
		size_t at = p->lex.start;

		n = next(p) ? binary_node(p, (enum cel_op)op, at, n, parse_sum(p)) : NULL;
	}
	return n;
}

static struct cel_node *parse_chain(struct parser *p, unsigned tok, enum cel_op op,
				    struct cel_node *(*parse)(struct parser *))
{
	size_t base = p->stack.count, at;
	struct cel_node *n = parse(p);

	if (!n || p->lex.tok != tok)
		return n;
	at = p->lex.start;
	vec_push(&p->stack, n);
	while (p->lex.tok == tok) {
		if (!next(p) || !(n = parse(p)))
			return NULL;
		vec_push(&p->stack, n);
	}
	return from_stack(p, op, at, base);
}

static struct cel_node *parse_and(struct parser *p)
{
	return parse_chain(p, TOK_AND, N_AND, parse_relation);
}

static struct cel_node *parse_or(struct parser *p)
{
	return parse_chain(p, TOK_OR, N_OR, parse_and);
}

static struct cel_node *parse_conditional(struct parser *p)
{
	struct cel_node *cond = parse_or(p), *then, *other, *n;
	size_t at = p->lex.start;

	if (!cond || !is(p, '?'))
		return cond;
	if (!next(p) || !(then = parse_or(p)) || !expect(p, ':', "\":\" of \"? :\""))
		return NULL;
	other = parse_expr(p);
	if (!other)
		return NULL;
	n = new_node(p, N_COND, at, 3);
	n->kids[0] = cond;
	n->kids[1] = then;
	n->kids[2] = other;
	return finish(p, n);
}

static struct cel_node *parse_expr(struct parser *p)
{
	struct cel_node *n;

	if (p->depth == CEL_DEPTH_MAX) {
		cel_lex_error(&p->lex, p->lex.start, "the expression is nested more than %d deep",
			      CEL_DEPTH_MAX);
		return NULL;
	}
	p->depth++;
	n = parse_conditional(p);
	p->depth--;
	return n;
}

/*
 * Offsets to lines and columns: one table of line starts, then a search for each node.
 */
struct places {
	struct cel_place first;
	VEC(size_t) starts;
};

static void place_nodes(const struct places *places, struct cel_node *n)
{
	size_t low = 0, high = places->starts.count;
	unsigned line = places->first.line ? places->first.line : 1;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		if (places->starts.items[mid] <= n->column)
			low = mid;
		else
			high = mid;
	}
	n->column -= (uint32_t)places->starts.items[low];
	n->column += low == 0 && places->first.column ? places->first.column : 1;
	n->line = line + (uint32_t)low;
	for (uint32_t i = 0; i < n->count; i++)
		place_nodes(places, n->kids[i]);
}

static void place_all(struct parser *p, struct cel_node *root)
{
	struct places places = { .first = p->lex.place };

	vec_push(&places.starts, 0);
	for (size_t i = 0; i < p->lex.text.len; i++)
		if (p->lex.text.data[i] == '\n')
			vec_push(&places.starts, i + 1);
	place_nodes(&places, root);
	vec_release(&places.starts);
}

struct cel_node *cel_parse(struct arena *mem, struct slice text, struct cel_place place,
			   struct err *err)
{
	struct parser p = { .mem = mem };
	struct cel_node *root = NULL;

	cel_lex_open(&p.lex, text, place, err);
	if (text.len > CEL_BYTES_MAX)
		cel_lex_error(&p.lex, 0, "the expression is longer than %d bytes",
			      CEL_BYTES_MAX);
	else if (!utf8_valid(text.data, text.len))
		cel_lex_error(&p.lex, 0, "the expression is not UTF-8");
	else if (next(&p) && (root = parse_expr(&p)) && p.lex.tok != TOK_END)
		root = unexpected(&p, "an operator or the end");
	if (root)
		place_all(&p, root);
	vec_release(&p.stack);
	return root;
}
