/*
 * Tests of rules: a file of cases from its text. What `expect` holds is read in
 * rule_test_expect.c.
 */
#include "mappings/rule_test_impl.h"

#include <stdio.h>
#include <string.h>

#include "mappings/rules_impl.h"

#include "scim/base/banned.h"

/* Enough for the keys of one place. */
#define KEYS_MAX 24

struct loader {
	struct rule_tests *tests;
	struct diags *diags;
	bool unfinished;
	bool timed; /* the file states `now` */
	int64_t now_s;
	const char *ldif;
};

int (rule_test_complain)(struct diags *diags, const struct yaml_node *node, const char *fmt,
			 ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return diags_at(diags, ERR_INVALID, node->file, node->line, node->column, "%s", text);
}

bool rule_test_is_null(const struct yaml_node *node)
{
	return node->type == YAML_TEXT && node->plain &&
	       (node->text.len == 0 || slice_eq_str(node->text, "~") ||
		slice_eq_str(node->text, "null"));
}

int rule_test_check_keys(const struct yaml_node *map, enum rule_place place,
			 struct diags *diags)
{
	const char *names[KEYS_MAX];
	size_t count = 0;
	int status = 0;

	for (size_t i = 0; i < rule_key_count && count < KEYS_MAX; i++)
		if (rule_keys[i].place == place)
			names[count++] = rule_keys[i].name;
	for (unsigned i = 0; i < map->count; i++) {
		const char *name = map->keys[i]->text.data;
		int near;

		if (rule_key_find(place, name))
			continue;
		near = diags->total < DIAGS_MAX ? text_nearest(name, names, count) : -1;
		status = rule_test_complain(diags, map->keys[i], "%s has no \"%s\"%s%s",
					    rule_place_called(place), name,
					    near < 0 ? "" : "; nearest: ",
					    near < 0 ? "" : names[near]);
	}
	return status;
}

static int complain(struct loader *load, const struct yaml_node *node, const char *text)
{
	return rule_test_complain(load->diags, node, "%s", text);
}

/* Text that is not empty, or NULL with a diagnosis. */
static const char *need_text(struct loader *load, const struct yaml_node *node,
			     const char *what)
{
	if (node->type == YAML_TEXT && node->text.len)
		return node->text.data;
	rule_test_complain(load->diags, node, "%s wants text", what);
	return NULL;
}

/* A path of the file of cases, from its folder. */
static const char *beside(struct loader *load, const char *name)
{
	const char *slash = strrchr(load->tests->path, '/');

	if (*name == '/' || !slash)
		return arena_strdup(&load->tests->mem, name);
	return arena_printf(&load->tests->mem, "%.*s/%s", (int)(slash - load->tests->path),
			    load->tests->path, name);
}

static int read_path(struct loader *load, const struct yaml_node *node, const char *what,
		     const char **ret_path)
{
	const char *name = need_text(load, node, what);

	if (!name)
		return -1;
	*ret_path = beside(load, name);
	return 0;
}

static int read_now(struct loader *load, const struct yaml_node *node, bool *ret_timed,
		    int64_t *ret_now_s)
{
	if (node->type != YAML_TEXT || rules_time_parse(node->text, ret_now_s))
		return complain(load, node, "now wants a moment, for example "
					    "2026-11-23T08:00:00Z");
	*ret_timed = true;
	return 0;
}

/* --- the file ---------------------------------------------------------------------------- */

static int read_rules(struct loader *load, const struct yaml_node *node)
{
	const struct yaml_node *const *items = &node;
	unsigned count = 1;
	int status = 0;

	if (node->type == YAML_MAP || (node->type == YAML_LIST && node->count == 0))
		return complain(load, node, "rules wants a path or a list of paths");
	if (node->type == YAML_LIST) {
		items = (const struct yaml_node *const *)node->items;
		count = node->count;
	}
	for (unsigned i = 0; i < count; i++) {
		const char *path;

		if (read_path(load, items[i], "rules", &path))
			status = -1;
		else
			vec_push(&load->tests->rule_paths, path);
	}
	return status;
}

