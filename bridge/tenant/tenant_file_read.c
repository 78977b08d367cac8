/*
 * A file of a tenant, read in two passes: what has a name first, then who holds it. Lines may
 * stand in any order: whom a group's members are is settled at the end.
 */
#include "bridge/tenant/tenant_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/tenant/genesys.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

/* More than this on one account is not believed; each list is sorted in place. */
#define HELD_MAX 10000

struct pending {
	const char *user; /* id, in reader.ids */
	struct held held;
};

struct holding {
	uint32_t account;
	struct held held;
};

struct reader {
	const char *path;
	const struct tenant_file_names *names;
	struct present *present;
	struct json_in in;
	struct arena line;  /* of one line */
	struct arena ids;   /* of the pending */
	struct map texts;   /* titles and the like repeat: one copy each */
	VEC(struct pending) pending;
	VEC(struct holding) holdings;
	struct scim_field fields[SCIM_FIELDS_MAX];
	size_t field_count;
};

static const char *keep(struct reader *r, struct slice text)
{
	return arena_strndup(&r->present->mem, text.data ? text.data : "", text.len);
}

static const char *keep_once(struct reader *r, struct slice text)
{
	uint64_t at;
	const char *copy;

	if (map_get(&r->texts, text, &at))
		return (const char *)(uintptr_t)at;
	copy = keep(r, text);
	map_set(&r->texts, slice_of(copy, text.len), (uint64_t)(uintptr_t)copy);
	return copy;
}

/* CAT_KIND_COUNT when it is no line of a catalogue that is known here. */
static enum catalogue_kind item_kind(struct slice name)
{
	for (int kind = 0; kind < CAT_KIND_COUNT; kind++)
		if (slice_eq_str(name, tenant_file_kind((enum catalogue_kind)kind)))
			return (enum catalogue_kind)kind;
	return CAT_KIND_COUNT;
}

static uint32_t find_item(const struct reader *r, enum catalogue_kind kind, struct slice id)
{
	uint64_t at;

	return map_get(&r->present->catalogue.kinds[kind].by_id, id, &at) ? (uint32_t)at :
									    ITEM_NONE;
}

/* --- items ------------------------------------------------------------------------------- */

static void read_permissions(struct reader *r, struct catalogue_item *item)
{
	struct slice text;

	while (json_array_next(&r->in))
		if (json_get_text(&r->in, &text))
			item->privileged |= genesys_permission_privileged(text);
}

/* The item's own index is not known yet: `held.item` is filled in when it is added. */
static void read_members(struct reader *r, enum catalogue_kind kind)
{
	struct pending pending = { .held = { .kind = (enum assign_kind)kind } };
	struct slice id;

	while (json_array_next(&r->in))
		if (json_get_text(&r->in, &id)) {
			pending.user = arena_strndup(&r->ids, id.data, id.len);
			vec_push(&r->pending, pending);
		}
}

static void add_item(struct reader *r, enum catalogue_kind kind, struct catalogue_item *item,
		     size_t first)
{
	struct catalogue *cat = &r->present->catalogue;
	uint32_t at;

	if (!item->id || !item->name) {
		json_fail(&r->in, ERR_INVALID, "a %s wants an id and a name",
			  catalogue_kind_name(kind));
		return;
	}
	for (unsigned i = 0; kind == CAT_ROLE && i < r->names->privileged_count; i++)
		item->privileged |= !strcmp(item->name, r->names->privileged[i]);
	item->member_count = kind == CAT_GROUP || kind == CAT_QUEUE ?
				     (int64_t)(r->pending.count - first) :
				     -1;
	at = catalogue_add(cat, kind, item);
	if (item->home)
		cat->home = at;
	for (size_t i = first; i < r->pending.count; i++) {
		r->pending.items[i].held.item = at;
		r->pending.items[i].held.division = kind == CAT_WORK_PLAN ? item->unit : 0;
	}
}

