/*
 * Wanted, present and recorded of one person -> steps. Rows are those of plan.h.
 */
#include "bridge/plan/plan_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

static const struct target_row *target(const struct planner *p)
{
	return target_row(p->in->config->target.kind);
}

/* --- profile ----------------------------------------------------------------------------- */

static const char *recorded_value(const struct recorded *recorded, enum scim_attr attr,
				  const char *key)
{
	for (unsigned i = 0; recorded && i < recorded->field_count; i++) {
		const struct recorded_field *f = &recorded->fields[i];

		if (f->attr == attr && (f->key == key || (f->key && key && !strcmp(f->key, key))))
			return f->value;
	}
	return NULL;
}

static void add_set(struct planner *p, const struct subject *s, const struct record_field *f,
		    const char *old)
{
	enum scim_attr attr = (enum scim_attr)f->field.attr;
	const char *last = recorded_value(s->recorded, attr, f->field.key);
	struct step *step = plan_step(p, attr == SCIM_ATTR_USER_NAME ? STEP_RENAME : STEP_SET);

	step->attr = attr;
	step->key = f->field.key;
	step->old_text = old;
	step->new_text = f->field.value;
	step->origin = f->origin;
	/* Drift: somebody turned away from what we want and had set last. */
	step->drift = last && f->field.value && scim_value_same(attr, last, f->field.value);
}

static void add_division(struct planner *p, const struct record_field *f, const char *old)
{
	const struct catalogue *cat = &p->in->present->catalogue;
	uint32_t item = catalogue_by_name(cat, CAT_DIVISION, f->field.value);
	struct step *step;

	step = plan_step(p, STEP_DIVISION);
	step->attr = SCIM_ATTR_DIVISION;
	step->item_id = catalogue_item(cat, CAT_DIVISION, item)->id;
	step->name = f->field.value;
	step->old_text = old;
	step->new_text = f->field.value;
	step->origin = f->origin;
}

/* The division that is wanted and that the tenant does not have, or NULL. */
static const struct record_field *lost_division(struct planner *p, const struct record *record,
						uint32_t *ret_item)
{
	for (unsigned i = 0; target(p)->divisions && i < record->field_count; i++) {
		const struct record_field *f = &record->fields[i];

		if (f->field.attr != SCIM_ATTR_DIVISION || !f->field.value)
			continue;
		*ret_item = catalogue_by_name(&p->in->present->catalogue, CAT_DIVISION,
					      f->field.value);
		return *ret_item == ITEM_NONE || *ret_item == ITEM_AMBIGUOUS ? f : NULL;
	}
	return NULL;
}

/* A division that the tenant does not have would move or create somebody into Home. */
static bool division_known(struct planner *p, struct subject *s)
{
	const struct record_field *lost;
	const char *near;
	uint32_t item;

	lost = lost_division(p, s->record, &item);
	if (!lost)
		return true;
	near = catalogue_nearest(&p->in->present->catalogue, CAT_DIVISION, lost->field.value);
	plan_skip(p, s, true, lost->origin, "division \"%s\" %s%s%s%s", lost->field.value,
		  item == ITEM_AMBIGUOUS ? "stands for several in the tenant"
					 : "is not in the tenant",
		  near ? "; nearest: \"" : "", near ? near : "", near ? "\"" : "");
	return false;
}

/* Row 14. */
static bool has_place(struct planner *p, const struct record_field *f)
{
	enum scim_attr attr = (enum scim_attr)f->field.attr;
	char place[512] = "";

	if (target_has_attr(p->in->config->target.kind, attr) &&
	    !(p->in->present->lost_attrs & UINT64_C(1) << attr))
		return true;
	if (p->no_place[attr])
		return false;
	p->no_place[attr] = true;
	if (p->in->rules)
		rules_origin_text(p->in->rules, f->origin, place, sizeof(place));
	plan_warn(p, "%s%sthe tenant has no attribute %s for users; it is left out", place,
		  place[0] ? ": " : "", scim_attr(attr)->name);
	return false;
}

