/*
 * From an address to a connection that is logged in.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bridge/directory/ldap_impl.h"

#include "scim/base/banned.h"

#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

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
 * Each is set here, so that nothing in ldap.conf or the environment weakens it. A client
 * certificate comes from there (TLS_CERT, TLS_KEY), which is what they are for.
 */
static int set_tls(const struct config *config, LDAP *ld, bool verify, const char *uri,
		   struct err *err)
{
	const char *ca = config->directory.tls_ca_file;
	int demand = verify ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER;
	int oldest = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, client = 0;

	if (!ca && access(SYSTEM_CA_FILE, R_OK) == 0)
		ca = SYSTEM_CA_FILE;
	if ((ca && verify && ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, ca)) ||
	    ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) ||
	    ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &oldest) ||
	    ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client))
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "TLS could not be set up: are there certificates in %s?",
			      ca ? ca : "the system's list");
	return 0;
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

int ldap_conn_new(const struct config *config, const char *uri, bool verify,
		  struct ldap_conn **ret_conn, struct err *err)
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
	if (strncmp(uri, "ldapi:", 6) != 0 && set_tls(config, conn->ld, verify, uri, err)) {
		ldap_conn_free(conn);
		return -1;
	}
	*ret_conn = conn;
	return 0;
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
	return watchdog_stop(&conn->watchdog) ? LDAP_TIMEOUT : code;
}

void ldap_conn_free(struct ldap_conn *conn)
{
	if (!conn)
		return;
	watchdog_stop(&conn->watchdog);
	if (conn->ld)
		ldap_unbind_ext(conn->ld, NULL, NULL);
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

static int explain_bind(const struct config *config, const char *uri, int code,
			const char *diagnostic, struct err *err)
{
	const char *who = config->directory.bind_dn ? config->directory.bind_dn : "";
	char said[200];

	ldap_explain_result(code, diagnostic, said, sizeof(said));
	switch (code) {
	case LDAP_INVALID_CREDENTIALS:
		if (config->directory.bind == BIND_SIMPLE)
			return err_at(err, ERR_AUTH, uri, 0, 0,
				      "the server refuses the password of \"%.100s\" (%s); see directory.bind_dn and directory.password_file",
				      who, said);
		break;
	case LDAP_CONFIDENTIALITY_REQUIRED:
	case LDAP_STRONG_AUTH_REQUIRED:
		return err_at(err, ERR_AUTH, uri, 0, 0,
			      "the server wants an encrypted connection (%s); use ldaps:// or directory.start_tls: true",
			      said);
	case LDAP_TIMEOUT:
		return err_at(err, ERR_TIMEOUT, uri, 0, 0, "no answer to the login within %u s",
			      config->directory.connect_timeout_s);
	case LDAP_BUSY:
	case LDAP_UNAVAILABLE:
	case LDAP_SERVER_DOWN:
		return err_at(err, ERR_NET, uri, 0, 0, "the server does not take the login: %s",
			      said);
	default:
		break;
	}
	return err_at(err, ERR_AUTH, uri, 0, 0, "the login failed: %s; see directory.bind", said);
}

static int finish_bind(struct ldap_directory *dir, LDAP *ld, const char *uri, int message,
		       struct err *err)
{
	struct timeval wait = { .tv_sec = dir->config->directory.connect_timeout_s };
	LDAPMessage *result = NULL;
	char *diagnostic = NULL;
	int code = LDAP_TIMEOUT, type = ldap_result(ld, message, LDAP_MSG_ALL, &wait, &result);

	if (type < 0)
		ldap_get_option(ld, LDAP_OPT_RESULT_CODE, &code);
	if (type > 0 && ldap_parse_result(ld, result, &code, NULL, &diagnostic, NULL, NULL, 0))
		code = LDAP_DECODING_ERROR;
	ldap_msgfree(result);
	if (code != LDAP_SUCCESS)
		explain_bind(dir->config, uri, code, diagnostic, err);
	ldap_memfree(diagnostic);
	return code == LDAP_SUCCESS ? 0 : -1;
}

static int log_in(struct ldap_directory *dir, LDAP *ld, const char *uri, struct err *err)
{
	const struct config *config = dir->config;
	const char *mechanism = LDAP_SASL_SIMPLE, *who = config->directory.bind_dn;
	struct berval secret = { 0, (char[1]){ 0 } };
	struct buf password;
	int message, code;

	if (config->directory.bind == BIND_ANONYMOUS)
		return 0;
	buf_init(&password, CONFIG_SECRET_BYTES_MAX);
	if (config->directory.bind == BIND_EXTERNAL) {
		mechanism = "EXTERNAL";
		who = NULL;
	} else {
		if (config_secret_read(&config->directory.password, "directory.password",
				       &password, err)) {
			buf_release(&password);
			return -1;
		}
		secret = (struct berval){ password.len, password.data };
		/* A DN without password is an anonymous login that succeeds (RFC 4513 5.1.2). */
		if (secret.bv_len == 0 || !who || !who[0]) {
			buf_release(&password);
			return err_set(err, ERR_AUTH,
				       "directory.bind_dn and its password must not be empty");
		}
	}
	code = ldap_sasl_bind(ld, who, mechanism, &secret, NULL, NULL, &message);
	if (password.data)
		explicit_bzero(password.data, password.size);
	buf_release(&password);
	if (code != LDAP_SUCCESS)
		return explain_bind(config, uri, code, NULL, err);
	return finish_bind(dir, ld, uri, message, err);
}

static int connect_to(struct ldap_directory *dir, const char *uri, struct err *err)
{
	struct ldap_conn *conn;
	int code;

	if (refuse_plaintext(dir->config, uri, err) ||
	    ldap_conn_new(dir->config, uri, true, &conn, err))
		return -1;
	code = ldap_conn_open(conn);
	if (code != LDAP_SUCCESS) {
		ldap_explain_connect(conn, code, err);
	} else if (log_in(dir, conn->ld, uri, err) == 0) {
		dir->conn = conn;
		dir->ld = conn->ld;
		dir->uri = uri;
		return 0;
	}
	ldap_conn_free(conn);
	return -1;
}

int ldap_directory_connect(struct ldap_directory *dir, struct err *err)
{
	const struct config_texts *uris = &dir->config->directory.uris;
	struct err first = ERR_INIT;

	if (dir->ld)
		return 0;
	for (unsigned i = 0; i < uris->count; i++) {
		struct err why = ERR_INIT;

		if (connect_to(dir, uris->items[i], &why) == 0)
			return 0;
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

void ldap_directory_disconnect(struct ldap_directory *dir)
{
	ldap_conn_free(dir->conn);
	dir->conn = NULL;
	dir->ld = NULL;
}
