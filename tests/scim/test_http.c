#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "scim/http.h"
#include "tests/fake_wire.h"

#include "scim/base/banned.h"

struct script {
	const struct fake_answer *answers;
	size_t count;
};

static void play(void *ctx, const struct wire_request *request, size_t number,
		 struct fake_answer *ret)
{
	const struct script *script = ctx;

	(void)request;
	if (number < script->count && (script->answers[number].result ||
				       script->answers[number].status))
		*ret = script->answers[number];
	if (!ret->delay_us)
		ret->delay_us = 1000;
}

struct outcome {
	unsigned done;
	struct http_answer answer;
	char body[64];
};

static void keep(void *ctx, const struct http_answer *answer)
{
	struct outcome *outcome = ctx;

	outcome->done++;
	outcome->answer = *answer;
	snprintf(outcome->body, sizeof(outcome->body), "%.*s", SLICE_FMT(answer->body));
}

static const struct http_policy policy = {
	.in_flight_max = 4,
	.connect_timeout_ms = 5000,
	.timeout_ms = 30000,
	.deadline_ms = 20000,
	.wait_ms = 1000,
	.wait_max_ms = 8000,
	.answer_bytes_max = 1 << 20,
};

struct bench {
	struct fake_clock clock;
	struct loop *loop;
	struct fake_wire wire;
	struct rng rng;
	struct http *http;
	struct script script;
};

static void bench_open(struct bench *bench, const struct fake_answer *answers, size_t count,
		       const struct http_pacer *pacer)
{
	fake_clock_init(&bench->clock);
	bench->loop = loop_new(&bench->clock.clock);
	loop_set_idle(bench->loop, fake_idle, &bench->clock);
	bench->script = (struct script){ answers, count };
	fake_wire_init(&bench->wire, bench->loop, play, &bench->script);
	rng_seed(&bench->rng, 1);
	bench->http = http_new(bench->loop, &bench->wire.base, &policy, pacer, &bench->rng);
}

static void bench_close(struct bench *bench)
{
	http_free(bench->http);
	bench->wire.base.ops->free(&bench->wire.base);
	loop_free(bench->loop);
}

static void run(struct bench *bench)
{
	while (http_pending(bench->http))
		loop_step(bench->loop, LOOP_NEVER);
}

static bool busy_words(void *ctx, const struct wire_answer *answer, unsigned attempt)
{
	(void)ctx;
	return answer->status == 400 && slice_eq_str(answer->body, "busy") && attempt < 3;
}

enum { ONCE, SAFE };

