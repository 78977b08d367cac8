#include "bridge/tenant/scim.h"

#include <stdlib.h>
#include <string.h>

#include "scim/base/json.h"
#include "scim/filter.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

/* ---- what the service can do ---- */

struct config_reader {
	struct service *service;
	struct err err;
};

/* Absent or wrong it is survived; a refused login or no connection is not. */
static void take_config(void *ctx, const struct service_answer *answer)
{
	struct config_reader *reader = ctx;

	if (service_ok(answer))
		service_profile_advertised(&reader->service->profile, answer->body);
	else if (!answer->status || answer->status == 401)
		reader->err = answer->err;
}

static int read_config(struct service *s, struct err *err)
{
	struct service_request request = service_request(API_STD_CONFIG);
	struct config_reader reader = { .service = s };

	request.done = take_config;
	request.ctx = &reader;
	service_start(s, &request);
	service_wait(s);
	if (!reader.err.kind)
		return 0;
	*err = reader.err;
	return -1;
}

/* ---- groups ---- */

struct group_reader {
	struct service *service;
	struct present *present;
	struct arena scratch;
};

/* members[]: {"value", "type"}; a member that is a group is nobody here. */
static int read_members(struct group_reader *reader, uint32_t group, struct json_in *in)
{
	struct service *s = reader->service;
	struct slice key, value;

	if (json_peek(in) != JSON_IN_ARRAY) {
		json_skip(in);
		return 0;
	}
	while (json_array_next(in)) {
		value = slice_of(NULL, 0);
		if (json_peek(in) != JSON_IN_OBJECT) {
			json_skip(in);
			continue;
		}
		while (json_object_next(in, &key)) {
			if (service_key(key, "value"))
				json_opt_text(in, &value);
			else
				json_skip(in);
		}
		if (!json_failed(in) && value.len)
			vec_push(&s->members,
				 ((struct service_member){
					 group, arena_strndup(&s->mem, value.data,
							      value.len) }));
	}
	return 0;
}

static int read_group(void *ctx, struct slice resource, bool *ret_again, struct err *err)
{
	struct group_reader *reader = ctx;
	struct present *present = reader->present;
	struct catalogue_item item = { .member_count = -1 };
	struct slice key, id = { 0 }, name = { 0 };
	uint32_t index = (uint32_t)present->catalogue.kinds[CAT_GROUP].items.count;
	size_t before = reader->service->members.count;
	struct json_in in;

	arena_reset(&reader->scratch);
	json_open(&in, resource.data, resource.len, "", &reader->scratch, err);
	while (json_object_next(&in, &key)) {
		if (service_key(key, "id"))
			json_get_text(&in, &id);
		else if (service_key(key, "displayName"))
			json_opt_text(&in, &name);
		else if (service_key(key, "members"))
			read_members(reader, index, &in);
		else
			json_skip(&in);
	}
	if (json_close(&in))
		return -1;
	if (!id.len)
		return err_set(err, ERR_PROTOCOL, "a group without id");
	item.id = arena_strndup(&present->mem, id.data, id.len);
	*ret_again = catalogue_by_id(&present->catalogue, CAT_GROUP, item.id) != ITEM_NONE;
	/* Without a name no rule can mean it. */
	if (*ret_again || !name.len) {
		reader->service->members.count = before;
		return 0;
	}
	item.name = arena_strndup(&present->mem, name.data, name.len);
	catalogue_add(&present->catalogue, CAT_GROUP, &item);
	return 0;
}

int service_read_catalogue(struct tenant *tenant, struct present *present, struct err *err)
{
	struct service *s = (struct service *)tenant;
	struct group_reader reader = { .service = s, .present = present };
	struct page_list list = {
		.op = API_STD_GROUPS, .what = "groups", .each = read_group, .ctx = &reader,
		.verdict = &present->verdict,
	};

	s->members.count = 0;
	arena_reset(&s->mem);
	if (read_config(s, err))
		return -1;
	arena_init(&reader.scratch);
	page_list_read(s, &list);
	arena_release(&reader.scratch);
	present->lost_attrs = s->profile.lost;
	present->keeps_values = s->profile.keeps_values;
	/* Half a list of groups says of nobody what they are not in. */
	s->groups_short = !present->verdict.complete;
	/* Groups are no duty (RFC 7643 section 4.2): then no rule can name one. */
	if (list.err.kind && list.status != 404 && list.status != 501) {
		*err = list.err;
		return -1;
	}
	return 0;
}

