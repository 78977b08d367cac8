/* Accounts by id and by name, and deleted ones: which calls, and what is made of answers. */
#include "tests/bridge/tenant_stage.h"

#include "scim/base/banned.h"

#define BY_ID "GET /api/v2/users?pageSize=100&pageNumber=1&state=any"
#define SEARCH "POST /api/v2/users/search"
#define DELETED "GET /api/v2/users?pageSize=500&pageNumber=1&state=deleted"
#define SOME(id, state) "{\"id\":\"" id "\",\"email\":\"" id "@x\",\"version\":1,\"state\":\"" \
	state "\",\"skills\":[],\"languages\":[],\"groups\":[]}"
#define FOUND(entities, total) \
	{ .status = 200, .body = "{\"results\":[" entities "],\"total\":" total "}" }
#define LISTED(entities, total) \
	{ .status = 200, .body = "{\"entities\":[" entities "],\"total\":" total "}" }

static const struct {
	const char *name;
	const char *ids[3], *names[3];
	bool whom;
	struct reply replies[4];
	const char *accounts; /* "id:state", in order */
	const char *calls;    /* for users, see user_calls */
	const char *spoiled, *error;
} some[] = {
	{ "linked and listed: no call more", { "u1" }, { NULL }, false, { { .match = NULL } },
	  "u1:0 u2:0 u3:1", "users users", NULL, NULL },
	{ "linked, not listed, deleted", { "u1", "u7" }, { NULL }, false,
	  { { BY_ID, 0, LISTED(SOME("u7", "deleted"), "1") } },
	  "u1:0 u2:0 u3:1 u7:2", "users users users+1", NULL, NULL },
	{ "linked, not listed, nowhere", { "u7", "u8" }, { NULL }, false,
	  { { BY_ID, 0, LISTED("", "0") } }, "u1:0 u2:0 u3:1", "users users users+2", NULL, NULL },
	{ "linked, not listed, but living: the list was not whole", { "u7" }, { NULL }, false,
	  { { BY_ID, 0, LISTED(SOME("u7", "active"), "1") } },
	  "u1:0 u2:0 u3:1 u7:0", "users users users+1",
	  "1 linked accounts were in no list of users, but are there", NULL },
	{ "linked, and the look-up fails", { "u7" }, { NULL }, false,
	  { { BY_ID, 0, { .status = 400, .body = "{\"message\":\"no\"}" } } },
	  "", "", NULL, "400: no" },
	{ "linked, an id that can be none", { ".." }, { NULL }, false, { { .match = NULL } },
	  "u1:0 u2:0 u3:1", "users users", NULL, NULL },
	{ "people touched, by id", { "u1", "u7" }, { "U7@x" }, true,
	  { { BY_ID, 0, LISTED(SOME("u1", "active") "," SOME("u7", "inactive"), "2") } },
	  "u1:0 u7:1", "users+2", NULL, NULL },
	{ "by name, the deleted one too", { "u1" }, { "u1@x", "u8@x", "new@x" }, true,
	  { { BY_ID, 0, LISTED(SOME("u1", "active"), "1") },
	    { SEARCH, 0, FOUND(SOME("u8", "deleted"), "1") } },
	  "u1:0 u8:2", "users+1 search", NULL, NULL },
	{ "a search that finds one known already", { "u1" }, { "n@x" }, true,
	  { { BY_ID, 0,
	      LISTED("{\"id\":\"u1\",\"email\":\"o@x\",\"state\":\"active\",\"skills\":[],"
		     "\"languages\":[],\"groups\":[]}", "1") },
	    { SEARCH, 0,
	      FOUND("{\"id\":\"u1\",\"email\":\"N@x\",\"state\":\"active\"}", "1") } },
	  "u1:0", "users+1 search", NULL, NULL },
	{ "a search that finds somebody else: by the lists", { NULL }, { "n@x" }, true,
	  { { SEARCH, 0, FOUND(SOME("u8", "active"), "1") } },
	  "u1:0 u2:0 u3:1", "search users users", NULL, NULL },
	{ "a search that is refused: by the lists", { "u1" }, { "n@x" }, true,
	  { { BY_ID, 0, LISTED(SOME("u1", "active"), "1") },
	    { SEARCH, 0, { .status = 403, .body = "{}" } } },
	  "u1:0 u2:0 u3:1", "users+1 search users users", NULL, NULL },
	{ "a search that shows fewer than told: by the lists", { NULL }, { "n@x" }, true,
	  { { SEARCH, 0, FOUND("", "3") } },
	  "u1:0 u2:0 u3:1", "search users users", NULL, NULL },
	{ "by id without a state", { "u7" }, { NULL }, true,
	  { { BY_ID, 0, LISTED("{\"id\":\"u7\"}", "1") } },
	  "", "", NULL, "a user's state \"\" is none that is known" },
	{ "by id, half an answer", { "u7" }, { NULL }, true,
	  { { BY_ID, 0, { .status = 200, .body = "{\"entities\":[{\"id\":\"u7\"" } } },
	  "", "", NULL, "GET /api/v2/users" },
};

