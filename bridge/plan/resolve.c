/*
 * Names against the tenant's catalogue, before anything else is read of it.
 */
#include "bridge/plan/plan_impl.h"

#include <stdio.h>
#include <string.h>

#include "bridge/tenant/tenant.h"

#include "scim/base/banned.h"

static const char *why_not(const struct catalogue *cat, enum catalogue_kind kind,
			   const char *name, uint32_t found, char out[200])
{
	const char *near;
	char shown[80];

	text_visible(name, strlen(name), shown, sizeof(shown));
	if (found == ITEM_AMBIGUOUS) {
		snprintf(out, 200, "several %ss in the tenant are named \"%s\"; rename one",
			 catalogue_kind_name(kind), shown);
		return out;
	}
	near = catalogue_nearest(cat, kind, name);
	snprintf(out, 200, "%s \"%s\" is not in the tenant%s%s%s", catalogue_kind_name(kind),
		 shown, near ? "; nearest: \"" : "", near ? near : "", near ? "\"" : "");
	return out;
}

static bool usable(uint32_t item)
{
	return item != ITEM_NONE && item != ITEM_AMBIGUOUS;
}

static bool resolve_work_plan(const struct catalogue *cat, const struct assignment *assign,
			      struct held *ret, char why[200])
{
	struct held held = { .kind = ASSIGN_WORK_PLAN };

	held.division = catalogue_by_name(cat, CAT_UNIT, assign->division);
	if (!usable(held.division)) {
		why_not(cat, CAT_UNIT, assign->division, held.division, why);
		return false;
	}
	held.item = catalogue_work_plan(cat, held.division, assign->name);
	if (!usable(held.item)) {
		snprintf(why, 200, "management unit \"%.70s\" has %s work plan \"%.70s\"",
			 assign->division, held.item == ITEM_NONE ? "no" : "more than one",
			 assign->name);
		return false;
	}
	*ret = held;
	return true;
}

bool plan_resolve_assignment(const struct catalogue *cat, const struct assignment *assign,
			     struct held *ret, char why[200])
{
	struct held held = { .kind = assign->kind, .level = assign->level };

	if (assign->kind == ASSIGN_WORK_PLAN)
		return resolve_work_plan(cat, assign, ret, why);
	held.item = catalogue_by_name(cat, (enum catalogue_kind)assign->kind, assign->name);
	if (!usable(held.item)) {
		why_not(cat, (enum catalogue_kind)assign->kind, assign->name, held.item, why);
		return false;
	}
	if (assign->kind == ASSIGN_ROLE) {
		if (!assign->division)
			held.division = cat->home;
		else if (strcmp(assign->division, "*") == 0)
			held.division = ITEM_ALL;
		else
			held.division = catalogue_by_name(cat, CAT_DIVISION, assign->division);
		if (!usable(held.division)) {
			why_not(cat, CAT_DIVISION, assign->division ? assign->division : "Home",
				held.division, why);
			return false;
		}
	}
	*ret = held;
	return true;
}

bool plan_resolve_recorded(const struct catalogue *cat, const struct recorded_held *recorded,
			   struct held *ret)
{
	struct held held = { .kind = recorded->kind, .level = recorded->level };

	held.item = catalogue_by_id(cat, (enum catalogue_kind)recorded->kind, recorded->item_id);
	if (recorded->kind == ASSIGN_ROLE) {
		if (recorded->division_id && strcmp(recorded->division_id, "*") == 0)
			held.division = ITEM_ALL;
		else
			held.division = recorded->division_id
						? catalogue_by_id(cat, CAT_DIVISION,
								  recorded->division_id)
						: ITEM_NONE;
		if (held.division == ITEM_NONE)
			return false;
	}
	if (held.item == ITEM_NONE)
		return false;
	if (recorded->kind == ASSIGN_WORK_PLAN)
		held.division = catalogue_item(cat, CAT_WORK_PLAN, held.item)->unit;
	*ret = held;
	return true;
}

/* --- literal names ----------------------------------------------------------------------- */

struct literals {
	const struct plan_input *in;
	struct diags *diags;
};

static void check_literal(void *ctx, unsigned kind, const char *name, origin_id origin)
{
	struct literals *l = ctx;
	const struct catalogue *cat = &l->in->present->catalogue;
	const struct origin *at = rules_origin(l->in->rules, origin);
	uint32_t item = catalogue_by_name(cat, (enum catalogue_kind)kind, name);
	char why[200];

	if (kind == CAT_DIVISION && !target_row(l->in->config->target.kind)->divisions)
		return;
	if (!usable(item))
		diags_at(l->diags, ERR_INVALID, at->file, at->line, at->column, "%s",
			 why_not(cat, (enum catalogue_kind)kind, name, item, why));
}

