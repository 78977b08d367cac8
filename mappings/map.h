/*
 * mappings/map.h - rules + entry -> record. Pure: no clock, no network, no print.
 *
 * Absent and error (design page, section 3): a value with a no-such-key anywhere in it is
 * "not stated" as a whole; a `when` that ends in no-such-key is false; any other error
 * freezes what it feeds: in `assign` that kind for that person, in a profile value that
 * attribute, in a people block's `when`, `match`, userName or division the whole person.
 * entry.x with several values where one must be (userName, match, externalId, division, a
 * role's division) refuses the person by name.
 */
#ifndef MAPPINGS_MAP_H
#define MAPPINGS_MAP_H

#include "mappings/rules.h"

/*
 * Map one entry. `scratch` is reset by the call; the record and what it holds are copied to
 * `mem`. *ret_record is NULL when no people block applies (the person is out of scope).
 * Returns 0; -1 with *err only for what no rule can answer (limits).
 */
int map_entry(const struct rules *rules, const struct entry *entry, int64_t now_s,
	      struct arena *scratch, struct arena *mem, struct record **ret_record,
	      struct err *err);

#endif
