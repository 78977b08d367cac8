/*
 * scim/base/json.h - JSON in bulk: a bounded pull reader and a writer.
 *
 * Spec    RFC 8259. Duplicate names are delivered as they come; the caller decides.
 * Memory  The reader works on text that is whole in memory and must outlive it. A string
 *         without escapes points into that text; one with escapes is copied to the arena.
 *         Nothing else is allocated.
 * Errors  The reader's failure sticks: after it every call returns "nothing", and
 *         json_failed() tells once at the end. *err has line and column (byte).
 * Limits  JSON_DEPTH_MAX of nesting. Size is bounded by whoever got the text.
 *
 * jansson is for small documents that are walked in any order; pages, snapshots and plans
 * come through here (jansson holds 9 bytes for each byte of text).
 *
 *     json_open(&in, text, len, "page 3", mem, &err);
 *     while (json_object_next(&in, &key))
 *             if (slice_eq_str(key, "id")) json_get_text(&in, &id);
 *             else json_skip(&in);
 *     if (json_close(&in)) ...
 */
#ifndef SCIM_BASE_JSON_H
#define SCIM_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "scim/base/buf.h"
#include "scim/base/err.h"
#include "scim/base/mem.h"
#include "scim/base/text.h"

#define JSON_DEPTH_MAX 64

enum json_type {
	JSON_IN_NONE, /* failed, or nothing left */
	JSON_IN_NULL,
	JSON_IN_BOOL,
	JSON_IN_NUMBER,
	JSON_IN_TEXT,
	JSON_IN_ARRAY,
	JSON_IN_OBJECT,
};

struct json_in {
	const char *text, *at, *end;
	struct arena *mem;
	struct err *err;
	const char *where;
	unsigned depth;
	bool failed;
	unsigned char state[JSON_DEPTH_MAX + 1]; /* [0] is the document */
};

void json_open(struct json_in *in, const char *text, size_t len, const char *where,
	       struct arena *mem, struct err *err);
/* Type of the value that comes next. */
enum json_type json_peek(struct json_in *in);
/*
 * Enter an object (first call at it) and step to its next member: true with the key, then
 * exactly one value must be read or skipped; false at its end. A value of another type is
 * an error.
 */
bool json_object_next(struct json_in *in, struct slice *ret_key);
bool json_array_next(struct json_in *in);
/*
 * Read one value. null gives the empty slice with data NULL / 0 / false for the _opt
 * forms; a wrong type is an error (numbers as text are not guessed at).
 */
bool json_get_text(struct json_in *in, struct slice *ret);
bool json_opt_text(struct json_in *in, struct slice *ret);
bool json_get_int(struct json_in *in, int64_t *ret); /* 12.0 is no integer */
bool json_get_double(struct json_in *in, double *ret);
bool json_get_bool(struct json_in *in, bool *ret);
void json_skip(struct json_in *in);
/* The value's text as it stands (for passing it on). */
bool json_get_raw(struct json_in *in, struct slice *ret);
/* Fail here for a reason of the caller's own; always returns false. */
bool json_fail(struct json_in *in, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool json_failed(const struct json_in *in);
/* Nothing but white space may follow. Returns 0, or -1 with *err set. */
int json_close(struct json_in *in);

/*
 * Writer: compact JSON into a buf, commas by itself. Text that is not UTF-8 is written with
 * U+FFFD for each bad byte.
 */
struct json_out {
	struct buf *buf;
	unsigned depth;
	bool need_comma;
};

void json_out_init(struct json_out *out, struct buf *buf);
void json_out_object(struct json_out *out);
void json_out_object_end(struct json_out *out);
void json_out_array(struct json_out *out);
void json_out_array_end(struct json_out *out);
void json_out_key(struct json_out *out, const char *key);
void json_out_text(struct json_out *out, const char *s); /* NULL writes null */
void json_out_slice(struct json_out *out, struct slice s);
void json_out_int(struct json_out *out, int64_t value);
void json_out_double(struct json_out *out, double value); /* shortest that reads back */
void json_out_bool(struct json_out *out, bool value);
void json_out_null(struct json_out *out);
void json_out_raw(struct json_out *out, struct slice json); /* one whole value */
/* key and value in one */
void json_out_member(struct json_out *out, const char *key, const char *value);
void json_out_member_int(struct json_out *out, const char *key, int64_t value);

/* Only the quoted string, for use outside a document. */
void json_quote(struct buf *buf, const char *s, size_t len);

#endif