static const struct {
	const char *name;
	struct fake_answer answers[6]; /* then 200 */
	int safe;
	enum http_outcome outcome;
	int status;
	unsigned attempts;
	int64_t least_ms, most_ms; /* until it is done */
} rows[] = {
	{ "answered at once", { { 0 } }, ONCE,
	  HTTP_ANSWERED, 200, 1, 1, 1 },
	{ "a refusal is an answer", { { .status = 404 } }, SAFE,
	  HTTP_ANSWERED, 404, 1, 1, 1 },
	{ "a redirect is an answer", { { .status = 302 } }, SAFE,
	  HTTP_ANSWERED, 302, 1, 1, 1 },
	{ "501 is final", { { .status = 501 } }, SAFE,
	  HTTP_ANSWERED, 501, 1, 1, 1 },
	{ "not sent: again even when once", { { .result = WIRE_NOT_SENT } }, ONCE,
	  HTTP_ANSWERED, 200, 2, 500, 1010 },
	{ "tls refused: final", { { .result = WIRE_NOT_SENT, .kind = ERR_TLS } }, SAFE,
	  HTTP_NOT_SENT, 0, 1, 1, 1 },
	{ "429 again even when once", { { .status = 429 } }, ONCE,
	  HTTP_ANSWERED, 200, 2, 500, 1010 },
	{ "Retry-After obeyed",
	  { { .status = 429, .headers = "Retry-After: 7\r\n" } }, ONCE,
	  HTTP_ANSWERED, 200, 2, 7000, 7300 },
	{ "Retry-After beyond the deadline",
	  { { .status = 429, .headers = "retry-after: 60\r\n" } }, SAFE,
	  HTTP_ANSWERED, 429, 1, 1, 1 },
	{ "503 with Retry-After",
	  { { .status = 503, .headers = "Retry-After: 2\r\n" } }, SAFE,
	  HTTP_ANSWERED, 200, 2, 2000, 2300 },
	{ "500 when once is unknown", { { .status = 500 } }, ONCE,
	  HTTP_UNKNOWN, 500, 1, 1, 1 },
	{ "503 when once is unknown", { { .status = 503 } }, ONCE,
	  HTTP_UNKNOWN, 503, 1, 1, 1 },
	{ "408 when once is unknown", { { .status = 408 } }, ONCE,
	  HTTP_UNKNOWN, 408, 1, 1, 1 },
	{ "500 502 503 504 408 when safe",
	  { { .status = 500 }, { .status = 502 }, { .status = 503 }, { .status = 504 },
	    { .status = 408 } }, SAFE,
	  HTTP_ANSWERED, 200, 6, 11500, 20000 },
	{ "503 until the deadline",
	  { { .status = 503 }, { .status = 503 }, { .status = 503 }, { .status = 503 },
	    { .status = 503 }, { .status = 503 } }, SAFE,
	  HTTP_UNKNOWN, 503, 6, 11500, 20000 },
	{ "cut when once is unknown", { { .result = WIRE_CUT } }, ONCE,
	  HTTP_UNKNOWN, 0, 1, 1, 1 },
	{ "cut when safe: again", { { .result = WIRE_CUT } }, SAFE,
	  HTTP_ANSWERED, 200, 2, 500, 1010 },
	{ "half a success when once is unknown",
	  { { .result = WIRE_CUT, .status = 201, .body = "{\"id\"" } }, ONCE,
	  HTTP_UNKNOWN, 201, 1, 1, 1 },
	{ "half a success when safe: again",
	  { { .result = WIRE_CUT, .status = 200, .body = "{" } }, SAFE,
	  HTTP_ANSWERED, 200, 2, 500, 1010 },
	{ "a refusal cut in its text counts",
	  { { .result = WIRE_CUT, .status = 403, .body = "{" } }, ONCE,
	  HTTP_ANSWERED, 403, 1, 1, 1 },
	{ "too large is final",
	  { { .result = WIRE_CUT, .status = 200, .kind = ERR_LIMIT } }, SAFE,
	  HTTP_UNKNOWN, 200, 1, 1, 1 },
	{ "throttle in disguise",
	  { { .status = 400, .body = "busy" }, { .status = 400, .body = "busy" } }, ONCE,
	  HTTP_ANSWERED, 200, 3, 1500, 3010 },
	{ "throttle in disguise, too often",
	  { { .status = 400, .body = "busy" }, { .status = 400, .body = "busy" },
	    { .status = 400, .body = "busy" } }, ONCE,
	  HTTP_ANSWERED, 400, 3, 1500, 3010 },
	{ "cut, then never sent: still unknown",
	  { { .result = WIRE_CUT }, { .result = WIRE_NOT_SENT, .kind = ERR_TLS } }, SAFE,
	  HTTP_UNKNOWN, 0, 2, 500, 1010 },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct bench bench;
		struct outcome outcome = { 0 };
		struct http_request request = { .method = "GET", .url = "https://x/",
						.repeat_safe = rows[i].safe == SAFE,
						.transient = busy_words, .done = keep,
						.ctx = &outcome };
		int64_t start, took_ms;

		bench_open(&bench, rows[i].answers, 6, NULL);
		start = bench.clock.now_us;
		http_start(bench.http, &request);
		assert_int_equal(outcome.done, 0);
		run(&bench);
		took_ms = (bench.clock.now_us - start) / 1000;
		if (outcome.done != 1 || outcome.answer.outcome != rows[i].outcome ||
		    outcome.answer.status != rows[i].status ||
		    outcome.answer.attempts != rows[i].attempts ||
		    took_ms < rows[i].least_ms || took_ms > rows[i].most_ms)
			fail_msg("%s: done %u outcome %d status %d attempts %u after %lld ms",
				 rows[i].name, outcome.done, (int)outcome.answer.outcome,
				 outcome.answer.status, outcome.answer.attempts,
				 (long long)took_ms);
		if ((outcome.answer.outcome == HTTP_ANSWERED) != !outcome.answer.err.kind)
			fail_msg("%s: error kind %d", rows[i].name, outcome.answer.err.kind);
		bench_close(&bench);
	}
}

/* The deadline ends it, and no wait is longer than the ceiling. */
static void test_deadline(void **state)
{
	static const struct fake_answer down[64] = { { .result = WIRE_NOT_SENT } };
	struct fake_answer all[64];
	struct bench bench;
	struct outcome outcome = { 0 };
	struct http_request request = { .method = "GET", .url = "https://x/", .done = keep,
					.ctx = &outcome };
	int64_t start;

	(void)state;
	for (size_t i = 0; i < 64; i++)
		all[i] = down[0];
	bench_open(&bench, all, 64, NULL);
	start = bench.clock.now_us;
	http_start(bench.http, &request);
	run(&bench);
	assert_int_equal(outcome.answer.outcome, HTTP_NOT_SENT);
	assert_int_equal(outcome.answer.err.kind, ERR_NET);
	assert_true(bench.clock.now_us - start <= policy.deadline_ms * 1000);
	assert_true(bench.clock.now_us - start >= (policy.deadline_ms - 8000) * 1000);
	for (size_t i = 1; i < bench.wire.sent_us.count; i++)
		assert_true(bench.wire.sent_us.items[i] - bench.wire.sent_us.items[i - 1] <=
			    policy.wait_max_ms * 1000 + 1000);
	bench_close(&bench);
}

static void test_in_flight(void **state)
{
	struct bench bench;
	struct outcome outcome = { 0 };
	struct http_request request = { .method = "GET", .url = "https://x/", .done = keep,
					.ctx = &outcome };

	(void)state;
	bench_open(&bench, NULL, 0, NULL);
	for (int i = 0; i < 20; i++)
		http_start(bench.http, &request);
	run(&bench);
	assert_int_equal(outcome.done, 20);
	assert_int_equal(bench.wire.most_in_flight, policy.in_flight_max);
	bench_close(&bench);
}

