/*
 * bridge/directory/kerberos.h - Kerberos credentials from a keytab, without kinit.
 *
 * The ticket lives in this process's memory alone: no file, no environment variable, so that
 * neither a user's own tickets nor other programs are touched. The realm's servers are found
 * as krb5.conf says.
 *
 * Spec    RFC 4121, RFC 5588; MIT Kerberos' credential store extension.
 */
#ifndef BRIDGE_DIRECTORY_KERBEROS_H
#define BRIDGE_DIRECTORY_KERBEROS_H

#include "scim/base/err.h"

/*
 * Get a ticket with the keys in `keytab_file` for `principal` (NULL = its first). Returns 0 and
 * *ret_cred, a gss_cred_id_t for kerberos_release, or -1 with *err: ERR_AUTH, ERR_NET.
 */
int kerberos_acquire(const char *keytab_file, const char *principal, void **ret_cred,
		     struct err *err);
void kerberos_release(void *cred); /* NULL is fine */

#endif
