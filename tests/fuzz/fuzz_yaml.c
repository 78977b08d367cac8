/*
 * mappings/yaml and mappings/rules: a text is a tree whose places lie in the text, or is
 * refused with a reason; a rule set loads, or all its diagnoses have a place in the file.
 * What loads maps an empty entry without a fault.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mappings/map.h"
#include "mappings/rules_impl.h"
#include "mappings/yaml.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX (64 * 1024)

static void check_place(unsigned line, unsigned column, unsigned lines, size_t size)
{
	if (line < 1 || line > lines || column < 1 || column > size + 1)
		abort();
}

static void check_text(const struct yaml_node *node, unsigned lines, size_t size)
{
	unsigned line = node->line, column = node->column;

	check_place(line, column, lines, size);
	if (strlen(node->text.data) != node->text.len)
		abort();
	/* Later bytes never stand before earlier ones. */
	for (size_t i = 0; i <= node->text.len + 1; i += 1 + node->text.len / 16) {
		unsigned next_line, next_column;

		yaml_place(node, i, &next_line, &next_column);
		check_place(next_line, next_column, lines, size);
		if (next_line < line || (next_line == line && next_column < column))
			abort();
		line = next_line;
		column = next_column;
	}
}

static void check_node(const struct yaml_node *node, unsigned lines, size_t size)
{
	check_place(node->line, node->column, lines, size);
	if (node->type == YAML_TEXT)
		check_text(node, lines, size);
	for (unsigned i = 0; i < node->count; i++) {
		if (node->type == YAML_MAP)
			check_node(node->keys[i], lines, size);
		check_node(node->items[i], lines, size);
	}
}

static void map_empty(const struct rules *rules)
{
	size_t slots = rules_layout(rules)->names.count;
	size_t groups = rules_groups(rules)->names.count;
	struct arena scratch = ARENA_INIT, mem = ARENA_INIT;
	struct record *record = NULL;
	struct err err = ERR_INIT;
	struct entry entry = {
		.dn = "cn=x",
		.id = "1",
		.attrs = mem_array(slots + 1, sizeof(struct attr_values)),
		.attr_count = (unsigned)slots,
		.groups = mem_zalloc(groups + 1),
		.group_count = (unsigned)groups,
	};

	if (map_entry(rules, &entry, 0, &scratch, &mem, &record, NULL, &err))
		abort();
	mem_free((void *)entry.attrs);
	mem_free((void *)entry.groups);
	arena_release(&scratch);
	arena_release(&mem);
}

static void check_rules(struct slice text, unsigned lines)
{
	struct rules *rules = NULL;
	struct diags diags = { 0 };

	if (rules_load_text("f", text, &rules, &diags) == 0) {
		if (diags.total || !rules)
			abort();
		map_empty(rules);
		rules_free(rules);
	} else if (!diags.total || rules) {
		abort();
	}
	for (size_t i = 0; i < diags.count; i++)
		if (!diags.items[i].text[0] ||
		    (strcmp(diags.items[i].where, "f") == 0 && diags.items[i].line > lines))
			abort();
	diags_release(&diags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct yaml_node *root = NULL;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	unsigned lines = 2; /* the end of a text that has no line end counts as one more */

	if (size > INPUT_BYTES_MAX)
		return 0;
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	if (yaml_parse(&mem, (const char *)data, size, "f", &root, &err) == 0)
		check_node(root, lines, size);
	else if (root || err.kind == ERR_NONE || !err.text[0] || err.line > lines)
		abort();
	arena_release(&mem);
	check_rules(slice_of((const char *)data, size), lines);
	return 0;
}
