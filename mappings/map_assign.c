/*
 * What a person is given: the items of `assign`.
 */
#include "mappings/map_impl.h"

#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

/* Far beyond what a tenant takes (50 skills), so that a runaway `each` is stopped. */
#define RECORD_ASSIGNS_MAX 10000

static void freeze(struct mapper *m, uint8_t kinds, origin_id origin, const char *why)
{
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		if (kinds & (1u << kind))
			map_problem(m, PROBLEM_KIND, kind, origin, "%ss are left as they are: %s",
				    assign_kind_name(kind), why);
}

/* 1 with *ret, 0 = not stated, -1 = *err. */
static int level_of(struct mapper *m, const struct assign_rule *rule, double *ret,
		    struct err *err)
{
	struct cel_value value;
	const char *text = NULL;
	enum template_result result;

	if (rule->level.count == 0 || rule->level.literal) {
		*ret = rule->level_literal;
		return 1;
	}
	result = template_eval(&rule->level, &m->act, m->scratch, &text, &value, err);
	if (result == TEMPLATE_ABSENT)
		return 0;
	if (result == TEMPLATE_ERROR)
		return -1;
	if (result == TEMPLATE_TEXT)
		return err_set(err, ERR_EVAL, "a level is a number, not the text \"%s\"; "
			       "write double(...)", text);
	switch (value.type) {
	case CEL_INT:
		*ret = (double)value.as.i;
		break;
	case CEL_UINT:
		*ret = (double)value.as.u;
		break;
	case CEL_DOUBLE:
		*ret = value.as.d;
		break;
	default:
		return err_set(err, ERR_EVAL, "a level is a number, not a %s",
			       cel_type_name(value.type));
	}
	if (!(*ret >= 0 && *ret <= 5) ||
	    (rule->kind == ASSIGN_LANGUAGE && *ret != (double)(int)*ret))
		return err_set(err, ERR_EVAL, "a level is a %snumber from 0 to 5, not %g",
			       rule->kind == ASSIGN_LANGUAGE ? "whole " : "", *ret);
	return 1;
}

/* Keep an assignment; its texts are copied when they are not the rule's own. */
static void keep(struct mapper *m, const struct assign_rule *rule, const char *name,
		 const char *division, double level)
{
	bool literal = rule->name.literal && (!rule->division.count || rule->division.literal);

	if (m->assign_count == m->assign_size)
		m->assigns = map_grow(m->scratch, m->assigns, m->assign_count, &m->assign_size,
				  sizeof(*m->assigns));
	OBSERVE(m, .kind = MAP_ASSIGN, .origin = rule->origin, .tmpl = &rule->name, .result = 1,
		.text = name, .level = level, .division = division, .assign_kind = rule->kind);
	m->assigns[m->assign_count++] = (struct assignment){
		.kind = rule->kind,
		.name = rule->name.literal ? name : arena_strdup(m->mem, name),
		.division = !division || rule->division.literal ? division
								: arena_strdup(m->mem, division),
		.level = level,
		.literal = literal,
		.own = (enum own)m->own[rule->kind],
		.origin = rule->origin,
	};
}

/*
 * The division of a role: 1 with *ret (NULL = Home), 0 = nothing is granted (reported),
 * -1 = *err.
 */
static int division_of(struct mapper *m, const struct assign_rule *rule, const char **ret,
		       struct err *err)
{
	struct cel_value value;

	*ret = NULL;
	if (rule->division.count == 0)
		return 1;
	if (template_multivalued(&rule->division, m->entry))
		return err_set(err, ERR_EVAL, "the %s comes from an attribute with several values; "
			       "the rule must choose one", rule->kind == ASSIGN_WORK_PLAN
			       ? "work plan's unit" : "role's division");
	switch (template_eval(&rule->division, &m->act, m->scratch, ret, &value, err)) {
	case TEMPLATE_TEXT:
		return 1;
	case TEMPLATE_VALUE:
		return err_set(err, ERR_EVAL, "a division is text, not a %s",
			       cel_type_name(value.type));
	case TEMPLATE_ABSENT:
		map_problem(m, PROBLEM_NOTE, rule->kind, rule->origin,
			    rule->kind == ASSIGN_WORK_PLAN
				    ? "a work plan is not given: its unit is not stated for this person"
				    : "a role is not granted: its division is not stated for this person");
		return 0;
	default:
		return -1;
	}
}

