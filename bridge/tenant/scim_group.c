/*
 * One group: its members in batches, one after another; a group that is not there is made
 * with the first batch. A refused batch is halved until the culprit is alone.
 */
#include "bridge/tenant/scim_send.h"

#include <string.h>

#include "scim/base/banned.h"

#define BODY_BYTES_MAX (16u << 20)

/* When so many single people failed and nobody passed, the group itself is at fault. */
#define SINGLES_MAX 4

/* A group that others change at the same time is read again so often. */
#define CONFLICTS_MAX 5

static void next_part(struct flight *flight);
static void answered(void *ctx, const struct service_answer *answer);
static void group_read(void *ctx, const struct service_answer *answer);

static enum step_kind kind_of(const struct flight *flight)
{
	return service_flight_step(flight, flight->call->step_count - 1)->kind;
}

/* ---- marks ---- */

static void mark_part(struct flight *flight, struct part part)
{
	if (!flight->failed)
		flight->failed = arena_alloc(&flight->mem, flight->call->step_count / 8 + 1);
	for (unsigned i = part.at; i < part.at + part.count; i++) {
		unsigned char bit = (unsigned char)(1u << i % 8);

		flight->failed_count += !(flight->failed[i / 8] & bit);
		flight->failed[i / 8] |= bit;
	}
}

static void finish(struct flight *flight)
{
	if (flight->failed_count == flight->call->step_count) {
		service_flight_done(flight, OUTCOME_FAILED);
		return;
	}
	flight->result.item_id = service_is_new(service_flight_step(flight, 0)->item_id) ?
					 flight->group_id : NULL;
	if (flight->failed_count)
		flight->result.step_failed = flight->failed;
	service_flight_done(flight, OUTCOME_DONE);
}

/* ---- sending ---- */

static void send_patch(struct flight *flight, const uint32_t *steps, unsigned count)
{
	struct service_request request = service_request(API_STD_GROUP_PATCH);
	struct json_out out;
	struct buf body;

	buf_init(&body, BODY_BYTES_MAX);
	json_out_init(&out, &body);
	service_group_patch(&flight->service->profile, flight->plan, steps, count, &out);
	request.id = flight->group_id;
	/* What is gone can go again; who is added twice may be in it twice. */
	request.repeat_safe = kind_of(flight) == STEP_GROUP_REMOVE;
	service_flight_request(flight, &request, &body, answered);
	buf_release(&body);
}

static void send_create(struct flight *flight, const uint32_t *steps, unsigned count)
{
	struct service_request request = service_request(API_STD_GROUP_CREATE);
	struct json_out out;
	struct buf body;

	buf_init(&body, BODY_BYTES_MAX);
	json_out_init(&out, &body);
	service_group_create(flight->plan, steps, count, &out);
	service_flight_request(flight, &request, &body, answered);
	buf_release(&body);
}

static void read_first(struct flight *flight)
{
	struct service_request request = service_request(API_STD_GROUP);

	request.id = flight->group_id;
	service_flight_request(flight, &request, NULL, group_read);
}

static void send_part(struct flight *flight)
{
	const uint32_t *steps = flight->call->steps + flight->part.at;

	if (!flight->group_id)
		send_create(flight, steps, flight->part.count);
	else if (flight->put)
		read_first(flight);
	else
		send_patch(flight, steps, flight->part.count);
}

static void next_part(struct flight *flight)
{
	if (!flight->any_done && flight->singles_failed >= SINGLES_MAX)
		while (flight->todo.count)
			mark_part(flight, flight->todo.items[--flight->todo.count]);
	if (!flight->todo.count) {
		finish(flight);
		return;
	}
	flight->part = flight->todo.items[--flight->todo.count];
	send_part(flight);
}

void service_group_send(struct flight *flight)
{
	unsigned count = flight->call->step_count;
	unsigned most = service_group_batch(&flight->service->profile, kind_of(flight));

	/* A group that is put is put once. */
	if (flight->put)
		most = count;
	/* Last ones first; the step that creates it rides with the first members. */
	for (unsigned at = (count - 1) / most * most;; at -= most) {
		vec_push(&flight->todo,
			 ((struct part){ at, count - at < most ? count - at : most }));
		if (!at)
			break;
	}
	next_part(flight);
}

/* ---- the whole group, where there is no PATCH ---- */

/* Members that are not shown would be gone after a PUT. */
static bool members_are_shown(const struct flight *flight, const struct service_answer *answer)
{
	const struct service *s = flight->service;

	if (s->profile.probed)
		return s->profile.members == MEMBERS_IN_GROUP;
	return s->members.count || memmem(answer->body.data, answer->body.len,
					  "\"members\"", sizeof("\"members\"") - 1);
}

