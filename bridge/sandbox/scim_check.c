/*
 * What a user in SCIM's form may hold: types, required fields, names that must exist,
 * limits (facts, section 3). Attribute names compare without case (RFC 7643 section 2.1).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bridge/sandbox/inside.h"
#include "scim/path.h"

#include "scim/base/banned.h"

#define LEVELS_MAX 50      /* routingSkills, routingLanguages */
#define TEXT_BYTES_MAX 1024
#define PHONE_DIGITS_MAX 15 /* E.164 */
#define PROFICIENCY_MAX 5.0

static void refuse_value(struct call *call, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void refuse_value(struct call *call, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	refuse_scim(call, 400, SCIM_ERROR_INVALID_VALUE, "%s", text);
}

/* `return bad(...)`: refuse, and be false. */
#define bad(...) (refuse_value(__VA_ARGS__), false)

/* A member, NULL when it is absent or null (RFC 7643 section 2.5: one and the same). */
static const json_t *member(const json_t *object, const char *name)
{
	const json_t *value = scim_json_get(object, slice_str(name), NULL);

	return json_is_null(value) ? NULL : value;
}

static bool only_members(struct call *call, const json_t *object, const char *where,
			 const char *const *names)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return bad(call, "%s must be an object", where);
	json_object_foreach((json_t *)object, key, value) {
		const char *const *name = names;

		while (*name && !text_eq_nocase(*name, key))
			name++;
		if (!*name)
			return bad(call, "%s has no attribute \"%.100s\"", where, key);
	}
	return true;
}

static bool get_text(struct call *call, const json_t *object, const char *name,
		     const char **ret)
{
	const json_t *value = member(object, name);

	*ret = NULL;
	if (!value)
		return true;
	if (!json_is_string(value))
		return bad(call, "%s must be text", name);
	if (json_string_length(value) > TEXT_BYTES_MAX)
		return bad(call, "%s is longer than %d bytes", name, TEXT_BYTES_MAX);
	if (json_string_length(value))
		*ret = json_string_value(value);
	return true;
}

static bool get_array(struct call *call, const json_t *object, const char *name,
		      const json_t **ret)
{
	*ret = member(object, name);
	if (*ret && !json_is_array(*ret))
		return bad(call, "%s must be an array", name);
	return true;
}

/* ---- multi-valued attributes ---- */

static bool is_mail(const char *text)
{
	const char *at = strchr(text, '@');

	return at && at > text && at[1] && !strchr(at + 1, '@') && !strpbrk(text, " \t\r\n");
}

/*
 * E.164, or a tel URI (RFC 3966: visual separators, no blanks), with ";ext=" (facts,
 * section 3).
 */
static bool is_phone(const char *text)
{
	bool uri = !strncmp(text, "tel:", 4);
	unsigned digits = 0;

	if (uri)
		text += 4;
	if (*text++ != '+')
		return false;
	for (; *text && *text != ';'; text++) {
		if (*text >= '0' && *text <= '9')
			digits++;
		else if (!uri || !strchr("-.()", *text))
			return false;
	}
	if (!digits || digits > PHONE_DIGITS_MAX)
		return false;
	if (!*text)
		return true;
	return !strncmp(text, ";ext=", 5) && text[5] &&
	       strspn(text + 5, "0123456789") == strlen(text + 5);
}

static bool in_list(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(text, *list))
			return true;
	return false;
}

static bool read_pair(struct call *call, const json_t *element, const char *name,
		      const char *const *types, const char **ret_type, const char **ret_value)
{
	static const char *const names[] = { "type", "value", "primary", "display", NULL };

	if (!only_members(call, element, name, names) ||
	    !get_text(call, element, "type", ret_type) ||
	    !get_text(call, element, "value", ret_value))
		return false;
	if (member(element, "primary") && !json_is_boolean(member(element, "primary")))
		return bad(call, "primary of %s must be true or false", name);
	if (!*ret_type || !*ret_value)
		return bad(call, "an element of %s wants type and value", name);
	if (!in_list(*ret_type, types))
		return bad(call, "%s has no type \"%.40s\"", name, *ret_type);
	return true;
}

static bool has_key(const struct pairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (!strcmp(pairs->items[i].key, key))
			return true;
	return false;
}

/*
 * `other` mirrors userName and is immutable: it may be repeated as it is or will be, and
 * isn't kept.
 */
