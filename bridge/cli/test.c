/*
 * dirbridge test - cases of rules: what comes of an entry, without directory and tenant.
 *
 * The work is in mappings/rule_test.h; here are the files, LDIF, --update and the exit code.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/cli/cli.h"
#include "bridge/config/config.h"
#include "bridge/directory/fill.h"
#include "bridge/directory/ldif.h"
#include "bridge/report/tests.h"
#include "mappings/dn.h"

#include "scim/base/banned.h"

#define FILES_MAX 10000
#define FILE_BYTES_MAX (16 * 1024 * 1024) /* as mappings/yaml.h */
#define REPORT_BYTES_MAX ((size_t)1 << 30)
#define ENDING ".test.yaml"

static const struct cli_option options[] = {
	{ "rules", 0, "FILE", "the rules to test, whatever settings and cases name; may be repeated" },
	{ "update", 0, NULL, "write what came out into the `expect` of each case that fails" },
	{ "junit", 0, "FILE", "also write the results as JUnit XML" },
	{ "coverage", 0, NULL, "list each branch of the rules with its count" },
	{ "min-coverage", 0, "PERCENT", "fail when fewer branches were reached" },
	{ NULL, 0, NULL, NULL },
};

struct rule_set {
	struct rules *rules;
	bool own; /* of one file of cases, not the shared ones */
};

struct test_run {
	struct cli_args args;
	struct config *config;          /* NULL until it is needed */
	struct diags diags;
	struct rules *shared;           /* of --rules or the settings */
	unsigned min_coverage;
	VEC(const char *) paths;
	VEC(struct rule_tests *) tests;
	VEC(struct rule_set) sets;      /* by file of cases */
	VEC(struct rule_test_result) results;
	struct rule_coverage *coverage;
	struct arena mem;
};

/* --- settings and rules ------------------------------------------------------------------ */

static int need_config(struct test_run *run)
{
	if (run->config)
		return 0;
	return config_load(run->args.config_path, &run->config, &run->diags);
}

static int load_rules(struct test_run *run, const char *const *paths, size_t count,
		      struct rules **ret_rules)
{
	if (rules_load(paths, count, ret_rules, &run->diags))
		return -1;
	rule_coverage_add(run->coverage, *ret_rules, paths, count);
	return 0;
}

/* The rules of --rules or the settings, loaded once. */
static int shared_rules(struct test_run *run, struct rules **ret_rules)
{
	VEC(const char *) given = { 0 };
	const char *path;
	int status = 0;

	for (size_t i = 0; (path = cli_value_at(&run->args, "rules", i)); i++)
		vec_push(&given, path);
	if (!run->shared && given.count)
		status = load_rules(run, given.items, given.count, &run->shared);
	else if (!run->shared)
		status = need_config(run) ||
				 load_rules(run, run->config->rules.items,
					    run->config->rules.count, &run->shared)
				 ? -1 : 0;
	vec_release(&given);
	*ret_rules = run->shared;
	return status;
}

static int rules_of(struct test_run *run, const struct rule_tests *tests,
		    struct rule_set *ret_set)
{
	size_t count;
	const char *const *paths = rule_tests_rules(tests, &count);

	ret_set->own = count && !cli_value(&run->args, "rules");
	if (ret_set->own)
		return load_rules(run, paths, count, &ret_set->rules);
	return shared_rules(run, &ret_set->rules);
}

/* --- files of cases ---------------------------------------------------------------------- */

static bool has_ending(const char *name)
{
	size_t len = strlen(name), end = strlen(ENDING);

	return len > end && strcmp(name + len - end, ENDING) == 0;
}

static int path_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Files of cases in the folder of a rule file, by name. */
static void list_folder(struct test_run *run, const char *rules)
{
	const char *slash = strrchr(rules, '/');
	size_t first = run->paths.count;
	const char *folder = slash ? arena_strndup(&run->mem, rules, (size_t)(slash - rules) + 1) : "";
	DIR *dir = opendir(*folder ? folder : ".");
	struct dirent *item;

	while (dir && run->paths.count < FILES_MAX && (item = readdir(dir)))
		if (has_ending(item->d_name) && item->d_name[0] != '.')
			vec_push(&run->paths,
				 arena_printf(&run->mem, "%s%s", folder, item->d_name));
	if (dir)
		closedir(dir);
	if (run->paths.count > first)
		qsort(run->paths.items + first, run->paths.count - first,
		      sizeof(*run->paths.items), path_order);
}

static bool same_folder(const char *a, const char *b)
{
	const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
	size_t len = x ? (size_t)(x - a) : 0;

	return len == (y ? (size_t)(y - b) : 0) && strncmp(a, b, len) == 0;
}

