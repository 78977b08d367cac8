/* GET /api/v2/users: the bulk read, with what `expand` asks for and nothing else; and how
 * a user looks in all the platform's answers. */
#include <assert.h>
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

#define USERS_PAGE_MAX 500
#define USERS_IDS_MAX 100        /* error max.user.ids */
#define INACTIVE_OFFSET_MAX 10000 /* 400 beyond (facts, section 2) */

/* What this tenant holds; the rest of the contract's words is known, and never there. */
static const struct {
	const char *name;
	unsigned bit;
} expansions[] = {
	{ "skills", EXPAND_SKILLS },	   { "languages", EXPAND_LANGUAGES },
	{ "groups", EXPAND_GROUPS },	   { "employerInfo", EXPAND_EMPLOYER },
	{ "locations", EXPAND_LOCATIONS }, { "team", EXPAND_TEAM },
	{ "routingStatus", 0 },		   { "presence", 0 },
	{ "integrationPresence", 0 },	   { "conversationSummary", 0 },
	{ "outOfOffice", 0 },		   { "geolocation", 0 },
	{ "station", 0 },		   { "authorization", 0 },
	{ "lasttokenissued", 0 },	   { "authorization.unusedRoles", 0 },
	{ "workPlanBidRanks", 0 },	   { "externalContactsSettings", 0 },
	{ "customAttributes", 0 },	   { "profileSkills", 0 },
	{ "certifications", 0 },	   { "languagePreference", 0 },
	{ "biography", 0 },		   { "dateLastLogin", 0 },
	{ "dateWelcomeSent", 0 },
};

bool user_expansion(struct call *call, struct slice name, unsigned *expand)
{
	for (size_t i = 0; i < sizeof(expansions) / sizeof(expansions[0]); i++)
		if (slice_eq_str(name, expansions[i].name)) {
			*expand |= expansions[i].bit;
			return true;
		}
	refuse_platform(call, 400, "bad.request", "expand has no value \"%.*s\"",
			SLICE_FMT(name));
	return false;
}

/* `expand` repeated, or one with commas in it. */
bool user_expand(struct call *call, unsigned *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < call->param_count; i++) {
		struct slice value = call->params[i].value;

		if (!slice_eq_str(call->params[i].name, "expand"))
			continue;
		while (value.len) {
			const char *comma = memchr(value.data, ',', value.len);
			size_t len = comma ? (size_t)(comma - value.data) : value.len;

			if (!user_expansion(call, slice_of(value.data, len), ret))
				return false;
			value.data += comma ? len + 1 : len;
			value.len -= comma ? len + 1 : len;
		}
	}
	return true;
}

/* USER_STATE_COUNT = any. */
bool user_state(struct call *call, enum user_state *ret)
{
	static const char *const names[] = { "active", "inactive", "deleted", "any" };
	struct slice value = query_get(call, "state");

	*ret = USER_ACTIVE;
	if (!value.data)
		return true;
	for (unsigned i = 0; i < 4; i++)
		if (slice_eq_str(value, names[i])) {
			*ret = (enum user_state)i;
			return true;
		}
	refuse_platform(call, 400, "invalid.value", "state must be active, inactive, deleted "
			"or any");
	return false;
}

/* ---- one user ---- */

