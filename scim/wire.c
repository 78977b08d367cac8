#include "scim/wire.h"

#include <arpa/inet.h>
#include <assert.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "scim/base/buf.h"
#include "scim/base/mem.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

/* A connection that was idle for longer does not carry what may go out once only. */
#define IDLE_ONCE_MAX_S 3L

/* Idle easy handles kept for the next transfers. */
#define SPARE_MAX 64

struct wire_transfer {
	struct wire_curl *wire;
	CURL *easy;
	struct curl_slist *headers;
	struct buf head, body;
	char *sent;        /* copy of the request's body */
	size_t sent_len, sent_at;
	wire_done_fn *done;
	void *ctx;
	bool has_body, once;
	char curl_text[CURL_ERROR_SIZE];
	struct wire_transfer *next, *prev;
};

struct wire_curl {
	struct wire base;
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
	char *user_agent, *ca_file, *proxy;
	bool allow_plaintext;
	struct wire_transfer *transfers;
	CURL *spare[SPARE_MAX];
	unsigned spare_count;
};

struct slice wire_header(const struct wire_answer *answer, const char *name)
{
	const char *at = answer->headers.data, *end = at + answer->headers.len;
	size_t name_len = strlen(name);

	while (at && at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop ? stop : end) - at);

		if (len > name_len && at[name_len] == ':' &&
		    !strncasecmp(at, name, name_len)) {
			struct slice value = slice_of(at + name_len + 1, len - name_len - 1);

			while (value.len && strchr(" \t", value.data[0]))
				value.data++, value.len--;
			while (value.len && strchr(" \t\r", value.data[value.len - 1]))
				value.len--;
			return value;
		}
		at = stop ? stop + 1 : end;
	}
	return slice_of(NULL, 0);
}

static bool host_is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	char bare[64];
	size_t len = strlen(host);

	/* libcurl resolves "localhost" to loopback whatever DNS says. */
	if (!strcasecmp(host, "localhost"))
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (len < 3 || host[0] != '[' || len >= sizeof(bare))
		return false;
	memcpy(bare, host + 1, len - 2);
	bare[len - 2] = '\0';
	return inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool wire_url_safe(const char *url)
{
	CURLU *parsed = curl_url();
	char *scheme = NULL, *host = NULL;
	bool safe = false;

	assert(parsed);
	if (!curl_url_set(parsed, CURLUPART_URL, url, 0) &&
	    !curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) &&
	    !curl_url_get(parsed, CURLUPART_HOST, &host, 0))
		safe = !strcasecmp(scheme, "https") ||
		       (!strcasecmp(scheme, "http") && host_is_loopback(host));
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(parsed);
	return safe;
}

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
	struct wire_transfer *transfer = ctx;

	buf_add(&transfer->body, data, size * count);
	return buf_failed(&transfer->body) ? 0 : size * count;
}

static size_t take_header(char *data, size_t size, size_t count, void *ctx)
{
	struct wire_transfer *transfer = ctx;
	size_t len = size * count;

	/* A new status line begins the block that counts: 100 Continue came before. */
	if (len >= 5 && !memcmp(data, "HTTP/", 5))
		buf_clear(&transfer->head);
	buf_add(&transfer->head, data, len);
	return buf_failed(&transfer->head) ? 0 : len;
}

static size_t give_body(char *data, size_t size, size_t count, void *ctx)
{
	struct wire_transfer *transfer = ctx;
	size_t room = size * count, left = transfer->sent_len - transfer->sent_at;

	if (room > left)
		room = left;
	memcpy(data, transfer->sent + transfer->sent_at, room);
	transfer->sent_at += room;
	return room;
}

