#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/tenant/calls.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"


/*
 * Steps of a case as the planner would give them: by person, in step.def's order. `person`
 * counts from 0; a person with a CREATE has no account.
 */
struct row {
	uint32_t person;
	enum step_kind kind;
	const char *a, *b, *c; /* see add_step */
	double level;
	enum scim_attr attr;
};

struct scene {
	struct plan plan;
	struct arena mem;
};

static void add_step(struct scene *scene, const struct row *row)
{
	struct step step = { .kind = row->kind, .person = row->person, .level = row->level };

	switch (row->kind) {
	case STEP_SET:
	case STEP_RENAME:
		step.attr = row->attr;
		step.key = row->c;
		step.old_text = row->a;
		step.new_text = row->b;
		break;
	case STEP_CREATE:
		step.new_text = row->a;
		break;
	case STEP_DISABLE:
	case STEP_ENABLE:
		break;
	case STEP_GRANT:
	case STEP_REVOKE:
		step.item_id = step.name = row->a;
		step.division_id = step.division = row->b;
		break;
	default:
		step.item_id = row->a;
		step.name = row->b ? row->b : row->a;
		break;
	}
	while (scene->plan.people.count <= row->person) {
		struct plan_person person = { .change = PERSON_UPDATE,
					      .first_step =
						      (uint32_t)scene->plan.steps.count };

		person.account_id = arena_printf(&scene->mem, "u%zu",
						 scene->plan.people.count + 1);
		person.version = "7";
		vec_push(&scene->plan.people, person);
	}
	if (row->kind == STEP_CREATE) {
		scene->plan.people.items[row->person].account_id = NULL;
		scene->plan.people.items[row->person].version = NULL;
		scene->plan.people.items[row->person].change = PERSON_CREATE;
	}
	scene->plan.people.items[row->person].step_count++;
	vec_push(&scene->plan.steps, step);
}

static void scene_release(struct scene *scene)
{
	vec_release(&scene->plan.people);
	vec_release(&scene->plan.steps);
	arena_release(&scene->mem);
}

/* "METHOD path?query [If-Match v] body" */
static void print_call(const struct call *call, struct buf *out)
{
	const char *at = api_op((enum api_op)call->op)->path;
	unsigned id = 0;

	buf_addf(out, "%s ", api_op((enum api_op)call->op)->method);
	for (; *at; at++) {
		if (*at == '{') {
			buf_addstr(out, call->path_ids[id++]);
			at = strchr(at, '}');
		} else {
			buf_addch(out, *at);
		}
	}
	buf_addstr(out, call->query ? call->query : "");
	if (call->if_match)
		buf_addf(out, " If-Match %s", call->if_match);
	if (call->body.len)
		buf_addf(out, " %.*s", SLICE_FMT(call->body));
	buf_addch(out, '\n');
}

static void print_waves(const struct plan *plan, const unsigned char *blocked, struct buf *out)
{
	for (unsigned wave = 0; wave < STEP_WAVES; wave++) {
		struct arena mem = ARENA_INIT;
		struct calls calls = { 0 };

		calls_make(plan, wave, blocked, &mem, &calls);
		for (size_t i = 0; i < calls.count; i++) {
			buf_addf(out, "%u ", wave);
			print_call(&calls.items[i], out);
		}
		vec_release(&calls);
		arena_release(&mem);
	}
}

#define USERS "/api/v2/scim/v2/users"
#define PATCHES "{\"schemas\":[\"" SCIM_URN_PATCH "\"],\"Operations\":["

