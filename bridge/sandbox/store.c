#include "bridge/sandbox/store.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "scim/base/banned.h"

/* Stands in a map for a key that is free again: the map can't forget. */
#define FREED UINT64_MAX

static bool get(const struct map *map, struct slice key, uint64_t *ret)
{
	return map_get(map, key, ret) && *ret != FREED;
}

void store_init(struct store *store)
{
	memset(store, 0, sizeof(*store));
	arena_init(&store->mem);
}

static void pairs_release(struct pairs *pairs)
{
	pairs_clear(pairs);
	vec_release(pairs);
}

static void user_free(struct user *user)
{
	mem_free(user->id);
	mem_free(user->name);
	mem_free(user->email);
	mem_free(user->title);
	mem_free(user->department);
	mem_free(user->employee_number);
	mem_free(user->date_hire);
	mem_free(user->manager);
	mem_free(user->external_id);
	pairs_release(&user->emails);
	pairs_release(&user->phones);
	pairs_release(&user->external_ids);
	vec_release(&user->skills);
	vec_release(&user->languages);
	vec_release(&user->groups);
	vec_release(&user->queues);
	vec_release(&user->teams);
	vec_release(&user->locations);
	vec_release(&user->grants);
	mem_free(user);
}

static void items_release(struct items *items)
{
	for (size_t i = 0; i < items->count; i++) {
		vec_release(&items->items[i]->permissions);
		vec_release(&items->items[i]->members);
		vec_release(&items->items[i]->grants);
		mem_free(items->items[i]);
	}
	vec_release(items);
	map_release(&items->by_id);
	map_release(&items->by_name);
}

void store_release(struct store *store)
{
	for (int kind = 0; kind < ITEM_KIND_COUNT; kind++)
		items_release(&store->kinds[kind]);
	for (size_t i = 0; i < store->users.count; i++)
		user_free(store->users.items[i]);
	vec_release(&store->users);
	map_release(&store->users.by_id);
	map_release(&store->users.by_name);
	map_release(&store->users.by_external);
	for (int state = 0; state < USER_STATE_COUNT; state++)
		vec_release(&store->by_state[state]);
	vec_release(&store->grants);
	map_release(&store->grant_keys);
	vec_release(&store->all_division_grants);
	for (size_t i = 0; i < store->clients.count; i++)
		vec_release(&store->clients.items[i].roles);
	vec_release(&store->clients);
	vec_release(&store->pending);
	vec_release(&store->order);
	arena_release(&store->mem);
}

/* ---- pieces ---- */

void text_set(char **text, const char *value)
{
	char *old = *text;

	*text = value && *value ? mem_strdup(value) : NULL;
	mem_free(old);
}

void pairs_clear(struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		mem_free(pairs->items[i].key);
		mem_free(pairs->items[i].value);
	}
	pairs->count = 0;
}

void pairs_add(struct pairs *pairs, const char *key, const char *value)
{
	vec_push(pairs, ((struct pair){ mem_strdup(key), mem_strdup(value) }));
}

/* First place in an ascending list whose number isn't below `number`. */
static size_t place_of(const struct numbers *list, uint32_t number)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (list->items[mid] < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void sorted_insert(struct numbers *list, uint32_t number)
{
	size_t at = place_of(list, number);

	vec_push(list, number);
	memmove(list->items + at + 1, list->items + at,
		(list->count - 1 - at) * sizeof(*list->items));
	list->items[at] = number;
}

static void remove_at(struct numbers *list, size_t at)
{
	memmove(list->items + at, list->items + at + 1,
		(list->count - 1 - at) * sizeof(*list->items));
	list->count--;
}

static void sorted_remove(struct numbers *list, uint32_t number)
{
	size_t at = place_of(list, number);

	if (at < list->count && list->items[at] == number)
		remove_at(list, at);
}

/* Of a list in order of joining. */
static bool numbers_remove(struct numbers *list, uint32_t number)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i] == number) {
			remove_at(list, i);
			return true;
		}
	return false;
}

/* ---- items ---- */

static enum kind entry_kind(enum item_kind kind)
{
	static const enum kind kinds[ITEM_KIND_COUNT] = {
		[ITEM_DIVISION] = KIND_DIVISION, [ITEM_ROLE] = KIND_ROLE,
		[ITEM_SKILL] = KIND_SKILL,	 [ITEM_LANGUAGE] = KIND_LANGUAGE,
		[ITEM_GROUP] = KIND_GROUP,	 [ITEM_QUEUE] = KIND_QUEUE,
		[ITEM_LOCATION] = KIND_LOCATION, [ITEM_TEAM] = KIND_TEAM,
		[ITEM_UNIT] = KIND_UNIT,	 [ITEM_WORK_PLAN] = KIND_WORK_PLAN,
	};
	return kinds[kind];
}

