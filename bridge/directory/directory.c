#include "bridge/directory/directory.h"

#include <string.h>

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

void directory_group_layout(const struct config *config, struct layout *ret_layout)
{
	const struct config_texts *members = &config->directory.member_attributes;

	layout_init(ret_layout);
	layout_add(ret_layout, "cn", 2, NULL);
	for (unsigned i = 0; i < members->count; i++)
		layout_add(ret_layout, members->items[i], strlen(members->items[i]), NULL);
	layout_add(ret_layout, "objectSid", 9, NULL);
}

void directory_tally_search(struct directory *dir, const struct config_search *config,
			    size_t found)
{
	static const char *const scopes[] = { "sub", "one", "base" };
	struct arena mem = ARENA_INIT;

	tally_raise(dir->tally, TALLY_SEARCH,
		    arena_printf(&mem, "%s %s %s", config->base, scopes[config->scope],
				 config->filter ? config->filter : ""), found);
	arena_release(&mem);
}
