/*
 * Tests of rules: what was expected against what came out.
 */
#include "mappings/rule_test_impl.h"

#include <string.h>

#include "mappings/dn.h"

#include "scim/base/banned.h"

struct comparer {
	const struct rules *rules;
	const struct record *record;
	const struct expect *expect;
	const struct yaml_node *at; /* of what is not stated: `expect`, or the case */
	struct arena *mem;
	VEC(struct rule_test_diff) diffs;
};

enum person_state rule_test_state(const struct record *record)
{
	if (!record)
		return PERSON_OUT;
	if (record_frozen(record))
		return PERSON_REFUSED;
	return record->skip_reason ? PERSON_SKIPPED : PERSON_TAKEN;
}

static const char *place(const struct comparer *c, origin_id origin)
{
	char text[512];

	return arena_strdup(c->mem, rules_origin_text(c->rules, origin, text, sizeof(text)));
}

static void differ(struct comparer *c, const struct yaml_node *at, const char *what,
		   const char *want, const char *got, origin_id origin)
{
	struct rule_test_diff diff = {
		.what = what, .want = want, .got = got, .line = at->line, .column = at->column,
		.rule = place(c, origin),
	};

	vec_push(&c->diffs, diff);
}

/* --- the person as a whole --------------------------------------------------------------- */

static const struct problem *first_refusal(const struct record *record)
{
	for (unsigned i = 0; i < record->problem_count; i++)
		if (record->problems[i].scope == PROBLEM_PERSON)
			return &record->problems[i];
	return NULL;
}

static const char *state_text(struct comparer *c, enum person_state state, const char *text)
{
	switch (state) {
	case PERSON_OUT:
		return "out of scope";
	case PERSON_REFUSED:
		return arena_printf(c->mem, "refused: %s", text);
	case PERSON_SKIPPED:
		return arena_printf(c->mem, "skipped: %s", text);
	default:
		return "taken";
	}
}

/* Is the stated part in the reason of what became of the person? */
static bool reason_holds(const struct record *record, const char *part)
{
	if (!record_frozen(record))
		return strstr(record->skip_reason, part) != NULL;
	for (unsigned i = 0; i < record->problem_count; i++)
		if (record->problems[i].scope == PROBLEM_PERSON &&
		    strstr(record->problems[i].text, part))
			return true;
	return false;
}

static bool compare_state(struct comparer *c)
{
	enum person_state want = c->expect->state, got = rule_test_state(c->record);
	const struct yaml_node *at = c->expect->part.at ? c->expect->part.at : c->at;
	const struct problem *refusal = got == PERSON_REFUSED ? first_refusal(c->record) : NULL;
	const char *text = refusal ? refusal->text : got == PERSON_SKIPPED ? c->record->skip_reason
									   : NULL;

	if (want == got && (!c->expect->part.text || reason_holds(c->record, c->expect->part.text)))
		return true;
	differ(c, at, "person", state_text(c, want, c->expect->part.text),
	       state_text(c, got, text), refusal ? refusal->origin : 0);
	return want == got;
}

static void compare_rule(struct comparer *c)
{
	const struct expect_text *rule = &c->expect->rule;

	if (rule->at && strcmp(rule->text, c->record->rule) != 0)
		differ(c, rule->at, "rule", rule->text, c->record->rule, 0);
}

/* --- profile ----------------------------------------------------------------------------- */

static const char *field_name(struct comparer *c, enum scim_attr attr, const char *key)
{
	if (!key)
		return arena_printf(c->mem, "profile.%s", scim_attr(attr)->name);
	return arena_printf(c->mem, "profile.%s.%s", scim_attr(attr)->name, key);
}

static bool same_field(const struct expect_field *want, const struct scim_field *field)
{
	if (want->attr != (enum scim_attr)field->attr)
		return false;
	if (!want->key || !field->key)
		return true; /* single-valued, or null for all types */
	return text_eq_nocase(want->key, field->key);
}

