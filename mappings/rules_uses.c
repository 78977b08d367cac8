#include "mappings/rules_uses.h"

#include <string.h>

#include "mappings/rules_impl.h"

#include "scim/base/banned.h"

_Static_assert(SCIM_ATTR_COUNT <= 64, "a bit for each attribute");

static void add_item(const struct assign_item *item, struct rules_uses *uses)
{
	uses->kinds |= item->kinds;
	for (unsigned i = 0; i < item->count; i++) {
		const char *division = item->rules[i].division.literal;

		uses->everywhere |= division && strcmp(division, "*") == 0;
	}
}

struct rules_uses rules_uses(const struct rules *rules)
{
	struct rules_uses uses = { 0 };

	for (size_t b = 0; b < rules->blocks.count; b++) {
		const struct people_block *block = &rules->blocks.items[b];

		for (unsigned i = 0; i < block->field_count; i++)
			uses.attrs |= UINT64_C(1) << block->fields[i].attr;
		for (unsigned i = 0; i < block->item_count; i++)
			add_item(&block->items[i], &uses);
	}
	return uses;
}
