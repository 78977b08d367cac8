/*
 * An explanation for programs, "dirbridge.explain/1": the same facts as the text, and every
 * part of every expression.
 */
#include "bridge/report/explain_words.h"
#include "bridge/report/report.h"

#include <string.h>

#include "scim/base/json.h"

#include "scim/base/banned.h"

struct page {
	struct json_out json;
	const struct explain_report *report;
	const struct explained *who;
};

static void put_flag(struct json_out *out, const char *key, bool value)
{
	json_out_key(out, key);
	json_out_bool(out, value);
}

static void put_optional(struct json_out *out, const char *key, const char *value)
{
	if (value)
		json_out_member(out, key, value);
}

static void put_place(struct page *page, const char *key, origin_id id)
{
	struct json_out *out = &page->json;
	const struct origin *origin;

	if (!id)
		return;
	origin = rules_origin(page->report->rules, id);
	json_out_key(out, key);
	json_out_object(out);
	json_out_member(out, "file", origin->file);
	json_out_member_int(out, "line", origin->line);
	json_out_member_int(out, "column", origin->column);
	json_out_member(out, "rule", origin->rule);
	json_out_object_end(out);
}

/* --- entry and groups -------------------------------------------------------------------- */

/* Bytes that are no text come as {"base64": ...}. */
static void put_value(struct json_out *out, struct slice value)
{
	struct buf text;

	if (utf8_valid(value.data, value.len)) {
		json_out_slice(out, value);
		return;
	}
	buf_init(&text, base64_encoded_size(value.len) + 1);
	for (size_t i = 0; i < base64_encoded_size(value.len); i++)
		buf_addch(&text, ' ');
	base64_encode(value.data, value.len, text.data);
	json_out_object(out);
	json_out_key(out, "base64");
	json_out_slice(out, slice_of(text.data, text.len));
	json_out_object_end(out);
	buf_release(&text);
}

static void put_entry(struct page *page)
{
	struct json_out *out = &page->json;

	json_out_key(out, "entry");
	json_out_object(out);
	for (unsigned i = 0; i < page->who->attr_count; i++) {
		const struct explained_attr *attr = &page->who->attrs[i];

		json_out_key(out, attr->name);
		json_out_array(out);
		for (unsigned v = 0; v < attr->count; v++)
			put_value(out, attr->values[v]);
		json_out_array_end(out);
	}
	json_out_object_end(out);
}

static void put_group(struct page *page, const struct explained_group *group)
{
	struct json_out *out = &page->json;

	json_out_object(out);
	json_out_member(out, "name", group->name);
	json_out_key(out, "member");
	if (group->answer == GROUP_UNKNOWN)
		json_out_null(out);
	else
		json_out_bool(out, group->answer == GROUP_YES);
	json_out_key(out, "path");
	json_out_array(out);
	for (unsigned i = 0; i < group->path_count; i++)
		json_out_text(out, group->path[i]);
	json_out_array_end(out);
	put_optional(out, "unknown", group->unknown);
	put_optional(out, "nearest", group->nearest);
	put_place(page, "place", group->origin);
	json_out_object_end(out);
}

static void put_groups(struct page *page)
{
	json_out_key(&page->json, "groups");
	json_out_array(&page->json);
	for (unsigned i = 0; i < page->who->group_count; i++)
		put_group(page, &page->who->groups[i]);
	json_out_array_end(&page->json);
}

/* --- rules ------------------------------------------------------------------------------- */

