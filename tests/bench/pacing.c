/*
 * tests/bench/pacing.c - the pacer against the sandbox's own limit, in simulated time.
 *
 *   pacing SEED
 *
 * Five minutes of a tenant that allows 300 calls a minute: windows at a phase by chance,
 * answers after 50 to 90 ms, 8 in flight, another user of the same token who takes 50 calls
 * at times by chance in the second minute. Prints sent=N refused=N allowed=N; calls in flight at the
 * end count as sent. The sandbox's core counts and refuses, not this file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/sandbox/sandbox.h"
#include "bridge/tenant/pace.h"
#include "scim/base/mem.h"

#include "scim/base/banned.h"

#define S INT64_C(1000000)
#define RATE 300
#define MINUTES 5
#define OTHERS 50
#define IN_FLIGHT 8

static const char tenant[] =
	"{\"kind\":\"division\",\"id\":\"d\",\"name\":\"Home\",\"home\":true}\n"
	"{\"kind\":\"role\",\"id\":\"r\",\"name\":\"employee\",\"permissions\":[]}\n"
	"{\"kind\":\"client\",\"id\":\"c\",\"secret\":\"s\",\"name\":\"bridge\"}\n";

struct flight {
	int64_t arrives, returns;
	bool used, arrived;
	struct pace_news news;
};

struct world {
	int64_t now_us;
	struct clock clock;
	struct sandbox *sandbox;
	struct buf body;
	struct rng rng;
	struct pace pace;
	struct flight flights[IN_FLIGHT];
	char bearer[256];
	unsigned sent, refused, in_flight;
};

static int64_t world_now(void *ctx)
{
	const struct world *world = ctx;

	return INT64_C(1790000000000000) + world->now_us;
}

static int64_t world_mono(void *ctx)
{
	const struct world *world = ctx;

	return world->now_us;
}

static int64_t number(const struct sandbox_response *response, const char *name)
{
	for (unsigned i = 0; i < response->header_count; i++)
		if (!strcmp(response->headers[i].name, name))
			return strtoll(response->headers[i].value, NULL, 10);
	return -1;
}

static struct pace_news ask(struct world *world)
{
	struct sandbox_request request = {
		.method = "GET",
		.target = SLICE("/api/v2/routing/skills?pageSize=500&pageNumber=1"),
		.authorization = world->bearer,
		.body = slice_of("", 0),
	};
	struct sandbox_response response = { .body = &world->body };

	buf_clear(&world->body);
	sandbox_handle(world->sandbox, &request, &response);
	return (struct pace_news){
		.status = response.status,
		.count = number(&response, "inin-ratelimit-count"),
		.allowed = number(&response, "inin-ratelimit-allowed"),
		.reset_s = number(&response, "inin-ratelimit-reset"),
		.retry_after_s = number(&response, "Retry-After"),
	};
}

/* A token by the demo client of the tenant above ("c:s"). */
static void log_in(struct world *world)
{
	static const char member[] = "\"access_token\":\"";
	struct sandbox_request request = {
		.method = "POST",
		.target = SLICE("/oauth/token"),
		.authorization = "Basic Yzpz",
		.content_type = "application/x-www-form-urlencoded",
		.body = SLICE("grant_type=client_credentials"),
	};
	struct sandbox_response response = { .body = &world->body };
	const char *at;

	sandbox_handle(world->sandbox, &request, &response);
	at = world->body.data ? strstr(world->body.data, member) : NULL;
	if (!at) {
		fprintf(stderr, "pacing: the sandbox gave no token\n");
		exit(1);
	}
	at += sizeof(member) - 1;
	snprintf(world->bearer, sizeof(world->bearer), "Bearer %.*s", (int)strcspn(at, "\""), at);
}

static struct flight *next_event(struct world *world, int64_t *ret_time)
{
	struct flight *first = NULL;

	for (int i = 0; i < IN_FLIGHT; i++) {
		struct flight *flight = &world->flights[i];
		int64_t when = flight->arrived ? flight->returns : flight->arrives;

		if (flight->used && (!first || when < *ret_time)) {
			first = flight;
			*ret_time = when;
		}
	}
	return first;
}

static void launch(struct world *world)
{
	struct flight *flight = world->flights;
	int64_t there = 25000 + (int64_t)rng_below(&world->rng, 20000);

	while (flight->used)
		flight++;
	*flight = (struct flight){ .used = true, .arrives = world->now_us + there };
	flight->returns = flight->arrives + 25000 + (int64_t)rng_below(&world->rng, 20000);
	world->in_flight++;
	world->sent++;
}

/* It arrives at the tenant, or its answer is back. */
static void happen(struct world *world, struct flight *flight)
{
	if (!flight->arrived) {
		flight->news = ask(world);
		flight->arrived = true;
		if (flight->news.status == 429)
			world->refused++;
		return;
	}
	flight->used = false;
	world->in_flight--;
	pace_answered(&world->pace, world->now_us, &flight->news);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void simulate(struct world *world)
{
	int64_t end = world->now_us + MINUTES * 60 * S, others;
	int64_t again = world->now_us, times[OTHERS];
	unsigned other = 0;

	for (int i = 0; i < OTHERS; i++)
		times[i] = world->now_us + 60 * S + (int64_t)rng_below(&world->rng, 60 * S);
	qsort(times, OTHERS, sizeof(*times), by_time);
	while (world->now_us < end) {
		struct flight *event;
		int64_t next = end, when = 0;

		while (other < OTHERS && world->now_us >= times[other]) {
			ask(world);
			other++;
		}
		others = other < OTHERS ? times[other] : end;
		if (again <= world->now_us && world->in_flight < IN_FLIGHT) {
			again = pace_take(&world->pace, world->now_us);
			if (!again) {
				launch(world);
				continue;
			}
		}
		event = next_event(world, &when);
		if (event && when < next)
			next = when;
		if (others < next)
			next = others;
		if (world->in_flight < IN_FLIGHT && again > world->now_us && again < next)
			next = again;
		world->now_us = next;
		if (event && when == next) {
			happen(world, event);
			again = next;
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	struct world world = { .clock = { .now_us = world_now, .mono_us = world_mono } };
	struct sandbox_options options = { .rate_per_min = RATE, .token_life_s = 86400,
					   .seed = seed + 1, .clock = &world.clock };
	struct err err = ERR_INIT;

	world.clock.ctx = &world;
	rng_seed(&world.rng, seed);
	world.now_us = (int64_t)rng_below(&world.rng, 60 * S);
	buf_init(&world.body, 1u << 20);
	world.sandbox = sandbox_new(&options);
	if (sandbox_load_text(world.sandbox, tenant, &err)) {
		fprintf(stderr, "pacing: %s\n", err.text);
		return 1;
	}
	log_in(&world);
	/* The window begins with the first call: others began it some time before us. */
	ask(&world);
	world.now_us += (int64_t)rng_below(&world.rng, 60 * S);
	pace_init(&world.pace, RATE, 100);
	simulate(&world);
	printf("sent=%u refused=%u allowed=%d\n", world.sent, world.refused,
	       RATE * MINUTES - OTHERS);
	sandbox_free(world.sandbox);
	buf_release(&world.body);
	return 0;
}
