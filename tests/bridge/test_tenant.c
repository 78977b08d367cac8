#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/tenant/calls.h"
#include "bridge/tenant/genesys.h"
#include "tests/bridge/tenant_stage.h"

#include "scim/base/banned.h"

static const uint32_t need_queues[] = { 0, 1 }, need_divisions[] = { 0, ITEM_ALL };
static const struct tenant_need need = { .queues = need_queues, .queue_count = 2,
					 .grant_divisions = need_divisions,
					 .grant_division_count = 2 };

static int read_all(struct stage *stage, struct present *present, struct err *err)
{
	const struct tenant_ops *ops = stage->tenant->ops;

	present_init(present);
	if (ops->read_catalogue(stage->tenant, present, err) ||
	    ops->read_accounts(stage->tenant, &need, present, err))
		return -1;
	return 0;
}

static bool holds(const struct account *account, enum assign_kind kind, uint32_t item,
		  uint32_t division, double level)
{
	for (unsigned i = 0; i < account->held_count; i++)
		if (account->held[i].kind == kind && account->held[i].item == item &&
		    account->held[i].division == division)
			return account->held[i].level == level;
	return false;
}

static void test_read(void **state)
{
	struct stage stage;
	struct present present;
	struct err err = ERR_INIT;
	const struct account *ann, *bob;
	const struct catalogue *cat = &present.catalogue;
	uint64_t at;

	(void)state;
	stage_open(&stage, NULL, 0);
	if (read_all(&stage, &present, &err))
		fail_msg("%s", err.text);
	if (!present.verdict.complete)
		fail_msg("%s", present.verdict.reasons[0]);
	assert_int_equal(present.accounts.count, 3);
	assert_int_equal(cat->home, 0);
	assert_int_equal(catalogue_by_name(cat, CAT_GROUP, "Agents"), ITEM_AMBIGUOUS);
	assert_int_equal(catalogue_by_name(cat, CAT_SKILL, "Old"), ITEM_NONE);
	assert_false(catalogue_item(cat, CAT_ROLE, 0)->privileged);
	assert_true(catalogue_item(cat, CAT_ROLE, 1)->privileged);
	assert_true(catalogue_item(cat, CAT_ROLE, 2)->privileged);
	assert_false(catalogue_item(cat, CAT_ROLE, 3)->privileged);
	ann = &present.accounts.items[0];
	bob = &present.accounts.items[1];
	assert_string_equal(ann->version, "5");
	assert_string_equal(account_text(ann, SCIM_ATTR_USER_NAME), "Ann@x.org");
	assert_string_equal(account_text(ann, SCIM_ATTR_DISPLAY_NAME), "Ann");
	assert_string_equal(account_text(ann, SCIM_ATTR_DIVISION), "Site Bern");
	assert_string_equal(account_text(ann, SCIM_ATTR_MANAGER), "u9");
	assert_string_equal(account_text(ann, SCIM_ATTR_EMPLOYEE_NUMBER), "E1");
	assert_null(account_text(ann, SCIM_ATTR_EMAILS));
	assert_string_equal(scim_fields_find(ann->fields, ann->field_count,
					     SCIM_ATTR_PHONE_NUMBERS, "work2")->value,
			    "+412;ext=7");
	assert_int_equal(ann->held_count, 5);
	assert_true(holds(ann, ASSIGN_SKILL, 0, 0, 4));
	assert_true(holds(ann, ASSIGN_LANGUAGE, 0, 0, 5));
	assert_true(holds(ann, ASSIGN_GROUP, 0, 0, 0));
	assert_true(holds(ann, ASSIGN_ROLE, 0, 0, 0));
	assert_true(holds(ann, ASSIGN_QUEUE, 0, 0, 0));
	assert_int_equal(bob->held_count, 1);
	assert_true(holds(bob, ASSIGN_ROLE, 1, ITEM_ALL, 0));
	assert_int_equal(present.accounts.items[2].state, ACCOUNT_INACTIVE);
	/* The empty queue cost no call: token, 6 catalogues, 2 of users, 2 of grants, 1. */
	assert_int_equal(stage.wire.count, 12);
	assert_int_equal(stage.tenant->ops->read_deleted(stage.tenant, NULL, 0, &present, &err),
			 0);
	assert_true(present.deleted_read);
	assert_int_equal(present.accounts.count, 5);
	assert_true(map_get(&present.by_user_name, SLICE("ann@x.org"), &at) && at == 0);
	assert_true(map_get(&present.by_user_name, SLICE("dan@x.org"), &at) && at == 4);
	present_release(&present);
	stage_close(&stage);
}

#define PAGE1 "GET /api/v2/users?pageSize=500&pageNumber=1&state=active"
#define INACTIVE "GET /api/v2/users?pageSize=500&pageNumber=1&state=inactive"
#define QUERY "GET /api/v2/users/query?pageSize=500"
#define GRANTS "GET /api/v2/authorization/divisions/d1/grants"
#define MEMBERS "GET /api/v2/routing/queues/q1/members"
#define MEMBERS2 "GET /api/v2/routing/queues/q1/members?pageSize=100&pageNumber=2"
#define ONE(id) "{\"id\":\"" id "\",\"name\":\"N\",\"email\":\"" id "@x\",\"version\":1," \
		"\"skills\":[],\"languages\":[],\"groups\":[]}"

