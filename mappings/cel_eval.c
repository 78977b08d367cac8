#include "mappings/cel_impl.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "scim/base/banned.h"

/* ---- errors and memory ---- */

bool cel_fail(struct cel_ctx *c, const struct cel_node *n, const char *message)
{
	c->kind = ERR_EVAL;
	c->where = n;
	c->message = message;
	c->detail = slice_of(NULL, 0);
	return false;
}

bool cel_fail_limit(struct cel_ctx *c, const struct cel_node *n, const char *message)
{
	cel_fail(c, n, message);
	c->kind = ERR_LIMIT;
	return false;
}

bool cel_failf(struct cel_ctx *c, const struct cel_node *n, const char *fmt, ...)
{
	char text[sizeof(c->text)]; /* an argument may be the text of the last error */
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	memcpy(c->text, text, strlen(text) + 1);
	return cel_fail(c, n, c->text);
}

/* Absent attributes are everyday life: nothing is formatted until somebody asks. */
static bool fail_no_key(struct cel_ctx *c, const struct cel_node *n, struct slice key)
{
	c->kind = ERR_NO_KEY;
	c->where = n;
	c->message = "no such key";
	c->detail = key;
	return false;
}

bool cel_fail_key(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *key)
{
	char number[CEL_NUMBER_MAX];
	struct slice text = slice_of("", 0);

	if (T_(key->type) & (TS | TB | TNUM) && cel_scalar_text(key, number, &text) &&
	    text.data == number) {
		text.len = text.len < sizeof(c->text) ? text.len : sizeof(c->text);
		text.data = memcpy(c->text, number, text.len);
	}
	return fail_no_key(c, n, text);
}

bool cel_no_overload(struct cel_ctx *c, const struct cel_node *n, const char *name,
		     const struct cel_value *args, unsigned argc)
{
	char types[160] = "";
	size_t len = 0;

	for (unsigned i = 0; i < argc && len < sizeof(types); i++)
		len += (size_t)snprintf(types + len, sizeof(types) - len, "%s%s", i ? ", " : "",
					cel_type_name(args[i].type));
	return cel_failf(c, n, "no such overload: %s(%s)", name, types);
}

static bool over_memory(struct cel_ctx *c, const struct cel_node *n, size_t size)
{
	size_t used = c->mem->used_bytes - c->mem_start;

	if (size <= c->mem_max && used <= c->mem_max - size)
		return false;
	cel_fail_limit(c, n, "the expression needs more memory than one evaluation may take");
	return true;
}

void *cel_alloc(struct cel_ctx *c, const struct cel_node *n, size_t size)
{
	return over_memory(c, n, size) ? NULL : arena_alloc(c->mem, size);
}

void *cel_alloc_array(struct cel_ctx *c, const struct cel_node *n, size_t count, size_t size)
{
	if (count > SIZE_MAX / 2 / size || over_memory(c, n, count * size))
		return NULL;
	if (!cel_charge(c, n, count))
		return NULL;
	return arena_array(c->mem, count, size);
}

char *cel_alloc_bytes(struct cel_ctx *c, const struct cel_node *n, size_t size)
{
	if (over_memory(c, n, size) || !cel_charge(c, n, size))
		return NULL;
	return arena_bytes(c->mem, size + 1);
}

bool cel_charge(struct cel_ctx *c, const struct cel_node *n, size_t bytes)
{
	c->steps += bytes / 64;
	if (c->steps <= CEL_STEPS_MAX)
		return true;
	return cel_fail_limit(c, n, "the expression takes too many steps");
}

bool cel_charge_heavy(struct cel_ctx *c, const struct cel_node *n)
{
	return !over_memory(c, n, 0) && cel_charge(c, n, 64 * 1000);
}

bool cel_make_list(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *items,
		   size_t count, struct cel_value *out)
{
	struct cel_list *list = cel_alloc(c, n, sizeof(*list));

	if (!list)
		return false;
	list->count = count;
	list->items = items ? items : (const struct cel_value *)list;
	*out = (struct cel_value){ .type = CEL_LIST, .as.list = list };
	return true;
}

/* ---- the entry ---- */

static const struct attr_values *attr(const struct cel_ctx *c, uint32_t slot)
{
	const struct entry *entry = c->act->entry;

	if (!entry || slot >= entry->attr_count || entry->attrs[slot].count == 0)
		return NULL;
	return &entry->attrs[slot];
}

/* A value of an attribute is looked at whole each time: it may be no text. */
static bool attr_value(struct cel_ctx *c, const struct cel_node *n, struct slice s,
		       struct cel_value *out)
{
	*out = cel_of_attr(s);
	return cel_charge(c, n, s.len);
}

static bool item_at(struct cel_ctx *c, const struct cel_node *n, const struct cel_list *list,
		    size_t i, struct cel_value *out)
{
	*out = cel_list_at(list, i);
	return list->items || cel_charge(c, n, list->slices[i].len);
}

