/*
 * The mirror in a SQLite file. Rows of one read share a generation; the mark names the one
 * that counts, so that a new read fills its own while the old one still stands.
 */
#include "bridge/state/mirror.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/state/sqlite_impl.h"

#include "scim/base/banned.h"

#define MIRROR_VERSION 1

static const char schema[] =
	"CREATE TABLE mark(source TEXT, target TEXT, generation INTEGER, inputs TEXT,"
	" place BLOB, full INTEGER, people INTEGER, due INTEGER,"
	" run INTEGER, run_start INTEGER, PRIMARY KEY(source, target)) WITHOUT ROWID;"
	"CREATE TABLE todo(source TEXT, target TEXT, person TEXT,"
	" PRIMARY KEY(source, target, person)) WITHOUT ROWID;"
	"CREATE TABLE person(generation INTEGER, search INTEGER, key TEXT, id TEXT, dn TEXT,"
	" norm_dn BLOB, answers BLOB, names TEXT, manager TEXT, due INTEGER,"
	" PRIMARY KEY(generation, search, key)) WITHOUT ROWID;"
	"CREATE TABLE packed(generation INTEGER, search INTEGER, key TEXT, bytes BLOB,"
	" PRIMARY KEY(generation, search, key)) WITHOUT ROWID;"
	"CREATE TABLE used(last INTEGER);"
	"INSERT INTO used VALUES(0);";

enum mirror_statement { M_PERSON, M_PACKED, M_VALUES, M_DROP_PERSON, M_DROP_PACKED, M_TODO, M_COUNT };
static const char *const statements[M_COUNT] = {
	[M_PERSON] = "INSERT OR REPLACE INTO person VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[M_PACKED] = "INSERT OR REPLACE INTO packed VALUES(?1, ?2, ?3, ?4)",
	[M_DROP_PERSON] = "DELETE FROM person WHERE generation = ?1 AND search = ?2 AND key = ?3",
	[M_DROP_PACKED] = "DELETE FROM packed WHERE generation = ?1 AND search = ?2 AND key = ?3",
	[M_VALUES] = "SELECT bytes FROM packed WHERE generation = ?1 AND search = ?2 AND key = ?3",
	[M_TODO] = "INSERT OR IGNORE INTO todo VALUES(?1, ?2, ?3)",
};

struct mirror {
	sqlite3 *db;
	char *file, *source, *target;
	sqlite3_stmt *prepared[M_COUNT];
	int64_t generation; /* that counts; 0 = none */
	int64_t filling;    /* that mirror_fill adds to; 0 = none */
	bool in_transaction;
};

static int fail(struct mirror *m, struct err *err)
{
	return err_at(err, ERR_IO, m->file, 0, 0,
		      "the record of what was read last: %s; everything is read again",
		      m->db ? sqlite3_errmsg(m->db) : "cannot be opened");
}

