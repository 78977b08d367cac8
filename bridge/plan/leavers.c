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
	else if (p->same_id) /* one of the two has an id of their own that did not come */
		why = "two entries came with the same directory id";
	if (why && absent)
		plan_warn(p, "%lu linked people are not in the directory; nobody is taken for a "
			     "leaver because %s", absent, why);
	return !why;
}

/*
 * Row 23: the account is no longer there, or not shown. A warning, not a person left out:
 * one whose account an administrator deleted would make every later run one "in part".
 */
void plan_say_missing(struct planner *p)
{
	if (p->missing)
		plan_warn(p, "%lu people left the directory whose accounts were not in what the "
			     "tenant listed; nothing is done. First: %s, account %s", p->missing,
			  subject_user_name(p->first_missing),
			  p->first_missing->recorded->link.account_id);
}

static void disable(struct planner *p, const struct subject *s, const struct account *account)
{
	const char *why;
	struct step *step;

	if (plan_protected(p, account, &why)) {
		plan_skip(p, s, true, 0, "%s", why);
		return;
	}
	plan_begin(p, s, PERSON_LEAVE);
	step = plan_step(p, STEP_DISABLE);
	step->attr = SCIM_ATTR_ACTIVE;
	step->old_text = "true";
	step->new_text = "false";
	plan_end(p);
}

void plan_leave(struct planner *p, const struct subject *s)
{
	const struct account *account;

	if (s->account == ACCOUNT_NONE) {
		/* One that we disabled is done with. */
		if (!s->recorded->link.left && !p->missing++)
			p->first_missing = s;
		return;
	}
	account = &p->in->present->accounts.items[s->account];
	if (account->state == ACCOUNT_ACTIVE)
		disable(p, s, account); /* row 25; else row 26 */
}

bool plan_may_leave(struct planner *p)
{
	unsigned long absent = 0;

	if (p->in->only)
		return false;
	for (size_t i = 0; i < p->subject_count; i++)
		absent += !p->subjects[i].record && !p->subjects[i].recorded->link.left;
	if (plan_count_dropped(p) || plan_read_shrank(p))
		return false;
	return absence_is_proved(p, absent);
}
