/*
 * bridge/directory/ldap.h - the directory of kind "ldap", over libldap.
 *
 * Spec    RFC 4511 (protocol), 4513 (login and TLS), 2696 (paged results).
 * Use     The next page is asked for before the entries of the last one are worked on, so
 *         that server and rules work at the same time. Values are handed over where libldap
 *         received them, without copies.
 * Safety  TLS is verified, and no older than tls_min, whatever ldap.conf, ~/.ldaprc and LDAP*
 *         variables say; StartTLS, when asked for, never falls back; a password goes over an
 *         unencrypted connection only to this machine or by `allow_plaintext`; a login by
 *         Kerberos without TLS must encrypt; the password is wiped after the login, tickets
 *         stay in memory; no referral is followed.
 * Errors  See directory.h. A connection lost in the middle of a read makes the verdict
 *         incomplete.
 * Limits  LDAP_MESSAGE_BYTES_MAX a message.
 */
#ifndef BRIDGE_DIRECTORY_LDAP_H
#define BRIDGE_DIRECTORY_LDAP_H

#include "bridge/directory/directory.h"

#define LDAP_MESSAGE_BYTES_MAX (256u * 1024 * 1024)

int ldap_directory_open(const struct config *config, const struct clock *clock,
			struct directory **ret_directory, struct err *err);

#endif