static int run_sql(struct mirror *m, const char *sql, struct err *err)
{
	return sqlite3_exec(m->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(m, err);
}

static sqlite3_stmt *statement(struct mirror *m, enum mirror_statement which)
{
	sqlite3_stmt *st = m->prepared[which];

	if (!st && sqlite3_prepare_v3(m->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
				      &st, NULL) == SQLITE_OK)
		m->prepared[which] = st;
	if (st) {
		sqlite3_reset(st);
		sqlite3_clear_bindings(st);
	}
	return st;
}

static int finish(struct mirror *m, sqlite3_stmt *st, struct err *err)
{
	int code = st ? sqlite3_step(st) : SQLITE_ERROR;

	if (st)
		sqlite3_reset(st);
	return code == SQLITE_DONE ? 0 : fail(m, err);
}

/* A statement for one use with ?1 and ?2 bound to source and target. */
static int prepare(struct mirror *m, const char *sql, sqlite3_stmt **ret, struct err *err)
{
	if (sqlite3_prepare_v2(m->db, sql, -1, ret, NULL) != SQLITE_OK)
		return fail(m, err);
	db_bind(*ret, 1, m->source);
	db_bind(*ret, 2, m->target);
	return 0;
}

static void bind_slice(sqlite3_stmt *st, int at, struct slice bytes)
{
	sqlite3_bind_blob64(st, at, bytes.data ? bytes.data : "", bytes.len, SQLITE_STATIC);
}

static struct slice column_slice(sqlite3_stmt *st, int at)
{
	const char *bytes = sqlite3_column_blob(st, at);

	return slice_of(bytes ? bytes : "", (size_t)sqlite3_column_bytes(st, at));
}

/* --- packing ----------------------------------------------------------------------------- */

static void add_number(struct buf *out, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		buf_addch(out, (char)(number | 0x80));
	buf_addch(out, (char)number);
}

static bool take_number(struct slice *in, uint64_t max, uint64_t *ret)
{
	uint64_t number = 0;

	for (unsigned shift = 0; in->len && shift < 63; shift += 7) {
		unsigned char byte = (unsigned char)in->data[0];

		in->data++;
		in->len--;
		number |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = number;
			return number <= max;
		}
	}
	return false;
}

static void pack_values(const struct attr_values *values, struct buf *out)
{
	add_number(out, values->count);
	for (uint32_t i = 0; i < values->count; i++) {
		add_number(out, values->items[i].len);
		buf_add(out, values->items[i].data, values->items[i].len);
	}
}

void mirror_pack(const struct entry *entry, struct buf *out)
{
	static const struct attr_values none;

	add_number(out, entry->attr_count);
	for (unsigned i = 0; i < entry->attr_count; i++)
		pack_values(&entry->attrs[i], out);
	pack_values(entry->uids ? entry->uids : &none, out);
}

static bool unpack_values(struct slice *in, struct arena *mem, struct attr_values *ret)
{
	struct slice *items;
	uint64_t count, len;

	if (!take_number(in, ENTRY_VALUES_MAX, &count) || count > in->len)
		return false;
	items = arena_array(mem, count + 1, sizeof(*items));
	for (uint64_t i = 0; i < count; i++) {
		if (!take_number(in, in->len, &len) || len > in->len)
			return false;
		items[i] = slice_of(in->data, len);
		in->data += len;
		in->len -= len;
	}
	*ret = (struct attr_values){ .items = items, .count = (uint32_t)count };
	return true;
}

int mirror_unpack(struct slice packed, const struct layout *layout, struct arena *mem,
		  struct attr_values **ret_attrs, struct attr_values *ret_uids)
{
	struct attr_values *attrs = arena_array(mem, layout->names.count + 1, sizeof(*attrs));
	uint64_t count;

	if (!take_number(&packed, LAYOUT_SLOTS_MAX, &count) || count != layout->names.count)
		return -1;
	for (uint64_t i = 0; i < count; i++)
		if (!unpack_values(&packed, mem, &attrs[i]))
			return -1;
	if (!unpack_values(&packed, mem, ret_uids) || packed.len)
		return -1;
	*ret_attrs = attrs;
	return 0;
}

/* --- reading ----------------------------------------------------------------------------- */

static int load_todo(struct mirror *m, struct arena *mem, struct mirror_mark *mark,
		     struct err *err)
{
	VEC(const char *) todo = { 0 };
	const char **items;
	sqlite3_stmt *st;
	int code;

	if (prepare(m, "SELECT person FROM todo WHERE source = ?1 AND target = ?2", &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW)
		vec_push(&todo, arena_strdup(mem, db_text(st, 0)));
	sqlite3_finalize(st);
	items = arena_array(mem, todo.count + 1, sizeof(*items));
	if (todo.count)
		memcpy(items, todo.items, todo.count * sizeof(*items));
	mark->todo = items;
	mark->todo_count = todo.count;
	vec_release(&todo);
	return code == SQLITE_DONE ? 0 : fail(m, err);
}

int mirror_mark_load(struct mirror *m, struct arena *mem, struct mirror_mark *ret,
		     struct err *err)
{
	struct mirror_mark mark = { 0 };
	struct slice place;
	sqlite3_stmt *st;
	int code;

