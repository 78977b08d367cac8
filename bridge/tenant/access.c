#include "bridge/tenant/access.h"

#include <stdio.h>
#include <string.h>

#include "scim/base/buf.h"

#include "scim/base/banned.h"

/* Divisions named in one sentence; the rest is counted. */
#define DIVISIONS_SHOWN 8

enum when {
	ALWAYS,
	IF_ROLES,
	IF_SKILLS,
	IF_LANGUAGES,
	IF_GROUPS,
	IF_QUEUES,
	IF_DIVISION,
	IF_UNLINKED,
	IF_NAMED, /* a kind that `kind` names */
};

/*
 * What is used when. The catalogues of roles, skills, languages, groups and queues are read
 * by every run. Where the contract names no permission (x-inin-requires-permissions NO) the
 * advice is what the vendor's pages say of the same thing elsewhere: directory:group:edit for
 * members of groups (facts, section 4), directory:user:view for lists of users, whose twin
 * /users/query wants it in all divisions (section 2), directory:user:edit for moves, which
 * give 403 without permissions since 2025-12 (section 1).
 */
static const struct row {
	const char *kind; /* of IF_NAMED: assign_kind_name */
	const char *advice;
	enum when when;
	enum api_op op;
	enum access_where where;
	bool judges;
} rows[] = {
	{ NULL, NULL, ALWAYS, API_ROLES, ACCESS_ANYWHERE, false },
	{ NULL, NULL, ALWAYS, API_DIVISIONS, ACCESS_ANYWHERE, false },
	{ NULL, NULL, ALWAYS, API_SKILLS, ACCESS_ANYWHERE, false },
	{ NULL, NULL, ALWAYS, API_LANGUAGES, ACCESS_ANYWHERE, false },
	{ NULL, NULL, ALWAYS, API_GROUPS, ACCESS_ANYWHERE, false },
	{ NULL, NULL, ALWAYS, API_QUEUES, ACCESS_ANYWHERE, false },
	{ "location", NULL, IF_NAMED, API_LOCATIONS, ACCESS_ANYWHERE, false },
	{ "team", NULL, IF_NAMED, API_TEAMS, ACCESS_ANYWHERE, false },
	{ "unit", NULL, IF_NAMED, API_UNITS, ACCESS_ANYWHERE, false },
	{ "work plan", NULL, IF_NAMED, API_UNITS, ACCESS_ANYWHERE, false },
	{ "work plan", NULL, IF_NAMED, API_WORK_PLANS, ACCESS_ANYWHERE, false },
	{ NULL, "directory:user:view", ALWAYS, API_USERS, ACCESS_PEOPLE, true },
	{ NULL, NULL, IF_ROLES, API_GRANTS, ACCESS_GRANTS, true },
	{ NULL, NULL, IF_QUEUES, API_QUEUE_MEMBERS, ACCESS_ANYWHERE, false },
	{ "team", NULL, IF_NAMED, API_TEAM_MEMBERS, ACCESS_ANYWHERE, false },
	{ "unit", NULL, IF_NAMED, API_UNIT_USERS, ACCESS_ANYWHERE, false },
	{ "work plan", NULL, IF_NAMED, API_WORK_PLANS_QUERY, ACCESS_ANYWHERE, false },
	{ NULL, "directory:user:view", IF_UNLINKED, API_SCIM_USERS, ACCESS_PEOPLE, false },
	{ NULL, "directory:user:view", ALWAYS, API_SCIM_USER, ACCESS_PEOPLE, false },
	{ NULL, NULL, ALWAYS, API_SCIM_CREATE, ACCESS_PEOPLE, false },
	{ NULL, NULL, ALWAYS, API_SCIM_PATCH, ACCESS_PEOPLE, false },
	{ "location", NULL, IF_NAMED, API_USER_PATCH, ACCESS_PEOPLE, false },
	{ NULL, "directory:user:edit", IF_DIVISION, API_DIVISION_MOVE, ACCESS_PEOPLE, false },
	{ NULL, NULL, IF_SKILLS, API_SKILLS_PATCH, ACCESS_PEOPLE, false },
	{ NULL, NULL, IF_SKILLS, API_SKILLS_PUT, ACCESS_PEOPLE, false },
	{ NULL, NULL, IF_SKILLS, API_SKILL_DELETE, ACCESS_PEOPLE, false },
	{ NULL, NULL, IF_LANGUAGES, API_LANGUAGES_PATCH, ACCESS_PEOPLE, false },
	{ NULL, NULL, IF_LANGUAGES, API_LANGUAGE_DELETE, ACCESS_PEOPLE, false },
	{ NULL, NULL, IF_ROLES, API_ROLE_GRANT, ACCESS_GRANTS, false },
	{ NULL, NULL, IF_ROLES, API_SUBJECT_BULKADD, ACCESS_GRANTS, false },
	{ NULL, NULL, IF_ROLES, API_GRANT_DELETE, ACCESS_GRANTS, false },
	{ NULL, "directory:group:edit", IF_GROUPS, API_GROUP_ADD, ACCESS_ANYWHERE, false },
	{ NULL, "directory:group:edit", IF_GROUPS, API_GROUP_REMOVE, ACCESS_ANYWHERE, false },
	{ NULL, NULL, IF_QUEUES, API_QUEUE_CHANGE, ACCESS_ANYWHERE, false },
	{ "team", NULL, IF_NAMED, API_TEAM_ADD, ACCESS_PEOPLE, false },
	{ "team", NULL, IF_NAMED, API_TEAM_REMOVE, ACCESS_PEOPLE, false },
	{ "unit", NULL, IF_NAMED, API_UNIT_MOVE, ACCESS_ANYWHERE, false },
	{ "work plan", NULL, IF_NAMED, API_WORK_PLANS_PATCH, ACCESS_ANYWHERE, false },
};

