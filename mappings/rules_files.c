/*
 * Rule files: reading them, what they extend, and in which order their blocks are asked.
 */
#include "mappings/rules_load.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scim/base/buf.h"

#include "scim/base/banned.h"

#ifndef DIRBRIDGE_STOCK_DIR
#define DIRBRIDGE_STOCK_DIR "/usr/local/share/dirbridge/mappings/stock"
#endif

/* Stock files that are named as near misses. */
#define STOCK_NAMES_MAX 64

/* What a file is read for: the way from the file that the settings name. */
struct reach {
	const struct yaml_node *at; /* the path in `extends`; NULL: the settings name it */
	unsigned depth;
};

static int read_source(struct rules_loader *load, const char *path, const struct slice *text,
		       struct reach reach, unsigned *ret_source);

/* --- where the stock rules are ----------------------------------------------------------- */

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Beside the program: build/dirbridge of a source tree, or bin/dirbridge of a moved prefix. */
static const char *beside_program(struct arena *mem)
{
	static const char *const places[] = { "mappings/stock", "share/dirbridge/mappings/stock" };
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len <= 0)
		return NULL;
	self[len] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(self, '/');

		if (!slash)
			return NULL;
		*slash = '\0';
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *path = arena_printf(mem, "%s/%s", self, places[i]);

		if (is_folder(path))
			return path;
	}
	return NULL;
}

static const char *stock_folder(struct arena *mem)
{
	const char *folder = getenv("DIRBRIDGE_STOCK");

	if (folder && *folder)
		return arena_strdup(mem, folder);
	folder = beside_program(mem);
	return folder ? folder : DIRBRIDGE_STOCK_DIR;
}

static int no_such_stock(struct rules_loader *load, const struct yaml_node *at,
			 const char *name, const char *folder)
{
	struct arena *mem = &load->rules->mem;
	const char *names[STOCK_NAMES_MAX];
	size_t count = 0;
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char near[128];

	while (dir && count < STOCK_NAMES_MAX && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if (len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0)
			names[count++] = arena_strndup(mem, entry->d_name, len - 5);
	}
	if (dir)
		closedir(dir);
	return rules_complain(load, at, "no stock rules \"%s\" in %s%s", name, folder,
			      rules_nearest(name, names, count, near, sizeof(near)));
}

/* A name without a way out of the folder. */
static bool is_stock_name(const char *name)
{
	return *name && *name != '.' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789-_.")] == '\0';
}

const char *rules_path_beside(struct rules_loader *load, const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	if (*name == '/' || !slash)
		return arena_strdup(&load->rules->mem, name);
	return arena_printf(&load->rules->mem, "%.*s/%s", (int)(slash - path), path, name);
}

/* Path of what `at` names in the file `path`, or NULL with a diagnosis. */
static const char *extended_path(struct rules_loader *load, const char *path,
				 const struct yaml_node *at)
{
	struct arena *mem = &load->rules->mem;
	const char *name = at->text.data, *folder, *file;

	if (strncmp(name, "stock/", 6) == 0) {
		folder = stock_folder(mem);
		if (!is_stock_name(name + 6)) {
			rules_complain(load, at, "\"%s\" is no name of stock rules", name);
			return NULL;
		}
		file = arena_printf(mem, "%s/%s.yaml", folder, name + 6);
		if (access(file, F_OK) == 0)
			return file;
		no_such_stock(load, at, name + 6, folder);
		return NULL;
	}
	return rules_path_beside(load, path, name);
}

/* --- extends ----------------------------------------------------------------------------- */

bool rules_extend(const struct rules_loader *load, unsigned source, unsigned base)
{
	const struct rule_source *s = &load->sources.items[source];

	for (size_t i = 0; i < s->bases.count; i++)
		if (s->bases.items[i] == base || rules_extend(load, s->bases.items[i], base))
			return true;
	return false;
}

