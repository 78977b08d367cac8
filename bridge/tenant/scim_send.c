#include "bridge/tenant/scim_send.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "scim/patch.h"

#include "scim/base/banned.h"

/* Calls whose intent is made durable at once, as a multiple of those in flight. */
#define BATCH_FACTOR 4

/* How long a wait lasts before a stop is seen. */
#define STOP_LOOK_US 200000

struct sender {
	struct service *service;
	const struct plan *plan;
	struct call *calls;
	size_t count, next;    /* next whose intent is to be made durable */
	size_t ready;          /* next to send; ready <= next */
	unsigned in_flight;    /* requests: a Bulk is one */
	size_t open;           /* calls not done */
	int (*before)(void *ctx, struct call **batch, size_t count, struct err *err);
	tenant_call_fn *done;
	void *ctx;
	bool draining;
	struct err err;
};

/* ---- a flight ---- */

const struct step *service_flight_step(const struct flight *flight, unsigned i)
{
	return &flight->plan->steps.items[flight->call->steps[i]];
}

void service_flight_done(struct flight *flight, enum step_outcome outcome)
{
	struct sender *sender = flight->sender;

	flight->result.outcome = outcome;
	if (outcome == OUTCOME_DONE && !flight->result.step_failed)
		flight->result.err = (struct err)ERR_INIT;
	sender->open--;
	if (flight->alone)
		sender->in_flight--;
	sender->done(sender->ctx, flight->call, &flight->result);
	vec_release(&flight->todo);
	arena_release(&flight->mem);
	mem_free(flight);
}

void service_flight_failed(struct flight *flight, const struct service_answer *answer)
{
	flight->result.err = flight->refusal.kind ? flight->refusal : answer->err;
	if (answer->outcome == HTTP_UNKNOWN)
		service_flight_done(flight, OUTCOME_UNKNOWN);
	else if (answer->outcome == HTTP_NOT_SENT && flight->sender->draining)
		service_flight_done(flight, OUTCOME_NONE);
	else
		service_flight_done(flight, OUTCOME_FAILED);
}

void service_flight_request(struct flight *flight, struct service_request *request,
			    struct buf *body, service_done_fn *done)
{
	if (!flight->alone) {
		/* It was part of a Bulk, and goes on by itself. */
		flight->alone = true;
		flight->sender->in_flight++;
	}
	if (body)
		request->body = slice_of(body->data, body->len);
	request->done = done;
	request->ctx = flight;
	service_start(flight->service, request);
}

int service_read_resource(struct arena *mem, const struct service_answer *answer,
			  struct scim_resource *ret, struct err *err)
{
	struct slice tag;

	if (scim_resource_parse(answer->body.data, answer->body.len, "", mem, ret, err))
		return -1;
	tag = answer->wire ? wire_header(answer->wire, "ETag") : slice_of(NULL, 0);
	/* RFC 7644 section 3.14: both are the same; the header is what If-Match is held to. */
	if (tag.len)
		ret->version = service_version(mem, tag);
	else if (ret->version)
		ret->version = service_version(mem, slice_str(ret->version));
	return 0;
}

bool service_not_understood(const struct service_answer *answer)
{
	if (answer->outcome != HTTP_ANSWERED)
		return false;
	if (answer->status == 405 || answer->status == 501 || answer->status == 415)
		return true;
	return answer->status == 400 &&
	       (answer->type == SCIM_ERROR_NONE || answer->type == SCIM_ERROR_INVALID_SYNTAX ||
		answer->type == SCIM_ERROR_INVALID_PATH ||
		answer->type == SCIM_ERROR_INVALID_FILTER ||
		answer->type == SCIM_ERROR_TOO_MANY || answer->type == SCIM_ERROR_NO_TARGET);
}

/* An extension that came with a value must be among the schemas (RFC 7643 section 3). */
static void name_extension(json_t *resource)
{
	json_t *schemas = json_object_get(resource, "schemas"), *item;
	size_t i;

	if (!json_object_get(resource, SCIM_URN_ENTERPRISE) || !json_is_array(schemas))
		return;
	json_array_foreach(schemas, i, item)
		if (json_is_string(item) &&
		    text_eq_nocase(json_string_value(item), SCIM_URN_ENTERPRISE))
			return;
	json_array_append_new(schemas, json_string(SCIM_URN_ENTERPRISE));
}

int service_make_put(struct arena *mem, const struct service_answer *answer,
		     const struct buf *patch, struct buf *out, struct err *err)
{
	json_t *resource = json_loadb(answer->body.data, answer->body.len, 0, NULL);
	json_t *request = json_loadb(patch->data, patch->len, 0, NULL);
	json_t *changed = NULL;
	enum scim_error_type type = SCIM_ERROR_NONE;
	char *text;
	int status = -1;

	if (!json_is_object(resource)) {
		err_set(err, ERR_PROTOCOL, "the answer is no object of JSON");
	} else if (!scim_patch_apply(resource, request, NULL, mem, &changed, &type, err)) {
		/* Read-only everywhere (RFC 7643 sections 3.1 and 4.1.2). */
		json_object_del(changed, "meta");
		json_object_del(changed, "groups");
		name_extension(changed);
		text = json_dumps(changed, JSON_COMPACT);
		if (text)
			buf_addstr(out, text);
		mem_free(text);
		status = text && !buf_failed(out) ? 0 : err_set(err, ERR_LIMIT, "too large");
	}
	json_decref(resource);
	json_decref(request);
	json_decref(changed);
	return status;
}

