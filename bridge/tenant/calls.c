#include "bridge/tenant/calls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "scim/message.h"

#include "scim/base/banned.h"

/* The largest body: 100 ids, or a profile with 50 skills. Values are bounded where read. */
#define BODY_BYTES_MAX (4u << 20)

#define TYPE_JSON "application/json"
#define TYPE_SCIM "application/scim+json"

/* ---- one call from its steps ---- */

static const struct step *step_at(const struct plan *plan, uint32_t index)
{
	assert(index < plan->steps.count);
	return &plan->steps.items[index];
}

static const char *account_id(const struct plan *plan, uint32_t person)
{
	const char *id = plan->people.items[person].account_id;

	return id ? id : CALLS_NO_ACCOUNT;
}

struct scim_patch_op call_patch_op(const struct step *step)
{
	struct scim_patch_op op = {
		.op = SCIM_OP_REPLACE,
		.field = { (uint16_t)step->attr, step->key, step->new_text },
	};

	switch (step->kind) {
	case STEP_DISABLE:
	case STEP_ENABLE:
		op.field.attr = SCIM_ATTR_ACTIVE;
		op.field.key = NULL;
		op.field.value = step->kind == STEP_ENABLE ? "true" : "false";
		return op;
	case STEP_RENAME:
		op.field.attr = SCIM_ATTR_USER_NAME;
		op.field.key = NULL;
		return op;
	default:
		break;
	}
	if (!step->new_text)
		op.op = SCIM_OP_REMOVE;
	else if (!step->old_text && step->key)
		op.op = SCIM_OP_ADD; /* a replace of what is not there is noTarget */
	return op;
}

static void write_patch(const struct plan *plan, const struct call *call,
			struct json_out *out)
{
	struct scim_patch_op *ops = mem_array(call->step_count, sizeof(*ops));

	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = step_at(plan, call->steps[i]);

		ops[i] = call_patch_op(step);
		if (step->kind == STEP_MANAGER) {
			ops[i].op = SCIM_OP_REPLACE;
			ops[i].field.value = account_id(plan, step->manager - 1);
		}
	}
	scim_patch_write(ops, call->step_count, out);
	mem_free(ops);
}

static void write_proficiencies(const struct plan *plan, const struct call *call,
				enum step_kind kind, const char *member,
				struct json_out *out)
{
	bool any = false;

	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = step_at(plan, call->steps[i]);

		if (step->kind != kind)
			continue;
		if (!any) {
			json_out_key(out, member);
			json_out_array(out);
		}
		any = true;
		json_out_object(out);
		json_out_member(out, "name", step->name);
		json_out_key(out, "proficiency");
		json_out_double(out, step->level);
		json_out_object_end(out);
	}
	if (any)
		json_out_array_end(out);
}

static bool has_kind(const struct plan *plan, const struct call *call, enum step_kind kind)
{
	for (unsigned i = 0; i < call->step_count; i++)
		if (step_at(plan, call->steps[i])->kind == kind)
			return true;
	return false;
}

/* Profile fields of a new account in canonical order; returns how many. */
static size_t create_fields(const struct plan *plan, const struct call *call,
			    struct scim_field *fields)
{
	size_t count = 0;

	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = step_at(plan, call->steps[i]);

		if (step->kind == STEP_SET && step->new_text)
			fields[count++] = (struct scim_field){ (uint16_t)step->attr, step->key,
							       step->new_text };
		else if (step->kind == STEP_CREATE)
			fields[count++] = (struct scim_field){ SCIM_ATTR_USER_NAME, NULL,
							       step->new_text };
		else if (step->kind == STEP_DIVISION) /* SCIM knows divisions by name */
			fields[count++] = (struct scim_field){ SCIM_ATTR_DIVISION, NULL,
							       step->name };
	}
	fields[count++] = (struct scim_field){ SCIM_ATTR_ACTIVE, NULL, "true" };
	return scim_fields_sort(fields, count);
}

