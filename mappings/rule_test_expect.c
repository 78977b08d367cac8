/*
 * Tests of rules: what a case expects, from its YAML.
 */
#include "mappings/rule_test_impl.h"

#include <stdlib.h>
#include <string.h>

#include "mappings/dn.h"

#include "scim/base/banned.h"

struct reader {
	struct arena *mem;
	struct diags *diags;
};

const char *rule_test_kind_key(enum assign_kind kind)
{
	static const char *const keys[ASSIGN_KIND_COUNT] = {
		[ASSIGN_ROLE] = "roles",   [ASSIGN_SKILL] = "skills",
		[ASSIGN_GROUP] = "groups", [ASSIGN_LANGUAGE] = "languages",
		[ASSIGN_QUEUE] = "queues", [ASSIGN_TEAM] = "teams",
		[ASSIGN_UNIT] = "unit",    [ASSIGN_WORK_PLAN] = "work_plan",
	};

	return keys[kind];
}

static int complain(struct reader *r, const struct yaml_node *node, const char *text)
{
	return rule_test_complain(r->diags, node, "%s", text);
}

static int read_text(struct reader *r, const struct yaml_node *node, const char *what,
		     struct expect_text *ret)
{
	if (node->type != YAML_TEXT || !node->text.len || rule_test_is_null(node))
		return rule_test_complain(r->diags, node, "%s wants text", what);
	*ret = (struct expect_text){ node->text.data, node };
	return 0;
}

/* --- profile ----------------------------------------------------------------------------- */

static enum scim_attr read_attr(struct reader *r, const struct yaml_node *key, const char *name)
{
	enum scim_attr attr = scim_attr_find(name);
	const char *near;

	if (attr < SCIM_ATTR_COUNT)
		return attr;
	near = scim_attr_nearest(name);
	rule_test_complain(r->diags, key, "\"%s\" is no attribute of a profile%s%s", name,
			   near ? "; nearest: " : "", near ? near : "");
	return SCIM_ATTR_COUNT;
}

static int read_manager(struct reader *r, struct expect_field *field)
{
	struct err err = ERR_INIT;
	struct slice norm;

	if (!dn_looks_like(field->value, strlen(field->value)) ||
	    dn_normalize(r->mem, field->value, strlen(field->value), &norm, &err))
		return complain(r, field->at, "manager wants a DN, or null");
	field->value = norm.data;
	return 0;
}

/* One value; `at` is where the value stands. */
static int read_value(struct reader *r, const struct yaml_node *at, enum scim_attr attr,
		      const char *key, struct expect_field *ret)
{
	*ret = (struct expect_field){ .attr = attr, .key = key, .at = at };
	if (rule_test_is_null(at))
		return 0;
	if (at->type != YAML_TEXT || !at->text.len)
		return rule_test_complain(r->diags, at, "%s wants text, or null for no value",
					  scim_attr(attr)->name);
	ret->value = at->text.data;
	return attr == SCIM_ATTR_MANAGER ? read_manager(r, ret) : 0;
}

static unsigned count_values(const struct yaml_node *profile)
{
	unsigned count = 0;

	for (unsigned i = 0; i < profile->count; i++)
		count += profile->items[i]->type == YAML_MAP ? profile->items[i]->count : 1;
	return count;
}

static int read_types(struct reader *r, const struct yaml_node *map, enum scim_attr attr,
		      struct expect_field *fields, unsigned *count)
{
	int status = 0;

	for (unsigned i = 0; i < map->count; i++)
		if (read_value(r, map->items[i], attr, map->keys[i]->text.data,
			       &fields[(*count)++]))
			status = -1;
	return status;
}

static int read_profile(struct reader *r, const struct yaml_node *node, struct expect *expect)
{
	struct expect_field *fields;
	int status = 0;

	if (node->type != YAML_MAP)
		return complain(r, node, "profile wants attributes: {userName: ..., title: null}");
	fields = arena_array(r->mem, count_values(node) + 1, sizeof(*fields));
	for (unsigned i = 0; i < node->count; i++) {
		const struct yaml_node *value = node->items[i];
		enum scim_attr attr = read_attr(r, node->keys[i], node->keys[i]->text.data);

		if (attr == SCIM_ATTR_COUNT)
			status = -1;
		else if (scim_attr(attr)->multi && value->type == YAML_MAP)
			status |= read_types(r, value, attr, fields, &expect->field_count);
		else if (scim_attr(attr)->multi && !rule_test_is_null(value))
			status = rule_test_complain(r->diags, value, "%s wants types: {work: ...}",
						    scim_attr(attr)->name);
		else
			status |= read_value(r, value, attr, NULL,
					     &fields[expect->field_count++]);
	}
	expect->fields = fields;
	expect->profile_at = node;
	return status;
}

