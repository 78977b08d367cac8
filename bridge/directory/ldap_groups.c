#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "bridge/directory/filter.h"
#include "bridge/directory/ldap_changes.h"
#include "bridge/log.h"
#include "mappings/dn.h"

#include "scim/base/banned.h"

#define MEMBERS_AT_ONCE 64

struct group_reader {
	struct ldap_directory *dir;
	struct verdict *verdict;
	bool watched;
	unsigned number; /* of the search, for who watches */
};

/* What a group has, as it came. */
struct group_attr {
	const char *attribute; /* of the settings */
	bool ranged;
	struct tlv values;
};
#define GROUP_ATTRS_MAX 64
struct group_values {
	struct group_attr attrs[GROUP_ATTRS_MAX];
	unsigned count;
	VEC(struct slice) cns;
	struct slice sid; /* data NULL = none */
};

static struct attr_values sorted(struct slice *items, size_t count)
{
	attr_values_sort(items, (uint32_t)count);
	return (struct attr_values){ items, (uint32_t)count };
}

static struct attr_values members_by(const struct group_values *values, const char *attribute,
				     struct arena *mem)
{
	VEC(struct slice) members = { 0 };
	struct attr_values ret = { 0 };
	struct slice value, *items;

	for (unsigned i = 0; i < values->count; i++) {
		struct tlv left = values->attrs[i].values;

		while (values->attrs[i].attribute == attribute && raw_entry_value(&left, &value))
			vec_push(&members, value);
	}
	if (members.count) {
		items = arena_array(mem, members.count, sizeof(*items));
		memcpy(items, members.items, members.count * sizeof(*items));
		ret = sorted(items, members.count);
	}
	vec_release(&members);
	return ret;
}

/* In the layout of directory_group_layout. */
static void fill_group(const struct config_texts *names, struct group_values *values,
		       struct arena *mem, struct entry *entry)
{
	struct attr_values *attrs = arena_array(mem, names->count + 2, sizeof(*attrs));

	attrs[0] = sorted(values->cns.items, values->cns.count);
	for (unsigned i = 0; i < names->count; i++)
		attrs[i + 1] = members_by(values, names->items[i], mem);
	if (values->sid.data)
		attrs[names->count + 1] = (struct attr_values){ &values->sid, 1 };
	entry->attrs = attrs;
	entry->attr_count = names->count + 2;
}

static int show_group(struct group_reader *reader, const struct raw_entry *raw,
		      struct group_values *values, struct err *err)
{
	struct entry entry = { .dn = raw->dn.data };
	struct arena mem = ARENA_INIT;
	int ret = 0;

	if (reader->dir->base.show_only)
		fill_group(&reader->dir->config->directory.member_attributes, values, &mem,
			   &entry);
	if (dn_normalize(&mem, raw->dn.data, raw->dn.len, &entry.norm_dn, NULL))
		ldap_changes_refuse(reader->dir->changes, "\"%.150s\" can not be read",
				    raw->dn.data);
	else
		ret = ldap_changes_show(reader->dir, reader->number, &entry, err);
	arena_release(&mem);
	return ret;
}

static bool is_member_attr(struct slice name, const char *attribute, bool *ret_ranged)
{
	size_t len = strlen(attribute);

	if (name.len < len || text_cmp_nocase(name.data, len, attribute, len) != 0)
		return false;
	*ret_ranged = name.len > len + 7 && text_cmp_nocase(name.data + len, 7, ";range=", 7) == 0;
	return name.len == len || name.data[len] == ';';
}

