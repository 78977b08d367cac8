#include "bridge/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/directory/fill.h"
#include "bridge/directory/groups.h"
#include "bridge/directory/ldif_write.h"
#include "bridge/directory/person.h"
#include "bridge/tenant/tenant_file.h"
#include "scim/base/digest.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

#define SCHEMA "dirbridge.snapshot/1"
#define LDIF_NAME "directory.ldif.gz"
#define TENANT_NAME "tenant.jsonl"
#define LDIF_BYTES_MAX ((size_t)8 << 30)
/* Attributes of our own in each entry: what search found it, and its id as text. */
#define FOUND_AS "x-dirbridge-found"
#define ENTRY_ID "x-dirbridge-id"

static char *path_in(struct arena *mem, const char *dir, const char *name)
{
	return arena_printf(mem, "%s/%s", dir, name);
}

/* --- writing ----------------------------------------------------------------------------- */

struct shooter {
	struct ldif_writer *writer;
	const struct layout *people;
	struct layout groups;
	struct seen_ids seen; /* two searches may show the same entry */
	struct snapshot_sums sums;
	struct tenant *tenant; /* NULL: only the directory */
	unsigned kinds;
	int64_t time_s;
};

static void write_values(struct ldif_writer *writer, const char *name,
			 const struct attr_values *values)
{
	for (uint32_t i = 0; i < values->count; i++)
		ldif_write_value(writer, name, values->items[i]);
}

/* What groups name a person by, as far as the rules' own attributes do not have it. */
static void write_own_names(struct shooter *s, const struct attr_values *names)
{
	bool has_uid = layout_find(s->people, "uid", 3) >= 0;

	for (uint32_t i = 0; i < names->count; i++) {
		struct slice name = names->items[i];

		if (name.len && name.data[0] == PRIMARY_GROUP_MARK)
			ldif_write_value(s->writer, SNAPSHOT_PRIMARY,
					 slice_of(name.data + 1, name.len - 1));
		else if (!has_uid)
			ldif_write_value(s->writer, "uid", name);
	}
}

static int shoot(void *ctx, const struct directory_change *change, struct err *err)
{
	struct shooter *s = ctx;
	const struct entry *entry = change->entry;
	const struct layout *layout = change->group ? &s->groups : s->people;
	char id[DIRECTORY_KEY_BYTES_MAX + 2];

	(void)err;
	snprintf(id, sizeof(id), "%c%s", change->group ? 'g' : 'p', change->key);
	if (change->kind != CHANGE_ENTRY || seen_ids_add(&s->seen, id))
		return 0;
	ldif_write_entry(s->writer, entry->dn, strlen(entry->dn));
	ldif_write_value(s->writer, FOUND_AS, slice_str(change->group ? "group" : "person"));
	if (!change->group)
		ldif_write_value(s->writer, ENTRY_ID, slice_str(entry->id));
	for (size_t i = 0; i < layout->names.count; i++)
		write_values(s->writer, layout->names.items[i], &entry->attrs[i]);
	if (!change->group && entry->uids)
		write_own_names(s, entry->uids);
	*(change->group ? &s->sums.groups : &s->sums.people) += 1;
	return 0;
}

static int nobody(void *ctx, const struct entry *entry, struct err *err)
{
	(void)ctx;
	(void)entry;
	(void)err;
	return 0;
}

static int read_all(struct shooter *s, struct directory *directory, struct err *err)
{
	struct group_names wanted;
	struct verdict groups;
	int status;

	verdict_init(&s->sums.verdict);
	verdict_init(&groups);
	group_names_init(&wanted);
	directory->watch = shoot;
	directory->watch_ctx = s;
	directory->show_only = true;
	directory->keep_ids = true;
	status = directory->ops->read_groups(directory, &wanted, &groups, err);
	if (status == 0)
		status = directory->ops->read_people(directory, s->people, nobody, NULL,
						     &s->sums.verdict, err);
	directory->watch = NULL;
	directory->show_only = false;
	directory->ops->disconnect(directory);
	group_names_release(&wanted);
	verdict_merge(&s->sums.verdict, &groups);
	return status;
}

/* Everything: each queue's members, each division's grants, external ids, deleted ones. */
static int read_tenant(struct tenant *tenant, struct present *present, struct arena *mem,
		       struct err *err)
{
	const struct catalogue *cat = &present->catalogue;
	struct tenant_need need = { 0 };
	uint32_t *queues, *divisions, *teams, *units;

