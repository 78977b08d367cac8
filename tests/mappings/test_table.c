/*
 * Tables: cases from tests/cases/tables.txt, files, limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mappings/table.h"
#include "scim/base/buf.h"
#include "tests/cases.h"
#include "scim/base/banned.h"

/* "\r", "\xNN" and "\\" of a case's text; its own line ends stay. */
static struct slice unescape(struct arena *mem, const char *s)
{
	char *out = arena_bytes(mem, strlen(s) + 1);
	size_t len = 0;

	for (; *s; s++) {
		char hex[3] = "";

		if (*s != '\\') {
			out[len++] = *s;
		} else if (*++s == 'r') {
			out[len++] = '\r';
		} else if (*s == 'x') {
			memcpy(hex, s + 1, 2);
			out[len++] = (char)strtoul(hex, NULL, 16);
			s += 2;
		} else {
			out[len++] = *s;
		}
	}
	return slice_of(out, len);
}

/* Columns, then each row's cells, as "[a] [b]"; what is not stated is "-". */
static void print_row(const struct table *t, struct slice key, struct buf *out)
{
	struct slice cell;

	for (unsigned c = 0; c < table_column_count(t); c++) {
		if (table_get(t, key, c, &cell))
			buf_addf(out, "%s[%.*s]", c ? " " : "", SLICE_FMT(cell));
		else
			buf_addf(out, "%s-", c ? " " : "");
	}
	buf_addch(out, '\n');
}

static void print_table(const struct table *t, const char *keys, struct buf *out)
{
	for (unsigned c = 0; c < table_column_count(t); c++)
		buf_addf(out, "%s%s", c ? " " : "", table_column(t, c));
	buf_addf(out, ": %zu\n", table_rows(t));
	while (*keys) {
		size_t len = strcspn(keys, "\n");

		print_row(t, slice_of(keys, len), out);
		keys += len + (keys[len] == '\n');
	}
}

/* Sections: path and text, keys to look up, what comes out. */
static bool run(const struct test_case *c)
{
	struct tables *tables = tables_new();
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct buf out;
	struct slice path = slice_of(c->sections[0], strcspn(c->sections[0], "\n"));
	struct slice text = unescape(&mem, c->sections[0] + path.len + 1);
	char line[ERR_FORMAT_MAX];
	bool good;

	buf_init(&out, 1 << 16);
	if (tables_load_text(tables, "t", arena_strndup(&mem, path.data, path.len), text, &err))
		buf_addf(&out, "%s\n", err_format(&err, line, sizeof(line)));
	else
		print_table(tables_at(tables, 0), c->sections[1], &out);
	good = strcmp(out.data, c->sections[2]) == 0;
	if (!good)
		case_failed(c, c->sections[2], out.data);
	buf_release(&out);
	arena_release(&mem);
	tables_free(tables);
	return good;
}

static void test_cases(void **state)
{
	(void)state;
	run_cases("tests/cases/tables.txt", run);
}

static int load(struct tables *tables, const char *name, const char *path, const char *text,
		struct err *err)
{
	return tables_load_text(tables, name, path, slice_str(text), err);
}

