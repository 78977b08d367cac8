/*
 * tests/bridge/scim_stage.h - the client of any SCIM service on a wire without a network.
 *
 * Shapes are those of RFC 7643 section 8 and RFC 7644 section 3; the values are our own.
 */
#ifndef TESTS_BRIDGE_SCIM_STAGE_H
#define TESTS_BRIDGE_SCIM_STAGE_H

#include <stdio.h>

#include "bridge/config/config.h"
#include "bridge/plan/plan.h"
#include "bridge/tenant/scim_calls.h"
#include "tests/fake_wire.h"

#define BASE "https://scim.example.org/v2"
#define LIST_URN "\"schemas\":[\"" SCIM_URN_LIST "\"]"
#define USER_URN "\"schemas\":[\"" SCIM_URN_USER "\"]"

/* An answer for a request that begins with `start`; the first `nth` of these, 0 = each. */
struct reply {
	const char *start;
	unsigned nth;
	struct fake_answer answer;
};

#define REPLIES_MAX 8

struct stage {
	struct fake_clock clock;
	struct fake_wire wire;
	struct rng rng;
	struct tenant *tenant;
	const struct reply *replies;
	unsigned counts[REPLIES_MAX];
	char match[512]; /* If-Match of each request, in order */
};

static inline const char *stage_header(const struct wire_request *request, const char *name)
{
	for (size_t i = 0; i < WIRE_HEADERS_MAX && request->headers[i]; i++)
		if (!strncmp(request->headers[i], name, strlen(name)))
			return request->headers[i] + strlen(name);
	return NULL;
}

static inline void stage_respond(void *ctx, const struct wire_request *request, size_t number,
		    struct fake_answer *ret)
{
	struct stage *stage = ctx;
	char line[1024];
	const char *match = stage_header(request, "If-Match: ");
	size_t used = strlen(stage->match);

	(void)number;
	snprintf(line, sizeof(line), "%s %s %.*s", request->method,
		 strncmp(request->url, BASE, sizeof(BASE) - 1) ? request->url
							       : request->url + sizeof(BASE) - 1,
		 SLICE_FMT(request->body));
	if (match)
		snprintf(stage->match + used, sizeof(stage->match) - used, "%s;", match);
	*ret = (struct fake_answer){ WIRE_ANSWERED, 404, "", "", 1000, 0 };
	for (size_t i = 0; i < REPLIES_MAX && stage->replies[i].start; i++) {
		const struct reply *reply = &stage->replies[i];

		if (strncmp(line, reply->start, strlen(reply->start)) != 0)
			continue;
		/* The first of these, and no more: then the next reply's turn. */
		if (reply->nth && ++stage->counts[i] > reply->nth)
			continue;
		*ret = reply->answer;
		if (!ret->status && ret->result == WIRE_ANSWERED)
			ret->status = 200;
		if (!ret->headers)
			ret->headers = "";
		if (!ret->delay_us)
			ret->delay_us = 1000;
		return;
	}
}

static inline void stage_open(struct stage *stage, const struct reply *replies, unsigned auth)
{
	struct service_settings settings = {
		.url = BASE, .auth = auth, .token_url = "https://login.example.org/token",
		.token_scope = "scim", .client_id = "client", .secret = "s3cret",
		.token = "t0ken", .share_percent = 100, .in_flight = 4, .page_size = 2,
		.connect_timeout_ms = 1000, .timeout_ms = 10000, .deadline_ms = 60000,
		.bulk = true,
	};
	struct loop *loop;

	memset(stage, 0, sizeof(*stage));
	fake_clock_init(&stage->clock);
	rng_seed(&stage->rng, 1);
	loop = loop_new(&stage->clock.clock);
	loop_set_idle(loop, fake_idle, &stage->clock);
	stage->replies = replies;
	fake_wire_init(&stage->wire, loop, stage_respond, stage);
	stage->tenant = service_open(&settings, loop, &stage->wire.base, &stage->rng);
}

static inline void stage_close(struct stage *stage)
{
	stage->tenant->ops->free(stage->tenant);
}

#endif