static int read_base(struct rules_loader *load, unsigned source, const struct yaml_node *at,
		     unsigned depth)
{
	struct reach reach = { at, depth + 1 };
	const char *path;
	unsigned base;

	if (at->type != YAML_TEXT || at->text.len == 0)
		return rules_complain(load, at, "extends wants a path or a list of paths");
	if (reach.depth > RULES_EXTENDS_DEPTH_MAX)
		return rules_complain(load, at, "extends goes more than %d files deep",
				      RULES_EXTENDS_DEPTH_MAX);
	path = extended_path(load, load->sources.items[source].path, at);
	if (!path || read_source(load, path, NULL, reach, &base))
		return -1;
	vec_push(&load->sources.items[source].bases, base);
	return 0;
}

static int read_bases(struct rules_loader *load, unsigned source, const struct yaml_node *node,
		      unsigned depth)
{
	bool one = node && node->type == YAML_TEXT;
	unsigned count = !node ? 0 : one ? 1 : node->count;
	int status = 0;

	for (unsigned i = 0; i < count; i++)
		if (read_base(load, source, one ? node : node->items[i], depth))
			status = -1;
	return status;
}

/* --- defaults ---------------------------------------------------------------------------- */

/* Those of the bases in order, then the file's own. */
static int read_defaults(struct rules_loader *load, unsigned source, const struct yaml_node *node)
{
	struct rule_source *s = &load->sources.items[source];
	struct draft all = { .name = "defaults", .node = node, .source = source }, own;
	int status = 0;

	for (size_t i = 0; i < s->bases.count; i++) {
		draft_copy(&own, &load->sources.items[s->bases.items[i]].defaults);
		if (draft_inherit(load, &all, &own))
			status = -1;
	}
	if (node) {
		struct draft none = { 0 };

		if (draft_read(load, node, RULE_PLACE_DEFAULTS, "defaults", source, &own))
			status = -1;
		if (draft_inherit(load, &all, &own) || draft_finish(load, &all, &none))
			status = -1;
	}
	s->defaults = all;
	return status;
}

/* --- people ------------------------------------------------------------------------------ */

static struct draft *find_draft(struct rules_loader *load, const char *name)
{
	for (size_t i = 0; i < load->drafts.count; i++)
		if (load->drafts.items[i].named && !load->drafts.items[i].removed &&
		    strcmp(load->drafts.items[i].name, name) == 0)
			return &load->drafts.items[i];
	return NULL;
}

static int no_such_block(struct rules_loader *load, const struct draft *draft)
{
	const char *names[64];
	size_t count = 0;
	char near[128];

	for (size_t i = 0; i < load->drafts.count && count < 64; i++)
		if (load->drafts.items[i].named && !load->drafts.items[i].removed &&
		    (load->drafts.items[i].source == draft->source ||
		     rules_extend(load, draft->source, load->drafts.items[i].source)))
			names[count++] = load->drafts.items[i].name;
	return rules_complain(load, draft->named, "no block \"%s\" is inherited that could be "
			      "removed%s", draft->name,
			      rules_nearest(draft->name, names, count, near, sizeof(near)));
}

static int same_name(struct rules_loader *load, const struct draft *draft,
		     const struct draft *other)
{
	const struct yaml_node *at = other->named;

	return rules_complain(load, draft->named, "the block \"%s\" stands at %s:%u:%u already; "
			      "give one another name, or let this file extend that one",
			      draft->name, at->file, at->line, at->column);
}

/* A new block is asked before the inherited one that follows it in its file, else last. */
static void insert_draft(struct rules_loader *load, size_t at, const struct draft *draft)
{
	vec_push(&load->drafts, *draft);
	memmove(&load->drafts.items[at + 1], &load->drafts.items[at],
		(load->drafts.count - 1 - at) * sizeof(*draft));
	load->drafts.items[at] = *draft;
}

/* Take blocks that wait since `first` to the place before `anchor`. */
static void place_before(struct rules_loader *load, size_t first, size_t anchor)
{
	size_t waiting = load->drafts.count - first;

	for (size_t i = 0; i < waiting; i++) {
		struct draft draft = load->drafts.items[load->drafts.count - 1];

		load->drafts.count--;
		insert_draft(load, anchor, &draft);
	}
}

/*
 * One block of a file. `*first` is where the new blocks of this file begin that no inherited
 * one has followed yet.
 */
