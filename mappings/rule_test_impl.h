/*
 * mappings/rule_test_impl.h - cases of rules from within; for rule_test*.c.
 */
#ifndef MAPPINGS_RULE_TEST_IMPL_H
#define MAPPINGS_RULE_TEST_IMPL_H

#include "mappings/map.h"
#include "mappings/rule_test.h"
#include "mappings/rules_keys.h"
#include "mappings/yaml.h"

/* What became of the person as a whole. */
enum person_state { PERSON_TAKEN, PERSON_OUT, PERSON_REFUSED, PERSON_SKIPPED };

/* An attribute, or one type of a multi-valued one. */
struct expect_field {
	enum scim_attr attr;
	const char *key;   /* NULL: single-valued, or (with value NULL) all of its types */
	const char *value; /* NULL: none; of a manager the normalised DN */
	const struct yaml_node *at;
};

struct expect_assign {
	const char *name, *division;
	double level;
	const struct yaml_node *at;
};

struct expect_kind {
	const struct yaml_node *at; /* NULL: not stated */
	const struct expect_assign *items;
	unsigned count;
};

struct expect_text {
	const char *text;
	const struct yaml_node *at;
};

struct expect {
	const struct yaml_node *node; /* NULL: the case has none */
	enum person_state state;
	struct expect_text part;      /* of the sentence, when refused or skipped */
	struct expect_text rule;      /* at NULL: not stated */
	bool exactly;
	const struct yaml_node *profile_at, *cleared_at, *problems_at;
	const struct expect_field *fields, *cleared;
	unsigned field_count, cleared_count;
	struct expect_kind kinds[ASSIGN_KIND_COUNT];
	const struct expect_text *problems;
	unsigned problem_count;
};

struct test_case {
	const struct yaml_node *node, *expect_key;
	const char *name;
	bool timed;
	int64_t now_s;
	const struct yaml_node *entry; /* inline, or NULL: `dn` of `ldif` */
	const struct yaml_node *dn;
	const char *ldif;
	const struct yaml_node *groups, *unknown_groups; /* lists, or NULL */
	struct expect expect;

	struct entry bound;            /* rule_tests_bind */
	const struct record *record;   /* of the last run; NULL: out of scope */
	bool failed;
};

struct rule_tests {
	struct arena mem;
	const char *path;
	struct slice text;
	VEC(const char *) rule_paths;
	VEC(struct test_case) cases;
	const struct rules *rules;     /* that it is bound to */
	struct arena bound;            /* entries */
	struct arena records;          /* of the last run */
};

/* Add a diagnosis at `node`. Always -1. */
int rule_test_complain(struct diags *diags, const struct yaml_node *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* So that the compiler sees what err_set shows it too (err.h). */
#define rule_test_complain(...) err_failed(rule_test_complain(__VA_ARGS__))
/* `null`, `~` or nothing at all, without quotes. */
bool rule_test_is_null(const struct yaml_node *node);

/* rule_test_expect.c */
int rule_test_read_expect(struct arena *mem, const struct yaml_node *node,
			  struct expect *ret_expect, struct diags *diags);
/* rule_test_load.c: keys of a map against the rows of a place. */
int rule_test_check_keys(const struct yaml_node *map, enum rule_place place,
			 struct diags *diags);

/* rule_test_compare.c */
enum person_state rule_test_state(const struct record *record);
/* What is not as expected, in `mem`; returns how many. */
unsigned rule_test_compare(const struct test_case *test, const struct rules *rules,
			   struct arena *mem, const struct rule_test_diff **ret_diffs);
/* Is it a value that the mapper adds to each record by itself? */
bool rule_test_is_default(const struct record *record, const struct record_field *field);
/* "Billing 4", "Agent in Site Berlin", in `mem`. */
const char *rule_test_assign_text(struct arena *mem, enum assign_kind kind, const char *name,
				  const char *division, double level);
const char *rule_test_kind_key(enum assign_kind kind);

/* rule_test_coverage.c: count what the mapper does with these rules. */
void rule_coverage_watch(struct rule_coverage *coverage, const struct rules *rules,
			 struct map_observer *ret_observer);

#endif
