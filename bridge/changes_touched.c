/*
 * Who is touched: the directory's changes laid over the mirror.
 */
#include "bridge/changes_impl.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/log.h"

#include "scim/base/banned.h"

struct toucher {
	struct changes *c;
	struct map ids;       /* directory ids of touched people */
	struct map dns;       /* normalised DNs, old and new, of those that changed */
	struct map names;     /* lines of names that touched people have now */
	struct arena work;    /* one entry */
	unsigned char *answers;
	unsigned answer_count;
	bool regroup;         /* groups were read anew: compare each answer */
	bool by_uid;          /* and name people by uid */
	bool failed;
};

/* --- the mirror under the changes -------------------------------------------------------- */

/* What the mirror has of each changed row; rows that a present phase did not name. */
static int meet_old(void *ctx, const struct mirror_head *head)
{
	struct changes *c = ctx;
	struct changes_row *row = changes_find(c, head->search, head->key);

	if (!row && !c->swept[head->search % (2 * CONFIG_SEARCHES_MAX)])
		return 0;
	if (!row) {
		row = changes_add(c, head->search, head->key);
		row->gone = true;
	}
	row->known = true;
	row->old_id = arena_strdup(&c->mem, head->id);
	row->old_norm_dn = slice_of(arena_strndup(&c->mem, head->norm_dn.data, head->norm_dn.len),
				    head->norm_dn.len);
	/* Until the rules have spoken again. */
	row->head.answers = slice_of(arena_strndup(&c->mem, head->answers.data,
						   head->answers.len), head->answers.len);
	return 0;
}

static bool dn_changed(const struct changes_row *row)
{
	return !row->known || !slice_eq(row->old_norm_dn, row->head.norm_dn);
}

static bool row_counts(const struct changes_row *row)
{
	return row->gone ? row->known : row->head.id != NULL;
}

static void touch_row(struct toucher *t, const struct changes_row *row)
{
	if (row->old_id)
		map_set(&t->ids, slice_str(row->old_id), 1);
	if (row->head.id)
		map_set(&t->ids, slice_str(row->head.id), 1);
	if (row->old_norm_dn.len)
		map_set(&t->dns, row->old_norm_dn, 1);
	if (row->head.norm_dn.len)
		map_set(&t->dns, row->head.norm_dn, 1);
}

/* Is somebody as before whom the mirror does not know? Then the two do not belong together. */
static bool names_strangers(const struct changes *c)
{
	for (size_t i = 0; i < c->rows.count; i++) {
		const struct changes_row *row = &c->rows.items[i];

		if (row->present && !row->known) {
			log_line(LOG_INFO, "everything is read: the directory names entries as "
				 "unchanged that were not there");
			return true;
		}
	}
	return false;
}

/* Does any answer for a group have to be made anew? Touches who changed. */
static bool touch_changed(struct toucher *t)
{
	struct changes *c = t->c;
	bool regroup = c->group_changed;

	for (size_t i = 0; i < c->rows.count; i++) {
		const struct changes_row *row = &c->rows.items[i];

		if (!row_counts(row))
			continue;
		touch_row(t, row);
		regroup |= !row->gone && (dn_changed(row) || row->has_uids);
	}
	for (size_t i = 0; i < c->mark.todo_count; i++)
		map_set(&t->ids, slice_str(c->mark.todo[i]), 1);
	return regroup && t->answer_count;
}

/* --- everybody else ---------------------------------------------------------------------- */

/* The answers for a person of the mirror; its uids only where groups name people by them. */
static void answers_of(struct toucher *t, const struct mirror_head *head, struct slice packed)
{
	struct directory *dir = t->c->how.directory;
	const struct layout *layout = rules_layout(t->c->how.rules);
	struct attr_values uids = { 0 }, *attrs;
	struct err err = ERR_INIT;

	arena_reset(&t->work);
	if (t->by_uid) {
		if (!packed.data && mirror_values(t->c->mirror, head->search, head->key, &t->work,
						  &packed, &err))
			t->failed = true;
		else if (mirror_unpack(packed, layout, &t->work, &attrs, &uids))
			t->failed = true;
		/* The mirror may be of a time when nobody asked for them. */
		t->failed |= uids.count == 0;
	}
	dir->ops->member_of(dir, head->norm_dn, &uids, t->answers);
}

static bool touched_by_date_or_manager(struct toucher *t, const struct mirror_head *head)
{
	return (head->due_s && head->due_s <= t->c->how.time_s) ||
	       (head->manager[0] && map_get(&t->dns, slice_str(head->manager), NULL));
}

static bool shares_name(struct toucher *t, const char *names)
{
	for (const char *line = names; *line; line += strcspn(line, "\n") + 1) {
		size_t len = strcspn(line, "\n");

		if (len > 1 && map_get(&t->names, slice_of(line, len), NULL))
			return true;
		if (!line[len])
			break;
	}
	return false;
}

