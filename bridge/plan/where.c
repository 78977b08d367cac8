#include "bridge/plan/where.h"

#include <stdio.h>
#include <string.h>

#include "bridge/config/config.h"
#include "bridge/plan/plan_impl.h"

#include "scim/base/banned.h"

struct places {
	const struct catalogue *cat;
	bool *people, *grants;
	bool all_grants, everywhere;
};

static bool known(uint32_t item)
{
	return item != ITEM_NONE && item != ITEM_AMBIGUOUS;
}

static void place_person(struct places *p, const struct record *record)
{
	const char *name = record_text(record, SCIM_ATTR_DIVISION);
	uint32_t at = name ? catalogue_by_name(p->cat, CAT_DIVISION, name) : p->cat->home;

	if (known(at))
		p->people[at] = true;
}

static void place_roles(struct places *p, const struct record *record)
{
	struct held held;
	char why[200];

	for (unsigned i = 0; i < record->assign_count; i++) {
		if (record->assigns[i].kind != ASSIGN_ROLE ||
		    !plan_resolve_assignment(p->cat, &record->assigns[i], &held, why))
			continue;
		if (held.division == ITEM_ALL)
			p->everywhere = true;
		else
			p->grants[held.division] = true;
	}
	/* manage takes away what else is there, so all of it is read. */
	if ((record->kinds_stated & 1u << ASSIGN_ROLE) && record->own[ASSIGN_ROLE] == OWN_MANAGE)
		p->all_grants = true;
}

static const uint32_t *list(struct arena *mem, const bool *wanted, size_t count, bool all,
			    bool everywhere, unsigned *ret_count)
{
	uint32_t *items = arena_array(mem, count + 1, sizeof(*items));
	unsigned n = 0;

	for (size_t i = 0; i < count; i++)
		if (wanted[i] || all)
			items[n++] = (uint32_t)i;
	if (everywhere)
		items[n++] = ITEM_ALL;
	*ret_count = n;
	return items;
}

void plan_where(const struct plan_input *in, struct arena *mem, struct plan_where *ret)
{
	const struct catalogue *cat = &in->present->catalogue;
	size_t count = cat->kinds[CAT_DIVISION].items.count;
	struct places p = {
		.cat = cat,
		.people = arena_array(mem, count + 1, sizeof(bool)),
		.grants = arena_array(mem, count + 1, sizeof(bool)),
		.all_grants = in->config->protect.roles.count > 0,
	};

	for (size_t i = 0; i < in->record_count; i++) {
		place_person(&p, in->records[i]);
		place_roles(&p, in->records[i]);
	}
	ret->people = list(mem, p.people, count, false, false, &ret->people_count);
	ret->grants = list(mem, p.grants, count, p.all_grants, p.everywhere || p.all_grants,
			   &ret->grant_count);
}

/* --- names ------------------------------------------------------------------------------- */

struct unknowns {
	struct plan_unknown *items;
	size_t count;
	struct map by_text;
	struct arena *mem;
};

static void note(struct unknowns *u, const struct record *record, const char *why,
		 origin_id origin)
{
	struct plan_unknown *item;
	uint64_t at;

	if (map_get(&u->by_text, slice_str(why), &at)) {
		u->items[at].people++;
		return;
	}
	if (u->count == PLAN_UNKNOWN_MAX)
		return;
	item = &u->items[u->count];
	*item = (struct plan_unknown){ arena_strdup(u->mem, why), origin, 1, record->dn };
	map_set(&u->by_text, slice_str(item->text), u->count++);
}

static void note_division(struct unknowns *u, const struct catalogue *cat,
			  const struct record *record)
{
	const char *name = record_text(record, SCIM_ATTR_DIVISION), *near;
	char why[300], shown[100];

	if (!name || known(catalogue_by_name(cat, CAT_DIVISION, name)))
		return;
	near = catalogue_nearest(cat, CAT_DIVISION, name);
	text_visible(name, strlen(name), shown, sizeof(shown));
	snprintf(why, sizeof(why), "division \"%s\" is not in the tenant%s%s%s", shown,
		 near ? "; nearest: \"" : "", near ? near : "", near ? "\"" : "");
	for (unsigned i = 0; i < record->field_count; i++)
		if (record->fields[i].field.attr == SCIM_ATTR_DIVISION)
			note(u, record, why, record->fields[i].origin);
}

size_t plan_unknown_names(const struct plan_input *in, struct arena *mem,
			  struct plan_unknown ret[PLAN_UNKNOWN_MAX])
{
	const struct catalogue *cat = &in->present->catalogue;
	struct unknowns u = { .items = ret, .mem = mem };

	for (size_t i = 0; i < in->record_count; i++) {
		const struct record *record = in->records[i];
		struct held held;
		char why[200];

		note_division(&u, cat, record);
		for (unsigned a = 0; a < record->assign_count; a++)
			if (!record->assigns[a].literal &&
			    !plan_resolve_assignment(cat, &record->assigns[a], &held, why))
				note(&u, record, why, record->assigns[a].origin);
	}
	map_release(&u.by_text);
	return u.count;
}
