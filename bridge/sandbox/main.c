/*
 * dirbridge-sandbox: the stand-in tenant behind HTTP on loopback. Holds what the core must
 * not: options, the socket, signals, files.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/httpd/httpd.h"
#include "bridge/sandbox/sandbox.h"
#include "scim/base/json.h"
#include "scim/base/text.h"

#include "scim/base/banned.h"

#define SWITCHES_MAX 64
#define JOURNAL_LINE_MAX (16u << 20)

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct settings {
	const char *listen, *data, *save, *journal;
	unsigned rate, lag_ms, token_life_s, seed;
	const char *faults[SANDBOX_FAULTS_MAX];
	unsigned fault_count;
	const char *switches[SWITCHES_MAX];
	unsigned switch_count;
};

struct front {
	struct sandbox *sandbox;
	FILE *journal;
	bool journal_failed;
};

static const char help[] =
	"Usage: dirbridge-sandbox --listen 127.0.0.1:PORT --data FILE [OPTION]...\n\n"
	"A stand-in for a Genesys Cloud tenant: the calls that dirbridge uses, on a state in\n"
	"memory. Prints its address when it is ready; saves its state when it is told to end\n"
	"(SIGTERM, SIGINT).\n\n"
	"  --listen ADDRESS     where to listen, on loopback; port 0 takes a free one\n"
	"  --data FILE          the tenant: one JSON object a line\n"
	"  --save FILE          save there instead of into the data file\n"
	"  --rate N             calls a minute for each token (default 300; 0 = no limit)\n"
	"  --lag MS             when a group change answered with 202 is seen (default 300)\n"
	"  --token-life S       a token ends after S seconds (default 86400)\n"
	"  --fault SPEC         OP:every=N:status=503, OP:after=K:count=M:cut=before|after,\n"
	"                       OP:delay=MS, OP:half-body, OP:status=429:retry-after=S,\n"
	"                       OP:stale=MS (reads of so long ago), OP:never (a 202 that doesn't\n"
	"                       happen), OP:no-expand; from=MS:for=MS after the first call; OP is\n"
	"                       an operation like USERS, or *; may be given several times\n"
	"  --set NAME=VALUE     a switch (below); may be given several times\n"
	"  --journal FILE       write a JSON line for each request, enough to send it again\n"
	"  --seed N             make the same ids and tokens each time (default: random)\n"
	"  --help, --version\n\n"
	"GET /sandbox/counters tells the calls so far, POST /sandbox/reset sets them to 0, GET\n"
	"/sandbox/state is the tenant as it is. Exit codes: 0 ended and saved; 1 could not\n"
	"listen or save; 2 options or data file wrong.\n\n"
	"Switches, for what isn't known for sure about the vendor; the first value is the\n"
	"default:\n\n";

/* ---- options ---- */

static int bad_option(const char *fmt, const char *name, const char *value)
{
	char shown[128];

	text_visible(value, strlen(value), shown, sizeof(shown));
	fprintf(stderr, "dirbridge-sandbox: ");
	fprintf(stderr, fmt, name, shown);
	fprintf(stderr, "; see --help\n");
	return -1;
}

static int parse_unsigned(const char *name, const char *value, unsigned long max,
			  unsigned *ret)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || number > max)
		return bad_option("--%s: \"%s\" is no number in its range", name, value);
	*ret = (unsigned)number;
	return 0;
}

