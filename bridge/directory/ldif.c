#include "bridge/directory/ldif.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "scim/base/banned.h"

#define READ_BYTES (256 * 1024)

struct line_value {
	uint32_t attr;
	struct slice value;
};

struct ldif {
	char *name; /* for messages */
	int fd;     /* -1: text in memory */
	gzFile gz;  /* over fd, when the file is compressed */
	struct stat opened;
	const char *text;
	size_t text_len, text_at;

	char *data; /* [at, end) is read and not parsed yet; one byte to spare after size */
	size_t size, at, end;
	unsigned line; /* of data[at] */
	bool eof, started, cut_off, failed;

	struct ldif_entry entry;
	VEC(struct ldif_attr) attrs;
	VEC(struct line_value) lines;
	VEC(struct slice) values;
};

static struct ldif *ldif_new(const char *name)
{
	struct ldif *ldif = mem_zalloc(sizeof(*ldif));

	ldif->name = mem_strdup(name);
	ldif->fd = -1;
	ldif->line = 1;
	return ldif;
}

/* Standard input is read twice (groups, then people), so it is kept in memory. */
static int keep_stdin(struct err *err)
{
	int fd = memfd_create("ldif", MFD_CLOEXEC);
	char *piece;
	long long total = 0;
	ssize_t got;

	if (fd < 0)
		return err_set(err, ERR_IO, "standard input: %s", strerror(errno));
	piece = mem_alloc(READ_BYTES);
	while ((got = read(STDIN_FILENO, piece, READ_BYTES)) != 0) {
		ssize_t done = 0;

		if (got < 0 && errno == EINTR)
			continue;
		total += got > 0 ? got : 0;
		while (done < got && total <= LDIF_STDIN_BYTES_MAX) {
			ssize_t n = write(fd, piece + done, (size_t)(got - done));

			if (n < 0 && errno != EINTR)
				break;
			done += n > 0 ? n : 0;
		}
		if (got < 0 || done < got)
			break;
	}
	mem_free(piece);
	if (got == 0)
		return fd;
	if (total > LDIF_STDIN_BYTES_MAX)
		err_set(err, ERR_LIMIT, "standard input has more than %lld bytes",
			LDIF_STDIN_BYTES_MAX);
	else
		err_set(err, ERR_IO, "standard input: %s", strerror(errno));
	close(fd);
	return -1;
}

int ldif_open(const char *path, struct ldif **ret_ldif, struct err *err)
{
	bool from_stdin = strcmp(path, "-") == 0;
	int fd = from_stdin ? keep_stdin(err) : open(path, O_RDONLY | O_CLOEXEC);
	struct ldif *ldif;

	if (fd < 0)
		return err_at(err, ERR_IO, path, 0, 0, "%s", strerror(errno));
	ldif = ldif_new(from_stdin ? "(standard input)" : path);
	ldif->fd = fd;
	if (ldif_rewind(ldif, err)) {
		ldif_close(ldif);
		return -1;
	}
	*ret_ldif = ldif;
	return 0;
}

struct ldif *ldif_open_text(const char *text, size_t len, const char *name)
{
	struct ldif *ldif = ldif_new(name);

	ldif->text = text;
	ldif->text_len = len;
	return ldif;
}

/* A file that begins with gzip's two bytes (RFC 1952 section 2.3.1) is read through zlib. */
static int open_compressed(struct ldif *ldif, struct err *err)
{
	unsigned char magic[2] = { 0 };
	int fd;

	if (ldif->gz)
		gzclose_r(ldif->gz);
	ldif->gz = NULL;
	if (pread(ldif->fd, magic, 2, 0) != 2 || magic[0] != 0x1f || magic[1] != 0x8b)
		return 0;
	fd = fcntl(ldif->fd, F_DUPFD_CLOEXEC, 0);
	ldif->gz = fd < 0 ? NULL : gzdopen(fd, "rb");
	if (!ldif->gz) {
		if (fd >= 0)
			close(fd);
		return err_at(err, ERR_IO, ldif->name, 0, 0, "%s", strerror(errno));
	}
	return 0;
}

int ldif_rewind(struct ldif *ldif, struct err *err)
{
	ldif->at = ldif->end = ldif->text_at = 0;
	ldif->line = 1;
	ldif->eof = ldif->started = ldif->cut_off = ldif->failed = false;
	if (ldif->fd < 0)
		return 0;
	if (fstat(ldif->fd, &ldif->opened))
		return err_at(err, ERR_IO, ldif->name, 0, 0, "%s", strerror(errno));
	if (S_ISDIR(ldif->opened.st_mode))
		return err_at(err, ERR_IO, ldif->name, 0, 0, "this is a folder, not a file");
	if (lseek(ldif->fd, 0, SEEK_SET) < 0)
		return err_at(err, ERR_IO, ldif->name, 0, 0,
			      "this can not be read twice (%s); give a file, or \"-\"",
			      strerror(errno));
	return open_compressed(ldif, err);
}

