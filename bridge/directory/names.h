/*
 * bridge/directory/names.h - the names that groups have for their members: each distinct
 * one is kept once and has a number.
 *
 * A big directory names the same people a million times over. Names are looked up as the
 * server writes them, case aside; only one that is not found that way is brought into its
 * normal form. That is enough: a text whose letters in lower case are a kept normal form
 * has that normal form (mappings/dn.h leaves no escape and no space that it would take
 * away).
 *
 * Memory  Owns the texts.
 * Limits  UINT32_MAX - 1 names.
 */
#ifndef BRIDGE_DIRECTORY_NAMES_H
#define BRIDGE_DIRECTORY_NAMES_H

#include "scim/base/mem.h"
#include "scim/base/text.h"
#include "scim/base/vec.h"

struct name_slot {
	uint32_t tag, number; /* number from 1; 0 = free */
	const char *text;     /* its length, then its bytes: one place to look at */
};
struct names {
	struct name_slot *slots;
	size_t size;
	VEC(struct slice) texts; /* by number */
	struct arena mem;
};

/* An empty table. */
void names_init(struct names *names);
/* The text with its ASCII letters in lower case; `out` has room for text.len bytes. */
void names_lower(struct slice text, char *out);
/* Of a text without capital letters A to Z, as all below; keyed per process. */
uint64_t names_hash(struct slice text);
#define NAMES_AT_ONCE 64
#define NAME_NONE UINT32_MAX
/* Numbers of at most NAMES_AT_ONCE names, NAME_NONE where there is none. */
void names_find_many(const struct names *names, const struct slice *texts, size_t count,
		     uint32_t *ret_numbers);
bool names_find(const struct names *names, struct slice text, uint64_t hash,
		uint32_t *ret);
/* Number of a name in normal form; copied when it is new. */
uint32_t names_add(struct names *names, struct slice norm, uint64_t hash);
void names_release(struct names *names);

#endif
