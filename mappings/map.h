/*
 * mappings/map.h - rules + entry -> record. Pure: no clock, no network, no print.
 *
 * Absent and error (design page, section 3): a value with a no-such-key anywhere in it is
 * "not stated" as a whole; a `when` that ends in no-such-key is false; any other error
 * freezes what it feeds: in `assign` that kind for that person, in a profile value that
 * attribute, in a people block's `when`, `skip`, `match`, userName or division the whole
 * person. entry.x with several values where one must be (userName, match, externalId,
 * division, a role's division) refuses the person by name.
 *
 * Mode       first: the first block whose `when` holds takes the person. all: each block that
 *            holds contributes; of a profile attribute, `match`, and `own` of a kind the
 *            first that states it counts; assignments are united, the highest level wins.
 * skip       Asked in order once the person is in scope; the first that holds gives a record
 *            with nothing but its reason: nothing is given, nothing taken.
 * from,      Half open: a block or item counts when from <= now < until; outside it is as if
 * until      its `when` were false. A bound that comes out absent is none. A wrong one
 *            freezes what the block or item feeds, unless its `when` is false anyway.
 * clear      A value that is not stated is stated to be empty.
 * manager    Its value is a DN (ref(entry.manager)); the plan finds the account.
 */
#ifndef MAPPINGS_MAP_H
#define MAPPINGS_MAP_H

#include "mappings/rules.h"

/*
 * Map one entry. `scratch` is reset by the call; the record and what it holds are copied to
 * `mem`. *ret_record is NULL when no people block applies (the person is out of scope).
 * *ret_due_s (`ret_due_s` may be NULL) is the next moment, unix seconds, at which a `from` or
 * `until` that was looked at changes its answer; 0 = none. A person who is out of scope has
 * one too.
 * Returns 0; -1 with *err only for what no rule can answer (limits).
 */
int map_entry(const struct rules *rules, const struct entry *entry, int64_t now_s,
	      struct arena *scratch, struct arena *mem, struct record **ret_record,
	      int64_t *ret_due_s, struct err *err);

/*
 * What the mapper did, in the order in which it did it; for `explain` and for coverage. All
 * that an event points to is good until the observer returns, but `program` and `tmpl`, which
 * live as long as the rules: programs can be evaluated again with `act`.
 */
struct template;
struct map_event {
	enum map_event_kind kind;            /* rules.h */
	origin_id origin;
	const struct cel_program *program;   /* that decided: when, each; NULL = none */
	const struct template *tmpl;         /* of the value or name; NULL = a default */
	const struct cel_activation *act;
	int result;                          /* 1 fired or stated, 0 false or absent, -1 error */
	const char *text;                    /* value or name that came out; NULL */
	double level;                        /* MAP_ASSIGN: of a skill or language */
	const char *division;                /* MAP_ASSIGN: of a role; NULL = Home */
	size_t count;                        /* MAP_EACH: elements */
	enum scim_attr attr;                 /* MAP_FIELD */
	const char *key;                     /* MAP_FIELD: type of a multi-valued one; NULL */
	enum assign_kind assign_kind;        /* MAP_ASSIGN */
	const struct err *err;               /* why result <= 0, e.g. ERR_NO_KEY; may be NULL */
};
struct map_observer {
	void (*event)(void *ctx, const struct map_event *event);
	void *ctx;
};
/* map_entry, watched. `observer` may be NULL. */
int map_entry_observed(const struct rules *rules, const struct entry *entry, int64_t now_s,
		       struct arena *scratch, struct arena *mem, struct record **ret_record,
		       int64_t *ret_due_s, const struct map_observer *observer,
		       struct err *err);
/*
 * Parts (cel.h) of what an event rests on: of its condition or list, or of each expression in
 * its value; of an assignment also those of its level and its division. The observer may call
 * it; nothing is told of what stands literally in the rules.
 */
void map_event_explain(const struct map_event *event, struct arena *mem, cel_part_fn *fn,
		       void *ctx);

#endif
