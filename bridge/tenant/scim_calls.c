/*
 * Steps to calls of RFC 7644: one POST or PATCH a person and wave, one call a group and wave.
 */
#include "bridge/tenant/scim_calls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/tenant/calls.h"

#include "scim/base/banned.h"

/* A profile, or the members of one request. Values are bounded where they are read. */
#define BODY_BYTES_MAX (16u << 20)

static const struct step *step_at(const struct plan *plan, uint32_t index)
{
	assert(index < plan->steps.count);
	return &plan->steps.items[index];
}

/* In an estimate any id will do. */
static const char *account_id(const struct plan *plan, uint32_t person)
{
	const char *id = plan->people.items[person].account_id;

	return id ? id : CALLS_NO_ACCOUNT;
}

bool service_is_new(const char *group_id)
{
	return strncmp(group_id, ITEM_NEW, sizeof(ITEM_NEW) - 1) == 0;
}

/* ---- a user ---- */

void service_user_ops(const struct plan *plan, const uint32_t *steps, unsigned count,
		      struct scim_patch_op *ret)
{
	for (unsigned i = 0; i < count; i++) {
		const struct step *step = step_at(plan, steps[i]);

		ret[i] = call_patch_op(step);
		if (step->kind == STEP_MANAGER) {
			ret[i].op = SCIM_OP_REPLACE;
			ret[i].field.value = account_id(plan, step->manager - 1);
		}
		/* The RFC has a replace of nothing for an add; not all services do. */
		if (ret[i].op == SCIM_OP_REPLACE && !step->old_text)
			ret[i].op = SCIM_OP_ADD;
	}
}

static const char *op_name(const struct service_profile *profile, enum scim_op op)
{
	static const char *const names[] = { "add", "replace", "remove" };
	static const char *const titles[] = { "Add", "Replace", "Remove" };

	return profile->op_title_case ? titles[op] : names[op];
}

/* Some want a dot between the URN of an extension and the name. */
static void make_path(const struct service_profile *profile, const struct scim_patch_op *op,
		      struct buf *path)
{
	static const char urn[] = SCIM_URN_ENTERPRISE ":";

	buf_clear(path);
	scim_patch_path(op, path);
	/* A manager is an object, and there may be none yet that ".value" could be in. */
	if (op->field.attr == SCIM_ATTR_MANAGER)
		path->data[path->len -= sizeof(".value") - 1] = '\0';
	if (profile->extension_dot && path->len > sizeof(urn) - 1 &&
	    !memcmp(path->data, urn, sizeof(urn) - 1))
		path->data[sizeof(urn) - 2] = '.';
}

static void write_value(const struct scim_patch_op *op, struct json_out *out)
{
	if (op->field.attr == SCIM_ATTR_MANAGER) {
		json_out_object(out);
		json_out_member(out, "value", op->field.value);
		json_out_object_end(out);
	} else {
		scim_value_write((enum scim_attr)op->field.attr, op->field.value, out);
	}
}

static void begin_patch(struct json_out *out)
{
	json_out_object(out);
	json_out_key(out, "schemas");
	json_out_array(out);
	json_out_text(out, SCIM_URN_PATCH);
	json_out_array_end(out);
	json_out_key(out, "Operations");
	json_out_array(out);
}

static void end_patch(struct json_out *out)
{
	json_out_array_end(out);
	json_out_object_end(out);
}

static void write_op(const struct service_profile *profile, const struct scim_patch_op *op,
		     struct buf *path, struct json_out *out)
{
	enum scim_attr attr = (enum scim_attr)op->field.attr;

	make_path(profile, op, path);
	json_out_object(out);
	json_out_member(out, "op", op_name(profile, op->op));
	json_out_key(out, "path");
	json_out_slice(out, slice_of(path->data, path->len));
	if (op->op == SCIM_OP_ADD && scim_attr(attr)->multi) {
		json_out_key(out, "value");
		json_out_array(out);
		scim_element_write(&op->field, out);
		json_out_array_end(out);
	} else if (op->op != SCIM_OP_REMOVE) {
		json_out_key(out, "value");
		write_value(op, out);
	}
	json_out_object_end(out);
}

