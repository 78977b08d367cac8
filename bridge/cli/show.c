#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/cli/approval.h"
#include "bridge/cli/plan_print.h"
#include "bridge/report/plan_file.h"
#include "bridge/report/report.h"
#include "bridge/run.h"

#include "scim/base/banned.h"

/* A file that was changed is refused, as apply refuses it. */
static enum exit_code read_plan(const char *path, struct arena *mem, struct plan *ret_plan,
				char hash[DIGEST_TEXT])
{
	struct err err = ERR_INIT;

	if (plan_file_read(path, mem, ret_plan, hash, &err) == 0)
		return EXIT_DONE;
	cli_say_error(&err);
	return err.kind == ERR_REFUSED ? EXIT_REFUSED : exit_code_of(&err);
}

/* People in the plan, by login name, directory id or DN. */
static enum exit_code select_people(const struct plan *plan, const struct cli_args *args,
				    const char *const *only, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct report_filter one = { .only = &only[i], .only_count = 1 };
		size_t at = 0;

		while (at < plan->people.count &&
		       !report_shows_person(&one, &plan->people.items[at]))
			at++;
		if (at < plan->people.count)
			continue;
		fprintf(stderr, "dirbridge show: %s has nobody with the login name, directory id or DN %s\n",
			args->operands.items[0], only[i]);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

/* Only apply knows the key that it must be signed with. */
static const char *approval_words(const char *path, struct arena *mem)
{
	const char *signature = arena_printf(mem, "%s.sig", path);

	return access(signature, F_OK) == 0 ? "a signature stands beside it; apply checks it"
					    : "nobody has signed it";
}

static enum exit_code show_plan(const struct cli_args *args)
{
	VEC(const char *) only = { 0 };
	struct arena mem = ARENA_INIT;
	struct plan plan = { .time_s = 0 };
	struct plan_print print;
	char hash[DIGEST_TEXT];
	const char *person;
	enum exit_code code;

	if (plan_print_read(args, &print))
		return EXIT_USAGE;
	for (size_t i = 0; (person = cli_value_at(args, "only", i)); i++)
		vec_push(&only, person);
	print.report.filter.only = only.items;
	print.report.filter.only_count = only.count;
	if (only.count && (print.format == PLAN_JSON || print.format == PLAN_HTML)) {
		fprintf(stderr, "dirbridge show: json and html are the whole plan; --only is for text and csv\n");
		code = EXIT_USAGE;
	} else {
		code = read_plan(args->operands.items[0], &mem, &plan, hash);
	}
	if (!code)
		code = select_people(&plan, args, only.items, only.count);
	if (!code)
		plan_print(&plan, &print, NULL, approval_words(args->operands.items[0], &mem));
	vec_release(&only);
	plan_release(&plan);
	arena_release(&mem);
	return code;
}

static int run_show(const struct cli_command *self, int argc, char **argv)
{
	struct cli_args args;
	int code = EXIT_USAGE;

	if (cli_parse(self, argc, argv, &args) == 0)
		code = args.help ? EXIT_DONE : show_plan(&args);
	cli_args_release(&args);
	return code;
}

static enum exit_code approve(const struct cli_args *args)
{
	const char *path = args->operands.items[0], *key = cli_value(args, "key");
	struct arena mem = ARENA_INIT;
	struct plan plan = { .time_s = 0 };
	struct allowances allow;
	char hash[DIGEST_TEXT];
	struct err err = ERR_INIT;
	enum exit_code code;

	if (!key) {
		fprintf(stderr, "dirbridge approve: --key FILE is missing: the private key to sign with\n");
		return EXIT_USAGE;
	}
	if (allowances_read(args, &allow, &err)) {
		cli_say_error(&err);
		return EXIT_USAGE;
	}
	code = read_plan(path, &mem, &plan, hash);
	if (!code && approval_write(path, hash, &allow, key, clock_now_us(clock_system()) / 1000000, &err)) {
		cli_say_error(&err);
		code = exit_code_of(&err);
	} else if (!code) {
		printf("%s.sig: approves the plan %.12s, %zu steps for %zu people\n", path, hash,
		       plan.steps.count, plan.people.count);
	}
	plan_release(&plan);
	arena_release(&mem);
	return code;
}

static int run_approve(const struct cli_command *self, int argc, char **argv)
{
	struct cli_args args;
	int code = EXIT_USAGE;

	if (cli_parse(self, argc, argv, &args) == 0)
		code = args.help ? EXIT_DONE : approve(&args);
	cli_args_release(&args);
	return code;
}

static const struct cli_option show_options[] = {
	PLAN_FORMAT_OPTION,
	{ "only", 0, "PERSON", "show only this person: login name, directory id or DN; may be repeated" },
	PLAN_KIND_OPTION,
	{ "all", 'a', NULL, "show every person in the text" },
	{ NULL, 0, NULL, NULL },
};

static const struct cli_option approve_options[] = {
	{ "key", 0, "FILE", "private key to sign with (Ed25519, PEM)" },
	ALLOW_OPTION,
	{ NULL, 0, NULL, NULL },
};

const struct cli_command cli_show = {
	.name = "show",
	.operands = "FILE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "A saved plan, in any format.",
	.help = "Reads what `dirbridge plan -o FILE` wrote. Neither settings nor servers are needed.\n"
		"A file that was changed since is refused (exit 4).",
	.options = show_options,
	.run = run_show,
};

const struct cli_command cli_approve = {
	.name = "approve",
	.operands = "FILE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Signs a saved plan, with what is allowed for it beyond the limits.",
	.help = "Writes FILE.sig. With approval.key_file in the settings, apply takes only a plan that\n"
		"was signed so. Keys are made with\n"
		"    openssl genpkey -algorithm ed25519 -out approval.key\n"
		"    openssl pkey -in approval.key -pubout -out approval.pub",
	.options = approve_options,
	.run = run_approve,
};
