/*
 * Tokens: POST /oauth/token with HTTP Basic and a form (facts, section 1), and what a
 * bearer token is good for.
 */
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

#define BASIC_BYTES_MAX 1024

/* {"error", "description", "error_description"}, no ErrorBody. */
static void refuse_token(struct call *call, int status, const char *error,
			 const char *description)
{
	answer_begin(call, status);
	json_out_object(&call->out);
	json_out_member(&call->out, "error", error);
	json_out_member(&call->out, "description", description);
	json_out_member(&call->out, "error_description", description);
	json_out_object_end(&call->out);
}

void refuse_token_rate(struct call *call)
{
	call->sandbox->throttled++;
	refuse_token(call, 400, "invalid_request",
		     "rate limit exceeded; retry the request later");
}

/* The value behind the scheme's name, or NULL. */
static const char *credentials(const struct call *call, const char *scheme)
{
	const char *value = call->request->authorization;
	size_t len = strlen(scheme);

	if (!value || strlen(value) <= len || value[len] != ' ' ||
	    text_cmp_nocase(value, len, scheme, len) != 0)
		return NULL;
	for (value += len; *value == ' ';)
		value++;
	return value;
}

static const struct client *find_client(const struct call *call, uint32_t *ret)
{
	const char *basic = credentials(call, "Basic");
	char text[BASIC_BYTES_MAX + 1], *colon;
	long len;

	if (!basic || strlen(basic) > BASIC_BYTES_MAX)
		return NULL;
	len = base64_decode(basic, strlen(basic), text);
	if (len < 0)
		return NULL;
	text[len] = '\0';
	colon = strchr(text, ':');
	if (!colon)
		return NULL;
	*colon = '\0';
	for (size_t i = 0; i < call->store->clients.count; i++) {
		const struct client *client = &call->store->clients.items[i];

		if (!strcmp(client->id, text) && !strcmp(client->secret, colon + 1)) {
			*ret = (uint32_t)i;
			return client;
		}
	}
	return NULL;
}

static struct token *make_token(struct call *call, uint32_t client)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct sandbox *sandbox = call->sandbox;
	struct token *token = &sandbox->tokens[sandbox->token_count++ % TOKENS_MAX];

	memset(token, 0, sizeof(*token));
	for (size_t i = 0; i < TOKEN_BYTES - 1; i++)
		token->text[i] = letters[rng_below(&sandbox->rng, 64)];
	token->client = client;
	token->expires_us = call->mono_us + sandbox->options.token_life_s * INT64_C(1000000);
	return token;
}

static bool is_form(const char *type)
{
	return type && !text_cmp_nocase(type, strcspn(type, "; \t"),
					"application/x-www-form-urlencoded", 33);
}

void op_token(struct call *call)
{
	struct json_out *out = &call->out;
	const struct token *token;
	uint32_t client;

	if (!is_form(call->request->content_type)) {
		refuse_token(call, 400, "invalid_request", "the body must be a form");
		return;
	}
	if (!find_client(call, &client)) {
		refuse_token(call, 401, "invalid_client", "authentication failed");
		return;
	}
	call->query = call->request->body;
	if (!query_parse(call))
		return;
	if (!slice_eq_str(query_get(call, "grant_type"), "client_credentials")) {
		refuse_token(call, 400,
			     query_get(call, "grant_type").data ? "unsupported_grant_type" :
								  "invalid_request",
			     "grant_type must be client_credentials");
		return;
	}
	token = make_token(call, client);
	answer_begin(call, 200);
	json_out_object(out);
	json_out_member(out, "access_token", token->text);
	json_out_member(out, "token_type", "bearer");
	json_out_member_int(out, "expires_in", call->sandbox->options.token_life_s);
	json_out_object_end(out);
}

struct token *oauth_check(struct call *call)
{
	const char *bearer = credentials(call, "Bearer");
	struct sandbox *sandbox = call->sandbox;
	size_t count = sandbox->token_count < TOKENS_MAX ? sandbox->token_count : TOKENS_MAX;

	if (!bearer) {
		refuse_platform(call, 401, "authentication.required",
				"No authentication bearer token specified in authorization "
				"header.");
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		struct token *token = &sandbox->tokens[i];

		if (!strcmp(token->text, bearer) && call->mono_us < token->expires_us)
			return token;
	}
	refuse_platform(call, 401, "bad.credentials", "Invalid login credentials.");
	return NULL;
}

/* TokenInfo: whose token this is. */
void op_token_info(struct call *call)
{
	const struct client *client = &call->store->clients.items[call->token->client];
	struct json_out *out = &call->out;

	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "organization");
	json_out_object(out);
	json_out_member(out, "id", "sandbox");
	json_out_member(out, "name", "Sandbox");
	json_out_object_end(out);
	json_out_key(out, "OAuthClient");
	json_out_object(out);
	json_out_member(out, "id", client->id);
	json_out_member(out, "name", client->name ? client->name : client->id);
	json_out_member(out, "authorizedGrantType", "CLIENT-CREDENTIALS");
	json_out_object_end(out);
	json_out_object_end(out);
}
