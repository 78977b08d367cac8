/*
 * Tests of rules: cases bound to rules, and run.
 */
#include "mappings/rule_test_impl.h"

#include <stdio.h>
#include <string.h>

#include "mappings/dn.h"
#include "mappings/rules_impl.h"

#include "scim/base/banned.h"

/*
 * Names of the rules' groups by what a case may call them: the text without case, a DN in its
 * normal form. Several rules may name one group in several ways.
 */
struct group_index {
	struct map first;  /* of a key: place of a group, + 1 */
	unsigned *next[2]; /* of a group: the one with the same text, with the same DN */
};

enum { BY_TEXT, BY_DN };

struct binder {
	struct rule_tests *tests;
	const struct rules *rules;
	const struct rule_test_world *world;
	struct diags *diags;
	struct group_index index;
	struct attr_values *attrs; /* of the case at work */
};

/* --- values ------------------------------------------------------------------------------ */

/* ";binary" only says how a value travels (RFC 4522). */
static size_t plain_length(struct slice name)
{
	static const char binary[] = ";binary";
	size_t len = sizeof(binary) - 1;

	if (name.len > len &&
	    text_cmp_nocase(name.data + name.len - len, len, binary, len) == 0)
		return name.len - len;
	return name.len;
}

/* Slot of an attribute, or NULL when no rule asks for it. */
static struct attr_values *slot_of(struct binder *b, struct slice name)
{
	int slot = layout_find(&b->rules->layout, name.data, plain_length(name));

	return slot < 0 ? NULL : &b->attrs[slot];
}

static struct slice inline_value(struct binder *b, const struct yaml_node *node)
{
	struct slice text = node->text;
	char *bytes;
	long len;

	if (node->type == YAML_TEXT)
		return text;
	text = yaml_get(node, "base64")->text;
	bytes = arena_bytes(&b->tests->bound, text.len + 1);
	len = base64_decode(text.data, text.len, bytes);
	return slice_of(bytes, len > 0 ? (size_t)len : 0);
}

static int bind_attr(struct binder *b, const struct yaml_node *key,
		     const struct yaml_node *value)
{
	struct attr_values *slot = slot_of(b, key->text);
	struct slice *items;
	uint32_t count = value->type == YAML_LIST ? value->count : 1;

	if (!slot || count == 0 || rule_test_is_null(value))
		return 0;
	if (slot->count)
		return rule_test_complain(b->diags, key, "attribute \"%s\" is given twice",
					  key->text.data);
	items = arena_array(&b->tests->bound, count, sizeof(*items));
	for (uint32_t i = 0; i < count; i++)
		items[i] = inline_value(b, value->type == YAML_LIST ? value->items[i] : value);
	attr_values_sort(items, count);
	*slot = (struct attr_values){ items, count };
	return 0;
}

/* --- the id ------------------------------------------------------------------------------ */

/* Member of an inline entry, whose names have no case; its first value. */
static const struct yaml_node *inline_find(const struct yaml_node *entry, const char *name)
{
	for (unsigned i = 0; i < entry->count; i++) {
		const struct yaml_node *value = entry->items[i];

		if (!text_eq_nocase(entry->keys[i]->text.data, name))
			continue;
		if (value->type == YAML_LIST)
			value = value->count ? value->items[0] : NULL;
		return value && value->type == YAML_TEXT && value->text.len ? value : NULL;
	}
	return NULL;
}

static const char *dn_id(struct arena *mem, const char *dn)
{
	struct err err = ERR_INIT;
	struct slice norm;

	if (dn_normalize(mem, dn, strlen(dn), &norm, &err))
		return arena_strdup(mem, dn);
	return arena_strndup(mem, norm.data, norm.len);
}

/* A test needs some id; which one a run takes is a matter of settings. */
static const char *inline_id(struct arena *mem, const struct yaml_node *entry, const char *dn)
{
	const struct yaml_node *id = inline_find(entry, "entryUUID");
	char *text;

	if (!id)
		id = inline_find(entry, "objectGUID");
	if (!id)
		return dn_id(mem, dn);
	text = arena_strndup(mem, id->text.data, id->text.len);
	text_lower(text, id->text.len);
	return text;
}

/* --- the person -------------------------------------------------------------------------- */

static int bind_inline(struct binder *b, struct test_case *test)
{
	const struct yaml_node *entry = test->entry, *dn = yaml_get(entry, "dn");
	int status = 0;

	for (unsigned i = 0; i < entry->count; i++)
		if (entry->items[i] != dn && bind_attr(b, entry->keys[i], entry->items[i]))
			status = -1;
	test->bound.dn = dn->text.data;
	test->bound.id = inline_id(&b->tests->bound, entry, dn->text.data);
	return status;
}

