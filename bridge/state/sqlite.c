/*
 * The state in a SQLite file: WAL, synchronous FULL (a commit is on disk when it returns).
 */
#include "bridge/state/sqlite_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scim/base/buf.h"

#include "scim/base/banned.h"

#define BUSY_TIMEOUT_MS 5000

/*
 * The forms of the file, each made from the one before; a new file goes through all of them.
 * What is here is never changed: files of that form exist.
 */
static const char form_1[] =
	"CREATE TABLE link(source TEXT, target TEXT, person TEXT, account TEXT NOT NULL,"
	" user_name TEXT, dn TEXT, gone INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(source, target, person)) WITHOUT ROWID;"
	"CREATE TABLE field(source TEXT, target TEXT, person TEXT, attr TEXT, key TEXT,"
	" value TEXT, PRIMARY KEY(source, target, person, attr, key)) WITHOUT ROWID;"
	"CREATE TABLE held(source TEXT, target TEXT, person TEXT, kind TEXT, item TEXT,"
	" division TEXT, level REAL, tentative INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(source, target, person, kind, item, division)) WITHOUT ROWID;"
	"CREATE TABLE run(source TEXT, target TEXT, id INTEGER, started INTEGER,"
	" ended INTEGER NOT NULL DEFAULT 0, result TEXT NOT NULL DEFAULT '', people INTEGER,"
	" complete INTEGER, steps INTEGER, done INTEGER NOT NULL DEFAULT 0,"
	" failed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(source, target, id)) WITHOUT ROWID;"
	"CREATE TABLE step(source TEXT, target TEXT, run INTEGER, seq INTEGER, person TEXT,"
	" user_name TEXT, kind TEXT, what TEXT, old TEXT, new TEXT, privileged INTEGER,"
	" outcome TEXT, error TEXT, at INTEGER,"
	" PRIMARY KEY(source, target, run, seq)) WITHOUT ROWID;"
	"CREATE TABLE call(id INTEGER PRIMARY KEY, source TEXT, target TEXT, run INTEGER,"
	" op TEXT, steps TEXT, sent INTEGER, ended INTEGER, outcome TEXT, status INTEGER,"
	" correlation TEXT, error TEXT);"
	"CREATE INDEX call_open ON call(source, target) WHERE ended IS NULL;"
	"CREATE INDEX step_recent ON step(source, target, at);"
	"CREATE TABLE lease(source TEXT, target TEXT, owner TEXT, host TEXT, pid INTEGER,"
	" born TEXT, expires INTEGER, fence INTEGER,"
	" PRIMARY KEY(source, target)) WITHOUT ROWID;";
/* The audit chain (sqlite_audit.c); a table that form 1 made when it was first needed. */
static const char form_2[] =
	"ALTER TABLE run ADD COLUMN digest TEXT; ALTER TABLE run ADD COLUMN hash TEXT;"
	"ALTER TABLE run ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE IF NOT EXISTS tally(source TEXT, target TEXT, run INTEGER, text TEXT,"
	" PRIMARY KEY(source, target, run)) WITHOUT ROWID;";

static const char *const forms[] = { form_1, form_2 };
#define FORM ((int)(sizeof(forms) / sizeof(forms[0])))

