/* The network wire against a small server of our own, which misbehaves by request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scim/base/buf.h"
#include "scim/base/mem.h"
#include "scim/wire.h"

#include "scim/base/banned.h"

/* What the server counts; shared with its process. */
struct counts {
	int requests, connections, bodies;
	char last[8192];
};

static struct counts *counts;
static pid_t server;
static int port;

static void say(int fd, const char *text)
{
	/* A client that hung up is part of the tests. */
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Read one request, its body by Content-Length included. Returns 0 at the end. */
static size_t read_request(int fd, char *text, size_t size)
{
	size_t len = 0, need = 0;

	for (;;) {
		ssize_t got = recv(fd, text + len, size - 1 - len, 0);
		char *end, *length;

		if (got <= 0)
			return 0;
		len += (size_t)got;
		text[len] = '\0';
		if (text[0] == 22) /* a TLS handshake */
			return 0;
		end = strstr(text, "\r\n\r\n");
		if (!end)
			continue;
		length = strstr(text, "Content-Length: ");
		need = (size_t)(end + 4 - text) +
		       (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
		if (len >= need)
			return len;
	}
}

static bool answer(int fd, const char *request, int number)
{
	if (strstr(request, " /ok "))
		say(fd, "HTTP/1.1 200 OK\r\nX-Thing:  spaced \r\nContent-Length: 2\r\n\r\nok");
	else if (strstr(request, " /continue "))
		say(fd, "HTTP/1.1 100 Continue\r\nX-Thing: no\r\n\r\nHTTP/1.1 201 Created\r\n"
			"Content-Length: 0\r\n\r\n");
	else if (strstr(request, " /nobody "))
		say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
	else if (strstr(request, " /redirect "))
		say(fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
	else if (strstr(request, " /flood ")) {
		char block[1024];

		memset(block, 'x', sizeof(block) - 1);
		block[sizeof(block) - 1] = '\0';
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
		for (int i = 0; i < 98; i++)
			say(fd, block);
	} else if (strstr(request, " /half ")) {
		say(fd, "HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n{\"id\"");
		return false;
	} else if (strstr(request, " /slow "))
		sleep(5);
	else if (strstr(request, " /garbage ")) {
		say(fd, "nonsense\r\n\r\n");
		return false;
	} else if (strstr(request, " /once ")) {
		/* A good answer first; the kept connection then dies with the request read. */
		if (number > 1)
			return false;
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	} else {
		return false;
	}
	return true;
}

static void serve(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL), number = 0;
		pid_t child;

		if (fd < 0)
			continue;
		__atomic_add_fetch(&counts->connections, 1, __ATOMIC_SEQ_CST);
		child = fork();
		if (!child) {
			char text[8192];
			size_t len;

			while ((len = read_request(fd, text, sizeof(text)))) {
				__atomic_add_fetch(&counts->requests, 1, __ATOMIC_SEQ_CST);
				memcpy(counts->last, text, len + 1);
				if (!answer(fd, text, ++number))
					break;
			}
			_exit(0);
		}
		close(fd);
	}
}

static int setup(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int flags = MAP_SHARED | MAP_ANONYMOUS;

	(void)state;
	/* cppcheck-suppress invalidFunctionArg ; -1 is what mmap wants here */
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, flags, -1, 0);
	assert_true(counts != MAP_FAILED);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 64), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	port = ntohs(address.sin_port);
	server = fork();
	if (!server) {
		setpgid(0, 0);
		signal(SIGCHLD, SIG_IGN);
		serve(listener);
	}
	close(listener);
	if (server > 0)
		setpgid(server, server);
	return server < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	kill(-server, SIGKILL);
	waitpid(server, NULL, 0);
	munmap(counts, sizeof(*counts));
	return 0;
}

struct seen {
	unsigned done;
	enum wire_result result;
	int status;
	enum err_kind kind;
	char text[256], body[4096], thing[64];
	size_t body_len;
};

static void keep(void *ctx, const struct wire_answer *got)
{
	struct seen *seen = ctx;
	struct slice thing = wire_header(got, "x-thing");

	seen->done++;
	seen->result = got->result;
	seen->status = got->status;
	seen->kind = got->err ? got->err->kind : ERR_NONE;
	snprintf(seen->text, sizeof(seen->text), "%s", got->err ? got->err->text : "");
	seen->body_len = got->body.len;
	snprintf(seen->body, sizeof(seen->body), "%.*s", SLICE_FMT(got->body));
	snprintf(seen->thing, sizeof(seen->thing), "%.*s", SLICE_FMT(thing));
}