/* Bad answers: refused, or the verdict is spoiled, or waited out. */
static const struct {
	const char *name;
	struct reply replies[4];
	const char *error;   /* in the error's text; NULL = the read goes on */
	const char *spoiled; /* in the verdict's first reason; NULL = complete */
	uint8_t unknown;     /* kinds of the first account */
} bad[] = {
	{ "503 and a cut are waited out",
	  { { PAGE1, 1, { .status = 503 } }, { GRANTS, 1, { .result = WIRE_CUT } } }, NULL, NULL,
	  0 },
	{ "429 is waited out",
	  { { PAGE1, 1, { .status = 429, .headers = "Retry-After: 5\r\n" } } }, NULL, NULL, 0 },
	{ "half a body is asked for again",
	  { { PAGE1, 1, { .result = WIRE_CUT, .status = 200, .body = "{\"enti" } } }, NULL, NULL,
	  0 },
	{ "wrong JSON", { { PAGE1, 0, { .status = 200, .body = "{\"entities\":[}",
					 .headers = "ININ-Correlation-Id: c-1\r\n" } } },
	  "GET /api/v2/users (correlation id c-1)", NULL, 0 },
	{ "HTML", { { PAGE1, 0, { .status = 200, .body = "<html>log in</html>" } } },
	  "GET /api/v2/users", NULL, 0 },
	{ "an empty body", { { PAGE1, 0, { .status = 200, .body = "" } } }, "GET /api/v2/users",
	  NULL, 0 },
	{ "no entities", { { PAGE1, 0, { .status = 200, .body = "{\"total\":0}" } } },
	  "no \"entities\"", NULL, 0 },
	{ "a user without id",
	  { { PAGE1, 0, { .status = 200, .body = "{\"entities\":[{\"name\":\"A\"}],\"total\":1}" } } },
	  "a user without id", NULL, 0 },
	{ "a number as text",
	  { { PAGE1, 0, { .status = 200, .body = "{\"entities\":[],\"total\":\"5\"}" } } },
	  "GET /api/v2/users", NULL, 0 },
	{ "an object where text belongs",
	  { { PAGE1, 0, { .status = 200, .body = "{\"entities\":[{\"id\":{}}],\"total\":1}" } } },
	  "GET /api/v2/users", NULL, 0 },
	{ "a skill without proficiency",
	  { { PAGE1, 0, { .status = 200,
			  .body = "{\"entities\":[{\"id\":\"u1\",\"skills\":[{\"id\":\"s1\"}]}],"
				  "\"total\":1}" } } },
	  "has no proficiency", NULL, 0 },
	{ "a redirect", { { PAGE1, 0, { .status = 302, .headers = "Location: https://evil/\r\n" } } },
	  "a redirect, which is not followed", NULL, 0 },
	{ "403", { { GRANTS, 0, { .status = 403, .body = "{\"code\":\"missing.permissions\"}" } } },
	  NULL, "the client needs authorization:grant:view", 1u << ASSIGN_ROLE },
	{ "an id comes twice",
	  { { PAGE1, 0, { .status = 200,
			  .body = "{\"entities\":[" ONE("u1") "," ONE("u1") "],\"total\":2}" } } },
	  NULL, "ids came twice", 0 },
	{ "fewer than the total",
	  { { PAGE1, 0, { .status = 200, .body = "{\"entities\":[" ONE("u1") "],\"total\":3}" } } },
	  NULL, "another number of entries (1, expected 3)", 0 },
	{ "another page than asked for",
	  { { PAGE1, 0, { .status = 200,
			  .body = "{\"entities\":[" ONE("u1") "],\"total\":1,\"pageNumber\":4}" } } },
	  NULL, "another page came", 0 },
	{ "the second page fails",
	  { { PAGE1, 0, { .status = 200,
			  .body = "{\"entities\":[" ONE("u1") "],\"total\":2,\"pageSize\":1}" } },
	    { "GET /api/v2/users?pageSize=1&pageNumber=2&state=active", 0,
	      { .status = 400, .body = "{\"message\":\"too far\",\"contextId\":\"c9\"}" } } },
	  "GET /api/v2/users (correlation id c9): 400: too far", NULL, 0 },
	{ "a page that the tenant made smaller",
	  { { PAGE1, 0, { .status = 200,
			  .body = "{\"entities\":[" ONE("u1") "],\"total\":2,\"pageSize\":1}" } },
	    { "GET /api/v2/users?pageSize=1&pageNumber=2&state=active", 0,
	      { .status = 200,
		.body = "{\"entities\":[" ONE("u2") "],\"total\":2,\"pageNumber\":2}" } } },
	  NULL, NULL, 0 },
	{ "a total that changes",
	  { { PAGE1, 0, { .status = 200,
			  .body = "{\"entities\":[" ONE("u1") "],\"total\":2,\"pageSize\":1}" } },
	    { "GET /api/v2/users?pageSize=1&pageNumber=2&state=active", 0,
	      { .status = 200, .body = "{\"entities\":[" ONE("u2") "],\"total\":3}" } } },
	  NULL, "the total changed", 0 },
	{ "a missing expansion is unknown, not empty",
	  { { PAGE1, 0, { .status = 200,
			  .body = "{\"entities\":[{\"id\":\"u1\",\"skills\":[],\"groups\":null}],"
				  "\"total\":1}" } } },
	  NULL, "404", 1u << ASSIGN_LANGUAGE | 1u << ASSIGN_GROUP },
	{ "a missing expansion that comes when asked for again",
	  { { PAGE1, 0, { .status = 200,
			  .body = "{\"entities\":[{\"id\":\"u1\",\"skills\":[],\"languages\":[]}],"
				  "\"total\":1}" } },
	    { "GET /api/v2/users?pageSize=100&pageNumber=1&state=any&expand=skills&expand="
	      "languages&expand=groups&expand=employerInfo&id=u1", 0,
	      { .status = 200,
		.body = "{\"entities\":[{\"id\":\"u1\",\"groups\":[{\"id\":\"g1\"}]}],"
			"\"total\":1}" } } },
	  NULL, NULL, 0 },
	{ "a stranger when asked for again",
	  { { PAGE1, 0, { .status = 200, .body = "{\"entities\":[{\"id\":\"u1\"}],\"total\":1}" } },
	    { "GET /api/v2/users?pageSize=100&", 0,
	      { .status = 200, .body = "{\"entities\":[{\"id\":\"u8\"}],\"total\":1}" } } },
	  NULL, "was not asked for",
	  1u << ASSIGN_SKILL | 1u << ASSIGN_LANGUAGE | 1u << ASSIGN_GROUP },
	{ "grants without a total: to the empty page",
	  { { GRANTS "?pageSize=500&pageNumber=1", 0,
	      { .status = 200,
		.body = "{\"entities\":[{\"subjectId\":\"u1\",\"role\":{\"id\":\"r1\"}}]}" } },
	    { GRANTS "?pageSize=500&pageNumber=2", 0, { .status = 200, .body = "{\"entities\":[]}" } } },
	  NULL, NULL, 0 },
	{ "grants that repeat without end",
	  { { GRANTS, 0, { .status = 200,
			   .body = "{\"entities\":[{\"subjectId\":\"u1\",\"role\":{\"id\":\"r1\"}}]}" } } },
	  NULL, "ids came twice", 1u << ASSIGN_ROLE },
	{ "a grant without role",
	  { { GRANTS, 0, { .status = 200, .body = "{\"entities\":[{\"subjectId\":\"u1\"}]}" } } },
	  NULL, "a grant without subjectId or role", 1u << ASSIGN_ROLE },
	{ "more queue members than told",
	  { { MEMBERS2, 0, { .status = 200, .body = "{\"entities\":[]}" } },
	    { MEMBERS, 0, { .status = 200,
			    .body = "{\"entities\":[{\"id\":\"u1\"},{\"id\":\"u2\"}]}" } } },
	  NULL, NULL, 0 },
	{ "fewer queue members than told",
	  { { MEMBERS, 0, { .status = 200, .body = "{\"entities\":[]}" } } }, NULL,
	  "members of queue Billing: 0 came of 1", 1u << ASSIGN_QUEUE },
	{ "more inactive ones than pages show, by cursor",
	  { { INACTIVE, 1, { .status = 200, .body = "{\"entities\":[" ONE("u8") "],\"total\":10001,"
		      "\"pageSize\":1}" } },
	    { QUERY "&cursor=c%2Fd&state=inactive", 1,
	      { .status = 200, .body = "{\"entities\":[" ONE("u9") "]}" } },
	    { QUERY "&state=inactive", 1,
	      { .status = 200, .body = "{\"entities\":[" ONE("u8") "],\"cursor\":\"c/d\"}" } } },
	  NULL, "inactive users: 2 came of 10001", 0 },
	{ "the cursor in an address",
	  { { INACTIVE, 1, { .status = 200, .body = "{\"entities\":[" ONE("u8") "],\"total\":10001,"
		      "\"pageSize\":1}" } },
	    { QUERY "&cursor=c%2Fd&state=inactive", 1,
	      { .status = 200, .body = "{\"entities\":[" ONE("u8") "],\"nextUri\":null}" } },
	    { QUERY "&state=inactive", 1,
	      { .status = 200,
		.body = "{\"entities\":[" ONE("u8") "],\"nextUri\":"
			"\"https://evil/x?pageSize=1&cursor=c%2Fd\"}" } } },
	  NULL, "inactive users: ids came twice", 0 },
	{ "a cursor that leads to itself",
	  { { INACTIVE, 1, { .status = 200, .body = "{\"entities\":[" ONE("u8") "],\"total\":10001,"
		      "\"pageSize\":1}" } },
	    { QUERY, 0,
	      { .status = 200, .body = "{\"entities\":[" ONE("u9") "],\"cursor\":\"c\"}" } } },
	  "the cursor of the next page is that of this one", "ids came twice", 0 },
	{ "a cursor that can be none",
	  { { INACTIVE, 1, { .status = 200, .body = "{\"entities\":[" ONE("u8") "],\"total\":10001,"
		      "\"pageSize\":1}" } },
	    { QUERY, 0,
	      { .status = 200,
		.body = "{\"entities\":[" ONE("u9") "],\"nextUri\":\"/x?cursor=a b\"}" } } },
	  "no cursor can look like", NULL, 0 },
	{ "not all divisions seen: what pages show, and that is not all",
	  { { INACTIVE, 1, { .status = 200, .body = "{\"entities\":[" ONE("u8") "],\"total\":10001,"
		      "\"pageSize\":1}" } },
	    { QUERY, 0, { .status = 403, .body = "{\"code\":\"missing.permissions\"}" } },
	    { INACTIVE, 0,
	      { .status = 200, .body = "{\"entities\":[" ONE("u8") "],\"total\":1}" } } },
	  NULL, "inactive users past the 10000th need directory:user:view in all divisions: "
	  "GET /api/v2/users/query: 403 missing.permissions", 0 },
	{ "a state that is none",
	  { { PAGE1, 0, { .status = 200,
			  .body = "{\"entities\":[{\"id\":\"u1\",\"state\":\"asleep\"}],"
				  "\"total\":1}" } } },
	  "a user's state \"asleep\" is none that is known", NULL, 0 },
	{ "an id that is a way up",
	  { { PAGE1, 0, { .status = 200, .body = "{\"entities\":[" ONE("..") "],\"total\":1}" } } },
	  "no id of a user can look like", NULL, 0 },
	{ "an id with a control character",
	  { { PAGE1, 0, { .status = 200,
			  .body = "{\"entities\":[" ONE("u\\u0000") "],\"total\":1}" } } },
	  "no id of a user can look like", NULL, 0 },
	{ "an id with quotes and slashes",
	  { { PAGE1, 0, { .status = 200,
			  .body = "{\"entities\":[" ONE("a/b?c=\\\"d\\\"#%") "],\"total\":1}" } } },
	  NULL, NULL, 0 },
};

