/*
 * What of a saved plan still stands: the steps that a plan made now holds as well.
 */
#include <assert.h>
#include <string.h>

#include "bridge/plan/plan.h"

#include "scim/base/banned.h"

#define KEY_BYTES_MAX (1 << 20)
#define NOT_THERE UINT32_MAX

struct keeper {
	struct plan *plan;
	const struct plan *saved;
	struct arena *mem;
	struct buf key;
	struct map wanted;   /* key of a step of `saved` -> its index */
	struct map places;   /* key without values, of a step of `plan` -> its index */
	unsigned char *met;  /* by step of `saved` */
	unsigned char *kept; /* by step of `plan` */
	uint32_t *index;     /* by person of `plan`: the new one, or NOT_THERE */
};

static void add_part(struct buf *key, const char *text)
{
	/* What is absent and what is empty are two things. */
	if (text)
		buf_add(key, text, strlen(text) + 1);
	else
		buf_add(key, "\1", 2);
}

static struct slice key_of(struct keeper *k, const struct plan *plan, const struct step *step,
			   bool values)
{
	const struct plan_person *person = &plan->people.items[step->person];
	struct buf *key = &k->key;

	buf_clear(key);
	add_part(key, person->id);
	add_part(key, person->account_id);
	add_part(key, step_row(step->kind)->name);
	buf_addf(key, "%d", (int)step->attr);
	add_part(key, step->key);
	add_part(key, step->item_id);
	add_part(key, step->division_id);
	if (values) {
		add_part(key, step->old_text);
		add_part(key, step->new_text);
		add_part(key, step->manager_id);
		buf_addf(key, "%.17g", step->level);
	}
	return slice_of(key->data, key->len);
}

static void match_steps(struct keeper *k)
{
	uint64_t index;

	for (size_t i = 0; i < k->saved->steps.count; i++)
		map_set(&k->wanted, key_of(k, k->saved, &k->saved->steps.items[i], true), i);
	for (size_t i = 0; i < k->plan->steps.count; i++) {
		map_set(&k->places, key_of(k, k->plan, &k->plan->steps.items[i], false), i);
		if (!map_get(&k->wanted, key_of(k, k->plan, &k->plan->steps.items[i], true),
			     &index))
			continue;
		k->kept[i] = 1;
		k->met[index] = 1;
	}
}

/* Are all steps marked that ride in the call that makes the account? */
static bool is_whole(const struct plan *plan, const struct plan_person *person,
		     const unsigned char *marks)
{
	for (uint32_t s = person->first_step; s < person->first_step + person->step_count; s++)
		if (!marks[s] && step_row(plan->steps.items[s].kind)->wave <=
					 step_row(STEP_CREATE)->wave)
			return false;
	return true;
}

/* A new account is made whole, as it was planned, or not at all. */
static void match_creations(struct keeper *k)
{
	struct map broken = { 0 };

	for (size_t p = 0; p < k->saved->people.count; p++) {
		const struct plan_person *person = &k->saved->people.items[p];

		if (person->change == PERSON_CREATE && !is_whole(k->saved, person, k->met))
			map_set(&broken, slice_str(person->id), 1);
	}
	for (size_t p = 0; p < k->plan->people.count; p++) {
		const struct plan_person *person = &k->plan->people.items[p];

		if (person->change == PERSON_CREATE &&
		    (!is_whole(k->plan, person, k->kept) ||
		     map_get(&broken, slice_str(person->id), NULL)))
			memset(k->kept + person->first_step, 0, person->step_count);
	}
	map_release(&broken);
}

static const char *target_of(struct keeper *k, const struct step *step)
{
	if (step->name && step->division)
		return arena_printf(k->mem, "%s in %s", step->name, step->division);
	if (step->name)
		return step->name;
	if (step->attr != SCIM_ATTR_COUNT)
		return scim_attr(step->attr)->name;
	return step->new_text ? step->new_text : "";
}

