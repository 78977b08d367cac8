#include "bridge/tenant/genesys.h"

#include <assert.h>
#include <string.h>

#include "scim/base/json.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

/* A list that never ends is the tenant's fault: 10 million people are 20,000 pages. */
#define PAGES_MAX 20000

/* 100 ids of 36 characters are 4,000 bytes; 100 addresses in a body up to 64,000. */
#define QUERY_BYTES_MAX (32u << 10)
#define BODY_BYTES_MAX (256u << 10)
#define CURSOR_BYTES_MAX 2048

struct page {
	struct page_set *set;
	struct page *next;
	uint64_t number; /* from 1 */
	bool answered;
	char *body;      /* kept until its turn */
	size_t len;
	char correlation_id[64];
};

/* What a page says about itself; -1 = not told. */
struct page_words {
	int64_t total, number, size;
	bool entities;
	uint64_t count, again;
	struct slice cursor, next_uri;
};

static void ask(struct page_set *set);

static void page_free(struct page *page)
{
	mem_free(page->body);
	mem_free(page);
}

static int read_entities(struct page_set *set, struct json_in *in, struct page_words *words,
			 struct err *err)
{
	while (json_array_next(in)) {
		bool again = false;

		if (json_peek(in) != JSON_IN_OBJECT)
			return err_set(err, ERR_PROTOCOL, "an entity is no object");
		if (set->entity(set->ctx, in, &again, err))
			return -1;
		words->count++;
		words->again += again;
	}
	return 0;
}

static void read_number(struct json_in *in, int64_t *ret)
{
	if (json_peek(in) == JSON_IN_NULL)
		json_skip(in);
	else
		json_get_int(in, ret);
}

static int read_words(struct page_set *set, const struct page *page, struct arena *mem,
		      struct page_words *words, struct err *err)
{
	struct json_in in;
	struct slice key;

	json_open(&in, page->body ? page->body : "", page->len, "", mem, err);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, set->list ? set->list : "entities")) {
			words->entities = true;
			if (read_entities(set, &in, words, err))
				return -1;
		} else if (slice_eq_str(key, "total")) {
			read_number(&in, &words->total);
		} else if (slice_eq_str(key, "pageNumber")) {
			read_number(&in, &words->number);
		} else if (slice_eq_str(key, "pageSize")) {
			read_number(&in, &words->size);
		} else if (set->cursor && slice_eq_str(key, "cursor")) {
			json_opt_text(&in, &words->cursor);
		} else if (set->cursor && slice_eq_str(key, "nextUri")) {
			json_opt_text(&in, &words->next_uri);
		} else {
			json_skip(&in);
		}
	}
	return json_close(&in);
}

static void spoil(struct page_set *set, const char *text, int64_t a, int64_t b)
{
	set->spoilt = true;
	verdict_spoil(set->verdict, "%s: %s (%lld, expected %lld)", set->what, text,
		      (long long)a, (long long)b);
}

/* The first page tells how many there are. */
static void learn_total(struct page_set *set, const struct page_words *words)
{
	uint64_t total;

	set->told = set->total < 0 && words->total >= 0;
	if (set->told)
		set->total = words->total;
	if (set->total < 0)
		return;
	/* A service may give fewer a page than it was asked for. */
	if (words->size > 0 && words->size < set->size && words->count &&
	    (int64_t)words->count < set->total)
		set->size = (unsigned)words->size;
	total = (uint64_t)set->total;
	if (set->items_max && total > set->items_max && set->stop_at_max) {
		set->too_long = true;
	} else if (set->items_max && total > set->items_max) {
		set->spoilt = true;
		verdict_spoil(set->verdict, "%s: there are %lld, only %llu can be listed",
			      set->what, (long long)total,
			      (unsigned long long)set->items_max);
		total = set->items_max;
	}
	set->pages = (total + set->size - 1) / set->size;
	if (!set->pages)
		set->pages = 1;
}

