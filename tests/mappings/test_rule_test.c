/*
 * Tests of rules. Cases are in tests/cases/rules/rule_test.txt: rules, a file of cases, what
 * comes of it, and (when there) the file as --update writes it, after which all cases pass.
 *
 *     pass NAME
 *     fail NAME
 *       PLACE WHAT: WANT | GOT [RULE]       "-" for nothing
 *     LINE:COLUMN: TEXT                     a diagnosis
 *
 * "unfinished" in the case's name: cases without `expect` are taken.
 */
#include <stdlib.h>

#include "tests/cases.h"

#include "mappings/rule_test.h"
#include "mappings/rules_impl.h"
#include "scim/base/banned.h"

static int find_entry(void *ctx, const char *path, const char *dn, struct arena *mem,
		      struct rule_test_entry *ret_entry, struct err *err)
{
	static const struct slice mail[] = { { "z@x", 3 }, { "b@x", 3 } }, cert[] = { { "\0c", 2 } };
	static const struct rule_test_attr attrs[] = {
		{ { "Mail", 4 }, mail, 2 },
		{ { "mail", 4 }, cert, 1 },
		{ { "photo;binary", 12 }, cert, 1 },
		{ { "unused", 6 }, cert, 1 },
	};

	(void)ctx;
	(void)mem;
	if (strcmp(path, "dir/people.ldif") != 0)
		return err_at(err, ERR_IO, path, 0, 0, "no such file");
	if (strcmp(dn, "uid=ldif,dc=x") != 0)
		return err_at(err, ERR_INVALID, path, 0, 0, "there is no entry \"%s\" in it", dn);
	*ret_entry = (struct rule_test_entry){ .dn = "uid=ldif,dc=x", .attrs = attrs, .count = 4 };
	return 0;
}

static const struct rule_test_world world = { find_entry, NULL };

static struct rules *load_rules(const char *text)
{
	struct rules *rules = NULL;
	struct diags diags = { 0 };

	if (rules_load_text("dir/r.yaml", slice_str(text), &rules, &diags))
		fail_msg("%u:%u: %s", diags.items[0].line, diags.items[0].column,
			 diags.items[0].text);
	return rules;
}

static struct rule_tests *load_tests(const char *text, bool unfinished,
				     const struct rules *rules, struct diags *diags)
{
	struct rule_tests *tests = NULL;

	if (rule_tests_load("dir/t.yaml", slice_str(text), unfinished, &tests, diags) == 0 &&
	    rule_tests_bind(tests, rules, &world, diags)) {
		rule_tests_free(tests);
		tests = NULL;
	}
	return tests;
}

static void print_results(const struct rule_test_result *results, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct rule_test_result *result = &results[i];

		assert_string_equal(result->file, "dir/t.yaml");
		buf_addf(out, "%s %s\n", result->diff_count ? "fail" : "pass", result->name);
		for (unsigned d = 0; d < result->diff_count; d++) {
			const struct rule_test_diff *diff = &result->diffs[d];

			buf_addf(out, "  %u:%u %s: %s | %s", diff->line, diff->column, diff->what,
				 diff->want ? diff->want : "-", diff->got ? diff->got : "-");
			buf_addf(out, "%s%s%s\n", *diff->rule ? " [" : "", diff->rule,
				 *diff->rule ? "]" : "");
		}
	}
}

/* The updated text is the wanted one, and all of its cases pass. */
static bool check_update(const struct test_case *c, struct rule_tests *tests,
			 const struct rules *rules)
{
	struct diags diags = { 0 };
	struct arena mem = ARENA_INIT;
	const struct rule_test_result *results;
	struct rule_tests *again;
	struct buf text;
	size_t count;
	bool good = true;

	buf_init(&text, 1 << 20);
	assert_true(rule_tests_update(tests, &text) > 0);
	if (strcmp(c->sections[3], text.data) != 0)
		good = case_failed(c, c->sections[3], text.data);
	again = load_tests(text.data, false, rules, &diags);
	if (!again)
		fail_msg("%s: %u:%u: %s", c->name, diags.items[0].line, diags.items[0].column,
			 diags.items[0].text);
	results = rule_tests_run(again, &mem, NULL, &count);
	for (size_t i = 0; i < count; i++)
		if (results[i].diff_count)
			good = case_failed(c, "it passes", results[i].diffs[0].what);
	rule_tests_free(again);
	arena_release(&mem);
	buf_release(&text);
	return good;
}

