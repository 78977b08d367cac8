/*
 * scim/wire.h - HTTP transfers in flight, behind a table of functions.
 *
 * The network (wire_curl_new, over libcurl's multi interface) is one implementation;
 * a test or a simulation puts its own behind the same table.
 *
 * Spec    RFC 9112 over TLS 1.2 or later. HTTP/1.1 keep-alive only: HTTP/2 of Debian 12's
 *         libcurl resets each answer without a length and is cut off by servers that count
 *         resets. Redirects are never followed: a redirect is an answer like another, so
 *         a token can't be led elsewhere.
 * TLS     Verified always; `ca_file` replaces the system's authorities. Plain http only to
 *         loopback (127.0.0.0/8, ::1, localhost) unless `allow_plaintext`.
 * Proxy   None: https_proxy and its like in the environment are not obeyed, so that the
 *         way of a token does not depend on who started the program. `proxy` names one.
 * Memory  Request data is copied at start. The answer is good until `done` returns.
 * Order   `done` is called once per started transfer, from the loop and never inside
 *         start; not after cancel.
 * Limits  WIRE_HEADER_BYTES_MAX of answer headers, request->answer_bytes_max of body.
 */
#ifndef SCIM_WIRE_H
#define SCIM_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "scim/base/err.h"
#include "scim/base/loop.h"
#include "scim/base/text.h"

#define WIRE_HEADER_BYTES_MAX 65536
#define WIRE_HEADERS_MAX 8

struct wire_request {
	const char *method, *url;
	const char *headers[WIRE_HEADERS_MAX]; /* "Name: value"; NULL ends */
	struct slice body;
	bool has_body;
	/*
	 * The bytes may go out once only: a connection that dies with nothing answered
	 * fails the transfer instead of being tried again silently.
	 */
	bool once;
	int64_t connect_timeout_ms, timeout_ms;
	size_t answer_bytes_max;
};

enum wire_result {
	WIRE_ANSWERED, /* status, headers and the whole body */
	WIRE_NOT_SENT, /* the request never left: no address, no connection, TLS refused */
	WIRE_CUT,      /* it may have been received; no whole answer (status may be there) */
};

struct wire_answer {
	enum wire_result result;
	int status;           /* 0 = none came */
	struct slice headers; /* "name: value\r\n..." of the last header block */
	struct slice body;    /* as far as it came */
	const struct err *err; /* of WIRE_NOT_SENT and WIRE_CUT */
};

typedef void wire_done_fn(void *ctx, const struct wire_answer *answer);

struct wire;
struct wire_transfer; /* of the implementation */

struct wire_ops {
	/* -1 with *err when the request itself is impossible (URL, plaintext). */
	int (*start)(struct wire *wire, const struct wire_request *request,
		     wire_done_fn *done, void *ctx, struct wire_transfer **ret_transfer,
		     struct err *err);
	void (*cancel)(struct wire *wire, struct wire_transfer *transfer);
	void (*free)(struct wire *wire);
};

struct wire {
	const struct wire_ops *ops;
};

/* Value of a header by name without case; the empty slice with data NULL when absent. */
struct slice wire_header(const struct wire_answer *answer, const char *name);

/* Whether `url` is https, or http to a loopback address. For checks of settings, too. */
bool wire_url_safe(const char *url);

struct wire_curl_options {
	const char *user_agent;
	const char *ca_file; /* NULL = the system's */
	const char *proxy;   /* NULL = none */
	bool allow_plaintext;
	unsigned connections_max; /* to one host */
};

int wire_curl_new(struct loop *loop, const struct wire_curl_options *options,
		  struct wire **ret_wire, struct err *err);

#endif
