#include "bridge/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "bridge/log.h"

#include "scim/base/banned.h"

#define METRICS_BYTES_MAX (1 << 20)

static void head(struct buf *out, const char *name, const char *help)
{
	buf_addf(out, "# HELP dirbridge_%s %s\n# TYPE dirbridge_%s gauge\n", name, help, name);
}

static void one(struct buf *out, const char *name, const char *help, double value)
{
	head(out, name, help);
	buf_addf(out, "dirbridge_%s %.17g\n", name, value);
}

static void put_run(struct buf *out, const struct run *run, enum exit_code code)
{
	int64_t now_us = clock_now_us(run->clock);

	one(out, "run_exit_code", "Exit code of the last apply; 0 is well.", code);
	one(out, "run_end_timestamp_seconds", "When the last apply ended.",
	    (double)now_us / 1e6);
	one(out, "run_duration_seconds", "How long it took.",
	    (double)(now_us - run->time_s * 1000000) / 1e6);
	one(out, "run_refused", "1 when a limit or guard refused it: nothing was written.",
	    run->plan.refused || code == EXIT_REFUSED);
}

/* What the state says, also when the run never came to look at it. */
static void put_state(struct buf *out, struct run *run)
{
	const struct state_whom nobody = { NULL, 0 };
	struct state_summary summary;
	struct recorded *recorded;
	struct err err = ERR_INIT;
	struct arena mem = ARENA_INIT;
	size_t count;

	if (run->state && run->state->ops->load(run->state, run->time_s, &nobody, &mem, &recorded,
						&count, &summary, &err) == 0) {
		if (summary.baseline)
			one(out, "last_good_run_timestamp_seconds", "When the last good apply ended.",
			    (double)summary.last_good_s);
		one(out, "accounts_linked", "People with an account.", (double)summary.linked);
		one(out, "calls_unfinished", "Calls whose outcome is not known.",
		    (double)summary.unfinished);
	}
	arena_release(&mem);
}

static void put_plan(struct buf *out, const struct run *run)
{
	const struct plan *plan = &run->plan;

	one(out, "people_in_scope", "People whom the rules take.", (double)plan->people_in_scope);
	one(out, "people_left", "People who were left as they are, in whole or in part.",
	    (double)plan->skips.count);
	head(out, "read_complete", "1 when that side was read whole.");
	buf_addf(out, "dirbridge_read_complete{side=\"directory\"} %d\n", plan->directory.complete);
	buf_addf(out, "dirbridge_read_complete{side=\"tenant\"} %d\n", plan->tenant.complete);
	head(out, "limit_used", "Planned, and applied in the last 24 hours.");
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++)
		buf_addf(out, "dirbridge_limit_used{limit=\"%s\"} %u\n", limit_kind_name(kind),
			 plan->limits[kind].planned + plan->limits[kind].recent);
	head(out, "limit_allowed", "At most so many.");
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++)
		buf_addf(out, "dirbridge_limit_allowed{limit=\"%s\"} %u\n", limit_kind_name(kind),
			 plan->limits[kind].allowed);
}

static void put_steps(struct buf *out, const struct run *run)
{
	head(out, "run_steps", "Steps of the last apply.");
	for (int kind = 0; kind < STEP_KIND_COUNT; kind++)
		for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++)
			if (run->outcomes[kind][outcome])
				buf_addf(out, "dirbridge_run_steps{kind=\"%s\",outcome=\"%s\"} %lu\n",
					 step_row(kind)->name, outcome_name(outcome),
					 run->outcomes[kind][outcome]);
}

static void put_calls(struct buf *out, const struct run *run)
{
	uint64_t by_op[API_OP_COUNT] = { 0 }, throttled = 0;

	if (!run->tenant)
		return;
	run->tenant->ops->counters(run->tenant, by_op, &throttled);
	head(out, "tenant_calls", "Requests of the last apply, repeated ones too.");
	for (int op = 0; op < API_OP_COUNT; op++)
		if (by_op[op])
			buf_addf(out, "dirbridge_tenant_calls{operation=\"%s\"} %" PRIu64 "\n",
				 api_op(op)->name, by_op[op]);
	one(out, "tenant_throttled", "Answers 429 of the last apply.", (double)throttled);
}

void metrics_write(struct run *run, enum exit_code code)
{
	const char *file = run->config ? run->config->metrics_file : NULL;
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];
	struct buf out;

	if (!file)
		return;
	buf_init(&out, METRICS_BYTES_MAX);
	put_run(&out, run, code);
	put_state(&out, run);
	if (run->plan.time_s) { /* there is a plan */
		put_plan(&out, run);
		put_steps(&out, run);
	}
	put_calls(&out, run);
	if (cli_write_file(file, &out, 0644, &err))
		log_line(LOG_WARN, "metrics: %s", err_format(&err, text, sizeof(text)));
	buf_release(&out);
}
