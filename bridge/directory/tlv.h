/*
 * bridge/directory/tlv.h - tag, length, value: the one reader of BER and DER bytes here.
 *
 * Spec    X.690 8.1 with one-byte tags and definite lengths, which is what LDAP (RFC 4511
 *         section 5.1) and certificates use.
 * Memory  Contents point into the input.
 */
#ifndef BRIDGE_DIRECTORY_TLV_H
#define BRIDGE_DIRECTORY_TLV_H

#include <stdbool.h>
#include <stddef.h>

struct tlv {
	const unsigned char *at, *end;
};

static inline struct tlv tlv_of(const void *data, size_t len)
{
	const unsigned char *bytes = data;

	return (struct tlv){ bytes, bytes + len };
}

static inline size_t tlv_len(struct tlv in)
{
	return (size_t)(in.end - in.at);
}

/* Next element; false at the end and for broken bytes (then `at` stays before `end`). */
static inline bool tlv_next(struct tlv *in, unsigned char *ret_tag, struct tlv *ret_content)
{
	const unsigned char *at = in->at;
	size_t left = tlv_len(*in), len;

	if (left < 2 || (at[0] & 0x1f) == 0x1f)
		return false;
	*ret_tag = at[0];
	len = at[1];
	at += 2;
	left -= 2;
	if (len >= 0x80) {
		size_t bytes = len & 0x7f;

		if (bytes == 0 || bytes > 4 || bytes > left)
			return false;
		left -= bytes;
		for (len = 0; bytes; bytes--)
			len = len << 8 | *at++;
	}
	if (len > left)
		return false;
	*ret_content = (struct tlv){ at, at + len };
	in->at = at + len;
	return true;
}

#endif
