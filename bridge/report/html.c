/*
 * A plan as one page that needs nothing beside itself. The page is page.html, page.css and
 * page.js; the data is JSON in an element that browsers do not run, with each text once, so
 * that a thousand changed people fit into a mail. Only what names the page's own script and
 * style by their hashes is run or drawn (Content Security Policy Level 3).
 */
#include "bridge/report/report.h"

#include <string.h>

#include "bridge/api/api.h"
#include "bridge/report/page_parts.h"
#include "scim/base/digest.h"
#include "scim/base/json.h"
#include "scim/base/mem.h"

#include "scim/base/banned.h"

struct page {
	const struct plan *plan;
	struct json_out json;
	struct map texts; /* text -> its number */
	VEC(const char *) list;
	struct arena mem;
};

static int64_t number_of(struct page *page, const char *text)
{
	uint64_t number;

	if (!text)
		return -1;
	if (map_get(&page->texts, slice_str(text), &number))
		return (int64_t)number;
	map_set(&page->texts, slice_str(text), page->list.count);
	vec_push(&page->list, text);
	return (int64_t)page->list.count - 1;
}

/* What a step is about, and its value before and after, as the text report tells them. */
struct shown {
	const char *attribute, *thing, *where, *before, *after;
};

static void show_set(struct page *page, const struct step *step, struct shown *shown)
{
	bool named = step->attr == SCIM_ATTR_MANAGER;

	shown->attribute = scim_attr(step->attr)->name;
	if (step->key && step->key[0])
		shown->attribute = arena_printf(&page->mem, "%s.%s", shown->attribute, step->key);
	shown->before = named ? step->old_name : step->old_text;
	shown->after = named ? step->name : step->new_text;
}

static struct shown shown_of(struct page *page, const struct step *step)
{
	struct shown shown = { .thing = step->name, .where = step->division };
	bool taken = step_row(step->kind)->sign == '-';

	switch (step->kind) {
	case STEP_SET:
	case STEP_RENAME:
	case STEP_DIVISION:
	case STEP_MANAGER:
		shown.thing = NULL;
		show_set(page, step, &shown);
		return shown;
	case STEP_CREATE:
	case STEP_RESTORE:
	case STEP_DISABLE:
	case STEP_ENABLE:
		shown.before = step->old_text;
		shown.after = step->new_text;
		return shown;
	case STEP_UNIT_SET:
	case STEP_WORK_PLAN_SET:
		shown.thing = NULL;
		shown.before = step->old_text;
		shown.after = step->name;
		return shown;
	case STEP_SKILL_SET:
	case STEP_LANGUAGE_SET:
		shown.before = step->old_text;
		shown.after = arena_printf(&page->mem, "%g", step->level);
		return shown;
	default:
		break;
	}
	shown.before = step->old_text ? step->old_text : taken ? "held" : NULL;
	shown.after = taken ? NULL : "held";
	return shown;
}

static void put_step(struct page *page, const struct step *step)
{
	struct json_out *out = &page->json;
	struct shown shown = shown_of(page, step);

	json_out_array(out);
	json_out_int(out, step->kind);
	json_out_int(out, number_of(page, shown.attribute));
	json_out_int(out, number_of(page, shown.thing));
	json_out_int(out, number_of(page, shown.where));
	json_out_int(out, number_of(page, shown.before));
	json_out_int(out, number_of(page, shown.after));
	json_out_int(out, (step->drift ? 1 : 0) + (step->privileged ? 2 : 0));
	json_out_int(out, number_of(page, step->origin ? page->plan->places[step->origin] : NULL));
	json_out_array_end(out);
}

static void put_people(struct page *page)
{
	struct json_out *out = &page->json;

	json_out_key(out, "people");
	json_out_array(out);
	for (size_t i = 0; i < page->plan->people.count; i++) {
		const struct plan_person *person = &page->plan->people.items[i];

		json_out_array(out);
		json_out_text(out, person->id);
		json_out_text(out, person->dn);
		json_out_text(out, person->user_name);
		json_out_text(out, person->display_name);
		json_out_text(out, person_change_name(person->change));
		json_out_text(out, person->account_id);
		json_out_array(out);
		for (uint32_t s = 0; s < person->step_count; s++)
			put_step(page, &page->plan->steps.items[person->first_step + s]);
		json_out_array_end(out);
		json_out_array_end(out);
	}
	json_out_array_end(out);
}

static void put_texts(struct json_out *out, const char *key, const char *const *items,
		      size_t count)
{
	json_out_key(out, key);
	json_out_array(out);
	for (size_t i = 0; i < count; i++)
		json_out_text(out, items[i]);
	json_out_array_end(out);
}

