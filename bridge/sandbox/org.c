/* The organisation and its clients: who asks, what a client may do, what the limits are. */
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

static const struct client *own_client(const struct call *call)
{
	return &call->store->clients.items[call->token->client];
}

/* AuthzSubject: who has the token, with the policies of each role. */
static void write_policy(struct json_out *out, const char *permission)
{
	const char *entity = strchr(permission, ':');
	const char *action = entity ? strchr(entity + 1, ':') : NULL;

	if (!action)
		return;
	json_out_object(out);
	json_out_key(out, "domain");
	json_out_slice(out, slice_of(permission, (size_t)(entity - permission)));
	json_out_key(out, "entityName");
	json_out_slice(out, slice_of(entity + 1, (size_t)(action - entity - 1)));
	json_out_key(out, "actions");
	json_out_array(out);
	json_out_text(out, action + 1);
	json_out_array_end(out);
	json_out_object_end(out);
}

static void write_division(struct call *call, uint32_t division)
{
	static const struct item all = { .id = (char *)"*", .name = (char *)"*" };

	write_ref(&call->out, "division",
		  division == ALL_DIVISIONS ?
			  &all :
			  call->store->kinds[ITEM_DIVISION].items[division]);
}

static void write_grant(struct call *call, const struct client *client,
			const struct client_role *role)
{
	const struct item *item = call->store->kinds[ITEM_ROLE].items[role->role];
	struct json_out *out = &call->out;

	json_out_object(out);
	json_out_member(out, "subjectId", client->id);
	write_division(call, role->division);
	json_out_key(out, "role");
	json_out_object(out);
	json_out_member(out, "id", item->id);
	json_out_member(out, "name", item->name);
	json_out_key(out, "policies");
	json_out_array(out);
	for (size_t i = 0; i < item->permissions.count; i++)
		write_policy(out, item->permissions.items[i]);
	json_out_array_end(out);
	json_out_object_end(out);
	json_out_object_end(out);
}

/* A client without roles in the data may do everything: as if by a role of all. */
static void write_everything(struct call *call, const struct client *client)
{
	const char *const *permissions = permissions_known(&call->mem);
	struct json_out *out = &call->out;

	json_out_object(out);
	json_out_member(out, "subjectId", client->id);
	write_division(call, ALL_DIVISIONS);
	json_out_key(out, "role");
	json_out_object(out);
	json_out_member(out, "id", "sandbox-everything");
	json_out_member(out, "name", "Everything");
	json_out_key(out, "policies");
	json_out_array(out);
	for (; *permissions; permissions++)
		write_policy(out, *permissions);
	json_out_array_end(out);
	json_out_object_end(out);
	json_out_object_end(out);
}

void op_subject_me(struct call *call)
{
	const struct client *client = own_client(call);
	struct json_out *out = &call->out;

	answer_begin(call, 200);
	json_out_object(out);
	json_out_member(out, "id", client->id);
	json_out_member(out, "name", client->name ? client->name : client->id);
	json_out_key(out, "grants");
	json_out_array(out);
	if (!client->restricted)
		write_everything(call, client);
	for (size_t i = 0; i < client->roles.count; i++)
		write_grant(call, client, &client->roles.items[i]);
	json_out_array_end(out);
	json_out_member_int(out, "version", 1);
	json_out_object_end(out);
}

/* ---- OAuth clients ---- */

