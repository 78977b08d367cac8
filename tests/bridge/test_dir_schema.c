/* Attribute definitions of directories: names and OIDs, and what is no definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/directory/schema.h"

#include "scim/base/banned.h"

static struct slice text(const char *s)
{
	return slice_of(s, strlen(s));
}

static void test_definitions(void **state)
{
	static const struct {
		const char *definition;
		int status;
		const char *asked, *found;
	} rows[] = {
		{ "( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'RFC4519: common name(s)' SUP name )", 0,
		  "COMMONNAME", "cn" },
		{ "( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )", 0, "2.5.4.3", "cn" },
		{ "( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )", 0, "name", NULL },
		{ "( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' SYNTAX '1.3.6.1' SINGLE-VALUE )", 0,
		  "samaccountname", "sAMAccountName" },
		{ "(1.2.3 NAME('a' 'b'))", 0, "b", "a" },
		{ "( 1.2.3 DESC 'it has no NAME ( here )' SYNTAX 1.4 )", 0, "1.2.3", "1.2.3" },
		{ "( 1.2.3 DESC 'x' NAME 'late' )", 0, "late", "late" },
		{ "( foo-oid NAME 'foo' )", 0, "foo-OID", "foo" },
		{ "", -1, "x", NULL },
		{ "2.5.4.3 NAME 'cn'", -1, "cn", NULL },
		{ "(", -1, "x", NULL },
		{ "( ) NAME 'x'", -1, "x", NULL },
		{ "( 1.2.3 NAME", -1, "1.2.3", NULL },
		{ "( 1.2.3 NAME (", -1, "1.2.3", NULL },
		{ "( 1.2.3 NAME 'a b' )", -1, "a b", NULL },
		{ "( 1.2.3 NAME '' )", -1, "", NULL },
		{ "( 1.2.3 NAME 'open )", -1, "open )", NULL },
		{ "( '1.2.3' NAME 'q' )", 0, "q", "q" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dir_schema schema;
		const char *found;
		int status;

		dir_schema_init(&schema);
		status = dir_schema_add(&schema, text(rows[i].definition));
		found = dir_schema_find(&schema, text(rows[i].asked));
		if (status != rows[i].status)
			fail_msg("%s: %d", rows[i].definition, status);
		if ((found != NULL) != (rows[i].found != NULL) ||
		    (found && strcmp(found, rows[i].found) != 0))
			fail_msg("%s: %s", rows[i].definition, found ? found : "not found");
		dir_schema_release(&schema);
	}
}

static void test_nearest(void **state)
{
	struct dir_schema schema;

	(void)state;
	dir_schema_init(&schema);
	assert_null(dir_schema_nearest(&schema, "cn"));
	dir_schema_add(&schema, text("( 1.1 NAME 'departmentNumber' )"));
	dir_schema_add(&schema, text("( 1.2 NAME 'displayName' )"));
	assert_string_equal(dir_schema_nearest(&schema, "departementNumber"), "departmentNumber");
	assert_null(dir_schema_nearest(&schema, "zzzzzz"));
	dir_schema_release(&schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definitions),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
