/* Role grants with divisions, and the moving of users between divisions. */
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

#define GRANTS_PAGE_MAX 500
/* How many a bulk call takes is stated nowhere (facts, section 6): see switches.def. */
#define ROLE_DIVISIONS_MAX 100

uint32_t call_division(struct call *call, struct slice id)
{
	const struct item *division = store_item(call->store, ITEM_DIVISION, id);

	if (slice_eq_str(id, "*"))
		return permitted_division(call, ALL_DIVISIONS) ? ALL_DIVISIONS : NONE;
	if (division)
		return permitted_division(call, division->number) ? division->number : NONE;
	refuse_platform(call, 404, "not.found", "division %.*s not found", SLICE_FMT(id));
	return NONE;
}

static uint32_t call_role(struct call *call, struct slice id)
{
	const struct item *role = store_item(call->store, ITEM_ROLE, id);

	if (role)
		return role->number;
	refuse_platform(call, 404, "not.found", "role %.*s not found", SLICE_FMT(id));
	return NONE;
}

static bool is_client(const struct call *call, struct slice id)
{
	for (size_t i = 0; i < call->store->clients.count; i++)
		if (slice_eq_str(id, call->store->clients.items[i].id))
			return true;
	return false;
}

/* Whether there is such a subject of the type the query names; refused otherwise. */
static bool call_subject(struct call *call, struct slice id)
{
	struct slice type = query_get(call, "subjectType");
	bool found;

	if (!type.data || slice_eq_str(type, "PC_USER"))
		return call_user(call, id) != NULL;
	if (slice_eq_str(type, "PC_GROUP")) {
		found = store_item(call->store, ITEM_GROUP, id) != NULL;
	} else if (slice_eq_str(type, "PC_OAUTH_CLIENT")) {
		found = is_client(call, id);
	} else {
		refuse_platform(call, 400, "bad.request", "subjectType must be PC_USER, "
				"PC_GROUP or PC_OAUTH_CLIENT");
		return false;
	}
	if (!found)
		refuse_platform(call, 404, "not.found", "subject %.*s not found",
				SLICE_FMT(id));
	return found;
}

static void grant(struct store *store, const char *subject, uint32_t role,
		  uint32_t division)
{
	if (store_grant(store, subject, role, division))
		store_note(store, KIND_GRANT, (uint32_t)store->grants.count - 1);
}

/* Counts only in this list (AuthzDivisionGrantEntityListing has no addresses). */
void op_grants(struct call *call)
{
	const struct numbers *grants;
	struct json_out *out = &call->out;
	uint32_t division = call_division(call, call->ids[0]);
	struct page page;

	if (division == NONE || !page_read(call, GRANTS_PAGE_MAX, &page))
		return;
	grants = division == ALL_DIVISIONS ?
			 &call->store->all_division_grants :
			 &call->store->kinds[ITEM_DIVISION].items[division]->grants;
	page_of(&page, grants->count);
	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = page.first; i < page.end; i++) {
		const struct grant *one = &call->store->grants.items[grants->items[i]];
		struct item all = { .id = (char *)"*", .name = (char *)"*" };

		json_out_object(out);
		json_out_member(out, "subjectId", one->subject);
		write_ref(out, "division",
			  division == ALL_DIVISIONS ?
				  &all :
				  call->store->kinds[ITEM_DIVISION].items[division]);
		write_ref(out, "role", call->store->kinds[ITEM_ROLE].items[one->role]);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	page_write(call, &page, PAGE_COUNTS_ONLY);
	json_out_object_end(out);
}

static void write_subject_grant(struct call *call, const struct grant *one)
{
	struct json_out *out = &call->out;
	struct item all = { .id = (char *)"*", .name = (char *)"*" };

	json_out_object(out);
	json_out_member(out, "subjectId", one->subject);
	write_ref(out, "division",
		  one->division == ALL_DIVISIONS ?
			  &all :
			  call->store->kinds[ITEM_DIVISION].items[one->division]);
	write_ref(out, "role", call->store->kinds[ITEM_ROLE].items[one->role]);
	json_out_object_end(out);
}

static bool in_group(const struct call *call, const struct user *user, const char *subject)
{
	for (size_t i = 0; i < user->groups.count; i++)
		if (!strcmp(subject,
			    call->store->kinds[ITEM_GROUP].items[user->groups.items[i]]->id))
			return true;
	return false;
}

