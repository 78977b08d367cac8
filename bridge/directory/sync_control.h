/*
 * bridge/directory/sync_control.h - what a server says of changes, as bytes: the values of
 * the controls and messages of syncrepl and DirSync. Pure; no libldap.
 *
 * Spec    RFC 4533 section 2 (sync request, sync state, sync done, sync info message);
 *         MS-ADTS 3.1.1.3.4.1.3 (LDAP_SERVER_DIRSYNC_OID).
 * Memory  What is parsed points into the bytes given.
 * Errors  0, or -1 when a value is not exactly what the specification says: bytes left over
 *         are an error too, since who misreads such a value takes people for gone.
 * Limits  SYNC_COOKIE_BYTES_MAX a cookie.
 */
#ifndef BRIDGE_DIRECTORY_SYNC_CONTROL_H
#define BRIDGE_DIRECTORY_SYNC_CONTROL_H

#include "bridge/directory/tlv.h"
#include "scim/base/buf.h"
#include "scim/base/text.h"

#define SYNC_UUID_BYTES 16
#define SYNC_UUID_TEXT 37 /* with the NUL */
/* slapd's have some 60 bytes; DirSync's 24 for each domain controller there ever was. */
#define SYNC_COOKIE_BYTES_MAX (256 * 1024)

enum sync_mode { SYNC_REFRESH_ONLY = 1, SYNC_REFRESH_AND_PERSIST = 3 };
/* Value of a Sync Request control; without cookie: from the beginning. */
void sync_request_build(struct buf *out, enum sync_mode mode, struct slice cookie);

/* Sync State control, on each entry. */
enum sync_state_kind { SYNC_PRESENT, SYNC_ADD, SYNC_MODIFY, SYNC_DELETE };
struct sync_state {
	enum sync_state_kind kind;
	struct slice uuid;   /* SYNC_UUID_BYTES */
	struct slice cookie; /* data NULL = none came; so in all of these */
};
int sync_state_parse(struct slice value, struct sync_state *ret_state);

/* Sync Done control, at the end of a search. */
struct sync_done {
	struct slice cookie;
	bool refresh_deletes; /* false: what was not named is gone */
};
int sync_done_parse(struct slice value, struct sync_done *ret_done);

/* Sync Info message, between entries. */
enum sync_info_kind {
	SYNC_NEW_COOKIE,
	SYNC_REFRESH_DELETE,  /* the delete phase is over */
	SYNC_REFRESH_PRESENT, /* the present phase is over: what was not named is gone */
	SYNC_ID_SET,
};
struct sync_info {
	enum sync_info_kind kind;
	struct slice cookie;
	bool refresh_done;    /* of the two phases */
	bool refresh_deletes; /* of an id set: its entries are gone, else present */
	struct tlv uuids;     /* of an id set; all have been checked */
};
int sync_info_parse(struct slice value, struct sync_info *ret_info);
/* Next UUID of an id set; false at its end. */
bool sync_info_next(struct sync_info *info, struct slice *ret_uuid);

/* DirSync. The flags are bits of an INTEGER of 32 bits, the highest is its sign. */
#define DIRSYNC_OBJECT_SECURITY 0x00000001u
#define DIRSYNC_INCREMENTAL_VALUES 0x80000000u
void dirsync_request_build(struct buf *out, uint32_t flags, uint32_t bytes_max,
			   struct slice cookie);
struct dirsync_done {
	bool more; /* ask again with the cookie */
	struct slice cookie;
};
int dirsync_done_parse(struct slice value, struct dirsync_done *ret_done);

/* Text of an entryUUID (RFC 4122 section 3), of 16 bytes in their order. */
void sync_uuid_format(const void *uuid, char out[SYNC_UUID_TEXT]);

#endif
