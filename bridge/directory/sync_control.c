#include "bridge/directory/sync_control.h"

#include <assert.h>

#include "scim/base/banned.h"

enum {
	TAG_BOOLEAN = 0x01,
	TAG_INTEGER = 0x02,
	TAG_OCTETS = 0x04,
	TAG_ENUMERATED = 0x0a,
	TAG_SEQUENCE = 0x30,
	TAG_SET = 0x31,
	TAG_NEW_COOKIE = 0x80, /* context-specific, of the CHOICE in RFC 4533 section 2.5 */
	TAG_REFRESH_DELETE = 0xa1,
	TAG_REFRESH_PRESENT = 0xa2,
	TAG_ID_SET = 0xa3,
};

/* --- writing ----------------------------------------------------------------------------- */

static void put_head(struct buf *out, unsigned char tag, size_t len)
{
	unsigned bytes = len < 0x80 ? 0 : len < 0x100 ? 1 : len < 0x10000 ? 2 : 3;

	assert(len < 0x1000000);
	buf_addch(out, (char)tag);
	buf_addch(out, (char)(bytes ? 0x80 | bytes : len));
	while (bytes--)
		buf_addch(out, (char)(len >> 8 * bytes));
}

/* Shortest form of a two's complement number (X.690 8.3.2). */
static void put_number(struct buf *out, unsigned char tag, int32_t value)
{
	unsigned bytes = 4;

	while (bytes > 1 && (value >> (8 * bytes - 9) == 0 || value >> (8 * bytes - 9) == -1))
		bytes--;
	put_head(out, tag, bytes);
	while (bytes--)
		buf_addch(out, (char)(value >> 8 * bytes));
}

static void put_octets(struct buf *out, struct slice value)
{
	put_head(out, TAG_OCTETS, value.len);
	buf_add(out, value.data ? value.data : "", value.len);
}

static void put_sequence(struct buf *out, struct buf *content)
{
	put_head(out, TAG_SEQUENCE, content->len);
	buf_add(out, content->data, content->len);
	buf_release(content);
}

void sync_request_build(struct buf *out, enum sync_mode mode, struct slice cookie)
{
	struct buf content;

	buf_init(&content, SYNC_COOKIE_BYTES_MAX + 64);
	put_number(&content, TAG_ENUMERATED, (int32_t)mode);
	if (cookie.len)
		put_octets(&content, cookie);
	put_sequence(out, &content);
}

void dirsync_request_build(struct buf *out, uint32_t flags, uint32_t bytes_max,
			   struct slice cookie)
{
	struct buf content;

	buf_init(&content, SYNC_COOKIE_BYTES_MAX + 64);
	put_number(&content, TAG_INTEGER, (int32_t)flags);
	put_number(&content, TAG_INTEGER, (int32_t)bytes_max);
	put_octets(&content, cookie);
	put_sequence(out, &content);
}

/* --- reading ----------------------------------------------------------------------------- */

static bool take(struct tlv *in, unsigned char tag, struct tlv *ret_content)
{
	struct tlv ahead = *in;
	unsigned char found;

	if (!tlv_next(&ahead, &found, ret_content) || found != tag)
		return false;
	*in = ahead;
	return true;
}

static struct slice bytes_of(struct tlv content)
{
	return slice_of((const char *)content.at, tlv_len(content));
}

static bool next_is(struct tlv in, unsigned char tag)
{
	return tlv_len(in) > 0 && in.at[0] == tag;
}

/* Numbers here are small: 0 to 127 in one byte, or padded as some servers do. */
static bool take_number(struct tlv *in, unsigned char tag, unsigned *ret)
{
	struct tlv content;
	unsigned value = 0;

	if (!take(in, tag, &content) || tlv_len(content) < 1 || tlv_len(content) > 4 ||
	    content.at[0] & 0x80)
		return false;
	while (content.at < content.end)
		value = value << 8 | *content.at++;
	*ret = value;
	return true;
}

/* An optional cookie: true also where none is. */
static bool take_cookie(struct tlv *in, struct slice *ret)
{
	struct tlv content;

	*ret = slice_of(NULL, 0);
	if (!next_is(*in, TAG_OCTETS))
		return true;
	if (!take(in, TAG_OCTETS, &content) || tlv_len(content) > SYNC_COOKIE_BYTES_MAX)
		return false;
	*ret = bytes_of(content);
	return true;
}

