#include "bridge/directory/ldap_changes.h"

#include <stdio.h>
#include <stdlib.h>

#include "bridge/directory/ldap_dirsync.h"
#include "bridge/directory/ldap_people.h"
#include "bridge/directory/ldap_persist.h"
#include "bridge/directory/ldap_sync.h"
#include "mappings/dn.h"
#include "scim/base/digest.h"

#include "scim/base/banned.h"

#define CAPABILITY_ACTIVE_DIRECTORY "1.2.840.113556.1.4.800" /* MS-ADTS 3.1.1.3.4.3.1 */

/* --- small things ------------------------------------------------------------------------ */

static unsigned people_count(const struct ldap_directory *dir)
{
	return dir->config->directory.people.count;
}

static unsigned group_count(const struct ldap_directory *dir)
{
	return dir->config->directory.groups.count;
}

bool ldap_changes_is_group(const struct ldap_directory *dir, unsigned number)
{
	return number >= people_count(dir);
}

const struct config_search *ldap_changes_config(const struct ldap_directory *dir,
						unsigned number)
{
	return number < people_count(dir)
		       ? &dir->config->directory.people.items[number]
		       : &dir->config->directory.groups.items[number - people_count(dir)];
}

void ldap_changes_refuse(struct ldap_changes *changes, const char *fmt, ...)
{
	va_list args;

	if (changes->why_not[0])
		return;
	va_start(args, fmt);
	vsnprintf(changes->why_not, sizeof(changes->why_not), fmt, args);
	va_end(args);
}

int ldap_delta_give_up(struct ldap_delta *delta, const char *fmt, ...)
{
	va_list args;

	if (delta->why[0])
		return -1;
	va_start(args, fmt);
	vsnprintf(delta->why, sizeof(delta->why), fmt, args);
	va_end(args);
	return -1;
}

static struct ldap_changes *changes_new(const struct ldap_directory *dir)
{
	struct ldap_changes *changes = mem_zalloc(sizeof(*changes));

	buf_init(&changes->group_keys, (size_t)SYNC_MARK_GROUPS_MAX * SYNC_GROUP_BYTES);
	buf_init(&changes->containers, (size_t)SYNC_MARK_CONTAINERS_MAX * SYNC_CONTAINER_BYTES);
	changes->mark.server = changes->mark.identity = changes->mark.inputs = "";
	changes->mark.search_count = people_count(dir) + group_count(dir);
	changes->mark.searches = arena_array(&changes->mem, SYNC_MARK_SEARCHES_MAX,
					     sizeof(*changes->mark.searches));
	return changes;
}

void ldap_changes_free(struct ldap_changes *changes)
{
	if (!changes)
		return;
	map_release(&changes->groups);
	map_release(&changes->container_dns);
	buf_release(&changes->group_keys);
	buf_release(&changes->containers);
	vec_release(&changes->contexts);
	arena_release(&changes->mem);
	mem_free(changes);
}

static void drop_changes(struct ldap_directory *dir)
{
	ldap_changes_free(dir->changes);
	dir->changes = NULL;
}

/* --- one object -------------------------------------------------------------------------- */

struct object_reader {
	ldap_value_fn *fn;
	void *ctx;
};

static int take_object(void *ctx, const struct raw_entry *raw, struct err *err)
{
	struct object_reader *reader = ctx;
	struct slice name, value;
	struct tlv values;

	(void)err;
	while (raw_entry_attr(raw, &name, &values) == 1) {
		while (raw_entry_value(&values, &value))
			reader->fn(reader->ctx, name, value);
	}
	return 0;
}

int ldap_read_object(struct ldap_directory *dir, const char *dn, const char *const *attrs,
		     ldap_value_fn *fn, void *ctx, struct err *err)
{
	struct object_reader reader = { fn, ctx };
	struct verdict verdict;
	struct ldap_search search = {
		.dir = dir, .base = dn, .filter = "(objectClass=*)", .scope = LDAP_SCOPE_BASE,
		.attrs = (const char **)(uintptr_t)attrs, .ahead_max = 1, .beyond = true,
		.fn = take_object, .ctx = &reader, .verdict = &verdict,
	};

	verdict_init(&verdict);
	return ldap_search_run(&search, err);
}

