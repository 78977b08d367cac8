#include "bridge/tenant/calls_impl.h"

#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

/* One role to many people, or many grants to one. */

/* One role of one person, with all its divisions in this plan. */
struct grant_unit {
	uint32_t person; /* index in `people` below */
	uint32_t first, count; /* in `steps` below */
	uint32_t group;
};

/* People who get one role in exactly the same divisions. */
struct grant_group {
	uint32_t people; /* still served by role calls */
};

struct grant_person {
	uint32_t first_unit, unit_count, step_count;
	bool bulk; /* served by a bulkadd of their own */
};

struct grants {
	const struct plan *plan;
	VEC(uint32_t) steps; /* by person, role, division */
	VEC(struct grant_unit) units;
	VEC(struct grant_group) groups;
	VEC(struct grant_person) people;
	uint32_t *by_group;  /* units by group, then person */
	uint32_t *bundles;   /* people by their list of groups */
};

static int by_person_role(const void *a, const void *b, void *ctx)
{
	const struct plan *plan = ctx;
	uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	const struct step *x = &plan->steps.items[ia], *y = &plan->steps.items[ib];
	int c;

	if (x->person != y->person)
		return x->person < y->person ? -1 : 1;
	c = strcmp(x->item_id, y->item_id);
	if (!c)
		c = strcmp(x->division_id, y->division_id);
	if (c)
		return c;
	return ia < ib ? -1 : ia > ib;
}

static int cmp_divisions(const struct grants *g, const struct grant_unit *x,
			 const struct grant_unit *y)
{
	const struct step *steps = g->plan->steps.items;
	int c = strcmp(steps[g->steps.items[x->first]].item_id,
		       steps[g->steps.items[y->first]].item_id);

	for (uint32_t i = 0; !c && i < x->count && i < y->count; i++)
		c = strcmp(steps[g->steps.items[x->first + i]].division_id,
			   steps[g->steps.items[y->first + i]].division_id);
	if (c)
		return c;
	return x->count < y->count ? -1 : x->count > y->count;
}

static int by_group_key(const void *a, const void *b, void *ctx)
{
	const struct grants *g = ctx;
	uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	int c = cmp_divisions(g, &g->units.items[ia], &g->units.items[ib]);

	if (c)
		return c;
	return ia < ib ? -1 : ia > ib;
}

static int cmp_bundle(const struct grants *g, uint32_t a, uint32_t b)
{
	const struct grant_person *x = &g->people.items[a], *y = &g->people.items[b];

	if (x->unit_count != y->unit_count)
		return x->unit_count < y->unit_count ? -1 : 1;
	for (uint32_t i = 0; i < x->unit_count; i++) {
		uint32_t gx = g->units.items[x->first_unit + i].group;
		uint32_t gy = g->units.items[y->first_unit + i].group;

		if (gx != gy)
			return gx < gy ? -1 : 1;
	}
	return 0;
}

static int by_bundle(const void *a, const void *b, void *ctx)
{
	uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	int c = cmp_bundle(ctx, ia, ib);

	if (c)
		return c;
	return ia < ib ? -1 : ia > ib;
}

static void collect_units(struct grants *g, const unsigned char *blocked)
{
	const struct plan *plan = g->plan;
	const struct step *before = NULL;

	for (size_t i = 0; i < plan->steps.count; i++)
		if (plan->steps.items[i].kind == STEP_GRANT &&
		    !(blocked && blocked[plan->steps.items[i].person]))
			vec_push(&g->steps, (uint32_t)i);
	if (g->steps.count)
		qsort_r(g->steps.items, g->steps.count, sizeof(uint32_t), by_person_role,
			(void *)plan);
	for (uint32_t i = 0; i < g->steps.count; i++) {
		const struct step *step = &plan->steps.items[g->steps.items[i]];
		bool other = !before || before->person != step->person;

		if (other)
			vec_push(&g->people,
				 ((struct grant_person){ (uint32_t)g->units.count, 0, 0, false }));
		if (other || strcmp(before->item_id, step->item_id) != 0) {
			vec_push(&g->units,
				 ((struct grant_unit){ (uint32_t)g->people.count - 1, i, 0, 0 }));
			g->people.items[g->people.count - 1].unit_count++;
		}
		before = step;
		g->units.items[g->units.count - 1].count++;
		g->people.items[g->people.count - 1].step_count++;
	}
}

static void form_groups(struct grants *g)
{
	g->by_group = mem_array(g->units.count, sizeof(*g->by_group));
	for (uint32_t i = 0; i < g->units.count; i++)
		g->by_group[i] = i;
	qsort_r(g->by_group, g->units.count, sizeof(uint32_t), by_group_key, g);
	for (uint32_t i = 0; i < g->units.count; i++) {
		struct grant_unit *unit = &g->units.items[g->by_group[i]];

		if (!i || cmp_divisions(g, &g->units.items[g->by_group[i - 1]], unit))
			vec_push(&g->groups, ((struct grant_group){ 0 }));
		unit->group = (uint32_t)g->groups.count - 1;
		g->groups.items[unit->group].people++;
	}
	g->bundles = mem_array(g->people.count, sizeof(*g->bundles));
	for (uint32_t i = 0; i < g->people.count; i++)
		g->bundles[i] = i;
	qsort_r(g->bundles, g->people.count, sizeof(uint32_t), by_bundle, g);
}

