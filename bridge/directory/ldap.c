#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "bridge/directory/filter.h"
#include "bridge/directory/ldap_impl.h"
#include "bridge/directory/tlv.h"
#include "bridge/log.h"
#include "mappings/dn.h"

#include "scim/base/banned.h"

/*
 * Entries held while earlier ones are worked on. A page should fit, so that its end is met
 * and the next one asked for early. Groups can be large, and gain little from it.
 */
#define PEOPLE_AHEAD_MAX 2000
#define GROUPS_AHEAD_MAX 16
/* Entries worked on before the connection is looked at again. */
#define PEOPLE_AT_ONCE 32
/* A server that sends cookies and no entries would keep us for ever. */
#define EMPTY_PAGES_MAX 1000
#define CA_FILE_BYTES_MAX (16 * 1024 * 1024)

/* What is read from an entry; good until the callback returns. */
struct raw_entry {
	struct slice dn; /* NUL-terminated */
	BerElement *attrs;
};

typedef int raw_entry_fn(void *ctx, const struct raw_entry *entry, struct err *err);

struct search {
	struct ldap_directory *dir;
	const char *base, *filter;
	int scope;
	const char **attrs;
	unsigned ahead_max;
	bool missing_base_is_none; /* looking for one person by DN */
	/*
	 * Looks beyond what is configured: a base that is not there or not ours to read, and
	 * references to other servers, spoil nothing.
	 */
	bool beyond;
	raw_entry_fn *fn;
	void *ctx;
	struct verdict *verdict;

	int message; /* request on its way, -1 = none: all has come */
	bool paged;  /* the server has sent a page control */
	struct berval cookie;
	VEC(LDAPMessage *) ahead; /* entries not worked on yet, from `first` */
	size_t first;
	size_t found; /* entries of this search that came */
	bool page_empty;
	unsigned empty_pages;
};

/* --- asking ------------------------------------------------------------------------------ */

static int ask_page(struct search *search, struct err *err)
{
	LDAP *ld = search->dir->ld;
	LDAPControl page = { 0 }, *controls[2] = { NULL, NULL };
	unsigned size = search->dir->config->directory.page_size;
	char said[200];
	int code;

	if (size) {
		struct berval *cookie = search->cookie.bv_val ? &search->cookie : NULL;

		code = ldap_create_page_control_value(ld, (ber_int_t)size, cookie,
						      &page.ldctl_value);
		if (code != LDAP_SUCCESS)
			return err_at(err, ERR_PROTOCOL, search->dir->uri, 0, 0,
				      "the control of paged results could not be made");
		/* Not critical: a server without paging then sends all at once. */
		page.ldctl_oid = (char *)(uintptr_t)LDAP_CONTROL_PAGEDRESULTS;
		controls[0] = &page;
	}
	code = ldap_search_ext(ld, search->base, search->scope, search->filter,
			       (char **)(uintptr_t)search->attrs, 0, controls, NULL, NULL,
			       LDAP_NO_LIMIT, &search->message);
	ber_memfree(page.ldctl_value.bv_val);
	if (code == LDAP_SUCCESS)
		return 0;
	search->message = -1;
	return err_at(err, code == LDAP_FILTER_ERROR ? ERR_INVALID : ERR_NET, search->dir->uri, 0,
		      0, "the search below \"%.80s\" could not be sent: %s", search->base,
		      ldap_explain_result(code, NULL, said, sizeof(said)));
}

static void stop_asking(struct search *search)
{
	if (search->message >= 0 && search->dir->ld)
		ldap_abandon_ext(search->dir->ld, search->message, NULL, NULL);
	search->message = -1;
}

/* --- answers that are no entries --------------------------------------------------------- */

/*
 * Naming contexts of their own that Active Directory always refers to from a domain's root;
 * no people live there.
 */
