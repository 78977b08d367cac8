#include "bridge/plan/adopt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/plan/plan_impl.h"

#include "scim/base/banned.h"

#define SEVERAL UINT64_MAX
#define NOBODY UINT32_MAX

const char *adopt_kind_name(enum adopt_kind kind)
{
	static const char *const names[ADOPT_KIND_COUNT] = {
		[ADOPT_STRONG] = "strong",       [ADOPT_WEAK] = "weak",
		[ADOPT_RELINK] = "relink",       [ADOPT_PRIVILEGED] = "privileged",
		[ADOPT_AMBIGUOUS] = "ambiguous", [ADOPT_PROTECTED] = "protected",
		[ADOPT_UNMATCHED] = "unmatched",
	};

	assert(kind < ADOPT_KIND_COUNT);
	return names[kind];
}

struct adopter {
	struct planner p; /* for plan_protected alone */
	const struct plan_input *in;
	struct arena *mem;
	struct map keys[SCIM_ATTR_COUNT]; /* value -> account, or SEVERAL */
	bool indexed[SCIM_ATTR_COUNT];
	struct map people;   /* directory id -> 1: those who are here */
	struct map linked;   /* directory id -> 1 */
	uint32_t *holder;    /* by account: who is linked to it in the state, or NOBODY */
	uint32_t *wanted_by; /* by account: adoption + 1 that wants it */
	VEC(struct adoption) found;
};

static struct slice key_of(struct adopter *a, enum scim_attr attr, const char *value)
{
	size_t len = strlen(value);
	char *key = arena_strndup(a->mem, value, len);

	if (!scim_attr(attr)->case_exact)
		text_lower(key, len);
	return slice_of(key, len);
}

static void index_value(struct adopter *a, enum scim_attr attr, const char *value, size_t account)
{
	struct slice key;

	if (!value || !*value)
		return;
	key = key_of(a, attr, value);
	map_set(&a->keys[attr], key, map_get(&a->keys[attr], key, NULL) ? SEVERAL : account);
}

/* Which account has which value of an attribute; once for each attribute that is a key. */
static void index_attr(struct adopter *a, enum scim_attr attr)
{
	const struct present *present = a->in->present;

	if (a->indexed[attr])
		return;
	a->indexed[attr] = true;
	for (size_t i = 0; i < present->accounts.count; i++) {
		const struct account *account = &present->accounts.items[i];

		if (account->state == ACCOUNT_DELETED)
			continue;
		if (attr == SCIM_ATTR_EXTERNAL_ID)
			index_value(a, attr, account->external_id, i);
		for (unsigned f = 0; attr != SCIM_ATTR_EXTERNAL_ID && f < account->field_count; f++)
			if (account->fields[f].attr == attr)
				index_value(a, attr, account->fields[f].value, i);
	}
}

static bool find_account(struct adopter *a, const struct record *record, enum scim_attr attr,
			 const char **ret_value, uint64_t *ret_account)
{
	index_attr(a, attr);
	for (unsigned f = 0; f < record->field_count; f++) {
		const struct record_field *field = &record->fields[f];

		if (field->field.attr != attr || !field->field.value || !*field->field.value)
			continue;
		*ret_value = field->field.value;
		if (map_get(&a->keys[attr], key_of(a, attr, *ret_value), ret_account))
			return true;
	}
	return false;
}

static const char *several_note(struct adopter *a, enum scim_attr attr)
{
	return arena_printf(a->mem, "several accounts have this %s", scim_attr(attr)->name);
}

/* What stands in the way of taking an account that the key has found. */
static void judge(struct adopter *a, struct adoption *adoption, bool strong)
{
	const struct account *account = &a->in->present->accounts.items[adoption->account];
	const struct recorded *holder = a->holder[adoption->account] == NOBODY
						? NULL : &a->in->recorded[a->holder[adoption->account]];
	const char *why;

	adoption->kind = strong ? ADOPT_STRONG : ADOPT_WEAK;
	if (holder && map_get(&a->people, slice_str(holder->link.person_id), NULL)) {
		adoption->kind = ADOPT_AMBIGUOUS;
		adoption->note = arena_printf(a->mem, "the account is linked to %s",
					      holder->link.dn);
		return;
	}
	if (holder) {
		adoption->kind = ADOPT_RELINK;
		adoption->old_person = holder->link.person_id;
		adoption->note = arena_printf(a->mem, "the account is linked to %s, who is not in the "
					      "directory any more", holder->link.dn);
	}
	for (unsigned i = 0; i < account->held_count; i++) {
		const struct held *held = &account->held[i];

		if (held->kind != ASSIGN_ROLE ||
		    !catalogue_item(&a->in->present->catalogue, CAT_ROLE, held->item)->privileged)
			continue;
		adoption->kind = ADOPT_PRIVILEGED;
		adoption->note = arena_printf(a->mem, "it holds the privileged role %s",
			catalogue_item(&a->in->present->catalogue, CAT_ROLE, held->item)->name);
	}
	if (plan_protected(&a->p, account, &why)) {
		adoption->kind = ADOPT_PROTECTED;
		adoption->note = why;
	}
}

