/* Loading rule files: each refusal with its place, and what a loaded set tells of itself. */
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cases.h"

#include "mappings/rules_impl.h"
#include "scim/base/banned.h"

static bool run_bad(const struct test_case *c)
{
	struct rules *rules = NULL;
	struct diags diags = { 0 };
	struct buf got;
	int status = rules_load_text("t.yaml", slice_str(c->sections[0]), &rules, &diags);
	bool good;

	buf_init(&got, 1 << 20);
	buf_addstr(&got, "");
	print_diags(&diags, &got);
	good = status == -1 && !rules && got.len && lines_match(c->sections[1], got.data);
	for (size_t i = 0; i < diags.count; i++)
		good &= strcmp(diags.items[i].where, "t.yaml") == 0 &&
			diags.items[i].kind == ERR_INVALID;
	if (!good)
		case_failed(c, c->sections[1], got.data ? got.data : "");
	buf_release(&got);
	diags_release(&diags);
	rules_free(rules);
	return good;
}

static void test_bad_files(void **state)
{
	(void)state;
	run_cases("tests/cases/rules/bad.txt", run_bad);
}

/* --- files that build on each other ------------------------------------------------------ */

/* Split "# file NAME" parts into files of `folder`. */
static void write_files(const char *folder, const char *text)
{
	struct arena mem = ARENA_INIT;

	while (*text) {
		size_t name = strcspn(text + 7, "\n");
		const char *body = text + 7 + name + 1, *end = strstr(body, "# file ");
		const char *path = arena_printf(&mem, "%s/%.*s", folder, (int)name, text + 7);
		FILE *file;

		assert_int_equal(strncmp(text, "# file ", 7), 0);
		file = fopen(path, "w");
		assert_non_null(file);
		end = end ? end : body + strlen(body);
		assert_int_equal(fwrite(body, 1, (size_t)(end - body), file), end - body);
		fclose(file);
		text = end;
	}
	arena_release(&mem);
}

static void print_field(const struct field_rule *field, struct buf *out)
{
	buf_addf(out, "  %s%s%s = %s (%s%s)\n", scim_attr(field->attr)->name,
		 field->key ? "." : "", field->key ? field->key : "",
		 field->value.literal ? field->value.literal : "-", own_name(field->own),
		 field->clear ? ", clear" : "");
}

static void print_block(const struct rules *rules, const struct people_block *block,
			struct buf *out)
{
	buf_addf(out, "block %s%s%s%s%s\n", block->name, block->when ? " when" : "",
		 block->span.from.stated ? " from" : "", block->span.until.stated ? " until" : "",
		 block->skip_count ? " skip" : "");
	if (block->match_stated) {
		buf_addstr(out, "  match");
		for (unsigned i = 0; i < block->match_count; i++)
			buf_addf(out, " %s", scim_attr((enum scim_attr)block->match[i])->name);
		buf_addch(out, '\n');
	}
	for (unsigned i = 0; i < block->field_count; i++)
		print_field(&block->fields[i], out);
	for (unsigned i = 0; i < block->item_count; i++)
		buf_addf(out, "  %s %s\n", rules_origin(rules, block->items[i].origin)->rule,
			 block->items[i].count ? block->items[i].rules[0].name.literal : "-");
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		if (block->own_stated & (1u << kind))
			buf_addf(out, "  own %s %s\n", assign_kind_name(kind),
				 own_name((enum own)block->own[kind]));
}

/* Diagnoses with the file's name, and the blocks of what was loaded. */
static void print_loaded(const struct rules *rules, const struct diags *diags,
			 const char *folder, struct buf *out)
{
	buf_addstr(out, "");
	for (size_t i = 0; i < diags->count; i++) {
		const char *where = diags->items[i].where;

		if (strncmp(where, folder, strlen(folder)) == 0)
			where += strlen(folder) + 1;
		buf_addf(out, "%s:%u:%u: %s\n", where, diags->items[i].line,
			 diags->items[i].column, diags->items[i].text);
	}
	for (size_t i = 0; rules && i < rules->blocks.count; i++)
		print_block(rules, &rules->blocks.items[i], out);
	for (size_t i = 0; rules && i < tables_count(rules->tables); i++) {
		const struct table *table = tables_at(rules->tables, i);

		buf_addf(out, "table %s %s, %zu rows\n", table_name(table), table_path(table),
			 table_rows(table));
	}
}

