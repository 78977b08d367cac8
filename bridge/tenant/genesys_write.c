#include "bridge/tenant/genesys.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bridge/tenant/calls.h"
#include "bridge/tenant/genesys_read.h"
#include "scim/base/json.h"
#include "scim/base/vec.h"
#include "scim/message.h"

#include "scim/base/banned.h"

/*
 * Calls whose intent is made durable at once, as a multiple of those in flight. Each time
 * waits for the disk: where calls are fast the batches grow until one lasts for a while; where
 * they are paced they stay small, since after a crash all of a batch must be looked at.
 */
#define BATCH_FACTOR 4
#define BATCH_FACTOR_MAX 128
#define BATCH_FAST_US 500000

/* A profile that somebody else keeps changing is left for the next run. */
#define CONFLICTS_MAX 5

/* So often a lag (404 on a new account, 409 on a group's version) is waited out. */
#define LAG_ATTEMPTS_MAX 5

/* When so many single people failed and nobody passed, the call's container is at fault. */
#define SINGLES_MAX 4

/* How long a wait lasts before a stop is seen. */
#define STOP_LOOK_US 200000

struct sender {
	struct genesys *g;
	const struct plan *plan;
	struct call *calls;
	size_t count, next;    /* next whose intent is to be made durable */
	size_t ready;          /* next to send; ready <= next */
	unsigned in_flight;
	unsigned factor;       /* of the next batch */
	int64_t batched_us;    /* when the last one began */
	int (*before)(void *ctx, struct call **batch, size_t count, struct err *err);
	tenant_call_fn *done;
	void *ctx;
	bool draining;
	struct err err;
};

struct range {
	unsigned at, count; /* of the call's steps */
};

/* One call until it is done for good. */
struct flight {
	struct sender *sender;
	struct call *call;
	struct call now;       /* what is sent: the call, with a newer version, or a part */
	struct range part;     /* which steps that is, while splitting */
	struct arena mem;
	struct call_result result;
	unsigned conflicts;
	bool restore_sent;     /* once: an account that is back may be so by our own call */
	/* splitting */
	VEC(struct range) todo;
	unsigned char *failed; /* bit per step; NULL = not splitting */
	unsigned failed_count, singles_failed;
	bool any_done, accepted;
};

static void flight_send(struct flight *flight);

static void flight_done(struct flight *flight, enum step_outcome outcome)
{
	struct sender *sender = flight->sender;

	flight->result.outcome = outcome;
	sender->in_flight--;
	sender->done(sender->ctx, flight->call, &flight->result);
	vec_release(&flight->todo);
	arena_release(&flight->mem);
	mem_free(flight);
}

static void note_answer(struct flight *flight, const struct genesys_answer *answer)
{
	flight->result.http_status = answer->status;
	memcpy(flight->result.correlation_id, answer->correlation_id,
	       sizeof(flight->result.correlation_id));
	if (answer->err.kind && !flight->result.err.kind)
		flight->result.err = answer->err;
}

static const struct plan_person *person_of(const struct flight *flight, unsigned step)
{
	const struct plan *plan = flight->sender->plan;

	return &plan->people.items[plan->steps.items[flight->call->steps[step]].person];
}

static uint32_t person_index(const struct flight *flight, unsigned step)
{
	return flight->sender->plan->steps.items[flight->call->steps[step]].person;
}

/* ---- what an answer means ---- */

static bool splitting(const struct flight *flight)
{
	return flight->part.count != flight->call->step_count || flight->todo.count;
}

static bool is_removal(enum api_op op)
{
	return op == API_GRANT_DELETE || op == API_SKILL_DELETE ||
	       op == API_LANGUAGE_DELETE || op == API_GROUP_REMOVE || op == API_TEAM_REMOVE;
}

static bool gone(int status)
{
	return status == 404 || status == 410;
}

/* Calls that carry several people, and the refusals that one of them may be guilty of. */
static bool splittable(const struct flight *flight, int status)
{
	switch ((enum api_op)flight->call->op) {
	case API_ROLE_GRANT:
	case API_GROUP_ADD:
	case API_GROUP_REMOVE:
	case API_QUEUE_CHANGE:
	case API_DIVISION_MOVE:
	case API_TEAM_ADD:
	case API_TEAM_REMOVE:
	case API_UNIT_MOVE:
	case API_WORK_PLANS_PATCH:
		break;
	default:
		return false;
	}
	return status == 400 || status == 404 || status == 409 || status == 410 ||
	       status == 413 || status == 422;
}