static bool attr_list(struct cel_ctx *c, const struct cel_node *n,
		      const struct attr_values *values, struct cel_value *out)
{
	struct cel_list *list = cel_alloc(c, n, sizeof(*list));

	if (!list)
		return false;
	if (values) {
		list->count = values->count;
		list->slices = values->items;
	}
	*out = (struct cel_value){ .type = CEL_LIST, .as.list = list };
	return true;
}

/* Slot of a name that is computed: only attributes that the rules name have one. */
static bool dynamic_slot(struct cel_ctx *c, const struct cel_node *n, struct slice *ret_name,
			 const struct attr_values **ret)
{
	const struct layout *layout = c->program->layout;
	struct cel_value key;
	int slot;

	if (!cel_ev(c, n, &key))
		return false;
	*ret = NULL;
	*ret_name = slice_of("", 0);
	if (key.type != CEL_STRING)
		return cel_no_overload(c, n, "_[_]", &key, 1);
	*ret_name = key.as.s;
	slot = layout ? layout_find(layout, key.as.s.data, key.as.s.len) : -1;
	if (slot >= 0)
		*ret = attr(c, (uint32_t)slot);
	return true;
}

/* entry or values as a map, for what is not a plain look-up. */
static bool whole_entry(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	const struct layout *layout = c->program->layout;
	size_t count = layout ? layout->names.count : 0;
	struct cel_map *map = cel_alloc(c, n, sizeof(*map));
	struct cel_value *items = cel_alloc_array(c, n, count ? 2 * count : 1, sizeof(*items));
	size_t dup;

	if (!map || !items)
		return false;
	map->keys = items;
	map->values = items + count;
	for (size_t i = 0; i < count; i++) {
		const struct attr_values *values = attr(c, (uint32_t)i);

		if (!values)
			continue;
		items[map->count] = cel_string(slice_str(layout->names.items[i]));
		if (n->op == N_ENTRY
			    ? !attr_value(c, n, values->items[0], &items[count + map->count])
			    : !attr_list(c, n, values, &items[count + map->count]))
			return false;
		map->count++;
	}
	cel_map_index(map, c->mem, &dup);
	*out = (struct cel_value){ .type = CEL_MAP, .as.map = map };
	return true;
}

static bool optional_of(struct cel_ctx *c, const struct cel_node *n,
			const struct cel_value *value, struct cel_value *out)
{
	struct cel_value *copy = NULL;

	if (value) {
		copy = cel_alloc(c, n, sizeof(*copy));
		if (!copy)
			return false;
		*copy = *value;
	}
	*out = (struct cel_value){ .type = CEL_OPTIONAL, .as.opt = copy };
	return true;
}

static bool ev_attr_dyn(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	const struct attr_values *values;
	struct slice name;
	struct cel_value value;

	if (!dynamic_slot(c, n->kids[0], &name, &values))
		return false;
	if (n->op == N_ATTR_HAS_DYN) {
		*out = cel_bool(values != NULL);
		return true;
	}
	if (n->op == N_ATTR_LIST_DYN)
		return attr_list(c, n, values, out);
	if (values && !attr_value(c, n, values->items[0], &value))
		return false;
	if (n->flags & NF_OPT)
		return optional_of(c, n, values ? &value : NULL, out);
	if (!values)
		return fail_no_key(c, n, name);
	*out = value;
	return true;
}

static bool ev_in_group(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	const struct entry *entry = c->act->entry;
	enum group_answer answer = GROUP_UNKNOWN;

	if (entry && entry->groups && n->index < entry->group_count)
		answer = (enum group_answer)entry->groups[n->index];
	if (answer == GROUP_UNKNOWN)
		return cel_failf(c, n, "group \"%.*s\" was not read from the directory, so it is "
				 "not known who is in it", (int)(n->text.len > 120 ? 120 : n->text.len),
				 n->text.data);
	*out = cel_bool(answer == GROUP_YES);
	return true;
}

/* ---- look-ups ---- */

/* Whole numbers of any type index a list: 0, 0u, 0.0. */
static bool list_index(struct cel_ctx *c, const struct cel_node *n, const struct cel_list *list,
		       const struct cel_value *key, bool optional, size_t *ret)
{
	int64_t i;

	*ret = SIZE_MAX;
	if (key->type == CEL_INT)
		i = key->as.i;
	else if (key->type == CEL_UINT)
		i = key->as.u > INT64_MAX ? INT64_MAX : (int64_t)key->as.u;
	else if (key->type == CEL_DOUBLE && key->as.d == trunc(key->as.d) &&
		 fabs(key->as.d) < 0x1p62)
		i = (int64_t)key->as.d;
	else
		return cel_failf(c, n, "invalid_argument: a list has no index of type %s here",
				 cel_type_name(key->type));
	if (i >= 0 && (uint64_t)i < list->count) {
		*ret = (size_t)i;
		return true;
	}
	return optional || cel_failf(c, n, "invalid_argument: index %lld is out of range, the list "
				     "has %zu elements", (long long)i, list->count);
}

