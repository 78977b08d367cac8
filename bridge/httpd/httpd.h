/*
 * bridge/httpd/httpd.h - a small HTTP/1.1 server on loopback: whole request in, whole
 * response out. Sole user of <microhttpd.h>.
 *
 * Threads The handler runs in a thread of its connection, but never twice at once: what
 *         it touches needs no lock. Waiting (`delay_ms`) and sending go on beside it.
 * Memory  The request is the server's, good during the call. The response's body is a buf
 *         that the handler fills and the server releases.
 * Errors  httpd_start: 0, or -1 with *err set.
 * Limits  HTTPD_BODY_BYTES_MAX of body (413 beyond), HTTPD_CONNECTIONS_MAX.
 *         Loopback only: there is no TLS, and tokens cross it in clear.
 */
#ifndef BRIDGE_HTTPD_HTTPD_H
#define BRIDGE_HTTPD_HTTPD_H

#include <stdint.h>

#include "scim/base/buf.h"
#include "scim/base/err.h"
#include "scim/base/text.h"

/* The widest bulk call carries 100 ids; this is for hostile or mistaken peers. */
#define HTTPD_BODY_BYTES_MAX (4u << 20)
#define HTTPD_CONNECTIONS_MAX 256
#define HTTPD_HEADERS_MAX 12

struct httpd;
struct httpd_request;

const char *httpd_method(const struct httpd_request *request);
/* Path and query as they were sent, still percent-encoded. */
const char *httpd_target(const struct httpd_request *request);
/* Value of a header, its name without case; NULL when absent. */
const char *httpd_header(const struct httpd_request *request, const char *name);
struct slice httpd_body(const struct httpd_request *request);

enum httpd_end {
	HTTPD_SEND,      /* the normal way */
	HTTPD_CUT,       /* close the connection without an answer */
	HTTPD_HALF_BODY, /* promise the whole body, send half of it, then close */
};

struct httpd_response {
	int status;
	unsigned delay_ms; /* wait before sending */
	enum httpd_end end;
	unsigned header_count;
	struct {
		const char *name; /* constant */
		char value[256];
	} headers[HTTPD_HEADERS_MAX];
	struct buf body;
};

typedef void httpd_handler_fn(void *ctx, const struct httpd_request *request,
			      struct httpd_response *response);

/*
 * Listen on `listen`, "127.0.0.1:8080" or "[::1]:0"; port 0 takes a free one. With
 * `body_max` bytes at most in an answer.
 */
int httpd_start(const char *listen, size_t body_max, httpd_handler_fn *handler, void *ctx,
		struct httpd **ret_httpd, struct err *err);
/* "http://127.0.0.1:8080", good as long as the server. */
const char *httpd_url(const struct httpd *httpd);
/* Take no new connections, let the requests in hand finish (for a second), close. */
void httpd_stop(struct httpd *httpd);

#endif
