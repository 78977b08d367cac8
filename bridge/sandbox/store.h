/*
 * bridge/sandbox/store.h - the tenant's state, inside bridge/sandbox only.
 *
 * Things refer to each other by number, their place in a table; ids are for the outside.
 * Nothing is ever taken out of a table: deletion is a state, as it is at the vendor.
 *
 * Memory  Text of users is theirs (mem_strdup, replaced by text_set); names and keys of
 *         the indexes live in the store's arena. Tables of pointers, so that an object
 *         stays where it is.
 */
#ifndef BRIDGE_SANDBOX_STORE_H
#define BRIDGE_SANDBOX_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "scim/base/clock.h"
#include "scim/base/mem.h"
#include "scim/base/vec.h"

#define NONE UINT32_MAX      /* no such thing */
#define ALL_DIVISIONS (UINT32_MAX - 1) /* the division "*" of a grant */

struct numbers {
	uint32_t *items;
	size_t count, size;
};

enum item_kind { ITEM_DIVISION, ITEM_ROLE, ITEM_SKILL, ITEM_LANGUAGE, ITEM_GROUP, ITEM_QUEUE,
		 ITEM_LOCATION, ITEM_TEAM, ITEM_UNIT, ITEM_WORK_PLAN, ITEM_KIND_COUNT };

/* Anything with an id and a name that is no user. */
struct item {
	char *id, *name;
	uint32_t number; /* in its kind's table */
	bool home;                 /* division */
	VEC(char *) permissions;   /* role: "domain:entity:action" */
	uint32_t division;         /* queue, team, unit; NONE = none */
	uint32_t unit;             /* work plan */
	char *business_unit;       /* unit: an id, or NULL */
	int64_t version;           /* group */
	struct numbers members;    /* of all but catalogues: users in order of joining */
	struct numbers grants;     /* division: numbers of grants, ascending */
};

enum user_state { USER_ACTIVE, USER_INACTIVE, USER_DELETED, USER_STATE_COUNT };

struct level {
	uint32_t item; /* skill or language */
	double proficiency;
};

/* Two texts: type and value of an address, authority and value of an external id. */
struct pair {
	char *key, *value;
};

struct pairs {
	struct pair *items;
	size_t count, size;
};

struct levels {
	struct level *items;
	size_t count, size;
};

struct user {
	char *id, *name, *email;
	uint32_t number;
	uint32_t division;
	enum user_state state;
	int64_t version;
	int64_t modified_s; /* since 1970; not saved */
	char *title, *department, *employee_number, *date_hire, *manager, *external_id;
	struct pairs emails, phones, external_ids;
	struct levels skills, languages;
	struct numbers groups, queues, teams, locations;
	uint32_t unit, work_plan; /* NONE = none; a plan is one of the unit's */
	struct numbers grants; /* grants of this subject */
};

struct grant {
	char *subject; /* an id: user, group or client */
	uint32_t role, division;
	bool gone;
};

struct client_role {
	uint32_t role, division; /* ALL_DIVISIONS = "*" */
};

struct client {
	char *id, *secret, *name;
	bool restricted; /* to its roles; else it may do everything */
	VEC(struct client_role) roles;
};

/*
 * A membership that was accepted with 202 and isn't visible yet: of a group, or of a unit
 * (item NONE = of no unit any more).
 */
struct pending {
	int64_t due_us;
	enum item_kind kind;
	uint32_t item, user;
	bool add;
	bool never; /* it was accepted and doesn't happen */
};

/* What was loaded or made, in that order: the order of saving. */
enum kind { KIND_DIVISION, KIND_ROLE, KIND_SKILL, KIND_LANGUAGE, KIND_GROUP, KIND_QUEUE,
	    KIND_LOCATION, KIND_TEAM, KIND_UNIT, KIND_WORK_PLAN, KIND_USER, KIND_GRANT, KIND_CLIENT };
struct entry {
	enum kind kind;
	uint32_t number;
};

struct items {
	struct item **items;
	size_t count, size;
	struct map by_id, by_name;
};

struct store {
	struct arena mem;
	struct items kinds[ITEM_KIND_COUNT];
	struct {
		struct user **items;
		size_t count, size;
		struct map by_id, by_name, by_external; /* by_name: lower case */
	} users;
	struct numbers by_state[USER_STATE_COUNT]; /* users, ascending */
	VEC(struct grant) grants;
	struct map grant_keys;
	struct numbers all_division_grants;
	VEC(struct client) clients;
	VEC(struct pending) pending;
	VEC(struct entry) order;
};

void store_init(struct store *store);
void store_release(struct store *store);

/* Replace a text; NULL and "" clear it. */
void text_set(char **text, const char *value);
void pairs_clear(struct pairs *pairs);
void pairs_add(struct pairs *pairs, const char *key, const char *value);

struct item *store_add_item(struct store *store, enum item_kind kind, const char *id,
			    const char *name);
/* By id or name; NULL when there is none. Work plans have no index of names. */
struct item *store_item(const struct store *store, enum item_kind kind, struct slice id);
struct item *store_item_named(const struct store *store, enum item_kind kind,
			      const char *name);
const struct item *store_home(const struct store *store);

/* The address must be free (store_user_named). */
struct user *store_add_user(struct store *store, const char *id, const char *email,
			    enum user_state state);
struct user *store_user(const struct store *store, struct slice id);
/* By main address, without case; deleted ones hold theirs, too. */
struct user *store_user_named(const struct store *store, const char *email);
struct user *store_user_external(const struct store *store, const char *external_id);
void store_rename_user(struct store *store, struct user *user, const char *email);
void store_set_state(struct store *store, struct user *user, enum user_state state);
void store_set_external(struct store *store, struct user *user, const char *external_id);
/* Set or add; returns true when that changed something. */
bool levels_set(struct levels *levels, uint32_t item, double proficiency);
bool levels_remove(struct levels *levels, uint32_t item);

/* Put into the order of saving; adding an item or a user does it by itself. */
void store_note(struct store *store, enum kind kind, uint32_t number);
/*
 * Returns false when the grant is there already; a new one is the last of store->grants and
 * wants store_note. `division` may be ALL_DIVISIONS.
 */
bool store_grant(struct store *store, const char *subject, uint32_t role, uint32_t division);
/* Returns false when there is no such grant. */
bool store_revoke(struct store *store, const char *subject, uint32_t role,
		  uint32_t division);

bool store_is_member(const struct user *user, enum item_kind kind, uint32_t item);
/* Join or leave a group, queue or team; nothing happens when it is so already. */
void store_join(struct item *item, enum item_kind kind, struct user *user);
void store_leave(struct item *item, enum item_kind kind, struct user *user);
/* Put into a unit and out of the old one, whose work plan goes; NULL = into none. */
void store_set_unit(struct store *store, struct user *user, struct item *unit);
/* A plan of the user's unit, or NULL. */
void store_set_work_plan(struct store *store, struct user *user, struct item *plan);
/* What a deleted account doesn't have any more: grants and memberships. */
void store_strip_user(struct store *store, struct user *user);
/* Make visible what is due. */
void store_settle(struct store *store, int64_t now_us);

#endif
