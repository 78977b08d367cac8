#include "tests/bridge/plan_scene.h"

#include "scim/base/banned.h"

/* `count` people who are as they should be: named n000, n001, ... */
static void add_quiet(struct scene *scene, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const char *id = arena_printf(&scene->mem, "n%03u", i);

		scene_line(scene, arena_printf(&scene->mem, "person %s", id));
		scene_line(scene, arena_printf(&scene->mem, "account %s-acc user=%s@x ext=%s "
							    "displayName=%s", id, id, id, id));
		scene_line(scene, arena_printf(&scene->mem, "link %s %s-acc", id, id));
	}
}

/* What makes one step of each kind that is limited, for person number i. */
static void add_step(struct scene *scene, enum limit_kind kind, unsigned i)
{
	static const struct {
		const char *person, *account, *link;
	} lines[LIMIT_KIND_COUNT] = {
		[LIMIT_CREATES] = { "", NULL, NULL },
		[LIMIT_DISABLES] = { NULL, "", "" },
		[LIMIT_PRIVILEGED] = { " role=Admin", "", "" },
		[LIMIT_REVOKES] = { "", " role=Agent@Bern", " role=Agent@Bern" },
		[LIMIT_SKILL_REMOVALS] = { "", " skill=Sales:1", " skill=Sales:1" },
		[LIMIT_GROUP_REMOVALS] = { "", " group=G1", " group=G1" },
		[LIMIT_RENAMES] = { " user=new%s@x", "", "" },
	};
	const char *id = arena_printf(&scene->mem, "p%03u", i);
	const char *person = lines[kind].person;

	if (person && strstr(person, "%s"))
		person = arena_printf(&scene->mem, " user=new-%s@x", id);
	if (person)
		scene_line(scene, arena_printf(&scene->mem, "person %s%s", id, person));
	if (lines[kind].account)
		scene_line(scene, arena_printf(&scene->mem, "account %s-acc user=%s@x ext=%s "
							    "displayName=%s%s", id, id, id, id,
					       lines[kind].account));
	if (lines[kind].link)
		scene_line(scene, arena_printf(&scene->mem, "link %s %s-acc%s", id, id,
					       lines[kind].link));
}

static const struct {
	const char *name;
	struct config_limit limit;
	unsigned quiet, steps, recent;
	unsigned allowed;
	bool exceeded;
} limits[] = {
	{ "at the count", { 3, 100, 100 }, 50, 3, 0, 3, false },
	{ "over the count", { 3, 100, 100 }, 50, 4, 0, 3, true },
	{ "with what was applied today", { 3, 100, 100 }, 50, 2, 1, 3, false },
	{ "over it with what was applied today", { 3, 100, 100 }, 50, 2, 2, 3, true },
	{ "at the percentage", { 1000, 10, 1 }, 95, 5, 0, 10, false },
	{ "over the percentage", { 1000, 5, 1 }, 94, 6, 0, 5, true },
	{ "a small place: the minimum counts", { 1000, 5, 3 }, 5, 3, 0, 3, false },
	{ "over the minimum", { 1000, 5, 3 }, 5, 4, 0, 3, true },
	{ "none allowed", { 0, 0, 0 }, 5, 1, 0, 0, true },
	{ "none allowed, none planned", { 0, 0, 0 }, 5, 0, 7, 0, false },
};

