#include "bridge/report/tests.h"

#include <string.h>

#include "scim/base/json.h"

#include "scim/base/banned.h"

struct test_sums report_tests_sum(const struct test_report *report)
{
	struct test_sums sums = { 0 };

	for (size_t i = 0; i < report->count; i++) {
		const struct rule_test_result *result = &report->results[i];

		sums.updated += result->updated;
		sums.failed += result->diff_count && !result->updated;
		sums.passed += !result->diff_count;
	}
	for (size_t i = 0; i < report->branch_count; i++)
		sums.hit += report->branches[i].hits > 0;
	return sums;
}

/* Whole percent, down: 100 only when all was reached. */
static unsigned percent(size_t hit, size_t all)
{
	return all ? (unsigned)(hit * 100 / all) : 100;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* --- text -------------------------------------------------------------------------------- */

static void put_line(FILE *out, const char *before, const char *text, const char *after)
{
	struct buf line;

	buf_init(&line, 1 << 20);
	buf_addstr(&line, before);
	if (text)
		buf_addvisible(&line, text, strlen(text));
	else
		buf_addstr(&line, "(nothing)");
	if (after && *after) {
		buf_addstr(&line, "    <- ");
		buf_addvisible(&line, after, strlen(after));
	}
	fprintf(out, "%s\n", line.data);
	buf_release(&line);
}

static void put_result(const struct rule_test_result *result, FILE *out)
{
	struct buf head;

	buf_init(&head, 1 << 20);
	buf_addstr(&head, result->updated ? "updated " : "FAIL ");
	buf_addvisible(&head, result->name, strlen(result->name));
	buf_addf(&head, " (");
	buf_addvisible(&head, result->file, strlen(result->file));
	fprintf(out, "%s:%u:%u)\n", head.data, result->line, result->column);
	buf_release(&head);
	for (unsigned i = 0; i < result->diff_count; i++) {
		const struct rule_test_diff *diff = &result->diffs[i];

		if (!i || strcmp(diff->what, diff[-1].what) != 0)
			put_line(out, "  ", diff->what, NULL);
		put_line(out, "    - ", diff->want, NULL);
		put_line(out, "    + ", diff->got, diff->rule);
	}
}

static const char *missed(const char *what)
{
	static const struct {
		const char *what, *text;
	} rows[] = {
		{ "true", "never true" },      { "false", "never false" },
		{ "value", "never a value" },  { "element", "never an element" },
		{ "name", "never given" },     { "clear", "never asked" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].what, what) == 0)
			return rows[i].text;
	return what;
}

static void put_branch(const struct rule_branch *branch, bool counted, FILE *out)
{
	struct buf line;

	buf_init(&line, 1 << 20);
	if (counted)
		buf_addf(&line, "%8llu  ", (unsigned long long)branch->hits);
	else
		buf_addstr(&line, "  ");
	buf_addvisible(&line, base_name(branch->file), strlen(base_name(branch->file)));
	buf_addf(&line, ":%u:%u (", branch->line, branch->column);
	buf_addvisible(&line, branch->rule, strlen(branch->rule));
	fprintf(out, "%s): %s\n", line.data, branch->hits ? branch->what : missed(branch->what));
	buf_release(&line);
}

void report_tests_text(const struct test_report *report, FILE *out)
{
	struct test_sums sums = report_tests_sum(report);

	for (size_t i = 0; i < report->count; i++)
		if (report->results[i].diff_count)
			put_result(&report->results[i], out);
	for (size_t i = 0; i < report->branch_count; i++)
		if (report->all_branches || (!report->branches[i].hits && !report->quiet))
			put_branch(&report->branches[i], report->all_branches, out);
	if (report->quiet)
		return;
	fprintf(out, "%zu case%s: %zu passed, %zu failed", report->count,
		report->count == 1 ? "" : "s", sums.passed, sums.failed);
	if (sums.updated)
		fprintf(out, ", %zu updated", sums.updated);
	fprintf(out, "; %zu of %zu branches of the rules reached (%u %%)\n", sums.hit,
		report->branch_count, percent(sums.hit, report->branch_count));
}

/* --- JSON -------------------------------------------------------------------------------- */

static void json_place(struct json_out *json, const char *file, unsigned line, unsigned column)
{
	json_out_member(json, "file", file);
	json_out_member_int(json, "line", line);
	json_out_member_int(json, "column", column);
}

static void json_result(struct json_out *json, const struct rule_test_result *result)
{
	json_out_object(json);
	json_out_member(json, "name", result->name);
	json_place(json, result->file, result->line, result->column);
	json_out_member(json, "result", !result->diff_count ? "passed"
					: result->updated   ? "updated" : "failed");
	json_out_key(json, "differences");
	json_out_array(json);
	for (unsigned i = 0; i < result->diff_count; i++) {
		const struct rule_test_diff *diff = &result->diffs[i];

		json_out_object(json);
		json_out_member(json, "what", diff->what);
		json_out_member(json, "expected", diff->want);
		json_out_member(json, "got", diff->got);
		json_out_member_int(json, "line", diff->line);
		json_out_member_int(json, "column", diff->column);
		json_out_member(json, "rule", *diff->rule ? diff->rule : NULL);
		json_out_object_end(json);
	}
	json_out_array_end(json);
	json_out_object_end(json);
}

