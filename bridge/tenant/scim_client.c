#include "bridge/tenant/scim.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bridge/config/config.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

/* A token is renewed when a tenth of its life is left, at most this long before its end. */
#define RENEW_EARLY_MAX_S 300
#define TOKEN_LIFE_MAX_S (7 * 24 * 3600)

/* expires_in may be left out (RFC 6749 section 5.1): a refused token is renewed anyway. */
#define TOKEN_LIFE_UNKNOWN_S 3600

#define ERROR_BODY_MAX (256u << 10)

struct service_call {
	struct service *service;
	struct service_call *next_waiting, *next, *prev;
	struct service_request request; /* its text is copied */
	char *url, *body, *if_match;
	unsigned token_number;
	bool renewed;
};

static void call_send(struct service_call *call);

/* ---- errors ---- */

int service_err(struct err *err, enum api_op op, const char *correlation_id,
		enum err_kind kind, const char *text)
{
	const struct api_op_row *row = api_op(op);

	if (correlation_id && *correlation_id)
		return err_set(err, kind, "%s %s (request id %s): %s", row->method, row->path,
			       correlation_id, text);
	return err_set(err, kind, "%s %s: %s", row->method, row->path, text);
}

static enum err_kind status_kind(int status, enum scim_error_type type)
{
	if (type == SCIM_ERROR_INVALID_VERS || type == SCIM_ERROR_UNIQUENESS)
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

static void describe_refusal(enum api_op op, struct service_answer *answer)
{
	struct arena mem = ARENA_INIT;
	struct err ignored = ERR_INIT;
	struct scim_error error = { .detail = "" };
	const char *type;
	char words[240], detail[140];

	if (answer->body.len && answer->body.len <= ERROR_BODY_MAX)
		scim_error_read(answer->body.data, answer->body.len, "", &mem, &error,
				&ignored);
	answer->type = error.type;
	type = scim_error_name(error.type);
	text_visible(error.detail, strlen(error.detail), detail, sizeof(detail));
	if (answer->status >= 300 && answer->status < 400)
		snprintf(words, sizeof(words), "%d, a redirect, which is not followed; is "
			 "target.api_url right?", answer->status);
	else if (answer->status == 401)
		snprintf(words, sizeof(words), "401: the service does not take the login; has "
			 "the token expired?");
	else
		snprintf(words, sizeof(words), "%d%s%s%s%s", answer->status, type ? " " : "",
			 type ? type : "", detail[0] ? ": " : "", detail);
	service_err(&answer->err, op, answer->correlation_id,
		    status_kind(answer->status, error.type), words);
	arena_release(&mem);
}

/* No standard names it; these are the usual ones. */
static void note_request_id(const struct wire_answer *wire, char *out, size_t size)
{
	static const char *const names[] = { "X-Request-Id", "X-Correlation-Id", "Request-Id" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct slice value = wire_header(wire, names[i]);

		if (value.data) {
			text_visible(value.data, value.len, out, size);
			return;
		}
	}
}

static void translate(enum api_op op, const struct http_answer *http,
		      struct service_answer *ret)
{
	*ret = (struct service_answer){ .outcome = http->outcome, .status = http->status,
					.body = http->body, .wire = http->wire };
	if (!ret->body.data)
		ret->body = SLICE("");
	if (http->wire)
		note_request_id(http->wire, ret->correlation_id, sizeof(ret->correlation_id));
	if (http->outcome == HTTP_ANSWERED && http->status >= 200 && http->status < 300)
		return;
	if (http->status >= 300)
		describe_refusal(op, ret);
	else
		service_err(&ret->err, op, ret->correlation_id,
			    http->err.kind ? http->err.kind : ERR_PROTOCOL,
			    http->err.kind ? http->err.text : "an answer that says nothing");
}

const char *service_version(struct arena *mem, struct slice version)
{
	bool weak = version.len >= 2 && !memcmp(version.data, "W/", 2);
	struct slice tag = weak ? slice_of(version.data + 2, version.len - 2) : version;
	bool quoted = tag.len >= 2 && tag.data[0] == '"' && tag.data[tag.len - 1] == '"';

	if (quoted)
		tag = slice_of(tag.data + 1, tag.len - 2);
	if (!tag.len || tag.len > 200)
		return NULL;
	for (size_t i = 0; i < tag.len; i++)
		if (tag.data[i] <= ' ' || tag.data[i] > '~' || tag.data[i] == '"')
			return NULL;
	return arena_printf(mem, "%s\"%.*s\"", weak ? "W/" : "", SLICE_FMT(tag));
}

/* ---- login ---- */

static void wipe(const char *text)
{
	char *own = (char *)text;

	if (!own)
		return;
	explicit_bzero(own, strlen(own));
	mem_free(own);
}

static void forget_token(struct service *s)
{
	wipe(s->authorization);
	s->authorization = NULL;
}

static char *basic_header(const char *name, const char *password)
{
	static const char start[] = "Authorization: Basic ";
	size_t id = strlen(name), secret = strlen(password), len = id + 1 + secret, coded;
	char *plain = mem_alloc(len + 1);
	char *header = mem_alloc(sizeof(start) + base64_encoded_size(len));

	memcpy(plain, name, id);
	plain[id] = ':';
	memcpy(plain + id + 1, password, secret);
	memcpy(header, start, sizeof(start) - 1);
	coded = base64_encode(plain, len, header + sizeof(start) - 1);
	header[sizeof(start) - 1 + coded] = '\0';
	explicit_bzero(plain, len);
	mem_free(plain);
	return header;
}

static char *bearer_header(struct slice token)
{
	static const char start[] = "Authorization: Bearer ";
	char *header = mem_alloc(sizeof(start) + token.len);

	memcpy(header, start, sizeof(start) - 1);
	memcpy(header + sizeof(start) - 1, token.data, token.len);
	header[sizeof(start) - 1 + token.len] = '\0';
	return header;
}

/* Goes into a header: visible ASCII only (RFC 6750 section 2.1). */
static bool token_valid(struct slice token)
{
	if (!token.len || token.len > SERVICE_TOKEN_BYTES_MAX)
		return false;
	for (size_t i = 0; i < token.len; i++)
		if (token.data[i] <= ' ' || token.data[i] > '~')
			return false;
	return true;
}

static int take_token(struct service *s, const struct service_answer *answer, struct err *err)
{
	struct arena mem = ARENA_INIT;
	struct err broken = ERR_INIT;
	struct slice key, token = { 0 };
	int64_t life_s = TOKEN_LIFE_UNKNOWN_S, early_s;
	struct json_in in;

	json_open(&in, answer->body.data, answer->body.len, "token", &mem, &broken);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, "access_token"))
			json_get_text(&in, &token);
		else if (slice_eq_str(key, "expires_in") && json_peek(&in) == JSON_IN_NUMBER)
			json_get_int(&in, &life_s);
		else
			json_skip(&in);
	}
	if (json_close(&in) || !token_valid(token) || life_s < 1) {
		/* The reader's own words might quote the token. */
		arena_release(&mem);
		return err_set(err, ERR_PROTOCOL, "%s: the answer is no token; it wants "
			       "access_token", s->set.token_url);
	}
	assert(token.data);
	forget_token(s);
	s->authorization = bearer_header(token);
	s->token_number++;
	if (life_s > TOKEN_LIFE_MAX_S)
		life_s = TOKEN_LIFE_MAX_S;
	early_s = life_s / 10 < RENEW_EARLY_MAX_S ? life_s / 10 : RENEW_EARLY_MAX_S;
	s->renew_us = loop_now_us(s->loop) + (life_s - early_s) * 1000000;
	arena_release(&mem);
	return 0;
}

