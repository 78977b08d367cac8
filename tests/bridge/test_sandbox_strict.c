/*
 * bridge/sandbox: what the contract forbids is refused, for every operation: each field of
 * the wrong type, each required one missing, an unknown one, one item too many, a stale
 * version, parameters of the wrong type. The fields come from api.def, the caps stand here.
 */
#include <jansson.h>

#include "bridge/api/api.h"
#include "tests/bridge/sandbox_lab_org.h"

#include "scim/base/banned.h"

#define WFM "/api/v2/workforcemanagement"
#define PATCH_URN "urn:ietf:params:scim:api:messages:2.0:PatchOp"
#define PAIRS "{\"grants\":[{\"roleId\":\"r-agent\",\"divisionId\":\"d-osaka\"}]}"
#define LEVELS(id) "[{\"id\":\"" id "\",\"proficiency\":1}]"

/* A good request of each operation with a body. */
static const struct sample {
	enum api_op op;
	const char *target, *body;
	const char *list; /* what is too long with more than `cap`; "" = the body */
	unsigned cap;
	const char *stale; /* a body with an old version; "If-Match" = by that header */
} samples[] = {
	{ API_SKILL_CREATE, "/api/v2/routing/skills", "{\"name\":\"New\"}", NULL, 0, NULL },
	{ API_LANGUAGE_CREATE, "/api/v2/routing/languages", "{\"name\":\"New\"}", NULL, 0, NULL },
	{ API_USERS_SEARCH, "/api/v2/users/search",
	  "{\"query\":[{\"type\":\"EXACT\",\"fields\":[\"email\"],\"value\":\"ann@x.org\",\"operator\":\"AND\"}],"
	  "\"pageSize\":100,\"pageNumber\":1}", "query", 20, NULL },
	{ API_WORK_PLANS_QUERY, WFM "/managementunits/mu1/agents/workplans/query",
	  "{\"agentIds\":[\"u1\"],\"startDate\":\"2026-01-05\",\"weekCount\":1}", "agentIds", 100, NULL },
	{ API_SCIM_CREATE, USERS,
	  "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"n@x.org\","
	  "\"displayName\":\"N\",\"active\":true,\"title\":\"T\",\"externalId\":\"e9\"}", NULL, 0, NULL },
	{ API_SCIM_PATCH, USERS "/u1",
	  "{\"schemas\":[\"" PATCH_URN "\"],\"Operations\":[{\"op\":\"replace\",\"path\":\"title\",\"value\":\"x\"}]}",
	  NULL, 0, "If-Match" },
	{ API_USER_PATCH, "/api/v2/users/u1", "{\"version\":3,\"locations\":[{\"id\":\"loc1\"}]}", NULL, 0,
	  "{\"version\":2,\"locations\":[{\"id\":\"loc1\"}]}" },
	{ API_DIVISION_MOVE, AUTHZ "/divisions/d-osaka/objects/USER", "[\"u1\"]", "", 100, NULL },
	{ API_SKILLS_PATCH, "/api/v2/users/u1/routingskills/bulk", LEVELS("s-tech"), "", 50, NULL },
	{ API_SKILLS_PUT, "/api/v2/users/u1/routingskills/bulk", LEVELS("s-tech"), "", 50, NULL },
	{ API_LANGUAGES_PATCH, "/api/v2/users/u1/routinglanguages/bulk", LEVELS("l-en"), "", 50, NULL },
	{ API_ROLE_GRANT, AUTHZ "/roles/r-agent", "{\"subjectIds\":[\"u1\"],\"divisionIds\":[\"d-home\"]}",
	  "subjectIds", 100, NULL },
	{ API_SUBJECT_BULKADD, AUTHZ "/subjects/u1/bulkadd", PAIRS, "grants", 50, NULL },
	{ API_SUBJECT_BULKREMOVE, AUTHZ "/subjects/u1/bulkremove", PAIRS, "grants", 50, NULL },
	{ API_SUBJECT_BULKREPLACE, AUTHZ "/subjects/u1/bulkreplace", PAIRS, "grants", 50, NULL },
	{ API_GROUP_ADD, "/api/v2/groups/g1/members", "{\"memberIds\":[\"u2\"],\"version\":4}", "memberIds", 50,
	  "{\"memberIds\":[\"u2\"],\"version\":3}" },
	{ API_QUEUE_CHANGE, "/api/v2/routing/queues/q1/members", "[{\"id\":\"u2\"}]", "", 100, NULL },
	{ API_TEAM_ADD, "/api/v2/teams/t1/members", "{\"memberIds\":[\"u3\"]}", "memberIds", 25, NULL },
	{ API_UNIT_MOVE, WFM "/agents", "{\"userIds\":[\"u2\"],\"destinationManagementUnitId\":\"mu2\"}", "userIds", 100, NULL },
	{ API_WORK_PLANS_PATCH, WFM "/managementunits/mu1/agents/workplans/bulk",
	  "{\"entities\":[{\"userId\":\"u1\",\"workPlanId\":{\"value\":\"wp2\"}}]}", "entities", 100, NULL },
};
#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* Operations without a body: each parameter that isn't what it must be. */
static const struct {
	enum api_op op;
	const char *target;
} params[] = {
	{ API_TOKEN_INFO, "/api/v2/tokens/me?x=1" },
	{ API_ROLES, AUTHZ "/roles?pageSize=101" },
	{ API_ROLES, AUTHZ "/roles?pageNumber=x" },
	{ API_DIVISIONS, AUTHZ "/divisions?pageSize=101" },
	{ API_SKILLS, "/api/v2/routing/skills?pageSize=501" },
	{ API_LANGUAGES, "/api/v2/routing/languages?pageSize=501" },
	{ API_GROUPS, "/api/v2/groups?pageSize=501" },
	{ API_QUEUES, "/api/v2/routing/queues?pageSize=501" },
	{ API_LOCATIONS, "/api/v2/locations?pageSize=101" },
	{ API_TEAMS, "/api/v2/teams?pageSize=101" },
	{ API_TEAMS, "/api/v2/teams?after=zz" },
	{ API_UNITS, WFM "/managementunits?pageNumber=2" },
	{ API_WORK_PLANS, WFM "/managementunits/mu1/workplans?pageSize=5" },
	{ API_SUBJECT_ME, AUTHZ "/subjects/me?x=1" },
	{ API_SUBJECT, AUTHZ "/subjects/u1?x=1" },
	{ API_OAUTH_CLIENT, "/api/v2/oauth/clients/c?expand=x" },
	{ API_OAUTH_CLIENTS, "/api/v2/oauth/clients?pageSize=5" },
	{ API_LIMITS, "/api/v2/organizations/limits/namespaces/scim?x=1" },
	{ API_SCIM_CONFIG, "/api/v2/scim/v2/serviceproviderconfig?x=1" },
	{ API_USERS, "/api/v2/users?pageSize=501" },
	{ API_USERS, "/api/v2/users?expand=everything" },
	{ API_USERS, "/api/v2/users?state=gone" },
	{ API_USERS_QUERY, "/api/v2/users/query?pageSize=501" },
	{ API_USERS_QUERY, "/api/v2/users/query?cursor=1" },
	{ API_USER, "/api/v2/users/u1?expand=everything" },
	{ API_GRANTS, AUTHZ "/divisions/d-home/grants?pageSize=501" },
	{ API_QUEUE_MEMBERS, "/api/v2/routing/queues/q1/members?pageSize=101" },
	{ API_TEAM_MEMBERS, "/api/v2/teams/t1/members?pageSize=101" },
	{ API_UNIT_USERS, WFM "/managementunits/mu1/users?pageSize=5" },
	{ API_UNIT_OF, WFM "/agents/u1/managementunit?x=1" },
	{ API_SCIM_USERS, USERS "?count=x" },
	{ API_SCIM_USERS, USERS "?attributes=nickName" },
	{ API_SCIM_USER, USERS "/u1?attributes=nickName" },
	{ API_TOKENS_DELETE, "/api/v2/tokens/u1?x=1" },
	{ API_SKILL_DELETE, "/api/v2/users/u1/routingskills/s-bill?x=1" },
	{ API_LANGUAGE_DELETE, "/api/v2/users/u1/routinglanguages/l-en?x=1" },
	{ API_GRANT_DELETE, AUTHZ "/subjects/u1/divisions/d-home/roles/r-emp?x=1" },
	{ API_GROUP_REMOVE, "/api/v2/groups/g1/members" },
	{ API_TEAM_REMOVE, "/api/v2/teams/t1/members" },
};

