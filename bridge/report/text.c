#include "bridge/report/report.h"

#include <inttypes.h>
#include <string.h>

#include "bridge/api/api.h"
#include "bridge/report/paint.h"

#include "scim/base/banned.h"

#define NAME_COLUMNS 34
#define CHANGE_COLUMNS 58

static const char *noun(unsigned long count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

static void show_quoted(struct buf *line, const char *text)
{
	if (!text) {
		buf_addstr(line, "nothing");
		return;
	}
	buf_addch(line, '"');
	show(line, text);
	buf_addch(line, '"');
}

/* Of a manager the login names are shown, not the ids. */
static void describe_value(struct buf *line, const struct step *step)
{
	bool named = step->attr == SCIM_ATTR_MANAGER;
	const char *old_text = named ? step->old_name : step->old_text;
	const char *new_text = named ? step->name : step->new_text;

	buf_addstr(line, scim_attr(step->attr)->name);
	if (step->key && step->key[0]) {
		buf_addch(line, '.');
		show(line, step->key);
	}
	buf_addstr(line, ": ");
	if (old_text) {
		show_quoted(line, old_text);
		buf_addstr(line, " -> ");
	}
	show_quoted(line, new_text);
}

const char *report_step_noun(enum step_kind kind)
{
	static const char *const nouns[STEP_KIND_COUNT] = {
		[STEP_CREATE] = "account",	[STEP_RESTORE] = "account",
		[STEP_DISABLE] = "account",	[STEP_ENABLE] = "account",
		[STEP_GRANT] = "role",		[STEP_REVOKE] = "role",
		[STEP_SKILL_SET] = "skill",	[STEP_SKILL_REMOVE] = "skill",
		[STEP_LANGUAGE_SET] = "language", [STEP_LANGUAGE_REMOVE] = "language",
		[STEP_GROUP_ADD] = "group",	[STEP_GROUP_REMOVE] = "group",
		[STEP_GROUP_CREATE] = "group",
		[STEP_QUEUE_ADD] = "queue",	[STEP_QUEUE_REMOVE] = "queue",
		[STEP_TEAM_ADD] = "team",	[STEP_TEAM_REMOVE] = "team",
		[STEP_UNIT_SET] = "management unit", [STEP_UNIT_REMOVE] = "management unit",
		[STEP_WORK_PLAN_SET] = "work plan", [STEP_WORK_PLAN_REMOVE] = "work plan",
	};

	return nouns[kind] ? nouns[kind] : "";
}

/* "skill Billing 3 -> 4", "role Agent in Site Berlin", `title: "A" -> "B"`. */
static void describe(struct buf *line, const struct step *step)
{
	switch (step->kind) {
	case STEP_CREATE:
		buf_addstr(line, "create the account ");
		show(line, step->new_text);
		return;
	case STEP_RESTORE:
		buf_addstr(line, "restore the deleted account, inactive at first");
		return;
	case STEP_DISABLE:
		buf_addstr(line, "deactivate the account");
		return;
	case STEP_ENABLE:
		buf_addstr(line, "reactivate the account");
		return;
	case STEP_SET:
	case STEP_RENAME:
	case STEP_DIVISION:
	case STEP_MANAGER:
		describe_value(line, step);
		return;
	default:
		break;
	}
	buf_addf(line, "%s ", report_step_noun(step->kind));
	if (step->old_text && (step->kind == STEP_UNIT_SET || step->kind == STEP_WORK_PLAN_SET)) {
		show(line, step->old_text);
		buf_addstr(line, " -> ");
	}
	show(line, step->name);
	if (step->division) {
		buf_addstr(line, " in ");
		show(line, step->division);
	}
	if (step->kind == STEP_SKILL_SET || step->kind == STEP_LANGUAGE_SET)
		buf_addf(line, " %s%s%g", step->old_text ? step->old_text : "",
			 step->old_text ? " -> " : "", step->level);
}

static char sign_of(const struct step *step)
{
	bool changed = step->old_text && (step->kind == STEP_SKILL_SET ||
					  step->kind == STEP_LANGUAGE_SET);

	if ((step->kind == STEP_SET || step->kind == STEP_DIVISION ||
	     step->kind == STEP_MANAGER || step->kind == STEP_UNIT_SET ||
	     step->kind == STEP_WORK_PLAN_SET) && !step->old_text)
		return '+';
	return changed ? '~' : step_row(step->kind)->sign;
}

static void put_step(const struct painter *p, const struct plan *plan,
		     const struct step *step)
{
	struct buf line;
	char sign = sign_of(step);

	buf_init(&line, 1 << 20);
	describe(&line, step);
	if (step->privileged)
		buf_addstr(&line, "  (privileged)");
	if (step->drift)
		buf_addstr(&line, "  (changed by others)");
	fprintf(p->out, "    %s%c%s ", paint(p, sign), sign, plain(p));
	/* Who leaves, and what nobody wants, has no rule to name. */
	put_padded(p, line.data, step->origin ? CHANGE_COLUMNS : 0);
	fprintf(p->out, "%s%s\n", step->origin ? "  " : "",
		step->origin ? plan->places[step->origin] : "");
	buf_release(&line);
}

bool report_shows_person(const struct report_filter *filter, const struct plan_person *person)
{
	for (size_t i = 0; i < filter->only_count; i++)
		if (text_eq_nocase(filter->only[i], person->user_name) ||
		    text_eq_nocase(filter->only[i], person->id) ||
		    text_eq_nocase(filter->only[i], person->dn))
			return true;
	return filter->only_count == 0;
}

bool report_shows_step(const struct report_filter *filter, const struct plan *plan,
		       const struct step *step)
{
	return (!filter->kinds || filter->kinds >> step->kind & 1) &&
	       report_shows_person(filter, &plan->people.items[step->person]);
}

/* Has the person a step that is shown? */
static bool is_shown(const struct report_filter *filter, const struct plan *plan,
		     const struct plan_person *person)
{
	if (!filter->kinds)
		return report_shows_person(filter, person);
	for (uint32_t i = 0; i < person->step_count; i++)
		if (report_shows_step(filter, plan, &plan->steps.items[person->first_step + i]))
			return true;
	return false;
}

static void put_person(const struct painter *p, const struct plan *plan,
		       const struct plan_person *person, const struct report_filter *filter)
{
	struct buf name;

	buf_init(&name, 1 << 16);
	show(&name, person->display_name[0] ? person->display_name : person->user_name);
	fprintf(p->out, "  %s", paint(p, 'b'));
	put_padded(p, name.data, NAME_COLUMNS);
	buf_clear(&name);
	show(&name, person->user_name);
	fprintf(p->out, "%s %s\n", plain(p), name.data);
	for (uint32_t i = 0; i < person->step_count; i++) {
		const struct step *step = &plan->steps.items[person->first_step + i];

		if (report_shows_step(filter, plan, step))
			put_step(p, plan, step);
	}
	buf_release(&name);
}

static void put_people(const struct painter *p, const struct plan *plan,
		       const struct report_options *options)
{
	static const char *const titles[PERSON_CHANGE_COUNT] = {
		[PERSON_CREATE] = "New accounts",
		[PERSON_UPDATE] = "Changed accounts",
		[PERSON_LEAVE] = "Left the directory: deactivated, kept as they are otherwise",
		[PERSON_RETURN] = "Back again",
	};
	static const enum person_change order[] = { PERSON_LEAVE, PERSON_RETURN, PERSON_UPDATE,
						    PERSON_CREATE };
	unsigned long totals[PERSON_CHANGE_COUNT] = { 0 };

	for (size_t i = 0; i < plan->people.count; i++)
		if (is_shown(&options->filter, plan, &plan->people.items[i]))
			totals[plan->people.items[i].change]++;
	for (size_t o = 0; o < PERSON_CHANGE_COUNT; o++) {
		enum person_change change = order[o];
		unsigned shown = 0;

		if (!totals[change])
			continue;
		fprintf(p->out, "\n%s (%lu)\n", titles[change], totals[change]);
		for (size_t i = 0; i < plan->people.count; i++) {
			if (plan->people.items[i].change != change ||
			    !is_shown(&options->filter, plan, &plan->people.items[i]))
				continue;
			if (options->people_max && shown++ >= options->people_max)
				break;
			put_person(p, plan, &plan->people.items[i], &options->filter);
		}
		if (options->people_max && totals[change] > options->people_max)
			fprintf(p->out, "  ... and %lu more people; --all shows them, "
				"--format json holds each step\n",
				totals[change] - options->people_max);
	}
}

static void put_left(const struct painter *p, const struct plan *plan,
		     const struct report_options *options, const struct plan_skip *skips,
		     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct plan_skip *skip = &skips[i];
		struct buf name;

		if (options->people_max && i >= options->people_max) {
			fprintf(p->out, "  ... and %zu more\n", count - i);
			break;
		}
		buf_init(&name, 1 << 16);
		show(&name, skip->user_name[0] ? skip->user_name : skip->dn);
		fprintf(p->out, "  %s: %s", name.data, skip->text);
		if (skip->origin)
			fprintf(p->out, "  %s", plan->places[skip->origin]);
		fputc('\n', p->out);
		buf_release(&name);
	}
}