static void test_bad_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct stage stage;
		struct present present;
		struct err err = ERR_INIT;
		int result;

		stage_open(&stage, bad[i].replies, 4);
		result = read_all(&stage, &present, &err);
		if ((result != 0) != (bad[i].error != NULL))
			fail_msg("%s: %s", bad[i].name, result ? err.text : "no error");
		if (bad[i].error && !strstr(err.text, bad[i].error))
			fail_msg("%s: error is: %s", bad[i].name, err.text);
		if (present.verdict.complete != (bad[i].spoiled == NULL))
			fail_msg("%s: verdict: %s", bad[i].name,
				 present.verdict.complete ? "complete" :
							    present.verdict.reasons[0]);
		if (bad[i].spoiled && !strstr(present.verdict.reasons[0], bad[i].spoiled))
			fail_msg("%s: verdict: %s", bad[i].name, present.verdict.reasons[0]);
		if (!result && present.accounts.items[0].unknown_kinds != bad[i].unknown)
			fail_msg("%s: unknown kinds %u", bad[i].name,
				 present.accounts.items[0].unknown_kinds);
		present_release(&present);
		stage_close(&stage);
	}
}

/* 23 pages out of order: parsed in order, at most in_flight at once. */
static void page_responder(void *ctx, const struct wire_request *request, size_t number,
			   struct fake_answer *ret)
{
	struct stage *stage = ctx;
	const char *at = strstr(request->url, "pageNumber=");
	static char body[64 * 1024];
	struct buf out;
	int page;

