/*
 * tests/tools/read_changes.c - keep a copy of the directory by its changes, and prove it.
 *
 *   read_changes SETTINGS COPY full [--attr NAME]... [--group NAME]...
 *   read_changes SETTINGS COPY delta ...
 *   read_changes SETTINGS COPY follow ...
 *   read_changes SETTINGS COPY compare ...
 *
 * full reads everything into COPY (entries) and COPY.mark. delta reads what changed since
 * and brings both up to date; it prints "entry|gone|present SEARCH KEY [DN]", "sweep SEARCH",
 * and "changes read" or "changes full WHY" (then the two stay as they are). follow goes on
 * until there is something on standard input; it prints "quiet" when all that came has been
 * told and the two are up to date. compare reads everything and prints "same N" or what
 * differs. "error KIND text" and exit 1 where the
 * directory can not be read.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/config/config.h"
#include "bridge/directory/directory.h"
#include "bridge/directory/ldap_persist.h"
#include "scim/base/buf.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

#define COPY_BYTES_MAX (1u << 30)

struct row {
	const char *line; /* "SEARCH KEY ..."; NULL = gone */
	bool named;       /* by the changes read now */
};

struct copy {
	struct arena mem;
	struct map by_key; /* "SEARCH KEY" */
	VEC(struct row) rows;
};

struct tool {
	const struct config *config;
	struct directory *dir;
	struct layout layout;
	struct group_names groups;
	struct copy copy;
	const char *path;
	bool print;
};

static void die(const char *what, const struct err *err)
{
	char text[ERR_FORMAT_MAX];

	printf("error %d %s%s\n", err->kind, what, err_format(err, text, sizeof(text)));
	exit(1);
}

/* --- the copy ---------------------------------------------------------------------------- */

static struct row *row_of(struct copy *copy, const char *key, bool make)
{
	uint64_t at;

	if (map_get(&copy->by_key, slice_str(key), &at))
		return &copy->rows.items[at];
	if (!make)
		return NULL;
	map_set(&copy->by_key, slice_str(arena_strdup(&copy->mem, key)), copy->rows.count);
	vec_push(&copy->rows, (struct row){ 0 });
	return &copy->rows.items[copy->rows.count - 1];
}

static void put_line(struct copy *copy, char *line)
{
	char *space = strchr(line, ' ');
	char *end = space ? strchr(space + 1, ' ') : NULL;
	struct row *row;

	if (!end)
		return;
	*end = '\0';
	row = row_of(copy, line, true);
	*end = ' ';
	row->line = line;
	row->named = true;
}

static void load(struct copy *copy, const char *path)
{
	struct err err = ERR_INIT;
	struct buf text;

	buf_init(&text, COPY_BYTES_MAX);
	if (buf_read_file(&text, path, &err))
		die("", &err);
	for (char *at = text.data, *end; at && (end = strchr(at, '\n')); at = end + 1)
		put_line(copy, arena_strndup(&copy->mem, at, (size_t)(end - at)));
	buf_release(&text);
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return strcmp(x->line ? x->line : "", y->line ? y->line : "");
}

static void save(struct copy *copy, const char *path)
{
	FILE *out = fopen(path, "w");

	if (!out)
		exit(2);
	if (copy->rows.count)
		qsort(copy->rows.items, copy->rows.count, sizeof(struct row), compare_rows);
	for (size_t i = 0; i < copy->rows.count; i++) {
		if (copy->rows.items[i].line)
			fprintf(out, "%s\n", copy->rows.items[i].line);
	}
	if (fclose(out))
		exit(2);
}

static void release(struct copy *copy)
{
	map_release(&copy->by_key);
	vec_release(&copy->rows);
	arena_release(&copy->mem);
}

/* --- changes ----------------------------------------------------------------------------- */

static void add_values(struct buf *line, const char *name, const struct attr_values *values)
{
	buf_addf(line, " %s=", name);
	for (uint32_t v = 0; v < values->count; v++) {
		buf_addstr(line, v ? ";" : "");
		buf_addurl(line, values->items[v].data, values->items[v].len);
	}
}