static void put_directory(const struct painter *p, const struct plan *plan)
{
	fprintf(p->out, "  directory  %lu %s in scope, ", plan->people_in_scope,
		noun(plan->people_in_scope, "person", "people"));
	if (plan->part)
		fprintf(p->out, "%zu touched by changes since the last run\n", plan->touched);
	else
		fprintf(p->out, "%s\n", plan->directory.complete ? "read completely"
								: "NOT read completely");
}

static void put_skips(const struct painter *p, const struct plan *plan,
		      const struct report_options *options)
{
	if (plan->skips.count)
		fprintf(p->out, "\n%sLeft as they are%s (%zu)\n", paint(p, '!'), plain(p),
			plan->skips.count);
	put_left(p, plan, options, plan->skips.items, plan->skips.count);
	if (plan->by_rule.count)
		fprintf(p->out, "\nSkipped by a rule (%zu)\n", plan->by_rule.count);
	put_left(p, plan, options, plan->by_rule.items, plan->by_rule.count);
}

static void put_head(const struct painter *p, const struct plan *plan)
{
	char time[21];

	time_format(plan->time_s, time);
	fprintf(p->out, "Plan of %s\n", time);
	put_directory(p, plan);
	if (plan->part && plan->touched == 0)
		fprintf(p->out, "  tenant     not asked: nothing has changed\n");
	else
		fprintf(p->out, "  tenant     %zu %s, %lu of them not ours, %s\n",
			plan->tenant.count, noun(plan->tenant.count, "account", "accounts"),
			plan->accounts_foreign,
			plan->tenant.complete ? "read completely" : "NOT read completely");
	for (size_t i = 0; i < plan->refusals.count; i++)
		fprintf(p->out, "%sRefused:%s %s\n", paint(p, '!'), plain(p),
			plan->refusals.items[i]);
	for (size_t i = 0; i < plan->warnings.count; i++)
		fprintf(p->out, "%sWarning:%s %s\n", paint(p, '~'), plain(p),
			plan->warnings.items[i]);
}

