/*
 * tests/bridge/tenant_stage.h - the Genesys client on a fake wire, before a small tenant.
 *
 * A case gives its own replies; what it does not answer the good tenant does. Defining
 * functions static, a test that includes it uses what it needs.
 */
#ifndef TESTS_BRIDGE_TENANT_STAGE_H
#define TESTS_BRIDGE_TENANT_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/tenant/genesys.h"
#include "tests/fake_wire.h"

#define API "https://api.test"
#define LOGIN "https://login.test"
#define SECRET "s3cret-never-shown"
#define TOKEN_OK "{\"access_token\":\"tok-1\",\"token_type\":\"bearer\",\"expires_in\":86400}"

/*
 * What the tenant answers: the first row whose `match` begins "METHOD path?query" and whose
 * `times` (0 = for ever) are not used up.
 */
struct reply {
	const char *match;
	unsigned times;
	struct fake_answer answer;
};

#define REPLIES_MAX 24

struct stage {
	struct fake_clock clock;
	struct loop *loop;
	struct fake_wire wire;
	struct rng rng;
	struct tenant *tenant;
	struct reply replies[REPLIES_MAX];
	unsigned used[REPLIES_MAX];
	size_t count;
};

/* Good answers of a small tenant; a case's own replies come before them. */
static const struct reply defaults[] = {
	{ "POST /oauth/token", 0, { .status = 200, .body = TOKEN_OK } },
	{ "GET /api/v2/authorization/roles?", 0,
	  { .status = 200,
	    .body = "{\"entities\":[{\"id\":\"r1\",\"name\":\"employee\"},{\"id\":\"r2\","
		    "\"name\":\"Boss\",\"permissionPolicies\":[{\"domain\":\"authorization\","
		    "\"entityName\":\"grant\",\"actionSet\":[\"view\",\"add\"]}]},{\"id\":\"r3\","
		    "\"name\":\"Named\"},{\"id\":\"r4\",\"name\":\"Viewer\","
		    "\"permissionPolicies\":[{\"domain\":\"authorization\",\"entityName\":"
		    "\"grant\",\"actionSet\":[\"view\"]}]}],\"total\":4,\"pageNumber\":1}" } },
	{ "GET /api/v2/authorization/divisions?", 0,
	  { .status = 200,
	    .body = "{\"entities\":[{\"id\":\"d1\",\"name\":\"Home\",\"homeDivision\":true},"
		    "{\"id\":\"d2\",\"name\":\"Site Bern\"}],\"total\":2}" } },
	{ "GET /api/v2/routing/skills?", 0,
	  { .status = 200,
	    .body = "{\"entities\":[{\"id\":\"s1\",\"name\":\"Billing\",\"state\":\"active\"},"
		    "{\"id\":\"s2\",\"name\":\"Old\",\"state\":\"deleted\"}],\"total\":2}" } },
	{ "GET /api/v2/routing/languages?", 0,
	  { .status = 200,
	    .body = "{\"entities\":[{\"id\":\"l1\",\"name\":\"English\"}],\"total\":1}" } },
	{ "GET /api/v2/groups?", 0,
	  { .status = 200,
	    .body = "{\"entities\":[{\"id\":\"g1\",\"name\":\"Agents\",\"version\":3,"
		    "\"memberCount\":1},{\"id\":\"g2\",\"name\":\"Agents\"}],\"total\":2}" } },
	{ "GET /api/v2/routing/queues?", 0,
	  { .status = 200,
	    .body = "{\"entities\":[{\"id\":\"q1\",\"name\":\"Billing\",\"memberCount\":1},"
		    "{\"id\":\"q2\",\"name\":\"Empty\",\"memberCount\":0}],\"total\":2}" } },
	{ "GET /api/v2/users?pageSize=500&pageNumber=1&state=active", 0,
	  { .status = 200,
	    .body = "{\"entities\":[{\"id\":\"u1\",\"name\":\"Ann\",\"email\":\"Ann@x.org\","
		    "\"version\":5,\"state\":\"active\",\"title\":\"Agent\",\"division\":{\"id\":"
		    "\"d2\",\"name\":\"Site Bern\"},\"manager\":{\"id\":\"u9\"},\"addresses\":["
		    "{\"mediaType\":\"PHONE\",\"type\":\"WORK\",\"address\":\"+411\"},"
		    "{\"mediaType\":\"PHONE\",\"type\":\"WORK2\",\"address\":\"+412\","
		    "\"extension\":\"7\"},{\"mediaType\":\"EMAIL\",\"type\":\"PRIMARY\","
		    "\"address\":\"a@b\"}],\"employerInfo\":{\"employeeId\":\"E1\",\"dateHire\":"
		    "\"2020-01-01\"},\"skills\":[{\"id\":\"s1\",\"proficiency\":4.0},{\"id\":"
		    "\"gone\",\"proficiency\":1}],\"languages\":[{\"id\":\"l1\",\"proficiency\":"
		    "5}],\"groups\":[{\"id\":\"g1\"}]},{\"id\":\"u2\",\"name\":\"Bob\",\"email\":"
		    "\"bob@x.org\",\"version\":1,\"skills\":[],\"languages\":[],\"groups\":[]}],"
		    "\"total\":2,\"pageNumber\":1,\"pageSize\":500}" } },
	{ "GET /api/v2/users?pageSize=500&pageNumber=1&state=inactive", 0,
	  { .status = 200,
	    .body = "{\"entities\":[{\"id\":\"u3\",\"name\":\"Cid\",\"email\":\"cid@x.org\","
		    "\"version\":2,\"skills\":[],\"languages\":[],\"groups\":[]}],\"total\":1,"
		    "\"pageNumber\":1}" } },
	{ "GET /api/v2/users?pageSize=500&pageNumber=1&state=deleted", 0,
	  { .status = 200,
	    .body = "{\"entities\":[{\"id\":\"u4\",\"name\":\"Ann\",\"email\":\"ann@x.org\"},"
		    "{\"id\":\"u5\",\"name\":\"Dan\",\"email\":\"dan@x.org\"}],\"total\":2}" } },
	{ "GET /api/v2/authorization/divisions/d1/grants", 0,
	  { .status = 200,
	    .body = "{\"entities\":[{\"subjectId\":\"u1\",\"division\":{\"id\":\"d1\"},\"role\":"
		    "{\"id\":\"r1\"}},{\"subjectId\":\"a-group\",\"division\":{\"id\":\"d1\"},"
		    "\"role\":{\"id\":\"r1\"}}],\"total\":2}" } },
	{ "GET /api/v2/authorization/divisions/%2A/grants", 0,
	  { .status = 200,
	    .body = "{\"entities\":[{\"subjectId\":\"u2\",\"division\":{\"id\":\"*\"},\"role\":"
		    "{\"id\":\"r2\"}}],\"total\":1}" } },
	{ "GET /api/v2/routing/queues/q1/members", 0,
	  { .status = 200, .body = "{\"entities\":[{\"id\":\"u1\",\"memberBy\":\"user\"}]}" } },
};

