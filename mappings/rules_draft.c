/*
 * Drafts: the blocks of a file in the right form, and what overrides what (rules_load.h).
 */
#include "mappings/rules_load.h"

#include <stdio.h>
#include <string.h>

#include "scim/base/banned.h"

/* "title", or "emails.work" */
static const char *field_name(const struct draft_field *field, char out[128])
{
	snprintf(out, 128, "%s%s%s", scim_attr(field->attr)->name, field->key ? "." : "",
		 field->key ? field->key : "");
	return out;
}

/* Does `marker` speak of `field`? One without a type speaks of all types. */
static bool same_field(const struct draft_field *marker, const struct draft_field *field)
{
	struct scim_field a = { (uint16_t)marker->attr, marker->key, NULL };
	struct scim_field b = { (uint16_t)field->attr, field->key, NULL };

	if (marker->attr != field->attr)
		return false;
	return (marker->removed && !marker->key) || (field->removed && !field->key) ||
	       scim_field_cmp(&a, &b) == 0;
}

/* --- profile ----------------------------------------------------------------------------- */

bool rules_may_clear(enum scim_attr attr)
{
	return attr != SCIM_ATTR_USER_NAME && attr != SCIM_ATTR_EXTERNAL_ID &&
	       attr != SCIM_ATTR_DISPLAY_NAME && attr != SCIM_ATTR_ACTIVE &&
	       attr != SCIM_ATTR_DIVISION;
}

/* {value, own, clear, remove} */
static int read_value_map(struct rules_loader *load, const struct yaml_node *node,
			  const char *rule, struct draft_field *field)
{
	const struct yaml_node *own;

	if (!rules_check_map(load, node, rule, RULE_PLACE_VALUE))
		return -1;
	field->value = rules_get(node, RULE_PLACE_VALUE, "value");
	field->clear = rules_true(node, RULE_PLACE_VALUE, "clear");
	field->removed = rules_true(node, RULE_PLACE_VALUE, "remove");
	own = rules_get(node, RULE_PLACE_VALUE, "own");
	field->own_stated = own != NULL;
	if (own)
		field->own = (enum own)rules_word(own, RULE_OWN);
	if (field->removed && node->count > 1)
		return rules_complain(load, node, "%s: remove: true stands alone", rule);
	if (field->clear && !rules_may_clear(field->attr))
		return rules_complain(load, yaml_get(node, "clear"), "%s: an account can not be "
				      "without it, so it can not be cleared", rule);
	if (!field->value && !field->clear && !field->removed)
		return rules_complain(load, node, "%s: value is missing", rule);
	return 0;
}

static int add_field(struct rules_loader *load, struct draft *draft,
		     const struct draft_field *field)
{
	char name[128];

	if (draft->fields.count >= SCIM_FIELDS_MAX)
		return rules_complain(load, field->at, "%s.profile has more than %d values",
				      draft->name, SCIM_FIELDS_MAX);
	for (size_t i = 0; i < draft->fields.count; i++)
		if (same_field(&draft->fields.items[i], field))
			return rules_complain(load, field->at, "%s.profile.%s is given twice",
					      draft->name, field_name(field, name));
	vec_push(&draft->fields, *field);
	return 0;
}

static int read_field(struct rules_loader *load, struct draft *draft, enum scim_attr attr,
		      const char *key, const struct yaml_node *at, const struct yaml_node *node)
{
	struct draft_field field = { .attr = attr, .key = key, .at = at, .value = node,
				     .own = OWN_MANAGE };
	char name[128], rule[256];

	snprintf(rule, sizeof(rule), "%s.profile.%s", draft->name, field_name(&field, name));
	if (node->type == YAML_LIST)
		return rules_complain(load, node, "%s wants text, or {value, own, clear}", rule);
	if (node->type == YAML_MAP && read_value_map(load, node, rule, &field))
		return -1;
	return add_field(load, draft, &field);
}