	if (tenant->ops->read_catalogue(tenant, present, err))
		return -1;
	need.queue_count = (unsigned)cat->kinds[CAT_QUEUE].items.count;
	need.grant_division_count = (unsigned)cat->kinds[CAT_DIVISION].items.count + 1;
	queues = arena_array(mem, need.queue_count + 1, sizeof(*queues));
	divisions = arena_array(mem, need.grant_division_count, sizeof(*divisions));
	for (unsigned i = 0; i < need.queue_count; i++)
		queues[i] = i;
	for (unsigned i = 0; i < need.grant_division_count; i++)
		divisions[i] = i + 1 < need.grant_division_count ? i : ITEM_ALL;
	need.team_count = (unsigned)cat->kinds[CAT_TEAM].items.count;
	need.unit_count = (unsigned)cat->kinds[CAT_UNIT].items.count;
	teams = arena_array(mem, need.team_count + 1, sizeof(*teams));
	units = arena_array(mem, need.unit_count + 1, sizeof(*units));
	for (unsigned i = 0; i < need.team_count; i++)
		teams[i] = i;
	for (unsigned i = 0; i < need.unit_count; i++)
		units[i] = i;
	need.teams = teams;
	need.units = units;
	need.queues = queues;
	need.grant_divisions = divisions;
	if (tenant->ops->read_accounts(tenant, &need, present, err) ||
	    tenant->ops->read_external_ids(tenant, present, NULL, 0, err))
		return -1;
	return tenant->ops->read_deleted(tenant, NULL, 0, present, err);
}

static int shoot_tenant(struct shooter *s, const char *path, struct arena *mem,
			struct err *err)
{
	struct present present;
	int status;

	present_init(&present);
	present.kinds = s->kinds;
	present.time_s = s->time_s;
	status = read_tenant(s->tenant, &present, mem, err);
	if (!status)
		status = tenant_file_write(&present, path, err);
	s->sums.accounts = present.accounts.count;
	s->sums.tenant = present.verdict;
	present_release(&present);
	return status;
}

static void put_verdict(struct json_out *json, const struct verdict *verdict)
{
	json_out_key(json, "complete");
	json_out_bool(json, verdict->complete);
	json_out_key(json, "reasons");
	json_out_array(json);
	for (size_t i = 0; i < verdict->reason_count && i < VERDICT_REASONS_MAX; i++)
		json_out_text(json, verdict->reasons[i]);
	json_out_array_end(json);
}

static void put_tenant(const struct shooter *s, const char *sum, struct json_out *json)
{
	json_out_key(json, "tenant");
	json_out_object(json);
	json_out_member_int(json, "accounts", (int64_t)s->sums.accounts);
	put_verdict(json, &s->sums.tenant);
	json_out_member(json, "sha256", sum);
	json_out_object_end(json);
}

static void put_manifest(const struct shooter *s, const struct config *config, int64_t time_s,
			 const char *sum, const char *tenant_sum, struct buf *out)
{
	struct json_out json;
	char time[21];

	json_out_init(&json, out);
	json_out_object(&json);
	json_out_member(&json, "schema", SCHEMA);
	time_format(time_s, time);
	json_out_member(&json, "time", time);
	json_out_member_int(&json, "unixTime", time_s);
	json_out_member(&json, "source", config->directory.people.items[0].base);
	json_out_member_int(&json, "people", (int64_t)s->sums.people);
	json_out_member_int(&json, "groups", (int64_t)s->sums.groups);
	put_verdict(&json, &s->sums.verdict);
	json_out_key(&json, "attributes");
	json_out_array(&json);
	for (size_t i = 0; i < s->people->names.count; i++)
		json_out_text(&json, s->people->names.items[i]);
	json_out_array_end(&json);
	json_out_member(&json, "sha256", sum);
	if (s->tenant)
		put_tenant(s, tenant_sum, &json);
	json_out_object_end(&json);
	buf_addch(out, '\n');
}

static int sum_file(const char *path, char out[DIGEST_TEXT], struct err *err)
{
	struct digest *digest = digest_new();
	char bytes[65536];
	FILE *f = fopen(path, "rbe");
	size_t got;
	int status = 0;

	while (f && (got = fread(bytes, 1, sizeof(bytes), f)) > 0)
		digest_add(digest, bytes, got);
	if (!f || ferror(f))
		status = err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
	if (f)
		fclose(f);
	digest_end(digest, out);
	return status;
}

