#include "tests/bridge/plan_scene.h"

#include "bridge/plan/why.h"

#include "scim/base/banned.h"

/* The rows of the tables in bridge/plan/plan.h; each case names its own. */
struct row {
	const char *name, *given, *expected;
};

/* How often is a step told? */
static unsigned told(const struct explained *why, const struct step *step)
{
	unsigned times = 0;

	for (unsigned i = 0; i < why->change_count; i++)
		times += why->changes[i].step == step;
	return times;
}

/* What explains the plan tells each step once, gives a reason where there is none, and cites
 * the row that the case is about. */
static void check_why(struct scene *scene, const struct row *row, const struct record *record)
{
	struct explained why = { .id = record->id, .record = record };
	unsigned wanted = 0, cited = 0;

	plan_why(&scene->in, &scene->plan, &scene->mem, &why);
	for (size_t p = 0; p < scene->plan.people.count; p++) {
		const struct plan_person *person = &scene->plan.people.items[p];

		for (uint32_t i = 0; i < person->step_count; i++) {
			const struct step *step = &scene->plan.steps.items[person->first_step + i];

			/* What the rules do not state, as `active` here, has no line of its own. */
			if (strcmp(person->id, record->id) != 0 ||
			    step->kind == STEP_RESTORE ||
			    (step->kind == STEP_ENABLE &&
			     !record_text(record, SCIM_ATTR_ACTIVE)))
				continue;
			if (told(&why, step) != 1)
				fail_msg("%s: step %s is told %u times", row->name,
					 step_row(step->kind)->name, told(&why, step));
		}
	}
	sscanf(row->name, "row %u", &wanted);
	for (unsigned i = 0; i < why.change_count; i++) {
		const struct explained_change *c = &why.changes[i];

		if (!c->step && !c->why)
			fail_msg("%s: no reason for %s", row->name,
				 c->name ? c->name : scim_attr(c->attr)->name);
		cited += c->row == wanted;
	}
	cited += why.account_row == wanted;
	/* Rows 1 and 2 are about what nobody wants and nobody has. */
	if (wanted > 2 && strcmp(record->id, "a") == 0 && !cited)
		fail_msg("%s: no change cites the row", row->name);
}

static void run_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct scene scene;

		scene_init(&scene);
		scene_check(&scene, rows[i].name, rows[i].given, rows[i].expected);
		for (size_t r = 0; r < scene.records.count; r++)
			check_why(&scene, &rows[i], scene.records.items[r]);
		scene_release(&scene);
	}
}

#define LINKED "account A ext=a user=a@x displayName=a "

