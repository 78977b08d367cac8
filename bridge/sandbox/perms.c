/*
 * What a client must be allowed to do, operation by operation, from the vendor's contract;
 * apart from api.def, so that a wrong row there shows. A client has roles with divisions
 * (facts, section 1); without any in the data it may do everything.
 *
 * Where a thing has a division, the permission must hold there (scope).
 */
#include <stdio.h>
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

#define NEEDS_MAX 10

enum scope {
	SCOPE_ANYWHERE, /* it is enough to have it in some division */
	SCOPE_USER,     /* in the user's */
	SCOPE_DIVISION, /* in the one the path or the grants name */
	SCOPE_ITEM,     /* in that of the queue, team or unit */
	SCOPE_ALL,      /* in all of them */
};

static const struct {
	enum scope scope;
	bool all; /* of the permissions, not any */
	const char *needs[NEEDS_MAX];
} rows[API_OP_COUNT] = {
	[API_ROLES] = { SCOPE_ANYWHERE, false, { "authorization:role:view" } },
	[API_SKILLS] = { SCOPE_ANYWHERE, false, { "routing:skill:view" } },
	[API_QUEUES] = { SCOPE_ANYWHERE, false, { "routing:queue:view" } },
	[API_TEAMS] = { SCOPE_ANYWHERE, false, { "groups:team:view" } },
	[API_WORK_PLANS] = { SCOPE_ITEM, false, { "wfm:agent:view",
						  "wfm:publishedSchedule:view",
						  "wfm:schedule:view",
						  "wfm:workPlanRotation:view",
						  "wfm:workPlan:view" } },
	[API_SKILL_CREATE] = { SCOPE_ANYWHERE, false, { "routing:skill:manage",
							"routing:skill:create" } },
	[API_LANGUAGE_CREATE] = { SCOPE_ANYWHERE, false, { "routing:skill:manage" } },
	[API_OAUTH_CLIENT] = { SCOPE_ANYWHERE, false, { "oauth:client:view" } },
	[API_OAUTH_CLIENTS] = { SCOPE_ANYWHERE, false, { "oauth:client:view" } },
	/* "in all divisions" (facts, section 2) */
	[API_USERS_QUERY] = { SCOPE_ALL, false, { "directory:user:view" } },
	[API_USERS_SEARCH] = { SCOPE_ANYWHERE, false, { "directory:user:view" } },
	[API_GRANTS] = { SCOPE_DIVISION, false, { "authorization:grant:view" } },
	[API_SUBJECT] = { SCOPE_ANYWHERE, false, { "authorization:grant:view" } },
	[API_QUEUE_MEMBERS] = { SCOPE_ITEM, false, { "routing:queue:view",
						     "routing:queue:edit",
						     "routing:queue:readonly",
						     "routing:queueMember:manage" } },
	[API_TEAM_MEMBERS] = { SCOPE_ITEM, false, { "groups:team:view" } },
	[API_UNIT_USERS] = { SCOPE_ITEM, false, { "wfm:agent:view",
						  "wfm:historicalAdherence:view",
						  "wfm:publishedSchedule:view",
						  "wfm:realtimeAdherence:view",
						  "wfm:schedule:view",
						  "wfm:staffingGroup:view",
						  "wfm:timeOffRequest:view",
						  "wfm:workPlanRotation:view",
						  "wfm:workPlan:view" } },
	[API_UNIT_OF] = { SCOPE_ANYWHERE, false, { "wfm:agent:view",
						   "wfm:publishedSchedule:view",
						   "wfm:schedule:view",
						   "coaching:appointment:add",
						   "coaching:appointment:edit",
						   "learning:assignment:add",
						   "learning:assignment:reschedule" } },
	[API_WORK_PLANS_QUERY] = { SCOPE_ITEM, false, { "wfm:workPlan:view" } },
	/* "any of": a part without permission may fail though (facts, section 3) */
	[API_SCIM_CREATE] = { SCOPE_ANYWHERE, false, { "directory:user:add",
						       "authorization:grant:add",
						       "authorization:grant:delete",
						       "routing:skill:assign",
						       "routing:language:assign",
						       "telephony:extension:assign" } },
	[API_SCIM_PATCH] = { SCOPE_USER, false, { "directory:user:edit",
						  "directory:user:setPassword",
						  "authorization:grant:add",
						  "authorization:grant:delete",
						  "routing:skill:assign",
						  "routing:language:assign",
						  "telephony:extension:assign" } },
	[API_USER_PATCH] = { SCOPE_USER, false, { "directory:user:edit",
						  "directory:organization:admin", "admin" } },
	[API_TOKENS_DELETE] = { SCOPE_ANYWHERE, false, { "oauth:token:delete" } },
	[API_SKILLS_PATCH] = { SCOPE_USER, false, { "routing:skill:assign" } },
	[API_SKILLS_PUT] = { SCOPE_USER, false, { "routing:skill:assign" } },
	[API_SKILL_DELETE] = { SCOPE_USER, false, { "routing:skill:assign" } },
	[API_LANGUAGES_PATCH] = { SCOPE_USER, false, { "routing:skill:assign",
						       "routing:language:assign" } },
	[API_LANGUAGE_DELETE] = { SCOPE_USER, false, { "routing:skill:assign",
						       "routing:language:assign" } },
	[API_ROLE_GRANT] = { SCOPE_DIVISION, true, { "authorization:grant:add" } },
	[API_SUBJECT_BULKADD] = { SCOPE_DIVISION, true, { "authorization:grant:add" } },
	[API_SUBJECT_BULKREMOVE] = { SCOPE_DIVISION, true, { "authorization:grant:delete" } },
	[API_SUBJECT_BULKREPLACE] = { SCOPE_DIVISION, true, { "authorization:grant:add",
							      "authorization:grant:delete" } },
	[API_GRANT_DELETE] = { SCOPE_DIVISION, true, { "authorization:grant:delete" } },
	[API_QUEUE_CHANGE] = { SCOPE_ITEM, false, { "routing:queue:edit",
						    "routing:queueMember:manage" } },
	[API_TEAM_ADD] = { SCOPE_ITEM, false, { "groups:team:assign" } },
	[API_TEAM_REMOVE] = { SCOPE_ITEM, false, { "groups:team:assign" } },
	[API_UNIT_MOVE] = { SCOPE_ANYWHERE, false, { "wfm:agent:edit" } },
	[API_WORK_PLANS_PATCH] = { SCOPE_ITEM, false, { "wfm:workPlan:edit" } },
};

