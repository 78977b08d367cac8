/*
 * Members of groups. The vendor answers 202 and does it later: so the version moves at
 * once, the membership when --lag has passed.
 */
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

#define MEMBERS_MAX 50 /* in one call, both ways (contract) */

static struct item *call_group(struct call *call)
{
	return call_item(call, ITEM_GROUP, call->ids[0]);
}

static void accept(struct call *call, struct item *group, struct user *const *users,
		   size_t count, bool add)
{
	int64_t due_us = call->mono_us + call->sandbox->options.lag_ms * INT64_C(1000);

	for (size_t i = 0; i < count; i++)
		vec_push(&call->store->pending,
			 ((struct pending){ due_us, ITEM_GROUP, group->number,
					    users[i]->number, add, call->never }));
	group->version++;
	store_settle(call->store, call->mono_us);
	answer_begin(call, 202);
	json_out_object(&call->out);
	json_out_object_end(&call->out);
}

/* `version` may be left out; a stale one is refused. */
static bool version_fits(struct call *call, const struct item *group)
{
	const json_t *version = json_object_get(call->body, "version");

	if (!version)
		return true;
	if (!json_is_integer(version)) {
		refuse_platform(call, 400, "bad.request", "version must be a whole number");
		return false;
	}
	if (json_integer_value(version) == group->version)
		return true;
	refuse_version(call, "group");
	return false;
}

void op_group_add(struct call *call)
{
	static const char *const names[] = { "memberIds", "version", NULL };
	const json_t *ids = json_object_get(call->body, "memberIds");
	struct item *group = call_group(call);
	struct user *users[MEMBERS_MAX];
	size_t count;

	if (!group || !body_members(call, call->body, names, "the body") ||
	    !body_texts(call, ids, "memberIds", MEMBERS_MAX))
		return;
	count = json_array_size(ids);
	for (size_t i = 0; i < count; i++) {
		users[i] = call_user(call, slice_str(json_string_value(
						     json_array_get(ids, i))));
		if (!users[i])
			return;
	}
	if (version_fits(call, group))
		accept(call, group, users, count, true);
}

/* ?ids=a,b */
void op_group_remove(struct call *call)
{
	struct item *group = call_group(call);
	struct user *users[MEMBERS_MAX];
	size_t count;

	if (group && query_users(call, "ids", MEMBERS_MAX, users, &count))
		accept(call, group, users, count, false);
}
