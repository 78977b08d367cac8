#include <string.h>

#include "bridge/config/config.h"
#include "bridge/tenant/genesys.h"

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

static int open_wire(const struct config *config, struct loop *loop, struct wire **ret_wire,
		     struct err *err)
{
	struct wire_curl_options options = {
		.user_agent = "dirbridge/" DIRBRIDGE_VERSION,
		.ca_file = config->target.ca_file,
		.allow_plaintext = config->target.allow_plaintext,
		.connections_max = config->target.in_flight,
	};

	return wire_curl_new(loop, &options, ret_wire, err);
}

static int open_with(const struct config *config, const char *secret, struct loop *loop,
		     struct rng *rng, struct tenant **ret_tenant, struct err *err)
{
	struct arena mem = ARENA_INIT;
	unsigned connect_s = config->target.timeout_s < CONNECT_TIMEOUT_MAX_S ?
				     config->target.timeout_s :
				     CONNECT_TIMEOUT_MAX_S;
	struct genesys_settings settings = {
		.api_url = address(&mem, config->target.api_url),
		.login_url = address(&mem, config->target.login_url),
		.client_id = config->target.client_id,
		.client_secret = secret,
		.rate = config->target.rate_per_minute,
		.share_percent = config->target.share_percent,
		.in_flight = config->target.in_flight,
		.connect_timeout_ms = (int64_t)connect_s * 1000,
		.timeout_ms = (int64_t)config->target.timeout_s * 1000,
		.deadline_ms = (int64_t)config->target.retry_deadline_s * 1000,
		.settle_ms = (int64_t)config->target.settle_s * 1000,
		.privileged_roles = config->privileged_roles.items,
		.privileged_count = config->privileged_roles.count,
	};
	struct wire *wire;
	int result = open_wire(config, loop, &wire, err);

	if (!result)
		result = genesys_open(&settings, loop, wire, rng, ret_tenant, err);
	arena_release(&mem);
	return result;
}

int genesys_tenant(const struct config *config, const struct clock *clock, struct rng *rng,
		   struct tenant **ret_tenant, struct err *err)
{
	struct loop *loop;
	struct buf secret;
	int result;

	buf_init(&secret, CONFIG_SECRET_BYTES_MAX);
	result = config_secret_read(&config->target.secret, "target.client_secret", &secret, err);
	if (!result) {
		loop = loop_new(clock);
		result = open_with(config, secret.data, loop, rng, ret_tenant, err);
		if (result)
			loop_free(loop);
	}
	if (secret.data)
		explicit_bzero(secret.data, secret.len);
	buf_release(&secret);
	return result;
}
