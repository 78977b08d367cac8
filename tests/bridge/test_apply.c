#include <unistd.h>

#include "bridge/apply/apply.h"
#include "tests/bridge/plan_scene.h"

#include "scim/base/banned.h"

/* --- a state that keeps what was committed as lines, and fails when told to ----------------- */

struct fake_state {
	struct state base;
	unsigned commits, fail_at; /* the n-th commit fails, from 1; 0 = none */
	bool fail_begin;
	uint64_t next_id;
	VEC(uint64_t) durable;     /* intents */
	struct buf kept;
	char result[16];
	unsigned long done, failed;
	bool ended;
};

static int64_t fake_now(void *ctx)
{
	(void)ctx;
	return INT64_C(1767225600) * 1000000;
}
static const struct clock fake_clock = { fake_now, fake_now, NULL };

static int fake_begin(struct state *state, const struct plan *plan, int64_t now_s,
		      uint64_t *ret_run, struct err *err)
{
	struct fake_state *s = (struct fake_state *)state;

	(void)plan, (void)now_s;
	if (s->fail_begin)
		return err_set(err, ERR_IO, "the disk is full");
	*ret_run = 7;
	return 0;
}

static const char *how(enum state_forget forget)
{
	static const char *const names[] = { "keep", "forget", "try", "untry" };

	return names[forget];
}

static int fake_commit(struct state *state, const struct state_batch *b, struct err *err)
{
	struct fake_state *s = (struct fake_state *)state;

	if (++s->commits == s->fail_at)
		return err_set(err, ERR_IO, "the disk is full");
	for (size_t i = 0; i < b->intents.count; i++) {
		b->intents.items[i].call->journal_id = ++s->next_id;
		vec_push(&s->durable, s->next_id);
	}
	for (size_t i = 0; i < b->links.count; i++)
		buf_addf(&s->kept, "link %s %s%s\n", b->links.items[i].person_id,
			 b->links.items[i].account_id, b->links.items[i].left ? " left" : "");
	for (size_t i = 0; i < b->fields.count; i++)
		buf_addf(&s->kept, "%s %s %s=%s\n", how(b->fields.items[i].forget),
			 b->fields.items[i].person, scim_attr(b->fields.items[i].field.attr)->name,
			 b->fields.items[i].field.value ? b->fields.items[i].field.value : "");
	for (size_t i = 0; i < b->held.count; i++)
		buf_addf(&s->kept, "%s %s %s %s\n", how(b->held.items[i].forget),
			 b->held.items[i].person,
			 assign_kind_name(b->held.items[i].held.kind), b->held.items[i].held.item_id);
	return 0;
}

static int fake_end(struct state *state, const struct state_run *run, struct err *err)
{
	struct fake_state *s = (struct fake_state *)state;

	(void)err;
	snprintf(s->result, sizeof(s->result), "%s", run->result);
	s->done = run->done;
	s->failed = run->failed;
	s->ended = true;
	return 0;
}

static const struct state_ops fake_state_ops = { .begin_run = fake_begin,
						 .commit = fake_commit,
						 .end_run = fake_end };

/* --- a tenant that answers as told ------------------------------------------------------- */

/* What comes of the step of a person; the first that fits counts, else it is done. */
struct answer {
	const char *person;
	enum step_kind kind;
	enum step_outcome outcome;
	bool inside; /* as a failure inside a success */
};

struct fake_tenant {
	struct tenant base;
	struct fake_state *state;
	const struct answer *answers;
	unsigned stop_after, send_errs_at; /* calls; 0 = never */
	volatile bool *stop;
	bool settle_sees, settle_errs;
	unsigned sent, batch;
	struct buf log;
};

