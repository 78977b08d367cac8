/*
 * Single users, and the two ways around the list: /users/query by cursor, which knows no
 * limit of 10,000, and /users/search.
 */
#include <assert.h>
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

#define QUERY_PAGE_MAX 500
#define SEARCH_PAGE_MAX 100
#define CRITERIA_MAX 20
#define VALUES_MAX 100

/* ---- by id ---- */

static void answer_user(struct call *call, const struct user *user, unsigned expand)
{
	answer_begin(call, 200);
	user_write(call, user, expand);
}

/* `state` says whether a living (the default) or a deleted one is meant. */
void op_user(struct call *call)
{
	const struct user *user = store_user(call->store, call->ids[0]);
	struct slice state = query_get(call, "state");
	bool deleted = slice_eq_str(state, "deleted");
	unsigned expand;

	if (state.data && !deleted && !slice_eq_str(state, "active")) {
		refuse_platform(call, 400, "invalid.value", "state must be active or deleted");
		return;
	}
	if (!user_expand(call, &expand))
		return;
	if (!user || (user->state == USER_DELETED) != deleted) {
		refuse_platform(call, 404, "not.found", "user %.*s not found",
				SLICE_FMT(call->ids[0]));
		return;
	}
	answer_user(call, user, expand);
}

/* ---- PATCH ---- */

static bool text_or_null(struct call *call, const char *name)
{
	const json_t *value = json_object_get(call->body, name);

	if (!value || json_is_null(value) || json_is_string(value))
		return true;
	refuse_platform(call, 400, "bad.request", "%s must be text", name);
	return false;
}

static bool check_manager(struct call *call)
{
	const char *id = json_string_value(json_object_get(call->body, "manager"));

	if (!text_or_null(call, "manager"))
		return false;
	return !id || !*id || call_user(call, slice_str(id));
}

static bool check_locations(struct call *call)
{
	static const char *const names[] = { "id", "floorplanId", "coordinates", "notes",
					     "locationDefinition", NULL };
	const json_t *locations = json_object_get(call->body, "locations");
	const char *id;

	if (!locations)
		return true;
	if (!json_is_array(locations)) {
		refuse_platform(call, 400, "bad.request", "locations must be an array");
		return false;
	}
	for (size_t i = 0; i < json_array_size(locations); i++) {
		const json_t *one = json_array_get(locations, i);

		if (!body_members(call, one, names, "a location") ||
		    !body_text(call, one, "id", "a location", &id) ||
		    !call_item(call, ITEM_LOCATION, slice_str(id)))
			return false;
	}
	return true;
}

/* Optimistic locking: `version` must be the present one (facts, section 2). */
static bool check_version(struct call *call, const struct user *user)
{
	const json_t *version = json_object_get(call->body, "version");

	if (!json_is_integer(version)) {
		refuse_platform(call, 400, "bad.request",
				"version must be given, as a whole number");
		return false;
	}
	if (json_integer_value(version) == user->version)
		return true;
	refuse_version(call, "user");
	return false;
}

static bool check_state(struct call *call, enum user_state *ret, bool *ret_stated)
{
	static const char *const names[] = { "active", "inactive", "deleted" };
	const json_t *state = json_object_get(call->body, "state");

	*ret_stated = state != NULL;
	for (int i = 0; json_is_string(state) && i < USER_STATE_COUNT; i++)
		if (!strcmp(json_string_value(state), names[i])) {
			*ret = (enum user_state)i;
			/* "if state is present nothing else" (facts, section 5) */
			if (json_object_size(call->body) == 2)
				return true;
			refuse_platform(call, 400, "bad.request", "state cannot be changed "
					"together with other fields");
			return false;
		}
	if (!state)
		return true;
	refuse_platform(call, 400, "invalid.value", "state must be active, inactive or "
			"deleted");
	return false;
}

/*
 * A deleted user comes back without roles, not even the employee one (facts, section 3),
 * and without memberships.
 */
static void change_state(struct call *call, struct user *user, enum user_state state)
{
	if (user->state != state && (state == USER_DELETED || user->state == USER_DELETED))
		store_strip_user(call->store, user);
	store_set_state(call->store, user, state);
}

static void change_locations(struct call *call, struct user *user, const json_t *locations)
{
	user->locations.count = 0;
	for (size_t i = 0; i < json_array_size(locations); i++) {
		const json_t *one = json_array_get(locations, i);

		vec_push(&user->locations,
			 store_item(call->store, ITEM_LOCATION,
				    slice_str(json_string_value(json_object_get(one, "id"))))
				 ->number);
	}
}

static void change_fields(struct call *call, struct user *user)
{
	const struct {
		const char *name;
		char **text;
	} texts[] = {
		{ "name", &user->name },
		{ "department", &user->department },
		{ "title", &user->title },
		{ "manager", &user->manager },
	};
	const json_t *locations = json_object_get(call->body, "locations");

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const json_t *value = json_object_get(call->body, texts[i].name);

		if (value)
			text_set(texts[i].text, json_string_value(value));
	}
	if (locations)
		change_locations(call, user, locations);
}