static char *whole;

/* Ask on a fresh tenant; whatever is refused leaves it as it was. */
static void expect(const char *name, const struct sample *s, const char *body, int low, int high)
{
	struct lab *lab = lab_new(whole, 0);
	const char *method = api_op(s->op)->method;
	int status = lab_ask(lab, method, s->target, body);

	if (status < low || status > high)
		fail_msg("%s, %s: %d %s for %s", api_op(s->op)->name, name, status, lab_text(lab), body);
	if (status >= 400) {
		if (!strstr(lab_text(lab), "\"status\":") || !strstr(lab_text(lab), "4"))
			fail_msg("%s, %s: %s", api_op(s->op)->name, name, lab_text(lab));
		if (strcmp(lab_state(lab), whole) != 0)
			fail_msg("%s, %s: refused, yet the state is another", api_op(s->op)->name, name);
	}
	lab_free(lab);
}

static void expect_json(const char *name, const struct sample *s, const json_t *body, int low, int high)
{
	char *text = json_dumps(body, JSON_ENCODE_ANY | JSON_COMPACT);

	expect(name, s, text, low, high);
	free(text);
}

/*
 * The object that holds the last part of a path like "grants[].roleId", and that part's
 * name; NULL when the sample doesn't go so deep. The names of schemas have dots in them.
 */
