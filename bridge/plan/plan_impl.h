/*
 * bridge/plan/plan_impl.h - the planner from within.
 */
#ifndef BRIDGE_PLAN_PLAN_IMPL_H
#define BRIDGE_PLAN_PLAN_IMPL_H

#include "bridge/config/config.h"
#include "bridge/plan/plan.h"

#define ACCOUNT_NONE UINT32_MAX

/* Notes about single people that are said; the rest is counted. */
#define NOTES_MAX 50

/* One person: somebody in the directory, or somebody linked who is not there. */
struct subject {
	const struct record *record;     /* NULL: not in the directory */
	const struct recorded *recorded; /* NULL: not linked by the state */
	uint32_t account;                /* index in present, or ACCOUNT_NONE */
	bool skip;                       /* said why already */
	bool linked;
	bool new_link;                   /* row 21 */
};

struct planner {
	const struct plan_input *in;
	struct arena *mem;
	struct plan *plan;
	struct subject *subjects; /* sorted by directory id */
	size_t subject_count;
	uint32_t *owners;           /* subject of each account + 1; 0 = foreign */
	struct map lost_accounts;   /* linked, not in the read: account id -> subject */
	/* Reused for one person's three-way compare. */
	VEC(struct held) wanted, recorded;
	VEC(const struct assignment *) wanted_from; /* beside `wanted` */
	VEC(const struct recorded_held *) recorded_from;
	struct map dns;   /* of people of this run -> subject */
	bool dns_indexed;
	struct map named; /* "kind:index" of groups and queues that rules or records name */
	uint8_t frozen;   /* bit per assign_kind of the person that is left alone */
	VEC(uint32_t) made; /* groups that a step of the plan makes */
	bool restoring;   /* this person's account was deleted: what it had is gone */
	bool removals;    /* the groups were read completely: something may be taken away */
	bool same_id;     /* two entries came with one id */
	bool no_place[SCIM_ATTR_COUNT]; /* row 14 was said */
	unsigned notes;   /* of records, said as warnings */
	unsigned long missing; /* leavers whose accounts are not there */
	const struct subject *first_missing;
};

/* Account that has this login name (without case), and whether there is one. */
bool plan_find_user_name(const struct present *present, const char *user_name,
			 uint32_t *ret_account);
const char *subject_id(const struct subject *subject);
const char *subject_user_name(const struct subject *subject);

/* Leave a person (whole) or a part of them as they are, and say why. */
void plan_skip(struct planner *p, const struct subject *subject, bool whole,
	       origin_id origin, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Row 30. */
void plan_skip_by_rule(struct planner *p, const struct subject *subject);
void plan_warn(struct planner *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void plan_refuse(struct planner *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Catalogue index of an assignment's thing and division; false = not in the tenant. */
bool plan_resolve_assignment(const struct catalogue *cat, const struct assignment *assign,
			     struct held *ret, char why[200]);
bool plan_resolve_recorded(const struct catalogue *cat, const struct recorded_held *recorded,
			   struct held *ret);

/* match.c: fill in subjects and their accounts. */
void plan_match(struct planner *p);
/* managers.c */
void plan_diff_manager(struct planner *p, const struct subject *subject,
		       const struct account *account);
void plan_link_managers(struct planner *p);
/* diff.c: one attribute, rows 12 and 13; `account` NULL: a new one. */
void plan_diff_field(struct planner *p, const struct subject *subject,
		     const struct account *account, const struct record_field *field);
/* Does the plan make an account for this person? Says nothing of why not. */
bool plan_will_create(struct planner *p, const struct subject *subject);
/* diff.c: steps of one person who is in the directory. */
void plan_diff(struct planner *p, struct subject *subject);
/* Begin and end a person of the plan; a person without steps leaves no trace. */
struct plan_person *plan_begin(struct planner *p, const struct subject *subject,
			       enum person_change change);
struct step *plan_step(struct planner *p, enum step_kind kind);
void plan_end(struct planner *p);
/* leavers.c: may absence be taken for leaving? Says why not. */
bool plan_may_leave(struct planner *p);
void plan_leave(struct planner *p, const struct subject *subject);
void plan_say_missing(struct planner *p);
/* guard.c */
bool plan_protected(struct planner *p, const struct account *account, const char **ret_why);
bool plan_count_dropped(struct planner *p);
/* The same for each search, and for attributes that are gone from everybody. */
bool plan_read_shrank(struct planner *p);
void plan_limits(struct planner *p);

#endif
