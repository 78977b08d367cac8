/*
 * What stops a plan: limits, protected accounts, a directory that shrank.
 */
#include "bridge/plan/plan_impl.h"

#include <string.h>

#include "scim/base/banned.h"

static bool listed(const struct config_texts *texts, const char *value)
{
	for (unsigned i = 0; value && i < texts->count; i++)
		if (text_eq_nocase(texts->items[i], value))
			return true;
	return false;
}

bool plan_protected(struct planner *p, const struct account *account, const char **ret_why)
{
	const struct config *config = p->in->config;
	const struct catalogue *cat = &p->in->present->catalogue;

	if (listed(&config->protect.accounts, account->id) ||
	    listed(&config->protect.accounts, account_text(account, SCIM_ATTR_USER_NAME))) {
		*ret_why = "the account is protected (protect.accounts)";
		return true;
	}
	if (config->protect.roles.count && (account->unknown_kinds & (1u << ASSIGN_ROLE))) {
		*ret_why = "the account may be protected: the tenant did not show its roles "
			   "(protect.roles)";
		return true;
	}
	for (unsigned i = 0; i < account->held_count; i++) {
		const char *role;

		if (account->held[i].kind != ASSIGN_ROLE)
			continue;
		role = catalogue_item(cat, CAT_ROLE, account->held[i].item)->name;
		if (listed(&config->protect.roles, role)) {
			*ret_why = arena_printf(p->mem, "the account is protected: it has the "
						"role %s (protect.roles)", role);
			return true;
		}
	}
	return false;
}

/*
 * Far fewer people than in the last good run: more likely a wrong filter or half a server
 * than so many departures. Nobody is taken for a leaver and the run stops.
 */
bool plan_count_dropped(struct planner *p)
{
	const struct plan_input *in = p->in;
	unsigned long drop = in->config->directory.max_drop_percent;
	unsigned long people = in->part ? in->part->people : in->record_count;
	unsigned long least = in->last_good_count -
			      (unsigned long)((double)in->last_good_count * (double)drop / 100.0);

	if (!in->baseline || people >= least)
		return false;
	plan_refuse(p, "%lu people were read; the last good run had %lu. A fall by more than %lu "
		       "percent (directory.max_drop) stops the run", people,
		    in->last_good_count, drop);
	return true;
}

/* A small search may fall by less than this whatever part of it that is. */
#define SEARCH_FALL_MIN 5
/* Fewer people than this had an attribute: it may have gone with them. */
#define ATTRIBUTE_PEOPLE_MIN 5

/* The same for each search: a large one must not hide that a small one found nobody. */
static bool search_dropped(struct planner *p)
{
	const struct plan_input *in = p->in;
	unsigned long drop = in->config->directory.max_drop_percent;
	bool dropped = false;

	for (size_t i = 0; i < in->tally->items.count; i++) {
		const struct tally_item *now = &in->tally->items.items[i], *high;

		if (now->kind != TALLY_SEARCH)
			continue;
		high = tally_find(in->high_tally, TALLY_SEARCH, now->name);
		if (!high || now->count + SEARCH_FALL_MIN > high->count ||
		    (double)now->count >= (double)high->count * (double)(100 - drop) / 100)
			continue;
		dropped = true;
		plan_refuse(p, "the search \"%.150s\" found %lu; good runs of the last days had up to %lu. A fall by more than %lu percent (directory.max_drop) stops the run",
			    now->name, now->count, high->count, drop);
	}
	return dropped;
}

/*
 * Attributes that people had in the last good run, and that nobody has now: more likely a
 * right that was taken away than so many changes. Their absence would take values away.
 */
static bool attribute_gone(struct planner *p)
{
	const struct plan_input *in = p->in;
	bool gone = false;

	for (size_t i = 0; i < in->tally->items.count; i++) {
		const struct tally_item *now = &in->tally->items.items[i], *last;

		if (now->kind != TALLY_ATTRIBUTE || now->count || in->record_count == 0 ||
		    listed(&in->config->directory.may_be_absent, now->name))
			continue;
		last = tally_find(in->last_tally, TALLY_ATTRIBUTE, now->name);
		if (!last || last->count < ATTRIBUTE_PEOPLE_MIN)
			continue;
		gone = true;
		plan_refuse(p, "nobody has %.60s any more; %lu people had it in the last good run. May the account still read it? If it is meant, put it into directory.may_be_absent",
			    now->name, last->count);
	}
	return gone;
}

bool plan_read_shrank(struct planner *p)
{
	const struct plan_input *in = p->in;
	bool shrank;

	if (!in->baseline || !in->tally || !in->last_tally || in->only || in->part)
		return false;
	shrank = search_dropped(p);
	return attribute_gone(p) || shrank;
}

static unsigned allowed(const struct planner *p, enum limit_kind kind)
{
	const struct config_limit *limit = &p->in->config->limits[kind];
	size_t known = p->in->part ? p->in->part->linked : p->in->recorded_count;
	double linked = (double)(known + p->plan->new_links.count);
	double share = linked * limit->percent / 100.0;
	unsigned most = share > limit->min ? (unsigned)share : limit->min;

	return most < limit->count ? most : limit->count;
}

static const char *first_people(struct planner *p, enum limit_kind kind)
{
	struct buf names;
	const char *text;
	unsigned shown = 0;

	buf_init(&names, 4096);
	for (size_t i = 0; i < p->plan->steps.count && shown < 5; i++) {
		const struct step *step = &p->plan->steps.items[i];

		if (kind == LIMIT_PRIVILEGED ? !step->privileged
					     : step_row(step->kind)->limit != kind)
			continue;
		buf_addf(&names, "%s%s", shown++ ? ", " : "",
			 p->plan->people.items[step->person].user_name);
	}
	text = arena_strndup(p->mem, names.data ? names.data : "", names.len);
	buf_release(&names);
	return text;
}

void plan_limits(struct planner *p)
{
	struct plan *plan = p->plan;

	for (size_t i = 0; i < plan->steps.count; i++) {
		const struct step *step = &plan->steps.items[i];
		enum limit_kind kind = step_row(step->kind)->limit;

		if (kind != LIMIT_NONE)
			plan->limits[kind].planned++;
		if (step->privileged)
			plan->limits[LIMIT_PRIVILEGED].planned++;
	}
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++) {
		struct plan_limit *limit = &plan->limits[kind];

		limit->recent = (unsigned)p->in->recent[kind];
		limit->allowed = allowed(p, kind);
		limit->exceeded = limit->planned &&
				  limit->planned + limit->recent > limit->allowed;
		if (limit->exceeded)
			plan_refuse(p, "%s: %u in this plan and %u in the last 24 hours; %u are "
				       "allowed (limits.%s). First: %s", limit_kind_name(kind),
				    limit->planned, limit->recent, limit->allowed,
				    limit_kind_name(kind), first_people(p, kind));
	}
}