static int read_multi(struct rules_loader *load, struct draft *draft, enum scim_attr attr,
		      const struct yaml_node *at, const struct yaml_node *node)
{
	const char *name = scim_attr(attr)->name;
	int status = 0;

	if (node->type != YAML_MAP)
		return rules_complain(load, node, "%s.profile.%s wants values by type, for "
				      "example {work: ...}", draft->name, name);
	if (node->count == 1 && rules_true(node, RULE_PLACE_VALUE, "remove")) {
		struct draft_field all = { .attr = attr, .at = at, .removed = true };

		return add_field(load, draft, &all);
	}
	for (unsigned i = 0; i < node->count; i++) {
		const struct yaml_node *key = node->keys[i];

		if (!key->text.len || strstr(key->text.data, "${"))
			status = rules_complain(load, key, "%s.profile.%s: a type is a plain word, "
						"for example work", draft->name, name);
		else if (read_field(load, draft, attr, key->text.data, key, node->items[i]))
			status = -1;
	}
	return status;
}

static int read_profile(struct rules_loader *load, struct draft *draft)
{
	const struct yaml_node *node = draft->profile;
	int status = 0;

	for (unsigned i = 0; node && i < node->count; i++) {
		const struct yaml_node *key = node->keys[i], *value = node->items[i];
		enum scim_attr attr = scim_attr_find(key->text.data);
		const char *near;

		if (attr == SCIM_ATTR_COUNT) {
			near = scim_attr_nearest(key->text.data);
			status = rules_complain(load, key, "profile has no attribute \"%s\"%s%s",
						key->text.data, near ? "; nearest: " : "",
						near ? near : "");
		} else if (scim_attr(attr)->multi
				   ? read_multi(load, draft, attr, key, value)
				   : read_field(load, draft, attr, NULL, key, value)) {
			status = -1;
		}
	}
	return status;
}

/* --- match and own ----------------------------------------------------------------------- */

static int read_match(struct rules_loader *load, struct draft *draft)
{
	const struct yaml_node *node = draft->match;

	if (!node)
		return 0;
	if (node->count == 0 || node->count > RULES_MATCH_MAX)
		return rules_complain(load, node, "%s.match wants a list of one to %d attributes",
				      draft->name, RULES_MATCH_MAX);
	for (unsigned i = 0; i < node->count; i++) {
		const struct yaml_node *item = node->items[i];
		enum scim_attr attr = item->type == YAML_TEXT ? scim_attr_find(item->text.data)
							      : SCIM_ATTR_COUNT;
		const char *near;

		if (attr == SCIM_ATTR_COUNT || scim_attr(attr)->multi) {
			near = item->type == YAML_TEXT ? scim_attr_nearest(item->text.data) : NULL;
			return rules_complain(load, item, "%s.match: not an attribute with one "
					      "value%s%s", draft->name, near ? "; nearest: " : "",
					      near ? near : "");
		}
		if (memchr(draft->match_attrs, (int)attr, draft->match_count))
			return rules_complain(load, item, "%s.match: %s is given twice", draft->name,
					      scim_attr(attr)->name);
		draft->match_attrs[draft->match_count++] = (uint8_t)attr;
	}
	return 0;
}

/* Kind or attribute that a member of `own` names; -1 when none. */
static int own_slot(const char *name)
{
	enum scim_attr attr = scim_attr_find(name);

	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		if (strcmp(name, rules_kind_key(kind)) == 0)
			return (int)kind;
	return attr == SCIM_ATTR_COUNT ? -1 : (int)(ASSIGN_KIND_COUNT + attr);
}

static int unknown_slot(struct rules_loader *load, const struct yaml_node *key)
{
	const char *kinds[ASSIGN_KIND_COUNT], *near;
	int kind;

	for (unsigned k = 0; k < ASSIGN_KIND_COUNT; k++)
		kinds[k] = rules_kind_key(k);
	kind = text_nearest(key->text.data, kinds, ASSIGN_KIND_COUNT);
	near = kind >= 0 ? kinds[kind] : scim_attr_nearest(key->text.data);
	return rules_complain(load, key, "own has no \"%s\"%s%s", key->text.data,
			      near ? "; nearest: " : "", near ? near : "");
}

