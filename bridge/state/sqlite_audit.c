/*
 * The audit chain, retention, and backup.
 */
#include "bridge/state/sqlite_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scim/base/buf.h"
#include "scim/base/digest.h"

#include "scim/base/banned.h"

#define PAGES_AT_ONCE 256
#define COPY_WAIT_MS 20

/* A column with its type, so that none can be taken for a part of the next. */
static void add_column(struct digest *digest, sqlite3_stmt *st, int at)
{
	bool none = sqlite3_column_type(st, at) == SQLITE_NULL;

	digest_add_text(digest, none ? "" : "=");
	if (!none)
		digest_add_text(digest, db_text(st, at));
}

static int digest_steps(struct sqlite_state *s, int64_t run, char out[DIGEST_TEXT],
			struct err *err)
{
	struct digest *digest;
	sqlite3_stmt *st;
	int code;

	if (db_prepare(s, "SELECT seq, person, user_name, kind, what, old, new, privileged, outcome,"
		       " error, at FROM step WHERE source = ?1 AND target = ?2 AND run = ?3"
		       " ORDER BY seq", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, run);
	digest = digest_new();
	while ((code = sqlite3_step(st)) == SQLITE_ROW)
		for (int at = 0; at < sqlite3_column_count(st); at++)
			add_column(digest, st, at);
	digest_end(digest, out);
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : db_fail(s, "reading the run", err);
}

/* Columns of a run's record; what RUN_COLUMNS says, in its order. */
#define RUN_COLUMNS "id, started, ended, result, people, complete, steps, done, failed"
#define RUN_COLUMN_COUNT 9

static void chain(sqlite3_stmt *st, const char *before, const char *steps, char out[DIGEST_TEXT])
{
	struct digest *digest = digest_new();

	digest_add_text(digest, before);
	for (int at = 0; at < RUN_COLUMN_COUNT; at++)
		add_column(digest, st, at);
	digest_add_text(digest, steps);
	digest_end(digest, out);
}

static int keep_hash(struct sqlite_state *s, int64_t run, const char *steps, const char *hash,
		     struct err *err)
{
	sqlite3_stmt *st;
	int status;

	if (db_prepare(s, "UPDATE run SET digest = ?3, hash = ?4 WHERE source = ?1 AND target = ?2"
		       " AND id = ?5", &st, err))
		return -1;
	db_bind(st, 3, steps);
	db_bind(st, 4, hash);
	sqlite3_bind_int64(st, 5, run);
	status = sqlite3_step(st) == SQLITE_DONE ? 0 : db_fail(s, "ending the run", err);
	sqlite3_finalize(st);
	return status;
}

/* The hash of the newest run that has one; "" = none. */
static int last_hash(struct sqlite_state *s, char out[DIGEST_TEXT], struct err *err)
{
	sqlite3_stmt *st;

	out[0] = '\0';
	if (db_prepare(s, "SELECT hash FROM run WHERE source = ?1 AND target = ?2 AND hash NOT NULL"
		       " ORDER BY id DESC LIMIT 1", &st, err))
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		snprintf(out, DIGEST_TEXT, "%s", db_text(st, 0));
	sqlite3_finalize(st);
	return 0;
}

int sqlite_seal_runs(struct sqlite_state *s, uint64_t run, struct err *err)
{
	char before[DIGEST_TEXT], steps[DIGEST_TEXT], hash[DIGEST_TEXT];
	sqlite3_stmt *st;
	int code, status = last_hash(s, before, err);

	if (status || db_prepare(s, "SELECT " RUN_COLUMNS " FROM run WHERE source = ?1"
				 " AND target = ?2 AND id <= ?3 AND hash IS NULL ORDER BY id", &st,
				 err))
		return -1;
	sqlite3_bind_int64(st, 3, (int64_t)run);
	while ((code = sqlite3_step(st)) == SQLITE_ROW && status == 0) {
		int64_t id = sqlite3_column_int64(st, 0);

		status = digest_steps(s, id, steps, err);
		if (status)
			break;
		chain(st, before, steps, hash);
		status = keep_hash(s, id, steps, hash, err);
		memcpy(before, hash, sizeof(before));
	}
	sqlite3_finalize(st);
	if (status)
		return -1;
	return code == SQLITE_DONE ? 0 : db_fail(s, "ending the run", err);
}

/* What of a run's record does not fit; NULL = nothing. */
static int look(struct sqlite_state *s, sqlite3_stmt *st, const char *before, int64_t last,
		struct state_audit *audit, struct err *err)
{
	char steps[DIGEST_TEXT], hash[DIGEST_TEXT];
	const char *recorded = db_text(st, RUN_COLUMN_COUNT);