static bool kind_named(const struct access_use *use, const char *name)
{
	for (int kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		if ((use->kinds & 1u << kind) && !strcmp(assign_kind_name(kind), name))
			return true;
	return false;
}

static bool row_used(const struct row *row, const struct access_use *use)
{
	switch (row->when) {
	case ALWAYS:
		return true;
	case IF_ROLES:
		return use->kinds & 1u << ASSIGN_ROLE;
	case IF_SKILLS:
		return use->kinds & 1u << ASSIGN_SKILL;
	case IF_LANGUAGES:
		return use->kinds & 1u << ASSIGN_LANGUAGE;
	case IF_GROUPS:
		return use->kinds & 1u << ASSIGN_GROUP;
	case IF_QUEUES:
		return use->kinds & 1u << ASSIGN_QUEUE;
	case IF_DIVISION:
		return use->attrs & UINT64_C(1) << SCIM_ATTR_DIVISION;
	case IF_UNLINKED:
		return use->unlinked;
	case IF_NAMED:
		break;
	}
	return kind_named(use, row->kind);
}

size_t access_needs(const struct access_use *use, struct access_need ret[API_OP_COUNT])
{
	bool there[API_OP_COUNT] = { false };
	size_t count = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		if (there[row->op] || !row_used(row, use))
			continue;
		there[row->op] = true;
		ret[count++] = (struct access_need){
			.op = row->op, .permission = api_op(row->op)->permission,
			.advice = row->advice, .where = row->where, .judges = row->judges,
		};
	}
	return count;
}

/* --- does a grant give it? --------------------------------------------------------------- */

static bool part_matches(const char *given, struct slice wanted)
{
	return !strcmp(given, "*") || slice_eq_str(wanted, given);
}

static struct slice next_part(struct slice *rest, char separator)
{
	const char *end = memchr(rest->data, separator, rest->len);
	struct slice part = slice_of(rest->data, end ? (size_t)(end - rest->data) : rest->len);

	*rest = end ? slice_of(end + 1, rest->len - part.len - 1) :
		      slice_of(rest->data + rest->len, 0);
	return part;
}

