/*
 * An LDIF file as a directory: each read is one pass over the file, in which every entry is
 * compared with all searches.
 */
#include <string.h>

#include "bridge/directory/fill.h"
#include "bridge/directory/filter.h"
#include "bridge/directory/groups.h"
#include "bridge/directory/ldif.h"
#include "bridge/directory/person.h"
#include "mappings/dn.h"
#include "scim/base/digest.h"

#include "scim/base/banned.h"

struct search {
	const struct config_search *config;
	struct slice base;
	const struct dir_filter *filter;
	bool base_seen;
	size_t found;
};

struct searches {
	struct search *items;
	unsigned count;
};

struct ldif_directory {
	struct directory base;
	const struct config *config;
	struct ldif *file;
	struct searches people, groups;
	struct membership *membership;
	struct arena mem, scratch;
};

static int open_search(struct ldif_directory *dir, const struct config_search *config,
		       struct search *ret, struct err *err)
{
	const char *filter = config->filter ? config->filter : "(objectClass=*)";

	ret->config = config;
	if (dn_normalize(&dir->mem, config->base, strlen(config->base), &ret->base, err) ||
	    dir_filter_parse(&dir->mem, filter, strlen(filter), true, &ret->filter, err)) {
		/* The column of a filter counts in the filter. */
		if (err && err->column)
			err_prefix(err, "filter, byte %u", err->column);
		if (err) {
			err->line = config->line;
			err->column = config->column;
		}
		return err_place(err, dir->config->file, config->line, config->column);
	}
	return 0;
}

static int open_searches(struct ldif_directory *dir, const struct config_searches *config,
			 struct searches *ret, struct err *err)
{
	ret->items = arena_array(&dir->mem, config->count + 1, sizeof(*ret->items));
	ret->count = config->count;
	for (unsigned i = 0; i < config->count; i++) {
		if (open_search(dir, &config->items[i], &ret->items[i], err))
			return -1;
	}
	return 0;
}

static int start_pass(struct ldif_directory *dir, struct searches *searches, struct err *err)
{
	for (unsigned i = 0; i < searches->count; i++) {
		searches->items[i].base_seen = false;
		searches->items[i].found = 0;
	}
	return ldif_rewind(dir->file, err);
}

static void spoil_file(struct ldif_directory *dir, struct verdict *verdict)
{
	const char *path = dir->config->directory.ldif;

	if (ldif_cut_off(dir->file))
		verdict_spoil(verdict, "%s ends inside a line; it may have been cut off", path);
	if (ldif_changed(dir->file))
		verdict_spoil(verdict, "%s was written to while it was read", path);
}

static void spoil_empty(const struct searches *searches, struct verdict *verdict)
{
	for (unsigned i = 0; i < searches->count; i++) {
		const struct search *search = &searches->items[i];

		if (!search->base_seen)
			verdict_spoil(verdict, "no entry at or below the base \"%s\"",
				      search->config->base);
		else if (search->found == 0)
			verdict_spoil(verdict, "the search below \"%s\" found nobody",
				      search->config->base);
	}
}

/* Is the entry in one of the searches? Counts for each. */
static int in_searches(struct ldif_directory *dir, struct searches *searches,
		       const struct ldif_entry *entry, bool *ret_in, struct slice *ret_norm,
		       struct err *err)
{
	bool in = false;

	arena_reset(&dir->scratch);
	if (dn_normalize(&dir->scratch, entry->dn, entry->dn_len, ret_norm, err))
		return err_place(err, dir->config->directory.ldif, entry->line, 0);
	for (unsigned i = 0; i < searches->count; i++) {
		struct search *search = &searches->items[i];

		if (!dn_is_below(*ret_norm, search->base))
			continue;
		search->base_seen = true;
		if (scope_holds(search->config->scope, search->base, *ret_norm) &&
		    dir_filter_match(search->filter, entry)) {
			search->found++;
			in = true;
		}
	}
	*ret_in = in;
	return 0;
}

