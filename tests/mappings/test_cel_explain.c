/*
 * How an expression came to its value: what was reached, what decided, how far from true.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mappings/cel_impl.h"
#include "scim/base/buf.h"
#include "scim/base/banned.h"

#define NOW 1769851800 /* 2026-01-31T09:30:00Z */

/* l: Bremen; title: Team Lead; mail: a@x.org, b@y.org, c@z.org, d@z.org, e@z.org. */
struct fixture {
	struct arena mem;
	struct layout layout;
	struct group_names groups;
	struct cel_env *env;
	struct attr_values values[8];
	struct slice items[8];
	unsigned item_count;
	unsigned char answers[3];
	struct entry entry;
};

static void add_value(struct fixture *f, const char *name, const char *value)
{
	int slot = layout_add(&f->layout, name, strlen(name), NULL);

	if (!f->values[slot].count)
		f->values[slot].items = &f->items[f->item_count];
	f->items[f->item_count++] = slice_str(value);
	f->values[slot].count++;
}

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	layout_init(&f->layout);
	group_names_init(&f->groups);
	f->env = cel_env_new(&f->layout, &f->groups);
	add_value(f, "l", "Bremen");
	add_value(f, "title", "Team Lead");
	add_value(f, "mail", "a@x.org");
	add_value(f, "mail", "b@y.org");
	add_value(f, "mail", "c@z.org");
	add_value(f, "mail", "d@z.org");
	add_value(f, "mail", "e@z.org");
	group_names_add(&f->groups, "in", 2);
	group_names_add(&f->groups, "out", 3);
	group_names_add(&f->groups, "unread", 6);
	f->answers[0] = GROUP_YES;
	f->answers[1] = GROUP_NO;
	f->answers[2] = GROUP_UNKNOWN;
	f->entry = (struct entry){ .dn = "cn=a", .attrs = f->values, .attr_count = 8,
				   .groups = f->answers, .group_count = 3 };
}

static void teardown(struct fixture *f)
{
	cel_env_free(f->env);
	group_names_release(&f->groups);
	layout_release(&f->layout);
	arena_release(&f->mem);
}

/* One part a line: a space for each level, "*" when it decided, text = value. */
static void print_part(void *ctx, const struct cel_part *part)
{
	struct buf *out = ctx;

	buf_addf(out, "%*s%s", (int)part->depth, "", part->decided ? "*" : "");
	buf_addf(out, "%.*s", SLICE_FMT(part->kind == CEL_PART_ELEMENT ? part->name
									: part->text));
	buf_addstr(out, " = ");
	if (!part->value)
		buf_addf(out, "! %s", part->error->text);
	else
		cel_print_json(part->value, out);
	buf_addch(out, '\n');
}

static const struct cel_program *compile(struct fixture *f, const char *name, const char *text)
{
	const struct cel_program *program = NULL;
	struct cel_place place = { NULL, 1, 1 };
	struct err err = ERR_INIT;

	if (cel_compile(&f->mem, f->env, slice_str(text), place, &program, &err))
		fail_msg("%s: %s", name, err.text);
	return program;
}

static void compare(const char *name, const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fail_msg("%s:\n--- got\n%s--- want\n%s", name, got, want);
}

#define B(x) "{\"type\":\"bool\",\"value\":" #x "}\n"
#define S(x) "{\"type\":\"string\",\"value\":\"" x "\"}\n"

