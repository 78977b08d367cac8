#include "mappings/cel_impl.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "scim/base/banned.h"

/* The standard functions, the strings extension (but format) and the encoders. */

/* ---- characters ---- */

static size_t count_chars(struct slice s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.len; i++)
		count += ((unsigned char)s.data[i] & 0xc0) != 0x80;
	return count;
}

/* Byte at which character `index` starts; SIZE_MAX beyond the end (the end itself is fine). */
static size_t char_offset(struct slice s, int64_t index)
{
	size_t at = 0;

	if (index < 0)
		return SIZE_MAX;
	while (index > 0 && at < s.len) {
		at += cel_char_bytes(s.data + at);
		index--;
	}
	return index == 0 ? at : SIZE_MAX;
}

static bool bad_index(struct cel_ctx *c, const struct cel_node *n, int64_t index)
{
	return cel_failf(c, n, "index out of range: %lld", (long long)index);
}

static size_t find_bytes(struct slice s, size_t from, struct slice part)
{
	const char *hit;

	if (part.len == 0)
		return from;
	hit = memmem(s.data + from, s.len - from, part.data, part.len);
	return hit ? (size_t)(hit - s.data) : SIZE_MAX;
}

static struct slice part_of(struct slice s, size_t from, size_t to)
{
	return slice_of(s.data + from, to - from);
}

/* ---- numbers from text ---- */

bool cel_parse_uint(struct slice s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.data[i] - '0'), &v))
			return false;
	}
	*ret = v;
	return true;
}

