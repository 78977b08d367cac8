/*
 * JSON Schemas of rule files and of files of cases: a definition for each place and each
 * type of rules_keys.def, and for each attribute of scim/schema.def.
 */
#include "mappings/json_schema.h"

#include <string.h>

#include "mappings/rule_test.h"
#include "mappings/rules_load.h"

#include "scim/base/banned.h"

#define PATTERN_BYTES_MAX 4096

/* Somewhere in the text an expression begins, so that only a run knows its value. */
#define TEMPLATE_PATTERN "\\$\\{"
#define WHOLE_TEMPLATE_PATTERN "^\\$\\{[\\s\\S]*\\}\\n?$"

static const char *const place_ids[] = {
#define PLACE(id, called) #id,
#include "mappings/rules_keys.def"
#undef PLACE
};
static const char *const type_ids[] = {
#define TYPE(id, forms, expected, words) #id,
#include "mappings/rules_keys.def"
#undef TYPE
};

/* Also what is empty, `null` or `~`. */
static void put_scalar(struct json_out *out)
{
	json_out_key(out, "type");
	json_out_array(out);
	json_out_text(out, "string");
	json_out_text(out, "number");
	json_out_text(out, "boolean");
	json_out_text(out, "null");
	json_out_array_end(out);
}

/* A value, or none. */
static void put_null_or_text(struct json_out *out)
{
	put_scalar(out);
	json_out_member_int(out, "minLength", 1);
}

static void ref_place(struct json_out *out, enum rule_place place)
{
	schema_ref(out, "place-%s", place_ids[place]);
}

static void ref_type(struct json_out *out, enum rule_type type)
{
	schema_ref(out, "type-%s", type_ids[type]);
}

/* One of a list of forms: {"pattern": ...}. */
static void put_pattern(struct json_out *out, const char *pattern, const char *format)
{
	json_out_object(out);
	json_out_member(out, "type", "string");
	json_out_member(out, "pattern", pattern);
	if (format)
		json_out_member(out, "format", format);
	json_out_object_end(out);
}

static void open_choice(struct json_out *out)
{
	json_out_key(out, "anyOf");
	json_out_array(out);
}

/* --- literals ---------------------------------------------------------------------------- */

/* rules_time_parse */
static void put_moment(struct json_out *out, bool templates)
{
	open_choice(out);
	put_pattern(out, "^\\d{4}-\\d\\d-\\d\\d$", "date");
	put_pattern(out, "^\\d{4}-\\d\\d-\\d\\d[Tt].*(?:[Zz]|[+-]\\d\\d:\\d\\d)$", "date-time");
	put_pattern(out, "^\\d{10,14}(?:[.,]\\d+)?(?:Z|[+-]\\d{2,4})$", NULL);
	if (templates)
		put_pattern(out, TEMPLATE_PATTERN, NULL);
	json_out_array_end(out);
}

/* A number from 0 to 5, or its text. */
static void put_level(struct json_out *out, bool whole, bool templates)
{
	open_choice(out);
	json_out_object(out);
	json_out_member(out, "type", whole ? "integer" : "number");
	json_out_member_int(out, "minimum", 0);
	json_out_member_int(out, "maximum", 5);
	json_out_object_end(out);
	put_pattern(out, whole ? "^0*[0-5](?:\\.0*)?$"
			       : "^(?=\\.?[0-9])(?:0*[0-4]?(?:\\.[0-9]*)?|0*5(?:\\.0*)?)$", NULL);
	if (templates)
		put_pattern(out, WHOLE_TEMPLATE_PATTERN, NULL);
	json_out_array_end(out);
}

/* Names with levels. */
static void put_levels(struct json_out *out, bool whole, bool templates)
{
	json_out_member(out, "type", "object");
	schema_open(out, "propertyNames");
	json_out_member_int(out, "minLength", 1);
	json_out_object_end(out);
	schema_open(out, "additionalProperties");
	put_level(out, whole, templates);
	json_out_object_end(out);
}

/* --- profile attributes ------------------------------------------------------------------ */

