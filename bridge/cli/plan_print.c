#include "bridge/cli/plan_print.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/report/plan_file.h"

#include "scim/base/banned.h"

static const char *const format_names[] = {
	[PLAN_TEXT] = "text",
	[PLAN_JSON] = "json",
	[PLAN_CSV] = "csv",
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
	fprintf(stderr, "dirbridge %s: --format is text, json or csv, not %s\n",
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
	if (print.report.filter.kinds && print.format == PLAN_JSON) {
		fprintf(stderr, "dirbridge %s: the JSON form is the whole plan; --kind is for text and csv\n",
			args->command->name);
		return -1;
	}
	*ret = print;
	return 0;
}

void plan_print(const struct plan *plan, const struct plan_print *print,
		const struct buf *json)
{
	struct buf text;

	if (print->format == PLAN_TEXT) {
		report_plan_text(plan, &print->report, stdout);
		return;
	}
	if (json && print->format == PLAN_JSON) {
		fwrite(json->data, 1, json->len, stdout);
		return;
	}
	buf_init(&text, PLAN_FILE_BYTES_MAX);
	if (print->format == PLAN_JSON)
		report_plan_json(plan, &text);
	else
		report_plan_csv(plan, &print->report.filter, &text);
	fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
}
