/* scim/base/json: the reader and the writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/json.h"
#include "scim/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) s, sizeof(s) - 1

/* Read whatever comes, through every typed call, and write it again. */
static void copy_value(struct json_in *in, struct json_out *out)
{
	struct slice text;
	double number;
	bool flag;

	switch (json_peek(in)) {
	case JSON_IN_OBJECT:
		json_out_object(out);
		while (json_object_next(in, &text)) {
			struct buf key;

			buf_init(&key, 1 << 20);
			buf_add(&key, text.data, text.len);
			json_out_key(out, key.data);
			buf_release(&key);
			copy_value(in, out);
		}
		json_out_object_end(out);
		break;
	case JSON_IN_ARRAY:
		json_out_array(out);
		while (json_array_next(in))
			copy_value(in, out);
		json_out_array_end(out);
		break;
	case JSON_IN_TEXT:
		if (json_get_text(in, &text))
			json_out_slice(out, text);
		break;
	case JSON_IN_NUMBER:
		if (json_get_double(in, &number))
			json_out_double(out, number);
		break;
	case JSON_IN_BOOL:
		if (json_get_bool(in, &flag))
			json_out_bool(out, flag);
		break;
	case JSON_IN_NULL:
		json_skip(in);
		json_out_null(out);
		break;
	case JSON_IN_NONE:
		break;
	}
}

/* 0 when both ways of reading, by value and by skipping, take the text. */
static int read_both(const char *text, size_t len, struct buf *copy, struct err *ret_err)
{
	/* On the heap without a NUL, so that a sanitizer sees a byte read too many. */
	char *exact = mem_alloc(len);
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT, skip_err = ERR_INIT;
	struct json_out out;
	struct json_in in;
	int ret, skipped;

	memcpy(exact, text, len);
	buf_clear(copy);
	json_out_init(&out, copy);
	json_open(&in, exact, len, "t.json", &mem, &err);
	copy_value(&in, &out);
	ret = json_close(&in);
	json_open(&in, exact, len, "t.json", &mem, &skip_err);
	json_skip(&in);
	skipped = json_close(&in);
	assert_int_equal(ret == 0, err.kind == ERR_NONE);
	assert_int_equal(skipped == 0, skip_err.kind == ERR_NONE);
	/* Skipping does not look at the size of a number, all else is the same. */
	if (skipped != ret && err.kind != ERR_LIMIT)
		fail_msg("read %d, skipped %d: %.*s", ret, skipped, (int)len, text);
	if (ret_err)
		*ret_err = err;
	arena_release(&mem);
	free(exact);
	return ret;
}