static inline const struct fake_answer *find(const struct reply *replies, size_t count, unsigned *used,
				      const char *line)
{
	for (size_t i = 0; i < count; i++) {
		if (!replies[i].match ||
		    strncmp(line, replies[i].match, strlen(replies[i].match)) != 0)
			continue;
		if (used && replies[i].times && used[i]++ >= replies[i].times)
			continue;
		return &replies[i].answer;
	}
	return NULL;
}

static inline void respond(void *ctx, const struct wire_request *request, size_t number,
		    struct fake_answer *ret)
{
	struct stage *stage = ctx;
	const char *path = strchr(request->url + 8, '/');
	const struct fake_answer *answer;
	struct buf line;

	(void)number;
	buf_init(&line, 1 << 20);
	buf_addf(&line, "%s %s", request->method, path);
	answer = find(stage->replies, stage->count, stage->used, line.data);
	if (!answer)
		answer = find(defaults, sizeof(defaults) / sizeof(*defaults), NULL, line.data);
	*ret = answer ? *answer :
			(struct fake_answer){ .status = 404,
					      .body = "{\"code\":\"not.found\",\"message\":\"no "
						      "such thing\"}" };
	/* A call without a token is refused, whatever a case says. */
	if (strncmp(line.data, "POST /oauth/token", 17) != 0 &&
	    (!request->headers[0] ||
	     strncmp(request->headers[0], "Authorization: Bearer tok", 25) != 0))
		*ret = (struct fake_answer){ .status = 401 };
	if (!ret->delay_us)
		ret->delay_us = 1000;
	for (unsigned i = 0; i < WIRE_HEADERS_MAX && request->headers[i]; i++)
		if (!strncmp(request->headers[i], "If-Match", 8))
			buf_addf(&stage->wire.log, "  %s\n", request->headers[i]);
	buf_release(&line);
}

static inline void stage_open(struct stage *stage, const struct reply *replies, size_t count)
{
	static const char *const privileged[] = { "Named" };
	struct genesys_settings settings = {
		.api_url = API, .login_url = LOGIN, .client_id = "id", .client_secret = SECRET,
		.rate = 0, .share_percent = 100, .in_flight = 4, .connect_timeout_ms = 1000,
		.timeout_ms = 30000, .deadline_ms = 60000, .settle_ms = 10000,
		.privileged_roles = privileged, .privileged_count = 1,
	};
	struct err err = ERR_INIT;

	*stage = (struct stage){ 0 };
	fake_clock_init(&stage->clock);
	stage->loop = loop_new(&stage->clock.clock);
	loop_set_idle(stage->loop, fake_idle, &stage->clock);
	fake_wire_init(&stage->wire, stage->loop, respond, stage);
	rng_seed(&stage->rng, 7);
	assert_in_range(count, 0, REPLIES_MAX);
	for (size_t i = 0; i < count; i++)
		stage->replies[i] = replies[i];
	stage->count = count;
	assert_int_equal(genesys_open(&settings, stage->loop, &stage->wire.base, &stage->rng,
				      &stage->tenant, &err),
			 0);
}

/* The tenant owns loop and wire. */
static inline void stage_close(struct stage *stage)
{
	stage->tenant->ops->free(stage->tenant);
}

#endif
