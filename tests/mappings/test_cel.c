/*
 * The expression language: cases from tests/cases/cel/, the examples of the function table,
 * and what needs more than one expression.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mappings/cel_impl.h"
#include "mappings/cel_manual.h"
#include "mappings/table.h"
#include "scim/base/buf.h"
#include "scim/base/json.h"
#include "scim/base/banned.h"

#define NOW 1769851800 /* 2026-01-31T09:30:00Z */

/* ---- case files ---- */

struct block {
	const char *file;
	unsigned line;
	bool fail, check;
	char *expr, *entry, *want;
};

static const struct tables *the_tables(void)
{
	static struct tables *tables;
	struct err err = ERR_INIT;

	if (tables)
		return tables;
	tables = tables_new();
	assert_int_equal(tables_load_text(tables, "sites", "sites.csv",
					  SLICE("city,division,unit\nBerlin,Site Berlin,MU 1\n"
						"Lisbon,Site Lisbon,MU 2\n"),
					  &err), 0);
	assert_int_equal(tables_load_text(tables, "hours", "hours.yaml",
					  SLICE("PT: Part time 20h\nFT: Full time 40h\nempty:\n"),
					  &err), 0);
	return tables;
}

static int release_tables(void **state)
{
	(void)state;
	tables_free((struct tables *)(uintptr_t)the_tables());
	return 0;
}

static void evaluate(const struct block *b, struct buf *out)
{
	struct cel_once how = { .check = b->check, .now_s = NOW, .tables = the_tables() };
	struct buf line;

	buf_init(&line, 1 << 20);
	buf_addstr(&line, "{\"expr\":");
	json_quote(&line, b->expr, strlen(b->expr));
	if (b->entry)
		buf_addf(&line, ",\"entry\":%s", b->entry);
	buf_addch(&line, '}');
	buf_init(out, 1 << 20);
	cel_eval_json(slice_of(line.data, line.len), &how, out);
	buf_release(&line);
}

/* "int 3" -> {"type":"int","value":3} */
static bool as_wanted(const struct block *b, const char *got)
{
	char *space = strchr(b->want, ' '), *whole = NULL;
	bool ok;

	if (b->fail)
		return strncmp(got, "{\"error\":", 9) == 0 && strstr(got, b->want);
	if (!space)
		return false;
	if (asprintf(&whole, "{\"type\":\"%.*s\",\"value\":%s}", (int)(space - b->want), b->want,
		     space + 1) < 0)
		abort();
	ok = strcmp(got, whole) == 0;
	free(whole);
	return ok;
}

/*
 * Not what is bound otherwise when its argument is constant, see fuzz_cel.c; nor a wrong
 * zone, which the two say in different words.
 */
static bool foldable(const struct block *b)
{
	static const char *const not[] = { "Mars/Base", "entry", "values", "inGroup", "lookup" };

	for (size_t i = 0; i < sizeof(not) / sizeof(*not); i++)
		if (strstr(b->expr, not[i]))
			return false;
	return true;
}

static void print_as(const struct block *b, unsigned how, struct buf *out)
{
	struct cel_activation act = { .now_s = NOW };
	const struct cel_program *program;
	struct arena mem = ARENA_INIT;
	struct cel_value value;
	struct err err = ERR_INIT;

	buf_init(out, 1 << 20);
	if (cel_compile_as(&mem, NULL, slice_str(b->expr), (struct cel_place){ 0 }, how, &program,
			   &err) == 0 &&
	    cel_eval(program, &act, &mem, &value, &err) == 0)
		cel_print_json(&value, out);
	else
		buf_addstr(out, err.text);
	arena_release(&mem);
}

/* What is computed while compiling comes out as it does when it is reached. */
static unsigned run_unfolded(const struct block *b)
{
	struct buf folded, unfolded;
	unsigned bad;

	print_as(b, 0, &folded);
	print_as(b, CEL_UNFOLDED, &unfolded);
	bad = strcmp(folded.data, unfolded.data) != 0;
	if (bad)
		print_error("%s:%u: %s\n  folded   %s\n  unfolded %s\n", b->file, b->line, b->expr,
			    folded.data, unfolded.data);
	buf_release(&folded);
	buf_release(&unfolded);
	return bad;
}