/* One call for all steps of a wave and kind; one a person where the account is in the path. */
static void fake_make(struct tenant *tenant, const struct plan *plan, unsigned wave,
		      const unsigned char *blocked, struct arena *mem, struct calls *calls)
{
	(void)tenant;
	for (size_t i = 0; i < plan->steps.count; i++) {
		const struct step *step = &plan->steps.items[i];
		bool wide = step->kind == STEP_GRANT || step->kind == STEP_GROUP_ADD;
		struct call *call = NULL;
		uint32_t *steps;

		if (step_row(step->kind)->wave != wave || blocked[step->person])
			continue;
		for (size_t c = 0; c < calls->count && !call; c++) {
			const struct step *first = &plan->steps.items[calls->items[c].steps[0]];

			if (wide ? first->kind == step->kind : first->person == step->person)
				call = &calls->items[c];
		}
		if (!call) {
			struct call fresh = { .op = API_SCIM_PATCH };

			fresh.steps = arena_array(mem, plan->steps.count, sizeof(uint32_t));
			vec_push(calls, fresh);
			call = &calls->items[calls->count - 1];
		}
		steps = (uint32_t *)(uintptr_t)call->steps;
		steps[call->step_count++] = (uint32_t)i;
	}
}

static const struct answer *answer_for(const struct fake_tenant *t, const struct plan *plan,
				       uint32_t index)
{
	const struct step *step = &plan->steps.items[index];

	for (const struct answer *a = t->answers; a && a->person; a++)
		if (a->kind == step->kind &&
		    strcmp(a->person, plan->people.items[step->person].id) == 0)
			return a;
	return NULL;
}

static bool is_durable(const struct fake_state *s, uint64_t id)
{
	for (size_t i = 0; i < s->durable.count; i++)
		if (s->durable.items[i] == id)
			return true;
	return false;
}

static void answer_call(struct fake_tenant *t, const struct plan *plan, struct call *call,
			tenant_call_fn *done, void *ctx)
{
	struct call_result result = { .outcome = OUTCOME_DONE, .http_status = 200,
				      .correlation_id = "corr-1" };
	unsigned char failed[32] = { 0 };
	char account[64];

	/* Invariant 5: the intent is on disk before the request leaves. */
	if (!call->journal_id || !is_durable(t->state, call->journal_id))
		fail_msg("a call left without its intent");
	t->sent++;
	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = &plan->steps.items[call->steps[i]];
		const struct plan_person *person = &plan->people.items[step->person];
		const struct answer *answer = answer_for(t, plan, call->steps[i]);

		buf_addf(&t->log, "%s%s %s", i ? ", " : "", person->id,
			 step_row(step->kind)->name);
		if (step->kind != STEP_CREATE && step_row(step->kind)->wave > 2)
			assert_non_null(person->account_id);
		if (step->kind == STEP_CREATE) {
			snprintf(account, sizeof(account), "acc-%s", person->id);
			result.account_id = account;
		}
		if (answer && answer->inside) {
			failed[i / 8] |= (unsigned char)(1u << i % 8);
			result.step_failed = failed;
			err_set(&result.err, ERR_REFUSED, "one of many");
		} else if (answer) {
			result.outcome = answer->outcome;
			if (answer->outcome != OUTCOME_ACCEPTED)
				err_set(&result.err, ERR_CONFLICT, "409 taken");
		}
	}
	if (result.outcome != OUTCOME_DONE)
		result.account_id = NULL;
	buf_addch(&t->log, '\n');
	done(ctx, call, &result);
}

static int fake_send(struct tenant *tenant, const struct plan *plan, struct call *calls,
		     size_t count,
		     int (*before)(void *ctx, struct call **batch, size_t count, struct err *err),
		     tenant_call_fn *done, void *ctx, volatile bool *stop, struct err *err)
{
	struct fake_tenant *t = (struct fake_tenant *)tenant;

	for (size_t at = 0; at < count; at += t->batch) {
		size_t len = count - at < t->batch ? count - at : t->batch;
		struct call *batch[16];

		for (size_t i = 0; i < len; i++)
			batch[i] = &calls[at + i];
		if (before(ctx, batch, len, err))
			return -1;
		for (size_t i = 0; i < len; i++) {
			struct call_result stopped = { .outcome = OUTCOME_NONE };

			if (*stop)
				done(ctx, batch[i], &stopped);
			else
				answer_call(t, plan, batch[i], done, ctx);
			if (t->stop_after && t->sent == t->stop_after)
				*t->stop = true;
			if (t->send_errs_at && t->sent == t->send_errs_at)
				return err_set(err, ERR_AUTH, "the token was refused");
		}
		if (*stop)
			return 0;
	}
	return 0;
}

