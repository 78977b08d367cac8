/*
 * Logging in on a connection: by password, certificate, local socket, or Kerberos.
 */
#include <sasl/sasl.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "bridge/directory/ad_reason.h"
#include "bridge/directory/kerberos.h"
#include "bridge/directory/ldap_impl.h"

#include "scim/base/banned.h"

/*
 * A login by Kerberos on a connection without TLS must encrypt by itself. Inside TLS it must
 * not: servers refuse two layers (MS-ADTS 5.1.1.1.2).
 */
#define SECURITY_ENCRYPTED "minssf=56,noanonymous,noplain"
#define SECURITY_INSIDE_TLS "maxssf=0,noanonymous,noplain"

static int refused_secret(const struct ldap_conn *conn, const char *diagnostic,
			  const char *said, struct err *err)
{
	const char *who = conn->config->directory.bind_dn, *why = ad_reason(diagnostic);
	bool simple = conn->config->directory.bind == BIND_SIMPLE;

	if (why)
		return err_at(err, ERR_AUTH, conn->uri, 0, 0, "the server refuses \"%.80s\": %s",
			      simple && who ? who : "the login", why);
	if (simple)
		return err_at(err, ERR_AUTH, conn->uri, 0, 0,
			      "the server refuses the password of \"%.100s\" (%s); see directory.bind_dn and directory.password_file",
			      who ? who : "", said);
	if (conn->config->directory.bind == BIND_EXTERNAL)
		return err_at(err, ERR_AUTH, conn->uri, 0, 0,
			      "the server knows no account for %s (%s)",
			      strncmp(conn->uri, "ldapi:", 6) == 0
				      ? "the user that runs dirbridge"
				      : "the certificate in directory.tls_cert_file",
			      said);
	return err_at(err, ERR_AUTH, conn->uri, 0, 0, "the login failed: %s; see directory.bind",
		      said);
}

static int too_weak(const struct ldap_conn *conn, const char *said, struct err *err)
{
	if (ldap_conn_has_tls(conn))
		return err_at(err, ERR_AUTH, conn->uri, 0, 0,
			      "the server wants Kerberos to sign and seal, which is not done inside TLS (%s); use ldap:// without start_tls, which dirbridge then encrypts by Kerberos",
			      said);
	return err_at(err, ERR_AUTH, conn->uri, 0, 0,
		      "the server wants an encrypted connection (%s); use ldaps:// or directory.start_tls: true",
		      said);
}

static int explain_login(const struct ldap_conn *conn, int code, const char *diagnostic,
			 struct err *err)
{
	bool gssapi = conn->config->directory.bind == BIND_GSSAPI;
	char said[160];

	ldap_explain_result(code, diagnostic, said, sizeof(said));
	switch (code) {
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_INAPPROPRIATE_AUTH:
		return refused_secret(conn, diagnostic, said, err);
	case LDAP_CONFIDENTIALITY_REQUIRED:
	case LDAP_STRONG_AUTH_REQUIRED:
		return too_weak(conn, said, err);
	case LDAP_TIMEOUT:
		return err_at(err, ERR_TIMEOUT, conn->uri, 0, 0, "no answer to the login within %u s",
			      conn->config->directory.connect_timeout_s);
	case LDAP_SERVER_DOWN:
		return ldap_explain_drop(conn, said, err);
	case LDAP_BUSY:
	case LDAP_UNAVAILABLE:
		return err_at(err, ERR_NET, conn->uri, 0, 0,
			      "the server does not take the login: %s", said);
	default:
		break;
	}
	if (gssapi && diagnostic && strstr(diagnostic, "not found in Kerberos"))
		return err_at(err, ERR_AUTH, conn->uri, 0, 0,
			      "Kerberos knows no service ldap/HOST of this address (%s); use the host name that the server is registered by",
			      said);
	if (gssapi && (code == LDAP_AUTH_UNKNOWN || code == LDAP_AUTH_METHOD_NOT_SUPPORTED))
		return err_at(err, ERR_AUTH, conn->uri, 0, 0,
			      "no login by Kerberos here (%s); is libsasl2-modules-gssapi-mit installed, and does the server offer it?",
			      said);
	return refused_secret(conn, diagnostic, said, err);
}

/* --- one request: simple, EXTERNAL --------------------------------------------------------- */

static int finish_bind(const struct ldap_conn *conn, int message, struct err *err)
{
	struct timeval wait = { .tv_sec = conn->config->directory.connect_timeout_s };
	LDAPMessage *result = NULL;
	char *diagnostic = NULL;
	int code = LDAP_TIMEOUT, type;

	type = ldap_result(conn->ld, message, LDAP_MSG_ALL, &wait, &result);
	if (type < 0)
		ldap_get_option(conn->ld, LDAP_OPT_RESULT_CODE, &code);
	if (type > 0 &&
	    ldap_parse_result(conn->ld, result, &code, NULL, &diagnostic, NULL, NULL, 0))
		code = LDAP_DECODING_ERROR;
	ldap_msgfree(result);
	if (code != LDAP_SUCCESS)
		explain_login(conn, code, diagnostic, err);
	ldap_memfree(diagnostic);
	return code == LDAP_SUCCESS ? 0 : -1;
}

static int bind_with(const struct ldap_conn *conn, const char *who, const char *mechanism,
		     struct berval secret, struct err *err)
{
	int message, code;

	code = ldap_sasl_bind(conn->ld, who, mechanism, &secret, NULL, NULL, &message);
	if (code != LDAP_SUCCESS)
		return explain_login(conn, code, NULL, err);
	return finish_bind(conn, message, err);
}