static void put_part(struct json_out *out, const struct explained_part *part)
{
	static const char *const kinds[] = {
		[CEL_PART_CONST] = "constant", [CEL_PART_ATTR] = "attribute",
		[CEL_PART_GROUP] = "group",    [CEL_PART_VAR] = "variable",
		[CEL_PART_LOGIC] = "logic",    [CEL_PART_MACRO] = "macro",
		[CEL_PART_ELEMENT] = "element", [CEL_PART_OTHER] = "other",
	};

	json_out_object(out);
	json_out_member_int(out, "depth", part->depth);
	json_out_member(out, "kind", kinds[part->kind]);
	if (part->kind == CEL_PART_ELEMENT)
		put_optional(out, "text", part->name);
	else
		put_optional(out, "text", part->text);
	put_flag(out, "decided", part->decided);
	if (part->type) {
		json_out_member(out, "type", part->type);
		if (part->json) {
			json_out_key(out, "value");
			json_out_raw(out, slice_str(part->json));
		}
	} else {
		put_flag(out, "absent", part->absent);
		json_out_member(out, "error", part->error);
	}
	json_out_object_end(out);
}

static void put_parts(struct json_out *out, const char *key,
		      const struct explained_parts *parts)
{
	json_out_key(out, key);
	json_out_array(out);
	for (unsigned i = 0; i < parts->count; i++)
		put_part(out, &parts->items[i]);
	json_out_array_end(out);
}

/* The sentence that the text has. */
static void put_why(struct page *page, const struct explained_event *e)
{
	struct buf text;

	if (!e->conditional)
		return;
	buf_init(&text, 1 << 16);
	buf_addstr(&text, "");
	if (e->result <= 0 && e->missing.count)
		explain_missing(&text, page->who, &e->missing);
	else
		explain_decided(&text, &e->parts);
	json_out_member(&page->json, "why", text.data);
	buf_release(&text);
}

static void put_result(struct json_out *out, const char *key, int result)
{
	json_out_key(out, key);
	if (result < 0)
		json_out_null(out);
	else
		json_out_bool(out, result > 0);
}

static void put_element(struct json_out *out, const struct explained_event *e)
{
	if (!e->element)
		return;
	json_out_key(out, "element");
	json_out_raw(out, slice_str(e->element));
}

static void put_rule(struct page *page, const struct explained_event *e)
{
	static const char *const kinds[] = { [MAP_BLOCK] = "people", [MAP_SKIP] = "skip",
					     [MAP_ITEM] = "assign",  [MAP_EACH] = "each" };
	struct json_out *out = &page->json;

	json_out_object(out);
	json_out_member(out, "kind", kinds[e->kind]);
	put_place(page, "place", e->origin);
	put_result(out, "fired", e->result);
	put_flag(out, "conditional", e->conditional);
	put_element(out, e);
	if (e->kind == MAP_EACH)
		json_out_member_int(out, "elements", (int64_t)e->count);
	put_why(page, e);
	if (e->kind == MAP_SKIP)
		put_optional(out, "reason", e->text);
	put_optional(out, "error", e->error);
	if (e->conditional && e->result <= 0 && e->kind != MAP_EACH) {
		put_flag(out, "near", explain_is_near(e));
		json_out_key(out, "misses");
		if (e->misses >= CEL_MISSES_NEVER)
			json_out_null(out);
		else
			json_out_int(out, e->misses);
		json_out_member_int(out, "held", e->held);
		put_parts(out, "missing", &e->missing);
	}
	put_parts(out, "parts", &e->parts);
	json_out_object_end(out);
}

static void put_rules(struct page *page)
{
	const struct explained *who = page->who;

	json_out_key(&page->json, "rules");
	json_out_array(&page->json);
	for (unsigned i = 0; i < who->event_count; i++)
		if (who->events[i].kind != MAP_FIELD && who->events[i].kind != MAP_ASSIGN)
			put_rule(page, &who->events[i]);
	json_out_array_end(&page->json);
	json_out_key(&page->json, "notAsked");
	json_out_array(&page->json);
	for (unsigned i = 0; i < who->unasked_count; i++)
		json_out_text(&page->json,
			      rules_origin(page->report->rules, who->unasked[i])->rule);
	json_out_array_end(&page->json);
	json_out_member_int(&page->json, "eventsLeftOut", (int64_t)who->events_dropped);
	json_out_member_int(&page->json, "partsLeftOut", (int64_t)who->parts_dropped);
}

/* --- record ------------------------------------------------------------------------------ */

