#include "mappings/rules_impl.h"

#include "mappings/cel_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/buf.h"

#include "scim/base/banned.h"

/* Names that may stand in each place of a rule file, with their meaning for the manual. */
struct key {
	const char *name, *help;
};

static const struct key file_keys[] = {
	{ "version", "form of the file: 1" },
	{ "people", "list of blocks; the first whose `when` is true takes a person" },
};
static const struct key block_keys[] = {
	{ "name", "name of the block in messages" },
	{ "when", "expression: whom it takes; everybody when left out" },
	{ "match", "attributes that identify an account; the first is strong" },
	{ "profile", "attributes of the account" },
	{ "assign", "list of assignments, each with its own `when`" },
	{ "own", "whose word counts, per kind or attribute: manage, seed, merge, never" },
};
static const struct key assign_keys[] = {
	{ "when", "expression: for whom" },
	{ "each", "variable: list expression; once for each element" },
	{ "roles", "role names, or {role, division}" },
	{ "skills", "skill: level from 0 to 5" },
	{ "languages", "language: level from 0 to 5, whole" },
	{ "groups", "group names" },
	{ "queues", "queue names" },
};
static const struct key value_keys[] = {
	{ "value", "text with ${...}" },
	{ "own", "manage, seed, merge or never" },
};
static const struct key role_keys[] = {
	{ "role", "name of the role" },
	{ "division", "name of the division, * for all; Home when left out" },
};
#define KEYS(table) (table), sizeof(table) / sizeof((table)[0])

static const char *const kind_keys[ASSIGN_KIND_COUNT] = {
	[ASSIGN_ROLE] = "roles",   [ASSIGN_SKILL] = "skills", [ASSIGN_LANGUAGE] = "languages",
	[ASSIGN_GROUP] = "groups", [ASSIGN_QUEUE] = "queues",
};

static int complain(struct rules_loader *load, const struct yaml_node *node, const char *fmt,
		    ...) __attribute__((format(printf, 3, 4)));
static int complain(struct rules_loader *load, const struct yaml_node *node, const char *fmt,
		    ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return diags_at(load->diags, ERR_INVALID, load->file, node->line, node->column, "%s",
			text);
}

origin_id rules_origin_add(struct rules_loader *load, const struct yaml_node *at,
			   const char *rule)
{
	struct origin origin = { load->file, at->line, at->column,
				 arena_strdup(&load->rules->mem, rule) };

	vec_push(&load->rules->origins, origin);
	return (origin_id)load->rules->origins.count - 1;
}

/* The keys of a map against those allowed; false when one is unknown. */
static bool check_keys(struct rules_loader *load, const struct yaml_node *map,
		       const char *what, const struct key *keys, size_t count)
{
	const char *names[16];
	bool good = true;

	for (size_t i = 0; i < count; i++)
		names[i] = keys[i].name;
	for (unsigned m = 0; m < map->count; m++) {
		bool known = false;
		int near;

		for (size_t i = 0; i < count; i++)
			known |= slice_eq_str(map->keys[m]->text, names[i]);
		if (known)
			continue;
		near = text_nearest(map->keys[m]->text.data, names, count);
		complain(load, map->keys[m], "%s has no \"%s\"%s%s", what,
			 map->keys[m]->text.data, near >= 0 ? "; nearest: " : "",
			 near >= 0 ? names[near] : "");
		good = false;
	}
	return good;
}

static int parse_own(struct rules_loader *load, const struct yaml_node *node, enum own *ret)
{
	static const char *const words[] = { "manage", "seed", "merge", "never" };
	int near;

	for (int i = 0; node->type == YAML_TEXT && i < OWN_COUNT; i++) {
		if (slice_eq_str(node->text, words[i])) {
			*ret = (enum own)i;
			return 0;
		}
	}
	near = node->type == YAML_TEXT ? text_nearest(node->text.data, words, OWN_COUNT) : -1;
	return complain(load, node, "own is one of manage, seed, merge, never%s%s",
			near >= 0 ? "; nearest: " : "", near >= 0 ? words[near] : "");
}

