#include <string.h>

#include "bridge/directory/schema.h"
#include "bridge/log.h"
#include "bridge/run.h"
#include "mappings/json_schema.h"
#include "mappings/rules_keys.h"

#include "scim/base/banned.h"

static const struct cli_option options[] = {
	{ "settings", 0, NULL, "list every setting with its default and meaning" },
	{ "keys", 0, NULL, "print the manual of all settings and keys, in Markdown" },
	{ "schema", 0, "NAME", "print the JSON Schema of settings, rules or test (files of cases)" },
	{ "online", 0, NULL, "also the directory, the tenant, and each name in the rules" },
	{ "from", 0, "DIR", "read this snapshot in the directory's place" },
	{ NULL, 0, NULL, NULL },
};

static void print_verdict(const char *what, const struct verdict *verdict)
{
	printf("%s: %s\n", what, verdict->complete ? "read completely" : "NOT read completely");
	for (size_t i = 0; i < verdict->reason_count && i < VERDICT_REASONS_MAX; i++)
		printf("  %s\n", verdict->reasons[i]);
}

static unsigned long count_problems(const struct run *run)
{
	unsigned long people = 0;

	for (size_t i = 0; i < run->records.count; i++)
		people += record_frozen(run->records.items[i]);
	return people;
}

/* An attribute that the directory does not have is absent from everybody: a typo, mostly. */
static void check_attribute(struct run *run, const struct dir_schema *schema, unsigned slot)
{
	const char *name = rules_layout(run->rules)->names.items[slot], *nearest;
	char place[512];

	if (dir_schema_find(schema, slice_of(name, strcspn(name, ";"))))
		return;
	nearest = dir_schema_nearest(schema, name);
	rules_origin_text(run->rules, rules_attribute_origin(run->rules, slot), place,
			  sizeof(place));
	log_line(LOG_WARN, "%s: the directory's schema has no attribute \"%s\"%s%s%s", place, name,
		 nearest ? "; nearest: \"" : "", nearest ? nearest : "", nearest ? "\"" : "");
}

static void check_schema(struct run *run)
{
	struct dir_schema schema;
	struct err err = ERR_INIT;

	if (!run->directory || !run->directory->ops->read_schema)
		return;
	dir_schema_init(&schema);
	if (run->directory->ops->read_schema(run->directory, &schema, &err))
		log_line(LOG_WARN, "attribute names were not checked: %s", err.text);
	else
		for (unsigned i = 0; i < rules_layout(run->rules)->names.count; i++)
			check_attribute(run, &schema, i);
	run->directory->ops->disconnect(run->directory);
	dir_schema_release(&schema);
}

static enum exit_code check_online(struct run *run, bool quiet)
{
	static const enum catalogue_kind kinds[] = { CAT_ROLE, CAT_DIVISION, CAT_SKILL,
						     CAT_LANGUAGE, CAT_GROUP, CAT_QUEUE };
	struct tenant_need need;
	unsigned long frozen;
	enum exit_code code = run_read_directory(run, NULL, 0);

	if (code)
		return code;
	check_schema(run);
	frozen = count_problems(run);
	if (!quiet) {
		print_verdict("directory", &run->people);
		printf("  %zu people in scope, %lu entries that no rule takes\n",
		       run->records.count, run->out_of_scope);
		if (frozen)
			printf("  %lu of them can not be decided; plan names them\n", frozen);
	}
	run->input = (struct plan_input){
		.config = run->config, .time_s = run->time_s, .records = run->records.items,
		.record_count = run->records.count, .directory = &run->people,
		.present = &run->present, .rules = run->rules,
	};
	code = run_read_catalogue(run, &need);
	if (code || quiet)
		return code;
	print_verdict("tenant", &run->present.verdict);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		printf("  %zu %ss", run->present.catalogue.kinds[kinds[i]].items.count,
		       catalogue_kind_name(kinds[i]));
	printf("\n  every name in the rules is there\n");
	return EXIT_DONE;
}

static enum exit_code print_schema(const char *name)
{
	static const struct {
		const char *name;
		void (*make)(struct buf *out);
	} rows[] = {
		{ "settings", config_schema },
		{ "rules", rules_schema },
		{ "test", rule_test_schema },
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
	fprintf(stderr, "dirbridge check: --schema wants settings, rules or test\n");
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
	if (cli_flag(&args, "settings")) {
		config_print_help(stdout);
		cli_args_release(&args);
		return EXIT_DONE;
	}
	if (cli_value(&args, "schema") || cli_flag(&args, "keys")) {
		code = cli_flag(&args, "keys") ? print_keys()
					       : print_schema(cli_value(&args, "schema"));
		cli_args_release(&args);
		return code;
	}
	code = run_open(&run, &args);
	if (!code && !args.json)
		printf("settings and rules: good (%u rule files, %zu attributes, %zu groups)\n",
		       run.config->rules.count, rules_layout(run.rules)->names.count,
		       rules_groups(run.rules)->names.count);
	if (!code && cli_flag(&args, "online"))
		code = check_online(&run, args.json);
	if (args.json)
		printf("{\"schema\":\"dirbridge.check/1\",\"ok\":%s}\n", code ? "false" : "true");
	run_release(&run);
	cli_args_release(&args);
	return code;
}

const struct cli_command cli_check = {
	.name = "check",
	.operands = "",
	.summary = "Checks settings and rules; with --online also directory, tenant and names.",
	.help = "",
	.options = options,
	.run = run_command,
};
