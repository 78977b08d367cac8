#include "mappings/rules_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

origin_id rules_origin_add(struct rules_loader *load, const struct yaml_node *at,
			   const char *rule)
{
	struct origin origin = { at->file, at->line, at->column,
				 arena_strdup(&load->rules->mem, rule) };

	vec_push(&load->rules->origins, origin);
	return (origin_id)load->rules->origins.count - 1;
}

/* --- diagnoses --------------------------------------------------------------------------- */

/* What is wrong is told in the order of the files and their lines. */
static int diag_order(const void *a, const void *b)
{
	const struct err *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->text, y->text);
}

/* One file's run of diagnoses from `at`, brought together. Returns its end. */
static size_t gather(struct diags *diags, size_t at)
{
	size_t end = at + 1;

	for (size_t i = at + 1; i < diags->count; i++) {
		struct err found = diags->items[i];

		if (strcmp(found.where, diags->items[at].where) != 0)
			continue;
		memmove(&diags->items[end + 1], &diags->items[end], (i - end) * sizeof(found));
		diags->items[end++] = found;
	}
	qsort(&diags->items[at], end - at, sizeof(struct err), diag_order);
	return end;
}

/* A file that several extend, and defaults of several blocks, may be wrong more than once. */
static void sort_diags(struct diags *diags, size_t from)
{
	size_t kept = from;

	for (size_t at = from; at < diags->count;)
		at = gather(diags, at);
	for (size_t i = from; i < diags->count; i++) {
		const struct err *last = kept > from ? &diags->items[kept - 1] : NULL;

		if (last && strcmp(last->where, diags->items[i].where) == 0 &&
		    diag_order(last, &diags->items[i]) == 0)
			diags->total--;
		else
			diags->items[kept++] = diags->items[i];
	}
	diags->count = kept;
}

/* --- loading ----------------------------------------------------------------------------- */

static struct rules *rules_new(void)
{
	struct rules *rules = mem_zalloc(sizeof(*rules));

	arena_init(&rules->mem);
	layout_init(&rules->layout);
	group_names_init(&rules->groups);
	rules->env = cel_env_new(&rules->layout, &rules->groups);
	rules->tables = tables_new();
	cel_env_tables(rules->env, rules->tables);
	vec_push(&rules->origins, (struct origin){ 0 });
	return rules;
}

/* Compile what was read, even when some was wrong: all that is wrong is told at once. */
static int rules_done(struct rules_loader *load, size_t diags_before, int status,
		      struct rules **ret_rules)
{
	if (rules_compile(load, status == 0))
		status = -1;
	sort_diags(load->diags, diags_before);
	rules_loader_release(load);
	if (status)
		rules_free(load->rules);
	else
		*ret_rules = load->rules;
	return status;
}

int rules_load(const char *const *paths, size_t count, struct rules **ret_rules,
	       struct diags *diags)
{
	struct rules_loader load = { .diags = diags };
	size_t before = diags->count;
	int status = 0;

	if (count > RULES_FILES_MAX)
		return diags_at(diags, ERR_LIMIT, NULL, 0, 0, "more than %d rule files",
				RULES_FILES_MAX);
	load.rules = rules_new();
	for (size_t i = 0; i < count; i++)
		if (rules_read_source(&load, paths[i], NULL))
			status = -1;
	return rules_done(&load, before, status, ret_rules);
}

int rules_load_text(const char *path, struct slice text, struct rules **ret_rules,
		    struct diags *diags)
{
	struct rules_loader load = { .rules = rules_new(), .diags = diags };
	size_t before = diags->count;

	return rules_done(&load, before, rules_read_source(&load, path, &text), ret_rules);
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	cel_env_free(rules->env);
	tables_free(rules->tables);
	layout_release(&rules->layout);
	group_names_release(&rules->groups);
	vec_release(&rules->blocks);
	vec_release(&rules->origins);
	vec_release(&rules->group_origins);
	vec_release(&rules->attribute_origins);
	vec_release(&rules->files);
	arena_release(&rules->mem);
	mem_free(rules);
}

bool rules_use_now(const struct rules *rules)
{
	return rules->uses_now;
}

const struct layout *rules_layout(const struct rules *rules)
{
	return &rules->layout;
}

const struct group_names *rules_groups(const struct rules *rules)
{
	return &rules->groups;
}

origin_id rules_group_origin(const struct rules *rules, unsigned group)
{
	return group < rules->group_origins.count ? rules->group_origins.items[group] : 0;
}

