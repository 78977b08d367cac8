/*
 * bridge/directory/ldap_changes.h - changes since last time over LDAP: what the two ways to
 * ask for them (ldap_sync.c, ldap_dirsync.c) share, and how full reads keep a mark.
 *
 * A full read that is watched:
 *
 *   ldap_changes_start -> for each search ldap_changes_search, which calls the reader's fn,
 *   which calls ldap_changes_show -> ldap_mark
 *
 * Searches are numbered: the people's, the groups', then (syncrepl) the containers' of
 * ldap_sync.c. What makes a mark impossible is kept in `why_not`; it never spoils a read.
 */
#ifndef BRIDGE_DIRECTORY_LDAP_CHANGES_H
#define BRIDGE_DIRECTORY_LDAP_CHANGES_H

#include <string.h>

#include "bridge/directory/ldap_search.h"
#include "bridge/directory/sync_mark.h"
#include "scim/base/vec.h"

/* More changes than this, and than a quarter of what is known, are not worth their while. */
#define DIRECTORY_CHANGES_MAX 100000
#define DIRECTORY_CHANGES_FEW 1000

struct ldap_persist_how;

struct ldap_changes {
	struct arena mem;
	struct sync_mark mark; /* in the making */
	bool people_read;
	char why_not[DIRECTORY_WHY_MAX]; /* "": a mark can be made */
	/*
	 * Asked for beside what the reader wants, NULL = nothing; its value in the entry at
	 * hand is left here by the reader, data NULL = none.
	 */
	const char *extra;
	struct slice extra_value;
	struct slice key;    /* of the entry at hand, SYNC_UUID_BYTES; len 0 = none */
	struct map groups;   /* key and search of each shown so far -> still shown */
	struct buf group_keys, containers; /* as they will stand in the mark */
	struct map container_dns;          /* key -> place in `containers` */
	/* What the server says of itself. */
	bool has_syncrepl, has_dirsync;
	const char *context; /* defaultNamingContext; NULL = none */
	VEC(const char *) contexts; /* namingContexts */
};

void ldap_changes_free(struct ldap_changes *changes);

/* --- for the readers --------------------------------------------------------------------- */

/*
 * At the beginning of a watched read of the groups (`layout` NULL), then of the people,
 * connected: ask the server what it can. Only a lost connection is an error.
 */
int ldap_changes_start(struct ldap_directory *dir, const struct layout *layout,
		       struct err *err);
/* As ldap_search_run, for the search of that number. */
int ldap_changes_search(struct ldap_search *search, unsigned number, struct err *err);
/* Show the entry at hand to who watches; of a group only dn and norm_dn need be set. */
int ldap_changes_show(struct ldap_directory *dir, unsigned number, struct entry *entry,
		      struct err *err);
/* Before the attributes of an entry; then for each: note it if it is the extra one. */
static inline void ldap_changes_next(struct ldap_changes *changes)
{
	if (changes)
		changes->extra_value = slice_of(NULL, 0);
}
static inline void ldap_changes_note(struct ldap_changes *changes, struct slice name,
				     struct tlv values)
{
	if (changes && changes->extra && strlen(changes->extra) == name.len &&
	    text_cmp_nocase(name.data, name.len, changes->extra, name.len) == 0)
		raw_entry_value(&values, &changes->extra_value);
}

/* struct directory_ops */
int ldap_mark(struct directory *base, struct buf *out, struct err *err);
int ldap_read_changes(struct directory *base, struct slice mark, const struct layout *layout,
		      directory_change_fn *fn, void *ctx, enum directory_changes *ret_changes,
		      char why[DIRECTORY_WHY_MAX], struct err *err);

/* --- for the two ways -------------------------------------------------------------------- */

/* A read of what changed, in the making. */
struct ldap_delta {
	struct ldap_directory *dir;
	struct ldap_changes *changes; /* of dir: the new mark */
	struct sync_mark old;
	struct arena mem;
	struct people_reader *people;
	struct verdict verdict;       /* of the people's entries */
	directory_change_fn *fn;
	void *ctx;
	unsigned number;              /* of the search that runs */
	size_t entries;               /* that it has shown */
	struct map named;             /* groups that it has shown or called present */
	bool stopped;                 /* by fn, with *err */
	const struct ldap_persist_how *persist; /* NULL: only what has changed until now */
	bool live;                    /* that is over: what comes happens now */
	char why[DIRECTORY_WHY_MAX];  /* "": can still be told */
};

/*
 * What struct directory_ops' read_changes does; with `persist` it goes on until it is stopped
 * (ldap_persist.h).
 */
int ldap_changes_read(struct ldap_directory *dir, struct slice mark, const struct layout *layout,
		      directory_change_fn *fn, void *ctx,
		      const struct ldap_persist_how *persist,
		      enum directory_changes *ret_changes, char why[DIRECTORY_WHY_MAX],
		      struct err *err);
/* Everything must be read: the first reason counts. Returns -1. */
int ldap_delta_give_up(struct ldap_delta *delta, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * Show a change of the running search. `entry` only of CHANGE_ENTRY, `key` not of
 * CHANGE_SWEEP. Returns -1 when the read is over: `why` or *err is set.
 */
int ldap_delta_show(struct ldap_delta *delta, enum directory_change_kind kind, struct slice key,
		    struct entry *entry, struct err *err);
/* Go on to the next search; ldap_delta_search makes it, with the fn that shows its entries. */
void ldap_delta_start(struct ldap_delta *delta, unsigned number);
void ldap_delta_search(struct ldap_delta *delta, struct ldap_search *search);
/* Does anything that is read rest on memberOf? */
bool ldap_changes_uses_member_of(const struct ldap_directory *dir, const struct layout *layout);
bool ldap_changes_is_group(const struct ldap_directory *dir, unsigned number);
const struct config_search *ldap_changes_config(const struct ldap_directory *dir,
						unsigned number);

/* Read one object by name; fn gets each value. None there is no error. */
typedef void ldap_value_fn(void *ctx, struct slice name, struct slice value);
int ldap_read_object(struct ldap_directory *dir, const char *dn, const char *const *attrs,
		     ldap_value_fn *fn, void *ctx, struct err *err);

/* A mark can not be made; the first reason counts. */
void ldap_changes_refuse(struct ldap_changes *changes, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
