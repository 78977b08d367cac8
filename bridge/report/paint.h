/*
 * bridge/report/paint.h - colours and columns of the text reports.
 */
#ifndef BRIDGE_REPORT_PAINT_H
#define BRIDGE_REPORT_PAINT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "scim/base/buf.h"

struct painter {
	FILE *out;
	bool color;
};

static inline const char *paint(const struct painter *p, char sign)
{
	if (!p->color)
		return "";
	switch (sign) {
	case '+':
		return "\033[32m";
	case '-':
		return "\033[31m";
	case '~':
		return "\033[33m";
	case '!':
		return "\033[1;31m";
	case '.':
		return "\033[2m";
	case ' ':
	case '=':
		return "";
	default:
		return "\033[1m";
	}
}

static inline const char *plain(const struct painter *p)
{
	return p->color ? "\033[0m" : "";
}

/* Text from outside, padded to a width that counts columns, not bytes. */
static inline void put_padded(const struct painter *p, const char *text, size_t columns)
{
	size_t width = utf8_width(text, strlen(text));

	fputs(text, p->out);
	for (; width < columns; width++)
		fputc(' ', p->out);
}

/* NULL is nothing. */
static inline void show(struct buf *line, const char *text)
{
	if (text)
		buf_addvisible(line, text, strlen(text));
}

#endif