static bool name_is(struct slice name, const char *wanted)
{
	return text_cmp_nocase(name.data, name.len, wanted, strlen(wanted)) == 0;
}

/* --- what the server says of itself ------------------------------------------------------ */

static void take_root(void *ctx, struct slice name, struct slice value)
{
	struct ldap_changes *changes = ctx;
	char *text = arena_strndup(&changes->mem, value.data, value.len);

	if (name_is(name, "supportedControl"))
		changes->has_syncrepl |= strcmp(text, LDAP_CONTROL_SYNC) == 0;
	else if (name_is(name, "supportedCapabilities"))
		changes->has_dirsync |= strcmp(text, CAPABILITY_ACTIVE_DIRECTORY) == 0;
	else if (name_is(name, "namingContexts") &&
		 changes->contexts.count < SYNC_MARK_SEARCHES_MAX)
		vec_push(&changes->contexts, text);
	else if (name_is(name, "defaultNamingContext"))
		changes->context = text;
	else if (name_is(name, "dsServiceName"))
		changes->mark.identity = text;
	else if (name_is(name, "highestCommittedUSN"))
		changes->mark.usn = strtoull(text, NULL, 10);
}

static enum sync_way choose_way(struct ldap_directory *dir, struct ldap_changes *changes)
{
	unsigned wish = dir->config->directory.changes;

	if (changes->has_dirsync && (wish == CHANGES_AUTO || wish == CHANGES_DIRSYNC))
		return SYNC_BY_DIRSYNC;
	if (changes->has_syncrepl && (wish == CHANGES_AUTO || wish == CHANGES_SYNCREPL))
		return SYNC_BY_SYNCREPL;
	if (wish == CHANGES_NONE)
		ldap_changes_refuse(changes, "directory.changes is none");
	else
		ldap_changes_refuse(changes,
				    "%s offers no %s; its changes can not be asked for", dir->uri,
				    wish == CHANGES_DIRSYNC    ? "DirSync"
				    : wish == CHANGES_SYNCREPL ? "syncrepl (RFC 4533)"
							       : "syncrepl (RFC 4533) and no DirSync");
	return SYNC_BY_NOTHING;
}

static int ask_server(struct ldap_directory *dir, struct ldap_changes *changes, struct err *err)
{
	static const char *const attrs[] = { "supportedControl", "supportedCapabilities",
					     "namingContexts", "defaultNamingContext",
					     "dsServiceName", "highestCommittedUSN", NULL };

	changes->mark.server = arena_strdup(&changes->mem, dir->uri);
	if (ldap_read_object(dir, "", attrs, take_root, changes, err))
		return -1;
	changes->mark.way = choose_way(dir, changes);
	if (changes->mark.way == SYNC_BY_SYNCREPL)
		return ldap_sync_identify(dir, changes, err);
	if (changes->mark.way == SYNC_BY_DIRSYNC)
		return ldap_dirsync_identify(dir, changes, err);
	return 0;
}

/* --- values that change without their entry --------------------------------------------- */

/*
 * Attributes that servers make up from other entries: no change of the person tells that
 * they changed. memberOf is one of them; with DirSync the changed groups tell.
 */
