#include "bridge/plan/why.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/plan/plan_impl.h"
#include "mappings/dn.h"

#include "scim/base/banned.h"

struct why {
	const struct plan_input *in;
	const struct plan *plan;
	const struct catalogue *cat;
	struct arena *mem;
	struct explained *out;
	const struct record *record;
	const struct recorded *recorded; /* NULL: not linked by the state */
	const struct account *account;   /* NULL: none */
	const struct plan_person *person; /* NULL: no step */
	bool whole;   /* the person is left as it is */
	bool by_rule; /* because a rule says so */
	VEC(struct explained_change) changes;
};

/* --- who --------------------------------------------------------------------------------- */

static const char *find_account_id(struct why *w)
{
	if (w->recorded)
		return w->recorded->link.account_id;
	for (size_t i = 0; i < w->plan->new_links.count; i++)
		if (strcmp(w->plan->new_links.items[i].person_id, w->out->id) == 0)
			return w->plan->new_links.items[i].account_id;
	return w->person ? w->person->account_id : NULL;
}

static void find_person(struct why *w)
{
	for (size_t i = 0; i < w->in->recorded_count; i++)
		if (strcmp(w->in->recorded[i].link.person_id, w->out->id) == 0)
			w->recorded = &w->in->recorded[i];
	for (size_t i = 0; i < w->plan->people.count; i++)
		if (strcmp(w->plan->people.items[i].id, w->out->id) == 0)
			w->person = &w->plan->people.items[i];
}

static void find_skips(struct why *w)
{
	const struct plan *plan = w->plan;
	size_t room = plan->skips.count + plan->by_rule.count + 1;
	const char **kept = arena_array(w->mem, room, sizeof(*kept));

	w->out->skips = kept;
	for (size_t i = 0; i < plan->skips.count; i++) {
		const struct plan_skip *skip = &plan->skips.items[i];

		if (strcmp(skip->id, w->out->id) != 0)
			continue;
		kept[w->out->skip_count++] = skip->text;
		w->whole |= skip->whole;
	}
	for (size_t i = 0; i < plan->by_rule.count; i++) {
		if (strcmp(plan->by_rule.items[i].id, w->out->id) != 0)
			continue;
		kept[w->out->skip_count++] = plan->by_rule.items[i].text;
		w->whole = w->by_rule = true;
	}
}

/* Of a person who is left whole. Protected accounts and doubles (row 29) say so themselves. */
static unsigned row_left(const struct why *w)
{
	const char *user_name = record_text(w->record, SCIM_ATTR_USER_NAME);
	uint32_t other;

	if (w->by_rule)
		return 30;
	if (record_frozen(w->record))
		return 27;
	if (w->out->account == EXPLAIN_LOST)
		return 23;
	if (w->account)
		return w->account->state == ACCOUNT_DELETED ? 24 : 0;
	return user_name && plan_find_user_name(w->in->present, user_name, &other) ? 22 : 20;
}

static const char *account_words(const struct why *w, unsigned *ret_row)
{
	static const char *const words[PERSON_CHANGE_COUNT] = {
		[PERSON_CREATE] = "an account will be created",
		[PERSON_UPDATE] = "the account will be changed",
		[PERSON_LEAVE] = "the account will be deactivated",
		[PERSON_RETURN] = "the account will be activated again",
	};

	*ret_row = row_left(w);
	if (w->whole)
		return w->by_rule ? "a rule leaves the person as they are"
				  : "the person is left as they are";
	if (w->out->account == EXPLAIN_NONE && !w->person)
		return "no account is created: the rules do not want it to be active";
	*ret_row = w->person && w->person->change == PERSON_CREATE ? 20 : 24;
	if (w->out->account == EXPLAIN_NEW_LINK)
		*ret_row = 21;
	if (w->person && w->account && w->account->state == ACCOUNT_DELETED)
		return "the deleted account will be restored and activated again";
	return w->person ? words[w->person->change] : "nothing is to be done";
}

static void find_account(struct why *w)
{
	static const char *const states[] = { "active", "inactive", "deleted" };
	const char *id = find_account_id(w);
	uint64_t index;

	w->out->account = EXPLAIN_NONE;
	w->out->account_id = id;
	if (id)
		w->out->account = w->recorded ? EXPLAIN_LINKED : EXPLAIN_NEW_LINK;
	if (id && map_get(&w->in->present->by_id, slice_str(id), &index)) {
		w->account = &w->in->present->accounts.items[index];
		w->out->account_state = states[w->account->state];
	} else if (id) {
		w->out->account = EXPLAIN_LOST;
	}
	w->out->account_why = account_words(w, &w->out->account_row);
	if (w->out->account == EXPLAIN_LOST && !w->by_rule)
		w->out->account_row = 23;
}

