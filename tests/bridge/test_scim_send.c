/*
 * What the client of any SCIM service sends for steps, and what it makes of the answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/bridge/scim_stage.h"

#include "scim/base/banned.h"

#define PEOPLE_MAX 4

/* A plan made by hand: steps of people whose accounts are "u0", "u1", ... */
struct plot {
	struct plan plan;
	struct arena mem;
	struct calls calls;
	unsigned char blocked[PEOPLE_MAX];
	/* what came of each step */
	enum step_outcome outcomes[64];
	char error[400];
	const char *account_id, *version, *item_id;
};

struct row {
	unsigned person;
	enum step_kind kind;
	enum scim_attr attr;
	const char *key, *old_text, *new_text;
	const char *group; /* id; name is "Group " and it */
};

static void plot_make(struct plot *plot, const struct row *rows, size_t count)
{
	memset(plot, 0, sizeof(*plot));
	arena_init(&plot->mem);
	for (unsigned p = 0; p < PEOPLE_MAX; p++) {
		struct plan_person person = { .id = "d", .dn = "cn=x", .user_name = "x" };
		bool created = false;

		person.first_step = (uint32_t)plot->plan.steps.count;
		for (size_t i = 0; i < count; i++) {
			struct step step = { .kind = rows[i].kind, .person = p,
					     .attr = rows[i].attr, .key = rows[i].key,
					     .old_text = rows[i].old_text,
					     .new_text = rows[i].new_text,
					     .item_id = rows[i].group };

			if (rows[i].person != p)
				continue;
			created |= step.kind == STEP_CREATE;
			if (step.item_id)
				step.name = arena_printf(&plot->mem, "Group %s", step.item_id);
			vec_push(&plot->plan.steps, step);
			person.step_count++;
		}
		person.account_id = created ? NULL : arena_printf(&plot->mem, "u%u", p);
		person.version = created ? NULL : "W/\"1\"";
		person.change = created ? PERSON_CREATE : PERSON_UPDATE;
		vec_push(&plot->plan.people, person);
	}
}

static void plot_release(struct plot *plot)
{
	vec_release(&plot->calls);
	plan_release(&plot->plan);
	arena_release(&plot->mem);
}

static void on_done(void *ctx, struct call *call, const struct call_result *result)
{
	struct plot *plot = ctx;
	char text[ERR_FORMAT_MAX];

	for (unsigned i = 0; i < call->step_count; i++) {
		bool failed = result->step_failed &&
			      result->step_failed[i / 8] & 1u << i % 8;

		plot->outcomes[call->steps[i]] = failed ? OUTCOME_FAILED : result->outcome;
	}
	if (result->err.kind)
		snprintf(plot->error, sizeof(plot->error), "%s",
			 err_format(&result->err, text, sizeof(text)));
	if (result->account_id) {
		plot->account_id = arena_strdup(&plot->mem, result->account_id);
		plot->plan.people.items[plot->plan.steps.items[call->steps[0]].person].account_id =
			plot->account_id;
	}
	if (result->version)
		plot->version = arena_strdup(&plot->mem, result->version);
	if (result->item_id)
		plot->item_id = arena_strdup(&plot->mem, result->item_id);
}

static void plot_send(struct stage *stage, struct plot *plot)
{
	const struct tenant_ops *ops = stage->tenant->ops;
	struct err err = ERR_INIT;

	for (unsigned wave = 0; wave < STEP_WAVES; wave++) {
		plot->calls.count = 0;
		ops->make_calls(stage->tenant, &plot->plan, wave, plot->blocked, &plot->mem,
				&plot->calls);
		if (plot->calls.count &&
		    ops->send(stage->tenant, &plot->plan, plot->calls.items, plot->calls.count,
			      NULL, on_done, plot, NULL, &err))
			fail_msg("%s", err.text);
	}
}

