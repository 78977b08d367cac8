/*
 * bridge/tenant/calls.h - steps to calls: the widest call there is, the fewest in all.
 *
 * Pure: the plan's estimate and the calls of an apply come from the same function. Batch
 * sizes come from api.def. A wave's calls may leave in any order; waves follow each other.
 *
 *   DISABLE ENABLE SET RENAME   one SCIM PATCH a person and wave
 *   CREATE                      one SCIM POST, with the profile, division, and the first
 *                               CALLS_SCIM_SKILLS_MAX skills and languages; what is over
 *                               goes by the routing calls a wave later
 *   SKILL_SET LANGUAGE_SET      bulk PATCH a person
 *   *_REMOVE, REVOKE            single deletes; groups and queues by container
 *   GRANT                       one role to many people, or all of one person's grants,
 *                               by whichever is fewer calls. A role call grants subjects x
 *                               divisions, so only people with exactly the same divisions
 *                               for that role (in this plan) share one.
 *   GROUP_* QUEUE_* DIVISION    by container
 *
 * Memory  Everything in the arena given, except calls->items (vec_release).
 */
#ifndef BRIDGE_TENANT_CALLS_H
#define BRIDGE_TENANT_CALLS_H

#include "bridge/api/api.h"
#include "bridge/plan/plan.h"

/* The vendor's SCIM extension takes 50 skills and 50 languages. */
#define CALLS_SCIM_SKILLS_MAX 50

/* Stands for an account that is not created yet, in an estimate. */
#define CALLS_NO_ACCOUNT "00000000-0000-0000-0000-000000000000"

#define GENESYS_URN_USER "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"

/* Append the calls of one wave. blocked[person] != 0: nothing for that person. */
void calls_make(const struct plan *plan, unsigned wave, const unsigned char *blocked,
		struct arena *mem, struct calls *calls);

/*
 * The call for exactly these steps (copied): what calls_make builds, and what a call that
 * is split in halves is built from. Steps of one person stand together.
 */
void call_build(const struct plan *plan, enum api_op op, const uint32_t *steps,
		unsigned count, struct arena *mem, struct call *ret_call);

/* The value that a profile step writes, as an operation of a SCIM PATCH. */
struct scim_patch_op call_patch_op(const struct step *step);

#endif
