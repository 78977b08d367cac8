#include "scim/http.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "scim/base/mem.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

/* Added to Retry-After, so that several clients do not come back in the same instant. */
#define RETRY_AFTER_JITTER_MS 250

/* Wait when a pacer waits for an answer and nothing is in flight. */
#define STUCK_US 1000000

struct http_job {
	struct http *http;
	struct http_job *next, *prev;
	struct http_request request; /* its text is copied */
	char *url, *body, *headers[WIRE_HEADERS_MAX];
	char *method;
	struct wire_transfer *transfer; /* while in flight */
	struct loop_timer retry;
	int64_t deadline_us; /* 0 until the first attempt */
	unsigned attempts;
	bool lost;           /* the last attempt may have been carried out */
	int last_status;
	struct err last_err;
};

struct job_list {
	struct http_job *first, *last;
};

struct http {
	struct loop *loop;
	struct wire *wire;
	struct http_policy policy;
	struct http_pacer pacer;
	struct rng *rng;
	struct job_list ready, waiting, flying; /* to send, for a retry, sent */
	unsigned in_flight;
	size_t pending;
	struct loop_timer pump;
	bool draining;
};

static void list_remove(struct job_list *list, struct http_job *job)
{
	if (job->prev)
		job->prev->next = job->next;
	else
		list->first = job->next;
	if (job->next)
		job->next->prev = job->prev;
	else
		list->last = job->prev;
	job->next = job->prev = NULL;
}

static void list_append(struct job_list *list, struct http_job *job)
{
	job->prev = list->last;
	job->next = NULL;
	if (list->last)
		list->last->next = job;
	else
		list->first = job;
	list->last = job;
}

static void list_prepend(struct job_list *list, struct http_job *job)
{
	job->next = list->first;
	job->prev = NULL;
	if (list->first)
		list->first->prev = job;
	else
		list->last = job;
	list->first = job;
}

static int month_number(const char *s)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (memcmp(names + (ptrdiff_t)i * 3, s, 3) == 0)
			return i;
	return -1;
}

static int digits(const char *s, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		value = value * 10 + (s[i] - '0');
	}
	return value;
}

/* RFC 9110 section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT"; older forms are not sent today. */
static int64_t fixdate(struct slice s)
{
	struct tm tm = { 0 };
	int year;

	if (s.len != 29 || memcmp(s.data + 25, " GMT", 4) != 0)
		return -1;
	tm.tm_mday = digits(s.data + 5, 2);
	tm.tm_mon = month_number(s.data + 8);
	year = digits(s.data + 12, 4);
	tm.tm_hour = digits(s.data + 17, 2);
	tm.tm_min = digits(s.data + 20, 2);
	tm.tm_sec = digits(s.data + 23, 2);
	if (tm.tm_mday < 1 || tm.tm_mon < 0 || year < 1970 || tm.tm_hour < 0 ||
	    tm.tm_min < 0 || tm.tm_sec < 0)
		return -1;
	tm.tm_year = year - 1900;
	return timegm(&tm);
}

int64_t http_retry_after(struct slice value, int64_t now_s)
{
	int64_t seconds = 0, date;

	if (!value.len)
		return -1;
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9' || i > 9) {
			date = fixdate(value);
			if (date < 0)
				return -1;
			return date > now_s ? date - now_s : 0;
		}
		seconds = seconds * 10 + (value.data[i] - '0');
	}
	return seconds;
}

/* What an attempt means: is another one allowed, was it perhaps carried out? */
static void judge(const struct http_attempt *attempt, bool *ret_again, bool *ret_lost)
{
	bool safe = attempt->repeat_safe;

	*ret_again = *ret_lost = false;
	if (attempt->result == WIRE_NOT_SENT) {
		*ret_again = !attempt->hopeless;
		return;
	}
	if (attempt->result == WIRE_ANSWERED && attempt->transient) {
		*ret_again = true;
		return;
	}
	switch (attempt->status) {
	case 429: /* refused before anything was done */
		*ret_again = true;
		return;
	case 408: /* a gateway's time limit: whoever stands behind it may go on */
	case 500:
	case 502:
	case 503:
	case 504:
		*ret_again = safe;
		*ret_lost = true;
		return;
	default:
		break;
	}
	/* A refusal counts although its text was cut; a half success does not. */
	if (attempt->result == WIRE_ANSWERED || attempt->status >= 400)
		return;
	*ret_again = safe && !attempt->hopeless;
	*ret_lost = true;
}

static int64_t wait_for(const struct http_policy *policy, const struct http_attempt *attempt,
			struct rng *rng)
{
	int64_t wait = policy->wait_ms;

	if (attempt->retry_after_s >= 0)
		return attempt->retry_after_s * 1000 +
		       (int64_t)rng_below(rng, RETRY_AFTER_JITTER_MS + 1);
	for (unsigned i = 1; i < attempt->attempts && wait < policy->wait_max_ms; i++)
		wait *= 2;
	if (wait > policy->wait_max_ms)
		wait = policy->wait_max_ms;
	return wait / 2 + (int64_t)rng_below(rng, (uint64_t)(wait - wait / 2) + 1);
}

