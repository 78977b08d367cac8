/* Values that come in parts: the names of parts, and what a server may answer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "bridge/directory/fill.h"
#include "bridge/directory/range.h"

#include "scim/base/banned.h"

static struct slice text(const char *s)
{
	return slice_of(s, strlen(s));
}

static void test_names(void **state)
{
	static const struct {
		const char *description;
		int kind;
		const char *name;
		unsigned low, high;
		bool last;
	} rows[] = {
		{ "member", 0, NULL, 0, 0, false },
		{ "cn;lang-ja", 0, NULL, 0, 0, false },
		{ "member;rangefinder=0-1", 0, NULL, 0, 0, false },
		{ "member;range=0-1499", 1, "member", 0, 1499, false },
		{ "member;RANGE=1500-*", 1, "member", 1500, 0, true },
		{ "member;range=7-7", 1, "member", 7, 7, false },
		{ "cn;lang-ja;range=0-1", 1, "cn;lang-ja", 0, 1, false },
		{ ";range=0-*", 1, "", 0, 0, true },
		{ "member;range=", -1, "member", 0, 0, false },
		{ "member;range=-", -1, "member", 0, 0, false },
		{ "member;range=0", -1, "member", 0, 0, false },
		{ "member;range=0-", -1, "member", 0, 0, false },
		{ "member;range=*-5", -1, "member", 0, 0, false },
		{ "member;range=5-4", -1, "member", 5, 4, false },
		{ "member;range=0-1;x", -1, "member", 0, 1, false },
		{ "member;range=0-*;x", -1, "member", 0, 0, false },
		{ "member;range=99999999999999999999-*", -1, "member", 0, 0, false },
		{ "member;range=0-4294967296", -1, "member", 0, 0, false },
		{ "", 0, NULL, 0, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct range_name part = { 0 };
		int kind = range_name_parse(text(rows[i].description), &part);

		if (kind != rows[i].kind)
			fail_msg("\"%s\": %d", rows[i].description, kind);
		if (kind && (part.name.len != strlen(rows[i].name) ||
			     memcmp(part.name.data, rows[i].name, part.name.len) != 0))
			fail_msg("\"%s\": name", rows[i].description);
		if (kind == 1 && (part.low != rows[i].low || part.high != rows[i].high ||
				  part.last != rows[i].last))
			fail_msg("\"%s\": %u-%u", rows[i].description, part.low, part.high);
	}
}

/* "name:a,b" or "name:" (no values), apart by spaces, as the attributes of one answer. */
static void take(struct ranges *ranges, const char *answer)
{
	while (*answer) {
		size_t len = strcspn(answer, " "), colon = strcspn(answer, ":");
		struct buf values;
		const char *at = answer + colon + 1, *end = answer + len;

		buf_init(&values, 1000);
		while (at < end) {
			size_t one = strcspn(at, ", ");

			if (*at == '!') { /* no OCTET STRING */
				buf_add(&values, "\x02\x01\x01", 3);
			} else if (*at == '?') { /* longer than there is */
				buf_add(&values, "\x04\x09x", 3);
			} else {
				tlv_begin(&values, 0x04, one);
				buf_add(&values, at, one);
			}
			at += one + 1;
		}
		ranges_take(ranges, slice_of(answer, colon), tlv_of(values.data, values.len));
		buf_release(&values);
		answer += len;
		answer += strspn(answer, " ");
	}
}

static void print_whole(const struct ranges *ranges, char *out, size_t size)
{
	struct buf whole;
	struct tlv in, pair = { 0 }, content = { 0 }, value;
	unsigned char tag;
	size_t at = 0;

	buf_init(&whole, 100000);
	ranges_write(ranges, &whole);
	in = tlv_of(whole.data, whole.len);
	out[0] = '\0';
	while (tlv_next(&in, &tag, &pair)) {
		assert_int_equal(tag, 0x30);
		assert_true(tlv_next(&pair, &tag, &content) && tag == 0x04);
		at += (size_t)snprintf(out + at, size - at, "%.*s:", (int)tlv_len(content),
				       (const char *)content.at);
		assert_true(tlv_next(&pair, &tag, &content) && tag == 0x31);
		while (tlv_next(&content, &tag, &value))
			at += (size_t)snprintf(out + at, size - at, "%.*s,", (int)tlv_len(value),
					       (const char *)value.at);
		assert_int_equal(tlv_len(content) + tlv_len(pair), 0);
	}
	assert_int_equal(tlv_len(in), 0);
	buf_release(&whole);
}