static int fake_settle(struct tenant *tenant, const struct plan *plan, const uint32_t *steps,
		       size_t count, bool *confirmed, struct err *err)
{
	struct fake_tenant *t = (struct fake_tenant *)tenant;

	(void)plan, (void)steps;
	if (t->settle_errs)
		return err_set(err, ERR_NET, "connection lost");
	for (size_t i = 0; i < count; i++)
		confirmed[i] = t->settle_sees;
	return 0;
}

static const struct tenant_ops fake_tenant_ops = { .kind = "fake", .make_calls = fake_make,
						   .send = fake_send, .settle = fake_settle };

/* --- a stage ----------------------------------------------------------------------------- */

/*
 * n is new; u loses a role and a skill, and gets a title, a role and a group; l has left; r
 * is back; o is linked anew.
 */
static const char company[] =
	"person n title=T skill=Sales:1 role=Agent group=G1\n"
	"person o skill=Sales:1\n"
	"person r\n"
	"person u title=T role=Agent group=G1\n"
	"account O user=o@x ext=o displayName=o skill=Sales:1\n"
	"account R user=r@x ext=r displayName=r state=inactive\n"
	"account U user=u@x ext=u displayName=u role=employee skill=Billing:2\n"
	"account L user=l@x\n"
	"link r R left\nlink u U role=employee skill=Billing:2 queue=Q1\nlink l L\n";

struct stage {
	struct scene scene;
	struct fake_state state;
	struct fake_tenant tenant;
	struct apply apply;
	struct apply_result result;
	struct err err;
	volatile bool stop;
	unsigned long progress;
	int status;
};

static void on_progress(void *ctx, unsigned long done, unsigned long steps, unsigned long calls)
{
	struct stage *stage = ctx;

	assert_true(done <= steps && calls > 0 && done >= stage->progress);
	stage->progress = done;
}

static void stage_init(struct stage *stage, const char *text)
{
	struct buf ignored;

	*stage = (struct stage){ .err = ERR_INIT };
	scene_init(&stage->scene);
	scene_read(&stage->scene, text);
	buf_init(&ignored, 1 << 20);
	scene_plan(&stage->scene, &ignored);
	buf_release(&ignored);
	stage->state.base.ops = &fake_state_ops;
	buf_init(&stage->state.kept, 1 << 20);
	buf_addstr(&stage->state.kept, "");
	stage->tenant.base.ops = &fake_tenant_ops;
	stage->tenant.state = &stage->state;
	stage->tenant.stop = &stage->stop;
	stage->tenant.batch = 16;
	buf_init(&stage->tenant.log, 1 << 20);
	buf_addstr(&stage->tenant.log, "");
	stage->apply = (struct apply){
		.plan = &stage->scene.plan, .tenant = &stage->tenant.base,
		.state = &stage->state.base, .clock = &fake_clock, .stop = &stage->stop,
		.progress = on_progress, .progress_ctx = stage,
	};
}

static void stage_run(struct stage *stage)
{
	stage->status = apply_plan(&stage->apply, &stage->scene.mem, &stage->result, &stage->err);
}

static void stage_release(struct stage *stage)
{
	buf_release(&stage->state.kept);
	vec_release(&stage->state.durable);
	buf_release(&stage->tenant.log);
	scene_release(&stage->scene);
}

static const char *outcomes(struct stage *stage)
{
	struct buf out;
	const char *text;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < stage->scene.plan.steps.count; i++) {
		const struct step *step = &stage->scene.plan.steps.items[i];

		if (stage->result.outcomes[i] != OUTCOME_DONE)
			buf_addf(&out, "%s %s %s\n",
				 stage->scene.plan.people.items[step->person].id,
				 step_row(step->kind)->name,
				 outcome_name(stage->result.outcomes[i]));
	}
	text = arena_strndup(&stage->scene.mem, out.data ? out.data : "", out.len);
	buf_release(&out);
	return text;
}

