/*
 * An explanation for a terminal: who, groups, rules, record, difference; one thing a line,
 * details below it, further in and dim.
 */
#include "bridge/report/explain_words.h"
#include "bridge/report/paint.h"
#include "bridge/report/report.h"

#include "scim/base/banned.h"

#define COLUMNS_MIN 60
#define COLUMNS_MAX 160
#define NAME_MAX_COLUMNS 28
#define VALUE_COLUMNS 36
#define CHANGE_COLUMNS 58
#define VALUES_SHOWN 5 /* of one attribute of the entry */

struct page {
	struct painter p;
	const struct explain_report *report;
	const struct explained *who;
	unsigned columns;
	struct buf line; /* reused */
};

/* --- lines ------------------------------------------------------------------------------- */

static void heading(struct page *page, const char *text)
{
	fprintf(page->p.out, "\n%s%s%s\n", paint(&page->p, 'b'), text, plain(&page->p));
}

/* Bytes of `text` that fit into `columns`, up to a space where there is one. */
static size_t fitting(const char *text, size_t columns)
{
	size_t at = 0, space = 0, width = 0, len = strlen(text);

	while (at < len) {
		uint32_t cp;
		size_t bytes = utf8_decode(text + at, len - at, &cp);

		if (bytes == 0)
			bytes = 1;
		width += utf8_width(text + at, bytes);
		if (width > columns)
			return space ? space : at ? at : bytes;
		if (text[at] == ' ')
			space = at;
		at += bytes;
	}
	return len;
}

/* A paragraph with each of its lines `indent` in, in one colour. */
static void put_wrapped(struct page *page, unsigned indent, char sign, const char *text)
{
	size_t columns = page->columns > indent + 20 ? page->columns - indent : 20;

	while (*text) {
		size_t len = fitting(text, columns);

		fprintf(page->p.out, "%*s%s%.*s%s\n", (int)indent, "", paint(&page->p, sign),
			(int)len, text, plain(&page->p));
		text += len;
		text += strspn(text, " ");
	}
}

static const char *fresh(struct page *page)
{
	buf_clear(&page->line);
	buf_addstr(&page->line, "");
	return page->line.data;
}

/* "agents.yaml:14": where to look; the folder is the reader's own. */
static void add_place(struct page *page, struct buf *out, origin_id id)
{
	const struct origin *origin;
	const char *slash;

	if (!id)
		return;
	origin = rules_origin(page->report->rules, id);
	slash = strrchr(origin->file, '/');
	buf_addvisible(out, slash ? slash + 1 : origin->file,
		       strlen(slash ? slash + 1 : origin->file));
	buf_addf(out, ":%u", origin->line);
}

static void put_place(struct page *page, origin_id id)
{
	struct buf place;

	buf_init(&place, 4096);
	buf_addstr(&place, "");
	add_place(page, &place, id);
	fprintf(page->p.out, "%s%s%s", paint(&page->p, '.'), place.data, plain(&page->p));
	buf_release(&place);
}

static void put_sign(struct page *page, char sign)
{
	fprintf(page->p.out, "  %s%c%s ", paint(&page->p, sign == '?' ? '~' : sign), sign,
		plain(&page->p));
}

/* --- who --------------------------------------------------------------------------------- */

static const char *account_words(const struct explained *who)
{
	switch (who->account) {
	case EXPLAIN_OFFLINE:
		return "not known";
	case EXPLAIN_NONE:
		return "no account";
	case EXPLAIN_LINKED:
		return "linked";
	case EXPLAIN_NEW_LINK:
		return "found by its external id";
	case EXPLAIN_LOST:
		return "linked, and the tenant did not show it";
	default:
		return "";
	}
}

static void put_label(struct page *page, const char *label, const char *text)
{
	fresh(page);
	show(&page->line, text);
	fprintf(page->p.out, "  %s%-8s%s %s\n", paint(&page->p, '.'), label, plain(&page->p),
		page->line.data);
}

