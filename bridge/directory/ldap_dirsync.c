#include "bridge/directory/ldap_dirsync.h"

#include "mappings/dn.h"

#include "scim/base/banned.h"

#define PAGE_BYTES_MAX (8u * 1024 * 1024)
#define PAGES_MAX 100000
/* GUIDs in one filter; each takes some 60 bytes of it. */
#define BATCH_MAX 100

/* --- asking ------------------------------------------------------------------------------ */

struct dirsync_run {
	struct ldap_directory *dir;
	struct arena *mem;
	uint32_t flags;
	struct slice cookie; /* in mem */
	bool more, ended;
	int code;
	char said[200];
	raw_entry_fn *fn;
	void *ctx;
};

static int take_entry(void *ctx, const struct raw_entry *raw, struct err *err)
{
	struct dirsync_run *run = ctx;

	return run->fn ? run->fn(run->ctx, raw, err) : 0;
}

static bool take_end(void *ctx, int code, const char *diagnostic, LDAPControl **controls)
{
	struct dirsync_run *run = ctx;
	LDAPControl *control = ldap_control_find(LDAP_CONTROL_X_DIRSYNC, controls, NULL);
	struct dirsync_done done;

	run->code = code;
	ldap_explain_result(code, diagnostic, run->said, sizeof(run->said));
	if (code != LDAP_SUCCESS || !control ||
	    dirsync_done_parse(slice_of(control->ldctl_value.bv_val, control->ldctl_value.bv_len),
			       &done) ||
	    done.cookie.len == 0)
		return true;
	run->ended = true;
	run->more = done.more;
	run->cookie = slice_of(arena_strndup(run->mem, done.cookie.data, done.cookie.len),
			       done.cookie.len);
	return true;
}

/* One page. Returns -1 with *err when it can not be read; else see `ended`, `code`. */
static int ask_page(struct dirsync_run *run, const char *filter, const char **attrs,
		    struct verdict *verdict, struct err *err)
{
	static const struct ldap_search_hooks hooks = { .done = take_end };
	LDAPControl control = { .ldctl_oid = (char *)(uintptr_t)LDAP_CONTROL_X_DIRSYNC,
				.ldctl_iscritical = 1 };
	struct ldap_search search = {
		.dir = run->dir, .base = run->dir->changes->context, .filter = filter,
		.scope = LDAP_SCOPE_SUBTREE, .attrs = attrs, .ahead_max = GROUPS_AHEAD_MAX,
		.control = &control, .hooks = &hooks, .fn = take_entry, .ctx = run,
		.verdict = verdict,
	};
	struct buf request;
	int ret;

	run->ended = run->more = false;
	run->code = LDAP_SUCCESS;
	buf_init(&request, SYNC_COOKIE_BYTES_MAX + 64);
	dirsync_request_build(&request, run->flags, PAGE_BYTES_MAX, run->cookie);
	control.ldctl_value = (struct berval){ request.len, request.data };
	ret = ldap_search_run(&search, err);
	buf_release(&request);
	return ret;
}

/* Pages until there are no more. */
static int ask_all(struct dirsync_run *run, const char *filter, const char **attrs,
		   struct err *err)
{
	struct verdict verdict;
	unsigned pages = 0;

	verdict_init(&verdict);
	do {
		if (ask_page(run, filter, attrs, &verdict, err))
			return -1;
		if (!verdict.complete)
			return err_set(err, ERR_NET, "%s", verdict.reasons[0]);
		if (++pages > PAGES_MAX)
			return err_set(err, ERR_PROTOCOL, "DirSync sends pages without end");
	} while (run->ended && run->more);
	return 0;
}

/* --- full reads -------------------------------------------------------------------------- */

static void take_invocation(void *ctx, struct slice name, struct slice value)
{
	struct ldap_changes *changes = ctx;
	char text[SYNC_UUID_TEXT];

	(void)name;
	if (value.len != SYNC_UUID_BYTES)
		return;
	sync_uuid_format(value.data, text);
	changes->mark.identity = arena_printf(&changes->mem, "%s %s", changes->mark.identity,
					      text);
}

