/*
 * bridge/tenant: any bytes as the answer to any reading operation. The first byte says to
 * which, the second how often; the rest is the body. What is read must hold together: every
 * index points at something, and an account is unknown or has its lists.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/tenant/genesys.h"
#include "tests/fake_wire.h"

#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const paths[] = {
	"/authorization/roles?", "/authorization/divisions?", "/routing/skills?",
	"/routing/languages?", "/v2/groups?", "/routing/queues?", "state=active",
	"state=inactive", "/users/query", "state=any", "/users/search", "/grants", "/members",
	"state=deleted", "/scim/v2/users?", "/scim/v2/users/", "/oauth/token",
};

#define PATHS (sizeof(paths) / sizeof(*paths))
#define CALLS_MAX 60

struct bytes {
	const char *match;
	unsigned times, calls;
	char *body;
};

static const char *good(const char *url)
{
	if (strstr(url, "/oauth/token"))
		return "{\"access_token\":\"t\",\"expires_in\":86400}";
	if (strstr(url, "/scim/"))
		return "{\"totalResults\":0,\"Resources\":[]}";
	if (strstr(url, "state=inactive"))
		return "{\"entities\":[],\"total\":20000}";
	if (strstr(url, "state=active"))
		return "{\"entities\":[{\"id\":\"u1\",\"email\":\"a@x\",\"version\":1},{\"id\":\"u2\","
		       "\"email\":\"b@x\",\"skills\":[],\"languages\":[],\"groups\":[]}],\"total\":2}";
	if (strstr(url, "/users/search"))
		return "{\"results\":[],\"total\":0}";
	if (strstr(url, "/v2/users") || strstr(url, "/grants") || strstr(url, "/members"))
		return "{\"entities\":[],\"total\":0}";
	return "{\"entities\":[{\"id\":\"i1\",\"name\":\"One\",\"homeDivision\":true},"
	       "{\"id\":\"i2\",\"name\":\"Two\",\"memberCount\":3}],\"total\":2}";
}

static void respond(void *ctx, const struct wire_request *request, size_t number,
		    struct fake_answer *ret)
{
	struct bytes *bytes = ctx;

	(void)number;
	ret->body = good(request->url);
	/* A list that never ends is ended by its maximum, which is too long for a fuzzer. */
	if (bytes->calls++ > CALLS_MAX)
		ret->status = 400;
	else if (strstr(request->url, bytes->match) && bytes->times) {
		bytes->times--;
		ret->body = bytes->body;
	}
}

static void check_item(const struct present *present, const struct held *held)
{
	if (held->item >= present->catalogue.kinds[held->kind].items.count)
		abort();
	if (held->kind == ASSIGN_ROLE && held->division != ITEM_ALL &&
	    held->division >= present->catalogue.kinds[CAT_DIVISION].items.count)
		abort();
}

static void check(const struct present *present)
{
	for (size_t i = 0; i < present->accounts.count; i++) {
		const struct account *account = &present->accounts.items[i];
		uint64_t at;

		if (!account->id || !account->id[0] || strlen(account->id) > 100 ||
		    strpbrk(account->id, "\r\n\t"))
			abort();
		if (!map_get(&present->by_id, slice_str(account->id), &at) || at != i)
			abort();
		for (unsigned h = 0; h < account->held_count; h++) {
			check_item(present, &account->held[h]);
			if (h && held_cmp(&account->held[h - 1], &account->held[h]) >= 0)
				abort();
		}
	}
}

static int read_all(struct tenant *tenant, struct present *present, struct err *err)
{
	static const char *const ids[] = { "u2", "u7" }, *const names[] = { "a@x", "n@x" };
	static const uint32_t both[] = { 0, 1 }, everywhere[] = { 0, ITEM_ALL };
	struct tenant_whom whom = { names, 2, 100 };
	struct tenant_need need = { .queues = both, .queue_count = 2,
				    .grant_divisions = everywhere, .grant_division_count = 2,
				    .account_ids = ids, .account_count = 2 };
	const struct tenant_ops *ops = tenant->ops;

	if (ops->read_catalogue(tenant, present, err))
		return -1;
	if (present->catalogue.kinds[CAT_QUEUE].items.count < 2)
		need.queue_count = 0;
	if (!present->catalogue.kinds[CAT_DIVISION].items.count)
		need.grant_division_count = 0;
	need.whom = present->catalogue.kinds[CAT_ROLE].items.count == 2 ? NULL : &whom;
	if (ops->read_accounts(tenant, &need, present, err) ||
	    ops->read_external_ids(tenant, present, NULL, 0, err))
		return -1;
	return ops->read_deleted(tenant, names, 2, present, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct genesys_settings settings = {
		.api_url = "https://api.test", .login_url = "https://login.test",
		.client_id = "id", .client_secret = "secret", .share_percent = 100,
		.in_flight = 4, .connect_timeout_ms = 1000, .timeout_ms = 1000,
		.deadline_ms = 2000, .settle_ms = 1000,
	};
	struct bytes bytes = { 0 };
	struct fake_clock clock;
	struct fake_wire wire;
	struct loop *loop;
	struct rng rng;
	struct tenant *tenant;
	struct present present;
	struct err err = ERR_INIT;

	if (size < 2 || size > 65536)
		return 0;
	bytes.match = paths[data[0] % PATHS];
	bytes.times = data[1];
	bytes.body = mem_alloc(size - 1);
	memcpy(bytes.body, data + 2, size - 2);
	bytes.body[size - 2] = '\0';
	fake_clock_init(&clock);
	loop = loop_new(&clock.clock);
	loop_set_idle(loop, fake_idle, &clock);
	fake_wire_init(&wire, loop, respond, &bytes);
	rng_seed(&rng, 1);
	present_init(&present);
	if (genesys_open(&settings, loop, &wire.base, &rng, &tenant, &err))
		abort();
	if (read_all(tenant, &present, &err) && !err.text[0])
		abort();
	check(&present);
	tenant->ops->free(tenant);
	present_release(&present);
	mem_free(bytes.body);
	return 0;
}
