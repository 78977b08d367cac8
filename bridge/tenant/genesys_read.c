#include "bridge/tenant/genesys.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/json.h"
#include "scim/base/vec.h"
#include "scim/message.h"

#include "scim/base/banned.h"

/* Offset paging of inactive users ends here with 400 (facts, section 2, page limits). */
#define INACTIVE_MAX 10000

/* More of one kind than this on one account is not believed. */
#define HELD_MAX 10000

/* ---- shared text ---- */

/* Divisions, titles, departments repeat: one copy each. */
struct intern {
	struct arena *mem;
	struct map map;
};

static const char *intern(struct intern *in, struct slice text)
{
	uint64_t at;
	char *copy;

	if (map_get(&in->map, text, &at))
		return (const char *)(uintptr_t)at;
	copy = arena_strndup(in->mem, text.data, text.len);
	map_set(&in->map, slice_of(copy, text.len), (uint64_t)(uintptr_t)copy);
	return copy;
}

static const char *own(struct arena *mem, struct slice text)
{
	return text.len ? arena_strndup(mem, text.data, text.len) : NULL;
}

/* ---- catalogues ---- */

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

/* "authorization:grant:add" */
static bool permission_privileged(struct slice text)
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
			privileged |= permission_privileged(text);
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

	for (int kind = 0; kind < CAT_KIND_COUNT; kind++) {
		readers[kind] = (struct catalogue_reader){ present, g,
							   (enum catalogue_kind)kind };
		sets[kind] = (struct page_set){
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
	page_sets_read(g, sets, CAT_KIND_COUNT);
	for (int kind = 0; kind < CAT_KIND_COUNT; kind++)
		if (sets[kind].err.kind) {
			*err = sets[kind].err;
			return -1;
		}
	return 0;
}

/* ---- users ---- */

struct held_of {
	uint32_t account;
	struct held held;
};

struct account_reader {
	struct genesys *g;
	struct present *present;
	struct intern intern;
	enum account_state state;
	VEC(uint32_t) missing; /* accounts whose expansions did not all come */
	/* of the account being read */
	struct scim_field fields[SCIM_FIELDS_MAX];
	size_t field_count;
	VEC(struct held) held;
	/* grants and queue members, sorted in at the end */
	VEC(struct held_of) more;
};

static void add_field(struct account_reader *reader, enum scim_attr attr, const char *key,
		      struct slice value)
{
	if (!value.len || reader->field_count == SCIM_FIELDS_MAX)
		return;
	reader->fields[reader->field_count++] =
		(struct scim_field){ (uint16_t)attr, key, intern(&reader->intern, value) };
}

/* One member's text out of an object: {"id"}, {"name"}. null is the empty text. */
static bool read_member(struct json_in *in, const char *name, struct slice *ret)
{
	struct slice key;

	*ret = slice_of(NULL, 0);
	if (json_peek(in) != JSON_IN_OBJECT) {
		json_skip(in);
		return false;
	}
	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, name))
			json_opt_text(in, ret);
		else
			json_skip(in);
	}
	return ret->len > 0;
}

/* addresses[]: the types of SCIM are those of the platform in lower case. */
static void read_address(struct account_reader *reader, struct json_in *in)
{
	struct slice key, media = { 0 }, type = { 0 }, address = { 0 }, extension = { 0 };
	struct slice integration = { 0 };
	char lower[32], text[SCIM_VALUE_BYTES_MAX];
	int len;

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "mediaType"))
			json_opt_text(in, &media);
		else if (slice_eq_str(key, "type"))
			json_opt_text(in, &type);
		else if (slice_eq_str(key, "address"))
			json_opt_text(in, &address);
		else if (slice_eq_str(key, "extension"))
			json_opt_text(in, &extension);
		else if (slice_eq_str(key, "integration"))
			json_opt_text(in, &integration);
		else
			json_skip(in);
	}
	if (!type.len || type.len >= sizeof(lower) || !address.len || integration.len ||
	    slice_eq_str(type, "PRIMARY"))
		return;
	memcpy(lower, type.data, type.len);
	text_lower(lower, type.len);
	if (slice_eq_str(media, "EMAIL")) {
		add_field(reader, SCIM_ATTR_EMAILS,
			  intern(&reader->intern, slice_of(lower, type.len)), address);
		return;
	}
	if (!slice_eq_str(media, "PHONE"))
		return;
	if (extension.len) {
		len = snprintf(text, sizeof(text), "%.*s;ext=%.*s", SLICE_FMT(address),
			       SLICE_FMT(extension));
		if (len < 0 || (size_t)len >= sizeof(text))
			return;
		address = slice_of(text, (size_t)len);
	}
	add_field(reader, SCIM_ATTR_PHONE_NUMBERS,
		  intern(&reader->intern, slice_of(lower, type.len)), address);
}

