/*
 * mappings/yaml.h - YAML text to a tree with line and column of each node.
 *
 * Spec    YAML 1.1 as libyaml reads it, narrowed: one document, every scalar is text (no
 *         yes/no or octal guessing), anchors, aliases, tags and merge keys are refused, a
 *         key twice in one mapping is refused, text must be UTF-8 without NUL ("\0" in
 *         quotes too), so that it is safe as a C string. A byte order mark is skipped.
 * Memory  The tree lives in `mem`, with a copy of the text for yaml_place.
 * Errors  ERR_INVALID with file:line:column; columns count bytes.
 * Limits  YAML_BYTES_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX.
 */
#ifndef MAPPINGS_YAML_H
#define MAPPINGS_YAML_H

#include <stdbool.h>

#include "scim/base/err.h"
#include "scim/base/mem.h"
#include "scim/base/text.h"

#define YAML_BYTES_MAX (16 * 1024 * 1024)
#define YAML_DEPTH_MAX 64
#define YAML_NODES_MAX 1000000

enum yaml_type { YAML_TEXT, YAML_LIST, YAML_MAP };

enum yaml_style { YAML_PLAIN, YAML_SINGLE, YAML_DOUBLE, YAML_LITERAL, YAML_FOLDED };

struct yaml_node {
	enum yaml_type type;
	enum yaml_style style;       /* of text */
	const char *file;            /* as given to the reader, who keeps it; may be NULL */
	unsigned line, column;       /* from 1; of text: its first byte after a quote */
	bool plain;                  /* text without quotes; an empty plain one is "absent" */
	bool block;                  /* text after | or >: it may end in a line break */
	struct slice text;           /* NUL-terminated too */
	unsigned count;              /* list items, map members */
	struct yaml_node **keys;     /* of a map, all YAML_TEXT */
	struct yaml_node **items;    /* of a list or map */
	bool flow;                   /* a list or map in brackets */
	struct slice source;         /* as it stands in the file, from its place: */
	unsigned source_line, source_column;
};

int yaml_parse(struct arena *mem, const char *text, size_t len, const char *file,
	       const struct yaml_node **ret_root, struct err *err);
int yaml_read_file(struct arena *mem, const char *path, const struct yaml_node **ret_root,
		   struct err *err);
/*
 * Where the byte `offset` of a text stands in the file: quotes, escapes, folded lines and
 * the indent of a block scalar are counted.
 */
void yaml_place(const struct yaml_node *node, size_t offset, unsigned *ret_line,
		unsigned *ret_column);
/* Member of a map, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

#endif
