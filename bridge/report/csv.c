/*
 * A plan as lines of comma-separated values, for spreadsheets and for grep.
 */
#include "bridge/report/report.h"

#include <string.h>

#include "scim/base/buf.h"

#include "scim/base/banned.h"

static const char columns[] =
	"step,change,kind,userName,displayName,attribute,type,name,division,old,oldName,new,level,"
	"drift,privileged,rule,person,dn,account,id,divisionId\r\n";

/*
 * Would a spreadsheet calculate it? These begin formulas, also in their full-width forms, and
 * also behind spaces, which some programs take away first. Tabs and line ends are not left
 * by buf_addvisible.
 */
static bool is_formula(struct slice text)
{
	static const char *const signs[] = { "=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d",
					     "\uff20" };

	while (text.len && text.data[0] == ' ') {
		text.data++;
		text.len--;
	}
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t len = strlen(signs[i]);

		if (text.len >= len && memcmp(text.data, signs[i], len) == 0)
			return true;
	}
	return false;
}

struct line {
	struct buf *out;
	struct buf cell; /* scratch */
	bool begun;
};

/* In quotes whenever there is something in it: a reader need not guess what is a number. */
static void put(struct line *line, const char *value)
{
	struct buf *cell = &line->cell;

	if (line->begun)
		buf_addch(line->out, ',');
	line->begun = true;
	if (!value || !value[0])
		return;
	buf_clear(cell);
	buf_addvisible(cell, value, strlen(value));
	buf_addch(line->out, '"');
	if (is_formula(slice_of(cell->data, cell->len)))
		buf_addch(line->out, '\'');
	for (size_t i = 0; i < cell->len; i++) {
		if (cell->data[i] == '"')
			buf_addch(line->out, '"');
		buf_addch(line->out, cell->data[i]);
	}
	buf_addch(line->out, '"');
}

static void put_number(struct line *line, const char *format, double value)
{
	if (line->begun)
		buf_addch(line->out, ',');
	line->begun = true;
	buf_addf(line->out, format, value);
}

static void put_step(struct line *line, const struct plan *plan, size_t index)
{
	const struct step *step = &plan->steps.items[index];
	const struct plan_person *person = &plan->people.items[step->person];

	line->begun = false;
	put_number(line, "%.0f", (double)index);
	put(line, person_change_name(person->change));
	put(line, step_row(step->kind)->name);
	put(line, person->user_name);
	put(line, person->display_name);
	put(line, step->attr == SCIM_ATTR_COUNT ? NULL : scim_attr(step->attr)->name);
	put(line, step->key);
	put(line, step->name);
	put(line, step->division);
	put(line, step->old_text);
	put(line, step->old_name);
	put(line, step->new_text);
	if (step->kind == STEP_SKILL_SET || step->kind == STEP_LANGUAGE_SET)
		put_number(line, "%g", step->level);
	else
		put(line, NULL);
	put(line, step->drift ? "yes" : NULL);
	put(line, step->privileged ? "yes" : NULL);
	put(line, step->origin ? plan->places[step->origin] : NULL);
	put(line, person->id);
	put(line, person->dn);
	put(line, person->account_id);
	put(line, step->item_id);
	put(line, step->division_id);
	buf_addstr(line->out, "\r\n");
}

void report_plan_csv(const struct plan *plan, const struct report_filter *filter,
		     struct buf *out)
{
	struct line line = { .out = out };

	buf_init(&line.cell, 1 << 20);
	buf_addstr(out, columns);
	for (size_t i = 0; i < plan->steps.count; i++)
		if (report_shows_step(filter, plan, &plan->steps.items[i]))
			put_step(&line, plan, i);
	buf_release(&line.cell);
}
