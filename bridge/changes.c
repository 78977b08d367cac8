#include "bridge/changes_impl.h"

#include <string.h>

#include "bridge/log.h"

#include "scim/base/banned.h"

#define SETTINGS_BYTES_MAX (64 * 1024 * 1024)
#define PLACE_BYTES_MAX (16 * 1024 * 1024)

/* --- may a run begin with changes -------------------------------------------------------- */

static void add_rule_file(void *ctx, const char *path, struct slice text)
{
	digest_add_text(ctx, path);
	digest_add(ctx, text.data, text.len);
}

void changes_inputs(const struct config *config, const struct rules *rules,
		    char out[DIGEST_TEXT])
{
	struct digest *digest = digest_new();
	struct err err = ERR_INIT;
	struct buf text;

	buf_init(&text, SETTINGS_BYTES_MAX);
	digest_add_text(digest, DIRBRIDGE_VERSION);
	if (buf_read_file(&text, config->file, &err) == 0)
		digest_add(digest, text.data, text.len);
	buf_release(&text);
	rules_each_file(rules, add_rule_file, digest);
	digest_end(digest, out);
}

struct run_search {
	uint64_t run;
	int64_t start_s;
	bool found;
};

static int find_run(void *ctx, const struct state_run *run)
{
	struct run_search *search = ctx;

	search->found = run->id == search->run && run->started_s == search->start_s;
	return run->id <= search->run;
}

/* Is the state the one that stood beside the mirror, and without loose ends? */
static const char *state_objects(struct changes *c)
{
	struct run_search search = { c->mark.run, c->mark.run_start_s, false };
	const struct state_whom nobody = { NULL, 0 };
	const struct state_ops *ops = c->how.state->ops;
	struct recorded *recorded;
	struct state_summary summary;
	struct err err = ERR_INIT;
	size_t count;

	if (ops->runs(c->how.state, find_run, &search, &err) ||
	    ops->load(c->how.state, c->how.time_s, &nobody, &c->mem, &recorded, &count, &summary,
		      &err))
		return "the state can not be read";
	if (!search.found)
		return "the state is not the one that the last read was kept with";
	if (!summary.baseline)
		return "there is no good run yet";
	if (summary.unfinished)
		return "an earlier run was cut off";
	return NULL;
}

/* Why everything must be read; NULL when changes are enough, as far as we know. */
static const char *must_read_all(struct changes *c)
{
	int64_t age = c->how.time_s - c->mark.full_s;

	if (c->how.full)
		return "asked for";
	if (rules_use_now(c->how.rules))
		return "the rules use `now`";
	if (!c->mirror || !c->mark.inputs)
		return "nothing is kept of an earlier read";
	if (strcmp(c->mark.inputs, c->inputs) != 0)
		return "settings or rules have changed";
	if (age < 0 || age >= (int64_t)c->how.config->directory.full_every_h * 3600)
		return "the last full read is too long ago (directory.full_every)";
	return state_objects(c);
}

static void drop_mirror(struct changes *c, const struct err *err)
{
	char line[ERR_FORMAT_MAX];

	log_line(LOG_WARN, "%s", err_format(err, line, sizeof(line)));
	mirror_close(c->mirror);
	c->mirror = NULL;
	c->filling = false;
}

static char *mirror_file(const struct config *config)
{
	size_t size = strlen(config->state_file) + sizeof(".mirror");
	char *file = mem_alloc(size);

	snprintf(file, size, "%s.mirror", config->state_file);
	return file;
}

void changes_kept(const struct config *config, const char *source, const char *target,
		  struct changes_kept *ret_kept)
{
	char *file = mirror_file(config);
	struct arena mem = ARENA_INIT;
	struct mirror_mark mark = { 0 };
	struct mirror *mirror;
	struct err err = ERR_INIT;

	*ret_kept = (struct changes_kept){ 0 };
	if (mirror_open(file, source, target, false, &mirror, &err) == 0 && mirror) {
		if (mirror_mark_load(mirror, &mem, &mark, &err) == 1)
			*ret_kept = (struct changes_kept){ mark.full_s, mark.todo_count };
		mirror_close(mirror);
	}
	arena_release(&mem);
	mem_free(file);
}

static void open_mirror(struct changes *c)
{
	char *file = mirror_file(c->how.config);
	struct err err = ERR_INIT;

	if (mirror_open(file, c->how.source, c->how.target, c->how.write, &c->mirror, &err) ||
	    (c->mirror && mirror_mark_load(c->mirror, &c->mem, &c->mark, &err) < 0)) {
		drop_mirror(c, &err);
		c->mark = (struct mirror_mark){ 0 };
	}
	mem_free(file);
}

/* --- what the directory tells ------------------------------------------------------------ */

struct changes_row *changes_find(const struct changes *c, unsigned search, const char *key)
{
	char text[DIRECTORY_KEY_BYTES_MAX + 16];
	uint64_t at;

	snprintf(text, sizeof(text), "%u:%s", search, key);
	return map_get(&c->by_key, slice_str(text), &at) ? &c->rows.items[at] : NULL;
}