/*
 * A user's own grants; those of the user's groups stand under the groups' ids when
 * duplicates are asked for, which is how the two are told apart (facts, section 6).
 */
void op_subject(struct call *call)
{
	const struct user *user = call_user(call, call->ids[0]);
	struct json_out *out = &call->out;
	bool duplicates;

	if (!user || !query_bool(call, "includeDuplicates", false, &duplicates))
		return;
	answer_begin(call, 200);
	json_out_object(out);
	json_out_member(out, "id", user->id);
	json_out_member(out, "name", user->name ? user->name : "");
	json_out_key(out, "grants");
	json_out_array(out);
	for (size_t i = 0; i < call->store->grants.count; i++) {
		const struct grant *one = &call->store->grants.items[i];

		if (!one->gone && (!strcmp(one->subject, user->id) ||
				   (duplicates && in_group(call, user, one->subject))))
			write_subject_grant(call, one);
	}
	json_out_array_end(out);
	json_out_member_int(out, "version", 1);
	json_out_object_end(out);
}

/* One role to many subjects in many divisions: all of them, or nothing when one is wrong. */
void op_role_grant(struct call *call)
{
	static const char *const names[] = { "subjectIds", "divisionIds", NULL };
	const json_t *subjects = json_object_get(call->body, "subjectIds");
	const json_t *divisions = json_object_get(call->body, "divisionIds");
	uint32_t role = call_role(call, call->ids[0]);
	uint32_t *numbers;
	size_t count;

	if (role == NONE || !body_members(call, call->body, names, "the body") ||
	    !body_texts(call, subjects, "subjectIds",
			switched(call, SWITCH_CAP_SUBJECTS)) ||
	    !body_texts(call, divisions, "divisionIds", ROLE_DIVISIONS_MAX))
		return;
	count = json_array_size(divisions);
	if (!count || !json_array_size(subjects)) {
		refuse_platform(call, 400, "bad.request",
				"subjectIds and divisionIds must not be empty");
		return;
	}
	numbers = arena_array(&call->mem, count, sizeof(*numbers));
	for (size_t i = 0; i < count; i++) {
		numbers[i] = call_division(
			call, slice_str(json_string_value(json_array_get(divisions, i))));
		if (numbers[i] == NONE)
			return;
	}
	for (size_t i = 0; i < json_array_size(subjects); i++)
		if (!call_subject(call,
				  slice_str(json_string_value(json_array_get(subjects, i)))))
			return;
	for (size_t i = 0; i < json_array_size(subjects); i++)
		for (size_t d = 0; d < count; d++)
			grant(call->store, json_string_value(json_array_get(subjects, i)),
			      role, numbers[d]);
	answer_empty(call, 201);
}

static bool read_pair(struct call *call, const json_t *pair, uint32_t *ret_role,
		      uint32_t *ret_division)
{
	static const char *const names[] = { "roleId", "divisionId", NULL };
	const char *role, *division;

	if (!body_members(call, pair, names, "a grant") ||
	    !body_text(call, pair, "roleId", "a grant", &role) ||
	    !body_text(call, pair, "divisionId", "a grant", &division))
		return false;
	*ret_role = call_role(call, slice_str(role));
	if (*ret_role == NONE)
		return false;
	*ret_division = call_division(call, slice_str(division));
	return *ret_division != NONE;
}

/* Whether bulkremove may pass over a pair, since its role or division doesn't exist. */
static bool is_gone(const struct call *call, const json_t *pair)
{
	const char *role = json_string_value(json_object_get(pair, "roleId"));
	const char *division = json_string_value(json_object_get(pair, "divisionId"));

	if (call->op != API_SUBJECT_BULKREMOVE || !switched(call, SWITCH_BULKREMOVE_GONE) ||
	    !role || !division)
		return false;
	return !store_item(call->store, ITEM_ROLE, slice_str(role)) ||
	       (strcmp(division, "*") != 0 &&
		!store_item(call->store, ITEM_DIVISION, slice_str(division)));
}