static void put_who(struct page *page)
{
	const struct explained *who = page->who;
	char due[21];

	fresh(page);
	show(&page->line, who->name);
	fprintf(page->p.out, "%s%s%s\n", paint(&page->p, 'b'), page->line.data, plain(&page->p));
	put_label(page, "entry", who->dn);
	if (strcmp(who->id, who->dn) != 0)
		put_label(page, "id", who->id);
	if (who->record)
		put_label(page, "rule", who->record->rule);
	else
		put_label(page, "rule", "none: out of scope");
	if (!page->report->offline) {
		fprintf(page->p.out, "  %s%-8s%s ", paint(&page->p, '.'), "account",
			plain(&page->p));
		fresh(page);
		if (who->account_id)
			show(&page->line, who->account_id);
		fprintf(page->p.out, "%s%s%s%s%s\n", page->line.data, who->account_id ? ", " : "",
			account_words(who), who->account_state ? ", " : "",
			who->account_state ? who->account_state : "");
	}
	if (who->due_s) {
		time_format(who->due_s, due);
		fprintf(page->p.out, "  %snext%s     %s, when a date in the rules comes due\n",
			paint(&page->p, '.'), plain(&page->p), due);
	}
}

static void add_values(struct buf *out, const struct explained_attr *attr)
{
	for (unsigned v = 0; v < attr->count; v++) {
		struct slice value = attr->values[v];

		if (v == VALUES_SHOWN) {
			buf_addf(out, " ... and %u more", attr->count - v);
			return;
		}
		buf_addstr(out, v ? " | " : "");
		if (!utf8_valid(value.data, value.len))
			buf_addf(out, "(%zu bytes, not text)", value.len);
		else if (value.len > 200)
			buf_addf(out, "(%zu bytes)", value.len);
		else
			buf_addvisible(out, value.data, value.len);
	}
}

static size_t name_columns(size_t widest)
{
	return widest < NAME_MAX_COLUMNS ? widest : NAME_MAX_COLUMNS;
}

static void put_entry(struct page *page)
{
	const struct explained *who = page->who;
	size_t widest = 6;
	unsigned absent = 0;

	for (unsigned i = 0; i < who->attr_count; i++) {
		size_t len = strlen(who->attrs[i].name);

		if (who->attrs[i].count && len > widest)
			widest = len;
		absent += who->attrs[i].count == 0;
	}
	heading(page, "Entry as read (the attributes that rules use)");
	for (unsigned i = 0; i < who->attr_count; i++) {
		if (!who->attrs[i].count)
			continue;
		fresh(page);
		show(&page->line, who->attrs[i].name);
		fprintf(page->p.out, "  ");
		put_padded(&page->p, page->line.data, name_columns(widest));
		fresh(page);
		add_values(&page->line, &who->attrs[i]);
		fprintf(page->p.out, "  %s\n", page->line.data);
	}
	fresh(page);
	for (unsigned i = 0; i < who->attr_count; i++) {
		if (who->attrs[i].count)
			continue;
		buf_addstr(&page->line, page->line.len ? ", " : "absent: ");
		show(&page->line, who->attrs[i].name);
	}
	if (absent)
		put_wrapped(page, 2, '.', page->line.data);
}

/* --- groups ------------------------------------------------------------------------------ */

/* The first value of a DN: short, and enough to be recognised among groups. */
static void add_short(struct buf *out, const char *dn)
{
	const char *from = strchr(dn, '='), *to;

	from = from ? from + 1 : dn;
	for (to = from; *to && *to != ','; to++)
		to += *to == '\\' && to[1];
	buf_addvisible(out, from, (size_t)(to - from));
}