/* "directory:user:add" */
static bool grant_gives(const struct access_grant *grant, struct slice permission)
{
	struct slice rest = permission;
	struct slice domain = next_part(&rest, ':'), entity = next_part(&rest, ':');

	if (!part_matches(grant->domain, domain) || !part_matches(grant->entity, entity))
		return false;
	for (unsigned i = 0; i < grant->action_count; i++)
		if (part_matches(grant->actions[i], rest))
			return true;
	return false;
}

/* Is one permission held in a division? ITEM_NONE: in any; ITEM_ALL: in all of them. */
static bool holds_one(const struct access *access, const struct catalogue *cat,
		      struct slice permission, uint32_t division, bool *ret_conditional)
{
	bool held = false, plain = false;

	for (size_t i = 0; i < access->grants.count; i++) {
		const struct access_grant *grant = &access->grants.items[i];
		bool there = division == ITEM_NONE || !strcmp(grant->division_id, "*");

		if (!there && division != ITEM_ALL)
			there = !strcmp(grant->division_id,
					catalogue_item(cat, CAT_DIVISION, division)->id);
		if (!there || !grant_gives(grant, permission))
			continue;
		held = true;
		plain |= !grant->conditional;
	}
	if (held && !plain)
		*ret_conditional = true;
	return held;
}

/* "a|b" any of, "a,b" all of; the table mixes them nowhere. */
static bool holds(const struct access *access, const struct catalogue *cat,
		  const char *permission, uint32_t division, bool *ret_conditional)
{
	bool any = strchr(permission, '|') != NULL;
	struct slice rest = slice_str(permission);

	while (rest.len) {
		bool held = holds_one(access, cat, next_part(&rest, any ? '|' : ','), division,
				      ret_conditional);

		if (held == any)
			return any;
	}
	return !any;
}

/* --- judging ----------------------------------------------------------------------------- */

struct judge {
	const struct access *access;
	const struct catalogue *cat;
	const struct access_divisions *people, *grants;
	struct findings *findings;
	size_t missing;
};

/* One permission, whoever needs it: a sentence for all of its operations. */
struct demand {
	const char *permission;
	enum access_where where;
	bool advice, judges;
};

static const char *division_name(const struct catalogue *cat, uint32_t division)
{
	return division == ITEM_ALL ? "all divisions (*)" :
				      catalogue_item(cat, CAT_DIVISION, division)->name;
}

static void name_division(struct buf *out, const char *name, unsigned number)
{
	char shown[100];

	text_visible(name, strlen(name), shown, sizeof(shown));
	if (number < DIVISIONS_SHOWN)
		buf_addf(out, "%s\"%s\"", number ? ", " : "", shown);
}

/* Names of the divisions where it is not held; 0 when it is held wherever it is needed. */
static unsigned missing_in(const struct judge *j, const struct demand *demand, struct buf *out,
			   bool *ret_conditional)
{
	const struct access_divisions *where = demand->where == ACCESS_GRANTS ? j->grants :
									       j->people;
	unsigned missing = 0;

	for (unsigned i = 0; i < where->count; i++)
		if (!holds(j->access, j->cat, demand->permission, where->items[i],
			   ret_conditional))
			name_division(out, division_name(j->cat, where->items[i]), missing++);
	if (missing > DIVISIONS_SHOWN)
		buf_addf(out, " and %u more", missing - DIVISIONS_SHOWN);
	return missing;
}

/* "any of a, b" for a|b; "a and b" for a,b. */
static void spell(const char *permission, struct buf *out)
{
	bool any = strchr(permission, '|') != NULL;
	struct slice rest = slice_str(permission);

	for (unsigned n = 0; rest.len; n++) {
		struct slice one = next_part(&rest, any ? '|' : ',');

		buf_addf(out, "%s%.*s", n ? any ? " or " : " and " : "", SLICE_FMT(one));
	}
}

