/*
 * The audit chain, retention, backup, and files of an older form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "bridge/state/state.h"

#include "scim/base/banned.h"

#define T0 INT64_C(1767225600) /* 2026-01-01 */
#define DAY 86400
#define RUNS 4

static int64_t now_s;

static int64_t fake_now(void *ctx)
{
	(void)ctx;
	return now_s * 1000000;
}

static const struct clock fake_clock = { fake_now, fake_now, NULL };

struct place {
	char dir[128], file[160], other[160];
};

static void place_make(struct place *place)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(place->dir, sizeof(place->dir), "%s/test_audit.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->file, sizeof(place->file), "%s/dirbridge.db", place->dir);
	snprintf(place->other, sizeof(place->other), "%s/copy.db", place->dir);
	now_s = T0;
}

static void remove_file(const char *file)
{
	static const char *const tails[] = { "", "-wal", "-shm", "-journal", ".new" };

	for (size_t i = 0; i < sizeof(tails) / sizeof(*tails); i++) {
		char path[200];

		snprintf(path, sizeof(path), "%s%s", file, tails[i]);
		unlink(path);
	}
}

static void place_remove(struct place *place)
{
	remove_file(place->file);
	remove_file(place->other);
	assert_int_equal(rmdir(place->dir), 0);
}

static struct state *open_at(const char *file, const char *target, bool write)
{
	struct err err = ERR_INIT;
	struct state *state = NULL;

	if (state_open_sqlite(file, "dir", target, write, &fake_clock, &state, &err))
		fail_msg("%s", err.text);
	if (write && state->ops->lock(state, &err))
		fail_msg("%s", err.text);
	return state;
}

/* A run with two steps, which ends unless it is cut off. */
static void add_run(struct state *state, const char *title, bool cut)
{
	struct plan plan = { .time_s = now_s, .people_in_scope = 10, .tally = "search 3 x" };
	struct plan_person person = { .id = "a", .dn = "cn=a", .user_name = "a@x",
				      .account_id = "A", .step_count = 2 };
	struct step steps[] = {
		{ .kind = STEP_SET, .attr = SCIM_ATTR_TITLE, .new_text = title },
		{ .kind = STEP_GRANT, .attr = SCIM_ATTR_COUNT, .name = "Agent", .item_id = "r",
		  .division = "Home", .division_id = "h" },
	};
	uint32_t numbers[] = { 0, 1 };
	struct call call = { .steps = numbers, .step_count = 2 };
	struct state_batch batch = { 0 };
	struct state_run run = { .started_s = now_s, .ended_s = now_s + 5, .result = "good",
				 .people = 10, .steps = 2, .done = 2, .complete = true };
	struct err err = ERR_INIT;

	verdict_init(&plan.directory);
	vec_push(&plan.people, person);
	for (size_t i = 0; i < 2; i++)
		vec_push(&plan.steps, steps[i]);
	if (state->ops->begin_run(state, &plan, now_s, &run.id, &err))
		fail_msg("%s", err.text);
	vec_push(&batch.intents, ((struct state_intent){ &call, "SCIM_PATCH" }));
	if (state->ops->commit(state, &batch, &err))
		fail_msg("%s", err.text);
	state_batch_clear(&batch);
	vec_push(&batch.outcomes, ((struct state_outcome){ call.journal_id, OUTCOME_DONE, 200, "c", NULL }));
	for (uint32_t i = 0; i < 2; i++)
		vec_push(&batch.steps, ((struct state_step){ i, OUTCOME_DONE, NULL }));
	if (!cut && (state->ops->commit(state, &batch, &err) ||
		     state->ops->end_run(state, &run, &err)))
		fail_msg("%s", err.text);
	state_batch_release(&batch);
	plan_release(&plan);
	now_s += DAY;
}

static void fill(const char *file, const char *target, bool cut)
{
	struct state *state = open_at(file, target, true);

	for (int i = 0; i < RUNS; i++) {
		char title[20];

		snprintf(title, sizeof(title), "Title %d", i);
		add_run(state, title, cut && i == 1);
	}
	state->ops->close(state);
}

struct seen {
	unsigned runs, sealed, pruned, wrong;
	uint64_t first;
	char why[100], hash[80];
};