static const struct row assignments[] = {
	/* 1 */
	{ "row 1: nothing anywhere", "person a stated:skill\n" LINKED "\nlink a A\n", "" },
	/* 2 */
	{ "row 2, manage", "person a own:skill=manage stated:skill\n" LINKED
			   "\nlink a A skill=Sales:3\n", "forget a skill Sales\n" },
	{ "row 2, merge", "person a\n" LINKED "\nlink a A skill=Sales:3\n",
	  "forget a skill Sales\n" },
	{ "row 2, seed", "person a own:skill=seed\n" LINKED "\nlink a A skill=Sales:3\n",
	  "forget a skill Sales\n" },
	{ "row 2, never", "person a own:skill=never\n" LINKED "\nlink a A skill=Sales:3\n",
	  "forget a skill Sales\n" },
	/* 3 */
	{ "row 3, manage, stated",
	  "person a own:skill=manage stated:skill\n" LINKED "skill=Sales:3\nlink a A\n",
	  "a skill-remove Sales (drift)\n" },
	{ "row 3, manage, no rule states the kind",
	  "person a own:skill=manage\n" LINKED "skill=Sales:3\nlink a A\n", "" },
	{ "row 3, manage, a group nobody names",
	  "person a own:group=manage stated:group\n" LINKED "group=G1\nlink a A\n", "" },
	{ "row 3, manage, a group that a rule names for another",
	  "person a own:group=manage stated:group\nperson b group=G1\n" LINKED
	  "group=G1\naccount B ext=b user=b@x displayName=b group=G1\nlink a A\nlink b B\n",
	  "a group-remove G1 (drift)\n" },
	{ "row 3, manage, a queue that the record of another names",
	  "person a own:queue=manage stated:queue\nperson b own:queue=never\n" LINKED
	  "queue=Q1\naccount B ext=b user=b@x displayName=b queue=Q1\nlink a A\n"
	  "link b B queue=Q1\n",
	  "a queue-remove Q1 (drift)\n" },
	{ "row 3, manage of roles",
	  "person a own:role=manage role=employee\n" LINKED
	  "role=employee role=Agent@Bern role=Agent@*\nlink a A role=employee\n",
	  "a revoke Agent in Bern (drift)\na revoke Agent in all divisions (drift)\n" },
	{ "row 3, merge", "person a stated:skill\n" LINKED "skill=Sales:3\nlink a A\n", "" },
	{ "row 3, seed", "person a own:skill=seed stated:skill\n" LINKED
			 "skill=Sales:3\nlink a A\n", "" },
	{ "row 3, never", "person a own:skill=never stated:skill\n" LINKED
			  "skill=Sales:3\nlink a A\n", "" },
	/* 4 */
	{ "row 4, manage", "person a own:skill=manage stated:skill\n" LINKED
			   "skill=Sales:3\nlink a A skill=Sales:3\n", "a skill-remove Sales\n" },
	{ "row 4, manage, no longer stated: ours all the same",
	  "person a own:skill=manage\n" LINKED "skill=Sales:3\nlink a A skill=Sales:3\n",
	  "a skill-remove Sales\n" },
	{ "row 4, merge", "person a\n" LINKED
			  "skill=Sales:3 skill=Billing:1 language=English:2 group=G1 queue=Q1 "
			  "role=Agent@Bern\n"
			  "link a A skill=Sales:3 language=English:2 group=G1 queue=Q1 "
			  "role=Agent@Bern\n",
	  "a revoke Agent in Bern\na skill-remove Sales\na language-remove English\n"
	  "a group-remove G1\na queue-remove Q1\n" },
	{ "row 4, merge, never answered", "person a\n" LINKED
					  "skill=Sales:3\nlink a A try:skill=Sales:3\n",
	  "a skill-remove Sales\n" },
	{ "row 4, seed", "person a own:skill=seed\n" LINKED
			 "skill=Sales:3\nlink a A skill=Sales:3\n", "" },
	{ "row 4, never", "person a own:skill=never\n" LINKED
			  "skill=Sales:3\nlink a A skill=Sales:3\n", "" },
	/* 5 */
	{ "row 5, merge", "person a skill=Billing:4 language=English:5 group=G1 queue=Q2 "
			  "role=employee role=Agent@Berlin\n" LINKED "\nlink a A\n",
	  "a skill-set Billing - -> 4\na language-set English - -> 5\n"
	  "a grant Agent in Berlin\na grant employee in Home\na group-add G1\n"
	  "a queue-add Q2\n" },
	{ "row 5, manage", "person a own:skill=manage skill=Billing:4\n" LINKED "\nlink a A\n",
	  "a skill-set Billing - -> 4\n" },
	{ "row 5, seed, an account that is there",
	  "person a own:skill=seed skill=Billing:4\n" LINKED "\nlink a A\n", "" },
	{ "row 5, seed, a new account", "person a own:skill=seed skill=Billing:4\n",
	  "a create a@x\na set externalId - -> a\na set displayName - -> a\n"
	  "a skill-set Billing - -> 4\n" },
	{ "row 5, never", "person a own:skill=never skill=Billing:4\n" LINKED "\nlink a A\n", "" },
	{ "row 5, never, a new account", "person a own:skill=never skill=Billing:4\n",
	  "a create a@x\na set externalId - -> a\na set displayName - -> a\n" },
	/* 6 */
	{ "row 6, manage", "person a own:skill=manage skill=Billing:4\n" LINKED
			   "\nlink a A skill=Billing:4\n",
	  "a skill-set Billing - -> 4 (drift)\n" },
	{ "row 6, merge", "person a skill=Billing:4\n" LINKED "\nlink a A skill=Billing:4\n", "" },
	{ "row 6, merge, never answered",
	  "person a group=G1\n" LINKED "\nlink a A try:group=G1\n", "a group-add G1\n" },
	/* 7 */
	{ "row 7, merge: somebody else's stays so",
	  "person a skill=Billing:4\n" LINKED "skill=Billing:4\nlink a A\n", "" },
	{ "row 7, linked just now: ours", "person a skill=Billing:4 role=Agent@Bern\n" LINKED
					  "skill=Billing:4 skill=Sales:1 role=Agent@Bern\n",
	  "link a A\nclaim a role Agent\nclaim a skill Billing\n" },
	/* 8 */
	{ "row 8", "person a skill=Billing:4\n" LINKED
		   "skill=Billing:4\nlink a A skill=Billing:4\n", "" },
	{ "row 8, never answered, and there it is",
	  "person a group=G1\n" LINKED "group=G1\nlink a A try:group=G1\n",
	  "claim a group G1\n" },
	/* 9 */
	{ "row 9, merge", "person a skill=Billing:4\n" LINKED "skill=Billing:2\nlink a A\n",
	  "a skill-set Billing 2 -> 4\n" },
	{ "row 9, seed", "person a own:skill=seed skill=Billing:4\n" LINKED
			 "skill=Billing:2\nlink a A\n", "" },
	/* 10 */
	{ "row 10, merge", "person a skill=Billing:4\n" LINKED
			   "skill=Billing:2\nlink a A skill=Billing:2\n",
	  "a skill-set Billing 2 -> 4\n" },
	{ "row 8, a level that is no whole number", "person a skill=Billing:0.3\n" LINKED
						     "skill=Billing:0.30000000000000004\n"
						     "link a A skill=Billing:0.3\n", "" },
	/* 11 */
	{ "row 11, manage", "person a own:skill=manage skill=Billing:4\n" LINKED
			    "skill=Billing:2\nlink a A skill=Billing:4\n",
	  "a skill-set Billing 2 -> 4 (drift)\n" },
	{ "row 11, merge", "person a skill=Billing:4\n" LINKED
			   "skill=Billing:2\nlink a A skill=Billing:4\n", "" },
	{ "row 11, merge, never answered", "person a skill=Billing:4\n" LINKED
					   "skill=Billing:2\nlink a A try:skill=Billing:4\n",
	  "a skill-set Billing 2 -> 4\n" },

	/* kinds that are left alone */
	{ "a kind that could not be decided", "person a problem:skill skill=Sales:1 group=G1\n"
	  LINKED "skill=Billing:2\nlink a A skill=Billing:2\n",
	  "part a: it is odd\na group-add G1\n" },
	{ "a kind that the tenant did not show",
	  "person a own:skill=manage skill=Sales:1 group=G1\n" LINKED
	  "unknown:skill\nlink a A skill=Billing:2\n", "a group-add G1\n" },
	{ "a computed name that is not there",
	  "person a skill=Biling:4 skill=Sales:1 group=G1\n" LINKED
	  "skill=Refunds:2\nlink a A skill=Refunds:2\n",
	  "part a: skill \"Biling\" is not in the tenant; nearest: \"Billing\"; their skills "
	  "are left as they are\na group-add G1\n" },
	{ "a name that several things have", "person a skill=Twin:4\n" LINKED "\nlink a A\n",
	  "part a: several skills in the tenant are named \"Twin\"; rename one; their skills "
	  "are left as they are\n" },
	{ "a role's division that is not there: never Home",
	  "person a role=Agent@Berne\n" LINKED "role=employee\nlink a A role=employee\n",
	  "part a: division \"Berne\" is not in the tenant; nearest: \"Bern\"; their roles are "
	  "left as they are\n" },
	{ "the same role without division and in Home", "person a role=Agent role=Agent@Home\n"
	  LINKED "\nlink a A\n", "a grant Agent in Home\n" },
	{ "privileged by the role, by the place",
	  "person a role=Admin@Bern role=Agent@*\n" LINKED "\nlink a A\n",
	  "a grant Admin in Bern (privileged)\na grant Agent in all divisions (privileged)\n" },
	{ "a note is a warning", "person a problem:note\n" LINKED "\nlink a A\n",
	  "warning: a@x: it is odd\n" },
};

