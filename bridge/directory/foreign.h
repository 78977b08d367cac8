/*
 * bridge/directory/foreign.h - members of groups that another domain keeps.
 *
 * In Active Directory a group may hold somebody of a trusted domain, who stands below
 * CN=ForeignSecurityPrincipals by security identifier, or of another domain of the forest, who
 * stands by name. Neither can be read here.
 *
 * Spec    MS-ADTS 6.1.1.4.10 (foreign security principals); MS-DTYP 2.4.2.4 (well-known ones).
 */
#ifndef BRIDGE_DIRECTORY_FOREIGN_H
#define BRIDGE_DIRECTORY_FOREIGN_H

#include "scim/base/text.h"

enum foreign_kind {
	FOREIGN_NONE,
	FOREIGN_PRINCIPAL, /* of a trusted domain; no group there can hold people of ours */
	FOREIGN_MANY,      /* a well-known one: everybody who logged in, and such */
	FOREIGN_DOMAIN,    /* of the same forest: a person, or a group that may hold people of ours */
};

/* Both DNs normalised. */
enum foreign_kind foreign_kind_of(struct slice member, struct slice group);
/* The dc= parts at its end; empty when it has none. */
struct slice foreign_domain(struct slice norm_dn);

#endif