static int on_audit(void *ctx, const struct state_audit *audit)
{
	struct seen *seen = ctx;

	seen->runs++;
	seen->sealed += audit->hash != NULL;
	seen->pruned += audit->pruned;
	if (audit->hash)
		snprintf(seen->hash, sizeof(seen->hash), "%s", audit->hash);
	if (audit->wrong && !seen->wrong++) {
		seen->first = audit->run;
		snprintf(seen->why, sizeof(seen->why), "%s", audit->wrong);
	}
	return 0;
}

static struct seen verify(const char *file)
{
	struct state *state = open_at(file, "tenant", false);
	struct seen seen = { 0 };
	struct err err = ERR_INIT;

	if (state->ops->verify(state, on_audit, &seen, &err))
		fail_msg("%s", err.text);
	state->ops->close(state);
	return seen;
}

static void sql(const char *file, const char *text)
{
	sqlite3 *db;
	char *error = NULL;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", text, error);
	sqlite3_close(db);
}

static const struct {
	const char *name, *sql;
	uint64_t first; /* run that does not fit */
	const char *why;
} tampered[] = {
	{ "nothing", "SELECT 1", 0, "" },
	{ "a value", "UPDATE step SET new = 'Boss' WHERE run = 2 AND seq = 0", 2, "its steps" },
	{ "who it was for", "UPDATE step SET user_name = 'b@x' WHERE run = 2", 2, "its steps" },
	{ "an outcome", "UPDATE step SET outcome = 'failed' WHERE run = 4 AND seq = 1", 4, "its steps" },
	{ "when", "UPDATE step SET at = at + 1 WHERE run = 1 AND seq = 1", 1, "its steps" },
	{ "a step is gone", "DELETE FROM step WHERE run = 3 AND seq = 1", 3, "its steps" },
	{ "a step is new", "INSERT INTO step SELECT source, target, run, 9, person, user_name, kind, what,"
	  " old, new, privileged, outcome, error, at FROM step WHERE run = 3 AND seq = 1", 3, "its steps" },
	{ "NULL for empty", "UPDATE step SET old = '' WHERE run = 3 AND seq = 1", 3, "its steps" },
	{ "a result", "UPDATE run SET result = 'partly' WHERE id = 3", 3, "its record" },
	{ "a time", "UPDATE run SET started = 1 WHERE id = 1", 1, "its record" },
	{ "steps and their hash", "UPDATE step SET new = 'Boss' WHERE run = 2; UPDATE run SET digest ="
	  " (SELECT digest FROM run WHERE id = 1) WHERE id = 2", 2, "its steps" },
	{ "a hash", "UPDATE run SET hash = 'x' WHERE id = 2", 2, "its record" },
	{ "a run is gone", "DELETE FROM run WHERE id = 2", 3, "a run before it is missing" },
	{ "the first run is gone", "DELETE FROM run WHERE id = 1", 2, "a run before it is missing" },
	{ "two runs in another order", "UPDATE run SET id = 99 WHERE id = 2; UPDATE run SET id = 2 WHERE id = 3;"
	  " UPDATE run SET id = 3 WHERE id = 99", 2, "" },
	{ "a hash is taken away", "UPDATE run SET hash = NULL WHERE id = 3", 3, "it has no hash" },
};

static void changes_are_found(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(tampered) / sizeof(*tampered); i++) {
		struct place place = { .dir = "" };
		struct seen seen;

		place_make(&place);
		fill(place.file, "tenant", false);
		fill(place.file, "another", false);
		sql(place.file, tampered[i].sql);
		seen = verify(place.file);
		if (seen.first != tampered[i].first || !strstr(seen.why, tampered[i].why))
			fail_msg("%s: run %d: %s", tampered[i].name, (int)seen.first, seen.why);
		place_remove(&place);
	}
}

/* A run that was cut off joins the chain with the next one, as far as it came. */
static void cut_off_runs_too(void **unused)
{
	struct place place = { .dir = "" };
	struct seen seen;

	(void)unused;
	place_make(&place);
	fill(place.file, "tenant", true);
	seen = verify(place.file);
	assert_int_equal(seen.sealed, RUNS);
	assert_int_equal(seen.wrong, 0);
	sql(place.file, "UPDATE step SET new = 'Boss' WHERE run = 2 AND seq = 0");
	assert_int_equal(verify(place.file).first, 2);
	place_remove(&place);
}

