/* check --online: what the client may do, who else writes, limits, expiry; answers by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/tenant/genesys.h"
#include "bridge/tenant/regions.h"
#include "tests/fake_wire.h"

#include "scim/base/banned.h"

#define TOKEN_OK "{\"access_token\":\"tok-1\",\"token_type\":\"bearer\",\"expires_in\":86400}"
#define NOW 1000000000 /* 2001-09-09T01:46:40Z */

#define POLICY(domain, entity, actions) \
	"{\"domain\":\"" domain "\",\"entityName\":\"" entity "\",\"actions\":[" actions "]}"
#define ROLE_IN(division, policies)                                                       \
	"{\"subjectId\":\"me\",\"division\":{\"id\":\"" division                               \
	"\",\"name\":\"n\"},\"grantMadeAt\":\"2001-01-01T00:00:00.000Z\",\"role\":{\"id\":\"x\"," \
	"\"name\":\"Bridge\",\"policies\":[" policies "]}}"
#define GRANTS(list) "{\"id\":\"me\",\"grants\":[" list "]}"
#define ANY "\"*\""
#define VIEWS                                                                             \
	POLICY("authorization", "role", "\"view\"") "," POLICY("routing", "skill", ANY) ","    \
	POLICY("routing", "queue", "\"view\",\"edit\"")
#define PEOPLE                                                                            \
	POLICY("directory", "user", "\"view\",\"add\",\"edit\"") ","                           \
	POLICY("directory", "group", "\"edit\"")
#define GIVES POLICY("authorization", "grant", "\"view\",\"add\",\"delete\"")
#define ALL_GRANTS GRANTS(ROLE_IN("*", VIEWS "," PEOPLE "," GIVES))

#define REPLIES_MAX 4
#define WORDS_MAX 4

struct reply {
	const char *match;
	int status;
	const char *body;
};

/* A tenant where all is well. */
static const struct reply defaults[] = {
	{ "POST /oauth/token", 200, TOKEN_OK },
	{ "GET /api/v2/tokens/me", 200,
	  "{\"organization\":{\"id\":\"o\",\"name\":\"Acme\"},\"dateTokenIdles\":null}" },
	{ "GET /api/v2/authorization/subjects/me", 200, ALL_GRANTS },
	{ "GET /api/v2/oauth/clients/cid", 200,
	  "{\"id\":\"cid\",\"name\":\"bridge\",\"state\":\"active\",\"authorizedGrantType\":"
	  "\"CLIENT-CREDENTIALS\",\"accessTokenValiditySeconds\":86400,\"dateModified\":"
	  "\"2000-01-01T00:00:00Z\",\"roleDivisions\":[{\"roleId\":\"r1\",\"divisionId\":\"*\"}]}" },
	{ "GET /api/v2/oauth/clients", 200,
	  "{\"entities\":[{\"id\":\"cid\",\"name\":\"scim bridge\"},{\"id\":\"c2\",\"name\":"
	  "\"Reports\",\"roleDivisions\":[{\"roleId\":\"r1\",\"divisionId\":\"d1\"}]}],"
	  "\"total\":2}" },
	{ "GET /api/v2/organizations/limits/namespaces/platform.api", 200,
	  "{\"entities\":[{\"namespace\":\"platform.api\",\"key\":"
	  "\"client.credentials.token.rate.per.minute\",\"value\":300}]}" },
	{ "GET /api/v2/organizations/limits/namespaces/", 200, "{\"entities\":[]}" },
	{ "GET /api/v2/scim/v2/users/u1", 200,
	  "{\"id\":\"u1\",\"urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User\":"
	  "{\"externalIds\":[{\"authority\":\"x-pc:scimv2:v1:cid\",\"value\":\"1\"},"
	  "{\"authority\":\"hr\",\"value\":\"2\"}]}}" },
};

struct stage {
	struct fake_clock clock;
	struct fake_wire wire;
	struct rng rng;
	struct tenant *tenant;
	struct present present;
	const struct reply *replies;
};

static const struct reply *find(const struct reply *replies, size_t count, const char *line)
{
	for (size_t i = 0; i < count && replies[i].match; i++)
		if (!strncmp(line, replies[i].match, strlen(replies[i].match)))
			return &replies[i];
	return NULL;
}

static void respond(void *ctx, const struct wire_request *request, size_t number,
		    struct fake_answer *ret)
{
	struct stage *stage = ctx;
	const struct reply *reply;
	struct buf line;