static void put_group(struct page *page, const struct explained_group *group)
{
	static const char signs[] = { [GROUP_NO] = '-', [GROUP_YES] = '+', [GROUP_UNKNOWN] = '?' };

	put_sign(page, signs[group->answer]);
	fresh(page);
	show(&page->line, group->name);
	fputs(page->line.data, page->p.out);
	fresh(page);
	if (group->path_count > 1) {
		buf_addstr(&page->line, "through ");
		for (unsigned i = 0; i < group->path_count; i++) {
			buf_addstr(&page->line, i ? " > " : "");
			add_short(&page->line, group->path[i]);
		}
	}
	if (group->unknown) {
		buf_addstr(&page->line, "not known: ");
		show(&page->line, group->unknown);
	}
	fputc('\n', page->p.out);
	put_wrapped(page, 6, '.', page->line.data);
}

static void put_groups(struct page *page)
{
	const struct explained *who = page->who;
	unsigned out = 0;

	if (!who->group_count)
		return;
	heading(page, "Groups that rules name");
	for (unsigned i = 0; i < who->group_count; i++) {
		if (who->groups[i].answer == GROUP_NO)
			out++;
		else
			put_group(page, &who->groups[i]);
	}
	if (!out)
		return;
	fresh(page);
	buf_addf(&page->line, "not in: ");
	for (unsigned i = 0, said = 0; i < who->group_count; i++) {
		if (who->groups[i].answer != GROUP_NO)
			continue;
		buf_addstr(&page->line, said++ ? ", " : "");
		if (strchr(who->groups[i].name, '='))
			add_short(&page->line, who->groups[i].name);
		else
			show(&page->line, who->groups[i].name);
	}
	put_wrapped(page, 2, '.', page->line.data);
}

/* --- rules ------------------------------------------------------------------------------- */

static const char *rule_name(struct page *page, origin_id id)
{
	return id ? rules_origin(page->report->rules, id)->rule : "";
}

/* Columns of names and places of rules, so that the reasons stand below each other. */
struct rule_columns {
	size_t name, place;
};

static struct rule_columns rule_columns(struct page *page)
{
	struct rule_columns widest = { 8, 8 };

	for (unsigned i = 0; i < page->who->event_count; i++) {
		const struct explained_event *e = &page->who->events[i];
		size_t len = strlen(rule_name(page, e->origin));

		if (e->kind == MAP_FIELD || e->kind == MAP_ASSIGN)
			continue;
		widest.name = len > widest.name ? len : widest.name;
		fresh(page);
		add_place(page, &page->line, e->origin);
		len = utf8_width(page->line.data, page->line.len);
		widest.place = len > widest.place ? len : widest.place;
	}
	widest.name = widest.name < 40 ? widest.name : 40;
	widest.place = widest.place < 40 ? widest.place : 40;
	return widest;
}

static void say_why(struct page *page, const struct explained_event *e)
{
	fresh(page);
	if (e->element) {
		buf_addstr(&page->line, "for ");
		buf_addvisible(&page->line, e->element,
			       strlen(e->element) < 80 ? strlen(e->element) : 80);
		buf_addstr(&page->line, ": ");
	}
	if (e->kind == MAP_SKIP && e->text) {
		buf_addstr(&page->line, "left as they are: ");
		show(&page->line, e->text);
		buf_addstr(&page->line, ": ");
	}
	if (!e->conditional && e->result > 0)
		buf_addstr(&page->line, "always");
	else if (!e->conditional) /* a date decided, and the error tells */
		show(&page->line, e->error);
	else if (e->result <= 0 && e->missing.count)
		explain_missing(&page->line, page->who, &e->missing);
	else
		explain_decided(&page->line, &e->parts);
	if (e->kind == MAP_EACH && e->result > 0) {
		fresh(page);
		buf_addf(&page->line, "%zu element%s: ", e->count, e->count == 1 ? "" : "s");
		explain_sources(&page->line, &e->parts);
	}
	if (e->result < 0 && e->error && !strstr(page->line.data, e->error)) {
		buf_addstr(&page->line, page->line.len ? ": " : "");
		show(&page->line, e->error);
	}
}

