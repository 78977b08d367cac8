/*
 * bridge/directory/ldif_write.h - entries as LDIF text, compressed on the way to a file.
 *
 * Spec    RFC 2849: values that are no SAFE-STRING go as base64, lines are folded at 76
 *         bytes. Compression is gzip (RFC 1952), by zlib.
 * Errors  ERR_IO; after one, later calls do nothing and ldif_writer_close tells it.
 */
#ifndef BRIDGE_DIRECTORY_LDIF_WRITE_H
#define BRIDGE_DIRECTORY_LDIF_WRITE_H

#include "scim/base/buf.h"
#include "scim/base/err.h"

struct ldif_writer;

/* Makes the file, mode 0600; one that is there is refused. */
int ldif_writer_open(const char *path, struct ldif_writer **ret_writer, struct err *err);
void ldif_write_entry(struct ldif_writer *writer, const char *dn, size_t len);
void ldif_write_value(struct ldif_writer *writer, const char *name, struct slice value);
/* On disk when it returns 0. */
int ldif_writer_close(struct ldif_writer *writer, struct err *err);

/* "name: value" or "name:: base64", folded, with its line end. */
void ldif_format(struct buf *out, const char *name, struct slice value);

#endif