/* Row 13, merge: our word only where nobody else has spoken. */
static bool merge_sets(const struct subject *s, const struct record_field *f, const char *old)
{
	enum scim_attr attr = (enum scim_attr)f->field.attr;
	const char *last = recorded_value(s->recorded, attr, f->field.key);

	if (old)
		return last && scim_value_same(attr, last, old);
	return !last || !scim_value_same(attr, last, f->field.value);
}

/* Rows 12 and 13. `account` NULL: a new one. */
void plan_diff_field(struct planner *p, const struct subject *s,
		     const struct account *account, const struct record_field *f)
{
	enum scim_attr attr = (enum scim_attr)f->field.attr;
	const struct scim_field *present = NULL;
	const char *old;

	if (account)
		present = scim_fields_find(account->fields, account->field_count, attr,
					   f->field.key);
	old = present ? present->value : NULL;
	if (attr == SCIM_ATTR_EXTERNAL_ID && account) {
		/* Not part of the bulk read; else what we set, or saw at adoption ("": none). */
		old = account->external_id_known
			      ? account->external_id
			      : recorded_value(s->recorded, attr, f->field.key);
		if (!account->external_id_known && !old)
			return;
		old = old && *old ? old : NULL;
	}
	if (!f->field.value ? !old : old && scim_value_same(attr, old, f->field.value))
		return;
	if (!f->field.value && p->in->present->keeps_values) {
		if (p->notes++ < NOTES_MAX)
			plan_warn(p, "%s: %s can not be emptied there; it stays", subject_user_name(s),
				  scim_attr(attr)->name);
		return;
	}
	if (f->own == OWN_NEVER || (account && f->own == OWN_SEED) ||
	    (account && f->own == OWN_MERGE && !merge_sets(s, f, old)))
		return;
	if (attr == SCIM_ATTR_DIVISION && target(p)->divisions)
		add_division(p, f, old);
	else
		add_set(p, s, f, old);
}

static void diff_profile(struct planner *p, const struct subject *s,
			 const struct account *account)
{
	for (unsigned i = 0; i < s->record->field_count; i++) {
		const struct record_field *f = &s->record->fields[i];

		if (!has_place(p, f))
			continue;
		/* active is a step of its own; a new account's userName rides in CREATE. */
		if (f->field.attr == SCIM_ATTR_ACTIVE ||
		    (!account && f->field.attr == SCIM_ATTR_USER_NAME))
			continue;
		plan_diff_field(p, s, account, f);
	}
	plan_diff_manager(p, s, account);
}

/* --- assignments ------------------------------------------------------------------------- */

/*
 * Small lists: found by looking, so that the texts beside them need no sorting along. A
 * person has a few dozen assignments at most.
 */
static size_t find_held(const struct held *list, size_t count, const struct held *what)
{
	size_t i = 0;

	while (i < count && held_cmp(&list[i], what) != 0)
		i++;
	return i;
}

static void add_wanted(struct planner *p, const struct held *held, const struct assignment *a)
{
	size_t at = find_held(p->wanted.items, p->wanted.count, held);

	if (at == p->wanted.count) {
		vec_push(&p->wanted, *held);
		vec_push(&p->wanted_from, a);
	}
	/* Else the same under two names: no division, and Home by its name. */
}

static void resolve_wanted(struct planner *p, struct subject *s)
{
	char why[200];

	p->wanted.count = 0;
	p->wanted_from.count = 0;
	for (unsigned i = 0; i < s->record->assign_count; i++) {
		const struct assignment *a = &s->record->assigns[i];
		struct held held;

		if (plan_resolve_assignment(&p->in->present->catalogue, a, &held, why)) {
			add_wanted(p, &held, a);
			continue;
		}
		/* What it should have been nobody knows: to take others away would guess. */
		p->frozen |= (uint8_t)(1u << a->kind);
		plan_skip(p, s, false, a->origin, "%s; their %ss are left as they are", why,
			  assign_kind_name(a->kind));
	}
}