static void call_free(struct service_call *call)
{
	if (call->prev)
		call->prev->next = call->next;
	else
		call->service->all = call->next;
	if (call->next)
		call->next->prev = call->prev;
	mem_free(call->url);
	mem_free(call->body);
	mem_free(call->if_match);
	mem_free(call);
}

static void call_done(struct service_call *call, const struct service_answer *answer)
{
	call->service->pending--;
	call->request.done(call->request.ctx, answer);
	call_free(call);
}

/* A handler may start new calls: they wait for a token of their own. */
static void end_waiting(struct service *s, const struct err *err)
{
	struct service_call *call = s->waiting;

	s->waiting = s->waiting_last = NULL;
	while (call) {
		struct service_call *next = call->next_waiting;
		struct service_answer answer = { .outcome = HTTP_NOT_SENT, .body = SLICE(""),
						 .err = *err };

		if (err->kind)
			call_done(call, &answer);
		else
			call_send(call);
		call = next;
	}
}

static void token_done(void *ctx, const struct http_answer *http)
{
	struct service *s = ctx;
	struct err err = ERR_INIT;
	struct service_answer answer;

	s->by_op[API_TOKEN] += http->attempts;
	s->token_asked = false;
	translate(API_TOKEN, http, &answer);
	if (!service_ok(&answer)) {
		/* The path in the words is the setting's, not the table's. */
		if (http->status)
			err_set(&err, http->status < 500 && http->status != 429 ? ERR_AUTH
										: ERR_REFUSED,
				"%s: %d; is target.client_id right, and its secret?",
				s->set.token_url, http->status);
		else
			err_set(&err, answer.err.kind, "%s: %s", s->set.token_url,
				http->err.text);
	} else {
		take_token(s, &answer, &err);
	}
	end_waiting(s, &err);
}

