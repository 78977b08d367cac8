#include "mappings/json_schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scim/base/banned.h"

/* Enough for the name of a definition. */
#define NAME_BYTES_MAX 128

void schema_begin(struct json_out *out, const char *name, const char *title)
{
	char id[NAME_BYTES_MAX];

	snprintf(id, sizeof(id), "urn:dirbridge:schema:%s:1", name);
	json_out_object(out);
	json_out_member(out, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_out_member(out, "$id", id);
	json_out_member(out, "title", title);
}

void schema_open(struct json_out *out, const char *key)
{
	json_out_key(out, key);
	json_out_object(out);
}

void schema_text(struct json_out *out)
{
	json_out_key(out, "type");
	json_out_array(out);
	json_out_text(out, "string");
	json_out_text(out, "number");
	json_out_text(out, "boolean");
	json_out_array_end(out);
	json_out_member_int(out, "minLength", 1);
}

void schema_texts(struct json_out *out, unsigned least)
{
	json_out_key(out, "anyOf");
	json_out_array(out);
	json_out_object(out);
	schema_text(out);
	json_out_object_end(out);
	json_out_object(out);
	json_out_member(out, "type", "array");
	if (least)
		json_out_member_int(out, "minItems", least);
	schema_open(out, "items");
	schema_text(out);
	json_out_object_end(out);
	json_out_object_end(out);
	json_out_array_end(out);
}

/* What YAML makes of the word when it stands without quotes, where that is no text. */
static bool is_other_than_text(const char *word, size_t len)
{
	size_t digits = strspn(word, "0123456789.");

	return digits == len || (len == 4 && memcmp(word, "true", 4) == 0) ||
	       (len == 5 && memcmp(word, "false", 5) == 0);
}

void schema_words(struct json_out *out, const char *words)
{
	json_out_key(out, "enum");
	json_out_array(out);
	while (*words) {
		size_t len = strcspn(words, " ");

		if (is_other_than_text(words, len))
			json_out_raw(out, slice_of(words, len));
		json_out_slice(out, slice_of(words, len));
		words += len + (words[len] == ' ');
	}
	json_out_array_end(out);
}

void schema_number(struct json_out *out, unsigned min, unsigned max)
{
	json_out_key(out, "type");
	json_out_array(out);
	json_out_text(out, "integer");
	json_out_text(out, "string");
	json_out_array_end(out);
	json_out_member_int(out, "minimum", min);
	json_out_member_int(out, "maximum", max);
	json_out_member(out, "pattern", "^[0-9]+$");
}

void schema_ref(struct json_out *out, const char *name, ...)
{
	char path[NAME_BYTES_MAX];
	va_list args;
	int len = snprintf(path, sizeof(path), "#/$defs/");

	va_start(args, name);
	vsnprintf(path + len, sizeof(path) - (size_t)len, name, args);
	va_end(args);
	json_out_member(out, "$ref", path);
}

void schema_closed_map(struct json_out *out)
{
	json_out_member(out, "type", "object");
	json_out_key(out, "additionalProperties");
	json_out_bool(out, false);
}

void schema_name_pattern(struct buf *to, const char *name, bool nocase)
{
	for (; *name; name++) {
		bool letter = ((*name | 32) >= 'a' && (*name | 32) <= 'z');

		if (letter && nocase)
			buf_addf(to, "[%c%c]", *name | 32, *name & ~32);
		else if (letter || *name == '_' || (*name >= '0' && *name <= '9'))
			buf_addch(to, *name);
		else
			buf_addf(to, "\\%c", *name);
	}
}
