/*
 * scim/base/vec.h - growing arrays and a hash map keyed by bytes.
 *
 * VEC(type) is an anonymous struct { type *items; size_t count, size; }. Memory comes from
 * mem_realloc; vec_release frees it. Pointers into it are good until the next push.
 */
#ifndef SCIM_BASE_VEC_H
#define SCIM_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scim/base/mem.h"
#include "scim/base/text.h"

#define VEC(type) struct { type *items; size_t count, size; }

void *vec_grow(void *items, size_t *size, size_t item_bytes);
#define vec_push(v, item)                                                          \
	do {                                                                       \
		if ((v)->count == (v)->size)                                       \
			(v)->items = vec_grow((v)->items, &(v)->size,              \
					      sizeof(*(v)->items));                \
		(v)->items[(v)->count++] = (item);                                 \
	} while (0)
#define vec_release(v)                                                             \
	do {                                                                       \
		mem_free((v)->items);                                              \
		(v)->items = NULL;                                                 \
		(v)->count = (v)->size = 0;                                        \
	} while (0)
void mem_free(void *ptr);

/*
 * Map from bytes to a 64-bit value (an index or a pointer). Keys are borrowed: they must
 * outlive the map. Open addressing, hash seeded per process against chosen collisions.
 */
struct map_slot;
struct map {
	struct map_slot *slots;
	size_t count, size;
};

/* Set; an old value is replaced. Returns true when the key was new. */
bool map_set(struct map *map, struct slice key, uint64_t value);
/* Returns true and sets *ret when found (`ret` may be NULL). */
bool map_get(const struct map *map, struct slice key, uint64_t *ret);
void map_release(struct map *map);

#endif