static void ask_token(struct service *s)
{
	struct buf body;
	char *basic;
	struct http_request request = {
		.method = "POST", .url = s->set.token_url, .has_body = true,
		.repeat_safe = true, .unpaced = true, .done = token_done, .ctx = s,
	};

	if (s->token_asked)
		return;
	s->token_asked = true;
	buf_init(&body, 8192);
	buf_addstr(&body, "grant_type=client_credentials");
	if (s->set.token_scope) {
		buf_addstr(&body, "&scope=");
		buf_addurl(&body, s->set.token_scope, strlen(s->set.token_scope));
	}
	basic = basic_header(s->set.client_id, s->set.secret);
	request.body = slice_of(body.data, body.len);
	request.headers[0] = basic;
	request.headers[1] = "Content-Type: application/x-www-form-urlencoded";
	request.headers[2] = "Accept: application/json";
	http_start(s->http, &request);
	wipe(basic);
	buf_release(&body);
}

static void log_in(struct service *s)
{
	if (s->set.auth == AUTH_BASIC)
		s->authorization = basic_header(s->set.client_id, s->set.secret);
	else if (s->set.auth == AUTH_BEARER)
		s->authorization = bearer_header(slice_str(s->set.token));
	s->renew_us = LOOP_NEVER;
}

/* ---- one call ---- */

static bool renewable(const struct service *s)
{
	return s->set.auth == AUTH_CLIENT;
}

static void wait_for_token(struct service_call *call)
{
	struct service *s = call->service;

	call->next_waiting = NULL;
	if (s->waiting_last)
		s->waiting_last->next_waiting = call;
	else
		s->waiting = call;
	s->waiting_last = call;
	ask_token(s);
}

static void on_http(void *ctx, const struct http_answer *http)
{
	struct service_call *call = ctx;
	struct service *s = call->service;
	struct service_answer answer;

	s->by_op[call->request.op] += http->attempts;
	if (http->outcome == HTTP_ANSWERED && http->status == 401 && renewable(s) &&
	    !call->renewed) {
		if (call->token_number == s->token_number)
			forget_token(s);
		call->renewed = true;
		call_send(call);
		return;
	}
	translate(call->request.op, http, &answer);
	call_done(call, &answer);
}

static void call_send(struct service_call *call)
{
	struct service *s = call->service;
	struct http_request request = {
		.method = api_op(call->request.op)->method,
		.url = call->url,
		.body = slice_of(call->body, call->request.body.len),
		.has_body = call->body != NULL,
		.repeat_safe = call->request.repeat_safe,
		.done = on_http,
		.ctx = call,
	};
	struct buf match;
	unsigned n = 0;

	if (!s->authorization || (renewable(s) && loop_now_us(s->loop) >= s->renew_us)) {
		wait_for_token(call);
		return;
	}
	buf_init(&match, 256);
	request.headers[n++] = s->authorization;
	request.headers[n++] = "Accept: application/scim+json, application/json";
	if (call->body)
		request.headers[n++] = "Content-Type: application/scim+json";
	if (call->if_match) {
		buf_addf(&match, "If-Match: %s", call->if_match);
		request.headers[n++] = match.data;
	}
	call->token_number = s->token_number;
	http_start(s->http, &request);
	buf_release(&match);
}

static char *make_url(const struct service *s, const struct service_request *request)
{
	const char *path = api_op(request->op)->path;
	size_t len = strcspn(path, "{");
	struct buf url;
	size_t at;

	buf_init(&url, 64u << 10);
	buf_addstr(&url, s->set.url);
	at = url.len;
	buf_add(&url, path, len);
	if (s->profile.lower_paths)
		text_lower(url.data + at, url.len - at);
	if (path[len]) {
		assert(request->id);
		buf_addurl(&url, request->id, strlen(request->id));
	}
	if (request->query)
		buf_addstr(&url, request->query);
	assert(!buf_failed(&url));
	return url.data;
}

