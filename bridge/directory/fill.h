/*
 * bridge/directory/fill.h - from what a server or a file calls attributes to a struct entry.
 *
 * For each entry: fill_start; for each attribute fill_slot and, when wanted, fill_value for
 * each value; then fill_finish. An attribute with options (RFC 4512 section 2.5) fills the
 * slot of exactly that description; ";binary" only says how a value travels and is dropped;
 * other tagged values ("cn;lang-ja") are not values of the plain name, since a person with
 * a name in two languages still has one name.
 *
 * Memory  Values point to where the caller has them; the entry is good until the next
 *         fill_start, as long as these are.
 * Limits  ENTRY_VALUES_MAX values of one attribute, ENTRY_ID_BYTES_MAX of an id.
 */
#ifndef BRIDGE_DIRECTORY_FILL_H
#define BRIDGE_DIRECTORY_FILL_H

#include "mappings/entry.h"
#include "mappings/sid.h"

#define ENTRY_ID_BYTES_MAX 256
#define FILL_ALIASES_MAX 64
#define FILL_SLOTS_MAX (LAYOUT_SLOTS_MAX + 5)

struct membership;
struct tally;

struct fill_slot {
	const char *name;
	size_t name_len;
	char spelled[64];     /* as it came last time; attributes come in the same order */
	uint8_t spelled_len;
	uint32_t first, count; /* values, in `values` */
};

struct fill {
	const struct layout *layout;
	unsigned slot_count;
	int id_slot;          /* -1: the DN is the id */
	int uid_slot;         /* -1: no group names members by uid */
	int sid_slot, rid_slot; /* -1: primary groups do not count */
	int primary_slot;     /* -1; else a file has the name of the primary group ready */
	char primary[SID_TEXT_BYTES + 1];
	struct attr_values own_names; /* uids, and the name of the primary group */
	bool id_is_guid;
	bool keep_dn;         /* set by the caller: entries carry their normalised DN */
	struct fill_slot slots[FILL_SLOTS_MAX];
	struct attr_values attrs[FILL_SLOTS_MAX];
	int16_t hash[2048];   /* of lower-case names; slot or -1 */
	struct { const char *name; int slot; } aliases[FILL_ALIASES_MAX]; /* in `names` */
	unsigned alias_count;
	struct arena names;
	int last;             /* slot filled last, -1 = none */
	int16_t next[FILL_SLOTS_MAX + 1]; /* by last + 1: the slot that followed last time */
	unsigned long present[FILL_SLOTS_MAX]; /* entries that had it, by slot */
	bool too_many;        /* an attribute has more than ENTRY_VALUES_MAX values */
	bool ranged;          /* an attribute came in part (";range=") */
	VEC(struct slice) values;
	struct slice norm_dn;  /* of the entry finished last, when it was needed */
	struct arena scratch;
	char id[ENTRY_ID_BYTES_MAX + 1];
	unsigned char *answers;
};

/*
 * `membership` may be NULL. `id_attribute` "dn" makes the normalised DN the id. The fill is
 * large: allocate it.
 */
void fill_init(struct fill *fill, const struct layout *layout, const char *id_attribute,
	       const struct membership *membership);
void fill_release(struct fill *fill);
/* Read uid's values too, whatever the groups say; right after fill_init. */
void fill_keep_uids(struct fill *fill);

/*
 * Primary groups of Active Directory count: people are asked for objectSid and primaryGroupID,
 * and entry->uids has primary_group_name. Right after fill_init. A snapshot keeps that name
 * itself, without its mark, in the attribute SNAPSHOT_PRIMARY; `from_file` looks there too.
 */
#define SNAPSHOT_PRIMARY "x-dirbridge-primary-group"
void fill_primary_groups(struct fill *fill, bool from_file);

/*
 * Names to ask a server for: NULL-terminated, in `mem`, with room for one more. With `count`
 * of `only`, of the layout's names just these; what the reader itself needs comes always.
 */
const char **fill_names(const struct fill *fill, const char *const *only, unsigned count,
			struct arena *mem);

/*
 * The server calls an attribute so (RFC 4512 section 2.5: it answers with its own name for
 * what was asked for by another, or by OID); slot -1 = nobody wants it.
 */
void fill_alias(struct fill *fill, struct slice name, int slot);
/* Was this name never met: neither asked for, with any options, nor given to fill_alias? */
bool fill_is_strange(const struct fill *fill, struct slice name);

void fill_start(struct fill *fill);
int fill_slot_find(struct fill *fill, const char *name, size_t len);

/* Slot of an attribute description, ready for its values; -1 when nobody wants it. */
static inline int fill_slot(struct fill *fill, const char *name, size_t len)
{
	int guess = fill->next[fill->last + 1];
	struct fill_slot *slot = &fill->slots[guess];

	if (slot->spelled_len == len && len && slot->count == 0 &&
	    __builtin_memcmp(slot->spelled, name, len) == 0) {
		fill->last = guess;
		slot->first = (uint32_t)fill->values.count;
		return guess;
	}
	return fill_slot_find(fill, name, len);
}

/* A value of the slot that fill_slot gave last. */
static inline void fill_value(struct fill *fill, int slot, const char *data, size_t len)
{
	if (fill->slots[slot].count == ENTRY_VALUES_MAX) {
		fill->too_many = true;
		return;
	}
	fill->slots[slot].count++;
	vec_push(&fill->values, slice_of(data, len));
}

/*
 * The entry. Returns 0, or -1 with *err when it has no id, a broken one, or an attribute
 * with too many values or in part; the text says which and names the DN.
 */
int fill_finish(struct fill *fill, const char *dn, size_t dn_len,
		const struct membership *membership, struct entry *ret_entry, struct err *err);

/* Raise the tally's counts of the layout's attributes by what the entries had. */
void fill_tally(const struct fill *fill, struct tally *tally);

/*
 * Canonical text of an id value: 16 bytes of an objectGUID as registry text (MS-DTYP
 * 2.3.4.3), a UUID in lower case, other text as it is. Returns 0, or -1 when it is empty,
 * too long, or no printable text.
 */
int entry_id_format(struct slice value, bool guid, char out[ENTRY_ID_BYTES_MAX + 1]);

#endif