void report_tests_json(const struct test_report *report, struct buf *out)
{
	struct test_sums sums = report_tests_sum(report);
	struct json_out json;

	json_out_init(&json, out);
	json_out_object(&json);
	json_out_member(&json, "schema", "dirbridge.test/1");
	json_out_member_int(&json, "passed", (int64_t)sums.passed);
	json_out_member_int(&json, "failed", (int64_t)sums.failed);
	json_out_member_int(&json, "updated", (int64_t)sums.updated);
	json_out_key(&json, "cases");
	json_out_array(&json);
	for (size_t i = 0; i < report->count; i++)
		json_result(&json, &report->results[i]);
	json_out_array_end(&json);
	json_out_key(&json, "coverage");
	json_out_object(&json);
	json_out_member_int(&json, "reached", (int64_t)sums.hit);
	json_out_member_int(&json, "of", (int64_t)report->branch_count);
	json_out_member_int(&json, "percent", percent(sums.hit, report->branch_count));
	json_out_key(&json, "branches");
	json_out_array(&json);
	for (size_t i = 0; i < report->branch_count; i++) {
		const struct rule_branch *branch = &report->branches[i];

		json_out_object(&json);
		json_place(&json, branch->file, branch->line, branch->column);
		json_out_member(&json, "rule", branch->rule);
		json_out_member(&json, "branch", branch->what);
		json_out_member_int(&json, "hits", (int64_t)branch->hits);
		json_out_object_end(&json);
	}
	json_out_array_end(&json);
	json_out_object_end(&json);
	json_out_object_end(&json);
	buf_addch(out, '\n');
}

/* --- JUnit XML --------------------------------------------------------------------------- */

/* May stand in XML 1.0 (section 2.2, Char). */
static bool xml_char(uint32_t cp)
{
	return cp == '\t' || cp == '\n' || cp == '\r' || (cp >= 0x20 && cp != 0xfffe && cp != 0xffff);
}

static void xml_text(struct buf *out, const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len;) {
		uint32_t cp = 0xfffe;
		size_t took = utf8_decode(s + i, len - i, &cp);

		if (!took || !xml_char(cp))
			buf_addstr(out, "\xef\xbf\xbd");
		else if (strchr("<>&\"'\t\n\r", (int)cp) && cp < 0x80)
			buf_addf(out, "&#%u;", cp);
		else
			buf_add(out, s + i, took);
		i += took ? took : 1;
	}
}

static void xml_attr(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, " %s=\"", name);
	xml_text(out, value);
	buf_addch(out, '"');
}

static void xml_diff(struct buf *out, const struct rule_test_diff *diff)
{
	xml_text(out, diff->what);
	buf_addstr(out, "\n  - ");
	xml_text(out, diff->want ? diff->want : "(nothing)");
	buf_addstr(out, "\n  + ");
	xml_text(out, diff->got ? diff->got : "(nothing)");
	if (*diff->rule) {
		buf_addstr(out, "    &lt;- ");
		xml_text(out, diff->rule);
	}
	buf_addch(out, '\n');
}

static void xml_case(struct buf *out, const struct rule_test_result *result)
{
	buf_addstr(out, "    <testcase");
	xml_attr(out, "classname", result->file);
	xml_attr(out, "name", result->name);
	xml_attr(out, "file", result->file);
	buf_addf(out, " line=\"%u\"", result->line);
	if (!result->diff_count || result->updated) {
		buf_addstr(out, "/>\n");
		return;
	}
	buf_addf(out, ">\n      <failure message=\"%u difference%s: ", result->diff_count,
		 result->diff_count == 1 ? "" : "s");
	xml_text(out, result->diffs[0].what);
	buf_addstr(out, "\">");
	for (unsigned i = 0; i < result->diff_count; i++)
		xml_diff(out, &result->diffs[i]);
	buf_addstr(out, "</failure>\n    </testcase>\n");
}

/* The results of one file; returns where the next begins. */
static size_t xml_suite(struct buf *out, const struct test_report *report, size_t first)
{
	const char *file = report->results[first].file;
	size_t end = first, failed = 0;

	for (; end < report->count && report->results[end].file == file; end++)
		failed += report->results[end].diff_count && !report->results[end].updated;
	buf_addstr(out, "  <testsuite");
	xml_attr(out, "name", file);
	buf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n", end - first, failed);
	for (size_t i = first; i < end; i++)
		xml_case(out, &report->results[i]);
	buf_addstr(out, "  </testsuite>\n");
	return end;
}

void report_tests_junit(const struct test_report *report, struct buf *out)
{
	struct test_sums sums = report_tests_sum(report);

	buf_addf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<testsuites tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n",
		 report->count, sums.failed);
	for (size_t i = 0; i < report->count;)
		i = xml_suite(out, report, i);
	buf_addstr(out, "</testsuites>\n");
}
