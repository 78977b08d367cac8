/*
 * A file of cases against a rule set that has one of each thing: it is refused with reasons, or
 * runs; what --update writes loads or not, but never makes other cases fail than it should.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mappings/rule_test.h"
#include "mappings/rules_impl.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX (64 * 1024)

static const char rules_text[] =
	"version: 1\n"
	"people:\n"
	"- name: agents\n"
	"  when: inGroup('cc') || inGroup('cn=dd,dc=x')\n"
	"  skip: [{when: entry.l == 'Mars', reason: \"no ${entry.l}\"}]\n"
	"  profile:\n"
	"    userName: ${entry.mail}\n"
	"    title: {value: \"${entry.title}\", clear: true}\n"
	"    emails: {work: \"${entry.mail}\", home: \"${entry.home}\"}\n"
	"    manager: ${ref(entry.manager)}\n"
	"  assign:\n"
	"  - roles: [employee, {role: Agent, division: \"Site ${entry.l}\"}]\n"
	"    groups: [\"${entry.l}\", \"Team ${entry.l}\"]\n"
	"  - each: {t: values.tag}\n"
	"    skills: {\"${t}\": \"${double(size(t))}\"}\n";

static int find(void *ctx, const char *path, const char *dn, struct arena *mem,
		struct rule_test_entry *ret_entry, struct err *err)
{
	static const struct slice value[] = { { "\0\xff", 2 }, { "a", 1 } };
	static const struct rule_test_attr attrs[] = {
		{ { "mail;binary", 11 }, value, 2 }, { { "L", 1 }, value + 1, 1 },
	};

	(void)ctx;
	(void)path;
	if (!strchr(dn, '='))
		return err_set(err, ERR_INVALID, "no DN");
	*ret_entry = (struct rule_test_entry){ arena_strdup(mem, dn), NULL, attrs, 2 };
	return 0;
}

static struct rule_tests *load(const struct rules *rules, struct slice text, bool unfinished)
{
	static const struct rule_test_world world = { find, NULL };
	struct rule_tests *tests = NULL;
	struct diags diags = { 0 };
	int status = rule_tests_load("f", text, unfinished, &tests, &diags);

	if (!status && rule_tests_bind(tests, rules, &world, &diags)) {
		rule_tests_free(tests);
		tests = NULL;
	}
	if (!tests == !diags.total)
		abort();
	diags_release(&diags);
	return tests;
}

static void run(const struct rules *rules, struct rule_tests *tests)
{
	struct rule_coverage *coverage = rule_coverage_new();
	static const char *const paths[] = { "r.yaml" };
	const struct rule_test_result *results;
	struct arena mem = ARENA_INIT;
	struct rule_tests *again;
	size_t count, written, failed = 0;
	struct buf out;

	buf_init(&out, 16 << 20);
	rule_coverage_add(coverage, rules, paths, 1);
	results = rule_tests_run(tests, &mem, coverage, &count);
	for (size_t i = 0; i < count; i++)
		failed += results[i].diff_count > 0;
	written = rule_tests_update(tests, &out);
	if (written != failed)
		abort();
	again = load(rules, slice_of(out.data, out.len), false);
	if (again) {
		size_t now;

		rule_tests_run(again, &mem, NULL, &now);
		if (now != count)
			abort();
	}
	rule_tests_free(again);
	rule_coverage_free(coverage);
	arena_release(&mem);
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rules *rules;
	struct rule_tests *tests;
	struct diags diags = { 0 };

	if (!rules && rules_load_text("r.yaml", slice_str(rules_text), &rules, &diags))
		abort();
	if (size > INPUT_BYTES_MAX)
		return 0;
	tests = load(rules, slice_of((const char *)data, size), true);
	if (tests)
		run(rules, tests);
	rule_tests_free(tests);
	return 0;
}
