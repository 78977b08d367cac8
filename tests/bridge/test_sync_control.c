/*
 * The values of the controls of syncrepl and DirSync: rows of bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/directory/sync_control.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

#define UUID "00112233445566778899aabbccddeeff"
#define UUID2 "ffeeddccbbaa99887766554433221100"
#define BYTES_MAX 512

/* What came out, as one line; "refused" for a value that is not one. */
struct value_case {
	const char *name, *hex, *expected;
};

static size_t unhex(const char *hex, unsigned char *out)
{
	size_t len = 0;

	for (; *hex; hex += 2) {
		unsigned byte;

		if (*hex == ' ') {
			hex--;
			continue;
		}
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		assert_true(len < BYTES_MAX);
		out[len++] = (unsigned char)byte;
	}
	return len;
}

static void add_cookie(struct buf *out, struct slice cookie)
{
	if (!cookie.data)
		buf_addstr(out, " none");
	else
		buf_addf(out, " \"%.*s\"", SLICE_FMT(cookie));
}

static void add_uuid(struct buf *out, struct slice uuid)
{
	char text[SYNC_UUID_TEXT];

	assert_int_equal(uuid.len, SYNC_UUID_BYTES);
	sync_uuid_format(uuid.data, text);
	buf_addf(out, " %s", text);
}

static void show_state(struct slice value, struct buf *out)
{
	static const char *const kinds[] = { "present", "add", "modify", "delete" };
	struct sync_state state;

	if (sync_state_parse(value, &state)) {
		buf_addstr(out, "refused");
		return;
	}
	buf_addstr(out, kinds[state.kind]);
	add_uuid(out, state.uuid);
	add_cookie(out, state.cookie);
}

static void show_done(struct slice value, struct buf *out)
{
	struct sync_done done;

	if (sync_done_parse(value, &done)) {
		buf_addstr(out, "refused");
		return;
	}
	buf_addstr(out, done.refresh_deletes ? "deletes" : "presents");
	add_cookie(out, done.cookie);
}

static void show_info(struct slice value, struct buf *out)
{
	static const char *const kinds[] = { "cookie", "delete", "present", "set" };
	struct sync_info info;
	struct slice uuid;

	if (sync_info_parse(value, &info)) {
		buf_addstr(out, "refused");
		return;
	}
	buf_addstr(out, kinds[info.kind]);
	add_cookie(out, info.cookie);
	if (info.kind == SYNC_ID_SET)
		buf_addstr(out, info.refresh_deletes ? " gone" : " there");
	else if (info.kind != SYNC_NEW_COOKIE)
		buf_addstr(out, info.refresh_done ? " done" : " more");
	while (sync_info_next(&info, &uuid))
		add_uuid(out, uuid);
}

static void show_dirsync(struct slice value, struct buf *out)
{
	struct dirsync_done done;

	if (dirsync_done_parse(value, &done)) {
		buf_addstr(out, "refused");
		return;
	}
	buf_addstr(out, done.more ? "more" : "end");
	add_cookie(out, done.cookie);
}

static void check_rows(const struct value_case *rows, size_t count,
		       void (*show)(struct slice, struct buf *))
{
	for (size_t i = 0; i < count; i++) {
		/* Exactly as large as the value, so that a sanitizer sees a byte too many. */
		unsigned char bytes[BYTES_MAX], *value;
		size_t len = unhex(rows[i].hex, bytes);
		struct buf out;

		buf_init(&out, 4096);
		value = mem_alloc(len ? len : 1);
		memcpy(value, bytes, len);
		show(slice_of((const char *)value, len), &out);
		if (strcmp(out.data, rows[i].expected) != 0)
			fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].name, out.data,
				 rows[i].expected);
		mem_free(value);
		buf_release(&out);
	}
}
#define CHECK_ROWS(rows, show) check_rows(rows, sizeof(rows) / sizeof(rows[0]), show)

#define UUID_TEXT " 00112233-4455-6677-8899-aabbccddeeff"
#define UUID2_TEXT " ffeeddcc-bbaa-9988-7766-554433221100"

