#include <string.h>

#include "bridge/directory/filter.h"
#include "bridge/directory/ldap_changes.h"
#include "bridge/directory/ldap_people.h"
#include "bridge/log.h"
#include "mappings/dn.h"

#include "scim/base/banned.h"

#define CA_FILE_BYTES_MAX (16 * 1024 * 1024)

/* --- people ------------------------------------------------------------------------------ */

struct people_reader {
	struct ldap_directory *dir;
	struct fill *fill;
	bool watched;
	bool uids;    /* read them whatever the groups say */
	unsigned number; /* of the search that runs */
	bool schema_read;
	struct dir_schema schema;
	bool keep_ids;  /* in `seen`, with the attempt that met them */
	struct seen_ids seen;
	uint64_t attempt, first_attempt; /* of all searches; of this one */
	const struct membership *membership;
	const struct person_query *query;
	directory_entry_fn *fn;
	void *ctx;
	struct verdict *verdict;
	struct arena mem;
};

/* Once to the caller, whatever searches and attempts meet somebody. */
static int deliver(struct people_reader *reader, struct entry *entry, struct err *err)
{
	uint64_t when = reader->keep_ids ? seen_ids_when(&reader->seen, entry->id) : 0;
	bool by_other_search = when && when < reader->first_attempt;
	bool before_loss = when && !by_other_search && when < reader->attempt;

	if (reader->watched && !before_loss &&
	    ldap_changes_show(reader->dir, reader->number, entry, err))
		return -1;
	if (by_other_search)
		return 0;
	reader->verdict->count++;
	if (reader->keep_ids && when != reader->attempt)
		seen_ids_set(&reader->seen, entry->id, reader->attempt);
	return before_loss ? 0 : reader->fn(reader->ctx, entry, err);
}

static void begin_attempt(void *ctx)
{
	struct people_reader *reader = ctx;

	reader->attempt++;
}

/*
 * A name that was not asked for: another name of one that was, or not wanted by anybody. The
 * schema is read for the first of them only.
 */
static int resolve_name(struct people_reader *reader, struct slice name)
{
	struct err why = ERR_INIT;
	int slot;

	if (!fill_is_strange(reader->fill, name))
		return -1;
	if (!reader->schema_read && ldap_read_schema(&reader->dir->base, &reader->schema, &why))
		log_line(LOG_WARN, "\"%.*s\" came, which was not asked for; what it is can not be seen: %s",
			 (int)(name.len < 60 ? name.len : 60), name.data, why.text);
	reader->schema_read = true;
	slot = ldap_schema_slot(&reader->schema, reader->fill, name);
	fill_alias(reader->fill, name, slot);
	return slot < 0 ? -1 : fill_slot(reader->fill, name.data, name.len);
}

static int take_person(void *ctx, const struct raw_entry *raw, struct err *err)
{
	struct people_reader *reader = ctx;
	struct fill *fill = reader->fill;
	struct err why = ERR_INIT;
	struct slice name, value;
	struct entry entry;
	struct tlv values;
	int more;

	fill_start(fill);
	ldap_changes_next(reader->dir->changes);
	while ((more = raw_entry_attr(raw, &name, &values)) == 1) {
		int slot = fill_slot(fill, name.data, name.len);

		ldap_changes_note(reader->dir->changes, name, values);
		if (slot < 0)
			slot = resolve_name(reader, name);
		if (slot < 0)
			continue;
		while (raw_entry_value(&values, &value))
			fill_value(fill, slot, value.data, value.len);
		if (tlv_len(values)) {
			more = -1;
			break;
		}
	}
	if (fill->ranged && !raw->partial && more == 0)
		return RAW_ENTRY_PART;
	if (more < 0)
		err_set(&why, ERR_PROTOCOL, "the entry \"%.150s\" can not be read", raw->dn.data);
	if (why.kind || fill_finish(fill, raw->dn.data, raw->dn.len, reader->membership, &entry,
				    &why)) {
		verdict_spoil(reader->verdict, "%s%s%s", why.text, raw->partial ? ": " : "",
			      raw->partial ? raw->partial : "");
		return 0;
	}
	return deliver(reader, &entry, err);
}

/* Narrow a search to one person. Returns false when the DN lies outside. */
static bool narrow_search(struct people_reader *reader, const struct config_search *config,
			  struct ldap_search *search)
{
	const struct person_query *query = reader->query;
	struct slice base;

	if (query->filter) {
		search->filter = arena_printf(&reader->mem, "(&%s%s)", search->filter,
					      query->filter);
		return true;
	}
	if (dn_normalize(&reader->mem, config->base, strlen(config->base), &base, NULL) ||
	    !scope_holds(config->scope, base, query->dn))
		return false;
	search->base = query->dn_text;
	search->scope = LDAP_SCOPE_BASE;
	search->missing_base_is_none = true;
	return true;
}