static void each_assignment(void **unused)
{
	(void)unused;
	run_rows(assignments, sizeof(assignments) / sizeof(*assignments));
}

#define BARE "account A ext=a user=a@x displayName=a "

#define BOSS "account B ext=b user=b@x displayName=b"

static const struct row profiles[] = {
	{ "not stated: left alone", "person a\n" BARE "title=Boss\nlink a A title=Agent\n", "" },
	{ "row 12", "person a title=Boss\n" BARE "title=Boss\nlink a A\n", "" },
	{ "row 12, log-in names without case",
	  "person a user=A@X\n" BARE "title=Boss\nlink a A\n", "" },
	{ "row 12, phone numbers by their digits", "person a phoneNumbers.work=+41_44_123\n"
	  BARE "phoneNumbers.work=+4144123\nlink a A\n", "" },
	{ "row 13, manage, none", "person a title=Boss\n" BARE "\nlink a A\n",
	  "a set title - -> Boss\n" },
	{ "row 13, manage, another", "person a title=Boss\n" BARE "title=Agent\nlink a A\n",
	  "a set title Agent -> Boss\n" },
	{ "row 13, manage, what we set last", "person a title=Boss\n" BARE
	  "title=Agent\nlink a A title=Agent\n", "a set title Agent -> Boss\n" },
	{ "row 13, manage, drift", "person a title=Boss\n" BARE
	  "title=Agent\nlink a A title=Boss\n", "a set title Agent -> Boss (drift)\n" },
	{ "row 13, seed", "person a title:seed=Boss\n" BARE "\nlink a A\n", "" },
	{ "row 13, seed, a new account", "person a title:seed=Boss\n",
	  "a create a@x\na set externalId - -> a\na set displayName - -> a\n"
	  "a set title - -> Boss\n" },
	{ "row 13, never", "person a title:never=Boss\n" BARE "title=Agent\nlink a A\n", "" },
	{ "row 13, never, a new account", "person a title:never=Boss\n",
	  "a create a@x\na set externalId - -> a\na set displayName - -> a\n" },
	{ "row 13, merge, none", "person a title:merge=Boss\n" BARE "\nlink a A\n",
	  "a set title - -> Boss\n" },
	{ "row 13, merge, somebody else's",
	  "person a title:merge=Boss\n" BARE "title=Agent\nlink a A\n", "" },
	{ "row 13, merge, ours", "person a title:merge=Boss\n" BARE
	  "title=Agent\nlink a A title=Agent\n", "a set title Agent -> Boss\n" },
	{ "row 13, merge, ours was cleared",
	  "person a title:merge=Boss\n" BARE "\nlink a A title=Boss\n", "" },
	{ "row 13, merge, ours was cleared and the rule says something new",
	  "person a title:merge=Chief\n" BARE "\nlink a A title=Boss\n",
	  "a set title - -> Chief\n" },
	{ "row 13, values with a type", "person a phoneNumbers.work=+2 emails.work=n@x\n" BARE
	  "phoneNumbers.work=+1 phoneNumbers.home=+9\nlink a A\n",
	  "a set emails.work - -> n@x\na set phoneNumbers.work +1 -> +2\n" },
	{ "row 13, a login name", "person a user=b@x\n" BARE "\nlink a A\n",
	  "a rename a@x -> b@x\n" },
	{ "row 13, an external id that was read", "person a ext=new\n" BARE "\nlink a A\n",
	  "a set externalId a -> new\n" },
	{ "row 13, an external id that was not read",
	  "person a\naccount A ext=? user=a@x displayName=a\nlink a A\n", "" },
	{ "row 13, a division", "person a division=Bern\n" BARE "division=Berlin\nlink a A\n",
	  "a division Berlin -> Bern\n" },
	{ "a division that is not there", "person a division=Berne title=T\n" BARE "\nlink a A\n",
	  "left a: division \"Berne\" is not in the tenant; nearest: \"Bern\"\n" },
	{ "row 15", "person a clear:title=manage clear:phoneNumbers.work=manage\n" BARE
	  "title=T phoneNumbers.work=+1 phoneNumbers.home=+2\nlink a A\n",
	  "a set title T -> -\na set phoneNumbers.work +1 -> -\n" },
	{ "row 15, nothing is there", "person a clear:title=manage\n" BARE "\nlink a A\n", "" },
	{ "row 15, a new account", "person a clear:title=manage\n",
	  "a create a@x\na set externalId - -> a\na set displayName - -> a\n" },
	{ "row 15, merge, ours", "person a clear:title=merge\n" BARE
	  "title=T\nlink a A title=T\n", "a set title T -> -\n" },
	{ "row 15, merge, somebody else's", "person a clear:title=merge\n" BARE
	  "title=T\nlink a A title=U\n", "" },
	{ "row 15, seed", "person a clear:title=seed\n" BARE "title=T\nlink a A\n", "" },
	{ "row 15, never", "person a clear:title=never\n" BARE "title=T\nlink a A\n", "" },
	{ "row 14", "person a givenName=Ann\nperson b givenName=Bob title=T\n" BARE
	  "\naccount B user=b@x displayName=b ext=b\nlink a A\nlink b B\n",
	  "warning: the tenant has no attribute givenName for users; it is left out\n"
	  "b set title - -> T\n" },
	{ "a manager who has an account", "person a boss=b\nperson b\n" BARE "\n" BOSS
	  "\nlink a A\nlink b B\n", "a set manager - -> B\n" },
	{ "a manager as wanted", "person a boss=b\nperson b\n" BARE "manager=B\n" BOSS
	  "\nlink a A\nlink b B\n", "" },
	{ "another manager, drift", "person a boss=b\nperson b\n" BARE "manager=C\n" BOSS
	  "\nlink a A manager=B\nlink b B\n", "a set manager C -> B (drift)\n" },
	{ "another manager, merge", "person a boss:merge=b\nperson b\n" BARE "manager=C\n" BOSS
	  "\nlink a A manager=B\nlink b B\n", "" },
	{ "a manager, seed", "person a boss:seed=b\nperson b\n" BARE "\n" BOSS
	  "\nlink a A\nlink b B\n", "" },
	{ "a manager who is created here", "person a boss=b\nperson b\n" BARE "manager=C\nlink a A\n",
	  "a manager b@x\nb create b@x\nb set externalId - -> b\nb set displayName - -> b\n" },
	{ "two who manage each other", "person a boss=b\nperson b boss=a\n",
	  "a create a@x\na set externalId - -> a\na set displayName - -> a\na manager b@x\n"
	  "b create b@x\nb set externalId - -> b\nb set displayName - -> b\nb manager a@x\n" },
	{ "a manager who is not created", "person a boss=b\nperson b name=-\n" BARE "manager=C\n"
	  "link a A\n",
	  "warning: a@x: the manager \"cn=b\" is not among the people that have an account from "
	  "here; the manager is left as it is\n"
	  "left b: displayName is not stated; an account can not be created without it\n" },
	{ "a manager whom nobody knows", "person a boss=zoe\n" BARE "manager=C\nlink a A\n",
	  "warning: a@x: the manager \"cn=zoe\" is not among the people that have an account from "
	  "here; the manager is left as it is\n" },
	{ "steps stand in the order of step.def",
	  "person a user=z@x title=T division=Bern skill=Sales:1 role=Agent group=G1\n" BARE
	  "division=Berlin state=inactive group=G2\nlink a A left group=G2\n",
	  "a group-remove G2\na rename a@x -> z@x\na set title - -> T\n"
	  "a division Berlin -> Bern\na skill-set Sales - -> 1\na grant Agent in Home\n"
	  "a group-add G1\na enable\n" },
};

