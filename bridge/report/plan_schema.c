/*
 * The JSON Schema of a plan: the members that json.c writes and plan_read.c reads, as rows.
 *
 * Objects are closed, as plan_read.c has it: what a program did not expect in a plan it may
 * not have understood, and a plan is a thing to say yes to.
 */
#include "bridge/report/plan_file.h"

#include "bridge/api/api.h"
#include "mappings/json_schema.h"

#include "scim/base/banned.h"

enum form {
	TEXT,
	TEXTS,
	TIME,
	COUNT,
	NUMBER,
	BOOL,
	YES,        /* true; absent when it is not so */
	HASH,
	NAME,       /* one of `names` */
	OBJECT,     /* as defined under `of` */
	LIST,       /* of these */
};

/* Names of a table of the program. */
struct names {
	unsigned count;
	const char *(*name_of)(unsigned);
};

struct member {
	const char *name;
	enum form form;
	bool always;
	const char *help;
	const char *of;
	const struct names *names;
};

/* --- names ------------------------------------------------------------------------------- */

static const char *kind_name(unsigned i)
{
	return step_row((enum step_kind)i)->name;
}
static const char *change_name(unsigned i)
{
	return person_change_name((enum person_change)i);
}
static const char *attr_name(unsigned i)
{
	return scim_attr((enum scim_attr)i)->name;
}
static const char *limit_name(unsigned i)
{
	return limit_kind_name((enum limit_kind)i);
}
static const char *op_name(unsigned i)
{
	return api_op((enum api_op)i)->name;
}
static const char *read_name(unsigned i)
{
	static const char *const names[] = { "all", "changes", "selected" };

	return names[i];
}
static const char *version_name(unsigned i)
{
	(void)i;
	return "dirbridge.plan/1";
}

static const struct names kinds = { STEP_KIND_COUNT, kind_name };
static const struct names changes = { PERSON_CHANGE_COUNT, change_name };
static const struct names attributes = { SCIM_ATTR_COUNT, attr_name };
static const struct names limits = { LIMIT_KIND_COUNT, limit_name };
static const struct names operations = { API_OP_COUNT, op_name };
static const struct names reads = { 3, read_name };
static const struct names versions = { 1, version_name };

/* --- members ----------------------------------------------------------------------------- */

static const struct member plan_members[] = {
	{ "schema", NAME, true, "this form, and its version", NULL, &versions },
	{ "time", TIME, true, "when it was made; `now` of the rules", NULL, NULL },
	{ "expires", TIME, false, "it is not applied after this", NULL, NULL },
	{ "source", TEXT, false, "the directory", NULL, NULL },
	{ "target", TEXT, false, "the tenant", NULL, NULL },
	{ "inputs", TEXT, false, "hash of settings and rules", NULL, NULL },
	{ "directory", OBJECT, true, "how the directory was read", "verdict", NULL },
	{ "tenant", OBJECT, true, "how the tenant was read", "verdict", NULL },
	{ "read", NAME, true, "whom it is of: all, those whom changes touch, or --only", NULL, &reads },
	{ "touched", COUNT, false, "people whom changes touch", NULL, NULL },
	{ "selected", TEXTS, false, "--only, as given", NULL, NULL },
	{ "inScope", COUNT, true, "people in the directory", NULL, NULL },
	{ "unchanged", COUNT, true, "people for whom there is nothing to do", NULL, NULL },
	{ "foreign", COUNT, true, "accounts that are not ours", NULL, NULL },
	{ "foundLeft", COUNT, false, "things that adopted accounts had before, and keep", NULL, NULL },
	{ "refused", BOOL, true, "a limit or guard says no: nothing may be applied", NULL, NULL },
	{ "refusals", TEXTS, true, "why, in words", NULL, NULL },
	{ "warnings", TEXTS, true, NULL, NULL, NULL },
	{ "sums", OBJECT, true, "steps by kind, of the kinds that there are", "sums", NULL },
	{ "limits", OBJECT, true, NULL, "limits", NULL },
	{ "calls", OBJECT, true, "calls to the tenant by operation, estimated", "calls", NULL },
	{ "callsPerMinute", COUNT, true, "present budget; 0 = none", NULL, NULL },
	{ "skipped", LIST, true, "people, or kinds of theirs, that are left as they are", "skip", NULL },
	{ "skippedByRule", LIST, false, "people whom a rule leaves as they are", "skip", NULL },
	{ "links", LIST, true, "accounts found by our external id", "link", NULL },
	{ "people", LIST, true, "people with steps, by directory id", "person", NULL },
	{ "steps", LIST, true, "changes; those of a person stand together, in order", "step", NULL },
	{ "sha256", HASH, true, "of all bytes before it, the comma in front of it included", NULL, NULL },
};