/* Of a work plan; units stand before their plans. */
static void read_unit(struct reader *r, struct catalogue_item *item)
{
	struct slice id;

	if (!json_get_text(&r->in, &id))
		return;
	item->unit = find_item(r, CAT_UNIT, id);
	if (item->unit == ITEM_NONE)
		json_fail(&r->in, ERR_INVALID, "no line above defines the unit \"%.*s\"",
			  SLICE_FMT(id));
}

static void read_item(struct reader *r, enum catalogue_kind kind)
{
	struct catalogue_item item = { .member_count = -1 };
	size_t first = r->pending.count;
	struct slice key, text;

	while (json_object_next(&r->in, &key)) {
		if (slice_eq_str(key, "id") && json_get_text(&r->in, &text) && text.len)
			item.id = keep(r, text);
		else if (slice_eq_str(key, "name") && json_get_text(&r->in, &text) && text.len)
			item.name = keep(r, text);
		else if (slice_eq_str(key, "home"))
			json_get_bool(&r->in, &item.home);
		else if (slice_eq_str(key, "version"))
			json_get_int(&r->in, &item.version);
		else if (kind == CAT_WORK_PLAN && slice_eq_str(key, "unit"))
			read_unit(r, &item);
		else if (slice_eq_str(key, "permissions"))
			read_permissions(r, &item);
		else if (slice_eq_str(key, "members") && kind < (int)CAT_DIVISION)
			read_members(r, kind);
		else if (!slice_eq_str(key, "id") && !slice_eq_str(key, "name"))
			json_skip(&r->in);
	}
	if (!json_failed(&r->in))
		add_item(r, kind, &item, first);
}

/* --- users ------------------------------------------------------------------------------- */

static void add_field(struct reader *r, enum scim_attr attr, const char *key,
		      struct slice value)
{
	bool repeats = attr == SCIM_ATTR_DIVISION || attr == SCIM_ATTR_DEPARTMENT ||
		       attr == SCIM_ATTR_TITLE;

	if (value.len && r->field_count < SCIM_FIELDS_MAX)
		r->fields[r->field_count++] = (struct scim_field){
			(uint16_t)attr, key, repeats ? keep_once(r, value) : keep(r, value)
		};
}

static void read_typed(struct reader *r, enum scim_attr attr)
{
	struct slice key, type, value;

	while (json_array_next(&r->in)) {
		type = value = slice_of("", 0);
		while (json_object_next(&r->in, &key)) {
			if (slice_eq_str(key, "type"))
				json_opt_text(&r->in, &type);
			else if (slice_eq_str(key, "value"))
				json_opt_text(&r->in, &value);
			else
				json_skip(&r->in);
		}
		add_field(r, attr, keep_once(r, type), value);
	}
}

static void read_more(struct reader *r)
{
	struct slice key, name, type, value;

	while (json_array_next(&r->in)) {
		enum scim_attr attr = SCIM_ATTR_COUNT;

		name = type = value = slice_of(NULL, 0);
		while (json_object_next(&r->in, &key)) {
			if (slice_eq_str(key, "attribute"))
				json_get_text(&r->in, &name);
			else if (slice_eq_str(key, "type"))
				json_get_text(&r->in, &type);
			else if (slice_eq_str(key, "value"))
				json_get_text(&r->in, &value);
			else
				json_skip(&r->in);
		}
		for (int i = 0; i < SCIM_ATTR_COUNT; i++)
			if (slice_eq_str(name, scim_attr((enum scim_attr)i)->name))
				attr = (enum scim_attr)i;
		if (attr != SCIM_ATTR_COUNT)
			add_field(r, attr, type.data ? keep_once(r, type) : NULL, value);
	}
}