/* May a ${...} that is a whole value give one of these types? */
static bool may_give(const struct template *tmpl, const enum cel_type *types, size_t count)
{
	if (!tmpl->whole)
		return true;
	for (size_t i = 0; i < count; i++)
		if (cel_program_may_be(tmpl->pieces[0].program, types[i]))
			return true;
	return cel_program_may_be(tmpl->pieces[0].program, CEL_OPTIONAL);
}
#define MAY_GIVE(tmpl, ...)                                                        \
	may_give(tmpl, (const enum cel_type[]){ __VA_ARGS__ },                     \
		 sizeof((const enum cel_type[]){ __VA_ARGS__ }) / sizeof(enum cel_type))

/* --- profile ----------------------------------------------------------------------------- */

struct field_list {
	VEC(struct field_rule) list;
};

static int load_field(struct rules_loader *load, const char *block, enum scim_attr attr,
		      const char *key, const struct yaml_node *node, struct field_list *fields)
{
	struct field_rule field = { .attr = attr, .key = key, .own = OWN_MANAGE };
	const struct yaml_node *value = node, *own;
	char rule[160];

	snprintf(rule, sizeof(rule), "%s.profile.%s%s%s", block, scim_attr(attr)->name,
		 key ? "." : "", key ? key : "");
	if (node->type == YAML_MAP) {
		if (!check_keys(load, node, rule, KEYS(value_keys)))
			return -1;
		value = yaml_get(node, "value");
		own = yaml_get(node, "own");
		if (!value)
			return complain(load, node, "%s: value is missing", rule);
		if (own && parse_own(load, own, &field.own))
			return -1;
		field.own_stated = own != NULL;
	}
	if (template_load(load, value, rule, &field.value))
		return -1;
	if (!MAY_GIVE(&field.value, CEL_STRING, CEL_BYTES, CEL_BOOL, CEL_INT, CEL_UINT,
		      CEL_DOUBLE, CEL_TIMESTAMP, CEL_DURATION, CEL_NULL))
		return complain(load, value, "%s: one value is expected; this expression gives "
				"none that is text", rule);
	if (field.value.literal && !scim_value_valid(attr, field.value.literal))
		return complain(load, value, "%s: \"%s\" is not a value of this attribute",
				rule, field.value.literal);
	vec_push(&fields->list, field);
	return 0;
}

static int load_multi(struct rules_loader *load, const char *block, enum scim_attr attr,
		      const struct yaml_node *node, struct field_list *fields)
{
	int status = 0;

	if (node->type != YAML_MAP)
		return complain(load, node,
				"%s.profile.%s: values by type are expected here, for example "
				"{work: ...}", block, scim_attr(attr)->name);
	for (unsigned i = 0; i < node->count; i++) {
		const char *key = node->keys[i]->text.data;

		if (!*key || strstr(key, "${"))
			status = complain(load, node->keys[i],
					  "%s.profile.%s: a type is a plain word, for example "
					  "work", block, scim_attr(attr)->name);
		else if (load_field(load, block, attr, key, node->items[i], fields))
			status = -1;
	}
	return status;
}

static int field_rule_cmp(const void *a, const void *b)
{
	const struct field_rule *x = a, *y = b;
	struct scim_field fx = { (uint16_t)x->attr, x->key, NULL };
	struct scim_field fy = { (uint16_t)y->attr, y->key, NULL };

	return scim_field_cmp(&fx, &fy);
}

/* Attribute names and types compare without case, so YAML does not see all doublets. */
static int check_twice(struct rules_loader *load, const struct people_block *block)
{
	int status = 0;

	for (unsigned i = 1; i < block->field_count; i++) {
		const struct field_rule *field = &block->fields[i];
		const struct origin *origin;

		if (field_rule_cmp(field - 1, field) != 0)
			continue;
		origin = rules_origin(load->rules, field->value.origin);
		status = diags_at(load->diags, ERR_INVALID, load->file, origin->line,
				  origin->column, "%s is given twice", origin->rule);
	}
	return status;
}