static void test_parts(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} rows[] = {
		{ "comparison", "entry.l == \"Berlin\"",
		  "*entry.l == \"Berlin\" = " B(false) " entry.l = " S("Bremen")
		  " \"Berlin\" = " S("Berlin") },
		{ "absent", "entry.x == \"Berlin\"",
		  "*entry.x == \"Berlin\" = ! no such key: x\n entry.x = ! no such key: x\n" },
		{ "and stops at the first false", "inGroup('in') && inGroup('out') && has(entry.l)",
		  "*inGroup('in') && inGroup('out') && has(entry.l) = " B(false)
		  " inGroup('in') = " B(true) " *inGroup('out') = " B(false) },
		{ "and, all true", "inGroup('in') && has(entry.l)",
		  "*inGroup('in') && has(entry.l) = " B(true) " *inGroup('in') = " B(true)
		  " *has(entry.l) = " B(true) },
		{ "or, parentheses", "(inGroup('out') || has(entry.l)) && !inGroup('in')",
		  "*(inGroup('out') || has(entry.l)) && !inGroup('in') = " B(false)
		  " (inGroup('out') || has(entry.l)) = " B(true) "  inGroup('out') = " B(false)
		  "  has(entry.l) = " B(true) " *!inGroup('in') = " B(false)
		  "  *inGroup('in') = " B(true) },
		{ "absorbed error", "inGroup('unread') || inGroup('in')",
		  "*inGroup('unread') || inGroup('in') = " B(true)
		  " inGroup('unread') = ! group \"unread\" was not read from the directory, so "
		  "it is not known who is in it\n *inGroup('in') = " B(true) },
		{ "error that stays", "has(entry.l) && entry.x == 'a'",
		  "*has(entry.l) && entry.x == 'a' = ! no such key: x\n has(entry.l) = " B(true)
		  " *entry.x == 'a' = ! no such key: x\n  entry.x = ! no such key: x\n" },
		{ "conditional", "has(entry.x) ? 'a' : entry.l",
		  "*has(entry.x) ? 'a' : entry.l = " S("Bremen") " *has(entry.x) = " B(false)
		  " *entry.l = " S("Bremen") },
		{ "coalesce", "coalesce(entry.x, entry.l, 'z')",
		  "*coalesce(entry.x, entry.l, 'z') = " S("Bremen")
		  " entry.x = ! no such key: x\n *entry.l = " S("Bremen") },
		{ "method", "entry.title.startsWith('Team')",
		  "*entry.title.startsWith('Team') = " B(true) " entry.title = " S("Team Lead")
		  " 'Team' = " S("Team") },
		{ "quoted attribute", "entry[\"l\"] == entry.`title`",
		  "*entry[\"l\"] == entry.`title` = " B(false) " entry[\"l\"] = " S("Bremen")
		  " entry.`title` = " S("Team Lead") },
		{ "macro, the element that decides", "values.mail.exists(m, m == 'e@z.org')",
		  "*values.mail.exists(m, m == 'e@z.org') = " B(true)
		  " values.mail = {\"type\":\"list\",\"value\":[\"a@x.org\",\"b@y.org\","
		  "\"c@z.org\",\"d@z.org\",\"e@z.org\"]}\n"
		  " m = " S("a@x.org") "  m == 'e@z.org' = " B(false) "   m = " S("a@x.org")
		  "   'e@z.org' = " S("e@z.org")
		  " m = " S("b@y.org") "  m == 'e@z.org' = " B(false) "   m = " S("b@y.org")
		  "   'e@z.org' = " S("e@z.org")
		  " m = " S("c@z.org") "  m == 'e@z.org' = " B(false) "   m = " S("c@z.org")
		  "   'e@z.org' = " S("e@z.org")
		  " *m = " S("e@z.org") "  *m == 'e@z.org' = " B(true) "   m = " S("e@z.org")
		  "   'e@z.org' = " S("e@z.org") },
		{ "two variables", "values.l.all(i, v, v == 'q')",
		  "*values.l.all(i, v, v == 'q') = " B(false)
		  " values.l = {\"type\":\"list\",\"value\":[\"Bremen\"]}\n *v = " S("Bremen")
		  "  *v == 'q' = " B(false) "   v = " S("Bremen") "   'q' = " S("q") },
		{ "bind", "cel.bind(x, entry.l, x == 'Bremen')",
		  "*cel.bind(x, entry.l, x == 'Bremen') = " B(true) " entry.l = " S("Bremen")
		  " *x == 'Bremen' = " B(true) "  x = " S("Bremen") "  'Bremen' = " S("Bremen") },
		{ "optional", "entry.?x.orValue(entry.l)",
		  "*entry.?x.orValue(entry.l) = " S("Bremen")
		  " entry.?x = {\"type\":\"optional\",\"value\":null}\n *entry.l = " S("Bremen") },
		{ "sum and index", "'a' + entry.l + values.mail[0]",
		  "*'a' + entry.l + values.mail[0] = " S("aBremena@x.org") " 'a' = " S("a")
		  " entry.l = " S("Bremen") " values.mail[0] = " S("a@x.org")
		  "  values.mail = {\"type\":\"list\",\"value\":[\"a@x.org\",\"b@y.org\","
		  "\"c@z.org\",\"d@z.org\",\"e@z.org\"]}\n  0 = {\"type\":\"int\",\"value\":0}\n" },
		{ "folded", "'a' + 'b' + \"c\" == 'abc'",
		  "*'a' + 'b' + \"c\" == 'abc' = " B(true) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cel_activation act = { .now_s = NOW };
		struct fixture f;
		struct buf out;

		setup(&f);
		act.entry = &f.entry;
		buf_init(&out, 1 << 16);
		cel_explain(compile(&f, rows[i].name, rows[i].text), &act, &f.mem, print_part,
			    &out);
		compare(rows[i].name, out.data, rows[i].want);
		buf_release(&out);
		teardown(&f);
	}
}

