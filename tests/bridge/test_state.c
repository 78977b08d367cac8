#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/state/state.h"

#include "scim/base/banned.h"

#define T0 INT64_C(1767225600) /* 2026-01-01 */
#define DAY 86400

static int64_t now_s = T0;
static struct arena plan_mem;

static int64_t fake_now(void *ctx)
{
	(void)ctx;
	return now_s * 1000000;
}

static const struct clock fake_clock = { fake_now, fake_now, NULL };

struct place {
	char dir[128], file[160], wal[180], shm[180];
};

static void place_make(struct place *place)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(place->dir, sizeof(place->dir), "%s/test_state.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->file, sizeof(place->file), "%s/dirbridge.db", place->dir);
	snprintf(place->wal, sizeof(place->wal), "%s-wal", place->file);
	snprintf(place->shm, sizeof(place->shm), "%s-shm", place->file);
	now_s = T0;
}

static void place_remove(struct place *place)
{
	chmod(place->dir, 0700);
	unlink(place->wal);
	unlink(place->shm);
	unlink(place->file);
	assert_int_equal(rmdir(place->dir), 0);
}

static struct state *open_at(const struct place *place, bool write)
{
	struct err err = ERR_INIT;
	struct state *state = NULL;

	if (state_open_sqlite(place->file, "dir", "tenant", write, &fake_clock, &state, &err))
		fail_msg("%s", err.text);
	return state;
}

static struct state *open_locked(const struct place *place)
{
	struct state *state = open_at(place, true);
	struct err err = ERR_INIT;

	if (state->ops->lock(state, &err))
		fail_msg("%s", err.text);
	return state;
}

/* Ann is created, Bob gets a role, Cid leaves. */
static void make_plan(struct plan *plan)
{
	static const struct plan_person people[] = {
		{ .id = "a1", .dn = "cn=ann", .user_name = "ann@x.org", .first_step = 0,
		  .step_count = 2, .change = PERSON_CREATE },
		{ .id = "b2", .dn = "cn=bob", .user_name = "bob@x.org", .account_id = "acc-b",
		  .first_step = 2, .step_count = 1, .change = PERSON_UPDATE },
		{ .id = "c3", .dn = "cn=cid", .user_name = "cid@x.org", .account_id = "acc-c",
		  .first_step = 3, .step_count = 1, .change = PERSON_LEAVE },
	};
	static const struct step steps[] = {
		{ .kind = STEP_CREATE, .person = 0, .new_text = "ann@x.org" },
		{ .kind = STEP_SKILL_SET, .person = 0, .name = "Billing", .item_id = "s1",
		  .level = 4 },
		{ .kind = STEP_GRANT, .person = 1, .name = "Admin", .item_id = "r1",
		  .division = "Home", .division_id = "d1", .privileged = true },
		{ .kind = STEP_DISABLE, .person = 2, .attr = SCIM_ATTR_ACTIVE,
		  .old_text = "true", .new_text = "false" },
	};

	*plan = (struct plan){ .time_s = T0, .people_in_scope = 200 };
	verdict_init(&plan->directory);
	for (size_t i = 0; i < sizeof(people) / sizeof(*people); i++)
		vec_push(&plan->people, people[i]);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		vec_push(&plan->steps, steps[i]);
}

static void commit(struct state *state, struct state_batch *batch)
{
	struct err err = ERR_INIT;

	if (state->ops->commit(state, batch, &err))
		fail_msg("%s", err.text);
	state_batch_clear(batch);
}

static uint64_t begin(struct state *state, const struct plan *plan)
{
	struct err err = ERR_INIT;
	uint64_t run = 0;

	if (state->ops->begin_run(state, plan, now_s, &run, &err))
		fail_msg("%s", err.text);
	return run;
}

static void end(struct state *state, uint64_t id, const char *result)
{
	struct state_run run = { .id = id, .ended_s = now_s, .result = result, .done = 4 };
	struct err err = ERR_INIT;

	if (state->ops->end_run(state, &run, &err))
		fail_msg("%s", err.text);
}

struct loaded {
	struct arena mem;
	struct recorded *items;
	size_t count;
	struct state_summary summary;
};