static const struct member verdict_members[] = {
	{ "complete", BOOL, true, "every page and range arrived", NULL, NULL },
	{ "count", COUNT, true, "entries or accounts", NULL, NULL },
	{ "reasons", TEXTS, true, "why it is not complete, the first ones", NULL, NULL },
};

static const struct member limit_members[] = {
	{ "planned", COUNT, true, "in this plan", NULL, NULL },
	{ "recent", COUNT, true, "applied in the last 24 hours", NULL, NULL },
	{ "allowed", COUNT, true, "of both together", NULL, NULL },
	{ "exceeded", BOOL, true, NULL, NULL, NULL },
};

static const struct member person_members[] = {
	{ "person", TEXT, true, "immutable id in the directory", NULL, NULL },
	{ "dn", TEXT, true, NULL, NULL, NULL },
	{ "userName", TEXT, true, "login name", NULL, NULL },
	{ "displayName", TEXT, true, NULL, NULL, NULL },
	{ "change", NAME, true, NULL, NULL, &changes },
	{ "account", TEXT, false, "id in the tenant; none until it is created", NULL, NULL },
	{ "version", TEXT, false, "of the account, as it is expected", NULL, NULL },
};

static const struct member step_members[] = {
	{ "step", COUNT, true, "its number, from 0", NULL, NULL },
	{ "kind", NAME, true, NULL, NULL, &kinds },
	{ "person", TEXT, true, "one of `people`", NULL, NULL },
	{ "userName", TEXT, true, "of the person", NULL, NULL },
	{ "attribute", NAME, false, "of the profile", NULL, &attributes },
	{ "type", TEXT, false, "of a value among several: work, mobile, ...", NULL, NULL },
	{ "name", TEXT, false, "of the role, skill, group, ...; of a new manager the login name",
	  NULL, NULL },
	{ "id", TEXT, false, "of the role, skill, group, ... in the tenant", NULL, NULL },
	{ "division", TEXT, false, "that a role is granted in; unit of a work plan", NULL, NULL },
	{ "divisionId", TEXT, false, "its id; * is all divisions", NULL, NULL },
	{ "old", TEXT, false, "the value that it replaces; absent = none", NULL, NULL },
	{ "oldName", TEXT, false, "login name of the manager before", NULL, NULL },
	{ "manager", TEXT, false, "directory id of a manager whose account this plan makes", NULL, NULL },
	{ "new", TEXT, false, "the value after; absent = taken away", NULL, NULL },
	{ "level", NUMBER, false, "of a skill or language, after", NULL, NULL },
	{ "drift", YES, false, "somebody else changed what dirbridge had set", NULL, NULL },
	{ "privileged", YES, false, NULL, NULL, NULL },
	{ "rule", TEXT, false, "file:line:column of the rule that wants it", NULL, NULL },
};

static const struct member skip_members[] = {
	{ "person", TEXT, true, NULL, NULL, NULL },
	{ "dn", TEXT, true, NULL, NULL, NULL },
	{ "userName", TEXT, true, NULL, NULL, NULL },
	{ "whole", BOOL, true, "nothing is done for this person", NULL, NULL },
	{ "reason", TEXT, true, NULL, NULL, NULL },
	{ "rule", TEXT, false, NULL, NULL, NULL },
};

static const struct member link_members[] = {
	{ "person", TEXT, true, NULL, NULL, NULL },
	{ "account", TEXT, true, NULL, NULL, NULL },
};

