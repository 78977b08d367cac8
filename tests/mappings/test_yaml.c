/* YAML text to a tree: what is taken, what is refused and where, and places in the text. */
#include <stdlib.h>

#include "tests/cases.h"

#include "mappings/yaml.h"
#include "scim/base/banned.h"

static void dump(const struct yaml_node *node, struct buf *out)
{
	static const char *const styles[] = { "", "'", "\"", "|", ">" };

	if (node->type == YAML_TEXT) {
		buf_addf(out, "%s<", styles[node->style]);
		buf_addvisible(out, node->text.data, node->text.len);
		buf_addch(out, '>');
		return;
	}
	buf_addch(out, node->type == YAML_MAP ? '{' : '[');
	for (unsigned i = 0; i < node->count; i++) {
		if (i)
			buf_addstr(out, ", ");
		if (node->type == YAML_MAP) {
			dump(node->keys[i], out);
			buf_addstr(out, ": ");
		}
		dump(node->items[i], out);
	}
	buf_addch(out, node->type == YAML_MAP ? '}' : ']');
}

static bool run_one(const struct test_case *c)
{
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	const struct yaml_node *root;
	struct buf out;
	bool good;

	buf_init(&out, 1 << 20);
	if (yaml_parse(&mem, c->sections[0], strlen(c->sections[0]), "t.yaml", &root, &err))
		buf_addf(&out, "%u:%u: %s", err.line, err.column, err.text);
	else
		dump(root, &out);
	buf_addch(&out, '\n');
	good = err.kind != ERR_NONE ? lines_match(c->sections[1], out.data)
				    : strcmp(c->sections[1], out.data) == 0;
	if (!good)
		case_failed(c, c->sections[1], out.data);
	buf_release(&out);
	arena_release(&mem);
	return good;
}

static void test_case_file(void **state)
{
	(void)state;
	run_cases("tests/cases/rules/yaml.txt", run_one);
}

