#include "bridge/directory/ldap_changes.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <unistd.h>

#include "bridge/log.h"

#include "scim/base/banned.h"

/* Entries worked on before the connection is looked at again. */
#define PEOPLE_AT_ONCE 32
/* A server that sends cookies and no entries would keep us for ever. */
#define EMPTY_PAGES_MAX 1000

/* How often a search is made whose connection is lost. */
#define ATTEMPTS_MAX 3
/* Before the second attempt on the only server there is; four times that before the third. */
#define AGAIN_WAIT_US 200000

/* --- asking ------------------------------------------------------------------------------ */

static void stop_asking(struct ldap_search *search)
{
	if (search->message >= 0 && search->dir->ld)
		ldap_abandon_ext(search->dir->ld, search->message, NULL, NULL);
	search->message = -1;
}

/* The search can not go on, but another attempt may do better. The first reason counts. */
__attribute__((format(printf, 3, 4)))
static void lose(struct ldap_search *search, enum err_kind kind, const char *fmt, ...)
{
	va_list args;

	stop_asking(search);
	if (search->lost)
		return;
	search->lost = kind;
	va_start(args, fmt);
	vsnprintf(search->lost_why, sizeof(search->lost_why), fmt, args);
	va_end(args);
}

static int ask_page(struct ldap_search *search, struct err *err)
{
	LDAP *ld = search->dir->ld;
	LDAPControl page = { 0 }, *controls[2] = { NULL, NULL };
	unsigned size = search->dir->config->directory.page_size;
	char said[200];
	int code;

	if (search->control) {
		controls[0] = search->control;
	} else if (size) {
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
	ldap_explain_result(code, NULL, said, sizeof(said));
	if (code == LDAP_FILTER_ERROR)
		return err_at(err, ERR_INVALID, search->dir->uri, 0, 0,
			      "the search below \"%.80s\" could not be sent: %s", search->base,
			      said);
	lose(search, ERR_NET, "the next request could not be sent: %s", said);
	return 0;
}

/* --- answers that are no entries --------------------------------------------------------- */

static void take_reference(struct ldap_search *search, LDAPMessage *message)
{
	char **urls = NULL;

	if (ldap_parse_reference(search->dir->ld, message, &urls, NULL, 0) != LDAP_SUCCESS ||
	    !urls || !urls[0])
		verdict_spoil(search->verdict, "the server sent a reference that can not be read");
	else if (ldap_follow_note(search, urls))
		return;
	ber_memvfree((void **)urls);
}

static void spoil_result(struct ldap_search *search, int code, const char *diagnostic)
{
	char said[200];

	ldap_explain_result(code, diagnostic, said, sizeof(said));
	switch (code) {
	case LDAP_BUSY:
	case LDAP_UNAVAILABLE:
		lose(search, ERR_BUSY, "%.150s", said);
		break;
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

static bool asks_pages(const struct ldap_search *search)
{
	return search->dir->config->directory.page_size && !search->control;
}

/* The cookie for the next page; false when there is no next page. */
static bool take_cookie(struct ldap_search *search, LDAPControl **controls)
{
	LDAPControl *control = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
	bool had_cookie = search->cookie.bv_val != NULL;
	ber_int_t total;

	ber_memfree(search->cookie.bv_val);
	search->cookie = (struct berval){ 0 };
	if (!control) {
		if (had_cookie || search->paged || (search->dir->pages && asks_pages(search)))
			verdict_spoil(search->verdict,
				      "the server stopped paging the search below \"%.60s\"",
				      search->base);
		return false;
	}
	search->paged = true;
	search->dir->pages = true;
	/* libldap follows a null pointer when there is no value. */
	if (control->ldctl_value.bv_len == 0 || ldap_parse_pageresponse_control(search->dir->ld, control, &total, &search->cookie)) {
		verdict_spoil(search->verdict,
			      "the server's page control can not be read, below \"%.60s\"",
			      search->base);
		return false;
	}
	return search->cookie.bv_len > 0;
}

/* The end of a page: ask for the next one at once. */
static int take_done(struct ldap_search *search, LDAPMessage *message, struct err *err)
{
	LDAPControl **controls = NULL;
	char *diagnostic = NULL, **urls = NULL;
	int code = LDAP_OTHER, ret = 0;

	search->message = -1;
	if (ldap_parse_result(search->dir->ld, message, &code, NULL, &diagnostic, &urls, &controls,
			      0) != LDAP_SUCCESS)
		code = LDAP_DECODING_ERROR;
	if (search->hooks && search->hooks->done &&
	    search->hooks->done(search->ctx, code, diagnostic, controls)) {
		ber_memvfree((void **)urls);
		ldap_memfree(diagnostic);
		ldap_controls_free(controls);
		return 0;
	}
	if ((code == LDAP_NO_SUCH_OBJECT && (search->missing_base_is_none || search->beyond)) ||
	    ((code == LDAP_INSUFFICIENT_ACCESS || code == LDAP_REFERRAL) && search->beyond))
		code = LDAP_SUCCESS;
	else if (code == LDAP_REFERRAL && urls && urls[0])
		urls = ldap_follow_note(search, urls) ? NULL : urls;
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
	ber_memvfree((void **)urls);
	ldap_memfree(diagnostic);
	ldap_controls_free(controls);
	return ret;
}

/* Nothing came. */
static void take_silence(struct ldap_search *search, int type)
{
	int code = LDAP_OTHER;

	ldap_get_option(search->dir->ld, LDAP_OPT_RESULT_CODE, &code);
	if (type == 0)
		lose(search, ERR_TIMEOUT, "no answer within %u s",
		     search->dir->config->directory.timeout_s);
	else
		lose(search, ERR_NET, "the connection was lost: %s", ldap_err2string(code));
}

/* --- entries ----------------------------------------------------------------------------- */

static int take_info(struct ldap_search *search, LDAPMessage *message, struct err *err)
{
	struct berval *value = NULL;
	char *oid = NULL;
	int ret = 0;

	if (ldap_parse_intermediate(search->dir->ld, message, &oid, &value, NULL, 0))
		verdict_spoil(search->verdict, "the server sent a message that can not be read");
	else if (search->hooks && search->hooks->info)
		ret = search->hooks->info(search->ctx, oid ? oid : "",
					  value ? slice_of(value->bv_val, value->bv_len)
						: slice_of(NULL, 0),
					  err);
	ldap_memfree(oid);
	ber_bvfree(value);
	return ret;
}

/* An attribute came in part: the entry again, with the rest or with why not. */
static int take_part(struct ldap_search *search, LDAPMessage *message, struct raw_entry entry,
		     struct err *err)
{
	struct ldap_directory *dir = search->dir;
	char why[RANGE_WHY_MAX];
	BerElement *attrs, *whole;
	struct berval dn;
	struct buf bytes;
	bool lost;
	int ret;

	if (search->lost)
		return 0;
	buf_init(&bytes, LDAP_MESSAGE_BYTES_MAX);
	/* Their first reading is used up. */
	if (ldap_get_dn_ber(dir->ld, message, &attrs, &dn) != LDAP_SUCCESS)
		return 0;
	whole = ldap_range_read(dir, entry.dn.data, attrs, &bytes, why, &lost);
	ber_free(attrs, 0);
	entry.attrs = whole;
	if (!whole && lost) {
		lose(search, ERR_NET, "%.200s", why);
		buf_release(&bytes);
		return 0;
	}
	if (!whole) {
		entry.partial = why;
		ldap_get_dn_ber(dir->ld, message, &entry.attrs, &dn);
	}
	ret = search->fn(search->ctx, &entry, err);
	ber_free(entry.attrs, 0);
	buf_release(&bytes);
	return ret;
}

static int take_entry(struct ldap_search *search, LDAPMessage *message, struct err *err)
{
	struct ldap_directory *dir = search->dir;
	struct raw_entry entry = { 0 };
	struct berval dn;
	int ret;

	if (ldap_msgtype(message) == LDAP_RES_INTERMEDIATE)
		return take_info(search, message, err);
	if (ldap_get_dn_ber(dir->ld, message, &entry.attrs, &dn) != LDAP_SUCCESS) {
		verdict_spoil(search->verdict, "the server sent an entry that can not be read");
		return 0;
	}
	arena_reset(&search->scratch);
	entry.dn = slice_of(arena_strndup(&search->scratch, dn.bv_val, dn.bv_len), dn.bv_len);
	if (search->control)
		ldap_get_entry_controls(dir->ld, message, &entry.controls);
	ret = search->fn(search->ctx, &entry, err);
	ber_free(entry.attrs, 0);
	if (ret == RAW_ENTRY_PART)
		ret = take_part(search, message, entry, err);
	ldap_controls_free(entry.controls);
	return ret;
}

int raw_entry_attr(const struct raw_entry *entry, struct slice *ret_name,
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

/*
 * Does the page that begins with `message` begin like the one before? A server that forgets
 * how far it was would keep us for ever.
 */
static bool is_page_again(struct ldap_search *search, LDAPMessage *message)
{
	BerElement *ber = NULL;
	struct berval dn = { 0 };
	bool again;

	if (ldap_get_dn_ber(search->dir->ld, message, &ber, &dn) != LDAP_SUCCESS)
		return false;
	again = search->page_dn.data && slice_eq(search->page_dn, slice_of(dn.bv_val, dn.bv_len));
	if (!again) {
		char *copy = mem_alloc(dn.bv_len + 1);

		memcpy(copy, dn.bv_val, dn.bv_len);
		mem_free((void *)(uintptr_t)search->page_dn.data);
		search->page_dn = slice_of(copy, dn.bv_len);
	}
	ber_free(ber, 0);
	return again;
}

static void hold_entry(struct ldap_search *search, LDAPMessage *message)
{
	if (search->page_empty && is_page_again(search, message)) {
		verdict_spoil(search->verdict,
			      "the server sends a page again, below \"%.60s\"", search->base);
		stop_asking(search);
		ldap_msgfree(message);
		return;
	}
	search->found++;
	search->page_empty = false;
	vec_push(&search->ahead, message);
}

/* --- one search -------------------------------------------------------------------------- */

/*
 * Take one message, waiting for it or not. Returns 1, 0 when none was there, -1 when the
 * read is over with *err.
 */
static int pull(struct ldap_search *search, bool block, struct err *err)
{
	struct ldap_directory *dir = search->dir;
	struct timeval wait = { .tv_sec = block ? dir->config->directory.timeout_s : 0 };
	LDAPMessage *message = NULL;
	int type = ldap_result(dir->ld, search->message, LDAP_MSG_ONE, &wait, &message);
	int ret = 0;

	if (type == LDAP_RES_SEARCH_ENTRY) {
		hold_entry(search, message);
		return 1;
	}
	if (type == LDAP_RES_INTERMEDIATE) {
		vec_push(&search->ahead, message);
		return 1;
	}
	if (type == 0 && !block)
		return 0;
	if (type <= 0)
		take_silence(search, type);
	else if (type == LDAP_RES_SEARCH_REFERENCE)
		take_reference(search, message);
	else if (type == LDAP_RES_SEARCH_RESULT)
		ret = take_done(search, message, err);
	ldap_msgfree(message);
	return ret ? -1 : 1;
}

/* Keep the connection empty, so that the server never waits for us. */
static int pull_all(struct ldap_search *search, struct err *err)
{
	int got = 1;

	if (search->ahead.count == search->first && search->message >= 0)
		got = pull(search, true, err);
	while (got == 1 && search->message >= 0 &&
	       search->ahead.count - search->first < search->ahead_max)
		got = pull(search, false, err);
	return got < 0 ? -1 : 0;
}

static int work_some(struct ldap_search *search, struct err *err)
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

static void end_search(struct ldap_search *search)
{
	stop_asking(search);
	while (search->first < search->ahead.count)
		ldap_msgfree(search->ahead.items[search->first++]);
	ber_memfree(search->cookie.bv_val);
	mem_free((void *)(uintptr_t)search->page_dn.data);
	vec_release(&search->ahead);
	arena_release(&search->scratch);
	search->first = 0;
	search->cookie = (struct berval){ 0 };
	search->page_dn = slice_of(NULL, 0);
}

static void forget_references(struct ldap_search *search)
{
	for (size_t i = 0; i < search->references.count; i++)
		ber_memvfree((void **)search->references.items[i]);
	vec_release(&search->references);
}

/* Not even one entry came of all that is read: there is nothing to tell a verdict of. */
static bool is_no_read(const struct ldap_search *search)
{
	return search->hops == 0 && search->found == 0 && search->verdict->count == 0;
}

/* From the beginning to an end of any kind. Returns -1 with *err, or 0 and maybe `lost`. */
static int search_once(struct ldap_search *search, struct err *err)
{
	struct err why = ERR_INIT;
	int ret;

	forget_references(search);
	search->message = -1;
	search->page_empty = true;
	search->paged = false;
	search->found = 0;
	search->empty_pages = 0;
	search->lost = ERR_NONE;
	if (search->begin)
		search->begin(search->ctx);
	ret = ask_page(search, err);
	while (ret == 0 && (search->message >= 0 || search->ahead.count > search->first)) {
		if (pull_all(search, &why)) {
			if (is_no_read(search)) {
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

/* No further attempt. Without even one entry it is no read at all. */
static int give_up(struct ldap_search *search, struct err *err)
{
	if (search->lost != ERR_BUSY && is_no_read(search))
		return err_at(err, search->lost, search->dir->uri, 0, 0, "%s", search->lost_why);
	if (search->lost == ERR_BUSY)
		verdict_spoil(search->verdict,
			      "the search below \"%.60s\" ended after %zu entries: %s",
			      search->base, search->found, search->lost_why);
	else
		verdict_spoil(search->verdict, "%s, after %zu entries below \"%.60s\"",
			      search->lost_why, search->found, search->base);
	return 0;
}

static bool may_repeat(const struct ldap_search *search)
{
	return search->repeat == REPEAT_ALWAYS ||
	       (search->repeat == REPEAT_UNTOUCHED && search->found == 0);
}

/* Connect once more, to another server where there is one. */
static bool connect_again(struct ldap_search *search, unsigned attempt)
{
	struct ldap_directory *dir = search->dir;
	struct err why = ERR_INIT;
	size_t used = strlen(search->lost_why);

	log_line(LOG_WARN, "%s: %s, after %zu entries below \"%.60s\"; this search begins again",
		 dir->uri, search->lost_why, search->found, search->base);
	/* Cookies of two connections, maybe of two servers, are no mark to begin from. */
	if (dir->changes)
		ldap_changes_refuse(dir->changes, "the connection was lost in the middle");
	if (ldap_directory_count(dir) == 1)
		usleep(attempt == 1 ? AGAIN_WAIT_US : 4 * AGAIN_WAIT_US);
	if (ldap_directory_reconnect(dir, &why) == 0)
		return true;
	snprintf(search->lost_why + used, sizeof(search->lost_why) - used, " (then: %.120s)",
		 why.text);
	return false;
}

/* With all attempts that it takes. */
static int search_main(struct ldap_search *search, struct err *err)
{
	struct verdict before = *search->verdict;

	for (unsigned attempt = 1;; attempt++) {
		int ret = search_once(search, err);

		if (ret || !search->lost)
			return ret;
		if (attempt == ATTEMPTS_MAX || !may_repeat(search) ||
		    !connect_again(search, attempt))
			return give_up(search, err);
		/* What was wrong with that attempt is not wrong with the next. */
		*search->verdict = before;
	}
}

int ldap_search_run(struct ldap_search *search, struct err *err)
{
	int ret = search_main(search, err);

	if (ret == 0 && search->references.count)
		ret = ldap_follow(search, err);
	forget_references(search);
	return ret;
}

int ldap_search_send(struct ldap_search *search, struct err *err)
{
	search->message = -1;
	if (ask_page(search, err))
		return -1;
	return search->lost ? err_at(err, search->lost, search->dir->uri, 0, 0, "%s",
				     search->lost_why)
			    : 0;
}

int ldap_search_take(struct ldap_search *search, LDAPMessage *message, struct err *err)
{
	return take_entry(search, message, err);
}

void ldap_search_stop(struct ldap_search *search)
{
	stop_asking(search);
	arena_release(&search->scratch);
}

int ldap_search_scope(enum config_scope scope)
{
	return scope == SCOPE_SUB ? LDAP_SCOPE_SUBTREE
	       : scope == SCOPE_ONE ? LDAP_SCOPE_ONELEVEL : LDAP_SCOPE_BASE;
}