void op_user_patch(struct call *call)
{
	/* The members of UpdateUser that this tenant holds. */
	static const char *const names[] = { "version", "state", "name", "department", "title",
					     "manager", "locations", NULL };
	struct user *user = store_user(call->store, call->ids[0]);
	enum user_state state = USER_ACTIVE;
	bool stated;

	if (!user) {
		call_user(call, call->ids[0]);
		return;
	}
	if (!body_members(call, call->body, names, "the body") ||
	    !check_state(call, &state, &stated))
		return;
	if (!stated && !call_user(call, call->ids[0]))
		return;
	if (stated && !permitted_user(call, user))
		return;
	if (!check_version(call, user) || !text_or_null(call, "name") ||
	    !text_or_null(call, "department") || !text_or_null(call, "title") ||
	    !check_manager(call) || !check_locations(call))
		return;
	if (stated)
		change_state(call, user, state);
	else
		change_fields(call, user);
	user->version++;
	user->modified_s = call->now_us / 1000000;
	answer_user(call, user, EXPAND_LOCATIONS);
}

/* ---- by cursor ---- */

void op_users_query(struct call *call)
{
	const struct store *store = call->store;
	struct json_out *out = &call->out;
	const struct numbers *from;
	enum user_state state;
	struct page page;
	unsigned expand;

	if (!cursor_read(call, "cursor", QUERY_PAGE_MAX, &page) ||
	    !user_expand(call, &expand) || !user_state(call, &state))
		return;
	from = state == USER_STATE_COUNT ? NULL : &store->by_state[state];
	assert(store);
	cursor_of(&page, from ? from->count : store->users.count);
	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = page.first; i < page.end; i++) {
		assert(!from || from->items);
		user_write(call, store->users.items[from ? from->items[i] : i], expand);
	}
	json_out_array_end(out);
	cursor_write(call, &page, "cursor", true);
	json_out_member_int(out, "results", (int64_t)(page.end - page.first));
	json_out_object_end(out);
}

/* ---- search ---- */

enum field { FIELD_ID, FIELD_EMAIL, FIELD_STATE, FIELD_NAME, FIELD_TITLE, FIELD_DEPARTMENT,
	     FIELD_COUNT };

static const char *const field_names[FIELD_COUNT] = { "id", "email", "state", "name",
						      "title", "department" };

/* One criterion: any of the fields is any of the values. */
struct criterion {
	bool fields[FIELD_COUNT];
	const char *values[VALUES_MAX];
	size_t count;
};

struct search {
	struct criterion *criteria;
	size_t count;
	unsigned expand;
	bool state; /* some criterion is about it; otherwise the deleted are left out */
};

static bool read_fields(struct call *call, const json_t *json, struct search *search,
			struct criterion *ret)
{
	const json_t *fields = json_object_get(json, "fields");

	if (!body_texts(call, fields, "fields", FIELD_COUNT))
		return false;
	for (size_t i = 0; i < json_array_size(fields); i++) {
		const char *name = json_string_value(json_array_get(fields, i));
		int field = 0;

		while (field < FIELD_COUNT && strcmp(field_names[field], name) != 0)
			field++;
		if (field == FIELD_COUNT) {
			refuse_platform(call, 400, "invalid.value", "no search by field "
					"\"%.100s\" here", name);
			return false;
		}
		ret->fields[field] = true;
		search->state |= field == FIELD_STATE;
	}
	return true;
}

static bool read_criterion(struct call *call, const json_t *json, struct search *search,
			   struct criterion *ret)
{
	static const char *const names[] = { "type", "fields", "value", "values", "operator",
					     NULL };
	const json_t *values = json_object_get(json, "values");
	const json_t *joined = json_object_get(json, "operator");
	const char *type, *value;

	if (!body_members(call, json, names, "a criterion") ||
	    !body_text(call, json, "type", "a criterion", &type) ||
	    !read_fields(call, json, search, ret))
		return false;
	if (strcmp(type, "EXACT") != 0 && strcmp(type, "TERM") != 0 &&
	    strcmp(type, "TERMS") != 0) {
		refuse_platform(call, 400, "invalid.value", "type of a criterion must be "
				"EXACT, TERM or TERMS here");
		return false;
	}
	if (joined && strcmp(json_is_string(joined) ? json_string_value(joined) : "",
			      "AND") != 0) {
		refuse_platform(call, 400, "invalid.value", "operator must be AND here");
		return false;
	}
	if (!values) {
		if (!body_text(call, json, "value", "a criterion", &value))
			return false;
		ret->values[ret->count++] = value;
		return true;
	}
	if (!body_texts(call, values, "values", VALUES_MAX))
		return false;
	for (size_t i = 0; i < json_array_size(values); i++)
		ret->values[ret->count++] = json_string_value(json_array_get(values, i));
	return true;
}