/* What the plan made now would do in this place, if anything. */
static const char *what_now(struct keeper *k, const struct step *step)
{
	const struct step *now;
	uint64_t index;

	if (!map_get(&k->places, key_of(k, k->saved, step, false), &index))
		return "nothing of that kind is to be done now";
	now = &k->plan->steps.items[index];
	if (k->kept[index])
		return "the account would not be made as planned";
	return arena_printf(k->mem, "it would now be %s -> %s", now->old_text ? now->old_text : "none",
			    now->new_text ? now->new_text : now->level > 0 ?
			    arena_printf(k->mem, "%g", now->level) : "none");
}

static void tell_moved(struct keeper *k)
{
	for (size_t i = 0; i < k->saved->steps.count; i++) {
		const struct step *step = &k->saved->steps.items[i];
		const struct plan_person *person = &k->saved->people.items[step->person];
		struct plan_skip skip = { .id = person->id, .dn = person->dn,
					  .user_name = person->user_name };

		if (k->met[i])
			continue;
		skip.text = arena_printf(k->mem, "not done, for its ground has moved since the plan "
					 "was made: %s %s; %s", step_row(step->kind)->name,
					 target_of(k, step), what_now(k, step));
		vec_push(&k->plan->skips, skip);
	}
}

/* Steps of new accounts that are not made after all are not met either. */
static void unmeet(struct keeper *k)
{
	uint64_t index;

	for (size_t i = 0; i < k->plan->steps.count; i++)
		if (!k->kept[i] &&
		    map_get(&k->wanted, key_of(k, k->plan, &k->plan->steps.items[i], true), &index))
			k->met[index] = 0;
}

static void move_people(struct keeper *k)
{
	struct plan *plan = k->plan;
	size_t people = 0;

	for (size_t p = 0; p < plan->people.count; p++) {
		const struct plan_person *person = &plan->people.items[p];
		bool any = memchr(k->kept + person->first_step, 1, person->step_count) != NULL;

		k->index[p] = any ? (uint32_t)people++ : NOT_THERE;
	}
}

/* A manager whose account is not made can be nobody's. */
static void drop_managers(struct keeper *k)
{
	for (size_t i = 0; i < k->plan->steps.count; i++) {
		const struct step *step = &k->plan->steps.items[i];

		if (step->kind == STEP_MANAGER && k->index[step->manager - 1] == NOT_THERE)
			k->kept[i] = 0;
	}
}

static void squeeze(struct keeper *k)
{
	struct plan *plan = k->plan;
	size_t people = 0, steps = 0;

	memset(plan->counts, 0, sizeof(plan->counts));
	for (size_t p = 0; p < plan->people.count; p++) {
		struct plan_person person = plan->people.items[p];
		uint32_t first = person.first_step, count = person.step_count;

		if (k->index[p] == NOT_THERE)
			continue;
		person.first_step = (uint32_t)steps;
		for (uint32_t s = first; s < first + count; s++) {
			struct step step = plan->steps.items[s];

			if (!k->kept[s])
				continue;
			step.person = (uint32_t)people;
			if (step.kind == STEP_MANAGER)
				step.manager = k->index[step.manager - 1] + 1;
			plan->counts[step.kind]++;
			plan->steps.items[steps++] = step;
		}
		person.step_count = (uint32_t)steps - person.first_step;
		plan->people.items[people++] = person;
	}
	plan->people.count = people;
	plan->steps.count = steps;
}

void plan_keep(struct plan *plan, const struct plan *saved, struct arena *mem)
{
	struct keeper k = { .plan = plan, .saved = saved, .mem = mem };

	buf_init(&k.key, KEY_BYTES_MAX);
	k.met = mem_zalloc(saved->steps.count + 1);
	k.kept = mem_zalloc(plan->steps.count + 1);
	k.index = mem_array(plan->people.count + 1, sizeof(*k.index));
	match_steps(&k);
	match_creations(&k);
	move_people(&k);
	drop_managers(&k);
	unmeet(&k);
	tell_moved(&k);
	move_people(&k);
	squeeze(&k);
	mem_free(k.met);
	mem_free(k.kept);
	mem_free(k.index);
	map_release(&k.wanted);
	map_release(&k.places);
	buf_release(&k.key);
}
