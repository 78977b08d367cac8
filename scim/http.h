/*
 * scim/http.h - a request on a wire: deadline, retry, pacing; several in flight.
 *
 * Spec    RFC 9110 sections 9.2.2 (idempotent methods), 10.2.3 (Retry-After), 15.
 * Retry   One function, http_retry, decides: one switch names what is transient, the wait
 *         doubles with jitter to a ceiling, Retry-After is obeyed, the request's deadline
 *         ends it. What the peer may have carried out is sent again only if it is
 *         repeat_safe.
 * Order   Requests leave in the order of http_start, as far as `in_flight_max` and the
 *         pacer let them; a retry goes before what has not begun. `done` is called once
 *         per request from the loop, never inside http_start, and not after http_free.
 * Memory  Request data is copied. The answer is good until `done` returns.
 */
#ifndef SCIM_HTTP_H
#define SCIM_HTTP_H

#include "scim/wire.h"

struct http;

enum http_outcome {
	HTTP_ANSWERED, /* status and body are the peer's word */
	HTTP_NOT_SENT, /* the peer did not carry it out: err says why */
	HTTP_UNKNOWN,  /* it may have, or not */
};

struct http_answer {
	enum http_outcome outcome;
	int status;           /* 0 = none came */
	struct slice body;
	const struct wire_answer *wire; /* for wire_header(); NULL when nothing was sent */
	struct err err;       /* unless HTTP_ANSWERED */
	unsigned attempts;    /* requests that went out */
};

typedef void http_done_fn(void *ctx, const struct http_answer *answer);

/*
 * Whether a whole answer that looks final is a throttle or a lag all the same; `attempt`
 * counts from 1. The request has then not been carried out.
 */
typedef bool http_transient_fn(void *ctx, const struct wire_answer *answer,
			       unsigned attempt);

struct http_request {
	const char *method, *url;
	const char *headers[WIRE_HEADERS_MAX];
	struct slice body;
	bool has_body, repeat_safe;
	bool unpaced;     /* does not count against the peer's rate limit */
	http_transient_fn *transient; /* or NULL */
	http_done_fn *done;
	void *ctx;
};

struct http_policy {
	unsigned in_flight_max;
	int64_t connect_timeout_ms, timeout_ms; /* of one attempt */
	int64_t deadline_ms;                    /* of all attempts, from the first one on */
	int64_t wait_ms, wait_max_ms;           /* first wait, ceiling */
	size_t answer_bytes_max;
};

/* Asked before each attempt, told after each answer. All times are the clock's mono_us. */
struct http_pacer {
	/* 0 = go (and count it); else when to ask again, LOOP_NEVER = after an answer. */
	int64_t (*take)(void *ctx, int64_t now_us);
	/* `answer` NULL: the attempt ended without one. retry_after_s: -1 = not told. */
	void (*answered)(void *ctx, int64_t now_us, const struct wire_answer *answer,
			 int64_t retry_after_s);
	void *ctx;
};

struct http *http_new(struct loop *loop, struct wire *wire, const struct http_policy *policy,
		      const struct http_pacer *pacer, struct rng *rng);
void http_free(struct http *http);
void http_start(struct http *http, const struct http_request *request);
/* Requests not yet done. */
size_t http_pending(const struct http *http);
/*
 * While on: nothing more is sent, what waits ends at once, what is out is waited for
 * without retries.
 */
void http_drain(struct http *http, bool on);

/* What is known after an attempt. */
struct http_attempt {
	enum wire_result result;
	int status;
	bool transient;        /* http_transient_fn said so */
	bool repeat_safe;
	bool hopeless;         /* again can't help: TLS refused, answer too large */
	int64_t retry_after_s; /* -1 = not told */
	unsigned attempts;     /* made so far, from 1 */
	int64_t left_ms;       /* until the deadline */
};

enum http_next {
	HTTP_TAKE,  /* final: hand it to the caller */
	HTTP_AGAIN, /* send again after *ret_wait_ms */
	HTTP_LOST,  /* final, and whether it was carried out is unknown */
};

enum http_next http_retry(const struct http_policy *policy, const struct http_attempt *attempt,
			  struct rng *rng, int64_t *ret_wait_ms);

/* Retry-After in seconds: a number, or a date against `now_s`; -1 when neither. */
int64_t http_retry_after(struct slice value, int64_t now_s);

#endif