	(void)number;
	buf_init(&line, 1 << 20);
	buf_addf(&line, "%s %s", request->method, strchr(request->url + 8, '/'));
	reply = find(stage->replies, REPLIES_MAX, line.data);
	if (!reply)
		reply = find(defaults, sizeof(defaults) / sizeof(*defaults), line.data);
	*ret = (struct fake_answer){ .status = reply ? reply->status : 404, .delay_us = 1000,
				     .body = reply ? reply->body : "{}" };
	buf_release(&line);
}

static void add(struct present *present, enum catalogue_kind kind, const char *id,
		const char *name)
{
	struct catalogue_item item = { .id = id, .name = name };
	uint32_t at = catalogue_add(&present->catalogue, kind, &item);

	if (kind == CAT_DIVISION && at == 0)
		present->catalogue.home = at;
}

static void stage_open(struct stage *stage, const struct reply *replies)
{
	struct genesys_settings settings = {
		.api_url = "https://api.test", .login_url = "https://login.test",
		.client_id = "cid", .client_secret = "secret-never-shown", .rate = 300,
		.share_percent = 80, .in_flight = 4, .connect_timeout_ms = 1000,
		.timeout_ms = 30000, .deadline_ms = 60000, .settle_ms = 10000,
	};
	struct err err = ERR_INIT;
	struct loop *loop;

	*stage = (struct stage){ .replies = replies };
	fake_clock_init(&stage->clock);
	loop = loop_new(&stage->clock.clock);
	loop_set_idle(loop, fake_idle, &stage->clock);
	fake_wire_init(&stage->wire, loop, respond, stage);
	rng_seed(&stage->rng, 7);
	assert_int_equal(genesys_open(&settings, loop, &stage->wire.base, &stage->rng,
				      &stage->tenant, &err), 0);
	present_init(&stage->present);
	add(&stage->present, CAT_DIVISION, "d1", "Home");
	add(&stage->present, CAT_DIVISION, "d2", "Site Bern");
	add(&stage->present, CAT_DIVISION, "d3", "Site \033Ulm");
	add(&stage->present, CAT_ROLE, "r1", "employee");
	add(&stage->present, CAT_ROLE, "r9", "SCIM Integration");
}

static void stage_close(struct stage *stage)
{
	stage->tenant->ops->free(stage->tenant);
	present_release(&stage->present);
}

struct words {
	enum finding_level level;
	const char *text; /* the finding holds all of it; NULL = end */
};

