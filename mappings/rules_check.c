/*
 * The form of a rule file: keys, types of nodes, words, conditions, moments.
 */
#include "mappings/rules_load.h"

#include <stdio.h>
#include <string.h>

#include "mappings/cel_impl.h"

#include "scim/base/banned.h"

/* Enough for the keys of one place. */
#define KEYS_MAX 24

int rules_complain(struct rules_loader *load, const struct yaml_node *node, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return diags_at(load->diags, ERR_INVALID, node->file, node->line, node->column, "%s",
			text);
}

const char *rules_nearest(const char *name, const char *const *names, size_t count, char *out,
			  size_t size)
{
	int near = text_nearest(name, names, count);

	out[0] = '\0';
	if (near >= 0)
		snprintf(out, size, "; nearest: %s", names[near]);
	return out;
}

static void unknown_key(struct rules_loader *load, const struct yaml_node *key,
			const char *what, enum rule_place place)
{
	const char *names[KEYS_MAX];
	size_t count = 0;
	char near[64];

	for (size_t i = 0; i < rule_key_count && count < KEYS_MAX; i++)
		if (rule_keys[i].place == place)
			names[count++] = rule_keys[i].name;
	rules_complain(load, key, "%s has no \"%s\"%s", what ? what : rule_place_called(place),
		       key->text.data,
		       rules_nearest(key->text.data, names, count, near, sizeof(near)));
}

static bool right_form(const struct yaml_node *node, enum rule_type type)
{
	static const unsigned forms[] = {
		[YAML_TEXT] = RULE_FORM_TEXT, [YAML_LIST] = RULE_FORM_LIST,
		[YAML_MAP] = RULE_FORM_MAP,
	};

	if (!(rule_type_forms(type) & forms[node->type]))
		return false;
	return !rule_type_words(type) || rules_word(node, type) >= 0;
}

/* The words of a type, apart. They stand in `text`. */
static size_t split_words(enum rule_type type, char text[64], const char *ret[8])
{
	size_t count = 0;

	snprintf(text, 64, "%s", rule_type_words(type));
	for (char *at = text; at && count < 8; count++) {
		ret[count] = at;
		at = strchr(at, ' ');
		if (at)
			*at++ = '\0';
	}
	return count;
}

int rules_word(const struct yaml_node *node, enum rule_type type)
{
	const char *words[8];
	char text[64];
	size_t count = split_words(type, text, words);

	for (size_t i = 0; i < count && node->type == YAML_TEXT; i++)
		if (slice_eq_str(node->text, words[i]))
			return (int)i;
	return -1;
}

static void wrong_form(struct rules_loader *load, const struct yaml_node *node,
		       const char *what, const struct rule_key *key)
{
	const char *words[8];
	char text[64], near[64] = "";

	if (rule_type_words(key->type) && node->type == YAML_TEXT)
		rules_nearest(node->text.data, words, split_words(key->type, text, words), near,
			      sizeof(near));
	rules_complain(load, node, "%s%s%s wants %s%s", what ? what : "", what ? "." : "",
		       key->name, rule_type_expected(key->type), near);
}

/* "a.skip[1]: reason is missing", "version: 1 is missing" */
static bool missing_keys(struct rules_loader *load, const struct yaml_node *map,
			 const char *what, enum rule_place place)
{
	bool missing = false;

	for (size_t i = 0; i < rule_key_count; i++) {
		const struct rule_key *key = &rule_keys[i];
		const char *words = rule_type_words(key->type);

		if (key->place != place || !rule_key_needed(place, key->name) ||
		    yaml_get(map, key->name))
			continue;
		if (words && strchr(words, ' '))
			words = NULL; /* which of them is meant, nobody knows */
		rules_complain(load, map, "%s%s%s%s%s is missing", what ? what : "",
			       what ? ": " : "", key->name, words ? ": " : "",
			       words ? words : "");
		missing = true;
	}
	return missing;
}

bool rules_check_map(struct rules_loader *load, const struct yaml_node *map, const char *what,
		     enum rule_place place)
{
	bool good = true;

	for (unsigned i = 0; i < map->count; i++) {
		const struct rule_key *key = rule_key_find(place, map->keys[i]->text.data);

		if (!key)
			unknown_key(load, map->keys[i], what, place);
		else if (!right_form(map->items[i], key->type))
			wrong_form(load, map->items[i], what, key);
		else
			continue;
		good = false;
	}
	return !missing_keys(load, map, what, place) && good;
}

const struct yaml_node *rules_get(const struct yaml_node *map, enum rule_place place,
				  const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	return node && right_form(node, rule_key_find(place, key)->type) ? node : NULL;
}

bool rules_true(const struct yaml_node *map, enum rule_place place, const char *key)
{
	const struct yaml_node *node = rules_get(map, place, key);

	return node && slice_eq_str(node->text, "true");
}

