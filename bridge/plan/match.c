/*
 * Who is who: rows 20-23 of the table in plan.h.
 */
#include "bridge/plan/plan_impl.h"

#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

struct slice plan_user_name_key(struct arena *mem, const char *user_name)
{
	size_t len = strlen(user_name);
	char *key = arena_strndup(mem, user_name, len);

	text_lower(key, len);
	return slice_of(key, len);
}

const char *subject_id(const struct subject *subject)
{
	return subject->record ? subject->record->id : subject->recorded->link.person_id;
}

const char *subject_user_name(const struct subject *subject)
{
	const char *name = subject->record ? record_text(subject->record, SCIM_ATTR_USER_NAME)
					   : NULL;

	if (!name && subject->recorded)
		name = subject->recorded->link.user_name;
	return name ? name : "";
}

/* --- which external ids must be known ---------------------------------------------------- */

static bool by_user_name(const struct present *present, struct arena *mem,
			 const char *user_name, uint64_t *ret)
{
	return user_name && map_get(&present->by_user_name, plan_user_name_key(mem, user_name),
				    ret);
}

void plan_questions(const struct plan_input *in, struct arena *mem, const uint32_t **ret_ids,
		    unsigned *ret_count, bool *ret_all, bool *ret_deleted)
{
	struct map linked = { 0 }, accounts = { 0 };
	uint32_t *ids = arena_array(mem, in->record_count + 1, sizeof(*ids));
	unsigned count = 0;

	for (size_t i = 0; i < in->recorded_count; i++) {
		map_set(&linked, slice_str(in->recorded[i].link.person_id), 1);
		map_set(&accounts, slice_str(in->recorded[i].link.account_id), 1);
	}
	*ret_deleted = false;
	/*
	 * A run that was cut off may have made an account whose person has been renamed
	 * since, so that the name alone does not find it.
	 */
	*ret_all = (in->recorded_count == 0 || in->unfinished) &&
		   in->present->accounts.count > 0;
	for (size_t i = 0; i < in->record_count; i++) {
		const struct record *record = in->records[i];
		bool is_linked = map_get(&linked, slice_str(record->id), NULL);
		uint64_t found;

		if (record_frozen(record))
			continue;
		/* Nobody lives who has this name: it is for a new account, or a rename. */
		if (!by_user_name(in->present, mem, record_text(record, SCIM_ATTR_USER_NAME),
				  &found))
			*ret_deleted = true;
		else if (!is_linked &&
			 !map_get(&accounts,
				  slice_str(in->present->accounts.items[found].id), NULL))
			ids[count++] = (uint32_t)found;
	}
	map_release(&linked);
	map_release(&accounts);
	*ret_ids = ids;
	*ret_count = count;
}

/* --- subjects ---------------------------------------------------------------------------- */

static int record_order(const void *a, const void *b)
{
	return strcmp((*(struct record *const *)a)->id, (*(struct record *const *)b)->id);
}

static int recorded_order(const void *a, const void *b)
{
	return strcmp((*(const struct recorded *const *)a)->link.person_id,
		      (*(const struct recorded *const *)b)->link.person_id);
}

/* The state gives them in this order already; nothing rests on that. */
static const struct recorded **sort_recorded(struct planner *p)
{
	const struct plan_input *in = p->in;
	const struct recorded **list = mem_array(in->recorded_count + 1, sizeof(*list));
	bool sorted = true;

	for (size_t i = 0; i < in->recorded_count; i++) {
		list[i] = &in->recorded[i];
		sorted = sorted && (i == 0 || recorded_order(&list[i - 1], &list[i]) < 0);
	}
	if (!sorted)
		qsort(list, in->recorded_count, sizeof(*list), recorded_order);
	return list;
}

/* The same directory id twice can not be told apart: both wait. */
static void refuse_same_id(struct planner *p)
{
	for (size_t i = 1; i < p->subject_count; i++) {
		struct subject *a = &p->subjects[i - 1], *b = &p->subjects[i];

		if (strcmp(subject_id(a), subject_id(b)) != 0)
			continue;
		if (!a->skip)
			plan_skip(p, a, true, 0, "its directory id \"%s\" comes twice", subject_id(a));
		plan_skip(p, b, true, 0, "its directory id \"%s\" comes twice", subject_id(b));
		a->skip = b->skip = true;
	}
}