static void put_attr_literal(struct json_out *out, enum scim_attr attr)
{
	open_choice(out);
	switch (scim_attr(attr)->type) {
	case SCIM_BOOLEAN:
		json_out_object(out);
		schema_words(out, "true false");
		json_out_object_end(out);
		put_pattern(out, TEMPLATE_PATTERN, NULL);
		break;
	case SCIM_DATE:
		put_pattern(out, "^\\d{4}-\\d\\d-\\d\\d$", "date");
		put_pattern(out, TEMPLATE_PATTERN, NULL);
		break;
	case SCIM_REFERENCE:
		put_pattern(out, "^\\S+\\n?$", NULL);
		put_pattern(out, TEMPLATE_PATTERN, NULL);
		break;
	case SCIM_STRING:
		json_out_object(out);
		schema_text(out);
		json_out_object_end(out);
		break;
	}
	json_out_array_end(out);
}

/* {value, own, clear, remove} of this attribute. */
static void put_attr_map(struct json_out *out, enum scim_attr attr)
{
	json_out_object(out);
	json_out_key(out, "allOf");
	json_out_array(out);
	json_out_object(out);
	ref_place(out, RULE_PLACE_VALUE);
	json_out_object_end(out);
	json_out_object(out);
	schema_open(out, "properties");
	schema_open(out, "value");
	put_attr_literal(out, attr);
	json_out_object_end(out);
	if (!rules_may_clear(attr)) {
		schema_open(out, "clear");
		schema_words(out, "false");
		json_out_object_end(out);
	}
	json_out_object_end(out);
	json_out_object_end(out);
	json_out_array_end(out);
	json_out_object_end(out);
}

static void put_attr_value(struct json_out *out, enum scim_attr attr)
{
	open_choice(out);
	json_out_object(out);
	put_attr_literal(out, attr);
	json_out_object_end(out);
	put_attr_map(out, attr);
	json_out_array_end(out);
}

/* In a case: a value, or null for none. */
static void put_attr_expected(struct json_out *out, enum scim_attr attr)
{
	put_null_or_text(out);
	if (attr == SCIM_ATTR_MANAGER)
		json_out_member(out, "pattern", "=");
}

/* Values of a multi-valued attribute by their type. */
static void put_attr_types(struct json_out *out, enum scim_attr attr, bool expected)
{
	json_out_key(out, "type");
	if (expected) {
		json_out_array(out);
		json_out_text(out, "object");
		json_out_text(out, "null");
		json_out_array_end(out);
	} else {
		json_out_text(out, "object");
		schema_open(out, "propertyNames");
		json_out_member_int(out, "minLength", 1);
		schema_open(out, "not");
		json_out_member(out, "pattern", TEMPLATE_PATTERN);
		json_out_object_end(out);
		json_out_object_end(out);
	}
	schema_open(out, "additionalProperties");
	if (expected)
		put_attr_expected(out, attr);
	else
		put_attr_value(out, attr);
	json_out_object_end(out);
}

static void put_attr(struct json_out *out, enum scim_attr attr, bool expected)
{
	const struct scim_attr_row *row = scim_attr(attr);
	struct buf text;

	buf_init(&text, PATTERN_BYTES_MAX);
	buf_addf(&text, "SCIM attribute %s%s", row->path,
		 row->multi ? ", values by type, for example {work: ...}"
		 : row->type == SCIM_BOOLEAN ? ", true or false"
		 : row->type == SCIM_DATE    ? ", YYYY-MM-DD"
					     : "");
	json_out_member(out, "description", text.data);
	buf_release(&text);
	if (row->multi)
		put_attr_types(out, attr, expected);
	else if (expected)
		put_attr_expected(out, attr);
	else
		put_attr_value(out, attr);
}

/*
 * A name in letters of another case, which an editor takes and does not offer. The name itself
 * is left to "properties": validators take a key that is in both for a mistake.
 */
static void open_nocase(struct json_out *out, const char *name)
{
	struct buf pattern;

	buf_init(&pattern, PATTERN_BYTES_MAX);
	buf_addf(&pattern, "^(?!%s$)", name);
	schema_name_pattern(&pattern, name, true);
	buf_addch(&pattern, '$');
	schema_open(out, pattern.data);
	buf_release(&pattern);
}

