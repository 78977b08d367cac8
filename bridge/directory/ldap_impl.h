/*
 * bridge/directory/ldap_impl.h - the LDAP directory from within; for the ldap*.c of this
 * folder, which alone include <ldap.h>.
 */
#ifndef BRIDGE_DIRECTORY_LDAP_IMPL_H
#define BRIDGE_DIRECTORY_LDAP_IMPL_H

#include <ldap.h>

#include "bridge/config/config.h"
#include "bridge/directory/fill.h"
#include "bridge/directory/groups.h"
#include "bridge/directory/ldap.h"
#include "bridge/directory/person.h"
#include "bridge/directory/watchdog.h"

#define LDAP_HOST_BYTES_MAX 256
#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

/* A libldap handle with our options, and what bounds its waiting. */
struct ldap_conn {
	LDAP *ld;
	const struct config *config;
	const char *uri;
	struct ldap_conncb callback; /* libldap tells when the socket is connected */
	struct watchdog watchdog;
	void *ticket; /* of Kerberos; NULL = none */
};

struct ldap_directory {
	struct directory base;
	const struct config *config;
	const struct clock *clock;
	struct ldap_conn *conn; /* NULL = not connected */
	LDAP *ld;               /* of conn */
	const char *uri;        /* of conn */
	struct config_texts servers; /* count 0 = not known yet */
	unsigned server;        /* place in `servers` of uri; the next attempt begins there */
	struct arena servers_mem;
	bool pages;             /* its server has sent a page control */
	struct membership *membership;
	struct ldap_changes *changes; /* NULL: nothing was watched; ldap_changes.h */
	enum { PRIMARY_UNKNOWN, PRIMARY_NONE, PRIMARY_SOME } primary_groups;
	struct arena scratch; /* of one entry, for who needs no search's own */
};

enum ldap_scheme { SCHEME_LDAP, SCHEME_LDAPS, SCHEME_LDAPI };
struct ldap_address {
	enum ldap_scheme scheme;
	char host[LDAP_HOST_BYTES_MAX]; /* of ldapi: path of the socket */
	int port;
};

int ldap_address_parse(const char *uri, struct ldap_address *ret_address, struct err *err);
/* Is the host this machine, by its name or number alone? */
bool ldap_address_is_local(const struct ldap_address *address);

/* struct directory_ops' read_groups; in ldap_groups.c. */
int ldap_read_groups(struct directory *base, const struct group_names *wanted,
		     struct verdict *verdict, struct err *err);

/*
 * In Active Directory a group does not name those whose primary group it is. Which server this
 * is the root DSE tells, once; who identifies people by objectGUID has said it. Needs a
 * connection.
 */
bool ldap_has_primary_groups(struct ldap_directory *dir);

/* Fill `servers`, unless that is done: from the settings, or by DNS. */
int ldap_servers_find(struct ldap_directory *dir, struct err *err);
/* Connect and log in, unless that is done. Returns 0, or -1 with *err. */
int ldap_directory_connect(struct ldap_directory *dir, struct err *err);
/* The same anew, beginning with the server after the one that was used. */
int ldap_directory_reconnect(struct ldap_directory *dir, struct err *err);
/* Servers that can be tried. */
unsigned ldap_directory_count(const struct ldap_directory *dir);
void ldap_directory_disconnect(struct ldap_directory *dir);

/*
 * A handle that is not connected yet.
 * ldap_conn_open connects, with TLS where the address or the settings want it, within the
 * connect time-out; it returns libldap's code, and LDAP_TIMEOUT when that passed.
 */
int ldap_conn_new(const struct config *config, const char *uri, struct ldap_conn **ret_conn,
		  struct err *err);
int ldap_conn_open(struct ldap_conn *conn);
void ldap_conn_free(struct ldap_conn *conn);

/* Is the connection inside TLS, or would it be? */
bool ldap_conn_has_tls(const struct ldap_conn *conn);

/* Authorities that are trusted; NULL = none that is known here. */
const char *ldap_ca_file(const struct config *config);
int ldap_tls_set(const struct config *config, LDAP *ld, const char *uri, struct err *err);
/* After the handshake: is its version of TLS at least directory.tls_min? */
bool ldap_tls_is_new_enough(const struct ldap_conn *conn);

/* Log in as the settings say, within the connect time-out. Returns 0, or -1 with *err. */
int ldap_log_in(struct ldap_conn *conn, struct err *err);

/* Why did ldap_conn_open end with `code`? Sets *err, returns -1. */
int ldap_explain_connect(struct ldap_conn *conn, int code, struct err *err);
/* Why was the connection dropped at the login? The same. `said` is libldap's word. */
int ldap_explain_drop(const struct ldap_conn *conn, const char *said, struct err *err);
/* The server's words on the last result: "text: diagnostic". */
const char *ldap_explain_result(int code, const char *diagnostic, char *out, size_t size);

#endif
