/*
 * What the client of any SCIM service makes of lists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/bridge/scim_stage.h"

#include "scim/base/banned.h"

/* ---- reading ---- */

static const struct tenant_need nothing;

static int read_all(struct stage *stage, struct present *present, struct err *err)
{
	const struct tenant_ops *ops = stage->tenant->ops;

	present_init(present);
	return ops->read_catalogue(stage->tenant, present, err) ||
	       ops->read_accounts(stage->tenant, &nothing, present, err);
}

#define USER(id) "{" USER_URN ",\"id\":\"" id "\",\"userName\":\"" id "@example.org\"}"
#define PAGE(total, resources) "{" LIST_URN ",\"totalResults\":" #total ",\"Resources\":[" resources "]}"

static void test_read(void **state)
{
	static const struct reply replies[] = {
		{ "GET /Groups?startIndex=1&", 0, { .body = PAGE(1, "{\"id\":\"g1\","
		  "\"displayName\":\"Tour Guides\",\"members\":[{\"value\":\"u1\"},"
		  "{\"value\":\"u1\"},{\"value\":\"other\"}]}") } },
		{ "GET /Groups", 0, { .body = PAGE(1, "") } },
		{ "GET /Users?startIndex=1&", 0, { .body = PAGE(3,
		  "{" USER_URN ",\"id\":\"u1\",\"externalId\":\"x-1\",\"userName\":\"Ana@example.org\","
		  "\"name\":{\"givenName\":\"Ana\",\"familyName\":\"Li\"},\"title\":\"Guide\","
		  "\"emails\":[{\"value\":\"ana@example.org\",\"type\":\"work\",\"primary\":true}],"
		  "\"" SCIM_URN_ENTERPRISE "\":{\"department\":\"Tours\",\"manager\":{\"value\":\"u2\"}},"
		  "\"meta\":{\"version\":\"W/\\\"a1\\\"\"}},"
		  "{" USER_URN ",\"id\":\"u2\",\"userName\":\"bo@example.org\",\"active\":\"False\"}") } },
		{ "GET /Users?startIndex=3&", 0, { .body = PAGE(3, USER("u3")) } },
		{ NULL, 0, { 0 } },
	};
	struct stage stage;
	struct present present;
	struct err err = ERR_INIT;
	const struct account *ana;
	uint64_t at;

	(void)state;
	stage_open(&stage, replies, AUTH_BEARER);
	if (read_all(&stage, &present, &err))
		fail_msg("%s", err.text);
	if (!present.verdict.complete)
		fail_msg("%s", present.verdict.reasons[0]);
	assert_int_equal(present.accounts.count, 3);
	ana = &present.accounts.items[0];
	assert_string_equal(ana->version, "W/\"a1\"");
	assert_true(ana->external_id_known);
	assert_string_equal(ana->external_id, "x-1");
	assert_null(account_text(ana, SCIM_ATTR_EXTERNAL_ID));
	assert_string_equal(account_text(ana, SCIM_ATTR_GIVEN_NAME), "Ana");
	assert_string_equal(account_text(ana, SCIM_ATTR_DEPARTMENT), "Tours");
	assert_string_equal(account_text(ana, SCIM_ATTR_MANAGER), "u2");
	/* Twice in the group is in it once. */
	assert_int_equal(ana->held_count, 1);
	assert_int_equal(ana->held[0].kind, ASSIGN_GROUP);
	assert_int_equal(present.accounts.items[1].state, ACCOUNT_INACTIVE);
	assert_int_equal(present.accounts.items[2].state, ACCOUNT_ACTIVE);
	assert_true(map_get(&present.by_user_name, SLICE("ana@example.org"), &at) && at == 0);
	present_release(&present);
	stage_close(&stage);
}