static void make_subjects(struct planner *p)
{
	const struct plan_input *in = p->in;
	struct record **sorted = mem_array(in->record_count + 1, sizeof(*sorted));
	const struct recorded **links = sort_recorded(p);
	size_t r = 0, l = 0;

	if (in->record_count)
		memcpy(sorted, in->records, in->record_count * sizeof(*sorted));
	qsort(sorted, in->record_count, sizeof(*sorted), record_order);
	p->subjects = arena_array(p->mem, in->record_count + in->recorded_count + 1,
				  sizeof(*p->subjects));
	while (r < in->record_count || l < in->recorded_count) {
		struct subject *s = &p->subjects[p->subject_count++];
		int order;

		if (r == in->record_count)
			order = 1;
		else if (l == in->recorded_count)
			order = -1;
		else
			order = strcmp(sorted[r]->id, links[l]->link.person_id);
		s->account = ACCOUNT_NONE;
		if (order <= 0)
			s->record = sorted[r++];
		if (order >= 0)
			s->recorded = links[l++];
	}
	mem_free(sorted);
	mem_free(links);
	refuse_same_id(p);
}

/* Two people who want one name (or external id): neither gets it. */
static void refuse_same_value(struct planner *p, enum scim_attr attr)
{
	struct map seen = { 0 };

	for (size_t i = 0; i < p->subject_count; i++) {
		struct subject *s = &p->subjects[i], *other;
		const char *value = s->record ? record_text(s->record, attr) : NULL;
		uint64_t found;
		struct slice key;

		if (!value || s->skip)
			continue;
		key = scim_attr(attr)->case_exact ? slice_str(value)
						  : plan_user_name_key(p->mem, value);
		if (!map_get(&seen, key, &found)) {
			map_set(&seen, key, i);
			continue;
		}
		other = &p->subjects[found];
		if (!other->skip)
			plan_skip(p, other, true, 0, "two people have the %s \"%s\": %s and %s",
				  scim_attr(attr)->name, value, other->record->dn, s->record->dn);
		plan_skip(p, s, true, 0, "two people have the %s \"%s\": %s and %s",
			  scim_attr(attr)->name, value, other->record->dn, s->record->dn);
		other->skip = s->skip = true;
	}
	map_release(&seen);
}

static void freeze_undecided(struct planner *p)
{
	for (size_t i = 0; i < p->subject_count; i++) {
		struct subject *s = &p->subjects[i];

		if (!s->record || s->skip || !record_frozen(s->record))
			continue;
		for (unsigned n = 0; n < s->record->problem_count; n++)
			if (s->record->problems[n].scope == PROBLEM_PERSON)
				plan_skip(p, s, true, s->record->problems[n].origin, "%s",
					  s->record->problems[n].text);
		s->skip = true; /* row 27 */
	}
}

/* --- accounts ---------------------------------------------------------------------------- */

/* Row 29: whose the account is, only a person can say. */
static void refuse_shared_account(struct planner *p, struct subject *a, struct subject *b)
{
	const char *id = b->recorded->link.account_id;

	if (!a->skip)
		plan_skip(p, a, true, 0, "account %s is linked to two people: %s and %s", id,
			  subject_id(a), subject_id(b));
	if (!b->skip)
		plan_skip(p, b, true, 0, "account %s is linked to two people: %s and %s", id,
			  subject_id(a), subject_id(b));
	a->skip = b->skip = true;
}

static void match_link(struct planner *p, struct subject *s)
{
	const char *id = s->recorded->link.account_id;
	uint64_t found;

	s->linked = true;
	if (map_get(&p->linked_accounts, slice_str(id), &found)) {
		refuse_shared_account(p, &p->subjects[found], s);
		return;
	}
	map_set(&p->linked_accounts, slice_str(id), (uint64_t)(s - p->subjects));
	if (map_get(&p->in->present->by_id, slice_str(id), &found)) {
		s->account = (uint32_t)found;
		return;
	}
	if (s->record && !s->skip) {
		plan_skip(p, s, true, 0, "its account %s was not in what the tenant listed; it may "
			  "have been deleted there", id); /* row 23 */
		s->skip = true;
	}
}