	respond(ctx, request, number, ret);
	if (!strstr(request->url, "/api/v2/users?") || !strstr(request->url, "state=active"))
		return;
	page = (int)strtol(at + 11, NULL, 10);
	buf_init(&out, sizeof(body));
	buf_addstr(&out, "{\"entities\":[");
	for (int i = 0; i < 10; i++)
		buf_addf(&out, "%s{\"id\":\"p%02d-%d\",\"skills\":[],\"languages\":[],"
			       "\"groups\":[]}", i ? "," : "", page, i);
	buf_addf(&out, "],\"pageSize\":10,\"pageNumber\":%d,\"total\":230}", page);
	memcpy(body, out.data, out.len + 1);
	buf_release(&out);
	*ret = (struct fake_answer){ .status = 200, .body = body,
				     .delay_us = (page * 7919 % 23 + 1) * 1000 };
	(void)stage;
}

static void test_pages_in_flight(void **state)
{
	struct stage stage;
	struct present present;
	struct err err = ERR_INIT;

	(void)state;
	stage_open(&stage, NULL, 0);
	stage.wire.respond = page_responder;
	if (read_all(&stage, &present, &err))
		fail_msg("%s", err.text);
	assert_true(present.verdict.complete);
	assert_int_equal(present.accounts.count, 231);
	for (int i = 0; i < 230; i++) {
		char id[16];

		snprintf(id, sizeof(id), "p%02d-%d", i / 10 + 1, i % 10);
		assert_string_equal(present.accounts.items[i].id, id);
	}
	assert_int_equal(stage.wire.most_in_flight, 4);
	present_release(&present);
	stage_close(&stage);
}

static unsigned count_lines(const struct stage *stage, const char *start)
{
	unsigned count = 0;

	for (const char *at = stage->wire.log.data; at && *at;) {
		count += !strncmp(at, start, strlen(start));
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return count;
}

static const struct {
	const char *name;
	struct reply replies[3];
	const char *error;
	enum err_kind kind;
	unsigned tokens; /* asked for */
} tokens[] = {
	{ "good", { { NULL, 0, { 0 } } }, NULL, ERR_NONE, 1 },
	{ "wrong secret",
	  { { "POST /oauth/token", 0,
	      { .status = 400, .body = "{\"error\":\"invalid_client\",\"error_description\":"
				       "\"client not found\"}" } } },
	  "400 invalid_client: client not found", ERR_AUTH, 1 },
	{ "throttled by 400",
	  { { "POST /oauth/token", 2,
	      { .status = 400, .body = "{\"error\":\"invalid_request\",\"description\":\"rate "
				       "limit exceeded; wait\"}" } } },
	  NULL, ERR_NONE, 3 },
	{ "503 once", { { "POST /oauth/token", 1, { .status = 503 } } }, NULL, ERR_NONE, 2 },
	{ "no token in it", { { "POST /oauth/token", 0, { .status = 200, .body = "{}" } } },
	  "the answer is no token", ERR_PROTOCOL, 1 },
	{ "HTML", { { "POST /oauth/token", 0, { .status = 200, .body = "<html>" } } },
	  "the answer is no token", ERR_PROTOCOL, 1 },
	{ "a token that breaks the header",
	  { { "POST /oauth/token", 0,
	      { .status = 200,
		.body = "{\"access_token\":\"tok\\r\\nX: y\",\"expires_in\":60}" } } },
	  "the answer is no token", ERR_PROTOCOL, 1 },
	{ "a redirect", { { "POST /oauth/token", 0, { .status = 301 } } }, "a redirect",
	  ERR_PROTOCOL, 1 },
	{ "refused once by 401", { { "GET /api/v2/groups?", 1, { .status = 401 } } }, NULL,
	  ERR_NONE, 2 },
	{ "refused again by 401", { { "GET /api/v2/groups?", 0, { .status = 401 } } }, "401",
	  ERR_AUTH, 2 },
	{ "no connection",
	  { { "POST /oauth/token", 0, { .result = WIRE_NOT_SENT, .kind = ERR_TLS } } },
	  "connection lost", ERR_TLS, 1 },
};

static void test_tokens(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		struct stage stage;
		struct present present;
		struct err err = ERR_INIT;
		int result;

		stage_open(&stage, tokens[i].replies, 3);
		present_init(&present);
		result = stage.tenant->ops->read_catalogue(stage.tenant, &present, &err);
		if ((result != 0) != (tokens[i].error != NULL) || err.kind != tokens[i].kind ||
		    (tokens[i].error && !strstr(err.text, tokens[i].error)))
			fail_msg("%s: %d %s", tokens[i].name, err.kind, err.text);
		if (count_lines(&stage, "POST " LOGIN) != tokens[i].tokens)
			fail_msg("%s: %u tokens", tokens[i].name,
				 count_lines(&stage, "POST " LOGIN));
		if (strstr(err.text, SECRET) || strstr(err.text, "tok-1"))
			fail_msg("%s: a secret in: %s", tokens[i].name, err.text);
		present_release(&present);
		stage_close(&stage);
	}
}