static void write_schemas(const struct scim_field *fields, size_t count, bool vendor,
			  struct json_out *out)
{
	bool enterprise = false;

	for (size_t i = 0; i < count; i++)
		if (scim_attr(fields[i].attr)->place >= SCIM_IN_ENTERPRISE)
			enterprise = true;
	json_out_key(out, "schemas");
	json_out_array(out);
	json_out_text(out, SCIM_URN_USER);
	if (enterprise)
		json_out_text(out, SCIM_URN_ENTERPRISE);
	if (vendor)
		json_out_text(out, GENESYS_URN_USER);
	json_out_array_end(out);
}

static void write_create(const struct plan *plan, const struct call *call,
			 struct json_out *out)
{
	struct scim_field *fields = mem_array(call->step_count + 1, sizeof(*fields));
	size_t count = create_fields(plan, call, fields);
	bool vendor = has_kind(plan, call, STEP_SKILL_SET) ||
		      has_kind(plan, call, STEP_LANGUAGE_SET);

	json_out_object(out);
	write_schemas(fields, count, vendor, out);
	scim_fields_write_members(fields, count, out);
	if (vendor) {
		/* By name here, unlike the routing calls. */
		json_out_key(out, GENESYS_URN_USER);
		json_out_object(out);
		write_proficiencies(plan, call, STEP_SKILL_SET, "routingSkills", out);
		write_proficiencies(plan, call, STEP_LANGUAGE_SET, "routingLanguages", out);
		json_out_object_end(out);
	}
	json_out_object_end(out);
	mem_free(fields);
}

/* [{id, proficiency}] of skills or languages. */
static void write_levels(const struct plan *plan, const struct call *call,
			 struct json_out *out)
{
	json_out_array(out);
	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = step_at(plan, call->steps[i]);

		json_out_object(out);
		json_out_member(out, "id", step->item_id);
		json_out_key(out, "proficiency");
		json_out_double(out, step->level);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

/* The accounts of the steps, each once: as texts, or as {"id"} objects. */
static void write_accounts(const struct plan *plan, const struct call *call, bool objects,
			   struct json_out *out)
{
	uint32_t before = UINT32_MAX;

	json_out_array(out);
	for (unsigned i = 0; i < call->step_count; i++) {
		uint32_t person = step_at(plan, call->steps[i])->person;

		if (person == before)
			continue;
		before = person;
		if (objects) {
			json_out_object(out);
			json_out_member(out, "id", account_id(plan, person));
			json_out_object_end(out);
		} else {
			json_out_text(out, account_id(plan, person));
		}
	}
	json_out_array_end(out);
}

/* All people of the call have the divisions of the first. */
static void write_role_grant(const struct plan *plan, const struct call *call,
			     struct json_out *out)
{
	uint32_t first = step_at(plan, call->steps[0])->person;

	json_out_object(out);
	json_out_key(out, "subjectIds");
	write_accounts(plan, call, false, out);
	json_out_key(out, "divisionIds");
	json_out_array(out);
	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = step_at(plan, call->steps[i]);

		if (step->person == first)
			json_out_text(out, step->division_id);
	}
	json_out_array_end(out);
	json_out_object_end(out);
}

static void write_bulkadd(const struct plan *plan, const struct call *call,
			  struct json_out *out)
{
	json_out_object(out);
	json_out_key(out, "grants");
	json_out_array(out);
	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = step_at(plan, call->steps[i]);

		json_out_object(out);
		json_out_member(out, "roleId", step->item_id);
		json_out_member(out, "divisionId", step->division_id);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	json_out_object_end(out);
}

/* Without a destination they are taken out of the unit they are in. */
static void write_unit_move(const struct plan *plan, const struct call *call,
			    struct json_out *out)
{
	const struct step *step = step_at(plan, call->steps[0]);