static void fail_rule(struct mapper *m, const struct assign_rule *rule, const struct err *err)
{
	/* One value where it must be one: the person is refused by name (design page). */
	if (rule->division.count && template_multivalued(&rule->division, m->entry))
		map_problem(m, PROBLEM_PERSON, rule->kind, rule->origin, "%s", err->text);
	else
		freeze(m, (uint8_t)(1u << rule->kind), rule->origin, err->text);
}

/* Names of a whole expression: a list, each element of it one name. */
static int map_names(struct mapper *m, const struct assign_rule *rule,
		     const struct cel_value *value, const char *division, double level,
		     struct err *err)
{
	if (value->type != CEL_LIST)
		return err_set(err, ERR_EVAL, "a name is text, not a %s",
			       cel_type_name(value->type));
	for (size_t i = 0; i < cel_list_count(value->as.list); i++) {
		struct cel_value item = cel_list_at(value->as.list, i);

		if (m->assign_count >= RECORD_ASSIGNS_MAX)
			return err_set(err, ERR_LIMIT, "more than %d assignments",
				       RECORD_ASSIGNS_MAX);
		if (item.type != CEL_STRING && item.type != CEL_BYTES)
			return err_set(err, ERR_EVAL, "a list of names holds a %s",
				       cel_type_name(item.type));
		if (item.as.s.len == 0)
			return err_set(err, ERR_EVAL, "a list of names holds an empty text");
		if (template_text_check(item.as.s, err))
			return -1;
		keep(m, rule, arena_strndup(m->scratch, item.as.s.data, item.as.s.len), division,
		     level);
	}
	return 0;
}

