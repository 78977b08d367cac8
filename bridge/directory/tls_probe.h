/*
 * bridge/directory/tls_probe.h - why did a TLS handshake with an LDAP server fail?
 *
 * libldap (with GnuTLS, as Debian builds it) says "Can't contact LDAP server" to all of it. So
 * after a failure, and only then, a handshake that takes whatever comes is made once more on a
 * connection of its own, and what it meets is told. Nothing here decides about trust, no login
 * is tried; an anonymous question for the root DSE is asked, since with TLS 1.3 a server
 * refuses a client's certificate only after the handshake.
 *
 * Spec    RFC 8446 section 6 (alerts), RFC 4511 section 4.14 (StartTLS).
 * Limits  TLS_PROBE_CERT_BYTES_MAX of the server's certificate.
 */
#ifndef BRIDGE_DIRECTORY_TLS_PROBE_H
#define BRIDGE_DIRECTORY_TLS_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "scim/base/err.h"

#define TLS_PROBE_CERT_BYTES_MAX 65536

struct tls_probe {
	int fd;           /* connected; the caller closes it */
	bool start_tls;   /* ask for TLS first */
	unsigned timeout_s; /* for all of it */
	const char *ca_file, *cert_file, *key_file; /* NULL = none */
	bool tls_1_3;     /* nothing older is accepted */
};

enum tls_fault {
	TLS_FINE,        /* nothing to be seen from here */
	TLS_SILENT,      /* no answer in time */
	TLS_HUNG_UP,     /* the server closed the connection without a word */
	TLS_NOT_TLS,     /* what answers does not speak it */
	TLS_NOT_LDAP,    /* no LDAP answer to StartTLS */
	TLS_TOO_OLD,     /* `said` is its newest version */
	TLS_NO_COMMON,   /* no version or cipher in common */
	TLS_CERT,        /* its certificate: see `cert` and what follows */
	TLS_WANTS_CERT,  /* it wants a certificate of ours, and there is none */
	TLS_REFUSES_CERT, /* it does not take ours */
	TLS_OTHER,       /* in `said` */
};

struct tls_finding {
	enum tls_fault fault;
	char said[160];
	bool ldap;           /* StartTLS was answered, be it with a no */
	/* Of the server, whenever it showed one. */
	unsigned char cert[TLS_PROBE_CERT_BYTES_MAX];
	size_t cert_len;
	bool untrusted;      /* no chain to an authority that is trusted */
	bool issuer_expired; /* `said` is which authority */
};

/* Go and see. The finding is large: allocate it. */
void tls_probe_run(const struct tls_probe *probe, struct tls_finding *ret_finding);

/*
 * Are a certificate and its key there, readable, PEM, and made for each other? Returns 0, or
 * -1 with *err, which names the setting.
 */
int tls_pair_check(const char *cert_file, const char *key_file, struct err *err);

#endif
