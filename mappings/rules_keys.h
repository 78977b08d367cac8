/*
 * mappings/rules_keys.h - the keys of a rule file and of a file of cases as a table,
 * rules_keys.def.
 *
 * What loads such a file checks its mappings against these rows; the JSON Schema and the
 * manual's list are made from them.
 */
#ifndef MAPPINGS_RULES_KEYS_H
#define MAPPINGS_RULES_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "scim/base/buf.h"

enum rule_place {
#define PLACE(id, called) RULE_PLACE_##id,
#include "mappings/rules_keys.def"
#undef PLACE
	RULE_PLACE_COUNT,
};

enum rule_type {
#define TYPE(id, forms, expected, words) RULE_##id,
#include "mappings/rules_keys.def"
#undef TYPE
	RULE_TYPE_COUNT,
};

#define RULE_FORM_TEXT 1
#define RULE_FORM_LIST 2
#define RULE_FORM_MAP 4

struct rule_key {
	enum rule_place place;
	const char *name;
	enum rule_type type;
	const char *help;
};

/* All rows, those of one place together. */
extern const struct rule_key rule_keys[];
extern const size_t rule_key_count;

/* What a place is called in a message: "a block of people". */
const char *rule_place_called(enum rule_place place);
/* RULE_FORM_ bits that a value of the type may have. */
unsigned rule_type_forms(enum rule_type type);
/* "a list of names" */
const char *rule_type_expected(enum rule_type type);
/* Words of an enumeration with a space between, or NULL. */
const char *rule_type_words(enum rule_type type);
/* Must the key be stated wherever the place is? */
bool rule_key_needed(enum rule_place place, const char *name);
/* The manual's list of all keys and of the attributes of a profile, in Markdown. */
void rules_keys_markdown(struct buf *out);
/* Row of a key, or NULL. */
const struct rule_key *rule_key_find(enum rule_place place, const char *name);

#endif
