/*
 * bridge/sandbox over time: tokens, rate, versions, lag, limits, pages, effects, files, faults.
 */
#include "tests/bridge/sandbox_lab.h"

#include "scim/base/banned.h"

/* ---- tokens and the gate ---- */

static const struct {
	const char *name, *basic, *type, *body;
	int status;
	const char *has;
} tokens[] = {
	{ "right", LAB_BASIC, "application/x-www-form-urlencoded; charset=utf-8",
	  "grant_type=client_credentials", 200, "\"token_type\":\"bearer\",\"expires_in\":600" },
	{ "wrong secret", "Basic Yzp4", "application/x-www-form-urlencoded",
	  "grant_type=client_credentials", 401, "\"error\":\"invalid_client\"" },
	{ "unknown client", "Basic eDpz", "application/x-www-form-urlencoded",
	  "grant_type=client_credentials", 401, "invalid_client" },
	{ "no Basic", "Bearer x", "application/x-www-form-urlencoded",
	  "grant_type=client_credentials", 401, "\"error_description\":" },
	{ "no base64", "Basic !!", "application/x-www-form-urlencoded",
	  "grant_type=client_credentials", 401, "invalid_client" },
	{ "no colon", "Basic Yw==", "application/x-www-form-urlencoded",
	  "grant_type=client_credentials", 401, "invalid_client" },
	{ "another grant type", LAB_BASIC, "application/x-www-form-urlencoded",
	  "grant_type=password", 400, "unsupported_grant_type" },
	{ "no grant type", LAB_BASIC, "application/x-www-form-urlencoded", "", 400,
	  "invalid_request" },
	{ "no form", LAB_BASIC, "application/json", "{\"grant_type\":\"client_credentials\"}", 400,
	  "invalid_request" },
};

static void test_token(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct lab *lab = lab_new(lab_tenant, 0);
		int status;

		lab->authorization = tokens[i].basic;
		lab->content_type = tokens[i].type;
		status = lab_ask(lab, "POST", "/oauth/token", tokens[i].body);
		if (status != tokens[i].status || !strstr(lab_text(lab), tokens[i].has))
			fail_msg("%s: %d %s", tokens[i].name, status, lab_text(lab));
		lab_free(lab);
	}
}

/* An ErrorBody, on SCIM paths too: the gateway answers before SCIM does. */
static void test_bearer(void **state)
{
	struct lab *lab = lab_new(lab_tenant, 0);

	(void)state;
	lab->authorization = "";
	assert_int_equal(lab_ask(lab, "GET", USERS, NULL), 401);
	assert_non_null(strstr(lab_text(lab), "\"code\":\"authentication.required\""));
	lab->authorization = "Bearer unknown";
	assert_int_equal(lab_ask(lab, "GET", USERS, NULL), 401);
	assert_non_null(strstr(lab_text(lab), "\"code\":\"bad.credentials\",\"status\":401"));
	lab->authorization = "Bearer unknown";
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/nothing", NULL), 401);
	/* the last microsecond of a token, then one more */
	lab->mono_us += 600 * INT64_C(1000000) - 1;
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 200);
	lab->mono_us++;
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 401);
	lab_login(lab);
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 200);
	lab_free(lab);
}

static void test_rate(void **state)
{
	struct lab *lab = lab_new(lab_tenant, 3);
	char first[sizeof(lab->bearer)];

	(void)state;
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 200);
		assert_int_equal(atol(lab_header(lab, "inin-ratelimit-count")), i);
		assert_string_equal(lab_header(lab, "inin-ratelimit-allowed"), "3");
	}
	lab->mono_us += 20500000;
	assert_int_equal(lab_ask(lab, "POST", USERS, "{" NEW_USER "}"), 429);
	assert_string_equal(lab_header(lab, "Retry-After"), "40");
	assert_string_equal(lab_header(lab, "inin-ratelimit-reset"), "40");
	assert_non_null(strstr(lab_text(lab), "\"code\":\"too.many.requests.retry.after\",\"status\":429"));
	assert_non_null(strstr(lab_text(lab), "\"details\":[],\"errors\":[]"));
	assert_non_null(strstr(lab_text(lab), lab_header(lab, "ININ-Correlation-Id")));
	assert_string_equal(lab_state(lab), lab_tenant);
	/* each token has a bucket of its own */
	memcpy(first, lab->bearer, sizeof(first));
	lab_login(lab);
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 200);
	memcpy(lab->bearer, first, sizeof(first));
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 429);
	lab->mono_us += 39500000;
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 200);
	assert_string_equal(lab_header(lab, "inin-ratelimit-count"), "1");
	lab_ask(lab, "GET", "/sandbox/counters", NULL);
	assert_string_equal(lab_text(lab), "{\"calls\":{\"TOKEN\":2,\"USERS\":6,\"SCIM_CREATE\":1},"
					   "\"total\":9,\"throttled\":2}");
	assert_int_equal(lab_ask(lab, "POST", "/sandbox/reset", NULL), 204);
	lab_ask(lab, "GET", "/sandbox/counters", NULL);
	assert_string_equal(lab_text(lab), "{\"calls\":{},\"total\":0,\"throttled\":0}");
	lab_free(lab);
}

