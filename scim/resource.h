/*
 * scim/resource.h - a user in canonical flat form: read, write, compare.
 *
 * Spec    RFC 7643 sections 2.1 (names without case), 2.4 (multi-valued attributes), 2.5
 *         (null, [] and absence are one), 3.
 * Form    Fields sorted by (attr, key without case), one field for each pair. Of two
 *         values with the same type the primary one stays, else the first.
 * Memory  All text is in the arena that the resource was read into (or, in a resource
 *         built by hand, wherever the caller keeps it). Nothing is freed singly.
 * Errors  0, or -1 with *err set; ret_* untouched on failure.
 * Limits  SCIM_FIELDS_MAX fields, SCIM_VALUE_BYTES_MAX bytes a value.
 */
#ifndef SCIM_RESOURCE_H
#define SCIM_RESOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "scim/base/err.h"
#include "scim/base/json.h"
#include "scim/base/mem.h"
#include "scim/schema.h"

/* All rows, with a dozen types of each multi-valued one, fit several times. */
#define SCIM_FIELDS_MAX 256
/* The longest are URLs of photos; a whole picture as a data: URL is not a profile field. */
#define SCIM_VALUE_BYTES_MAX 8192

struct scim_field {
	uint16_t attr;     /* enum scim_attr */
	const char *key;   /* "type" of a multi-valued one ("" = it has none), else NULL */
	const char *value; /* text; booleans "true" or "false" */
};

struct scim_resource {
	const char *id;      /* NULL = none */
	const char *version; /* meta.version, NULL = none */
	struct scim_field *fields;
	size_t count;
};

/*
 * Read the JSON object that comes next. Unknown attributes are skipped; null, [] and empty
 * text are "not there". Text for a boolean ("True") and a number for text are taken over,
 * since services write them; an object or array in their place is an error.
 */
int scim_resource_read(struct json_in *in, struct arena *mem, struct scim_resource *ret);
/* The same from a text that holds one resource. */
int scim_resource_parse(const char *text, size_t len, const char *where, struct arena *mem,
			struct scim_resource *ret, struct err *err);

/*
 * The body of a POST: `schemas` (the core URN, then each extension's that is used) and the
 * fields, which must be in canonical order. As one JSON object, or as its members only,
 * for a caller that adds vendor attributes: scim_fields_write_members writes no `schemas`.
 */
void scim_fields_write(const struct scim_field *fields, size_t count,
		       struct json_out *out);
void scim_fields_write_members(const struct scim_field *fields, size_t count,
			       struct json_out *out);

/* One value as JSON of its attribute's type. */
void scim_value_write(enum scim_attr attr, const char *value, struct json_out *out);
/* {"type": key, "value": value}, as an element of a multi-valued attribute. */
void scim_element_write(const struct scim_field *field, struct json_out *out);

/* Order of fields; the value does not count. */
int scim_field_cmp(const struct scim_field *a, const struct scim_field *b);
/* Put into canonical order. Of two with one (attr, key) the first stays; returns the count. */
size_t scim_fields_sort(struct scim_field *fields, size_t count);
/* Field of a sorted list, or NULL. `key` NULL for a single-valued attribute. */
const struct scim_field *scim_fields_find(const struct scim_field *fields, size_t count,
					  enum scim_attr attr, const char *key);

/*
 * Compare two sorted lists by one merge. For each (attr, key) whose value is not the same
 * (scim_value_same) `differ` is called in order: `a` NULL = only in b, `b` NULL = only in
 * a. Returns the number of differences.
 */
typedef void scim_differ_fn(void *ctx, const struct scim_field *a,
			    const struct scim_field *b);
size_t scim_fields_compare(const struct scim_field *a, size_t a_count,
			   const struct scim_field *b, size_t b_count,
			   scim_differ_fn *differ, void *ctx);

#endif