static int log_in_simple(const struct ldap_conn *conn, struct err *err)
{
	const char *who = conn->config->directory.bind_dn;
	struct buf password;
	int ret = -1;

	buf_init(&password, CONFIG_SECRET_BYTES_MAX);
	if (config_secret_read(&conn->config->directory.password, "directory.password",
			       &password, err))
		;
	/* A DN without password is an anonymous login that succeeds (RFC 4513 5.1.2). */
	else if (password.len == 0 || !who || !who[0])
		err_set(err, ERR_AUTH, "directory.bind_dn and its password must not be empty");
	else
		ret = bind_with(conn, who, LDAP_SASL_SIMPLE,
				(struct berval){ password.len, password.data }, err);
	if (password.data)
		explicit_bzero(password.data, password.size);
	buf_release(&password);
	return ret;
}

static int log_in_external(const struct ldap_conn *conn, struct err *err)
{
	if (strncmp(conn->uri, "ldapi:", 6) != 0) {
		if (!ldap_conn_has_tls(conn))
			return err_at(err, ERR_INVALID, conn->uri, 0, 0,
				      "directory.bind: external needs ldaps://, ldapi:// or directory.start_tls: true");
		if (!conn->config->directory.tls_cert_file)
			return err_at(err, ERR_INVALID, conn->uri, 0, 0,
				      "directory.bind: external logs in by our certificate; name it in directory.tls_cert_file");
	}
	return bind_with(conn, NULL, "EXTERNAL", (struct berval){ 0, (char[1]){ 0 } }, err);
}

/* --- Kerberos ------------------------------------------------------------------------------ */

struct exchange {
	void *ticket;
	bool given;
};

/*
 * Asked whom to act for, which the ticket tells: the defaults do. This is also the one moment
 * at which libldap takes a ticket: its SASL context is made by the bind, and the question
 * comes before the first token.
 */
static int answer_defaults(LDAP *ld, unsigned flags, void *ctx, void *questions)
{
	struct exchange *exchange = ctx;

	(void)flags;
	if (ldap_set_option(ld, LDAP_OPT_X_SASL_GSS_CREDS, exchange->ticket))
		return LDAP_NOT_SUPPORTED;
	exchange->given = true;
	for (sasl_interact_t *q = questions; q->id != SASL_CB_LIST_END; q++) {
		q->result = q->defresult ? q->defresult : "";
		q->len = (unsigned)strlen(q->result);
	}
	return LDAP_SUCCESS;
}

/*
 * Token by token until both sides are content. Returns libldap's code; a login by a ticket
 * that is not ours, such as one that lies about from a kinit, is none.
 */
static int exchange_tokens(const struct ldap_conn *conn)
{
	struct exchange exchange = { .ticket = conn->ticket };
	struct timeval wait = { .tv_sec = conn->config->directory.connect_timeout_s };
	LDAPMessage *result = NULL;
	const char *mechanism = NULL;
	int code, message = 0, type;

	for (;;) {
		code = ldap_sasl_interactive_bind(conn->ld, NULL, "GSSAPI", NULL, NULL,
						  LDAP_SASL_QUIET, answer_defaults, &exchange,
						  result, &mechanism, &message);
		ldap_msgfree(result);
		result = NULL;
		if (code == LDAP_SUCCESS && !exchange.given)
			return LDAP_NOT_SUPPORTED;
		if (code != LDAP_SASL_BIND_IN_PROGRESS)
			return code;
		type = ldap_result(conn->ld, message, LDAP_MSG_ALL, &wait, &result);
		if (type == 0)
			return LDAP_TIMEOUT;
		if (type < 0) {
			ldap_get_option(conn->ld, LDAP_OPT_RESULT_CODE, &code);
			return code;
		}
	}
}

static int log_in_gssapi(struct ldap_conn *conn, struct err *err)
{
	const struct config *config = conn->config;
	bool tls = ldap_conn_has_tls(conn);
	int binding = LDAP_OPT_X_SASL_CBINDING_TLS_ENDPOINT, code;
	char *diagnostic = NULL;

	if (config_secret_file_check(config->directory.keytab_file, "directory.keytab_file",
				     err) ||
	    kerberos_acquire(config->directory.keytab_file, config->directory.principal,
			     &conn->ticket, err))
		return -1;
	/* The name in the settings is the server's: a name service is not asked for another. */
	ldap_set_option(conn->ld, LDAP_OPT_X_SASL_NOCANON, LDAP_OPT_ON);
	if (tls)
		ldap_set_option(conn->ld, LDAP_OPT_X_SASL_CBINDING, &binding);
	if (ldap_set_option(conn->ld, LDAP_OPT_X_SASL_SECPROPS,
			    tls ? SECURITY_INSIDE_TLS : SECURITY_ENCRYPTED))
		code = LDAP_NOT_SUPPORTED;
	else
		code = exchange_tokens(conn);
	if (code == LDAP_SUCCESS)
		return 0;
	if (code == LDAP_NOT_SUPPORTED)
		return err_at(err, ERR_AUTH, conn->uri, 0, 0,
			      "the libldap of this machine can not log in by Kerberos; use another directory.bind");
	ldap_get_option(conn->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diagnostic);
	explain_login(conn, code, diagnostic, err);
	ldap_memfree(diagnostic);
	return -1;
}

int ldap_log_in(struct ldap_conn *conn, struct err *err)
{
	switch (conn->config->directory.bind) {
	case BIND_SIMPLE:
		return log_in_simple(conn, err);
	case BIND_EXTERNAL:
		return log_in_external(conn, err);
	case BIND_GSSAPI:
		return log_in_gssapi(conn, err);
	default:
		return 0;
	}
}
