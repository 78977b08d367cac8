/* SCIM: create and PATCH of a user. */
#include <string.h>

#include "bridge/sandbox/inside.h"
#include "scim/filter.h"
#include "scim/patch.h"

#include "scim/base/banned.h"

/* What an account without other roles has (facts, section 3). */
#define DEFAULT_ROLE "employee"

/* ---- from the draft into the store ---- */

/* The old content goes with the draft. */
static void swap_pairs(struct pairs *a, struct pairs *b)
{
	struct pairs kept = *a;

	*a = *b;
	*b = kept;
}

static void swap_levels(struct levels *a, struct levels *b)
{
	struct levels kept = *a;

	*a = *b;
	*b = kept;
}

static bool holds(const struct numbers *list, uint32_t number)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i] == number)
			return true;
	return false;
}

static bool has_role(const struct store *store, const struct user *user, uint32_t role)
{
	for (size_t i = 0; i < user->grants.count; i++)
		if (store->grants.items[user->grants.items[i]].role == role)
			return true;
	return false;
}

static void grant_home(struct store *store, const struct user *user, uint32_t role)
{
	if (store_grant(store, user->id, role, store_home(store)->number))
		store_note(store, KIND_GRANT, (uint32_t)store->grants.count - 1);
}

/*
 * SCIM roles have no division: a new one is granted in Home, one that is gone is revoked
 * wherever it was.
 */
static void commit_roles(struct store *store, struct user *user, const struct draft *draft)
{
	for (size_t i = user->grants.count; i--;) {
		const struct grant *grant = &store->grants.items[user->grants.items[i]];

		if (!holds(&draft->roles, grant->role))
			store_revoke(store, user->id, grant->role, grant->division);
	}
	for (size_t i = 0; i < draft->roles.count; i++)
		if (!has_role(store, user, draft->roles.items[i]))
			grant_home(store, user, draft->roles.items[i]);
}

static void commit(struct store *store, struct user *user, struct draft *draft)
{
	if (strcmp(user->email, draft->user_name) != 0)
		store_rename_user(store, user, draft->user_name);
	store_set_state(store, user, draft->active ? USER_ACTIVE : USER_INACTIVE);
	store_set_external(store, user, draft->external_id);
	text_set(&user->name, draft->display_name);
	text_set(&user->title, draft->title);
	text_set(&user->department, draft->department);
	text_set(&user->employee_number, draft->employee_number);
	text_set(&user->date_hire, draft->date_hire);
	text_set(&user->manager, draft->manager);
	user->division = draft->division != NONE ? draft->division :
						   store_home(store)->number;
	swap_pairs(&user->emails, &draft->emails);
	swap_pairs(&user->phones, &draft->phones);
	swap_pairs(&user->external_ids, &draft->external_ids);
	swap_levels(&user->skills, &draft->skills);
	swap_levels(&user->languages, &draft->languages);
	commit_roles(store, user, draft);
}

/* ---- create ---- */

static struct user *new_user(struct call *call, struct draft *draft)
{
	struct store *store = call->store;
	const struct item *role = store_item_named(store, ITEM_ROLE, DEFAULT_ROLE);
	struct user *user;
	char id[37];

	rng_uuid(&call->sandbox->rng, id);
	user = store_add_user(store, id, draft->user_name,
			      draft->active ? USER_ACTIVE : USER_INACTIVE);
	commit(store, user, draft);
	if (role)
		grant_home(store, user, role->number);
	return user;
}

/* Roles don't come back, not even the default one (facts, section 3). */
static struct user *restore(struct call *call, struct user *user, struct draft *draft)
{
	store_strip_user(call->store, user);
	commit(call->store, user, draft);
	user->version++;
	return user;
}

static bool has_division(struct call *call, const struct draft *draft)
{
	if (draft->division != NONE || !switched(call, SWITCH_SCIM_DIVISION))
		return true;
	refuse_scim(call, 400, SCIM_ERROR_INVALID_VALUE, "division is required");
	return false;
}

