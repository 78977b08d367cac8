/*
 * bridge/directory/range.h - values of an attribute that come in parts: names of the parts,
 * and putting them together.
 *
 * Spec    MS-ADTS 3.1.1.3.1.3.3: of an attribute with many values ("member") Active
 *         Directory sends a first part named "member;range=0-1499"; the rest is asked for as
 *         "member;range=1500-*", and the last part is named "member;range=N-*".
 * Use     ranges_add for each attribute that came in part; ranges_start; then, until
 *         RANGES_DONE: ask for ranges_names, give each attribute of the answer to ranges_take,
 *         and judge it by ranges_end. After RANGES_MOVED start again.
 * Proof   A part must begin where it was asked to and hold as many values as its name says;
 *         the attributes RANGE_STAMPS of the entry, where the server shows them, must not
 *         move between the parts; no part begins with the value that ended the one before.
 * Memory  Values are kept as BER, in a buffer for each attribute; pure, no LDAP in it.
 * Limits  RANGE_ATTRS_MAX attributes of an entry, RANGE_BYTES_MAX of values in all.
 */
#ifndef BRIDGE_DIRECTORY_RANGE_H
#define BRIDGE_DIRECTORY_RANGE_H

#include <stdint.h>

#include "bridge/directory/tlv.h"
#include "scim/base/buf.h"
#include "scim/base/mem.h"
#include "scim/base/text.h"

#define RANGE_ATTRS_MAX 16
#define RANGE_BYTES_MAX (256u * 1024 * 1024)
#define RANGE_NAME_BYTES_MAX 200
#define RANGE_STAMPS_MAX 2
/* Change whenever the entry does: of Active Directory, and of RFC 4512 section 3.4. */
#define RANGE_STAMPS "uSNChanged", "modifyTimestamp"

struct range_name {
	struct slice name; /* the description without the range */
	uint32_t low, high;
	bool last;         /* "-*": no `high` */
};

/*
 * Returns 1 for a description with a range, 0 for one without, -1 with only `name` for one
 * whose range can not be read.
 */
int range_name_parse(struct slice description, struct range_name *ret);

struct range_attr {
	char name[RANGE_NAME_BYTES_MAX + 1];
	struct buf values;  /* OCTET STRINGs, one after another */
	uint32_t count;
	size_t last_at;     /* of the last value, in `values` */
	bool done, answered;
};

enum ranges_state {
	RANGES_MORE,  /* ask again */
	RANGES_DONE,
	RANGES_MOVED, /* the parts do not fit; `why` tells */
	RANGES_LIMIT, /* they are too many or too large; `why` tells */
};

struct ranges {
	struct range_attr attrs[RANGE_ATTRS_MAX];
	unsigned count;
	size_t bytes;
	char stamps[RANGE_STAMPS_MAX][64];
	enum ranges_state state; /* of the answer being taken */
	char why[160];
};

void ranges_init(struct ranges *ranges);
void ranges_release(struct ranges *ranges);
/* Returns 0, or -1 when there are too many, or the name is too long. Adding twice is once. */
int ranges_add(struct ranges *ranges, struct slice name);
/* Is this attribute one of them, whatever its range? */
bool ranges_have(const struct ranges *ranges, struct slice name);
void ranges_start(struct ranges *ranges);
/* What to ask for next: NULL-terminated, in `mem`, with the stamps. */
const char **ranges_names(const struct ranges *ranges, struct arena *mem);
/* An attribute of the answer. */
void ranges_take(struct ranges *ranges, struct slice description, struct tlv values);
enum ranges_state ranges_end(struct ranges *ranges);
/* Each attribute whole: a PartialAttribute (RFC 4511 section 4.1.7) each, appended to `out`. */
void ranges_write(const struct ranges *ranges, struct buf *out);
/* An element's tag and length, for bytes that follow. */
void tlv_begin(struct buf *out, unsigned char tag, size_t len);

#endif
