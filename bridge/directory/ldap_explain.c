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
#include "bridge/directory/tls_probe.h"

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

/* Returns 0 and a connected descriptor, else an errno. */
static int try_address(int family, const struct sockaddr *address, socklen_t len,
		       unsigned timeout_s, int *ret_fd)
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
	if (error)
		close(fd);
	else
		*ret_fd = fd;
	return error;
}

static int probe_socket(const struct ldap_address *address, unsigned timeout_s, const char *uri,
			struct err *err)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int error, fd = -1;

	if (strlen(address->host) >= sizeof(name.sun_path))
		return err_at(err, ERR_NET, uri, 0, 0, "the path of the socket is too long");
	memcpy(name.sun_path, address->host, strlen(address->host) + 1);
	error = try_address(AF_UNIX, (const struct sockaddr *)&name, sizeof(name), timeout_s,
			    &fd);
	if (error)
		return err_at(err, ERR_NET, uri, 0, 0,
			      "no server at this socket (%s); see directory.uri", strerror(error));
	close(fd);
	return 0;
}

/* *ret_fd: connected, for the caller to close; -1 for a socket of this machine. */
static int probe_port(const struct config *config, const char *uri, int *ret_fd,
		      struct err *err)
{
	unsigned timeout_s = config->directory.connect_timeout_s;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	struct ldap_address address;
	char port[12];
	int status, error = EHOSTUNREACH;

	if (ldap_address_parse(uri, &address, err))
		return -1;
	*ret_fd = -1;
	if (address.scheme == SCHEME_LDAPI)
		return probe_socket(&address, timeout_s, uri, err);
	snprintf(port, sizeof(port), "%d", address.port);
	status = getaddrinfo(address.host, port, &hints, &found);
	if (status)
		return err_at(err, ERR_NET, uri, 0, 0,
			      "the host name is not known (%s); see directory.uri",
			      gai_strerror(status));
	for (struct addrinfo *a = found; a && error; a = a->ai_next)
		error = try_address(a->ai_family, a->ai_addr, a->ai_addrlen, timeout_s,
				    ret_fd);
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

static int explain_dates(const char *uri, const struct cert *cert, int64_t now,
			 struct err *err)
{
	bool expired = now > cert->not_after_s;
	char when[21];

	time_format(expired ? cert->not_after_s : cert->not_before_s, when);
	return err_at(err, ERR_TLS, uri, 0, 0, expired
		      ? "the server's certificate expired on %s; renew it"
		      : "the server's certificate is not valid before %s; are the clocks right?",
		      when);
}

static int explain_names(const char *uri, const struct cert *cert, const char *host,
			 struct err *err)
{
	/* libldap puts the machine's own name in the place of this one. */
	if (text_eq_nocase(host, "localhost"))
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "the server's certificate is for %s, not for this machine's name; use one of those in directory.uri",
			      cert->names);
	return err_at(err, ERR_TLS, uri, 0, 0,
		      "the server's certificate is for %s, not for %s; use its name in directory.uri",
		      cert->names, host);
}

static int explain_cert(const struct config *config, const char *uri,
			const struct tls_finding *found, const char *said, struct err *err)
{
	const char *ca = config->directory.tls_ca_file;
	int64_t now = clock_now_us(clock_system()) / 1000000;
	struct ldap_address address;
	struct cert cert;

	if (ldap_address_parse(uri, &address, err))
		return -1;
	if (cert_read(found->cert, found->cert_len, address.host, &cert))
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "the server's certificate can not be read (%s)", said);
	if (now > cert.not_after_s || now < cert.not_before_s)
		return explain_dates(uri, &cert, now, err);
	if (!cert.for_host)
		return explain_names(uri, &cert, address.host, err);
	if (!ca)
		ca = "the system's list of authorities";
	if (found->issuer_expired)
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "the authority \"%.80s\" behind the server's certificate has expired or is not valid yet; renew it on the server and in %.60s",
			      found->said, ca);
	if (!found->untrusted)
		return err_at(err, ERR_TLS, uri, 0, 0, "the TLS handshake failed (%s)", said);
	if (cert.self_issued)
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "the server's certificate is self-signed by \"%s\", which %.60s does not hold; see directory.tls_ca_file",
			      cert.issuer, ca);
	return err_at(err, ERR_TLS, uri, 0, 0,
		      "the server's certificate is not trusted: its issuer \"%s\" is not in %.60s; see directory.tls_ca_file",
		      cert.issuer, ca);
}

static const char *paren(const char *said, char out[170])
{
	snprintf(out, 170, said[0] ? " (%s)" : "%s", said);
	return out;
}

