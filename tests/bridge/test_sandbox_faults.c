/* bridge/sandbox: faults that last: stale reads, 202s that don't happen, schedules. */
#include "tests/bridge/sandbox_lab_org.h"

#include "scim/base/banned.h"

#define WFM "/api/v2/workforcemanagement"

static struct lab *lab_fault(const char *spec)
{
	char *whole = lab_whole();
	struct lab *lab = lab_new(whole, 0);
	struct err err = ERR_INIT;

	if (sandbox_add_fault(lab->sandbox, spec, &err))
		fail_msg("%s: %s", spec, err.text);
	mem_free(whole);
	return lab;
}

/* What a read shows is so long ago; a write sees the present. */
static void test_stale(void **state)
{
	struct lab *lab = lab_fault("USER:stale=2000");

	(void)state;
	assert_int_equal(lab_ask(lab, "PATCH", "/api/v2/users/u1", "{\"version\":3,\"title\":\"x\"}"), 200);
	lab->mono_us += 1500000;
	lab_ask(lab, "GET", "/api/v2/users/u1", NULL);
	assert_non_null(strstr(lab_text(lab), "\"version\":3"));
	/* of another operation */
	lab_ask(lab, "GET", "/api/v2/users?id=u1", NULL);
	assert_non_null(strstr(lab_text(lab), "\"version\":4"));
	assert_int_equal(lab_ask(lab, "PATCH", "/api/v2/users/u1", "{\"version\":4,\"title\":\"y\"}"), 200);
	lab->mono_us += 500000;
	lab_ask(lab, "GET", "/api/v2/users/u1", NULL);
	assert_non_null(strstr(lab_text(lab), "\"title\":\"x\""));
	lab->mono_us += 1500000;
	lab_ask(lab, "GET", "/api/v2/users/u1", NULL);
	assert_non_null(strstr(lab_text(lab), "\"title\":\"y\""));
	lab_free(lab);
}

/* A new account has the same id in both states; a refused write is in neither. */
static void test_stale_ids(void **state)
{
	struct lab *lab = lab_fault("*:stale=1000");
	char *now;

	(void)state;
	assert_int_equal(lab_ask(lab, "POST", USERS, "{" NEW_USER "}"), 201);
	assert_int_equal(lab_ask(lab, "POST", USERS, "{" NEW_USER "}"), 409);
	assert_int_equal(lab_ask(lab, "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[\"u2\"]}"), 202);
	lab_ask(lab, "GET", USERS "?filter=userName+eq+%22n@x.org%22", NULL);
	assert_non_null(strstr(lab_text(lab), "\"totalResults\":0"));
	lab->mono_us += 1000000;
	lab_ask(lab, "GET", "/api/v2/users?id=u2&expand=groups", NULL);
	assert_non_null(strstr(lab_text(lab), "\"groups\":[]"));
	lab_ask(lab, "GET", USERS "?filter=userName+eq+%22n@x.org%22&attributes=id", NULL);
	now = mem_strdup(strstr(lab_text(lab), "\"id\":"));
	now[sizeof("\"id\":\"00000000-0000-0000-0000-000000000000\"") - 1] = '\0';
	lab->mono_us += 300000;
	lab_ask(lab, "GET", "/api/v2/users?id=u2&expand=groups", NULL);
	assert_non_null(strstr(lab_text(lab), "\"groups\":[{\"id\":\"g1\"}]"));
	assert_non_null(strstr(lab_state(lab), now));
	mem_free(now);
	lab_free(lab);
}

/* Accepted and never done, once; then as usual. */
static void test_never(void **state)
{
	struct lab *lab = lab_fault("GROUP_ADD:count=1:never");

	(void)state;
	assert_int_equal(lab_ask(lab, "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[\"u2\"]}"), 202);
	lab->mono_us += 1000000;
	lab_ask(lab, "GET", "/api/v2/groups", NULL);
	assert_non_null(strstr(lab_text(lab), "\"memberCount\":1"));
	assert_int_equal(lab_ask(lab, "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[\"u2\"]}"), 202);
	lab->mono_us += 1000000;
	lab_ask(lab, "GET", "/api/v2/groups", NULL);
	assert_non_null(strstr(lab_text(lab), "\"memberCount\":2"));
	lab_free(lab);
	lab = lab_fault("UNIT_MOVE:never");
	assert_int_equal(lab_ask(lab, "POST", WFM "/agents", "{\"userIds\":[\"u1\"]}"), 202);
	assert_non_null(strstr(lab_text(lab), "MoveSuccessful"));
	lab->mono_us += 1000000;
	assert_int_equal(lab_ask(lab, "GET", WFM "/agents/u1/managementunit", NULL), 200);
	lab_free(lab);
}

static void test_no_expand(void **state)
{
	struct lab *lab = lab_fault("USERS:after=1:count=1:no-expand");
	static const char target[] = "/api/v2/users?expand=skills";

	(void)state;
	lab_ask(lab, "GET", target, NULL);
	assert_non_null(strstr(lab_text(lab), "\"skills\""));
	lab_ask(lab, "GET", target, NULL);
	assert_null(strstr(lab_text(lab), "\"skills\""));
	lab_ask(lab, "GET", target, NULL);
	assert_non_null(strstr(lab_text(lab), "\"skills\""));
	lab_free(lab);
}

/* A storm that comes after a while and ends. */
static void test_schedule(void **state)
{
	struct lab *lab = lab_fault("USERS:from=1000:for=500:status=429:retry-after=3");

	(void)state;
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 200);
	lab->mono_us += 1000000;
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 429);
	assert_string_equal(lab_header(lab, "Retry-After"), "3");
	lab->mono_us += 499999;
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 429);
	lab->mono_us += 1;
	assert_int_equal(lab_ask(lab, "GET", "/api/v2/users", NULL), 200);
	lab_free(lab);
}

/* Of tokens the throttle is a 400 with these words. */
static void test_token_throttle(void **state)
{
	struct lab *lab = lab_fault("TOKEN:count=1:status=429");

	(void)state;
	lab->authorization = LAB_BASIC;
	lab->content_type = "application/x-www-form-urlencoded";
	assert_int_equal(lab_ask(lab, "POST", "/oauth/token", "grant_type=client_credentials"), 400);
	assert_non_null(strstr(lab_text(lab), "\"error\":\"invalid_request\",\"description\":\"rate limit exceeded;"));
	lab_login(lab);
	lab_free(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stale),	  cmocka_unit_test(test_stale_ids),
		cmocka_unit_test(test_never),	  cmocka_unit_test(test_no_expand),
		cmocka_unit_test(test_schedule),  cmocka_unit_test(test_token_throttle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
