#include "bridge/tenant/genesys_read.h"

#include <string.h>

#include "scim/base/banned.h"

/* Offset paging of inactive users ends here with 400 (facts, section 2, page limits). */
#define INACTIVE_MAX 10000

static int read_users(struct account_reader *reader, enum account_state state,
		      const char *query, const char *what, struct err *err)
{
	struct page_set set = {
		.op = API_USERS,
		.query = query,
		.what = what,
		.size = api_op(API_USERS)->page_max,
		.total = -1,
		.items_max = state == ACCOUNT_INACTIVE ? INACTIVE_MAX : 0,
		.entity = genesys_read_user,
		.ctx = reader,
		.verdict = &reader->present->verdict,
	};

	reader->state = state;
	page_sets_read(reader->g, &set, 1);
	if (set.err.kind) {
		/* Half a list of users is no ground for anything, creating included. */
		*err = set.err;
		return -1;
	}
	return 0;
}

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
	unsigned most = api_op(API_USERS)->batch_max;
	size_t count = reader->missing.count, sets_count = (count + most - 1) / most;
	struct page_set *sets = mem_array(sets_count, sizeof(*sets));
	struct buf query;

	buf_init(&query, 64u << 10);
	for (size_t i = 0; i < sets_count; i++) {
		buf_clear(&query);
		buf_addstr(&query, "&state=any" EXPANSIONS);
		for (size_t at = i * most; at < count && at < (i + 1) * most; at++) {
			const char *id = present->accounts.items[reader->missing.items[at]].id;

			buf_addstr(&query, "&id=");
			buf_addurl(&query, id, strlen(id));
		}
		sets[i] = (struct page_set){
			.op = API_USERS, .what = "users read again", .size = most, .total = -1,
			.query = arena_strndup(&present->mem, query.data, query.len),
			.entity = read_again, .ctx = reader, .verdict = &present->verdict,
		};
	}
	page_sets_read(reader->g, sets, sets_count);
	for (size_t i = 0; i < sets_count; i++)
		if (sets[i].err.kind)
			verdict_spoil(&present->verdict, "%s", sets[i].err.text);
	buf_release(&query);
	mem_free(sets);
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

int genesys_read_accounts(struct tenant *tenant, const struct tenant_need *need,
			  struct present *present, struct err *err)
{
	struct account_reader reader;
	int result = -1;

	reader_init(&reader, (struct genesys *)tenant, present);
	if (read_users(&reader, ACCOUNT_ACTIVE, "&state=active" EXPANSIONS, "active users",
		       err) ||
	    read_users(&reader, ACCOUNT_INACTIVE, "&state=inactive" EXPANSIONS,
		       "inactive users", err))
		goto out;
	read_missing(&reader);
	genesys_read_sides(&reader, need);
	genesys_merge_more(&reader);
	judge_expansions(&reader);
	result = 0;
out:
	reader_release(&reader);
	return result;
}

int genesys_read_deleted(struct tenant *tenant, const char *const *user_names, size_t count,
			 struct present *present, struct err *err)
{
	struct account_reader reader;
	int result;

	(void)user_names;
	(void)count;
	reader_init(&reader, (struct genesys *)tenant, present);
	result = read_users(&reader, ACCOUNT_DELETED, "&state=deleted", "deleted users", err);
	if (!result)
		present->deleted_read = true;
	reader_release(&reader);
	return result;
}
