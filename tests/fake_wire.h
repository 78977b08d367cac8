/*
 * tests/fake_wire.h - a wire without a network and a clock that is moved by hand.
 *
 * The loop's idle function jumps the clock to the next timer, so hours of retries pass in
 * no time, and always the same way. A responder makes each answer; every request is kept
 * as one line of text.
 */
#ifndef TESTS_FAKE_WIRE_H
#define TESTS_FAKE_WIRE_H

#include <string.h>

#include "scim/base/buf.h"
#include "scim/base/mem.h"
#include "scim/base/vec.h"
#include "scim/wire.h"

struct fake_clock {
	struct clock clock;
	int64_t now_us;
};

static inline int64_t fake_now(void *ctx)
{
	return ((struct fake_clock *)ctx)->now_us;
}

static inline void fake_clock_init(struct fake_clock *fake)
{
	fake->now_us = INT64_C(1000000000000000);
	fake->clock = (struct clock){ fake_now, fake_now, fake };
}

static inline void fake_idle(void *ctx, int64_t until_us)
{
	((struct fake_clock *)ctx)->now_us = until_us;
}

struct fake_answer {
	enum wire_result result;
	int status;
	const char *headers; /* "Name: value\r\n..." */
	const char *body;
	int64_t delay_us;
	enum err_kind kind; /* of NOT_SENT and CUT */
};

struct fake_wire;
typedef void fake_respond_fn(void *ctx, const struct wire_request *request, size_t number,
			     struct fake_answer *ret);

struct wire_transfer {
	struct fake_wire *wire;
	struct loop_timer timer;
	struct fake_answer answer;
	char *body;
	wire_done_fn *done;
	void *ctx;
	struct wire_transfer *next;
};

struct fake_wire {
	struct wire base;
	struct loop *loop;
	fake_respond_fn *respond;
	void *ctx;
	struct buf log; /* "METHOD url body\n" each */
	VEC(int64_t) sent_us;
	size_t count, in_flight, most_in_flight;
	struct wire_transfer *transfers;
};

static inline void fake_drop(struct wire_transfer *transfer)
{
	struct wire_transfer **at = &transfer->wire->transfers;

	while (*at != transfer)
		at = &(*at)->next;
	*at = transfer->next;
	loop_timer_cancel(transfer->wire->loop, &transfer->timer);
	transfer->wire->in_flight--;
	mem_free(transfer->body);
	mem_free(transfer);
}

static inline void fake_fire(void *ctx)
{
	struct wire_transfer *transfer = ctx;
	struct err err = ERR_INIT;
	struct wire_answer answer = {
		.result = transfer->answer.result,
		.status = transfer->answer.status,
		.headers = slice_str(transfer->answer.headers),
		.body = slice_str(transfer->body),
	};

	if (answer.result != WIRE_ANSWERED) {
		err_set(&err, transfer->answer.kind ? transfer->answer.kind : ERR_NET,
			"connection lost");
		answer.err = &err;
	}
	transfer->done(transfer->ctx, &answer);
	fake_drop(transfer);
}

static inline int fake_start(struct wire *base, const struct wire_request *request,
			     wire_done_fn *done, void *ctx,
			     struct wire_transfer **ret_transfer, struct err *err)
{
	struct fake_wire *wire = (struct fake_wire *)base;
	struct wire_transfer *transfer;

	if (!strncmp(request->url, "impossible", 10))
		return err_set(err, ERR_REFUSED, "impossible URL");
	transfer = mem_zalloc(sizeof(*transfer));
	buf_addf(&wire->log, "%s %s", request->method, request->url);
	if (request->has_body)
		buf_addf(&wire->log, " %.*s", SLICE_FMT(request->body));
	buf_addch(&wire->log, '\n');
	vec_push(&wire->sent_us, loop_now_us(wire->loop));
	transfer->wire = wire;
	transfer->done = done;
	transfer->ctx = ctx;
	transfer->answer = (struct fake_answer){ WIRE_ANSWERED, 200, "", "", 1000, 0 };
	wire->respond(wire->ctx, request, wire->count++, &transfer->answer);
	if (transfer->answer.body)
		transfer->body = mem_strdup(transfer->answer.body);
	if (++wire->in_flight > wire->most_in_flight)
		wire->most_in_flight = wire->in_flight;
	transfer->next = wire->transfers;
	wire->transfers = transfer;
	loop_timer_set(wire->loop, &transfer->timer,
		       loop_now_us(wire->loop) + transfer->answer.delay_us, fake_fire, transfer);
	*ret_transfer = transfer;
	return 0;
}

static inline void fake_cancel(struct wire *base, struct wire_transfer *transfer)
{
	(void)base;
	fake_drop(transfer);
}

static inline void fake_wire_release(struct wire *base)
{
	struct fake_wire *wire = (struct fake_wire *)base;

	while (wire->transfers)
		fake_drop(wire->transfers);
	buf_release(&wire->log);
	vec_release(&wire->sent_us);
}

static inline void fake_wire_init(struct fake_wire *wire, struct loop *loop,
				  fake_respond_fn *respond, void *ctx)
{
	static const struct wire_ops ops = { fake_start, fake_cancel, fake_wire_release };

	*wire = (struct fake_wire){ .base.ops = &ops, .loop = loop, .respond = respond,
				    .ctx = ctx };
	buf_init(&wire->log, 64u << 20);
}

#endif
