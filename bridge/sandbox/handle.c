/*
 * One request from its first byte to its answer: fault, route, token, rate, query, body,
 * operation. The order is that of a gateway: who may not enter learns nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

typedef void operation_fn(struct call *call);

/* What the operations accept; from api.def come only their routes. */
static const struct {
	operation_fn *run;
	bool body;
	const char *queries[8];
} operations[API_OP_COUNT] = {
	[API_TOKEN_INFO] = { op_token_info, false, { "preserveIdleTTL" } },
	[API_ROLES] = { op_catalogue, false, { "pageSize", "pageNumber", "userCount" } },
	[API_DIVISIONS] = { op_catalogue, false, { "pageSize", "pageNumber", "objectCount" } },
	[API_SKILLS] = { op_catalogue, false, { "pageSize", "pageNumber" } },
	[API_LANGUAGES] = { op_catalogue, false, { "pageSize", "pageNumber" } },
	[API_GROUPS] = { op_catalogue, false, { "pageSize", "pageNumber" } },
	[API_QUEUES] = { op_catalogue, false, { "pageSize", "pageNumber" } },
	[API_USERS] = { op_users, false, { "pageSize", "pageNumber", "id", "expand",
					   "state" } },
	[API_GRANTS] = { op_grants, false, { "pageSize", "pageNumber" } },
	[API_QUEUE_MEMBERS] = { op_queue_members, false, { "pageSize", "pageNumber",
							   "memberBy" } },
	[API_SCIM_USERS] = { op_scim_users, false, { "startIndex", "count", "filter",
						     "attributes", "excludedAttributes" } },
	[API_SCIM_USER] = { op_scim_user, false, { "attributes", "excludedAttributes" } },
	[API_SCIM_CREATE] = { op_scim_create, true, { NULL } },
	[API_SCIM_PATCH] = { op_scim_patch, true, { NULL } },
	[API_DIVISION_MOVE] = { op_division_move, true, { NULL } },
	[API_SKILLS_PATCH] = { op_levels_patch, true, { NULL } },
	[API_SKILL_DELETE] = { op_level_delete, false, { NULL } },
	[API_LANGUAGES_PATCH] = { op_levels_patch, true, { NULL } },
	[API_LANGUAGE_DELETE] = { op_level_delete, false, { NULL } },
	[API_ROLE_GRANT] = { op_role_grant, true, { "subjectType" } },
	[API_SUBJECT_BULKADD] = { op_subject_bulkadd, true, { "subjectType" } },
	[API_GRANT_DELETE] = { op_grant_delete, false, { NULL } },
	[API_GROUP_ADD] = { op_group_add, true, { NULL } },
	[API_GROUP_REMOVE] = { op_group_remove, false, { "ids" } },
	[API_QUEUE_CHANGE] = { op_queue_change, true, { "delete" } },
	[API_LOCATIONS] = { op_catalogue, false, { "pageSize", "pageNumber" } },
	[API_TEAMS] = { op_teams, false, { "pageSize", "after" } },
	[API_UNITS] = { op_units, false, { NULL } },
	[API_WORK_PLANS] = { op_work_plans, false, { NULL } },
	[API_SKILL_CREATE] = { op_level_create, true, { NULL } },
	[API_LANGUAGE_CREATE] = { op_level_create, true, { NULL } },
	[API_SUBJECT] = { op_subject, false, { "includeDuplicates" } },
	[API_SUBJECT_ME] = { op_subject_me, false, { "includeDuplicates" } },
	[API_OAUTH_CLIENT] = { op_oauth_client, false, { NULL } },
	[API_OAUTH_CLIENTS] = { op_oauth_clients, false, { NULL } },
	[API_LIMITS] = { op_limits, false, { NULL } },
	[API_SCIM_CONFIG] = { op_scim_config, false, { NULL } },
	[API_USERS_QUERY] = { op_users_query, false, { "pageSize", "cursor", "expand",
						       "state" } },
	[API_USERS_SEARCH] = { op_users_search, true, { NULL } },
	[API_USER] = { op_user, false, { "expand", "state" } },
	[API_TEAM_MEMBERS] = { op_team_members, false, { "pageSize", "after" } },
	[API_UNIT_USERS] = { op_unit_users, false, { NULL } },
	[API_UNIT_OF] = { op_unit_of, false, { NULL } },
	[API_WORK_PLANS_QUERY] = { op_work_plans_query, true, { NULL } },
	[API_USER_PATCH] = { op_user_patch, true, { NULL } },
	[API_TOKENS_DELETE] = { op_tokens_delete, false, { NULL } },
	[API_SKILLS_PUT] = { op_skills_put, true, { NULL } },
	[API_SUBJECT_BULKREMOVE] = { op_subject_bulkremove, true, { NULL } },
	[API_SUBJECT_BULKREPLACE] = { op_subject_bulkreplace, true, { "subjectType" } },
	[API_TEAM_ADD] = { op_team_add, true, { NULL } },
	[API_TEAM_REMOVE] = { op_team_remove, false, { "id" } },
	[API_UNIT_MOVE] = { op_unit_move, true, { NULL } },
	[API_WORK_PLANS_PATCH] = { op_work_plans_patch, true, { NULL } },
};

