/*
 * The real client against the real sandbox, without a network: the sandbox's core sits
 * behind the wire, on one simulated clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/sandbox/sandbox.h"
#include "bridge/tenant/calls.h"
#include "bridge/tenant/genesys.h"
#include "tests/fake_wire.h"

#include "scim/base/banned.h"

#define SECRET "s3cret"
#define ACCOUNTS 620

struct world {
	struct fake_clock clock;
	struct loop *loop;
	struct fake_wire wire;
	struct rng rng;
	struct sandbox *sandbox;
	struct tenant *tenant;
	VEC(char *) texts; /* what answers point to */
};

static const char *header(const struct wire_request *request, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < WIRE_HEADERS_MAX && request->headers[i]; i++)
		if (!strncmp(request->headers[i], name, len) && request->headers[i][len] == ':')
			return request->headers[i] + len + 2;
	return NULL;
}

static const char *keep(struct world *world, const struct buf *text)
{
	char *copy = mem_strdup(text->data ? text->data : "");

	vec_push(&world->texts, copy);
	return copy;
}

static void respond(void *ctx, const struct wire_request *request, size_t number,
		    struct fake_answer *ret)
{
	struct world *world = ctx;
	struct buf body, headers;
	struct sandbox_response response = { .body = &body };
	struct sandbox_request in = {
		.method = request->method,
		.target = slice_str(strchr(request->url + 8, '/')),
		.authorization = header(request, "Authorization"),
		.content_type = header(request, "Content-Type"),
		.if_match = header(request, "If-Match"),
		.body = request->body,
	};

	(void)number;
	buf_init(&body, SANDBOX_BODY_BYTES_MAX);
	buf_init(&headers, 1 << 16);
	sandbox_handle(world->sandbox, &in, &response);
	for (unsigned i = 0; i < response.header_count; i++)
		buf_addf(&headers, "%s: %s\r\n", response.headers[i].name,
			 response.headers[i].value);
	*ret = (struct fake_answer){ .status = response.status,
				     .delay_us = 20000 + response.delay_ms * 1000 };
	if (response.end == SANDBOX_CUT)
		*ret = (struct fake_answer){ .result = WIRE_CUT, .delay_us = 20000 };
	if (response.end == SANDBOX_HALF_BODY) {
		ret->result = WIRE_CUT;
		if (body.len)
			body.data[body.len / 2] = '\0';
	}
	ret->headers = keep(world, &headers);
	ret->body = keep(world, &body);
	buf_release(&body);
	buf_release(&headers);
}

/* 620 people in two divisions; each tenth is inactive. */
static void describe(struct buf *out)
{
	buf_addstr(out,
		   "{\"kind\":\"division\",\"id\":\"d1\",\"name\":\"Home\",\"home\":true}\n"
		   "{\"kind\":\"division\",\"id\":\"d2\",\"name\":\"Site Bern\"}\n"
		   "{\"kind\":\"role\",\"id\":\"r1\",\"name\":\"employee\",\"permissions\":[]}\n"
		   "{\"kind\":\"role\",\"id\":\"r2\",\"name\":\"Agent\",\"permissions\":[]}\n"
		   "{\"kind\":\"skill\",\"id\":\"s1\",\"name\":\"Billing\"}\n"
		   "{\"kind\":\"skill\",\"id\":\"s2\",\"name\":\"Refunds\"}\n"
		   "{\"kind\":\"language\",\"id\":\"l1\",\"name\":\"English\"}\n"
		   "{\"kind\":\"group\",\"id\":\"g1\",\"name\":\"Agents\",\"members\":[\"u0\"]}\n"
		   "{\"kind\":\"queue\",\"id\":\"q1\",\"name\":\"Billing\",\"members\":[\"u0\","
		   "\"u1\"]}\n"
		   "{\"kind\":\"client\",\"id\":\"id\",\"secret\":\"" SECRET "\"}\n");
	for (int i = 0; i < ACCOUNTS; i++)
		buf_addf(out,
			 "{\"kind\":\"user\",\"id\":\"u%d\",\"name\":\"Person %d\",\"email\":"
			 "\"p%d@x.org\",\"state\":\"%s\",\"version\":%d,\"division\":\"%s\","
			 "\"title\":\"Old\",\"skills\":[{\"id\":\"s1\",\"proficiency\":3}]}\n",
			 i, i, i, i % 10 == 9 ? "inactive" : "active", i % 7 + 1,
			 i % 2 ? "d2" : "d1");
	for (int i = 0; i < ACCOUNTS; i++)
		buf_addf(out, "{\"kind\":\"grant\",\"subject\":\"u%d\",\"role\":\"r1\","
			      "\"division\":\"d1\"}\n", i);
}

