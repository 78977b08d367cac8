/*
 * bridge/tenant/genesys_settle.c - waiting until what was accepted (202) is seen by a reader.
 */
#include <string.h>

#include "bridge/tenant/calls.h"
#include "bridge/tenant/genesys_read.h"
#include "scim/base/json.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

struct settler {
	struct genesys *g;
	const struct plan *plan;
	const uint32_t *steps;
	size_t count;
	bool *confirmed;
	struct map by_account; /* account id -> first step (index + 1) in `chain` */
	uint32_t *chain;       /* next step of the same account, index + 1 */
	struct err err;
};

static const struct step *settle_step(const struct settler *settler, size_t i)
{
	return &settler->plan->steps.items[settler->steps[i]];
}

static const char *settle_account(const struct settler *settler, size_t i)
{
	return settler->plan->people.items[settle_step(settler, i)->person].account_id;
}

/* One user of the answer: {id, groups: [{id}]}. */
static int settle_user(struct settler *settler, struct json_in *in, struct arena *mem)
{
	struct slice key, id = { 0 }, group;
	struct map groups = { 0 };
	bool told = false;
	uint64_t at;

	(void)mem;
	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "id")) {
			json_get_text(in, &id);
		} else if (slice_eq_str(key, "groups") && json_peek(in) == JSON_IN_ARRAY) {
			told = true;
			while (json_array_next(in)) {
				struct slice name;

				if (json_peek(in) != JSON_IN_OBJECT) {
					json_skip(in);
					continue;
				}
				while (json_object_next(in, &name)) {
					if (slice_eq_str(name, "id") &&
					    json_get_text(in, &group))
						map_set(&groups, group, 1);
					else if (!slice_eq_str(name, "id"))
						json_skip(in);
				}
			}
		} else {
			json_skip(in);
		}
	}
	if (told && !json_failed(in) && map_get(&settler->by_account, id, &at)) {
		for (; at; at = settler->chain[at - 1]) {
			const struct step *step = settle_step(settler, at - 1);
			bool in_group = map_get(&groups, slice_str(step->item_id), NULL);

			if (in_group == (step->kind == STEP_GROUP_ADD))
				settler->confirmed[at - 1] = true;
		}
	}
	map_release(&groups);
	return json_failed(in) ? -1 : 0;
}

static void settle_done(void *ctx, const struct genesys_answer *answer)
{
	struct settler *settler = ctx;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct json_in in;
	struct slice key;
	char text[ERR_FORMAT_MAX];

	if (!genesys_ok(answer)) {
		if (!settler->err.kind)
			settler->err = answer->err;
		return;
	}
	json_open(&in, answer->body.data ? answer->body.data : "", answer->body.len, "", &mem,
		  &err);
	while (json_object_next(&in, &key)) {
		if (!slice_eq_str(key, "entities")) {
			json_skip(&in);
			continue;
		}
		while (json_array_next(&in))
			if (settle_user(settler, &in, &mem))
				break;
	}
	if (json_close(&in) && !settler->err.kind)
		genesys_err(&settler->err, API_USERS, answer->correlation_id, ERR_PROTOCOL,
			    err_format(&err, text, sizeof(text)));
	arena_release(&mem);
}

static void settle_ask(struct settler *settler, const struct buf *query)
{
	struct genesys_request request = genesys_request(API_USERS);

	request.query = query->data;
	request.done = settle_done;
	request.ctx = settler;
	genesys_start(settler->g, &request);
}

/* Accounts with a step not yet seen, 100 a call. */
static void settle_round(struct settler *settler)
{
	unsigned most = api_op(API_USERS)->batch_max, in_call = 0;
	struct map asked = { 0 };
	struct buf query;

	buf_init(&query, 64u << 10);
	for (size_t i = 0; i < settler->count; i++) {
		const char *id = settle_account(settler, i);
		enum step_kind kind = settle_step(settler, i)->kind;

		if (settler->confirmed[i] || (kind != STEP_GROUP_ADD && kind != STEP_GROUP_REMOVE) ||
		    !id || !map_set(&asked, slice_str(id), 1))
			continue;
		if (!in_call)
			buf_addf(&query, "?pageSize=%u&state=any&expand=groups", most);
		buf_addstr(&query, "&id=");
		buf_addurl(&query, id, strlen(id));
		if (++in_call == most) {
			settle_ask(settler, &query);
			buf_clear(&query);
			in_call = 0;
		}
	}
	if (in_call)
		settle_ask(settler, &query);
	buf_release(&query);
	map_release(&asked);
	genesys_wait(settler->g);
}

static void settle_prepare(struct settler *settler)
{
	settler->chain = mem_array(settler->count, sizeof(*settler->chain));
	for (size_t i = 0; i < settler->count; i++) {
		enum step_kind kind = settle_step(settler, i)->kind;
		const char *id = settle_account(settler, i);
		uint64_t before = 0;

		/* Group changes and moves between units alone are answered by 202. */
		settler->confirmed[i] = kind != STEP_GROUP_ADD && kind != STEP_GROUP_REMOVE &&
					kind != STEP_UNIT_SET && kind != STEP_UNIT_REMOVE;
		if (settler->confirmed[i] || !id || kind == STEP_UNIT_SET ||
		    kind == STEP_UNIT_REMOVE)
			continue;
		map_get(&settler->by_account, slice_str(id), &before);
		settler->chain[i] = (uint32_t)before;
		map_set(&settler->by_account, slice_str(id), i + 1);
	}
}

static void wake(void *ctx)
{
	*(bool *)ctx = true;
}

static void pause_until(struct genesys *g, int64_t when_us)
{
	struct loop_timer timer = { 0 };
	bool due = false;

	loop_timer_set(g->loop, &timer, when_us, wake, &due);
	while (!due)
		loop_step(g->loop, LOOP_NEVER);
}

int genesys_settle(struct tenant *tenant, const struct plan *plan, const uint32_t *steps,
		   size_t count, bool *confirmed, struct err *err)
{
	struct settler settler = { .g = (struct genesys *)tenant, .plan = plan,
				   .steps = steps, .count = count, .confirmed = confirmed };
	struct genesys *g = settler.g;
	int64_t deadline = loop_now_us(g->loop) + g->set.settle_ms * 1000;
	int64_t wait_us = 500000;

	settle_prepare(&settler);
	for (;;) {
		bool open = false;

		settle_round(&settler);
		genesys_settle_units(g, plan, steps, count, confirmed, &settler.err);
		if (settler.err.kind)
			break;
		for (size_t i = 0; i < count; i++)
			open |= !confirmed[i];
		if (!open || loop_now_us(g->loop) + wait_us > deadline)
			break;
		pause_until(g, loop_now_us(g->loop) + wait_us);
		wait_us = wait_us < 4000000 ? wait_us * 2 : 4000000;
	}
	map_release(&settler.by_account);
	mem_free(settler.chain);
	if (settler.err.kind) {
		*err = settler.err;
		return -1;
	}
	return 0;
}