static void add_members(struct group_reader *reader, const struct raw_entry *entry,
			const char *attribute, bool ranged, struct tlv values)
{
	struct membership *membership = reader->dir->membership;
	enum member_form form = member_form_of(attribute);
	struct slice some[MEMBERS_AT_ONCE];
	struct err err = ERR_INIT;
	size_t count = 1;

	if (ranged) {
		membership_mark_partial(membership);
		verdict_spoil(reader->verdict, "only a part of the members of \"%.80s\" came: %s",
			      entry->dn.data, entry->partial);
	}
	while (count) {
		count = 0;
		while (count < MEMBERS_AT_ONCE && raw_entry_value(&values, &some[count]))
			count++;
		if (membership_add_members(membership, form, some, count, &err) == 0)
			continue;
		membership_mark_partial(membership);
		verdict_spoil(reader->verdict, "a member of \"%.80s\": %s", entry->dn.data,
			      err.text);
		return;
	}
	if (tlv_len(values)) {
		membership_mark_partial(membership);
		verdict_spoil(reader->verdict, "the members of \"%.80s\" can not be read",
			      entry->dn.data);
	}
}

/*
 * The group is added before its members, but its cn may come after them: so attributes are
 * kept until all have been seen. Returns as raw_entry_attr does, or GROUP_IN_PART.
 */
#define GROUP_IN_PART 2
static int gather_group(struct group_reader *reader, const struct raw_entry *entry,
			struct group_values *values)
{
	const struct config_texts *names = &reader->dir->config->directory.member_attributes;
	struct group_attr attr;
	struct slice name, cn;
	int more;

	while ((more = raw_entry_attr(entry, &name, &attr.values)) == 1) {
		ldap_changes_note(reader->dir->changes, name, attr.values);
		for (unsigned i = 0; i < names->count && values->count < GROUP_ATTRS_MAX; i++) {
			if (!is_member_attr(name, names->items[i], &attr.ranged))
				continue;
			if (attr.ranged && !entry->partial)
				return GROUP_IN_PART;
			attr.attribute = names->items[i];
			values->attrs[values->count++] = attr;
		}
		while (text_cmp_nocase(name.data, name.len, "cn", 2) == 0 &&
		       raw_entry_value(&attr.values, &cn))
			vec_push(&values->cns, cn);
		if (text_cmp_nocase(name.data, name.len, "objectSid", 9) == 0)
			raw_entry_value(&attr.values, &values->sid);
	}
	return more;
}

static void add_group(struct group_reader *reader, const struct raw_entry *entry,
		      const struct group_values *values, bool broken)
{
	struct membership *membership = reader->dir->membership;
	struct err why = ERR_INIT;

	if (membership_add(membership, entry->dn.data, entry->dn.len, values->cns.items,
			   (uint32_t)values->cns.count, &why)) {
		verdict_spoil(reader->verdict, "a group: %s", why.text);
		return;
	}
	for (unsigned i = 0; i < values->count; i++)
		add_members(reader, entry, values->attrs[i].attribute, values->attrs[i].ranged,
			    values->attrs[i].values);
	if (values->sid.data)
		membership_add_primary(membership, values->sid);
	if (broken || values->count == GROUP_ATTRS_MAX) {
		membership_mark_partial(membership);
		verdict_spoil(reader->verdict, "the group \"%.100s\" can not be read",
			      entry->dn.data);
	}
	reader->verdict->count++;
}

static int take_group(void *ctx, const struct raw_entry *entry, struct err *err)
{
	struct group_reader *reader = ctx;
	struct group_values values = { .count = 0 };
	int ret = RAW_ENTRY_PART, more;

	ldap_changes_next(reader->dir->changes);
	more = gather_group(reader, entry, &values);
	if (more != GROUP_IN_PART) {
		add_group(reader, entry, &values, more < 0);
		ret = reader->watched ? show_group(reader, entry, &values, err) : 0;
	}
	vec_release(&values.cns);
	return ret;
}

/* Of groups; fn's context begins with the reader. */
static int run_search(struct group_reader *reader, const struct config_search *config,
		      raw_entry_fn *fn, struct err *err)
{
	struct ldap_directory *dir = reader->dir;
	const struct config_texts *names = &dir->config->directory.member_attributes;
	struct arena mem = ARENA_INIT;
	struct ldap_search search = {
		.dir = dir,
		.base = config->base,
		.filter = config->filter ? config->filter : "(objectClass=*)",
		.scope = ldap_search_scope(config->scope),
		.attrs = arena_array(&mem, names->count + 4, sizeof(char *)),
		.ahead_max = GROUPS_AHEAD_MAX,
		.fn = fn,
		.repeat = REPEAT_ALWAYS,
		.ctx = reader,
		.verdict = reader->verdict,
	};
	unsigned count = names->count + 1;
	int ret;

	for (unsigned i = 0; i < names->count; i++)
		search.attrs[i] = names->items[i];
	search.attrs[names->count] = "cn";
	if (ldap_has_primary_groups(dir))
		search.attrs[count++] = "objectSid";
	if (reader->watched)
		search.attrs[count] = dir->changes->extra;
	ret = reader->watched ? ldap_changes_search(&search, reader->number, err)
			      : ldap_search_run(&search, err);
	arena_release(&mem);
	return ret;
}

