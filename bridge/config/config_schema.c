/*
 * The JSON Schema of dirbridge.yaml, from its rows (config_impl.h).
 *
 * "limits.creates.count" may be written below `limits`, then below `creates`, or with dots
 * at any of these: each row is a definition, each beginning of names a group of them. Names
 * with dots are patterns, which editors check but do not offer.
 */
#include "bridge/config/config.h"

#include <stdio.h>
#include <string.h>

#include "bridge/config/config_impl.h"
#include "mappings/json_schema.h"

#include "scim/base/banned.h"

#define NAME_BYTES_MAX 128

struct rows {
	const struct option *options;
	const struct section *sections;
	size_t option_count, section_count;
};

/* --- a row ------------------------------------------------------------------------------- */

static void put_default_texts(struct json_out *out, const char *words)
{
	char separator = strchr(words, ';') ? ';' : ' ';

	json_out_array(out);
	while (*words) {
		const char *end = strchr(words, separator);
		size_t len = end ? (size_t)(end - words) : strlen(words);

		json_out_slice(out, slice_of(words, len));
		words += len + (end != NULL);
	}
	json_out_array_end(out);
}

static void put_default(struct json_out *out, enum option_type type, const char *preset)
{
	if (!preset[0])
		return;
	json_out_key(out, "default");
	switch (type) {
	case OPT_UINT:
	case OPT_BOOL:
		json_out_raw(out, slice_str(preset));
		break;
	case OPT_ENUM:
		json_out_slice(out, slice_of(preset, strcspn(preset, " ")));
		break;
	case OPT_TEXTS:
	case OPT_PATHS:
		put_default_texts(out, preset);
		break;
	default:
		json_out_text(out, preset);
	}
}

/* A filter or base may be empty in quotes: "" is the root of a directory. */
static void put_search(struct json_out *out, const struct option *option)
{
	size_t count;
	const struct search_key *keys = config_search_keys(&count);

	schema_closed_map(out);
	schema_open(out, "properties");
	for (size_t i = 0; i < count; i++) {
		/* "Of directory.people only", as the loader has it. */
		if (keys[i].type == OPT_TEXTS && strcmp(option->name, "directory.people") != 0)
			continue;
		schema_open(out, keys[i].name);
		json_out_member(out, "description", keys[i].help);
		put_default(out, keys[i].type, keys[i].preset);
		if (keys[i].type == OPT_ENUM)
			schema_words(out, keys[i].preset);
		else if (keys[i].type == OPT_TEXTS)
			schema_texts(out, 1);
		else
			json_out_member(out, "type", "string");
		json_out_object_end(out);
	}
	json_out_object_end(out);
	json_out_key(out, "required");
	json_out_array(out);
	for (size_t i = 0; i < count; i++)
		if (keys[i].needed)
			json_out_text(out, keys[i].name);
	json_out_array_end(out);
}

static void put_searches(struct json_out *out, const struct option *option)
{
	json_out_key(out, "anyOf");
	json_out_array(out);
	json_out_object(out);
	put_search(out, option);
	json_out_object_end(out);
	json_out_object(out);
	json_out_member(out, "type", "array");
	json_out_member_int(out, "maxItems", CONFIG_SEARCHES_MAX);
	schema_open(out, "items");
	put_search(out, option);
	json_out_object_end(out);
	json_out_object_end(out);
	json_out_array_end(out);
}

static void put_option(struct json_out *out, const struct option *option)
{
	schema_open(out, option->name);
	json_out_member(out, "description", option->help);
	put_default(out, option->type, option->preset);
	switch (option->type) {
	case OPT_TEXT:
	case OPT_PATH:
		schema_text(out);
		break;
	case OPT_UINT:
		schema_number(out, option->min, option->max);
		break;
	case OPT_BOOL:
		schema_words(out, "true false");
		break;
	case OPT_ENUM:
		schema_words(out, option->preset);
		break;
	case OPT_TEXTS:
	case OPT_PATHS:
		schema_texts(out, 0);
		break;
	case OPT_SEARCHES:
		put_searches(out, option);
		break;
	}
	json_out_object_end(out);
}