#define SERVICE_URN "urn:ietf:params:scim:api:messages:2.0:"
#define PATCH_OF(ops) "{\"schemas\":[\"" SERVICE_URN "PatchOp\"],\"Operations\":[" ops "]}"
#define REFUSAL(status, type) "{\"schemas\":[\"" SERVICE_URN "Error\"],\"status\":\"" #status "\",\"scimType\":\"" type "\"}"
#define MADE(id) "{\"schemas\":[\"" SCIM_URN_USER "\"],\"id\":\"" id "\",\"userName\":\"a\"," \
		 "\"meta\":{\"version\":\"W/\\\"7\\\"\"}}"
#define NOW(title, version) "{\"schemas\":[\"" SCIM_URN_USER "\"],\"id\":\"u0\",\"userName\":\"a\"," \
	"\"title\":\"" title "\",\"vendor\":{\"kept\":[1,null]},\"groups\":[{\"value\":\"g\"}]," \
	"\"meta\":{\"version\":\"" version "\"}}"
#define TITLE { 0, STEP_SET, SCIM_ATTR_TITLE, NULL, "Guide", "Chief", NULL }
#define REPLACE_TITLE "{\"op\":\"replace\",\"path\":\"title\",\"value\":\"Chief\"}"

static const struct {
	const char *name;
	struct row rows[5];
	struct reply replies[7];
	bool etag;
	const char *sent;           /* is in the log of requests */
	const char *never;          /* is not */
	const char *match;          /* all If-Match, in order; NULL = not looked at */
	enum step_outcome outcomes[4];
	const char *error;          /* is in the error; NULL = there is none */
} sends[] = {
	{ "an account is made, its manager later",
	  { { 0, STEP_CREATE, SCIM_ATTR_USER_NAME, NULL, NULL, "a@example.org", NULL },
	    { 0, STEP_SET, SCIM_ATTR_DEPARTMENT, NULL, NULL, "Tours", NULL } },
	  { { "POST /Users", 0, { .status = 201, .body = MADE("new/1") } } }, true,
	  "POST " BASE "/Users {\"schemas\":[\"" SCIM_URN_USER "\",\"" SCIM_URN_ENTERPRISE "\"],"
	  "\"userName\":\"a@example.org\",\"active\":true,\"" SCIM_URN_ENTERPRISE
	  "\":{\"department\":\"Tours\"}}", "PATCH", "", { OUTCOME_DONE, OUTCOME_DONE }, NULL },
	{ "the id is in Location alone",
	  { { 0, STEP_CREATE, SCIM_ATTR_USER_NAME, NULL, NULL, "a", NULL } },
	  { { "POST /Users", 0, { .status = 201,
	      .headers = "Location: https://elsewhere.example/Users/n%2F1\r\n" } } }, true,
	  "POST", "elsewhere", "", { OUTCOME_DONE }, NULL },
	{ "an account that is told without id",
	  { { 0, STEP_CREATE, SCIM_ATTR_USER_NAME, NULL, NULL, "a", NULL } },
	  { { "POST /Users", 0, { .status = 201, .body = "{}" } } }, true,
	  "POST", NULL, "", { OUTCOME_UNKNOWN }, "tells no id" },
	{ "a name that is taken",
	  { { 0, STEP_CREATE, SCIM_ATTR_USER_NAME, NULL, NULL, "a", NULL } },
	  { { "POST /Users", 0, { .status = 409, .body = REFUSAL(409, "uniqueness") } } }, true,
	  "POST", "PUT", "", { OUTCOME_FAILED }, "409 uniqueness" },
	{ "a POST that may have been carried out is not sent again",
	  { { 0, STEP_CREATE, SCIM_ATTR_USER_NAME, NULL, NULL, "a", NULL } },
	  { { "POST /Users", 1, { .result = WIRE_CUT } } }, true,
	  "POST", "\nPOST", "", { OUTCOME_UNKNOWN }, "connection lost" },
	{ "a POST whose answer was lost is looked for, and found",
	  { { 0, STEP_CREATE, SCIM_ATTR_USER_NAME, NULL, NULL, "a\"b", NULL },
	    { 0, STEP_SET, SCIM_ATTR_EXTERNAL_ID, NULL, NULL, "x-1", NULL } },
	  { { "POST /Users", 0, { .result = WIRE_CUT } },
	    { "GET /Users?filter=userName%20eq%20%22a%5C%22b%22", 0,
	      { .body = "{\"totalResults\":1,\"Resources\":[{\"id\":\"n\",\"externalId\":\"x-1\"}]}" } } },
	  true, "GET", "\nPOST", "", { OUTCOME_DONE, OUTCOME_DONE }, NULL },
	{ "a POST whose answer was lost, and somebody else's account",
	  { { 0, STEP_CREATE, SCIM_ATTR_USER_NAME, NULL, NULL, "a", NULL },
	    { 0, STEP_SET, SCIM_ATTR_EXTERNAL_ID, NULL, NULL, "x-1", NULL } },
	  { { "POST /Users", 0, { .result = WIRE_CUT } },
	    { "GET /Users?filter=", 0,
	      { .body = "{\"totalResults\":1,\"Resources\":[{\"id\":\"n\",\"externalId\":\"x-2\"}]}" } } },
	  true, "GET", "\nPOST", "", { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN }, "connection lost" },
	{ "a change with its version",
	  { TITLE }, { { "PATCH /Users/u0", 0, { .body = NOW("Chief", "2") } } }, true,
	  "PATCH " BASE "/Users/u0 " PATCH_OF(REPLACE_TITLE) "\n", "GET", "W/\"1\";",
	  { OUTCOME_DONE }, NULL },
	{ "versions are not looked at", { TITLE },
	  { { "PATCH /Users/u0", 0, { .status = 204 } } }, false, "PATCH", "GET", "",
	  { OUTCOME_DONE }, NULL },
	{ "what is not there is added; a manager is an object",
	  { { 0, STEP_SET, SCIM_ATTR_GIVEN_NAME, NULL, NULL, "Ana", NULL },
	    { 0, STEP_SET, SCIM_ATTR_EMAILS, "work", NULL, "a@b", NULL },
	    { 0, STEP_SET, SCIM_ATTR_MANAGER, NULL, NULL, "u9", NULL } },
	  { { "PATCH /Users/u0", 0, { .status = 204 } } }, true,
	  PATCH_OF("{\"op\":\"add\",\"path\":\"name.givenName\",\"value\":\"Ana\"},"
		   "{\"op\":\"add\",\"path\":\"emails\",\"value\":[{\"type\":\"work\",\"value\":\"a@b\"}]},"
		   "{\"op\":\"add\",\"path\":\"" SCIM_URN_ENTERPRISE ":manager\",\"value\":{\"value\":\"u9\"}}"),
	  NULL, NULL, { OUTCOME_DONE, OUTCOME_DONE, OUTCOME_DONE }, NULL },
	{ "somebody else changed another value", { TITLE },
	  { { "PATCH /Users/u0", 1, { .status = 412 } },
	    { "GET /Users/u0", 0, { .body = NOW("Guide", "W/\\\"5\\\"") } },
	    { "PATCH /Users/u0", 1, { .status = 204 } } }, true,
	  REPLACE_TITLE, "PUT", "W/\"1\";W/\"5\";", { OUTCOME_DONE }, NULL },
	{ "a conflict as Genesys Cloud tells it", { TITLE },
	  { { "PATCH /Users/u0", 1, { .status = 400, .body = REFUSAL(400, "invalidVers") } },
	    { "GET /Users/u0", 0, { .body = NOW("Guide", "W/\\\"5\\\"") } },
	    { "PATCH /Users/u0", 1, { .status = 204 } } }, true,
	  "GET", "PUT", "W/\"1\";W/\"5\";", { OUTCOME_DONE }, NULL },
	{ "somebody else changed this value", { TITLE },
	  { { "PATCH /Users/u0", 0, { .status = 412 } },
	    { "GET /Users/u0", 0, { .body = NOW("Boss", "W/\\\"5\\\"") } } }, true,
	  "GET", "PUT", "W/\"1\";", { OUTCOME_REFUSED }, "title is \"Boss\" by now" },
	{ "somebody else did it", { TITLE },
	  { { "PATCH /Users/u0", 0, { .status = 412 } },
	    { "GET /Users/u0", 0, { .body = NOW("Chief", "W/\\\"5\\\"") } } }, true,
	  "GET", "PUT", "W/\"1\";", { OUTCOME_DONE }, NULL },
	{ "a tag that is refused though it is the one", { TITLE },
	  { { "PATCH /Users/u0", 1, { .status = 412 } },
	    { "GET /Users/u0", 0, { .body = NOW("Guide", "W/\\\"1\\\"") } },
	    { "PATCH /Users/u0", 1, { .status = 204 } } }, true,
	  "GET", "PUT", "W/\"1\";", { OUTCOME_DONE }, NULL },
	{ "no PATCH: the whole, with what is not known here", { TITLE },
	  { { "PATCH /Users/u0", 0, { .status = 501 } },
	    { "GET /Users/u0", 0, { .body = NOW("Guide", "W/\\\"5\\\"") } },
	    { "PUT /Users/u0", 0, { .body = NOW("Chief", "W/\\\"6\\\"") } } }, true,
	  "PUT " BASE "/Users/u0 {\"schemas\":[\"" SCIM_URN_USER "\"],\"id\":\"u0\","
	  "\"userName\":\"a\",\"title\":\"Chief\",\"vendor\":{\"kept\":[1,null]}}\n", NULL,
	  "W/\"1\";W/\"5\";", { OUTCOME_DONE }, NULL },
	{ "a form that is not understood", { TITLE },
	  { { "PATCH /Users/u0", 0, { .status = 400, .body = REFUSAL(400, "invalidPath") } },
	    { "GET /Users/u0", 0, { .body = NOW("Guide", "W/\\\"5\\\"") } },
	    { "PUT /Users/u0", 0, { .status = 400, .body = REFUSAL(400, "invalidValue") } } }, true,
	  "PUT", NULL, NULL, { OUTCOME_FAILED }, "PATCH /Users/{id}: 400 invalidPath" },
	{ "a value that is refused is not tried otherwise", { TITLE },
	  { { "PATCH /Users/u0", 0, { .status = 400, .body = REFUSAL(400, "invalidValue") } } }, true,
	  "PATCH", "GET", NULL, { OUTCOME_FAILED }, "400 invalidValue" },
	{ "a change with an unknown outcome is looked at", { TITLE },
	  { { "PATCH /Users/u0", 1, { .result = WIRE_CUT } },
	    { "GET /Users/u0", 0, { .body = NOW("Chief", "W/\\\"5\\\"") } } }, false,
	  "GET", "PUT", NULL, { OUTCOME_DONE }, NULL },
	{ "the account is gone", { TITLE },
	  { { "PATCH /Users/u0", 0, { .status = 412 } }, { "GET /Users/u0", 0, { .status = 404 } } },
	  true, "GET", "PUT", NULL, { OUTCOME_REFUSED }, "404" },
	{ "off and on", { { 0, STEP_DISABLE, 0, NULL, "true", "false", NULL } },
	  { { "PATCH /Users/u0", 0, { .status = 204 } } }, false,
	  "{\"op\":\"replace\",\"path\":\"active\",\"value\":false}", NULL, NULL,
	  { OUTCOME_DONE }, NULL },
	{ "throttled", { TITLE },
	  { { "PATCH /Users/u0", 1, { .status = 429, .headers = "Retry-After: 2\r\n" } },
	    { "PATCH /Users/u0", 1, { .status = 204 } } }, false,
	  "PATCH", "GET", NULL, { OUTCOME_DONE }, NULL },
	{ "members of a group",
	  { { 0, STEP_GROUP_ADD, 0, NULL, NULL, NULL, "g/1" },
	    { 1, STEP_GROUP_ADD, 0, NULL, NULL, NULL, "g/1" } },
	  { { "PATCH /Groups/g%2F1", 0, { .status = 204 } } }, true,
	  "PATCH " BASE "/Groups/g%2F1 " PATCH_OF("{\"op\":\"add\",\"path\":\"members\","
	  "\"value\":[{\"value\":\"u0\"},{\"value\":\"u1\"}]}"), NULL, "",
	  { OUTCOME_DONE, OUTCOME_DONE }, NULL },
	{ "out of a group, one by one",
	  { { 0, STEP_GROUP_REMOVE, 0, NULL, NULL, NULL, "g" },
	    { 1, STEP_GROUP_REMOVE, 0, NULL, NULL, NULL, "g" } },
	  { { "PATCH /Groups/g", 0, { .status = 204 } } }, true,
	  "{\"op\":\"remove\",\"path\":\"members[value eq \\\"u0\\\"]\"},"
	  "{\"op\":\"remove\",\"path\":\"members[value eq \\\"u1\\\"]\"}", NULL, NULL,
	  { OUTCOME_DONE, OUTCOME_DONE }, NULL },
	{ "a culprit among the members",
	  { { 0, STEP_GROUP_ADD, 0, NULL, NULL, NULL, "g" },
	    { 1, STEP_GROUP_ADD, 0, NULL, NULL, NULL, "g" },
	    { 2, STEP_GROUP_ADD, 0, NULL, NULL, NULL, "g" } },
	  { { "PATCH /Groups/g " PATCH_OF("{\"op\":\"add\",\"path\":\"members\","
	      "\"value\":[{\"value\":\"u0\"}]}"), 0, { .status = 204 } },
	    { "PATCH /Groups/g " PATCH_OF("{\"op\":\"add\",\"path\":\"members\","
	      "\"value\":[{\"value\":\"u2\"}]}"), 0, { .status = 204 } },
	    { "PATCH /Groups/g", 0, { .status = 422, .body = REFUSAL(422, "invalidValue") } } },
	  true, "PATCH", "PUT", NULL, { OUTCOME_DONE, OUTCOME_FAILED, OUTCOME_DONE },
	  "422 invalidValue" },
	{ "a group that is made, its members in batches",
	  { { 0, STEP_GROUP_CREATE, 0, NULL, NULL, NULL, ITEM_NEW "x" },
	    { 0, STEP_GROUP_ADD, 0, NULL, NULL, NULL, ITEM_NEW "x" },
	    { 1, STEP_GROUP_ADD, 0, NULL, NULL, NULL, ITEM_NEW "x" } },
	  { { "POST /Groups", 0, { .status = 201, .body = "{\"id\":\"g7\",\"displayName\":\"x\"}" } } },
	  true, "POST " BASE "/Groups {\"schemas\":[\"" SCIM_URN_GROUP "\"],\"displayName\":\"Group new:x\","
	  "\"members\":[{\"value\":\"u0\"},{\"value\":\"u1\"}]}", "PATCH", NULL,
	  { OUTCOME_DONE, OUTCOME_DONE, OUTCOME_DONE }, NULL },
	{ "a group that can't be made",
	  { { 0, STEP_GROUP_CREATE, 0, NULL, NULL, NULL, ITEM_NEW "x" },
	    { 1, STEP_GROUP_ADD, 0, NULL, NULL, NULL, ITEM_NEW "x" } },
	  { { "POST /Groups", 0, { .status = 405 } } }, true, "POST", "PUT", NULL,
	  { OUTCOME_FAILED, OUTCOME_FAILED }, "POST /Groups: 405" },
	{ "no PATCH for groups: the whole",
	  { { 0, STEP_GROUP_ADD, 0, NULL, NULL, NULL, "g" } },
	  { { "PATCH /Groups/g", 0, { .status = 501 } },
	    { "GET /Groups/g", 0, { .body = "{\"id\":\"g\",\"displayName\":\"G\",\"more\":1,"
	      "\"members\":[{\"value\":\"o\",\"display\":\"O\"}]}" } },
	    { "PUT /Groups/g", 0, { .status = 200, .body = "{}" } } }, true,
	  "PUT " BASE "/Groups/g {\"id\":\"g\",\"displayName\":\"G\",\"more\":1,\"members\":"
	  "[{\"value\":\"o\",\"display\":\"O\"},{\"value\":\"u0\"}]}\n", NULL, NULL,
	  { OUTCOME_DONE }, NULL },
	{ "a group that hides its members is not put",
	  { { 0, STEP_GROUP_ADD, 0, NULL, NULL, NULL, "g" } },
	  { { "PATCH /Groups/g", 0, { .status = 501 } },
	    { "GET /Groups/g", 0, { .body = "{\"id\":\"g\",\"displayName\":\"G\"}" } } }, true,
	  "GET", "PUT", NULL, { OUTCOME_REFUSED }, "would empty it" },
};

