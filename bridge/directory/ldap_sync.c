#include "bridge/directory/ldap_sync.h"

#include <stdio.h>

#include "mappings/dn.h"
#include "scim/base/digest.h"

#include "scim/base/banned.h"

/* --- one search -------------------------------------------------------------------------- */

static void keep_cookie(struct sync_run *run, struct slice cookie, struct slice *ret)
{
	if (!cookie.data)
		return;
	/* In place where it fits: a search that is followed for days gets many of them. */
	if (ret->data && ret->len == cookie.len)
		memcpy((char *)(uintptr_t)ret->data, cookie.data, cookie.len);
	else
		*ret = slice_of(arena_strndup(&run->changes->mem, cookie.data, cookie.len),
				cookie.len);
}

/* Only in a delta; a first content has no other states than "add". */
static int give_up(struct sync_run *run, const char *why)
{
	if (run->delta)
		return ldap_delta_give_up(run->delta, "%s", why);
	ldap_changes_refuse(run->changes, "%s", why);
	return 0;
}

static int tell(struct sync_run *run, bool present, struct slice uuid, struct err *err)
{
	if (present)
		run->named++;
	else
		run->gone++;
	if (!run->delta)
		return give_up(run, "the server names entries that nobody asked for");
	if (run->quiet)
		return 0;
	return ldap_delta_show(run->delta, present ? CHANGE_PRESENT : CHANGE_GONE, uuid, NULL,
			       err);
}

static int take_entry(void *ctx, const struct raw_entry *raw, struct err *err)
{
	struct sync_run *run = ctx;
	LDAPControl *control = ldap_control_find(LDAP_CONTROL_SYNC_STATE, raw->controls, NULL);
	struct sync_state state;
	int ret;

	run->changes->key = slice_of(NULL, 0);
	if (!control || sync_state_parse(slice_of(control->ldctl_value.bv_val,
						  control->ldctl_value.bv_len),
					 &state)) {
		if (give_up(run, "an entry came without a Sync State control that can be read"))
			return -1;
		return run->fn(run->ctx, raw, err);
	}
	keep_cookie(run, state.cookie, &run->cookie);
	if (state.kind == SYNC_PRESENT || state.kind == SYNC_DELETE)
		return tell(run, state.kind == SYNC_PRESENT, state.uuid, err);
	run->entries++;
	run->changes->key = state.uuid;
	ret = run->fn(run->ctx, raw, err);
	run->changes->key = slice_of(NULL, 0); /* it ends with the entry's controls */
	return ret;
}

static int take_info(void *ctx, const char *oid, struct slice value, struct err *err)
{
	struct sync_run *run = ctx;
	struct sync_info info;
	struct slice uuid;
	int ret = 0;

	if (strcmp(oid, LDAP_SYNC_INFO) != 0)
		return 0;
	if (sync_info_parse(value, &info))
		return give_up(run, "the server sent a Sync Info message that can not be read");
	keep_cookie(run, info.cookie, &run->cookie);
	run->present_over |= info.kind == SYNC_REFRESH_PRESENT;
	run->refreshed |= (info.kind == SYNC_REFRESH_PRESENT ||
			   info.kind == SYNC_REFRESH_DELETE) && info.refresh_done;
	while (ret == 0 && sync_info_next(&info, &uuid))
		ret = tell(run, !info.refresh_deletes, uuid, err);
	return ret;
}

/* Does the code say that a search with this control is not for us? */
static bool is_refusal(int code)
{
	switch (code) {
	case LDAP_OPERATIONS_ERROR:
	case LDAP_PROTOCOL_ERROR:
	case LDAP_UNAVAILABLE_CRITICAL_EXTENSION:
	case LDAP_INSUFFICIENT_ACCESS:
	case LDAP_UNWILLING_TO_PERFORM:
		return true;
	default:
		return false;
	}
}

static bool take_first_end(struct sync_run *run)
{
	struct ldap_search *search = run->search;
	const char *who = search->dir->config->directory.bind_dn;

	run->refused = is_refusal(run->code) && search->found == 0;
	if (run->code == LDAP_SIZELIMIT_EXCEEDED || run->code == LDAP_ADMINLIMIT_EXCEEDED) {
		verdict_spoil(search->verdict,
			      "the server's size limit ended the search below \"%.40s\" after %zu entries: lift it for \"%.40s\", or set directory.changes: none",
			      search->base, search->found, who ? who : "anonymous");
		return true;
	}
	return run->refused;
}