static int read_head(struct loader *load, const struct yaml_node *root)
{
	const struct yaml_node *node;
	int status;

	if (root->type != YAML_MAP)
		return complain(load, root, "a file of cases is a mapping: version, cases");
	status = rule_test_check_keys(root, RULE_PLACE_CASES, load->diags);
	node = yaml_get(root, "version");
	if (!node)
		status = complain(load, root, "a file of cases begins with version: 1");
	else if (node->type != YAML_TEXT || !slice_eq_str(node->text, "1"))
		status = complain(load, node, "version wants 1");
	if ((node = yaml_get(root, "rules")) && read_rules(load, node))
		status = -1;
	if ((node = yaml_get(root, "now")) && read_now(load, node, &load->timed, &load->now_s))
		status = -1;
	if ((node = yaml_get(root, "ldif")) && read_path(load, node, "ldif", &load->ldif))
		status = -1;
	return status;
}

/* --- a case ------------------------------------------------------------------------------ */

/* {base64: ...}: bytes, of which the tree can not carry all. */
static int check_value(struct loader *load, const struct yaml_node *node)
{
	const struct yaml_node *text;
	char *bytes;
	long len;

	if (node->type == YAML_TEXT)
		return 0;
	text = node->type == YAML_MAP ? yaml_get(node, "base64") : NULL;
	if (node->type == YAML_MAP && rule_test_check_keys(node, RULE_PLACE_BYTES, load->diags))
		return -1;
	if (!text || text->type != YAML_TEXT)
		return complain(load, node, "a value is text, or {base64: ...}");
	bytes = mem_alloc(text->text.len + 1);
	len = base64_decode(text->text.data, text->text.len, bytes);
	mem_free(bytes);
	return len < 0 ? complain(load, text, "this is not base64") : 0;
}

static int check_entry(struct loader *load, const struct yaml_node *node)
{
	const struct yaml_node *dn;
	int status = 0;

	if (node->type != YAML_MAP)
		return complain(load, node, "entry wants attributes: {dn: ..., mail: ...}");
	dn = yaml_get(node, "dn");
	if (!dn || dn->type != YAML_TEXT || !dn->text.len)
		status = complain(load, dn ? dn : node, "an entry has a dn, as text");
	for (unsigned i = 0; i < node->count; i++) {
		const struct yaml_node *value = node->items[i];

		if (value == dn)
			continue;
		if (value->type != YAML_LIST && check_value(load, value))
			status = -1;
		for (unsigned v = 0; value->type == YAML_LIST && v < value->count; v++)
			if (check_value(load, value->items[v]))
				status = -1;
	}
	return status;
}

/* One person: inline, or by DN from an LDIF file. */
static int read_person(struct loader *load, struct test_case *test)
{
	const struct yaml_node *ldif = yaml_get(test->node, "ldif");

	test->entry = yaml_get(test->node, "entry");
	test->dn = yaml_get(test->node, "dn");
	test->ldif = load->ldif;
	if (test->entry && (test->dn || ldif))
		return complain(load, test->dn ? test->dn : ldif,
				"a case has an entry, or the dn of one in an LDIF file");
	if (test->entry)
		return check_entry(load, test->entry);
	if (ldif && read_path(load, ldif, "ldif", &test->ldif))
		return -1;
	if (!test->dn)
		return complain(load, test->node,
				"a case needs an entry, or the dn of one in an LDIF file");
	if (!need_text(load, test->dn, "dn"))
		return -1;
	if (!test->ldif)
		return complain(load, test->dn, "ldif: FILE is needed, which has this dn");
	return 0;
}

static int check_groups(struct loader *load, const struct yaml_node *node, const char *what)
{
	int status = 0;

	if (node && node->type != YAML_LIST)
		return rule_test_complain(load->diags, node, "%s wants a list of names", what);
	for (unsigned i = 0; node && i < node->count; i++)
		if (!need_text(load, node->items[i], what))
			status = -1;
	return status;
}