static void world_open(struct world *world, const char *const *faults, unsigned rate)
{
	struct genesys_settings settings = {
		.api_url = "https://sandbox", .login_url = "https://sandbox",
		.client_id = "id", .client_secret = SECRET,
		.rate = rate, .share_percent = 100, .in_flight = 8, .connect_timeout_ms = 1000,
		.timeout_ms = 30000, .deadline_ms = 300000, .settle_ms = 30000,
	};
	struct sandbox_options options = { .rate_per_min = rate, .lag_ms = 2000,
					   .token_life_s = 3600, .seed = 5,
					   .clock = &world->clock.clock };
	struct err err = ERR_INIT;
	struct buf text;

	*world = (struct world){ 0 };
	fake_clock_init(&world->clock);
	world->loop = loop_new(&world->clock.clock);
	loop_set_idle(world->loop, fake_idle, &world->clock);
	fake_wire_init(&world->wire, world->loop, respond, world);
	rng_seed(&world->rng, 3);
	world->sandbox = sandbox_new(&options);
	buf_init(&text, 1 << 24);
	describe(&text);
	if (sandbox_load_text(world->sandbox, text.data, &err))
		fail_msg("%s:%u %s", err.where, err.line, err.text);
	buf_release(&text);
	for (; faults && *faults; faults++)
		if (sandbox_add_fault(world->sandbox, *faults, &err))
			fail_msg("%s", err.text);
	assert_int_equal(genesys_open(&settings, world->loop, &world->wire.base, &world->rng,
				      &world->tenant, &err),
			 0);
}

static void world_close(struct world *world)
{
	world->tenant->ops->free(world->tenant);
	sandbox_free(world->sandbox);
	for (size_t i = 0; i < world->texts.count; i++)
		mem_free(world->texts.items[i]);
	vec_release(&world->texts);
}

static const uint32_t queues[] = { 0 }, divisions[] = { 0, 1, ITEM_ALL };
static const struct tenant_need need = { .queues = queues, .queue_count = 1,
					 .grant_divisions = divisions,
					 .grant_division_count = 3 };

static void read_world(struct world *world, struct present *present)
{
	const struct tenant_ops *ops = world->tenant->ops;
	struct err err = ERR_INIT;

	present_init(present);
	if (ops->read_catalogue(world->tenant, present, &err) ||
	    ops->read_accounts(world->tenant, &need, present, &err) ||
	    ops->read_deleted(world->tenant, NULL, 0, present, &err))
		fail_msg("%s", err.text);
	if (!present->verdict.complete)
		fail_msg("%s", present->verdict.reasons[0]);
}

/* ---- a plan ---- */

struct plot {
	struct plan plan;
	struct arena mem;
	enum step_outcome *outcomes;
	bool *done;
	unsigned calls;
};

static void person(struct plot *plot, const char *account_id, const char *version,
		   const char *user_name)
{
	struct plan_person one = {
		.user_name = user_name, .account_id = account_id, .version = version,
		.change = account_id ? PERSON_UPDATE : PERSON_CREATE,
		.first_step = (uint32_t)plot->plan.steps.count,
	};

	vec_push(&plot->plan.people, one);
}

static struct step *step(struct plot *plot, enum step_kind kind, const char *item,
			 const char *name)
{
	size_t last = plot->plan.people.count - 1;
	struct step one = { .kind = kind, .person = (uint32_t)last, .item_id = item,
			    .name = name };

	plot->plan.people.items[last].step_count++;
	vec_push(&plot->plan.steps, one);
	return &plot->plan.steps.items[plot->plan.steps.count - 1];
}

static void set(struct plot *plot, enum scim_attr attr, const char *old_text,
		const char *new_text)
{
	struct step *one = step(plot, STEP_SET, NULL, NULL);

	one->attr = attr;
	one->old_text = old_text;
	one->new_text = new_text;
}

static void grant(struct plot *plot, enum step_kind kind, const char *role,
		  const char *division)
{
	struct step *one = step(plot, kind, role, role);

	one->division = one->division_id = division;
}

#define NEW 60
#define CHANGED 40

