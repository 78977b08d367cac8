/*
 * Rules and an entry to a record. Cases are in tests/cases/rules/map.txt: the rules, the
 * entry and the record, printed by print_record below.
 *
 *     attr: value        one more value of an attribute
 *     attr:= 4dfc        the same as hexadecimal bytes
 *     attr:# 5000        so many times "x"
 *     in: group          the person is in it; unknown: group  the read did not return it
 *
 * A fourth section is what an observer is told, a line each.
 */
#include <stdlib.h>

#include "tests/cases.h"

#include "mappings/map.h"
#include "mappings/rules_impl.h"
#include "scim/base/vec.h"
#include "scim/base/banned.h"

#define NOW 1769851800 /* 2026-01-31T09:30:00Z */

struct made_entry {
	struct arena mem;
	struct entry entry;
	struct attr_values *attrs;
	unsigned char *groups;
};

static struct slice decode(struct made_entry *made, char form, const char *text, size_t len)
{
	struct buf out;
	struct slice value;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; form == '=' && i + 1 < len; i += 2) {
		char pair[] = { text[i], text[i + 1], '\0' };

		buf_addch(&out, (char)strtoul(pair, NULL, 16));
	}
	for (long n = form == '#' ? strtol(text, NULL, 10) : 0; n > 0; n--)
		buf_addch(&out, 'x');
	if (form == ' ')
		buf_add(&out, text, len);
	value = slice_of(arena_strndup(&made->mem, out.data ? out.data : "", out.len), out.len);
	buf_release(&out);
	return value;
}

static void add_value(struct made_entry *made, const struct rules *rules, const char *name,
		      size_t name_len, struct slice value)
{
	const struct layout *layout = rules_layout(rules);
	const struct group_names *groups = rules_groups(rules);
	int slot = layout_find(layout, name, name_len);
	bool in = name_len == 2 && memcmp(name, "in", 2) == 0;
	struct attr_values *values;
	struct slice *items;

	if (in || (name_len == 7 && memcmp(name, "unknown", 7) == 0)) {
		for (size_t i = 0; i < groups->names.count; i++)
			if (slice_eq_str(value, groups->names.items[i]))
				made->groups[i] = in ? GROUP_YES : GROUP_UNKNOWN;
		return;
	}
	if (slot < 0) /* the rules do not ask for it */
		return;
	values = &made->attrs[slot];
	items = arena_array(&made->mem, values->count + 1, sizeof(*items));
	if (values->count)
		memcpy(items, values->items, values->count * sizeof(*items));
	items[values->count++] = value;
	values->items = items;
	attr_values_sort(items, values->count);
}

static void make_entry(struct made_entry *made, const struct rules *rules, const char *text)
{
	size_t slots = rules_layout(rules)->names.count;

	*made = (struct made_entry){ .mem = ARENA_INIT };
	made->attrs = arena_array(&made->mem, slots + 1, sizeof(*made->attrs));
	made->groups = (unsigned char *)arena_bytes(&made->mem, rules_groups(rules)->names.count + 1);
	memset(made->groups, GROUP_NO, rules_groups(rules)->names.count + 1);
	made->entry = (struct entry){
		.dn = "uid=ana,dc=x", .id = "id-1", .attrs = made->attrs,
		.attr_count = (unsigned)slots, .groups = made->groups,
		.group_count = (unsigned)rules_groups(rules)->names.count,
	};
	while (*text) {
		size_t len = strcspn(text, "\n"), name = strcspn(text, ":");
		char form;

		assert_true(name + 2 < len);
		form = text[name + 1];
		add_value(made, rules, text, name,
			  decode(made, form, text + name + (form == ' ' ? 2 : 3),
				 len - name - (form == ' ' ? 2 : 3)));
		text += len + (text[len] == '\n');
	}
}