static void each_profile(void **unused)
{
	(void)unused;
	run_rows(profiles, sizeof(profiles) / sizeof(*profiles));
}

static const struct row states[] = {
	{ "row 24, active as wanted", "person a active=true\n" BARE "\nlink a A\n", "" },
	{ "row 24, back again", "person a\n" BARE "state=inactive\nlink a A left\n",
	  "a enable\n" },
	{ "row 24, turned off by an administrator", "person a\n" BARE
	  "state=inactive\nlink a A\n", "a enable (drift)\n" },
	{ "row 24, active: never", "person a active:never=true\n" BARE
	  "state=inactive\nlink a A left\n", "" },
	{ "row 24, active: seed, turned off by others", "person a active:seed=true\n" BARE
	  "state=inactive\nlink a A\n", "" },
	{ "row 24, active: seed, turned off by us", "person a active:seed=true\n" BARE
	  "state=inactive\nlink a A left\n", "a enable\n" },
	{ "row 24, the rules want it inactive", "person a active=false title=T\n" BARE
	  "\nlink a A\n", "a disable\n" },
	{ "row 24, inactive already", "person a active=false title=T\n" BARE
	  "state=inactive\nlink a A\n", "" },
	{ "row 24, deleted in the tenant: restored, active at last",
	  "person a title=T\n" BARE "state=deleted\nlink a A left\n",
	  "a restore\na set title - -> T\na enable\n" },
	{ "row 24, deleted: roles and what was recorded are given anew",
	  "person a role=employee skill=Sales:2 queue=Q1\n" BARE
	  "state=deleted role=employee\nlink a A left skill=Sales:2 queue=Q1 role=employee\n",
	  "a restore\na skill-set Sales - -> 2\na grant employee in Home\na queue-add Q1\n"
	  "a enable\n" },
	{ "row 24, deleted, and not to be active",
	  "person a active=false\n" BARE "state=deleted\nlink a A\n",
	  "left a: its account A was deleted in the tenant\n" },
	{ "row 20, not to be active: not created", "person a active=false\n", "" },
	{ "row 20, without a name", "person a name=-\n",
	  "left a: displayName is not stated; an account can not be created without it\n" },
	{ "row 20, everything rides along",
	  "person a title=T division=Bern skill=Sales:2 language=German:3 role=employee "
	  "queue=Q1\n",
	  "a create a@x\na set externalId - -> a\na set displayName - -> a\n"
	  "a set title - -> T\na division - -> Bern\na skill-set Sales - -> 2\n"
	  "a language-set German - -> 3\na grant employee in Home\na queue-add Q1\n" },
	{ "row 25", "account A user=a@x skill=Sales:1\nlink a A skill=Sales:1\nperson b\n"
	  "account B user=b@x displayName=b ext=b\nlink b B\n", "a disable\n" },
	{ "row 26, inactive already",
	  "account A user=a@x state=inactive\nlink a A left\nperson b\n"
	  "account B user=b@x displayName=b ext=b\nlink b B\n", "" },
	{ "row 23, a leaver whose account is not there",
	  "link a A\nperson b\naccount B user=b@x displayName=b ext=b\nlink b B\n",
	  "warning: 1 people left the directory whose accounts were not in what the tenant "
	  "listed; nothing is done. First: a@x, account A\n" },
	{ "row 23, one that we disabled", "link a A left\nperson b\n"
	  "account B user=b@x displayName=b ext=b\nlink b B\n", "" },
	{ "row 27", "person a problem:person title=T\n" BARE "\nlink a A\n",
	  "left a: it is odd\n" },
	{ "row 30", "person a skip=not_now\nperson b skip=never\n" BARE
	  "title=T role=Agent\nlink a A\n", "by rule a: not now\nby rule b: never\n" },
	{ "people stand in the order of their ids", "person c\nperson a\nperson b\n",
	  "a create a@x\na set externalId - -> a\na set displayName - -> a\n"
	  "b create b@x\nb set externalId - -> b\nb set displayName - -> b\n"
	  "c create c@x\nc set externalId - -> c\nc set displayName - -> c\n" },
};