static void put_attrs(struct json_out *out)
{
	schema_open(out, "properties");
	for (enum scim_attr attr = 0; attr < SCIM_ATTR_COUNT; attr++) {
		schema_open(out, scim_attr(attr)->name);
		schema_ref(out, "attr-%s", scim_attr(attr)->name);
		json_out_object_end(out);
	}
	json_out_object_end(out);
	schema_open(out, "patternProperties");
	for (enum scim_attr attr = 0; attr < SCIM_ATTR_COUNT; attr++) {
		open_nocase(out, scim_attr(attr)->name);
		schema_ref(out, "attr-%s", scim_attr(attr)->name);
		json_out_object_end(out);
	}
	json_out_object_end(out);
}

static void put_owns(struct json_out *out)
{
	schema_closed_map(out);
	schema_open(out, "properties");
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++) {
		schema_open(out, rules_kind_key(kind));
		json_out_member(out, "description",
				rule_key_find(RULE_PLACE_ASSIGN, rules_kind_key(kind))->help);
		ref_type(out, RULE_OWN);
		json_out_object_end(out);
	}
	for (enum scim_attr attr = 0; attr < SCIM_ATTR_COUNT; attr++) {
		schema_open(out, scim_attr(attr)->name);
		/* "division" is the attribute: no kind is called so. */
		json_out_member(out, "description", scim_attr(attr)->path);
		ref_type(out, RULE_OWN);
		json_out_object_end(out);
	}
	json_out_object_end(out);
	schema_open(out, "patternProperties");
	for (enum scim_attr attr = 0; attr < SCIM_ATTR_COUNT; attr++) {
		open_nocase(out, scim_attr(attr)->name);
		ref_type(out, RULE_OWN);
		json_out_object_end(out);
	}
	json_out_object_end(out);
}

/*
 * Names of attributes with one value: offered as they are written, taken in either case.
 * `typed`: also those with more, with a type behind a dot.
 */
static void put_attr_names(struct json_out *out, bool typed)
{
	struct buf pattern;
	const char *sep = "";

	buf_init(&pattern, PATTERN_BYTES_MAX);
	buf_addstr(&pattern, "^(?:");
	open_choice(out);
	json_out_object(out);
	json_out_key(out, "enum");
	json_out_array(out);
	for (enum scim_attr attr = 0; attr < SCIM_ATTR_COUNT; attr++) {
		if (scim_attr(attr)->multi && !typed)
			continue;
		if (!scim_attr(attr)->multi)
			json_out_text(out, scim_attr(attr)->name);
		buf_addstr(&pattern, sep);
		schema_name_pattern(&pattern, scim_attr(attr)->name, true);
		if (scim_attr(attr)->multi)
			buf_addstr(&pattern, "\\..+");
		sep = "|";
	}
	json_out_array_end(out);
	json_out_object_end(out);
	buf_addstr(&pattern, ")$");
	put_pattern(out, pattern.data, NULL);
	json_out_array_end(out);
	buf_release(&pattern);
}

/* --- types of rule files ----------------------------------------------------------------- */

static void put_list_of(struct json_out *out, enum rule_place place, unsigned min, unsigned max)
{
	json_out_member(out, "type", "array");
	json_out_member_int(out, "minItems", min);
	json_out_member_int(out, "maxItems", max);
	schema_open(out, "items");
	ref_place(out, place);
	json_out_object_end(out);
}

static void put_match(struct json_out *out)
{
	json_out_member(out, "type", "array");
	json_out_member_int(out, "minItems", 1);
	json_out_member_int(out, "maxItems", RULES_MATCH_MAX);
	json_out_key(out, "uniqueItems");
	json_out_bool(out, true);
	schema_open(out, "items");
	put_attr_names(out, false);
	json_out_object_end(out);
}

/* Names with texts. */
static void put_text_map(struct json_out *out)
{
	json_out_member(out, "type", "object");
	schema_open(out, "propertyNames");
	json_out_member_int(out, "minLength", 1);
	json_out_object_end(out);
	schema_open(out, "additionalProperties");
	schema_text(out);
	json_out_object_end(out);
}

/* One variable with its list; what is no list (a number, true) can not be the expression. */
static void put_each(struct json_out *out)
{
	json_out_member(out, "type", "object");
	json_out_member_int(out, "minProperties", 1);
	json_out_member_int(out, "maxProperties", 1);
	schema_open(out, "propertyNames");
	json_out_member(out, "pattern", "^[A-Za-z_][A-Za-z0-9_]*$");
	json_out_object_end(out);
	schema_open(out, "additionalProperties");
	json_out_member(out, "type", "string");
	json_out_member_int(out, "minLength", 1);
	json_out_object_end(out);
}