/* Sets *ret_found; an absent key is no error here. */
static bool look_up(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *in,
		    const struct cel_value *key, bool optional, bool *ret_found,
		    struct cel_value *out)
{
	if (in->type == CEL_MAP) {
		*ret_found = cel_map_get(in->as.map, key, out);
		return true;
	}
	if (in->type == CEL_LIST && n->op == N_INDEX) {
		size_t i;

		if (!list_index(c, n, in->as.list, key, optional, &i))
			return false;
		*ret_found = i != SIZE_MAX;
		return !*ret_found || item_at(c, n, in->as.list, i, out);
	}
	if (n->op == N_INDEX)
		return cel_no_overload(c, n, "_[_]", (struct cel_value[]){ *in, *key }, 2);
	return cel_failf(c, n, "no such key: a %s has no field \"%.*s\"", cel_type_name(in->type),
			 (int)(n->text.len > 80 ? 80 : n->text.len), n->text.data);
}

/* a.b, a.?b, a[b], a[?b]; through an optional the result is optional. */
static bool ev_look_up(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	struct cel_value in, key, value;
	bool optional = n->flags & NF_OPT, found;

	if (!cel_ev(c, n->kids[0], &in))
		return false;
	if (n->op == N_SELECT)
		key = cel_string(n->text);
	else if (!cel_ev(c, n->kids[1], &key))
		return false;
	if (in.type == CEL_OPTIONAL) {
		if (!in.as.opt) {
			*out = in;
			return true;
		}
		in = *in.as.opt;
		optional = true;
	}
	if (!look_up(c, n, &in, &key, optional, &found, &value))
		return false;
	if (optional)
		return optional_of(c, n, found ? &value : NULL, out);
	if (!found)
		return cel_fail_key(c, n, &key);
	*out = value;
	return true;
}

static bool ev_has(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	struct cel_value in, key = cel_string(n->text), value;
	bool found;

	if (!cel_ev(c, n->kids[0], &in))
		return false;
	if (in.type == CEL_OPTIONAL) {
		if (!in.as.opt) {
			*out = cel_bool(false);
			return true;
		}
		in = *in.as.opt;
	}
	if (!look_up(c, n, &in, &key, false, &found, &value))
		return false;
	*out = cel_bool(found);
	return true;
}

static bool ev_in(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	struct cel_value v[2];
	bool same = false;

	if (!cel_ev(c, n->kids[0], &v[0]) || !cel_ev(c, n->kids[1], &v[1]))
		return false;
	if (v[1].type == CEL_MAP) {
		*out = cel_bool(cel_map_has_key(v[1].as.map, &v[0]));
		return true;
	}
	if (v[1].type != CEL_LIST)
		return cel_no_overload(c, n, "_in_", v, 2);
	for (size_t i = 0; !same && i < v[1].as.list->count; i++) {
		struct cel_value item;

		if (!item_at(c, n, v[1].as.list, i, &item) ||
		    !cel_equal(c, n, &v[0], &item, &same))
			return false;
	}
	*out = cel_bool(same);
	return true;
}

/* ---- arithmetic ---- */

static bool overflow(struct cel_ctx *c, const struct cel_node *n)
{
	return cel_fail(c, n, "return error for overflow");
}

static bool add_lists(struct cel_ctx *c, const struct cel_node *n, const struct cel_list *a,
		      const struct cel_list *b, struct cel_value *out)
{
	size_t count = a->count + b->count;
	struct cel_value *items = cel_alloc_array(c, n, count ? count : 1, sizeof(*items));

	if (!items)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!(i < a->count ? item_at(c, n, a, i, &items[i])
				   : item_at(c, n, b, i - a->count, &items[i])))
			return false;
	return cel_make_list(c, n, items, count, out);
}

static bool join_texts(struct cel_ctx *c, const struct cel_node *n,
		       const struct cel_value *parts, unsigned count, struct cel_value *out)
{
	size_t len = 0, at = 0;
	char *text;

	for (unsigned i = 0; i < count; i++)
		len += parts[i].as.s.len;
	text = cel_alloc_bytes(c, n, len);
	if (!text)
		return false;
	for (unsigned i = 0; i < count; i++) {
		memcpy(text + at, parts[i].as.s.data, parts[i].as.s.len);
		at += parts[i].as.s.len;
	}
	text[len] = '\0';
	out->type = parts[0].type;
	out->nanos = 0;
	out->as.s = slice_of(text, len);
	return true;
}

static bool add(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *v,
		struct cel_value *out)
{
	const struct cel_value *a = &v[0], *b = &v[1];

	if (a->type == b->type) {
		switch (a->type) {
		case CEL_INT: {
			int64_t i;

			if (__builtin_add_overflow(a->as.i, b->as.i, &i))
				return overflow(c, n);
			*out = cel_int(i);
			return true;
		}
		case CEL_UINT: {
			uint64_t u;

			if (__builtin_add_overflow(a->as.u, b->as.u, &u))
				return overflow(c, n);
			*out = cel_uint(u);
			return true;
		}
		case CEL_DOUBLE:
			*out = cel_double(a->as.d + b->as.d);
			return true;
		case CEL_STRING:
		case CEL_BYTES:
			return join_texts(c, n, v, 2, out);
		case CEL_LIST:
			return add_lists(c, n, a->as.list, b->as.list, out);
		case CEL_DURATION:
			return cel_time_add(c, n, a, b, 1, out);
		default:
			return cel_no_overload(c, n, "_+_", v, 2);
		}
	}
	if ((a->type == CEL_TIMESTAMP && b->type == CEL_DURATION) ||
	    (a->type == CEL_DURATION && b->type == CEL_TIMESTAMP))
		return cel_time_add(c, n, a, b, 1, out);
	return cel_no_overload(c, n, "_+_", v, 2);
}

