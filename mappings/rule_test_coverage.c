/*
 * Tests of rules: which places of the rules the cases reached.
 */
#include "mappings/rule_test_impl.h"

#include <stdlib.h>
#include <string.h>

#include "mappings/rules_impl.h"

#include "scim/base/banned.h"

#define KINDS (MAP_ASSIGN + 1)
#define NONE UINT32_MAX

/* Branches of one place: index of what counts a false, and a true. */
struct spot {
	uint32_t branch[2];
};

struct rule_coverage {
	struct arena mem;
	VEC(struct rule_branch) branches;
	VEC(const char *) files;   /* in the order in which they were met */
	struct map keys;           /* "file:line:column:what" to the branch */
	struct spot *spots[KINDS]; /* of the rules at work, by origin */
	size_t origin_count;
	VEC(struct rule_branch) sorted;
};

struct rule_coverage *rule_coverage_new(void)
{
	struct rule_coverage *coverage = mem_zalloc(sizeof(*coverage));

	arena_init(&coverage->mem);
	return coverage;
}

void rule_coverage_free(struct rule_coverage *coverage)
{
	if (!coverage)
		return;
	for (unsigned kind = 0; kind < KINDS; kind++)
		mem_free(coverage->spots[kind]);
	vec_release(&coverage->branches);
	vec_release(&coverage->files);
	vec_release(&coverage->sorted);
	map_release(&coverage->keys);
	arena_release(&coverage->mem);
	mem_free(coverage);
}

/* --- the places of rules ----------------------------------------------------------------- */

/* What is done with each branch of a rule set. */
struct visitor {
	void (*fn)(struct visitor *v, enum map_event_kind kind, origin_id origin, bool way,
		   const char *what);
	struct rule_coverage *coverage;
	const struct rules *rules;
	const char *const *paths;
	size_t path_count;
};

static bool spanned(const struct span *span)
{
	return span->from.stated || span->until.stated;
}

static void visit_item(struct visitor *v, const struct assign_item *item)
{
	if (item->when || spanned(&item->span)) {
		v->fn(v, MAP_ITEM, item->origin, true, "true");
		v->fn(v, MAP_ITEM, item->origin, false, "false");
	}
	if (item->each)
		v->fn(v, MAP_EACH, item->each_origin, true, "element");
	for (unsigned i = 0; i < item->count; i++)
		v->fn(v, MAP_ASSIGN, item->rules[i].origin, true, "name");
}

static void visit_block(struct visitor *v, const struct people_block *block)
{
	v->fn(v, MAP_BLOCK, block->origin, true, "true");
	if (block->when || spanned(&block->span))
		v->fn(v, MAP_BLOCK, block->origin, false, "false");
	for (unsigned i = 0; i < block->skip_count; i++) {
		v->fn(v, MAP_SKIP, block->skips[i].origin, true, "true");
		v->fn(v, MAP_SKIP, block->skips[i].origin, false, "false");
	}
	for (unsigned i = 0; i < block->field_count; i++) {
		const struct template *value = &block->fields[i].value;

		/* What only clears never has a value: to be asked is all it can do. */
		v->fn(v, MAP_FIELD, value->origin, value->count > 0,
		      value->count ? "value" : "clear");
	}
	for (unsigned i = 0; i < block->item_count; i++)
		visit_item(v, &block->items[i]);
}

static void visit(struct visitor *v)
{
	for (size_t b = 0; b < v->rules->blocks.count; b++)
		visit_block(v, &v->rules->blocks.items[b]);
}

/* --- adding ------------------------------------------------------------------------------ */

static size_t folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* In the folder of a rule file, or below? */
static bool counts(const struct visitor *v, const char *file)
{
	for (size_t i = 0; i < v->path_count; i++) {
		size_t len = folder_length(v->paths[i]);

		if (len ? strncmp(v->paths[i], file, len) == 0 : *file != '/')
			return true;
	}
	return false;
}

/* Branch of a place, or NONE. The key is in `text`. */
static uint32_t find_branch(const struct rule_coverage *coverage, const struct origin *origin,
			    const char *what, struct buf *text)
{
	uint64_t found;

	buf_init(text, 8192);
	buf_addf(text, "%s:%u:%u:%s", origin->file, origin->line, origin->column, what);
	return map_get(&coverage->keys, slice_of(text->data, text->len), &found)
		       ? (uint32_t)found : NONE;
}

