#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/cli/approval.h"
#include "bridge/log.h"
#include "bridge/metrics.h"
#include "bridge/report/plan_file.h"
#include "bridge/run.h"

#include "scim/base/banned.h"

#define PEOPLE_SHOWN 20

static const struct cli_option options[] = {
	{ "only", 0, "PERSON", "only this person: LDAP filter, DN, or attr=value; may be repeated" },
	{ "full", 0, NULL, "read everything, not only what has changed" },
	{ "yes", 'y', NULL, "do not ask; needed where there is no terminal" },
	{ "all", 'a', NULL, "show every person of the plan" },
	ALLOW_OPTION,
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
	(void)steps;
	report_apply_progress(ctx, done, calls, stderr);
}

/* What can not be pruned today is pruned tomorrow. */
static void forget_old(struct run *run)
{
	int64_t before_s = run->time_s - (int64_t)run->config->state_keep_days * 86400;
	unsigned long runs = 0;
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];

	if (run->state->ops->prune(run->state, before_s, &runs, &err))
		log_line(LOG_WARN, "%s", err_format(&err, text, sizeof(text)));
	else if (runs)
		log_line(LOG_INFO, "the steps of %lu old runs are not kept any more", runs);
}

static enum exit_code apply_now(struct run *run, const struct report_options *report,
				bool json)
{
	struct apply apply = {
		.plan = &run->plan, .tenant = run->tenant, .state = run->state,
		.clock = run->clock, .stop = &stop_asked,
		.progress = run->progress ? on_progress : NULL,
		.progress_ctx = &run->plan,
	};
	struct apply_result result;
	struct err err = ERR_INIT;
	int status;

	catch_signals();
	status = apply_plan(&apply, &run->mem, &result, &err);
	for (size_t i = 0; i < run->plan.steps.count; i++)
		run->outcomes[run->plan.steps.items[i].kind][result.outcomes[i]]++;
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
	if (!status) {
		run_keep(run, &result);
		forget_old(run);
	}
	if (status) {
		cli_say_error(&err);
		return exit_code_of(&err) == EXIT_USAGE ? EXIT_FAILED : exit_code_of(&err);
	}
	if (result.counts[OUTCOME_DONE] < run->plan.steps.count || run->plan.skips.count ||
	    (!run->plan.directory.complete && !run->only))
		return EXIT_PARTLY;
	return EXIT_DONE;
}

/* So that somebody can look at it, and apply it with what it needs. */
static void save_refused(struct run *run)
{
	struct buf text, path;
	struct err err = ERR_INIT;
	const char *exceeded = NULL;
	unsigned needed = 0;

	for (int kind = 0; kind < LIMIT_KIND_COUNT && !exceeded; kind++) {
		if (!run->plan.limits[kind].exceeded)
			continue;
		exceeded = limit_kind_name(kind);
		needed = run->plan.limits[kind].planned + run->plan.limits[kind].recent;
	}
	buf_init(&text, PLAN_FILE_BYTES_MAX);
	buf_init(&path, 65536);
	buf_addf(&path, "%s.refused.json", run->config->state_file);
	report_plan_json(&run->plan, &text);
	if (cli_write_file(path.data, &text, 0600, &err))
		cli_say_error(&err);
	else if (exceeded)
		fprintf(stderr, "dirbridge: the plan is saved: dirbridge show %s; if it is right, "
			"dirbridge apply %s --allow %s=%u\n", path.data, path.data, exceeded,
			needed);
	else
		fprintf(stderr, "dirbridge: the plan is saved: dirbridge show %s\n", path.data);
	buf_release(&text);
	buf_release(&path);
}

static enum exit_code plan_and_apply(struct run *run, const struct cli_args *args)
{
	struct report_options report = {
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
		.people_max = cli_flag(args, "all") ? 0 : PEOPLE_SHOWN,
	};
	enum exit_code code = run_plan(run, args, true);

	if (code)
		return code;
	if (!args->json)
		report_plan_text(&run->plan, &report, stdout);
	fflush(stdout);
	if (run->plan.refused) {
		save_refused(run);
		return EXIT_REFUSED;
	}
	if (run->plan.steps.count && !cli_flag(args, "yes") && !confirmed(run)) {
		fprintf(stderr, "dirbridge: nothing was applied\n");
		return EXIT_FAILED;
	}
	/* Also with no step: a run that found nothing to do is what later ones compare with. */
	return apply_now(run, &report, args->json);
}

/* --- a saved plan ------------------------------------------------------------------------ */

