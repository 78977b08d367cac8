/*
 * One user: POST, PATCH with If-Match where versions work, PUT of the whole resource where
 * PATCH is not there or not understood.
 */
#include "bridge/tenant/scim_send.h"

#include <stdio.h>
#include <string.h>

#include "scim/base/banned.h"

/* A profile that somebody else keeps changing is left for the next run. */
#define CONFLICTS_MAX 5

#define BODY_BYTES_MAX (16u << 20)

static void user_read(void *ctx, const struct service_answer *answer);

static void read_first(struct flight *flight)
{
	struct service_request request = service_request(API_STD_USER);

	request.id = flight->call->path_ids[0];
	service_flight_request(flight, &request, NULL, user_read);
}

static void send_patch(struct flight *flight)
{
	struct service *s = flight->service;
	struct scim_patch_op *ops = mem_array(flight->step_count, sizeof(*ops));
	struct service_request request = service_request(API_STD_USER_PATCH);
	struct json_out out;
	struct buf body;

	buf_init(&body, BODY_BYTES_MAX);
	json_out_init(&out, &body);
	service_user_ops(flight->plan, flight->steps, flight->step_count, ops);
	service_user_patch(&s->profile, ops, flight->step_count, &out);
	request.id = flight->call->path_ids[0];
	request.if_match = flight->if_match;
	/* A second one would meet a newer version, and then the account is read. */
	request.repeat_safe = flight->if_match != NULL;
	flight->patched = true;
	service_flight_request(flight, &request, &body, service_user_answered);
	buf_release(&body);
	mem_free(ops);
}

void service_user_send(struct flight *flight)
{
	if (flight->call->op == API_STD_USER_CREATE) {
		struct service_request request = service_request(API_STD_USER_CREATE);

		request.body = flight->call->body;
		service_flight_request(flight, &request, NULL, service_user_answered);
	} else if (flight->put) {
		read_first(flight);
	} else {
		send_patch(flight);
	}
}

/* ---- success ---- */

/* A 201 without a body, or one that tells nothing: the last part of Location is the id. */
static const char *id_of_location(struct arena *mem, const struct service_answer *answer)
{
	struct slice at = answer->wire ? wire_header(answer->wire, "Location")
				       : slice_of(NULL, 0);
	const char *slash;
	char *id;
	size_t n = 0;

	if (!at.len || at.len > 4096)
		return NULL;
	slash = memrchr(at.data, '/', at.len);
	if (!slash || slash + 1 == at.data + at.len)
		return NULL;
	at = slice_of(slash + 1, (size_t)(at.data + at.len - slash - 1));
	id = arena_strndup(mem, at.data, at.len);
	for (size_t i = 0; i < at.len; i++, n++) {
		unsigned byte;

		if (id[i] == '%' && sscanf(id + i + 1, "%2x", &byte) == 1 && byte) {
			id[n] = (char)byte;
			i += 2;
		} else {
			id[n] = id[i];
		}
	}
	id[n] = '\0';
	return id;
}

static void succeeded(struct flight *flight, const struct service_answer *answer)
{
	bool create = flight->call->op == API_STD_USER_CREATE;
	struct scim_resource user = { 0 };
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];
	struct slice tag;

	if (answer->body.len &&
	    service_read_resource(&flight->mem, answer, &user, &err)) {
		service_err(&flight->result.err, (enum api_op)flight->call->op,
			    answer->correlation_id, ERR_PROTOCOL,
			    err_format(&err, text, sizeof(text)));
		service_flight_done(flight, OUTCOME_UNKNOWN);
		return;
	}
	if (!answer->body.len && answer->wire) {
		tag = wire_header(answer->wire, "ETag");
		user.version = tag.len ? service_version(&flight->mem, tag) : NULL;
	}
	if (create && !user.id)
		user.id = id_of_location(&flight->mem, answer);
	if (create && !user.id) {
		service_err(&flight->result.err, API_STD_USER_CREATE, answer->correlation_id,
			    ERR_PROTOCOL, "the answer tells no id");
		service_flight_done(flight, OUTCOME_UNKNOWN);
		return;
	}
	flight->result.version = user.version;
	if (create)
		flight->result.account_id = user.id;
	service_flight_done(flight, answer->status == 202 ? OUTCOME_ACCEPTED : OUTCOME_DONE);
}

/* ---- the account as it is now ---- */

static bool same(enum scim_attr attr, const char *a, const char *b)
{
	if (!a || !b)
		return !a && !b;
	return scim_value_same(attr, a, b);
}

static const char *expected(const struct step *step)
{
	if (step->kind == STEP_DISABLE)
		return "true";
	if (step->kind == STEP_ENABLE)
		return "false";
	return step->old_text;
}

