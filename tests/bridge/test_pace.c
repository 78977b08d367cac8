#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "bridge/tenant/pace.h"
#include "scim/base/clock.h"

#include "scim/base/banned.h"

#define S INT64_C(1000000)

/*
 * A tenant that counts in windows of a minute: `phase` of them, `latency` there and back
 * (with jitter), and another client of the same token that takes `other` calls at once in
 * the second minute.
 */
struct server {
	const char *name;
	unsigned rate;      /* in the settings */
	unsigned share;
	int64_t allowed;    /* by the server */
	double phase_s;
	unsigned other;
	bool headers;
	bool rounds_up;     /* how reset is rounded */
	int64_t latency_us, jitter_us;
	int64_t used_before; /* by an earlier run in the first window */
	double least;       /* part of what was allowed that must be used */
};

struct flight {
	int64_t arrives, returns;
	struct pace_news news;
	bool arrived, used;
};

#define FLIGHTS 8

struct sim {
	const struct server *server;
	struct rng rng;
	struct pace pace;
	struct flight flights[FLIGHTS];
	int64_t window, count;
	bool other_done;
	unsigned sent, refused;
	int64_t start, own_most; /* most of ours in one window */
	int64_t own;
	unsigned excused; /* nobody could know: the other one filled the window */
};

static int64_t window_at(const struct sim *sim, int64_t t)
{
	return (t + (int64_t)(sim->server->phase_s * (double)S)) / (60 * S);
}

static void roll(struct sim *sim, int64_t t)
{
	if (window_at(sim, t) == sim->window)
		return;
	sim->window = window_at(sim, t);
	sim->count = sim->own = 0;
}

static void arrive(struct sim *sim, struct flight *flight)
{
	const struct server *server = sim->server;
	int64_t phase = (int64_t)(server->phase_s * (double)S);
	int64_t end, left;

	roll(sim, flight->arrives);
	end = (sim->window + 1) * 60 * S - phase;
	left = end - flight->arrives;
	flight->arrived = true;
	flight->news = (struct pace_news){ 200, -1, -1, -1, -1 };
	if (sim->count >= server->allowed) {
		flight->news.status = 429;
		flight->news.retry_after_s = left / S + 1;
		sim->refused++;
	} else {
		sim->count++;
		sim->own++;
		if (sim->own > sim->own_most)
			sim->own_most = sim->own;
	}
	if (server->headers) {
		flight->news.count = sim->count;
		flight->news.allowed = server->allowed;
		flight->news.reset_s = server->rounds_up ? (left + S - 1) / S : left / S;
	}
}

static void take_others(struct sim *sim, int64_t t)
{
	if (sim->other_done || t < sim->start + 75 * S)
		return;
	sim->other_done = true;
	roll(sim, t);
	sim->count += sim->server->other;
	if (sim->server->other && sim->count + FLIGHTS >= sim->server->allowed)
		sim->excused = 2;
}

static struct flight *next_event(struct sim *sim, int64_t *ret_time)
{
	struct flight *first = NULL;

	for (int i = 0; i < FLIGHTS; i++) {
		struct flight *flight = &sim->flights[i];
		int64_t t = flight->arrived ? flight->returns : flight->arrives;

		if (flight->used && (!first || t < *ret_time)) {
			first = flight;
			*ret_time = t;
		}
	}
	return first;
}

static struct flight *free_flight(struct sim *sim)
{
	for (int i = 0; i < FLIGHTS; i++)
		if (!sim->flights[i].used)
			return &sim->flights[i];
	return NULL;
}

static void launch(struct sim *sim, struct flight *flight, int64_t now)
{
	int64_t there = sim->server->latency_us / 2 +
			(int64_t)rng_below(&sim->rng, (uint64_t)sim->server->jitter_us + 1);
	int64_t back = sim->server->latency_us / 2 +
		       (int64_t)rng_below(&sim->rng, (uint64_t)sim->server->jitter_us + 1);

	*flight = (struct flight){ .arrives = now + there, .returns = now + there + back,
				   .used = true };
	sim->sent++;
}

/* Send all that the pacer lets go for five minutes. */
static void simulate(struct sim *sim)
{
	int64_t now = sim->start, end = now + 300 * S, ask = now;

	while (now < end) {
		struct flight *flight = free_flight(sim), *event;
		int64_t when, t = INT64_MAX;

		take_others(sim, now);
		if (flight && ask <= now) {
			when = pace_take(&sim->pace, now);
			if (!when) {
				launch(sim, flight, now);
				continue;
			}
			ask = when;
		}
		event = next_event(sim, &t);
		if (!event || (flight && ask < t)) {
			assert_true(ask != INT64_MAX);
			now = ask;
			continue;
		}
		now = t > now ? t : now;
		if (!event->arrived) {
			arrive(sim, event);
			continue;
		}
		event->used = false;
		pace_answered(&sim->pace, now, &event->news);
		ask = now;
	}
}

