#include "mappings/cel_impl.h"

#include <stdio.h>

#include "mappings/table.h"
#include "scim/base/banned.h"

/*
 * lookup(): the table is known by name when the rules load, so that a wrong name is found
 * before anybody is mapped and an evaluation is one look into a hash.
 */
struct lookup {
	const struct table *table;
	int column; /* -1: its name is computed */
};

#define SHOWN(s) (int)((s).len > 60 ? 60 : (s).len), (s).data

/* "; nearest: NAME" among `names`, or "". */
static const char *nearest(struct arena *mem, struct slice name, const char *const *names,
			   size_t count)
{
	const char *text = arena_strndup(mem, name.data, name.len > 60 ? 60 : name.len);
	int near = text_nearest(text, names, count);

	return near < 0 ? "" : arena_printf(mem, "; nearest: \"%s\"", names[near]);
}

static int no_table(struct arena *mem, const struct tables *tables, struct slice name,
		    struct err *err)
{
	const char *names[TABLES_MAX];
	size_t count = tables_count(tables);

	for (size_t i = 0; i < count; i++)
		names[i] = table_name(tables_at(tables, i));
	if (count == 0)
		return err_set(err, ERR_INVALID, "there is no table \"%.*s\"; no table is named "
			       "under \"tables\"", SHOWN(name));
	return err_set(err, ERR_INVALID, "there is no table \"%.*s\"%s", SHOWN(name),
		       nearest(mem, name, names, count));
}

static int no_column(struct arena *mem, const struct table *table, struct slice name,
		     struct err *err)
{
	const char *names[TABLE_COLUMNS_MAX];
	unsigned count = table_column_count(table);

	for (unsigned i = 0; i < count; i++)
		names[i] = table_column(table, i);
	return err_set(err, ERR_INVALID, "table \"%s\" has no column \"%.*s\"%s",
		       table_name(table), SHOWN(name), nearest(mem, name, names, count));
}

static int several_columns(const struct table *table, struct err *err)
{
	char names[160] = "";
	size_t len = 0;

	for (unsigned i = 1; i < table_column_count(table) && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
					i > 1 ? ", " : "", table_column(table, i));
	return err_set(err, ERR_INVALID, "table \"%s\" has the columns %s; name the one you want, "
		       "lookup(table, key, column)", table_name(table), names);
}

static bool is_text(const struct cel_node *n)
{
	return n->op == N_CONST && n->value.type == CEL_STRING;
}

int cel_prepare_lookup(struct arena *mem, const struct tables *tables, const struct cel_node *n,
		       void **ret_extra, struct err *err)
{
	struct lookup *lookup = arena_alloc(mem, sizeof(*lookup));

	if (!is_text(n->kids[0]))
		return err_set(err, ERR_INVALID, "lookup() needs the constant name of a table");
	lookup->table = tables_find(tables, n->kids[0]->value.as.s);
	if (!lookup->table)
		return no_table(mem, tables, n->kids[0]->value.as.s, err);
	lookup->column = -1;
	*ret_extra = lookup;
	if (table_column_count(lookup->table) == 0)
		return 0; /* missing, and that was said */
	if (n->count == 2) {
		if (table_column_count(lookup->table) > 2)
			return several_columns(lookup->table, err);
		lookup->column = 1;
	} else if (is_text(n->kids[2])) {
		lookup->column = table_find_column(lookup->table, n->kids[2]->value.as.s);
		if (lookup->column < 0)
			return no_column(mem, lookup->table, n->kids[2]->value.as.s, err);
	}
	return 0;
}

CEL_FN(lookup)
{
	const struct lookup *lookup = n->extra;
	int column = lookup->column;
	struct slice cell;

	(void)argc;
	if (table_column_count(lookup->table) == 0)
		return cel_fail(c, n, "the table could not be read");
	if (column < 0)
		column = table_find_column(lookup->table, args[2].as.s);
	if (column < 0) {
		struct err err = ERR_INIT;

		if (!cel_charge_heavy(c, n))
			return false;
		no_column(c->mem, lookup->table, args[2].as.s, &err);
		return cel_failf(c, n, "%s", err.text);
	}
	if (!table_get(lookup->table, args[1].as.s, (unsigned)column, &cell))
		return cel_fail_key(c, n, &args[1]);
	*out = cel_string(cell);
	return true;
}
