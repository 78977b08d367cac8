#include "mappings/record.h"

#include <string.h>

#include "scim/base/banned.h"

const char *own_name(enum own own)
{
	static const char *const names[] = { "manage", "seed", "merge", "never" };

	return own < OWN_COUNT ? names[own] : "?";
}

const char *assign_kind_name(enum assign_kind kind)
{
	static const char *const names[] = { "role", "skill", "language", "group", "queue",
					     "team", "unit", "work plan" };

	return kind < ASSIGN_KIND_COUNT ? names[kind] : "?";
}

const char *record_text(const struct record *record, enum scim_attr attr)
{
	for (unsigned i = 0; i < record->field_count; i++)
		if (record->fields[i].field.attr == attr)
			return record->fields[i].field.value;
	return NULL;
}

bool record_frozen(const struct record *record)
{
	for (unsigned i = 0; i < record->problem_count; i++)
		if (record->problems[i].scope == PROBLEM_PERSON)
			return true;
	return false;
}

static int text_order(const char *a, const char *b)
{
	if (a == b)
		return 0;
	if (!a || !b)
		return a ? 1 : -1;
	return strcmp(a, b);
}

int assignment_cmp(const struct assignment *a, const struct assignment *b)
{
	int order;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	order = strcmp(a->name, b->name);
	return order ? order : text_order(a->division, b->division);
}
