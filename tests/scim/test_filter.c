/* scim/filter and scim/path: grammar, printing, matching. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/filter.h"
#include "scim/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ENTERPRISE "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

/* Text as a tree: (op left right), comparisons in <>. */
static void tree_text(const struct scim_filter *f, struct buf *buf)
{
	static const char *const names[] = { "and", "or", "not", "[]" };

	if (f->op < SCIM_FILTER_AND) {
		buf_addch(buf, '<');
		scim_filter_print(f, buf);
		buf_addch(buf, '>');
		return;
	}
	buf_addf(buf, "(%s ", names[f->op - SCIM_FILTER_AND]);
	if (f->op == SCIM_FILTER_ELEMENT) {
		scim_attr_path_print(&f->attr, buf);
		buf_addch(buf, ' ');
	}
	tree_text(f->left, buf);
	if (f->right) {
		buf_addch(buf, ' ');
		tree_text(f->right, buf);
	}
	buf_addch(buf, ')');
}

static const struct {
	const char *name, *text, *tree;
} parses[] = {
	/* RFC 7644 figure 2 */
	{ "eq", "userName eq \"bjensen\"", "<userName eq \"bjensen\">" },
	{ "sub-attribute", "name.familyName co \"O'Malley\"",
	  "<name.familyName co \"O'Malley\">" },
	{ "sw", "userName sw \"J\"", "<userName sw \"J\">" },
	{ "URN", "urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"J\"",
	  "<urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"J\">" },
	{ "pr", "title pr", "<title pr>" },
	{ "gt time", "meta.lastModified gt \"2011-05-13T04:42:34Z\"",
	  "<meta.lastModified gt \"2011-05-13T04:42:34Z\">" },
	{ "and", "title pr and userType eq \"Employee\"",
	  "(and <title pr> <userType eq \"Employee\">)" },
	{ "or", "title pr or userType eq \"Intern\"",
	  "(or <title pr> <userType eq \"Intern\">)" },
	{ "schemas", "schemas eq \"" ENTERPRISE "\"", "<schemas eq \"" ENTERPRISE "\">" },
	{ "and, group", "userType eq \"E\" and (emails co \"a.com\" or emails.value co \"b.org\")",
	  "(and <userType eq \"E\"> (or <emails co \"a.com\"> <emails.value co \"b.org\">))" },
	{ "not", "userType ne \"E\" and not (emails co \"a.com\" or emails.value co \"b\")",
	  "(and <userType ne \"E\"> (not (or <emails co \"a.com\"> <emails.value co \"b\">)))" },
	{ "emails.type", "userType eq \"E\" and (emails.type eq \"work\")",
	  "(and <userType eq \"E\"> <emails.type eq \"work\">)" },
	{ "value path", "userType eq \"E\" and emails[type eq \"work\" and value co \"@a.com\"]",
	  "(and <userType eq \"E\"> ([] emails (and <type eq \"work\"> <value co \"@a.com\">)))" },
	{ "two value paths",
	  "emails[type eq \"work\" and value co \"@a\"] or ims[type eq \"xmpp\" and value co \"@b\"]",
	  "(or ([] emails (and <type eq \"work\"> <value co \"@a\">)) ([] ims (and <type eq \"xmpp\"> "
	  "<value co \"@b\">)))" },
	/* precedence and grouping */
	{ "and binds tighter than or", "a eq 1 or b eq 2 and c eq 3",
	  "(or <a eq 1> (and <b eq 2> <c eq 3>))" },
	{ "and first", "a eq 1 and b eq 2 or c eq 3", "(or (and <a eq 1> <b eq 2>) <c eq 3>)" },
	{ "group first", "(a eq 1 or b eq 2) and c eq 3",
	  "(and (or <a eq 1> <b eq 2>) <c eq 3>)" },
	{ "not binds tightest", "not (a pr) and b pr", "(and (not <a pr>) <b pr>)" },
	{ "left to right", "a pr and b pr and c pr", "(and (and <a pr> <b pr>) <c pr>)" },
	{ "group on the right", "a pr or (b pr or c pr)", "(or <a pr> (or <b pr> <c pr>))" },
	{ "not of not", "not (not (a pr))", "(not (not <a pr>))" },
	{ "useless groups", "((a pr))", "<a pr>" },
	{ "not inside a value path", "emails[not (type eq \"work\")]",
	  "([] emails (not <type eq \"work\">))" },
	{ "URN with a value path", ENTERPRISE ":x[a eq \"b\"]",
	  "([] " ENTERPRISE ":x <a eq \"b\">)" },
	/* words */
	{ "operators in any case", "a EQ 1 AND b Pr OR NOT(c nE 2)",
	  "(or (and <a eq 1> <b pr>) (not <c ne 2>))" },
	{ "more spaces", "  a   eq   1   and   ( b  pr )  ", "(and <a eq 1> <b pr>)" },
	{ "attributes named like words", "and eq 1 and or pr and not pr and pr pr",
	  "(and (and (and <and eq 1> <or pr>) <not pr>) <pr pr>)" },
	{ "$ref", "manager.$ref pr", "<manager.$ref pr>" },
	{ "names with - and _", "a-b_c.d-e_1 pr", "<a-b_c.d-e_1 pr>" },
	/* values */
	{ "true, false, null", "a eq true or b eq false or c ne null",
	  "(or (or <a eq true> <b eq false>) <c ne null>)" },
	{ "numbers", "a gt -1.5e3 and b le 0", "(and <a gt -1.5e3> <b le 0>)" },
	{ "escapes", "a eq \"x\\\"y\\u0041\\\\\"", "<a eq \"x\\\"yA\\\\\">" },
	{ "words and brackets in text", "a eq \") and (b pr]\"", "<a eq \") and (b pr]\">" },
	{ "empty text", "a eq \"\"", "<a eq \"\">" },
	{ "order on text", "a ge \"x\"", "<a ge \"x\">" },
};

