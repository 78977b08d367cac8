/*
 * bridge/plan/adopt.h - whose accounts those are that were there before us: first contact.
 *
 * For each person who is in scope and not linked, the keys of their rule (`match`) are tried
 * in order; the first is strong, the others are weak. Pure.
 *
 *   STRONG       one account has the strong key; nobody else wants it
 *   WEAK         one account has a weak key
 *   RELINK       the account is linked to somebody who is not in the directory any more: a
 *                re-created entry, somebody who came back, a migration
 *   PRIVILEGED   as STRONG, WEAK or RELINK, but the account holds a privileged role
 *   AMBIGUOUS    several accounts have the key, or several people want the account
 *   PROTECTED    the settings protect the account: it is never ours
 *   UNMATCHED    nobody has any of the keys: a plan makes an account
 *
 * Only STRONG is taken without being listed. Deleted accounts are none.
 * Memory  In the arena given; texts point into the inputs.
 */
#ifndef BRIDGE_PLAN_ADOPT_H
#define BRIDGE_PLAN_ADOPT_H

#include "bridge/plan/plan.h"

enum adopt_kind {
	ADOPT_STRONG,
	ADOPT_WEAK,
	ADOPT_RELINK,
	ADOPT_PRIVILEGED,
	ADOPT_AMBIGUOUS,
	ADOPT_PROTECTED,
	ADOPT_UNMATCHED,
	ADOPT_KIND_COUNT,
};
const char *adopt_kind_name(enum adopt_kind kind); /* "strong", ... */

struct adoption {
	enum adopt_kind kind;
	const struct record *record;
	enum scim_attr attr;            /* the key that met; SCIM_ATTR_COUNT = none */
	const char *value;              /* of that key */
	uint32_t account;               /* index in present; of AMBIGUOUS the first of them */
	const char *old_person;         /* of RELINK, also when PRIVILEGED: who has the link now */
	const char *note;               /* more about it, or NULL */
};

struct adoptions {
	struct adoption *items;         /* by kind, then directory id */
	size_t count;
	unsigned long counts[ADOPT_KIND_COUNT];
	unsigned long linked;           /* people who have their account already */
};

/* External ids of all accounts must be known. */
void plan_adopt(const struct plan_input *in, struct arena *mem, struct adoptions *ret);

/* What an adopted account has: as ours where the rules want it, else as found. */
struct adopted_thing {
	struct recorded_held held;
	const char *name, *division;    /* for the eye */
	bool ours;
};
void plan_adopted_things(const struct plan_input *in, const struct adoption *adoption,
			 struct arena *mem, struct adopted_thing **ret, size_t *ret_count);

#endif
