#include "bridge/tenant/genesys_read.h"

#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

struct side_reader {
	struct account_reader *accounts;
	uint32_t item;       /* queue, or division of the grants */
	struct map seen;     /* keys of this list, in `mem` */
	struct arena mem;
};

static bool seen_before(struct side_reader *side, const char *key)
{
	return !map_set(&side->seen, slice_str(key), 1);
}

static void add_held(struct side_reader *side, struct slice user, const struct held *held)
{
	struct account_reader *reader = side->accounts;
	uint64_t index;

	/* Groups hold grants and members, too: what is no user of the list is not ours. */
	if (!map_get(&reader->present->by_id, user, &index))
		return;
	vec_push(&reader->more, ((struct held_of){ (uint32_t)index, *held }));
}

int genesys_read_grant(struct json_in *in, struct grant_words *ret, struct err *err)
{
	struct slice key;

	*ret = (struct grant_words){ .subject = { 0 } };
	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "subjectId"))
			json_get_text(in, &ret->subject);
		else if (slice_eq_str(key, "role"))
			genesys_read_member(in, "id", &ret->role);
		else if (slice_eq_str(key, "division"))
			genesys_read_member(in, "id", &ret->division);
		else
			json_skip(in);
	}
	if (json_failed(in))
		return -1;
	if (!ret->subject.len || !ret->role.len)
		return err_set(err, ERR_PROTOCOL, "a grant without subjectId or role");
	return 0;
}

bool genesys_resolve_grant(const struct catalogue *cat, const struct grant_words *words,
			   struct held *held)
{
	/* A grant in all divisions may be listed under each of them. */
	if (slice_eq_str(words->division, "*"))
		held->division = ITEM_ALL;
	else if (words->division.len)
		held->division = find_id(cat, CAT_DIVISION, words->division);
	held->item = find_id(cat, CAT_ROLE, words->role);
	return held->item != ITEM_NONE && held->division != ITEM_NONE;
}

static int read_grant(void *ctx, struct json_in *in, bool *ret_again, struct err *err)
{
	struct side_reader *side = ctx;
	const struct catalogue *cat = &side->accounts->present->catalogue;
	struct grant_words words;
	struct held held = { .kind = ASSIGN_ROLE, .division = side->item };

	if (genesys_read_grant(in, &words, err))
		return -1;
	*ret_again = seen_before(
		side, arena_printf(&side->mem, "%.*s %.*s %.*s", SLICE_FMT(words.subject),
				   SLICE_FMT(words.role), SLICE_FMT(words.division)));
	if (!*ret_again && genesys_resolve_grant(cat, &words, &held))
		add_held(side, words.subject, &held);
	return 0;
}

static int read_member_entity(void *ctx, struct json_in *in, bool *ret_again, struct err *err)
{
	struct side_reader *side = ctx;
	struct slice key, id = { 0 }, user = { 0 }, by = { 0 };
	struct held held = { .kind = ASSIGN_QUEUE, .item = side->item };

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "id"))
			json_get_text(in, &id);
		else if (slice_eq_str(key, "user"))
			genesys_read_member(in, "id", &user);
		else if (slice_eq_str(key, "memberBy"))
			json_opt_text(in, &by);
		else
			json_skip(in);
	}
	if (json_failed(in))
		return -1;
	if (!user.len)
		user = id;
	if (!user.len)
		return err_set(err, ERR_PROTOCOL, "a queue member without id");
	/* One may be in directly and by a group: two entries. */
	*ret_again = seen_before(side, arena_printf(&side->mem, "%.*s %.*s", SLICE_FMT(user),
						    SLICE_FMT(by)));
	if (!*ret_again)
		add_held(side, user, &held);
	return 0;
}

static void mark_unknown(struct present *present, enum assign_kind kind)
{
	for (size_t i = 0; i < present->accounts.count; i++)
		present->accounts.items[i].unknown_kinds |= (uint8_t)(1u << kind);
}

static void judge_side(struct present *present, const struct page_set *set,
		       enum assign_kind kind)
{
	char text[ERR_FORMAT_MAX];

	bool cut = kind == ASSIGN_QUEUE && set->total > 0 && set->seen < (uint64_t)set->total;

	if (set->err.kind)
		verdict_spoil(&present->verdict, "%s", err_format(&set->err, text, sizeof(text)));
	else if (cut)
		verdict_spoil(&present->verdict, "%s: %llu came of %lld", set->what,
			      (unsigned long long)set->seen, (long long)set->total);
	/* Whom a page that did not come would have named is not known. */
	if (set->err.kind || set->spoilt || cut)
		mark_unknown(present, kind);
}

static const char *item_id(const struct catalogue *cat, enum catalogue_kind kind,
			   uint32_t item)
{
	return item == ITEM_ALL ? "*" : catalogue_item(cat, kind, item)->id;
}

