/*
 * First contact: who is proposed for which account, and what of it is ours.
 */
#include "bridge/plan/adopt.h"
#include "tests/bridge/plan_scene.h"

#include "scim/base/banned.h"

/* employeeNumber first: strong; then userName and the work phone. */
static const uint8_t keys[] = { SCIM_ATTR_EMPLOYEE_NUMBER, SCIM_ATTR_EXTERNAL_ID,
				SCIM_ATTR_USER_NAME };

static const struct {
	const char *name, *given;
	bool external_first;
	const char *expected; /* lines: kind person account key */
} rows[] = {
	{ "nobody", "person a\n", true, "unmatched a - -\n" },
	{ "the external id is strong", "person a\naccount A user=other@x ext=a\n", true, "strong a A externalId\n" },
	{ "a name is weak", "person a\naccount A user=a@x ext=-\n", true, "weak a A userName\n" },
	{ "without case", "person a user=Ann@X\naccount A user=aNN@x ext=-\n", true, "weak a A userName\n" },
	{ "but external ids with it", "person a ext=Q\naccount A user=z@x ext=q\n", true, "unmatched a - -\n" },
	{ "the first key that meets counts", "person a\naccount A user=z@x ext=a\naccount B user=a@x ext=-\n", true,
	  "strong a A externalId\n" },
	{ "another first key", "person a employeeNumber=7\naccount A user=z@x ext=- employeeNumber=7\n"
	  "account B user=a@x ext=a\n", false, "strong a A employeeNumber\n" },
	{ "then the external id is weak", "person a employeeNumber=8\naccount A user=z@x ext=- employeeNumber=7\n"
	  "account B user=a@x ext=a\n", false, "weak a B externalId\n" },
	{ "two accounts with one key", "person a employeeNumber=7\naccount A user=y@x ext=- employeeNumber=7\n"
	  "account B user=z@x ext=- employeeNumber=7\n", false, "ambiguous a - employeeNumber\n" },
	{ "two people, one account", "person a employeeNumber=7\nperson b user=z@x\n"
	  "account A user=z@x ext=- employeeNumber=7\n", false,
	  "ambiguous a A employeeNumber\nambiguous b A userName\n" },
	{ "three people, one account", "person a employeeNumber=7\nperson b user=z@x\nperson c employeeNumber=7\n"
	  "account A user=z@x ext=- employeeNumber=7\n", false,
	  "ambiguous a A employeeNumber\nambiguous b A userName\nambiguous c A employeeNumber\n" },
	{ "a privileged account", "person a\naccount A user=z@x ext=a role=Admin@Home\n", true,
	  "privileged a A externalId\n" },
	{ "a protected one", "person a\naccount A user=safe@x ext=a role=Admin@Home\n", true,
	  "protected a A externalId\n" },
	{ "an inactive one", "person a\naccount A user=a@x ext=- state=inactive\n", true, "weak a A userName\n" },
	{ "a deleted one is none", "person a\naccount A user=a@x ext=a state=deleted\n", true, "unmatched a - -\n" },
	{ "who is linked needs nothing", "person a\naccount A user=a@x ext=-\nlink a A\n", true, "" },
	{ "an account of somebody here", "person a user=z@x\nperson b\naccount B user=z@x ext=-\nlink b B\n", true,
	  "ambiguous a B userName\n" },
	{ "an account of somebody gone", "person a user=z@x\naccount B user=z@x ext=b\nlink b B\n", true,
	  "relink a B userName\n" },
	{ "and privileged", "person a user=z@x\naccount B user=z@x ext=b role=Admin@Home\nlink b B\n", true,
	  "privileged a B userName\n" },
	{ "undecided people wait", "person a problem:person\nperson b skip=later\naccount A user=a@x ext=a\n"
	  "account B user=b@x ext=b\n", true, "" },
	{ "in order", "person c\nperson b\nperson a\naccount A user=a@x ext=-\naccount C user=q@x ext=c\n", true,
	  "strong c C externalId\nweak a A userName\nunmatched b - -\n" },
};

static void proposals(void **unused)
{
	static const char *const safe[] = { "safe@x" };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scene scene;
		struct adoptions list;
		struct buf out;

		scene_init(&scene);
		scene.config.protect.accounts = (struct config_texts){ .items = (const char **)(uintptr_t)safe, .count = 1 };
		scene_read(&scene, rows[i].given);
		for (size_t r = 0; r < scene.records.count; r++) {
			scene.records.items[r]->match = keys + rows[i].external_first;
			scene.records.items[r]->match_count =
				(uint8_t)(sizeof(keys) - rows[i].external_first);
		}
		plan_adopt(&scene.in, &scene.mem, &list);
		buf_init(&out, 65536);
		for (size_t a = 0; a < list.count; a++) {
			const struct adoption *found = &list.items[a];

			buf_addf(&out, "%s %s %s %s\n", adopt_kind_name(found->kind),
				 found->record->id,
				 found->account == UINT32_MAX ? "-" :
				 scene.present.accounts.items[found->account].id,
				 found->attr == SCIM_ATTR_COUNT ? "-" : scim_attr(found->attr)->name);
			if (found->kind == ADOPT_RELINK)
				assert_string_equal(found->old_person, "b");
		}
		if (strcmp(out.data ? out.data : "", rows[i].expected))
			fail_msg("%s\n--- proposed\n%s--- expected\n%s", rows[i].name,
				 out.data ? out.data : "", rows[i].expected);
		buf_release(&out);
		scene_release(&scene);
	}
}

/* What the rules want is ours, also at another level; the rest was found. */
static void things(void **unused)
{
	struct adopted_thing *list;
	struct adoptions people;
	struct scene scene;
	struct buf out;
	size_t count;

	(void)unused;
	scene_init(&scene);
	scene_read(&scene, "person a skill=Billing:4 role=Agent group=G1\n"
			   "account A user=a@x ext=a skill=Billing:2 skill=Sales:3 role=Agent@Home "
			   "role=Supervisor@* group=G1 group=G2\n");
	scene.records.items[0]->match = keys + 1;
	scene.records.items[0]->match_count = 1;
	plan_adopt(&scene.in, &scene.mem, &people);
	assert_int_equal(people.counts[ADOPT_STRONG], 1);
	plan_adopted_things(&scene.in, &people.items[0], &scene.mem, &list, &count);
	buf_init(&out, 4096);
	for (size_t i = 0; i < count; i++) {
		buf_addf(&out, "%s %s%s%s %s\n", assign_kind_name(list[i].held.kind), list[i].name,
			 list[i].division ? "@" : "", list[i].division ? list[i].division : "",
			 list[i].ours ? "ours" : "found");
		assert_int_equal(list[i].held.found, !list[i].ours);
	}
	assert_string_equal(out.data, "role Agent@Home ours\nrole Supervisor@all divisions found\n"
				      "skill Billing ours\nskill Sales found\ngroup G1 ours\n"
				      "group G2 found\n");
	buf_release(&out);
	scene_release(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proposals),
		cmocka_unit_test(things),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
