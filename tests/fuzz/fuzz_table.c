/*
 * mappings/table: the first byte chooses CSV or YAML; the rest is a table in which every key
 * is found again, or is refused with a reason and a place in the text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mappings/table.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX (64 * 1024)

static void check_table(const struct table *table, struct slice text, bool csv)
{
	unsigned columns = table_column_count(table);
	struct slice cell;

	if (columns < 2 || columns > TABLE_COLUMNS_MAX || !slice_eq(table_text(table), text))
		abort();
	for (unsigned i = 0; i < columns; i++)
		if (table_find_column(table, slice_str(table_column(table, i))) != (int)i)
			abort();
	/* Any piece of the text that is a key is its own first cell. */
	for (size_t at = 0; at < text.len && at < 256; at++) {
		for (size_t len = 1; len < 8 && at + len <= text.len; len++) {
			struct slice key = slice_of(text.data + at, len);

			if (!table_get(table, key, 0, &cell))
				continue;
			if (!slice_eq(cell, key) || table_rows(table) == 0)
				abort();
			for (unsigned i = 1; i < columns; i++)
				if (!table_get(table, key, i, &cell) && csv)
					abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tables *tables;
	struct err err = ERR_INIT;
	unsigned lines = 2;
	struct slice text;
	bool csv;

	if (size == 0 || size > INPUT_BYTES_MAX)
		return 0;
	csv = data[0] != 'y';
	text = slice_of((const char *)data + 1, size - 1);
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	tables = tables_new();
	if (tables_load_text(tables, "t", csv ? "t.csv" : "t.yaml", text, &err) == 0)
		check_table(tables_at(tables, 0), text, csv);
	else if (err.kind == ERR_NONE || !err.text[0] || err.line > lines ||
		 tables_count(tables) != 0)
		abort();
	tables_free(tables);
	return 0;
}
