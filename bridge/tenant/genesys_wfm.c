/*
 * Teams, management units and work plans: catalogues, members, and the wait for moves.
 */
#include "bridge/tenant/genesys_read.h"

#include <stdio.h>
#include <string.h>

#include "bridge/plan/plan.h"

#include "scim/base/banned.h"

#define BODY_BYTES_MAX (1 << 20)

/* ---- lists that come whole ---- */

struct whole_list {
	struct genesys *g;
	enum api_op op;
	int (*entity)(void *ctx, struct json_in *in, struct err *err);
	/* Other members of the answer; NULL: skipped. */
	int (*member)(void *ctx, struct slice key, struct json_in *in, struct err *err);
	void *ctx;
	bool came; /* the list itself: an answer without it is none, not an empty list */
	struct err err;
};

static int read_object(struct whole_list *list, struct json_in *in, struct err *err)
{
	struct slice key;

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "entities")) {
			list->came = true;
			while (json_array_next(in))
				if (list->entity(list->ctx, in, err))
					return -1;
		} else if (slice_eq_str(key, "result") && json_peek(in) == JSON_IN_OBJECT) {
			if (read_object(list, in, err))
				return -1;
		} else if (slice_eq_str(key, "downloadUrl") && json_peek(in) == JSON_IN_TEXT) {
			return err_set(err, ERR_PROTOCOL, "the answer is to be fetched elsewhere, "
							  "which is not done");
		} else if (!list->member) {
			json_skip(in);
		} else if (list->member(list->ctx, key, in, err)) {
			return -1;
		}
	}
	return json_failed(in) ? -1 : 0;
}

static void list_done(void *ctx, const struct genesys_answer *answer)
{
	struct whole_list *list = ctx;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];
	struct json_in in;

	if (!genesys_ok(answer)) {
		list->err = answer->err;
		return;
	}
	json_open(&in, answer->body.data ? answer->body.data : "", answer->body.len, "", &mem,
		  &err);
	if (read_object(list, &in, &err) == 0 && !json_failed(&in) && !list->came)
		err_set(&err, ERR_PROTOCOL, "the answer has no entities");
	if (err.kind || json_close(&in))
		genesys_err(&list->err, list->op, answer->correlation_id, ERR_PROTOCOL,
			    err.kind ? err_format(&err, text, sizeof(text)) : "it can not be read");
	arena_release(&mem);
}

/* Several may be under way; genesys_wait ends them all. */
static void list_start(struct whole_list *list, const char *path_id, struct slice body)
{
	struct genesys_request request = genesys_request(list->op);

	request.path_ids[0] = path_id;
	request.body = body;
	request.content_type = body.len ? "application/json" : NULL;
	request.done = list_done;
	request.ctx = list;
	genesys_start(list->g, &request);
}

/* ---- catalogues ---- */

struct named_reader {
	struct present *present;
	enum catalogue_kind kind;
	uint32_t unit;
};

static int read_named(void *ctx, struct json_in *in, struct err *err)
{
	struct named_reader *reader = ctx;
	struct catalogue_item item = { .member_count = -1, .unit = reader->unit };
	struct slice key, id = { 0 }, name = { 0 };

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "id"))
			json_get_text(in, &id);
		else if (slice_eq_str(key, "name"))
			json_get_text(in, &name);
		else
			json_skip(in);
	}
	if (json_failed(in))
		return -1;
	if (!id.len || !name.len || !genesys_id_ok(id))
		return err_set(err, ERR_PROTOCOL, "a %s without id or name",
			       catalogue_kind_name(reader->kind));
	item.id = own(&reader->present->mem, id);
	item.name = own(&reader->present->mem, name);
	catalogue_add(&reader->present->catalogue, reader->kind, &item);
	return 0;
}

static int read_team(void *ctx, struct json_in *in, bool *ret_again, struct err *err)
{
	struct named_reader *reader = ctx;
	size_t before = reader->present->catalogue.kinds[CAT_TEAM].items.count;

	if (read_named(ctx, in, err))
		return -1;
	*ret_again = reader->present->catalogue.kinds[CAT_TEAM].items.count == before;
	return 0;
}

static int read_teams(struct genesys *g, struct present *present, struct err *err)
{
	struct named_reader reader = { present, CAT_TEAM, 0 };
	struct page_set set = {
		.op = API_TEAMS, .what = "teams", .size = api_op(API_TEAMS)->page_max, .total = -1,
		.cursor = "after", .entity = read_team, .ctx = &reader,
		.verdict = &present->verdict,
	};

	page_sets_read(g, &set, 1);
	if (!set.err.kind)
		return 0;
	*err = set.err;
	return -1;
}

