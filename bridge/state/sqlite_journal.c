/*
 * Runs and the journal: intents and outcomes of calls, the steps that ride in each.
 */
#include "bridge/state/sqlite_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scim/base/buf.h"

#include "scim/base/banned.h"

static int keep_tally(struct sqlite_state *s, const char *tally, struct err *err)
{
	sqlite3_stmt *st;
	int status = 0;

	if (db_prepare(s, "INSERT INTO tally(source, target, run, text) VALUES(?1, ?2, ?3, ?4)", &st,
		       err))
		return -1;
	sqlite3_bind_int64(st, 3, (int64_t)s->run);
	sqlite3_bind_text(st, 4, tally, -1, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		status = db_fail(s, "beginning the run", err);
	sqlite3_finalize(st);
	return status;
}

int sqlite_begin_run(struct state *state, const struct plan *plan, int64_t now_s,
			    uint64_t *ret_run, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	sqlite3_stmt *st;
	int status = 0;

	if (db_prepare(s, "INSERT INTO run(source, target, id, started, people, complete, steps)"
		       " SELECT ?1, ?2, coalesce(max(id), 0) + 1, ?3, ?4, ?5, ?6 FROM run"
		       " WHERE source = ?1 AND target = ?2 RETURNING id", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, now_s);
	sqlite3_bind_int64(st, 4, (int64_t)plan->people_in_scope);
	/* A run for some people is no measure for later ones. */
	sqlite3_bind_int(st, 5, plan->directory.complete && !plan->only);
	sqlite3_bind_int64(st, 6, (int64_t)plan->steps.count);
	if (sqlite3_step(st) == SQLITE_ROW)
		s->run = (uint64_t)sqlite3_column_int64(st, 0);
	else
		status = db_fail(s, "beginning the run", err);
	/* Only a statement that is stepped to its end has committed. */
	if (status == 0 && sqlite3_step(st) != SQLITE_DONE)
		status = db_fail(s, "beginning the run", err);
	sqlite3_finalize(st);
	s->plan = plan;
	*ret_run = s->run;
	return status || !plan->tally ? status : keep_tally(s, plan->tally, err);
}

/* What a step is about, in one text: attribute, or name of what is assigned. */
static const char *step_what(const struct step *step, char *out, size_t size)
{
	const struct scim_attr_row *attr;

	switch (step->kind) {
	case STEP_SET:
	case STEP_RENAME:
	case STEP_ENABLE:
	case STEP_DISABLE:
	case STEP_MANAGER:
		attr = scim_attr(step->attr);
		snprintf(out, size, "%s%s%s", attr->name, step->key ? "." : "",
			 step->key ? step->key : "");
		break;
	case STEP_GRANT:
	case STEP_REVOKE:
		snprintf(out, size, "%s in %s", step->name ? step->name : "",
			 step->division ? step->division : "");
		break;
	default:
		snprintf(out, size, "%s", step->name ? step->name : "");
	}
	return out;
}

static int insert_step(struct sqlite_state *s, uint32_t index, int64_t now_s, struct err *err)
{
	const struct step *step = &s->plan->steps.items[index];
	const struct plan_person *person = &s->plan->people.items[step->person];
	sqlite3_stmt *st = db_statement(s, SQL_STEP_INSERT);
	char what[512], level[32];

	if (!st)
		return db_fail(s, "writing the journal", err);
	snprintf(level, sizeof(level), "%g", step->level);
	sqlite3_bind_int64(st, 3, (int64_t)s->run);
	sqlite3_bind_int64(st, 4, index);
	db_bind(st, 5, person->id);
	db_bind(st, 6, person->user_name);
	db_bind(st, 7, step_row(step->kind)->name);
	db_bind(st, 8, step_what(step, what, sizeof(what)));
	db_bind(st, 9, step->old_text);
	db_bind(st, 10, step->kind == STEP_SKILL_SET || step->kind == STEP_LANGUAGE_SET
				  ? level : step->new_text);
	sqlite3_bind_int(st, 11, step->privileged);
	sqlite3_bind_int64(st, 12, now_s);
	return db_finish(s, st, err);
}

static int write_intent(struct sqlite_state *s, const struct state_intent *intent,
			int64_t now_s, struct err *err)
{
	struct call *call = intent->call;
	sqlite3_stmt *st;
	struct buf steps;
	int status = 0;

	buf_init(&steps, 64 * 1024 * 1024);
	for (unsigned i = 0; i < call->step_count && status == 0; i++) {
		buf_addf(&steps, "%s%" PRIu32, i ? "," : "", call->steps[i]);
		status = insert_step(s, call->steps[i], now_s, err);
	}
	st = status ? NULL : db_statement(s, SQL_INTENT);
	if (st) {
		sqlite3_bind_int64(st, 3, (int64_t)s->run);
		db_bind(st, 4, intent->op);
		db_bind(st, 5, steps.data);
		sqlite3_bind_int64(st, 6, now_s);
		status = db_finish(s, st, err);
		call->journal_id = (uint64_t)sqlite3_last_insert_rowid(s->db);
	} else if (status == 0) {
		status = db_fail(s, "writing the journal", err);
	}
	buf_release(&steps);
	return status;
}

static int write_outcome(struct sqlite_state *s, const struct state_outcome *outcome,
			 int64_t now_s, struct err *err)
{
	sqlite3_stmt *st = db_statement(s, SQL_CALL_DONE);

	if (!st)
		return db_fail(s, "writing the journal", err);
	sqlite3_bind_int64(st, 3, now_s);
	db_bind(st, 4, outcome_name(outcome->outcome));
	sqlite3_bind_int(st, 5, outcome->http_status);
	db_bind(st, 6, outcome->correlation_id);
	db_bind(st, 7, outcome->error);
	sqlite3_bind_int64(st, 8, (int64_t)outcome->journal_id);
	return db_finish(s, st, err);
}

static int write_step(struct sqlite_state *s, const struct state_step *step, int64_t now_s,
		      struct err *err)
{
	sqlite3_stmt *st;

	/* A step that was never sent has no row yet. */
	if (insert_step(s, step->step, now_s, err))
		return -1;
	st = db_statement(s, SQL_STEP_DONE);
	if (!st)
		return db_fail(s, "writing the journal", err);
	sqlite3_bind_int64(st, 3, (int64_t)s->run);
	sqlite3_bind_int64(st, 4, step->step);
	db_bind(st, 5, outcome_name(step->outcome));
	db_bind(st, 6, step->error);
	sqlite3_bind_int64(st, 7, now_s);
	return db_finish(s, st, err);
}

static int write_link(struct sqlite_state *s, const struct link *link, struct err *err)
{
	sqlite3_stmt *st = db_statement(s, SQL_LINK);

	if (!st)
		return db_fail(s, "writing the journal", err);
	db_bind(st, 3, link->person_id);
	db_bind(st, 4, link->account_id);
	db_bind(st, 5, link->user_name);
	db_bind(st, 6, link->dn);
	sqlite3_bind_int(st, 7, link->left);
	return db_finish(s, st, err);
}

static int write_relink(struct sqlite_state *s, const struct state_relink *relink,
			struct err *err)
{
	static const enum statement moves[] = { SQL_MOVE_LINK, SQL_MOVE_FIELD, SQL_MOVE_HELD };

	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		sqlite3_stmt *st = db_statement(s, moves[i]);

		if (!st)
			return db_fail(s, "writing the journal", err);
		db_bind(st, 3, relink->old_person);
		db_bind(st, 4, relink->person);
		if (db_finish(s, st, err))
			return -1;
	}
	return 0;
}

static int write_field(struct sqlite_state *s, const struct state_field *field,
		       struct err *err)
{
	bool forget = field->forget == STATE_FORGET;
	sqlite3_stmt *st = db_statement(s, forget ? SQL_FIELD_FORGET : SQL_FIELD);

	if (!st)
		return db_fail(s, "writing the journal", err);
	db_bind(st, 3, field->person);
	db_bind(st, 4, scim_attr(field->field.attr)->name);
	db_bind(st, 5, field->field.key ? field->field.key : "");
	if (!forget)
		db_bind(st, 6, field->field.value);
	return db_finish(s, st, err);
}

static int write_held(struct sqlite_state *s, const struct state_held *held, struct err *err)
{
	static const enum statement which[] = {
		[STATE_KEEP] = SQL_HELD,
		[STATE_FORGET] = SQL_HELD_FORGET,
		[STATE_TRY] = SQL_HELD_TRY,
		[STATE_UNTRY] = SQL_HELD_UNTRY,
		[STATE_FOUND] = SQL_HELD_FOUND,
	};
	bool forget = held->forget == STATE_FORGET || held->forget == STATE_UNTRY;
	sqlite3_stmt *st = db_statement(s, which[held->forget]);

	if (!st)
		return db_fail(s, "writing the journal", err);
	db_bind(st, 3, held->person);
	db_bind(st, 4, assign_kind_name(held->held.kind));
	db_bind(st, 5, held->held.item_id);
	db_bind(st, 6, held->held.division_id ? held->held.division_id : "");
	if (!forget)
		sqlite3_bind_double(st, 7, held->held.level);
	return db_finish(s, st, err);
}

/* The lease must still be ours: a run that was taken for dead must not write on. */
static int renew_lease(struct sqlite_state *s, int64_t now_s, struct err *err)
{
	sqlite3_stmt *st = db_statement(s, SQL_RENEW);

	if (!st)
		return db_fail(s, "writing the journal", err);
	sqlite3_bind_int64(st, 3, now_s + LEASE_SECONDS);
	sqlite3_bind_int64(st, 4, s->fence);
	if (db_finish(s, st, err))
		return -1;
	if (sqlite3_changes(s->db) == 0)
		return err_at(err, ERR_BUSY, s->file, 0, 0,
			      "another run has taken the lock meanwhile; this one stops");
	return 0;
}

static int write_batch(struct sqlite_state *s, const struct state_batch *batch,
		       struct err *err)
{
	int64_t now_s = clock_now_us(s->clock) / 1000000;
	int status = renew_lease(s, now_s, err);

	for (size_t i = 0; i < batch->intents.count && !status; i++)
		status = write_intent(s, &batch->intents.items[i], now_s, err);
	for (size_t i = 0; i < batch->outcomes.count && !status; i++)
		status = write_outcome(s, &batch->outcomes.items[i], now_s, err);
	for (size_t i = 0; i < batch->steps.count && !status; i++)
		status = write_step(s, &batch->steps.items[i], now_s, err);
	for (size_t i = 0; i < batch->relinks.count && !status; i++)
		status = write_relink(s, &batch->relinks.items[i], err);
	for (size_t i = 0; i < batch->links.count && !status; i++)
		status = write_link(s, &batch->links.items[i], err);
	for (size_t i = 0; i < batch->fields.count && !status; i++)
		status = write_field(s, &batch->fields.items[i], err);
	for (size_t i = 0; i < batch->held.count && !status; i++)
		status = write_held(s, &batch->held.items[i], err);
	return status;
}

int sqlite_commit(struct state *state, const struct state_batch *batch,
			 struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;

	if (db_run(s, "BEGIN IMMEDIATE", "writing the journal", err))
		return -1;
	if (write_batch(s, batch, err) || db_run(s, "COMMIT", "writing the journal", err)) {
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		return -1;
	}
	return 0;
}

static int end_run(struct sqlite_state *s, const struct state_run *run, struct err *err)
{
	sqlite3_stmt *st;
	int status;

	if (db_prepare(s, "UPDATE run SET ended = ?3, result = ?4, done = ?5, failed = ?6"
		       " WHERE source = ?1 AND target = ?2 AND id = ?7", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, run->ended_s);
	db_bind(st, 4, run->result);
	sqlite3_bind_int64(st, 5, (int64_t)run->done);
	sqlite3_bind_int64(st, 6, (int64_t)run->failed);
	sqlite3_bind_int64(st, 7, (int64_t)run->id);
	status = sqlite3_step(st) == SQLITE_DONE ? 0 : db_fail(s, "ending the run", err);
	sqlite3_finalize(st);
	if (status)
		return -1;
	/*
	 * Calls of an earlier run that was cut off: this run has read the tenant since, so
	 * what they did or did not do is in its plan.
	 */
	if (db_prepare(s, "UPDATE call SET ended = ?3, outcome = 'settled' WHERE source = ?1"
		       " AND target = ?2 AND ended IS NULL AND run < ?4", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, run->ended_s);
	sqlite3_bind_int64(st, 4, (int64_t)run->id);
	status = sqlite3_step(st) == SQLITE_DONE ? 0 : db_fail(s, "ending the run", err);
	sqlite3_finalize(st);
	return status;
}

int sqlite_end_run(struct state *state, const struct state_run *run, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;

	if (db_run(s, "BEGIN IMMEDIATE", "ending the run", err))
		return -1;
	if (end_run(s, run, err) || sqlite_seal_runs(s, run->id, err) ||
	    db_run(s, "COMMIT", "ending the run", err)) {
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		return -1;
	}
	return 0;
}

int sqlite_runs(struct state *state, state_run_fn *fn, void *ctx, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	sqlite3_stmt *st;
	int code;

	if (!s->db)
		return 0;
	if (db_prepare(s, "SELECT id, started, ended, result, people, steps, done, failed, complete"
		       " FROM run WHERE source = ?1 AND target = ?2 ORDER BY id DESC", &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct state_run run = {
			.id = (uint64_t)sqlite3_column_int64(st, 0),
			.started_s = sqlite3_column_int64(st, 1),
			.ended_s = sqlite3_column_int64(st, 2),
			.result = db_text(st, 3),
			.people = (unsigned long)sqlite3_column_int64(st, 4),
			.steps = (unsigned long)sqlite3_column_int64(st, 5),
			.done = (unsigned long)sqlite3_column_int64(st, 6),
			.failed = (unsigned long)sqlite3_column_int64(st, 7),
			.complete = sqlite3_column_int(st, 8),
		};

		if (fn(ctx, &run)) {
			code = SQLITE_DONE;
			break;
		}
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : db_fail(s, "reading the runs", err);
}

int sqlite_run_steps(struct state *state, uint64_t run, state_step_fn *fn, void *ctx,
			    struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	sqlite3_stmt *st;
	int code;

	if (!s->db)
		return 0;
	if (db_prepare(s, "SELECT person, user_name, kind, what, old, new, outcome, error FROM step"
		       " WHERE source = ?1 AND target = ?2 AND run = ?3 ORDER BY seq", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, (int64_t)run);
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct state_run_step step = {
			db_text(st, 0), db_text(st, 1), db_text(st, 2),
			db_text(st, 3), (const char *)sqlite3_column_text(st, 4),
			(const char *)sqlite3_column_text(st, 5), db_text(st, 6),
			(const char *)sqlite3_column_text(st, 7),
		};

		if (fn(ctx, &step)) {
			code = SQLITE_DONE;
			break;
		}
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : db_fail(s, "reading the run", err);
}
