#include "scim/base/vec.h"

#include <pthread.h>
#include <string.h>

#include "scim/base/clock.h"
#include "scim/base/banned.h"

struct map_slot {
	const char *key; /* NULL = free */
	size_t len;
	uint64_t hash;
	uint64_t value;
};

static uint64_t hash_seed[2];

static void hash_seed_make(void)
{
	struct rng rng;

	rng_seed_system(&rng);
	hash_seed[0] = rng_next(&rng);
	hash_seed[1] = rng_next(&rng);
}

static inline uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/*
 * SipHash-1-3 (Aumasson and Bernstein), keyed per process: names come from outside, and
 * who knows the hash can make every look-up walk the whole table.
 */
static uint64_t key_hash(struct slice key)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint64_t v[4], word;
	const char *at = key.data;
	size_t left = key.len;

	pthread_once(&once, hash_seed_make);
	v[0] = hash_seed[0] ^ UINT64_C(0x736f6d6570736575);
	v[1] = hash_seed[1] ^ UINT64_C(0x646f72616e646f6d);
	v[2] = hash_seed[0] ^ UINT64_C(0x6c7967656e657261);
	v[3] = hash_seed[1] ^ UINT64_C(0x7465646279746573);
	for (; left >= 8; left -= 8, at += 8) {
		memcpy(&word, at, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = 0;
	if (left)
		memcpy(&word, at, left);
	word ^= (uint64_t)key.len << 56;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Slot that holds the key, or the free one where it would go. */
static struct map_slot *slot_of(struct map_slot *slots, size_t size, struct slice key,
				uint64_t hash)
{
	size_t at = (size_t)hash & (size - 1);

	for (;; at = (at + 1) & (size - 1)) {
		struct map_slot *slot = &slots[at];

		if (!slot->key)
			return slot;
		if (slot->hash == hash && slot->len == key.len &&
		    (key.len == 0 || memcmp(slot->key, key.data, key.len) == 0))
			return slot;
	}
}

static void map_grow(struct map *map)
{
	size_t size = map->size ? map->size * 2 : 16, i;
	struct map_slot *slots = mem_array(size, sizeof(*slots));

	for (i = 0; i < map->size; i++) {
		struct map_slot *old = &map->slots[i];

		if (old->key)
			*slot_of(slots, size, slice_of(old->key, old->len), old->hash) = *old;
	}
	mem_free(map->slots);
	map->slots = slots;
	map->size = size;
}

bool map_set(struct map *map, struct slice key, uint64_t value)
{
	uint64_t hash = key_hash(key);
	struct map_slot *slot;

	/* At most five eighths full, so that a walk stays short. */
	if (map->count >= map->size / 8 * 5)
		map_grow(map);
	slot = slot_of(map->slots, map->size, key, hash);
	if (slot->key) {
		slot->value = value;
		return false;
	}
	*slot = (struct map_slot){ key.data ? key.data : "", key.len, hash, value };
	map->count++;
	return true;
}

bool map_get(const struct map *map, struct slice key, uint64_t *ret)
{
	const struct map_slot *slot;

	if (!map->size)
		return false;
	slot = slot_of(map->slots, map->size, key, key_hash(key));
	if (!slot->key)
		return false;
	if (ret)
		*ret = slot->value;
	return true;
}

void map_release(struct map *map)
{
	mem_free(map->slots);
	*map = (struct map){ 0 };
}