static void check_send(size_t n, struct stage *stage, struct plot *plot)
{
	const char *name = sends[n].name, *log = stage->wire.log.data;

	if (!strstr(log, sends[n].sent))
		fail_msg("%s: not sent: %s\n%s", name, sends[n].sent, log);
	if (sends[n].never && strstr(log, sends[n].never))
		fail_msg("%s: sent: %s\n%s", name, sends[n].never, log);
	if (sends[n].match && strcmp(stage->match, sends[n].match) != 0)
		fail_msg("%s: If-Match %s, not %s", name, stage->match, sends[n].match);
	for (size_t i = 0; i < plot->plan.steps.count; i++)
		if (plot->outcomes[i] != sends[n].outcomes[i])
			fail_msg("%s: step %zu: %s, not %s: %s\n%s", name, i,
				 outcome_name(plot->outcomes[i]),
				 outcome_name(sends[n].outcomes[i]), plot->error, log);
	if (sends[n].error ? !strstr(plot->error, sends[n].error) : plot->error[0] != '\0')
		fail_msg("%s: error %s", name, plot->error);
}

static void test_send(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(sends) / sizeof(sends[0]); n++) {
		struct stage stage;
		struct plot plot;
		size_t count = 0;

		while (count < 5 && (sends[n].rows[count].new_text || sends[n].rows[count].group))
			count++;
		stage_open(&stage, sends[n].replies, AUTH_BEARER);
		((struct service *)stage.tenant)->profile.etag = sends[n].etag;
		plot_make(&plot, sends[n].rows, count);
		plot_send(&stage, &plot);
		check_send(n, &stage, &plot);
		plot_release(&plot);
		stage_close(&stage);
	}
}

