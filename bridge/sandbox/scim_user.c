/* A user in SCIM's form, whole or as far as it was asked for. */
#include <string.h>

#include "bridge/sandbox/inside.h"
#include "scim/path.h"

#include "scim/base/banned.h"

/* Takes `value` over; NULL is left out. */
static void put(json_t *object, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(object, key, value);
}

static void put_text(json_t *object, const char *key, const char *value)
{
	if (value)
		json_object_set_new(object, key, json_string(value));
}

static json_t *pair_json(const char *first, const char *key, const char *second,
			 const char *value)
{
	return json_pack("{s:s, s:s}", first, key, second, value);
}

/* `other` mirrors the main address (facts, section 3). */
static json_t *emails_json(const struct user *user)
{
	json_t *array = json_array();

	for (size_t i = 0; i < user->emails.count; i++)
		json_array_append_new(array, pair_json("type", user->emails.items[i].key,
						       "value", user->emails.items[i].value));
	json_array_append_new(array, pair_json("type", "other", "value", user->email));
	return array;
}

static json_t *phones_json(const struct user *user)
{
	json_t *array = user->phones.count ? json_array() : NULL;

	for (size_t i = 0; i < user->phones.count; i++)
		json_array_append_new(array, pair_json("type", user->phones.items[i].key,
						       "value", user->phones.items[i].value));
	return array;
}

static json_t *groups_json(const struct store *store, const struct user *user)
{
	json_t *array = user->groups.count ? json_array() : NULL;

	for (size_t i = 0; i < user->groups.count; i++)
		json_array_append_new(
			array,
			pair_json("type", "Group", "value",
				  store->kinds[ITEM_GROUP].items[user->groups.items[i]]->id));
	return array;
}

static bool has_role(const json_t *array, const char *name)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (!strcmp(json_string_value(json_object_get(json_array_get(array, i),
							      "value")), name))
			return true;
	return false;
}

/* Role names, once each: SCIM knows no division of a grant. */
static json_t *roles_json(const struct store *store, const struct user *user)
{
	json_t *array = user->grants.count ? json_array() : NULL;

	for (size_t i = 0; i < user->grants.count; i++) {
		const struct grant *grant = &store->grants.items[user->grants.items[i]];
		const char *name = store->kinds[ITEM_ROLE].items[grant->role]->name;

		if (!has_role(array, name))
			json_array_append_new(array, json_pack("{s:s}", "value", name));
	}
	return array;
}

static json_t *levels_json(const struct items *items, const struct levels *levels)
{
	json_t *array = levels->count ? json_array() : NULL;

	for (size_t i = 0; i < levels->count; i++)
		json_array_append_new(
			array, json_pack("{s:s, s:f}", "name",
					 items->items[levels->items[i].item]->name,
					 "proficiency", levels->items[i].proficiency));
	return array;
}

static json_t *external_ids_json(const struct user *user)
{
	json_t *array;

	if (!user->external_ids.count && !user->external_id)
		return NULL;
	array = json_array();
	for (size_t i = 0; i < user->external_ids.count; i++)
		json_array_append_new(
			array, pair_json("authority", user->external_ids.items[i].key,
					 "value", user->external_ids.items[i].value));
	if (user->external_id)
		json_array_append_new(array, pair_json("authority", SCIM_AUTHORITY, "value",
						       user->external_id));
	return array;
}

static json_t *enterprise_json(const struct store *store, const struct user *user)
{
	json_t *object = json_object();

	put_text(object, "division",
		 store->kinds[ITEM_DIVISION].items[user->division]->name);
	put_text(object, "department", user->department);
	if (user->manager)
		put(object, "manager", json_pack("{s:s}", "value", user->manager));
	put_text(object, "employeeNumber", user->employee_number);
	put_text(object, "dateHire", user->date_hire);
	return object;
}

static json_t *genesys_json(const struct store *store, const struct user *user)
{
	json_t *object = json_object();

	put(object, "routingSkills", levels_json(&store->kinds[ITEM_SKILL], &user->skills));
	put(object, "routingLanguages",
	    levels_json(&store->kinds[ITEM_LANGUAGE], &user->languages));
	put(object, "externalIds", external_ids_json(user));
	return object;
}

