/*
 * Where memberships are shown, and how one is taken away.
 */
#include "bridge/tenant/scim_probe.h"

#include <string.h>

#include "scim/base/json.h"
#include "scim/filter.h"

#include "scim/base/banned.h"

static const char *op_name(const struct probe *p, const char *lower, const char *title)
{
	return p->profile->op_title_case ? title : lower;
}

static bool change(struct probe *p, const char *operation)
{
	probe_patch_body(p, operation);
	probe_ask(p, API_STD_GROUP_PATCH, p->group, NULL, NULL);
	return probe_good(p);
}

/* Is user `number` in the group, by whatever shows it? */
static bool is_member(struct probe *p, unsigned number)
{
	struct buf filter, query;
	bool found;

	switch (p->profile->members) {
	case MEMBERS_IN_GROUP:
		probe_ask(p, API_STD_GROUP, p->group, NULL, NULL);
		return probe_good(p) && probe_says(p, p->users[number]);
	case MEMBERS_IN_USER:
		probe_ask(p, API_STD_USER, p->users[number], NULL, NULL);
		return probe_good(p) && probe_says(p, p->group);
	default:
		break;
	}
	buf_init(&filter, 65536);
	buf_init(&query, 200000);
	scim_filter_quote(&filter, "members.value", "eq", slice_str(p->users[number]));
	buf_addstr(&query, "?filter=");
	buf_addurl(&query, filter.data, filter.len);
	probe_ask(p, API_STD_GROUPS, NULL, query.data, NULL);
	found = probe_good(p) && probe_says(p, p->group);
	buf_release(&filter);
	buf_release(&query);
	return found;
}

static bool make_group(struct probe *p)
{
	struct scim_resource group = { 0 };
	struct err ignored = ERR_INIT;
	struct json_out out;

	json_out_init(&out, &p->body);
	json_out_object(&out);
	json_out_key(&out, "schemas");
	json_out_array(&out);
	json_out_text(&out, SCIM_URN_GROUP);
	json_out_array_end(&out);
	json_out_member(&out, "displayName", p->run);
	json_out_key(&out, "members");
	json_out_array(&out);
	for (unsigned i = 0; i < 2; i++) {
		if (!p->users[i])
			continue;
		json_out_object(&out);
		json_out_member(&out, "value", p->users[i]);
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	probe_ask(p, API_STD_GROUP_CREATE, NULL, NULL, NULL);
	if (!probe_good(p) ||
	    scim_resource_parse(p->answer.data, p->answer.len, "", &p->mem, &group, &ignored))
		return false;
	p->group = group.id;
	return group.id != NULL;
}

static bool see_members(struct probe *p)
{
	static const enum service_members ways[] = { MEMBERS_IN_GROUP, MEMBERS_IN_USER,
						     MEMBERS_BY_FILTER };

	for (size_t i = 0; i < 3; i++) {
		p->profile->members = ways[i];
		if (is_member(p, 0))
			return true;
	}
	p->profile->members = MEMBERS_IN_GROUP;
	probe_note(p, FINDING_WARNING, "who is in a group is shown nowhere: memberships would be "
		   "added again in each run");
	return false;
}

/* Taken away is who was meant, and nobody else. */
static bool removed(struct probe *p, unsigned number, unsigned other)
{
	return !is_member(p, number) && is_member(p, other);
}

static void see_removal(struct probe *p)
{
	const char *remove = op_name(p, "remove", "Remove");
	struct buf op;

	buf_init(&op, 65536);
	buf_addf(&op, "{\"op\":\"%s\",\"path\":\"members[value eq \\\"%s\\\"]\"}", remove,
		 p->users[0]);
	p->profile->member_filter = change(p, op.data) && removed(p, 0, 1);
	p->profile->member_value = false;
	buf_clear(&op);
	if (!p->profile->member_filter && is_member(p, 0) && is_member(p, 1)) {
		buf_addf(&op, "{\"op\":\"%s\",\"path\":\"members\",\"value\":[{\"value\":\"%s\"}]}",
			 remove, p->users[0]);
		p->profile->member_value = change(p, op.data) && removed(p, 0, 1);
	}
	if (!p->profile->member_filter && !p->profile->member_value)
		probe_note(p, FINDING_NOTE, "nobody can be taken from a group by PATCH; groups are "
			   "read and put as a whole");
	buf_release(&op);
}

void probe_group(struct probe *p)
{
	p->profile->member_filter = true;
	probe_ask(p, API_STD_GROUPS, NULL, "?startIndex=1&count=1", NULL);
	p->profile->group_filter = p->status == 400;
	if (!p->users[1] || !make_group(p)) {
		probe_note(p, FINDING_NOTE, "groups can not be created; those that are there are "
			   "used");
		return;
	}
	/* Ids with quotes would need more than is worth it here. */
	if (see_members(p) && p->profile->patch && !strpbrk(p->users[0], "\"\\"))
		see_removal(p);
}