/* All units, and then the plans of each: what they are called is not known before. */
static int read_units(struct genesys *g, struct present *present, struct err *err)
{
	struct catalogue *cat = &present->catalogue;
	struct named_reader units = { present, CAT_UNIT, 0 }, *plans;
	struct whole_list list = { .g = g, .op = API_UNITS, .entity = read_named, .ctx = &units };
	struct whole_list *lists;
	size_t count;

	list_start(&list, NULL, slice_of(NULL, 0));
	genesys_wait(g);
	*err = list.err;
	count = cat->kinds[CAT_UNIT].items.count;
	if (list.err.kind || !(present->kinds & 1u << ASSIGN_WORK_PLAN))
		return list.err.kind ? -1 : 0;
	plans = mem_array(count + 1, sizeof(*plans));
	lists = mem_array(count + 1, sizeof(*lists));
	for (uint32_t i = 0; i < count; i++) {
		plans[i] = (struct named_reader){ present, CAT_WORK_PLAN, i };
		lists[i] = (struct whole_list){ .g = g, .op = API_WORK_PLANS,
						.entity = read_named, .ctx = &plans[i] };
		list_start(&lists[i], cat->kinds[CAT_UNIT].items.items[i].id, slice_of(NULL, 0));
	}
	genesys_wait(g);
	for (size_t i = 0; i < count && !err->kind; i++)
		*err = lists[i].err;
	mem_free(plans);
	mem_free(lists);
	return err->kind ? -1 : 0;
}

int genesys_read_wfm_catalogue(struct genesys *g, struct present *present, struct err *err)
{
	if ((present->kinds & 1u << ASSIGN_TEAM) && read_teams(g, present, err))
		return -1;
	if (present->kinds & (1u << ASSIGN_UNIT | 1u << ASSIGN_WORK_PLAN))
		return read_units(g, present, err);
	return 0;
}

/* ---- members ---- */

struct member_reader {
	struct account_reader *accounts;
	struct held held;
	VEC(const char *) ids;  /* of a unit's people; in present->mem */
	/* Work plans: key of the week -> plan, and who had which key. */
	struct map plans;
	VEC(struct held_of) keys; /* held.item is the key */
};

static void add_member(struct member_reader *reader, struct slice id)
{
	uint64_t index;

	if (map_get(&reader->accounts->present->by_id, id, &index))
		vec_push(&reader->accounts->more,
			 ((struct held_of){ (uint32_t)index, reader->held }));
}

static int read_member(void *ctx, struct json_in *in, struct err *err)
{
	struct member_reader *reader = ctx;
	struct slice id = { 0 };

	genesys_read_member(in, "id", &id);
	if (json_failed(in))
		return -1;
	if (!id.len)
		return err_set(err, ERR_PROTOCOL, "a member without id");
	add_member(reader, id);
	vec_push(&reader->ids, own(&reader->accounts->present->mem, id));
	return 0;
}

static int read_team_member(void *ctx, struct json_in *in, bool *ret_again, struct err *err)
{
	*ret_again = false;
	return read_member(ctx, in, err);
}

/* Until somebody's answer came and was understood, whether they have a plan is not known. */
static void plan_unknown(struct present *present, uint32_t account, bool unknown)
{
	uint8_t bit = (uint8_t)(1u << ASSIGN_WORK_PLAN);

	if (unknown)
		present->accounts.items[account].unknown_kinds |= bit;
	else
		present->accounts.items[account].unknown_kinds &= (uint8_t)~bit;
}

/* {"user": {"id"}, "workPlanLookupKeysPerWeek": [key]}: one week was asked for. */
static int read_agent(void *ctx, struct json_in *in, struct err *err)
{
	struct member_reader *reader = ctx;
	struct held_of agent = { .held = reader->held };
	struct slice key, user = { 0 };
	int64_t number = -1;
	uint64_t index;

	(void)err;
	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "user"))
			genesys_read_member(in, "id", &user);
		else if (slice_eq_str(key, "workPlanLookupKeysPerWeek") &&
			 json_peek(in) == JSON_IN_ARRAY)
			while (json_array_next(in)) {
				if (json_peek(in) == JSON_IN_NULL)
					json_skip(in); /* no plan in that week */
				else
					json_get_int(in, &number);
			}
		else
			json_skip(in);
	}
	if (json_failed(in))
		return -1;
	if (number >= ITEM_ALL || !map_get(&reader->accounts->present->by_id, user, &index))
		return 0;
	agent.account = (uint32_t)index;
	if (number < 0) { /* answered: no plan */
		plan_unknown(reader->accounts->present, agent.account, false);
		return 0;
	}
	agent.held.item = (uint32_t)number;
	vec_push(&reader->keys, agent);
	return 0;
}

