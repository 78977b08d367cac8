/*
 * bridge/directory/ldif.h - LDIF text: one entry after another, and a directory made of it.
 *
 * Spec    RFC 2849, content records only; change records and values by URL are refused.
 *         Wider than the RFC: UTF-8 outside base64, a byte order mark at the start, spaces
 *         at a line's end, and DOS line ends. A file compressed with gzip (RFC 1952) is
 *         read as what is in it.
 * Memory  An entry is good until the next ldif_next or ldif_close.
 * Errors  ERR_IO, ERR_INVALID with file:line, ERR_LIMIT. After an error nothing more is read.
 * Limits  LDIF_ENTRY_BYTES_MAX of text an entry, LDIF_ATTRS_MAX attributes, ENTRY_VALUES_MAX
 *         values of one, DIRECTORY_VALUE_BYTES_MAX a value, LDIF_STDIN_BYTES_MAX from
 *         standard input.
 */
#ifndef BRIDGE_DIRECTORY_LDIF_H
#define BRIDGE_DIRECTORY_LDIF_H

#include "bridge/directory/directory.h"

#define LDIF_ENTRY_BYTES_MAX (64 * 1024 * 1024) /* a group of 500,000 members */
#define LDIF_ATTRS_MAX 1024
#define LDIF_STDIN_BYTES_MAX (4LL * 1024 * 1024 * 1024)

struct ldif_attr {
	struct slice name;          /* as written first, with options */
	const struct slice *values; /* in the file's order */
	uint32_t count;
};

struct ldif_entry {
	const char *dn;
	size_t dn_len;
	unsigned line; /* of its "dn:" */
	const struct ldif_attr *attrs;
	unsigned attr_count;
};

struct ldif;

/* Open a file; "-" is standard input, which is read to its end here. */
int ldif_open(const char *path, struct ldif **ret_ldif, struct err *err);
/* Text in memory, which must outlive it; `name` is for messages. */
struct ldif *ldif_open_text(const char *text, size_t len, const char *name);
/* Go back to the start. */
int ldif_rewind(struct ldif *ldif, struct err *err);
/* 1 and *ret_entry, 0 at the end, or -1 with *err. */
int ldif_next(struct ldif *ldif, const struct ldif_entry **ret_entry, struct err *err);
/* At the end: does the file stop inside a line, as one does that was cut off? */
bool ldif_cut_off(const struct ldif *ldif);
/* Has the open file been written to since it was opened or rewound? */
bool ldif_changed(const struct ldif *ldif);
void ldif_close(struct ldif *ldif);

/* Values of `name` (no case, options must be the same), or NULL. */
const struct ldif_attr *ldif_find(const struct ldif_entry *entry, const char *name, size_t len);

/* The directory of kind "ldif"; called by directory_open. */
int ldif_directory_open(const struct config *config, struct directory **ret_directory,
			struct err *err);

#endif