static const struct row {
	const char *name;
	struct reply replies[REPLIES_MAX];
	enum finding_level worst;
	struct words words[WORDS_MAX];
	bool everywhere; /* roles are given in "*" */
} rows[] = {
	{ "all is well", { { NULL, 0, NULL } }, FINDING_GOOD,
	  { { FINDING_GOOD, "organization \"Acme\"; it lives 1440 minutes" },
	    { FINDING_GOOD, "all permissions that these rules need" },
	    { FINDING_GOOD, "none of 2 OAuth clients" },
	    { FINDING_GOOD, "300 calls a minute, target.rate is 300, of which 80%" } }, false },
	{ "a permission that nobody gave",
	  { { "GET /api/v2/authorization/subjects/me", 200,
	      GRANTS(ROLE_IN("*", POLICY("authorization", "role", "\"view\"") "," PEOPLE "," GIVES
			     "," POLICY("routing", "queue", ANY) ","
			     POLICY("routing", "skill", "\"view\""))) } },
	  FINDING_FAILED,
	  { { FINDING_FAILED, "routing:skill:assign is missing; needed for: skills of one person "
			      "set (PATCH /api/v2/users/{userId}/routingskills/bulk), skills" } },
	  false },
	{ "held in one division, needed in two",
	  { { "GET /api/v2/authorization/subjects/me", 200,
	      GRANTS(ROLE_IN("*", VIEWS "," GIVES "," POLICY("directory", "user", "\"view\"") ","
			     POLICY("directory", "group", ANY)) ","
		     ROLE_IN("d2", POLICY("directory", "user", "\"add\",\"edit\""))) } },
	  FINDING_FAILED,
	  { { FINDING_FAILED, "directory:user:add in \"Home\" is missing; needed for: accounts "
			      "made (POST" },
	    { FINDING_FAILED, "directory:user:edit in \"Home\" is missing" },
	    { FINDING_WARNING, "directory:user:edit in \"Home\" is missing, which the contract "
			       "does not name" } }, false },
	{ "grants of a division that it can't see",
	  { { "GET /api/v2/authorization/subjects/me", 200,
	      GRANTS(ROLE_IN("*", VIEWS "," PEOPLE ","
			     POLICY("authorization", "grant", "\"add\",\"delete\"")) ","
		     ROLE_IN("d1", POLICY("authorization", "grant", "\"view\""))) } },
	  FINDING_REFUSED,
	  { { FINDING_REFUSED, "has no authorization:grant:view in \"Site Bern\"" } }, false },
	{ "accounts of a division that it can't see",
	  { { "GET /api/v2/authorization/subjects/me", 200,
	      GRANTS(ROLE_IN("*", VIEWS "," GIVES "," POLICY("directory", "group", ANY) ","
			     POLICY("directory", "user", "\"add\",\"edit\"")) ","
		     ROLE_IN("d1", POLICY("directory", "user", "\"view\""))) } },
	  FINDING_REFUSED,
	  { { FINDING_REFUSED, "has no directory:user:view in \"Site Bern\"; what it does not "
			       "see" } }, false },
	{ "all divisions are asked for, two are given",
	  { { "GET /api/v2/authorization/subjects/me", 200,
	      GRANTS(ROLE_IN("*", VIEWS "," PEOPLE) "," ROLE_IN("d1", GIVES) ","
		     ROLE_IN("d2", GIVES)) } },
	  FINDING_REFUSED,
	  { { FINDING_REFUSED, "authorization:grant:view in \"all divisions (*)\"" },
	    { FINDING_FAILED, "authorization:grant:add in \"all divisions (*)\" is missing" } },
	  true },
	{ "a permission under a condition",
	  { { "GET /api/v2/authorization/subjects/me", 200,
	      GRANTS(ROLE_IN("*", VIEWS "," PEOPLE
			     ",{\"domain\":\"authorization\",\"entityName\":\"grant\",\"condition\":"
			     "\"role eq x\",\"actions\":[\"*\"]}")) } },
	  FINDING_WARNING,
	  { { FINDING_WARNING, "authorization:grant:add is held only under a condition" },
	    { FINDING_GOOD, "all permissions that these rules need" } }, false },
	{ "no grants at all", { { "GET /api/v2/authorization/subjects/me", 200, GRANTS("") } },
	  FINDING_REFUSED,
	  { { FINDING_FAILED, "authorization:role:view is missing" },
	    { FINDING_FAILED, "routing:skill:assign or routing:language:assign is missing" },
	    { FINDING_REFUSED, "it has no directory:user:view; what" },
	    { FINDING_WARNING, "directory:group:edit is missing, which" } }, false },
	{ "grants can't be read",
	  { { "GET /api/v2/authorization/subjects/me", 403, "{\"code\":\"not.authorized\"}" } },
	  FINDING_WARNING,
	  { { FINDING_WARNING, "permissions could not be looked at: GET /api/v2/auth" } }, false },
	{ "grants are no JSON", { { "GET /api/v2/authorization/subjects/me", 200, "{\"grants\":" } },
	  FINDING_WARNING,
	  { { FINDING_WARNING, "permissions could not be looked at: the answer" } }, false },
	{ "grants are missing", { { "GET /api/v2/authorization/subjects/me", 200, "{}" } },
	  FINDING_WARNING, { { FINDING_WARNING, "has no \"grants\"" } }, false },
	{ "another client, by its name",
	  { { "GET /api/v2/oauth/clients/cid", 200, "{\"id\":\"cid\"}" },
	    { "GET /api/v2/oauth/clients", 200,
	      "{\"entities\":[{\"id\":\"c2\",\"name\":\"Okta \\u001b SCIM\",\"state\":\"active\"},"
	      "{\"id\":\"c3\",\"name\":\"old scim\",\"state\":\"disabled\"}],\"total\":5}" } },
	  FINDING_WARNING,
	  { { FINDING_WARNING, "looks like SCIM provisioning: \"Okta \\x1B SCIM\"" },
	    { FINDING_NOTE, "only 2 of 5 OAuth clients" } }, false },
	{ "another client, by its role",
	  { { "GET /api/v2/oauth/clients/cid", 200, "{\"id\":\"cid\"}" },
	    { "GET /api/v2/oauth/clients", 200,
	      "{\"entities\":[{\"id\":\"c2\",\"name\":\"Entra\",\"roleDivisions\":[{\"roleId\":"
	      "\"r9\",\"divisionId\":\"*\"}]}]}" } },
	  FINDING_WARNING,
	  { { FINDING_WARNING, "\"Entra\", with the role \"SCIM Integration\"" } }, false },
	{ "clients may not be seen",
	  { { "GET /api/v2/oauth/clients", 403, "{\"code\":\"missing.permissions\"}" } },
	  FINDING_NOTE,
	  { { FINDING_NOTE, "other OAuth clients could not be looked at" },
	    { FINDING_NOTE, "the OAuth client (its expiry, whether it was changed)" } }, false },
	{ "changed, expiring, inactive",
	  { { "GET /api/v2/oauth/clients/cid", 200,
	      "{\"name\":\"bridge\",\"state\":\"inactive\",\"dateToDelete\":\"2001-09-20T01:46:41Z\","
	      "\"dateModified\":\"2001-09-01T00:00:00Z\"}" } },
	  FINDING_FAILED,
	  { { FINDING_FAILED, "\"bridge\" is inactive" },
	    { FINDING_WARNING, "deleted at 2001-09-20T01:46:41Z, in 11 days" },
	    { FINDING_WARNING, "was changed at 2001-09-01T00:00:00Z, after the last good run "
			       "(2001-08-16" } }, false },
	{ "deleted already",
	  { { "GET /api/v2/oauth/clients/cid", 200, "{\"dateToDelete\":\"2001-09-08T00:00:00Z\","
						    "\"authorizedGrantType\":\"CODE\"}" } },
	  FINDING_FAILED,
	  { { FINDING_FAILED, "2001-09-08T00:00:00Z, which is past" },
	    { FINDING_WARNING, "has the grant type CODE" } }, false },
	{ "a year to go",
	  { { "GET /api/v2/oauth/clients/cid", 200, "{\"dateToDelete\":\"2002-09-08T00:00:00Z\"}" } },
	  FINDING_NOTE, { { FINDING_NOTE, "in 363 days" } }, false },
	{ "a client that is no JSON", { { "GET /api/v2/oauth/clients/cid", 200, "[]" } },
	  FINDING_NOTE, { { FINDING_NOTE, "the OAuth client could not be looked at" } }, false },
	{ "a role given since the last run",
	  { { "GET /api/v2/authorization/subjects/me", 200,
	      GRANTS("{\"division\":{\"id\":\"*\"},\"grantMadeAt\":\"2001-09-01T10:00:00.123Z\","
		     "\"role\":{\"name\":\"Late\",\"policies\":[" VIEWS "," PEOPLE "," GIVES
		     "]}}") } },
	  FINDING_WARNING,
	  { { FINDING_WARNING, "was given the role Late at 2001-09-01T10:00:00Z" } }, false },
	{ "the tenant allows less",
	  { { "GET /api/v2/organizations/limits/namespaces/auth.api", 200,
	      "{\"entities\":[{\"key\":\"client.credentials.token.rate.per.minute\",\"value\":"
	      "180}]}" },
	    { "GET /api/v2/organizations/limits/namespaces/", 200, "{\"entities\":[]}" } },
	  FINDING_WARNING,
	  { { FINDING_WARNING, "allows this client 180 calls a minute, target.rate is 300" } },
	  false },
	{ "the tenant allows more, SCIM less",
	  { { "GET /api/v2/organizations/limits/namespaces/platform.api", 200,
	      "{\"entities\":[{\"key\":\"client.credentials.token.rate.per.minute\",\"value\":"
	      "900}]}" },
	    { "GET /api/v2/organizations/limits/namespaces/scim", 200,
	      "{\"entities\":[{\"key\":\"write.rate.per.minute\",\"value\":100},{\"key\":"
	      "\"users.max\",\"value\":5}]}" } },
	  FINDING_NOTE,
	  { { FINDING_NOTE, "allows this client 900" },
	    { FINDING_NOTE, "scim: write.rate.per.minute is 100, below target.rate" } }, false },
	{ "limits are not told",
	  { { "GET /api/v2/organizations/limits/", 404, "{\"code\":\"not.found\"}" } },
	  FINDING_NOTE,
	  { { FINDING_NOTE, "the limits of scim could not be looked at" },
	    { FINDING_NOTE, "does not tell client.credentials" } }, false },
	{ "limits that are no numbers",
	  { { "GET /api/v2/organizations/limits/namespaces/scim", 200,
	      "{\"entities\":[{\"key\":7,\"value\":1}]}" } },
	  FINDING_NOTE,
	  { { FINDING_NOTE, "the limits of scim could not be looked at: the answer" } }, false },
	{ "accounts of ours under another client's mark",
	  { { "GET /api/v2/scim/v2/users/u1", 200,
	      "{\"urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User\":{"
	      "\"externalIds\":[{\"authority\":\"x-pc:scimv2:v1:other\",\"value\":\"1\"}]}}" } },
	  FINDING_WARNING,
	  { { FINDING_WARNING, "1 of 1 accounts of ours that were looked at carry the mark of "
			       "another SCIM client (\"x-pc:scimv2:v1:other\")" } }, false },
	{ "a token of five minutes",
	  { { "POST /oauth/token", 200,
	      "{\"access_token\":\"tok-1\",\"token_type\":\"bearer\",\"expires_in\":300}" } },
	  FINDING_NOTE, { { FINDING_NOTE, "it lives 5 minutes" } }, false },
};