	json_out_object(out);
	json_out_key(out, "userIds");
	write_accounts(plan, call, false, out);
	if (step->kind == STEP_UNIT_SET)
		json_out_member(out, "destinationManagementUnitId", step->item_id);
	json_out_object_end(out);
}

/* Wrapped values: absent leaves, null clears (facts, section 9). */
static void write_work_plans(const struct plan *plan, const struct call *call,
			     struct json_out *out)
{
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = step_at(plan, call->steps[i]);

		json_out_object(out);
		json_out_member(out, "userId", account_id(plan, step->person));
		json_out_key(out, "workPlanId");
		json_out_object(out);
		json_out_member(out, "value",
				step->kind == STEP_WORK_PLAN_SET ? step->item_id : NULL);
		json_out_object_end(out);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	json_out_object_end(out);
}

static const char *removed_ids(const struct plan *plan, const struct call *call,
			       const char *parameter, struct arena *mem)
{
	struct buf text;
	const char *query;

	buf_init(&text, BODY_BYTES_MAX);
	for (unsigned i = 0; i < call->step_count; i++) {
		const char *id = account_id(plan, step_at(plan, call->steps[i])->person);

		buf_addstr(&text, i ? "," : parameter);
		buf_addurl(&text, id, strlen(id));
	}
	query = arena_strndup(mem, text.data, text.len);
	buf_release(&text);
	return query;
}

static void write_body(const struct plan *plan, const struct call *call,
		       struct json_out *out)
{
	switch ((enum api_op)call->op) {
	case API_SCIM_CREATE:
		write_create(plan, call, out);
		break;
	case API_SCIM_PATCH:
		write_patch(plan, call, out);
		break;
	case API_SKILLS_PATCH:
	case API_LANGUAGES_PATCH:
		write_levels(plan, call, out);
		break;
	case API_ROLE_GRANT:
		write_role_grant(plan, call, out);
		break;
	case API_SUBJECT_BULKADD:
		write_bulkadd(plan, call, out);
		break;
	case API_GROUP_ADD:
		/* Without `version`, which is optional and stale after the first batch. */
		json_out_object(out);
		json_out_key(out, "memberIds");
		write_accounts(plan, call, false, out);
		json_out_object_end(out);
		break;
	case API_QUEUE_CHANGE:
		write_accounts(plan, call, true, out);
		break;
	case API_DIVISION_MOVE:
		write_accounts(plan, call, false, out);
		break;
	case API_TEAM_ADD:
		json_out_object(out);
		json_out_key(out, "memberIds");
		write_accounts(plan, call, false, out);
		json_out_object_end(out);
		break;
	case API_UNIT_MOVE:
		write_unit_move(plan, call, out);
		break;
	case API_WORK_PLANS_PATCH:
		write_work_plans(plan, call, out);
		break;

	case API_USER_PATCH:
		/* Version and state come to it when the account was read (genesys_write.c). */
		json_out_object(out);
		json_out_object_end(out);
		break;
	default:
		break;
	}
}

