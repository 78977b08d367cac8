#include "mappings/rules_keys.h"

#include <string.h>

#include "scim/base/banned.h"

const struct rule_key rule_keys[] = {
#define KEY(place, name, type, help) { RULE_PLACE_##place, name, RULE_##type, help },
#include "mappings/rules_keys.def"
#undef KEY
};
const size_t rule_key_count = sizeof(rule_keys) / sizeof(rule_keys[0]);

#define TEXT RULE_FORM_TEXT
#define LIST RULE_FORM_LIST
#define MAP RULE_FORM_MAP
static const struct {
	unsigned forms;
	const char *expected, *words;
} types[RULE_TYPE_COUNT] = {
#define TYPE(id, forms, expected, words) { forms, expected, words },
#include "mappings/rules_keys.def"
#undef TYPE
};

const char *rule_place_called(enum rule_place place)
{
	static const char *const called[] = {
#define PLACE(id, text) text,
#include "mappings/rules_keys.def"
#undef PLACE
	};

	return called[place];
}

unsigned rule_type_forms(enum rule_type type)
{
	return types[type].forms;
}

const char *rule_type_expected(enum rule_type type)
{
	return types[type].expected;
}

const char *rule_type_words(enum rule_type type)
{
	return types[type].words;
}

const struct rule_key *rule_key_find(enum rule_place place, const char *name)
{
	for (size_t i = 0; i < rule_key_count; i++)
		if (rule_keys[i].place == place && strcmp(rule_keys[i].name, name) == 0)
			return &rule_keys[i];
	return NULL;
}

bool rule_key_needed(enum rule_place place, const char *name)
{
	static const struct {
		enum rule_place place;
		const char *name;
	} needs[] = {
#define NEED(place, name) { RULE_PLACE_##place, name },
#include "mappings/rules_keys.def"
#undef NEED
	};

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (needs[i].place == place && strcmp(needs[i].name, name) == 0)
			return true;
	return false;
}