/* The naming context that holds the base: the longest of the server's above it. */
static struct slice context_of(struct ldap_changes *changes, struct slice base)
{
	struct slice found = { 0 }, norm;

	for (size_t i = 0; i < changes->contexts.count; i++) {
		const char *text = changes->contexts.items[i];

		if (dn_normalize(&changes->mem, text, strlen(text), &norm, NULL) == 0 &&
		    dn_is_below(base, norm) && (!found.data || norm.len > found.len))
			found = norm;
	}
	return found;
}

static void check_bases(struct ldap_directory *dir, struct ldap_changes *changes)
{
	const struct config *config = dir->config;
	unsigned all = config->directory.people.count + config->directory.groups.count;
	struct slice context, base;

	if (dn_normalize(&changes->mem, changes->context, strlen(changes->context), &context,
			 NULL)) {
		ldap_changes_refuse(changes, "%s has no naming context that can be read",
				    dir->uri);
		return;
	}
	for (unsigned i = 0; i < all; i++) {
		const char *text = ldap_changes_config(dir, i)->base;

		if (dn_normalize(&changes->mem, text, strlen(text), &base, NULL) ||
		    !slice_eq(context_of(changes, base), context))
			ldap_changes_refuse(changes,
					    "\"%.150s\" is not in \"%.150s\", whose changes the server tells",
					    text, changes->context);
	}
}

/*
 * The invocation id of a domain controller is a new one when its database was restored, so
 * that its update numbers mean something else (MS-ADTS 3.1.1.1.9).
 */
int ldap_dirsync_identify(struct ldap_directory *dir, struct ldap_changes *changes,
			  struct err *err)
{
	static const char *const attrs[] = { "invocationId", NULL };

	changes->extra = "objectGUID";
	if (!changes->context || !changes->mark.identity[0]) {
		ldap_changes_refuse(changes, "%s does not say which domain controller it is",
				    dir->uri);
		return 0;
	}
	check_bases(dir, changes);
	return ldap_read_object(dir, changes->mark.identity, attrs, take_invocation, changes, err);
}

/*
 * Without the right to replicate ("Replicating Directory Changes"), only what the account may
 * see is told. That leaves out all deleted objects, so that is the second choice, and who is
 * there is then asked for by key.
 */
void ldap_dirsync_begin(struct ldap_directory *dir, struct ldap_changes *changes)
{
	static const char *attrs[] = { "objectGUID", NULL };
	struct dirsync_run run = { .dir = dir, .mem = &changes->mem,
				   .flags = DIRSYNC_INCREMENTAL_VALUES };
	struct err err = ERR_INIT;
	/* All objects are gone through; these few are sent. */
	const char *filter = "(objectClass=domain)";

	if (ask_all(&run, filter, attrs, &err) == 0 && run.code != LDAP_SUCCESS) {
		run.flags |= DIRSYNC_OBJECT_SECURITY;
		ask_all(&run, filter, attrs, &err);
	}
	if (err.kind)
		ldap_changes_refuse(changes, "DirSync: %s", err.text);
	else if (run.code != LDAP_SUCCESS)
		ldap_changes_refuse(changes, "the server refuses DirSync: %s", run.said);
	else if (!run.ended)
		ldap_changes_refuse(changes, "DirSync ended without a cookie");
	changes->mark.flags = run.flags;
	changes->mark.cookie = run.cookie;
}

/* --- what changed ------------------------------------------------------------------------ */

struct changed {
	const char *guid; /* SYNC_UUID_BYTES */
	bool deleted;
	bool renamed;     /* or moved: and not new */
	bool found;       /* by the search that runs */
};

struct notices {
	struct ldap_delta *delta;
	VEC(struct changed) items;
	struct map by_guid;
	bool member_of; /* the rules or filters ask for it */
	size_t max;
};

static struct changed *note(struct notices *notices, struct slice guid)
{
	struct changed item = { 0 };
	uint64_t at;