static void check_text(const char *name, const char *what, const char *got,
		       const char *expected)
{
	if (strcmp(got, expected) != 0)
		fail_msg("%s: %s\n--- expected\n%s--- got\n%s", name, what, expected, got);
}

#define WAVE_0 "l disable\n"
#define WAVE_1 "u revoke, u skill-remove\n"
#define WAVE_2 "n create, n set, n set, n set, n skill-set\nu set\n"

static void all_done(void **unused)
{
	struct stage stage;

	(void)unused;
	stage_init(&stage, company);
	stage_run(&stage);
	assert_int_equal(stage.status, 0);
	check_text("all done", "sent", stage.tenant.log.data,
		   WAVE_0 WAVE_1 WAVE_2 "n grant, u grant\nn group-add, u group-add\nr enable\n");
	check_text("all done", "not done", outcomes(&stage), "");
	check_text("all done", "kept", stage.state.kept.data,
		   "link o O\n"
		   "forget u queue q1\n"
		   "keep o skill s3\n"
		   "link l L left\n"
		   "forget u role r1\nforget u skill s1\n"
		   "try n skill s3\n"
		   "link n acc-n\n"
		   "keep n userName=n@x\nkeep n externalId=n\nkeep n displayName=n\n"
		   "keep n title=T\nkeep u title=T\n"
		   "keep n skill s3\n"
		   "try n role r2\ntry u role r2\ntry n group g1\ntry u group g1\n"
		   "keep n role r2\nkeep u role r2\nkeep n group g1\nkeep u group g1\n"
		   "link r R\n");
	assert_string_equal(stage.state.result, "good");
	assert_int_equal(stage.state.done, stage.scene.plan.steps.count);
	assert_int_equal(stage.state.failed, 0);
	assert_int_equal(stage.result.counts[OUTCOME_DONE], stage.scene.plan.steps.count);
	assert_int_equal(stage.progress, stage.scene.plan.steps.count);
	assert_int_equal(stage.result.run, 7);
	assert_false(stage.result.stopped);
	stage_release(&stage);
}