struct changes_row *changes_add(struct changes *c, unsigned search, const char *key)
{
	struct changes_row *row = changes_find(c, search, key);
	const char *name;

	if (row)
		return row;
	name = arena_printf(&c->mem, "%u:%s", search, key);
	map_set(&c->by_key, slice_str(name), c->rows.count);
	vec_push(&c->rows, (struct changes_row){ 0 });
	row = &c->rows.items[c->rows.count - 1];
	row->head.search = search;
	row->head.key = strchr(name, ':') + 1;
	return row;
}

static struct slice keep_slice(struct arena *mem, struct slice s)
{
	return slice_of(arena_strndup(mem, s.data ? s.data : "", s.len), s.len);
}

static void keep_entry(struct changes *c, struct changes_row *row, const struct entry *entry)
{
	struct buf packed;

	row->gone = row->present = false;
	row->head.id = arena_strdup(&c->mem, entry->id);
	row->head.dn = arena_strdup(&c->mem, entry->dn);
	row->head.norm_dn = keep_slice(&c->mem, entry->norm_dn);
	row->has_uids = entry->uids && entry->uids->count;
	buf_init(&packed, MIRROR_BLOB_BYTES_MAX);
	mirror_pack(entry, &packed);
	row->packed = keep_slice(&c->mem, slice_of(packed.data, packed.len));
	buf_release(&packed);
}

static int take_change(void *ctx, const struct directory_change *change, struct err *err)
{
	struct changes *c = ctx;
	struct changes_row *row;

	(void)err;
	if (change->search >= sizeof(c->swept) / sizeof(c->swept[0]))
		return 0;
	if (change->group) {
		c->group_changed |= change->kind != CHANGE_PRESENT;
	} else if (change->kind == CHANGE_SWEEP) {
		c->swept[change->search] = true;
	} else {
		row = changes_add(c, change->search, change->key);
		if (change->kind == CHANGE_ENTRY)
			keep_entry(c, row, change->entry);
		else
			row->gone = !(row->present = change->kind == CHANGE_PRESENT);
	}
	c->any = true;
	return 0;
}

/* 1: changes were read, 0: everything must be, -1: the directory can not be read. */
static int ask_directory(struct changes *c, struct err *err)
{
	struct directory *dir = c->how.directory;
	enum directory_changes result;
	char why[DIRECTORY_WHY_MAX];
	struct err later = ERR_INIT;

	if (dir->ops->read_changes(dir, c->mark.place, rules_layout(c->how.rules), take_change, c,
				   &result, why, err))
		return -1;
	if (result == CHANGES_READ && dir->ops->mark(dir, &c->place, &later) == 0)
		return 1;
	log_line(LOG_INFO, "everything is read: %s", result == CHANGES_READ ? later.text : why);
	return 0;
}

/* --- a full read that is kept ------------------------------------------------------------ */

static void flush_pending(struct changes *c)
{
	struct err err = ERR_INIT;

	if (!c->is_pending || !c->filling)
		return;
	c->is_pending = false;
	if (mirror_fill(c->mirror, &c->pending,
			slice_of(c->pending_packed.data, c->pending_packed.len), &err))
		drop_mirror(c, &err);
}

static void pend(struct changes *c, const struct directory_change *change)
{
	const struct entry *entry = change->entry;
	struct arena *mem = &c->pending_mem;
	struct slice answers = slice_of((const char *)entry->groups, entry->group_count);

	arena_reset(mem);
	buf_clear(&c->pending_packed);
	mirror_pack(entry, &c->pending_packed);
	c->pending = (struct mirror_head){
		.search = change->search,
		.key = arena_strdup(mem, change->key),
		.id = arena_strdup(mem, entry->id),
		.dn = arena_strdup(mem, entry->dn),
		.norm_dn = keep_slice(mem, entry->norm_dn),
		.answers = keep_slice(mem, answers),
		.names = "",
		.manager = "",
	};
	c->is_pending = true;
}

static int watch(void *ctx, const struct directory_change *change, struct err *err)
{
	struct changes *c = ctx;

	(void)err;
	if (!c->filling || change->group || change->kind != CHANGE_ENTRY)
		return 0;
	flush_pending(c);
	if (c->filling)
		pend(c, change);
	return 0;
}

const char *changes_names(struct arena *mem, const struct record *record)
{
	static const enum scim_attr attrs[] = { SCIM_ATTR_USER_NAME, SCIM_ATTR_EXTERNAL_ID };
	struct buf out;
	char *names;

	if (!record)
		return "";
	buf_init(&out, 65536);
	for (size_t i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++) {
		const char *text = record_text(record, attrs[i]);

		buf_addf(&out, "%zu%s\n", i, text ? text : "");
	}
	names = arena_strndup(mem, out.data, out.len);
	text_lower(names, out.len);
	buf_release(&out);
	return names;
}

