/*
 * Memberships of services that show them neither with the group nor with the user: one
 * request a user, members.value eq "id", finds the groups.
 */
#include "bridge/tenant/scim.h"

#include "scim/base/json.h"
#include "scim/filter.h"

#include "scim/base/banned.h"

struct look_up {
	struct service *service;
	struct present *present;
	service_member_fn *add;
	void *ctx;
	uint64_t failed;
	struct err err; /* the first one */
};

struct look_up_call {
	struct look_up *look;
	uint32_t account;
	size_t found;
};

static int take_group(void *ctx, struct slice resource, struct err *err)
{
	struct look_up_call *call = ctx;
	const struct catalogue *cat = &call->look->present->catalogue;
	struct arena mem = ARENA_INIT;
	struct slice key, id = { 0 };
	struct json_in in;
	uint64_t group;
	int status;

	json_open(&in, resource.data, resource.len, "", &mem, err);
	while (json_object_next(&in, &key)) {
		if (service_key(key, "id"))
			json_get_text(&in, &id);
		else
			json_skip(&in);
	}
	status = json_close(&in);
	call->found++;
	if (!status && map_get(&cat->kinds[CAT_GROUP].by_id, id, &group))
		call->look->add(call->look->ctx, call->account, (uint32_t)group);
	arena_release(&mem);
	return status;
}

/* What is not known of somebody is not an empty set. */
static void lose(struct look_up_call *call, const struct err *err)
{
	struct look_up *look = call->look;

	look->present->accounts.items[call->account].unknown_kinds |= 1u << ASSIGN_GROUP;
	if (!look->failed++)
		look->err = *err;
}

static void looked_up(void *ctx, const struct service_answer *answer)
{
	struct look_up_call *call = ctx;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct scim_list list;

	if (!service_ok(answer)) {
		lose(call, &answer->err);
	} else if (scim_list_read(answer->body.data, answer->body.len, "groups of a user", &mem,
				  take_group, call, &list, &err)) {
		lose(call, &err);
	} else if (list.total_results > (int64_t)call->found) {
		err_set(&err, ERR_LIMIT, "more groups of one user than a page holds");
		lose(call, &err);
	}
	arena_release(&mem);
	mem_free(call);
}

void service_look_up_members(struct service *s, struct present *present,
			     service_member_fn *add, void *ctx)
{
	struct look_up look = { .service = s, .present = present, .add = add, .ctx = ctx };
	struct service_request request = service_request(API_STD_GROUPS);
	struct buf filter, query;

	buf_init(&filter, 1u << 20);
	buf_init(&query, 4u << 20);
	request.done = looked_up;
	for (size_t i = 0; i < present->accounts.count; i++) {
		struct look_up_call *call = mem_zalloc(sizeof(*call));

		*call = (struct look_up_call){ .look = &look, .account = (uint32_t)i };
		buf_clear(&filter);
		buf_clear(&query);
		scim_filter_quote(&filter, "members.value", "eq",
				  slice_str(present->accounts.items[i].id));
		buf_addf(&query, "?startIndex=1&count=%u&filter=", s->set.page_size);
		buf_addurl(&query, filter.data, filter.len);
		request.query = query.data;
		request.ctx = call;
		service_start(s, &request);
	}
	service_wait(s);
	buf_release(&filter);
	buf_release(&query);
	if (look.failed)
		verdict_spoil(&present->verdict, "the groups of %llu users are not known: %s",
			      (unsigned long long)look.failed, look.err.text);
}