static void test_state(void **state)
{
	static const struct value_case rows[] = {
		{ "added", "3015 0a0101 0410" UUID, "add" UUID_TEXT " none" },
		{ "present", "3015 0a0100 0410" UUID, "present" UUID_TEXT " none" },
		{ "deleted, with a cookie", "3019 0a0103 0410" UUID "04026162",
		  "delete" UUID_TEXT " \"ab\"" },
		{ "modified, with an empty cookie", "3017 0a0102 0410" UUID "0400",
		  "modify" UUID_TEXT " \"\"" },
		{ "length in the long form", "308115 0a0101 0410" UUID, "add" UUID_TEXT " none" },
		{ "number padded", "3016 0a020001 0410" UUID, "add" UUID_TEXT " none" },
		{ "no bytes", "", "refused" },
		{ "an empty sequence", "3000", "refused" },
		{ "an unknown state", "3015 0a0104 0410" UUID, "refused" },
		{ "a negative state", "3015 0a01ff 0410" UUID, "refused" },
		{ "a state without bytes", "3014 0a00 0410" UUID, "refused" },
		{ "a state of five bytes", "3019 0a050000000001 0410" UUID, "refused" },
		{ "an INTEGER for a state", "3015 020101 0410" UUID, "refused" },
		{ "no UUID", "3003 0a0101", "refused" },
		{ "a short UUID", "3014 0a0101 040f 00112233445566778899aabbccddee", "refused" },
		{ "a long UUID", "3016 0a0101 0411" UUID "00", "refused" },
		{ "bytes after it", "3015 0a0101 0410" UUID "00", "refused" },
		{ "bytes after the cookie", "301b 0a0101 0410" UUID "04026162 0500", "refused" },
		{ "cut off", "3015 0a0101 0410 0011", "refused" },
		{ "a cookie cut off", "3017 0a0101 0410" UUID "0405", "refused" },
		{ "a SET", "3115 0a0101 0410" UUID, "refused" },
		{ "an indefinite length", "3080 0a0101 0410" UUID "0000", "refused" },
		{ "a length of five bytes", "30850000000015 0a0101 0410" UUID, "refused" },
		{ "a length beyond the end", "3084ffffffff 0a0101 0410" UUID, "refused" },
	};

	(void)state;
	CHECK_ROWS(rows, show_state);
}

static void test_done(void **state)
{
	static const struct value_case rows[] = {
		{ "nothing in it", "3000", "presents none" },
		{ "a cookie", "3004 04026162", "presents \"ab\"" },
		{ "deletes", "3003 0101ff", "deletes none" },
		{ "deletes, spelled 1", "3003 010101", "deletes none" },
		{ "both", "3007 04026162 0101ff", "deletes \"ab\"" },
		{ "an empty cookie", "3005 0400 0101ff", "deletes \"\"" },
		{ "said that it does not", "3003 010100", "presents none" },
		{ "no bytes", "", "refused" },
		{ "in the other order", "3007 0101ff 04026162", "refused" },
		{ "a flag of two bytes", "3004 0102ffff", "refused" },
		{ "a flag of none", "3002 0100", "refused" },
		{ "a flag twice", "3006 0101ff 0101ff", "refused" },
		{ "bytes after it", "3000 00", "refused" },
		{ "something else", "3002 0500", "refused" },
	};

	(void)state;
	CHECK_ROWS(rows, show_done);
}

static void test_info(void **state)
{
	static const struct value_case rows[] = {
		{ "a cookie", "8002 6162", "cookie \"ab\"" },
		{ "an empty one", "8000", "cookie \"\"" },
		{ "end of deletes", "a100", "delete none done" },
		{ "end of deletes, more comes", "a107 04026162 010100", "delete \"ab\" more" },
		{ "end of presents", "a203 0101ff", "present none done" },
		{ "an empty set", "a302 3100", "set none there" },
		{ "present ones", "a326 3124 0410" UUID "0410" UUID2,
		  "set none there" UUID_TEXT UUID2_TEXT },
		{ "gone ones", "a31b 04026162 0101ff 3112 0410" UUID, "set \"ab\" gone" UUID_TEXT },
		{ "no bytes", "", "refused" },
		{ "a choice that is none", "a400", "refused" },
		{ "a cookie as a structure", "a002 6162", "refused" },
		{ "a set as bytes", "8302 3100", "refused" },
		{ "a set without set", "a300", "refused" },
		{ "a sequence for the set", "a302 3000", "refused" },
		{ "a short UUID", "a304 3102 0400", "refused" },
		{ "the second one cut off", "a318 3116 0410" UUID "0410 0011", "refused" },
		{ "something among them", "a316 3114 0410" UUID "0500", "refused" },
		{ "bytes after the set", "a304 3100 0500", "refused" },
		{ "bytes after it", "a302 3100 00", "refused" },
		{ "flag before cookie", "a107 0101ff 04026162", "refused" },
	};

	(void)state;
	CHECK_ROWS(rows, show_info);
}

