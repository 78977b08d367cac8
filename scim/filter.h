/*
 * scim/filter.h - SCIM filters: text to tree, tree to text, matching.
 *
 * Spec    RFC 7644 section 3.4.2.2; attribute names RFC 7643 section 2.1. Operators and
 *         names compare without case; "and" binds tighter than "or"; "not" takes a group.
 *         A value path (`emails[type eq "work"]`) does not nest.
 * Memory  A filter lives in the arena it was parsed into; nothing is freed singly.
 * Errors  0, or -1 with *err set (column = byte, from 1); ret_* untouched on failure.
 * Limits  FILTER_BYTES_MAX of text, FILTER_DEPTH_MAX of nesting.
 */
#ifndef SCIM_FILTER_H
#define SCIM_FILTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "scim/base/buf.h"
#include "scim/base/err.h"
#include "scim/base/mem.h"
#include "scim/path.h"

/* Beyond what fits a request line of 8 KiB, which servers refuse anyway. */
#define FILTER_BYTES_MAX 8192
#define FILTER_DEPTH_MAX 32

/* Which comparisons a filter may use, for services that know only some. */
enum scim_filter_op {
	SCIM_FILTER_EQ,
	SCIM_FILTER_NE,
	SCIM_FILTER_CO,
	SCIM_FILTER_SW,
	SCIM_FILTER_EW,
	SCIM_FILTER_GT,
	SCIM_FILTER_GE,
	SCIM_FILTER_LT,
	SCIM_FILTER_LE,
	SCIM_FILTER_PR,
	SCIM_FILTER_AND, /* left and right */
	SCIM_FILTER_OR,
	SCIM_FILTER_NOT,     /* left */
	SCIM_FILTER_ELEMENT, /* attr[left] */
};

enum scim_filter_kind {
	SCIM_VALUE_TEXT,
	SCIM_VALUE_NUMBER,
	SCIM_VALUE_TRUE,
	SCIM_VALUE_FALSE,
	SCIM_VALUE_NULL,
};

/* Immutable. A stand-in service that serves `eq` from an index walks it. */
struct scim_filter {
	enum scim_filter_op op;
	const struct scim_filter *left, *right;
	struct scim_attr_path attr; /* comparisons, pr and element */
	enum scim_filter_kind kind; /* comparisons */
	struct slice text;          /* TEXT: decoded; NUMBER: as written */
	double number;
};

/* Parse `len` bytes of UTF-8 at `text` (no NUL needed; the text must outlive the tree). */
int scim_filter_parse(struct arena *mem, const char *text, size_t len,
		      const struct scim_filter **ret_filter, struct err *err);
/* The filter as text that parses to the same tree, with the brackets that it needs. */
void scim_filter_print(const struct scim_filter *filter, struct buf *buf);
/*
 * Whether a resource (or, for a value path, an element; anything but an object is looked
 * at as {"value": it}) matches. Text compares with case where scim_path_case_exact says
 * so, else without the case of ASCII letters; `parent` is the attribute that holds the element, NULL for a resource.
 */
bool scim_filter_match(const struct scim_filter *filter, const json_t *resource,
		       const char *parent);

/*
 * `attr op "value"` with the value quoted, the only safe way to put text from outside
 * into a filter: scim_filter_quote(buf, "userName", "eq", name).
 */
void scim_filter_quote(struct buf *buf, const char *attr, const char *op,
		       struct slice value);

/* The part of the grammar that a path shares: `[` filter `]` at text[at]. */
int scim_filter_parse_element(struct arena *mem, const char *text, size_t len, size_t at,
			      const struct scim_filter **ret_filter, size_t *ret_after,
			      struct err *err);

#endif