/* a + b + c ...: texts that stand side by side are joined at once. */
static bool ev_add(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	struct cel_value parts[16];
	unsigned count = 1;

	if (!cel_ev(c, n->kids[0], &parts[0]))
		return false;
	for (uint32_t i = 1; i < n->count; i++) {
		if (!cel_ev(c, n->kids[i], &parts[count]))
			return false;
		if (parts[0].type == CEL_STRING && parts[count].type == CEL_STRING) {
			if (++count < 16)
				continue;
			if (!join_texts(c, n, parts, count, &parts[0]))
				return false;
			count = 1;
			continue;
		}
		if (count > 1) {
			/* Texts, then something that is none. */
			parts[1] = parts[count];
			return cel_no_overload(c, n, "_+_", parts, 2);
		}
		if (!add(c, n, parts, &parts[0]))
			return false;
	}
	if (count == 1) {
		*out = parts[0];
		return true;
	}
	return join_texts(c, n, parts, count, out);
}

static bool int_op(struct cel_ctx *c, const struct cel_node *n, int64_t a, int64_t b,
		   struct cel_value *out)
{
	int64_t r = 0;
	bool bad;

	switch (n->op) {
	case N_SUB:
		bad = __builtin_sub_overflow(a, b, &r);
		break;
	case N_MUL:
		bad = __builtin_mul_overflow(a, b, &r);
		break;
	default:
		if (b == 0)
			return cel_fail(c, n, n->op == N_DIV ? "divide by zero"
							     : "modulus by zero");
		bad = a == INT64_MIN && b == -1;
		if (!bad)
			r = n->op == N_DIV ? a / b : a % b;
	}
	if (bad)
		return overflow(c, n);
	*out = cel_int(r);
	return true;
}

static bool uint_op(struct cel_ctx *c, const struct cel_node *n, uint64_t a, uint64_t b,
		    struct cel_value *out)
{
	uint64_t r = 0;
	bool bad = false;

	switch (n->op) {
	case N_SUB:
		bad = __builtin_sub_overflow(a, b, &r);
		break;
	case N_MUL:
		bad = __builtin_mul_overflow(a, b, &r);
		break;
	default:
		if (b == 0)
			return cel_fail(c, n, n->op == N_DIV ? "divide by zero"
							     : "modulus by zero");
		r = n->op == N_DIV ? a / b : a % b;
	}
	if (bad)
		return overflow(c, n);
	*out = cel_uint(r);
	return true;
}

static bool ev_arithmetic(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	static const char *const names[] = {
		[N_SUB - N_SUB] = "_-_", [N_MUL - N_SUB] = "_*_", [N_DIV - N_SUB] = "_/_",
		[N_MOD - N_SUB] = "_%_",
	};
	struct cel_value v[2];

	if (!cel_ev(c, n->kids[0], &v[0]) || !cel_ev(c, n->kids[1], &v[1]))
		return false;
	if (v[0].type == CEL_INT && v[1].type == CEL_INT)
		return int_op(c, n, v[0].as.i, v[1].as.i, out);
	if (v[0].type == CEL_UINT && v[1].type == CEL_UINT)
		return uint_op(c, n, v[0].as.u, v[1].as.u, out);
	if (v[0].type == CEL_DOUBLE && v[1].type == CEL_DOUBLE && n->op != N_MOD) {
		double a = v[0].as.d, b = v[1].as.d;

		*out = cel_double(n->op == N_SUB ? a - b : n->op == N_MUL ? a * b : a / b);
		return true;
	}
	if (n->op == N_SUB && (T_(v[0].type) & (TT | TG)) && (T_(v[1].type) & (TT | TG)) &&
	    !(v[0].type == CEL_DURATION && v[1].type == CEL_TIMESTAMP))
		return cel_time_add(c, n, &v[0], &v[1], -1, out);
	return cel_no_overload(c, n, names[n->op - N_SUB], v, 2);
}

static bool ev_negate(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	struct cel_value v;

	if (!cel_ev(c, n->kids[0], &v))
		return false;
	if (v.type == CEL_DOUBLE) {
		*out = cel_double(-v.as.d);
		return true;
	}
	if (v.type != CEL_INT)
		return cel_no_overload(c, n, "-_", &v, 1);
	if (v.as.i == INT64_MIN)
		return overflow(c, n);
	*out = cel_int(-v.as.i);
	return true;
}

