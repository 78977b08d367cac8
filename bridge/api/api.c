#include "bridge/api/api.h"

#include <assert.h>
#include <string.h>

#include "scim/base/banned.h"

static const struct api_op_row rows[API_OP_COUNT] = {
#define SAFE true
#define ONCE false
#define API_OP(id, host, method, path, query, body, page_max, batch_max, success, repeat,  \
	       permission)                                                                 \
	[API_##id] = { #id,      API_HOST_##host, method,  path,   query,     API_BODY_##body, \
		       page_max, batch_max,       success, repeat, permission },
#define API_FIELD(...)
#include "bridge/api/api.def"
#undef API_OP
#undef API_FIELD
#undef SAFE
#undef ONCE
};

static const struct api_field_row fields[] = {
#define REQUIRED true
#define OPTIONAL false
#define API_OP(...)
#define API_FIELD(op, path, type, required) { API_##op, path, API_TYPE_##type, required },
#include "bridge/api/api.def"
#undef API_OP
#undef API_FIELD
#undef REQUIRED
#undef OPTIONAL
};

const struct api_op_row *api_op(enum api_op op)
{
	assert((unsigned)op < API_OP_COUNT);
	return &rows[op];
}

const struct api_field_row *api_fields(size_t *ret_count)
{
	*ret_count = sizeof(fields) / sizeof(fields[0]);
	return fields;
}

/*
 * Match a path against a template segment by segment; a {...} segment takes any one that
 * is not empty. Returns whether the whole path matched.
 */
static bool path_match(const char *template, const char *path, size_t path_len,
		       struct slice ids[API_PATH_IDS_MAX])
{
	const char *end = path + path_len;
	unsigned count = 0;

	while (*template) {
		if (*template == '{') {
			const char *close = strchr(template, '}');
			const char *start = path;

			assert(close && count < API_PATH_IDS_MAX);
			while (path < end && *path != '/')
				path++;
			if (path == start)
				return false;
			ids[count++] = slice_of(start, (size_t)(path - start));
			template = close + 1;
			continue;
		}
		if (path == end || *path != *template)
			return false;
		path++;
		template++;
	}
	return path == end;
}

enum api_op api_route(const char *method, const char *path, size_t path_len,
		      struct slice ids[API_PATH_IDS_MAX], bool *ret_method_wrong)
{
	bool found = false;

	*ret_method_wrong = false;
	for (unsigned op = 0; op < API_OP_COUNT; op++) {
		struct slice parts[API_PATH_IDS_MAX] = { { NULL, 0 } };

		if (rows[op].host == API_HOST_SCIM)
			continue;
		if (!path_match(rows[op].path, path, path_len, parts))
			continue;
		if (!strcmp(rows[op].method, method)) {
			memcpy(ids, parts, sizeof(parts));
			return (enum api_op)op;
		}
		found = true;
	}
	*ret_method_wrong = found;
	return API_OP_COUNT;
}
