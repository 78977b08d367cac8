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

#include "bridge/model/verdict.h"
#include "mappings/entry.h"
#include "scim/base/clock.h"

#define DIRECTORY_VALUE_BYTES_MAX (16 * 1024 * 1024)

struct config;
struct membership; /* resolved groups, directory/groups.h */

/* Return 0 to go on, -1 (with *err set by the callback) to stop the read. */
typedef int directory_entry_fn(void *ctx, const struct entry *entry, struct err *err);

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
	/* Close connections; a later read opens them again. */
	void (*disconnect)(struct directory *dir);
	void (*free)(struct directory *dir);
};

struct directory {
	const struct directory_ops *ops;
};

/*
 * Open what config->directory describes; connects at the first read. Returns 0, or -1 with
 * *err (ERR_IO for a missing CA file, secret and so on).
 */
int directory_open(const struct config *config, const struct clock *clock,
		   struct directory **ret_directory, struct err *err);

#endif