enum http_next http_retry(const struct http_policy *policy, const struct http_attempt *attempt,
			  struct rng *rng, int64_t *ret_wait_ms)
{
	bool again, lost;
	int64_t wait;

	judge(attempt, &again, &lost);
	if (again) {
		wait = wait_for(policy, attempt, rng);
		if (wait < attempt->left_ms) {
			*ret_wait_ms = wait;
			return HTTP_AGAIN;
		}
	}
	return lost ? HTTP_LOST : HTTP_TAKE;
}

static char *copy(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

static void job_free(struct http_job *job)
{
	/* Headers hold the token, the body of a token request the secret. */
	for (unsigned i = 0; i < WIRE_HEADERS_MAX && job->headers[i]; i++) {
		explicit_bzero(job->headers[i], strlen(job->headers[i]));
		mem_free(job->headers[i]);
	}
	if (job->body)
		explicit_bzero(job->body, job->request.body.len);
	mem_free(job->body);
	mem_free(job->url);
	mem_free(job->method);
	mem_free(job);
}

static void pump(void *ctx);

static void pump_at(struct http *http, int64_t when_us)
{
	if (when_us != LOOP_NEVER)
		loop_timer_set(http->loop, &http->pump, when_us, pump, http);
}

static void pump_now(struct http *http)
{
	pump_at(http, loop_now_us(http->loop));
}

/* The job is in no list any more; it is gone when this returns. */
static void job_done(struct http_job *job, struct http_answer *answer)
{
	struct http *http = job->http;

	answer->attempts = job->attempts;
	http->pending--;
	job->request.done(job->request.ctx, answer);
	job_free(job);
}

/* Ended without another attempt: stopped, impossible, or out of time. */
static void job_give_up(struct http_job *job)
{
	struct http_answer answer = {
		.outcome = job->lost ? HTTP_UNKNOWN : HTTP_NOT_SENT,
		.status = job->last_status,
		.err = job->last_err,
	};

	if (!answer.err.kind)
		err_set(&answer.err, ERR_NET, "stopped before it was sent");
	job_done(job, &answer);
}

static void retry_due(void *ctx)
{
	struct http_job *job = ctx;

	list_remove(&job->http->waiting, job);
	list_prepend(&job->http->ready, job);
	pump_now(job->http);
}

static void attempt_done(struct http_job *job, const struct wire_answer *answer,
			 enum http_next next)
{
	struct http_answer out = { .status = answer->status, .wire = answer,
				   .body = answer->body };

	if (next == HTTP_LOST) {
		out.outcome = HTTP_UNKNOWN;
	} else if (answer->result == WIRE_ANSWERED || answer->status >= 400) {
		out.outcome = HTTP_ANSWERED;
	} else {
		/* An earlier attempt may have been carried out, though this one never left. */
		out.outcome = job->lost ? HTTP_UNKNOWN : HTTP_NOT_SENT;
	}
	if (out.outcome != HTTP_ANSWERED && answer->err)
		out.err = *answer->err;
	else if (out.outcome != HTTP_ANSWERED)
		err_set(&out.err, ERR_NET, "the service answered %d", answer->status);
	job_done(job, &out);
}

static void remember(struct http_job *job, const struct wire_answer *answer)
{
	bool again;
	struct http_attempt attempt = { .result = answer->result, .status = answer->status };

	/* An earlier attempt that may have been carried out is not undone by a later one. */
	if (!job->lost)
		judge(&attempt, &again, &job->lost);
	job->last_status = answer->status;
	job->last_err = (struct err)ERR_INIT;
	if (answer->err)
		job->last_err = *answer->err;
	else
		err_set(&job->last_err, ERR_NET, "the service answered %d", answer->status);
}

static void on_answer(void *ctx, const struct wire_answer *answer)
{
	struct http_job *job = ctx;
	struct http *http = job->http;
	int64_t now = loop_now_us(http->loop), wait_ms = 0;
	struct http_attempt attempt = {
		.result = answer->result,
		.status = answer->status,
		.repeat_safe = job->request.repeat_safe,
		.attempts = job->attempts,
		.left_ms = http->draining ? 0 : (job->deadline_us - now) / 1000,
		.hopeless = answer->err && (answer->err->kind == ERR_TLS ||
					    answer->err->kind == ERR_LIMIT),
	};
	enum http_next next;

	job->transfer = NULL;
	http->in_flight--;
	list_remove(&http->flying, job);
	attempt.retry_after_s = http_retry_after(
		wire_header(answer, "Retry-After"),
		clock_now_us(loop_clock(http->loop)) / 1000000);
	if (answer->result == WIRE_ANSWERED && job->request.transient)
		attempt.transient =
			job->request.transient(job->request.ctx, answer, job->attempts);
	if (http->pacer.answered && !job->request.unpaced)
		http->pacer.answered(http->pacer.ctx, now,
				     answer->result == WIRE_ANSWERED ? answer : NULL,
				     attempt.retry_after_s);
	next = http_retry(&http->policy, &attempt, http->rng, &wait_ms);
	pump_now(http);
	if (next != HTTP_AGAIN) {
		attempt_done(job, answer, next);
		return;
	}
	remember(job, answer);
	list_append(&http->waiting, job);
	loop_timer_set(http->loop, &job->retry, now + wait_ms * 1000, retry_due, job);
}

static void job_send(struct http_job *job)
{
	struct http *http = job->http;
	int64_t now = loop_now_us(http->loop), left_ms;
	struct wire_request wire = {
		.method = job->method, .url = job->url,
		.body = slice_of(job->body, job->request.body.len),
		.has_body = job->request.has_body, .once = !job->request.repeat_safe,
		.connect_timeout_ms = http->policy.connect_timeout_ms,
		.answer_bytes_max = http->policy.answer_bytes_max,
	};

	memcpy(wire.headers, job->headers, sizeof(wire.headers));
	if (!job->deadline_us)
		job->deadline_us = now + http->policy.deadline_ms * 1000;
	left_ms = (job->deadline_us - now) / 1000;
	/* The pacer may have kept a retry waiting past its deadline. */
	if (left_ms < 1) {
		job_give_up(job);
		return;
	}
	wire.timeout_ms = left_ms < http->policy.timeout_ms ? left_ms :
							      http->policy.timeout_ms;
	job->last_err = (struct err)ERR_INIT;
	if (http->wire->ops->start(http->wire, &wire, on_answer, job, &job->transfer,
				   &job->last_err)) {
		job_give_up(job);
		return;
	}
	job->attempts++;
	http->in_flight++;
	list_append(&http->flying, job);
}

/* Time to ask again, 0 when the job may go. */
static int64_t ask_pacer(struct http *http, const struct http_job *job)
{
	int64_t now = loop_now_us(http->loop), when;

	if (!http->pacer.take || job->request.unpaced)
		return 0;
	when = http->pacer.take(http->pacer.ctx, now);
	if (when == LOOP_NEVER && !http->in_flight)
		return now + STUCK_US;
	return when;
}

static void pump(void *ctx)
{
	struct http *http = ctx;

	while (http->ready.first && (http->draining ||
				     http->in_flight < http->policy.in_flight_max)) {
		struct http_job *job = http->ready.first;
		int64_t when = http->draining ? 0 : ask_pacer(http, job);

		if (when) {
			pump_at(http, when);
			return;
		}
		list_remove(&http->ready, job);
		if (http->draining)
			job_give_up(job);
		else
			job_send(job);
	}
}

void http_drain(struct http *http, bool on)
{
	http->draining = on;
	while (on && http->waiting.first) {
		struct http_job *job = http->waiting.first;

		loop_timer_cancel(http->loop, &job->retry);
		list_remove(&http->waiting, job);
		list_prepend(&http->ready, job);
	}
	pump_now(http);
}

void http_start(struct http *http, const struct http_request *request)
{
	struct http_job *job = mem_zalloc(sizeof(*job));

	job->http = http;
	job->request = *request;
	job->method = copy(request->method);
	job->url = copy(request->url);
	for (unsigned i = 0; i < WIRE_HEADERS_MAX && request->headers[i]; i++)
		job->headers[i] = copy(request->headers[i]);
	if (request->body.len) {
		job->body = mem_alloc(request->body.len);
		memcpy(job->body, request->body.data, request->body.len);
	}
	http->pending++;
	if (request->unpaced)
		list_prepend(&http->ready, job);
	else
		list_append(&http->ready, job);
	pump_now(http);
}

size_t http_pending(const struct http *http)
{
	return http->pending;
}

struct http *http_new(struct loop *loop, struct wire *wire, const struct http_policy *policy,
		      const struct http_pacer *pacer, struct rng *rng)
{
	struct http *http = mem_zalloc(sizeof(*http));

	assert(policy->in_flight_max > 0);
	http->loop = loop;
	http->wire = wire;
	http->policy = *policy;
	if (pacer)
		http->pacer = *pacer;
	http->rng = rng;
	return http;
}

static void list_free(struct http *http, struct job_list *list)
{
	while (list->first) {
		struct http_job *job = list->first;

		list_remove(list, job);
		loop_timer_cancel(http->loop, &job->retry);
		if (job->transfer)
			http->wire->ops->cancel(http->wire, job->transfer);
		job_free(job);
	}
}

void http_free(struct http *http)
{
	if (!http)
		return;
	list_free(http, &http->ready);
	list_free(http, &http->waiting);
	list_free(http, &http->flying);
	loop_timer_cancel(http->loop, &http->pump);
	mem_free(http);
}