static const struct server rows[] = {
	{ "headers, one client", 300, 100, 300, 17.3, 0, true, true, 50000, 20000, 0, 0.98 },
	{ "reset rounded down", 300, 100, 300, 41.9, 0, true, false, 50000, 20000, 0, 0.98 },
	{ "phase 0", 300, 100, 300, 0, 0, true, true, 50000, 20000, 0, 0.98 },
	{ "slow answers", 300, 100, 300, 5.5, 0, true, true, 600000, 300000, 0, 0.96 },
	{ "another takes 50", 300, 100, 300, 33.3, 50, true, true, 50000, 20000, 0, 0.98 },
	{ "another takes 200", 300, 100, 300, 33.3, 200, true, true, 50000, 20000, 0, 0.98 },
	{ "no headers", 300, 100, 300, 25.1, 0, false, true, 50000, 0, 0, 0.98 },
	{ "an earlier run used 200", 300, 100, 300, 12.5, 0, true, true, 50000, 20000, 200,
	  0.95 },
	{ "the tenant allows less", 300, 100, 180, 7.7, 0, true, true, 50000, 20000, 0, 0.97 },
	{ "the settings allow less", 120, 100, 300, 7.7, 0, true, true, 50000, 20000, 0, 0.38 },
	{ "half of it is ours", 300, 50, 300, 29.2, 0, true, true, 50000, 20000, 0, 0.48 },
};

static void test_simulated(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (unsigned seed = 0; seed < 20; seed++) {
			const struct server *server = &rows[i];
			struct sim sim = { .server = server,
					   .start = 1000 * S + (int64_t)seed * 3100000 };
			double most = server->rate < server->allowed ? server->rate :
								       (double)server->allowed;
			double could = 5.0 * (double)server->allowed - server->other -
				       (double)server->used_before;

			rng_seed(&sim.rng, seed);
			pace_init(&sim.pace, server->rate, server->share);
			sim.window = window_at(&sim, sim.start);
			sim.count = server->used_before;
			simulate(&sim);
			if (sim.refused > sim.excused)
				fail_msg("%s, seed %u: %u of %u refused", server->name, seed,
					 sim.refused, sim.sent);
			if (sim.sent < server->least * could)
				fail_msg("%s, seed %u: only %u of %.0f sent", server->name,
					 seed, sim.sent, could);
			if ((double)sim.own_most > most * server->share / 100 + 1)
				fail_msg("%s, seed %u: %lld in one window", server->name, seed,
					 (long long)sim.own_most);
		}
	}
}

static void test_unthrottled(void **state)
{
	struct pace pace;
	struct pace_news busy = { 429, -1, -1, -1, 5 };

	(void)state;
	pace_init(&pace, 0, 100);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(pace_take(&pace, 1000), 0);
	assert_true(pace_per_minute(&pace) == 0);
	/* Retry-After is obeyed all the same. */
	pace_answered(&pace, 2 * S, &busy);
	assert_int_equal(pace_take(&pace, 3 * S), 7 * S);
	assert_int_equal(pace_take(&pace, 7 * S), 0);
}

/* Without a word from the tenant no minute, whatever its phase, holds more than the rate. */
static void test_even(void **state)
{
	struct pace pace;
	int64_t sent[2000], now = 5 * S, when;
	struct pace_news mute = { 200, -1, -1, -1, -1 };
	size_t count = 0;

	(void)state;
	pace_init(&pace, 300, 100);
	while (now < 200 * S) {
		when = pace_take(&pace, now);
		if (when) {
			now = when;
			continue;
		}
		sent[count++] = now;
		pace_answered(&pace, now, &mute);
	}
	assert_true(count > 950);
	for (size_t i = 300; i < count; i++)
		assert_true(sent[i] - sent[i - 300] >= 60 * S - 1000);
}

/* A short run need not trickle once the tenant has said that there is room. */
static void test_burst(void **state)
{
	struct pace pace;
	struct pace_news room = { 200, 1, 300, 40, -1 };
	int64_t now = 100 * S;
	int burst = 0;

	(void)state;
	pace_init(&pace, 300, 100);
	assert_int_equal(pace_take(&pace, now), 0);
	assert_true(pace_take(&pace, now) > now);
	pace_answered(&pace, now, &room);
	now += 10 * S;
	while (!pace_take(&pace, now))
		burst++;
	assert_in_range(burst, 25, 30);
}

static void test_wild_headers(void **state)
{
	static const struct pace_news wild[] = {
		{ 200, 0, 0, 0, -1 },       { 200, -1, -1, 10, -1 },
		{ 200, 5, -1, 99999, -1 },  { 200, INT32_MAX, 300, 30, -1 },
		{ 200, 3, 300, 0, -1 },     { 200, 3, 1, 60, -1 },
		{ 0, -1, -1, -1, -1 },      { 429, -1, -1, -1, -1 },
	};
	struct pace pace;
	int64_t now = 100 * S;

	(void)state;
	pace_init(&pace, 300, 100);
	for (int round = 0; round < 1000; round++) {
		int64_t when = pace_take(&pace, now);

		/* Nothing in flight: it never waits for an answer, nor longer than two minutes. */
		assert_true(when == 0 || (when > now && when < now + 130 * S));
		if (!when)
			pace_answered(&pace, now, &wild[round % 8]);
		else
			now = when;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simulated),    cmocka_unit_test(test_unthrottled),
		cmocka_unit_test(test_even),         cmocka_unit_test(test_burst),
		cmocka_unit_test(test_wild_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