/* Each value that is there and not as the one that is expected. */
static void compare_value(struct comparer *c, const struct expect_field *want)
{
	bool found = false;

	for (unsigned i = 0; i < c->record->field_count; i++) {
		const struct record_field *got = &c->record->fields[i];

		if (!same_field(want, &got->field) || !got->field.value)
			continue;
		found = true;
		if (!want->value || strcmp(want->value, got->field.value) != 0)
			differ(c, want->at, field_name(c, want->attr, got->field.key), want->value,
			       got->field.value, got->origin);
	}
	if (!found && want->value)
		differ(c, want->at, field_name(c, want->attr, want->key), want->value, NULL, 0);
}

static void compare_manager(struct comparer *c, const struct expect_field *want)
{
	const char *got = c->record->manager_dn;

	if (want->value && got ? strcmp(want->value, got) != 0 : want->value != got)
		differ(c, want->at, "profile.manager", want->value, got,
		       got ? c->record->manager_origin : 0);
}

static bool stated(const struct expect *expect, const struct scim_field *field)
{
	for (unsigned i = 0; i < expect->field_count; i++)
		if (same_field(&expect->fields[i], field))
			return true;
	for (unsigned i = 0; i < expect->cleared_count; i++)
		if (same_field(&expect->cleared[i], field))
			return true;
	return false;
}

bool rule_test_is_default(const struct record *record, const struct record_field *field)
{
	if (!field->field.value)
		return false;
	if (field->field.attr == SCIM_ATTR_EXTERNAL_ID)
		return strcmp(field->field.value, record->id) == 0;
	return field->field.attr == SCIM_ATTR_ACTIVE && strcmp(field->field.value, "true") == 0;
}

static void compare_cleared(struct comparer *c, const struct expect_field *want)
{
	for (unsigned i = 0; i < c->record->field_count; i++)
		if (same_field(want, &c->record->fields[i].field)) {
			const struct record_field *got = &c->record->fields[i];

			if (got->field.value)
				differ(c, want->at, field_name(c, want->attr, want->key), "cleared",
				       got->field.value, got->origin);
			return;
		}
	differ(c, want->at, field_name(c, want->attr, want->key), "cleared", NULL, 0);
}

static void compare_profile(struct comparer *c)
{
	const struct expect *expect = c->expect;
	const struct scim_field manager = { SCIM_ATTR_MANAGER, NULL, NULL };

	for (unsigned i = 0; i < expect->field_count; i++) {
		if (expect->fields[i].attr == SCIM_ATTR_MANAGER)
			compare_manager(c, &expect->fields[i]);
		else
			compare_value(c, &expect->fields[i]);
	}
	for (unsigned i = 0; i < expect->cleared_count; i++)
		compare_cleared(c, &expect->cleared[i]);
	if (!expect->exactly)
		return;
	for (unsigned i = 0; i < c->record->field_count; i++) {
		const struct record_field *got = &c->record->fields[i];

		if (!stated(expect, &got->field) && !rule_test_is_default(c->record, got))
			differ(c, c->at, field_name(c, got->field.attr, got->field.key), NULL,
			       got->field.value ? got->field.value : "cleared", got->origin);
	}
	if (c->record->manager_dn && !stated(expect, &manager))
		differ(c, c->at, "profile.manager", NULL, c->record->manager_dn,
		       c->record->manager_origin);
}

/* --- assignments ------------------------------------------------------------------------- */

const char *rule_test_assign_text(struct arena *mem, enum assign_kind kind, const char *name,
				  const char *division, double level)
{
	if (kind == ASSIGN_SKILL || kind == ASSIGN_LANGUAGE)
		return arena_printf(mem, "%s %g", name, level);
	if (division)
		return arena_printf(mem, "%s in %s", name, division);
	return name;
}

