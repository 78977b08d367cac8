/* Skills and languages of a user, and members of queues. */
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

#define LEVELS_MAX 50         /* in one bulk call (facts, section 7) */
#define QUEUE_MEMBERS_MAX 100 /* in one call (contract) */
#define PROFICIENCY_MAX 5.0

static bool of_skills(const struct call *call)
{
	return call->op != API_LANGUAGES_PATCH && call->op != API_LANGUAGE_DELETE &&
	       call->op != API_LANGUAGE_CREATE;
}

static struct levels *levels_of(const struct call *call, struct user *user)
{
	return of_skills(call) ? &user->skills : &user->languages;
}

static const struct item *call_level(struct call *call, struct slice id)
{
	const struct item *item = store_item(
		call->store, of_skills(call) ? ITEM_SKILL : ITEM_LANGUAGE, id);

	if (!item)
		refuse_platform(call, 404, "not.found", "%s %.*s not found",
				of_skills(call) ? "skill" : "language", SLICE_FMT(id));
	return item;
}

/* [{id, proficiency}], both required; never removes. */
static bool read_level(struct call *call, const json_t *json, struct level *ret)
{
	static const char *const names[] = { "id", "proficiency", NULL };
	const json_t *proficiency = json_object_get(json, "proficiency");
	const struct item *item;
	const char *id;

	if (!body_members(call, json, names, "an item") ||
	    !body_text(call, json, "id", "an item", &id))
		return false;
	if (!json_is_number(proficiency) || json_number_value(proficiency) < 0 ||
	    json_number_value(proficiency) > PROFICIENCY_MAX) {
		refuse_platform(call, 400, "bad.request", "proficiency of an item must be "
				"given, as a number from 0 to 5");
		return false;
	}
	if (switched(call, SWITCH_LANGUAGE_LEVELS) && !of_skills(call) &&
	    json_number_value(proficiency) != (int)json_number_value(proficiency)) {
		refuse_platform(call, 400, "bad.request", "proficiency of a language must be "
				"a whole number");
		return false;
	}
	item = call_level(call, slice_str(id));
	if (!item)
		return false;
	*ret = (struct level){ item->number, json_number_value(proficiency) };
	return true;
}

/* UserSkillEntityListing or UserLanguageEntityListing: all that the user has now. */
static void answer_levels(struct call *call, const struct levels *levels)
{
	const struct items *items =
		&call->store->kinds[of_skills(call) ? ITEM_SKILL : ITEM_LANGUAGE];
	struct page page = { .size = LEVELS_MAX, .number = 1, .total = levels->count };
	struct json_out *out = &call->out;

	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = 0; i < levels->count && i < LEVELS_MAX; i++) {
		const struct item *item = items->items[levels->items[i].item];

		json_out_object(out);
		json_out_member(out, "id", item->id);
		json_out_member(out, "name", item->name);
		json_out_key(out, "proficiency");
		json_out_double(out, levels->items[i].proficiency);
		json_out_member(out, "state", "active");
		json_out_object_end(out);
	}
	json_out_array_end(out);
	page_write(call, &page, PAGE_COUNTS_ONLY);
	json_out_object_end(out);
}

/* Checked, in the arena; NULL after a refusal. */
static struct level *read_levels(struct call *call, size_t most)
{
	struct level *levels;

	if (!body_array(call, most))
		return NULL;
	levels = arena_array(&call->mem, json_array_size(call->body) + 1, sizeof(*levels));
	for (size_t i = 0; i < json_array_size(call->body); i++)
		if (!read_level(call, json_array_get(call->body, i), &levels[i]))
			return NULL;
	return levels;
}

void op_levels_patch(struct call *call)
{
	struct user *user = call_user(call, call->ids[0]);
	const struct level *levels = user ? read_levels(call, LEVELS_MAX) : NULL;
	size_t count;

	if (!levels)
		return;
	count = json_array_size(call->body);
	for (size_t i = 0; i < count; i++)
		levels_set(levels_of(call, user), levels[i].item, levels[i].proficiency);
	answer_levels(call, levels_of(call, user));
}

/* The whole set afterwards (facts, section 7); there is no such call for languages. */
void op_skills_put(struct call *call)
{
	struct user *user = call_user(call, call->ids[0]);
	const struct level *levels =
		user ? read_levels(call, switched(call, SWITCH_CAP_SKILLS_PUT)) : NULL;

	if (!levels)
		return;
	if (switched(call, SWITCH_SKILLS_PUT_EMPTY) && !json_array_size(call->body)) {
		refuse_platform(call, 400, "bad.request", "the body must not be empty");
		return;
	}
	user->skills.count = 0;
	for (size_t i = 0; i < json_array_size(call->body); i++)
		levels_set(&user->skills, levels[i].item, levels[i].proficiency);
	answer_levels(call, &user->skills);
}

/* A new skill or language; the name of another one is 409 (facts, section 7). */
void op_level_create(struct call *call)
{
	static const char *const names[] = { "name", NULL };
	enum item_kind kind = of_skills(call) ? ITEM_SKILL : ITEM_LANGUAGE;
	struct json_out *out = &call->out;
	const struct item *item;
	const char *name;
	char id[37];

	if (!body_members(call, call->body, names, "the body") ||
	    !body_text(call, call->body, "name", "the body", &name))
		return;
	if (store_item_named(call->store, kind, name)) {
		refuse_platform(call, 409, "general.conflict", "there is a %s \"%.100s\" "
				"already", of_skills(call) ? "skill" : "language", name);
		return;
	}
	rng_uuid(&call->sandbox->rng, id);
	item = store_add_item(call->store, kind, id, name);
	answer_begin(call, 200);
	json_out_object(out);
	json_out_member(out, "id", item->id);
	json_out_member(out, "name", item->name);
	json_out_member(out, "state", "active");
	json_out_object_end(out);
}

/* A skill answers 200, a language 204 (contract). */
void op_level_delete(struct call *call)
{
	struct user *user = call_user(call, call->ids[0]);
	const struct item *item = user ? call_level(call, call->ids[1]) : NULL;

	if (!item)
		return;
	if (!levels_remove(levels_of(call, user), item->number))
		refuse_platform(call, 404, "not.found", "user %s does not have %s", user->id,
				item->name);
	else
		answer_empty(call, of_skills(call) ? 200 : 204);
}

/* Add members, or with delete=true take them out; who isn't one is passed over. */
void op_queue_change(struct call *call)
{
	static const char *const names[] = { "id", NULL };
	struct item *queue = call_item(call, ITEM_QUEUE, call->ids[0]);
	struct user *users[QUEUE_MEMBERS_MAX];
	const char *id;
	bool leave;
	size_t count;

	if (!queue || !query_bool(call, "delete", false, &leave) ||
	    !body_array(call, QUEUE_MEMBERS_MAX))
		return;
	count = json_array_size(call->body);
	for (size_t i = 0; i < count; i++) {
		const json_t *member = json_array_get(call->body, i);

		if (!body_members(call, member, names, "a member") ||
		    !body_text(call, member, "id", "a member", &id))
			return;
		users[i] = call_user(call, slice_str(id));
		if (!users[i])
			return;
	}
	for (size_t i = 0; i < count; i++) {
		if (leave)
			store_leave(queue, ITEM_QUEUE, users[i]);
		else
			store_join(queue, ITEM_QUEUE, users[i]);
	}
	answer_empty(call, 200);
}
