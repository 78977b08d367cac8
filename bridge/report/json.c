/*
 * The one JSON form of a plan: fixed key order, one step a line, sealed by a hash.
 */
#include "bridge/report/report.h"

#include <string.h>

#include "bridge/api/api.h"
#include "scim/base/digest.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

static void put_texts(struct json_out *out, const char *key, const char *const *items,
		      size_t count)
{
	json_out_key(out, key);
	json_out_array(out);
	for (size_t i = 0; i < count; i++)
		json_out_text(out, items[i]);
	json_out_array_end(out);
}

static void put_verdict(struct json_out *out, const char *key, const struct verdict *verdict)
{
	size_t kept = verdict->reason_count < VERDICT_REASONS_MAX ? verdict->reason_count
								  : VERDICT_REASONS_MAX;

	json_out_key(out, key);
	json_out_object(out);
	json_out_key(out, "complete");
	json_out_bool(out, verdict->complete);
	json_out_member_int(out, "count", (int64_t)verdict->count);
	json_out_key(out, "reasons");
	json_out_array(out);
	for (size_t i = 0; i < kept; i++)
		json_out_text(out, verdict->reasons[i]);
	json_out_array_end(out);
	json_out_object_end(out);
}

static void put_optional(struct json_out *out, const char *key, const char *value)
{
	if (value)
		json_out_member(out, key, value);
}

static void put_step(struct json_out *out, const struct plan *plan, size_t index)
{
	const struct step *step = &plan->steps.items[index];
	const struct plan_person *person = &plan->people.items[step->person];
	bool levelled = step->kind == STEP_SKILL_SET || step->kind == STEP_LANGUAGE_SET;

	json_out_object(out);
	json_out_member_int(out, "step", (int64_t)index);
	json_out_member(out, "kind", step_row(step->kind)->name);
	json_out_member(out, "person", person->id);
	json_out_member(out, "userName", person->user_name);
	if (step->attr != SCIM_ATTR_COUNT)
		json_out_member(out, "attribute", scim_attr(step->attr)->name);
	put_optional(out, "type", step->key);
	put_optional(out, "name", step->name);
	put_optional(out, "id", step->item_id);
	put_optional(out, "division", step->division);
	put_optional(out, "divisionId", step->division_id);
	put_optional(out, "old", step->old_text);
	put_optional(out, "oldName", step->old_name);
	put_optional(out, "manager", step->manager_id);
	put_optional(out, "new", step->new_text);
	if (levelled) {
		json_out_key(out, "level");
		json_out_double(out, step->level);
	}
	if (step->drift) {
		json_out_key(out, "drift");
		json_out_bool(out, true);
	}
	if (step->privileged) {
		json_out_key(out, "privileged");
		json_out_bool(out, true);
	}
	put_optional(out, "rule", step->origin ? plan->places[step->origin] : NULL);
	json_out_object_end(out);
}