static bool same_name(const struct expect_assign *want, const struct assignment *got)
{
	if (strcmp(want->name, got->name) != 0)
		return false;
	if (!want->division || !got->division)
		return want->division == got->division;
	return strcmp(want->division, got->division) == 0;
}

static void compare_kind(struct comparer *c, enum assign_kind kind)
{
	const struct expect_kind *want = &c->expect->kinds[kind];
	unsigned char *met = arena_array(c->mem, want->count + 1, 1);
	const char *what = assign_kind_name(kind);

	for (unsigned i = 0; i < c->record->assign_count; i++) {
		const struct assignment *got = &c->record->assigns[i];
		const struct expect_assign *found = NULL;

		for (unsigned w = 0; w < want->count && got->kind == kind && !found; w++)
			if (same_name(&want->items[w], got)) {
				found = &want->items[w];
				met[w] = 1;
			}
		if (got->kind != kind || (found && found->level == got->level))
			continue;
		differ(c, found ? found->at : want->at ? want->at : c->at, what,
		       found ? rule_test_assign_text(c->mem, kind, found->name, found->division,
						     found->level)
			     : NULL,
		       rule_test_assign_text(c->mem, kind, got->name, got->division, got->level),
		       got->origin);
	}
	for (unsigned w = 0; w < want->count; w++)
		if (!met[w])
			differ(c, want->items[w].at, what,
			       rule_test_assign_text(c->mem, kind, want->items[w].name,
						     want->items[w].division, want->items[w].level),
			       NULL, 0);
}

/* --- problems ---------------------------------------------------------------------------- */

static bool problem_stated(const struct expect *expect, const struct problem *problem)
{
	for (unsigned i = 0; i < expect->problem_count; i++)
		if (strstr(problem->text, expect->problems[i].text))
			return true;
	/* What refuses the person was stated as such. */
	return problem->scope == PROBLEM_PERSON && expect->part.text &&
	       strstr(problem->text, expect->part.text);
}

static void compare_problems(struct comparer *c)
{
	const struct expect *expect = c->expect;
	const struct yaml_node *at = expect->problems_at ? expect->problems_at : c->at;

	for (unsigned i = 0; i < expect->problem_count; i++) {
		bool met = false;

		for (unsigned p = 0; p < c->record->problem_count; p++)
			met |= strstr(c->record->problems[p].text, expect->problems[i].text) != NULL;
		if (!met)
			differ(c, expect->problems[i].at, "problem", expect->problems[i].text, NULL,
			       0);
	}
	for (unsigned p = 0; p < c->record->problem_count; p++) {
		const struct problem *problem = &c->record->problems[p];

		if (!problem_stated(expect, problem))
			differ(c, at, "problem", NULL, problem->text, problem->origin);
	}
}

unsigned rule_test_compare(const struct test_case *test, const struct rules *rules,
			   struct arena *mem, const struct rule_test_diff **ret_diffs)
{
	struct comparer c = {
		.rules = rules, .record = test->record, .expect = &test->expect, .mem = mem,
		.at = test->expect_key ? test->expect_key : test->node,
	};
	struct rule_test_diff *kept;
	unsigned count;

	if (!test->expect.node) {
		differ(&c, c.at, "expect", "stated", NULL, 0);
	} else if (compare_state(&c) && c.record) {
		compare_rule(&c);
		compare_profile(&c);
		for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
			if (c.expect->kinds[kind].at || c.expect->exactly)
				compare_kind(&c, kind);
		/* An empty list states that there is none; so does `exactly`. */
		if (c.expect->problems_at || c.expect->exactly)
			compare_problems(&c);
	}
	count = (unsigned)c.diffs.count;
	kept = arena_array(mem, count + 1, sizeof(*kept));
	if (count)
		memcpy(kept, c.diffs.items, count * sizeof(*kept));
	vec_release(&c.diffs);
	*ret_diffs = kept;
	return count;
}
