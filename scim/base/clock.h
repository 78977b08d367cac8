/*
 * scim/base/clock.h - time and chance, passed in so that tests and simulations are exact.
 */
#ifndef SCIM_BASE_CLOCK_H
#define SCIM_BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*now_us)(void *ctx);  /* wall clock, microseconds since 1970 UTC */
	int64_t (*mono_us)(void *ctx); /* never goes back */
	void *ctx;
};

const struct clock *clock_system(void);
static inline int64_t clock_now_us(const struct clock *c)
{
	return c->now_us(c->ctx);
}
static inline int64_t clock_mono_us(const struct clock *c)
{
	return c->mono_us(c->ctx);
}

/* Deterministic generator (xoshiro256**): same seed, same numbers, on every machine. */
struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
void rng_seed_system(struct rng *rng); /* getrandom(2) */
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* 0 <= n < bound, bound > 0 */
/* Version 4 UUID as text from this generator; `out` has room for 37 bytes. */
void rng_uuid(struct rng *rng, char out[37]);

#endif