static void put_limits(const struct painter *p, const struct plan *plan)
{
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++) {
		const struct plan_limit *limit = &plan->limits[kind];

		if (limit->exceeded || !limit->planned ||
		    2UL * (limit->planned + limit->recent) < limit->allowed)
			continue;
		fprintf(p->out, "  near the limit: %s %u of %u", limit_kind_name(kind),
			limit->planned + limit->recent, limit->allowed);
		if (limit->recent)
			fprintf(p->out, " (%u in the last 24 hours)", limit->recent);
		fputc('\n', p->out);
	}
}

static void put_sums(const struct painter *p, const struct plan *plan,
		     const struct report_filter *filter)
{
	fprintf(p->out, "\n");
	if (filter->kinds || filter->only_count)
		fprintf(p->out, "Only a part is shown above; these are the sums of the whole plan.\n");
	if (plan->steps.count == 0)
		fprintf(p->out, "Nothing to do: %lu %s as they should be.\n",
			plan->people_unchanged,
			noun(plan->people_unchanged, "person is", "people are"));
	else
		fprintf(p->out, "%zu %s for %zu %s; %lu unchanged.\n", plan->steps.count,
			noun(plan->steps.count, "step", "steps"), plan->people.count,
			noun(plan->people.count, "person", "people"), plan->people_unchanged);
	for (int kind = 0; kind < STEP_KIND_COUNT; kind++)
		if (plan->counts[kind])
			fprintf(p->out, "  %s%c%s %6lu %s\n", paint(p, step_row(kind)->sign),
				step_row(kind)->sign, plain(p), plan->counts[kind],
				step_row(kind)->words);
	if (plan->new_links.count)
		fprintf(p->out, "  %zu %s ours by external id and will be linked\n",
			plan->new_links.count,
			noun(plan->new_links.count, "account is", "accounts are"));
	if (plan->found_left)
		fprintf(p->out, "  %lu %s had before and %s left; see dirbridge adopt --found\n",
			plan->found_left, noun(plan->found_left, "thing that an adopted account",
					       "things that adopted accounts"),
			noun(plan->found_left, "is", "are"));
	put_limits(p, plan);
	report_calls_text(plan, p->out);
	/* A long plan has scrolled the reasons away. */
	if (plan->refused)
		fprintf(p->out, "%sRefused, nothing is applied:%s the reasons stand at the top.\n",
			paint(p, '!'), plain(p));
}