/* 60 joiners with everything; 40 accounts with a change of each kind; a leaver, a return. */
static void make_plot(struct plot *plot, const struct present *present)
{
	*plot = (struct plot){ 0 };
	for (int i = 0; i < NEW; i++) {
		const char *name = arena_printf(&plot->mem, "new%d@x.org", i);

		person(plot, NULL, NULL, name);
		step(plot, STEP_CREATE, NULL, NULL)->new_text = name;
		set(plot, SCIM_ATTR_DISPLAY_NAME, NULL, name);
		set(plot, SCIM_ATTR_EXTERNAL_ID, NULL, arena_printf(&plot->mem, "ext-%d", i));
		set(plot, SCIM_ATTR_DEPARTMENT, NULL, "Sales");
		step(plot, STEP_DIVISION, "d2", "Site Bern");
		step(plot, STEP_SKILL_SET, "s2", "Refunds")->level = 4;
		step(plot, STEP_LANGUAGE_SET, "l1", "English")->level = 5;
		grant(plot, STEP_GRANT, "r2", "d2");
		step(plot, STEP_GROUP_ADD, "g1", "Agents");
		step(plot, STEP_QUEUE_ADD, "q1", "Billing");
	}
	for (int i = 0; i < CHANGED; i++) {
		const struct account *account = &present->accounts.items[i];

		person(plot, account->id, account->version,
		       account_text(account, SCIM_ATTR_USER_NAME));
		grant(plot, STEP_REVOKE, "r1", "d1");
		step(plot, STEP_SKILL_REMOVE, "s1", "Billing");
		if (!i) {
			step(plot, STEP_GROUP_REMOVE, "g1", "Agents");
			step(plot, STEP_QUEUE_REMOVE, "q1", "Billing");
		}
		set(plot, SCIM_ATTR_TITLE, "Old", i % 2 ? "New" : NULL);
		step(plot, STEP_DIVISION, "d2", "Site Bern");
		step(plot, STEP_SKILL_SET, "s2", "Refunds")->level = 2.5;
		grant(plot, STEP_GRANT, "r2", i % 2 ? "*" : "d1");
	}
	person(plot, present->accounts.items[50].id, present->accounts.items[50].version, "l");
	step(plot, STEP_DISABLE, NULL, NULL)->attr = SCIM_ATTR_ACTIVE;
	for (size_t i = 0; i < present->accounts.count; i++)
		if (present->accounts.items[i].state == ACCOUNT_INACTIVE) {
			person(plot, present->accounts.items[i].id,
			       present->accounts.items[i].version, "r");
			step(plot, STEP_ENABLE, NULL, NULL)->attr = SCIM_ATTR_ACTIVE;
			break;
		}
	plot->outcomes = mem_array(plot->plan.steps.count, sizeof(*plot->outcomes));
}

static void plot_release(struct plot *plot)
{
	vec_release(&plot->plan.people);
	vec_release(&plot->plan.steps);
	arena_release(&plot->mem);
	mem_free(plot->outcomes);
}

static void on_done(void *ctx, struct call *call, const struct call_result *result)
{
	struct plot *plot = ctx;
	struct plan_person *one =
		&plot->plan.people.items[plot->plan.steps.items[call->steps[0]].person];

	plot->calls++;
	if (result->outcome != OUTCOME_DONE && result->outcome != OUTCOME_ACCEPTED)
		fail_msg("%s: %s", outcome_name(result->outcome), result->err.text);
	if (result->step_failed)
		fail_msg("steps failed: %s", result->err.text);
	if (result->account_id)
		one->account_id = arena_strdup(&plot->mem, result->account_id);
	if (result->version)
		one->version = arena_strdup(&plot->mem, result->version);
	for (unsigned i = 0; i < call->step_count; i++)
		plot->outcomes[call->steps[i]] = result->outcome;
}

static void carry_out(struct world *world, struct plot *plot)
{
	const struct tenant_ops *ops = world->tenant->ops;
	VEC(uint32_t) accepted = { 0 };
	struct err err = ERR_INIT;
	bool *confirmed;

	for (unsigned wave = 0; wave < STEP_WAVES; wave++) {
		struct calls calls = { 0 };

		ops->make_calls(world->tenant, &plot->plan, wave, NULL, &plot->mem, &calls);
		if (ops->send(world->tenant, &plot->plan, calls.items, calls.count, NULL, on_done,
			      plot, NULL, &err))
			fail_msg("%s", err.text);
		vec_release(&calls);
	}
	for (size_t i = 0; i < plot->plan.steps.count; i++) {
		assert_int_not_equal(plot->outcomes[i], OUTCOME_NONE);
		if (plot->outcomes[i] == OUTCOME_ACCEPTED)
			vec_push(&accepted, (uint32_t)i);
	}
	confirmed = mem_array(accepted.count, sizeof(*confirmed));
	if (ops->settle(world->tenant, &plot->plan, accepted.items, accepted.count, confirmed,
			&err))
		fail_msg("%s", err.text);
	assert_int_equal(accepted.count, NEW + 1);
	for (size_t i = 0; i < accepted.count; i++)
		assert_true(confirmed[i]);
	mem_free(confirmed);
	vec_release(&accepted);
}