static int load_profile(struct rules_loader *load, struct people_block *block,
			const struct yaml_node *node)
{
	struct field_list fields = { 0 };
	struct field_rule *kept;
	int status = 0;

	if (node->type != YAML_MAP)
		return complain(load, node, "%s.profile: attributes are expected here",
				block->name);
	for (unsigned i = 0; i < node->count; i++) {
		const char *name = node->keys[i]->text.data;
		enum scim_attr attr = scim_attr_find(name);
		const char *near;

		if (attr == SCIM_ATTR_COUNT) {
			near = scim_attr_nearest(name);
			status = complain(load, node->keys[i],
					  "profile has no attribute \"%s\"%s%s", name,
					  near ? "; nearest: " : "", near ? near : "");
		} else if (scim_attr(attr)->multi
				   ? load_multi(load, block->name, attr, node->items[i], &fields)
				   : load_field(load, block->name, attr, NULL, node->items[i],
						&fields)) {
			status = -1;
		}
	}
	kept = arena_array(&load->rules->mem, fields.list.count + 1, sizeof(*kept));
	if (fields.list.count) {
		memcpy(kept, fields.list.items, fields.list.count * sizeof(*kept));
		qsort(kept, fields.list.count, sizeof(*kept), field_rule_cmp);
	}
	block->fields = kept;
	block->field_count = (unsigned)fields.list.count;
	vec_release(&fields.list);
	return check_twice(load, block) ? -1 : status;
}

/* --- assign ------------------------------------------------------------------------------ */

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
			return complain(load, node, "%s: a level is a number or one ${...}", rule);
		if (!MAY_GIVE(&assign->level, CEL_INT, CEL_UINT, CEL_DOUBLE, CEL_NULL))
			return complain(load, node, "%s: a level is a number and this expression "
					"gives none; write double(...)", rule);
		return 0;
	}
	assign->level_literal = strtod(assign->level.literal, &end);
	if (*end || end == assign->level.literal ||
	    assign->level.literal[strspn(assign->level.literal, "0123456789.")])
		return complain(load, node, "%s: a level is a number from 0 to 5, not \"%s\"",
				rule, assign->level.literal);
	if (check_level(assign->kind, assign->level_literal, &err))
		return complain(load, node, "%s: %s", rule, err.text);
	return 0;
}

/* A name is text, or a list of texts that gives as many names. */
static int load_name(struct rules_loader *load, const struct yaml_node *node,
		     const char *rule, struct template *ret)
{
	if (template_load(load, node, rule, ret))
		return -1;
	if (!MAY_GIVE(ret, CEL_STRING, CEL_BYTES, CEL_LIST, CEL_NULL))
		return complain(load, node, "%s: a name or a list of names is expected; this "
				"expression gives neither", rule);
	return 0;
}

/* skills and languages: a map from name to level. */
static int load_levels(struct rules_loader *load, enum assign_kind kind,
		       const struct yaml_node *node, const char *rule,
		       struct assign_list *assigns)
{
	int status = 0;

	if (node->type != YAML_MAP)
		return complain(load, node, "%s: names with levels are expected here, for "
				"example {Billing: 4}", rule);
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
		return complain(load, node, "%s: a role's name, or {role, division}, is expected",
				rule);
	if (!check_keys(load, node, rule, KEYS(role_keys)))
		return -1;
	role = yaml_get(node, "role");
	division = yaml_get(node, "division");
	if (!role)
		return complain(load, node, "%s: role is missing", rule);
	if (load_name(load, role, rule, &assign->name))
		return -1;
	if (!division)
		return 0;
	if (template_load(load, division, rule, &assign->division))
		return -1;
	if (!MAY_GIVE(&assign->division, CEL_STRING, CEL_BYTES, CEL_NULL))
		return complain(load, division, "%s: a division is text; this expression gives "
				"none", rule);
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