/* What this search asks for. */
static const char **names_of(struct people_reader *reader, const struct config_search *config)
{
	const char **names = fill_names(reader->fill, config->attributes.items,
					config->attributes.count, &reader->mem);
	size_t count = 0;

	while (names[count])
		count++;
	names[count] = reader->dir->changes ? reader->dir->changes->extra : NULL;
	names[count + (names[count] != NULL)] = NULL;
	return names;
}

void people_reader_search(struct people_reader *reader, const struct config_search *config,
			  struct ldap_search *ret_search)
{
	*ret_search = (struct ldap_search){
		.dir = reader->dir,
		.base = config->base,
		.filter = config->filter ? config->filter : "(objectClass=*)",
		.scope = ldap_search_scope(config->scope),
		.attrs = names_of(reader, config),
		.ahead_max = PEOPLE_AHEAD_MAX,
		.fn = take_person,
		.ctx = reader,
		.verdict = reader->verdict,
	};
}

static int search_people(struct people_reader *reader, unsigned number, struct err *err)
{
	const struct config_search *config = &reader->dir->config->directory.people.items[number];
	size_t reasons = reader->verdict->reason_count;
	struct ldap_search search;

	reader->number = number;
	people_reader_search(reader, config, &search);
	search.begin = begin_attempt;
	search.repeat = reader->keep_ids ? REPEAT_ALWAYS : REPEAT_UNTOUCHED;
	reader->first_attempt = reader->attempt + 1;
	if (reader->query && !narrow_search(reader, config, &search))
		return 0;
	if (reader->watched ? ldap_changes_search(&search, number, err)
			    : ldap_search_run(&search, err))
		return -1;
	if (reader->dir->base.tally && !reader->query)
		directory_tally_search(&reader->dir->base, config, search.found);
	/* Active Directory answers an account without rights with nobody, and success. */
	if (!reader->query && search.found == 0 && reader->verdict->reason_count == reasons)
		verdict_spoil(reader->verdict,
			      "the search below \"%.80s\" found nobody; may the account read there?",
			      config->base);
	return 0;
}

static void start_filling(struct people_reader *reader, const struct layout *layout)
{
	const char *extra = reader->dir->changes ? reader->dir->changes->extra : NULL;
	const char *id = reader->dir->config->directory.id_attribute;

	reader->fill = mem_alloc(sizeof(*reader->fill));
	fill_init(reader->fill, layout, id, reader->membership);
	if (reader->uids)
		fill_keep_uids(reader->fill);
	/* Without groups only what has changed is read, and who is in them comes later. */
	if ((!reader->membership || membership_wants_primary(reader->membership)) &&
	    ldap_has_primary_groups(reader->dir))
		fill_primary_groups(reader->fill, false);
	if (extra)
		fill_alias(reader->fill, slice_str(extra), -1);
}

static void stop_filling(struct people_reader *reader)
{
	seen_ids_release(&reader->seen);
	dir_schema_release(&reader->schema);
	fill_release(reader->fill);
	mem_free(reader->fill);
}

struct people_reader *people_reader_new(struct ldap_directory *dir, const struct layout *layout,
					bool uids, directory_entry_fn *fn, void *ctx,
					struct verdict *verdict)
{
	struct people_reader *reader = mem_zalloc(sizeof(*reader));

	reader->dir = dir;
	reader->fn = fn;
	reader->ctx = ctx;
	reader->verdict = verdict;
	reader->uids = uids;
	start_filling(reader, layout);
	reader->fill->keep_dn = true;
	return reader;
}

void people_reader_free(struct people_reader *reader)
{
	if (!reader)
		return;
	stop_filling(reader);
	arena_release(&reader->mem);
	mem_free(reader);
}

static int read_all(struct people_reader *reader, const struct layout *layout, struct err *err)
{
	struct ldap_directory *dir = reader->dir;
	const struct config_searches *searches = &dir->config->directory.people;
	int ret = 0;

	if (ldap_directory_connect(dir, err) ||
	    (reader->watched && ldap_changes_start(dir, layout, err)))
		return -1;
	reader->membership = dir->membership;
	start_filling(reader, layout);
	reader->fill->keep_dn = reader->watched;
	reader->keep_ids = searches->count > 1 || dir->base.keep_ids || reader->query;
	for (unsigned i = 0; ret == 0 && i < searches->count; i++)
		ret = search_people(reader, i, err);
	if (dir->base.tally && !reader->query)
		fill_tally(reader->fill, dir->base.tally);
	stop_filling(reader);
	return ret;
}

static int read_people(struct directory *base, const struct layout *layout,
		       directory_entry_fn *fn, void *ctx, struct verdict *verdict,
		       struct err *err)
{
	struct people_reader reader = { .dir = (struct ldap_directory *)base, .fn = fn,
					.ctx = ctx, .verdict = verdict,
					.watched = base->watch };
	int ret = read_all(&reader, layout, err);

	arena_release(&reader.mem);
	return ret;
}

static int read_person(struct directory *base, const struct layout *layout, const char *person,
		       directory_entry_fn *fn, void *ctx, struct verdict *verdict,
		       struct err *err)
{
	struct people_reader reader = { .dir = (struct ldap_directory *)base, .fn = fn,
					.ctx = ctx, .verdict = verdict };
	struct person_query query;
	int ret = person_query_parse(&reader.mem, person, false, &query, err);

