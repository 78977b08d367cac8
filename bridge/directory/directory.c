#include "bridge/directory/directory.h"

#include "bridge/config/config.h"
#include "bridge/directory/ldap.h"
#include "bridge/directory/ldif.h"

#include "scim/base/banned.h"

int directory_open(const struct config *config, const struct clock *clock,
		   struct directory **ret_directory, struct err *err)
{
	if (config->directory.kind == DIRECTORY_LDIF)
		return ldif_directory_open(config, ret_directory, err);
	return ldap_directory_open(config, clock, ret_directory, err);
}
