#include "bridge/model/tally.h"

#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

static const char *const kinds[] = { [TALLY_SEARCH] = "search ", [TALLY_ATTRIBUTE] = "attribute " };

void tally_init(struct tally *tally)
{
	memset(tally, 0, sizeof(*tally));
}

void tally_release(struct tally *tally)
{
	vec_release(&tally->items);
	arena_release(&tally->mem);
}

const struct tally_item *tally_find(const struct tally *tally, enum tally_kind kind,
				    const char *name)
{
	for (size_t i = 0; i < tally->items.count; i++)
		if (tally->items.items[i].kind == kind &&
		    strcmp(tally->items.items[i].name, name) == 0)
			return &tally->items.items[i];
	return NULL;
}

void tally_raise(struct tally *tally, enum tally_kind kind, const char *name,
		 unsigned long count)
{
	struct tally_item *item =
		(struct tally_item *)(uintptr_t)tally_find(tally, kind, name);

	if (item) {
		item->count = item->count > count ? item->count : count;
	} else if (tally->items.count < TALLY_ITEMS_MAX) {
		struct tally_item fresh = { kind, arena_strdup(&tally->mem, name), count };

		vec_push(&tally->items, fresh);
	}
}

void tally_print(const struct tally *tally, struct buf *out)
{
	for (size_t i = 0; i < tally->items.count; i++) {
		const struct tally_item *item = &tally->items.items[i];

		if (!strchr(item->name, '\n'))
			buf_addf(out, "%s%lu %s\n", kinds[item->kind], item->count, item->name);
	}
}

static void parse_line(struct tally *tally, const char *line, size_t len)
{
	char *text = arena_strndup(&tally->mem, line, len), *end;

	for (int kind = TALLY_SEARCH; kind <= TALLY_ATTRIBUTE; kind++) {
		size_t word = strlen(kinds[kind]);
		unsigned long count;

		if (strncmp(text, kinds[kind], word) != 0)
			continue;
		count = strtoul(text + word, &end, 10);
		if (end > text + word && *end == ' ' && end[1])
			tally_raise(tally, (enum tally_kind)kind, end + 1, count);
	}
}

void tally_parse(struct tally *tally, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		parse_line(tally, text, len);
		text += len + (text[len] == '\n');
	}
}