static int search_groups(struct ldap_directory *dir, unsigned number, struct verdict *verdict,
			 struct err *err)
{
	struct group_reader reader = { .dir = dir, .verdict = verdict,
				       .watched = dir->base.watch,
				       .number = dir->config->directory.people.count + number };

	return run_search(&reader, &dir->config->directory.groups.items[number], take_group, err);
}

static int take_unread(void *ctx, const struct raw_entry *entry, struct err *err)
{
	struct group_reader *reader = ctx;
	struct err why = ERR_INIT;

	(void)err;
	if (membership_add_unread(reader->dir->membership, entry->dn.data, entry->dn.len, &why))
		verdict_spoil(reader->verdict, "a group: %s", why.text);
	return 0;
}

/*
 * Where the base's tree begins: its trailing dc= parts (RFC 2247), else its last part. Most
 * servers hold one tree under that name; one that does not answers "no such object".
 */
static const char *tree_of(const char *base)
{
	const char *comma = strrchr(base, ','), *tree = NULL;

	for (size_t len = strlen(base); len > 0; len--) {
		const char *part = base + len - 1;

		if (len > 1 && part[-1] != ',')
			continue;
		part += strspn(part, " ");
		if (strncasecmp(part, "dc=", 3) != 0)
			break;
		tree = part;
	}
	if (tree)
		return tree;
	return comma ? comma + 1 + strspn(comma + 1, " ") : base;
}

/*
 * Is it (objectClass=...), or several of them joined by "or"? Of a filter like that a server
 * that knows the classes says yes or no for each entry, never "undefined" (RFC 4511 section
 * 4.5.1.7), so that its negation finds all others.
 */
static bool is_of_classes(const char *filter)
{
	static const char class_is[] = "(objectClass=";
	bool several = strncmp(filter, "(|", 2) == 0;
	const char *at = several ? filter + 2 : filter;
	unsigned count = 0;

	while (strncasecmp(at, class_is, sizeof(class_is) - 1) == 0) {
		at += sizeof(class_is) - 1;
		at += strcspn(at, "()*\\");
		if (*at++ != ')')
			return false;
		count++;
	}
	return count && (several ? strcmp(at, ")") == 0 : count == 1 && *at == '\0');
}

static int count_entry(void *ctx, const struct raw_entry *entry, struct err *err)
{
	(void)entry;
	(void)err;
	++*(unsigned *)ctx;
	return 0;
}

static void add_entry_dn(struct buf *filter, const char *rule, const char *dn)
{
	buf_addf(filter, "(entryDN%s=", rule);
	dir_filter_escape(filter, dn, strlen(dn));
	buf_addch(filter, ')');
}

#define IN_SUBTREE ":dnSubtreeMatch:" /* OpenLDAP's; entryDN is RFC 5020 */

/*
 * The part of a filter that holds for what a configured search has read. Only from a server
 * that shows to know how to answer it: of the search's own base it must say "in this tree",
 * and that it is not of these classes.
 */