static void test_no_rate(void **state)
{
	struct lab *lab = lab_new(lab_tenant, 0);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(lab_ask(lab, "GET", "/api/v2/tokens/me", NULL), 200);
	assert_null(lab_header(lab, "inin-ratelimit-count"));
	lab_free(lab);
}

static const struct {
	const char *name, *target, *type;
	int status;
} types[] = {
	{ "SCIM as scim+json", USERS, "application/scim+json", 201 },
	{ "SCIM as json, with charset", USERS, "Application/JSON; charset=utf-8", 201 },
	{ "SCIM as text", USERS, "text/plain", 415 },
	{ "SCIM without a type", USERS, "", 415 },
	{ "platform as scim+json", AUTHZ "/roles/r-agent", "application/scim+json", 415 },
	{ "platform as form", AUTHZ "/roles/r-agent", "application/x-www-form-urlencoded", 415 },
};

static void test_content_type(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct lab *lab = lab_new(lab_tenant, 0);
		int status;

		lab->content_type = types[i].type;
		status = lab_ask(lab, "POST", types[i].target, "{" NEW_USER "}");
		if (status != types[i].status ||
		    (status == 415 && !strstr(lab_text(lab), "unsupported.media.type")))
			fail_msg("%s: %d %s", types[i].name, status, lab_text(lab));
		lab_free(lab);
	}
}

/* ---- versions ---- */

static void test_versions(void **state)
{
	static const char change[] =
		PATCH_HEAD "{\"op\":\"replace\",\"path\":\"title\",\"value\":\"T\"}]}";
	struct lab *lab = lab_new(lab_tenant, 0);

	(void)state;
	assert_int_equal(lab_ask(lab, "GET", USERS "/u1", NULL), 200);
	assert_string_equal(lab_header(lab, "ETag"), "\"3\"");
	assert_non_null(strstr(lab_text(lab), "\"version\":\"3\""));
	lab->if_match = "\"2\"";
	assert_int_equal(lab_ask(lab, "PATCH", USERS "/u1", change), 400);
	assert_non_null(strstr(lab_text(lab), "\"scimType\":\"invalidVers\""));
	assert_non_null(strstr(lab_text(lab), "\"status\":\"400\""));
	lab->if_match = "3"; /* not quoted */
	assert_int_equal(lab_ask(lab, "PATCH", USERS "/u1", change), 400);
	assert_string_equal(lab_state(lab), lab_tenant);
	lab->if_match = "\"3\"";
	assert_int_equal(lab_ask(lab, "PATCH", USERS "/u1", change), 200);
	assert_string_equal(lab_header(lab, "ETag"), "\"4\"");
	lab->if_match = "*";
	assert_int_equal(lab_ask(lab, "PATCH", USERS "/u1", change), 200);
	assert_string_equal(lab_header(lab, "ETag"), "\"4\"");
	lab->if_none_match = "\"4\"";
	assert_int_equal(lab_ask(lab, "GET", USERS "/u1", NULL), 304);
	assert_int_equal(lab->body.len, 0);
	lab->if_none_match = "\"3\"";
	assert_int_equal(lab_ask(lab, "GET", USERS "/u1", NULL), 200);
	/* the platform's integer is the same number */
	lab_ask(lab, "GET", "/api/v2/users?id=u1", NULL);
	assert_non_null(strstr(lab_text(lab), "\"version\":4"));
	lab_free(lab);
}

/* ---- batches one over and at their limit ---- */