static void add_members(struct ldif_directory *dir, const struct ldif_entry *entry,
			const struct ldif_attr *attr, const char *name, struct verdict *verdict)
{
	enum member_form form = member_form_of(name);
	size_t len = strlen(name);
	struct err err = ERR_INIT;

	if (attr->name.len < len || text_cmp_nocase(attr->name.data, len, name, len) != 0 ||
	    (attr->name.len > len && attr->name.data[len] != ';'))
		return;
	/* An export of Active Directory holds only the first values of a big group. */
	if (attr->name.len > len + 7 &&
	    text_cmp_nocase(attr->name.data + len, 7, ";range=", 7) == 0) {
		membership_mark_partial(dir->membership);
		verdict_spoil(verdict, "the file has only a part of the members of \"%s\"",
			      entry->dn);
	}
	for (uint32_t i = 0; i < attr->count; i++) {
		if (membership_add_member(dir->membership, form, attr->values[i].data,
					  attr->values[i].len, &err) == 0)
			continue;
		membership_mark_partial(dir->membership);
		verdict_spoil(verdict, "a member of \"%s\": %s", entry->dn, err.text);
		return;
	}
}

/* Values of a name, whatever options the file has them with. */
static void gather(const struct ldif_entry *entry, const char *name, struct arena *mem,
		   struct attr_values *ret)
{
	size_t len = strlen(name);
	struct slice *items;
	uint32_t count = 0;

	for (int pass = 0; pass < 2; pass++) {
		items = pass ? arena_array(mem, count + 1, sizeof(*items)) : NULL;
		count = 0;
		for (unsigned a = 0; a < entry->attr_count; a++) {
			const struct ldif_attr *attr = &entry->attrs[a];

			if (attr->name.len < len ||
			    text_cmp_nocase(attr->name.data, len, name, len) != 0 ||
			    (attr->name.len > len && attr->name.data[len] != ';'))
				continue;
			if (items)
				memcpy(items + count, attr->values, attr->count * sizeof(*items));
			count += attr->count;
		}
	}
	*ret = (struct attr_values){ .items = items, .count = count };
}

/* In the layout of directory_group_layout; the DN is its key. */
static int show_group(struct ldif_directory *dir, const struct ldif_entry *raw, struct err *err)
{
	struct directory_change change = { .kind = CHANGE_ENTRY, .group = true };
	struct attr_values *attrs;
	struct layout layout;
	struct entry entry;
	char key[DIGEST_TEXT];
	int status;

	directory_group_layout(dir->config, &layout);
	attrs = arena_array(&dir->scratch, layout.names.count, sizeof(*attrs));
	for (size_t i = 0; i < layout.names.count; i++)
		gather(raw, layout.names.items[i], &dir->scratch, &attrs[i]);
	digest_of(raw->dn, raw->dn_len, key);
	entry = (struct entry){ .dn = raw->dn, .id = key, .attrs = attrs,
				.attr_count = (unsigned)layout.names.count };
	change.search = dir->people.count;
	change.key = key;
	change.entry = &entry;
	status = dir->base.watch(dir->base.watch_ctx, &change, err);
	layout_release(&layout);
	return status;
}

static int add_group(struct ldif_directory *dir, const struct ldif_entry *entry,
		     struct verdict *verdict, struct err *err)
{
	const struct config_texts *names = &dir->config->directory.member_attributes;
	const struct ldif_attr *cn = ldif_find(entry, "cn", 2);
	const struct ldif_attr *sid = ldif_find(entry, "objectSid", 9);

	if (membership_add(dir->membership, entry->dn, entry->dn_len, cn ? cn->values : NULL,
			   cn ? cn->count : 0, err))
		return err_place(err, dir->config->directory.ldif, entry->line, 0);
	for (unsigned a = 0; a < entry->attr_count; a++) {
		for (unsigned n = 0; n < names->count; n++)
			add_members(dir, entry, &entry->attrs[a], names->items[n], verdict);
	}
	if (sid && sid->count == 1)
		membership_add_primary(dir->membership, sid->values[0]);
	verdict->count++;
	return dir->base.watch ? show_group(dir, entry, err) : 0;
}

/* DNs of the file's groups that the searches leave out; told to membership at the end. */
struct left_out {
	struct arena mem;
	VEC(const char *) dns;
};