static bool check_other(struct call *call, const struct user *user, const char *value,
			const struct draft *draft)
{
	if (text_eq_nocase(value, draft->user_name) ||
	    (user && text_eq_nocase(value, user->email)))
		return true;
	refuse_scim(call, 400, SCIM_ERROR_MUTABILITY,
		    "the e-mail of type other is userName and may not be changed");
	return false;
}

static bool read_emails(struct call *call, const struct user *user, const json_t *json,
			struct draft *draft)
{
	static const char *const types[] = { "work", "other", NULL };
	const char *type, *value;
	const json_t *array;

	if (!get_array(call, json, "emails", &array))
		return false;
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (!read_pair(call, json_array_get(array, i), "emails", types, &type, &value))
			return false;
		if (!is_mail(value))
			return bad(call, "emails: \"%.100s\" is no e-mail address", value);
		if (!strcmp(type, "other")) {
			if (!check_other(call, user, value, draft))
				return false;
			continue;
		}
		if (has_key(&draft->emails, type))
			return bad(call, "emails has type %s twice", type);
		pairs_add(&draft->emails, type, value);
	}
	return true;
}

static bool read_phones(struct call *call, const json_t *json, struct draft *draft)
{
	static const char *const types[] = { "work",	   "work2",  "work3",
					     "work4",	   "home",   "mobile",
					     "other",	   "microsoftteams",
					     "zoomphone",  "eightbyeight",
					     "ringcentral", NULL };
	const char *type, *value;
	const json_t *array;

	if (!get_array(call, json, "phoneNumbers", &array))
		return false;
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (!read_pair(call, json_array_get(array, i), "phoneNumbers", types, &type,
			       &value))
			return false;
		if (!is_phone(value))
			return bad(call, "phoneNumbers: \"%.100s\" is no E.164 number and no "
				   "tel URI", value);
		if (has_key(&draft->phones, type))
			return bad(call, "phoneNumbers has type %s twice", type);
		pairs_add(&draft->phones, type, value);
	}
	return true;
}

static bool read_roles(struct call *call, const json_t *json, struct draft *draft)
{
	static const char *const names[] = { "value", "display", "type", "primary", NULL };
	const json_t *array;
	const char *name;

	if (!get_array(call, json, "roles", &array))
		return false;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *element = json_array_get(array, i);
		const struct item *role;

		if (!only_members(call, element, "roles", names) ||
		    !get_text(call, element, "value", &name))
			return false;
		role = name ? store_item_named(call->store, ITEM_ROLE, name) : NULL;
		if (!role)
			return bad(call, "roles: there is no role \"%.100s\"",
				   name ? name : "");
		vec_push(&draft->roles, role->number);
	}
	return true;
}

/* ---- the extensions ---- */

static bool is_date(const char *text)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = 0, month = 0, day = 0, most, end = 0;

	if (strlen(text) != 10 ||
	    sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3 || end != 10 ||
	    strspn(text, "0123456789-") != 10 || month < 1 || month > 12)
		return false;
	most = days[month - 1];
	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		most++;
	return day >= 1 && day <= most;
}

static bool read_manager(struct call *call, const json_t *json, struct draft *draft)
{
	static const char *const names[] = { "value", "$ref", "displayName", NULL };
	const json_t *manager = member(json, "manager");
	const struct user *user;

	if (!manager)
		return true;
	if (!only_members(call, manager, "manager", names) ||
	    !get_text(call, manager, "value", &draft->manager))
		return false;
	user = draft->manager ? store_user(call->store, slice_str(draft->manager)) : NULL;
	if (draft->manager && (!user || user->state == USER_DELETED))
		return bad(call, "manager: there is no user \"%.100s\"", draft->manager);
	return true;
}

