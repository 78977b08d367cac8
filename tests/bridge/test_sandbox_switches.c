/* bridge/sandbox: each switch both ways, by a request that tells them apart. */
#include "tests/bridge/sandbox_lab_org.h"

#include "scim/base/banned.h"

#define WFM "/api/v2/workforcemanagement"
#define PAIR "{\"roleId\":\"r-emp\",\"divisionId\":\"d-home\"}"
#define GONE "{\"grants\":[" PAIR ",{\"roleId\":\"zz\",\"divisionId\":\"d-home\"}]}"

/* Each on a fresh tenant; `set` NULL = the default. */
static const struct {
	const char *set, *method, *target, *body;
	int status;
	const char *has; /* in the answer; "!x" = x is not */
} rows[] = {
	{ NULL, "POST", USERS, "{\"userName\":\"dan@x.org\",\"displayName\":\"Dan\"}", 409, "uniqueness" },
	{ "scim-post-deleted=restore", "POST", USERS, "{\"userName\":\"dan@x.org\",\"displayName\":\"Dan\"}", 201, "\"id\":\"u4\"" },
	{ "scim-post-deleted=restore", "POST", USERS, "{\"userName\":\"bob@x.org\",\"displayName\":\"Bob\"}", 409, "uniqueness" },
	{ NULL, "GET", USERS "?count=26", NULL, 429, "too.many.requests.retry.after" },
	{ "scim-gateway-errors=scim", "GET", USERS "?count=26", NULL, 429, "urn:ietf:params:scim:api:messages:2.0:Error" },
	{ "scim-gateway-errors=scim", "GET", "/api/v2/users/zz", NULL, 404, "not.found" },
	{ NULL, "POST", USERS, "{" NEW_USER "}", 201, "\"division\":\"Home\"" },
	{ "scim-create-division=refused", "POST", USERS, "{" NEW_USER "}", 400, "division is required" },
	{ "scim-create-division=refused", "POST", USERS, "{" NEW_USER ",\"" ENT "\":{\"division\":\"Home\"}}", 201, "\"active\":true" },
	{ NULL, "GET", USERS, NULL, 200, "\"totalResults\":2" },
	{ "scim-list-inactive=listed", "GET", USERS, NULL, 200, "\"totalResults\":3" },
	{ NULL, "GET", USERS "?filter=userName+eq+%22dan@x.org%22", NULL, 200, "\"totalResults\":0" },
	{ "scim-list-deleted=listed", "GET", USERS "?filter=userName+eq+%22dan@x.org%22", NULL, 200, "\"totalResults\":1" },
	{ NULL, "PUT", "/api/v2/users/u1/routingskills/bulk", "[]", 200, "\"entities\":[]" },
	{ "put-skills-empty=refused", "PUT", "/api/v2/users/u1/routingskills/bulk", "[]", 400, "empty" },
	{ NULL, "PATCH", "/api/v2/users/u1/routinglanguages/bulk", "[{\"id\":\"l-en\",\"proficiency\":2.5}]", 200, "2.5" },
	{ "language-levels=whole", "PATCH", "/api/v2/users/u1/routinglanguages/bulk", "[{\"id\":\"l-en\",\"proficiency\":2.5}]", 400, "whole" },
	{ "language-levels=whole", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"s-bill\",\"proficiency\":1.5}]", 200, "1.5" },
	{ NULL, "PATCH", "/api/v2/users/u1", "{\"version\":1,\"title\":\"x\"}", 409, "general.conflict" },
	{ "version-conflict=400", "PATCH", "/api/v2/users/u1", "{\"version\":1,\"title\":\"x\"}", 400, "does not match the current version" },
	{ "version-conflict=400", "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[],\"version\":1}", 400, "current version" },
	{ NULL, "GET", "/api/v2/users?expand=skills&state=any&pageSize=1&pageNumber=4", NULL, 200, "\"skills\":[]" },
	{ "users-expand=gaps", "GET", "/api/v2/users?expand=skills&state=any&pageSize=1&pageNumber=4", NULL, 200, "!\"skills\"" },
	{ "users-expand=gaps", "GET", "/api/v2/users?expand=skills&state=any&id=u4", NULL, 200, "\"skills\":[]" },
	{ NULL, "POST", AUTHZ "/subjects/u1/bulkremove", GONE, 404, "role zz" },
	{ "bulkremove-gone=passes", "POST", AUTHZ "/subjects/u1/bulkremove", GONE, 204, "" },
	{ "bulkremove-gone=passes", "POST", AUTHZ "/subjects/u1/bulkadd", GONE, 404, "role zz" },
	{ NULL, "POST", WFM "/agents", "{\"userIds\":[\"u1\"]}", 202, "results" },
	{ "move-answer=empty", "POST", WFM "/agents", "{\"userIds\":[\"u1\"]}", 202, "!results" },
	{ "team-division=any", "POST", "/api/v2/teams/t1/members", "{\"memberIds\":[\"u2\"]}", 200, "\"failures\":[]" },
	{ "cap-grants=1", "POST", AUTHZ "/subjects/u1/bulkadd", "{\"grants\":[" PAIR "," PAIR "]}", 400, "1 pairs" },
	{ "cap-role-subjects=1", "POST", AUTHZ "/roles/r-emp",
	  "{\"subjectIds\":[\"u1\",\"u2\"],\"divisionIds\":[\"d-home\"]}", 400, "maximum of 1" },
	{ "cap-division-move=1", "POST", AUTHZ "/divisions/d-home/objects/USER", "[\"u1\",\"u2\"]", 400, "maximum of 1" },
	{ "cap-agent-move=1", "POST", WFM "/agents", "{\"userIds\":[\"u1\",\"u2\"]}", 400, "maximum of 1" },
	{ "cap-work-plans=1", "PATCH", WFM "/managementunits/mu1/agents/workplans/bulk",
	  "{\"entities\":[{\"userId\":\"u1\"},{\"userId\":\"u2\"}]}", 400, "at most 1" },
	{ "cap-put-skills=1", "PUT", "/api/v2/users/u1/routingskills/bulk",
	  "[{\"id\":\"s-bill\",\"proficiency\":1},{\"id\":\"s-tech\",\"proficiency\":1}]", 400, "maximum of 1" },
	{ "cap-put-skills=2", "PUT", "/api/v2/users/u1/routingskills/bulk",
	  "[{\"id\":\"s-bill\",\"proficiency\":1},{\"id\":\"s-tech\",\"proficiency\":1}]", 200, "Tech" },
};