/* What a text editor does not show, or no text file may hold. */
static void test_bytes(void **state)
{
	static const struct {
		const char *name;
		struct slice text;
		const char *want; /* NULL = parses */
		unsigned line, column;
	} rows[] = {
		{ "byte order mark", SLICE("\xef\xbb\xbf" "a: 1\nb: 2\n"), NULL, 0, 0 },
		{ "Windows line ends", SLICE("a: 1\r\nb: 2\r\n"), NULL, 0, 0 },
		{ "no line end", SLICE("a: 1\nb: 2"), NULL, 0, 0 },
		{ "empty", SLICE(""), "the file is empty", 0, 0 },
		{ "only a mark", SLICE("\xef\xbb\xbf"), "the file is empty", 0, 0 },
		{ "Latin-1", SLICE("a: 1\nb: M\xfcller\n"), "byte 0xfc is not UTF-8", 2, 5 },
		{ "half a character", SLICE("a: \xc3"), "byte 0xc3 is not UTF-8", 1, 4 },
		{ "UTF-16", SLICE("\xff\xfe" "a\0:\0"), "byte 0xff is not UTF-8", 1, 1 },
		{ "NUL byte", SLICE("a: 1\nb: \0\n"), "control character 0x00", 2, 4 },
		{ "escape", SLICE("a: \x1b[31m\n"), "control character 0x1b", 1, 4 },
		{ "delete", SLICE("a: \x7f\n"), "control character 0x7f", 1, 4 },
		{ "noncharacter", SLICE("\xc3\xa4: 1\nb: \xef\xbf\xbe\n"),
		  "control characters are not allowed", 2, 4 },
		{ "NUL in quotes", SLICE("a: [1, \"x\\0y\"]\n"), "NUL character", 1, 8 },
		{ "column of bytes", SLICE("\xc3\xa4\xc3\xb6: *x\n"), "aliases", 1, 7 },
		{ "tab after a key is fine", SLICE("a:\t1\nb: 2"), NULL, 0, 0 },
		{ "tab indents", SLICE("a:\n\tb: 1\n"), "a tab does not indent", 2, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		const struct yaml_node *root = NULL;
		int status = yaml_parse(&mem, rows[i].text.data, rows[i].text.len, "t.yaml",
					&root, &err);

		if (rows[i].want
			    ? status != -1 || !strstr(err.text, rows[i].want) || root ||
				      err.line != rows[i].line || err.column != rows[i].column
			    : status != 0 || !yaml_get(root, "b") ||
				      !slice_eq_str(yaml_get(root, "b")->text, "2"))
			fail_msg("%s: %u:%u: %s", rows[i].name, err.line, err.column, err.text);
		arena_release(&mem);
	}
}

/*
 * Each text holds one Q; its place in the file is known from the file, and must come out of
 * its offset in the value.
 */
static void test_places(void **state)
{
	static const char *const rows[] = {
		"a: Q",
		"a: plain Q text",
		"a: two\n   lines and\n   Q here",
		"a: two\n\n\n   lines Q here",
		"a: 'single Q'",
		"a: 'it''s a ''Q'''",
		"a: 'folded  \n\n   quoted Q'",
		"a: \"double Q\"",
		"a: \"tab\\t quote\\\" \\x41\\u00e4\\U0001F600\\N\\_\\L\\P Q\"",
		"a: \"cut\\\n    off\\\n\n   again Q\"",
		"a: \"fold\n\n  ed \\\\ Q\"",
		"\xc3\xa4: \xc3\xb6 Q",
		"a: |\n  literal\n  text Q",
		"a: |\n\n\n    after\n\n     blank Q\n",
		"a: |2-\n    own indent Q\n",
		"a: |+\n  x\n\n  Q\n\n",
		"a: >\n  folded\n  text Q\n",
		"a: >-\n  folded\n\n  text\n\n\n  more\n   in Q\n  out\n",
		"a: >\n\n  x\n    y\n\n    z\n  Q\n",
		"a: >\n  b\n\n   Q\n  c\n",
		"a: | # comment\n  x\n  Q\n",
		"a: |\r\n  x\r\n  Q\r\n",
		"a: two\r\n  Q\r\n",
		"a:\n  - b\nc:\n  d: |\n     deep\n     Q",
		"? |\n  key\n  Q\n: 1",
		"? \"key \\\" Q\"\n: 1",
		"'Q': 1",
		"- {x: [1, 'a''Q']}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		const struct yaml_node *node;
		unsigned line = 1, column = 1, got_line, got_column;
		const char *at;

		for (const char *s = rows[i]; *s != 'Q'; s++) {
			column = *s == '\n' ? 1 : column + 1;
			line += *s == '\n';
		}
		if (yaml_parse(&mem, rows[i], strlen(rows[i]), "t.yaml", &node, &err))
			fail_msg("%s: %u:%u: %s", rows[i], err.line, err.column, err.text);
		/* The last item, unless the Q is in a key. */
		while (node->type != YAML_TEXT)
			node = node->type == YAML_MAP &&
					       strchr(node->keys[node->count - 1]->text.data, 'Q')
				       ? node->keys[node->count - 1]
				       : node->items[node->count - 1];
		at = strchr(node->text.data, 'Q');
		assert_non_null(at);
		yaml_place(node, (size_t)(at - node->text.data), &got_line, &got_column);
		if (line != got_line || column != got_column)
			fail_msg("%s: %u:%u, not %u:%u", rows[i], got_line, got_column, line,
				 column);
		/* An offset beyond the text is its end, whatever the form. */
		yaml_place(node, node->text.len + 1000, &got_line, &got_column);
		assert_true(got_line >= line);
		arena_release(&mem);
	}
}

/* What a list or map takes of the file: the value of the last key, to the last byte. */
static void test_sources(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "a: {b: c}  # d\n", "{b: c}" },
		{ "x: y\na: [b,\n c ]\n", "[b,\n c ]" },
		{ "a: {}\n", "{}" },
		{ "a: {b: [}, c: '}'}", NULL },
		{ "a: {b: [], c: '}'}", "{b: [], c: '}'}" },
		{ "a:\n  b: c\n  d: \"e\"  # f\n\n# g\n", "b: c\n  d: \"e\"" },
		{ "a:\n- b\n- - c\n  - d\n\n", "- b\n- - c\n  - d" },
		{ "a:\n  b: |\n    c\n    d\n\n\n", "b: |\n    c\n    d" },
		{ "a:\n  b: c\n  d:\n# e\n", "b: c\n  d:" },
		{ "a:\n  ? b\n", "? b" },
		{ "a:\n  \xc3\xa4: \xc3\xb6 \xc3\xbc\n", "\xc3\xa4: \xc3\xb6 \xc3\xbc" },
		{ "\xef\xbb\xbf" "a: [b]\n", "[b]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		const struct yaml_node *root, *node;
		int status = yaml_parse(&mem, rows[i].text, strlen(rows[i].text), "t", &root, &err);

		assert_int_equal(status, rows[i].want ? 0 : -1);
		if (status == 0) {
			node = root->items[root->count - 1];
			if (!slice_eq_str(node->source, rows[i].want))
				fail_msg("%s: \"%.*s\"", rows[i].text, SLICE_FMT(node->source));
			assert_int_equal(node->flow, rows[i].want[0] == '{' || rows[i].want[0] == '[');
		}
		arena_release(&mem);
	}
}