/* Several accounts carry it: row 29. */
#define SEVERAL UINT64_MAX

/* Row 21: accounts with an external id, by it. */
static void index_external_ids(const struct present *present, struct map *ret)
{
	for (size_t i = 0; i < present->accounts.count; i++) {
		const struct account *a = &present->accounts.items[i];

		if (!a->external_id_known || !a->external_id || a->state == ACCOUNT_DELETED)
			continue;
		map_set(ret, slice_str(a->external_id),
			map_get(ret, slice_str(a->external_id), NULL) ? SEVERAL : i);
	}
}

static bool match_external_id(struct planner *p, struct subject *s, const struct map *by_external)
{
	const char *external = record_text(s->record, SCIM_ATTR_EXTERNAL_ID);
	const struct account *account;
	struct link link;
	uint64_t found;

	if (!external || !map_get(by_external, slice_str(external), &found))
		return false;
	if (found == SEVERAL) {
		plan_skip(p, s, true, 0, "several accounts carry its external id %s; clear it on "
			  "those that are not this person's", external);
		s->skip = true;
		return true;
	}
	account = &p->in->present->accounts.items[found];
	if (map_get(&p->linked_accounts, slice_str(account->id), NULL)) {
		plan_skip(p, s, true, 0, "account %s carries its external id but is linked to "
			  "somebody else", account->id);
		s->skip = true;
		return true;
	}
	s->account = (uint32_t)found;
	s->linked = s->new_link = true;
	map_set(&p->linked_accounts, slice_str(account->id), (uint64_t)(s - p->subjects));
	link = (struct link){ .person_id = s->record->id, .account_id = account->id,
			      .user_name = subject_user_name(s), .dn = s->record->dn };
	vec_push(&p->plan->new_links, link);
	return true;
}

/* Row 22: the name is held by an account that is not known to be this person's. */
static bool name_is_held(struct planner *p, struct subject *s)
{
	const char *user_name = subject_user_name(s);
	const struct account *account;
	uint64_t found;

	if (!by_user_name(p->in->present, p->mem, user_name, &found))
		return false;
	account = &p->in->present->accounts.items[found];
	if (map_get(&p->linked_accounts, slice_str(account->id), NULL))
		plan_skip(p, s, true, 0, "the login name %s belongs to account %s, which is "
			  "linked to somebody else", user_name, account->id);
	else if (account->state == ACCOUNT_DELETED)
		plan_skip(p, s, true, 0, "the login name %s is held by the deleted account %s; "
			  "the tenant gives it to nobody else", user_name, account->id);
	else
		plan_skip(p, s, true, 0, "%s account %s has the login name %s but does not carry "
			  "this person's external id (%s), so it is not ours to change. If it is "
			  "the same person, link it with: dirbridge adopt",
			  account->state == ACCOUNT_INACTIVE ? "the inactive" : "the",
			  account->id, user_name,
			  record_text(s->record, SCIM_ATTR_EXTERNAL_ID)
				  ? record_text(s->record, SCIM_ATTR_EXTERNAL_ID) : s->record->id);
	s->skip = true;
	return true;
}

void plan_match(struct planner *p)
{
	struct map by_external = { 0 };

	make_subjects(p);
	freeze_undecided(p);
	refuse_same_value(p, SCIM_ATTR_USER_NAME);
	refuse_same_value(p, SCIM_ATTR_EXTERNAL_ID);
	for (size_t i = 0; i < p->subject_count; i++)
		if (p->subjects[i].recorded)
			match_link(p, &p->subjects[i]);
	index_external_ids(p->in->present, &by_external);
	for (size_t i = 0; i < p->subject_count; i++) {
		struct subject *s = &p->subjects[i];

		if (s->record && !s->skip && !s->linked)
			match_external_id(p, s, &by_external);
	}
	/* After all links are known, so that the words can tell whose a name is. */
	for (size_t i = 0; i < p->subject_count; i++) {
		struct subject *s = &p->subjects[i];

		if (s->record && !s->skip && !s->linked)
			name_is_held(p, s);
	}
	map_release(&by_external);
}
