/*
 * Several requests as one (RFC 7644 section 3.7). Each operation's answer goes to its flight
 * as if it had come by itself; a service that has no Bulk after all gets them one by one.
 */
#include "bridge/tenant/scim_send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/json.h"

#include "scim/base/banned.h"

#define URN_BULK "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
#define BULK_BYTES_MAX (64u << 20)

struct bulk {
	struct service *service;
	struct flight **flights; /* NULL where the answer has come */
	size_t count;
	void (*ended)(void *ctx);
	void *ctx;
};

bool service_bulk_takes(const struct service *s, const struct call *call)
{
	return s->set.bulk && s->profile.bulk && s->profile.bulk_max > 1 && call->body.len &&
	       (call->op == API_STD_USER_CREATE || call->op == API_STD_USER_PATCH);
}

/* ---- the request ---- */

static void write_operation(const struct flight *flight, size_t number, struct json_out *out)
{
	const struct call *call = flight->call;
	const char *users = flight->service->profile.lower_paths ? "/users" : "/Users";
	char id[32];
	struct buf path;

	buf_init(&path, 8192);
	buf_addstr(&path, users);
	if (call->path_ids[0]) {
		buf_addch(&path, '/');
		buf_addurl(&path, call->path_ids[0], strlen(call->path_ids[0]));
	}
	snprintf(id, sizeof(id), "c%zu", number);
	json_out_object(out);
	json_out_member(out, "method", api_op((enum api_op)call->op)->method);
	json_out_member(out, "path", path.data);
	json_out_member(out, "bulkId", id);
	if (flight->if_match)
		json_out_member(out, "version", flight->if_match);
	json_out_key(out, "data");
	json_out_raw(out, call->body);
	json_out_object_end(out);
	buf_release(&path);
}

static void write_bulk(const struct bulk *bulk, struct json_out *out)
{
	json_out_object(out);
	json_out_key(out, "schemas");
	json_out_array(out);
	json_out_text(out, URN_BULK);
	json_out_array_end(out);
	json_out_key(out, "Operations");
	json_out_array(out);
	for (size_t i = 0; i < bulk->count; i++)
		write_operation(bulk->flights[i], i, out);
	json_out_array_end(out);
	json_out_object_end(out);
}

/* ---- the answer ---- */

struct operation {
	struct slice bulk_id, location, version, response;
	int status;
};

/* "201", 201, or {"code": "201"} as drafts of the RFC had it. */
static int read_status(struct json_in *in)
{
	struct slice text = { 0 }, key;
	int64_t number = 0;

	switch (json_peek(in)) {
	case JSON_IN_NUMBER:
		json_get_int(in, &number);
		return number >= 100 && number <= 599 ? (int)number : 0;
	case JSON_IN_TEXT:
		json_get_text(in, &text);
		if (text.len != 3)
			return 0;
		for (size_t i = 0; i < 3; i++) {
			if (text.data[i] < '0' || text.data[i] > '9')
				return 0;
			number = number * 10 + (text.data[i] - '0');
		}
		return (int)number;
	case JSON_IN_OBJECT:
		while (json_object_next(in, &key)) {
			if (service_key(key, "code") && json_peek(in) != JSON_IN_OBJECT)
				number = read_status(in);
			else
				json_skip(in);
		}
		return (int)number;
	default:
		json_skip(in);
		return 0;
	}
}

static void read_operation(struct json_in *in, struct operation *ret)
{
	struct slice key;

	*ret = (struct operation){ 0 };
	while (json_object_next(in, &key)) {
		if (service_key(key, "bulkId"))
			json_opt_text(in, &ret->bulk_id);
		else if (service_key(key, "location"))
			json_opt_text(in, &ret->location);
		else if (service_key(key, "version"))
			json_opt_text(in, &ret->version);
		else if (service_key(key, "status"))
			ret->status = read_status(in);
		else if (service_key(key, "response") && json_peek(in) == JSON_IN_OBJECT)
			json_get_raw(in, &ret->response);
		else
			json_skip(in);
	}
}

/* By its bulkId; one without is that of its place. */
static struct flight *find_flight(struct bulk *bulk, const struct operation *op, size_t place)
{
	struct flight *flight;

	if (op->bulk_id.len) {
		place = 0;
		if (op->bulk_id.data[0] != 'c' || op->bulk_id.len > 10)
			return NULL;
		for (size_t i = 1; i < op->bulk_id.len; i++) {
			if (op->bulk_id.data[i] < '0' || op->bulk_id.data[i] > '9')
				return NULL;
			place = place * 10 + (size_t)(op->bulk_id.data[i] - '0');
		}
	}
	if (place >= bulk->count)
		return NULL;
	flight = bulk->flights[place];
	bulk->flights[place] = NULL;
	return flight;
}

/* Throttled, or not tried: it goes by itself, with the retries of a single request. */
static bool again(const struct operation *op)
{
	return op->status == 429 || op->status == 502 || op->status == 503 || op->status == 504;
}

/*
 * A header block of one's own: what the operation tells beside its response is what a single
 * answer has in its header.
 */
