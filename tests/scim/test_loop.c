#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "scim/base/loop.h"
#include "tests/fake_wire.h"

#include "scim/base/banned.h"

struct ticker {
	struct loop *loop;
	struct loop_timer timer, *other;
	char *log;
	int64_t again_us;
	int left;
	char name;
};

static void tick(void *ctx)
{
	struct ticker *ticker = ctx;
	size_t len = strlen(ticker->log);

	ticker->log[len] = ticker->name;
	ticker->log[len + 1] = '\0';
	if (ticker->other)
		loop_timer_cancel(ticker->loop, ticker->other);
	if (--ticker->left > 0)
		loop_timer_set(ticker->loop, &ticker->timer,
			       loop_now_us(ticker->loop) + ticker->again_us, tick, ticker);
}

static void set(struct ticker *ticker, int64_t in_us)
{
	loop_timer_set(ticker->loop, &ticker->timer, loop_now_us(ticker->loop) + in_us, tick,
		       ticker);
}

static void test_timers(void **state)
{
	struct fake_clock clock;
	struct loop *loop;
	char log[64] = "";
	int64_t start;
	struct ticker t[5];

	(void)state;
	fake_clock_init(&clock);
	loop = loop_new(&clock.clock);
	loop_set_idle(loop, fake_idle, &clock);
	for (int i = 0; i < 5; i++)
		t[i] = (struct ticker){ .loop = loop, .name = (char)('a' + i), .log = log };
	start = clock.now_us;
	set(&t[0], 5000);
	set(&t[1], 3000);
	set(&t[2], 4000);
	set(&t[3], 1000);
	set(&t[4], 2000);
	set(&t[1], 6000);        /* moved */
	t[4].other = &t[2].timer; /* cancelled by the one before it */
	t[3].left = 3;           /* comes again at 2500 and 4000 */
	t[3].again_us = 1500;
	while (clock.now_us < start + 6000)
		loop_step(loop, LOOP_NEVER);
	loop_timer_cancel(loop, &t[2].timer); /* not set: nothing happens */
	assert_string_equal(log, "deddab");
	loop_free(loop);
}

/* Against a sorted list: set, move and cancel at random. */
static void test_heap(void **state)
{
	enum { COUNT = 200 };
	static struct ticker t[COUNT];
	struct fake_clock clock;
	struct loop *loop;
	struct rng rng;
	static char log[COUNT + 1];

	(void)state;
	for (unsigned seed = 0; seed < 20; seed++) {
		int64_t last = 0;
		unsigned set_count = 0;

		fake_clock_init(&clock);
		loop = loop_new(&clock.clock);
		loop_set_idle(loop, fake_idle, &clock);
		rng_seed(&rng, seed);
		log[0] = '\0';
		for (int i = 0; i < COUNT; i++)
			t[i] = (struct ticker){ .loop = loop, .name = 'x', .log = log };
		for (int i = 0; i < 2000; i++) {
			struct ticker *one = &t[rng_below(&rng, COUNT)];

			if (rng_below(&rng, 3))
				set(one, (int64_t)rng_below(&rng, 100000) + 1);
			else
				loop_timer_cancel(loop, &one->timer);
		}
		for (int i = 0; i < COUNT; i++)
			set_count += t[i].timer.slot != 0;
		while (strlen(log) < set_count) {
			size_t before = strlen(log);

			loop_step(loop, LOOP_NEVER);
			for (int i = 0; i < COUNT; i++)
				assert_true(!t[i].timer.slot ||
					    t[i].timer.due_us > clock.now_us);
			assert_true(clock.now_us >= last && strlen(log) >= before);
			last = clock.now_us;
		}
		loop_free(loop);
	}
}

struct reader {
	struct loop *loop;
	int fd, forget;
	unsigned calls;
};

static void on_read(void *ctx, int fd, unsigned events)
{
	struct reader *reader = ctx;
	char byte;

	assert_int_equal(events, LOOP_READ);
	assert_int_equal(fd, reader->fd);
	assert_int_equal(read(fd, &byte, 1), 1);
	reader->calls++;
	if (reader->forget >= 0)
		loop_io(reader->loop, reader->forget, 0, NULL, NULL, NULL);
}

static void test_descriptors(void **state)
{
	struct loop *loop = loop_new(clock_system());
	struct reader first = { loop, -1, -1, 0 }, second = { loop, -1, -1, 0 };
	struct err err = ERR_INIT;
	int a[2], b[2];

	(void)state;
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	first.fd = a[0];
	second.fd = b[0];
	/* Each forgets the other: of two that are ready one runs. */
	first.forget = b[0];
	second.forget = a[0];
	assert_int_equal(loop_io(loop, a[0], LOOP_READ, on_read, &first, &err), 0);
	assert_int_equal(loop_io(loop, b[0], LOOP_READ, on_read, &second, &err), 0);
	assert_int_equal(loop_step(loop, loop_now_us(loop)), 0);
	assert_int_equal(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
	assert_int_equal(loop_step(loop, LOOP_NEVER), 1);
	assert_int_equal(first.calls + second.calls, 1);
	/* Watched again, the other one comes. */
	first.forget = second.forget = -1;
	assert_int_equal(loop_io(loop, a[0], LOOP_READ, on_read, &first, &err), 0);
	assert_int_equal(loop_io(loop, b[0], LOOP_READ, on_read, &second, &err), 0);
	assert_int_equal(loop_step(loop, LOOP_NEVER), 1);
	assert_int_equal(first.calls + second.calls, 2);
	/* Closed without a word, and the number used again. */
	close(a[0]);
	assert_int_equal(dup2(b[0], a[0]), a[0]);
	assert_int_equal(loop_io(loop, a[0], LOOP_READ, on_read, &first, &err), 0);
	/* A closed one can't be watched. */
	close(a[0]);
	loop_io(loop, a[0], 0, NULL, NULL, NULL);
	assert_int_equal(loop_io(loop, a[0], LOOP_READ, on_read, &first, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	close(a[1]);
	close(b[0]);
	close(b[1]);
	loop_free(loop);
}

static void on_signal(void *ctx, int signo)
{
	*(int *)ctx = signo;
}

static void test_signals(void **state)
{
	struct loop *loop = loop_new(clock_system());
	struct err err = ERR_INIT;
	int one = 0, two = 0;
	sigset_t before, after;

	(void)state;
	sigprocmask(SIG_BLOCK, NULL, &before);
	assert_int_equal(loop_signal(loop, SIGUSR1, on_signal, &one, &err), 0);
	assert_int_equal(loop_signal(loop, SIGUSR2, on_signal, &two, &err), 0);
	raise(SIGUSR2);
	while (!two)
		loop_step(loop, LOOP_NEVER);
	assert_int_equal(two, SIGUSR2);
	assert_int_equal(one, 0);
	loop_free(loop);
	sigprocmask(SIG_BLOCK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGUSR1), sigismember(&before, SIGUSR1));
}

/* Real time: a wait ends not before its timer. */
static void test_wait(void **state)
{
	struct loop *loop = loop_new(clock_system());
	char log[8] = "";
	struct ticker t = { .loop = loop, .name = 'a', .log = log };
	int64_t start = loop_now_us(loop);

	(void)state;
	set(&t, 1500);
	while (!log[0])
		loop_step(loop, LOOP_NEVER);
	assert_true(loop_now_us(loop) - start >= 1500);
	assert_int_equal(loop_step(loop, loop_now_us(loop) + 1000), 0);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers),  cmocka_unit_test(test_heap),
		cmocka_unit_test(test_descriptors), cmocka_unit_test(test_signals),
		cmocka_unit_test(test_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
