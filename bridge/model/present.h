/*
 * bridge/model/present.h - what the tenant holds: catalogues of named things, and accounts.
 *
 * Memory  All in present->mem; strings are shared between accounts where they repeat.
 *
 * The catalogue is read first; names in rules are resolved against it before anything else
 * is asked for. An account's assignments are pairs of catalogue indexes.
 */
#ifndef BRIDGE_MODEL_PRESENT_H
#define BRIDGE_MODEL_PRESENT_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/model/verdict.h"
#include "mappings/record.h"
#include "scim/base/vec.h"

/* The first kinds are those of enum assign_kind, in its order. */
enum catalogue_kind {
	CAT_ROLE = ASSIGN_ROLE,
	CAT_SKILL = ASSIGN_SKILL,
	CAT_LANGUAGE = ASSIGN_LANGUAGE,
	CAT_GROUP = ASSIGN_GROUP,
	CAT_QUEUE = ASSIGN_QUEUE,
	CAT_TEAM = ASSIGN_TEAM,
	CAT_UNIT = ASSIGN_UNIT,
	CAT_WORK_PLAN = ASSIGN_WORK_PLAN,
	CAT_DIVISION = ASSIGN_KIND_COUNT,
	CAT_KIND_COUNT,
};
const char *catalogue_kind_name(enum catalogue_kind kind); /* "role", ... "division" */

#define ITEM_NONE UINT32_MAX             /* no such name or id */
#define ITEM_AMBIGUOUS (UINT32_MAX - 1)  /* several things have this name */
#define ITEM_ALL (UINT32_MAX - 2)        /* division "*" */

/* The id of a thing that this plan makes: this and its name. */
#define ITEM_NEW "new:"

struct catalogue_item {
	const char *id, *name;
	int64_t version;       /* of a group; 0 when not told */
	int64_t member_count;  /* of a group or queue; -1 when not told */
	bool home;             /* of a division */
	uint32_t unit;         /* of a work plan: the management unit that has it */
	bool privileged;       /* of a role: named in settings or carrying admin permissions */
};

struct catalogue {
	struct {
		VEC(struct catalogue_item) items;
		struct map by_name, by_id;
	} kinds[CAT_KIND_COUNT];
	uint32_t home; /* index of the Home division, or ITEM_NONE */
};

/* Add; names and ids are borrowed. A name met twice becomes ITEM_AMBIGUOUS. */
uint32_t catalogue_add(struct catalogue *cat, enum catalogue_kind kind,
		       const struct catalogue_item *item);
uint32_t catalogue_by_name(const struct catalogue *cat, enum catalogue_kind kind,
			   const char *name);
uint32_t catalogue_by_id(const struct catalogue *cat, enum catalogue_kind kind, const char *id);
/* A work plan by its name in a unit: names repeat from unit to unit. */
uint32_t catalogue_work_plan(const struct catalogue *cat, uint32_t unit, const char *name);
const struct catalogue_item *catalogue_item(const struct catalogue *cat,
					    enum catalogue_kind kind, uint32_t index);
/* Name nearest to `name`, or NULL. */
const char *catalogue_nearest(const struct catalogue *cat, enum catalogue_kind kind,
			      const char *name);
void catalogue_release(struct catalogue *cat);

/* One assignment in resolved form: also what the state records. */
struct held {
	enum assign_kind kind;
	uint32_t item;      /* catalogue index */
	uint32_t division;  /* of a role: catalogue index or ITEM_ALL; of a work plan: its unit; else 0 */
	double level;       /* of a skill or language */
};
int held_cmp(const struct held *a, const struct held *b); /* kind, item, division */

enum account_state { ACCOUNT_ACTIVE, ACCOUNT_INACTIVE, ACCOUNT_DELETED };

struct account {
	const char *id;
	const char *version;     /* decimal text */
	enum account_state state;
	bool external_id_known;  /* the bulk read does not carry it */
	uint8_t unknown_kinds;   /* bit per assign_kind that was not read: decide nothing */
	const char *external_id; /* NULL = none, when known */
	const struct scim_field *fields; /* sorted; externalId not among them */
	unsigned field_count;
	const struct held *held; /* sorted, no duplicates */
	unsigned held_count;
};

struct present {
	struct arena mem;
	struct catalogue catalogue;
	/* Set before the catalogue is read: bit per assign_kind that rules or the state speak of. */
	unsigned kinds;
	int64_t time_s;           /* the run's time, for what is asked by date; set before */
	VEC(struct account) accounts;
	struct map by_id;         /* account id -> index */
	struct map by_user_name;  /* userName in lower case -> index; active and inactive ones
				     win over deleted ones */
	uint64_t lost_attrs;      /* bit per scim_attr that is taken there and not kept */
	bool keeps_values;        /* a value there can be changed and not removed */
	bool deleted_read;        /* deleted ones with a name that somebody wants are there */
	struct verdict verdict;
};

void present_init(struct present *present);
void present_release(struct present *present);
/*
 * Add an account (its texts and lists are borrowed) whose id is not there yet, with its login
 * name. Returns its index.
 */
uint32_t present_add(struct present *present, const struct account *account);
/* Value of a field, or NULL. */
const char *account_text(const struct account *account, enum scim_attr attr);

#endif