static int parse(struct arena *mem, const char *text, const struct scim_filter **ret,
		 struct err *err)
{
	/* On the heap without a NUL, so that a sanitizer sees a byte read too many. */
	size_t len = strlen(text);
	char *exact = arena_bytes(mem, len);
	char *edge = mem_alloc(len);
	const struct scim_filter *ignored;
	int ret_edge;

	memcpy(exact, text, len);
	memcpy(edge, text, len);
	ret_edge = scim_filter_parse(mem, edge, len, &ignored, NULL);
	free(edge);
	assert_int_equal(ret_edge, scim_filter_parse(mem, exact, len, ret, err));
	return ret_edge;
}

static void test_parse(void **state)
{
	struct buf tree, printed;
	size_t i;

	(void)state;
	buf_init(&tree, 10000);
	buf_init(&printed, 10000);
	for (i = 0; i < COUNT(parses); i++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		const struct scim_filter *filter = NULL;

		if (parse(&mem, parses[i].text, &filter, &err) != 0)
			fail_msg("%s: column %u: %s", parses[i].name, err.column, err.text);
		buf_clear(&tree);
		tree_text(filter, &tree);
		if (strcmp(tree.data, parses[i].tree) != 0)
			fail_msg("%s: %s", parses[i].name, tree.data);
		/* Printed, it is the same tree again. */
		buf_clear(&printed);
		scim_filter_print(filter, &printed);
		if (parse(&mem, printed.data, &filter, NULL) != 0)
			fail_msg("%s: printed as %s", parses[i].name, printed.data);
		buf_clear(&tree);
		tree_text(filter, &tree);
		assert_string_equal(tree.data, parses[i].tree);
		arena_release(&mem);
	}
	buf_release(&tree);
	buf_release(&printed);
}