static void read_levels(struct reader *r, enum assign_kind kind)
{
	uint32_t account = (uint32_t)r->present->accounts.count;
	struct slice key, id;

	while (json_array_next(&r->in)) {
		struct held held = { .kind = kind };

		id = slice_of("", 0);
		while (json_object_next(&r->in, &key)) {
			if (slice_eq_str(key, "id"))
				json_get_text(&r->in, &id);
			else if (slice_eq_str(key, "proficiency"))
				json_get_double(&r->in, &held.level);
			else
				json_skip(&r->in);
		}
		if (json_failed(&r->in))
			return;
		held.item = find_item(r, (enum catalogue_kind)kind, id);
		if (held.item == ITEM_NONE)
			json_fail(&r->in, ERR_INVALID, "no line defines the %s \"%.*s\"",
				  assign_kind_name(kind), SLICE_FMT(id));
		else
			vec_push(&r->holdings, ((struct holding){ account, held }));
	}
}

static void read_division(struct reader *r)
{
	struct slice id;
	uint32_t at;

	if (!json_get_text(&r->in, &id))
		return;
	at = find_item(r, CAT_DIVISION, id);
	if (at == ITEM_NONE)
		json_fail(&r->in, ERR_INVALID, "no line defines the division \"%.*s\"",
			  SLICE_FMT(id));
	else
		add_field(r, SCIM_ATTR_DIVISION, NULL,
			  slice_str(catalogue_item(&r->present->catalogue, CAT_DIVISION, at)
					    ->name));
}

static void read_state(struct reader *r, enum account_state *ret)
{
	static const char *const states[] = { "active", "inactive", "deleted" };
	struct slice text;

	if (!json_get_text(&r->in, &text))
		return;
	for (int i = 0; i < 3; i++)
		if (slice_eq_str(text, states[i])) {
			*ret = (enum account_state)i;
			return;
		}
	json_fail(&r->in, ERR_INVALID, "a user is active, inactive or deleted");
}

static void read_version(struct reader *r, struct account *account)
{
	struct slice text;
	int64_t number;

	if (json_peek(&r->in) == JSON_IN_NUMBER && json_get_int(&r->in, &number))
		account->version = arena_printf(&r->present->mem, "%lld", (long long)number);
	else if (json_get_text(&r->in, &text))
		account->version = keep(r, text);
}

/* A profile text; false = no member of that name. */
static bool read_profile(struct reader *r, struct slice key)
{
	static const struct {
		const char *member;
		enum scim_attr attr;
	} rows[] = {
		{ "name", SCIM_ATTR_DISPLAY_NAME },
		{ "email", SCIM_ATTR_USER_NAME },
		{ "title", SCIM_ATTR_TITLE },
		{ "department", SCIM_ATTR_DEPARTMENT },
		{ "employeeNumber", SCIM_ATTR_EMPLOYEE_NUMBER },
		{ "dateHire", SCIM_ATTR_DATE_HIRE },
		{ "manager", SCIM_ATTR_MANAGER },
	};
	struct slice text = { 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!slice_eq_str(key, rows[i].member))
			continue;
		if (json_opt_text(&r->in, &text))
			add_field(r, rows[i].attr, NULL, text);
		return true;
	}
	return false;
}

static void read_member(struct reader *r, struct slice key, struct account *account)
{
	struct slice text = { 0 };

	if (slice_eq_str(key, "id")) {
		if (json_get_text(&r->in, &text) && text.len)
			account->id = keep(r, text);
	} else if (slice_eq_str(key, "state")) {
		read_state(r, &account->state);
	} else if (slice_eq_str(key, "version")) {
		read_version(r, account);
	} else if (slice_eq_str(key, "externalId")) {
		if (json_opt_text(&r->in, &text) && text.len)
			account->external_id = keep(r, text);
	} else if (slice_eq_str(key, "division")) {
		read_division(r);
	} else if (slice_eq_str(key, "emails")) {
		read_typed(r, SCIM_ATTR_EMAILS);
	} else if (slice_eq_str(key, "phones")) {
		read_typed(r, SCIM_ATTR_PHONE_NUMBERS);
	} else if (slice_eq_str(key, "skills")) {
		read_levels(r, ASSIGN_SKILL);
	} else if (slice_eq_str(key, "languages")) {
		read_levels(r, ASSIGN_LANGUAGE);
	} else if (slice_eq_str(key, "more")) {
		read_more(r);
	} else if (!read_profile(r, key)) {
		json_skip(&r->in);
	}
}