static const struct {
	const char *name, *method, *target, *before, *item, *after;
	unsigned most;
	int good;
} batches[] = {
	{ "skills", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[",
	  "{\"id\":\"s-tech\",\"proficiency\":1}", "]", 50, 200 },
	{ "languages", "PATCH", "/api/v2/users/u1/routinglanguages/bulk", "[",
	  "{\"id\":\"l-en\",\"proficiency\":1}", "]", 50, 200 },
	{ "role's subjects", "POST", AUTHZ "/roles/r-agent", "{\"divisionIds\":[\"d-home\"],\"subjectIds\":[",
	  "\"u2\"", "]}", 100, 201 },
	{ "role's divisions", "POST", AUTHZ "/roles/r-agent", "{\"subjectIds\":[\"u2\"],\"divisionIds\":[",
	  "\"d-home\"", "]}", 100, 201 },
	{ "bulkadd", "POST", AUTHZ "/subjects/u2/bulkadd", "{\"grants\":[",
	  "{\"roleId\":\"r-agent\",\"divisionId\":\"d-home\"}", "]}", 50, 201 },
	{ "division move", "POST", AUTHZ "/divisions/d-osaka/objects/USER", "[", "\"u1\"", "]", 100, 200 },
	{ "group add", "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[", "\"u2\"", "]}", 50, 202 },
	{ "queue", "POST", "/api/v2/routing/queues/q1/members", "[", "{\"id\":\"u2\"}", "]", 100, 200 },
	{ "SCIM skills", "POST", USERS, "{" NEW_USER ",\"" GEN "\":{\"routingSkills\":[",
	  "{\"name\":\"Tech\",\"proficiency\":1}", "]}}", 50, 201 },
	{ "SCIM languages", "POST", USERS, "{" NEW_USER ",\"" GEN "\":{\"routingLanguages\":[",
	  "{\"name\":\"English\",\"proficiency\":1}", "]}}", 50, 201 },
};

static int ask_batch(struct lab *lab, size_t row, unsigned count)
{
	struct buf body;
	int status;

	buf_init(&body, 1u << 20);
	buf_addstr(&body, batches[row].before);
	for (unsigned i = 0; i < count; i++) {
		if (i)
			buf_addch(&body, ',');
		buf_addstr(&body, batches[row].item);
	}
	buf_addstr(&body, batches[row].after);
	status = lab_ask(lab, batches[row].method, batches[row].target, body.data);
	buf_release(&body);
	return status;
}

static void test_batches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		struct lab *lab = lab_new(lab_tenant, 0);
		int status = ask_batch(lab, i, batches[i].most + 1);

		if (status != 400 || !strstr(lab_text(lab), "400"))
			fail_msg("%s, one too many: %d %s", batches[i].name, status,
				 lab_text(lab));
		assert_string_equal(lab_state(lab), lab_tenant);
		status = ask_batch(lab, i, batches[i].most);
		if (status != batches[i].good)
			fail_msg("%s, at the limit: %d %s", batches[i].name, status,
				 lab_text(lab));
		lab_free(lab);
	}
}

/* Limits that stand in the query: `id=` of users, `ids=` of group members. */
static void test_query_batches(void **state)
{
	struct lab *lab = lab_new(lab_tenant, 0);
	struct buf target;

	(void)state;
	buf_init(&target, 1u << 20);
	for (unsigned count = 100; count <= 101; count++) {
		buf_clear(&target);
		buf_addstr(&target, "/api/v2/users?pageSize=500");
		for (unsigned i = 0; i < count; i++)
			buf_addstr(&target, "&id=u1");
		assert_int_equal(lab_ask(lab, "GET", target.data, NULL),
				 count == 100 ? 200 : 400);
	}
	assert_non_null(strstr(lab_text(lab), "\"code\":\"max.user.ids\""));
	for (unsigned count = 50; count <= 51; count++) {
		buf_clear(&target);
		buf_addstr(&target, "/api/v2/groups/g1/members?ids=u2");
		for (unsigned i = 1; i < count; i++)
			buf_addstr(&target, ",u2");
		assert_int_equal(lab_ask(lab, "DELETE", target.data, NULL),
				 count == 50 ? 202 : 400);
	}
	buf_release(&target);
	lab_free(lab);
}

/* ---- what happens ---- */

