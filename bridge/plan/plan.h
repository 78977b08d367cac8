/*
 * bridge/plan/plan.h - wanted + present + recorded -> steps. Pure: same inputs, same bytes.
 *
 * Decisions, wanted (W) x present (P) x recorded by us (R), for one assignment of a person.
 * Code and tests cite the rows.
 *
 *        W  P  R    manage          merge           seed            never
 *    1   .  .  .    nothing         nothing         nothing         nothing
 *    2   .  .  R    forget          forget          forget          forget
 *    3   .  P  .    remove *        nothing         nothing         nothing
 *    4   .  P  R    remove          remove          nothing         nothing
 *    5   W  .  .    add             add             new accounts    nothing
 *    6   W  .  R    add, drift      nothing, drift  nothing         nothing
 *    7   W  P  .    nothing         nothing         nothing         nothing
 *    8   W  P  R    nothing         nothing         nothing         nothing
 *   and where W and P differ in level:
 *    9   W  P  .    set             set             nothing         nothing
 *   10   W  P  R=P  set             set             nothing         nothing
 *   11   W  P  R!=P set, drift      nothing, drift  nothing         nothing
 *
 *   * Only for a kind that a rule states for this person; groups and queues only where a
 *     rule names them for anybody, or the record does.
 *   R may be tentative: sent, outcome unknown. It counts as recorded, but rows 6 and 11 do
 *   not take it for something that somebody else changed; in row 8 it becomes certain. On an
 *   account that was linked just now (row 21) row 7 is recorded as ours.
 *   R may be "found": the account had it when it was adopted. Then rows 3 and 4 take nothing
 *   until somebody says so (dirbridge adopt --found); where it is wanted it becomes ours.
 *   In rows 3 and 4 nothing is removed unless the groups were read completely: the rules may
 *   want it after all. A kind with a name that the tenant does not have, or that the tenant
 *   did not show, is left alone as a whole.
 *
 * And for a profile attribute (what no rule states is left alone):
 *   12   W  P same             nothing in every mode
 *   13   W  P differs or none  manage: set (drift when R was W already);
 *                              merge: set when there is none, or P is what we set (R);
 *                                     none where R was W: somebody cleared it, nothing;
 *                              seed: new accounts; never: no
 *        (a manager's value is the account of that person; one who has none and gets none
 *        in this plan: nothing, noted)
 *   14   W, no place for it    nothing in every mode, warned of once: the tenant has no
 *                              such attribute
 *   15   W is "empty" (clear)  as 13 where there is a P; a new account has none anyway
 *
 * And for people (record x link x account):
 *   20  record, no link, no account with the name       create, if the tenant was read whole
 *   21  record, no link, account with our external id   link, then as 24
 *   22  record, no link, name held by another account   conflict: left, listed
 *   23  link, account not in the read                   left, listed
 *   24  record, link, account                           compare; reactivate if inactive
 *       and when the account was deleted in the tenant      restore it, inactive; then as 24, with
 *       all roles and what was recorded given anew, and reactivate
 *   25  no record, link, account active                 deactivate, if absence is proved
 *   26  no record, link, account inactive or deleted    nothing
 *   27  record that could not be decided                left, listed; counts as present
 *   28  no link                                         foreign: never touched
 *   29  two links to one account, two accounts with one external id, two people with one
 *       userName, external id or directory id           all of them left, listed
 *   30  record that a rule skips                        left, listed; counts as present, and
 *                                                       is no trouble
 *   31  record, no link, name held by the account of somebody who is not in the directory any
 *       more: both left, listed, until dirbridge adopt has been told (re-link)
 *
 * Memory  The plan's text lives in the arena given to plan_make and in its inputs, which
 *         must outlive it.
 */
#ifndef BRIDGE_PLAN_PLAN_H
#define BRIDGE_PLAN_PLAN_H

#include "bridge/api/api.h"
#include "bridge/model/present.h"
#include "bridge/model/step.h"
#include "bridge/model/tally.h"
#include "bridge/model/verdict.h"
#include "mappings/rules.h"

/* From the state: who is who, and what we set. */
struct link {
	const char *person_id, *account_id;
	const char *user_name, *dn; /* as last seen, for messages */
	bool left;                  /* disabled by us as a leaver */
};
struct recorded_field {
	enum scim_attr attr;
	const char *key, *value;
};
struct recorded_held {
	enum assign_kind kind;
	const char *item_id, *division_id; /* NULL where none */
	double level;
	bool tentative; /* sent, and the outcome was never learned */
	bool found;     /* not ours: the account had it when it was adopted */
};
struct recorded {
	struct link link;
	const struct recorded_field *fields;
	unsigned field_count;
	const struct recorded_held *held;
	unsigned held_count;
};

enum person_change {
	PERSON_CREATE,
	PERSON_UPDATE,
	PERSON_LEAVE,   /* linked, not in the directory any more */
	PERSON_RETURN,  /* was inactive, wanted active again */
	PERSON_CHANGE_COUNT,
};
const char *person_change_name(enum person_change change); /* "create", ... */

struct plan_person {
	const char *id, *dn, *user_name, *display_name;
	const char *rule;
	const char *account_id;  /* NULL until created */
	const char *version;     /* expected; NULL for a create */
	enum person_change change;
	uint32_t first_step, step_count; /* its steps stand together, in step.def's order */
};

/* A person (or one kind of theirs) left as they are, and why. */
struct plan_skip {
	const char *id, *dn, *user_name;
	bool whole;       /* nothing is done for this person */
	const char *text;
	origin_id origin;
};

struct plan_limit {
	unsigned planned, recent; /* in this plan; applied in the last 24 hours */
	unsigned allowed;         /* the effective maximum */
	bool exceeded;
};