static void read_user(struct reader *r)
{
	struct account account = { .state = ACCOUNT_ACTIVE, .external_id_known = true };
	struct scim_field *fields;
	struct slice key;

	r->field_count = 0;
	while (json_object_next(&r->in, &key))
		read_member(r, key, &account);
	if (json_failed(&r->in))
		return;
	if (!account.id) {
		json_fail(&r->in, ERR_INVALID, "a user wants an id");
		return;
	}
	if (map_get(&r->present->by_id, slice_str(account.id), NULL)) {
		json_fail(&r->in, ERR_INVALID, "two users have the id \"%s\"", account.id);
		return;
	}
	account.field_count = (unsigned)scim_fields_sort(r->fields, r->field_count);
	fields = arena_array(&r->present->mem, account.field_count, sizeof(*fields));
	if (account.field_count)
		memcpy(fields, r->fields, account.field_count * sizeof(*fields));
	account.fields = fields;
	present_add(r->present, &account);
}

static void read_grant(struct reader *r)
{
	struct pending pending = { .held = { .kind = ASSIGN_ROLE, .item = ITEM_NONE,
					     .division = ITEM_NONE } };
	struct slice key, text;

	while (json_object_next(&r->in, &key)) {
		if (slice_eq_str(key, "subject") && json_get_text(&r->in, &text))
			pending.user = arena_strndup(&r->ids, text.data, text.len);
		else if (slice_eq_str(key, "role") && json_get_text(&r->in, &text))
			pending.held.item = find_item(r, CAT_ROLE, text);
		else if (slice_eq_str(key, "division") && json_get_text(&r->in, &text))
			pending.held.division = slice_eq_str(text, "*") ?
							ITEM_ALL :
							find_item(r, CAT_DIVISION, text);
		else if (!json_failed(&r->in))
			json_skip(&r->in);
	}
	if (json_failed(&r->in))
		return;
	if (!pending.user || pending.held.item == ITEM_NONE ||
	    pending.held.division == ITEM_NONE)
		json_fail(&r->in, ERR_INVALID, "a grant wants a subject, a role and a division "
			  "(or \"*\") that exist");
	else
		vec_push(&r->pending, pending);
}

/* --- lines ------------------------------------------------------------------------------- */

static int read_line(struct reader *r, struct slice line, unsigned number, bool second,
		     struct err *err)
{
	struct err first = ERR_INIT;
	struct slice key, kind = { 0 };

	arena_reset(&r->line);
	json_open(&r->in, line.data, line.len, r->path, &r->line, &first);
	if (!json_object_next(&r->in, &key) || !slice_eq_str(key, "kind") ||
	    !json_get_text(&r->in, &kind))
		json_fail(&r->in, ERR_INVALID, "a line begins with \"kind\"");
	else if (item_kind(kind) != CAT_KIND_COUNT && !second)
		read_item(r, item_kind(kind));
	else if (slice_eq_str(kind, "user") && second)
		read_user(r);
	else if (slice_eq_str(kind, "grant") && second)
		read_grant(r);
	else
		while (json_object_next(&r->in, &key))
			json_skip(&r->in);
	if (!json_close(&r->in))
		return 0;
	first.line = number; /* the reader saw one line and calls it the first */
	*err = first;
	return -1;
}

static bool is_of(const char *line, size_t len, const char *start)
{
	return len >= strlen(start) && !memcmp(line, start, strlen(start));
}