static void check_page(struct page_set *set, const struct page *page,
		       const struct page_words *words)
{
	uint64_t before = (page->number - 1) * set->size, expected;

	if (words->number >= 0 && (uint64_t)words->number != page->number)
		spoil(set, "another page came than was asked for", words->number,
		      (int64_t)page->number);
	if (words->again)
		spoil(set, "ids came twice", (int64_t)words->again, 0);
	if (!set->told || set->cursor)
		return;
	if (words->total >= 0 && words->total != set->total)
		spoil(set, "the total changed while it was read", words->total, set->total);
	expected = (uint64_t)set->total - before;
	if (expected > set->size)
		expected = set->size;
	if (words->count != expected)
		spoil(set, "a page holds another number of entries", (int64_t)words->count,
		      (int64_t)expected);
}

static struct slice query_value(struct slice uri, const char *name)
{
	size_t len = strlen(name);
	const char *at = uri.len ? uri.data : "", *end = at + uri.len;

	while (at < end) {
		const char *part = at, *stop;

		stop = memchr(part, '&', (size_t)(end - part));
		stop = stop ? stop : end;
		at = memchr(part, '?', (size_t)(stop - part));
		part = at ? at + 1 : part;
		if ((size_t)(stop - part) > len && !memcmp(part, name, len) && part[len] == '=')
			return slice_of(part + len + 1, (size_t)(stop - part) - len - 1);
		at = stop + 1;
	}
	return slice_of(NULL, 0);
}

/*
 * The next page is named by a member of its own, or by a parameter of nextUri, which is
 * percent-encoded already. The address itself is not followed: it might lead elsewhere.
 */
static void follow_cursor(struct page_set *set, const struct page_words *words,
			  struct err *err)
{
	struct slice in_uri = query_value(words->next_uri, set->cursor);
	struct buf next;

	buf_init(&next, CURSOR_BYTES_MAX);
	if (words->cursor.len)
		buf_addurl(&next, words->cursor.data, words->cursor.len);
	else
		buf_add(&next, in_uri.data ? in_uri.data : "", in_uri.len);
	for (size_t i = 0; i < next.len; i++)
		if (next.data[i] <= ' ' || next.data[i] > '~' || next.data[i] == '#' ||
		    next.data[i] == '&')
			err_set(err, ERR_PROTOCOL, "no cursor can look like that of the next page");
	if (buf_failed(&next))
		err_set(err, ERR_LIMIT, "the cursor of the next page is longer than %d bytes",
			CURSOR_BYTES_MAX);
	else if (next.len && set->at && !strcmp(set->at, next.data))
		err_set(err, ERR_PROTOCOL, "the cursor of the next page is that of this one");
	set->ended = err->kind || !next.len || !words->count;
	set->pages += !set->ended;
	mem_free(set->at);
	set->at = set->ended ? NULL : mem_strdup(next.data);
	buf_release(&next);
}

/* Whether the list goes on after this page when no total leads. */
static void decide_end(struct page_set *set, const struct page *page,
		       const struct page_words *words, struct err *err)
{
	if (set->cursor) {
		follow_cursor(set, words, err);
		return;
	}
	if (set->told) {
		set->ended = page->number == set->pages || set->too_long;
		return;
	}
	/* A total from elsewhere (a queue's memberCount) saves asking for an empty page. */
	if (set->total >= 0 && page->number >= set->pages &&
	    set->seen == (uint64_t)set->total) {
		set->ended = true;
		return;
	}
	if (words->count && words->again == words->count)
		err_set(err, ERR_PROTOCOL, "page %llu repeats the ones before it",
			(unsigned long long)page->number);
	if (!words->count && page->number >= set->pages)
		set->ended = true;
	if (page->number >= set->pages)
		set->pages = set->ended ? set->pages : page->number + 1;
}

static int take_page(struct page_set *set, const struct page *page, struct err *err)
{
	struct page_words words = { .total = -1, .number = -1, .size = -1 };
	struct arena mem = ARENA_INIT;
	struct err broken = ERR_INIT;
	char text[ERR_FORMAT_MAX];

	if (read_words(set, page, &mem, &words, &broken))
		goto bad;
	if (!words.entities) {
		err_set(&broken, ERR_PROTOCOL, "the answer has no \"%s\"",
			set->list ? set->list : "entities");
		goto bad;
	}
	set->seen += words.count - words.again;
	if (page->number == 1)
		learn_total(set, &words);
	check_page(set, page, &words);
	decide_end(set, page, &words, &broken);
	if (broken.kind)
		goto bad;
	arena_release(&mem);
	return 0;
bad:
	arena_release(&mem);
	err_format(&broken, text, sizeof(text));
	return genesys_err(err, set->op, page->correlation_id, ERR_PROTOCOL, text);
}