/* A copy of a head among the rows, to be looked at with the values of the mirror. */
static struct changes_row *keep_head(struct toucher *t, const struct mirror_head *head)
{
	struct changes *c = t->c;
	struct changes_row *row = changes_add(c, head->search, head->key);
	struct arena *mem = &c->mem;

	row->known = true;
	row->present = false;
	row->head.id = row->old_id = arena_strdup(mem, head->id);
	row->head.dn = arena_strdup(mem, head->dn);
	row->head.norm_dn = slice_of(arena_strndup(mem, head->norm_dn.data, head->norm_dn.len),
				     head->norm_dn.len);
	row->head.answers = slice_of(arena_strndup(mem, head->answers.data, head->answers.len),
				     head->answers.len);
	map_set(&t->ids, slice_str(row->head.id), 1);
	return row;
}

/* Is this row of the mirror one that nothing has been said of yet? */
static bool undecided(const struct changes *c, const struct mirror_head *head)
{
	const struct changes_row *row = changes_find(c, head->search, head->key);

	return !row || (!row->gone && !row->head.id);
}

static int meet_others(void *ctx, const struct mirror_head *head)
{
	struct toucher *t = ctx;
	struct changes_row *row;
	bool other = false;

	if (!undecided(t->c, head))
		return 0;
	if (t->regroup) {
		answers_of(t, head, slice_of(NULL, 0));
		other = head->answers.len != t->answer_count ||
			memcmp(head->answers.data, t->answers, t->answer_count) != 0;
	}
	if (!other && !map_get(&t->ids, slice_str(head->id), NULL) &&
	    !touched_by_date_or_manager(t, head))
		return t->failed;
	row = keep_head(t, head);
	if (t->regroup)
		row->head.answers = slice_of(arena_strndup(&t->c->mem, (char *)t->answers,
							   t->answer_count), t->answer_count);
	return t->failed;
}

/* Who is left as it is: counted; and who has a name that a touched person wants now. */
static int meet_rest(void *ctx, const struct mirror_head *head)
{
	struct toucher *t = ctx;

	if (!undecided(t->c, head))
		return 0;
	if (head->names[0] && shares_name(t, head->names)) {
		keep_head(t, head);
		return 0;
	}
	t->c->people += head->names[0] != '\0';
	t->c->due_s = changes_earlier(t->c->due_s, head->due_s);
	return 0;
}

/* --- through the rules ------------------------------------------------------------------- */

static int row_order(const void *a, const void *b)
{
	const struct changes_row *const *x = a, *const *y = b;
	int order = strcmp((*x)->head.id, (*y)->head.id);

	if (order)
		return order;
	return (*x)->head.search < (*y)->head.search ? -1 : (*x)->head.search > (*y)->head.search;
}

static int map_row(struct toucher *t, struct changes_row *row, changes_map_fn *map, void *ctx,
		   struct err *err)
{
	struct changes *c = t->c;
	const struct layout *layout = rules_layout(c->how.rules);
	struct attr_values *attrs, uids;
	struct slice packed = row->packed;
	struct err why = ERR_INIT;
	struct record *record;
	struct entry entry;
	int64_t due_s = 0;

	arena_reset(&t->work);
	if ((!packed.data && mirror_values(c->mirror, row->head.search, row->head.key, &t->work,
					   &packed, &why)) ||
	    mirror_unpack(packed, layout, &t->work, &attrs, &uids)) {
		t->failed = true;
		return 0;
	}
	entry = (struct entry){
		.dn = row->head.dn, .id = row->head.id,
		.attrs = attrs, .attr_count = (unsigned)layout->names.count,
		.groups = (const unsigned char *)row->head.answers.data,
		.group_count = (unsigned)row->head.answers.len,
		.norm_dn = row->head.norm_dn, .uids = &uids,
	};
	if (map(ctx, &entry, &record, &due_s, err))
		return -1;
	row->head.names = changes_names(&c->mem, record);
	row->head.manager = record && record->manager_dn ? arena_strdup(&c->mem, record->manager_dn)
							 : "";
	row->head.due_s = due_s;
	c->people += record != NULL;
	c->due_s = changes_earlier(c->due_s, due_s);
	for (const char *line = row->head.names; *line; line += strcspn(line, "\n") + 1)
		map_set(&t->names, slice_of(line, strcspn(line, "\n")), 1);
	return 0;
}

/*
 * Rows that were not yet, each person once: as the first search that shows it does, which is
 * how a full read takes it.
 */
