/*
 * Who is who: rows 20-23 of the table in plan.h.
 */
#include "bridge/plan/plan_impl.h"

#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

bool plan_find_user_name(const struct present *present, const char *user_name,
			 uint32_t *ret_account)
{
	char key[SCIM_VALUE_BYTES_MAX + 1];
	size_t len = user_name ? strlen(user_name) : 0;
	uint64_t found;

	if (!len || len >= sizeof(key))
		return false;
	memcpy(key, user_name, len);
	text_lower(key, len);
	if (!map_get(&present->by_user_name, slice_of(key, len), &found))
		return false;
	*ret_account = (uint32_t)found;
	return true;
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

/* Bit per account: is it linked to anybody? */
static unsigned char *linked_accounts(const struct plan_input *in, struct arena *mem)
{
	unsigned char *bits = arena_array(mem, in->present->accounts.count / 8 + 1, 1);
	uint64_t found;

	for (size_t i = 0; i < in->recorded_count; i++)
		if (map_get(&in->present->by_id, slice_str(in->recorded[i].link.account_id),
			    &found))
			bits[found / 8] |= (unsigned char)(1u << (found % 8));
	return bits;
}

/* Keep of the accounts those that nobody is linked to. */
static unsigned drop_linked(const struct plan_input *in, struct arena *mem, uint32_t *ids,
			    unsigned count)
{
	const unsigned char *linked = count ? linked_accounts(in, mem) : NULL;
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++)
		if (!(linked[ids[i] / 8] & (1u << (ids[i] % 8))))
			ids[kept++] = ids[i];
	return kept;
}

static const char *const *keep_texts(struct arena *mem, const char *const *texts, size_t count)
{
	const char **kept = arena_array(mem, count + 1, sizeof(*kept));

	if (count)
		memcpy(kept, texts, count * sizeof(*kept));
	return kept;
}

void plan_questions(const struct plan_input *in, struct arena *mem,
		    struct plan_questions *ret)
{
	struct map linked = { 0 };
	VEC(uint32_t) held = { 0 };
	VEC(const char *) names = { 0 };
	uint32_t *ids, found;

	for (size_t i = 0; i < in->recorded_count; i++)
		map_set(&linked, slice_str(in->recorded[i].link.person_id), 1);
	/*
	 * A run that was cut off may have made an account whose person has been renamed
	 * since, so that the name alone does not find it.
	 */
	ret->all = ((in->part ? in->part->linked : in->recorded_count) == 0 || in->unfinished) &&
		   in->present->accounts.count > 0;
	for (size_t i = 0; i < in->record_count; i++) {
		const struct record *record = in->records[i];
		const char *name = record_text(record, SCIM_ATTR_USER_NAME);

		if (!name || record_frozen(record) || record->skip_reason)
			continue;
		/* Nobody lives who has this name: it is for a new account, or a rename. */
		if (!plan_find_user_name(in->present, name, &found))
			vec_push(&names, name);
		else if (!map_get(&linked, slice_str(record->id), NULL))
			vec_push(&held, found);
	}
	map_release(&linked);
	ids = arena_array(mem, held.count + 1, sizeof(*ids));
	if (held.count)
		memcpy(ids, held.items, held.count * sizeof(*ids));
	ret->account_count = drop_linked(in, mem, ids, (unsigned)held.count);
	ret->accounts = ids;
	vec_release(&held);
	ret->user_names = keep_texts(mem, names.items, names.count);
	ret->user_name_count = names.count;
	vec_release(&names);
}

/* --- subjects ---------------------------------------------------------------------------- */

/*
 * Ids in order. The first bytes stand beside the pointer: a million records are far apart
 * in memory, and most compares need not go there.
 */
struct key {
	uint64_t first; /* big-endian, so that numbers and bytes compare alike */
	const char *id;
	const void *item;
};

static struct key make_key(const char *id, const void *item)
{
	struct key key = { .id = id, .item = item };
	size_t len = strnlen(id, sizeof(key.first));

	for (size_t i = 0; i < sizeof(key.first); i++)
		key.first = key.first << 8 | (i < len ? (unsigned char)id[i] : 0);
	return key;
}

static int key_order(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* The state gives its own in this order already; nothing rests on that. */
static void sort_keys(struct key *keys, size_t count)
{
	bool sorted = true;

	for (size_t i = 1; i < count && sorted; i++)
		sorted = key_order(&keys[i - 1], &keys[i]) <= 0;
	if (!sorted)
		qsort(keys, count, sizeof(*keys), key_order);
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
		p->same_id = true;
	}
}