static bool run_one(const struct test_case *c)
{
	struct rules *rules = load_rules(c->sections[0]);
	struct diags diags = { 0 };
	struct arena mem = ARENA_INIT;
	struct rule_tests *tests = load_tests(c->sections[1], strstr(c->name, "unfinished"),
					      rules, &diags);
	const struct rule_test_result *results;
	struct buf out;
	size_t count;
	bool good = true;

	buf_init(&out, 1 << 20);
	if (tests) {
		assert_int_equal(diags.total, 0);
		results = rule_tests_run(tests, &mem, NULL, &count);
		print_results(results, count, &out);
	} else {
		assert_true(diags.total > 0);
		print_diags(&diags, &out);
	}
	if (strcmp(c->sections[2], out.data) != 0)
		good = case_failed(c, c->sections[2], out.data);
	if (tests && c->sections[3][0])
		good &= check_update(c, tests, rules);
	diags_release(&diags);
	rule_tests_free(tests);
	rules_free(rules);
	arena_release(&mem);
	buf_release(&out);
	return good;
}

static void test_case_file(void **state)
{
	(void)state;
	run_cases("tests/cases/rules/rule_test.txt", run_one);
}

static void test_refusals(void **state)
{
	(void)state;
	run_cases("tests/cases/rules/rule_test_bad.txt", run_one);
}

/* A byte order mark and DOS line ends stay, and new lines have them too. */
static void test_line_ends(void **state)
{
	static const char old[] =
		"\xef\xbb\xbf" "version: 1\r\ncases:\r\n- name: a\r\n  entry: {dn: cn=x}\r\n"
		"  expect: {rule: \xc3\xa4}  # x\r\n- name: b\r\n  entry: {dn: cn=x}";
	static const char new[] =
		"\xef\xbb\xbf" "version: 1\r\ncases:\r\n- name: a\r\n  entry: {dn: cn=x}\r\n"
		"  expect: {rule: r}  # x\r\n- name: b\r\n  entry: {dn: cn=x}\r\n"
		"  expect:\r\n    rule: r\r\n    profile: {userName: a}\r\n    groups:\r\n"
		"      - " "0123456789012345678901234567890123456789" "\r\n"
		"      - " "9876543210987654321098765432109876543210";
	struct rules *rules = load_rules("version: 1\npeople: [{name: r, profile: {userName: a}, "
					 "assign: [{groups: ["
					 "0123456789012345678901234567890123456789, "
					 "9876543210987654321098765432109876543210]}]}]");
	struct diags diags = { 0 };
	struct rule_tests *tests = load_tests(old, true, rules, &diags);
	struct arena mem = ARENA_INIT;
	struct buf out;
	size_t count;

	(void)state;
	assert_non_null(tests);
	buf_init(&out, 1 << 20);
	rule_tests_run(tests, &mem, NULL, &count);
	assert_int_equal(count, 2);
	assert_int_equal(rule_tests_update(tests, &out), 2);
	assert_string_equal(out.data, new);
	buf_release(&out);
	rule_tests_free(tests);
	rules_free(rules);
	arena_release(&mem);
}

static void print_coverage(struct rule_coverage *coverage, struct buf *out)
{
	size_t count;
	const struct rule_branch *branches = rule_coverage_branches(coverage, &count);

	for (size_t i = 0; i < count; i++)
		buf_addf(out, "%s:%u:%u %s %s %d\n", branches[i].file, branches[i].line,
			 branches[i].column, branches[i].rule, branches[i].what,
			 (int)branches[i].hits);
}

static const char covered_rules[] =
	"version: 1\n"
	"people:\n"
	"- when: has(entry.mail)\n"
	"  skip: [{when: has(entry.skip), reason: r}]\n"
	"  profile: {userName: \"${entry.mail}\", title: {clear: true}, nickName: \"${entry.n}\"}\n"
	"  assign:\n"
	"  - each: {g: values.g}\n"
	"    when: g != \"y\"\n"
	"    groups: \"${g}\"\n"
	"  - when: 1 / size(values.z) == 1\n"
	"    queues: [q]\n"
	"- name: rest\n"
	"  profile: {userName: b}\n";

