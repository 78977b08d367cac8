/*
 * bridge/model/explained.h - what `explain` knows of one person, ready to be printed.
 *
 * Made by bridge/explain.c while the person is mapped, and completed from the plan; printed
 * by bridge/report/explain_*.c.
 *
 * Memory  All in the run's arena; nothing points into an entry.
 * Limits  EXPLAIN_EVENTS_MAX events and EXPLAIN_PARTS_MAX parts of a person are kept, the
 *         rest is counted; a value of more than EXPLAIN_VALUE_BYTES_MAX is only named.
 */
#ifndef BRIDGE_MODEL_EXPLAINED_H
#define BRIDGE_MODEL_EXPLAINED_H

#include "bridge/model/step.h"
#include "mappings/entry.h"
#include "mappings/map.h"

#define EXPLAIN_PEOPLE_MAX 20
#define EXPLAIN_EVENTS_MAX 3000
#define EXPLAIN_PARTS_MAX 30000
#define EXPLAIN_VALUE_BYTES_MAX 2048

/* A sub-expression (cel.h, struct cel_part) with its value as text. */
struct explained_part {
	enum cel_part_kind kind;
	unsigned depth;
	bool decided;
	const char *text, *name;
	const char *type;  /* of the value; NULL = it failed */
	const char *json;  /* the value; NULL = too long */
	const char *error; /* when it failed */
	bool absent;       /* it failed because an attribute is not there */
	bool truth;        /* the value is true */
};
struct explained_parts {
	const struct explained_part *items;
	unsigned count;
};

/* What the mapper did at one place of the rules (mappings/map.h, struct map_event). */
struct explained_event {
	enum map_event_kind kind;
	origin_id origin;
	int result; /* 1, 0, -1 */
	const char *text, *key, *division;
	double level;
	size_t count;
	enum scim_attr attr;
	enum assign_kind assign_kind;
	bool by_default;     /* of a value: no rule states it, we do */
	bool conditional;    /* it has a condition or a list of its own */
	const char *error;   /* why it was not */
	bool absent;
	const char *element; /* JSON of the variable of `each`; NULL */
	struct explained_parts parts;
	struct explained_parts missing; /* of a condition that did not hold: what it lacks */
	unsigned misses, held;
};

struct explained_attr {
	const char *name;
	const struct slice *values;
	unsigned count; /* 0 = absent */
};

struct explained_group {
	const char *name;   /* as in the rules */
	origin_id origin;   /* where it is named first */
	enum group_answer answer;
	const char *const *path; /* from the group that names the person; may be NULL */
	unsigned path_count;
	const char *unknown;     /* why it is not known */
	const char *nearest;     /* of GROUP_NO: a group with a similar name that has them */
};

/* Wanted, present and recorded of one attribute or assignment (bridge/plan/why.h). */
struct explained_change {
	bool assignment;
	enum assign_kind kind;
	enum scim_attr attr;
	const char *key, *name, *division; /* key of an attribute; of an assignment */
	const char *wanted, *present, *recorded; /* NULL = not */
	const struct step *step;           /* NULL = nothing is done */
	unsigned row;                      /* of the table in plan.h; 0 = none of it */
	const char *why;
	bool as_wanted;
	origin_id origin;
};

enum explained_account {
	EXPLAIN_OFFLINE,  /* the tenant was not asked */
	EXPLAIN_NONE,     /* there is no account */
	EXPLAIN_LINKED,
	EXPLAIN_NEW_LINK, /* found by its external id */
	EXPLAIN_LOST,     /* linked, and the tenant did not show it */
};

struct explained {
	const char *dn, *id, *name; /* name: displayName of the record, or the DN's first value */
	const struct explained_attr *attrs;
	unsigned attr_count;
	const struct explained_group *groups;
	unsigned group_count;
	const struct explained_event *events;
	unsigned event_count;
	unsigned long events_dropped, parts_dropped;
	const origin_id *unasked;    /* people blocks below the one that took the person */
	unsigned unasked_count;
	const struct record *record; /* NULL: out of scope */
	int64_t due_s;               /* next moment at which a date changes an answer; 0 */
	/* From here on by the tenant and the state. */
	enum explained_account account;
	const char *account_id;
	const char *account_state;   /* "active", ...; NULL */
	const char *account_why;     /* what is done with the account as a whole */
	unsigned account_row;
	const struct explained_change *changes;
	unsigned change_count;
	const char *const *skips;    /* why the person, or a part, is left as it is */
	unsigned skip_count;
};

#endif
