#include "bridge/tenant/genesys.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bridge/tenant/calls.h"
#include "scim/base/json.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

/* A token is renewed when a tenth of its life is left, at most this long before its end. */
#define RENEW_EARLY_MAX_S 300

/* Token lives are 5 minutes to 48 hours (facts, section 1). */
#define TOKEN_LIFE_MAX_S (7 * 24 * 3600)

/* Error bodies are read up to this size. */
#define ERROR_BODY_MAX (256u << 10)

struct genesys_call {
	struct genesys *g;
	struct genesys_call *next_waiting, *next, *prev;
	struct genesys_request request; /* its text is copied */
	char *url, *body, *if_match;
	unsigned token_number; /* of the token it was sent with */
	bool renewed;          /* sent again after a 401 */
};

static void call_send(struct genesys_call *call);

/* ---- errors ---- */

int genesys_err(struct err *err, enum api_op op, const char *correlation_id,
		enum err_kind kind, const char *text)
{
	const struct api_op_row *row = api_op(op);

	if (correlation_id && *correlation_id)
		return err_set(err, kind, "%s %s (correlation id %s): %s", row->method,
			       row->path, correlation_id, text);
	return err_set(err, kind, "%s %s: %s", row->method, row->path, text);
}

static enum err_kind status_kind(int status, const char *code)
{
	if (!strcmp(code, "invalidVers"))
		return ERR_CONFLICT;
	switch (status) {
	case 401:
	case 403:
		return ERR_AUTH;
	case 404:
	case 410:
		return ERR_NOT_FOUND;
	case 409:
	case 412:
		return ERR_CONFLICT;
	case 408:
	case 504:
		return ERR_TIMEOUT;
	case 413:
		return ERR_LIMIT;
	default:
		return status >= 300 && status < 400 ? ERR_PROTOCOL : ERR_REFUSED;
	}
}

struct error_text {
	struct slice message, code, context;
};

/*
 * Of an error body: the platform's {message, code, contextId}, SCIM's {detail, scimType}
 * and OAuth's {error, error_description, description}. A gateway before SCIM answers in
 * the platform's shape, so all are tried.
 */
static void read_error(struct slice body, struct arena *mem, struct error_text *ret)
{
	struct err ignored = ERR_INIT;
	struct json_in in;
	struct slice key, value;

	*ret = (struct error_text){ 0 };
	if (!body.len || body.len > ERROR_BODY_MAX)
		return;
	json_open(&in, body.data, body.len, "error", mem, &ignored);
	if (json_peek(&in) != JSON_IN_OBJECT)
		return;
	while (json_object_next(&in, &key)) {
		if (json_peek(&in) != JSON_IN_TEXT) {
			json_skip(&in);
			continue;
		}
		if (!json_get_text(&in, &value))
			return;
		if (slice_eq_str(key, "message") || slice_eq_str(key, "detail") ||
		    slice_eq_str(key, "error_description"))
			ret->message = value;
		else if (slice_eq_str(key, "description") && !ret->message.len)
			ret->message = value;
		else if (slice_eq_str(key, "code") || slice_eq_str(key, "scimType") ||
			 slice_eq_str(key, "error"))
			ret->code = value;
		else if (slice_eq_str(key, "contextId"))
			ret->context = value;
	}
}

static void keep(char *out, size_t size, struct slice s)
{
	text_visible(s.data ? s.data : "", s.len, out, size);
}

static void describe_refusal(enum api_op op, struct genesys_answer *answer,
			     const struct error_text *text)
{
	const char *permission = api_op(op)->permission;
	char words[240], message[140];

	keep(message, sizeof(message), text->message);
	if (answer->status >= 300 && answer->status < 400)
		snprintf(words, sizeof(words), "%d, a redirect, which is not followed; is the "
			 "address in the settings right?", answer->status);
	else if (answer->status == 403 && *permission)
		snprintf(words, sizeof(words), "403 %s: the client needs %s there; dirbridge "
			 "check --online names all that is missing", answer->code, permission);
	else if (answer->status == 403)
		/* The contract names none for this operation; the tenant's own words may. */
		snprintf(words, sizeof(words), "403 %s%s%.100s; dirbridge check --permissions lists "
			 "what the client needs", answer->code, message[0] ? ": " : "", message);
	else
		snprintf(words, sizeof(words), "%d%s%s%s%s", answer->status,
			 answer->code[0] ? " " : "", answer->code, message[0] ? ": " : "",
			 message);
	genesys_err(&answer->err, op, answer->correlation_id,
		    status_kind(answer->status, answer->code), words);
}