/* ?1 and ?2 are source and target in each. */
static const char *const statements[SQL_COUNT] = {
	[SQL_INTENT] = "INSERT INTO call(source, target, run, op, steps, sent)"
		       " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_CALL_DONE] = "UPDATE call SET ended = ?3, outcome = ?4, status = ?5,"
			  " correlation = ?6, error = ?7 WHERE id = ?8 AND source = ?1"
			  " AND target = ?2",
	[SQL_STEP_INSERT] =
		"INSERT OR IGNORE INTO step(source, target, run, seq, person, user_name, kind,"
		" what, old, new, privileged, outcome, at)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'sent', ?12)",
	[SQL_STEP_DONE] = "UPDATE step SET outcome = ?5, error = ?6, at = ?7"
			  " WHERE source = ?1 AND target = ?2 AND run = ?3 AND seq = ?4",
	[SQL_LINK] = "INSERT INTO link(source, target, person, account, user_name, dn, gone)"
		     " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET"
		     " account = excluded.account, user_name = excluded.user_name,"
		     " dn = excluded.dn, gone = excluded.gone",
	[SQL_FIELD] = "INSERT OR REPLACE INTO field VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_FIELD_FORGET] = "DELETE FROM field WHERE source = ?1 AND target = ?2"
			     " AND person = ?3 AND attr = ?4 AND key = ?5",
	[SQL_HELD] = "INSERT OR REPLACE INTO held VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
	[SQL_HELD_TRY] = "INSERT OR IGNORE INTO held VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)",
	[SQL_HELD_UNTRY] = "DELETE FROM held WHERE source = ?1 AND target = ?2 AND person = ?3"
			   " AND kind = ?4 AND item = ?5 AND division = ?6 AND tentative = 1",
	[SQL_HELD_FOUND] = "INSERT OR IGNORE INTO held VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 2)",
	[SQL_MOVE_LINK] = "UPDATE OR REPLACE link SET person = ?4, gone = 0 WHERE source = ?1"
			  " AND target = ?2 AND person = ?3",
	[SQL_MOVE_FIELD] = "UPDATE OR REPLACE field SET person = ?4 WHERE source = ?1"
			   " AND target = ?2 AND person = ?3",
	[SQL_MOVE_HELD] = "UPDATE OR REPLACE held SET person = ?4 WHERE source = ?1"
			  " AND target = ?2 AND person = ?3",
	[SQL_HELD_FORGET] = "DELETE FROM held WHERE source = ?1 AND target = ?2"
			    " AND person = ?3 AND kind = ?4 AND item = ?5 AND division = ?6",
	[SQL_RENEW] = "UPDATE lease SET expires = ?3 WHERE source = ?1 AND target = ?2"
		      " AND fence = ?4",
};

int db_fail(struct sqlite_state *s, const char *doing, struct err *err)
{
	int code = sqlite3_extended_errcode(s->db);

	switch (code & 0xff) {
	case SQLITE_FULL:
		return err_at(err, ERR_IO, s->file, 0, 0,
			      "%s: the disk is full; nothing more was sent. Make room and run "
			      "again", doing);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_at(err, ERR_IO, s->file, 0, 0,
			      "%s: the file is damaged (%s). Restore a backup; or move it away, "
			      "then links are found again by external id and nobody is taken for "
			      "gone", doing, sqlite3_errmsg(s->db));
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return err_at(err, ERR_IO, s->file, 0, 0,
			      "%s: cannot write here (%s); check owner and mode of file and "
			      "folder", doing, sqlite3_errmsg(s->db));
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_at(err, ERR_BUSY, s->file, 0, 0,
			      "%s: another program is writing to the state", doing);
	default:
		return err_at(err, ERR_IO, s->file, 0, 0, "%s: %s", doing,
			      sqlite3_errmsg(s->db));
	}
}

int db_run(struct sqlite_state *s, const char *sql, const char *doing, struct err *err)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(s, doing, err);
	return 0;
}

void db_bind(sqlite3_stmt *st, int at, const char *text)
{
	sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

const char *db_text(sqlite3_stmt *st, int at)
{
	const char *text = (const char *)sqlite3_column_text(st, at);

	return text ? text : "";
}

int db_prepare(struct sqlite_state *s, const char *sql, sqlite3_stmt **ret,
		   struct err *err)
{
	if (sqlite3_prepare_v2(s->db, sql, -1, ret, NULL) != SQLITE_OK)
		return db_fail(s, "reading the state", err);
	db_bind(*ret, 1, s->source);
	db_bind(*ret, 2, s->target);
	return 0;
}

sqlite3_stmt *db_statement(struct sqlite_state *s, enum statement which)
{
	sqlite3_stmt *st = s->prepared[which];

	if (!st && sqlite3_prepare_v3(s->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
				      &st, NULL) == SQLITE_OK)
		s->prepared[which] = st;
	if (st) {
		sqlite3_reset(st);
		sqlite3_clear_bindings(st);
		db_bind(st, 1, s->source);
		db_bind(st, 2, s->target);
	}
	return st;
}

int db_finish(struct sqlite_state *s, sqlite3_stmt *st, struct err *err)
{
	int code = st ? sqlite3_step(st) : SQLITE_ERROR;

	if (st)
		sqlite3_reset(st);
	return code == SQLITE_DONE ? 0 : db_fail(s, "writing the journal", err);
}

/* --- lease ------------------------------------------------------------------------------- */

/* When the process began (clock ticks since boot), so that a re-used pid is not taken for it. */
static void process_born(int pid, char *out, size_t size)
{
	char path[64], line[1024];
	const char *at;
	FILE *f;

	out[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(line, sizeof(line), f)) {
		at = strrchr(line, ')');
		for (int field = 2; at && field < 22; field++)
			at = strchr(at + 1, ' ');
		if (at)
			snprintf(out, size, "%.*s", (int)strcspn(at + 1, " \n"), at + 1);
	}
	fclose(f);
}

/* Does the holder in this row (host, pid, born, expires) still live? */
static bool holder_lives(sqlite3_stmt *st, const char *host, int64_t now_s)
{
	char born[32];
	int pid = sqlite3_column_int(st, 1);

	if (strcmp(db_text(st, 0), host) != 0)
		return sqlite3_column_int64(st, 3) > now_s;
	if (kill(pid, 0) != 0 && errno == ESRCH)
		return false;
	process_born(pid, born, sizeof(born));
	return strcmp(born, db_text(st, 2)) == 0;
}

static int check_lease(struct sqlite_state *s, const char *host, int64_t now_s,
		       struct err *err)
{
	sqlite3_stmt *st;
	int status = 0;

	if (db_prepare(s, "SELECT host, pid, born, expires, fence FROM lease"
		       " WHERE source = ?1 AND target = ?2", &st, err))
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW) {
		s->fence = sqlite3_column_int64(st, 4);
		if (holder_lives(st, host, now_s))
			status = err_at(err, ERR_BUSY, s->file, 0, 0,
					"another run holds the lock: process %d on %s. Wait until "
					"it ends", sqlite3_column_int(st, 1), db_text(st, 0));
	}
	sqlite3_finalize(st);
	return status;
}

