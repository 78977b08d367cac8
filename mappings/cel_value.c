#include "mappings/cel_impl.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "scim/base/buf.h"
#include "scim/base/json.h"
#include "scim/base/banned.h"

const char *cel_type_name(enum cel_type type)
{
	static const char *const names[CEL_TYPE_COUNT] = {
		[CEL_NULL] = "null_type",
		[CEL_BOOL] = "bool",
		[CEL_INT] = "int",
		[CEL_UINT] = "uint",
		[CEL_DOUBLE] = "double",
		[CEL_STRING] = "string",
		[CEL_BYTES] = "bytes",
		[CEL_LIST] = "list",
		[CEL_MAP] = "map",
		[CEL_TIMESTAMP] = "google.protobuf.Timestamp",
		[CEL_DURATION] = "google.protobuf.Duration",
		[CEL_TYPE] = "type",
		[CEL_OPTIONAL] = "optional_type",
	};

	return names[type];
}

struct cel_value cel_of_attr(struct slice s)
{
	if (s.len == 0)
		return cel_string(slice_of("", 0));
	return utf8_valid(s.data, s.len) ? cel_string(s) : cel_bytes(s);
}

size_t cel_list_count(const struct cel_list *list)
{
	return list->count;
}

struct cel_value cel_list_at(const struct cel_list *list, size_t i)
{
	assert(i < list->count);
	return list->items ? list->items[i] : cel_of_attr(list->slices[i]);
}

/* ---- order and equality ---- */

static int cmp3(bool less, bool equal)
{
	return equal ? 0 : less ? -1 : 1;
}

/*
 * Across types numbers compare as doubles, once the range is clear: 2^63-1 is not less than
 * 9223372036854775808.0 (conformance tests, "not_lt_dyn_int_big_lossy_double").
 */
static int cmp_doubles(double a, double b)
{
	return isnan(a) || isnan(b) ? 2 : cmp3(a < b, a == b);
}

static int turn(int cmp)
{
	return cmp == 2 ? 2 : -cmp;
}

static int cmp_numbers(const struct cel_value *a, const struct cel_value *b)
{
	if (a->type == CEL_DOUBLE) {
		double x = a->as.d, y = b->as.d;

		if (b->type == CEL_INT)
			y = (double)b->as.i;
		else if (b->type == CEL_UINT)
			y = (double)b->as.u;
		return cmp_doubles(x, y);
	}
	if (b->type == CEL_DOUBLE)
		return turn(cmp_numbers(b, a));
	if (a->type == CEL_INT && b->type == CEL_INT)
		return cmp3(a->as.i < b->as.i, a->as.i == b->as.i);
	if (a->type == CEL_UINT && b->type == CEL_UINT)
		return cmp3(a->as.u < b->as.u, a->as.u == b->as.u);
	if (a->type == CEL_INT)
		return a->as.i < 0 ? -1
				   : cmp3((uint64_t)a->as.i < b->as.u,
					  (uint64_t)a->as.i == b->as.u);
	return turn(cmp_numbers(b, a));
}

static bool is_number(const struct cel_value *v)
{
	return T_(v->type) & TNUM;
}

bool cel_compare(const struct cel_value *a, const struct cel_value *b, int *ret)
{
	if (is_number(a) && is_number(b)) {
		*ret = cmp_numbers(a, b);
		return true;
	}
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case CEL_BOOL:
		*ret = a->as.b - b->as.b;
		return true;
	case CEL_STRING: /* order of UTF-8 bytes is order of code points */
	case CEL_BYTES: {
		int cmp = slice_cmp(a->as.s, b->as.s);

		*ret = (cmp > 0) - (cmp < 0);
		return true;
	}
	case CEL_TIMESTAMP:
	case CEL_DURATION:
		*ret = a->as.i == b->as.i ? cmp3(a->nanos < b->nanos, a->nanos == b->nanos)
					  : cmp3(a->as.i < b->as.i, false);
		return true;
	default:
		return false;
	}
}

struct comparison {
	struct cel_ctx *c;
	const struct cel_node *n;
	unsigned depth;
};

static bool equal(struct comparison *x, const struct cel_value *a, const struct cel_value *b,
		  bool *ret);

static bool equal_lists(struct comparison *x, const struct cel_list *a,
			const struct cel_list *b, bool *ret)
{
	*ret = a->count == b->count;
	for (size_t i = 0; *ret && i < a->count; i++) {
		struct cel_value left = cel_list_at(a, i), right = cel_list_at(b, i);

		if (!equal(x, &left, &right, ret))
			return false;
	}
	return true;
}