void ldif_close(struct ldif *ldif)
{
	if (!ldif)
		return;
	if (ldif->gz)
		gzclose_r(ldif->gz);
	if (ldif->fd >= 0)
		close(ldif->fd);
	vec_release(&ldif->attrs);
	vec_release(&ldif->lines);
	vec_release(&ldif->values);
	mem_free(ldif->data);
	mem_free(ldif->name);
	mem_free(ldif);
}

bool ldif_cut_off(const struct ldif *ldif)
{
	return ldif->cut_off;
}

bool ldif_changed(const struct ldif *ldif)
{
	struct stat now;

	if (ldif->fd < 0)
		return false;
	return fstat(ldif->fd, &now) || now.st_size != ldif->opened.st_size ||
	       now.st_mtim.tv_sec != ldif->opened.st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != ldif->opened.st_mtim.tv_nsec;
}

static int bad_line(struct ldif *ldif, unsigned line, struct err *err, const char *what)
{
	return err_at(err, ERR_INVALID, ldif->name, line, 0, "%s", what);
}

/* Make room behind `end`; what lies before `at` is given up. */
static void make_room(struct ldif *ldif)
{
	if (ldif->at) {
		memmove(ldif->data, ldif->data + ldif->at, ldif->end - ldif->at);
		ldif->end -= ldif->at;
		ldif->at = 0;
	}
	if (ldif->size - ldif->end < READ_BYTES) {
		ldif->size = ldif->size * 2 + READ_BYTES;
		ldif->data = mem_realloc(ldif->data, ldif->size + 1);
	}
}

/* The next bytes of a compressed file; one that ends before its trailer is damaged. */
static ssize_t read_compressed(struct ldif *ldif, char *out, struct err *err)
{
	int got = gzread(ldif->gz, out, READ_BYTES);
	int code;
	const char *said = gzerror(ldif->gz, &code);

	if (got >= 0 && (code == Z_OK || code == Z_STREAM_END || got > 0))
		return got;
	return err_at(err, ERR_IO, ldif->name, 0, 0, "the compressed file is damaged or cut off: %s",
		      code == Z_ERRNO ? strerror(errno) : said);
}

static int read_more(struct ldif *ldif, struct err *err)
{
	ssize_t got;

	if (ldif->end - ldif->at > LDIF_ENTRY_BYTES_MAX)
		return err_at(err, ERR_LIMIT, ldif->name, ldif->line, 0,
			      "an entry of more than %d bytes", LDIF_ENTRY_BYTES_MAX);
	make_room(ldif);
	if (ldif->fd < 0) {
		size_t left = ldif->text_len - ldif->text_at;

		got = (ssize_t)(left < READ_BYTES ? left : READ_BYTES);
		if (got)
			memcpy(ldif->data + ldif->end, ldif->text + ldif->text_at, (size_t)got);
		ldif->text_at += (size_t)got;
	} else if (ldif->gz) {
		got = read_compressed(ldif, ldif->data + ldif->end, err);
		if (got < 0)
			return -1;
	} else {
		do {
			got = read(ldif->fd, ldif->data + ldif->end, READ_BYTES);
		} while (got < 0 && errno == EINTR);
		if (got < 0)
			return err_at(err, ERR_IO, ldif->name, 0, 0, "%s", strerror(errno));
	}
	ldif->end += (size_t)got;
	ldif->eof = got == 0;
	return 0;
}

static bool is_blank(const char *line, size_t len)
{
	return len == 0 || (len == 1 && line[0] == '\r');
}

/*
 * Find the end of the lines up to the next blank one: data[at, *ret_end). Returns 1, 0 when
 * nothing is left, -1.
 */
static int find_record(struct ldif *ldif, size_t *ret_end, struct err *err)
{
	size_t scan = 0; /* from `at` */

	for (;;) {
		const char *line = ldif->data + ldif->at + scan;
		size_t left = ldif->end - ldif->at - scan;
		const char *newline = left ? memchr(line, '\n', left) : NULL;
		size_t len;

		if (!newline && !ldif->eof) {
			if (read_more(ldif, err))
				return -1;
			continue;
		}
		if (!newline && left == 0) {
			*ret_end = ldif->end;
			return scan > 0;
		}
		if (!newline)
			ldif->cut_off = true;
		len = newline ? (size_t)(newline - line) : left;
		if (!is_blank(line, len)) {
			scan += len + (newline != NULL);
			continue;
		}
		if (scan) {
			*ret_end = ldif->at + scan;
			return 1;
		}
		ldif->at += len + (newline != NULL);
		ldif->line++;
	}
}