static const struct {
	const char *name;
	struct row rows[10];
	unsigned count;
	const char *expected;
} cases[] = {
	{ "nothing", { { 0 } }, 0, "" },
	{ "a leaver is disabled first",
	  { { 0, STEP_DISABLE, NULL, NULL, NULL, 0, 0 } }, 1,
	  "0 PATCH " USERS "/u1 If-Match 7 " PATCHES
	  "{\"op\":\"replace\",\"path\":\"active\",\"value\":false}]}\n" },
	{ "a return is enabled last",
	  { { 0, STEP_SET, "a", "b", NULL, 0, SCIM_ATTR_TITLE },
	    { 0, STEP_ENABLE, NULL, NULL, NULL, 0, 0 } }, 2,
	  "2 PATCH " USERS "/u1 If-Match 7 " PATCHES
	  "{\"op\":\"replace\",\"path\":\"title\",\"value\":\"b\"}]}\n"
	  "5 PATCH " USERS "/u1 If-Match 7 " PATCHES
	  "{\"op\":\"replace\",\"path\":\"active\",\"value\":true}]}\n" },
	{ "one PATCH for all of a person's profile",
	  { { 0, STEP_RENAME, "old@x.org", "new@x.org", NULL, 0, SCIM_ATTR_USER_NAME },
	    { 0, STEP_SET, "Old", NULL, NULL, 0, SCIM_ATTR_TITLE },
	    { 0, STEP_SET, NULL, "Sales", NULL, 0, SCIM_ATTR_DEPARTMENT },
	    { 0, STEP_SET, NULL, "+4930123", "work", 0, SCIM_ATTR_PHONE_NUMBERS },
	    { 0, STEP_SET, "+491", "+492", "mobile", 0, SCIM_ATTR_PHONE_NUMBERS } }, 5,
	  "2 PATCH " USERS "/u1 If-Match 7 " PATCHES
	  "{\"op\":\"replace\",\"path\":\"userName\",\"value\":\"new@x.org\"},"
	  "{\"op\":\"remove\",\"path\":\"title\"},"
	  "{\"op\":\"replace\",\"path\":\"" SCIM_URN_ENTERPRISE
	  ":department\",\"value\":\"Sales\"},"
	  "{\"op\":\"add\",\"path\":\"phoneNumbers\",\"value\":[{\"type\":\"work\","
	  "\"value\":\"+4930123\"}]},"
	  "{\"op\":\"replace\",\"path\":\"phoneNumbers[type eq \\\"mobile\\\"].value\","
	  "\"value\":\"+492\"}]}\n" },
	{ "a new account carries profile, division, skills, languages",
	  { { 0, STEP_CREATE, "ann@x.org", NULL, NULL, 0, 0 },
	    { 0, STEP_SET, NULL, "Ann \"A\" Ö", NULL, 0, SCIM_ATTR_DISPLAY_NAME },
	    { 0, STEP_SET, NULL, "id-1", NULL, 0, SCIM_ATTR_EXTERNAL_ID },
	    { 0, STEP_DIVISION, "d1", "Site Bern", NULL, 0, 0 },
	    { 0, STEP_SKILL_SET, "s1", "Billing", NULL, 4, 0 },
	    { 0, STEP_SKILL_SET, "s2", "Refunds", NULL, 2.5, 0 },
	    { 0, STEP_LANGUAGE_SET, "l1", "English", NULL, 5, 0 } }, 7,
	  "2 POST " USERS " {\"schemas\":[\"" SCIM_URN_USER "\",\"" SCIM_URN_ENTERPRISE
	  "\",\"" GENESYS_URN_USER "\"],\"userName\":\"ann@x.org\",\"externalId\":\"id-1\","
	  "\"displayName\":\"Ann \\\"A\\\" Ö\",\"active\":true,\"" SCIM_URN_ENTERPRISE
	  "\":{\"division\":\"Site Bern\"},\"" GENESYS_URN_USER
	  "\":{\"routingSkills\":[{\"name\":\"Billing\",\"proficiency\":4},"
	  "{\"name\":\"Refunds\",\"proficiency\":2.5}],\"routingLanguages\":["
	  "{\"name\":\"English\",\"proficiency\":5}]}}\n" },
	{ "skills and languages of an account, and their removal",
	  { { 0, STEP_REVOKE, "r1", "d1", NULL, 0, 0 },
	    { 0, STEP_SKILL_REMOVE, "s9", NULL, NULL, 0, 0 },
	    { 0, STEP_LANGUAGE_REMOVE, "l9", NULL, NULL, 0, 0 },
	    { 0, STEP_SKILL_SET, "s1", NULL, NULL, 4, 0 },
	    { 0, STEP_SKILL_SET, "s2", NULL, NULL, 0.5, 0 },
	    { 0, STEP_LANGUAGE_SET, "l1", NULL, NULL, 3, 0 } }, 6,
	  "1 DELETE /api/v2/authorization/subjects/u1/divisions/d1/roles/r1\n"
	  "1 DELETE /api/v2/users/u1/routingskills/s9\n"
	  "1 DELETE /api/v2/users/u1/routinglanguages/l9\n"
	  "2 PATCH /api/v2/users/u1/routingskills/bulk "
	  "[{\"id\":\"s1\",\"proficiency\":4},{\"id\":\"s2\",\"proficiency\":0.5}]\n"
	  "2 PATCH /api/v2/users/u1/routinglanguages/bulk [{\"id\":\"l1\",\"proficiency\":3}]\n" },
	{ "containers take many people",
	  { { 0, STEP_GROUP_REMOVE, "g9", NULL, NULL, 0, 0 },
	    { 0, STEP_QUEUE_REMOVE, "q9", NULL, NULL, 0, 0 },
	    { 0, STEP_DIVISION, "d2", NULL, NULL, 0, 0 },
	    { 0, STEP_GROUP_ADD, "g2", NULL, NULL, 0, 0 },
	    { 0, STEP_QUEUE_ADD, "q1", NULL, NULL, 0, 0 },
	    { 1, STEP_GROUP_REMOVE, "g9", NULL, NULL, 0, 0 },
	    { 1, STEP_DIVISION, "d2", NULL, NULL, 0, 0 },
	    { 1, STEP_GROUP_ADD, "g1", NULL, NULL, 0, 0 },
	    { 1, STEP_GROUP_ADD, "g2", NULL, NULL, 0, 0 },
	    { 1, STEP_QUEUE_ADD, "q1", NULL, NULL, 0, 0 } }, 10,
	  "1 DELETE /api/v2/groups/g9/members?ids=u1,u2\n"
	  "1 POST /api/v2/routing/queues/q9/members?delete=true [{\"id\":\"u1\"}]\n"
	  "2 POST /api/v2/authorization/divisions/d2/objects/USER [\"u1\",\"u2\"]\n"
	  "3 POST /api/v2/groups/g1/members {\"memberIds\":[\"u2\"]}\n"
	  "3 POST /api/v2/groups/g2/members {\"memberIds\":[\"u1\",\"u2\"]}\n"
	  "3 POST /api/v2/routing/queues/q1/members [{\"id\":\"u1\"},{\"id\":\"u2\"}]\n" },
	{ "one person, two roles: one call for the person",
	  { { 0, STEP_GRANT, "r1", "d1", NULL, 0, 0 },
	    { 0, STEP_GRANT, "r2", "*", NULL, 0, 0 } }, 2,
	  "3 POST /api/v2/authorization/subjects/u1/bulkadd?subjectType=PC_USER "
	  "{\"grants\":[{\"roleId\":\"r1\",\"divisionId\":\"d1\"},"
	  "{\"roleId\":\"r2\",\"divisionId\":\"*\"}]}\n" },
	{ "three people, one role: one call for the role",
	  { { 0, STEP_GRANT, "r1", "d1", NULL, 0, 0 },
	    { 1, STEP_GRANT, "r1", "d1", NULL, 0, 0 },
	    { 2, STEP_GRANT, "r1", "d1", NULL, 0, 0 } }, 3,
	  "3 POST /api/v2/authorization/roles/r1?subjectType=PC_USER "
	  "{\"subjectIds\":[\"u1\",\"u2\",\"u3\"],\"divisionIds\":[\"d1\"]}\n" },
	/* Together they would grant r1 in d2 to the first one, too. */
	{ "people with other divisions never share a role call",
	  { { 0, STEP_GRANT, "r1", "d1", NULL, 0, 0 },
	    { 1, STEP_GRANT, "r1", "d1", NULL, 0, 0 },
	    { 2, STEP_GRANT, "r1", "d1", NULL, 0, 0 },
	    { 2, STEP_GRANT, "r1", "d2", NULL, 0, 0 },
	    { 3, STEP_GRANT, "r1", "d2", NULL, 0, 0 },
	    { 4, STEP_GRANT, "r1", "d2", NULL, 0, 0 },
	    { 5, STEP_GRANT, "r1", "d1", NULL, 0, 0 },
	    { 5, STEP_GRANT, "r1", "d2", NULL, 0, 0 } }, 8,
	  "3 POST /api/v2/authorization/roles/r1?subjectType=PC_USER "
	  "{\"subjectIds\":[\"u1\",\"u2\"],\"divisionIds\":[\"d1\"]}\n"
	  "3 POST /api/v2/authorization/roles/r1?subjectType=PC_USER "
	  "{\"subjectIds\":[\"u3\",\"u6\"],\"divisionIds\":[\"d1\",\"d2\"]}\n"
	  "3 POST /api/v2/authorization/roles/r1?subjectType=PC_USER "
	  "{\"subjectIds\":[\"u4\",\"u5\"],\"divisionIds\":[\"d2\"]}\n" },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct scene scene = { 0 };
		struct buf out;

		buf_init(&out, 1 << 20);
		buf_addstr(&out, "");
		for (unsigned s = 0; s < cases[i].count; s++)
			add_step(&scene, &cases[i].rows[s]);
		print_waves(&scene.plan, NULL, &out);
		if (strcmp(out.data, cases[i].expected) != 0)
			fail_msg("%s:\n%s\nexpected\n%s", cases[i].name, out.data,
				 cases[i].expected);
		buf_release(&out);
		scene_release(&scene);
	}
}