static bool ev_equal(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	struct cel_value a, b;
	bool same;

	if (!cel_ev(c, n->kids[0], &a) || !cel_ev(c, n->kids[1], &b))
		return false;
	if (a.type == CEL_STRING && b.type == CEL_STRING)
		same = a.as.s.len == b.as.s.len &&
		       memcmp(a.as.s.data, b.as.s.data, a.as.s.len) == 0;
	else if (!cel_equal(c, n, &a, &b, &same))
		return false;
	*out = cel_bool(same == (n->op == N_EQ));
	return true;
}

static bool ev_order(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	static const char *const names[] = {
		[N_LT - N_LT] = "_<_", [N_LE - N_LT] = "_<=_", [N_GT - N_LT] = "_>_",
		[N_GE - N_LT] = "_>=_",
	};
	struct cel_value v[2];
	int cmp;

	if (!cel_ev(c, n->kids[0], &v[0]) || !cel_ev(c, n->kids[1], &v[1]))
		return false;
	if (!cel_compare(&v[0], &v[1], &cmp))
		return cel_no_overload(c, n, names[n->op - N_LT], v, 2);
	switch (n->op) {
	case N_LT:
		*out = cel_bool(cmp == -1);
		break;
	case N_LE:
		*out = cel_bool(cmp == -1 || cmp == 0);
		break;
	case N_GT:
		*out = cel_bool(cmp == 1);
		break;
	default:
		*out = cel_bool(cmp == 1 || cmp == 0);
	}
	return true;
}

/* ---- logic ---- */

/* Save and bring back the first error while later operands may still decide. */
struct fault {
	enum err_kind kind;
	const struct cel_node *where;
	const char *message;
	struct slice detail;
};

/* False when it can not be kept: a limit is reached. */
static bool keep_fault(struct cel_ctx *c, struct fault *fault)
{
	bool message = c->message == c->text, detail = c->detail.data == c->text;
	size_t len = message ? strlen(c->text) : c->detail.len;
	char *copy;

	if (c->kind == ERR_LIMIT)
		return false;
	if (fault->kind != ERR_NONE)
		return true;
	*fault = (struct fault){ c->kind, c->where, c->message, c->detail };
	if (!message && !detail)
		return true;
	copy = cel_alloc_bytes(c, c->where, len);
	if (!copy)
		return false;
	memcpy(copy, c->text, len);
	copy[len] = '\0';
	if (message)
		fault->message = copy;
	else
		fault->detail.data = copy;
	return true;
}

static bool raise(struct cel_ctx *c, const struct fault *fault)
{
	c->kind = fault->kind;
	c->where = fault->where;
	c->message = fault->message;
	c->detail = fault->detail;
	return false;
}

static bool ev_bool(struct cel_ctx *c, const struct cel_node *n, const struct cel_node *user,
		    const char *name, bool *ret)
{
	struct cel_value v;

	*ret = false;
	if (!cel_ev(c, n, &v))
		return false;
	if (v.type != CEL_BOOL)
		return cel_no_overload(c, user, name, &v, 1);
	*ret = v.as.b;
	return true;
}

/*
 * "Logical operators ... if one operand decides, errors in the others are absorbed"
 * (language definition, "Logical Operators"). Going over a limit is not absorbed: it would
 * go on burning time.
 */
static bool ev_logic(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	bool decides = n->op == N_OR, v;
	struct fault fault = { .kind = ERR_NONE };

	for (uint32_t i = 0; i < n->count; i++) {
		if (!ev_bool(c, n->kids[i], n, decides ? "_||_" : "_&&_", &v)) {
			if (!keep_fault(c, &fault))
				return false;
		} else if (v == decides) {
			*out = cel_bool(decides);
			return true;
		}
	}
	if (fault.kind != ERR_NONE)
		return raise(c, &fault);
	*out = cel_bool(!decides);
	return true;
}

static bool ev_conditional(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	bool cond;

	if (!ev_bool(c, n->kids[0], n, "_?_:_", &cond))
		return false;
	return cel_ev(c, n->kids[cond ? 1 : 2], out);
}

/* The first that is there and neither null nor "". */
static bool ev_coalesce(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	struct cel_value v;

	for (uint32_t i = 0; i < n->count; i++) {
		if (!cel_ev(c, n->kids[i], &v)) {
			if (c->kind != ERR_NO_KEY)
				return false;
			continue;
		}
		if (v.type == CEL_OPTIONAL) {
			if (!v.as.opt)
				continue;
			v = *v.as.opt;
		}
		if (v.type == CEL_NULL || (v.type == CEL_STRING && v.as.s.len == 0))
			continue;
		*out = v;
		return true;
	}
	return fail_no_key(c, n, SLICE("coalesce found no value"));
}

/* ---- lists and maps ---- */

static bool ev_list(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	struct cel_value *items =
		cel_alloc_array(c, n, n->count ? n->count : 1, sizeof(*items));
	size_t count = 0;

	if (!items)
		return false;
	for (uint32_t i = 0; i < n->count; i++) {
		struct cel_value v;

		if (!cel_ev(c, n->kids[i], &v))
			return false;
		if (n->kids[i]->flags & NF_OPT_ELEM) {
			if (v.type != CEL_OPTIONAL)
				return cel_failf(c, n->kids[i], "an element after \"?\" must be "
						 "an optional, this is a %s",
						 cel_type_name(v.type));
			if (!v.as.opt)
				continue;
			v = *v.as.opt;
		}
		items[count++] = v;
	}
	return cel_make_list(c, n, items, count, out);
}

