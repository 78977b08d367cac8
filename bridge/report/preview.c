/*
 * What other rules would make of the same people: text and JSON.
 */
#include "bridge/report/report.h"

#include <inttypes.h>
#include <string.h>

#include "scim/base/json.h"

#include "scim/base/banned.h"

static const char *const kind_titles[PREVIEW_KIND_COUNT] = {
	[PREVIEW_JOINS] = "Come into scope",
	[PREVIEW_LEAVES] = "Fall out of scope: their accounts would be deactivated",
	[PREVIEW_CHANGES] = "Get something else",
};
static const char *const kind_words[PREVIEW_KIND_COUNT] = {
	[PREVIEW_JOINS] = "joins",
	[PREVIEW_LEAVES] = "leaves",
	[PREVIEW_CHANGES] = "changes",
};

static const char *color(const struct report_options *options, const char *code)
{
	return options->color ? code : "";
}

static void put_value(struct buf *out, const char *value)
{
	if (!value) {
		buf_addstr(out, "nothing");
		return;
	}
	buf_addch(out, '"');
	buf_addvisible(out, value, strlen(value));
	buf_addch(out, '"');
}

static void put_line(const struct preview_line *line, enum preview_kind kind,
		     const struct report_options *options, FILE *out)
{
	char sign = !line->before ? '+' : !line->after ? '-' : '~';
	const char *paint = sign == '+' ? "\033[32m" : sign == '-' ? "\033[31m" : "\033[33m";
	struct buf text;

	buf_init(&text, 1 << 20);
	buf_addvisible(&text, line->what, strlen(line->what));
	buf_addstr(&text, ": ");
	if (kind == PREVIEW_CHANGES) {
		put_value(&text, line->before);
		buf_addstr(&text, " -> ");
	}
	put_value(&text, kind == PREVIEW_LEAVES ? line->before : line->after);
	fprintf(out, "    %s%c%s %-58s%s%s\n", color(options, paint), sign,
		color(options, "\033[0m"), text.data, line->place[0] ? "  " : "", line->place);
	buf_release(&text);
}

static void put_person(const struct preview_person *person,
		       const struct report_options *options, FILE *out)
{
	struct buf name;

	buf_init(&name, 1 << 16);
	buf_addvisible(&name, person->name, strlen(person->name));
	fprintf(out, "  %s%s%s\n", color(options, "\033[1m"), name.data,
		color(options, "\033[0m"));
	buf_release(&name);
	for (unsigned i = 0; i < person->line_count; i++)
		put_line(&person->lines[i], person->kind, options, out);
}

void report_preview_text(const struct preview *preview, const struct report_options *options,
			 FILE *out)
{
	const struct verdict *verdict = &preview->directory;

	for (size_t i = 0; i < verdict->reason_count && i < VERDICT_REASONS_MAX; i++)
		fprintf(out, "%sWarning:%s directory not read completely: %s\n",
			color(options, "\033[33m"), color(options, "\033[0m"),
			verdict->reasons[i]);
	for (int kind = 0; kind < PREVIEW_KIND_COUNT; kind++) {
		unsigned long shown = 0;

		if (!preview->counts[kind])
			continue;
		fprintf(out, "%s (%lu)\n", kind_titles[kind], preview->counts[kind]);
		for (size_t i = 0; i < preview->people.count; i++) {
			if (preview->people.items[i].kind != (enum preview_kind)kind)
				continue;
			if (options->people_max && shown == options->people_max)
				break;
			shown++;
			put_person(&preview->people.items[i], options, out);
		}
		if (shown < preview->counts[kind])
			fprintf(out, "  ... and %lu more people; --all shows them\n",
				preview->counts[kind] - shown);
		fputc('\n', out);
	}
	fprintf(out, "%lu come into scope, %lu fall out, %lu get something else; %lu as before.\n",
		preview->counts[PREVIEW_JOINS], preview->counts[PREVIEW_LEAVES],
		preview->counts[PREVIEW_CHANGES], preview->same);
}

void report_preview_json(const struct preview *preview, struct buf *out)
{
	const struct verdict *verdict = &preview->directory;
	struct json_out json;

	json_out_init(&json, out);
	json_out_object(&json);
	json_out_member(&json, "schema", "dirbridge.preview/1");
	json_out_key(&json, "complete");
	json_out_bool(&json, verdict->complete);
	json_out_key(&json, "reasons");
	json_out_array(&json);
	for (size_t i = 0; i < verdict->reason_count && i < VERDICT_REASONS_MAX; i++)
		json_out_text(&json, verdict->reasons[i]);
	json_out_array_end(&json);
	for (int kind = 0; kind < PREVIEW_KIND_COUNT; kind++)
		json_out_member_int(&json, kind_words[kind], (int64_t)preview->counts[kind]);
	json_out_member_int(&json, "same", (int64_t)preview->same);
	json_out_key(&json, "people");
	json_out_array(&json);
	for (size_t i = 0; i < preview->people.count; i++) {
		const struct preview_person *person = &preview->people.items[i];

		json_out_object(&json);
		json_out_member(&json, "id", person->id);
		json_out_member(&json, "dn", person->dn);
		json_out_member(&json, "name", person->name);
		json_out_member(&json, "kind", kind_words[person->kind]);
		json_out_key(&json, "lines");
		json_out_array(&json);
		for (unsigned l = 0; l < person->line_count; l++) {
			json_out_object(&json);
			json_out_member(&json, "what", person->lines[l].what);
			json_out_member(&json, "before", person->lines[l].before);
			json_out_member(&json, "after", person->lines[l].after);
			json_out_member(&json, "rule", person->lines[l].place);
			json_out_object_end(&json);
		}
		json_out_array_end(&json);
		json_out_object_end(&json);
	}
	json_out_array_end(&json);
	json_out_object_end(&json);
	buf_addch(out, '\n');
}