/* A person whose step failed gets nothing more; the others go on (invariant 6). */
static const struct {
	const char *name;
	struct answer answers[4];
	bool settle_sees, settle_errs;
	const char *sent, *not_done, *kept; /* `kept`: a line that must be there */
	const char *result;
} failures[] = {
	{ "a failed revoke: no grant in this run",
	  { { "u", STEP_REVOKE, OUTCOME_FAILED, false } }, true, false,
	  WAVE_0 WAVE_1 "n create, n set, n set, n set, n skill-set\nn grant\nn group-add\n"
			"r enable\n",
	  "u revoke failed\nu skill-remove failed\nu set skipped\nu grant skipped\n"
	  "u group-add skipped\n", "link n acc-n\n", "partly" },
	{ "a revoke whose outcome is not known",
	  { { "u", STEP_REVOKE, OUTCOME_UNKNOWN, false } }, true, false,
	  WAVE_0 WAVE_1 "n create, n set, n set, n set, n skill-set\nn grant\nn group-add\n"
			"r enable\n",
	  "u revoke unknown\nu skill-remove unknown\nu set skipped\nu grant skipped\n"
	  "u group-add skipped\n", "link n acc-n\n", "partly" },
	{ "ground that has moved",
	  { { "u", STEP_SET, OUTCOME_REFUSED, false } }, true, false,
	  WAVE_0 WAVE_1 WAVE_2 "n grant\nn group-add\nr enable\n",
	  "u set refused\nu grant skipped\nu group-add skipped\n", "keep n role r2\n",
	  "partly" },
	{ "an account that was not created",
	  { { "n", STEP_CREATE, OUTCOME_FAILED, false } }, true, false,
	  WAVE_0 WAVE_1 WAVE_2 "u grant\nu group-add\nr enable\n",
	  "n create failed\nn set failed\nn set failed\nn set failed\nn skill-set failed\n"
	  "n grant skipped\nn group-add skipped\n", "untry n skill s3\n", "partly" },
	{ "an account of which nothing was heard: its skills may be ours",
	  { { "n", STEP_CREATE, OUTCOME_UNKNOWN, false } }, true, false,
	  WAVE_0 WAVE_1 WAVE_2 "u grant\nu group-add\nr enable\n",
	  "n create unknown\nn set unknown\nn set unknown\nn set unknown\nn skill-set unknown\n"
	  "n grant skipped\nn group-add skipped\n", "try n skill s3\n", "partly" },
	{ "one of many inside a success",
	  { { "u", STEP_GRANT, OUTCOME_DONE, true } }, true, false,
	  WAVE_0 WAVE_1 WAVE_2 "n grant, u grant\nn group-add, u group-add\nr enable\n",
	  "u grant failed\n", "untry u role r2\n", "partly" },
	{ "accepted and seen", { { "n", STEP_GROUP_ADD, OUTCOME_ACCEPTED, false } }, true, false,
	  WAVE_0 WAVE_1 WAVE_2 "n grant, u grant\nn group-add, u group-add\nr enable\n", "",
	  "keep n group g1\n", "good" },
	{ "accepted, not seen", { { "n", STEP_GROUP_ADD, OUTCOME_ACCEPTED, false } }, false, false,
	  WAVE_0 WAVE_1 WAVE_2 "n grant, u grant\nn group-add, u group-add\nr enable\n",
	  "n group-add accepted\nu group-add accepted\n", "try n group g1\n", "partly" },
	{ "accepted, and nobody can look",
	  { { "n", STEP_GROUP_ADD, OUTCOME_ACCEPTED, false } }, true, true,
	  WAVE_0 WAVE_1 WAVE_2 "n grant, u grant\nn group-add, u group-add\nr enable\n",
	  "n group-add accepted\nu group-add accepted\n", "try n group g1\n", "partly" },
	{ "several people fail",
	  { { "l", STEP_DISABLE, OUTCOME_FAILED, false },
	    { "r", STEP_ENABLE, OUTCOME_UNKNOWN, false } }, true, false,
	  WAVE_0 WAVE_1 WAVE_2 "n grant, u grant\nn group-add, u group-add\nr enable\n",
	  "l disable failed\nr enable unknown\n", "keep u group g1\n", "partly" },
};

static void each_failure(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		struct stage stage;

		stage_init(&stage, company);
		stage.tenant.answers = failures[i].answers;
		stage.tenant.settle_sees = failures[i].settle_sees;
		stage.tenant.settle_errs = failures[i].settle_errs;
		stage_run(&stage);
		if (stage.status)
			fail_msg("%s: %s", failures[i].name, stage.err.text);
		check_text(failures[i].name, "sent", stage.tenant.log.data, failures[i].sent);
		check_text(failures[i].name, "not done", outcomes(&stage), failures[i].not_done);
		if (!strstr(stage.state.kept.data, failures[i].kept))
			fail_msg("%s: not kept: %s", failures[i].name, failures[i].kept);
		check_text(failures[i].name, "result", stage.state.result, failures[i].result);
		for (size_t s = 0; s < stage.scene.plan.steps.count; s++)
			if ((stage.result.outcomes[s] != OUTCOME_DONE) !=
			    (stage.result.errors[s] != NULL))
				fail_msg("%s: step %zu is %s and says %s", failures[i].name, s,
					 outcome_name(stage.result.outcomes[s]),
					 stage.result.errors[s] ? stage.result.errors[s] : "nothing");
		stage_release(&stage);
	}
}

