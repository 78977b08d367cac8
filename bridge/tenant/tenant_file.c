#include "bridge/tenant/tenant_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scim/base/json.h"

#include "scim/base/banned.h"

/* Who is in what: groups and queues are written with their members. */
struct member {
	enum assign_kind kind;
	uint32_t item, account;
};

struct writer {
	const struct present *present;
	VEC(struct member) members; /* by kind, item, account */
	FILE *file;
	struct buf line;
	struct json_out out;
};

const char *tenant_file_kind(enum catalogue_kind kind)
{
	if (kind == CAT_UNIT)
		return "unit";
	return kind == CAT_WORK_PLAN ? "workPlan" : catalogue_kind_name(kind);
}

static int cmp_member(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return x->account < y->account ? -1 : x->account > y->account;
}

/* Skills and languages have a level and stand with the user; roles are lines of their own. */
static bool by_members(enum assign_kind kind)
{
	return kind != ASSIGN_ROLE && kind != ASSIGN_SKILL && kind != ASSIGN_LANGUAGE;
}

static void collect_members(struct writer *w)
{
	for (size_t i = 0; i < w->present->accounts.count; i++) {
		const struct account *account = &w->present->accounts.items[i];

		for (unsigned h = 0; h < account->held_count; h++)
			if (by_members(account->held[h].kind))
				vec_push(&w->members,
					 ((struct member){ account->held[h].kind,
							   account->held[h].item,
							   (uint32_t)i }));
	}
	if (w->members.count)
		qsort(w->members.items, w->members.count, sizeof(*w->members.items), cmp_member);
}

static void begin(struct writer *w, const char *kind)
{
	buf_clear(&w->line);
	json_out_init(&w->out, &w->line);
	json_out_object(&w->out);
	json_out_member(&w->out, "kind", kind);
}

static void end(struct writer *w)
{
	json_out_object_end(&w->out);
	buf_addch(&w->line, '\n');
	fwrite(w->line.data, 1, w->line.len, w->file);
}

static void write_bool(struct writer *w, const char *key, bool value)
{
	json_out_key(&w->out, key);
	json_out_bool(&w->out, value);
}

/* `at` goes on through the sorted members from item to item. */
static void write_members(struct writer *w, enum catalogue_kind kind, uint32_t item,
			  size_t *at)
{
	json_out_key(&w->out, "members");
	json_out_array(&w->out);
	for (; *at < w->members.count; ++*at) {
		const struct member *member = &w->members.items[*at];

		if ((int)member->kind != (int)kind || member->item != item)
			break;
		json_out_text(&w->out, w->present->accounts.items[member->account].id);
	}
	json_out_array_end(&w->out);
}

static void write_items(struct writer *w, enum catalogue_kind kind, size_t *at)
{
	const struct catalogue *cat = &w->present->catalogue;

	for (uint32_t i = 0; i < cat->kinds[kind].items.count; i++) {
		const struct catalogue_item *item = &cat->kinds[kind].items.items[i];

		begin(w, tenant_file_kind(kind));
		json_out_member(&w->out, "id", item->id);
		json_out_member(&w->out, "name", item->name);
		if (kind == CAT_DIVISION)
			write_bool(w, "home", item->home);
		if (kind == CAT_GROUP)
			json_out_member_int(&w->out, "version", item->version);
		if (kind == CAT_ROLE && item->privileged) {
			json_out_key(&w->out, "permissions");
			json_out_array(&w->out);
			json_out_text(&w->out, "*");
			json_out_array_end(&w->out);
		}
		if (kind == CAT_WORK_PLAN)
			json_out_member(&w->out, "unit",
					catalogue_item(cat, CAT_UNIT, item->unit)->id);
		if (kind != CAT_DIVISION && by_members((enum assign_kind)kind))
			write_members(w, kind, i, at);
		end(w);
	}
}

static void write_levels(struct writer *w, const struct account *account,
			 enum assign_kind kind, const char *name)
{
	const struct catalogue *cat = &w->present->catalogue;

	json_out_key(&w->out, name);
	json_out_array(&w->out);
	for (unsigned i = 0; i < account->held_count; i++) {
		const struct held *held = &account->held[i];

		if (held->kind != kind)
			continue;
		json_out_object(&w->out);
		json_out_member(&w->out, "id",
				catalogue_item(cat, (enum catalogue_kind)kind, held->item)->id);
		json_out_key(&w->out, "proficiency");
		json_out_double(&w->out, held->level);
		json_out_object_end(&w->out);
	}
	json_out_array_end(&w->out);
}

static void write_typed(struct writer *w, const struct account *account, enum scim_attr attr,
			const char *name)
{
	json_out_key(&w->out, name);
	json_out_array(&w->out);
	for (unsigned i = 0; i < account->field_count; i++) {
		if (account->fields[i].attr != attr)
			continue;
		json_out_object(&w->out);
		json_out_member(&w->out, "type", account->fields[i].key);
		json_out_member(&w->out, "value", account->fields[i].value);
		json_out_object_end(&w->out);
	}
	json_out_array_end(&w->out);
}

static void write_division(struct writer *w, const char *name)
{
	const struct catalogue *cat = &w->present->catalogue;
	uint32_t at = catalogue_by_name(cat, CAT_DIVISION, name);

	if (at != ITEM_NONE && at != ITEM_AMBIGUOUS)
		json_out_member(&w->out, "division", catalogue_item(cat, CAT_DIVISION, at)->id);
}