static int bind_read(struct binder *b, struct test_case *test)
{
	struct arena *mem = &b->tests->bound;
	struct rule_test_entry read = { 0 };
	struct err err = ERR_INIT;

	if (b->world->find(b->world->ctx, test->ldif, test->dn->text.data, mem, &read, &err)) {
		char line[ERR_FORMAT_MAX];

		return rule_test_complain(b->diags, test->dn, "%s",
					  err_format(&err, line, sizeof(line)));
	}
	for (unsigned i = 0; i < read.count; i++) {
		struct attr_values *slot = slot_of(b, read.attrs[i].name);
		struct slice *items;

		if (!slot || !read.attrs[i].count || slot->count)
			continue;
		items = arena_array(mem, read.attrs[i].count, sizeof(*items));
		memcpy(items, read.attrs[i].values, read.attrs[i].count * sizeof(*items));
		attr_values_sort(items, read.attrs[i].count);
		*slot = (struct attr_values){ items, read.attrs[i].count };
	}
	test->bound.dn = read.dn;
	test->bound.id = read.id ? read.id : dn_id(mem, read.dn);
	return 0;
}

/* --- groups ------------------------------------------------------------------------------ */

static const char *folded(struct arena *mem, const char *text, size_t len, int how)
{
	char *key = arena_printf(mem, "%d%.*s", how, (int)len, text);

	if (how == BY_TEXT)
		text_lower(key, len + 1);
	return key;
}

/* Key of a name as a DN, or NULL when it is none. */
static const char *dn_key(struct arena *mem, const char *name)
{
	struct err err = ERR_INIT;
	struct slice norm;

	if (!dn_looks_like(name, strlen(name)) ||
	    dn_normalize(mem, name, strlen(name), &norm, &err))
		return NULL;
	return folded(mem, norm.data, norm.len, BY_DN);
}

static void index_group(struct binder *b, unsigned group, int how, const char *key)
{
	uint64_t first = 0;

	map_get(&b->index.first, slice_str(key), &first);
	b->index.next[how][group] = (unsigned)first;
	map_set(&b->index.first, slice_str(key), group + 1);
}

static void index_groups(struct binder *b)
{
	const struct group_names *groups = &b->rules->groups;
	struct arena *mem = &b->tests->bound;

	for (int how = BY_TEXT; how <= BY_DN; how++)
		b->index.next[how] = arena_array(mem, groups->names.count + 1, sizeof(unsigned));
	for (unsigned i = 0; i < groups->names.count; i++) {
		const char *name = groups->names.items[i], *dn = dn_key(mem, name);

		index_group(b, i, BY_TEXT, folded(mem, name, strlen(name), BY_TEXT));
		if (dn)
			index_group(b, i, BY_DN, dn);
	}
}

/* What a case says of the groups of one key. */
struct said {
	unsigned char *answers;
	enum group_answer answer;
	bool known, twice;
};

static void say_group(const struct binder *b, int how, const char *key, struct said *said)
{
	uint64_t at = 0;

	map_get(&b->index.first, slice_str(key), &at);
	for (; at; at = b->index.next[how][at - 1]) {
		unsigned char *answer = &said->answers[at - 1];

		said->known = true;
		said->twice |= *answer != GROUP_NO && *answer != said->answer;
		*answer = (unsigned char)said->answer;
	}
}

/* A DN is the group of this DN, and the one that a rule calls by its cn. */
static void say_name(struct binder *b, const char *name, struct said *said)
{
	struct arena *mem = &b->tests->bound;
	const char *dn = dn_key(mem, name);
	struct err err = ERR_INIT;
	struct slice cn;

	say_group(b, BY_TEXT, folded(mem, name, strlen(name), BY_TEXT), said);
	if (!dn)
		return;
	say_group(b, BY_DN, dn, said);
	if (dn_part(mem, name, strlen(name), "cn", &cn, &err) == 0)
		say_group(b, BY_TEXT, folded(mem, cn.data, cn.len, BY_TEXT), said);
}

static int unknown_group(struct binder *b, const struct yaml_node *node)
{
	const struct group_names *groups = &b->rules->groups;
	int near = -1;

	if (b->diags->total < DIAGS_MAX) /* the rest is only counted */
		near = text_nearest(node->text.data, groups->names.items, groups->names.count);
	if (near < 0 && node->plain && dn_looks_like(node->text.data, node->text.len) &&
	    !strchr(node->text.data, ','))
		return rule_test_complain(b->diags, node, "no rule names group \"%s\"; a DN with "
					  "commas needs quotes in [ ]", node->text.data);
	return rule_test_complain(b->diags, node, "no rule names group \"%s\"%s%s%s",
				  node->text.data, near < 0 ? "" : "; nearest: \"",
				  near < 0 ? "" : groups->names.items[near],
				  near < 0 ? "" : "\"");
}

