/*
 * bridge/directory/ldap_dirsync.h - changes since last time by Active Directory's DirSync.
 *
 * Spec    MS-ADTS 3.1.1.3.4.1.3 (LDAP_SERVER_DIRSYNC_OID).
 * Use     DirSync looks at a whole naming context and tells only which attributes of which
 *         objects changed, so it serves as a notifier: what it names is read again through
 *         each configured search, and the server applies base and filter.
 */
#ifndef BRIDGE_DIRECTORY_LDAP_DIRSYNC_H
#define BRIDGE_DIRECTORY_LDAP_DIRSYNC_H

#include "bridge/directory/ldap_changes.h"

/* Which server it is, into the mark. -1 when the connection is lost. */
int ldap_dirsync_identify(struct ldap_directory *dir, struct ldap_changes *changes,
			  struct err *err);
/* Before a full read: a cookie. What fails is said in why_not. */
void ldap_dirsync_begin(struct ldap_directory *dir, struct ldap_changes *changes);
/* All searches since the old mark. -1: `why` of the delta or *err is set. */
int ldap_dirsync_read(struct ldap_delta *delta, const struct layout *layout, struct err *err);

#endif
