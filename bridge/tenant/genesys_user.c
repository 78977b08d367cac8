#include "bridge/tenant/genesys_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

/* More of one kind than this on one account is not believed. */
#define HELD_MAX 10000

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

static void add_field(struct account_reader *reader, enum scim_attr attr, const char *key,
		      struct slice value)
{
	if (!value.len || reader->field_count == SCIM_FIELDS_MAX)
		return;
	reader->fields[reader->field_count++] =
		(struct scim_field){ (uint16_t)attr, key, intern(&reader->intern, value) };
}

/* One member's text out of an object: {"id"}, {"name"}. null is the empty text. */
bool genesys_read_member(struct json_in *in, const char *name, struct slice *ret)
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

unsigned genesys_sort_held(struct held *held, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(held, count, sizeof(*held), cmp_held);
	for (size_t i = 0; i < count; i++)
		if (!kept || held_cmp(&held[kept - 1], &held[i]) != 0)
			held[kept++] = held[i];
	return (unsigned)kept;
}

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

int genesys_read_words(struct account_reader *reader, struct json_in *in,
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
			if (genesys_read_member(in, "name", &text))
				add_field(reader, SCIM_ATTR_DIVISION, NULL, text);
		} else if (slice_eq_str(key, "manager")) {
			if (genesys_read_member(in, "id", &text))
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
static void note_missing(struct account_reader *reader, struct account *account, uint8_t came,
			 uint32_t index)
{
	/* Of a deleted account only its name counts. */
	if (account->state == ACCOUNT_DELETED)
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

static int take_state(const struct account_reader *reader, struct slice word,
		      enum account_state *ret, struct err *err)
{
	static const struct {
		const char *word;
		enum account_state state;
	} states[] = {
		{ "active", ACCOUNT_ACTIVE },
		{ "inactive", ACCOUNT_INACTIVE },
		{ "deleted", ACCOUNT_DELETED },
	};
	char shown[40];

	*ret = reader->state;
	if (!word.len && !reader->any_state)
		return 0;
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (slice_eq_str(word, states[i].word)) {
			*ret = states[i].state;
			return 0;
		}
	text_visible(word.len ? word.data : "", word.len, shown, sizeof(shown));
	return err_set(err, ERR_PROTOCOL, "a user's state \"%s\" is none that is known", shown);
}

/* Was this user in the list before? */
static bool came_before(const struct account_reader *reader, uint64_t index)
{
	uint64_t at = index - reader->excused_first;

	if (reader->known_ok)
		return false;
	if (!reader->excused || index < reader->excused_first || at >= reader->excused_count)
		return true;
	return reader->excused[at]++ > 0;
}

/* A search that finds somebody else does not do what it is taken to do. */
static int check_asked(const struct account_reader *reader, const struct user_words *words,
		       struct err *err)
{
	char lower[SCIM_VALUE_BYTES_MAX];

	if (!reader->asked)
		return 0;
	if (words->email.len && words->email.len <= sizeof(lower)) {
		memcpy(lower, words->email.data, words->email.len);
		text_lower(lower, words->email.len);
		if (map_get(reader->asked, slice_of(lower, words->email.len), NULL))
			return 0;
	}
	return err_set(err, ERR_PROTOCOL, "a user that was not asked for");
}

static void keep_lists(struct account_reader *reader, struct account *account)
{
	struct arena *mem = &reader->present->mem;
	struct scim_field *fields;
	struct held *held;

	account->field_count = (unsigned)scim_fields_sort(reader->fields, reader->field_count);
	fields = arena_array(mem, account->field_count, sizeof(*fields));
	memcpy(fields, reader->fields, account->field_count * sizeof(*fields));
	account->fields = fields;
	account->held_count = genesys_sort_held(reader->held.items, reader->held.count);
	held = arena_array(mem, account->held_count, sizeof(*held));
	if (account->held_count)
		memcpy(held, reader->held.items, account->held_count * sizeof(*held));
	account->held = held;
}

static bool of_employer(const struct scim_field *field)
{
	return field->attr == SCIM_ATTR_EMPLOYEE_NUMBER || field->attr == SCIM_ATTR_DATE_HIRE;
}

void genesys_keep_employer(struct account_reader *reader, struct account *account)
{
	struct scim_field *fields =
		arena_array(&reader->present->mem,
			    reader->field_count + account->field_count + 1, sizeof(*fields));
	size_t count = 0;

	for (size_t i = 0; i < reader->field_count; i++)
		if (of_employer(&reader->fields[i]))
			fields[count++] = reader->fields[i];
	for (size_t i = 0; i < account->field_count; i++)
		if (!of_employer(&account->fields[i]))
			fields[count++] = account->fields[i];
	account->field_count = (unsigned)scim_fields_sort(fields, count);
	account->fields = fields;
}

int genesys_read_user(void *ctx, struct json_in *in, bool *ret_again, struct err *err)
{
	struct account_reader *reader = ctx;
	struct present *present = reader->present;
	struct arena *mem = &present->mem;
	struct account account = { 0 };
	struct user_words words = { .version = -1 };
	uint32_t index = (uint32_t)present->accounts.count;
	uint64_t before;

	reader->field_count = 0;
	reader->held.count = 0;
	if (genesys_read_words(reader, in, &words, err))
		return -1;
	if (!words.id.len)
		return err_set(err, ERR_PROTOCOL, "a user without id");
	if (!genesys_id_ok(words.id))
		return err_set(err, ERR_PROTOCOL, "no id of a user can look like this one's");
	if (take_state(reader, words.state, &account.state, err) ||
	    check_asked(reader, &words, err))
		return -1;
	if (map_get(&present->by_id, words.id, &before)) {
		*ret_again = came_before(reader, before);
		return 0;
	}
	account.id = own(mem, words.id);
	if (words.version >= 0)
		account.version = arena_printf(mem, "%lld", (long long)words.version);
	/* SCIM's userName is the main e-mail (facts, section 3). */
	add_field(reader, SCIM_ATTR_USER_NAME, NULL,
		  words.email.len ? words.email : words.username);
	add_field(reader, SCIM_ATTR_DISPLAY_NAME, NULL, words.name);
	keep_lists(reader, &account);
	note_missing(reader, &account, words.came, index);
	vec_push(&present->accounts, account);
	map_set(&present->by_id, slice_str(account.id), index);
	name_account(present, &account, index);
	present->verdict.count++;
	return 0;
}