/* ---- many ---- */

static bool is_user(enum api_op op)
{
	return op == API_STD_USER_CREATE || op == API_STD_USER_PATCH || op == API_STD_USER_PUT;
}

static struct flight *make_flight(struct sender *sender, struct call *call)
{
	struct flight *flight = mem_zalloc(sizeof(*flight));

	flight->sender = sender;
	flight->service = sender->service;
	flight->plan = sender->plan;
	flight->call = call;
	flight->steps = call->steps;
	flight->step_count = call->step_count;
	flight->if_match = sender->service->profile.etag ? call->if_match : NULL;
	flight->put = call->op == API_STD_USER_PUT || call->op == API_STD_GROUP_PUT;
	flight->group_id = call->path_ids[0];
	arena_init(&flight->mem);
	/* From a plan file it may be anything. */
	if (flight->if_match)
		flight->if_match = service_version(&flight->mem, slice_str(flight->if_match));
	sender->open++;
	return flight;
}

static void launch(struct sender *sender, struct call *call)
{
	struct flight *flight = make_flight(sender, call);

	if (is_user((enum api_op)call->op))
		service_user_send(flight);
	else
		service_group_send(flight);
}

static void bulk_ended(void *ctx)
{
	((struct sender *)ctx)->in_flight--;
}

static void launch_bulk(struct sender *sender)
{
	const struct service_profile *profile = &sender->service->profile;
	size_t most = sender->next - sender->ready, count = 0;
	struct flight **flights;

	if (most > profile->bulk_max)
		most = profile->bulk_max;
	flights = mem_array(most, sizeof(struct flight *));
	for (size_t bytes = 0; count < most; count++) {
		struct call *call = &sender->calls[sender->ready];

		/* What stands around the data of an operation is well below 1 KB. */
		bytes += call->body.len + 1024;
		if (!service_bulk_takes(sender->service, call) ||
		    (count && bytes > profile->bulk_bytes_max))
			break;
		flights[count] = make_flight(sender, call);
		sender->ready++;
	}
	sender->in_flight++;
	service_bulk_send(sender->service, flights, count, bulk_ended, sender);
	mem_free(flights);
}

static bool in_bulk(const struct sender *sender)
{
	return sender->next - sender->ready > 1 &&
	       service_bulk_takes(sender->service, &sender->calls[sender->ready]) &&
	       service_bulk_takes(sender->service, &sender->calls[sender->ready + 1]);
}

static void make_durable(struct sender *sender)
{
	const struct service *s = sender->service;
	size_t most = (size_t)s->set.in_flight * BATCH_FACTOR;
	size_t count = sender->count - sender->next;
	struct call **batch;

	if (service_bulk_takes(s, &sender->calls[sender->next]) && s->profile.bulk_max > most)
		most = s->profile.bulk_max;
	if (count > most)
		count = most;
	batch = mem_array(count, sizeof(struct call *));
	for (size_t i = 0; i < count; i++)
		batch[i] = &sender->calls[sender->next + i];
	if (sender->before && sender->before(sender->ctx, batch, count, &sender->err))
		sender->count = sender->next; /* nothing more */
	else
		sender->next += count;
	mem_free(batch);
}

static void feed(struct sender *sender)
{
	while (sender->in_flight < sender->service->set.in_flight) {
		if (sender->ready == sender->next) {
			if (sender->next == sender->count)
				return;
			make_durable(sender);
			continue;
		}
		if (in_bulk(sender))
			launch_bulk(sender);
		else
			launch(sender, &sender->calls[sender->ready++]);
	}
}

/* What was journaled and not sent is told as not tried; the rest was never announced. */
static void stop_all(struct sender *sender)
{
	sender->draining = true;
	sender->count = sender->next;
	http_drain(sender->service->http, true);
	while (sender->ready < sender->next) {
		struct call_result result = { .outcome = OUTCOME_NONE };

		err_set(&result.err, ERR_REFUSED, "stopped before it was sent");
		sender->done(sender->ctx, &sender->calls[sender->ready++], &result);
	}
}

int service_send(struct tenant *tenant, const struct plan *plan, struct call *calls,
		 size_t count,
		 int (*before)(void *ctx, struct call **batch, size_t count, struct err *err),
		 tenant_call_fn *done, void *ctx, volatile bool *stop, struct err *err)
{
	struct sender sender = { .service = (struct service *)tenant, .plan = plan,
				 .calls = calls, .count = count, .before = before,
				 .done = done, .ctx = ctx };
	struct loop *loop = sender.service->loop;

	for (;;) {
		if (stop && *stop && !sender.draining)
			stop_all(&sender);
		if (!sender.draining)
			feed(&sender);
		if (!sender.open && !sender.in_flight)
			break;
		loop_step(loop, stop ? loop_now_us(loop) + STOP_LOOK_US : LOOP_NEVER);
	}
	if (sender.draining)
		http_drain(sender.service->http, false);
	if (sender.err.kind) {
		*err = sender.err;
		return -1;
	}
	return 0;
}

/* What SCIM answers is done; what was answered by 202 all the same is seen by the next run. */
int service_settle(struct tenant *tenant, const struct plan *plan, const uint32_t *steps,
		   size_t count, bool *confirmed, struct err *err)
{
	(void)tenant;
	(void)plan;
	(void)steps;
	(void)err;
	memset(confirmed, 0, count * sizeof(*confirmed));
	return 0;
}