static size_t texts_count(const char *const *texts, size_t most)
{
	size_t count = 0;

	while (count < most && texts[count])
		count++;
	return count;
}

static size_t times_in(const char *line, size_t len, const char *what)
{
	size_t count = 0;

	for (size_t i = 0; i + strlen(what) <= len; i++)
		count += !memcmp(line + i, what, strlen(what));
	return count;
}

/* "users", "users+3" (with 3 ids), "search" for each call that is one. */
static void user_calls(const char *log, struct buf *ret)
{
	while (*log) {
		size_t len = strcspn(log, "\n");
		size_t ids = times_in(log, len, "&id=");

		if (times_in(log, len, "/users/search"))
			buf_addf(ret, "%ssearch", ret->len ? " " : "");
		else if (times_in(log, len, "GET " API "/api/v2/users?"))
			buf_addf(ret, "%susers", ret->len ? " " : "");
		if (ids)
			buf_addf(ret, "+%zu", ids);
		log += len + (log[len] == '\n');
	}
}

static const char *text_of(const struct buf *buf)
{
	return buf->len ? buf->data : "";
}

static void check_some(size_t i, const struct stage *stage, const struct present *present)
{
	const struct verdict *verdict = &present->verdict;
	struct buf accounts, calls;

	buf_init(&accounts, 1 << 16);
	buf_init(&calls, 1 << 16);
	for (size_t a = 0; a < present->accounts.count; a++)
		buf_addf(&accounts, "%s%s:%d", a ? " " : "", present->accounts.items[a].id,
			 (int)present->accounts.items[a].state);
	user_calls(stage->wire.log.data, &calls);
	if (strcmp(text_of(&accounts), some[i].accounts) != 0 ||
	    strcmp(text_of(&calls), some[i].calls) != 0)
		fail_msg("%s: \"%s\" by \"%s\"", some[i].name, text_of(&accounts),
			 text_of(&calls));
	if (verdict->complete != !some[i].spoiled ||
	    (some[i].spoiled && !strstr(verdict->reasons[0], some[i].spoiled)))
		fail_msg("%s: verdict: %s", some[i].name, verdict->reasons[0]);
	buf_release(&accounts);
	buf_release(&calls);
}

static void test_some_accounts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++) {
		struct tenant_whom whom = { .user_names = some[i].names, .linked = 50000,
					    .user_name_count = texts_count(some[i].names, 3) };
		struct tenant_need few = { .account_ids = some[i].ids,
					   .account_count = texts_count(some[i].ids, 3),
					   .whom = some[i].whom ? &whom : NULL };
		struct stage stage;
		struct present present;
		struct err err = ERR_INIT;
		int result;

		stage_open(&stage, some[i].replies, 4);
		present_init(&present);
		assert_int_equal(stage.tenant->ops->read_catalogue(stage.tenant, &present, &err),
				 0);
		result = stage.tenant->ops->read_accounts(stage.tenant, &few, &present, &err);
		if ((result != 0) != (some[i].error != NULL) ||
		    (result && !strstr(err.text, some[i].error)))
			fail_msg("%s: %s", some[i].name, result ? err.text : "no error");
		if (!result)
			check_some(i, &stage, &present);
		present_release(&present);
		stage_close(&stage);
	}
}