	if (prepare(m, "SELECT generation, inputs, place, full, people, due, run,"
		       " run_start FROM mark"
		       " WHERE source = ?1 AND target = ?2", &st, err))
		return -1;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW) {
		m->generation = sqlite3_column_int64(st, 0);
		mark.inputs = arena_strdup(mem, db_text(st, 1));
		place = column_slice(st, 2);
		mark.place = slice_of(arena_strndup(mem, place.data, place.len), place.len);
		mark.full_s = sqlite3_column_int64(st, 3);
		mark.people = (unsigned long)sqlite3_column_int64(st, 4);
		mark.due_s = sqlite3_column_int64(st, 5);
		mark.run = (uint64_t)sqlite3_column_int64(st, 6);
		mark.run_start_s = sqlite3_column_int64(st, 7);
	}
	sqlite3_finalize(st);
	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? 0 : fail(m, err);
	if (load_todo(m, mem, &mark, err))
		return -1;
	*ret = mark;
	return 1;
}

int mirror_each(struct mirror *m, mirror_head_fn *fn, void *ctx, struct err *err)
{
	sqlite3_stmt *st;
	int code;

	if (sqlite3_prepare_v2(m->db, "SELECT search, key, id, dn, norm_dn, answers, names,"
				      " manager, due FROM person WHERE generation = ?1"
				      " ORDER BY search, key", -1, &st, NULL) != SQLITE_OK)
		return fail(m, err);
	sqlite3_bind_int64(st, 1, m->generation);
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct mirror_head head = {
			.search = (unsigned)sqlite3_column_int(st, 0),
			.key = db_text(st, 1),
			.id = db_text(st, 2),
			.dn = db_text(st, 3),
			.norm_dn = column_slice(st, 4),
			.answers = column_slice(st, 5),
			.names = db_text(st, 6),
			.manager = db_text(st, 7),
			.due_s = sqlite3_column_int64(st, 8),
		};

		if (fn(ctx, &head)) {
			code = SQLITE_DONE;
			break;
		}
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : fail(m, err);
}

int mirror_values(struct mirror *m, unsigned search, const char *key, struct arena *mem,
		  struct slice *ret_packed, struct err *err)
{
	sqlite3_stmt *st = statement(m, M_VALUES);
	struct slice bytes;

	if (!st)
		return fail(m, err);
	sqlite3_bind_int64(st, 1, m->generation);
	sqlite3_bind_int64(st, 2, search);
	db_bind(st, 3, key);
	if (sqlite3_step(st) != SQLITE_ROW) {
		sqlite3_reset(st);
		return fail(m, err);
	}
	bytes = column_slice(st, 0);
	*ret_packed = slice_of(arena_strndup(mem, bytes.data, bytes.len), bytes.len);
	sqlite3_reset(st);
	return 0;
}

/* --- writing ----------------------------------------------------------------------------- */

static int put_head(struct mirror *m, int64_t generation, const struct mirror_head *head,
		    struct err *err)
{
	sqlite3_stmt *st = statement(m, M_PERSON);

	if (!st)
		return fail(m, err);
	sqlite3_bind_int64(st, 1, generation);
	sqlite3_bind_int64(st, 2, head->search);
	db_bind(st, 3, head->key);
	db_bind(st, 4, head->id);
	db_bind(st, 5, head->dn);
	bind_slice(st, 6, head->norm_dn);
	bind_slice(st, 7, head->answers);
	db_bind(st, 8, head->names);
	db_bind(st, 9, head->manager);
	sqlite3_bind_int64(st, 10, head->due_s);
	return finish(m, st, err);
}

