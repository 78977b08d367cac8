/*
 * The items of `assign`: drafts to rules.
 */
#include "mappings/rules_load.h"

#include "mappings/cel_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

struct assign_list {
	VEC(struct assign_rule) list;
};

static int check_level(enum assign_kind kind, double level, struct err *err)
{
	if (!(level >= 0 && level <= 5))
		return err_set(err, ERR_INVALID, "a level is a number from 0 to 5, not %g", level);
	if (kind == ASSIGN_LANGUAGE && level != (double)(int)level)
		return err_set(err, ERR_INVALID, "the level of a language is a whole number, not %g",
			       level);
	return 0;
}

static int load_level(struct rules_loader *load, const struct yaml_node *node,
		      const char *rule, struct assign_rule *assign)
{
	struct err err = ERR_INIT;
	char *end;

	if (template_load(load, node, rule, &assign->level))
		return -1;
	if (!assign->level.literal) {
		if (!assign->level.whole)
			return rules_complain(load, node, "%s: a level is a number or one ${...}",
					      rule);
		if (!MAY_GIVE(&assign->level, CEL_INT, CEL_UINT, CEL_DOUBLE, CEL_NULL))
			return rules_complain(load, node, "%s: a level is a number and this "
					      "expression gives none; write double(...)", rule);
		return 0;
	}
	assign->level_literal = strtod(assign->level.literal, &end);
	if (*end || end == assign->level.literal ||
	    assign->level.literal[strspn(assign->level.literal, "0123456789.")])
		return rules_complain(load, node, "%s: a level is a number from 0 to 5, not \"%s\"",
				      rule, assign->level.literal);
	if (check_level(assign->kind, assign->level_literal, &err))
		return rules_complain(load, node, "%s: %s", rule, err.text);
	return 0;
}

/* A name is text, or a list of texts that gives as many names. */
static int load_name(struct rules_loader *load, const struct yaml_node *node,
		     const char *rule, struct template *ret)
{
	if (template_load(load, node, rule, ret))
		return -1;
	if (!MAY_GIVE(ret, CEL_STRING, CEL_BYTES, CEL_LIST, CEL_NULL))
		return rules_complain(load, node, "%s: a name or a list of names is expected; "
				      "this expression gives neither", rule);
	return 0;
}

/* skills and languages: a map from name to level. */
static int load_levels(struct rules_loader *load, enum assign_kind kind,
		       const struct yaml_node *node, const char *rule,
		       struct assign_list *assigns)
{
	int status = 0;

	for (unsigned i = 0; i < node->count; i++) {
		struct assign_rule assign = { .kind = kind };

		if (load_name(load, node->keys[i], rule, &assign.name) ||
		    load_level(load, node->items[i], rule, &assign)) {
			status = -1;
			continue;
		}
		assign.origin = assign.name.origin;
		vec_push(&assigns->list, assign);
	}
	return status;
}

static int load_role(struct rules_loader *load, const struct yaml_node *node,
		     const char *rule, struct assign_rule *assign)
{
	const struct yaml_node *role, *division;

	if (node->type == YAML_TEXT)
		return load_name(load, node, rule, &assign->name);
	if (node->type != YAML_MAP)
		return rules_complain(load, node, "%s: a role's name, or {role, division}, is "
				      "expected", rule);
	if (!rules_check_map(load, node, rule, RULE_PLACE_ROLE))
		return -1;
	role = rules_get(node, RULE_PLACE_ROLE, "role");
	division = rules_get(node, RULE_PLACE_ROLE, "division");
	if (load_name(load, role, rule, &assign->name))
		return -1;
	if (!division)
		return 0;
	if (template_load(load, division, rule, &assign->division))
		return -1;
	if (!MAY_GIVE(&assign->division, CEL_STRING, CEL_BYTES, CEL_NULL))
		return rules_complain(load, division, "%s: a division is text; this expression "
				      "gives none", rule);
	return 0;
}

/* {unit, plan}: the person's unit, and the plan that the unit has. */
static int load_work_plan(struct rules_loader *load, const struct yaml_node *node,
			  const char *rule, struct assign_list *assigns)
{
	struct assign_rule unit = { .kind = ASSIGN_UNIT }, plan = { .kind = ASSIGN_WORK_PLAN };
	const struct yaml_node *name, *in;

	if (node->type != YAML_MAP)
		return rules_complain(load, node, "%s: {unit: ..., plan: ...} is expected here", rule);
	if (!rules_check_map(load, node, rule, RULE_PLACE_WORK_PLAN))
		return -1;
	name = rules_get(node, RULE_PLACE_WORK_PLAN, "plan");
	in = rules_get(node, RULE_PLACE_WORK_PLAN, "unit");
	if (load_name(load, in, rule, &unit.name) || load_name(load, name, rule, &plan.name) ||
	    template_load(load, in, rule, &plan.division))
		return -1;
	unit.origin = unit.name.origin;
	plan.origin = plan.name.origin;
	vec_push(&assigns->list, unit);
	vec_push(&assigns->list, plan);
	return 0;
}

/* roles, groups and queues: a list of names (or one name, or an expression for a list). */
static int load_names(struct rules_loader *load, enum assign_kind kind,
		      const struct yaml_node *node, const char *rule,
		      struct assign_list *assigns)
{
	bool one = node->type == YAML_TEXT;
	unsigned count = one ? 1 : node->count;
	int status = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct yaml_node *item = one ? node : node->items[i];
		struct assign_rule assign = { .kind = kind };

		if (kind == ASSIGN_ROLE ? load_role(load, item, rule, &assign)
					: load_name(load, item, rule, &assign.name)) {
			status = -1;
			continue;
		}
		assign.origin = assign.name.origin;
		vec_push(&assigns->list, assign);
	}
	return status;
}