/* ---- users ---- */

struct held_of {
	uint32_t account, group;
};

struct user_reader {
	struct service *service;
	struct present *present;
	struct map interned;
	struct arena scratch;
	bool user_groups; /* memberships are told with the user */
	VEC(struct held_of) held;
	VEC(uint32_t) groups; /* of the user being read */
};

/* Titles and departments repeat: one copy each. */
static const char *intern(struct user_reader *reader, const char *text)
{
	struct arena *mem = &reader->present->mem;
	uint64_t at;
	char *copy;

	if (!text)
		return NULL;
	if (map_get(&reader->interned, slice_str(text), &at))
		return (const char *)(uintptr_t)at;
	copy = arena_strdup(mem, text);
	map_set(&reader->interned, slice_str(copy), (uint64_t)(uintptr_t)copy);
	return copy;
}

static bool repeats(enum scim_attr attr)
{
	return attr != SCIM_ATTR_USER_NAME && attr != SCIM_ATTR_EXTERNAL_ID &&
	       attr != SCIM_ATTR_DISPLAY_NAME && attr != SCIM_ATTR_EMAILS &&
	       attr != SCIM_ATTR_EMPLOYEE_NUMBER;
}

/* The user's own word on groups: [{"value"}]. */
static void note_groups(struct user_reader *reader, struct slice resource)
{
	const struct catalogue *cat = &reader->present->catalogue;
	struct err ignored = ERR_INIT;
	struct slice key, value;
	struct json_in in;

	reader->groups.count = 0;
	json_open(&in, resource.data, resource.len, "", &reader->scratch, &ignored);
	while (json_object_next(&in, &key)) {
		if (!service_key(key, "groups") || json_peek(&in) != JSON_IN_ARRAY) {
			json_skip(&in);
			continue;
		}
		while (json_array_next(&in)) {
			struct slice name;

			value = slice_of(NULL, 0);
			while (json_object_next(&in, &name)) {
				if (service_key(name, "value"))
					json_opt_text(&in, &value);
				else
					json_skip(&in);
			}
			if (!json_failed(&in) && value.len) {
				uint64_t at;

				if (map_get(&cat->kinds[CAT_GROUP].by_id, value, &at))
					vec_push(&reader->groups, (uint32_t)at);
			}
		}
	}
}

/* Copied to stay; `active` and externalId have members of their own. */
static void take_fields(struct user_reader *reader, const struct scim_resource *user,
			struct account *account)
{
	struct arena *mem = &reader->present->mem;
	struct scim_field *fields = arena_array(mem, user->count, sizeof(*fields));
	unsigned count = 0;

	for (size_t i = 0; i < user->count; i++) {
		const struct scim_field *f = &user->fields[i];
		const char *value = repeats((enum scim_attr)f->attr) ?
					    intern(reader, f->value) :
					    arena_strdup(mem, f->value);

		if (f->attr == SCIM_ATTR_EXTERNAL_ID)
			account->external_id = value;
		else if (f->attr == SCIM_ATTR_ACTIVE)
			account->state = strcmp(value, "false") ? ACCOUNT_ACTIVE
								: ACCOUNT_INACTIVE;
		else
			fields[count++] = (struct scim_field){ f->attr, intern(reader, f->key),
							       value };
	}
	account->fields = fields;
	account->field_count = count;
}

static void name_account(struct present *present, const struct account *account, uint32_t index)
{
	const char *user_name = account_text(account, SCIM_ATTR_USER_NAME);
	char *lower;

	if (!user_name)
		return;
	lower = arena_strdup(&present->mem, user_name);
	text_lower(lower, strlen(lower));
	map_set(&present->by_user_name, slice_str(lower), index);
}