/* 250 people touched are three calls, and 250 new names three searches. */
static void test_batches(void **state)
{
	const struct reply replies[] = {
		{ "GET /api/v2/users?pageSize=100&", 0, LISTED("", "0") },
		{ SEARCH, 0, FOUND("", "0") },
	};
	char text[250][40];
	const char *ids[250];
	struct tenant_whom whom = { ids, 250, 50000 };
	struct tenant_need few = { .account_ids = ids, .account_count = 250, .whom = &whom };
	struct stage stage;
	struct present present;
	struct err err = ERR_INIT;
	struct buf calls;

	(void)state;
	for (size_t i = 0; i < 250; i++) {
		snprintf(text[i], sizeof(text[i]), "%036zu", i);
		ids[i] = text[i];
	}
	stage_open(&stage, replies, 2);
	present_init(&present);
	assert_int_equal(stage.tenant->ops->read_accounts(stage.tenant, &few, &present, &err), 0);
	buf_init(&calls, 1 << 16);
	user_calls(stage.wire.log.data, &calls);
	assert_string_equal(text_of(&calls),
			    "users+100 users+100 users+50 search search search");
	assert_true(present.deleted_read);
	buf_release(&calls);
	present_release(&present);
	stage_close(&stage);
}

static const struct {
	const char *name;
	size_t names; /* n0@x, n1@x, ... */
	struct reply replies[4];
	const char *calls, *found;
} deleted[] = {
	{ "one name", 1, { { SEARCH, 0, FOUND(SOME("n0", "deleted"), "1") } }, "search", "n0" },
	{ "many names, a short list", 150, { { DELETED, 0, LISTED(SOME("n7", "deleted"), "1") } },
	  "users", "n7" },
	{ "many names, a long list", 150,
	  { { DELETED, 0, LISTED(SOME("n7", "deleted"), "9000") },
	    { SEARCH, 1, FOUND(SOME("n7", "deleted") "," SOME("n8", "deleted"), "2") },
	    { SEARCH, 0, FOUND("", "0") } },
	  "users search search", "n7 n8" },
	{ "a search that is refused", 1,
	  { { SEARCH, 0, { .status = 403, .body = "{}" } },
	    { DELETED, 0, LISTED(SOME("z", "deleted") "," SOME("n0", "deleted"), "2") } },
	  "search users", "z n0" },
	{ "a search that is refused after a page", 150,
	  { { SEARCH, 0, { .status = 403, .body = "{}" } },
	    { DELETED, 1, LISTED(SOME("n7", "deleted"), "1501") },
	    { DELETED, 0, LISTED(SOME("n7", "deleted") "," SOME("n8", "deleted"), "2") } },
	  "users search search users", "n7 n8" },
};

/* Deleted users: searches or pages, whichever is fewer. */
static void test_deleted(void **state)
{
	static char text[150][20];
	const char *names[150];

	(void)state;
	for (size_t i = 0; i < 150; i++) {
		snprintf(text[i], sizeof(text[i]), "n%zu@x", i);
		names[i] = text[i];
	}
	for (size_t i = 0; i < sizeof(deleted) / sizeof(*deleted); i++) {
		struct stage stage;
		struct present present;
		struct err err = ERR_INIT;
		struct buf calls, found;

		buf_init(&calls, 1 << 16);
		buf_init(&found, 1 << 16);
		stage_open(&stage, deleted[i].replies, 4);
		present_init(&present);
		if (stage.tenant->ops->read_deleted(stage.tenant, names, deleted[i].names,
						    &present, &err))
			fail_msg("%s: %s", deleted[i].name, err.text);
		for (size_t a = 0; a < present.accounts.count; a++)
			buf_addf(&found, "%s%s", a ? " " : "", present.accounts.items[a].id);
		user_calls(stage.wire.log.data, &calls);
		if (strcmp(text_of(&calls), deleted[i].calls) != 0 ||
		    strcmp(text_of(&found), deleted[i].found) != 0)
			fail_msg("%s: \"%s\" by \"%s\"", deleted[i].name, text_of(&found),
				 text_of(&calls));
		buf_release(&calls);
		buf_release(&found);
		present_release(&present);
		stage_close(&stage);
	}
}

#define SUBJECT "GET /api/v2/authorization/subjects/u7?includeDuplicates=true"
#define GRANT(subject, role, division) "{\"subjectId\":\"" subject "\",\"role\":{\"id\":\"" role \
	"\"},\"division\":{\"id\":\"" division "\"}}"
#define GRANTED(grants) { .status = 200, .body = "{\"id\":\"u7\",\"grants\":[" grants "]}" }

