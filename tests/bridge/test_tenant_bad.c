/*
 * Every reading operation x every bad answer: a clear error with operation and correlation
 * id, or a read that says it is not whole; never something in place of what did not come.
 */
#include "tests/bridge/tenant_stage.h"

#include "scim/base/banned.h"

#define JSON_TYPE "Content-Type: application/json\r\nININ-Correlation-Id: cid-77\r\n"
#define NO_TYPE "ININ-Correlation-Id: cid-77\r\n"
#define HTML_TYPE "Content-Type: text/html; charset=utf-8\r\nININ-Correlation-Id: cid-77\r\n"
#define LOCATION "Location: https://evil.test/api/v2/users\r\nININ-Correlation-Id: cid-77\r\n"

/* How the operation is come to. */
enum drive { CATALOGUE, ACCOUNTS, LINKED, NAMES, EXTERNAL_ONE, EXTERNAL_LIST, DELETED };

static const struct operation {
	const char *match;
	enum drive drive;
	const char *list, *id, *more; /* members of a good answer */
	bool other_way; /* what it does not tell is had otherwise */
} operations[] = {
	{ "GET /api/v2/authorization/roles?", CATALOGUE, "entities", "id", "\"name\":\"N\"", false },
	{ "GET /api/v2/authorization/divisions?", CATALOGUE, "entities", "id", "\"name\":\"N\"",
	  false },
	{ "GET /api/v2/routing/skills?", CATALOGUE, "entities", "id", "\"name\":\"N\"", false },
	{ "GET /api/v2/routing/languages?", CATALOGUE, "entities", "id", "\"name\":\"N\"", false },
	{ "GET /api/v2/groups?", CATALOGUE, "entities", "id", "\"name\":\"N\"", false },
	{ "GET /api/v2/routing/queues?", CATALOGUE, "entities", "id", "\"name\":\"N\"", false },
	{ "GET /api/v2/users?pageSize=500&pageNumber=1&state=active", ACCOUNTS, "entities", "id",
	  "\"skills\":[],\"languages\":[],\"groups\":[]", false },
	{ "GET /api/v2/users?pageSize=500&pageNumber=1&state=inactive", ACCOUNTS, "entities", "id",
	  "\"skills\":[],\"languages\":[],\"groups\":[]", false },
	{ "GET /api/v2/authorization/divisions/d1/grants", ACCOUNTS, "entities", "subjectId",
	  "\"role\":{\"id\":\"r1\"}", false },
	{ "GET /api/v2/routing/queues/q1/members", ACCOUNTS, "entities", "id", "\"name\":\"N\"",
	  false },
	{ "GET /api/v2/users?pageSize=100&pageNumber=1&state=any", LINKED, "entities", "id",
	  "\"state\":\"active\",\"skills\":[],\"languages\":[],\"groups\":[]", false },
	{ "POST /api/v2/users/search", NAMES, "results", "id",
	  "\"email\":\"new@x\",\"state\":\"active\"", true },
	{ "GET /api/v2/users?pageSize=500&pageNumber=1&state=deleted", DELETED, "entities", "id",
	  "\"name\":\"N\"", false },
	{ "GET /api/v2/scim/v2/users/", EXTERNAL_ONE, NULL, "id", "\"userName\":\"n\"", false },
	{ "GET /api/v2/scim/v2/users?", EXTERNAL_LIST, "Resources", "id", "\"userName\":\"n\"",
	  false },
};

