/*
 * bridge/model/step.h - what stages hand on: steps of a plan and the calls that carry them.
 *
 * Memory  All text points into the run's arena, the catalogue or the rules.
 */
#ifndef BRIDGE_MODEL_STEP_H
#define BRIDGE_MODEL_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "mappings/record.h"
#include "scim/base/vec.h"

enum limit_kind {
	LIMIT_CREATES,
	LIMIT_DISABLES,
	LIMIT_DELETES,
	LIMIT_PRIVILEGED, /* grants of privileged roles */
	LIMIT_REVOKES,
	LIMIT_SKILL_REMOVALS,
	LIMIT_GROUP_REMOVALS,
	LIMIT_RENAMES,
	LIMIT_KIND_COUNT,
	LIMIT_NONE = LIMIT_KIND_COUNT,
};
const char *limit_kind_name(enum limit_kind kind); /* "disables", ... as in settings */

enum step_kind {
#define STEP(id, name, wave, limit, sign, words) STEP_##id,
#include "bridge/model/step.def"
#undef STEP
	STEP_KIND_COUNT,
};

#define STEP_WAVES 6

struct step_row {
	const char *name;
	unsigned wave;
	enum limit_kind limit;
	char sign;
	const char *words;
};
const struct step_row *step_row(enum step_kind kind);

/*
 * One change to one account. Which members count depends on the kind:
 *   SET RENAME DISABLE ENABLE   attr, key, old_text, new_text; of a manager these are
 *                               account ids, and name and old_name the login names
 *   MANAGER                     the same, but the account is made in this plan: by
 *                               plan->people[manager - 1], manager_id in the directory
 *   DIVISION                    item_id and name of the new division, old_text
 *   GRANT REVOKE                item_id and name of the role, division_id and division
 *   SKILL_* LANGUAGE_*          item_id, name, level (new), old_text (level before, NULL)
 *   GROUP_* QUEUE_* TEAM_*      item_id, name
 *   UNIT_* WORK_PLAN_*          item_id, name, old_text = the name before; of a work plan
 *                               division_id and division are its unit

 *   RESTORE                     old_text "deleted", new_text "inactive"; ENABLE comes last
 *   CREATE                      new_text = userName; the SET, DIVISION, SKILL_SET and
 *                               LANGUAGE_SET steps of that person ride in the same call
 */
struct step {
	enum step_kind kind;
	uint32_t person;         /* index in plan->people */
	enum scim_attr attr;
	const char *key;         /* type of a multi-valued attribute, or NULL */
	const char *old_text;    /* value that it replaces; NULL = absent */
	const char *new_text;    /* NULL = removed */
	const char *name, *item_id;
	const char *old_name;    /* of old_text, when that is an id */
	const char *manager_id;
	uint32_t manager;        /* from 1 */
	const char *division, *division_id; /* division_id "*" = all divisions */
	double level;
	origin_id origin;        /* rule that wants it; 0 for a leaver's */
	bool drift;              /* somebody else changed what we had set */
	bool privileged;
};

enum step_outcome {
	OUTCOME_NONE,     /* not tried */
	OUTCOME_DONE,
	OUTCOME_ACCEPTED, /* 202: accepted, not yet seen by a reader */
	OUTCOME_FAILED,   /* the tenant said no */
	OUTCOME_REFUSED,  /* its ground has moved; nothing was written */
	OUTCOME_UNKNOWN,  /* sent, no answer: the next run reads it back */
	OUTCOME_SKIPPED,  /* an earlier step of the person failed */
	OUTCOME_COUNT,
};
const char *outcome_name(enum step_outcome outcome);

/* One request to the tenant, carrying steps of one or many people. */
struct call {
	uint16_t op;              /* enum api_op */
	const uint32_t *steps;    /* indexes into plan->steps */
	unsigned step_count;
	const char *path_ids[3];  /* values for the {...} of the path, in order */
	const char *query;        /* "?a=b" appended, or NULL */
	struct slice body;        /* JSON, or empty */
	const char *content_type; /* of the body */
	const char *if_match;     /* version, unquoted, or NULL */
	unsigned more;            /* further requests that it takes, for estimates */
	uint64_t journal_id;      /* set by apply */
};

struct calls {
	struct call *items; /* a VEC */
	size_t count, size;
};

struct call_result {
	enum step_outcome outcome; /* of all its steps, unless step_failed says otherwise */
	int http_status;           /* 0 = no answer */
	struct err err;
	char correlation_id[64];
	const char *account_id;    /* after a create */
	const char *item_id;       /* of the group that the call made */
	const char *version;       /* new version when the answer carried one */
	/* Steps that failed inside a success answer: bit per step of the call, or NULL. */
	const unsigned char *step_failed;
};

#endif