/* A step, and a line that the state holds after it (or, with !, doesn't). */
static const struct {
	const char *name, *method, *target, *body, *line;
} effects[] = {
	{ "skill set", "PATCH", "/api/v2/users/u1/routingskills/bulk",
	  "[{\"id\":\"s-tech\",\"proficiency\":0.5},{\"id\":\"s-bill\",\"proficiency\":5}]",
	  "\"skills\":[{\"id\":\"s-bill\",\"proficiency\":5},{\"id\":\"s-tech\",\"proficiency\":0.5}]" },
	{ "skill removed", "DELETE", "/api/v2/users/u1/routingskills/s-bill", NULL, "!\"skills\"" },
	{ "language removed", "DELETE", "/api/v2/users/u1/routinglanguages/l-en", NULL, "!\"languages\"" },
	{ "role granted", "POST", AUTHZ "/roles/r-agent",
	  "{\"subjectIds\":[\"u2\",\"u3\"],\"divisionIds\":[\"d-osaka\"]}",
	  "{\"kind\":\"grant\",\"subject\":\"u3\",\"role\":\"r-agent\",\"division\":\"d-osaka\"}\n" },
	{ "roles granted to one", "POST", AUTHZ "/subjects/u2/bulkadd",
	  "{\"grants\":[{\"roleId\":\"r-emp\",\"divisionId\":\"d-home\"},{\"roleId\":\"r-agent\",\"divisionId\":\"*\"}]}",
	  "{\"kind\":\"grant\",\"subject\":\"u2\",\"role\":\"r-agent\",\"division\":\"*\"}\n" },
	{ "grant revoked", "DELETE", AUTHZ "/subjects/u1/divisions/*/roles/r-agent", NULL,
	  "!{\"kind\":\"grant\",\"subject\":\"u1\",\"role\":\"r-agent\"" },
	{ "moved", "POST", AUTHZ "/divisions/d-osaka/objects/USER", "[\"u1\"]",
	  "\"version\":3,\"division\":\"d-osaka\"" },
	{ "queue joined", "POST", "/api/v2/routing/queues/q1/members", "[{\"id\":\"u2\"}]",
	  "\"members\":[\"u1\",\"u2\"]" },
	{ "queue left", "POST", "/api/v2/routing/queues/q1/members?delete=true", "[{\"id\":\"u1\"}]",
	  "\"division\":\"d-home\",\"members\":[]" },
	{ "profile", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"remove\",\"path\":\"title\"},{\"op\":\"replace\",\"path\":\"" ENT ":employeeNumber\",\"value\":\"8\"}]}",
	  "\"version\":4,\"division\":\"d-home\",\"department\":\"210\",\"employeeNumber\":\"8\"" },
	{ "deactivated, the roles stay", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"replace\",\"path\":\"active\",\"value\":false}]}",
	  "{\"kind\":\"grant\",\"subject\":\"u1\",\"role\":\"r-emp\"" },
	{ "a part that fails undoes the rest", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"remove\",\"path\":\"title\"},{\"op\":\"replace\",\"path\":\"userName\",\"value\":\"bob@x.org\"}]}",
	  "\"title\":\"Boss\"" },
	{ "created with the default role", "POST", USERS, "{" NEW_USER "}",
	  "\"role\":\"r-emp\",\"division\":\"d-home\"}\n" },
	{ "SCIM role granted in Home", "PATCH", USERS "/u2",
	  PATCH_HEAD "{\"op\":\"add\",\"path\":\"roles\",\"value\":[{\"value\":\"Agent\"}]}]}",
	  "{\"kind\":\"grant\",\"subject\":\"u2\",\"role\":\"r-agent\",\"division\":\"d-home\"}\n" },
	{ "SCIM role removed everywhere", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"replace\",\"path\":\"roles\",\"value\":[{\"value\":\"employee\"}]}]}",
	  "!\"role\":\"r-agent\"" },
};

static void test_effects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++) {
		struct lab *lab = lab_new(lab_tenant, 0);
		bool absent = effects[i].line[0] == '!';
		const char *found;

		lab_ask(lab, effects[i].method, effects[i].target, effects[i].body);
		found = strstr(lab_state(lab), effects[i].line + absent);
		if (!found != absent)
			fail_msg("%s:\n%s", effects[i].name, lab_text(lab));
		lab_free(lab);
	}
}

