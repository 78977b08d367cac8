#include "mappings/table.h"

#include <stdio.h>
#include <string.h>

#include "mappings/yaml.h"
#include "scim/base/buf.h"
#include "scim/base/mem.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

struct table {
	const char *name, *path;
	struct arena mem;  /* names, the text, decoded cells */
	struct slice text;
	const char *columns[TABLE_COLUMNS_MAX];
	unsigned column_count;
	VEC(struct slice) cells; /* row by row; data NULL: not stated */
	VEC(uint32_t) lines;     /* of each row, to say where a key stood before */
	struct map rows;         /* key -> row */
};

struct tables {
	VEC(struct table *) list;
};

static void table_free(struct table *table)
{
	vec_release(&table->cells);
	vec_release(&table->lines);
	map_release(&table->rows);
	arena_release(&table->mem);
	mem_free(table);
}

/* ---- filling a table ---- */

/* What is being read, for errors. */
struct source {
	struct table *table;
	struct err *err;
};

static const char *shown(struct slice s, char out[80])
{
	text_visible(s.data, s.len, out, 80);
	return out;
}

static int add_column(const struct source *in, struct slice name, unsigned line,
		      unsigned column)
{
	struct table *t = in->table;
	char text[80];

	if (name.len == 0)
		return err_at(in->err, ERR_INVALID, t->path, line, column,
			      "a column has no name; the first row names the columns");
	if (table_find_column(t, name) >= 0)
		return err_at(in->err, ERR_INVALID, t->path, line, column,
			      "the column \"%s\" is named twice", shown(name, text));
	if (t->column_count == TABLE_COLUMNS_MAX)
		return err_at(in->err, ERR_LIMIT, t->path, line, column,
			      "more than %d columns", TABLE_COLUMNS_MAX);
	t->columns[t->column_count++] = arena_strndup(&t->mem, name.data, name.len);
	return 0;
}

static int add_cell(const struct source *in, struct slice cell, unsigned line, unsigned column)
{
	if (in->table->cells.count == TABLE_CELLS_MAX)
		return err_at(in->err, ERR_LIMIT, in->table->path, line, column,
			      "more than %d cells", TABLE_CELLS_MAX);
	vec_push(&in->table->cells, cell);
	return 0;
}

/* A row begins with its key; its cells are added by the caller. */
static int add_key(const struct source *in, struct slice key, unsigned line, unsigned column)
{
	struct table *t = in->table;
	uint64_t before;
	char text[80];

	if (t->lines.count == TABLE_ROWS_MAX)
		return err_at(in->err, ERR_LIMIT, t->path, line, column, "more than %d rows",
			      TABLE_ROWS_MAX);
	if (key.len == 0)
		return err_at(in->err, ERR_INVALID, t->path, line, column, "the key is empty");
	if (map_get(&t->rows, key, &before))
		return err_at(in->err, ERR_INVALID, t->path, line, column,
			      "the key \"%s\" stands in line %u already", shown(key, text),
			      t->lines.items[before]);
	map_set(&t->rows, key, t->lines.count);
	vec_push(&t->lines, line);
	return 0;
}

/* ---- CSV ---- */

struct csv {
	struct source in;
	const char *at, *end, *line_start;
	unsigned line;
};

static unsigned column_of(const struct csv *csv, const char *at)
{
	return (unsigned)(at - csv->line_start) + 1;
}

static int csv_bad(const struct csv *csv, const char *what)
{
	return err_at(csv->in.err, ERR_INVALID, csv->in.table->path, csv->line,
		      column_of(csv, csv->at), "%s", what);
}

static void new_line(struct csv *csv, const char *start)
{
	csv->line++;
	csv->line_start = start;
}

/* "" in a quoted cell is one quote. */
static struct slice undouble(struct csv *csv, struct slice raw)
{
	char *out = arena_bytes(&csv->in.table->mem, raw.len);
	size_t len = 0;

	for (size_t i = 0; i < raw.len; i++) {
		out[len++] = raw.data[i];
		i += raw.data[i] == '"';
	}
	return slice_of(out, len);
}