static void note_left_out(struct left_out *out, const struct ldif_entry *entry)
{
	static const char *const classes[] = { GROUP_CLASSES };
	const struct ldif_attr *attr = ldif_find(entry, "objectClass", 11);

	for (uint32_t v = 0; attr && v < attr->count; v++) {
		for (size_t c = 0; c < sizeof(classes) / sizeof(classes[0]); c++) {
			if (text_cmp_nocase(attr->values[v].data, attr->values[v].len, classes[c],
					    strlen(classes[c])) != 0)
				continue;
			vec_push(&out->dns, arena_strndup(&out->mem, entry->dn, entry->dn_len));
			return;
		}
	}
}

/* One pass over the file for groups: those of the searches, and those left out. */
static int scan_groups(struct ldif_directory *dir, struct left_out *out,
		       struct verdict *verdict, struct err *err)
{
	const struct ldif_entry *entry;
	struct slice norm;
	int found = 0;
	bool in;

	while (dir->groups.count && (found = ldif_next(dir->file, &entry, err)) == 1) {
		if (in_searches(dir, &dir->groups, entry, &in, &norm, err))
			return -1;
		if (!in)
			note_left_out(out, entry);
		else if (add_group(dir, entry, verdict, err))
			return -1;
	}
	for (size_t i = 0; found == 0 && i < out->dns.count; i++) {
		const char *dn = out->dns.items[i];

		if (membership_add_unread(dir->membership, dn, strlen(dn), err))
			return -1;
	}
	return found;
}

static int read_groups(struct directory *base, const struct group_names *wanted,
		       struct verdict *verdict, struct err *err)
{
	struct ldif_directory *dir = (struct ldif_directory *)base;
	struct left_out out = { 0 };
	int found;

	membership_free(dir->membership);
	dir->membership = membership_new(wanted);
	if (dir->base.keep_paths)
		membership_keep_paths(dir->membership);
	if (wanted->names.count == 0 && !base->watch) /* nothing rests on groups */
		return membership_resolve(dir->membership, verdict), 0;
	if (start_pass(dir, &dir->groups, err))
		return -1;
	found = scan_groups(dir, &out, verdict, err);
	vec_release(&out.dns);
	arena_release(&out.mem);
	if (found < 0)
		return -1;
	spoil_file(dir, verdict);
	for (unsigned i = 0; i < dir->groups.count; i++) {
		if (!dir->groups.items[i].base_seen)
			verdict_spoil(verdict, "no entry at or below the base \"%s\"",
				      dir->groups.items[i].config->base);
	}
	membership_resolve(dir->membership, verdict);
	return 0;
}

static void fill_entry(struct fill *fill, const struct ldif_entry *entry)
{
	fill_start(fill);
	for (unsigned a = 0; a < entry->attr_count; a++) {
		const struct ldif_attr *attr = &entry->attrs[a];
		int slot = fill_slot(fill, attr->name.data, attr->name.len);

		for (uint32_t v = 0; slot >= 0 && v < attr->count; v++)
			fill_value(fill, slot, attr->values[v].data, attr->values[v].len);
	}
}

/* What one pass over people is made of. */
struct people_pass {
	struct ldif_directory *dir;
	struct fill *fill;
	const struct person_query *query; /* NULL = everybody */
	const struct dir_filter *filter;  /* of the query */
	directory_entry_fn *fn;
	void *ctx;
	struct verdict *verdict;
};

static int take_person(struct people_pass *pass, const struct ldif_entry *raw, struct err *err)
{
	struct ldif_directory *dir = pass->dir;
	struct err why = ERR_INIT;
	struct entry entry;
	struct slice norm;
	bool in;

	if (in_searches(dir, &dir->people, raw, &in, &norm, err))
		return -1;
	if (!in)
		return 0;
	if (pass->query && (pass->filter ? !dir_filter_match(pass->filter, raw)
					 : !slice_eq(norm, pass->query->dn)))
		return 0;
	fill_entry(pass->fill, raw);
	if (fill_finish(pass->fill, raw->dn, raw->dn_len, dir->membership, &entry, &why)) {
		verdict_spoil(pass->verdict, "%s:%u: %s", dir->config->directory.ldif, raw->line,
			      why.text);
		return 0;
	}
	pass->verdict->count++;
	if (dir->base.watch) {
		struct directory_change change = { CHANGE_ENTRY, 0, false, entry.id, &entry };

		if (dir->base.watch(dir->base.watch_ctx, &change, err))
			return -1;
	}
	return pass->fn(pass->ctx, &entry, err);
}

