/*
 * mappings/json_schema.h - JSON Schemas of YAML documents, from the tables that load them.
 *
 * Spec    JSON Schema draft 2020-12.
 * Forms   Every scalar is text for us, but a reader of YAML makes numbers and booleans of
 *         what stands without quotes: a place for text takes these too. `null`, `~` and
 *         nothing at all are text nowhere that people mean it, so they are not taken.
 * Not     What is true of two files, of an expression or of the tenant is for `dirbridge
 *         check`; a schema finds names, forms, words and ranges.
 *
 * The schema_ functions write members into the object that is open.
 */
#ifndef MAPPINGS_JSON_SCHEMA_H
#define MAPPINGS_JSON_SCHEMA_H

#include "scim/base/json.h"

/* Enough for each of the schemas. */
#define SCHEMA_BYTES_MAX (1 << 20)

/* The schemas of a rule file and of a file of cases (rule_test.h), as one line of JSON. */
void rules_schema(struct buf *out);
void rule_test_schema(struct buf *out);

/* "$schema", "$id", "title"; `name` as in `check --schema`. The object is opened. */
void schema_begin(struct json_out *out, const char *name, const char *title);
/* Text that is not empty. */
void schema_text(struct json_out *out);
/* Text, or a list of texts; `least` of them. */
void schema_texts(struct json_out *out, unsigned least);
/* One of these words, which have a space between; also 1.2 for "1.2", true for "true". */
void schema_words(struct json_out *out, const char *words);
/* A whole number, or its digits in quotes. */
void schema_number(struct json_out *out, unsigned min, unsigned max);
/* {"$ref": "#/$defs/NAME"}; `name` is a format. */
void schema_ref(struct json_out *out, const char *name, ...)
	__attribute__((format(printf, 2, 3)));
/* A key whose value is an object, which is opened. */
void schema_open(struct json_out *out, const char *key);
/* "type": "object", "additionalProperties": false */
void schema_closed_map(struct json_out *out);
/* Add a pattern of exactly this name to `to`; `nocase`: in letters of either case. */
void schema_name_pattern(struct buf *to, const char *name, bool nocase);

#endif
