/*
 * bridge/cli/plan_print.h - the formats of a plan, for the commands that show one.
 */
#ifndef BRIDGE_CLI_PLAN_PRINT_H
#define BRIDGE_CLI_PLAN_PRINT_H

#include "bridge/cli/cli.h"
#include "bridge/report/report.h"

/* People in full in a text without --all. */
#define PEOPLE_SHOWN 20

enum plan_format { PLAN_TEXT, PLAN_JSON, PLAN_CSV, PLAN_HTML };

struct plan_print {
	enum plan_format format;
	struct report_options report;
};

#define PLAN_FORMAT_OPTION { "format", 0, "FORMAT", "text, json, csv or html (default text)" }
#define PLAN_KIND_OPTION                                                                    \
	{ "kind", 0, "KIND", "show only steps of this kind (grant, skill-set, ...); may be repeated" }

/*
 * --format, --json, --all and --kind; `filter.only` is left empty. Returns 0, or -1 after a
 * message on stderr (exit 2).
 */
int plan_print_read(const struct cli_args *args, struct plan_print *ret);

/*
 * On stdout. `json`: the plan in that form, when the caller has it already, or NULL.
 * `approval` is for the page: who has signed it, in words, or NULL.
 */
void plan_print(const struct plan *plan, const struct plan_print *print,
		const struct buf *json, const char *approval);

#endif
