/* scim/base: errors, memory, buffers, maps, text, clock. JSON is in test_json.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scim/base/buf.h"
#include "scim/base/clock.h"
#include "scim/base/err.h"
#include "scim/base/mem.h"
#include "scim/base/text.h"
#include "scim/base/vec.h"
#include "scim/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* A literal with NULs in it and its length. */
#define BYTES(s) s, sizeof(s) - 1

/* ---- err ---- */

static void test_err_first_wins(void **state)
{
	struct err err = ERR_INIT;
	char line[ERR_FORMAT_MAX];

	(void)state;
	assert_int_equal(err_at(&err, ERR_NET, "host", 0, 0, "cause"), -1);
	assert_int_equal(err_set(&err, ERR_IO, "consequence"), -1);
	assert_int_equal(err.kind, ERR_NET);
	assert_string_equal(err_format(&err, line, sizeof(line)), "host: cause");
	assert_int_equal(err_set(NULL, ERR_IO, "nobody wants it"), -1);
}

static void test_err_format(void **state)
{
	static const struct {
		const char *where;
		unsigned line, column;
		const char *wanted;
	} rows[] = {
		{ "a.yaml", 14, 9, "a.yaml:14:9: text" },
		{ "a.yaml", 14, 0, "a.yaml:14: text" },
		{ "a.yaml", 0, 0, "a.yaml: text" },
		{ NULL, 14, 9, "line 14:9: text" },
		{ NULL, 0, 9, "column 9: text" },
		{ NULL, 0, 0, "text" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct err err = ERR_INIT;
		char line[ERR_FORMAT_MAX];

		err_at(&err, ERR_INVALID, rows[i].where, rows[i].line, rows[i].column,
		       "%s", "text");
		assert_string_equal(err_format(&err, line, sizeof(line)), rows[i].wanted);
	}
}

static void test_err_prefix_and_place(void **state)
{
	struct err err = ERR_INIT;
	char line[ERR_FORMAT_MAX];

	(void)state;
	assert_int_equal(err_prefix(&err, "x"), -1);
	assert_int_equal(err_place(&err, "x", 1, 1), -1);
	assert_int_equal(err.kind, ERR_NONE);
	assert_string_equal(err.text, "");
	err_set(&err, ERR_INVALID, "no number: \"%s\"", "ten");
	err_prefix(&err, "limits.%s", "creates");
	err_place(&err, "d.yaml", 3, 4);
	err_place(&err, "other.yaml", 5, 6);
	assert_string_equal(err_format(&err, line, sizeof(line)),
			    "d.yaml:3:4: limits.creates: no number: \"ten\"");
}

static void test_err_hostile_text(void **state)
{
	struct err err = ERR_INIT;
	char big[2000];
	size_t len;

	(void)state;
	err_at(&err, ERR_INVALID, "a\nb", 0, 0, "%s", "\x1b[31mred\xff \xe2\x80\xae");
	assert_string_equal(err.where, "a\\x0Ab");
	assert_string_equal(err.text, "\\x1B[31mred\\xFF \\u{202E}");
	err = (struct err)ERR_INIT;
	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	err_set(&err, ERR_INVALID, "%s", big);
	len = strlen(err.text);
	assert_int_equal(len, sizeof(err.text) - 1);
	assert_string_equal(err.text + len - 4, "a...");
}

static void test_diags(void **state)
{
	struct diags diags = { 0 };
	int i;

	(void)state;
	for (i = 0; i < DIAGS_MAX + 50; i++)
		diags_at(&diags, ERR_INVALID, "f", (unsigned)i + 1, 0, "number %d", i);
	assert_int_equal(diags.count, DIAGS_MAX);
	assert_int_equal(diags.total, DIAGS_MAX + 50);
	for (i = 0; i < DIAGS_MAX; i++)
		assert_int_equal(diags.items[i].line, i + 1);
	assert_string_equal(diags.items[DIAGS_MAX - 1].text, "number 199");
	diags_release(&diags);
	assert_int_equal(diags.total, 0);
}

/* ---- mem ---- */

static void test_arena(void **state)
{
	struct arena arena = ARENA_INIT;
	char *texts[500];
	size_t i, round;

	(void)state;
	for (round = 0; round < 3; round++) {
		for (i = 0; i < COUNT(texts); i++) {
			unsigned char *zeroed = arena_alloc(&arena, i);
			size_t j;

			assert_int_equal((uintptr_t)zeroed % _Alignof(max_align_t), 0);
			for (j = 0; j < i; j++)
				assert_int_equal(zeroed[j], 0);
			memset(zeroed, 0xa5, i);
			texts[i] = arena_printf(&arena, "text %zu", i);
		}
		for (i = 0; i < COUNT(texts); i++) {
			char wanted[32];

			snprintf(wanted, sizeof(wanted), "text %zu", i);
			assert_string_equal(texts[i], wanted);
		}
		assert_true(arena.used_bytes >= 500 * 499 / 2);
		arena_reset(&arena);
		assert_int_equal(arena.used_bytes, 0);
	}
	arena_release(&arena);
}

static void test_arena_large(void **state)
{
	struct arena arena = ARENA_INIT;
	char *small, *large, *next;

	(void)state;
	small = arena_strdup(&arena, "small");
	large = arena_alloc(&arena, 5 * 1024 * 1024);
	next = arena_strdup(&arena, "next");
	memset(large, 'x', 5 * 1024 * 1024);
	assert_string_equal(small, "small");
	assert_ptr_equal(next, small + 6); /* the head's free space was not given up */
	arena_reset(&arena);
	arena_release(&arena);
	large = arena_bytes(&arena, 3 * 1024 * 1024);
	memset(large, 'x', 3 * 1024 * 1024);
	arena_reset(&arena);
	assert_null(arena.head); /* a giant is not kept */
	assert_string_equal(arena_strndup(&arena, "abc", 2), "ab");
	arena_release(&arena);
}

/* ---- buf ---- */

static void test_buf(void **state)
{
	struct buf buf;
	size_t i;

	(void)state;
	buf_init(&buf, 10);
	assert_string_equal(buf.data, "");
	buf_addstr(&buf, "12345");
	buf_addf(&buf, "%d", 678);
	buf_addch(&buf, '9');
	buf_addch(&buf, '0');
	assert_false(buf_failed(&buf));
	assert_string_equal(buf.data, "1234567890");
	buf_addch(&buf, 'x');
	assert_true(buf_failed(&buf));
	buf_clear(&buf);
	assert_string_equal(buf.data, "");
	buf_addstr(&buf, "12345678901");
	buf_addstr(&buf, "a");
	assert_true(buf_failed(&buf));
	assert_string_equal(buf.data, "");
	buf_release(&buf);

	buf_init(&buf, 1 << 20);
	for (i = 0; i < 100000; i++)
		buf_addf(&buf, "%05zu", i);
	assert_int_equal(buf.len, 500000);
	assert_memory_equal(buf.data + 5 * 99999, "99999", 6);
	buf_release(&buf);
}

static void test_buf_codings(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	buf_addurl(&buf, BYTES("a-Z_0.9~/ ?\xc3\xa9\0"));
	assert_string_equal(buf.data, "a-Z_0.9~%2F%20%3F%C3%A9%00");
	buf_clear(&buf);
	buf_addvisible(&buf, BYTES("a\tb\0\xc3\xa9\xc3\xe2\x80\xae"));
	assert_string_equal(buf.data, "a\\x09b\\x00\xc3\xa9\\xC3\\u{202E}");
	buf_release(&buf);
}

static void test_buf_read_file(void **state)
{
	char path[] = "/tmp/test_base.XXXXXX", line[ERR_FORMAT_MAX], wanted[200];
	static const size_t sizes[] = { 0, 1, 4095, 70000, 300000 };
	static char content[300000];
	struct err err;
	struct buf buf;
	size_t i;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	for (i = 0; i < sizeof(content); i++)
		content[i] = (char)('a' + i % 23);
	for (i = 0; i < COUNT(sizes); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, content, sizes[i], 0), (ssize_t)sizes[i]);
		err = (struct err)ERR_INIT;
		buf_init(&buf, sizes[i]); /* exactly enough */
		assert_int_equal(buf_read_file(&buf, path, &err), 0);
		assert_int_equal(buf.len, sizes[i]);
		assert_memory_equal(buf.data, content, sizes[i]);
		assert_int_equal(buf.data[buf.len], 0);
		buf_release(&buf);
		if (sizes[i] == 0)
			continue;
		buf_init(&buf, sizes[i] - 1); /* one too few */
		assert_int_equal(buf_read_file(&buf, path, &err), -1);
		assert_int_equal(err.kind, ERR_LIMIT);
		buf_release(&buf);
	}
	close(fd);
	unlink(path);
	err = (struct err)ERR_INIT;
	buf_init(&buf, 10);
	assert_int_equal(buf_read_file(&buf, path, &err), -1);
	snprintf(wanted, sizeof(wanted), "%s: cannot open: No such file or directory", path);
	assert_string_equal(err_format(&err, line, sizeof(line)), wanted);
	err = (struct err)ERR_INIT;
	assert_int_equal(buf_read_file(&buf, "/", &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	buf_release(&buf);
}

/* ---- vec and map ---- */

static void test_vec(void **state)
{
	VEC(int) numbers = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		vec_push(&numbers, i * i);
	assert_int_equal(numbers.count, 1000);
	for (i = 0; i < 1000; i++)
		assert_int_equal(numbers.items[i], i * i);
	vec_release(&numbers);
	assert_null(numbers.items);
}

static void test_map(void **state)
{
	struct arena arena = ARENA_INIT;
	struct map map = { 0 };
	uint64_t value = 0, i;

	(void)state;
	assert_false(map_get(&map, SLICE("a"), &value));
	for (i = 0; i < 20000; i++)
		assert_true(map_set(&map, slice_str(arena_printf(&arena, "key-%d", (int)i)),
				    i));
	assert_int_equal(map.count, 20000);
	for (i = 0; i < 20000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "key-%d", (int)i);
		assert_true(map_get(&map, slice_str(key), &value));
		assert_int_equal(value, i);
	}
	assert_false(map_get(&map, SLICE("key-20000"), NULL));
	assert_false(map_get(&map, SLICE("key-"), NULL));
	assert_false(map_set(&map, SLICE("key-7"), 77));
	assert_true(map_get(&map, SLICE("key-7"), &value));
	assert_int_equal(value, 77);
	assert_false(map_get(&map, slice_of(NULL, 0), NULL));
	assert_true(map_set(&map, slice_of(NULL, 0), 5));
	assert_true(map_get(&map, SLICE(""), &value));
	assert_int_equal(value, 5);
	/* Bytes, not C strings. */
	assert_true(map_set(&map, slice_of("a\0b", 3), 1));
	assert_true(map_set(&map, slice_of("a\0c", 3), 2));
	assert_true(map_get(&map, slice_of("a\0b", 3), &value));
	assert_int_equal(value, 1);
	map_release(&map);
	arena_release(&arena);
}

