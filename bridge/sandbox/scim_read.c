/* SCIM: the list of users with its filters, and one user. */
#include <stdlib.h>
#include <string.h>

#include "bridge/sandbox/inside.h"
#include "scim/filter.h"

#include "scim/base/banned.h"

#define COUNT_DEFAULT 25
/* Over this a list with expensive attributes answers 429 (contract, `count`). */
#define COUNT_EXPENSIVE_MAX 25
#define COUNT_MAX 1000

/* The comparisons that the vendor shows; `eq` and nothing else (facts, section 3). */
enum field { FIELD_ID, FIELD_USER_NAME, FIELD_EMAIL, FIELD_MANAGER, FIELD_DIVISION,
	     FIELD_EXTERNAL_ID, FIELD_ACTIVE, FIELD_EMPLOYEE_NUMBER, FIELD_COUNT };

static const char *const field_names[FIELD_COUNT] = {
	[FIELD_ID] = "id",
	[FIELD_USER_NAME] = "userName",
	[FIELD_EMAIL] = "email",
	[FIELD_MANAGER] = "manager",
	[FIELD_DIVISION] = "division",
	[FIELD_EXTERNAL_ID] = "externalId",
	[FIELD_ACTIVE] = "active",
	[FIELD_EMPLOYEE_NUMBER] = "employeeNumber",
};

struct query {
	enum field field;
	bool active;           /* FIELD_ACTIVE */
	const char *value;     /* the others */
	const char *authority; /* of one of externalIds; then `value` is its value */
};

static bool refuse_filter(struct call *call)
{
	refuse_scim(call, 400, SCIM_ERROR_INVALID_FILTER,
		    "only \"eq\" on id, userName, email, manager, division, externalId, "
		    "active and employeeNumber can be filtered by");
	return false;
}

static bool read_comparison(struct call *call, const struct scim_filter *filter,
			    struct query *query)
{
	unsigned field = 0;
	struct slice name = filter->attr.name;

	if (filter->op != SCIM_FILTER_EQ)
		return refuse_filter(call);
	while (field < FIELD_COUNT && text_cmp_nocase(name.data, name.len, field_names[field],
						      strlen(field_names[field])) != 0)
		field++;
	query->field = (enum field)field;
	if (field == FIELD_COUNT)
		return refuse_filter(call);
	if (field == FIELD_ACTIVE) {
		query->active = filter->kind == SCIM_VALUE_TRUE;
		return query->active || filter->kind == SCIM_VALUE_FALSE ||
		       refuse_filter(call);
	}
	if (filter->kind != SCIM_VALUE_TEXT)
		return refuse_filter(call);
	query->value = arena_strndup(&call->mem, filter->text.data, filter->text.len);
	return true;
}

static const char *element_text(struct call *call, const struct scim_filter *filter,
				const char *name)
{
	if (filter->op != SCIM_FILTER_EQ || filter->kind != SCIM_VALUE_TEXT ||
	    text_cmp_nocase(filter->attr.name.data, filter->attr.name.len, name,
			    strlen(name)) != 0)
		return NULL;
	return arena_strndup(&call->mem, filter->text.data, filter->text.len);
}

/* ...:externalIds[authority eq "a" and value eq "v"] */
static bool read_element(struct call *call, const struct scim_filter *filter,
			 struct query *query)
{
	const struct scim_filter *both = filter->left;

	if (text_cmp_nocase(filter->attr.name.data, filter->attr.name.len, "externalIds",
			    11) != 0 || both->op != SCIM_FILTER_AND)
		return refuse_filter(call);
	query->authority = element_text(call, both->left, "authority");
	query->value = element_text(call, both->right, "value");
	if (!query->authority || !query->value)
		return refuse_filter(call);
	return true;
}

static bool read_filter(struct call *call, struct slice text, struct query *query)
{
	const struct scim_filter *filter;
	struct err err = ERR_INIT;

	if (scim_filter_parse(&call->mem, text.data, text.len, &filter, &err)) {
		refuse_scim(call, 400, SCIM_ERROR_INVALID_FILTER, "%s", err.text);
		return false;
	}
	if (filter->op == SCIM_FILTER_ELEMENT)
		return read_element(call, filter, query);
	return read_comparison(call, filter, query);
}

/* ---- who matches ---- */

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static bool has_pair(const struct pairs *pairs, const char *key, const char *value)
{
	for (size_t i = 0; i < pairs->count; i++)
		if ((!key || !strcmp(pairs->items[i].key, key)) &&
		    text_eq_nocase(pairs->items[i].value, value))
			return true;
	return false;
}

static bool matches(const struct call *call, const struct user *user,
		    const struct query *query)
{
	if (query->authority)
		return has_pair(&user->external_ids, query->authority, query->value);
	switch (query->field) {
	case FIELD_ID:
		return same(user->id, query->value);
	case FIELD_USER_NAME:
		return text_eq_nocase(user->email, query->value);
	case FIELD_EMAIL:
		return text_eq_nocase(user->email, query->value) ||
		       has_pair(&user->emails, NULL, query->value);
	case FIELD_MANAGER:
		return same(user->manager, query->value);
	case FIELD_DIVISION:
		return same(call->store->kinds[ITEM_DIVISION].items[user->division]->name,
			    query->value);
	case FIELD_EXTERNAL_ID:
		return same(user->external_id, query->value);
	case FIELD_EMPLOYEE_NUMBER:
		return same(user->employee_number, query->value);
	case FIELD_ACTIVE:
		return (user->state == USER_ACTIVE) == query->active;
	case FIELD_COUNT:
		break;
	}
	return false;
}

