/*
 * bridge/plan/where.h - where in the tenant the records put people and roles, and which of
 * their names it does not have: for checks, before accounts are read. Pure.
 */
#ifndef BRIDGE_PLAN_WHERE_H
#define BRIDGE_PLAN_WHERE_H

#include "bridge/plan/plan.h"

/* Catalogue indexes of divisions in rising order; ITEM_ALL last. In the arena given. */
struct plan_where {
	const uint32_t *people, *grants;
	unsigned people_count, grant_count;
};
void plan_where(const struct plan_input *in, struct arena *mem, struct plan_where *ret);

/* A name that rules made and the tenant lacks; these people do not get it. */
struct plan_unknown {
	const char *text;     /* `skill "Biling" is not in the tenant; nearest: "Billing"` */
	origin_id origin;     /* of the first */
	unsigned long people;
	const char *person;   /* DN of the first */
};
/* Each once, in the order met; at most PLAN_UNKNOWN_MAX. Names that stand in the rules as they
 * are belong to plan_resolve and are left out. */
#define PLAN_UNKNOWN_MAX 100
size_t plan_unknown_names(const struct plan_input *in, struct arena *mem,
			  struct plan_unknown ret[PLAN_UNKNOWN_MAX]);

#endif
