#include <string.h>

#include "bridge/cli/check.h"
#include "bridge/report/plan_file.h"
#include "mappings/json_schema.h"
#include "mappings/rules_keys.h"

#include "scim/base/banned.h"

static const struct cli_option options[] = {
	{ "settings", 0, NULL, "list every setting with its default and meaning" },
	{ "keys", 0, NULL, "print the manual of all settings and keys, in Markdown" },
	{ "schema", 0, "NAME", "print the JSON Schema of settings, rules, test (files of cases) or plan" },
	{ "online", 0, NULL,
	  "also the directory, the tenant, the client's permissions, and each name in the rules" },
	{ "probe", 0, NULL,
	  "with --online: find out on scratch users what a SCIM service does its own way" },
	{ "permissions", 0, NULL, "list the permissions that the client needs for these rules" },
	{ "from", 0, "DIR", "read this snapshot in place of directory and tenant" },
	{ NULL, 0, NULL, NULL },
};

static enum exit_code print_schema(const char *name)
{
	static const struct {
		const char *name;
		void (*make)(struct buf *out);
	} rows[] = {
		{ "settings", config_schema },
		{ "rules", rules_schema },
		{ "test", rule_test_schema },
		{ "plan", plan_file_schema },
	};
	struct buf text;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		buf_init(&text, SCHEMA_BYTES_MAX);
		rows[i].make(&text);
		puts(text.data);
		buf_release(&text);
		return EXIT_DONE;
	}
	fprintf(stderr, "dirbridge check: --schema wants settings, rules, test or plan\n");
	return EXIT_USAGE;
}

static enum exit_code print_keys(void)
{
	struct buf text;

	buf_init(&text, SCHEMA_BYTES_MAX);
	config_keys_markdown(&text);
	buf_addch(&text, '\n');
	rules_keys_markdown(&text);
	fputs(text.data, stdout);
	buf_release(&text);
	return EXIT_DONE;
}

/* The first that applies wins: 6, 2, 4, 1, 5, 3, 0. */
static enum exit_code worse(enum exit_code a, enum exit_code b)
{
	static const enum exit_code order[] = { EXIT_LOCKED, EXIT_USAGE, EXIT_REFUSED,
						EXIT_FAILED };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return a ? a : b;
}

static enum exit_code check(struct run *run, const struct cli_args *args)
{
	struct findings findings;
	struct check_report report = { .run = run, .findings = &findings,
				       .online = cli_flag(args, "online") };

	if (!args->json)
		printf("settings and rules: good (%u rule files, %zu attributes, %zu groups)\n",
		       run->config->rules.count, rules_layout(run->rules)->names.count,
		       rules_groups(run->rules)->names.count);
	findings_init(&findings);
	check_settings(run, &findings);
	if (report.online)
		report.code = check_online(run, &findings);
	if (report.online && cli_flag(args, "probe"))
		report.code = worse(report.code, check_probe(run, &findings));
	report.named = report.code == EXIT_DONE;
	report.code = worse(report.code, check_verdict(&findings));
	if (args->json)
		check_report_json(&report);
	else
		check_report_text(&report);
	findings_release(&findings);
	return report.code;
}

/* What asks for no configuration; false = none of these. */
static bool print_manual(const struct cli_args *args, enum exit_code *ret_code)
{
	*ret_code = EXIT_DONE;
	if (cli_flag(args, "settings"))
		config_print_help(stdout);
	else if (cli_flag(args, "keys"))
		*ret_code = print_keys();
	else if (cli_value(args, "schema"))
		*ret_code = print_schema(cli_value(args, "schema"));
	else
		return false;
	return true;
}

static int run_command(const struct cli_command *self, int argc, char **argv)
{
	struct cli_args args;
	struct run run;
	enum exit_code code;

	if (cli_parse(self, argc, argv, &args) || args.help) {
		code = args.help ? EXIT_DONE : EXIT_USAGE;
		cli_args_release(&args);
		return code;
	}
	if (print_manual(&args, &code)) {
		cli_args_release(&args);
		return code;
	}
	if (cli_flag(&args, "probe") && !cli_flag(&args, "online")) {
		fprintf(stderr, "dirbridge check: --probe writes to the tenant; give --online too\n");
		cli_args_release(&args);
		return EXIT_USAGE;
	}
	code = run_open(&run, &args);
	if (code) {
		if (args.json)
			printf("{\"schema\":\"dirbridge.check/1\",\"ok\":false}\n");
	} else if (cli_flag(&args, "permissions")) {
		code = check_permissions(&run, args.json);
	} else {
		code = check(&run, &args);
	}
	run_release(&run);
	cli_args_release(&args);
	return code;
}

const struct cli_command cli_check = {
	.name = "check",
	.operands = "",
	.summary = "Checks settings and rules; with --online also directory, tenant and names.",
	.help = "Exit 2: settings, rules or a name in them are wrong. Exit 4: the client does not see\n"
		"a division that it must judge, so that a run would take people and grants there for\n"
		"gone. Exit 1: a permission is missing, or something could not be reached. Warnings\n"
		"and notes alone are exit 0.",
	.options = options,
	.run = run_command,
};
