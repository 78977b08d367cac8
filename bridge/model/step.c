#include "bridge/model/step.h"

#include <assert.h>

#include "scim/base/banned.h"

const char *limit_kind_name(enum limit_kind kind)
{
	static const char *const names[LIMIT_KIND_COUNT] = {
		[LIMIT_CREATES] = "creates",
		[LIMIT_DISABLES] = "disables",
		[LIMIT_DELETES] = "deletes",
		[LIMIT_PRIVILEGED] = "privileged",
		[LIMIT_REVOKES] = "revokes",
		[LIMIT_SKILL_REMOVALS] = "skill_removals",
		[LIMIT_GROUP_REMOVALS] = "group_removals",
		[LIMIT_RENAMES] = "renames",
	};

	assert(kind < LIMIT_KIND_COUNT);
	return names[kind];
}

const struct step_row *step_row(enum step_kind kind)
{
	static const struct step_row rows[STEP_KIND_COUNT] = {
#define STEP(id, name, wave, limit, sign, words) { name, wave, limit, sign, words },
#include "bridge/model/step.def"
#undef STEP
	};

	assert(kind < STEP_KIND_COUNT);
	return &rows[kind];
}

const char *outcome_name(enum step_outcome outcome)
{
	static const char *const names[OUTCOME_COUNT] = {
		[OUTCOME_NONE] = "none",       [OUTCOME_DONE] = "done",
		[OUTCOME_ACCEPTED] = "accepted", [OUTCOME_FAILED] = "failed",
		[OUTCOME_REFUSED] = "refused", [OUTCOME_UNKNOWN] = "unknown",
		[OUTCOME_SKIPPED] = "skipped",
	};

	assert(outcome < OUTCOME_COUNT);
	return names[outcome];
}
