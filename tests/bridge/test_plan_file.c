#include "bridge/report/plan_file.h"
#include "bridge/report/report.h"
#include "tests/bridge/plan_scene.h"

#include "scim/base/banned.h"

/*
 * A saved plan: it reads back as it was, an edited one is found out, and of a plan made later
 * only what both hold is left.
 */

/* --- there and back ---------------------------------------------------------------------- */

static const char company[] =
	"person a user=ann@x.org name=Ann_Müller title=Agent division=Bern skill=Billing:4 "
	"language=German:5 role=employee role=Admin queue=Q1 boss=b\n"
	"person b user=bob@x.org name=Bob title=Senior_agent phoneNumbers.work=+41_1 boss=i "
	"skill=Billing:3.5 own:group=manage group=G1\n"
	"person c user=cid@x.org name=山田太郎\n"
	"person d user=dan@x.org name=D skill=Biling:2\n"
	"person e user=eve@x.org name=Eve problem:person\n"
	"person f user=\"f\\\"@x.org name=<b>\ttitle=\xff\n"
	"person g user=new@x.org name=Gus\n"
	"person i user=ida@x.org name=Ida boss=a\n"
	"person s user=sue@x.org skip=because\n"
	"account B user=bob@x.org ext=b displayName=Bob title=Agent skill=Billing:2 "
	"skill=Sales:1 group=G2\n"
	"account C user=cid@x.org ext=c displayName=山田太郎 state=inactive\n"
	"account D user=dan@x.org ext=d displayName=Dan\n"
	"account G user=gus@x.org ext=g displayName=Gus\n"
	"account L user=lea@x.org displayName=Lea role=Agent@Home\n"
	"link b B title=Boss skill=Billing:2 skill=Sales:1 group=G2\nlink c C left\nlink d D\n"
	"link g G\nlink l L\n";

static const char *const places[] = { "", "agents.yaml:14:9 (agents)", "agents.yaml:20:11" };
static const char *const nothing = "person a\naccount A user=a@x ext=a displayName=a\nlink a A\n";

static void make(struct scene *scene, const char *text)
{
	struct buf ignored;

	scene_init(scene);
	scene_read(scene, text);
	buf_init(&ignored, 1 << 20);
	scene_plan(scene, &ignored);
	buf_release(&ignored);
	scene->plan.places = places;
	for (size_t i = 0; i < scene->plan.steps.count; i++)
		scene->plan.steps.items[i].origin = i % 3;
}

static void print(const struct plan *plan, struct buf *out)
{
	buf_init(out, 1 << 22);
	report_plan_json(plan, out);
}

static void name_it(struct scene *scene)
{
	struct plan *plan = &scene->plan;

	plan->expires_s = plan->time_s + 3600;
	plan->source = "ldaps://ldap.example.org";
	plan->target = "https://api.example.org";
	plan->inputs = "0123";
	vec_push(&plan->selected, "uid=a");
	plan->calls[API_SCIM_PATCH] = 3;
	plan->calls_per_minute = 240;
	plan->part = true;
	plan->touched = 7;
	verdict_spoil(&plan->tenant, "members of queue Q1: 3 came of 5");
}

static void reads_back(void **unused)
{
	static const char *const texts[] = { company, nothing };

	(void)unused;
	for (unsigned i = 0; i < 4; i++) {
		struct scene scene;
		struct plan plan;
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		struct buf first, second;

		make(&scene, texts[i % 2]);
		if (i == 0)
			assert_true(scene.plan.steps.count > 20);
		if (i >= 2)
			name_it(&scene);
		print(&scene.plan, &first);
		if (plan_file_parse(slice_of(first.data, first.len), "plan.json", &mem, &plan,
				    NULL, &err))
			fail_msg("%u:%u: %s", err.line, err.column, err.text);
		print(&plan, &second);
		if (first.len != second.len || memcmp(first.data, second.data, first.len))
			fail_msg("--- written\n%s--- read\n%s", first.data, second.data);
		for (size_t s = 0; s < plan.steps.count; s++) {
			assert_int_equal(plan.steps.items[s].person,
					 scene.plan.steps.items[s].person);
			assert_int_equal(plan.steps.items[s].manager,
					 scene.plan.steps.items[s].manager);
			assert_int_equal(plan.steps.items[s].kind, scene.plan.steps.items[s].kind);
		}
		for (size_t p = 0; p < plan.people.count; p++) {
			assert_int_equal(plan.people.items[p].first_step,
					 scene.plan.people.items[p].first_step);
			assert_int_equal(plan.people.items[p].step_count,
					 scene.plan.people.items[p].step_count);
		}
		buf_release(&first);
		buf_release(&second);
		plan_release(&plan);
		arena_release(&mem);
		scene_release(&scene);
	}
}

