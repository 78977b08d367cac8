/*
 * bridge/cli/check.h - parts of `dirbridge check`, a file each.
 */
#ifndef BRIDGE_CLI_CHECK_H
#define BRIDGE_CLI_CHECK_H

#include "bridge/model/finding.h"
#include "bridge/run.h"

/* What stands in the settings and rules, without asking anybody. */
void check_settings(const struct run *run, struct findings *findings);
/*
 * check --online: directory, tenant, the client's permissions, each name. What is wrong
 * with the rules has been said on stderr. Returns the exit code without the findings'.
 */
enum exit_code check_online(struct run *run, struct findings *findings);
/* After check_online: what the tenant does its own way. */
enum exit_code check_probe(struct run *run, struct findings *findings);
/* What a run with these findings would come to. */
enum exit_code check_verdict(const struct findings *findings);

struct check_report {
	const struct run *run;
	const struct findings *findings;
	bool online, named; /* named: every name was found */
	enum exit_code code;
};
void check_report_text(const struct check_report *report);
void check_report_json(const struct check_report *report);

/*
 * check --permissions: what the client must be allowed to do for these rules. EXIT_USAGE for
 * a SCIM service: what its tokens may do is its own affair.
 */
enum exit_code check_permissions(const struct run *run, bool json);

#endif