	if (node->type == YAML_MAP)
		return complain(load, node, "%s: a list of names is expected here", rule);
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

static int load_condition(struct rules_loader *load, const struct yaml_node *node,
			  const char *rule, const struct cel_program **ret,
			  origin_id *ret_origin)
{
	if (expression_load(load, node, rule, ret, ret_origin))
		return -1;
	if (!cel_program_may_be(*ret, CEL_BOOL))
		return complain(load, node, "%s: when is true or false; this expression is neither",
				rule);
	return 0;
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
	if (node->type != YAML_MAP || node->count != 1)
		return complain(load, node, "%s.each: one variable and its list are expected, "
				"for example {tag: values.skillTag}", rule);
	if (!is_variable_name(node->keys[0]->text))
		return complain(load, node->keys[0], "%s.each: \"%s\" can not name a variable",
				rule, node->keys[0]->text.data);
	if (expression_load(load, node->items[0], rule, &item->each,
			    &item->each_origin))
		return -1;
	if (!cel_program_may_be(item->each, CEL_LIST))
		return complain(load, node->items[0], "%s.each: a list is expected here", rule);
	item->each_name = node->keys[0]->text.data;
	cel_env_declare(load->rules->env, item->each_name);
	return 0;
}

/*
 * A `when` that does not use the variable of `each` is about the person, not the element:
 * it is asked once, and an empty list then states the kinds.
 */
static int load_item_when(struct rules_loader *load, const struct yaml_node *node,
			  const char *rule, struct assign_item *item)
{
	const struct cel_program *alone;

	if (load_condition(load, node, rule, &item->when, &item->origin))
		return -1;
	item->when_first = true;
	if (item->each) {
		cel_env_undeclare(load->rules->env, 1);
		item->when_first = cel_compile(&load->rules->mem, load->rules->env, node->text,
					       (struct cel_place){ 0 }, &alone, NULL) == 0;
		cel_env_declare(load->rules->env, item->each_name);
	}
	return 0;
}

static int load_item(struct rules_loader *load, const struct people_block *block,
		     unsigned index, const struct yaml_node *node, struct assign_item *item)
{
	struct assign_list assigns = { 0 };
	const struct yaml_node *when, *each;
	struct assign_rule *kept;
	char rule[128];
	int status = 0;

	snprintf(rule, sizeof(rule), "%s.assign[%u]", block->name, index + 1);
	if (node->type != YAML_MAP)
		return complain(load, node, "%s: assignments are expected here", rule);
	if (!check_keys(load, node, rule, KEYS(assign_keys)))
		status = -1;
	item->origin = rules_origin_add(load, node, rule);
	each = yaml_get(node, "each");
	if (each && load_each(load, each, rule, item))
		return -1;
	when = yaml_get(node, "when");
	if (when && load_item_when(load, when, rule, item))
		status = -1;
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++) {
		const struct yaml_node *names = yaml_get(node, kind_keys[kind]);
		char what[160];

		if (!names)
			continue;
		item->kinds |= (uint8_t)(1u << kind);
		snprintf(what, sizeof(what), "%s.%s", rule, kind_keys[kind]);
		if (kind == ASSIGN_SKILL || kind == ASSIGN_LANGUAGE
			    ? load_levels(load, kind, names, what, &assigns)
			    : load_names(load, kind, names, what, &assigns))
			status = -1;
	}
	if (item->each)
		cel_env_undeclare(load->rules->env, 1);
	if (!item->kinds && !status)
		status = complain(load, node, "%s assigns nothing; it wants roles, skills, "
				  "languages, groups or queues", rule);
	kept = arena_array(&load->rules->mem, assigns.list.count + 1, sizeof(*kept));
	if (assigns.list.count)
		memcpy(kept, assigns.list.items, assigns.list.count * sizeof(*kept));
	item->rules = kept;
	item->count = (unsigned)assigns.list.count;
	vec_release(&assigns.list);
	return status;
}

static int load_assign(struct rules_loader *load, struct people_block *block,
		       const struct yaml_node *node)
{
	struct assign_item *items;
	int status = 0;

	if (node->type != YAML_LIST)
		return complain(load, node, "%s.assign: a list is expected here", block->name);
	items = arena_array(&load->rules->mem, node->count + 1, sizeof(*items));
	for (unsigned i = 0; i < node->count; i++)
		if (load_item(load, block, i, node->items[i], &items[i]))
			status = -1;
	block->items = items;
	block->item_count = node->count;
	return status;
}

/* --- blocks ------------------------------------------------------------------------------ */

