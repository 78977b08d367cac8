#include "bridge/directory/person.h"

#include <string.h>

#include "bridge/directory/filter.h"
#include "mappings/dn.h"

#include "scim/base/banned.h"

static int equality_filter(struct arena *mem, const char *person, const char **ret_filter,
			   struct err *err)
{
	const char *equals = strchr(person, '=');
	struct buf filter;

	if (!equals || equals == person)
		return err_set(err, ERR_INVALID,
			       "\"%s\" names nobody: give a filter in (), a DN, or attribute=value",
			       person);
	buf_init(&filter, PERSON_BYTES_MAX * 4);
	buf_addf(&filter, "(%.*s=", (int)(equals - person), person);
	dir_filter_escape(&filter, equals + 1, strlen(equals + 1));
	buf_addch(&filter, ')');
	*ret_filter = arena_strndup(mem, filter.data, filter.len);
	buf_release(&filter);
	return 0;
}

/* "uid=ann" is an attribute and its value; a DN of a person has more than one part. */
static bool is_dn(struct arena *mem, const char *person, struct slice *ret_norm)
{
	return dn_looks_like(person, strlen(person)) &&
	       dn_normalize(mem, person, strlen(person), ret_norm, NULL) == 0 &&
	       memchr(ret_norm->data, ',', ret_norm->len);
}

int person_query_parse(struct arena *mem, const char *person, bool evaluable,
		       struct person_query *ret_query, struct err *err)
{
	struct person_query query = { 0 };
	const struct dir_filter *parsed;

	if (strlen(person) > PERSON_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "a person's name of more than %d bytes",
			       PERSON_BYTES_MAX);
	if (person[0] == '(') {
		query.filter = person;
	} else if (is_dn(mem, person, &query.dn)) {
		query.dn_text = person;
		*ret_query = query;
		return 0;
	} else if (equality_filter(mem, person, &query.filter, err)) {
		return -1;
	}
	query.dn = slice_of(NULL, 0);
	/* Parsed here even if a server evaluates it: it must not close the brackets around it. */
	if (dir_filter_parse(mem, query.filter, strlen(query.filter), evaluable, &parsed, err))
		return err_prefix(err, "\"%s\"", person);
	*ret_query = query;
	return 0;
}

bool scope_holds(enum config_scope scope, struct slice norm_base, struct slice norm_dn)
{
	const char *comma;
	struct slice parent;

	if (scope == SCOPE_BASE)
		return slice_eq(norm_base, norm_dn);
	if (scope == SCOPE_SUB)
		return dn_is_below(norm_dn, norm_base);
	/* A comma inside a value is written \2c in the normal form. */
	comma = norm_dn.len ? memchr(norm_dn.data, ',', norm_dn.len) : NULL;
	if (!comma)
		return norm_dn.len && norm_base.len == 0;
	parent = slice_of(comma + 1, (size_t)(norm_dn.data + norm_dn.len - comma - 1));
	return slice_eq(parent, norm_base);
}

bool seen_ids_add(struct seen_ids *seen, const char *id)
{
	if (seen_ids_when(seen, id))
		return true;
	seen_ids_set(seen, id, 1);
	return false;
}

uint64_t seen_ids_when(const struct seen_ids *seen, const char *id)
{
	uint64_t when = 0;

	map_get(&seen->ids, slice_str(id), &when);
	return when;
}

void seen_ids_set(struct seen_ids *seen, const char *id, uint64_t when)
{
	struct slice key = slice_str(id);

	if (!map_get(&seen->ids, key, NULL))
		key = slice_str(arena_strdup(&seen->mem, id));
	map_set(&seen->ids, key, when);
}

void seen_ids_release(struct seen_ids *seen)
{
	map_release(&seen->ids);
	arena_release(&seen->mem);
	memset(seen, 0, sizeof(*seen));
}