static void make_subjects(struct planner *p)
{
	const struct plan_input *in = p->in;
	struct key *records = mem_array(in->record_count + 1, sizeof(*records));
	struct key *links = mem_array(in->recorded_count + 1, sizeof(*links));
	size_t r = 0, l = 0;

	for (size_t i = 0; i < in->record_count; i++)
		records[i] = make_key(in->records[i]->id, in->records[i]);
	for (size_t i = 0; i < in->recorded_count; i++)
		links[i] = make_key(in->recorded[i].link.person_id, &in->recorded[i]);
	sort_keys(records, in->record_count);
	sort_keys(links, in->recorded_count);
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
			order = key_order(&records[r], &links[l]);
		s->account = ACCOUNT_NONE;
		if (order <= 0)
			s->record = records[r++].item;
		if (order >= 0)
			s->recorded = links[l++].item;
	}
	mem_free(records);
	mem_free(links);
	refuse_same_id(p);
}

/* A value that somebody wants, for finding two who want the same. */
struct wish {
	uint64_t hash;
	const char *value;
	uint32_t subject;
	bool case_exact;
};

/* FNV-1a, of the lower case where case does not count; it only has to bring equals together. */
static uint64_t wish_hash(const char *value, bool case_exact)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (!case_exact && c >= 'A' && c <= 'Z')
			c |= 0x20;
		hash = (hash ^ c) * UINT64_C(0x100000001b3);
	}
	return hash;
}

static int wish_same(const struct wish *a, const struct wish *b)
{
	return a->case_exact ? strcmp(a->value, b->value)
			     : text_cmp_nocase(a->value, strlen(a->value), b->value,
					       strlen(b->value));
}

static int wish_order(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;
	int order;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	order = wish_same(x, y);
	if (order)
		return order;
	return x->subject < y->subject ? -1 : x->subject > y->subject;
}

static size_t collect_wishes(struct planner *p, enum scim_attr attr, struct wish *wishes)
{
	bool case_exact = scim_attr(attr)->case_exact;
	size_t count = 0;

	for (size_t i = 0; i < p->subject_count; i++) {
		const struct subject *s = &p->subjects[i];
		const char *value = s->record && !s->skip ? record_text(s->record, attr) : NULL;

		if (value)
			wishes[count++] = (struct wish){ wish_hash(value, case_exact), value,
							 (uint32_t)i, case_exact };
	}
	return count;
}

/* Two people who want one name (or external id): neither gets it. Row 29. */
static void refuse_same_value(struct planner *p, enum scim_attr attr)
{
	struct wish *wishes = mem_array(p->subject_count + 1, sizeof(*wishes));
	uint32_t *others = mem_array(p->subject_count + 1, sizeof(*others)); /* subject + 1 */
	size_t count = collect_wishes(p, attr, wishes), first = 0;

	qsort(wishes, count, sizeof(*wishes), wish_order);
	for (size_t i = 1; i < count; i++) {
		if (wishes[i].hash != wishes[first].hash || wish_same(&wishes[i], &wishes[first])) {
			first = i;
			continue;
		}
		others[wishes[i].subject] = wishes[first].subject + 1;
		if (i == first + 1)
			others[wishes[first].subject] = wishes[i].subject + 1;
	}
	/* In the order of the people, so that the same inputs are told the same way. */
	for (size_t i = 0; i < p->subject_count; i++) {
		struct subject *s = &p->subjects[i], *other;

		if (!others[i])
			continue;
		other = &p->subjects[others[i] - 1];
		plan_skip(p, s, true, 0, "two people have the %s \"%s\": %s and %s",
			  scim_attr(attr)->name, record_text(s->record, attr), s->record->dn,
			  other->record->dn);
		s->skip = true;
	}
	mem_free(wishes);
	mem_free(others);
}