static int take_lease(struct sqlite_state *s, const char *host, int64_t now_s,
		      struct err *err)
{
	char born[32];
	sqlite3_stmt *st;
	int status;

	process_born((int)getpid(), born, sizeof(born));
	s->fence++;
	if (db_prepare(s, "INSERT OR REPLACE INTO lease(source, target, owner, host, pid, born,"
		       " expires, fence) VALUES(?1, ?2, 'dirbridge', ?3, ?4, ?5, ?6, ?7)",
		    &st, err))
		return -1;
	db_bind(st, 3, host);
	sqlite3_bind_int(st, 4, (int)getpid());
	db_bind(st, 5, born);
	sqlite3_bind_int64(st, 6, now_s + LEASE_SECONDS);
	sqlite3_bind_int64(st, 7, s->fence);
	status = sqlite3_step(st) == SQLITE_DONE ? 0 : db_fail(s, "taking the lock", err);
	sqlite3_finalize(st);
	return status;
}

static int sqlite_lock(struct state *state, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	int64_t now_s = clock_now_us(s->clock) / 1000000;
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	if (db_run(s, "BEGIN IMMEDIATE", "taking the lock", err))
		return -1;
	if (check_lease(s, host, now_s, err) || take_lease(s, host, now_s, err)) {
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		s->fence = 0;
		return -1;
	}
	return db_run(s, "COMMIT", "taking the lock", err);
}

static void drop_lease(struct sqlite_state *s)
{
	sqlite3_stmt *st;

	if (!s->fence || db_prepare(s, "DELETE FROM lease WHERE source = ?1 AND target = ?2"
				    " AND fence = ?3", &st, NULL))
		return;
	sqlite3_bind_int64(st, 3, s->fence);
	sqlite3_step(st);
	sqlite3_finalize(st);
}

/* --- open and close ---------------------------------------------------------------------- */

static void sqlite_close(struct state *state)
{
	struct sqlite_state *s = (struct sqlite_state *)state;

	if (!s)
		return;
	if (s->db) {
		drop_lease(s);
		for (int i = 0; i < SQL_COUNT; i++)
			sqlite3_finalize(s->prepared[i]);
		sqlite3_close(s->db);
	}
	mem_free(s->file);
	mem_free(s->source);
	mem_free(s->target);
	mem_free(s);
}

static const struct state_ops sqlite_ops = {
	.lock = sqlite_lock,
	.load = sqlite_load,
	.each_link = sqlite_each_link,
	.each_held = sqlite_each_held,
	.begin_run = sqlite_begin_run,
	.commit = sqlite_commit,
	.end_run = sqlite_end_run,
	.runs = sqlite_runs,
	.run_steps = sqlite_run_steps,
	.verify = sqlite_verify,
	.prune = sqlite_prune,
	.backup = sqlite_backup,
	.close = sqlite_close,
};