/* What reads is answered in JSON: a page of some proxy with status 200 is no answer. */
static bool answer_is_json(enum api_op op, const struct http_answer *http)
{
	struct slice type = wire_header(http->wire, "Content-Type");
	bool reads = !strcmp(api_op(op)->method, "GET") || op == API_TOKEN ||
		     op == API_USERS_SEARCH || op == API_WORK_PLANS_QUERY;
	size_t end = 0;

	if (!reads || !http->body.len || !type.len)
		return true;
	while (end < type.len && type.data[end] != ';')
		end++;
	for (size_t at = 0; at + 4 <= end; at++)
		if (!text_cmp_nocase(type.data + at, 4, "json", 4))
			return true;
	return false;
}

static void describe_type(enum api_op op, struct genesys_answer *answer)
{
	char words[200], shown[60];

	keep(shown, sizeof(shown), wire_header(answer->wire, "Content-Type"));
	snprintf(words, sizeof(words), "the answer is %s, not JSON; does something between here "
		 "and the tenant answer in its place?", shown);
	genesys_err(&answer->err, op, answer->correlation_id, ERR_PROTOCOL, words);
}

/* Everything a caller wants to know of an answer. */
static void translate(enum api_op op, const struct http_answer *http,
		      struct genesys_answer *ret)
{
	struct arena mem = ARENA_INIT;
	struct error_text text = { 0 };

	*ret = (struct genesys_answer){ .outcome = http->outcome, .status = http->status,
					.body = http->body, .wire = http->wire };
	if (http->wire)
		keep(ret->correlation_id, sizeof(ret->correlation_id),
		     wire_header(http->wire, "ININ-Correlation-Id"));
	if (http->outcome == HTTP_ANSWERED && http->status >= 200 && http->status < 300) {
		if (!answer_is_json(op, http))
			describe_type(op, ret);
		return;
	}
	if (http->status >= 400)
		read_error(http->body, &mem, &text);
	keep(ret->code, sizeof(ret->code), text.code);
	if (!ret->correlation_id[0])
		keep(ret->correlation_id, sizeof(ret->correlation_id), text.context);
	if (http->status >= 300)
		describe_refusal(op, ret, &text);
	else
		genesys_err(&ret->err, op, ret->correlation_id, http->err.kind,
			    http->err.text);
	arena_release(&mem);
}

const char *genesys_version(struct arena *mem, struct slice version)
{
	if (version.len >= 2 && !memcmp(version.data, "W/", 2))
		version = slice_of(version.data + 2, version.len - 2);
	if (version.len >= 2 && version.data[0] == '"' &&
	    version.data[version.len - 1] == '"')
		version = slice_of(version.data + 1, version.len - 2);
	if (!version.len || version.len > 100)
		return NULL;
	for (size_t i = 0; i < version.len; i++)
		if (version.data[i] <= ' ' || version.data[i] > '~' || version.data[i] == '"')
			return NULL;
	return arena_strndup(mem, version.data, version.len);
}

/* ---- token ---- */

static void forget_token(struct genesys *g)
{
	if (g->token) {
		explicit_bzero(g->token, strlen(g->token));
		mem_free(g->token);
	}
	g->token = NULL;
}

/* Goes into a header: visible ASCII only (RFC 6750 section 2.1). */
static bool token_valid(struct slice token)
{
	if (!token.len || token.len > GENESYS_TOKEN_BYTES_MAX)
		return false;
	for (size_t i = 0; i < token.len; i++)
		if (token.data[i] <= ' ' || token.data[i] > '~')
			return false;
	return true;
}

static int take_token(struct genesys *g, const struct genesys_answer *answer,
		      struct err *err)
{
	struct arena mem = ARENA_INIT;
	struct json_in in;
	struct slice key, token = { 0 };
	struct err broken = ERR_INIT;
	int64_t life_s = 0, early_s;

	json_open(&in, answer->body.data, answer->body.len, "token", &mem, &broken);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, "access_token"))
			json_get_text(&in, &token);
		else if (slice_eq_str(key, "expires_in"))
			json_get_int(&in, &life_s);
		else
			json_skip(&in);
	}
	if (json_close(&in) || !token_valid(token) || life_s < 1) {
		/* The reader's own words might quote the token. */
		arena_release(&mem);
		return genesys_err(err, API_TOKEN, answer->correlation_id, ERR_PROTOCOL,
				   "the answer is no token: it wants access_token and "
				   "expires_in");
	}
	assert(token.data);
	forget_token(g);
	g->token = mem_alloc(token.len + 1);
	memcpy(g->token, token.data, token.len);
	g->token[token.len] = '\0';
	g->token_number++;
	g->token_life_s = life_s;
	if (life_s > TOKEN_LIFE_MAX_S)
		life_s = TOKEN_LIFE_MAX_S;
	early_s = life_s / 10 < RENEW_EARLY_MAX_S ? life_s / 10 : RENEW_EARLY_MAX_S;
	g->token_renew_us = loop_now_us(g->loop) + (life_s - early_s) * 1000000;
	arena_release(&mem);
	return 0;
}