/* In bodies: @L the list's name, @I the id's, @M more members. */
static const struct wrong {
	const char *name;
	int status;
	const char *headers, *body;
	const char *only; /* of operations that have this list; NULL: of all */
	bool in_path;     /* the id goes into paths and into the state */
	const char *says; /* in the message */
} wrongs[] = {
	{ "words", 200, NO_TYPE, "Service temporarily replaced", NULL, false, NULL },
	{ "nothing", 200, NO_TYPE, "", NULL, false, NULL },
	{ "half", 200, JSON_TYPE, "{\"@L\":[{\"@I\":\"u1\",@M}", "list", false, NULL },
	{ "half of one", 200, JSON_TYPE, "{\"@I\":\"u1\",@M", NULL, false, NULL },
	{ "more after the end", 200, JSON_TYPE, "{\"@L\":[],\"total\":0,\"totalResults\":0}}",
	  NULL, false, NULL },
	{ "a page of a proxy", 200, HTML_TYPE, "<html><body>Please log in</body></html>", NULL,
	  false, "the answer is text/html; charset=utf-8, not JSON" },
	{ "good JSON called HTML", 200, HTML_TYPE, "{\"@L\":[],\"total\":0,\"totalResults\":0}",
	  NULL, false, "not JSON" },
	{ "a redirect", 302, LOCATION, "", NULL, false, "a redirect, which is not followed" },
	{ "a lasting redirect", 308, LOCATION, "{\"@L\":[],\"total\":0}", NULL, false,
	  "a redirect, which is not followed" },
	{ "null", 200, JSON_TYPE, "null", NULL, false, NULL },
	{ "an array", 200, JSON_TYPE, "[]", NULL, false, NULL },
	{ "an empty object", 200, JSON_TYPE, "{}", NULL, false, NULL },
	{ "the list is null", 200, JSON_TYPE, "{\"@L\":null,\"total\":0,\"totalResults\":1}", "list",
	  false, NULL },
	{ "the list is an object", 200, JSON_TYPE, "{\"@L\":{},\"total\":0,\"totalResults\":0}",
	  "list", false, NULL },
	{ "numbers in the list", 200, JSON_TYPE, "{\"@L\":[1],\"total\":1,\"totalResults\":1}",
	  "list", false, NULL },
	{ "the total is text", 200, JSON_TYPE, "{\"@L\":[],\"total\":\"0\",\"totalResults\":\"0\"}",
	  "list", false, NULL },
	{ "the total is half", 200, JSON_TYPE, "{\"@L\":[],\"total\":0.5,\"totalResults\":0.5}",
	  "list", false, NULL },
	{ "no id", 200, JSON_TYPE, "{\"@L\":[{@M}],\"total\":1,\"totalResults\":1}", "list", false,
	  NULL },
	{ "an empty id", 200, JSON_TYPE,
	  "{\"@L\":[{\"@I\":\"\",@M}],\"total\":1,\"totalResults\":1}", "list", false, NULL },
	{ "an id that is a number", 200, JSON_TYPE,
	  "{\"@L\":[{\"@I\":7,@M}],\"total\":1,\"totalResults\":1}", "list", false, NULL },
	{ "an id that is an object", 200, JSON_TYPE,
	  "{\"@L\":[{\"@I\":{},@M}],\"total\":1,\"totalResults\":1}", "list", false, NULL },
	{ "an id that leads up", 200, JSON_TYPE,
	  "{\"@L\":[{\"@I\":\"..\",@M}],\"total\":1}", "entities", true, "can look like" },
	{ "an id with a NUL", 200, JSON_TYPE,
	  "{\"@L\":[{\"@I\":\"u\\u0000\",@M}],\"total\":1}", "entities", true, "can look like" },
	{ "an id with a line end", 200, JSON_TYPE,
	  "{\"@L\":[{\"@I\":\"u\\r\\nX-Evil: 1\",@M}],\"total\":1}", "entities", true,
	  "can look like" },
	{ "bytes that are no UTF-8", 200, JSON_TYPE,
	  "{\"@L\":[{\"@I\":\"\xff\xfe\",@M}],\"total\":1,\"totalResults\":1}", "list", false, NULL },
	{ "401 for ever", 401, JSON_TYPE, "{\"message\":\"no\"}", NULL, false, "401" },
	{ "410", 410, JSON_TYPE, "{\"message\":\"gone\"}", NULL, false, "410" },
	{ "a status that is none", 299, HTML_TYPE, "<html>", NULL, false, "not JSON" },
};

static void fill_in(const char *text, const struct operation *op, struct buf *ret)
{
	for (; *text; text++) {
		if (*text != '@') {
			buf_addch(ret, *text);
			continue;
		}
		text++;
		buf_addstr(ret, *text == 'L' ? op->list ? op->list : "none"
				: *text == 'I' ? op->id : op->more);
	}
}

static const uint32_t queues[] = { 0 }, divisions[] = { 0 };
static const char *const ids[] = { "u7" }, *const names[] = { "new@x" };