static char *line_of(struct tool *tool, const char *key, const struct entry *entry)
{
	struct buf line;
	char *text;

	buf_init(&line, COPY_BYTES_MAX);
	buf_addf(&line, "%s %s ", key, entry->id);
	buf_addurl(&line, entry->norm_dn.data, entry->norm_dn.len);
	for (unsigned i = 0; i < entry->attr_count; i++)
		add_values(&line, tool->layout.names.items[i], &entry->attrs[i]);
	if (entry->uids)
		add_values(&line, "uids", entry->uids);
	text = arena_strndup(&tool->copy.mem, line.data, line.len);
	buf_release(&line);
	return text;
}

static void print_change(const struct directory_change *change)
{
	static const char *const kinds[] = { "entry", "gone", "present", "sweep" };
	char dn[512];

	printf("%s %u %s", kinds[change->kind], change->search, change->key ? change->key : "");
	if (change->entry) {
		text_visible(change->entry->dn, strlen(change->entry->dn), dn, sizeof(dn));
		printf(" %s", dn);
	}
	putchar('\n');
}

static void sweep(struct copy *copy, unsigned search)
{
	for (size_t i = 0; i < copy->rows.count; i++) {
		struct row *row = &copy->rows.items[i];

		if (row->line && !row->named && strtoul(row->line, NULL, 10) == search)
			row->line = NULL;
	}
}

static int take(void *ctx, const struct directory_change *change, struct err *err)
{
	struct tool *tool = ctx;
	bool entry = change->kind == CHANGE_ENTRY;
	struct row *row;
	char key[300];

	(void)err;
	if (tool->print)
		print_change(change);
	if (change->group != (change->search >= tool->config->directory.people.count) ||
	    !change->key != (change->kind == CHANGE_SWEEP) || !change->entry == entry)
		abort();
	if (change->kind == CHANGE_SWEEP) {
		sweep(&tool->copy, change->search);
		return 0;
	}
	snprintf(key, sizeof(key), "%u %s", change->search, change->key);
	row = row_of(&tool->copy, key, entry);
	if (!row)
		return 0;
	if (change->kind == CHANGE_GONE)
		row->line = NULL;
	else if (entry)
		row->line = line_of(tool, key, change->entry);
	row->named = true;
	return 0;
}

static int ignore(void *ctx, const struct entry *entry, struct err *err)
{
	(void)ctx;
	(void)entry;
	(void)err;
	return 0;
}

/* --- the three things it does ------------------------------------------------------------ */

static void print_verdict(const char *what, const struct verdict *verdict)
{
	printf("%s %s %zu\n", what, verdict->complete ? "complete" : "incomplete",
	       verdict->count);
	for (size_t i = 0; i < verdict->reason_count && i < VERDICT_REASONS_MAX; i++)
		printf("reason %s\n", verdict->reasons[i]);
}

static void read_whole(struct tool *tool)
{
	struct verdict groups, people;
	struct err err = ERR_INIT;

	verdict_init(&groups);
	verdict_init(&people);
	tool->dir->watch = take;
	tool->dir->watch_ctx = tool;
	if (tool->dir->ops->read_groups(tool->dir, &tool->groups, &groups, &err) ||
	    tool->dir->ops->read_people(tool->dir, &tool->layout, ignore, NULL, &people, &err))
		die("", &err);
	tool->dir->watch = NULL;
	print_verdict("groups", &groups);
	print_verdict("people", &people);
}

static void save_mark(struct tool *tool, const char *path)
{
	struct err err = ERR_INIT;
	char file[512], text[ERR_FORMAT_MAX];
	struct buf mark;
	FILE *out;

	buf_init(&mark, COPY_BYTES_MAX);
	if (tool->dir->ops->mark(tool->dir, &mark, &err)) {
		printf("no mark: %s\n", err_format(&err, text, sizeof(text)));
	} else {
		snprintf(file, sizeof(file), "%s.mark", path);
		out = fopen(file, "w");
		if (!out || fwrite(mark.data, 1, mark.len, out) != mark.len || fclose(out))
			exit(2);
		printf("mark %zu\n", mark.len);
	}
	buf_release(&mark);
}

static void do_full(struct tool *tool, const char *path)
{
	read_whole(tool);
	save(&tool->copy, path);
	save_mark(tool, path);
}

