#include "scim/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "scim/base/banned.h"

static int64_t clock_read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t system_now_us(void *ctx)
{
	(void)ctx;
	return clock_read_us(CLOCK_REALTIME);
}

static int64_t system_mono_us(void *ctx)
{
	(void)ctx;
	return clock_read_us(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void)
{
	static const struct clock clock = { system_now_us, system_mono_us, NULL };

	return &clock;
}

/* splitmix64, which the authors of xoshiro give for filling its state from one number. */
static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void rng_seed(struct rng *rng, uint64_t seed)
{
	int i;

	for (i = 0; i < 4; i++)
		rng->s[i] = splitmix(&seed);
}

void rng_seed_system(struct rng *rng)
{
	char *at = (char *)rng->s;
	size_t left = sizeof(rng->s);

	while (left) {
		ssize_t got = getrandom(at, left, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			/* Without chance, tokens and hash seeds would be guessable. */
			perror("getrandom");
			abort();
		}
		at += got;
		left -= (size_t)got;
	}
	if (!(rng->s[0] | rng->s[1] | rng->s[2] | rng->s[3]))
		rng->s[0] = 1; /* the one state that it can't leave */
}

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
	uint64_t reject, n;

	assert(bound > 0);
	/* 2^64 mod bound numbers too many would favour the small remainders. */
	reject = -bound % bound;
	do {
		n = rng_next(rng);
	} while (n < reject);
	return n % bound;
}

void rng_uuid(struct rng *rng, char out[37])
{
	uint64_t a = rng_next(rng), b = rng_next(rng);

	a = (a & ~UINT64_C(0xf000)) | UINT64_C(0x4000);          /* version 4 */
	b = (b & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;      /* variant 10 */
	snprintf(out, 37, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(a >> 32),
		 (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xffff),
		 (unsigned)(b >> 48), (unsigned long long)(b & UINT64_C(0xffffffffffff)));
}
