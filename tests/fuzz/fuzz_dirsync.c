/*
 * bridge/directory/sync_control: any bytes as the value of a DirSync answer; a cookie that is
 * taken goes into the next request and comes back as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/directory/sync_control.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice value = slice_of((const char *)data, size);
	struct dirsync_done done, back;
	struct buf request;

	if (dirsync_done_parse(value, &done))
		return 0;
	if (done.cookie.data < value.data || done.cookie.data + done.cookie.len > value.data + size)
		abort();
	/* Request and answer have the same form: number, number, cookie. */
	buf_init(&request, SYNC_COOKIE_BYTES_MAX + 4096);
	dirsync_request_build(&request, done.more, 0, done.cookie);
	if (dirsync_done_parse(slice_of(request.data, request.len), &back) ||
	    back.more != done.more || back.cookie.len != done.cookie.len ||
	    (back.cookie.len && memcmp(back.cookie.data, done.cookie.data, back.cookie.len) != 0))
		abort();
	buf_release(&request);
	return 0;
}
