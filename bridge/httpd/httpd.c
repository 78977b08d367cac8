#include "bridge/httpd/httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "scim/base/vec.h"

#include "scim/base/banned.h"

/* How long httpd_stop waits for requests in hand. */
#define STOP_WAIT_MS 1000
#define BACKLOG 128

struct httpd {
	struct MHD_Daemon *daemon;
	httpd_handler_fn *handler;
	void *ctx;
	size_t body_max;
	char url[80];
	pthread_mutex_t handling; /* held while the handler runs */
	pthread_mutex_t lock;     /* guards what follows */
	pthread_cond_t changed;
	unsigned in_hand;
	bool stopping;
};

struct httpd_request {
	struct MHD_Connection *connection;
	char *target;
	const char *method;
	struct buf body;
	bool begun;
};

const char *httpd_method(const struct httpd_request *request)
{
	return request->method;
}

const char *httpd_target(const struct httpd_request *request)
{
	return request->target;
}

const char *httpd_header(const struct httpd_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct slice httpd_body(const struct httpd_request *request)
{
	return slice_of(request->body.data ? request->body.data : "", request->body.len);
}

/* ---- answering ---- */

static struct timespec deadline_in(unsigned ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

/* A server that stops waits for no delay. */
static void wait_delay(struct httpd *httpd, unsigned ms)
{
	struct timespec until = deadline_in(ms);

	pthread_mutex_lock(&httpd->lock);
	while (!httpd->stopping &&
	       pthread_cond_timedwait(&httpd->changed, &httpd->lock, &until) == 0)
		;
	pthread_mutex_unlock(&httpd->lock);
}

struct half {
	size_t len;
	char data[];
};

static ssize_t half_read(void *ctx, uint64_t pos, char *out, size_t max)
{
	struct half *half = ctx;
	size_t left;

	if (pos >= half->len)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	left = half->len - (size_t)pos;
	if (left > max)
		left = max;
	memcpy(out, half->data + pos, left);
	return (ssize_t)left;
}

static void half_free(void *ctx)
{
	mem_free(ctx);
}

static struct MHD_Response *make_half(const struct buf *body)
{
	struct half *half = mem_alloc(sizeof(*half) + body->len / 2 + 1);

	half->len = body->len / 2;
	if (half->len)
		memcpy(half->data, body->data, half->len);
	return MHD_create_response_from_callback(body->len ? body->len : 1, 4096, half_read,
						 half, half_free);
}

static enum MHD_Result send_response(struct MHD_Connection *connection,
				     struct httpd_response *response)
{
	struct MHD_Response *out;
	enum MHD_Result result;

	if (response->end == HTTPD_CUT) {
		buf_release(&response->body);
		return MHD_NO;
	}
	if (response->end == HTTPD_HALF_BODY) {
		out = make_half(&response->body);
		buf_release(&response->body);
	} else {
		/*
		 * The library frees the data with free(): it comes from mem_realloc, unless
		 * the body is empty and its data is a constant.
		 */
		out = MHD_create_response_from_buffer(response->body.len,
						      response->body.data,
						      response->body.size
							      ? MHD_RESPMEM_MUST_FREE
							      : MHD_RESPMEM_PERSISTENT);
	}
	if (!out)
		return MHD_NO;
	for (unsigned i = 0; i < response->header_count; i++)
		MHD_add_response_header(out, response->headers[i].name,
					response->headers[i].value);
	result = MHD_queue_response(connection, (unsigned)response->status, out);
	MHD_destroy_response(out);
	return result;
}

static enum MHD_Result send_status(struct MHD_Connection *connection, int status,
				   const char *text)
{
	struct httpd_response response = { .status = status };

	buf_init(&response.body, 4096);
	buf_addstr(&response.body, text);
	return send_response(connection, &response);
}

static enum MHD_Result answer(struct httpd *httpd, struct httpd_request *request)
{
	struct httpd_response response;

	/* The headers behind are written up to their count only. */
	memset(&response, 0, offsetof(struct httpd_response, headers));
	response.status = 500;
	buf_init(&response.body, httpd->body_max);
	pthread_mutex_lock(&httpd->handling);
	httpd->handler(httpd->ctx, request, &response);
	pthread_mutex_unlock(&httpd->handling);
	if (response.delay_ms)
		wait_delay(httpd, response.delay_ms);
	if (buf_failed(&response.body)) {
		buf_release(&response.body);
		return send_status(request->connection, 500, "answer too large\n");
	}
	return send_response(request->connection, &response);
}

/* ---- receiving ---- */

static void *request_new(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct httpd *httpd = cls;
	struct httpd_request *request = mem_zalloc(sizeof(*request));

	request->connection = connection;
	request->target = mem_strdup(uri);
	buf_init(&request->body, HTTPD_BODY_BYTES_MAX);
	pthread_mutex_lock(&httpd->lock);
	httpd->in_hand++;
	pthread_mutex_unlock(&httpd->lock);
	return request;
}

static void request_done(void *cls, struct MHD_Connection *connection, void **ctx,
			 enum MHD_RequestTerminationCode code)
{
	struct httpd *httpd = cls;
	struct httpd_request *request = *ctx;

	(void)connection;
	(void)code;
	if (!request)
		return;
	*ctx = NULL;
	buf_release(&request->body);
	mem_free(request->target);
	mem_free(request);
	pthread_mutex_lock(&httpd->lock);
	httpd->in_hand--;
	pthread_cond_broadcast(&httpd->changed);
	pthread_mutex_unlock(&httpd->lock);
}

static bool announces_too_much(const struct httpd_request *request)
{
	const char *length = httpd_header(request, "Content-Length");

	return length && strtoull(length, NULL, 10) > HTTPD_BODY_BYTES_MAX;
}

/* Called at the head of a request, for each piece of its body, and at its end. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
				  const char *url, const char *method, const char *version,
				  const char *data, size_t *data_len, void **ctx)
{
	struct httpd *httpd = cls;
	struct httpd_request *request = *ctx;

	(void)url; /* decoded already; the target is as it was sent */
	(void)version;
	if (!request->begun) {
		request->begun = true;
		request->method = method;
		if (announces_too_much(request))
			return send_status(connection, 413, "body too large\n");
		return MHD_YES;
	}
	if (*data_len) {
		buf_add(&request->body, data, *data_len);
		*data_len = 0;
		return MHD_YES;
	}
	if (buf_failed(&request->body))
		return send_status(connection, 413, "body too large\n");
	return answer(httpd, request);
}

/* ---- start and stop ---- */

/* "127.0.0.1:80", "[::1]:80" or "localhost:80" into an address. */
static int parse_listen(const char *listen, struct sockaddr_storage *ret,
			socklen_t *ret_len, struct err *err)
{
	const char *colon = strrchr(listen, ':');
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	char host[64], *end;
	unsigned long port;
	size_t len = colon ? (size_t)(colon - listen) : 0;

	if (!colon || !colon[1] || len >= sizeof(host))
		return err_set(err, ERR_USAGE, "\"%s\" is no address; write 127.0.0.1:PORT",
			       listen);
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535 || colon[1] < '0' || colon[1] > '9')
		return err_set(err, ERR_USAGE, "\"%s\" is no port; write 0 to 65535",
			       colon + 1);
	memcpy(host, listen, len);
	host[len] = '\0';
	memset(ret, 0, sizeof(*ret));
	if (!strcmp(host, "[::1]")) {
		v6->sin6_family = AF_INET6;
		v6->sin6_addr = in6addr_loopback;
		v6->sin6_port = htons((uint16_t)port);
		*ret_len = sizeof(*v6);
		return 0;
	}
	if (!strcmp(host, "localhost"))
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (inet_pton(AF_INET, host, &v4->sin_addr) != 1 ||
		 ntohl(v4->sin_addr.s_addr) >> 24 != 127)
		return err_set(err, ERR_USAGE, "\"%s\" is not on loopback; listen on "
			       "127.0.0.1:PORT, there is no TLS here", listen);
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	*ret_len = sizeof(*v4);
	return 0;
}