static void old_steps_are_forgotten(void **unused)
{
	struct place place = { .dir = "" };
	struct state *state;
	struct seen seen, before;
	struct err err = ERR_INIT;
	unsigned long runs = 0;

	(void)unused;
	place_make(&place);
	fill(place.file, "tenant", false);
	before = verify(place.file);
	state = open_at(place.file, "tenant", true);
	assert_int_equal(state->ops->prune(state, T0 + 2 * DAY, &runs, &err), 0);
	assert_int_equal(runs, 2);
	assert_int_equal(state->ops->prune(state, T0 + 2 * DAY, &runs, &err), 0);
	assert_int_equal(runs, 0);
	state->ops->close(state);
	seen = verify(place.file);
	assert_int_equal(seen.runs, RUNS);
	assert_int_equal(seen.pruned, 2);
	assert_int_equal(seen.wrong, 0);
	assert_string_equal(seen.hash, before.hash);
	sql(place.file, "UPDATE run SET done = 7 WHERE id = 1"); /* the record is still held */
	assert_int_equal(verify(place.file).first, 1);
	place_remove(&place);
}

static void a_copy_is_whole(void **unused)
{
	struct place place = { .dir = "" };
	struct state *state;
	struct err err = ERR_INIT;
	struct stat st;
	struct seen seen;

	(void)unused;
	place_make(&place);
	fill(place.file, "tenant", false);
	state = open_at(place.file, "tenant", true); /* a run is under way */
	add_run(state, "later", true);
	for (int i = 0; i < 2; i++) { /* the second replaces the first */
		struct state *reader = open_at(place.file, "tenant", false);

		if (reader->ops->backup(reader, place.other, &err))
			fail_msg("%s", err.text);
		reader->ops->close(reader);
	}
	seen = verify(place.other);
	assert_int_equal(seen.runs, RUNS + 1);
	assert_int_equal(seen.wrong, 0);
	assert_int_equal(stat(place.other, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	add_run(state, "and on", false); /* it was not held up */
	state->ops->close(state);
	assert_int_equal(verify(place.file).runs, RUNS + 2);
	place_remove(&place);
}

static void no_copy(void **unused)
{
	struct place place = { .dir = "" };
	struct state *state;
	struct err err = ERR_INIT;
	char nowhere[200];

	(void)unused;
	place_make(&place);
	state = open_at(place.file, "tenant", false);
	assert_int_equal(state->ops->backup(state, place.other, &err), -1);
	assert_non_null(strstr(err.text, "no state yet"));
	state->ops->close(state);
	fill(place.file, "tenant", false);
	state = open_at(place.file, "tenant", false);
	err = (struct err)ERR_INIT;
	snprintf(nowhere, sizeof(nowhere), "%s/nowhere/copy.db", place.dir);
	assert_int_equal(state->ops->backup(state, nowhere, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	state->ops->close(state);
	place_remove(&place);
}

/* Form 1: before the chain. What of it a run needs is the same. */
static void make_old(const char *file)
{
	sql(file, "ALTER TABLE run DROP COLUMN digest; ALTER TABLE run DROP COLUMN hash;"
		  "ALTER TABLE run DROP COLUMN pruned; PRAGMA user_version = 1;"
		  "PRAGMA journal_mode = DELETE");
}

static void an_older_form_is_brought_up(void **unused)
{
	struct place place = { .dir = "" };
	struct stat before, after;
	struct state *state;
	struct seen seen;

	(void)unused;
	place_make(&place);
	fill(place.file, "tenant", false);
	make_old(place.file);
	assert_int_equal(stat(place.file, &before), 0);
	seen = verify(place.file); /* reading leaves the file as it is */
	assert_int_equal(seen.runs, RUNS);
	assert_int_equal(seen.sealed + seen.wrong, 0);
	assert_int_equal(stat(place.file, &after), 0);
	assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
		    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
	state = open_at(place.file, "tenant", true);
	add_run(state, "new", false);
	state->ops->close(state);
	seen = verify(place.file); /* those before join the chain as they are */
	assert_int_equal(seen.runs, RUNS + 1);
	assert_int_equal(seen.sealed, RUNS + 1);
	assert_int_equal(seen.wrong, 0);
	place_remove(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_found),
		cmocka_unit_test(cut_off_runs_too),
		cmocka_unit_test(old_steps_are_forgotten),
		cmocka_unit_test(a_copy_is_whole),
		cmocka_unit_test(no_copy),
		cmocka_unit_test(an_older_form_is_brought_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