static enum own own_of(const struct record *record, const struct explained_event *e)
{
	for (unsigned i = 0; e->kind == MAP_FIELD && i < record->field_count; i++) {
		const struct record_field *f = &record->fields[i];

		if (f->field.attr == e->attr &&
		    (f->field.key == e->key ||
		     (f->field.key && e->key && strcmp(f->field.key, e->key) == 0)))
			return f->own;
	}
	if (e->kind == MAP_FIELD && e->attr == SCIM_ATTR_MANAGER && record->manager_dn)
		return record->manager_own;
	return e->kind == MAP_FIELD ? OWN_COUNT : (enum own)record->own[e->assign_kind];
}

static void put_stated(struct page *page, const struct explained_event *e)
{
	struct json_out *out = &page->json;
	enum own own = own_of(page->who->record, e);

	put_result(out, "stated", e->result);
	if (own != OWN_COUNT)
		json_out_member(out, "own", own_name(own));
	put_flag(out, "byDefault", e->by_default);
	put_place(page, "place", e->origin);
	put_element(out, e);
	put_optional(out, "error", e->error);
	put_parts(out, "parts", &e->parts);
	json_out_object_end(out);
}

static void put_field(struct page *page, const struct explained_event *e)
{
	struct json_out *out = &page->json;

	json_out_object(out);
	json_out_member(out, "attribute", scim_attr(e->attr)->name);
	put_optional(out, "type", e->key);
	put_optional(out, "value", e->text);
	put_stated(page, e);
}

static void put_assignment(struct page *page, const struct explained_event *e)
{
	struct json_out *out = &page->json;

	json_out_object(out);
	json_out_member(out, "kind", assign_kind_name(e->assign_kind));
	put_optional(out, "name", e->text);
	if (e->assign_kind == ASSIGN_ROLE && e->text)
		json_out_member(out, "division", e->division); /* null: Home */
	if ((e->assign_kind == ASSIGN_SKILL || e->assign_kind == ASSIGN_LANGUAGE) && e->text) {
		json_out_key(out, "level");
		json_out_double(out, e->level);
	}
	put_stated(page, e);
}