/* Bad and odd lists: refused, or the verdict is spoiled, or read to their end. */
static const struct {
	const char *name;
	struct reply replies[5];
	const char *error;   /* in the error's text; NULL = the read goes on */
	const char *reason;  /* in the verdict; NULL = complete */
	size_t accounts;
} lists[] = {
	{ "no groups there", { { "GET /Users", 0, { .body = PAGE(1, USER("a")) } } }, NULL, NULL, 1 },
	{ "the total is more than comes",
	  { { "GET /Users?startIndex=1&", 0, { .body = PAGE(5, USER("a") "," USER("b")) } },
	    { "GET /Users", 0, { .body = PAGE(5, "") } } }, NULL, "2 came of 5", 2 },
	{ "the total is the page's",
	  { { "GET /Users?startIndex=1&", 0, { .body = PAGE(2, USER("a") "," USER("b")) } },
	    { "GET /Users?startIndex=3&", 0, { .body = PAGE(1, USER("c")) } },
	    { "GET /Users", 0, { .body = PAGE(0, "") } } }, NULL, NULL, 3 },
	{ "no total",
	  { { "GET /Users?startIndex=1&", 0, { .body = "{\"Resources\":[" USER("a") "]}" } },
	    { "GET /Users", 0, { .body = "{\"Resources\":[]}" } } }, NULL, NULL, 1 },
	{ "pages that overlap",
	  { { "GET /Users?startIndex=1&", 0, { .body = PAGE(3, USER("a") "," USER("b")) } },
	    { "GET /Users", 0, { .body = PAGE(3, USER("b") "," USER("c")) } } }, NULL, NULL, 3 },
	{ "the same page again and again",
	  { { "GET /Users", 0, { .body = PAGE(9, USER("a") "," USER("b")) } } },
	  NULL, "2 came of 9", 2 },
	{ "pages by number",
	  { { "GET /Users?startIndex=1&", 0, { .body = PAGE(4, USER("a") "," USER("b")) } },
	    { "GET /Users?startIndex=2&", 0, { .body = PAGE(4, USER("c") "," USER("d")) } },
	    { "GET /Users", 0, { .body = PAGE(4, "") } } }, NULL, NULL, 4 },
	{ "pages by cursor",
	  { { "GET /Users?startIndex=1&", 0, { .body = "{\"totalResults\":3,\"Resources\":["
	      USER("a") "],\"nextCursor\":\"c/1\"}" } },
	    { "GET /Users?cursor=c%2F1&", 0, { .body = "{\"totalResults\":3,\"Resources\":["
	      USER("b") "," USER("c") "]}" } } }, NULL, NULL, 3 },
	{ "paths in lower case", { { "GET /users", 0, { .body = PAGE(1, USER("a")) } } },
	  NULL, NULL, 1 },
	{ "no users there", { { "GET /nothing", 0, { 0 } } }, "GET /Users: 404", NULL, 0 },
	{ "a page of a proxy", { { "GET /Users", 0, { .body = "<html>" } } }, "GET /Users: ", NULL, 0 },
	{ "half a body", { { "GET /Users", 0, { .body = "{\"totalResults\":1,\"Resources\":[{" } } },
	  "GET /Users: ", NULL, 0 },
	{ "no id", { { "GET /Users", 0, { .body = PAGE(1, "{\"userName\":\"a\"}") } } },
	  "a user without id", NULL, 0 },
	{ "a redirect",
	  { { "GET /Users", 0, { .status = 302, .headers = "Location: https://evil.example/\r\n" } } },
	  "a redirect, which is not followed", NULL, 0 },
	{ "a wrong token",
	  { { "GET /ServiceProviderConfig", 0, { .status = 401, .body = "{}" } } },
	  "401: the service does not take the login", NULL, 0 },
	{ "an error in SCIM's shape",
	  { { "GET /Users", 0, { .status = 400, .headers = "X-Request-Id: r7\r\n",
	      .body = "{\"schemas\":[\"" SCIM_URN_ERROR "\"],\"status\":\"400\","
		      "\"scimType\":\"invalidFilter\",\"detail\":\"Say more\"}" } } },
	  "GET /Users (request id r7): 400 invalidFilter: Say more", NULL, 0 },
	{ "numbers as text",
	  { { "GET /Users", 0, { .body = "{\"totalResults\":\"1\",\"Resources\":[]}" } } },
	  "totalResults", NULL, 0 },
};

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct stage stage;
		struct present present;
		struct err err = ERR_INIT;
		int status;

		stage_open(&stage, lists[i].replies, AUTH_BEARER);
		status = read_all(&stage, &present, &err);
		if ((status != 0) != (lists[i].error != NULL) ||
		    (status && !strstr(err.text, lists[i].error)))
			fail_msg("%s: %s", lists[i].name, status ? err.text : "no error");
		if (!status && present.verdict.complete != !lists[i].reason)
			fail_msg("%s: %s", lists[i].name, present.verdict.complete ?
				 "complete" : present.verdict.reasons[0]);
		if (lists[i].reason && !strstr(present.verdict.reasons[0], lists[i].reason))
			fail_msg("%s: %s", lists[i].name, present.verdict.reasons[0]);
		if (!status && present.accounts.count != lists[i].accounts)
			fail_msg("%s: %zu accounts\n%s", lists[i].name, present.accounts.count,
				 stage.wire.log.data);
		if (strstr(stage.wire.log.data, "evil"))
			fail_msg("%s: a redirect was followed", lists[i].name);
		present_release(&present);
		stage_close(&stage);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