static json_t *meta_json(struct arena *mem, const struct user *user)
{
	char modified[21];

	time_format(user->modified_s, modified);
	return json_pack("{s:s, s:s, s:s, s:s}", "resourceType", "User", "lastModified",
			 modified, "location",
			 arena_printf(mem, "/api/v2/scim/v2/users/%s", user->id), "version",
			 arena_printf(mem, "%lld", (long long)user->version));
}

json_t *scim_user_json(struct call *call, const struct user *user)
{
	const struct store *store = call->store;
	json_t *object = json_pack("{s:[s, s, s]}", "schemas", SCIM_URN_USER,
				   SCIM_URN_ENTERPRISE, URN_GENESYS);

	put_text(object, "id", user->id);
	put_text(object, "userName", user->email);
	put_text(object, "displayName", user->name);
	put(object, "active", json_boolean(user->state == USER_ACTIVE));
	put_text(object, "title", user->title);
	put(object, "emails", emails_json(user));
	put(object, "phoneNumbers", phones_json(user));
	put_text(object, "externalId", user->external_id);
	put(object, "groups", groups_json(store, user));
	put(object, "roles", roles_json(store, user));
	put(object, SCIM_URN_ENTERPRISE, enterprise_json(store, user));
	put(object, URN_GENESYS, genesys_json(store, user));
	put(object, "meta", meta_json(&call->mem, user));
	return object;
}

/* ---- attributes and excludedAttributes ---- */

/* The names the contract enumerates; the core ones with their URN as well. */
static const char *const core_names[] = {
	"id", "userName", "displayName", "title", "active", "externalId", "phoneNumbers",
	"emails", "groups", "roles", "meta", "meta.version", "meta.lastModified", NULL,
};
static const char *const enterprise_names[] = {
	"division", "department", "manager", "manager.value", "employeeNumber", "dateHire",
	NULL,
};
static const char *const genesys_names[] = { "routingSkills", "routingLanguages",
					     "externalIds", NULL };

/* An attribute name split: which object (urn NULL = core) and which member (NULL = all). */
struct choice {
	const char *urn, *member;
};

static const char *find_name(struct slice name, const char *const *names)
{
	for (; *names; names++)
		if (!text_cmp_nocase(name.data, name.len, *names, strlen(*names)))
			return *names;
	return NULL;
}

/* "manager.value" chooses "manager": of an attribute a part is as good as the whole. */
static const char *whole(const char *name)
{
	if (!name)
		return NULL;
	if (!strncmp(name, "meta.", 5))
		return "meta";
	return strcmp(name, "manager.value") != 0 ? name : "manager";
}

static bool cut_urn(struct slice *name, const char *urn)
{
	size_t len = strlen(urn);

	if (name->len < len || text_cmp_nocase(name->data, len, urn, len) != 0 ||
	    (name->len > len && name->data[len] != ':'))
		return false;
	name->data += name->len > len ? len + 1 : len;
	name->len -= name->len > len ? len + 1 : len;
	return true;
}

static bool resolve(struct slice name, struct choice *ret)
{
	*ret = (struct choice){ NULL, NULL };
	if (cut_urn(&name, SCIM_URN_ENTERPRISE)) {
		ret->urn = SCIM_URN_ENTERPRISE;
		ret->member = whole(find_name(name, enterprise_names));
		return !name.len || ret->member;
	}
	if (cut_urn(&name, URN_GENESYS)) {
		ret->urn = URN_GENESYS;
		ret->member = whole(find_name(name, genesys_names));
		return !name.len || ret->member;
	}
	cut_urn(&name, SCIM_URN_USER);
	ret->member = whole(find_name(name, core_names));
	return ret->member != NULL;
}

typedef void choice_fn(void *ctx, struct choice choice);

