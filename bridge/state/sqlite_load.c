/*
 * Reading the state: links, what was recorded for each person, the summary of earlier runs.
 */
#include "bridge/state/sqlite_impl.h"

#include <stdio.h>
#include <string.h>

#include "scim/base/banned.h"

struct loaded {
	VEC(struct recorded) people;
	VEC(struct recorded_field) fields;
	VEC(struct recorded_held) held;
	size_t field_at, held_at; /* the person whose rows came last */
};

/* Rows of one person, or, with NULL, of everybody in the order of people. */
static int select_rows(struct sqlite_state *s, const char *what, const char *person,
		       sqlite3_stmt **ret, struct err *err)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT %s WHERE source = ?1 AND target = ?2%s", what,
		 person ? " AND person = ?3" : " ORDER BY person");
	if (db_prepare(s, sql, ret, err))
		return -1;
	if (person)
		db_bind(*ret, 3, person);
	return 0;
}

static int load_links(struct sqlite_state *s, const char *who, struct arena *mem,
		      struct loaded *in, struct err *err)
{
	sqlite3_stmt *st;
	int code;

	if (select_rows(s, "person, account, user_name, dn, gone FROM link", who, &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct recorded person = { 0 };

		person.link.person_id = arena_strdup(mem, db_text(st, 0));
		person.link.account_id = arena_strdup(mem, db_text(st, 1));
		person.link.user_name = arena_strdup(mem, db_text(st, 2));
		person.link.dn = arena_strdup(mem, db_text(st, 3));
		person.link.left = sqlite3_column_int(st, 4);
		vec_push(&in->people, person);
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : db_fail(s, "reading the state", err);
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

static int load_fields(struct sqlite_state *s, const char *who, struct arena *mem,
		       struct loaded *in, struct err *err)
{
	sqlite3_stmt *st;
	int code;

	if (select_rows(s, "person, attr, key, value FROM field", who, &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct recorded *person = person_of(in, &in->field_at, db_text(st, 0));
		enum scim_attr attr = scim_attr_find(db_text(st, 1));
		const char *key = db_text(st, 2);
		struct recorded_field field = { .attr = attr };

		if (!person || attr == SCIM_ATTR_COUNT)
			continue;
		field.key = key[0] ? arena_strdup(mem, key) : NULL;
		field.value = arena_strdup(mem, db_text(st, 3));
		vec_push(&in->fields, field);
		person->field_count++;
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : db_fail(s, "reading the state", err);
}

static enum assign_kind kind_of(const char *name)
{
	unsigned kind = 0;

	while (kind < ASSIGN_KIND_COUNT && strcmp(assign_kind_name(kind), name) != 0)
		kind++;
	return kind;
}

static int load_held(struct sqlite_state *s, const char *who, struct arena *mem,
		     struct loaded *in, struct err *err)
{
	sqlite3_stmt *st;
	int code;

	if (select_rows(s, "person, kind, item, division, level, tentative FROM held", who, &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct recorded *person = person_of(in, &in->held_at, db_text(st, 0));
		struct recorded_held held = { .kind = kind_of(db_text(st, 1)) };
		const char *division = db_text(st, 3);

		if (!person || held.kind == ASSIGN_KIND_COUNT)
			continue;
		held.item_id = arena_strdup(mem, db_text(st, 2));
		held.division_id = division[0] ? arena_strdup(mem, division) : NULL;
		held.level = sqlite3_column_double(st, 4);
		held.tentative = sqlite3_column_int(st, 5) == 1;
		held.found = sqlite3_column_int(st, 5) == 2;
		vec_push(&in->held, held);
		person->held_count++;
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : db_fail(s, "reading the state", err);
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

	if (db_prepare(s, "SELECT kind, privileged, count(*) FROM step WHERE source = ?1"
		       " AND target = ?2 AND at > ?3 AND outcome IN ('done', 'accepted', 'unknown',"
		       " 'sent') GROUP BY kind, privileged", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, now_s - 24 * 3600);
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		enum step_kind kind = step_kind_of(db_text(st, 0));
		unsigned long count = (unsigned long)sqlite3_column_int64(st, 2);

		if (kind == STEP_KIND_COUNT)
			continue;
		if (step_row(kind)->limit != LIMIT_NONE)
			summary->recent[step_row(kind)->limit] += count;
		if (sqlite3_column_int(st, 1))
			summary->recent[LIMIT_PRIVILEGED] += count;
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : db_fail(s, "reading the state", err);
}

/* States of before tallies were kept have no such table. */
static bool has_tallies(struct sqlite_state *s)
{
	sqlite3_stmt *st;
	bool found = false;

	if (sqlite3_prepare_v2(s->db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tally'",
			       -1, &st, NULL) == SQLITE_OK)
		found = sqlite3_step(st) == SQLITE_ROW;
	sqlite3_finalize(st);
	return found;
}

static int load_tallies(struct sqlite_state *s, int64_t now_s, struct arena *mem,
			struct state_summary *summary, struct err *err)
{
	VEC(const char *) texts = { 0 };
	sqlite3_stmt *st;
	int code;

	if (!has_tallies(s))
		return 0;
	if (db_prepare(s, "SELECT text, ended > ?3 FROM tally JOIN run USING(source, target)"
		       " WHERE source = ?1 AND target = ?2 AND run.id = tally.run AND"
		       " result IN ('good','partly') AND complete ORDER BY run.id DESC", &st, err))
		return -1;
	sqlite3_bind_int64(st, 3, now_s - 7 * 24 * 3600);
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		const char *text = arena_strdup(mem, db_text(st, 0));

		if (!summary->tally)
			summary->tally = text;
		else if (!sqlite3_column_int(st, 1))
			break; /* older ones do not count, and stand behind */
		vec_push(&texts, text);
	}
	sqlite3_finalize(st);
	if (texts.count)
		summary->tallies = memcpy(arena_array(mem, texts.count, sizeof(*texts.items)),
					  texts.items, texts.count * sizeof(*texts.items));
	summary->tally_count = texts.count;
	vec_release(&texts);
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : db_fail(s, "reading the state", err);
}

static int load_summary(struct sqlite_state *s, int64_t now_s, struct state_summary *summary,
			struct err *err)
{
	sqlite3_stmt *st;

	if (db_prepare(s, "SELECT max(ended), (SELECT people FROM run WHERE source = ?1 AND"
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
	if (db_prepare(s, "SELECT count(*) FROM call WHERE source = ?1 AND target = ?2"
		       " AND ended IS NULL", &st, err))
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		summary->unfinished = (unsigned long)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	if (db_prepare(s, "SELECT count(*) FROM link WHERE source = ?1 AND target = ?2", &st,
		       err))
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		summary->linked = (unsigned long)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return 0;
}

/* Every page is looked at: a damaged file must not look like one that knows nobody. */
static int quick_check(struct sqlite_state *s, struct err *err)
{
	sqlite3_stmt *st;
	int status = 0;

	if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK)
		return db_fail(s, "reading the state", err);
	if (sqlite3_step(st) != SQLITE_ROW)
		status = db_fail(s, "reading the state", err);
	else if (strcmp(db_text(st, 0), "ok") != 0)
		status = err_at(err, ERR_IO, s->file, 0, 0,
				"the file is damaged (%.80s). Restore a backup; or move it away, "
				"then links are found again by external id and nobody is taken "
				"for gone", db_text(st, 0));
	sqlite3_finalize(st);
	return status;
}

static int load_rows(struct sqlite_state *s, const char *who, struct arena *mem,
		     struct loaded *in, struct err *err)
{
	size_t before = in->people.count;

	if (load_links(s, who, mem, in, err))
		return -1;
	if (in->people.count == before)
		return 0;
	if (load_fields(s, who, mem, in, err))
		return -1;
	return load_held(s, who, mem, in, err);
}

static int load_people(struct sqlite_state *s, const struct state_whom *whom,
		       struct arena *mem, struct loaded *in, struct err *err)
{
	if (!whom)
		return quick_check(s, err) || load_rows(s, NULL, mem, in, err) ? -1 : 0;
	for (size_t i = 0; i < whom->count; i++)
		if (load_rows(s, whom->persons[i], mem, in, err))
			return -1;
	return 0;
}

/* Rows of all people stand in the order of the people: dealt out in one walk. */
static struct recorded *deal(const struct loaded *in, struct arena *mem)
{
	struct recorded *items = arena_array(mem, in->people.count + 1, sizeof(*items));
	size_t field = 0, held = 0;

	for (size_t i = 0; i < in->people.count; i++) {
		struct recorded *r = &items[i];
		struct recorded_field *fields;
		struct recorded_held *helds;

		*r = in->people.items[i];
		fields = arena_array(mem, r->field_count + 1, sizeof(*fields));
		for (unsigned f = 0; f < r->field_count; f++)
			fields[f] = in->fields.items[field++];
		r->fields = fields;
		helds = arena_array(mem, r->held_count + 1, sizeof(*helds));
		for (unsigned h = 0; h < r->held_count; h++)
			helds[h] = in->held.items[held++];
		r->held = helds;
	}
	return items;
}

int sqlite_load(struct state *state, int64_t now_s, const struct state_whom *whom,
		struct arena *mem, struct recorded **ret_items, size_t *ret_count,
		struct state_summary *ret_summary, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	struct loaded in = { 0 };
	struct state_summary summary = { 0 };
	int status = 0;

	if (s->db)
		status = load_people(s, whom, mem, &in, err) ||
			 load_summary(s, now_s, &summary, err) ||
			 load_tallies(s, now_s, mem, &summary, err) ||
			 /* Of nobody nothing is planned that would count beside it. */
			 ((!whom || whom->count) && load_recent(s, now_s, &summary, err))
				 ? -1 : 0;
	if (status == 0) {
		*ret_items = in.people.count ? deal(&in, mem) : NULL;
		*ret_count = in.people.count;
		*ret_summary = summary;
	}
	vec_release(&in.people);
	vec_release(&in.fields);
	vec_release(&in.held);
	return status;
}

int sqlite_each_link(struct state *state, state_link_fn *fn, void *ctx, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	sqlite3_stmt *st;
	int code;

	if (!s->db)
		return 0;
	if (db_prepare(s, "SELECT person, account, user_name, dn, gone FROM link"
			  " WHERE source = ?1 AND target = ?2", &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct link link = { db_text(st, 0), db_text(st, 1), db_text(st, 2), db_text(st, 3),
				     sqlite3_column_int(st, 4) };

		fn(ctx, &link);
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : db_fail(s, "reading the state", err);
}

int sqlite_each_held(struct state *state, state_held_fn *fn, void *ctx, struct err *err)
{
	struct sqlite_state *s = (struct sqlite_state *)state;
	sqlite3_stmt *st;
	int code;

	if (!s->db)
		return 0;
	if (db_prepare(s, "SELECT DISTINCT kind, item FROM held WHERE source = ?1"
			  " AND target = ?2", &st, err))
		return -1;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		enum assign_kind kind = kind_of(db_text(st, 0));

		if (kind != ASSIGN_KIND_COUNT)
			fn(ctx, kind, db_text(st, 1));
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : db_fail(s, "reading the state", err);
}
