/*
 * What a SCIM service can do: by its own word, and by the file of a probe; and what rules may
 * not ask of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/model/target.h"
#include "bridge/tenant/scim.h"

#include "scim/base/banned.h"

#define URL "https://scim.example.org"

static char folder[] = "/tmp/dirbridge-profile.XXXXXX";
static char path[100];

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const struct {
	const char *name, *text;
	bool patch, etag, bulk;
	unsigned bulk_max, page_max;
} configs[] = {
	{ "as RFC 7643 section 8.5 has it",
	  "{\"patch\":{\"supported\":true},\"bulk\":{\"supported\":true,\"maxOperations\":50,"
	  "\"maxPayloadSize\":90000},\"filter\":{\"supported\":true,\"maxResults\":40},"
	  "\"etag\":{\"supported\":true},\"sort\":{\"supported\":false},"
	  "\"authenticationSchemes\":[{\"type\":\"oauthbearertoken\"}]}", true, true, true, 50, 40 },
	{ "nothing of the kind", "{\"etag\":{\"supported\":false},\"bulk\":{\"supported\":false},"
	  "\"patch\":{\"supported\":false}}", false, false, false, 1000, 0 },
	{ "names in other cases", "{\"Patch\":{\"Supported\":false}}", false, false, false, 1000, 0 },
	{ "a Bulk of nothing", "{\"bulk\":{\"supported\":true,\"maxOperations\":0}}", true, false,
	  false, 1000, 0 },
	{ "empty", "{}", true, false, false, 1000, 0 },
	{ "of wrong types", "{\"patch\":false,\"bulk\":{\"supported\":\"yes\",\"maxOperations\":\"9\"},"
	  "\"etag\":null}", true, false, false, 1000, 0 },
	{ "half", "{\"patch\":{\"supported\":false},", true, false, false, 0, 0 },
	{ "a page of a proxy", "<html>", true, false, false, 0, 0 },
	{ "nothing", "", true, false, false, 0, 0 },
};

static void test_advertised(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		struct service_profile profile;

		service_profile_init(&profile);
		service_profile_advertised(&profile, slice_str(configs[i].text));
		if (profile.patch != configs[i].patch || profile.etag != configs[i].etag ||
		    profile.bulk != configs[i].bulk || profile.bulk_max != configs[i].bulk_max ||
		    profile.page_max != configs[i].page_max)
			fail_msg("%s: patch %d, etag %d, bulk %d of %u, pages of %u",
				 configs[i].name, profile.patch, profile.etag, profile.bulk,
				 profile.bulk_max, profile.page_max);
	}
}

/* What was found out wins over what is said. */
static void test_probed(void **state)
{
	struct service_profile profile;

	(void)state;
	service_profile_init(&profile);
	profile.probed = true;
	profile.etag = true;
	service_profile_advertised(&profile, slice_str(configs[1].text));
	assert_true(profile.patch);
	assert_true(profile.etag);
}

static void test_file(void **state)
{
	struct service_profile profile, read;
	struct err err = ERR_INIT;
	struct buf text, again;

	(void)state;
	service_profile_init(&profile);
	profile.op_title_case = profile.extension_dot = profile.member_value = true;
	profile.path_form = PATH_DOTTED;
	profile.paging = PAGE_CURSOR;
	profile.members = MEMBERS_BY_FILTER;
	profile.patch_ops_max = 8;
	profile.lost = UINT64_C(1) << SCIM_ATTR_TITLE | UINT64_C(1) << SCIM_ATTR_MANAGER;
	profile.keeps_values = true;
	buf_init(&text, SERVICE_PROFILE_BYTES_MAX);
	buf_init(&again, SERVICE_PROFILE_BYTES_MAX);
	service_profile_write(&profile, URL, &text);
	write_file(text.data);
	service_profile_init(&read);
	assert_int_equal(service_profile_load(&read, path, URL, &err), 0);
	assert_true(read.probed);
	assert_true(read.lost == profile.lost);
	service_profile_write(&read, URL, &again);
	assert_string_equal(text.data, again.data);
	/* Of another service it says nothing. */
	service_profile_init(&read);
	assert_int_equal(service_profile_load(&read, path, URL "/other", &err), 0);
	assert_false(read.probed);
	assert_false(read.op_title_case);
	unlink(path);
	assert_int_equal(service_profile_load(&read, path, URL, &err), 0);
	assert_false(read.probed);
	buf_release(&text);
	buf_release(&again);
}

static const struct {
	const char *name, *text, *error;
} bad[] = {
	{ "no JSON", "patch: true", "" },
	{ "another file", "{\"a\":1}", "this is no dirbridge.scim-profile/1" },
	{ "a word that is unknown", "{\"schema\":\"dirbridge.scim-profile/1\",\"paging\":\"book\"}",
	  "paging: \"book\" is unknown" },
	{ "out of range", "{\"schema\":\"dirbridge.scim-profile/1\",\"membersMax\":-1}",
	  "membersMax: out of range" },
	{ "a wrong type", "{\"schema\":\"dirbridge.scim-profile/1\",\"patch\":\"yes\"}", "" },
	{ "cut off", "{\"schema\":\"dirbridge.scim-profile/1\",\"notKept\":[\"title\"", "" },
};

static void test_bad_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct service_profile profile;
		struct err err = ERR_INIT;

		write_file(bad[i].text);
		service_profile_init(&profile);
		if (!service_profile_load(&profile, path, URL, &err))
			fail_msg("%s: taken", bad[i].name);
		if (!strstr(err.text, bad[i].error) || !strstr(err.text, "--probe"))
			fail_msg("%s: %s", bad[i].name, err.text);
		assert_false(profile.probed);
	}
	unlink(path);
}

/* Assignments without a form in SCIM are refused where they stand. */
static void test_rules(void **state)
{
	static const char text[] =
		"version: 1\npeople:\n  - name: a\n    when: has(entry.mail)\n    profile:\n"
		"      userName: ${entry.mail}\n      displayName: ${entry.cn}\n    assign:\n"
		"      - groups: [Guides]\n      - skills: {Billing: 3}\n"
		"      - roles: [{role: \"${entry.l}\"}]\n";
	const char *paths[] = { path };
	struct diags diags = { 0 };
	struct rules *rules;

	(void)state;
	write_file(text);
	assert_int_equal(rules_load(paths, 1, &rules, &diags), 0);
	assert_int_equal(target_check_rules(TARGET_GENESYS, rules, &diags), 0);
	assert_int_equal(target_check_rules(TARGET_SCIM, rules, &diags), -1);
	assert_int_equal(diags.total, 2);
	assert_int_equal(diags.items[0].line, 10);
	assert_string_equal(diags.items[0].text,
			    "a SCIM service has no skills (target.kind: scim); it has groups");
	assert_int_equal(diags.items[1].line, 11);
	diags_release(&diags);
	rules_free(rules);
	unlink(path);
}

static void test_attributes(void **state)
{
	(void)state;
	assert_true(target_has_attr(TARGET_SCIM, SCIM_ATTR_GIVEN_NAME));
	assert_false(target_has_attr(TARGET_GENESYS, SCIM_ATTR_GIVEN_NAME));
	assert_false(target_has_attr(TARGET_SCIM, SCIM_ATTR_DATE_HIRE));
	assert_true(target_has_attr(TARGET_GENESYS, SCIM_ATTR_DATE_HIRE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_advertised), cmocka_unit_test(test_probed),
		cmocka_unit_test(test_file),	   cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_rules),	   cmocka_unit_test(test_attributes),
	};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/file", folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