struct item *store_add_item(struct store *store, enum item_kind kind, const char *id,
			    const char *name)
{
	struct items *items = &store->kinds[kind];
	struct item *item = mem_zalloc(sizeof(*item));

	item->id = arena_strdup(&store->mem, id);
	item->name = arena_strdup(&store->mem, name);
	item->number = (uint32_t)items->count;
	item->version = 1;
	item->division = NONE;
	item->unit = NONE;
	vec_push(items, item);
	map_set(&items->by_id, slice_str(item->id), item->number);
	/* Two units may call a plan the same. */
	if (kind != ITEM_WORK_PLAN)
		map_set(&items->by_name, slice_str(item->name), item->number);
	store_note(store, entry_kind(kind), item->number);
	return item;
}

struct item *store_item(const struct store *store, enum item_kind kind, struct slice id)
{
	uint64_t number;

	return map_get(&store->kinds[kind].by_id, id, &number) ?
		       store->kinds[kind].items[number] :
		       NULL;
}

struct item *store_item_named(const struct store *store, enum item_kind kind,
			      const char *name)
{
	uint64_t number;

	return map_get(&store->kinds[kind].by_name, slice_str(name), &number) ?
		       store->kinds[kind].items[number] :
		       NULL;
}

const struct item *store_home(const struct store *store)
{
	const struct items *divisions = &store->kinds[ITEM_DIVISION];

	for (size_t i = 0; i < divisions->count; i++)
		if (divisions->items[i]->home)
			return divisions->items[i];
	return NULL;
}

/* ---- users ---- */

/* Key for addresses, which compare without case; good until the store is released. */
static struct slice name_key(struct store *store, const char *email)
{
	char *key = arena_strdup(&store->mem, email);

	text_lower(key, strlen(key));
	return slice_str(key);
}

struct user *store_add_user(struct store *store, const char *id, const char *email,
			    enum user_state state)
{
	struct user *user = mem_zalloc(sizeof(*user));

	user->id = mem_strdup(id);
	user->email = mem_strdup(email);
	user->number = (uint32_t)store->users.count;
	user->state = state;
	user->version = 1;
	user->unit = user->work_plan = NONE;
	vec_push(&store->users, user);
	map_set(&store->users.by_id, slice_str(user->id), user->number);
	map_set(&store->users.by_name, name_key(store, email), user->number);
	sorted_insert(&store->by_state[state], user->number);
	store_note(store, KIND_USER, user->number);
	return user;
}

struct user *store_user(const struct store *store, struct slice id)
{
	uint64_t number;

	return map_get(&store->users.by_id, id, &number) ? store->users.items[number] : NULL;
}

struct user *store_user_named(const struct store *store, const char *email)
{
	char *key = mem_strdup(email);
	uint64_t number;
	bool found;

	text_lower(key, strlen(key));
	found = get(&store->users.by_name, slice_str(key), &number);
	mem_free(key);
	return found ? store->users.items[number] : NULL;
}

struct user *store_user_external(const struct store *store, const char *external_id)
{
	uint64_t number;

	return get(&store->users.by_external, slice_str(external_id), &number) ?
		       store->users.items[number] :
		       NULL;
}

void store_rename_user(struct store *store, struct user *user, const char *email)
{
	map_set(&store->users.by_name, name_key(store, user->email), FREED);
	text_set(&user->email, email);
	map_set(&store->users.by_name, name_key(store, user->email), user->number);
}

void store_set_state(struct store *store, struct user *user, enum user_state state)
{
	if (user->state == state)
		return;
	sorted_remove(&store->by_state[user->state], user->number);
	user->state = state;
	sorted_insert(&store->by_state[state], user->number);
}

void store_set_external(struct store *store, struct user *user, const char *external_id)
{
	if (user->external_id && external_id && !strcmp(user->external_id, external_id))
		return;
	if (user->external_id && store_user_external(store, user->external_id) == user)
		map_set(&store->users.by_external,
			slice_str(arena_strdup(&store->mem, user->external_id)), FREED);
	text_set(&user->external_id, external_id);
	if (user->external_id)
		map_set(&store->users.by_external,
			slice_str(arena_strdup(&store->mem, user->external_id)),
			user->number);
}

bool levels_set(struct levels *levels, uint32_t item, double proficiency)
{
	for (size_t i = 0; i < levels->count; i++) {
		struct level *level = &levels->items[i];

		if (level->item != item)
			continue;
		if (level->proficiency == proficiency)
			return false;
		level->proficiency = proficiency;
		return true;
	}
	vec_push(levels, ((struct level){ item, proficiency }));
	return true;
}

bool levels_remove(struct levels *levels, uint32_t item)
{
	for (size_t i = 0; i < levels->count; i++) {
		if (levels->items[i].item != item)
			continue;
		memmove(levels->items + i, levels->items + i + 1,
			(levels->count - 1 - i) * sizeof(*levels->items));
		levels->count--;
		return true;
	}
	return false;
}

/* ---- grants ---- */

static char *grant_key(struct store *store, const char *subject, uint32_t role,
		       uint32_t division)
{
	return arena_printf(&store->mem, "%x %x %s", role, division, subject);
}

