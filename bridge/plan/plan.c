#include "bridge/plan/plan_impl.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

/* Sentences are kept short enough to be read; a name in them may be long. */
#define SENTENCE_MAX 700

static const char *sentence(struct planner *p, const char *fmt, va_list args)
{
	char raw[SENTENCE_MAX], shown[2 * SENTENCE_MAX];

	vsnprintf(raw, sizeof(raw), fmt, args);
	text_visible(raw, strlen(raw), shown, sizeof(shown));
	return arena_strdup(p->mem, shown);
}

void plan_skip(struct planner *p, const struct subject *subject, bool whole,
	       origin_id origin, const char *fmt, ...)
{
	struct plan_skip skip = { .id = subject_id(subject), .whole = whole, .origin = origin };
	va_list args;

	skip.dn = subject->record ? subject->record->dn : subject->recorded->link.dn;
	skip.user_name = subject_user_name(subject);
	va_start(args, fmt);
	skip.text = sentence(p, fmt, args);
	va_end(args);
	vec_push(&p->plan->skips, skip);
}

/* A rule's own decision is news, not trouble. */
void plan_skip_by_rule(struct planner *p, const struct subject *subject)
{
	struct plan_skip skip = {
		.id = subject->record->id, .dn = subject->record->dn,
		.user_name = subject_user_name(subject), .whole = true,
		.text = subject->record->skip_reason, .origin = subject->record->skip_origin,
	};

	vec_push(&p->plan->by_rule, skip);
}

void plan_warn(struct planner *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vec_push(&p->plan->warnings, sentence(p, fmt, args));
	va_end(args);
}

void plan_refuse(struct planner *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vec_push(&p->plan->refusals, sentence(p, fmt, args));
	va_end(args);
	p->plan->refused = true;
}

struct plan_person *plan_begin(struct planner *p, const struct subject *s,
			       enum person_change change)
{
	const struct account *account =
		s->account == ACCOUNT_NONE ? NULL : &p->in->present->accounts.items[s->account];
	const char *display = s->record ? record_text(s->record, SCIM_ATTR_DISPLAY_NAME) : NULL;
	struct plan_person person = {
		.id = subject_id(s),
		.dn = s->record ? s->record->dn : s->recorded->link.dn,
		.user_name = subject_user_name(s),
		.rule = s->record ? s->record->rule : "",
		.account_id = account ? account->id : NULL,
		.version = account ? account->version : NULL,
		.change = change,
		.first_step = (uint32_t)p->plan->steps.count,
	};

	if (!display && account)
		display = account_text(account, SCIM_ATTR_DISPLAY_NAME);
	person.display_name = display ? display : "";
	vec_push(&p->plan->people, person);
	return &p->plan->people.items[p->plan->people.count - 1];
}

struct step *plan_step(struct planner *p, enum step_kind kind)
{
	struct step step = { .kind = kind, .attr = SCIM_ATTR_COUNT,
			     .person = (uint32_t)p->plan->people.count - 1 };

	vec_push(&p->plan->steps, step);
	return &p->plan->steps.items[p->plan->steps.count - 1];
}

static int text_order(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

/* The order of step.def is the order in which steps may be sent. */
static int step_order(const void *a, const void *b)
{
	const struct step *x = a, *y = b;
	int order;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->attr != y->attr)
		return x->attr < y->attr ? -1 : 1;
	order = text_order(x->key, y->key);
	if (!order)
		order = text_order(x->name, y->name);
	return order ? order : text_order(x->division, y->division);
}

void plan_end(struct planner *p)
{
	struct plan *plan = p->plan;
	struct plan_person *person = &plan->people.items[plan->people.count - 1];

	person->step_count = (uint32_t)plan->steps.count - person->first_step;
	if (person->step_count == 0) {
		plan->people.count--;
		return;
	}
	qsort(plan->steps.items + person->first_step, person->step_count, sizeof(struct step),
	      step_order);
	for (uint32_t i = 0; i < person->step_count; i++)
		plan->counts[plan->steps.items[person->first_step + i].kind]++;
}

/* Groups and queues that manage may speak of: those of any record or recorded one. */
static void note_named(struct planner *p, const struct held *held)
{
	if (held->kind == ASSIGN_GROUP || held->kind == ASSIGN_QUEUE || held->kind == ASSIGN_TEAM)
		map_set(&p->named, slice_str(arena_printf(p->mem, "%d:%u", held->kind, held->item)),
			1);
}

static bool any_manages(const struct plan_input *in)
{
	for (size_t i = 0; i < in->record_count; i++)
		if (in->records[i]->own[ASSIGN_GROUP] == OWN_MANAGE ||
		    in->records[i]->own[ASSIGN_QUEUE] == OWN_MANAGE ||
		    in->records[i]->own[ASSIGN_TEAM] == OWN_MANAGE)
			return true;
	return false;
}

static void note_recorded(struct planner *p, const struct recorded_held *recorded, size_t count)
{
	struct held held;

	for (size_t i = 0; i < count; i++)
		if (plan_resolve_recorded(&p->in->present->catalogue, &recorded[i], &held))
			note_named(p, &held);
}

static void collect_named(struct planner *p)
{
	const struct plan_input *in = p->in;
	char why[200];
	struct held held;

	if (!any_manages(in))
		return;
	for (size_t i = 0; i < in->record_count; i++)
		for (unsigned a = 0; a < in->records[i]->assign_count; a++)
			if (plan_resolve_assignment(&in->present->catalogue,
						    &in->records[i]->assigns[a], &held, why))
				note_named(p, &held);
	for (size_t i = 0; i < in->recorded_count; i++)
		note_recorded(p, in->recorded[i].held, in->recorded[i].held_count);
	if (in->part)
		note_recorded(p, in->part->held, in->part->held_count);
}

