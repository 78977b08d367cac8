#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/run.h"
#include "scim/base/digest.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

static const struct cli_option no_options[] = { { NULL, 0, NULL, NULL } };
static const struct cli_option runs_options[] = {
	{ "verify", 0, NULL, "whether each record is as it was written (audit chain); 1 = not" },
	{ NULL, 0, NULL, NULL },
};

static const char *result_words(const struct state_run *run)
{
	return run->ended_s ? run->result : "cut off";
}

/* --- runs -------------------------------------------------------------------------------- */

struct lister {
	struct json_out *json; /* NULL = text */
	struct buf *buf;
};

static int list_run(void *ctx, const struct state_run *run)
{
	struct lister *l = ctx;
	char started[21];

	time_format(run->started_s, started);
	if (!l->json) {
		printf("%6" PRIu64 "  %s  %-7s  %6lu people  %6lu of %lu steps done\n", run->id,
		       started, result_words(run), run->people, run->done, run->steps);
		return 0;
	}
	json_out_object(l->json);
	json_out_member_int(l->json, "run", (int64_t)run->id);
	json_out_member(l->json, "started", started);
	json_out_member(l->json, "result", result_words(run));
	json_out_member_int(l->json, "people", (int64_t)run->people);
	json_out_member_int(l->json, "steps", (int64_t)run->steps);
	json_out_member_int(l->json, "done", (int64_t)run->done);
	json_out_member_int(l->json, "failed", (int64_t)run->failed);
	json_out_object_end(l->json);
	return 0;
}

static int list_step(void *ctx, const struct state_run_step *step)
{
	struct lister *l = ctx;

	if (l->json) {
		json_out_object(l->json);
		json_out_member(l->json, "person", step->person);
		json_out_member(l->json, "userName", step->user_name);
		json_out_member(l->json, "kind", step->kind);
		json_out_member(l->json, "what", step->what);
		json_out_member(l->json, "old", step->old_text);
		json_out_member(l->json, "new", step->new_text);
		json_out_member(l->json, "outcome", step->outcome);
		json_out_member(l->json, "error", step->error);
		json_out_object_end(l->json);
		return 0;
	}
	buf_clear(l->buf);
	buf_addf(l->buf, "%-8s  ", step->outcome);
	buf_addvisible(l->buf, step->user_name, strlen(step->user_name));
	buf_addf(l->buf, "  %s ", step->kind);
	buf_addvisible(l->buf, step->what, strlen(step->what));
	if (step->new_text) {
		buf_addstr(l->buf, step->old_text ? ": " : " ");
		if (step->old_text) {
			buf_addvisible(l->buf, step->old_text, strlen(step->old_text));
			buf_addstr(l->buf, " -> ");
		}
		buf_addvisible(l->buf, step->new_text, strlen(step->new_text));
	}
	if (step->error)
		buf_addf(l->buf, "  (%s)", step->error);
	printf("%s\n", l->buf->data);
	return 0;
}

static enum exit_code print_runs(struct run *run, const struct cli_args *args)
{
	struct err err = ERR_INIT;
	struct json_out json;
	struct buf buf;
	struct lister l = { args->json ? &json : NULL, &buf };
	bool one = args->operands.count > 0;
	uint64_t id = one ? strtoull(args->operands.items[0], NULL, 10) : 0;
	int status;

	buf_init(&buf, (size_t)1 << 30);
	json_out_init(&json, &buf);
	if (args->json) {
		json_out_object(&json);
		json_out_member(&json, "schema", one ? "dirbridge.run/1" : "dirbridge.runs/1");
		json_out_key(&json, one ? "steps" : "runs");
		json_out_array(&json);
	}
	status = one ? run->state->ops->run_steps(run->state, id, list_step, &l, &err)
		     : run->state->ops->runs(run->state, list_run, &l, &err);
	if (args->json && !status) {
		json_out_array_end(&json);
		json_out_object_end(&json);
		printf("%s\n", buf.data);
	}
	buf_release(&buf);
	if (status)
		cli_say_error(&err);
	return status ? EXIT_FAILED : EXIT_DONE;
}

/* --- the audit chain --------------------------------------------------------------------- */

struct auditor {
	unsigned long runs, unsealed, pruned, wrong;
	uint64_t first_wrong;
	char why[100];
	char hash[DIGEST_TEXT];
};

static int audit_run(void *ctx, const struct state_audit *audit)
{
	struct auditor *a = ctx;

	a->runs++;
	a->unsealed += !audit->hash;
	a->pruned += audit->pruned;
	if (audit->hash)
		snprintf(a->hash, sizeof(a->hash), "%s", audit->hash);
	if (audit->wrong && !a->wrong++) {
		a->first_wrong = audit->run;
		snprintf(a->why, sizeof(a->why), "%s", audit->wrong);
	}
	return 0;
}

static enum exit_code verify_runs(struct run *run, const struct cli_args *args)
{
	struct auditor a = { 0 };
	struct err err = ERR_INIT;
	struct json_out json;
	struct buf buf;