static int put_packed(struct mirror *m, int64_t generation, const struct mirror_head *head,
		      struct slice packed, struct err *err)
{
	sqlite3_stmt *st = statement(m, M_PACKED);

	if (!st)
		return fail(m, err);
	sqlite3_bind_int64(st, 1, generation);
	sqlite3_bind_int64(st, 2, head->search);
	db_bind(st, 3, head->key);
	bind_slice(st, 4, packed);
	return finish(m, st, err);
}

static int drop_row(struct mirror *m, const struct mirror_head *head, struct err *err)
{
	for (unsigned which = M_DROP_PERSON; which <= M_DROP_PACKED; which++) {
		sqlite3_stmt *st = statement(m, which);

		if (!st)
			return fail(m, err);
		sqlite3_bind_int64(st, 1, m->generation);
		sqlite3_bind_int64(st, 2, head->search);
		db_bind(st, 3, head->key);
		if (finish(m, st, err))
			return -1;
	}
	return 0;
}

/* The number of the generation to fill; rows of a run that never committed go. */
static int next_generation(struct mirror *m, int64_t *ret, struct err *err)
{
	sqlite3_stmt *st;
	int64_t next = 0;

	if (run_sql(m, "DELETE FROM person WHERE generation NOT IN (SELECT generation FROM mark);"
		       "DELETE FROM packed WHERE generation NOT IN (SELECT generation FROM mark);"
		       "UPDATE used SET last = last + 1", err))
		return -1;
	if (sqlite3_prepare_v2(m->db, "SELECT last FROM used", -1, &st, NULL) != SQLITE_OK)
		return fail(m, err);
	if (sqlite3_step(st) == SQLITE_ROW)
		next = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	if (next <= 0)
		return fail(m, err);
	*ret = next;
	return 0;
}

int mirror_fill_begin(struct mirror *m, struct err *err)
{
	if (run_sql(m, "BEGIN IMMEDIATE", err))
		return -1;
	m->in_transaction = true;
	return next_generation(m, &m->filling, err);
}

int mirror_fill(struct mirror *m, const struct mirror_head *head, struct slice packed,
		struct err *err)
{
	if (put_head(m, m->filling, head, err))
		return -1;
	return put_packed(m, m->filling, head, packed, err);
}

int mirror_fill_end(struct mirror *m, struct err *err)
{
	m->in_transaction = false;
	return run_sql(m, "COMMIT", err);
}

