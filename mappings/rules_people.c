/*
 * A people block: a finished draft to what the mapper runs.
 */
#include "mappings/rules_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

/* --- profile ----------------------------------------------------------------------------- */

static int check_value(struct rules_loader *load, const struct yaml_node *node,
		       const char *rule, const struct field_rule *field)
{
	if (!MAY_GIVE(&field->value, CEL_STRING, CEL_BYTES, CEL_BOOL, CEL_INT, CEL_UINT,
		      CEL_DOUBLE, CEL_TIMESTAMP, CEL_DURATION, CEL_NULL))
		return rules_complain(load, node, "%s: one value is expected; this expression "
				      "gives none that is text", rule);
	if (field->value.literal && !scim_value_valid(field->attr, field->value.literal))
		return rules_complain(load, node, "%s: \"%s\" is not a value of this attribute",
				      rule, field->value.literal);
	return 0;
}

static int compile_field(struct rules_loader *load, const char *block,
			 const struct draft_field *draft, struct field_rule *ret)
{
	struct field_rule field = { .attr = draft->attr, .key = draft->key,
				    .clear = draft->clear };
	char rule[256];

	snprintf(rule, sizeof(rule), "%s.profile.%s%s%s", block, scim_attr(draft->attr)->name,
		 draft->key ? "." : "", draft->key ? draft->key : "");
	if (!draft->value)
		field.value.origin = rules_origin_add(load, draft->at, rule);
	else if (template_load(load, draft->value, rule, &field.value) ||
		 check_value(load, draft->value, rule, &field))
		return -1;
	*ret = field;
	return 0;
}

/* A value of `defaults` is the same rule in each block that takes it. */
static int default_field(struct rules_loader *load, const struct draft_field *draft,
			 struct field_rule *ret)
{
	struct default_field field = { .at = draft->at };

	for (size_t i = 0; i < load->defaults.count; i++) {
		if (load->defaults.items[i].at != draft->at)
			continue;
		*ret = load->defaults.items[i].rule;
		return load->defaults.items[i].good ? 0 : -1;
	}
	field.good = compile_field(load, "defaults", draft, &field.rule) == 0;
	vec_push(&load->defaults, field);
	*ret = field.rule;
	return field.good ? 0 : -1;
}

/* The word of the value, of the block's `own`, or manage. */
static enum own own_of_field(const struct draft *draft, const struct draft_field *field)
{
	if (field->own_stated)
		return field->own;
	for (size_t i = 0; i < draft->owns.count; i++)
		if (draft->owns.items[i].slot == ASSIGN_KIND_COUNT + (unsigned)field->attr)
			return draft->owns.items[i].own;
	return OWN_MANAGE;
}

static int field_rule_cmp(const void *a, const void *b)
{
	const struct field_rule *x = a, *y = b;
	struct scim_field fx = { (uint16_t)x->attr, x->key, NULL };
	struct scim_field fy = { (uint16_t)y->attr, y->key, NULL };

	return scim_field_cmp(&fx, &fy);
}

static int compile_profile(struct rules_loader *load, const struct draft *draft,
			   struct people_block *block)
{
	struct field_rule *fields;
	unsigned count = 0;
	int status = 0;

	fields = arena_array(&load->rules->mem, draft->fields.count + 1, sizeof(*fields));
	for (size_t i = 0; i < draft->fields.count; i++) {
		const struct draft_field *field = &draft->fields.items[i];

		if (field->removed)
			continue;
		if (field->by_default ? default_field(load, field, &fields[count])
				      : compile_field(load, draft->name, field, &fields[count])) {
			status = -1;
			continue;
		}
		fields[count++].own = own_of_field(draft, field);
	}
	qsort(fields, count, sizeof(*fields), field_rule_cmp);
	block->fields = fields;
	block->field_count = count;
	return status;
}

static bool states(const struct draft *draft, enum scim_attr attr)
{
	for (size_t i = 0; i < draft->fields.count; i++)
		if (draft->fields.items[i].attr == attr && !draft->fields.items[i].removed)
			return true;
	return false;
}

/* With `mode: all` another block may state what this one does not. */
static int check_profile(struct rules_loader *load, const struct draft *draft)
{
	const struct yaml_node *at = draft->profile ? draft->profile : draft->node;

	if (load->rules->all || draft->profile_bad || states(draft, SCIM_ATTR_USER_NAME))
		return 0;
	if (!draft->profile && yaml_get(draft->node, "profile"))
		return 0; /* it has the wrong form, which is said already */
	if (!draft->profile && !draft->fields.count)
		return rules_complain(load, at, "%s: profile is missing", draft->name);
	return rules_complain(load, at, "%s.profile: userName is missing", draft->name);
}