static void test_dirsync(void **state)
{
	static const struct value_case rows[] = {
		{ "the end", "300a 020100 020100 04026162", "end \"ab\"" },
		{ "more", "300a 020101 020100 04026162", "more \"ab\"" },
		{ "an unused number below zero", "300d 020101 020480000001 04026162",
		  "more \"ab\"" },
		{ "an empty cookie", "3008 020100 020100 0400", "end \"\"" },
		{ "no cookie", "3006 020100 020100", "refused" },
		{ "no second number", "3007 020100 04026162", "refused" },
		{ "a flag for a number", "300a 010100 020100 04026162", "refused" },
		{ "bytes in it after the cookie", "300c 020100 020100 04026162 0500", "refused" },
		{ "bytes after it", "300a 020100 020100 04026162 00", "refused" },
		{ "no bytes", "", "refused" },
	};

	(void)state;
	CHECK_ROWS(rows, show_dirsync);
}

static void test_requests(void **state)
{
	static const struct {
		const char *name;
		enum sync_mode mode; /* 0: DirSync */
		uint32_t flags, bytes_max;
		const char *cookie, *hex;
	} rows[] = {
		{ "refresh from the beginning", SYNC_REFRESH_ONLY, 0, 0, "", "3003 0a0101" },
		{ "refresh", SYNC_REFRESH_ONLY, 0, 0, "ab", "3007 0a0101 04026162" },
		{ "persist", SYNC_REFRESH_AND_PERSIST, 0, 0, "ab", "3007 0a0103 04026162" },
		{ "DirSync from the beginning", 0, 1, 0, "", "3008 020101 020100 0400" },
		{ "DirSync, highest bit", 0, 0x80000001u, 1048576, "ab",
		  "300f 020480000001 0203100000 04026162" },
		{ "a number with the sign's bit", 0, 128, 32767, "",
		  "300a 02020080 02027fff 0400" },
		{ "DirSync, all bits", 0, 0xffffffffu, 255, "", "3009 0201ff 020200ff 0400" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char bytes[BYTES_MAX];
		size_t len = unhex(rows[i].hex, bytes);
		struct buf out;

		buf_init(&out, BYTES_MAX);
		if (rows[i].mode)
			sync_request_build(&out, rows[i].mode, slice_str(rows[i].cookie));
		else
			dirsync_request_build(&out, rows[i].flags, rows[i].bytes_max,
					      slice_str(rows[i].cookie));
		if (out.len != len || memcmp(out.data, bytes, len) != 0)
			fail_msg("%s: other bytes", rows[i].name);
		buf_release(&out);
	}
}

/* A cookie that needs a length of several bytes comes back as it went. */
static void test_long_cookies(void **state)
{
	static const size_t lengths[] = { 127, 128, 255, 256, 65535, 65536, SYNC_COOKIE_BYTES_MAX,
					  SYNC_COOKIE_BYTES_MAX + 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		bool fits = lengths[i] <= SYNC_COOKIE_BYTES_MAX;
		char *cookie = mem_zalloc(lengths[i]);
		struct dirsync_done done;
		struct buf out;

		buf_init(&out, SYNC_COOKIE_BYTES_MAX + 4096);
		dirsync_request_build(&out, 0, 0, slice_of(cookie, lengths[i]));
		assert_int_equal(dirsync_done_parse(slice_of(out.data, out.len), &done),
				 fits ? 0 : -1);
		if (fits)
			assert_int_equal(done.cookie.len, lengths[i]);
		buf_release(&out);
		mem_free(cookie);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state),	 cmocka_unit_test(test_done),
		cmocka_unit_test(test_info),	 cmocka_unit_test(test_dirsync),
		cmocka_unit_test(test_requests), cmocka_unit_test(test_long_cookies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