static bool read_search(struct call *call, struct search *ret)
{
	const json_t *criteria = json_object_get(call->body, "query");
	const json_t *expand = json_object_get(call->body, "expand");
	size_t count = json_array_size(criteria);

	if ((criteria && !json_is_array(criteria)) || count > CRITERIA_MAX) {
		refuse_platform(call, 400, "bad.request", "query must be an array of at most "
				"%d criteria", CRITERIA_MAX);
		return false;
	}
	ret->criteria = arena_array(&call->mem, count + 1, sizeof(*ret->criteria));
	memset(ret->criteria, 0, (count + 1) * sizeof(*ret->criteria));
	ret->count = count;
	for (size_t i = 0; i < count; i++)
		if (!read_criterion(call, json_array_get(criteria, i), ret,
				    &ret->criteria[i]))
			return false;
	if (expand && !body_texts(call, expand, "expand", PARAMS_MAX))
		return false;
	for (size_t i = 0; i < json_array_size(expand); i++)
		if (!user_expansion(call,
				    slice_str(json_string_value(json_array_get(expand, i))),
				    &ret->expand))
			return false;
	return true;
}

static const char *field_value(const struct user *user, int field)
{
	static const char *const states[] = { "active", "inactive", "deleted" };

	switch (field) {
	case FIELD_ID:
		return user->id;
	case FIELD_EMAIL:
		return user->email;
	case FIELD_STATE:
		return states[user->state];
	case FIELD_NAME:
		return user->name;
	case FIELD_TITLE:
		return user->title;
	default:
		return user->department;
	}
}

static bool fits(const struct user *user, const struct criterion *criterion)
{
	for (int field = 0; field < FIELD_COUNT; field++) {
		const char *have = criterion->fields[field] ? field_value(user, field) : NULL;

		for (size_t i = 0; have && i < criterion->count; i++)
			if (text_eq_nocase(have, criterion->values[i]))
				return true;
	}
	return false;
}

static bool found(const struct search *search, const struct user *user)
{
	if (!search->state && user->state == USER_DELETED)
		return false;
	for (size_t i = 0; i < search->count; i++)
		if (!fits(user, &search->criteria[i]))
			return false;
	return true;
}

static bool only_field(const struct criterion *criterion, int field)
{
	for (int i = 0; i < FIELD_COUNT; i++)
		if (criterion->fields[i] != (i == field))
			return false;
	return true;
}

/* By address or id there is an index; all else looks at everybody. */
static void collect(const struct call *call, const struct search *search,
		    struct numbers *ret)
{
	const struct store *store = call->store;

	for (size_t i = 0; i < search->count; i++) {
		const struct criterion *one = &search->criteria[i];
		bool mail = only_field(one, FIELD_EMAIL);

		if (!mail && !only_field(one, FIELD_ID))
			continue;
		for (size_t v = 0; v < one->count; v++) {
			const struct user *user =
				mail ? store_user_named(store, one->values[v]) :
				       store_user(store, slice_str(one->values[v]));

			if (user && found(search, user))
				vec_push(ret, user->number);
		}
		return;
	}
	for (size_t i = 0; i < store->users.count; i++)
		if (found(search, store->users.items[i]))
			vec_push(ret, (uint32_t)i);
}

static void write_found(struct call *call, const struct search *search,
			const struct numbers *users, const struct page *page)
{
	struct json_out *out = &call->out;

	answer_begin(call, 200);
	json_out_object(out);
	json_out_member_int(out, "total", (int64_t)page->total);
	json_out_member_int(out, "pageCount",
			    (int64_t)((page->total + page->size - 1) / page->size));
	json_out_member_int(out, "pageSize", page->size);
	json_out_member_int(out, "pageNumber", page->number);
	json_out_key(out, "types");
	json_out_array(out);
	json_out_text(out, "users");
	json_out_array_end(out);
	json_out_key(out, "results");
	json_out_array(out);
	assert(page->first == page->end || users->items);
	for (size_t i = page->first; i < page->end; i++)
		user_write(call, call->store->users.items[users->items[i]], search->expand);
	json_out_array_end(out);
	json_out_object_end(out);
}

void op_users_search(struct call *call)
{
	static const char *const names[] = { "query", "pageSize", "pageNumber", "sortOrder",
					     "sortBy", "expand", "enforcePermissions", NULL };
	struct numbers users = { 0 };
	struct search search = { 0 };
	struct page page = { 0 };

	if (!body_members(call, call->body, names, "the body") ||
	    !body_number(call, call->body, "pageSize", 25, 1, SEARCH_PAGE_MAX, &page.size) ||
	    !body_number(call, call->body, "pageNumber", 1, 1, INT32_MAX, &page.number) ||
	    !read_search(call, &search))
		return;
	collect(call, &search, &users);
	page_of(&page, users.count);
	write_found(call, &search, &users, &page);
	vec_release(&users);
}