static void test_names(void **state)
{
	struct tables *tables = tables_new();
	struct err err = ERR_INIT;
	char name[16];

	(void)state;
	assert_int_equal(load(tables, "a", "a.csv", "k,v\n1,2\n", &err), 0);
	assert_int_equal(load(tables, "a", "b.csv", "k,v\n1,2\n", &err), -1);
	assert_string_equal(err.text, "there are two tables \"a\"");
	err.kind = ERR_NONE;
	assert_int_equal(load(tables, "", "b.csv", "k,v\n1,2\n", &err), -1);
	assert_string_equal(err.text, "a table needs a name");
	err.kind = ERR_NONE;
	for (int i = 1; i < TABLES_MAX; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		assert_int_equal(load(tables, name, "a.yml", "k: v\n", &err), 0);
	}
	assert_int_equal(load(tables, "more", "a.yml", "k: v\n", &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_int_equal(tables_count(tables), TABLES_MAX);
	assert_null(tables_find(tables, SLICE("more")));
	assert_string_equal(table_name(tables_find(tables, SLICE("a"))), "a");
	assert_string_equal(table_path(tables_at(tables, 0)), "a.csv");
	assert_true(slice_eq_str(table_text(tables_at(tables, 0)), "k,v\n1,2\n"));
	assert_int_equal(table_find_column(tables_at(tables, 0), SLICE("v")), 1);
	assert_int_equal(table_find_column(tables_at(tables, 0), SLICE("V")), -1);
	assert_int_equal(tables_count(NULL), 0);
	tables_free(tables);
	tables_free(NULL);
}

static void test_files(void **state)
{
	char dir[] = "/tmp/test_table.XXXXXX", path[64];
	struct tables *tables = tables_new();
	struct err err = ERR_INIT;
	struct slice cell;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sites.CSV", dir);
	assert_int_equal(tables_load(tables, "sites", path, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_string_equal(err.where, path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("city,division\nBerlin,Site Berlin\n", f);
	assert_int_equal(fclose(f), 0);
	err.kind = ERR_NONE;
	assert_int_equal(tables_load(tables, "sites", path, &err), 0);
	assert_true(table_get(tables_at(tables, 0), SLICE("Berlin"), 1, &cell));
	assert_true(slice_eq_str(cell, "Site Berlin"));
	assert_int_equal(truncate(path, TABLE_BYTES_MAX + 1), 0);
	assert_int_equal(tables_load(tables, "big", path, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	unlink(path);
	rmdir(dir);
	tables_free(tables);
}

/* `first`, then `row` with a number for each # until the text is long enough, or `rows`. */
static void fill(struct buf *text, const char *first, const char *row, unsigned rows)
{
	buf_init(text, TABLE_BYTES_MAX);
	buf_addstr(text, first);
	for (unsigned i = 0; i < rows; i++) {
		size_t hash = strcspn(row, "#");

		buf_add(text, row, hash);
		if (row[hash])
			buf_addf(text, "%x%s", i, row + hash + 1);
	}
	assert_false(buf_failed(text));
}

static void test_limits(void **state)
{
	static const struct {
		const char *name, *path, *first, *row;
		unsigned rows;
		const char *want; /* "" = it loads */
	} rows[] = {
		{ "a million rows", "t.csv", "k,v\n", "#,x\n", TABLE_ROWS_MAX, "" },
		{ "one more", "t.csv", "k,v\n", "#,x\n", TABLE_ROWS_MAX + 1,
		  "t.csv:1000002:1: more than 1000000 rows" },
		{ "64 columns", "t.csv", "k", ",c#", TABLE_COLUMNS_MAX - 1, "" },
		{ "65 columns", "t.csv", "k", ",c#", TABLE_COLUMNS_MAX,
		  "t.csv:1:239: more than 64 columns" },
		{ "cells", "t.csv", "k,a,b,c,d,e,f,g,h\n", "#,,,,,,,,\n", 450000,
		  "t.csv:444446:10: more than 4000000 cells" },
		{ "a row of commas", "t.csv", "k,v\nx", ",", 15000000,
		  "t.csv:2:1: the row has 15000001 cells, the first row names 2 columns" },
		{ "a cell of 15 MB", "t.csv", "k,v\nx,", "y", 15000000, "" },
		{ "quotes alone", "t.csv", "k,v\nx,\"", "\"\"", 7000000,
		  "t.csv:2:3: the quoted cell that begins here is not closed" },
		{ "empty lines", "t.csv", "k,v\n", "\n", 15000000, "" },
		{ "YAML of 300,000 keys", "t.yaml", "", "k#: v\n", 300000, "" },
		{ "YAML of too many", "t.yaml", "", "k#: v\n", 600000, "t.yaml:" },
		{ "YAML of 65 columns", "t.yaml", "a:\n", "  c#: v\n", TABLE_COLUMNS_MAX,
		  "t.yaml:65:3: more than 64 columns" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct tables *tables = tables_new();
		char line[ERR_FORMAT_MAX] = "";
		struct err err = ERR_INIT;
		struct buf text;

		fill(&text, rows[i].first, rows[i].row, rows[i].rows);
		if (tables_load_text(tables, "t", rows[i].path, slice_of(text.data, text.len),
				     &err))
			err_format(&err, line, sizeof(line));
		if (strncmp(line, rows[i].want, strlen(rows[i].want)) != 0 ||
		    (line[0] != '\0') != (rows[i].want[0] != '\0'))
			fail_msg("%s: \"%s\", want \"%s\"", rows[i].name, line, rows[i].want);
		buf_release(&text);
		tables_free(tables);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
