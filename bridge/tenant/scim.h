/*
 * bridge/tenant/scim.h - inside of the client of any SCIM service (target.kind: scim);
 * nobody else includes it but its own files and tests, which put a wire of their own behind
 * it.
 *
 *   scim_client.c   login, one call with its error, pacing, counters
 *   scim_profile.c  what the service can do: ServiceProviderConfig, the file of a probe
 *   scim_page.c     all pages of a list, with a verdict
 *   scim_read.c     groups, users, memberships; scim_members.c: those that are hidden
 *   scim_calls.c    steps to calls; pure
 *   scim_send.c     sending calls; scim_user.c, scim_group.c: conflicts, PUT without PATCH
 *   scim_bulk.c     several calls in one request (RFC 7644 section 3.7)
 *   scim_probe.c    finding out on a scratch user
 *   scim_open.c     settings to all that
 *
 * Spec    RFC 7643, RFC 7644.
 * Secrets: secret and token are in memory only, wiped when freed, and in no message. They
 *         go to the address in the settings alone: redirects are not followed, and an
 *         address in an answer is never called.
 */
#ifndef BRIDGE_TENANT_SCIM_H
#define BRIDGE_TENANT_SCIM_H

#include <string.h>

#include "bridge/tenant/pace.h"
#include "bridge/tenant/tenant.h"
#include "scim/http.h"
#include "scim/message.h"

/* A page of 1,000 users, or a group of 100,000 members, is some 10 MB. */
#define SERVICE_ANSWER_BYTES_MAX (64u << 20)
#define SERVICE_TOKEN_BYTES_MAX 8192

/* ---- what a service does its own way ---- */

enum service_path_form {
	PATH_EACH,    /* one operation with a path for each value */
	PATH_OBJECT,  /* no path, an object of all values */
	PATH_DOTTED,  /* no path, names with dots: "name.givenName" */
};
enum service_paging {
	PAGE_INDEX,   /* startIndex is the number of the first resource */
	PAGE_NUMBER,  /* startIndex is the number of the page */
	PAGE_CURSOR,  /* RFC 9865 */
};
enum service_members {
	MEMBERS_IN_GROUP, /* groups are shown with their members */
	MEMBERS_IN_USER,  /* users are shown with their groups */
	MEMBERS_BY_FILTER, /* members.value eq "id" finds groups */
};

/* Defaults are what works everywhere; ServiceProviderConfig and the probe say more. */
struct service_profile {
	bool probed;           /* the file of a probe was read: it wins over what is advertised */
	bool patch;            /* else PUT of the whole resource */
	bool op_title_case;    /* "Replace" and not "replace" */
	enum service_path_form path_form;
	bool extension_dot;    /* a dot after the URN of an extension in a path */
	unsigned patch_ops_max; /* operations a request; 0 = any number */
	bool member_filter;    /* members[value eq "id"] removes one */
	bool member_value;     /* remove of members with a list of values removes those */
	unsigned member_max;   /* members a request */
	bool etag;             /* If-Match is looked at, and a current one is taken */
	bool bulk;
	unsigned bulk_max;     /* operations a request */
	unsigned bulk_bytes_max;
	unsigned page_max;     /* resources a page; 0 = not told */
	enum service_paging paging;
	bool total_is_page;    /* totalResults is the length of the page */
	bool attributes;       /* the parameter is taken */
	bool filter_names;     /* userName eq "x" finds one, whatever the case */
	bool inactive_apart;   /* users who are not active are listed by a filter only */
	bool group_filter;     /* groups are listed with a filter only */
	enum service_members members;
	uint64_t lost;         /* bit per scim_attr that is taken and not kept */
	bool keeps_values;     /* what is there can be changed and not removed */
	bool lower_paths;      /* "/users" */
};

#define SERVICE_PROFILE_BYTES_MAX 65536

void service_profile_init(struct service_profile *profile);
/* Read the file of a probe of the service at `url`; one that is not there, or is of another
 * service, changes nothing. Returns 0, or -1 with *err. */
int service_profile_load(struct service_profile *profile, const char *path, const char *url,
			 struct err *err);
void service_profile_write(const struct service_profile *profile, const char *url,
			   struct buf *out);
/* Take over a ServiceProviderConfig (RFC 7643 section 5) as far as nothing is known better. */
void service_profile_advertised(struct service_profile *profile, struct slice body);

/* ---- the client ---- */

struct service_settings {
	const char *url;         /* without a slash at the end */
	unsigned auth;           /* enum config_auth */
	const char *token_url, *token_scope; /* scope NULL = none */
	const char *client_id, *secret; /* of a client, or name and password */
	const char *token;       /* for AUTH_BEARER */
	unsigned rate, share_percent, in_flight, page_size;
	int64_t connect_timeout_ms, timeout_ms, deadline_ms;
	bool bulk, create_groups;
};