static int parse(const char *data, size_t len, struct err *err)
{
	struct arena mem = ARENA_INIT;
	struct plan plan;
	int status;

	*err = (struct err)ERR_INIT;
	status = plan_file_parse(slice_of(data, len), "plan.json", &mem, &plan, NULL, err);
	if (status == 0)
		plan_release(&plan);
	arena_release(&mem);
	return status;
}

/* One byte changed anywhere, and every shorter file. */
static void an_edited_one_is_refused(void **unused)
{
	struct scene scene;
	struct buf text;
	struct err err;

	(void)unused;
	make(&scene, company);
	print(&scene.plan, &text);
	for (size_t i = 0; i < text.len; i++) {
		text.data[i] ^= 1;
		if (parse(text.data, text.len, &err) == 0)
			fail_msg("byte %zu was changed, and it is read", i);
		if (i + 90 < text.len)
			assert_int_equal(err.kind, ERR_REFUSED);
		text.data[i] ^= 1;
		assert_int_equal(parse(text.data, i, &err), -1);
	}
	buf_release(&text);
	scene_release(&scene);
}

/* Well sealed, and no plan all the same. */
static const struct {
	const char *name, *from, *to, *says;
} broken[] = {
	{ "another form", "dirbridge.plan/1", "dirbridge.plan/2", "not a plan of dirbridge.plan/1" },
	{ "no form", "\"schema\":\"dirbridge.plan/1\",", "", "does not say that it is a plan" },
	{ "an unknown member", "\"foreign\":", "\"freign\":", "a plan has no member \"freign\"" },
	{ "of a step", "\"old\":", "\"odl\":", "a step has no member \"odl\"" },
	{ "of a person", "\"dn\":", "\"nd\":", "somebody who is skipped has no member \"nd\"" },
	{ "an unknown kind", "\"kind\":\"create\"", "\"kind\":\"craete\"", "no kind of step \"craete\"" },
	{ "an unknown attribute", "\"attribute\":\"title\"", "\"attribute\":\"titel\"", "no attribute \"titel\"" },
	{ "an unknown change", "\"change\":\"leave\"", "\"change\":\"go\"", "no change \"go\"" },
	{ "a value of nothing", "\"attribute\":\"title\",", "", "sets an attribute and names none" },
	{ "a step for nobody", "\"kind\":\"disable\",\"person\":\"l\"", "\"kind\":\"disable\",\"person\":\"zz\"", "for nobody of the plan" },
	{ "steps apart", "\"kind\":\"disable\",\"person\":\"l\"", "\"kind\":\"disable\",\"person\":\"a\"", "do not stand together" },
	{ "a negative count", "\"inScope\":", "\"inScope\":-", "is no count" },
	{ "text for a count", "\"foreign\":", "\"foreign\":\"1\",\"unchanged\":", "" },
	{ "no time", "\"time\":\"2", "\"time\":\"x", "is no time" },
	{ "a limit that is none", "\"disables\":", "\"disabels\":", "no limit \"disabels\"" },
	{ "a NUL", "\"title\",", "\"ti\\u0000tle\",", "" },
	{ "somebody twice", "\"people\":[\n", "\"people\":[\n{\"person\":\"a\",\"change\":\"update\"},", "named twice" },
	{ "somebody without a change", "\"people\":[\n", "\"people\":[\n{\"person\":\"zz\"},", "without id, names or change" },
	{ "somebody without a name", "\"people\":[\n",
	  "\"people\":[\n{\"person\":\"zz\",\"dn\":\"\",\"userName\":\"\",\"change\":\"leave\"},",
	  "without id, names or change" },
	{ "a name that is null", "\"people\":[\n",
	  "\"people\":[\n{\"person\":\"zz\",\"dn\":null,\"userName\":\"\",\"displayName\":\"\","
	  "\"change\":\"leave\"},", "without id, names or change" },
	{ "nobody skipped", "\"skipped\":[", "\"skipped\":[{\"person\":\"a\",\"dn\":\"\",\"reason\":\"\"},",
	  "skipped, without id, names or reason" },
	{ "how it was read", "\"read\":\"all\"", "\"read\":\"some\"", "not \"some\"" },
};

