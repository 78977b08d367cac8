#include "bridge/tenant/genesys_read.h"

#include <string.h>

#include "scim/base/banned.h"

/* Offset paging of inactive users ends here with 400 (facts, section 2, page limits). */
#define INACTIVE_MAX 10000

static void reader_init(struct account_reader *reader, struct genesys *g,
			struct present *present)
{
	*reader = (struct account_reader){ .g = g, .present = present };
	reader->intern.mem = &present->mem;
}

static void reader_release(struct account_reader *reader)
{
	vec_release(&reader->held);
	vec_release(&reader->more);
	vec_release(&reader->missing);
	map_release(&reader->intern.map);
	mem_free(reader->excused);
}

/* ---- lists ---- */

static struct page_set users_set(struct account_reader *reader, enum account_state state,
				 const char *query, const char *what)
{
	reader->state = state;
	return (struct page_set){
		.op = API_USERS,
		.query = query,
		.what = what,
		.size = api_op(API_USERS)->page_max,
		.total = -1,
		.entity = genesys_read_user,
		.ctx = reader,
		.verdict = &reader->present->verdict,
	};
}

/* Half a list of users is no ground for anything, creating included. */
static int read_set(struct account_reader *reader, struct page_set *set, struct err *err)
{
	page_sets_read(reader->g, set, 1);
	if (!set->err.kind)
		return 0;
	*err = set->err;
	return -1;
}

static void excuse(struct account_reader *reader, uint32_t first)
{
	reader->excused_first = first;
	reader->excused_count = (uint32_t)reader->present->accounts.count - first;
	mem_free(reader->excused);
	reader->excused = mem_array(reader->excused_count + 1, 1);
}

/*
 * More inactive users than pages go to: by cursor, which shows every division's or nothing
 * (vendor contract of /users/query). Refused, what pages show is read, and that is not all.
 */
static int read_long_list(struct account_reader *reader, int64_t total, struct err *err)
{
	struct verdict *verdict = &reader->present->verdict;
	struct page_set set = users_set(reader, ACCOUNT_INACTIVE, "&state=inactive" EXPANSIONS,
					"inactive users");

	set.op = API_USERS_QUERY;
	set.size = api_op(API_USERS_QUERY)->page_max;
	set.cursor = "cursor";
	if (!read_set(reader, &set, err)) {
		if (set.seen != (uint64_t)total)
			verdict_spoil(verdict, "inactive users: %llu came of %lld",
				      (unsigned long long)set.seen, (long long)total);
		return 0;
	}
	if (set.seen || (set.err.kind != ERR_AUTH && set.err.kind != ERR_NOT_FOUND &&
			 set.err.kind != ERR_REFUSED))
		return -1;
	verdict_spoil(verdict, "inactive users past the %dth need directory:user:view in "
		      "all divisions: %.100s", INACTIVE_MAX, err->text);
	*err = (struct err)ERR_INIT;
	excuse(reader, reader->excused_first);
	set = users_set(reader, ACCOUNT_INACTIVE, "&state=inactive" EXPANSIONS,
			"inactive users");
	set.items_max = INACTIVE_MAX;
	return read_set(reader, &set, err);
}

static int read_inactive(struct account_reader *reader, struct err *err)
{
	uint32_t first = (uint32_t)reader->present->accounts.count;
	struct page_set set = users_set(reader, ACCOUNT_INACTIVE, "&state=inactive" EXPANSIONS,
					"inactive users");

	set.items_max = INACTIVE_MAX;
	set.stop_at_max = true;
	if (read_set(reader, &set, err))
		return -1;
	if (!set.too_long)
		return 0;
	excuse(reader, first);
	return read_long_list(reader, set.total, err);
}

/* ---- by id ---- */