static const struct option options[] = {
	{ "listen", required_argument, NULL, 'l' },
	{ "data", required_argument, NULL, 'd' },
	{ "save", required_argument, NULL, 's' },
	{ "rate", required_argument, NULL, 'r' },
	{ "lag", required_argument, NULL, 'g' },
	{ "token-life", required_argument, NULL, 't' },
	{ "fault", required_argument, NULL, 'f' },
	{ "set", required_argument, NULL, 'S' },
	{ "journal", required_argument, NULL, 'j' },
	{ "seed", required_argument, NULL, 'e' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

/* Returns 0, -1 after an error, 1 when the answer is out already. */
static int take_option(struct settings *s, int option)
{
	switch (option) {
	case 'l':
		s->listen = optarg;
		return 0;
	case 'd':
		s->data = optarg;
		return 0;
	case 's':
		s->save = optarg;
		return 0;
	case 'j':
		s->journal = optarg;
		return 0;
	case 'r':
		return parse_unsigned("rate", optarg, SANDBOX_RATE_MAX, &s->rate);
	case 'g':
		return parse_unsigned("lag", optarg, SANDBOX_LAG_MS_MAX, &s->lag_ms);
	case 't':
		return parse_unsigned("token-life", optarg, SANDBOX_TOKEN_LIFE_S_MAX,
				      &s->token_life_s);
	case 'e':
		return parse_unsigned("seed", optarg, UINT32_MAX, &s->seed);
	case 'f':
		if (s->fault_count == SANDBOX_FAULTS_MAX)
			return bad_option("--%s %s: too many faults", "fault", optarg);
		s->faults[s->fault_count++] = optarg;
		return 0;
	case 'S':
		if (s->switch_count == SWITCHES_MAX)
			return bad_option("--%s %s: too many switches", "set", optarg);
		s->switches[s->switch_count++] = optarg;
		return 0;
	case 'h':
		fputs(help, stdout);
		sandbox_list_switches(stdout);
		return 1;
	case 'v':
		puts("dirbridge-sandbox " DIRBRIDGE_VERSION);
		return 1;
	default:
		fprintf(stderr, "See dirbridge-sandbox --help\n");
		return -1;
	}
}

static int parse_options(int argc, char **argv, struct settings *s)
{
	int option, result;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		result = take_option(s, option);
		if (result)
			return result;
	}
	if (optind < argc)
		return bad_option("%s: \"%s\" is not known", "arguments", argv[optind]);
	if (!s->listen || !s->data) {
		fprintf(stderr, "dirbridge-sandbox: --%s is missing; see --help\n",
			s->listen ? "data" : "listen");
		return -1;
	}
	return 0;
}

/* ---- serving ---- */

static void write_journal(struct front *front, const struct sandbox_request *request,
			  const struct sandbox_response *response)
{
	const char *mark = memchr(request->target.data, '?', request->target.len);
	struct json_out out;
	struct buf line;

	if (!front->journal)
		return;
	buf_init(&line, JOURNAL_LINE_MAX);
	json_out_init(&out, &line);
	json_out_object(&out);
	json_out_member(&out, "method", request->method);
	json_out_key(&out, "path");
	json_out_slice(&out, slice_of(request->target.data,
				      mark ? (size_t)(mark - request->target.data) :
					     request->target.len));
	json_out_member(&out, "op", response->op);
	json_out_member_int(&out, "status", response->status);
	json_out_member(&out, "client", response->client);
	json_out_member_int(&out, "time_us", clock_now_us(clock_system()));
	if (mark) {
		json_out_key(&out, "query");
		json_out_slice(&out, slice_of(mark + 1, request->target.len - 1 -
						(size_t)(mark - request->target.data)));
	}
	/* A token's body has no secret, its header does: that one is left out. */
	if (request->body.len) {
		json_out_key(&out, "body");
		json_out_slice(&out, request->body);
	}
	if (request->if_match)
		json_out_member(&out, "if_match", request->if_match);
	json_out_object_end(&out);
	buf_addch(&line, '\n');
	if (!buf_failed(&line) && fwrite(line.data, 1, line.len, front->journal) != line.len)
		front->journal_failed = true;
	if (fflush(front->journal))
		front->journal_failed = true;
	buf_release(&line);
}

static void copy_response(const struct sandbox_response *from, struct httpd_response *to)
{
	_Static_assert(SANDBOX_HEADERS_MAX <= HTTPD_HEADERS_MAX, "headers fit");
	to->status = from->status;
	to->delay_ms = from->delay_ms;
	to->end = from->end == SANDBOX_CUT	  ? HTTPD_CUT :
		  from->end == SANDBOX_HALF_BODY ? HTTPD_HALF_BODY :
						   HTTPD_SEND;
	to->header_count = from->header_count;
	for (unsigned i = 0; i < from->header_count; i++) {
		to->headers[i].name = from->headers[i].name;
		memcpy(to->headers[i].value, from->headers[i].value,
		       strlen(from->headers[i].value) + 1);
	}
}

static void serve(void *ctx, const struct httpd_request *in, struct httpd_response *out)
{
	struct front *front = ctx;
	struct sandbox_request request = {
		.method = httpd_method(in),
		.target = slice_str(httpd_target(in)),
		.authorization = httpd_header(in, "Authorization"),
		.content_type = httpd_header(in, "Content-Type"),
		.if_match = httpd_header(in, "If-Match"),
		.if_none_match = httpd_header(in, "If-None-Match"),
		.body = httpd_body(in),
	};
	struct sandbox_response response;

	/* The headers behind are written up to their count only. */
	memset(&response, 0, offsetof(struct sandbox_response, headers));
	response.body = &out->body;
	sandbox_handle(front->sandbox, &request, &response);
	copy_response(&response, out);
	write_journal(front, &request, &response);
}

/* ---- files ---- */

static int report(const struct err *err, int status)
{
	char text[ERR_FORMAT_MAX];

	fprintf(stderr, "dirbridge-sandbox: %s\n", err_format(err, text, sizeof(text)));
	return status;
}

/* Written aside and renamed: a full disk leaves the old file. */
static int save(struct sandbox *sandbox, const char *path, struct err *err)
{
	char aside[4096];
	FILE *file;
	int failed;

	if ((size_t)snprintf(aside, sizeof(aside), "%s.new", path) >= sizeof(aside))
		return err_at(err, ERR_IO, path, 0, 0, "the name is too long");
	file = fopen(aside, "we");
	if (!file)
		return err_at(err, ERR_IO, aside, 0, 0, "cannot write: %s", strerror(errno));
	sandbox_save(sandbox, file);
	failed = fflush(file) || ferror(file) || fsync(fileno(file));
	failed |= fclose(file);
	if (failed || rename(aside, path)) {
		err_at(err, ERR_IO, path, 0, 0, "cannot save the state: %s", strerror(errno));
		unlink(aside);
		return -1;
	}
	return 0;
}

static int open_sandbox(const struct settings *s, struct front *front, struct err *err)
{
	struct sandbox_options o = {
		.rate_per_min = s->rate,
		.lag_ms = s->lag_ms,
		.token_life_s = s->token_life_s,
		.seed = s->seed,
		.clock = clock_system(),
	};

	front->sandbox = sandbox_new(&o);
	for (unsigned i = 0; i < s->fault_count; i++)
		if (sandbox_add_fault(front->sandbox, s->faults[i], err))
			return -1;
	for (unsigned i = 0; i < s->switch_count; i++)
		if (sandbox_set(front->sandbox, s->switches[i], err))
			return -1;
	return sandbox_load(front->sandbox, s->data, err);
}

static int open_journal(const struct settings *s, struct front *front, struct err *err)
{
	if (!s->journal)
		return 0;
	front->journal = fopen(s->journal, "ae");
	if (!front->journal)
		return err_at(err, ERR_IO, s->journal, 0, 0, "cannot write: %s",
			      strerror(errno));
	return 0;
}

/* Serve until a signal; the signals were blocked before the server's threads began. */
static int run(const struct settings *s, struct front *front, const sigset_t *signals)
{
	struct err err = ERR_INIT;
	struct httpd *httpd;
	int signo;

	if (httpd_start(s->listen, SANDBOX_BODY_BYTES_MAX, serve, front, &httpd, &err))
		return report(&err, err.kind == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED);
	printf("%s\n", httpd_url(httpd));
	fflush(stdout);
	while (sigwait(signals, &signo))
		;
	httpd_stop(httpd);
	if (save(front->sandbox, s->save ? s->save : s->data, &err))
		return report(&err, EXIT_FAILED);
	if (front->journal_failed) {
		err_at(&err, ERR_IO, s->journal, 0, 0, "lines of the journal are missing");
		return report(&err, EXIT_FAILED);
	}
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	struct settings s = { .rate = 300, .lag_ms = 300, .token_life_s = 86400 };
	struct front front = { 0 };
	struct err err = ERR_INIT;
	sigset_t signals;
	int status = parse_options(argc, argv, &s);

	if (status)
		return status > 0 ? EXIT_OK : EXIT_USAGE;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (open_sandbox(&s, &front, &err) || open_journal(&s, &front, &err))
		status = report(&err, EXIT_USAGE);
	else
		status = run(&s, &front, &signals);
	if (front.journal)
		fclose(front.journal);
	sandbox_free(front.sandbox);
	return status;
}