/* Only the conditions themselves, one after another. */
static void print_miss(void *ctx, const struct cel_part *part)
{
	struct buf *out = ctx;

	if (part->depth == 0)
		buf_addf(out, "%s%.*s", out->len ? " | " : "", SLICE_FMT(part->text));
}

static void test_misses(void **state)
{
	static const struct {
		const char *text;
		unsigned count, held;
		const char *want;
	} rows[] = {
		{ "inGroup('in')", 0, 1, "" },
		{ "inGroup('out')", 1, 0, "inGroup('out')" },
		{ "inGroup('unread')", 1, 0, "inGroup('unread')" },
		{ "inGroup('in') && entry.l == 'Berlin' && has(entry.l)", 1, 2, "entry.l == 'Berlin'" },
		{ "inGroup('out') && entry.l == 'Berlin'", 2, 0,
		  "inGroup('out') | entry.l == 'Berlin'" },
		{ "(inGroup('out') && has(entry.x)) || entry.l == 'Berlin'", 1, 0,
		  "entry.l == 'Berlin'" },
		{ "!(inGroup('in') && has(entry.l))", 1, 0, "inGroup('in')" },
		{ "!(inGroup('in') || has(entry.l))", 2, 0, "inGroup('in') | has(entry.l)" },
		{ "has(entry.x) ? inGroup('in') : inGroup('out')", 1, 0, "inGroup('out')" },
		{ "has(entry.x) ? true : false", 1, 0, "has(entry.x)" },
		{ "entry.x == 'a' || false", 1, 0, "entry.x == 'a'" },
		{ "entry.l == 'Bremen' && (1 > 2)", CEL_MISSES_NEVER, 1, "(1 > 2)" },
		{ "cel.bind(x, entry.l, x == 'Berlin' && has(entry.x))", 2, 0,
		  "x == 'Berlin' | has(entry.x)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cel_activation act = { .now_s = NOW };
		struct fixture f;
		struct buf out;
		unsigned count, held;

		setup(&f);
		act.entry = &f.entry;
		buf_init(&out, 1 << 16);
		buf_addstr(&out, "");
		count = cel_misses(compile(&f, rows[i].text, rows[i].text), &act, &f.mem,
				   print_miss, &out, &held);
		if (count != rows[i].count || held != rows[i].held)
			fail_msg("%s: %u misses and %u that hold, not %u and %u", rows[i].text,
				 count, held, rows[i].count, rows[i].held);
		compare(rows[i].text, out.len ? out.data : "", rows[i].want);
		if (cel_misses(compile(&f, rows[i].text, rows[i].text), &act, &f.mem, NULL,
			       NULL, NULL) != count)
			fail_msg("%s: the count depends on who listens", rows[i].text);
		buf_release(&out);
		teardown(&f);
	}
}

static void count_part(void *ctx, const struct cel_part *part)
{
	(void)part;
	++*(unsigned *)ctx;
}

/* Nothing that a rule can hold makes it run away. */
static void test_bounds(void **state)
{
	struct fixture f;
	struct buf text;
	unsigned parts = 0;
	struct cel_activation act = { .now_s = NOW };

	(void)state;
	setup(&f);
	act.entry = &f.entry;
	buf_init(&text, 1 << 20);
	for (unsigned i = 0; i < 3000; i++)
		buf_addf(&text, "%sentry.l == 'x%u'", i ? " || " : "", i);
	cel_explain(compile(&f, "long", text.data), &act, &f.mem, count_part, &parts);
	assert_int_equal(parts, CEL_EXPLAIN_PARTS_MAX);
	buf_clear(&text);
	for (unsigned i = 0; i < 100; i++)
		buf_addstr(&text, "[1,2,3,4,5,6,7,8,9,10].all(a, ");
	buf_addstr(&text, "entry.l == 'x'");
	for (unsigned i = 0; i < 100; i++)
		buf_addstr(&text, ")");
	parts = 0;
	cel_explain(compile(&f, "deep", text.data), &act, &f.mem, count_part, &parts);
	assert_in_range(parts, 100, CEL_EXPLAIN_PARTS_MAX);
	buf_clear(&text);
	for (unsigned i = 0; i < 100; i++)
		buf_addstr(&text, "[1,2,3,4,5,6,7,8,9,10].exists(a, ");
	buf_addstr(&text, "entry.l == 'x'");
	for (unsigned i = 0; i < 100; i++)
		buf_addstr(&text, ")");
	parts = 0;
	cel_explain(compile(&f, "endless", text.data), &act, &f.mem, count_part, &parts);
	assert_int_equal(parts, 1); /* that it takes too many steps */
	buf_release(&text);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_misses),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