static bool check_key(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *key)
{
	if (T_(key->type) & (TB | TI | TU | TS))
		return true;
	return cel_failf(c, n, "unsupported key type: %s", cel_type_name(key->type));
}

static bool finish_map(struct cel_ctx *c, const struct cel_node *n, struct cel_value *keys,
		       struct cel_value *values, size_t count, struct cel_value *out)
{
	struct cel_map *map = cel_alloc(c, n, sizeof(*map));
	struct slice text = slice_of("", 0);
	size_t dup;

	if (!map || !cel_charge(c, n, count * 64))
		return false;
	*map = (struct cel_map){ .count = count, .keys = keys, .values = values };
	if (!cel_map_index(map, c->mem, &dup)) {
		cel_to_text(&keys[dup], c->mem, &text, NULL);
		return cel_failf(c, n, "Failed with repeated key: %.*s",
				 (int)(text.len > 80 ? 80 : text.len), text.data);
	}
	*out = (struct cel_value){ .type = CEL_MAP, .as.map = map };
	return true;
}

static bool ev_map(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	size_t pairs = n->count / 2, count = 0;
	struct cel_value *items = cel_alloc_array(c, n, n->count ? n->count : 1, sizeof(*items));

	if (!items)
		return false;
	for (size_t i = 0; i < pairs; i++) {
		struct cel_value key, v;

		if (!cel_ev(c, n->kids[2 * i], &key) || !check_key(c, n->kids[2 * i], &key) ||
		    !cel_ev(c, n->kids[2 * i + 1], &v))
			return false;
		if (n->kids[2 * i]->flags & NF_OPT_ELEM) {
			if (v.type != CEL_OPTIONAL)
				return cel_failf(c, n->kids[2 * i], "a value of a key after \"?\" "
						 "must be an optional, this is a %s",
						 cel_type_name(v.type));
			if (!v.as.opt)
				continue;
			v = *v.as.opt;
		}
		items[count] = key;
		items[pairs + count++] = v;
	}
	return finish_map(c, n, items, items + pairs, count, out);
}

/* ---- macros ---- */

struct each {
	struct cel_value range;
	size_t count;
	struct cel_value *keys, *values; /* of the result, for those that make one */
	size_t made;
};

static size_t each_count(const struct cel_value *range)
{
	return range->type == CEL_LIST ? range->as.list->count : range->as.map->count;
}

/* One variable: element, or key. Two: index and element, or key and value. */
static bool each_bind(struct cel_ctx *c, const struct cel_node *n,
		      const struct cel_value *range, size_t i)
{
	struct cel_value *first = &c->locals[n->local];

	if (range->type == CEL_MAP) {
		first[0] = range->as.map->keys[i];
		if (n->flags & NF_TWO_VARS)
			first[1] = range->as.map->values[i];
	} else if (n->flags & NF_TWO_VARS) {
		first[0] = cel_int((int64_t)i);
		return item_at(c, n, range->as.list, i, &first[1]);
	} else {
		return item_at(c, n, range->as.list, i, &first[0]);
	}
	return true;
}

/* all and exists: && and || over the elements, absorbing errors alike. */
static bool each_logic(struct cel_ctx *c, const struct cel_node *n, struct each *e,
		       struct cel_value *out)
{
	bool decides = n->index == MACRO_EXISTS, v;
	struct fault fault = { .kind = ERR_NONE };

	for (size_t i = 0; i < e->count; i++) {
		if (!each_bind(c, n, &e->range, i))
			return false;
		if (!ev_bool(c, n->kids[1], n, decides ? "exists" : "all", &v)) {
			if (!keep_fault(c, &fault))
				return false;
		} else if (v == decides) {
			*out = cel_bool(decides);
			return true;
		}
	}
	if (fault.kind != ERR_NONE)
		return raise(c, &fault);
	*out = cel_bool(!decides);
	return true;
}

static bool each_one(struct cel_ctx *c, const struct cel_node *n, struct each *e,
		     struct cel_value *out)
{
	size_t hits = 0;
	bool v;

	for (size_t i = 0; i < e->count; i++) {
		if (!each_bind(c, n, &e->range, i))
			return false;
		if (!ev_bool(c, n->kids[1], n, "exists_one", &v))
			return false;
		hits += v;
	}
	*out = cel_bool(hits == 1);
	return true;
}

/* The single entry of the map that transformMapEntry's expression made. */
static bool each_entries(struct cel_ctx *c, const struct cel_node *n, struct each *e,
			 const struct cel_value *made)
{
	if (made->type != CEL_MAP)
		return cel_no_overload(c, n, "transformMapEntry", made, 1);
	if (made->as.map->count != 1)
		return cel_failf(c, n, "transformMapEntry needs a map of one entry each time, "
				 "this one has %zu", made->as.map->count);
	e->keys[e->made] = made->as.map->keys[0];
	e->values[e->made++] = made->as.map->values[0];
	return true;
}

