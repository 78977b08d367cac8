#include "mappings/cel_impl.h"

#include <math.h>

#include "scim/base/banned.h"

/* The math extension, and the functions of optionals. */

static bool extreme(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *args,
		    unsigned argc, int sign, struct cel_value *out)
{
	const struct cel_list *list = args[0].type == CEL_LIST ? args[0].as.list : NULL;
	size_t count = list ? list->count : argc;
	int cmp;

	if ((list && argc > 1) || count == 0)
		return cel_failf(c, n, "no such overload: %s() of %s", n->fn->name,
				 list && argc > 1 ? "a list and more" : "an empty list");
	for (size_t i = 0; i < count; i++) {
		struct cel_value v = list ? cel_list_at(list, i) : args[i];

		if (!(T_(v.type) & TNUM))
			return cel_no_overload(c, n, n->fn->name, &v, 1);
		if (i == 0 || (cel_compare(&v, out, &cmp) && cmp == sign))
			*out = v;
	}
	return true;
}

CEL_FN(greatest)
{
	return extreme(c, n, args, argc, 1, out);
}

CEL_FN(least)
{
	return extreme(c, n, args, argc, -1, out);
}

CEL_FN(abs)
{
	CEL_FN_UNUSED();
	*out = args[0];
	if (args[0].type == CEL_DOUBLE)
		out->as.d = fabs(args[0].as.d);
	if (args[0].type == CEL_INT && args[0].as.i < 0) {
		if (args[0].as.i == INT64_MIN)
			return cel_fail(c, n, "integer overflow");
		out->as.i = -args[0].as.i;
	}
	return true;
}

CEL_FN(sign)
{
	CEL_FN_UNUSED();
	*out = args[0];
	if (args[0].type == CEL_DOUBLE) {
		if (!isnan(args[0].as.d))
			out->as.d = (args[0].as.d > 0) - (args[0].as.d < 0);
	} else if (args[0].type == CEL_UINT) {
		out->as.u = args[0].as.u > 0;
	} else {
		out->as.i = (args[0].as.i > 0) - (args[0].as.i < 0);
	}
	return true;
}

#define MATH_DOUBLE(id, make, expression)                                                 \
	CEL_FN(id)                                                                        \
	{                                                                                 \
		double d = args[0].as.d;                                                  \
                                                                                          \
		CEL_FN_UNUSED();                                                               \
		*out = make(expression);                                                  \
		return true;                                                              \
	}

MATH_DOUBLE(ceil, cel_double, ceil(d))
MATH_DOUBLE(floor, cel_double, floor(d))
MATH_DOUBLE(round, cel_double, round(d))
MATH_DOUBLE(trunc, cel_double, trunc(d))
MATH_DOUBLE(is_nan, cel_bool, isnan(d) != 0)
MATH_DOUBLE(is_inf, cel_bool, isinf(d) != 0)
MATH_DOUBLE(is_finite, cel_bool, isfinite(d) != 0)

CEL_FN(sqrt)
{
	CEL_FN_UNUSED();
	*out = cel_double(sqrt(args[0].type == CEL_INT	? (double)args[0].as.i
			       : args[0].type == CEL_UINT ? (double)args[0].as.u
							  : args[0].as.d));
	return true;
}

/* int and uint share their bits; the type of both must be one. */
#define BIT_OP(id, op)                                                                    \
	CEL_FN(id)                                                                        \
	{                                                                                 \
		if (args[0].type != args[1].type)                                         \
			return cel_no_overload(c, n, n->fn->name, args, argc);            \
		*out = args[0];                                                           \
		out->as.u = args[0].as.u op args[1].as.u;                                 \
		return true;                                                              \
	}

BIT_OP(bit_and, &)
BIT_OP(bit_or, |)
BIT_OP(bit_xor, ^)

CEL_FN(bit_not)
{
	CEL_FN_UNUSED();
	*out = args[0];
	out->as.u = ~args[0].as.u;
	return true;
}

static bool shift(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *args,
		  bool left, struct cel_value *out)
{
	int64_t by = args[1].as.i;

	if (by < 0)
		return cel_failf(c, n, "%s() negative offset: %lld", n->fn->name, (long long)by);
	*out = args[0];
	out->as.u = by > 63 ? 0 : left ? args[0].as.u << by : args[0].as.u >> by;
	return true;
}

CEL_FN(bit_left)
{
	CEL_FN_UNUSED();
	return shift(c, n, args, true, out);
}

CEL_FN(bit_right)
{
	CEL_FN_UNUSED();
	return shift(c, n, args, false, out);
}

/* ---- optionals ---- */

CEL_FN(opt_of)
{
	struct cel_value *copy = cel_alloc(c, n, sizeof(*copy));

	CEL_FN_UNUSED();
	if (!copy)
		return false;
	*copy = args[0];
	*out = (struct cel_value){ .type = CEL_OPTIONAL, .as.opt = copy };
	return true;
}

CEL_FN(opt_none)
{
	CEL_FN_UNUSED();
	(void)args;
	*out = (struct cel_value){ .type = CEL_OPTIONAL };
	return true;
}

static bool is_zero(const struct cel_value *v)
{
	switch (v->type) {
	case CEL_NULL:
		return true;
	case CEL_BOOL:
		return !v->as.b;
	case CEL_INT:
	case CEL_UINT:
		return v->as.u == 0;
	case CEL_DOUBLE:
		return v->as.d == 0;
	case CEL_STRING:
	case CEL_BYTES:
		return v->as.s.len == 0;
	case CEL_LIST:
		return v->as.list->count == 0;
	case CEL_MAP:
		return v->as.map->count == 0;
	case CEL_TIMESTAMP:
	case CEL_DURATION:
		return v->as.i == 0 && v->nanos == 0;
	case CEL_OPTIONAL:
		return v->as.opt == NULL;
	default:
		return false;
	}
}

CEL_FN(opt_of_non_zero)
{
	if (is_zero(&args[0])) {
		*out = (struct cel_value){ .type = CEL_OPTIONAL };
		return true;
	}
	return cel_fn_opt_of(c, n, args, argc, out);
}

CEL_FN(opt_has_value)
{
	CEL_FN_UNUSED();
	*out = cel_bool(args[0].as.opt != NULL);
	return true;
}

CEL_FN(opt_value)
{
	CEL_FN_UNUSED();
	if (!args[0].as.opt)
		return cel_fail(c, n, "optional.none() dereference");
	*out = *args[0].as.opt;
	return true;
}