static bool except_read(struct ldap_directory *dir, const char *tree,
			const struct config_search *config, struct buf *filter)
{
	static const char *no_attributes[] = { LDAP_NO_ATTRS, NULL };
	unsigned count = 0;
	struct verdict verdict;
	struct err err = ERR_INIT;
	struct ldap_search search = {
		.dir = dir, .base = tree, .scope = LDAP_SCOPE_SUBTREE, .attrs = no_attributes,
		.ahead_max = GROUPS_AHEAD_MAX, .fn = count_entry, .ctx = &count,
		.repeat = REPEAT_UNTOUCHED, .verdict = &verdict, .beyond = true,
	};
	struct buf probe;

	if (config->scope != SCOPE_SUB || !config->filter || !is_of_classes(config->filter))
		return false;
	verdict_init(&verdict);
	buf_init(&probe, 3 * DIR_FILTER_BYTES_MAX);
	buf_addstr(&probe, "(&");
	add_entry_dn(&probe, "", config->base);
	add_entry_dn(&probe, IN_SUBTREE, config->base);
	buf_addf(&probe, "(!%s))", config->filter);
	search.filter = probe.data;
	if (ldap_search_run(&search, &err) || !verdict.complete)
		count = 0;
	buf_release(&probe);
	if (count != 1)
		return false;
	buf_addstr(filter, "(!(&");
	add_entry_dn(filter, IN_SUBTREE, config->base);
	buf_addf(filter, "%s))", config->filter);
	return true;
}

/*
 * Groups below `base` by class, names only; those already read stay. *ret_found: the base has
 * shown what is below it.
 */
static int search_unread(struct ldap_directory *dir, const char *base,
			 struct verdict *verdict, bool *ret_found, struct err *err)
{
	static const char *const classes[] = { GROUP_CLASSES };
	static const char *no_attributes[] = { LDAP_NO_ATTRS, NULL };
	const struct config_searches *searches = &dir->config->directory.groups;
	struct group_reader reader = { .dir = dir, .verdict = verdict };
	struct ldap_search search = {
		.dir = dir, .base = base, .scope = LDAP_SCOPE_SUBTREE, .attrs = no_attributes,
		.ahead_max = GROUPS_AHEAD_MAX, .fn = take_unread, .ctx = &reader,
		.repeat = REPEAT_ALWAYS,
		.verdict = verdict, .beyond = true,
	};
	struct buf filter;
	bool shown = false;
	int ret;

	buf_init(&filter, 2 * (searches->count + 1) * DIR_FILTER_BYTES_MAX);
	buf_addstr(&filter, "(&(|");
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		buf_addf(&filter, "(objectClass=%s)", classes[i]);
	buf_addch(&filter, ')');
	for (unsigned i = 0; i < searches->count; i++)
		shown |= except_read(dir, base, &searches->items[i], &filter);
	buf_addch(&filter, ')');
	search.filter = filter.data;
	ret = ldap_search_run(&search, err);
	*ret_found = shown || search.found > 0;
	buf_release(&filter);
	return ret;
}

/* The same unless it was done, or the base's tree has given its groups. */
static int search_unread_once(struct ldap_directory *dir, const char *base, struct map *seen,
			      struct verdict *verdict, struct err *err)
{
	uint64_t in_tree = false;
	bool found = false;
	int ret;

	map_get(seen, slice_str(tree_of(base)), &in_tree);
	if (in_tree || map_get(seen, slice_str(base), NULL))
		return 0;
	ret = search_unread(dir, base, verdict, &found, err);
	map_set(seen, slice_str(base), found);
	return ret;
}

/*
 * A group nested in a wanted one may lie outside the configured searches. Its name alone
 * does not tell it from a person's, so groups are also looked for in the whole tree.
 */
static int read_unread(struct ldap_directory *dir, struct verdict *verdict, struct err *err)
{
	const struct config_searches *sets[] = { &dir->config->directory.groups,
						 &dir->config->directory.people };
	struct map seen = { 0 }; /* base -> whether groups were found there */
	int ret = 0;

	for (size_t s = 0; s < 2; s++) {
		for (unsigned i = 0; i < sets[s]->count && ret == 0; i++) {
			const char *base = sets[s]->items[i].base;

			ret = search_unread_once(dir, tree_of(base), &seen, verdict, err);
			/* The tree has another root, or only a part of it is ours to read. */
			if (ret == 0)
				ret = search_unread_once(dir, base, &seen, verdict, err);
		}
	}
	map_release(&seen);
	return ret;
}