bool cel_parse_int(struct slice s, int64_t *ret)
{
	bool minus = s.len && *s.data == '-';
	uint64_t v;

	if (minus || (s.len && *s.data == '+'))
		s = part_of(s, 1, s.len);
	if (!cel_parse_uint(s, &v) || v > (uint64_t)INT64_MAX + minus)
		return false;
	*ret = minus ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

/* Digits, point, exponent, or a name of infinity or nan; nothing else that strtod reads. */
bool cel_parse_double(struct slice s, double *ret)
{
	char text[400], *end;
	bool digits = false;
	size_t i = s.len && (*s.data == '-' || *s.data == '+');
	struct slice word = part_of(s, i, s.len);

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	for (; i < s.len; i++) {
		if (s.data[i] >= '0' && s.data[i] <= '9')
			digits = true;
		else if (!strchr(".eE+-", s.data[i]) || s.data[i] == '\0')
			break;
	}
	if ((!digits || i < s.len) &&
	    text_cmp_nocase(word.data, word.len, "inf", 3) != 0 &&
	    text_cmp_nocase(word.data, word.len, "infinity", 8) != 0 &&
	    text_cmp_nocase(word.data, word.len, "nan", 3) != 0)
		return false;
	memcpy(text, s.data, s.len);
	text[s.len] = '\0';
	errno = 0;
	*ret = strtod(text, &end);
	return *end == '\0' && !(errno == ERANGE && isinf(*ret));
}

/* ---- conversions ---- */

CEL_FN(size)
{
	int64_t size;

	CEL_FN_UNUSED();
	switch (args[0].type) {
	case CEL_STRING:
		size = (int64_t)count_chars(args[0].as.s);
		break;
	case CEL_BYTES:
		size = (int64_t)args[0].as.s.len;
		break;
	case CEL_LIST:
		size = (int64_t)args[0].as.list->count;
		break;
	default:
		size = (int64_t)args[0].as.map->count;
	}
	*out = cel_int(size);
	return true;
}

static bool cannot_read(struct cel_ctx *c, const struct cel_node *n, struct slice s,
			const char *what)
{
	return cel_failf(c, n, "Type conversion error: \"%.*s\" is no %s, or is out of its range",
			 (int)(s.len > 60 ? 60 : s.len), s.data, what);
}

static bool range_error(struct cel_ctx *c, const struct cel_node *n, const char *what)
{
	return cel_failf(c, n, "range error: the value is out of the range of %s", what);
}

CEL_FN(int)
{
	const struct cel_value *v = &args[0];

	CEL_FN_UNUSED();
	switch (v->type) {
	case CEL_UINT:
		if (v->as.u > INT64_MAX)
			return range_error(c, n, "int");
		*out = cel_int((int64_t)v->as.u);
		return true;
	case CEL_DOUBLE:
		/* -2^63 itself is refused: the double may have been rounded to it. */
		if (!(v->as.d > -0x1p63 && v->as.d < 0x1p63))
			return range_error(c, n, "int");
		*out = cel_int((int64_t)v->as.d);
		return true;
	case CEL_STRING:
		*out = cel_int(0);
		return cel_parse_int(v->as.s, &out->as.i) ||
		       cannot_read(c, n, v->as.s, "int");
	default: /* int, timestamp */
		*out = cel_int(v->as.i);
		return true;
	}
}

CEL_FN(uint)
{
	const struct cel_value *v = &args[0];

	CEL_FN_UNUSED();
	switch (v->type) {
	case CEL_INT:
		if (v->as.i < 0)
			return range_error(c, n, "uint");
		*out = cel_uint((uint64_t)v->as.i);
		return true;
	case CEL_DOUBLE:
		if (!(v->as.d >= 0 && v->as.d < 0x1p64))
			return range_error(c, n, "uint");
		*out = cel_uint((uint64_t)v->as.d);
		return true;
	case CEL_STRING:
		*out = cel_uint(0);
		return cel_parse_uint(v->as.s, &out->as.u) ||
		       cannot_read(c, n, v->as.s, "uint");
	default:
		*out = *v;
		return true;
	}
}

CEL_FN(double)
{
	const struct cel_value *v = &args[0];

	CEL_FN_UNUSED();
	switch (v->type) {
	case CEL_INT:
		*out = cel_double((double)v->as.i);
		return true;
	case CEL_UINT:
		*out = cel_double((double)v->as.u);
		return true;
	case CEL_STRING:
		*out = cel_double(0);
		return cel_parse_double(v->as.s, &out->as.d) ||
		       cannot_read(c, n, v->as.s, "double");
	default:
		*out = *v;
		return true;
	}
}

CEL_FN(string)
{
	struct slice text;

	CEL_FN_UNUSED();
	if (cel_to_text(&args[0], c->mem, &text, NULL) < 0)
		return cel_fail(c, n, "invalid UTF-8 in bytes, cannot be converted to string");
	*out = cel_string(text);
	return true;
}

CEL_FN(bytes)
{
	CEL_FN_UNUSED();
	*out = cel_bytes(args[0].as.s);
	return true;
}

CEL_FN(bool)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	CEL_FN_UNUSED();
	*out = args[0];
	if (args[0].type == CEL_BOOL)
		return true;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		if (slice_eq_str(args[0].as.s, yes[i]) || slice_eq_str(args[0].as.s, no[i])) {
			*out = cel_bool(slice_eq_str(args[0].as.s, yes[i]));
			return true;
		}
	return cannot_read(c, n, args[0].as.s, "bool");
}

CEL_FN(timestamp)
{
	CEL_FN_UNUSED();
	*out = args[0];
	if (args[0].type == CEL_STRING)
		return cel_parse_timestamp(args[0].as.s, out) ||
		       cel_failf(c, n, "range error or invalid timestamp: \"%.*s\" is not like "
				 "2026-01-31T09:30:00Z, years 0001 to 9999",
				 (int)(args[0].as.s.len > 60 ? 60 : args[0].as.s.len),
				 args[0].as.s.data);
	if (args[0].as.i < CEL_TIMESTAMP_MIN || args[0].as.i > CEL_TIMESTAMP_MAX)
		return range_error(c, n, "timestamp");
	out->type = CEL_TIMESTAMP;
	return true;
}

CEL_FN(duration)
{
	CEL_FN_UNUSED();
	*out = args[0];
	return args[0].type == CEL_DURATION || cel_parse_duration(args[0].as.s, out) ||
	       cel_failf(c, n, "range error or invalid duration: \"%.*s\" is not like 1h30m, or "
			 "is longer than 10000 years",
			 (int)(args[0].as.s.len > 60 ? 60 : args[0].as.s.len), args[0].as.s.data);
}