/* A token is renewed before it ends, not by a 401. */
static void test_token_renewed_early(void **state)
{
	static const struct reply replies[] = {
		{ "POST /oauth/token", 0,
		  { .status = 200,
		    .body = "{\"access_token\":\"tok-1\",\"expires_in\":1000}" } },
	};
	struct stage stage;
	struct present present;
	struct err err = ERR_INIT;

	(void)state;
	stage_open(&stage, replies, 1);
	for (int i = 0; i < 2; i++) {
		present_init(&present);
		assert_int_equal(
			stage.tenant->ops->read_catalogue(stage.tenant, &present, &err), 0);
		present_release(&present);
		stage.clock.now_us += INT64_C(890) * 1000000;
	}
	assert_int_equal(count_lines(&stage, "POST " LOGIN), 1);
	stage.clock.now_us += INT64_C(20) * 1000000;
	present_init(&present);
	assert_int_equal(stage.tenant->ops->read_catalogue(stage.tenant, &present, &err), 0);
	present_release(&present);
	assert_int_equal(count_lines(&stage, "POST " LOGIN), 2);
	stage_close(&stage);
}

#define SCIM_USER(id, rest) "{\"id\":\"" id "\",\"userName\":\"n\"," rest \
			    "\"meta\":{\"version\":\"8\"}}"

static void test_external_ids(void **state)
{
	static const struct reply replies[] = {
		{ "GET /api/v2/scim/v2/users/u1?", 0,
		  { .status = 200, .body = SCIM_USER("u1", "\"externalId\":\"x1\",") } },
		{ "GET /api/v2/scim/v2/users/u2?", 0,
		  { .status = 200, .body = SCIM_USER("u2", "") } },
		{ "GET /api/v2/scim/v2/users?startIndex=1&count=25&attributes", 0,
		  { .status = 200,
		    .body = "{\"totalResults\":2,\"Resources\":["
			    SCIM_USER("u1", "\"externalId\":\"x1\",") "," SCIM_USER("u2", "")
			    "]}" } },
		{ "GET /api/v2/scim/v2/users?startIndex=1&count=25&filter=active%20eq%20false", 0,
		  { .status = 200,
		    .body = "{\"totalResults\":1,\"Resources\":["
			    SCIM_USER("u3", "\"externalId\":\"x3\",") "]}" } },
	};
	static const uint32_t two[] = { 0, 1 };
	struct stage stage;
	struct present present;
	struct err err = ERR_INIT;

	(void)state;
	for (int pages = 0; pages < 2; pages++) {
		stage_open(&stage, replies, 4);
		assert_int_equal(read_all(&stage, &present, &err), 0);
		if (stage.tenant->ops->read_external_ids(stage.tenant, &present, two,
							 pages ? 0 : 2, &err))
			fail_msg("%s", err.text);
		assert_true(present.verdict.complete);
		assert_true(present.accounts.items[0].external_id_known);
		assert_string_equal(present.accounts.items[0].external_id, "x1");
		assert_string_equal(present.accounts.items[0].version, "8");
		assert_true(present.accounts.items[1].external_id_known);
		assert_null(present.accounts.items[1].external_id);
		assert_int_equal(present.accounts.items[2].external_id_known, pages);
		assert_int_equal(stage.wire.count, 14);
		present_release(&present);
		stage_close(&stage);
	}
}

/* ---- writing ---- */

struct written {
	unsigned done;
	enum step_outcome outcome;
	struct call_result result;
	char account[32], version[32], failed[64];
	unsigned announced;
	volatile bool stop;
	int stop_at;
	bool refuse;
};

static int announce(void *ctx, struct call **batch, size_t count, struct err *err)
{
	struct written *written = ctx;

	(void)batch;
	if (written->refuse)
		return err_set(err, ERR_IO, "disk full");
	written->announced += (unsigned)count;
	return 0;
}

static void note(void *ctx, struct call *call, const struct call_result *result)
{
	struct written *written = ctx;

	written->done++;
	written->result = *result;
	if (written->stop_at && (int)written->done == written->stop_at)
		written->stop = true;
	snprintf(written->account, sizeof(written->account), "%s",
		 result->account_id ? result->account_id : "");
	snprintf(written->version, sizeof(written->version), "%s",
		 result->version ? result->version : "");
	for (unsigned i = 0; i < call->step_count && i + 1 < sizeof(written->failed); i++) {
		bool bit = result->step_failed && result->step_failed[i / 8] & 1u << i % 8;

		written->failed[i] = bit ? 'x' : '.';
		written->failed[i + 1] = '\0';
	}
}

struct plot {
	struct plan plan;
	struct arena mem;
};

/* `people` accounts with one step each; kinds of one container share it. */
static void plot_make(struct plot *plot, enum step_kind kind, unsigned people)
{
	*plot = (struct plot){ 0 };
	for (uint32_t p = 0; p < people; p++) {
		bool create = kind == STEP_CREATE;
		struct plan_person person = {
			.user_name = "ann@x.org",
			.account_id = create ? NULL : arena_printf(&plot->mem, "u%u", p + 1),
			.version = create ? NULL : "7",
			.change = create ? PERSON_CREATE : PERSON_UPDATE,
			.first_step = p, .step_count = 1,
		};
		struct step step = {
			.kind = kind, .person = p, .item_id = "c1", .name = "c1",
			.division_id = "d1", .attr = SCIM_ATTR_TITLE, .old_text = "Old",
			.new_text = "New", .level = 3,
		};

		vec_push(&plot->plan.people, person);
		vec_push(&plot->plan.steps, step);
	}
}

static void plot_release(struct plot *plot)
{
	vec_release(&plot->plan.people);
	vec_release(&plot->plan.steps);
	arena_release(&plot->mem);
}