static void read_employer(struct account_reader *reader, struct json_in *in)
{
	struct slice key, value;

	if (json_peek(in) != JSON_IN_OBJECT) {
		json_skip(in);
		return;
	}
	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "employeeId") && json_opt_text(in, &value))
			add_field(reader, SCIM_ATTR_EMPLOYEE_NUMBER, NULL, value);
		else if (slice_eq_str(key, "dateHire") && json_opt_text(in, &value))
			add_field(reader, SCIM_ATTR_DATE_HIRE, NULL, value);
		else if (!slice_eq_str(key, "employeeId") && !slice_eq_str(key, "dateHire"))
			json_skip(in);
	}
}

static uint32_t find_id(const struct catalogue *cat, enum catalogue_kind kind, struct slice id)
{
	uint64_t index;

	return map_get(&cat->kinds[kind].by_id, id, &index) ? (uint32_t)index : ITEM_NONE;
}

/*
 * skills[], languages[]: {id, proficiency, state}; groups[]: {id}. What is not in the
 * catalogue can't be named by a rule, so it is nobody's business here.
 */
static int read_held(struct account_reader *reader, struct json_in *in, enum assign_kind kind,
		     struct err *err)
{
	struct slice key, id, state;
	struct held held = { .kind = kind };
	bool levelled;

	while (json_array_next(in)) {
		id = state = slice_of(NULL, 0);
		held.level = 0;
		levelled = false;
		if (json_peek(in) != JSON_IN_OBJECT)
			return err_set(err, ERR_PROTOCOL, "a %s of a user is no object",
				       assign_kind_name(kind));
		while (json_object_next(in, &key)) {
			if (slice_eq_str(key, "id"))
				json_get_text(in, &id);
			else if (slice_eq_str(key, "proficiency"))
				levelled = json_get_double(in, &held.level);
			else if (slice_eq_str(key, "state"))
				json_opt_text(in, &state);
			else
				json_skip(in);
		}
		if (json_failed(in))
			return -1;
		if (!id.len || (kind != ASSIGN_GROUP && !levelled))
			return err_set(err, ERR_PROTOCOL, "a %s of a user has no %s",
				       assign_kind_name(kind), id.len ? "proficiency" : "id");
		held.item = find_id(&reader->present->catalogue, (enum catalogue_kind)kind, id);
		if (held.item == ITEM_NONE || slice_eq_str(state, "deleted"))
			continue;
		if (reader->held.count == HELD_MAX)
			return err_set(err, ERR_LIMIT, "a user has more than %d assignments",
				       HELD_MAX);
		vec_push(&reader->held, held);
	}
	return json_failed(in) ? -1 : 0;
}

static int cmp_held(const void *a, const void *b)
{
	return held_cmp(a, b);
}

static unsigned sort_held(struct held *held, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(held, count, sizeof(*held), cmp_held);
	for (size_t i = 0; i < count; i++)
		if (!kept || held_cmp(&held[kept - 1], &held[i]) != 0)
			held[kept++] = held[i];
	return (unsigned)kept;
}

struct user_words {
	struct slice id, name, email, username;
	int64_t version;
	uint8_t came; /* bit per assign_kind whose list was there */
	struct slice state;
};

static int read_list(struct account_reader *reader, struct json_in *in, enum assign_kind kind,
		     struct user_words *words, struct err *err)
{
	/* null says as little as absence: unknown is never an empty set. */
	if (json_peek(in) != JSON_IN_ARRAY) {
		json_skip(in);
		return 0;
	}
	words->came |= (uint8_t)(1u << kind);
	return read_held(reader, in, kind, err);
}

static int read_words(struct account_reader *reader, struct json_in *in,
		      struct user_words *words, struct err *err)
{
	struct slice key, text;

