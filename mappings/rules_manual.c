/*
 * The manual's list of keys of rule files and files of cases, and of profile attributes.
 */
#include "mappings/rules_keys.h"

#include "scim/schema.h"

#include "scim/base/banned.h"

static void put_place(struct buf *out, enum rule_place place)
{
	const char *called = rule_place_called(place);

	buf_addf(out, "\n### In %s\n\n| key | value | meaning |\n| --- | --- | --- |\n", called);
	for (size_t i = 0; i < rule_key_count; i++)
		if (rule_keys[i].place == place)
			buf_addf(out, "| `%s` | %s | %s%s |\n", rule_keys[i].name,
				 rule_type_expected(rule_keys[i].type), rule_keys[i].help,
				 rule_key_needed(place, rule_keys[i].name) ? "; needed" : "");
}

static void put_attributes(struct buf *out)
{
	static const char *const types[] = {
		[SCIM_STRING] = "text", [SCIM_BOOLEAN] = "true or false",
		[SCIM_REFERENCE] = "a URI", [SCIM_DATE] = "YYYY-MM-DD",
	};

	buf_addstr(out, "\n### Attributes of a profile\n\n"
			"| attribute | value | in SCIM |\n| --- | --- | --- |\n");
	for (enum scim_attr attr = 0; attr < SCIM_ATTR_COUNT; attr++)
		buf_addf(out, "| `%s` | %s%s | `%s` |\n", scim_attr(attr)->name,
			 types[scim_attr(attr)->type], scim_attr(attr)->multi ? " by type" : "",
			 scim_attr(attr)->path);
}

void rules_keys_markdown(struct buf *out)
{
	buf_addstr(out, "## Rule files\n");
	for (enum rule_place place = 0; place < RULE_PLACE_CASES; place++)
		put_place(out, place);
	put_attributes(out);
	buf_addstr(out, "\n## Files of cases (*.test.yaml)\n");
	for (enum rule_place place = RULE_PLACE_CASES; place < RULE_PLACE_COUNT; place++)
		put_place(out, place);
}
