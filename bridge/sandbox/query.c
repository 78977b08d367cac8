/* The query of a request, and the checks of a body that all operations share. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

struct slice percent_decode(struct arena *mem, struct slice text, bool plus_is_space)
{
	char *out = arena_bytes(mem, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '%' && i + 2 < text.len && hex(text.data[i + 1]) >= 0 &&
		    hex(text.data[i + 2]) >= 0) {
			c = (char)(hex(text.data[i + 1]) << 4 | hex(text.data[i + 2]));
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		out[len++] = c;
	}
	out[len] = '\0';
	return slice_of(out, len);
}

static void refuse(struct call *call, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* 400 in the form of the path that was called. */
static void refuse(struct call *call, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (call->scim)
		refuse_scim(call, 400, SCIM_ERROR_INVALID_VALUE, "%s", text);
	else
		refuse_platform(call, 400, "bad.request", "%s", text);
}

/* ---- query ---- */

bool query_parse(struct call *call)
{
	const char *at = call->query.data, *end = at + call->query.len;

	while (at < end) {
		const char *stop = memchr(at, '&', (size_t)(end - at));
		const char *part_end = stop ? stop : end;
		const char *equals = memchr(at, '=', (size_t)(part_end - at));
		struct param *param = &call->params[call->param_count];

		if (call->param_count == PARAMS_MAX) {
			refuse(call, "more than %d query parameters", PARAMS_MAX);
			return false;
		}
		if (part_end > at) {
			const char *name_end = equals ? equals : part_end;
			const char *value = equals ? equals + 1 : part_end;

			param->name = percent_decode(
				&call->mem, slice_of(at, (size_t)(name_end - at)), true);
			param->value = percent_decode(
				&call->mem, slice_of(value, (size_t)(part_end - value)), true);
			call->param_count++;
		}
		at = stop ? stop + 1 : end;
	}
	return true;
}

static bool in_list(struct slice name, const char *const *names)
{
	for (; *names; names++)
		if (slice_eq_str(name, *names))
			return true;
	return false;
}

/*
 * The vendor lets unknown parameters pass; here they are refused, since a misspelt filter
 * that is ignored looks like an answer.
 */
bool query_only(struct call *call, const char *const *names)
{
	for (unsigned i = 0; i < call->param_count; i++)
		if (!in_list(call->params[i].name, names)) {
			refuse(call, "query parameter \"%.*s\" is not known here",
			       SLICE_FMT(call->params[i].name));
			return false;
		}
	return true;
}

struct slice query_get(const struct call *call, const char *name)
{
	for (unsigned i = 0; i < call->param_count; i++)
		if (slice_eq_str(call->params[i].name, name))
			return call->params[i].value;
	return slice_of(NULL, 0);
}

bool query_bool(struct call *call, const char *name, bool otherwise, bool *ret)
{
	struct slice value = query_get(call, name);

	*ret = otherwise;
	if (!value.data)
		return true;
	*ret = slice_eq_str(value, "true");
	if (*ret || slice_eq_str(value, "false"))
		return true;
	refuse(call, "%s must be true or false", name);
	return false;
}

bool query_number(struct call *call, const char *name, unsigned otherwise, unsigned min,
		  unsigned max, unsigned *ret)
{
	struct slice value = query_get(call, name);
	uint64_t number = 0;
	size_t i;

	*ret = otherwise;
	if (!value.data)
		return true;
	for (i = 0; i < value.len && i < 10; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			break;
		number = number * 10 + (unsigned)(value.data[i] - '0');
	}
	if (!value.len || i < value.len || number < min || number > max) {
		refuse(call, "%s must be a whole number from %u to %u", name, min, max);
		return false;
	}
	*ret = (unsigned)number;
	return true;
}

bool query_users(struct call *call, const char *name, size_t most, struct user **users,
		 size_t *ret_count)
{
	struct slice ids = query_get(call, name);
	size_t count = 0;

	if (!ids.len) {
		refuse(call, "%s must be given", name);
		return false;
	}
	while (ids.len) {
		const char *comma = memchr(ids.data, ',', ids.len);
		size_t len = comma ? (size_t)(comma - ids.data) : ids.len;

		if (count == most) {
			refuse(call, "A maximum of %zu members are allowed per request", most);
			return false;
		}
		users[count] = call_user(call, slice_of(ids.data, len));
		if (!users[count++])
			return false;
		ids = slice_of(ids.data + len, ids.len - len);
		if (comma)
			ids = slice_of(ids.data + 1, ids.len - 1);
	}
	*ret_count = count;
	return true;
}

/* ---- body ---- */

bool body_array(struct call *call, size_t most)
{
	if (!json_is_array(call->body)) {
		refuse(call, "the body must be an array");
		return false;
	}
	if (json_array_size(call->body) > most) {
		refuse(call, "%zu items in the body; a maximum of %zu is allowed",
		       json_array_size(call->body), most);
		return false;
	}
	return true;
}

bool body_texts(struct call *call, const json_t *array, const char *name, size_t most)
{
	size_t i;
	json_t *item;

	if (!json_is_array(array)) {
		refuse(call, "%s must be an array of ids", name);
		return false;
	}
	json_array_foreach((json_t *)array, i, item) {
		if (!json_is_string(item) || !json_string_length(item)) {
			refuse(call, "%s must be an array of ids", name);
			return false;
		}
	}
	if (json_array_size(array) > most) {
		refuse(call, "%zu ids in %s; a maximum of %zu is allowed",
		       json_array_size(array), name, most);
		return false;
	}
	return true;
}

bool body_members(struct call *call, const json_t *object, const char *const *names,
		  const char *where)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object)) {
		refuse(call, "%s must be an object", where);
		return false;
	}
	json_object_foreach((json_t *)object, key, value) {
		if (!in_list(slice_str(key), names)) {
			refuse(call, "%s has no field \"%.100s\"", where, key);
			return false;
		}
	}
	return true;
}

bool body_number(struct call *call, const json_t *object, const char *name,
		 unsigned otherwise, unsigned min, unsigned max, unsigned *ret)
{
	const json_t *value = json_object_get(object, name);
	json_int_t number = json_integer_value(value);

	*ret = otherwise;
	if (!value)
		return true;
	if (!json_is_integer(value) || number < min || number > max) {
		refuse(call, "%s must be a whole number from %u to %u", name, min, max);
		return false;
	}
	*ret = (unsigned)number;
	return true;
}

bool body_text(struct call *call, const json_t *object, const char *name,
	       const char *where, const char **ret)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value) || !json_string_length(value)) {
		refuse(call, "%s of %s must be given, as text", name, where);
		return false;
	}
	*ret = json_string_value(value);
	return true;
}