/* Names of the folder do not stand in what is wanted. */
static void drop_folder(const char *folder, struct buf *text)
{
	struct buf kept;
	size_t len = strlen(folder);

	buf_init(&kept, 1 << 20);
	buf_addstr(&kept, "");
	for (const char *s = text->data; *s;) {
		if (strncmp(s, folder, len) == 0)
			s += len + (s[len] == '/');
		else
			buf_addch(&kept, *s++);
	}
	buf_release(text);
	*text = kept;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static bool run_files(const struct test_case *c)
{
	char folder[] = "/tmp/test_rules_XXXXXX";
	struct rules *rules = NULL;
	struct diags diags = { 0 };
	struct arena mem = ARENA_INIT;
	const char *paths[2];
	struct buf got;
	size_t count = strstr(c->sections[0], "# file other.yaml\n") ? 2 : 1;
	bool good;

	assert_non_null(mkdtemp(folder));
	paths[0] = arena_printf(&mem, "%s/sub/main.yaml", folder);
	paths[1] = arena_printf(&mem, "%s/other.yaml", folder);
	assert_int_equal(mkdir(arena_printf(&mem, "%s/sub", folder), 0700), 0);
	assert_int_equal(mkdir(arena_printf(&mem, "%s/stock", folder), 0700), 0);
	setenv("DIRBRIDGE_STOCK", arena_printf(&mem, "%s/stock", folder), 1);
	write_files(folder, c->sections[0]);
	buf_init(&got, 1 << 20);
	good = (rules_load(paths, count, &rules, &diags) == 0) == (diags.total == 0);
	print_loaded(rules, &diags, folder, &got);
	drop_folder(folder, &got);
	good = good && strcmp(got.data, c->sections[1]) == 0;
	if (!good)
		case_failed(c, c->sections[1], got.data);
	assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	unsetenv("DIRBRIDGE_STOCK");
	buf_release(&got);
	arena_release(&mem);
	diags_release(&diags);
	rules_free(rules);
	return good;
}

static void test_extends(void **state)
{
	(void)state;
	run_cases("tests/cases/rules/files.txt", run_files);
}

/* Load `text`, which is right. */
static struct rules *load(const char *text)
{
	struct rules *rules = NULL;
	struct diags diags = { 0 };

	if (rules_load_text("dir/t.yaml", slice_str(text), &rules, &diags))
		fail_msg("%u:%u: %s", diags.items[0].line, diags.items[0].column,
			 diags.items[0].text);
	assert_int_equal(diags.total, 0);
	return rules;
}

static const char sample[] =
	"version: 1\n"
	"people:\n"
	"- name: agents\n"
	"  when: inGroup('cc') && inGroup('cn=x,dc=y')\n"
	"  profile: {userName: \"${entry.Mail}\", division: Berlin}\n"
	"  assign:\n"
	"  - when: inGroup('cc') && has(entry.mail) && inGroup('late')\n"
	"    roles: [employee, {role: Agent, division: 'Site A'}, {role: Boss, division: '*'},\n"
	"            {role: \"${entry.l}\", division: Site B}]\n"
	"    skills: {Billing: 4, \"${entry.title}\": 2}\n"
	"    languages: {English: 5}\n"
	"    groups: one\n"
	"    queues: [two, \"$${three}\"]\n"
	"- profile: {userName: b, division: \"${entry.o}\"}\n";

static void test_origins(void **state)
{
	struct rules *rules = load(sample);
	const struct group_names *groups = rules_groups(rules);
	char text[200];

	(void)state;
	assert_int_equal(groups->names.count, 3);
	assert_string_equal(groups->names.items[1], "cn=x,dc=y");
	assert_string_equal(rules_origin_text(rules, rules_group_origin(rules, 0), text,
					      sizeof(text)),
			    "t.yaml:4:9 (agents)");
	assert_string_equal(rules_origin_text(rules, rules_group_origin(rules, 2), text,
					      sizeof(text)),
			    "t.yaml:7:11 (agents.assign[1])");
	assert_int_equal(rules_group_origin(rules, 3), 0);
	assert_string_equal(rules_origin_text(rules, 0, text, sizeof(text)), "");
	assert_string_equal(rules_origin_text(rules, 1000000, text, sizeof(text)), "");
	for (size_t i = 1; i < rules_origin_count(rules); i++) {
		const struct origin *origin = rules_origin(rules, (origin_id)i);

		assert_string_equal(origin->file, "dir/t.yaml");
		assert_true(origin->line >= 3 && origin->column >= 1 && origin->rule[0]);
	}
	/* Attribute names compare without case: mail is one slot. */
	assert_int_equal(rules_layout(rules)->names.count, 4);
	rules_free(rules);
	rules_free(NULL);
}

static void add_literal(void *ctx, unsigned kind, const char *name, origin_id origin)
{
	assert_true(origin > 0);
	buf_addf(ctx, "%s %s\n",
		 kind == ASSIGN_KIND_COUNT ? "division" : assign_kind_name(kind), name);
}

static void test_literals(void **state)
{
	struct rules *rules = load(sample);
	struct buf got;

	(void)state;
	buf_init(&got, 10000);
	rules_each_literal(rules, add_literal, &got);
	assert_string_equal(got.data, "division Berlin\n"
				      "role employee\n"
				      "role Agent\ndivision Site A\n"
				      "role Boss\n"
				      "division Site B\n"
				      "skill Billing\n"
				      "language English\n"
				      "group one\n"
				      "queue two\nqueue ${three}\n");
	buf_release(&got);
	rules_free(rules);
}

/* A file of the test's own; the caller frees its name. */
static char *write_file(const char *text)
{
	char *path = mem_strdup("/tmp/test_rules_XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static void add_file(void *ctx, const char *path, struct slice text)
{
	buf_addf(ctx, "%s:%.*s", strrchr(path, '_') ? "file" : path, SLICE_FMT(text));
}

/* The bytes of tables count as those of rule files do. */
static void test_table_files(void **state)
{
	char *csv = write_file("k,v\na,b\n");
	struct arena mem = ARENA_INIT;
	const char *path = arena_printf(&mem, "%s.csv", csv);
	struct rules *rules;
	struct buf got;

	(void)state;
	assert_int_equal(rename(csv, path), 0);
	rules = load(arena_printf(&mem, "version: 1\ntables: {t: %s}\npeople:\n"
					"- profile: {userName: \"${lookup('t', entry.l)}\"}\n",
				  path));
	buf_init(&got, 10000);
	rules_each_file(rules, add_file, &got);
	assert_non_null(strstr(got.data, "entry.l)}\"}\nfile:k,v\na,b\n"));
	buf_release(&got);
	rules_free(rules);
	unlink(path);
	mem_free(csv);
	arena_release(&mem);
}

static void test_files(void **state)
{
	static const char first[] = "version: 1\npeople:\n- profile: {userName: a}\n";
	static const char second[] = "version: 1\npeople:\n- profile: {userName: b}\n";
	char *paths[] = { write_file(first), write_file(second) };
	const char *bad[] = { paths[0], "/nowhere/rules.yaml", "/dev/null" };
	static const char *many[RULES_FILES_MAX + 1];
	struct rules *rules = NULL;
	struct diags diags = { 0 };
	struct buf got;

	(void)state;
	assert_int_equal(rules_load((const char *const *)paths, 2, &rules, &diags), 0);
	buf_init(&got, 10000);
	rules_each_file(rules, add_file, &got);
	assert_memory_equal(got.data, "file:version: 1", 15);
	assert_int_equal(got.len, 5 + sizeof(first) - 1 + 5 + sizeof(second) - 1);
	assert_non_null(strstr(got.data, "userName: a}\nfile:version"));
	buf_release(&got);
	rules_free(rules);
	rules = NULL;
	/* All that is wrong is told, of every file. */
	assert_int_equal(rules_load(bad, 3, &rules, &diags), -1);
	assert_null(rules);
	assert_int_equal(diags.count, 2);
	assert_string_equal(diags.items[0].where, "/nowhere/rules.yaml");
	assert_int_equal(diags.items[0].kind, ERR_INVALID);
	assert_string_equal(diags.items[1].text, "the file is empty");
	assert_int_equal(rules_load(NULL, 0, &rules, &diags), 0);
	rules_free(rules);
	rules = NULL;
	assert_int_equal(rules_load(many, RULES_FILES_MAX + 1, &rules, &diags), -1);
	assert_string_equal(diags.items[2].text, "more than 100 rule files");
	diags_release(&diags);
	for (size_t i = 0; i < 2; i++) {
		unlink(paths[i]);
		mem_free(paths[i]);
	}
}

static void test_now(void **state)
{
	static const struct {
		const char *rules;
		bool uses;
	} rows[] = {
		{ "version: 1\npeople:\n- profile: {userName: '${entry.x}'}\n", false },
		{ "version: 1\npeople:\n- {when: now > timestamp(entry.x), profile: {userName: a}}\n",
		  true },
		{ "version: 1\npeople:\n- profile: {userName: 'a ${string(now)} b'}\n", true },
		/* Bounds have their own next moment: map.h, ret_due_s. */
		{ "version: 1\npeople:\n- {from: 2026-01-01, profile: {userName: a}}\n", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rules *rules = load(rows[i].rules);

		if (rules_use_now(rules) != rows[i].uses)
			fail_msg("%s", rows[i].rules);
		rules_free(rules);
	}
}

/* More attributes than a layout has slots, and more text than a value may have. */
static void test_limits(void **state)
{
	struct rules *rules = NULL;
	struct diags diags = { 0 };
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 20);
	buf_addstr(&text, "version: 1\npeople:\n- profile: {userName: a}\n  when: true");
	for (unsigned i = 0; i <= LAYOUT_SLOTS_MAX; i++)
		buf_addf(&text, " && has(entry.a%u)", i);
	assert_int_equal(rules_load_text("t.yaml", slice_of(text.data, text.len), &rules, &diags),
			 -1);
	assert_non_null(strstr(diags.items[0].text, "the rules name more than 512 attributes"));
	assert_int_equal(diags.items[0].line, 4);
	buf_clear(&text);
	buf_addf(&text, "version: 1\npeople:\n- profile: {userName: %05000d}", 0);
	assert_int_equal(rules_load_text("t.yaml", slice_of(text.data, text.len), &rules, &diags),
			 -1);
	assert_non_null(strstr(diags.items[1].text, "has 5000 bytes; at most 4096 are taken"));
	buf_release(&text);
	diags_release(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files), cmocka_unit_test(test_origins),
		cmocka_unit_test(test_literals),  cmocka_unit_test(test_files),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_table_files),
		cmocka_unit_test(test_extends), cmocka_unit_test(test_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