static int drive(struct stage *stage, enum drive how, struct present *present, struct err *err)
{
	const struct tenant_ops *ops = stage->tenant->ops;
	struct tenant_whom whom = { names, 1, 5 };
	struct tenant_need need = { .queues = queues, .queue_count = 1,
				    .grant_divisions = divisions, .grant_division_count = 1 };
	uint32_t one = 0;

	if (how == LINKED || how == NAMES) {
		need.account_ids = ids;
		need.account_count = how == LINKED;
		need.whom = &whom;
	}
	if (ops->read_catalogue(stage->tenant, present, err) ||
	    ops->read_accounts(stage->tenant, &need, present, err))
		return -1;
	if (how == EXTERNAL_ONE)
		return ops->read_external_ids(stage->tenant, present, &one, 1, err);
	if (how == EXTERNAL_LIST)
		return ops->read_external_ids(stage->tenant, present, NULL, 0, err);
	if (how == DELETED)
		return ops->read_deleted(stage->tenant, NULL, 0, present, err);
	return 0;
}

static void check_words(const struct stage *stage, const char *text, const char *who)
{
	if (strstr(text, SECRET) || strstr(text, "tok-1"))
		fail_msg("%s: a secret is told", who);
	if (strstr(stage->wire.log.data, "evil.test"))
		fail_msg("%s: followed", who);
	for (const char *at = text; *at; at++)
		if ((unsigned char)*at < ' ')
			fail_msg("%s: control character in: %s", who, text);
}

/* Path of an operation's match, without what only this test asks for. */
static bool names_path(const char *text, const char *match)
{
	const char *path = strchr(match, '/');
	size_t len = strcspn(path, "?");

	/* Ids stand as {...} in messages. */
	for (const char *at = path; at < path + len; at++)
		if (at[0] == '/' && (at[1] == 'd' || at[1] == 'q') && at[2] == '1')
			len = (size_t)(at - path);
	for (; *text; text++)
		if (!strncmp(text, path, len))
			return true;
	return false;
}

static void one_case(const struct operation *op, const struct wrong *wrong, const char *body)
{
	struct reply replies[] = {
		{ op->match, 0, { .status = wrong->status, .headers = wrong->headers, .body = body } },
		{ "GET /api/v2/users?pageSize=100", 0,
		  { .status = 200, .body = "{\"entities\":[],\"total\":0}" } },
	};
	struct stage stage;
	struct present present;
	struct err err = ERR_INIT;
	char who[200];
	const char *told;
	int result;

	snprintf(who, sizeof(who), "%s, %s", op->match, wrong->name);
	stage_open(&stage, replies, 2);
	present_init(&present);
	result = drive(&stage, op->drive, &present, &err);
	told = result ? err.text : present.verdict.reason_count ? present.verdict.reasons[0] : "";
	check_words(&stage, told, who);
	if (op->other_way) {
		if (result || !present.verdict.complete)
			fail_msg("%s: %s", who, told);
	} else if (!result && present.verdict.complete) {
		fail_msg("%s: taken for an answer", who);
	} else if (!result && strstr(told, "SCIM users: 0 came of 1")) {
		/* What did not come is counted; the answer itself is well-formed. */
	} else if (!names_path(told, op->match) || !strstr(told, "cid-77")) {
		fail_msg("%s: told as: %s", who, told);
	} else if (wrong->says && !strstr(told, wrong->says)) {
		fail_msg("%s: told as: %s", who, told);
	}
	present_release(&present);
	stage_close(&stage);
}

static bool applies(const struct operation *op, const struct wrong *wrong)
{
	/* Of a grant or a member it is compared, and goes nowhere. */
	if (wrong->in_path && (strstr(op->match, "/grants") || strstr(op->match, "/members")))
		return false;
	if (!wrong->only)
		return true;
	if (!strcmp(wrong->only, "list"))
		return op->list != NULL;
	return op->list && (!strcmp(wrong->only, op->list) || op->other_way);
}

static void test_every(void **state)
{
	size_t count = 0;

	(void)state;
	for (size_t o = 0; o < sizeof(operations) / sizeof(*operations); o++)
		for (size_t w = 0; w < sizeof(wrongs) / sizeof(*wrongs); w++) {
			struct buf body;

			if (!applies(&operations[o], &wrongs[w]))
				continue;
			buf_init(&body, 1 << 16);
			buf_addstr(&body, "");
			fill_in(wrongs[w].body, &operations[o], &body);
			one_case(&operations[o], &wrongs[w], body.len ? body.data : "");
			buf_release(&body);
			count++;
		}
	assert_in_range(count, 300, 500);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_every) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