static void test_coverage(void **state)
{
	static const char *const paths[] = { "dir/r.yaml" }, *const elsewhere[] = { "r.yaml",
										  "/dir/r.yaml" };
	static const char cases[] =
		"version: 1\ncases:\n"
		"- {name: a, entry: {dn: cn=x, mail: a, g: [x, y, z]}, expect: {rule: 'people[1]'}}\n"
		"- {name: b, entry: {dn: cn=x, mail: b}, expect: {rule: 'people[1]'}}\n";
	static const char want[] =
		"dir/r.yaml:3:9 people[1] true 2\n"
		"dir/r.yaml:3:9 people[1] false 0\n"
		"dir/r.yaml:4:17 people[1].skip[1] true 0\n"
		"dir/r.yaml:4:17 people[1].skip[1] false 2\n"
		"dir/r.yaml:5:24 people[1].profile.userName value 2\n"
		"dir/r.yaml:5:40 people[1].profile.title clear 2\n"
		"dir/r.yaml:5:73 people[1].profile.nickName value 0\n"
		"dir/r.yaml:7:15 people[1].assign[1] element 1\n"
		"dir/r.yaml:8:11 people[1].assign[1] true 2\n"
		"dir/r.yaml:8:11 people[1].assign[1] false 1\n"
		"dir/r.yaml:9:14 people[1].assign[1].groups name 2\n"
		"dir/r.yaml:10:11 people[1].assign[2] true 0\n"
		"dir/r.yaml:10:11 people[1].assign[2] false 0\n"
		"dir/r.yaml:11:14 people[1].assign[2].queues name 0\n"
		"dir/r.yaml:12:3 rest true 0\n"
		"dir/r.yaml:13:23 rest.profile.userName value 0\n";
	struct rules *rules = load_rules(covered_rules), *same = load_rules(covered_rules);
	struct rule_coverage *coverage = rule_coverage_new();
	struct diags diags = { 0 };
	struct rule_tests *tests = load_tests(cases, false, rules, &diags);
	struct arena mem = ARENA_INIT;
	struct buf out;
	size_t count;

	(void)state;
	assert_non_null(tests);
	buf_init(&out, 1 << 20);
	rule_coverage_add(coverage, rules, elsewhere + 1, 1);
	assert_non_null(coverage);
	rule_coverage_branches(coverage, &count);
	assert_int_equal(count, 0); /* as stock rules */
	rule_coverage_add(coverage, rules, paths, 1);
	rule_coverage_add(coverage, same, elsewhere, 2); /* the same places */
	rule_tests_run(tests, &mem, coverage, &count);
	print_coverage(coverage, &out);
	assert_string_equal(out.data, want);
	/* Another rule set of the same file counts on. */
	assert_int_equal(rule_tests_bind(tests, same, &world, &diags), 0);
	rule_tests_run(tests, &mem, coverage, &count);
	assert_int_equal(rule_coverage_branches(coverage, &count)[0].hits, 4);
	buf_release(&out);
	rule_coverage_free(coverage);
	rule_tests_free(tests);
	rules_free(rules);
	rules_free(same);
	arena_release(&mem);
}

static void test_paths(void **state)
{
	static const struct {
		const char *path, *rules, *want[3];
	} rows[] = {
		{ "a/t.yaml", "r.yaml", { "a/r.yaml" } },
		{ "t.yaml", "r.yaml", { "r.yaml" } },
		{ "/t.yaml", "r.yaml", { "/r.yaml" } },
		{ "a/t.yaml", "[/x/r.yaml, ../s.yaml]", { "/x/r.yaml", "a/../s.yaml" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena mem = ARENA_INIT;
		const char *text = arena_printf(&mem, "version: 1\nrules: %s\ncases: [{name: a, "
						"entry: {dn: x}, expect: {rule: a}}]",
						rows[i].rules);
		struct rule_tests *tests = NULL;
		struct diags diags = { 0 };
		const char *const *paths;
		size_t count;

		assert_int_equal(rule_tests_load(rows[i].path, slice_str(text), false, &tests,
						 &diags), 0);
		assert_string_equal(rule_tests_path(tests), rows[i].path);
		paths = rule_tests_rules(tests, &count);
		for (size_t p = 0; p < count; p++)
			assert_string_equal(paths[p], rows[i].want[p]);
		assert_null(rows[i].want[count]);
		rule_tests_free(tests);
		arena_release(&mem);
	}
}

static void test_limits(void **state)
{
	static const char *const kinds[] = { "groups", "problems" };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct rule_tests *tests = NULL;
		struct diags diags = { 0 };
		struct buf text;
		unsigned items = RULE_TEST_ITEMS_MAX + i % 2;

		buf_init(&text, 1 << 20);
		buf_addf(&text, "version: 1\ncases: [{name: a, entry: {dn: x}, expect: {%s: [x",
			 kinds[i / 2]);
		for (unsigned n = 1; n < items; n++)
			buf_addf(&text, ", g%u", n);
		buf_addstr(&text, "]}}]");
		assert_int_equal(rule_tests_load("t.yaml", slice_of(text.data, text.len), false,
						 &tests, &diags), i % 2 ? -1 : 0);
		if (i % 2)
			assert_non_null(strstr(diags.items[0].text, "more than 1000 "));
		buf_release(&text);
		diags_release(&diags);
		rule_tests_free(tests);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_case_file),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
