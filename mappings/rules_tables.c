/*
 * `tables` of rule files: which there are, by name, and reading them.
 */
#include "mappings/rules_load.h"

#include <string.h>

#include "scim/base/banned.h"

static struct table_draft *find(struct rules_loader *load, const char *name)
{
	for (size_t i = 0; i < load->tables.count; i++)
		if (strcmp(load->tables.items[i].name, name) == 0)
			return &load->tables.items[i];
	return NULL;
}

static int add(struct rules_loader *load, const struct yaml_node *name,
	       const struct table_draft *table)
{
	struct table_draft *other = find(load, table->name);

	if (!other) {
		vec_push(&load->tables, *table);
		return 0;
	}
	if (rules_extend(load, table->source, other->source)) {
		*other = *table;
		return 0;
	}
	if (strcmp(other->path, table->path) == 0)
		return 0;
	return rules_complain(load, name, "the table \"%s\" stands at %s:%u:%u already; give one "
			      "another name, or let this file extend that one", table->name,
			      other->at->file, other->at->line, other->at->column);
}

int rules_read_tables(struct rules_loader *load, unsigned source, const struct yaml_node *node)
{
	int status = 0;

	for (unsigned i = 0; node && i < node->count; i++) {
		const struct yaml_node *at = node->items[i], *name = node->keys[i];
		struct table_draft table = { .name = name->text.data, .at = at,
					     .source = source };

		if (at->type != YAML_TEXT || at->text.len == 0 || name->text.len == 0) {
			status = rules_complain(load, at, "tables wants %s",
						rule_type_expected(RULE_TABLES));
			continue;
		}
		table.path = rules_path_beside(load, load->sources.items[source].path,
					       at->text.data);
		if (add(load, name, &table))
			status = -1;
	}
	return status;
}

int rules_load_tables(struct rules_loader *load)
{
	struct tables *tables = load->rules->tables;
	int status = 0;

	for (size_t i = 0; i < load->tables.count; i++) {
		const struct table_draft *table = &load->tables.items[i];
		struct err err = ERR_INIT;

		if (tables_load(tables, table->name, table->path, &err) == 0)
			continue;
		/* What is wrong in the table has its place there, the rest here. */
		if (err.line)
			diags_add(load->diags, &err);
		else
			rules_complain(load, table->at, "table \"%s\": %s%s%s", table->name,
				       err.where, *err.where ? ": " : "", err.text);
		tables_add_missing(tables, table->name);
		status = -1;
	}
	return status;
}
