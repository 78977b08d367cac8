/* bridge/sandbox: teams, locations, units, work plans, single users, clients; permissions. */
#include "tests/bridge/sandbox_lab_org.h"

#include "scim/base/banned.h"

#define WFM "/api/v2/workforcemanagement"
#define PLANS WFM "/managementunits/mu1/agents/workplans"

struct row {
	const char *name, *method, *target, *body;
	int status;
	const char *has; /* in the answer */
};

/* Each on a fresh tenant; a refusal leaves it as it is. */
static const struct row rows[] = {
	{ "locations", "GET", "/api/v2/locations", NULL, 200, "\"id\":\"loc1\",\"name\":\"Berlin\"" },
	{ "locations, page too large", "GET", "/api/v2/locations?pageSize=101", NULL, 400, "pageSize" },

	/* teams */
	{ "teams", "GET", "/api/v2/teams?pageSize=1", NULL, 200,
	  "\"memberCount\":1}],\"nextUri\":\"/api/v2/teams?pageSize=1&after=c1\"" },
	{ "teams, second page", "GET", "/api/v2/teams?pageSize=1&after=c1", NULL, 200,
	  "\"name\":\"Blue\"" },
	{ "teams, last page has no next", "GET", "/api/v2/teams?pageSize=1&after=c1", NULL, 200,
	  "}],\"selfUri\"" },
	{ "teams, page too large", "GET", "/api/v2/teams?pageSize=101", NULL, 400, "pageSize" },
	{ "teams, no cursor", "GET", "/api/v2/teams?after=2", NULL, 400, "cursor" },
	{ "team members", "GET", "/api/v2/teams/t1/members", NULL, 200,
	  "{\"entities\":[{\"id\":\"u1\"}],\"selfUri\"" },
	{ "team members, page too large", "GET", "/api/v2/teams/t1/members?pageSize=101", NULL, 400, "pageSize" },
	{ "team members, unknown team", "GET", "/api/v2/teams/zz/members", NULL, 404, "team zz" },
	{ "team add", "POST", "/api/v2/teams/t1/members", "{\"memberIds\":[\"u3\"]}", 200,
	  "{\"entities\":[{\"id\":\"u3\"}],\"failures\":[]}" },
	{ "team add, one unknown, one of another division", "POST", "/api/v2/teams/t1/members",
	  "{\"memberIds\":[\"u2\",\"zz\",\"u3\"]}", 200,
	  "{\"entities\":[{\"id\":\"u3\"}],\"failures\":[{\"id\":\"u2\",\"reason\":\"UserGroupDivisionMismatch\"},"
	  "{\"id\":\"zz\",\"reason\":\"UserNotFound\"}]}" },
	{ "team add, a deleted one", "POST", "/api/v2/teams/t1/members", "{\"memberIds\":[\"u4\"]}", 200,
	  "\"reason\":\"UserNotFound\"" },
	{ "team add, memberIds missing", "POST", "/api/v2/teams/t1/members", "{}", 400, "memberIds" },
	{ "team add, memberIds no array", "POST", "/api/v2/teams/t1/members", "{\"memberIds\":\"u1\"}", 400, "memberIds" },
	{ "team add, unknown field", "POST", "/api/v2/teams/t1/members", "{\"memberIds\":[],\"a\":1}", 400, "\\\"a\\\"" },
	{ "team add, unknown team", "POST", "/api/v2/teams/zz/members", "{\"memberIds\":[]}", 404, "team zz" },
	{ "team remove", "DELETE", "/api/v2/teams/t1/members?id=u1,u2", NULL, 204, "" },
	{ "team remove, id missing", "DELETE", "/api/v2/teams/t1/members", NULL, 400, "id" },
	{ "team remove, unknown user", "DELETE", "/api/v2/teams/t1/members?id=zz", NULL, 404, "not.found" },

	/* units and work plans, read */
	{ "units", "GET", WFM "/managementunits", NULL, 200,
	  "\"name\":\"MU Berlin\",\"businessUnit\":{\"id\":\"bu1\"},\"division\":{\"id\":\"d-home\"}}" },
	{ "units, paging is not supported", "GET", WFM "/managementunits?pageSize=5", NULL, 400, "pageSize" },
	{ "work plans", "GET", WFM "/managementunits/mu2/workplans", NULL, 200,
	  "{\"entities\":[{\"id\":\"wp3\",\"name\":\"Full time\",\"enabled\":true,\"metadata\":{\"version\":1}}]}" },
	{ "work plans, unknown unit", "GET", WFM "/managementunits/zz/workplans", NULL, 404, "management unit zz" },
	{ "unit users", "GET", WFM "/managementunits/mu1/users", NULL, 200, "{\"entities\":[{\"id\":\"u1\"}]}" },
	{ "unit users, unknown unit", "GET", WFM "/managementunits/zz/users", NULL, 404, "not.found" },
	{ "unit of", "GET", WFM "/agents/u1/managementunit", NULL, 200, "\"managementUnit\":{\"id\":\"mu1\"}" },
	{ "unit of, in none", "GET", WFM "/agents/u2/managementunit", NULL, 404, "in no management unit" },
	{ "unit of, unknown user", "GET", WFM "/agents/zz/managementunit", NULL, 404, "user zz" },
	{ "plans query", "POST", PLANS "/query",
	  "{\"agentIds\":[\"u1\",\"u2\"],\"startDate\":\"2026-01-05\",\"weekCount\":2}", 200,
	  "{\"result\":{\"entities\":[{\"user\":{\"id\":\"u1\"},\"workPlanLookupKeysPerWeek\":[0,0]}],"
	  "\"referenceStartWeekDate\":\"2026-01-05\",\"workPlanLookup\":{\"0\":{\"id\":\"wp1\"" },
	{ "plans query, agentIds missing", "POST", PLANS "/query",
	  "{\"startDate\":\"2026-01-05\",\"weekCount\":1}", 400, "agentIds" },
	{ "plans query, startDate missing", "POST", PLANS "/query", "{\"agentIds\":[],\"weekCount\":1}", 400, "startDate" },
	{ "plans query, weekCount missing", "POST", PLANS "/query",
	  "{\"agentIds\":[],\"startDate\":\"2026-01-05\"}", 400, "weekCount" },
	{ "plans query, weekCount as text", "POST", PLANS "/query",
	  "{\"agentIds\":[],\"startDate\":\"2026-01-05\",\"weekCount\":\"1\"}", 400, "weekCount" },
	{ "plans query, no date", "POST", PLANS "/query",
	  "{\"agentIds\":[],\"startDate\":\"5.1.2026\",\"weekCount\":1}", 400, "invalid.date" },

	/* moves */
	{ "move", "POST", WFM "/agents", "{\"userIds\":[\"u2\"],\"destinationManagementUnitId\":\"mu2\"}", 202,
	  "\"results\":[{\"user\":{\"id\":\"u2\"},\"result\":\"MoveSuccessful\"}]" },
	{ "move out", "POST", WFM "/agents", "{\"userIds\":[\"u1\"],\"destinationManagementUnitId\":null}", 202, "MoveSuccessful" },
	{ "move, is there", "POST", WFM "/agents", "{\"userIds\":[\"u1\"],\"destinationManagementUnitId\":\"mu1\"}", 202, "AlreadyMoved" },
	{ "move out, is in none", "POST", WFM "/agents", "{\"userIds\":[\"u2\"]}", 202, "NothingToDo" },
	{ "move, unknown unit", "POST", WFM "/agents", "{\"userIds\":[\"u1\"],\"destinationManagementUnitId\":\"zz\"}", 202,
	  "DestinationManagementUnitDoesNotExist" },
	{ "move, userIds missing", "POST", WFM "/agents", "{}", 400, "userIds" },
	{ "move, userIds no array", "POST", WFM "/agents", "{\"userIds\":\"u1\"}", 400, "userIds" },
	{ "move, unit no text", "POST", WFM "/agents", "{\"userIds\":[\"u1\"],\"destinationManagementUnitId\":1}", 400, "destination" },
	{ "move, unknown user", "POST", WFM "/agents", "{\"userIds\":[\"zz\"]}", 404, "user zz" },

	/* work plans, written */
	{ "plan", "PATCH", PLANS "/bulk", "{\"entities\":[{\"userId\":\"u1\",\"workPlanId\":{\"value\":\"wp2\"}}]}", 200, "{\"failures\":[]}" },
	{ "plan of another unit", "PATCH", PLANS "/bulk", "{\"entities\":[{\"userId\":\"u1\",\"workPlanId\":{\"value\":\"wp3\"}}]}", 200,
	  "{\"failures\":[{\"user\":{\"id\":\"u1\"},\"failure\":\"WorkPlanNotFound\",\"notFoundWorkPlanId\":\"wp3\"}]}" },
	{ "plan, agent elsewhere", "PATCH", PLANS "/bulk", "{\"entities\":[{\"userId\":\"u2\",\"workPlanId\":{\"value\":\"wp1\"}}]}", 200,
	  "AgentNotInManagementUnit" },
	{ "plan, not wrapped", "PATCH", PLANS "/bulk", "{\"entities\":[{\"userId\":\"u1\",\"workPlanId\":\"wp1\"}]}", 400, "workPlanId" },
	{ "plan, userId missing", "PATCH", PLANS "/bulk", "{\"entities\":[{\"workPlanId\":{\"value\":\"wp1\"}}]}", 400, "userId" },
	{ "plan, value no text", "PATCH", PLANS "/bulk", "{\"entities\":[{\"userId\":\"u1\",\"workPlanId\":{\"value\":1}}]}", 400, "value" },
	{ "plan, entities no array", "PATCH", PLANS "/bulk", "{\"entities\":{}}", 400, "entities" },
	{ "plan, unknown unit", "PATCH", WFM "/managementunits/zz/agents/workplans/bulk", "{}", 404, "not.found" },

	/* single users */
	{ "user", "GET", "/api/v2/users/u3", NULL, 200, "\"state\":\"inactive\"" },
	{ "user, expanded", "GET", "/api/v2/users/u1?expand=team,locations", NULL, 200,
	  "\"locations\":[],\"team\":{\"id\":\"t1\"" },
	{ "user, deleted", "GET", "/api/v2/users/u4", NULL, 404, "not.found" },
	{ "user, deleted asked for", "GET", "/api/v2/users/u4?state=deleted", NULL, 200, "\"state\":\"deleted\"" },
	{ "user, living asked for as deleted", "GET", "/api/v2/users/u1?state=deleted", NULL, 404, "not.found" },
	{ "user, no such state", "GET", "/api/v2/users/u1?state=inactive", NULL, 400, "invalid.value" },
	{ "user, unknown expand", "GET", "/api/v2/users/u1?expand=x", NULL, 400, "expand" },
	{ "patch manager and locations", "PATCH", "/api/v2/users/u2",
	  "{\"version\":1,\"manager\":\"u1\",\"locations\":[{\"id\":\"loc2\"}]}", 200,
	  "\"manager\":{\"id\":\"u1\"},\"version\":2,\"locations\":[{\"id\":\"loc2\","
	  "\"locationDefinition\":{\"id\":\"loc2\",\"name\":\"Osaka\"}}]" },
	{ "patch, version missing", "PATCH", "/api/v2/users/u2", "{\"manager\":\"u1\"}", 400, "version" },
	{ "patch, version as text", "PATCH", "/api/v2/users/u2", "{\"version\":\"1\"}", 400, "version" },
	{ "patch, stale", "PATCH", "/api/v2/users/u2", "{\"version\":7,\"title\":\"x\"}", 409, "general.conflict" },
	{ "patch, unknown manager", "PATCH", "/api/v2/users/u2", "{\"version\":1,\"manager\":\"zz\"}", 404, "user zz" },
	{ "patch, manager no text", "PATCH", "/api/v2/users/u2", "{\"version\":1,\"manager\":{\"id\":\"u1\"}}", 400, "manager" },
	{ "patch, unknown location", "PATCH", "/api/v2/users/u2", "{\"version\":1,\"locations\":[{\"id\":\"x\"}]}", 404, "location x" },
	{ "patch, locations no array", "PATCH", "/api/v2/users/u2", "{\"version\":1,\"locations\":{}}", 400, "locations" },
	{ "patch, unknown field", "PATCH", "/api/v2/users/u2", "{\"version\":1,\"divisionId\":\"d\"}", 400, "divisionId" },
	{ "patch state alone", "PATCH", "/api/v2/users/u2", "{\"version\":1,\"state\":\"inactive\"}", 200, "\"state\":\"inactive\"" },
	{ "patch state with more", "PATCH", "/api/v2/users/u2", "{\"version\":1,\"state\":\"inactive\",\"title\":\"x\"}", 400, "state" },
	{ "patch, no such state", "PATCH", "/api/v2/users/u2", "{\"version\":1,\"state\":\"gone\"}", 400, "invalid.value" },
	{ "patch of a deleted one", "PATCH", "/api/v2/users/u4", "{\"version\":1,\"title\":\"x\"}", 404, "not.found" },
	{ "restore", "PATCH", "/api/v2/users/u4", "{\"version\":1,\"state\":\"active\"}", 200, "\"state\":\"active\"" },
	{ "end sessions", "DELETE", "/api/v2/tokens/u1", NULL, 200, "" },
	{ "end sessions, unknown user", "DELETE", "/api/v2/tokens/zz", NULL, 404, "user zz" },

	/* lists beside the list */
	{ "query", "GET", "/api/v2/users/query?pageSize=1&state=active", NULL, 200,
	  "\"nextUri\":\"/api/v2/users/query?pageSize=1&cursor=c1&state=active\",\"cursor\":\"c1\"" },
	{ "query, last", "GET", "/api/v2/users/query?pageSize=1&cursor=c1", NULL, 200, "\"id\":\"u2\"" },
	{ "query, page too large", "GET", "/api/v2/users/query?pageSize=501", NULL, 400, "pageSize" },
	{ "query, no cursor", "GET", "/api/v2/users/query?cursor=x", NULL, 400, "cursor" },
	{ "query, no such state", "GET", "/api/v2/users/query?state=x", NULL, 400, "state" },
	{ "search the deleted by e-mail", "POST", "/api/v2/users/search",
	  "{\"query\":[{\"type\":\"EXACT\",\"fields\":[\"email\"],\"value\":\"DAN@x.org\"},"
	  "{\"type\":\"EXACT\",\"fields\":[\"state\"],\"value\":\"deleted\"}]}", 200,
	  "{\"total\":1,\"pageCount\":1,\"pageSize\":25,\"pageNumber\":1,\"types\":[\"users\"],\"results\":[{\"id\":\"u4\"" },
	{ "search without state leaves the deleted out", "POST", "/api/v2/users/search",
	  "{\"query\":[{\"type\":\"EXACT\",\"fields\":[\"email\"],\"value\":\"dan@x.org\"}]}", 200, "\"total\":0" },
	{ "search, several values", "POST", "/api/v2/users/search",
	  "{\"query\":[{\"type\":\"EXACT\",\"fields\":[\"email\"],\"values\":[\"bob@x.org\",\"ann@x.org\",\"dan@x.org\"]},"
	  "{\"type\":\"EXACT\",\"fields\":[\"state\"],\"values\":[\"active\",\"deleted\"]}]}", 200, "\"total\":3" },
	{ "search, type missing", "POST", "/api/v2/users/search", "{\"query\":[{\"fields\":[\"email\"],\"value\":\"a\"}]}", 400, "type" },
	{ "search, unknown type", "POST", "/api/v2/users/search", "{\"query\":[{\"type\":\"IS\",\"fields\":[\"email\"],\"value\":\"a\"}]}", 400, "type" },
	{ "search, unknown field", "POST", "/api/v2/users/search", "{\"query\":[{\"type\":\"EXACT\",\"fields\":[\"mail\"],\"value\":\"a\"}]}", 400, "mail" },
	{ "search, page too large", "POST", "/api/v2/users/search", "{\"pageSize\":101}", 400, "pageSize" },
	{ "search, query no array", "POST", "/api/v2/users/search", "{\"query\":{}}", 400, "query" },

	/* skills and languages, grants */
	{ "put skills", "PUT", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"s-tech\",\"proficiency\":1}]", 200,
	  "{\"entities\":[{\"id\":\"s-tech\",\"name\":\"Tech\",\"proficiency\":1,\"state\":\"active\"}]" },
	{ "put no skills", "PUT", "/api/v2/users/u1/routingskills/bulk", "[]", 200, "\"entities\":[]" },
	{ "put skills, no array", "PUT", "/api/v2/users/u1/routingskills/bulk", "{}", 400, "array" },
	{ "put skills, proficiency missing", "PUT", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"s-tech\"}]", 400, "proficiency" },
	{ "put skills, unknown", "PUT", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"zz\",\"proficiency\":1}]", 404, "skill zz" },
	{ "no PUT of languages", "PUT", "/api/v2/users/u1/routinglanguages/bulk", "[]", 405, "PUT" },
	{ "new skill", "POST", "/api/v2/routing/skills", "{\"name\":\"New\"}", 200, "\"name\":\"New\"" },
	{ "new skill, there already", "POST", "/api/v2/routing/skills", "{\"name\":\"Tech\"}", 409, "general.conflict" },
	{ "new skill, no name", "POST", "/api/v2/routing/skills", "{}", 400, "name" },
	{ "new skill, name no text", "POST", "/api/v2/routing/skills", "{\"name\":1}", 400, "name" },
	{ "new language", "POST", "/api/v2/routing/languages", "{\"name\":\"Japanese\"}", 200, "\"name\":\"Japanese\"" },
	{ "new language, there already", "POST", "/api/v2/routing/languages", "{\"name\":\"English\"}", 409, "language" },
	{ "bulkremove", "POST", AUTHZ "/subjects/u1/bulkremove", "{\"grants\":[{\"roleId\":\"r-emp\",\"divisionId\":\"d-home\"}]}", 204, "" },
	{ "bulkremove, a role is gone", "POST", AUTHZ "/subjects/u1/bulkremove",
	  "{\"grants\":[{\"roleId\":\"r-emp\",\"divisionId\":\"d-home\"},{\"roleId\":\"zz\",\"divisionId\":\"d-home\"}]}", 404, "role zz" },
	{ "bulkremove, a division is gone", "POST", AUTHZ "/subjects/u1/bulkremove",
	  "{\"grants\":[{\"roleId\":\"r-emp\",\"divisionId\":\"zz\"}]}", 404, "division zz" },
	{ "bulkremove, grants missing", "POST", AUTHZ "/subjects/u1/bulkremove", "{}", 400, "grants" },
	{ "bulkremove, roleId no text", "POST", AUTHZ "/subjects/u1/bulkremove", "{\"grants\":[{\"roleId\":1,\"divisionId\":\"d-home\"}]}", 400, "roleId" },
	{ "bulkreplace", "POST", AUTHZ "/subjects/u1/bulkreplace", "{\"grants\":[{\"roleId\":\"r-agent\",\"divisionId\":\"d-osaka\"}]}", 200, "" },
	{ "bulkreplace, grants missing", "POST", AUTHZ "/subjects/u1/bulkreplace", "{}", 400, "grants" },
	{ "bulkreplace, divisionId missing", "POST", AUTHZ "/subjects/u1/bulkreplace", "{\"grants\":[{\"roleId\":\"r-emp\"}]}", 400, "divisionId" },

	/* the organisation */
	{ "whose token", "GET", AUTHZ "/subjects/me", NULL, 200,
	  "{\"id\":\"c\",\"name\":\"bridge\",\"grants\":[{\"subjectId\":\"c\",\"division\":{\"id\":\"*\"" },
	{ "clients", "GET", "/api/v2/oauth/clients", NULL, 200,
	  "\"roleDivisions\":[{\"roleId\":\"r-osaka\",\"divisionId\":\"d-osaka\"}]" },
	{ "client", "GET", "/api/v2/oauth/clients/o", NULL, 200, "\"authorizedGrantType\":\"CLIENT-CREDENTIALS\"" },
	{ "client, unknown", "GET", "/api/v2/oauth/clients/zz", NULL, 404, "client zz" },
	{ "limits", "GET", "/api/v2/organizations/limits/namespaces/platform.api", NULL, 200,
	  "\"key\":\"client.credentials.token.rate.per.minute\",\"value\":300" },
	{ "limits, unknown namespace", "GET", "/api/v2/organizations/limits/namespaces/zz", NULL, 404, "zz" },
	{ "SCIM configuration", "GET", "/api/v2/scim/v2/serviceproviderconfig", NULL, 200, "\"bulk\":{\"supported\":false" },
};