/*
 * 400 invalidVers, not 412, is what SCIM of Genesys Cloud answers to If-Match; 409, and 400
 * with words about the version, mean the same elsewhere (facts, section 2). A uniqueness
 * conflict is none.
 */
static bool version_conflict(const struct genesys_answer *answer)
{
	if (answer->outcome != HTTP_ANSWERED || !strcmp(answer->code, "uniqueness"))
		return false;
	return !strcmp(answer->code, "invalidVers") || answer->status == 412 ||
	       answer->status == 409 ||
	       (answer->status == 400 && strstr(answer->err.text, "version"));
}

static enum step_outcome failure_outcome(const struct flight *flight,
					 const struct genesys_answer *answer)
{
	if (answer->outcome == HTTP_UNKNOWN)
		return OUTCOME_UNKNOWN;
	if (answer->outcome == HTTP_NOT_SENT && flight->sender->draining)
		return OUTCOME_NONE;
	return OUTCOME_FAILED;
}

/*
 * A new account may not be known everywhere yet (404), and a group that is being changed
 * refuses another change of the same version (409): both pass.
 */
static bool is_lag(void *ctx, const struct wire_answer *answer, unsigned attempt)
{
	const struct flight *flight = ctx;
	enum api_op op = (enum api_op)flight->now.op;

	/* The whole call waited already: parts of it do not wait again. */
	if (attempt > LAG_ATTEMPTS_MAX || splitting(flight))
		return false;
	if (answer->status == 409)
		return op == API_GROUP_ADD || op == API_GROUP_REMOVE;
	if (answer->status != 404 || is_removal(op))
		return false;
	for (unsigned i = 0; i < flight->call->step_count; i++)
		if (person_of(flight, i)->change == PERSON_CREATE ||
		    person_of(flight, i)->change == PERSON_RETURN)
			return true;
	return false;
}

/* ---- successes that must be read ---- */

/* Steps of the part that belong to an account, marked as failed. */
static bool mark_account(struct flight *flight, struct slice account)
{
	bool found = false;

	for (unsigned i = flight->part.at; i < flight->part.at + flight->part.count; i++) {
		const char *id = person_of(flight, i)->account_id;

		if (!id || !slice_eq_str(account, id))
			continue;
		found = true;
		if (!(flight->failed[i / 8] & 1u << i % 8))
			flight->failed_count++;
		flight->failed[i / 8] |= (unsigned char)(1u << i % 8);
	}
	return found;
}

static void begin_marks(struct flight *flight)
{
	if (!flight->failed)
		flight->failed = arena_alloc(&flight->mem, flight->call->step_count / 8 + 1);
}

/* {"failures": [{"id" or "userId", ...}]} inside a success. */
static int read_failures(struct flight *flight, struct json_in *in, struct err *err)
{
	struct slice key, id, why;

	if (json_peek(in) != JSON_IN_ARRAY) {
		json_skip(in);
		return 0;
	}
	while (json_array_next(in)) {
		id = why = slice_of(NULL, 0);
		begin_marks(flight);
		if (json_peek(in) != JSON_IN_OBJECT)
			return err_set(err, ERR_PROTOCOL, "a failure is no object");
		while (json_object_next(in, &key)) {
			if (slice_eq_str(key, "id") || slice_eq_str(key, "userId"))
				json_opt_text(in, &id);
			else if (slice_eq_str(key, "user"))
				genesys_read_member(in, "id", &id);
			else if (slice_eq_str(key, "reason") || slice_eq_str(key, "failure"))
				json_opt_text(in, &why);
			else
				json_skip(in);
		}
		if (!json_failed(in) && !mark_account(flight, id))
			return err_set(err, ERR_PROTOCOL, "a failure of an account that was "
				       "not in the call");
		err_set(&flight->result.err, ERR_REFUSED,
			"the tenant lists it among the failures of a successful call%s%.*s",
			why.len ? ": " : "", why.len ? (int)(why.len < 80 ? why.len : 80) : 0,
			why.len ? why.data : "");
	}
	return 0;
}

/* A proxy's page with status 200 is no success: what is there must be JSON. */
static int read_success(struct flight *flight, struct slice body, struct err *err)
{
	struct arena mem = ARENA_INIT;
	struct json_in in;
	struct slice key;
	int result = 0;

	if (!body.len)
		return 0;
	json_open(&in, body.data, body.len, "", &mem, err);
	if (json_peek(&in) == JSON_IN_OBJECT) {
		while (!result && json_object_next(&in, &key)) {
			if (slice_eq_str(key, "failures"))
				result = read_failures(flight, &in, err);
			else
				json_skip(&in);
		}
	} else {
		json_skip(&in);
	}
	if (!result)
		result = json_close(&in);
	arena_release(&mem);
	return result;
}