#define CREATE "POST /api/v2/scim/v2/users"
#define PATCH "PATCH /api/v2/scim/v2/users/u1"
#define GET_USER "GET /api/v2/scim/v2/users/u1"
#define GROUP "POST /api/v2/groups/c1/members"
#define VERS "{\"status\":\"400\",\"scimType\":\"invalidVers\",\"detail\":\"version\"}"
#define TITLED(title, version) "{\"id\":\"u1\",\"userName\":\"ann@x.org\",\"title\":\"" title \
			       "\",\"meta\":{\"version\":\"" version "\"}}"

static const struct {
	const char *name;
	enum step_kind kind;
	unsigned people;
	struct reply replies[5];
	enum step_outcome outcome;
	unsigned calls;     /* without the token */
	const char *error;  /* in it; NULL = none */
	const char *failed; /* steps; NULL = none */
	const char *account, *version;
} writes[] = {
	{ "created", STEP_CREATE, 1,
	  { { CREATE, 0, { .status = 201, .body = SCIM_USER("n1", "") } } }, OUTCOME_DONE, 1, NULL, NULL, "n1", "8" },
	{ "created, version by ETag", STEP_CREATE, 1,
	  { { CREATE, 0, { .status = 201, .headers = "ETag: \"11\"\r\n",
			   .body = "{\"id\":\"n1\",\"userName\":\"n\"}" } } },
	  OUTCOME_DONE, 1, NULL, NULL, "n1", "11" },
	{ "name taken", STEP_CREATE, 1,
	  { { CREATE, 0, { .status = 409, .headers = "ININ-Correlation-Id: c7\r\n",
			   .body = "{\"scimType\":\"uniqueness\",\"detail\":\"in use\"}" } } },
	  OUTCOME_FAILED, 1, "(correlation id c7): 409 uniqueness: in use", NULL, "", "" },
	{ "created without id", STEP_CREATE, 1, { { CREATE, 0, { .status = 201, .body = "{}" } } },
	  OUTCOME_UNKNOWN, 1, "POST /api/v2/scim/v2/users", NULL, "", "" },
	{ "created, half a body", STEP_CREATE, 1,
	  { { CREATE, 0, { .result = WIRE_CUT, .status = 201, .body = "{\"id" } } },
	  OUTCOME_UNKNOWN, 1, "POST /api/v2/scim/v2/users", NULL, "", "" },
	{ "cut after sending: never sent again", STEP_CREATE, 1,
	  { { CREATE, 0, { .result = WIRE_CUT } } }, OUTCOME_UNKNOWN, 1, "connection lost", NULL, "", "" },
	{ "a create that met 503", STEP_CREATE, 1, { { CREATE, 0, { .status = 503 } } },
	  OUTCOME_UNKNOWN, 1, "503", NULL, "", "" },
	{ "a create that met 429", STEP_CREATE, 1,
	  { { CREATE, 1, { .status = 429, .headers = "Retry-After: 3\r\n" } },
	    { CREATE, 0, { .status = 201, .body = SCIM_USER("n1", "") } } },
	  OUTCOME_DONE, 2, NULL, NULL, "n1", "8" },
	{ "patched", STEP_SET, 1, { { PATCH, 0, { .status = 200, .body = TITLED("New", "9") } } },
	  OUTCOME_DONE, 1, NULL, NULL, "", "9" },
	{ "patched, answered with HTML", STEP_SET, 1,
	  { { PATCH, 0, { .status = 200, .body = "<html>" } } }, OUTCOME_UNKNOWN,
	  1, "PATCH /api/v2/scim/v2/users/{userId}", NULL, "", "" },
	{ "another version, same ground", STEP_SET, 1,
	  { { PATCH, 1, { .status = 400, .body = VERS } },
	    { GET_USER, 0, { .status = 200, .body = TITLED("Old", "8") } },
	    { PATCH, 0, { .status = 200, .body = TITLED("New", "9") } } },
	  OUTCOME_DONE, 3, NULL, NULL, "", "9" },
	{ "another version, the ground has moved", STEP_SET, 1,
	  { { PATCH, 0, { .status = 400, .body = VERS } },
	    { GET_USER, 0, { .status = 200, .body = TITLED("Other", "8") } } },
	  OUTCOME_REFUSED, 2, "title is \"Other\" by now", NULL, "", "8" },
	{ "another version, done already", STEP_SET, 1,
	  { { PATCH, 0, { .status = 409, .body = "{\"code\":\"general.conflict\"}" } },
	    { GET_USER, 0, { .status = 200, .body = TITLED("New", "8") } } },
	  OUTCOME_DONE, 2, NULL, NULL, "", "8" },
	{ "cut after sending, then the version tells", STEP_SET, 1,
	  { { PATCH, 1, { .result = WIRE_CUT } },
	    { PATCH, 0, { .status = 400, .body = VERS } },
	    { GET_USER, 0, { .status = 200, .body = TITLED("New", "8") } } },
	  OUTCOME_DONE, 3, NULL, NULL, "", "8" },
	{ "a conflict that is none of the version's", STEP_SET, 1,
	  { { PATCH, 0, { .status = 409, .body = "{\"code\":\"general.conflict\"}" } },
	    { GET_USER, 0, { .status = 200, .body = TITLED("Old", "7") } } },
	  OUTCOME_FAILED, 2, "409 general.conflict", NULL, "", "7" },
	{ "a conflict, and the account is gone", STEP_SET, 1,
	  { { PATCH, 0, { .status = 400, .body = VERS } } }, OUTCOME_REFUSED, 2, "404", NULL, "", "" },
	{ "a value the tenant refuses", STEP_SET, 1,
	  { { PATCH, 0, { .status = 400, .body = "{\"scimType\":\"invalidValue\",\"detail\":\"too "
						 "long\"}" } } },
	  OUTCOME_FAILED, 1, "400 invalidValue: too long", NULL, "", "" },
	{ "removed", STEP_REVOKE, 1,
	  { { "DELETE /api/v2/authorization/subjects/u1/divisions/d1/roles/c1", 0,
	      { .status = 204 } } }, OUTCOME_DONE, 1, NULL, NULL, "", "" },
	{ "removed already", STEP_SKILL_REMOVE, 1, { { NULL, 0, { 0 } } }, OUTCOME_DONE, 1, NULL, NULL, "", "" },
	{ "skills: a cut is sent again", STEP_SKILL_SET, 1,
	  { { "PATCH /api/v2/users/u1/routingskills", 1, { .result = WIRE_CUT } },
	    { "PATCH /api/v2/users/u1/routingskills", 0, { .status = 200, .body = "{}" } } },
	  OUTCOME_DONE, 2, NULL, NULL, "", "" },
	{ "skills: answered with HTML", STEP_SKILL_SET, 1,
	  { { "PATCH /api/v2/users/u1/routingskills", 0, { .status = 200, .body = "<p>" } } },
	  OUTCOME_UNKNOWN, 1, "routingskills/bulk", NULL, "", "" },
	{ "members: accepted", STEP_GROUP_ADD, 3, { { GROUP, 0, { .status = 202, .body = "{}" } } },
	  OUTCOME_ACCEPTED, 1, NULL, NULL, "", "" },
	{ "members: the group is being changed", STEP_GROUP_ADD, 3,
	  { { GROUP, 2, { .status = 409, .body = "{\"code\":\"general.conflict\"}" } },
	    { GROUP, 0, { .status = 202 } } }, OUTCOME_ACCEPTED, 3, NULL, NULL, "", "" },
	{ "failures inside a success", STEP_GROUP_ADD, 3,
	  { { GROUP, 0, { .status = 200, .body = "{\"failures\":[{\"id\":\"u2\"}]}" } } },
	  OUTCOME_DONE, 1, "among the failures", ".x.", "", "" },
	{ "a failure of a stranger", STEP_GROUP_ADD, 3,
	  { { GROUP, 0, { .status = 200, .body = "{\"failures\":[{\"id\":\"u9\"}]}" } } },
	  OUTCOME_UNKNOWN, 1, "was not in the call", NULL, "", "" },
	{ "missing permission is not split", STEP_GRANT, 4,
	  { { "POST /api/v2/authorization/roles/c1", 0, { .status = 403 } } }, OUTCOME_FAILED,
	  1, "the client needs authorization:grant:add", NULL, "", "" },
	{ "the container is at fault", STEP_GRANT, 8,
	  { { "POST /api/v2/authorization/roles/c1", 0, { .status = 404 } } }, OUTCOME_FAILED,
	  8, "404", NULL, "", "" },
};

