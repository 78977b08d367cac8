#include "bridge/directory/ldap_dirsync.h"

#include "scim/base/banned.h"

int ldap_dirsync_identify(struct ldap_directory *dir, struct ldap_changes *changes,
			  struct err *err)
{
	(void)err;
	ldap_changes_refuse(changes, "%s offers DirSync, which is not used", dir->uri);
	return 0;
}

void ldap_dirsync_begin(struct ldap_directory *dir, struct ldap_changes *changes)
{
	(void)dir;
	ldap_changes_refuse(changes, "DirSync is not used");
}

int ldap_dirsync_read(struct ldap_delta *delta, const struct layout *layout, struct err *err)
{
	(void)layout;
	(void)err;
	return ldap_delta_give_up(delta, "DirSync is not used");
}