static bool each_step(struct cel_ctx *c, const struct cel_node *n, struct each *e, size_t i)
{
	bool keep = true;
	struct cel_value v;

	if (!each_bind(c, n, &e->range, i))
		return false;
	if (n->flags & NF_FILTER && !ev_bool(c, n->kids[1], n, "filter", &keep))
		return false;
	if (!keep)
		return true;
	if (n->index == MACRO_FILTER) {
		/* The element itself; the filter can not have changed it. */
		e->values[e->made++] = c->locals[n->local];
		return true;
	}
	if (!cel_ev(c, n->kids[n->count - 1], &v))
		return false;
	if (n->index == MACRO_TRANSFORM_ENTRY)
		return each_entries(c, n, e, &v);
	if (n->index == MACRO_TRANSFORM_MAP)
		e->keys[e->made] = c->locals[n->local];
	e->values[e->made++] = v;
	return true;
}

static bool ev_each(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	struct each e = { .count = 0 };
	bool map = n->index == MACRO_TRANSFORM_MAP || n->index == MACRO_TRANSFORM_ENTRY;

	if (!cel_ev(c, n->kids[0], &e.range))
		return false;
	if (e.range.type != CEL_LIST && e.range.type != CEL_MAP)
		return cel_failf(c, n, "no such overload: %.*s over a %s", SLICE_FMT(n->text),
				 cel_type_name(e.range.type));
	e.count = each_count(&e.range);
	if (n->index == MACRO_ALL || n->index == MACRO_EXISTS)
		return each_logic(c, n, &e, out);
	if (n->index == MACRO_EXISTS_ONE)
		return each_one(c, n, &e, out);
	e.values = cel_alloc_array(c, n, e.count ? e.count : 1, sizeof(*e.values));
	e.keys = map ? cel_alloc_array(c, n, e.count ? e.count : 1, sizeof(*e.keys)) : NULL;
	if (!e.values || (map && !e.keys))
		return false;
	for (size_t i = 0; i < e.count; i++)
		if (!each_step(c, n, &e, i))
			return false;
	if (!map)
		return cel_make_list(c, n, e.values, e.made, out);
	/* A key of transformMap comes from a list's index or a map's key: it is distinct. */
	return finish_map(c, n, e.keys, e.values, e.made, out);
}

static bool ev_bind(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	struct cel_value v;

	if (!cel_ev(c, n->kids[0], &v))
		return false;
	c->locals[n->local] = v;
	return cel_ev(c, n->kids[1], out);
}

static bool ev_opt_map(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	struct cel_value v;

	if (!cel_ev(c, n->kids[0], &v))
		return false;
	if (v.type != CEL_OPTIONAL)
		return cel_no_overload(c, n, n->op == N_OPT_MAP ? "optMap" : "optFlatMap", &v, 1);
	if (!v.as.opt) {
		*out = v;
		return true;
	}
	c->locals[n->local] = *v.as.opt;
	if (!cel_ev(c, n->kids[1], &v))
		return false;
	if (n->op == N_OPT_MAP)
		return optional_of(c, n, &v, out);
	if (v.type != CEL_OPTIONAL)
		return cel_no_overload(c, n, "optFlatMap", &v, 1);
	*out = v;
	return true;
}

/* or() and orValue(): the second operand is only evaluated when the first has no value. */
static bool ev_opt_or(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	bool value = n->text.len > 2;
	struct cel_value v;

	if (!cel_ev(c, n->kids[0], &v))
		return false;
	if (v.type != CEL_OPTIONAL)
		return cel_no_overload(c, n, value ? "orValue" : "or", &v, 1);
	if (v.as.opt) {
		*out = value ? *v.as.opt : v;
		return true;
	}
	if (!cel_ev(c, n->kids[1], &v))
		return false;
	if (!value && v.type != CEL_OPTIONAL)
		return cel_no_overload(c, n, "or", &v, 1);
	*out = v;
	return true;
}

/* ---- functions ---- */

static bool ev_fn(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	const struct cel_fn *fn = n->fn;
	struct cel_value args[CEL_ARGS_MAX];

	for (uint32_t i = 0; i < n->count; i++)
		if (!cel_ev(c, n->kids[i], &args[i]))
			return false;
	for (uint32_t i = 0; i < n->count; i++)
		if (!(fn->args[i < 4 ? i : 3] & T_(args[i].type)))
			return cel_no_overload(c, n, fn->name, args, n->count);
	return fn->call(c, n, args, n->count, out);
}