static void put_problems(struct page *page)
{
	static const char *const scopes[] = { [PROBLEM_PERSON] = "person",
					      [PROBLEM_KIND] = "kind",
					      [PROBLEM_FIELD] = "attribute",
					      [PROBLEM_NOTE] = "note" };
	const struct record *record = page->who->record;
	struct json_out *out = &page->json;

	json_out_key(out, "problems");
	json_out_array(out);
	for (unsigned i = 0; i < record->problem_count; i++) {
		json_out_object(out);
		json_out_member(out, "scope", scopes[record->problems[i].scope]);
		json_out_member(out, "text", record->problems[i].text);
		put_place(page, "place", record->problems[i].origin);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void put_record(struct page *page)
{
	const struct explained *who = page->who;
	struct json_out *out = &page->json;

	json_out_key(out, "record");
	if (!who->record) {
		json_out_null(out);
		return;
	}
	json_out_object(out);
	json_out_member(out, "rule", who->record->rule);
	json_out_key(out, "profile");
	json_out_array(out);
	for (unsigned i = 0; i < who->event_count; i++)
		if (who->events[i].kind == MAP_FIELD)
			put_field(page, &who->events[i]);
	json_out_array_end(out);
	json_out_key(out, "assignments");
	json_out_array(out);
	for (unsigned i = 0; i < who->event_count; i++)
		if (who->events[i].kind == MAP_ASSIGN)
			put_assignment(page, &who->events[i]);
	json_out_array_end(out);
	put_problems(page);
	json_out_object_end(out);
}

/* --- difference -------------------------------------------------------------------------- */

static void put_change(struct page *page, const struct explained_change *c)
{
	struct json_out *out = &page->json;

	json_out_object(out);
	if (c->assignment) {
		json_out_member(out, "kind", assign_kind_name(c->kind));
		json_out_member(out, "name", c->name);
		if (c->kind == ASSIGN_ROLE)
			json_out_member(out, "division", c->division);
	} else {
		json_out_member(out, "attribute", scim_attr(c->attr)->name);
		put_optional(out, "type", c->key);
	}
	json_out_member(out, "wanted", c->wanted);
	json_out_member(out, "present", c->present);
	json_out_member(out, "recorded", c->recorded);
	json_out_member(out, "step", c->step ? step_row(c->step->kind)->name : NULL);
	if (c->step && c->step->drift)
		put_flag(out, "drift", true);
	if (c->row)
		json_out_member_int(out, "row", c->row);
	put_optional(out, "why", c->why);
	put_place(page, "place", c->origin);
	json_out_object_end(out);
}

static void put_difference(struct page *page)
{
	static const char *const accounts[] = {
		[EXPLAIN_OFFLINE] = "not asked", [EXPLAIN_NONE] = "none",
		[EXPLAIN_LINKED] = "linked",	 [EXPLAIN_NEW_LINK] = "found",
		[EXPLAIN_LOST] = "lost",
	};
	const struct explained *who = page->who;
	struct json_out *out = &page->json;

	json_out_key(out, "account");
	json_out_object(out);
	json_out_member(out, "link", accounts[who->account]);
	put_optional(out, "id", who->account_id);
	put_optional(out, "state", who->account_state);
	put_optional(out, "why", who->account_why);
	if (who->account_row)
		json_out_member_int(out, "row", who->account_row);
	json_out_object_end(out);
	json_out_key(out, "left");
	json_out_array(out);
	for (unsigned i = 0; i < who->skip_count; i++)
		json_out_text(out, who->skips[i]);
	json_out_array_end(out);
	json_out_key(out, "difference");
	json_out_array(out);
	for (unsigned i = 0; i < who->change_count; i++)
		put_change(page, &who->changes[i]);
	json_out_array_end(out);
}

/* --- all of it --------------------------------------------------------------------------- */

static void put_person(struct page *page)
{
	const struct explained *who = page->who;
	struct json_out *out = &page->json;
	char due[21];

	json_out_object(out);
	json_out_member(out, "dn", who->dn);
	json_out_member(out, "id", who->id);
	json_out_member(out, "name", who->name);
	put_flag(out, "inScope", who->record != NULL);
	if (who->due_s) {
		time_format(who->due_s, due);
		json_out_member(out, "next", due);
	}
	put_entry(page);
	put_groups(page);
	put_rules(page);
	put_record(page);
	put_difference(page);
	json_out_object_end(out);
}

static void put_read(struct json_out *out, const struct verdict *groups)
{
	size_t kept = groups->reason_count < VERDICT_REASONS_MAX ? groups->reason_count
								 : VERDICT_REASONS_MAX;

	json_out_key(out, "groupsRead");
	json_out_object(out);
	put_flag(out, "complete", groups->complete);
	json_out_key(out, "reasons");
	json_out_array(out);
	for (size_t i = 0; i < kept; i++)
		json_out_text(out, groups->reasons[i]);
	json_out_array_end(out);
	json_out_object_end(out);
}

void report_explain_json(const struct explain_report *report, struct buf *out)
{
	struct page page = { .report = report };
	char time[21];

	json_out_init(&page.json, out);
	json_out_object(&page.json);
	json_out_member(&page.json, "schema", "dirbridge.explain/1");
	time_format(report->time_s, time);
	json_out_member(&page.json, "time", time);
	put_flag(&page.json, "offline", report->offline);
	put_read(&page.json, report->groups);
	json_out_member_int(&page.json, "more", (int64_t)report->more);
	json_out_key(&page.json, "people");
	json_out_array(&page.json);
	for (size_t i = 0; i < report->count; i++) {
		page.who = report->people[i];
		put_person(&page);
	}
	json_out_array_end(&page.json);
	json_out_object_end(&page.json);
	buf_addch(out, '\n');
}