/* Types of Contact are SCIM's in capitals; a telephony provider is an `integration`. */
static void write_contact(struct json_out *out, const char *media, const struct pair *pair)
{
	static const char *const integrations[] = { "microsoftteams", "zoomphone",
						    "eightbyeight", "ringcentral" };
	const char *extension = strstr(pair->value, ";ext=");
	char type[32] = "";
	bool integration = false;

	for (size_t i = 0; i < 4; i++)
		integration |= !strcmp(pair->key, integrations[i]);
	for (size_t i = 0; pair->key[i] && i < sizeof(type) - 1; i++) {
		char c = pair->key[i];

		type[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	}
	json_out_object(out);
	json_out_key(out, "address");
	json_out_slice(out, slice_of(pair->value, extension ? (size_t)(extension - pair->value) :
							      strlen(pair->value)));
	json_out_member(out, "mediaType", media);
	json_out_member(out, "type", integration ? "OTHER" : type);
	if (extension)
		json_out_member(out, "extension", extension + 5);
	if (integration)
		json_out_member(out, "integration", pair->key);
	json_out_object_end(out);
}

static void write_contacts(struct json_out *out, const struct user *user)
{
	struct pair primary = { (char *)"PRIMARY", user->email };

	json_out_key(out, "primaryContactInfo");
	json_out_array(out);
	write_contact(out, "EMAIL", &primary);
	json_out_array_end(out);
	json_out_key(out, "addresses");
	json_out_array(out);
	for (size_t i = 0; i < user->emails.count; i++)
		write_contact(out, "EMAIL", &user->emails.items[i]);
	for (size_t i = 0; i < user->phones.count; i++)
		write_contact(out, "PHONE", &user->phones.items[i]);
	json_out_array_end(out);
}

static void write_levels(struct json_out *out, const char *key, const struct items *items,
			 const struct levels *levels)
{
	json_out_key(out, key);
	json_out_array(out);
	for (size_t i = 0; i < levels->count; i++) {
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
}

/* Location of a user: the tenant's location stands in `locationDefinition`. */
static void write_locations(struct call *call, const struct user *user)
{
	struct json_out *out = &call->out;

	json_out_key(out, "locations");
	json_out_array(out);
	for (size_t i = 0; i < user->locations.count; i++) {
		const struct item *location =
			call->store->kinds[ITEM_LOCATION].items[user->locations.items[i]];

		json_out_object(out);
		json_out_member(out, "id", location->id);
		write_ref(out, "locationDefinition", location);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

/*
 * "best effort, may be missing" (facts, section 5): a list leaves some of its users without
 * their expansions; asked for by id they have them.
 */
static bool left_out(const struct call *call, const struct user *user)
{
	return call->expansion_cut ||
	       (switched(call, SWITCH_EXPAND) && user->number % 7 == 3 &&
		call->op != API_USER && !query_get(call, "id").data);
}

static void write_expanded(struct call *call, const struct user *user, unsigned expand)
{
	struct json_out *out = &call->out;
	const struct store *store = call->store;

	if (expand & EXPAND_SKILLS)
		write_levels(out, "skills", &store->kinds[ITEM_SKILL], &user->skills);
	if (expand & EXPAND_LANGUAGES)
		write_levels(out, "languages", &store->kinds[ITEM_LANGUAGE],
			     &user->languages);
	if (expand & EXPAND_GROUPS) {
		json_out_key(out, "groups");
		json_out_array(out);
		for (size_t i = 0; i < user->groups.count; i++) {
			json_out_object(out);
			json_out_member(out, "id", store->kinds[ITEM_GROUP]
							   .items[user->groups.items[i]]
							   ->id);
			json_out_object_end(out);
		}
		json_out_array_end(out);
	}
	if (expand & EXPAND_LOCATIONS)
		write_locations(call, user);
	if (expand & EXPAND_TEAM && user->teams.count)
		write_ref(out, "team",
			  store->kinds[ITEM_TEAM].items[user->teams.items[0]]);
	if (expand & EXPAND_EMPLOYER && (user->employee_number || user->date_hire)) {
		json_out_key(out, "employerInfo");
		json_out_object(out);
		if (user->employee_number)
			json_out_member(out, "employeeId", user->employee_number);
		if (user->date_hire)
			json_out_member(out, "dateHire", user->date_hire);
		json_out_object_end(out);
	}
}

void user_write(struct call *call, const struct user *user, unsigned expand)
{
	static const char *const states[] = { "active", "inactive", "deleted" };
	struct json_out *out = &call->out;

	json_out_object(out);
	json_out_member(out, "id", user->id);
	json_out_member(out, "name", user->name ? user->name : "");
	write_ref(out, "division", call->store->kinds[ITEM_DIVISION].items[user->division]);
	if (user->department)
		json_out_member(out, "department", user->department);
	json_out_member(out, "email", user->email);
	write_contacts(out, user);
	json_out_member(out, "state", states[user->state]);
	if (user->title)
		json_out_member(out, "title", user->title);
	json_out_member(out, "username", user->email);
	/* An id string on update, an object on read. */
	if (user->manager) {
		json_out_key(out, "manager");
		json_out_object(out);
		json_out_member(out, "id", user->manager);
		json_out_object_end(out);
	}
	json_out_member_int(out, "version", user->version);
	if (!left_out(call, user))
		write_expanded(call, user, expand);
	json_out_object_end(out);
}

/* ---- the list ---- */

/* The users of the `id` parameters that are there, in the order asked for. */
static bool read_ids(struct call *call, enum user_state state, struct numbers *ret)
{
	unsigned asked = 0;

	for (unsigned i = 0; i < call->param_count; i++) {
		const struct user *user;

		if (!slice_eq_str(call->params[i].name, "id"))
			continue;
		asked++;
		user = store_user(call->store, call->params[i].value);
		if (user && (state == USER_STATE_COUNT || user->state == state))
			vec_push(ret, user->number);
	}
	if (asked <= USERS_IDS_MAX)
		return true;
	refuse_platform(call, 400, "max.user.ids", "Only %d users can be requested at a "
			"time.", USERS_IDS_MAX);
	return false;
}

/* Of those in a list, or (`from` NULL) of all. */
static void write_users(struct call *call, const struct numbers *from, struct page *page,
			unsigned expand)
{
	const struct store *store = call->store;
	struct json_out *out = &call->out;

	assert(store);
	page_of(page, from ? from->count : store->users.count);
	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = page->first; i < page->end; i++) {
		assert(!from || from->items);
		user_write(call, store->users.items[from ? from->items[i] : i], expand);
	}
	json_out_array_end(out);
	page_write(call, page, PAGE_FULL);
	json_out_object_end(out);
}

void op_users(struct call *call)
{
	struct numbers ids = { 0 };
	enum user_state state;
	struct page page;
	unsigned expand;

	if (!page_read(call, USERS_PAGE_MAX, &page) || !user_expand(call, &expand) ||
	    !user_state(call, &state))
		return;
	if (query_get(call, "id").data) {
		if (read_ids(call, state, &ids))
			write_users(call, &ids, &page, expand);
		vec_release(&ids);
		return;
	}
	if (state == USER_INACTIVE &&
	    (uint64_t)page.number * page.size > INACTIVE_OFFSET_MAX) {
		refuse_platform(call, 400, "bad.request", "inactive users are listed up to "
				"the %dth only", INACTIVE_OFFSET_MAX);
		return;
	}
	write_users(call, state == USER_STATE_COUNT ? NULL : &call->store->by_state[state],
		    &page, expand);
}
