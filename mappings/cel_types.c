#include "mappings/cel_impl.h"

#include <stdarg.h>
#include <stdio.h>

#include "scim/base/banned.h"

/*
 * Types of operators. They are gradual: a node knows the set of types that it may have, and
 * only what can never work is an error.
 */

const char *cel_types_text(uint32_t types, char *out, size_t size)
{
	size_t len = 0;

	if (types == TANY)
		return "dyn";
	*out = '\0';
	for (unsigned t = 0; t < CEL_TYPE_COUNT && len < size; t++)
		if (types & T_(t))
			len += (size_t)snprintf(out + len, size - len, "%s%s", len ? "|" : "",
						cel_type_name((enum cel_type)t));
	return out;
}

static bool wrong(struct cel_types_error *error, const struct cel_node *where, const char *fmt,
		  ...) __attribute__((format(printf, 3, 4)));
static bool wrong(struct cel_types_error *error, const struct cel_node *where, const char *fmt,
		  ...)
{
	va_list args;

	error->where = where;
	va_start(args, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, args);
	va_end(args);
	return false;
}

static const struct overload {
	unsigned char op;
	uint32_t left, right, result;
} overloads[] = {
	{ N_ADD, TI, TI, TI }, { N_ADD, TU, TU, TU }, { N_ADD, TD, TD, TD },
	{ N_ADD, TS, TS, TS }, { N_ADD, TY, TY, TY }, { N_ADD, TL, TL, TL },
	{ N_ADD, TT, TG, TT }, { N_ADD, TG, TT, TT }, { N_ADD, TG, TG, TG },
	{ N_SUB, TI, TI, TI }, { N_SUB, TU, TU, TU }, { N_SUB, TD, TD, TD },
	{ N_SUB, TT, TT, TG }, { N_SUB, TT, TG, TT }, { N_SUB, TG, TG, TG },
	{ N_MUL, TI, TI, TI }, { N_MUL, TU, TU, TU }, { N_MUL, TD, TD, TD },
	{ N_DIV, TI, TI, TI }, { N_DIV, TU, TU, TU }, { N_DIV, TD, TD, TD },
	{ N_MOD, TI, TI, TI }, { N_MOD, TU, TU, TU },
};

static uint32_t operator_types(unsigned op, uint32_t left, uint32_t right)
{
	uint32_t types = 0;

	for (size_t i = 0; i < sizeof(overloads) / sizeof(*overloads); i++)
		if (overloads[i].op == op && overloads[i].left & left &&
		    overloads[i].right & right)
			types |= overloads[i].result;
	return types;
}

static bool check_arithmetic(struct cel_node *n, const char *name,
			     struct cel_types_error *error)
{
	uint32_t types = n->kids[0]->types;
	char left[80], right[80];

	for (uint32_t i = 1; i < n->count; i++) {
		uint32_t result = operator_types(n->op, types, n->kids[i]->types);

		if (!result) {
			n->types = TANY;
			return wrong(error, n, "no such overload: %s %s %s%s",
				     cel_types_text(types, left, sizeof(left)), name,
				     cel_types_text(n->kids[i]->types, right, sizeof(right)),
				     n->op == N_ADD && (types | n->kids[i]->types) & TS
					     ? "; string(x) makes text of a value"
					     : "");
		}
		types = result;
	}
	n->types = types;
	return true;
}

#define TORDERED (TB | TNUM | TS | TY | TT | TG)

static bool check_relation(struct cel_node *n, struct cel_types_error *error)
{
	uint32_t left = n->kids[0]->types, right = n->kids[1]->types;
	bool order = n->op != N_EQ && n->op != N_NE;
	char one[80], two[80];

	n->types = TB;
	if (left & TNUM)
		left |= TNUM;
	if (right & TNUM)
		right |= TNUM;
	if (left & right && (!order || left & right & TORDERED))
		return true;
	/* null may be compared with all: absent things are null in some maps. */
	if (!order && (left | right) & TNULL)
		return true;
	return wrong(error, n, order ? "no such overload: %s and %s have no order"
				     : "no such overload: %s and %s are never equal",
		     cel_types_text(n->kids[0]->types, one, sizeof(one)),
		     cel_types_text(n->kids[1]->types, two, sizeof(two)));
}

static bool check_bools(const struct cel_node *n, uint32_t count,
			struct cel_types_error *error)
{
	char text[80];

	for (uint32_t i = 0; i < count; i++)
		if (!(n->kids[i]->types & TB))
			return wrong(error, n->kids[i],
				     "no such overload: a condition must be true or false, "
				     "this is a %s",
				     cel_types_text(n->kids[i]->types, text, sizeof(text)));
	return true;
}

bool cel_types_operator(struct cel_node *n, struct cel_types_error *ret_error)
{
	static const char *const names[] = { [N_ADD] = "+", [N_SUB] = "-", [N_MUL] = "*",
					     [N_DIV] = "/", [N_MOD] = "%" };
	char text[80];

	switch (n->op) {
	case N_LIST:
		n->types = TL;
		return true;
	case N_MAP:
		n->types = TM;
		return true;
	case N_AND:
	case N_OR:
	case N_NOT:
		n->types = TB;
		return check_bools(n, n->count, ret_error);
	case N_COND:
		n->types = n->kids[1]->types | n->kids[2]->types;
		return check_bools(n, 1, ret_error);
	case N_NEG:
		n->types = n->kids[0]->types & (TI | TD);
		if (n->types)
			return true;
		n->types = TANY;
		return wrong(ret_error, n, "no such overload: -_(%s)",
			     cel_types_text(n->kids[0]->types, text, sizeof(text)));
	case N_EQ:
	case N_NE:
	case N_LT:
	case N_LE:
	case N_GT:
	case N_GE:
		return check_relation(n, ret_error);
	default:
		return check_arithmetic(n, names[n->op], ret_error);
	}
}