/* Found by our external id; apply records them. */
static void put_links(struct json_out *out, const struct plan *plan)
{
	json_out_key(out, "links");
	json_out_array(out);
	for (size_t i = 0; i < plan->new_links.count; i++) {
		json_out_object(out);
		json_out_member(out, "person", plan->new_links.items[i].person_id);
		json_out_member(out, "account", plan->new_links.items[i].account_id);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

/* Comma and line end by hand: one a line, for diff and grep. */
static void next_line(struct json_out *out, size_t i)
{
	buf_addstr(out->buf, i ? ",\n" : "\n");
	out->need_comma = false;
}

static void put_people(struct json_out *out, const struct plan *plan)
{
	json_out_key(out, "people");
	json_out_array(out);
	for (size_t i = 0; i < plan->people.count; i++) {
		const struct plan_person *person = &plan->people.items[i];

		next_line(out, i);
		json_out_object(out);
		json_out_member(out, "person", person->id);
		json_out_member(out, "dn", person->dn);
		json_out_member(out, "userName", person->user_name);
		json_out_member(out, "displayName", person->display_name);
		json_out_member(out, "change", person_change_name(person->change));
		put_optional(out, "account", person->account_id);
		put_optional(out, "version", person->version);
		json_out_object_end(out);
	}
	buf_addch(out->buf, '\n');
	json_out_array_end(out);
}

static void put_left(struct json_out *out, const struct plan *plan, const char *key,
		     const struct plan_skip *skips, size_t count)
{
	json_out_key(out, key);
	json_out_array(out);
	for (size_t i = 0; i < count; i++) {
		const struct plan_skip *skip = &skips[i];

		json_out_object(out);
		json_out_member(out, "person", skip->id);
		json_out_member(out, "dn", skip->dn);
		json_out_member(out, "userName", skip->user_name);
		json_out_key(out, "whole");
		json_out_bool(out, skip->whole);
		json_out_member(out, "reason", skip->text);
		put_optional(out, "rule", skip->origin ? plan->places[skip->origin] : NULL);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void put_skips(struct json_out *out, const struct plan *plan)
{
	put_left(out, plan, "skipped", plan->skips.items, plan->skips.count);
	if (plan->by_rule.count)
		put_left(out, plan, "skippedByRule", plan->by_rule.items, plan->by_rule.count);
}

static void put_sums(struct json_out *out, const struct plan *plan)
{
	json_out_key(out, "sums");
	json_out_object(out);
	for (int kind = 0; kind < STEP_KIND_COUNT; kind++)
		if (plan->counts[kind])
			json_out_member_int(out, step_row(kind)->name,
					    (int64_t)plan->counts[kind]);
	json_out_object_end(out);
	json_out_key(out, "limits");
	json_out_object(out);
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++) {
		const struct plan_limit *limit = &plan->limits[kind];

		json_out_key(out, limit_kind_name(kind));
		json_out_object(out);
		json_out_member_int(out, "planned", limit->planned);
		json_out_member_int(out, "recent", limit->recent);
		json_out_member_int(out, "allowed", limit->allowed);
		json_out_key(out, "exceeded");
		json_out_bool(out, limit->exceeded);
		json_out_object_end(out);
	}
	json_out_object_end(out);
	json_out_key(out, "calls");
	json_out_object(out);
	for (int op = 0; op < API_OP_COUNT; op++)
		if (plan->calls[op])
			json_out_member_int(out, api_op(op)->name, (int64_t)plan->calls[op]);
	json_out_object_end(out);
	json_out_member_int(out, "callsPerMinute", (int64_t)plan->calls_per_minute);
}

/* SHA-256 of what stands in the buffer, as its last member. */
static void seal(struct buf *out)
{
	char hash[DIGEST_TEXT];

	buf_addch(out, ',');
	digest_of(out->data, out->len, hash);
	buf_addf(out, "\n\"sha256\":\"%s\"}\n", hash);
}

void report_plan_json(const struct plan *plan, struct buf *out)
{
	struct json_out json;
	char time[21];

	json_out_init(&json, out);
	json_out_object(&json);
	json_out_member(&json, "schema", "dirbridge.plan/1");
	time_format(plan->time_s, time);
	json_out_member(&json, "time", time);
	if (plan->expires_s) {
		time_format(plan->expires_s, time);
		json_out_member(&json, "expires", time);
	}
	put_optional(&json, "source", plan->source);
	put_optional(&json, "target", plan->target);
	put_optional(&json, "inputs", plan->inputs);
	put_verdict(&json, "directory", &plan->directory);
	put_verdict(&json, "tenant", &plan->tenant);
	json_out_member(&json, "read", plan->part ? "changes" : plan->only ? "selected" : "all");
	if (plan->part)
		json_out_member_int(&json, "touched", (int64_t)plan->touched);
	if (plan->selected.count)
		put_texts(&json, "selected", plan->selected.items, plan->selected.count);
	json_out_member_int(&json, "inScope", (int64_t)plan->people_in_scope);
	json_out_member_int(&json, "unchanged", (int64_t)plan->people_unchanged);
	json_out_member_int(&json, "foreign", (int64_t)plan->accounts_foreign);
	if (plan->found_left)
		json_out_member_int(&json, "foundLeft", (int64_t)plan->found_left);
	json_out_key(&json, "refused");
	json_out_bool(&json, plan->refused);
	put_texts(&json, "refusals", plan->refusals.items, plan->refusals.count);
	put_texts(&json, "warnings", plan->warnings.items, plan->warnings.count);
	put_sums(&json, plan);
	put_skips(&json, plan);
	put_links(&json, plan);
	put_people(&json, plan);
	json_out_key(&json, "steps");
	json_out_array(&json);
	for (size_t i = 0; i < plan->steps.count; i++) {
		next_line(&json, i);
		put_step(&json, plan, i);
	}
	buf_addch(out, '\n');
	json_out_array_end(&json);
	seal(out);
}

void report_result_json(const struct plan *plan, const struct apply_result *result,
			struct buf *out)
{
	struct json_out json;

	json_out_init(&json, out);
	json_out_object(&json);
	json_out_member(&json, "schema", "dirbridge.result/1");
	json_out_member_int(&json, "run", (int64_t)result->run);
	json_out_member_int(&json, "steps", (int64_t)plan->steps.count);
	json_out_key(&json, "outcomes");
	json_out_object(&json);
	for (int o = 0; o < OUTCOME_COUNT; o++)
		if (result->counts[o])
			json_out_member_int(&json, outcome_name(o), (int64_t)result->counts[o]);
	json_out_object_end(&json);
	json_out_key(&json, "stopped");
	json_out_bool(&json, result->stopped);
	put_skips(&json, plan);
	json_out_key(&json, "notDone");
	json_out_array(&json);
	for (size_t i = 0; i < plan->steps.count; i++) {
		const struct step *step = &plan->steps.items[i];

		if (result->outcomes[i] == OUTCOME_DONE)
			continue;
		json_out_object(&json);
		json_out_member(&json, "kind", step_row(step->kind)->name);
		json_out_member(&json, "userName", plan->people.items[step->person].user_name);
		put_optional(&json, "name", step->name);
		json_out_member(&json, "outcome", outcome_name(result->outcomes[i]));
		put_optional(&json, "error", result->errors[i]);
		json_out_object_end(&json);
	}
	json_out_array_end(&json);
	json_out_object_end(&json);
	buf_addch(out, '\n');
}