static unsigned run_block(const struct block *b)
{
	struct buf out;
	struct json_in in;
	struct slice key, error;
	struct arena mem;
	struct err err = ERR_INIT;
	char *got;
	unsigned bad;

	evaluate(b, &out);
	got = strdup(out.data);
	arena_init(&mem);
	if (b->fail && strncmp(out.data, "{\"error\":", 9) == 0) {
		/* Compare the message itself, without JSON's escapes. */
		json_open(&in, out.data, out.len, NULL, &mem, &err);
		if (json_object_next(&in, &key) && json_get_text(&in, &error)) {
			free(got);
			if (asprintf(&got, "{\"error\":%.*s", SLICE_FMT(error)) < 0)
				abort();
		}
	}
	bad = !as_wanted(b, got);
	if (bad)
		print_error("%s:%u: %s\n  want %s%s\n  got  %s\n", b->file, b->line, b->expr,
			    b->fail ? "error with: " : "", b->want, got);
	free(got);
	arena_release(&mem);
	buf_release(&out);
	return bad;
}

/* Lines of one block, [first, last]. */
static unsigned take_block(const char *file, char **lines, size_t first, size_t last,
			   unsigned *count)
{
	struct block b = { .file = file, .line = (unsigned)first + 1, .want = lines[last] };
	struct buf expr;
	unsigned bad;

	if (strncmp(lines[first], "%%", 2) == 0) {
		b.fail = strstr(lines[first], "FAIL") != NULL;
		b.check = strstr(lines[first], "CHECK") != NULL;
		first++;
	}
	if (last > first && strncmp(lines[last - 1], "entry {", 7) == 0)
		b.entry = lines[--last] + 6;
	assert_true(last > first);
	buf_init(&expr, 1 << 20);
	for (size_t i = first; i < last; i++)
		buf_addf(&expr, "%s%s", i > first ? "\n" : "", lines[i]);
	b.expr = expr.data;
	bad = run_block(&b);
	if (foldable(&b))
		bad += run_unfolded(&b);
	buf_release(&expr);
	++*count;
	return bad;
}

static unsigned run_file(const char *path, unsigned *count)
{
	struct buf text;
	struct err err = ERR_INIT;
	VEC(char *) lines = { 0 };
	unsigned bad = 0;

	buf_init(&text, 1 << 20);
	assert_int_equal(buf_read_file(&text, path, &err), 0);
	for (char *at = text.data; at && *at;) {
		char *end = strchr(at, '\n');

		if (end)
			*end = '\0';
		vec_push(&lines, at);
		at = end ? end + 1 : NULL;
	}
	for (size_t i = 0; i < lines.count; i++) {
		size_t last = i;

		if (lines.items[i][0] == '\0' || lines.items[i][0] == '#')
			continue;
		while (last + 1 < lines.count && lines.items[last + 1][0])
			last++;
		bad += take_block(path, lines.items, i, last, count);
		i = last;
	}
	vec_release(&lines);
	buf_release(&text);
	return bad;
}

static const char *const case_files[] = {
	"literals",  "operators", "logic",    "macros", "optionals", "conversions", "strings",
	"times",     "patterns",  "entry",    "directory", "math",   "check",
	"tables",
};

static void test_case_files(void **state)
{
	unsigned bad = 0, count = 0;
	char path[200];

	(void)state;
	for (size_t i = 0; i < sizeof(case_files) / sizeof(*case_files); i++) {
		snprintf(path, sizeof(path), "tests/cases/cel/%s.txt", case_files[i]);
		bad += run_file(path, &count);
	}
	print_message("%u cases\n", count);
	assert_true(count > 400);
	assert_int_equal(bad, 0);
}

/* Every file in the folder is in the list above. */
static void test_no_file_forgotten(void **state)
{
	DIR *dir = opendir("tests/cases/cel");
	size_t found = 0;

	(void)state;
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));)
		found += strstr(e->d_name, ".txt") != NULL;
	closedir(dir);
	assert_int_equal(found, sizeof(case_files) / sizeof(*case_files));
}

/* ---- the manual ---- */

struct manual_check {
	const char *group, *row;
	unsigned rows, forms, examples, bad;
};

static void manual_row(void *ctx, const char *name)
{
	struct manual_check *check = ctx;

	/* The row before had an example. */
	assert_true(check->rows == 0 || check->examples > 0);
	check->row = name;
	check->rows++;
	check->examples = 0;
}

static void manual_doc(void *ctx, const char *text)
{
	size_t len = strlen(text);

	(void)ctx;
	assert_true(len > 10 && strchr(".?", text[len - 1]) && !strchr(text, '\n'));
}