/* ---- Bulk ---- */

#define OPERATIONS(list) "{\"schemas\":[\"" SERVICE_URN "BulkResponse\"],\"Operations\":[" list "]}"
#define MADE_OP(bulk, id) "{\"method\":\"POST\",\"bulkId\":\"" bulk "\",\"status\":\"201\"," \
	"\"location\":\"" BASE "/Users/" id "\",\"version\":\"W/\\\"3\\\"\"}"

/* Three new accounts by one Bulk. */
static const struct {
	const char *name;
	struct reply replies[4];
	enum step_outcome outcomes[3];
	unsigned bulks, posts;
	const char *error;
} bulks[] = {
	{ "all made", { { "POST /Bulk", 0, { .body = OPERATIONS(MADE_OP("c0", "a") ","
	  MADE_OP("c2", "c") "," MADE_OP("c1", "b")) } } },
	  { OUTCOME_DONE, OUTCOME_DONE, OUTCOME_DONE }, 1, 0, NULL },
	{ "one is refused", { { "POST /Bulk", 0, { .body = OPERATIONS(MADE_OP("c0", "a") ","
	  "{\"method\":\"POST\",\"bulkId\":\"c1\",\"status\":\"409\",\"response\":"
	  REFUSAL(409, "uniqueness") "}," MADE_OP("c2", "c")) } } },
	  { OUTCOME_DONE, OUTCOME_FAILED, OUTCOME_DONE }, 1, 0, "409 uniqueness" },
	{ "one is throttled and goes by itself",
	  { { "POST /Bulk", 0, { .body = OPERATIONS(MADE_OP("c0", "a") ","
	      "{\"method\":\"POST\",\"bulkId\":\"c1\",\"status\":429}," MADE_OP("c2", "c")) } },
	    { "POST /Users", 0, { .status = 201, .body = MADE("b") } } },
	  { OUTCOME_DONE, OUTCOME_DONE, OUTCOME_DONE }, 1, 1, NULL },
	{ "one is not told of", { { "POST /Bulk", 0, { .body = OPERATIONS(MADE_OP("c0", "a") ","
	  MADE_OP("c2", "c")) } } },
	  { OUTCOME_DONE, OUTCOME_UNKNOWN, OUTCOME_DONE }, 1, 0, "does not tell of each" },
	{ "by their places", { { "POST /Bulk", 0, { .body = OPERATIONS(
	  "{\"status\":201,\"location\":\"/Users/a\"},{\"status\":{\"code\":\"201\"},"
	  "\"location\":\"/Users/b\"},{\"status\":\"201\",\"location\":\"/Users/c\"}") } } },
	  { OUTCOME_DONE, OUTCOME_DONE, OUTCOME_DONE }, 1, 0, NULL },
	{ "strangers' and repeated numbers", { { "POST /Bulk", 0, { .body = OPERATIONS(
	  MADE_OP("c0", "a") "," MADE_OP("c0", "x") "," MADE_OP("c9", "y") "," MADE_OP("zz", "z")) } } },
	  { OUTCOME_DONE, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN }, 1, 0, "does not tell of each" },
	{ "half an answer", { { "POST /Bulk", 0, { .body = "{\"Operations\":[" MADE_OP("c0", "a") ",{" } } },
	  { OUTCOME_DONE, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN }, 1, 0, "POST /Bulk" },
	{ "there is no Bulk after all", { { "POST /Bulk", 0, { .status = 404 } },
	  { "POST /Users", 0, { .status = 201, .body = MADE("n") } } },
	  { OUTCOME_DONE, OUTCOME_DONE, OUTCOME_DONE }, 1, 3, NULL },
	{ "the answer is lost", { { "POST /Bulk", 0, { .result = WIRE_CUT } } },
	  { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN }, 1, 0, "connection lost" },
};

