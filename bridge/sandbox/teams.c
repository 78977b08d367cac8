/* Teams: lists by cursor, members added with failures inside a 200 (facts, section 8). */
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

#define PAGE_MAX 100   /* teams and team members (facts, section 2) */
#define MEMBERS_MAX 25 /* in one call, both ways (facts, section 8) */

void op_teams(struct call *call)
{
	const struct items *teams = &call->store->kinds[ITEM_TEAM];
	const struct items *divisions = &call->store->kinds[ITEM_DIVISION];
	struct json_out *out = &call->out;
	struct page page;

	if (!cursor_read(call, "after", PAGE_MAX, &page))
		return;
	cursor_of(&page, teams->count);
	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = page.first; i < page.end; i++) {
		const struct item *team = teams->items[i];

		json_out_object(out);
		json_out_member(out, "id", team->id);
		json_out_member(out, "name", team->name);
		if (team->division != NONE)
			write_ref(out, "division", divisions->items[team->division]);
		json_out_member_int(out, "memberCount", (int64_t)team->members.count);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	cursor_write(call, &page, "after", false);
	json_out_object_end(out);
}

/* Without expand=entities the members have no name. */
void op_team_members(struct call *call)
{
	const struct item *team = call_item(call, ITEM_TEAM, call->ids[0]);
	struct json_out *out = &call->out;
	struct page page;

	if (!team || !cursor_read(call, "after", PAGE_MAX, &page))
		return;
	cursor_of(&page, team->members.count);
	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = page.first; i < page.end; i++) {
		json_out_object(out);
		json_out_member(out, "id",
				call->store->users.items[team->members.items[i]]->id);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	cursor_write(call, &page, "after", false);
	json_out_object_end(out);
}

/* Why somebody can't be in the team; NULL = can be. A team takes its own division only. */
static const char *failure(const struct call *call, const struct item *team,
			   const struct user *user)
{
	if (!user || user->state == USER_DELETED)
		return "UserNotFound";
	if (!switched(call, SWITCH_TEAM_DIVISION) && team->division != NONE && user->division != team->division)
		return "UserGroupDivisionMismatch";
	return NULL;
}

static void write_added(struct call *call, struct item *team, const json_t *ids)
{
	struct json_out *out = &call->out;

	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = 0; i < json_array_size(ids); i++) {
		struct user *user = store_user(
			call->store, slice_str(json_string_value(json_array_get(ids, i))));

		if (failure(call, team, user))
			continue;
		store_join(team, ITEM_TEAM, user);
		json_out_object(out);
		json_out_member(out, "id", user->id);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void write_failures(struct call *call, const struct item *team, const json_t *ids)
{
	struct json_out *out = &call->out;

	json_out_key(out, "failures");
	json_out_array(out);
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const char *id = json_string_value(json_array_get(ids, i));
		const char *reason = failure(call, team,
					     store_user(call->store, slice_str(id)));

		if (!reason)
			continue;
		json_out_object(out);
		json_out_member(out, "id", id);
		json_out_member(out, "reason", reason);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

void op_team_add(struct call *call)
{
	static const char *const names[] = { "memberIds", NULL };
	const json_t *ids = json_object_get(call->body, "memberIds");
	struct item *team = call_item(call, ITEM_TEAM, call->ids[0]);

	if (!team || !body_members(call, call->body, names, "the body") ||
	    !body_texts(call, ids, "memberIds", MEMBERS_MAX))
		return;
	answer_begin(call, 200);
	json_out_object(&call->out);
	write_added(call, team, ids);
	write_failures(call, team, ids);
	json_out_object_end(&call->out);
}

/* ?id=a,b; who isn't a member is passed over. */
void op_team_remove(struct call *call)
{
	struct item *team = call_item(call, ITEM_TEAM, call->ids[0]);
	struct user *users[MEMBERS_MAX];
	size_t count;

	if (!team || !query_users(call, "id", MEMBERS_MAX, users, &count))
		return;
	for (size_t i = 0; i < count; i++)
		store_leave(team, ITEM_TEAM, users[i]);
	answer_empty(call, 204);
}
