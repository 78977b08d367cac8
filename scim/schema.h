/*
 * scim/schema.h - the attributes of a SCIM user as one table (scim/schema.def).
 *
 * Spec    RFC 7643 sections 2.2 (characteristics), 4.1 (user), 4.3 (enterprise extension),
 *         7 (schema definition).
 * Memory  Rows are constant and live for ever.
 * Not     Addresses, entitlements, roles, certificates and the password have no row: the
 *         table holds what a profile rule may state as text. `id`, `meta` and `schemas`
 *         belong to the resource, see scim/resource.h.
 */
#ifndef SCIM_SCHEMA_H
#define SCIM_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "scim/base/text.h"

#define SCIM_URN_USER "urn:ietf:params:scim:schemas:core:2.0:User"
#define SCIM_URN_GROUP "urn:ietf:params:scim:schemas:core:2.0:Group"
#define SCIM_URN_ENTERPRISE "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
#define SCIM_URN_LIST "urn:ietf:params:scim:api:messages:2.0:ListResponse"
#define SCIM_URN_PATCH "urn:ietf:params:scim:api:messages:2.0:PatchOp"
#define SCIM_URN_ERROR "urn:ietf:params:scim:api:messages:2.0:Error"

enum scim_attr {
#define SCIM_ATTR(id, ...) SCIM_ATTR_##id,
#include "scim/schema.def"
#undef SCIM_ATTR
	SCIM_ATTR_COUNT
};

enum scim_type {
	SCIM_STRING,
	SCIM_BOOLEAN,   /* "true" or "false" */
	SCIM_REFERENCE, /* a URI */
	SCIM_DATE,      /* YYYY-MM-DD */
};

enum scim_mutability { SCIM_READ_WRITE, SCIM_READ_ONLY, SCIM_IMMUTABLE, SCIM_WRITE_ONLY };
enum scim_uniqueness { SCIM_UNIQUE_NONE, SCIM_UNIQUE_SERVER, SCIM_UNIQUE_GLOBAL };
enum scim_same { SCIM_SAME_EXACT, SCIM_SAME_NOCASE, SCIM_SAME_PHONE };

/* Where a leaf is in the JSON of a user. */
enum scim_place {
	SCIM_IN_CORE,
	SCIM_IN_NAME,       /* "name" */
	SCIM_IN_ENTERPRISE, /* the extension's object */
	SCIM_IN_MANAGER,    /* "manager" in it */
};

struct scim_attr_row {
	const char *name;  /* in rules */
	const char *path;  /* in SCIM, with the URN of an extension */
	const char *leaf;  /* last name of the path; "value" for a manager */
	size_t leaf_len;
	enum scim_place place;
	enum scim_type type;
	bool multi;        /* told apart by "type" */
	enum scim_mutability mutability;
	enum scim_uniqueness uniqueness;
	bool case_exact;
	enum scim_same same;
};

/* Row of an attribute below SCIM_ATTR_COUNT. */
const struct scim_attr_row *scim_attr(enum scim_attr attr);
/* By rule name, without case; SCIM_ATTR_COUNT when there is none. */
enum scim_attr scim_attr_find(const char *name);
/*
 * By path, without case (RFC 7643 section 2.1). The core URN may stand before a core
 * attribute; "<enterprise URN>:manager" is the manager's value as well.
 */
enum scim_attr scim_attr_by_path(struct slice path);
/* By the leaf's name at a place, without case. */
enum scim_attr scim_attr_by_leaf(enum scim_place place, struct slice leaf);
/* Rule name nearest to `name`, or NULL. */
const char *scim_attr_nearest(const char *name);

/*
 * Whether a value has the form of its attribute's type: no control characters in text,
 * "true"/"false", a date that exists. The length is for the caller to bound.
 */
bool scim_value_valid(enum scim_attr attr, const char *value);
/* Whether two values are the same for a provisioner (column `same` of schema.def). */
bool scim_value_same(enum scim_attr attr, const char *a, const char *b);

/*
 * Whether an attribute compares with case, for filters on whole resources: `path` is
 * without URN, e.g. "meta.version". What no schema names compares without (RFC 7643 2.2).
 */
bool scim_path_case_exact(struct slice path);

#endif
