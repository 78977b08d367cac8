/*
 * bridge/directory/srv.h - which servers a domain has, from the bytes of a DNS answer.
 *
 * Spec    RFC 2782 (SRV records and the order to try them in), RFC 1035 section 4 (messages).
 * Errors  ERR_PROTOCOL for bytes that are no answer, ERR_NOT_FOUND when the name is not there,
 *         has no such record, or offers no such service (a target of "."), ERR_NET for a
 *         server that could not answer. Pure; chance is given.
 * Limits  SRV_TARGETS_MAX targets; what is above is left out.
 */
#ifndef BRIDGE_DIRECTORY_SRV_H
#define BRIDGE_DIRECTORY_SRV_H

#include <stddef.h>

#include "scim/base/clock.h"
#include "scim/base/err.h"

#define SRV_TARGETS_MAX 64
#define SRV_HOST_BYTES_MAX 254

struct srv_target {
	unsigned priority, weight, port;
	char host[SRV_HOST_BYTES_MAX + 1]; /* lower case, without a dot at the end */
};

struct srv_list {
	struct srv_target items[SRV_TARGETS_MAX];
	unsigned count;
};

/* The SRV records of `name` (a CNAME on the way is followed), in the answer's order. */
int srv_parse(const unsigned char *answer, size_t len, const char *name,
	      struct srv_list *ret_list, struct err *err);
/* Into the order to try them in: by priority, then by chance as their weights say. */
void srv_order(struct srv_list *list, struct rng *rng);

#endif
