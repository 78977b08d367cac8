/*
 * bridge/directory/cert.h - what a certificate says of itself, to explain why it was refused.
 *
 * libldap (with GnuTLS, as Debian builds it) reports a refused certificate as "Can't contact
 * LDAP server". Nothing here decides about trust: that has happened, in the TLS library.
 *
 * Spec    RFC 5280 section 4.1, 4.2.1.6; host names RFC 6125 section 6.4.
 * Limits  CERT_NAMES_MAX names are looked at.
 */
#ifndef BRIDGE_DIRECTORY_CERT_H
#define BRIDGE_DIRECTORY_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERT_NAMES_MAX 100

struct cert {
	int64_t not_before_s, not_after_s;
	char issuer[96];   /* common name, else organisation */
	char names[200];   /* hosts it is for, "a, b, ..." */
	bool self_issued;
	bool for_host;     /* one of its names is the host asked about */
};

/* Returns 0, or -1 for bytes that are no certificate. */
int cert_read(const void *der, size_t len, const char *host, struct cert *ret_cert);

#endif
