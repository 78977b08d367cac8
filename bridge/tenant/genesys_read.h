/*
 * bridge/tenant/genesys_read.h - what the reading files of the Genesys client share.
 *
 *   genesys_catalogue.c  roles, divisions, skills, languages, groups, queues
 *   genesys_user.c       one user of a list -> one account
 *   genesys_sides.c      grants and members, joined to the accounts
 *   genesys_wfm.c        teams, management units, work plans
 *   genesys_read.c       lists of users; what came without its expansions
 *   genesys_external.c   external ids, by SCIM
 *
 * An account_reader lives for one read; what it makes lies in present->mem.
 */
#ifndef BRIDGE_TENANT_GENESYS_READ_H
#define BRIDGE_TENANT_GENESYS_READ_H

#include "bridge/tenant/genesys.h"
#include "scim/base/json.h"
#include "scim/base/vec.h"

/* Divisions, titles, departments repeat: one copy each. */
struct intern {
	struct arena *mem;
	struct map map;
};

struct held_of {
	uint32_t account;
	struct held held;
};

struct account_reader {
	struct genesys *g;
	struct present *present;
	struct intern intern;
	enum account_state state; /* of the list, for users that do not say */
	bool any_state;           /* the list is of all states: each user must say */
	bool known_ok;            /* an account that is there already is no repetition */
	/* Accounts that came by a list which was given up: each may come once more. */
	uint32_t excused_first, excused_count;
	unsigned char *excused;   /* those that did */
	const struct map *asked;  /* login names in lower case; NULL: anybody may come */
	VEC(uint32_t) missing; /* accounts whose expansions did not all come */
	/* of the account being read */
	struct scim_field fields[SCIM_FIELDS_MAX];
	size_t field_count;
	VEC(struct held) held;
	/* grants and queue members, sorted in at the end */
	VEC(struct held_of) more;
};

struct user_words {
	struct slice id, name, email, username;
	int64_t version;
	uint8_t came; /* bit per assign_kind whose list was there */
	struct slice state;
};

#define EXPANDED (1u << ASSIGN_SKILL | 1u << ASSIGN_LANGUAGE | 1u << ASSIGN_GROUP)
#define EXPANSIONS "&expand=skills&expand=languages&expand=groups&expand=employerInfo"

static inline const char *own(struct arena *mem, struct slice text)
{
	return text.len ? arena_strndup(mem, text.data, text.len) : NULL;
}

static inline uint32_t find_id(const struct catalogue *cat, enum catalogue_kind kind,
			       struct slice id)
{
	uint64_t index;

	return map_get(&cat->kinds[kind].by_id, id, &index) ? (uint32_t)index : ITEM_NONE;
}

/* genesys_wfm.c: teams, management units, work plans, where present->kinds or need say so. */
int genesys_read_wfm_catalogue(struct genesys *g, struct present *present, struct err *err);
void genesys_read_wfm_sides(struct account_reader *reader, const struct tenant_need *need);
/* Sets confirmed[i] for moves that the units show by now. */
void genesys_settle_units(struct genesys *g, const struct plan *plan, const uint32_t *steps,
			  size_t count, bool *confirmed, struct err *err);

/*
 * Can an id look like this? It goes into paths, percent-encoded, and into the state: text
 * of at most GENESYS_ID_BYTES_MAX without control characters, and no step in a path.
 */
#define GENESYS_ID_BYTES_MAX 100
static inline bool genesys_id_ok(struct slice id)
{
	for (size_t i = 0; i < id.len; i++)
		if ((unsigned char)id.data[i] < ' ' || id.data[i] == 0x7f)
			return false;
	/* A path with "." or ".." for a part is another path. */
	if (slice_eq_str(id, ".") || slice_eq_str(id, ".."))
		return false;
	return id.len && id.len <= GENESYS_ID_BYTES_MAX;
}

/* One member's text out of an object: {"id"}, {"name"}. null is the empty text. */
bool genesys_read_member(struct json_in *in, const char *name, struct slice *ret);
/* Sort, and drop what is there twice. Returns how many are left. */
unsigned genesys_sort_held(struct held *held, size_t count);
/* The words of one user; fields and held are left in the reader. */
int genesys_read_words(struct account_reader *reader, struct json_in *in,
		       struct user_words *words, struct err *err);
/*
 * Give an account the employer's fields that the reader holds, in place of its own: that
 * expansion can't be told from an employer without any, so it is taken with the others.
 */
void genesys_keep_employer(struct account_reader *reader, struct account *account);
/* An entity of a list of users: adds an account of reader->state. ctx = account_reader. */
int genesys_read_user(void *ctx, struct json_in *in, bool *ret_again, struct err *err);
/*
 * Grants of each needed division and members of each needed queue, all at once, into
 * reader->more. What can't be read is marked unknown and spoils the verdict.
 */
void genesys_read_sides(struct account_reader *reader, const struct tenant_need *need);
/* The same for the grants of each account alone, where that is fewer calls. */
void genesys_read_subjects(struct account_reader *reader);
/* One {subjectId, role, division}; subject empty when it is not told. */
struct grant_words {
	struct slice subject, role, division;
};
int genesys_read_grant(struct json_in *in, struct grant_words *ret, struct err *err);
/* What of it the catalogue knows; false when it does not. */
bool genesys_resolve_grant(const struct catalogue *cat, const struct grant_words *words,
			   struct held *held);
/* Merge reader->more into the accounts' sorted lists. */
void genesys_merge_more(struct account_reader *reader);

#endif