/* From an opening quote to behind the closing one; line ends are text within. */
static int quoted_cell(struct csv *csv, struct slice *ret)
{
	struct csv open = *csv;
	const char *start = ++csv->at;
	bool doubled = false;

	for (; csv->at < csv->end; csv->at++) {
		if (*csv->at == '\n')
			new_line(csv, csv->at + 1);
		if (*csv->at != '"')
			continue;
		if (csv->at + 1 == csv->end || csv->at[1] != '"')
			break;
		doubled = true;
		csv->at++;
	}
	if (csv->at == csv->end)
		return csv_bad(&open, "the quoted cell that begins here is not closed");
	*ret = slice_of(start, (size_t)(csv->at - start));
	if (doubled)
		*ret = undouble(csv, *ret);
	csv->at++;
	if (csv->at < csv->end && !strchr(",\r\n", *csv->at))
		return csv_bad(csv, "after a quoted cell a comma or the end of the line is "
				    "expected; a quote in it is written twice, \"\"");
	return 0;
}

static int plain_cell(struct csv *csv, struct slice *ret)
{
	const char *start = csv->at;

	for (; csv->at < csv->end; csv->at++) {
		if (*csv->at == ',' || *csv->at == '\n' || *csv->at == '\r')
			break;
		if (*csv->at == '"')
			return csv_bad(csv, "a quote inside a cell without quotes; write "
					    "\"...\" around the cell and \"\" for each quote");
	}
	*ret = slice_of(start, (size_t)(csv->at - start));
	return 0;
}

/* One cell and what ends it; *ret_more: a comma did. */
static int csv_cell(struct csv *csv, struct slice *ret, bool *ret_more)
{
	bool quoted = csv->at < csv->end && *csv->at == '"';

	*ret_more = false;
	if (quoted ? quoted_cell(csv, ret) : plain_cell(csv, ret))
		return -1;
	if (csv->at == csv->end)
		return 0;
	if (*csv->at == '\r' && (csv->at + 1 == csv->end || csv->at[1] != '\n'))
		return csv_bad(csv, "a carriage return without a line feed after it");
	*ret_more = *csv->at == ',';
	csv->at += *csv->at == '\r' ? 2 : 1;
	if (!*ret_more)
		new_line(csv, csv->at);
	return 0;
}

static void skip_empty_lines(struct csv *csv)
{
	while (csv->at < csv->end) {
		size_t n = *csv->at == '\n' ? 1 : 0;

		if (csv->end - csv->at >= 2 && memcmp(csv->at, "\r\n", 2) == 0)
			n = 2;
		if (n == 0)
			return;
		csv->at += n;
		new_line(csv, csv->at);
	}
}

static int csv_header(struct csv *csv)
{
	struct table *t = csv->in.table;
	struct slice name;
	bool more = true;

	skip_empty_lines(csv);
	if (csv->at == csv->end)
		return csv_bad(csv, "the table is empty; the first row names the columns");
	while (more) {
		unsigned line = csv->line, column = column_of(csv, csv->at);

		if (csv_cell(csv, &name, &more) || add_column(&csv->in, name, line, column))
			return -1;
	}
	if (t->column_count >= 2)
		return 0;
	return err_at(csv->in.err, ERR_INVALID, t->path, 1, 1,
		      "a table has a key column and at least one more%s",
		      strchr(t->columns[0], ';') ? "; its columns are parted by commas, not by "
						   "semicolons"
						 : "");
}

static int csv_row(struct csv *csv)
{
	const struct table *t = csv->in.table;
	unsigned count = 0, row_line = csv->line;
	struct slice cell;
	bool more = true;

	while (more) {
		unsigned line = csv->line, column = column_of(csv, csv->at);

		if (csv_cell(csv, &cell, &more))
			return -1;
		if (count == 0 && add_key(&csv->in, cell, line, column))
			return -1;
		if (count++ < t->column_count && add_cell(&csv->in, cell, line, column))
			return -1;
	}
	if (count == t->column_count)
		return 0;
	return err_at(csv->in.err, ERR_INVALID, t->path, row_line, 1,
		      "the row has %u cell%s, the first row names %u columns", count,
		      count == 1 ? "" : "s", t->column_count);
}

static int load_csv(struct source in)
{
	struct slice text = in.table->text;
	struct csv csv = { .in = in, .at = text.data, .end = text.data + text.len, .line = 1 };

	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		csv.at += 3;
	csv.line_start = csv.at;
	if (csv_header(&csv))
		return -1;
	for (;;) {
		skip_empty_lines(&csv);
		if (csv.at == csv.end)
			return 0;
		if (csv_row(&csv))
			return -1;
	}
}