static int put_mark(struct mirror *m, const struct mirror_mark *mark, struct err *err)
{
	sqlite3_stmt *st;
	int status;

	if (prepare(m, "INSERT OR REPLACE INTO mark VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
		       " ?9, ?10)", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, m->generation);
	db_bind(st, 4, mark->inputs);
	bind_slice(st, 5, mark->place);
	sqlite3_bind_int64(st, 6, mark->full_s);
	sqlite3_bind_int64(st, 7, (int64_t)mark->people);
	sqlite3_bind_int64(st, 8, mark->due_s);
	sqlite3_bind_int64(st, 9, (int64_t)mark->run);
	sqlite3_bind_int64(st, 10, mark->run_start_s);
	status = sqlite3_step(st) == SQLITE_DONE ? 0 : fail(m, err);
	sqlite3_finalize(st);
	return status;
}

static int put_todo(struct mirror *m, const struct mirror_mark *mark, struct err *err)
{
	sqlite3_stmt *st;
	int status;

	if (prepare(m, "DELETE FROM todo WHERE source = ?1 AND target = ?2", &st, err))
		return -1;
	status = sqlite3_step(st) == SQLITE_DONE ? 0 : fail(m, err);
	sqlite3_finalize(st);
	for (size_t i = 0; i < mark->todo_count && status == 0; i++) {
		st = statement(m, M_TODO);
		if (st) {
			db_bind(st, 1, m->source);
			db_bind(st, 2, m->target);
			db_bind(st, 3, mark->todo[i]);
		}
		status = finish(m, st, err);
	}
	return status;
}

static int write_change(struct mirror *m, const struct mirror_change *change, struct err *err)
{
	if (change->gone)
		return drop_row(m, &change->head, err);
	if (put_head(m, m->generation, &change->head, err))
		return -1;
	return change->packed.data
		       ? put_packed(m, m->generation, &change->head, change->packed, err) : 0;
}

int mirror_commit(struct mirror *m, bool filled, const struct mirror_change *changes,
		  size_t count, const struct mirror_mark *mark, struct err *err)
{
	int64_t before = m->generation;
	int status;

	if (run_sql(m, "BEGIN IMMEDIATE", err))
		return -1;
	if (filled)
		m->generation = m->filling;
	status = 0;
	for (size_t i = 0; i < count && status == 0; i++)
		status = write_change(m, &changes[i], err);
	if (status == 0)
		status = put_mark(m, mark, err) || put_todo(m, mark, err) ? -1 : 0;
	/* Rows of the read before go now, so that the file does not hold two for long. */
	if (status == 0 && filled)
		status = run_sql(m, "DELETE FROM person WHERE generation NOT IN"
				    " (SELECT generation FROM mark);"
				    "DELETE FROM packed WHERE generation NOT IN"
				    " (SELECT generation FROM mark)", err);
	if (status == 0)
		status = run_sql(m, "COMMIT", err);
	if (status) {
		sqlite3_exec(m->db, "ROLLBACK", NULL, NULL, NULL);
		m->generation = before;
	}
	return status;
}

/* --- open and close ---------------------------------------------------------------------- */

void mirror_close(struct mirror *m)
{
	if (!m)
		return;
	for (int i = 0; i < M_COUNT; i++)
		sqlite3_finalize(m->prepared[i]);
	if (m->in_transaction)
		sqlite3_exec(m->db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(m->db);
	mem_free(m->file);
	mem_free(m->source);
	mem_free(m->target);
	mem_free(m);
}

static int form_of(sqlite3 *db)
{
	sqlite3_stmt *st = NULL;
	int form = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		form = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return form;
}

static int make_tables(struct mirror *m, struct err *err)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", MIRROR_VERSION);
	if (run_sql(m, "BEGIN IMMEDIATE", err) || run_sql(m, schema, err) ||
	    run_sql(m, sql, err))
		return -1;
	return run_sql(m, "COMMIT", err);
}

static void remove_file(const char *file)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[4096];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (snprintf(path, sizeof(path), "%s%s", file, ends[i]) < (int)sizeof(path))
			unlink(path);
}

/* Nothing in it is worth keeping when it can not be used. */
static int open_write(struct mirror *m, struct err *err)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		if (db_open(m->file, true, &m->db) == SQLITE_OK &&
		    sqlite3_exec(m->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
				 NULL, NULL, NULL) == SQLITE_OK) {
			int form = form_of(m->db);

			if (form == MIRROR_VERSION)
				return 0;
			if (form == 0 && make_tables(m, err) == 0)
				return 0;
		}
		if (attempt == 0) {
			sqlite3_close(m->db);
			m->db = NULL;
			remove_file(m->file);
		}
	}
	return fail(m, err);
}

int mirror_open(const char *file, const char *source, const char *target, bool write,
		struct mirror **ret_mirror, struct err *err)
{
	struct mirror *m = mem_zalloc(sizeof(*m));
	int status = 0;

	m->file = mem_strdup(file);
	m->source = mem_strdup(source);
	m->target = mem_strdup(target);
	if (write)
		status = open_write(m, err);
	else if (db_open(file, false, &m->db) != SQLITE_OK ||
		 (m->db && form_of(m->db) != MIRROR_VERSION))
		status = fail(m, err);
	if (status || !m->db) {
		mirror_close(m);
		*ret_mirror = NULL;
		return status;
	}
	*ret_mirror = m;
	return 0;
}
