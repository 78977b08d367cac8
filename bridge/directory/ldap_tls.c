/*
 * TLS of a connection: what is verified, how old it may be, whose certificate is shown.
 *
 * libldap takes what is not set from ldap.conf, ~/.ldaprc and LDAP* variables, where a value
 * meant for others could weaken this connection or change who logs in: each setting that
 * bears on TLS is set here, to nothing where there is nothing to set.
 */
#include <string.h>
#include <unistd.h>

#include "bridge/directory/ldap_impl.h"
#include "bridge/directory/tls_probe.h"

#include "scim/base/banned.h"

const char *ldap_ca_file(const struct config *config)
{
	if (config->directory.tls_ca_file)
		return config->directory.tls_ca_file;
	return access(SYSTEM_CA_FILE, R_OK) == 0 ? SYSTEM_CA_FILE : NULL;
}

/*
 * With GnuTLS the option for the oldest version does nothing (ldap.conf(5)), and setting a list
 * of ciphers instead loses memory with every connection: so the version is also looked at when
 * the handshake is done, before anything is said.
 */
bool ldap_tls_is_new_enough(const struct ldap_conn *conn)
{
	bool only_1_3 = conn->config->directory.tls_min == TLS_MIN_1_3;
	char *version = NULL;
	bool enough;

	ldap_get_option(conn->ld, LDAP_OPT_X_TLS_VERSION, &version);
	/* "TLS1.3" of GnuTLS, "TLSv1.3" of OpenSSL. */
	enough = version && (strstr(version, "1.3") || (!only_1_3 && strstr(version, "1.2")));
	ldap_memfree(version);
	return enough;
}

static int set_pair(const struct config *config, LDAP *ld, struct err *err)
{
	const char *cert = config->directory.tls_cert_file;
	const char *key = config->directory.tls_key_file;

	if (cert && (config_secret_file_check(key, "directory.tls_key_file", err) ||
		     tls_pair_check(cert, key, err)))
		return -1;
	ldap_set_option(ld, LDAP_OPT_X_TLS_CERTFILE, cert);
	ldap_set_option(ld, LDAP_OPT_X_TLS_KEYFILE, key);
	return 0;
}

int ldap_tls_set(const struct config *config, LDAP *ld, const char *uri, struct err *err)
{
	int demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
	int none = LDAP_OPT_X_TLS_CRL_NONE, san = LDAP_OPT_X_TLS_ALLOW;
	int oldest = config->directory.tls_min == TLS_MIN_1_3 ? LDAP_OPT_X_TLS_PROTOCOL_TLS1_3
							      : LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
	const char *ca = ldap_ca_file(config);

	if (set_pair(config, ld, err))
		return -1;
	/* Not every library knows each of these; one that does not needs no reset. */
	ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTDIR, NULL);
	ldap_set_option(ld, LDAP_OPT_X_TLS_CRLFILE, NULL);
	ldap_set_option(ld, LDAP_OPT_X_TLS_CRLCHECK, &none);
	ldap_set_option(ld, LDAP_OPT_X_TLS_PEERKEY_HASH, NULL);
	ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_SAN, &san);
	if ((ca && ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, ca)) ||
	    ldap_set_option(ld, LDAP_OPT_X_TLS_CIPHER_SUITE, NULL) ||
	    ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &oldest) ||
	    ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) ||
	    ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client))
		return err_at(err, ERR_TLS, uri, 0, 0,
			      "TLS could not be set up: are there certificates in %s?",
			      ca ? ca : "the system's list");
	return 0;
}
