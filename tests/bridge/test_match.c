#include <unistd.h>

#include "bridge/tenant/tenant.h"
#include "tests/bridge/plan_scene.h"

#include "scim/base/banned.h"

/* Who is who: rows 20-29 of bridge/plan/plan.h. */
static const struct {
	const char *name, *given, *expected;
} cases[] = {
	{ "row 20: nobody has the name", "person a\n",
	  "a create a@x\na set externalId - -> a\na set displayName - -> a\n" },
	{ "row 21: found by the external id, whatever the name",
	  "person a\naccount A user=old@x ext=a displayName=a\n",
	  "link a A\na rename old@x -> a@x\n" },
	{ "row 21: found, inactive", "person a\naccount A user=a@x ext=a displayName=a "
	  "state=inactive\n", "link a A\na enable\n" },
	{ "row 21: an external id of the rule's own",
	  "person a ext=E1\naccount A user=a@x ext=E1 displayName=a\n", "link a A\n" },
	{ "row 21: external ids compare with case",
	  "person a ext=e1\naccount A user=z@x ext=E1\n",
	  "a create a@x\na set externalId - -> e1\na set displayName - -> a\n" },
	{ "row 21: the account is linked to somebody else",
	  "person a\nperson b\naccount A user=b@x ext=a displayName=b\nlink b A\n",
	  "left a: account A carries its external id but is linked to somebody else\n"
	  "b set externalId a -> b\n" },
	{ "row 22: a foreign account has the name", "person a\naccount A user=a@x ext=-\n",
	  "left a: the account A has the login name a@x but does not carry this person's "
	  "external id (a), so it is not ours to change. If it is the same person, link it "
	  "with: dirbridge adopt\n" },
	{ "row 22: in another case", "person a user=A@X\naccount A user=a@x\n",
	  "left a: the account A has the login name A@X but does not carry this person's "
	  "external id (a), so it is not ours to change. If it is the same person, link it "
	  "with: dirbridge adopt\n" },
	{ "row 22: an inactive one", "person a\naccount A user=a@x state=inactive\n",
	  "left a: the inactive account A has the login name a@x but does not carry this "
	  "person's external id (a), so it is not ours to change. If it is the same person, "
	  "link it with: dirbridge adopt\n" },
	{ "row 21: a deleted one with our external id is restored",
	  "person a\naccount A user=a@x ext=a displayName=a state=deleted\n",
	  "link a A\na restore\na enable\n" },
	{ "row 22: a deleted one that nothing says is theirs",
	  "person a\naccount A user=a@x ext=z state=deleted\n",
	  "left a: the login name a@x is held by the deleted account A, and nothing says that it "
	  "was this person's; the tenant gives the name to nobody else. If it was theirs, restore "
	  "it in the tenant and link it with: dirbridge adopt; if not, restore it, change its "
	  "e-mail address and delete it again\n" },
	{ "row 22: somebody who is linked has the name",
	  "person a user=b@x\nperson b user=c@x\naccount B user=b@x ext=b displayName=b\n"
	  "link b B\n",
	  "left a: the login name b@x belongs to account B, which is linked to somebody else\n"
	  "b rename b@x -> c@x\n" },
	{ "row 22: a living account wins over a deleted one",
	  "person a\naccount X user=a@x state=deleted\naccount A user=a@x ext=a displayName=a\n",
	  "link a A\n" },
	{ "row 23", "person a title=T\nlink a A\n",
	  "left a: its account A was not in what the tenant listed; it may have been deleted "
	  "there\n" },
	{ "row 24: the link counts, not the name nor the external id",
	  "person a\naccount A user=other@x ext=zzz displayName=a\nlink a A\n",
	  "a rename other@x -> a@x\na set externalId zzz -> a\n" },
	{ "a rename to a name that is held", "person a user=b@x title=T\n"
	  "account A user=a@x ext=a displayName=a\naccount F user=b@x\nlink a A\n",
	  "left a: the login name b@x is to be theirs, but is held by the account F; nothing is "
	  "done for them until it is free\n" },
	{ "a rename to a name that a deleted account holds", "person a user=b@x\n"
	  "account A user=a@x ext=a displayName=a\naccount F user=b@x state=deleted\nlink a A\n",
	  "left a: the login name b@x is to be theirs, but is held by the deleted account F; "
	  "nothing is done for them until it is free\n" },
	{ "row 28: foreign ones are never touched",
	  "person a\naccount F user=f@x title=Boss skill=Sales:1\naccount G user=g@x ext=zz\n"
	  "account A user=a@x ext=a displayName=a\nlink a A\n", "" },
	{ "row 29: one account, two links",
	  "person a title=T\nperson b title=T\naccount A user=a@x ext=a displayName=a\n"
	  "link a A\nlink b A\n",
	  "left a: account A is linked to two people: a and b\n"
	  "left b: account A is linked to two people: a and b\n" },
	{ "row 29: one account, links of somebody here and somebody gone",
	  "person a title=T\nperson c\naccount A user=a@x ext=a displayName=a\n"
	  "account C user=c@x ext=c displayName=c\nlink a A\nlink b A\nlink c C\n",
	  "left a: account A is linked to two people: a and b\n"
	  "left b: account A is linked to two people: a and b\n" },
	{ "row 29: one account that is not there, two links",
	  "person a title=T\nperson b title=T\nlink a A\nlink b A\n",
	  "left a: its account A was not in what the tenant listed; it may have been deleted "
	  "there\nleft b: account A is linked to two people: a and b\n" },
	{ "row 29: one external id, two accounts",
	  "person a\naccount A user=a@x ext=a\naccount B user=b@x ext=a\n",
	  "left a: several accounts carry its external id a; clear it on those that are not "
	  "this person's\n" },
	{ "row 29: one name, two people", "person a user=Same@x\nperson b user=sAME@x\nperson c\n",
	  "left a: two people have the userName \"Same@x\": cn=a and cn=b\n"
	  "left b: two people have the userName \"sAME@x\": cn=b and cn=a\n"
	  "c create c@x\nc set externalId - -> c\nc set displayName - -> c\n" },
	{ "row 29: one name, three people", "person a user=s@x\nperson b user=s@x\n"
	  "person c user=s@x\n",
	  "left a: two people have the userName \"s@x\": cn=a and cn=b\n"
	  "left b: two people have the userName \"s@x\": cn=b and cn=a\n"
	  "left c: two people have the userName \"s@x\": cn=c and cn=a\n" },
	{ "row 29: one external id, two people", "person a ext=E\nperson b ext=E\n",
	  "left a: two people have the externalId \"E\": cn=a and cn=b\n"
	  "left b: two people have the externalId \"E\": cn=b and cn=a\n" },
	{ "row 29: one directory id twice", "person a title=T\nperson a user=other@x\nperson c\n",
	  "left a: its directory id \"a\" comes twice\n"
	  "left a: its directory id \"a\" comes twice\n"
	  "c create c@x\nc set externalId - -> c\nc set displayName - -> c\n" },
	{ "row 25: nobody has left while an id comes twice",
	  "person a\nperson a user=other@x\naccount A user=a@x ext=a displayName=a\n"
	  "account B user=b@x ext=b displayName=b\nlink a A\nlink b B\n",
	  "warning: 1 linked people are not in the directory; nobody is taken for a leaver because "
	  "two entries came with the same directory id\n"
	  "left a: its directory id \"a\" comes twice\n"
	  "left a: its directory id \"a\" comes twice\n" },
	{ "hostile text is shown, not carried out", "person a user=\033[2Jx@x\n"
	  "account A user=\033[2Jx@x\n",
	  "left a: the account A has the login name \\x1B[2Jx@x but does not carry this person's "
	  "external id (a), so it is not ours to change. If it is the same person, link it "
	  "with: dirbridge adopt\n" },
};