static bool said(const struct findings *findings, const struct words *words)
{
	for (size_t i = 0; i < findings->items.count; i++)
		if (findings->items.items[i].level == words->level &&
		    strstr(findings->items.items[i].text, words->text))
			return true;
	return false;
}

static void dump(const struct findings *findings)
{
	for (size_t i = 0; i < findings->items.count; i++)
		print_message("  %s %s: %s\n", finding_level_name(findings->items.items[i].level),
			      findings->items.items[i].what, findings->items.items[i].text);
}

static void run_row(const struct row *row)
{
	static const uint32_t divisions[] = { 0, 1 }, all[] = { 0, ITEM_ALL };
	static const char *const accounts[] = { "u1" };
	struct stage stage;
	struct findings findings;
	struct tenant_look look = {
		.use = { .kinds = 1u << ASSIGN_ROLE | 1u << ASSIGN_SKILL | 1u << ASSIGN_LANGUAGE |
				  1u << ASSIGN_GROUP | 1u << ASSIGN_QUEUE,
			 .attrs = UINT64_C(1) << SCIM_ATTR_DIVISION, .unlinked = true },
		.people = { divisions, 2 },
		.grants = { row->everywhere ? all : divisions, 2 },
		.accounts = accounts, .account_count = 1, .now_s = NOW,
		.last_good_s = NOW - 2000000,
	};

	stage_open(&stage, row->replies);
	findings_init(&findings);
	look.present = &stage.present;
	stage.tenant->ops->check(stage.tenant, &look, &findings);
	for (size_t i = 0; i < WORDS_MAX && row->words[i].text; i++)
		if (!said(&findings, &row->words[i])) {
			dump(&findings);
			fail_msg("%s: not found: %s", row->name, row->words[i].text);
		}
	if (findings.worst != row->worst) {
		dump(&findings);
		fail_msg("%s: the worst is %s", row->name, finding_level_name(findings.worst));
	}
	if (strstr(stage.wire.log.data, "secret-never-shown"))
		fail_msg("%s: the secret was sent in the open", row->name);
	findings_release(&findings);
	stage_close(&stage);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_row(&rows[i]);
}

