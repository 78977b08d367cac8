/*
 * bridge/directory/ldap_people.h - people's entries as they come from a server; for ldap.c,
 * which reads all of them, and for what reads those that changed.
 */
#ifndef BRIDGE_DIRECTORY_LDAP_PEOPLE_H
#define BRIDGE_DIRECTORY_LDAP_PEOPLE_H

#include "bridge/directory/ldap_search.h"
#include "bridge/directory/schema.h"

struct people_reader;

/*
 * A reader without groups: entries get norm_dn, `groups` stays NULL, `uids` only when asked
 * for. An entry that can not be used spoils the verdict. Free it after its last search.
 */
struct people_reader *people_reader_new(struct ldap_directory *dir, const struct layout *layout,
					bool uids, directory_entry_fn *fn, void *ctx,
					struct verdict *verdict);
void people_reader_free(struct people_reader *reader);
/* The configured search, with the reader's fn and ctx. */
void people_reader_search(struct people_reader *reader, const struct config_search *config,
			  struct ldap_search *ret_search);

/* struct directory_ops' read_schema. */
int ldap_read_schema(struct directory *base, struct dir_schema *schema, struct err *err);
/* The slot that was asked for by another name of this attribute, or by its OID; -1 = none. */
int ldap_schema_slot(const struct dir_schema *schema, const struct fill *fill,
		     struct slice description);

#endif