#define ANSWERS_MAX 6
static void test_answers(void **state)
{
	static const struct {
		const char *name;
		const char *answers[ANSWERS_MAX];
		enum ranges_state end;
		const char *whole, *why;
	} rows[] = {
		{ "one part", { "member;range=0-*:a,b" }, RANGES_DONE, "member:a,b,", "" },
		{ "three parts", { "member;range=0-1:a,b", "Member;Range=2-3:c,d",
				   "member;range=4-*:e" }, RANGES_DONE, "member:a,b,c,d,e,", "" },
		{ "one value at a time", { "member;range=0-0:a", "member;range=1-1:b",
					   "member;range=2-*:c" }, RANGES_DONE, "member:a,b,c,", "" },
		{ "the last part is empty", { "member;range=0-1:a,b", "member;range=2-*:" },
		  RANGES_DONE, "member:a,b,", "" },
		{ "an empty plain one beside it", { "member: member;range=0-1:a,b",
						    "member: member;range=2-*:c" },
		  RANGES_DONE, "member:a,b,c,", "" },
		{ "stamps that stay", { "uSNChanged:7 member;range=0-1:a,b",
					"member;range=2-*:c usnchanged:7" },
		  RANGES_DONE, "member:a,b,c,", "" },
		{ "other attributes", { "cn:x member;range=0-*:a y;range=3-*:z" }, RANGES_DONE,
		  "member:a,", "" },
		{ "it has shrunk to come whole", { "member:a,b" }, RANGES_DONE, "member:a,b,", "" },

		{ "a gap", { "member;range=0-1:a,b", "member;range=3-*:d" }, RANGES_MOVED, NULL,
		  "begins elsewhere" },
		{ "an overlap", { "member;range=0-1:a,b", "member;range=1-*:b,c" }, RANGES_MOVED,
		  NULL, "begins elsewhere" },
		{ "the same again", { "member;range=0-1:a,b", "member;range=0-1:a,b" },
		  RANGES_MOVED, NULL, "begins elsewhere" },
		{ "a value moved up", { "member;range=0-1:a,b", "member;range=2-*:b,c" },
		  RANGES_MOVED, NULL, "came in two parts" },
		{ "the entry changed", { "uSNChanged:7 member;range=0-1:a,b",
					 "member;range=2-*:c uSNChanged:8" },
		  RANGES_MOVED, NULL, "was changed" },
		{ "another stamp", { "modifyTimestamp:1Z member;range=0-1:a,b",
				     "member;range=2-*:c modifyTimestamp:2Z" },
		  RANGES_MOVED, NULL, "was changed" },
		{ "nothing at first", { "cn:x" }, RANGES_MOVED, NULL, "did not come" },
		{ "nothing later", { "member;range=0-1:a,b", "" }, RANGES_MOVED, NULL,
		  "did not come" },
		{ "only an empty plain one", { "member;range=0-1:a,b", "member:" }, RANGES_MOVED,
		  NULL, "did not come" },
		{ "too few in a part", { "member;range=0-2:a,b" }, RANGES_MOVED, NULL,
		  "shorter than its name" },
		{ "too many in a part", { "member;range=0-1:a,b,c" }, RANGES_MOVED, NULL,
		  "shorter than its name" },
		{ "twice in one answer", { "member;range=0-0:a member;range=0-0:a" },
		  RANGES_MOVED, NULL, "name can not be understood" },
		{ "a broken name", { "member;range=x:a" }, RANGES_MOVED, NULL,
		  "name can not be understood" },
		{ "it came whole half-way", { "member;range=0-1:a,b", "member:a,b,c" },
		  RANGES_MOVED, NULL, "the parts became one" },
		{ "a value of another type", { "member;range=0-1:a,!" }, RANGES_MOVED, NULL,
		  "can not be read" },
		{ "a value with a wrong length", { "member;range=0-1:a,?" }, RANGES_MOVED, NULL,
		  "can not be read" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ranges ranges;
		enum ranges_state end = RANGES_MORE;
		char whole[200];

		ranges_init(&ranges);
		assert_int_equal(ranges_add(&ranges, text("member")), 0);
		assert_int_equal(ranges_add(&ranges, text("MEMBER")), 0);
		ranges_start(&ranges);
		for (unsigned a = 0; end == RANGES_MORE && a < ANSWERS_MAX; a++) {
			if (!rows[i].answers[a])
				fail_msg("%s: it wants more", rows[i].name);
			take(&ranges, rows[i].answers[a]);
			end = ranges_end(&ranges);
		}
		if (end != rows[i].end || !strstr(ranges.why, rows[i].why))
			fail_msg("%s: %d, %s", rows[i].name, end, ranges.why);
		print_whole(&ranges, whole, sizeof(whole));
		if (rows[i].whole && strcmp(whole, rows[i].whole) != 0)
			fail_msg("%s: %s", rows[i].name, whole);
		ranges_release(&ranges);
	}
}

static void expect_names(const struct ranges *ranges, const char *expected)
{
	struct arena mem = ARENA_INIT;
	const char **names = ranges_names(ranges, &mem);
	char all[300] = "";
	size_t at = 0;

	for (; *names; names++)
		at += (size_t)snprintf(all + at, sizeof(all) - at, "%s ", *names);
	assert_string_equal(all, expected);
	arena_release(&mem);
}

/* Two at once, of different length, and a restart in between. */
static void test_several(void **state)
{
	struct ranges ranges;
	char whole[200];

	(void)state;
	ranges_init(&ranges);
	ranges_add(&ranges, text("member"));
	ranges_add(&ranges, text("cn;x"));
	ranges_start(&ranges);
	expect_names(&ranges, "member;range=0-* cn;x;range=0-* uSNChanged modifyTimestamp ");
	take(&ranges, "member;range=0-1:a,b cn;x;range=0-*:q uSNChanged:1");
	assert_int_equal(ranges_end(&ranges), RANGES_MORE);
	expect_names(&ranges, "member;range=2-* uSNChanged modifyTimestamp ");
	take(&ranges, "member;range=2-*:c uSNChanged:2");
	assert_int_equal(ranges_end(&ranges), RANGES_MOVED);
	ranges_start(&ranges);
	expect_names(&ranges, "member;range=0-* cn;x;range=0-* uSNChanged modifyTimestamp ");
	take(&ranges, "member;range=0-*:b,c cn;x;range=0-*:q uSNChanged:2");
	assert_int_equal(ranges_end(&ranges), RANGES_DONE);
	print_whole(&ranges, whole, sizeof(whole));
	assert_string_equal(whole, "member:b,c,cn;x:q,");
	assert_true(ranges_have(&ranges, text("CN;X")));
	assert_false(ranges_have(&ranges, text("cn")));
	for (unsigned i = ranges.count; i < RANGE_ATTRS_MAX; i++) {
		char name[10];

		snprintf(name, sizeof(name), "a%u", i);
		assert_int_equal(ranges_add(&ranges, text(name)), 0);
	}
	assert_int_equal(ranges_add(&ranges, text("more")), -1);
	ranges_release(&ranges);
}

/* A part is seen as one in each entry, also when the one before it had the same. */
static void test_fill(void **state)
{
	struct fill *fill = mem_alloc(sizeof(*fill));
	struct layout layout;

	(void)state;
	layout_init(&layout);
	layout_add(&layout, "member", 6, NULL);
	fill_init(fill, &layout, "entryUUID", NULL);
	for (int i = 0; i < 3; i++) {
		fill_start(fill);
		assert_false(fill->ranged);
		assert_int_equal(fill_slot(fill, "member;range=0-1", 16), 0);
		assert_true(fill->ranged);
	}
	fill_start(fill);
	assert_int_equal(fill_slot(fill, "cn;range=0-1", 12), -1);
	assert_false(fill->ranged);
	assert_int_equal(fill_slot(fill, "member", 6), 0);
	assert_false(fill->ranged);
	fill_release(fill);
	mem_free(fill);
	layout_release(&layout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
