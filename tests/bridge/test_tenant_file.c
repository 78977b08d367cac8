/* tenant.jsonl: what is written reads back; what is wrong is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/tenant/tenant_file.h"

#include "scim/base/banned.h"

static const char *const privileged[] = { "Named" };
static const struct tenant_file_names names = { privileged, 1 };

static char folder[] = "/tmp/tenant-file.XXXXXX";

static const char *path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
	(void)state;
	unlink(path_of("a"));
	unlink(path_of("b"));
	return rmdir(folder);
}

/* In an order that only a second look can settle; with lines and members of the sandbox. */
static const char whole[] =
	"{\"kind\":\"group\",\"id\":\"g1\",\"name\":\"Team\",\"version\":7,\"members\":[\"u2\",\"u1\","
	"\"nobody\"]}\n"
	"{\"kind\":\"grant\",\"subject\":\"u1\",\"role\":\"r1\",\"division\":\"*\"}\n"
	"{\"kind\":\"grant\",\"subject\":\"g1\",\"role\":\"r1\",\"division\":\"d1\"}\n"
	"\n"
	"{\"kind\":\"user\",\"id\":\"u1\",\"email\":\"Ann@x.org\",\"name\":\"Ann \\u00fc\",\"state\":"
	"\"active\",\"version\":3,\"division\":\"d2\",\"manager\":\"u2\",\"externalId\":\"e1\","
	"\"title\":\"Agent\",\"dateHire\":\"2020-01-01\",\"emails\":[{\"type\":\"work\",\"value\":"
	"\"a@y\"}],\"phones\":[{\"type\":\"work\",\"value\":\"+41 1\"}],\"skills\":[{\"id\":\"s1\","
	"\"proficiency\":4.5}],\"externalIds\":[{\"authority\":\"x\",\"value\":\"y\"}],\"locations\":"
	"[]}\n"
	"{\"kind\":\"user\",\"id\":\"u2\",\"email\":\"bob@x.org\",\"state\":\"inactive\",\"version\":"
	"\"W/1\",\"more\":[{\"attribute\":\"givenName\",\"value\":\"Bob\"}]}\n"
	"{\"kind\":\"user\",\"id\":\"u3\",\"email\":\"ann@x.org\",\"state\":\"deleted\"}\n"
	"{\"kind\":\"client\",\"id\":\"c\",\"secret\":\"s\",\"roles\":[{\"role\":\"r1\",\"division\":"
	"\"*\"}]}\n"
	"{\"kind\":\"hologram\",\"id\":\"h1\",\"name\":\"Of another day\"}\n"
	"{\"kind\":\"division\",\"id\":\"d1\",\"name\":\"Home\",\"home\":true}\n"
	"{\"kind\":\"division\",\"id\":\"d2\",\"name\":\"Bern\",\"home\":false}\n"
	"{\"kind\":\"role\",\"id\":\"r1\",\"name\":\"Boss\",\"permissions\":[\"routing:queue:view\","
	"\"authorization:grant:add\"]}\n"
	"{\"kind\":\"role\",\"id\":\"r2\",\"name\":\"Named\",\"permissions\":[]}\n"
	"{\"kind\":\"role\",\"id\":\"r3\",\"name\":\"Plain\"}\n"
	"{\"kind\":\"skill\",\"id\":\"s1\",\"name\":\"Billing\"}\n"
	"{\"kind\":\"unit\",\"id\":\"m0\",\"name\":\"MU 0\",\"members\":[]}\n"
	"{\"kind\":\"unit\",\"id\":\"m1\",\"name\":\"MU 1\",\"members\":[\"u1\"]}\n"
	"{\"kind\":\"workPlan\",\"id\":\"w1\",\"name\":\"Full\",\"unit\":\"m1\",\"members\":[\"u1\"]}\n"
	"{\"kind\":\"queue\",\"id\":\"q1\",\"name\":\"Q\",\"division\":\"d1\",\"members\":[\"u1\"]}\n";

static void check_whole(const struct present *present, const char *which)
{
	const struct catalogue *cat = &present->catalogue;
	const struct account *ann = &present->accounts.items[0];
	const struct account *bob = &present->accounts.items[1];
	uint64_t at;

	print_message("%s\n", which);
	assert_int_equal(present->accounts.count, 3);
	assert_string_equal(catalogue_item(cat, CAT_DIVISION, cat->home)->name, "Home");
	assert_true(catalogue_item(cat, CAT_ROLE, 0)->privileged);
	assert_true(catalogue_item(cat, CAT_ROLE, 1)->privileged);
	assert_false(catalogue_item(cat, CAT_ROLE, 2)->privileged);
	assert_int_equal(catalogue_item(cat, CAT_GROUP, 0)->version, 7);
	assert_string_equal(account_text(ann, SCIM_ATTR_DISPLAY_NAME), "Ann \xc3\xbc");
	assert_string_equal(account_text(ann, SCIM_ATTR_DIVISION), "Bern");
	assert_string_equal(account_text(ann, SCIM_ATTR_MANAGER), "u2");
	assert_string_equal(account_text(ann, SCIM_ATTR_DATE_HIRE), "2020-01-01");
	assert_string_equal(scim_fields_find(ann->fields, ann->field_count,
					     SCIM_ATTR_PHONE_NUMBERS, "work")->value, "+41 1");
	assert_string_equal(scim_fields_find(ann->fields, ann->field_count, SCIM_ATTR_EMAILS,
					     "work")->value, "a@y");
	assert_string_equal(ann->version, "3");
	assert_string_equal(ann->external_id, "e1");
	assert_int_equal(ann->held_count, 6);
	assert_int_equal(ann->held[4].kind, ASSIGN_UNIT);
	assert_int_equal(ann->held[4].item, 1);
	assert_int_equal(ann->held[5].kind, ASSIGN_WORK_PLAN);
	assert_int_equal(ann->held[5].division, 1);
	assert_int_equal(ann->held[0].kind, ASSIGN_ROLE);
	assert_int_equal(ann->held[0].division, ITEM_ALL);
	assert_int_equal(ann->held[1].kind, ASSIGN_SKILL);
	assert_true(ann->held[1].level == 4.5);
	assert_int_equal(ann->held[2].kind, ASSIGN_GROUP);
	assert_int_equal(ann->held[3].kind, ASSIGN_QUEUE);
	assert_int_equal(bob->state, ACCOUNT_INACTIVE);
	assert_string_equal(bob->version, "W/1");
	assert_string_equal(account_text(bob, SCIM_ATTR_GIVEN_NAME), "Bob");
	assert_int_equal(bob->held_count, 1);
	assert_int_equal(present->accounts.items[2].state, ACCOUNT_DELETED);
	/* Deleted accounts give way to those that live. */
	assert_true(map_get(&present->by_user_name, SLICE("ann@x.org"), &at) && at == 0);
}