static enum exit_code refuse(const char *path, const char *why)
{
	fprintf(stderr, "dirbridge: %s: %s; nothing was applied\n", path, why);
	return EXIT_REFUSED;
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* What the plan says of itself. */
static enum exit_code check_saved(const struct run *run, const char *path,
				  const struct plan *saved, const struct allowances *allow)
{
	char when[21];

	if (!same(saved->target, run->config->target.api_url))
		return refuse(path, "the plan is for another tenant than the settings name");
	if (saved->expires_s && saved->expires_s < run->time_s) {
		time_format(saved->expires_s, when);
		fprintf(stderr, "dirbridge: %s: the plan has expired (%s); make it anew; nothing was "
			"applied\n", path, when);
		return EXIT_REFUSED;
	}
	if (saved->refused && !allowances_any(allow))
		return refuse(path, "the plan was refused when it was made; what it exceeds can be "
				    "allowed with --allow");
	return EXIT_DONE;
}

static enum exit_code apply_saved(struct run *run, const struct cli_args *args,
				  const char *path, const struct plan *saved)
{
	struct report_options report = {
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
		.people_max = cli_flag(args, "all") ? 0 : PEOPLE_SHOWN,
	};
	enum exit_code code = run_saved_plan(run, saved);

	if (code)
		return code;
	if (!same(saved->inputs, run->plan.inputs))
		log_line(LOG_WARN, "settings or rules have changed since %s was made: what they "
			 "now want otherwise is not done", path);
	if (!args->json)
		report_plan_text(&run->plan, &report, stdout);
	fflush(stdout);
	return run->plan.refused ? EXIT_REFUSED : apply_now(run, &report, args->json);
}

/* With a key in the settings only a signature allows anything. */
static int read_allowances(const struct run *run, const struct cli_args *args,
			   const char *path, const char hash[DIGEST_TEXT],
			   struct allowances *ret, struct err *err)
{
	const char *key = run->config->approval_key_file;

	if (allowances_read(args, ret, err) || !key)
		return err->kind ? -1 : 0;
	if (allowances_any(ret))
		return err_set(err, ERR_USAGE, "approval.key_file is set: what is allowed is said "
			       "with dirbridge approve %s --allow", path ? path : "FILE");
	if (!path)
		return err_set(err, ERR_USAGE, "approval.key_file is set: only a saved and signed "
			       "plan is applied (dirbridge plan -o FILE, dirbridge approve FILE)");
	if (approval_read(path, hash, key, ret, err)) {
		err->kind = ERR_USAGE; /* a plan that nobody signed (design: exit 2) */
		return -1;
	}
	return 0;
}

static enum exit_code apply_file(struct run *run, const struct cli_args *args,
				 const char *path)
{
	struct plan saved = { .time_s = 0 };
	struct allowances allow;
	char hash[DIGEST_TEXT];
	struct err err = ERR_INIT;
	enum exit_code code;

	if (plan_file_read(path, &run->mem, &saved, hash, &err)) {
		cli_say_error(&err);
		return err.kind == ERR_REFUSED ? EXIT_REFUSED : exit_code_of(&err);
	}
	if (read_allowances(run, args, path, hash, &allow, &err)) {
		cli_say_error(&err);
		code = exit_code_of(&err);
	} else {
		allowances_use(&allow, run->config);
		code = check_saved(run, path, &saved, &allow);
		if (!code)
			code = apply_saved(run, args, path, &saved);
	}
	plan_release(&saved);
	return code;
}

static enum exit_code apply_fresh(struct run *run, const struct cli_args *args)
{
	struct allowances allow;
	struct err err = ERR_INIT;

	if (read_allowances(run, args, NULL, NULL, &allow, &err)) {
		cli_say_error(&err);
		return exit_code_of(&err);
	}
	allowances_use(&allow, run->config);
	return plan_and_apply(run, args);
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
	if (!args.operands.count && !cli_flag(&args, "yes") && !isatty(STDIN_FILENO)) {
		fprintf(stderr, "dirbridge apply: there is no terminal to ask at; give --yes\n");
		cli_args_release(&args);
		return EXIT_USAGE;
	}
	code = run_open(&run, &args);
	if (!code && args.operands.count && cli_value(&args, "only")) {
		fprintf(stderr, "dirbridge apply: a saved plan is applied as a whole; --only is "
			"for plan -o\n");
		code = EXIT_USAGE;
	} else if (!code) {
		code = args.operands.count ? apply_file(&run, &args, args.operands.items[0])
					   : apply_fresh(&run, &args);
	}
	metrics_write(&run, code);
	run_release(&run);
	cli_args_release(&args);
	return code;
}

const struct cli_command cli_apply = {
	.name = "apply",
	.operands = "[FILE]",
	.operands_max = 1,
	.summary = "Applies a saved plan; or plans anew, shows the plan, and applies exactly that.",
	.help = "FILE is what dirbridge plan -o wrote. Its steps are done and nothing else; a step\n"
		"whose ground has moved since (rules, entry or account) is not done, and listed.\n"
		"\n"
		"Without FILE it asks before the first write, unless --yes is given. A limit that is\n"
		"exceeded stops it before the first write (exit 4), and the plan is saved. A person\n"
		"whose step fails gets nothing more in this run; all others go on (exit 5, listed).",
	.options = options,
	.run = run_command,
};
