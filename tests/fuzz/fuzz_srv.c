/*
 * bridge/directory/srv: any bytes are a list of servers or an error with a text; a list has
 * hosts that can stand in an address, and every order of it has the same servers.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/directory/srv.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long sum_of(const struct srv_list *list)
{
	unsigned long sum = 0;

	for (unsigned i = 0; i < list->count; i++)
		sum += list->items[i].port * 31ul + list->items[i].weight + strlen(list->items[i].host);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	struct srv_list list = { .count = 0 };
	struct err err = ERR_INIT;
	unsigned long sum;
	struct rng rng;

	if (srv_parse(data, size, "_ldap._tcp.example.org", &list, &err)) {
		if (!err.text[0] || list.count)
			abort();
		return 0;
	}
	if (list.count == 0 || list.count > SRV_TARGETS_MAX)
		abort();
	for (unsigned i = 0; i < list.count; i++) {
		const char *host = list.items[i].host;

		if (!host[0] || host[strspn(host, good)] || list.items[i].port == 0 ||
		    list.items[i].port > 65535)
			abort();
	}
	sum = sum_of(&list);
	rng_seed(&rng, sum);
	srv_order(&list, &rng);
	if (sum_of(&list) != sum)
		abort();
	for (unsigned i = 1; i < list.count; i++)
		if (list.items[i].priority < list.items[i - 1].priority)
			abort();
	return 0;
}