static void put_skips(struct page *page, const struct plan_skip *skips, size_t count, bool by_rule)
{
	struct json_out *out = &page->json;

	for (size_t i = 0; i < count; i++) {
		json_out_array(out);
		json_out_text(out, skips[i].user_name);
		json_out_text(out, skips[i].dn);
		json_out_text(out, skips[i].text);
		json_out_text(out, skips[i].origin ? page->plan->places[skips[i].origin] : NULL);
		json_out_bool(out, by_rule);
		json_out_array_end(out);
	}
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

static void put_tables(struct page *page)
{
	const struct plan *plan = page->plan;
	struct json_out *out = &page->json;

	json_out_key(out, "kinds");
	json_out_array(out);
	for (int kind = 0; kind < STEP_KIND_COUNT; kind++) {
		json_out_array(out);
		json_out_text(out, step_row(kind)->name);
		json_out_text(out, step_row(kind)->words);
		json_out_text(out, report_step_noun(kind));
		json_out_array_end(out);
	}
	json_out_array_end(out);
	json_out_key(out, "limits");
	json_out_array(out);
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++) {
		json_out_array(out);
		json_out_text(out, limit_kind_name(kind));
		json_out_int(out, plan->limits[kind].planned);
		json_out_int(out, plan->limits[kind].recent);
		json_out_int(out, plan->limits[kind].allowed);
		json_out_bool(out, plan->limits[kind].exceeded);
		json_out_array_end(out);
	}
	json_out_array_end(out);
	json_out_key(out, "calls");
	json_out_array(out);
	for (int op = 0; op < API_OP_COUNT; op++) {
		if (!plan->calls[op])
			continue;
		json_out_array(out);
		json_out_text(out, api_words(op));
		json_out_int(out, (int64_t)plan->calls[op]);
		json_out_array_end(out);
	}
	json_out_array_end(out);
	json_out_member_int(out, "callsPerMinute", (int64_t)plan->calls_per_minute);
}

static void put_head(struct page *page, const char *hash, const char *approval)
{
	const struct plan *plan = page->plan;
	struct json_out *out = &page->json;
	char time[21];

	time_format(plan->time_s, time);
	json_out_member(out, "time", time);
	time_format(plan->expires_s, time);
	json_out_member(out, "expires", plan->expires_s ? time : NULL);
	json_out_member(out, "source", plan->source);
	json_out_member(out, "target", plan->target);
	json_out_member(out, "inputs", plan->inputs);
	json_out_member(out, "sha256", hash);
	json_out_member(out, "approval", approval);
	put_verdict(out, "directory", &plan->directory);
	put_verdict(out, "tenant", &plan->tenant);
	json_out_member_int(out, "inScope", (int64_t)plan->people_in_scope);
	json_out_member_int(out, "unchanged", (int64_t)plan->people_unchanged);
	json_out_member_int(out, "foreign", (int64_t)plan->accounts_foreign);
	json_out_key(out, "refused");
	json_out_bool(out, plan->refused);
	put_texts(out, "refusals", plan->refusals.items, plan->refusals.count);
	put_texts(out, "warnings", plan->warnings.items, plan->warnings.count);
}

static void put_data(struct page *page, const char *hash, const char *approval)
{
	struct json_out *out = &page->json;

	json_out_object(out);
	put_head(page, hash, approval);
	put_tables(page);
	json_out_key(out, "skipped");
	json_out_array(out);
	put_skips(page, page->plan->skips.items, page->plan->skips.count, false);
	put_skips(page, page->plan->by_rule.items, page->plan->by_rule.count, true);
	json_out_array_end(out);
	put_people(page);
	put_texts(out, "texts", page->list.items, page->list.count);
	json_out_object_end(out);
}

static unsigned hex_value(char digit)
{
	return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)(digit - 'a') + 10;
}

/* "sha256-...", by which the policy lets this very text run. */
static void put_source(struct buf *out, struct slice part)
{
	unsigned char raw[DIGEST_TEXT / 2];
	char text[DIGEST_TEXT], coded[64];

	digest_of(part.data, part.len, text);
	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (unsigned char)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
	buf_addf(out, "'sha256-%.*s'", (int)base64_encode(raw, sizeof(raw), coded), coded);
}

/* Nothing in it can end the element: of JSON only texts hold these, and there they may be escaped. */
static void put_embedded(struct buf *out, const struct buf *json)
{
	for (size_t i = 0, begin = 0; i <= json->len; i++) {
		char c = i < json->len ? json->data[i] : '<';

		if (c != '<' && c != '>' && c != '&')
			continue;
		buf_add(out, json->data + begin, i - begin);
		begin = i + 1;
		if (i < json->len)
			buf_addf(out, "\\u%04x", (unsigned)c);
	}
}

static void put_page(struct buf *out, const struct buf *json)
{
	struct slice style = page_style(), markup = page_markup(), script = page_script();

	buf_addstr(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
			"script-src ");
	put_source(out, script);
	buf_addstr(out, "; style-src ");
	put_source(out, style);
	buf_addstr(out, "; base-uri 'none'; form-action 'none'\">\n"
			"<meta name=\"referrer\" content=\"no-referrer\">\n"
			"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
			"<title>dirbridge plan</title>\n<style>");
	buf_add(out, style.data, style.len);
	buf_addstr(out, "</style>\n</head>\n<body>\n");
	buf_add(out, markup.data, markup.len);
	buf_addstr(out, "<script type=\"application/json\" id=\"data\">");
	put_embedded(out, json);
	buf_addstr(out, "</script>\n<script>");
	buf_add(out, script.data, script.len);
	buf_addstr(out, "</script>\n</body>\n</html>\n");
}

void report_plan_html(const struct plan *plan, const char *hash, const char *approval,
		      struct buf *out)
{
	struct page page = { .plan = plan };
	struct buf json;

	buf_init(&json, out->max_bytes);
	json_out_init(&page.json, &json);
	arena_init(&page.mem);
	put_data(&page, hash, approval);
	put_page(out, &json);
	buf_release(&json);
	map_release(&page.texts);
	vec_release(&page.list);
	arena_release(&page.mem);
}