static void transfer_free(struct wire_transfer *transfer)
{
	struct wire_curl *wire = transfer->wire;

	curl_multi_remove_handle(wire->multi, transfer->easy);
	if (wire->spare_count < SPARE_MAX) {
		curl_easy_reset(transfer->easy);
		wire->spare[wire->spare_count++] = transfer->easy;
	} else {
		curl_easy_cleanup(transfer->easy);
	}
	if (transfer->prev)
		transfer->prev->next = transfer->next;
	else
		wire->transfers = transfer->next;
	if (transfer->next)
		transfer->next->prev = transfer->prev;
	/* The slist holds the Authorization header, the copy may hold a secret. */
	for (struct curl_slist *h = transfer->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(transfer->headers);
	if (transfer->sent)
		explicit_bzero(transfer->sent, transfer->sent_len);
	mem_free(transfer->sent);
	buf_release(&transfer->head);
	if (transfer->body.data)
		explicit_bzero(transfer->body.data, transfer->body.len);
	buf_release(&transfer->body);
	mem_free(transfer);
}

/* Whether anything of the request went out on a connection. */
static bool request_left(CURL *easy)
{
	long bytes = 0;

	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
	return bytes > 0;
}

static enum err_kind curl_err_kind(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return ERR_TLS;
	default:
		return ERR_NET;
	}
}

static void describe(struct wire_transfer *transfer, CURLcode code, struct err *err)
{
	const char *text = transfer->curl_text[0] ? transfer->curl_text :
						    curl_easy_strerror(code);

	if (buf_failed(&transfer->body))
		err_set(err, ERR_LIMIT, "the answer is larger than %zu bytes",
			transfer->body.max_bytes);
	else if (buf_failed(&transfer->head))
		err_set(err, ERR_LIMIT, "the answer has more than %d bytes of headers",
			WIRE_HEADER_BYTES_MAX);
	else
		err_set(err, curl_err_kind(code), "%s", text);
}

static void finish(struct wire_transfer *transfer, CURLcode code)
{
	struct wire_answer answer = { .result = WIRE_ANSWERED };
	struct err err = ERR_INIT;
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	answer.status = (int)status;
	if (code != CURLE_OK) {
		answer.result = request_left(transfer->easy) ? WIRE_CUT : WIRE_NOT_SENT;
		describe(transfer, code, &err);
		answer.err = &err;
	}
	answer.headers = slice_of(transfer->head.data, transfer->head.len);
	answer.body = slice_of(transfer->body.data, transfer->body.len);
	transfer->done(transfer->ctx, &answer);
	transfer_free(transfer);
}

/* Hand out what is finished. A handler may start and cancel transfers. */
static void collect(struct wire_curl *wire)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(wire->multi, &left))) {
		struct wire_transfer *transfer = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		finish(transfer, code);
	}
}

static void on_socket(void *ctx, int fd, unsigned events)
{
	struct wire_curl *wire = ctx;
	int bits = ((events & LOOP_READ) ? CURL_CSELECT_IN : 0) |
		   ((events & LOOP_WRITE) ? CURL_CSELECT_OUT : 0);
	int running;

	curl_multi_socket_action(wire->multi, fd, bits, &running);
	collect(wire);
}

static void on_timer(void *ctx)
{
	struct wire_curl *wire = ctx;
	int running;

	curl_multi_socket_action(wire->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(wire);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct wire_curl *wire = ctx;
	unsigned events = 0;

	(void)easy;
	(void)socket_ctx;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= LOOP_READ;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= LOOP_WRITE;
	/* Should the kernel refuse, the transfer runs into its time limit. */
	(void)loop_io(wire->loop, fd, events, on_socket, wire, NULL);
	return 0;
}

static int want_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct wire_curl *wire = ctx;

	(void)multi;
	if (timeout_ms < 0)
		loop_timer_cancel(wire->loop, &wire->timer);
	else
		loop_timer_set(wire->loop, &wire->timer,
			       loop_now_us(wire->loop) + (int64_t)timeout_ms * 1000, on_timer,
			       wire);
	return 0;
}

static void set_security(struct wire_curl *wire, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (wire->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, wire->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	/* The empty text turns off the variables of the environment as well. */
	curl_easy_setopt(easy, CURLOPT_PROXY, wire->proxy ? wire->proxy : "");
}

static void set_body(struct wire_transfer *transfer, const struct wire_request *request)
{
	CURL *easy = transfer->easy;

	if (!request->has_body)
		return;
	transfer->has_body = true;
	transfer->sent_len = request->body.len;
	transfer->sent = mem_alloc(request->body.len + 1);
	memcpy(transfer->sent, request->body.data ? request->body.data : "", request->body.len);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
	if (!request->once) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->sent);
		return;
	}
	/*
	 * When a kept connection turns out dead, libcurl sends the request again by itself.
	 * It can do so only if it can rewind the body; a body that it reads and can't
	 * rewind (no SEEKFUNCTION) makes it fail instead, once any of the body has gone.
	 */
	/* The usual server closes an idle connection after 5 s: not just as this one leaves. */
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_ONCE_MAX_S);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
	curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
}