/* Checked as rules are; the value is the JSON that eval prints. */
static void manual_example(void *ctx, struct slice expr, struct slice value)
{
	struct manual_check *check = ctx;
	struct buf out, want;

	check->examples++;
	buf_init(&out, 1 << 16);
	buf_init(&want, 1 << 16);
	cel_manual_eval(expr, &out);
	buf_addf(&want, "\"value\":%.*s}", SLICE_FMT(value));
	if (out.len < want.len || strcmp(out.data + out.len - want.len, want.data) != 0) {
		print_error("%s: %.*s => %.*s: got %s\n", check->row, SLICE_FMT(expr),
			    SLICE_FMT(value), out.data);
		check->bad++;
	}
	buf_release(&out);
	buf_release(&want);
}

/* Every example of the manual, and that every row has one. */
static void test_examples(void **state)
{
	static const struct cel_manual to = { .row = manual_row, .doc = manual_doc,
					      .example = manual_example };
	struct manual_check check = { 0 };

	(void)state;
	cel_manual_walk(&to, &check);
	assert_true(check.rows > cel_fn_count + 20 && check.examples > 0);
	assert_int_equal(check.bad, 0);
}

/* As many names of parameters as there can be arguments. */
static void test_parameters(void **state)
{
	(void)state;
	for (size_t i = 0; i < cel_fn_count; i++) {
		const char *p = cel_fns[i].params;
		unsigned count = *p != '\0';

		for (; *p; p++)
			count += *p == ' ';
		if (count != cel_fns[i].max && cel_fns[i].max != CEL_ARGS_MAX)
			fail_msg("%s has %u parameters", cel_fns[i].name, count);
	}
}

static void test_markdown(void **state)
{
	static const char *const parts[] = {
		"# Expressions\n", "\n    mail: Ann.Lee@example.org\n",
		"\n    # sites: sites.csv\n    city,division,unit\n    Berlin,Site Berlin,MU 1\n",
		"\n## Directory\n\n### ref\n\n",
		"\n    lookup(table: string, key: string, [column: string]) -> string\n\n",
		"\n    string.matches(pattern: string) -> bool\n    matches(text: string, ",
		"\n    math.greatest(numbers: number|list, ...) -> number\n\n",
		"\n    dnPart(entry.dn, 'ou')  // \"Billing\"\n",
		"\n### coalesce\n\n    coalesce(value, ...)\n\n",
	};
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	cel_manual_markdown(&out);
	assert_false(buf_failed(&out));
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (!strstr(out.data, parts[i]))
			fail_msg("not in the chapter: %s", parts[i]);
	assert_null(strstr(out.data, "\n\n\n"));
	buf_release(&out);
}

/* ---- programs ---- */

struct fixture {
	struct arena mem;
	struct layout layout;
	struct group_names groups;
	struct cel_env *env;
	struct err err;
};

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	layout_init(&f->layout);
	group_names_init(&f->groups);
	f->env = cel_env_new(&f->layout, &f->groups);
}

static void teardown(struct fixture *f)
{
	cel_env_free(f->env);
	group_names_release(&f->groups);
	layout_release(&f->layout);
	arena_release(&f->mem);
}

static const struct cel_program *compile(struct fixture *f, const char *text)
{
	const struct cel_program *program = NULL;
	struct cel_place place = { "agents.yaml", 14, 9 };

	f->err.kind = ERR_NONE;
	cel_compile(&f->mem, f->env, slice_str(text), place, &program, &f->err);
	return program;
}

static void test_places(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "nothing", "agents.yaml:14:9: undeclared reference" },
		{ "1 +\n 'a'", "agents.yaml:14:11: no such overload" },
		{ "[1,\n   x]", "agents.yaml:15:4: undeclared reference" },
		{ "1 + ", "agents.yaml:14:13: a value is missing" },
		{ "'\n'", "agents.yaml:14:9: the text literal is not closed" },
	};
	struct fixture f;
	char text[ERR_FORMAT_MAX];

	(void)state;
	setup(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_null(compile(&f, rows[i].text));
		err_format(&f.err, text, sizeof(text));
		if (strncmp(text, rows[i].want, strlen(rows[i].want)) != 0)
			fail_msg("%s: %s, want %s", rows[i].text, text, rows[i].want);
	}
	teardown(&f);
}