static bool take_end(void *ctx, int code, const char *diagnostic, LDAPControl **controls)
{
	struct sync_run *run = ctx;
	LDAPControl *control = ldap_control_find(LDAP_CONTROL_SYNC_DONE, controls, NULL);

	run->code = code;
	ldap_explain_result(code, diagnostic, run->said, sizeof(run->said));
	if (code == LDAP_SUCCESS && control &&
	    sync_done_parse(slice_of(control->ldctl_value.bv_val, control->ldctl_value.bv_len),
			    &run->done) == 0) {
		run->ended = true;
		keep_cookie(run, run->done.cookie, &run->last_cookie);
	}
	return run->delta ? true : take_first_end(run);
}

/* The first content begins anew: nothing is left of an attempt that was cut off. */
static void begin_again(void *ctx)
{
	struct sync_run *run = ctx;

	run->entries = 0;
	run->present_over = run->refused = run->ended = false;
	run->code = 0;
	run->done = (struct sync_done){ 0 };
	run->cookie = run->last_cookie = slice_of(NULL, 0);
	if (run->begin)
		run->begin(run->ctx);
}

static const struct ldap_search_hooks sync_hooks = { .info = take_info, .done = take_end };

void sync_run_open(struct sync_run *run, enum sync_mode mode, struct slice cookie)
{
	struct ldap_search *search = run->search;

	buf_init(&run->request, SYNC_COOKIE_BYTES_MAX + 64);
	sync_request_build(&run->request, mode, cookie);
	run->control = (LDAPControl){
		.ldctl_oid = (char *)(uintptr_t)LDAP_CONTROL_SYNC,
		.ldctl_iscritical = 1,
		.ldctl_value = { run->request.len, run->request.data },
	};
	run->fn = search->fn;
	run->ctx = search->ctx;
	run->begin = search->begin;
	if (!run->delta)
		search->begin = begin_again;
	search->fn = take_entry;
	search->ctx = run;
	search->control = &run->control;
	search->hooks = &sync_hooks;
}

void sync_run_close(struct sync_run *run)
{
	struct ldap_search *search = run->search;

	search->fn = run->fn;
	search->ctx = run->ctx;
	search->begin = run->begin;
	search->control = NULL;
	search->hooks = NULL;
	buf_release(&run->request);
}

static int run_search(struct sync_run *run, struct slice cookie, struct err *err)
{
	int ret;

	sync_run_open(run, SYNC_REFRESH_ONLY, cookie);
	ret = ldap_search_run(run->search, err);
	sync_run_close(run);
	if (run->last_cookie.data)
		run->cookie = run->last_cookie;
	return ret;
}

int ldap_sync_full(struct ldap_search *search, unsigned number, struct err *err)
{
	struct ldap_changes *changes = search->dir->changes;
	struct sync_run *run = arena_alloc(&changes->mem, sizeof(*run));
	int ret;

	run->search = search;
	run->changes = changes;
	ret = run_search(run, slice_of(NULL, 0), err);
	if (ret == 0 && run->refused) {
		ldap_changes_refuse(changes,
				    "the server refuses a search for changes below \"%.100s\": %s",
				    search->base, run->said);
		return ldap_search_run(search, err);
	}
	if (ret == 0 && run->code == LDAP_SUCCESS && (!run->ended || run->cookie.len == 0))
		ldap_changes_refuse(changes, "the search below \"%.150s\" ended without a cookie",
				    search->base);
	changes->mark.searches[number].cookie = run->cookie;
	return ret;
}

/* --- containers -------------------------------------------------------------------------- */

#define CONTAINER_FILTER                                                                  \
	"(|(objectClass=organizationalUnit)(objectClass=organization)(objectClass=domain)" \
	"(objectClass=dcObject)(objectClass=locality)(objectClass=country)"                \
	"(objectClass=container)(objectClass=nsContainer))"

struct containers {
	struct ldap_changes *changes;
	struct ldap_delta *delta; /* NULL: all are new to us */
	struct arena *mem;        /* of the entry at hand */
};