/*
 * Keep of the steps those still to be done. -1 with *err when a value that is to be replaced
 * is another now.
 */
static int compare_now(struct flight *flight, const struct scim_resource *user,
		       struct err *err)
{
	uint32_t *left = arena_array(&flight->mem, flight->step_count + 1, sizeof(*left));
	unsigned count = 0;

	for (unsigned i = 0; i < flight->step_count; i++) {
		const struct step *step = &flight->plan->steps.items[flight->steps[i]];
		struct scim_patch_op op;
		enum scim_attr attr;
		const struct scim_field *field;
		const char *value;

		service_user_ops(flight->plan, &flight->steps[i], 1, &op);
		attr = (enum scim_attr)op.field.attr;
		field = scim_fields_find(user->fields, user->count, attr, op.field.key);
		value = field ? field->value : NULL;
		/* RFC 7643 names no default; who is not inactive is active. */
		if (attr == SCIM_ATTR_ACTIVE && !value)
			value = "true";
		if (same(attr, value, op.op == SCIM_OP_REMOVE ? NULL : op.field.value))
			continue;
		if (!same(attr, value, expected(step)))
			return err_set(err, ERR_CONFLICT, "%s: %s is \"%s\" by now, the plan "
				       "wants to replace \"%s\"; plan again",
				       flight->plan->people.items[step->person].user_name,
				       scim_attr(attr)->name, value ? value : "",
				       expected(step) ? expected(step) : "");
		left[count++] = flight->steps[i];
	}
	flight->steps = left;
	flight->step_count = count;
	return 0;
}

static void send_put(struct flight *flight, const struct service_answer *answer)
{
	struct service_request request = service_request(API_STD_USER_PUT);
	struct scim_patch_op *ops = mem_array(flight->step_count, sizeof(*ops));
	struct service_profile standard;
	struct err err = ERR_INIT;
	struct json_out out;
	struct buf patch, body;

	service_profile_init(&standard);
	buf_init(&patch, BODY_BYTES_MAX);
	buf_init(&body, BODY_BYTES_MAX);
	json_out_init(&out, &patch);
	service_user_ops(flight->plan, flight->steps, flight->step_count, ops);
	service_user_patch(&standard, ops, flight->step_count, &out);
	if (service_make_put(&flight->mem, answer, &patch, &body, &err)) {
		service_err(&flight->result.err, API_STD_USER_PUT, "", err.kind, err.text);
		service_flight_done(flight, OUTCOME_FAILED);
	} else {
		request.id = flight->call->path_ids[0];
		request.if_match = flight->if_match;
		service_flight_request(flight, &request, &body, service_user_answered);
	}
	buf_release(&patch);
	buf_release(&body);
	mem_free(ops);
}

/*
 * A version that is refused though it is the current one: this service's tags are no good,
 * and the values have been compared just now.
 */
static void doubt_tags(struct flight *flight, const char *version)
{
	if (flight->conflicts && flight->if_match && version &&
	    !strcmp(version, flight->if_match)) {
		flight->service->profile.etag = false;
		flight->if_match = NULL;
	} else {
		flight->if_match = flight->service->profile.etag ? version : NULL;
	}
}

static void user_read(void *ctx, const struct service_answer *answer)
{
	struct flight *flight = ctx;
	struct scim_resource user = { 0 };
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];

	if (!service_ok(answer)) {
		if (answer->status == 404 || answer->status == 410) {
			flight->result.err = answer->err;
			service_flight_done(flight, OUTCOME_REFUSED);
		} else {
			service_flight_failed(flight, answer);
		}
		return;
	}
	flight->result.err = (struct err)ERR_INIT;
	if (service_read_resource(&flight->mem, answer, &user, &err)) {
		service_err(&flight->result.err, API_STD_USER, answer->correlation_id,
			    ERR_PROTOCOL, err_format(&err, text, sizeof(text)));
		service_flight_done(flight, OUTCOME_FAILED);
		return;
	}
	flight->result.version = user.version;
	if (compare_now(flight, &user, &flight->result.err)) {
		service_flight_done(flight, OUTCOME_REFUSED);
		return;
	}
	if (!flight->step_count) {
		service_flight_done(flight, OUTCOME_DONE);
		return;
	}
	doubt_tags(flight, user.version);
	if (flight->put)
		send_put(flight, answer);
	else
		send_patch(flight);
}

/* ---- refusals ---- */

/* 400 invalidVers is what some answer to If-Match; 409 counts when it is not about a name. */
static bool version_conflict(const struct flight *flight, const struct service_answer *answer)
{
	if (!flight->if_match || answer->outcome != HTTP_ANSWERED ||
	    answer->type == SCIM_ERROR_UNIQUENESS)
		return false;
	return answer->type == SCIM_ERROR_INVALID_VERS || answer->status == 412 ||
	       answer->status == 409;
}

