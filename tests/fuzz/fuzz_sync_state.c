/*
 * bridge/directory/sync_control and sync_mark: any bytes as the controls of a sync search and
 * as the mark of a read. What is taken points into the bytes; a mark that is taken is
 * written again as it came.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/directory/sync_mark.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice part, struct slice whole)
{
	if (part.data && (part.data < whole.data || part.data + part.len > whole.data + whole.len))
		abort();
}

static void check_mark(struct slice text)
{
	struct arena mem = ARENA_INIT;
	struct sync_mark mark, again;
	struct buf first, second;

	if (sync_mark_parse(&mem, text, &mark, NULL) == 0) {
		buf_init(&first, SYNC_MARK_BYTES_MAX);
		buf_init(&second, SYNC_MARK_BYTES_MAX);
		sync_mark_print(&mark, &first);
		if (sync_mark_parse(&mem, slice_of(first.data, first.len), &again, NULL))
			abort();
		sync_mark_print(&again, &second);
		if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
			abort();
		buf_release(&first);
		buf_release(&second);
	}
	arena_release(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice value = slice_of((const char *)data, size);
	char text[SYNC_UUID_TEXT];
	struct sync_state state;
	struct sync_done done;

	if (sync_state_parse(value, &state) == 0) {
		check_inside(state.uuid, value);
		check_inside(state.cookie, value);
		if (state.uuid.len != SYNC_UUID_BYTES || state.kind > SYNC_DELETE)
			abort();
		sync_uuid_format(state.uuid.data, text);
		if (strlen(text) != SYNC_UUID_TEXT - 1)
			abort();
	}
	if (sync_done_parse(value, &done) == 0)
		check_inside(done.cookie, value);
	if (size && data[0] == '{')
		check_mark(value);
	return 0;
}