static bool is_other_context(const char *url)
{
	static const char *const contexts[] = { "cn=configuration,", "cn=schema,",
						"dc=domaindnszones,", "dc=forestdnszones," };
	LDAPURLDesc *parsed = NULL;
	bool other = false;

	if (ldap_url_parse(url, &parsed) != LDAP_URL_SUCCESS)
		return false;
	for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++)
		other |= parsed->lud_dn && strncasecmp(parsed->lud_dn, contexts[i],
						       strlen(contexts[i])) == 0;
	ldap_free_urldesc(parsed);
	return other;
}

static void take_reference(struct search *search, LDAPMessage *message)
{
	char **urls = NULL;

	if (ldap_parse_reference(search->dir->ld, message, &urls, NULL, 0) != LDAP_SUCCESS ||
	    !urls || !urls[0]) {
		verdict_spoil(search->verdict, "the server sent a reference that can not be read");
	} else if (search->beyond || is_other_context(urls[0])) {
		log_line(LOG_DEBUG, "not followed: %s", urls[0]);
	} else {
		verdict_spoil(search->verdict,
			      "a part below \"%s\" is on another server and was not read: %s",
			      search->base, urls[0]);
	}
	ber_memvfree((void **)urls);
}

static void spoil_result(struct search *search, int code, const char *diagnostic)
{
	char said[200];

	ldap_explain_result(code, diagnostic, said, sizeof(said));
	switch (code) {
	case LDAP_NO_SUCH_OBJECT:
		verdict_spoil(search->verdict,
			      "the base \"%.80s\" is not there, or the account may not read it",
			      search->base);
		break;
	case LDAP_SIZELIMIT_EXCEEDED:
	case LDAP_TIMELIMIT_EXCEEDED:
	case LDAP_ADMINLIMIT_EXCEEDED:
		verdict_spoil(search->verdict,
			      "the server's limit ended the search below \"%.60s\" after %zu entries: %s",
			      search->base, search->found, said);
		break;
	default:
		verdict_spoil(search->verdict,
			      "the search below \"%.60s\" ended after %zu entries: %s",
			      search->base, search->found, said);
	}
}

/* The cookie for the next page; false when there is no next page. */
static bool take_cookie(struct search *search, LDAPControl **controls)
{
	LDAPControl *control = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
	bool had_cookie = search->cookie.bv_val != NULL;
	ber_int_t total;

	ber_memfree(search->cookie.bv_val);
	search->cookie = (struct berval){ 0 };
	if (!control) {
		if (had_cookie || search->paged)
			verdict_spoil(search->verdict,
				      "the server stopped paging the search below \"%.60s\"",
				      search->base);
		return false;
	}
	search->paged = true;
	if (ldap_parse_pageresponse_control(search->dir->ld, control, &total, &search->cookie)) {
		verdict_spoil(search->verdict,
			      "the server's page control can not be read, below \"%.60s\"",
			      search->base);
		return false;
	}
	return search->cookie.bv_len > 0;
}

/* The end of a page: ask for the next one at once. */
static int take_done(struct search *search, LDAPMessage *message, struct err *err)
{
	LDAPControl **controls = NULL;
	char *diagnostic = NULL;
	int code = LDAP_OTHER, ret = 0;

	search->message = -1;
	if (ldap_parse_result(search->dir->ld, message, &code, NULL, &diagnostic, NULL, &controls,
			      0) != LDAP_SUCCESS)
		code = LDAP_DECODING_ERROR;
	if ((code == LDAP_NO_SUCH_OBJECT && (search->missing_base_is_none || search->beyond)) ||
	    ((code == LDAP_INSUFFICIENT_ACCESS || code == LDAP_REFERRAL) && search->beyond))
		code = LDAP_SUCCESS;
	else if (code != LDAP_SUCCESS)
		spoil_result(search, code, diagnostic);
	if (code == LDAP_SUCCESS && take_cookie(search, controls)) {
		search->empty_pages = search->page_empty ? search->empty_pages + 1 : 0;
		search->page_empty = true;
		if (search->empty_pages > EMPTY_PAGES_MAX)
			verdict_spoil(search->verdict, "the server sends pages without end");
		else
			ret = ask_page(search, err);
	}
	ldap_memfree(diagnostic);
	ldap_controls_free(controls);
	return ret;
}

