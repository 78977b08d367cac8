/*
 * bridge/model/target.h - the kinds of tenant, and what each has a place for.
 *
 * What rules may state depends on it; the planner asks here and knows no kind by name.
 */
#ifndef BRIDGE_MODEL_TARGET_H
#define BRIDGE_MODEL_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "mappings/rules.h"

/* In the order of the words of target.kind. */
enum target_kind { TARGET_GENESYS, TARGET_SCIM, TARGET_KIND_COUNT };

struct target_row {
	const char *name;     /* "scim", as in the settings */
	const char *words;    /* "a SCIM service" */
	uint32_t kinds;       /* bit per assign_kind that it has */
	bool divisions;       /* a division is a thing with an id; else it is text like others */
	bool external_ids;    /* the bulk read of accounts carries them */
	bool display_name;    /* no account without one */
};
const struct target_row *target_row(unsigned kind);

/*
 * Has a user there a place for the attribute that keeps what is written? Genesys Cloud takes
 * others and shows them to nobody (help page "SCIM and Genesys Cloud field mappings"), so that
 * each run would set them again.
 */
bool target_has_attr(unsigned kind, enum scim_attr attr);

/*
 * Assignments of a kind that the target does not have: an error at each one's line. Returns
 * 0, or -1 with diags.
 */
int target_check_rules(unsigned kind, const struct rules *rules, struct diags *diags);

#endif