/* The order of the rows is the file's then; keys find theirs again. */
static void save_all(struct tool *tool)
{
	struct copy again = { 0 };

	save(&tool->copy, tool->path);
	save_mark(tool, tool->path);
	load(&again, tool->path);
	release(&tool->copy);
	tool->copy = again;
}

static bool when_quiet(void *ctx)
{
	save_all(ctx);
	printf("quiet\n");
	fflush(stdout);
	return false;
}

static void do_delta(struct tool *tool, bool follow)
{
	struct ldap_persist_how how = { take, when_quiet, tool, 0 };
	enum directory_changes changes;
	char why[DIRECTORY_WHY_MAX], file[512];
	struct err err = ERR_INIT;
	struct buf mark;
	struct slice text;

	load(&tool->copy, tool->path);
	for (size_t i = 0; i < tool->copy.rows.count; i++)
		tool->copy.rows.items[i].named = false;
	snprintf(file, sizeof(file), "%s.mark", tool->path);
	buf_init(&mark, COPY_BYTES_MAX);
	if (buf_read_file(&mark, file, &err))
		die("", &err);
	text = slice_of(mark.data, mark.len);
	tool->print = true;
	if (follow ? ldap_persist(tool->dir, text, &tool->layout, &how, &changes, why, &err)
		   : tool->dir->ops->read_changes(tool->dir, text, &tool->layout, take, tool,
						  &changes, why, &err))
		die("", &err);
	buf_release(&mark);
	if (changes == CHANGES_FULL) {
		printf("changes full %s\n", why);
		return;
	}
	printf("changes read\n");
	save_all(tool);
}

static void do_compare(struct tool *tool, const char *path)
{
	struct copy kept = { 0 };
	unsigned long same = 0, other = 0;

	load(&kept, path);
	read_whole(tool);
	for (size_t i = 0; i < kept.rows.count; i++)
		kept.rows.items[i].named = false;
	for (size_t i = 0; i < tool->copy.rows.count; i++) {
		char *line = arena_strdup(&kept.mem, tool->copy.rows.items[i].line);
		char *end = strchr(strchr(line, ' ') + 1, ' ');
		struct row *row;

		*end = '\0';
		row = row_of(&kept, line, true);
		*end = ' ';
		if (row->line && strcmp(row->line, line) == 0)
			same++;
		else
			other += printf("differs: kept %s\n   is now %s\n",
					row->line ? row->line : "nothing", line) > 0;
		row->named = true;
	}
	for (size_t i = 0; i < kept.rows.count; i++) {
		if (kept.rows.items[i].line && !kept.rows.items[i].named)
			other += printf("differs: kept %s\n   is now nothing\n",
					kept.rows.items[i].line) > 0;
	}
	printf("%s %lu\n", other ? "other" : "same", other ? other : same);
	release(&kept);
}

int main(int argc, char **argv)
{
	struct tool tool = { 0 };
	struct config *config;
	struct diags diags = { 0 };
	struct err err = ERR_INIT;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 4) {
		fprintf(stderr, "usage: read_changes SETTINGS COPY full|delta|follow|compare [OPTION]...\n");
		return 2;
	}
	layout_init(&tool.layout);
	group_names_init(&tool.groups);
	for (int i = 4; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--attr") == 0)
			layout_add(&tool.layout, argv[i + 1], strlen(argv[i + 1]), NULL);
		else
			group_names_add(&tool.groups, argv[i + 1], strlen(argv[i + 1]));
	}
	if (config_load(argv[1], &config, &diags))
		die("settings: ", &diags.items[0]);
	tool.config = config;
	tool.path = argv[2];
	if (directory_open(config, clock_system(), &tool.dir, &err))
		die("", &err);
	if (strcmp(argv[3], "full") == 0)
		do_full(&tool, argv[2]);
	else if (strcmp(argv[3], "delta") == 0)
		do_delta(&tool, false);
	else if (strcmp(argv[3], "follow") == 0)
		do_delta(&tool, true);
	else
		do_compare(&tool, argv[2]);
	tool.dir->ops->disconnect(tool.dir);
	tool.dir->ops->free(tool.dir);
	config_free(config);
	layout_release(&tool.layout);
	group_names_release(&tool.groups);
	release(&tool.copy);
	return 0;
}