static int bind_group(struct binder *b, const struct yaml_node *node, unsigned char *answers,
		      enum group_answer answer)
{
	struct said said = { .answers = answers, .answer = answer };

	say_name(b, node->text.data, &said);
	if (said.twice)
		return rule_test_complain(b->diags, node, "group \"%s\" is in groups and in "
					  "unknown_groups", node->text.data);
	return said.known ? 0 : unknown_group(b, node);
}

static int bind_groups(struct binder *b, const struct yaml_node *list, unsigned char *answers,
		       enum group_answer answer)
{
	int status = 0;

	for (unsigned i = 0; list && i < list->count; i++)
		if (bind_group(b, list->items[i], answers, answer))
			status = -1;
	return status;
}

/* --- bind and run ------------------------------------------------------------------------ */

static bool spanned(const struct span *span)
{
	return span->from.stated || span->until.stated;
}

/* Would a case come out in another way on another day? */
static bool depends_on_time(const struct rules *rules)
{
	for (size_t b = 0; b < rules->blocks.count; b++) {
		const struct people_block *block = &rules->blocks.items[b];

		if (spanned(&block->span))
			return true;
		for (unsigned i = 0; i < block->item_count; i++)
			if (spanned(&block->items[i].span))
				return true;
	}
	return rules->uses_now;
}

static int bind_case(struct binder *b, struct test_case *test, bool timed)
{
	struct arena *mem = &b->tests->bound;
	size_t slots = b->rules->layout.names.count, groups = b->rules->groups.names.count;
	unsigned char *answers = arena_array(mem, groups + 1, 1);
	int status = 0;

	_Static_assert(GROUP_NO == 0, "nobody is in a group that is not given");
	b->attrs = arena_array(mem, slots + 1, sizeof(*b->attrs));
	test->bound = (struct entry){
		.attrs = b->attrs, .attr_count = (unsigned)slots,
		.groups = answers, .group_count = (unsigned)groups,
	};
	if (timed && !test->timed)
		status = rule_test_complain(b->diags, test->node, "the rules use the time: state "
					    "now, for all cases or for this one");
	if (test->entry ? bind_inline(b, test) : bind_read(b, test))
		status = -1;
	if (bind_groups(b, test->groups, answers, GROUP_YES) ||
	    bind_groups(b, test->unknown_groups, answers, GROUP_UNKNOWN))
		status = -1;
	return status;
}

int rule_tests_bind(struct rule_tests *tests, const struct rules *rules,
		    const struct rule_test_world *world, struct diags *diags)
{
	struct binder b = { .tests = tests, .rules = rules, .world = world, .diags = diags };
	bool timed = depends_on_time(rules);
	int status = 0;

	arena_reset(&tests->bound);
	tests->rules = rules;
	index_groups(&b);
	for (size_t i = 0; i < tests->cases.count; i++)
		if (bind_case(&b, &tests->cases.items[i], timed))
			status = -1;
	map_release(&b.index.first);
	return status;
}

const struct rule_test_result *rule_tests_run(struct rule_tests *tests, struct arena *mem,
					      struct rule_coverage *coverage,
					      size_t *ret_count)
{
	struct rule_test_result *results =
		arena_array(mem, tests->cases.count + 1, sizeof(*results));
	struct arena scratch = ARENA_INIT;
	struct map_observer observer;

	arena_reset(&tests->records);
	if (coverage)
		rule_coverage_watch(coverage, tests->rules, &observer);
	for (size_t i = 0; i < tests->cases.count; i++) {
		struct test_case *test = &tests->cases.items[i];
		struct rule_test_result *result = &results[i];
		struct record *record = NULL;
		struct err err = ERR_INIT;

		*result = (struct rule_test_result){
			.file = tests->path, .name = test->name, .line = test->node->line,
			.column = test->node->column,
		};
		map_entry_observed(tests->rules, &test->bound, test->now_s, &scratch,
				   &tests->records, &record, NULL, coverage ? &observer : NULL,
				   &err);
		test->record = record;
		result->diff_count = rule_test_compare(test, tests->rules, mem, &result->diffs);
		test->failed = result->diff_count > 0;
	}
	arena_release(&scratch);
	*ret_count = tests->cases.count;
	return results;
}