/* `count` ids, `most` a call; what comes goes to `entity`. */
static int read_by_id(struct account_reader *reader, const char *const *ids, size_t count,
		      const char *what,
		      int (*entity)(void *, struct json_in *, bool *, struct err *),
		      struct err *err)
{
	unsigned most = api_op(API_USERS)->batch_max;
	size_t sets_count = (count + most - 1) / most;
	struct page_set *sets = mem_array(sets_count + 1, sizeof(*sets));
	struct arena mem = ARENA_INIT;
	struct buf query;
	int result = 0;

	buf_init(&query, 32u << 10);
	for (size_t i = 0; i < sets_count; i++) {
		buf_clear(&query);
		buf_addstr(&query, "&state=any" EXPANSIONS);
		for (size_t at = i * most; at < count && at < (i + 1) * most; at++) {
			buf_addstr(&query, "&id=");
			buf_addurl(&query, ids[at], strlen(ids[at]));
		}
		sets[i] = (struct page_set){
			.op = API_USERS, .what = what, .size = most, .total = -1,
			.query = arena_strndup(&mem, query.data, query.len),
			.entity = entity, .ctx = reader, .verdict = &reader->present->verdict,
		};
	}
	reader->any_state = true;
	page_sets_read(reader->g, sets, sets_count);
	reader->any_state = false;
	for (size_t i = 0; i < sets_count && !result; i++)
		if (sets[i].err.kind) {
			*err = sets[i].err;
			result = -1;
		}
	buf_release(&query);
	arena_release(&mem);
	mem_free(sets);
	return result;
}

/* A user read again: of what was missing, what is there now. */
static int read_again(void *ctx, struct json_in *in, bool *ret_again, struct err *err)
{
	struct account_reader *reader = ctx;
	struct present *present = reader->present;
	struct user_words words = { .version = -1 };
	struct account *account;
	uint64_t index;
	uint8_t found;

	(void)ret_again;
	reader->field_count = 0;
	reader->held.count = 0;
	if (genesys_read_words(reader, in, &words, err))
		return -1;
	if (!words.id.len || !map_get(&present->by_id, words.id, &index))
		return err_set(err, ERR_PROTOCOL, "a user that was not asked for");
	account = &present->accounts.items[index];
	genesys_keep_employer(reader, account);
	found = account->unknown_kinds & words.came;
	for (size_t i = 0; i < reader->held.count; i++)
		if (found & 1u << reader->held.items[i].kind)
			vec_push(&reader->more,
				 ((struct held_of){ (uint32_t)index, reader->held.items[i] }));
	account->unknown_kinds &= (uint8_t)~found;
	return 0;
}

/*
 * Expansions are best effort (vendor contract): who came without some is read again by id.
 * What does not come then either stays unknown.
 */
static void read_missing(struct account_reader *reader)
{
	struct present *present = reader->present;
	size_t count = reader->missing.count;
	const char **ids = mem_array(count + 1, sizeof(*ids));
	struct err err = ERR_INIT;

	for (size_t i = 0; i < count; i++)
		ids[i] = present->accounts.items[reader->missing.items[i]].id;
	if (read_by_id(reader, ids, count, "users read again", read_again, &err))
		verdict_spoil(&present->verdict, "%s", err.text);
	mem_free(ids);
}