/* ---- YAML ---- */

static int yaml_bad(const struct source *in, const struct yaml_node *node, const char *what)
{
	return err_at(in->err, ERR_INVALID, in->table->path, node->line, node->column, "%s",
		      what);
}

/* A plain empty value states nothing, as in the rules. */
static struct slice yaml_cell(const struct source *in, const struct yaml_node *node)
{
	if (node->plain && node->text.len == 0)
		return slice_of(NULL, 0);
	return slice_of(arena_strndup(&in->table->mem, node->text.data, node->text.len),
			node->text.len);
}

static int yaml_simple_row(const struct source *in, const struct yaml_node *value)
{
	if (value->type != YAML_TEXT)
		return yaml_bad(in, value, "a text is expected here, as in the first row");
	return add_cell(in, yaml_cell(in, value), value->line, value->column);
}

/* Columns come to be in the order in which rows first name them. */
static int yaml_row_columns(const struct source *in, const struct yaml_node *row)
{
	if (row->type != YAML_MAP)
		return yaml_bad(in, row, "columns are expected here, as in the first row: "
					 "{column: text, ...}");
	for (unsigned i = 0; i < row->count; i++) {
		const struct yaml_node *name = row->keys[i];
		int known = table_find_column(in->table, name->text);

		if (row->items[i]->type != YAML_TEXT)
			return yaml_bad(in, row->items[i], "a text is expected here");
		if (known == 0)
			return yaml_bad(in, name, "\"key\" is the row's own key; a column needs "
						  "another name");
		if (known < 0 && add_column(in, name->text, name->line, name->column))
			return -1;
	}
	return 0;
}

static int yaml_columns(const struct source *in, const struct yaml_node *root)
{
	if (add_column(in, SLICE("key"), root->line, root->column))
		return -1;
	for (unsigned r = 0; r < root->count; r++)
		if (yaml_row_columns(in, root->items[r]))
			return -1;
	return 0;
}

static int yaml_row(const struct source *in, const struct yaml_node *row)
{
	for (unsigned c = 1; c < in->table->column_count; c++) {
		const struct yaml_node *cell = yaml_get(row, in->table->columns[c]);

		if (add_cell(in, cell ? yaml_cell(in, cell) : slice_of(NULL, 0), row->line,
			     row->column))
			return -1;
	}
	return 0;
}

static int load_rows(const struct source *in, const struct yaml_node *root)
{
	bool simple;

	if (root->type != YAML_MAP || root->count == 0)
		return yaml_bad(in, root, "a table is a map: key: text, or key: {column: text}");
	simple = root->items[0]->type == YAML_TEXT;
	if (simple ? add_column(in, SLICE("key"), root->line, root->column) ||
			     add_column(in, SLICE("value"), root->line, root->column)
		   : yaml_columns(in, root))
		return -1;
	if (in->table->column_count < 2)
		return yaml_bad(in, root, "no row names a column");
	for (unsigned r = 0; r < root->count; r++) {
		const struct yaml_node *key = root->keys[r];
		struct slice name = slice_of(arena_strndup(&in->table->mem, key->text.data,
							   key->text.len), key->text.len);

		if (add_key(in, name, key->line, key->column) ||
		    add_cell(in, name, key->line, key->column) ||
		    (simple ? yaml_simple_row(in, root->items[r]) : yaml_row(in, root->items[r])))
			return -1;
	}
	return 0;
}

static int load_yaml(struct source in)
{
	struct table *t = in.table;
	const struct yaml_node *root;
	struct arena mem = ARENA_INIT;
	int status = yaml_parse(&mem, t->text.data, t->text.len, t->path, &root, in.err);

	if (status == 0)
		status = load_rows(&in, root);
	arena_release(&mem);
	return status;
}

/* ---- all of them ---- */

struct tables *tables_new(void)
{
	return mem_zalloc(sizeof(struct tables));
}

void tables_free(struct tables *tables)
{
	if (!tables)
		return;
	for (size_t i = 0; i < tables->list.count; i++)
		table_free(tables->list.items[i]);
	vec_release(&tables->list);
	mem_free(tables);
}