/* --- groups that are made ---------------------------------------------------------------- */

static void add_group(struct present *present, const char *name)
{
	struct catalogue *cat = &present->catalogue;
	struct catalogue_item item = { .member_count = 0 };

	if (!name[0] || catalogue_by_name(cat, CAT_GROUP, name) != ITEM_NONE)
		return;
	item.id = arena_printf(&present->mem, ITEM_NEW "%s", name);
	item.name = arena_strdup(&present->mem, name);
	catalogue_add(cat, CAT_GROUP, &item);
}

static void add_literal_group(void *ctx, unsigned kind, const char *name, origin_id origin)
{
	(void)origin;
	if (kind == ASSIGN_GROUP)
		add_group(ctx, name);
}

void plan_new_groups(const struct plan_input *in, struct present *present)
{
	/* Half a list: it may be in the other half. */
	if (!in->config->target.create_groups || !present->verdict.complete)
		return;
	if (in->rules)
		rules_each_literal(in->rules, add_literal_group, present);
	for (size_t i = 0; i < in->record_count; i++)
		for (unsigned a = 0; a < in->records[i]->assign_count; a++)
			if (in->records[i]->assigns[a].kind == ASSIGN_GROUP)
				add_group(present, in->records[i]->assigns[a].name);
}

/* --- what must be read ------------------------------------------------------------------- */

struct needs {
	const struct catalogue *cat;
	bool *queues, *divisions, *teams, *units;
	bool all_units; /* merge: whose unit somebody is in must be known */
	bool all_divisions, everywhere; /* each division; grants in "*" */
	bool manages_queues;
	struct map found; /* people of this run, where that is asked */
};

static void need_held(struct needs *n, const struct held *held)
{
	if (held->kind == ASSIGN_QUEUE)
		n->queues[held->item] = true;
	if (held->kind == ASSIGN_TEAM)
		n->teams[held->item] = true;
	if (held->kind == ASSIGN_UNIT)
		n->units[held->item] = true;
	if (held->kind == ASSIGN_WORK_PLAN)
		n->units[held->division] = true;
	if (held->kind != ASSIGN_ROLE)
		return;
	if (held->division == ITEM_ALL)
		n->everywhere = true;
	else
		n->divisions[held->division] = true;
}

static void need_record(struct needs *n, const struct record *record)
{
	for (unsigned i = 0; i < record->assign_count; i++) {
		struct held held;
		char why[200];

		if (plan_resolve_assignment(n->cat, &record->assigns[i], &held, why))
			need_held(n, &held);
	}
	/* manage removes what else is there, wherever it was granted. */
	if ((record->kinds_stated & (1u << ASSIGN_ROLE)) && record->own[ASSIGN_ROLE] == OWN_MANAGE)
		n->all_divisions = true;
	if ((record->kinds_stated & (1u << ASSIGN_UNIT)) && record->own[ASSIGN_UNIT] != OWN_MANAGE)
		n->all_units = true;
	n->manages_queues |= record->own[ASSIGN_QUEUE] == OWN_MANAGE;
}

static void need_recorded(struct needs *n, const struct recorded_held *recorded, size_t count)
{
	struct held held;

	for (size_t i = 0; i < count; i++)
		if (plan_resolve_recorded(n->cat, &recorded[i], &held))
			need_held(n, &held);
}

/* Who is there, if it matters: in a run for some, and for leavers who may have come back. */
static void note_found(struct needs *n, const struct plan_input *in)
{
	bool matters = in->only;

	for (size_t i = 0; i < in->recorded_count && !matters; i++)
		matters = in->recorded[i].link.left;
	for (size_t i = 0; i < in->record_count && matters; i++)
		map_set(&n->found, slice_str(in->records[i]->id), 1);
}

/*
 * manage takes people out of any queue that is recorded for somebody, whom this run need
 * not look at.
 */
static void need_elsewhere(struct needs *n, const struct plan_input *in)
{
	for (size_t i = 0; in->part && n->manages_queues && i < in->part->held_count; i++)
		if (in->part->held[i].kind == ASSIGN_QUEUE)
			need_recorded(n, &in->part->held[i], 1);
}