static void test_groups(void **state)
{
	struct fixture f;
	const struct cel_program *a, *b;
	unsigned char answers[] = { GROUP_YES, GROUP_NO };
	struct entry entry = { .groups = answers, .group_count = 2 };
	struct cel_activation act = { .entry = &entry };
	struct cel_value v;

	(void)state;
	setup(&f);
	a = compile(&f, "inGroup('cn=a,dc=x') && !inGroup('b')");
	assert_non_null(a);
	assert_int_equal(f.groups.names.count, 2);
	b = compile(&f, "inGroup('b')");
	assert_int_equal(f.groups.names.count, 2);
	assert_int_equal(cel_eval(a, &act, &f.mem, &v, &f.err), 0);
	assert_true(v.type == CEL_BOOL && v.as.b);
	assert_int_equal(cel_eval(b, &act, &f.mem, &v, &f.err), 0);
	assert_true(v.type == CEL_BOOL && !v.as.b);
	answers[1] = GROUP_UNKNOWN;
	assert_int_equal(cel_eval(b, &act, &f.mem, &v, &f.err), -1);
	assert_int_equal(f.err.kind, ERR_EVAL);
	assert_non_null(strstr(f.err.text, "\"b\""));
	assert_true(cel_program_may_be(a, CEL_BOOL) && !cel_program_may_be(a, CEL_STRING));
	teardown(&f);
}

static void test_variables(void **state)
{
	struct fixture f;
	struct cel_value vars[2] = { { .type = CEL_STRING, .as.s = SLICE("Billing:4") },
				     { .type = CEL_INT, .as.i = 7 } };
	struct cel_activation act = { .vars = vars, .var_count = 2 };
	const struct cel_program *p;
	struct cel_value v;

	(void)state;
	setup(&f);
	assert_int_equal(cel_env_declare(f.env, "tag"), 0);
	assert_int_equal(cel_env_declare(f.env, "n"), 1);
	p = compile(&f, "tag.split(':')[0] + string(n) + [1].map(n, string(n + .n))[0]");
	assert_non_null(p);
	assert_int_equal(cel_eval(p, &act, &f.mem, &v, &f.err), 0);
	assert_true(slice_eq_str(v.as.s, "Billing78"));
	cel_env_undeclare(f.env, 1);
	assert_null(compile(&f, "n"));
	assert_non_null(compile(&f, "tag"));
	teardown(&f);
}

static void test_multivalued(void **state)
{
	struct slice two[] = { SLICE("a"), SLICE("b") };
	struct attr_values attrs[] = { { two, 1 }, { two, 2 }, { NULL, 0 } };
	struct entry entry = { .attrs = attrs, .attr_count = 3 };
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ "entry.one", false },		   { "entry.two", true },
		{ "entry.one + entry.two", true }, { "values.two[0]", false },
		{ "has(entry.two)", false },	   { "entry.three", false },
		{ "entry.four", false },	   { "entry.?two.orValue('')", true },
		{ "entry['two']", true },
	};
	struct fixture f;

	(void)state;
	setup(&f);
	layout_add(&f.layout, "one", 3, NULL);
	layout_add(&f.layout, "two", 3, NULL);
	layout_add(&f.layout, "three", 5, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct cel_program *p = compile(&f, rows[i].text);

		assert_non_null(p);
		if (cel_program_multivalued(p, &entry) != rows[i].want)
			fail_msg("%s", rows[i].text);
	}
	teardown(&f);
}

static void test_constant(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ "'x'", true },       { "1 + 2 * 3", true },	   { "entry.x", false },
		{ "now", false },      { "'a' + entry.x", false }, { "1 / 0", false },
		{ "'A'.lowerAscii()", true }, { "[1, 2]", true },
		{ "[1, 2].map(x, x * 2)", true }, { "[1].map(x, [x].map(y, x + y))", true },
		{ "[1].map(x, entry.x)", false }, { "[1].map(x, now)", false },
		{ "[1].map(x, 1 / 0)", false },	  { "values.x.map(x, 1)", false },
		{ "cel.bind(x, 'a', x + x)", true }, { "cel.bind(x, entry.x, 'a')", false },
		{ "has({'a': 1}.a)", true },	 { "coalesce({}.a, 'b')", true },
		{ "coalesce('a', entry.x)", false }, { "optional.of(1).orValue(2)", true },
		{ "optional.of(1).optMap(x, x + 1).value()", true },
		{ "inGroup('g')", false },	 { "[1].exists(x, inGroup('g'))", false },
		{ "[1].map(x, each + x)", false }, { "lookup('hours', 'PT')", true },
		{ "'a' in {'a': 1}", true },	 { "timestamp(0).getHours('+01:00')", true },
		/* What is too long or takes too many steps is left for the evaluation. */
		{ "'%.1000f'.format([1.0]).replace('0', '%.1000f'.format([1.0]))",
		  false },
		{ "[1,2,3,4,5,6,7,8,9].map(a, [1,2,3,4,5,6,7,8,9].map(b, [1,2,3,4,5,6,7,8,9]"
		  ".map(c, [1,2,3,4,5,6,7,8,9].map(d, [1,2,3,4,5,6,7,8,9].map(e, [1].map(f,"
		  " a + b + c + d + e + f))))))", false },
	};
	struct fixture f;

	(void)state;
	setup(&f);
	cel_env_declare(f.env, "each");
	cel_env_tables(f.env, the_tables());
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct cel_program *p = compile(&f, rows[i].text);

		assert_non_null(p);
		if (cel_program_is_constant(p) != rows[i].want)
			fail_msg("%s", rows[i].text);
	}
	teardown(&f);
}