static bool equal_maps(struct comparison *x, const struct cel_map *a, const struct cel_map *b,
		       bool *ret)
{
	*ret = a->count == b->count;
	for (size_t i = 0; *ret && i < a->count; i++) {
		struct cel_value other;

		if (!cel_map_get(b, &a->keys[i], &other)) {
			*ret = false;
			return true;
		}
		if (!equal(x, &a->values[i], &other, ret))
			return false;
	}
	return true;
}

static bool equal_nested(struct comparison *x, const struct cel_value *a,
			 const struct cel_value *b, bool *ret)
{
	bool ok;

	if (x->depth == CEL_VALUE_DEPTH_MAX)
		return cel_fail_limit(x->c, x->n, "a value is nested too deep to be compared");
	x->depth++;
	if (a->type == CEL_LIST) {
		ok = equal_lists(x, a->as.list, b->as.list, ret);
	} else if (a->type == CEL_MAP) {
		ok = equal_maps(x, a->as.map, b->as.map, ret);
	} else if (!a->as.opt || !b->as.opt) {
		*ret = a->as.opt == b->as.opt;
		ok = true;
	} else {
		ok = equal(x, a->as.opt, b->as.opt, ret);
	}
	x->depth--;
	return ok;
}

static bool equal(struct comparison *x, const struct cel_value *a, const struct cel_value *b,
		  bool *ret)
{
	int cmp;

	if (++x->c->steps > CEL_STEPS_MAX)
		return cel_charge(x->c, x->n, 0);
	if (a->type != b->type && !(is_number(a) && is_number(b))) {
		*ret = false;
		return true;
	}
	switch (a->type) {
	case CEL_NULL:
		*ret = true;
		return true;
	case CEL_STRING:
	case CEL_BYTES:
	case CEL_TYPE:
		*ret = slice_eq(a->as.s, b->as.s);
		return true;
	case CEL_LIST:
	case CEL_MAP:
	case CEL_OPTIONAL:
		return equal_nested(x, a, b, ret);
	default:
		cel_compare(a, b, &cmp);
		*ret = cmp == 0;
		return true;
	}
}

bool cel_equal(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *a,
	       const struct cel_value *b, bool *ret)
{
	struct comparison x = { c, n, 0 };

	return equal(&x, a, b, ret);
}

/* ---- maps ---- */

/* As a key a double stands for the whole number that it is exactly. */
static bool whole_key(const struct cel_value *key, struct cel_value *ret)
{
	double d = key->as.d;

	*ret = *key;
	if (key->type != CEL_DOUBLE)
		return true;
	if (d != trunc(d) || d < -0x1p63 || d >= 0x1p64)
		return false;
	*ret = d < 0 ? cel_int((int64_t)d) : cel_uint((uint64_t)d);
	return true;
}

static bool key_equal(const struct cel_value *a, const struct cel_value *b)
{
	struct cel_value x, y;

	if (is_number(a) && is_number(b))
		return whole_key(a, &x) && whole_key(b, &y) && cmp_numbers(&x, &y) == 0;
	if (a->type != b->type)
		return false;
	if (a->type == CEL_BOOL)
		return a->as.b == b->as.b;
	return a->type == CEL_STRING && slice_eq(a->as.s, b->as.s);
}

/* Numbers that are equal across types have one hash. */
static uint64_t key_hash(const struct cel_value *key)
{
	uint64_t h = 0x9e3779b97f4a7c15ULL;

	switch (key->type) {
	case CEL_BOOL:
		h ^= key->as.b ? 0x1234567 : 0x7654321;
		break;
	case CEL_INT:
	case CEL_UINT:
		h ^= key->as.u;
		break;
	case CEL_DOUBLE:
		if (key->as.d >= -0x1p63 && key->as.d < 0x1p63)
			h ^= (uint64_t)(int64_t)key->as.d;
		else if (key->as.d > 0 && key->as.d < 0x1p64)
			h ^= (uint64_t)key->as.d;
		break;
	case CEL_STRING:
		for (size_t i = 0; i < key->as.s.len; i++)
			h = (h ^ (unsigned char)key->as.s.data[i]) * 0x100000001b3ULL;
		break;
	default:
		break;
	}
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ (h >> 32);
}

#define MAP_SMALL 8