static struct numbers *division_grants(struct store *store, uint32_t division)
{
	return division == ALL_DIVISIONS ?
		       &store->all_division_grants :
		       &store->kinds[ITEM_DIVISION].items[division]->grants;
}

bool store_grant(struct store *store, const char *subject, uint32_t role, uint32_t division)
{
	struct slice key = slice_str(grant_key(store, subject, role, division));
	struct user *user = store_user(store, slice_str(subject));
	uint32_t number = (uint32_t)store->grants.count;
	uint64_t old;

	if (get(&store->grant_keys, key, &old))
		return false;
	vec_push(&store->grants, ((struct grant){ arena_strdup(&store->mem, subject), role,
						  division, false }));
	map_set(&store->grant_keys, key, number);
	vec_push(division_grants(store, division), number);
	if (user)
		vec_push(&user->grants, number);
	return true;
}

bool store_revoke(struct store *store, const char *subject, uint32_t role, uint32_t division)
{
	struct slice key = slice_str(grant_key(store, subject, role, division));
	struct user *user = store_user(store, slice_str(subject));
	uint64_t number;

	if (!get(&store->grant_keys, key, &number))
		return false;
	store->grants.items[number].gone = true;
	map_set(&store->grant_keys, key, FREED);
	sorted_remove(division_grants(store, division), (uint32_t)number);
	if (user)
		numbers_remove(&user->grants, (uint32_t)number);
	return true;
}

void store_note(struct store *store, enum kind kind, uint32_t number)
{
	vec_push(&store->order, ((struct entry){ kind, number }));
}

/* ---- groups, queues, teams ---- */

static struct numbers *memberships(struct user *user, enum item_kind kind)
{
	if (kind == ITEM_GROUP)
		return &user->groups;
	return kind == ITEM_QUEUE ? &user->queues : &user->teams;
}

bool store_is_member(const struct user *user, enum item_kind kind, uint32_t item)
{
	const struct numbers *list = memberships((struct user *)user, kind);

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i] == item)
			return true;
	return false;
}

void store_join(struct item *item, enum item_kind kind, struct user *user)
{
	struct numbers *list = memberships(user, kind);

	if (store_is_member(user, kind, item->number))
		return;
	vec_push(list, item->number);
	vec_push(&item->members, user->number);
}

void store_leave(struct item *item, enum item_kind kind, struct user *user)
{
	struct numbers *list = memberships(user, kind);

	if (numbers_remove(list, item->number))
		numbers_remove(&item->members, user->number);
}

/* ---- units and work plans ---- */

void store_set_work_plan(struct store *store, struct user *user, struct item *plan)
{
	if (user->work_plan != NONE)
		numbers_remove(&store->kinds[ITEM_WORK_PLAN].items[user->work_plan]->members,
			       user->number);
	user->work_plan = plan ? plan->number : NONE;
	if (plan)
		vec_push(&plan->members, user->number);
}

void store_set_unit(struct store *store, struct user *user, struct item *unit)
{
	if (user->unit == (unit ? unit->number : NONE))
		return;
	store_set_work_plan(store, user, NULL);
	if (user->unit != NONE)
		numbers_remove(&store->kinds[ITEM_UNIT].items[user->unit]->members,
			       user->number);
	user->unit = unit ? unit->number : NONE;
	if (unit)
		vec_push(&unit->members, user->number);
}

void store_strip_user(struct store *store, struct user *user)
{
	static const enum item_kind kinds[] = { ITEM_GROUP, ITEM_QUEUE, ITEM_TEAM };

	while (user->grants.count) {
		const struct grant *grant =
			&store->grants.items[user->grants.items[user->grants.count - 1]];

		store_revoke(store, user->id, grant->role, grant->division);
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct numbers *list = memberships(user, kinds[i]);

		while (list->count)
			store_leave(store->kinds[kinds[i]].items[list->items[list->count - 1]],
				    kinds[i], user);
	}
	store_set_unit(store, user, NULL);
}

static void settle_one(struct store *store, const struct pending *p)
{
	struct user *user = store->users.items[p->user];
	struct item *item = p->item == NONE ? NULL : store->kinds[p->kind].items[p->item];

	if (p->never)
		return;
	if (p->kind == ITEM_UNIT) {
		store_set_unit(store, user, item);
		return;
	}
	assert(item); /* only a unit can be none */
	if (p->add)
		store_join(item, p->kind, user);
	else
		store_leave(item, p->kind, user);
}

void store_settle(struct store *store, int64_t now_us)
{
	size_t done = 0;

	/* Accepted in order, with one lag for all: the due ones are at the front. */
	while (done < store->pending.count && store->pending.items[done].due_us <= now_us)
		settle_one(store, &store->pending.items[done++]);
	if (!done)
		return;
	memmove(store->pending.items, store->pending.items + done,
		(store->pending.count - done) * sizeof(*store->pending.items));
	store->pending.count -= done;
}