static int read_version(struct sqlite_state *s, int *ret, struct err *err)
{
	sqlite3_stmt *st;
	int status = 0;

	if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return db_fail(s, "opening the state", err);
	if (sqlite3_step(st) == SQLITE_ROW)
		*ret = sqlite3_column_int(st, 0);
	else
		status = db_fail(s, "opening the state", err);
	sqlite3_finalize(st);
	return status;
}

/* From the form that the file has to ours, in one transaction. */
static int bring_up(struct sqlite_state *s, int version, struct err *err)
{
	char sql[64];
	int status = db_run(s, "BEGIN IMMEDIATE", "making the state", err);

	for (int form = version; form < FORM && status == 0; form++)
		status = db_run(s, forms[form], "making the state", err);
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", FORM);
	if (status || db_run(s, sql, "making the state", err) ||
	    db_run(s, "COMMIT", "making the state", err)) {
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		return -1;
	}
	return 0;
}

/* A dry run leaves the file as it is: an older form is brought up in memory. */
static int copy_to_memory(struct sqlite_state *s, struct err *err)
{
	sqlite3 *copy = NULL;

	if (sqlite3_open(":memory:", &copy) != SQLITE_OK || db_copy(s->db, copy) != SQLITE_OK) {
		sqlite3_close(copy);
		return db_fail(s, "reading the state", err);
	}
	sqlite3_close(s->db);
	s->db = copy;
	return 0;
}

static int check_version(struct sqlite_state *s, bool write, struct err *err)
{
	int version = 0;

	if (read_version(s, &version, err))
		return -1;
	if (version > FORM)
		return err_at(err, ERR_IO, s->file, 0, 0,
			      "made by a newer dirbridge (form %d, this one knows %d)", version,
			      FORM);
	if (version == FORM)
		return 0;
	if (!write && version == 0)
		return err_at(err, ERR_IO, s->file, 0, 0, "not a state of dirbridge");
	if (!write && copy_to_memory(s, err))
		return -1;
	return bring_up(s, version, err);
}

/*
 * A read-only connection to a WAL database would still make its -shm file. With no -wal
 * there nobody is writing and the file is whole by itself: it is read as immutable.
 */
static int open_read(const char *file, sqlite3 **ret_db)
{
	struct buf uri;
	struct stat st;
	char *wal;
	int code;

	if (stat(file, &st) != 0 && errno == ENOENT)
		return SQLITE_OK;
	buf_init(&uri, 65536);
	buf_addstr(&uri, "file:");
	for (const char *p = file; *p; p++) {
		if (*p == '/')
			buf_addch(&uri, '/');
		else
			buf_addurl(&uri, p, 1);
	}
	wal = mem_alloc(strlen(file) + 5);
	snprintf(wal, strlen(file) + 5, "%s-wal", file);
	if (access(wal, F_OK) != 0)
		buf_addstr(&uri, "?immutable=1");
	mem_free(wal);
	code = sqlite3_open_v2(uri.data, ret_db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
	buf_release(&uri);
	return code;
}

int db_open(const char *file, bool write, sqlite3 **ret_db)
{
	mode_t old = umask(077);
	int code;

	*ret_db = NULL;
	if (write)
		code = sqlite3_open_v2(file, ret_db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
				       NULL);
	else
		code = open_read(file, ret_db);
	umask(old);
	if (code == SQLITE_OK && *ret_db)
		sqlite3_busy_timeout(*ret_db, BUSY_TIMEOUT_MS);
	return code;
}

static int open_file(struct sqlite_state *s, bool write, struct err *err)
{
	if (db_open(s->file, write, &s->db) != SQLITE_OK)
		return db_fail(s, "opening the state", err);
	if (!s->db)
		return 0;
	if (write && db_run(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
			    "opening the state", err))
		return -1;
	return check_version(s, write, err);
}

int state_open_sqlite(const char *file, const char *source, const char *target, bool write,
		      const struct clock *clock, struct state **ret_state, struct err *err)
{
	struct sqlite_state *s = mem_zalloc(sizeof(*s));

	s->base.ops = &sqlite_ops;
	s->clock = clock;
	s->file = mem_strdup(file);
	s->source = mem_strdup(source);
	s->target = mem_strdup(target);
	if (open_file(s, write, err)) {
		sqlite_close(&s->base);
		return -1;
	}
	*ret_state = &s->base;
	return 0;
}
