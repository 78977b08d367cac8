#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/run.h"

#include "scim/base/banned.h"

#define PEOPLE_SHOWN 20

static const struct cli_option options[] = {
	{ "only", 0, "PERSON", "only this person: LDAP filter, DN, or attr=value; may be repeated" },
	{ "full", 0, NULL, "read everything, not only what has changed" },
	{ "yes", 'y', NULL, "do not ask; needed where there is no terminal" },
	{ "all", 'a', NULL, "show every person of the plan" },
	{ NULL, 0, NULL, NULL },
};

/* Only a signal handler writes it; what is in flight is finished, nothing more is sent. */
static volatile bool stop_asked;

static void on_signal(int number)
{
	(void)number;
	stop_asked = true;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static bool confirmed(const struct run *run)
{
	char answer[16];

	fprintf(stderr, "\nApply these %zu steps? Type yes: ", run->plan.steps.count);
	fflush(stderr);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	answer[strcspn(answer, "\n")] = '\0';
	return strcmp(answer, "yes") == 0;
}

static void on_progress(void *ctx, unsigned long done, unsigned long steps,
			unsigned long calls)
{
	(void)ctx;
	(void)calls;
	report_progress(stderr, "applying", done, steps);
}

static enum exit_code apply_now(struct run *run, const struct report_options *report,
				bool json)
{
	struct apply apply = {
		.plan = &run->plan, .tenant = run->tenant, .state = run->state,
		.clock = run->clock, .stop = &stop_asked,
		.progress = run->progress ? on_progress : NULL,
	};
	struct apply_result result;
	struct err err = ERR_INIT;
	int status;

	catch_signals();
	status = apply_plan(&apply, &run->mem, &result, &err);
	if (run->progress)
		report_progress_end(stderr);
	if (json) {
		struct buf text;

		buf_init(&text, (size_t)1 << 30);
		report_result_json(&run->plan, &result, &text);
		fwrite(text.data, 1, text.len, stdout);
		buf_release(&text);
	} else {
		report_result_text(&run->plan, &result, report, stdout);
	}
	if (!status)
		run_keep(run, &result);
	if (status) {
		cli_say_error(&err);
		return exit_code_of(&err) == EXIT_USAGE ? EXIT_FAILED : exit_code_of(&err);
	}
	if (result.counts[OUTCOME_DONE] < run->plan.steps.count || run->plan.skips.count ||
	    (!run->plan.directory.complete && !run->only))
		return EXIT_PARTLY;
	return EXIT_DONE;
}

static enum exit_code plan_and_apply(struct run *run, const struct cli_args *args)
{
	struct report_options report = {
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
		.people_max = cli_flag(args, "all") ? 0 : PEOPLE_SHOWN,
		.rate_per_minute = run->config->target.rate_per_minute,
	};
	enum exit_code code = run_plan(run, args, true);

	if (code)
		return code;
	if (!args->json)
		report_plan_text(&run->plan, &report, stdout);
	fflush(stdout);
	if (run->plan.refused)
		return EXIT_REFUSED;
	if (run->plan.steps.count && !cli_flag(args, "yes") && !confirmed(run)) {
		fprintf(stderr, "dirbridge: nothing was applied\n");
		return EXIT_FAILED;
	}
	/* Also with no step: a run that found nothing to do is what later ones compare with. */
	return apply_now(run, &report, args->json);
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
	if (!cli_flag(&args, "yes") && !isatty(STDIN_FILENO)) {
		fprintf(stderr, "dirbridge apply: there is no terminal to ask at; give --yes\n");
		cli_args_release(&args);
		return EXIT_USAGE;
	}
	code = run_open(&run, &args);
	if (!code)
		code = plan_and_apply(&run, &args);
	run_release(&run);
	cli_args_release(&args);
	return code;
}

const struct cli_command cli_apply = {
	.name = "apply",
	.operands = "",
	.summary = "Plans anew, shows the plan, and applies exactly that.",
	.help = "Asks before the first write, unless --yes is given. A limit that is exceeded\n"
		"stops it before the first write (exit 4). A person whose step fails gets nothing\n"
		"more in this run; all others go on (exit 5, listed).",
	.options = options,
	.run = run_command,
};
