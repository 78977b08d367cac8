/*
 * bridge/tenant/access.h - what an OAuth client must be allowed to do, and what it is.
 *
 * Which operations a configuration uses follows from the rules (a table in access.c); what
 * each needs stands in api.def. Permissions are held by roles in divisions; a permission
 * that concerns people is needed in every division where they are.
 *
 * Pure: no calls. genesys_check.c reads the grants.
 *
 * Memory  Grants and texts live in the arenas given.
 */
#ifndef BRIDGE_TENANT_ACCESS_H
#define BRIDGE_TENANT_ACCESS_H

#include "bridge/api/api.h"
#include "bridge/model/finding.h"
#include "bridge/model/present.h"

/* What the rules use; see mappings/rules_uses.h. */
struct access_use {
	uint32_t kinds;  /* bit per enum assign_kind */
	uint64_t attrs;  /* bit per enum scim_attr */
	bool unlinked;   /* external ids and deleted accounts may have to be looked for */
};

/* Where a permission is needed. */
enum access_where {
	ACCESS_ANYWHERE, /* it has no division, or any will do */
	ACCESS_PEOPLE,   /* each division with people of ours */
	ACCESS_GRANTS,   /* each division in which roles are given or read */
};

/* One operation that is used; `permission` as in api.def, | = any of, "," = all of. */
struct access_need {
	enum api_op op;
	const char *permission;   /* "" = the contract names none */
	const char *advice;       /* then: what others found it to need, or NULL */
	enum access_where where;
	bool judges;              /* what is not seen would be taken for not there */
};

/* Fills `ret` with at most API_OP_COUNT needs, in the table's order; returns how many. */
size_t access_needs(const struct access_use *use, struct access_need ret[API_OP_COUNT]);

/* What one role gives in one division: domain:entity:actions. */
struct access_grant {
	const char *domain, *entity;
	const char *const *actions;
	unsigned action_count;
	const char *division_id, *division, *role; /* division_id "*" = all */
	bool conditional; /* only under a condition that we can't judge */
};

struct access {
	VEC(struct access_grant) grants;
};

/*
 * Where things are needed: catalogue indexes of divisions, ITEM_ALL among them for "*" (a
 * permission in all divisions is wanted then).
 */
struct access_divisions {
	const uint32_t *items;
	unsigned count;
};

/*
 * Judge: a finding for each permission that is missing, with the operations and divisions;
 * one that says so when nothing is. Divisions that must be judged and are not seen are
 * FINDING_REFUSED, other missing permissions FINDING_FAILED, missing advice a warning.
 */
void access_judge(const struct access *access, const struct access_use *use,
		  const struct catalogue *cat, const struct access_divisions *people,
		  const struct access_divisions *grants, struct findings *findings);

#endif