static void test_round_trip(void **state)
{
	struct present first, second;
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	put("a", whole);
	present_init(&first);
	if (tenant_file_read(path_of("a"), &names, &first, &err))
		fail_msg("%s:%u: %s", err.where, err.line, err.text);
	check_whole(&first, "as read");
	if (tenant_file_write(&first, path_of("b"), &err))
		fail_msg("%s", err.text);
	assert_int_equal(stat(path_of("b"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	present_init(&second);
	if (tenant_file_read(path_of("b"), &names, &second, &err))
		fail_msg("%s:%u: %s", err.where, err.line, err.text);
	check_whole(&second, "as written and read");
	/* What is there is not written over. */
	assert_int_equal(tenant_file_write(&first, path_of("b"), &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	unlink(path_of("b"));
	/* Unknown would be read as absent. */
	err = (struct err)ERR_INIT;
	first.accounts.items[1].unknown_kinds = 1u << ASSIGN_SKILL;
	assert_int_equal(tenant_file_write(&first, path_of("b"), &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(access(path_of("b"), F_OK), -1);
	present_release(&first);
	present_release(&second);
}

static const struct {
	const char *name, *text, *says;
	unsigned line;
} refusals[] = {
	{ "no JSON", "x\n", "", 1 },
	{ "no object", "[]\n", "", 1 },
	{ "no kind", "{\"id\":\"x\"}\n", "begins with \"kind\"", 1 },
	{ "kind is no text", "{\"kind\":7}\n", "", 1 },
	{ "half a line", "{\"kind\":\"skill\",\"id\":\"s\",\"name\":\"n\"}\n{\"kind\":\"user\",", "", 2 },
	{ "something after", "{\"kind\":\"skill\",\"id\":\"s\",\"name\":\"n\"}x\n", "", 1 },
	{ "an item without a name", "{\"kind\":\"skill\",\"id\":\"s\"}\n", "wants an id and a name", 1 },
	{ "a user without an id", "\n{\"kind\":\"user\",\"email\":\"a\"}\n", "wants an id", 2 },
	{ "two of one id", "{\"kind\":\"user\",\"id\":\"a\"}\n{\"kind\":\"user\",\"id\":\"a\"}\n",
	  "two users have the id \"a\"", 2 },
	{ "a state of mind", "{\"kind\":\"user\",\"id\":\"a\",\"state\":\"happy\"}\n", "active, inactive", 1 },
	{ "a skill that is not", "{\"kind\":\"user\",\"id\":\"a\",\"skills\":[{\"id\":\"s\"}]}\n",
	  "no line defines the skill \"s\"", 1 },
	{ "a division that is not", "{\"kind\":\"user\",\"id\":\"a\",\"division\":\"d\"}\n",
	  "no line defines the division \"d\"", 1 },
	{ "a plan of no unit", "{\"kind\":\"workPlan\",\"id\":\"w\",\"name\":\"n\",\"unit\":\"m\"}\n",
	  "no line above defines the unit \"m\"", 1 },
	{ "a grant of nothing", "{\"kind\":\"grant\",\"subject\":\"a\",\"division\":\"*\"}\n",
	  "a grant wants", 1 },
	{ "members that are no texts", "{\"kind\":\"group\",\"id\":\"g\",\"name\":\"n\",\"members\":[1]}\n",
	  "", 1 },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct present present;
		struct err err = ERR_INIT;

		put("a", refusals[i].text);
		present_init(&present);
		if (!tenant_file_read(path_of("a"), &names, &present, &err))
			fail_msg("%s: it was read", refusals[i].name);
		if (err.line != refusals[i].line || !strstr(err.text, refusals[i].says))
			fail_msg("%s: line %u: %s", refusals[i].name, err.line, err.text);
		present_release(&present);
	}
}

static void test_missing(void **state)
{
	struct present present;
	struct err err = ERR_INIT;

	(void)state;
	present_init(&present);
	assert_int_equal(tenant_file_read(path_of("none"), &names, &present, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	present_release(&present);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