/* The same grant or member again changes nothing. */
static void test_again(void **state)
{
	struct lab *lab = lab_new(lab_tenant, 0);

	(void)state;
	assert_int_equal(lab_ask(lab, "POST", AUTHZ "/roles/r-emp",
				 "{\"subjectIds\":[\"u1\"],\"divisionIds\":[\"d-home\"]}"), 201);
	assert_int_equal(lab_ask(lab, "POST", "/api/v2/routing/queues/q1/members",
				 "[{\"id\":\"u1\"}]"), 200);
	assert_int_equal(lab_ask(lab, "POST", "/api/v2/routing/queues/q1/members?delete=true",
				 "[{\"id\":\"u2\"}]"), 200);
	assert_string_equal(lab_state(lab), lab_tenant);
	/* revoked and granted anew */
	assert_int_equal(lab_ask(lab, "DELETE", AUTHZ "/subjects/u1/divisions/d-home/roles/r-emp",
				 NULL), 204);
	assert_int_equal(lab_ask(lab, "DELETE", AUTHZ "/subjects/u1/divisions/d-home/roles/r-emp",
				 NULL), 404);
	assert_int_equal(lab_ask(lab, "POST", AUTHZ "/subjects/u1/bulkadd",
				 "{\"grants\":[{\"roleId\":\"r-emp\",\"divisionId\":\"d-home\"}]}"), 201);
	assert_int_equal(lab_ask(lab, "GET", AUTHZ "/divisions/d-home/grants", NULL), 200);
	assert_non_null(strstr(lab_text(lab), "\"total\":1"));
	lab_free(lab);
}

static void test_lag(void **state)
{
	struct lab *lab = lab_new(lab_tenant, 0);

	(void)state;
	assert_int_equal(lab_ask(lab, "POST", "/api/v2/groups/g1/members",
				 "{\"memberIds\":[\"u2\",\"u3\"],\"version\":4}"), 202);
	lab_ask(lab, "GET", "/api/v2/groups", NULL);
	assert_non_null(strstr(lab_text(lab), "\"memberCount\":1,\"version\":5"));
	lab->mono_us += 299999;
	lab_ask(lab, "GET", "/api/v2/users?id=u2&expand=groups", NULL);
	assert_non_null(strstr(lab_text(lab), "\"groups\":[]"));
	lab->mono_us++;
	lab_ask(lab, "GET", "/api/v2/users?id=u2&expand=groups", NULL);
	assert_non_null(strstr(lab_text(lab), "\"groups\":[{\"id\":\"g1\"}]"));
	assert_int_equal(lab_ask(lab, "DELETE", "/api/v2/groups/g1/members?ids=u1,u3", NULL), 202);
	assert_non_null(strstr(lab_state(lab), "\"members\":[\"u1\",\"u2\",\"u3\"]"));
	lab->mono_us += 300000;
	assert_non_null(strstr(lab_state(lab), "\"version\":6,\"members\":[\"u2\"]"));
	lab_free(lab);
}

/* ---- pages ---- */

static struct lab *lab_many(unsigned users)
{
	struct lab *lab;
	struct buf text;

	buf_init(&text, 16u << 20);
	buf_addstr(&text, "{\"kind\":\"division\",\"id\":\"d\",\"name\":\"Home\",\"home\":true}\n"
			  "{\"kind\":\"role\",\"id\":\"r\",\"name\":\"employee\",\"permissions\":[]}\n"
			  "{\"kind\":\"client\",\"id\":\"c\",\"secret\":\"s\"}\n"
			  "{\"kind\":\"queue\",\"id\":\"q\",\"name\":\"Q\",\"members\":[");
	for (unsigned i = 0; i < users; i++)
		buf_addf(&text, "%s\"u%u\"", i ? "," : "", i);
	buf_addstr(&text, "]}\n");
	for (unsigned i = 0; i < users; i++)
		buf_addf(&text, "{\"kind\":\"user\",\"id\":\"u%u\",\"email\":\"%u@x.org\",\"state\":\"%s\"}\n"
				"{\"kind\":\"grant\",\"subject\":\"u%u\",\"role\":\"r\",\"division\":\"d\"}\n",
			 i, i, i % 2 ? "active" : "inactive", i);
	lab = lab_new(text.data, 0);
	buf_release(&text);
	return lab;
}