static int read_user(void *ctx, struct slice resource, bool *ret_again, struct err *err)
{
	struct user_reader *reader = ctx;
	struct present *present = reader->present;
	struct account account = { .state = ACCOUNT_ACTIVE, .external_id_known = true };
	uint32_t index = (uint32_t)present->accounts.count;
	struct scim_resource user;

	arena_reset(&reader->scratch);
	if (scim_resource_parse(resource.data, resource.len, "", &reader->scratch, &user, err))
		return -1;
	if (!user.id)
		return err_set(err, ERR_PROTOCOL, "a user without id");
	*ret_again = map_get(&present->by_id, slice_str(user.id), NULL);
	if (*ret_again)
		return 0;
	account.id = arena_strdup(&present->mem, user.id);
	if (user.version)
		account.version = service_version(&present->mem, slice_str(user.version));
	take_fields(reader, &user, &account);
	if (reader->user_groups)
		note_groups(reader, resource);
	for (size_t i = 0; reader->user_groups && i < reader->groups.count; i++)
		vec_push(&reader->held, ((struct held_of){ index, reader->groups.items[i] }));
	vec_push(&present->accounts, account);
	map_set(&present->by_id, slice_str(account.id), index);
	name_account(present, &account, index);
	present->verdict.count++;
	return 0;
}

static int cmp_held_of(const void *a, const void *b)
{
	const struct held_of *x = a, *y = b;

	if (x->account != y->account)
		return x->account < y->account ? -1 : 1;
	return x->group < y->group ? -1 : x->group > y->group;
}

static void take_members(struct user_reader *reader)
{
	const struct service *s = reader->service;
	uint64_t at;

	for (size_t i = 0; i < s->members.count; i++)
		if (map_get(&reader->present->by_id, slice_str(s->members.items[i].user), &at))
			vec_push(&reader->held, ((struct held_of){ (uint32_t)at,
							   s->members.items[i].group }));
}

static void add_member(void *ctx, uint32_t account, uint32_t group)
{
	struct user_reader *reader = ctx;

	vec_push(&reader->held, ((struct held_of){ account, group }));
}

/* One who was added twice is listed twice: once is enough. */
static void put_held(struct user_reader *reader)
{
	struct present *present = reader->present;
	size_t count = reader->held.count;
	const struct held_of *all = reader->held.items;

	if (count)
		qsort(reader->held.items, count, sizeof(*reader->held.items), cmp_held_of);
	for (size_t at = 0, end; at < count; at = end) {
		struct account *account = &present->accounts.items[all[at].account];
		struct held *held;

		for (end = at; end < count && all[end].account == all[at].account;)
			end++;
		held = arena_array(&present->mem, end - at, sizeof(*held));
		for (size_t i = at; i < end; i++)
			if (i == at || all[i].group != all[i - 1].group)
				held[account->held_count++] = (struct held){
					.kind = ASSIGN_GROUP, .item = all[i].group };
		account->held = held;
	}
}

/* What the table knows of a user, for services that list no more than that. */
void service_add_attributes(struct buf *query)
{
	buf_addstr(query, "&attributes=userName,externalId,active,displayName,name,nickName,"
			  "profileUrl,title,userType,preferredLanguage,locale,timezone,emails,"
			  "phoneNumbers,ims,photos,groups," SCIM_URN_ENTERPRISE);
}

static int read_users(struct user_reader *reader, const char *filter, const char *what,
		      struct err *err)
{
	struct service *s = reader->service;
	struct page_list list = {
		.op = API_STD_USERS, .what = what, .each = read_user, .ctx = reader,
		.verdict = &reader->present->verdict,
	};
	struct buf query;

	buf_init(&query, 8192);
	if (filter)
		buf_addstr(&query, filter);
	if (s->profile.attributes)
		service_add_attributes(&query);
	list.query = query.len ? query.data : NULL;
	page_list_read(s, &list);
	buf_release(&query);
	if (!list.err.kind)
		return 0;
	/* Half a list of users is no ground for anything, creating included. */
	*err = list.err;
	return -1;
}

/* ---- some users ---- */

struct look_up {
	struct user_reader *reader;
	struct err *err;
};

