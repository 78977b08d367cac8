/*
 * bridge/apply/apply.h - send exactly the steps of a plan, journal each, go on past failures.
 *
 * Order    Waves of step.def one after another; a person whose step failed, was refused or
 *          has an unknown outcome gets nothing more in this run (invariant 6), others go on.
 * Journal  The intent of a batch of calls is committed before it leaves, together with the
 *          outcomes so far; a state that can not be written stops everything (invariant 5).
 * Memory   What the result points to lives in the arena given.
 */
#ifndef BRIDGE_APPLY_APPLY_H
#define BRIDGE_APPLY_APPLY_H

#include "bridge/plan/plan.h"
#include "bridge/state/state.h"
#include "bridge/tenant/tenant.h"

struct apply_result {
	uint64_t run;
	int64_t started_s;
	enum step_outcome *outcomes; /* by step */
	const char **errors;         /* by step; NULL = none */
	unsigned long counts[OUTCOME_COUNT];
	bool stopped;                /* asked to stop; the rest was not sent */
};

typedef void apply_progress_fn(void *ctx, unsigned long steps_done, unsigned long steps,
			       unsigned long calls);

struct apply {
	struct plan *plan;
	struct tenant *tenant;
	struct state *state; /* locked */
	const struct clock *clock;
	volatile bool *stop; /* set by a signal */
	apply_progress_fn *progress; /* or NULL */
	void *progress_ctx;
};

/*
 * Returns 0 when the pass came to its end, also with failed steps; -1 with *err when the
 * journal or the tenant made going on impossible (*ret_result is filled in both cases).
 */
int apply_plan(const struct apply *apply, struct arena *mem, struct apply_result *ret_result,
	       struct err *err);

#endif