/* "title" or "phoneNumbers.work" */
static int read_cleared_name(struct reader *r, const struct yaml_node *node,
			     struct expect_field *ret)
{
	const char *dot;
	enum scim_attr attr;

	if (node->type != YAML_TEXT || !node->text.len)
		return complain(r, node, "cleared wants names of attributes");
	dot = strchr(node->text.data, '.');
	attr = read_attr(r, node,
			 dot ? arena_strndup(r->mem, node->text.data,
					     (size_t)(dot - node->text.data))
			     : node->text.data);
	if (attr == SCIM_ATTR_COUNT)
		return -1;
	if (scim_attr(attr)->multi != (dot != NULL))
		return rule_test_complain(r->diags, node, "%s %s", scim_attr(attr)->name,
					  dot ? "has no types" : "has types: name one, as in "
								 "phoneNumbers.work");
	*ret = (struct expect_field){ .attr = attr, .key = dot ? dot + 1 : NULL, .at = node };
	return 0;
}

static int read_cleared(struct reader *r, const struct yaml_node *node, struct expect *expect)
{
	struct expect_field *cleared;
	int status = 0;

	if (node->type != YAML_LIST)
		return complain(r, node, "cleared wants a list of attributes");
	cleared = arena_array(r->mem, node->count + 1, sizeof(*cleared));
	for (unsigned i = 0; i < node->count; i++)
		if (read_cleared_name(r, node->items[i], &cleared[i]))
			status = -1;
	expect->cleared = cleared;
	expect->cleared_count = node->count;
	expect->cleared_at = node;
	return status;
}

/* --- assignments ------------------------------------------------------------------------- */

static int read_role_map(struct reader *r, const struct yaml_node *node,
			 struct expect_assign *ret)
{
	const struct yaml_node *role = yaml_get(node, "role");
	const struct yaml_node *division = yaml_get(node, "division");
	struct expect_text text;

	if (rule_test_check_keys(node, RULE_PLACE_EXPECT_ROLE, r->diags))
		return -1;
	if (!role)
		return complain(r, node, "a role is a name, or {role: ..., division: ...}");
	if (read_text(r, role, "role", &text))
		return -1;
	ret->name = text.text;
	if (!division || rule_test_is_null(division))
		return 0;
	if (read_text(r, division, "division", &text))
		return -1;
	ret->division = text.text;
	return 0;
}

static int read_plan_map(struct reader *r, const struct yaml_node *node,
			 struct expect_assign *ret)
{
	const struct yaml_node *plan = node->type == YAML_MAP ? yaml_get(node, "plan") : NULL;
	const struct yaml_node *unit = node->type == YAML_MAP ? yaml_get(node, "unit") : NULL;
	struct expect_text text;

	if (!plan || !unit)
		return complain(r, node, "a work plan is {unit: ..., plan: ...}");
	if (rule_test_check_keys(node, RULE_PLACE_EXPECT_PLAN, r->diags) ||
	    read_text(r, plan, "plan", &text))
		return -1;
	ret->name = text.text;
	if (read_text(r, unit, "unit", &text))
		return -1;
	ret->division = text.text;
	return 0;
}

static int read_name(struct reader *r, const struct yaml_node *node, enum assign_kind kind,
		     struct expect_assign *ret)
{
	struct expect_text text;

	ret->at = node;
	if (kind == ASSIGN_ROLE && node->type == YAML_MAP)
		return read_role_map(r, node, ret);
	if (kind == ASSIGN_WORK_PLAN)
		return read_plan_map(r, node, ret);
	if (read_text(r, node, rule_test_kind_key(kind), &text))
		return -1;
	ret->name = text.text;
	return 0;
}

static int read_level(struct reader *r, const struct yaml_node *key,
		      const struct yaml_node *value, struct expect_assign *ret)
{
	char *end;

	*ret = (struct expect_assign){ .name = key->text.data, .at = value };
	if (value->type != YAML_TEXT || !value->text.len ||
	    value->text.data[strspn(value->text.data, "0123456789.")])
		return complain(r, value, "a level is a number from 0 to 5");
	ret->level = strtod(value->text.data, &end);
	if (*end || ret->level > 5)
		return complain(r, value, "a level is a number from 0 to 5");
	return 0;
}

static int read_kind(struct reader *r, const struct yaml_node *node, enum assign_kind kind,
		     struct expect *expect)
{
	bool levelled = kind == ASSIGN_SKILL || kind == ASSIGN_LANGUAGE;
	struct expect_assign *items;
	int status = 0;