/* Nothing came. Returns -1 when not even the first entry did: that is no read at all. */
static int take_silence(struct search *search, int type, struct err *err)
{
	unsigned timeout_s = search->dir->config->directory.timeout_s;
	enum err_kind kind = type ? ERR_NET : ERR_TIMEOUT;
	int code = LDAP_OTHER;
	char said[200];

	ldap_get_option(search->dir->ld, LDAP_OPT_RESULT_CODE, &code);
	if (type == 0)
		snprintf(said, sizeof(said), "no answer within %u s", timeout_s);
	else
		snprintf(said, sizeof(said), "the connection was lost: %s", ldap_err2string(code));
	stop_asking(search);
	if (search->found == 0 && search->verdict->count == 0)
		return err_at(err, kind, search->dir->uri, 0, 0, "%s", said);
	verdict_spoil(search->verdict, "%s, after %zu entries below \"%.60s\"", said,
		      search->found, search->base);
	return 0;
}

/* --- entries ----------------------------------------------------------------------------- */

static int take_entry(struct search *search, LDAPMessage *message, struct err *err)
{
	struct ldap_directory *dir = search->dir;
	struct raw_entry entry;
	struct berval dn;
	int ret;

	if (ldap_get_dn_ber(dir->ld, message, &entry.attrs, &dn) != LDAP_SUCCESS) {
		verdict_spoil(search->verdict, "the server sent an entry that can not be read");
		return 0;
	}
	arena_reset(&dir->scratch);
	entry.dn = slice_of(arena_strndup(&dir->scratch, dn.bv_val, dn.bv_len), dn.bv_len);
	ret = search->fn(search->ctx, &entry, err);
	ber_free(entry.attrs, 0);
	return ret;
}

/* Next attribute: its description, and values to be read by next_value. 1, 0, -1 broken. */
static int next_attr(const struct raw_entry *entry, struct slice *ret_name,
		     struct tlv *ret_values)
{
	struct berval raw;
	struct tlv in, name;
	unsigned char tag;
	ber_len_t left = 0;

	if (ber_skip_element(entry->attrs, &raw) == LBER_DEFAULT) {
		ber_get_option(entry->attrs, LBER_OPT_REMAINING_BYTES, &left);
		return left ? -1 : 0;
	}
	in = tlv_of(raw.bv_val, raw.bv_len);
	if (!tlv_next(&in, &tag, &name) || tag != LBER_OCTETSTRING ||
	    !tlv_next(&in, &tag, ret_values) || tag != LBER_SET)
		return -1;
	*ret_name = slice_of((const char *)name.at, tlv_len(name));
	return 1;
}

static inline bool next_value(struct tlv *values, struct slice *ret)
{
	unsigned char tag;
	struct tlv value;

	if (!tlv_next(values, &tag, &value) || tag != LBER_OCTETSTRING)
		return false;
	*ret = slice_of((const char *)value.at, tlv_len(value));
	return true;
}

/* --- one search -------------------------------------------------------------------------- */

/*
 * Take one message, waiting for it or not. Returns 1, 0 when none was there, -1 when the
 * read is over with *err.
 */
static int pull(struct search *search, bool block, struct err *err)
{
	struct ldap_directory *dir = search->dir;
	struct timeval wait = { .tv_sec = block ? dir->config->directory.timeout_s : 0 };
	LDAPMessage *message = NULL;
	int type = ldap_result(dir->ld, search->message, LDAP_MSG_ONE, &wait, &message);
	int ret = 0;

	if (type == LDAP_RES_SEARCH_ENTRY) {
		search->found++;
		search->page_empty = false;
		vec_push(&search->ahead, message);
		return 1;
	}
	if (type == 0 && !block)
		return 0;
	if (type <= 0)
		ret = take_silence(search, type, err);
	else if (type == LDAP_RES_SEARCH_REFERENCE)
		take_reference(search, message);
	else if (type == LDAP_RES_SEARCH_RESULT)
		ret = take_done(search, message, err);
	ldap_msgfree(message);
	return ret ? -1 : 1;
}