static void hash_dn(struct slice norm_dn, unsigned char out[8])
{
	char text[DIGEST_TEXT];

	digest_of(norm_dn.data, norm_dn.len, text);
	for (unsigned i = 0; i < 8; i++) {
		static const char digits[] = "0123456789abcdef";

		out[i] = (unsigned char)((strchr(digits, text[2 * i]) - digits) << 4 |
					 (strchr(digits, text[2 * i + 1]) - digits));
	}
}

static void keep_container(struct ldap_changes *changes, const char container[SYNC_CONTAINER_BYTES])
{
	const char *key;

	if (map_get(&changes->container_dns, slice_of(container, SYNC_UUID_BYTES), NULL))
		return;
	key = arena_strndup(&changes->mem, container, SYNC_UUID_BYTES);
	map_set(&changes->container_dns, slice_of(key, SYNC_UUID_BYTES),
		changes->containers.len);
	buf_add(&changes->containers, container, SYNC_CONTAINER_BYTES);
}

static int judge_container(struct containers *containers, const struct raw_entry *raw,
			   const char container[SYNC_CONTAINER_BYTES], bool empty)
{
	struct ldap_changes *changes = containers->changes;
	uint64_t at;

	if (buf_failed(&changes->containers))
		return ldap_delta_give_up(containers->delta, "\"%.150s\" has changed", raw->dn.data);
	if (!map_get(&changes->container_dns, slice_of(container, SYNC_UUID_BYTES), &at))
		return empty ? 0
			     : ldap_delta_give_up(containers->delta,
						  "\"%.150s\" is new and has entries in it",
						  raw->dn.data);
	if (memcmp(changes->containers.data + at, container, SYNC_CONTAINER_BYTES) != 0)
		return ldap_delta_give_up(containers->delta,
					  "a container was renamed or moved: \"%.150s\"",
					  raw->dn.data);
	return 0;
}

static int take_container(void *ctx, const struct raw_entry *raw, struct err *err)
{
	struct containers *containers = ctx;
	char container[SYNC_CONTAINER_BYTES];
	struct slice norm, name, value;
	bool empty = false;
	struct tlv values;

	(void)err;
	if (containers->changes->key.len != SYNC_UUID_BYTES)
		return 0;
	arena_reset(containers->mem);
	if (dn_normalize(containers->mem, raw->dn.data, raw->dn.len, &norm, NULL))
		norm = raw->dn;
	while (raw_entry_attr(raw, &name, &values) == 1) {
		if (raw_entry_value(&values, &value))
			empty = text_cmp_nocase(value.data, value.len, "FALSE", 5) == 0;
	}
	memcpy(container, containers->changes->key.data, SYNC_UUID_BYTES);
	hash_dn(norm, (unsigned char *)container + SYNC_UUID_BYTES);
	if (containers->delta && judge_container(containers, raw, container, empty))
		return -1;
	keep_container(containers->changes, container);
	return 0;
}

/* Bases of all searches, without those that lie below another one. */
static unsigned container_bases(const struct ldap_directory *dir, struct arena *mem,
				const char **ret_bases)
{
	unsigned all = dir->config->directory.people.count + dir->config->directory.groups.count;
	struct slice *norms = arena_array(mem, all + 1, sizeof(*norms));
	unsigned count = 0;

	for (unsigned i = 0; i < all; i++) {
		const char *base = ldap_changes_config(dir, i)->base;

		if (dn_normalize(mem, base, strlen(base), &norms[i], NULL))
			norms[i] = slice_of("", 0);
	}
	for (unsigned i = 0; i < all; i++) {
		bool covered = false;

		for (unsigned other = 0; other < all; other++)
			covered |= other != i && dn_is_below(norms[i], norms[other]) &&
				   (other < i || !slice_eq(norms[i], norms[other]));
		if (!covered)
			ret_bases[count++] = ldap_changes_config(dir, i)->base;
	}
	return count;
}

static void container_search(struct ldap_directory *dir, const char *base,
			     struct containers *containers, struct verdict *verdict,
			     struct ldap_search *ret_search)
{
	static const char *attrs[] = { "hasSubordinates", NULL };

