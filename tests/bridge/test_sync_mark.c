/*
 * The mark of a read: written, read back, and refused when it is anything else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/directory/sync_mark.h"

#include "scim/base/banned.h"

static const char *csns[] = { "0/20260131093000.000001Z#000000#000#000000",
			      "0/20260131093000.000002Z#000000#001#000000" };

static void make_mark(struct sync_mark *mark, struct sync_mark_search searches[3])
{
	searches[0] = (struct sync_mark_search){ true, 12, SLICE("rid=000,csn=\x01\xff") };
	searches[1] = (struct sync_mark_search){ 0 };
	searches[2] = (struct sync_mark_search){ true, 0, SLICE("x") };
	*mark = (struct sync_mark){
		.way = SYNC_BY_SYNCREPL,
		.server = "ldaps://127.0.0.1:636",
		.identity = "a \"b\"",
		.inputs = "cafe",
		.uids = true,
		.csns = csns,
		.csn_count = 2,
		.searches = searches,
		.search_count = 3,
		.groups = SLICE("0123456789abcdef\0000123456789ABCDEF\001"),
		.containers = SLICE("0123456789abcdef01234567"),
	};
}

static void print(const struct sync_mark *mark, struct buf *out)
{
	buf_init(out, SYNC_MARK_BYTES_MAX);
	sync_mark_print(mark, out);
	assert_false(buf_failed(out));
}

static void test_there_and_back(void **state)
{
	struct sync_mark_search searches[3];
	struct sync_mark mark, back;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct buf first, second;

	(void)state;
	make_mark(&mark, searches);
	print(&mark, &first);
	assert_int_equal(sync_mark_parse(&mem, slice_of(first.data, first.len), &back, &err), 0);
	print(&back, &second);
	assert_string_equal(first.data, second.data);
	assert_true(slice_eq(back.searches[0].cookie, searches[0].cookie));
	assert_false(back.searches[1].read);
	assert_int_equal(back.searches[0].count, 12);
	assert_true(slice_eq(back.containers, mark.containers));
	buf_release(&first);
	buf_release(&second);

	mark.way = SYNC_BY_DIRSYNC;
	mark.cookie = SLICE("MSDS");
	mark.flags = 0x80000001u;
	mark.usn = INT64_MAX;
	mark.groups = mark.containers = slice_of(NULL, 0);
	searches[0].cookie = searches[2].cookie = slice_of(NULL, 0);
	print(&mark, &first);
	assert_int_equal(sync_mark_parse(&mem, slice_of(first.data, first.len), &back, &err), 0);
	assert_int_equal(back.flags, 0x80000001u);
	assert_true(back.usn == INT64_MAX);
	assert_null(back.groups.data);
	buf_release(&first);
	arena_release(&mem);
}

/* One piece of the text of a good mark, and what stands there instead. */
static const struct {
	const char *name, *piece, *instead, *error;
} damaged[] = {
	{ "another version", "\"version\":1", "\"version\":2", "another version" },
	{ "a version that is text", "\"version\":1", "\"version\":\"1\"", "" },
	{ "another way", "\"syncrepl\"", "\"guess\"", "\"way\" is not known" },
	{ "no way", "\"syncrepl\"", "null", "" },
	{ "a name misspelled", "\"server\"", "\"sever\"", "\"server\" is expected" },
	{ "a name missing", "\"uids\":true,", "", "\"uids\" is expected" },
	{ "a name twice", "\"uids\":true,", "\"uids\":true,\"uids\":true,", "\"flags\"" },
	{ "flags below zero", "\"flags\":0", "\"flags\":-1", "out of range" },
	{ "flags too large", "\"flags\":0", "\"flags\":4294967296", "out of range" },
	{ "a fraction", "\"usn\":0", "\"usn\":0.5", "" },
	{ "text with a NUL", "\"cafe\"", "\"ca\\u0000fe\"", "is no text" },
	{ "a count below zero", "\"count\":12", "\"count\":-12", "out of range" },
	{ "a cookie that is no base64", "\"cookie\":\"eA==\"", "\"cookie\":\"eA=\"", "broken" },
	{ "an empty cookie", "\"cookie\":\"eA==\"", "\"cookie\":\"\"", "no cookie" },
	{ "no cookie", "\"cookie\":\"eA==\"", "\"cookie\":null", "no cookie" },
	{ "more in a search", "\"cookie\":\"eA==\"", "\"cookie\":\"eA==\",\"x\":1", "more" },
	{ "a search that is a list", "null,{", "[],{", "" },
	{ "half a key of a group", "\"groups\":\"", "\"groups\":\"AAAA", "broken" },
	{ "half a container", "\"containers\":\"", "\"containers\":\"AAAA", "broken" },
	{ "DirSync without cookie", "\"syncrepl\"", "\"dirsync\"", "no cookie" },
	{ "more at the end", "\"containers\"", "\"else\":1,\"containers\"", "expected" },
	{ "something after it", "\"version\":1", "\"version\":1}{", "" },
};

