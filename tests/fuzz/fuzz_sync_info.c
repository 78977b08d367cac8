/*
 * bridge/directory/sync_control: any bytes as a Sync Info message. A set that is taken gives
 * each of its UUIDs, all within the bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "bridge/directory/sync_control.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice value = slice_of((const char *)data, size), uuid;
	struct sync_info info;
	size_t count = 0, bytes;

	if (sync_info_parse(value, &info))
		return 0;
	bytes = tlv_len(info.uuids);
	if (info.kind > SYNC_ID_SET || (bytes && info.kind != SYNC_ID_SET) ||
	    info.cookie.len > size)
		abort();
	while (sync_info_next(&info, &uuid)) {
		if (uuid.len != SYNC_UUID_BYTES || uuid.data < value.data ||
		    uuid.data + uuid.len > value.data + size)
			abort();
		count++;
	}
	if (tlv_len(info.uuids) || count > bytes / SYNC_UUID_BYTES)
		abort();
	return 0;
}