static struct loop *loop;
static struct wire *wire;

static void open_wire(const char *ca_file)
{
	struct wire_curl_options options = { .user_agent = "dirbridge/test",
					     .ca_file = ca_file, .connections_max = 4 };
	struct err err = ERR_INIT;

	loop = loop_new(clock_system());
	assert_int_equal(wire_curl_new(loop, &options, &wire, &err), 0);
}

static void close_wire(void)
{
	wire->ops->free(wire);
	loop_free(loop);
}

static void url_of(char *out, size_t size, const char *path)
{
	snprintf(out, size, "http://127.0.0.1:%d%s", port, path);
}

static void transfer(const struct wire_request *request, struct seen *seen)
{
	struct wire_transfer *started;
	struct err err = ERR_INIT;
	unsigned before = seen->done;

	if (wire->ops->start(wire, request, keep, seen, &started, &err))
		fail_msg("%s", err.text);
	assert_int_equal(seen->done, before);
	while (seen->done == before)
		loop_step(loop, LOOP_NEVER);
}

static struct wire_request request_for(const char *url)
{
	return (struct wire_request){ .method = "GET", .url = url,
				      .connect_timeout_ms = 30000, .timeout_ms = 30000,
				      .answer_bytes_max = 2000 };
}

static const struct {
	const char *name, *path;
	enum wire_result result;
	int status;
	enum err_kind kind;
	const char *body;
} rows[] = {
	{ "answered", "/ok", WIRE_ANSWERED, 200, ERR_NONE, "ok" },
	{ "100 first", "/continue", WIRE_ANSWERED, 201, ERR_NONE, "" },
	{ "no body", "/nobody", WIRE_ANSWERED, 204, ERR_NONE, "" },
	{ "a redirect is not followed", "/redirect", WIRE_ANSWERED, 302, ERR_NONE, "" },
	{ "larger than allowed", "/flood", WIRE_CUT, 200, ERR_LIMIT, NULL },
	{ "cut in the body", "/half", WIRE_CUT, 201, ERR_NET, "{\"id\"" },
	{ "cut before the answer", "/cut", WIRE_CUT, 0, ERR_NET, "" },
	{ "too slow", "/slow", WIRE_CUT, 0, ERR_TIMEOUT, "" },
	{ "no HTTP", "/garbage", WIRE_CUT, 0, ERR_NET, "" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct seen seen = { 0 };
		struct wire_request request;
		char url[128];

		open_wire(NULL);
		url_of(url, sizeof(url), rows[i].path);
		request = request_for(url);
		if (rows[i].kind == ERR_TIMEOUT)
			request.timeout_ms = 300;
		transfer(&request, &seen);
		if (seen.result != rows[i].result || seen.status != rows[i].status ||
		    seen.kind != rows[i].kind ||
		    (rows[i].body && strcmp(seen.body, rows[i].body) != 0))
			fail_msg("%s: result %d status %d kind %d %s, body %s", rows[i].name,
				 seen.result, seen.status, seen.kind, seen.text, seen.body);
		assert_true(seen.body_len <= 2000);
		if (!strcmp(rows[i].path, "/ok"))
			assert_string_equal(seen.thing, "spaced");
		if (!strcmp(rows[i].path, "/continue"))
			assert_string_equal(seen.thing, "");
		close_wire();
	}
}

static void test_request_as_sent(void **state)
{
	struct seen seen = { 0 };
	struct wire_request request;
	char url[128];

	(void)state;
	for (int once = 0; once < 2; once++) {
		open_wire(NULL);
		url_of(url, sizeof(url), "/ok");
		request = request_for(url);
		request.method = "PATCH";
		request.has_body = true;
		request.once = once;
		request.body = SLICE("{\"a\":1}");
		request.headers[0] = "Content-Type: application/json";
		request.headers[1] = "If-Match: \"7\"";
		transfer(&request, &seen);
		assert_int_equal(seen.status, 200);
		assert_memory_equal(counts->last, "PATCH /ok HTTP/1.1\r\n", 20);
		assert_non_null(strstr(counts->last, "\r\nIf-Match: \"7\"\r\n"));
		assert_non_null(strstr(counts->last, "\r\nUser-Agent: dirbridge/test\r\n"));
		assert_non_null(strstr(counts->last, "\r\nContent-Length: 7\r\n"));
		assert_null(strstr(counts->last, "Expect"));
		assert_null(strstr(counts->last, "chunked"));
		assert_string_equal(strstr(counts->last, "\r\n\r\n"), "\r\n\r\n{\"a\":1}");
		close_wire();
	}
}