static int read_own_of(struct rules_loader *load, struct draft *draft,
		       const struct yaml_node *key, const struct yaml_node *value)
{
	struct draft_own own = { .at = key };
	int slot = own_slot(key->text.data), word = rules_word(value, RULE_OWN);
	const char *words[] = { "manage", "seed", "merge", "never" };
	char near[64] = "";

	if (slot < 0)
		return unknown_slot(load, key);
	if (word < 0) {
		if (value->type == YAML_TEXT)
			rules_nearest(value->text.data, words, 4, near, sizeof(near));
		return rules_complain(load, value, "own of %s wants %s%s", key->text.data,
				      rule_type_expected(RULE_OWN), near);
	}
	own.slot = (unsigned)slot;
	own.own = (enum own)word;
	for (size_t i = 0; i < draft->fields.count; i++)
		if (draft->fields.items[i].own_stated &&
		    own.slot == ASSIGN_KIND_COUNT + (unsigned)draft->fields.items[i].attr)
			return rules_complain(load, key, "own of %s stands in profile already",
					      key->text.data);
	for (size_t i = 0; i < draft->owns.count; i++)
		if (draft->owns.items[i].slot == own.slot)
			return rules_complain(load, key, "own of %s is given twice",
					      key->text.data);
	vec_push(&draft->owns, own);
	return 0;
}

static int read_own(struct rules_loader *load, struct draft *draft, const struct yaml_node *node)
{
	int status = 0;

	for (unsigned i = 0; node && i < node->count; i++)
		if (read_own_of(load, draft, node->keys[i], node->items[i]))
			status = -1;
	return status;
}

/* --- assign ------------------------------------------------------------------------------ */

static struct draft_item *find_item(const struct draft *draft, const char *name)
{
	for (size_t i = 0; name && i < draft->items.count; i++)
		if (draft->items.items[i].name &&
		    strcmp(draft->items.items[i].name, name) == 0)
			return &draft->items.items[i];
	return NULL;
}

static int read_item(struct rules_loader *load, struct draft *draft, unsigned index,
		     const struct yaml_node *node)
{
	struct draft_item item = { .index = index, .node = node };
	const struct draft_item *same;
	const struct yaml_node *name;

	if (node->type != YAML_MAP)
		return rules_complain(load, node, "%s.assign[%u] wants assignments", draft->name,
				      index + 1);
	name = rules_get(node, RULE_PLACE_ASSIGN, "name");
	if (name && name->text.len == 0)
		return rules_complain(load, name, "%s.assign[%u].name wants text", draft->name,
				      index + 1);
	item.name = name ? name->text.data : NULL;
	same = find_item(draft, item.name);
	if (same)
		return rules_complain(load, name, "%s.assign has two items named \"%s\"; the "
				      "other is at line %u", draft->name, item.name,
				      same->node->line);
	if (rules_true(node, RULE_PLACE_ASSIGN, "remove") && (node->count > 2 || !name))
		return rules_complain(load, node, "%s.assign[%u]: remove: true stands with a name "
				      "and nothing else", draft->name, index + 1);
	vec_push(&draft->items, item);
	return 0;
}

static int read_items(struct rules_loader *load, struct draft *draft,
		      const struct yaml_node *node)
{
	int status = 0;

	if (node && node->count > RULES_ITEMS_MAX)
		return rules_complain(load, node, "%s.assign has more than %d items", draft->name,
				      RULES_ITEMS_MAX);
	for (unsigned i = 0; node && i < node->count; i++)
		if (read_item(load, draft, i, node->items[i]))
			status = -1;
	return status;
}

/* --- a block ----------------------------------------------------------------------------- */

static int read_block_name(struct rules_loader *load, const struct yaml_node *node,
			   struct draft *draft)
{
	const struct yaml_node *name = rules_get(node, RULE_PLACE_PEOPLE, "name");

	if (!name)
		return 0;
	if (name->text.len == 0)
		return rules_complain(load, name, "%s.name wants text", draft->name);
	draft->name = name->text.data;
	draft->named = name;
	return 0;
}

/* What only a people block has. */
static int read_block(struct rules_loader *load, const struct yaml_node *node,
		      struct draft *draft)
{
	int status = 0;

	draft->when = rules_get(node, RULE_PLACE_PEOPLE, "when");
	draft->from = rules_get(node, RULE_PLACE_PEOPLE, "from");
	draft->until = rules_get(node, RULE_PLACE_PEOPLE, "until");
	draft->skip = rules_get(node, RULE_PLACE_PEOPLE, "skip");
	draft->removed = rules_true(node, RULE_PLACE_PEOPLE, "remove");
	if (draft->removed && (node->count > 2 || !draft->named))
		status = rules_complain(load, node, "%s: remove: true stands with a name and "
					"nothing else", draft->name);
	if (read_items(load, draft, rules_get(node, RULE_PLACE_PEOPLE, "assign")))
		status = -1;
	return status;
}

