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

#endif