static void test_keep_alive(void **state)
{
	struct seen seen = { 0 };
	struct wire_request request;
	char url[128];
	int before = counts->connections;

	(void)state;
	open_wire(NULL);
	url_of(url, sizeof(url), "/ok");
	request = request_for(url);
	for (int i = 0; i < 10; i++)
		transfer(&request, &seen);
	assert_int_equal(seen.done, 10);
	assert_int_equal(counts->connections - before, 1);
	close_wire();
}

/*
 * The kept connection dies after the request was read. A request that may go out again does
 * so inside libcurl; one that must not arrives at the server once.
 */
static void test_once(void **state)
{
	static const struct {
		bool once;
		enum wire_result result;
		int requests;
	} cases[] = { { false, WIRE_ANSWERED, 3 }, { true, WIRE_CUT, 2 } };
	char url[128];

	(void)state;
	url_of(url, sizeof(url), "/once");
	for (int i = 0; i < 2; i++) {
		struct seen seen = { 0 };
		struct wire_request request = request_for(url);
		int before = counts->requests;

		open_wire(NULL);
		request.method = "POST";
		request.has_body = true;
		request.body = SLICE("{}");
		request.once = cases[i].once;
		transfer(&request, &seen);
		assert_int_equal(seen.status, 200);
		transfer(&request, &seen);
		if (seen.result != cases[i].result ||
		    counts->requests - before != cases[i].requests)
			fail_msg("once %d: result %d, %d requests: %s", cases[i].once,
				 seen.result, counts->requests - before, seen.text);
		close_wire();
	}
}

static void test_not_sent(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct seen seen = { 0 };
	struct wire_request request;
	char url[128];

	(void)state;
	/* Bound and not listening: nobody else gets the port, connections are refused. */
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
	open_wire(NULL);
	request = request_for(url);
	transfer(&request, &seen);
	assert_int_equal(seen.result, WIRE_NOT_SENT);
	assert_int_equal(seen.kind, ERR_NET);
	close_wire();
	close(fd);
}

static void test_tls_refused(void **state)
{
	struct seen seen = { 0 };
	struct wire_request request;
	char url[128];

	(void)state;
	/* The plain server does not speak TLS. */
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/ok", port);
	open_wire(NULL);
	request = request_for(url);
	transfer(&request, &seen);
	assert_int_equal(seen.result, WIRE_NOT_SENT);
	assert_int_equal(seen.status, 0);
	close_wire();
}

/* ---- TLS, against openssl s_server ---- */

static pid_t run(const char *const *args, int *ret_output)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		dup2(ends[1], 1);
		(void)!freopen("/dev/null", "r", stdin);
		(void)!freopen("/dev/null", "w", stderr);
		close(ends[0]);
		execvp(args[0], (char *const *)args);
		_exit(127);
	}
	close(ends[1]);
	*ret_output = ends[0];
	return pid;
}

/* Its "ACCEPT 127.0.0.1:port". */
static int tls_port(int output)
{
	char text[512] = "", *at = NULL;
	size_t len = 0;

	while (!(at && strchr(at, '\n')) && len < sizeof(text) - 1) {
		ssize_t got = read(output, text + len, sizeof(text) - 1 - len);

		if (got <= 0)
			break;
		len += (size_t)got;
		text[len] = '\0';
		at = strstr(text, "ACCEPT ");
	}
	at = at ? strchr(at, ':') : NULL;
	return at ? (int)strtol(at + 1, NULL, 10) : 0;
}

