#include "bridge/directory/ldif_write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "bridge/directory/directory.h"

#include "scim/base/banned.h"

#define LINE_MAX_BYTES 76

struct ldif_writer {
	gzFile file;
	int fd;
	char *path;
	struct buf line;
	bool any;
	struct err err;
};

/* RFC 2849: a SAFE-STRING has no NUL, LF, CR and is ASCII; it does not begin with SPACE, : or <. */
static bool is_safe(struct slice value)
{
	if (value.len && (strchr(" :<", value.data[0]) || value.data[value.len - 1] == ' '))
		return false;
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];

		if (c == 0 || c == '\n' || c == '\r' || c > 126)
			return false;
	}
	return true;
}

/* Lines after the first begin with one space. */
static void fold(struct buf *out, size_t from)
{
	struct buf line;
	size_t at = 0, room = LINE_MAX_BYTES;

	if (out->len - from <= LINE_MAX_BYTES)
		return;
	buf_init(&line, out->max_bytes);
	buf_add(&line, out->data + from, out->len - from);
	out->len = from;
	while (at < line.len) {
		size_t part = line.len - at < room ? line.len - at : room;

		if (at)
			buf_addstr(out, "\n ");
		buf_add(out, line.data + at, part);
		at += part;
		room = LINE_MAX_BYTES - 1;
	}
	buf_release(&line);
}

void ldif_format(struct buf *out, const char *name, struct slice value)
{
	size_t from = out->len;

	if (is_safe(value)) {
		buf_addf(out, "%s: ", name);
		buf_add(out, value.data, value.len);
	} else {
		size_t size = base64_encoded_size(value.len);
		char *text = mem_alloc(size + 1);

		buf_addf(out, "%s:: ", name);
		buf_add(out, text, base64_encode(value.data, value.len, text));
		mem_free(text);
	}
	fold(out, from);
	buf_addch(out, '\n');
}

int ldif_writer_open(const char *path, struct ldif_writer **ret_writer, struct err *err)
{
	struct ldif_writer *writer;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	gzFile file = fd < 0 ? NULL : gzdopen(dup(fd), "wb");

	if (!file) {
		err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	writer = mem_zalloc(sizeof(*writer));
	writer->fd = fd;
	writer->file = file;
	writer->path = mem_strdup(path);
	buf_init(&writer->line, 2 * (size_t)DIRECTORY_VALUE_BYTES_MAX);
	*ret_writer = writer;
	return 0;
}

static void put(struct ldif_writer *writer)
{
	int code;

	if (writer->err.kind == ERR_NONE && writer->line.len &&
	    gzwrite(writer->file, writer->line.data, (unsigned)writer->line.len) <= 0)
		err_set(&writer->err, ERR_IO, "cannot write %s: %s", writer->path,
			gzerror(writer->file, &code));
	buf_clear(&writer->line);
}

void ldif_write_entry(struct ldif_writer *writer, const char *dn, size_t len)
{
	buf_clear(&writer->line);
	if (writer->any)
		buf_addch(&writer->line, '\n');
	writer->any = true;
	ldif_format(&writer->line, "dn", slice_of(dn, len));
	put(writer);
}

void ldif_write_value(struct ldif_writer *writer, const char *name, struct slice value)
{
	buf_clear(&writer->line);
	ldif_format(&writer->line, name, value);
	put(writer);
}

int ldif_writer_close(struct ldif_writer *writer, struct err *err)
{
	int status = 0;

	if (!writer)
		return 0;
	if (gzclose(writer->file) != Z_OK && writer->err.kind == ERR_NONE)
		err_set(&writer->err, ERR_IO, "cannot write %s", writer->path);
	if (writer->err.kind == ERR_NONE && fsync(writer->fd))
		err_set(&writer->err, ERR_IO, "cannot write %s: %s", writer->path,
			strerror(errno));
	close(writer->fd);
	if (writer->err.kind != ERR_NONE)
		status = err_set(err, writer->err.kind, "%s", writer->err.text);
	buf_release(&writer->line);
	mem_free(writer->path);
	mem_free(writer);
	return status;
}
