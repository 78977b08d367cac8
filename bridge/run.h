/*
 * bridge/run.h - one pass, top to bottom: directory -> rules -> tenant -> plan -> apply.
 *
 * Only this file knows all stages. Each function does one stage and leaves its result in
 * `struct run`, so that a command stops where it wants to.
 *
 * Memory  run_release frees all of it; records and plan live until then.
 * Errors  Functions return an exit code (bridge/cli/cli.h); 0 means go on. What went wrong
 *         has been said on stderr by then.
 */
#ifndef BRIDGE_RUN_H
#define BRIDGE_RUN_H

#include "bridge/apply/apply.h"
#include "bridge/changes.h"
#include "bridge/cli/cli.h"
#include "bridge/config/config.h"
#include "bridge/directory/directory.h"
#include "bridge/explain.h"
#include "bridge/plan/plan.h"
#include "bridge/report/report.h"
#include "bridge/snapshot.h"
#include "bridge/state/state.h"
#include "bridge/tenant/tenant.h"
#include "mappings/map.h"

struct run {
	const struct clock *clock;
	struct rng rng;
	int64_t time_s;            /* the run's time: `now` in rules, in the plan */
	struct config *config;
	struct rules *rules;
	struct directory *directory;
	struct snapshot snapshot;  /* --from: what is read in the directory's place */
	const char *source;        /* what stands for the directory in the state's keys */
	struct state *state;
	struct tenant *tenant;

	struct arena mem;          /* records, plan */
	struct arena scratch;      /* one entry's work */
	VEC(struct record *) records;
	struct tally tally, last_tally, high_tally; /* of this read, and of good runs before */
	bool tallied;
	struct verdict people, groups;
	unsigned long out_of_scope; /* entries that no people block takes */
	struct present present;
	struct plan_input input;
	struct plan plan;
	bool only;                 /* --only: found people, nobody else */
	struct changes *changes;   /* of a run for everybody; NULL = none is looked for */
	bool part_read;            /* only what changed was read */
	struct state_whom touched; /* then: whom it concerns */
	struct plan_part part;
	VEC(struct recorded_held) held; /* of part */
	VEC(struct plan_manager) managers; /* of people looked at, who are not themselves */
	unsigned long outcomes[STEP_KIND_COUNT][OUTCOME_COUNT]; /* of an apply */
	bool progress;             /* a progress line on stderr */
	bool explain;              /* keep how each person read came to their record */
	struct explainer *explainer;       /* then: while the directory is read */
	VEC(struct explained *) explained; /* in mem */
};

/* Settings, rules, and the snapshot of --from; sets up the log. */
enum exit_code run_open(struct run *run, const struct cli_args *args);
void run_release(struct run *run);

/*
 * A command that wants a run: arguments, --help, run_open, `command`, and all of it released.
 * Returns the exit code.
 */
int run_with(const struct cli_command *self, int argc, char **argv,
	     enum exit_code (*command)(struct run *run, const struct cli_args *args));

/*
 * Groups and people through the rules into run->records. With `only` (count > 0) just the
 * people that these select; one that matches nobody is EXIT_FAILED.
 */
enum exit_code run_read_directory(struct run *run, const char *const *only, size_t count);
/* The state as recorded; `write` takes the lock of the state. */
enum exit_code run_open_state(struct run *run, bool write);
/* Catalogue, names of the rules against it. */
enum exit_code run_read_catalogue(struct run *run, struct tenant_need *ret_need);
/*
 * All of the above in order, accounts, and the plan. Options looked at: --only, --full.
 */
enum exit_code run_plan(struct run *run, const struct cli_args *args, bool write);
/*
 * Everybody, the state, the catalogue, and all accounts with their external ids: what adopting
 * needs. Ready in run->input. `write` takes the lock of the state.
 */
enum exit_code run_adopt(struct run *run, bool write);
/*
 * A plan made now, of which only the steps are left that `saved` holds as well (plan_keep);
 * one that is refused is left as it is.
 */
enum exit_code run_saved_plan(struct run *run, const struct plan *saved);
/*
 * The people that `person` selects, each with what the rules made of them in run->explained,
 * those out of scope too; then, unless `offline`, state, tenant and plan for them. Nobody
 * selected is EXIT_FAILED.
 */
enum exit_code run_explain(struct run *run, const char *person, bool offline);
/* The plan was applied: what was read is where the next run begins. */
void run_keep(struct run *run, const struct apply_result *result);

#endif
