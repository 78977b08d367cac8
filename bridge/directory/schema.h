/*
 * bridge/directory/schema.h - the attributes that a directory knows, by all their names.
 *
 * Spec    RFC 4512 section 4.1.2: "( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name ... )", a
 *         definition each. A server answers with the first name, whatever was asked for.
 * Memory  Owns what it holds.
 * Limits  SCHEMA_ATTRIBUTES_MAX definitions; what is above is left out.
 */
#ifndef BRIDGE_DIRECTORY_SCHEMA_H
#define BRIDGE_DIRECTORY_SCHEMA_H

#include "scim/base/mem.h"
#include "scim/base/text.h"
#include "scim/base/vec.h"

#define SCHEMA_ATTRIBUTES_MAX 100000

struct dir_schema {
	struct arena mem;
	struct map by_name;       /* lower-case name or OID -> place in `first` */
	VEC(const char *) first;  /* the name that servers answer with; the OID without names */
	VEC(const char *) names;  /* all, as spelled */
};

void dir_schema_init(struct dir_schema *schema);
void dir_schema_release(struct dir_schema *schema);
/* Returns 0, or -1 for what is no definition. A name that is there already stays. */
int dir_schema_add(struct dir_schema *schema, struct slice definition);
/* The first name of the attribute of that name or OID; NULL = not known. */
const char *dir_schema_find(const struct dir_schema *schema, struct slice name);
/* The known name that is most like this one; NULL = none is. */
const char *dir_schema_nearest(const struct dir_schema *schema, const char *name);

#endif