static void judge_expansions(struct account_reader *reader)
{
	uint64_t counts[ASSIGN_KIND_COUNT] = { 0 };

	for (size_t i = 0; i < reader->missing.count; i++)
		for (int kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
			if (reader->present->accounts.items[reader->missing.items[i]]
					    .unknown_kinds & EXPANDED & 1u << kind)
				counts[kind]++;
	for (int kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		if (counts[kind])
			verdict_spoil(&reader->present->verdict,
				      "%llu users came without their %ss",
				      (unsigned long long)counts[kind],
				      assign_kind_name((enum assign_kind)kind));
}

/*
 * Accounts that the state knows and that came by no list, if `need` has such. One that is
 * there all the same means that the lists are not whole.
 */
static int read_linked(struct account_reader *reader, const struct tenant_need *need,
		       struct err *err)
{
	struct present *present = reader->present;
	const char **ids = mem_array(need->account_count + 1, sizeof(*ids));
	size_t count = 0, before = present->accounts.count, living = 0;
	int result;

	for (size_t i = 0; i < need->account_count; i++) {
		struct slice id = slice_str(need->account_ids[i]);

		/* One that no id can look like is as good as gone: it is in no answer. */
		if (genesys_id_ok(id) && !map_get(&present->by_id, id, NULL))
			ids[count++] = need->account_ids[i];
	}
	result = read_by_id(reader, ids, count, "linked accounts", genesys_read_user, err);
	for (size_t i = before; i < present->accounts.count; i++)
		living += present->accounts.items[i].state != ACCOUNT_DELETED;
	if (living && !need->whom)
		verdict_spoil(&present->verdict, "%zu linked accounts were in no list of users, "
			      "but are there", living);
	mem_free(ids);
	return result;
}

/* ---- by name ---- */

static void forget_accounts(struct account_reader *reader)
{
	struct present *present = reader->present;

	present->accounts.count = 0;
	reader->missing.count = 0;
	map_release(&present->by_id);
	map_release(&present->by_user_name);
	present->by_id = present->by_user_name = (struct map){ 0 };
	present->verdict.count = 0;
}

static const char *search_body(struct arena *mem, const char *const *names, size_t count,
			       const char *states)
{
	const char *text;
	struct buf buf;

	buf_init(&buf, 128u << 10);
	buf_addstr(&buf, "{\"query\":[{\"type\":\"EXACT\",\"fields\":[\"email\"],\"values\":[");
	for (size_t i = 0; i < count; i++) {
		buf_addstr(&buf, i ? "," : "");
		json_quote(&buf, names[i], strlen(names[i]));
	}
	buf_addf(&buf, "]},{\"type\":\"EXACT\",\"fields\":[\"state\"],\"values\":[%s]}],"
		       "\"expand\":[\"skills\",\"languages\",\"groups\",\"employerInfo\"]",
		 states);
	text = buf_failed(&buf) ? NULL : arena_strndup(mem, buf.data, buf.len);
	buf_release(&buf);
	return text;
}

static void note_asked(struct arena *mem, const char *const *names, size_t count,
		       struct map *ret)
{
	for (size_t i = 0; i < count; i++) {
		char *lower = arena_strdup(mem, names[i]);

		text_lower(lower, strlen(lower));
		map_set(ret, slice_str(lower), 1);
	}
}

/*
 * Whoever has one of these login names, 100 a search. -1 when the tenant does not answer
 * as a search does: the caller has another way. That its index lags behind is no harm: who
 * is not found is created, which the tenant refuses when the name is taken.
 */
static int search_names(struct account_reader *reader, const char *const *names, size_t count,
			const char *states)
{
	unsigned most = api_op(API_USERS_SEARCH)->batch_max;
	size_t sets_count = (count + most - 1) / most;
	struct page_set *sets = mem_array(sets_count + 1, sizeof(*sets));
	struct arena mem = ARENA_INIT;
	struct verdict aside;
	struct map asked = { 0 };
	bool failed = false;

	verdict_init(&aside);
	note_asked(&mem, names, count, &asked);
	for (size_t i = 0; i < sets_count; i++) {
		size_t from = i * most, left = count - from;

		sets[i] = (struct page_set){
			.op = API_USERS_SEARCH, .what = "users by login name",
			.size = api_op(API_USERS_SEARCH)->page_max, .total = -1,
			.list = "results", .entity = genesys_read_user, .ctx = reader,
			.body = search_body(&mem, names + from, left < most ? left : most, states),
			.verdict = &aside,
		};
		failed |= !sets[i].body;
	}
	reader->any_state = reader->known_ok = true;
	reader->asked = &asked;
	if (!failed)
		page_sets_read(reader->g, sets, sets_count);
	reader->any_state = reader->known_ok = false;
	reader->asked = NULL;
	for (size_t i = 0; i < sets_count; i++)
		failed |= sets[i].err.kind || sets[i].spoilt;
	map_release(&asked);
	arena_release(&mem);
	mem_free(sets);
	return failed ? -1 : 0;
}

/* Names that nobody read so far has, by search. */
static int search_unknown(struct account_reader *reader, const struct tenant_whom *whom)
{
	struct present *present = reader->present;
	const char **names = mem_array(whom->user_name_count + 1, sizeof(*names));
	struct arena mem = ARENA_INIT;
	size_t count = 0;
	int result;

	for (size_t i = 0; i < whom->user_name_count; i++) {
		char *lower = arena_strdup(&mem, whom->user_names[i]);

		text_lower(lower, strlen(lower));
		if (!map_get(&present->by_user_name, slice_str(lower), NULL))
			names[count++] = whom->user_names[i];
	}
	result = search_names(reader, names, count, "\"active\",\"inactive\",\"deleted\"");
	arena_release(&mem);
	mem_free(names);
	return result;
}

/* ---- accounts ---- */

static int read_everybody(struct account_reader *reader, const struct tenant_need *need,
			  struct err *err)
{
	struct page_set active = users_set(reader, ACCOUNT_ACTIVE, "&state=active" EXPANSIONS,
					   "active users");

	if (read_set(reader, &active, err) || read_inactive(reader, err))
		return -1;
	return read_linked(reader, need, err);
}

static int read_some(struct account_reader *reader, const struct tenant_need *need,
		     struct err *err)
{
	struct tenant_need all = *need;

	if (read_linked(reader, need, err))
		return -1;
	if (!search_unknown(reader, need->whom)) {
		reader->present->deleted_read = true;
		return 0;
	}
	/* The lists show them as well. */
	forget_accounts(reader);
	all.whom = NULL;
	return read_everybody(reader, &all, err);
}

int genesys_read_accounts(struct tenant *tenant, const struct tenant_need *need,
			  struct present *present, struct err *err)
{
	struct account_reader reader;
	int result;

	reader_init(&reader, (struct genesys *)tenant, present);
	result = need->whom ? read_some(&reader, need, err) : read_everybody(&reader, need, err);
	if (!result) {
		read_missing(&reader);
		genesys_read_sides(&reader, need);
		genesys_read_wfm_sides(&reader, need);
		genesys_merge_more(&reader);
		judge_expansions(&reader);
	}
	reader_release(&reader);
	return result;
}

/* Pages of all deleted users, unless searches for the names are fewer. */
static int read_deleted_pages(struct account_reader *reader, size_t searches, bool *ret_more,
			      struct err *err)
{
	struct page_set set = users_set(reader, ACCOUNT_DELETED, "&state=deleted",
					"deleted users");

	if (searches) {
		set.items_max = (searches + 1) * set.size;
		set.stop_at_max = true;
	}
	if (read_set(reader, &set, err))
		return -1;
	*ret_more = set.too_long;
	return 0;
}

int genesys_read_deleted(struct tenant *tenant, const char *const *user_names, size_t count,
			 struct present *present, struct err *err)
{
	unsigned most = api_op(API_USERS_SEARCH)->batch_max;
	size_t searches = (count + most - 1) / most;
	struct account_reader reader;
	bool more = true;
	int result = 0;

	reader_init(&reader, (struct genesys *)tenant, present);
	/* One search is never more than one page; of more names a page tells how many pages. */
	if (searches != 1)
		result = read_deleted_pages(&reader, searches, &more, err);
	if (!result && more && search_names(&reader, user_names, count, "\"deleted\"")) {
		excuse(&reader, 0);
		result = read_deleted_pages(&reader, 0, &more, err);
	}
	if (!result)
		present->deleted_read = true;
	reader_release(&reader);
	return result;
}