static bool is_variable_name(struct slice name)
{
	static const char *const taken[] = { "entry", "values", "now" };

	if (cel_is_reserved(name) || cel_is_keyword(name))
		return false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (slice_eq_str(name, taken[i]))
			return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];

		if (!(c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
		      (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return name.len > 0;
}

static int load_each(struct rules_loader *load, const struct yaml_node *node,
		     const char *rule, struct assign_item *item)
{
	int status;

	if (node->count != 1)
		return rules_complain(load, node, "%s.each wants one variable and its list, for "
				      "example {tag: values.skillTag}", rule);
	if (!is_variable_name(node->keys[0]->text))
		return rules_complain(load, node->keys[0], "%s.each: \"%s\" can not name a "
				      "variable", rule, node->keys[0]->text.data);
	status = expression_load(load, node->items[0], rule, &item->each, &item->each_origin);
	if (!status && !cel_program_may_be(item->each, CEL_LIST))
		status = rules_complain(load, node->items[0], "%s.each: a list is expected here",
					rule);
	/* In any case, so that the rest of the item is looked at. */
	item->each_name = node->keys[0]->text.data;
	cel_env_declare(load->rules->env, item->each_name);
	return status;
}

/*
 * A `when` that does not use the variable of `each` is about the person, not the element:
 * it is asked once, and an empty list then states the kinds.
 */
static int load_item_when(struct rules_loader *load, const struct yaml_node *node,
			  const char *rule, struct assign_item *item)
{
	const struct cel_program *alone;

	if (rules_load_condition(load, node, rule, &item->when, &item->origin))
		return -1;
	item->when_first = true;
	if (item->each_name) {
		cel_env_undeclare(load->rules->env, 1);
		item->when_first = cel_compile(&load->rules->mem, load->rules->env, node->text,
					       (struct cel_place){ 0 }, &alone, NULL) == 0;
		cel_env_declare(load->rules->env, item->each_name);
	}
	return 0;
}


/* The kinds of an item, with their names. */
static int load_kinds(struct rules_loader *load, const struct yaml_node *node,
		      const char *rule, struct assign_item *item)
{
	struct assign_list assigns = { 0 };
	struct assign_rule *kept;
	int status = 0;

	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++) {
		const char *key = rules_kind_key(kind);
		const struct yaml_node *names = rules_get(node, RULE_PLACE_ASSIGN, key);
		char what[256];

		if (!names)
			continue;
		item->kinds |= (uint8_t)(1u << kind);
		snprintf(what, sizeof(what), "%s.%s", rule, key);
		if (kind == ASSIGN_WORK_PLAN) {
			item->kinds |= (uint8_t)(1u << ASSIGN_UNIT);
			status |= load_work_plan(load, names, what, &assigns);
			continue;
		}
		if (names->type == YAML_MAP
			    ? load_levels(load, kind, names, what, &assigns)
			    : load_names(load, kind, names, what, &assigns))
			status = -1;
	}
	kept = arena_array(&load->rules->mem, assigns.list.count + 1, sizeof(*kept));
	if (assigns.list.count)
		memcpy(kept, assigns.list.items, assigns.list.count * sizeof(*kept));
	item->rules = kept;
	item->count = (unsigned)assigns.list.count;
	vec_release(&assigns.list);
	return status;
}

static int load_item(struct rules_loader *load, const char *rule, const struct yaml_node *node,
		     struct assign_item *item)
{
	const struct yaml_node *when, *each;
	int status = 0;

	if (!rules_check_map(load, node, rule, RULE_PLACE_ASSIGN))
		status = -1;
	item->origin = rules_origin_add(load, node, rule);
	/* Before the variable is there: a span is about the person. */
	if (rules_load_span(load, rules_get(node, RULE_PLACE_ASSIGN, "from"),
			    rules_get(node, RULE_PLACE_ASSIGN, "until"), rule, &item->span))
		status = -1;
	each = rules_get(node, RULE_PLACE_ASSIGN, "each");
	if (each && load_each(load, each, rule, item))
		status = -1;
	if (!item->each_name && yaml_get(node, "each"))
		return -1; /* the rest would complain of the variable */
	when = rules_get(node, RULE_PLACE_ASSIGN, "when");
	if (when && load_item_when(load, when, rule, item))
		status = -1;
	if (load_kinds(load, node, rule, item))
		status = -1;
	if (item->each_name)
		cel_env_undeclare(load->rules->env, 1);
	if (!item->kinds && !status)
		status = rules_complain(load, node, "%s assigns nothing; it wants roles, skills, "
					"languages, groups, queues, teams, unit or "
					"work_plan", rule);
	return status;
}

int assign_compile(struct rules_loader *load, const struct draft *draft,
		   struct people_block *block)
{
	struct assign_item *items;
	char rule[160];
	int status = 0;

	items = arena_array(&load->rules->mem, draft->items.count + 1, sizeof(*items));
	for (size_t i = 0; i < draft->items.count; i++) {
		const struct draft_item *item = &draft->items.items[i];

		if (item->name)
			snprintf(rule, sizeof(rule), "%s.assign[%s]", draft->name, item->name);
		else
			snprintf(rule, sizeof(rule), "%s.assign[%u]", draft->name, item->index + 1);
		if (rules_true(item->node, RULE_PLACE_ASSIGN, "remove"))
			continue; /* it met nothing, which is said */
		items[i].name = item->name;
		if (load_item(load, rule, item->node, &items[i]))
			status = -1;
	}
	block->items = items;
	block->item_count = (unsigned)draft->items.count;
	return status;
}
