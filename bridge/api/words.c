/*
 * What each operation does, for people: plans, checks and errors say this, not the name of
 * a row.
 */
#include "bridge/api/api.h"

#include <assert.h>

#include "scim/base/banned.h"

static const char *const words[API_OP_COUNT] = {
	[API_TOKEN] = "tokens",
	[API_TOKEN_INFO] = "the token looked at",
	[API_ROLES] = "roles read",
	[API_DIVISIONS] = "divisions read",
	[API_SKILLS] = "skills read",
	[API_LANGUAGES] = "languages read",
	[API_GROUPS] = "groups read",
	[API_QUEUES] = "queues read",
	[API_LOCATIONS] = "locations read",
	[API_TEAMS] = "teams read",
	[API_UNITS] = "management units read",
	[API_WORK_PLANS] = "work plans read",
	[API_SKILL_CREATE] = "skills made",
	[API_LANGUAGE_CREATE] = "languages made",
	[API_SUBJECT_ME] = "our own grants read",
	[API_OAUTH_CLIENT] = "our own OAuth client read",
	[API_OAUTH_CLIENTS] = "OAuth clients read",
	[API_LIMITS] = "limits read",
	[API_SCIM_CONFIG] = "SCIM's abilities read",
	[API_USERS] = "accounts read",
	[API_USERS_QUERY] = "accounts read, past 10,000 inactive ones",
	[API_USERS_SEARCH] = "accounts looked up",
	[API_USER] = "one account read",
	[API_GRANTS] = "role grants read",
	[API_SUBJECT] = "role grants of one person read",
	[API_QUEUE_MEMBERS] = "queue members read",
	[API_TEAM_MEMBERS] = "team members read",
	[API_UNIT_USERS] = "members of management units read",
	[API_UNIT_OF] = "one person's management unit read",
	[API_WORK_PLANS_QUERY] = "assigned work plans read",
	[API_SCIM_USERS] = "external ids read",
	[API_SCIM_USER] = "one profile read",
	[API_SCIM_CREATE] = "accounts made",
	[API_SCIM_PATCH] = "profiles changed",
	[API_USER_PATCH] = "accounts changed outside SCIM",
	[API_TOKENS_DELETE] = "people logged out",
	[API_DIVISION_MOVE] = "people moved into a division",
	[API_SKILLS_PATCH] = "skills of one person set",
	[API_SKILLS_PUT] = "skills of one person replaced",
	[API_SKILL_DELETE] = "one skill removed",
	[API_LANGUAGES_PATCH] = "languages of one person set",
	[API_LANGUAGE_DELETE] = "one language removed",
	[API_ROLE_GRANT] = "one role given to many people",
	[API_SUBJECT_BULKADD] = "roles of one person added",
	[API_SUBJECT_BULKREMOVE] = "roles of one person removed",
	[API_SUBJECT_BULKREPLACE] = "roles of one person replaced",
	[API_GRANT_DELETE] = "one role removed",
	[API_GROUP_ADD] = "people added to a group",
	[API_GROUP_REMOVE] = "people removed from a group",
	[API_QUEUE_CHANGE] = "members of a queue changed",
	[API_TEAM_ADD] = "people added to a team",
	[API_TEAM_REMOVE] = "people removed from a team",
	[API_UNIT_MOVE] = "people moved into a management unit",
	[API_WORK_PLANS_PATCH] = "work plans assigned",
	/* any SCIM service */
	[API_STD_CONFIG] = "what the service can do read",
	[API_STD_SCHEMAS] = "schemas of the service read",
	[API_STD_USERS] = "pages of users read",
	[API_STD_USER] = "one user read",
	[API_STD_USER_CREATE] = "user created",
	[API_STD_USER_PATCH] = "user changed",
	[API_STD_USER_PUT] = "user written whole",
	[API_STD_USER_DELETE] = "user deleted",
	[API_STD_GROUPS] = "pages of groups read",
	[API_STD_GROUP] = "one group read",
	[API_STD_GROUP_CREATE] = "group created",
	[API_STD_GROUP_PATCH] = "members of a group changed",
	[API_STD_GROUP_PUT] = "group written whole",
	[API_STD_GROUP_DELETE] = "group deleted",
	[API_STD_BULK] = "many changes in one call",
};

const char *api_words(enum api_op op)
{
	assert((unsigned)op < API_OP_COUNT);
	return words[op] ? words[op] : api_op(op)->path;
}
