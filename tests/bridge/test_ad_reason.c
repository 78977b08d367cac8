/* What Active Directory means by a refused login: its numbers in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/directory/ad_reason.h"

#define REFUSED(data) "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data " data ", v2580"

static const struct {
	const char *name, *diagnostic, *says; /* says NULL = nothing is known */
} rows[] = {
	{ "no such account", REFUSED("525"), "no such account" },
	{ "password", REFUSED("52e"), "the password is wrong" },
	{ "password, capitals", REFUSED("52E"), "the password is wrong" },
	{ "restriction", REFUSED("52f"), "a restriction on the account" },
	{ "hours", REFUSED("530"), "at this hour" },
	{ "workstation", REFUSED("531"), "from this computer" },
	{ "password expired", REFUSED("532"), "password has expired" },
	{ "disabled", REFUSED("533"), "disabled; enable it" },
	{ "too many groups", REFUSED("568"), "too many groups" },
	{ "kind of login", REFUSED("569"), "not granted this kind of login" },
	{ "account expired", REFUSED("701"), "the account has expired" },
	{ "must change", REFUSED("773"), "must change its password" },
	{ "locked", REFUSED("775"), "locked" },
	{ "a NUL after it, as servers send", REFUSED("775") "\0", "locked" },
	{ "channel binding", "80090346: LdapErr: DSID-0C090597, comment: AcceptSecurityContext error, data 80090346, v4563",
	  "channel binding" },
	{ "no credentials", "8009030E: LdapErr: DSID-0C0906A1, comment: AcceptSecurityContext error, data 0, v4563",
	  "no account for this certificate" },
	{ "wrong service", "80090322: SEC_E_WRONG_PRINCIPAL", "ldap/NAME" },
	{ "kind of login, status", "80090302: x", "does not do this kind" },
	{ "no authority", "80090311: x", "no authority" },
	{ "clocks", "80090324: x", "clocks" },
	{ "a number nobody knows", REFUSED("77777777"), NULL },
	{ "too long a number", REFUSED("ffffffffffffffffffffffff533"), NULL },
	{ "no number", REFUSED("none"), NULL },
	{ "cut off", "80090308: LdapErr: comment: AcceptSecurityContext error, data ", NULL },
	{ "OpenLDAP", "no write access to parent", NULL },
	{ "empty", "", NULL },
	{ "nothing", NULL, NULL },
};

static void test_reasons(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = ad_reason(rows[i].diagnostic);

		if (!got)
			got = "nothing";
		if (!strstr(got, rows[i].says ? rows[i].says : "nothing"))
			fail_msg("%s: %s", rows[i].name, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_reasons) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