static void freeze_undecided(struct planner *p)
{
	for (size_t i = 0; i < p->subject_count; i++) {
		struct subject *s = &p->subjects[i];

		if (s->record && !s->skip && s->record->skip_reason) {
			plan_skip_by_rule(p, s); /* row 30 */
			s->skip = true;
		}
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
	if (map_get(&p->in->present->by_id, slice_str(id), &found)) {
		s->account = (uint32_t)found;
		if (p->owners[found])
			refuse_shared_account(p, &p->subjects[p->owners[found] - 1], s);
		else
			p->owners[found] = (uint32_t)(s - p->subjects) + 1;
		return;
	}
	if (map_get(&p->lost_accounts, slice_str(id), &found)) {
		refuse_shared_account(p, &p->subjects[found], s);
		return;
	}
	map_set(&p->lost_accounts, slice_str(id), (uint64_t)(s - p->subjects));
	if (s->record && !s->skip) {
		plan_skip(p, s, true, 0, "its account %s was not in what the tenant listed; it may "
			  "have been deleted there", id); /* row 23 */
		s->skip = true;
	}
}

/* Several accounts carry it: row 29. */
#define SEVERAL UINT64_MAX

/* A deleted one counts where no living one carries the id. */
static void index_external_id(const struct present *present, const struct account *account,
			      uint64_t index, struct map *ret)
{
	uint64_t before;

	if (!map_get(ret, slice_str(account->external_id), &before))
		map_set(ret, slice_str(account->external_id), index);
	else if (account->state != ACCOUNT_DELETED || before == SEVERAL ||
		 present->accounts.items[before].state == ACCOUNT_DELETED)
		map_set(ret, slice_str(account->external_id), SEVERAL);
}

/* Row 21: accounts with an external id, by it. */
static void index_external_ids(const struct present *present, struct map *ret)
{
	for (int deleted = 0; deleted < 2; deleted++)
		for (size_t i = 0; i < present->accounts.count; i++) {
			const struct account *a = &present->accounts.items[i];

			if (!a->external_id_known || !a->external_id ||
			    (a->state == ACCOUNT_DELETED) != deleted)
				continue;
			index_external_id(present, a, i, ret);
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
	if (p->owners[found]) {
		plan_skip(p, s, true, 0, "account %s carries its external id but is linked to "
			  "somebody else", account->id);
		s->skip = true;
		return true;
	}
	s->account = (uint32_t)found;
	s->linked = s->new_link = true;
	p->owners[found] = (uint32_t)(s - p->subjects) + 1;
	link = (struct link){ .person_id = s->record->id, .account_id = account->id,
			      .user_name = subject_user_name(s), .dn = s->record->dn };
	vec_push(&p->plan->new_links, link);
	return true;
}

/*
 * Row 31: somebody is gone, and their login name is wanted under a new directory id: a
 * re-created entry, or somebody who came back. Nothing is done to either before a yes.
 */
static void wait_for_relink(struct planner *p, const struct subject *s, struct subject *gone,
			    const struct account *account)
{
	plan_skip(p, s, true, 0, "the login name %s belongs to account %s, which is linked to %s, who "
		  "is not in the directory any more. If it is the same person under a new directory "
		  "id, link them anew with: dirbridge adopt", subject_user_name(s), account->id,
		  gone->recorded->link.dn);
	if (!gone->skip)
		plan_skip(p, gone, true, 0, "left as they are: %s wants their login name, and may be "
			  "the same person (dirbridge adopt)", s->record->dn);
	gone->skip = true;
}

/* Row 22: the name is held by an account that is not known to be this person's. */
static bool name_is_held(struct planner *p, struct subject *s)
{
	const char *user_name = subject_user_name(s);
	const struct account *account;
	uint32_t found;

	if (!plan_find_user_name(p->in->present, user_name, &found))
		return false;
	account = &p->in->present->accounts.items[found];
	if (p->owners[found] && !p->subjects[p->owners[found] - 1].record)
		wait_for_relink(p, s, &p->subjects[p->owners[found] - 1], account);
	else if (p->owners[found])
		plan_skip(p, s, true, 0, "the login name %s belongs to account %s, which is "
			  "linked to somebody else", user_name, account->id);
	else if (account->state == ACCOUNT_DELETED)
		plan_skip(p, s, true, 0, "the login name %s is held by the deleted account %s, "
			  "and nothing says that it was this person's; the tenant gives the name "
			  "to nobody else. If it was theirs, restore it in the tenant and link it "
			  "with: dirbridge adopt; if not, restore it, change its e-mail address "
			  "and delete it again", user_name, account->id);
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
	p->owners = arena_array(p->mem, p->in->present->accounts.count + 1,
				sizeof(*p->owners));
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