static struct loaded load(struct state *state)
{
	struct loaded in = { .mem = ARENA_INIT };
	struct err err = ERR_INIT;

	if (state->ops->load(state, now_s, NULL, &in.mem, &in.items, &in.count, &in.summary, &err))
		fail_msg("%s", err.text);
	return in;
}

static void empty_and_untouched(void **unused)
{
	struct place place;
	struct state *state;
	struct loaded in;

	(void)unused;
	place_make(&place);
	state = open_at(&place, false);
	in = load(state);
	assert_int_equal(in.count, 0);
	assert_false(in.summary.baseline);
	state->ops->close(state);
	/* A dry run makes no file. */
	assert_int_not_equal(access(place.file, F_OK), 0);
	place_remove(&place);
}

/* Everything of a run into a state, and out of it again after it was closed. */
static void fill(struct state *state, struct plan *plan, const char *result)
{
	static const uint32_t first[] = { 0, 1 }, second[] = { 2 }, third[] = { 3 };
	struct call calls[] = { { .steps = first, .step_count = 2 },
				{ .steps = second, .step_count = 1 },
				{ .steps = third, .step_count = 1 } };
	struct state_batch batch = { 0 };
	uint64_t run = begin(state, plan);

	for (size_t i = 0; i < 3; i++)
		vec_push(&batch.intents, ((struct state_intent){ &calls[i], "SCIM_CREATE" }));
	commit(state, &batch);
	for (size_t i = 0; i < 3; i++) {
		assert_int_not_equal(calls[i].journal_id, 0);
		vec_push(&batch.outcomes, ((struct state_outcome){ calls[i].journal_id,
								   OUTCOME_DONE, 201, "corr", NULL }));
	}
	for (uint32_t i = 0; i < 4; i++)
		vec_push(&batch.steps, ((struct state_step){ i, OUTCOME_DONE, NULL }));
	vec_push(&batch.links, ((struct link){ "c3", "acc-c", "cid@x.org", "cn=cid", true }));
	vec_push(&batch.links, ((struct link){ "a1", "acc-a", "ann@x.org", "cn=ann", false }));
	vec_push(&batch.fields, ((struct state_field){
					"a1", { SCIM_ATTR_TITLE, NULL, "Agent" }, STATE_KEEP }));
	vec_push(&batch.fields, ((struct state_field){
					"a1", { SCIM_ATTR_PHONE_NUMBERS, "work", "+41" },
					STATE_KEEP }));
	vec_push(&batch.held, ((struct state_held){
				      .person = "a1",
				      .held = { ASSIGN_SKILL, "s1", NULL, .level = 4 } }));
	vec_push(&batch.held, ((struct state_held){
				      .person = "a1",
				      .held = { ASSIGN_ROLE, "r1", "d1", .level = 0 } }));
	commit(state, &batch);
	end(state, run, result);
	state_batch_release(&batch);
}