	while (json_object_next(in, &key)) {
		int bad = 0;

		if (slice_eq_str(key, "id"))
			json_get_text(in, &words->id);
		else if (slice_eq_str(key, "name"))
			json_opt_text(in, &words->name);
		else if (slice_eq_str(key, "email"))
			json_opt_text(in, &words->email);
		else if (slice_eq_str(key, "username"))
			json_opt_text(in, &words->username);
		else if (slice_eq_str(key, "state"))
			json_opt_text(in, &words->state);
		else if (slice_eq_str(key, "version"))
			json_get_int(in, &words->version);
		else if (slice_eq_str(key, "title") && json_opt_text(in, &text))
			add_field(reader, SCIM_ATTR_TITLE, NULL, text);
		else if (slice_eq_str(key, "department") && json_opt_text(in, &text))
			add_field(reader, SCIM_ATTR_DEPARTMENT, NULL, text);
		else if (slice_eq_str(key, "division")) {
			if (read_member(in, "name", &text))
				add_field(reader, SCIM_ATTR_DIVISION, NULL, text);
		} else if (slice_eq_str(key, "manager")) {
			if (read_member(in, "id", &text))
				add_field(reader, SCIM_ATTR_MANAGER, NULL, text);
		} else if (slice_eq_str(key, "employerInfo"))
			read_employer(reader, in);
		else if (slice_eq_str(key, "addresses") && json_peek(in) == JSON_IN_ARRAY) {
			while (json_array_next(in))
				read_address(reader, in);
		} else if (slice_eq_str(key, "skills"))
			bad = read_list(reader, in, ASSIGN_SKILL, words, err);
		else if (slice_eq_str(key, "languages"))
			bad = read_list(reader, in, ASSIGN_LANGUAGE, words, err);
		else if (slice_eq_str(key, "groups"))
			bad = read_list(reader, in, ASSIGN_GROUP, words, err);
		else if (!json_failed(in))
			json_skip(in);
		if (bad)
			return -1;
	}
	return json_failed(in) ? -1 : 0;
}

#define EXPANDED (1u << ASSIGN_SKILL | 1u << ASSIGN_LANGUAGE | 1u << ASSIGN_GROUP)

static void note_missing(struct account_reader *reader, struct account *account, uint8_t came,
			 uint32_t index)
{
	/* Of a deleted account only its name counts. */
	if (reader->state == ACCOUNT_DELETED)
		return;
	account->unknown_kinds = (uint8_t)(EXPANDED & ~(unsigned)came);
	if (account->unknown_kinds)
		vec_push(&reader->missing, index);
}

static void name_account(struct present *present, const struct account *account,
			 uint32_t index)
{
	const char *user_name = account_text(account, SCIM_ATTR_USER_NAME);
	char *lower;
	uint64_t before;

	if (!user_name)
		return;
	lower = arena_strdup(&present->mem, user_name);
	text_lower(lower, strlen(lower));
	if (map_get(&present->by_user_name, slice_str(lower), &before) &&
	    (account->state == ACCOUNT_DELETED ||
	     present->accounts.items[before].state != ACCOUNT_DELETED))
		return;
	map_set(&present->by_user_name, slice_str(lower), index);
}

static int read_user(void *ctx, struct json_in *in, bool *ret_again, struct err *err)
{
	struct account_reader *reader = ctx;
	struct present *present = reader->present;
	struct arena *mem = &present->mem;
	struct account account = { .state = reader->state };
	struct user_words words = { .version = -1 };
	uint32_t index = (uint32_t)present->accounts.count;
	struct scim_field *fields;
	struct held *held;

	reader->field_count = 0;
	reader->held.count = 0;
	if (read_words(reader, in, &words, err))
		return -1;
	if (!words.id.len)
		return err_set(err, ERR_PROTOCOL, "a user without id");
	*ret_again = map_get(&present->by_id, words.id, NULL);
	if (*ret_again)
		return 0;
	account.id = own(mem, words.id);
	if (words.version >= 0)
		account.version = arena_printf(mem, "%lld", (long long)words.version);
	/* SCIM's userName is the main e-mail (facts, section 3). */
	add_field(reader, SCIM_ATTR_USER_NAME, NULL,
		  words.email.len ? words.email : words.username);
	add_field(reader, SCIM_ATTR_DISPLAY_NAME, NULL, words.name);
	account.field_count = (unsigned)scim_fields_sort(reader->fields, reader->field_count);
	fields = arena_array(mem, account.field_count, sizeof(*fields));
	memcpy(fields, reader->fields, account.field_count * sizeof(*fields));
	account.fields = fields;
	account.held_count = sort_held(reader->held.items, reader->held.count);
	held = arena_array(mem, account.held_count, sizeof(*held));
	if (account.held_count)
		memcpy(held, reader->held.items, account.held_count * sizeof(*held));
	account.held = held;
	note_missing(reader, &account, words.came, index);
	vec_push(&present->accounts, account);
	map_set(&present->by_id, slice_str(account.id), index);
	name_account(present, &account, index);
	present->verdict.count++;
	return 0;
}