/* 1 = kept, 0 = a part of it is not stated, -1 = *err. */
static int assign_names(struct mapper *m, const struct assign_rule *rule, struct err *err)
{
	struct cel_value value;
	const char *name, *division = NULL;
	double level = 0;
	enum template_result result;
	int status;

	if (m->assign_count >= RECORD_ASSIGNS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d assignments", RECORD_ASSIGNS_MAX);
	result = template_eval(&rule->name, &m->act, m->scratch, &name, &value, err);
	if (result == TEMPLATE_ABSENT)
		return 0;
	status = result == TEMPLATE_ERROR ? -1 : division_of(m, rule, &division, err);
	if (status > 0)
		status = level_of(m, rule, &level, err);
	if (status <= 0)
		return status;
	if (result == TEMPLATE_VALUE)
		return map_names(m, rule, &value, division, level, err) ? -1 : 1;
	keep(m, rule, name, division, level);
	return 1;
}

static void map_assign(struct mapper *m, const struct assign_rule *rule)
{
	struct err err = ERR_INIT;
	int status = assign_names(m, rule, &err);

	if (status > 0)
		return; /* each name was told when it was kept */
	OBSERVE(m, .kind = MAP_ASSIGN, .origin = rule->origin, .tmpl = &rule->name,
		.result = status, .assign_kind = rule->kind, .err = &err);
	if (status < 0)
		fail_rule(m, rule, &err);
}

static void map_rules(struct mapper *m, const struct assign_item *item)
{
	m->kinds_stated |= item->kinds;
	for (unsigned i = 0; i < item->count; i++)
		map_assign(m, &item->rules[i]);
}

/* The item's `when`, with its span when `span` says so. */
static bool item_applies(struct mapper *m, const struct assign_item *item,
			 const struct cel_program *when, const struct span *span)
{
	struct err err = ERR_INIT;
	struct verdict_of by;
	int applies = map_counts(m, when, span, &by, &err);

	OBSERVE(m, .kind = MAP_ITEM, .origin = item->origin, .program = by.program,
		.tmpl = by.bound, .result = applies, .err = &err);
	if (applies < 0)
		freeze(m, item->kinds, item->origin, err.text);
	return applies > 0;
}

/* 1 with the list, 0 = not stated, -1 = *err. */
static int each_list(struct mapper *m, const struct assign_item *item, struct cel_value *ret,
		     struct err *err)
{
	if (cel_eval(item->each, &m->act, m->scratch, ret, err))
		return err->kind == ERR_NO_KEY ? 0 : -1;
	if (ret->type != CEL_LIST)
		return err_set(err, ERR_EVAL, "each gives a %s, not a list",
			       cel_type_name(ret->type));
	return 1;
}

static void map_each(struct mapper *m, const struct assign_item *item)
{
	static const struct span always;
	struct cel_value list;
	struct err err = ERR_INIT;
	bool per_element = item->when && !item->when_first;
	int status = each_list(m, item, &list, &err);
	size_t count = status > 0 ? cel_list_count(list.as.list) : 0;

	OBSERVE(m, .kind = MAP_EACH, .origin = item->each_origin, .program = item->each,
		.result = status, .count = count, .err = &err);
	if (status < 0)
		freeze(m, item->kinds, item->origin, err.text);
	if (status <= 0)
		return;
	if (!per_element)
		m->kinds_stated |= item->kinds; /* an empty list states them too */
	for (size_t i = 0; i < count; i++) {
		struct cel_value element = cel_list_at(list.as.list, i);

		m->act.vars = &element;
		m->act.var_count = 1;
		if (!per_element || item_applies(m, item, item->when, &always))
			map_rules(m, item);
	}
	m->act.vars = NULL;
	m->act.var_count = 0;
}

void map_item(struct mapper *m, const struct assign_item *item)
{
	bool per_element = item->each && item->when && !item->when_first;
	bool spanned = item->span.from.stated || item->span.until.stated;

	/* A `when` about the elements is asked of each; the span is about the person. */
	if ((!per_element || spanned) &&
	    !item_applies(m, item, per_element ? NULL : item->when, &item->span))
		return;
	if (item->each)
		map_each(m, item);
	else
		map_rules(m, item);
}

/* Whole order, so that qsort's own (it need not be stable) never shows in a result. */
static int assignment_order(const void *a, const void *b)
{
	const struct assignment *x = a, *y = b;
	int order = assignment_cmp(x, y);

	if (order)
		return order;
	if (x->origin != y->origin)
		return x->origin < y->origin ? -1 : 1;
	return (x->level > y->level) - (x->level < y->level);
}

/* A person is in one unit and has one work plan: two of them can not be chosen between. */
static void refuse_several(struct mapper *m)
{
	for (unsigned i = 1; i < m->assign_count; i++) {
		const struct assignment *a = &m->assigns[i - 1], *b = &m->assigns[i];

		if (a->kind == b->kind && assign_kind_single(b->kind))
			map_problem(m, PROBLEM_KIND, b->kind, b->origin,
				    "the %s is left as it is: the rules state \"%s\" and \"%s\"",
				    assign_kind_name(b->kind), a->name, b->name);
	}
}

/* Sort; of the same assignment with several levels the highest stays, and that is said. */
void map_finish_assigns(struct mapper *m)
{
	struct assignment *kept;
	unsigned count = 0;

	if (m->assign_count > 1)
		qsort(m->assigns, m->assign_count, sizeof(*m->assigns), assignment_order);
	kept = arena_array(m->mem, m->assign_count ? m->assign_count : 1, sizeof(*kept));
	for (unsigned i = 0; i < m->assign_count; i++) {
		const struct assignment *next = &m->assigns[i];
		struct assignment *last = count ? &kept[count - 1] : NULL;

		if (!last || assignment_cmp(last, next) != 0) {
			kept[count++] = *next;
			continue;
		}
		if (last->level != next->level)
			map_problem(m, PROBLEM_NOTE, next->kind, next->origin,
				    "%s \"%s\" is stated with levels %g and %g; the highest counts",
				    assign_kind_name(next->kind), next->name, last->level,
				    next->level);
		last->literal |= next->literal;
		if (next->level > last->level) {
			last->level = next->level;
			last->origin = next->origin;
		}
	}
	m->assigns = kept;
	m->assign_count = count;
	refuse_several(m);
}

