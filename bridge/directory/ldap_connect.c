/*
 * From an address to a connection that is logged in.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bridge/directory/kerberos.h"
#include "bridge/directory/ldap_impl.h"

#include "scim/base/banned.h"

int ldap_address_parse(const char *uri, struct ldap_address *ret_address, struct err *err)
{
	LDAPURLDesc *url = NULL;
	struct ldap_address address = { 0 };

	if (ldap_url_parse(uri, &url) != LDAP_URL_SUCCESS)
		return err_set(err, ERR_INVALID, "directory.uri: \"%s\" is not an LDAP address",
			       uri);
	address.scheme = strcmp(url->lud_scheme, "ldaps") == 0   ? SCHEME_LDAPS
			 : strcmp(url->lud_scheme, "ldapi") == 0 ? SCHEME_LDAPI
								  : SCHEME_LDAP;
	address.port = url->lud_port		       ? url->lud_port
		       : address.scheme == SCHEME_LDAPS ? LDAPS_PORT
							: LDAP_PORT;
	if (!url->lud_host || !url->lud_host[0] || strlen(url->lud_host) >= sizeof(address.host)) {
		ldap_free_urldesc(url);
		return err_set(err, ERR_INVALID, "directory.uri: \"%s\" names no host", uri);
	}
	memcpy(address.host, url->lud_host, strlen(url->lud_host) + 1);
	ldap_free_urldesc(url);
	*ret_address = address;
	return 0;
}

bool ldap_address_is_local(const struct ldap_address *address)
{
	return address->scheme == SCHEME_LDAPI || text_eq_nocase(address->host, "localhost") ||
	       (strncmp(address->host, "127.", 4) == 0 &&
		strspn(address->host, "0123456789.") == strlen(address->host)) ||
	       strcmp(address->host, "::1") == 0;
}

/*
 * The socket is connected: from here the watchdog bounds what libldap does not. The network
 * time-out has done its work; with it set the TLS handshake would spin on a non-blocking
 * socket. A message that stops half-way is bounded by the socket's own time-out, after
 * which ldap_result looks at the clock again.
 */
static int when_connected(LDAP *ld, Sockbuf *sockbuf, LDAPURLDesc *url, struct sockaddr *address,
			  struct ldap_conncb *callback)
{
	struct ldap_conn *conn = callback->lc_arg;
	struct timeval wait = { .tv_sec = conn->config->directory.timeout_s };
	ber_len_t most = LDAP_MESSAGE_BYTES_MAX;
	ber_socket_t fd = -1;

	(void)url;
	(void)address;
	if (ber_sockbuf_ctrl(sockbuf, LBER_SB_OPT_GET_FD, &fd) != 1 || fd < 0)
		return -1;
	ber_sockbuf_ctrl(sockbuf, LBER_SB_OPT_SET_MAX_INCOMING, &most);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, NULL);
	watchdog_stop(&conn->watchdog);
	return watchdog_start(&conn->watchdog, fd, conn->config->directory.connect_timeout_s);
}

static void when_closed(LDAP *ld, Sockbuf *sockbuf, struct ldap_conncb *callback)
{
	(void)ld;
	(void)sockbuf;
	(void)callback;
}

