/*
 * scim/base/text.h - pieces of text and bytes: slices, UTF-8, names, codings.
 *
 * Memory  A slice points into memory of somebody else and owns nothing.
 */
#ifndef SCIM_BASE_TEXT_H
#define SCIM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const char *data; /* not NUL-terminated in general */
	size_t len;
};

#define SLICE(literal) ((struct slice){ (literal), sizeof(literal) - 1 })
#define SLICE_FMT(s) (int)(s).len, (s).data /* for "%.*s" */

static inline struct slice slice_of(const char *data, size_t len)
{
	return (struct slice){ data, len };
}
struct slice slice_str(const char *s); /* of a C string; NULL gives the empty slice */
bool slice_eq(struct slice a, struct slice b);
bool slice_eq_str(struct slice a, const char *b);
int slice_cmp(struct slice a, struct slice b); /* by bytes, shorter first */

/* ASCII only; other bytes compare as they are. */
bool text_eq_nocase(const char *a, const char *b);
int text_cmp_nocase(const char *a, size_t a_len, const char *b, size_t b_len);
void text_lower(char *s, size_t len);

/* Strict UTF-8 (no surrogates, nothing overlong, up to U+10FFFF). */
bool utf8_valid(const char *s, size_t len);
/* The same, and no control character of ASCII (below 0x20, and 0x7f). */
bool text_plain(const char *s, size_t len);
/*
 * Decode one code point at s[0..len), len > 0. Returns its length in bytes, 0 if broken.
 */
size_t utf8_decode(const char *s, size_t len, uint32_t *ret_cp);
/* Encode; `out` has room for 4 bytes. Returns the length. */
size_t utf8_encode(uint32_t cp, char *out);
/* Columns that the text takes on a terminal (wcwidth; combining marks 0, wide ones 2). */
size_t utf8_width(const char *s, size_t len);

/*
 * Copy of `s` fit for a terminal or a log line: control characters, broken UTF-8 and
 * bidirectional marks as \xNN or \u{NNNN}. Writes at most size-1 bytes and a NUL, never
 * half a character; ends in "..." when cut. Returns the bytes written.
 */
size_t text_visible(const char *s, size_t len, char *out, size_t size);

/*
 * Index of the candidate nearest to `name` (edit distance with transpositions, case
 * weighs little), or -1 when none is near enough to be worth showing.
 */
int text_nearest(const char *name, const char *const *candidates, size_t count);

/* Standard base64 (RFC 4648 section 4). */
size_t base64_encoded_size(size_t len); /* without NUL */
size_t base64_encode(const void *data, size_t len, char *out); /* no NUL written */
/* Strict: padding required, no white space. Returns the length, or -1. `out` may be `s`. */
long base64_decode(const char *s, size_t len, void *out);

/* RFC 3339 in UTC with seconds, "2026-01-31T09:30:00Z"; `out` has room for 21 bytes. */
void time_format(int64_t unix_seconds, char out[21]);
/* RFC 3339, any offset, fraction ignored. Returns 0 or -1. */
int time_parse(const char *s, size_t len, int64_t *ret_unix_seconds);

#endif