void report_plan_text(const struct plan *plan, const struct report_options *options,
		      FILE *out)
{
	struct painter p = { out, options->color };

	put_head(&p, plan);
	put_skips(&p, plan, options);
	put_people(&p, plan, options);
	put_sums(&p, plan, &options->filter);
}

/* --- result ------------------------------------------------------------------------------ */

static void put_failures(const struct painter *p, const struct plan *plan,
			 const struct apply_result *result)
{
	for (size_t i = 0; i < plan->steps.count; i++) {
		const struct step *step = &plan->steps.items[i];
		struct buf line;

		if (result->outcomes[i] == OUTCOME_DONE)
			continue;
		buf_init(&line, 1 << 20);
		show(&line, plan->people.items[step->person].user_name);
		buf_addstr(&line, ": ");
		describe(&line, step);
		fprintf(p->out, "  %s%-8s%s %s%s%s\n", paint(p, '!'),
			outcome_name(result->outcomes[i]), plain(p), line.data,
			result->errors[i] ? ": " : "",
			result->errors[i] ? result->errors[i] : "");
		buf_release(&line);
	}
}

void report_result_text(const struct plan *plan, const struct apply_result *result,
			const struct report_options *options, FILE *out)
{
	struct painter p = { out, options->color };
	unsigned long done = result->counts[OUTCOME_DONE];

	if (done < plan->steps.count) {
		fprintf(out, "\nNot done:\n");
		put_failures(&p, plan, result);
	}
	fprintf(out, "\nRun %" PRIu64 ": %lu of %zu steps done", result->run, done,
		plan->steps.count);
	for (int o = OUTCOME_ACCEPTED; o < OUTCOME_COUNT; o++)
		if (result->counts[o])
			fprintf(out, ", %lu %s", result->counts[o], outcome_name(o));
	fprintf(out, "%s.\n", result->stopped ? "; stopped when asked to" : "");
}

/* --- progress ---------------------------------------------------------------------------- */

void report_progress(FILE *out, const char *what, uint64_t done, uint64_t total)
{
	char bar[31];
	unsigned filled = total ? (unsigned)(done * 30 / total) : 0;

	if (!total) {
		fprintf(out, "\r%-24s %" PRIu64 "\033[K", what, done);
		return;
	}
	for (unsigned i = 0; i < 30; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[30] = '\0';
	fprintf(out, "\r%-24s [%s] %" PRIu64 "/%" PRIu64 "\033[K", what, bar, done, total);
	fflush(out);
}

void report_progress_end(FILE *out)
{
	fprintf(out, "\r\033[K");
	fflush(out);
}