static void say_reads(struct planner *p)
{
	/* That --only did not read everybody is no news. */
	const struct verdict *reads[] = { p->in->only && p->in->groups ? p->in->groups
								       : p->in->directory,
					  &p->in->present->verdict };
	static const char *const names[] = { "directory", "tenant" };

	for (int i = 0; i < 2; i++)
		for (size_t r = 0; !reads[i]->complete && r < reads[i]->reason_count &&
				   r < VERDICT_REASONS_MAX; r++)
			plan_warn(p, "%s not read completely: %s", names[i], reads[i]->reasons[r]);
}

static void say_unproved_removals(struct planner *p)
{
	if (!p->removals)
		plan_warn(p, "nothing is taken from anybody in this run, since the %s not read "
			     "completely", p->in->groups ? "groups were" : "directory was");
}

/* Under the name they have now they are found when somebody has them for a manager. */
static void note_moved(struct planner *p, const struct subject *s)
{
	struct link link;

	if (!s->record || !s->recorded || strcmp(s->record->dn, s->recorded->link.dn) == 0)
		return;
	link = s->recorded->link;
	link.dn = s->record->dn;
	vec_push(&p->plan->moved, link);
}

/* In the order of the directory ids, so that a plan of the same inputs is the same. */
static void decide(struct planner *p)
{
	bool may_leave = plan_may_leave(p);

	for (size_t i = 0; i < p->subject_count; i++) {
		struct subject *s = &p->subjects[i];

		note_moved(p, s);
		if (s->record)
			plan_diff(p, s);
		else if (may_leave && !s->skip)
			plan_leave(p, s);
	}
	plan_say_missing(p);
	if (p->notes > NOTES_MAX)
		plan_warn(p, "and %u more notes about people; see dirbridge explain",
			  p->notes - NOTES_MAX);
}

static void count_people(struct planner *p)
{
	struct plan *plan = p->plan;
	unsigned long people = p->in->part ? p->in->part->people : p->in->record_count;
	unsigned long changed = 0, whole = 0;

	for (size_t i = 0; i < plan->people.count; i++)
		changed += plan->people.items[i].change != PERSON_LEAVE;
	for (size_t i = 0; i < plan->skips.count; i++)
		whole += plan->skips.items[i].whole;
	whole += plan->by_rule.count;
	plan->people_in_scope = people;
	plan->people_unchanged = people > changed + whole ? people - changed - whole : 0;
	for (size_t i = 0; i < p->in->present->accounts.count; i++) {
		const struct account *account = &p->in->present->accounts.items[i];

		plan->accounts_foreign += account->state != ACCOUNT_DELETED &&
					  !p->owners[i]; /* row 28 */
	}
}

static void make_places(struct planner *p)
{
	const struct rules *rules = p->in->rules;
	size_t count = rules ? rules_origin_count(rules) : 1;
	const char **places = arena_array(p->mem, count + 1, sizeof(*places));
	char text[512];

	for (size_t i = 0; i < count; i++)
		places[i] = rules ? arena_strdup(p->mem, rules_origin_text(rules, (origin_id)i,
									    text, sizeof(text)))
				  : "";
	p->plan->places = places;
}

/* A read that was not whole, or not of everybody, is no measure. */
static const char *tally_text(const struct plan_input *in, struct arena *mem)
{
	const char *ret = NULL;
	struct buf text;

	if (!in->tally || in->only || in->part || !in->directory->complete)
		return NULL;
	buf_init(&text, TALLY_TEXT_BYTES_MAX);
	tally_print(in->tally, &text);
	if (!buf_failed(&text) && text.len)
		ret = arena_strndup(mem, text.data, text.len);
	buf_release(&text);
	return ret;
}

int plan_make(const struct plan_input *in, struct arena *mem, struct plan *ret_plan,
	      struct err *err)
{
	struct planner p = { .in = in, .mem = mem, .plan = ret_plan };

	(void)err;
	*ret_plan = (struct plan){ .time_s = in->time_s };
	ret_plan->only = in->only;
	ret_plan->part = in->part != NULL;
	ret_plan->touched = in->part ? in->part->touched : 0;
	ret_plan->directory = *in->directory;
	ret_plan->tally = tally_text(in, mem);
	ret_plan->tenant = in->present->verdict;
	say_reads(&p);
	plan_match(&p);
	collect_named(&p);
	p.removals = in->groups ? in->groups->complete : in->only || in->directory->complete;
	say_unproved_removals(&p);
	decide(&p);
	plan_link_managers(&p);
	plan_limits(&p);
	count_people(&p);
	make_places(&p);
	vec_release(&p.wanted);
	vec_release(&p.wanted_from);
	vec_release(&p.made);
	vec_release(&p.recorded);
	vec_release(&p.recorded_from);
	map_release(&p.named);
	map_release(&p.dns);
	map_release(&p.lost_accounts);
	return 0;
}

const char *person_change_name(enum person_change change)
{
	static const char *const names[PERSON_CHANGE_COUNT] = { "create", "update", "leave",
								"return" };

	assert(change < PERSON_CHANGE_COUNT);
	return names[change];
}

void plan_release(struct plan *plan)
{
	vec_release(&plan->people);
	vec_release(&plan->steps);
	vec_release(&plan->skips);
	vec_release(&plan->by_rule);
	vec_release(&plan->new_links);
	vec_release(&plan->moved);
	vec_release(&plan->warnings);
	vec_release(&plan->refusals);
	vec_release(&plan->forgets);
	vec_release(&plan->claims);
	vec_release(&plan->selected);
}
