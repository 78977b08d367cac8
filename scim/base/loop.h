/*
 * scim/base/loop.h - one loop: descriptors, timers and signals on an injected clock.
 *
 * One thread. Handlers run inside loop_step, one after another; a handler may add, change
 * and remove anything, itself included, but must not call loop_step.
 *
 * Memory  A loop belongs to whoever made it. A timer is a struct of the caller's that must
 *         stay where it is while it is set.
 * Clock   Timers are on the clock's mono_us. A simulation gives an `idle` function: instead
 *         of sleeping the loop calls it with the time of the next timer, and it moves the
 *         simulated clock there.
 * Errors  Only the kernel's refusal of a descriptor or a signal; -1 with *err set.
 */
#ifndef SCIM_BASE_LOOP_H
#define SCIM_BASE_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "scim/base/clock.h"
#include "scim/base/err.h"

struct loop;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

#define LOOP_NEVER INT64_MAX

typedef void loop_io_fn(void *ctx, int fd, unsigned events);
typedef void loop_timer_fn(void *ctx);
typedef void loop_signal_fn(void *ctx, int signo);
typedef void loop_idle_fn(void *ctx, int64_t until_us);

struct loop_timer {
	int64_t due_us;
	loop_timer_fn *fn;
	void *ctx;
	size_t slot; /* place in the loop's heap, from 1; 0 = not set */
};

struct loop *loop_new(const struct clock *clock);
void loop_free(struct loop *loop);
const struct clock *loop_clock(const struct loop *loop);
int64_t loop_now_us(const struct loop *loop); /* mono */
void loop_set_idle(struct loop *loop, loop_idle_fn *idle, void *ctx);

/* Watch `fd` for LOOP_READ and LOOP_WRITE; a second call changes, events 0 forgets. */
int loop_io(struct loop *loop, int fd, unsigned events, loop_io_fn *fn, void *ctx,
	    struct err *err);

/* Set for a time (mono); one that is set is moved. It runs once. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_us,
		    loop_timer_fn *fn, void *ctx);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/* Deliver a signal here: it is blocked for the process and read from a descriptor. */
int loop_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *ctx, struct err *err);

/*
 * Wait for something to happen, at most until `until_us`, and run what is due. A signal
 * handled elsewhere ends the wait as well. Returns the number of handlers run.
 */
unsigned loop_step(struct loop *loop, int64_t until_us);

#endif
