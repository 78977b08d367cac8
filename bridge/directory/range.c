#include "bridge/directory/range.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "scim/base/banned.h"

#define TAG_OCTETS 0x04
#define TAG_SEQUENCE 0x30
#define TAG_SET 0x31
/* Highest bound that is believed; far above ENTRY_VALUES_MAX and any real group. */
#define BOUND_MAX 1000000000u

static const char *const stamp_names[RANGE_STAMPS_MAX] = { RANGE_STAMPS };

/* Digits up to `end` or another byte; false when there are none or they are too many. */
static bool take_bound(const char **at, const char *end, uint32_t *ret)
{
	const char *from = *at;
	uint64_t value = 0;

	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
		value = value * 10 + (uint64_t)(**at - '0');
		if (value > BOUND_MAX)
			return false;
	}
	*ret = (uint32_t)value;
	return *at > from;
}

int range_name_parse(struct slice description, struct range_name *ret)
{
	static const char option[] = ";range=";
	size_t option_len = sizeof(option) - 1;
	const char *end = description.data + description.len, *at;
	const char *semi = memchr(description.data, ';', description.len);

	for (; semi; semi = memchr(semi + 1, ';', (size_t)(end - semi - 1))) {
		if ((size_t)(end - semi) >= option_len &&
		    text_cmp_nocase(semi, option_len, option, option_len) == 0)
			break;
	}
	if (!semi)
		return 0;
	*ret = (struct range_name){
		.name = slice_of(description.data, (size_t)(semi - description.data)),
	};
	at = semi + option_len;
	if (!take_bound(&at, end, &ret->low) || at == end || *at++ != '-')
		return -1;
	if (end - at == 1 && *at == '*') {
		ret->last = true;
		return 1;
	}
	if (!take_bound(&at, end, &ret->high) || at != end || ret->high < ret->low)
		return -1;
	return 1;
}

void ranges_init(struct ranges *ranges)
{
	memset(ranges, 0, sizeof(*ranges));
}

void ranges_release(struct ranges *ranges)
{
	for (unsigned i = 0; i < ranges->count; i++)
		buf_release(&ranges->attrs[i].values);
	ranges->count = 0;
}

static struct range_attr *find(const struct ranges *ranges, struct slice name)
{
	for (unsigned i = 0; i < ranges->count; i++) {
		const struct range_attr *attr = &ranges->attrs[i];

		if (text_cmp_nocase(attr->name, strlen(attr->name), name.data, name.len) == 0)
			return (struct range_attr *)(uintptr_t)attr;
	}
	return NULL;
}

bool ranges_have(const struct ranges *ranges, struct slice name)
{
	return find(ranges, name) != NULL;
}

int ranges_add(struct ranges *ranges, struct slice name)
{
	struct range_attr *attr;

	if (find(ranges, name))
		return 0;
	if (ranges->count == RANGE_ATTRS_MAX || name.len > RANGE_NAME_BYTES_MAX)
		return -1;
	attr = &ranges->attrs[ranges->count++];
	memcpy(attr->name, name.data, name.len);
	attr->name[name.len] = '\0';
	buf_init(&attr->values, RANGE_BYTES_MAX + 16);
	return 0;
}

void ranges_start(struct ranges *ranges)
{
	for (unsigned i = 0; i < ranges->count; i++) {
		struct range_attr *attr = &ranges->attrs[i];

		buf_clear(&attr->values);
		attr->count = 0;
		attr->last_at = 0;
		attr->done = attr->answered = false;
	}
	ranges->bytes = 0;
	memset(ranges->stamps, 0, sizeof(ranges->stamps));
	ranges->state = RANGES_MORE;
	ranges->why[0] = '\0';
}

const char **ranges_names(const struct ranges *ranges, struct arena *mem)
{
	const char **names = arena_array(mem, ranges->count + RANGE_STAMPS_MAX + 1, sizeof(*names));
	unsigned count = 0;

	for (unsigned i = 0; i < ranges->count; i++) {
		const struct range_attr *attr = &ranges->attrs[i];

		if (!attr->done)
			names[count++] = arena_printf(mem, "%s;range=%u-*", attr->name,
						      attr->count);
	}
	assert(count);
	for (unsigned i = 0; i < RANGE_STAMPS_MAX; i++)
		names[count++] = stamp_names[i];
	names[count] = NULL;
	return names;
}

/* The first thing that is wrong counts. */
static void object(struct ranges *ranges, enum ranges_state state, const char *name,
		   const char *what)
{
	if (ranges->state != RANGES_MORE)
		return;
	ranges->state = state;
	snprintf(ranges->why, sizeof(ranges->why), "%.40s: %s", name, what);
}

static void take_stamp(struct ranges *ranges, unsigned at, struct tlv values)
{
	unsigned char tag;
	struct tlv value;
	char text[sizeof(ranges->stamps[0])];
	size_t len;

	if (!tlv_next(&values, &tag, &value))
		return;
	len = tlv_len(value) < sizeof(text) - 1 ? tlv_len(value) : sizeof(text) - 1;
	memcpy(text, value.at, len);
	text[len] = '\0';
	if (ranges->stamps[at][0] && strcmp(ranges->stamps[at], text) != 0)
		object(ranges, RANGES_MOVED, stamp_names[at],
		       "the entry was changed between the parts");
	memcpy(ranges->stamps[at], text, len + 1);
}