static void call_free(struct genesys_call *call)
{
	struct genesys *g = call->g;

	if (call->prev)
		call->prev->next = call->next;
	else
		g->all = call->next;
	if (call->next)
		call->next->prev = call->prev;
	mem_free(call->url);
	mem_free(call->body);
	mem_free(call->if_match);
	mem_free(call);
}

static void call_done(struct genesys_call *call, const struct genesys_answer *answer)
{
	call->g->pending--;
	call->request.done(call->request.ctx, answer);
	call_free(call);
}

static void fail_waiting(struct genesys *g, const struct err *err)
{
	struct genesys_call *call = g->waiting;

	/* A handler may start new calls: they wait for a token of their own. */
	g->waiting = g->waiting_last = NULL;
	while (call) {
		struct genesys_call *next = call->next_waiting;
		struct genesys_answer answer = { .outcome = HTTP_NOT_SENT, .err = *err };

		call_done(call, &answer);
		call = next;
	}
}

static void send_waiting(struct genesys *g)
{
	struct genesys_call *call = g->waiting;

	g->waiting = g->waiting_last = NULL;
	while (call) {
		struct genesys_call *next = call->next_waiting;

		call_send(call);
		call = next;
	}
}

static void token_done(void *ctx, const struct http_answer *http)
{
	struct genesys *g = ctx;
	struct genesys_answer answer;

	g->by_op[API_TOKEN] += http->attempts;
	g->token_asked = false;
	translate(API_TOKEN, http, &answer);
	if (answer.err.kind && answer.status >= 400 && answer.status < 500 &&
	    answer.status != 429)
		answer.err.kind = ERR_AUTH;
	if (!answer.err.kind)
		take_token(g, &answer, &answer.err);
	if (answer.err.kind)
		fail_waiting(g, &answer.err);
	else
		send_waiting(g);
}

/*
 * The token endpoint throttles with 400 invalid_request and a description that begins
 * "rate limit exceeded;", not with 429 (facts, section 1).
 */
static bool token_throttled(void *ctx, const struct wire_answer *answer, unsigned attempt)
{
	struct arena mem = ARENA_INIT;
	struct error_text text;
	bool throttled;

	(void)ctx;
	(void)attempt;
	if (answer->status != 400)
		return false;
	read_error(answer->body, &mem, &text);
	throttled = text.message.len >= 19 &&
		    !text_cmp_nocase(text.message.data, 19, "rate limit exceeded", 19);
	arena_release(&mem);
	return throttled;
}

static char *basic_header(const struct genesys *g)
{
	static const char start[] = "Authorization: Basic ";
	size_t id = strlen(g->set.client_id), secret = strlen(g->set.client_secret);
	size_t len = id + 1 + secret;
	char *plain = mem_alloc(len + 1);
	char *header = mem_alloc(sizeof(start) + base64_encoded_size(len));
	size_t coded;

	memcpy(plain, g->set.client_id, id);
	plain[id] = ':';
	memcpy(plain + id + 1, g->set.client_secret, secret);
	memcpy(header, start, sizeof(start) - 1);
	coded = base64_encode(plain, len, header + sizeof(start) - 1);
	header[sizeof(start) - 1 + coded] = '\0';
	explicit_bzero(plain, len);
	mem_free(plain);
	return header;
}

static void ask_token(struct genesys *g)
{
	struct buf url;
	char *basic;
	struct http_request request = {
		.method = api_op(API_TOKEN)->method,
		.body = SLICE("grant_type=client_credentials"),
		.has_body = true,
		.repeat_safe = true,
		.unpaced = true, /* another host with another limit */
		.transient = token_throttled,
		.done = token_done,
		.ctx = g,
	};

	if (g->token_asked)
		return;
	g->token_asked = true;
	buf_init(&url, 4096);
	buf_addf(&url, "%s%s", g->set.login_url, api_op(API_TOKEN)->path);
	basic = basic_header(g);
	request.url = url.data;
	request.headers[0] = basic;
	request.headers[1] = "Content-Type: application/x-www-form-urlencoded";
	request.headers[2] = "Accept: application/json";
	http_start(g->http, &request);
	explicit_bzero(basic, strlen(basic));
	mem_free(basic);
	buf_release(&url);
}