/* Each rule of the arithmetic, for each kind. */
static void each_limit(void **unused)
{
	(void)unused;
	for (unsigned kind = 0; kind < LIMIT_KIND_COUNT; kind++) {
		if (kind == LIMIT_DELETES)
			continue; /* no step deletes yet */
		for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
			const char *name = limit_kind_name((enum limit_kind)kind);
			unsigned quiet = limits[i].quiet;
			const struct plan_limit *limit;
			struct scene scene;
			struct buf out;

			/* Those who are created are not linked yet: others stand in. */
			if (kind == LIMIT_CREATES)
				quiet += limits[i].steps;
			buf_init(&out, 1 << 20);
			scene_init(&scene);
			scene.config.limits[kind] = limits[i].limit;
			scene.in.recent[kind] = limits[i].recent;
			add_quiet(&scene, quiet);
			for (unsigned n = 0; n < limits[i].steps; n++)
				add_step(&scene, (enum limit_kind)kind, n);
			scene_read(&scene, "");
			scene_plan(&scene, &out);
			limit = &scene.plan.limits[kind];
			if (limit->planned != limits[i].steps || limit->allowed != limits[i].allowed ||
			    limit->exceeded != limits[i].exceeded ||
			    scene.plan.refused != limits[i].exceeded)
				fail_msg("%s, %s: planned %u, allowed %u, exceeded %d, refused %d\n%s",
					 name, limits[i].name, limit->planned, limit->allowed,
					 limit->exceeded, scene.plan.refused, out.data);
			scene_release(&scene);
			buf_release(&out);
		}
	}
}

/* A refusal names the limit, the numbers and the first people. */
static void words(void **unused)
{
	struct scene scene;
	struct buf out;

	(void)unused;
	buf_init(&out, 1 << 20);
	scene_init(&scene);
	scene.config.limits[LIMIT_DISABLES] = (struct config_limit){ 1000, 5, 3 };
	scene.in.recent[LIMIT_DISABLES] = 2;
	add_quiet(&scene, 20);
	for (unsigned n = 0; n < 7; n++)
		add_step(&scene, LIMIT_DISABLES, n);
	scene_read(&scene, "");
	scene_plan(&scene, &out);
	assert_int_equal(scene.plan.refusals.count, 1);
	assert_string_equal(scene.plan.refusals.items[0],
			    "disables: 7 in this plan and 2 in the last 24 hours; 3 are allowed "
			    "(limits.disables). First: p000@x, p001@x, p002@x, p003@x, p004@x");
	/* What would be done is still shown. */
	assert_int_equal(scene.plan.counts[STEP_DISABLE], 7);
	scene_release(&scene);
	buf_release(&out);
}