static void write_client(struct call *call, const struct client *client)
{
	const struct store *store = call->store;
	struct json_out *out = &call->out;

	json_out_object(out);
	json_out_member(out, "id", client->id);
	json_out_member(out, "name", client->name ? client->name : client->id);
	json_out_member_int(out, "accessTokenValiditySeconds",
			    call->sandbox->options.token_life_s);
	json_out_member(out, "authorizedGrantType", "CLIENT-CREDENTIALS");
	json_out_key(out, "roleDivisions");
	json_out_array(out);
	for (size_t i = 0; i < client->roles.count; i++) {
		const struct client_role *role = &client->roles.items[i];

		json_out_object(out);
		json_out_member(out, "roleId", store->kinds[ITEM_ROLE].items[role->role]->id);
		json_out_member(out, "divisionId",
				role->division == ALL_DIVISIONS ?
					"*" :
					store->kinds[ITEM_DIVISION].items[role->division]->id);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	json_out_member(out, "state", "active");
	json_out_object_end(out);
}

void op_oauth_client(struct call *call)
{
	for (size_t i = 0; i < call->store->clients.count; i++) {
		const struct client *client = &call->store->clients.items[i];

		if (!slice_eq_str(call->ids[0], client->id))
			continue;
		answer_begin(call, 200);
		write_client(call, client);
		return;
	}
	refuse_platform(call, 404, "not.found", "client %.*s not found",
			SLICE_FMT(call->ids[0]));
}

/* All on one page: this list takes no page in the contract. */
void op_oauth_clients(struct call *call)
{
	const struct store *store = call->store;
	struct page page = { .size = 1, .number = 1, .total = store->clients.count };
	struct json_out *out = &call->out;

	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	for (size_t i = 0; i < store->clients.count; i++)
		write_client(call, &store->clients.items[i]);
	json_out_array_end(out);
	page.size = store->clients.count ? (unsigned)store->clients.count : 1;
	page_write(call, &page, PAGE_COUNTS_ONLY);
	json_out_object_end(out);
}

/* ---- limits, configuration, sessions ---- */

/* Only what this tenant enforces has a limit; the other namespaces are empty. */
void op_limits(struct call *call)
{
	static const char *const names[] = { "platform.api", "auth.api", "scim", "directory",
					     "users", "skills", "routing", "groups",
					     "authorization", "workforce.management", NULL };
	unsigned rate = call->sandbox->options.rate_per_min;
	struct json_out *out = &call->out;
	unsigned i = 0;

	while (names[i] && !slice_eq_str(call->ids[0], names[i]))
		i++;
	if (!names[i]) {
		refuse_platform(call, 404, "not.found", "limit namespace %.*s not found",
				SLICE_FMT(call->ids[0]));
		return;
	}
	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "entities");
	json_out_array(out);
	if (!i && rate) {
		json_out_object(out);
		json_out_member(out, "namespace", names[i]);
		json_out_member(out, "key", "client.credentials.token.rate.per.minute");
		json_out_member_int(out, "value", rate);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	json_out_object_end(out);
}

static void write_feature(struct json_out *out, const char *name, bool supported)
{
	json_out_key(out, name);
	json_out_object(out);
	json_out_key(out, "supported");
	json_out_bool(out, supported);
	json_out_object_end(out);
}

/* No bulk; the values of the others are open (facts, section 13). */
void op_scim_config(struct call *call)
{
	struct json_out *out = &call->out;

	answer_begin(call, 200);
	json_out_object(out);
	json_out_key(out, "schemas");
	json_out_array(out);
	json_out_text(out, "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig");
	json_out_array_end(out);
	write_feature(out, "patch", true);
	json_out_key(out, "bulk");
	json_out_object(out);
	json_out_key(out, "supported");
	json_out_bool(out, false);
	json_out_member_int(out, "maxOperations", 0);
	json_out_member_int(out, "maxPayloadSize", 0);
	json_out_object_end(out);
	json_out_key(out, "filter");
	json_out_object(out);
	json_out_key(out, "supported");
	json_out_bool(out, true);
	json_out_member_int(out, "maxResults", 1000);
	json_out_object_end(out);
	write_feature(out, "changePassword", true);
	write_feature(out, "sort", false);
	write_feature(out, "etag", true);
	json_out_key(out, "authenticationSchemes");
	json_out_array(out);
	json_out_object(out);
	json_out_member(out, "type", "oauthbearertoken");
	json_out_member(out, "name", "OAuth Bearer Token");
	json_out_member(out, "description", "The token of an OAuth client");
	json_out_object_end(out);
	json_out_array_end(out);
	json_out_object_end(out);
}

/* Ends the sessions of a user; users have none here, so that only they are looked up. */
void op_tokens_delete(struct call *call)
{
	if (call_user(call, call->ids[0]))
		answer_empty(call, 200);
}