/* The one user an index leads to; false when the field has no index. */
static bool by_index(const struct call *call, const struct query *query,
		     const struct user **ret)
{
	if (query->authority)
		return false;
	if (query->field == FIELD_ID)
		*ret = store_user(call->store, slice_str(query->value));
	else if (query->field == FIELD_USER_NAME)
		*ret = store_user_named(call->store, query->value);
	else if (query->field == FIELD_EXTERNAL_ID)
		*ret = store_user_external(call->store, query->value);
	else
		return false;
	return true;
}

/* Active and inactive ones; "deleted are not listed" is not sure (facts, section 3). */
static bool listed(const struct call *call, const struct user *user)
{
	return user->state != USER_DELETED || switched(call, SWITCH_SCIM_DELETED);
}


static void collect(const struct call *call, const struct query *query, struct numbers *ret)
{
	const struct user *user;

	if (by_index(call, query, &user)) {
		if (user && listed(call, user))
			vec_push(ret, user->number);
		return;
	}
	for (size_t i = 0; i < call->store->users.count; i++) {
		user = call->store->users.items[i];
		if (listed(call, user) && matches(call, user, query))
			vec_push(ret, user->number);
	}
}

/* ---- answers ---- */

static void write_json(struct json_out *out, const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	if (text)
		json_out_raw(out, slice_str(text));
	free(text);
}

static void write_list(struct call *call, const struct numbers *users, unsigned start,
		       unsigned count)
{
	size_t first = start - 1u < users->count ? start - 1u : users->count;
	size_t end = users->count - first > count ? first + count : users->count;
	struct json_out *out = &call->out;

	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "schemas");
	json_out_array(out);
	json_out_text(out, SCIM_URN_LIST);
	json_out_array_end(out);
	json_out_member_int(out, "totalResults", (int64_t)users->count);
	json_out_member_int(out, "startIndex", start);
	json_out_member_int(out, "itemsPerPage", (int64_t)(end - first));
	json_out_key(out, "Resources");
	json_out_array(out);
	for (size_t i = first; i < end; i++) {
		json_t *json = scim_user_selected(
			call, call->store->users.items[users->items[i]]);

		write_json(out, json);
		json_decref(json);
	}
	json_out_array_end(out);
	json_out_object_end(out);
}

void op_scim_users(struct call *call)
{
	struct slice filter = query_get(call, "filter");
	struct numbers found = { 0 };
	struct query query = { 0 };
	unsigned start, count;

	if (!query_number(call, "startIndex", 1, 0, INT32_MAX, &start) ||
	    !query_number(call, "count", COUNT_DEFAULT, 0, COUNT_MAX, &count) ||
	    !scim_user_choices(call))
		return;
	if (count > COUNT_EXPENSIVE_MAX && scim_user_expensive(call)) {
		refuse_too_many(call, 1);
		return;
	}
	/* RFC 7644 section 3.4.2.4: less than 1 means 1. */
	if (!start)
		start = 1;
	if (!filter.data && switched(call, SWITCH_SCIM_INACTIVE)) {
		for (size_t i = 0; i < call->store->users.count; i++)
			if (call->store->users.items[i]->state != USER_DELETED)
				vec_push(&found, (uint32_t)i);
		write_list(call, &found, start, count);
		vec_release(&found);
		return;
	}
	if (!filter.data) {
		write_list(call, &call->store->by_state[USER_ACTIVE], start, count);
		return;
	}
	if (!read_filter(call, filter, &query))
		return;
	if (!query.authority && query.field == FIELD_ACTIVE) {
		write_list(call,
			   &call->store->by_state[query.active ? USER_ACTIVE : USER_INACTIVE],
			   start, count);
		return;
	}
	collect(call, &query, &found);
	write_list(call, &found, start, count);
	vec_release(&found);
}

void scim_answer_user(struct call *call, int status, const struct user *user)
{
	json_t *json = scim_user_selected(call, user);

	answer_begin(call, status);
	answer_header(call, "ETag", "\"%lld\"", (long long)user->version);
	write_json(&call->out, json);
	json_decref(json);
}

bool scim_version_is(const char *header, const struct user *user)
{
	char want[32];

	snprintf(want, sizeof(want), "\"%lld\"", (long long)user->version);
	return !strcmp(header, want) || !strcmp(header, "*");
}

void op_scim_user(struct call *call)
{
	const struct user *user = call_user(call, call->ids[0]);
	const char *none_match = call->request->if_none_match;

	if (!user || !scim_user_choices(call))
		return;
	if (none_match && scim_version_is(none_match, user)) {
		answer_empty(call, 304);
		answer_header(call, "ETag", "\"%lld\"", (long long)user->version);
		return;
	}
	scim_answer_user(call, 200, user);
}