static int write_manifest(const char *path, const struct buf *text, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int status = 0;

	if (fd < 0 || write(fd, text->data, text->len) != (ssize_t)text->len || fsync(fd))
		status = err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return status;
}

/* The manifest comes last: a folder without one is no snapshot. */
static int write_files(struct shooter *s, const char *dir, const struct config *config,
		       struct directory *directory, int64_t time_s, struct arena *mem,
		       struct err *err)
{
	const char *ldif = path_in(mem, dir, LDIF_NAME), *tenant = path_in(mem, dir, TENANT_NAME);
	char sum[DIGEST_TEXT], tenant_sum[DIGEST_TEXT] = "";
	struct buf text;
	int status;

	if (ldif_writer_open(ldif, &s->writer, err))
		return -1;
	status = read_all(s, directory, err);
	if (ldif_writer_close(s->writer, status ? NULL : err))
		status = -1;
	if (status || sum_file(ldif, sum, err))
		return -1;
	if (s->tenant && (shoot_tenant(s, tenant, mem, err) || sum_file(tenant, tenant_sum, err)))
		return -1;
	buf_init(&text, SNAPSHOT_MANIFEST_BYTES_MAX);
	put_manifest(s, config, time_s, sum, tenant_sum, &text);
	status = write_manifest(path_in(mem, dir, "manifest.json"), &text, err);
	buf_release(&text);
	return status;
}

int snapshot_write(const char *dir, const struct config *config, struct directory *directory,
		   const struct layout *layout, struct tenant *tenant, unsigned kinds,
		   int64_t time_s, struct snapshot_sums *ret_sums, struct err *err)
{
	struct shooter s = { .people = layout, .tenant = tenant, .kinds = kinds,
			     .time_s = time_s };
	struct arena mem = ARENA_INIT;
	int status;

	if (mkdir(dir, 0700))
		return err_set(err, errno == EEXIST ? ERR_USAGE : ERR_IO,
			       "cannot make the folder %s: %s", dir, strerror(errno));
	directory_group_layout(config, &s.groups);
	verdict_init(&s.sums.tenant);
	status = write_files(&s, dir, config, directory, time_s, &mem, err);
	if (status) {
		unlink(path_in(&mem, dir, LDIF_NAME));
		unlink(path_in(&mem, dir, TENANT_NAME));
		rmdir(dir);
	} else {
		*ret_sums = s.sums;
	}
	layout_release(&s.groups);
	seen_ids_release(&s.seen);
	arena_release(&mem);
	return status;
}

/* --- reading ----------------------------------------------------------------------------- */

static void take_reasons(struct json_in *in, struct verdict *verdict)
{
	struct slice text;

	while (json_array_next(in))
		if (json_get_text(in, &text))
			verdict_spoil(verdict, "when the snapshot was taken: %.*s",
				      (int)(text.len > 150 ? 150 : text.len), text.data);
}

static void take_attributes(struct json_in *in, struct snapshot *snapshot)
{
	struct slice text;

	while (json_array_next(in))
		if (json_get_text(in, &text) &&
		    layout_add(&snapshot->attributes, text.data, text.len, in->err) < 0)
			json_fail(in, ERR_LIMIT, "too many attributes");
}

/* Not complete, and no reason given: that is a reason. */
static void take_complete(struct verdict *verdict, bool complete)
{
	if (!complete && verdict->complete)
		verdict_spoil(verdict, "the snapshot was not taken completely");
}

static void parse_tenant(struct json_in *in, struct snapshot *ret, struct slice *ret_sum)
{
	bool complete = false;
	struct slice key;

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "complete"))
			json_get_bool(in, &complete);
		else if (slice_eq_str(key, "reasons"))
			take_reasons(in, &ret->tenant_verdict);
		else if (slice_eq_str(key, "sha256"))
			json_get_text(in, ret_sum);
		else
			json_skip(in);
	}
	take_complete(&ret->tenant_verdict, complete);
}

struct sums {
	struct slice ldif, tenant;
};

static int parse_manifest(const char *path, const struct buf *text, struct arena *mem,
			  struct snapshot *ret, struct sums *ret_sums, struct err *err)
{
	struct slice key, schema = { NULL, 0 };
	bool complete = false;
	struct json_in in;

