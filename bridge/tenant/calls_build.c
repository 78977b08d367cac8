#include "bridge/tenant/calls_impl.h"

#include <assert.h>
#include <string.h>

#include "scim/base/banned.h"

#define TYPE_JSON "application/json"
#define TYPE_SCIM "application/scim+json"

const struct step *calls_step(const struct plan *plan, uint32_t index)
{
	assert(index < plan->steps.count);
	return &plan->steps.items[index];
}

const char *calls_account(const struct plan *plan, uint32_t person)
{
	const char *id = plan->people.items[person].account_id;

	return id ? id : CALLS_NO_ACCOUNT;
}

/* [{id, proficiency}] of skills or languages. */
static void write_levels(const struct plan *plan, const struct call *call,
			 struct json_out *out)
{
	json_out_array(out);
	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = calls_step(plan, call->steps[i]);

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
		uint32_t person = calls_step(plan, call->steps[i])->person;

		if (person == before)
			continue;
		before = person;
		if (objects) {
			json_out_object(out);
			json_out_member(out, "id", calls_account(plan, person));
			json_out_object_end(out);
		} else {
			json_out_text(out, calls_account(plan, person));
		}
	}
	json_out_array_end(out);
}

/* All people of the call have the divisions of the first. */
static void write_role_grant(const struct plan *plan, const struct call *call,
			     struct json_out *out)
{
	uint32_t first = calls_step(plan, call->steps[0])->person;

	json_out_object(out);
	json_out_key(out, "subjectIds");
	write_accounts(plan, call, false, out);
	json_out_key(out, "divisionIds");
	json_out_array(out);
	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = calls_step(plan, call->steps[i]);

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
		const struct step *step = calls_step(plan, call->steps[i]);

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
	const struct step *step = calls_step(plan, call->steps[0]);

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
		const struct step *step = calls_step(plan, call->steps[i]);

		json_out_object(out);
		json_out_member(out, "userId", calls_account(plan, step->person));
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
		const char *id = calls_account(plan, calls_step(plan, call->steps[i])->person);

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
		calls_write_create(plan, call, out);
		break;
	case API_SCIM_PATCH:
		calls_write_patch(plan, call, out);
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
	const struct step *step = calls_step(plan, call->steps[0]);
	const char *account = calls_account(plan, step->person);

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