/* Role names, or maps of `place`; `alone`: one name need not be in a list. */
static void put_roles(struct json_out *out, enum rule_place place, bool alone)
{
	if (alone) {
		open_choice(out);
		json_out_object(out);
		schema_text(out);
		json_out_object_end(out);
		json_out_object(out);
	}
	json_out_member(out, "type", "array");
	schema_open(out, "items");
	open_choice(out);
	json_out_object(out);
	schema_text(out);
	json_out_object_end(out);
	json_out_object(out);
	ref_place(out, place);
	json_out_object_end(out);
	json_out_array_end(out);
	json_out_object_end(out);
	if (alone) {
		json_out_object_end(out);
		json_out_array_end(out);
	}
}

/* A condition; `when: true` is a boolean for who reads YAML. */
static void put_condition(struct json_out *out)
{
	json_out_key(out, "type");
	json_out_array(out);
	json_out_text(out, "string");
	json_out_text(out, "boolean");
	json_out_array_end(out);
	json_out_member_int(out, "minLength", 1);
}

/* --- types of files of cases ------------------------------------------------------------- */

static void put_text_list(struct json_out *out)
{
	json_out_member(out, "type", "array");
	schema_open(out, "items");
	schema_text(out);
	json_out_object_end(out);
}

/* An attribute's value: text, also empty, or bytes. */
static void put_entry_value(struct json_out *out)
{
	json_out_object(out);
	put_scalar(out);
	json_out_object_end(out);
	json_out_object(out);
	ref_place(out, RULE_PLACE_BYTES);
	json_out_object_end(out);
}

static void put_entry(struct json_out *out)
{
	json_out_member(out, "type", "object");
	json_out_key(out, "required");
	json_out_array(out);
	json_out_text(out, "dn");
	json_out_array_end(out);
	schema_open(out, "properties");
	schema_open(out, "dn");
	json_out_member(out, "description", "the entry's DN");
	schema_text(out);
	json_out_object_end(out);
	json_out_object_end(out);
	schema_open(out, "additionalProperties");
	open_choice(out);
	put_entry_value(out);
	json_out_object(out);
	json_out_member(out, "type", "array");
	schema_open(out, "items");
	open_choice(out);
	put_entry_value(out);
	json_out_array_end(out);
	json_out_object_end(out);
	json_out_object_end(out);
	json_out_array_end(out);
	json_out_object_end(out);
}

static void put_cleared(struct json_out *out)
{
	json_out_member(out, "type", "array");
	schema_open(out, "items");
	put_attr_names(out, true);
	json_out_object_end(out);
}

/* --- types ------------------------------------------------------------------------------- */

