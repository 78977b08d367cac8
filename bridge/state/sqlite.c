/*
 * The state in a SQLite file: WAL, synchronous FULL (a commit is on disk when it returns).
 */
#include "bridge/state/state.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scim/base/buf.h"

#include "scim/base/banned.h"

#define SCHEMA_VERSION 1
#define BUSY_TIMEOUT_MS 5000
/*
 * A holder on another machine can not be asked whether it lives; a run that has not
 * written for this long is taken for dead.
 */
#define LEASE_SECONDS 900

static const char schema[] =
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
	SQL_RENEW,
	SQL_COUNT,
};
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
			   " AND kind = ?4 AND item = ?5 AND division = ?6 AND tentative",
	[SQL_HELD_FORGET] = "DELETE FROM held WHERE source = ?1 AND target = ?2"
			    " AND person = ?3 AND kind = ?4 AND item = ?5 AND division = ?6",
	[SQL_RENEW] = "UPDATE lease SET expires = ?3 WHERE source = ?1 AND target = ?2"
		      " AND fence = ?4",
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

static int fail(struct sqlite_state *s, const char *doing, struct err *err)
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

static int run_sql(struct sqlite_state *s, const char *sql, const char *doing, struct err *err)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(s, doing, err);
	return 0;
}

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
	sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

static const char *column_text(sqlite3_stmt *st, int at)
{
	const char *text = (const char *)sqlite3_column_text(st, at);

	return text ? text : "";
}

static int prepare(struct sqlite_state *s, const char *sql, sqlite3_stmt **ret,
		   struct err *err)
{
	if (sqlite3_prepare_v2(s->db, sql, -1, ret, NULL) != SQLITE_OK)
		return fail(s, "reading the state", err);
	bind_text(*ret, 1, s->source);
	bind_text(*ret, 2, s->target);
	return 0;
}

static sqlite3_stmt *begin_statement(struct sqlite_state *s, enum statement which)
{
	sqlite3_stmt *st = s->prepared[which];

	if (!st && sqlite3_prepare_v3(s->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
				      &st, NULL) == SQLITE_OK)
		s->prepared[which] = st;
	if (st) {
		sqlite3_reset(st);
		sqlite3_clear_bindings(st);
		bind_text(st, 1, s->source);
		bind_text(st, 2, s->target);
	}
	return st;
}

static int finish_statement(struct sqlite_state *s, sqlite3_stmt *st, struct err *err)
{
	int code = st ? sqlite3_step(st) : SQLITE_ERROR;

	if (st)
		sqlite3_reset(st);
	return code == SQLITE_DONE ? 0 : fail(s, "writing the journal", err);
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

	if (strcmp(column_text(st, 0), host) != 0)
		return sqlite3_column_int64(st, 3) > now_s;
	if (kill(pid, 0) != 0 && errno == ESRCH)
		return false;
	process_born(pid, born, sizeof(born));
	return strcmp(born, column_text(st, 2)) == 0;
}

static int check_lease(struct sqlite_state *s, const char *host, int64_t now_s,
		       struct err *err)
{
	sqlite3_stmt *st;
	int status = 0;

	if (prepare(s, "SELECT host, pid, born, expires, fence FROM lease"
		       " WHERE source = ?1 AND target = ?2", &st, err))
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW) {
		s->fence = sqlite3_column_int64(st, 4);
		if (holder_lives(st, host, now_s))
			status = err_at(err, ERR_BUSY, s->file, 0, 0,
					"another run holds the lock: process %d on %s. Wait until "
					"it ends", sqlite3_column_int(st, 1), column_text(st, 0));
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
	if (prepare(s, "INSERT OR REPLACE INTO lease(source, target, owner, host, pid, born,"
		       " expires, fence) VALUES(?1, ?2, 'dirbridge', ?3, ?4, ?5, ?6, ?7)",
		    &st, err))
		return -1;
	bind_text(st, 3, host);
	sqlite3_bind_int(st, 4, (int)getpid());
	bind_text(st, 5, born);
	sqlite3_bind_int64(st, 6, now_s + LEASE_SECONDS);
	sqlite3_bind_int64(st, 7, s->fence);
	status = sqlite3_step(st) == SQLITE_DONE ? 0 : fail(s, "taking the lock", err);
	sqlite3_finalize(st);
	return status;
}

