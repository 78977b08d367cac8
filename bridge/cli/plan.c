#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/cli/plan_print.h"
#include "bridge/report/plan_file.h"
#include "bridge/run.h"

#include "scim/base/banned.h"

static const struct cli_option options[] = {
	{ "output", 'o', "FILE", "write the plan as JSON into FILE (mode 0600)" },
	{ "only", 0, "PERSON", "only this person: LDAP filter, DN, or attr=value; may be repeated" },
	{ "full", 0, NULL, "read everything, not only what has changed" },
	PLAN_FORMAT_OPTION,
	PLAN_KIND_OPTION,
	{ "all", 'a', NULL, "show every person in the text" },
	{ "exit-code", 0, NULL, "exit 3 when there is something to do" },
	{ "rules", 0, "FILE", "these rules instead of those in the settings; may be repeated" },
	{ "against", 0, "FILE",
	  "compare the rules with these: who would get something else; the tenant is not asked" },
	{ "from", 0, "DIR", "read this snapshot in place of directory and tenant" },
	{ NULL, 0, NULL, NULL },
};

static int print_plan(struct run *run, const struct cli_args *args,
		      const struct plan_print *print)
{
	const char *path = cli_value(args, "output");
	struct err err = ERR_INIT;
	struct buf text;
	int status = 0;

	buf_init(&text, PLAN_FILE_BYTES_MAX);
	if (path)
		report_plan_json(&run->plan, &text);
	if (path && cli_write_file(path, &text, 0600, &err)) {
		cli_say_error(&err);
		status = -1;
	}
	plan_print(&run->plan, print, path ? &text : NULL, NULL);
	buf_release(&text);
	return status;
}

/* --- two rule sets on the same people ---------------------------------------------------- */

static struct rules *load_against(const struct cli_args *args)
{
	VEC(const char *) paths = { 0 };
	struct diags diags = { 0 };
	struct rules *rules = NULL;
	const char *path;

	for (size_t i = 0; (path = cli_value_at(args, "against", i)); i++)
		vec_push(&paths, path);
	if (rules_load(paths.items, paths.count, &rules, &diags))
		cli_say_diags(&diags);
	diags_release(&diags);
	vec_release(&paths);
	return rules;
}

static enum exit_code print_preview(const struct preview *preview, const struct cli_args *args,
				    const struct plan_print *print)
{
	struct buf text;

	if (print->format == PLAN_JSON) {
		buf_init(&text, PLAN_FILE_BYTES_MAX);
		report_preview_json(preview, &text);
		fwrite(text.data, 1, text.len, stdout);
		buf_release(&text);
	} else {
		report_preview_text(preview, &print->report, stdout);
	}
	if (!preview->directory.complete)
		return EXIT_PARTLY;
	return preview->people.count && cli_flag(args, "exit-code") ? EXIT_CHANGES : EXIT_DONE;
}

static enum exit_code preview(struct run *run, const struct cli_args *args,
			      const struct plan_print *print)
{
	struct rules *against = load_against(args);
	struct preview preview;
	struct err err = ERR_INIT;
	enum exit_code code = EXIT_USAGE;

	if (!against)
		return code;
	if ((cli_value(args, "from") &&
	     snapshot_holds(&run->snapshot, rules_layout(against), &err)) ||
	    directory_open(run->config, run->clock, &run->directory, &err) ||
	    preview_make(run->directory, against, run->rules, run->time_s, &run->mem, &preview,
			 &err)) {
		cli_say_error(&err);
		code = exit_code_of(&err);
	} else {
		if (run->snapshot.time_s)
			verdict_merge(&preview.directory, &run->snapshot.verdict);
		code = print_preview(&preview, args, print);
		preview_release(&preview);
	}
	rules_free(against);
	return code;
}

static int run_command(const struct cli_command *self, int argc, char **argv)
{
	struct cli_args args;
	struct run run;
	struct plan_print print;
	enum exit_code code;

	if (cli_parse(self, argc, argv, &args)) {
		cli_args_release(&args);
		return EXIT_USAGE;
	}
	if (args.help) {
		cli_args_release(&args);
		return EXIT_DONE;
	}
	code = plan_print_read(&args, &print) ? EXIT_USAGE : EXIT_DONE;
	if (!code && cli_value(&args, "against") &&
	    (print.format == PLAN_CSV || print.format == PLAN_HTML || print.report.filter.kinds)) {
		fprintf(stderr, "dirbridge plan: --against compares records, not steps: "
				"no csv, no html and no --kind\n");
		code = EXIT_USAGE;
	}
	if (code) {
		cli_args_release(&args);
		return code;
	}
	code = run_open(&run, &args);
	if (!code && cli_value(&args, "against")) {
		code = preview(&run, &args, &print);
		run_release(&run);
		cli_args_release(&args);
		return code;
	}
	if (!code)
		code = run_plan(&run, &args, false);
	if (!code) {
		if (print_plan(&run, &args, &print))
			code = EXIT_FAILED;
		else if (run.plan.refused)
			code = EXIT_REFUSED;
		else if (run.plan.skips.count || (!run.plan.directory.complete && !run.only))
			code = EXIT_PARTLY;
		else if (run.plan.steps.count && cli_flag(&args, "exit-code"))
			code = EXIT_CHANGES;
	}
	run_release(&run);
	cli_args_release(&args);
	return code;
}

const struct cli_command cli_plan = {
	.name = "plan",
	.operands = "",
	.summary = "Dry run: what would be changed. Writes nothing to the tenant or the state.",
	.help = "Reads the directory and the tenant, applies the rules, and shows the difference:\n"
		"who, which attribute, old -> new, and the rule that wants it. Limits are checked\n"
		"as in apply.",
	.options = options,
	.run = run_command,
};
