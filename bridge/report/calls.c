/*
 * What a plan costs: calls are what the tenant counts, so they are the time a run takes.
 */
#include "bridge/report/report.h"

#include <stdlib.h>

#include "bridge/api/api.h"

#include "scim/base/banned.h"

struct cost {
	enum api_op op;
	unsigned long calls;
};

/* The most first; equal ones in the table's order, so that the text is always the same. */
static int cmp_cost(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	if (x->calls != y->calls)
		return x->calls > y->calls ? -1 : 1;
	return (int)x->op - (int)y->op;
}

static unsigned long sum_calls(const struct plan *plan)
{
	unsigned long calls = 0;

	for (int op = 0; op < API_OP_COUNT; op++)
		calls += plan->calls[op];
	return calls;
}

void report_duration(unsigned long calls, unsigned long per_minute, char out[32])
{
	/* In whole seconds, rounded up: nobody is told that a call takes no time. */
	unsigned long seconds = (calls * 60 + per_minute - 1) / per_minute;

	if (seconds <= 90)
		snprintf(out, 32, "%lu s", seconds);
	else if (seconds < 7200)
		snprintf(out, 32, "%lu min", (seconds + 59) / 60);
	else
		snprintf(out, 32, "%lu h %lu min", seconds / 3600, seconds % 3600 / 60);
}

void report_calls_text(const struct plan *plan, FILE *out)
{
	struct cost costs[API_OP_COUNT];
	unsigned long calls = sum_calls(plan);
	size_t count = 0;
	char time[32];

	if (!calls)
		return;
	fprintf(out, "  %lu %s to the tenant", calls, calls == 1 ? "call" : "calls");
	if (plan->calls_per_minute) {
		report_duration(calls, plan->calls_per_minute, time);
		fprintf(out, ", about %s at %lu a minute", time, plan->calls_per_minute);
	}
	fputc('\n', out);
	for (int op = 0; op < API_OP_COUNT; op++)
		if (plan->calls[op])
			costs[count++] = (struct cost){ (enum api_op)op, plan->calls[op] };
	qsort(costs, count, sizeof(*costs), cmp_cost);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "  %8lu %s\n", costs[i].calls, api_words(costs[i].op));
}

void report_apply_progress(const struct plan *plan, unsigned long steps_done,
			   unsigned long calls_done, FILE *out)
{
	unsigned long calls = sum_calls(plan);
	char what[80], time[32];

	/* Conflicts and split calls make more of them than were counted before. */
	if (calls_done < calls && plan->calls_per_minute) {
		report_duration(calls - calls_done, plan->calls_per_minute, time);
		snprintf(what, sizeof(what), "applying, %s left", time);
	} else {
		snprintf(what, sizeof(what), "applying");
	}
	report_progress(out, what, steps_done, plan->steps.count);
}