struct service_call;
struct service_member {
	uint32_t group;       /* catalogue index */
	const char *user;     /* id */
};
struct service {
	struct tenant base;
	struct service_settings set; /* its text is owned */
	struct service_profile profile;
	const char *profile_file; /* owned */
	struct loop *loop;
	struct wire *wire;
	struct http *http;
	struct rng *rng;
	struct pace pace;
	char *authorization;      /* the whole header; NULL = a token is needed */
	int64_t renew_us;
	unsigned token_number;
	bool token_asked;
	struct service_call *waiting, *waiting_last, *all;
	size_t pending;
	uint64_t by_op[API_OP_COUNT], met_429;
	/* from the list of groups until the users are known */
	struct arena mem;
	VEC(struct service_member) members;
	bool groups_short;        /* not all of them came */
};

struct service_answer {
	enum http_outcome outcome;
	int status;
	struct slice body;
	const struct wire_answer *wire; /* NULL when nothing came */
	char correlation_id[64];
	enum scim_error_type type;
	struct err err;           /* set unless the status is 2xx */
};

typedef void service_done_fn(void *ctx, const struct service_answer *answer);

struct service_request {
	enum api_op op;
	const char *id;           /* for the {id} of the path */
	const char *query;        /* with its "?", or NULL */
	struct slice body;
	const char *if_match;     /* a version as the service gave it, or NULL */
	bool repeat_safe;
	service_done_fn *done;    /* called from the loop */
	void *ctx;
};

/* Takes loop and wire over. `settings` is copied. */
struct tenant *service_open(const struct service_settings *settings, struct loop *loop,
			    struct wire *wire, struct rng *rng);
/* What tenant_open gives for target.kind: scim. */
int scim_tenant(const struct config *config, const struct clock *clock, struct rng *rng,
		struct tenant **ret_tenant, struct err *err);

struct service_request service_request(enum api_op op);
void service_start(struct service *service, const struct service_request *request);
/* Run the loop until nothing is pending. */
void service_wait(struct service *service);
static inline bool service_ok(const struct service_answer *answer)
{
	return !answer->err.kind;
}
/* Names of attributes compare without case (RFC 7643 section 2.1). */
static inline bool service_key(struct slice key, const char *name)
{
	return text_cmp_nocase(key.data, key.len, name, strlen(name)) == 0;
}
/* Operation and correlation id go before the text. Returns -1. */
int service_err(struct err *err, enum api_op op, const char *correlation_id,
		enum err_kind kind, const char *text);
/* A version as a header can carry it, in `mem`; NULL when it is none. */
const char *service_version(struct arena *mem, struct slice version);

/* ---- lists ---- */

struct page_list {
	enum api_op op;
	const char *query;        /* more of the query, "&filter=...", or NULL */
	const char *what;         /* "users", for sentences of the verdict */
	/* Read one resource; -1 with *err. Sets *ret_again when its id came before. */
	int (*each)(void *ctx, struct slice resource, bool *ret_again, struct err *err);
	void *ctx;
	struct verdict *verdict;
	/* result */
	struct err err;           /* the list is not whole */
	int status;               /* of the answer that ended it with an error */

	/* inside */
	struct service *service;
	uint64_t seen, met;       /* resources: different ones, and all */
	uint64_t page;            /* number of the page asked for, from 1 */
	uint64_t page_met, page_seen; /* of this page */
	int64_t total;            /* of the first page; -1 = not told */
	bool counted;             /* startIndex was tried as the number of the page */
	const char *cursor;
	struct arena mem;
};

/* Read a list to its end, page after page. */
void page_list_read(struct service *service, struct page_list *list);

/* scim_members.c: ask for each account's groups; `add` is told of each. */
typedef void service_member_fn(void *ctx, uint32_t account, uint32_t group);
void service_look_up_members(struct service *service, struct present *present,
			     service_member_fn *add, void *ctx);
/* "&attributes=...": what of a user the table of scim/schema.h knows. */
void service_add_attributes(struct buf *query);

/* ---- the table of tenant.h ---- */

int service_read_catalogue(struct tenant *tenant, struct present *present, struct err *err);
int service_read_accounts(struct tenant *tenant, const struct tenant_need *need,
			  struct present *present, struct err *err);
int service_read_external_ids(struct tenant *tenant, struct present *present,
			      const uint32_t *accounts, unsigned count, struct err *err);
int service_read_deleted(struct tenant *tenant, const char *const *user_names, size_t count,
			 struct present *present, struct err *err);
void service_make_calls(struct tenant *tenant, const struct plan *plan, unsigned wave,
			const unsigned char *blocked, struct arena *mem, struct calls *calls);
int service_send(struct tenant *tenant, const struct plan *plan, struct call *calls,
		 size_t count,
		 int (*before)(void *ctx, struct call **batch, size_t count, struct err *err),
		 tenant_call_fn *done, void *ctx, volatile bool *stop, struct err *err);
/* scim_probe.c: find out on scratch users, and write the profile's file. */
int service_probe(struct tenant *tenant, struct findings *findings, struct err *err);
int service_settle(struct tenant *tenant, const struct plan *plan, const uint32_t *steps,
		   size_t count, bool *confirmed, struct err *err);

#endif