static void print_assignments(const struct record *record, struct buf *out)
{
	for (unsigned i = 0; i < record->assign_count; i++) {
		const struct assignment *a = &record->assigns[i];

		buf_addf(out, "%s %s", assign_kind_name(a->kind), a->name);
		if (a->kind == ASSIGN_ROLE)
			buf_addf(out, " in %s", a->division ? a->division : "Home");
		if (a->kind == ASSIGN_SKILL || a->kind == ASSIGN_LANGUAGE)
			buf_addf(out, " %g", a->level);
		buf_addf(out, " (%s%s)\n", own_name(a->own), a->literal ? ", literal" : "");
	}
}

static void print_problems(const struct rules *rules, const struct record *record,
			   struct buf *out)
{
	static const char *const scopes[] = { "person", "kind", "field", "note" };

	for (unsigned i = 0; i < record->problem_count; i++) {
		const struct problem *p = &record->problems[i];
		const struct origin *origin = rules_origin(rules, p->origin);

		assert_true(p->origin > 0);
		buf_addf(out, "problem %s", scopes[p->scope]);
		if (p->scope == PROBLEM_KIND)
			buf_addf(out, " %s", assign_kind_name(p->what));
		if (p->scope == PROBLEM_FIELD)
			buf_addf(out, " %s", scim_attr(p->what)->name);
		buf_addf(out, " %u:%u: %s\n", origin->line, origin->column, p->text);
	}
}

static void print_record(const struct rules *rules, const struct record *record,
			 struct buf *out)
{
	bool frozen = false;

	if (!record) {
		buf_addstr(out, "nobody\n");
		return;
	}
	assert_string_equal(record->id, "id-1");
	assert_string_equal(record->dn, "uid=ana,dc=x");
	buf_addf(out, "rule %s\n", record->rule);
	if (record->skip_reason)
		buf_addf(out, "skip %s\n", record->skip_reason);
	if (record->manager_dn) {
		assert_true(record->manager_origin > 0);
		buf_addf(out, "manager %s (%s)\n", record->manager_dn,
			 own_name(record->manager_own));
	}
	for (unsigned i = 0; i < record->field_count; i++) {
		const struct record_field *f = &record->fields[i];

		buf_addf(out, "%s%s%s = ", scim_attr(f->field.attr)->name,
			 f->field.key ? "." : "", f->field.key ? f->field.key : "");
		if (!f->field.value)
			buf_addf(out, "<cleared> (%s)\n", own_name(f->own));
		else if (strlen(f->field.value) > 200)
			buf_addf(out, "<%zu bytes> (%s)\n", strlen(f->field.value),
				 own_name(f->own));
		else
			buf_addf(out, "%s (%s)\n", f->field.value, own_name(f->own));
		assert_true(f->origin > 0);
		assert_true(i == 0 || scim_field_cmp(&f[-1].field, &f->field) < 0);
	}
	buf_addstr(out, "stated");
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		if (record->kinds_stated & (1u << kind))
			buf_addf(out, " %s", assign_kind_name(kind));
	buf_addch(out, '\n');
	print_assignments(record, out);
	print_problems(rules, record, out);
	for (unsigned i = 0; i < record->problem_count; i++)
		frozen |= record->problems[i].scope == PROBLEM_PERSON;
	assert_int_equal(record_frozen(record), frozen);
}

static struct rules *load(const struct test_case *c)
{
	struct rules *rules = NULL;
	struct diags diags = { 0 };

	if (rules_load_text("t.yaml", slice_str(c->sections[0]), &rules, &diags))
		fail_msg("%s:%u: %s: %u:%u: %s", c->file, c->line, c->name,
			 diags.items[0].line, diags.items[0].column, diags.items[0].text);
	return rules;
}

/* What an observer is told, and whether each place of it was announced. */
struct watcher {
	const struct rules *rules;
	struct buf out;
	const struct map_event *event; /* that is looked for */
	bool found;
};

static void find_place(void *ctx, enum map_event_kind kind, origin_id origin)
{
	struct watcher *w = ctx;

	w->found |= kind == w->event->kind && origin == w->event->origin;
}