/* ---- what must be there afterwards ---- */

static double held(const struct present *present, const struct account *account,
		   enum assign_kind kind, const char *item, const char *division)
{
	const struct catalogue *cat = &present->catalogue;

	for (unsigned i = 0; i < account->held_count; i++) {
		const struct held *one = &account->held[i];

		if (one->kind == kind &&
		    !strcmp(catalogue_item(cat, (enum catalogue_kind)kind, one->item)->id, item) &&
		    (!division || (one->division == ITEM_ALL ?
					   !strcmp(division, "*") :
					   !strcmp(catalogue_item(cat, CAT_DIVISION,
								  one->division)->id, division))))
			return one->level + 1;
	}
	return 0;
}

static const struct account *named(const struct present *present, const char *user_name)
{
	uint64_t at;

	if (!map_get(&present->by_user_name, slice_str(user_name), &at))
		fail_msg("no account %s", user_name);
	return &present->accounts.items[at];
}

static void check_text(const struct account *account, enum scim_attr attr,
		       const char *expected)
{
	const char *text = account_text(account, attr);

	if (expected ? !text || strcmp(text, expected) != 0 : text != NULL)
		fail_msg("%s: %s is %s", account->id, scim_attr(attr)->name,
			 text ? text : "absent");
}

static void check_world(struct world *world, const struct plot *plot)
{
	struct present present;

	read_world(world, &present);
	assert_int_equal(present.accounts.count, ACCOUNTS + NEW);
	for (int i = 0; i < NEW; i++) {
		char name[32];
		const struct account *account;

		snprintf(name, sizeof(name), "new%d@x.org", i);
		account = named(&present, name);
		assert_int_equal(account->state, ACCOUNT_ACTIVE);
		check_text(account, SCIM_ATTR_DIVISION, "Site Bern");
		check_text(account, SCIM_ATTR_DEPARTMENT, "Sales");
		assert_true(held(&present, account, ASSIGN_SKILL, "s2", NULL) == 5);
		assert_true(held(&present, account, ASSIGN_LANGUAGE, "l1", NULL) == 6);
		assert_true(held(&present, account, ASSIGN_ROLE, "r2", "d2") > 0);
		assert_true(held(&present, account, ASSIGN_GROUP, "g1", NULL) > 0);
		assert_true(held(&present, account, ASSIGN_QUEUE, "q1", NULL) > 0);
	}
	for (int i = 0; i < CHANGED; i++) {
		const struct plan_person *one = &plot->plan.people.items[NEW + i];
		const struct account *account = named(&present, one->user_name);

		check_text(account, SCIM_ATTR_TITLE, i % 2 ? "New" : NULL);
		check_text(account, SCIM_ATTR_DIVISION, "Site Bern");
		assert_true(held(&present, account, ASSIGN_SKILL, "s1", NULL) == 0);
		assert_true(held(&present, account, ASSIGN_SKILL, "s2", NULL) == 3.5);
		assert_true(held(&present, account, ASSIGN_ROLE, "r1", "d1") == 0);
		assert_true(held(&present, account, ASSIGN_ROLE, "r2", i % 2 ? "*" : "d1") > 0);
		assert_true(held(&present, account, ASSIGN_ROLE, "r2", i % 2 ? "d1" : "*") == 0);
		assert_true(held(&present, account, ASSIGN_GROUP, "g1", NULL) == 0);
	}
	assert_int_equal(named(&present, "p1@x.org")->state, ACCOUNT_ACTIVE);
	assert_true(held(&present, named(&present, "p1@x.org"), ASSIGN_QUEUE, "q1", NULL) > 0);
	present_release(&present);
}