static unsigned count_lines(const char *log, const char *start)
{
	unsigned count = 0;

	for (const char *at = log; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		count += !strncmp(at, start, strlen(start));
		if (!*at)
			break;
	}
	return count;
}

static void test_bulk(void **state)
{
	static const struct row rows[] = {
		{ 0, STEP_CREATE, SCIM_ATTR_USER_NAME, NULL, NULL, "a", NULL },
		{ 1, STEP_CREATE, SCIM_ATTR_USER_NAME, NULL, NULL, "b", NULL },
		{ 2, STEP_CREATE, SCIM_ATTR_USER_NAME, NULL, NULL, "c", NULL },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(bulks) / sizeof(bulks[0]); n++) {
		struct service_profile *profile;
		struct stage stage;
		struct plot plot;

		stage_open(&stage, bulks[n].replies, AUTH_BEARER);
		profile = &((struct service *)stage.tenant)->profile;
		profile->bulk = true;
		profile->bulk_max = 100;
		profile->bulk_bytes_max = 1000000;
		plot_make(&plot, rows, 3);
		plot_send(&stage, &plot);
		for (size_t i = 0; i < 3; i++)
			if (plot.outcomes[i] != bulks[n].outcomes[i])
				fail_msg("%s: step %zu: %s: %s\n%s", bulks[n].name, i,
					 outcome_name(plot.outcomes[i]), plot.error,
					 stage.wire.log.data);
		if (count_lines(stage.wire.log.data, "POST " BASE "/Bulk") != bulks[n].bulks ||
		    count_lines(stage.wire.log.data, "POST " BASE "/Users") != bulks[n].posts)
			fail_msg("%s: sent\n%s", bulks[n].name, stage.wire.log.data);
		if (bulks[n].error ? !strstr(plot.error, bulks[n].error) : plot.error[0] != '\0')
			fail_msg("%s: error %s", bulks[n].name, plot.error);
		plot_release(&plot);
		stage_close(&stage);
	}
}