static void print_event(void *ctx, const struct map_event *e)
{
	static const char *const kinds[] = { "block", "skip", "field", "item", "each", "assign" };
	struct watcher *w = ctx;
	const struct origin *origin = rules_origin(w->rules, e->origin);

	assert_non_null(e->act);
	buf_addf(&w->out, "%s %u:%u %d", kinds[e->kind], origin->line, origin->column, e->result);
	if (e->kind == MAP_FIELD)
		buf_addf(&w->out, " %s%s%s", scim_attr(e->attr)->name, e->key ? "." : "",
			 e->key ? e->key : "");
	if (e->kind == MAP_ASSIGN)
		buf_addf(&w->out, " %s", assign_kind_name(e->assign_kind));
	if (e->kind == MAP_EACH)
		buf_addf(&w->out, " %zu", e->count);
	if (e->text)
		buf_addf(&w->out, " \"%s\"", e->text);
	if (e->kind == MAP_ASSIGN && e->result > 0)
		buf_addf(&w->out, " %g %s", e->level, e->division ? e->division : "-");
	if (e->err)
		buf_addf(&w->out, ": %s", e->err->text);
	buf_addch(&w->out, '\n');
	w->event = e;
	w->found = e->kind == MAP_FIELD && !e->tmpl; /* a default has no place */
	rules_each_place(w->rules, find_place, w);
	assert_true(w->found);
}

static bool run_map(const struct test_case *c)
{
	struct rules *rules = load(c);
	struct arena scratch = ARENA_INIT, mem = ARENA_INIT;
	struct record *record = NULL;
	struct made_entry made;
	struct err err = ERR_INIT;
	struct watcher watcher = { .rules = rules };
	struct map_observer observer = { print_event, &watcher };
	struct buf got;
	int64_t due_s = -1;
	char due[21];
	bool good;

	buf_init(&got, 1 << 20);
	buf_init(&watcher.out, 1 << 20);
	make_entry(&made, rules, c->sections[1]);
	assert_int_equal(map_entry_observed(rules, &made.entry, NOW, &scratch, &mem, &record,
					    &due_s, &observer, &err), 0);
	/* The record must stand on its own memory. */
	arena_release(&made.mem);
	arena_release(&scratch);
	print_record(rules, record, &got);
	if (due_s) {
		time_format(due_s, due);
		buf_addf(&got, "due %s\n", due);
	}
	good = strcmp(c->sections[2], got.data) == 0;
	if (!good)
		case_failed(c, c->sections[2], got.data);
	if (c->sections[3][0] && strcmp(c->sections[3], watcher.out.data) != 0)
		good = case_failed(c, c->sections[3], watcher.out.data);
	buf_release(&watcher.out);
	buf_release(&got);
	arena_release(&mem);
	rules_free(rules);
	return good;
}

static void test_case_file(void **state)
{
	(void)state;
	run_cases("tests/cases/rules/map.txt", run_map);
}

/* Map one entry whose attribute "x" has `count` values x00000, x00001 ... */
static void map_many(const char *text, uint32_t count,
		     void (*check)(const struct rules *, const struct record *))
{
	struct test_case c = { .file = "here", .name = text, .sections = { text } };
	struct rules *rules = load(&c);
	struct arena scratch = ARENA_INIT, mem = ARENA_INIT;
	struct record *record = NULL;
	struct err err = ERR_INIT;
	struct made_entry made;
	struct slice *items;
	int slot = layout_find(rules_layout(rules), "x", 1);

	make_entry(&made, rules, "");
	items = arena_array(&made.mem, count, sizeof(*items));
	for (uint32_t i = 0; i < count; i++)
		items[i] = slice_str(arena_printf(&made.mem, "x%05u", i));
	assert_true(slot >= 0);
	made.attrs[slot] = (struct attr_values){ items, count };
	assert_int_equal(map_entry(rules, &made.entry, NOW, &scratch, &mem, &record, NULL, &err), 0);
	check(rules, record);
	arena_release(&made.mem);
	arena_release(&scratch);
	arena_release(&mem);
	rules_free(rules);
}