static int64_t take_slowly(void *ctx, int64_t now_us)
{
	int64_t *next = ctx;

	if (now_us < *next)
		return *next;
	*next = now_us + 200000;
	return 0;
}

static void test_pacer(void **state)
{
	struct bench bench;
	struct outcome outcome = { 0 };
	int64_t next = 0;
	struct http_pacer pacer = { .take = take_slowly, .ctx = &next };
	struct http_request request = { .method = "GET", .url = "https://x/", .done = keep,
					.ctx = &outcome };

	(void)state;
	bench_open(&bench, NULL, 0, &pacer);
	for (int i = 0; i < 10; i++)
		http_start(bench.http, &request);
	request.unpaced = true;
	request.url = "https://token/";
	http_start(bench.http, &request);
	run(&bench);
	assert_int_equal(outcome.done, 11);
	/* The unpaced one went first and did not wait. */
	assert_memory_equal(bench.wire.log.data, "GET https://token/\n", 19);
	assert_int_equal(bench.wire.sent_us.items[0], bench.wire.sent_us.items[1]);
	for (size_t i = 2; i < 11; i++)
		assert_true(bench.wire.sent_us.items[i] - bench.wire.sent_us.items[i - 1] >=
			    200000);
	bench_close(&bench);
}

static void test_impossible(void **state)
{
	struct bench bench;
	struct outcome outcome = { 0 };
	struct http_request request = { .method = "GET", .url = "impossible", .done = keep,
					.ctx = &outcome };

	(void)state;
	bench_open(&bench, NULL, 0, NULL);
	http_start(bench.http, &request);
	run(&bench);
	assert_int_equal(outcome.done, 1);
	assert_int_equal(outcome.answer.outcome, HTTP_NOT_SENT);
	assert_int_equal(outcome.answer.err.kind, ERR_REFUSED);
	bench_close(&bench);
}

/* One in flight, one waiting for its retry, one not yet sent. */
static void test_drain(void **state)
{
	static const struct fake_answer answers[] = { { .status = 503 },
						      { .status = 200, .delay_us = 300000 },
						      { .status = 200, .delay_us = 300000 },
						      { .status = 200, .delay_us = 300000 },
						      { .status = 200, .delay_us = 300000 } };
	struct bench bench;
	struct outcome outcomes[7] = { 0 };

	(void)state;
	bench_open(&bench, answers, 5, NULL);
	for (int i = 0; i < 7; i++) {
		struct http_request request = { .method = "GET", .url = "https://x/",
						.repeat_safe = true, .done = keep,
						.ctx = &outcomes[i] };

		http_start(bench.http, &request);
	}
	while (bench.wire.count < 5)
		loop_step(bench.loop, LOOP_NEVER);
	http_drain(bench.http, true);
	run(&bench);
	assert_int_equal(bench.wire.count, 5);
	assert_int_equal(outcomes[0].answer.outcome, HTTP_UNKNOWN);
	assert_int_equal(outcomes[1].answer.outcome, HTTP_ANSWERED);
	assert_int_equal(outcomes[4].answer.outcome, HTTP_ANSWERED);
	assert_int_equal(outcomes[5].answer.outcome, HTTP_NOT_SENT);
	assert_int_equal(outcomes[6].answer.outcome, HTTP_NOT_SENT);
	http_drain(bench.http, false);
	bench_close(&bench);
}

static void test_free_in_flight(void **state)
{
	struct bench bench;
	struct outcome outcome = { 0 };
	struct http_request request = { .method = "POST", .url = "https://x/",
					.body = SLICE("secret"), .has_body = true,
					.done = keep, .ctx = &outcome };

	(void)state;
	bench_open(&bench, NULL, 0, NULL);
	for (int i = 0; i < 6; i++)
		http_start(bench.http, &request);
	while (!bench.wire.count)
		loop_step(bench.loop, LOOP_NEVER);
	bench_close(&bench);
	assert_int_equal(outcome.done, 0);
}

static void test_retry_after(void **state)
{
	static const struct {
		const char *text;
		int64_t expected;
	} dates[] = {
		{ "0", 0 },
		{ "17", 17 },
		{ "", -1 },
		{ "soon", -1 },
		{ "-5", -1 },
		{ "1.5", -1 },
		{ "99999999999", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
		{ "Fri, 01 Jan 2038 00:00:30 GMT", 30 },
		{ "Fri, 01 Foo 2038 00:00:30 GMT", -1 },
		{ "Fri, 01 Jan 2038 00:00:30 CET", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
		int64_t got = http_retry_after(slice_str(dates[i].text), 2145916800);

		if (got != dates[i].expected)
			fail_msg("Retry-After \"%s\": %lld", dates[i].text, (long long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),      cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_in_flight), cmocka_unit_test(test_pacer),
		cmocka_unit_test(test_impossible), cmocka_unit_test(test_drain),
		cmocka_unit_test(test_free_in_flight), cmocka_unit_test(test_retry_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