static void each_match(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct scene scene;

		scene_init(&scene);
		scene_check(&scene, cases[i].name, cases[i].given, cases[i].expected);
		scene_release(&scene);
	}
}

/* Which external ids are asked for, and whether deleted accounts are read. */
static void questions(void **unused)
{
	static const struct {
		const char *name, *given;
		unsigned long unfinished;
		bool all, deleted;
		const char *asked;
	} rows[] = {
		{ "an empty tenant", "person a\n", 0, false, true, "" },
		{ "no link is known", "person a\naccount A user=a@x ext=?\n", 0, true, false, "A" },
		{ "all are linked", "person a\naccount A user=a@x ext=?\nlink a A\n", 0, false,
		  false, "" },
		{ "a new one whose name is held",
		  "person a\nperson b user=B@x\naccount A user=a@x ext=?\naccount B user=b@X ext=?\n"
		  "account F user=f@x ext=?\nlink a A\n", 0, false, false, "B" },
		{ "a new one whose name a linked account has",
		  "person a user=z@x\nperson b user=a@x\naccount A user=a@x ext=?\nlink a A\n", 0,
		  false, true, "" },
		{ "a joiner", "person a\nperson b\naccount A user=a@x ext=?\nlink a A\n", 0, false,
		  true, "" },
		{ "a rename", "person a user=new@x\naccount A user=a@x ext=?\nlink a A\n", 0,
		  false, true, "" },
		{ "one that could not be decided",
		  "person a\nperson b problem:person\naccount A user=a@x ext=?\n"
		  "account B user=b@x ext=?\nlink a A\n", 0, false, false, "" },
		{ "a run was cut off", "person a\naccount A user=a@x ext=?\nlink a A\n", 3, true,
		  false, "" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scene scene;
		struct plan_questions ask;
		bool deleted;
		struct buf asked;

		buf_init(&asked, 1 << 16);
		buf_addstr(&asked, "");
		scene_init(&scene);
		scene_read(&scene, rows[i].given);
		scene.in.unfinished = rows[i].unfinished;
		plan_questions(&scene.in, &scene.mem, &ask);
		deleted = ask.user_name_count > 0;
		for (unsigned n = 0; n < ask.account_count; n++)
			buf_addf(&asked, "%s%s", n ? " " : "",
				 scene.present.accounts.items[ask.accounts[n]].id);
		if (ask.all != rows[i].all || deleted != rows[i].deleted ||
		    strcmp(asked.data ? asked.data : "", rows[i].asked) != 0)
			fail_msg("%s: all %d, deleted %d, asked \"%s\"", rows[i].name, ask.all,
				 deleted,
				 asked.data ? asked.data : "");
		buf_release(&asked);
		scene_release(&scene);
	}
}

static const char *name_of(const struct scene *scene, enum catalogue_kind kind, uint32_t item)
{
	return item == ITEM_ALL ? "*"
				: catalogue_item(&scene->present.catalogue, kind, item)->name;
}

/* What of the tenant must be read for these people. */
static void needs(void **unused)
{
	static const struct {
		const char *name, *given, *protected_role, *queues, *divisions;
	} rows[] = {
		{ "nothing", "person a\n", NULL, "", "" },
		{ "what records want", "person a queue=Q3 role=employee role=Agent@Bern\n"
		  "person b queue=Q1 queue=Q3\n", NULL, "Q1 Q3", "Home Bern" },
		{ "what was recorded", "link a A queue=Q2 role=Agent@Berlin role=Agent@*\n", NULL,
		  "Q2", "Berlin *" },
		{ "all divisions", "person a role=Agent@*\n", NULL, "", "*" },
		{ "manage takes away wherever it is",
		  "person a own:role=manage role=employee\n", NULL, "", "Home Berlin Bern *" },
		{ "manage that nobody states", "person a own:role=manage\n", NULL, "", "" },
		{ "a protected role protects everywhere", "person a\n", "Admin", "",
		  "Home Berlin Bern *" },
		{ "unknown names need nothing", "person a queue=Nil role=Nil@Bern "
		  "role=Agent@Nil\n", NULL, "", "" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *roles[] = { rows[i].protected_role };
		struct tenant_need need;
		struct diags diags = { 0 };
		struct scene scene;
		struct buf queues, divisions;

		scene_init(&scene);
		if (rows[i].protected_role)
			scene.config.protect.roles = (struct config_texts){ roles, 1 };
		scene_read(&scene, rows[i].given);
		assert_int_equal(plan_resolve(&scene.in, &scene.mem, &need, &diags), 0);
		buf_init(&queues, 1 << 16);
		buf_init(&divisions, 1 << 16);
		buf_addstr(&queues, "");
		buf_addstr(&divisions, "");
		for (unsigned n = 0; n < need.queue_count; n++)
			buf_addf(&queues, "%s%s", n ? " " : "",
				 name_of(&scene, CAT_QUEUE, need.queues[n]));
		for (unsigned n = 0; n < need.grant_division_count; n++)
			buf_addf(&divisions, "%s%s", n ? " " : "",
				 name_of(&scene, CAT_DIVISION, need.grant_divisions[n]));
		if (strcmp(queues.data ? queues.data : "", rows[i].queues) != 0 ||
		    strcmp(divisions.data ? divisions.data : "", rows[i].divisions) != 0)
			fail_msg("%s: queues \"%s\", divisions \"%s\"", rows[i].name,
				 queues.data ? queues.data : "",
				 divisions.data ? divisions.data : "");
		buf_release(&queues);
		buf_release(&divisions);
		scene_release(&scene);
	}
}

/* Which accounts are looked at, by id and by name. */
static void accounts(void **unused)
{
	static const struct {
		const char *name, *given;
		bool only;
		long linked; /* of a part; -1 = all are there */
		unsigned unfinished;
		const char *ids, *names; /* NULL: everybody is read */
	} rows[] = {
		{ "all", "person a\nlink a A\nlink b B\n", false, -1, 0, "A B", NULL },
		{ "a leaver of before is done with", "person a\nlink a A\nlink b B left\n",
		  false, -1, 0, "A", NULL },
		{ "one who came back is not", "person b\nlink b B left\n", false, -1, 0, "B",
		  NULL },
		{ "--only", "person a\nlink a A\nlink b B\n", true, -1, 0, "A", "a@x" },
		{ "--only, a new one", "person c\nlink a A\nlink b B\n", true, -1, 0, "",
		  "c@x" },
		{ "--only, no links known", "person a\n", true, -1, 0, "", NULL },
		{ "people touched", "person a user=n@x\nlink a A\nlink g G\n", false, 50, 0,
		  "A G", "n@x" },
		{ "touched, undecided", "person a problem:person\nperson b skip=x\n"
		  "link a A\n", false, 50, 0, "A", "" },
		{ "touched, no links known", "person a\n", false, 0, 0, "", NULL },
		{ "touched, a run was cut off", "person a\nlink a A\n", false, 50, 2, "A",
		  NULL },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct plan_part part = { .linked = (unsigned long)rows[i].linked };
		struct tenant_need need;
		struct diags diags = { 0 };
		struct scene scene;
		struct buf ids, names;

		scene_init(&scene);
		scene_read(&scene, rows[i].given);
		scene.in.only = rows[i].only;
		scene.in.unfinished = rows[i].unfinished;
		if (rows[i].linked >= 0)
			scene.in.part = &part;
		assert_int_equal(plan_resolve(&scene.in, &scene.mem, &need, &diags), 0);
		buf_init(&ids, 1 << 16);
		buf_init(&names, 1 << 16);
		buf_addstr(&ids, "");
		buf_addstr(&names, "");
		for (size_t n = 0; n < need.account_count; n++)
			buf_addf(&ids, "%s%s", n ? " " : "", need.account_ids[n]);
		for (size_t n = 0; need.whom && n < need.whom->user_name_count; n++)
			buf_addf(&names, "%s%s", n ? " " : "", need.whom->user_names[n]);
		if (strcmp(ids.data ? ids.data : "", rows[i].ids) != 0 ||
		    !need.whom != !rows[i].names ||
		    (need.whom && strcmp(names.data ? names.data : "", rows[i].names) != 0))
			fail_msg("%s: ids \"%s\", %s \"%s\"", rows[i].name,
				 ids.data ? ids.data : "", need.whom ? "names" : "everybody",
				 names.data ? names.data : "");
		buf_release(&ids);
		buf_release(&names);
		scene_release(&scene);
	}
}

static void write_rules(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Names that stand in the rules: all that is wrong at once, with place and nearest name. */
static void literals(void **unused)
{
	static const char text[] =
		"version: 1\n"
		"people:\n"
		"  - name: agents\n"
		"    when: \"true\"\n"
		"    profile:\n"
		"      userName: ${entry.mail}\n"
		"      displayName: ${entry.cn}\n"
		"      division: Berlni\n"
		"    assign:\n"
		"      - skills: {Biling: 4, Sales: 1}\n"
		"      - roles: [{role: Agent, division: \"*\"}, {role: Agnt, division: Bern}]\n"
		"      - queues: [Nowhere]\n";
	static const char *const expected[] = {
		":8:17: division \"Berlni\" is not in the tenant; nearest: \"Berlin\"",
		":10:18: skill \"Biling\" is not in the tenant; nearest: \"Billing\"",
		":11:54: role \"Agnt\" is not in the tenant; nearest: \"Agent\"",
		":12:18: queue \"Nowhere\" is not in the tenant",
	};
	const char *tmp = getenv("TMPDIR");
	char path[200];
	const char *paths[] = { path };
	struct rules *rules = NULL;
	struct tenant_need need;
	struct diags diags = { 0 };
	struct scene scene;
	int fd;

	(void)unused;
	snprintf(path, sizeof(path), "%s/test_match.XXXXXX", tmp ? tmp : "/tmp");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	write_rules(path, text);
	if (rules_load(paths, 1, &rules, &diags))
		fail_msg("%s", diags.items[0].text);
	scene_init(&scene);
	scene.in.rules = rules;
	assert_int_equal(plan_resolve(&scene.in, &scene.mem, &need, &diags), -1);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		char got[ERR_FORMAT_MAX];

		if (i >= diags.count)
			fail_msg("not said: %s", expected[i]);
		err_format(&diags.items[i], got, sizeof(got));
		if (!strstr(got, expected[i]))
			fail_msg("expected ...%s\n     got %s", expected[i], got);
	}
	assert_int_equal(diags.count, sizeof(expected) / sizeof(*expected));
	diags_release(&diags);
	scene_release(&scene);
	rules_free(rules);
	unlink(path);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_match),
		cmocka_unit_test(questions),
		cmocka_unit_test(needs),
		cmocka_unit_test(accounts),
		cmocka_unit_test(literals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
