/*
 * bridge/tenant/tenant.h - the door to the tenant: reads in bulk, calls for steps, sending.
 *
 * A table of functions: Genesys Cloud, or any SCIM service. Turning steps into calls
 * is pure; the same function makes the estimate in the plan and the calls of apply.
 *
 * Memory  A tenant owns connections, token and pacer. What a read returns is in `present`.
 * Errors  -1 with *err: operation, status, the tenant's code and message, correlation id.
 *         A read that began but is not whole spoils present->verdict instead.
 */
#ifndef BRIDGE_TENANT_TENANT_H
#define BRIDGE_TENANT_TENANT_H

#include "bridge/api/api.h"
#include "bridge/model/finding.h"
#include "bridge/model/present.h"
#include "bridge/model/step.h"
#include "bridge/tenant/access.h"
#include "scim/base/clock.h"

struct config;
struct plan;

/* A run for some people alone looks at their accounts and at no others. */
struct tenant_whom {
	const char *const *user_names; /* that they want: whoever has one is read as well, */
	size_t user_name_count;        /* and deleted accounts that hold it */
	unsigned long linked;          /* people with an account, of all: how long lists are */
};

/* What of the tenant the run needs; queues and divisions by catalogue index. */
struct tenant_need {
	const uint32_t *queues;          /* members of these */
	unsigned queue_count;
	const uint32_t *teams, *units;   /* members of these; of units their work plans, too */
	unsigned team_count, unit_count;
	const uint32_t *grant_divisions; /* grants in these; ITEM_ALL = "*" */
	unsigned grant_division_count;
	/* Accounts that the state knows: one that no list shows is asked for by its id. */
	const char *const *account_ids;
	size_t account_count;
	/* NULL: everybody. Else the accounts of account_ids and of whom; a tenant may read more. */
	const struct tenant_whom *whom;
};

/* What `check --online` wants to know of the tenant, beside the catalogue. */
struct tenant_look {
	const struct present *present;   /* with its catalogue */
	struct access_use use;           /* by the rules */
	struct access_divisions people, grants; /* where the rules put people and roles */
	const char *const *accounts;     /* ids of some accounts of ours, for samples */
	size_t account_count;
	int64_t now_s, last_good_s;      /* last_good_s 0 = there was no good run */
};

/* Called as work goes on, for a progress line; may be NULL. */
typedef void tenant_progress_fn(void *ctx, const char *what, uint64_t done, uint64_t total);

struct tenant;
typedef void tenant_call_fn(void *ctx, struct call *call, const struct call_result *result);

struct tenant_ops {
	const char *kind; /* "genesys", "scim" */
	/*
	 * Token and catalogues: roles, divisions, skills, languages, groups, queues; teams,
	 * management units and work plans where present->kinds says that they matter.
	 */
	int (*read_catalogue)(struct tenant *tenant, struct present *present, struct err *err);
	/* Active and inactive users with skills, languages, groups; grants; queue members. */
	int (*read_accounts)(struct tenant *tenant, const struct tenant_need *need,
			     struct present *present, struct err *err);
	/*
	 * Fill external_id of the given accounts; with count 0 of all, active and inactive.
	 * By whichever takes fewer calls: single look-ups or pages of 25.
	 */
	int (*read_external_ids)(struct tenant *tenant, struct present *present,
				 const uint32_t *accounts, unsigned count, struct err *err);
	/*
	 * Deleted users hold their addresses: add to `present` at least those that hold one
	 * of these login names. By searches or by pages of all of them, whichever is fewer.
	 */
	int (*read_deleted)(struct tenant *tenant, const char *const *user_names,
			    size_t count, struct present *present, struct err *err);
	/*
	 * Append to *calls what carries the steps of `wave` that are
	 * not blocked (blocked[person] != 0). Pure; memory from `mem`. people's account ids
	 * are taken from plan->people[].account_id (NULL in an estimate: any id will do).
	 */
	void (*make_calls)(struct tenant *tenant, const struct plan *plan, unsigned wave,
			   const unsigned char *blocked, struct arena *mem, struct calls *calls);
	/*
	 * Send `count` calls, at most target.in_flight at once; `before` is told before a
	 * request leaves (it makes the intent durable for a batch; -1 stops), `done` once for
	 * each. Returns when all are answered, or when *stop is set and what was in flight is.
	 */
	int (*send)(struct tenant *tenant, const struct plan *plan, struct call *calls,
		    size_t count,
		    int (*before)(void *ctx, struct call **batch, size_t count, struct err *err),
		    tenant_call_fn *done, void *ctx, volatile bool *stop, struct err *err);
	/*
	 * Wait until what was accepted (202) is seen by a reader, at most target.settle
	 * seconds. Sets confirmed[i] for steps[i] seen.
	 */
	int (*settle)(struct tenant *tenant, const struct plan *plan, const uint32_t *steps,
		      size_t count, bool *confirmed, struct err *err);
	/*
	 * After read_catalogue: what the client may do, who else writes, limits, expiry. What
	 * can not be asked is a finding too. May be NULL.
	 */
	void (*check)(struct tenant *tenant, const struct tenant_look *look,
		      struct findings *findings);
	/* Calls a minute that may be sent at present; 0 = not throttled. May be NULL. */
	double (*budget)(const struct tenant *tenant);
	/*
	 * Find out on scratch users how the tenant does things its own way, and keep it for
	 * later runs. NULL: nothing is to be found out.
	 */
	int (*probe)(struct tenant *tenant, struct findings *findings, struct err *err);
	/* Calls sent so far by operation (enum api_op), retries included; 429s met. */
	void (*counters)(const struct tenant *tenant, uint64_t by_op[API_OP_COUNT],
			 uint64_t *ret_429);
	void (*free)(struct tenant *tenant);
};

struct tenant {
	const struct tenant_ops *ops;
	tenant_progress_fn *progress;
	void *progress_ctx;
};

/* By target.kind of the settings. */
int tenant_open(const struct config *config, const struct clock *clock, struct rng *rng,
		struct tenant **ret_tenant, struct err *err);

#endif
