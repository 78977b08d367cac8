#include "bridge/directory/kerberos.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdio.h>
#include <string.h>

#include "scim/base/mem.h"

#include "scim/base/banned.h"

#define KERBEROS_CACHE "MEMORY:dirbridge"

/* What the code means for whoever set this up. */
static const struct {
	OM_uint32 code;
	enum err_kind kind;
	const char *way_out;
} ways_out[] = {
	{ (OM_uint32)KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, ERR_AUTH,
	  "the account is not known there; see directory.principal" },
	{ (OM_uint32)KRB5KDC_ERR_PREAUTH_FAILED, ERR_AUTH,
	  "the keys are not the account's (any more): a new password needs a new directory.keytab_file" },
	{ (OM_uint32)KRB5KRB_AP_ERR_SKEW, ERR_AUTH,
	  "set this machine's clock; Kerberos allows 5 minutes" },
	{ (OM_uint32)KRB5KDC_ERR_CLIENT_REVOKED, ERR_AUTH,
	  "the account is disabled, locked or expired" },
	{ (OM_uint32)KRB5KDC_ERR_KEY_EXP, ERR_AUTH, "the account's password has expired" },
	{ (OM_uint32)KRB5KDC_ERR_ETYPE_NOSUPP, ERR_AUTH,
	  "the keytab has none of the kinds of key that the server takes; make it with AES keys" },
	{ (OM_uint32)KRB5_KT_NOTFOUND, ERR_AUTH,
	  "directory.keytab_file has no key of directory.principal; klist -k shows which it has" },
	/* Looked for after the keytab had nothing, and so what is said of that. */
	{ (OM_uint32)KRB5_FCC_NOFILE, ERR_AUTH,
	  "directory.keytab_file has no key of directory.principal; klist -k shows which it has" },
	{ (OM_uint32)KRB5_KDC_UNREACH, ERR_NET,
	  "see [realms] in krb5.conf, and if a firewall is between" },
	{ (OM_uint32)KRB5_REALM_UNKNOWN, ERR_NET,
	  "see the realm of directory.principal, and [realms] in krb5.conf" },
	{ (OM_uint32)KRB5_REALM_CANT_RESOLVE, ERR_NET,
	  "see [realms] in krb5.conf" },
	{ (OM_uint32)KRB5_CONFIG_NODEFREALM, ERR_AUTH,
	  "write NAME@REALM in directory.principal, or default_realm in krb5.conf" },
};

static void explain(OM_uint32 major, OM_uint32 minor, char *out, size_t size)
{
	OM_uint32 ignored, more = 0;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	bool by_mechanism = minor != 0;

	snprintf(out, size, "%s", "no reason given");
	if (gss_display_status(&ignored, by_mechanism ? minor : major,
			       by_mechanism ? GSS_C_MECH_CODE : GSS_C_GSS_CODE, gss_mech_krb5,
			       &more, &text) == GSS_S_COMPLETE)
		snprintf(out, size, "%.*s", (int)text.length, (const char *)text.value);
	gss_release_buffer(&ignored, &text);
}

static int refuse(const char *keytab_file, OM_uint32 major, OM_uint32 minor, struct err *err)
{
	char said[200];

	explain(major, minor, said, sizeof(said));
	for (size_t i = 0; i < sizeof(ways_out) / sizeof(ways_out[0]); i++) {
		if (ways_out[i].code == minor)
			return err_at(err, ways_out[i].kind, keytab_file, 0, 0,
				      "no Kerberos ticket: %s; %s", said, ways_out[i].way_out);
	}
	return err_at(err, ERR_AUTH, keytab_file, 0, 0,
		      "no Kerberos ticket: %s; see directory.keytab_file and directory.principal",
		      said);
}

static OM_uint32 import_name(const char *principal, gss_name_t *ret_name, OM_uint32 *minor)
{
	gss_buffer_desc text = { strlen(principal), (void *)(uintptr_t)principal };

	return gss_import_name(minor, &text, GSS_KRB5_NT_PRINCIPAL_NAME, ret_name);
}

int kerberos_acquire(const char *keytab_file, const char *principal, void **ret_cred,
		     struct err *err)
{
	struct arena mem = ARENA_INIT;
	gss_key_value_element_desc places[] = {
		{ "client_keytab", arena_printf(&mem, "FILE:%s", keytab_file) },
		/* Tickets are kept apart by account. */
		{ "ccache", arena_printf(&mem, KERBEROS_CACHE "-%s", principal ? principal : "") },
	};
	gss_key_value_set_desc store = { sizeof(places) / sizeof(places[0]), places };
	gss_OID_set_desc mechanisms = { 1, (gss_OID)(uintptr_t)gss_mech_krb5 };
	gss_name_t name = GSS_C_NO_NAME;
	gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
	OM_uint32 major = GSS_S_COMPLETE, minor = 0, ignored;
	int ret = 0;

	if (principal)
		major = import_name(principal, &name, &minor);
	if (!GSS_ERROR(major))
		major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &mechanisms,
					      GSS_C_INITIATE, &store, &cred, NULL, NULL);
	/* Only now, for some versions, is a server asked. */
	if (!GSS_ERROR(major))
		major = gss_inquire_cred(&minor, cred, NULL, NULL, NULL, NULL);
	if (GSS_ERROR(major)) {
		ret = refuse(keytab_file, major, minor, err);
		gss_release_cred(&ignored, &cred);
	} else {
		*ret_cred = cred;
	}
	gss_release_name(&ignored, &name);
	arena_release(&mem);
	return ret;
}

void kerberos_release(void *cred)
{
	gss_cred_id_t handle = cred;
	OM_uint32 ignored;

	gss_release_cred(&ignored, &handle);
}
