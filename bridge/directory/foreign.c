#include "bridge/directory/foreign.h"

#include <string.h>

#include "scim/base/banned.h"

static bool starts_with(struct slice text, const char *start)
{
	size_t len = strlen(start);

	return text.len >= len && memcmp(text.data, start, len) == 0;
}

struct slice foreign_domain(struct slice norm_dn)
{
	size_t from = norm_dn.len, at = norm_dn.len;

	/* A comma inside a value is written \2c, so a bare one parts RDNs. */
	while (at > 0) {
		while (at > 0 && norm_dn.data[at - 1] != ',')
			at--;
		if (!starts_with(slice_of(norm_dn.data + at, norm_dn.len - at), "dc="))
			break;
		from = at;
		at -= at > 0;
	}
	return slice_of(norm_dn.data + from, norm_dn.len - from);
}

enum foreign_kind foreign_kind_of(struct slice member, struct slice group)
{
	static const char place[] = ",cn=foreignsecurityprincipals,";
	const char *comma = memchr(member.data, ',', member.len);
	struct slice domain;

	if (starts_with(member, "cn=s-1-") && comma &&
	    starts_with(slice_of(comma, (size_t)(member.data + member.len - comma)), place))
		return starts_with(member, "cn=s-1-5-21-") ? FOREIGN_PRINCIPAL : FOREIGN_MANY;
	domain = foreign_domain(member);
	return domain.len == 0 || slice_eq(domain, foreign_domain(group)) ? FOREIGN_NONE
									   : FOREIGN_DOMAIN;
}