static int parse_repeated(const char *head, const char *item, size_t times, struct err *err)
{
	struct arena mem = ARENA_INIT;
	const struct yaml_node *root;
	struct buf text;
	int status;

	buf_init(&text, 2 * YAML_BYTES_MAX);
	buf_addstr(&text, head);
	for (size_t i = 0; i < times; i++)
		buf_addstr(&text, item);
	status = yaml_parse(&mem, text.data, text.len, "t.yaml", &root, err);
	buf_release(&text);
	arena_release(&mem);
	return status;
}

static void test_limits(void **state)
{
	static const struct {
		const char *name, *head, *item;
		size_t times;
		enum err_kind kind; /* ERR_NONE = parses */
		const char *want;
	} rows[] = {
		{ "deep enough", "", "- ", YAML_DEPTH_MAX, ERR_NONE, "" },
		{ "too deep", "", "- ", YAML_DEPTH_MAX + 1, ERR_INVALID, "nested too deeply" },
		{ "too deep in brackets", "", "[", 100000, ERR_INVALID, "nested too deeply" },
		{ "too deep in braces", "", "{a: ", 2000, ERR_INVALID, "nested too deeply" },
		{ "many nodes", "", "-\n", YAML_NODES_MAX - 1, ERR_NONE, "" },
		{ "too many nodes", "", "-\n", YAML_NODES_MAX, ERR_LIMIT,
		  "more than 1000000 YAML nodes" },
		{ "too long", "#", " ", YAML_BYTES_MAX, ERR_LIMIT, "longer than 16777216 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = ERR_INIT;
		int status = parse_repeated(rows[i].head, rows[i].item, rows[i].times, &err);

		if (err.kind != rows[i].kind || status != (rows[i].kind ? -1 : 0) ||
		    !strstr(err.text, rows[i].want))
			fail_msg("%s: %s", rows[i].name, err.text);
	}
}

static void test_files(void **state)
{
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	const struct yaml_node *root = NULL;

	(void)state;
	assert_int_equal(yaml_read_file(&mem, "tests/cases/rules/none.yaml", &root, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_null(root);
	err = (struct err)ERR_INIT;
	assert_int_equal(yaml_read_file(&mem, "/dev/null", &root, &err), -1);
	assert_string_equal(err.text, "the file is empty");
	assert_int_equal(yaml_parse(&mem, "[a]", 3, "t", &root, &err), 0);
	assert_null(yaml_get(root, "a")); /* a list has no members */
	arena_release(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_case_file), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_places),    cmocka_unit_test(test_limits),
		cmocka_unit_test(test_files),	  cmocka_unit_test(test_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