static void set_place(const struct plan *plan, struct call *call, struct arena *mem)
{
	const struct step *step = step_at(plan, call->steps[0]);
	const char *account = account_id(plan, step->person);

	switch ((enum api_op)call->op) {
	case API_SCIM_PATCH:
		call->if_match = plan->people.items[step->person].version;
		call->path_ids[0] = account;
		break;
	case API_SKILLS_PATCH:
	case API_LANGUAGES_PATCH:
	case API_USER_PATCH: /* the body needs a version that only a read can tell */
		call->path_ids[0] = account;
		break;
	case API_SKILL_DELETE:
	case API_LANGUAGE_DELETE:
		call->path_ids[0] = account;
		call->path_ids[1] = step->item_id;
		break;
	case API_SUBJECT_BULKADD:
		call->path_ids[0] = account;
		call->query = "?subjectType=PC_USER";
		break;
	case API_ROLE_GRANT:
		call->path_ids[0] = step->item_id;
		call->query = "?subjectType=PC_USER";
		break;
	case API_GRANT_DELETE:
		call->path_ids[0] = account;
		call->path_ids[1] = step->division_id;
		call->path_ids[2] = step->item_id;
		break;
	case API_GROUP_REMOVE:
		call->path_ids[0] = step->item_id;
		call->query = removed_ids(plan, call, "?ids=", mem);
		break;
	case API_TEAM_REMOVE:
		call->path_ids[0] = step->item_id;
		call->query = removed_ids(plan, call, "?id=", mem);
		break;
	case API_TEAM_ADD:
		call->path_ids[0] = step->item_id;
		break;
	case API_WORK_PLANS_PATCH:
		call->path_ids[0] = step->division_id;
		break;
	case API_GROUP_ADD:
		call->path_ids[0] = step->item_id;
		break;
	case API_QUEUE_CHANGE:
		call->path_ids[0] = step->item_id;
		call->query = step->kind == STEP_QUEUE_REMOVE ? "?delete=true" : NULL;
		break;
	case API_DIVISION_MOVE:
		call->path_ids[0] = step->item_id;
		call->path_ids[1] = "USER";
		break;
	default:
		break;
	}
}

void call_build(const struct plan *plan, enum api_op op, const uint32_t *steps,
		unsigned count, struct arena *mem, struct call *ret_call)
{
	uint32_t *own = arena_array(mem, count, sizeof(*own));
	struct call call = { .op = (uint16_t)op, .steps = own, .step_count = count };
	struct json_out out;
	struct buf body;

	assert(count > 0);
	memcpy(own, steps, count * sizeof(*own));
	set_place(plan, &call, mem);
	if (api_op(op)->body != API_BODY_NONE) {
		buf_init(&body, BODY_BYTES_MAX);
		json_out_init(&out, &body);
		write_body(plan, &call, &out);
		assert(!buf_failed(&body));
		call.body = slice_of(arena_strndup(mem, body.data, body.len), body.len);
		call.content_type = op == API_SCIM_CREATE || op == API_SCIM_PATCH ?
					    TYPE_SCIM :
					    TYPE_JSON;
		buf_release(&body);
	}
	*ret_call = call;
}

/* ---- a wave ---- */

struct maker {
	const struct plan *plan;
	unsigned wave;
	const unsigned char *blocked;
	struct arena *mem;
	struct calls *calls;
};

static void emit(struct maker *m, enum api_op op, const uint32_t *steps, unsigned count)
{
	struct call call;

	call_build(m->plan, op, steps, count, m->mem, &call);
	vec_push(m->calls, call);
}

