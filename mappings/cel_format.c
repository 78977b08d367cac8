#include "mappings/cel_impl.h"

#include <math.h>
#include <stdlib.h>

#include "scim/base/buf.h"
#include "scim/base/banned.h"

/*
 * "...".format([...]) of the strings extension (cel-spec, doc/extensions/strings.md): clauses
 * %s %d %f %e %b %o %x %X, a precision for %f and %e. Messages are those of that page.
 */

struct format {
	struct cel_ctx *c;
	const struct cel_node *n;
	struct buf buf;
	unsigned depth;
};

static bool format_error(struct format *f, const char *rule, const struct cel_value *v)
{
	return cel_failf(f->c, f->n, "error during formatting: %s, was given %s", rule,
			 cel_type_name(v->type));
}

static const char *not_finite(double d)
{
	return isnan(d) ? "NaN" : isinf(d) ? (d < 0 ? "-Infinity" : "Infinity") : NULL;
}

static bool format_text(struct format *f, const struct cel_value *v);

static bool format_list(struct format *f, const struct cel_list *list)
{
	buf_addch(&f->buf, '[');
	for (size_t i = 0; i < list->count && !buf_failed(&f->buf); i++) {
		struct cel_value item = cel_list_at(list, i);

		if (i)
			buf_addstr(&f->buf, ", ");
		if (!format_text(f, &item))
			return false;
	}
	buf_addch(&f->buf, ']');
	return true;
}

struct pair {
	struct slice key;
	const struct cel_value *value;
};