/* Unknown is neither done nor not done: what it was to give stays tentative. */
static void unknown_stays_tentative(void **unused)
{
	static const struct answer answers[] = { { "u", STEP_GROUP_ADD, OUTCOME_UNKNOWN, false },
						 { NULL, STEP_SET, OUTCOME_DONE, false } };
	struct stage stage;

	(void)unused;
	stage_init(&stage, company);
	stage.tenant.answers = answers;
	stage_run(&stage);
	assert_non_null(strstr(stage.state.kept.data, "try u group g1\n"));
	assert_null(strstr(stage.state.kept.data, "untry u group g1\n"));
	assert_null(strstr(stage.state.kept.data, "keep u group g1\n"));
	stage_release(&stage);
}

/* The journal fails at each commit in turn: from then on nothing leaves. */
static void journal_fails(void **unused)
{
	unsigned commits = 0, before = 0;

	(void)unused;
	for (unsigned n = 1; !commits || n <= commits; n++) {
		struct stage stage;

		stage_init(&stage, company);
		stage.tenant.batch = 1;
		stage.state.fail_at = n;
		stage_run(&stage);
		assert_int_equal(stage.status, -1);
		assert_int_equal(stage.err.kind, ERR_IO);
		/* fake_send asserts that no call left without its intent. */
		if (stage.tenant.sent < before)
			fail_msg("commit %u fails: %u sent, %u when an earlier one did", n,
				 stage.tenant.sent, before);
		before = stage.tenant.sent;
		/* Nor is there an intent afterwards of what did not leave. */
		assert_int_equal(stage.state.durable.count, stage.tenant.sent);
		if (stage.tenant.sent == 7) { /* one a batch: the last commit is the end */
			commits = n;
		} else if (stage.result.counts[OUTCOME_SKIPPED] == 0) {
			fail_msg("commit %u fails: nothing is told to be skipped", n);
		}
		for (int o = 0, sum = 0; o < OUTCOME_COUNT; o++) {
			sum += (int)stage.result.counts[o];
			if (o == OUTCOME_COUNT - 1)
				assert_int_equal(sum, stage.scene.plan.steps.count);
		}
		stage_release(&stage);
	}
	assert_true(commits >= 8);
}

static void run_can_not_begin(void **unused)
{
	struct stage stage;

	(void)unused;
	stage_init(&stage, company);
	stage.state.fail_begin = true;
	stage_run(&stage);
	assert_int_equal(stage.status, -1);
	assert_int_equal(stage.err.kind, ERR_IO);
	assert_int_equal(stage.tenant.sent, 0);
	assert_int_equal(stage.result.counts[OUTCOME_SKIPPED], stage.scene.plan.steps.count);
	stage_release(&stage);
}

/* Asked to stop after each call in turn: what was sent is kept, the rest is listed. */
static void stopped(void **unused)
{
	(void)unused;
	for (unsigned n = 1; n <= 6; n++) {
		struct stage stage;

		stage_init(&stage, company);
		stage.tenant.stop_after = n;
		stage.tenant.batch = 1;
		stage_run(&stage);
		assert_int_equal(stage.status, 0);
		assert_int_equal(stage.tenant.sent, n);
		assert_int_equal(stage.state.durable.count, n);
		assert_true(stage.result.stopped);
		assert_true(stage.result.counts[OUTCOME_DONE] > 0);
		assert_int_equal(stage.result.counts[OUTCOME_DONE] +
					 stage.result.counts[OUTCOME_SKIPPED],
				 stage.scene.plan.steps.count);
		assert_true(stage.state.ended);
		assert_string_equal(stage.state.result, "partly");
		stage_release(&stage);
	}
}

/* The tenant can not be gone on with: the outcomes so far are kept. */
static void tenant_gives_up(void **unused)
{
	struct stage stage;

	(void)unused;
	stage_init(&stage, company);
	stage.tenant.send_errs_at = 2;
	stage_run(&stage);
	assert_int_equal(stage.status, -1);
	assert_int_equal(stage.err.kind, ERR_AUTH);
	assert_int_equal(stage.tenant.sent, 2);
	assert_non_null(strstr(stage.state.kept.data, "link l L left\n"));
	assert_non_null(strstr(stage.state.kept.data, "forget u role r1\n"));
	assert_string_equal(stage.state.result, "failed");
	stage_release(&stage);
}

