#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/run.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

static const struct cli_option no_options[] = { { NULL, 0, NULL, NULL } };

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
	return with_state(self, argc, argv, print_runs);
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
	.help = "",
	.options = no_options,
	.run = run_runs,
};

const struct cli_command cli_status = {
	.name = "status",
	.operands = "",
	.summary = "One line for monitoring; exit 0 when there is a good run, else 1.",
	.help = "",
	.options = no_options,
	.run = run_status,
};