/* ---- text ---- */

static void test_slices(void **state)
{
	static const struct {
		struct slice a, b;
		int order;
	} rows[] = {
		{ SLICE(""), SLICE(""), 0 },       { SLICE("a"), SLICE("a"), 0 },
		{ SLICE("a"), SLICE("b"), -1 },    { SLICE("a"), SLICE("aa"), -1 },
		{ SLICE("b"), SLICE("aa"), 1 },    { SLICE("\xff"), SLICE("a"), 1 },
		{ SLICE("a\0b"), SLICE("a"), 1 },  { SLICE("A"), SLICE("a"), -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		int order = slice_cmp(rows[i].a, rows[i].b);

		assert_int_equal((order > 0) - (order < 0), rows[i].order);
		assert_int_equal(slice_eq(rows[i].a, rows[i].b), rows[i].order == 0);
	}
	assert_true(slice_eq(slice_str(NULL), SLICE("")));
	assert_true(slice_eq_str(SLICE("abc"), "abc"));
	assert_false(slice_eq_str(SLICE("abc"), "ab"));
}

static void test_nocase(void **state)
{
	static const struct {
		const char *a, *b;
		int order;
	} rows[] = {
		{ "userName", "USERNAME", 0 }, { "", "", 0 },   { "a", "", 1 },
		{ "a", "B", -1 },              { "[", "{", -1 }, { "@", "`", -1 },
		{ "Z", "a", 1 },               { "\xc3\x89", "\xc3\xa9", -1 },
	};
	char text[] = "AbZ\xc3\x89@[";
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		const char *a = rows[i].a, *b = rows[i].b;

		assert_int_equal(text_cmp_nocase(a, strlen(a), b, strlen(b)), rows[i].order);
		assert_int_equal(text_cmp_nocase(b, strlen(b), a, strlen(a)), -rows[i].order);
		assert_int_equal(text_eq_nocase(a, b), rows[i].order == 0);
	}
	text_lower(text, sizeof(text) - 1);
	assert_string_equal(text, "abz\xc3\x89@[");
}