static void put_type(struct json_out *out, enum rule_type type)
{
	if (rule_type_words(type)) {
		schema_words(out, rule_type_words(type));
		return;
	}
	switch (type) {
	case RULE_EXPRESSION:
		put_condition(out);
		break;
	case RULE_TIME:
	case RULE_MOMENT:
		put_moment(out, type == RULE_TIME);
		break;
	case RULE_PATHS:
	case RULE_NAMES:
		schema_texts(out, 0);
		break;
	case RULE_RULES:
		schema_texts(out, 1);
		break;
	case RULE_TABLES:
		put_text_map(out);
		break;
	case RULE_BLOCKS:
		put_list_of(out, RULE_PLACE_PEOPLE, 1, RULES_BLOCKS_MAX);
		break;
	case RULE_DEFAULTS:
		ref_place(out, RULE_PLACE_DEFAULTS);
		break;
	case RULE_MATCH:
		put_match(out);
		break;
	case RULE_PROFILE:
	case RULE_EXPECT_PROFILE:
		schema_closed_map(out);
		put_attrs(out);
		break;
	case RULE_OWNS:
		put_owns(out);
		break;
	case RULE_SKIPS:
		put_list_of(out, RULE_PLACE_SKIP, 0, RULES_ITEMS_MAX);
		break;
	case RULE_ITEMS:
		put_list_of(out, RULE_PLACE_ASSIGN, 0, RULES_ITEMS_MAX);
		break;
	case RULE_EACH:
		put_each(out);
		break;
	case RULE_ROLES:
		put_roles(out, RULE_PLACE_ROLE, true);
		break;
	case RULE_PLAN:
		ref_place(out, RULE_PLACE_WORK_PLAN);
		break;
	case RULE_EXPECT_PLANS:
		put_list_of(out, RULE_PLACE_EXPECT_PLAN, 0, 1);
		break;
	case RULE_EXPECT_ROLES:
		put_roles(out, RULE_PLACE_EXPECT_ROLE, false);
		break;
	case RULE_LEVELS:
	case RULE_WHOLE_LEVELS:
		put_levels(out, type == RULE_WHOLE_LEVELS, true);
		break;
	case RULE_EXPECT_LEVELS:
		put_levels(out, false, false);
		break;
	case RULE_CASES:
		put_list_of(out, RULE_PLACE_CASE, 1, YAML_NODES_MAX);
		break;
	case RULE_ENTRY:
		put_entry(out);
		break;
	case RULE_PLAIN_NAMES:
	case RULE_SENTENCES:
		put_text_list(out);
		break;
	case RULE_EXPECT:
		ref_place(out, RULE_PLACE_EXPECT);
		break;
	case RULE_CLEARED:
		put_cleared(out);
		break;
	case RULE_BASE64:
		schema_text(out);
		json_out_member(out, "pattern", "^[A-Za-z0-9+/=]*$");
		break;
	case RULE_NAME_OR_NULL:
		put_null_or_text(out);
		break;
	default: /* NAME, PATH, TEMPLATE */
		schema_text(out);
	}
}

/* --- what rows of a place need of each other --------------------------------------------- */

static void put_required(struct json_out *out, const char *key)
{
	json_out_object(out);
	json_out_key(out, "required");
	json_out_array(out);
	json_out_text(out, key);
	json_out_array_end(out);
	json_out_object_end(out);
}

/* `remove: true` stands alone, or with the name of what is removed. */
static void put_removal(struct json_out *out, enum rule_place place)
{
	bool named = rule_key_find(place, "name") != NULL;

	schema_open(out, "if");
	json_out_key(out, "required");
	json_out_array(out);
	json_out_text(out, "remove");
	json_out_array_end(out);
	schema_open(out, "properties");
	schema_open(out, "remove");
	schema_words(out, "true");
	json_out_object_end(out);
	json_out_object_end(out);
	json_out_object_end(out);
	schema_open(out, "then");
	json_out_member_int(out, "maxProperties", named ? 2 : 1);
	if (named) {
		json_out_key(out, "required");
		json_out_array(out);
		json_out_text(out, "name");
		json_out_array_end(out);
	}
	json_out_object_end(out);
}

/* At least one of the keys that say what is assigned, or that nothing is any more. */
static void put_assigns(struct json_out *out)
{
	open_choice(out);
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		put_required(out, rules_kind_key(kind));
	put_required(out, "remove");
	json_out_array_end(out);
}