	if (node->type != (levelled ? YAML_MAP : YAML_LIST))
		return rule_test_complain(r->diags, node, "%s wants %s", rule_test_kind_key(kind),
					  levelled ? "names with levels: {Billing: 4}"
						   : "a list of names");
	if (node->count > RULE_TEST_ITEMS_MAX)
		return rule_test_complain(r->diags, node, "more than %d %s", RULE_TEST_ITEMS_MAX,
					  rule_test_kind_key(kind));
	items = arena_array(r->mem, node->count + 1, sizeof(*items));
	for (unsigned i = 0; i < node->count; i++)
		if (levelled ? read_level(r, node->keys[i], node->items[i], &items[i])
			     : read_name(r, node->items[i], kind, &items[i]))
			status = -1;
	expect->kinds[kind] = (struct expect_kind){ node, items, node->count };
	return status;
}

/* --- the whole --------------------------------------------------------------------------- */

static int read_problems(struct reader *r, const struct yaml_node *node, struct expect *expect)
{
	struct expect_text *problems;
	int status = 0;

	if (node->type != YAML_LIST)
		return complain(r, node, "problems wants a list of parts of sentences");
	if (node->count > RULE_TEST_ITEMS_MAX)
		return rule_test_complain(r->diags, node, "more than %d problems",
					  RULE_TEST_ITEMS_MAX);
	problems = arena_array(r->mem, node->count + 1, sizeof(*problems));
	for (unsigned i = 0; i < node->count; i++)
		if (read_text(r, node->items[i], "problems", &problems[i]))
			status = -1;
	expect->problems = problems;
	expect->problem_count = node->count;
	expect->problems_at = node;
	return status;
}

static int read_flag(struct reader *r, const struct yaml_node *node, const char *what,
		     bool *ret)
{
	if (node->type != YAML_TEXT ||
	    !(slice_eq_str(node->text, "true") || slice_eq_str(node->text, "false")))
		return rule_test_complain(r->diags, node, "%s wants true or false", what);
	*ret = slice_eq_str(node->text, "true");
	return 0;
}

/* Of out_of_scope, refused, skipped at most one. */
static int read_state(struct reader *r, const struct yaml_node *node, struct expect *expect)
{
	static const struct {
		const char *key;
		enum person_state state;
	} rows[] = {
		{ "out_of_scope", PERSON_OUT },
		{ "refused", PERSON_REFUSED },
		{ "skipped", PERSON_SKIPPED },
	};
	bool out = false;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct yaml_node *value = yaml_get(node, rows[i].key);

		if (!value)
			continue;
		if (expect->state != PERSON_TAKEN)
			return complain(r, value, "out_of_scope, refused, skipped: one of them");
		expect->state = rows[i].state;
		expect->part.at = value;
		if (rows[i].state != PERSON_OUT) {
			if (read_text(r, value, rows[i].key, &expect->part))
				return -1;
			continue;
		}
		if (read_flag(r, value, "out_of_scope", &out))
			return -1;
		if (!out)
			return complain(r, value, "out_of_scope: true, or leave it out");
		if (node->count > 1)
			return complain(r, value, "nothing else comes of who is out of scope");
	}
	return 0;
}

static int read_parts(struct reader *r, const struct yaml_node *node, struct expect *expect)
{
	const struct yaml_node *value;
	int status = 0;

	if ((value = yaml_get(node, "rule")))
		status |= read_text(r, value, "rule", &expect->rule);
	if ((value = yaml_get(node, "exactly")))
		status |= read_flag(r, value, "exactly", &expect->exactly);
	if ((value = yaml_get(node, "profile")))
		status |= read_profile(r, value, expect);
	if ((value = yaml_get(node, "cleared")))
		status |= read_cleared(r, value, expect);
	if ((value = yaml_get(node, "problems")))
		status |= read_problems(r, value, expect);
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		if ((value = yaml_get(node, rule_test_kind_key(kind))))
			status |= read_kind(r, value, kind, expect);
	return status;
}

int rule_test_read_expect(struct arena *mem, const struct yaml_node *node,
			  struct expect *ret_expect, struct diags *diags)
{
	struct reader r = { mem, diags };
	struct expect expect = { .node = node };
	int status;

	if (node->type != YAML_MAP || node->count == 0)
		return complain(&r, node, "expect wants a mapping: rule, profile, roles, skills, "
					  "...");
	status = rule_test_check_keys(node, RULE_PLACE_EXPECT, diags);
	status |= read_state(&r, node, &expect);
	status |= read_parts(&r, node, &expect);
	*ret_expect = expect;
	return status;
}