/* One logical line: continuation lines are joined in place (RFC 2849, note 2). */
struct logical {
	char *text;
	size_t len;
	unsigned line;
};

static size_t physical_len(const char *at, const char *end, const char **ret_next)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));
	size_t len = (size_t)((newline ? newline : end) - at);

	*ret_next = newline ? newline + 1 : end;
	return len && at[len - 1] == '\r' ? len - 1 : len;
}

static void next_logical(struct ldif *ldif, size_t end, struct logical *ret)
{
	const char *stop = ldif->data + end, *next;

	ret->text = ldif->data + ldif->at;
	ret->line = ldif->line++;
	ret->len = physical_len(ret->text, stop, &next);
	while (next < stop && *next == ' ') {
		const char *more = next + 1;
		size_t len = physical_len(more, stop, &next);

		memmove(ret->text + ret->len, more, len);
		ret->len += len;
		ldif->line++;
	}
	ldif->at = (size_t)(next - ldif->data);
}

static bool is_name(const char *s, size_t len)
{
	bool options = false;

	for (size_t i = 0; i < len; i++) {
		char c = s[i], lower = (char)(c | 32);

		if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
		      (i && (c == '-' || c == '.' || c == ';' || c == '_')) ||
		      (options && c == '='))) /* "member;range=0-1499" */
			return false;
		options |= c == ';';
	}
	return len > 0;
}

/* Split "name: value", "name:: base64". The value is decoded in place. */
static int split_line(struct ldif *ldif, const struct logical *line, struct slice *ret_name,
		      struct slice *ret_value, struct err *err)
{
	char *colon = memchr(line->text, ':', line->len), *value;
	size_t len;
	bool base64, url;
	long decoded;

	if (!colon || !is_name(line->text, (size_t)(colon - line->text)))
		return bad_line(ldif, line->line, err,
				"\"name: value\" is expected; an LDIF of entries, not of changes");
	*ret_name = slice_of(line->text, (size_t)(colon - line->text));
	value = colon + 1;
	len = line->len - (size_t)(value - line->text);
	base64 = len && *value == ':';
	url = len && *value == '<';
	if (url)
		return bad_line(ldif, line->line, err,
				"a value by URL (\":<\") is not read; put the value itself there");
	for (value += base64, len -= base64; len && *value == ' '; value++, len--)
		;
	if (len > DIRECTORY_VALUE_BYTES_MAX)
		return err_at(err, ERR_LIMIT, ldif->name, line->line, 0,
			      "a value of more than %d bytes", DIRECTORY_VALUE_BYTES_MAX);
	if (base64) {
		while (len && value[len - 1] == ' ')
			len--;
		decoded = base64_decode(value, len, value);
		if (decoded < 0)
			return bad_line(ldif, line->line, err, "the value is not base64");
		len = (size_t)decoded;
	} else if (memchr(value, '\0', len) || memchr(value, '\r', len)) {
		return bad_line(ldif, line->line, err,
				"a NUL or carriage return in a value that is not base64");
	} else if (!utf8_valid(value, len)) {
		return bad_line(ldif, line->line, err,
				"the value is neither UTF-8 nor base64; save the file as UTF-8");
	}
	*ret_value = slice_of(value, len);
	return 0;
}

static bool name_is(struct slice name, const char *other)
{
	return text_cmp_nocase(name.data, name.len, other, strlen(other)) == 0;
}

static int add_value(struct ldif *ldif, struct slice name, struct slice value, unsigned line,
		     struct err *err)
{
	struct line_value item = { .value = value };
	struct ldif_attr *attrs = ldif->attrs.items;
	size_t count = ldif->attrs.count, i;

	/* Values of one attribute mostly follow each other. */
	for (i = count; i > 0; i--) {
		if (attrs[i - 1].name.len == name.len &&
		    text_cmp_nocase(attrs[i - 1].name.data, name.len, name.data, name.len) == 0)
			break;
	}
	if (i == 0) {
		struct ldif_attr attr = { .name = name };

		if (count == LDIF_ATTRS_MAX)
			return err_at(err, ERR_LIMIT, ldif->name, line, 0,
				      "an entry of more than %d attributes", LDIF_ATTRS_MAX);
		vec_push(&ldif->attrs, attr);
		i = count + 1;
	}
	item.attr = (uint32_t)i - 1;
	if (ldif->attrs.items[i - 1].count == ENTRY_VALUES_MAX)
		return err_at(err, ERR_LIMIT, ldif->name, line, 0,
			      "more than %d values of one attribute", ENTRY_VALUES_MAX);
	ldif->attrs.items[i - 1].count++;
	vec_push(&ldif->lines, item);
	return 0;
}