static void a_broken_one_is_refused(void **unused)
{
	struct scene scene;
	struct buf text;
	struct err err;

	(void)unused;
	make(&scene, company);
	print(&scene.plan, &text);
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		const char *at = strstr(text.data, broken[i].from);
		char hash[DIGEST_TEXT];
		struct buf bad;

		if (!at)
			fail_msg("%s: the plan does not say %s", broken[i].name, broken[i].from);
		buf_init(&bad, 1 << 22);
		buf_add(&bad, text.data, (size_t)(at - text.data));
		buf_addstr(&bad, broken[i].to);
		buf_addstr(&bad, at + strlen(broken[i].from));
		bad.len -= DIGEST_TEXT - 1 + 3 + strlen("\n\"sha256\":\"");
		digest_of(bad.data, bad.len, hash);
		buf_addf(&bad, "\n\"sha256\":\"%s\"}\n", hash);
		if (parse(bad.data, bad.len, &err) == 0)
			fail_msg("%s: it is read", broken[i].name);
		if (err.kind != ERR_INVALID || !err.line || !strstr(err.text, broken[i].says))
			fail_msg("%s: %u: %s", broken[i].name, err.line, err.text);
		buf_release(&bad);
	}
	buf_release(&text);
	scene_release(&scene);
}

/* --- what of it still stands ------------------------------------------------------------- */

#define ANN "account A user=a@x ext=a displayName=a title=Old "
#define BEFORE "person a title=New skill=Billing:4\n" ANN "\nlink a A title=Old\n"

static const struct {
	const char *name, *saved, *now;
	const char *kept;  /* steps: person kind ... */
	const char *moved; /* each skip must hold one of the lines, and be of that number */
	unsigned count;
} stands[] = {
	{ "all", BEFORE, BEFORE, "a set title\na skill-set Billing\n", "", 0 },
	{ "nothing more than was planned", "person a title=New\n" ANN "\nlink a A title=Old\n", BEFORE,
	  "a set title\n", "", 0 },
	{ "the rules want another value", BEFORE,
	  "person a title=Newer skill=Billing:4\n" ANN "\nlink a A title=Old\n",
	  "a skill-set Billing\n", "set title; it would now be Old -> Newer", 1 },
	{ "the account has another value", BEFORE,
	  "person a title=New skill=Billing:4\naccount A user=a@x ext=a displayName=a "
	  "title=Else\nlink a A title=Old\n",
	  "a skill-set Billing\n", "set title; it would now be Else -> New", 1 },
	{ "somebody else did it", BEFORE,
	  "person a title=New skill=Billing:4\naccount A user=a@x ext=a displayName=a "
	  "title=New\nlink a A title=Old\n",
	  "a skill-set Billing\n", "set title; nothing of that kind is to be done now", 1 },
	{ "another level", BEFORE, "person a title=New skill=Billing:5\n" ANN "\nlink a A title=Old\n",
	  "a set title\n", "skill-set Billing; it would now be none -> 5", 1 },
	{ "another account", BEFORE,
	  "person a title=New skill=Billing:4\naccount Z user=a@x ext=a displayName=a title=Old\n"
	  "link a Z title=Old\n",
	  "", "nothing of that kind is to be done now", 2 },
	{ "the person is gone", BEFORE, "person q\naccount Q user=q@x ext=q displayName=q\nlink q Q\n" ANN "\nlink a A\n",
	  "", "nothing of that kind is to be done now", 2 },
	{ "a leaver is back", ANN "\nlink a A\nperson q\naccount Q user=q@x ext=q displayName=q\nlink q Q\n",
	  "person a\n" ANN "\nlink a A\nperson q\naccount Q user=q@x ext=q displayName=q\nlink q Q\n",
	  "", "disable active; nothing of that kind is to be done now", 1 },
	{ "a new account as planned", "person a title=New role=Agent@Home\n", "person a title=New role=Agent@Home\n",
	  "a create userName\na set externalId\na set displayName\na set title\na grant Agent\n", "", 0 },
	{ "a new account is made whole or not at all", "person a title=New role=Agent@Home\n",
	  "person a title=Newer role=Agent@Home\n", "", "", 5 },
	{ "nor with less", "person a title=New department=D\n", "person a title=New\n", "", "", 5 },
	{ "nor with more", "person a title=New\n", "person a title=New department=D\n", "", "", 4 },
	{ "a grant to it may fall away", "person a role=Agent@Home\n", "person a\n",
	  "a create userName\na set externalId\na set displayName\n", "grant Agent in Home", 1 },
};

