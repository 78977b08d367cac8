/*
 * bridge/directory/sync_mark.h - where the last read of a directory stood, as text: what
 * `mark` writes and `read_changes` gets back. Pure; no libldap.
 *
 * Memory  A parsed mark lives in the arena it was parsed into.
 * Errors  A mark that is not exactly what sync_mark_print writes is refused: it may come
 *         from another version or a damaged disk, and everything is read then.
 * Limits  SYNC_MARK_BYTES_MAX of text, SYNC_MARK_SEARCHES_MAX searches, SYNC_MARK_CSNS_MAX.
 */
#ifndef BRIDGE_DIRECTORY_SYNC_MARK_H
#define BRIDGE_DIRECTORY_SYNC_MARK_H

#include "bridge/directory/sync_control.h"
#include "scim/base/err.h"
#include "scim/base/mem.h"

#define SYNC_MARK_BYTES_MAX (12 * 1024 * 1024)
#define SYNC_MARK_SEARCHES_MAX 400
#define SYNC_MARK_CSNS_MAX 4096
/* Beyond these many, what is known of groups and containers is not kept in the mark. */
#define SYNC_MARK_GROUPS_MAX 100000
#define SYNC_MARK_CONTAINERS_MAX 20000
#define SYNC_CONTAINER_BYTES (SYNC_UUID_BYTES + 8)
#define SYNC_GROUP_BYTES (SYNC_UUID_BYTES + 1)

enum sync_way { SYNC_BY_NOTHING, SYNC_BY_SYNCREPL, SYNC_BY_DIRSYNC };

struct sync_mark_search {
	bool read;           /* false: nothing rests on it, and it was not read */
	uint64_t count;      /* entries that the last full read found */
	struct slice cookie; /* of syncrepl */
};

struct sync_mark {
	enum sync_way way;
	const char *server;   /* the address that answered */
	const char *identity; /* what that server calls itself */
	const char *inputs;   /* digest of what was searched, and as whom */
	bool uids;            /* groups name members by uid, and people's uids were read */
	uint32_t flags;       /* DirSync: of the request */
	uint64_t usn;         /* DirSync: highestCommittedUSN, which never falls */
	struct slice cookie;  /* DirSync */
	const char **csns;    /* syncrepl: contextCSN, which never falls for the same server id */
	size_t csn_count;
	struct sync_mark_search *searches; /* people's, groups'; syncrepl: containers' */
	size_t search_count;
	/*
	 * Groups shown, SYNC_GROUP_BYTES each: key, which of the groups' searches; data NULL:
	 * too many.
	 */
	struct slice groups;
	/* Containers, SYNC_CONTAINER_BYTES each: key, hash of the DN; data NULL: too many. */
	struct slice containers;
};

void sync_mark_print(const struct sync_mark *mark, struct buf *out);
int sync_mark_parse(struct arena *mem, struct slice text, struct sync_mark *ret_mark,
		    struct err *err);

/*
 * Is a server with the contextCSN values `now` at least as new as one with those of `then`?
 * Each is written "CONTEXT/CSN", has a server id (the CSN's third part, "#001#"), and may
 * only grow. *ret_older: one of `then` that is not reached.
 */
bool sync_csns_reach(const char *const *now, size_t now_count, const char *const *then,
		     size_t then_count, const char **ret_older);

#endif
