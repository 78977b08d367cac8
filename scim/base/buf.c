#include "scim/base/buf.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scim/base/err.h"
#include "scim/base/mem.h"
#include "scim/base/vec.h"
#include "scim/base/banned.h"

#define BUF_FIRST_BYTES 256
#define BUF_READ_BYTES (64 * 1024)

static char buf_empty[1]; /* what an unused buffer points to; never written */

void buf_init(struct buf *buf, size_t max_bytes)
{
	assert(max_bytes < SIZE_MAX / 2);
	*buf = (struct buf){ .data = buf_empty, .max_bytes = max_bytes };
}

void buf_release(struct buf *buf)
{
	if (buf->size)
		mem_free(buf->data);
	buf_init(buf, buf->max_bytes);
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
	if (buf->size)
		buf->data[0] = '\0';
}

/* Room for `more` bytes and a NUL; false (for good) when that passes the maximum. */
static bool buf_room(struct buf *buf, size_t more)
{
	size_t size;

	if (buf->failed || more > buf->max_bytes - buf->len) {
		buf->failed = true;
		return false;
	}
	if (more < buf->size - buf->len)
		return true;
	size = buf->size ? buf->size * 2 : BUF_FIRST_BYTES;
	if (size < buf->len + more + 1)
		size = buf->len + more + 1;
	if (size > buf->max_bytes + 1)
		size = buf->max_bytes + 1;
	buf->data = mem_realloc(buf->size ? buf->data : NULL, size);
	buf->size = size;
	return true;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
	if (!buf_room(buf, len))
		return;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_addstr(struct buf *buf, const char *s)
{
	buf_add(buf, s, strlen(s));
}

void buf_addch(struct buf *buf, char c)
{
	if (!buf_room(buf, 1))
		return;
	buf->data[buf->len++] = c;
	buf->data[buf->len] = '\0';
}

void buf_vaddf(struct buf *buf, const char *fmt, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	assert(len >= 0);
	if (!buf_room(buf, (size_t)len))
		return;
	vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
	buf->len += (size_t)len;
}

void buf_addf(struct buf *buf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buf_vaddf(buf, fmt, args);
	va_end(args);
}

void buf_addvisible(struct buf *buf, const char *s, size_t len)
{
	size_t at = 0;

	/* Ten bytes at most for a byte of input, character by character: never cut. */
	while (at < len) {
		char piece[24];
		uint32_t cp;
		size_t n = utf8_decode(s + at, len - at, &cp);

		buf_add(buf, piece, text_visible(s + at, n ? n : 1, piece, sizeof(piece)));
		at += n ? n : 1;
	}
}

void buf_addurl(struct buf *buf, const char *s, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		char piece[3] = { '%', hex[c >> 4], hex[c & 15] };

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~')
			buf_addch(buf, (char)c);
		else
			buf_add(buf, piece, sizeof(piece));
	}
}

static int read_all(struct buf *buf, int fd, const char *path, struct err *err)
{
	for (;;) {
		size_t room;
		ssize_t got;

		if (buf->size - buf->len < 2 || !buf->size) {
			size_t left = buf->max_bytes - buf->len;
			/* One byte more than allowed tells a full buffer from the end. */
			char extra;

			if (left == 0) {
				got = read(fd, &extra, 1);
				if (got == 0)
					return 0;
				if (got > 0)
					return err_at(err, ERR_LIMIT, path, 0, 0,
						      "longer than the %zu bytes allowed",
						      buf->max_bytes);
				if (errno == EINTR)
					continue;
				return err_at(err, ERR_IO, path, 0, 0, "cannot read: %s",
					      strerror(errno));
			}
			buf_room(buf, left < BUF_READ_BYTES ? left : BUF_READ_BYTES);
		}
		room = buf->size - buf->len - 1;
		got = read(fd, buf->data + buf->len, room);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_at(err, ERR_IO, path, 0, 0, "cannot read: %s",
				      strerror(errno));
		buf->len += (size_t)got;
		buf->data[buf->len] = '\0';
		if (got == 0)
			return 0;
	}
}

int buf_read_file(struct buf *buf, const char *path, struct err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return err_at(err, ERR_IO, path, 0, 0, "cannot open: %s", strerror(errno));
	ret = read_all(buf, fd, is_stdin ? "standard input" : path, err);
	if (!is_stdin)
		close(fd);
	return ret;
}
