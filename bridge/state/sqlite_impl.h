/*
 * bridge/state/sqlite_impl.h - the SQLite state from within; for sqlite*.c of this folder.
 */
#ifndef BRIDGE_STATE_SQLITE_IMPL_H
#define BRIDGE_STATE_SQLITE_IMPL_H

#include <sqlite3.h>

#include "bridge/state/state.h"

/*
 * A holder on another machine can not be asked whether it lives; a run that has not
 * written for this long is taken for dead.
 */
#define LEASE_SECONDS 900

enum statement {
	SQL_INTENT,
	SQL_CALL_DONE,
	SQL_STEP_INSERT,
	SQL_STEP_DONE,
	SQL_LINK,
	SQL_FIELD,
	SQL_FIELD_FORGET,
	SQL_HELD,
	SQL_HELD_FORGET,
	SQL_HELD_TRY,
	SQL_HELD_UNTRY,
	SQL_HELD_FOUND,
	SQL_MOVE_LINK,
	SQL_MOVE_FIELD,
	SQL_MOVE_HELD,
	SQL_RENEW,
	SQL_COUNT,
};

struct sqlite_state {
	struct state base;
	sqlite3 *db; /* NULL = an empty state that is not written */
	sqlite3_stmt *prepared[SQL_COUNT];
	const struct clock *clock;
	char *file, *source, *target;
	int64_t fence;
	uint64_t run;
	const struct plan *plan;
};

/*
 * Open a file; returns SQLite's code. To write: created, mode 0600. Read-only: *ret_db is NULL
 * when there is no such file, and nothing is created beside it.
 */
int db_open(const char *file, bool write, sqlite3 **ret_db);

/* All of one database into another; returns SQLite's code. Others may write meanwhile. */
int db_copy(sqlite3 *from, sqlite3 *to);

/* What went wrong with the file, and the way out. Sets *err, returns -1. */
int db_fail(struct sqlite_state *s, const char *doing, struct err *err);
int db_run(struct sqlite_state *s, const char *sql, const char *doing, struct err *err);

void db_bind(sqlite3_stmt *st, int at, const char *text);
const char *db_text(sqlite3_stmt *st, int at); /* never NULL */

/* A statement for one use, to be finalized; ?1 and ?2 are bound to source and target. */
int db_prepare(struct sqlite_state *s, const char *sql, sqlite3_stmt **ret, struct err *err);
/* One that is kept; the same are bound. NULL when it can not be made: then db_fail. */
sqlite3_stmt *db_statement(struct sqlite_state *s, enum statement which);
/* Run a kept one that gives no rows. */
int db_finish(struct sqlite_state *s, sqlite3_stmt *st, struct err *err);

/* The parts of struct state_ops that are in files of their own. */
int sqlite_load(struct state *state, int64_t now_s, const struct state_whom *whom,
		struct arena *mem, struct recorded **ret_items, size_t *ret_count,
		struct state_summary *ret_summary, struct err *err);
int sqlite_each_link(struct state *state, state_link_fn *fn, void *ctx, struct err *err);
int sqlite_each_held(struct state *state, state_held_fn *fn, void *ctx, struct err *err);
int sqlite_begin_run(struct state *state, const struct plan *plan, int64_t now_s,
		     uint64_t *ret_run, struct err *err);
int sqlite_commit(struct state *state, const struct state_batch *batch, struct err *err);
int sqlite_end_run(struct state *state, const struct state_run *run, struct err *err);
int sqlite_runs(struct state *state, state_run_fn *fn, void *ctx, struct err *err);
int sqlite_run_steps(struct state *state, uint64_t run, state_step_fn *fn, void *ctx,
		     struct err *err);
int sqlite_verify(struct state *state, state_audit_fn *fn, void *ctx, struct err *err);
int sqlite_prune(struct state *state, int64_t before_s, unsigned long *ret_runs,
		 struct err *err);
int sqlite_backup(struct state *state, const char *file, struct err *err);
/* Runs up to this one that have ended, or never will, join the chain; in a transaction. */
int sqlite_seal_runs(struct sqlite_state *s, uint64_t run, struct err *err);

#endif