static void set(struct lab *lab, const char *spec)
{
	struct err err = ERR_INIT;

	if (spec && sandbox_set(lab->sandbox, spec, &err))
		fail_msg("%s: %s", spec, err.text);
}

static void test_rows(void **state)
{
	char *whole = lab_whole();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab *lab = lab_new(whole, 300);
		const char *has = rows[i].has;
		int status;

		set(lab, rows[i].set);
		status = lab_ask(lab, rows[i].method, rows[i].target, rows[i].body);
		if (status != rows[i].status ||
		    !strstr(lab_text(lab), has + (*has == '!')) != (*has == '!'))
			fail_msg("row %zu, %s: %d %s", i, rows[i].set ? rows[i].set : "default",
				 status, lab_text(lab));
		if (status >= 400 && strcmp(lab_state(lab), whole) != 0)
			fail_msg("row %zu: refused, yet the state is another", i);
		lab_free(lab);
	}
	mem_free(whole);
}

static void test_headers(void **state)
{
	struct lab *lab = lab_new(lab_tenant, 300);

	(void)state;
	lab_ask(lab, "GET", "/api/v2/users", NULL);
	assert_non_null(lab_header(lab, "inin-ratelimit-count"));
	assert_non_null(lab_header(lab, "ININ-Correlation-Id"));
	set(lab, "rate-headers=absent");
	set(lab, "correlation-header=absent");
	lab_ask(lab, "GET", "/api/v2/users", NULL);
	assert_null(lab_header(lab, "inin-ratelimit-count"));
	assert_null(lab_header(lab, "ININ-Correlation-Id"));
	lab_free(lab);
}

/* {value: null} of a work plan. */
static void test_plan_null(void **state)
{
	static const char body[] = "{\"entities\":[{\"userId\":\"u1\",\"workPlanId\":{\"value\":null}}]}";
	static const char target[] = WFM "/managementunits/mu1/agents/workplans/bulk";
	static const char cleared[] = "\"id\":\"wp1\",\"name\":\"Full time\",\"unit\":\"mu1\",\"members\":[]";
	char *whole = lab_whole();
	struct lab *lab = lab_new(whole, 0);

	(void)state;
	set(lab, "work-plan-null=leaves");
	assert_int_equal(lab_ask(lab, "PATCH", target, body), 200);
	assert_null(strstr(lab_state(lab), cleared));
	set(lab, "work-plan-null=clears");
	assert_int_equal(lab_ask(lab, "PATCH", target, body), 200);
	assert_non_null(strstr(lab_state(lab), cleared));
	lab_free(lab);
	mem_free(whole);
}

static const struct {
	const char *spec, *has;
} wrong[] = {
	{ "version-conflict", "NAME=VALUE" },
	{ "version-conflicts=400", "nearest: version-conflict" },
	{ "version-conflict=412", "409|400" },
	{ "version-conflict=40", "409|400" },
	{ "version-conflict=", "409|400" },
	{ "cap-grants=0", "1 to 1000" },
	{ "cap-grants=1001", "1 to 1000" },
	{ "cap-grants=x", "1 to 1000" },
	{ "cap-grants=", "1 to 1000" },
	{ "cap-grants=10000000000", "1 to 1000" },
	{ "=1", "no switch" },
};

static void test_wrong(void **state)
{
	struct lab *lab = lab_new(lab_tenant, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err err = ERR_INIT;

		if (!sandbox_set(lab->sandbox, wrong[i].spec, &err) ||
		    !strstr(err.text, wrong[i].has))
			fail_msg("%s: %s", wrong[i].spec, err.text);
	}
	lab_free(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	  cmocka_unit_test(test_headers),
		cmocka_unit_test(test_plan_null), cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