	if (map_get(&notices->by_guid, guid, &at))
		return &notices->items.items[at];
	item.guid = arena_strndup(&notices->delta->mem, guid.data, guid.len);
	map_set(&notices->by_guid, slice_of(item.guid, guid.len), notices->items.count);
	vec_push(&notices->items, item);
	return &notices->items.items[notices->items.count - 1];
}

static bool is_name(struct slice name, const char *wanted)
{
	const char *semi = name.len ? memchr(name.data, ';', name.len) : NULL;
	size_t len = semi ? (size_t)(semi - name.data) : name.len;

	return text_cmp_nocase(name.data, len, wanted, strlen(wanted)) == 0;
}

static bool has_value(struct tlv values, const char *wanted)
{
	struct slice value;

	while (raw_entry_value(&values, &value)) {
		if (text_cmp_nocase(value.data, value.len, wanted, strlen(wanted)) == 0)
			return true;
	}
	return false;
}

static int take_notice(void *ctx, const struct raw_entry *raw, struct err *err)
{
	struct notices *notices = ctx;
	struct changed seen = { 0 }, *item;
	bool fresh = false, members = false;
	struct slice name, guid = { 0 };
	struct tlv values;
	int more;

	(void)err;
	while ((more = raw_entry_attr(raw, &name, &values)) == 1) {
		if (is_name(name, "objectGUID")) {
			raw_entry_value(&values, &guid);
		} else if (is_name(name, "isDeleted")) {
			seen.deleted = has_value(values, "TRUE");
		} else if (is_name(name, "name")) {
			seen.renamed = true;
		} else if (is_name(name, "objectClass")) {
			fresh = true;
		} else if (is_name(name, "member")) {
			members = true;
		}
	}
	if (more < 0 || guid.len != SYNC_UUID_BYTES)
		return ldap_delta_give_up(notices->delta,
					  "DirSync names \"%.150s\" without its objectGUID",
					  raw->dn.data);
	/* What is deleted may have been a group; its class is not told. */
	if (notices->member_of && (members || seen.deleted))
		return ldap_delta_give_up(notices->delta,
					  "a group has changed, and memberOf is asked for: \"%.100s\"",
					  raw->dn.data);
	item = note(notices, guid);
	item->deleted = seen.deleted;
	item->renamed = (item->renamed || seen.renamed) && !fresh && !seen.deleted;
	if (notices->items.count <= notices->max)
		return 0;
	return ldap_delta_give_up(notices->delta, "more than %zu objects have changed",
				  notices->max);
}

/* "(|(objectGUID=\01\02...)...)" of items from `first` for which `which` holds. */
typedef bool which_fn(const struct changed *item);

static bool is_renamed(const struct changed *item)
{
	return item->renamed;
}

static bool is_there(const struct changed *item)
{
	return !item->deleted;
}

/* Returns the number of GUIDs in the filter; *first moves on behind them. */
static unsigned add_guids(struct notices *notices, which_fn *which, size_t *first,
			  struct buf *filter)
{
	unsigned count = 0;

	buf_addstr(filter, "(|");
	for (; *first < notices->items.count && count < BATCH_MAX; ++*first) {
		const struct changed *item = &notices->items.items[*first];

		if (!which(item))
			continue;
		count++;
		buf_addstr(filter, "(objectGUID=");
		for (unsigned i = 0; i < SYNC_UUID_BYTES; i++)
			buf_addf(filter, "\\%02x", (unsigned char)item->guid[i]);
		buf_addch(filter, ')');
	}
	buf_addch(filter, ')');
	return count;
}

static int count_leaf(void *ctx, const struct raw_entry *raw, struct err *err)
{
	(void)raw;
	(void)err;
	++*(unsigned *)ctx;
	return 0;
}

/*
 * Renaming or moving a container renames all below it, and of these nothing is told. People
 * and groups hold no entries; all else, and what can not be seen, may.
 */