static void emit_chunks(struct maker *m, enum api_op op, const uint32_t *steps, size_t count)
{
	unsigned most = api_op(op)->batch_max;

	for (size_t at = 0; at < count;) {
		size_t len = count - at;

		if (len > most)
			len = most;
		emit(m, op, steps + at, (unsigned)len);
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
static void emit_levels(struct maker *m, const uint32_t *steps, unsigned count)
{
	unsigned skills = 0;

	while (skills < count &&
	       m->plan->steps.items[steps[skills]].kind == STEP_SKILL_SET)
		skills++;
	emit_chunks(m, API_SKILLS_PATCH, steps, skills);
	emit_chunks(m, API_LANGUAGES_PATCH, steps + skills, count - skills);
}

/* An account that was to be made and was not: nobody can have it for a manager. */
static bool lacks_manager(const struct maker *m, const struct step *step)
{
	return step->kind == STEP_MANAGER &&
	       (!step->manager || (m->blocked && m->blocked[step->manager - 1] &&
				   !m->plan->people.items[step->manager - 1].account_id));
}

/* Of a new account: by then the manager's is made too. */
static void emit_manager(struct maker *m, const struct plan_person *person)
{
	for (uint32_t i = 0; i < person->step_count; i++) {
		uint32_t index = person->first_step + i;
		const struct step *step = &m->plan->steps.items[index];

		if (step->kind == STEP_MANAGER && !lacks_manager(m, step))
			emit(m, API_SCIM_PATCH, &index, 1);
	}
}

static void make_create(struct maker *m, const struct plan_person *person)
{
	uint32_t *in = mem_array(person->step_count, sizeof(*in));
	uint32_t *rest = mem_array(person->step_count, sizeof(*rest));
	unsigned in_count, rest_count;

	split_create(m->plan, person, in, &in_count, rest, &rest_count);
	if (m->wave == step_row(STEP_CREATE)->wave)
		emit(m, API_SCIM_CREATE, in, in_count);
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
static void make_person(struct maker *m, const struct plan_person *person)
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
			emit(m, API_USER_PATCH, &index, 1);
		else if (kind == STEP_REVOKE)
			emit(m, API_GRANT_DELETE, &index, 1);
		else if (kind == STEP_SKILL_REMOVE)
			emit(m, API_SKILL_DELETE, &index, 1);
		else if (kind == STEP_LANGUAGE_REMOVE)
			emit(m, API_LANGUAGE_DELETE, &index, 1);
	}
	if (profile_count)
		emit(m, API_SCIM_PATCH, profile, profile_count);
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
static void make_wide(struct maker *m, enum step_kind kind, enum api_op op)
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
		emit_chunks(m, op, steps.items + at, end - at);
	}
	vec_release(&steps);
}

/* ---- grants: one role to many, or many to one ---- */

/* One role of one person, with all its divisions in this plan. */
struct grant_unit {
	uint32_t person; /* index in `people` below */
	uint32_t first, count; /* in `steps` below */
	uint32_t group;
};

/* People who get one role in exactly the same divisions. */
struct grant_group {
	uint32_t people; /* still served by role calls */
};

struct grant_person {
	uint32_t first_unit, unit_count, step_count;
	bool bulk; /* served by a bulkadd of their own */
};

struct grants {
	const struct plan *plan;
	VEC(uint32_t) steps; /* by person, role, division */
	VEC(struct grant_unit) units;
	VEC(struct grant_group) groups;
	VEC(struct grant_person) people;
	uint32_t *by_group;  /* units by group, then person */
	uint32_t *bundles;   /* people by their list of groups */
};

static int by_person_role(const void *a, const void *b, void *ctx)
{
	const struct plan *plan = ctx;
	uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	const struct step *x = &plan->steps.items[ia], *y = &plan->steps.items[ib];
	int c;

	if (x->person != y->person)
		return x->person < y->person ? -1 : 1;
	c = strcmp(x->item_id, y->item_id);
	if (!c)
		c = strcmp(x->division_id, y->division_id);
	if (c)
		return c;
	return ia < ib ? -1 : ia > ib;
}

static int cmp_divisions(const struct grants *g, const struct grant_unit *x,
			 const struct grant_unit *y)
{
	const struct step *steps = g->plan->steps.items;
	int c = strcmp(steps[g->steps.items[x->first]].item_id,
		       steps[g->steps.items[y->first]].item_id);

	for (uint32_t i = 0; !c && i < x->count && i < y->count; i++)
		c = strcmp(steps[g->steps.items[x->first + i]].division_id,
			   steps[g->steps.items[y->first + i]].division_id);
	if (c)
		return c;
	return x->count < y->count ? -1 : x->count > y->count;
}

static int by_group_key(const void *a, const void *b, void *ctx)
{
	const struct grants *g = ctx;
	uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	int c = cmp_divisions(g, &g->units.items[ia], &g->units.items[ib]);

	if (c)
		return c;
	return ia < ib ? -1 : ia > ib;
}