/* Values of one attribute, which may be apart in the file, next to each other. */
static void gather_values(struct ldif *ldif)
{
	size_t first = 0;

	ldif->values.count = 0;
	for (size_t i = 0; i < ldif->lines.count; i++)
		vec_push(&ldif->values, ldif->lines.items[i].value);
	for (size_t a = 0; a < ldif->attrs.count; a++) {
		ldif->attrs.items[a].values = ldif->values.items + first;
		first += ldif->attrs.items[a].count;
		ldif->attrs.items[a].count = 0;
	}
	for (size_t i = 0; i < ldif->lines.count; i++) {
		struct ldif_attr *attr = &ldif->attrs.items[ldif->lines.items[i].attr];

		ldif->values.items[(size_t)(attr->values - ldif->values.items) + attr->count++] =
			ldif->lines.items[i].value;
	}
	ldif->entry.attrs = ldif->attrs.items;
	ldif->entry.attr_count = (unsigned)ldif->attrs.count;
}

static int take_dn(struct ldif *ldif, struct slice name, struct slice value, unsigned line,
		   struct err *err)
{
	char *text = (char *)(uintptr_t)value.data;

	if (!name_is(name, "dn"))
		return bad_line(ldif, line, err, "an entry starts with \"dn:\"");
	if (!utf8_valid(value.data, value.len) || memchr(value.data, '\0', value.len))
		return bad_line(ldif, line, err, "the DN is not UTF-8 text");
	text[value.len] = '\0'; /* the line end, or the byte to spare */
	ldif->entry.dn = text;
	ldif->entry.dn_len = value.len;
	ldif->entry.line = line;
	return 0;
}

static int take_line(struct ldif *ldif, const struct logical *line, struct err *err)
{
	struct slice name = { 0 }, value = { 0 };

	if (split_line(ldif, line, &name, &value, err))
		return -1;
	if (!ldif->started) {
		ldif->started = true;
		if (name_is(name, "version")) {
			if (!slice_eq_str(value, "1"))
				return bad_line(ldif, line->line, err,
						"the only LDIF version is 1");
			return 0;
		}
	}
	if (!ldif->entry.dn)
		return take_dn(ldif, name, value, line->line, err);
	if (name_is(name, "changetype") || name_is(name, "control"))
		return bad_line(ldif, line->line, err,
				"this is a change record; a file of whole entries is needed");
	if (name_is(name, "dn"))
		return bad_line(ldif, line->line, err,
				"a second \"dn:\" in one entry; a blank line is missing");
	return add_value(ldif, name, value, line->line, err);
}

static void skip_byte_order_mark(struct ldif *ldif)
{
	if (!ldif->started && ldif->line == 1 && ldif->end - ldif->at >= 3 &&
	    memcmp(ldif->data + ldif->at, "\xef\xbb\xbf", 3) == 0)
		ldif->at += 3;
}

static int take_record(struct ldif *ldif, size_t end, struct err *err)
{
	struct logical line;

	ldif->entry.dn = NULL;
	ldif->attrs.count = ldif->lines.count = 0;
	while (ldif->at < end) {
		if (ldif->data[ldif->at] == ' ')
			return bad_line(ldif, ldif->line, err,
					"a continuation line that continues nothing");
		next_logical(ldif, end, &line);
		if (line.text[0] != '#' && take_line(ldif, &line, err))
			return -1;
	}
	gather_values(ldif);
	return 0;
}

int ldif_next(struct ldif *ldif, const struct ldif_entry **ret_entry, struct err *err)
{
	size_t end = 0;
	int found;

	if (ldif->failed)
		return err_at(err, ERR_INVALID, ldif->name, 0, 0, "reading failed before");
	/* The first piece holds the mark whole: a read gives at least three bytes of a file. */
	if (ldif->end == 0 && !ldif->eof && read_more(ldif, err)) {
		ldif->failed = true;
		return -1;
	}
	skip_byte_order_mark(ldif);
	while ((found = find_record(ldif, &end, err)) == 1) {
		if (take_record(ldif, end, err)) {
			found = -1;
			break;
		}
		if (ldif->entry.dn) {
			*ret_entry = &ldif->entry;
			return 1;
		}
	}
	ldif->failed = found < 0;
	return found;
}

const struct ldif_attr *ldif_find(const struct ldif_entry *entry, const char *name, size_t len)
{
	for (unsigned i = 0; i < entry->attr_count; i++) {
		const struct ldif_attr *attr = &entry->attrs[i];

		if (attr->name.len == len &&
		    text_cmp_nocase(attr->name.data, len, name, len) == 0)
			return attr;
	}
	return NULL;
}