/* All pairs of a body checked, or false after a refusal. */
static bool read_pairs(struct call *call, size_t least, uint32_t **ret_roles,
		       uint32_t **ret_divisions, size_t *ret_count)
{
	size_t most = switched(call, SWITCH_CAP_GRANTS);
	static const char *const names[] = { "grants", NULL };
	const json_t *grants = json_object_get(call->body, "grants");
	size_t count = json_array_size(grants);

	if (!body_members(call, call->body, names, "the body"))
		return false;
	if (!json_is_array(grants) || count < least || count > most) {
		refuse_platform(call, 400, "bad.request", "grants must be an array of %zu to "
				"%zu pairs", least, most);
		return false;
	}
	if (!call_subject(call, call->ids[0]))
		return false;
	*ret_roles = arena_array(&call->mem, count + 1, sizeof(**ret_roles));
	*ret_divisions = arena_array(&call->mem, count + 1, sizeof(**ret_divisions));
	*ret_count = count;
	*ret_count = 0;
	for (size_t i = 0; i < count; i++) {
		const json_t *pair = json_array_get(grants, i);

		if (is_gone(call, pair))
			continue;
		if (!read_pair(call, pair, &(*ret_roles)[*ret_count],
			       &(*ret_divisions)[*ret_count]))
			return false;
		++*ret_count;
	}
	return true;
}

void op_subject_bulkadd(struct call *call)
{
	uint32_t *roles, *divisions;
	size_t count;

	if (!read_pairs(call, 1, &roles, &divisions, &count))
		return;
	for (size_t i = 0; i < count; i++)
		grant(call->store, call->ids[0].data, roles[i], divisions[i]);
	answer_empty(call, 201);
}

/*
 * The whole call fails when a role or division doesn't exist any more (facts, section 6);
 * a pair that isn't granted is passed over.
 */
void op_subject_bulkremove(struct call *call)
{
	uint32_t *roles, *divisions;
	size_t count;

	if (!read_pairs(call, 1, &roles, &divisions, &count))
		return;
	for (size_t i = 0; i < count; i++)
		store_revoke(call->store, call->ids[0].data, roles[i], divisions[i]);
	answer_empty(call, 204);
}

/* Exactly these direct grants afterwards (facts, section 6); an empty list is none. */
void op_subject_bulkreplace(struct call *call)
{
	struct store *store = call->store;
	const struct user *user = store_user(store, call->ids[0]);
	uint32_t *roles, *divisions;
	size_t count;

	if (!read_pairs(call, 0, &roles, &divisions, &count))
		return;
	/* A user knows its grants; of groups and clients they are looked for. */
	for (size_t i = user ? user->grants.count : store->grants.count; i--;) {
		const struct grant *one =
			&store->grants.items[user ? user->grants.items[i] : i];
		bool stays = one->gone || !slice_eq_str(call->ids[0], one->subject);

		for (size_t k = 0; k < count && !stays; k++)
			stays = one->role == roles[k] && one->division == divisions[k];
		if (!stays)
			store_revoke(store, one->subject, one->role, one->division);
	}
	for (size_t i = 0; i < count; i++)
		grant(store, call->ids[0].data, roles[i], divisions[i]);
	answer_empty(call, 200);
}

void op_grant_delete(struct call *call)
{
	uint32_t division = call_division(call, call->ids[1]), role;

	if (division == NONE)
		return;
	role = call_role(call, call->ids[2]);
	if (role == NONE)
		return;
	if (!store_revoke(call->store, call->ids[0].data, role, division))
		refuse_platform(call, 404, "not.found", "there is no such grant of %.*s",
				SLICE_FMT(call->ids[0]));
	else
		answer_empty(call, 204);
}

/* Moves users; the other object types of the contract aren't held here. */
void op_division_move(struct call *call)
{
	uint32_t division = call_division(call, call->ids[0]);
	size_t count;

	if (division == NONE)
		return;
	if (division == ALL_DIVISIONS || !slice_eq_str(call->ids[1], "USER")) {
		refuse_platform(call, 400, "bad.request", "only objects of type USER can be "
				"moved, into one division");
		return;
	}
	if (!body_texts(call, call->body, "the body", switched(call, SWITCH_CAP_DIVISION)))
		return;
	count = json_array_size(call->body);
	for (size_t i = 0; i < count; i++)
		if (!call_user(call, slice_str(json_string_value(
					     json_array_get(call->body, i)))))
			return;
	for (size_t i = 0; i < count; i++)
		store_user(call->store, slice_str(json_string_value(json_array_get(
						call->body, i))))
			->division = division;
	answer_empty(call, 200);
}