/* --- profile ----------------------------------------------------------------------------- */

static bool same_key(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static const struct step *field_step(const struct why *w, const struct record_field *f)
{
	for (uint32_t i = 0; w->person && i < w->person->step_count; i++) {
		const struct step *step = &w->plan->steps.items[w->person->first_step + i];

		if ((step->kind == STEP_SET || step->kind == STEP_RENAME ||
		     step->kind == STEP_DIVISION) &&
		    step->attr == (enum scim_attr)f->field.attr && same_key(step->key, f->field.key))
			return step;
		/* What a new account is created with has no step of its own. */
		if (step->kind == STEP_CREATE && f->field.attr == SCIM_ATTR_USER_NAME)
			return step;
		if ((step->kind == STEP_ENABLE || step->kind == STEP_DISABLE) &&
		    f->field.attr == SCIM_ATTR_ACTIVE)
			return step;
	}
	return NULL;
}

static const char *present_value(const struct why *w, const struct record_field *f)
{
	enum scim_attr attr = (enum scim_attr)f->field.attr;
	const struct scim_field *field;

	if (!w->account)
		return NULL;
	if (attr == SCIM_ATTR_EXTERNAL_ID)
		return w->account->external_id_known ? w->account->external_id : NULL;
	if (attr == SCIM_ATTR_ACTIVE)
		return w->account->state == ACCOUNT_ACTIVE ? "true" : "false";
	field = scim_fields_find(w->account->fields, w->account->field_count, attr, f->field.key);
	return field ? field->value : NULL;
}

static const char *recorded_text(const struct why *w, const struct record_field *f)
{
	for (unsigned i = 0; w->recorded && i < w->recorded->field_count; i++) {
		const struct recorded_field *r = &w->recorded->fields[i];

		if (r->attr == (enum scim_attr)f->field.attr && same_key(r->key, f->field.key))
			return r->value;
	}
	return NULL;
}

static void no_step_for_field(const struct why *w, const struct record_field *f,
			      struct explained_change *c)
{
	bool fresh = w->person && w->person->change == PERSON_CREATE;

	c->row = c->wanted ? 13 : 15;
	if (c->present && c->wanted ? scim_value_same((enum scim_attr)f->field.attr, c->present,
						      c->wanted)
				    : c->present == c->wanted) {
		c->row = c->wanted ? 12 : 15;
		c->why = "as wanted";
		c->as_wanted = true;
	} else if (w->whole) {
		c->row = 27;
		c->why = "the person is left as they are";
	} else if (!w->account && !fresh) {
		c->row = 20;
		c->why = "no account is created";
	} else if (f->own == OWN_NEVER) {
		c->why = "own: never";
	} else if (f->own == OWN_SEED && !fresh) {
		c->why = "own: seed, set for new accounts only";
	} else if (f->own == OWN_MERGE && !fresh) {
		c->why = c->present ? "own: merge, the value is somebody else's"
				    : "own: merge, somebody cleared what we had set";
	} else if (w->account && f->field.attr == SCIM_ATTR_EXTERNAL_ID &&
		   !w->account->external_id_known) {
		c->why = "not asked for: the account is linked already";
		c->as_wanted = same_key(c->recorded, c->wanted);
	} else if (fresh) {
		c->row = f->field.attr == SCIM_ATTR_ACTIVE ? 20 : 14;
		c->as_wanted = c->row == 20;
		c->why = c->row == 20 ? "a new account is active"
				      : "the tenant has no such attribute for users";
	} else {
		c->row = 14;
		c->why = "the tenant has no such attribute for users";
	}
}

static void explain_fields(struct why *w)
{
	for (unsigned i = 0; i < w->record->field_count; i++) {
		const struct record_field *f = &w->record->fields[i];
		struct explained_change c = {
			.attr = (enum scim_attr)f->field.attr, .key = f->field.key,
			.wanted = f->field.value, .present = present_value(w, f),
			.recorded = recorded_text(w, f), .origin = f->origin,
			.step = field_step(w, f),
		};

		if (c.step)
			c.row = c.step->kind == STEP_CREATE ? 20
				: c.attr == SCIM_ATTR_ACTIVE ? 24
				: c.wanted ? 13 : 15;
		else
			no_step_for_field(w, f, &c);
		vec_push(&w->changes, c);
	}
}

/* --- the manager: a value that is another person's account ------------------------------- */

static const struct step *manager_step(const struct why *w)
{
	for (uint32_t i = 0; w->person && i < w->person->step_count; i++) {
		const struct step *step = &w->plan->steps.items[w->person->first_step + i];

		if (step->kind == STEP_MANAGER ||
		    (step->kind == STEP_SET && step->attr == SCIM_ATTR_MANAGER))
			return step;
	}
	return NULL;
}

/* The account id as a login name, where the tenant showed that account. */
static const char *login_name(const struct why *w, const char *account_id)
{
	uint64_t at;
	const char *name = NULL;

	if (account_id && map_get(&w->in->present->by_id, slice_str(account_id), &at))
		name = account_text(&w->in->present->accounts.items[at], SCIM_ATTR_USER_NAME);
	return name ? name : account_id;
}

/* The account of the person whom the rules name; NULL: they have none from here. */
static const char *managers_account(struct why *w)
{
	const char *dn = w->record->manager_dn;
	struct slice norm;

	for (size_t i = 0; i < w->in->manager_count; i++)
		if (strcmp(w->in->managers[i].dn, dn) == 0)
			return w->in->managers[i].account_id;
	for (size_t i = 0; i < w->in->record_count; i++) {
		const struct record *record = w->in->records[i];

		if (dn_normalize(w->mem, record->dn, strlen(record->dn), &norm, NULL) ||
		    !slice_eq_str(norm, dn))
			continue;
		for (size_t r = 0; r < w->in->recorded_count; r++)
			if (strcmp(w->in->recorded[r].link.person_id, record->id) == 0)
				return w->in->recorded[r].link.account_id;
	}
	return NULL;
}

static void no_step_for_manager(struct why *w, const char *present, struct explained_change *c)
{
	const char *theirs = managers_account(w);
	bool fresh = w->person && w->person->change == PERSON_CREATE;

	if (present && theirs && strcmp(present, theirs) == 0) {
		c->row = 12;
		c->why = "as wanted";
		c->as_wanted = true;
		c->wanted = c->present;
	} else if (w->whole) {
		c->row = 27;
		c->why = "the person is left as they are";
	} else if (!w->account && !fresh) {
		c->row = 20;
		c->why = "no account is created";
	} else if (!theirs) {
		c->why = "the manager has no account from here";
	} else if (w->record->manager_own == OWN_NEVER) {
		c->why = "own: never";
	} else if (w->record->manager_own == OWN_SEED && !fresh) {
		c->why = "own: seed, set for new accounts only";
	} else {
		c->why = present ? "own: merge, the value is somebody else's"
				 : "own: merge, somebody cleared what we had set";
	}
}

static void explain_manager(struct why *w)
{
	const struct record_field as = { .field = { SCIM_ATTR_MANAGER, NULL, NULL } };
	const char *present = present_value(w, &as);
	struct explained_change c = {
		.attr = SCIM_ATTR_MANAGER, .wanted = w->record->manager_dn, .row = 13,
		.present = login_name(w, present),
		.recorded = login_name(w, recorded_text(w, &as)),
		.origin = w->record->manager_origin, .step = manager_step(w),
	};

	if (!c.wanted)
		return;
	if (!c.step)
		no_step_for_manager(w, present, &c);
	else if (c.step->name)
		c.wanted = c.step->name;
	vec_push(&w->changes, c);
}

/* --- assignments ------------------------------------------------------------------------- */

static const char *level_text(struct why *w, enum assign_kind kind, double level)
{
	if (kind != ASSIGN_SKILL && kind != ASSIGN_LANGUAGE)
		return "yes";
	return arena_printf(w->mem, "%g", level);
}

static const struct held *find_held(const struct why *w, const struct held *what)
{
	for (unsigned i = 0; w->account && i < w->account->held_count; i++)
		if (held_cmp(&w->account->held[i], what) == 0)
			return &w->account->held[i];
	return NULL;
}

static const struct recorded_held *find_recorded(const struct why *w, const struct held *what)
{
	for (unsigned i = 0; w->recorded && i < w->recorded->held_count; i++) {
		struct held held;

		if (plan_resolve_recorded(w->cat, &w->recorded->held[i], &held) &&
		    held_cmp(&held, what) == 0)
			return &w->recorded->held[i];
	}
	return NULL;
}

static bool step_kind_of(enum step_kind step, enum assign_kind kind)
{
	switch (kind) {
	case ASSIGN_ROLE:
		return step == STEP_GRANT || step == STEP_REVOKE;
	case ASSIGN_SKILL:
		return step == STEP_SKILL_SET || step == STEP_SKILL_REMOVE;
	case ASSIGN_LANGUAGE:
		return step == STEP_LANGUAGE_SET || step == STEP_LANGUAGE_REMOVE;
	case ASSIGN_GROUP:
		return step == STEP_GROUP_ADD || step == STEP_GROUP_REMOVE;
	case ASSIGN_QUEUE:
		return step == STEP_QUEUE_ADD || step == STEP_QUEUE_REMOVE;
	case ASSIGN_TEAM:
		return step == STEP_TEAM_ADD || step == STEP_TEAM_REMOVE;
	case ASSIGN_UNIT:
		return step == STEP_UNIT_SET || step == STEP_UNIT_REMOVE;
	case ASSIGN_WORK_PLAN:
		return step == STEP_WORK_PLAN_SET || step == STEP_WORK_PLAN_REMOVE;
	default:
		return false;
	}
}

static const char *division_id(const struct why *w, const struct held *held)
{
	if (held->kind == ASSIGN_WORK_PLAN)
		return catalogue_item(w->cat, CAT_UNIT, held->division)->id;
	if (held->kind != ASSIGN_ROLE)
		return NULL;
	if (held->division == ITEM_ALL)
		return "*";
	return catalogue_item(w->cat, CAT_DIVISION, held->division)->id;
}

static const char *division_name(const struct why *w, const struct held *held)
{
	if (held->kind == ASSIGN_WORK_PLAN)
		return catalogue_item(w->cat, CAT_UNIT, held->division)->name;
	if (held->kind != ASSIGN_ROLE)
		return NULL;
	if (held->division == ITEM_ALL)
		return "*";
	return catalogue_item(w->cat, CAT_DIVISION, held->division)->name;
}

static const struct step *held_step(const struct why *w, const struct held *held)
{
	const char *item = catalogue_item(w->cat, (enum catalogue_kind)held->kind, held->item)->id;

	for (uint32_t i = 0; w->person && i < w->person->step_count; i++) {
		const struct step *step = &w->plan->steps.items[w->person->first_step + i];

		if (step_kind_of(step->kind, held->kind) && strcmp(step->item_id, item) == 0 &&
		    same_key(step->division_id, division_id(w, held)))
			return step;
	}
	return NULL;
}

/* Frozen as a whole: the kind's own problem, a name that is not there, or not shown. */
static const char *kind_frozen(const struct why *w, enum assign_kind kind)
{
	char text[200];

	if (w->whole)
		return "the person is left as they are";
	for (unsigned i = 0; i < w->record->problem_count; i++)
		if (w->record->problems[i].scope == PROBLEM_KIND &&
		    w->record->problems[i].what == kind)
			return "this kind is left as it is: a rule for it failed";
	for (unsigned i = 0; i < w->record->assign_count; i++) {
		struct held held;

		if (w->record->assigns[i].kind == kind &&
		    !plan_resolve_assignment(w->cat, &w->record->assigns[i], &held, text))
			return "this kind is left as it is: the tenant lacks one of its names";
	}
	if (w->account && w->account->unknown_kinds & (1u << kind))
		return "this kind is left as it is: the tenant did not show it";
	return NULL;
}

/* As diff.c: levels went through JSON there and back. */
static bool same_level(double a, double b)
{
	return a - b < 1e-9 && b - a < 1e-9;
}

/* Rows 5-11 of what is wanted. */
static void why_wanted(const struct why *w, const struct assignment *a,
		       const struct held *present, const struct recorded_held *recorded,
		       struct explained_change *c)
{
	bool same = present && same_level(present->level, a->level);
	const char *frozen = kind_frozen(w, a->kind);

	if (present && same)
		c->row = recorded ? 8 : 7;
	else if (!present)
		c->row = recorded ? 6 : 5;
	else if (!recorded)
		c->row = 9;
	else
		c->row = same_level(recorded->level, present->level) ? 10 : 11;
	if (c->step)
		return;
	c->as_wanted = same;
	if (same)
		c->why = "as wanted";
	else if (frozen)
		c->why = frozen;
	else if (!w->account && !w->person)
		c->why = "no account is created";
	else if (a->own == OWN_NEVER)
		c->why = "own: never";
	else if (a->own == OWN_SEED)
		c->why = "own: seed, given to new accounts only";
	else if (a->own == OWN_MERGE && recorded)
		c->why = present ? "own: merge, somebody else changed what we had set"
				 : "own: merge, somebody else took away what we had given";
	else
		c->why = "nothing is done";
	if (frozen && !same)
		c->row = 0;
}

/* The same under two names, as no division and Home by its name, is told once. */
static bool met_before(const struct why *w, const struct assignment *a, const struct held *held)
{
	const struct assignment *at;
	struct held other;
	char why[200];

	for (at = w->record->assigns; at < a; at++)
		if (plan_resolve_assignment(w->cat, at, &other, why) &&
		    held_cmp(&other, held) == 0)
			return true;
	return false;
}

static void explain_wanted(struct why *w, const struct assignment *a)
{
	struct explained_change c = {
		.assignment = true, .kind = a->kind, .name = a->name, .origin = a->origin,
		.division = a->division, .wanted = level_text(w, a->kind, a->level),
	};
	const struct recorded_held *recorded;
	const struct held *present;
	struct held held;
	char why[200];

	if (!plan_resolve_assignment(w->cat, a, &held, why)) {
		c.why = arena_strdup(w->mem, why);
		vec_push(&w->changes, c);
		return;
	}
	if (met_before(w, a, &held))
		return;
	c.division = division_name(w, &held);
	present = find_held(w, &held);
	recorded = find_recorded(w, &held);
	c.present = present ? level_text(w, a->kind, present->level) : NULL;
	c.recorded = recorded ? level_text(w, a->kind, recorded->level) : NULL;
	c.step = held_step(w, &held);
	why_wanted(w, a, present, recorded, &c);
	vec_push(&w->changes, c);
}

static bool is_wanted(const struct why *w, const struct held *held)
{
	for (unsigned i = 0; i < w->record->assign_count; i++) {
		struct held wanted;
		char why[200];

		if (plan_resolve_assignment(w->cat, &w->record->assigns[i], &wanted, why) &&
		    held_cmp(&wanted, held) == 0)
			return true;
	}
	return false;
}

/* Rows 3 and 4 of what is there and not wanted. */
static void explain_unwanted(struct why *w, const struct held *held)
{
	enum own own = (enum own)w->record->own[held->kind];
	const struct recorded_held *recorded = find_recorded(w, held);
	struct explained_change c = {
		.assignment = true, .kind = held->kind, .division = division_name(w, held),
		.name = catalogue_item(w->cat, (enum catalogue_kind)held->kind, held->item)->name,
		.present = level_text(w, held->kind, held->level),
		.recorded = recorded ? level_text(w, held->kind, recorded->level) : NULL,
		.step = held_step(w, held), .row = recorded ? 4 : 3,
	};
	const char *frozen = kind_frozen(w, held->kind);

	if (!c.step && frozen)
		c.why = frozen;
	else if (!c.step && (own == OWN_NEVER || own == OWN_SEED))
		c.why = own == OWN_NEVER ? "own: never" : "own: seed";
	else if (!c.step && !recorded && own == OWN_MERGE)
		c.why = "own: merge, it is not ours";
	else if (!c.step && !recorded)
		c.why = "no rule speaks of it";
	else if (!c.step)
		c.why = "left: the groups were not read completely";
	vec_push(&w->changes, c);
}

static void explain_assignments(struct why *w)
{
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++) {
		for (unsigned i = 0; i < w->record->assign_count; i++)
			if (w->record->assigns[i].kind == kind)
				explain_wanted(w, &w->record->assigns[i]);
		for (unsigned i = 0; w->account && i < w->account->held_count; i++)
			if (w->account->held[i].kind == kind &&
			    !is_wanted(w, &w->account->held[i]))
				explain_unwanted(w, &w->account->held[i]);
	}
}

void plan_why(const struct plan_input *in, const struct plan *plan, struct arena *mem,
	      struct explained *out)
{
	struct why w = { .in = in, .plan = plan, .cat = &in->present->catalogue, .mem = mem,
			 .out = out, .record = out->record };
	struct explained_change *kept;

	find_person(&w);
	if (!out->record) {
		out->account = w.recorded ? EXPLAIN_LINKED : EXPLAIN_NONE;
		out->account_id = w.recorded ? w.recorded->link.account_id : NULL;
		out->account_row = w.recorded ? 25 : 28;
		out->account_why = w.recorded ? "out of scope: a run for everybody will deactivate "
						"the account, if it is active"
					      : "out of scope, and nothing is linked to them";
		return;
	}
	find_skips(&w);
	find_account(&w);
	explain_fields(&w);
	explain_manager(&w);
	explain_assignments(&w);
	kept = arena_array(mem, w.changes.count + 1, sizeof(*kept));
	if (w.changes.count)
		memcpy(kept, w.changes.items, w.changes.count * sizeof(*kept));
	out->changes = kept;
	out->change_count = (unsigned)w.changes.count;
	vec_release(&w.changes);
}