static void note_file(struct rule_coverage *coverage, const char *file)
{
	for (size_t i = 0; i < coverage->files.count; i++)
		if (strcmp(coverage->files.items[i], file) == 0)
			return;
	vec_push(&coverage->files, file);
}

static void add_branch(struct visitor *v, enum map_event_kind kind, origin_id id, bool way,
		       const char *what)
{
	struct rule_coverage *coverage = v->coverage;
	const struct origin *origin = rules_origin(v->rules, id);
	struct buf text;

	(void)kind;
	(void)way;
	if (!counts(v, origin->file))
		return;
	if (find_branch(coverage, origin, what, &text) == NONE) {
		struct rule_branch branch = {
			.file = arena_strdup(&coverage->mem, origin->file),
			.rule = arena_strdup(&coverage->mem, origin->rule),
			.line = origin->line, .column = origin->column, .what = what,
		};

		note_file(coverage, branch.file);
		map_set(&coverage->keys,
			slice_of(arena_strndup(&coverage->mem, text.data, text.len), text.len),
			coverage->branches.count);
		vec_push(&coverage->branches, branch);
	}
	buf_release(&text);
}

void rule_coverage_add(struct rule_coverage *coverage, const struct rules *rules,
		       const char *const *paths, size_t count)
{
	struct visitor v = { add_branch, coverage, rules, paths, count };

	visit(&v);
}

/* --- counting ---------------------------------------------------------------------------- */

static void set_spot(struct visitor *v, enum map_event_kind kind, origin_id id, bool way,
		     const char *what)
{
	struct buf text;

	v->coverage->spots[kind][id].branch[way] =
		find_branch(v->coverage, rules_origin(v->rules, id), what, &text);
	buf_release(&text);
}

static void count_event(void *ctx, const struct map_event *event)
{
	struct rule_coverage *coverage = ctx;
	uint32_t branch = NONE;

	/* An error is neither way. A list without elements did nothing. */
	if (event->result >= 0 && event->origin < coverage->origin_count)
		branch = coverage->spots[event->kind][event->origin].branch[event->result > 0];
	if (branch != NONE && (event->kind != MAP_EACH || event->count))
		coverage->branches.items[branch].hits++;
}

void rule_coverage_watch(struct rule_coverage *coverage, const struct rules *rules,
			 struct map_observer *ret_observer)
{
	struct visitor v = { .fn = set_spot, .coverage = coverage, .rules = rules };

	coverage->origin_count = rules_origin_count(rules);
	for (unsigned kind = 0; kind < KINDS; kind++) {
		mem_free(coverage->spots[kind]);
		coverage->spots[kind] =
			mem_array(coverage->origin_count, sizeof(**coverage->spots));
		memset(coverage->spots[kind], 0xff,
		       coverage->origin_count * sizeof(**coverage->spots));
	}
	visit(&v);
	*ret_observer = (struct map_observer){ count_event, coverage };
}

static int branch_order(const void *a, const void *b, void *ctx)
{
	const struct rule_coverage *coverage = ctx;
	const struct rule_branch *x = a, *y = b;

	if (strcmp(x->file, y->file) != 0) {
		for (size_t i = 0; i < coverage->files.count; i++) {
			if (strcmp(coverage->files.items[i], x->file) == 0)
				return -1;
			if (strcmp(coverage->files.items[i], y->file) == 0)
				return 1;
		}
	}
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return -strcmp(x->what, y->what); /* true before false */
}

const struct rule_branch *rule_coverage_branches(struct rule_coverage *coverage,
						 size_t *ret_count)
{
	coverage->sorted.count = 0;
	for (size_t i = 0; i < coverage->branches.count; i++)
		vec_push(&coverage->sorted, coverage->branches.items[i]);
	if (coverage->sorted.count)
		qsort_r(coverage->sorted.items, coverage->sorted.count,
			sizeof(*coverage->sorted.items), branch_order, coverage);
	*ret_count = coverage->sorted.count;
	return coverage->sorted.items;
}