static void test_utf8_rows(void **state)
{
	static const struct {
		const char *name, *text;
		size_t len;
		bool valid;
	} rows[] = {
		{ "empty", BYTES(""), true },
		{ "ascii with NUL", BYTES("a\0b"), true },
		{ "least of two", BYTES("\xc2\x80"), true },
		{ "most of two", BYTES("\xdf\xbf"), true },
		{ "least of three", BYTES("\xe0\xa0\x80"), true },
		{ "before the surrogates", BYTES("\xed\x9f\xbf"), true },
		{ "after the surrogates", BYTES("\xee\x80\x80"), true },
		{ "least of four", BYTES("\xf0\x90\x80\x80"), true },
		{ "last code point", BYTES("\xf4\x8f\xbf\xbf"), true },
		{ "after eight plain ones", BYTES("12345678\xc3\xa9"), true },
		{ "lone continuation", BYTES("\x80"), false },
		{ "overlong slash", BYTES("\xc0\xaf"), false },
		{ "overlong of two", BYTES("\xc1\xbf"), false },
		{ "overlong of three", BYTES("\xe0\x9f\xbf"), false },
		{ "overlong of four", BYTES("\xf0\x8f\xbf\xbf"), false },
		{ "first surrogate", BYTES("\xed\xa0\x80"), false },
		{ "last surrogate", BYTES("\xed\xbf\xbf"), false },
		{ "beyond the last", BYTES("\xf4\x90\x80\x80"), false },
		{ "five bytes", BYTES("\xf8\x88\x80\x80\x80"), false },
		{ "cut after one of two", BYTES("\xc3"), false },
		{ "cut after two of three", BYTES("\xe2\x82"), false },
		{ "cut after three of four", BYTES("\xf0\x9f\x98"), false },
		{ "plain in place of a continuation", BYTES("\xe2\x28\xa1"), false },
		{ "broken after eight plain ones", BYTES("12345678\xff"), false },
		{ "0xfe", BYTES("\xfe"), false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		if (utf8_valid(rows[i].text, rows[i].len) != rows[i].valid)
			fail_msg("%s: should be %s", rows[i].name,
				 rows[i].valid ? "valid" : "invalid");
	}
}

static void test_utf8_every_code_point(void **state)
{
	uint32_t cp, back;
	char text[4];

	(void)state;
	for (cp = 0; cp <= 0x10ffff; cp++) {
		size_t len;

		if (cp >= 0xd800 && cp <= 0xdfff)
			continue;
		len = utf8_encode(cp, text);
		if (utf8_decode(text, len, &back) != len || back != cp)
			fail_msg("U+%04X", (unsigned)cp);
		if (len > 1 && utf8_decode(text, len - 1, &back) != 0)
			fail_msg("U+%04X cut", (unsigned)cp);
	}
}

/* What decoding one by one says, at every offset from the words that are read at once. */
static bool valid_by_decoding(const char *s, size_t len, bool *ret_plain)
{
	*ret_plain = true;
	for (size_t at = 0, n; at < len; at += n) {
		uint32_t cp;

		n = utf8_decode(s + at, len - at, &cp);
		if (n == 0)
			return false;
		*ret_plain &= cp >= 32 && cp != 127;
	}
	return true;
}

static void test_utf8_scan(void **state)
{
	static const unsigned char bytes[] = { 0x00, 0x1f, 0x20, 0x61, 0x7e, 0x7f, 0x80, 0x8f, 0x90,
					       0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
					       0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff };
	const size_t n = sizeof(bytes);
	static const size_t starts[] = { 0, 3, 7, 8, 13 };

	(void)state;
	for (size_t i = 0; i < n * n * n * n; i++) {
		char text[24];
		size_t start = starts[i % 5], len = 4 + i % 13;
		bool plain, valid;

		memset(text, 'x', sizeof(text));
		text[start] = (char)bytes[i % n];
		text[start + 1] = (char)bytes[i / n % n];
		text[start + 2] = (char)bytes[i / n / n % n];
		text[start + 3] = (char)bytes[i / n / n / n];
		len = start + len > sizeof(text) ? sizeof(text) : start + len;
		valid = valid_by_decoding(text, len, &plain);
		if (utf8_valid(text, len) != valid || text_plain(text, len) != (valid && plain))
			fail_msg("%02x %02x %02x %02x at %zu of %zu", bytes[i % n],
				 bytes[i / n % n], bytes[i / n / n % n], bytes[i / n / n / n],
				 start, len);
	}
}

static void test_utf8_width(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
	} rows[] = {
		{ "", 0 },
		{ "abc", 3 },
		{ "Zo\xc3\xab", 3 },
		{ "Zoe\xcc\x88", 3 },                     /* combining */
		{ "\xe5\xb1\xb1\xe7\x94\xb0", 4 },        /* wide */
		{ "\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd", 4 },
		{ "a\xff", 2 },                           /* broken: one each */
		{ "a\tb", 2 },                            /* control: none */
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		assert_int_equal(utf8_width(rows[i].text, strlen(rows[i].text)),
				 rows[i].columns);
}

static void test_visible(void **state)
{
	static const struct {
		const char *text;
		size_t len, size;
		const char *wanted;
	} rows[] = {
		{ BYTES("plain"), 100, "plain" },
		{ BYTES("Zo\xc3\xab"), 100, "Zo\xc3\xab" },
		{ BYTES("\x1b[0m\x7f\0\n"), 100, "\\x1B[0m\\x7F\\x00\\x0A" },
		{ BYTES("\xc2\x9b" "31m"), 100, "\\u{009B}31m" }, /* one-byte CSI */
		{ BYTES("\xe2\x80\xae" "evil\xe2\x81\xa6"), 100, "\\u{202E}evil\\u{2066}" },
		{ BYTES("a\xff\xc3"), 100, "a\\xFF\\xC3" },
		{ BYTES("\xef\xbb\xbfx"), 100, "\\u{FEFF}x" },
		{ BYTES("12345"), 6, "12345" },
		{ BYTES("123456"), 6, "12..." },
		{ BYTES("\xc3\xab\xc3\xab\xc3\xab\xc3\xab"), 8, "\xc3\xab\xc3\xab..." },
		{ BYTES("ab\x01"), 6, "ab..." },
		{ BYTES("abcdef"), 3, ".." },
		{ BYTES("abcdef"), 1, "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		char out[100];
		size_t len = text_visible(rows[i].text, rows[i].len, out, rows[i].size);

		assert_string_equal(out, rows[i].wanted);
		assert_int_equal(len, strlen(out));
	}
	assert_int_equal(text_visible("a", 1, NULL, 0), 0);
}

static void test_nearest(void **state)
{
	static const char *const names[] = { "Billing", "Refunds", "Claims L1", "English",
					     "e", "\xd0\x9f\xd1\x80\xd0\xbe\xd0\xb4" };
	static const struct {
		const char *name;
		int wanted;
	} rows[] = {
		{ "Biling", 0 },    { "billing", 0 },   { "BILLING", 0 }, { "Billign", 0 },
		{ "refund", 1 },    { "Claims L2", 2 }, { "Sales", -1 },  { "E", 4 },
		{ "x", -1 },        { "", -1 },
		{ "\xd0\x9f\xd1\x80\xd0\xbe\xd1\x82", 5 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		int got = text_nearest(rows[i].name, names, COUNT(names));

		if (got != rows[i].wanted)
			fail_msg("\"%s\": %d, wanted %d", rows[i].name, got, rows[i].wanted);
	}
	assert_int_equal(text_nearest("a", NULL, 0), -1);
}

static void test_base64(void **state)
{
	/* RFC 4648 section 10. */
	static const struct {
		const char *plain, *coded;
	} rows[] = {
		{ "", "" },           { "f", "Zg==" },         { "fo", "Zm8=" },
		{ "foo", "Zm9v" },    { "foob", "Zm9vYg==" },  { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zm9v Yg==", "Zm9v\n",
		"Zg=g", "Zm-v", "Zh==", "Zm9=", "Zg==Zg==", "Zm8=Zm8=",
	};
	unsigned char all[256], back[256];
	char coded[400];
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		len = base64_encode(rows[i].plain, strlen(rows[i].plain), coded);
		assert_int_equal(len, base64_encoded_size(strlen(rows[i].plain)));
		assert_int_equal(len, strlen(rows[i].coded));
		assert_memory_equal(coded, rows[i].coded, len);
		/* In place. */
		assert_int_equal(base64_decode(coded, len, coded), (long)strlen(rows[i].plain));
		assert_memory_equal(coded, rows[i].plain, strlen(rows[i].plain));
	}
	for (i = 0; i < COUNT(bad); i++) {
		if (base64_decode(bad[i], strlen(bad[i]), back) != -1)
			fail_msg("\"%s\" should be refused", bad[i]);
	}
	for (i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	len = base64_encode(all, sizeof(all), coded);
	assert_int_equal(base64_decode(coded, len, back), 256);
	assert_memory_equal(all, back, sizeof(all));
}

static void test_time(void **state)
{
	static const struct {
		int64_t t;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ -1, "1969-12-31T23:59:59Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ 951868800, "2000-03-01T00:00:00Z" },
		{ 1769851800, "2026-01-31T09:30:00Z" },
		{ 2147483648, "2038-01-19T03:14:08Z" },
		{ 4107542399, "2100-02-28T23:59:59Z" },
		{ 4107542400, "2100-03-01T00:00:00Z" },
		{ INT64_C(253402300799), "9999-12-31T23:59:59Z" },
		{ INT64_C(-62167219200), "0000-01-01T00:00:00Z" },
	};
	char out[21];
	int64_t t, day;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		time_format(rows[i].t, out);
		assert_string_equal(out, rows[i].text);
		assert_int_equal(time_parse(out, 20, &t), 0);
		assert_int_equal(t, rows[i].t);
	}
	time_format(INT64_MAX, out);
	assert_string_equal(out, "9999-12-31T23:59:59Z");
	time_format(INT64_MIN, out);
	assert_string_equal(out, "0000-01-01T00:00:00Z");
	for (day = -719528; day < 2932897; day += 13) {
		time_format(day * 86400 + 12345, out);
		assert_int_equal(time_parse(out, 20, &t), 0);
		assert_int_equal(t, day * 86400 + 12345);
	}
}

static void test_time_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t t; /* -1 = refused */
	} rows[] = {
		{ "1985-04-12T23:20:50.52Z", 482196050 }, /* RFC 3339 section 5.8 */
		{ "1996-12-19T16:39:57-08:00", 851042397 },
		{ "1990-12-31T15:59:60-08:00", 662688000 },
		{ "1937-01-01T12:00:27.87+00:20", -1041337173 },
		{ "1985-04-12t23:20:50z", 482196050 },
		{ "1985-04-12T23:20:50", -1 },
		{ "1985-04-12 23:20:50Z", -1 },
		{ "1985-04-12T23:20:50.Z", -1 },
		{ "1985-04-12T23:20:50Zx", -1 },
		{ "1985-02-29T00:00:00Z", -1 },
		{ "1985-13-01T00:00:00Z", -1 },
		{ "1985-00-01T00:00:00Z", -1 },
		{ "1985-01-00T00:00:00Z", -1 },
		{ "1985-01-32T00:00:00Z", -1 },
		{ "1985-01-01T24:00:00Z", -1 },
		{ "1985-01-01T00:60:00Z", -1 },
		{ "1985-01-01T00:00:61Z", -1 },
		{ "1985-01-01T00:00:00+24:00", -1 },
		{ "1985-01-01T00:00:00+0100", -1 },
		{ "1985-1-01T00:00:000Z", -1 },
		{ "", -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		int64_t t = -1;
		int ret = time_parse(rows[i].text, strlen(rows[i].text), &t);

		if (t != rows[i].t || (ret == 0) != (rows[i].t != -1))
			fail_msg("\"%s\": %lld", rows[i].text, (long long)t);
	}
}

/* ---- clock ---- */

static void test_clock(void **state)
{
	const struct clock *clock = clock_system();
	int64_t before = clock_mono_us(clock), after = clock_mono_us(clock);

	(void)state;
	assert_true(after >= before);
	assert_true(clock_now_us(clock) > INT64_C(1700000000) * 1000000);
}

static void test_rng(void **state)
{
	struct rng a, b;
	unsigned seen[7] = { 0 };
	char uuid[37], other[37];
	int i;

	(void)state;
	/* The published splitmix64 and xoshiro256** give this for seed 42. */
	rng_seed(&a, 42);
	assert_true(rng_next(&a) == UINT64_C(1546998764402558742));
	assert_true(rng_next(&a) == UINT64_C(6990951692964543102));
	rng_seed(&a, 1);
	rng_seed(&b, 1);
	for (i = 0; i < 100; i++)
		assert_true(rng_next(&a) == rng_next(&b));
	for (i = 0; i < 7000; i++)
		seen[rng_below(&a, 7)]++;
	for (i = 0; i < 7; i++)
		assert_in_range(seen[i], 850, 1150);
	assert_int_equal(rng_below(&a, 1), 0);
	for (i = 0; i < 100; i++) {
		rng_uuid(&a, uuid);
		assert_int_equal(strlen(uuid), 36);
		assert_int_equal(uuid[14], '4');
		assert_non_null(strchr("89ab", uuid[19]));
	}
	rng_seed_system(&a);
	rng_seed_system(&b);
	rng_uuid(&a, uuid);
	rng_uuid(&b, other);
	assert_string_not_equal(uuid, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_err_first_wins),
		cmocka_unit_test(test_err_format),
		cmocka_unit_test(test_err_prefix_and_place),
		cmocka_unit_test(test_err_hostile_text),
		cmocka_unit_test(test_diags),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_arena_large),
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_buf_codings),
		cmocka_unit_test(test_buf_read_file),
		cmocka_unit_test(test_vec),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_nocase),
		cmocka_unit_test(test_utf8_rows),
		cmocka_unit_test(test_utf8_every_code_point),
		cmocka_unit_test(test_utf8_scan),
		cmocka_unit_test(test_utf8_width),
		cmocka_unit_test(test_visible),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_time_parse),
		cmocka_unit_test(test_rng),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