/* "Berlin" = "Berlin" would tell nobody anything. */
static bool is_literal(const struct explained_part *part)
{
	const char *text = part->text;
	size_t len = text ? strlen(text) : 0;

	if (part->kind != CEL_PART_CONST || part->depth == 0 || !len)
		return false;
	if (text[0] == '"' || text[0] == '\'')
		return strchr(text + 1, text[0]) == text + len - 1;
	return part->json && strcmp(text, part->json) == 0;
}

static void put_part(struct page *page, const struct explained_part *part)
{
	if (is_literal(part))
		return;
	fresh(page);
	buf_addf(&page->line, "%s", part->decided ? "> " : "  ");
	show(&page->line, part->kind == CEL_PART_ELEMENT ? part->name ? part->name : ""
							  : part->text ? part->text : "");
	if (part->error) {
		buf_addstr(&page->line, part->absent ? " is absent" : " failed: ");
		if (!part->absent)
			show(&page->line, part->error);
	} else {
		buf_addstr(&page->line, " = ");
		explain_value(&page->line, part);
	}
	put_wrapped(page, 6 + 2 * (part->depth < 20 ? part->depth : 20), '.', page->line.data);
}

/* Why stands behind the place, or below where that is too narrow. */
static void put_rule(struct page *page, const struct explained_event *e,
		     const struct rule_columns *columns)
{
	size_t used = 4 + columns->name + 2 + columns->place + 2;
	struct buf why;
	bool beside;

	buf_init(&why, 1 << 20);
	say_why(page, e);
	buf_add(&why, page->line.data, page->line.len);
	beside = used + utf8_width(why.data, why.len) <= page->columns;
	fresh(page);
	show(&page->line, rule_name(page, e->origin));
	put_sign(page, e->result > 0 ? '+' : e->result < 0 ? '!' : '-');
	put_padded(&page->p, page->line.data, columns->name);
	fprintf(page->p.out, "  %s", paint(&page->p, '.'));
	fresh(page);
	add_place(page, &page->line, e->origin);
	put_padded(&page->p, page->line.data, beside ? columns->place : 0);
	fprintf(page->p.out, "%s%s%s\n", plain(&page->p), beside ? "  " : "",
		beside ? why.data : "");
	if (!beside)
		put_wrapped(page, 6, ' ', why.data);
	buf_release(&why);
	for (unsigned i = 0; page->report->all && i < e->parts.count; i++)
		put_part(page, &e->parts.items[i]);
}

static bool is_rule(const struct explained_event *e)
{
	return e->kind != MAP_FIELD && e->kind != MAP_ASSIGN;
}

static unsigned put_those(struct page *page, const char *title, bool fired, bool near,
			  unsigned held)
{
	const struct explained *who = page->who;
	struct rule_columns columns = rule_columns(page);
	unsigned shown = 0;

	for (unsigned i = 0; i < who->event_count; i++) {
		const struct explained_event *e = &who->events[i];

		/* An item with a list and no condition: the list says all. */
		if (e->kind == MAP_ITEM && !e->conditional && e->result > 0 &&
		    i + 1 < who->event_count && e[1].kind == MAP_EACH)
			continue;
		if (!is_rule(e) || (e->result > 0) != fired || explain_is_near(e) != near ||
		    (near && e->held != held))
			continue;
		if (title && !shown++)
			heading(page, title);
		put_rule(page, e, &columns);
	}
	return shown;
}

/* Nearest first: more of its conditions hold. */
static void put_near(struct page *page)
{
	const struct explained *who = page->who;
	const char *title = "Rules that nearly fired: one condition is missing";
	unsigned most = 0;

	for (unsigned i = 0; i < who->event_count; i++)
		if (explain_is_near(&who->events[i]) && who->events[i].held > most)
			most = who->events[i].held;
	for (unsigned held = most + 1; held-- > 0;)
		if (put_those(page, title, false, true, held))
			title = NULL;
}

