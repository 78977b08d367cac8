/*
 * bridge/api/api.h - the tenant's operations as a table; rows in api.def.
 *
 * The client builds requests from it, the sandbox routes by it, the plan counts by it. It
 * says what an operation looks like, not how the tenant behaves: caps and status codes of
 * the sandbox stand in the sandbox, so that one wrong row can't be wrong on both sides.
 */
#ifndef BRIDGE_API_API_H
#define BRIDGE_API_API_H

#include <stdbool.h>
#include <stddef.h>

#include "scim/base/text.h"

enum api_op {
#define API_OP(id, ...) API_##id,
#define API_FIELD(...)
#include "bridge/api/api.def"
#undef API_OP
#undef API_FIELD
	API_OP_COUNT,
};

/* API_HOST_SCIM: paths below the address of any SCIM service (target.kind: scim). */
enum api_host { API_HOST_API, API_HOST_LOGIN, API_HOST_SCIM };
enum api_body { API_BODY_NONE, API_BODY_FORM, API_BODY_OBJECT, API_BODY_ARRAY, API_BODY_TEXTS };
enum api_type { API_TYPE_TEXT, API_TYPE_NUMBER, API_TYPE_BOOL, API_TYPE_OBJECT,
		API_TYPE_OBJECTS, API_TYPE_TEXTS };

struct api_op_row {
	const char *name;       /* "SCIM_CREATE" */
	enum api_host host;
	const char *method, *path, *query;
	enum api_body body;
	unsigned page_max, batch_max;
	int success;
	bool repeat_safe;
	const char *permission;
};

struct api_field_row {
	enum api_op op;
	const char *path;
	enum api_type type;
	bool required;
};

const struct api_op_row *api_op(enum api_op op);
/* What it does, in words, as a noun: "skills of one person set". */
const char *api_words(enum api_op op);
/* All body fields, in the table's order. */
const struct api_field_row *api_fields(size_t *ret_count);
/*
 * Find the operation of Genesys Cloud for a request; fills `ids` with slices of the path for
 * its {...} parts (still percent-encoded). Returns API_OP_COUNT when no path matches; *ret_method_wrong
 * tells that a path matches with another method.
 */
#define API_PATH_IDS_MAX 3
enum api_op api_route(const char *method, const char *path, size_t path_len,
		      struct slice ids[API_PATH_IDS_MAX], bool *ret_method_wrong);

#endif
