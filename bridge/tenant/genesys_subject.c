/* Grants of single accounts: a call for each, for a run that looks at few of them. */
#include "bridge/tenant/genesys_read.h"

#include <string.h>

#include "scim/base/banned.h"

struct subject_call {
	struct account_reader *reader;
	uint32_t account;
	struct err err;
};

/* Grants that the user has through groups stand under the groups' ids. */
static int take_grants(struct subject_call *call, struct json_in *in, struct err *err)
{
	struct present *present = call->reader->present;
	const char *id = present->accounts.items[call->account].id;
	struct grant_words words;

	while (json_array_next(in)) {
		struct held held = { .kind = ASSIGN_ROLE, .division = ITEM_NONE };

		if (json_peek(in) != JSON_IN_OBJECT)
			return err_set(err, ERR_PROTOCOL, "a grant is no object");
		if (genesys_read_grant(in, &words, err))
			return -1;
		if (!words.division.len)
			return err_set(err, ERR_PROTOCOL, "a grant without division");
		if (slice_eq_str(words.subject, id) &&
		    genesys_resolve_grant(&present->catalogue, &words, &held))
			vec_push(&call->reader->more,
				 ((struct held_of){ call->account, held }));
	}
	return 0;
}

static int take_subject(struct subject_call *call, struct slice body, struct arena *mem,
			struct err *err)
{
	struct json_in in;
	struct slice key, id = { 0 };
	bool grants = false;

	json_open(&in, body.data ? body.data : "", body.len, "", mem, err);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, "grants") && json_peek(&in) == JSON_IN_ARRAY) {
			grants = true;
			if (take_grants(call, &in, err))
				return -1;
		} else if (slice_eq_str(key, "id")) {
			json_get_text(&in, &id);
		} else {
			json_skip(&in);
		}
	}
	if (json_close(&in))
		return -1;
	if (!grants)
		return err_set(err, ERR_PROTOCOL, "the answer has no \"grants\"");
	if (id.len && !slice_eq_str(id, call->reader->present->accounts.items[call->account].id))
		return err_set(err, ERR_PROTOCOL, "the grants of somebody else");
	return 0;
}

static void subject_done(void *ctx, const struct genesys_answer *answer)
{
	struct subject_call *call = ctx;
	struct present *present = call->reader->present;
	size_t before = call->reader->more.count;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];

	if (!genesys_ok(answer)) {
		call->err = answer->err;
	} else if (take_subject(call, answer->body, &mem, &err)) {
		err_format(&err, text, sizeof(text));
		genesys_err(&call->err, API_SUBJECT, answer->correlation_id, ERR_PROTOCOL, text);
	}
	arena_release(&mem);
	if (!call->err.kind)
		return;
	call->reader->more.count = before;
	present->accounts.items[call->account].unknown_kinds |= 1u << ASSIGN_ROLE;
	verdict_spoil(&present->verdict, "%s", call->err.text);
}

void genesys_read_subjects(struct account_reader *reader)
{
	struct present *present = reader->present;
	struct subject_call *calls = mem_array(present->accounts.count + 1, sizeof(*calls));

	for (size_t i = 0; i < present->accounts.count; i++) {
		struct genesys_request request = genesys_request(API_SUBJECT);

		if (present->accounts.items[i].state == ACCOUNT_DELETED)
			continue;
		calls[i].reader = reader;
		calls[i].account = (uint32_t)i;
		request.path_ids[0] = present->accounts.items[i].id;
		request.query = "?includeDuplicates=true";
		request.done = subject_done;
		request.ctx = &calls[i];
		genesys_start(reader->g, &request);
	}
	genesys_wait(reader->g);
	mem_free(calls);
}
