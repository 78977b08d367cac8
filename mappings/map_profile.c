/*
 * The profile of a person.
 */
#include "mappings/map_impl.h"

#include <stdlib.h>
#include <string.h>

#include "mappings/dn.h"

#include "scim/base/banned.h"

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
		map_problem(m, scope, rule->attr, rule->value.origin, "%s", err.text);
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
	map_problem(m, PROBLEM_PERSON, SCIM_ATTR_USER_NAME, origin,
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

/* By insertion: rules have their fields in order, so that it is a few steps for a person. */
static void sort_fields(struct record_field *fields, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct record_field field = fields[i];
		size_t at = i;

		for (; at > 0 && scim_field_cmp(&field.field, &fields[at - 1].field) < 0; at--)
			fields[at] = fields[at - 1];
		fields[at] = field;
	}
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

void map_profile(struct mapper *m, const char *id)
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
	sort_fields(m->fields, m->field_count);
}