static void each_state(void **unused)
{
	(void)unused;
	run_rows(states, sizeof(states) / sizeof(*states));
}

/* Invariant 2: what a decision rests on was not read completely. */
static void unproved(void **unused)
{
	static const struct {
		const char *name;
		bool directory, groups, groups_told, baseline, tenant, only;
		const char *expected;
	} cases[] = {
		{ "all was read", true, true, true, true, true, false,
		  "a skill-remove Sales\nb disable\n" },
		{ "half the directory", false, true, true, true, true, false,
		  "warning: directory not read completely: a page is missing\n"
		  "warning: 1 linked people are not in the directory; nobody is taken for a "
		  "leaver because the directory was not read completely\n"
		  "a skill-remove Sales\n" },
		{ "half the directory, groups with it", false, true, false, true, true, false,
		  "warning: directory not read completely: a page is missing\n"
		  "warning: nothing is taken from anybody in this run, since the directory was "
		  "not read completely\n"
		  "warning: 1 linked people are not in the directory; nobody is taken for a "
		  "leaver because the directory was not read completely\n" },
		{ "a group is missing", true, false, true, true, true, false,
		  "warning: nothing is taken from anybody in this run, since the groups were "
		  "not read completely\nb disable\n" },
		{ "no good run yet", true, true, true, false, true, false,
		  "warning: 1 linked people are not in the directory; nobody is taken for a "
		  "leaver because there is no good run to compare with yet\n"
		  "a skill-remove Sales\n" },
		{ "half the tenant", true, true, true, true, false, false,
		  "warning: tenant not read completely: a page is missing\n"
		  "warning: 1 linked people are not in the directory; nobody is taken for a "
		  "leaver because the tenant was not read completely\n"
		  "a skill-remove Sales\n" },
		{ "--only", false, true, true, true, true, true, "a skill-remove Sales\n" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct scene scene;

		scene_init(&scene);
		if (!cases[i].directory)
			verdict_spoil(&scene.directory, "a page is missing");
		if (!cases[i].groups)
			verdict_spoil(&scene.groups, "a page is missing");
		if (!cases[i].tenant)
			verdict_spoil(&scene.present.verdict, "a page is missing");
		if (cases[i].groups_told)
			scene.in.groups = &scene.groups;
		scene.in.baseline = cases[i].baseline;
		scene.in.only = cases[i].only;
		scene_check(&scene, cases[i].name,
			    "person a stated:skill\n"
			    "account A user=a@x displayName=a ext=a skill=Sales:3\n"
			    "account B user=b@x displayName=b ext=b\n"
			    "link a A skill=Sales:3\nlink b B\n",
			    cases[i].expected);
		scene_release(&scene);
	}
}

static void half_a_tenant_creates_nobody(void **unused)
{
	struct scene scene;

	(void)unused;
	scene_init(&scene);
	verdict_spoil(&scene.present.verdict, "a page is missing");
	scene_check(&scene, "create", "person a\n",
		    "warning: tenant not read completely: a page is missing\n"
		    "left a: not created, since the tenant was not read completely: the account "
		    "may exist\n");
	scene_release(&scene);
}

/* What a plan does to an account, so that the plan after it can be made. */
static void carry_out(struct scene *to, const struct scene *from, const char *records)
{
	struct buf line;

	buf_init(&line, 1 << 16);
	for (size_t i = 0; i < from->records.count; i++) {
		const struct record *record = from->records.items[i];

		buf_clear(&line);
		buf_addf(&line, "account %s-acc ext=%s", record->id, record->id);
		for (unsigned f = 0; f < record->field_count; f++)
			if (record->fields[f].field.attr != SCIM_ATTR_ACTIVE &&
			    record->fields[f].field.attr != SCIM_ATTR_EXTERNAL_ID)
				buf_addf(&line, " %s=%s",
					 record->fields[f].field.attr == SCIM_ATTR_USER_NAME
						 ? "user"
						 : scim_attr(record->fields[f].field.attr)->name,
					 record->fields[f].field.value);
		for (unsigned a = 0; a < record->assign_count; a++)
			buf_addf(&line, " %s=%s:%g", assign_kind_name(record->assigns[a].kind),
				 record->assigns[a].name, record->assigns[a].level);
		scene_line(to, line.data);
		buf_clear(&line);
		buf_addf(&line, "link %s %s-acc", record->id, record->id);
		for (unsigned a = 0; a < record->assign_count; a++)
			buf_addf(&line, " %s=%s:%g", assign_kind_name(record->assigns[a].kind),
				 record->assigns[a].name, record->assigns[a].level);
		scene_line(to, line.data);
	}
	scene_read(to, records);
	buf_release(&line);
}

/* Invariant 8: a plan after a good apply is empty. */
static void second_plan_is_empty(void **unused)
{
	static const char records[] =
		"person a title=T division=Bern skill=Sales:2 language=German:3 queue=Q1\n"
		"person b group=G1 skill=Billing:1\nperson c\n";
	struct scene first, second;
	struct buf out;

	(void)unused;
	buf_init(&out, 1 << 16);
	scene_init(&first);
	scene_read(&first, records);
	scene_plan(&first, &out);
	assert_int_equal(first.plan.people.count, 3);
	scene_init(&second);
	carry_out(&second, &first, records);
	buf_clear(&out);
	scene_plan(&second, &out);
	assert_string_equal(out.data, "");
	assert_int_equal(second.plan.people_unchanged, 3);
	scene_release(&first);
	scene_release(&second);
	buf_release(&out);
}

/* The same inputs in another order give the same plan. */
static void order_of_inputs(void **unused)
{
	static const char *const orders[] = {
		"person a title=T\nperson b\nperson c skill=Sales:1\n"
		"account B1 user=b1@x\naccount C user=c@x ext=c displayName=c\n"
		"account D user=d@x\nlink b1 B1\nlink c C\nlink d D\n",
		"person c skill=Sales:1\nperson b\nperson a title=T\n"
		"account D user=d@x\naccount C user=c@x ext=c displayName=c\n"
		"account B1 user=b1@x\nlink d D\nlink c C\nlink b1 B1\n",
	};

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct scene scene;

		scene_init(&scene);
		scene_check(&scene, i ? "backwards" : "forwards", orders[i],
			    "a create a@x\na set externalId - -> a\n"
			    "a set displayName - -> a\na set title - -> T\n"
			    "b create b@x\nb set externalId - -> b\n"
			    "b set displayName - -> b\nb1 disable\n"
			    "c skill-set Sales - -> 1\nd disable\n");
		scene_release(&scene);
	}
}

static void counts(void **unused)
{
	struct scene scene;
	struct buf out;

	(void)unused;
	buf_init(&out, 1 << 16);
	scene_init(&scene);
	scene_read(&scene, "person a\nperson b\nperson c problem:person\n"
			   "account B user=b@x displayName=b ext=b\n"
			   "account F user=foreign@x\naccount X user=gone@x state=deleted\n"
			   "link b B\n");
	scene_plan(&scene, &out);
	assert_int_equal(scene.plan.people_in_scope, 3);
	assert_int_equal(scene.plan.people_unchanged, 1);
	assert_int_equal(scene.plan.accounts_foreign, 1);
	assert_int_equal(scene.plan.counts[STEP_CREATE], 1);
	assert_int_equal(scene.plan.people.items[0].change, PERSON_CREATE);
	assert_null(scene.plan.people.items[0].account_id);
	scene_release(&scene);
	buf_release(&out);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_assignment),
		cmocka_unit_test(each_profile),
		cmocka_unit_test(each_state),
		cmocka_unit_test(unproved),
		cmocka_unit_test(half_a_tenant_creates_nobody),
		cmocka_unit_test(second_plan_is_empty),
		cmocka_unit_test(order_of_inputs),
		cmocka_unit_test(counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