static void collect(const struct plan_input *in, struct needs *n)
{
	for (size_t i = 0; i < in->record_count; i++)
		need_record(n, in->records[i]);
	for (size_t i = 0; i < in->recorded_count; i++) {
		const struct recorded *r = &in->recorded[i];

		if (!in->only || n->manages_queues ||
		    map_get(&n->found, slice_str(r->link.person_id), NULL))
			need_recorded(n, r->held, r->held_count);
	}
	need_elsewhere(n, in);
	/* A protected role protects wherever it is held. */
	if (in->config->protect.roles.count || in->adopting)
		n->all_divisions = true;
}

static const uint32_t *indexes(struct arena *mem, const bool *wanted, size_t count, bool all,
			       bool everywhere, unsigned *ret_count)
{
	uint32_t *list = arena_array(mem, count + 1, sizeof(*list));
	unsigned n = 0;

	for (size_t i = 0; i < count; i++)
		if (wanted[i] || all)
			list[n++] = (uint32_t)i;
	if (everywhere)
		list[n++] = ITEM_ALL;
	*ret_count = n;
	return list;
}

/*
 * Accounts that this run decides on: with --only those of the people found; never those of
 * leavers who were disabled and did not come back, for whom nothing is done.
 */
static void need_accounts(const struct needs *n, const struct plan_input *in, struct arena *mem,
			  struct tenant_need *need)
{
	const char **ids = arena_array(mem, in->recorded_count + 1, sizeof(*ids));

	for (size_t i = 0; i < in->recorded_count; i++) {
		const struct link *link = &in->recorded[i].link;

		if ((!in->only && !link->left) ||
		    map_get(&n->found, slice_str(link->person_id), NULL))
			ids[need->account_count++] = link->account_id;
	}
	need->account_ids = ids;
}

/*
 * A run for some people reads their accounts alone, if links tell which those are. After a
 * run that was cut off somebody may have an account that the state does not know.
 */
static bool some_links(const struct plan_input *in)
{
	if (in->unfinished)
		return false;
	return in->part ? in->part->linked > 0 : in->only && in->recorded_count > 0;
}

static const struct tenant_whom *make_whom(const struct plan_input *in, struct arena *mem)
{
	struct tenant_whom *whom = arena_array(mem, 1, sizeof(*whom));
	const char **names = arena_array(mem, in->record_count + 1, sizeof(*names));

	for (size_t i = 0; i < in->record_count; i++) {
		const struct record *record = in->records[i];
		const char *name = record_text(record, SCIM_ATTR_USER_NAME);

		if (name && !record_frozen(record) && !record->skip_reason)
			names[whom->user_name_count++] = name;
	}
	whom->user_names = names;
	whom->linked = in->part ? in->part->linked : in->recorded_count;
	return whom;
}

int plan_resolve(const struct plan_input *in, struct arena *mem, struct tenant_need *ret_need,
		 struct diags *diags)
{
	const struct catalogue *cat = &in->present->catalogue;
	size_t queue_count = cat->kinds[CAT_QUEUE].items.count;
	size_t division_count = cat->kinds[CAT_DIVISION].items.count;
	struct needs n = { .cat = cat };
	struct literals literals = { in, diags };
	struct tenant_need need = { 0 };
	size_t before = diags->total;

	n.queues = arena_array(mem, queue_count + 1, sizeof(bool));
	n.divisions = arena_array(mem, division_count + 1, sizeof(bool));
	n.teams = arena_array(mem, cat->kinds[CAT_TEAM].items.count + 1, sizeof(bool));
	n.units = arena_array(mem, cat->kinds[CAT_UNIT].items.count + 1, sizeof(bool));
	if (in->rules)
		rules_each_literal(in->rules, check_literal, &literals);
	if (diags->total != before)
		return -1;
	note_found(&n, in);
	collect(in, &n);
	need.queues = indexes(mem, n.queues, queue_count, false, false, &need.queue_count);
	need.grant_divisions = indexes(mem, n.divisions, division_count, n.all_divisions,
				       n.everywhere || n.all_divisions,
				       &need.grant_division_count);
	need.teams = indexes(mem, n.teams, cat->kinds[CAT_TEAM].items.count, false, false,
			     &need.team_count);
	need.units = indexes(mem, n.units, cat->kinds[CAT_UNIT].items.count, n.all_units, false,
			     &need.unit_count);
	need_accounts(&n, in, mem, &need);
	map_release(&n.found);
	if (!in->adopting && some_links(in))
		need.whom = make_whom(in, mem);
	*ret_need = need;
	return 0;
}