bool cel_map_index(struct cel_map *map, struct arena *mem, size_t *ret_dup)
{
	size_t size = 16;

	map->table = NULL;
	if (map->count <= MAP_SMALL) {
		for (size_t i = 1; i < map->count; i++)
			for (size_t k = 0; k < i; k++)
				if (key_equal(&map->keys[k], &map->keys[i])) {
					*ret_dup = i;
					return false;
				}
		return true;
	}
	while (size < map->count * 2)
		size *= 2;
	map->table = arena_array(mem, size, sizeof(*map->table));
	map->mask = size - 1;
	for (size_t i = 0; i < map->count; i++) {
		size_t at = key_hash(&map->keys[i]) & map->mask;

		for (; map->table[at]; at = (at + 1) & map->mask)
			if (key_equal(&map->keys[map->table[at] - 1], &map->keys[i])) {
				*ret_dup = i;
				return false;
			}
		map->table[at] = (uint32_t)i + 1;
	}
	return true;
}

static size_t map_find(const struct cel_map *map, const struct cel_value *key)
{
	if (!map->table) {
		for (size_t i = 0; i < map->count; i++)
			if (key_equal(&map->keys[i], key))
				return i;
		return SIZE_MAX;
	}
	for (size_t at = key_hash(key) & map->mask; map->table[at]; at = (at + 1) & map->mask)
		if (key_equal(&map->keys[map->table[at] - 1], key))
			return map->table[at] - 1;
	return SIZE_MAX;
}

bool cel_map_has_key(const struct cel_map *map, const struct cel_value *key)
{
	return map_find(map, key) != SIZE_MAX;
}

bool cel_map_get(const struct cel_map *map, const struct cel_value *key,
		 struct cel_value *ret)
{
	size_t at = map_find(map, key);

	if (at == SIZE_MAX)
		return false;
	*ret = map->values[at];
	return true;
}

/* ---- text ---- */

/*
 * Shortest digits that read back; an exponent only below 1e-4 and from 1e21 on. The language
 * definition leaves the layout open; this is the one of JSON's home, JavaScript.
 */
size_t cel_double_text(double d, char out[CEL_NUMBER_MAX])
{
	char digits[40];
	int exp, precision = 1;
	char *e;
	size_t len;

	if (isnan(d))
		return (size_t)snprintf(out, CEL_NUMBER_MAX, "NaN");
	if (isinf(d))
		return (size_t)snprintf(out, CEL_NUMBER_MAX, d < 0 ? "-Inf" : "+Inf");
	for (; precision < 18; precision++) {
		snprintf(digits, sizeof(digits), "%.*e", precision - 1, d);
		if (strtod(digits, NULL) == d)
			break;
	}
	e = strchr(digits, 'e');
	exp = (int)strtol(e + 1, NULL, 10);
	if (exp >= -4 && exp < 21)
		return (size_t)snprintf(out, CEL_NUMBER_MAX, "%.*f",
					precision - 1 > exp ? precision - 1 - exp : 0, d);
	len = (size_t)snprintf(out, CEL_NUMBER_MAX, "%s", digits);
	return len;
}

bool cel_scalar_text(const struct cel_value *value, char out[CEL_NUMBER_MAX],
		     struct slice *ret)
{
	size_t len;

	switch (value->type) {
	case CEL_STRING:
		*ret = value->as.s;
		return true;
	case CEL_BYTES:
		*ret = value->as.s;
		return utf8_valid(value->as.s.data, value->as.s.len);
	case CEL_BOOL:
		*ret = value->as.b ? SLICE("true") : SLICE("false");
		return true;
	case CEL_INT:
		len = (size_t)snprintf(out, CEL_NUMBER_MAX, "%lld", (long long)value->as.i);
		break;
	case CEL_UINT:
		len = (size_t)snprintf(out, CEL_NUMBER_MAX, "%llu",
				       (unsigned long long)value->as.u);
		break;
	case CEL_DOUBLE:
		len = cel_double_text(value->as.d, out);
		break;
	case CEL_TIMESTAMP:
		len = cel_timestamp_text(value->as.i, value->nanos, out);
		break;
	case CEL_DURATION:
		len = cel_duration_text(value->as.i, value->nanos, out);
		break;
	default:
		return false;
	}
	*ret = slice_of(out, len);
	return true;
}

int cel_to_text(const struct cel_value *value, struct arena *mem, struct slice *ret,
		struct err *err)
{
	char text[CEL_NUMBER_MAX];
	struct slice s;