	if (digest_steps(s, (int64_t)audit->run, steps, err))
		return -1;
	chain(st, before, recorded, hash);
	if ((int64_t)audit->run != last + 1)
		audit->wrong = "a run before it is missing";
	else if (!audit->pruned && strcmp(steps, recorded) != 0)
		audit->wrong = "its steps are not those that were recorded";
	else if (strcmp(hash, audit->hash) != 0)
		audit->wrong = "its record, or the one before it, was changed";
	return 0;
}

int sqlite_verify(struct state *state, state_audit_fn *fn, void *ctx, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	char before[DIGEST_TEXT] = "";
	sqlite3_stmt *st;
	int64_t last = 0;
	int code, status = 0;

	if (!s->db)
		return 0;
	if (db_prepare(s, "SELECT " RUN_COLUMNS ", digest, hash, pruned FROM run WHERE source = ?1"
		       " AND target = ?2 ORDER BY id", &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct state_audit audit = {
			.run = (uint64_t)sqlite3_column_int64(st, 0),
			.hash = (const char *)sqlite3_column_text(st, RUN_COLUMN_COUNT + 1),
			.pruned = sqlite3_column_int(st, RUN_COLUMN_COUNT + 2),
		};

		if (audit.hash)
			status = look(s, st, before, last, &audit, err);
		else if (before[0] && sqlite3_column_int64(st, 2))
			audit.wrong = "it has no hash, and runs before it have";
		if (status || fn(ctx, &audit)) {
			code = SQLITE_DONE;
			break;
		}
		last = (int64_t)audit.run;
		snprintf(before, sizeof(before), "%s", audit.hash ? audit.hash : before);
	}
	sqlite3_finalize(st);
	if (status)
		return -1;
	return code == SQLITE_DONE ? 0 : db_fail(s, "reading the runs", err);
}

/* --- retention --------------------------------------------------------------------------- */

static int prune_rows(struct sqlite_state *s, const char *sql, int64_t before_s, struct err *err)
{
	sqlite3_stmt *st;
	int status;

	if (db_prepare(s, sql, &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, before_s);
	status = sqlite3_step(st) == SQLITE_DONE ? 0 : db_fail(s, "pruning the state", err);
	sqlite3_finalize(st);
	return status;
}

#define OLD_RUNS                                                                           \
	"SELECT id FROM run WHERE source = ?1 AND target = ?2 AND hash NOT NULL"           \
	" AND started < ?3 AND pruned = 0"

int sqlite_prune(struct state *state, int64_t before_s, unsigned long *ret_runs,
		 struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;

	if (db_run(s, "BEGIN IMMEDIATE", "pruning the state", err))
		return -1;
	if (prune_rows(s, "DELETE FROM step WHERE source = ?1 AND target = ?2 AND run IN (" OLD_RUNS
		       ")", before_s, err) ||
	    prune_rows(s, "DELETE FROM call WHERE source = ?1 AND target = ?2 AND ended NOT NULL"
		       " AND run IN (" OLD_RUNS ")", before_s, err) ||
	    prune_rows(s, "DELETE FROM tally WHERE source = ?1 AND target = ?2 AND run IN (" OLD_RUNS
		       ")", before_s, err) ||
	    prune_rows(s, "UPDATE run SET pruned = 1 WHERE source = ?1 AND target = ?2"
		       " AND hash NOT NULL AND started < ?3 AND pruned = 0", before_s, err)) {
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		return -1;
	}
	*ret_runs = (unsigned long)sqlite3_changes(s->db);
	return db_run(s, "COMMIT", "pruning the state", err);
}

/* --- backup ------------------------------------------------------------------------------ */

/* Some pages at a time: a run that writes meanwhile is not held up, and is seen. */
int db_copy(sqlite3 *from, sqlite3 *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	int code = SQLITE_OK;

	if (!backup)
		return sqlite3_errcode(to);
	while (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED) {
		code = sqlite3_backup_step(backup, PAGES_AT_ONCE);
		if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
			sqlite3_sleep(COPY_WAIT_MS);
	}
	return sqlite3_backup_finish(backup);
}

/* A copy by itself: no files beside it are needed to read it. */
static int copy_to(struct sqlite_state *s, const char *file, struct err *err)
{
	sqlite3 *copy = NULL;
	int code;

	if (unlink(file) != 0 && errno != ENOENT)
		return err_at(err, ERR_IO, file, 0, 0, "cannot be replaced: %s", strerror(errno));
	code = db_open(file, true, &copy);
	if (code == SQLITE_OK)
		code = db_copy(s->db, copy);
	if (code == SQLITE_OK)
		code = sqlite3_exec(copy, "PRAGMA journal_mode = DELETE; PRAGMA quick_check", NULL,
				    NULL, NULL);
	if (code != SQLITE_OK)
		err_at(err, ERR_IO, file, 0, 0, "the copy can not be written: %s",
		       copy ? sqlite3_errmsg(copy) : sqlite3_errstr(code));
	sqlite3_close(copy);
	return code == SQLITE_OK ? 0 : -1;
}

int sqlite_backup(struct state *state, const char *file, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	struct buf aside;
	int status;

	if (!s->db)
		return err_at(err, ERR_IO, s->file, 0, 0, "there is no state yet to copy");
	buf_init(&aside, 65536);
	buf_addf(&aside, "%s.new", file);
	status = copy_to(s, aside.data, err);
	if (status == 0 && rename(aside.data, file) != 0)
		status = err_at(err, ERR_IO, file, 0, 0, "cannot be written: %s", strerror(errno));
	if (status)
		unlink(aside.data);
	buf_release(&aside);
	return status;
}