static long ceil_div(long n, long by)
{
	return (n + by - 1) / by;
}

/* Calls saved when `count` people of this one's bundle get a bulkadd each. */
static long saved(const struct grants *g, const struct grant_person *person, long count)
{
	long most = api_op(API_ROLE_GRANT)->batch_max;
	long sum = -count * ceil_div(person->step_count, api_op(API_SUBJECT_BULKADD)->batch_max);

	for (uint32_t i = 0; i < person->unit_count; i++) {
		long n = g->groups.items[g->units.items[person->first_unit + i].group].people;

		sum += ceil_div(n, most) - ceil_div(n - count, most);
	}
	return sum;
}

static void take_bulk(struct grants *g, struct grant_person *person)
{
	person->bulk = true;
	for (uint32_t i = 0; i < person->unit_count; i++)
		g->groups.items[g->units.items[person->first_unit + i].group].people--;
}

/* One bundle: all of its people together, else the few that save by themselves. */
static bool improve_bundle(struct grants *g, const uint32_t *people, size_t count)
{
	bool changed = false;
	long left = 0;

	for (size_t i = 0; i < count; i++)
		left += !g->people.items[people[i]].bulk;
	if (left && saved(g, &g->people.items[people[0]], left) > 0) {
		for (size_t i = 0; i < count; i++)
			if (!g->people.items[people[i]].bulk)
				take_bulk(g, &g->people.items[people[i]]);
		return true;
	}
	for (size_t i = 0; i < count; i++) {
		struct grant_person *person = &g->people.items[people[i]];

		if (person->bulk)
			continue;
		/* All of the rest are alike: when one does not save, none does. */
		if (saved(g, person, 1) <= 0)
			break;
		take_bulk(g, person);
		changed = true;
	}
	return changed;
}

/* From role calls for everybody, greedily to bulkadds while calls are saved. */
static void choose(struct grants *g)
{
	long roles = 0, bulk = 0;
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t at = 0, end; at < g->people.count; at = end) {
			for (end = at + 1; end < g->people.count; end++)
				if (cmp_bundle(g, g->bundles[at], g->bundles[end]))
					break;
			changed |= improve_bundle(g, g->bundles + at, end - at);
		}
	}
	/* Steps that each save nothing may do so together: bulkadds for all are the other end. */
	for (size_t i = 0; i < g->groups.count; i++)
		roles += ceil_div(g->groups.items[i].people, api_op(API_ROLE_GRANT)->batch_max);
	for (size_t i = 0; i < g->people.count; i++)
		if (!g->people.items[i].bulk)
			bulk += ceil_div(g->people.items[i].step_count,
					 api_op(API_SUBJECT_BULKADD)->batch_max);
	for (size_t i = 0; bulk < roles && i < g->people.count; i++)
		g->people.items[i].bulk = true;
}

static void emit_role_calls(struct calls_maker *m, struct grants *g)
{
	unsigned most = api_op(API_ROLE_GRANT)->batch_max, people = 0;
	uint32_t group = UINT32_MAX;
	VEC(uint32_t) steps = { 0 };

	for (size_t i = 0; i < g->units.count; i++) {
		const struct grant_unit *unit = &g->units.items[g->by_group[i]];

		if (g->people.items[unit->person].bulk)
			continue;
		if (steps.count && (unit->group != group || people == most)) {
			calls_emit(m, API_ROLE_GRANT, steps.items, (unsigned)steps.count);
			steps.count = 0;
			people = 0;
		}
		group = unit->group;
		people++;
		for (uint32_t s = 0; s < unit->count; s++)
			vec_push(&steps, g->steps.items[unit->first + s]);
	}
	if (steps.count)
		calls_emit(m, API_ROLE_GRANT, steps.items, (unsigned)steps.count);
	vec_release(&steps);
}

void calls_make_grants(struct calls_maker *m)
{
	struct grants g = { .plan = m->plan };

	if (step_row(STEP_GRANT)->wave != m->wave)
		return;
	collect_units(&g, m->blocked);
	if (g.steps.count) {
		form_groups(&g);
		choose(&g);
		emit_role_calls(m, &g);
		for (size_t i = 0; i < g.people.count; i++) {
			const struct grant_person *person = &g.people.items[i];

			if (person->bulk)
				calls_emit_chunks(m, API_SUBJECT_BULKADD,
					    g.steps.items +
						    g.units.items[person->first_unit].first,
					    person->step_count);
		}
	}
	vec_release(&g.steps);
	vec_release(&g.units);
	vec_release(&g.groups);
	vec_release(&g.people);
	mem_free(g.by_group);
	mem_free(g.bundles);
}
