/*
 * mappings/table.h - tables beside the rules: a key, and texts by column.
 *
 * Spec    CSV: RFC 4180 with a header row; lines may end in LF as well, a byte order mark
 *         and empty lines are skipped. The first column is the key. YAML: a map of key to
 *         text (the columns are "key" and "value"), or of key to {column: text, ...}.
 *         Names and keys compare by bytes.
 * Memory  A table owns a copy of its text and all that it hands out; it is immutable.
 * Errors  ERR_INVALID or ERR_LIMIT with file:line:column (bytes, from 1), ERR_IO.
 * Limits  TABLES_MAX tables; of each TABLE_BYTES_MAX, TABLE_ROWS_MAX, TABLE_COLUMNS_MAX and
 *         TABLE_CELLS_MAX. YAML has its own beside them (mappings/yaml.h).
 */
#ifndef MAPPINGS_TABLE_H
#define MAPPINGS_TABLE_H

#include <stdbool.h>

#include "scim/base/err.h"
#include "scim/base/text.h"

#define TABLES_MAX 64
#define TABLE_BYTES_MAX (16 * 1024 * 1024)
#define TABLE_ROWS_MAX 1000000
#define TABLE_COLUMNS_MAX 64 /* the key's included */
#define TABLE_CELLS_MAX 4000000

struct table;
struct tables;

struct tables *tables_new(void);
void tables_free(struct tables *tables); /* NULL is fine */
/*
 * Read the file `path` (.csv, .yaml or .yml) as the table `name`; both are copied. Returns
 * 0, or -1 with *err set, and then nothing was added.
 */
int tables_load(struct tables *tables, const char *name, const char *path, struct err *err);
/* The same from its text, which is copied; `path` tells the form and is named in errors. */
int tables_load_text(struct tables *tables, const char *name, const char *path,
		     struct slice text, struct err *err);
/*
 * A table that could not be read, and that was said: lookups in it are not refused as well.
 * It has no columns, and nothing that was compiled with it may be evaluated.
 */
void tables_add_missing(struct tables *tables, const char *name);
size_t tables_count(const struct tables *tables); /* 0 for NULL */
const struct table *tables_at(const struct tables *tables, size_t i);
/* NULL when there is none of this name. */
const struct table *tables_find(const struct tables *tables, struct slice name);

const char *table_name(const struct table *table);
const char *table_path(const struct table *table);
struct slice table_text(const struct table *table); /* of the file, for a fingerprint */
size_t table_rows(const struct table *table);
unsigned table_column_count(const struct table *table); /* >= 2; column 0 is the key */
const char *table_column(const struct table *table, unsigned column);
/* Column of this name, or -1. */
int table_find_column(const struct table *table, struct slice name);
/*
 * The cell of the key's row. False when the key is not there, or (YAML only) states nothing
 * in this column. *ret is NUL-terminated in YAML only.
 */
bool table_get(const struct table *table, struct slice key, unsigned column,
	       struct slice *ret);

#endif