static void name_operations(const struct access_need *needs, size_t count,
			    const struct demand *demand, struct buf *out)
{
	unsigned n = 0;

	for (size_t i = 0; i < count; i++) {
		const char *wanted = demand->advice ? needs[i].advice : needs[i].permission;

		if (!wanted || strcmp(wanted, demand->permission) != 0 ||
		    needs[i].where != demand->where)
			continue;
		buf_addf(out, "%s%s (%s %s)", n++ ? ", " : "", api_words(needs[i].op),
			 api_op(needs[i].op)->method, api_op(needs[i].op)->path);
	}
}

static void say_missing(struct judge *j, const struct demand *demand, const char *ops,
			const char *divisions, const char *spelt)
{
	bool nowhere = !*divisions;
	enum finding_level level = demand->judges  ? FINDING_REFUSED :
				   demand->advice ? FINDING_WARNING :
						    FINDING_FAILED;
	struct buf way;

	j->missing++;
	buf_init(&way, FINDING_BYTES_MAX);
	buf_addf(&way, "give the client a role with %s%s%s", spelt, nowhere ? "" : " in ",
		 divisions);
	if (demand->judges)
		findings_add(j->findings, level, "permission", way.data,
			     "the client does not see what it must judge: it has no %s%s%s; what "
			     "it does not see there would be taken for not there. Needed for: %s",
			     spelt, nowhere ? "" : " in ", divisions, ops);
	else
		findings_add(j->findings, level, "permission", way.data,
			     "%s%s%s is %s; needed for: %s", spelt, nowhere ? "" : " in ",
			     divisions,
			     demand->advice ? "missing, which the contract does not name but "
					      "which others needed" :
					      "missing",
			     ops);
	buf_release(&way);
}

static void judge_demand(struct judge *j, const struct demand *demand,
			 const struct access_need *needs, size_t count)
{
	struct buf divisions, ops, spelt;
	bool conditional = false, missing;

	buf_init(&divisions, 4096);
	buf_init(&ops, 4096);
	buf_init(&spelt, 1024);
	spell(demand->permission, &spelt);
	name_operations(needs, count, demand, &ops);
	missing = !holds(j->access, j->cat, demand->permission, ITEM_NONE, &conditional);
	if (!missing && demand->where != ACCESS_ANYWHERE)
		missing = missing_in(j, demand, &divisions, &conditional) > 0;
	if (missing)
		say_missing(j, demand, ops.data, divisions.len ? divisions.data : "", spelt.data);
	else if (conditional)
		findings_add(j->findings, FINDING_WARNING, "permission",
			     "look at the conditions of the client's roles",
			     "%s is held only under a condition, which is not checked here; "
			     "needed for: %s", spelt.data, ops.data);
	buf_release(&divisions);
	buf_release(&ops);
	buf_release(&spelt);
}

/* Was this permission, in this place, asked about by a need before? */
static bool seen_before(const struct access_need *needs, size_t at, const struct demand *demand)
{
	for (size_t i = 0; i < at; i++) {
		const char *wanted = *needs[i].permission ? needs[i].permission : needs[i].advice;

		if (wanted && !strcmp(wanted, demand->permission) &&
		    needs[i].where == demand->where &&
		    !*needs[i].permission == demand->advice)
			return true;
	}
	return false;
}

void access_judge(const struct access *access, const struct access_use *use,
		  const struct catalogue *cat, const struct access_divisions *people,
		  const struct access_divisions *grants, struct findings *findings)
{
	struct judge j = { access, cat, people, grants, findings, 0 };
	struct access_need needs[API_OP_COUNT];
	size_t count = access_needs(use, needs);

	for (size_t i = 0; i < count; i++) {
		struct demand demand = {
			.permission = *needs[i].permission ? needs[i].permission :
							     needs[i].advice,
			.where = needs[i].where,
			.advice = !*needs[i].permission,
			.judges = needs[i].judges,
		};

		if (!demand.permission || seen_before(needs, i, &demand))
			continue;
		judge_demand(&j, &demand, needs, count);
	}
	if (!j.missing)
		findings_add(findings, FINDING_GOOD, "permission", NULL,
			     "all permissions that these rules need are held where they are "
			     "needed");
}