/* As they came, but those that fired first: they are what most people look for. */
static void put_rules(struct page *page)
{
	if (!put_those(page, "Rules that fired", true, false, 0)) {
		heading(page, "Rules that fired");
		fprintf(page->p.out, "  none\n");
	}
	put_near(page);
	put_those(page, "Rules that did not fire, and what they lack", false, false, 0);
	fresh(page);
	for (unsigned i = 0; i < page->who->unasked_count; i++) {
		buf_addstr(&page->line, i ? ", " : "not asked, as an earlier one took the person: ");
		show(&page->line, rule_name(page, page->who->unasked[i]));
	}
	put_wrapped(page, 2, '.', page->line.data);
	if (page->who->events_dropped)
		fprintf(page->p.out, "  ... and %lu more\n", page->who->events_dropped);
}

/* --- the record -------------------------------------------------------------------------- */

static const struct record_field *find_field(const struct explained *who,
					     const struct explained_event *e)
{
	for (unsigned i = 0; who->record && i < who->record->field_count; i++) {
		const struct record_field *f = &who->record->fields[i];
		bool same = f->field.key == e->key ||
			    (f->field.key && e->key && strcmp(f->field.key, e->key) == 0);

		if (f->field.attr == e->attr && same)
			return f;
	}
	return NULL;
}

static void add_attr(struct buf *out, enum scim_attr attr, const char *key)
{
	buf_addstr(out, scim_attr(attr)->name);
	if (key && key[0]) {
		buf_addch(out, '.');
		show(out, key);
	}
}

/* name, value, ownership, place; then what it came from. */
static void put_row(struct page *page, char sign, const char *name, size_t columns,
		    const char *value, const char *own, origin_id origin)
{
	put_sign(page, sign);
	put_padded(&page->p, name, columns);
	fputs("  ", page->p.out);
	put_padded(&page->p, value, VALUE_COLUMNS);
	fprintf(page->p.out, "  %-6s  ", own);
	put_place(page, origin);
	fputc('\n', page->p.out);
}

static void put_field(struct page *page, const struct explained_event *e, size_t columns)
{
	const struct record_field *field = find_field(page->who, e);
	const char *own = field ? own_name(field->own) : "";
	struct buf name;

	if (e->attr == SCIM_ATTR_MANAGER && page->who->record->manager_dn)
		own = own_name(page->who->record->manager_own);
	buf_init(&name, 4096);
	add_attr(&name, e->attr, e->key);
	fresh(page);
	if (e->result > 0)
		show(&page->line, e->text);
	else if (e->result == 0 && field)
		buf_addstr(&page->line, "emptied");
	else
		buf_addstr(&page->line, e->result < 0 ? "failed" : "not stated");
	put_row(page, e->result > 0 ? '+' : e->result < 0 ? '!' : '-', name.data, columns,
		page->line.data, own, e->origin);
	fresh(page);
	if (e->result < 0 && e->error)
		show(&page->line, e->error);
	else if (e->by_default)
		buf_addstr(&page->line, e->attr == SCIM_ATTR_EXTERNAL_ID
						? "by default: the directory's id"
						: "by default: who is in scope is active");
	else
		explain_sources(&page->line, &e->parts);
	put_wrapped(page, 6, '.', page->line.data);
	for (unsigned i = 0; page->report->all && i < e->parts.count; i++)
		put_part(page, &e->parts.items[i]);
	buf_release(&name);
}

static size_t widest_field(const struct explained *who)
{
	size_t widest = 8;

	for (unsigned i = 0; i < who->event_count; i++) {
		const struct explained_event *e = &who->events[i];
		size_t len;

		if (e->kind != MAP_FIELD)
			continue;
		len = strlen(scim_attr(e->attr)->name) + (e->key ? strlen(e->key) + 1 : 0);
		widest = len > widest ? len : widest;
	}
	return name_columns(widest);
}

static void put_profile(struct page *page)
{
	size_t columns = widest_field(page->who);
	bool any = false;

	for (unsigned i = 0; i < page->who->event_count; i++) {
		if (page->who->events[i].kind != MAP_FIELD)
			continue;
		if (!any)
			heading(page, "Profile");
		any = true;
		put_field(page, &page->who->events[i], columns);
	}
}

