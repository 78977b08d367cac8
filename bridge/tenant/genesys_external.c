#include "bridge/tenant/genesys_read.h"

#include <stdio.h>
#include <string.h>

#include "scim/message.h"

#include "scim/base/banned.h"

struct external_reader {
	struct genesys *g;
	struct present *present;
	struct err err;
	/* of a list */
	const char *filter, *what;
	uint64_t seen;
	int64_t total;
	unsigned char *met; /* per account */
};

struct external_call {
	struct external_reader *reader;
	uint64_t start; /* of a page */
};

/* Put what a SCIM user says onto its account; the version is SCIM's own. */
static int take_external(struct external_reader *reader, struct slice json, bool *ret_again,
			 struct err *err)
{
	struct arena mem = ARENA_INIT;
	struct scim_resource user;
	const struct scim_field *field;
	struct account *account;
	uint64_t index;
	int result = -1;

	if (scim_resource_parse(json.data, json.len, "", &mem, &user, err))
		goto out;
	if (!user.id) {
		err_set(err, ERR_PROTOCOL, "a SCIM user without id");
		goto out;
	}
	result = 0;
	/* Created since the accounts were read. */
	if (!map_get(&reader->present->by_id, slice_str(user.id), &index))
		goto out;
	*ret_again = reader->met[index];
	reader->met[index] = 1;
	account = &reader->present->accounts.items[index];
	field = scim_fields_find(user.fields, user.count, SCIM_ATTR_EXTERNAL_ID, NULL);
	account->external_id =
		field ? arena_strdup(&reader->present->mem, field->value) : NULL;
	account->external_id_known = true;
	if (user.version)
		account->version =
			genesys_version(&reader->present->mem, slice_str(user.version));
out:
	arena_release(&mem);
	return result;
}

static void external_fail(struct external_reader *reader, enum api_op op,
			  const struct genesys_answer *answer, const struct err *cause)
{
	char text[ERR_FORMAT_MAX];

	if (reader->err.kind)
		return;
	err_format(cause, text, sizeof(text));
	genesys_err(&reader->err, op, answer->correlation_id, ERR_PROTOCOL, text);
}

static void one_done(void *ctx, const struct genesys_answer *answer)
{
	struct external_call *call = ctx;
	struct external_reader *reader = call->reader;
	struct err err = ERR_INIT;
	bool again = false;

	/* Gone since the accounts were read: it stays unknown. */
	if (answer->outcome == HTTP_ANSWERED && answer->status == 404)
		verdict_spoil(&reader->present->verdict, "%s", answer->err.text);
	else if (!genesys_ok(answer) && !reader->err.kind)
		reader->err = answer->err;
	else if (genesys_ok(answer) &&
		 take_external(reader, answer->body, &again, &err))
		external_fail(reader, API_SCIM_USER, answer, &err);
	mem_free(call);
}

static void look_up(struct external_reader *reader, uint32_t account)
{
	struct genesys_request request = genesys_request(API_SCIM_USER);
	struct external_call *call = mem_zalloc(sizeof(*call));

	call->reader = reader;
	request.path_ids[0] = reader->present->accounts.items[account].id;
	request.query = "?attributes=externalId";
	request.done = one_done;
	request.ctx = call;
	genesys_start(reader->g, &request);
}

static int take_listed(void *ctx, struct slice resource, struct err *err)
{
	struct external_reader *reader = ctx;
	bool again = false;

	if (take_external(reader, resource, &again, err))
		return -1;
	if (again)
		verdict_spoil(&reader->present->verdict, "%s: an id came twice", reader->what);
	reader->seen++;
	return 0;
}

static void page_at(struct external_reader *reader, uint64_t start);

static void list_done(void *ctx, const struct genesys_answer *answer)
{
	struct external_call *call = ctx;
	struct external_reader *reader = call->reader;
	struct scim_list list;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;

	if (!genesys_ok(answer)) {
		if (!reader->err.kind)
			reader->err = answer->err;
	} else if (scim_list_read(answer->body.data ? answer->body.data : "", answer->body.len,
				  "", &mem, take_listed, reader, &list, &err)) {
		external_fail(reader, API_SCIM_USERS, answer, &err);
	} else if (list.total_results < 0) {
		err_set(&err, ERR_PROTOCOL, "the list has no totalResults");
		external_fail(reader, API_SCIM_USERS, answer, &err);
	} else if (call->start == 1) {
		unsigned size = api_op(API_SCIM_USERS)->page_max;

		reader->total = list.total_results;
		for (uint64_t at = 1 + size; at <= (uint64_t)reader->total; at += size)
			page_at(reader, at);
	} else if (list.total_results != reader->total) {
		verdict_spoil(&reader->present->verdict,
			      "%s: the total changed while it was read", reader->what);
	}
	arena_release(&mem);
	mem_free(call);
}

static void page_at(struct external_reader *reader, uint64_t start)
{
	struct genesys_request request = genesys_request(API_SCIM_USERS);
	struct external_call *call = mem_zalloc(sizeof(*call));
	char query[200];

	call->reader = reader;
	call->start = start;
	snprintf(query, sizeof(query), "?startIndex=%llu&count=%u%s&attributes=externalId",
		 (unsigned long long)start, api_op(API_SCIM_USERS)->page_max, reader->filter);
	request.query = query;
	request.done = list_done;
	request.ctx = call;
	genesys_start(reader->g, &request);
}

static void read_list_of(struct external_reader *reader, const char *filter, const char *what)
{
	reader->filter = filter;
	reader->what = what;
	reader->seen = 0;
	reader->total = 0;
	page_at(reader, 1);
	genesys_wait(reader->g);
	if (!reader->err.kind && reader->seen != (uint64_t)reader->total)
		verdict_spoil(&reader->present->verdict, "%s: %llu came of %lld", what,
			      (unsigned long long)reader->seen, (long long)reader->total);
}

static uint64_t pages_of(const struct present *present, enum account_state state)
{
	uint64_t count = 0, size = api_op(API_SCIM_USERS)->page_max;

	for (size_t i = 0; i < present->accounts.count; i++)
		count += present->accounts.items[i].state == state;
	return count ? (count + size - 1) / size : 1;
}

int genesys_read_external_ids(struct tenant *tenant, struct present *present,
			      const uint32_t *accounts, unsigned count, struct err *err)
{
	struct external_reader reader = { .g = (struct genesys *)tenant, .present = present };
	uint64_t pages = pages_of(present, ACCOUNT_ACTIVE) +
			 pages_of(present, ACCOUNT_INACTIVE);
	uint64_t singles = 0;

	for (size_t i = 0; i < present->accounts.count; i++)
		singles += present->accounts.items[i].state != ACCOUNT_DELETED;
	if (count)
		singles = count;
	reader.met = mem_array(present->accounts.count, 1);
	if (singles <= pages) {
		for (size_t i = 0; i < (count ? count : present->accounts.count); i++) {
			uint32_t at = count ? accounts[i] : (uint32_t)i;

			/* SCIM does not show deleted users. */
			if (present->accounts.items[at].state != ACCOUNT_DELETED)
				look_up(&reader, at);
		}
		genesys_wait(reader.g);
	} else {
		read_list_of(&reader, "", "active SCIM users");
		if (!reader.err.kind)
			read_list_of(&reader, "&filter=active%20eq%20false",
				     "inactive SCIM users");
	}
	mem_free(reader.met);
	if (reader.err.kind) {
		*err = reader.err;
		return -1;
	}
	return 0;
}
