#include "bridge/directory/sync_mark.h"

#include <string.h>

#include "scim/base/json.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

#define VERSION 1

static const char *const way_names[] = { "nothing", "syncrepl", "dirsync" };

/* --- writing ----------------------------------------------------------------------------- */

static void put_bytes(struct json_out *out, const char *key, struct slice bytes)
{
	char *text;

	json_out_key(out, key);
	if (!bytes.data) {
		json_out_null(out);
		return;
	}
	text = mem_alloc(base64_encoded_size(bytes.len) + 1);
	json_out_slice(out, slice_of(text, base64_encode(bytes.data, bytes.len, text)));
	mem_free(text);
}

static void put_search(struct json_out *out, const struct sync_mark_search *search)
{
	if (!search->read) {
		json_out_null(out);
		return;
	}
	json_out_object(out);
	json_out_member_int(out, "count", (int64_t)search->count);
	put_bytes(out, "cookie", search->cookie);
	json_out_object_end(out);
}

void sync_mark_print(const struct sync_mark *mark, struct buf *out_text)
{
	struct json_out out;

	json_out_init(&out, out_text);
	json_out_object(&out);
	json_out_member_int(&out, "version", VERSION);
	json_out_member(&out, "way", way_names[mark->way]);
	json_out_member(&out, "server", mark->server);
	json_out_member(&out, "identity", mark->identity);
	json_out_member(&out, "inputs", mark->inputs);
	json_out_key(&out, "uids");
	json_out_bool(&out, mark->uids);
	json_out_member_int(&out, "flags", mark->flags);
	json_out_member_int(&out, "usn", (int64_t)mark->usn);
	put_bytes(&out, "cookie", mark->cookie);
	json_out_key(&out, "csn");
	json_out_array(&out);
	for (size_t i = 0; i < mark->csn_count; i++)
		json_out_text(&out, mark->csns[i]);
	json_out_array_end(&out);
	json_out_key(&out, "searches");
	json_out_array(&out);
	for (size_t i = 0; i < mark->search_count; i++)
		put_search(&out, &mark->searches[i]);
	json_out_array_end(&out);
	put_bytes(&out, "groups", mark->groups);
	put_bytes(&out, "containers", mark->containers);
	json_out_object_end(&out);
}

/* --- reading ----------------------------------------------------------------------------- */

/* Names in the one order in which they are written. */
static bool expect(struct json_in *in, const char *name)
{
	struct slice key;

	if (json_object_next(in, &key) && slice_eq_str(key, name))
		return true;
	return json_fail(in, ERR_INVALID, "\"%s\" is expected", name);
}

static const char *get_text(struct json_in *in, const char *name)
{
	struct slice text;

	if (!expect(in, name) || !json_get_text(in, &text))
		return "";
	if (memchr(text.data, '\0', text.len))
		json_fail(in, ERR_INVALID, "\"%s\" is no text", name);
	return arena_strndup(in->mem, text.data, text.len);
}

static uint64_t get_count(struct json_in *in, const char *name, uint64_t max)
{
	int64_t value;

	if (!expect(in, name) || !json_get_int(in, &value))
		return 0;
	if (value < 0 || (uint64_t)value > max)
		json_fail(in, ERR_INVALID, "\"%s\" is out of range", name);
	return (uint64_t)value;
}

/* Bytes in units of `unit`, or null. */
static struct slice get_bytes(struct json_in *in, const char *name, size_t unit, size_t max)
{
	struct slice text;
	char *bytes;
	long len;

	if (!expect(in, name) || !json_opt_text(in, &text) || !text.data)
		return slice_of(NULL, 0);
	bytes = arena_bytes(in->mem, text.len + 1);
	len = base64_decode(text.data, text.len, bytes);
	if (len < 0 || (size_t)len > max || (size_t)len % unit) {
		json_fail(in, ERR_INVALID, "\"%s\" is broken", name);
		return slice_of(NULL, 0);
	}
	return slice_of(bytes, (size_t)len);
}

static void end_object(struct json_in *in)
{
	struct slice key;

	if (json_object_next(in, &key))
		json_fail(in, ERR_INVALID, "there is more than is known");
}

static void get_csns(struct json_in *in, struct sync_mark *mark)
{
	VEC(const char *) csns = { 0 };

	if (!expect(in, "csn"))
		return;
	while (json_array_next(in)) {
		struct slice text;

		if (csns.count == SYNC_MARK_CSNS_MAX)
			json_fail(in, ERR_LIMIT, "too many in \"csn\"");
		if (json_get_text(in, &text))
			vec_push(&csns, arena_strndup(in->mem, text.data, text.len));
	}
	mark->csn_count = csns.count;
	mark->csns = arena_array(in->mem, csns.count + 1, sizeof(*mark->csns));
	for (size_t i = 0; i < csns.count; i++)
		mark->csns[i] = csns.items[i];
	vec_release(&csns);
}

