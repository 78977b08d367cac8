/* What the tenant sends back: headers, errors in the two forms, the members of a list. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

void answer_header(struct call *call, const char *name, const char *fmt, ...)
{
	struct sandbox_response *response = call->response;
	va_list args;

	if (response->header_count == SANDBOX_HEADERS_MAX)
		return;
	response->headers[response->header_count].name = name;
	va_start(args, fmt);
	vsnprintf(response->headers[response->header_count].value,
		  sizeof(response->headers[0].value), fmt, args);
	va_end(args);
	response->header_count++;
}

/* As answer_begin, in a form of its own: SCIM calls fail in the platform's at the gateway. */
static void begin(struct call *call, int status, const char *type)
{
	call->response->status = status;
	buf_clear(call->response->body);
	json_out_init(&call->out, call->response->body);
	answer_header(call, "Content-Type", "%s", type);
}

void answer_begin(struct call *call, int status)
{
	begin(call, status, call->scim ? "application/scim+json" : "application/json");
}

void answer_empty(struct call *call, int status)
{
	call->response->status = status;
	buf_clear(call->response->body);
}

/*
 * ErrorBody of the contract. `messageWithParams` repeats the text, since the texts here
 * have no parameters left in them.
 */
void refuse_platform(struct call *call, int status, const char *code, const char *fmt, ...)
{
	struct json_out *out = &call->out;
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (call->scim && switched(call, SWITCH_SCIM_ERRORS)) {
		refuse_scim(call, status, SCIM_ERROR_NONE, "%s", text);
		return;
	}
	begin(call, status, "application/json");
	json_out_object(out);
	json_out_member(out, "message", text);
	json_out_member(out, "code", code);
	json_out_member_int(out, "status", status);
	json_out_member(out, "messageWithParams", text);
	json_out_key(out, "messageParams");
	json_out_object(out);
	json_out_object_end(out);
	json_out_member(out, "contextId", call->context_id);
	json_out_key(out, "details");
	json_out_array(out);
	json_out_array_end(out);
	json_out_key(out, "errors");
	json_out_array(out);
	json_out_array_end(out);
	json_out_object_end(out);
}

void refuse_scim(struct call *call, int status, enum scim_error_type type, const char *fmt,
		 ...)
{
	struct scim_error error = { .status = status, .type = type };
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	error.detail = text;
	begin(call, status, "application/scim+json");
	scim_error_write(&error, &call->out);
}

/* (facts, section 2: "Version conflict") */
void refuse_version(struct call *call, const char *what)
{
	bool conflict = !switched(call, SWITCH_VERSION_CONFLICT);

	refuse_platform(call, conflict ? 409 : 400,
			conflict ? "general.conflict" : "bad.request",
			"The version supplied does not match the current version of the %s",
			what);
}

void refuse_too_many(struct call *call, unsigned retry_after_s)
{
	call->sandbox->throttled++;
	refuse_platform(call, 429, "too.many.requests.retry.after",
			"Rate limit exceeded the maximum. Retry the request in [%u] seconds",
			retry_after_s);
	answer_header(call, "Retry-After", "%u", retry_after_s);
}

struct user *call_user(struct call *call, struct slice id)
{
	struct user *user = store_user(call->store, id);

	if (user && user->state != USER_DELETED)
		return permitted_user(call, user) ? user : NULL;
	if (call->scim)
		refuse_scim(call, 404, SCIM_ERROR_NONE, "user %.*s not found", SLICE_FMT(id));
	else
		refuse_platform(call, 404, "not.found", "user %.*s not found", SLICE_FMT(id));
	return NULL;
}

void write_ref(struct json_out *out, const char *key, const struct item *item)
{
	json_out_key(out, key);
	json_out_object(out);
	json_out_member(out, "id", item->id);
	json_out_member(out, "name", item->name);
	json_out_object_end(out);
}

static const char *const item_names[ITEM_KIND_COUNT] = {
	[ITEM_DIVISION] = "division", [ITEM_ROLE] = "role",
	[ITEM_SKILL] = "skill",	      [ITEM_LANGUAGE] = "language",
	[ITEM_GROUP] = "group",	      [ITEM_QUEUE] = "queue",
	[ITEM_LOCATION] = "location", [ITEM_TEAM] = "team",
	[ITEM_UNIT] = "management unit", [ITEM_WORK_PLAN] = "work plan",
};

struct item *call_item(struct call *call, enum item_kind kind, struct slice id)
{
	struct item *item = store_item(call->store, kind, id);

	if (item)
		return permitted_item(call, item) ? item : NULL;
	refuse_platform(call, 404, "not.found", "%s %.*s not found", item_names[kind],
			SLICE_FMT(id));
	return NULL;
}

/* ---- pages ---- */

bool page_read(struct call *call, unsigned size_max, struct page *page)
{
	/* Default 25 in the contract for every list. */
	return query_number(call, "pageSize", 25, 1, size_max, &page->size) &&
	       query_number(call, "pageNumber", 1, 1, INT32_MAX, &page->number);
}

