#include "bridge/model/present.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

const char *catalogue_kind_name(enum catalogue_kind kind)
{
	static const char *const names[CAT_KIND_COUNT] = {
		[CAT_ROLE] = "role",   [CAT_SKILL] = "skill", [CAT_LANGUAGE] = "language",
		[CAT_GROUP] = "group", [CAT_QUEUE] = "queue", [CAT_DIVISION] = "division",
		[CAT_TEAM] = "team",   [CAT_UNIT] = "management unit",
		[CAT_WORK_PLAN] = "work plan",
	};

	assert(kind < CAT_KIND_COUNT);
	return names[kind];
}

uint32_t catalogue_add(struct catalogue *cat, enum catalogue_kind kind,
		       const struct catalogue_item *item)
{
	uint32_t index = catalogue_by_id(cat, kind, item->id);

	if (index != ITEM_NONE)
		return index;
	assert(cat->kinds[kind].items.count < ITEM_ALL);
	index = (uint32_t)cat->kinds[kind].items.count;
	vec_push(&cat->kinds[kind].items, *item);
	map_set(&cat->kinds[kind].by_id, slice_str(item->id), index);
	/* Queues and groups may share a name with another one; which is meant is nobody's
	 * guess but the rule writer's. */
	if (map_get(&cat->kinds[kind].by_name, slice_str(item->name), NULL))
		map_set(&cat->kinds[kind].by_name, slice_str(item->name), ITEM_AMBIGUOUS);
	else
		map_set(&cat->kinds[kind].by_name, slice_str(item->name), index);
	return index;
}

uint32_t catalogue_by_name(const struct catalogue *cat, enum catalogue_kind kind,
			   const char *name)
{
	uint64_t index;

	assert(kind < CAT_KIND_COUNT);
	return map_get(&cat->kinds[kind].by_name, slice_str(name), &index) ?
		       (uint32_t)index :
		       ITEM_NONE;
}

uint32_t catalogue_work_plan(const struct catalogue *cat, uint32_t unit, const char *name)
{
	uint32_t found = ITEM_NONE;

	for (size_t i = 0; i < cat->kinds[CAT_WORK_PLAN].items.count; i++) {
		const struct catalogue_item *item = &cat->kinds[CAT_WORK_PLAN].items.items[i];

		if (item->unit == unit && strcmp(item->name, name) == 0)
			found = found == ITEM_NONE ? (uint32_t)i : ITEM_AMBIGUOUS;
	}
	return found;
}

uint32_t catalogue_by_id(const struct catalogue *cat, enum catalogue_kind kind, const char *id)
{
	uint64_t index;

	assert(kind < CAT_KIND_COUNT);
	return map_get(&cat->kinds[kind].by_id, slice_str(id), &index) ? (uint32_t)index :
									 ITEM_NONE;
}

const struct catalogue_item *catalogue_item(const struct catalogue *cat,
					    enum catalogue_kind kind, uint32_t index)
{
	assert(kind < CAT_KIND_COUNT && index < cat->kinds[kind].items.count);
	return &cat->kinds[kind].items.items[index];
}

const char *catalogue_nearest(const struct catalogue *cat, enum catalogue_kind kind,
			      const char *name)
{
	size_t count = cat->kinds[kind].items.count;
	const char **names;
	const char *found = NULL;
	int at;

	if (!count)
		return NULL;
	names = mem_array(count, sizeof(*names));
	for (size_t i = 0; i < count; i++)
		names[i] = cat->kinds[kind].items.items[i].name;
	at = text_nearest(name, names, count);
	if (at >= 0)
		found = names[at];
	mem_free(names);
	return found;
}

void catalogue_release(struct catalogue *cat)
{
	for (int kind = 0; kind < CAT_KIND_COUNT; kind++) {
		vec_release(&cat->kinds[kind].items);
		map_release(&cat->kinds[kind].by_name);
		map_release(&cat->kinds[kind].by_id);
	}
	cat->home = ITEM_NONE;
}

int held_cmp(const struct held *a, const struct held *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->item != b->item)
		return a->item < b->item ? -1 : 1;
	if (a->division != b->division)
		return a->division < b->division ? -1 : 1;
	return 0;
}

void present_init(struct present *present)
{
	*present = (struct present){ 0 };
	arena_init(&present->mem);
	present->catalogue.home = ITEM_NONE;
	verdict_init(&present->verdict);
}

void present_release(struct present *present)
{
	catalogue_release(&present->catalogue);
	vec_release(&present->accounts);
	map_release(&present->by_id);
	map_release(&present->by_user_name);
	arena_release(&present->mem);
}

const char *account_text(const struct account *account, enum scim_attr attr)
{
	for (unsigned i = 0; i < account->field_count; i++)
		if (account->fields[i].attr == attr)
			return account->fields[i].value;
	return NULL;
}

uint32_t present_add(struct present *present, const struct account *account)
{
	const char *user_name = account_text(account, SCIM_ATTR_USER_NAME);
	uint32_t index = (uint32_t)present->accounts.count;
	uint64_t before;
	char *lower;

	vec_push(&present->accounts, *account);
	map_set(&present->by_id, slice_str(account->id), index);
	present->verdict.count++;
	if (!user_name)
		return index;
	lower = arena_strdup(&present->mem, user_name);
	text_lower(lower, strlen(lower));
	/* Deleted accounts give way to others. */
	if (!map_get(&present->by_user_name, slice_str(lower), &before) ||
	    (account->state != ACCOUNT_DELETED &&
	     present->accounts.items[before].state == ACCOUNT_DELETED))
		map_set(&present->by_user_name, slice_str(lower), index);
	return index;
}