static void test_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		struct stage stage;
		struct plot plot;
		struct calls calls = { 0 };
		struct written written = { 0 };
		struct err err = ERR_INIT;

		stage_open(&stage, writes[i].replies, 5);
		plot_make(&plot, writes[i].kind, writes[i].people);
		stage.tenant->ops->make_calls(stage.tenant, &plot.plan,
					      step_row(writes[i].kind)->wave, NULL, &plot.mem,
					      &calls);
		assert_int_equal(calls.count, 1);
		assert_int_equal(stage.tenant->ops->send(stage.tenant, &plot.plan, calls.items,
							 calls.count, announce, note, &written,
							 NULL, &err),
				 0);
		if (written.done != 1 || written.announced != 1 ||
		    written.result.outcome != writes[i].outcome)
			fail_msg("%s: done %u, outcome %s: %s", writes[i].name, written.done,
				 outcome_name(written.result.outcome), written.result.err.text);
		if ((written.result.err.kind != ERR_NONE) != (writes[i].error != NULL) ||
		    (writes[i].error && !strstr(written.result.err.text, writes[i].error)))
			fail_msg("%s: error: %s", writes[i].name, written.result.err.text);
		if (strspn(written.failed, ".") != strlen(written.failed) ?
			    !writes[i].failed || strcmp(writes[i].failed, written.failed) != 0 :
			    writes[i].failed != NULL)
			fail_msg("%s: failed steps %s", writes[i].name, written.failed);
		if (count_lines(&stage, "") - count_lines(&stage, "POST " LOGIN) -
			    count_lines(&stage, "  ") != writes[i].calls)
			fail_msg("%s: calls:\n%s", writes[i].name, stage.wire.log.data);
		if (strcmp(written.account, writes[i].account) != 0 ||
		    strcmp(written.version, writes[i].version) != 0)
			fail_msg("%s: account %s version %s", writes[i].name, written.account,
				 written.version);
		vec_release(&calls);
		plot_release(&plot);
		stage_close(&stage);
	}
}

/* The tenant refuses every call with u5 or u6 in it. */
static void picky(void *ctx, const struct wire_request *request, size_t number,
		  struct fake_answer *ret)
{
	struct buf body;

	respond(ctx, request, number, ret);
	if (!strstr(request->url, "/authorization/roles/"))
		return;
	buf_init(&body, 1 << 20);
	buf_add(&body, request->body.data, request->body.len);
	*ret = strstr(body.data, "\"u5\"") || strstr(body.data, "\"u6\"") ?
		       (struct fake_answer){ .status = 400, .body = "{\"message\":\"bad user\"}" } :
		       (struct fake_answer){ .status = 201 };
	ret->delay_us = 1000;
	buf_release(&body);
}

static void test_split(void **state)
{
	struct stage stage;
	struct plot plot;
	struct calls calls = { 0 };
	struct written written = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	stage_open(&stage, NULL, 0);
	stage.wire.respond = picky;
	plot_make(&plot, STEP_GRANT, 20);
	stage.tenant->ops->make_calls(stage.tenant, &plot.plan, 3, NULL, &plot.mem, &calls);
	assert_int_equal(stage.tenant->ops->send(stage.tenant, &plot.plan, calls.items,
						 calls.count, announce, note, &written, NULL,
						 &err),
			 0);
	assert_int_equal(written.result.outcome, OUTCOME_DONE);
	assert_string_equal(written.failed, "....xx..............");
	assert_non_null(strstr(written.result.err.text, "bad user"));
	vec_release(&calls);
	plot_release(&plot);
	stage_close(&stage);
}