static int read_users(struct account_reader *reader, enum account_state state,
		      const char *query, const char *what, struct err *err)
{
	struct page_set set = {
		.op = API_USERS,
		.query = query,
		.what = what,
		.size = api_op(API_USERS)->page_max,
		.total = -1,
		.items_max = state == ACCOUNT_INACTIVE ? INACTIVE_MAX : 0,
		.entity = read_user,
		.ctx = reader,
		.verdict = &reader->present->verdict,
	};

	reader->state = state;
	page_sets_read(reader->g, &set, 1);
	if (set.err.kind) {
		/* Half a list of users is no ground for anything, creating included. */
		*err = set.err;
		return -1;
	}
	return 0;
}

static void reader_init(struct account_reader *reader, struct genesys *g,
			struct present *present)
{
	*reader = (struct account_reader){ .g = g, .present = present };
	reader->intern.mem = &present->mem;
}

static void reader_release(struct account_reader *reader)
{
	vec_release(&reader->held);
	vec_release(&reader->more);
	vec_release(&reader->missing);
	map_release(&reader->intern.map);
}

/* ---- grants and queue members ---- */

struct side_reader {
	struct account_reader *accounts;
	uint32_t item;       /* queue, or division of the grants */
	struct map seen;     /* keys of this list, in `mem` */
	struct arena mem;
};

static bool seen_before(struct side_reader *side, const char *key)
{
	return !map_set(&side->seen, slice_str(key), 1);
}

static void add_held(struct side_reader *side, struct slice user, const struct held *held)
{
	struct account_reader *reader = side->accounts;
	uint64_t index;

	/* Groups hold grants and members, too: what is no user of the list is not ours. */
	if (!map_get(&reader->present->by_id, user, &index))
		return;
	vec_push(&reader->more, ((struct held_of){ (uint32_t)index, *held }));
}

static int read_grant(void *ctx, struct json_in *in, bool *ret_again, struct err *err)
{
	struct side_reader *side = ctx;
	const struct catalogue *cat = &side->accounts->present->catalogue;
	struct slice key, subject = { 0 }, role = { 0 }, division = { 0 };
	struct held held = { .kind = ASSIGN_ROLE, .division = side->item };

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "subjectId"))
			json_get_text(in, &subject);
		else if (slice_eq_str(key, "role"))
			read_member(in, "id", &role);
		else if (slice_eq_str(key, "division"))
			read_member(in, "id", &division);
		else
			json_skip(in);
	}
	if (json_failed(in))
		return -1;
	if (!subject.len || !role.len)
		return err_set(err, ERR_PROTOCOL, "a grant without subjectId or role");
	*ret_again = seen_before(
		side, arena_printf(&side->mem, "%.*s %.*s %.*s", SLICE_FMT(subject),
				   SLICE_FMT(role), SLICE_FMT(division)));
	if (*ret_again)
		return 0;
	/* A grant in all divisions may be listed under each of them. */
	if (slice_eq_str(division, "*"))
		held.division = ITEM_ALL;
	else if (division.len)
		held.division = find_id(cat, CAT_DIVISION, division);
	held.item = find_id(cat, CAT_ROLE, role);
	if (held.item != ITEM_NONE && held.division != ITEM_NONE)
		add_held(side, subject, &held);
	return 0;
}

