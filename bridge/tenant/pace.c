#include "bridge/tenant/pace.h"

#include <assert.h>

#include "scim/base/banned.h"

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)

/* A window's end further off than this is no minute's window: the header is not believed. */
#define RESET_MAX_S 120

/* Of what a window has left, at most this part is in flight. */
#define IN_FLIGHT_PART 8

/*
 * Of a window so many calls are left alone, and so many more while somebody else is seen to
 * be counted there: what they send while our last calls are out must not make those too many.
 */
#define LEFT_ALONE 1
#define LEFT_BESIDE_OTHERS 4
/* So many windows after others were seen. */
#define OTHERS_WINDOWS 2

/* Answers that may be overtaken by the one that tells of a new window. */
#define OVERTAKEN_MAX 8

/* Two reports of one window's end differ by less; more means that a new one began. */
#define SAME_WINDOW_US (3 * SECOND_US)

void pace_init(struct pace *pace, unsigned rate_per_minute, unsigned share_percent)
{
	assert(share_percent >= 1 && share_percent <= 100);
	*pace = (struct pace){
		.rate = rate_per_minute,
		.share = share_percent / 100.0,
		.allowed = -1,
		.tokens = 1,
		.tokens_us = INT64_MIN,
	};
}

/* Calls a minute that may be counted, by settings and tenant, before the share. */
static double limit(const struct pace *pace)
{
	if (pace->allowed > 0 && pace->allowed < pace->rate)
		return (double)pace->allowed;
	return pace->rate;
}

double pace_per_minute(const struct pace *pace)
{
	return pace->rate ? limit(pace) * pace->share : 0;
}

static double depth(const struct pace *pace)
{
	double tenth = pace_per_minute(pace) / 10;

	return pace->window_known && tenth > 1 ? tenth : 1;
}

static void fill(struct pace *pace, int64_t now_us)
{
	double most = depth(pace);

	if (pace->tokens_us == INT64_MIN)
		pace->tokens_us = now_us;
	if (now_us > pace->tokens_us) {
		pace->tokens += (double)(now_us - pace->tokens_us) *
				pace_per_minute(pace) / (double)MINUTE_US;
		pace->tokens_us = now_us;
	}
	if (pace->tokens > most)
		pace->tokens = most;
}

static void roll_window(struct pace *pace, int64_t now_us)
{
	while (pace->window_known && now_us >= pace->end_hi_us) {
		pace->end_lo_us += MINUTE_US;
		pace->end_hi_us += MINUTE_US;
		pace->counted = pace->own = 0;
		if (pace->others)
			pace->others--;
	}
}

/* Calls of the window that are nobody's, out of `most`. */
static double left_alone(const struct pace *pace, double most)
{
	double left = pace->others ? LEFT_BESIDE_OTHERS : LEFT_ALONE;

	return left < most / IN_FLIGHT_PART ? left : 0;
}

/* More was counted than we have sent: somebody else uses the same token. */
static void look_for_others(struct pace *pace)
{
	if (pace->counted + pace->in_flight > pace->own)
		pace->others = OTHERS_WINDOWS;
}

/* Time at which the window has room, 0 when it has. */
static int64_t window_wait(const struct pace *pace)
{
	double most = limit(pace) - left_alone(pace, limit(pace));
	int64_t used = pace->counted + pace->in_flight;

	if (!pace->window_known)
		return 0;
	if ((double)used + 1 > most || (double)(pace->own + 1) > limit(pace) * pace->share)
		return pace->in_flight ? PACE_AFTER_ANSWER : pace->end_hi_us;
	/* Others may be counted in the same window: near its end fewer are out at once. */
	if (pace->in_flight && pace->in_flight > (most - (double)used) / IN_FLIGHT_PART)
		return PACE_AFTER_ANSWER;
	return 0;
}

int64_t pace_take(struct pace *pace, int64_t now_us)
{
	int64_t wait;

	if (now_us < pace->blocked_us)
		return pace->blocked_us;
	if (!pace->rate) {
		pace->in_flight++;
		return 0;
	}
	roll_window(pace, now_us);
	wait = window_wait(pace);
	if (wait)
		return wait;
	fill(pace, now_us);
	/* A millionth forgiven: sums of fractions may miss the whole by a hair. */
	if (pace->tokens < 1 - 1e-6)
		return now_us + 1 + (int64_t)((1 - pace->tokens) * (double)MINUTE_US /
					      pace_per_minute(pace));
	pace->tokens -= 1;
	pace->in_flight++;
	pace->own++;
	return 0;
}

/* Seconds are whole and rounding is unknown: the end is within one of what is said. */
static void learn_window(struct pace *pace, int64_t now_us, const struct pace_news *news)
{
	int64_t lo = now_us + (news->reset_s - 1) * SECOND_US;
	int64_t hi = now_us + (news->reset_s + 1) * SECOND_US;
	bool same = pace->window_known && lo < pace->end_hi_us + SAME_WINDOW_US &&
		    hi > pace->end_lo_us - SAME_WINDOW_US;

	if (!same) {
		/* Of our calls those in flight may be counted in the new one; the rest is not. */
		bool first = !pace->window_known;

		pace->window_known = true;
		pace->end_lo_us = lo;
		pace->end_hi_us = hi;
		pace->counted = news->count;
		/* Answers overtake each other: the first few that are counted are taken for ours. */
		if (!first)
			pace->own = pace->in_flight +
				    (news->count < OVERTAKEN_MAX ? news->count : 1);
		return;
	}
	if (lo > pace->end_lo_us)
		pace->end_lo_us = lo;
	if (hi < pace->end_hi_us)
		pace->end_hi_us = hi;
	/* Slow answers say it late; an interval turned inside out is begun anew. */
	if (pace->end_lo_us > pace->end_hi_us) {
		pace->end_lo_us = lo;
		pace->end_hi_us = hi;
	}
	if (news->count > pace->counted)
		pace->counted = news->count;
	look_for_others(pace);
}

void pace_answered(struct pace *pace, int64_t now_us, const struct pace_news *news)
{
	bool told = news->count >= 0 && news->reset_s >= 0 && news->reset_s <= RESET_MAX_S;

	assert(pace->in_flight > 0);
	pace->in_flight--;
	if (news->allowed > 0)
		pace->allowed = news->allowed;
	if (pace->rate) {
		fill(pace, now_us);
		roll_window(pace, now_us);
		if (told)
			learn_window(pace, now_us, news);
		else
			pace->counted++;
	}
	if (news->status == 429) {
		int64_t until = now_us + (news->retry_after_s > 0 ? news->retry_after_s : 1) *
						 SECOND_US;

		if (until > pace->blocked_us)
			pace->blocked_us = until;
		pace->tokens = 0;
	}
}
