/*
 * A whole rule file: what loads is mapped over entries that have much of everything, with an
 * observer. A record is sorted, without doubles, and all its origins are places of the rules;
 * the same entry gives the same record with and without an observer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mappings/map.h"
#include "mappings/rules_impl.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX (64 * 1024)
#define NOW 1769851800 /* 2026-01-31T09:30:00Z */

static const struct slice one[] = { { "Ana.Li@x.org", 12 } };
static const struct slice several[] = { { "", 0 }, { "Billing:4", 9 }, { "Sales:2.5", 9 } };
static const struct slice number[] = { { "133500000000000000", 18 } };
static const struct slice dn[] = { { "uid=m,ou=people,dc=x", 20 } };
static const struct slice moment[] = { { "20261201080000Z", 15 } };
static const struct slice bytes[] = {
	{ "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16 },
};
static const struct attr_values pool[] = {
	{ one, 1 }, { several, 3 }, { NULL, 0 }, { number, 1 }, { dn, 1 }, { moment, 1 }, { bytes, 1 },
};
#define POOL (sizeof(pool) / sizeof(pool[0]))

static void check_origin(const struct rules *rules, origin_id origin)
{
	if (origin == 0 || origin >= rules_origin_count(rules))
		abort();
}

static void watch(void *ctx, const struct map_event *event)
{
	check_origin(ctx, event->origin);
	if (event->result > 1 || event->result < -1 || !event->act)
		abort();
	if (event->result < 0 && !event->err)
		abort();
}

static void check_record(const struct rules *rules, const struct record *record)
{
	for (unsigned i = 0; i < record->field_count; i++) {
		check_origin(rules, record->fields[i].origin);
		if (i && scim_field_cmp(&record->fields[i - 1].field, &record->fields[i].field) >= 0)
			abort();
	}
	for (unsigned i = 0; i < record->assign_count; i++) {
		check_origin(rules, record->assigns[i].origin);
		if (i && assignment_cmp(&record->assigns[i - 1], &record->assigns[i]) >= 0)
			abort();
		if (record->assigns[i].level < 0 || record->assigns[i].level > 5)
			abort();
	}
	for (unsigned i = 0; i < record->problem_count; i++) {
		check_origin(rules, record->problems[i].origin);
		if (!record->problems[i].text[0])
			abort();
	}
	if (record->manager_dn)
		check_origin(rules, record->manager_origin);
	if (!record->rule || !record->id || !record->dn)
		abort();
}

static void check_same(const struct record *a, const struct record *b)
{
	if (!a != !b)
		abort();
	if (a && (a->field_count != b->field_count || a->assign_count != b->assign_count ||
		  a->problem_count != b->problem_count || strcmp(a->rule, b->rule) != 0 ||
		  !a->skip_reason != !b->skip_reason))
		abort();
}

/* Attribute n of the layout gets values n + shift of the pool, group n the like answer. */
static void map_shifted(const struct rules *rules, unsigned shift)
{
	size_t slots = rules_layout(rules)->names.count, groups = rules_groups(rules)->names.count;
	struct attr_values *attrs = mem_array(slots + 1, sizeof(*attrs));
	unsigned char *answers = mem_zalloc(groups + 1);
	struct arena scratch = ARENA_INIT, mem = ARENA_INIT;
	struct map_observer observer = { watch, (void *)rules };
	struct record *record = NULL, *again = NULL;
	struct err err = ERR_INIT;
	struct entry entry = {
		.dn = "uid=ana,ou=people,dc=x", .id = "id-1", .attrs = attrs,
		.attr_count = (unsigned)slots, .groups = answers, .group_count = (unsigned)groups,
	};

	for (size_t i = 0; i < slots; i++)
		attrs[i] = pool[(i + shift) % POOL];
	for (size_t i = 0; i < groups; i++)
		answers[i] = (unsigned char)((i + shift + 1) % 3);
	if (map_entry_observed(rules, &entry, NOW, &scratch, &mem, &record, NULL, &observer, &err) ||
	    map_entry(rules, &entry, NOW, &scratch, &mem, &again, NULL, &err))
		abort();
	if (record)
		check_record(rules, record);
	check_same(record, again);
	mem_free(attrs);
	mem_free(answers);
	arena_release(&scratch);
	arena_release(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rules *rules = NULL;
	struct diags diags = { 0 };

	if (size > INPUT_BYTES_MAX)
		return 0;
	if (rules_load_text("f", slice_of((const char *)data, size), &rules, &diags) == 0) {
		if (diags.total || !rules)
			abort();
		for (unsigned shift = 0; shift < POOL; shift++)
			map_shifted(rules, shift);
		rules_free(rules);
	} else if (!diags.total || rules) {
		abort();
	}
	diags_release(&diags);
	return 0;
}