/* Values of a table go where values of an entry go: UTF-8 without NUL. */
static int check_text(const struct source *in)
{
	struct slice text = in->table->text;
	unsigned line = 1;
	size_t start = 0;

	for (size_t i = 0, n; i < text.len; i += n) {
		uint32_t cp;

		n = utf8_decode(text.data + i, text.len - i, &cp);
		if (n == 0 || cp == 0)
			return err_at(in->err, ERR_INVALID, in->table->path, line,
				      (unsigned)(i - start) + 1,
				      n ? "a NUL byte" : "the text is not UTF-8 here");
		if (cp == '\n') {
			line++;
			start = i + 1;
		}
	}
	return 0;
}

static bool ends_in(const char *path, const char *ending)
{
	size_t len = strlen(path), end = strlen(ending);

	return len > end && text_eq_nocase(path + len - end, ending);
}

static int load(struct source in)
{
	const char *path = in.table->path;

	if (in.table->text.len > TABLE_BYTES_MAX)
		return err_at(in.err, ERR_LIMIT, path, 0, 0, "a table of more than %d MB",
			      TABLE_BYTES_MAX / (1024 * 1024));
	if (ends_in(path, ".yaml") || ends_in(path, ".yml"))
		return check_text(&in) ? -1 : load_yaml(in);
	if (ends_in(path, ".csv"))
		return check_text(&in) ? -1 : load_csv(in);
	return err_at(in.err, ERR_INVALID, path, 0, 0,
		      "a table is a file that ends in .csv, .yaml or .yml");
}

int tables_load_text(struct tables *tables, const char *name, const char *path,
		     struct slice text, struct err *err)
{
	struct table *table;

	if (!*name)
		return err_set(err, ERR_INVALID, "a table needs a name");
	if (tables_find(tables, slice_str(name)))
		return err_set(err, ERR_INVALID, "there are two tables \"%s\"", name);
	if (tables->list.count == TABLES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d tables", TABLES_MAX);
	table = mem_zalloc(sizeof(*table));
	table->name = arena_strdup(&table->mem, name);
	table->path = arena_strdup(&table->mem, path);
	table->text = slice_of(arena_strndup(&table->mem, text.data, text.len), text.len);
	if (load((struct source){ table, err })) {
		table_free(table);
		return -1;
	}
	vec_push(&tables->list, table);
	return 0;
}

int tables_load(struct tables *tables, const char *name, const char *path, struct err *err)
{
	struct buf text;
	int status;

	buf_init(&text, TABLE_BYTES_MAX);
	status = buf_read_file(&text, path, err);
	if (status == 0)
		status = tables_load_text(tables, name, path,
					  slice_of(text.data ? text.data : "", text.len), err);
	buf_release(&text);
	return status;
}

void tables_add_missing(struct tables *tables, const char *name)
{
	struct table *table = mem_zalloc(sizeof(*table));

	table->name = arena_strdup(&table->mem, name);
	table->path = table->name;
	vec_push(&tables->list, table);
}

size_t tables_count(const struct tables *tables)
{
	return tables ? tables->list.count : 0;
}

const struct table *tables_at(const struct tables *tables, size_t i)
{
	return tables->list.items[i];
}

const struct table *tables_find(const struct tables *tables, struct slice name)
{
	for (size_t i = 0; i < tables_count(tables); i++)
		if (slice_eq_str(name, tables->list.items[i]->name))
			return tables->list.items[i];
	return NULL;
}

const char *table_name(const struct table *table)
{
	return table->name;
}

const char *table_path(const struct table *table)
{
	return table->path;
}

struct slice table_text(const struct table *table)
{
	return table->text;
}

size_t table_rows(const struct table *table)
{
	return table->lines.count;
}

unsigned table_column_count(const struct table *table)
{
	return table->column_count;
}

const char *table_column(const struct table *table, unsigned column)
{
	return table->columns[column];
}

int table_find_column(const struct table *table, struct slice name)
{
	for (unsigned i = 0; i < table->column_count; i++)
		if (slice_eq_str(name, table->columns[i]))
			return (int)i;
	return -1;
}

bool table_get(const struct table *table, struct slice key, unsigned column,
	       struct slice *ret)
{
	const struct slice *cell;
	uint64_t row;

	if (!map_get(&table->rows, key, &row))
		return false;
	cell = &table->cells.items[row * table->column_count + column];
	if (!cell->data)
		return false;
	*ret = *cell;
	return true;
}