static bool read_enterprise(struct call *call, const json_t *json, struct draft *draft)
{
	/* costCenter and organization of RFC 7643 are absent (facts, section 3). */
	static const char *const names[] = { "division", "department", "manager",
					     "employeeNumber", "dateHire", NULL };
	const json_t *object = member(json, SCIM_URN_ENTERPRISE);
	const struct item *division;
	const char *name;

	draft->division = NONE;
	if (!object)
		return true;
	if (!only_members(call, object, SCIM_URN_ENTERPRISE, names) ||
	    !get_text(call, object, "division", &name) ||
	    !get_text(call, object, "department", &draft->department) ||
	    !get_text(call, object, "employeeNumber", &draft->employee_number) ||
	    !get_text(call, object, "dateHire", &draft->date_hire) ||
	    !read_manager(call, object, draft))
		return false;
	if (draft->date_hire && !is_date(draft->date_hire))
		return bad(call, "dateHire: \"%.40s\" is no date, YYYY-MM-DD",
			   draft->date_hire);
	if (!name)
		return true;
	division = store_item_named(call->store, ITEM_DIVISION, name);
	if (!division)
		return bad(call, "division: there is no division \"%.100s\"", name);
	draft->division = division->number;
	return true;
}

/* Names with case, of what exists; at most 50. */
static bool read_levels(struct call *call, const json_t *object, const char *attr,
			enum item_kind kind, struct levels *levels)
{
	static const char *const names[] = { "name", "proficiency", NULL };
	const json_t *array;
	const char *name;

	if (!get_array(call, object, attr, &array))
		return false;
	if (json_array_size(array) > LEVELS_MAX)
		return bad(call, "%zu %s; a maximum of %d is allowed", json_array_size(array),
			   attr, LEVELS_MAX);
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *element = json_array_get(array, i);
		const json_t *number = member(element, "proficiency");
		const struct item *item;

		if (!only_members(call, element, attr, names) ||
		    !get_text(call, element, "name", &name))
			return false;
		item = name ? store_item_named(call->store, kind, name) : NULL;
		if (!item)
			return bad(call, "%s: there is no \"%.100s\"", attr,
				   name ? name : "");
		if (number && (!json_is_number(number) || json_number_value(number) < 0 ||
			       json_number_value(number) > PROFICIENCY_MAX))
			return bad(call, "%s: proficiency must be a number from 0 to 5", attr);
		if (kind == ITEM_LANGUAGE && number && switched(call, SWITCH_LANGUAGE_LEVELS) &&
		    json_number_value(number) != (int)json_number_value(number))
			return bad(call, "%s: proficiency must be a whole number", attr);
		levels_set(levels, item->number, number ? json_number_value(number) : 0);
	}
	return true;
}

static bool holds_pair(const struct pairs *pairs, const char *key, const char *value)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (!strcmp(pairs->items[i].key, key) && !strcmp(pairs->items[i].value, value))
			return true;
	return false;
}

/* Looks at everybody: only for a value that the user doesn't have yet. */
static bool external_taken(const struct call *call, const struct user *user,
			   const char *authority, const char *value)
{
	for (size_t i = 0; i < call->store->users.count; i++) {
		const struct user *other = call->store->users.items[i];

		if (other == user)
			continue;
		for (size_t e = 0; e < other->external_ids.count; e++)
			if (!strcmp(other->external_ids.items[e].key, authority) &&
			    !strcmp(other->external_ids.items[e].value, value))
				return true;
	}
	return false;
}

static bool read_external_ids(struct call *call, const struct user *user,
			      const json_t *object, struct draft *draft)
{
	static const char *const names[] = { "authority", "value", NULL };
	const char *authority, *value;
	const json_t *array;

	if (!get_array(call, object, "externalIds", &array))
		return false;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *element = json_array_get(array, i);

		if (!only_members(call, element, "externalIds", names) ||
		    !get_text(call, element, "authority", &authority) ||
		    !get_text(call, element, "value", &value))
			return false;
		if (!authority || !value)
			return bad(call, "an element of externalIds wants authority and value");
		if (!strncmp(authority, SCIM_AUTHORITY, strlen(SCIM_AUTHORITY)))
			continue; /* SCIM's own: externalId says what it is */
		if (has_key(&draft->external_ids, authority))
			return bad(call, "externalIds has authority \"%.100s\" twice",
				   authority);
		if (!(user && holds_pair(&user->external_ids, authority, value)) &&
		    external_taken(call, user, authority, value)) {
			refuse_scim(call, 409, SCIM_ERROR_UNIQUENESS,
				    "externalIds: \"%.100s\" of \"%.100s\" is taken", value,
				    authority);
			return false;
		}
		pairs_add(&draft->external_ids, authority, value);
	}
	return true;
}