	*ret_search = (struct ldap_search){
		.dir = dir, .base = base, .filter = CONTAINER_FILTER,
		.scope = LDAP_SCOPE_SUBTREE, .attrs = attrs, .ahead_max = PEOPLE_AHEAD_MAX,
		.fn = take_container, .ctx = containers, .verdict = verdict,
	};
}

void ldap_sync_begin(struct ldap_directory *dir, struct ldap_changes *changes)
{
	struct containers containers = { .changes = changes, .mem = &dir->scratch };
	const char **bases = arena_array(&changes->mem, SYNC_MARK_SEARCHES_MAX, sizeof(*bases));
	unsigned count = container_bases(dir, &changes->mem, bases);
	unsigned first = (unsigned)changes->mark.search_count;

	changes->mark.search_count += count;
	for (unsigned i = 0; i < count && !changes->why_not[0]; i++) {
		struct ldap_search search;
		struct verdict verdict;
		struct err err = ERR_INIT;

		verdict_init(&verdict);
		container_search(dir, bases[i], &containers, &verdict, &search);
		if (ldap_sync_full(&search, first + i, &err))
			ldap_changes_refuse(changes, "%s", err.text);
		else if (!verdict.complete)
			ldap_changes_refuse(changes, "%s", verdict.reasons[0]);
		changes->mark.searches[first + i].read = true;
		changes->mark.searches[first + i].count = search.found;
	}
}

/* --- who the server is ------------------------------------------------------------------- */

struct context_reader {
	struct ldap_changes *changes;
	unsigned number;
	struct buf identity;
	VEC(const char *) csns;
};

static void take_context(void *ctx, struct slice name, struct slice value)
{
	struct context_reader *reader = ctx;

	if (text_cmp_nocase(name.data, name.len, "entryUUID", 9) == 0)
		buf_add(&reader->identity, value.data, value.len);
	else if (reader->csns.count < SYNC_MARK_CSNS_MAX)
		vec_push(&reader->csns,
			 arena_printf(&reader->changes->mem, "%u/%.*s", reader->number,
				      SLICE_FMT(value)));
}

/* Does any search lie in this naming context? */
static bool context_counts(const struct ldap_directory *dir, struct arena *mem,
			   const char *context)
{
	unsigned all = dir->config->directory.people.count + dir->config->directory.groups.count;
	struct slice norm, base;

	if (dn_normalize(mem, context, strlen(context), &norm, NULL))
		return false;
	for (unsigned i = 0; i < all; i++) {
		const char *text = ldap_changes_config(dir, i)->base;

		if (dn_normalize(mem, text, strlen(text), &base, NULL) == 0 &&
		    dn_is_below(base, norm))
			return true;
	}
	return false;
}

int ldap_sync_identify(struct ldap_directory *dir, struct ldap_changes *changes,
		       struct err *err)
{
	static const char *const attrs[] = { "contextCSN", "entryUUID", NULL };
	struct context_reader reader = { .changes = changes };
	int ret = 0;

	buf_init(&reader.identity, 65536);
	for (size_t i = 0; ret == 0 && i < changes->contexts.count; i++) {
		const char *context = changes->contexts.items[i];

		if (!context_counts(dir, &changes->mem, context))
			continue;
		reader.number = (unsigned)i;
		buf_addf(&reader.identity, "%s=", context);
		ret = ldap_read_object(dir, context, attrs, take_context, &reader, err);
		buf_addch(&reader.identity, ';');
	}
	changes->mark.identity =
		arena_strndup(&changes->mem, reader.identity.data ? reader.identity.data : "",
			      reader.identity.len);
	changes->mark.csn_count = reader.csns.count;
	changes->mark.csns = arena_array(&changes->mem, reader.csns.count + 1, sizeof(char *));
	for (size_t i = 0; i < reader.csns.count; i++)
		changes->mark.csns[i] = reader.csns.items[i];
	vec_release(&reader.csns);
	buf_release(&reader.identity);
	return ret;
}

/* --- what changed ------------------------------------------------------------------------ */

