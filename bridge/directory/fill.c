#include "bridge/directory/fill.h"

#include <assert.h>
#include <string.h>

#include "bridge/directory/groups.h"
#include "bridge/directory/range.h"
#include "bridge/model/tally.h"
#include "mappings/dn.h"

#include "scim/base/banned.h"

#define HASH_SIZE 2048 /* four times the slots */

static unsigned name_hash(const char *name, size_t len)
{
	uint32_t hash = 2166136261u; /* FNV-1a; the table is small and names are the rules' own */

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c >= 'A' && c <= 'Z')
			c |= 32;
		hash = (hash ^ c) * 16777619u;
	}
	return hash % HASH_SIZE;
}

static int find_name(const struct fill *fill, const char *name, size_t len)
{
	unsigned at = name_hash(name, len);

	for (; fill->hash[at] >= 0; at = (at + 1) % HASH_SIZE) {
		const struct fill_slot *slot = &fill->slots[fill->hash[at]];

		if (slot->name_len == len &&
		    text_cmp_nocase(slot->name, slot->name_len, name, len) == 0)
			return fill->hash[at];
	}
	return -1;
}

static int add_name(struct fill *fill, const char *name)
{
	size_t len = strlen(name);
	int slot = find_name(fill, name, len);
	unsigned at = name_hash(name, len);

	if (slot >= 0)
		return slot;
	slot = (int)fill->slot_count++;
	fill->slots[slot].name = name;
	fill->slots[slot].name_len = len;
	while (fill->hash[at] >= 0)
		at = (at + 1) % HASH_SIZE;
	fill->hash[at] = (int16_t)slot;
	return slot;
}

void fill_init(struct fill *fill, const struct layout *layout, const char *id_attribute,
	       const struct membership *membership)
{
	memset(fill, 0, sizeof(*fill));
	memset(fill->hash, 0xff, sizeof(fill->hash));
	fill->layout = layout;
	assert(layout->names.count <= LAYOUT_SLOTS_MAX);
	for (size_t i = 0; i < layout->names.count; i++)
		add_name(fill, layout->names.items[i]);
	fill->id_slot = -1;
	if (!text_eq_nocase(id_attribute, "dn"))
		fill->id_slot = add_name(fill, id_attribute);
	fill->id_is_guid = text_eq_nocase(id_attribute, "objectGUID");
	fill->uid_slot = fill->sid_slot = fill->rid_slot = fill->primary_slot = -1;
	if (membership && membership_wants_uid(membership))
		fill->uid_slot = add_name(fill, "uid");
	if (membership && membership_count(membership))
		fill->answers = mem_zalloc(membership_count(membership));
}

void fill_keep_uids(struct fill *fill)
{
	fill->uid_slot = add_name(fill, "uid");
}

void fill_primary_groups(struct fill *fill, bool from_file)
{
	fill->sid_slot = add_name(fill, "objectSid");
	fill->rid_slot = add_name(fill, "primaryGroupID");
	if (from_file)
		fill->primary_slot = add_name(fill, SNAPSHOT_PRIMARY);
}

void fill_release(struct fill *fill)
{
	vec_release(&fill->values);
	arena_release(&fill->scratch);
	arena_release(&fill->names);
	mem_free(fill->answers);
}

/* Does the reader itself need it, whatever the rules ask for? */
static bool is_own(const struct fill *fill, int slot)
{
	return slot >= (int)fill->layout->names.count || slot == fill->id_slot ||
	       slot == fill->uid_slot || slot == fill->sid_slot || slot == fill->rid_slot;
}

static bool is_listed(const char *name, const char *const *only, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (text_eq_nocase(only[i], name))
			return true;
	return count == 0;
}

const char **fill_names(const struct fill *fill, const char *const *only, unsigned count,
			struct arena *mem)
{
	const char **names = arena_array(mem, fill->slot_count + 3, sizeof(*names));
	unsigned at = 0;

	for (unsigned i = 0; i < fill->slot_count; i++)
		if (is_own(fill, (int)i) || is_listed(fill->slots[i].name, only, count))
			names[at++] = fill->slots[i].name;
	/* No names at all would mean all user attributes; "1.1" means none (RFC 4511 4.5.1.8). */
	if (at == 0)
		names[at++] = "1.1";
	names[at] = NULL;
	return names;
}

void fill_start(struct fill *fill)
{
	for (unsigned i = 0; i < fill->slot_count; i++)
		fill->slots[i].count = 0;
	fill->values.count = 0;
	fill->last = -1;
	fill->too_many = fill->ranged = false;
}

/*
 * A slot that has values already gets more of them from a second description ("cn;binary"
 * beside "cn"): they must lie together, so those it has move to the end.
 */
static void reopen_slot(struct fill *fill, struct fill_slot *slot)
{
	uint32_t first = slot->first;

	slot->first = (uint32_t)fill->values.count;
	for (uint32_t i = 0; i < slot->count; i++)
		vec_push(&fill->values, fill->values.items[first + i]);
}

