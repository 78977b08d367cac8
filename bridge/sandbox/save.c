/* The state as lines, members in the order of load.c's table, absent ones left out. */
#include <stdio.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

static void write_opt(struct json_out *out, const char *key, const char *value)
{
	if (value)
		json_out_member(out, key, value);
}

static void write_pairs(struct json_out *out, const char *name, const char *first,
			const char *second, const struct pairs *pairs)
{
	if (!pairs->count)
		return;
	json_out_key(out, name);
	json_out_array(out);
	for (size_t i = 0; i < pairs->count; i++) {
		json_out_object(out);
		json_out_member(out, first, pairs->items[i].key);
		json_out_member(out, second, pairs->items[i].value);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void write_levels(struct json_out *out, const char *name, const struct items *items,
			 const struct levels *levels)
{
	if (!levels->count)
		return;
	json_out_key(out, name);
	json_out_array(out);
	for (size_t i = 0; i < levels->count; i++) {
		json_out_object(out);
		json_out_member(out, "id", items->items[levels->items[i].item]->id);
		json_out_key(out, "proficiency");
		json_out_double(out, levels->items[i].proficiency);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void write_members(struct json_out *out, const struct store *store,
			  const struct numbers *members)
{
	json_out_key(out, "members");
	json_out_array(out);
	for (size_t i = 0; i < members->count; i++)
		json_out_text(out, store->users.items[members->items[i]]->id);
	json_out_array_end(out);
}

static void save_item(struct json_out *out, const struct store *store, enum item_kind kind,
		      const struct item *item)
{
	const struct items *divisions = &store->kinds[ITEM_DIVISION];

	json_out_member(out, "id", item->id);
	json_out_member(out, "name", item->name);
	if (kind == ITEM_DIVISION) {
		json_out_key(out, "home");
		json_out_bool(out, item->home);
	} else if (kind == ITEM_ROLE) {
		json_out_key(out, "permissions");
		json_out_array(out);
		for (size_t i = 0; i < item->permissions.count; i++)
			json_out_text(out, item->permissions.items[i]);
		json_out_array_end(out);
	} else if (kind == ITEM_GROUP) {
		json_out_member_int(out, "version", item->version);
	} else if (kind == ITEM_WORK_PLAN) {
		json_out_member(out, "unit", store->kinds[ITEM_UNIT].items[item->unit]->id);
	} else if (item->division != NONE) {
		json_out_member(out, "division", divisions->items[item->division]->id);
	}
	if (kind == ITEM_UNIT)
		write_opt(out, "businessUnit", item->business_unit);
	if (kind == ITEM_GROUP || kind == ITEM_QUEUE || kind == ITEM_TEAM ||
	    kind == ITEM_UNIT || kind == ITEM_WORK_PLAN)
		write_members(out, store, &item->members);
}

static void save_user(struct json_out *out, const struct store *store,
		      const struct user *user)
{
	static const char *const states[USER_STATE_COUNT] = { "active", "inactive",
							      "deleted" };

	json_out_member(out, "id", user->id);
	write_opt(out, "name", user->name);
	json_out_member(out, "email", user->email);
	json_out_member(out, "state", states[user->state]);
	json_out_member_int(out, "version", user->version);
	json_out_member(out, "division", store->kinds[ITEM_DIVISION].items[user->division]->id);
	write_opt(out, "title", user->title);
	write_opt(out, "department", user->department);
	write_opt(out, "employeeNumber", user->employee_number);
	write_opt(out, "dateHire", user->date_hire);
	write_opt(out, "manager", user->manager);
	write_pairs(out, "emails", "type", "value", &user->emails);
	write_pairs(out, "phones", "type", "value", &user->phones);
	write_opt(out, "externalId", user->external_id);
	write_pairs(out, "externalIds", "authority", "value", &user->external_ids);
	write_levels(out, "skills", &store->kinds[ITEM_SKILL], &user->skills);
	write_levels(out, "languages", &store->kinds[ITEM_LANGUAGE], &user->languages);
	if (!user->locations.count)
		return;
	json_out_key(out, "locations");
	json_out_array(out);
	for (size_t i = 0; i < user->locations.count; i++)
		json_out_text(out, store->kinds[ITEM_LOCATION]
					   .items[user->locations.items[i]]
					   ->id);
	json_out_array_end(out);
}

static void save_grant(struct json_out *out, const struct store *store,
		       const struct grant *grant)
{
	json_out_member(out, "subject", grant->subject);
	json_out_member(out, "role", store->kinds[ITEM_ROLE].items[grant->role]->id);
	json_out_member(out, "division",
			grant->division == ALL_DIVISIONS ?
				"*" :
				store->kinds[ITEM_DIVISION].items[grant->division]->id);
}

static void save_client(struct json_out *out, const struct store *store,
			const struct client *client)
{
	json_out_member(out, "id", client->id);
	json_out_member(out, "secret", client->secret);
	write_opt(out, "name", client->name);
	if (!client->restricted)
		return;
	json_out_key(out, "roles");
	json_out_array(out);
	for (size_t i = 0; i < client->roles.count; i++) {
		const struct client_role *role = &client->roles.items[i];

		json_out_object(out);
		json_out_member(out, "role", store->kinds[ITEM_ROLE].items[role->role]->id);
		json_out_member(out, "division",
				role->division == ALL_DIVISIONS ?
					"*" :
					store->kinds[ITEM_DIVISION].items[role->division]->id);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void save_entry(struct json_out *out, const struct store *store, struct entry entry)
{
	static const char *const names[] = {
		[KIND_DIVISION] = "division", [KIND_ROLE] = "role",
		[KIND_SKILL] = "skill",	      [KIND_LANGUAGE] = "language",
		[KIND_GROUP] = "group",	      [KIND_QUEUE] = "queue",
		[KIND_LOCATION] = "location", [KIND_TEAM] = "team",
		[KIND_UNIT] = "unit",	      [KIND_WORK_PLAN] = "workPlan",
		[KIND_USER] = "user",	      [KIND_GRANT] = "grant",
		[KIND_CLIENT] = "client",
	};
	static const enum item_kind items[] = {
		[KIND_DIVISION] = ITEM_DIVISION, [KIND_ROLE] = ITEM_ROLE,
		[KIND_SKILL] = ITEM_SKILL,	 [KIND_LANGUAGE] = ITEM_LANGUAGE,
		[KIND_GROUP] = ITEM_GROUP,	 [KIND_QUEUE] = ITEM_QUEUE,
		[KIND_LOCATION] = ITEM_LOCATION, [KIND_TEAM] = ITEM_TEAM,
		[KIND_UNIT] = ITEM_UNIT,	 [KIND_WORK_PLAN] = ITEM_WORK_PLAN,
	};

	json_out_object(out);
	json_out_member(out, "kind", names[entry.kind]);
	if (entry.kind == KIND_USER)
		save_user(out, store, store->users.items[entry.number]);
	else if (entry.kind == KIND_GRANT)
		save_grant(out, store, &store->grants.items[entry.number]);
	else if (entry.kind == KIND_CLIENT)
		save_client(out, store, &store->clients.items[entry.number]);
	else
		save_item(out, store, items[entry.kind],
			  store->kinds[items[entry.kind]].items[entry.number]);
	json_out_object_end(out);
}

void save_lines(struct sandbox *sandbox, FILE *file, struct buf *buf)
{
	const struct store *store = &sandbox->store;
	struct json_out out;

	for (size_t i = 0; i < store->order.count; i++) {
		struct entry entry = store->order.items[i];

		if (entry.kind == KIND_GRANT && store->grants.items[entry.number].gone)
			continue;
		json_out_init(&out, buf);
		save_entry(&out, store, entry);
		buf_addch(buf, '\n');
		if (file) {
			fwrite(buf->data, 1, buf->len, file);
			buf_clear(buf);
		}
	}
}

void sandbox_save(struct sandbox *sandbox, FILE *file)
{
	struct buf buf;

	buf_init(&buf, SANDBOX_DATA_BYTES_MAX);
	store_settle(&sandbox->store, INT64_MAX);
	save_lines(sandbox, file, &buf);
	buf_release(&buf);
}