/* ---- one call ---- */

static void wait_for_token(struct genesys_call *call)
{
	struct genesys *g = call->g;

	call->next_waiting = NULL;
	if (g->waiting_last)
		g->waiting_last->next_waiting = call;
	else
		g->waiting = call;
	g->waiting_last = call;
	ask_token(g);
}

static void on_http(void *ctx, const struct http_answer *http)
{
	struct genesys_call *call = ctx;
	struct genesys *g = call->g;
	struct genesys_answer answer;

	g->by_op[call->request.op] += http->attempts;
	if (http->outcome == HTTP_ANSWERED && http->status == 401 && !call->renewed) {
		/* Expired or revoked; others in flight with the same token end here as well. */
		if (call->token_number == g->token_number)
			forget_token(g);
		call->renewed = true;
		call_send(call);
		return;
	}
	translate(call->request.op, http, &answer);
	call_done(call, &answer);
}

static bool on_transient(void *ctx, const struct wire_answer *answer, unsigned attempt)
{
	struct genesys_call *call = ctx;

	return call->request.transient(call->request.ctx, answer, attempt);
}

static void call_send(struct genesys_call *call)
{
	struct genesys *g = call->g;
	struct http_request request = {
		.method = api_op(call->request.op)->method,
		.url = call->url,
		.body = slice_of(call->body, call->request.body.len),
		.has_body = call->body != NULL,
		.repeat_safe = call->request.repeat_safe,
		.transient = call->request.transient ? on_transient : NULL,
		.done = on_http,
		.ctx = call,
	};
	struct buf token, match, type;
	unsigned n = 0;

	if (!g->token || loop_now_us(g->loop) >= g->token_renew_us) {
		wait_for_token(call);
		return;
	}
	buf_init(&token, GENESYS_TOKEN_BYTES_MAX + 64);
	buf_init(&match, 256);
	buf_init(&type, 256);
	buf_addf(&token, "Authorization: Bearer %s", g->token);
	request.headers[n++] = token.data;
	request.headers[n++] = "Accept: application/json, application/scim+json";
	if (call->body) {
		buf_addf(&type, "Content-Type: %s", call->request.content_type);
		request.headers[n++] = type.data;
	}
	if (call->if_match) {
		buf_addf(&match, "If-Match: \"%s\"", call->if_match);
		request.headers[n++] = match.data;
	}
	call->token_number = g->token_number;
	http_start(g->http, &request);
	explicit_bzero(token.data, token.len);
	buf_release(&token);
	buf_release(&match);
	buf_release(&type);
}

/* {...} parts of the path take the ids in their order, percent-encoded. */
static char *make_url(const struct genesys *g, const struct genesys_request *request)
{
	const char *at = api_op(request->op)->path;
	unsigned id = 0;
	struct buf url;

	buf_init(&url, 64u << 10);
	buf_addstr(&url, g->set.api_url);
	while (*at) {
		if (*at != '{') {
			buf_addch(&url, *at++);
			continue;
		}
		assert(id < 3 && request->path_ids[id]);
		buf_addurl(&url, request->path_ids[id], strlen(request->path_ids[id]));
		id++;
		at = strchr(at, '}') + 1;
	}
	if (request->query)
		buf_addstr(&url, request->query);
	assert(!buf_failed(&url));
	return url.data;
}

struct genesys_request genesys_request(enum api_op op)
{
	return (struct genesys_request){ .op = op, .repeat_safe = api_op(op)->repeat_safe };
}

void genesys_start(struct genesys *g, const struct genesys_request *request)
{
	struct genesys_call *call = mem_zalloc(sizeof(*call));

	call->g = g;
	call->request = *request;
	call->url = make_url(g, request);
	if (request->body.len) {
		call->body = mem_alloc(request->body.len);
		memcpy(call->body, request->body.data, request->body.len);
	}
	if (request->if_match)
		call->if_match = mem_strdup(request->if_match);
	call->next = g->all;
	if (g->all)
		g->all->prev = call;
	g->all = call;
	g->pending++;
	call_send(call);
}

void genesys_wait(struct genesys *g)
{
	while (g->pending)
		loop_step(g->loop, LOOP_NEVER);
}

/* ---- pacing ---- */

static int64_t pacer_take(void *ctx, int64_t now_us)
{
	struct genesys *g = ctx;

	return pace_take(&g->pace, now_us);
}

