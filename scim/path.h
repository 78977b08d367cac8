/*
 * scim/path.h - attribute paths: where in a resource something is.
 *
 * Spec    RFC 7644 section 3.10 (notation), figure 7 of 3.5.2 (PATCH paths):
 *         PATH = attrPath / valuePath [subAttr].
 * Memory  A path lives in the arena it was parsed into and points into its text.
 * Errors  0, or -1 with *err set (column = byte, from 1); ret_* untouched on failure.
 * Limits  PATH_BYTES_MAX.
 */
#ifndef SCIM_PATH_H
#define SCIM_PATH_H

#include <jansson.h>
#include <stddef.h>

#include "scim/base/buf.h"
#include "scim/base/err.h"
#include "scim/base/mem.h"
#include "scim/base/text.h"

#define PATH_BYTES_MAX 8192

/* [urn ":"] name ["." sub] */
struct scim_attr_path {
	struct slice urn; /* without the colon; empty = none */
	struct slice name;
	struct slice sub; /* empty = none */
};

struct scim_filter;
struct scim_path {
	struct scim_attr_path attr; /* `sub` is also what follows a value path */
	const struct scim_filter *filter; /* NULL = none */
};

int scim_path_parse(struct arena *mem, const char *text, size_t len,
		    struct scim_path *ret_path, struct err *err);
void scim_path_print(const struct scim_path *path, struct buf *buf);

/*
 * Cut an attribute path off the front of text[at..len): sets *ret_after behind it. Names
 * are ATTRNAME = ALPHA *( "-" / "_" / DIGIT / ALPHA ), and "$ref" as RFC 7643 has it.
 */
int scim_attr_path_parse(const char *text, size_t len, size_t at,
			 struct scim_attr_path *ret, size_t *ret_after, struct err *err);
void scim_attr_path_print(const struct scim_attr_path *attr, struct buf *buf);

/*
 * Member of an object by name, without case; NULL when absent. `ret_key` (may be NULL)
 * is set to the name as it is written there, good until the object changes.
 */
json_t *scim_json_get(const json_t *object, struct slice name, const char **ret_key);
/*
 * The object that holds the attribute: the resource for one of the core (or of its own
 * core URN), the extension's object for another URN. NULL when that is absent.
 */
json_t *scim_json_holder(json_t *resource, const struct scim_attr_path *attr);
/* Whether a URN is that of a core schema ("...:core:2.0:X"). */
bool scim_urn_is_core(struct slice urn);

#endif