static const char *item_name(const struct catalogue *cat, enum catalogue_kind kind,
			     uint32_t item)
{
	return item == ITEM_ALL ? "*" : catalogue_item(cat, kind, item)->name;
}

static size_t living(const struct present *present)
{
	size_t count = 0;

	for (size_t i = 0; i < present->accounts.count; i++)
		count += present->accounts.items[i].state != ACCOUNT_DELETED;
	return count;
}

static bool anybody(const struct present *present)
{
	return living(present) > 0;
}

/*
 * A call for each account, or pages of each division? How many those are is not told before
 * the first has come; everybody linked has about two grants.
 */
static bool subjects_are_fewer(const struct account_reader *reader,
			       const struct tenant_need *need)
{
	size_t pages;

	if (!need->whom || !need->grant_division_count)
		return false;
	pages = need->grant_division_count + 2 * need->whom->linked / api_op(API_GRANTS)->page_max;
	return living(reader->present) <= pages;
}

/* Grants of each needed division and members of each needed queue, all at once. */
void genesys_read_sides(struct account_reader *reader, const struct tenant_need *need)
{
	struct present *present = reader->present;
	const struct catalogue *cat = &present->catalogue;
	size_t most = (size_t)need->grant_division_count + need->queue_count, count = 0;
	struct side_reader *sides = mem_array(most, sizeof(*sides));
	struct page_set *sets = mem_array(most, sizeof(*sets));
	unsigned divisions = 0;

	/* Nobody is there who could hold anything: people to be created, found by no name. */
	if (!anybody(present))
		most = 0;
	if (subjects_are_fewer(reader, need))
		genesys_read_subjects(reader);
	else
		divisions = need->grant_division_count;
	for (unsigned i = 0; most && i < divisions; i++, count++) {
		uint32_t item = need->grant_divisions[i];

		sides[count] = (struct side_reader){ .accounts = reader, .item = item };
		sets[count] = (struct page_set){
			.op = API_GRANTS, .path_id = item_id(cat, CAT_DIVISION, item),
			.what = arena_printf(&present->mem, "grants in division %s",
					     item_name(cat, CAT_DIVISION, item)),
			.size = api_op(API_GRANTS)->page_max, .total = -1,
			.entity = read_grant,
		};
	}
	for (unsigned i = 0; most && i < need->queue_count; i++) {
		uint32_t item = need->queues[i];
		int64_t members = catalogue_item(cat, CAT_QUEUE, item)->member_count;

		if (!members)
			continue; /* said to be empty */
		sides[count] = (struct side_reader){ .accounts = reader, .item = item };
		sets[count++] = (struct page_set){
			.op = API_QUEUE_MEMBERS, .path_id = item_id(cat, CAT_QUEUE, item),
			.what = arena_printf(&present->mem, "members of queue %s",
					     item_name(cat, CAT_QUEUE, item)),
			.size = api_op(API_QUEUE_MEMBERS)->page_max, .total = members,
			.entity = read_member_entity,
		};
	}
	for (size_t i = 0; i < count; i++) {
		sets[i].ctx = &sides[i];
		sets[i].verdict = &present->verdict;
	}
	page_sets_read(reader->g, sets, count);
	for (size_t i = 0; i < count; i++) {
		judge_side(present, &sets[i],
			   sets[i].op == API_GRANTS ? ASSIGN_ROLE : ASSIGN_QUEUE);
		map_release(&sides[i].seen);
		arena_release(&sides[i].mem);
	}
	mem_free(sides);
	mem_free(sets);
}

static int cmp_held_of(const void *a, const void *b)
{
	const struct held_of *x = a, *y = b;

	if (x->account != y->account)
		return x->account < y->account ? -1 : 1;
	return held_cmp(&x->held, &y->held);
}

/* Merge what came from grants and queues into the accounts' sorted lists. */
void genesys_merge_more(struct account_reader *reader)
{
	struct present *present = reader->present;
	size_t count = reader->more.count;

	if (count)
		qsort(reader->more.items, count, sizeof(*reader->more.items), cmp_held_of);
	for (size_t at = 0, end; at < count; at = end) {
		struct account *account =
			&present->accounts.items[reader->more.items[at].account];
		struct held *held;

		for (end = at; end < count && reader->more.items[end].account ==
						      reader->more.items[at].account;)
			end++;
		held = arena_array(&present->mem, account->held_count + (end - at),
				   sizeof(*held));
		if (account->held_count)
			memcpy(held, account->held, account->held_count * sizeof(*held));
		for (size_t i = at; i < end; i++)
			held[account->held_count + (i - at)] = reader->more.items[i].held;
		account->held_count =
			genesys_sort_held(held, account->held_count + (end - at));
		account->held = held;
	}
}