/* Keep the connection empty, so that the server never waits for us. */
static int pull_all(struct search *search, struct err *err)
{
	int got = 1;

	if (search->ahead.count == search->first && search->message >= 0)
		got = pull(search, true, err);
	while (got == 1 && search->message >= 0 &&
	       search->ahead.count - search->first < search->ahead_max)
		got = pull(search, false, err);
	return got < 0 ? -1 : 0;
}

static int work_some(struct search *search, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < PEOPLE_AT_ONCE; i++) {
		LDAPMessage *message;

		if (search->first == search->ahead.count)
			break;
		message = search->ahead.items[search->first++];
		ret = take_entry(search, message, err);
		ldap_msgfree(message);
	}
	/* Move the rest to the front once the worked-off part is the larger one. */
	if (search->first && search->first * 2 >= search->ahead.count) {
		search->ahead.count -= search->first;
		memmove(search->ahead.items, search->ahead.items + search->first,
			search->ahead.count * sizeof(*search->ahead.items));
		search->first = 0;
	}
	return ret;
}

static void end_search(struct search *search)
{
	stop_asking(search);
	while (search->first < search->ahead.count)
		ldap_msgfree(search->ahead.items[search->first++]);
	ber_memfree(search->cookie.bv_val);
	vec_release(&search->ahead);
}

/* Returns 0 with the verdict saying how complete it was, or -1. */
static int run_search(struct search *search, struct err *err)
{
	struct err why = ERR_INIT;
	int ret;

	search->message = -1;
	search->page_empty = true;
	ret = ask_page(search, err);
	while (ret == 0 && (search->message >= 0 || search->ahead.count > search->first)) {
		if (pull_all(search, &why)) {
			if (search->found == 0 && search->verdict->count == 0) {
				ret = err_at(err, why.kind, why.where, 0, 0, "%s", why.text);
				break;
			}
			/* What has come is good; it only is not all. */
			verdict_spoil(search->verdict, "%s", why.text);
			stop_asking(search);
		}
		ret = work_some(search, err);
	}
	end_search(search);
	return ret;
}

static int ldap_scope(enum config_scope scope)
{
	return scope == SCOPE_SUB ? LDAP_SCOPE_SUBTREE
	       : scope == SCOPE_ONE ? LDAP_SCOPE_ONELEVEL : LDAP_SCOPE_BASE;
}

/* --- groups ------------------------------------------------------------------------------ */