	reader.query = &query;
	if (ret == 0)
		ret = read_all(&reader, layout, err);
	arena_release(&reader.mem);
	return ret;
}

static void member_of(struct directory *base, struct slice norm_dn,
		      const struct attr_values *uids, unsigned char *answers)
{
	membership_of(((struct ldap_directory *)base)->membership, norm_dn, uids, answers);
}

static bool members_by_uid(struct directory *base)
{
	const struct membership *membership = ((struct ldap_directory *)base)->membership;

	return membership_wants_uid(membership) || membership_wants_primary(membership);
}

/* --- open and close ---------------------------------------------------------------------- */

static void group_path(struct directory *base, const struct entry *entry, unsigned wanted,
		       struct arena *mem, struct group_path *ret_path)
{
	membership_path(((struct ldap_directory *)base)->membership, mem, entry->norm_dn, entry->uids,
			wanted, ret_path);
}

static void disconnect(struct directory *base)
{
	ldap_directory_disconnect((struct ldap_directory *)base);
}

static void free_directory(struct directory *base)
{
	struct ldap_directory *dir = (struct ldap_directory *)base;

	if (!dir)
		return;
	ldap_directory_disconnect(dir);
	membership_free(dir->membership);
	ldap_changes_free(dir->changes);
	arena_release(&dir->servers_mem);
	arena_release(&dir->scratch);
	mem_free(dir);
}

static const struct directory_ops ldap_ops = {
	.kind = "ldap",
	.read_groups = ldap_read_groups,
	.read_people = read_people,
	.read_person = read_person,
	.member_of = member_of,
	.members_by_uid = members_by_uid,
	.group_path = group_path,
	.mark = ldap_mark,
	.read_changes = ldap_read_changes,
	.read_schema = ldap_read_schema,
	.disconnect = disconnect,
	.free = free_directory,
};

static int check_searches(const struct config *config, const struct config_searches *searches,
			  struct err *err)
{
	struct arena mem = ARENA_INIT;
	int ret = 0;

	for (unsigned i = 0; i < searches->count && ret == 0; i++) {
		const struct config_search *search = &searches->items[i];
		const struct dir_filter *filter;
		struct err why = ERR_INIT;
		struct slice norm;

		if (dn_normalize(&mem, search->base, strlen(search->base), &norm, &why) ||
		    (search->filter && dir_filter_parse(&mem, search->filter,
							strlen(search->filter), false, &filter,
							&why)))
			ret = err_at(err, ERR_INVALID, config->file, search->line, search->column,
				     "%s", why.text);
	}
	arena_release(&mem);
	return ret;
}

/* The TLS library takes a file without certificates for an empty list, and says nothing. */
static int check_ca_file(const char *path, struct err *err)
{
	static const char begin[] = "-----BEGIN ";
	struct buf text;
	int ret;

	buf_init(&text, CA_FILE_BYTES_MAX);
	ret = buf_read_file(&text, path, err);
	if (ret)
		err_prefix(err, "directory.tls_ca_file");
	else if (!text.len || !memmem(text.data, text.len, begin, sizeof(begin) - 1))
		ret = err_at(err, ERR_INVALID, path, 0, 0,
			     "no certificate is in it (PEM is expected); see directory.tls_ca_file");
	buf_release(&text);
	return ret;
}

/* What can be found wrong without a connection. */
static int check_config(const struct config *config, struct err *err)
{
	const char *ca = config->directory.tls_ca_file;
	struct ldap_address address;
	struct buf password;
	int ret = 0;

	if (text_eq_nocase(config->directory.id_attribute, "dn"))
		return err_at(err, ERR_INVALID, config->file, 0, 0,
			      "directory.id_attribute: a DN changes when a person is renamed; use entryUUID or objectGUID");
	for (unsigned i = 0; i < config->directory.uris.count; i++) {
		if (ldap_address_parse(config->directory.uris.items[i], &address, err))
			return -1;
	}
	if (ca && check_ca_file(ca, err))
		return -1;
	if (check_searches(config, &config->directory.people, err) ||
	    check_searches(config, &config->directory.groups, err))
		return -1;
	if (config->directory.bind != BIND_SIMPLE)
		return 0;
	buf_init(&password, CONFIG_SECRET_BYTES_MAX);
	ret = config_secret_read(&config->directory.password, "directory.password", &password,
				 err);
	if (password.data)
		explicit_bzero(password.data, password.size);
	buf_release(&password);
	return ret;
}

int ldap_directory_open(const struct config *config, const struct clock *clock,
			struct directory **ret_directory, struct err *err)
{
	struct ldap_directory *dir;

	if (check_config(config, err))
		return -1;
	dir = mem_zalloc(sizeof(*dir));
	dir->base.ops = &ldap_ops;
	dir->config = config;
	dir->clock = clock;
	*ret_directory = &dir->base;
	return 0;
}