/*
 * MS-ADTS 3.1.1.3.2.10: supportedCapabilities. A server that does not tell is another.
 * *ret_code is libldap's.
 */
static bool is_active_directory(struct ldap_directory *dir, int *ret_code)
{
	static const char ad[] = "1.2.840.113556.1.4.800", *names[] = { "supportedCapabilities", NULL };
	struct timeval wait = { .tv_sec = dir->config->directory.timeout_s };
	struct berval **values = NULL;
	LDAPMessage *result = NULL, *entry;
	bool found = false;

	*ret_code = ldap_search_ext_s(dir->ld, "", LDAP_SCOPE_BASE, "(objectClass=*)",
				      (char **)(uintptr_t)names, 0, NULL, NULL, &wait, 1,
				      &result);
	if (*ret_code == LDAP_SUCCESS &&
	    (entry = ldap_first_entry(dir->ld, result)))
		values = ldap_get_values_len(dir->ld, entry, names[0]);
	for (size_t i = 0; values && values[i]; i++)
		found |= text_cmp_nocase(values[i]->bv_val, values[i]->bv_len, ad,
					 sizeof(ad) - 1) == 0;
	ldap_value_free_len(values);
	ldap_msgfree(result);
	return found;
}

bool ldap_has_primary_groups(struct ldap_directory *dir)
{
	int code;

	if (dir->primary_groups == PRIMARY_UNKNOWN)
		dir->primary_groups =
			text_eq_nocase(dir->config->directory.id_attribute, "objectGUID") ||
					is_active_directory(dir, &code)
				? PRIMARY_SOME
				: PRIMARY_NONE;
	return dir->primary_groups == PRIMARY_SOME;
}

/* --- groups within groups, by the server ------------------------------------------------- */

/*
 * MS-ADTS 3.1.1.3.4.4.3, LDAP_MATCHING_RULE_TRANSITIVE_EVAL: memberOf with this rule holds for
 * whatever is in a group at any depth. It is asked for groups only. Whom they hold, what of it
 * is of other domains and whose primary group they are is in the groups themselves, while the
 * rule knows neither primary groups nor other domains; so the walk is the same as ever, over
 * fewer groups.
 */
#define IN_CHAIN "memberOf:1.2.840.113556.1.4.1941:="

struct chain {
	struct group_reader reader; /* first: it is the context of take_group */
	struct arena mem;
	VEC(const char *) starts; /* DNs of groups that rules name */
	struct map below;         /* normal DNs whose nested groups are read */
};

static int take_start(void *ctx, const struct raw_entry *entry, struct err *err)
{
	struct chain *chain = ctx;
	int ret = take_group(&chain->reader, entry, err);

	if (ret == 0)
		vec_push(&chain->starts,
			 arena_strndup(&chain->mem, entry->dn.data, entry->dn.len));
	return ret;
}

/* What is below a group that was met is below the one asked for: it was met too. */
static int take_below(void *ctx, const struct raw_entry *entry, struct err *err)
{
	struct chain *chain = ctx;
	struct slice norm;
	int ret = take_group(&chain->reader, entry, err);

	if (ret == 0 && dn_normalize(&chain->mem, entry->dn.data, entry->dn.len, &norm, NULL) == 0)
		map_set(&chain->below, norm, 1);
	return ret;
}

/* The groups that a rule means, where directory.groups looks. Several are for resolving. */
static int find_starts(struct chain *chain, const char *name, struct err *err)
{
	const struct config_searches *searches = &chain->reader.dir->config->directory.groups;
	size_t len = strlen(name);
	int ret = 0;

	for (unsigned i = 0; i < searches->count && ret == 0; i++) {
		struct config_search config = searches->items[i];
		struct buf filter;

		buf_init(&filter, 2 * DIR_FILTER_BYTES_MAX);
		buf_addf(&filter, "(&%s(%s=", config.filter ? config.filter : "(objectClass=*)",
			 dn_looks_like(name, len) ? "distinguishedName" : "cn");
		dir_filter_escape(&filter, name, len);
		buf_addstr(&filter, "))");
		config.filter = filter.data;
		ret = run_search(&chain->reader, &config, take_start, err);
		buf_release(&filter);
	}
	return ret;
}

