/*
 * Why a connection failed. libldap says "Can't contact LDAP server" to a wrong host name, a
 * closed port and a refused certificate alike, so after a failure (only then) the steps are
 * gone through one by one: name, port, certificate. No login is tried.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/directory/cert.h"
#include "bridge/directory/ldap_impl.h"

#include "scim/base/banned.h"

const char *ldap_explain_result(int code, const char *diagnostic, char *out, size_t size)
{
	const char *text = ldap_err2string(code);

	if (diagnostic && diagnostic[0])
		snprintf(out, size, "%s (%d): %.120s", text, code, diagnostic);
	else
		snprintf(out, size, "%s (%d)", text, code);
	return out;
}

/* Returns 0 when connected, else an errno. */
static int try_address(int family, const struct sockaddr *address, socklen_t len,
		       unsigned timeout_s)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	socklen_t error_len = sizeof(error);

	if (fd < 0)
		return errno;
	if (connect(fd, address, len) != 0) {
		error = errno;
		if (error == EINPROGRESS) {
			error = ETIMEDOUT;
			if (poll(&wait, 1, (int)timeout_s * 1000) == 1 &&
			    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0)
				error = errno;
		}
	}
	close(fd);
	return error;
}

static int probe_socket(const struct ldap_address *address, unsigned timeout_s, const char *uri,
			struct err *err)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int error;

	if (strlen(address->host) >= sizeof(name.sun_path))
		return err_at(err, ERR_NET, uri, 0, 0, "the path of the socket is too long");
	memcpy(name.sun_path, address->host, strlen(address->host) + 1);
	error = try_address(AF_UNIX, (const struct sockaddr *)&name, sizeof(name), timeout_s);
	if (error)
		return err_at(err, ERR_NET, uri, 0, 0,
			      "no server at this socket (%s); see directory.uri", strerror(error));
	return 0;
}

static int probe_port(const struct config *config, const char *uri, struct err *err)
{
	unsigned timeout_s = config->directory.connect_timeout_s;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	struct ldap_address address;
	char port[12];
	int status, error = EHOSTUNREACH;

	if (ldap_address_parse(uri, &address, err))
		return -1;
	if (address.scheme == SCHEME_LDAPI)
		return probe_socket(&address, timeout_s, uri, err);
	snprintf(port, sizeof(port), "%d", address.port);
	status = getaddrinfo(address.host, port, &hints, &found);
	if (status)
		return err_at(err, ERR_NET, uri, 0, 0,
			      "the host name is not known (%s); see directory.uri",
			      gai_strerror(status));
	for (struct addrinfo *a = found; a && error; a = a->ai_next)
		error = try_address(a->ai_family, a->ai_addr, a->ai_addrlen, timeout_s);
	freeaddrinfo(found);
	if (error == ETIMEDOUT)
		return err_at(err, ERR_TIMEOUT, uri, 0, 0,
			      "no connection within %u s; is a firewall between?", timeout_s);
	if (error)
		return err_at(err, ERR_NET, uri, 0, 0,
			      "no connection: %s; is the server running, and the port right?",
			      strerror(error));
	return 0;
}

static int explain_cert(const struct config *config, const char *uri, const struct cert *cert,
			const char *host, struct err *err)
{
	const char *ca = config->directory.tls_ca_file;
	int64_t now = clock_now_us(clock_system()) / 1000000;
	char when[21];

	if (now > cert->not_after_s || now < cert->not_before_s) {
		bool expired = now > cert->not_after_s;

		time_format(expired ? cert->not_after_s : cert->not_before_s, when);
		return err_at(err, ERR_TLS, uri, 0, 0, expired
			      ? "the server's certificate expired on %s; renew it"
			      : "the server's certificate is not valid before %s; are the clocks right?",
			      when);
	}
	if (!cert->for_host) {
		/* libldap puts the machine's own name in the place of this one. */
		if (text_eq_nocase(host, "localhost"))
			return err_at(err, ERR_TLS, uri, 0, 0,
				      "the server's certificate is for %s, not for this machine's name; use one of those in directory.uri",
				      cert->names);
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "the server's certificate is for %s, not for %s; use its name in directory.uri",
			      cert->names, host);
	}
	if (cert->self_issued)
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "the server's certificate is self-signed by \"%s\", which %.60s does not hold; see directory.tls_ca_file",
			      cert->issuer, ca ? ca : "the system's list of authorities");
	return err_at(err, ERR_TLS, uri, 0, 0,
		      "the server's certificate is not trusted: its issuer \"%s\" is not in %.60s; see directory.tls_ca_file",
		      cert->issuer, ca ? ca : "the system's list of authorities");
}

/* Shake hands without verifying, look at the certificate, hang up. */
static int probe_cert(const struct config *config, const char *uri, const char *said,
		      struct err *err)
{
	struct ldap_address address;
	struct berval der = { 0 };
	struct ldap_conn *conn;
	struct cert cert;
	int code;

	if (ldap_address_parse(uri, &address, err) ||
	    ldap_conn_new(config, uri, false, &conn, err))
		return -1;
	code = ldap_conn_open(conn);
	if (code == LDAP_SUCCESS)
		ldap_get_option(conn->ld, LDAP_OPT_X_TLS_PEERCERT, &der);
	if (code != LDAP_SUCCESS)
		err_at(err, ERR_TLS, uri, 0, 0,
		       "the TLS handshake failed (%s); no common version, or no TLS at this port",
		       said);
	else if (!der.bv_val || cert_read(der.bv_val, der.bv_len, address.host, &cert))
		err_at(err, ERR_TLS, uri, 0, 0, "the server's certificate was refused (%s)", said);
	else
		explain_cert(config, uri, &cert, address.host, err);
	ber_memfree(der.bv_val);
	ldap_conn_free(conn);
	return -1;
}

int ldap_explain_connect(struct ldap_conn *conn, int code, struct err *err)
{
	const struct config *config = conn->config;
	bool start_tls = config->directory.start_tls && strncmp(conn->uri, "ldap:", 5) == 0;
	char *diagnostic = NULL, said[200];

	ldap_get_option(conn->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diagnostic);
	ldap_explain_result(code, diagnostic, said, sizeof(said));
	ldap_memfree(diagnostic);
	if (code == LDAP_TIMEOUT)
		return err_at(err, ERR_TIMEOUT, conn->uri, 0, 0,
			      "connected, but no answer within %u s",
			      config->directory.connect_timeout_s);
	if (code > 0 && start_tls)
		return err_at(err, ERR_TLS, conn->uri, 0, 0,
			      "the server refuses StartTLS: %s; use ldaps:// if it has that",
			      said);
	if (probe_port(config, conn->uri, err))
		return -1;
	if (start_tls || strncmp(conn->uri, "ldaps:", 6) == 0)
		return probe_cert(config, conn->uri, said, err);
	return err_at(err, ERR_NET, conn->uri, 0, 0, "no connection: %s", said);
}