/* Text with a member of its own; false = it has none. */
static bool write_known(struct writer *w, const struct scim_field *field)
{
	switch ((enum scim_attr)field->attr) {
	case SCIM_ATTR_DISPLAY_NAME:
		json_out_member(&w->out, "name", field->value);
		return true;
	case SCIM_ATTR_USER_NAME:
		json_out_member(&w->out, "email", field->value);
		return true;
	case SCIM_ATTR_TITLE:
	case SCIM_ATTR_DEPARTMENT:
	case SCIM_ATTR_EMPLOYEE_NUMBER:
	case SCIM_ATTR_DATE_HIRE:
		json_out_member(&w->out, scim_attr(field->attr)->name, field->value);
		return true;
	case SCIM_ATTR_DIVISION:
		write_division(w, field->value);
		return true;
	case SCIM_ATTR_MANAGER:
		if (map_get(&w->present->by_id, slice_str(field->value), NULL))
			json_out_member(&w->out, "manager", field->value);
		return true;
	case SCIM_ATTR_EMAILS:
	case SCIM_ATTR_PHONE_NUMBERS:
		return true; /* lists */
	default:
		return false;
	}
}

/* What has no member of its own: attributes of services other than Genesys Cloud. */
static void write_more(struct writer *w, const struct account *account, const bool *known)
{
	json_out_key(&w->out, "more");
	json_out_array(&w->out);
	for (unsigned i = 0; i < account->field_count; i++) {
		const struct scim_field *field = &account->fields[i];

		if (known[i])
			continue;
		json_out_object(&w->out);
		json_out_member(&w->out, "attribute", scim_attr(field->attr)->name);
		if (field->key)
			json_out_member(&w->out, "type", field->key);
		json_out_member(&w->out, "value", field->value);
		json_out_object_end(&w->out);
	}
	json_out_array_end(&w->out);
}

/* A number for Genesys Cloud, any text for others. */
static void write_version(struct writer *w, const char *version)
{
	if (!version)
		return;
	if (version[strspn(version, "0123456789")] || strlen(version) > 9)
		json_out_member(&w->out, "version", version);
	else
		json_out_member_int(&w->out, "version", strtol(version, NULL, 10));
}

static void write_user(struct writer *w, const struct account *account)
{
	static const char *const states[] = { "active", "inactive", "deleted" };
	bool known[SCIM_FIELDS_MAX], more = false;

	begin(w, "user");
	json_out_member(&w->out, "id", account->id);
	json_out_member(&w->out, "state", states[account->state]);
	write_version(w, account->version);
	if (account->external_id)
		json_out_member(&w->out, "externalId", account->external_id);
	for (unsigned i = 0; i < account->field_count; i++) {
		known[i] = write_known(w, &account->fields[i]);
		more |= !known[i];
	}
	write_typed(w, account, SCIM_ATTR_EMAILS, "emails");
	write_typed(w, account, SCIM_ATTR_PHONE_NUMBERS, "phones");
	write_levels(w, account, ASSIGN_SKILL, "skills");
	write_levels(w, account, ASSIGN_LANGUAGE, "languages");
	if (more)
		write_more(w, account, known);
	end(w);
}

static void write_grants(struct writer *w, const struct account *account)
{
	const struct catalogue *cat = &w->present->catalogue;

	for (unsigned i = 0; i < account->held_count; i++) {
		const struct held *held = &account->held[i];

		if (held->kind != ASSIGN_ROLE)
			continue;
		begin(w, "grant");
		json_out_member(&w->out, "subject", account->id);
		json_out_member(&w->out, "role", catalogue_item(cat, CAT_ROLE, held->item)->id);
		json_out_member(&w->out, "division",
				held->division == ITEM_ALL ?
					"*" :
					catalogue_item(cat, CAT_DIVISION, held->division)->id);
		end(w);
	}
}

static int check_known(const struct present *present, struct err *err)
{
	unsigned long unknown = 0;

	for (size_t i = 0; i < present->accounts.count; i++)
		unknown += present->accounts.items[i].unknown_kinds != 0;
	if (!unknown)
		return 0;
	return err_set(err, ERR_REFUSED, "of %lu accounts the tenant did not show all that they "
		       "hold, which a file can't tell from nothing; take the snapshot again",
		       unknown);
}

static void write_all(struct writer *w)
{
	/* What others refer to comes first. */
	static const enum catalogue_kind first[] = { CAT_DIVISION, CAT_ROLE, CAT_SKILL,
						     CAT_LANGUAGE };
	size_t at = 0;

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		write_items(w, first[i], &at);
	for (int kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		if (by_members((enum assign_kind)kind))
			write_items(w, (enum catalogue_kind)kind, &at);
	for (size_t i = 0; i < w->present->accounts.count; i++)
		write_user(w, &w->present->accounts.items[i]);
	for (size_t i = 0; i < w->present->accounts.count; i++)
		write_grants(w, &w->present->accounts.items[i]);
}

int tenant_file_write(const struct present *present, const char *path, struct err *err)
{
	struct writer w = { .present = present };
	int fd, status;

	if (check_known(present, err))
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	w.file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!w.file) {
		if (fd >= 0)
			close(fd);
		return err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
	}
	buf_init(&w.line, TENANT_LINE_BYTES_MAX);
	collect_members(&w);
	write_all(&w);
	status = ferror(w.file) | fflush(w.file) | fsync(fd);
	status |= fclose(w.file);
	vec_release(&w.members);
	buf_release(&w.line);
	return status ? err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(errno)) : 0;
}