static const struct {
	const char *name;
	unsigned long linked;
	struct reply reply;
	unsigned held;
	bool unknown;
	const char *spoiled;
	const char *asked; /* a part of the log */
} granted[] = {
	{ "in a division and in all", 50000,
	  { SUBJECT, 0, GRANTED(GRANT("u7", "r1", "d1") "," GRANT("u7", "r2", "*")) }, 2, false,
	  NULL, "/subjects/u7" },
	{ "from a group", 50000,
	  { SUBJECT, 0, GRANTED(GRANT("g1", "r1", "d1") "," GRANT("u7", "r2", "d2")) }, 1, false,
	  NULL, "/subjects/u7" },
	{ "twice", 50000, { SUBJECT, 0, GRANTED(GRANT("u7", "r1", "d1") "," GRANT("u7", "r1", "d1")) },
	  1, false, NULL, "/subjects/u7" },
	{ "few people linked: pages are as few", 0, { SUBJECT, 0, GRANTED("") }, 0, false, NULL,
	  "/subjects/u7" },
	{ "gone since", 50000, { SUBJECT, 0, { .status = 404, .body = "{}" } }, 0, true,
	  "GET /api/v2/authorization/subjects/{subjectId}: 404", "/subjects/u7" },
	{ "no grants told", 50000, { SUBJECT, 0, { .status = 200, .body = "{\"id\":\"u7\"}" } }, 0,
	  true, "has no \"grants\"", "/subjects/u7" },
	{ "grants are null", 50000,
	  { SUBJECT, 0, { .status = 200, .body = "{\"id\":\"u7\",\"grants\":null}" } }, 0, true,
	  "has no \"grants\"", "/subjects/u7" },
	{ "somebody else's", 50000,
	  { SUBJECT, 0, { .status = 200, .body = "{\"id\":\"u8\",\"grants\":[]}" } }, 0, true,
	  "the grants of somebody else", "/subjects/u7" },
	{ "half of it", 50000,
	  { SUBJECT, 0,
	    { .status = 200, .body = "{\"grants\":[" GRANT("u7", "r1", "d1") ",{\"subj" } },
	  0, true, "GET /api/v2/authorization/subjects/{subjectId}", "/subjects/u7" },
	{ "no division", 50000,
	  { SUBJECT, 0, GRANTED("{\"subjectId\":\"u7\",\"role\":{\"id\":\"r1\"}}") }, 0, true,
	  "a grant without division", "/subjects/u7" },
};

/* Of few people the grants are read one by one. */
static void test_subjects(void **state)
{
	static const char *const ids[] = { "u7" };
	static const uint32_t divisions[] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(granted) / sizeof(*granted); i++) {
		const struct reply replies[] = {
			granted[i].reply,
			{ BY_ID, 0, LISTED(SOME("u7", "active"), "1") },
		};
		struct tenant_whom whom = { .linked = granted[i].linked };
		struct tenant_need few = { .account_ids = ids, .account_count = 1,
					   .whom = &whom, .grant_divisions = divisions,
					   .grant_division_count = 1 };
		struct stage stage;
		struct present present;
		struct err err = ERR_INIT;
		const struct account *account;

		stage_open(&stage, replies, 2);
		present_init(&present);
		assert_int_equal(stage.tenant->ops->read_catalogue(stage.tenant, &present, &err),
				 0);
		if (stage.tenant->ops->read_accounts(stage.tenant, &few, &present, &err))
			fail_msg("%s: %s", granted[i].name, err.text);
		assert_int_equal(present.accounts.count, 1);
		account = &present.accounts.items[0];
		if (account->held_count != granted[i].held ||
		    !(account->unknown_kinds & 1u << ASSIGN_ROLE) != !granted[i].unknown)
			fail_msg("%s: %u held, unknown kinds %u", granted[i].name,
				 account->held_count, (unsigned)account->unknown_kinds);
		if (present.verdict.complete != !granted[i].spoiled ||
		    (granted[i].spoiled &&
		     !strstr(present.verdict.reasons[0], granted[i].spoiled)))
			fail_msg("%s: verdict: %s", granted[i].name, present.verdict.reasons[0]);
		if (!strstr(stage.wire.log.data, granted[i].asked))
			fail_msg("%s: calls: %s", granted[i].name, stage.wire.log.data);
		present_release(&present);
		stage_close(&stage);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_some_accounts),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_subjects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