static void count_calls(const struct plan *plan, const unsigned char *blocked,
			unsigned counts[API_OP_COUNT], unsigned *ret_steps)
{
	unsigned char *seen = mem_array(plan->steps.count, 1);

	memset(counts, 0, API_OP_COUNT * sizeof(*counts));
	*ret_steps = 0;
	for (unsigned wave = 0; wave < STEP_WAVES; wave++) {
		struct arena mem = ARENA_INIT;
		struct calls calls = { 0 };

		calls_make(plan, wave, blocked, &mem, &calls);
		for (size_t i = 0; i < calls.count; i++) {
			counts[calls.items[i].op]++;
			for (unsigned s = 0; s < calls.items[i].step_count; s++) {
				assert_int_equal(seen[calls.items[i].steps[s]], 0);
				seen[calls.items[i].steps[s]] = 1;
				++*ret_steps;
			}
		}
		vec_release(&calls);
		arena_release(&mem);
	}
	mem_free(seen);
}

/* Batches: 50 in a group, 100 in a queue, a division, a role; 50 skills a person. */
static void test_batches(void **state)
{
	struct scene scene = { 0 };
	unsigned counts[API_OP_COUNT], steps;

	(void)state;
	for (uint32_t p = 0; p < 201; p++) {
		add_step(&scene, &(struct row){ p, STEP_DIVISION, "d", NULL, NULL, 0, 0 });
		add_step(&scene, &(struct row){ p, STEP_GRANT, "r", "d", NULL, 0, 0 });
		add_step(&scene, &(struct row){ p, STEP_GROUP_ADD, "g", NULL, NULL, 0, 0 });
		add_step(&scene, &(struct row){ p, STEP_QUEUE_ADD, "q", NULL, NULL, 0, 0 });
	}
	for (int i = 0; i < 51; i++)
		add_step(&scene, &(struct row){ 201, STEP_SKILL_SET,
						arena_printf(&scene.mem, "s%d", i), NULL, NULL,
						1, 0 });
	count_calls(&scene.plan, NULL, counts, &steps);
	assert_int_equal(steps, scene.plan.steps.count);
	assert_int_equal(counts[API_DIVISION_MOVE], 3);
	assert_int_equal(counts[API_ROLE_GRANT], 3);
	assert_int_equal(counts[API_SUBJECT_BULKADD], 0);
	assert_int_equal(counts[API_GROUP_ADD], 5);
	assert_int_equal(counts[API_QUEUE_CHANGE], 3);
	assert_int_equal(counts[API_SKILLS_PATCH], 2);
	scene_release(&scene);
}