/* --- the schema -------------------------------------------------------------------------- */

static void put_names(struct json_out *out, const char *key, const struct names *names)
{
	json_out_key(out, key);
	json_out_array(out);
	for (unsigned i = 0; i < names->count; i++)
		json_out_text(out, names->name_of(i));
	json_out_array_end(out);
}

static void put_count(struct json_out *out)
{
	json_out_member(out, "type", "integer");
	json_out_member_int(out, "minimum", 0);
	json_out_member_int(out, "maximum", UINT32_MAX); /* as plan_read.c takes them */
}

static void put_items(struct json_out *out, const struct member *member)
{
	json_out_member(out, "type", "array");
	schema_open(out, "items");
	if (member->form == LIST)
		schema_ref(out, "%s", member->of);
	else
		json_out_member(out, "type", "string");
	json_out_object_end(out);
}

static void put_form(struct json_out *out, const struct member *member)
{
	switch (member->form) {
	case TEXT:
		json_out_member(out, "type", "string");
		break;
	case TIME:
		json_out_member(out, "type", "string");
		json_out_member(out, "format", "date-time");
		break;
	case COUNT:
		put_count(out);
		break;
	case NUMBER:
		json_out_member(out, "type", "number");
		break;
	case BOOL:
		json_out_member(out, "type", "boolean");
		break;
	case YES:
		json_out_key(out, "const");
		json_out_bool(out, true);
		break;
	case HASH:
		json_out_member(out, "type", "string");
		json_out_member(out, "pattern", "^[0-9a-f]{64}$");
		break;
	case NAME:
		put_names(out, "enum", member->names);
		break;
	case OBJECT:
		schema_ref(out, "%s", member->of);
		break;
	case TEXTS:
	case LIST:
		put_items(out, member);
		break;
	}
}

static void put_members(struct json_out *out, const struct member *members, size_t count)
{
	schema_closed_map(out);
	schema_open(out, "properties");
	for (size_t i = 0; i < count; i++) {
		schema_open(out, members[i].name);
		if (members[i].help)
			json_out_member(out, "description", members[i].help);
		put_form(out, &members[i]);
		json_out_object_end(out);
	}
	json_out_object_end(out);
	json_out_key(out, "required");
	json_out_array(out);
	for (size_t i = 0; i < count; i++)
		if (members[i].always)
			json_out_text(out, members[i].name);
	json_out_array_end(out);
}
#define MEMBERS(table) table, sizeof(table) / sizeof((table)[0])

static void define(struct json_out *out, const char *name, const struct member *members,
		   size_t count)
{
	schema_open(out, name);
	put_members(out, members, count);
	json_out_object_end(out);
}

/* Members named as rows of a table are: counts, or what is defined under `of`. */
static void define_named(struct json_out *out, const char *name, const struct names *names,
			 const char *of)
{
	schema_open(out, name);
	schema_closed_map(out);
	schema_open(out, "properties");
	for (unsigned i = 0; i < names->count; i++) {
		schema_open(out, names->name_of(i));
		if (of)
			schema_ref(out, "%s", of);
		else
			put_count(out);
		json_out_object_end(out);
	}
	json_out_object_end(out);
	if (of)
		put_names(out, "required", names);
	json_out_object_end(out);
}

void plan_file_schema(struct buf *out)
{
	struct json_out json;

	json_out_init(&json, out);
	schema_begin(&json, "plan", "Plans of dirbridge: plan -o, plan --format json");
	put_members(&json, MEMBERS(plan_members));
	schema_open(&json, "$defs");
	define(&json, "verdict", MEMBERS(verdict_members));
	define_named(&json, "sums", &kinds, NULL);
	define(&json, "limit", MEMBERS(limit_members));
	define_named(&json, "limits", &limits, "limit");
	define_named(&json, "calls", &operations, NULL);
	define(&json, "skip", MEMBERS(skip_members));
	define(&json, "link", MEMBERS(link_members));
	define(&json, "person", MEMBERS(person_members));
	define(&json, "step", MEMBERS(step_members));
	json_out_object_end(&json);
	json_out_object_end(&json);
}
