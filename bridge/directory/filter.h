/*
 * bridge/directory/filter.h - LDAP search filters, evaluated here for LDIF files.
 *
 * Spec    RFC 4515 (text), RFC 4511 section 4.5.1.7 (meaning), RFC 4526 (true and false).
 *         Matching is by case-insensitive text, numbers by value in >= and <=, DNs in their
 *         normal form, since a file has no schema. An absent attribute makes an item false.
 *         Extensible items: the bit rules of Active Directory, caseExactMatch,
 *         caseIgnoreMatch, distinguishedNameMatch; others are refused.
 * Memory  A filter lives in the arena it was parsed into and is immutable.
 * Errors  ERR_INVALID with the column (byte, from 1).
 * Limits  DIR_FILTER_BYTES_MAX of text, DIR_FILTER_DEPTH_MAX of nesting.
 */
#ifndef BRIDGE_DIRECTORY_FILTER_H
#define BRIDGE_DIRECTORY_FILTER_H

#include "bridge/directory/ldif.h"
#include "scim/base/buf.h"

#define DIR_FILTER_BYTES_MAX (64 * 1024)
#define DIR_FILTER_DEPTH_MAX 32

struct dir_filter;

/*
 * `evaluable` false: for a server, which may know more matching rules than we do.
 */
int dir_filter_parse(struct arena *mem, const char *text, size_t len, bool evaluable,
		     const struct dir_filter **ret_filter, struct err *err);
bool dir_filter_match(const struct dir_filter *filter, const struct ldif_entry *entry);
/* A value, escaped for use in a filter (RFC 4515 section 3). */
void dir_filter_escape(struct buf *out, const char *value, size_t len);

#endif
