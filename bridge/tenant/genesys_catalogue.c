#include "bridge/tenant/genesys_read.h"

#include <string.h>

#include "scim/base/banned.h"

struct catalogue_reader {
	struct present *present;
	const struct genesys *g;
	enum catalogue_kind kind;
};

static bool slice_in(struct slice s, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq_str(s, names[i]))
			return true;
	return false;
}

struct policy {
	struct slice domain, entity;
	bool writes;
};

/*
 * A role is privileged when its holder can hand out rights: everything, or more than
 * viewing of roles, grants, divisions' grants or OAuth clients.
 */
static bool policy_privileged(const struct policy *policy)
{
	static const char *const entities[] = { "*", "grant", "role" };

	if (!policy->writes)
		return false;
	if (slice_eq_str(policy->domain, "*"))
		return true;
	if (slice_eq_str(policy->domain, "authorization"))
		return slice_in(policy->entity, entities, 3);
	return slice_eq_str(policy->domain, "oauth");
}

static bool action_writes(struct slice action)
{
	return action.len && !slice_eq_str(action, "view");
}

/* {"domain", "entityName", "actionSet": []} */
static bool read_policy(struct json_in *in)
{
	struct policy policy = { 0 };
	struct slice key, action;

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "domain")) {
			json_opt_text(in, &policy.domain);
		} else if (slice_eq_str(key, "entityName")) {
			json_opt_text(in, &policy.entity);
		} else if (slice_eq_str(key, "actionSet") &&
			   json_peek(in) == JSON_IN_ARRAY) {
			while (json_array_next(in))
				if (json_opt_text(in, &action) && action_writes(action))
					policy.writes = true;
		} else {
			json_skip(in);
		}
	}
	return policy_privileged(&policy);
}

bool genesys_permission_privileged(struct slice text)
{
	const char *end = text.data + text.len;
	const char *a = memchr(text.data, ':', text.len), *b;
	struct policy policy;

	if (!a)
		return slice_eq_str(text, "*");
	b = memchr(a + 1, ':', (size_t)(end - a - 1));
	policy.domain = slice_of(text.data, (size_t)(a - text.data));
	policy.entity = slice_of(a + 1, (size_t)((b ? b : end) - a - 1));
	policy.writes = !b || action_writes(slice_of(b + 1, (size_t)(end - b - 1)));
	return policy_privileged(&policy);
}

static bool read_permissions(struct json_in *in, bool policies)
{
	bool privileged = false;
	struct slice text;

	if (json_peek(in) != JSON_IN_ARRAY) {
		json_skip(in);
		return false;
	}
	while (json_array_next(in)) {
		if (policies)
			privileged |= read_policy(in);
		else if (json_opt_text(in, &text) && text.len)
			privileged |= genesys_permission_privileged(text);
	}
	return privileged;
}

static void read_count(struct json_in *in, int64_t *ret)
{
	if (json_peek(in) == JSON_IN_NUMBER)
		json_get_int(in, ret);
	else
		json_skip(in);
}

static int read_item(void *ctx, struct json_in *in, bool *ret_again, struct err *err)
{
	struct catalogue_reader *reader = ctx;
	struct catalogue *cat = &reader->present->catalogue;
	struct catalogue_item item = { .member_count = -1 };
	struct slice key, id = { 0 }, name = { 0 }, state = { 0 };
	uint32_t index;

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "id"))
			json_get_text(in, &id);
		else if (slice_eq_str(key, "name"))
			json_get_text(in, &name);
		else if (slice_eq_str(key, "state"))
			json_opt_text(in, &state);
		else if (slice_eq_str(key, "version") && json_peek(in) == JSON_IN_NUMBER)
			json_get_int(in, &item.version);
		else if (slice_eq_str(key, "memberCount"))
			read_count(in, &item.member_count);
		else if (slice_eq_str(key, "homeDivision") && json_peek(in) == JSON_IN_BOOL)
			json_get_bool(in, &item.home);
		else if (slice_eq_str(key, "permissions"))
			item.privileged |= read_permissions(in, false);
		else if (slice_eq_str(key, "permissionPolicies"))
			item.privileged |= read_permissions(in, true);
		else
			json_skip(in);
	}
	if (json_failed(in))
		return -1;
	if (!id.len || !name.len)
		return err_set(err, ERR_PROTOCOL, "a %s without id or name",
			       catalogue_kind_name(reader->kind));
	if (!genesys_id_ok(id))
		return err_set(err, ERR_PROTOCOL, "no id of a %s can look like that of \"%.*s\"",
			       catalogue_kind_name(reader->kind), (int)(name.len < 80 ? name.len : 80),
			       name.data);
	item.id = own(&reader->present->mem, id);
	*ret_again = catalogue_by_id(cat, reader->kind, item.id) != ITEM_NONE;
	/* Soft-deleted things stay readable for a while; nothing can be assigned to them. */
	if (*ret_again || slice_eq_str(state, "deleted"))
		return 0;
	item.name = own(&reader->present->mem, name);
	if (reader->kind == CAT_ROLE)
		item.privileged |= slice_in(name, reader->g->set.privileged_roles,
					    reader->g->set.privileged_count);
	index = catalogue_add(cat, reader->kind, &item);
	if (item.home)
		cat->home = index;
	return 0;
}

int genesys_read_catalogue(struct tenant *tenant, struct present *present, struct err *err)
{
	static const struct {
		enum api_op op;
		const char *query, *what;
	} lists[CAT_KIND_COUNT] = {
		[CAT_ROLE] = { API_ROLES, "&userCount=false", "roles" },
		[CAT_SKILL] = { API_SKILLS, NULL, "skills" },
		[CAT_LANGUAGE] = { API_LANGUAGES, NULL, "languages" },
		[CAT_GROUP] = { API_GROUPS, NULL, "groups" },
		[CAT_QUEUE] = { API_QUEUES, NULL, "queues" },
		[CAT_DIVISION] = { API_DIVISIONS, NULL, "divisions" },
	};
	struct genesys *g = (struct genesys *)tenant;
	struct catalogue_reader readers[CAT_KIND_COUNT];
	struct page_set sets[CAT_KIND_COUNT];
	size_t count = 0;

	for (int kind = 0; kind < CAT_KIND_COUNT; kind++) {
		if (!lists[kind].what)
			continue; /* genesys_wfm.c */
		readers[kind] = (struct catalogue_reader){ present, g,
							   (enum catalogue_kind)kind };
		sets[count++] = (struct page_set){
			.op = lists[kind].op,
			.query = lists[kind].query,
			.what = lists[kind].what,
			.size = api_op(lists[kind].op)->page_max,
			.total = -1,
			.entity = read_item,
			.ctx = &readers[kind],
			.verdict = &present->verdict,
		};
	}
	page_sets_read(g, sets, count);
	for (size_t i = 0; i < count; i++)
		if (sets[i].err.kind) {
			*err = sets[i].err;
			return -1;
		}
	return genesys_read_wfm_catalogue(g, present, err);
}