/* ---- life ---- */

struct sandbox *sandbox_new(const struct sandbox_options *options)
{
	struct sandbox *sandbox = mem_zalloc(sizeof(*sandbox));

	sandbox->options = *options;
	if (options->seed)
		rng_seed(&sandbox->rng, options->seed);
	else
		rng_seed_system(&sandbox->rng);
	switches_init(sandbox->switches);
	store_init(&sandbox->store);
	return sandbox;
}

void sandbox_free(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	stale_free(sandbox);
	store_release(&sandbox->store);
	mem_free(sandbox);
}

/* ---- /sandbox: for tests and people, not the vendor's ---- */

static void write_counters(struct call *call)
{
	const struct sandbox *sandbox = call->sandbox;
	struct json_out *out = &call->out;

	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "calls");
	json_out_object(out);
	for (unsigned op = 0; op < API_OP_COUNT; op++)
		if (sandbox->calls[op])
			json_out_member_int(out, api_op((enum api_op)op)->name,
					    (int64_t)sandbox->calls[op]);
	json_out_object_end(out);
	json_out_member_int(out, "total", (int64_t)sandbox->total);
	json_out_member_int(out, "throttled", (int64_t)sandbox->throttled);
	json_out_object_end(out);
}

static bool is_request(const struct call *call, const char *method, const char *path)
{
	return slice_eq_str(call->path, path) && !strcmp(call->request->method, method);
}

/* Returns false when the path isn't one of these. */
static bool own_path(struct call *call)
{
	struct sandbox *sandbox = call->sandbox;

	if (is_request(call, "GET", "/sandbox/counters")) {
		write_counters(call);
	} else if (is_request(call, "POST", "/sandbox/reset")) {
		memset(sandbox->calls, 0, sizeof(sandbox->calls));
		sandbox->total = sandbox->throttled = 0;
		answer_empty(call, 204);
	} else if (is_request(call, "GET", "/sandbox/state")) {
		call->response->status = 200;
		answer_header(call, "Content-Type", "application/jsonl");
		save_lines(sandbox, NULL, call->response->body);
	} else {
		return false;
	}
	return true;
}

/* ---- the gate ---- */

/*
 * 300 calls a minute for each token by default (facts, section 2), counted from the first
 * call of the minute. The headers tell what is used, also when that was one too many.
 */