static void resolve_recorded(struct planner *p, const struct subject *s)
{
	p->recorded.count = 0;
	p->recorded_from.count = 0;
	for (unsigned i = 0; s->recorded && i < s->recorded->held_count; i++) {
		const struct recorded_held *r = &s->recorded->held[i];
		struct held held;

		if (plan_resolve_recorded(&p->in->present->catalogue, r, &held)) {
			vec_push(&p->recorded, held);
			vec_push(&p->recorded_from, r);
		}
	}
}

static struct step *add_assign_step(struct planner *p, enum step_kind kind,
				    const struct held *held, origin_id origin)
{
	const struct catalogue *cat = &p->in->present->catalogue;
	const struct catalogue_item *item =
		catalogue_item(cat, (enum catalogue_kind)held->kind, held->item);
	struct step *step = plan_step(p, kind);

	step->item_id = item->id;
	step->name = item->name;
	step->level = held->level;
	step->origin = origin;
	if (held->kind == ASSIGN_WORK_PLAN) {
		step->division = catalogue_item(cat, CAT_UNIT, item->unit)->name;
		step->division_id = catalogue_item(cat, CAT_UNIT, item->unit)->id;
	}
	if (held->kind == ASSIGN_ROLE) {
		step->privileged = kind == STEP_GRANT &&
				   (item->privileged || held->division == ITEM_ALL);
		if (held->division == ITEM_ALL) {
			step->division = "all divisions";
			step->division_id = "*";
		} else {
			item = catalogue_item(cat, CAT_DIVISION, held->division);
			step->division = item->name;
			step->division_id = item->id;
		}
	}
	return step;
}

static const enum step_kind add_kinds[ASSIGN_KIND_COUNT] = {
	[ASSIGN_ROLE] = STEP_GRANT,
	[ASSIGN_SKILL] = STEP_SKILL_SET,
	[ASSIGN_LANGUAGE] = STEP_LANGUAGE_SET,
	[ASSIGN_GROUP] = STEP_GROUP_ADD,
	[ASSIGN_QUEUE] = STEP_QUEUE_ADD,
	[ASSIGN_TEAM] = STEP_TEAM_ADD,
	[ASSIGN_UNIT] = STEP_UNIT_SET,
	[ASSIGN_WORK_PLAN] = STEP_WORK_PLAN_SET,
};
static const enum step_kind remove_kinds[ASSIGN_KIND_COUNT] = {
	[ASSIGN_ROLE] = STEP_REVOKE,
	[ASSIGN_SKILL] = STEP_SKILL_REMOVE,
	[ASSIGN_LANGUAGE] = STEP_LANGUAGE_REMOVE,
	[ASSIGN_GROUP] = STEP_GROUP_REMOVE,
	[ASSIGN_QUEUE] = STEP_QUEUE_REMOVE,
	[ASSIGN_TEAM] = STEP_TEAM_REMOVE,
	[ASSIGN_UNIT] = STEP_UNIT_REMOVE,
	[ASSIGN_WORK_PLAN] = STEP_WORK_PLAN_REMOVE,
};

static const char *level_text(struct planner *p, const struct held *held)
{
	if (held->kind != ASSIGN_SKILL && held->kind != ASSIGN_LANGUAGE)
		return NULL;
	return arena_printf(p->mem, "%g", held->level);
}