static char *repeat(const char *before, const char *mid, const char *after, size_t count)
{
	size_t a = strlen(before), m = strlen(mid), b = strlen(after);
	char *text = malloc((a + b) * count + m + 1), *at = text;

	for (size_t i = 0; i < count; i++, at += a)
		memcpy(at, before, a);
	memcpy(at, mid, m);
	at += m;
	for (size_t i = 0; i < count; i++, at += b)
		memcpy(at, after, b);
	*at = '\0';
	return text;
}

/* Sums of which a part is constant: the operands that are left. */
static void test_sums(void **state)
{
	static const struct {
		const char *text;
		unsigned operands;
		const char *want;
	} rows[] = {
		{ "'a' + 'b' + each", 2, "abX" },
		{ "each + 'a' + 'b'", 2, "Xab" },
		{ "'a' + 'b' + each + 'c' + 'd' + each", 4, "abXcdX" },
		{ "'a' + each + 'b'", 3, "aXb" },
		{ "1 + 2 + size(each)", 2, "4" },
		{ "size(each) + 1 + 2", 3, "4" },
		{ "dyn(1) + 'a' + 'b' + each", 3, "no such overload: _+_(int, string)" },
		{ "dyn(1) + 2 + 3 + dyn(each)", 2, "no such overload: _+_(int, string)" },
	};
	struct cel_value var = cel_string(SLICE("X")), v;
	struct cel_activation act = { .vars = &var, .var_count = 1 };
	struct fixture f;

	(void)state;
	setup(&f);
	cel_env_declare(f.env, "each");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct cel_program *p = compile(&f, rows[i].text);
		struct slice text = slice_of("", 0);

		assert_non_null(p);
		assert_int_equal(p->root->op, N_ADD);
		if (cel_eval(p, &act, &f.mem, &v, &f.err))
			text = slice_str(f.err.text);
		else
			cel_to_text(&v, &f.mem, &text, &f.err);
		if (p->root->count != rows[i].operands || !slice_eq_str(text, rows[i].want))
			fail_msg("%s: %u operands, %.*s", rows[i].text, p->root->count,
				 SLICE_FMT(text));
	}
	teardown(&f);
}