/* 60 skills and 70 languages: the POST takes 50 of each, the rest follows a wave later. */
static void test_create_overflow(void **state)
{
	struct scene scene = { 0 };
	unsigned counts[API_OP_COUNT], steps;
	struct arena mem = ARENA_INIT;
	struct calls calls = { 0 };

	(void)state;
	add_step(&scene, &(struct row){ 0, STEP_CREATE, "a@x", NULL, NULL, 0, 0 });
	for (int i = 0; i < 60; i++)
		add_step(&scene, &(struct row){ 0, STEP_SKILL_SET,
						arena_printf(&scene.mem, "s%d", i), NULL, NULL,
						1, 0 });
	for (int i = 0; i < 70; i++)
		add_step(&scene, &(struct row){ 0, STEP_LANGUAGE_SET,
						arena_printf(&scene.mem, "l%d", i), NULL, NULL,
						1, 0 });
	count_calls(&scene.plan, NULL, counts, &steps);
	assert_int_equal(steps, 131);
	assert_int_equal(counts[API_SCIM_CREATE], 1);
	assert_int_equal(counts[API_SKILLS_PATCH], 1);
	assert_int_equal(counts[API_LANGUAGES_PATCH], 1);
	calls_make(&scene.plan, 3, NULL, &mem, &calls);
	assert_int_equal(calls.count, 2);
	assert_int_equal(calls.items[0].step_count, 10);
	assert_int_equal(calls.items[1].step_count, 20);
	assert_string_equal(calls.items[0].path_ids[0], CALLS_NO_ACCOUNT);
	vec_release(&calls);
	arena_release(&mem);
	scene_release(&scene);
}