static int read_expectation(struct loader *load, struct test_case *test)
{
	for (unsigned i = 0; i < test->node->count; i++) {
		if (!slice_eq_str(test->node->keys[i]->text, "expect"))
			continue;
		test->expect_key = test->node->keys[i];
		return rule_test_read_expect(&load->tests->mem, test->node->items[i],
					     &test->expect, load->diags);
	}
	if (load->unfinished)
		return 0;
	return complain(load, test->node, "the case has no expect; with --update it is written as "
					  "it comes out");
}

static int read_case(struct loader *load, const struct yaml_node *node)
{
	struct test_case test = { .node = node, .timed = load->timed, .now_s = load->now_s };
	const struct yaml_node *name, *now;
	int status;

	if (node->type != YAML_MAP)
		return complain(load, node, "a case is a mapping: name, entry, groups, expect");
	status = rule_test_check_keys(node, RULE_PLACE_CASE, load->diags);
	name = yaml_get(node, "name");
	if (!name)
		status = complain(load, node, "a case has a name");
	else if (!(test.name = need_text(load, name, "name")))
		status = -1;
	now = yaml_get(node, "now");
	if (now && read_now(load, now, &test.timed, &test.now_s))
		status = -1;
	test.groups = yaml_get(node, "groups");
	test.unknown_groups = yaml_get(node, "unknown_groups");
	if (check_groups(load, test.groups, "groups") ||
	    check_groups(load, test.unknown_groups, "unknown_groups"))
		status = -1;
	if (read_person(load, &test))
		status = -1;
	if (read_expectation(load, &test))
		status = -1;
	vec_push(&load->tests->cases, test);
	return status;
}

static int check_names(struct loader *load)
{
	struct map seen = { 0 };
	int status = 0;

	for (size_t i = 0; i < load->tests->cases.count; i++) {
		const struct test_case *test = &load->tests->cases.items[i];

		if (test->name && !map_set(&seen, slice_str(test->name), 1))
			status = rule_test_complain(load->diags, yaml_get(test->node, "name"),
						    "there are two cases \"%s\"", test->name);
	}
	map_release(&seen);
	return status;
}

static int read_cases(struct loader *load, const struct yaml_node *root)
{
	const struct yaml_node *cases = yaml_get(root, "cases");
	int status = 0;

	if (!cases || cases->type != YAML_LIST || cases->count == 0)
		return complain(load, cases ? cases : root, "cases wants a list with at least one "
							    "case");
	for (unsigned i = 0; i < cases->count; i++)
		if (read_case(load, cases->items[i]))
			status = -1;
	return check_names(load) ? -1 : status;
}

int rule_tests_load(const char *path, struct slice text, bool unfinished,
		    struct rule_tests **ret_tests, struct diags *diags)
{
	struct rule_tests *tests = mem_zalloc(sizeof(*tests));
	struct loader load = { .tests = tests, .diags = diags, .unfinished = unfinished };
	const struct yaml_node *root;
	struct err err = ERR_INIT;
	int status = -1;

	arena_init(&tests->mem);
	arena_init(&tests->bound);
	arena_init(&tests->records);
	tests->path = arena_strdup(&tests->mem, path);
	tests->text = slice_of(arena_strndup(&tests->mem, text.data, text.len), text.len);
	if (yaml_parse(&tests->mem, text.data, text.len, tests->path, &root, &err)) {
		diags_add(diags, &err);
	} else {
		status = read_head(&load, root);
		if (root->type == YAML_MAP && read_cases(&load, root))
			status = -1;
	}
	if (status)
		rule_tests_free(tests);
	else
		*ret_tests = tests;
	return status;
}

void rule_tests_free(struct rule_tests *tests)
{
	if (!tests)
		return;
	vec_release(&tests->rule_paths);
	vec_release(&tests->cases);
	arena_release(&tests->mem);
	arena_release(&tests->bound);
	arena_release(&tests->records);
	mem_free(tests);
}

const char *rule_tests_path(const struct rule_tests *tests)
{
	return tests->path;
}

const char *const *rule_tests_rules(const struct rule_tests *tests, size_t *ret_count)
{
	*ret_count = tests->rule_paths.count;
	return tests->rule_paths.items;
}