static int sqlite_lock(struct state *state, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	int64_t now_s = clock_now_us(s->clock) / 1000000;
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	if (run_sql(s, "BEGIN IMMEDIATE", "taking the lock", err))
		return -1;
	if (check_lease(s, host, now_s, err) || take_lease(s, host, now_s, err)) {
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		s->fence = 0;
		return -1;
	}
	return run_sql(s, "COMMIT", "taking the lock", err);
}

static void drop_lease(struct sqlite_state *s)
{
	sqlite3_stmt *st;

	if (!s->fence || prepare(s, "DELETE FROM lease WHERE source = ?1 AND target = ?2"
				    " AND fence = ?3", &st, NULL))
		return;
	sqlite3_bind_int64(st, 3, s->fence);
	sqlite3_step(st);
	sqlite3_finalize(st);
}

/* --- load -------------------------------------------------------------------------------- */

struct loaded {
	VEC(struct recorded) people;
	VEC(struct recorded_field) fields;
	VEC(struct recorded_held) held;
};

static int load_links(struct sqlite_state *s, struct arena *mem, struct loaded *in,
		      struct err *err)
{
	sqlite3_stmt *st;
	int code;

	if (prepare(s, "SELECT person, account, user_name, dn, gone FROM link"
		       " WHERE source = ?1 AND target = ?2 ORDER BY person", &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct recorded person = { 0 };

		person.link.person_id = arena_strdup(mem, column_text(st, 0));
		person.link.account_id = arena_strdup(mem, column_text(st, 1));
		person.link.user_name = arena_strdup(mem, column_text(st, 2));
		person.link.dn = arena_strdup(mem, column_text(st, 3));
		person.link.left = sqlite3_column_int(st, 4);
		vec_push(&in->people, person);
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : fail(s, "reading the state", err);
}

/* Rows come in the people's order: *at walks along. NULL = a row of nobody linked. */
static struct recorded *person_of(struct loaded *in, size_t *at, const char *person)
{
	while (*at < in->people.count &&
	       strcmp(in->people.items[*at].link.person_id, person) < 0)
		(*at)++;
	if (*at < in->people.count &&
	    strcmp(in->people.items[*at].link.person_id, person) == 0)
		return &in->people.items[*at];
	return NULL;
}

static int load_fields(struct sqlite_state *s, struct arena *mem, struct loaded *in,
		       struct err *err)
{
	sqlite3_stmt *st;
	size_t at = 0;
	int code;

	if (prepare(s, "SELECT person, attr, key, value FROM field"
		       " WHERE source = ?1 AND target = ?2 ORDER BY person", &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct recorded *person = person_of(in, &at, column_text(st, 0));
		enum scim_attr attr = scim_attr_find(column_text(st, 1));
		const char *key = column_text(st, 2);
		struct recorded_field field = { .attr = attr };

		if (!person || attr == SCIM_ATTR_COUNT)
			continue;
		field.key = key[0] ? arena_strdup(mem, key) : NULL;
		field.value = arena_strdup(mem, column_text(st, 3));
		vec_push(&in->fields, field);
		person->field_count++;
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : fail(s, "reading the state", err);
}

static enum assign_kind kind_of(const char *name)
{
	unsigned kind = 0;

	while (kind < ASSIGN_KIND_COUNT && strcmp(assign_kind_name(kind), name) != 0)
		kind++;
	return kind;
}

static int load_held(struct sqlite_state *s, struct arena *mem, struct loaded *in,
		     struct err *err)
{
	sqlite3_stmt *st;
	size_t at = 0;
	int code;

	if (prepare(s, "SELECT person, kind, item, division, level, tentative FROM held"
		       " WHERE source = ?1 AND target = ?2 ORDER BY person", &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct recorded *person = person_of(in, &at, column_text(st, 0));
		struct recorded_held held = { .kind = kind_of(column_text(st, 1)) };
		const char *division = column_text(st, 3);

		if (!person || held.kind == ASSIGN_KIND_COUNT)
			continue;
		held.item_id = arena_strdup(mem, column_text(st, 2));
		held.division_id = division[0] ? arena_strdup(mem, division) : NULL;
		held.level = sqlite3_column_double(st, 4);
		held.tentative = sqlite3_column_int(st, 5);
		vec_push(&in->held, held);
		person->held_count++;
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : fail(s, "reading the state", err);
}

static enum step_kind step_kind_of(const char *name)
{
	unsigned kind = 0;

	while (kind < STEP_KIND_COUNT && strcmp(step_row(kind)->name, name) != 0)
		kind++;
	return kind;
}

static int load_recent(struct sqlite_state *s, int64_t now_s, struct state_summary *summary,
		       struct err *err)
{
	sqlite3_stmt *st;
	int code;

	if (prepare(s, "SELECT kind, privileged, count(*) FROM step WHERE source = ?1"
		       " AND target = ?2 AND at > ?3 AND outcome IN ('done', 'accepted', 'unknown',"
		       " 'sent') GROUP BY kind, privileged", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, now_s - 24 * 3600);
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		enum step_kind kind = step_kind_of(column_text(st, 0));
		unsigned long count = (unsigned long)sqlite3_column_int64(st, 2);

		if (kind == STEP_KIND_COUNT)
			continue;
		if (step_row(kind)->limit != LIMIT_NONE)
			summary->recent[step_row(kind)->limit] += count;
		if (sqlite3_column_int(st, 1))
			summary->recent[LIMIT_PRIVILEGED] += count;
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : fail(s, "reading the state", err);
}

static int load_summary(struct sqlite_state *s, int64_t now_s, struct state_summary *summary,
			struct err *err)
{
	sqlite3_stmt *st;

	if (prepare(s, "SELECT max(ended), (SELECT people FROM run WHERE source = ?1 AND"
		       " target = ?2 AND result IN ('good','partly') AND complete ORDER BY id DESC LIMIT 1),"
		       " (SELECT max(people) FROM run WHERE source = ?1 AND target = ?2 AND"
		       " result IN ('good','partly') AND complete AND ended > ?3) FROM run WHERE source = ?1"
		       " AND target = ?2 AND result IN ('good','partly') AND complete", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, now_s - 7 * 24 * 3600);
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL) {
		unsigned long last = (unsigned long)sqlite3_column_int64(st, 1);
		unsigned long high = (unsigned long)sqlite3_column_int64(st, 2);

		summary->baseline = true;
		summary->last_good_s = sqlite3_column_int64(st, 0);
		summary->last_good_count = high > last ? high : last;
	}
	sqlite3_finalize(st);
	if (prepare(s, "SELECT count(*) FROM call WHERE source = ?1 AND target = ?2"
		       " AND ended IS NULL", &st, err))
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		summary->unfinished = (unsigned long)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return load_recent(s, now_s, summary, err);
}

static int sqlite_load(struct state *state, int64_t now_s, struct arena *mem,
		       struct recorded **ret_items, size_t *ret_count,
		       struct state_summary *ret_summary, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	struct loaded in = { 0 };
	struct state_summary summary = { 0 };
	struct recorded *items;
	size_t field = 0, held = 0;
	int status = -1;

	if (!s->db) {
		*ret_items = NULL;
		*ret_count = 0;
		*ret_summary = summary;
		return 0;
	}
	if (load_links(s, mem, &in, err) || load_fields(s, mem, &in, err) ||
	    load_held(s, mem, &in, err) || load_summary(s, now_s, &summary, err))
		goto out;
	items = arena_array(mem, in.people.count + 1, sizeof(*items));
	for (size_t i = 0; i < in.people.count; i++) {
		struct recorded *r = &items[i];
		struct recorded_field *fields;
		struct recorded_held *helds;

		*r = in.people.items[i];
		fields = arena_array(mem, r->field_count + 1, sizeof(*fields));
		for (unsigned f = 0; f < r->field_count; f++)
			fields[f] = in.fields.items[field++];
		r->fields = fields;
		helds = arena_array(mem, r->held_count + 1, sizeof(*helds));
		for (unsigned h = 0; h < r->held_count; h++)
			helds[h] = in.held.items[held++];
		r->held = helds;
	}
	*ret_items = items;
	*ret_count = in.people.count;
	*ret_summary = summary;
	status = 0;
out:
	vec_release(&in.people);
	vec_release(&in.fields);
	vec_release(&in.held);
	return status;
}

/* --- runs and the journal ---------------------------------------------------------------- */

static int sqlite_begin_run(struct state *state, const struct plan *plan, int64_t now_s,
			    uint64_t *ret_run, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	sqlite3_stmt *st;
	int status = 0;

	if (prepare(s, "INSERT INTO run(source, target, id, started, people, complete, steps)"
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
		status = fail(s, "beginning the run", err);
	/* Only a statement that is stepped to its end has committed. */
	if (status == 0 && sqlite3_step(st) != SQLITE_DONE)
		status = fail(s, "beginning the run", err);
	sqlite3_finalize(st);
	s->plan = plan;
	*ret_run = s->run;
	return status;
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
	sqlite3_stmt *st = begin_statement(s, SQL_STEP_INSERT);
	char what[512], level[32];

	if (!st)
		return fail(s, "writing the journal", err);
	snprintf(level, sizeof(level), "%g", step->level);
	sqlite3_bind_int64(st, 3, (int64_t)s->run);
	sqlite3_bind_int64(st, 4, index);
	bind_text(st, 5, person->id);
	bind_text(st, 6, person->user_name);
	bind_text(st, 7, step_row(step->kind)->name);
	bind_text(st, 8, step_what(step, what, sizeof(what)));
	bind_text(st, 9, step->old_text);
	bind_text(st, 10, step->kind == STEP_SKILL_SET || step->kind == STEP_LANGUAGE_SET
				  ? level : step->new_text);
	sqlite3_bind_int(st, 11, step->privileged);
	sqlite3_bind_int64(st, 12, now_s);
	return finish_statement(s, st, err);
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
	st = status ? NULL : begin_statement(s, SQL_INTENT);
	if (st) {
		sqlite3_bind_int64(st, 3, (int64_t)s->run);
		bind_text(st, 4, intent->op);
		bind_text(st, 5, steps.data);
		sqlite3_bind_int64(st, 6, now_s);
		status = finish_statement(s, st, err);
		call->journal_id = (uint64_t)sqlite3_last_insert_rowid(s->db);
	} else if (status == 0) {
		status = fail(s, "writing the journal", err);
	}
	buf_release(&steps);
	return status;
}

static int write_outcome(struct sqlite_state *s, const struct state_outcome *outcome,
			 int64_t now_s, struct err *err)
{
	sqlite3_stmt *st = begin_statement(s, SQL_CALL_DONE);

	if (!st)
		return fail(s, "writing the journal", err);
	sqlite3_bind_int64(st, 3, now_s);
	bind_text(st, 4, outcome_name(outcome->outcome));
	sqlite3_bind_int(st, 5, outcome->http_status);
	bind_text(st, 6, outcome->correlation_id);
	bind_text(st, 7, outcome->error);
	sqlite3_bind_int64(st, 8, (int64_t)outcome->journal_id);
	return finish_statement(s, st, err);
}

static int write_step(struct sqlite_state *s, const struct state_step *step, int64_t now_s,
		      struct err *err)
{
	sqlite3_stmt *st;

	/* A step that was never sent has no row yet. */
	if (insert_step(s, step->step, now_s, err))
		return -1;
	st = begin_statement(s, SQL_STEP_DONE);
	if (!st)
		return fail(s, "writing the journal", err);
	sqlite3_bind_int64(st, 3, (int64_t)s->run);
	sqlite3_bind_int64(st, 4, step->step);
	bind_text(st, 5, outcome_name(step->outcome));
	bind_text(st, 6, step->error);
	sqlite3_bind_int64(st, 7, now_s);
	return finish_statement(s, st, err);
}

static int write_link(struct sqlite_state *s, const struct link *link, struct err *err)
{
	sqlite3_stmt *st = begin_statement(s, SQL_LINK);

	if (!st)
		return fail(s, "writing the journal", err);
	bind_text(st, 3, link->person_id);
	bind_text(st, 4, link->account_id);
	bind_text(st, 5, link->user_name);
	bind_text(st, 6, link->dn);
	sqlite3_bind_int(st, 7, link->left);
	return finish_statement(s, st, err);
}

static int write_field(struct sqlite_state *s, const struct state_field *field,
		       struct err *err)
{
	bool forget = field->forget == STATE_FORGET;
	sqlite3_stmt *st = begin_statement(s, forget ? SQL_FIELD_FORGET : SQL_FIELD);

	if (!st)
		return fail(s, "writing the journal", err);
	bind_text(st, 3, field->person);
	bind_text(st, 4, scim_attr(field->field.attr)->name);
	bind_text(st, 5, field->field.key ? field->field.key : "");
	if (!forget)
		bind_text(st, 6, field->field.value);
	return finish_statement(s, st, err);
}

static int write_held(struct sqlite_state *s, const struct state_held *held, struct err *err)
{
	static const enum statement which[] = {
		[STATE_KEEP] = SQL_HELD,
		[STATE_FORGET] = SQL_HELD_FORGET,
		[STATE_TRY] = SQL_HELD_TRY,
		[STATE_UNTRY] = SQL_HELD_UNTRY,
	};
	bool forget = held->forget == STATE_FORGET || held->forget == STATE_UNTRY;
	sqlite3_stmt *st = begin_statement(s, which[held->forget]);

	if (!st)
		return fail(s, "writing the journal", err);
	bind_text(st, 3, held->person);
	bind_text(st, 4, assign_kind_name(held->held.kind));
	bind_text(st, 5, held->held.item_id);
	bind_text(st, 6, held->held.division_id ? held->held.division_id : "");
	if (!forget)
		sqlite3_bind_double(st, 7, held->held.level);
	return finish_statement(s, st, err);
}

/* The lease must still be ours: a run that was taken for dead must not write on. */
static int renew_lease(struct sqlite_state *s, int64_t now_s, struct err *err)
{
	sqlite3_stmt *st = begin_statement(s, SQL_RENEW);

	if (!st)
		return fail(s, "writing the journal", err);
	sqlite3_bind_int64(st, 3, now_s + LEASE_SECONDS);
	sqlite3_bind_int64(st, 4, s->fence);
	if (finish_statement(s, st, err))
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
	for (size_t i = 0; i < batch->links.count && !status; i++)
		status = write_link(s, &batch->links.items[i], err);
	for (size_t i = 0; i < batch->fields.count && !status; i++)
		status = write_field(s, &batch->fields.items[i], err);
	for (size_t i = 0; i < batch->held.count && !status; i++)
		status = write_held(s, &batch->held.items[i], err);
	return status;
}

static int sqlite_commit(struct state *state, const struct state_batch *batch,
			 struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;

	if (run_sql(s, "BEGIN IMMEDIATE", "writing the journal", err))
		return -1;
	if (write_batch(s, batch, err) || run_sql(s, "COMMIT", "writing the journal", err)) {
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		return -1;
	}
	return 0;
}

static int sqlite_end_run(struct state *state, const struct state_run *run, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	sqlite3_stmt *st;
	int status;

	if (prepare(s, "UPDATE run SET ended = ?3, result = ?4, done = ?5, failed = ?6"
		       " WHERE source = ?1 AND target = ?2 AND id = ?7", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, run->ended_s);
	bind_text(st, 4, run->result);
	sqlite3_bind_int64(st, 5, (int64_t)run->done);
	sqlite3_bind_int64(st, 6, (int64_t)run->failed);
	sqlite3_bind_int64(st, 7, (int64_t)run->id);
	status = sqlite3_step(st) == SQLITE_DONE ? 0 : fail(s, "ending the run", err);
	sqlite3_finalize(st);
	if (status)
		return -1;
	/*
	 * Calls of an earlier run that was cut off: this run has read the tenant since, so
	 * what they did or did not do is in its plan.
	 */
	if (prepare(s, "UPDATE call SET ended = ?3, outcome = 'settled' WHERE source = ?1"
		       " AND target = ?2 AND ended IS NULL AND run < ?4", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, run->ended_s);
	sqlite3_bind_int64(st, 4, (int64_t)run->id);
	status = sqlite3_step(st) == SQLITE_DONE ? 0 : fail(s, "ending the run", err);
	sqlite3_finalize(st);
	return status;
}

static int sqlite_runs(struct state *state, state_run_fn *fn, void *ctx, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	sqlite3_stmt *st;
	int code;

	if (!s->db)
		return 0;
	if (prepare(s, "SELECT id, started, ended, result, people, steps, done, failed, complete"
		       " FROM run WHERE source = ?1 AND target = ?2 ORDER BY id DESC", &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct state_run run = {
			.id = (uint64_t)sqlite3_column_int64(st, 0),
			.started_s = sqlite3_column_int64(st, 1),
			.ended_s = sqlite3_column_int64(st, 2),
			.result = column_text(st, 3),
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
	return code == SQLITE_DONE ? 0 : fail(s, "reading the runs", err);
}

static int sqlite_run_steps(struct state *state, uint64_t run, state_step_fn *fn, void *ctx,
			    struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	sqlite3_stmt *st;
	int code;

	if (!s->db)
		return 0;
	if (prepare(s, "SELECT person, user_name, kind, what, old, new, outcome, error FROM step"
		       " WHERE source = ?1 AND target = ?2 AND run = ?3 ORDER BY seq", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, (int64_t)run);
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct state_run_step step = {
			column_text(st, 0), column_text(st, 1), column_text(st, 2),
			column_text(st, 3), (const char *)sqlite3_column_text(st, 4),
			(const char *)sqlite3_column_text(st, 5), column_text(st, 6),
			(const char *)sqlite3_column_text(st, 7),
		};

		if (fn(ctx, &step)) {
			code = SQLITE_DONE;
			break;
		}
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : fail(s, "reading the run", err);
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
	.begin_run = sqlite_begin_run,
	.commit = sqlite_commit,
	.end_run = sqlite_end_run,
	.runs = sqlite_runs,
	.run_steps = sqlite_run_steps,
	.close = sqlite_close,
};

static int read_version(struct sqlite_state *s, int *ret, struct err *err)
{
	sqlite3_stmt *st;
	int status = 0;

	if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return fail(s, "opening the state", err);
	if (sqlite3_step(st) == SQLITE_ROW)
		*ret = sqlite3_column_int(st, 0);
	else
		status = fail(s, "opening the state", err);
	sqlite3_finalize(st);
	return status;
}

static int check_version(struct sqlite_state *s, bool write, struct err *err)
{
	char sql[64];
	int version = 0;

	if (read_version(s, &version, err))
		return -1;
	if (version > SCHEMA_VERSION)
		return err_at(err, ERR_IO, s->file, 0, 0,
			      "made by a newer dirbridge (form %d, this one knows %d)", version,
			      SCHEMA_VERSION);
	if (version == SCHEMA_VERSION)
		return 0;
	if (!write)
		return err_at(err, ERR_IO, s->file, 0, 0, "not a state of dirbridge");
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", SCHEMA_VERSION);
	if (run_sql(s, "BEGIN IMMEDIATE", "making the state", err) ||
	    run_sql(s, schema, "making the state", err) ||
	    run_sql(s, sql, "making the state", err) ||
	    run_sql(s, "COMMIT", "making the state", err))
		return -1;
	return 0;
}

static int quick_check(struct sqlite_state *s, struct err *err)
{
	sqlite3_stmt *st;
	int status = 0;

	if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK)
		return fail(s, "opening the state", err);
	if (sqlite3_step(st) != SQLITE_ROW)
		status = fail(s, "opening the state", err);
	else if (strcmp(column_text(st, 0), "ok") != 0)
		status = err_at(err, ERR_IO, s->file, 0, 0,
				"the file is damaged (%.80s). Restore a backup; or move it away, "
				"then links are found again by external id and nobody is taken "
				"for gone", column_text(st, 0));
	sqlite3_finalize(st);
	return status;
}

static int open_write(struct sqlite_state *s, struct err *err)
{
	mode_t old = umask(077);
	int code = sqlite3_open_v2(s->file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
				   NULL);

	umask(old);
	if (code != SQLITE_OK)
		return fail(s, "opening the state", err);
	sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
	if (run_sql(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
		    "opening the state", err) ||
	    quick_check(s, err))
		return -1;
	return check_version(s, true, err);
}

/*
 * A read-only connection to a WAL database would still make its -shm file. With no -wal
 * there nobody is writing and the file is whole by itself: it is read as immutable.
 */
static int open_read(struct sqlite_state *s, struct err *err)
{
	struct buf uri;
	struct stat st;
	char *wal;
	int code;

	if (stat(s->file, &st) != 0) {
		if (errno == ENOENT)
			return 0;
		return err_at(err, ERR_IO, s->file, 0, 0, "opening the state: %s",
			      strerror(errno));
	}
	buf_init(&uri, 65536);
	buf_addstr(&uri, "file:");
	for (const char *p = s->file; *p; p++) {
		if (*p == '/')
			buf_addch(&uri, '/');
		else
			buf_addurl(&uri, p, 1);
	}
	wal = mem_alloc(strlen(s->file) + 5);
	snprintf(wal, strlen(s->file) + 5, "%s-wal", s->file);
	if (access(wal, F_OK) != 0)
		buf_addstr(&uri, "?immutable=1");
	mem_free(wal);
	code = sqlite3_open_v2(uri.data, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
	buf_release(&uri);
	if (code != SQLITE_OK)
		return fail(s, "opening the state", err);
	sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
	if (quick_check(s, err))
		return -1;
	return check_version(s, false, err);
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
	if (write ? open_write(s, err) : open_read(s, err)) {
		sqlite_close(&s->base);
		return -1;
	}
	*ret_state = &s->base;
	return 0;
}
