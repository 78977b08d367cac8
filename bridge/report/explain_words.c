#include "bridge/report/explain_words.h"

#include <string.h>

#include "scim/base/banned.h"

#define VALUE_SHOWN 100  /* bytes of one value */
#define PHRASES_MAX 4    /* deciding parts that are named */
#define SOURCES_MAX 12

static void show(struct buf *out, const char *text)
{
	if (text)
		buf_addvisible(out, text, strlen(text));
}

void explain_value(struct buf *out, const struct explained_part *part)
{
	size_t len;

	if (!part->json) {
		buf_addf(out, "a long %s", part->type);
		return;
	}
	len = strlen(part->json);
	if (len <= VALUE_SHOWN) {
		buf_addvisible(out, part->json, len);
		return;
	}
	for (len = VALUE_SHOWN; (part->json[len] & 0xc0) == 0x80; len--)
		;
	buf_addvisible(out, part->json, len);
	buf_addstr(out, "...");
}

/* Index after part i and all that it is made of. */
static unsigned after(const struct explained_parts *parts, unsigned i)
{
	unsigned depth = parts->items[i].depth;

	for (i++; i < parts->count && parts->items[i].depth > depth; i++)
		;
	return i;
}

/* A value that the reader can look up: an attribute or a variable, not a part of them. */
static bool is_source(const struct explained_part *part)
{
	return part->kind == CEL_PART_ATTR || part->kind == CEL_PART_VAR;
}

static bool said_before(const struct explained_parts *parts, unsigned from, unsigned i)
{
	for (; from < i; from++)
		if (parts->items[from].kind == parts->items[i].kind && parts->items[from].text &&
		    parts->items[i].text &&
		    strcmp(parts->items[from].text, parts->items[i].text) == 0)
			return true;
	return false;
}

/* ": entry.l is "Bremen"" for what lies inside part i. Elements of macros are left out. */
static void add_operands(struct buf *out, const struct explained_parts *parts, unsigned i)
{
	unsigned end = after(parts, i), said = 0;

	for (unsigned at = i + 1; at < end; at++) {
		const struct explained_part *part = &parts->items[at];

		if (part->kind == CEL_PART_ELEMENT) {
			at = after(parts, at) - 1;
			continue;
		}
		if (!is_source(part) || said_before(parts, i + 1, at) || said == PHRASES_MAX)
			continue;
		buf_addstr(out, said++ ? ", " : ": ");
		show(out, part->text);
		if (part->absent) {
			buf_addstr(out, " is absent");
		} else if (part->error) {
			buf_addstr(out, ": ");
			show(out, part->error);
		} else {
			buf_addstr(out, " is ");
			explain_value(out, part);
		}
	}
}

static void add_phrase(struct buf *out, const struct explained_parts *parts, unsigned i)
{
	const struct explained_part *part = &parts->items[i];

	show(out, part->text ? part->text : "");
	if (part->absent && is_source(part))
		buf_addstr(out, " is absent");
	else if (part->error && !part->absent) {
		buf_addstr(out, " failed: ");
		show(out, part->error);
		return;
	} else if (part->type) {
		buf_addstr(out, " is ");
		explain_value(out, part);
	}
	add_operands(out, parts, i);
}

/* Did it decide by itself, and not only through one of its operands? */
static bool is_decider(const struct explained_parts *parts, unsigned i)
{
	unsigned end = after(parts, i);

	if (!parts->items[i].decided || parts->items[i].kind == CEL_PART_ELEMENT)
		return false;
	for (unsigned at = i + 1; at < end; at++)
		if (parts->items[at].decided)
			return false;
	return true;
}

/* Conditions without their constants: `true` alone tells nobody anything. */
static bool tells(const struct explained_parts *parts, unsigned i)
{
	return parts->items[i].kind != CEL_PART_CONST || parts->count == 1;
}

void explain_decided(struct buf *out, const struct explained_parts *parts)
{
	unsigned said = 0, more = 0;

	for (unsigned i = 0; i < parts->count; i++) {
		if (!is_decider(parts, i) || !tells(parts, i))
			continue;
		if (said == PHRASES_MAX) {
			more++;
			continue;
		}
		if (said++)
			buf_addstr(out, "; ");
		add_phrase(out, parts, i);
	}
	if (more)
		buf_addf(out, "; and %u more", more);
}

static void add_nearest(struct buf *out, const struct explained *of,
			const struct explained_part *part)
{
	for (unsigned i = 0; i < of->group_count; i++) {
		const struct explained_group *group = &of->groups[i];

		if (strcmp(group->name, part->name) != 0)
			continue;
		if (group->nearest) {
			buf_addstr(out, "; nearest group of theirs: ");
			show(out, group->nearest);
		}
		return;
	}
}

void explain_missing(struct buf *out, const struct explained *of,
		     const struct explained_parts *parts)
{
	unsigned said = 0, more = 0;

	for (unsigned i = 0; i < parts->count; i = after(parts, i)) {
		if (said == PHRASES_MAX) {
			more++;
			continue;
		}
		if (said++)
			buf_addstr(out, "; ");
		add_phrase(out, parts, i);
		if (parts->items[i].kind == CEL_PART_GROUP && !parts->items[i].error)
			add_nearest(out, of, &parts->items[i]);
	}
	if (more)
		buf_addf(out, "; and %u more", more);
}

void explain_sources(struct buf *out, const struct explained_parts *parts)
{
	unsigned said = 0;

	for (unsigned i = 0; i < parts->count && said < SOURCES_MAX; i++) {
		const struct explained_part *part = &parts->items[i];

		if (part->kind == CEL_PART_ELEMENT) {
			i = after(parts, i) - 1;
			continue;
		}
		if ((!is_source(part) && part->kind != CEL_PART_GROUP) || !part->text ||
		    said_before(parts, 0, i))
			continue;
		if (said++)
			buf_addstr(out, ", ");
		show(out, part->text);
		if (part->type) {
			buf_addstr(out, " = ");
			explain_value(out, part);
		} else {
			buf_addstr(out, part->absent ? " is absent" : " failed");
		}
	}
}

/* Two texts in one comparison that are nearly the same: "Berlin" and "berlin ". */
static bool nearly_equal(const struct explained_parts *parts)
{
	const char *texts[2];
	unsigned count = 0;

	for (unsigned i = 1; i < parts->count && count < 2; i = after(parts, i))
		if (parts->items[i].json && parts->items[i].json[0] == '"')
			texts[count++] = parts->items[i].json;
	return count == 2 && text_nearest(texts[0], &texts[1], 1) == 0;
}

bool explain_is_near(const struct explained_event *event)
{
	if (event->result > 0 || event->misses != 1)
		return false;
	if (event->held > 0)
		return true;
	/* One plain condition: near only where the texts themselves are. */
	return event->missing.count > 1 && event->missing.items[0].kind == CEL_PART_OTHER &&
	       nearly_equal(&event->missing);
}
