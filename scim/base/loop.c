#include "scim/base/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "scim/base/mem.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

/* Events taken from the kernel at once. */
#define EVENTS_MAX 64

struct watch {
	loop_io_fn *fn; /* NULL = not watched */
	void *ctx;
	unsigned events;
};

struct signal_watch {
	loop_signal_fn *fn;
	void *ctx;
};

struct timer_slot {
	struct loop_timer *timer;
};

struct loop {
	const struct clock *clock;
	loop_idle_fn *idle;
	void *idle_ctx;
	int epoll_fd, signal_fd;
	VEC(struct watch) watches;         /* by descriptor */
	VEC(struct timer_slot) timers;     /* a heap; [0] is due first */
	sigset_t signals, signals_before;
	struct signal_watch handlers[65];
};

struct loop *loop_new(const struct clock *clock)
{
	struct loop *loop = mem_zalloc(sizeof(*loop));

	loop->clock = clock;
	loop->signal_fd = -1;
	sigemptyset(&loop->signals);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	/* Fails for want of descriptors or memory only: as fatal as any allocation. */
	assert(loop->epoll_fd >= 0);
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	for (size_t i = 0; i < loop->timers.count; i++)
		loop->timers.items[i].timer->slot = 0;
	if (loop->signal_fd >= 0) {
		close(loop->signal_fd);
		sigprocmask(SIG_SETMASK, &loop->signals_before, NULL);
	}
	close(loop->epoll_fd);
	vec_release(&loop->watches);
	vec_release(&loop->timers);
	mem_free(loop);
}

const struct clock *loop_clock(const struct loop *loop)
{
	return loop->clock;
}

int64_t loop_now_us(const struct loop *loop)
{
	return clock_mono_us(loop->clock);
}

void loop_set_idle(struct loop *loop, loop_idle_fn *idle, void *ctx)
{
	loop->idle = idle;
	loop->idle_ctx = ctx;
}

static uint32_t epoll_bits(unsigned events)
{
	return ((events & LOOP_READ) ? (uint32_t)EPOLLIN : 0) |
	       ((events & LOOP_WRITE) ? (uint32_t)EPOLLOUT : 0);
}

int loop_io(struct loop *loop, int fd, unsigned events, loop_io_fn *fn, void *ctx,
	    struct err *err)
{
	struct epoll_event event = { .events = epoll_bits(events), .data.fd = fd };
	struct watch *watch;
	int op;

	assert(fd >= 0);
	while (loop->watches.count <= (size_t)fd)
		vec_push(&loop->watches, ((struct watch){ 0 }));
	watch = &loop->watches.items[fd];
	if (!events) {
		/* May be closed already, which made the kernel forget it. */
		if (watch->fn)
			(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, &event);
		*watch = (struct watch){ 0 };
		return 0;
	}
	op = watch->fn ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (epoll_ctl(loop->epoll_fd, op, fd, &event) < 0) {
		/* Closed and opened again with the same number behind our back. */
		op = errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
		if (epoll_ctl(loop->epoll_fd, op, fd, &event) < 0)
			return err_set(err, ERR_IO, "cannot watch descriptor %d: %s", fd,
				       strerror(errno));
	}
	*watch = (struct watch){ fn, ctx, events };
	return 0;
}

static int64_t due(const struct loop *loop, size_t at)
{
	return loop->timers.items[at].timer->due_us;
}

static void heap_put(struct loop *loop, size_t at, struct loop_timer *timer)
{
	loop->timers.items[at].timer = timer;
	timer->slot = at + 1;
}

static void heap_up(struct loop *loop, size_t at)
{
	struct loop_timer *timer = loop->timers.items[at].timer;

	while (at > 0) {
		size_t parent = (at - 1) / 2;

		if (due(loop, parent) <= timer->due_us)
			break;
		heap_put(loop, at, loop->timers.items[parent].timer);
		at = parent;
	}
	heap_put(loop, at, timer);
}

