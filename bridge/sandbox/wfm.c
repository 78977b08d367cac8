/* Management units and work plans of work-force management (facts, section 9). */
#include <stdio.h>
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

#define UNIT_AGENTS_MAX 1500 /* (facts, section 9) */
#define WEEKS_MAX 53

static const struct item *unit_of(const struct call *call, const struct user *user)
{
	return user->unit == NONE ? NULL : call->store->kinds[ITEM_UNIT].items[user->unit];
}

static void write_id(struct json_out *out, const char *key, const char *id)
{
	json_out_key(out, key);
	json_out_object(out);
	json_out_member(out, "id", id);
	json_out_object_end(out);
}

static void write_business_unit(struct json_out *out, const struct item *unit)
{
	if (unit->business_unit)
		write_id(out, "businessUnit", unit->business_unit);
}

/* ---- read ---- */

/* All units: "paging is not supported" (contract). */
void op_units(struct call *call)
{
	const struct items *units = &call->store->kinds[ITEM_UNIT];
	const struct items *divisions = &call->store->kinds[ITEM_DIVISION];
	struct page page = { .size = 1, .number = 1, .total = 1 };
	struct json_out *out = &call->out;

	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = 0; i < units->count; i++) {
		const struct item *unit = units->items[i];

		json_out_object(out);
		json_out_member(out, "id", unit->id);
		json_out_member(out, "name", unit->name);
		write_business_unit(out, unit);
		if (unit->division != NONE)
			write_id(out, "division", divisions->items[unit->division]->id);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	page.size = units->count ? (unsigned)units->count : 1;
	page.total = units->count;
	page_write(call, &page, PAGE_COUNTS_ONLY);
	json_out_object_end(out);
}

void op_work_plans(struct call *call)
{
	const struct item *unit = call_item(call, ITEM_UNIT, call->ids[0]);
	const struct items *plans = &call->store->kinds[ITEM_WORK_PLAN];
	struct json_out *out = &call->out;

	if (!unit)
		return;
	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = 0; i < plans->count; i++) {
		if (plans->items[i]->unit != unit->number)
			continue;
		json_out_object(out);
		json_out_member(out, "id", plans->items[i]->id);
		json_out_member(out, "name", plans->items[i]->name);
		json_out_key(out, "enabled");
		json_out_bool(out, true);
		json_out_key(out, "metadata");
		json_out_object(out);
		json_out_member_int(out, "version", plans->items[i]->version);
		json_out_object_end(out);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	json_out_object_end(out);
}

void op_unit_users(struct call *call)
{
	const struct item *unit = call_item(call, ITEM_UNIT, call->ids[0]);
	struct json_out *out = &call->out;

	if (!unit)
		return;
	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = 0; i < unit->members.count; i++) {
		json_out_object(out);
		json_out_member(out, "id",
				call->store->users.items[unit->members.items[i]]->id);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	json_out_object_end(out);
}

void op_unit_of(struct call *call)
{
	const struct user *user = call_user(call, call->ids[0]);
	const struct item *unit = user ? unit_of(call, user) : NULL;
	struct json_out *out = &call->out;

	if (!user)
		return;
	if (!unit) {
		refuse_platform(call, 404, "not.found", "agent %s is in no management unit",
				user->id);
		return;
	}
	answer_begin(call, 200);
	json_out_object(out);
	write_id(out, "user", user->id);
	write_id(out, "managementUnit", unit->id);
	write_business_unit(out, unit);
	json_out_object_end(out);
}