const char *rules_kind_key(enum assign_kind kind)
{
	static const char *const keys[ASSIGN_KIND_COUNT] = {
		[ASSIGN_ROLE] = "roles",   [ASSIGN_SKILL] = "skills",
		[ASSIGN_GROUP] = "groups", [ASSIGN_LANGUAGE] = "languages",
		[ASSIGN_QUEUE] = "queues", [ASSIGN_TEAM] = "teams",
		[ASSIGN_UNIT] = "unit",    [ASSIGN_WORK_PLAN] = "work_plan",
	};

	return keys[kind];
}

bool rules_may_give(const struct template *tmpl, const enum cel_type *types, size_t count)
{
	if (!tmpl->whole)
		return true;
	for (size_t i = 0; i < count; i++)
		if (cel_program_may_be(tmpl->pieces[0].program, types[i]))
			return true;
	return cel_program_may_be(tmpl->pieces[0].program, CEL_OPTIONAL);
}

int rules_load_condition(struct rules_loader *load, const struct yaml_node *node,
			 const char *rule, const struct cel_program **ret,
			 origin_id *ret_origin)
{
	if (expression_load(load, node, rule, ret, ret_origin))
		return -1;
	if (!cel_program_may_be(*ret, CEL_BOOL))
		return rules_complain(load, node, "%s: when is true or false; this expression is "
				      "neither", rule);
	return 0;
}

/* --- moments ----------------------------------------------------------------------------- */

int rules_time_parse(struct slice text, int64_t *ret_unix_s)
{
	struct cel_value value;
	char day[] = "YYYY-MM-DDT00:00:00Z";
	struct slice s = text;

	if (text.len == 10) {
		memcpy(day, text.data, 10);
		s = slice_str(day);
	}
	if (!cel_parse_timestamp(s, &value) && !cel_parse_generalized(text, &value))
		return -1;
	*ret_unix_s = value.as.i + (value.nanos > 0);
	return 0;
}

static int wrong_time(struct slice text, struct err *err)
{
	return err_set(err, ERR_EVAL, "\"%.*s\" is not a moment; write 2026-12-01 (midnight UTC), "
		       "2026-12-01T08:00:00+01:00, 20261201080000Z, or give a timestamp",
		       (int)(text.len > 60 ? 60 : text.len), text.data);
}

int bound_eval(const struct bound *bound, const struct cel_activation *act, struct arena *mem,
	       int64_t *ret_s, struct err *err)
{
	struct cel_value value;
	const char *text;

	if (bound->when.literal) {
		*ret_s = bound->literal_s;
		return 1;
	}
	switch (template_eval(&bound->when, act, mem, &text, &value, err)) {
	case TEMPLATE_TEXT:
		return rules_time_parse(slice_str(text), ret_s) ? wrong_time(slice_str(text), err)
								: 1;
	case TEMPLATE_VALUE:
		if (value.type != CEL_TIMESTAMP)
			return err_set(err, ERR_EVAL, "a moment is text or a timestamp, not a %s",
				       cel_type_name(value.type));
		*ret_s = value.as.i + (value.nanos > 0);
		return 1;
	case TEMPLATE_ABSENT:
		return 0;
	default:
		return -1;
	}
}

static int load_bound(struct rules_loader *load, const struct yaml_node *node, const char *rule,
		      const char *key, struct bound *ret)
{
	struct err err = ERR_INIT;
	char what[192];

	snprintf(what, sizeof(what), "%s.%s", rule, key);
	if (template_load(load, node, what, &ret->when))
		return -1;
	if (!MAY_GIVE(&ret->when, CEL_STRING, CEL_BYTES, CEL_TIMESTAMP, CEL_NULL))
		return rules_complain(load, node, "%s: a moment is text or a timestamp; this "
				      "expression gives neither", what);
	if (ret->when.literal &&
	    rules_time_parse(slice_str(ret->when.literal), &ret->literal_s)) {
		wrong_time(slice_str(ret->when.literal), &err);
		return rules_complain(load, node, "%s: %s", what, err.text);
	}
	ret->stated = true;
	return 0;
}

int rules_load_span(struct rules_loader *load, const struct yaml_node *from,
		    const struct yaml_node *until, const char *rule, struct span *ret)
{
	int status = 0;

	if (from && load_bound(load, from, rule, "from", &ret->from))
		status = -1;
	if (until && load_bound(load, until, rule, "until", &ret->until))
		status = -1;
	if (!status && ret->from.when.literal && ret->until.when.literal &&
	    ret->from.literal_s >= ret->until.literal_s)
		status = rules_complain(load, until, "%s.until is not after its from, so that it "
					"would never count", rule);
	return status;
}