static bool read_genesys(struct call *call, const struct user *user, const json_t *json,
			 struct draft *draft)
{
	static const char *const names[] = { "routingSkills", "routingLanguages",
					     "externalIds", NULL };
	const json_t *object = member(json, URN_GENESYS);

	if (!object)
		return true;
	return only_members(call, object, URN_GENESYS, names) &&
	       read_levels(call, object, "routingSkills", ITEM_SKILL, &draft->skills) &&
	       read_levels(call, object, "routingLanguages", ITEM_LANGUAGE,
			   &draft->languages) &&
	       read_external_ids(call, user, object, draft);
}

/* ---- the whole ---- */

/* userName is unique among all users, the inactive and deleted too (facts, section 12). */
static bool check_unique(struct call *call, const struct user *user,
			 const struct draft *draft)
{
	const struct user *other = store_user_named(call->store, draft->user_name);

	if (other && other->state == USER_DELETED && !user &&
	    switched(call, SWITCH_SCIM_POST_DELETED))
		other = NULL;
	if (other && other != user) {
		refuse_scim(call, 409, SCIM_ERROR_UNIQUENESS, "userName \"%.100s\" is taken",
			    draft->user_name);
		return false;
	}
	other = draft->external_id ? store_user_external(call->store, draft->external_id) :
				     NULL;
	if (other && other->state == USER_DELETED && !user &&
	    switched(call, SWITCH_SCIM_POST_DELETED) &&
	    other == store_user_named(call->store, draft->user_name))
		other = NULL;
	if (other && other != user) {
		refuse_scim(call, 409, SCIM_ERROR_UNIQUENESS,
			    "externalId \"%.100s\" is taken", draft->external_id);
		return false;
	}
	return true;
}

/* "schemas" may be left out; what it names must be a schema of users. */
static bool check_schemas(struct call *call, const json_t *json)
{
	static const char *const known[] = { SCIM_URN_USER, SCIM_URN_ENTERPRISE, URN_GENESYS,
					     NULL };
	const json_t *schemas;

	if (!get_array(call, json, "schemas", &schemas))
		return false;
	for (size_t i = 0; i < json_array_size(schemas); i++) {
		const char *urn = json_string_value(json_array_get(schemas, i));

		if (!urn || !in_list(urn, known))
			return bad(call, "schemas: \"%.100s\" is no schema of users",
				   urn ? urn : "");
	}
	return true;
}

static bool read_core(struct call *call, const json_t *json, struct draft *draft)
{
	static const char *const names[] = { "schemas", "id", "userName", "displayName",
					     "active", "title", "password", "emails",
					     "phoneNumbers", "externalId", "groups", "roles",
					     "meta", SCIM_URN_ENTERPRISE, URN_GENESYS, NULL };
	const json_t *active = member(json, "active");
	const char *password;

	if (!only_members(call, json, "a user", names) || !check_schemas(call, json) ||
	    !get_text(call, json, "userName", &draft->user_name) ||
	    !get_text(call, json, "displayName", &draft->display_name) ||
	    !get_text(call, json, "title", &draft->title) ||
	    !get_text(call, json, "password", &password) ||
	    !get_text(call, json, "externalId", &draft->external_id))
		return false;
	if (!draft->user_name || !draft->display_name)
		return bad(call, "%s is required",
			   draft->user_name ? "displayName" : "userName");
	if (!is_mail(draft->user_name))
		return bad(call, "userName \"%.100s\" is no e-mail address", draft->user_name);
	if (active && !json_is_boolean(active))
		return bad(call, "active must be true or false");
	draft->active = !active || json_is_true(active);
	return true;
}

bool draft_read(struct call *call, const struct user *user, const json_t *json,
		struct draft *draft)
{
	memset(draft, 0, sizeof(*draft));
	return read_core(call, json, draft) && read_emails(call, user, json, draft) &&
	       read_phones(call, json, draft) && read_roles(call, json, draft) &&
	       read_enterprise(call, json, draft) &&
	       read_genesys(call, user, json, draft) && check_unique(call, user, draft);
}

void draft_release(struct draft *draft)
{
	pairs_clear(&draft->emails);
	pairs_clear(&draft->phones);
	pairs_clear(&draft->external_ids);
	vec_release(&draft->emails);
	vec_release(&draft->phones);
	vec_release(&draft->external_ids);
	vec_release(&draft->skills);
	vec_release(&draft->languages);
	vec_release(&draft->roles);
}
