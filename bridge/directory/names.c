#include "bridge/directory/names.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "scim/base/clock.h"

#include "scim/base/banned.h"

static uint64_t seed[3];

static void seed_make(void)
{
	struct rng rng;

	rng_seed_system(&rng);
	for (size_t i = 0; i < sizeof(seed) / sizeof(seed[0]); i++)
		seed[i] = rng_next(&rng) | 1;
}

void names_init(struct names *names)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, seed_make);
	*names = (struct names){ 0 };
}

/* Sixteen bytes at once where the processor can. */
typedef unsigned char sixteen __attribute__((vector_size(16)));

static inline void lower_sixteen(const char *at, char *out)
{
	sixteen bytes;

	memcpy(&bytes, at, sizeof(bytes));
	bytes |= (sixteen)(bytes - 'A' < 26) & 0x20;
	memcpy(out, &bytes, sizeof(bytes));
}

void names_lower(struct slice text, char *out)
{
	size_t at = 0;

	for (; at + 16 <= text.len; at += 16)
		lower_sixteen(text.data + at, out + at);
	if (at == text.len)
		return;
	if (text.len >=
	    16) { /* the last ones once more, which costs less than the rest */
		lower_sixteen(text.data + text.len - 16, out + text.len - 16);
		return;
	}
	memcpy(out, text.data, text.len);
	text_lower(out, text.len);
}

static inline uint64_t load(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Fewer than eight bytes. */
static inline uint64_t load_few(const char *at, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, at, len);
	return word;
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * Folded multiplication of 16 bytes at a time, with a secret seed: who fills a directory
 * can not choose names that meet in one place.
 */
uint64_t names_hash(struct slice text)
{
	const char *at = text.data;
	size_t left = text.len;
	uint64_t hash;

	assert(seed[2]);
	hash = seed[0] ^ text.len;
	for (; left > 16; left -= 16, at += 16)
		hash = mix(load(at) ^ seed[1], load(at + 8) ^ hash);
	/* The last words may overlap, which costs less than the exact rest. */
	if (left >= 8)
		hash = mix(load(at) ^ seed[1], load(at + left - 8) ^ hash);
	else if (left)
		hash = mix(load_few(at, left) ^ seed[1], hash);
	return mix(hash ^ seed[1], seed[2]);
}

/* What a slot points to: the length comes first. */
static bool same(struct slice text, const char *kept)
{
	size_t len;

	memcpy(&len, kept, sizeof(len));
	return len == text.len && memcmp(text.data, kept + sizeof(len), len) == 0;
}

static size_t place_of(const struct names *names, uint64_t hash)
{
	return (size_t)(hash >> 32) & (names->size - 1);
}

/* The slot of the name, or the free one where it would go. */
static struct name_slot *slot_of(const struct names *names, struct slice text,
				 uint64_t hash)
{
	size_t at = place_of(names, hash);

	for (;; at = (at + 1) & (names->size - 1)) {
		struct name_slot *slot = &names->slots[at];

		if (slot->number == 0 ||
		    (slot->tag == (uint32_t)hash && same(text, slot->text)))
			return slot;
	}
}

static void grow(struct names *names)
{
	size_t size = names->size ? names->size * 4 : 1024;
	struct name_slot *slots = mem_array(size, sizeof(*slots));

	mem_free(names->slots);
	names->slots = slots;
	names->size = size;
	for (size_t i = 0; i < names->texts.count; i++) {
		uint64_t hash = names_hash(names->texts.items[i]);
		size_t at = place_of(names, hash);

		while (slots[at].number)
			at = (at + 1) & (size - 1);
		slots[at] =
		    (struct name_slot){ (uint32_t)hash, (uint32_t)i + 1,
					names->texts.items[i].data - sizeof(size_t) };
	}
}

bool names_find(const struct names *names, struct slice text, uint64_t hash,
		uint32_t *ret)
{
	const struct name_slot *slot;

	if (!names->size)
		return false;
	slot = slot_of(names, text, hash);
	if (slot->number == 0)
		return false;
	*ret = slot->number - 1;
	return true;
}

/* First all their places, then the texts there, so that memory is not waited for. */
void names_find_many(const struct names *names, const struct slice *texts, size_t count,
		     uint32_t *ret_numbers)
{
	uint64_t hashes[NAMES_AT_ONCE];

	assert(count <= NAMES_AT_ONCE);
	for (size_t i = 0; i < count; i++) {
		hashes[i] = names_hash(texts[i]);
		if (names->size)
			__builtin_prefetch(&names->slots[place_of(names, hashes[i])]);
	}
	for (size_t i = 0; i < count && names->size; i++) {
		const char *text = names->slots[place_of(names, hashes[i])].text;

		if (text) {
			__builtin_prefetch(text);
			__builtin_prefetch(text + 64); /* most DNs need a second line */
		}
	}
	for (size_t i = 0; i < count; i++)
		if (!names_find(names, texts[i], hashes[i], &ret_numbers[i]))
			ret_numbers[i] = NAME_NONE;
}

uint32_t names_add(struct names *names, struct slice norm, uint64_t hash)
{
	struct name_slot *slot;

	if (names->texts.count >= names->size / 2)
		grow(names);
	slot = slot_of(names, norm, hash);
	if (slot->number == 0) {
		char *kept = arena_bytes(&names->mem, sizeof(norm.len) + norm.len + 1);
		char *text = kept + sizeof(norm.len);

		memcpy(kept, &norm.len, sizeof(norm.len));
		memcpy(text, norm.data, norm.len);
		text[norm.len] = '\0';
		vec_push(&names->texts, slice_of(text, norm.len));
		*slot = (struct name_slot){ (uint32_t)hash, (uint32_t)names->texts.count,
					    kept };
	}
	return slot->number - 1;
}

void names_release(struct names *names)
{
	mem_free(names->slots);
	vec_release(&names->texts);
	arena_release(&names->mem);
	*names = (struct names){ 0 };
}
