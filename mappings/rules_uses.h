/*
 * mappings/rules_uses.h - what a rule set could ever ask of a tenant, whoever the people are.
 *
 * For checks before anybody is read: which kinds of assignment, which attributes.
 */
#ifndef MAPPINGS_RULES_USES_H
#define MAPPINGS_RULES_USES_H

#include <stdint.h>

#include "mappings/rules.h"

struct rules_uses {
	uint32_t kinds;    /* bit per enum assign_kind that an item states */
	uint64_t attrs;    /* bit per enum scim_attr that a block states */
	bool everywhere;   /* a role with division "*" stands in the rules as it is */
};

struct rules_uses rules_uses(const struct rules *rules);

#endif