/* Each name of a parameter, repeated or with commas; false when one is unknown. */
static bool each_choice(struct call *call, const char *param, choice_fn *fn, void *ctx)
{
	for (unsigned i = 0; i < call->param_count; i++) {
		struct slice left = call->params[i].value;

		if (!slice_eq_str(call->params[i].name, param))
			continue;
		while (left.len) {
			const char *comma = memchr(left.data, ',', left.len);
			size_t len = comma ? (size_t)(comma - left.data) : left.len;
			struct choice choice;

			if (!resolve(slice_of(left.data, len), &choice)) {
				refuse_scim(call, 400, SCIM_ERROR_INVALID_VALUE,
					    "%s: \"%.*s\" is no attribute of a user", param,
					    (int)len, left.data);
				return false;
			}
			if (fn)
				fn(ctx, choice);
			left.data += comma ? len + 1 : len;
			left.len -= comma ? len + 1 : len;
		}
	}
	return true;
}

bool scim_user_choices(struct call *call)
{
	if (query_get(call, "attributes").data && query_get(call, "excludedAttributes").data) {
		refuse_scim(call, 400, SCIM_ERROR_INVALID_VALUE,
			    "attributes and excludedAttributes exclude each other");
		return false;
	}
	return each_choice(call, "attributes", NULL, NULL) &&
	       each_choice(call, "excludedAttributes", NULL, NULL);
}

struct copying {
	const json_t *from;
	json_t *to;
};

static void copy_choice(void *ctx, struct choice choice)
{
	struct copying *c = ctx;
	const json_t *from = choice.urn ? json_object_get(c->from, choice.urn) : c->from;
	json_t *to = c->to, *value;

	if (choice.urn && !choice.member) {
		put(c->to, choice.urn, json_incref((json_t *)from));
		return;
	}
	value = json_object_get(from, choice.member);
	if (!value)
		return;
	if (choice.urn) {
		to = json_object_get(c->to, choice.urn);
		if (!to) {
			to = json_object();
			put(c->to, choice.urn, to);
		}
	}
	json_object_set(to, choice.member, value);
}

static void drop_choice(void *ctx, struct choice choice)
{
	static const char *const always[] = { "id", "userName", "active", "meta", NULL };
	json_t *user = ctx;

	if (choice.urn && !choice.member)
		json_object_del(user, choice.urn);
	else if (choice.urn)
		json_object_del(json_object_get(user, choice.urn), choice.member);
	else if (!find_name(slice_str(choice.member), always))
		json_object_del(user, choice.member);
}

json_t *scim_user_selected(struct call *call, const struct user *user)
{
	static const char *const always[] = { "schemas", "id", "userName", "active", "meta" };
	json_t *json = scim_user_json(call, user);
	struct copying c = { json, NULL };

	each_choice(call, "excludedAttributes", drop_choice, json);
	if (!query_get(call, "attributes").data)
		return json;
	c.to = json_object();
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		json_object_set(c.to, always[i], json_object_get(json, always[i]));
	each_choice(call, "attributes", copy_choice, &c);
	json_decref(json);
	return c.to;
}

/* ---- what costs a second look ---- */

enum { COST_EXTERNAL = 1, COST_ROLES = 2, COST_SKILLS = 4, COST_LANGUAGES = 8 };

static void count_cost(void *ctx, struct choice choice)
{
	unsigned *cost = ctx;
	bool genesys = choice.urn && !strcmp(choice.urn, URN_GENESYS);

	if (genesys && !choice.member)
		*cost |= COST_SKILLS | COST_LANGUAGES;
	else if (genesys && !strcmp(choice.member, "routingSkills"))
		*cost |= COST_SKILLS;
	else if (genesys && !strcmp(choice.member, "routingLanguages"))
		*cost |= COST_LANGUAGES;
	else if (!choice.urn && !strcmp(choice.member, "externalId"))
		*cost |= COST_EXTERNAL;
	else if (!choice.urn && !strcmp(choice.member, "roles"))
		*cost |= COST_ROLES;
}

bool scim_user_expensive(struct call *call)
{
	unsigned cost = 0;

	if (query_get(call, "attributes").data) {
		each_choice(call, "attributes", count_cost, &cost);
		return cost != 0;
	}
	each_choice(call, "excludedAttributes", count_cost, &cost);
	return cost != (COST_EXTERNAL | COST_ROLES | COST_SKILLS | COST_LANGUAGES);
}