static int read_below(struct chain *chain, const char *dn, struct err *err)
{
	struct config_search config = { .base = tree_of(dn), .scope = SCOPE_SUB };
	struct slice norm;
	struct buf filter;
	int ret;

	if (dn_normalize(&chain->mem, dn, strlen(dn), &norm, NULL) ||
	    map_get(&chain->below, norm, NULL))
		return 0;
	buf_init(&filter, 2 * DIR_FILTER_BYTES_MAX);
	buf_addstr(&filter, "(&(objectClass=group)(" IN_CHAIN);
	dir_filter_escape(&filter, dn, strlen(dn));
	buf_addstr(&filter, "))");
	config.filter = filter.data;
	ret = run_search(&chain->reader, &config, take_below, err);
	map_set(&chain->below, norm, 1);
	buf_release(&filter);
	return ret;
}

static int need_in_chain(struct ldap_directory *dir, struct err *err)
{
	int code;

	if (is_active_directory(dir, &code))
		return 0;
	if (code)
		return err_at(err, ERR_NET, dir->uri, 0, 0,
			      "what the server can do (its root DSE) can not be read: %s",
			      ldap_err2string(code));
	return err_at(err, ERR_INVALID, dir->uri, 0, 0,
		      "directory.nested_groups: server needs Active Directory, and this server "
		      "does not say that it is one; use directory.nested_groups: own");
}

/* Only what rules name, and below. */
static int read_chains(struct ldap_directory *dir, const struct group_names *wanted,
		       struct verdict *verdict, struct err *err)
{
	struct chain chain = { .reader = { .dir = dir, .verdict = verdict }, .mem = ARENA_INIT };
	int ret = need_in_chain(dir, err);

	membership_doubt_domains(dir->membership);
	for (size_t i = 0; i < wanted->names.count && ret == 0; i++)
		ret = find_starts(&chain, wanted->names.items[i], err);
	for (size_t i = 0; i < chain.starts.count && ret == 0; i++)
		ret = read_below(&chain, chain.starts.items[i], err);
	vec_release(&chain.starts);
	map_release(&chain.below);
	arena_release(&chain.mem);
	return ret;
}

static int read_all(struct ldap_directory *dir, struct verdict *verdict, struct err *err)
{
	for (unsigned i = 0; i < dir->config->directory.groups.count; i++) {
		if (search_groups(dir, i, verdict, err))
			return -1;
	}
	return read_unread(dir, verdict, err);
}

/* Paths and changes need the groups themselves, all of them. */
static bool asks_server(const struct ldap_directory *dir)
{
	return dir->config->directory.nested_groups == NESTED_SERVER && !dir->base.watch &&
	       !dir->base.keep_paths;
}

static void log_foreigners(const struct membership *membership)
{
	const struct membership_note *notes;
	unsigned count = membership_notes(membership, &notes);

	for (unsigned i = 0; i < count; i++)
		log_line(notes[i].unknown ? LOG_WARN : LOG_INFO, "%s", notes[i].text);
}

int ldap_read_groups(struct directory *base, const struct group_names *wanted,
		       struct verdict *verdict, struct err *err)
{
	struct ldap_directory *dir = (struct ldap_directory *)base;
	const struct config_searches *searches = &dir->config->directory.groups;

	membership_free(dir->membership);
	dir->membership = membership_new(wanted);
	if (dir->base.keep_paths)
		membership_keep_paths(dir->membership);
	if (wanted->names.count == 0 && !base->watch) /* nothing rests on groups */
		return membership_resolve(dir->membership, verdict), 0;
	if (searches->count && ldap_directory_connect(dir, err))
		return -1;
	if (searches->count && base->watch && ldap_changes_start(dir, NULL, err))
		return -1;
	if (searches->count && (asks_server(dir) ? read_chains(dir, wanted, verdict, err)
						 : read_all(dir, verdict, err)))
		return -1;
	membership_resolve(dir->membership, verdict);
	log_foreigners(dir->membership);
	return 0;
}
