/* scim/schema: the attribute table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "scim/schema.h"
#include "scim/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ENTERPRISE "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

static void test_table_is_sound(void **state)
{
	unsigned i, j;

	(void)state;
	for (i = 0; i < SCIM_ATTR_COUNT; i++) {
		const struct scim_attr_row *row = scim_attr((enum scim_attr)i);

		assert_int_equal(scim_attr_find(row->name), i);
		assert_int_equal(scim_attr_by_path(slice_str(row->path)), i);
		assert_int_equal(scim_attr_by_leaf(row->place, slice_str(row->leaf)), i);
		assert_int_equal(strlen(row->leaf), row->leaf_len);
		assert_true(!row->multi || row->place == SCIM_IN_CORE);
		for (j = 0; j < i; j++)
			assert_false(text_eq_nocase(row->name,
						    scim_attr((enum scim_attr)j)->name));
	}
}

/* Places must stay together, since fields in order are written group by group. */
static void test_places_are_contiguous(void **state)
{
	bool ended[2] = { false, false };
	int before = -1;
	unsigned i;

	(void)state;
	for (i = 0; i < SCIM_ATTR_COUNT; i++) {
		enum scim_place place = scim_attr((enum scim_attr)i)->place;
		int group = place == SCIM_IN_NAME ? 0 : place == SCIM_IN_CORE ? -1 : 1;

		if (before >= 0 && group != before)
			ended[before] = true;
		assert_true(group < 0 || !ended[group]);
		before = group;
	}
}