static void set_fail(struct page_set *set, const struct err *err)
{
	if (!set->err.kind)
		set->err = *err;
	set->ended = true;
}

/* Hand out what is there in order, then ask for more. */
static void advance(struct page_set *set)
{
	while (set->first && set->first->answered) {
		struct page *page = set->first;

		set->first = page->next;
		if (!set->first)
			set->last = NULL;
		if (!set->ended)
			take_page(set, page, &set->err);
		if (set->err.kind)
			set->ended = true;
		page_free(page);
		if (set->g->base.progress && set->total > 0)
			set->g->base.progress(set->g->base.progress_ctx, set->what, set->seen,
					      (uint64_t)set->total);
	}
	ask(set);
}

static void page_done(void *ctx, const struct genesys_answer *answer)
{
	struct page *page = ctx;

	page->answered = true;
	memcpy(page->correlation_id, answer->correlation_id, sizeof(page->correlation_id));
	if (genesys_ok(answer)) {
		page->len = answer->body.len;
		page->body = mem_alloc(page->len + 1);
		memcpy(page->body, answer->body.data ? answer->body.data : "", page->len);
	} else {
		set_fail(page->set, &answer->err);
	}
	advance(page->set);
}

static void add_place(struct page_set *set, uint64_t number, struct buf *query,
		      struct buf *body)
{
	if (set->body)
		buf_addf(body, "%s,\"pageSize\":%u,\"pageNumber\":%llu}", set->body, set->size,
			 (unsigned long long)number);
	else if (!set->cursor)
		buf_addf(query, "?pageSize=%u&pageNumber=%llu%s", set->size,
			 (unsigned long long)number, set->query ? set->query : "");
	else
		buf_addf(query, "?pageSize=%u%s%s%s%s%s", set->size, set->at ? "&" : "",
			 set->at ? set->cursor : "", set->at ? "=" : "", set->at ? set->at : "",
			 set->query ? set->query : "");
	assert(!buf_failed(query) && !buf_failed(body));
}

static void ask_page(struct page_set *set, uint64_t number)
{
	struct genesys_request request = genesys_request(set->op);
	struct page *page = mem_zalloc(sizeof(*page));
	struct buf query, body;

	page->set = set;
	page->number = number;
	if (set->last)
		set->last->next = page;
	else
		set->first = page;
	set->last = page;
	buf_init(&query, QUERY_BYTES_MAX);
	buf_init(&body, BODY_BYTES_MAX);
	add_place(set, number, &query, &body);
	request.path_ids[0] = set->path_id;
	if (set->body) {
		request.body = slice_of(body.data, body.len);
		request.content_type = "application/json";
	} else {
		request.query = query.data;
	}
	request.done = page_done;
	request.ctx = page;
	genesys_start(set->g, &request);
	buf_release(&query);
	buf_release(&body);
}

/*
 * At most twice as many pages are out or kept as may be in flight, so that a slow first
 * one does not make us hold the whole list.
 */
static void ask(struct page_set *set)
{
	uint64_t out = 0;

	for (const struct page *page = set->first; page; page = page->next)
		out++;
	while (!set->ended && set->next <= set->pages && out < 2 * set->g->set.in_flight) {
		if (set->next > PAGES_MAX) {
			struct err err = ERR_INIT;

			genesys_err(&err, set->op, NULL, ERR_LIMIT, "the list does not end");
			set_fail(set, &err);
			return;
		}
		ask_page(set, set->next++);
		out++;
	}
}

void page_sets_read(struct genesys *g, struct page_set *sets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct page_set *set = &sets[i];

		set->g = g;
		set->err = (struct err)ERR_INIT;
		set->next = set->pages = 1;
		if (set->total > 0)
			set->pages = ((uint64_t)set->total + set->size - 1) / set->size;
		ask(set);
	}
	genesys_wait(g);
	for (size_t i = 0; i < count; i++) {
		mem_free(sets[i].at);
		sets[i].at = NULL;
	}
}