static void test_tls(void **state)
{
	static const struct {
		const char *name, *host; /* which the certificate is for */
		bool trusted;
		enum wire_result result;
		enum err_kind kind;
	} cases[] = {
		{ "trusted", "IP:127.0.0.1", true, WIRE_ANSWERED, ERR_NONE },
		{ "unknown authority", "IP:127.0.0.1", false, WIRE_NOT_SENT, ERR_TLS },
		{ "another name", "DNS:api.example.org", true, WIRE_NOT_SENT, ERR_TLS },
	};
	char folder[] = "/tmp/test_wire.XXXXXX", key[64], cert[64], names[64], url[64];

	(void)state;
	if (access("/usr/bin/openssl", X_OK))
		skip();
	assert_non_null(mkdtemp(folder));
	snprintf(key, sizeof(key), "%s/key.pem", folder);
	snprintf(cert, sizeof(cert), "%s/cert.pem", folder);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *make[] = { "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
				       "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
				       "-subj", "/CN=test", "-addext", names, "-keyout", key,
				       "-out", cert, NULL };
		const char *serve_tls[] = { "openssl", "s_server", "-accept", "127.0.0.1:0",
					    "-cert", cert, "-key", key, "-www", NULL };
		struct seen seen = { 0 };
		struct wire_request request;
		pid_t pid;
		int output;

		snprintf(names, sizeof(names), "subjectAltName=%s", cases[i].host);
		pid = run(make, &output);
		close(output);
		waitpid(pid, NULL, 0);
		pid = run(serve_tls, &output);
		snprintf(url, sizeof(url), "https://127.0.0.1:%d/", tls_port(output));
		open_wire(cases[i].trusted ? cert : NULL);
		request = request_for(url);
		request.answer_bytes_max = 1 << 20;
		transfer(&request, &seen);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(output);
		close_wire();
		if (seen.result != cases[i].result || seen.kind != cases[i].kind)
			fail_msg("%s: result %d kind %d %s", cases[i].name, seen.result,
				 seen.kind, seen.text);
	}
	unlink(key);
	unlink(cert);
	rmdir(folder);
}

static void test_cancel(void **state)
{
	struct seen seen = { 0 };
	struct wire_transfer *started;
	struct wire_request request;
	struct err err = ERR_INIT;
	char url[128];

	(void)state;
	open_wire(NULL);
	url_of(url, sizeof(url), "/slow");
	request = request_for(url);
	assert_int_equal(wire->ops->start(wire, &request, keep, &seen, &started, &err), 0);
	loop_step(loop, loop_now_us(loop) + 50000);
	wire->ops->cancel(wire, started);
	/* And one that is in flight when the wire goes. */
	assert_int_equal(wire->ops->start(wire, &request, keep, &seen, &started, &err), 0);
	loop_step(loop, loop_now_us(loop) + 50000);
	close_wire();
	assert_int_equal(seen.done, 0);
}

/* The environment does not decide the way of a token. */
static void test_no_proxy_from_environment(void **state)
{
	struct seen seen = { 0 };
	struct wire_request request;
	char url[128];

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	open_wire(NULL);
	url_of(url, sizeof(url), "/ok");
	request = request_for(url);
	transfer(&request, &seen);
	assert_int_equal(seen.status, 200);
	close_wire();
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static void test_urls(void **state)
{
	static const struct {
		const char *url;
		bool safe;
	} urls[] = {
		{ "https://api.mypurecloud.de/x", true },
		{ "http://127.0.0.1:8080", true },
		{ "http://127.9.9.9/", true },
		{ "http://localhost:1/", true },
		{ "http://[::1]:1/", true },
		{ "http://api.mypurecloud.de/", false },
		{ "http://127.0.0.1.evil.org/", false },
		{ "http://localhost.evil.org/", false },
		{ "http://127.0.0.1@evil.org/", false },
		{ "http://[::2]/", false },
		{ "ftp://127.0.0.1/", false },
		{ "file:///etc/passwd", false },
		{ "", false },
	};
	struct wire_transfer *started;

	(void)state;
	open_wire(NULL);
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		struct wire_request request = request_for(urls[i].url);
		struct seen seen = { 0 };
		struct err err = ERR_INIT;

		if (wire_url_safe(urls[i].url) != urls[i].safe)
			fail_msg("%s: safe %d expected", urls[i].url, urls[i].safe);
		if (!urls[i].safe &&
		    (!wire->ops->start(wire, &request, keep, &seen, &started, &err) ||
		     err.kind != ERR_REFUSED))
			fail_msg("%s was started", urls[i].url);
	}
	close_wire();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),      cmocka_unit_test(test_request_as_sent),
		cmocka_unit_test(test_keep_alive), cmocka_unit_test(test_once),
		cmocka_unit_test(test_not_sent),  cmocka_unit_test(test_tls_refused),
		cmocka_unit_test(test_tls),       cmocka_unit_test(test_cancel),
		   cmocka_unit_test(test_no_proxy_from_environment),
		cmocka_unit_test(test_urls),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
