/*
 * bridge/tenant/tenant_file: any bytes are a tenant, or an error with its line; what is read
 * holds together.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/tenant/tenant_file.h"

#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX (256 * 1024)

static const struct tenant_file_names names = { NULL, 0 };

static void check_held(const struct present *present, const struct account *account)
{
	const struct catalogue *cat = &present->catalogue;

	for (unsigned h = 0; h < account->held_count; h++) {
		const struct held *held = &account->held[h];

		if (held->item >= cat->kinds[held->kind].items.count)
			abort();
		if (held->kind == ASSIGN_ROLE && held->division != ITEM_ALL &&
		    held->division >= cat->kinds[CAT_DIVISION].items.count)
			abort();
		if (h && held_cmp(&account->held[h - 1], held) >= 0)
			abort();
	}
}

static void check(const struct present *present)
{
	for (size_t i = 0; i < present->accounts.count; i++) {
		const struct account *account = &present->accounts.items[i];
		uint64_t at;

		if (!map_get(&present->by_id, slice_str(account->id), &at) || at != i)
			abort();
		check_held(present, account);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct present present;
	struct err err = ERR_INIT;
	FILE *file;

	if (!size || size > INPUT_BYTES_MAX)
		return 0;
	file = fmemopen((void *)(uintptr_t)data, size, "r");
	if (!file)
		return 0;
	present_init(&present);
	if (tenant_file_parse(file, "tenant.jsonl", &names, &present, &err)) {
		if (!err.kind || (!err.line && err.kind != ERR_IO && err.kind != ERR_LIMIT))
			abort();
	} else {
		check(&present);
	}
	present_release(&present);
	fclose(file);
	return 0;
}