static bool within_rate(struct call *call)
{
	unsigned allowed = call->sandbox->options.rate_per_min;
	struct token *token = call->token;
	int64_t left_us;
	unsigned reset_s;
	bool over;

	if (!allowed)
		return true;
	if (!token->used || call->mono_us - token->window_us >= 60000000) {
		token->window_us = call->mono_us;
		token->used = 0;
	}
	over = token->used >= allowed;
	if (!over)
		token->used++;
	if (switched(call, SWITCH_RATE_HEADERS) && !over)
		return true;
	left_us = token->window_us + 60000000 - call->mono_us;
	reset_s = (unsigned)((left_us + 999999) / 1000000);
	answer_header(call, "inin-ratelimit-count", "%u", token->used);
	answer_header(call, "inin-ratelimit-allowed", "%u", allowed);
	answer_header(call, "inin-ratelimit-reset", "%u", reset_s);
	if (over)
		refuse_too_many(call, reset_s);
	return !over;
}

static bool media_type_is(const char *value, const char *type)
{
	size_t len = value ? strcspn(value, "; \t") : 0;

	return len && !text_cmp_nocase(value, len, type, strlen(type));
}

static bool read_body(struct call *call)
{
	const char *type = call->request->content_type;
	json_error_t error;

	if (!media_type_is(type, "application/json") &&
	    !(call->scim && media_type_is(type, "application/scim+json"))) {
		refuse_platform(call, 415, "unsupported.media.type",
				"content type \"%.100s\" is not supported", type ? type : "");
		return false;
	}
	call->body = json_loadb(call->request->body.data, call->request->body.len,
				JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (call->body)
		return true;
	if (call->scim)
		refuse_scim(call, 400, SCIM_ERROR_INVALID_SYNTAX, "the body is no JSON: %s",
			    error.text);
	else
		refuse_platform(call, 400, "bad.request", "the body is no JSON: %s",
				error.text);
	return false;
}

/* Whether it only looks, whatever its method. */
static bool is_read(const struct call *call)
{
	return !strcmp(call->request->method, "GET") || call->op == API_USERS_SEARCH ||
	       call->op == API_WORK_PLANS_QUERY;
}

/* A read may be of the state some time ago; a write that was done is noted for that. */
static void run(struct call *call)
{
	struct sandbox *sandbox = call->sandbox;
	struct rng before = sandbox->rng;

	if (sandbox->stale && call->stale_ms && is_read(call))
		call->store = stale_store(sandbox,
					  call->mono_us - call->stale_ms * INT64_C(1000));
	operations[call->op].run(call);
	if (sandbox->stale && !is_read(call) && call->response->status < 300)
		stale_note(call, &before);
}

static void run_operation(struct call *call)
{
	for (unsigned i = 0; i < API_PATH_IDS_MAX; i++)
		call->ids[i] = percent_decode(&call->mem, call->ids[i], false);
	if (!permitted(call) || !query_parse(call) ||
	    !query_only(call, operations[call->op].queries))
		return;
	if (operations[call->op].body && !read_body(call))
		return;
	run(call);
}

static void pass_gate(struct call *call, bool method_wrong)
{
	if (call->op == API_TOKEN) {
		op_token(call);
		return;
	}
	call->token = oauth_check(call);
	if (!call->token)
		return;
	call->response->client = call->store->clients.items[call->token->client].id;
	if (!within_rate(call))
		return;
	if (call->op != API_OP_COUNT && operations[call->op].run)
		run_operation(call);
	else if (method_wrong)
		refuse_platform(call, 405, "method.not.allowed", "%s is not allowed here",
				call->request->method);
	else
		refuse_platform(call, 404, "not.found", "there is no \"%.*s\"",
				SLICE_FMT(call->path));
}

/* Returns true when the fault is all that happens. */
static bool strike(struct call *call, const struct fault *fault)
{
	switch (fault->kind) {
	case FAULT_CUT_BEFORE:
		call->response->status = 0;
		call->response->end = SANDBOX_CUT;
		return true;
	case FAULT_NEVER:
		call->never = true;
		return false;
	case FAULT_NO_EXPAND:
		call->expansion_cut = true;
		return false;
	case FAULT_STALE:
		call->stale_ms = fault->delay_ms;
		return false;
	case FAULT_STATUS:
		/* Of tokens the throttle is a 400 (facts, section 1). */
		if (call->op == API_TOKEN && fault->status == 429)
			refuse_token_rate(call);
		else if (fault->status == 429)
			refuse_too_many(call, fault->retry_after_s);
		else
			refuse_platform(call, fault->status,
					fault->status == 503 ? "service.unavailable" :
							       "internal.server.error",
					"a fault that was asked for");
		if (fault->status != 429 && fault->retry_after_s)
			answer_header(call, "Retry-After", "%u", fault->retry_after_s);
		return true;
	case FAULT_CUT_AFTER:
		call->response->end = SANDBOX_CUT;
		return false;
	case FAULT_HALF_BODY:
		call->response->end = SANDBOX_HALF_BODY;
		return false;
	case FAULT_DELAY:
		call->response->delay_ms = fault->delay_ms;
		return false;
	}
	return false;
}

static void handle(struct call *call)
{
	const struct fault *fault;
	bool method_wrong;

	if (own_path(call))
		return;
	if (call->sandbox->wants_stale)
		stale_begin(call->sandbox);
	call->op = api_route(call->request->method, call->path.data, call->path.len,
			     call->ids, &method_wrong);
	if (call->op != API_OP_COUNT) {
		call->response->op = api_op(call->op)->name;
		call->sandbox->calls[call->op]++;
	}
	call->sandbox->total++;
	fault = fault_next(call->sandbox, call->op, call->mono_us);
	if (!fault || !strike(call, fault))
		pass_gate(call, method_wrong);
}

static struct call *call_new(struct sandbox *sandbox, const struct sandbox_request *request,
			     struct sandbox_response *response)
{
	struct slice target = request->target;
	struct call *call = mem_alloc(sizeof(*call));
	const char *mark = target.len ? memchr(target.data, '?', target.len) : NULL;

	memset(call, 0, offsetof(struct call, params));
	call->sandbox = sandbox;
	call->store = &sandbox->store;
	call->request = request;
	call->response = response;
	call->path = target;
	if (mark) {
		call->path.len = (size_t)(mark - target.data);
		call->query = slice_of(mark + 1, target.len - call->path.len - 1);
	}
	call->scim = call->path.len >= 13 && !memcmp(call->path.data, "/api/v2/scim/", 13);
	response->status = 500;
	response->op = "";
	response->client = "";
	response->header_count = 0;
	arena_init(&call->mem);
	return call;
}

static void call_free(struct call *call)
{
	json_decref(call->body);
	arena_release(&call->mem);
	mem_free(call);
}

void sandbox_redo(struct sandbox *behind, const struct sandbox_request *request,
		  struct sandbox_response *response, struct token *token, int64_t mono_us,
		  int64_t now_us, bool never)
{
	struct call *call = call_new(behind, request, response);
	bool method_wrong;

	call->mono_us = mono_us;
	call->now_us = now_us;
	call->token = token;
	call->never = never;
	call->op = api_route(request->method, call->path.data, call->path.len, call->ids,
			     &method_wrong);
	store_settle(&behind->store, mono_us);
	run_operation(call);
	call_free(call);
}

void sandbox_handle(struct sandbox *sandbox, const struct sandbox_request *request,
		    struct sandbox_response *response)
{
	struct call *call = call_new(sandbox, request, response);

	call->now_us = clock_now_us(sandbox->options.clock);
	call->mono_us = clock_mono_us(sandbox->options.clock);
	rng_uuid(&sandbox->rng, call->context_id);
	if (!switched(call, SWITCH_CORRELATION))
		answer_header(call, "ININ-Correlation-Id", "%s", call->context_id);
	store_settle(&sandbox->store, call->mono_us);
	handle(call);
	call_free(call);
}