static const struct {
	const char *name, *text;
	size_t len;
	const char *wanted; /* written again; NULL = refused */
} rows[] = {
	/* RFC 8259 section 13 */
	{ "RFC object",
	  BYTES("{ \"Image\": { \"Width\": 800, \"Height\": 600,\r\n\t\"Title\":"
		" \"View from 15th Floor\", \"Animated\" : false, \"IDs\": [116, 943,"
		" 234, 38793] } }"),
	  "{\"Image\":{\"Width\":800,\"Height\":600,\"Title\":\"View from 15th Floor\","
	  "\"Animated\":false,\"IDs\":[116,943,234,38793]}}" },
	{ "RFC plain text", BYTES("\"Hello world!\""), "\"Hello world!\"" },
	{ "RFC number", BYTES("42"), "42" },
	{ "RFC word", BYTES("true"), "true" },
	/* structure */
	{ "empty array", BYTES(" [ ] "), "[]" },
	{ "empty object", BYTES("{}"), "{}" },
	{ "empty text", BYTES("\"\""), "\"\"" },
	{ "nested empties", BYTES("[[],[[]],{\"a\":{}}]"), "[[],[[]],{\"a\":{}}]" },
	{ "null", BYTES("null"), "null" },
	{ "doubled names", BYTES("{\"a\":1,\"a\":2}"), "{\"a\":1,\"a\":2}" },
	{ "empty name", BYTES("{\"\":0}"), "{\"\":0}" },
	{ "nothing", BYTES(""), NULL },
	{ "only space", BYTES(" \n"), NULL },
	{ "two values", BYTES("1 2"), NULL },
	{ "value and comma", BYTES("1,"), NULL },
	{ "trailing comma in array", BYTES("[1,]"), NULL },
	{ "trailing comma in object", BYTES("{\"a\":1,}"), NULL },
	{ "leading comma", BYTES("[,1]"), NULL },
	{ "two commas", BYTES("[1,,2]"), NULL },
	{ "no comma", BYTES("[1 2]"), NULL },
	{ "no colon", BYTES("{\"a\" 1}"), NULL },
	{ "no value", BYTES("{\"a\":}"), NULL },
	{ "name without value", BYTES("{\"a\"}"), NULL },
	{ "name that is a number", BYTES("{1:1}"), NULL },
	{ "name without quotes", BYTES("{a:1}"), NULL },
	{ "wrong closer of array", BYTES("[1}"), NULL },
	{ "wrong closer of object", BYTES("{\"a\":1]"), NULL },
	{ "closer alone", BYTES("]"), NULL },
	{ "unclosed array", BYTES("[1"), NULL },
	{ "unclosed object", BYTES("{\"a\":1"), NULL },
	{ "comment", BYTES("[1/*x*/]"), NULL },
	{ "single quotes", BYTES("'a'"), NULL },
	{ "byte order mark", BYTES("\xef\xbb\xbf[]"), NULL },
	{ "form feed is no white space", BYTES("[\f]"), NULL },
	{ "no-break space is no white space", BYTES("[\xc2\xa0]"), NULL },
	{ "NUL after the value", BYTES("[]\0"), NULL },
	/* words */
	{ "word cut", BYTES("tru"), NULL },
	{ "word with a tail", BYTES("truex"), NULL },
	{ "word in capitals", BYTES("True"), NULL },
	{ "nul", BYTES("[nul]"), NULL },
	{ "fals", BYTES("fals"), NULL },
	{ "NaN", BYTES("NaN"), NULL },
	/* numbers */
	{ "zero", BYTES("0"), "0" },
	{ "minus zero", BYTES("-0"), "-0" },
	{ "fraction", BYTES("3.5"), "3.5" },
	{ "tenth", BYTES("0.1"), "0.1" },
	{ "exponent", BYTES("1E3"), "1000" },
	{ "signed exponents", BYTES("[1e+2,25e-1]"), "[100,2.5]" },
	{ "third", BYTES("0.3333333333333333"), "0.3333333333333333" },
	{ "greatest double", BYTES("1.7976931348623157e308"), "1.7976931348623157e+308" },
	{ "least double", BYTES("5e-324"), "4.94065645841247e-324" },
	{ "too small is zero", BYTES("1e-400"), "0" },
	{ "too great", BYTES("1e400"), NULL },
	{ "leading zero", BYTES("01"), NULL },
	{ "leading zero after minus", BYTES("-01"), NULL },
	{ "two zeros", BYTES("00"), NULL },
	{ "plus", BYTES("+1"), NULL },
	{ "minus alone", BYTES("-"), NULL },
	{ "minus and letter", BYTES("-a"), NULL },
	{ "point alone", BYTES("1."), NULL },
	{ "point first", BYTES(".5"), NULL },
	{ "point and exponent", BYTES("1.e3"), NULL },
	{ "exponent alone", BYTES("1e"), NULL },
	{ "exponent sign alone", BYTES("1e+"), NULL },
	{ "hex", BYTES("0x10"), NULL },
	{ "letter behind", BYTES("1a"), NULL },
	{ "two points", BYTES("1.2.3"), NULL },
	{ "infinity", BYTES("-Infinity"), NULL },
	/* text */
	{ "all escapes", BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
	  "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
	{ "escaped letters", BYTES("\"\\u0041\\u00e9\\u20AC\""),
	  "\"A\xc3\xa9\xe2\x82\xac\"" },
	{ "surrogate pair", BYTES("\"\\ud83d\\uDE00\""), "\"\xf0\x9f\x98\x80\"" },
	{ "first and last pair", BYTES("\"\\uD800\\uDC00\\uDBFF\\uDFFF\""),
	  "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"" },
	{ "escaped NUL", BYTES("\"a\\u0000b\""), "\"a\\u0000b\"" },
	{ "control character, escaped", BYTES("\"\\u001f\""), "\"\\u001f\"" },
	{ "DEL needs no escape", BYTES("\"\x7f\""), "\"\x7f\"" },
	{ "UTF-8 of all lengths", BYTES("\"$\xc2\xa2\xe2\x82\xac\xf0\x90\x8d\x88\""),
	  "\"$\xc2\xa2\xe2\x82\xac\xf0\x90\x8d\x88\"" },
	{ "escape in a name", BYTES("{\"\\u0061\":1}"), "{\"a\":1}" },
	{ "escape behind eight plain ones", BYTES("\"12345678\\n12345678\""),
	  "\"12345678\\n12345678\"" },
	{ "lone high surrogate", BYTES("\"\\ud83d\""), NULL },
	{ "lone low surrogate", BYTES("\"\\ude00\""), NULL },
	{ "high and letter", BYTES("\"\\ud83dx\\ude00\""), NULL },
	{ "two high ones", BYTES("\"\\ud83d\\ud83d\""), NULL },
	{ "pair the wrong way", BYTES("\"\\ude00\\ud83d\""), NULL },
	{ "high and another escape", BYTES("\"\\ud83d\\n\\u0041\""), NULL },
	{ "short escape", BYTES("\"\\u12\""), NULL },
	{ "bad hex", BYTES("\"\\u12g4\""), NULL },
	{ "unknown escape", BYTES("\"\\x41\""), NULL },
	{ "escape of a quote only", BYTES("\"\\'\""), NULL },
	{ "escaped NUL byte", BYTES("\"\\\0\""), NULL },
	{ "backslash at the end", BYTES("\"\\"), NULL },
	{ "unclosed", BYTES("\"abc"), NULL },
	{ "raw line break", BYTES("\"a\nb\""), NULL },
	{ "raw tab", BYTES("\"\t\""), NULL },
	{ "raw NUL", BYTES("\"a\0\""), NULL },
	{ "raw 0x1f behind 15 plain ones", BYTES("\"123456789012345\x1f\""), NULL },
	{ "lone continuation", BYTES("\"\x80\""), NULL },
	{ "overlong", BYTES("\"\xc0\xaf\""), NULL },
	{ "surrogate as UTF-8", BYTES("\"\xed\xa0\x80\""), NULL },
	{ "beyond Unicode", BYTES("\"\xf4\x90\x80\x80\""), NULL },
	{ "UTF-8 cut by the quote", BYTES("\"\xe2\x82\""), NULL },
	{ "UTF-8 cut by the end", BYTES("\"\xe2\x82"), NULL },
	{ "Latin-1", BYTES("\"caf\xe9\""), NULL },
	{ "broken UTF-8 in a name", BYTES("{\"\xff\":1}"), NULL },
};

static void test_rows(void **state)
{
	struct buf copy;
	size_t i;

	(void)state;
	buf_init(&copy, 1 << 20);
	for (i = 0; i < COUNT(rows); i++) {
		int ret = read_both(rows[i].text, rows[i].len, &copy, NULL);

		if ((ret == 0) != (rows[i].wanted != NULL))
			fail_msg("%s: %s", rows[i].name, ret ? "refused" : "taken");
		if (ret == 0 && strcmp(copy.data, rows[i].wanted) != 0)
			fail_msg("%s: %s", rows[i].name, copy.data);
	}
	buf_release(&copy);
}

/* Cut at any byte, a text must be refused and read no further than its end. */
static void test_truncated(void **state)
{
	static const char text[] =
		"{\"a\": [1.5e3, -0, true, false, null, \"x\\u00e9\\ud83d\\ude00\xe2\x82\xac"
		" and more than eight\"], \"b\": {\"c\": {}, \"d\": []}}";
	struct buf copy;
	size_t len;

	(void)state;
	buf_init(&copy, 1 << 20);
	for (len = 0; len < sizeof(text) - 1; len++) {
		if (read_both(text, len, &copy, NULL) == 0)
			fail_msg("taken at %zu bytes", len);
	}
	assert_int_equal(read_both(text, sizeof(text) - 1, &copy, NULL), 0);
	buf_release(&copy);
}

/* Every byte in every place of a short text: no crash, and what is taken reads back. */
static void test_changed_bytes(void **state)
{
	static const char text[] = "{\"a\\n\":[1.5,\"\xc3\xa9\",true]}";
	char changed[sizeof(text)];
	struct buf copy, again;
	size_t at;
	int byte;

	(void)state;
	buf_init(&copy, 1 << 20);
	buf_init(&again, 1 << 20);
	for (at = 0; at < sizeof(text) - 1; at++) {
		for (byte = 0; byte < 256; byte++) {
			memcpy(changed, text, sizeof(text));
			changed[at] = (char)byte;
			if (read_both(changed, sizeof(text) - 1, &copy, NULL) != 0)
				continue;
			assert_int_equal(read_both(copy.data, copy.len, &again, NULL), 0);
			assert_string_equal(copy.data, again.data);
		}
	}
	buf_release(&copy);
	buf_release(&again);
}

static void test_depth(void **state)
{
	char text[2 * (JSON_DEPTH_MAX + 1) + 1];
	struct err err = ERR_INIT;
	struct buf copy;
	size_t depth;

	(void)state;
	buf_init(&copy, 1 << 20);
	for (depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		err = (struct err)ERR_INIT;
		assert_int_equal(read_both(text, 2 * depth, &copy, &err),
				 depth > JSON_DEPTH_MAX ? -1 : 0);
	}
	assert_int_equal(err.kind, ERR_LIMIT);
	/* Skipped from within, the levels outside count. */
	memset(text, '[', 2 * JSON_DEPTH_MAX);
	assert_int_equal(read_both(text, 2 * JSON_DEPTH_MAX, &copy, NULL), -1);
	buf_release(&copy);
}

static void test_depth_of_skipped(void **state)
{
	char text[2 * (JSON_DEPTH_MAX + 1)];
	struct err err = ERR_INIT;
	struct json_in in;

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	json_open(&in, text, sizeof(text), NULL, NULL, &err);
	assert_true(json_array_next(&in));
	json_skip(&in);
	assert_int_equal(json_close(&in), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_int_equal(err.column, JSON_DEPTH_MAX + 1);
}

static void test_places(void **state)
{
	static const struct {
		const char *text, *wanted;
	} places[] = {
		{ "{\"a\": 1,\n \"b\" 2}", "t.json:2:6: JSON has \"2\" where a colon is expected" },
		{ "[1,\n2,\n\n  x]", "t.json:4:3: JSON has \"x\" where a value is expected" },
		{ "[\"a\xff\"]", "t.json:1:4: text that is not UTF-8 (byte 0xFF)" },
		{ "[\"ab\n", "t.json:1:5: control character 0x0A in text, it must be escaped" },
		{ "[\"\\q\"]",
		  "t.json:1:3: an escape that RFC 8259 does not have, or half a surrogate pair" },
		{ "[1", "t.json:1:3: JSON ends where a comma or ] is expected" },
		{ "[01]", "t.json:1:2: a number that RFC 8259 does not allow" },
		{ "[] x", "t.json:1:4: JSON has \"x\" where the end is expected" },
	};
	char line[ERR_FORMAT_MAX];
	struct buf copy;
	size_t i;

	(void)state;
	buf_init(&copy, 1 << 20);
	for (i = 0; i < COUNT(places); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(read_both(places[i].text, strlen(places[i].text), &copy,
					   &err), -1);
		assert_string_equal(err_format(&err, line, sizeof(line)), places[i].wanted);
	}
	buf_release(&copy);
}

static void test_int(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
		enum err_kind kind;
	} ints[] = {
		{ "0", true, 0, ERR_NONE },
		{ "-0", true, 0, ERR_NONE },
		{ "12", true, 12, ERR_NONE },
		{ "9223372036854775807", true, INT64_MAX, ERR_NONE },
		{ "-9223372036854775808", true, INT64_MIN, ERR_NONE },
		{ "9223372036854775808", false, 0, ERR_LIMIT },
		{ "-9223372036854775809", false, 0, ERR_LIMIT },
		{ "99999999999999999999", false, 0, ERR_LIMIT },
		{ "12.0", false, 0, ERR_INVALID },
		{ "1e3", false, 0, ERR_INVALID },
		{ "\"12\"", false, 0, ERR_INVALID },
		{ "null", false, 0, ERR_INVALID },
		{ "true", false, 0, ERR_INVALID },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ints); i++) {
		struct err err = ERR_INIT;
		struct json_in in;
		int64_t value = 7;

		json_open(&in, ints[i].text, strlen(ints[i].text), NULL, NULL, &err);
		if (json_get_int(&in, &value) != ints[i].ok)
			fail_msg("%s", ints[i].text);
		assert_int_equal(value, ints[i].ok ? ints[i].value : 7);
		assert_int_equal(err.kind, ints[i].kind);
		assert_int_equal(json_failed(&in), !ints[i].ok);
		assert_int_equal(json_close(&in), ints[i].ok ? 0 : -1);
	}
}

static void test_long_number(void **state)
{
	char text[3000];
	struct err err = ERR_INIT;
	struct buf copy;

	(void)state;
	buf_init(&copy, 1 << 20);
	memset(text, '1', sizeof(text));
	assert_int_equal(read_both(text, sizeof(text), &copy, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_int_equal(read_both(text, 300, &copy, NULL), 0);
	assert_string_equal(copy.data, "1.1111111111111112e+299");
	buf_release(&copy);
}

static void test_wrong_type(void **state)
{
	static const char *const texts[] = { "null", "true", "1", "\"a\"", "[]", "{}" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		struct slice text;
		struct json_in in;
		struct arena mem = ARENA_INIT;
		double number;
		bool flag, ok;
		int call;

		for (call = 0; call < 6; call++) {
			struct err err = ERR_INIT;

			json_open(&in, texts[i], strlen(texts[i]), NULL, &mem, &err);
			switch (call) {
			case 0:
				ok = json_opt_text(&in, &text);
				assert_int_equal(ok, i == 0 || i == 3);
				if (i == 0)
					assert_null(text.data);
				break;
			case 1:
				assert_int_equal(json_get_bool(&in, &flag), i == 1);
				break;
			case 2:
				assert_int_equal(json_get_double(&in, &number), i == 2);
				break;
			case 3:
				assert_int_equal(json_get_text(&in, &text), i == 3);
				break;
			case 4:
				assert_false(json_array_next(&in));
				assert_int_equal(json_failed(&in), i != 4);
				break;
			case 5:
				assert_false(json_object_next(&in, &text));
				assert_int_equal(json_failed(&in), i != 5);
				break;
			}
			if (json_failed(&in))
				assert_int_equal(err.kind, ERR_INVALID);
			/* After a failure nothing is read, but all may be asked. */
			if (json_failed(&in)) {
				assert_int_equal(json_peek(&in), JSON_IN_NONE);
				assert_false(json_object_next(&in, &text));
				assert_false(json_array_next(&in));
				assert_false(json_get_text(&in, &text));
				assert_false(json_get_raw(&in, &text));
				json_skip(&in);
			}
			assert_int_equal(json_close(&in), json_failed(&in) ? -1 : 0);
		}
		arena_release(&mem);
	}
}

static void test_slices_point_into_text(void **state)
{
	static const char text[] = "[\"plain\",\"es\\u0063aped\", {\"raw\" : [1, 2]} ]";
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct slice s, key;
	struct json_in in;

	(void)state;
	json_open(&in, text, sizeof(text) - 1, NULL, &mem, &err);
	assert_true(json_array_next(&in));
	assert_true(json_get_text(&in, &s));
	assert_ptr_equal(s.data, text + 2);
	assert_int_equal(mem.used_bytes, 0);
	assert_true(json_array_next(&in));
	assert_true(json_get_text(&in, &s));
	assert_true(slice_eq_str(s, "escaped"));
	assert_true(json_array_next(&in));
	assert_true(json_object_next(&in, &key));
	assert_true(slice_eq_str(key, "raw"));
	assert_true(json_get_raw(&in, &s));
	assert_true(slice_eq_str(s, "[1, 2]"));
	assert_false(json_object_next(&in, &key));
	assert_false(json_array_next(&in));
	assert_int_equal(json_close(&in), 0);
	arena_release(&mem);
}

static void test_caller_fails(void **state)
{
	static const char text[] = "[1,\n 2]";
	struct err err = ERR_INIT;
	struct json_in in;
	char line[ERR_FORMAT_MAX];
	int64_t value;

	(void)state;
	json_open(&in, text, sizeof(text) - 1, "t", NULL, &err);
	while (json_array_next(&in)) {
		if (json_get_int(&in, &value) && value == 2)
			assert_false(json_fail(&in, ERR_REFUSED, "no %d", 2));
	}
	assert_int_equal(json_close(&in), -1);
	assert_string_equal(err_format(&err, line, sizeof(line)), "t:2:3: no 2");
}

static void test_not_read_to_end(void **state)
{
	struct err err = ERR_INIT;
	struct json_in in;

	(void)state;
	json_open(&in, "[1]", 3, NULL, NULL, &err);
	assert_true(json_array_next(&in));
	json_skip(&in);
	assert_int_equal(json_close(&in), -1);
	assert_int_equal(err.kind, ERR_INVALID);
}

static void test_writer(void **state)
{
	struct json_out out;
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	json_out_init(&out, &buf);
	json_out_object(&out);
	json_out_member(&out, "text", "a\"b");
	json_out_member(&out, "none", NULL);
	json_out_member_int(&out, "least", INT64_MIN);
	json_out_key(&out, "list");
	json_out_array(&out);
	json_out_bool(&out, true);
	json_out_null(&out);
	json_out_double(&out, 0.5);
	json_out_double(&out, INFINITY);
	json_out_raw(&out, SLICE("{\"x\":1}"));
	json_out_array(&out);
	json_out_array_end(&out);
	json_out_object(&out);
	json_out_object_end(&out);
	json_out_array_end(&out);
	json_out_key(&out, "\n");
	json_out_slice(&out, slice_of(NULL, 0));
	json_out_object_end(&out);
	assert_string_equal(buf.data,
			    "{\"text\":\"a\\\"b\",\"none\":null,"
			    "\"least\":-9223372036854775808,"
			    "\"list\":[true,null,0.5,null,{\"x\":1},[],{}],\"\\n\":\"\"}");
	buf_release(&buf);
}

static void test_writer_broken_utf8(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	json_quote(&buf, BYTES("a\xff\xc3\xe2\x82z\0\x1f"));
	assert_string_equal(buf.data, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"
				      "\\u0000\\u001f\"");
	buf_release(&buf);
}

static void test_doubles_read_back(void **state)
{
	static const double values[] = {
		0, 1, -1, 0.1, 1.0 / 3, 4.2, 1e15, 123456789012345678.0, DBL_MAX, DBL_MIN,
		5e-324, -2.5e-7, 3.14159265358979, 5e22,
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(values); i++) {
		struct json_out out;
		struct json_in in;
		struct buf buf;
		double back;

		buf_init(&buf, 100);
		json_out_init(&out, &buf);
		json_out_double(&out, values[i]);
		json_open(&in, buf.data, buf.len, NULL, NULL, NULL);
		assert_true(json_get_double(&in, &back));
		assert_true(back == values[i]);
		buf_release(&buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_changed_bytes),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_depth_of_skipped),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_int),
		cmocka_unit_test(test_long_number),
		cmocka_unit_test(test_wrong_type),
		cmocka_unit_test(test_slices_point_into_text),
		cmocka_unit_test(test_caller_fails),
		cmocka_unit_test(test_not_read_to_end),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_broken_utf8),
		cmocka_unit_test(test_doubles_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