void tlv_begin(struct buf *out, unsigned char tag, size_t len)
{
	unsigned char bytes[6] = { tag };
	size_t at = 1;

	assert(len <= UINT32_MAX);
	if (len < 0x80) {
		bytes[at++] = (unsigned char)len;
	} else {
		bytes[at++] = 0x84;
		for (int shift = 24; shift >= 0; shift -= 8)
			bytes[at++] = (unsigned char)(len >> shift);
	}
	buf_add(out, (char *)bytes, at);
}

static bool same_as_last(const struct range_attr *attr, struct tlv value)
{
	struct tlv last = tlv_of(attr->values.data + attr->last_at,
				 attr->values.len - attr->last_at);
	unsigned char tag;
	struct tlv content;

	return tlv_next(&last, &tag, &content) && tlv_len(content) == tlv_len(value) &&
	       memcmp(content.at, value.at, tlv_len(value)) == 0;
}

/* Returns how many values were kept. */
static uint32_t add_values(struct ranges *ranges, struct range_attr *attr, struct tlv values)
{
	uint32_t taken = 0;
	unsigned char tag;
	struct tlv value;

	while (tlv_len(values)) {
		if (!tlv_next(&values, &tag, &value) || tag != TAG_OCTETS) {
			object(ranges, RANGES_MOVED, attr->name, "a part can not be read");
			return taken;
		}
		if (taken == 0 && attr->count && same_as_last(attr, value))
			object(ranges, RANGES_MOVED, attr->name, "a value came in two parts");
		ranges->bytes += tlv_len(value) + 6;
		if (ranges->bytes > RANGE_BYTES_MAX) {
			object(ranges, RANGES_LIMIT, attr->name, "its values are too large");
			return taken;
		}
		attr->last_at = attr->values.len;
		tlv_begin(&attr->values, TAG_OCTETS, tlv_len(value));
		buf_add(&attr->values, (const char *)value.at, tlv_len(value));
		taken++;
	}
	return taken;
}

void ranges_take(struct ranges *ranges, struct slice description, struct tlv values)
{
	struct range_name part;
	struct range_attr *attr;
	uint32_t taken;
	int kind = range_name_parse(description, &part);

	for (unsigned i = 0; i < RANGE_STAMPS_MAX; i++) {
		if (text_cmp_nocase(stamp_names[i], strlen(stamp_names[i]), description.data,
				    description.len) == 0)
			take_stamp(ranges, i, values);
	}
	/* Beside the part an empty attribute of the plain name may come. */
	if (kind == 0 && tlv_len(values))
		part = (struct range_name){ .name = description, .last = true };
	else if (kind == 0)
		return;
	attr = find(ranges, part.name);
	if (!attr || attr->done)
		return;
	if (kind < 0 || attr->answered) {
		object(ranges, RANGES_MOVED, attr->name, "a part's name can not be understood");
		return;
	}
	attr->answered = true;
	if (kind && part.low != attr->count) {
		object(ranges, RANGES_MOVED, attr->name, "a part begins elsewhere than asked");
		return;
	}
	if (kind == 0) { /* now few enough to come without a range */
		if (attr->count)
			object(ranges, RANGES_MOVED, attr->name, "the parts became one");
	}
	taken = add_values(ranges, attr, values);
	if (!part.last && taken != part.high - part.low + 1)
		object(ranges, RANGES_MOVED, attr->name, "a part is shorter than its name says");
	attr->count += taken;
	attr->done = part.last;
}

enum ranges_state ranges_end(struct ranges *ranges)
{
	bool done = true;

	for (unsigned i = 0; i < ranges->count; i++) {
		struct range_attr *attr = &ranges->attrs[i];

		if (!attr->done && !attr->answered)
			object(ranges, RANGES_MOVED, attr->name, "a part did not come");
		done &= attr->done;
		attr->answered = false;
	}
	if (ranges->state != RANGES_MORE)
		return ranges->state;
	return done ? RANGES_DONE : RANGES_MORE;
}

void ranges_write(const struct ranges *ranges, struct buf *out)
{
	for (unsigned i = 0; i < ranges->count; i++) {
		const struct range_attr *attr = &ranges->attrs[i];
		size_t name_len = strlen(attr->name);
		struct buf head;

		buf_init(&head, RANGE_NAME_BYTES_MAX + 32);
		tlv_begin(&head, TAG_OCTETS, name_len);
		buf_add(&head, attr->name, name_len);
		tlv_begin(&head, TAG_SET, attr->values.len);
		tlv_begin(out, TAG_SEQUENCE, head.len + attr->values.len);
		buf_add(out, head.data, head.len);
		buf_add(out, attr->values.data, attr->values.len);
		buf_release(&head);
	}
}