static int read_user(struct flight *flight, const struct genesys_answer *answer,
		     struct scim_resource *user, struct err *err)
{
	struct slice body = answer->body;

	if (scim_resource_parse(body.data ? body.data : "", body.len, "", &flight->mem, user,
				err))
		return -1;
	user->version = genesys_version(&flight->mem,
					user->version || !answer->wire ?
						slice_str(user->version) :
						wire_header(answer->wire, "ETag"));
	return 0;
}

static bool is_profile(enum api_op op)
{
	return op == API_SCIM_CREATE || op == API_SCIM_PATCH;
}

/* Returns 0 when the answer is what a success looks like. */
static int take_success(struct flight *flight, const struct genesys_answer *answer,
			struct err *err)
{
	struct err broken = ERR_INIT;
	struct scim_resource user = { 0 };
	char text[ERR_FORMAT_MAX];
	int result;

	if (is_profile((enum api_op)flight->now.op) && answer->status != 204) {
		result = read_user(flight, answer, &user, &broken);
		if (!result && !user.id)
			result = err_set(&broken, ERR_PROTOCOL, "the answer has no id");
	} else {
		result = read_success(flight, answer->body, &broken);
	}
	if (result) {
		err_format(&broken, text, sizeof(text));
		return genesys_err(err, (enum api_op)flight->now.op, answer->correlation_id,
				   ERR_PROTOCOL, text);
	}
	flight->result.version = user.version;
	if (flight->now.op == API_SCIM_CREATE)
		flight->result.account_id = user.id;
	return 0;
}

static void finish_success(struct flight *flight)
{
	if (flight->failed_count == flight->call->step_count) {
		flight_done(flight, OUTCOME_FAILED);
		return;
	}
	if (flight->failed_count)
		flight->result.step_failed = flight->failed;
	else
		flight->result.err = (struct err)ERR_INIT;
	flight_done(flight, flight->accepted ? OUTCOME_ACCEPTED : OUTCOME_DONE);
}

/* ---- version conflicts ---- */

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
 * The steps of a conflicting PATCH against the account as it is now: `left` gets those
 * still to be done. -1 with *err when a value that is to be replaced is another now.
 */
static int compare_now(struct flight *flight, const struct scim_resource *user,
		       uint32_t *left, unsigned *ret_left, struct err *err)
{
	const struct plan *plan = flight->sender->plan;

	*ret_left = 0;
	for (unsigned i = 0; i < flight->call->step_count; i++) {
		const struct step *step = &plan->steps.items[flight->call->steps[i]];
		struct scim_patch_op op = call_patch_op(step);
		enum scim_attr attr = (enum scim_attr)op.field.attr;
		const struct scim_field *field = scim_fields_find(user->fields, user->count,
								  attr, op.field.key);
		const char *value = field ? field->value : NULL;

		if (same(attr, value, op.op == SCIM_OP_REMOVE ? NULL : op.field.value))
			continue;
		if (!same(attr, value, expected(step)))
			return err_set(err, ERR_CONFLICT, "%s: %s is \"%s\" by now, the plan "
				       "wants to replace \"%s\"; plan again",
				       person_of(flight, i)->user_name, scim_attr(attr)->name,
				       value ? value : "", expected(step) ? expected(step) : "");
		left[(*ret_left)++] = flight->call->steps[i];
	}
	return 0;
}

static void conflict_read(void *ctx, const struct genesys_answer *answer)
{
	struct flight *flight = ctx;
	struct scim_resource user = { 0 };
	struct err err = ERR_INIT, refusal = flight->result.err;
	uint32_t *left;
	unsigned count;

	if (!genesys_ok(answer)) {
		flight->result.err = answer->err;
		flight_done(flight, gone(answer->status) ? OUTCOME_REFUSED :
							   failure_outcome(flight, answer));
		return;
	}
	flight->result.err = (struct err)ERR_INIT;
	if (read_user(flight, answer, &user, &err)) {
		char text[ERR_FORMAT_MAX];

		genesys_err(&flight->result.err, API_SCIM_USER, answer->correlation_id,
			    ERR_PROTOCOL, err_format(&err, text, sizeof(text)));
		flight_done(flight, OUTCOME_FAILED);
		return;
	}
	flight->result.version = user.version;
	left = arena_array(&flight->mem, flight->call->step_count, sizeof(*left));
	if (compare_now(flight, &user, left, &count, &flight->result.err)) {
		flight_done(flight, OUTCOME_REFUSED);
		return;
	}
	if (!count) {
		flight_done(flight, OUTCOME_DONE);
		return;
	}
	/* The version is the one that was sent: it is not the version that was refused. */
	if (!user.version || !strcmp(user.version, flight->now.if_match)) {
		flight->result.err = refusal;
		flight_done(flight, OUTCOME_FAILED);
		return;
	}
	call_build(flight->sender->plan, API_SCIM_PATCH, left, count, &flight->mem,
		   &flight->now);
	flight->now.if_match = user.version;
	flight_send(flight);
}