static int find_files(struct test_run *run)
{
	const struct config_texts *rules;

	if (need_config(run))
		return -1;
	rules = &run->config->rules;
	for (unsigned i = 0; i < rules->count; i++) {
		bool listed = false;

		for (unsigned before = 0; before < i; before++)
			listed |= same_folder(rules->items[before], rules->items[i]);
		if (!listed)
			list_folder(run, rules->items[i]);
	}
	if (run->paths.count)
		return 0;
	return diags_at(&run->diags, ERR_INVALID, run->config->file, 0, 0,
			"no *" ENDING " beside the rule files that it names");
}

static int load_file(struct test_run *run, const char *path)
{
	struct rule_tests *tests;
	struct err err = ERR_INIT;
	struct buf text;
	int status;

	buf_init(&text, FILE_BYTES_MAX);
	status = buf_read_file(&text, path, &err);
	if (status)
		diags_add(&run->diags, &err);
	else
		status = rule_tests_load(path, slice_of(text.data, text.len),
					 cli_flag(&run->args, "update"), &tests, &run->diags);
	buf_release(&text);
	if (!status)
		vec_push(&run->tests, tests);
	return status;
}

/* --- entries of LDIF files --------------------------------------------------------------- */

static void copy_entry(const struct ldif_entry *from, struct arena *mem,
		       struct rule_test_entry *ret)
{
	struct rule_test_attr *attrs = arena_array(mem, from->attr_count + 1, sizeof(*attrs));

	for (unsigned i = 0; i < from->attr_count; i++) {
		const struct ldif_attr *attr = &from->attrs[i];
		struct slice *values = arena_array(mem, attr->count + 1, sizeof(*values));

		for (uint32_t v = 0; v < attr->count; v++)
			values[v] = slice_of(arena_strndup(mem, attr->values[v].data,
							   attr->values[v].len),
					     attr->values[v].len);
		attrs[i].name = slice_of(arena_strndup(mem, attr->name.data, attr->name.len),
					 attr->name.len);
		attrs[i].values = values;
		attrs[i].count = attr->count;
	}
	ret->dn = arena_strndup(mem, from->dn, from->dn_len);
	ret->attrs = attrs;
	ret->count = from->attr_count;
}

/* As a run would name the person; NULL: the engine takes the DN. */
static const char *entry_id(const struct ldif_entry *entry, const char *attribute,
			    struct arena *mem)
{
	const struct ldif_attr *attr = ldif_find(entry, attribute, strlen(attribute));
	char id[ENTRY_ID_BYTES_MAX + 1];

	if (!attr || attr->count != 1 ||
	    entry_id_format(attr->values[0], text_eq_nocase(attribute, "objectGUID"), id))
		return NULL;
	return arena_strdup(mem, id);
}

static bool is_dn(struct arena *scratch, const struct ldif_entry *entry, struct slice norm)
{
	struct slice dn;
	struct err err = ERR_INIT;

	return dn_normalize(scratch, entry->dn, entry->dn_len, &dn, &err) == 0 &&
	       slice_eq(dn, norm);
}

static int find_entry(void *ctx, const char *path, const char *dn, struct arena *mem,
		      struct rule_test_entry *ret_entry, struct err *err)
{
	struct test_run *run = ctx;
	struct arena scratch = ARENA_INIT;
	const struct ldif_entry *entry;
	struct ldif *ldif;
	struct slice norm;
	int got;

	if (dn_normalize(mem, dn, strlen(dn), &norm, err) || ldif_open(path, &ldif, err))
		return -1;
	while ((got = ldif_next(ldif, &entry, err)) > 0) {
		bool found = is_dn(&scratch, entry, norm);

		arena_reset(&scratch);
		if (!found)
			continue;
		copy_entry(entry, mem, ret_entry);
		if (run->config)
			ret_entry->id = entry_id(entry, run->config->directory.id_attribute, mem);
		if (!ret_entry->id)
			ret_entry->id = entry_id(entry, "entryUUID", mem);
		if (!ret_entry->id)
			ret_entry->id = entry_id(entry, "objectGUID", mem);
		break;
	}
	if (got == 0)
		err_at(err, ERR_INVALID, path, 0, 0, "there is no entry \"%s\" in it", dn);
	arena_release(&scratch);
	ldif_close(ldif);
	return got > 0 ? 0 : -1;
}

/* --- updating ---------------------------------------------------------------------------- */

