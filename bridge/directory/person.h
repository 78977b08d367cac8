/*
 * bridge/directory/person.h - what readers of every kind share: whom `explain` or `--only`
 * means, which entries came already, whether a DN lies in a search.
 *
 * Memory  A query lives in its arena. `struct seen_ids` keeps copies of the ids.
 */
#ifndef BRIDGE_DIRECTORY_PERSON_H
#define BRIDGE_DIRECTORY_PERSON_H

#include "bridge/config/config.h"
#include "mappings/entry.h"

#define PERSON_BYTES_MAX 8192

/* Either a DN or a filter. */
struct person_query {
	struct slice dn;     /* normalised; data NULL = a filter */
	const char *dn_text;
	const char *filter;
};

/*
 * "(...)" is a filter, what reads as a DN of two or more parts is one, and attr=value is an
 * equality with the value taken literally. Returns 0, or -1 with ERR_INVALID.
 */
int person_query_parse(struct arena *mem, const char *person, bool evaluable,
		       struct person_query *ret_query, struct err *err);

bool scope_holds(enum config_scope scope, struct slice norm_base, struct slice norm_dn);

struct seen_ids {
	struct map ids;
	struct arena mem;
};
/* Returns true when `id` was seen before. */
bool seen_ids_add(struct seen_ids *seen, const char *id);
/* When `id` was seen, as a number from 1 that the caller gives; 0 = never. */
uint64_t seen_ids_when(const struct seen_ids *seen, const char *id);
void seen_ids_set(struct seen_ids *seen, const char *id, uint64_t when);
void seen_ids_release(struct seen_ids *seen);

#endif