/* Rows 7 and 8: held as wanted, and ours. */
static void claim(struct planner *p, const struct subject *s, const struct held *held)
{
	const struct catalogue *cat = &p->in->present->catalogue;
	struct plan_claim claim = { .person_id = subject_id(s) };

	claim.held.kind = held->kind;
	claim.held.level = held->level;
	claim.held.item_id =
		catalogue_item(cat, (enum catalogue_kind)held->kind, held->item)->id;
	if (held->kind == ASSIGN_WORK_PLAN)
		claim.held.division_id = catalogue_item(cat, CAT_UNIT, held->division)->id;
	if (held->kind == ASSIGN_ROLE)
		claim.held.division_id =
			held->division == ITEM_ALL
				? "*" : catalogue_item(cat, CAT_DIVISION, held->division)->id;
	vec_push(&p->plan->claims, claim);
}

static bool same_level(double a, double b)
{
	double apart = a - b;

	/* Levels are decimals that went through JSON there and back. */
	return apart < 1e-9 && apart > -1e-9;
}

/* The first who is to be in a group that is not there brings it about. */
static void make_group(struct planner *p, const struct held *held, origin_id origin)
{
	const char *id;

	if (held->kind != ASSIGN_GROUP)
		return;
	id = catalogue_item(&p->in->present->catalogue, CAT_GROUP, held->item)->id;
	if (strncmp(id, ITEM_NEW, sizeof(ITEM_NEW) - 1) != 0)
		return;
	for (size_t i = 0; i < p->made.count; i++)
		if (p->made.items[i] == held->item)
			return;
	vec_push(&p->made, held->item);
	add_assign_step(p, STEP_GROUP_CREATE, held, origin);
}

/* Rows 5-11. `present` and `recorded` NULL = not there. */
static void want(struct planner *p, const struct subject *s, const struct assignment *a,
		 const struct held *wanted, const struct held *present,
		 const struct recorded_held *recorded)
{
	enum step_kind kind = add_kinds[wanted->kind];
	bool changed, sure = recorded && !recorded->tentative && !recorded->found &&
			     !p->restoring;
	struct step *step;

	if (a->own == OWN_NEVER ||
	    (a->own == OWN_SEED && s->account != ACCOUNT_NONE && !p->restoring))
		return;
	if (present && same_level(present->level, wanted->level)) {
		if (recorded ? recorded->tentative || recorded->found : s->new_link)
			claim(p, s, present);
		return;
	}
	/* Rows 6 and 11: somebody else changed what we had set; merge respects that. */
	changed = sure && (!present || !same_level(recorded->level, present->level));
	if (changed && a->own == OWN_MERGE)
		return;
	make_group(p, wanted, a->origin);
	step = add_assign_step(p, kind, wanted, a->origin); /* rows 5, 6, 9-11 */
	step->old_text = present ? level_text(p, present) : NULL;
	step->drift = changed;
}

/* Row 3 under manage: is this group or queue one that rules or the record speak of? */
static bool manages_item(const struct planner *p, const struct held *held)
{
	char key[40];

	if (held->kind != ASSIGN_GROUP && held->kind != ASSIGN_QUEUE && held->kind != ASSIGN_TEAM)
		return true;
	snprintf(key, sizeof(key), "%d:%u", held->kind, held->item);
	return map_get(&p->named, slice_str(key), NULL);
}

/* Rows 1-4: present or recorded, not wanted. */
static void unwanted(struct planner *p, const struct subject *s, const struct held *present,
		     const struct recorded_held *recorded, enum own own, bool stated)
{
	struct step *step;
	bool ours = recorded != NULL;

	if (!present) {
		struct plan_forget forget = { subject_id(s), recorded };

		if (recorded)
			vec_push(&p->plan->forgets, forget); /* row 2 */
		return;
	}
	if (own == OWN_NEVER || own == OWN_SEED)
		return;
	if (recorded && recorded->found) {
		p->plan->found_left += own == OWN_MANAGE && stated && manages_item(p, present);
		return;
	}
	if (!ours && (own != OWN_MANAGE || !stated || !manages_item(p, present)))
		return;
	if (!p->removals)
		return;
	step = add_assign_step(p, remove_kinds[present->kind], present, 0);
	step->old_text = level_text(p, present);
	step->drift = !ours;
}