origin_id rules_attribute_origin(const struct rules *rules, unsigned slot)
{
	return slot < rules->attribute_origins.count ? rules->attribute_origins.items[slot] : 0;
}

size_t rules_origin_count(const struct rules *rules)
{
	return rules->origins.count;
}

const struct origin *rules_origin(const struct rules *rules, origin_id id)
{
	return &rules->origins.items[id < rules->origins.count ? id : 0];
}

const char *rules_origin_text(const struct rules *rules, origin_id id, char *out, size_t size)
{
	const struct origin *origin = rules_origin(rules, id);
	const char *slash;

	if (!origin->file) {
		out[0] = '\0';
		return out;
	}
	slash = strrchr(origin->file, '/');
	snprintf(out, size, "%s:%u:%u (%s)", slash ? slash + 1 : origin->file, origin->line,
		 origin->column, origin->rule);
	return out;
}

static void each_literal_of(const struct people_block *block,
			    void (*fn)(void *, unsigned, const char *, origin_id), void *ctx)
{
	for (unsigned i = 0; i < block->field_count; i++) {
		const struct template *value = &block->fields[i].value;

		if (block->fields[i].attr == SCIM_ATTR_DIVISION && value->literal)
			fn(ctx, ASSIGN_KIND_COUNT, value->literal, value->origin);
	}
	for (unsigned i = 0; i < block->item_count; i++) {
		for (unsigned r = 0; r < block->items[i].count; r++) {
			const struct assign_rule *rule = &block->items[i].rules[r];

			/* Which plans there are is known once their unit is. */
			if (rule->name.literal && rule->kind != ASSIGN_WORK_PLAN)
				fn(ctx, rule->kind, rule->name.literal, rule->origin);
			if (rule->kind != ASSIGN_WORK_PLAN && rule->division.literal &&
			    strcmp(rule->division.literal, "*") != 0)
				fn(ctx, ASSIGN_KIND_COUNT, rule->division.literal,
				   rule->division.origin);
		}
	}
}

void rules_each_literal(const struct rules *rules,
			void (*fn)(void *ctx, unsigned kind, const char *name, origin_id origin),
			void *ctx)
{
	for (size_t b = 0; b < rules->blocks.count; b++)
		each_literal_of(&rules->blocks.items[b], fn, ctx);
}

void rules_each_assign(const struct rules *rules,
		       void (*fn)(void *ctx, enum assign_kind kind, origin_id origin),
		       void *ctx)
{
	for (size_t b = 0; b < rules->blocks.count; b++) {
		const struct people_block *block = &rules->blocks.items[b];

		for (unsigned i = 0; i < block->item_count; i++)
			for (unsigned r = 0; r < block->items[i].count; r++)
				fn(ctx, (enum assign_kind)block->items[i].rules[r].kind,
				   block->items[i].rules[r].origin);
	}
}

static void each_place_of(const struct people_block *block,
			  void (*fn)(void *, enum map_event_kind, origin_id), void *ctx)
{
	fn(ctx, MAP_BLOCK, block->origin);
	for (unsigned i = 0; i < block->skip_count; i++)
		fn(ctx, MAP_SKIP, block->skips[i].origin);
	for (unsigned i = 0; i < block->field_count; i++)
		fn(ctx, MAP_FIELD, block->fields[i].value.origin);
	for (unsigned i = 0; i < block->item_count; i++) {
		const struct assign_item *item = &block->items[i];

		fn(ctx, MAP_ITEM, item->origin);
		if (item->each)
			fn(ctx, MAP_EACH, item->each_origin);
		for (unsigned r = 0; r < item->count; r++)
			fn(ctx, MAP_ASSIGN, item->rules[r].origin);
	}
}

void rules_each_place(const struct rules *rules,
		      void (*fn)(void *ctx, enum map_event_kind kind, origin_id origin),
		      void *ctx)
{
	for (size_t b = 0; b < rules->blocks.count; b++)
		each_place_of(&rules->blocks.items[b], fn, ctx);
}

void rules_each_file(const struct rules *rules,
		     void (*fn)(void *ctx, const char *path, struct slice text), void *ctx)
{
	for (size_t i = 0; i < rules->files.count; i++)
		fn(ctx, rules->files.items[i].path, rules->files.items[i].text);
	for (size_t i = 0; i < tables_count(rules->tables); i++)
		fn(ctx, table_path(tables_at(rules->tables, i)),
		   table_text(tables_at(rules->tables, i)));
}