static void group_read(void *ctx, const struct service_answer *answer)
{
	struct flight *flight = ctx;
	struct service_request request = service_request(API_STD_GROUP_PUT);
	struct service_profile standard;
	struct err err = ERR_INIT;
	struct buf patch, body;
	struct json_out out;
	struct slice tag;

	if (!service_ok(answer)) {
		service_flight_failed(flight, answer);
		return;
	}
	if (!members_are_shown(flight, answer)) {
		err_set(&flight->result.err, ERR_REFUSED, "the service does not take the change "
			"as PATCH and does not show who is in the group: a PUT would empty it");
		service_flight_done(flight, OUTCOME_REFUSED);
		return;
	}
	service_profile_init(&standard);
	buf_init(&patch, BODY_BYTES_MAX);
	buf_init(&body, SERVICE_ANSWER_BYTES_MAX);
	json_out_init(&out, &patch);
	service_group_patch(&standard, flight->plan, flight->call->steps + flight->part.at,
			    flight->part.count, &out);
	if (service_make_put(&flight->mem, answer, &patch, &body, &err)) {
		service_err(&flight->result.err, API_STD_GROUP_PUT, "", err.kind, err.text);
		service_flight_done(flight, OUTCOME_FAILED);
	} else {
		tag = answer->wire ? wire_header(answer->wire, "ETag") : slice_of(NULL, 0);
		request.id = flight->group_id;
		if (flight->service->profile.etag && tag.len)
			request.if_match = service_version(&flight->mem, tag);
		service_flight_request(flight, &request, &body, answered);
	}
	buf_release(&patch);
	buf_release(&body);
}

/* ---- the answer ---- */

static int take_created(struct flight *flight, const struct service_answer *answer,
			struct err *err)
{
	struct scim_resource group = { 0 };

	if (scim_resource_parse(answer->body.data, answer->body.len, "", &flight->mem, &group,
				err))
		return -1;
	if (!group.id)
		return err_set(err, ERR_PROTOCOL, "the answer tells no id");
	flight->group_id = group.id;
	return 0;
}

static void succeeded(struct flight *flight, const struct service_answer *answer)
{
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];

	if (!flight->group_id && take_created(flight, answer, &err)) {
		service_err(&flight->result.err, API_STD_GROUP_CREATE, answer->correlation_id,
			    ERR_PROTOCOL, err_format(&err, text, sizeof(text)));
		service_flight_done(flight, OUTCOME_UNKNOWN);
		return;
	}
	flight->any_done = true;
	next_part(flight);
}

static void push_halves(struct flight *flight)
{
	struct part part = flight->part;
	unsigned half = part.count / 2;

	vec_push(&flight->todo, ((struct part){ part.at + half, part.count - half }));
	vec_push(&flight->todo, ((struct part){ part.at, half }));
}

static bool may_be_one_member(const struct service_answer *answer)
{
	int status = answer->status;

	return answer->outcome == HTTP_ANSWERED &&
	       (status == 400 || status == 404 || status == 409 || status == 413 ||
		status == 422);
}

static void part_failed(struct flight *flight, const struct service_answer *answer)
{
	/* A group that can't be made: nobody of it is at fault. */
	if (flight->group_id && flight->part.count > 1 && may_be_one_member(answer)) {
		push_halves(flight);
	} else if (flight->group_id && may_be_one_member(answer)) {
		if (!flight->singles_failed++)
			flight->result.err = answer->err;
		mark_part(flight, flight->part);
	} else if (flight->any_done && answer->outcome == HTTP_ANSWERED) {
		flight->result.err = answer->err;
		mark_part(flight, flight->part);
	} else {
		service_flight_failed(flight, answer);
		return;
	}
	next_part(flight);
}

static bool try_put(struct flight *flight, const struct service_answer *answer)
{
	if (flight->put || !flight->group_id || !service_not_understood(answer))
		return false;
	if (answer->status == 501 || answer->status == 405)
		flight->service->profile.patch = false;
	flight->put = true;
	send_part(flight);
	return true;
}

static void answered(void *ctx, const struct service_answer *answer)
{
	struct flight *flight = ctx;
	bool conflict = answer->status == 412 ||
			(answer->status == 409 && answer->type != SCIM_ERROR_UNIQUENESS);

	flight->result.http_status = answer->status;
	memcpy(flight->result.correlation_id, answer->correlation_id,
	       sizeof(flight->result.correlation_id));
	if (service_ok(answer))
		succeeded(flight, answer);
	else if (conflict && flight->group_id && flight->conflicts++ < CONFLICTS_MAX)
		send_part(flight);
	else if (!try_put(flight, answer))
		part_failed(flight, answer);
}