static uint8_t frozen_kinds(const struct record *record)
{
	uint8_t kinds = 0;

	for (unsigned i = 0; i < record->problem_count; i++)
		if (record->problems[i].scope == PROBLEM_KIND)
			kinds |= (uint8_t)(1u << record->problems[i].what);
	return kinds;
}

/* Of a kind of which one has one at most: what takes the place of what. */
static void diff_single(struct planner *p, const struct subject *s,
			const struct account *account, enum assign_kind kind)
{
	const struct held *wanted = NULL, *present = NULL;
	const struct recorded_held *recorded = NULL;
	const struct assignment *from = NULL;
	enum own own = (enum own)s->record->own[kind];
	struct step *step;

	for (size_t i = 0; i < p->wanted.count; i++)
		if (p->wanted.items[i].kind == kind) {
			wanted = &p->wanted.items[i];
			from = p->wanted_from.items[i];
		}
	for (unsigned i = 0; account && i < account->held_count; i++)
		if (account->held[i].kind == kind)
			present = &account->held[i];
	for (size_t i = 0; i < p->recorded.count; i++) {
		const struct held *was = &p->recorded.items[i];

		if (was->kind != kind)
			continue;
		if (present && held_cmp(was, present) == 0)
			recorded = p->recorded_from.items[i];
		else if (!wanted || held_cmp(was, wanted) != 0) /* row 2 */
			unwanted(p, s, NULL, p->recorded_from.items[i], own, false);
	}
	if (!wanted || (present && held_cmp(wanted, present) == 0)) {
		if (wanted && (recorded ? recorded->tentative || recorded->found : s->new_link))
			claim(p, s, present);
		else if (!wanted && present)
			unwanted(p, s, present, recorded, own,
				 s->record->kinds_stated & (1u << kind));
		return;
	}
	if (own == OWN_NEVER || (own == OWN_SEED && account) ||
	    (own == OWN_MERGE && present && (!recorded || recorded->found)))
		return;
	step = add_assign_step(p, add_kinds[kind], wanted, from->origin);
	step->old_text = present ? catalogue_item(&p->in->present->catalogue,
						  (enum catalogue_kind)kind, present->item)->name
				 : NULL;
	step->drift = present && !recorded;
}

static void diff_kind(struct planner *p, const struct subject *s,
		      const struct account *account, enum assign_kind kind)
{
	const struct record *record = s->record;
	const struct held *present = account ? account->held : NULL;
	size_t count = account ? account->held_count : 0;
	bool stated = record->kinds_stated & (1u << kind);
	enum own own = (enum own)record->own[kind];

	/* Roles do not come back with a deleted account, whatever lists still show of them. */
	if (p->restoring && kind == ASSIGN_ROLE)
		count = 0;
	for (size_t w = 0; w < p->wanted.count; w++) {
		const struct held *wanted = &p->wanted.items[w];
		size_t at, was;

		if (wanted->kind != kind)
			continue;
		at = find_held(present, count, wanted);
		was = find_held(p->recorded.items, p->recorded.count, wanted);
		want(p, s, p->wanted_from.items[w], wanted, at < count ? &present[at] : NULL,
		     was < p->recorded.count ? p->recorded_from.items[was] : NULL);
	}
	for (size_t i = 0; i < count; i++) {
		size_t was;

		if (present[i].kind != kind ||
		    find_held(p->wanted.items, p->wanted.count, &present[i]) < p->wanted.count)
			continue;
		was = find_held(p->recorded.items, p->recorded.count, &present[i]);
		unwanted(p, s, &present[i],
			 was < p->recorded.count ? p->recorded_from.items[was] : NULL, own,
			 stated);
	}
	for (size_t r = 0; r < p->recorded.count; r++) {
		const struct held *recorded = &p->recorded.items[r];

		if (recorded->kind == kind &&
		    find_held(present, count, recorded) == count &&
		    find_held(p->wanted.items, p->wanted.count, recorded) == p->wanted.count)
			unwanted(p, s, NULL, p->recorded_from.items[r], own, stated);
	}
}

