/*
 * scim/base/err.h - what went wrong, where, with which value.
 *
 * Memory  `struct err` has a fixed size and belongs to the caller; nothing is freed.
 * Rule    The first error wins: setting an error that is already set changes nothing, so
 *         that the cause stays and later consequences do not cover it.
 * Safety  Text from outside may be passed in; control characters, broken UTF-8 and
 *         bidirectional marks are made visible when an error is set, so that printing
 *         one can not steer a terminal or forge a log line.
 */
#ifndef SCIM_BASE_ERR_H
#define SCIM_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* A kind exists where a caller acts on it. */
enum err_kind {
	ERR_NONE = 0,
	ERR_INVALID,   /* input that breaks its own format: rules, settings, LDIF, JSON */
	ERR_USAGE,     /* command line */
	ERR_LIMIT,     /* a named maximum is exceeded */
	ERR_IO,        /* file, disk, state */
	ERR_NET,       /* could not connect, connection lost */
	ERR_TLS,       /* handshake or certificate refused */
	ERR_AUTH,      /* wrong password, refused token, missing permission */
	ERR_TIMEOUT,   /* a deadline passed */
	ERR_NOT_FOUND, /* the named thing does not exist at the peer */
	ERR_CONFLICT,  /* the peer's thing changed meanwhile, or a name is taken */
	ERR_REFUSED,   /* the peer, a guard or a policy says no */
	ERR_BUSY,      /* another run holds the lock */
	ERR_NO_KEY,    /* CEL: no such key; "not stated", see mappings/map.h */
	ERR_EVAL,      /* CEL: any other error of an evaluation */
	ERR_PROTOCOL,  /* the peer's answer breaks its own protocol */
};

struct err {
	enum err_kind kind;
	unsigned line;   /* from 1; 0 = none */
	unsigned column; /* byte, from 1; 0 = none */
	char where[96];  /* file, host or object; "" = none */
	char text[256];
};

#define ERR_INIT { .kind = ERR_NONE }

/* Set `err` unless it is set already (NULL is allowed). Always returns -1. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with a place. `where` may be NULL. */
int err_at(struct err *err, enum err_kind kind, const char *where, unsigned line,
	   unsigned column, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Put "fmt: " before the text of a set error (the place stays). Always returns -1. */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Fill in the place of a set error that has none. Always returns -1. */
int err_place(struct err *err, const char *where, unsigned line, unsigned column);

/*
 * "where:line:column: text" (parts that are absent are left out) into `out`, always
 * NUL-terminated. Returns `out`.
 */
const char *err_format(const struct err *err, char *out, size_t size);

/* Enough for any formatted error. */
#define ERR_FORMAT_MAX 400

/*
 * A list of errors, for checks that report all that is wrong at once. Owned by the caller;
 * at most DIAGS_MAX are kept, the rest is only counted.
 */
#define DIAGS_MAX 200
struct diags {
	struct err *items;
	size_t count;    /* kept */
	size_t total;    /* met */
};

void diags_add(struct diags *diags, const struct err *err);
int diags_at(struct diags *diags, enum err_kind kind, const char *where, unsigned line,
	     unsigned column, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
void diags_release(struct diags *diags);

/*
 * The compiler and the analyser see that these return -1, so that neither warns of what a
 * caller has not set then.
 */
static inline int err_failed(int minus_one)
{
	(void)minus_one;
	return -1;
}
#define err_set(...) err_failed(err_set(__VA_ARGS__))
#define err_at(...) err_failed(err_at(__VA_ARGS__))
#define err_prefix(...) err_failed(err_prefix(__VA_ARGS__))
#define err_place(...) err_failed(err_place(__VA_ARGS__))
#define diags_at(...) err_failed(diags_at(__VA_ARGS__))

#endif