static bool is_computed(const char *name, size_t len, enum sync_way way)
{
	static const char *const names[] = {
		"isMemberOf", "nsRole", "nsRoleDN", "tokenGroups", "tokenGroupsGlobalAndUniversal",
		"directReports", "managedObjects", "hasSubordinates", "numSubordinates",
		"subordinateCount", "numAllSubordinates", "msDS-MembersForAzRoleBL",
		"msDS-memberOfTransitive", "msDS-memberTransitive",
		"msDS-User-Account-Control-Computed", "lastLogon", "logonCount", "badPwdCount",
		"entryDN", "parentGUID", "canonicalName",
	};

	if (way != SYNC_BY_DIRSYNC && text_cmp_nocase(name, len, "memberOf", 8) == 0)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (text_cmp_nocase(name, len, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

/* The next attribute that a filter names; brackets in values are written \28 and \29. */
static bool filter_attribute(const char **at, struct slice *ret_name)
{
	const char *name;

	while ((name = strchr(*at, '(')) != NULL) {
		*at = name + 1;
		name += 1 + strspn(name + 1, " ");
		*ret_name = slice_of(name, strcspn(name, "=~<>:; ()&|!"));
		if (ret_name->len)
			return true;
	}
	return false;
}

static void check_computed(struct ldap_directory *dir, struct ldap_changes *changes,
			   const struct layout *layout)
{
	for (unsigned i = 0; i < people_count(dir) + group_count(dir); i++) {
		const char *at = ldap_changes_config(dir, i)->filter;
		struct slice name;

		while (at && filter_attribute(&at, &name)) {
			if (is_computed(name.data, name.len, changes->mark.way))
				ldap_changes_refuse(changes,
						    "a filter asks for %.*s, which changes without the entry that has it",
						    (int)name.len, name.data);
		}
	}
	for (size_t i = 0; layout && i < layout->names.count; i++) {
		const char *name = layout->names.items[i];

		if (is_computed(name, strcspn(name, ";"), changes->mark.way))
			ldap_changes_refuse(changes,
					    "the rules use %s, which changes without the entry that has it",
					    name);
	}
}

bool ldap_changes_uses_member_of(const struct ldap_directory *dir, const struct layout *layout)
{
	for (unsigned i = 0; i < people_count(dir) + group_count(dir); i++) {
		const char *at = ldap_changes_config(dir, i)->filter;
		struct slice name;

		while (at && filter_attribute(&at, &name)) {
			if (name_is(name, "memberOf"))
				return true;
		}
	}
	return layout_find(layout, "memberOf", 8) >= 0;
}

/* --- full reads -------------------------------------------------------------------------- */

/* All that decides what the searches find and what is read of it. */
static const char *digest_inputs(const struct ldap_directory *dir, struct arena *mem,
				 const struct layout *layout)
{
	const struct config *config = dir->config;
	struct digest *digest = digest_new();
	char text[DIGEST_TEXT];

	digest_add_text(digest, config->directory.bind_dn ? config->directory.bind_dn : "");
	digest_add(digest, &config->directory.bind, sizeof(config->directory.bind));
	digest_add_text(digest, config->directory.id_attribute);
	for (unsigned i = 0; i < people_count(dir) + group_count(dir); i++) {
		const struct config_search *search = ldap_changes_config(dir, i);

		digest_add_text(digest, i < people_count(dir) ? "people" : "groups");
		digest_add_text(digest, search->base);
		digest_add_text(digest, search->filter ? search->filter : "");
		digest_add(digest, &search->scope, sizeof(search->scope));
		for (unsigned a = 0; a < search->attributes.count; a++)
			digest_add_text(digest, search->attributes.items[a]);
	}
	for (unsigned i = 0; i < config->directory.member_attributes.count; i++)
		digest_add_text(digest, config->directory.member_attributes.items[i]);
	digest_add_text(digest, "attributes");
	for (size_t i = 0; i < layout->names.count; i++)
		digest_add_text(digest, layout->names.items[i]);
	digest_end(digest, text);
	return arena_strdup(mem, text);
}

int ldap_changes_start(struct ldap_directory *dir, const struct layout *layout,
		       struct err *err)
{
	struct ldap_changes *changes;

	if (!layout || !dir->changes || dir->changes->people_read) {
		drop_changes(dir);
		changes = dir->changes = changes_new(dir);
		if (dir->base.show_only)
			ldap_changes_refuse(changes, "the read was only to be seen");
		else if (ask_server(dir, changes, err))
			return -1;
		check_computed(dir, changes, NULL);
		if (!changes->why_not[0] && changes->mark.way == SYNC_BY_SYNCREPL)
			ldap_sync_begin(dir, changes);
		if (!changes->why_not[0] && changes->mark.way == SYNC_BY_DIRSYNC)
			ldap_dirsync_begin(dir, changes);
	}
	if (!layout)
		return 0;
	changes = dir->changes;
	changes->people_read = true;
	check_computed(dir, changes, layout);
	if (changes->mark.flags & DIRSYNC_OBJECT_SECURITY &&
	    ldap_changes_uses_member_of(dir, layout))
		ldap_changes_refuse(changes,
				    "memberOf is asked for, and the account is not told of deleted groups; give it the right \"Replicating Directory Changes\"");
	changes->mark.inputs = digest_inputs(dir, &changes->mem, layout);
	changes->mark.uids = dir->membership && membership_wants_uid(dir->membership);
	return 0;
}

int ldap_changes_search(struct ldap_search *search, unsigned number, struct err *err)
{
	struct ldap_changes *changes = search->dir->changes;
	size_t reasons = search->verdict->reason_count;
	int ret;

	if (changes->why_not[0] || changes->mark.way != SYNC_BY_SYNCREPL)
		ret = ldap_search_run(search, err);
	else
		ret = ldap_sync_full(search, number, err);
	changes->mark.searches[number].read = true;
	changes->mark.searches[number].count = search->found;
	if (ret || search->verdict->reason_count != reasons)
		ldap_changes_refuse(changes, "not everything could be read");
	/* After a reconnect another server may have answered. */
	if (strcmp(changes->mark.server, search->dir->uri) != 0)
		ldap_changes_refuse(changes, "the read began at %s and went on at %s",
				    changes->mark.server, search->dir->uri);
	return ret;
}

/* The key as text, from the server's bytes. */
static bool key_text(const struct ldap_changes *changes, struct slice key,
		     char out[SYNC_UUID_TEXT])
{
	char text[ENTRY_ID_BYTES_MAX + 1];

	if (key.len != SYNC_UUID_BYTES)
		return false;
	if (changes->mark.way == SYNC_BY_SYNCREPL) {
		sync_uuid_format(key.data, out);
		return true;
	}
	if (entry_id_format(key, true, text))
		return false;
	memcpy(out, text, SYNC_UUID_TEXT);
	return true;
}

/* A key of the search `number`, as it stands in the mark. */
static struct slice group_key(const struct ldap_directory *dir, unsigned number,
			      struct slice key, char out[SYNC_GROUP_BYTES])
{
	memcpy(out, key.data, SYNC_UUID_BYTES);
	out[SYNC_UUID_BYTES] = (char)(number - people_count(dir));
	return slice_of(out, SYNC_GROUP_BYTES);
}

/* It is shown, or not any more; one that never was stays unknown. */
static void keep_group(struct ldap_changes *changes, struct slice group, bool shown)
{
	if (map_get(&changes->groups, group, NULL)) {
		map_set(&changes->groups, group, shown);
	} else if (shown) {
		buf_add(&changes->group_keys, group.data, group.len);
		map_set(&changes->groups,
			slice_of(arena_strndup(&changes->mem, group.data, group.len), group.len),
			1);
	}
}

/* Those that are shown. */
static struct slice shown_groups(struct ldap_changes *changes)
{
	const char *keys = changes->group_keys.data;
	size_t len = changes->group_keys.len;
	char *shown = arena_bytes(&changes->mem, len + 1);
	size_t shown_len = 0;

	for (size_t at = 0; at < len; at += SYNC_GROUP_BYTES) {
		uint64_t is_shown = 0;

		map_get(&changes->groups, slice_of(keys + at, SYNC_GROUP_BYTES), &is_shown);
		if (!is_shown)
			continue;
		memcpy(shown + shown_len, keys + at, SYNC_GROUP_BYTES);
		shown_len += SYNC_GROUP_BYTES;
	}
	return slice_of(shown, shown_len);
}

/* Nothing will be asked of the server by key: what the DN is known by serves as well. */
static int show_by_dn(struct ldap_directory *dir, const struct directory_change *change,
		      struct err *err)
{
	struct directory_change shown = *change;
	struct entry entry = *change->entry;
	char key[DIGEST_TEXT];

	digest_of(entry.dn, strlen(entry.dn), key);
	if (change->group)
		entry.id = key;
	shown.entry = &entry;
	shown.key = key;
	return dir->base.watch(dir->base.watch_ctx, &shown, err);
}

int ldap_changes_show(struct ldap_directory *dir, unsigned number, struct entry *entry,
		      struct err *err)
{
	struct ldap_changes *changes = dir->changes;
	struct directory_change change = {
		.kind = CHANGE_ENTRY, .search = number, .entry = entry,
		.group = ldap_changes_is_group(dir, number),
	};
	struct slice key = changes->extra ? changes->extra_value : changes->key;
	char text[SYNC_UUID_TEXT], group[SYNC_GROUP_BYTES];

	if (dir->base.show_only)
		return show_by_dn(dir, &change, err);
	if (changes->why_not[0])
		return 0;
	if (!key_text(changes, key, text)) {
		ldap_changes_refuse(changes, "\"%.150s\" came without %s", entry->dn,
				    changes->extra ? changes->extra : "a Sync State control");
		return 0;
	}
	if (change.group) {
		keep_group(changes, group_key(dir, number, key, group), true);
		entry->id = text;
	}
	change.key = text;
	return dir->base.watch(dir->base.watch_ctx, &change, err);
}

int ldap_mark(struct directory *base, struct buf *out, struct err *err)
{
	struct ldap_directory *dir = (struct ldap_directory *)base;
	struct ldap_changes *changes = dir->changes;

	if (!changes || !changes->people_read)
		return err_set(err, ERR_REFUSED, "nothing was read to mark");
	if (changes->why_not[0])
		return err_set(err, ERR_REFUSED, "%s", changes->why_not);
	changes->mark.groups = changes->mark.containers = slice_of(NULL, 0);
	if (!buf_failed(&changes->group_keys))
		changes->mark.groups = shown_groups(changes);
	if (!buf_failed(&changes->containers))
		changes->mark.containers =
			slice_of(changes->containers.data, changes->containers.len);
	sync_mark_print(&changes->mark, out);
	return buf_failed(out) ? err_set(err, ERR_LIMIT, "the mark is too long") : 0;
}

/* --- what changed ------------------------------------------------------------------------ */

static int count_entry(struct ldap_delta *delta)
{
	uint64_t known = delta->old.searches[delta->number].count / 4;
	size_t max = known < DIRECTORY_CHANGES_FEW ? DIRECTORY_CHANGES_FEW
		     : known > DIRECTORY_CHANGES_MAX ? DIRECTORY_CHANGES_MAX : (size_t)known;

	if (++delta->entries <= max)
		return 0;
	return ldap_delta_give_up(delta, "more than %zu entries below \"%.100s\" have changed", max,
				  ldap_changes_config(delta->dir, delta->number)->base);
}

static int tell(struct ldap_delta *delta, const struct directory_change *change,
		struct err *err)
{
	if (delta->fn(delta->ctx, change, err) == 0)
		return 0;
	delta->stopped = true;
	return -1;
}

static int tell_group(struct ldap_delta *delta, struct directory_change *change,
		      struct slice key, struct err *err)
{
	struct ldap_changes *changes = delta->changes;
	char bytes[SYNC_GROUP_BYTES];
	struct slice group = group_key(delta->dir, delta->number, key, bytes);

	if (change->kind == CHANGE_GONE) {
		/* Servers name also what never was ours. */
		if (delta->old.groups.data && !map_get(&changes->groups, group, NULL))
			return 0;
		keep_group(changes, group, false);
	} else {
		if (!delta->live)
			map_set(&delta->named, 
				slice_of(arena_strndup(&delta->mem, group.data, group.len),
					 group.len), 1);
		if (change->kind == CHANGE_ENTRY)
			keep_group(changes, group, true);
	}
	return tell(delta, change, err);
}

/* The groups of the running search that were shown and are not named now. */
static int sweep_groups(struct ldap_delta *delta, struct err *err)
{
	struct slice groups = delta->old.groups;
	unsigned which = delta->number - people_count(delta->dir);
	int ret = 0;

	for (size_t at = 0; ret == 0 && at < groups.len; at += SYNC_GROUP_BYTES) {
		struct slice group = slice_of(groups.data + at, SYNC_GROUP_BYTES);

		if ((unsigned char)group.data[SYNC_UUID_BYTES] == which &&
		    !map_get(&delta->named, group, NULL))
			ret = ldap_delta_show(delta, CHANGE_GONE,
					      slice_of(group.data, SYNC_UUID_BYTES), NULL, err);
	}
	return ret;
}

int ldap_delta_show(struct ldap_delta *delta, enum directory_change_kind kind, struct slice key,
		    struct entry *entry, struct err *err)
{
	struct directory_change change = {
		.kind = kind, .search = delta->number, .entry = entry,
		.group = ldap_changes_is_group(delta->dir, delta->number),
	};
	char text[SYNC_UUID_TEXT];

	if (kind == CHANGE_SWEEP)
		return change.group && delta->old.groups.data ? sweep_groups(delta, err)
							      : tell(delta, &change, err);
	if (!key_text(delta->changes, key, text))
		return ldap_delta_give_up(delta, "an entry came without its key");
	if (kind == CHANGE_ENTRY && count_entry(delta))
		return -1;
	change.key = text;
	if (!change.group)
		return tell(delta, &change, err);
	if (entry)
		entry->id = text;
	return tell_group(delta, &change, key, err);
}

static int take_changed_person(void *ctx, const struct entry *entry, struct err *err)
{
	struct ldap_delta *delta = ctx;
	struct ldap_changes *changes = delta->changes;
	struct entry copy = *entry;

	if (changes->mark.way == SYNC_BY_DIRSYNC)
		return ldap_delta_show(delta, CHANGE_ENTRY, changes->extra_value, &copy, err);
	/* Renaming it renames what is below it, and that no change of theirs tells. */
	if (name_is(changes->extra_value, "TRUE"))
		return ldap_delta_give_up(delta,
					  "\"%.150s\" has changed and has entries below it",
					  entry->dn);
	return ldap_delta_show(delta, CHANGE_ENTRY, changes->key, &copy, err);
}

static int take_changed_group(void *ctx, const struct raw_entry *raw, struct err *err)
{
	struct ldap_delta *delta = ctx;
	struct ldap_changes *changes = delta->changes;
	char attribute[64];
	struct slice name, value;
	struct entry entry = { .dn = raw->dn.data };
	struct tlv values;

	arena_reset(&delta->dir->scratch);
	ldap_changes_next(changes);
	while (raw_entry_attr(raw, &name, &values) == 1) {
		ldap_changes_note(changes, name, values);
		snprintf(attribute, sizeof(attribute), "%.*s", (int)name.len, name.data);
		if (!delta->old.uids && member_form_of(attribute) == MEMBER_UID &&
		    raw_entry_value(&values, &value))
			return ldap_delta_give_up(delta,
						  "\"%.150s\" names members by uid, and people's were not read",
						  raw->dn.data);
	}
	if (dn_normalize(&delta->dir->scratch, raw->dn.data, raw->dn.len, &entry.norm_dn, NULL))
		return ldap_delta_give_up(delta, "\"%.150s\" can not be read", raw->dn.data);
	return ldap_delta_show(delta, CHANGE_ENTRY,
			       changes->extra && changes->mark.way == SYNC_BY_DIRSYNC
				       ? changes->extra_value : changes->key,
			       &entry, err);
}

/* Of a changed group only those members are asked for that make people's uids needed. */
static const char **group_attrs(struct ldap_delta *delta)
{
	const struct config_texts *members = &delta->dir->config->directory.member_attributes;
	const char **attrs = arena_array(&delta->mem, members->count + 3, sizeof(*attrs));
	size_t count = 0;

	attrs[count++] = LDAP_NO_ATTRS;
	for (unsigned i = 0; i < members->count; i++) {
		if (member_form_of(members->items[i]) == MEMBER_UID && !delta->old.uids)
			attrs[count++] = members->items[i];
	}
	if (delta->changes->mark.way == SYNC_BY_DIRSYNC)
		attrs[count++] = delta->changes->extra;
	return count > 1 ? attrs + 1 : attrs;
}

void ldap_delta_start(struct ldap_delta *delta, unsigned number)
{
	delta->number = number;
	delta->entries = 0;
	map_release(&delta->named);
}

void ldap_delta_search(struct ldap_delta *delta, struct ldap_search *search)
{
	const struct config_search *config = ldap_changes_config(delta->dir, delta->number);

	people_reader_search(delta->people, config, search);
	if (!ldap_changes_is_group(delta->dir, delta->number))
		return;
	search->attrs = group_attrs(delta);
	search->ahead_max = GROUPS_AHEAD_MAX;
	search->fn = take_changed_group;
	search->ctx = delta;
}

/* Is the server the one of the mark, and has it not gone back? */
static int check_server(struct ldap_delta *delta)
{
	const struct sync_mark *now = &delta->changes->mark, *old = &delta->old;
	const char *older;

	if (now->way != old->way)
		return ldap_delta_give_up(delta, "the last read was marked in another way");
	if (strcmp(now->identity, old->identity) != 0)
		return ldap_delta_give_up(delta, "another server answers at %.150s",
					  delta->dir->uri);
	if (now->usn < old->usn)
		return ldap_delta_give_up(delta,
					  "the server is older than at the last read (update number %llu, then %llu); was it restored?",
					  (unsigned long long)now->usn,
					  (unsigned long long)old->usn);
	if (!sync_csns_reach(now->csns, now->csn_count, old->csns, old->csn_count, &older))
		return ldap_delta_give_up(delta,
					  "the server is older than at the last read (it does not reach %.100s); was it restored?",
					  strchr(older, '/') ? strchr(older, '/') + 1 : older);
	return 0;
}

static int check_mark(struct ldap_delta *delta, struct slice text, const struct layout *layout)
{
	struct ldap_directory *dir = delta->dir;
	struct err why = ERR_INIT;

	if (sync_mark_parse(&delta->mem, text, &delta->old, &why))
		return ldap_delta_give_up(delta, "the mark of the last read can not be used: %s",
					  why.text);
	if (strcmp(delta->old.inputs, digest_inputs(dir, &delta->mem, layout)) != 0 ||
	    delta->old.search_count < people_count(dir) + group_count(dir))
		return ldap_delta_give_up(delta, "other searches, attributes or logins than at the last read");
	return 0;
}

/* What stays of the old mark until the searches say otherwise. */
static void inherit(struct ldap_delta *delta)
{
	struct ldap_changes *changes = delta->changes;
	const struct sync_mark *old = &delta->old;

	changes->mark.uids = old->uids;
	changes->mark.inputs = arena_strdup(&changes->mem, old->inputs);
	changes->people_read = true;
	changes->mark.search_count = old->search_count;
	for (size_t i = 0; i < old->search_count; i++) {
		struct slice cookie = old->searches[i].cookie;

		changes->mark.searches[i] = old->searches[i];
		if (cookie.data)
			changes->mark.searches[i].cookie = slice_of(
				arena_strndup(&changes->mem, cookie.data, cookie.len), cookie.len);
	}
	for (size_t at = 0; at < old->groups.len; at += SYNC_GROUP_BYTES)
		keep_group(changes, slice_of(old->groups.data + at, SYNC_GROUP_BYTES), true);
	changes->group_keys.failed |= !old->groups.data;
}

/*
 * With the cookies that the server has just given: what it makes of an old one is settled, and
 * what it still tells before it goes live is what happened since.
 */
static int follow(struct ldap_delta *delta, struct err *err)
{
	const struct sync_mark *mark = &delta->changes->mark;

	for (size_t i = 0; i < mark->search_count; i++)
		delta->old.searches[i].cookie = mark->searches[i].cookie;
	if (delta->old.groups.data)
		delta->old.groups = shown_groups(delta->changes);
	return ldap_persist_follow(delta, err);
}

static int read_delta(struct ldap_delta *delta, struct slice mark, const struct layout *layout,
		      struct err *err)
{
	struct ldap_directory *dir = delta->dir;

	if (check_mark(delta, mark, layout))
		return -1;
	if (strcmp(delta->old.server, dir->uri) != 0)
		return ldap_delta_give_up(delta, "%.150s answers; the last read was at %.150s",
					  dir->uri, delta->old.server);
	if (ask_server(dir, delta->changes, err))
		return -1;
	check_computed(dir, delta->changes, layout);
	if (delta->changes->why_not[0])
		return ldap_delta_give_up(delta, "%s", delta->changes->why_not);
	if (check_server(delta))
		return -1;
	inherit(delta);
	delta->changes->extra = delta->old.way == SYNC_BY_DIRSYNC ? "objectGUID"
								  : "hasSubordinates";
	delta->people = people_reader_new(dir, layout, delta->old.uids, take_changed_person, delta,
					  &delta->verdict);
	if (delta->old.way == SYNC_BY_DIRSYNC)
		return delta->persist ? ldap_delta_give_up(delta, "DirSync can not be followed")
				      : ldap_dirsync_read(delta, layout, err);
	if (ldap_sync_read(delta, err))
		return -1;
	return delta->persist ? follow(delta, err) : 0;
}

int ldap_changes_read(struct ldap_directory *dir, struct slice mark, const struct layout *layout,
		      directory_change_fn *fn, void *ctx,
		      const struct ldap_persist_how *persist,
		      enum directory_changes *ret_changes, char why[DIRECTORY_WHY_MAX],
		      struct err *err)
{
	struct ldap_delta delta = { .dir = dir, .fn = fn, .ctx = ctx, .persist = persist };
	struct err lost = ERR_INIT;
	int ret;

	if (ldap_directory_connect(dir, err))
		return -1;
	drop_changes(dir);
	delta.changes = dir->changes = changes_new(dir);
	verdict_init(&delta.verdict);
	ret = read_delta(&delta, mark, layout, &lost);
	if (ret == 0 && !delta.verdict.complete)
		ret = ldap_delta_give_up(&delta, "%s", delta.verdict.reasons[0]);
	if (ret)
		drop_changes(dir);
	if (ret && !delta.why[0] && !delta.stopped) {
		/* A full read connects again, perhaps to another server, and says what is wrong. */
		ldap_directory_disconnect(dir);
		ldap_delta_give_up(&delta, "%s", lost.text);
	}
	if (delta.stopped) {
		if (err && err->kind == ERR_NONE)
			*err = lost;
	} else {
		*ret_changes = ret ? CHANGES_FULL : CHANGES_READ;
		memcpy(why, delta.why, sizeof(delta.why));
		ret = 0;
	}
	people_reader_free(delta.people);
	map_release(&delta.named);
	arena_release(&delta.mem);
	return ret;
}

int ldap_read_changes(struct directory *base, struct slice mark, const struct layout *layout,
		      directory_change_fn *fn, void *ctx, enum directory_changes *ret_changes,
		      char why[DIRECTORY_WHY_MAX], struct err *err)
{
	return ldap_changes_read((struct ldap_directory *)base, mark, layout, fn, ctx, NULL,
				 ret_changes, why, err);
}