static const struct {
	const char *name, *text;
	unsigned column;
} refused[] = {
	{ "nothing", "", 1 },
	{ "spaces", "   ", 4 },
	{ "attribute alone", "userName", 9 },
	{ "attribute and space", "userName ", 10 },
	{ "unknown operator", "userName eqq \"a\"", 10 },
	{ "no value", "userName eq", 12 },
	{ "no value after a space", "userName eq ", 13 },
	{ "value without quotes", "userName eq bjensen", 13 },
	{ "value in single quotes", "userName eq 'a'", 13 },
	{ "unclosed text", "userName eq \"a", 15 },
	{ "bad escape", "userName eq \"a\\x\"", 15 },
	{ "broken UTF-8", "userName eq \"a\xff\"", 15 },
	{ "bad number", "a eq 01", 6 },
	{ "True is not true", "a eq True", 6 },
	{ "value first", "\"a\" eq userName", 1 },
	{ "value after pr", "title pr \"a\"", 10 },
	{ "two filters", "a pr b pr", 6 },
	{ "and without right", "a pr and", 6 },
	{ "and without right, space", "a pr and ", 10 },
	{ "and without left", "and a pr", 5 },
	{ "or or", "a pr or or b pr", 12 },
	{ "unclosed group", "(a eq 1", 8 },
	{ "unopened group", "a eq 1)", 7 },
	{ "empty group", "()", 2 },
	{ "unclosed value path", "emails[type eq \"work\"", 22 },
	{ "wrong closer", "emails[type eq \"work\")", 22 },
	{ "empty value path", "emails[]", 8 },
	{ "value path in a value path", "a[b[c pr]]", 4 },
	{ "value path of a sub-attribute", "a.b[c pr]", 4 },
	{ "value path and more", "emails[type pr].value eq 1", 16 },
	{ "not without group", "not a pr", 5 },
	{ "dot without name", "name. pr", 6 },
	{ "two dots", "a.b.c pr", 4 },
	{ "digit first", "1a pr", 1 },
	{ "colon without name", "urn:x: pr", 7 },
	{ "no space before the operator", "a\"eq\" 1", 2 },
	{ "tab for a space", "a\teq 1", 2 },
	{ "and glued to text", "a eq \"x\"and b pr", 9 },
	{ "co with a number", "a co 1", 3 },
	{ "sw with null", "a sw null", 3 },
	{ "gt with true", "active gt true", 8 },
	{ "le with null", "a le null", 3 },
	{ "letters outside ASCII", "n\xc3\xa4me pr", 2 },
};

static void test_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(refused); i++) {
		const struct scim_filter *filter = (const void *)&filter;
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;

		if (parse(&mem, refused[i].text, &filter, &err) == 0)
			fail_msg("%s: taken", refused[i].name);
		assert_int_equal(err.kind, ERR_INVALID);
		if (err.column != refused[i].column)
			fail_msg("%s: column %u: %s", refused[i].name, err.column, err.text);
		assert_ptr_equal(filter, &filter); /* untouched */
		arena_release(&mem);
	}
}

static void test_truncated(void **state)
{
	static const char text[] = "a eq \"x\\u00e9\" and (not (b.c gt -1.5e3) or d[e pr])";
	const struct scim_filter *filter;
	struct arena mem = ARENA_INIT;
	char cut[sizeof(text)];
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(text) - 1; len++) {
		bool whole = len == strlen("a eq \"x\\u00e9\"") ||
			     len == strlen("a eq \"x\\u00e9\" ");

		memcpy(cut, text, len);
		cut[len] = '\0';
		if ((parse(&mem, cut, &filter, NULL) == 0) != whole)
			fail_msg("at %zu: %s", len, cut);
	}
	assert_int_equal(parse(&mem, text, &filter, NULL), 0);
	arena_release(&mem);
}

