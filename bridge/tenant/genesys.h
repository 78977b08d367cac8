/*
 * bridge/tenant/genesys.h - inside of the Genesys Cloud client; nobody else includes it but
 * its own files and tests, which put a wire of their own behind it.
 *
 *   genesys.c        token, one call with its error, pacing, counters
 *   genesys_page.c   all pages of a list, several in flight, with a verdict
 *   genesys_read.h   reading: catalogues, accounts, grants and members, external ids
 *   genesys_check.c  what the client may do, who else writes, limits
 *   genesys_write.c  sending calls, conflicts, splitting, deleted accounts restored
 *   genesys_settle.c waiting until what was accepted is seen
 *   calls.c pace.c   pure
 *
 * Secrets: the client secret and the token are in memory only, wiped when freed, and in no
 * message: texts of errors come from answers, never from requests.
 */
#ifndef BRIDGE_TENANT_GENESYS_H
#define BRIDGE_TENANT_GENESYS_H

#include "bridge/tenant/pace.h"
#include "bridge/tenant/tenant.h"
#include "scim/http.h"

/* Answers: 500 users with all expansions are about 2 MB. */
#define GENESYS_ANSWER_BYTES_MAX (64u << 20)
#define GENESYS_TOKEN_BYTES_MAX 8192

struct genesys_settings {
	const char *api_url, *login_url; /* without a slash at the end */
	const char *client_id, *client_secret;
	unsigned rate, share_percent;    /* calls a minute, 0 = not throttled */
	unsigned in_flight;
	int64_t connect_timeout_ms, timeout_ms, deadline_ms, settle_ms;
	const char *const *privileged_roles; /* names */
	unsigned privileged_count;
};

struct genesys_call;
struct genesys {
	struct tenant base;
	struct genesys_settings set; /* its text is owned */
	struct loop *loop;
	struct wire *wire;
	struct http *http;
	struct rng *rng;
	struct pace pace;
	char *token;
	int64_t token_renew_us;     /* from then on a new one is asked for */
	int64_t token_life_s;       /* of the last one, as told */
	unsigned token_number;      /* goes up with each token */
	bool token_asked;
	struct genesys_call *waiting, *waiting_last; /* for a token */
	struct genesys_call *all;   /* every unfinished call, to be freed with the client */
	size_t pending;
	uint64_t by_op[API_OP_COUNT], met_429;
};

struct genesys_answer {
	enum http_outcome outcome;
	int status;
	struct slice body;
	const struct wire_answer *wire; /* NULL when nothing came */
	char correlation_id[64];
	char code[64];  /* platform code or scimType, "" = none */
	struct err err; /* set unless the status is 2xx */
};

typedef void genesys_done_fn(void *ctx, const struct genesys_answer *answer);

struct genesys_request {
	enum api_op op;
	const char *path_ids[3];
	const char *query;        /* with its "?", or NULL */
	struct slice body;
	const char *content_type;
	const char *if_match;     /* unquoted, or NULL */
	bool repeat_safe;
	http_transient_fn *transient; /* gets `ctx` */
	genesys_done_fn *done;    /* called from the loop */
	void *ctx;
};

/* Takes loop and wire over. `settings` is copied. */
int genesys_open(const struct genesys_settings *settings, struct loop *loop,
		 struct wire *wire, struct rng *rng, struct tenant **ret_tenant,
		 struct err *err);

/* genesys_open.c: what tenant_open gives for target.kind: genesys. */
int genesys_tenant(const struct config *config, const struct clock *clock, struct rng *rng,
		   struct tenant **ret_tenant, struct err *err);

void genesys_start(struct genesys *g, const struct genesys_request *request);
/* A request for a row of the table, repeat_safe as the table says. */
struct genesys_request genesys_request(enum api_op op);
/* Run the loop until nothing is pending. */
void genesys_wait(struct genesys *g);
static inline bool genesys_ok(const struct genesys_answer *answer)
{
	return !answer->err.kind;
}
/*
 * A version as If-Match takes it: without the W/ and the quotes of an ETag. NULL when it
 * is none that a header can carry. In `mem`.
 */
const char *genesys_version(struct arena *mem, struct slice version);
/* Operation and correlation id go before the text. Returns -1. */
int genesys_err(struct err *err, enum api_op op, const char *correlation_id,
		enum err_kind kind, const char *text);

/*
 * All pages of a list. Pages are asked for several at once as soon as the first one has
 * told the total, and handed out in their order. Without a total: one after another, until
 * an empty page. By cursor: one after another, until none is told.
 */
struct page_set {
	enum api_op op;
	const char *path_id;      /* for the {...}, or NULL */
	const char *query;        /* more of the query, "&state=active", or NULL */
	const char *what;         /* "active users", for sentences of the verdict */
	unsigned size;
	int64_t total;            /* -1 = from the first page */
	uint64_t items_max;       /* a list the tenant won't page further; 0 = none */
	bool stop_at_max;         /* a longer one ends after the first page: too_long */
	const char *cursor;       /* parameter that leads on ("cursor", "after"), or NULL */
	const char *list;         /* member with the entities, or NULL: "entities" */
	const char *body;         /* of a POST: an object without its end; the page is added */
	/* Read one entity; -1 with *err. Sets *ret_again when its id came before. */
	int (*entity)(void *ctx, struct json_in *in, bool *ret_again, struct err *err);
	void *ctx;
	struct verdict *verdict;  /* what spoils it */
	/* result */
	struct err err;           /* the list is not whole */
	bool spoilt;              /* nor when something in it was not as told */
	bool too_long;
	uint64_t seen;

	/* inside */
	struct genesys *g;
	struct page *first, *last; /* asked for, in order */
	uint64_t next, pages;     /* next to ask for; how many there are, 0 = not known */
	bool ended, told;
	char *at;                 /* the cursor of the next page */
};

/* Read all of them, mixed on the wire. Each has its own err. */
void page_sets_read(struct genesys *g, struct page_set *sets, size_t count);

/* genesys_catalogue.c genesys_read.c genesys_external.c */
int genesys_read_catalogue(struct tenant *tenant, struct present *present, struct err *err);
int genesys_read_accounts(struct tenant *tenant, const struct tenant_need *need,
			  struct present *present, struct err *err);
int genesys_read_external_ids(struct tenant *tenant, struct present *present,
			      const uint32_t *accounts, unsigned count, struct err *err);
int genesys_read_deleted(struct tenant *tenant, const char *const *user_names, size_t count,
			 struct present *present, struct err *err);

/* genesys_catalogue.c: can who has "authorization:grant:add" hand out rights? */
bool genesys_permission_privileged(struct slice permission);

/* genesys_check.c */
void genesys_check(struct tenant *tenant, const struct tenant_look *look,
		   struct findings *findings);

/* genesys_write.c */
int genesys_send(struct tenant *tenant, const struct plan *plan, struct call *calls,
		 size_t count,
		 int (*before)(void *ctx, struct call **batch, size_t count, struct err *err),
		 tenant_call_fn *done, void *ctx, volatile bool *stop, struct err *err);
/* genesys_settle.c */
int genesys_settle(struct tenant *tenant, const struct plan *plan, const uint32_t *steps,
		   size_t count, bool *confirmed, struct err *err);

#endif