static void hand_over(struct flight *flight, const struct operation *op,
		      const struct service_answer *whole)
{
	struct service_answer answer = { .outcome = HTTP_ANSWERED, .status = op->status,
					 .body = op->response.len ? op->response : SLICE("") };
	struct wire_answer wire = { .result = WIRE_ANSWERED, .status = op->status };
	struct buf headers;
	char text[ERR_FORMAT_MAX];

	buf_init(&headers, 16384);
	if (op->version.len && !memchr(op->version.data, '\n', op->version.len))
		buf_addf(&headers, "ETag: %.*s\r\n", SLICE_FMT(op->version));
	if (op->location.len && !memchr(op->location.data, '\n', op->location.len))
		buf_addf(&headers, "Location: %.*s\r\n", SLICE_FMT(op->location));
	wire.headers = slice_of(headers.data, headers.len);
	answer.wire = &wire;
	memcpy(answer.correlation_id, whole->correlation_id, sizeof(answer.correlation_id));
	if (op->status < 200 || op->status > 299) {
		struct arena mem = ARENA_INIT;
		struct scim_error error = { .detail = "" };
		struct err ignored = ERR_INIT;

		if (op->response.len)
			scim_error_read(op->response.data, op->response.len, "", &mem, &error,
					&ignored);
		answer.type = error.type;
		snprintf(text, sizeof(text), "%d%s%s%s%.200s", op->status,
			 error.type ? " " : "",
			 error.type ? scim_error_name(error.type) : "",
			 error.detail[0] ? ": " : "", error.detail);
		service_err(&answer.err, (enum api_op)flight->call->op, whole->correlation_id,
			    error.type == SCIM_ERROR_UNIQUENESS ? ERR_CONFLICT : ERR_REFUSED,
			    text);
		arena_release(&mem);
	}
	service_user_answered(flight, &answer);
	buf_release(&headers);
}

static void take_operation(struct bulk *bulk, const struct operation *op, size_t place,
			   const struct service_answer *whole)
{
	struct flight *flight = find_flight(bulk, op, place);

	if (!flight)
		return; /* nobody asked for it; those without an answer are unknown */
	if (again(op))
		service_user_send(flight);
	else
		hand_over(flight, op, whole);
}

static int read_answer(struct bulk *bulk, const struct service_answer *answer, struct err *err)
{
	struct arena mem = ARENA_INIT;
	struct operation op;
	struct slice key;
	struct json_in in;
	size_t place = 0;
	int status;

	json_open(&in, answer->body.data, answer->body.len, "", &mem, err);
	while (json_object_next(&in, &key)) {
		if (!service_key(key, "Operations")) {
			json_skip(&in);
			continue;
		}
		while (json_array_next(&in)) {
			read_operation(&in, &op);
			if (json_failed(&in) || !op.status)
				break;
			take_operation(bulk, &op, place++, answer);
		}
	}
	status = json_close(&in);
	arena_release(&mem);
	return status;
}

/* One by one, and no more Bulk in this run. */
static void send_singly(struct bulk *bulk)
{
	bulk->service->profile.bulk = false;
	for (size_t i = 0; i < bulk->count; i++)
		service_user_send(bulk->flights[i]);
}

static void lose_rest(struct bulk *bulk, const struct service_answer *answer,
		      const struct err *err)
{
	struct service_answer lost = { .outcome = HTTP_UNKNOWN, .body = SLICE("") };

	memcpy(lost.correlation_id, answer->correlation_id, sizeof(lost.correlation_id));
	for (size_t i = 0; i < bulk->count; i++) {
		if (!bulk->flights[i])
			continue;
		lost.err = (struct err)ERR_INIT;
		service_err(&lost.err, API_STD_BULK, answer->correlation_id, ERR_PROTOCOL,
			    err->kind ? err->text : "the answer does not tell of each operation");
		service_user_answered(bulk->flights[i], &lost);
	}
}

static void bulk_done(void *ctx, const struct service_answer *answer)
{
	struct bulk *bulk = ctx;
	struct err err = ERR_INIT;

	/* It counts for one request until here; a flight that goes on counts itself. */
	bulk->ended(bulk->ctx);
	if (service_ok(answer)) {
		read_answer(bulk, answer, &err);
		lose_rest(bulk, answer, &err);
	} else if (answer->outcome == HTTP_ANSWERED && answer->status < 500) {
		send_singly(bulk); /* 404, 413, 400: it was not carried out */
	} else if (answer->outcome == HTTP_ANSWERED && answer->status == 501) {
		send_singly(bulk);
	} else {
		for (size_t i = 0; i < bulk->count; i++)
			service_user_answered(bulk->flights[i], answer);
	}
	mem_free(bulk->flights);
	mem_free(bulk);
}

void service_bulk_send(struct service *s, struct flight **flights, size_t count,
		       void (*ended)(void *ctx), void *ctx)
{
	struct service_request request = service_request(API_STD_BULK);
	struct bulk *bulk = mem_zalloc(sizeof(*bulk));
	struct json_out out;
	struct buf body;

	bulk->service = s;
	bulk->flights = mem_array(count, sizeof(struct flight *));
	memcpy(bulk->flights, flights, count * sizeof(struct flight *));
	bulk->count = count;
	bulk->ended = ended;
	bulk->ctx = ctx;
	buf_init(&body, BULK_BYTES_MAX);
	json_out_init(&out, &body);
	write_bulk(bulk, &out);
	request.body = slice_of(body.data, body.len);
	request.done = bulk_done;
	request.ctx = bulk;
	service_start(s, &request);
	buf_release(&body);
}
