/*
 * bridge/sandbox/sandbox.h - the stand-in tenant: Genesys Cloud's calls that we use, with
 * its limits, refusals and quirks, on a state in memory.
 *
 * Pure: a request, a clock and chance go in, a response comes out; no globals, no printing,
 * no network (main.c has those). Its routes are bridge/api/api.def; what the tenant checks
 * and answers is written here apart from the client, from the vendor's contract.
 *
 * Memory  Everything belongs to the sandbox. A response's body is the caller's buf.
 * Threads None: one call at a time.
 * Errors  Loading and options: 0, or -1 with *err set. A request never fails: it is
 *         answered with a status.
 */
#ifndef BRIDGE_SANDBOX_SANDBOX_H
#define BRIDGE_SANDBOX_SANDBOX_H

#include <stdio.h>

#include "scim/base/buf.h"
#include "scim/base/clock.h"
#include "scim/base/err.h"
#include "scim/base/text.h"

/* tenant.jsonl; 100,000 users are about 100 MB. */
#define SANDBOX_DATA_BYTES_MAX (1u << 30)
/* A whole answer; the largest is /sandbox/state. */
#define SANDBOX_BODY_BYTES_MAX (1u << 30)
#define SANDBOX_FAULTS_MAX 32
#define SANDBOX_HEADERS_MAX 10
#define SANDBOX_RATE_MAX 1000000u
#define SANDBOX_LAG_MS_MAX 600000u
/* OAuthClient.accessTokenValiditySeconds: 5 minutes to 48 hours; shorter ones for tests. */
#define SANDBOX_TOKEN_LIFE_S_MAX 172800u

struct sandbox_options {
	unsigned rate_per_min; /* calls a minute for each token; 0 = no limit */
	unsigned lag_ms;       /* a 202 is visible after so long */
	unsigned token_life_s;
	uint64_t seed;         /* of ids and tokens; 0 = from the system */
	const struct clock *clock;
};

struct sandbox;
struct sandbox *sandbox_new(const struct sandbox_options *options);
void sandbox_free(struct sandbox *sandbox);

/*
 * Read tenant.jsonl, one object a line (see load.c). After an error the sandbox is fit for
 * nothing but sandbox_free.
 */
int sandbox_load(struct sandbox *sandbox, const char *path, struct err *err);
/* A tenant as text, for tests. */
int sandbox_load_text(struct sandbox *sandbox, const char *text, struct err *err);
/*
 * Write the state: lines in the order of loading, then of creation; an object that did not
 * change gives the same bytes again. What waits for its lag is done first. Errors of the
 * file stay for ferror().
 */
void sandbox_save(struct sandbox *sandbox, FILE *file);

/*
 * Set a switch, "NAME=VALUE": how the vendor behaves where that isn't known for sure; rows
 * in switches.def.
 */
int sandbox_set(struct sandbox *sandbox, const char *spec, struct err *err);
/* The switches with their values, the default first, for --help. */
void sandbox_list_switches(FILE *file);

/* Add a fault, "OP:every=3:status=503"; see faults.c. */
int sandbox_add_fault(struct sandbox *sandbox, const char *spec, struct err *err);

struct sandbox_request {
	const char *method;
	struct slice target; /* path and query as sent */
	const char *authorization, *content_type, *if_match, *if_none_match; /* or NULL */
	struct slice body;
};

enum sandbox_end { SANDBOX_SEND, SANDBOX_CUT, SANDBOX_HALF_BODY };

struct sandbox_response {
	int status;     /* 0 = cut before anything was done */
	const char *op; /* "USERS"; "" = none of the table's */
	const char *client; /* whose token it was, or "" */
	unsigned delay_ms;
	enum sandbox_end end;
	unsigned header_count;
	struct {
		const char *name;
		char value[256];
	} headers[SANDBOX_HEADERS_MAX];
	struct buf *body; /* the caller's, empty */
};

void sandbox_handle(struct sandbox *sandbox, const struct sandbox_request *request,
		    struct sandbox_response *response);

#endif
