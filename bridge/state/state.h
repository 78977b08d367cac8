/*
 * bridge/state/state.h - what dirbridge remembers: links, what it set, runs, the journal.
 *
 * A table of functions without SQL in it, sized for a server elsewhere one day: load;
 * commit a batch (durable on return); a lease with owner, expiry and fencing number. Every
 * key starts with source id and target id.
 *
 * The journal knows calls and the steps that ride in each. Intents are durable before a
 * request leaves; outcomes before the next request depends on them (design, invariant 5).
 *
 * Memory  What load returns lives in the arena given. Batches borrow until commit returns.
 * Errors  ERR_BUSY another run holds the lease (text names it); ERR_IO disk full, file
 *         damaged, read-only, ...: with the way out.
 */
#ifndef BRIDGE_STATE_STATE_H
#define BRIDGE_STATE_STATE_H

#include "bridge/plan/plan.h"
#include "scim/base/clock.h"

struct state_summary {
	bool baseline;                  /* there is a good run */
	int64_t last_good_s;
	unsigned long last_good_count;  /* people in it, or the highest of 7 days if more */
	unsigned long recent[LIMIT_KIND_COUNT]; /* steps done in the last 24 hours; 0 when
						    nobody was asked for */
	unsigned long unfinished;       /* calls sent whose outcome was never recorded */
	/* struct plan.tally of the last good run that has one, and of all of 7 days; NULL, 0: none */
	const char *tally;
	const char *const *tallies;
	size_t tally_count;
	unsigned long linked;           /* people with an account, of all */
};

/* Some people, by directory id, in the order of strcmp. */
struct state_whom {
	const char *const *persons;
	size_t count;
};
typedef void state_link_fn(void *ctx, const struct link *link);
typedef void state_held_fn(void *ctx, enum assign_kind kind, const char *item_id);

/* What was learned; each kind of list is optional. */
struct state_intent {
	struct call *call; /* journal_id is set by commit */
	const char *op;
};
struct state_outcome {
	uint64_t journal_id;
	enum step_outcome outcome;
	int http_status;
	const char *correlation_id, *error;
};
struct state_step {
	uint32_t step; /* index in the plan */
	enum step_outcome outcome;
	const char *error;
};
/*
 * TRY     an assignment that is being sent: recorded as tentative, unless it is for certain
 * UNTRY   it did not happen: forget it, if it is tentative
 * FOUND   an adopted account had it: recorded so, unless it is ours
 * A request whose answer never came leaves its TRY: what it may have given is ours.
 */
enum state_forget { STATE_KEEP, STATE_FORGET, STATE_TRY, STATE_UNTRY, STATE_FOUND };
struct state_relink {
	const char *old_person, *person;
};
struct state_field {
	const char *person;
	struct recorded_field field;
	enum state_forget forget;
};
struct state_held {
	const char *person;
	struct recorded_held held;
	enum state_forget forget;
};

struct state_batch {
	VEC(struct state_intent) intents;
	VEC(struct state_outcome) outcomes;
	VEC(struct state_step) steps;
	VEC(struct link) links;
	/* Who has another directory id now: all that is recorded of them goes with them. */
	VEC(struct state_relink) relinks;
	VEC(struct state_field) fields;
	VEC(struct state_held) held;
};
void state_batch_clear(struct state_batch *batch);
void state_batch_release(struct state_batch *batch);
bool state_batch_empty(const struct state_batch *batch);

struct state_run {
	uint64_t id;
	int64_t started_s, ended_s;  /* ended 0 = never recorded: it was cut off */
	const char *result;          /* "good", "partly", "failed", "" */
	unsigned long people, steps, done, failed;
	bool complete;               /* the directory was read whole */
};
typedef int state_run_fn(void *ctx, const struct state_run *run);
struct state_run_step {
	const char *person, *user_name, *kind, *what, *old_text, *new_text;
	const char *outcome, *error;
};
typedef int state_step_fn(void *ctx, const struct state_run_step *step);

/*
 * The audit chain: each run's record holds a hash over the one before it, what the run's
 * record says, and its steps. Who changes or removes a record changes all hashes after it; the
 * newest hash, kept elsewhere, proves all of them.
 */
struct state_audit {
	uint64_t run;
	const char *hash;  /* as recorded; NULL = none yet (made before there was a chain) */
	const char *wrong; /* NULL = nothing: what does not fit */
	bool pruned;       /* its steps are not kept any more, only their hash */
};
typedef int state_audit_fn(void *ctx, const struct state_audit *audit);

struct state;
struct state_ops {
	/* Take the lease for a run that writes. */
	int (*lock)(struct state *state, struct err *err);
	/*
	 * Everybody, after a look at the whole file (ERR_IO when it is damaged); or, with
	 * `whom`, only what is recorded of these: fast, whatever the state holds.
	 */
	int (*load)(struct state *state, int64_t now_s, const struct state_whom *whom,
		    struct arena *mem, struct recorded **ret_items, size_t *ret_count,
		    struct state_summary *ret_summary, struct err *err);
	/* Everybody who is linked; the link is good until fn returns. */
	int (*each_link)(struct state *state, state_link_fn *fn, void *ctx, struct err *err);
	/* Each item that is recorded for anybody, once. */
	int (*each_held)(struct state *state, state_held_fn *fn, void *ctx, struct err *err);
	int (*begin_run)(struct state *state, const struct plan *plan, int64_t now_s,
			 uint64_t *ret_run, struct err *err);
	/* One transaction, on disk when it returns. */
	int (*commit)(struct state *state, const struct state_batch *batch, struct err *err);
	int (*end_run)(struct state *state, const struct state_run *run, struct err *err);
	/* Newest first; fn returns non-zero to stop. */
	int (*runs)(struct state *state, state_run_fn *fn, void *ctx, struct err *err);
	int (*run_steps)(struct state *state, uint64_t run, state_step_fn *fn, void *ctx,
			 struct err *err);
	/* Each run of the chain, oldest first; fn returns non-zero to stop. */
	int (*verify)(struct state *state, state_audit_fn *fn, void *ctx, struct err *err);
	/* Forget steps and calls of runs that ended before; the runs' records stay. */
	int (*prune)(struct state *state, int64_t before_s, unsigned long *ret_runs,
		     struct err *err);
	/* Copy everything, of all sources and targets, while another run may be writing. */
	int (*backup)(struct state *state, const char *file, struct err *err);
	void (*close)(struct state *state);
};
struct state {
	const struct state_ops *ops;
};

/*
 * Open the state in `file`. Read-only (a dry run): a file that is not there is an empty
 * state, nothing is created or written. Else it is created with mode 0600.
 */
int state_open_sqlite(const char *file, const char *source, const char *target, bool write,
		      const struct clock *clock, struct state **ret_state, struct err *err);

#endif