static int open_socket(const char *listen_on, int *ret_fd, struct sockaddr_storage *addr,
		       struct err *err)
{
	socklen_t len;
	int fd, on = 1;

	if (parse_listen(listen_on, addr, &len, err))
		return -1;
	fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, ERR_NET, "no socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)addr, len) || listen(fd, BACKLOG) ||
	    getsockname(fd, (struct sockaddr *)addr, &len)) {
		err_set(err, ERR_NET, "cannot listen on %s: %s", listen_on, strerror(errno));
		close(fd);
		return -1;
	}
	*ret_fd = fd;
	return 0;
}

static void write_url(struct httpd *httpd, const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
	char host[INET6_ADDRSTRLEN];

	if (addr->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(httpd->url, sizeof(httpd->url), "http://[%s]:%u", host,
			 ntohs(v6->sin6_port));
	} else {
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(httpd->url, sizeof(httpd->url), "http://%s:%u", host,
			 ntohs(v4->sin_port));
	}
}

static void httpd_free(struct httpd *httpd)
{
	pthread_cond_destroy(&httpd->changed);
	pthread_mutex_destroy(&httpd->lock);
	pthread_mutex_destroy(&httpd->handling);
	mem_free(httpd);
}

static struct httpd *httpd_new(size_t body_max, httpd_handler_fn *handler, void *ctx)
{
	struct httpd *httpd = mem_zalloc(sizeof(*httpd));
	pthread_condattr_t attr;
	pthread_mutexattr_t spin;