static bool is_date(const char *text)
{
	if (strlen(text) != 10)
		return false;
	for (int i = 0; i < 10; i++)
		if (i == 4 || i == 7 ? text[i] != '-' : text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

/* The agents' plans: for each a key for every week, and what the keys stand for. */
static void write_plans(struct call *call, const struct item *unit, const json_t *ids,
			unsigned weeks)
{
	struct json_out *out = &call->out;

	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const struct user *user = store_user(
			call->store, slice_str(json_string_value(json_array_get(ids, i))));

		if (!user || user->unit != unit->number)
			continue;
		json_out_object(out);
		write_id(out, "user", user->id);
		json_out_key(out, "workPlanLookupKeysPerWeek");
		json_out_array(out);
		for (unsigned week = 0; week < weeks && user->work_plan != NONE; week++)
			json_out_int(out, user->work_plan);
		json_out_array_end(out);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void write_lookup(struct call *call, const struct item *unit)
{
	const struct items *plans = &call->store->kinds[ITEM_WORK_PLAN];
	struct json_out *out = &call->out;
	char key[24];

	json_out_key(out, "workPlanLookup");
	json_out_object(out);
	for (size_t i = 0; i < plans->count; i++) {
		if (plans->items[i]->unit != unit->number)
			continue;
		snprintf(key, sizeof(key), "%zu", i);
		json_out_key(out, key);
		json_out_object(out);
		json_out_member(out, "id", plans->items[i]->id);
		write_id(out, "managementUnit", unit->id);
		json_out_object_end(out);
	}
	json_out_object_end(out);
}

void op_work_plans_query(struct call *call)
{
	static const char *const names[] = { "agentIds", "startDate", "weekCount", NULL };
	const struct item *unit = call_item(call, ITEM_UNIT, call->ids[0]);
	const json_t *ids = json_object_get(call->body, "agentIds");
	struct json_out *out = &call->out;
	const char *start;
	unsigned weeks;

	if (!unit || !body_members(call, call->body, names, "the body") ||
	    !body_texts(call, ids, "agentIds", switched(call, SWITCH_CAP_PLANS)) ||
	    !body_text(call, call->body, "startDate", "the body", &start) ||
	    !body_number(call, call->body, "weekCount", 0, 1, WEEKS_MAX, &weeks))
		return;
	if (!is_date(start) || !weeks) {
		refuse_platform(call, 400, is_date(start) ? "bad.request" : "invalid.date",
				"startDate must be yyyy-MM-dd, weekCount must be given");
		return;
	}
	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "result");
	json_out_object(out);
	write_plans(call, unit, ids, weeks);
	json_out_member(out, "referenceStartWeekDate", start);
	write_lookup(call, unit);
	json_out_object_end(out);
	json_out_object_end(out);
}

/* ---- move ---- */

/* The unit somebody is on the way to; false = no move is pending. */
static bool pending_unit(const struct store *store, const struct user *user, uint32_t *ret)
{
	bool found = false;

	for (size_t i = 0; i < store->pending.count; i++) {
		const struct pending *p = &store->pending.items[i];

		if (p->kind == ITEM_UNIT && p->user == user->number) {
			*ret = p->item;
			found = true;
		}
	}
	return found;
}

/* What a move of one agent comes to (MoveAgentResponse); `unit` NULL = out of any. */
static const char *move_result(const struct call *call, const struct user *user,
			       const struct item *unit, size_t coming)
{
	uint32_t wanted = unit ? unit->number : NONE, pending;

	if (pending_unit(call->store, user, &pending))
		return pending == wanted ? "AlreadyMoved" : "MovingToDifferentManagementUnit";
	if (user->unit == wanted)
		return unit ? "AlreadyMoved" : "NothingToDo";
	if (unit && unit->members.count + coming >= UNIT_AGENTS_MAX)
		return "DestinationManagementUnitAgentLimitExceeded";
	return "MoveSuccessful";
}

/* Answer for each agent; those that move are pending afterwards, and in their lag. */
static void move_agents(struct call *call, const json_t *ids, const struct item *unit,
			bool unknown)
{
	int64_t due_us = call->mono_us + call->sandbox->options.lag_ms * INT64_C(1000);
	struct json_out *out = &call->out;
	size_t coming = 0;

	json_out_key(out, "results");
	json_out_array(out);
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const struct user *user = store_user(
			call->store, slice_str(json_string_value(json_array_get(ids, i))));
		const char *result =
			unknown ? "DestinationManagementUnitDoesNotExist" :
				  move_result(call, user, unit, coming);

		if (!strcmp(result, "MoveSuccessful")) {
			vec_push(&call->store->pending,
				 ((struct pending){ due_us, ITEM_UNIT,
						    unit ? unit->number : NONE, user->number,
						    true, call->never }));
			coming++;
		}
		json_out_object(out);
		write_id(out, "user", user->id);
		json_out_member(out, "result", result);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

void op_unit_move(struct call *call)
{
	static const char *const names[] = { "userIds", "destinationManagementUnitId", NULL };
	const json_t *ids = json_object_get(call->body, "userIds");
	const json_t *wanted = json_object_get(call->body, "destinationManagementUnitId");
	const struct item *unit = NULL;

	if (!body_members(call, call->body, names, "the body") ||
	    !body_texts(call, ids, "userIds", switched(call, SWITCH_CAP_MOVE)))
		return;
	if (wanted && !json_is_null(wanted) && !json_is_string(wanted)) {
		refuse_platform(call, 400, "bad.request",
				"destinationManagementUnitId must be text or null");
		return;
	}
	for (size_t i = 0; i < json_array_size(ids); i++)
		if (!call_user(call, slice_str(json_string_value(json_array_get(ids, i)))))
			return;
	if (json_is_string(wanted))
		unit = store_item(call->store, ITEM_UNIT,
				  slice_str(json_string_value(wanted)));
	answer_begin(call, 202);
	json_out_object(&call->out);
	if (unit)
		write_id(&call->out, "destinationManagementUnit", unit->id);
	move_agents(call, ids, unit, json_is_string(wanted) && !unit);
	json_out_object_end(&call->out);
	if (switched(call, SWITCH_MOVE_ANSWER))
		answer_empty(call, 202);
	store_settle(call->store, call->mono_us);
}

/* ---- work plans ---- */

struct assignment {
	const char *user_id, *plan_id; /* plan NULL = clear */
	bool stated;
};

/* {userId, workPlanId: {value}}: absent = leave, value null = clear (facts, section 9). */
static bool read_assignment(struct call *call, const json_t *json, struct assignment *ret)
{
	static const char *const names[] = { "userId", "workPlanId", NULL };
	static const char *const wrapper[] = { "value", NULL };
	const json_t *plan = json_object_get(json, "workPlanId");
	const json_t *value = json_object_get(plan, "value");

	if (!body_members(call, json, names, "an entity") ||
	    !body_text(call, json, "userId", "an entity", &ret->user_id) ||
	    (plan && !body_members(call, plan, wrapper, "workPlanId")))
		return false;
	if (value && !json_is_null(value) && !json_is_string(value)) {
		refuse_platform(call, 400, "bad.request",
				"value of workPlanId must be text or null");
		return false;
	}
	ret->stated = value && (!json_is_null(value) || !switched(call, SWITCH_PLAN_NULL));
	ret->plan_id = json_string_value(value);
	return true;
}

/* NULL when it was done. */
static const char *assign(struct call *call, const struct item *unit,
			  const struct assignment *one)
{
	struct user *user = store_user(call->store, slice_str(one->user_id));
	struct item *plan = NULL;

	if (!user || user->unit != unit->number)
		return "AgentNotInManagementUnit";
	if (one->plan_id) {
		plan = store_item(call->store, ITEM_WORK_PLAN, slice_str(one->plan_id));
		if (!plan || plan->unit != unit->number)
			return "WorkPlanNotFound";
	}
	if (one->stated)
		store_set_work_plan(call->store, user, plan);
	return NULL;
}

static void assign_all(struct call *call, const struct item *unit,
		       const struct assignment *all, size_t count)
{
	struct json_out *out = &call->out;

	json_out_key(out, "failures");
	json_out_array(out);
	for (size_t i = 0; i < count; i++) {
		const char *failure = assign(call, unit, &all[i]);

		if (!failure)
			continue;
		json_out_object(out);
		write_id(out, "user", all[i].user_id);
		json_out_member(out, "failure", failure);
		if (!strcmp(failure, "WorkPlanNotFound"))
			json_out_member(out, "notFoundWorkPlanId", all[i].plan_id);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

void op_work_plans_patch(struct call *call)
{
	static const char *const names[] = { "entities", NULL };
	const struct item *unit = call_item(call, ITEM_UNIT, call->ids[0]);
	const json_t *entities = json_object_get(call->body, "entities");
	unsigned most = switched(call, SWITCH_CAP_PLANS);
	struct assignment *all;
	size_t count = json_array_size(entities);

	if (!unit || !body_members(call, call->body, names, "the body"))
		return;
	if ((entities && !json_is_array(entities)) || count > most) {
		refuse_platform(call, 400, "bad.request", "entities must be an array of at "
				"most %u", most);
		return;
	}
	all = arena_array(&call->mem, count + 1, sizeof(*all));
	for (size_t i = 0; i < count; i++)
		if (!read_assignment(call, json_array_get(entities, i), &all[i]))
			return;
	answer_begin(call, 200);
	json_out_object(&call->out);
	assign_all(call, unit, all, count);
	json_out_object_end(&call->out);
}