static int explain_fault(const struct config *config, const char *uri,
			 const struct tls_finding *found, const char *said, struct err *err)
{
	const char *oldest = config->directory.tls_min == TLS_MIN_1_3 ? "1.3" : "1.2";
	bool start_tls = config->directory.start_tls && strncmp(uri, "ldap:", 5) == 0;
	char alert[170];

	switch (found->fault) {
	case TLS_SILENT:
		return err_at(err, ERR_TIMEOUT, uri, 0, 0,
			      "connected, but no answer within %u s; does this port speak %s?",
			      config->directory.connect_timeout_s,
			      start_tls ? "LDAP without TLS at first" : "TLS");
	case TLS_NOT_TLS:
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "the TLS handshake failed: this port does not speak TLS; use the ldaps port, or ldap:// with directory.start_tls: true");
	case TLS_NOT_LDAP:
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "what answers StartTLS is not LDAP; if this is the ldaps port, use ldaps://");
	case TLS_HUNG_UP:
		return err_at(err, ERR_TLS, uri, 0, 0, start_tls
			      ? "the server hung up on StartTLS; if this is the ldaps port, use ldaps://"
			      : "the TLS handshake failed: the server hung up; has it a certificate, and versions and ciphers of today?");
	case TLS_TOO_OLD:
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "no common version of TLS: the server has %s at most, directory.tls_min is %s; update the server",
			      found->said, oldest);
	case TLS_NO_COMMON:
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "no version or cipher of TLS in common with the server%s; %s or newer is needed (directory.tls_min)",
			      paren(found->said, alert), oldest);
	case TLS_WANTS_CERT:
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "the server wants a certificate of ours%s; see directory.tls_cert_file",
			      paren(found->said, alert));
	case TLS_REFUSES_CERT:
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "the server does not take our certificate%s; does it trust the authority that signed directory.tls_cert_file, and is that still valid?",
			      paren(found->said, alert));
	case TLS_CERT:
		return explain_cert(config, uri, found, said, err);
	default:
		return err_at(err, ERR_TLS, uri, 0, 0, "the TLS handshake failed: %s",
			      found->said[0] ? found->said : said);
	}
}

static struct tls_finding *look(const struct config *config, int fd, bool start_tls)
{
	struct tls_probe probe = {
		.fd = fd,
		.start_tls = start_tls,
		.timeout_s = config->directory.connect_timeout_s,
		.ca_file = ldap_ca_file(config),
		.cert_file = config->directory.tls_cert_file,
		.key_file = config->directory.tls_key_file,
		.tls_1_3 = config->directory.tls_min == TLS_MIN_1_3,
	};
	struct tls_finding *found = mem_alloc(sizeof(*found));

	tls_probe_run(&probe, found);
	return found;
}

/* What hangs up on TLS may well speak LDAP without it. */
static bool speaks_plain_ldap(const struct config *config, const char *uri)
{
	struct tls_finding *found;
	struct err ignored = ERR_INIT;
	bool ldap;
	int fd;

	if (probe_port(config, uri, &fd, &ignored) || fd < 0)
		return false;
	found = look(config, fd, true);
	close(fd);
	ldap = found->ldap;
	mem_free(found);
	return ldap;
}

int ldap_explain_drop(const struct ldap_conn *conn, const char *said, struct err *err)
{
	const struct config *config = conn->config;
	bool tls = ldap_conn_has_tls(conn);
	struct tls_finding *found;
	int fd;

	if (probe_port(config, conn->uri, &fd, err))
		return -1;
	if (fd < 0)
		return err_at(err, ERR_NET, conn->uri, 0, 0,
			      "the server does not take the login: %s", said);
	found = look(config, fd, tls && config->directory.start_tls);
	close(fd);
	if (tls && (found->fault == TLS_WANTS_CERT || found->fault == TLS_REFUSES_CERT))
		explain_fault(config, conn->uri, found, said, err);
	else if (!tls && found->cert_len)
		err_at(err, ERR_TLS, conn->uri, 0, 0, "this port speaks TLS; use ldaps://");
	else
		err_at(err, ERR_NET, conn->uri, 0, 0, "the server does not take the login: %s",
		       said);
	mem_free(found);
	return -1;
}

int ldap_explain_connect(struct ldap_conn *conn, int code, struct err *err)
{
	const struct config *config = conn->config;
	bool start_tls = config->directory.start_tls && strncmp(conn->uri, "ldap:", 5) == 0;
	char *diagnostic = NULL, said[200];
	struct tls_finding *found;
	int fd;

	ldap_get_option(conn->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diagnostic);
	ldap_explain_result(code, diagnostic, said, sizeof(said));
	ldap_memfree(diagnostic);
	if (code == LDAP_TIMEOUT)
		return err_at(err, ERR_TIMEOUT, conn->uri, 0, 0,
			      "connected, but no answer within %u s; is this an LDAP server?",
			      config->directory.connect_timeout_s);
	if (code > 0 && start_tls)
		return err_at(err, ERR_TLS, conn->uri, 0, 0,
			      "the server refuses StartTLS: %s; use ldaps:// if it has that",
			      said);
	if (probe_port(config, conn->uri, &fd, err))
		return -1;
	if (fd < 0 || !ldap_conn_has_tls(conn)) {
		if (fd >= 0)
			close(fd);
		return err_at(err, ERR_NET, conn->uri, 0, 0, "no connection: %s", said);
	}
	found = look(config, fd, start_tls);
	close(fd);
	if (found->fault == TLS_HUNG_UP && !start_tls && speaks_plain_ldap(config, conn->uri))
		found->fault = TLS_NOT_TLS;
	explain_fault(config, conn->uri, found, said, err);
	mem_free(found);
	return -1;
}
