/*
 * mappings/cel, lexer and parser: a text is a tree within the limits whose places lie in the
 * text, or is refused with a reason and a place; cel_scan finds the end of whatever parses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mappings/cel_impl.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bounds {
	size_t size;
	unsigned lines;
};

static void check_place(const struct bounds *b, unsigned line, unsigned column)
{
	if (line < 1 || line > b->lines || column < 1 || column > b->size + 1)
		abort();
}

/* Depth counts down from the root; a kid is shallower than its parent says. */
static void check_node(const struct bounds *b, const struct cel_node *n, unsigned depth)
{
	if (depth > CEL_DEPTH_MAX || n->depth > CEL_DEPTH_MAX || n->op > N_COND)
		abort();
	check_place(b, n->line, n->column);
	if (n->start > n->end || n->end > b->size)
		abort();
	for (uint32_t i = 0; i < n->count; i++) {
		if (n->kids[i]->depth >= n->depth)
			abort();
		check_node(b, n->kids[i], depth + 1);
	}
}

static void check_scan(struct slice text)
{
	struct err err = ERR_INIT;
	char *closed = malloc(text.len + 2);
	long end;

	memcpy(closed, text.data, text.len);
	closed[text.len] = '\n'; /* ends a comment */
	closed[text.len + 1] = '}';
	end = cel_scan(slice_of(closed, text.len + 2), (struct cel_place){ 0 }, &err);
	if (end != (long)text.len + 1)
		abort();
	free(closed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct bounds bounds = { size, 1 };
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	const struct cel_node *root;

	for (size_t i = 0; i < size; i++)
		bounds.lines += data[i] == '\n';
	root = cel_parse(&mem, text, (struct cel_place){ "f", 1, 1 }, &err);
	if (root) {
		check_node(&bounds, root, 1);
		check_scan(text);
	} else if (err.kind == ERR_NONE || !err.text[0] || err.line > bounds.lines) {
		abort();
	}
	arena_release(&mem);
	return 0;
}