static bool option_is(struct slice option, const char *name)
{
	return text_cmp_nocase(option.data, option.len, name, strlen(name)) == 0;
}

/* Slot of a description without the options that only say how values travel. */
static int find_plain(struct fill *fill, const char *name, size_t len)
{
	const char *semi = memchr(name, ';', len);
	struct range_name part;
	struct slice option;
	int found;

	if (!semi)
		return -1;
	if (range_name_parse(slice_of(name, len), &part) != 0) {
		found = find_name(fill, part.name.data, part.name.len);
		fill->ranged |= found >= 0;
		return found;
	}
	option = slice_of(semi + 1, (size_t)(name + len - semi - 1));
	if (!option_is(option, "binary"))
		return -1;
	return find_name(fill, name, (size_t)(semi - name));
}

static int find_alias(const struct fill *fill, struct slice name)
{
	for (unsigned i = 0; i < fill->alias_count; i++)
		if (text_cmp_nocase(fill->aliases[i].name, strlen(fill->aliases[i].name),
				    name.data, name.len) == 0)
			return (int)i;
	return -1;
}

void fill_alias(struct fill *fill, struct slice name, int slot)
{
	unsigned at = fill->alias_count;

	if (at == FILL_ALIASES_MAX)
		return;
	fill->aliases[at].name = arena_strndup(&fill->names, name.data, name.len);
	fill->aliases[at].slot = slot;
	fill->alias_count++;
}

bool fill_is_strange(const struct fill *fill, struct slice name)
{
	const char *semi = memchr(name.data, ';', name.len);
	size_t len = semi ? (size_t)(semi - name.data) : name.len;

	return fill->alias_count < FILL_ALIASES_MAX && find_name(fill, name.data, len) < 0 &&
	       find_alias(fill, name) < 0;
}

int fill_slot_find(struct fill *fill, const char *name, size_t len)
{
	int found = find_name(fill, name, len);
	struct fill_slot *slot;

	if (found < 0)
		found = find_plain(fill, name, len);
	if (found < 0 && fill->alias_count) {
		int alias = find_alias(fill, slice_of(name, len));

		found = alias < 0 ? -1 : fill->aliases[alias].slot;
	}
	if (found < 0)
		return -1;
	slot = &fill->slots[found];
	/* Not of a part: the short way in fill_slot would not see that it is one. */
	if (len <= sizeof(slot->spelled) && !fill->ranged) {
		memcpy(slot->spelled, name, len);
		slot->spelled_len = (uint8_t)len;
	}
	fill->next[fill->last + 1] = (int16_t)found;
	fill->last = found;
	if (slot->count)
		reopen_slot(fill, slot);
	else
		slot->first = (uint32_t)fill->values.count;
	return found;
}

