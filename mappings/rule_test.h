/*
 * mappings/rule_test.h - tests of rules: cases in YAML, each an entry and what comes of it.
 *
 *     version: 1
 *     rules: agents.yaml           # or a list, from this file's folder; else the caller's
 *     now: 2026-11-23T08:00:00Z    # here or in a case; needed where rules use the time
 *     ldif: people.ldif            # of the cases that have a `dn`
 *     cases:
 *       - name: a billing agent
 *         entry: {dn: "uid=a,dc=x", mail: [a@x, b@x], objectGUID: {base64: ...}}
 *         # or dn: "uid=a,dc=x", an entry of `ldif`
 *         groups: [cc-billing, "cn=cc-agents,dc=x"]   # that the person is in
 *         unknown_groups: [cc-sales]                  # that could not be read
 *         expect:
 *           rule: agents
 *           profile: {userName: a@x, title: null, phoneNumbers: {work: "+49"}}
 *           cleared: [department]
 *           roles: [employee, {role: Agent, division: Site Berlin}]
 *           skills: {Billing: 4}
 *           languages: {English: 5}
 *           groups: [Team Berlin]
 *           queues: []
 *           problems: [part of a sentence]
 *       # or expect: {out_of_scope: true}, {refused: part of a sentence}, {skipped: ...}
 *
 * Only what `expect` states is compared: a profile attribute by itself (null = the rules give
 * it no value), a list of assignments or problems as a whole, so that a role too many is seen. With
 * `exactly: true` what is not stated must not come out; externalId and active as dirbridge
 * adds them need not be stated. A person who is refused (frozen as a whole), skipped or out of
 * scope fails each case that does not say so. A group that no rule names is an error.
 *
 * Memory  A file of cases owns what it holds. Results live in the caller's arena.
 * Errors  All that is wrong in a file is added to `diags` with file:line:column.
 * Limits  YAML_BYTES_MAX a file; RULE_TEST_ITEMS_MAX expected items of one kind.
 */
#ifndef MAPPINGS_RULE_TEST_H
#define MAPPINGS_RULE_TEST_H

#include "mappings/rules.h"
#include "scim/base/buf.h"

#define RULE_TEST_ITEMS_MAX 1000

struct rule_tests;

/*
 * A file of cases from its text; `path` and `text` are copied. Cases without `expect` are
 * wrong unless `unfinished`: then rule_tests_update writes what they lack.
 */
int rule_tests_load(const char *path, struct slice text, bool unfinished,
		    struct rule_tests **ret_tests, struct diags *diags);
void rule_tests_free(struct rule_tests *tests);
const char *rule_tests_path(const struct rule_tests *tests);
/* Rule files that the file names, as paths; none: the caller's. */
const char *const *rule_tests_rules(const struct rule_tests *tests, size_t *ret_count);

/* An entry as a reader of LDIF hands it over; good until the callback's caller returns. */
struct rule_test_attr {
	struct slice name;
	const struct slice *values;
	uint32_t count;
};
struct rule_test_entry {
	const char *dn;
	const char *id; /* NULL: entryUUID, else objectGUID as text, else the DN */
	const struct rule_test_attr *attrs;
	unsigned count;
};
/* Where cases get what their files do not say. */
struct rule_test_world {
	/* The entry `dn` of the file `path`, in `mem`; 0, or -1 with *err. */
	int (*find)(void *ctx, const char *path, const char *dn, struct arena *mem,
		    struct rule_test_entry *ret_entry, struct err *err);
	void *ctx;
};

/*
 * Bind the cases to rules: entries by slot, groups by index. Before rule_tests_run; again,
 * with other rules, after. Both must outlive `tests`. 0, or -1 with diagnoses.
 */
int rule_tests_bind(struct rule_tests *tests, const struct rules *rules,
		    const struct rule_test_world *world, struct diags *diags);

/* One thing that is not as expected. */
struct rule_test_diff {
	const char *what;      /* "profile.title", "skill", "person" */
	const char *want;      /* NULL: nothing is wanted */
	const char *got;       /* NULL: nothing came out */
	unsigned line, column; /* of the expectation, in the file of cases */
	const char *rule;      /* of what came out: "agents.yaml:14:9 (agents.assign[2])", "" */
};

struct rule_test_result {
	const char *file, *name;
	unsigned line, column;
	const struct rule_test_diff *diffs;
	unsigned diff_count; /* 0: passed */
	bool updated;        /* for the caller: written to the file as it came out */
};

struct rule_coverage;

/* Run all cases: one result each, in order, in `mem`. `coverage` may be NULL. */
const struct rule_test_result *rule_tests_run(struct rule_tests *tests, struct arena *mem,
					      struct rule_coverage *coverage,
					      size_t *ret_count);

/*
 * The file with the `expect` of each case that fails, and only that, as it came out of the
 * last run; every other byte as it was. Keys that a failing `expect` states stay the ones it
 * states; a case whose person is now of another kind (refused, skipped, out of scope, taken)
 * gets what says so. Returns how many cases were written.
 */
size_t rule_tests_update(const struct rule_tests *tests, struct buf *out);

/* --- coverage ---------------------------------------------------------------------------- */

/*
 * Places of rules that cases have to reach: a `when`, span or `skip` both ways, each profile
 * value, each list of `each` with an element, each name of an assignment. Places are told
 * apart by file, line and column, so that rule sets that share a file share its counts.
 * Files that `extends` reaches outside the folders of the rule files (the stock rules) do not
 * count.
 */
struct rule_branch {
	const char *file, *rule;
	unsigned line, column;
	const char *what; /* "true", "false", "value", "element", "name" */
	uint64_t hits;
};

struct rule_coverage *rule_coverage_new(void);
void rule_coverage_free(struct rule_coverage *coverage);
/* Add the places of a rule set that was loaded from these files. */
void rule_coverage_add(struct rule_coverage *coverage, const struct rules *rules,
		       const char *const *paths, size_t count);
/* In the order of the files and their lines. Good until the next call. */
const struct rule_branch *rule_coverage_branches(struct rule_coverage *coverage,
						 size_t *ret_count);

#endif