static void count_drop(void **unused)
{
	static const struct {
		const char *name;
		unsigned people, gone;
		unsigned long last_good;
		unsigned percent;
		bool baseline, incomplete, only;
		bool refused;
		unsigned disables;
	} rows[] = {
		{ "no fall", 100, 0, 100, 20, true, false, false, false, 0 },
		{ "a small fall", 80, 20, 100, 20, true, false, false, false, 20 },
		{ "a fall too far", 79, 21, 100, 20, true, false, false, true, 0 },
		{ "nobody at all", 0, 10, 10, 20, true, false, false, true, 0 },
		{ "nobody at all, not linked", 0, 0, 10, 20, true, false, false, true, 0 },
		{ "any fall is allowed", 1, 99, 100, 100, true, false, false, false, 99 },
		{ "no fall is allowed", 99, 1, 100, 0, true, false, false, true, 0 },
		{ "no baseline", 10, 90, 0, 20, false, false, false, false, 0 },
		{ "an incomplete read that fell far", 50, 50, 100, 20, true, true, false, true, 0 },
		{ "an incomplete read", 90, 10, 100, 20, true, true, false, false, 0 },
		{ "only one", 1, 99, 100, 20, true, false, true, false, 0 },
		{ "more than before", 120, 0, 100, 20, true, false, false, false, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scene scene;
		struct buf out;

		buf_init(&out, 1 << 20);
		scene_init(&scene);
		scene.config.directory.max_drop_percent = rows[i].percent;
		scene.in.baseline = rows[i].baseline;
		scene.in.last_good_count = rows[i].last_good;
		scene.in.only = rows[i].only;
		if (rows[i].incomplete)
			verdict_spoil(&scene.directory, "a page is missing");
		add_quiet(&scene, rows[i].people);
		for (unsigned n = 0; n < rows[i].gone; n++)
			add_step(&scene, LIMIT_DISABLES, n);
		scene_read(&scene, "");
		scene_plan(&scene, &out);
		if (scene.plan.refused != rows[i].refused ||
		    scene.plan.counts[STEP_DISABLE] != rows[i].disables)
			fail_msg("%s: refused %d, %lu disabled\n%s", rows[i].name,
				 scene.plan.refused, scene.plan.counts[STEP_DISABLE],
				 out.data ? out.data : "");
		scene_release(&scene);
		buf_release(&out);
	}
}

/* What each search and each attribute had: now, in the last good run, in seven days. */
static void read_shrank(void **unused)
{
	static const struct {
		const char *name, *now, *last, *high;
		const char *may_be_absent;
		bool baseline, only;
		const char *refusal; /* NULL: none */
	} rows[] = {
		{ "as before", "search 50 a\nattribute 40 mail\n", "search 50 a\nattribute 41 mail\n",
		  "search 50 a\n", NULL, true, false, NULL },
		{ "a search fell as far as it may", "search 40 a\n", "search 50 a\n", "search 50 a\n",
		  NULL, true, false, NULL },
		{ "a search fell too far", "search 39 a b\n", "search 50 a b\n", "search 50 a b\n", NULL,
		  true, false, "the search \"a b\" found 39; good runs of the last days had up to 50" },
		{ "bit by bit in seven days", "search 39 a\n", "search 45 a\n", "search 50 a\n", NULL,
		  true, false, "the search \"a\" found 39" },
		{ "hidden by a larger one", "search 90 a\nsearch 0 b\n", "search 70 a\nsearch 10 b\n",
		  "search 70 a\nsearch 10 b\n", NULL, true, false, "the search \"b\" found 0" },
		{ "a few of a small one", "search 0 a\n", "search 4 a\n", "search 4 a\n", NULL, true,
		  false, NULL },
		{ "another search", "search 1 b\n", "search 50 a\n", "search 50 a\n", NULL, true, false,
		  NULL },
		{ "an attribute is gone", "attribute 0 mail\n", "attribute 5 mail\n", "", NULL, true,
		  false, "nobody has mail any more; 5 people had it in the last good run" },
		{ "few had it", "attribute 0 mail\n", "attribute 4 mail\n", "", NULL, true, false, NULL },
		{ "one still has it", "attribute 1 mail\n", "attribute 90 mail\n", "", NULL, true, false,
		  NULL },
		{ "nobody had it", "attribute 0 mail\n", "attribute 0 mail\n", "", NULL, true, false,
		  NULL },
		{ "it is meant", "attribute 0 mail\n", "attribute 50 mail\n", "", "MAIL", true, false,
		  NULL },
		{ "gone a week ago", "attribute 0 mail\n", "attribute 0 mail\n", "attribute 50 mail\n",
		  NULL, true, false, NULL },
		{ "no baseline", "search 1 a\n", "search 50 a\n", "search 50 a\n", NULL, false, false,
		  NULL },
		{ "only one", "search 1 a\n", "search 50 a\n", "search 50 a\n", NULL, true, true, NULL },
		{ "nothing known of before", "search 1 a\n", NULL, NULL, NULL, true, false, NULL },
		{ "what was kept is broken", "search 1 a\nattribute 0 b\n",
		  "search\nsearch x a\nattribute 9b\n\nfoo 50 a\nsearch 50 \n", "search -", NULL, true,
		  false, NULL },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *absent[] = { rows[i].may_be_absent };
		struct tally now, last, high;
		struct scene scene;
		struct buf out;

		tally_init(&now);
		tally_init(&last);
		tally_init(&high);
		tally_parse(&now, rows[i].now);
		buf_init(&out, 1 << 20);
		scene_init(&scene);
		scene.config.directory.max_drop_percent = 20;
		if (rows[i].may_be_absent)
			scene.config.directory.may_be_absent =
				(struct config_texts){ absent, 1 };
		scene.in.baseline = rows[i].baseline;
		scene.in.only = rows[i].only;
		scene.in.tally = &now;
		if (rows[i].last) {
			tally_parse(&last, rows[i].last);
			tally_parse(&high, rows[i].last);
			tally_parse(&high, rows[i].high);
			scene.in.last_tally = &last;
			scene.in.high_tally = &high;
		}
		add_quiet(&scene, 3);
		scene_read(&scene, "");
		scene_plan(&scene, &out);
		if (scene.plan.refused != (rows[i].refusal != NULL) ||
		    (rows[i].refusal && !strstr(out.data, rows[i].refusal)))
			fail_msg("%s: %s", rows[i].name, out.data ? out.data : "not refused");
		if (rows[i].only ? scene.plan.tally != NULL
				 : strcmp(scene.plan.tally, rows[i].now) != 0)
			fail_msg("%s: it is kept as %s", rows[i].name, scene.plan.tally);
		scene_release(&scene);
		buf_release(&out);
		tally_release(&now);
		tally_release(&last);
		tally_release(&high);
	}
}

static void drop_words(void **unused)
{
	struct scene scene;
	struct buf out;

	(void)unused;
	buf_init(&out, 1 << 20);
	scene_init(&scene);
	scene.in.last_good_count = 1000;
	add_quiet(&scene, 3);
	scene_read(&scene, "");
	scene_plan(&scene, &out);
	assert_string_equal(out.data,
			    "refused: 3 people were read; the last good run had 1000. A fall by "
			    "more than 20 percent (directory.max_drop) stops the run\n");
	scene_release(&scene);
	buf_release(&out);
}

/* Protected accounts: by login name, id or role; whatever would be done to them. */
static void protected_accounts(void **unused)
{
	static const struct {
		const char *name, *account, *role, *given, *expected;
	} rows[] = {
		{ "nothing is wanted", "a@x", NULL,
		  "person a\naccount A user=a@x ext=a displayName=a\nlink a A\n", "" },
		{ "by login name", "A@X", NULL,
		  "person a title=T\naccount A user=a@x ext=a displayName=a\nlink a A\n",
		  "left a: the account is protected (protect.accounts)\n" },
		{ "by id", "A", NULL,
		  "person a title=T\naccount A user=a@x ext=a displayName=a\nlink a A\n",
		  "left a: the account is protected (protect.accounts)\n" },
		{ "by role", NULL, "Admin",
		  "person a title=T\naccount A user=a@x ext=a displayName=a role=Admin@Bern\n"
		  "link a A\n",
		  "left a: the account is protected: it has the role Admin (protect.roles)\n" },
		{ "by a role that was not shown", NULL, "Admin",
		  "person a title=T\naccount A user=a@x ext=a displayName=a unknown:role\n"
		  "link a A\n",
		  "left a: the account may be protected: the tenant did not show its roles "
		  "(protect.roles)\n" },
		{ "a leaver", "a@x", NULL,
		  "person b\naccount A user=a@x\naccount B user=b@x ext=b displayName=b\n"
		  "link a A\nlink b B\n",
		  "left a: the account is protected (protect.accounts)\n" },
		{ "a return", "a@x", NULL,
		  "person a\naccount A user=a@x ext=a displayName=a state=inactive\nlink a A left\n",
		  "left a: the account is protected (protect.accounts)\n" },
		{ "others go on", "a@x", NULL,
		  "person a title=T\nperson b title=T\naccount A user=a@x ext=a displayName=a\n"
		  "account B user=b@x ext=b displayName=b\nlink a A\nlink b B\n",
		  "left a: the account is protected (protect.accounts)\nb set title - -> T\n" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *accounts[] = { rows[i].account }, *roles[] = { rows[i].role };
		struct scene scene;

		scene_init(&scene);
		scene.config.protect.accounts = (struct config_texts){ accounts, accounts[0] != NULL };
		scene.config.protect.roles = (struct config_texts){ roles, roles[0] != NULL };
		scene_check(&scene, rows[i].name, rows[i].given, rows[i].expected);
		scene_release(&scene);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_limit),         cmocka_unit_test(words),
		cmocka_unit_test(count_drop),         cmocka_unit_test(drop_words),
		cmocka_unit_test(read_shrank),
		cmocka_unit_test(protected_accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