static int add_block(struct rules_loader *load, unsigned source, unsigned index,
		     const struct yaml_node *node, size_t *first)
{
	const char *name = arena_printf(&load->rules->mem, "people[%u]", index + 1);
	struct draft draft, *other;
	int status;
	size_t at;

	if (node->type != YAML_MAP)
		return rules_complain(load, node, "a block of people is expected here");
	status = draft_read(load, node, RULE_PLACE_PEOPLE, name, source, &draft);
	other = draft.named ? find_draft(load, draft.name) : NULL;
	if (other && (other->source == source || !rules_extend(load, source, other->source))) {
		status = same_name(load, &draft, other);
		draft_release(&draft);
		return status;
	}
	if (!other && draft.removed) {
		if (draft.named)
			status = no_such_block(load, &draft);
		draft_release(&draft);
		return status;
	}
	if (!other) {
		vec_push(&load->drafts, draft);
		return status;
	}
	at = (size_t)(other - load->drafts.items);
	if (draft.removed) {
		other->removed = true;
		draft_release(&draft);
	} else if (draft_inherit(load, other, &draft)) {
		status = -1;
	}
	place_before(load, *first, at);
	*first = load->drafts.count;
	return status;
}

static int read_people(struct rules_loader *load, unsigned source, const struct yaml_node *root,
		       bool needed)
{
	const struct yaml_node *people = rules_get(root, RULE_PLACE_FILE, "people");
	size_t first = load->drafts.count;
	int status = 0;

	if (people ? people->count == 0 : needed && !yaml_get(root, "people"))
		return rules_complain(load, people ? people : root, "people wants %s",
				      rule_type_expected(RULE_BLOCKS));
	if (people && people->count > RULES_BLOCKS_MAX - load->drafts.count)
		return rules_complain(load, people, "more than %d blocks of people",
				      RULES_BLOCKS_MAX);
	for (unsigned i = 0; people && i < people->count; i++)
		if (add_block(load, source, i, people->items[i], &first))
			status = -1;
	return status;
}

/* --- a file ------------------------------------------------------------------------------ */

static int read_mode(struct rules_loader *load, const struct yaml_node *mode)
{
	bool all;

	if (!mode)
		return 0;
	all = rules_word(mode, RULE_MODE) == 1;
	if (load->mode_at && all != load->rules->all)
		return rules_complain(load, mode, "mode is %s here and %s at %s:%u:%u; a rule set "
				      "has one mode", all ? "all" : "first",
				      all ? "first" : "all", load->mode_at->file,
				      load->mode_at->line, load->mode_at->column);
	load->mode_at = mode;
	load->rules->all = all;
	return 0;
}

static int read_tree(struct rules_loader *load, unsigned source, const struct yaml_node *root,
		     unsigned depth)
{
	const struct yaml_node *bases, *defaults;
	int status = 0;

	if (root->type != YAML_MAP)
		return rules_complain(load, root, "version and people are expected here");
	if (!rules_check_map(load, root, NULL, RULE_PLACE_FILE))
		status = -1;
	if (read_mode(load, rules_get(root, RULE_PLACE_FILE, "mode")))
		status = -1;
	bases = rules_get(root, RULE_PLACE_FILE, "extends");
	if (read_bases(load, source, bases, depth))
		status = -1;
	defaults = rules_get(root, RULE_PLACE_FILE, "defaults");
	if (read_defaults(load, source, defaults))
		status = -1;
	if (rules_read_tables(load, source, rules_get(root, RULE_PLACE_FILE, "tables")))
		status = -1;
	/* A file that builds on another, or is built on, need not have people of its own. */
	if (read_people(load, source, root, !bases && !depth))
		status = -1;
	return status;
}

static int parse(struct rules_loader *load, const char *path, struct slice text,
		 const struct yaml_node **ret_root)
{
	struct rules *rules = load->rules;
	struct rule_file file = { .path = path };
	struct err err = ERR_INIT;

	file.text = slice_of(arena_strndup(&rules->mem, text.data, text.len), text.len);
	if (yaml_parse(&rules->mem, text.data, text.len, path, ret_root, &err)) {
		diags_add(load->diags, &err);
		return -1;
	}
	vec_push(&rules->files, file);
	return 0;
}