static bool try_other_form(struct flight *flight, const struct service_answer *answer)
{
	if (flight->call->op == API_STD_USER_CREATE || !service_not_understood(answer))
		return false;
	if (!flight->put) {
		/* Once is enough to know it. */
		if (answer->status == 501 || answer->status == 405)
			flight->service->profile.patch = false;
		flight->refusal = answer->err;
		flight->put = true;
		read_first(flight);
		return true;
	}
	/* ServiceProviderConfig said that there was no PATCH. */
	if (!flight->patched && !flight->service->profile.probed &&
	    (answer->status == 501 || answer->status == 405)) {
		flight->service->profile.patch = true;
		flight->refusal = answer->err;
		flight->put = false;
		send_patch(flight);
		return true;
	}
	return false;
}

/* ---- a POST whose answer was lost ---- */

static const char *step_value(const struct flight *flight, enum scim_attr attr)
{
	for (unsigned i = 0; i < flight->call->step_count; i++)
		if (service_flight_step(flight, i)->attr == attr)
			return service_flight_step(flight, i)->new_text;
	return NULL;
}

struct found {
	struct flight *flight;
	const char *external_id;
	struct scim_resource user;
	bool ours;
};

static int take_found(void *ctx, struct slice resource, struct err *err)
{
	struct found *found = ctx;
	const struct scim_field *field;
	struct scim_resource user;

	if (scim_resource_parse(resource.data, resource.len, "", &found->flight->mem, &user,
				err))
		return -1;
	field = scim_fields_find(user.fields, user.count, SCIM_ATTR_EXTERNAL_ID, NULL);
	if (user.id && field && !strcmp(field->value, found->external_id)) {
		found->user = user;
		found->ours = true;
	}
	return 0;
}

/* It is ours when it carries what nobody else would have written. Else the next run looks. */
static void looked_for(void *ctx, const struct service_answer *answer)
{
	struct flight *flight = ctx;
	struct found found = { .flight = flight,
			       .external_id = step_value(flight, SCIM_ATTR_EXTERNAL_ID) };
	struct err ignored = ERR_INIT;
	struct scim_list list;

	if (service_ok(answer) &&
	    !scim_list_read(answer->body.data, answer->body.len, "", &flight->mem, take_found,
			    &found, &list, &ignored) && found.ours) {
		flight->result.account_id = found.user.id;
		if (found.user.version)
			flight->result.version = service_version(&flight->mem,
								 slice_str(found.user.version));
		service_flight_done(flight, OUTCOME_DONE);
		return;
	}
	flight->result.err = flight->refusal;
	service_flight_done(flight, OUTCOME_UNKNOWN);
}

static bool look_for_created(struct flight *flight, const struct service_answer *answer)
{
	struct service_request request = service_request(API_STD_USERS);
	const char *name = step_value(flight, SCIM_ATTR_USER_NAME);
	struct buf filter, query;

	if (flight->read_back || !name || !step_value(flight, SCIM_ATTR_EXTERNAL_ID))
		return false;
	flight->read_back = true;
	flight->refusal = answer->err;
	buf_init(&filter, 65536);
	buf_init(&query, 4 * 65536);
	scim_filter_quote(&filter, "userName", "eq", slice_str(name));
	buf_addstr(&query, "?filter=");
	buf_addurl(&query, filter.data, filter.len);
	request.query = query.data;
	service_flight_request(flight, &request, NULL, looked_for);
	buf_release(&filter);
	buf_release(&query);
	return true;
}

/* ---- the answer ---- */

void service_user_answered(void *ctx, const struct service_answer *answer)
{
	struct flight *flight = ctx;
	bool create = flight->call->op == API_STD_USER_CREATE;

	flight->result.http_status = answer->status;
	memcpy(flight->result.correlation_id, answer->correlation_id,
	       sizeof(flight->result.correlation_id));
	if (service_ok(answer)) {
		succeeded(flight, answer);
	} else if (!create && version_conflict(flight, answer) &&
		   flight->conflicts++ < CONFLICTS_MAX) {
		read_first(flight);
	} else if (!create && answer->outcome == HTTP_UNKNOWN && !flight->read_back) {
		/* It may have been carried out: look, and send what is left. */
		flight->read_back = true;
		read_first(flight);
	} else if (create && answer->outcome == HTTP_UNKNOWN) {
		if (!look_for_created(flight, answer))
			service_flight_failed(flight, answer);
	} else if (!try_other_form(flight, answer)) {
		service_flight_failed(flight, answer);
	}
}