/* What is computed or prepared in compiling has a limit as an evaluation has. */
static void test_compile_bombs(void **state)
{
	static const struct {
		const char *name, *row;
		size_t count;
		size_t bytes_max;
		const char *want; /* NULL: it compiles */
	} rows[] = {
		{ "constants", "|| '%.1000f'.format([1.0]).replace('0','%.20f') == entry.x", 15000,
		  150u << 20, NULL },
		{ "patterns", "|| entry.x.matches('(a{1000}){9}')", 25000, 100u << 20,
		  "take more than 16 MB" },
		{ "macros", "|| [1,2,3,4,5,6,7,8,9].all(a,[1,2,3,4,5,6,7,8,9].all(b,a+b<99))",
		  10000, 150u << 20, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *text = repeat(rows[i].row, "", "", rows[i].count);
		struct fixture f;
		const struct cel_program *p;

		memcpy(text, "  ", 2);
		setup(&f);
		p = compile(&f, text);
		if ((p != NULL) != (rows[i].want == NULL) || f.mem.used_bytes > rows[i].bytes_max ||
		    (rows[i].want && !strstr(f.err.text, rows[i].want)))
			fail_msg("%s: %s, %zu bytes", rows[i].name, p ? "compiled" : f.err.text,
				 f.mem.used_bytes);
		teardown(&f);
		free(text);
	}
}

static void test_kinds_of_errors(void **state)
{
	static const struct {
		const char *text;
		enum err_kind kind;
	} rows[] = {
		{ "entry.x", ERR_NO_KEY },
		{ "'Site ' + entry.l", ERR_NO_KEY },
		{ "{}.a", ERR_NO_KEY },
		{ "entry.x == 'a' || false", ERR_NO_KEY },
		{ "[1][3]", ERR_EVAL },
		{ "1 / 0 == 1", ERR_EVAL },
		{ "inGroup('g')", ERR_EVAL },
		{ "optional.none().value() == 1", ERR_EVAL },
		{ "dnPart('cn=a', 'ou')", ERR_NO_KEY },
		{ "filetime(0)", ERR_NO_KEY },
	};
	struct fixture f;
	struct cel_value v;

	(void)state;
	setup(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct cel_program *p = compile(&f, rows[i].text);

		if (!p)
			fail_msg("%s: %s", rows[i].text, f.err.text);
		assert_int_equal(cel_eval(p, NULL, &f.mem, &v, &f.err), -1);
		if (f.err.kind != rows[i].kind)
			fail_msg("%s: %s", rows[i].text, f.err.text);
		f.err.kind = ERR_NONE;
	}
	teardown(&f);
}

static void test_scan(void **state)
{
	static const struct {
		const char *text;
		long want;
	} rows[] = {
		{ "a}", 1 },
		{ "{'a': 1}.a} rest", 10 },
		{ "'}'}", 3 },
		{ "a // }\n}", 7 },
		{ "'''}'''+r'\\'}", 12 },
		{ "[{1: {}}]}", 9 },
		{ "}", 0 },
		{ "a", -1 },
		{ "(a}", -1 },
		{ "'a}", -1 },
		{ "a)}", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct err err = ERR_INIT;
		long got = cel_scan(slice_str(rows[i].text), (struct cel_place){ 0 }, &err);

		if (got != rows[i].want || (got < 0) != (err.kind == ERR_INVALID))
			fail_msg("%s: %ld, want %ld", rows[i].text, got, rows[i].want);
	}
}

/* ---- hostile input: an error, in bounded time and memory ---- */

static void test_nesting(void **state)
{
	static const struct {
		const char *before, *mid, *after;
		size_t count;
		bool ok;
	} rows[] = {
		{ "(", "1", ")", 100, true },	     { "(", "1", ")", 10000, false },
		{ "[", "1", "]", 100, true },	     { "[", "1", "]", 10000, false },
		{ "{1:", "1", "}", 10000, false },   { "!", "true", "", 10000, false },
		{ "-", "1", "", 10000, false },	     { "true?(", "1", "):1", 100, true },
		{ "true?1:", "1", "", 10000, false }, { "1+", "1", "", 10000, true },
		{ "true&&", "true", "", 10000, true }, { "1-", "1", "", 10000, false },
		{ "", "{}", ".a", 10000, false },    { "size(", "'a'", ")", 10000, false },
		{ "[1].map(x,", "1", ")", 10000, false }, { "'a'+", "'b'", "", 20000, true },
		{ "", "[]", "[0]", 10000, false },   { "", "{}", ".?a", 10000, false },
		{ "{?'a':", "1", "}", 10000, false }, { "coalesce(", "1", ")", 10000, false },
		{ "has(", "a", ")", 10000, false },  { "cel.bind(x,1,", "x", ")", 10000, false },
		{ "true?", "1", ":1", 10000, false }, { "", "'a'", ".trim()", 10000, false },
		{ "1<", "1", "", 10000, false },     { "1 in [", "1", "]", 10000, false },
		{ "false||", "true", "", 10000, true }, { "!(", "true", ")", 10000, false },
		{ "(", "", "", 100000, false },	     { "[", "", "", 100000, false },
		{ "{", "", "", 100000, false },	     { "", "1", ")", 100000, false },
		{ "f(", "", "", 100000, false },     { "/*", "1", "*/", 10000, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *text = repeat(rows[i].before, rows[i].mid, rows[i].after, rows[i].count);
		struct cel_once how = { 0 };
		struct buf out;

		buf_init(&out, 1 << 20);
		if ((cel_eval_once(slice_str(text), NULL, 0, &how, &out) == 0) != rows[i].ok)
			fail_msg("%s x %zu: %.200s", rows[i].before, rows[i].count, out.data);
		buf_release(&out);
		free(text);
	}
}

static void test_explosions(void **state)
{
	/* Each doubles or multiplies; all must end with ERR_LIMIT and not with the machine. */
	static const char *const rows[] = {
		"[0,1,2,3,4,5,6,7,8,9].all(a,[0,1,2,3,4,5,6,7,8,9].all(b,"
		"[0,1,2,3,4,5,6,7,8,9].all(c,[0,1,2,3,4,5,6,7,8,9].all(d,"
		"[0,1,2,3,4,5,6,7,8,9].all(e,[0,1,2,3,4,5,6,7,8,9].all(f,"
		"[0,1,2,3,4,5,6,7,8,9].all(g,[0,1,2,3,4,5,6,7,8,9].all(h,entry.a != 'x'))))))))",
		"cel.bind(a,['0123456789'],cel.bind(b,[a,a,a,a,a,a,a,a],cel.bind(c,[b,b,b,b,b,b,b,b],"
		"cel.bind(d,[c,c,c,c,c,c,c,c],cel.bind(e,[d,d,d,d,d,d,d,d],"
		"cel.bind(f,[e,e,e,e,e,e,e,e],cel.bind(g,[f,f,f,f,f,f,f,f],"
		"cel.bind(h,[g,g,g,g,g,g,g,g],cel.bind(i,[h,h,h,h,h,h,h,h],i==i)))))))))",
		"'%.1000f'.format([1.0]).replace('','%.1000f').replace('','%.1000f').replace('','x')"
		".replace('','xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx').replace('','yyyyyyyyyyyyyyyyy')",
		"[entry.a].map(x,x.replace('','0123456789').replace('','0123456789')"
		".replace('','0123456789').replace('','0123456789'))",
		"[entry.a].exists(x,(x+x+x+x+x+x+x+x).matches('(a?b?c?d?e?){900}z'))",
	};
	struct slice value;
	char *text = repeat("a", "", "", 100000);
	struct cel_attr attr = { SLICE("a"), &value, 1 };

	(void)state;
	value = slice_str(text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cel_once how = { 0 };
		struct buf out;

		buf_init(&out, 1 << 20);
		if (cel_eval_once(slice_str(rows[i]), &attr, 1, &how, &out) == 0 ||
		    (!strstr(out.data, "too many") && !strstr(out.data, "too long") &&
		     !strstr(out.data, "memory")))
			fail_msg("row %zu: %.200s", i, out.data);
		buf_release(&out);
	}
	free(text);
}

static void test_long_texts(void **state)
{
	char *text = repeat("ab", "", "", 500000);
	struct slice value = slice_str(text);
	struct cel_attr attr = { SLICE("a"), &value, 1 };
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "size(entry.a)", "1000000" },
		{ "entry.a.matches('^(ab)*$')", "true" },
		{ "entry.a.matches('a.*x')", "false" },
		{ "entry.a.matches('(a|b)*c')", "false" },
		{ "entry.a.matches('[a-z]+[!#]')", "false" },
		{ "entry.a.matches('[a-z]{3,}[!#]')", "false" },
		{ "entry.a.matches('^(\\\\w+)+[!#]')", "false" },
		{ "entry.a.matches('^((a|b)+)+[ab]$')", "true" },
		{ "entry.a.matches('[ab]{1000}[!#]')", "too long" },
		{ "entry.a.replace('a','x').contains('a')", "false" },
		{ "entry.a.lastIndexOf('xx')", "-1" },
		{ "size(entry.a.split('b'))", "500001" },
		{ "entry.a.reverse() == entry.a.reverse().trim()", "true" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cel_once how = { 0 };
		struct buf out;

		buf_init(&out, 1 << 20);
		cel_eval_once(slice_str(rows[i].text), &attr, 1, &how, &out);
		if (!strstr(out.data, rows[i].want))
			fail_msg("%s: %.200s", rows[i].text, out.data);
		buf_release(&out);
	}
	free(text);
}

/* The text of an expression may have 1 MB, most of it in one literal or name. */
static void test_long_expressions(void **state)
{
	static const struct {
		const char *before, *mid, *after;
		size_t len;
		const char *want;
	} rows[] = {
		{ "size('", "a", "')", CEL_BYTES_MAX - 10, "1048566" },
		{ "size('", "a", "')", CEL_BYTES_MAX, "longer than" },
		{ "size(r'''", "\n", "''')", 1000000, "1000000" },
		{ "size(b'", "\\x41", "')", 1000000, "250000" },
		{ "size('", "\\u00e9", "')", 1000000, "166666" },
		{ "size('", "a", "", 1000000, "is not closed" },
		{ "", "a", "", 1000000, "undeclared reference" },
		{ "entry.", "a", "", 1000000, "no such key" },
		{ "", "1", "", 1000000, "range" },
		{ "1.", "1", "", 1000000, "1.1111111111111112" },
		{ "true //", "a", "", 1000000, "true" },
		{ "", " ", "true", 1000000, "true" },
		{ "size([", "1,", "])", 1000000, "500000" },
		{ "size('", "a", "'.matches('", 1000000, "is not closed" },
		{ "'a'.matches('", "a", "')", 1000000, "longer than 4096" },
		{ "'a'.matches('", "(", "')", 4000, "invalid pattern" },
		{ "'a'.matches('", "[a]?", "')", 4000, "true" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *middle = repeat(rows[i].mid, "", "", rows[i].len / strlen(rows[i].mid));
		struct cel_once how = { 0 };
		struct buf text, out;

		buf_init(&text, 1 << 22);
		buf_addstr(&text, rows[i].before);
		buf_addstr(&text, middle);
		buf_addstr(&text, rows[i].after);
		buf_init(&out, 1 << 22);
		cel_eval_once(slice_of(text.data, text.len), NULL, 0, &how, &out);
		if (!strstr(out.data, rows[i].want))
			fail_msg("%s%.10s: %.200s", rows[i].before, rows[i].mid, out.data);
		buf_release(&text);
		buf_release(&out);
		free(middle);
	}
}

/* Patterns that make backtracking run away: an answer, or the limit, for any text. */
static void test_hostile_patterns(void **state)
{
	static const char *const patterns[] = {
		"^(a+)+$",
		"^(a|aa)+$",
		"^(a|a?)+$",
		"(x+x+)+y",
		"^(.*a){20}$",
		"^(([a-z])+.)+[A-Z]([a-z])+$",
		"(a*)*b",
		"^(a?){50}a{50}$",
		"((a{1,30}){1,30}){1,30}b",
		"(.*)(.*)(.*)(.*)(.*)[0-9]",
		"^(\\\\w+\\\\s?)*$",
		"(a|b|ab)*c",
		"^(a{0,999}){0,99}$",
		"(?i)(A+)+!b",
		"[ab]{2,}c",
		"a?a?(?:\\\\pL[ab]{2,}(\\\\S{1,9}))+$",
		"(a{1,999})*b",
	};
	static const size_t lengths[] = { 30, 1000, 1025, 100000, 1000000 };

	(void)state;
	for (size_t l = 0; l < sizeof(lengths) / sizeof(*lengths); l++) {
		char *text = repeat("a", "!", "", lengths[l]);
		struct slice value = slice_str(text);
		struct cel_attr attr = { SLICE("a"), &value, 1 };

		for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
			struct cel_once how = { .check = true };
			struct buf expr, out;

			buf_init(&expr, 1000);
			buf_addf(&expr, "entry.a.matches('%s')", patterns[i]);
			buf_init(&out, 10000);
			cel_eval_once(slice_of(expr.data, expr.len), &attr, 1, &how, &out);
			if (strncmp(out.data, "{\"type\":\"bool\"", 14) != 0 &&
			    !strstr(out.data, "the pattern takes too long"))
				fail_msg("%s on %zu: %s", patterns[i], lengths[l], out.data);
			buf_release(&expr);
			buf_release(&out);
		}
		free(text);
	}
}

static void test_bad_lines(void **state)
{
	static const char *const rows[] = {
		"", "{", "[]", "{\"expr\":1}", "{}", "{\"expr\":\"1\"} x",
		"{\"expr\":\"1\",\"entry\":{\"a\":[1]}}", "{\"expr\":\"\"}",
	};
	struct cel_once how = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf out;

		buf_init(&out, 1 << 20);
		if (cel_eval_json(slice_str(rows[i]), &how, &out) == 0 ||
		    strncmp(out.data, "{\"error\":", 9) != 0)
			fail_msg("%s: %s", rows[i], out.data);
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_case_files),
		cmocka_unit_test(test_no_file_forgotten),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_markdown),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_multivalued),
		cmocka_unit_test(test_constant),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_compile_bombs),
		cmocka_unit_test(test_kinds_of_errors),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_explosions),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_long_expressions),
		cmocka_unit_test(test_hostile_patterns),
		cmocka_unit_test(test_bad_lines),
	};

	return cmocka_run_group_tests(tests, NULL, release_tables);
}
