#include "bridge/tenant/calls_impl.h"

#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

void calls_emit(struct calls_maker *m, enum api_op op, const uint32_t *steps,
		unsigned count)
{
	struct call call;

	call_build(m->plan, op, steps, count, m->mem, &call);
	vec_push(m->calls, call);
}

void calls_emit_chunks(struct calls_maker *m, enum api_op op, const uint32_t *steps,
		       size_t count)
{
	unsigned most = api_op(op)->batch_max;

	for (size_t at = 0; at < count;) {
		size_t len = count - at;

		if (len > most)
			len = most;
		calls_emit(m, op, steps + at, (unsigned)len);
		at += len;
	}
}

static bool is_created(const struct plan *plan, const struct plan_person *person)
{
	for (uint32_t i = 0; i < person->step_count; i++)
		if (plan->steps.items[person->first_step + i].kind == STEP_CREATE)
			return true;
	return false;
}

/* What rides in the POST; `rest` gets the skill and language steps over its caps. */
static void split_create(const struct plan *plan, const struct plan_person *person,
			 uint32_t *in, unsigned *ret_in, uint32_t *rest, unsigned *ret_rest)
{
	unsigned skills = 0, languages = 0;

	*ret_in = *ret_rest = 0;
	for (uint32_t i = 0; i < person->step_count; i++) {
		uint32_t index = person->first_step + i;

		switch (plan->steps.items[index].kind) {
		case STEP_CREATE:
		case STEP_SET:
		case STEP_DIVISION:
			in[(*ret_in)++] = index;
			break;
		case STEP_SKILL_SET:
			if (skills++ < CALLS_SCIM_SKILLS_MAX)
				in[(*ret_in)++] = index;
			else
				rest[(*ret_rest)++] = index;
			break;
		case STEP_LANGUAGE_SET:
			if (languages++ < CALLS_SCIM_SKILLS_MAX)
				in[(*ret_in)++] = index;
			else
				rest[(*ret_rest)++] = index;
			break;
		default:
			break;
		}
	}
}

/* Skills and languages of one person by the routing calls; `steps` in the plan's order. */
static void emit_levels(struct calls_maker *m, const uint32_t *steps, unsigned count)
{
	unsigned skills = 0;

	while (skills < count &&
	       m->plan->steps.items[steps[skills]].kind == STEP_SKILL_SET)
		skills++;
	calls_emit_chunks(m, API_SKILLS_PATCH, steps, skills);
	calls_emit_chunks(m, API_LANGUAGES_PATCH, steps + skills, count - skills);
}

/* An account that was to be made and was not: nobody can have it for a manager. */
static bool lacks_manager(const struct calls_maker *m, const struct step *step)
{
	return step->kind == STEP_MANAGER &&
	       (!step->manager || (m->blocked && m->blocked[step->manager - 1] &&
				   !m->plan->people.items[step->manager - 1].account_id));
}

/* Of a new account: by then the manager's is made too. */
static void emit_manager(struct calls_maker *m, const struct plan_person *person)
{
	for (uint32_t i = 0; i < person->step_count; i++) {
		uint32_t index = person->first_step + i;
		const struct step *step = &m->plan->steps.items[index];

		if (step->kind == STEP_MANAGER && !lacks_manager(m, step))
			calls_emit(m, API_SCIM_PATCH, &index, 1);
	}
}

static void make_create(struct calls_maker *m, const struct plan_person *person)
{
	uint32_t *in = mem_array(person->step_count, sizeof(*in));
	uint32_t *rest = mem_array(person->step_count, sizeof(*rest));
	unsigned in_count, rest_count;

	split_create(m->plan, person, in, &in_count, rest, &rest_count);
	if (m->wave == step_row(STEP_CREATE)->wave)
		calls_emit(m, API_SCIM_CREATE, in, in_count);
	else if (m->wave == step_row(STEP_CREATE)->wave + 1)
		emit_levels(m, rest, rest_count); /* needs the id that the POST gave */
	if (m->wave == step_row(STEP_MANAGER)->wave)
		emit_manager(m, person);
	mem_free(in);
	mem_free(rest);
}

static bool is_profile(enum step_kind kind)
{
	return kind == STEP_DISABLE || kind == STEP_ENABLE || kind == STEP_SET ||
	       kind == STEP_RENAME || kind == STEP_MANAGER;
}

static bool is_level(enum step_kind kind)
{
	return kind == STEP_SKILL_SET || kind == STEP_LANGUAGE_SET;
}