static const struct {
	const char *name, *target, *has, *has_not;
} pages[] = {
	{ "first", "/api/v2/users?pageSize=4&state=any", "\"total\":10,\"firstUri\":\"/api/v2/users?pageSize=4&pageNumber=1&state=any\"",
	  "previousUri" },
	{ "first leads on", "/api/v2/users?pageSize=4&state=any", "\"nextUri\":\"/api/v2/users?pageSize=4&pageNumber=2&state=any\"", "u4" },
	{ "middle", "/api/v2/users?pageSize=4&pageNumber=2&state=any", "{\"entities\":[{\"id\":\"u4\"", "\"id\":\"u8\"" },
	{ "last", "/api/v2/users?pageSize=4&pageNumber=3&state=any", "\"pageCount\":3", "nextUri" },
	{ "last has what is left", "/api/v2/users?pageSize=4&pageNumber=3&state=any", "\"id\":\"u9\"", "\"id\":\"u7\"" },
	{ "beyond", "/api/v2/users?pageSize=4&pageNumber=4&state=any", "{\"entities\":[],\"pageSize\":4,\"pageNumber\":4,\"total\":10", "nextUri" },
	{ "far beyond", "/api/v2/users?pageNumber=2147483647", "\"entities\":[]", "nextUri" },
	{ "size by default", "/api/v2/users?state=any", "\"pageSize\":25,\"pageNumber\":1", "nextUri" },
	{ "of one state", "/api/v2/users?pageSize=2&pageNumber=2&state=inactive", "{\"entities\":[{\"id\":\"u4\"", "\"id\":\"u5\"" },
	{ "grants", AUTHZ "/divisions/d/grants?pageSize=4&pageNumber=3", "\"pageSize\":4,\"pageNumber\":3,\"total\":10,\"pageCount\":3}", "Uri" },
	{ "queue members, full page", "/api/v2/routing/queues/q/members?pageSize=5&pageNumber=2",
	  "\"nextUri\":\"/api/v2/routing/queues/q/members?pageSize=5&pageNumber=3\"", "\"total\"" },
	{ "queue members, empty page", "/api/v2/routing/queues/q/members?pageSize=5&pageNumber=3", "{\"entities\":[],\"pageSize\":5,\"pageNumber\":3",
	  "pageCount" },
	{ "SCIM, middle", USERS "?startIndex=3&count=2", "\"totalResults\":5,\"startIndex\":3,\"itemsPerPage\":2", "9@x.org" },
	{ "SCIM, middle begins right", USERS "?startIndex=3&count=2", "\"id\":\"u5\",\"userName\":\"5@x.org\"", "\"id\":\"u3\"" },
	{ "SCIM, beyond", USERS "?startIndex=6", "\"totalResults\":5,\"startIndex\":6,\"itemsPerPage\":0,\"Resources\":[]", "u9" },
};

static void test_pages(void **state)
{
	struct lab *lab = lab_many(10);

	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		int status = lab_ask(lab, "GET", pages[i].target, NULL);

		if (status != 200 || !strstr(lab_text(lab), pages[i].has) ||
		    strstr(lab_text(lab), pages[i].has_not))
			fail_msg("%s: %d %s", pages[i].name, status, lab_text(lab));
	}
	lab_free(lab);
}

/* ---- files ---- */

static char *saved(struct lab *lab)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	assert_non_null(file);
	sandbox_save(lab->sandbox, file);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void test_save(void **state)
{
	struct lab *lab = lab_new(lab_tenant, 0);
	char *text = saved(lab), *again;

	(void)state;
	assert_string_equal(text, lab_tenant);
	free(text);
	/* what was accepted is done when it is saved */
	lab_ask(lab, "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[\"u2\"]}");
	lab_ask(lab, "POST", USERS, "{" NEW_USER ",\"title\":\"\\u00e9\\\"\\n\"}");
	text = saved(lab);
	assert_non_null(strstr(text, "\"version\":5,\"members\":[\"u1\",\"u2\"]"));
	lab_free(lab);
	lab = lab_new(text, 0);
	again = saved(lab);
	assert_string_equal(again, text);
	free(text);
	free(again);
	lab_free(lab);
}