CEL_FN(type)
{
	CEL_FN_UNUSED();
	*out = (struct cel_value){ .type = CEL_TYPE,
				   .as.s = slice_str(cel_type_name(args[0].type)) };
	return true;
}

CEL_FN(dyn)
{
	CEL_FN_UNUSED();
	*out = args[0];
	return true;
}

/* ---- text: standard ---- */

CEL_FN(contains)
{
	CEL_FN_UNUSED();
	*out = cel_bool(find_bytes(args[0].as.s, 0, args[1].as.s) != SIZE_MAX);
	return cel_charge(c, n, args[0].as.s.len);
}

CEL_FN(startsWith)
{
	struct slice s = args[0].as.s, p = args[1].as.s;

	CEL_FN_UNUSED();
	*out = cel_bool(s.len >= p.len && (p.len == 0 || memcmp(s.data, p.data, p.len) == 0));
	return true;
}

CEL_FN(endsWith)
{
	struct slice s = args[0].as.s, p = args[1].as.s;

	CEL_FN_UNUSED();
	*out = cel_bool(s.len >= p.len &&
			(p.len == 0 || memcmp(s.data + s.len - p.len, p.data, p.len) == 0));
	return true;
}

/* ---- text: the strings extension ---- */

CEL_FN(charAt)
{
	struct slice s = args[0].as.s;
	size_t at = char_offset(s, args[1].as.i);

	CEL_FN_UNUSED();
	if (at == SIZE_MAX)
		return bad_index(c, n, args[1].as.i);
	*out = cel_string(part_of(s, at, at < s.len ? at + cel_char_bytes(s.data + at) : at));
	return cel_charge(c, n, at);
}

CEL_FN(indexOf)
{
	struct slice s = args[0].as.s;
	size_t from = argc > 2 ? char_offset(s, args[2].as.i) : 0, at;

	if (from == SIZE_MAX)
		return bad_index(c, n, args[2].as.i);
	at = find_bytes(s, from, args[1].as.s);
	*out = cel_int(at == SIZE_MAX ? -1 : (int64_t)count_chars(part_of(s, 0, at)));
	return cel_charge(c, n, s.len);
}

CEL_FN(lastIndexOf)
{
	struct slice s = args[0].as.s, p = args[1].as.s;
	size_t at = argc > 2 ? char_offset(s, args[2].as.i) : s.len;

	if (at == SIZE_MAX)
		return bad_index(c, n, args[2].as.i);
	*out = cel_int(-1);
	if (p.len > s.len)
		return true;
	if (at > s.len - p.len)
		at = s.len - p.len;
	if (!cel_charge(c, n, (p.len < 64 ? 64 : p.len) * (at / 64 + 1)))
		return false;
	for (;; at--) {
		if (p.len == 0 || memcmp(s.data + at, p.data, p.len) == 0) {
			*out = cel_int((int64_t)count_chars(part_of(s, 0, at)));
			return true;
		}
		if (at == 0)
			return true;
	}
}

CEL_FN(join)
{
	const struct cel_list *list = args[0].as.list;
	struct slice sep = argc > 1 ? args[1].as.s : slice_of("", 0);
	size_t len = 0, at = 0;
	char *text;

	for (size_t i = 0; i < list->count; i++) {
		struct cel_value v = cel_list_at(list, i);

		if (v.type != CEL_STRING)
			return cel_no_overload(c, n, "join", &v, 1);
		len += v.as.s.len + (i ? sep.len : 0);
	}
	text = cel_alloc_bytes(c, n, len);
	if (!text)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		struct cel_value v = cel_list_at(list, i);

		if (i && sep.len) {
			memcpy(text + at, sep.data, sep.len);
			at += sep.len;
		}
		memcpy(text + at, v.as.s.data, v.as.s.len);
		at += v.as.s.len;
	}
	text[len] = '\0';
	*out = cel_string(slice_of(text, len));
	return true;
}

