#include "bridge/model/target.h"

#include <assert.h>

#include "scim/base/buf.h"

#include "scim/base/banned.h"

static const struct target_row rows[TARGET_KIND_COUNT] = {
	[TARGET_GENESYS] = {
		.name = "genesys",
		.words = "Genesys Cloud",
		.kinds = UINT32_MAX,
		.divisions = true,
		.display_name = true, /* vendor contract, ScimV2CreateUser */
	},
	/* RFC 7643 has users and groups; its roles are text that means what a service likes. */
	[TARGET_SCIM] = {
		.name = "scim",
		.words = "a SCIM service",
		.kinds = 1u << ASSIGN_GROUP,
		.external_ids = true,
	},
};

const struct target_row *target_row(unsigned kind)
{
	assert(kind < TARGET_KIND_COUNT);
	return &rows[kind];
}

static bool genesys_has(enum scim_attr attr)
{
	switch (attr) {
	case SCIM_ATTR_USER_NAME:
	case SCIM_ATTR_EXTERNAL_ID:
	case SCIM_ATTR_DISPLAY_NAME:
	case SCIM_ATTR_TITLE:
	case SCIM_ATTR_ACTIVE:
	case SCIM_ATTR_EMAILS:
	case SCIM_ATTR_PHONE_NUMBERS:
	case SCIM_ATTR_EMPLOYEE_NUMBER:
	case SCIM_ATTR_DIVISION:
	case SCIM_ATTR_DEPARTMENT:
	case SCIM_ATTR_MANAGER:
	case SCIM_ATTR_DATE_HIRE:
		return true;
	default:
		return false;
	}
}

bool target_has_attr(unsigned kind, enum scim_attr attr)
{
	if (kind == TARGET_GENESYS)
		return genesys_has(attr);
	return attr != SCIM_ATTR_DATE_HIRE; /* Genesys Cloud's own */
}

struct checker {
	const struct target_row *row;
	const struct rules *rules;
	struct diags *diags;
	struct buf has; /* "groups" */
};

static void check_assign(void *ctx, enum assign_kind kind, origin_id origin)
{
	struct checker *c = ctx;
	const struct origin *at = rules_origin(c->rules, origin);

	if (!(c->row->kinds & 1u << kind))
		diags_at(c->diags, ERR_INVALID, at->file, at->line, at->column,
			 "%s has no %ss (target.kind: %s); it has %s", c->row->words,
			 assign_kind_name(kind), c->row->name, c->has.data);
}

int target_check_rules(unsigned kind, const struct rules *rules, struct diags *diags)
{
	struct checker checker = { .row = target_row(kind), .rules = rules, .diags = diags };
	size_t before = diags->total;

	buf_init(&checker.has, 1000);
	for (int i = 0; i < ASSIGN_KIND_COUNT; i++)
		if (checker.row->kinds & 1u << i)
			buf_addf(&checker.has, "%s%ss", checker.has.len ? ", " : "",
				 assign_kind_name((enum assign_kind)i));
	rules_each_assign(rules, check_assign, &checker);
	buf_release(&checker.has);
	return diags->total == before ? 0 : -1;
}