struct plan_forget {
	const char *person_id;
	const struct recorded_held *held;
};
struct plan_claim {
	const char *person_id;
	struct recorded_held held;
};

struct plan {
	int64_t time_s;
	/* Of a plan to be saved: when it ends, whom it is of, and a hash of settings and rules. */
	int64_t expires_s;              /* 0 = it does not */
	const char *source, *target, *inputs; /* NULL = not said */
	VEC(const char *) selected;     /* --only, as given */
	VEC(struct plan_person) people; /* those with steps; by directory id */
	VEC(struct step) steps;
	VEC(struct plan_skip) skips;
	VEC(struct plan_skip) by_rule;  /* left because a rule says so (`skip`): no trouble */
	VEC(struct link) new_links;     /* found by our external id; recorded by apply */
	VEC(struct link) moved;         /* known under another DN now; recorded by apply */
	VEC(const char *) warnings;
	unsigned long found_left;       /* held since before adoption; manage would take them */
	unsigned long counts[STEP_KIND_COUNT];
	struct plan_limit limits[LIMIT_KIND_COUNT];
	bool refused;                   /* a limit or guard says no: exit 4 */
	VEC(const char *) refusals;     /* why, in words */
	unsigned long people_in_scope, people_unchanged, accounts_foreign;
	struct verdict directory, tenant;
	const char *const *places;      /* text of each origin_id: "agents.yaml:14:9 (agents)" */
	unsigned long calls[API_OP_COUNT]; /* estimate by enum api_op, filled by run.c */
	unsigned long calls_per_minute; /* present budget: rate, the tenant's word, share; 0 = none */
	/* Recorded assignments that are wanted no more and that nobody holds: forget them. */
	VEC(struct plan_forget) forgets;
	/* Wanted and held, and ours though not recorded (rows 7 and 8): record them. */
	VEC(struct plan_claim) claims;
	const char *tally;              /* what the read found, for the state; NULL: not known */
	bool only;                      /* a plan for some people: no baseline for later ones */
	bool part;                      /* only people touched by changes were looked at: */
	size_t touched;
};

/*
 * A run for those alone whom a change since the last run touches: everybody else is as the
 * last run left them. What is said of all people then comes from here.
 */
struct plan_part {
	unsigned long people; /* in scope */
	unsigned long linked; /* with an account */
	size_t touched;       /* looked at, also who is gone */
	const struct recorded_held *held; /* each item recorded for anybody, once */
	size_t held_count;
};

/* Somebody linked whom this run does not look at, and who is somebody's manager. */
struct plan_manager {
	const char *dn; /* normalised */
	const char *account_id, *user_name;
};

struct config;
struct plan_input {
	const struct config *config;
	int64_t time_s;
	struct record *const *records; /* in any order; ids are unique (plan_make checks) */
	size_t record_count;
	const struct verdict *directory;
	const struct verdict *groups;  /* of the groups alone; NULL: `directory` speaks for them */
	const struct present *present;
	const struct recorded *recorded; /* in any order; one a person */
	size_t recorded_count;
	bool baseline;                 /* the state holds a good run to compare with */
	unsigned long last_good_count; /* people read then (highest of the last 7 days) */
	/* What this read found, and the last good run; `high` also of seven days. NULL: not known */
	const struct tally *tally, *last_tally, *high_tally;
	unsigned long recent[LIMIT_KIND_COUNT]; /* applied in the last 24 hours */
	const struct rules *rules;
	bool only;                     /* --only: nobody else is looked at, nobody is left */
	bool adopting;                 /* all accounts and all their grants are looked at */
	const struct plan_part *part;  /* NULL: records and recorded are all there are */
	const struct plan_manager *managers;
	size_t manager_count;
	unsigned long unfinished;      /* calls of a run that was cut off: look everywhere */
};

/*
 * Names of the records (and literal names of the rules) against the catalogue, before
 * anything else is read. Literal ones that are unknown are errors in `diags`: with
 * file:line:column and the nearest name; -1. Fills need lists (arena memory): queues and
 * divisions by records and recorded ones; accounts by links; `whom` in a run for some people
 * whose links are known.
 */
struct tenant_need;
int plan_resolve(const struct plan_input *in, struct arena *mem, struct tenant_need *ret_need,
		 struct diags *diags);
/*
 * Before plan_resolve, where target.create_groups allows it: groups that rules or records
 * name and that are not there join the catalogue, to be made by the plan (ids ITEM_NEW).
 */
void plan_new_groups(const struct plan_input *in, struct present *present);
/* What is to be asked of the tenant once the accounts are read. */
struct plan_questions {
	/* Indexes into present: whose external id must be known to tell ours from foreign. */
	const uint32_t *accounts;
	unsigned account_count;
	bool all;                      /* of all accounts: no link is known at all */
	/* Login names that nobody living has: does a deleted account hold them? */
	const char *const *user_names;
	size_t user_name_count;
};
void plan_questions(const struct plan_input *in, struct arena *mem,
		    struct plan_questions *ret);

int plan_make(const struct plan_input *in, struct arena *mem, struct plan *ret_plan,
	      struct err *err);
void plan_release(struct plan *plan);

/*
 * A saved plan is applied: of `plan`, made just now, only what `saved` holds as well is kept,
 * step by step: same person, account, thing, value before and value after. A new account is
 * made as it was planned or not at all. Each step of `saved` that is not in `plan` any more
 * (rules, entry or account have moved) is told in plan->skips. Memory from `mem`.
 */
void plan_keep(struct plan *plan, const struct plan *saved, struct arena *mem);

#endif
