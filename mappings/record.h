/*
 * mappings/record.h - what one person should have.
 *
 * A record is made by map.h from the rules and one entry. Wanted (this), present (the
 * tenant) and recorded (the state) use the same `struct scim_field` and `struct
 * assignment`, sorted in the same order, so that they are paired by one merge.
 *
 * Memory  Records live in the run's arena; literals point into the rules.
 */
#ifndef MAPPINGS_RECORD_H
#define MAPPINGS_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "scim/resource.h"

/* Whose word counts (design page, section 3, Ownership). */
enum own { OWN_MANAGE, OWN_SEED, OWN_MERGE, OWN_NEVER, OWN_COUNT };
const char *own_name(enum own own);

/* Kinds of assignment, in the order of a record. */
enum assign_kind {
	ASSIGN_ROLE,     /* name + division */
	ASSIGN_SKILL,    /* name + level */
	ASSIGN_LANGUAGE, /* name + level */
	ASSIGN_GROUP,
	ASSIGN_QUEUE,
	ASSIGN_TEAM,
	ASSIGN_UNIT,      /* management unit; a person is in one at most */
	ASSIGN_WORK_PLAN, /* name + unit in `division`; one at most */
	ASSIGN_KIND_COUNT,
};
/* Kinds of which a person has one at most: what is wanted takes the place of what is there. */
static inline bool assign_kind_single(enum assign_kind kind)
{
	return kind == ASSIGN_UNIT || kind == ASSIGN_WORK_PLAN;
}
/* "role", "skill", ... */
const char *assign_kind_name(enum assign_kind kind);

/* A place in the rules: index into struct rules' origins (file, line, column, rule). 0 = none. */
typedef uint32_t origin_id;

struct record_field {
	struct scim_field field; /* value NULL: stated to be empty (`clear`) */
	enum own own;
	origin_id origin;
};

struct assignment {
	enum assign_kind kind;
	const char *name;     /* as written or computed */
	const char *division; /* of a role: name, "*" = all, NULL = Home; of a work plan: the unit */
	double level;         /* of a skill or language: 0..5 */
	bool literal;         /* name and division stand in the rule as they are */
	enum own own;
	origin_id origin;
};

/* What could not be decided for this person; the rest of the record stands. */
enum problem_scope {
	PROBLEM_PERSON, /* whole person frozen: left as is, listed, exit 5 */
	PROBLEM_KIND,   /* one kind of assignment frozen for this person */
	PROBLEM_FIELD,  /* one profile attribute frozen */
	PROBLEM_NOTE,   /* nothing frozen; said in explain and in the plan's warnings */
};
struct problem {
	enum problem_scope scope;
	uint16_t what;        /* enum assign_kind or enum scim_attr */
	origin_id origin;
	const char *text;     /* one plain sentence with the value in it */
};

struct record {
	const char *id;       /* immutable directory id */
	const char *dn;
	const char *rule;     /* name of the people block; of several (mode: all) with ", " */
	const char *skip_reason; /* not NULL: in scope, but a rule leaves them as they are */
	origin_id skip_origin;
	const uint8_t *match; /* enum scim_attr in order; first is strong */
	uint8_t match_count;
	uint8_t kinds_stated; /* bit per assign_kind that a rule stated for this person */
	uint8_t own[ASSIGN_KIND_COUNT]; /* enum own by kind */
	const struct record_field *fields; /* sorted as scim_resource sorts */
	unsigned field_count;
	const struct assignment *assigns;  /* sorted by kind, name, division; no duplicates */
	unsigned assign_count;
	/* The person who is their manager: normalised DN (dn.h), or NULL. Not in `fields`. */
	const char *manager_dn;
	enum own manager_own;
	origin_id manager_origin;
	const struct problem *problems;
	unsigned problem_count;
};

/* Text of a profile field, or NULL when not stated, or stated to be empty. */
const char *record_text(const struct record *record, enum scim_attr attr);
bool record_frozen(const struct record *record);
/* Order of assignments. */
int assignment_cmp(const struct assignment *a, const struct assignment *b);

#endif