static void set_headers(struct wire_transfer *transfer, const struct wire_request *request)
{
	/* Without these libcurl asks "Expect: 100-continue" and waits a second for it. */
	transfer->headers = curl_slist_append(NULL, "Expect:");
	for (unsigned i = 0; i < WIRE_HEADERS_MAX && request->headers[i]; i++)
		transfer->headers = curl_slist_append(transfer->headers, request->headers[i]);
	assert(transfer->headers);
	curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static void set_options(struct wire_transfer *transfer, const struct wire_request *request)
{
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_text);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, transfer->wire->user_agent);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	set_security(transfer->wire, easy);
	set_body(transfer, request);
	set_headers(transfer, request);
	if (strcmp(request->method, request->has_body ? "POST" : "GET") != 0)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static int curl_start(struct wire *base, const struct wire_request *request,
		      wire_done_fn *done, void *ctx, struct wire_transfer **ret_transfer,
		      struct err *err)
{
	struct wire_curl *wire = (struct wire_curl *)base;
	struct wire_transfer *transfer;

	if (!wire->allow_plaintext && !wire_url_safe(request->url))
		return err_set(err, ERR_REFUSED, "%s: only https is allowed, or http to this "
			       "machine", request->url);
	transfer = mem_zalloc(sizeof(*transfer));
	transfer->wire = wire;
	transfer->done = done;
	transfer->ctx = ctx;
	transfer->easy = wire->spare_count ? wire->spare[--wire->spare_count] :
					     curl_easy_init();
	assert(transfer->easy);
	buf_init(&transfer->head, WIRE_HEADER_BYTES_MAX);
	buf_init(&transfer->body, request->answer_bytes_max);
	set_options(transfer, request);
	transfer->next = wire->transfers;
	if (wire->transfers)
		wire->transfers->prev = transfer;
	wire->transfers = transfer;
	curl_multi_add_handle(wire->multi, transfer->easy);
	*ret_transfer = transfer;
	return 0;
}

static void curl_cancel(struct wire *base, struct wire_transfer *transfer)
{
	(void)base;
	transfer_free(transfer);
}

static void curl_free_wire(struct wire *base)
{
	struct wire_curl *wire = (struct wire_curl *)base;

	while (wire->transfers)
		transfer_free(wire->transfers);
	for (unsigned i = 0; i < wire->spare_count; i++)
		curl_easy_cleanup(wire->spare[i]);
	curl_multi_cleanup(wire->multi);
	loop_timer_cancel(wire->loop, &wire->timer);
	mem_free(wire->user_agent);
	mem_free(wire->ca_file);
	mem_free(wire->proxy);
	mem_free(wire);
	curl_global_cleanup();
}

static char *copy(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

int wire_curl_new(struct loop *loop, const struct wire_curl_options *options,
		  struct wire **ret_wire, struct err *err)
{
	static const struct wire_ops ops = { curl_start, curl_cancel, curl_free_wire };
	struct wire_curl *wire;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return err_set(err, ERR_IO, "libcurl could not be set up");
	wire = mem_zalloc(sizeof(*wire));
	wire->base.ops = &ops;
	wire->loop = loop;
	wire->multi = curl_multi_init();
	assert(wire->multi);
	wire->user_agent = copy(options->user_agent);
	wire->ca_file = copy(options->ca_file);
	wire->proxy = copy(options->proxy);
	wire->allow_plaintext = options->allow_plaintext;
	curl_multi_setopt(wire->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(wire->multi, CURLMOPT_SOCKETDATA, wire);
	curl_multi_setopt(wire->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(wire->multi, CURLMOPT_TIMERDATA, wire);
	curl_multi_setopt(wire->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	if (options->connections_max) {
		curl_multi_setopt(wire->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
				  (long)options->connections_max);
		curl_multi_setopt(wire->multi, CURLMOPT_MAXCONNECTS,
				  (long)options->connections_max + 2);
	}
	*ret_wire = &wire->base;
	return 0;
}