static void get_search(struct json_in *in, struct sync_mark_search *search)
{
	if (json_peek(in) == JSON_IN_NULL) {
		json_skip(in);
		return;
	}
	search->read = true;
	search->count = get_count(in, "count", INT64_MAX);
	search->cookie = get_bytes(in, "cookie", 1, SYNC_COOKIE_BYTES_MAX);
	end_object(in);
}

static void get_searches(struct json_in *in, struct sync_mark *mark)
{
	mark->searches = arena_array(in->mem, SYNC_MARK_SEARCHES_MAX, sizeof(*mark->searches));
	if (!expect(in, "searches"))
		return;
	while (json_array_next(in)) {
		if (mark->search_count == SYNC_MARK_SEARCHES_MAX)
			json_fail(in, ERR_LIMIT, "too many in \"searches\"");
		else
			get_search(in, &mark->searches[mark->search_count++]);
	}
}

static void get_way(struct json_in *in, struct sync_mark *mark)
{
	const char *way = get_text(in, "way");

	if (strcmp(way, way_names[SYNC_BY_SYNCREPL]) == 0)
		mark->way = SYNC_BY_SYNCREPL;
	else if (strcmp(way, way_names[SYNC_BY_DIRSYNC]) == 0)
		mark->way = SYNC_BY_DIRSYNC;
	else
		json_fail(in, ERR_INVALID, "\"way\" is not known");
}

static void check(struct json_in *in, const struct sync_mark *mark)
{
	bool dirsync = mark->way == SYNC_BY_DIRSYNC;

	if (dirsync && mark->cookie.len == 0)
		json_fail(in, ERR_INVALID, "there is no cookie");
	for (size_t i = 0; i < mark->search_count; i++) {
		if (!dirsync && mark->searches[i].read && mark->searches[i].cookie.len == 0)
			json_fail(in, ERR_INVALID, "a search has no cookie");
	}
}

int sync_mark_parse(struct arena *mem, struct slice text, struct sync_mark *ret_mark,
		    struct err *err)
{
	struct sync_mark mark = { 0 };
	struct json_in in;

	if (text.len > SYNC_MARK_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "a mark of more than %d bytes", SYNC_MARK_BYTES_MAX);
	json_open(&in, text.data ? text.data : "", text.len, "mark", mem, err);
	if (get_count(&in, "version", INT32_MAX) != VERSION)
		json_fail(&in, ERR_INVALID, "it is of another version");
	get_way(&in, &mark);
	mark.server = get_text(&in, "server");
	mark.identity = get_text(&in, "identity");
	mark.inputs = get_text(&in, "inputs");
	if (expect(&in, "uids"))
		json_get_bool(&in, &mark.uids);
	mark.flags = (uint32_t)get_count(&in, "flags", UINT32_MAX);
	mark.usn = get_count(&in, "usn", INT64_MAX);
	mark.cookie = get_bytes(&in, "cookie", 1, SYNC_COOKIE_BYTES_MAX);
	get_csns(&in, &mark);
	get_searches(&in, &mark);
	mark.groups = get_bytes(&in, "groups", SYNC_GROUP_BYTES,
				(size_t)SYNC_MARK_GROUPS_MAX * SYNC_GROUP_BYTES);
	mark.containers = get_bytes(&in, "containers", SYNC_CONTAINER_BYTES,
				    (size_t)SYNC_MARK_CONTAINERS_MAX * SYNC_CONTAINER_BYTES);
	end_object(&in);
	if (!json_failed(&in))
		check(&in, &mark);
	if (json_close(&in))
		return -1;
	*ret_mark = mark;
	return 0;
}

/* --- contextCSN -------------------------------------------------------------------------- */

/* "20260131093000.123456Z#000000#001#000000": the third part. */
static struct slice csn_server(const char *csn)
{
	const char *first = strchr(csn, '#');
	const char *second = first ? strchr(first + 1, '#') : NULL;
	const char *third = second ? strchr(second + 1, '#') : NULL;

	return third ? slice_of(second + 1, (size_t)(third - second - 1)) : slice_of("", 0);
}

static struct slice csn_context(const char *csn)
{
	const char *slash = strchr(csn, '/');

	return slash ? slice_of(csn, (size_t)(slash - csn)) : slice_of("", 0);
}

/* Of one origin they have the same length, so text compares as time does. */
static bool reaches(const char *const *now, size_t count, const char *then)
{
	for (size_t i = 0; i < count; i++) {
		if (slice_eq(csn_server(now[i]), csn_server(then)) &&
		    slice_eq(csn_context(now[i]), csn_context(then)) &&
		    strlen(now[i]) == strlen(then) && strcmp(now[i], then) >= 0)
			return true;
	}
	return false;
}

bool sync_csns_reach(const char *const *now, size_t now_count, const char *const *then,
		     size_t then_count, const char **ret_older)
{
	for (size_t i = 0; i < then_count; i++) {
		if (!reaches(now, now_count, then[i])) {
			*ret_older = then[i];
			return false;
		}
	}
	return true;
}