static void only_what_still_stands(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(stands) / sizeof(*stands); i++) {
		struct scene saved, now;
		struct buf kept;
		size_t skips;

		make(&saved, stands[i].saved);
		make(&now, stands[i].now);
		skips = now.plan.skips.count;
		plan_keep(&now.plan, &saved.plan, &now.mem);
		buf_init(&kept, 65536);
		for (size_t s = 0; s < now.plan.steps.count; s++) {
			const struct step *step = &now.plan.steps.items[s];
			const struct plan_person *person = &now.plan.people.items[step->person];

			assert_true(s >= person->first_step &&
				    s < person->first_step + person->step_count);
			buf_addf(&kept, "%s %s%s%s\n", person->id, step_row(step->kind)->name,
				 step->name || step->attr != SCIM_ATTR_COUNT ? " " : "",
				 step->name ? step->name : step->attr != SCIM_ATTR_COUNT ?
				 scim_attr(step->attr)->name : "");
		}
		if (strcmp(kept.data ? kept.data : "", stands[i].kept))
			fail_msg("%s\n--- kept\n%s--- expected\n%s", stands[i].name,
				 kept.data ? kept.data : "", stands[i].kept);
		if (now.plan.skips.count - skips != stands[i].count)
			fail_msg("%s: %zu moved, not %u", stands[i].name,
				 now.plan.skips.count - skips, stands[i].count);
		for (size_t s = skips; s < now.plan.skips.count; s++)
			if (!strstr(now.plan.skips.items[s].text, "its ground has moved") ||
			    !strstr(now.plan.skips.items[s].text, stands[i].moved))
				fail_msg("%s: %s", stands[i].name, now.plan.skips.items[s].text);
		buf_release(&kept);
		scene_release(&saved);
		scene_release(&now);
	}
}

/* Steps that name people by their place follow them. */
static void managers_keep_their_people(void **unused)
{
	const struct {
		const char *saved, *now;
		unsigned people, managers;
	} rows[] = {
		{ "person a boss=b\nperson b\nperson c boss=a\n", "person a boss=b\nperson b\nperson c boss=a\n", 3, 2 },
		{ "person a boss=b\nperson b title=New\nperson c boss=a\n",
		  "person a boss=b\nperson b title=Newer\nperson c boss=a\n", 2, 1 },
		{ "person a title=New\nperson b boss=c\nperson c boss=b\n",
		  "person a title=Newer\nperson b boss=c\nperson c boss=b\n", 2, 2 },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scene saved, now;
		unsigned managers = 0;

		make(&saved, rows[i].saved);
		make(&now, rows[i].now);
		plan_keep(&now.plan, &saved.plan, &now.mem);
		for (size_t s = 0; s < now.plan.steps.count; s++) {
			const struct step *step = &now.plan.steps.items[s];

			if (step->kind != STEP_MANAGER)
				continue;
			managers++;
			assert_true(step->manager >= 1 && step->manager <= now.plan.people.count);
			assert_string_equal(now.plan.people.items[step->manager - 1].id,
					    step->manager_id);
		}
		if (now.plan.people.count != rows[i].people || managers != rows[i].managers)
			fail_msg("row %zu: %zu people, %u managers", i, now.plan.people.count,
				 managers);
		scene_release(&saved);
		scene_release(&now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back),
		cmocka_unit_test(an_edited_one_is_refused),
		cmocka_unit_test(a_broken_one_is_refused),
		cmocka_unit_test(only_what_still_stands),
		cmocka_unit_test(managers_keep_their_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
