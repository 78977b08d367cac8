/*
 * bridge/tenant/scim_calls.h - steps to calls of RFC 7644; pure.
 *
 * Which form a change takes is the profile's word. A call whose form can only be known at
 * the time of sending (PUT wants the whole resource; a group goes in batches) has no body;
 * what sends it builds the parts with what is below.
 */
#ifndef BRIDGE_TENANT_SCIM_CALLS_H
#define BRIDGE_TENANT_SCIM_CALLS_H

#include "bridge/plan/plan.h"
#include "bridge/tenant/scim.h"
#include "scim/filter.h"

/* A group that the plan makes (ITEM_NEW). */
bool service_is_new(const char *group_id);

/* Append the calls of one wave; as tenant_ops.make_calls. */
void service_calls_make(const struct service_profile *profile, const struct plan *plan,
			unsigned wave, const unsigned char *blocked, struct arena *mem,
			struct calls *calls);

/* The changes of `count` profile steps, one each. */
void service_user_ops(const struct plan *plan, const uint32_t *steps, unsigned count,
		      struct scim_patch_op *ret);
/* Whether the service takes them in one PATCH. */
bool service_can_patch(const struct service_profile *profile, const struct scim_patch_op *ops,
		       unsigned count);
void service_user_patch(const struct service_profile *profile, const struct scim_patch_op *ops,
			unsigned count, struct json_out *out);
/* Steps of one group and one kind (one that creates it may stand first). */
void service_group_patch(const struct service_profile *profile, const struct plan *plan,
			 const uint32_t *steps, unsigned count, struct json_out *out);
void service_group_create(const struct plan *plan, const uint32_t *steps, unsigned count,
			  struct json_out *out);
/* Members a request at most. */
unsigned service_group_batch(const struct service_profile *profile, enum step_kind kind);

#endif