static void nothing_to_do(void **unused)
{
	struct stage stage;

	(void)unused;
	stage_init(&stage, "person a\naccount A user=a@x ext=a displayName=a\nlink a A\n");
	stage_run(&stage);
	assert_int_equal(stage.status, 0);
	assert_int_equal(stage.tenant.sent, 0);
	assert_int_equal(stage.state.commits, 0);
	assert_true(stage.state.ended); /* a good run is what later ones compare with */
	assert_string_equal(stage.state.result, "good");
	stage_release(&stage);
}

/* --- with the real state ----------------------------------------------------------------- */

static void load_into(struct scene *scene, struct state *state)
{
	struct state_summary summary;
	struct recorded *items;
	struct err err = ERR_INIT;

	if (state->ops->load(state, fake_now(NULL) / 1000000, NULL, &scene->mem, &items,
			     &scene->in.recorded_count, &summary, &err))
		fail_msg("%s", err.text);
	scene->in.recorded = items;
	scene->in.baseline = summary.baseline;
	scene->in.last_good_count = summary.last_good_count;
}

/* First run, then the tenant as it is by then: nothing is left, and the record speaks. */
static void state_remembers(void **unused)
{
	static const char people[] = "person a title=T skill=Sales:2 group=G1\nperson b\n";
	static const char tenant[] =
		"account acc-a user=a@x ext=a displayName=a title=T skill=Sales:2 group=G1\n"
		"account acc-b user=b@x ext=b displayName=b\n";
	static const struct {
		const char *name, *people, *expected;
	} then[] = {
		{ "nothing is left", people, "" },
		{ "what we gave we take", "person a\nperson b\n",
		  "a skill-remove Sales\na group-remove G1\n" },
		{ "somebody leaves", "person a title=T skill=Sales:2 group=G1\n", "b disable\n" },
	};
	const char *tmp = getenv("TMPDIR");
	char dir[128], file[160], wal[180], shm[180];
	struct state *state;
	struct err err = ERR_INIT;
	struct stage stage;

	(void)unused;
	snprintf(dir, sizeof(dir), "%s/test_apply.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/state.db", dir);
	snprintf(wal, sizeof(wal), "%s-wal", file);
	snprintf(shm, sizeof(shm), "%s-shm", file);
	assert_int_equal(state_open_sqlite(file, "d", "t", true, &fake_clock, &state, &err), 0);
	assert_int_equal(state->ops->lock(state, &err), 0);

	/* fake_send looks into the fake state for intents: it is told all are there. */
	stage_init(&stage, people);
	stage.apply.state = state;
	for (uint64_t id = 1; id < 50; id++)
		vec_push(&stage.state.durable, id);
	stage_run(&stage);
	if (stage.status)
		fail_msg("%s", stage.err.text);
	check_text("first run", "not done", outcomes(&stage), "");
	stage_release(&stage);

	for (size_t i = 0; i < sizeof(then) / sizeof(*then); i++) {
		struct scene scene;
		struct buf out;

		buf_init(&out, 1 << 20);
		buf_addstr(&out, "");
		scene_init(&scene);
		scene.config.directory.max_drop_percent = 60;
		scene_read(&scene, tenant);
		scene_read(&scene, then[i].people);
		load_into(&scene, state);
		assert_true(scene.in.baseline);
		assert_int_equal(scene.in.last_good_count, 2);
		scene_plan(&scene, &out);
		check_text("then", then[i].name, out.data ? out.data : "", then[i].expected);
		scene_release(&scene);
		buf_release(&out);
	}
	state->ops->close(state);
	unlink(wal);
	unlink(shm);
	unlink(file);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_done),          cmocka_unit_test(each_failure),
		cmocka_unit_test(unknown_stays_tentative),
		cmocka_unit_test(journal_fails),     cmocka_unit_test(run_can_not_begin),
		cmocka_unit_test(stopped),           cmocka_unit_test(tenant_gives_up),
		cmocka_unit_test(nothing_to_do),     cmocka_unit_test(state_remembers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