static int cmp_bundle(const struct grants *g, uint32_t a, uint32_t b)
{
	const struct grant_person *x = &g->people.items[a], *y = &g->people.items[b];

	if (x->unit_count != y->unit_count)
		return x->unit_count < y->unit_count ? -1 : 1;
	for (uint32_t i = 0; i < x->unit_count; i++) {
		uint32_t gx = g->units.items[x->first_unit + i].group;
		uint32_t gy = g->units.items[y->first_unit + i].group;

		if (gx != gy)
			return gx < gy ? -1 : 1;
	}
	return 0;
}

static int by_bundle(const void *a, const void *b, void *ctx)
{
	uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	int c = cmp_bundle(ctx, ia, ib);

	if (c)
		return c;
	return ia < ib ? -1 : ia > ib;
}

static void collect_units(struct grants *g, const unsigned char *blocked)
{
	const struct plan *plan = g->plan;
	const struct step *before = NULL;

	for (size_t i = 0; i < plan->steps.count; i++)
		if (plan->steps.items[i].kind == STEP_GRANT &&
		    !(blocked && blocked[plan->steps.items[i].person]))
			vec_push(&g->steps, (uint32_t)i);
	if (g->steps.count)
		qsort_r(g->steps.items, g->steps.count, sizeof(uint32_t), by_person_role,
			(void *)plan);
	for (uint32_t i = 0; i < g->steps.count; i++) {
		const struct step *step = &plan->steps.items[g->steps.items[i]];
		bool other = !before || before->person != step->person;

		if (other)
			vec_push(&g->people,
				 ((struct grant_person){ (uint32_t)g->units.count, 0, 0, false }));
		if (other || strcmp(before->item_id, step->item_id) != 0) {
			vec_push(&g->units,
				 ((struct grant_unit){ (uint32_t)g->people.count - 1, i, 0, 0 }));
			g->people.items[g->people.count - 1].unit_count++;
		}
		before = step;
		g->units.items[g->units.count - 1].count++;
		g->people.items[g->people.count - 1].step_count++;
	}
}

static void form_groups(struct grants *g)
{
	g->by_group = mem_array(g->units.count, sizeof(*g->by_group));
	for (uint32_t i = 0; i < g->units.count; i++)
		g->by_group[i] = i;
	qsort_r(g->by_group, g->units.count, sizeof(uint32_t), by_group_key, g);
	for (uint32_t i = 0; i < g->units.count; i++) {
		struct grant_unit *unit = &g->units.items[g->by_group[i]];

		if (!i || cmp_divisions(g, &g->units.items[g->by_group[i - 1]], unit))
			vec_push(&g->groups, ((struct grant_group){ 0 }));
		unit->group = (uint32_t)g->groups.count - 1;
		g->groups.items[unit->group].people++;
	}
	g->bundles = mem_array(g->people.count, sizeof(*g->bundles));
	for (uint32_t i = 0; i < g->people.count; i++)
		g->bundles[i] = i;
	qsort_r(g->bundles, g->people.count, sizeof(uint32_t), by_bundle, g);
}

static long ceil_div(long n, long by)
{
	return (n + by - 1) / by;
}

/* Calls saved when `count` people of this one's bundle get a bulkadd each. */
static long saved(const struct grants *g, const struct grant_person *person, long count)
{
	long most = api_op(API_ROLE_GRANT)->batch_max;
	long sum = -count * ceil_div(person->step_count, api_op(API_SUBJECT_BULKADD)->batch_max);

	for (uint32_t i = 0; i < person->unit_count; i++) {
		long n = g->groups.items[g->units.items[person->first_unit + i].group].people;

		sum += ceil_div(n, most) - ceil_div(n - count, most);
	}
	return sum;
}

static void take_bulk(struct grants *g, struct grant_person *person)
{
	person->bulk = true;
	for (uint32_t i = 0; i < person->unit_count; i++)
		g->groups.items[g->units.items[person->first_unit + i].group].people--;
}