/* {"op": "replace", "value": {...}}: names with dots, or an object in an object. */
static void write_pathless(const struct service_profile *profile,
			   const struct scim_patch_op *ops, unsigned count,
			   struct buf *path, struct json_out *out)
{
	json_out_object(out);
	json_out_member(out, "op", op_name(profile, SCIM_OP_REPLACE));
	json_out_key(out, "value");
	if (profile->path_form == PATH_DOTTED) {
		json_out_object(out);
		for (unsigned i = 0; i < count; i++) {
			make_path(profile, &ops[i], path);
			json_out_key(out, path->data);
			write_value(&ops[i], out);
		}
		json_out_object_end(out);
	} else {
		struct scim_field *fields = mem_array(count, sizeof(*fields));

		for (unsigned i = 0; i < count; i++)
			fields[i] = ops[i].field;
		json_out_object(out);
		scim_fields_write_members(fields, scim_fields_sort(fields, count), out);
		json_out_object_end(out);
		mem_free(fields);
	}
	json_out_object_end(out);
}

bool service_can_patch(const struct service_profile *profile, const struct scim_patch_op *ops,
		       unsigned count)
{
	if (!profile->patch)
		return false;
	for (unsigned i = 0; profile->path_form != PATH_EACH && i < count; i++)
		if (ops[i].op == SCIM_OP_REMOVE ||
		    scim_attr((enum scim_attr)ops[i].field.attr)->multi)
			return false; /* that can't be said without a path */
	return profile->path_form != PATH_EACH || !profile->patch_ops_max ||
	       count <= profile->patch_ops_max;
}

void service_user_patch(const struct service_profile *profile, const struct scim_patch_op *ops,
			unsigned count, struct json_out *out)
{
	struct buf path;

	/* Escaped, a byte of a key takes six at most. */
	buf_init(&path, 6 * SCIM_VALUE_BYTES_MAX + 1024);
	begin_patch(out);
	if (profile->path_form == PATH_EACH)
		for (unsigned i = 0; i < count; i++)
			write_op(profile, &ops[i], &path, out);
	else
		write_pathless(profile, ops, count, &path, out);
	end_patch(out);
	assert(!buf_failed(&path));
	buf_release(&path);
}

/* ---- a group ---- */

