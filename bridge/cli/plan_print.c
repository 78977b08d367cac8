#include "bridge/cli/plan_print.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/report/plan_file.h"
#include "scim/base/digest.h"

#include "scim/base/banned.h"

static const char *const format_names[] = {
	[PLAN_TEXT] = "text",
	[PLAN_JSON] = "json",
	[PLAN_CSV] = "csv",
	[PLAN_HTML] = "html",
};

static int read_format(const struct cli_args *args, enum plan_format *ret)
{
	const char *given = args->json ? "json" : cli_value(args, "format");

	for (size_t i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++) {
		if (given && strcmp(given, format_names[i]) == 0) {
			*ret = (enum plan_format)i;
			return 0;
		}
	}
	*ret = PLAN_TEXT;
	if (!given)
		return 0;
	fprintf(stderr, "dirbridge %s: --format is text, json, csv or html, not %s\n",
		args->command->name, given);
	return -1;
}

static int read_kind(const struct cli_args *args, const char *given, uint64_t *kinds)
{
	for (int kind = 0; kind < STEP_KIND_COUNT; kind++) {
		if (strcmp(given, step_row(kind)->name) == 0) {
			*kinds |= UINT64_C(1) << kind;
			return 0;
		}
	}
	fprintf(stderr, "dirbridge %s: there is no kind of step %s; kinds are",
		args->command->name, given);
	for (int kind = 0; kind < STEP_KIND_COUNT; kind++)
		fprintf(stderr, "%s %s", kind ? "," : "", step_row(kind)->name);
	fputc('\n', stderr);
	return -1;
}

int plan_print_read(const struct cli_args *args, struct plan_print *ret)
{
	struct plan_print print = {
		.report = {
			.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
			.people_max = cli_flag(args, "all") ? 0 : PEOPLE_SHOWN,
		},
	};
	const char *kind;

	if (read_format(args, &print.format))
		return -1;
	for (size_t i = 0; (kind = cli_value_at(args, "kind", i)); i++)
		if (read_kind(args, kind, &print.report.filter.kinds))
			return -1;
	if (print.report.filter.kinds && (print.format == PLAN_JSON || print.format == PLAN_HTML)) {
		fprintf(stderr, "dirbridge %s: %s is the whole plan; --kind is for text and csv\n",
			args->command->name, format_names[print.format]);
		return -1;
	}
	*ret = print;
	return 0;
}

/* The last member of the JSON form: its hash. */
static void hash_of(const struct buf *json, char out[DIGEST_TEXT])
{
	const size_t tail = strlen("\"}\n");

	memcpy(out, json->data + json->len - tail - (DIGEST_TEXT - 1), DIGEST_TEXT - 1);
	out[DIGEST_TEXT - 1] = '\0';
}

static void put_html(const struct plan *plan, const struct buf *json, const char *approval)
{
	char hash[DIGEST_TEXT];
	struct buf page;

	hash_of(json, hash);
	buf_init(&page, PLAN_FILE_BYTES_MAX);
	report_plan_html(plan, hash, approval, &page);
	fwrite(page.data, 1, page.len, stdout);
	buf_release(&page);
}

void plan_print(const struct plan *plan, const struct plan_print *print,
		const struct buf *json, const char *approval)
{
	struct buf text;

	if (print->format == PLAN_TEXT) {
		report_plan_text(plan, &print->report, stdout);
		return;
	}
	buf_init(&text, PLAN_FILE_BYTES_MAX);
	if (print->format == PLAN_CSV) {
		report_plan_csv(plan, &print->report.filter, &text);
	} else if (!json) {
		report_plan_json(plan, &text);
		json = &text;
	}
	if (print->format == PLAN_HTML)
		put_html(plan, json, approval);
	else if (print->format == PLAN_JSON)
		fwrite(json->data, 1, json->len, stdout);
	else
		fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
}