/* Operations and bytes of one Bulk stay within what the service says. */
static void test_bulk_limits(void **state)
{
	static const struct reply replies[] = { { "POST /Bulk", 0, { .status = 500 } },
						{ NULL, 0, { 0 } } };
	struct row rows[4];
	struct service_profile *profile;
	struct stage stage;
	struct plot plot;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		rows[i] = (struct row){ i, STEP_CREATE, SCIM_ATTR_USER_NAME, NULL, NULL, "a", NULL };
	stage_open(&stage, replies, AUTH_BEARER);
	profile = &((struct service *)stage.tenant)->profile;
	profile->bulk = true;
	profile->bulk_max = 2;
	profile->bulk_bytes_max = 1000000;
	plot_make(&plot, rows, 4);
	plot_send(&stage, &plot);
	assert_int_equal(count_lines(stage.wire.log.data, "POST " BASE "/Bulk"), 2);
	plot_release(&plot);
	stage_close(&stage);
}

/* ---- login ---- */

static void test_login(void **state)
{
	static const struct row rows[] = { TITLE };
	static const struct reply replies[] = {
		{ "POST https://login.example.org/token grant_type=client_credentials&scope=scim", 1,
		  { .body = "{\"access_token\":\"first\"}" } },
		{ "POST https://login.example.org/token", 1,
		  { .body = "{\"access_token\":\"second\",\"expires_in\":60}" } },
		{ "PATCH /Users/u0", 1, { .status = 401 } },
		{ "PATCH /Users/u0", 1, { .status = 204 } },
		{ NULL, 0, { 0 } },
	};
	static const struct reply refused[] = {
		{ "POST https://login.example.org/token", 0, { .status = 401 } },
		{ NULL, 0, { 0 } },
	};
	static const struct reply broken[] = {
		{ "POST https://login.example.org/token", 0, { .body = "{\"access_token\":\"a b\"}" } },
		{ NULL, 0, { 0 } },
	};
	const struct reply *sets[] = { replies, refused, broken };
	const char *errors[] = { "", "target.client_id right", "is no token" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct stage stage;
		struct plot plot;

		stage_open(&stage, sets[i], AUTH_CLIENT);
		plot_make(&plot, rows, 1);
		plot_send(&stage, &plot);
		assert_int_equal(plot.outcomes[0], i ? OUTCOME_FAILED : OUTCOME_DONE);
		if (!strstr(plot.error, errors[i]))
			fail_msg("%s", plot.error);
		if (strstr(plot.error, "s3cret") || strstr(plot.error, "a b"))
			fail_msg("a secret is told: %s", plot.error);
		plot_release(&plot);
		stage_close(&stage);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_bulk_limits),
		cmocka_unit_test(test_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