static int load_match(struct rules_loader *load, struct people_block *block,
		      const struct yaml_node *node)
{
	block->match_count = 0;
	if (node->type != YAML_LIST || node->count == 0 || node->count > sizeof(block->match))
		return complain(load, node, "%s.match: a list of one to %zu attributes is expected",
				block->name, sizeof(block->match));
	for (unsigned i = 0; i < node->count; i++) {
		const struct yaml_node *item = node->items[i];
		enum scim_attr attr = item->type == YAML_TEXT ? scim_attr_find(item->text.data)
							      : SCIM_ATTR_COUNT;
		const char *near;

		if (attr == SCIM_ATTR_COUNT || scim_attr(attr)->multi) {
			near = item->type == YAML_TEXT ? scim_attr_nearest(item->text.data) : NULL;
			return complain(load, item, "%s.match: not an attribute with one value%s%s",
					block->name, near ? "; nearest: " : "", near ? near : "");
		}
		if (memchr(block->match, (int)attr, block->match_count))
			return complain(load, item, "%s.match: %s is given twice", block->name,
					scim_attr(attr)->name);
		block->match[block->match_count++] = (uint8_t)attr;
	}
	return 0;
}

/* One member of `own`; -1 when it names nothing, or what has its own already. */
static int load_own_of(struct rules_loader *load, struct people_block *block,
		       struct field_rule *fields, const struct yaml_node *key, enum own own)
{
	const char *name = key->text.data, *near_attr;
	enum scim_attr attr = scim_attr_find(name);
	int near;

	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++) {
		if (strcmp(name, kind_keys[kind]) == 0) {
			block->own[kind] = (uint8_t)own;
			return 0;
		}
	}
	for (unsigned f = 0; f < block->field_count; f++) {
		if (fields[f].attr != attr)
			continue;
		if (fields[f].own_stated)
			return complain(load, key, "own of %s stands in profile already", name);
		fields[f].own = own;
	}
	if (attr != SCIM_ATTR_COUNT)
		return 0;
	near = text_nearest(name, kind_keys, ASSIGN_KIND_COUNT);
	near_attr = near >= 0 ? kind_keys[near] : scim_attr_nearest(name);
	return complain(load, key, "own has no \"%s\"%s%s", name,
			near_attr ? "; nearest: " : "", near_attr ? near_attr : "");
}

static int load_own(struct rules_loader *load, struct people_block *block,
		    const struct yaml_node *node)
{
	struct field_rule *fields;
	int status = 0;

	if (node->type != YAML_MAP)
		return complain(load, node, "%s.own: kinds or attributes are expected here",
				block->name);
	fields = arena_array(&load->rules->mem, block->field_count + 1, sizeof(*fields));
	if (block->field_count)
		memcpy(fields, block->fields, block->field_count * sizeof(*fields));
	for (unsigned i = 0; i < node->count; i++) {
		enum own own = OWN_MANAGE;

		if (parse_own(load, node->items[i], &own) ||
		    load_own_of(load, block, fields, node->keys[i], own))
			status = -1;
	}
	block->fields = fields;
	return status;
}

static const struct field_rule *find_field(const struct people_block *block,
					   enum scim_attr attr)
{
	for (unsigned i = 0; i < block->field_count; i++)
		if (block->fields[i].attr == attr)
			return &block->fields[i];
	return NULL;
}

/* externalId is stated in any case (map.h). */
static int check_match(struct rules_loader *load, const struct people_block *block,
		       const struct yaml_node *node)
{
	int status = 0;

	for (unsigned i = 0; i < block->match_count; i++) {
		enum scim_attr attr = (enum scim_attr)block->match[i];

		if (attr != SCIM_ATTR_EXTERNAL_ID && !find_field(block, attr))
			status = complain(load, node->items[i],
					  "%s.match: the profile does not state %s",
					  block->name, scim_attr(attr)->name);
	}
	return status;
}

static int load_name_of(struct rules_loader *load, unsigned index,
			const struct yaml_node *node, struct people_block *block)
{
	block->name = arena_printf(&load->rules->mem, "people[%u]", index + 1);
	if (!node)
		return 0;
	if (node->type != YAML_TEXT || node->text.len == 0)
		return complain(load, node, "%s.name: text is expected here", block->name);
	block->name = node->text.data;
	return 0;
}