static void diff_assignments(struct planner *p, struct subject *s,
			     const struct account *account)
{
	p->frozen = frozen_kinds(s->record);
	resolve_wanted(p, s);
	resolve_recorded(p, s);
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++) {
		if (p->frozen & (1u << kind))
			continue;
		/* Not shown: the tenant's verdict has said so once, for everybody. */
		if (account && (account->unknown_kinds & (1u << kind)))
			continue;
		if (assign_kind_single((enum assign_kind)kind))
			diff_single(p, s, account, (enum assign_kind)kind);
		else
			diff_kind(p, s, account, kind);
	}
}

/* --- the person -------------------------------------------------------------------------- */

static void say_problems(struct planner *p, const struct subject *s)
{
	for (unsigned i = 0; i < s->record->problem_count; i++) {
		const struct problem *problem = &s->record->problems[i];

		if (problem->scope == PROBLEM_NOTE && p->notes++ < NOTES_MAX)
			plan_warn(p, "%s: %s", subject_user_name(s), problem->text);
		else if (problem->scope != PROBLEM_NOTE)
			plan_skip(p, s, false, problem->origin, "%s", problem->text);
	}
}

static bool lacks_display_name(const struct planner *p, const struct subject *s)
{
	return target(p)->display_name && !record_text(s->record, SCIM_ATTR_DISPLAY_NAME);
}

bool plan_will_create(struct planner *p, const struct subject *s)
{
	const char *active = s->record ? record_text(s->record, SCIM_ATTR_ACTIVE) : NULL;
	uint32_t item;

	return s->record && !s->skip && s->account == ACCOUNT_NONE &&
	       !(active && strcmp(active, "false") == 0) && !lost_division(p, s->record, &item) &&
	       !lacks_display_name(p, s) &&
	       p->in->present->verdict.complete;
}

static void create(struct planner *p, struct subject *s)
{
	struct step *step;

	if (lacks_display_name(p, s)) {
		plan_skip(p, s, true, 0, "displayName is not stated; an account can not be "
			  "created without it");
		return;
	}
	/* Half a list of accounts: this one may be in the other half. */
	if (!p->in->present->verdict.complete) {
		plan_skip(p, s, true, 0, "not created, since the tenant was not read completely: "
			  "the account may exist");
		return;
	}
	plan_begin(p, s, PERSON_CREATE); /* row 20 */
	step = plan_step(p, STEP_CREATE);
	step->attr = SCIM_ATTR_USER_NAME;
	step->new_text = record_text(s->record, SCIM_ATTR_USER_NAME);
	diff_profile(p, s, NULL);
	diff_assignments(p, s, NULL);
	plan_end(p);
}

static void add_active(struct planner *p, const struct subject *s, enum step_kind kind)
{
	struct step *step = plan_step(p, kind);

	step->attr = SCIM_ATTR_ACTIVE;
	step->old_text = kind == STEP_ENABLE ? "false" : "true";
	step->new_text = kind == STEP_ENABLE ? "true" : "false";
	for (unsigned i = 0; i < s->record->field_count; i++)
		if (s->record->fields[i].field.attr == SCIM_ATTR_ACTIVE)
			step->origin = s->record->fields[i].origin;
	/* An administrator, not we, had turned it round. */
	step->drift = kind == STEP_ENABLE && s->recorded && !s->recorded->link.left;
}

/* May we turn the account on or off? What we turned off when somebody left, we turn on. */
static bool rules_active(const struct subject *s)
{
	const struct record *record = s->record;

	for (unsigned i = 0; i < record->field_count; i++)
		if (record->fields[i].field.attr == SCIM_ATTR_ACTIVE)
			return record->fields[i].own == OWN_MANAGE ||
			       (record->fields[i].own != OWN_NEVER && s->recorded &&
				s->recorded->link.left);
	return false;
}