/* Beside the file under another name, then in its place: nobody reads half a file. */
static int write_aside(const char *path, const struct buf *text, mode_t mode, struct err *err)
{
	char *real = realpath(path, NULL); /* a link stays a link */
	struct buf aside;
	FILE *file;
	bool failed;

	buf_init(&aside, 65536);
	buf_addf(&aside, "%s.new", real ? real : path);
	file = fopen(aside.data, "we");
	if (!file) {
		err_set(err, ERR_IO, "cannot write %s: %s", aside.data, strerror(errno));
	} else {
		failed = fchmod(fileno(file), mode) || fwrite(text->data, 1, text->len, file) !=
			 text->len || fflush(file) || fsync(fileno(file));
		failed |= fclose(file) != 0;
		if (failed || rename(aside.data, real ? real : path)) {
			err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
			unlink(aside.data);
		}
	}
	buf_release(&aside);
	free(real);
	return err->kind == ERR_NONE ? 0 : -1;
}

/* Would all cases pass that fail now? What was written must not be worth less than before. */
static bool update_holds(struct test_run *run, const struct rule_tests *tests,
			 const struct rules *rules, const struct buf *text)
{
	const struct rule_test_world world = { find_entry, run };
	const struct rule_test_result *results;
	struct arena mem = ARENA_INIT;
	struct diags diags = { 0 };
	struct rule_tests *again = NULL;
	bool holds = rule_tests_load(rule_tests_path(tests), slice_of(text->data, text->len),
				     false, &again, &diags) == 0 &&
		     rule_tests_bind(again, rules, &world, &diags) == 0;
	size_t count = 0;

	results = holds ? rule_tests_run(again, &mem, NULL, &count) : NULL;
	for (size_t i = 0; i < count; i++)
		holds &= results[i].diff_count == 0;
	rule_tests_free(again);
	diags_release(&diags);
	arena_release(&mem);
	return holds;
}

static int update_file(struct test_run *run, size_t index, struct err *err)
{
	const struct rule_tests *tests = run->tests.items[index];
	const char *path = rule_tests_path(tests);
	struct stat st;
	struct buf text;
	int status = 0;

	buf_init(&text, FILE_BYTES_MAX);
	if (rule_tests_update(tests, &text) == 0) {
		buf_release(&text);
		return 0;
	}
	if (buf_failed(&text) || !update_holds(run, tests, run->sets.items[index].rules, &text))
		status = err_set(err, ERR_IO, "%s stays as it is: what came out can not be put "
				 "into its place; write it by hand", path);
	else if (stat(path, &st))
		status = err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
	else
		status = write_aside(path, &text, st.st_mode & 07777, err);
	buf_release(&text);
	for (size_t i = 0; !status && i < run->results.count; i++)
		if (run->results.items[i].file == path && run->results.items[i].diff_count)
			run->results.items[i].updated = true;
	return status;
}

static int update_files(struct test_run *run)
{
	int status = 0;

	for (size_t i = 0; i < run->tests.count; i++) {
		struct err err = ERR_INIT;

		if (update_file(run, i, &err)) {
			cli_say_error(&err);
			status = -1;
		}
	}
	return status;
}

/* --- the command ------------------------------------------------------------------------- */

static int load_all(struct test_run *run)
{
	const struct rule_test_world world = { find_entry, run };
	int status = 0;

	for (size_t i = 0; i < run->args.operands.count; i++)
		vec_push(&run->paths, run->args.operands.items[i]);
	/* With settings the ids are those of a run; a file may also stand alone. */
	if ((run->args.config_path && need_config(run)) ||
	    (run->paths.count == 0 && find_files(run)))
		return -1;
	for (size_t i = 0; i < run->paths.count; i++)
		if (load_file(run, run->paths.items[i]))
			status = -1;
	for (size_t i = 0; i < run->tests.count; i++) {
		struct rule_set set = { 0 };

		if (rules_of(run, run->tests.items[i], &set)) {
			rules_free(set.own ? set.rules : NULL);
			return -1;
		}
		vec_push(&run->sets, set);
		if (rule_tests_bind(run->tests.items[i], set.rules, &world, &run->diags))
			status = -1;
	}
	return status;
}

static void run_all(struct test_run *run)
{
	for (size_t i = 0; i < run->tests.count; i++) {
		size_t count;
		const struct rule_test_result *results =
			rule_tests_run(run->tests.items[i], &run->mem, run->coverage, &count);

		for (size_t r = 0; r < count; r++)
			vec_push(&run->results, results[r]);
	}
}

static int write_junit(const struct test_report *report, const char *path)
{
	struct err err = ERR_INIT;
	struct buf text;
	int status;

	buf_init(&text, REPORT_BYTES_MAX);
	report_tests_junit(report, &text);
	status = write_aside(path, &text, 0644, &err);
	if (status)
		cli_say_error(&err);
	buf_release(&text);
	return status;
}