static int load_block(struct rules_loader *load, unsigned index, const struct yaml_node *node)
{
	struct people_block block = { .match = { SCIM_ATTR_EXTERNAL_ID, SCIM_ATTR_USER_NAME },
				      .match_count = 2 };
	const struct yaml_node *part, *match;
	int status = 0;

	memset(block.own, OWN_MERGE, sizeof(block.own));
	if (node->type != YAML_MAP)
		return complain(load, node, "a block of people is expected here");
	if (!check_keys(load, node, "a block of people", KEYS(block_keys)))
		status = -1;
	if (load_name_of(load, index, yaml_get(node, "name"), &block))
		status = -1;
	block.origin = rules_origin_add(load, node, block.name);
	part = yaml_get(node, "when");
	if (part && load_condition(load, part, block.name, &block.when, &block.origin))
		status = -1;
	match = yaml_get(node, "match");
	if (match && load_match(load, &block, match)) {
		status = -1;
		match = NULL;
	}
	part = yaml_get(node, "profile");
	if (!part)
		status = complain(load, node, "%s: profile is missing", block.name);
	else if (load_profile(load, &block, part))
		status = -1;
	else if (!find_field(&block, SCIM_ATTR_USER_NAME))
		status = complain(load, part, "%s.profile: userName is missing", block.name);
	else if (match && check_match(load, &block, match))
		status = -1;
	part = yaml_get(node, "assign");
	if (part && load_assign(load, &block, part))
		status = -1;
	part = yaml_get(node, "own");
	if (part && load_own(load, &block, part))
		status = -1;
	vec_push(&load->rules->blocks, block);
	return status;
}

static int load_tree(struct rules_loader *load, const struct yaml_node *root)
{
	const struct yaml_node *version, *people;
	int status = 0;

	if (root->type != YAML_MAP)
		return complain(load, root, "version and people are expected here");
	if (!check_keys(load, root, "a rule file", KEYS(file_keys)))
		status = -1;
	version = yaml_get(root, "version");
	if (!version || version->type != YAML_TEXT || !slice_eq_str(version->text, "1"))
		status = complain(load, version ? version : root, "version: 1 is expected");
	people = yaml_get(root, "people");
	if (!people || people->type != YAML_LIST || people->count == 0)
		return complain(load, people ? people : root,
				"people: a list with at least one block is expected");
	for (unsigned i = 0; i < people->count; i++)
		if (load_block(load, i, people->items[i]))
			status = -1;
	return status;
}

static int load_text(struct rules *rules, const char *path, struct slice text,
		     struct diags *diags)
{
	struct rules_loader load = { .rules = rules, .diags = diags };
	struct rule_file file = { .path = arena_strdup(&rules->mem, path) };
	const struct yaml_node *root;
	struct err err = ERR_INIT;

	load.file = file.path;
	file.text = slice_of(arena_strndup(&rules->mem, text.data, text.len), text.len);
	if (yaml_parse(&rules->mem, text.data, text.len, file.path, &root, &err)) {
		diags_add(diags, &err);
		return -1;
	}
	vec_push(&rules->files, file);
	return load_tree(&load, root);
}

static int load_file(struct rules *rules, const char *path, struct diags *diags)
{
	struct err err = ERR_INIT;
	struct buf text;
	int status;

	buf_init(&text, YAML_BYTES_MAX);
	status = buf_read_file(&text, path, &err);
	if (status) {
		/* A rule file that is not there is a wrong setting, not a failed run. */
		if (err.kind == ERR_IO)
			err.kind = ERR_INVALID;
		diags_add(diags, &err);
	} else {
		status = load_text(rules, path,
				   slice_of(text.data ? text.data : "", text.len), diags);
	}
	buf_release(&text);
	return status;
}

static struct rules *rules_new(void)
{
	struct rules *rules = mem_zalloc(sizeof(*rules));

	arena_init(&rules->mem);
	layout_init(&rules->layout);
	group_names_init(&rules->groups);
	rules->env = cel_env_new(&rules->layout, &rules->groups);
	vec_push(&rules->origins, (struct origin){ 0 });
	return rules;
}

static int rules_done(struct rules *rules, int status, struct rules **ret_rules)
{
	if (status)
		rules_free(rules);
	else
		*ret_rules = rules;
	return status;
}

int rules_load(const char *const *paths, size_t count, struct rules **ret_rules,
	       struct diags *diags)
{
	struct rules *rules;
	int status = 0;

	if (count > RULES_FILES_MAX)
		return diags_at(diags, ERR_LIMIT, NULL, 0, 0, "more than %d rule files",
				RULES_FILES_MAX);
	rules = rules_new();
	for (size_t i = 0; i < count; i++)
		if (load_file(rules, paths[i], diags))
			status = -1;
	return rules_done(rules, status, ret_rules);
}