static int read_member_entity(void *ctx, struct json_in *in, bool *ret_again, struct err *err)
{
	struct side_reader *side = ctx;
	struct slice key, id = { 0 }, user = { 0 }, by = { 0 };
	struct held held = { .kind = ASSIGN_QUEUE, .item = side->item };

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "id"))
			json_get_text(in, &id);
		else if (slice_eq_str(key, "user"))
			read_member(in, "id", &user);
		else if (slice_eq_str(key, "memberBy"))
			json_opt_text(in, &by);
		else
			json_skip(in);
	}
	if (json_failed(in))
		return -1;
	if (!user.len)
		user = id;
	if (!user.len)
		return err_set(err, ERR_PROTOCOL, "a queue member without id");
	/* One may be in directly and by a group: two entries. */
	*ret_again = seen_before(side, arena_printf(&side->mem, "%.*s %.*s", SLICE_FMT(user),
						    SLICE_FMT(by)));
	if (!*ret_again)
		add_held(side, user, &held);
	return 0;
}

static void mark_unknown(struct present *present, enum assign_kind kind)
{
	for (size_t i = 0; i < present->accounts.count; i++)
		present->accounts.items[i].unknown_kinds |= (uint8_t)(1u << kind);
}

static void judge_side(struct present *present, const struct page_set *set,
		       enum assign_kind kind)
{
	char text[ERR_FORMAT_MAX];

	if (set->err.kind) {
		verdict_spoil(&present->verdict, "%s", err_format(&set->err, text, sizeof(text)));
		mark_unknown(present, kind);
	} else if (kind == ASSIGN_QUEUE && set->total > 0 && set->seen < (uint64_t)set->total) {
		verdict_spoil(&present->verdict, "%s: %llu came of %lld", set->what,
			      (unsigned long long)set->seen, (long long)set->total);
	}
}

static const char *item_id(const struct catalogue *cat, enum catalogue_kind kind,
			   uint32_t item)
{
	return item == ITEM_ALL ? "*" : catalogue_item(cat, kind, item)->id;
}

static const char *item_name(const struct catalogue *cat, enum catalogue_kind kind,
			     uint32_t item)
{
	return item == ITEM_ALL ? "*" : catalogue_item(cat, kind, item)->name;
}

/* Grants of each needed division and members of each needed queue, all at once. */
static void read_sides(struct account_reader *reader, const struct tenant_need *need)
{
	struct present *present = reader->present;
	const struct catalogue *cat = &present->catalogue;
	size_t most = (size_t)need->grant_division_count + need->queue_count, count = 0;
	struct side_reader *sides = mem_array(most, sizeof(*sides));
	struct page_set *sets = mem_array(most, sizeof(*sets));

	for (unsigned i = 0; i < need->grant_division_count; i++, count++) {
		uint32_t item = need->grant_divisions[i];

		sides[count] = (struct side_reader){ .accounts = reader, .item = item };
		sets[count] = (struct page_set){
			.op = API_GRANTS, .path_id = item_id(cat, CAT_DIVISION, item),
			.what = arena_printf(&present->mem, "grants in division %s",
					     item_name(cat, CAT_DIVISION, item)),
			.size = api_op(API_GRANTS)->page_max, .total = -1,
			.entity = read_grant,
		};
	}
	for (unsigned i = 0; i < need->queue_count; i++) {
		uint32_t item = need->queues[i];
		int64_t members = catalogue_item(cat, CAT_QUEUE, item)->member_count;

		if (!members)
			continue; /* said to be empty */
		sides[count] = (struct side_reader){ .accounts = reader, .item = item };
		sets[count++] = (struct page_set){
			.op = API_QUEUE_MEMBERS, .path_id = item_id(cat, CAT_QUEUE, item),
			.what = arena_printf(&present->mem, "members of queue %s",
					     item_name(cat, CAT_QUEUE, item)),
			.size = api_op(API_QUEUE_MEMBERS)->page_max, .total = members,
			.entity = read_member_entity,
		};
	}
	for (size_t i = 0; i < count; i++) {
		sets[i].ctx = &sides[i];
		sets[i].verdict = &present->verdict;
	}
	page_sets_read(reader->g, sets, count);
	for (size_t i = 0; i < count; i++) {
		judge_side(present, &sets[i],
			   sets[i].op == API_GRANTS ? ASSIGN_ROLE : ASSIGN_QUEUE);
		map_release(&sides[i].seen);
		arena_release(&sides[i].mem);
	}
	mem_free(sides);
	mem_free(sets);
}

