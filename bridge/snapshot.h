/*
 * bridge/snapshot.h - directory and tenant as they were read, in a folder to be read offline.
 *
 *   manifest.json       dirbridge.snapshot/1: time, where from, the attributes that are in it,
 *                       the verdict of the read, SHA-256 of the other files
 *   directory.ldif.gz   people and groups, each with what it was found as and its id
 *   tenant.jsonl        what the tenant holds (bridge/tenant/tenant_file.h), unless only the
 *                       directory was asked for; the sandbox loads it, too
 *
 * The entries are those that the searches of the settings found; reading a snapshot does not
 * filter again. A snapshot of an incomplete read says so, and so does reading it.
 *
 * Limits  SNAPSHOT_MANIFEST_BYTES_MAX.
 */
#ifndef BRIDGE_SNAPSHOT_H
#define BRIDGE_SNAPSHOT_H

#include "bridge/config/config.h"
#include "bridge/directory/directory.h"
#include "bridge/tenant/tenant.h"

#define SNAPSHOT_MANIFEST_BYTES_MAX (1024 * 1024)

struct snapshot_sums {
	size_t people, groups, accounts;
	struct verdict verdict, tenant;
};

/*
 * Read `directory` (open, without `watch`) with these attributes into the new folder `dir`,
 * and all of `tenant` (open; NULL: leave it out); of teams, units and work plans what `kinds`
 * names (bit per assign_kind), since not every tenant has them. Returns 0, or -1 with *err, and no folder
 * then: ERR_IO; ERR_USAGE when the folder is there already; what the tenant says.
 */
int snapshot_write(const char *dir, const struct config *config, struct directory *directory,
		   const struct layout *layout, struct tenant *tenant, unsigned kinds,
		   int64_t time_s, struct snapshot_sums *ret_sums, struct err *err);

struct snapshot {
	int64_t time_s;          /* the time of the read: `now` of what is planned from it */
	struct layout attributes;
	struct verdict verdict, tenant_verdict;
	const char *tenant;      /* its file, in the config's memory; NULL: there is none */
};

/*
 * Check the folder's files against the manifest, and make `config` read from it: its
 * directory is the snapshot's file then. Returns 0, or -1 with *err (ERR_IO, ERR_INVALID).
 */
int snapshot_open(const char *dir, struct config *config, struct snapshot *ret_snapshot,
		  struct err *err);
void snapshot_release(struct snapshot *snapshot);
/*
 * Does it hold all the attributes of `layout`? -1 with *err that names the first missing one.
 */
int snapshot_holds(const struct snapshot *snapshot, const struct layout *layout,
		   struct err *err);

#endif
