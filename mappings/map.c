#include "mappings/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mappings/dn.h"
#include "mappings/rules_impl.h"

#include "scim/base/banned.h"

/* Far beyond what a tenant takes (50 skills), so that a runaway `each` is stopped. */
#define RECORD_ASSIGNS_MAX 10000

/* Notes beyond this add nothing that a reader would take in. */
#define RECORD_NOTES_MAX 100

/* Growing arrays in scratch memory: one record's work allocates nothing else. */
struct mapper {
	const struct rules *rules;
	const struct people_block **blocks; /* that take the person; one but in mode all */
	unsigned block_count;
	const struct people_block *block;   /* the one at work */
	const struct people_block *matcher; /* whose `match` counts */
	uint8_t own[ASSIGN_KIND_COUNT];
	int64_t due_s;
	const struct entry *entry;
	struct cel_activation act;
	struct arena *scratch, *mem;
	const struct map_observer *observer; /* NULL = nobody looks */
	struct record_field *fields;
	unsigned field_count;
	struct assignment *assigns;
	unsigned assign_count, assign_size;
	struct problem *problems;
	unsigned problem_count, problem_size;
	unsigned note_count;
	uint8_t kinds_stated;
	const char *manager_dn, *skip_reason;
	enum own manager_own;
	origin_id manager_origin;
};

static void *grow(struct arena *mem, void *items, unsigned count, unsigned *size, size_t bytes)
{
	unsigned bigger = *size ? *size * 2 : 16;
	void *more = arena_array(mem, bigger, bytes);

	if (count)
		memcpy(more, items, count * bytes);
	*size = bigger;
	return more;
}

/* A rule with `each` may fail once for each of many elements; the first is said. */
static bool has_problem(const struct mapper *m, enum problem_scope scope, unsigned what,
			origin_id origin)
{
	for (unsigned i = 0; i < m->problem_count; i++)
		if (m->problems[i].scope == scope && m->problems[i].what == what &&
		    m->problems[i].origin == origin)
			return true;
	return false;
}

