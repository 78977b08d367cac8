/*
 * Whose account a person's manager is. A rule gives a name in the directory; the account is
 * that of the person of this name, of this run or linked before. One that is to be made in
 * this plan has no id yet: the step waits for it, after all accounts were made, so that
 * people who manage each other need no order.
 */
#include "bridge/plan/plan_impl.h"

#include <string.h>

#include "mappings/dn.h"

#include "scim/base/banned.h"

/* Normalised DN -> subject, made once and only when some rule states a manager. */
static void index_dns(struct planner *p)
{
	struct err err = ERR_INIT;

	p->dns_indexed = true;
	for (size_t i = 0; i < p->subject_count; i++) {
		const struct record *record = p->subjects[i].record;
		struct slice norm;

		if (record && dn_normalize(p->mem, record->dn, strlen(record->dn), &norm, &err) == 0)
			map_set(&p->dns, norm, i);
	}
}

static struct subject *manager_of(struct planner *p, const struct record *record)
{
	uint64_t at;

	if (!p->dns_indexed)
		index_dns(p);
	return map_get(&p->dns, slice_str(record->manager_dn), &at) ? &p->subjects[at] : NULL;
}

/* A linked person whom this run does not look at. */
static const struct plan_manager *manager_elsewhere(const struct plan_input *in, const char *dn)
{
	for (size_t i = 0; i < in->manager_count; i++)
		if (strcmp(in->managers[i].dn, dn) == 0)
			return &in->managers[i];
	return NULL;
}

static void say_unknown(struct planner *p, const struct subject *s)
{
	if (p->notes++ < NOTES_MAX)
		plan_warn(p, "%s: the manager \"%s\" is not among the people that have an account "
			     "from here; the manager is left as it is", subject_user_name(s),
			  s->record->manager_dn);
}

static const char *name_of(struct planner *p, const char *account_id)
{
	const struct present *present = p->in->present;
	uint64_t at;

	if (!account_id || !map_get(&present->by_id, slice_str(account_id), &at))
		return account_id;
	return account_text(&present->accounts.items[at], SCIM_ATTR_USER_NAME);
}

static void name_step(struct planner *p, struct step *step, const char *name)
{
	step->name = name;
	step->old_name = name_of(p, step->old_text);
}

/* The account is there: a value like any other (rows 12 and 13). */
static void set_known(struct planner *p, const struct subject *s, const struct account *account,
		      const char *id, const char *name)
{
	const struct record_field field = {
		.field = { SCIM_ATTR_MANAGER, NULL, id },
		.own = s->record->manager_own, .origin = s->record->manager_origin,
	};
	size_t before = p->plan->steps.count;

	plan_diff_field(p, s, account, &field);
	if (p->plan->steps.count > before)
		name_step(p, &p->plan->steps.items[before], name);
}

/* Row 15: it will be made in this plan. */
static void set_later(struct planner *p, const struct subject *s, const struct account *account,
		      const struct subject *manager)
{
	const struct record_field field = {
		.field = { SCIM_ATTR_MANAGER, NULL, "" },
		.own = s->record->manager_own, .origin = s->record->manager_origin,
	};
	size_t before = p->plan->steps.count;
	struct step *step;

	plan_diff_field(p, s, account, &field);
	if (p->plan->steps.count == before)
		return;
	step = &p->plan->steps.items[before];
	step->kind = STEP_MANAGER;
	step->new_text = NULL;
	step->manager_id = subject_id(manager);
	name_step(p, step, subject_user_name(manager));
}

void plan_diff_manager(struct planner *p, const struct subject *s, const struct account *account)
{
	const struct subject *manager;
	const struct plan_manager *elsewhere;
	const struct account *theirs;

	if (!s->record->manager_dn)
		return;
	manager = manager_of(p, s->record);
	if (manager && manager->account != ACCOUNT_NONE) {
		theirs = &p->in->present->accounts.items[manager->account];
		set_known(p, s, account, theirs->id, subject_user_name(manager));
	} else if (manager && plan_will_create(p, manager)) {
		set_later(p, s, account, manager);
	} else {
		elsewhere = manager ? NULL : manager_elsewhere(p->in, s->record->manager_dn);
		if (elsewhere)
			set_known(p, s, account, elsewhere->account_id, elsewhere->user_name);
		else
			say_unknown(p, s);
	}
}

/* After all people stand in the plan: where each awaited account is made. */
void plan_link_managers(struct planner *p)
{
	struct plan *plan = p->plan;
	struct map people = { 0 };
	uint64_t at;

	if (!p->dns_indexed)
		return;
	for (size_t i = 0; i < plan->people.count; i++)
		map_set(&people, slice_str(plan->people.items[i].id), i);
	for (size_t i = 0; i < plan->steps.count; i++) {
		struct step *step = &plan->steps.items[i];

		if (step->kind == STEP_MANAGER &&
		    map_get(&people, slice_str(step->manager_id), &at))
			step->manager = (uint32_t)at + 1;
	}
	map_release(&people);
}
