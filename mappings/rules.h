/*
 * mappings/rules.h - load and check a rule set. mappings/map.h applies it.
 *
 * Spec    The user's manual, chapter "rules"; design: text is literal, ${...} in it is a
 *         CEL expression, a value that is nothing but one ${...} keeps its type, $${ is a
 *         plain ${. `when` and `each` are expressions by nature.
 * Memory  A rule set owns its memory; it is immutable after loading.
 * Errors  All that is wrong is added to `diags` with file:line:column; -1 when any.
 * Limits  RULES_FILES_MAX files of YAML_BYTES_MAX; `extends` up to 8 deep; RULES_BLOCKS_MAX
 *         blocks, RULES_ITEMS_MAX assign items and SCIM_FIELDS_MAX values of one block.
 */
#ifndef MAPPINGS_RULES_H
#define MAPPINGS_RULES_H

#include "mappings/cel.h"
#include "mappings/record.h"
#include "scim/base/err.h"

#define RULES_FILES_MAX 100
#define RULES_BLOCKS_MAX 5000 /* what nobody reads any more; names are compared with each other */
#define RULES_ITEMS_MAX 5000

struct rules;

/* A place in the rules, by origin_id. */
struct origin {
	const char *file;
	unsigned line, column;
	const char *rule; /* "agents", "agents.assign[2]" */
};

/*
 * Load the files in order, each with what it extends (`extends: ../common.yaml`, from that
 * file's folder, or `stock/NAME`). Stock files are looked for in the folder that the
 * environment variable DIRBRIDGE_STOCK names; without it, beside the program (a source tree, or
 * PREFIX/share/dirbridge/mappings/stock), then where the program was made to be installed.
 */
int rules_load(const char *const *paths, size_t count, struct rules **ret_rules,
	       struct diags *diags);
void rules_free(struct rules *rules);

/* Does any expression use `now`? Then a record may change while nothing else does. */
bool rules_use_now(const struct rules *rules);
/* Attributes to ask the directory for, and groups to resolve. */
const struct layout *rules_layout(const struct rules *rules);
const struct group_names *rules_groups(const struct rules *rules);
/* Where a group is named first: for "not in the read" messages. */
origin_id rules_group_origin(const struct rules *rules, unsigned group);
/* The same of an attribute, by its slot. */
origin_id rules_attribute_origin(const struct rules *rules, unsigned slot);
/* Origins are 0 < id < count. */
size_t rules_origin_count(const struct rules *rules);
const struct origin *rules_origin(const struct rules *rules, origin_id id);
/* "agents.yaml:14:9 (agents.assign[2])" into `out`; returns it. "" for 0. */
const char *rules_origin_text(const struct rules *rules, origin_id id, char *out, size_t size);
/*
 * Each name that stands literally in `assign` or division, for checks before the first
 * step: calls fn for every one; kinds as in record.h. Division names come with
 * kind ASSIGN_KIND_COUNT.
 */
void rules_each_literal(const struct rules *rules,
			void (*fn)(void *ctx, unsigned kind, const char *name, origin_id origin),
			void *ctx);
/* Each assignment that a rule may make, at the place of its name, literal or computed. */
void rules_each_assign(const struct rules *rules,
		       void (*fn)(void *ctx, enum assign_kind kind, origin_id origin),
		       void *ctx);
/* What the mapper may do at a place of the rules (map.h, struct map_event). */
enum map_event_kind {
	MAP_BLOCK,  /* a people block was asked */
	MAP_SKIP,   /* a skip condition was asked */
	MAP_FIELD,  /* a profile value */
	MAP_ITEM,   /* an assign item's `when`: once, or for each element */
	MAP_EACH,   /* its list: `count` elements */
	MAP_ASSIGN, /* one name of an item */
};
/*
 * Each place at which the mapper may do something, in the order of the rules: for coverage.
 * `kind` and `origin` are those of the events. One place may stand for several people blocks.
 */
void rules_each_place(const struct rules *rules,
		      void (*fn)(void *ctx, enum map_event_kind kind, origin_id origin),
		      void *ctx);
/* SHA-256-sized fingerprint is the caller's; this gives the bytes of all files in order. */
void rules_each_file(const struct rules *rules,
		     void (*fn)(void *ctx, const char *path, struct slice text), void *ctx);

#endif