#define HOME "{\"kind\":\"division\",\"id\":\"d\",\"name\":\"Home\",\"home\":true}\n"
static const struct {
	const char *name, *text, *has;
	unsigned line;
} broken[] = {
	{ "no home", "", "home", 0 },
	{ "two homes", HOME "{\"kind\":\"division\",\"id\":\"e\",\"name\":\"E\",\"home\":true}\n", "home", 0 },
	{ "no JSON", HOME "\n{\"kind\":", "", 3 },
	{ "two values", HOME "{\"kind\":\"skill\",\"id\":\"s\",\"name\":\"S\"} {}", "", 2 },
	{ "no object", HOME "[]", "", 2 },
	{ "no kind", HOME "{\"id\":\"s\"}", "kind", 2 },
	{ "unknown kind", HOME "{\"kind\":\"crew\",\"id\":\"s\"}", "kind", 2 },
	{ "no id", HOME "{\"kind\":\"skill\",\"name\":\"S\"}", "id", 2 },
	{ "no name", HOME "{\"kind\":\"skill\",\"id\":\"s\"}", "name", 2 },
	{ "id twice", HOME "{\"kind\":\"division\",\"id\":\"d\",\"name\":\"E\",\"home\":false}", "above", 2 },
	{ "name twice", HOME "{\"kind\":\"division\",\"id\":\"e\",\"name\":\"Home\",\"home\":false}", "above", 2 },
	{ "unknown member", HOME "{\"kind\":\"skill\",\"id\":\"s\",\"name\":\"S\",\"colour\":1}", "colour", 2 },
	{ "wrong type", HOME "{\"kind\":\"skill\",\"id\":1,\"name\":\"S\"}", "", 2 },
	{ "user without email", HOME "{\"kind\":\"user\",\"id\":\"u\",\"state\":\"active\"}", "email", 2 },
	{ "user without state", HOME "{\"kind\":\"user\",\"id\":\"u\",\"email\":\"u@x\"}", "state", 2 },
	{ "user in an unknown state", HOME "{\"kind\":\"user\",\"id\":\"u\",\"email\":\"u@x\",\"state\":\"gone\"}", "state", 2 },
	{ "address twice", HOME "{\"kind\":\"user\",\"id\":\"u\",\"email\":\"u@x\",\"state\":\"active\"}\n"
	  "{\"kind\":\"user\",\"id\":\"v\",\"email\":\"U@X\",\"state\":\"deleted\"}", "two users", 3 },
	{ "user of an unknown division", HOME "{\"kind\":\"user\",\"id\":\"u\",\"email\":\"u@x\",\"state\":\"active\",\"division\":\"e\"}", "division", 2 },
	{ "user with an unknown skill", HOME "{\"kind\":\"user\",\"id\":\"u\",\"email\":\"u@x\",\"state\":\"active\",\"skills\":[{\"id\":\"s\",\"proficiency\":1}]}", "skill", 2 },
	{ "user with an unknown manager", HOME "{\"kind\":\"user\",\"id\":\"u\",\"email\":\"u@x\",\"state\":\"active\",\"manager\":\"m\"}", "\"m\"", 2 },
	{ "half a phone", HOME "{\"kind\":\"user\",\"id\":\"u\",\"email\":\"u@x\",\"state\":\"active\",\"phones\":[{\"type\":\"work\"}]}", "value", 2 },
	{ "version below 0", HOME "{\"kind\":\"group\",\"id\":\"g\",\"name\":\"G\",\"version\":-1,\"members\":[]}", "version", 2 },
	{ "unknown member of a group", HOME "{\"kind\":\"group\",\"id\":\"g\",\"name\":\"G\",\"version\":1,\"members\":[\"u\"]}", "\"u\"", 2 },
	{ "grant of an unknown role", HOME "{\"kind\":\"grant\",\"subject\":\"u\",\"role\":\"r\",\"division\":\"d\"}", "role", 2 },
	{ "grant in an unknown division", HOME "{\"kind\":\"role\",\"id\":\"r\",\"name\":\"R\",\"permissions\":[]}\n"
	  "{\"kind\":\"grant\",\"subject\":\"u\",\"role\":\"r\",\"division\":\"e\"}", "division", 3 },
	{ "grant twice", HOME "{\"kind\":\"role\",\"id\":\"r\",\"name\":\"R\",\"permissions\":[]}\n"
	  "{\"kind\":\"grant\",\"subject\":\"u\",\"role\":\"r\",\"division\":\"d\"}\n"
	  "{\"kind\":\"grant\",\"subject\":\"u\",\"role\":\"r\",\"division\":\"d\"}", "above", 4 },
	{ "client without secret", HOME "{\"kind\":\"client\",\"id\":\"c\"}", "secret", 2 },
};

static void test_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct sandbox_options options = { .clock = clock_system(), .seed = 1 };
		struct sandbox *sandbox = sandbox_new(&options);
		struct err err = ERR_INIT;

		if (!sandbox_load_text(sandbox, broken[i].text, &err) ||
		    !strstr(err.text, broken[i].has) || err.line != broken[i].line)
			fail_msg("%s: line %u: %s", broken[i].name, err.line, err.text);
		sandbox_free(sandbox);
	}
}

/* A tenant without clients has one to begin with, which isn't saved. */
static void test_default_client(void **state)
{
	struct lab lab = { .mono_us = 1 };
	struct sandbox_options options = { .clock = clock_system(), .seed = 1 };
	struct err err = ERR_INIT;

	(void)state;
	lab.sandbox = sandbox_new(&options);
	buf_init(&lab.body, 1u << 20);
	assert_int_equal(sandbox_load_text(lab.sandbox, HOME, &err), 0);
	lab.authorization = "Basic c2FuZGJveDpzYW5kYm94LXNlY3JldA==";
	lab.content_type = "application/x-www-form-urlencoded";
	assert_int_equal(lab_ask(&lab, "POST", "/oauth/token", "grant_type=client_credentials"), 200);
	assert_string_equal(lab_state(&lab), HOME);
	sandbox_free(lab.sandbox);
	buf_release(&lab.body);
}

