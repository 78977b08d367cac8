#include <string.h>

#include "bridge/config/config.h"
#include "bridge/tenant/scim.h"

#include "scim/base/banned.h"

#ifndef DIRBRIDGE_VERSION
#define DIRBRIDGE_VERSION "0"
#endif

/* Nobody answers a connection slower than this; what takes longer is a dropped packet. */
#define CONNECT_TIMEOUT_MAX_S 10

/* A slash at the end of an address in the settings would double the path's. */
static char *address(struct arena *mem, const char *url)
{
	size_t len = strlen(url);

	while (len && url[len - 1] == '/')
		len--;
	return arena_strndup(mem, url, len);
}

/* A token goes into a header as it is. */
static int check_token(const struct buf *token, struct err *err)
{
	for (size_t i = 0; i < token->len; i++)
		if (token->data[i] <= ' ' || token->data[i] > '~')
			return err_set(err, ERR_INVALID, "target.token: a token is one word of "
				       "ASCII; this one has other bytes in it");
	return 0;
}

static int open_with(const struct config *config, const char *secret, struct loop *loop,
		     struct rng *rng, struct tenant **ret_tenant, struct err *err)
{
	struct arena mem = ARENA_INIT;
	bool bearer = config->target.auth == AUTH_BEARER;
	unsigned timeout_s = config->target.timeout_s;
	unsigned connect_s = timeout_s < CONNECT_TIMEOUT_MAX_S ? timeout_s
							       : CONNECT_TIMEOUT_MAX_S;
	struct wire_curl_options options = {
		.user_agent = "dirbridge/" DIRBRIDGE_VERSION,
		.ca_file = config->target.ca_file,
		.allow_plaintext = config->target.allow_plaintext,
		.connections_max = config->target.in_flight,
	};
	struct service_settings settings = {
		.url = address(&mem, config->target.api_url),
		.auth = config->target.auth,
		.token_url = config->target.token_url,
		.token_scope = config->target.token_scope,
		.client_id = config->target.client_id,
		.secret = bearer ? NULL : secret,
		.token = bearer ? secret : NULL,
		.rate = config->target.rate_per_minute,
		.share_percent = config->target.share_percent,
		.in_flight = config->target.in_flight,
		.page_size = config->target.page_size,
		.connect_timeout_ms = (int64_t)connect_s * 1000,
		.timeout_ms = (int64_t)timeout_s * 1000,
		.deadline_ms = (int64_t)config->target.retry_deadline_s * 1000,
		.bulk = config->target.bulk,
		.create_groups = config->target.create_groups,
	};
	struct wire *wire;
	int status = wire_curl_new(loop, &options, &wire, err);

	if (!status) {
		struct tenant *tenant = service_open(&settings, loop, wire, rng);
		struct service *service = (struct service *)tenant;

		service->profile_file = mem_strdup(config->target.profile_file);
		if (service_profile_load(&service->profile, service->profile_file,
					 settings.url, err)) {
			tenant->ops->free(tenant); /* and the loop */
			status = 1;
		} else {
			*ret_tenant = tenant;
		}
	}
	arena_release(&mem);
	return status;
}

int scim_tenant(const struct config *config, const struct clock *clock, struct rng *rng,
		struct tenant **ret_tenant, struct err *err)
{
	bool bearer = config->target.auth == AUTH_BEARER;
	struct loop *loop;
	struct buf secret;
	int result;

	buf_init(&secret, CONFIG_SECRET_BYTES_MAX);
	result = config_secret_read(bearer ? &config->target.token : &config->target.secret,
				    bearer ? "target.token" : "target.client_secret", &secret,
				    err);
	if (!result && bearer)
		result = check_token(&secret, err);
	if (!result) {
		loop = loop_new(clock);
		result = open_with(config, secret.data, loop, rng, ret_tenant, err);
		if (result < 0)
			loop_free(loop);
	}
	if (secret.data)
		explicit_bzero(secret.data, secret.len);
	buf_release(&secret);
	return result ? -1 : 0;
}