/* The person's calls that nobody else shares. */
static void make_person(struct calls_maker *m, const struct plan_person *person)
{
	uint32_t *profile = mem_array(person->step_count, sizeof(*profile));
	uint32_t *levels = mem_array(person->step_count, sizeof(*levels));
	unsigned profile_count = 0, level_count = 0;

	for (uint32_t i = 0; i < person->step_count; i++) {
		uint32_t index = person->first_step + i;
		enum step_kind kind = m->plan->steps.items[index].kind;

		if (step_row(kind)->wave != m->wave ||
		    lacks_manager(m, &m->plan->steps.items[index]))
			continue;
		if (is_profile(kind))
			profile[profile_count++] = index;
		else if (is_level(kind))
			levels[level_count++] = index;
		else if (kind == STEP_RESTORE)
			calls_emit(m, API_USER_PATCH, &index, 1);
		else if (kind == STEP_REVOKE)
			calls_emit(m, API_GRANT_DELETE, &index, 1);
		else if (kind == STEP_SKILL_REMOVE)
			calls_emit(m, API_SKILL_DELETE, &index, 1);
		else if (kind == STEP_LANGUAGE_REMOVE)
			calls_emit(m, API_LANGUAGE_DELETE, &index, 1);
	}
	if (profile_count)
		calls_emit(m, API_SCIM_PATCH, profile, profile_count);
	emit_levels(m, levels, level_count);
	mem_free(profile);
	mem_free(levels);
}

/* What a call is about: of a work plan its unit, of leaving a unit nothing in particular. */
static const char *container(const struct step *step)
{
	switch (step->kind) {
	case STEP_WORK_PLAN_SET:
	case STEP_WORK_PLAN_REMOVE:
		return step->division_id;
	case STEP_UNIT_REMOVE:
		return "";
	default:
		return step->item_id;
	}
}

static int by_item(const void *a, const void *b, void *ctx)
{
	const struct plan *plan = ctx;
	uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	int c = strcmp(container(&plan->steps.items[ia]), container(&plan->steps.items[ib]));

	if (c)
		return c;
	return ia < ib ? -1 : ia > ib;
}

/* Steps of one kind by the thing they are about, as many people a call as it takes. */
static void make_wide(struct calls_maker *m, enum step_kind kind, enum api_op op)
{
	const struct plan *plan = m->plan;
	VEC(uint32_t) steps = { 0 };

	if (step_row(kind)->wave != m->wave)
		return;
	for (size_t p = 0; p < plan->people.count; p++) {
		const struct plan_person *person = &plan->people.items[p];

		if (m->blocked && m->blocked[p])
			continue;
		/* A new account's division went with its POST. */
		if (kind == STEP_DIVISION && is_created(plan, person))
			continue;
		for (uint32_t i = 0; i < person->step_count; i++)
			if (plan->steps.items[person->first_step + i].kind == kind)
				vec_push(&steps, person->first_step + i);
	}
	if (steps.count)
		qsort_r(steps.items, steps.count, sizeof(*steps.items), by_item, (void *)plan);
	for (size_t at = 0, end; at < steps.count; at = end) {
		const char *item = container(&plan->steps.items[steps.items[at]]);

		for (end = at + 1; end < steps.count; end++)
			if (strcmp(container(&plan->steps.items[steps.items[end]]), item) != 0)
				break;
		calls_emit_chunks(m, op, steps.items + at, end - at);
	}
	vec_release(&steps);
}

void calls_make(const struct plan *plan, unsigned wave, const unsigned char *blocked,
		struct arena *mem, struct calls *calls)
{
	struct calls_maker m = { plan, wave, blocked, mem, calls };

	for (size_t p = 0; p < plan->people.count; p++) {
		const struct plan_person *person = &plan->people.items[p];

		if (blocked && blocked[p])
			continue;
		if (is_created(plan, person))
			make_create(&m, person);
		else
			make_person(&m, person);
	}
	make_wide(&m, STEP_DIVISION, API_DIVISION_MOVE);
	calls_make_grants(&m);
	make_wide(&m, STEP_GROUP_REMOVE, API_GROUP_REMOVE);
	make_wide(&m, STEP_QUEUE_REMOVE, API_QUEUE_CHANGE);
	make_wide(&m, STEP_GROUP_ADD, API_GROUP_ADD);
	make_wide(&m, STEP_QUEUE_ADD, API_QUEUE_CHANGE);
	make_wide(&m, STEP_TEAM_REMOVE, API_TEAM_REMOVE);
	make_wide(&m, STEP_TEAM_ADD, API_TEAM_ADD);
	make_wide(&m, STEP_UNIT_REMOVE, API_UNIT_MOVE);
	make_wide(&m, STEP_UNIT_SET, API_UNIT_MOVE);
	make_wide(&m, STEP_WORK_PLAN_REMOVE, API_WORK_PLANS_PATCH);
	make_wide(&m, STEP_WORK_PLAN_SET, API_WORK_PLANS_PATCH);
}