/* --- a group ----------------------------------------------------------------------------- */

/* What follows `group` and its dot in `name`, or NULL; "" is the group of all. */
static const char *below(const char *group, const char *name)
{
	size_t len = strlen(group);

	if (len == 0)
		return name;
	return strncmp(name, group, len) == 0 && name[len] == '.' ? name + len + 1 : NULL;
}

/* A name that is below the group: by itself, or by a pattern when it has dots. */
static void put_below(struct json_out *out, const char *group, const char *name, bool dots)
{
	const char *rest = below(group, name);
	struct buf pattern;

	if (!rest || (strchr(rest, '.') != NULL) != dots)
		return;
	buf_init(&pattern, 4 * NAME_BYTES_MAX);
	if (dots) {
		buf_addch(&pattern, '^');
		schema_name_pattern(&pattern, rest, false);
		buf_addch(&pattern, '$');
	}
	schema_open(out, dots ? pattern.data : rest);
	schema_ref(out, "%s", name);
	json_out_object_end(out);
	buf_release(&pattern);
}

static void put_members(struct json_out *out, const struct rows *rows, const char *group,
			bool dots)
{
	schema_open(out, dots ? "patternProperties" : "properties");
	for (size_t i = 0; i < rows->section_count; i++)
		put_below(out, group, rows->sections[i].name, dots);
	for (size_t i = 0; i < rows->option_count; i++)
		put_below(out, group, rows->options[i].name, dots);
	json_out_object_end(out);
}

static void put_not_both(struct json_out *out, const char *stem, size_t len, const char *one,
			 const char *other)
{
	const char *endings[] = { one, other };
	char name[NAME_BYTES_MAX];

	json_out_object(out);
	json_out_key(out, "required");
	json_out_array(out);
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%.*s%s", (int)len, stem, endings[i]);
		json_out_text(out, name);
	}
	json_out_array_end(out);
	json_out_object_end(out);
}

/* A secret comes by one way. What ends so is one: the rows of struct config_secret. */
static void put_secrets(struct json_out *out, const struct rows *rows, const char *group)
{
	static const char ending[] = "_credential";

	for (size_t i = 0; i < rows->option_count; i++) {
		const char *rest = below(group, rows->options[i].name);
		size_t len = rest ? strlen(rest) : 0;

		if (!rest || strchr(rest, '.') || len < sizeof(ending) ||
		    strcmp(rest + len - (sizeof(ending) - 1), ending) != 0)
			continue;
		len -= sizeof(ending) - 1;
		schema_open(out, "not");
		json_out_key(out, "anyOf");
		json_out_array(out);
		put_not_both(out, rest, len, "_file", "_env");
		put_not_both(out, rest, len, "_file", "_credential");
		put_not_both(out, rest, len, "_env", "_credential");
		json_out_array_end(out);
		json_out_object_end(out);
		return; /* there is one in a group; a second would be a second "not" */
	}
}

static void put_group(struct json_out *out, const struct rows *rows, const char *group)
{
	schema_closed_map(out);
	put_members(out, rows, group, false);
	put_members(out, rows, group, true);
	put_secrets(out, rows, group);
}

/* --- the whole --------------------------------------------------------------------------- */

void config_schema(struct buf *to)
{
	struct rows rows;
	struct json_out out;

	rows.options = config_options(&rows.option_count);
	rows.sections = config_sections(&rows.section_count);
	json_out_init(&out, to);
	schema_begin(&out, "settings", "dirbridge.yaml, the settings of dirbridge");
	put_group(&out, &rows, "");
	schema_open(&out, "$defs");
	for (size_t i = 0; i < rows.section_count; i++) {
		schema_open(&out, rows.sections[i].name);
		json_out_member(&out, "description", rows.sections[i].help);
		put_group(&out, &rows, rows.sections[i].name);
		json_out_object_end(&out);
	}
	for (size_t i = 0; i < rows.option_count; i++)
		put_option(&out, &rows.options[i]);
	json_out_object_end(&out);
	json_out_object_end(&out);
}