	if (run->state->ops->verify(run->state, audit_run, &a, &err)) {
		cli_say_error(&err);
		return EXIT_FAILED;
	}
	if (args->json) {
		buf_init(&buf, 4096);
		json_out_init(&json, &buf);
		json_out_object(&json);
		json_out_member(&json, "schema", "dirbridge.audit/1");
		json_out_key(&json, "ok");
		json_out_bool(&json, !a.wrong);
		json_out_member_int(&json, "runs", (int64_t)a.runs);
		json_out_member_int(&json, "withoutHash", (int64_t)a.unsealed);
		json_out_member_int(&json, "pruned", (int64_t)a.pruned);
		json_out_member(&json, "hash", a.hash);
		if (a.wrong) {
			json_out_member_int(&json, "firstWrong", (int64_t)a.first_wrong);
			json_out_member(&json, "why", a.why);
		}
		json_out_object_end(&json);
		printf("%s\n", buf.data);
		buf_release(&buf);
	} else if (a.wrong) {
		printf("run %" PRIu64 ": %s\n", a.first_wrong, a.why);
	} else {
		printf("%lu runs, each as it was recorded; newest hash %s\n", a.runs,
		       a.hash[0] ? a.hash : "none");
		if (a.pruned)
			printf("the steps of %lu old runs are not kept any more\n", a.pruned);
	}
	return a.wrong ? EXIT_FAILED : EXIT_DONE;
}

static enum exit_code print_or_verify(struct run *run, const struct cli_args *args)
{
	return cli_flag(args, "verify") ? verify_runs(run, args) : print_runs(run, args);
}

/* --- backup ------------------------------------------------------------------------------ */

static enum exit_code back_up(struct run *run, const struct cli_args *args)
{
	struct err err = ERR_INIT;

	if (run->state->ops->backup(run->state, args->operands.items[0], &err) == 0)
		return EXIT_DONE;
	cli_say_error(&err);
	return EXIT_FAILED;
}

/* --- status ------------------------------------------------------------------------------ */

static enum exit_code print_status(struct run *run, const struct cli_args *args)
{
	const struct state_whom nobody = { NULL, 0 };
	struct recorded *recorded;
	struct state_summary s;
	struct err err = ERR_INIT;
	struct changes_kept kept;
	int64_t full_age;
	size_t count;
	bool good;

	if (run->state->ops->load(run->state, run->time_s, &nobody, &run->mem, &recorded, &count,
				  &s, &err)) {
		cli_say_error(&err);
		return EXIT_FAILED;
	}
	changes_kept(run->config, run->source, run->config->target.api_url, &kept);
	full_age = kept.full_s ? run->time_s - kept.full_s : -1;
	good = s.baseline && !s.unfinished;
	if (args->json)
		printf("{\"schema\":\"dirbridge.status/1\",\"ok\":%s,\"lastGoodAge\":%" PRId64
		       ",\"linked\":%lu,\"unfinishedCalls\":%lu,\"fullReadAge\":%" PRId64
		       ",\"leftUndone\":%zu}\n",
		       good ? "true" : "false", s.baseline ? run->time_s - s.last_good_s : -1,
		       s.linked, s.unfinished, full_age, kept.todo);
	else if (!s.baseline)
		printf("no good run yet\n");
	else
		printf("last good run %" PRId64 " s ago, %lu accounts linked, %lu calls without an "
		       "outcome", run->time_s - s.last_good_s, s.linked, s.unfinished);
	if (!args->json && s.baseline && full_age >= 0)
		printf(", everything read %" PRId64 " s ago, %zu people left undone", full_age,
		       kept.todo);
	if (!args->json && s.baseline)
		printf("\n");
	return good ? EXIT_DONE : EXIT_FAILED;
}

/* --- commands ---------------------------------------------------------------------------- */

static int with_state(const struct cli_command *self, int argc, char **argv,
		      enum exit_code (*print)(struct run *, const struct cli_args *))
{
	struct cli_args args;
	struct run run;
	enum exit_code code;

	if (cli_parse(self, argc, argv, &args) || args.help) {
		code = args.help ? EXIT_DONE : EXIT_USAGE;
		cli_args_release(&args);
		return code;
	}
	code = run_open(&run, &args);
	if (!code)
		code = run_open_state(&run, false);
	if (!code)
		code = print(&run, &args);
	run_release(&run);
	cli_args_release(&args);
	return code;
}

static int run_runs(const struct cli_command *self, int argc, char **argv)
{
	return with_state(self, argc, argv, print_or_verify);
}

static int run_status(const struct cli_command *self, int argc, char **argv)
{
	return with_state(self, argc, argv, print_status);
}

const struct cli_command cli_runs = {
	.name = "runs",
	.operands = "[RUN]",
	.operands_max = 1,
	.summary = "History: the runs, or each step of one run with its outcome.",
	.help = "Each run's record holds a hash over its steps and over the record before it. Keep\n"
		"the newest hash elsewhere, and --verify proves all of them.",
	.options = runs_options,
	.run = run_runs,
};

static int run_backup(const struct cli_command *self, int argc, char **argv)
{
	return with_state(self, argc, argv, back_up);
}

const struct cli_command cli_backup = {
	.name = "backup",
	.operands = "FILE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Copies the state, also while a run is writing to it.",
	.help = "FILE is a whole state by itself: to go back, put it where state.file is.",
	.options = no_options,
	.run = run_backup,
};

const struct cli_command cli_status = {
	.name = "status",
	.operands = "",
	.summary = "One line for monitoring; exit 0 when there is a good run, else 1.",
	.help = "",
	.options = no_options,
	.run = run_status,
};