static void read_for_conflict(struct flight *flight)
{
	struct genesys_request request = genesys_request(API_SCIM_USER);

	request.path_ids[0] = flight->now.path_ids[0];
	request.done = conflict_read;
	request.ctx = flight;
	genesys_start(flight->sender->g, &request);
}

/* ---- deleted accounts ---- */

struct native_user {
	bool found;
	int64_t version;
	char state[16];
};

/* {"entities": [{"id", "version", "state"}]}: of a list that was asked for one id. */
static int read_native(struct slice body, const char *id, struct native_user *ret,
		       struct err *err)
{
	struct arena mem = ARENA_INIT;
	struct json_in in;
	struct slice key, word;
	int result;

	*ret = (struct native_user){ 0 };
	json_open(&in, body.data ? body.data : "", body.len, "", &mem, err);
	while (json_object_next(&in, &key)) {
		if (!slice_eq_str(key, "entities")) {
			json_skip(&in);
			continue;
		}
		while (json_array_next(&in)) {
			struct native_user user = { 0 };

			while (json_object_next(&in, &key)) {
				if (slice_eq_str(key, "id") && json_get_text(&in, &word))
					user.found = slice_eq_str(word, id);
				else if (slice_eq_str(key, "version"))
					json_get_int(&in, &user.version);
				else if (slice_eq_str(key, "state") && json_get_text(&in, &word))
					text_visible(word.data, word.len, user.state,
						     sizeof(user.state));
				else if (!json_failed(&in))
					json_skip(&in);
			}
			if (user.found)
				*ret = user;
		}
	}
	result = json_close(&in);
	arena_release(&mem);
	return result;
}

static void restore_answered(void *ctx, const struct genesys_answer *answer);

static void send_restore(struct flight *flight, int64_t version)
{
	struct genesys_request request = genesys_request(API_USER_PATCH);
	struct json_out out;
	struct buf body;

	buf_init(&body, 256);
	json_out_init(&out, &body);
	json_out_object(&out);
	json_out_member_int(&out, "version", version);
	/* With `state` nothing else may be changed in the same call (facts, section 5). */
	json_out_member(&out, "state", "inactive");
	json_out_object_end(&out);
	request.path_ids[0] = flight->now.path_ids[0];
	request.body = slice_of(body.data, body.len);
	request.content_type = "application/json";
	request.done = restore_answered;
	request.ctx = flight;
	flight->restore_sent = true;
	genesys_start(flight->sender->g, &request);
	buf_release(&body);
}

static void restore_read(void *ctx, const struct genesys_answer *answer)
{
	struct flight *flight = ctx;
	struct native_user user;
	struct err err = ERR_INIT;

	note_answer(flight, answer);
	if (!genesys_ok(answer)) {
		flight_done(flight, flight->restore_sent ? OUTCOME_UNKNOWN :
							   failure_outcome(flight, answer));
		return;
	}
	if (read_native(answer->body, flight->now.path_ids[0], &user, &err)) {
		char text[ERR_FORMAT_MAX];

		genesys_err(&flight->result.err, API_USERS, answer->correlation_id,
			    ERR_PROTOCOL, err_format(&err, text, sizeof(text)));
		flight_done(flight, flight->restore_sent ? OUTCOME_UNKNOWN : OUTCOME_FAILED);
		return;
	}
	if (user.found && !strcmp(user.state, "deleted")) {
		send_restore(flight, user.version);
		return;
	}
	flight->result.err = (struct err)ERR_INIT;
	if (user.found && !strcmp(user.state, "inactive") && flight->restore_sent) {
		flight_done(flight, OUTCOME_DONE);
		return;
	}
	err_set(&flight->result.err, ERR_CONFLICT, "%s: the account %s was deleted when the plan "
		"was made and is %s by now; plan again", person_of(flight, 0)->user_name,
		flight->now.path_ids[0], user.found ? user.state : "not in the tenant");
	flight_done(flight, OUTCOME_REFUSED);
}