	httpd->handler = handler;
	httpd->ctx = ctx;
	httpd->body_max = body_max;
	/* A handler is done in some ten microseconds: less than to sleep and be woken. */
	pthread_mutexattr_init(&spin);
	pthread_mutexattr_settype(&spin, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(&httpd->handling, &spin);
	pthread_mutexattr_destroy(&spin);
	pthread_mutex_init(&httpd->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&httpd->changed, &attr);
	pthread_condattr_destroy(&attr);
	return httpd;
}

int httpd_start(const char *listen_on, size_t body_max, httpd_handler_fn *handler,
		void *ctx, struct httpd **ret_httpd, struct err *err)
{
	struct sockaddr_storage addr;
	struct httpd *httpd;
	int fd;

	if (open_socket(listen_on, &fd, &addr, err))
		return -1;
	httpd = httpd_new(body_max, handler, ctx);
	write_url(httpd, &addr);
	/* A thread for each connection: an answer that is delayed holds up no other. */
	httpd->daemon = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
			MHD_USE_POLL | MHD_USE_ITC,
		0, NULL, NULL, on_request, httpd, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_URI_LOG_CALLBACK, request_new, httpd, MHD_OPTION_NOTIFY_COMPLETED,
		request_done, httpd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)HTTPD_CONNECTIONS_MAX, MHD_OPTION_THREAD_STACK_SIZE,
		(size_t)1 << 20, MHD_OPTION_END);
	if (!httpd->daemon) {
		httpd_free(httpd);
		close(fd);
		return err_set(err, ERR_NET, "cannot serve on %s", listen_on);
	}
	*ret_httpd = httpd;
	return 0;
}

const char *httpd_url(const struct httpd *httpd)
{
	return httpd->url;
}

void httpd_stop(struct httpd *httpd)
{
	struct timespec until = deadline_in(STOP_WAIT_MS);
	int fd;

	if (!httpd)
		return;
	fd = MHD_quiesce_daemon(httpd->daemon);
	pthread_mutex_lock(&httpd->lock);
	httpd->stopping = true;
	pthread_cond_broadcast(&httpd->changed);
	while (httpd->in_hand &&
	       pthread_cond_timedwait(&httpd->changed, &httpd->lock, &until) == 0)
		;
	pthread_mutex_unlock(&httpd->lock);
	MHD_stop_daemon(httpd->daemon);
	if (fd >= 0)
		close(fd);
	httpd_free(httpd);
}