int rules_load_text(const char *path, struct slice text, struct rules **ret_rules,
		    struct diags *diags)
{
	struct rules *rules = rules_new();

	return rules_done(rules, load_text(rules, path, text, diags), ret_rules);
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	cel_env_free(rules->env);
	layout_release(&rules->layout);
	group_names_release(&rules->groups);
	vec_release(&rules->blocks);
	vec_release(&rules->origins);
	vec_release(&rules->group_origins);
	vec_release(&rules->files);
	arena_release(&rules->mem);
	mem_free(rules);
}

const struct layout *rules_layout(const struct rules *rules)
{
	return &rules->layout;
}

const struct group_names *rules_groups(const struct rules *rules)
{
	return &rules->groups;
}

origin_id rules_group_origin(const struct rules *rules, unsigned group)
{
	return group < rules->group_origins.count ? rules->group_origins.items[group] : 0;
}

size_t rules_origin_count(const struct rules *rules)
{
	return rules->origins.count;
}

const struct origin *rules_origin(const struct rules *rules, origin_id id)
{
	return &rules->origins.items[id < rules->origins.count ? id : 0];
}

const char *rules_origin_text(const struct rules *rules, origin_id id, char *out, size_t size)
{
	const struct origin *origin = rules_origin(rules, id);
	const char *slash;

	if (!origin->file) {
		out[0] = '\0';
		return out;
	}
	slash = strrchr(origin->file, '/');
	snprintf(out, size, "%s:%u:%u (%s)", slash ? slash + 1 : origin->file, origin->line,
		 origin->column, origin->rule);
	return out;
}

static void each_literal_of(const struct people_block *block,
			    void (*fn)(void *, unsigned, const char *, origin_id), void *ctx)
{
	const struct field_rule *division = find_field(block, SCIM_ATTR_DIVISION);

	if (division && division->value.literal)
		fn(ctx, ASSIGN_KIND_COUNT, division->value.literal, division->value.origin);
	for (unsigned i = 0; i < block->item_count; i++) {
		for (unsigned r = 0; r < block->items[i].count; r++) {
			const struct assign_rule *rule = &block->items[i].rules[r];

			if (rule->name.literal)
				fn(ctx, rule->kind, rule->name.literal, rule->origin);
			if (rule->division.literal && strcmp(rule->division.literal, "*") != 0)
				fn(ctx, ASSIGN_KIND_COUNT, rule->division.literal,
				   rule->division.origin);
		}
	}
}

void rules_each_literal(const struct rules *rules,
			void (*fn)(void *ctx, unsigned kind, const char *name, origin_id origin),
			void *ctx)
{
	for (size_t b = 0; b < rules->blocks.count; b++)
		each_literal_of(&rules->blocks.items[b], fn, ctx);
}

static void each_place_of(const struct people_block *block,
			  void (*fn)(void *, enum map_event_kind, origin_id), void *ctx)
{
	fn(ctx, MAP_BLOCK, block->origin);
	for (unsigned i = 0; i < block->field_count; i++)
		fn(ctx, MAP_FIELD, block->fields[i].value.origin);
	for (unsigned i = 0; i < block->item_count; i++) {
		const struct assign_item *item = &block->items[i];

		fn(ctx, MAP_ITEM, item->origin);
		if (item->each)
			fn(ctx, MAP_EACH, item->each_origin);
		for (unsigned r = 0; r < item->count; r++)
			fn(ctx, MAP_ASSIGN, item->rules[r].origin);
	}
}

void rules_each_place(const struct rules *rules,
		      void (*fn)(void *ctx, enum map_event_kind kind, origin_id origin),
		      void *ctx)
{
	for (size_t b = 0; b < rules->blocks.count; b++)
		each_place_of(&rules->blocks.items[b], fn, ctx);
}

void rules_each_file(const struct rules *rules,
		     void (*fn)(void *ctx, const char *path, struct slice text), void *ctx)
{
	for (size_t i = 0; i < rules->files.count; i++)
		fn(ctx, rules->files.items[i].path, rules->files.items[i].text);
}
