/*
 * Rows 25 and 26: linked people who are not in the directory any more.
 */
#include "bridge/plan/plan_impl.h"

#include "scim/base/banned.h"

/* Is everything known that a departure rests on? Says why not. */
static bool absence_is_proved(struct planner *p, unsigned long absent)
{
	const struct plan_input *in = p->in;
	const char *why = NULL;

	if (!in->baseline)
		why = "there is no good run to compare with yet";
	else if (!in->directory->complete)
		why = "the directory was not read completely";
	else if (!in->present->verdict.complete)
		why = "the tenant was not read completely";
	if (why && absent)
		plan_warn(p, "%lu linked people are not in the directory; nobody is taken for a "
			     "leaver because %s", absent, why);
	return !why;
}

static void leave(struct planner *p, const struct subject *s)
{
	const struct account *account;
	const char *why;
	struct step *step;

	if (s->account == ACCOUNT_NONE) {
		/* Row 23: no longer there, or not shown. One that we disabled is done with. */
		if (!s->recorded->link.left)
			plan_skip(p, s, false, 0, "left the directory, but account %s was not in "
				  "what the tenant listed; nothing is done",
				  s->recorded->link.account_id);
		return;
	}
	account = &p->in->present->accounts.items[s->account];
	if (account->state != ACCOUNT_ACTIVE)
		return; /* row 26 */
	if (plan_protected(p, account, &why)) {
		plan_skip(p, s, true, 0, "%s", why);
		return;
	}
	plan_begin(p, s, PERSON_LEAVE); /* row 25 */
	step = plan_step(p, STEP_DISABLE);
	step->attr = SCIM_ATTR_ACTIVE;
	step->old_text = "true";
	step->new_text = "false";
	plan_end(p);
}

void plan_leavers(struct planner *p)
{
	unsigned long absent = 0;

	if (p->in->only)
		return;
	for (size_t i = 0; i < p->subject_count; i++)
		absent += !p->subjects[i].record && !p->subjects[i].recorded->link.left;
	if (plan_count_dropped(p) || !absence_is_proved(p, absent))
		return;
	for (size_t i = 0; i < p->subject_count; i++)
		if (!p->subjects[i].record && !p->subjects[i].skip)
			leave(p, &p->subjects[i]);
}