static json_t *holder(json_t *root, const char *path, char *name, size_t size)
{
	json_t *at = root;

	for (;;) {
		size_t len = strncmp(path, "urn:", 4) ? strcspn(path, ".[") : strlen(path);

		if (!strncmp(path, "[]", 2)) {
			at = json_array_get(at, 0);
			path += path[2] == '.' ? 3 : 2;
			continue;
		}
		snprintf(name, size, "%.*s", (int)len, path);
		if (!path[len])
			return at;
		at = json_object_get(at, name);
		path += len;
		if (*path == '.')
			path++;
	}
}

static json_t *wrong_value(enum api_type type)
{
	return type == API_TYPE_TEXT ? json_integer(7) : json_string("x");
}

static void test_fields(void **state)
{
	size_t count;
	const struct api_field_row *fields = api_fields(&count);

	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		const struct sample *s = &samples[i];

		expect("as it should be", s, s->body, 200, 299);
		for (size_t f = 0; f < count; f++) {
			json_t *body, *at;
			char name[128], what[200];

			if (fields[f].op != s->op)
				continue;
			body = json_loads(s->body, JSON_DECODE_ANY, NULL);
			at = holder(body, fields[f].path, name, sizeof(name));
			assert_true(json_is_object(at));
			json_object_set_new(at, name, wrong_value(fields[f].type));
			snprintf(what, sizeof(what), "%s of the wrong type", fields[f].path);
			expect_json(what, s, body, 400, 400);
			json_object_del(at, name);
			snprintf(what, sizeof(what), "%s missing", fields[f].path);
			if (fields[f].required)
				expect_json(what, s, body, 400, 400);
			json_object_set_new(at, "notAField", json_true());
			expect_json("unknown field", s, body, 400, 400);
			json_decref(body);
		}
	}
}

/* A body of another type altogether, none, or no JSON. */
static void test_bodies(void **state)
{
	static const char *const bodies[] = { "\"text\"", "7", "null", "true", "", "{", "[{}]", "[7]" };

	(void)state;
	for (size_t i = 0; i < SAMPLES; i++)
		for (size_t b = 0; b < sizeof(bodies) / sizeof(bodies[0]); b++)
			expect("another body", &samples[i], bodies[b], 400, 400);
}

static void test_too_many(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		json_t *body, *list, *first;

		/* Who takes several has a cap here. */
		if (api_op(samples[i].op)->batch_max)
			assert_non_null(samples[i].list);
		if (!samples[i].list)
			continue;
		body = json_loads(samples[i].body, JSON_DECODE_ANY, NULL);
		list = *samples[i].list ? json_object_get(body, samples[i].list) : body;
		first = json_array_get(list, 0);
		while (json_array_size(list) < samples[i].cap)
			json_array_append(list, first);
		expect_json("as many as it takes", &samples[i], body, 200, 299);
		json_array_append(list, first);
		expect_json("one too many", &samples[i], body, 400, 400);
		json_decref(body);
	}
}

static void test_stale(void **state)
{
	unsigned count = 0;

	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		struct lab *lab;

		if (!samples[i].stale)
			continue;
		count++;
		if (strcmp(samples[i].stale, "If-Match") != 0) {
			expect("stale version", &samples[i], samples[i].stale, 409, 409);
			continue;
		}
		lab = lab_new(whole, 0);
		lab->if_match = "\"2\"";
		assert_int_equal(lab_ask(lab, "PATCH", samples[i].target, samples[i].body), 400);
		assert_non_null(strstr(lab_text(lab), "invalidVers"));
		assert_string_equal(lab_state(lab), whole);
		lab_free(lab);
	}
	assert_int_equal(count, 3);
}

static void test_params(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		struct lab *lab = lab_new(whole, 0);
		int status = lab_ask(lab, api_op(params[i].op)->method, params[i].target, NULL);

		if (status != 400 || strcmp(lab_state(lab), whole) != 0)
			fail_msg("%s: %d %s", params[i].target, status, lab_text(lab));
		lab_free(lab);
	}
}

/* No operation of the vendor's is left out above. */
static void test_complete(void **state)
{
	(void)state;
	for (unsigned op = 0; op < API_OP_COUNT; op++) {
		bool found = op == API_TOKEN || api_op((enum api_op)op)->host == API_HOST_SCIM;

		for (size_t i = 0; i < SAMPLES; i++)
			found |= samples[i].op == (enum api_op)op;
		for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
			found |= params[i].op == (enum api_op)op;
		if (!found)
			fail_msg("%s has no row", api_op((enum api_op)op)->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),	 cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_too_many), cmocka_unit_test(test_stale),
		cmocka_unit_test(test_params),	 cmocka_unit_test(test_complete),
	};
	int failed;

	whole = lab_whole();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	mem_free(whole);
	return failed;
}