static int cmp_held_of(const void *a, const void *b)
{
	const struct held_of *x = a, *y = b;

	if (x->account != y->account)
		return x->account < y->account ? -1 : 1;
	return held_cmp(&x->held, &y->held);
}

/* Merge what came from grants and queues into the accounts' sorted lists. */
static void merge_more(struct account_reader *reader)
{
	struct present *present = reader->present;
	size_t count = reader->more.count;

	if (count)
		qsort(reader->more.items, count, sizeof(*reader->more.items), cmp_held_of);
	for (size_t at = 0, end; at < count; at = end) {
		struct account *account =
			&present->accounts.items[reader->more.items[at].account];
		struct held *held;

		for (end = at; end < count && reader->more.items[end].account ==
						      reader->more.items[at].account;)
			end++;
		held = arena_array(&present->mem, account->held_count + (end - at),
				   sizeof(*held));
		if (account->held_count)
			memcpy(held, account->held, account->held_count * sizeof(*held));
		for (size_t i = at; i < end; i++)
			held[account->held_count + (i - at)] = reader->more.items[i].held;
		account->held_count = sort_held(held, account->held_count + (end - at));
		account->held = held;
	}
}

#define EXPANSIONS "&expand=skills&expand=languages&expand=groups&expand=employerInfo"

/* A user read again: of what was missing, what is there now. */
static int read_again(void *ctx, struct json_in *in, bool *ret_again, struct err *err)
{
	struct account_reader *reader = ctx;
	struct present *present = reader->present;
	struct user_words words = { .version = -1 };
	struct account *account;
	uint64_t index;
	uint8_t found;

	(void)ret_again;
	reader->field_count = 0;
	reader->held.count = 0;
	if (read_words(reader, in, &words, err))
		return -1;
	if (!words.id.len || !map_get(&present->by_id, words.id, &index))
		return err_set(err, ERR_PROTOCOL, "a user that was not asked for");
	account = &present->accounts.items[index];
	found = account->unknown_kinds & words.came;
	for (size_t i = 0; i < reader->held.count; i++)
		if (found & 1u << reader->held.items[i].kind)
			vec_push(&reader->more,
				 ((struct held_of){ (uint32_t)index, reader->held.items[i] }));
	account->unknown_kinds &= (uint8_t)~found;
	return 0;
}

/*
 * Expansions are best effort (vendor contract): who came without some is read again by id.
 * What does not come then either stays unknown.
 */
static void read_missing(struct account_reader *reader)
{
	struct present *present = reader->present;
	unsigned most = api_op(API_USERS)->batch_max;
	size_t count = reader->missing.count, sets_count = (count + most - 1) / most;
	struct page_set *sets = mem_array(sets_count, sizeof(*sets));
	struct buf query;

	buf_init(&query, 64u << 10);
	for (size_t i = 0; i < sets_count; i++) {
		buf_clear(&query);
		buf_addstr(&query, "&state=any" EXPANSIONS);
		for (size_t at = i * most; at < count && at < (i + 1) * most; at++) {
			const char *id = present->accounts.items[reader->missing.items[at]].id;

			buf_addstr(&query, "&id=");
			buf_addurl(&query, id, strlen(id));
		}
		sets[i] = (struct page_set){
			.op = API_USERS, .what = "users read again", .size = most, .total = -1,
			.query = arena_strndup(&present->mem, query.data, query.len),
			.entity = read_again, .ctx = reader, .verdict = &present->verdict,
		};
	}
	page_sets_read(reader->g, sets, sets_count);
	for (size_t i = 0; i < sets_count; i++)
		if (sets[i].err.kind)
			verdict_spoil(&present->verdict, "%s", sets[i].err.text);
	buf_release(&query);
	mem_free(sets);
}