static bool is_uuid_text(struct slice value)
{
	if (value.len != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		char c = (char)(value.data[i] | 32);
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? value.data[i] != '-'
			 : !((value.data[i] >= '0' && value.data[i] <= '9') ||
			     (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

static void guid_format(const unsigned char *b, char out[37])
{
	/* The first three fields are little-endian integers, the rest are bytes in order. */
	static const unsigned char order[16] = { 3, 2, 1, 0, 5, 4, 7, 6,
						 8, 9, 10, 11, 12, 13, 14, 15 };
	static const char digits[] = "0123456789abcdef";
	char *at = out;

	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[b[order[i]] >> 4];
		*at++ = digits[b[order[i]] & 15];
	}
	*at = '\0';
}

int entry_id_format(struct slice value, bool guid, char out[ENTRY_ID_BYTES_MAX + 1])
{
	if (guid && value.len == 16) {
		guid_format((const unsigned char *)value.data, out);
		return 0;
	}
	if (guid && !is_uuid_text(value))
		return -1;
	if (value.len == 0 || value.len > ENTRY_ID_BYTES_MAX || !utf8_valid(value.data, value.len))
		return -1;
	for (size_t i = 0; i < value.len; i++) {
		if ((unsigned char)value.data[i] < 32 || value.data[i] == 127)
			return -1;
	}
	memcpy(out, value.data, value.len);
	out[value.len] = '\0';
	if (is_uuid_text(value))
		text_lower(out, value.len);
	return 0;
}

static int set_id(struct fill *fill, const char *dn, size_t dn_len, struct err *err)
{
	const char *name;
	const struct fill_slot *slot;

	if (fill->id_slot < 0) {
		if (fill->norm_dn.len == 0 || fill->norm_dn.len > ENTRY_ID_BYTES_MAX)
			return err_set(err, ERR_INVALID, "the DN of \"%.*s\" is too long for an id",
				       (int)(dn_len > 100 ? 100 : dn_len), dn);
		memcpy(fill->id, fill->norm_dn.data, fill->norm_dn.len);
		fill->id[fill->norm_dn.len] = '\0';
		return 0;
	}
	slot = &fill->slots[fill->id_slot];
	name = slot->name;
	if (slot->count == 0)
		return err_set(err, ERR_INVALID,
			       "\"%.*s\" has no %s, or the account may not read it",
			       (int)(dn_len > 100 ? 100 : dn_len), dn, name);
	if (slot->count > 1)
		return err_set(err, ERR_INVALID, "\"%.*s\" has %u values of %s instead of one",
			       (int)(dn_len > 100 ? 100 : dn_len), dn, slot->count, name);
	if (entry_id_format(fill->values.items[slot->first], fill->id_is_guid, fill->id))
		return err_set(err, ERR_INVALID, "\"%.*s\" has a value of %s that is no id",
			       (int)(dn_len > 100 ? 100 : dn_len), dn, name);
	return 0;
}

static void set_values(struct fill *fill)
{
	for (unsigned i = 0; i < fill->slot_count; i++) {
		const struct fill_slot *slot = &fill->slots[i];

		fill->attrs[i].count = slot->count;
		fill->attrs[i].items = NULL;
		if (slot->count == 0)
			continue;
		fill->present[i]++;
		fill->attrs[i].items = fill->values.items + slot->first;
		if (slot->count > 1)
			attr_values_sort(fill->values.items + slot->first, slot->count);
	}
}

void fill_tally(const struct fill *fill, struct tally *tally)
{
	for (size_t i = 0; i < fill->layout->names.count; i++)
		tally_raise(tally, TALLY_ATTRIBUTE, fill->layout->names.items[i],
			    fill->present[i]);
}

static int check_whole(const struct fill *fill, const char *dn, size_t dn_len, struct err *err)
{
	int shown = (int)(dn_len > 100 ? 100 : dn_len);

	if (fill->ranged)
		return err_set(err, ERR_LIMIT,
			       "\"%.*s\" came with only a part of the values of an attribute",
			       shown, dn);
	if (fill->too_many)
		return err_set(err, ERR_LIMIT,
			       "\"%.*s\" has more than %d values of one attribute", shown, dn,
			       ENTRY_VALUES_MAX);
	return 0;
}

static struct slice first_value(const struct fill *fill, int slot)
{
	return slot >= 0 && fill->attrs[slot].count ? fill->attrs[slot].items[0]
						    : slice_of(NULL, 0);
}

/* The name of the primary group in fill->primary; its length, 0 = none. */
static size_t primary_name(struct fill *fill)
{
	struct slice ready = first_value(fill, fill->primary_slot);

	if (ready.len == 0 || ready.len >= SID_TEXT_BYTES)
		return primary_group_name(first_value(fill, fill->sid_slot),
					  first_value(fill, fill->rid_slot), fill->primary);
	fill->primary[0] = PRIMARY_GROUP_MARK;
	memcpy(fill->primary + 1, ready.data, ready.len);
	return ready.len + 1;
}

/*
 * What groups may name the person by besides the DN. A uid that pretends to be the name of a
 * primary group is dropped.
 */
static const struct attr_values *own_names(struct fill *fill)
{
	const struct attr_values *uids = fill->uid_slot >= 0 ? &fill->attrs[fill->uid_slot] : NULL;
	uint32_t count = uids ? uids->count : 0, kept = 0;
	struct slice *names;
	size_t len;

	if (fill->sid_slot < 0)
		return uids;
	names = arena_array(&fill->scratch, count + 1, sizeof(*names));
	for (uint32_t i = 0; i < count; i++) {
		if (uids->items[i].len && uids->items[i].data[0] != PRIMARY_GROUP_MARK)
			names[kept++] = uids->items[i];
	}
	len = primary_name(fill);
	if (len)
		names[kept++] = slice_of(fill->primary, len);
	fill->own_names = (struct attr_values){ .items = names, .count = kept };
	return &fill->own_names;
}

int fill_finish(struct fill *fill, const char *dn, size_t dn_len,
		const struct membership *membership, struct entry *ret_entry, struct err *err)
{
	const struct attr_values *uids;

	arena_reset(&fill->scratch);
	/* No group names it, so it would be taken for somebody who has left them all. */
	if (dn_len == 0)
		return err_set(err, ERR_PROTOCOL, "an entry without a DN came");
	if ((fill->answers || fill->keep_dn || fill->id_slot < 0) &&
	    dn_normalize(&fill->scratch, dn, dn_len, &fill->norm_dn, err))
		return -1;
	if (check_whole(fill, dn, dn_len, err) || set_id(fill, dn, dn_len, err))
		return -1;
	set_values(fill);
	uids = own_names(fill);
	if (fill->answers)
		membership_of(membership, fill->norm_dn, uids, fill->answers);
	*ret_entry = (struct entry){
		.dn = dn,
		.id = fill->id,
		.attrs = fill->attrs,
		.attr_count = (unsigned)fill->layout->names.count,
		.groups = fill->answers,
		.group_count = fill->answers ? membership_count(membership) : 0,
		.norm_dn = fill->norm_dn,
		.uids = uids,
	};
	return 0;
}