/* Looked at before it is restored, after a conflict, and when no answer told the outcome. */
static void read_for_restore(struct flight *flight)
{
	struct genesys_request request = genesys_request(API_USERS);
	struct buf query;

	buf_init(&query, 4096);
	buf_addstr(&query, "?pageSize=100&state=any&id=");
	buf_addurl(&query, flight->now.path_ids[0], strlen(flight->now.path_ids[0]));
	request.query = query.data;
	request.done = restore_read;
	request.ctx = flight;
	genesys_start(flight->sender->g, &request);
	buf_release(&query);
}

static void restore_answered(void *ctx, const struct genesys_answer *answer)
{
	struct flight *flight = ctx;

	note_answer(flight, answer);
	if (genesys_ok(answer)) {
		flight->result.err = (struct err)ERR_INIT;
		flight_done(flight, OUTCOME_DONE);
	} else if ((answer->outcome == HTTP_UNKNOWN || version_conflict(answer)) &&
		   !flight->sender->draining && flight->conflicts++ < CONFLICTS_MAX) {
		read_for_restore(flight);
	} else {
		flight->result.err = answer->err;
		flight_done(flight, failure_outcome(flight, answer));
	}
}

/* ---- splitting ---- */

/* Where the second half begins: between two people. */
static unsigned middle(const struct flight *flight, struct range range)
{
	unsigned half = range.at + range.count / 2, at = half;

	while (at < range.at + range.count &&
	       person_index(flight, at) == person_index(flight, at - 1))
		at++;
	if (at < range.at + range.count)
		return at;
	for (at = half; at > range.at &&
			person_index(flight, at) == person_index(flight, at - 1);)
		at--;
	return at;
}

static bool one_person(const struct flight *flight, struct range range)
{
	return person_index(flight, range.at) ==
	       person_index(flight, range.at + range.count - 1);
}

static void mark_range(struct flight *flight, struct range range)
{
	begin_marks(flight);
	for (unsigned i = range.at; i < range.at + range.count; i++)
		if (!(flight->failed[i / 8] & 1u << i % 8)) {
			flight->failed[i / 8] |= (unsigned char)(1u << i % 8);
			flight->failed_count++;
		}
}

static void push_halves(struct flight *flight, struct range range)
{
	unsigned at = middle(flight, range);

	vec_push(&flight->todo, ((struct range){ at, range.at + range.count - at }));
	vec_push(&flight->todo, ((struct range){ range.at, at - range.at }));
}

static void next_part(struct flight *flight)
{
	if (!flight->any_done && flight->singles_failed >= SINGLES_MAX)
		while (flight->todo.count)
			mark_range(flight, flight->todo.items[--flight->todo.count]);
	if (!flight->todo.count) {
		finish_success(flight);
		return;
	}
	flight->part = flight->todo.items[--flight->todo.count];
	call_build(flight->sender->plan, (enum api_op)flight->call->op,
		   flight->call->steps + flight->part.at, flight->part.count, &flight->mem,
		   &flight->now);
	flight_send(flight);
}

static void part_failed(struct flight *flight, const struct genesys_answer *answer)
{
	if (answer->outcome == HTTP_ANSWERED && splittable(flight, answer->status) &&
	    !one_person(flight, flight->part)) {
		push_halves(flight, flight->part);
	} else {
		/* The first one to fail alone is the one whose error is told. */
		if (!flight->singles_failed++)
			flight->result.err = answer->err;
		mark_range(flight, flight->part);
	}
	next_part(flight);
}

/* ---- the answer ---- */

static void succeeded(struct flight *flight, const struct genesys_answer *answer)
{
	struct err err = ERR_INIT;

	if (take_success(flight, answer, &err)) {
		flight->result.err = err;
		if (splitting(flight)) {
			mark_range(flight, flight->part);
			next_part(flight);
			return;
		}
		flight_done(flight, OUTCOME_UNKNOWN);
		return;
	}
	flight->any_done = true;
	flight->accepted |= answer->status == 202;
	next_part(flight);
}