int sync_run_sweep(struct sync_run *run, struct err *err)
{
	struct ldap_delta *delta = run->delta;

	if (run->named == 0 && delta->old.searches[delta->number].count)
		return ldap_delta_give_up(delta,
					  "the server names nobody below \"%.150s\" any more",
					  run->search->base);
	if (run->gone && !run->present_over)
		return ldap_delta_give_up(delta,
					  "the server names who is there and who is gone in one");
	if (run->quiet || run->named == 0)
		return 0;
	return ldap_delta_show(delta, CHANGE_SWEEP, slice_of(NULL, 0), NULL, err);
}

static int judge(struct sync_run *run, struct err *err)
{
	struct ldap_delta *delta = run->delta;

	if (run->code == LDAP_SYNC_REFRESH_REQUIRED)
		return ldap_delta_give_up(delta,
					  "the server does not keep changes that far back (%s)",
					  run->said);
	if (run->code != LDAP_SUCCESS)
		return ldap_delta_give_up(delta, "the server refuses the search for changes: %s",
					  run->said);
	if (!delta->verdict.complete)
		return ldap_delta_give_up(delta, "%s", delta->verdict.reasons[0]);
	if (!run->ended)
		return ldap_delta_give_up(delta, "the search below \"%.150s\" ended without a Sync Done control",
					  run->search->base);
	if (run->cookie.data && run->cookie.len == 0)
		return ldap_delta_give_up(delta, "the server does not know its cookie any more");
	if (!run->cookie.data && run->entries + run->named + run->gone)
		return ldap_delta_give_up(delta, "changes came without a new cookie");
	if ((!run->done.refresh_deletes || run->present_over) && sync_run_sweep(run, err))
		return -1;
	if (run->cookie.data)
		delta->changes->mark.searches[delta->number].cookie = run->cookie;
	return 0;
}

static void inherit_containers(struct ldap_delta *delta)
{
	struct slice old = delta->old.containers;

	for (size_t at = 0; at < old.len; at += SYNC_CONTAINER_BYTES)
		keep_container(delta->changes, old.data + at);
	delta->changes->containers.failed |= !old.data;
}

static struct sync_run *run_new(struct ldap_delta *delta, unsigned number)
{
	struct sync_run *run = arena_alloc(&delta->mem, sizeof(*run));

	run->search = arena_alloc(&delta->mem, sizeof(*run->search));
	run->changes = delta->changes;
	run->delta = delta;
	run->number = number;
	return run;
}

int sync_runs_make(struct ldap_delta *delta, struct sync_run ***ret_runs, unsigned *ret_count)
{
	struct ldap_directory *dir = delta->dir;
	unsigned people = dir->config->directory.people.count;
	unsigned all = people + dir->config->directory.groups.count, count = 0;
	struct sync_run **runs = arena_array(&delta->mem, SYNC_MARK_SEARCHES_MAX, sizeof(*runs));
	const char **bases = arena_array(&delta->mem, SYNC_MARK_SEARCHES_MAX, sizeof(*bases));
	unsigned containers = container_bases(dir, &delta->mem, bases);
	struct containers *reader = arena_alloc(&delta->mem, sizeof(*reader));

	if (delta->old.search_count != all + containers)
		return ldap_delta_give_up(delta, "the mark of the last read is of other searches");
	inherit_containers(delta);
	*reader = (struct containers){ delta->changes, delta, &dir->scratch };
	for (unsigned i = 0; i < containers; i++) {
		runs[count] = run_new(delta, all + i);
		runs[count]->quiet = true;
		container_search(dir, bases[i], reader, &delta->verdict, runs[count++]->search);
	}
	/* The groups first, as in a full read. */
	for (unsigned i = 0; i < all; i++) {
		unsigned number = (i + people) % all;

		if (!delta->old.searches[number].read)
			continue;
		runs[count] = run_new(delta, number);
		ldap_delta_start(delta, number);
		ldap_delta_search(delta, runs[count++]->search);
	}
	*ret_runs = runs;
	*ret_count = count;
	return 0;
}

int ldap_sync_read(struct ldap_delta *delta, struct err *err)
{
	struct sync_run **runs;
	unsigned count;

	if (sync_runs_make(delta, &runs, &count))
		return -1;
	for (unsigned i = 0; i < count; i++) {
		ldap_delta_start(delta, runs[i]->number);
		if (run_search(runs[i], delta->old.searches[runs[i]->number].cookie, err) ||
		    judge(runs[i], err))
			return -1;
	}
	return 0;
}