static void check_all(const struct rules *rules, const struct record *record)
{
	(void)rules;
	assert_int_equal(record->assign_count, 10000);
	assert_int_equal(record->problem_count, 0);
}

/* What is cut off is unknown, not unwanted: the kind is frozen. */
static void check_frozen(const struct rules *rules, const struct record *record)
{
	(void)rules;
	assert_int_equal(record->problem_count, 1);
	assert_int_equal(record->problems[0].scope, PROBLEM_KIND);
	assert_int_equal(record->problems[0].what, ASSIGN_GROUP);
	assert_non_null(strstr(record->problems[0].text, "more than 10000 assignments"));
}

/* One failing rule is one problem, whatever the number of elements. */
static void check_once(const struct rules *rules, const struct record *record)
{
	(void)rules;
	assert_int_equal(record->problem_count, 2);
	assert_int_equal(record->problems[0].what, ASSIGN_GROUP);
	assert_int_equal(record->problems[1].what, ASSIGN_QUEUE);
}

static void check_notes(const struct rules *rules, const struct record *record)
{
	(void)rules;
	assert_int_equal(record->problem_count, 100);
	assert_int_equal(record->problems[99].scope, PROBLEM_NOTE);
	assert_int_equal(record->assign_count, 0);
}

#define HEAD "version: 1\npeople:\n- profile: {userName: a}\n  assign:\n"

static void test_limits(void **state)
{
	static const struct {
		const char *rules;
		uint32_t count;
		void (*check)(const struct rules *, const struct record *);
	} rows[] = {
		{ HEAD "  - groups: \"${values.x}\"", 10000, check_all },
		{ HEAD "  - groups: \"${values.x}\"", 10001, check_frozen },
		{ HEAD "  - each: {t: values.x}\n    groups: \"${t}\"", 10000, check_all },
		{ HEAD "  - each: {t: values.x}\n    groups: \"${t}\"", 10001, check_frozen },
		{ HEAD "  - each: {t: values.x}\n    groups: \"${t + string(1 / (size(t) - 6))}\"\n"
		       "    queues: \"${string(1 / (size(t) - 6))}\"", 3000, check_once },
		{ HEAD "  - each: {t: values.x}\n"
		       "    roles: [{role: A, division: \"${entry.none}\"}]", 3000, check_notes },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		map_many(rows[i].rules, rows[i].count, rows[i].check);
}

/* Scratch memory is used again; what was made before must stay as it is. */
static void test_many_entries(void **state)
{
	static const char text[] = HEAD "  - groups: [\"G ${entry.l}\"]";
	struct test_case c = { .file = "here", .name = "many", .sections = { text } };
	struct rules *rules = load(&c);
	struct arena scratch = ARENA_INIT, mem = ARENA_INIT;
	struct record *records[500];
	struct err err = ERR_INIT;

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct made_entry made;
		char entry[30];

		snprintf(entry, sizeof(entry), "l: %u\n", i);
		make_entry(&made, rules, entry);
		assert_int_equal(map_entry(rules, &made.entry, NOW, &scratch, &mem, &records[i], NULL,
					   &err),
				 0);
		arena_release(&made.mem);
	}
	for (unsigned i = 0; i < 500; i++) {
		char want[30];

		snprintf(want, sizeof(want), "G %u", i);
		assert_string_equal(records[i]->assigns[0].name, want);
		assert_string_equal(record_text(records[i], SCIM_ATTR_USER_NAME), "a");
		assert_null(record_text(records[i], SCIM_ATTR_TITLE));
	}
	arena_release(&scratch);
	arena_release(&mem);
	rules_free(rules);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(own_name(OWN_NEVER), "never");
	assert_string_equal(own_name(OWN_COUNT), "?");
	assert_string_equal(assign_kind_name(ASSIGN_QUEUE), "queue");
	assert_string_equal(assign_kind_name(ASSIGN_KIND_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_case_file),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_entries),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