static void whole(const char *const *faults, unsigned rate)
{
	struct world world;
	struct present present;
	struct plot plot;

	world_open(&world, faults, rate);
	read_world(&world, &present);
	assert_int_equal(present.accounts.count, ACCOUNTS);
	make_plot(&plot, &present);
	carry_out(&world, &plot);
	check_world(&world, &plot);
	plot_release(&plot);
	present_release(&present);
	world_close(&world);
}

static void test_whole(void **state)
{
	(void)state;
	whole(NULL, 0);
}

/* Nothing that is safe to repeat may fail for faults that pass. */
static void test_faults(void **state)
{
	static const char *const faults[][6] = {
		{ "USERS:every=2:status=503", "GRANTS:every=3:cut=before",
		  "QUEUE_MEMBERS:every=2:half-body", NULL },
		{ "SCIM_PATCH:every=3:cut=after", "SKILLS_PATCH:every=4:cut=after",
		  "ROLE_GRANT:every=2:cut=after", "GROUP_ADD:every=2:cut=after", NULL },
		{ "*:every=6:status=429:retry-after=2", NULL },
		{ "TOKEN:count=2:status=503", "GRANT_DELETE:every=2:cut=after",
		  "SKILL_DELETE:every=3:half-body", NULL },
		{ "DIVISION_MOVE:every=2:status=500", "QUEUE_CHANGE:every=2:status=504",
		  "SUBJECT_BULKADD:every=2:cut=after", "GROUP_REMOVE:every=2:cut=after", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		whole(faults[i], 0);
}

/* 300 calls a minute: paced to meet no 429 and to lose little. */
static void test_paced(void **state)
{
	struct world world;
	struct present present;
	struct plot plot;
	uint64_t by_op[API_OP_COUNT], met, sum = 0;
	int64_t start;

	(void)state;
	world_open(&world, NULL, 300);
	start = world.clock.now_us;
	read_world(&world, &present);
	for (int round = 0; round < 20; round++) {
		plot = (struct plot){ 0 };
		for (int i = 0; i < 60; i++) {
			const struct account *account =
				&present.accounts.items[i + round % 10 * 40];

			person(&plot, account->id, account->version, "p");
			step(&plot, STEP_SKILL_SET, "s1", "Billing")->level = round % 6;
		}
		plot.outcomes = mem_array(plot.plan.steps.count, sizeof(*plot.outcomes));
		for (unsigned wave = 0; wave < STEP_WAVES; wave++) {
			struct calls calls = { 0 };
			struct err err = ERR_INIT;

			world.tenant->ops->make_calls(world.tenant, &plot.plan, wave, NULL,
						      &plot.mem, &calls);
			assert_int_equal(world.tenant->ops->send(world.tenant, &plot.plan,
								 calls.items, calls.count, NULL,
								 on_done, &plot, NULL, &err),
					 0);
			vec_release(&calls);
		}
		plot_release(&plot);
	}
	world.tenant->ops->counters(world.tenant, by_op, &met);
	for (int op = 0; op < API_OP_COUNT; op++)
		sum += by_op[op];
	assert_int_equal(met, 0);
	assert_in_range(sum, 1200, 1230);
	/* 1,200 calls at 300 a minute; the first tenth of a minute's calls goes at once. */
	assert_in_range((world.clock.now_us - start) / 1000000, 228, 246);
	present_release(&present);
	world_close(&world);
}

/* External ids of all: by pages of 25 for many, one by one for few. */
static void test_external_ids(void **state)
{
	static const uint32_t few[] = { 3, 400, 600 };
	struct world world;
	struct present present;
	struct err err = ERR_INIT;
	size_t before;

	(void)state;
	world_open(&world, NULL, 0);
	read_world(&world, &present);
	before = world.wire.count;
	assert_int_equal(world.tenant->ops->read_external_ids(world.tenant, &present, few, 3,
							      &err),
			 0);
	assert_int_equal(world.wire.count - before, 3);
	assert_true(present.accounts.items[400].external_id_known);
	assert_false(present.accounts.items[401].external_id_known);
	before = world.wire.count;
	if (world.tenant->ops->read_external_ids(world.tenant, &present, NULL, 0, &err))
		fail_msg("%s", err.text);
	assert_int_equal(world.wire.count - before, 23 + 3);
	if (!present.verdict.complete)
		fail_msg("%s", present.verdict.reasons[0]);
	for (size_t i = 0; i < present.accounts.count; i++)
		assert_true(present.accounts.items[i].external_id_known);
	present_release(&present);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_paced),
		cmocka_unit_test(test_external_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