void changes_record(struct changes *c, const struct entry *entry, const struct record *record,
		    int64_t due_s)
{
	c->people += record != NULL;
	c->due_s = changes_earlier(c->due_s, due_s);
	if (!c->is_pending || strcmp(c->pending.id, entry->id) != 0)
		return;
	c->pending.names = changes_names(&c->pending_mem, record);
	c->pending.manager = record && record->manager_dn
				     ? arena_strdup(&c->pending_mem, record->manager_dn) : "";
	c->pending.due_s = due_s;
	flush_pending(c);
}

/* Everything is read: what the directory told of changes, in vain or in part, goes. */
static void begin_full(struct changes *c)
{
	struct err err = ERR_INIT;

	c->part = false;
	c->people = 0;
	c->due_s = 0;
	c->rows.count = 0;
	map_release(&c->by_key);

	if (!c->how.write || !c->mirror || !c->how.directory->ops->mark ||
	    c->how.config->directory.changes == CHANGES_NONE)
		return;
	if (mirror_fill_begin(c->mirror, &err)) {
		drop_mirror(c, &err);
		return;
	}
	c->filling = true;
	c->how.directory->watch = watch;
	c->how.directory->watch_ctx = c;
}

/* --- begin and end ----------------------------------------------------------------------- */

int changes_begin(const struct changes_how *how, struct changes **ret_changes, bool *ret_part,
		  struct err *err)
{
	struct changes *c = mem_zalloc(sizeof(*c));
	const char *why;
	int status = 0;

	c->how = *how;
	arena_init(&c->mem);
	buf_init(&c->place, PLACE_BYTES_MAX);
	buf_init(&c->pending_packed, MIRROR_BLOB_BYTES_MAX);
	if (how->directory->ops->read_changes &&
	    how->config->directory.changes != CHANGES_NONE) {
		changes_inputs(c->how.config, c->how.rules, c->inputs);
		open_mirror(c);
		why = must_read_all(c);
		if (why)
			log_line(LOG_INFO, "everything is read: %s", why);
		else
			status = ask_directory(c, err);
	}
	if (status < 0) {
		changes_end(c);
		return -1;
	}
	c->part = status > 0;
	if (!c->part)
		begin_full(c);
	*ret_changes = c;
	*ret_part = c->part;
	return 0;
}

void changes_full(struct changes *c)
{
	begin_full(c);
}

void changes_end(struct changes *c)
{
	if (!c)
		return;
	mirror_close(c->mirror);
	vec_release(&c->rows);
	map_release(&c->by_key);
	buf_release(&c->place);
	arena_release(&c->pending_mem);
	buf_release(&c->pending_packed);
	arena_release(&c->mem);
	mem_free(c);
}

/* --- keep -------------------------------------------------------------------------------- */

/* Rows in the form of the mirror's; those that nothing is known of are left out. */
static struct mirror_change *changed_rows(struct changes *c, size_t *ret_count)
{
	struct mirror_change *items = arena_array(&c->mem, c->rows.count + 1, sizeof(*items));
	size_t count = 0;

	for (size_t i = 0; i < c->rows.count; i++) {
		const struct changes_row *row = &c->rows.items[i];

		if (row->gone ? !row->known : !row->head.id)
			continue;
		items[count++] = (struct mirror_change){ row->head, row->packed, row->gone };
	}
	*ret_count = count;
	return items;
}

static bool finish_fill(struct changes *c, struct err *err)
{
	flush_pending(c);
	if (!c->filling)
		return false;
	if (mirror_fill_end(c->mirror, err))
		return false;
	c->filling = false;
	return c->how.directory->ops->mark(c->how.directory, &c->place, err) == 0;
}

void changes_read_done(struct changes *c, bool complete)
{
	struct err err = ERR_INIT;

	if (c->part || !c->filling)
		return;
	c->filled = finish_fill(c, &err) && complete;
	if (err.kind)
		log_line(LOG_INFO, "the next run reads everything: %s", err.text);
}

void changes_commit(struct changes *c, uint64_t run, int64_t run_start_s,
		    const char *const *todo, size_t todo_count)
{
	struct mirror_change *items;
	struct err err = ERR_INIT;
	size_t count;

	if (!c->mirror || !c->how.write || !(c->part || c->filled))
		return;
	items = changed_rows(c, &count);
	/* Nothing has moved: a run with nothing to do leaves the file as it is. */
	if (c->part && count == 0 && todo_count == 0 && c->mark.todo_count == 0 &&
	    slice_eq(c->mark.place, slice_of(c->place.data, c->place.len)))
		return;
	c->mark.inputs = c->inputs;
	c->mark.place = slice_of(c->place.data, c->place.len);
	if (c->filled)
		c->mark.full_s = c->how.time_s;
	c->mark.people = c->people;
	c->mark.due_s = c->due_s;
	c->mark.run = run;
	c->mark.run_start_s = run_start_s;
	c->mark.todo = todo;
	c->mark.todo_count = todo_count;
	if (mirror_commit(c->mirror, c->filled, items, count, &c->mark, &err))
		drop_mirror(c, &err);
}

unsigned long changes_people(const struct changes *c)
{
	return c->people;
}