static void judge_expansions(struct account_reader *reader)
{
	uint64_t counts[ASSIGN_KIND_COUNT] = { 0 };

	for (size_t i = 0; i < reader->missing.count; i++)
		for (int kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
			if (reader->present->accounts.items[reader->missing.items[i]]
					    .unknown_kinds & EXPANDED & 1u << kind)
				counts[kind]++;
	for (int kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		if (counts[kind])
			verdict_spoil(&reader->present->verdict,
				      "%llu users came without their %ss",
				      (unsigned long long)counts[kind],
				      assign_kind_name((enum assign_kind)kind));
}

int genesys_read_accounts(struct tenant *tenant, const struct tenant_need *need,
			  struct present *present, struct err *err)
{
	struct account_reader reader;
	int result = -1;

	reader_init(&reader, (struct genesys *)tenant, present);
	if (read_users(&reader, ACCOUNT_ACTIVE, "&state=active" EXPANSIONS, "active users",
		       err) ||
	    read_users(&reader, ACCOUNT_INACTIVE, "&state=inactive" EXPANSIONS,
		       "inactive users", err))
		goto out;
	read_missing(&reader);
	read_sides(&reader, need);
	merge_more(&reader);
	judge_expansions(&reader);
	result = 0;
out:
	reader_release(&reader);
	return result;
}

int genesys_read_deleted(struct tenant *tenant, struct present *present, struct err *err)
{
	struct account_reader reader;
	int result;

	reader_init(&reader, (struct genesys *)tenant, present);
	result = read_users(&reader, ACCOUNT_DELETED, "&state=deleted", "deleted users", err);
	if (!result)
		present->deleted_read = true;
	reader_release(&reader);
	return result;
}

/* ---- external ids, by SCIM ---- */

struct external_reader {
	struct genesys *g;
	struct present *present;
	struct err err;
	/* of a list */
	const char *filter, *what;
	uint64_t seen;
	int64_t total;
	unsigned char *met; /* per account */
};

struct external_call {
	struct external_reader *reader;
	uint64_t start; /* of a page */
};

/* Put what a SCIM user says onto its account; the version is SCIM's own. */
static int take_external(struct external_reader *reader, struct slice json, bool *ret_again,
			 struct err *err)
{
	struct arena mem = ARENA_INIT;
	struct scim_resource user;
	const struct scim_field *field;
	struct account *account;
	uint64_t index;
	int result = -1;

	if (scim_resource_parse(json.data, json.len, "", &mem, &user, err))
		goto out;
	if (!user.id) {
		err_set(err, ERR_PROTOCOL, "a SCIM user without id");
		goto out;
	}
	result = 0;
	/* Created since the accounts were read. */
	if (!map_get(&reader->present->by_id, slice_str(user.id), &index))
		goto out;
	*ret_again = reader->met[index];
	reader->met[index] = 1;
	account = &reader->present->accounts.items[index];
	field = scim_fields_find(user.fields, user.count, SCIM_ATTR_EXTERNAL_ID, NULL);
	account->external_id =
		field ? arena_strdup(&reader->present->mem, field->value) : NULL;
	account->external_id_known = true;
	if (user.version)
		account->version =
			genesys_version(&reader->present->mem, slice_str(user.version));
out:
	arena_release(&mem);
	return result;
}

static void external_fail(struct external_reader *reader, enum api_op op,
			  const struct genesys_answer *answer, const struct err *cause)
{
	char text[ERR_FORMAT_MAX];

	if (reader->err.kind)
		return;
	err_format(cause, text, sizeof(text));
	genesys_err(&reader->err, op, answer->correlation_id, ERR_PROTOCOL, text);
}

static void one_done(void *ctx, const struct genesys_answer *answer)
{
	struct external_call *call = ctx;
	struct external_reader *reader = call->reader;
	struct err err = ERR_INIT;
	bool again = false;

	/* Gone since the accounts were read: it stays unknown. */
	if (answer->outcome == HTTP_ANSWERED && answer->status == 404)
		verdict_spoil(&reader->present->verdict, "%s", answer->err.text);
	else if (!genesys_ok(answer) && !reader->err.kind)
		reader->err = answer->err;
	else if (genesys_ok(answer) &&
		 take_external(reader, answer->body, &again, &err))
		external_fail(reader, API_SCIM_USER, answer, &err);
	mem_free(call);
}

static void look_up(struct external_reader *reader, uint32_t account)
{
	struct genesys_request request = genesys_request(API_SCIM_USER);
	struct external_call *call = mem_zalloc(sizeof(*call));

	call->reader = reader;
	request.path_ids[0] = reader->present->accounts.items[account].id;
	request.query = "?attributes=externalId";
	request.done = one_done;
	request.ctx = call;
	genesys_start(reader->g, &request);
}

static int take_listed(void *ctx, struct slice resource, struct err *err)
{
	struct external_reader *reader = ctx;
	bool again = false;

	if (take_external(reader, resource, &again, err))
		return -1;
	if (again)
		verdict_spoil(&reader->present->verdict, "%s: an id came twice", reader->what);
	reader->seen++;
	return 0;
}

static void page_at(struct external_reader *reader, uint64_t start);

static void list_done(void *ctx, const struct genesys_answer *answer)
{
	struct external_call *call = ctx;
	struct external_reader *reader = call->reader;
	struct scim_list list;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;

	if (!genesys_ok(answer)) {
		if (!reader->err.kind)
			reader->err = answer->err;
	} else if (scim_list_read(answer->body.data ? answer->body.data : "", answer->body.len,
				  "", &mem, take_listed, reader, &list, &err)) {
		external_fail(reader, API_SCIM_USERS, answer, &err);
	} else if (list.total_results < 0) {
		err_set(&err, ERR_PROTOCOL, "the list has no totalResults");
		external_fail(reader, API_SCIM_USERS, answer, &err);
	} else if (call->start == 1) {
		unsigned size = api_op(API_SCIM_USERS)->page_max;

		reader->total = list.total_results;
		for (uint64_t at = 1 + size; at <= (uint64_t)reader->total; at += size)
			page_at(reader, at);
	} else if (list.total_results != reader->total) {
		verdict_spoil(&reader->present->verdict,
			      "%s: the total changed while it was read", reader->what);
	}
	arena_release(&mem);
	mem_free(call);
}

static void page_at(struct external_reader *reader, uint64_t start)
{
	struct genesys_request request = genesys_request(API_SCIM_USERS);
	struct external_call *call = mem_zalloc(sizeof(*call));
	char query[200];

	call->reader = reader;
	call->start = start;
	snprintf(query, sizeof(query), "?startIndex=%llu&count=%u%s&attributes=externalId",
		 (unsigned long long)start, api_op(API_SCIM_USERS)->page_max, reader->filter);
	request.query = query;
	request.done = list_done;
	request.ctx = call;
	genesys_start(reader->g, &request);
}

static void read_list_of(struct external_reader *reader, const char *filter, const char *what)
{
	reader->filter = filter;
	reader->what = what;
	reader->seen = 0;
	reader->total = 0;
	page_at(reader, 1);
	genesys_wait(reader->g);
	if (!reader->err.kind && reader->seen != (uint64_t)reader->total)
		verdict_spoil(&reader->present->verdict, "%s: %llu came of %lld", what,
			      (unsigned long long)reader->seen, (long long)reader->total);
}

static uint64_t pages_of(const struct present *present, enum account_state state)
{
	uint64_t count = 0, size = api_op(API_SCIM_USERS)->page_max;

	for (size_t i = 0; i < present->accounts.count; i++)
		count += present->accounts.items[i].state == state;
	return count ? (count + size - 1) / size : 1;
}

int genesys_read_external_ids(struct tenant *tenant, struct present *present,
			      const uint32_t *accounts, unsigned count, struct err *err)
{
	struct external_reader reader = { .g = (struct genesys *)tenant, .present = present };
	uint64_t pages = pages_of(present, ACCOUNT_ACTIVE) +
			 pages_of(present, ACCOUNT_INACTIVE);
	uint64_t singles = 0;

	for (size_t i = 0; i < present->accounts.count; i++)
		singles += present->accounts.items[i].state != ACCOUNT_DELETED;
	if (count)
		singles = count;
	reader.met = mem_array(present->accounts.count, 1);
	if (singles <= pages) {
		for (size_t i = 0; i < (count ? count : present->accounts.count); i++) {
			uint32_t at = count ? accounts[i] : (uint32_t)i;

			/* SCIM does not show deleted users. */
			if (present->accounts.items[at].state != ACCOUNT_DELETED)
				look_up(&reader, at);
		}
		genesys_wait(reader.g);
	} else {
		read_list_of(&reader, "", "active SCIM users");
		if (!reader.err.kind)
			read_list_of(&reader, "&filter=active%20eq%20false",
				     "inactive SCIM users");
	}
	mem_free(reader.met);
	if (reader.err.kind) {
		*err = reader.err;
		return -1;
	}
	return 0;
}