static int map_rows(struct toucher *t, changes_map_fn *map, void *ctx, struct err *err)
{
	struct changes *c = t->c;
	struct changes_row **rows = arena_array(&c->mem, c->rows.count + 1, sizeof(*rows));
	size_t count = 0;
	int status = 0;

	for (size_t i = 0; i < c->rows.count; i++) {
		struct changes_row *row = &c->rows.items[i];

		if (row->gone || !row->head.id || row->mapped)
			continue;
		row->mapped = true;
		row->head.names = row->head.manager = "";
		rows[count++] = row;
	}
	qsort(rows, count, sizeof(*rows), row_order);
	for (size_t i = 0; i < count && status == 0 && !t->failed; i++)
		if (i == 0 || strcmp(rows[i]->head.id, rows[i - 1]->head.id) != 0)
			status = map_row(t, rows[i], map, ctx, err);
	return status;
}

/* Answers for entries that came new or renamed. */
static void answer_changed(struct toucher *t)
{
	struct changes *c = t->c;

	for (size_t i = 0; i < c->rows.count && t->answer_count; i++) {
		struct changes_row *row = &c->rows.items[i];

		if (row->gone || !row->head.id || !t->regroup)
			continue;
		answers_of(t, &row->head, row->packed);
		row->head.answers = slice_of(arena_strndup(&c->mem, (char *)t->answers,
							   t->answer_count), t->answer_count);
	}
}

/* --- the whole --------------------------------------------------------------------------- */

static int text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All touched ids, for the state: those of rows, old and new, and those left undone. */
static void collect_ids(struct changes *c, struct state_whom *ret)
{
	const char **ids = arena_array(&c->mem, 2 * c->rows.count + c->mark.todo_count + 1,
				       sizeof(*ids));
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < c->rows.count; i++) {
		const struct changes_row *row = &c->rows.items[i];

		if (!row_counts(row))
			continue;
		if (row->old_id)
			ids[count++] = row->old_id;
		if (row->head.id)
			ids[count++] = row->head.id;
	}
	for (size_t i = 0; i < c->mark.todo_count; i++)
		ids[count++] = c->mark.todo[i];
	qsort(ids, count, sizeof(*ids), text_order);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || strcmp(ids[i], ids[kept - 1]) != 0)
			ids[kept++] = ids[i];
	*ret = (struct state_whom){ ids, kept };
}

/* 0 to go on, 1 everything must be read, -1 with *err. */
static int read_groups(struct toucher *t, struct verdict *groups, struct err *err)
{
	struct directory *dir = t->c->how.directory;

	t->regroup = true;
	if (dir->ops->read_groups(dir, rules_groups(t->c->how.rules), groups, err))
		return -1;
	t->by_uid = dir->ops->members_by_uid(dir);
	if (groups->complete)
		return 0;
	log_line(LOG_INFO, "everything is read: the groups could not be read completely");
	return 1;
}

static int touch(struct toucher *t, changes_map_fn *map, void *ctx, struct verdict *groups,
		 struct err *err)
{
	struct changes *c = t->c;
	struct err why = ERR_INIT;
	int status;

	if (mirror_each(c->mirror, meet_old, c, &why))
		return 1;
	if (names_strangers(c))
		return 1;
	if (touch_changed(t)) {
		status = read_groups(t, groups, err);
		if (status)
			return status;
	}
	answer_changed(t);
	if (mirror_each(c->mirror, meet_others, t, &why) || t->failed)
		return 1;
	if (map_rows(t, map, ctx, err))
		return -1;
	if (t->failed || mirror_each(c->mirror, meet_rest, t, &why))
		return 1;
	if (map_rows(t, map, ctx, err))
		return -1;
	return t->failed;
}

static bool nothing_to_do(const struct changes *c)
{
	return !c->any && c->mark.todo_count == 0 &&
	       !(c->mark.due_s && c->mark.due_s <= c->how.time_s);
}

int changes_touched(struct changes *c, changes_map_fn *map, void *ctx, struct verdict *groups,
		    struct state_whom *ret_whom, bool *ret_full, struct err *err)
{
	struct toucher t = { .c = c };
	int status = 0;

	*ret_full = false;
	if (nothing_to_do(c)) {
		c->people = c->mark.people;
		c->due_s = c->mark.due_s;
		*ret_whom = (struct state_whom){ NULL, 0 };
		return 0;
	}
	arena_init(&t.work);
	t.answer_count = (unsigned)rules_groups(c->how.rules)->names.count;
	t.answers = arena_array(&c->mem, t.answer_count + 1, 1);
	status = touch(&t, map, ctx, groups, err);
	collect_ids(c, ret_whom);
	map_release(&t.ids);
	map_release(&t.dns);
	map_release(&t.names);
	arena_release(&t.work);
	if (status < 0)
		return -1;
	*ret_full = status > 0;
	return 0;
}
