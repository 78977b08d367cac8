#include "mappings/entry.h"

#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

void layout_init(struct layout *layout)
{
	memset(layout, 0, sizeof(*layout));
	arena_init(&layout->mem);
}

void layout_release(struct layout *layout)
{
	vec_release(&layout->names);
	arena_release(&layout->mem);
}

int layout_find(const struct layout *layout, const char *name, size_t len)
{
	for (size_t i = 0; i < layout->names.count; i++) {
		const char *known = layout->names.items[i];
		size_t known_len = strlen(known);

		if (known_len == len && text_cmp_nocase(known, known_len, name, len) == 0)
			return (int)i;
	}
	return -1;
}

int layout_add(struct layout *layout, const char *name, size_t len, struct err *err)
{
	int slot = layout_find(layout, name, len);

	if (slot >= 0)
		return slot;
	if (layout->names.count == LAYOUT_SLOTS_MAX)
		return err_set(err, ERR_LIMIT,
			       "the rules name more than %d attributes; \"%.*s\" is one too many",
			       LAYOUT_SLOTS_MAX, (int)(len > 60 ? 60 : len), name);
	vec_push(&layout->names, arena_strndup(&layout->mem, name, len));
	return (int)layout->names.count - 1;
}

void group_names_init(struct group_names *groups)
{
	memset(groups, 0, sizeof(*groups));
	arena_init(&groups->mem);
}

void group_names_release(struct group_names *groups)
{
	vec_release(&groups->names);
	map_release(&groups->index);
	arena_release(&groups->mem);
}

/* Byte for byte: two spellings of one DN are two names here, and resolve to one group. */
unsigned group_names_add(struct group_names *groups, const char *name, size_t len)
{
	unsigned count = (unsigned)groups->names.count;
	const char *copy;
	uint64_t index;

	if (map_get(&groups->index, slice_of(name, len), &index))
		return (unsigned)index;
	copy = arena_strndup(&groups->mem, name, len);
	map_set(&groups->index, slice_of(copy, len), count);
	vec_push(&groups->names, copy);
	return count;
}

static int value_cmp(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

void attr_values_sort(struct slice *items, uint32_t count)
{
	/* Most attributes have one value; short lists are cheaper by insertion. */
	if (count > 12) {
		qsort(items, count, sizeof(*items), value_cmp);
		return;
	}
	for (uint32_t i = 1; i < count; i++) {
		struct slice item = items[i];
		uint32_t at = i;

		for (; at > 0 && slice_cmp(items[at - 1], item) > 0; at--)
			items[at] = items[at - 1];
		items[at] = item;
	}
}