static void test_rows(void **state)
{
	char *whole = lab_whole();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab *lab = lab_new(whole, 300);
		int status = lab_ask(lab, rows[i].method, rows[i].target, rows[i].body);

		if (status != rows[i].status || !strstr(lab_text(lab), rows[i].has))
			fail_msg("%s: %d %s", rows[i].name, status, lab_text(lab));
		if (status >= 400 && strcmp(lab_state(lab), whole) != 0)
			fail_msg("%s: refused, yet the state is another", rows[i].name);
		lab_free(lab);
	}
	mem_free(whole);
}

/* What was loaded is saved again, byte for byte. */
static void test_round_trip(void **state)
{
	char *whole = lab_whole();
	struct lab *lab = lab_new(whole, 0);

	(void)state;
	assert_string_equal(lab_state(lab), whole);
	lab_free(lab);
	mem_free(whole);
}

/* A move is seen after its lag; the plan of the old unit goes with it. */
static void test_move(void **state)
{
	char *whole = lab_whole();
	struct lab *lab = lab_new(whole, 0);

	(void)state;
	lab_ask(lab, "POST", WFM "/agents", "{\"userIds\":[\"u1\"],\"destinationManagementUnitId\":\"mu2\"}");
	lab_ask(lab, "GET", WFM "/agents/u1/managementunit", NULL);
	assert_non_null(strstr(lab_text(lab), "\"id\":\"mu1\""));
	lab_ask(lab, "POST", WFM "/agents", "{\"userIds\":[\"u1\"],\"destinationManagementUnitId\":\"mu2\"}");
	assert_non_null(strstr(lab_text(lab), "AlreadyMoved"));
	lab_ask(lab, "POST", WFM "/agents", "{\"userIds\":[\"u1\"]}");
	assert_non_null(strstr(lab_text(lab), "MovingToDifferentManagementUnit"));
	lab->mono_us += 300000;
	lab_ask(lab, "GET", WFM "/agents/u1/managementunit", NULL);
	assert_non_null(strstr(lab_text(lab), "\"id\":\"mu2\""));
	assert_non_null(strstr(lab_state(lab), "\"id\":\"wp1\",\"name\":\"Full time\",\"unit\":\"mu1\",\"members\":[]"));
	lab_free(lab);
	mem_free(whole);
}