static void test_damaged(void **state)
{
	struct sync_mark_search searches[3];
	struct sync_mark mark;
	struct buf good;

	(void)state;
	make_mark(&mark, searches);
	print(&mark, &good);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		const char *at = strstr(good.data, damaged[i].piece);
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		struct buf bad;

		if (!at)
			fail_msg("%s: \"%s\" is not in %s", damaged[i].name, damaged[i].piece,
				 good.data);
		buf_init(&bad, SYNC_MARK_BYTES_MAX);
		buf_add(&bad, good.data, (size_t)(at - good.data));
		buf_addstr(&bad, damaged[i].instead);
		buf_addstr(&bad, at + strlen(damaged[i].piece));
		if (sync_mark_parse(&mem, slice_of(bad.data, bad.len), &mark, &err) != -1 ||
		    !strstr(err.text, damaged[i].error) || !err.text[0])
			fail_msg("%s: \"%s\"", damaged[i].name, err.text);
		buf_release(&bad);
		arena_release(&mem);
	}
	buf_release(&good);
}

static void test_cut_off_anywhere(void **state)
{
	struct sync_mark_search searches[3];
	struct sync_mark mark;
	struct buf good;

	(void)state;
	make_mark(&mark, searches);
	print(&mark, &good);
	for (size_t len = 0; len < good.len; len++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;

		if (sync_mark_parse(&mem, slice_of(good.data, len), &mark, &err) != -1)
			fail_msg("cut off after %zu", len);
		arena_release(&mem);
	}
	buf_release(&good);
}

static void test_csns(void **state)
{
	static const struct {
		const char *name, *now[3], *then[3];
		bool reach;
	} rows[] = {
		{ "the same", { "0/5Z#0#001#0" }, { "0/5Z#0#001#0" }, true },
		{ "newer", { "0/6Z#0#001#0" }, { "0/5Z#0#001#0" }, true },
		{ "older", { "0/4Z#0#001#0" }, { "0/5Z#0#001#0" }, false },
		{ "another server only", { "0/9Z#0#002#0" }, { "0/5Z#0#001#0" }, false },
		{ "another server too", { "0/9Z#0#002#0", "0/5Z#0#001#0" }, { "0/5Z#0#001#0" },
		  true },
		{ "one of two older", { "0/9Z#0#002#0", "0/4Z#0#001#0" },
		  { "0/8Z#0#002#0", "0/5Z#0#001#0" }, false },
		{ "of another context", { "1/9Z#0#001#0" }, { "0/5Z#0#001#0" }, false },
		{ "none then", { "0/9Z#0#002#0" }, { NULL }, true },
		{ "none now", { NULL }, { "0/9Z#0#002#0" }, false },
		{ "a longer time", { "0/10Z#0#001#0" }, { "0/5Z#0#001#0" }, false },
		{ "no CSN, the same", { "x" }, { "x" }, true },
		{ "no CSN, smaller", { "w" }, { "x" }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t now = 0, then = 0;
		const char *older = NULL;

		while (rows[i].now[now])
			now++;
		while (rows[i].then[then])
			then++;
		if (sync_csns_reach(rows[i].now, now, rows[i].then, then, &older) !=
			    rows[i].reach ||
		    !older == !rows[i].reach)
			fail_msg("%s", rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_cut_off_anywhere),
		cmocka_unit_test(test_csns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