static int pair_cmp(const void *a, const void *b)
{
	return slice_cmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* "entries sorted by the text of their keys" (strings extension, format, %s). */
static bool format_map(struct format *f, const struct cel_map *map)
{
	struct pair *pairs = cel_alloc_array(f->c, f->n, map->count + 1, sizeof(*pairs));

	if (!pairs)
		return false;
	for (size_t i = 0; i < map->count; i++) {
		cel_to_text(&map->keys[i], f->c->mem, &pairs[i].key, NULL);
		pairs[i].value = &map->values[i];
	}
	qsort(pairs, map->count, sizeof(*pairs), pair_cmp);
	buf_addch(&f->buf, '{');
	for (size_t i = 0; i < map->count && !buf_failed(&f->buf); i++) {
		if (i)
			buf_addstr(&f->buf, ", ");
		buf_add(&f->buf, pairs[i].key.data, pairs[i].key.len);
		buf_addstr(&f->buf, ": ");
		if (!format_text(f, pairs[i].value))
			return false;
	}
	buf_addch(&f->buf, '}');
	return true;
}

static bool format_nested(struct format *f, const struct cel_value *v)
{
	bool ok;

	if (++f->depth > CEL_VALUE_DEPTH_MAX)
		return cel_fail_limit(f->c, f->n, "a value is nested too deep to be formatted");
	ok = v->type == CEL_LIST ? format_list(f, v->as.list) : format_map(f, v->as.map);
	f->depth--;
	return ok;
}

static bool format_text(struct format *f, const struct cel_value *v)
{
	char number[CEL_NUMBER_MAX];
	struct slice text;

	if (++f->c->steps > CEL_STEPS_MAX)
		return cel_charge(f->c, f->n, 0);
	switch (v->type) {
	case CEL_NULL:
		buf_addstr(&f->buf, "null");
		return true;
	case CEL_TYPE:
		buf_add(&f->buf, v->as.s.data, v->as.s.len);
		return true;
	case CEL_LIST:
	case CEL_MAP:
		return format_nested(f, v);
	case CEL_DOUBLE:
		if (not_finite(v->as.d)) {
			buf_addstr(&f->buf, not_finite(v->as.d));
			return true;
		}
		break;
	case CEL_OPTIONAL:
		return format_error(f, "string clause can only be used on strings, bools, bytes, "
				    "ints, doubles, maps, lists, types, durations, and "
				    "timestamps", v);
	default:
		break;
	}
	if (!cel_scalar_text(v, number, &text))
		return cel_fail(f->c, f->n, "invalid UTF-8 in bytes, cannot be formatted");
	buf_add(&f->buf, text.data, text.len);
	return true;
}

static bool format_decimal(struct format *f, const struct cel_value *v)
{
	if (v->type == CEL_INT)
		buf_addf(&f->buf, "%lld", (long long)v->as.i);
	else if (v->type == CEL_UINT)
		buf_addf(&f->buf, "%llu", (unsigned long long)v->as.u);
	else if (v->type == CEL_DOUBLE && not_finite(v->as.d))
		buf_addstr(&f->buf, not_finite(v->as.d));
	else
		return format_error(f, "decimal clause can only be used on integers", v);
	return true;
}

/* %f and %e, of any number. */
static bool format_double(struct format *f, const struct cel_value *v, int precision, char verb)
{
	double d = v->type == CEL_INT ? (double)v->as.i : v->type == CEL_UINT ? (double)v->as.u
									       : v->as.d;

	if (!(T_(v->type) & TNUM))
		return format_error(f, verb == 'f' ? "fixed-point clause can only be used on "
						     "doubles"
						   : "scientific clause can only be used on "
						     "doubles", v);
	if (not_finite(d))
		buf_addstr(&f->buf, not_finite(d));
	else if (verb == 'f')
		buf_addf(&f->buf, "%.*f", precision, d);
	else
		buf_addf(&f->buf, "%.*e", precision, d);
	return true;
}

static void add_base(struct format *f, uint64_t u, bool minus, unsigned base, bool upper)
{
	char text[66];
	size_t at = sizeof(text);

	do {
		unsigned digit = (unsigned)(u % base);

		text[--at] = (char)(digit < 10 ? '0' + digit : (upper ? 'A' : 'a') + digit - 10);
		u /= base;
	} while (u);
	if (minus)
		buf_addch(&f->buf, '-');
	buf_add(&f->buf, text + at, sizeof(text) - at);
}

static bool format_base(struct format *f, const struct cel_value *v, char verb)
{
	static const char hex[2][17] = { "0123456789abcdef", "0123456789ABCDEF" };
	unsigned base = verb == 'b' ? 2 : verb == 'o' ? 8 : 16;

	if (v->type == CEL_INT || v->type == CEL_UINT) {
		bool minus = v->type == CEL_INT && v->as.i < 0;

		add_base(f, minus ? 0 - v->as.u : v->as.u, minus, base, verb == 'X');
		return true;
	}
	if (verb == 'b' && v->type == CEL_BOOL) {
		buf_addch(&f->buf, v->as.b ? '1' : '0');
		return true;
	}
	if (base == 16 && (v->type == CEL_STRING || v->type == CEL_BYTES)) {
		for (size_t i = 0; i < v->as.s.len; i++) {
			unsigned char byte = (unsigned char)v->as.s.data[i];

			buf_addch(&f->buf, hex[verb == 'X'][byte >> 4]);
			buf_addch(&f->buf, hex[verb == 'X'][byte & 15]);
		}
		return true;
	}
	return format_error(f, verb == 'b'   ? "only integers and bools can be formatted as binary"
			       : verb == 'o' ? "octal clause can only be used on integers"
					     : "only integers, byte buffers, and strings can be "
					       "formatted as hex", v);
}

/* ".12" after the "%"; -1 with none. */
static bool format_precision(struct format *f, struct slice s, size_t *at, int *ret)
{
	int value = 0;
	size_t first;

	*ret = -1;
	if (*at >= s.len || s.data[*at] != '.')
		return true;
	for (first = ++*at; *at < s.len && s.data[*at] >= '0' && s.data[*at] <= '9'; ++*at)
		if (value <= 1000)
			value = value * 10 + s.data[*at] - '0';
	if (*at == first || value > 1000)
		return cel_fail(f->c, f->n, "could not parse formatting clause: the precision "
				"must be a number up to 1000");
	*ret = value;
	return true;
}

static bool format_clause(struct format *f, char verb, int precision, const struct cel_value *v)
{
	switch (verb) {
	case 's':
		return format_text(f, v);
	case 'd':
		return format_decimal(f, v);
	case 'f':
	case 'e':
		return format_double(f, v, precision < 0 ? 6 : precision, verb);
	default:
		return format_base(f, v, verb);
	}
}

static bool format_all(struct format *f, struct slice s, const struct cel_list *list)
{
	size_t used = 0;

	for (size_t i = 0; i < s.len; i++) {
		struct cel_value v;
		int precision;

		if (s.data[i] != '%') {
			buf_addch(&f->buf, s.data[i]);
			continue;
		}
		i++;
		if (i < s.len && s.data[i] == '%') {
			buf_addch(&f->buf, '%');
			continue;
		}
		if (!format_precision(f, s, &i, &precision))
			return false;
		if (i >= s.len || !s.data[i] || !strchr("sdfeboxX", s.data[i]))
			return cel_failf(f->c, f->n, "could not parse formatting clause: "
					 "unrecognized formatting clause \"%.*s\"",
					 i < s.len ? (int)cel_char_bytes(s.data + i) : 0, s.data + i);
		if (used >= list->count)
			return cel_failf(f->c, f->n, "index %zu out of range: format has fewer "
					 "arguments than clauses", used);
		v = cel_list_at(list, used++);
		if (!format_clause(f, s.data[i], precision, &v))
			return false;
	}
	return true;
}

CEL_FN(format)
{
	struct format f = { .c = c, .n = n };
	char *text;
	bool ok;

	CEL_FN_UNUSED();
	buf_init(&f.buf, CEL_EVAL_BYTES_MAX / 4);
	ok = format_all(&f, args[0].as.s, args[1].as.list);
	if (ok && buf_failed(&f.buf))
		ok = cel_fail_limit(c, n, "the formatted text is too long");
	text = ok ? cel_alloc_bytes(c, n, f.buf.len) : NULL;
	if (text) {
		if (f.buf.len)
			memcpy(text, f.buf.data, f.buf.len);
		text[f.buf.len] = '\0';
		*out = cel_string(slice_of(text, f.buf.len));
	}
	buf_release(&f.buf);
	return text != NULL;
}