static int64_t header_number(const struct wire_answer *answer, const char *name)
{
	struct slice value = answer ? wire_header(answer, name) : slice_of(NULL, 0);
	int64_t number = 0;

	if (!value.len || value.len > 15)
		return -1;
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return -1;
		number = number * 10 + (value.data[i] - '0');
	}
	return number;
}

static void pacer_answered(void *ctx, int64_t now_us, const struct wire_answer *answer,
			   int64_t retry_after_s)
{
	struct genesys *g = ctx;
	struct pace_news news = {
		.status = answer ? answer->status : 0,
		.count = header_number(answer, "inin-ratelimit-count"),
		.allowed = header_number(answer, "inin-ratelimit-allowed"),
		.reset_s = header_number(answer, "inin-ratelimit-reset"),
		.retry_after_s = retry_after_s,
	};

	if (news.status == 429)
		g->met_429++;
	pace_answered(&g->pace, now_us, &news);
}

/* ---- the table ---- */

static void genesys_make_calls(struct tenant *tenant, const struct plan *plan, unsigned wave,
			       const unsigned char *blocked, struct arena *mem,
			       struct calls *calls)
{
	(void)tenant;
	calls_make(plan, wave, blocked, mem, calls);
}

static void genesys_counters(const struct tenant *tenant, uint64_t by_op[API_OP_COUNT],
			     uint64_t *ret_429)
{
	const struct genesys *g = (const struct genesys *)tenant;

	memcpy(by_op, g->by_op, sizeof(g->by_op));
	*ret_429 = g->met_429;
}

static void wipe(const char *text)
{
	char *own = (char *)text;

	explicit_bzero(own, strlen(own));
	mem_free(own);
}

static void genesys_free(struct tenant *tenant)
{
	struct genesys *g = (struct genesys *)tenant;

	http_free(g->http);
	g->wire->ops->free(g->wire);
	while (g->all)
		call_free(g->all);
	forget_token(g);
	loop_free(g->loop);
	wipe(g->set.api_url);
	wipe(g->set.login_url);
	wipe(g->set.client_id);
	wipe(g->set.client_secret);
	for (unsigned i = 0; i < g->set.privileged_count; i++)
		wipe(g->set.privileged_roles[i]);
	mem_free((void *)g->set.privileged_roles);
	mem_free(g);
}

static void copy_settings(struct genesys *g, const struct genesys_settings *from)
{
	const char **names = mem_array(from->privileged_count, sizeof(*names));

	g->set = *from;
	g->set.api_url = mem_strdup(from->api_url);
	g->set.login_url = mem_strdup(from->login_url);
	g->set.client_id = mem_strdup(from->client_id);
	g->set.client_secret = mem_strdup(from->client_secret);
	for (unsigned i = 0; i < from->privileged_count; i++)
		names[i] = mem_strdup(from->privileged_roles[i]);
	g->set.privileged_roles = names;
}

static double genesys_budget(const struct tenant *tenant)
{
	return pace_per_minute(&((const struct genesys *)tenant)->pace);
}

static const struct tenant_ops ops = {
	.kind = "genesys",
	.read_catalogue = genesys_read_catalogue,
	.read_accounts = genesys_read_accounts,
	.read_external_ids = genesys_read_external_ids,
	.read_deleted = genesys_read_deleted,
	.make_calls = genesys_make_calls,
	.send = genesys_send,
	.settle = genesys_settle,
	.check = genesys_check,
	.budget = genesys_budget,
	.counters = genesys_counters,
	.free = genesys_free,
};

int genesys_open(const struct genesys_settings *settings, struct loop *loop,
		 struct wire *wire, struct rng *rng, struct tenant **ret_tenant,
		 struct err *err)
{
	struct genesys *g = mem_zalloc(sizeof(*g));
	struct http_policy policy = {
		.in_flight_max = settings->in_flight,
		.connect_timeout_ms = settings->connect_timeout_ms,
		.timeout_ms = settings->timeout_ms,
		.deadline_ms = settings->deadline_ms,
		.wait_ms = 500,
		.wait_max_ms = 30000,
		.answer_bytes_max = GENESYS_ANSWER_BYTES_MAX,
	};
	struct http_pacer pacer = { pacer_take, pacer_answered, g };

	(void)err;
	g->base.ops = &ops;
	copy_settings(g, settings);
	g->loop = loop;
	g->wire = wire;
	g->rng = rng;
	pace_init(&g->pace, settings->rate, settings->share_percent);
	g->http = http_new(loop, wire, &policy, &pacer, rng);
	*ret_tenant = &g->base;
	return 0;
}
