/* Security identifiers as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mappings/sid.h"

#define FULL "\x01\x0f\x00\x00\x00\x00\x00\x05" ONES ONES ONES
#define ONES "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"

static const struct {
	const char *name;
	struct slice bytes;
	const char *text; /* NULL = no SID */
} rows[] = {
	{ "of an account",
	  SLICE("\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"
		"\x03\x00\x00\x00\x50\x04\x00\x00"),
	  "S-1-5-21-1-2-3-1104" },
	{ "well known", SLICE("\x01\x01\x00\x00\x00\x00\x00\x05\x0b\x00\x00\x00"), "S-1-5-11" },
	{ "no sub-authority", SLICE("\x01\x00\x00\x00\x00\x00\x00\x05"), "S-1-5" },
	{ "largest authority", SLICE("\x01\x00\xff\xff\xff\xff\xff\xff"), "S-1-281474976710655" },
	{ "longest", SLICE(FULL),
	  "S-1-5-4294967295-4294967295-4294967295-4294967295-4294967295-4294967295-4294967295"
	  "-4294967295-4294967295-4294967295-4294967295-4294967295-4294967295-4294967295"
	  "-4294967295" },
	{ "too many", SLICE("\x01\x10\x00\x00\x00\x00\x00\x05" ONES ONES ONES "\x01\x00\x00\x00"),
	  NULL },
	{ "another revision", SLICE("\x02\x00\x00\x00\x00\x00\x00\x05"), NULL },
	{ "too short", SLICE("\x01\x00\x00\x00\x00\x00\x00"), NULL },
	{ "a byte missing", SLICE("\x01\x01\x00\x00\x00\x00\x00\x05\x0b\x00\x00"), NULL },
	{ "a byte too many", SLICE("\x01\x00\x00\x00\x00\x00\x00\x05\x00"), NULL },
	{ "text", SLICE("S-1-5-11"), NULL },
	{ "empty", SLICE(""), NULL },
};

static void test_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[SID_TEXT_BYTES] = "left";
		size_t len = sid_format(rows[i].bytes, text);

		if (rows[i].text ? len != strlen(rows[i].text) || strcmp(text, rows[i].text) != 0
				 : len != 0 || strcmp(text, "left") != 0)
			fail_msg("%s: %zu bytes \"%s\"", rows[i].name, len, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_format) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
