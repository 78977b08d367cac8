/* The lists of roles, divisions, skills, languages, groups and queues, and of members. */
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

/* Page limits: facts, section 2, "Page limit". */
static const struct {
	enum api_op op;
	enum item_kind kind;
	unsigned page_max;
} lists[] = {
	{ API_ROLES, ITEM_ROLE, 100 },	       { API_DIVISIONS, ITEM_DIVISION, 100 },
	{ API_SKILLS, ITEM_SKILL, 500 },       { API_LANGUAGES, ITEM_LANGUAGE, 500 },
	{ API_GROUPS, ITEM_GROUP, 500 },       { API_QUEUES, ITEM_QUEUE, 500 },
	{ API_LOCATIONS, ITEM_LOCATION, 100 },
};
#define LISTS (sizeof(lists) / sizeof(lists[0]))

#define QUEUE_MEMBERS_PAGE_MAX 100 /* "Max value is 100", contract */

/* The n-th part of "domain:entity:action", n from 0. */
static struct slice permission_part(const char *permission, unsigned n)
{
	const char *colon;

	for (; n && (colon = strchr(permission, ':')); n--)
		permission = colon + 1;
	if (n)
		return slice_of("", 0);
	colon = strchr(permission, ':');
	return slice_of(permission, colon ? (size_t)(colon - permission) : strlen(permission));
}

static void write_role(struct json_out *out, const struct item *role)
{
	json_out_key(out, "permissions");
	json_out_array(out);
	for (size_t i = 0; i < role->permissions.count; i++)
		json_out_text(out, role->permissions.items[i]);
	json_out_array_end(out);
	json_out_key(out, "permissionPolicies");
	json_out_array(out);
	for (size_t i = 0; i < role->permissions.count; i++) {
		const char *permission = role->permissions.items[i];

		json_out_object(out);
		json_out_key(out, "domain");
		json_out_slice(out, permission_part(permission, 0));
		json_out_key(out, "entityName");
		json_out_slice(out, permission_part(permission, 1));
		json_out_key(out, "actionSet");
		json_out_array(out);
		json_out_slice(out, permission_part(permission, 2));
		json_out_array_end(out);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void write_item(struct call *call, enum item_kind kind, const struct item *item)
{
	const struct items *divisions = &call->store->kinds[ITEM_DIVISION];
	struct json_out *out = &call->out;

	json_out_object(out);
	json_out_member(out, "id", item->id);
	json_out_member(out, "name", item->name);
	switch (kind) {
	case ITEM_DIVISION:
		json_out_member(out, "description", "");
		json_out_key(out, "homeDivision");
		json_out_bool(out, item->home);
		break;
	case ITEM_ROLE:
		write_role(out, item);
		break;
	case ITEM_SKILL:
	case ITEM_LANGUAGE:
		json_out_member(out, "state", "active");
		break;
	case ITEM_GROUP:
		json_out_member(out, "state", "active");
		json_out_member(out, "type", "official");
		json_out_member(out, "visibility", "public");
		json_out_key(out, "rulesVisible");
		json_out_bool(out, true);
		json_out_member_int(out, "memberCount", (int64_t)item->members.count);
		json_out_member_int(out, "version", item->version);
		break;
	case ITEM_QUEUE:
		if (item->division != NONE)
			write_ref(out, "division", divisions->items[item->division]);
		json_out_member_int(out, "memberCount", (int64_t)item->members.count);
		break;
	case ITEM_LOCATION:
		json_out_member(out, "state", "active");
		json_out_member_int(out, "version", item->version);
		break;
	case ITEM_TEAM:
	case ITEM_UNIT:
	case ITEM_WORK_PLAN:
	case ITEM_KIND_COUNT:
		break;
	}
	json_out_object_end(out);
}

void op_catalogue(struct call *call)
{
	struct json_out *out = &call->out;
	struct page page;
	size_t list = 0;

	while (list < LISTS - 1 && lists[list].op != call->op)
		list++;
	if (!page_read(call, lists[list].page_max, &page))
		return;
	page_of(&page, call->store->kinds[lists[list].kind].count);
	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = page.first; i < page.end; i++)
		write_item(call, lists[list].kind,
			   call->store->kinds[lists[list].kind].items[i]);
	json_out_array_end(out);
	page_write(call, &page, PAGE_FULL);
	json_out_object_end(out);
}

/* No total and no pageCount in this one list (facts, section 2). */
void op_queue_members(struct call *call)
{
	const struct item *queue = call_item(call, ITEM_QUEUE, call->ids[0]);
	struct slice by = query_get(call, "memberBy");
	struct json_out *out = &call->out;
	struct page page;

	if (!queue)
		return;
	if (by.data && !slice_eq_str(by, "user") && !slice_eq_str(by, "group")) {
		refuse_platform(call, 400, "bad.request", "memberBy must be user or group");
		return;
	}
	if (!page_read(call, QUEUE_MEMBERS_PAGE_MAX, &page))
		return;
	/* All members of this tenant's queues are there by themselves. */
	page_of(&page, slice_eq_str(by, "group") ? 0 : queue->members.count);
	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = page.first; i < page.end; i++) {
		const struct user *user = call->store->users.items[queue->members.items[i]];

		json_out_object(out);
		json_out_member(out, "id", user->id);
		json_out_member(out, "name", user->name ? user->name : "");
		json_out_key(out, "joined");
		json_out_bool(out, true);
		json_out_member(out, "memberBy", "user");
		json_out_object_end(out);
	}
	json_out_array_end(out);
	page_write(call, &page, PAGE_NO_TOTAL);
	json_out_object_end(out);
}