bool cel_ev(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out)
{
	const struct attr_values *values;
	struct cel_value first;

	if (++c->steps > CEL_STEPS_MAX)
		return cel_charge(c, n, 0);
	switch (n->op) {
	case N_CONST:
		*out = n->value;
		return true;
	case N_ATTR:
		values = attr(c, n->index);
		if (!values)
			return fail_no_key(c, n, n->text);
		return attr_value(c, n, values->items[0], out);
	case N_ATTR_OPT:
		values = attr(c, n->index);
		if (values && !attr_value(c, n, values->items[0], &first))
			return false;
		return optional_of(c, n, values ? &first : NULL, out);
	case N_ATTR_LIST:
		return attr_list(c, n, attr(c, n->index), out);
	case N_ATTR_HAS:
		*out = cel_bool(attr(c, n->index) != NULL);
		return true;
	case N_ATTR_DYN:
	case N_ATTR_LIST_DYN:
	case N_ATTR_HAS_DYN:
		return ev_attr_dyn(c, n, out);
	case N_ENTRY:
	case N_VALUES:
		return whole_entry(c, n, out);
	case N_DN:
		if (!c->act->entry || !c->act->entry->dn)
			return fail_no_key(c, n, n->text);
		*out = cel_string(slice_str(c->act->entry->dn));
		return true;
	case N_IN_GROUP:
		return ev_in_group(c, n, out);
	case N_NOW:
		*out = (struct cel_value){ .type = CEL_TIMESTAMP, .as.i = c->act->now_s };
		return true;
	case N_LOCAL:
		*out = c->locals[n->index];
		return true;
	case N_VAR:
		assert(n->index < c->act->var_count);
		*out = c->act->vars[n->index];
		return true;
	case N_EQ:
	case N_NE:
		return ev_equal(c, n, out);
	case N_AND:
	case N_OR:
		return ev_logic(c, n, out);
	case N_ADD:
		return ev_add(c, n, out);
	case N_NOT: {
		bool v;

		if (!ev_bool(c, n->kids[0], n, "!_", &v))
			return false;
		*out = cel_bool(!v);
		return true;
	}
	case N_COND:
		return ev_conditional(c, n, out);
	case N_COALESCE:
		return ev_coalesce(c, n, out);
	case N_SELECT:
	case N_INDEX:
		return ev_look_up(c, n, out);
	case N_HAS:
		return ev_has(c, n, out);
	case N_FN:
		return ev_fn(c, n, out);
	case N_LIST:
		return ev_list(c, n, out);
	case N_MAP:
		return ev_map(c, n, out);
	case N_NEG:
		return ev_negate(c, n, out);
	case N_SUB:
	case N_MUL:
	case N_DIV:
	case N_MOD:
		return ev_arithmetic(c, n, out);
	case N_LT:
	case N_LE:
	case N_GT:
	case N_GE:
		return ev_order(c, n, out);
	case N_IN:
		return ev_in(c, n, out);
	case N_EACH:
		return ev_each(c, n, out);
	case N_BIND:
		return ev_bind(c, n, out);
	case N_OPT_MAP:
	case N_OPT_FLAT_MAP:
		return ev_opt_map(c, n, out);
	case N_OPT_OR:
		return ev_opt_or(c, n, out);
	case N_FAIL:
		return cel_fail(c, n, n->text.data);
	default:
		assert(!"a node that was not bound");
		return false;
	}
}

/* Is it safe to print as it is? err_at would look at it more closely, and take its time. */
static bool is_plain(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < ' ' || s.data[i] > '~')
			return false;
	return s.len > 0 && s.len <= 80;
}

/* An absent attribute ends many evaluations of every run: its error is put together by hand. */
static int report_no_key(const struct cel_ctx *c, struct err *err)
{
	static const char before[] = "no such key: ";
	const char *file = c->program->file ? c->program->file : "";
	size_t len = strlen(file);

	err->kind = ERR_NO_KEY;
	err->line = c->where->line;
	err->column = c->where->column;
	memcpy(err->where, file, len + 1);
	memcpy(err->text, before, sizeof(before) - 1);
	memcpy(err->text + sizeof(before) - 1, c->detail.data, c->detail.len);
	err->text[sizeof(before) - 1 + c->detail.len] = '\0';
	return -1;
}

static int report(const struct cel_ctx *c, struct err *err)
{
	const struct cel_node *n = c->where;
	bool detail = c->detail.len > 0;

	if (c->kind == ERR_NO_KEY && err && err->kind == ERR_NONE && is_plain(c->detail) &&
	    (!c->program->file || (is_plain(slice_str(c->program->file)) &&
				   strlen(c->program->file) < sizeof(err->where))))
		return report_no_key(c, err);

	return err_at(err, c->kind, c->program->file, n->line, n->column, "%s%s%.*s", c->message,
		      detail ? ": " : "", (int)(c->detail.len > 80 ? 80 : c->detail.len),
		      detail ? c->detail.data : "");
}

int cel_eval(const struct cel_program *program, const struct cel_activation *act,
	     struct arena *mem, struct cel_value *ret, struct err *err)
{
	static const struct cel_activation nothing;
	struct cel_value locals[8];
	struct cel_value out;
	struct cel_ctx c = { .program = program,
			     .act = act ? act : &nothing,
			     .mem = mem,
			     .mem_start = mem->used_bytes,
			     .mem_max = CEL_EVAL_BYTES_MAX,
			     .locals = locals };

	if (program->local_count > 8)
		c.locals = arena_array(mem, program->local_count, sizeof(*c.locals));
	if (!cel_ev(&c, program->root, &out))
		return report(&c, err);
	*ret = out;
	return 0;
}
