#include "bridge/tenant/scim.h"

#include <stdio.h>
#include <string.h>

#include "scim/base/json.h"

#include "scim/base/banned.h"

/* A list that ends nowhere, or whose pages have one resource each, is given up here. */
#define PAGES_MAX 1000000

/* So much every service gives at a time. */
#define SMALL_PAGE 25

static void ask(struct page_list *list);

static unsigned page_size(const struct service *s)
{
	unsigned most = s->profile.page_max;

	return most && most < s->set.page_size ? most : s->set.page_size;
}

static int take(void *ctx, struct slice resource, struct err *err)
{
	struct page_list *list = ctx;
	bool again = false;

	if (list->each(list->ctx, resource, &again, err))
		return -1;
	list->page_met++;
	list->page_seen += !again;
	return 0;
}

/* RFC 9865 section 2: the cursor of the next page, absent on the last one. */
static const char *next_cursor(struct page_list *list, struct slice body)
{
	struct err ignored = ERR_INIT;
	struct slice key, cursor = { 0 };
	struct json_in in;

	json_open(&in, body.data, body.len, "", &list->mem, &ignored);
	if (json_peek(&in) != JSON_IN_OBJECT)
		return NULL;
	while (json_object_next(&in, &key)) {
		if (service_key(key, "nextCursor"))
			json_opt_text(&in, &cursor);
		else
			json_skip(&in);
	}
	return cursor.len ? arena_strndup(&list->mem, cursor.data, cursor.len) : NULL;
}

/*
 * An empty page ends a list, and so does what completes the total; a total that is just the
 * length of the page may be nothing else (peers: totalResults equals page length).
 */
static bool ended(const struct page_list *list, const struct scim_list *page)
{
	const struct service *s = list->service;
	bool doubt = s->profile.total_is_page ||
		     (!s->profile.probed && page->total_results == (int64_t)list->page_met);

	if (!list->page_met || list->page == PAGES_MAX)
		return true;
	/* Nothing new came: the service does not page, or turns in a circle. */
	if (!list->page_seen)
		return true;
	return !doubt && page->total_results >= 0 &&
	       list->seen >= (uint64_t)page->total_results;
}

static void judge(struct page_list *list, const struct scim_list *page)
{
	bool total_true = !list->service->profile.total_is_page && list->total >= 0 &&
			  (list->page == 1 || page->total_results == list->total ||
			   (uint64_t)list->total > list->seen);

	if (list->page == PAGES_MAX)
		verdict_spoil(list->verdict, "%s: more than %d pages", list->what, PAGES_MAX);
	else if (total_true && list->seen < (uint64_t)list->total)
		verdict_spoil(list->verdict, "%s: %llu came of %lld; if the service pages its own "
			      "way, dirbridge check --online --probe finds out", list->what,
			      (unsigned long long)list->seen, (long long)list->total);
	else if (list->met > list->seen && list->seen != (uint64_t)list->total)
		verdict_spoil(list->verdict, "%s: an id came twice", list->what);
}

/*
 * A second page that is empty though there should be more: startIndex may be the number of
 * the page. When that does not bring anything new either, it is not.
 */
static bool count_pages(struct page_list *list)
{
	struct service *s = list->service;

	if (list->page != 2 || s->profile.probed || list->total <= (int64_t)list->seen)
		return false;
	if (s->profile.paging == PAGE_INDEX && !list->page_met && !list->counted) {
		list->counted = true;
		s->profile.paging = PAGE_NUMBER;
		return true;
	}
	if (s->profile.paging == PAGE_NUMBER && list->counted && !list->page_seen)
		s->profile.paging = PAGE_INDEX;
	return false;
}

static void take_page(struct page_list *list, const struct service_answer *answer)
{
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct scim_list page;
	char text[ERR_FORMAT_MAX];

	list->page_met = list->page_seen = 0;
	if (scim_list_read(answer->body.data, answer->body.len, "", &mem, take, list, &page,
			   &err)) {
		service_err(&list->err, list->op, answer->correlation_id, ERR_PROTOCOL,
			    err_format(&err, text, sizeof(text)));
		arena_release(&mem);
		return;
	}
	arena_release(&mem);
	list->met += list->page_met;
	list->seen += list->page_seen;
	if (list->page == 1)
		list->total = page.total_results;
	list->cursor = NULL;
	/* Only a service that pages so tells one; then it may take nothing else. */
	if (list->page == 1 || list->service->profile.paging == PAGE_CURSOR)
		list->cursor = next_cursor(list, answer->body);
	if (list->cursor)
		list->service->profile.paging = PAGE_CURSOR;
	if (count_pages(list)) {
		ask(list);
		return;
	}
	if (list->service->profile.paging == PAGE_CURSOR ? !list->cursor : ended(list, &page)) {
		judge(list, &page);
		return;
	}
	list->page++;
	ask(list);
}

/*
 * Refused at the first page without a probe: what some services want otherwise. Each is
 * tried once.
 */
static bool ask_otherwise(struct page_list *list, const struct service_answer *answer)
{
	struct service *s = list->service;

	if (list->page != 1 || s->profile.probed)
		return false;
	if (answer->status == 404 && !s->profile.lower_paths) {
		s->profile.lower_paths = true; /* "/users" */
		return true;
	}
	/* "Page size above 25 may be 429": and so it is for as long as one asks. */
	if (answer->status == 429 && page_size(s) > SMALL_PAGE) {
		s->profile.page_max = SMALL_PAGE;
		return true;
	}
	if (answer->status == 400 && list->op == API_STD_GROUPS && !s->profile.group_filter) {
		s->profile.group_filter = true;
		return true;
	}
	if (answer->status == 404)
		s->profile.lower_paths = false;
	return false;
}

static void page_done(void *ctx, const struct service_answer *answer)
{
	struct page_list *list = ctx;

	list->status = answer->status;
	if (service_ok(answer)) {
		take_page(list, answer);
	} else if (ask_otherwise(list, answer)) {
		ask(list);
	} else {
		list->err = answer->err;
	}
}

static void ask(struct page_list *list)
{
	struct service *s = list->service;
	struct service_request request = service_request(list->op);
	unsigned size = page_size(s);
	struct buf query;

	buf_init(&query, 64u << 10);
	buf_addch(&query, '?');
	if (s->profile.paging == PAGE_CURSOR) {
		buf_addstr(&query, "cursor=");
		if (list->cursor)
			buf_addurl(&query, list->cursor, strlen(list->cursor));
	} else {
		buf_addf(&query, "startIndex=%llu",
			 (unsigned long long)(s->profile.paging == PAGE_NUMBER ? list->page
									       : list->seen + 1));
	}
	buf_addf(&query, "&count=%u%s%s", size, list->query ? list->query : "",
		 list->op == API_STD_GROUPS && s->profile.group_filter ?
			 "&filter=displayName%20pr" : "");
	request.query = query.data;
	request.done = page_done;
	request.ctx = list;
	service_start(s, &request);
	buf_release(&query);
}

void page_list_read(struct service *service, struct page_list *list)
{
	list->service = service;
	list->page = 1;
	list->total = -1;
	arena_init(&list->mem);
	ask(list);
	service_wait(service);
	arena_release(&list->mem);
}