static void looked_up(void *ctx, const struct service_answer *answer)
{
	struct look_up *look = ctx;
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];
	bool again = false;

	/* Gone: it is not there, and whoever is linked to it is listed. */
	if (answer->status == 404 || answer->status == 410)
		return;
	if (!service_ok(answer)) {
		err_set(look->err, answer->err.kind, "%s", answer->err.text);
	} else if (read_user(look->reader, answer->body, &again, &err)) {
		service_err(look->err, API_STD_USER, answer->correlation_id, ERR_PROTOCOL,
			    err_format(&err, text, sizeof(text)));
	}
}

/*
 * Accounts that the state knows and that no list has shown: some services list only who is
 * active, or only what they think is ours.
 */
static int read_known(struct user_reader *reader, const struct tenant_need *need,
		      struct err *err)
{
	struct service_request request = service_request(API_STD_USER);
	struct look_up look = { reader, err };

	request.done = looked_up;
	request.ctx = &look;
	for (size_t i = 0; i < need->account_count; i++) {
		if (map_get(&reader->present->by_id, slice_str(need->account_ids[i]), NULL))
			continue;
		request.id = need->account_ids[i];
		service_start(reader->service, &request);
	}
	service_wait(reader->service);
	return err->kind ? -1 : 0;
}

/* Whoever has one of these login names, one request each. */
static int read_named(struct user_reader *reader, const struct tenant_whom *whom,
		      struct err *err)
{
	struct buf filter, query;
	int status = 0;

	buf_init(&filter, 65536);
	buf_init(&query, 65536 * 3);
	for (size_t i = 0; !status && i < whom->user_name_count; i++) {
		buf_clear(&filter);
		buf_clear(&query);
		scim_filter_quote(&filter, "userName", "eq", slice_str(whom->user_names[i]));
		buf_addstr(&query, "&filter=");
		buf_addurl(&query, filter.data, filter.len);
		status = read_users(reader, query.data, "users of one name", err);
	}
	buf_release(&filter);
	buf_release(&query);
	return status;
}

/* Some people alone: by filters where those are known to work and to be fewer requests. */
static bool by_name(const struct service *s, const struct tenant_need *need)
{
	unsigned long pages;

	if (!need->whom || !s->profile.filter_names)
		return false;
	pages = need->whom->linked / s->set.page_size + 1;
	return need->whom->user_name_count + need->account_count <= pages;
}

static int read_all(struct user_reader *reader, struct err *err)
{
	if (read_users(reader, NULL, "users", err))
		return -1;
	return !reader->service->profile.inactive_apart ?
		       0 : read_users(reader, "&filter=active%20eq%20false", "inactive users", err);
}

int service_read_accounts(struct tenant *tenant, const struct tenant_need *need,
			  struct present *present, struct err *err)
{
	struct service *s = (struct service *)tenant;
	struct user_reader reader = { .service = s, .present = present };
	int result;

	arena_init(&reader.scratch);
	/* Not one member in any group: it may be the users who are shown with theirs. */
	reader.user_groups = s->profile.members == MEMBERS_IN_USER || !s->members.count;
	result = by_name(s, need) ? read_named(&reader, need->whom, err)
				  : read_all(&reader, err);
	if (!result)
		result = read_known(&reader, need, err);
	if (!result) {
		take_members(&reader);
		if (s->profile.members == MEMBERS_BY_FILTER)
			service_look_up_members(s, present, add_member, &reader);
		put_held(&reader);
		for (size_t i = 0; s->groups_short && i < present->accounts.count; i++)
			present->accounts.items[i].unknown_kinds |= 1u << ASSIGN_GROUP;
	}
	map_release(&reader.interned);
	arena_release(&reader.scratch);
	vec_release(&reader.held);
	vec_release(&reader.groups);
	return result;
}

/* The list of users carries them. */
int service_read_external_ids(struct tenant *tenant, struct present *present,
			      const uint32_t *accounts, unsigned count, struct err *err)
{
	(void)tenant;
	(void)present;
	(void)accounts;
	(void)count;
	(void)err;
	return 0;
}

/* SCIM knows none: what is deleted is gone (RFC 7644 section 3.6). */
int service_read_deleted(struct tenant *tenant, const char *const *user_names, size_t count,
			 struct present *present, struct err *err)
{
	(void)tenant;
	(void)user_names;
	(void)count;
	(void)err;
	present->deleted_read = true;
	return 0;
}