void op_scim_create(struct call *call)
{
	struct draft draft;
	struct user *user;

	if (draft_read(call, NULL, call->body, &draft) && has_division(call, &draft)) {
		/* A deleted one is still here only where the switch lets it be. */
		user = store_user_named(call->store, draft.user_name);
		user = user ? restore(call, user, &draft) : new_user(call, &draft);
		user->modified_s = call->now_us / 1000000;
		scim_answer_user(call, 201, user);
		answer_header(call, "Location", "/api/v2/scim/v2/users/%s", user->id);
	}
	draft_release(&draft);
}

/* ---- PATCH ---- */

static bool names_text(const struct scim_filter *filter, const char *name,
		       const char *prefix)
{
	size_t len = strlen(prefix);

	return filter && filter->op == SCIM_FILTER_EQ && filter->kind == SCIM_VALUE_TEXT &&
	       !text_cmp_nocase(filter->attr.name.data, filter->attr.name.len, name,
				strlen(name)) &&
	       filter->text.len >= len && !memcmp(filter->text.data, prefix, len);
}

static bool is_name(struct slice name, const char *text)
{
	return !text_cmp_nocase(name.data, name.len, text, strlen(text));
}

/* emails of type other, and SCIM's own authority, are the tenant's (facts, section 3). */
static bool is_writable(void *ctx, enum scim_op op, const struct scim_path *path)
{
	(void)ctx;
	(void)op;
	if (is_name(path->attr.name, "groups"))
		return false;
	if (is_name(path->attr.name, "emails") && names_text(path->filter, "type", "other"))
		return false;
	return !(is_name(path->attr.name, "externalIds") &&
		 names_text(path->filter, "authority", SCIM_AUTHORITY));
}

static bool names_patch(const json_t *schemas)
{
	for (size_t i = 0; i < json_array_size(schemas); i++) {
		const json_t *urn = json_array_get(schemas, i);

		if (json_is_string(urn) && text_eq_nocase(json_string_value(urn),
							  SCIM_URN_PATCH))
			return true;
	}
	return false;
}

/* ScimV2PatchRequest and ScimV2PatchOperation: these members and no others. */
static bool check_request(struct call *call)
{
	static const char *const names[] = { "schemas", "Operations", NULL };
	static const char *const members[] = { "op", "path", "value", NULL };
	const json_t *operations = json_object_get(call->body, "Operations");

	if (!body_members(call, call->body, names, "the body"))
		return false;
	if (!names_patch(json_object_get(call->body, "schemas")) ||
	    !json_is_array(operations) || !json_array_size(operations)) {
		refuse_scim(call, 400, SCIM_ERROR_INVALID_SYNTAX,
			    "a PatchOp wants schemas with its URN, and Operations");
		return false;
	}
	for (size_t i = 0; i < json_array_size(operations); i++)
		if (!body_members(call, json_array_get(operations, i), members,
				  "an operation"))
			return false;
	return true;
}

/* Nothing changes when the draft is refused; a change that changes nothing is no version. */
static void take(struct call *call, struct user *user, const json_t *before,
		 const json_t *wanted)
{
	struct draft draft;
	json_t *after;

	if (draft_read(call, user, wanted, &draft)) {
		commit(call->store, user, &draft);
		after = scim_user_json(call, user);
		if (!json_equal(before, after)) {
			user->version++;
			user->modified_s = call->now_us / 1000000;
		}
		json_decref(after);
		scim_answer_user(call, 200, user);
	}
	draft_release(&draft);
}

void op_scim_patch(struct call *call)
{
	static const struct scim_patch_rules rules = { is_writable, NULL };
	struct user *user = call_user(call, call->ids[0]);
	const char *match = call->request->if_match;
	json_t *before, *wanted;
	enum scim_error_type type;
	struct err err = ERR_INIT;

	if (!user || !check_request(call))
		return;
	/* 400, not 412 (facts, section 3). */
	if (match && !scim_version_is(match, user)) {
		refuse_scim(call, 400, SCIM_ERROR_INVALID_VERS,
			    "If-Match %.40s is not the current version \"%lld\"", match,
			    (long long)user->version);
		return;
	}
	before = scim_user_json(call, user);
	if (scim_patch_apply(before, call->body, &rules, &call->mem, &wanted, &type, &err)) {
		refuse_scim(call, 400, type, "%s", err.text);
	} else {
		take(call, user, before, wanted);
		json_decref(wanted);
	}
	json_decref(before);
}