void page_of(struct page *page, size_t total)
{
	size_t first = (size_t)(page->number - 1) * page->size;

	page->total = total;
	page->first = first < total ? first : total;
	page->end = total - page->first > page->size ? page->first + page->size : total;
}

/* The request's own address with another page in it, relative as the vendor's are. */
static void write_uri(struct call *call, const char *key, const struct page *page,
		      size_t number)
{
	struct buf buf;

	buf_init(&buf, 65536);
	buf_add(&buf, call->path.data, call->path.len);
	buf_addf(&buf, "?pageSize=%u&pageNumber=%zu", page->size, number);
	for (unsigned i = 0; i < call->param_count; i++) {
		const struct param *param = &call->params[i];

		if (slice_eq_str(param->name, "pageSize") ||
		    slice_eq_str(param->name, "pageNumber"))
			continue;
		buf_addch(&buf, '&');
		buf_addurl(&buf, param->name.data, param->name.len);
		buf_addch(&buf, '=');
		buf_addurl(&buf, param->value.data, param->value.len);
	}
	if (!buf_failed(&buf))
		json_out_member(&call->out, key, buf.data);
	buf_release(&buf);
}

void page_write(struct call *call, const struct page *page, enum page_form form)
{
	struct json_out *out = &call->out;
	size_t pages = (page->total + page->size - 1) / page->size;
	/* Without a total the end is known by a page that isn't full. */
	bool more = form == PAGE_NO_TOTAL ? page->end - page->first == page->size :
					    page->number < pages;

	json_out_member_int(out, "pageSize", page->size);
	json_out_member_int(out, "pageNumber", page->number);
	if (form != PAGE_NO_TOTAL)
		json_out_member_int(out, "total", (int64_t)page->total);
	if (form != PAGE_COUNTS_ONLY) {
		write_uri(call, "firstUri", page, 1);
		write_uri(call, "selfUri", page, page->number);
		if (more)
			write_uri(call, "nextUri", page, page->number + 1u);
		if (page->number > 1)
			write_uri(call, "previousUri", page, page->number - 1);
		if (form == PAGE_FULL)
			write_uri(call, "lastUri", page, pages ? pages : 1);
	}
	if (form != PAGE_NO_TOTAL)
		json_out_member_int(out, "pageCount", (int64_t)pages);
}

/* ---- pages by cursor ---- */

static bool read_hex(struct slice text, size_t *ret)
{
	static const char digits[] = "0123456789abcdef";

	*ret = 0;
	for (size_t i = 0; i < text.len; i++) {
		const char *digit = memchr(digits, text.data[i], 16);

		if (!digit)
			return false;
		*ret = *ret << 4 | (size_t)(digit - digits);
	}
	return true;
}

bool cursor_read(struct call *call, const char *name, unsigned size_max, struct page *page)
{
	struct slice cursor = query_get(call, name);
	size_t place = 0;

	if (!query_number(call, "pageSize", 25, 1, size_max, &page->size))
		return false;
	page->first = 0;
	if (!cursor.data)
		return true;
	if (cursor.len >= 2 && cursor.len <= 9 && cursor.data[0] == 'c' &&
	    read_hex(slice_of(cursor.data + 1, cursor.len - 1), &place)) {
		page->first = place;
		return true;
	}
	refuse_platform(call, 400, "invalid.value", "%s is no cursor of this list", name);
	return false;
}

void cursor_of(struct page *page, size_t total)
{
	page->total = total;
	if (page->first > total)
		page->first = total;
	page->end = total - page->first > page->size ? page->first + page->size : total;
}

static void write_cursor_uri(struct call *call, const char *key, const char *name,
			     const struct page *page, size_t place)
{
	struct buf buf;

	buf_init(&buf, 65536);
	buf_add(&buf, call->path.data, call->path.len);
	buf_addf(&buf, "?pageSize=%u", page->size);
	if (place)
		buf_addf(&buf, "&%s=c%zx", name, place);
	for (unsigned i = 0; i < call->param_count; i++) {
		const struct param *param = &call->params[i];

		if (slice_eq_str(param->name, "pageSize") || slice_eq_str(param->name, name))
			continue;
		buf_addch(&buf, '&');
		buf_addurl(&buf, param->name.data, param->name.len);
		buf_addch(&buf, '=');
		buf_addurl(&buf, param->value.data, param->value.len);
	}
	if (!buf_failed(&buf))
		json_out_member(&call->out, key, buf.data);
	buf_release(&buf);
}

void cursor_write(struct call *call, const struct page *page, const char *name, bool bare)
{
	char cursor[24];

	if (page->end < page->total) {
		write_cursor_uri(call, "nextUri", name, page, page->end);
		snprintf(cursor, sizeof(cursor), "c%zx", page->end);
		if (bare)
			json_out_member(&call->out, "cursor", cursor);
	}
	write_cursor_uri(call, "selfUri", name, page, page->first);
}