static void write_member_values(const struct plan *plan, const uint32_t *steps, unsigned count,
				struct json_out *out)
{
	json_out_array(out);
	for (unsigned i = 0; i < count; i++) {
		if (step_at(plan, steps[i])->kind == STEP_GROUP_CREATE)
			continue;
		json_out_object(out);
		json_out_member(out, "value", account_id(plan, step_at(plan, steps[i])->person));
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void write_member_filter(const struct service_profile *profile, const char *id,
				struct json_out *out)
{
	struct buf path;

	buf_init(&path, BODY_BYTES_MAX);
	buf_addstr(&path, "members[");
	scim_filter_quote(&path, "value", "eq", slice_str(id));
	buf_addch(&path, ']');
	json_out_object(out);
	json_out_member(out, "op", op_name(profile, SCIM_OP_REMOVE));
	json_out_member(out, "path", path.data);
	json_out_object_end(out);
	buf_release(&path);
}

void service_group_patch(const struct service_profile *profile, const struct plan *plan,
			 const uint32_t *steps, unsigned count, struct json_out *out)
{
	bool removes = step_at(plan, steps[0])->kind == STEP_GROUP_REMOVE;

	begin_patch(out);
	if (removes && profile->member_filter) {
		for (unsigned i = 0; i < count; i++)
			write_member_filter(profile,
					    account_id(plan, step_at(plan, steps[i])->person),
					    out);
	} else {
		json_out_object(out);
		json_out_member(out, "op", op_name(profile, removes ? SCIM_OP_REMOVE
								     : SCIM_OP_ADD));
		json_out_member(out, "path", "members");
		json_out_key(out, "value");
		write_member_values(plan, steps, count, out);
		json_out_object_end(out);
	}
	end_patch(out);
}

void service_group_create(const struct plan *plan, const uint32_t *steps, unsigned count,
			  struct json_out *out)
{
	json_out_object(out);
	json_out_key(out, "schemas");
	json_out_array(out);
	json_out_text(out, SCIM_URN_GROUP);
	json_out_array_end(out);
	json_out_member(out, "displayName", step_at(plan, steps[0])->name);
	json_out_key(out, "members");
	write_member_values(plan, steps, count, out);
	json_out_object_end(out);
}

unsigned service_group_batch(const struct service_profile *profile, enum step_kind kind)
{
	unsigned most = profile->member_max;

	/* One operation each. */
	if (kind == STEP_GROUP_REMOVE && profile->member_filter && profile->patch_ops_max &&
	    profile->patch_ops_max < most)
		most = profile->patch_ops_max;
	return most;
}

/* ---- the calls of a wave ---- */

struct maker {
	const struct service_profile *profile;
	const struct plan *plan;
	unsigned wave;
	const unsigned char *blocked;
	struct arena *mem;
	struct calls *calls;
	uint32_t *steps; /* of one person; reused */
	struct buf body;
};

static void emit(struct maker *m, enum api_op op, const uint32_t *steps, unsigned count,
		 const char *id, unsigned more)
{
	uint32_t *copy = arena_array(m->mem, count, sizeof(*copy));
	struct call call = { .op = (uint16_t)op, .steps = copy, .step_count = count,
			     .path_ids = { id }, .more = more };

	memcpy(copy, steps, count * sizeof(*copy));
	if (m->body.len)
		call.body = slice_of(arena_strndup(m->mem, m->body.data, m->body.len),
				     m->body.len);
	buf_clear(&m->body);
	vec_push(m->calls, call);
}

/* Profile fields of a new account in canonical order; returns how many. */
static size_t create_fields(const struct plan *plan, const uint32_t *steps, unsigned count,
			    struct scim_field *fields)
{
	size_t n = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct step *step = step_at(plan, steps[i]);

		if (step->kind == STEP_CREATE)
			fields[n++] = (struct scim_field){ SCIM_ATTR_USER_NAME, NULL,
							   step->new_text };
		else if (step->new_text)
			fields[n++] = (struct scim_field){ (uint16_t)step->attr, step->key,
							   step->new_text };
	}
	fields[n++] = (struct scim_field){ SCIM_ATTR_ACTIVE, NULL, "true" };
	return scim_fields_sort(fields, n);
}

static void make_create(struct maker *m, unsigned count)
{
	struct scim_field *fields = mem_array(count + 1, sizeof(*fields));
	size_t n = create_fields(m->plan, m->steps, count, fields);
	struct json_out out;

	json_out_init(&out, &m->body);
	scim_fields_write(fields, n, &out);
	mem_free(fields);
	emit(m, API_STD_USER_CREATE, m->steps, count, NULL, 0);
}

static void make_change(struct maker *m, const struct plan_person *person, unsigned count)
{
	struct scim_patch_op *ops = mem_array(count, sizeof(*ops));
	const char *id = person->account_id ? person->account_id : CALLS_NO_ACCOUNT;
	bool patch;

	service_user_ops(m->plan, m->steps, count, ops);
	patch = service_can_patch(m->profile, ops, count);
	if (patch) {
		struct json_out out;

		json_out_init(&out, &m->body);
		service_user_patch(m->profile, ops, count, &out);
	}
	mem_free(ops);
	/* What is put is read first. */
	emit(m, patch ? API_STD_USER_PATCH : API_STD_USER_PUT, m->steps, count, id, !patch);
	m->calls->items[m->calls->count - 1].if_match = person->version;
}

/* An account that was to be made and was not: nobody can have it for a manager. */
static bool lacks_manager(const struct maker *m, const struct step *step)
{
	return step->kind == STEP_MANAGER &&
	       (!step->manager || (m->blocked && m->blocked[step->manager - 1] &&
				   !m->plan->people.items[step->manager - 1].account_id));
}

static bool is_profile(enum step_kind kind)
{
	return kind == STEP_DISABLE || kind == STEP_ENABLE || kind == STEP_SET ||
	       kind == STEP_RENAME || kind == STEP_MANAGER || kind == STEP_CREATE;
}

static void make_person(struct maker *m, const struct plan_person *person)
{
	unsigned count = 0;
	bool created = false;

	for (uint32_t i = 0; i < person->step_count; i++) {
		uint32_t index = person->first_step + i;
		const struct step *step = step_at(m->plan, index);

		if (step_row(step->kind)->wave != m->wave || !is_profile(step->kind) ||
		    lacks_manager(m, step))
			continue;
		created |= step->kind == STEP_CREATE;
		m->steps[count++] = index;
	}
	if (created)
		make_create(m, count);
	else if (count)
		make_change(m, person, count);
}

/* By group; what creates one comes before its members. */
static int by_group(const void *a, const void *b, void *ctx)
{
	const struct plan *plan = ctx;
	uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	const struct step *x = step_at(plan, ia), *y = step_at(plan, ib);
	int c = strcmp(x->item_id, y->item_id);

	if (c)
		return c;
	if (x->kind != y->kind)
		return x->kind == STEP_GROUP_CREATE ? -1 : 1;
	return ia < ib ? -1 : ia > ib;
}

/*
 * One call a group: its batches follow each other, since services that read, change and
 * write a group would lose one of two at once.
 */
static void emit_group(struct maker *m, enum step_kind kind, const uint32_t *steps,
		       unsigned count)
{
	const struct service_profile *profile = m->profile;
	const char *id = step_at(m->plan, steps[0])->item_id;
	unsigned batch = service_group_batch(profile, kind), more = (count - 1) / batch;
	bool patch = profile->patch &&
		     (kind != STEP_GROUP_REMOVE || profile->member_filter ||
		      profile->member_value);

	if (service_is_new(id))
		emit(m, API_STD_GROUP_CREATE, steps, count, NULL, more);
	else if (patch)
		emit(m, API_STD_GROUP_PATCH, steps, count, id, more);
	else
		emit(m, API_STD_GROUP_PUT, steps, count, id, 1);
}

static bool of_groups(enum step_kind kind, enum step_kind wanted)
{
	return kind == wanted || (wanted == STEP_GROUP_ADD && kind == STEP_GROUP_CREATE);
}

static void make_groups(struct maker *m, enum step_kind kind)
{
	const struct plan *plan = m->plan;
	VEC(uint32_t) steps = { 0 };

	if (step_row(kind)->wave != m->wave)
		return;
	for (size_t i = 0; i < plan->steps.count; i++)
		if (of_groups(plan->steps.items[i].kind, kind) &&
		    !(m->blocked && m->blocked[plan->steps.items[i].person]))
			vec_push(&steps, (uint32_t)i);
	if (steps.count)
		qsort_r(steps.items, steps.count, sizeof(uint32_t), by_group, (void *)plan);
	for (size_t at = 0, end; at < steps.count; at = end) {
		const char *item = step_at(plan, steps.items[at])->item_id;

		for (end = at + 1; end < steps.count; end++)
			if (strcmp(step_at(plan, steps.items[end])->item_id, item) != 0)
				break;
		emit_group(m, kind, steps.items + at, (unsigned)(end - at));
	}
	vec_release(&steps);
}

void service_calls_make(const struct service_profile *profile, const struct plan *plan,
			unsigned wave, const unsigned char *blocked, struct arena *mem,
			struct calls *calls)
{
	struct maker m = { .profile = profile, .plan = plan, .wave = wave, .blocked = blocked,
			   .mem = mem, .calls = calls };
	uint32_t most = 0;

	for (size_t p = 0; p < plan->people.count; p++)
		if (plan->people.items[p].step_count > most)
			most = plan->people.items[p].step_count;
	m.steps = mem_array(most, sizeof(*m.steps));
	buf_init(&m.body, BODY_BYTES_MAX);
	for (size_t p = 0; p < plan->people.count; p++)
		if (!(blocked && blocked[p]))
			make_person(&m, &plan->people.items[p]);
	make_groups(&m, STEP_GROUP_REMOVE);
	make_groups(&m, STEP_GROUP_ADD);
	buf_release(&m.body);
	mem_free(m.steps);
}

void service_make_calls(struct tenant *tenant, const struct plan *plan, unsigned wave,
			const unsigned char *blocked, struct arena *mem, struct calls *calls)
{
	service_calls_make(&((struct service *)tenant)->profile, plan, wave, blocked, mem,
			   calls);
}