/* One bundle: all of its people together, else the few that save by themselves. */
static bool improve_bundle(struct grants *g, const uint32_t *people, size_t count)
{
	bool changed = false;
	long left = 0;

	for (size_t i = 0; i < count; i++)
		left += !g->people.items[people[i]].bulk;
	if (left && saved(g, &g->people.items[people[0]], left) > 0) {
		for (size_t i = 0; i < count; i++)
			if (!g->people.items[people[i]].bulk)
				take_bulk(g, &g->people.items[people[i]]);
		return true;
	}
	for (size_t i = 0; i < count; i++) {
		struct grant_person *person = &g->people.items[people[i]];

		if (person->bulk)
			continue;
		/* All of the rest are alike: when one does not save, none does. */
		if (saved(g, person, 1) <= 0)
			break;
		take_bulk(g, person);
		changed = true;
	}
	return changed;
}

/* From role calls for everybody, greedily to bulkadds while calls are saved. */
static void choose(struct grants *g)
{
	long roles = 0, bulk = 0;
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t at = 0, end; at < g->people.count; at = end) {
			for (end = at + 1; end < g->people.count; end++)
				if (cmp_bundle(g, g->bundles[at], g->bundles[end]))
					break;
			changed |= improve_bundle(g, g->bundles + at, end - at);
		}
	}
	/* Steps that each save nothing may do so together: bulkadds for all are the other end. */
	for (size_t i = 0; i < g->groups.count; i++)
		roles += ceil_div(g->groups.items[i].people, api_op(API_ROLE_GRANT)->batch_max);
	for (size_t i = 0; i < g->people.count; i++)
		if (!g->people.items[i].bulk)
			bulk += ceil_div(g->people.items[i].step_count,
					 api_op(API_SUBJECT_BULKADD)->batch_max);
	for (size_t i = 0; bulk < roles && i < g->people.count; i++)
		g->people.items[i].bulk = true;
}

static void emit_role_calls(struct maker *m, struct grants *g)
{
	unsigned most = api_op(API_ROLE_GRANT)->batch_max, people = 0;
	uint32_t group = UINT32_MAX;
	VEC(uint32_t) steps = { 0 };

	for (size_t i = 0; i < g->units.count; i++) {
		const struct grant_unit *unit = &g->units.items[g->by_group[i]];

		if (g->people.items[unit->person].bulk)
			continue;
		if (steps.count && (unit->group != group || people == most)) {
			emit(m, API_ROLE_GRANT, steps.items, (unsigned)steps.count);
			steps.count = 0;
			people = 0;
		}
		group = unit->group;
		people++;
		for (uint32_t s = 0; s < unit->count; s++)
			vec_push(&steps, g->steps.items[unit->first + s]);
	}
	if (steps.count)
		emit(m, API_ROLE_GRANT, steps.items, (unsigned)steps.count);
	vec_release(&steps);
}

static void make_grants(struct maker *m)
{
	struct grants g = { .plan = m->plan };

	if (step_row(STEP_GRANT)->wave != m->wave)
		return;
	collect_units(&g, m->blocked);
	if (g.steps.count) {
		form_groups(&g);
		choose(&g);
		emit_role_calls(m, &g);
		for (size_t i = 0; i < g.people.count; i++) {
			const struct grant_person *person = &g.people.items[i];

			if (person->bulk)
				emit_chunks(m, API_SUBJECT_BULKADD,
					    g.steps.items +
						    g.units.items[person->first_unit].first,
					    person->step_count);
		}
	}
	vec_release(&g.steps);
	vec_release(&g.units);
	vec_release(&g.groups);
	vec_release(&g.people);
	mem_free(g.by_group);
	mem_free(g.bundles);
}

void calls_make(const struct plan *plan, unsigned wave, const unsigned char *blocked,
		struct arena *mem, struct calls *calls)
{
	struct maker m = { plan, wave, blocked, mem, calls };

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
	make_grants(&m);
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