static void print_report(const struct test_run *run, const struct test_report *report)
{
	struct buf text;

	if (!run->args.json) {
		report_tests_text(report, stdout);
		return;
	}
	buf_init(&text, REPORT_BYTES_MAX);
	report_tests_json(report, &text);
	fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
}

static enum exit_code finish(struct test_run *run, bool failed)
{
	struct test_report report = {
		.results = run->results.items, .count = run->results.count,
		.all_branches = cli_flag(&run->args, "coverage"),
		.quiet = run->args.verbosity < 0,
	};
	const char *junit = cli_value(&run->args, "junit");
	struct test_sums sums;

	report.branches = rule_coverage_branches(run->coverage, &report.branch_count);
	sums = report_tests_sum(&report);
	print_report(run, &report);
	if (junit && write_junit(&report, junit))
		failed = true;
	if (sums.hit * 100 < (size_t)run->min_coverage * report.branch_count) {
		fprintf(stderr, "dirbridge: %zu of %zu branches of the rules were reached; "
			"--min-coverage asks for %u %%\n", sums.hit, report.branch_count,
			run->min_coverage);
		failed = true;
	}
	return failed || sums.failed ? EXIT_FAILED : EXIT_DONE;
}

static enum exit_code test(struct test_run *run)
{
	bool failed = false;

	if (load_all(run)) {
		cli_say_diags(&run->diags);
		return EXIT_USAGE;
	}
	run_all(run);
	if (cli_flag(&run->args, "update"))
		failed = update_files(run) != 0;
	return finish(run, failed);
}

/* A whole number from 0 to 100. */
static int read_percent(const char *text, unsigned *ret)
{
	size_t len = strlen(text);

	if (len < 1 || len > 3 || strspn(text, "0123456789") != len)
		return -1;
	*ret = (unsigned)strtoul(text, NULL, 10);
	return *ret <= 100 ? 0 : -1;
}

static void release(struct test_run *run)
{
	for (size_t i = 0; i < run->tests.count; i++)
		rule_tests_free(run->tests.items[i]);
	for (size_t i = 0; i < run->sets.count; i++)
		if (run->sets.items[i].own)
			rules_free(run->sets.items[i].rules);
	rules_free(run->shared);
	config_free(run->config);
	rule_coverage_free(run->coverage);
	diags_release(&run->diags);
	vec_release(&run->paths);
	vec_release(&run->tests);
	vec_release(&run->sets);
	vec_release(&run->results);
	arena_release(&run->mem);
}

static int run_command(const struct cli_command *self, int argc, char **argv)
{
	struct test_run run = { .coverage = rule_coverage_new() };
	enum exit_code code = EXIT_USAGE;
	const char *percent;

	if (cli_parse(self, argc, argv, &run.args) == 0) {
		percent = cli_value(&run.args, "min-coverage");
		if (run.args.help)
			code = EXIT_DONE;
		else if (percent && read_percent(percent, &run.min_coverage))
			fprintf(stderr, "dirbridge test: --min-coverage wants a whole number "
				"from 0 to 100\n");
		else
			code = test(&run);
	}
	release(&run);
	cli_args_release(&run.args);
	return code;
}

const struct cli_command cli_test = {
	.name = "test",
	.operands = "[FILE]...",
	.operands_max = FILES_MAX,
	.summary = "Runs the tests of the rules; needs no directory, tenant or state.",
	.help =
"Without FILE: all *.test.yaml beside the rule files that the settings name. A file of cases:\n"
"\n"
"  version: 1\n"
"  rules: agents.yaml           # from this file's folder; left out: the settings' rules\n"
"  now: 2026-11-23T08:00:00Z    # here or in a case; needed where rules use the time\n"
"  cases:\n"
"    - name: a billing agent\n"
"      entry: {dn: \"uid=a,dc=x\", mail: a@x, l: Berlin}   # or ldif: FILE and dn: DN\n"
"      groups: [cc-billing]                              # that the person is in\n"
"      unknown_groups: [cc-sales]                        # that could not be read\n"
"      expect:\n"
"        profile: {userName: a@x, title: null}           # null: no value\n"
"        roles: [employee, {role: Agent, division: Site Berlin}]\n"
"        skills: {Billing: 4}\n"
"\n"
"expect has rule, profile, cleared, roles, skills, languages, groups, queues, problems, or\n"
"out_of_scope: true, refused: TEXT, skipped: TEXT (a part of the reason). Only what it states\n"
"is compared, a list or map of assignments as a whole; exactly: true compares the whole.\n"
"A value in bytes is {base64: ...}.\n"
"\n"
"Exit code: 0 all passed, 1 a case failed or too few branches were reached, 2 a file is wrong.",
	.options = options,
	.run = run_command,
};
