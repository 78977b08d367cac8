#include "scim/base/err.h"

#include <stdio.h>
#include <string.h>

#include "scim/base/mem.h"
#include "scim/base/text.h"
#include "scim/base/vec.h"
#include "scim/base/banned.h"

/* Longer than any text kept, so that what is cut is cut by text_visible with "...". */
#define ERR_RAW_MAX 1024

static void format_visible(char *out, size_t size, const char *fmt, va_list args)
{
	char raw[ERR_RAW_MAX];
	int len = vsnprintf(raw, sizeof(raw), fmt, args);

	if (len < 0)
		len = 0;
	if ((size_t)len >= sizeof(raw))
		len = sizeof(raw) - 1;
	text_visible(raw, (size_t)len, out, size);
}

static int err_vset(struct err *err, enum err_kind kind, const char *where, unsigned line,
		    unsigned column, const char *fmt, va_list args)
{
	if (!err || err->kind != ERR_NONE)
		return -1;
	err->kind = kind;
	err->line = line;
	err->column = column;
	err->where[0] = '\0';
	if (where)
		text_visible(where, strlen(where), err->where, sizeof(err->where));
	format_visible(err->text, sizeof(err->text), fmt, args);
	return -1;
}

int (err_set)(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	err_vset(err, kind, NULL, 0, 0, fmt, args);
	va_end(args);
	return -1;
}

int (err_at)(struct err *err, enum err_kind kind, const char *where, unsigned line,
	   unsigned column, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	err_vset(err, kind, where, line, column, fmt, args);
	va_end(args);
	return -1;
}

int (err_prefix)(struct err *err, const char *fmt, ...)
{
	char prefix[sizeof(err->text)], text[2 * sizeof(err->text) + 3];
	va_list args;
	int len;

	if (!err || err->kind == ERR_NONE)
		return -1;
	va_start(args, fmt);
	format_visible(prefix, sizeof(prefix), fmt, args);
	va_end(args);
	len = snprintf(text, sizeof(text), "%s: %s", prefix, err->text);
	text_visible(text, (size_t)len, err->text, sizeof(err->text));
	return -1;
}

int (err_place)(struct err *err, const char *where, unsigned line, unsigned column)
{
	if (!err || err->kind == ERR_NONE)
		return -1;
	if (!err->where[0] && where)
		text_visible(where, strlen(where), err->where, sizeof(err->where));
	if (!err->line) {
		err->line = line;
		err->column = err->column ? err->column : column;
	}
	return -1;
}

const char *err_format(const struct err *err, char *out, size_t size)
{
	char line[16] = "", column[16] = "";

	if (err->line)
		snprintf(line, sizeof(line), ":%u", err->line);
	if (err->column)
		snprintf(column, sizeof(column), ":%u", err->column);
	if (err->where[0])
		snprintf(out, size, "%s%s%s: %s", err->where, line, column, err->text);
	else if (err->line)
		snprintf(out, size, "line %u%s: %s", err->line, column, err->text);
	else if (err->column)
		snprintf(out, size, "column %u: %s", err->column, err->text);
	else
		snprintf(out, size, "%s", err->text);
	return out;
}

void diags_add(struct diags *diags, const struct err *err)
{
	diags->total++;
	if (diags->count == DIAGS_MAX)
		return;
	/* Room doubles at each power of two from 8. */
	if (diags->count == 0 ||
	    (diags->count >= 8 && (diags->count & (diags->count - 1)) == 0)) {
		size_t room = diags->count ? diags->count * 2 : 8;

		diags->items = mem_realloc(diags->items, room * sizeof(*diags->items));
	}
	diags->items[diags->count++] = *err;
}

int (diags_at)(struct diags *diags, enum err_kind kind, const char *where, unsigned line,
	     unsigned column, const char *fmt, ...)
{
	struct err err = ERR_INIT;
	va_list args;

	va_start(args, fmt);
	err_vset(&err, kind, where, line, column, fmt, args);
	va_end(args);
	diags_add(diags, &err);
	return -1;
}

void diags_release(struct diags *diags)
{
	mem_free(diags->items);
	*diags = (struct diags){ 0 };
}