/* externalId is stated in any case (map.h). */
static int check_match(struct rules_loader *load, const struct draft *draft)
{
	int status = 0;

	for (unsigned i = 0; i < draft->match_count && !load->rules->all; i++) {
		enum scim_attr attr = (enum scim_attr)draft->match_attrs[i];

		if (attr != SCIM_ATTR_EXTERNAL_ID && attr != SCIM_ATTR_USER_NAME &&
		    !states(draft, attr))
			status = rules_complain(load, draft->match->items[i],
						"%s.match: the profile does not state %s",
						draft->name, scim_attr(attr)->name);
	}
	return status;
}

/* --- skip -------------------------------------------------------------------------------- */

static int load_skip(struct rules_loader *load, const struct yaml_node *node, const char *rule,
		     struct skip_rule *ret)
{
	const struct yaml_node *when, *reason;
	int status;

	if (node->type != YAML_MAP)
		return rules_complain(load, node, "%s wants {when, reason}", rule);
	if (!rules_check_map(load, node, rule, RULE_PLACE_SKIP))
		return -1;
	when = rules_get(node, RULE_PLACE_SKIP, "when");
	reason = rules_get(node, RULE_PLACE_SKIP, "reason");
	status = rules_load_condition(load, when, rule, &ret->when, &ret->origin);
	if (template_load(load, reason, rule, &ret->reason))
		return -1;
	if (!MAY_GIVE(&ret->reason, CEL_STRING, CEL_BYTES, CEL_NULL))
		return rules_complain(load, reason, "%s: a reason is text; this expression gives "
				      "none", rule);
	return status;
}

static int compile_skips(struct rules_loader *load, const struct draft *draft,
			 struct people_block *block)
{
	unsigned count = draft->skip ? draft->skip->count : 0;
	struct skip_rule *skips = arena_array(&load->rules->mem, count + 1, sizeof(*skips));
	char rule[160];
	int status = 0;

	for (unsigned i = 0; i < count; i++) {
		snprintf(rule, sizeof(rule), "%s.skip[%u]", draft->name, i + 1);
		if (load_skip(load, draft->skip->items[i], rule, &skips[i]))
			status = -1;
	}
	block->skips = skips;
	block->skip_count = count;
	return status;
}

/* --- the block --------------------------------------------------------------------------- */

static void set_match(const struct draft *draft, struct people_block *block)
{
	_Static_assert(sizeof(block->match) == RULES_MATCH_MAX, "room for each");
	block->match_stated = draft->match_count > 0;
	memcpy(block->match, draft->match_attrs, sizeof(block->match));
	block->match_count = draft->match_count;
	if (!block->match_stated) {
		block->match[0] = SCIM_ATTR_EXTERNAL_ID;
		block->match[1] = SCIM_ATTR_USER_NAME;
		block->match_count = 2;
	}
}

static void set_own(const struct draft *draft, struct people_block *block)
{
	memset(block->own, OWN_MERGE, sizeof(block->own));
	block->own[ASSIGN_UNIT] = block->own[ASSIGN_WORK_PLAN] = OWN_MANAGE;
	for (size_t i = 0; i < draft->owns.count; i++) {
		const struct draft_own *own = &draft->owns.items[i];

		if (own->slot >= ASSIGN_KIND_COUNT)
			continue;
		block->own[own->slot] = (uint8_t)own->own;
		block->own_stated |= (uint8_t)(1u << own->slot);
	}
}

int people_compile(struct rules_loader *load, const struct draft *draft)
{
	struct people_block block = { .name = draft->name };
	int status = 0;

	block.origin = rules_origin_add(load, draft->node, block.name);
	if (draft->when &&
	    rules_load_condition(load, draft->when, block.name, &block.when, &block.origin))
		status = -1;
	if (rules_load_span(load, draft->from, draft->until, block.name, &block.span))
		status = -1;
	set_match(draft, &block);
	set_own(draft, &block);
	if (compile_skips(load, draft, &block))
		status = -1;
	if (compile_profile(load, draft, &block))
		status = -1;
	if (check_profile(load, draft))
		status = -1;
	if (check_match(load, draft))
		status = -1;
	if (assign_compile(load, draft, &block))
		status = -1;
	vec_push(&load->rules->blocks, block);
	return status;
}