/* "workPlanLookup": {"7": {"id": ...}} */
static int read_lookup(void *ctx, struct slice name, struct json_in *in, struct err *err)
{
	struct member_reader *reader = ctx;
	const struct catalogue *cat = &reader->accounts->present->catalogue;
	struct slice key, id;

	(void)err;
	if (!slice_eq_str(name, "workPlanLookup") || json_peek(in) != JSON_IN_OBJECT) {
		json_skip(in);
		return 0;
	}
	while (json_object_next(in, &key)) {
		struct slice kept = slice_str(own(&reader->accounts->present->mem, key));

		id = slice_of(NULL, 0);
		genesys_read_member(in, "id", &id);
		if (!json_failed(in))
			map_set(&reader->plans, kept, find_id(cat, CAT_WORK_PLAN, id));
	}
	return json_failed(in) ? -1 : 0;
}

static void take_plans(struct member_reader *reader)
{
	char text[24];
	uint64_t plan;

	for (size_t i = 0; i < reader->keys.count; i++) {
		struct held_of held = reader->keys.items[i];

		snprintf(text, sizeof(text), "%u", held.held.item);
		if (!map_get(&reader->plans, slice_str(text), &plan) || plan == ITEM_NONE)
			continue;
		held.held.item = (uint32_t)plan;
		plan_unknown(reader->accounts->present, held.account, false);
		vec_push(&reader->accounts->more, held);
	}
}

static void release_members(struct member_reader *readers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		vec_release(&readers[i].ids);
		vec_release(&readers[i].keys);
		map_release(&readers[i].plans);
	}
	mem_free(readers);
}

static void spoil(struct present *present, const struct err *err, enum assign_kind kind)
{
	char text[ERR_FORMAT_MAX];

	if (!err->kind)
		return;
	verdict_spoil(&present->verdict, "%s", err_format(err, text, sizeof(text)));
	for (size_t i = 0; i < present->accounts.count; i++)
		present->accounts.items[i].unknown_kinds |= (uint8_t)(1u << kind);
}

static void read_team_members(struct account_reader *reader, const struct tenant_need *need)
{
	struct present *present = reader->present;
	const struct catalogue *cat = &present->catalogue;
	struct member_reader *readers = mem_array(need->team_count + 1, sizeof(*readers));
	struct page_set *sets = mem_array(need->team_count + 1, sizeof(*sets));

	for (unsigned i = 0; i < need->team_count; i++) {
		const struct catalogue_item *team = catalogue_item(cat, CAT_TEAM, need->teams[i]);

		readers[i].accounts = reader;
		readers[i].held = (struct held){ .kind = ASSIGN_TEAM, .item = need->teams[i] };
		sets[i] = (struct page_set){
			.op = API_TEAM_MEMBERS, .path_id = team->id,
			.what = arena_printf(&present->mem, "members of team %s", team->name),
			.size = api_op(API_TEAM_MEMBERS)->page_max, .total = -1,
			.cursor = "after", .entity = read_team_member, .ctx = &readers[i],
			.verdict = &present->verdict,
		};
	}
	page_sets_read(reader->g, sets, need->team_count);
	for (unsigned i = 0; i < need->team_count; i++)
		spoil(present, &sets[i].err, ASSIGN_TEAM);
	release_members(readers, need->team_count);
	mem_free(sets);
}

/* {"agentIds": [...], "startDate": "2026-01-01", "weekCount": 1} */
static struct slice plans_body(const struct member_reader *unit, size_t from, size_t count,
			       const char *today, struct arena *mem)
{
	struct json_out out;
	struct slice body;
	struct buf text;

	buf_init(&text, BODY_BYTES_MAX);
	json_out_init(&out, &text);
	json_out_object(&out);
	json_out_key(&out, "agentIds");
	json_out_array(&out);
	for (size_t i = from; i < from + count; i++)
		json_out_text(&out, unit->ids.items[i]);
	json_out_array_end(&out);
	json_out_member(&out, "startDate", today);
	json_out_member_int(&out, "weekCount", 1);
	json_out_object_end(&out);
	body = slice_of(arena_strndup(mem, text.data, text.len), text.len);
	buf_release(&text);
	return body;
}

