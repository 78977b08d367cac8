/*
 * bridge/directory/directory.h - the door to a directory: people and groups, read whole.
 *
 * A table of functions, so that LDAP, LDIF files, snapshots and a simulation are the same to
 * the pass. One connection is used for a whole pass (groups first, then people) and closed
 * before the tenant is read: an LDAP socket must not idle through a long tenant read.
 *
 * Memory  An entry is good until the callback returns (mappings/entry.h).
 * Errors  -1 with *err where nothing useful was read (no connection, refused bind). What
 *         spoils a read that did start makes the verdict incomplete and is said there.
 * Limits  ENTRY_BYTES_MAX a value; LAYOUT_SLOTS_MAX attributes.
 */
#ifndef BRIDGE_DIRECTORY_DIRECTORY_H
#define BRIDGE_DIRECTORY_DIRECTORY_H

#include "bridge/model/tally.h"
#include "bridge/model/verdict.h"
#include "mappings/entry.h"
#include "scim/base/buf.h"
#include "scim/base/clock.h"

#define DIRECTORY_VALUE_BYTES_MAX (16 * 1024 * 1024)

struct config;
struct config_search;
struct membership; /* resolved groups, directory/groups.h */
struct group_path;
struct dir_schema; /* directory/schema.h */

/* Return 0 to go on, -1 (with *err set by the callback) to stop the read. */
typedef int directory_entry_fn(void *ctx, const struct entry *entry, struct err *err);

/*
 * What one of the searches shows, by the server's own key of the entry (entryUUID,
 * objectGUID as text; it need not be the attribute that identifies people).
 *
 *   CHANGE_ENTRY    this entry, as it is now: new, changed or renamed
 *   CHANGE_GONE     not shown any more: deleted, moved away, or it left the filter; may name
 *                   a key that was never shown
 *   CHANGE_PRESENT  shown as before
 *   CHANGE_SWEEP    all of this search that was shown before and got neither CHANGE_ENTRY nor
 *                   CHANGE_PRESENT is gone (RFC 4533 section 3.3.1, present phase)
 */
enum directory_change_kind { CHANGE_ENTRY, CHANGE_GONE, CHANGE_PRESENT, CHANGE_SWEEP };
struct directory_change {
	enum directory_change_kind kind;
	unsigned search;  /* the people's searches in order, then the groups' */
	bool group;       /* a search for groups; attributes by directory_group_layout */
	const char *key;  /* not of CHANGE_SWEEP; at most DIRECTORY_KEY_BYTES_MAX */
	/*
	 * Of CHANGE_ENTRY. A person's `groups` only in a full read; of a group the attributes
	 * only with `show_only`, else just dn, norm_dn and id, which is the key.
	 */
	const struct entry *entry;
};
typedef int directory_change_fn(void *ctx, const struct directory_change *change,
				struct err *err);

/* What `read_changes` came to. */
enum directory_changes {
	CHANGES_READ, /* all since the mark; complete */
	CHANGES_FULL, /* nothing can be said: everything must be read; `why` tells */
};
#define DIRECTORY_WHY_MAX 400
#define DIRECTORY_KEY_BYTES_MAX 256

struct directory;
struct directory_ops {
	const char *kind; /* "ldap", "ldif" */
	/*
	 * Read the groups and resolve, with nesting, membership in those that `wanted` names
	 * (by DN, or by cn). A wanted group that was not read is GROUP_UNKNOWN for everybody.
	 */
	int (*read_groups)(struct directory *dir, const struct group_names *wanted,
			   struct verdict *verdict, struct err *err);
	/*
	 * Stream every person of the configured searches. Attributes by `layout`. An entry
	 * without the id attribute or with a broken one is not delivered; it spoils the
	 * verdict and is named there. The same entry met in two searches comes once.
	 */
	int (*read_people)(struct directory *dir, const struct layout *layout,
			   directory_entry_fn *fn, void *ctx, struct verdict *verdict,
			   struct err *err);
	/*
	 * The same for one person by LDAP filter, DN, or attr=value.
	 */
	int (*read_person)(struct directory *dir, const struct layout *layout,
			   const char *person, directory_entry_fn *fn, void *ctx,
			   struct verdict *verdict, struct err *err);
	/*
	 * Changes since last time; both NULL where the kind has none (files).
	 *
	 * mark: where the last read stood, as text for the state; opaque to all others. After
	 * complete reads of groups and people with `watch` set, or after read_changes. It names
	 * the server it came from, each search with its cookie, and what shows that a server
	 * has gone back in time. -1 with *err when this server can not do it.
	 *
	 * read_changes: what has changed since `mark`. CHANGES_FULL for a mark of another
	 * server or other searches, a refused or empty cookie, a server older than the mark, a
	 * present phase that names nobody, or when more than a quarter is new; `fn` may then
	 * have been called in vain. -1 with *err when the server can not be read at all.
	 */
	int (*mark)(struct directory *dir, struct buf *out, struct err *err);
	int (*read_changes)(struct directory *dir, struct slice mark, const struct layout *layout,
			    directory_change_fn *fn, void *ctx,
			    enum directory_changes *ret_changes, char why[DIRECTORY_WHY_MAX],
			    struct err *err);
	/*
	 * After read_groups: the answers for a person, one byte for each wanted group. `uids`
	 * may be NULL. NULL where read_changes is.
	 */
	void (*member_of)(struct directory *dir, struct slice norm_dn,
			  const struct attr_values *uids, unsigned char *answers);
	/*
	 * After read_groups: does any group have members by uid, or as their primary group, so
	 * that `uids` matter?
	 */
	bool (*members_by_uid)(struct directory *dir);
	/*
	 * After read_groups with `keep_paths` set, for an entry that was read: how it is in that
	 * wanted group, by groups.h. Copied to `mem`.
	 */
	void (*group_path)(struct directory *dir, const struct entry *entry, unsigned wanted,
			   struct arena *mem, struct group_path *ret_path);
	/*
	 * The attributes that the server knows, added to `schema`. NULL where there is no
	 * schema (files). -1 with *err when it can not be read.
	 */
	int (*read_schema)(struct directory *dir, struct dir_schema *schema, struct err *err);
	/* Close connections; a later read opens them again. */
	void (*disconnect)(struct directory *dir);
	void (*free)(struct directory *dir);
};

struct directory {
	const struct directory_ops *ops;
	/*
	 * When set, before the reads: each group and person read is shown to it first, once for
	 * each search that finds it, and the reads are made so that `mark` can be given.
	 */
	directory_change_fn *watch;
	void *watch_ctx;
	bool show_only; /* `watch` is only to see them: no `mark` is asked for */
	/*
	 * Set before read_people: keep the id of everybody who is delivered, so that a search
	 * that lost its connection can begin again without anybody coming twice. Without it
	 * such a search ends, and the read is not complete.
	 */
	bool keep_ids;
	/* When set, before read_people: what a whole read found goes there. */
	struct tally *tally;
	bool keep_paths; /* set before read_groups: group_path will be asked */
};

/*
 * Layout of a group's entry: slot 0 cn, then the member attributes of the settings in order,
 * then objectSid (by which people have it as their primary group).
 */
void directory_group_layout(const struct config *config, struct layout *ret_layout);

/* For readers with a tally: what a search for people found. */
void directory_tally_search(struct directory *dir, const struct config_search *config,
			    size_t found);

/*
 * Open what config->directory describes; connects at the first read. Returns 0, or -1 with
 * *err (ERR_IO for a missing CA file, secret and so on).
 */
int directory_open(const struct config *config, const struct clock *clock,
		   struct directory **ret_directory, struct err *err);

#endif