static void test_find(void **state)
{
	static const struct {
		const char *name;
		enum scim_attr wanted;
	} rows[] = {
		{ "userName", SCIM_ATTR_USER_NAME },
		{ "USERNAME", SCIM_ATTR_USER_NAME },
		{ "givenName", SCIM_ATTR_GIVEN_NAME },
		{ "manager", SCIM_ATTR_MANAGER },
		{ "dateHire", SCIM_ATTR_DATE_HIRE },
		{ "name.givenName", SCIM_ATTR_COUNT },
		{ "user", SCIM_ATTR_COUNT },
		{ "", SCIM_ATTR_COUNT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		if (scim_attr_find(rows[i].name) != rows[i].wanted)
			fail_msg("%s", rows[i].name);
	}
	assert_string_equal(scim_attr_nearest("usrName"), "userName");
	assert_string_equal(scim_attr_nearest("departement"), "department");
	assert_null(scim_attr_nearest("shoeSize"));
}

static void test_by_path(void **state)
{
	static const struct {
		const char *path;
		enum scim_attr wanted;
	} rows[] = {
		{ "userName", SCIM_ATTR_USER_NAME },
		{ "NAME.GIVENNAME", SCIM_ATTR_GIVEN_NAME },
		{ "urn:ietf:params:scim:schemas:core:2.0:User:title", SCIM_ATTR_TITLE },
		{ "URN:IETF:params:scim:schemas:core:2.0:user:Title", SCIM_ATTR_TITLE },
		{ ENTERPRISE ":department", SCIM_ATTR_DEPARTMENT },
		{ ENTERPRISE ":manager", SCIM_ATTR_MANAGER },
		{ ENTERPRISE ":manager.value", SCIM_ATTR_MANAGER },
		{ ENTERPRISE ":manager.displayName", SCIM_ATTR_COUNT },
		{ ENTERPRISE ":userName", SCIM_ATTR_COUNT },
		{ ENTERPRISE, SCIM_ATTR_COUNT },
		{ ENTERPRISE ":", SCIM_ATTR_COUNT },
		{ "department", SCIM_ATTR_COUNT }, /* belongs to the extension */
		{ "givenName", SCIM_ATTR_COUNT },
		{ "emails.value", SCIM_ATTR_COUNT },
		{ "", SCIM_ATTR_COUNT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		if (scim_attr_by_path(slice_str(rows[i].path)) != rows[i].wanted)
			fail_msg("%s", rows[i].path);
	}
}

static void test_value_valid(void **state)
{
	static const struct {
		enum scim_attr attr;
		const char *value;
		bool valid;
	} rows[] = {
		{ SCIM_ATTR_ACTIVE, "true", true },
		{ SCIM_ATTR_ACTIVE, "false", true },
		{ SCIM_ATTR_ACTIVE, "True", false },
		{ SCIM_ATTR_ACTIVE, "", false },
		{ SCIM_ATTR_DATE_HIRE, "2026-02-28", true },
		{ SCIM_ATTR_DATE_HIRE, "2026-02-29", false },
		{ SCIM_ATTR_DATE_HIRE, "2024-02-29", true },
		{ SCIM_ATTR_DATE_HIRE, "2026-2-28", false },
		{ SCIM_ATTR_DATE_HIRE, "2026-02-28T00:00:00Z", false },
		{ SCIM_ATTR_DATE_HIRE, "28.02.2026", false },
		{ SCIM_ATTR_TITLE, "Zo\xc3\xab", true },
		{ SCIM_ATTR_TITLE, "two\nlines", true },
		{ SCIM_ATTR_TITLE, "bell\a", false },
		{ SCIM_ATTR_TITLE, "del\x7f", false },
		{ SCIM_ATTR_TITLE, "Zo\xeb", false },
		{ SCIM_ATTR_PROFILE_URL, "https://example.com/a", true },
		{ SCIM_ATTR_PROFILE_URL, "https://example.com/a b", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		if (scim_value_valid(rows[i].attr, rows[i].value) != rows[i].valid)
			fail_msg("%s: %s", scim_attr(rows[i].attr)->name, rows[i].value);
	}
}

static void test_value_same(void **state)
{
	static const struct {
		enum scim_attr attr;
		const char *a, *b;
		bool same;
	} rows[] = {
		{ SCIM_ATTR_USER_NAME, "Ana@Example.com", "ana@example.com", true },
		{ SCIM_ATTR_EMAILS, "ana@example.com", "ana@example.org", false },
		{ SCIM_ATTR_DISPLAY_NAME, "ana", "Ana", false },
		{ SCIM_ATTR_EXTERNAL_ID, "ab", "aB", false },
		{ SCIM_ATTR_PHONE_NUMBERS, "+1 (317) 555-0100", "tel:+13175550100", true },
		{ SCIM_ATTR_PHONE_NUMBERS, "TEL:+1.317.555.0100", "+13175550100", true },
		{ SCIM_ATTR_PHONE_NUMBERS, "+13175550100;ext=7", "+13175550100", false },
		{ SCIM_ATTR_PHONE_NUMBERS, "+13175550100", "+13175550101", false },
		{ SCIM_ATTR_PHONE_NUMBERS, "tel:", "", true },
		{ SCIM_ATTR_PHONE_NUMBERS, "te", "tel:", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		if (scim_value_same(rows[i].attr, rows[i].a, rows[i].b) != rows[i].same ||
		    scim_value_same(rows[i].attr, rows[i].b, rows[i].a) != rows[i].same)
			fail_msg("\"%s\" and \"%s\"", rows[i].a, rows[i].b);
	}
}

static void test_case_exact(void **state)
{
	static const struct {
		const char *path;
		bool exact;
	} rows[] = {
		{ "id", true },           { "ID", true },        { "meta.version", true },
		{ "externalId", true },   { "userName", false }, { "emails.value", false },
		{ "members.value", true }, { "members", true },  { "displayName", false },
		{ "manager", true },      { "shoeSize", false }, { "", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		if (scim_path_case_exact(slice_str(rows[i].path)) != rows[i].exact)
			fail_msg("%s", rows[i].path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_sound),
		cmocka_unit_test(test_places_are_contiguous),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_by_path),
		cmocka_unit_test(test_value_valid),
		cmocka_unit_test(test_value_same),
		cmocka_unit_test(test_case_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