static void tally_people(struct ldif_directory *dir, const struct fill *fill)
{
	for (unsigned i = 0; i < dir->people.count; i++)
		directory_tally_search(&dir->base, dir->people.items[i].config,
				       dir->people.items[i].found);
	fill_tally(fill, dir->base.tally);
}

static int read_pass(struct people_pass *pass, const struct layout *layout, struct err *err)
{
	struct ldif_directory *dir = pass->dir;
	const struct ldif_entry *entry;
	int found = -1;

	pass->fill = mem_alloc(sizeof(*pass->fill));
	fill_init(pass->fill, layout, dir->config->directory.id_attribute, dir->membership);
	if (dir->membership && membership_wants_primary(dir->membership))
		fill_primary_groups(pass->fill, true);
	if (start_pass(dir, &dir->people, err) == 0) {
		while ((found = ldif_next(dir->file, &entry, err)) == 1) {
			if (take_person(pass, entry, err)) {
				found = -1;
				break;
			}
		}
	}
	if (found == 0)
		spoil_file(dir, pass->verdict);
	if (found == 0 && dir->base.tally && !pass->query)
		tally_people(dir, pass->fill);
	fill_release(pass->fill);
	mem_free(pass->fill);
	return found;
}

static int read_people(struct directory *base, const struct layout *layout,
		       directory_entry_fn *fn, void *ctx, struct verdict *verdict,
		       struct err *err)
{
	struct people_pass pass = { .dir = (struct ldif_directory *)base, .fn = fn, .ctx = ctx,
				    .verdict = verdict };

	if (read_pass(&pass, layout, err))
		return -1;
	spoil_empty(&pass.dir->people, verdict);
	return 0;
}

static int read_person(struct directory *base, const struct layout *layout, const char *person,
		       directory_entry_fn *fn, void *ctx, struct verdict *verdict,
		       struct err *err)
{
	struct people_pass pass = { .dir = (struct ldif_directory *)base, .fn = fn, .ctx = ctx,
				    .verdict = verdict };
	struct arena mem = ARENA_INIT;
	struct person_query query;
	int ret = -1;

	pass.query = &query;
	if (person_query_parse(&mem, person, true, &query, err) == 0 &&
	    (!query.filter || dir_filter_parse(&mem, query.filter, strlen(query.filter), true,
					       &pass.filter, err) == 0))
		ret = read_pass(&pass, layout, err);
	arena_release(&mem);
	return ret;
}

static void group_path(struct directory *base, const struct entry *entry, unsigned wanted,
		       struct arena *mem, struct group_path *ret_path)
{
	membership_path(((struct ldif_directory *)base)->membership, mem, entry->norm_dn, entry->uids,
			wanted, ret_path);
}

static void disconnect(struct directory *base)
{
	(void)base; /* an open file disturbs nobody, and standard input can not be opened again */
}

static void free_directory(struct directory *base)
{
	struct ldif_directory *dir = (struct ldif_directory *)base;

	if (!dir)
		return;
	ldif_close(dir->file);
	membership_free(dir->membership);
	arena_release(&dir->mem);
	arena_release(&dir->scratch);
	mem_free(dir);
}

static const struct directory_ops ldif_ops = {
	.kind = "ldif",
	.read_groups = read_groups,
	.read_people = read_people,
	.read_person = read_person,
	.group_path = group_path,
	.disconnect = disconnect,
	.free = free_directory,
};

int ldif_directory_open(const struct config *config, struct directory **ret_directory,
			struct err *err)
{
	struct ldif_directory *dir = mem_zalloc(sizeof(*dir));

	dir->base.ops = &ldif_ops;
	dir->config = config;
	if (open_searches(dir, &config->directory.people, &dir->people, err) ||
	    open_searches(dir, &config->directory.groups, &dir->groups, err) ||
	    ldif_open(config->directory.ldif, &dir->file, err)) {
		free_directory(&dir->base);
		return -1;
	}
	*ret_directory = &dir->base;
	return 0;
}