static void set_options(struct ldap_conn *conn)
{
	struct timeval wait = { .tv_sec = conn->config->directory.connect_timeout_s };
	int version = LDAP_VERSION3, none = 0;

	ldap_set_option(conn->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(conn->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	ldap_set_option(conn->ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
	ldap_set_option(conn->ld, LDAP_OPT_DEREF, &none);
	ldap_set_option(conn->ld, LDAP_OPT_SIZELIMIT, &none);
	ldap_set_option(conn->ld, LDAP_OPT_TIMELIMIT, &none);
	ldap_set_option(conn->ld, LDAP_OPT_NETWORK_TIMEOUT, &wait);
	ldap_set_option(conn->ld, LDAP_OPT_TIMEOUT, &wait);
	conn->callback = (struct ldap_conncb){ .lc_add = when_connected, .lc_del = when_closed,
					       .lc_arg = conn };
	ldap_set_option(conn->ld, LDAP_OPT_CONNECT_CB, &conn->callback);
}

int ldap_conn_new(const struct config *config, const char *uri, struct ldap_conn **ret_conn,
		  struct err *err)
{
	struct ldap_conn *conn = mem_zalloc(sizeof(*conn));

	conn->config = config;
	conn->uri = uri;
	if (ldap_initialize(&conn->ld, uri) != LDAP_SUCCESS) {
		conn->ld = NULL;
		ldap_conn_free(conn);
		return err_set(err, ERR_INVALID, "directory.uri: \"%s\" is not an LDAP address",
			       uri);
	}
	set_options(conn);
	if (strncmp(uri, "ldapi:", 6) != 0 && ldap_tls_set(config, conn->ld, uri, err)) {
		ldap_conn_free(conn);
		return -1;
	}
	*ret_conn = conn;
	return 0;
}

bool ldap_conn_has_tls(const struct ldap_conn *conn)
{
	return strncmp(conn->uri, "ldaps:", 6) == 0 ||
	       (conn->config->directory.start_tls && strncmp(conn->uri, "ldap:", 5) == 0);
}

/* StartTLS is a promise: when it fails nothing else is said on the connection. */
int ldap_conn_open(struct ldap_conn *conn)
{
	int code = ldap_connect(conn->ld);

	if (code == -1)
		code = LDAP_SERVER_DOWN;
	if (code == LDAP_SUCCESS && conn->config->directory.start_tls &&
	    strncmp(conn->uri, "ldap:", 5) == 0)
		code = ldap_start_tls_s(conn->ld, NULL, NULL);
	if (watchdog_stop(&conn->watchdog))
		return LDAP_TIMEOUT;
	if (code == LDAP_SUCCESS && ldap_conn_has_tls(conn) && !ldap_tls_is_new_enough(conn))
		code = LDAP_CONNECT_ERROR;
	return code;
}

void ldap_conn_free(struct ldap_conn *conn)
{
	if (!conn)
		return;
	watchdog_stop(&conn->watchdog);
	if (conn->ld)
		ldap_unbind_ext(conn->ld, NULL, NULL);
	if (conn->ticket)
		kerberos_release(conn->ticket);
	mem_free(conn);
}

static int refuse_plaintext(const struct config *config, const char *uri, struct err *err)
{
	struct ldap_address address;

	if (ldap_address_parse(uri, &address, err))
		return -1;
	if (config->directory.bind != BIND_SIMPLE || config->directory.allow_plaintext ||
	    config->directory.start_tls || address.scheme != SCHEME_LDAP ||
	    ldap_address_is_local(&address))
		return 0;
	return err_at(err, ERR_REFUSED, uri, 0, 0,
		      "the password would go over the network unencrypted; use ldaps://, or directory.start_tls: true (or directory.allow_plaintext: true, at your risk)");
}

static int connect_to(struct ldap_directory *dir, const char *uri, struct err *err)
{
	struct ldap_conn *conn;
	int code;

	if (refuse_plaintext(dir->config, uri, err) ||
	    ldap_conn_new(dir->config, uri, &conn, err))
		return -1;
	code = ldap_conn_open(conn);
	if (code != LDAP_SUCCESS) {
		ldap_explain_connect(conn, code, err);
	} else if (ldap_log_in(conn, err) == 0) {
		dir->conn = conn;
		dir->ld = conn->ld;
		dir->pages = false;
		dir->uri = uri;
		return 0;
	}
	ldap_conn_free(conn);
	return -1;
}

int ldap_directory_connect(struct ldap_directory *dir, struct err *err)
{
	const struct config_texts *uris = &dir->servers;
	struct err first = ERR_INIT;

	if (dir->ld)
		return 0;
	if (ldap_servers_find(dir, err))
		return -1;
	for (unsigned i = 0; i < uris->count; i++) {
		unsigned server = (dir->server + i) % uris->count;
		struct err why = ERR_INIT;

		if (connect_to(dir, uris->items[server], &why) == 0) {
			dir->server = server;
			return 0;
		}
		if (i == 0)
			first = why;
		/* Another server knows the same password; asking all of them locks accounts. */
		if (why.kind == ERR_AUTH || why.kind == ERR_REFUSED || why.kind == ERR_INVALID) {
			first = why;
			break;
		}
	}
	if (err && err->kind == ERR_NONE)
		*err = first;
	return -1;
}

int ldap_directory_reconnect(struct ldap_directory *dir, struct err *err)
{
	ldap_directory_disconnect(dir);
	dir->server++;
	return ldap_directory_connect(dir, err);
}

unsigned ldap_directory_count(const struct ldap_directory *dir)
{
	return dir->servers.count;
}

void ldap_directory_disconnect(struct ldap_directory *dir)
{
	ldap_conn_free(dir->conn);
	dir->conn = NULL;
	dir->ld = NULL;
}
