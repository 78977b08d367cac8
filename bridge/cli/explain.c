#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bridge/run.h"

#include "scim/base/banned.h"

#define COLUMNS_DEFAULT 100
#define EXPLANATION_BYTES_MAX ((size_t)1 << 30)

static const struct cli_option options[] = {
	{ "offline", 0, NULL, "do not ask the tenant: stop after what the rules want" },
	{ "all", 'a', NULL, "in the text: each part of each expression with its value" },
	{ "from", 0, "DIR", "read this snapshot in place of directory and tenant" },
	{ NULL, 0, NULL, NULL },
};

static unsigned terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return COLUMNS_DEFAULT;
}

static void print_explanation(const struct run *run, const struct cli_args *args)
{
	struct explain_report report = {
		.people = (const struct explained *const *)run->explained.items,
		.count = run->explained.count,
		.more = run->records.count + run->out_of_scope - run->explained.count,
		.rules = run->rules, .groups = &run->groups, .time_s = run->time_s,
		.offline = cli_flag(args, "offline"),
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
		.all = cli_flag(args, "all"),
		.columns = terminal_columns(),
	};
	struct buf text;

	if (!args->json) {
		report_explain_text(&report, stdout);
		return;
	}
	buf_init(&text, EXPLANATION_BYTES_MAX);
	report_explain_json(&report, &text);
	fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
}

static int run_command(const struct cli_command *self, int argc, char **argv)
{
	struct cli_args args;
	struct run run;
	enum exit_code code;

	if (cli_parse(self, argc, argv, &args)) {
		cli_args_release(&args);
		return EXIT_USAGE;
	}
	if (args.help) {
		cli_args_release(&args);
		return EXIT_DONE;
	}
	code = run_open(&run, &args);
	if (!code)
		code = run_explain(&run, args.operands.items[0], cli_flag(&args, "offline"));
	/* Where the tenant failed, what the rules want is still worth reading. */
	if (run.explained.count)
		print_explanation(&run, &args);
	run_release(&run);
	cli_args_release(&args);
	return code;
}

const struct cli_command cli_explain = {
	.name = "explain",
	.operands = "PERSON",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "One person: entry, groups, each rule and why, record, difference.",
	.help = "PERSON is an LDAP filter, a DN, or attr=value. Shows the entry as it was read, how\n"
		"the person is in each group, which rules fired and which part of them decided,\n"
		"which rules nearly did, where each value comes from, and what a plan would change.",
	.options = options,
	.run = run_command,
};