static int check_renamed(struct notices *notices, struct err *err)
{
	static const char *attrs[] = { LDAP_NO_ATTRS, NULL };
	struct ldap_delta *delta = notices->delta;
	struct buf filter;
	int ret = 0;

	buf_init(&filter, 65536);
	for (size_t first = 0; ret == 0 && first < notices->items.count;) {
		unsigned asked, leaves = 0;
		struct ldap_search search = {
			.dir = delta->dir, .base = delta->changes->context,
			.scope = LDAP_SCOPE_SUBTREE, .attrs = attrs, .ahead_max = BATCH_MAX,
			.fn = count_leaf, .ctx = &leaves, .verdict = &delta->verdict,
		};

		buf_clear(&filter);
		buf_addstr(&filter, "(&(|(objectClass=person)(objectClass=group))");
		asked = add_guids(notices, is_renamed, &first, &filter);
		buf_addch(&filter, ')');
		search.filter = filter.data;
		if (asked)
			ret = ldap_search_run(&search, err);
		if (ret == 0 && leaves < asked)
			ret = ldap_delta_give_up(delta, "a container was renamed or moved");
	}
	buf_release(&filter);
	return ret;
}

/* The reader's fn with a note of whom it met. */
struct meeting {
	struct notices *notices;
	raw_entry_fn *fn;
	void *ctx;
};

static int meet(void *ctx, const struct raw_entry *raw, struct err *err)
{
	struct meeting *meeting = ctx;
	struct ldap_changes *changes = meeting->notices->delta->changes;
	uint64_t at;
	int ret = meeting->fn(meeting->ctx, raw, err);

	if (ret)
		return ret;
	if (changes->extra_value.len == SYNC_UUID_BYTES &&
	    map_get(&meeting->notices->by_guid, changes->extra_value, &at))
		meeting->notices->items.items[at].found = true;
	return 0;
}

static int search_batch(struct notices *notices, size_t *first, struct err *err)
{
	struct ldap_delta *delta = notices->delta;
	struct meeting meeting = { .notices = notices };
	struct ldap_search search;
	struct buf filter;
	int ret = 0;

	buf_init(&filter, 1024 * 1024);
	ldap_delta_search(delta, &search);
	meeting.fn = search.fn;
	meeting.ctx = search.ctx;
	search.fn = meet;
	search.ctx = &meeting;
	buf_addf(&filter, "(&%s", search.filter);
	if (add_guids(notices, is_there, first, &filter)) {
		buf_addch(&filter, ')');
		search.filter = filter.data;
		ret = buf_failed(&filter) ? ldap_delta_give_up(delta, "a filter is too long")
					  : ldap_search_run(&search, err);
	}
	buf_release(&filter);
	if (ret == 0 && !delta->verdict.complete)
		ret = ldap_delta_give_up(delta, "%s", delta->verdict.reasons[0]);
	return ret;
}

/* --- who is there, for accounts that are not told of deletions -------------------------- */

struct sweeper {
	struct notices *notices;
	size_t count;
};

static int take_present(void *ctx, const struct raw_entry *raw, struct err *err)
{
	struct sweeper *sweeper = ctx;
	struct ldap_delta *delta = sweeper->notices->delta;
	struct slice name, guid = { 0 };
	struct tlv values;
	uint64_t at;

	while (raw_entry_attr(raw, &name, &values) == 1) {
		if (is_name(name, "objectGUID"))
			raw_entry_value(&values, &guid);
	}
	sweeper->count++;
	/* It came as it is now, or left the search since. */
	if (map_get(&sweeper->notices->by_guid, guid, &at) &&
	    sweeper->notices->items.items[at].found)
		return 0;
	return ldap_delta_show(delta, CHANGE_PRESENT, guid, NULL, err);
}

