#include "mappings/sid.h"

#include <stdint.h>
#include <stdio.h>

#include "scim/base/banned.h"

size_t sid_format(struct slice bytes, char out[SID_TEXT_BYTES])
{
	const unsigned char *b = (const unsigned char *)bytes.data;
	uint64_t authority = 0;
	size_t len;

	/* Revision, count, authority (big-endian), sub-authorities (little-endian). */
	if (bytes.len < 8 || b[0] != 1 || b[1] > 15 || bytes.len != 8u + 4u * b[1])
		return 0;
	for (int i = 2; i < 8; i++)
		authority = authority << 8 | b[i];
	len = (size_t)snprintf(out, SID_TEXT_BYTES, "S-1-%llu", (unsigned long long)authority);
	for (unsigned i = 0; i < b[1]; i++) {
		const unsigned char *p = b + 8 + 4 * i;

		len += (size_t)snprintf(out + len, SID_TEXT_BYTES - len, "-%u",
					p[0] | p[1] << 8 | p[2] << 16 | (unsigned)p[3] << 24);
	}
	return len;
}