static void look_for(struct adopter *a, const struct record *record)
{
	struct adoption adoption = { .kind = ADOPT_UNMATCHED, .record = record,
				     .attr = SCIM_ATTR_COUNT, .account = ACCOUNT_NONE };
	uint64_t found = 0;

	for (unsigned i = 0; i < record->match_count; i++) {
		enum scim_attr attr = (enum scim_attr)record->match[i];

		if (!find_account(a, record, attr, &adoption.value, &found))
			continue;
		adoption.attr = attr;
		if (found == SEVERAL) {
			adoption.kind = ADOPT_AMBIGUOUS;
			adoption.note = several_note(a, attr);
		} else {
			adoption.account = (uint32_t)found;
			judge(a, &adoption, i == 0);
		}
		break;
	}
	vec_push(&a->found, adoption);
}

/* Two people, one account: only somebody who knows them can say. */
static void refuse_shared(struct adopter *a)
{
	for (size_t i = 0; i < a->found.count; i++) {
		struct adoption *adoption = &a->found.items[i], *other;
		uint32_t *wanted = adoption->account == ACCOUNT_NONE
					   ? NULL : &a->wanted_by[adoption->account];

		if (!wanted)
			continue;
		if (!*wanted) {
			*wanted = (uint32_t)i + 1;
			continue;
		}
		other = &a->found.items[*wanted - 1];
		adoption->kind = other->kind = ADOPT_AMBIGUOUS;
		adoption->note = arena_printf(a->mem, "%s matches the account as well",
					      other->record->dn);
		other->note = arena_printf(a->mem, "%s matches the account as well",
					   adoption->record->dn);
	}
}

static int adoption_order(const void *a, const void *b)
{
	const struct adoption *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->record->id, y->record->id);
}

static void index_people(struct adopter *a, struct adoptions *ret)
{
	const struct plan_input *in = a->in;
	size_t accounts = in->present->accounts.count;
	uint64_t found;

	a->holder = mem_array(accounts + 1, sizeof(*a->holder));
	a->wanted_by = mem_array(accounts + 1, sizeof(*a->wanted_by));
	for (size_t i = 0; i < accounts; i++)
		a->holder[i] = NOBODY;
	for (size_t i = 0; i < in->record_count; i++)
		map_set(&a->people, slice_str(in->records[i]->id), 1);
	for (size_t i = 0; i < in->recorded_count; i++) {
		const struct link *link = &in->recorded[i].link;

		map_set(&a->linked, slice_str(link->person_id), 1);
		ret->linked += map_get(&a->people, slice_str(link->person_id), NULL);
		if (map_get(&in->present->by_id, slice_str(link->account_id), &found))
			a->holder[found] = (uint32_t)i;
	}
}

void plan_adopt(const struct plan_input *in, struct arena *mem, struct adoptions *ret)
{
	struct adopter a = { .p = { .in = in, .mem = mem }, .in = in, .mem = mem };

	*ret = (struct adoptions){ 0 };
	index_people(&a, ret);
	for (size_t i = 0; i < in->record_count; i++)
		if (!map_get(&a.linked, slice_str(in->records[i]->id), NULL) &&
		    !record_frozen(in->records[i]) && !in->records[i]->skip_reason)
			look_for(&a, in->records[i]);
	refuse_shared(&a);
	if (a.found.count)
		qsort(a.found.items, a.found.count, sizeof(*a.found.items), adoption_order);
	for (size_t i = 0; i < a.found.count; i++)
		ret->counts[a.found.items[i].kind]++;
	ret->items = arena_array(mem, a.found.count + 1, sizeof(*ret->items));
	if (a.found.count)
		memcpy(ret->items, a.found.items, a.found.count * sizeof(*ret->items));
	ret->count = a.found.count;
	vec_release(&a.found);
	for (int attr = 0; attr < SCIM_ATTR_COUNT; attr++)
		map_release(&a.keys[attr]);
	map_release(&a.people);
	map_release(&a.linked);
	mem_free(a.holder);
	mem_free(a.wanted_by);
}

static bool wants(const struct plan_input *in, const struct record *record,
		  const struct held *held)
{
	struct held wanted;
	char why[200];

	for (unsigned i = 0; i < record->assign_count; i++)
		if (record->assigns[i].kind == held->kind &&
		    plan_resolve_assignment(&in->present->catalogue, &record->assigns[i], &wanted,
					    why) &&
		    held_cmp(&wanted, held) == 0)
			return true;
	return false;
}

void plan_adopted_things(const struct plan_input *in, const struct adoption *adoption,
			 struct arena *mem, struct adopted_thing **ret, size_t *ret_count)
{
	const struct account *account = &in->present->accounts.items[adoption->account];
	const struct catalogue *cat = &in->present->catalogue;
	struct adopted_thing *things = arena_array(mem, account->held_count + 1, sizeof(*things));

	for (unsigned i = 0; i < account->held_count; i++) {
		const struct held *held = &account->held[i];
		const struct catalogue_item *item =
			catalogue_item(cat, (enum catalogue_kind)held->kind, held->item);
		struct adopted_thing *thing = &things[i];

		thing->held.kind = held->kind;
		thing->held.item_id = item->id;
		thing->held.level = held->level;
		thing->name = item->name;
		thing->ours = wants(in, adoption->record, held);
		thing->held.found = !thing->ours;
		if (held->kind != ASSIGN_ROLE)
			continue;
		thing->held.division_id = "*";
		thing->division = "all divisions";
		if (held->division != ITEM_ALL) {
			thing->held.division_id = catalogue_item(cat, CAT_DIVISION, held->division)->id;
			thing->division = catalogue_item(cat, CAT_DIVISION, held->division)->name;
		}
	}
	*ret = things;
	*ret_count = account->held_count;
}