/* value, clear: true or remove: true */
static void put_value_choice(struct json_out *out)
{
	static const char *const flags[] = { "clear", "remove" };

	open_choice(out);
	put_required(out, "value");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		json_out_object(out);
		json_out_key(out, "required");
		json_out_array(out);
		json_out_text(out, flags[i]);
		json_out_array_end(out);
		schema_open(out, "properties");
		schema_open(out, flags[i]);
		schema_words(out, "true");
		json_out_object_end(out);
		json_out_object_end(out);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

/* {"required": [`one`], "not": {"anyOf": [each of the others]}} */
static void put_only(struct json_out *out, const char *one, const char *const *others)
{
	json_out_object(out);
	json_out_key(out, "required");
	json_out_array(out);
	json_out_text(out, one);
	json_out_array_end(out);
	schema_open(out, "not");
	open_choice(out);
	for (; *others; others++)
		put_required(out, *others);
	json_out_array_end(out);
	json_out_object_end(out);
	json_out_object_end(out);
}

/* An entry, or the DN of one. */
static void put_person(struct json_out *out)
{
	static const char *const not_entry[] = { "dn", "ldif", NULL };
	static const char *const not_dn[] = { "entry", NULL };

	open_choice(out);
	put_only(out, "entry", not_entry);
	put_only(out, "dn", not_dn);
	json_out_array_end(out);
}

/* Something; of the states one; nothing beside out_of_scope. */
static void put_states(struct json_out *out)
{
	json_out_member_int(out, "minProperties", 1);
	schema_open(out, "dependentSchemas");
	schema_open(out, "out_of_scope");
	json_out_member_int(out, "maxProperties", 1);
	json_out_object_end(out);
	json_out_object_end(out);
	schema_open(out, "not");
	json_out_key(out, "required");
	json_out_array(out);
	json_out_text(out, "refused");
	json_out_text(out, "skipped");
	json_out_array_end(out);
	json_out_object_end(out);
}

static void put_relations(struct json_out *out, enum rule_place place)
{
	if (rule_key_find(place, "remove"))
		put_removal(out, place);
	if (place == RULE_PLACE_ASSIGN)
		put_assigns(out);
	else if (place == RULE_PLACE_VALUE)
		put_value_choice(out);
	else if (place == RULE_PLACE_CASE)
		put_person(out);
	else if (place == RULE_PLACE_EXPECT)
		put_states(out);
}

/* --- places ------------------------------------------------------------------------------ */

/* The members of a place's mapping. */
static void put_place(struct json_out *out, enum rule_place place)
{
	schema_closed_map(out);
	schema_open(out, "properties");
	for (size_t i = 0; i < rule_key_count; i++) {
		if (rule_keys[i].place != place)
			continue;
		schema_open(out, rule_keys[i].name);
		json_out_member(out, "description", rule_keys[i].help);
		ref_type(out, rule_keys[i].type);
		json_out_object_end(out);
	}
	json_out_object_end(out);
	json_out_key(out, "required");
	json_out_array(out);
	for (size_t i = 0; i < rule_key_count; i++)
		if (rule_keys[i].place == place && rule_key_needed(place, rule_keys[i].name))
			json_out_text(out, rule_keys[i].name);
	json_out_array_end(out);
	put_relations(out, place);
}

static bool is_used(enum rule_type type, enum rule_place first, enum rule_place last)
{
	for (size_t i = 0; i < rule_key_count; i++)
		if (rule_keys[i].type == type && rule_keys[i].place >= first &&
		    rule_keys[i].place <= last)
			return true;
	return false;
}

/* A definition. */
static void open_named(struct json_out *out, const char *what, const char *id)
{
	struct buf name;

	buf_init(&name, PATTERN_BYTES_MAX);
	buf_addf(&name, "%s-%s", what, id);
	schema_open(out, name.data);
	buf_release(&name);
}

/* The document is the first of the places; the others, types and attributes are below it. */
static void put_schema(struct buf *to, const char *name, const char *title,
		       enum rule_place first, enum rule_place last)
{
	bool cases = first == RULE_PLACE_CASES;
	struct json_out out;

	json_out_init(&out, to);
	schema_begin(&out, name, title);
	put_place(&out, first);
	schema_open(&out, "$defs");
	for (enum rule_place place = first + 1; place <= last; place++) {
		open_named(&out, "place", place_ids[place]);
		put_place(&out, place);
		json_out_object_end(&out);
	}
	for (enum rule_type type = 0; type < RULE_TYPE_COUNT; type++) {
		if (!is_used(type, first, last))
			continue;
		open_named(&out, "type", type_ids[type]);
		put_type(&out, type);
		json_out_object_end(&out);
	}
	for (enum scim_attr attr = 0; attr < SCIM_ATTR_COUNT; attr++) {
		open_named(&out, "attr", scim_attr(attr)->name);
		put_attr(&out, attr, cases);
		json_out_object_end(&out);
	}
	json_out_object_end(&out);
	json_out_object_end(&out);
}

void rules_schema(struct buf *out)
{
	put_schema(out, "rules", "Rules of dirbridge: who gets what", RULE_PLACE_FILE,
		   RULE_PLACE_ROLE);
}

void rule_test_schema(struct buf *out)
{
	put_schema(out, "test", "Tests of the rules of dirbridge: *.test.yaml",
		   RULE_PLACE_CASES, RULE_PLACE_EXPECT_ROLE);
}