static int parse_file(struct rules_loader *load, const char *path, struct reach reach,
		      const struct yaml_node **ret_root)
{
	struct err err = ERR_INIT;
	struct buf text;
	int status;

	buf_init(&text, YAML_BYTES_MAX);
	status = buf_read_file(&text, path, &err);
	if (!status) {
		status = parse(load, path, slice_of(text.data ? text.data : "", text.len),
			       ret_root);
	} else if (reach.at) {
		rules_complain(load, reach.at, "%s: %s", path, err.text);
	} else {
		/* A rule file that is not there is a wrong setting, not a failed run. */
		if (err.kind == ERR_IO)
			err.kind = ERR_INVALID;
		diags_add(load->diags, &err);
	}
	buf_release(&text);
	return status;
}

/* The same file by another way is the same. */
static const char *real_path(struct arena *mem, const char *path)
{
	char real[PATH_MAX];

	return arena_strdup(mem, realpath(path, real) ? real : path);
}

static int read_again(struct rules_loader *load, unsigned source, struct reach reach,
		      unsigned *ret_source)
{
	const struct rule_source *s = &load->sources.items[source];

	if (s->state == SOURCE_LOADING && reach.at)
		return rules_complain(load, reach.at, "extends goes in a circle: %s extends this "
				      "file", s->path);
	*ret_source = source;
	return 0;
}

static int read_source(struct rules_loader *load, const char *path, const struct slice *text,
		       struct reach reach, unsigned *ret_source)
{
	struct arena *mem = &load->rules->mem;
	struct rule_source source = { .path = arena_strdup(mem, path) };
	const struct yaml_node *root;
	unsigned index = (unsigned)load->sources.count;
	int status;

	source.real = real_path(mem, path);
	for (unsigned i = 0; i < index; i++)
		if (strcmp(load->sources.items[i].real, source.real) == 0)
			return read_again(load, i, reach, ret_source);
	if (index >= RULES_FILES_MAX)
		return diags_at(load->diags, ERR_LIMIT, reach.at ? reach.at->file : path,
				reach.at ? reach.at->line : 0, reach.at ? reach.at->column : 0,
				"more than %d rule files", RULES_FILES_MAX);
	status = text ? parse(load, source.path, *text, &root)
		      : parse_file(load, source.path, reach, &root);
	if (status)
		return -1;
	vec_push(&load->sources, source);
	status = read_tree(load, index, root, reach.depth);
	load->sources.items[index].state = SOURCE_DONE;
	*ret_source = index;
	return status;
}

int rules_read_source(struct rules_loader *load, const char *path, const struct slice *text)
{
	unsigned source;

	return read_source(load, path, text, (struct reach){ 0 }, &source);
}

/* --- to blocks --------------------------------------------------------------------------- */

static bool states_user_name(const struct rules *rules)
{
	for (size_t b = 0; b < rules->blocks.count; b++)
		for (unsigned i = 0; i < rules->blocks.items[b].field_count; i++)
			if (rules->blocks.items[b].fields[i].attr == SCIM_ATTR_USER_NAME)
				return true;
	return false;
}

int rules_compile(struct rules_loader *load, bool good)
{
	struct rules *rules = load->rules;
	const struct draft *last = NULL;
	int status = rules_load_tables(load);

	for (size_t i = 0; i < load->drafts.count; i++) {
		struct draft *draft = &load->drafts.items[i];
		const struct rule_source *source = &load->sources.items[draft->source];

		if (draft->removed)
			continue;
		last = draft;
		if (draft_finish(load, draft, &source->defaults))
			status = -1;
		if (people_compile(load, draft))
			status = -1;
	}
	if (!last && good && load->sources.count)
		return diags_at(load->diags, ERR_INVALID, load->sources.items[0].path, 1, 1,
				"no block of people is left; nobody would be in scope");
	if (last && good && !status && rules->all && !states_user_name(rules))
		status = rules_complain(load, last->node, "no block states userName");
	return status;
}

void rules_loader_release(struct rules_loader *load)
{
	for (size_t i = 0; i < load->sources.count; i++) {
		vec_release(&load->sources.items[i].bases);
		draft_release(&load->sources.items[i].defaults);
	}
	for (size_t i = 0; i < load->drafts.count; i++)
		draft_release(&load->drafts.items[i]);
	vec_release(&load->sources);
	vec_release(&load->drafts);
	vec_release(&load->defaults);
	vec_release(&load->tables);
}