struct service_request service_request(enum api_op op)
{
	return (struct service_request){ .op = op, .repeat_safe = api_op(op)->repeat_safe };
}

void service_start(struct service *s, const struct service_request *request)
{
	struct service_call *call = mem_zalloc(sizeof(*call));

	call->service = s;
	call->request = *request;
	call->url = make_url(s, request);
	if (request->body.len) {
		call->body = mem_alloc(request->body.len);
		memcpy(call->body, request->body.data, request->body.len);
	}
	if (request->if_match)
		call->if_match = mem_strdup(request->if_match);
	call->next = s->all;
	if (s->all)
		s->all->prev = call;
	s->all = call;
	s->pending++;
	call_send(call);
}

void service_wait(struct service *s)
{
	while (s->pending)
		loop_step(s->loop, LOOP_NEVER);
}

/* ---- pacing ---- */

static int64_t pacer_take(void *ctx, int64_t now_us)
{
	return pace_take(&((struct service *)ctx)->pace, now_us);
}

static void pacer_answered(void *ctx, int64_t now_us, const struct wire_answer *answer,
			   int64_t retry_after_s)
{
	struct service *s = ctx;
	struct pace_news news = { .status = answer ? answer->status : 0, .count = -1,
				  .allowed = -1, .reset_s = -1,
				  .retry_after_s = retry_after_s };

	if (news.status == 429)
		s->met_429++;
	pace_answered(&s->pace, now_us, &news);
}

/* ---- the table ---- */

static void service_counters(const struct tenant *tenant, uint64_t by_op[API_OP_COUNT],
			     uint64_t *ret_429)
{
	const struct service *s = (const struct service *)tenant;

	memcpy(by_op, s->by_op, sizeof(s->by_op));
	*ret_429 = s->met_429;
}

static void service_free(struct tenant *tenant)
{
	struct service *s = (struct service *)tenant;

	http_free(s->http);
	s->wire->ops->free(s->wire);
	while (s->all)
		call_free(s->all);
	forget_token(s);
	loop_free(s->loop);
	wipe(s->set.url);
	wipe(s->set.token_url);
	wipe(s->set.token_scope);
	wipe(s->set.client_id);
	wipe(s->set.secret);
	wipe(s->set.token);
	wipe(s->profile_file);
	vec_release(&s->members);
	arena_release(&s->mem);
	mem_free(s);
}

static const char *keep(const char *text)
{
	return text ? mem_strdup(text) : NULL;
}

static void copy_settings(struct service *s, const struct service_settings *from)
{
	s->set = *from;
	s->set.url = keep(from->url);
	s->set.token_url = keep(from->token_url);
	s->set.token_scope = keep(from->token_scope);
	s->set.client_id = keep(from->client_id);
	s->set.secret = keep(from->secret);
	s->set.token = keep(from->token);
}

static const struct tenant_ops ops = {
	.kind = "scim",
	.read_catalogue = service_read_catalogue,
	.read_accounts = service_read_accounts,
	.read_external_ids = service_read_external_ids,
	.read_deleted = service_read_deleted,
	.make_calls = service_make_calls,
	.send = service_send,
	.settle = service_settle,
	.probe = service_probe,
	.counters = service_counters,
	.free = service_free,
};

struct tenant *service_open(const struct service_settings *settings, struct loop *loop,
			    struct wire *wire, struct rng *rng)
{
	struct service *s = mem_zalloc(sizeof(*s));
	struct http_policy policy = {
		.in_flight_max = settings->in_flight,
		.connect_timeout_ms = settings->connect_timeout_ms,
		.timeout_ms = settings->timeout_ms,
		.deadline_ms = settings->deadline_ms,
		.wait_ms = 500,
		.wait_max_ms = 30000,
		.answer_bytes_max = SERVICE_ANSWER_BYTES_MAX,
	};
	struct http_pacer pacer = { pacer_take, pacer_answered, s };

	s->base.ops = &ops;
	arena_init(&s->mem);
	copy_settings(s, settings);
	service_profile_init(&s->profile);
	s->loop = loop;
	s->wire = wire;
	s->rng = rng;
	pace_init(&s->pace, settings->rate, settings->share_percent);
	s->http = http_new(loop, wire, &policy, &pacer, rng);
	log_in(s);
	return &s->base;
}