static int sweep(struct notices *notices, struct err *err)
{
	static const char *attrs[] = { "objectGUID", NULL };
	struct ldap_delta *delta = notices->delta;
	struct sweeper sweeper = { .notices = notices };
	struct ldap_search search;

	ldap_delta_search(delta, &search);
	search.attrs = attrs;
	search.ahead_max = PEOPLE_AHEAD_MAX;
	search.fn = take_present;
	search.ctx = &sweeper;
	if (ldap_search_run(&search, err))
		return -1;
	if (!delta->verdict.complete)
		return ldap_delta_give_up(delta, "%s", delta->verdict.reasons[0]);
	if (sweeper.count == 0 && delta->old.searches[delta->number].count)
		return ldap_delta_give_up(delta, "the server names nobody below \"%.150s\" any more",
					  search.base);
	return ldap_delta_show(delta, CHANGE_SWEEP, slice_of(NULL, 0), NULL, err);
}

/* --- all of it --------------------------------------------------------------------------- */

static int tell_gone(struct notices *notices, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < notices->items.count; i++) {
		const struct changed *item = &notices->items.items[i];

		if (!item->found)
			ret = ldap_delta_show(notices->delta, CHANGE_GONE,
					      slice_of(item->guid, SYNC_UUID_BYTES), NULL, err);
	}
	return ret;
}

static int read_search(struct notices *notices, unsigned number, struct err *err)
{
	struct ldap_delta *delta = notices->delta;
	int ret = 0;

	for (size_t i = 0; i < notices->items.count; i++)
		notices->items.items[i].found = false;
	ldap_delta_start(delta, number);
	for (size_t first = 0; ret == 0 && first < notices->items.count;)
		ret = search_batch(notices, &first, err);
	if (ret == 0)
		ret = tell_gone(notices, err);
	if (ret == 0 && delta->old.flags & DIRSYNC_OBJECT_SECURITY)
		ret = sweep(notices, err);
	return ret;
}

static int ask_server(struct notices *notices, struct err *err)
{
	struct ldap_delta *delta = notices->delta;
	struct dirsync_run run = {
		.dir = delta->dir, .mem = &delta->changes->mem, .flags = delta->old.flags,
		.cookie = delta->old.cookie, .fn = take_notice, .ctx = notices,
	};

	/* Every attribute: what a filter rests on may be none of those that are read. */
	if (ask_all(&run, "(objectClass=*)", NULL, err))
		return -1;
	if (run.code != LDAP_SUCCESS)
		return ldap_delta_give_up(delta, "the server refuses its DirSync cookie: %s",
					  run.said);
	if (!run.ended)
		return ldap_delta_give_up(delta, "DirSync ended without a cookie");
	delta->changes->mark.flags = run.flags;
	delta->changes->mark.cookie = run.cookie;
	return 0;
}

static size_t notices_max(const struct ldap_delta *delta)
{
	uint64_t known = 0;

	for (size_t i = 0; i < delta->old.search_count; i++)
		known += delta->old.searches[i].count;
	known /= 4;
	return known < DIRECTORY_CHANGES_FEW ? DIRECTORY_CHANGES_FEW
	       : known > DIRECTORY_CHANGES_MAX ? DIRECTORY_CHANGES_MAX : (size_t)known;
}

int ldap_dirsync_read(struct ldap_delta *delta, const struct layout *layout, struct err *err)
{
	unsigned people = delta->dir->config->directory.people.count;
	unsigned all = people + delta->dir->config->directory.groups.count;
	struct notices notices = {
		.delta = delta, .max = notices_max(delta),
		.member_of = ldap_changes_uses_member_of(delta->dir, layout),
	};
	int ret;

	/* Nothing at all was written there. */
	if (delta->old.usn && delta->changes->mark.usn == delta->old.usn) {
		struct slice cookie = delta->old.cookie;

		delta->changes->mark.flags = delta->old.flags;
		delta->changes->mark.cookie = slice_of(
			arena_strndup(&delta->changes->mem, cookie.data, cookie.len), cookie.len);
		return 0;
	}
	ret = ask_server(&notices, err);
	if (ret == 0)
		ret = check_renamed(&notices, err);
	/* The groups first, as in a full read. */
	for (unsigned i = 0; ret == 0 && i < all; i++) {
		unsigned number = (i + people) % all;

		if (delta->old.searches[number].read)
			ret = read_search(&notices, number, err);
	}
	vec_release(&notices.items);
	map_release(&notices.by_guid);
	return ret;
}