int draft_read(struct rules_loader *load, const struct yaml_node *node, enum rule_place place,
	       const char *name, unsigned source, struct draft *ret)
{
	int status = 0;

	*ret = (struct draft){ .name = name, .node = node, .source = source };
	if (place == RULE_PLACE_PEOPLE && read_block_name(load, node, ret))
		status = -1;
	if (!rules_check_map(load, node, ret->name, place))
		status = -1;
	ret->match = rules_get(node, place, "match");
	ret->profile = rules_get(node, place, "profile");
	if (read_match(load, ret))
		status = -1;
	ret->profile_bad = read_profile(load, ret) != 0;
	if (ret->profile_bad)
		status = -1;
	if (read_own(load, ret, rules_get(node, place, "own")))
		status = -1;
	if (place == RULE_PLACE_PEOPLE && read_block(load, node, ret))
		status = -1;
	return status;
}

void draft_copy(struct draft *draft, const struct draft *from)
{
	*draft = *from;
	memset(&draft->fields, 0, sizeof(draft->fields));
	memset(&draft->owns, 0, sizeof(draft->owns));
	memset(&draft->items, 0, sizeof(draft->items));
	for (size_t i = 0; i < from->fields.count; i++)
		vec_push(&draft->fields, from->fields.items[i]);
	for (size_t i = 0; i < from->owns.count; i++)
		vec_push(&draft->owns, from->owns.items[i]);
	for (size_t i = 0; i < from->items.count; i++)
		vec_push(&draft->items, from->items.items[i]);
}

void draft_release(struct draft *draft)
{
	vec_release(&draft->fields);
	vec_release(&draft->owns);
	vec_release(&draft->items);
}

/* --- what overrides what ----------------------------------------------------------------- */

/* Take out what `field` speaks of. Returns how many values (not markers) that were. */
static unsigned drop_fields(struct draft *base, const struct draft_field *field)
{
	unsigned dropped = 0;
	size_t kept = 0;

	for (size_t i = 0; i < base->fields.count; i++) {
		if (!same_field(field, &base->fields.items[i]))
			base->fields.items[kept++] = base->fields.items[i];
		else
			dropped += !base->fields.items[i].removed;
	}
	base->fields.count = kept;
	return dropped;
}

static void drop_own(struct draft *base, unsigned slot)
{
	size_t kept = 0;

	for (size_t i = 0; i < base->owns.count; i++)
		if (base->owns.items[i].slot != slot)
			base->owns.items[kept++] = base->owns.items[i];
	base->owns.count = kept;
}

static void inherit_fields(struct draft *base, const struct draft *over)
{
	for (size_t i = 0; i < over->fields.count; i++) {
		struct draft_field field = over->fields.items[i];

		/* A marker stays: it keeps a default out as well. */
		field.remove_done = drop_fields(base, &field) > 0;
		if (field.own_stated)
			drop_own(base, ASSIGN_KIND_COUNT + (unsigned)field.attr);
		vec_push(&base->fields, field);
	}
}

static void inherit_owns(struct draft *base, const struct draft *over)
{
	for (size_t i = 0; i < over->owns.count; i++) {
		struct draft_own own = over->owns.items[i];

		drop_own(base, own.slot);
		/* The later file's word, also against what stands in the value. */
		for (size_t f = 0; f < base->fields.count; f++)
			if (own.slot == ASSIGN_KIND_COUNT + (unsigned)base->fields.items[f].attr)
				base->fields.items[f].own_stated = false;
		vec_push(&base->owns, own);
	}
}

static int no_such_item(struct rules_loader *load, const struct draft *base,
			const struct draft_item *item)
{
	const char *names[64];
	size_t count = 0;
	char near[128];

	for (size_t i = 0; i < base->items.count && count < 64; i++)
		if (base->items.items[i].name && base->items.items[i].name != item->name)
			names[count++] = base->items.items[i].name;
	return rules_complain(load, yaml_get(item->node, "name"), "%s.assign: no item \"%s\" is "
			      "inherited that could be removed%s", base->name, item->name,
			      rules_nearest(item->name, names, count, near, sizeof(near)));
}

