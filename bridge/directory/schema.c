#include "bridge/directory/schema.h"

#include <string.h>

#include "scim/base/banned.h"

void dir_schema_init(struct dir_schema *schema)
{
	memset(schema, 0, sizeof(*schema));
}

void dir_schema_release(struct dir_schema *schema)
{
	map_release(&schema->by_name);
	vec_release(&schema->first);
	vec_release(&schema->names);
	arena_release(&schema->mem);
}

/* A word, 'quoted text' (without its quotes), or one bracket; false at the end. */
static bool next_token(struct slice *rest, struct slice *ret, bool *ret_quoted)
{
	const char *at = rest->data, *end = rest->data + rest->len, *from;

	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	if (at == end)
		return false;
	*ret_quoted = *at == '\'';
	from = at;
	if (*ret_quoted) {
		at = memchr(from + 1, '\'', (size_t)(end - from - 1));
		if (!at)
			return false;
		*ret = slice_of(from + 1, (size_t)(at - from - 1));
		at++;
	} else if (*at == '(' || *at == ')') {
		*ret = slice_of(at++, 1);
	} else {
		while (at < end && !strchr(" \t\n\r()'", *at))
			at++;
		if (at == from) /* a NUL */
			return false;
		*ret = slice_of(from, (size_t)(at - from));
	}
	*rest = slice_of(at, (size_t)(end - at));
	return true;
}

/* RFC 4512 section 1.4: keystring or numericoid. */
static bool is_descr(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
			return false;
	}
	return name.len > 0;
}

static void add_name(struct dir_schema *schema, struct slice name, uint64_t place)
{
	char *lower = arena_strndup(&schema->mem, name.data, name.len);

	text_lower(lower, name.len);
	if (map_get(&schema->by_name, slice_of(lower, name.len), NULL))
		return;
	map_set(&schema->by_name, slice_of(lower, name.len), place);
	vec_push(&schema->names, arena_strndup(&schema->mem, name.data, name.len));
}

int dir_schema_add(struct dir_schema *schema, struct slice definition)
{
	struct slice rest = definition, oid, token;
	const char *first = NULL;
	uint64_t place = schema->first.count;
	bool quoted;

	if (place == SCHEMA_ATTRIBUTES_MAX || !next_token(&rest, &token, &quoted) ||
	    !slice_eq_str(token, "(") || !next_token(&rest, &oid, &quoted) || !is_descr(oid))
		return -1;
	/* NAME comes before all that could hold the word, but DESC may be anything. */
	while (next_token(&rest, &token, &quoted)) {
		if (quoted || !slice_eq_str(token, "NAME"))
			continue;
		if (!next_token(&rest, &token, &quoted))
			return -1;
		if (!quoted && slice_eq_str(token, "(") && !next_token(&rest, &token, &quoted))
			return -1;
		for (; quoted; quoted = next_token(&rest, &token, &quoted) && quoted) {
			if (!is_descr(token))
				return -1;
			if (!first)
				first = arena_strndup(&schema->mem, token.data, token.len);
			add_name(schema, token, place);
		}
		break;
	}
	if (!first)
		first = arena_strndup(&schema->mem, oid.data, oid.len);
	vec_push(&schema->first, first);
	add_name(schema, oid, place);
	return 0;
}

const char *dir_schema_find(const struct dir_schema *schema, struct slice name)
{
	struct arena mem = ARENA_INIT;
	char *lower = arena_strndup(&mem, name.data, name.len);
	uint64_t place = 0;
	bool found;

	text_lower(lower, name.len);
	found = map_get(&schema->by_name, slice_of(lower, name.len), &place);
	arena_release(&mem);
	return found ? schema->first.items[place] : NULL;
}

const char *dir_schema_nearest(const struct dir_schema *schema, const char *name)
{
	int near = text_nearest(name, schema->names.items, schema->names.count);

	return near >= 0 ? schema->names.items[near] : NULL;
}