static bool name_is_free(struct planner *p, const struct subject *s)
{
	const char *user_name = subject_user_name(s);
	const struct account *account = &p->in->present->accounts.items[s->account];
	const char *has = account_text(account, SCIM_ATTR_USER_NAME);
	uint32_t found;

	if ((has && scim_value_same(SCIM_ATTR_USER_NAME, has, user_name)) ||
	    !plan_find_user_name(p->in->present, user_name, &found) || found == s->account)
		return true;
	account = &p->in->present->accounts.items[found];
	plan_skip(p, s, true, 0, "the login name %s is to be theirs, but is held by the %s"
		  "account %s; nothing is done for them until it is free", user_name,
		  account->state == ACCOUNT_DELETED    ? "deleted "
		  : account->state == ACCOUNT_INACTIVE ? "inactive "
						       : "",
		  account->id);
	return false;
}

/* The steps of a linked account (row 24). */
static void update(struct planner *p, struct subject *s, const struct account *account,
		   bool wants_active)
{
	bool turn = (account->state == ACCOUNT_ACTIVE) != wants_active && rules_active(s);

	plan_begin(p, s, turn && wants_active ? PERSON_RETURN : PERSON_UPDATE);
	if (turn && !wants_active) {
		add_active(p, s, STEP_DISABLE);
	} else if (wants_active) {
		diff_profile(p, s, account);
		diff_assignments(p, s, account);
		if (turn)
			add_active(p, s, STEP_ENABLE);
	}
}

/*
 * Row 24, deleted: the link says that it is this person's. It comes back inactive, gets all
 * that the rules want, and is active at last. Its version is read when it is restored.
 */
static void restore(struct planner *p, struct subject *s, const struct account *account)
{
	struct step *step;

	plan_begin(p, s, PERSON_RETURN)->version = NULL;
	step = plan_step(p, STEP_RESTORE);
	step->old_text = "deleted";
	step->new_text = "inactive";
	p->restoring = true;
	diff_profile(p, s, account);
	diff_assignments(p, s, account);
	p->restoring = false;
	add_active(p, s, STEP_ENABLE);
}

/* Forget the person of the plan that was begun last. */
static void drop(struct planner *p)
{
	struct plan *plan = p->plan;

	uint32_t first = plan->people.items[plan->people.count - 1].first_step;

	for (size_t i = first; i < plan->steps.count; i++)
		p->made.count -= plan->steps.items[i].kind == STEP_GROUP_CREATE;
	plan->steps.count = first;
	plan_end(p);
}

void plan_diff(struct planner *p, struct subject *s)
{
	const char *active = record_text(s->record, SCIM_ATTR_ACTIVE);
	bool wants_active = !active || strcmp(active, "false") != 0;
	const struct account *account;
	const char *why;

	if (s->skip)
		return;
	say_problems(p, s);
	if (!division_known(p, s))
		return;
	if (s->account == ACCOUNT_NONE) {
		if (wants_active)
			create(p, s);
		return;
	}
	account = &p->in->present->accounts.items[s->account];
	if (account->state == ACCOUNT_DELETED && (!wants_active || !rules_active(s))) {
		plan_skip(p, s, true, 0, "its account %s was deleted in the tenant", account->id);
		return;
	}
	if (!name_is_free(p, s))
		return;
	if (account->state == ACCOUNT_DELETED)
		restore(p, s, account);
	else
		update(p, s, account, wants_active);
	if (p->plan->steps.count > p->plan->people.items[p->plan->people.count - 1].first_step &&
	    plan_protected(p, account, &why)) {
		drop(p);
		plan_skip(p, s, true, 0, "%s", why);
		return;
	}
	plan_end(p);
}
