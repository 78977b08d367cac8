/*
 * mappings/entry.h - what a reader of a directory hands over: one entry, attributes by slot.
 *
 * A `layout` is made before reading: the rules add each attribute name they use and get a
 * slot; the reader asks the server for exactly these and fills values by slot, so that no
 * name is searched per entry. Names compare without case (RFC 4512 section 2.5).
 *
 * Memory  The layout belongs to the caller. An entry and all it points to live in the
 *         reader's scratch memory: good until the callback that got it returns.
 */
#ifndef MAPPINGS_ENTRY_H
#define MAPPINGS_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "scim/base/err.h"
#include "scim/base/mem.h"
#include "scim/base/text.h"
#include "scim/base/vec.h"

#define LAYOUT_SLOTS_MAX 512     /* attributes that one rule set may name */
#define ENTRY_VALUES_MAX 200000  /* values of one attribute: a group's members, with room */

struct layout {
	VEC(const char *) names;  /* by slot, as first written */
	struct arena mem;
};

void layout_init(struct layout *layout);
void layout_release(struct layout *layout);
/* Slot of `name`, added when new. Returns the slot, or -1 with ERR_LIMIT. */
int layout_add(struct layout *layout, const char *name, size_t len, struct err *err);
/* Slot of `name`, or -1. */
int layout_find(const struct layout *layout, const char *name, size_t len);

struct attr_values {
	const struct slice *items; /* sorted by bytes: servers promise no order (RFC 4511 4.1.7) */
	uint32_t count;            /* 0 = absent */
};

/*
 * The groups that rules name (see cel.h, inGroup), and what a read knew of them. Index =
 * place in group_names.
 */
struct group_names {
	VEC(const char *) names;  /* DN or plain name, as written in the rule */
	struct map index;         /* of a name in names */
	struct arena mem;
};

void group_names_init(struct group_names *groups);
void group_names_release(struct group_names *groups);
/* Index of `name`, added when new. */
unsigned group_names_add(struct group_names *groups, const char *name, size_t len);

enum group_answer { GROUP_NO, GROUP_YES, GROUP_UNKNOWN /* not in the read: an error */ };

struct entry {
	const char *dn;
	const char *id; /* canonical text of the immutable id (entryUUID, objectGUID, DN) */
	const struct attr_values *attrs; /* by slot, layout->names.count of them */
	unsigned attr_count;
	/* enum group_answer by index of group_names; NULL when no rule names a group */
	const unsigned char *groups;
	unsigned group_count;
	/* For who keeps entries: the DN normalised, uid's values (where groups name members so) */
	struct slice norm_dn;           /* data NULL: not computed */
	const struct attr_values *uids; /* NULL: not read */
};

/* Sort the values of one attribute as struct attr_values wants them. */
void attr_values_sort(struct slice *items, uint32_t count);

#endif
