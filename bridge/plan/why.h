/*
 * bridge/plan/why.h - why the plan does, or does not do, what it does for one person.
 *
 * Told from the plan's inputs and its steps after plan_make: each attribute and assignment
 * that is wanted, present or recorded, with the row of plan.h's table that decided. It plans
 * nothing itself: where its words and the steps differed, the steps would count.
 *
 * Memory  Texts are in `mem`, the inputs and the plan.
 */
#ifndef BRIDGE_PLAN_WHY_H
#define BRIDGE_PLAN_WHY_H

#include "bridge/model/explained.h"
#include "bridge/plan/plan.h"

/*
 * Fill in what the tenant and the state say of out->id. For a person out of scope
 * (out->record NULL) only what the state has recorded.
 */
void plan_why(const struct plan_input *in, const struct plan *plan, struct arena *mem,
	      struct explained *out);

#endif
