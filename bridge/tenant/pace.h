/*
 * bridge/tenant/pace.h - one pacer for all calls of the client. Pure; times are passed in.
 *
 * The tenant counts calls in windows of a minute whose phase we don't know, and refuses
 * with 429 what is over (facts: 300 a minute per client-credentials token). Answers may
 * carry inin-ratelimit-count, -allowed and -reset: what was counted in this window, how
 * much is allowed, whole seconds until it ends.
 *
 * Two rules; a call leaves when both allow it:
 *   bucket  tokens come evenly, rate * share a minute. Its depth is one token until the
 *           tenant has told its count, so that even without a word any minute, whatever
 *           its phase, holds no more than the rate; then a tenth of a minute's calls, so
 *           that a short run need not trickle.
 *   window  what the tenant counted and what is in flight stay within the allowance. Near
 *           its end fewer are in flight, since others may use the same client; one call of
 *           it is left, four while others are seen to be counted.
 * Retry-After of a 429 stops everything until then.
 */
#ifndef BRIDGE_TENANT_PACE_H
#define BRIDGE_TENANT_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* "Ask again after the next answer." */
#define PACE_AFTER_ANSWER INT64_MAX

struct pace {
	unsigned rate;         /* calls a minute by the settings; 0 = not throttled */
	double share;          /* 0..1: the part of it that is ours */
	int64_t allowed;       /* by the tenant; -1 = not told */
	double tokens;
	int64_t tokens_us;     /* when `tokens` was right */
	int64_t blocked_us;    /* nothing leaves before */
	unsigned in_flight;
	bool window_known;
	int64_t end_lo_us, end_hi_us; /* the window's end lies between these */
	int64_t counted;       /* in this window, as told and added up since */
	int64_t own;           /* ours in this window */
	unsigned others;       /* windows for which somebody else is reckoned with */
};

/* What an answer said; -1 = not told. status 0 = no answer came. */
struct pace_news {
	int status;
	int64_t count, allowed, reset_s, retry_after_s;
};

void pace_init(struct pace *pace, unsigned rate_per_minute, unsigned share_percent);
/* 0 = go: the call is counted. Else the time to ask again, or PACE_AFTER_ANSWER. */
int64_t pace_take(struct pace *pace, int64_t now_us);
/* Once for each call that pace_take let go. */
void pace_answered(struct pace *pace, int64_t now_us, const struct pace_news *news);
/* Calls a minute at present; 0 = not throttled. For estimates. */
double pace_per_minute(const struct pace *pace);

#endif