static bool change_case(struct cel_ctx *c, const struct cel_node *n, struct slice s, char first,
			struct cel_value *out)
{
	char *text = cel_alloc_bytes(c, n, s.len);

	if (!text)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned d = (unsigned)(unsigned char)s.data[i] - (unsigned)first;

		text[i] = d < 26 ? (char)(s.data[i] ^ 0x20) : s.data[i];
	}
	text[s.len] = '\0';
	*out = cel_string(slice_of(text, s.len));
	return true;
}

CEL_FN(lowerAscii)
{
	CEL_FN_UNUSED();
	return change_case(c, n, args[0].as.s, 'A', out);
}

CEL_FN(upperAscii)
{
	CEL_FN_UNUSED();
	return change_case(c, n, args[0].as.s, 'a', out);
}

CEL_FN(quote)
{
	static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
	struct slice s = args[0].as.s;
	char *text = cel_alloc_bytes(c, n, 2 * s.len + 2);
	size_t len = 0;

	CEL_FN_UNUSED();
	if (!text)
		return false;
	text[len++] = '"';
	for (size_t i = 0; i < s.len; i++) {
		const char *hit = s.data[i] ? strchr(from, s.data[i]) : NULL;

		if (hit)
			text[len++] = '\\';
		text[len++] = hit ? to[hit - from] : s.data[i];
	}
	text[len++] = '"';
	text[len] = '\0';
	*out = cel_string(slice_of(text, len));
	return true;
}

/* Next place of `part` at or after *at; an empty part is before each character. */
static size_t next_part(struct slice s, size_t at, struct slice part, size_t done)
{
	if (part.len)
		return find_bytes(s, at, part);
	if (done == 0)
		return 0;
	return at < s.len ? at + cel_char_bytes(s.data + at) : SIZE_MAX;
}

static void add_part(char *text, size_t *len, const char *s, size_t count)
{
	if (text && count)
		memcpy(text + *len, s, count);
	*len += count;
}

/* With text NULL only the length. */
static size_t replace(struct slice s, struct slice from, struct slice to, int64_t limit,
		      char *text)
{
	size_t len = 0, at = 0, hit, done = 0;

	while (limit < 0 || done < (uint64_t)limit) {
		hit = next_part(s, at, from, done);
		if (hit == SIZE_MAX)
			break;
		add_part(text, &len, s.data + at, hit - at);
		add_part(text, &len, to.data, to.len);
		at = hit + from.len;
		done++;
		if (len > CEL_EVAL_BYTES_MAX)
			break;
	}
	add_part(text, &len, s.data + at, s.len - at);
	return len;
}

CEL_FN(replace)
{
	int64_t limit = argc > 3 ? args[3].as.i : -1;
	size_t len = replace(args[0].as.s, args[1].as.s, args[2].as.s, limit, NULL);
	char *text = cel_alloc_bytes(c, n, len);

	if (!text)
		return false;
	replace(args[0].as.s, args[1].as.s, args[2].as.s, limit, text);
	text[len] = '\0';
	*out = cel_string(slice_of(text, len));
	return true;
}

static bool reverse_list(struct cel_ctx *c, const struct cel_node *n, const struct cel_list *list,
			 struct cel_value *out)
{
	size_t count = list->count;
	struct cel_value *items = cel_alloc_array(c, n, count ? count : 1, sizeof(*items));

	if (!items)
		return false;
	for (size_t i = 0; i < count; i++)
		items[i] = cel_list_at(list, count - 1 - i);
	return cel_make_list(c, n, items, count, out);
}

CEL_FN(reverse)
{
	struct slice s = args[0].as.s;
	char *text;

	CEL_FN_UNUSED();
	if (args[0].type == CEL_LIST)
		return reverse_list(c, n, args[0].as.list, out);
	text = cel_alloc_bytes(c, n, s.len);
	if (!text)
		return false;
	text[s.len] = '\0';
	for (size_t at = 0; at < s.len;) {
		size_t bytes = cel_char_bytes(s.data + at);

		memcpy(text + s.len - at - bytes, s.data + at, bytes);
		at += bytes;
	}
	*out = cel_string(slice_of(text, s.len));
	return true;
}

