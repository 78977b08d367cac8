/*
 * scim/message.h - the messages of the SCIM protocol: PatchOp, ListResponse, Error.
 *
 * Spec    RFC 7644 sections 3.5.2 (PATCH), 3.4.2 (ListResponse), 3.12 (Error).
 * Memory  What is read lives in the arena of the reader; raw resources point into the
 *         text that was read.
 * Errors  0, or -1 with *err set; ret_* untouched on failure.
 */
#ifndef SCIM_MESSAGE_H
#define SCIM_MESSAGE_H

#include "scim/base/buf.h"
#include "scim/base/err.h"
#include "scim/base/json.h"
#include "scim/base/mem.h"
#include "scim/resource.h"

enum scim_op { SCIM_OP_ADD, SCIM_OP_REPLACE, SCIM_OP_REMOVE };

struct scim_patch_op {
	enum scim_op op;
	struct scim_field field; /* the value counts for add and replace */
};

/*
 * Body of a PATCH, one operation each. A single-valued attribute goes by its path. Of a
 * multi-valued one, add appends {"type", "value"} to the attribute; replace and remove
 * name the value by its type, `emails[type eq "work"].value`, and a replace of a value
 * that is not there is the error noTarget at the service: the caller knows which it is.
 */
void scim_patch_write(const struct scim_patch_op *ops, size_t count, struct json_out *out);
/* The path of one such operation, e.g. for a message to people. */
void scim_patch_path(const struct scim_patch_op *op, struct buf *buf);

struct scim_list {
	int64_t total_results; /* -1 = not stated */
	int64_t start_index;   /* from 1; not stated = 1 */
	int64_t items_per_page; /* -1 = not stated */
	size_t resources;      /* met in this page */
};

/*
 * Read a ListResponse; `each` is called with every resource as it stands (an object) and
 * returns 0, or -1 with *err set to end the reading. The counts of *ret are complete only
 * after the return, since a service may write them behind the resources.
 */
typedef int scim_resource_fn(void *ctx, struct slice resource, struct err *err);
int scim_list_read(const char *text, size_t len, const char *where, struct arena *mem,
		   scim_resource_fn *each, void *ctx, struct scim_list *ret,
		   struct err *err);

/* RFC 7644 table 9. */
enum scim_error_type {
	SCIM_ERROR_NONE, /* absent, or none of these */
	SCIM_ERROR_INVALID_FILTER,
	SCIM_ERROR_TOO_MANY,
	SCIM_ERROR_UNIQUENESS,
	SCIM_ERROR_MUTABILITY,
	SCIM_ERROR_INVALID_SYNTAX,
	SCIM_ERROR_INVALID_PATH,
	SCIM_ERROR_NO_TARGET,
	SCIM_ERROR_INVALID_VALUE,
	SCIM_ERROR_INVALID_VERS,
	SCIM_ERROR_SENSITIVE,
	SCIM_ERROR_TYPE_COUNT
};

/* "invalidFilter"; NULL for SCIM_ERROR_NONE. */
const char *scim_error_name(enum scim_error_type type);

struct scim_error {
	int status; /* 0 = not stated */
	enum scim_error_type type;
	const char *detail; /* "" = not stated */
};

/* `status` may be text, as the RFC says, or a number, as services write. */
int scim_error_read(const char *text, size_t len, const char *where, struct arena *mem,
		    struct scim_error *ret, struct err *err);
void scim_error_write(const struct scim_error *error, struct json_out *out);

#endif