static void send_many(struct written *written, int expected, struct err *err, size_t *ret_sent)
{
	static const struct reply replies[] = {
		{ "PATCH /api/v2/users/", 0, { .status = 200, .body = "{}" } },
	};
	struct stage stage;
	struct plot plot;
	struct calls calls = { 0 };

	stage_open(&stage, replies, 1);
	plot_make(&plot, STEP_SKILL_SET, 50);
	stage.tenant->ops->make_calls(stage.tenant, &plot.plan, 2, NULL, &plot.mem, &calls);
	assert_int_equal(calls.count, 50);
	assert_int_equal(stage.tenant->ops->send(stage.tenant, &plot.plan, calls.items,
						 calls.count, announce, note, written,
						 &written->stop, err),
			 expected);
	*ret_sent = stage.wire.count - 1;
	assert_true(stage.wire.most_in_flight <= 4);
	vec_release(&calls);
	plot_release(&plot);
	stage_close(&stage);
}

static void test_many(void **state)
{
	struct written written = { 0 };
	struct err err = ERR_INIT;
	size_t sent;

	(void)state;
	send_many(&written, 0, &err, &sent);
	assert_int_equal(written.done, 50);
	assert_int_equal(written.announced, 50);
	assert_int_equal(sent, 50);
}

/* Announced calls are each told once, and nothing leaves after the stop. */
static void test_stop(void **state)
{
	struct written written = { .stop_at = 5 };
	struct err err = ERR_INIT;
	size_t sent;

	(void)state;
	send_many(&written, 0, &err, &sent);
	assert_int_equal(written.done, written.announced);
	assert_in_range(sent, 5, 12);
	assert_in_range(written.announced, 5, 32);
}

static void test_intent_fails(void **state)
{
	struct written written = { .refuse = true };
	struct err err = ERR_INIT;
	size_t sent;

	(void)state;
	send_many(&written, -1, &err, &sent);
	assert_int_equal(written.done, 0);
	assert_int_equal(err.kind, ERR_IO);
}

static void test_if_match(void **state)
{
	static const struct reply replies[] = {
		{ PATCH, 0, { .status = 200, .body = TITLED("New", "9") } },
	};
	struct stage stage;
	struct plot plot;
	struct calls calls = { 0 };
	struct written written = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	stage_open(&stage, replies, 1);
	plot_make(&plot, STEP_SET, 1);
	stage.tenant->ops->make_calls(stage.tenant, &plot.plan, 2, NULL, &plot.mem, &calls);
	assert_int_equal(stage.tenant->ops->send(stage.tenant, &plot.plan, calls.items, 1,
						 announce, note, &written, NULL, &err),
			 0);
	assert_non_null(strstr(stage.wire.log.data, "  If-Match: \"7\"\n"));
	vec_release(&calls);
	plot_release(&plot);
	stage_close(&stage);
}

/* ---- settling ---- */

static void test_settle(void **state)
{
	static const struct reply replies[] = {
		{ "GET /api/v2/users?pageSize=100", 2,
		  { .status = 200,
		    .body = "{\"entities\":[{\"id\":\"u1\",\"groups\":[{\"id\":\"c1\"}]},"
			    "{\"id\":\"u2\",\"groups\":[]}]}" } },
		{ "GET /api/v2/users?pageSize=100", 0,
		  { .status = 200,
		    .body = "{\"entities\":[{\"id\":\"u2\",\"groups\":[{\"id\":\"c1\"}]}]}" } },
	};
	static const uint32_t steps[] = { 0, 1, 2 };
	bool confirmed[3] = { false };
	struct stage stage;
	struct plot plot;
	struct err err = ERR_INIT;
	int64_t start;

	(void)state;
	stage_open(&stage, replies, 2);
	plot_make(&plot, STEP_GROUP_ADD, 3);
	start = stage.clock.now_us;
	assert_int_equal(stage.tenant->ops->settle(stage.tenant, &plot.plan, steps, 3, confirmed,
						   &err),
			 0);
	assert_true(confirmed[0] && confirmed[1] && !confirmed[2]);
	assert_in_range(stage.clock.now_us - start, 3000000, 11000000);
	assert_non_null(strstr(stage.wire.log.data,
			       "users?pageSize=100&state=any&expand=groups&id=u1&id=u2&id=u3\n"));
	plot_release(&plot);
	stage_close(&stage);
}

static void test_counters(void **state)
{
	static const struct reply replies[] = {
		{ "GET /api/v2/groups?", 2, { .status = 429, .headers = "Retry-After: 1\r\n" } },
	};
	struct stage stage;
	struct present present;
	struct err err = ERR_INIT;
	uint64_t by_op[API_OP_COUNT], met;

	(void)state;
	stage_open(&stage, replies, 1);
	present_init(&present);
	assert_int_equal(stage.tenant->ops->read_catalogue(stage.tenant, &present, &err), 0);
	stage.tenant->ops->counters(stage.tenant, by_op, &met);
	assert_int_equal(by_op[API_GROUPS], 3);
	assert_int_equal(by_op[API_TOKEN], 1);
	assert_int_equal(by_op[API_ROLES], 1);
	assert_int_equal(met, 2);
	present_release(&present);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),        cmocka_unit_test(test_bad_reads),
		cmocka_unit_test(test_pages_in_flight), cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_token_renewed_early),
		cmocka_unit_test(test_external_ids), cmocka_unit_test(test_writes),
		cmocka_unit_test(test_split),       cmocka_unit_test(test_many),
		cmocka_unit_test(test_stop),        cmocka_unit_test(test_intent_fails),
		cmocka_unit_test(test_if_match),    cmocka_unit_test(test_settle),
		cmocka_unit_test(test_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