static void add_problem(struct mapper *m, enum problem_scope scope, unsigned what,
			origin_id origin, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
static void add_problem(struct mapper *m, enum problem_scope scope, unsigned what,
			origin_id origin, const char *fmt, ...)
{
	char raw[1024], text[400];
	va_list args;

	if (scope == PROBLEM_NOTE ? m->note_count++ >= RECORD_NOTES_MAX
				  : has_problem(m, scope, what, origin))
		return;
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text_visible(raw, strlen(raw), text, sizeof(text));
	if (m->problem_count == m->problem_size)
		m->problems = grow(m->scratch, m->problems, m->problem_count, &m->problem_size,
				   sizeof(*m->problems));
	m->problems[m->problem_count++] = (struct problem){
		.scope = scope, .what = (uint16_t)what, .origin = origin,
		.text = arena_strdup(m->mem, text),
	};
}

/* Tell the observer; an event is put together only when there is one. */
#define OBSERVE(m, ...)                                                                   \
	do {                                                                              \
		if ((m)->observer)                                                        \
			tell(m, &(struct map_event){ .act = &(m)->act, __VA_ARGS__ });    \
	} while (0)

static void tell(const struct mapper *m, struct map_event *event)
{
	if (event->err && event->err->kind == ERR_NONE)
		event->err = NULL;
	m->observer->event(m->observer->ctx, event);
}

/* --- conditions -------------------------------------------------------------------------- */

/* 1 = true, 0 = false or no such key, -1 = *err. */
static int condition(const struct cel_program *when, const struct cel_activation *act,
		     struct arena *scratch, struct err *err)
{
	struct cel_value value;

	if (!when)
		return 1;
	if (cel_eval(when, act, scratch, &value, err))
		return err->kind == ERR_NO_KEY ? 0 : -1;
	if (value.type != CEL_BOOL)
		return err_set(err, ERR_EVAL, "when gives a %s, not true or false",
			       cel_type_name(value.type));
	return value.as.b;
}

/* Does now stand before the moment? Then that is when the answer changes. */
static bool ahead(struct mapper *m, int64_t moment_s)
{
	if (moment_s <= m->act.now_s)
		return false;
	if (!m->due_s || moment_s < m->due_s)
		m->due_s = moment_s;
	return true;
}

/*
 * 1 = now is within the span, 0 = outside, -1 = a bound is wrong. *ret_bound is the one that
 * decided, and *err says how in any case but 1.
 */
static int within(struct mapper *m, const struct span *span, const struct bound **ret_bound,
		  struct err *err)
{
	struct err wrong_from = ERR_INIT, wrong_until = ERR_INIT;
	int64_t from_s = 0, until_s = 0;
	char text[21];
	int from = 0, until = 0;

	if (span->from.stated)
		from = bound_eval(&span->from, &m->act, m->scratch, &from_s, &wrong_from);
	if (from > 0 && ahead(m, from_s)) {
		time_format(from_s, text);
		*ret_bound = &span->from;
		err_set(err, ERR_REFUSED, "from %s on, which is not yet", text);
		return 0;
	}
	if (span->until.stated)
		until = bound_eval(&span->until, &m->act, m->scratch, &until_s,
				   &wrong_until);
	if (until > 0 && !ahead(m, until_s)) {
		time_format(until_s, text);
		*ret_bound = &span->until;
		err_set(err, ERR_REFUSED, "until %s, which is over", text);
		return 0;
	}
	if (from >= 0 && until >= 0)
		return 1;
	*ret_bound = from < 0 ? &span->from : &span->until;
	return err_set(err, ERR_EVAL, "%s: %s", from < 0 ? "from" : "until",
		       from < 0 ? wrong_from.text : wrong_until.text);
}

/* What decided whether a block or item counts. */
struct verdict_of {
	const struct cel_program *program;
	const struct template *bound; /* NULL: `when` did */
};

/* `when` and span: false in either is false, whatever the other says. */
static int counts(struct mapper *m, const struct cel_program *when, const struct span *span,
		  struct verdict_of *ret_by, struct err *err)
{
	struct err outside = ERR_INIT;
	const struct bound *bound;
	int holds = condition(when, &m->act, m->scratch, err), inside;

	*ret_by = (struct verdict_of){ when, NULL };
	if (holds == 0 || (!span->from.stated && !span->until.stated))
		return holds;
	inside = within(m, span, &bound, &outside);
	if (inside > 0 || (holds < 0 && inside < 0))
		return holds;
	*ret_by = (struct verdict_of){ NULL, &bound->when };
	*err = outside;
	return inside;
}

/* --- profile ----------------------------------------------------------------------------- */

/*
 * A wrong value here would give one person's account to another or move it to another
 * division, so the whole person waits; elsewhere only the attribute does.
 */
static bool identifies(enum scim_attr attr)
{
	return attr == SCIM_ATTR_USER_NAME || attr == SCIM_ATTR_DIVISION ||
	       attr == SCIM_ATTR_EXTERNAL_ID;
}

static bool is_match_key(const struct people_block *block, enum scim_attr attr)
{
	for (unsigned i = 0; i < block->match_count; i++)
		if (block->match[i] == attr)
			return true;
	return false;
}

static const char *value_text(struct mapper *m, const struct field_rule *rule,
			      enum template_result result, const char *text,
			      const struct cel_value *value, struct err *err)
{
	struct slice converted;

	if (result == TEMPLATE_TEXT)
		return text;
	if (result != TEMPLATE_VALUE)
		return NULL;
	if (value->type == CEL_LIST || value->type == CEL_MAP) {
		err_set(err, ERR_EVAL, "%s is one value; the expression gives a %s",
			scim_attr(rule->attr)->name, cel_type_name(value->type));
		return NULL;
	}
	if (cel_to_text(value, m->scratch, &converted, err))
		return NULL;
	return arena_strndup(m->scratch, converted.data, converted.len);
}

/*
 * The value of a profile rule in scratch memory: 1 with *ret_text, 0 = not stated, -1 with
 * *err and in *ret_scope what it freezes.
 */
static int field_value(struct mapper *m, const struct field_rule *rule, const char **ret_text,
		       enum problem_scope *ret_scope, struct err *err)
{
	const char *name = scim_attr(rule->attr)->name, *text = NULL;
	bool strict = identifies(rule->attr) || is_match_key(m->matcher, rule->attr);
	struct cel_value value;
	enum template_result result;

	*ret_scope = strict ? PROBLEM_PERSON : PROBLEM_FIELD;
	if (strict && template_multivalued(&rule->value, m->entry))
		return err_set(err, ERR_EVAL,
			       "%s comes from an attribute with several values; the rule must "
			       "choose one, for example values.mail.filter(...)", name);
	result = template_eval(&rule->value, &m->act, m->scratch, &text, &value, err);
	if (result == TEMPLATE_ABSENT)
		return 0;
	text = value_text(m, rule, result, text, &value, err);
	if (!text)
		return err_prefix(err, "%s", name);
	if (!rule->value.literal && !scim_value_valid(rule->attr, text))
		return err_set(err, ERR_EVAL, "%s: \"%s\" is not a value of this attribute", name,
			       text);
	*ret_text = text;
	return 1;
}

/* The manager is a person, not a text: whose account it is only the plan can tell. */
static int take_manager(struct mapper *m, const struct field_rule *rule, const char **text,
			struct err *err)
{
	struct slice norm;
	size_t len = strlen(*text);

	if (!dn_looks_like(*text, len) || dn_normalize(m->mem, *text, len, &norm, err)) {
		err->kind = ERR_NONE;
		return err_set(err, ERR_EVAL, "manager: \"%.80s\" is not a DN; write "
			       "${ref(entry.manager)}", *text);
	}
	m->manager_dn = *text = norm.data;
	m->manager_own = rule->own;
	m->manager_origin = rule->value.origin;
	return 1;
}

/* In mode all: was it stated, or found undecidable, by a block before? */
static bool decided(const struct mapper *m, const struct field_rule *rule)
{
	struct scim_field wanted = { (uint16_t)rule->attr, rule->key, NULL };

	if (m->block == m->blocks[0])
		return false;
	if (rule->attr == SCIM_ATTR_MANAGER && m->manager_dn)
		return true;
	for (unsigned i = 0; i < m->field_count; i++)
		if (scim_field_cmp(&m->fields[i].field, &wanted) == 0)
			return true;
	for (unsigned i = 0; i < m->problem_count; i++)
		if ((m->problems[i].scope == PROBLEM_PERSON ||
		     m->problems[i].scope == PROBLEM_FIELD) && m->problems[i].what == rule->attr)
			return true;
	return false;
}

static void keep_field(struct mapper *m, const struct field_rule *rule, const char *text)
{
	m->fields[m->field_count++] = (struct record_field){
		.field = { (uint16_t)rule->attr, rule->key,
			   !text || rule->value.literal ? text : arena_strdup(m->mem, text) },
		.own = rule->own,
		.origin = rule->value.origin,
	};
}

static void map_field(struct mapper *m, const struct field_rule *rule)
{
	struct err err = ERR_INIT;
	enum problem_scope scope;
	const char *text = NULL;
	int status;

	if (decided(m, rule))
		return;
	status = field_value(m, rule, &text, &scope, &err);
	if (status > 0 && rule->attr == SCIM_ATTR_MANAGER)
		status = take_manager(m, rule, &text, &err);
	OBSERVE(m, .kind = MAP_FIELD, .origin = rule->value.origin, .tmpl = &rule->value,
		.result = status, .text = status > 0 ? text : NULL, .attr = rule->attr,
		.key = rule->key, .err = &err);
	if (status < 0)
		add_problem(m, scope, rule->attr, rule->value.origin, "%s", err.text);
	else if (status > 0 ? rule->attr != SCIM_ATTR_MANAGER : rule->clear)
		keep_field(m, rule, status > 0 ? text : NULL);
}

static bool person_problem(const struct mapper *m, enum scim_attr attr)
{
	for (unsigned i = 0; i < m->problem_count; i++)
		if (m->problems[i].scope == PROBLEM_PERSON && m->problems[i].what == attr)
			return true;
	return false;
}

/* Without a login name there is no account to speak of. */
static void check_user_name(struct mapper *m)
{
	origin_id origin = m->blocks[0]->origin;

	for (unsigned i = 0; i < m->field_count; i++)
		if (m->fields[i].field.attr == SCIM_ATTR_USER_NAME)
			return;
	if (person_problem(m, SCIM_ATTR_USER_NAME))
		return;
	for (unsigned b = m->block_count; b-- > 0;)
		for (unsigned i = 0; i < m->blocks[b]->field_count; i++)
			if (m->blocks[b]->fields[i].attr == SCIM_ATTR_USER_NAME)
				origin = m->blocks[b]->fields[i].value.origin;
	add_problem(m, PROBLEM_PERSON, SCIM_ATTR_USER_NAME, origin,
		    "userName is not stated: the entry lacks what it is made of");
}

static bool stated_by_rule(const struct mapper *m, enum scim_attr attr)
{
	for (unsigned b = 0; b < m->block_count; b++)
		for (unsigned i = 0; i < m->blocks[b]->field_count; i++)
			if (m->blocks[b]->fields[i].attr == attr)
				return true;
	return false;
}

static int record_field_cmp(const void *a, const void *b)
{
	return scim_field_cmp(&((const struct record_field *)a)->field,
			      &((const struct record_field *)b)->field);
}

/* Unless a rule states them: externalId is the immutable id, and a person in scope is active. */
static void add_default(struct mapper *m, enum scim_attr attr, const char *value)
{
	if (stated_by_rule(m, attr))
		return;
	m->fields[m->field_count++] = (struct record_field){
		.field = { (uint16_t)attr, NULL, value }, .own = OWN_MANAGE,
		.origin = m->blocks[0]->origin,
	};
	OBSERVE(m, .kind = MAP_FIELD, .origin = m->blocks[0]->origin, .result = 1, .text = value,
		.attr = attr);
}

static void map_profile(struct mapper *m, const char *id)
{
	size_t room = 2;

	for (unsigned b = 0; b < m->block_count; b++)
		room += m->blocks[b]->field_count;
	m->fields = arena_array(m->mem, room, sizeof(*m->fields));
	for (unsigned b = 0; b < m->block_count; b++) {
		m->block = m->blocks[b];
		for (unsigned i = 0; i < m->block->field_count; i++)
			map_field(m, &m->block->fields[i]);
	}
	check_user_name(m);
	add_default(m, SCIM_ATTR_EXTERNAL_ID, id);
	add_default(m, SCIM_ATTR_ACTIVE, "true");
	qsort(m->fields, m->field_count, sizeof(*m->fields), record_field_cmp);
}

/* --- assign ------------------------------------------------------------------------------ */

static void freeze(struct mapper *m, uint8_t kinds, origin_id origin, const char *why)
{
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		if (kinds & (1u << kind))
			add_problem(m, PROBLEM_KIND, kind, origin, "%ss are left as they are: %s",
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
		m->assigns = grow(m->scratch, m->assigns, m->assign_count, &m->assign_size,
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
		return err_set(err, ERR_EVAL, "the role's division comes from an attribute with "
			       "several values; the rule must choose one");
	switch (template_eval(&rule->division, &m->act, m->scratch, ret, &value, err)) {
	case TEMPLATE_TEXT:
		return 1;
	case TEMPLATE_VALUE:
		return err_set(err, ERR_EVAL, "a division is text, not a %s",
			       cel_type_name(value.type));
	case TEMPLATE_ABSENT:
		add_problem(m, PROBLEM_NOTE, rule->kind, rule->origin,
			    "a role is not granted: its division is not stated for this person");
		return 0;
	default:
		return -1;
	}
}

static void fail_rule(struct mapper *m, const struct assign_rule *rule, const struct err *err)
{
	/* One value where it must be one: the person is refused by name (design page). */
	if (rule->division.count && template_multivalued(&rule->division, m->entry))
		add_problem(m, PROBLEM_PERSON, rule->kind, rule->origin, "%s", err->text);
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
	int applies = counts(m, when, span, &by, &err);

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

static void map_item(struct mapper *m, const struct assign_item *item)
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

/* Sort; of the same assignment with several levels the highest stays, and that is said. */
static void finish_assigns(struct mapper *m)
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
			add_problem(m, PROBLEM_NOTE, next->kind, next->origin,
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
}

/* --- the person -------------------------------------------------------------------------- */

/* "agents", or of several "agents, supervisors". */
static const char *block_names(const struct mapper *m)
{
	const char *names = m->blocks[0]->name;

	for (unsigned i = 1; i < m->block_count; i++)
		names = arena_printf(i + 1 < m->block_count ? m->scratch : m->mem, "%s, %s", names,
				     m->blocks[i]->name);
	return names;
}

static struct record *finish(struct mapper *m, const char *id, const char *dn)
{
	struct record *record = arena_alloc(m->mem, sizeof(*record));
	struct problem *problems = NULL;

	if (m->problem_count) {
		problems = arena_array(m->mem, m->problem_count, sizeof(*problems));
		memcpy(problems, m->problems, m->problem_count * sizeof(*problems));
	}
	*record = (struct record){
		.id = id,
		.dn = dn,
		.rule = block_names(m),
		.skip_reason = m->skip_reason,
		.match = m->matcher->match,
		.match_count = m->matcher->match_count,
		.kinds_stated = m->kinds_stated,
		.fields = m->fields,
		.field_count = m->field_count,
		.assigns = m->assigns,
		.assign_count = m->assign_count,
		.manager_dn = m->manager_dn,
		.manager_own = m->manager_own,
		.manager_origin = m->manager_origin,
		.problems = problems,
		.problem_count = m->problem_count,
	};
	memcpy(record->own, m->own, sizeof(record->own));
	return record;
}

/* Does the block take the person? 1, 0, -1 = it is not known, and said. */
static int block_takes(struct mapper *m, const struct people_block *block)
{
	struct err err = ERR_INIT;
	struct verdict_of by;
	int takes = counts(m, block->when, &block->span, &by, &err);

	OBSERVE(m, .kind = MAP_BLOCK, .origin = block->origin, .program = by.program,
		.tmpl = by.bound, .result = takes, .err = &err);
	if (takes < 0)
		add_problem(m, PROBLEM_PERSON, 0, block->origin, "%s", err.text);
	return takes;
}

/*
 * The blocks that take the person: 1, 0 = none, -1 = it is not known of one (it stands last
 * in blocks), so that nothing is decided.
 */
static int find_blocks(struct mapper *m)
{
	const struct rules *rules = m->rules;
	size_t most = rules->all ? rules->blocks.count : 1;

	m->blocks = arena_array(m->scratch, most, sizeof(struct people_block *));
	for (size_t b = 0; b < rules->blocks.count && m->block_count < most; b++) {
		int takes = block_takes(m, &rules->blocks.items[b]);

		if (takes)
			m->blocks[m->block_count++] = &rules->blocks.items[b];
		if (takes < 0)
			return -1;
	}
	return m->block_count > 0;
}

/* `match` and `own` of a kind: of the first block that states them. */
static void unite_blocks(struct mapper *m)
{
	uint8_t stated = 0;

	m->matcher = m->blocks[0];
	memcpy(m->own, m->blocks[0]->own, sizeof(m->own));
	for (unsigned b = 0; b < m->block_count; b++) {
		const struct people_block *block = m->blocks[b];

		if (block->match_stated && !m->matcher->match_stated)
			m->matcher = block;
		for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
			if (block->own_stated & ~stated & (1u << kind))
				m->own[kind] = block->own[kind];
		stated |= block->own_stated;
	}
}

static const char *skip_reason(struct mapper *m, const struct skip_rule *skip)
{
	struct cel_value value;
	struct err err = ERR_INIT;
	const char *text;

	switch (template_eval(&skip->reason, &m->act, m->scratch, &text, &value, &err)) {
	case TEMPLATE_TEXT:
		return skip->reason.literal ? text : arena_strdup(m->mem, text);
	case TEMPLATE_ERROR:
		return arena_printf(m->mem, "a rule says so (its reason fails: %s)", err.text);
	default:
		return "a rule says so (its reason is not stated for this person)";
	}
}

/* Is the person left as they are? Also when that is not known, which is said. */
static bool is_skipped(struct mapper *m, const struct people_block *block)
{
	for (unsigned i = 0; i < block->skip_count; i++) {
		const struct skip_rule *skip = &block->skips[i];
		struct err err = ERR_INIT;
		int skips = condition(skip->when, &m->act, m->scratch, &err);

		if (skips > 0)
			m->skip_reason = skip_reason(m, skip);
		OBSERVE(m, .kind = MAP_SKIP, .origin = skip->origin, .program = skip->when,
			.tmpl = &skip->reason, .result = skips, .text = m->skip_reason,
			.err = &err);
		if (skips < 0)
			add_problem(m, PROBLEM_PERSON, 0, skip->origin, "skip: %s", err.text);
		if (skips)
			return true;
	}
	return false;
}

static void map_person(struct mapper *m, const char *id)
{
	for (unsigned b = 0; b < m->block_count; b++)
		if (is_skipped(m, m->blocks[b]))
			return;
	map_profile(m, id);
	for (unsigned b = 0; b < m->block_count; b++) {
		m->block = m->blocks[b];
		for (unsigned i = 0; i < m->block->item_count; i++)
			map_item(m, &m->block->items[i]);
	}
	finish_assigns(m);
}

int map_entry(const struct rules *rules, const struct entry *entry, int64_t now_s,
	      struct arena *scratch, struct arena *mem, struct record **ret_record,
	      int64_t *ret_due_s, struct err *err)
{
	return map_entry_observed(rules, entry, now_s, scratch, mem, ret_record, ret_due_s, NULL,
				  err);
}

int map_entry_observed(const struct rules *rules, const struct entry *entry, int64_t now_s,
		       struct arena *scratch, struct arena *mem, struct record **ret_record,
		       int64_t *ret_due_s, const struct map_observer *observer,
		       struct err *err)
{
	struct mapper m = {
		.rules = rules, .entry = entry, .scratch = scratch, .mem = mem,
		.act = { .entry = entry, .now_s = now_s }, .observer = observer,
	};
	const char *id, *dn;
	int found;

	(void)err;
	arena_reset(scratch);
	found = find_blocks(&m);
	*ret_record = NULL;
	if (found) {
		id = arena_strdup(mem, entry->id);
		dn = arena_strdup(mem, entry->dn);
		unite_blocks(&m);
		if (found > 0)
			map_person(&m, id);
		*ret_record = finish(&m, id, dn);
	}
	if (ret_due_s)
		*ret_due_s = m.due_s;
	return 0;
}