static void kept(void **unused)
{
	struct place place;
	struct state *state;
	struct plan plan;
	struct loaded in;
	struct stat st;

	(void)unused;
	place_make(&place);
	make_plan(&plan);
	state = open_locked(&place);
	fill(state, &plan, "good");
	state->ops->close(state);
	assert_int_equal(stat(place.file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	now_s += 60;
	state = open_at(&place, false);
	in = load(state);
	assert_int_equal(in.count, 2);
	assert_string_equal(in.items[0].link.person_id, "a1"); /* by directory id */
	assert_string_equal(in.items[0].link.account_id, "acc-a");
	assert_string_equal(in.items[0].link.user_name, "ann@x.org");
	assert_string_equal(in.items[0].link.dn, "cn=ann");
	assert_false(in.items[0].link.left);
	assert_true(in.items[1].link.left);
	assert_int_equal(in.items[0].field_count, 2);
	assert_int_equal(in.items[0].fields[0].attr, SCIM_ATTR_PHONE_NUMBERS);
	assert_string_equal(in.items[0].fields[0].key, "work");
	assert_int_equal(in.items[0].fields[1].attr, SCIM_ATTR_TITLE);
	assert_null(in.items[0].fields[1].key);
	assert_string_equal(in.items[0].fields[1].value, "Agent");
	assert_int_equal(in.items[0].held_count, 2);
	assert_int_equal(in.items[0].held[0].kind, ASSIGN_ROLE);
	assert_string_equal(in.items[0].held[0].division_id, "d1");
	assert_int_equal(in.items[0].held[1].kind, ASSIGN_SKILL);
	assert_null(in.items[0].held[1].division_id);
	assert_true(in.items[0].held[1].level == 4);
	assert_true(in.summary.baseline);
	assert_int_equal(in.summary.last_good_count, 200);
	assert_int_equal(in.summary.last_good_s, T0);
	assert_int_equal(in.summary.unfinished, 0);
	assert_int_equal(in.summary.recent[LIMIT_CREATES], 1);
	assert_int_equal(in.summary.recent[LIMIT_DISABLES], 1);
	assert_int_equal(in.summary.recent[LIMIT_PRIVILEGED], 1);
	assert_int_equal(in.summary.recent[LIMIT_REVOKES], 0);
	arena_release(&in.mem);

	now_s += DAY; /* what counts for limits is a day old */
	in = load(state);
	assert_int_equal(in.summary.recent[LIMIT_CREATES], 0);
	assert_int_equal(in.summary.recent[LIMIT_PRIVILEGED], 0);
	arena_release(&in.mem);
	state->ops->close(state);
	/* Reading leaves nothing beside the file. */
	assert_int_not_equal(access(place.wal, F_OK), 0);
	assert_int_not_equal(access(place.shm, F_OK), 0);
	vec_release(&plan.people);
	vec_release(&plan.steps);
	place_remove(&place);
}

static void forgotten(void **unused)
{
	struct state_batch batch = { 0 };
	struct place place;
	struct state *state;
	struct plan plan;
	struct loaded in;

	(void)unused;
	place_make(&place);
	make_plan(&plan);
	state = open_locked(&place);
	fill(state, &plan, "good");
	vec_push(&batch.fields, ((struct state_field){
					"a1", { SCIM_ATTR_TITLE, NULL, NULL }, STATE_FORGET }));
	vec_push(&batch.held, ((struct state_held){
				      .person = "a1", .held = { ASSIGN_ROLE, "r1", "d1", .level = 0 },
				      .forget = STATE_FORGET }));
	vec_push(&batch.links, ((struct link){ "a1", "acc-a", "anna@x.org", "cn=anna", false }));
	commit(state, &batch);
	in = load(state);
	assert_int_equal(in.items[0].field_count, 1);
	assert_int_equal(in.items[0].held_count, 1);
	assert_string_equal(in.items[0].link.user_name, "anna@x.org");
	arena_release(&in.mem);
	state_batch_release(&batch);
	state->ops->close(state);
	vec_release(&plan.people);
	vec_release(&plan.steps);
	place_remove(&place);
}

/* What is tried is remembered apart from what is known to be done. */
static void tentative(void **unused)
{
	static const struct {
		const char *name;
		enum state_forget first, then;
		bool held, tentative;
	} cases[] = {
		{ "tried", STATE_TRY, STATE_TRY, true, true },
		{ "tried, then done", STATE_TRY, STATE_KEEP, true, false },
		{ "tried, then refused", STATE_TRY, STATE_UNTRY, false, false },
		{ "done, then tried again", STATE_KEEP, STATE_TRY, true, false },
		{ "done, a second try refused", STATE_KEEP, STATE_UNTRY, true, false },
		{ "done, then removed", STATE_KEEP, STATE_FORGET, false, false },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct state_held held = { .person = "a1",
					   .held = { ASSIGN_GROUP, "g1", NULL, .level = 0 } };
		struct state_batch batch = { 0 };
		struct place place;
		struct state *state;
		struct loaded in;

		place_make(&place);
		state = open_locked(&place);
		vec_push(&batch.links, ((struct link){ "a1", "acc-a", "ann", "cn", false }));
		held.forget = cases[i].first;
		vec_push(&batch.held, held);
		commit(state, &batch);
		held.forget = cases[i].then;
		vec_push(&batch.held, held);
		commit(state, &batch);
		in = load(state);
		if (in.items[0].held_count != cases[i].held)
			fail_msg("%s: %u held", cases[i].name, in.items[0].held_count);
		if (cases[i].held && in.items[0].held[0].tentative != cases[i].tentative)
			fail_msg("%s: tentative %d", cases[i].name, !cases[i].tentative);
		arena_release(&in.mem);
		state_batch_release(&batch);
		state->ops->close(state);
		place_remove(&place);
	}
}

/* Which runs are one to compare the next read with. */
/* What good and whole runs found: the last one, and all of seven days. */
static void tallies(void **unused)
{
	static const struct {
		int64_t at_s;
		const char *result, *tally;
		bool complete;
	} runs[] = {
		{ T0, "good", "search 1 too-old\n", true },
		{ T0 + 86400, "partly", "search 2 a\n", true },
		{ T0 + 86401, "failed", "search 3 failed\n", true },
		{ T0 + 86402, "good", "search 4 half\n", false },
		{ T0 + 86403, "good", NULL, true },
		{ T0 + 86404, "good", "search 5 a\n", true },
	};
	struct place place;
	struct state *state;
	struct plan plan;
	struct loaded in;

	(void)unused;
	place_make(&place);
	make_plan(&plan);
	state = open_locked(&place);
	in = load(state);
	assert_null(in.summary.tally);
	assert_int_equal(in.summary.tally_count, 0);
	arena_release(&in.mem);
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
		now_s = runs[i].at_s;
		plan.tally = runs[i].tally;
		plan.directory.complete = runs[i].complete;
		end(state, begin(state, &plan), runs[i].result);
	}
	now_s = T0 + 7 * 86400 + 1;
	in = load(state);
	assert_string_equal(in.summary.tally, "search 5 a\n");
	assert_int_equal(in.summary.tally_count, 2);
	assert_string_equal(in.summary.tallies[0], "search 5 a\n");
	assert_string_equal(in.summary.tallies[1], "search 2 a\n");
	arena_release(&in.mem);
	/* Long after, the last one still counts. */
	now_s = T0 + 90 * 86400;
	in = load(state);
	assert_int_equal(in.summary.tally_count, 1);
	assert_string_equal(in.summary.tally, "search 5 a\n");
	arena_release(&in.mem);
	state->ops->close(state);
	vec_release(&plan.people);
	vec_release(&plan.steps);
	place_remove(&place);
	now_s = T0;
}

static void baselines(void **unused)
{
	static const struct {
		const char *name, *result;
		bool complete, only, baseline;
	} cases[] = {
		{ "good", "good", true, false, true },
		{ "a person failed, the read was whole", "partly", true, false, true },
		{ "nothing was written", "failed", true, false, false },
		{ "half a read", "good", false, false, false },
		{ "only some people", "good", true, true, false },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct place place;
		struct state *state;
		struct plan plan;
		struct loaded in;

		place_make(&place);
		make_plan(&plan);
		plan.directory.complete = cases[i].complete;
		plan.only = cases[i].only;
		state = open_locked(&place);
		fill(state, &plan, cases[i].result);
		in = load(state);
		if (in.summary.baseline != cases[i].baseline)
			fail_msg("%s: baseline %d", cases[i].name, in.summary.baseline);
		arena_release(&in.mem);
		state->ops->close(state);
		vec_release(&plan.people);
		vec_release(&plan.steps);
		place_remove(&place);
	}
}

/* The highest count of seven days, so that a slow loss is seen as well. */
static void highest_count(void **unused)
{
	struct place place;
	struct state *state;
	struct plan plan;
	struct loaded in;

	(void)unused;
	place_make(&place);
	make_plan(&plan);
	state = open_locked(&place);
	plan.people_in_scope = 500;
	fill(state, &plan, "good");
	now_s += 2 * DAY;
	plan.people_in_scope = 400;
	fill(state, &plan, "good");
	in = load(state);
	assert_int_equal(in.summary.last_good_count, 500);
	arena_release(&in.mem);
	now_s += 6 * DAY;
	in = load(state);
	assert_int_equal(in.summary.last_good_count, 400);
	arena_release(&in.mem);
	now_s += 30 * DAY; /* the last good run counts, however old */
	in = load(state);
	assert_true(in.summary.baseline);
	assert_int_equal(in.summary.last_good_count, 400);
	arena_release(&in.mem);
	state->ops->close(state);
	vec_release(&plan.people);
	vec_release(&plan.steps);
	place_remove(&place);
}

static void other_tenant(void **unused)
{
	struct err err = ERR_INIT;
	struct place place;
	struct state *state, *other = NULL;
	struct plan plan;
	struct loaded in;

	(void)unused;
	place_make(&place);
	make_plan(&plan);
	state = open_locked(&place);
	fill(state, &plan, "good");
	assert_int_equal(state_open_sqlite(place.file, "dir", "another", true, &fake_clock, &other,
					   &err), 0);
	assert_int_equal(other->ops->lock(other, &err), 0); /* a lease of its own */
	in = load(other);
	assert_int_equal(in.count, 0);
	assert_false(in.summary.baseline);
	assert_int_equal(in.summary.recent[LIMIT_CREATES], 0);
	arena_release(&in.mem);
	other->ops->close(other);
	state->ops->close(state);
	vec_release(&plan.people);
	vec_release(&plan.steps);
	place_remove(&place);
}

static void lock_is_held(void **unused)
{
	struct err err = ERR_INIT;
	struct place place;
	struct state *state, *second;
	char pid[40];

	(void)unused;
	place_make(&place);
	state = open_locked(&place);
	second = open_at(&place, true);
	assert_int_equal(second->ops->lock(second, &err), -1);
	assert_int_equal(err.kind, ERR_BUSY);
	snprintf(pid, sizeof(pid), "process %d on ", (int)getpid());
	if (!strstr(err.text, pid))
		fail_msg("the holder is not named: %s", err.text);
	state->ops->close(state);
	err = (struct err)ERR_INIT;
	assert_int_equal(second->ops->lock(second, &err), 0);
	second->ops->close(second);
	place_remove(&place);
}

/* Who has lost the lease to another must not write on. */
static void lock_is_fenced(void **unused)
{
	struct state_batch batch = { 0 };
	struct err err = ERR_INIT;
	struct place place;
	struct state *state;
	struct plan plan;
	pid_t child;
	int status;

	(void)unused;
	place_make(&place);
	make_plan(&plan);
	/* A holder on another host that was silent for long: its lease has run out. */
	state = open_locked(&place);
	child = fork();
	if (child == 0) {
		char command[400];

		snprintf(command, sizeof(command),
			 "UPDATE lease SET fence = fence + 1, host = 'elsewhere'");
		execlp("sqlite3", "sqlite3", place.file, command, (char *)NULL);
		_exit(127);
	}
	waitpid(child, &status, 0);
	if (WEXITSTATUS(status) == 127) {
		state->ops->close(state);
		vec_release(&plan.people);
		vec_release(&plan.steps);
		place_remove(&place);
		skip();
	}
	vec_push(&batch.links, ((struct link){ "a1", "acc-a", "ann", "cn", false }));
	assert_int_equal(state->ops->commit(state, &batch, &err), -1);
	assert_int_equal(err.kind, ERR_BUSY);
	state->ops->close(state);

	/* It stays theirs until it runs out. */
	state = open_at(&place, true);
	err = (struct err)ERR_INIT;
	assert_int_equal(state->ops->lock(state, &err), -1);
	assert_int_equal(err.kind, ERR_BUSY);
	assert_non_null(strstr(err.text, "elsewhere"));
	now_s += 3600;
	err = (struct err)ERR_INIT;
	assert_int_equal(state->ops->lock(state, &err), 0);
	state->ops->close(state);
	state_batch_release(&batch);
	vec_release(&plan.people);
	vec_release(&plan.steps);
	place_remove(&place);
}

/* Killed between intent and outcome: the lock is free, the intent is known. */
static void killed(void **unused)
{
	struct place place;
	struct state *state;
	struct plan plan;
	struct loaded in;
	pid_t child;
	int status;

	(void)unused;
	place_make(&place);
	make_plan(&plan);
	child = fork();
	if (child == 0) {
		static const uint32_t steps[] = { 2 };
		struct call call = { .steps = steps, .step_count = 1 };
		struct state_batch batch = { 0 };
		struct err err = ERR_INIT;
		uint64_t run;

		if (state_open_sqlite(place.file, "dir", "tenant", true, &fake_clock, &state, &err) ||
		    state->ops->lock(state, &err) ||
		    state->ops->begin_run(state, &plan, now_s, &run, &err))
			_exit(1);
		vec_push(&batch.intents, ((struct state_intent){ &call, "ROLE_GRANT" }));
		if (state->ops->commit(state, &batch, &err))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	state = open_at(&place, false); /* a dry run looks while the -wal is still there */
	in = load(state);
	assert_int_equal(in.summary.unfinished, 1);
	assert_int_equal(in.summary.recent[LIMIT_PRIVILEGED], 1); /* it may have happened */
	assert_false(in.summary.baseline);
	arena_release(&in.mem);
	state->ops->close(state);

	state = open_locked(&place);
	fill(state, &plan, "good");
	in = load(state);
	assert_int_equal(in.summary.unfinished, 0);
	assert_true(in.summary.baseline);
	arena_release(&in.mem);
	state->ops->close(state);
	vec_release(&plan.people);
	vec_release(&plan.steps);
	place_remove(&place);
}

struct listing {
	unsigned runs, steps, failed;
	char first[16];
};

static int on_run(void *ctx, const struct state_run *run)
{
	struct listing *seen = ctx;

	if (!seen->runs++)
		snprintf(seen->first, sizeof(seen->first), "%s", run->result);
	return 0;
}

static int on_step(void *ctx, const struct state_run_step *step)
{
	struct listing *seen = ctx;

	seen->steps++;
	if (strcmp(step->outcome, "failed") == 0) {
		seen->failed++;
		assert_string_equal(step->error, "409 taken");
		assert_string_equal(step->user_name, "bob@x.org");
		assert_string_equal(step->kind, "grant");
		assert_string_equal(step->what, "Admin in Home");
	}
	return 0;
}

static void history(void **unused)
{
	struct state_batch batch = { 0 };
	struct listing seen = { 0 };
	struct err err = ERR_INIT;
	struct place place;
	struct state *state;
	struct plan plan;
	uint64_t run;

	(void)unused;
	place_make(&place);
	make_plan(&plan);
	state = open_locked(&place);
	fill(state, &plan, "good");
	run = begin(state, &plan);
	vec_push(&batch.steps, ((struct state_step){ 2, OUTCOME_FAILED, "409 taken" }));
	vec_push(&batch.steps, ((struct state_step){ 3, OUTCOME_SKIPPED, NULL }));
	commit(state, &batch);
	end(state, run, "partly");
	assert_int_equal(state->ops->runs(state, on_run, &seen, &err), 0);
	assert_int_equal(seen.runs, 2);
	assert_string_equal(seen.first, "partly"); /* newest first */
	assert_int_equal(state->ops->run_steps(state, run, on_step, &seen, &err), 0);
	assert_int_equal(seen.steps, 2);
	assert_int_equal(seen.failed, 1);
	state_batch_release(&batch);
	state->ops->close(state);
	vec_release(&plan.people);
	vec_release(&plan.steps);
	place_remove(&place);
}

static void write_bytes(const char *file, long at, const char *bytes, size_t len)
{
	FILE *f = fopen(file, at < 0 ? "wb" : "r+b");

	assert_non_null(f);
	if (at > 0)
		fseek(f, at, SEEK_SET);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

/* What is broken is refused with a way out, and left as it is. */
static void refused_files(void **unused)
{
	static const struct {
		const char *name;
		long at; /* -1: the whole file is this */
		bool write;
		const char *expected;
	} cases[] = {
		{ "no database", -1, true, "damaged" },
		{ "no database, dry run", -1, false, "damaged" },
		{ "pages overwritten", 4096, true, "damaged" },
		{ "pages overwritten, dry run", 4096, false, "damaged" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char junk[8192];
		struct err err = ERR_INIT;
		struct state *state = NULL;
		struct arena mem = ARENA_INIT;
		struct state_summary summary;
		struct recorded *items;
		struct place place;
		struct plan plan;
		size_t count;

		memset(junk, 'x', sizeof(junk));
		place_make(&place);
		make_plan(&plan);
		if (cases[i].at > 0) {
			state = open_locked(&place);
			fill(state, &plan, "good");
			state->ops->close(state);
		}
		write_bytes(place.file, cases[i].at, junk, sizeof(junk));
		state = NULL;
		if (state_open_sqlite(place.file, "dir", "tenant", cases[i].write, &fake_clock,
				      &state, &err) == 0 &&
		    state->ops->load(state, 0, NULL, &mem, &items, &count, &summary, &err) == 0)
			fail_msg("%s: read", cases[i].name);
		if (state)
			state->ops->close(state);
		arena_release(&mem);
		if (err.kind != ERR_IO || !strstr(err.text, cases[i].expected))
			fail_msg("%s: %d %s", cases[i].name, err.kind, err.text);
		if (!strstr(err.text, "backup"))
			fail_msg("%s: no way out: %s", cases[i].name, err.text);
		vec_release(&plan.people);
		vec_release(&plan.steps);
		place_remove(&place);
	}
}

static void newer_form(void **unused)
{
	struct err err = ERR_INIT;
	struct state *state = NULL;
	struct place place;

	(void)unused;
	place_make(&place);
	state = open_locked(&place);
	state->ops->close(state);
	/* user_version is a big-endian number at byte 60 of a database file. */
	write_bytes(place.file, 60, "\0\0\0\143", 4);
	state = NULL;
	assert_int_equal(state_open_sqlite(place.file, "dir", "tenant", true, &fake_clock, &state,
					   &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_non_null(strstr(err.text, "newer"));
	place_remove(&place);
}

static void nowhere_to_write(void **unused)
{
	struct err err = ERR_INIT;
	struct state *state = NULL;
	struct place place;
	char file[200];

	(void)unused;
	place_make(&place);
	snprintf(file, sizeof(file), "%s/none/dirbridge.db", place.dir);
	assert_int_equal(state_open_sqlite(file, "dir", "tenant", true, &fake_clock, &state, &err),
			 -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_non_null(strstr(err.text, "owner and mode"));
	place_remove(&place);
}

/* No room for the journal: the commit says so, and leaves nothing of it behind. */
static void no_room(void **unused)
{
	struct rlimit old, small;
	struct state_batch batch = { 0 };
	struct err err = ERR_INIT;
	struct place place;
	struct state *state;
	struct plan plan;
	struct stat st;
	struct loaded in;

	(void)unused;
	place_make(&place);
	make_plan(&plan);
	state = open_locked(&place);
	fill(state, &plan, "good");
	begin(state, &plan);
	for (int i = 0; i < 20000; i++)
		vec_push(&batch.fields, ((struct state_field){
						"a1",
						{ SCIM_ATTR_PHONE_NUMBERS,
						  arena_printf(&plan_mem, "type%d", i), "+41" },
						STATE_KEEP }));
	vec_push(&batch.links, ((struct link){ "d4", "acc-d", "dot", "cn=dot", false }));
	assert_int_equal(stat(place.wal, &st), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = (rlim_t)st.st_size + 8192;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(state->ops->commit(state, &batch, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(err.kind, ERR_IO);
	assert_non_null(strstr(err.text, "writing the journal"));
	in = load(state);
	assert_int_equal(in.count, 2);
	assert_int_equal(in.items[0].field_count, 2);
	arena_release(&in.mem);
	/* With room again it goes on. */
	commit(state, &batch);
	in = load(state);
	assert_int_equal(in.count, 3);
	arena_release(&in.mem);
	state->ops->close(state);
	state_batch_release(&batch);
	arena_release(&plan_mem);
	vec_release(&plan.people);
	vec_release(&plan.steps);
	place_remove(&place);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_and_untouched), cmocka_unit_test(kept),
		cmocka_unit_test(forgotten),           cmocka_unit_test(tentative),
		cmocka_unit_test(tallies),
		cmocka_unit_test(baselines),           cmocka_unit_test(highest_count),
		cmocka_unit_test(other_tenant),        cmocka_unit_test(lock_is_held),
		cmocka_unit_test(lock_is_fenced),      cmocka_unit_test(killed),
		cmocka_unit_test(history),             cmocka_unit_test(refused_files),
		cmocka_unit_test(newer_form),          cmocka_unit_test(nowhere_to_write),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