struct group_reader {
	struct ldap_directory *dir;
	struct verdict *verdict;
};

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
	struct err err = ERR_INIT;
	struct slice value;

	if (ranged) {
		/* The rest waits for range retrieval (MS-ADTS 3.1.1.3.1.3.3). */
		membership_mark_partial(membership);
		verdict_spoil(reader->verdict, "only a part of the members of \"%.100s\" came",
			      entry->dn.data);
	}
	while (next_value(&values, &value)) {
		if (membership_add_member(membership, form, value.data, value.len, &err) == 0)
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
 * kept until all have been seen.
 */
struct group_attr {
	const char *attribute;
	bool ranged;
	struct tlv values;
};
#define GROUP_ATTRS_MAX 64

static int take_group(void *ctx, const struct raw_entry *entry, struct err *err)
{
	struct group_reader *reader = ctx;
	const struct config_texts *names = &reader->dir->config->directory.member_attributes;
	struct group_attr attrs[GROUP_ATTRS_MAX];
	VEC(struct slice) cns = { 0 };
	struct err why = ERR_INIT;
	unsigned count = 0;
	struct slice name, cn;
	struct tlv values;
	int more;

	(void)err;
	while ((more = next_attr(entry, &name, &values)) == 1) {
		for (unsigned i = 0; i < names->count && count < GROUP_ATTRS_MAX; i++) {
			bool ranged;

			if (is_member_attr(name, names->items[i], &ranged))
				attrs[count++] = (struct group_attr){ names->items[i], ranged,
								      values };
		}
		while (text_cmp_nocase(name.data, name.len, "cn", 2) == 0 &&
		       next_value(&values, &cn))
			vec_push(&cns, cn);
	}
	if (membership_add(reader->dir->membership, entry->dn.data, entry->dn.len, cns.items,
			   (uint32_t)cns.count, &why)) {
		verdict_spoil(reader->verdict, "a group: %s", why.text);
	} else {
		for (unsigned i = 0; i < count; i++)
			add_members(reader, entry, attrs[i].attribute, attrs[i].ranged,
				    attrs[i].values);
		if (more < 0 || count == GROUP_ATTRS_MAX) {
			membership_mark_partial(reader->dir->membership);
			verdict_spoil(reader->verdict, "the group \"%.100s\" can not be read",
				      entry->dn.data);
		}
		reader->verdict->count++;
	}
	vec_release(&cns);
	return 0;
}

static int search_groups(struct ldap_directory *dir, const struct config_search *config,
			 struct verdict *verdict, struct err *err)
{
	const struct config_texts *names = &dir->config->directory.member_attributes;
	struct group_reader reader = { .dir = dir, .verdict = verdict };
	struct arena mem = ARENA_INIT;
	struct search search = {
		.dir = dir,
		.base = config->base,
		.filter = config->filter ? config->filter : "(objectClass=*)",
		.scope = ldap_scope(config->scope),
		.attrs = arena_array(&mem, names->count + 2, sizeof(char *)),
		.ahead_max = GROUPS_AHEAD_MAX,
		.fn = take_group,
		.ctx = &reader,
		.verdict = verdict,
	};
	int ret;

	for (unsigned i = 0; i < names->count; i++)
		search.attrs[i] = names->items[i];
	search.attrs[names->count] = "cn";
	ret = run_search(&search, err);
	arena_release(&mem);
	return ret;
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

/* Groups below `base` by class, names only; those already read stay. */
static int search_unread(struct ldap_directory *dir, const char *base,
			 struct verdict *verdict, bool *ret_found, struct err *err)
{
	static const char *const classes[] = { GROUP_CLASSES };
	static const char *no_attributes[] = { LDAP_NO_ATTRS, NULL };
	struct group_reader reader = { .dir = dir, .verdict = verdict };
	struct search search = {
		.dir = dir, .base = base, .scope = LDAP_SCOPE_SUBTREE, .attrs = no_attributes,
		.ahead_max = GROUPS_AHEAD_MAX, .fn = take_unread, .ctx = &reader,
		.verdict = verdict, .beyond = true,
	};
	struct buf filter;
	int ret;

	buf_init(&filter, 1024);
	buf_addstr(&filter, "(|");
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		buf_addf(&filter, "(objectClass=%s)", classes[i]);
	buf_addch(&filter, ')');
	search.filter = filter.data;
	ret = run_search(&search, err);
	*ret_found = search.found > 0;
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

static int read_groups(struct directory *base, const struct group_names *wanted,
		       struct verdict *verdict, struct err *err)
{
	struct ldap_directory *dir = (struct ldap_directory *)base;
	const struct config_searches *searches = &dir->config->directory.groups;

	membership_free(dir->membership);
	dir->membership = membership_new(wanted);
	if (wanted->names.count == 0) /* nothing rests on groups */
		return membership_resolve(dir->membership, verdict), 0;
	if (searches->count && ldap_directory_connect(dir, err))
		return -1;
	for (unsigned i = 0; i < searches->count; i++) {
		if (search_groups(dir, &searches->items[i], verdict, err))
			return -1;
	}
	if (searches->count && read_unread(dir, verdict, err))
		return -1;
	membership_resolve(dir->membership, verdict);
	return 0;
}

/* --- people ------------------------------------------------------------------------------ */

struct people_reader {
	struct ldap_directory *dir;
	struct fill *fill;
	const char **attrs;
	bool several; /* searches: they may meet somebody twice */
	struct seen_ids seen;
	const struct person_query *query;
	directory_entry_fn *fn;
	void *ctx;
	struct verdict *verdict;
	struct arena mem;
};

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
	while ((more = next_attr(raw, &name, &values)) == 1) {
		int slot = fill_slot(fill, name.data, name.len);

		if (slot < 0)
			continue;
		while (next_value(&values, &value))
			fill_value(fill, slot, value.data, value.len);
		if (tlv_len(values)) {
			more = -1;
			break;
		}
	}
	if (more < 0)
		err_set(&why, ERR_PROTOCOL, "the entry \"%.150s\" can not be read", raw->dn.data);
	if (why.kind || fill_finish(fill, raw->dn.data, raw->dn.len, reader->dir->membership,
				    &entry, &why)) {
		verdict_spoil(reader->verdict, "%s", why.text);
		return 0;
	}
	if (reader->several && seen_ids_add(&reader->seen, entry.id))
		return 0;
	reader->verdict->count++;
	return reader->fn(reader->ctx, &entry, err);
}

/* Narrow a search to one person. Returns false when the DN lies outside. */
static bool narrow_search(struct people_reader *reader, const struct config_search *config,
			  struct search *search)
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

static int search_people(struct people_reader *reader, const struct config_search *config,
			 struct err *err)
{
	struct search search = {
		.dir = reader->dir,
		.base = config->base,
		.filter = config->filter ? config->filter : "(objectClass=*)",
		.scope = ldap_scope(config->scope),
		.attrs = reader->attrs,
		.ahead_max = PEOPLE_AHEAD_MAX,
		.fn = take_person,
		.ctx = reader,
		.verdict = reader->verdict,
	};
	size_t reasons = reader->verdict->reason_count;

	if (reader->query && !narrow_search(reader, config, &search))
		return 0;
	if (run_search(&search, err))
		return -1;
	/* Active Directory answers an account without rights with nobody, and success. */
	if (!reader->query && search.found == 0 && reader->verdict->reason_count == reasons)
		verdict_spoil(reader->verdict,
			      "the search below \"%.80s\" found nobody; may the account read there?",
			      config->base);
	return 0;
}

static int read_all(struct people_reader *reader, const struct layout *layout, struct err *err)
{
	const struct config_searches *searches = &reader->dir->config->directory.people;
	const struct config *config = reader->dir->config;
	int ret = 0;

	if (ldap_directory_connect(reader->dir, err))
		return -1;
	reader->fill = mem_alloc(sizeof(*reader->fill));
	fill_init(reader->fill, layout, config->directory.id_attribute, reader->dir->membership);
	reader->attrs = fill_names(reader->fill, &reader->mem);
	reader->several = searches->count > 1;
	for (unsigned i = 0; ret == 0 && i < searches->count; i++)
		ret = search_people(reader, &searches->items[i], err);
	seen_ids_release(&reader->seen);
	fill_release(reader->fill);
	mem_free(reader->fill);
	return ret;
}

static int read_people(struct directory *base, const struct layout *layout,
		       directory_entry_fn *fn, void *ctx, struct verdict *verdict,
		       struct err *err)
{
	struct people_reader reader = { .dir = (struct ldap_directory *)base, .fn = fn,
					.ctx = ctx, .verdict = verdict };
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

/* --- open and close ---------------------------------------------------------------------- */

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
	arena_release(&dir->scratch);
	mem_free(dir);
}

static const struct directory_ops ldap_ops = {
	.kind = "ldap",
	.read_groups = read_groups,
	.read_people = read_people,
	.read_person = read_person,
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
	else if (!memmem(text.data, text.len, begin, sizeof(begin) - 1))
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