/* Deleted and restored: no role is left, not even the one that everybody has. */
static void test_restore(void **state)
{
	char *whole = lab_whole();
	struct lab *lab = lab_new(whole, 0);

	(void)state;
	assert_int_equal(lab_ask(lab, "PATCH", "/api/v2/users/u1", "{\"version\":3,\"state\":\"deleted\"}"), 200);
	assert_int_equal(lab_ask(lab, "GET", USERS "/u1", NULL), 404);
	assert_int_equal(lab_ask(lab, "PATCH", "/api/v2/users/u1", "{\"version\":4,\"state\":\"active\"}"), 200);
	assert_int_equal(lab_ask(lab, "GET", AUTHZ "/divisions/d-home/grants", NULL), 200);
	assert_non_null(strstr(lab_text(lab), "\"entities\":[]"));
	lab_free(lab);
	mem_free(whole);
}

/* ---- permissions ---- */

/* As the client that may do a little, in one division. */
static const struct row osaka[] = {
	{ "skills in its division", "PATCH", "/api/v2/users/u2/routingskills/bulk", "[{\"id\":\"s-tech\",\"proficiency\":1}]", 200, "" },
	{ "skills elsewhere", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"s-tech\",\"proficiency\":1}]", 403,
	  "missing.any.permissions" },
	{ "grant in its division", "POST", AUTHZ "/subjects/u1/bulkadd", "{\"grants\":[{\"roleId\":\"r-emp\",\"divisionId\":\"d-osaka\"}]}", 201, "" },
	{ "grant elsewhere", "POST", AUTHZ "/subjects/u1/bulkadd", "{\"grants\":[{\"roleId\":\"r-agent\",\"divisionId\":\"d-home\"}]}", 403,
	  "authorization:grant:add" },
	{ "grant everywhere", "POST", AUTHZ "/subjects/u1/bulkadd", "{\"grants\":[{\"roleId\":\"r-emp\",\"divisionId\":\"*\"}]}", 403,
	  "missing.permissions" },
	{ "both permissions needed", "POST", AUTHZ "/subjects/u1/bulkreplace", "{\"grants\":[]}", 403, "authorization:grant:delete" },
	{ "team of its division", "POST", "/api/v2/teams/t2/members", "{\"memberIds\":[\"u2\"]}", 200, "" },
	{ "team elsewhere", "POST", "/api/v2/teams/t1/members", "{\"memberIds\":[\"u3\"]}", 403, "groups:team:assign" },
	{ "not allowed at all", "GET", "/api/v2/routing/skills", NULL, 403, "routing:skill:view" },
	{ "needed in all divisions", "GET", "/api/v2/users/query", NULL, 403, "directory:user:view" },
	{ "no permission is needed", "GET", "/api/v2/users", NULL, 200, "" },
	{ "who it is", "GET", AUTHZ "/subjects/me", NULL, 200,
	  "\"division\":{\"id\":\"d-osaka\",\"name\":\"Site Osaka\"},\"role\":{\"id\":\"r-osaka\",\"name\":\"Osaka admin\","
	  "\"policies\":[{\"domain\":\"routing\",\"entityName\":\"skill\",\"actions\":[\"assign\"]}" },
};

static void test_permissions(void **state)
{
	char *whole = lab_whole();

	(void)state;
	for (size_t i = 0; i < sizeof(osaka) / sizeof(osaka[0]); i++) {
		struct lab *lab = lab_new(whole, 300);
		int status;

		lab_login_as(lab, LAB_OSAKA);
		status = lab_ask(lab, osaka[i].method, osaka[i].target, osaka[i].body);
		if (status != osaka[i].status || !strstr(lab_text(lab), osaka[i].has))
			fail_msg("%s: %d %s", osaka[i].name, status, lab_text(lab));
		if (status >= 400 && strcmp(lab_state(lab), whole) != 0)
			fail_msg("%s: refused, yet the state is another", osaka[i].name);
		lab_free(lab);
	}
	mem_free(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	     cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_move),	     cmocka_unit_test(test_restore),
		cmocka_unit_test(test_permissions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