/* "Billing 4", "Agent in Site Berlin". */
static void add_item(struct buf *out, enum assign_kind kind, const char *name,
		     const char *division, double level)
{
	show(out, name ? name : "(not stated)");
	if (kind == ASSIGN_ROLE && name) {
		buf_addstr(out, " in ");
		show(out, !division ? "Home" : strcmp(division, "*") ? division : "all divisions");
	}
	if ((kind == ASSIGN_SKILL || kind == ASSIGN_LANGUAGE) && name)
		buf_addf(out, " %g", level);
}

/* The same thing by another rule with a higher level: that one counts (map.h). */
static void add_higher(struct page *page, const struct explained_event *e)
{
	const struct record *record = page->who->record;

	for (unsigned i = 0; record && e->result > 0 && i < record->assign_count; i++) {
		const struct assignment *a = &record->assigns[i];

		if (a->kind != e->assign_kind || strcmp(a->name, e->text) != 0 ||
		    a->level <= e->level)
			continue;
		buf_addf(&page->line, "%slevel %g counts, by ", page->line.len ? "; " : "",
			 a->level);
		add_place(page, &page->line, a->origin);
	}
}

static void put_assignment(struct page *page, const struct explained_event *e)
{
	const struct record *record = page->who->record;
	const char *own = record ? own_name((enum own)record->own[e->assign_kind]) : "";

	fresh(page);
	if (e->result < 0)
		buf_addstr(&page->line, "failed");
	else
		add_item(&page->line, e->assign_kind, e->text, e->division, e->level);
	put_row(page, e->result > 0 ? '+' : e->result < 0 ? '!' : '-',
		assign_kind_name(e->assign_kind), name_columns(widest_field(page->who)),
		page->line.data, own, e->origin);
	fresh(page);
	if (e->result < 0 && e->error)
		show(&page->line, e->error);
	else
		explain_sources(&page->line, &e->parts);
	add_higher(page, e);
	put_wrapped(page, 6, '.', page->line.data);
}

static void put_assignments(struct page *page)
{
	bool any = false;

	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++) {
		for (unsigned i = 0; i < page->who->event_count; i++) {
			const struct explained_event *e = &page->who->events[i];

			if (e->kind != MAP_ASSIGN || e->assign_kind != kind)
				continue;
			if (!any)
				heading(page, "Assignments");
			any = true;
			put_assignment(page, e);
		}
	}
}

static void put_problems(struct page *page)
{
	const struct record *record = page->who->record;

	if (!record || !record->problem_count)
		return;
	heading(page, "Not decided, or worth knowing");
	for (unsigned i = 0; i < record->problem_count; i++) {
		const struct problem *problem = &record->problems[i];

		fresh(page);
		show(&page->line, problem->text);
		buf_addstr(&page->line, "  ");
		add_place(page, &page->line, problem->origin);
		put_wrapped(page, 2, problem->scope == PROBLEM_NOTE ? '~' : '!',
			    page->line.data);
	}
}

/* --- difference -------------------------------------------------------------------------- */

static void add_quoted(struct buf *out, const char *text, bool plain_text)
{
	if (!text) {
		buf_addstr(out, "nothing");
		return;
	}
	if (!plain_text)
		buf_addch(out, '"');
	show(out, text);
	if (!plain_text)
		buf_addch(out, '"');
}

static void add_subject(struct buf *out, const struct explained_change *c)
{
	if (!c->assignment) {
		add_attr(out, c->attr, c->key);
		return;
	}
	buf_addf(out, "%s ", assign_kind_name(c->kind));
	show(out, c->name);
	if (c->kind == ASSIGN_ROLE) {
		buf_addstr(out, " in ");
		show(out, !c->division ? "Home"
				       : strcmp(c->division, "*") ? c->division : "all divisions");
	}
}

/* Nothing to do and nothing to say: named together at the end. */
static bool is_quiet(const struct explained_change *c)
{
	return !c->step && c->as_wanted;
}