	if (!cel_scalar_text(value, text, &s))
		return err_set(err, ERR_EVAL, "a %s has no text%s", cel_type_name(value->type),
			       value->type == CEL_BYTES ? ": it is not UTF-8" : "");
	*ret = s.data == text ? slice_of(arena_strndup(mem, text, s.len), s.len) : s;
	return 0;
}

static void print_base64(struct slice s, struct buf *out)
{
	char *text = mem_alloc(base64_encoded_size(s.len) + 1);
	size_t len = base64_encode(s.data, s.len, text);

	buf_addch(out, '"');
	buf_add(out, text, len);
	buf_addch(out, '"');
	mem_free(text);
}

static void print_double(double d, struct buf *out)
{
	char text[CEL_NUMBER_MAX];
	size_t len;

	if (isnan(d) || isinf(d)) {
		buf_addstr(out, isnan(d) ? "\"nan\"" : d < 0 ? "\"-inf\"" : "\"inf\"");
		return;
	}
	len = cel_double_text(d, text);
	buf_add(out, text, len);
	if (!memchr(text, '.', len) && !memchr(text, 'e', len))
		buf_addstr(out, ".0");
}

static void print_value(const struct cel_value *v, struct buf *out, unsigned depth);

static void print_map(const struct cel_map *map, struct buf *out, unsigned depth)
{
	char text[CEL_NUMBER_MAX];

	buf_addch(out, '{');
	for (size_t i = 0; i < map->count && !buf_failed(out); i++) {
		const struct cel_value *key = &map->keys[i];

		if (i)
			buf_addch(out, ',');
		if (key->type == CEL_STRING) {
			json_quote(out, key->as.s.data, key->as.s.len);
		} else if (key->type == CEL_BOOL) {
			buf_addstr(out, key->as.b ? "\"true\"" : "\"false\"");
		} else {
			snprintf(text, sizeof(text), key->type == CEL_INT ? "%lld" : "%llu",
				 (long long)key->as.i);
			buf_addf(out, "\"%s\"", text);
		}
		buf_addch(out, ':');
		print_value(&map->values[i], out, depth + 1);
	}
	buf_addch(out, '}');
}

static void print_time(const struct cel_value *v, struct buf *out)
{
	char text[CEL_NUMBER_MAX];
	size_t len = v->type == CEL_TIMESTAMP ? cel_timestamp_text(v->as.i, v->nanos, text)
					      : cel_duration_text(v->as.i, v->nanos, text);

	buf_addch(out, '"');
	buf_add(out, text, len);
	buf_addch(out, '"');
}

static void print_value(const struct cel_value *v, struct buf *out, unsigned depth)
{
	if (depth > CEL_VALUE_DEPTH_MAX) {
		out->failed = true;
		return;
	}
	switch (v->type) {
	case CEL_BOOL:
		buf_addstr(out, v->as.b ? "true" : "false");
		break;
	case CEL_INT:
		buf_addf(out, "%lld", (long long)v->as.i);
		break;
	case CEL_UINT:
		buf_addf(out, "%llu", (unsigned long long)v->as.u);
		break;
	case CEL_DOUBLE:
		print_double(v->as.d, out);
		break;
	case CEL_STRING:
	case CEL_TYPE:
		json_quote(out, v->as.s.data, v->as.s.len);
		break;
	case CEL_BYTES:
		print_base64(v->as.s, out);
		break;
	case CEL_LIST:
		buf_addch(out, '[');
		for (size_t i = 0; i < v->as.list->count && !buf_failed(out); i++) {
			struct cel_value item = cel_list_at(v->as.list, i);

			if (i)
				buf_addch(out, ',');
			print_value(&item, out, depth + 1);
		}
		buf_addch(out, ']');
		break;
	case CEL_MAP:
		print_map(v->as.map, out, depth);
		break;
	case CEL_TIMESTAMP:
	case CEL_DURATION:
		print_time(v, out);
		break;
	case CEL_OPTIONAL:
		if (v->as.opt)
			print_value(v->as.opt, out, depth + 1);
		else
			buf_addstr(out, "null");
		break;
	default:
		buf_addstr(out, "null");
	}
}

void cel_print_json(const struct cel_value *value, struct buf *out)
{
	static const char *const names[CEL_TYPE_COUNT] = {
		"null",	 "bool", "int",	      "uint",	  "double", "string",	"bytes",
		"list",	 "map",	 "timestamp", "duration", "type",   "optional",
	};

	buf_addf(out, "{\"type\":\"%s\",\"value\":", names[value->type]);
	print_value(value, out, 0);
	buf_addch(out, '}');
}
