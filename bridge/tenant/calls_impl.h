/*
 * bridge/tenant/calls_impl.h - what the files of the planner of calls share.
 *
 *   calls.c          the waves: whose steps ride in which call
 *   calls_grants.c   role calls and bulkadds, by whichever is fewer
 *   calls_build.c    one call from its steps: place, query, body
 *   calls_profile.c  the SCIM bodies
 */
#ifndef BRIDGE_TENANT_CALLS_IMPL_H
#define BRIDGE_TENANT_CALLS_IMPL_H

#include "bridge/tenant/calls.h"

/* The largest body: 100 ids, or a profile with 50 skills. Values are bounded where read. */
#define BODY_BYTES_MAX (4u << 20)

/* One wave in the making. */
struct calls_maker {
	const struct plan *plan;
	unsigned wave;
	const unsigned char *blocked;
	struct arena *mem;
	struct calls *calls;
};

/* calls.c: append the call of these steps; the chunks that api.def's batch makes of them. */
void calls_emit(struct calls_maker *m, enum api_op op, const uint32_t *steps,
		unsigned count);
void calls_emit_chunks(struct calls_maker *m, enum api_op op, const uint32_t *steps,
		       size_t count);

/* calls_grants.c: the wave's grants, if they are this wave's. */
void calls_make_grants(struct calls_maker *m);

/* calls_build.c: the plan's step; the person's account id, or CALLS_NO_ACCOUNT. */
const struct step *calls_step(const struct plan *plan, uint32_t index);
const char *calls_account(const struct plan *plan, uint32_t person);

/* calls_profile.c */
void calls_write_patch(const struct plan *plan, const struct call *call,
		       struct json_out *out);
void calls_write_create(const struct plan *plan, const struct call *call,
			struct json_out *out);

#endif
