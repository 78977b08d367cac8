/*
 * bridge/directory/ldap_sync.h - changes since last time by syncrepl.
 *
 * Spec    RFC 4533: refreshOnly searches with a cookie for each configured search, and one
 *         for the containers below its base, since renaming one renames what is in it and
 *         no entry tells.
 * Safety  What is not named is gone only after a present phase that named somebody. A cookie
 *         that the server does not know, a search without a new cookie, a phase that
 *         contradicts itself and values that can not be read make everything be read.
 */
#ifndef BRIDGE_DIRECTORY_LDAP_SYNC_H
#define BRIDGE_DIRECTORY_LDAP_SYNC_H

#include "bridge/directory/ldap_changes.h"

/* Who the server is and how new: into the mark. -1 when the connection is lost. */
int ldap_sync_identify(struct ldap_directory *dir, struct ldap_changes *changes,
		       struct err *err);
/* Before a full read: the containers. What fails is said in why_not. */
void ldap_sync_begin(struct ldap_directory *dir, struct ldap_changes *changes);
/* As ldap_search_run, with a cookie for the mark; without one where the server refuses. */
int ldap_sync_full(struct ldap_search *search, unsigned number, struct err *err);
/* All searches since the old mark. -1: `why` of the delta or *err is set. */
int ldap_sync_read(struct ldap_delta *delta, struct err *err);

/* --- for ldap_persist.c ------------------------------------------------------------------ */

/* A search with a Sync Request control. */
struct sync_run {
	struct ldap_search *search;
	struct ldap_changes *changes;
	struct ldap_delta *delta; /* NULL: the first content, without cookie */
	unsigned number;          /* of the search */
	bool quiet;               /* of containers: only entries count */
	LDAPControl control;
	struct buf request;       /* the control's value */
	raw_entry_fn *fn;         /* the search's own */
	void *ctx;
	void (*begin)(void *ctx);
	size_t entries, named, gone;
	bool present_over;
	bool refreshed;           /* refreshAndPersist: what comes now is live */
	bool refused;             /* the server does not take the control */
	bool ended;
	int code;
	char said[200];
	struct sync_done done;
	/*
	 * data NULL = none came. The end is heard of before the last messages are worked on,
	 * and its cookie stands for all of them.
	 */
	struct slice cookie, last_cookie;
};

/*
 * The searches of a delta, the containers' first, then the groups', then the people's; in its
 * memory. -1: `why` is set.
 */
int sync_runs_make(struct ldap_delta *delta, struct sync_run ***ret_runs, unsigned *ret_count);
/* Give the search its control and hooks; sync_run_close takes them away again. */
void sync_run_open(struct sync_run *run, enum sync_mode mode, struct slice cookie);
void sync_run_close(struct sync_run *run);
/* At the end of a present phase: who was not named is gone. -1 as above. */
int sync_run_sweep(struct sync_run *run, struct err *err);

#endif
