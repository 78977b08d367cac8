/*
 * tenant.jsonl: one object a line, `kind` first.
 *
 *   division  id name home           role   id name permissions[]
 *   skill language  id name          group  id name version members[]
 *   queue     id name division members[]
 *   location  id name                team   id name division members[]
 *   unit      id name division businessUnit members[]        (of work-force management)
 *   workPlan  id name unit members[]   members are in that unit, by a line above
 *   user      id name email state version division title department employeeNumber
 *             dateHire manager emails[{type,value}] phones[{type,value}] externalId
 *             externalIds[{authority,value}] skills[{id,proficiency}] languages[...]
 *             locations[]
 *   grant     subject role division ("*" = all)
 *   client    id secret name roles[{role,division}]  (no `roles`: may do everything)
 *
 * A line may refer to what a later one defines (a manager, a group's members). So the text
 * is walked twice: the first time makes what has an id, the second fills in the rest.
 */
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

#define PROFICIENCY_MAX 5.0

struct loader {
	struct sandbox *sandbox;
	struct store *store;
	struct json_in in;
	struct arena mem; /* of one line */
	size_t at;        /* which line that isn't empty: its place in store->order */
	uint32_t grants, clients;
};

static const struct {
	const char *name;
	enum kind kind;
	enum item_kind item;
} kinds[] = {
	{ "division", KIND_DIVISION, ITEM_DIVISION },
	{ "role", KIND_ROLE, ITEM_ROLE },
	{ "skill", KIND_SKILL, ITEM_SKILL },
	{ "language", KIND_LANGUAGE, ITEM_LANGUAGE },
	{ "group", KIND_GROUP, ITEM_GROUP },
	{ "queue", KIND_QUEUE, ITEM_QUEUE },
	{ "location", KIND_LOCATION, ITEM_LOCATION },
	{ "team", KIND_TEAM, ITEM_TEAM },
	{ "unit", KIND_UNIT, ITEM_UNIT },
	{ "workPlan", KIND_WORK_PLAN, ITEM_WORK_PLAN },
	{ "user", KIND_USER, ITEM_KIND_COUNT },
	{ "grant", KIND_GRANT, ITEM_KIND_COUNT },
	{ "client", KIND_CLIENT, ITEM_KIND_COUNT },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- values ---- */

static const char *get_text(struct loader *l)
{
	struct slice text;

	if (!json_get_text(&l->in, &text))
		return "";
	if (memchr(text.data, '\0', text.len)) {
		json_fail(&l->in, ERR_INVALID, "text with a NUL in it");
		return "";
	}
	return arena_strndup(&l->mem, text.data, text.len);
}

static void unknown_member(struct loader *l, struct slice key, const char *kind)
{
	json_fail(&l->in, ERR_INVALID, "a %s has no member \"%.*s\"", kind, SLICE_FMT(key));
}

static struct item *get_item(struct loader *l, enum item_kind kind)
{
	const char *id = get_text(l);
	struct item *item = store_item(l->store, kind, slice_str(id));

	if (!item && !json_failed(&l->in))
		json_fail(&l->in, ERR_INVALID, "no line defines the %s \"%s\"",
			  kinds[kind].name, id);
	return item;
}

static void get_division(struct loader *l, uint32_t *ret)
{
	const struct item *division = get_item(l, ITEM_DIVISION);

	if (division)
		*ret = division->number;
}

static struct user *get_user(struct loader *l)
{
	const char *id = get_text(l);
	struct user *user = store_user(l->store, slice_str(id));

	if (!user && !json_failed(&l->in))
		json_fail(&l->in, ERR_INVALID, "no line defines the user \"%s\"", id);
	return user;
}

static void get_version(struct loader *l, int64_t *ret)
{
	if (json_get_int(&l->in, ret) && (*ret < 0 || *ret > INT32_MAX))
		json_fail(&l->in, ERR_INVALID, "version %lld is not from 0 to %d",
			  (long long)*ret, INT32_MAX);
}

static void get_members(struct loader *l, struct item *item, enum item_kind kind)
{
	struct user *user;

	while (json_array_next(&l->in)) {
		user = get_user(l);
		if (!user)
			continue;
		if (kind == ITEM_UNIT)
			store_set_unit(l->store, user, item);
		else if (kind != ITEM_WORK_PLAN)
			store_join(item, kind, user);
		else if (user->unit == NONE || user->unit != item->unit)
			json_fail(&l->in, ERR_INVALID, "user \"%s\" is not in the unit of "
				  "this work plan", user->id);
		else
			store_set_work_plan(l->store, user, item);
	}
}

static void get_unit(struct loader *l, uint32_t *ret)
{
	const struct item *unit = get_item(l, ITEM_UNIT);

	if (unit)
		*ret = unit->number;
}

static bool has_division(enum item_kind kind)
{
	return kind == ITEM_QUEUE || kind == ITEM_TEAM || kind == ITEM_UNIT;
}

static bool has_members(enum item_kind kind)
{
	return has_division(kind) || kind == ITEM_GROUP || kind == ITEM_WORK_PLAN;
}

static void get_locations(struct loader *l, struct user *user)
{
	const struct item *location;

	while (json_array_next(&l->in)) {
		location = get_item(l, ITEM_LOCATION);
		if (location)
			vec_push(&user->locations, location->number);
	}
}

static void get_pairs(struct loader *l, const char *first, const char *second,
		      struct pairs *pairs)
{
	struct slice key;

	while (json_array_next(&l->in)) {
		const char *a = NULL, *b = NULL;

		while (json_object_next(&l->in, &key)) {
			if (slice_eq_str(key, first))
				a = get_text(l);
			else if (slice_eq_str(key, second))
				b = get_text(l);
			else
				unknown_member(l, key, "pair");
		}
		if (json_failed(&l->in))
			return;
		if (a && b)
			pairs_add(pairs, a, b);
		else
			json_fail(&l->in, ERR_INVALID, "it wants \"%s\" and \"%s\"", first,
				  second);
	}
}

static void get_levels(struct loader *l, enum item_kind kind, struct levels *levels)
{
	struct slice key;

	while (json_array_next(&l->in)) {
		struct item *item = NULL;
		double proficiency = 0;

		while (json_object_next(&l->in, &key)) {
			if (slice_eq_str(key, "id"))
				item = get_item(l, kind);
			else if (slice_eq_str(key, "proficiency"))
				json_get_double(&l->in, &proficiency);
			else
				unknown_member(l, key, kinds[kind].name);
		}
		if (json_failed(&l->in))
			return;
		if (!item || !(proficiency >= 0 && proficiency <= PROFICIENCY_MAX))
			json_fail(&l->in, ERR_INVALID, "a %s wants an id and a proficiency "
				  "from 0 to 5", kinds[kind].name);
		else
			levels_set(levels, item->number, proficiency);
	}
}

/* ---- second walk: fill in ---- */

static void fill_item(struct loader *l, enum item_kind kind, struct item *item)
{
	struct slice key;

	while (json_object_next(&l->in, &key)) {
		if (slice_eq_str(key, "id") || slice_eq_str(key, "name"))
			json_skip(&l->in);
		else if (kind == ITEM_DIVISION && slice_eq_str(key, "home"))
			json_get_bool(&l->in, &item->home);
		else if (kind == ITEM_ROLE && slice_eq_str(key, "permissions"))
			while (json_array_next(&l->in))
				vec_push(&item->permissions,
					 arena_strdup(&l->store->mem, get_text(l)));
		else if (kind == ITEM_GROUP && slice_eq_str(key, "version"))
			get_version(l, &item->version);
		else if (has_division(kind) && slice_eq_str(key, "division"))
			get_division(l, &item->division);
		else if (kind == ITEM_UNIT && slice_eq_str(key, "businessUnit"))
			item->business_unit = arena_strdup(&l->store->mem, get_text(l));
		else if (kind == ITEM_WORK_PLAN && slice_eq_str(key, "unit"))
			get_unit(l, &item->unit);
		else if (has_members(kind) && slice_eq_str(key, "members"))
			get_members(l, item, kind);
		else
			unknown_member(l, key, kinds[kind].name);
	}
	if (kind == ITEM_WORK_PLAN && item->unit == NONE && !json_failed(&l->in))
		json_fail(&l->in, ERR_INVALID, "a workPlan wants a unit");
}

static bool fill_user_text(struct loader *l, struct user *user, struct slice key)
{
	const struct {
		const char *name;
		char **text;
	} texts[] = {
		{ "name", &user->name },
		{ "title", &user->title },
		{ "department", &user->department },
		{ "employeeNumber", &user->employee_number },
		{ "dateHire", &user->date_hire },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (slice_eq_str(key, texts[i].name)) {
			text_set(texts[i].text, get_text(l));
			return true;
		}
	return false;
}

static void fill_user_list(struct loader *l, struct user *user, struct slice key)
{
	if (slice_eq_str(key, "emails"))
		get_pairs(l, "type", "value", &user->emails);
	else if (slice_eq_str(key, "phones"))
		get_pairs(l, "type", "value", &user->phones);
	else if (slice_eq_str(key, "externalIds"))
		get_pairs(l, "authority", "value", &user->external_ids);
	else if (slice_eq_str(key, "skills"))
		get_levels(l, ITEM_SKILL, &user->skills);
	else if (slice_eq_str(key, "languages"))
		get_levels(l, ITEM_LANGUAGE, &user->languages);
	else if (slice_eq_str(key, "locations"))
		get_locations(l, user);
	else
		unknown_member(l, key, "user");
}

static void fill_user(struct loader *l, struct user *user)
{
	const struct item *home = store_home(l->store);
	const struct user *manager;
	struct slice key;

	user->division = home ? home->number : NONE;
	user->modified_s = clock_now_us(l->sandbox->options.clock) / 1000000;
	while (json_object_next(&l->in, &key)) {
		if (slice_eq_str(key, "id") || slice_eq_str(key, "email") ||
		    slice_eq_str(key, "state")) {
			json_skip(&l->in);
		} else if (slice_eq_str(key, "version")) {
			get_version(l, &user->version);
		} else if (slice_eq_str(key, "division")) {
			get_division(l, &user->division);
		} else if (slice_eq_str(key, "manager")) {
			manager = get_user(l);
			text_set(&user->manager, manager ? manager->id : NULL);
		} else if (slice_eq_str(key, "externalId")) {
			store_set_external(l->store, user, get_text(l));
		} else if (!fill_user_text(l, user, key)) {
			fill_user_list(l, user, key);
		}
	}
}

/* NONE when there is no such division. */
static void get_grant_division(struct loader *l, uint32_t *ret)
{
	const char *id = get_text(l);
	const struct item *division = store_item(l->store, ITEM_DIVISION, slice_str(id));

	*ret = division ? division->number : NONE;
	if (!strcmp(id, "*"))
		*ret = ALL_DIVISIONS;
}

static void fill_grant(struct loader *l)
{
	const char *subject = NULL;
	const struct item *role = NULL;
	uint32_t where = NONE;
	struct slice key;

	while (json_object_next(&l->in, &key)) {
		if (slice_eq_str(key, "subject")) {
			subject = get_text(l);
		} else if (slice_eq_str(key, "role")) {
			role = get_item(l, ITEM_ROLE);
		} else if (slice_eq_str(key, "division")) {
			get_grant_division(l, &where);
		} else {
			unknown_member(l, key, "grant");
		}
	}
	if (json_failed(&l->in))
		return;
	if (!subject || !*subject || !role || where == NONE)
		json_fail(&l->in, ERR_INVALID, "a grant wants a subject, a role and a "
			  "division (or \"*\") that exist");
	else if (!store_grant(l->store, subject, role->number, where))
		json_fail(&l->in, ERR_INVALID, "the same grant stands in a line above");
}

static void get_roles(struct loader *l, struct client *client)
{
	struct slice key;

	client->restricted = true;
	while (json_array_next(&l->in)) {
		const struct item *role = NULL;
		struct client_role one = { NONE, NONE };

		while (json_object_next(&l->in, &key)) {
			if (slice_eq_str(key, "role"))
				role = get_item(l, ITEM_ROLE);
			else if (slice_eq_str(key, "division"))
				get_grant_division(l, &one.division);
			else
				unknown_member(l, key, "role of a client");
		}
		if (json_failed(&l->in))
			return;
		if (!role || one.division == NONE) {
			json_fail(&l->in, ERR_INVALID, "a role of a client wants a role and a "
				  "division (or \"*\") that exist");
			return;
		}
		one.role = role->number;
		vec_push(&client->roles, one);
	}
}

static void fill_client(struct loader *l)
{
	struct client client = { 0 };
	struct slice key;

	while (json_object_next(&l->in, &key)) {
		if (slice_eq_str(key, "id"))
			client.id = arena_strdup(&l->store->mem, get_text(l));
		else if (slice_eq_str(key, "secret"))
			client.secret = arena_strdup(&l->store->mem, get_text(l));
		else if (slice_eq_str(key, "name"))
			client.name = arena_strdup(&l->store->mem, get_text(l));
		else if (slice_eq_str(key, "roles"))
			get_roles(l, &client);
		else
			unknown_member(l, key, "client");
	}
	if (!json_failed(&l->in) && (!client.id || !client.secret))
		json_fail(&l->in, ERR_INVALID, "a client wants an id and a secret");
	vec_push(&l->store->clients, client);
}

static void fill_line(struct loader *l, unsigned kind)
{
	struct entry entry = l->store->order.items[l->at];

	if (kinds[kind].item != ITEM_KIND_COUNT)
		fill_item(l, kinds[kind].item,
			  l->store->kinds[kinds[kind].item].items[entry.number]);
	else if (entry.kind == KIND_USER)
		fill_user(l, l->store->users.items[entry.number]);
	else if (entry.kind == KIND_GRANT)
		fill_grant(l);
	else
		fill_client(l);
}

/* ---- first walk: make ---- */

static bool parse_state(const char *text, enum user_state *ret)
{
	static const char *const names[USER_STATE_COUNT] = { "active", "inactive",
							     "deleted" };

	for (int i = 0; i < USER_STATE_COUNT; i++)
		if (!strcmp(text, names[i])) {
			*ret = (enum user_state)i;
			return true;
		}
	return false;
}

static void make_user(struct loader *l, const char *id, const char *email,
		      const char *state)
{
	enum user_state value;

	if (!email || !*email)
		json_fail(&l->in, ERR_INVALID, "a user wants an email");
	else if (!state || !parse_state(state, &value))
		json_fail(&l->in, ERR_INVALID, "a user wants a state: active, inactive or "
			  "deleted");
	else if (store_user_named(l->store, email))
		json_fail(&l->in, ERR_INVALID, "two users have the email \"%s\"", email);
	else if (store_user(l->store, slice_str(id)))
		json_fail(&l->in, ERR_INVALID, "two users have the id \"%s\"", id);
	else
		store_add_user(l->store, id, email, value);
}

static void make_item(struct loader *l, enum item_kind kind, const char *id,
		      const char *name)
{
	if (!name || !*name)
		json_fail(&l->in, ERR_INVALID, "a %s wants a name", kinds[kind].name);
	else if (store_item(l->store, kind, slice_str(id)) ||
		 (kind != ITEM_WORK_PLAN && store_item_named(l->store, kind, name)))
		json_fail(&l->in, ERR_INVALID, "the %s \"%s\" stands in a line above",
			  kinds[kind].name, name);
	else
		store_add_item(l->store, kind, id, name);
}

static void make_line(struct loader *l, unsigned kind)
{
	const char *id = NULL, *name = NULL, *email = NULL, *state = NULL;
	struct slice key;

	while (json_object_next(&l->in, &key)) {
		if (slice_eq_str(key, "id"))
			id = get_text(l);
		else if (slice_eq_str(key, "name"))
			name = get_text(l);
		else if (slice_eq_str(key, "email"))
			email = get_text(l);
		else if (slice_eq_str(key, "state"))
			state = get_text(l);
		else
			json_skip(&l->in);
	}
	if (json_failed(&l->in))
		return;
	if (kinds[kind].kind == KIND_GRANT)
		store_note(l->store, KIND_GRANT, l->grants++);
	else if (kinds[kind].kind == KIND_CLIENT)
		store_note(l->store, KIND_CLIENT, l->clients++);
	else if (!id || !*id)
		json_fail(&l->in, ERR_INVALID, "a %s wants an id", kinds[kind].name);
	else if (kinds[kind].kind == KIND_USER)
		make_user(l, id, email, state);
	else
		make_item(l, kinds[kind].item, id, name);
}

/* ---- lines ---- */

static bool read_kind(struct loader *l, unsigned *ret)
{
	const char *name = "";
	struct slice key;

	if (json_object_next(&l->in, &key) && slice_eq_str(key, "kind"))
		name = get_text(l);
	if (json_failed(&l->in))
		return false;
	for (*ret = 0; *ret < KINDS; ++*ret)
		if (!strcmp(kinds[*ret].name, name))
			return true;
	return json_fail(&l->in, ERR_INVALID, "a line begins with \"kind\": division, role, "
			 "skill, language, group, queue, location, team, unit, workPlan, "
			 "user, grant or client");
}

static int walk_line(struct loader *l, struct slice line, const char *where, bool second,
		     struct err *err)
{
	unsigned kind;
	int result;

	arena_reset(&l->mem);
	json_open(&l->in, line.data, line.len, where, &l->mem, err);
	if (read_kind(l, &kind)) {
		if (second)
			fill_line(l, kind);
		else
			make_line(l, kind);
	}
	result = json_close(&l->in);
	l->at++;
	return result;
}

static int walk(struct loader *l, struct slice text, const char *where, bool second,
		struct err *err)
{
	const char *at = text.data, *end = text.data + text.len;
	struct err first = ERR_INIT;
	unsigned number = 0;

	l->at = 0;
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		struct slice line = slice_of(at, (size_t)((stop ? stop : end) - at));

		number++;
		at = stop ? stop + 1 : end;
		if (!line.len)
			continue;
		if (walk_line(l, line, where, second, &first)) {
			/* The reader saw one line and calls it the first. */
			first.line = number;
			*err = first;
			return -1;
		}
	}
	return 0;
}

/* A tenant has one home division, and at least one client that may ask for tokens. */
static int complete(struct store *store, const char *where, struct err *err)
{
	struct client fallback = { 0 };
	unsigned homes = 0;

	for (size_t i = 0; i < store->kinds[ITEM_DIVISION].count; i++)
		homes += store->kinds[ITEM_DIVISION].items[i]->home;
	if (homes != 1)
		return err_at(err, ERR_INVALID, where, 0, 0, "%u divisions are \"home\"; a "
			      "tenant has one", homes);
	if (!store->clients.count) {
		fallback.id = arena_strdup(&store->mem, "sandbox");
		fallback.secret = arena_strdup(&store->mem, "sandbox-secret");
		vec_push(&store->clients, fallback);
	}
	return 0;
}

static int load(struct sandbox *sandbox, struct slice text, const char *where,
		struct err *err)
{
	struct loader l = { .sandbox = sandbox, .store = &sandbox->store };
	int result;

	arena_init(&l.mem);
	result = walk(&l, text, where, false, err);
	if (!result)
		result = walk(&l, text, where, true, err);
	if (!result)
		result = complete(l.store, where, err);
	arena_release(&l.mem);
	return result;
}

int sandbox_load_text(struct sandbox *sandbox, const char *text, struct err *err)
{
	return load(sandbox, slice_str(text), "tenant", err);
}

int sandbox_load(struct sandbox *sandbox, const char *path, struct err *err)
{
	struct buf buf;
	int result;

	buf_init(&buf, SANDBOX_DATA_BYTES_MAX);
	result = buf_read_file(&buf, path, err);
	if (!result)
		result = load(sandbox, slice_of(buf.data ? buf.data : "", buf.len), path, err);
	buf_release(&buf);
	return result;
}