static void remove_item(struct draft *base, struct draft_item *item)
{
	size_t at = (size_t)(item - base->items.items);

	memmove(item, item + 1, (--base->items.count - at) * sizeof(*item));
}

static int inherit_items(struct rules_loader *load, struct draft *base, const struct draft *over)
{
	int status = 0;

	for (size_t i = 0; i < over->items.count; i++) {
		const struct draft_item *item = &over->items.items[i];
		struct draft_item *old = find_item(base, item->name);

		if (!rules_true(item->node, RULE_PLACE_ASSIGN, "remove")) {
			if (old)
				*old = *item;
			else
				vec_push(&base->items, *item);
		} else if (old) {
			remove_item(base, old);
		} else {
			status = no_such_item(load, base, item);
		}
	}
	return status;
}

#define INHERIT(base, over, part) ((base)->part = (over)->part ? (over)->part : (base)->part)

int draft_inherit(struct rules_loader *load, struct draft *base, struct draft *over)
{
	int status;

	INHERIT(base, over, when);
	INHERIT(base, over, from);
	INHERIT(base, over, until);
	INHERIT(base, over, skip);
	INHERIT(base, over, profile);
	base->profile_bad |= over->profile_bad;
	if (over->match) {
		base->match = over->match;
		base->match_count = over->match_count;
		memcpy(base->match_attrs, over->match_attrs, sizeof(base->match_attrs));
	}
	inherit_fields(base, over);
	inherit_owns(base, over);
	status = inherit_items(load, base, over);
	base->node = over->node;
	base->named = over->named;
	base->source = over->source;
	draft_release(over);
	return status;
}

static bool has_own(const struct draft *draft, unsigned slot)
{
	for (size_t i = 0; i < draft->owns.count; i++)
		if (draft->owns.items[i].slot == slot)
			return true;
	return false;
}

static void fill_fields(struct draft *draft, const struct draft *defaults)
{
	size_t stated = draft->fields.count;

	for (size_t d = 0; d < defaults->fields.count; d++) {
		struct draft_field field = defaults->fields.items[d];
		bool found = field.removed;

		for (size_t i = 0; i < stated && !field.removed; i++) {
			if (!same_field(&draft->fields.items[i], &field))
				continue;
			found = true;
			draft->fields.items[i].remove_done = true;
		}
		if (found)
			continue;
		field.by_default = true;
		if (has_own(draft, ASSIGN_KIND_COUNT + (unsigned)field.attr))
			field.own_stated = false;
		vec_push(&draft->fields, field);
	}
}

/* A `remove` that met nothing is a mistake: perhaps a name that is spelled wrongly. */
static int check_removes(struct rules_loader *load, const struct draft *draft)
{
	const char *names[SCIM_ATTR_COUNT];
	size_t count = 0;
	char near[128], name[128];
	int status = 0;

	for (size_t i = 0; i < draft->fields.count && count < SCIM_ATTR_COUNT; i++)
		if (!draft->fields.items[i].removed)
			names[count++] = scim_attr(draft->fields.items[i].attr)->name;
	for (size_t i = 0; i < draft->fields.count; i++) {
		const struct draft_field *field = &draft->fields.items[i];

		if (!field->removed || field->remove_done)
			continue;
		status = rules_complain(load, field->at, "%s.profile: no %s is inherited that could "
					"be removed%s", draft->name, field_name(field, name),
					rules_nearest(field_name(field, name), names, count, near,
						      sizeof(near)));
	}
	return status;
}

int draft_finish(struct rules_loader *load, struct draft *draft, const struct draft *defaults)
{
	int status = 0;

	if (!draft->match && defaults->match) {
		draft->match = defaults->match;
		draft->match_count = defaults->match_count;
		memcpy(draft->match_attrs, defaults->match_attrs, sizeof(draft->match_attrs));
	}
	fill_fields(draft, defaults);
	for (size_t i = 0; i < defaults->owns.count; i++)
		if (!has_own(draft, defaults->owns.items[i].slot))
			vec_push(&draft->owns, defaults->owns.items[i]);
	for (size_t i = 0; i < draft->items.count; i++)
		if (rules_true(draft->items.items[i].node, RULE_PLACE_ASSIGN, "remove"))
			status = no_such_item(load, draft, &draft->items.items[i]);
	return check_removes(load, draft) ? -1 : status;
}