static void test_regions(void **state)
{
	static const struct {
		const char *domain, *region, *nearest;
	} cases[] = {
		{ "mypurecloud.de", "eu-central-1", "mypurecloud.de" },
		{ "MyPureCloud.IE", "eu-west-1", "mypurecloud.ie" },
		{ "usw2.pure.cloud", "us-west-2", "usw2.pure.cloud" },
		{ "mypurcloud.de", NULL, "mypurecloud.de" },
		{ "eu-central-1", NULL, "mypurecloud.de" },
		{ "example.org", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *region = region_of_domain(cases[i].domain);
		const char *near = region_nearest(cases[i].domain);

		if (cases[i].region ? !region || strcmp(region, cases[i].region) != 0 : region != NULL)
			fail_msg("%s: region %s", cases[i].domain, region ? region : "none");
		if (cases[i].nearest ? !near || strcmp(near, cases[i].nearest) != 0 : near != NULL)
			fail_msg("%s: nearest %s", cases[i].domain, near ? near : "none");
	}
}

/* Who needs nothing of a kind needs no permission for it; nobody needs one twice. */
static void test_needs(void **state)
{
	struct access_use none = { 0 }, all = { .kinds = UINT32_MAX, .attrs = UINT64_MAX,
						.unlinked = true };
	struct access_need few[API_OP_COUNT], many[API_OP_COUNT];
	size_t few_count = access_needs(&none, few), many_count = access_needs(&all, many);

	(void)state;
	assert_true(few_count > 0 && few_count < many_count);
	for (size_t i = 0; i < few_count; i++)
		assert_int_not_equal(few[i].op, API_ROLE_GRANT);
	for (size_t i = 0; i < many_count; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(many[i].op, many[k].op);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