static void read_plans_of(struct account_reader *reader, const struct member_reader *unit,
			  const char *id, uint32_t item)
{
	size_t most = api_op(API_WORK_PLANS_QUERY)->batch_max, count = unit->ids.count;
	struct member_reader *readers = mem_array(count / most + 2, sizeof(*readers));
	struct whole_list *lists = mem_array(count / most + 2, sizeof(*lists));
	struct arena mem = ARENA_INIT;
	size_t made = 0;
	uint64_t account;
	char today[21];

	for (size_t i = 0; i < count; i++)
		if (map_get(&reader->present->by_id, slice_str(unit->ids.items[i]), &account))
			plan_unknown(reader->present, (uint32_t)account, true);
	time_format(reader->present->time_s, today);
	today[10] = '\0';
	for (size_t at = 0; at < count; at += most, made++) {
		readers[made].accounts = reader;
		readers[made].held = (struct held){ .kind = ASSIGN_WORK_PLAN, .division = item };
		lists[made] = (struct whole_list){ .g = reader->g, .op = API_WORK_PLANS_QUERY,
						   .entity = read_agent, .member = read_lookup,
						   .ctx = &readers[made] };
		list_start(&lists[made], id,
			   plans_body(unit, at, count - at < most ? count - at : most, today, &mem));
	}
	genesys_wait(reader->g);
	for (size_t i = 0; i < made; i++) {
		take_plans(&readers[i]);
		spoil(reader->present, &lists[i].err, ASSIGN_WORK_PLAN);
	}
	release_members(readers, made);
	mem_free(lists);
	arena_release(&mem);
}

static void read_unit_members(struct account_reader *reader, const struct tenant_need *need)
{
	struct present *present = reader->present;
	const struct catalogue *cat = &present->catalogue;
	struct member_reader *readers = mem_array(need->unit_count + 1, sizeof(*readers));
	struct whole_list *lists = mem_array(need->unit_count + 1, sizeof(*lists));

	for (unsigned i = 0; i < need->unit_count; i++) {
		readers[i].accounts = reader;
		readers[i].held = (struct held){ .kind = ASSIGN_UNIT, .item = need->units[i] };
		lists[i] = (struct whole_list){ .g = reader->g, .op = API_UNIT_USERS,
						.entity = read_member, .ctx = &readers[i] };
		list_start(&lists[i], catalogue_item(cat, CAT_UNIT, need->units[i])->id,
			   slice_of(NULL, 0));
	}
	genesys_wait(reader->g);
	for (unsigned i = 0; i < need->unit_count; i++) {
		spoil(present, &lists[i].err, ASSIGN_UNIT);
		spoil(present, &lists[i].err, ASSIGN_WORK_PLAN); /* whose plans were not asked for */
		if (present->kinds & 1u << ASSIGN_WORK_PLAN)
			read_plans_of(reader, &readers[i],
				      catalogue_item(cat, CAT_UNIT, need->units[i])->id,
				      need->units[i]);
	}
	release_members(readers, need->unit_count);
	mem_free(lists);
}

void genesys_read_wfm_sides(struct account_reader *reader, const struct tenant_need *need)
{
	if (need->team_count)
		read_team_members(reader, need);
	if (need->unit_count)
		read_unit_members(reader, need);
}

/* ---- waiting for moves ---- */

struct seen_reader {
	struct map ids; /* who is in the unit */
	struct arena mem;
};

static int read_seen(void *ctx, struct json_in *in, struct err *err)
{
	struct seen_reader *reader = ctx;
	struct slice id = { 0 };

	(void)err;
	genesys_read_member(in, "id", &id);
	if (json_failed(in))
		return -1;
	if (id.len)
		map_set(&reader->ids, slice_str(arena_strndup(&reader->mem, id.data, id.len)), 1);
	return 0;
}

static void settle_unit(struct genesys *g, const struct plan *plan, const uint32_t *steps,
			size_t count, bool *confirmed, const char *unit, struct err *err)
{
	struct seen_reader reader = { .mem = ARENA_INIT };
	struct whole_list list = { .g = g, .op = API_UNIT_USERS, .entity = read_seen,
				   .ctx = &reader };

	list_start(&list, unit, slice_of(NULL, 0));
	genesys_wait(g);
	for (size_t i = 0; i < count && !list.err.kind; i++) {
		const struct step *step = &plan->steps.items[steps[i]];
		const char *id = plan->people.items[step->person].account_id;
		bool is_unit = step->kind == STEP_UNIT_SET || step->kind == STEP_UNIT_REMOVE;

		if (is_unit && id && strcmp(step->item_id, unit) == 0 &&
		    map_get(&reader.ids, slice_str(id), NULL) == (step->kind == STEP_UNIT_SET))
			confirmed[i] = true;
	}
	*err = list.err;
	map_release(&reader.ids);
	arena_release(&reader.mem);
}

void genesys_settle_units(struct genesys *g, const struct plan *plan, const uint32_t *steps,
			  size_t count, bool *confirmed, struct err *err)
{
	struct map asked = { 0 };

	for (size_t i = 0; i < count && !err->kind; i++) {
		const struct step *step = &plan->steps.items[steps[i]];

		if (!confirmed[i] && (step->kind == STEP_UNIT_SET || step->kind == STEP_UNIT_REMOVE) &&
		    map_set(&asked, slice_str(step->item_id), 1))
			settle_unit(g, plan, steps, count, confirmed, step->item_id, err);
	}
	map_release(&asked);
}
