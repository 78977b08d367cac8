/*
 * bridge/tenant/scim_probe.h - finding out what a service does its own way; for
 * scim_probe.c and scim_probe_group.c.
 *
 * Everything is tried on scratch users and a scratch group of a random name, which are
 * deleted at the end. What is believed is what is read back.
 */
#ifndef BRIDGE_TENANT_SCIM_PROBE_H
#define BRIDGE_TENANT_SCIM_PROBE_H

#include "bridge/model/finding.h"
#include "bridge/tenant/scim.h"

#define PROBE_USERS 3

struct probe {
	struct service *service;
	struct service_profile *profile;
	struct findings *findings;
	struct arena mem;
	struct buf body;              /* of the next request */
	const char *run;              /* random word in all names */
	const char *users[PROBE_USERS]; /* ids; NULL = not there */
	const char *names[PROBE_USERS];
	const char *group;
	/* the last answer */
	int status;
	struct slice answer;
	const char *version;
	struct err err;
};

/* One request, waited for; its body is probe->body, which is empty afterwards. */
void probe_ask(struct probe *probe, enum api_op op, const char *id, const char *query,
	       const char *if_match);
static inline bool probe_good(const struct probe *probe)
{
	return probe->status >= 200 && probe->status < 300;
}
/* Is a text one of the values in the last answer? */
bool probe_says(struct probe *probe, const char *text);
/* `{"schemas": [PatchOp], "Operations": [` operations `]}` into the body. */
void probe_patch_body(struct probe *probe, const char *operations);
void probe_note(struct probe *probe, enum finding_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* scim_probe_group.c */
void probe_group(struct probe *probe);

#endif