static size_t split(struct slice s, struct slice sep, int64_t limit, struct cel_value *items)
{
	size_t count = 0, at = 0;

	if (limit == 0 || (sep.len == 0 && s.len == 0))
		return 0;
	while (limit < 0 || count + 1 < (uint64_t)limit) {
		size_t hit = sep.len ? find_bytes(s, at, sep) : at + cel_char_bytes(s.data + at);

		/* Without a separator the last character is the rest. */
		if (hit == SIZE_MAX || (sep.len == 0 && hit >= s.len))
			break;
		if (items)
			items[count] = cel_string(part_of(s, at, hit));
		count++;
		at = hit + sep.len;
	}
	if (items)
		items[count] = cel_string(part_of(s, at, s.len));
	return count + 1;
}

CEL_FN(split)
{
	int64_t limit = argc > 2 ? args[2].as.i : -1;
	size_t count = split(args[0].as.s, args[1].as.s, limit, NULL);
	struct cel_value *items = cel_alloc_array(c, n, count ? count : 1, sizeof(*items));

	if (!items || !cel_charge(c, n, args[0].as.s.len))
		return false;
	split(args[0].as.s, args[1].as.s, limit, items);
	return cel_make_list(c, n, items, count, out);
}

CEL_FN(substring)
{
	struct slice s = args[0].as.s;
	size_t from = char_offset(s, args[1].as.i);
	size_t to = argc > 2 ? char_offset(s, args[2].as.i) : s.len;

	if (from == SIZE_MAX)
		return bad_index(c, n, args[1].as.i);
	if (to == SIZE_MAX)
		return bad_index(c, n, args[2].as.i);
	if (from > to)
		return cel_failf(c, n, "invalid substring range. start: %lld, end: %lld",
				 (long long)args[1].as.i, (long long)args[2].as.i);
	*out = cel_string(part_of(s, from, to));
	return cel_charge(c, n, to);
}

/* White space of Unicode, without those that have no width. */
static bool is_space(uint32_t cp)
{
	return (cp >= 9 && cp <= 13) || cp == ' ' || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
	       (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f ||
	       cp == 0x205f || cp == 0x3000;
}

CEL_FN(trim)
{
	struct slice s = args[0].as.s;
	size_t from = 0, to = s.len, bytes;
	uint32_t cp;

	CEL_FN_UNUSED();
	while (from < to && (bytes = utf8_decode(s.data + from, to - from, &cp)) && is_space(cp))
		from += bytes;
	while (to > from) {
		size_t at = to - 1;

		while (at > from && ((unsigned char)s.data[at] & 0xc0) == 0x80)
			at--;
		if (!utf8_decode(s.data + at, to - at, &cp) || !is_space(cp))
			break;
		to = at;
	}
	*out = cel_string(part_of(s, from, to));
	return cel_charge(c, n, s.len);
}

/* ---- encoders ---- */

CEL_FN(base64_encode)
{
	struct slice s = args[0].as.s;
	char *text = cel_alloc_bytes(c, n, base64_encoded_size(s.len));
	size_t len;

	CEL_FN_UNUSED();
	if (!text)
		return false;
	len = base64_encode(s.data, s.len, text);
	*out = cel_string(slice_of(text, len));
	return true;
}

CEL_FN(base64_decode)
{
	struct slice s = args[0].as.s;
	size_t padded = (s.len + 3) / 4 * 4;
	char *text = cel_alloc_bytes(c, n, padded);
	long len;

	CEL_FN_UNUSED();
	if (!text)
		return false;
	if (s.len)
		memcpy(text, s.data, s.len);
	memset(text + s.len, '=', padded - s.len);
	len = base64_decode(text, padded, text);
	if (len < 0)
		return cel_fail(c, n, "illegal base64 data");
	*out = cel_bytes(slice_of(text, (size_t)len));
	return true;
}
