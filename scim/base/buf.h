/*
 * scim/base/buf.h - a byte buffer that grows up to a maximum set at its start.
 *
 * Memory  `data` is always NUL-terminated (one more byte than `len`) and good until the
 *         next call that adds. buf_release frees; a buffer that was never used needs none.
 * Limits  Passing `max_bytes` is an error that sticks: buf_failed() tells, later additions
 *         are ignored. So a chain of additions is checked once at its end.
 */
#ifndef SCIM_BASE_BUF_H
#define SCIM_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "scim/base/text.h"

struct buf {
	char *data;
	size_t len, size, max_bytes;
	bool failed;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_release(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory, clears the failure */
static inline bool buf_failed(const struct buf *buf)
{
	return buf->failed;
}

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_addstr(struct buf *buf, const char *s);
void buf_addch(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *buf, const char *fmt, va_list args);
/* Text made safe for a terminal, see text_visible. */
void buf_addvisible(struct buf *buf, const char *s, size_t len);
/* Percent-encoded as one path segment or query value (RFC 3986: unreserved stay). */
void buf_addurl(struct buf *buf, const char *s, size_t len);

/*
 * Read a whole file, at most max_bytes (else ERR_LIMIT). `path` "-" is standard input.
 * Returns 0, or -1 with *err set.
 */
struct err;
int buf_read_file(struct buf *buf, const char *path, struct err *err);

#endif
