#include "bridge/directory/ad_reason.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

struct reason {
	unsigned long code;
	const char *text;
};

/* After "data": most to the point, so asked first. */
static const struct reason by_data[] = {
	{ 0x525, "there is no such account; see directory.bind_dn" },
	{ 0x52e, "the password is wrong, or the name is; see directory.password_file and directory.bind_dn" },
	{ 0x52f, "a restriction on the account forbids it (an empty password, or a protected account that may use Kerberos only)" },
	{ 0x530, "the account may not log in at this hour; see its logon hours" },
	{ 0x531, "the account may not log in from this computer; see its list of workstations" },
	{ 0x532, "the account's password has expired; set a new one, and for a service account one that does not expire" },
	{ 0x533, "the account is disabled; enable it" },
	{ 0x568, "the account is in too many groups" },
	{ 0x569, "the account was not granted this kind of login on the server" },
	{ 0x701, "the account has expired; extend it" },
	{ 0x773, "the account must change its password before the first login; set one without that flag" },
	{ 0x775, "the account is locked, after too many wrong passwords; unlock it, and look for what still uses the old one" },
};

static const struct reason by_status[] = {
	{ 0x80090346, "the server wants the login tied to the TLS connection (channel binding); use bind: simple on ldaps://, or bind: gssapi on ldap://" },
	{ 0x8009030e, "the server has no account for this certificate or ticket, or the account may not be used this way" },
	{ 0x80090322, "the ticket is for another server; use the host name that has the service principal ldap/NAME" },
	{ 0x80090302, "the server does not do this kind of login" },
	{ 0x80090311, "the server reaches no authority that could check the login; try another server" },
	{ 0x80090324, "the clocks of the server and of this machine differ too much" },
};

static const char *find(const struct reason *rows, size_t count, unsigned long code)
{
	for (size_t i = 0; i < count; i++) {
		if (rows[i].code == code)
			return rows[i].text;
	}
	return NULL;
}

const char *ad_reason(const char *diagnostic)
{
	static const char before[] = "data ";
	const char *data, *text = NULL;
	char *end;

	if (!diagnostic)
		return NULL;
	data = strstr(diagnostic, before);
	if (data)
		text = find(by_data, sizeof(by_data) / sizeof(by_data[0]),
			    strtoul(data + sizeof(before) - 1, &end, 16));
	if (!text)
		text = find(by_status, sizeof(by_status) / sizeof(by_status[0]),
			    strtoul(diagnostic, &end, 16));
	return text;
}
