/*
 * tests/bridge/sandbox_lab.h - a small tenant and a way to ask it, for the sandbox's tests.
 */
#ifndef TESTS_BRIDGE_SANDBOX_LAB_H
#define TESTS_BRIDGE_SANDBOX_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/sandbox/sandbox.h"
#include "scim/base/mem.h"
#include "scim/base/vec.h"

static const char lab_tenant[] =
	"{\"kind\":\"division\",\"id\":\"d-home\",\"name\":\"Home\",\"home\":true}\n"
	"{\"kind\":\"division\",\"id\":\"d-osaka\",\"name\":\"Site Osaka\",\"home\":false}\n"
	"{\"kind\":\"role\",\"id\":\"r-emp\",\"name\":\"employee\",\"permissions\":[]}\n"
	"{\"kind\":\"role\",\"id\":\"r-agent\",\"name\":\"Agent\",\"permissions\":[\"routing:queue:view\"]}\n"
	"{\"kind\":\"skill\",\"id\":\"s-bill\",\"name\":\"Billing\"}\n"
	"{\"kind\":\"skill\",\"id\":\"s-tech\",\"name\":\"Tech\"}\n"
	"{\"kind\":\"language\",\"id\":\"l-en\",\"name\":\"English\"}\n"
	"{\"kind\":\"group\",\"id\":\"g1\",\"name\":\"Everyone\",\"version\":4,\"members\":[\"u1\"]}\n"
	"{\"kind\":\"queue\",\"id\":\"q1\",\"name\":\"Billing\",\"division\":\"d-home\",\"members\":[\"u1\"]}\n"
	"{\"kind\":\"user\",\"id\":\"u1\",\"name\":\"Ann\",\"email\":\"ann@x.org\",\"state\":\"active\","
	"\"version\":3,\"division\":\"d-home\",\"title\":\"Boss\",\"department\":\"210\","
	"\"employeeNumber\":\"77\",\"dateHire\":\"2024-02-29\",\"manager\":\"u2\","
	"\"emails\":[{\"type\":\"work\",\"value\":\"a@x.org\"}],"
	"\"phones\":[{\"type\":\"work\",\"value\":\"+4930123;ext=7\"}],\"externalId\":\"e1\","
	"\"externalIds\":[{\"authority\":\"hr\",\"value\":\"1\"}],"
	"\"skills\":[{\"id\":\"s-bill\",\"proficiency\":2.5}],"
	"\"languages\":[{\"id\":\"l-en\",\"proficiency\":4}]}\n"
	"{\"kind\":\"user\",\"id\":\"u2\",\"name\":\"Bob\",\"email\":\"bob@x.org\",\"state\":\"active\","
	"\"version\":1,\"division\":\"d-osaka\"}\n"
	"{\"kind\":\"user\",\"id\":\"u3\",\"name\":\"Cid\",\"email\":\"cid@x.org\",\"state\":\"inactive\","
	"\"version\":1,\"division\":\"d-home\"}\n"
	"{\"kind\":\"user\",\"id\":\"u4\",\"name\":\"Dan\",\"email\":\"dan@x.org\",\"state\":\"deleted\","
	"\"version\":1,\"division\":\"d-home\"}\n"
	"{\"kind\":\"grant\",\"subject\":\"u1\",\"role\":\"r-emp\",\"division\":\"d-home\"}\n"
	"{\"kind\":\"grant\",\"subject\":\"u1\",\"role\":\"r-agent\",\"division\":\"*\"}\n"
	"{\"kind\":\"client\",\"id\":\"c\",\"secret\":\"s\",\"name\":\"bridge\"}\n";

#define ENT "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
#define GEN "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"
#define PATCH_HEAD "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\"Operations\":["
#define NEW_USER "\"userName\":\"n@x.org\",\"displayName\":\"N\""
#define USERS "/api/v2/scim/v2/users"
#define AUTHZ "/api/v2/authorization"

/* Basic c:s */
#define LAB_BASIC "Basic Yzpz"

struct lab {
	struct sandbox *sandbox;
	struct clock clock;
	int64_t mono_us;
	struct sandbox_response response;
	struct buf body;
	char bearer[128];
	/* of the next request, then forgotten; NULL = the usual */
	const char *authorization, *content_type, *if_match, *if_none_match;
};

static int64_t lab_now(void *ctx)
{
	const struct lab *lab = ctx;

	return INT64_C(1790000000000000) + lab->mono_us;
}

static int64_t lab_mono(void *ctx)
{
	const struct lab *lab = ctx;

	return lab->mono_us;
}

/* Send a request; returns the status, the answer stays in the lab. */
static int lab_ask(struct lab *lab, const char *method, const char *target, const char *body)
{
	struct sandbox_request request = {
		.method = method,
		.target = slice_str(target),
		.authorization = lab->authorization ? lab->authorization : lab->bearer,
		.content_type = lab->content_type ? lab->content_type : "application/json",
		.if_match = lab->if_match,
		.if_none_match = lab->if_none_match,
		.body = body ? slice_str(body) : slice_of("", 0),
	};

	lab->authorization = lab->content_type = lab->if_match = lab->if_none_match = NULL;
	buf_clear(&lab->body);
	memset(&lab->response, 0, sizeof(lab->response));
	lab->response.body = &lab->body;
	sandbox_handle(lab->sandbox, &request, &lab->response);
	return lab->response.status;
}

static const char *lab_text(const struct lab *lab)
{
	return lab->body.data ? lab->body.data : "";
}

__attribute__((unused)) static const char *lab_header(const struct lab *lab, const char *name)
{
	for (unsigned i = 0; i < lab->response.header_count; i++)
		if (!strcmp(lab->response.headers[i].name, name))
			return lab->response.headers[i].value;
	return NULL;
}

/* Take a new token for what follows. */
static void lab_login_as(struct lab *lab, const char *basic)
{
	const char *start;

	lab->authorization = basic;
	lab->content_type = "application/x-www-form-urlencoded";
	assert_int_equal(lab_ask(lab, "POST", "/oauth/token", "grant_type=client_credentials"),
			 200);
	start = strstr(lab_text(lab), "\"access_token\":\"");
	assert_non_null(start);
	start += strlen("\"access_token\":\"");
	snprintf(lab->bearer, sizeof(lab->bearer), "Bearer %.*s", (int)strcspn(start, "\""),
		 start);
}

static void lab_login(struct lab *lab)
{
	lab_login_as(lab, LAB_BASIC);
}

static struct lab *lab_new(const char *tenant, unsigned rate)
{
	struct lab *lab = mem_zalloc(sizeof(*lab));
	struct sandbox_options options = { .rate_per_min = rate, .lag_ms = 300,
					   .token_life_s = 600, .seed = 5,
					   .clock = &lab->clock };
	struct err err = ERR_INIT;

	lab->clock = (struct clock){ lab_now, lab_mono, lab };
	buf_init(&lab->body, 16u << 20);
	lab->sandbox = sandbox_new(&options);
	if (sandbox_load_text(lab->sandbox, tenant, &err))
		fail_msg("tenant: %s", err.text);
	lab_login(lab);
	return lab;
}

static void lab_free(struct lab *lab)
{
	sandbox_free(lab->sandbox);
	buf_release(&lab->body);
	mem_free(lab);
}

/* The state as lines; what waits for its lag is not in it. */
static const char *lab_state(struct lab *lab)
{
	assert_int_equal(lab_ask(lab, "GET", "/sandbox/state", NULL), 200);
	return lab_text(lab);
}

#endif