static bool role_has(const struct item *role, const char *permission)
{
	for (size_t i = 0; i < role->permissions.count; i++)
		if (!strcmp(role->permissions.items[i], permission))
			return true;
	return false;
}

/* `division` NONE = in any. */
static bool has(const struct call *call, const char *permission, uint32_t division)
{
	const struct client *client = &call->store->clients.items[call->token->client];

	for (size_t i = 0; i < client->roles.count; i++) {
		const struct client_role *role = &client->roles.items[i];

		if (division != NONE && role->division != ALL_DIVISIONS &&
		    role->division != division)
			continue;
		if (role_has(call->store->kinds[ITEM_ROLE].items[role->role], permission))
			return true;
	}
	return false;
}

static bool refuse_missing(struct call *call)
{
	char list[400] = "";
	bool all = rows[call->op].all;

	for (int i = 0; i < NEEDS_MAX && rows[call->op].needs[i]; i++) {
		size_t len = strlen(list);

		snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "",
			 rows[call->op].needs[i]);
	}
	refuse_platform(call, 403, all ? "missing.permissions" : "missing.any.permissions",
			"Unable to perform the requested action. You are missing %sthe "
			"following permission(s): %s",
			all ? "" : "one of ", list);
	return false;
}

static bool check(struct call *call, uint32_t division)
{
	bool all = rows[call->op].all, any = false;

	if (!call->store->clients.items[call->token->client].restricted ||
	    !rows[call->op].needs[0])
		return true;
	for (int i = 0; i < NEEDS_MAX && rows[call->op].needs[i]; i++) {
		bool one = has(call, rows[call->op].needs[i], division);

		if (all && !one)
			return refuse_missing(call);
		any |= one;
	}
	return any || refuse_missing(call);
}

bool permitted(struct call *call)
{
	return check(call, rows[call->op].scope == SCOPE_ALL ? ALL_DIVISIONS : NONE);
}

bool permitted_user(struct call *call, const struct user *user)
{
	return rows[call->op].scope != SCOPE_USER || check(call, user->division);
}

bool permitted_division(struct call *call, uint32_t division)
{
	return rows[call->op].scope != SCOPE_DIVISION || check(call, division);
}

bool permitted_item(struct call *call, const struct item *item)
{
	return rows[call->op].scope != SCOPE_ITEM || item->division == NONE ||
	       check(call, item->division);
}

/* Each once; the list is short, and asked for seldom. */
const char *const *permissions_known(struct arena *mem)
{
	const char **list = arena_array(mem, API_OP_COUNT * NEEDS_MAX + 1, sizeof(*list));
	size_t count = 0;

	for (unsigned op = 0; op < API_OP_COUNT; op++)
		for (int i = 0; i < NEEDS_MAX && rows[op].needs[i]; i++) {
			size_t k = 0;

			while (k < count && strcmp(list[k], rows[op].needs[i]) != 0)
				k++;
			if (k == count)
				list[count++] = rows[op].needs[i];
		}
	list[count] = NULL;
	return list;
}
