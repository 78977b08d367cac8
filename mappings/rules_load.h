/*
 * mappings/rules_load.h - rule files to a rule set, from within: what rules_*.c share.
 *
 * Files are read bases first (`extends`); the blocks of each are drafts: YAML nodes that are
 * known to have the right form, not compiled yet. A draft that overrides an inherited one is
 * merged into it. When all files are read, `defaults` fill what the drafts do not state, and
 * each draft is compiled once. What was overridden or removed is never compiled, so that its
 * attributes are not asked of the directory.
 */
#ifndef MAPPINGS_RULES_LOAD_H
#define MAPPINGS_RULES_LOAD_H

#include "mappings/rules_impl.h"
#include "mappings/rules_keys.h"

#define RULES_EXTENDS_DEPTH_MAX 8
#define RULES_MATCH_MAX 8

/* A profile attribute, or one type of a multi-valued one. */
struct draft_field {
	enum scim_attr attr;
	const char *key;
	const struct yaml_node *at;    /* its key */
	const struct yaml_node *value; /* NULL: nothing but `clear`, or removed */
	enum own own;
	bool own_stated, clear, removed;
	bool remove_done;              /* `removed` met something to remove */
	bool by_default;               /* from `defaults` */
};

/* A member of `own`. */
struct draft_own {
	unsigned slot; /* enum assign_kind, or ASSIGN_KIND_COUNT + enum scim_attr */
	enum own own;
	const struct yaml_node *at;
};

struct draft_item {
	const char *name; /* NULL = it has none */
	unsigned index;   /* in its file's list, from 0 */
	const struct yaml_node *node;
};

/* A people block, or `defaults`. */
struct draft {
	const char *name;              /* "agents"; "people[2]" without a name */
	const struct yaml_node *named; /* its `name`; NULL = it has none */
	const struct yaml_node *node;  /* the block, where it was stated last */
	unsigned source;               /* the file that stated it last */
	bool removed;
	const struct yaml_node *when, *from, *until, *skip, *match;
	uint8_t match_attrs[RULES_MATCH_MAX];
	uint8_t match_count;
	const struct yaml_node *profile; /* the mapping, for messages */
	bool profile_bad;                /* something in it was wrong, and said */
	VEC(struct draft_field) fields;
	VEC(struct draft_own) owns;
	VEC(struct draft_item) items;
};

enum source_state { SOURCE_LOADING, SOURCE_DONE };

/* A rule file. */
struct rule_source {
	const char *path; /* as in messages */
	const char *real; /* what tells two files apart */
	enum source_state state;
	VEC(unsigned) bases;   /* of `extends` */
	struct draft defaults; /* with those of its bases */
};

/* A default value is compiled once, for whatever number of blocks. */
struct default_field {
	const struct yaml_node *at;
	struct field_rule rule;
	bool good;
};

/* A table that a file names. */
struct table_draft {
	const char *name, *path;
	const struct yaml_node *at; /* its path */
	unsigned source;
};

/* What loading needs beside the rules. */
struct rules_loader {
	struct rules *rules;
	struct diags *diags;
	VEC(struct rule_source) sources;
	VEC(struct draft) drafts; /* in the order in which they are asked */
	VEC(struct default_field) defaults;
	VEC(struct table_draft) tables;
	const struct yaml_node *mode_at; /* where `mode` was stated first */
};

/* --- rules_check.c ----------------------------------------------------------------------- */

/* Add a diagnosis at `node`. Always -1. */
int rules_complain(struct rules_loader *load, const struct yaml_node *node, const char *fmt,
		   ...) __attribute__((format(printf, 3, 4)));
/* "; nearest: x", or "" when nothing is near. Good until the next call with the same `out`. */
const char *rules_nearest(const char *name, const char *const *names, size_t count, char *out,
			  size_t size);
/*
 * The keys of `map`, which must be there, and the forms of their values, against the table. `what` begins messages
 * ("agents"; NULL for the file itself). False when something was wrong (and said).
 */
bool rules_check_map(struct rules_loader *load, const struct yaml_node *map, const char *what,
		     enum rule_place place);
/* Value of a key when it is there and of the right form, else NULL. */
const struct yaml_node *rules_get(const struct yaml_node *map, enum rule_place place,
				  const char *key);
/* Is a key of type BOOL there and true? */
bool rules_true(const struct yaml_node *map, enum rule_place place, const char *key);
/* Index of the word of `node` among those of the type; -1 when it is none. */
int rules_word(const struct yaml_node *node, enum rule_type type);
/* May a ${...} that is a whole value give one of these types? */
bool rules_may_give(const struct template *tmpl, const enum cel_type *types, size_t count);
#define MAY_GIVE(tmpl, ...)                                                        \
	rules_may_give(tmpl, (const enum cel_type[]){ __VA_ARGS__ },               \
		       sizeof((const enum cel_type[]){ __VA_ARGS__ }) / sizeof(enum cel_type))
/* An expression that is true or false. */
int rules_load_condition(struct rules_loader *load, const struct yaml_node *node,
			 const char *rule, const struct cel_program **ret,
			 origin_id *ret_origin);
/* `from` and `until`, each NULL when not there. */
int rules_load_span(struct rules_loader *load, const struct yaml_node *from,
		    const struct yaml_node *until, const char *rule, struct span *ret);
/* "roles", "skills", ... */
const char *rules_kind_key(enum assign_kind kind);

/* --- rules_draft.c ----------------------------------------------------------------------- */

/* Read a people block or `defaults` of a file, a mapping. What is right of it is in *ret in any case. */
int draft_read(struct rules_loader *load, const struct yaml_node *node, enum rule_place place,
	       const char *name, unsigned source, struct draft *ret);
/* May `clear: true` stand? An account can not be without some, or nobody could say what it means. */
bool rules_may_clear(enum scim_attr attr);
/* Merge `over` into what it inherits; `over` is released. */
int draft_inherit(struct rules_loader *load, struct draft *base, struct draft *over);
/* Fill in what the block does not state; then each `remove` must have met something. */
int draft_finish(struct rules_loader *load, struct draft *draft, const struct draft *defaults);
/* Begin as a copy of `from`. */
void draft_copy(struct draft *draft, const struct draft *from);
void draft_release(struct draft *draft);

/* --- rules_files.c ----------------------------------------------------------------------- */

/* Read a file and what it extends; `text` NULL: from disk. 0 or -1. */
int rules_read_source(struct rules_loader *load, const char *path, const struct slice *text);
/* Drafts to blocks. `good`: nothing was wrong before, so that there must be one. */
int rules_compile(struct rules_loader *load, bool good);
void rules_loader_release(struct rules_loader *load);
/* Path of what the file `path` names as `name`: from its folder. Lives as long as the rules. */
const char *rules_path_beside(struct rules_loader *load, const char *path, const char *name);
/* Does the file `source` extend the file `base`, by whatever way? */
bool rules_extend(const struct rules_loader *load, unsigned source, unsigned base);

/* --- rules_tables.c ---------------------------------------------------------------------- */

/* Note the tables that a file names (`tables`, may be NULL); they override those of its bases. */
int rules_read_tables(struct rules_loader *load, unsigned source, const struct yaml_node *node);
/* Load those that are left. What can not be read is told once, here. */
int rules_load_tables(struct rules_loader *load);

/* --- rules_people.c, rules_assign.c ------------------------------------------------------ */

int people_compile(struct rules_loader *load, const struct draft *draft);
int assign_compile(struct rules_loader *load, const struct draft *draft,
		   struct people_block *block);

#endif