static void answered(void *ctx, const struct genesys_answer *answer)
{
	struct flight *flight = ctx;
	enum api_op op = (enum api_op)flight->now.op;
	bool alone = one_person(flight, flight->part);

	note_answer(flight, answer);
	if (genesys_ok(answer)) {
		succeeded(flight, answer);
	} else if (answer->outcome == HTTP_ANSWERED && gone(answer->status) &&
		   is_removal(op) && alone) {
		/* What was to go is gone. */
		flight->any_done = true;
		next_part(flight);
	} else if (op == API_SCIM_PATCH && flight->now.if_match && version_conflict(answer) &&
		   flight->conflicts++ < CONFLICTS_MAX) {
		read_for_conflict(flight);
	} else if (splitting(flight) ||
		   (answer->outcome == HTTP_ANSWERED && splittable(flight, answer->status) &&
		    !alone)) {
		part_failed(flight, answer);
	} else {
		flight->result.err = answer->err;
		flight_done(flight, failure_outcome(flight, answer));
	}
}

static void flight_send(struct flight *flight)
{
	const struct call *now = &flight->now;
	struct genesys_request request = genesys_request((enum api_op)now->op);

	if (now->op == API_USER_PATCH) {
		read_for_restore(flight);
		return;
	}
	memcpy(request.path_ids, now->path_ids, sizeof(request.path_ids));
	request.query = now->query;
	request.body = now->body;
	request.content_type = now->content_type;
	/* From a plan file it may be anything. */
	request.if_match = now->if_match ?
				   genesys_version(&flight->mem, slice_str(now->if_match)) :
				   NULL;
	/*
	 * With If-Match a PATCH can't be carried out twice: the second one meets a newer
	 * version, and the account is read before anything else.
	 */
	if (now->op == API_SCIM_PATCH && request.if_match)
		request.repeat_safe = true;
	request.transient = is_lag;
	request.done = answered;
	request.ctx = flight;
	genesys_start(flight->sender->g, &request);
}

static void launch(struct sender *sender, struct call *call)
{
	struct flight *flight = mem_zalloc(sizeof(*flight));

	flight->sender = sender;
	flight->call = call;
	flight->now = *call;
	flight->part = (struct range){ 0, call->step_count };
	sender->in_flight++;
	flight_send(flight);
}

/* ---- many calls ---- */

static void make_durable(struct sender *sender)
{
	int64_t now_us = loop_now_us(sender->g->loop);
	size_t most, count = sender->count - sender->next;
	struct call **batch;

	if (sender->next && now_us - sender->batched_us < BATCH_FAST_US &&
	    sender->factor < BATCH_FACTOR_MAX)
		sender->factor *= 2;
	else if (now_us - sender->batched_us > 2 * BATCH_FAST_US)
		sender->factor = BATCH_FACTOR;
	sender->batched_us = now_us;
	most = (size_t)sender->g->set.in_flight * sender->factor;
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
	while (sender->in_flight < sender->g->set.in_flight) {
		if (sender->ready == sender->next) {
			if (sender->next == sender->count)
				return;
			make_durable(sender);
			continue;
		}
		launch(sender, &sender->calls[sender->ready++]);
	}
}

/* What was journaled and not sent is told as not tried; the rest was never announced. */
static void stop_all(struct sender *sender)
{
	sender->draining = true;
	sender->count = sender->next;
	http_drain(sender->g->http, true);
	while (sender->ready < sender->next) {
		struct call_result result = { .outcome = OUTCOME_NONE };

		err_set(&result.err, ERR_REFUSED, "stopped before it was sent");
		sender->done(sender->ctx, &sender->calls[sender->ready++], &result);
	}
}

int genesys_send(struct tenant *tenant, const struct plan *plan, struct call *calls,
		 size_t count,
		 int (*before)(void *ctx, struct call **batch, size_t count, struct err *err),
		 tenant_call_fn *done, void *ctx, volatile bool *stop, struct err *err)
{
	struct sender sender = {
		.g = (struct genesys *)tenant,
		.plan = plan,
		.calls = calls,
		.count = count,
		.factor = BATCH_FACTOR,
		.before = before,
		.done = done,
		.ctx = ctx,
	};
	struct loop *loop = sender.g->loop;

	for (;;) {
		if (stop && *stop && !sender.draining)
			stop_all(&sender);
		if (!sender.draining)
			feed(&sender);
		if (!sender.in_flight)
			break;
		loop_step(loop, stop ? loop_now_us(loop) + STOP_LOOK_US : LOOP_NEVER);
	}
	if (sender.draining)
		http_drain(sender.g->http, false);
	if (sender.err.kind) {
		*err = sender.err;
		return -1;
	}
	return 0;
}
