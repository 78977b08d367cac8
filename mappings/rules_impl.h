/*
 * mappings/rules_impl.h - a loaded rule set from within; for rules*.c, template.c and map.c.
 */
#ifndef MAPPINGS_RULES_IMPL_H
#define MAPPINGS_RULES_IMPL_H

#include "mappings/rules.h"
#include "mappings/table.h"
#include "mappings/yaml.h"

#define TEMPLATE_TEXT_MAX 4096 /* bytes that one computed value may have */

/* Literal text with ${...} in it, compiled. */
struct piece {
	struct slice text;                 /* when program is NULL */
	const struct cel_program *program;
};
struct template {
	const struct piece *pieces;
	unsigned count;
	const char *literal; /* the text, when it has no expression; else NULL */
	bool whole;          /* nothing but one ${...}: keeps the expression's type */
	origin_id origin;
};

struct field_rule {
	enum scim_attr attr;
	const char *key; /* type of a multi-valued one */
	enum own own;
	bool clear;            /* empty the attribute when the value is not stated */
	struct template value; /* count 0: nothing but `clear` */
};

/* A moment that a rule states; one that comes out absent is no bound. */
struct bound {
	bool stated;
	struct template when;
	int64_t literal_s;     /* when `when` is literal */
};
/* Half open: from the first moment on, up to and without the second. */
struct span {
	struct bound from, until;
};

/* Who is in scope but left as they are. */
struct skip_rule {
	const struct cel_program *when;
	struct template reason;
	origin_id origin;
};

/* One name, or the names that one template makes, of an assign item. */
struct assign_rule {
	enum assign_kind kind;
	struct template name;
	struct template division; /* count 0 = none */
	struct template level;    /* count 0 = none */
	double level_literal;     /* when level.literal */
	origin_id origin;
};

struct assign_item {
	const char *name;               /* NULL = it has none */
	struct span span;
	const struct cel_program *when; /* NULL = always */
	const struct cel_program *each; /* NULL = once; the variable has index 0 */
	const char *each_name;
	bool when_first;                /* `when` does not use the variable: asked once */
	const struct assign_rule *rules;
	unsigned count;
	uint8_t kinds;                  /* bit per kind that it states */
	origin_id origin, each_origin;
};

struct people_block {
	const char *name;
	const struct cel_program *when;
	struct span span;
	const struct skip_rule *skips;
	unsigned skip_count;
	uint8_t match[8];
	uint8_t match_count;
	bool match_stated;
	const struct field_rule *fields; /* sorted as a record's */
	unsigned field_count;
	const struct assign_item *items;
	unsigned item_count;
	uint8_t own[ASSIGN_KIND_COUNT];
	uint8_t own_stated;              /* bit per kind: the rest is the default, merge */
	origin_id origin;
};

struct rule_file {
	const char *path;
	struct slice text;
};

struct rules {
	struct arena mem;
	struct layout layout;
	struct group_names groups;
	struct cel_env *env;
	struct tables *tables; /* what lookup() finds */
	bool all;      /* mode: all */
	bool uses_now; /* any expression */
	VEC(struct people_block) blocks;
	VEC(struct origin) origins; /* [0] is unused */
	VEC(origin_id) group_origins, attribute_origins; /* where each is named first */
	VEC(struct rule_file) files;
};

struct rules_loader; /* rules_load.h */

/* Load one file from its text, named `path` in messages. `path` and `text` are copied. */
int rules_load_text(const char *path, struct slice text, struct rules **ret_rules,
		    struct diags *diags);

origin_id rules_origin_add(struct rules_loader *load, const struct yaml_node *at,
			   const char *rule);

/* Parse and compile the text of `node`. Returns 0, or -1 with a diagnosis added. */
int template_load(struct rules_loader *load, const struct yaml_node *node, const char *rule,
		  struct template *ret);
/* No control character, UTF-8, at most TEMPLATE_TEXT_MAX: 0, else -1 with *err. */
int template_text_check(struct slice text, struct err *err);
/* The whole text of `node` is an expression (`when`, `each`). */
int expression_load(struct rules_loader *load, const struct yaml_node *node,
		    const char *rule, const struct cel_program **ret, origin_id *ret_origin);

/*
 * A moment as a rule may write it: 2026-12-01 (00:00 UTC), RFC 3339, or generalizedTime (RFC
 * 4517 section 3.3.13). A fraction of a second counts as the next whole one.
 */
int rules_time_parse(struct slice text, int64_t *ret_unix_s);
/* Moment of a stated bound: 1 with *ret_s and its text, 0 = absent, -1 = *err. */
int bound_eval(const struct bound *bound, const struct cel_activation *act,
	       struct arena *mem, int64_t *ret_s, struct err *err);

/*
 * Value of a template for one entry.
 *   TEMPLATE_TEXT    *ret_text (NUL-terminated, in mem)
 *   TEMPLATE_VALUE   *ret_value: a whole expression whose value is no text
 *   TEMPLATE_ABSENT  a no-such-key (then *err says which), null, or empty text: not stated
 *   TEMPLATE_ERROR   *err
 */
enum template_result { TEMPLATE_TEXT, TEMPLATE_VALUE, TEMPLATE_ABSENT, TEMPLATE_ERROR };
enum template_result template_eval(const struct template *tmpl,
				   const struct cel_activation *act, struct arena *mem,
				   const char **ret_text, struct cel_value *ret_value,
				   struct err *err);
/* Does it use entry.x with several values in this entry? */
bool template_multivalued(const struct template *tmpl, const struct entry *entry);

#endif
