/*
 * mappings/yaml.h - YAML text to a tree with line and column of each node.
 *
 * Spec    YAML 1.1 as libyaml reads it, narrowed: one document, every scalar is text (no
 *         yes/no or octal guessing), anchors, aliases, tags and merge keys are refused, a
 *         key twice in one mapping is refused, text must be UTF-8.
 * Memory  The tree lives in `mem`.
 * Errors  ERR_INVALID with file:line:column.
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

struct yaml_node {
	enum yaml_type type;
	unsigned line, column;       /* from 1; of text: its first byte after a quote */
	bool plain;                  /* text without quotes; an empty plain one is "absent" */
	struct slice text;           /* NUL-terminated too */
	unsigned count;              /* list items, map members */
	struct yaml_node **keys;     /* of a map, all YAML_TEXT */
	struct yaml_node **items;    /* of a list or map */
};

int yaml_parse(struct arena *mem, const char *text, size_t len, const char *file,
	       const struct yaml_node **ret_root, struct err *err);
int yaml_read_file(struct arena *mem, const char *path, const struct yaml_node **ret_root,
		   struct err *err);
/* Member of a map, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

#endif