static bool take_flag(struct tlv *in, bool fallback, bool *ret)
{
	struct tlv content;

	*ret = fallback;
	if (!next_is(*in, TAG_BOOLEAN))
		return true;
	if (!take(in, TAG_BOOLEAN, &content) || tlv_len(content) != 1)
		return false;
	*ret = content.at[0] != 0;
	return true;
}

/* The content of a value that is one element and nothing else. */
static bool open_whole(struct slice value, unsigned char tag, struct tlv *ret_content)
{
	struct tlv in;

	if (!value.data)
		return false;
	in = tlv_of(value.data, value.len);
	return take(&in, tag, ret_content) && tlv_len(in) == 0;
}

int sync_state_parse(struct slice value, struct sync_state *ret_state)
{
	struct sync_state state = { 0 };
	struct tlv in, uuid;
	unsigned kind;

	if (!open_whole(value, TAG_SEQUENCE, &in) || !take_number(&in, TAG_ENUMERATED, &kind) ||
	    kind > SYNC_DELETE || !take(&in, TAG_OCTETS, &uuid) ||
	    tlv_len(uuid) != SYNC_UUID_BYTES || !take_cookie(&in, &state.cookie) || tlv_len(in))
		return -1;
	state.kind = (enum sync_state_kind)kind;
	state.uuid = bytes_of(uuid);
	*ret_state = state;
	return 0;
}

int sync_done_parse(struct slice value, struct sync_done *ret_done)
{
	struct sync_done done;
	struct tlv in;

	if (!open_whole(value, TAG_SEQUENCE, &in) || !take_cookie(&in, &done.cookie) ||
	    !take_flag(&in, false, &done.refresh_deletes) || tlv_len(in))
		return -1;
	*ret_done = done;
	return 0;
}

static bool check_uuids(struct tlv in)
{
	struct tlv uuid;

	while (tlv_len(in)) {
		if (!take(&in, TAG_OCTETS, &uuid) || tlv_len(uuid) != SYNC_UUID_BYTES)
			return false;
	}
	return true;
}

int sync_info_parse(struct slice value, struct sync_info *ret_info)
{
	static const unsigned char tags[] = { TAG_NEW_COOKIE, TAG_REFRESH_DELETE,
					      TAG_REFRESH_PRESENT, TAG_ID_SET };
	struct sync_info info = { 0 };
	struct tlv in;
	unsigned kind = 0;

	while (kind < sizeof(tags) && !open_whole(value, tags[kind], &in))
		kind++;
	info.kind = (enum sync_info_kind)kind;
	switch (kind) {
	case SYNC_NEW_COOKIE:
		info.cookie = bytes_of(in);
		if (info.cookie.len > SYNC_COOKIE_BYTES_MAX)
			return -1;
		in.at = in.end;
		break;
	case SYNC_REFRESH_DELETE:
	case SYNC_REFRESH_PRESENT:
		if (!take_cookie(&in, &info.cookie) || !take_flag(&in, true, &info.refresh_done))
			return -1;
		break;
	case SYNC_ID_SET:
		if (!take_cookie(&in, &info.cookie) ||
		    !take_flag(&in, false, &info.refresh_deletes) ||
		    !take(&in, TAG_SET, &info.uuids) || !check_uuids(info.uuids))
			return -1;
		break;
	default:
		return -1;
	}
	if (tlv_len(in))
		return -1;
	*ret_info = info;
	return 0;
}

bool sync_info_next(struct sync_info *info, struct slice *ret_uuid)
{
	struct tlv uuid;

	if (!take(&info->uuids, TAG_OCTETS, &uuid))
		return false;
	*ret_uuid = bytes_of(uuid);
	return true;
}

/* The second number is unused; servers write there what they like, of either sign. */
int dirsync_done_parse(struct slice value, struct dirsync_done *ret_done)
{
	struct tlv in, unused, cookie;
	unsigned more;

	if (!open_whole(value, TAG_SEQUENCE, &in) || !take_number(&in, TAG_INTEGER, &more) ||
	    !take(&in, TAG_INTEGER, &unused) || !take(&in, TAG_OCTETS, &cookie) ||
	    tlv_len(cookie) > SYNC_COOKIE_BYTES_MAX || tlv_len(in))
		return -1;
	ret_done->more = more != 0;
	ret_done->cookie = bytes_of(cookie);
	return 0;
}

void sync_uuid_format(const void *uuid, char out[SYNC_UUID_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = uuid;

	for (unsigned i = 0; i < SYNC_UUID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}
