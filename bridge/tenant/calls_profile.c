#include "bridge/tenant/calls_impl.h"

#include "scim/message.h"

#include "scim/base/banned.h"

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

void calls_write_patch(const struct plan *plan, const struct call *call,
			struct json_out *out)
{
	struct scim_patch_op *ops = mem_array(call->step_count, sizeof(*ops));

	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = calls_step(plan, call->steps[i]);

		ops[i] = call_patch_op(step);
		if (step->kind == STEP_MANAGER) {
			ops[i].op = SCIM_OP_REPLACE;
			ops[i].field.value = calls_account(plan, step->manager - 1);
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
		const struct step *step = calls_step(plan, call->steps[i]);

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
		if (calls_step(plan, call->steps[i])->kind == kind)
			return true;
	return false;
}

/* Profile fields of a new account in canonical order; returns how many. */
static size_t create_fields(const struct plan *plan, const struct call *call,
			    struct scim_field *fields)
{
	size_t count = 0;

	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = calls_step(plan, call->steps[i]);

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

void calls_write_create(const struct plan *plan, const struct call *call,
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
