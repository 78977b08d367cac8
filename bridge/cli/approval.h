/*
 * bridge/cli/approval.h - what somebody allows for one plan, and their signature for it.
 *
 * --allow KIND=COUNT raises one limit for that plan only. An approval is a file beside the
 * plan, PLAN.sig: one JSON object that names the plan by its hash and what is allowed with it,
 * signed with a key of whoever may say yes (scim/base/sign.h).
 */
#ifndef BRIDGE_CLI_APPROVAL_H
#define BRIDGE_CLI_APPROVAL_H

#include "bridge/cli/cli.h"
#include "bridge/config/config.h"
#include "scim/base/digest.h"

#define ALLOW_OPTION                                                                       \
	{ "allow", 0, "KIND=COUNT",                                                        \
	  "for this plan only, up to COUNT (disables=40); may be repeated" }

/* By limit kind; -1 = nothing is allowed beyond the settings. */
struct allowances {
	long counts[LIMIT_KIND_COUNT];
};

/* The --allow of the command line. ERR_USAGE. */
int allowances_read(const struct cli_args *args, struct allowances *ret, struct err *err);
bool allowances_any(const struct allowances *allow);
/* Set the limits of the settings accordingly. */
void allowances_use(const struct allowances *allow, struct config *config);

/* Write PLAN.sig. */
int approval_write(const char *plan_file, const char hash[DIGEST_TEXT],
		   const struct allowances *allow, const char *private_key_file,
		   int64_t now_s, struct err *err);
/* Read PLAN.sig: it must be signed by that key, and for that plan. */
int approval_read(const char *plan_file, const char hash[DIGEST_TEXT],
		  const char *public_key_file, struct allowances *ret, struct err *err);

#endif