/* ---- faults ---- */

static const struct {
	const char *name, *spec;
	const char *has; /* in the error; NULL = taken */
} specs[] = {
	{ "status", "USERS:every=3:status=503", NULL },
	{ "any operation", "*:cut=before", NULL },
	{ "unknown operation", "USERZ:status=500", "nearest: USERS" },
	{ "unknown part", "USERS:stat=500", "stat=500" },
	{ "no effect", "USERS:every=2", "wants one of" },
	{ "two effects", "USERS:half-body:delay=1", "wants one of" },
	{ "status that is none", "USERS:status=200", "400" },
	{ "every 0", "USERS:every=0:status=500", "number" },
	{ "empty", "", "operation" },
	{ "cut in between", "USERS:cut=middle", "cut=middle" },
};

static void test_fault_specs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct lab *lab = lab_new(lab_tenant, 0);
		struct err err = ERR_INIT;
		int result = sandbox_add_fault(lab->sandbox, specs[i].spec, &err);

		if (specs[i].has ? !result || !strstr(err.text, specs[i].has) : result)
			fail_msg("%s: %s", specs[i].name, err.text);
		lab_free(lab);
	}
}

static struct lab *lab_fault(const char *spec)
{
	struct lab *lab = lab_new(lab_tenant, 0);
	struct err err = ERR_INIT;

	if (sandbox_add_fault(lab->sandbox, spec, &err))
		fail_msg("%s: %s", spec, err.text);
	return lab;
}

/* Which of ten calls are struck, as a row of statuses. */
static const struct {
	const char *spec;
	int status[10];
} turns[] = {
	{ "USERS:status=503", { 503, 503, 503, 503, 503, 503, 503, 503, 503, 503 } },
	{ "USERS:every=3:status=500", { 200, 200, 500, 200, 200, 500, 200, 200, 500, 200 } },
	{ "USERS:after=2:count=2:status=429", { 200, 200, 429, 429, 200, 200, 200, 200, 200, 200 } },
	{ "*:every=4:count=1:status=504", { 200, 200, 200, 504, 200, 200, 200, 200, 200, 200 } },
	{ "SKILLS:status=503", { 200, 200, 200, 200, 200, 200, 200, 200, 200, 200 } },
};

static void test_fault_turns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
		struct lab *lab = lab_fault(turns[i].spec);

		for (int n = 0; n < 10; n++) {
			int status = lab_ask(lab, "GET", "/api/v2/users", NULL);

			if (status != turns[i].status[n])
				fail_msg("%s: call %d: %d", turns[i].spec, n + 1, status);
		}
		lab_free(lab);
	}
}

static void test_fault_kinds(void **state)
{
	struct lab *lab = lab_fault("SCIM_CREATE:cut=before");

	(void)state;
	lab_ask(lab, "POST", USERS, "{" NEW_USER "}");
	assert_int_equal(lab->response.end, SANDBOX_CUT);
	assert_string_equal(lab_state(lab), lab_tenant);
	lab_free(lab);
	lab = lab_fault("SCIM_CREATE:cut=after");
	lab_ask(lab, "POST", USERS, "{" NEW_USER "}");
	assert_int_equal(lab->response.end, SANDBOX_CUT);
	assert_non_null(strstr(lab_state(lab), "n@x.org"));
	lab_free(lab);
	lab = lab_fault("USERS:half-body");
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 200);
	assert_int_equal(lab->response.end, SANDBOX_HALF_BODY);
	lab_free(lab);
	lab = lab_fault("USERS:delay=70");
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 200);
	assert_int_equal(lab->response.delay_ms, 70);
	lab_free(lab);
	lab = lab_fault("USERS:status=429:retry-after=7");
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 429);
	assert_string_equal(lab_header(lab, "Retry-After"), "7");
	assert_non_null(strstr(lab_text(lab), "too.many.requests.retry.after"));
	lab_free(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_bearer),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_no_rate),
		cmocka_unit_test(test_content_type),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_query_batches),
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_lag),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_save),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_default_client),
		cmocka_unit_test(test_fault_specs),
		cmocka_unit_test(test_fault_turns),
		cmocka_unit_test(test_fault_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