static void heap_down(struct loop *loop, size_t at)
{
	struct loop_timer *timer = loop->timers.items[at].timer;
	size_t count = loop->timers.count;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= count)
			break;
		if (child + 1 < count && due(loop, child + 1) < due(loop, child))
			child++;
		if (timer->due_us <= due(loop, child))
			break;
		heap_put(loop, at, loop->timers.items[child].timer);
		at = child;
	}
	heap_put(loop, at, timer);
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer *last;
	size_t at;

	if (!timer->slot)
		return;
	at = timer->slot - 1;
	timer->slot = 0;
	last = loop->timers.items[--loop->timers.count].timer;
	if (last == timer)
		return;
	heap_put(loop, at, last);
	heap_up(loop, at);
	heap_down(loop, last->slot - 1);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_us,
		    loop_timer_fn *fn, void *ctx)
{
	loop_timer_cancel(loop, timer);
	timer->due_us = due_us;
	timer->fn = fn;
	timer->ctx = ctx;
	vec_push(&loop->timers, ((struct timer_slot){ timer }));
	heap_up(loop, loop->timers.count - 1);
}

static void read_signals(void *ctx, int fd, unsigned events)
{
	struct loop *loop = ctx;
	struct signalfd_siginfo info;

	(void)events;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		struct signal_watch *handler = &loop->handlers[info.ssi_signo];

		if (handler->fn)
			handler->fn(handler->ctx, (int)info.ssi_signo);
	}
}

int loop_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *ctx, struct err *err)
{
	int fd;

	assert(signo > 0 && signo < 65);
	sigaddset(&loop->signals, signo);
	loop->handlers[signo] = (struct signal_watch){ fn, ctx };
	sigprocmask(SIG_BLOCK, &loop->signals,
		    loop->signal_fd < 0 ? &loop->signals_before : NULL);
	fd = signalfd(loop->signal_fd, &loop->signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return err_set(err, ERR_IO, "cannot watch signal %d: %s", signo,
			       strerror(errno));
	loop->signal_fd = fd;
	return loop_io(loop, fd, LOOP_READ, read_signals, loop, err);
}

static unsigned run_timers(struct loop *loop)
{
	int64_t now = loop_now_us(loop);
	unsigned ran = 0;

	/* As many as were set before: what a handler sets for `now` can't starve the rest. */
	for (size_t most = loop->timers.count; most > 0 && loop->timers.count; most--) {
		struct loop_timer *timer = loop->timers.items[0].timer;

		if (timer->due_us > now)
			break;
		loop_timer_cancel(loop, timer);
		timer->fn(timer->ctx);
		ran++;
	}
	return ran;
}

/* Milliseconds to wait, rounded up so that a timer is due when the wait ends. */
static int wait_ms(int64_t now, int64_t until)
{
	int64_t ms;

	if (until == LOOP_NEVER)
		return -1;
	if (until <= now)
		return 0;
	ms = (until - now + 999) / 1000;
	return ms > 60000 ? 60000 : (int)ms;
}

static unsigned run_descriptors(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, timeout_ms);
	unsigned ran = 0;

	for (int i = 0; i < count; i++) {
		int fd = events[i].data.fd;
		struct watch watch = loop->watches.items[fd];
		unsigned bits = 0;

		if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			bits |= LOOP_READ;
		if (events[i].events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
			bits |= LOOP_WRITE;
		if (!watch.fn || !(bits &= watch.events))
			continue; /* an earlier handler forgot it */
		watch.fn(watch.ctx, fd, bits);
		ran++;
	}
	return ran;
}

unsigned loop_step(struct loop *loop, int64_t until_us)
{
	unsigned ran;

	if (loop->timers.count && due(loop, 0) < until_us)
		until_us = due(loop, 0);
	if (loop->idle) {
		ran = run_descriptors(loop, 0);
		if (!ran && until_us > loop_now_us(loop))
			loop->idle(loop->idle_ctx, until_us);
	} else {
		ran = run_descriptors(loop, wait_ms(loop_now_us(loop), until_us));
	}
	return ran + run_timers(loop);
}