static int read_pass(struct reader *r, FILE *file, bool second, struct err *err)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	unsigned number = 0;
	int status = 0;

	rewind(file);
	while (!status && (len = getline(&line, &size, file)) > 0) {
		number++;
		if ((size_t)len > TENANT_LINE_BYTES_MAX)
			status = err_at(err, ERR_LIMIT, r->path, number, 0,
					"the line is longer than %zu bytes",
					TENANT_LINE_BYTES_MAX);
		else if (line[0] != '\n' &&
			 (second || !is_of(line, (size_t)len, "{\"kind\":\"user\"")))
			status = read_line(r, slice_of(line, (size_t)len), number, second, err);
	}
	if (!status && ferror(file))
		status = err_at(err, ERR_IO, r->path, 0, 0, "%s", strerror(errno));
	free(line);
	return status;
}

/* --- who holds what ---------------------------------------------------------------------- */

/* Members and grants of what is no user (groups hold grants, too) are nobody's here. */
static void settle_pending(struct reader *r)
{
	uint64_t at;

	for (size_t i = 0; i < r->pending.count; i++)
		if (map_get(&r->present->by_id, slice_str(r->pending.items[i].user), &at))
			vec_push(&r->holdings,
				 ((struct holding){ (uint32_t)at, r->pending.items[i].held }));
}

/* Few a person: sorted as they are put in. What is there twice stays once. */
static void give(struct account *account, struct held *list, const struct held *held)
{
	unsigned at = account->held_count;

	while (at && held_cmp(&list[at - 1], held) > 0)
		at--;
	if (at && !held_cmp(&list[at - 1], held))
		return;
	memmove(&list[at + 1], &list[at], (account->held_count - at) * sizeof(*list));
	list[at] = *held;
	account->held_count++;
}

/* One list for all, each account's part as long as what was read for it. */
static int hand_out(struct reader *r, struct err *err)
{
	size_t accounts = r->present->accounts.count, at = 0;
	struct held *all = arena_array(&r->present->mem, r->holdings.count + 1, sizeof(*all));
	size_t *first = mem_array(accounts + 1, sizeof(*first));

	for (size_t i = 0; i < r->holdings.count; i++)
		first[r->holdings.items[i].account]++;
	for (size_t i = 0; i < accounts; i++) {
		size_t count = first[i];

		if (count > HELD_MAX) {
			mem_free(first);
			return err_at(err, ERR_LIMIT, r->path, 0, 0,
				      "the user \"%s\" has more than %d assignments",
				      r->present->accounts.items[i].id, HELD_MAX);
		}
		first[i] = at;
		r->present->accounts.items[i].held = &all[at];
		at += count;
	}
	for (size_t i = 0; i < r->holdings.count; i++) {
		const struct holding *holding = &r->holdings.items[i];

		give(&r->present->accounts.items[holding->account],
		     &all[first[holding->account]], &holding->held);
	}
	mem_free(first);
	return 0;
}

int tenant_file_parse(FILE *file, const char *where, const struct tenant_file_names *names,
		      struct present *present, struct err *err)
{
	struct reader r = { .path = where, .names = names, .present = present };
	int status;

	arena_init(&r.line);
	arena_init(&r.ids);
	status = read_pass(&r, file, false, err);
	if (!status)
		status = read_pass(&r, file, true, err);
	if (!status) {
		settle_pending(&r);
		status = hand_out(&r, err);
	}
	vec_release(&r.pending);
	vec_release(&r.holdings);
	map_release(&r.texts);
	arena_release(&r.line);
	arena_release(&r.ids);
	return status;
}

int tenant_file_read(const char *path, const struct tenant_file_names *names,
		     struct present *present, struct err *err)
{
	FILE *file = fopen(path, "re");
	int status;

	if (!file)
		return err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
	status = tenant_file_parse(file, path, names, present, err);
	fclose(file);
	return status;
}