static char change_sign(const struct explained_change *c)
{
	if (!c->step)
		return '=';
	if (!c->wanted)
		return '-';
	return c->present ? '~' : '+';
}

static void put_change(struct page *page, const struct explained_change *c)
{
	bool has_level = c->assignment && (c->kind == ASSIGN_SKILL || c->kind == ASSIGN_LANGUAGE);

	put_sign(page, change_sign(c));
	fresh(page);
	add_subject(&page->line, c);
	if (!c->assignment || has_level) {
		buf_addstr(&page->line, has_level ? " " : ": ");
		if (c->present) {
			add_quoted(&page->line, c->present, has_level);
			buf_addstr(&page->line, " -> ");
		}
		add_quoted(&page->line, c->wanted, has_level);
	}
	if (c->step && c->step->drift)
		buf_addstr(&page->line, c->wanted ? "  (changed by others)" : "  (not ours)");
	/* What nobody wants has no rule to name. */
	put_padded(&page->p, page->line.data, c->origin ? CHANGE_COLUMNS : 0);
	fputs(c->origin ? "  " : "", page->p.out);
	put_place(page, c->origin);
	fputc('\n', page->p.out);
	fresh(page);
	if (c->why)
		show(&page->line, c->why);
	if (c->recorded && c->why && !(c->present && strcmp(c->recorded, c->present) == 0)) {
		buf_addstr(&page->line, "; we had set ");
		add_quoted(&page->line, c->recorded, c->assignment);
	}
	put_wrapped(page, 6, '.', page->line.data);
}

static void put_quiet(struct page *page)
{
	unsigned count = 0;

	fresh(page);
	for (unsigned i = 0; i < page->who->change_count; i++) {
		if (!is_quiet(&page->who->changes[i]))
			continue;
		buf_addstr(&page->line, count++ ? ", " : "as wanted: ");
		add_subject(&page->line, &page->who->changes[i]);
	}
	put_wrapped(page, 2, '.', page->line.data);
}

static void put_difference(struct page *page)
{
	const struct explained *who = page->who;

	heading(page, "Difference to the tenant");
	if (page->report->offline) {
		fprintf(page->p.out, "  not looked at (--offline)\n");
		return;
	}
	if (who->account == EXPLAIN_OFFLINE)
		put_wrapped(page, 2, '!', "the tenant could not be read");
	if (who->account_why) {
		fresh(page);
		show(&page->line, who->account_why);
		put_wrapped(page, 2, 'b', page->line.data);
	}
	for (unsigned i = 0; i < who->skip_count; i++) {
		fresh(page);
		show(&page->line, who->skips[i]);
		put_wrapped(page, 2, '!', page->line.data);
	}
	for (unsigned i = 0; i < who->change_count; i++)
		if (!is_quiet(&who->changes[i]))
			put_change(page, &who->changes[i]);
	put_quiet(page);
}

/* --- all of it --------------------------------------------------------------------------- */

static void put_person(struct page *page)
{
	put_who(page);
	put_entry(page);
	put_groups(page);
	put_rules(page);
	if (page->who->record) {
		put_profile(page);
		put_assignments(page);
		put_problems(page);
	}
	put_difference(page);
}

void report_explain_text(const struct explain_report *report, FILE *out)
{
	struct page page = { .p = { out, report->color }, .report = report };

	page.columns = report->columns;
	if (page.columns < COLUMNS_MIN)
		page.columns = COLUMNS_MIN;
	if (page.columns > COLUMNS_MAX)
		page.columns = COLUMNS_MAX;
	buf_init(&page.line, 1 << 20);
	for (size_t i = 0; i < report->count; i++) {
		if (i)
			fprintf(out, "\n\n");
		page.who = report->people[i];
		put_person(&page);
	}
	if (report->more)
		fprintf(out, "\n%lu more match; a narrower PERSON shows them.\n", report->more);
	buf_release(&page.line);
}
