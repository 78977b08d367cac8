/*
 * scim/patch.h - apply a PATCH request to a resource, as a service does.
 *
 * Spec    RFC 7644 section 3.5.2. Operation names and attribute names compare without
 *         case. The operations are applied in order, all or none.
 * Memory  jansson values: `resource` and `request` are borrowed; the new resource is the
 *         caller's (json_decref).
 * Rules   `rules` may forbid paths; NULL allows everything but id, meta and schemas.
 * Errors  0, or -1 with *ret_type set (SCIM_ERROR_INVALID_SYNTAX, INVALID_PATH, NO_TARGET,
 *         INVALID_VALUE, MUTABILITY) and *err: the text is fit for `detail`.
 * Limits  PATCH_OPS_MAX operations.
 */
#ifndef SCIM_PATCH_H
#define SCIM_PATCH_H

#include <jansson.h>

#include "scim/base/err.h"
#include "scim/base/mem.h"
#include "scim/message.h"
#include "scim/path.h"

#define PATCH_OPS_MAX 1000

/*
 * May this attribute be written? Asked for each attribute an operation would change,
 * with the whole path (an operation without a path is asked member by member; then the
 * URN of an extension whose object is given as a whole is in attr.urn with each of its
 * members as attr.name). Returns false to refuse with SCIM_ERROR_MUTABILITY.
 */
typedef bool scim_writable_fn(void *ctx, enum scim_op op, const struct scim_path *path);
struct scim_patch_rules {
	scim_writable_fn *writable;
	void *ctx;
};

int scim_patch_apply(const json_t *resource, const json_t *request,
		     const struct scim_patch_rules *rules, struct arena *mem,
		     json_t **ret_resource, enum scim_error_type *ret_type,
		     struct err *err);

#endif