static void test_limits(void **state)
{
	char text[FILTER_BYTES_MAX + 2];
	const struct scim_filter *filter;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	unsigned depth;

	(void)state;
	for (depth = FILTER_DEPTH_MAX; depth <= FILTER_DEPTH_MAX + 1; depth++) {
		memset(text, '(', depth);
		memcpy(text + depth, "a pr", 4);
		memset(text + depth + 4, ')', depth);
		text[2 * depth + 4] = '\0';
		assert_int_equal(parse(&mem, text, &filter, &err),
				 depth > FILTER_DEPTH_MAX ? -1 : 0);
	}
	assert_int_equal(err.kind, ERR_LIMIT);

	/* Side by side, groups are not nested. */
	text[0] = '\0';
	for (depth = 0; depth <= FILTER_DEPTH_MAX; depth++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s(a pr)",
			 depth ? " or " : "");
	assert_int_equal(parse(&mem, text, &filter, NULL), 0);

	memset(text, ' ', sizeof(text));
	memcpy(text, "a pr", 4);
	text[FILTER_BYTES_MAX] = '\0';
	assert_int_equal(parse(&mem, text, &filter, NULL), 0);
	text[FILTER_BYTES_MAX] = ' ';
	text[FILTER_BYTES_MAX + 1] = '\0';
	err = (struct err)ERR_INIT;
	assert_int_equal(parse(&mem, text, &filter, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	arena_release(&mem);
}

static void test_quote(void **state)
{
	static const char *const hostile[] = {
		"plain", "", "a\" or userName pr or userName eq \"", "back\\slash", "\\\"",
		"line\nbreak", "Zo\xc3\xab",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(hostile); i++) {
		const struct scim_filter *filter = NULL;
		struct arena mem = ARENA_INIT;
		struct buf buf;

		buf_init(&buf, 1000);
		scim_filter_quote(&buf, "userName", "eq", slice_str(hostile[i]));
		assert_int_equal(parse(&mem, buf.data, &filter, NULL), 0);
		assert_int_equal(filter->op, SCIM_FILTER_EQ);
		assert_true(slice_eq_str(filter->text, hostile[i]));
		buf_release(&buf);
		arena_release(&mem);
	}
}

/* ---- matching ---- */

static const char person[] =
	"{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\",\"" ENTERPRISE "\"],"
	"\"id\":\"2819c223-AB\",\"externalId\":\"701984\",\"userName\":\"bjensen@example.com\","
	"\"name\":{\"formatted\":\"Ms. Barbara J Jensen, III\",\"familyName\":\"Jensen\","
	"\"givenName\":\"\"},\"title\":\"Tour Guide\",\"nickName\":null,\"active\":true,"
	"\"emails\":[{\"value\":\"bjensen@example.com\",\"type\":\"work\",\"primary\":true},"
	"{\"value\":\"babs@jensen.org\",\"type\":\"home\"}],\"ims\":[],\"photos\":[{}],"
	"\"addresses\":{},\"level\":4.5,\"tags\":[\"Red\",\"green\"],"
	"\"meta\":{\"created\":\"2010-01-23T04:56:22Z\",\"lastModified\":"
	"\"2011-05-13T04:42:34.5Z\",\"version\":\"W/\\\"a3\\\"\"},"
	"\"" ENTERPRISE "\":{\"employeeNumber\":\"701984\",\"manager\":{\"value\":\"M1\"}}}";

static const struct {
	const char *filter;
	bool matches;
} matches[] = {
	{ "userName eq \"bjensen@example.com\"", true },
	{ "USERNAME eq \"BJensen@Example.COM\"", true }, /* caseExact false */
	{ "id eq \"2819c223-AB\"", true },
	{ "id eq \"2819c223-ab\"", false }, /* caseExact true */
	{ "externalId eq \"701984\"", true },
	{ "userName ne \"x\"", true },
	{ "userName ne \"bjensen@example.com\"", false },
	{ "userName co \"JENSEN\"", true },
	{ "userName co \"\"", true },
	{ "userName co \"jensenx\"", false },
	{ "userName sw \"bj\"", true },
	{ "userName sw \"jensen\"", false },
	{ "userName ew \".com\"", true },
	{ "userName ew \"example\"", false },
	{ "userName sw \"a text that is longer than the name itself is\"", false },
	{ "title gt \"Tour\"", true },
	{ "title lt \"tour h\"", true },
	{ "title ge \"TOUR GUIDE\"", true },
	{ "title le \"TOUR GUIDE\"", true },
	{ "title gt \"tour guide\"", false },
	{ "name.familyName eq \"jensen\"", true },
	{ "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName eq \"Jensen\"", true },
	{ ENTERPRISE ":employeeNumber eq \"701984\"", true },
	{ "employeeNumber eq \"701984\"", false }, /* not of the core */
	{ ENTERPRISE ":manager.value eq \"M1\"", true },
	{ ENTERPRISE ":manager eq \"M1\"", true },
	{ ENTERPRISE ":manager.value eq \"m1\"", false },
	{ ENTERPRISE ":userName pr", false },
	{ "urn:example:none:User:x pr", false },
	/* truth, numbers, null */
	{ "active eq true", true },
	{ "active eq false", false },
	{ "active ne false", true },
	{ "active eq \"true\"", false },
	{ "level eq 4.5", true },
	{ "level gt 4", true },
	{ "level le 4", false },
	{ "level eq \"4.5\"", false },
	{ "nickName eq null", true },
	{ "nickName ne null", false },
	{ "title eq null", false },
	{ "title ne null", true },
	{ "missing eq null", true },
	{ "missing eq \"a\"", false },
	{ "missing ne \"a\"", true },
	{ "missing gt \"a\"", false },
	{ "missing co \"\"", false },
	{ "ims eq \"a\"", false },
	/* presence */
	{ "title pr", true },
	{ "active pr", true },
	{ "name pr", true },
	{ "emails pr", true },
	{ "emails.value pr", true },
	{ "nickName pr", false },
	{ "missing pr", false },
	{ "name.givenName pr", false }, /* empty text */
	{ "name.middleName pr", false },
	{ "ims pr", false },
	{ "photos pr", false }, /* one empty object */
	{ "addresses pr", false },
	{ "not (nickName pr)", true },
	/* many values */
	{ "emails co \"example.com\"", true },
	{ "emails.value ew \"jensen.org\"", true },
	{ "emails.type eq \"home\"", true },
	{ "emails.type eq \"other\"", false },
	{ "emails.primary eq true", true },
	{ "emails.type eq \"home\" and emails.value ew \"example.com\"", true },
	{ "emails[type eq \"home\" and value ew \"example.com\"]", false }, /* one value */
	{ "emails[type eq \"work\" and value ew \"example.com\"]", true },
	{ "emails[not (primary eq true)]", true },
	{ "emails[type eq \"work\" and not (primary eq true)]", false },
	{ "EMAILS[TYPE eq \"WORK\"]", true },
	{ "ims[type pr]", false },
	{ "missing[type pr]", false },
	{ "name[familyName eq \"jensen\"]", true }, /* one complex value */
	{ "tags eq \"red\"", true },
	{ "tags[value eq \"GREEN\"]", true },
	{ "tags[type eq \"red\"]", false },
	{ "schemas eq \"" ENTERPRISE "\"", true },
	/* times */
	{ "meta.created eq \"2010-01-23T05:56:22+01:00\"", true },
	{ "meta.created lt \"2010-01-23T05:00:00Z\"", true },
	{ "meta.created gt \"2010-01-23T05:00:00+01:00\"", true },
	{ "meta.lastModified gt \"2011-05-13T04:42:34Z\"", true },
	{ "meta.lastModified eq \"2011-05-13T04:42:34.500Z\"", true },
	{ "meta.lastModified lt \"2011-05-13T04:42:34.75Z\"", true },
	{ "meta.version eq \"W/\\\"a3\\\"\"", true },
	{ "meta.version eq \"w/\\\"A3\\\"\"", false },
	/* logic */
	{ "title pr and active eq true", true },
	{ "title pr and active eq false", false },
	{ "missing pr or active eq true", true },
	{ "missing pr or active eq false", false },
	{ "not (title pr)", false },
	{ "missing pr and title pr or active eq true", true },
	{ "missing pr and (title pr or active eq true)", false },
};

static void test_match(void **state)
{
	json_t *resource = json_loads(person, 0, NULL);
	size_t i;

	(void)state;
	assert_non_null(resource);
	for (i = 0; i < COUNT(matches); i++) {
		const struct scim_filter *filter = NULL;
		struct arena mem = ARENA_INIT;

		assert_int_equal(parse(&mem, matches[i].filter, &filter, NULL), 0);
		if (scim_filter_match(filter, resource, NULL) != matches[i].matches)
			fail_msg("%s: should be %d", matches[i].filter, matches[i].matches);
		arena_release(&mem);
	}
	json_decref(resource);
}

/* ---- paths ---- */

static const struct {
	const char *text;
	unsigned column; /* of the error; 0 = parses and prints as it is */
} paths[] = {
	/* RFC 7644 section 3.5.2 */
	{ "members", 0 },
	{ "name.familyName", 0 },
	{ "addresses[type eq \"work\"]", 0 },
	{ "members[value eq \"2819c223-7f76-453a-919d-413861904646\"]", 0 },
	{ "members[value eq \"2819c223\"].displayName", 0 },
	{ ENTERPRISE ":manager.value", 0 },
	{ ENTERPRISE ":x[a eq \"1\" and b pr].c", 0 },
	{ "urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq \"work\"].value", 0 },
	{ "members.$ref", 0 },
	{ "", 1 },
	{ " members", 1 },
	{ "members ", 8 },
	{ "name.", 6 },
	{ "name.a.b", 7 },
	{ "a b", 2 },
	{ "emails[type eq \"work\"", 22 },
	{ "emails[type eq \"work\"]value", 23 },
	{ "emails[type eq \"work\"].", 24 },
	{ "emails[type eq \"work\"].a.b", 25 },
	{ "emails[]", 8 },
	{ "emails.value[type pr]", 13 },
	{ "emails[a[b pr]]", 9 },
	{ "emails[type eqq \"a\"]", 13 },
};

static void test_paths(void **state)
{
	struct buf printed;
	size_t i;

	(void)state;
	buf_init(&printed, 10000);
	for (i = 0; i < COUNT(paths); i++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		struct scim_path path;
		int ret = scim_path_parse(&mem, paths[i].text, strlen(paths[i].text), &path,
					  &err);

		if ((ret == 0) != (paths[i].column == 0) || err.column != paths[i].column)
			fail_msg("%s: column %u: %s", paths[i].text, err.column, err.text);
		if (ret == 0) {
			buf_clear(&printed);
			scim_path_print(&path, &printed);
			assert_string_equal(printed.data, paths[i].text);
		}
		arena_release(&mem);
	}
	buf_release(&printed);
}

static void test_path_parts(void **state)
{
	static const char text[] = ENTERPRISE ":manager[a pr].value";
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct scim_path path;
	static char big[PATH_BYTES_MAX + 1];

	(void)state;
	assert_int_equal(scim_path_parse(&mem, text, sizeof(text) - 1, &path, NULL), 0);
	assert_true(slice_eq_str(path.attr.urn, ENTERPRISE));
	assert_true(slice_eq_str(path.attr.name, "manager"));
	assert_true(slice_eq_str(path.attr.sub, "value"));
	assert_int_equal(path.filter->op, SCIM_FILTER_PR);
	memset(big, 'a', sizeof(big));
	assert_int_equal(scim_path_parse(&mem, big, sizeof(big) - 1, &path, NULL), 0);
	assert_int_equal(scim_path_parse(&mem, big, sizeof(big), &path, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	arena_release(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_path_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