/* The choice between role calls and bulkadds. */
static const struct {
	const char *name;
	unsigned people, common, pairs; /* of `pairs` roles each has one, in turn */
	unsigned rare;                  /* roles of its own for every person */
	unsigned role_calls, bulkadds;
} choices[] = {
	{ "joiners: employee and one of 10 roles", 1000, 1, 10, 0, 20, 0 },
	{ "everybody has two roles of his own", 1000, 1, 0, 2, 0, 1000 },
	{ "a few people with the same four roles", 3, 4, 0, 0, 0, 3 },
	{ "many people with the same four roles", 90, 4, 0, 0, 4, 0 },
	{ "one over the batch", 101, 1, 0, 0, 2, 0 },
	{ "one over the batch, two roles: that one alone", 101, 2, 0, 0, 2, 1 },
	{ "nobody", 0, 1, 0, 0, 0, 0 },
};

static void test_choices(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++) {
		struct scene scene = { 0 };
		unsigned counts[API_OP_COUNT], steps;

		for (uint32_t p = 0; p < choices[i].people; p++) {
			for (unsigned r = 0; r < choices[i].common; r++)
				add_step(&scene, &(struct row){
							 p, STEP_GRANT,
							 arena_printf(&scene.mem, "c%u", r),
							 "home", NULL, 0, 0 });
			if (choices[i].pairs)
				add_step(&scene,
					 &(struct row){ p, STEP_GRANT, "agent",
							arena_printf(&scene.mem, "d%u",
								     p % choices[i].pairs),
							NULL, 0, 0 });
			for (unsigned r = 0; r < choices[i].rare; r++)
				add_step(&scene, &(struct row){
							 p, STEP_GRANT,
							 arena_printf(&scene.mem, "x%u-%u", p, r),
							 "home", NULL, 0, 0 });
		}
		count_calls(&scene.plan, NULL, counts, &steps);
		if (steps != scene.plan.steps.count ||
		    counts[API_ROLE_GRANT] != choices[i].role_calls ||
		    counts[API_SUBJECT_BULKADD] != choices[i].bulkadds)
			fail_msg("%s: %u role calls, %u bulkadds, %u of %zu steps",
				 choices[i].name, counts[API_ROLE_GRANT],
				 counts[API_SUBJECT_BULKADD], steps, scene.plan.steps.count);
		scene_release(&scene);
	}
}

static void test_blocked(void **state)
{
	static const unsigned char blocked[] = { 1, 0, 1 };
	struct scene scene = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	for (uint32_t p = 0; p < 3; p++) {
		add_step(&scene, &(struct row){ p, STEP_SKILL_SET, "s", NULL, NULL, 1, 0 });
		add_step(&scene, &(struct row){ p, STEP_GRANT, "r", "d", NULL, 0, 0 });
		add_step(&scene, &(struct row){ p, STEP_GROUP_ADD, "g", NULL, NULL, 0, 0 });
	}
	print_waves(&scene.plan, blocked, &out);
	assert_string_equal(
		out.data,
		"2 PATCH /api/v2/users/u2/routingskills/bulk [{\"id\":\"s\",\"proficiency\":1}]\n"
		"3 POST /api/v2/authorization/roles/r?subjectType=PC_USER "
		"{\"subjectIds\":[\"u2\"],\"divisionIds\":[\"d\"]}\n"
		"3 POST /api/v2/groups/g/members {\"memberIds\":[\"u2\"]}\n");
	buf_release(&out);
	scene_release(&scene);
}

/* Same plan, same bytes. */
static void test_deterministic(void **state)
{
	struct buf first, second;

	(void)state;
	buf_init(&first, 8 << 20);
	buf_init(&second, 8 << 20);
	for (int round = 0; round < 2; round++) {
		struct scene scene = { 0 };

		for (uint32_t p = 0; p < 300; p++) {
			add_step(&scene, &(struct row){ p, STEP_GRANT,
							arena_printf(&scene.mem, "r%u", p % 7),
							"d", NULL, 0, 0 });
			add_step(&scene, &(struct row){ p, STEP_GRANT,
							arena_printf(&scene.mem, "s%u", p % 11),
							"d", NULL, 0, 0 });
			add_step(&scene, &(struct row){ p, STEP_QUEUE_ADD,
							arena_printf(&scene.mem, "q%u", p % 3),
							NULL, NULL, 0, 0 });
		}
		print_waves(&scene.plan, NULL, round ? &second : &first);
		scene_release(&scene);
	}
	assert_string_equal(first.data, second.data);
	buf_release(&first);
	buf_release(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),   cmocka_unit_test(test_batches),
		cmocka_unit_test(test_create_overflow), cmocka_unit_test(test_choices),
		cmocka_unit_test(test_blocked), cmocka_unit_test(test_deterministic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