	json_open(&in, text->data, text->len, path, mem, err);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, "schema"))
			json_get_text(&in, &schema);
		else if (slice_eq_str(key, "unixTime"))
			json_get_int(&in, &ret->time_s);
		else if (slice_eq_str(key, "complete"))
			json_get_bool(&in, &complete);
		else if (slice_eq_str(key, "sha256"))
			json_get_text(&in, &ret_sums->ldif);
		else if (slice_eq_str(key, "reasons"))
			take_reasons(&in, &ret->verdict);
		else if (slice_eq_str(key, "attributes"))
			take_attributes(&in, ret);
		else if (slice_eq_str(key, "tenant"))
			parse_tenant(&in, ret, &ret_sums->tenant);
		else
			json_skip(&in);
	}
	if (json_close(&in))
		return -1;
	if (!slice_eq_str(schema, SCHEMA) || !ret_sums->ldif.data)
		return err_at(err, ERR_INVALID, path, 0, 0, "no manifest of a snapshot (%s)",
			      SCHEMA);
	take_complete(&ret->verdict, complete);
	return 0;
}

static int check_sum(const char *path, struct slice expected, struct err *err)
{
	char sum[DIGEST_TEXT];

	if (sum_file(path, sum, err))
		return -1;
	if (!slice_eq_str(expected, sum))
		return err_at(err, ERR_INVALID, path, 0, 0,
			      "not what was written when the snapshot was taken (its SHA-256 is "
			      "another one)");
	return 0;
}

static int check_files(const char *dir, struct arena *mem, struct snapshot *ret,
		       struct err *err)
{
	const char *path = path_in(mem, dir, "manifest.json");
	const char *tenant = path_in(mem, dir, TENANT_NAME);
	struct sums sums = { { NULL, 0 }, { NULL, 0 } };
	struct buf text;
	int status;

	buf_init(&text, SNAPSHOT_MANIFEST_BYTES_MAX);
	status = buf_read_file(&text, path, err);
	if (status == 0)
		status = parse_manifest(path, &text, mem, ret, &sums, err);
	if (status == 0)
		status = check_sum(path_in(mem, dir, LDIF_NAME), sums.ldif, err);
	if (status == 0 && sums.tenant.data)
		status = check_sum(tenant, sums.tenant, err);
	if (status == 0 && sums.tenant.data)
		ret->tenant = tenant;
	buf_release(&text);
	return status;
}

/* One search of each kind, which finds what the searches of the settings found. */
static void read_from(struct config *config, const char *ldif)
{
	static const char *const filters[] = { "(" FOUND_AS "=person)", "(" FOUND_AS "=group)" };
	struct config_searches *sets[] = { &config->directory.people,
					   &config->directory.groups };

	for (int i = 0; i < 2; i++) {
		struct config_search *one = arena_alloc(&config->mem, sizeof(*one));

		if (sets[i]->count == 0)
			continue;
		*one = (struct config_search){ .base = "", .scope = SCOPE_SUB,
					       .filter = filters[i] };
		*sets[i] = (struct config_searches){ .items = one, .count = 1 };
	}
	config->directory.kind = DIRECTORY_LDIF;
	config->directory.ldif = ldif;
	config->directory.id_attribute = ENTRY_ID;
}

int snapshot_open(const char *dir, struct config *config, struct snapshot *ret_snapshot,
		  struct err *err)
{
	struct snapshot *s = ret_snapshot;

	layout_init(&s->attributes);
	verdict_init(&s->verdict);
	verdict_init(&s->tenant_verdict);
	s->tenant = NULL;
	if (check_files(dir, &config->mem, s, err)) {
		snapshot_release(s);
		return -1;
	}
	read_from(config, path_in(&config->mem, dir, LDIF_NAME));
	return 0;
}

void snapshot_release(struct snapshot *snapshot)
{
	layout_release(&snapshot->attributes);
}

int snapshot_holds(const struct snapshot *snapshot, const struct layout *layout,
		   struct err *err)
{
	for (size_t i = 0; i < layout->names.count; i++) {
		const char *name = layout->names.items[i];

		if (layout_find(&snapshot->attributes, name, strlen(name)) < 0)
			return err_set(err, ERR_INVALID,
				       "the rules use the attribute %s, which is not in the snapshot; "
				       "take a new one with these rules, or with --attribute %s", name,
				       name);
	}
	return 0;
}
