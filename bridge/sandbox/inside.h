/*
 * bridge/sandbox/inside.h - what the parts of the sandbox share; for bridge/sandbox only.
 *
 * Each operation is a function `op_...(struct call *)` that either answers or refuses; a
 * refusal returns nothing and is the last thing it does.
 */
#ifndef BRIDGE_SANDBOX_INSIDE_H
#define BRIDGE_SANDBOX_INSIDE_H

#include <jansson.h>

#include "bridge/api/api.h"
#include "bridge/sandbox/sandbox.h"
#include "bridge/sandbox/store.h"
#include "scim/base/json.h"
#include "scim/message.h"
#include "scim/schema.h"

#define URN_GENESYS "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"
/* The authority that SCIM itself owns; never to be removed (facts, section 3). */
#define SCIM_AUTHORITY "x-pc:scimv2:v1"

#define PARAMS_MAX 200 /* 100 ids and then some */
#define TOKENS_MAX 256 /* older ones end */
#define TOKEN_BYTES 44

struct token {
	char text[TOKEN_BYTES];
	uint32_t client;
	int64_t expires_us;
	int64_t window_us; /* when its minute began */
	unsigned used;     /* calls in that minute */
};

enum sandbox_switch {
#define CHOICE(id, ...) SWITCH_##id,
#define NUMBER(id, ...) SWITCH_##id,
#include "bridge/sandbox/switches.def"
#undef CHOICE
#undef NUMBER
	SWITCH_COUNT,
};

/* The place of the chosen value in its row, 0 = the default; or the number. */
void switches_init(unsigned values[SWITCH_COUNT]);

enum fault_kind { FAULT_STATUS, FAULT_CUT_BEFORE, FAULT_CUT_AFTER, FAULT_DELAY,
		  FAULT_HALF_BODY, FAULT_NEVER, FAULT_NO_EXPAND, FAULT_STALE };

struct fault {
	enum api_op op; /* API_OP_COUNT = any */
	unsigned every, after, count;
	enum fault_kind kind;
	int status;
	unsigned retry_after_s, delay_ms;
	unsigned from_ms, for_ms; /* since the first call; for 0 = without end */
	uint64_t seen;
	uint64_t done;
};

struct sandbox {
	struct sandbox_options options;
	struct rng rng;
	unsigned switches[SWITCH_COUNT];
	struct store store;
	struct token tokens[TOKENS_MAX];
	size_t token_count; /* made so far; the ring's place is this modulo its size */
	struct fault faults[SANDBOX_FAULTS_MAX];
	size_t fault_count;
	bool wants_stale;    /* one of the faults does */
	struct stale *stale; /* from the first call on, or NULL */
	bool called;
	int64_t first_us;    /* of the first call */
	uint64_t calls[API_OP_COUNT], total, throttled;
};

struct param {
	struct slice name, value; /* decoded */
};

/* One request on its way. */
struct call {
	struct sandbox *sandbox;
	struct store *store;
	const struct sandbox_request *request;
	struct sandbox_response *response;
	struct json_out out; /* on response->body */
	struct arena mem;    /* for as long as the call */
	enum api_op op;
	struct slice path;   /* as sent */
	struct slice query;
	struct slice ids[API_PATH_IDS_MAX]; /* decoded */
	unsigned param_count;
	json_t *body;        /* NULL = none */
	struct token *token;
	int64_t now_us;      /* wall clock */
	int64_t mono_us;
	char context_id[37];
	bool expansion_cut;  /* a fault: users come without what was to be expanded */
	unsigned stale_ms;   /* a fault: a read shows the state of so long ago */
	bool never;          /* a fault: what is answered with 202 doesn't happen */
	bool scim;           /* answers and errors in SCIM's form */
	/* Last, and not cleared: only the first `param_count` are read. */
	struct param params[PARAMS_MAX];
};

/* ---- switches.c ---- */

static inline unsigned switched(const struct call *call, enum sandbox_switch which)
{
	return call->sandbox->switches[which];
}

/* ---- answer.c ---- */

/* Begin the answer's body; `status` is what the vendor answers. */
void answer_begin(struct call *call, int status);
void answer_header(struct call *call, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Success without a body. */
void answer_empty(struct call *call, int status);
/* Platform ErrorBody. */
void refuse_platform(struct call *call, int status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* SCIM error. */
void refuse_scim(struct call *call, int status, enum scim_error_type type, const char *fmt,
		 ...) __attribute__((format(printf, 4, 5)));
/* A stale version of a user or group. */
void refuse_version(struct call *call, const char *what);
/* 429 with Retry-After (facts, section 2). */
void refuse_too_many(struct call *call, unsigned retry_after_s);

/* ---- query.c ---- */

/* Parameters of the query into call->params; false after a refusal. */
bool query_parse(struct call *call);
/* Refuse what isn't in the NULL-terminated list; false after a refusal. */
bool query_only(struct call *call, const char *const *names);
/* First value of a parameter; data NULL when it is absent. */
struct slice query_get(const struct call *call, const char *name);
bool query_bool(struct call *call, const char *name, bool otherwise, bool *ret);
/* A whole number in a range; `otherwise` when absent; false after a refusal. */
bool query_number(struct call *call, const char *name, unsigned otherwise, unsigned min,
		  unsigned max, unsigned *ret);
/* The users of a list with commas, `most` at most, who are there. */
bool query_users(struct call *call, const char *name, size_t most, struct user **users,
		 size_t *ret_count);
struct slice percent_decode(struct arena *mem, struct slice text, bool plus_is_space);

/* ---- page.c: lists ---- */

struct page {
	unsigned size, number; /* number from 1 */
	size_t total;
	size_t first, end;     /* places of the page's things in the whole list */
};
/* Read pageSize (at most `size_max`) and pageNumber; false after a refusal. */
bool page_read(struct call *call, unsigned size_max, struct page *page);
void page_of(struct page *page, size_t total);
enum page_form { PAGE_FULL, PAGE_COUNTS_ONLY, PAGE_NO_TOTAL };
/* After the entities: the members that tell which page this is. */
void page_write(struct call *call, const struct page *page, enum page_form form);

/* ---- body.c: checks of JSON from outside; all false after a refusal ---- */

bool body_array(struct call *call, size_t most);
bool body_texts(struct call *call, const json_t *array, const char *name, size_t most);
/* An object with no members but these (NULL-terminated). */
bool body_members(struct call *call, const json_t *object, const char *const *names,
		  const char *where);
bool body_text(struct call *call, const json_t *object, const char *name,
	       const char *where, const char **ret);

/* A whole number in a range; `otherwise` when absent. */
bool body_number(struct call *call, const json_t *object, const char *name,
		 unsigned otherwise, unsigned min, unsigned max, unsigned *ret);

/* ---- users.c: users in the platform's form ---- */

enum { EXPAND_SKILLS = 1, EXPAND_LANGUAGES = 2, EXPAND_GROUPS = 4, EXPAND_EMPLOYER = 8,
       EXPAND_LOCATIONS = 16, EXPAND_TEAM = 32 };
/* One value of `expand`; and all of a query. False after a refusal. */
bool user_expansion(struct call *call, struct slice name, unsigned *expand);
bool user_expand(struct call *call, unsigned *ret);
/* The query's `state`; USER_STATE_COUNT = any. */
bool user_state(struct call *call, enum user_state *ret);
void user_write(struct call *call, const struct user *user, unsigned expand);

/* ---- scim_user.c: users in SCIM's form ---- */

/* Everything of a user, as a new object. */
json_t *scim_user_json(struct call *call, const struct user *user);
/* Check `attributes` and `excludedAttributes`; false after a refusal. */
bool scim_user_choices(struct call *call);
/* What those ask for, as a new object. */
json_t *scim_user_selected(struct call *call, const struct user *user);
/* Whether the answer carries what costs the tenant a second look (facts, section 3). */
bool scim_user_expensive(struct call *call);

/* ---- scim_read.c ---- */

/* One user with its ETag. */
void scim_answer_user(struct call *call, int status, const struct user *user);
/* Whether an If-Match or If-None-Match names the user's version: quoted, or "*". */
bool scim_version_is(const char *header, const struct user *user);

/* ---- scim_check.c ---- */

/* A user in SCIM's form, checked; its texts are the JSON's. */
struct draft {
	const char *user_name, *display_name, *title, *external_id;
	const char *department, *employee_number, *date_hire, *manager;
	bool active;
	uint32_t division; /* NONE = not stated */
	struct pairs emails, phones, external_ids;
	struct levels skills, languages;
	struct numbers roles;
};
/* Check a whole user; `user` is who has it now, NULL = nobody. False after a refusal. */
bool draft_read(struct call *call, const struct user *user, const json_t *json,
		struct draft *draft);
void draft_release(struct draft *draft);

/* ---- faults.c ---- */

/* The fault that strikes this call, or NULL. */
const struct fault *fault_next(struct sandbox *sandbox, enum api_op op, int64_t mono_us);

/* ---- stale.c: the state some time ago ---- */

/* Begin to keep it: it is the present one for now. Nothing when that was done. */
void stale_begin(struct sandbox *sandbox);
void stale_free(struct sandbox *sandbox);
/* After a write that was done; `before` is the chance it began with. */
void stale_note(struct call *call, const struct rng *before);
/* The state at `at_us`, which must not go back. */
struct store *stale_store(struct sandbox *sandbox, int64_t at_us);
/* handle.c: do a write again in the state behind. */
void sandbox_redo(struct sandbox *behind, const struct sandbox_request *request,
		  struct sandbox_response *response, struct token *token, int64_t mono_us,
		  int64_t now_us, bool never);

/* ---- perms.c: what the client may do; all false after 403 ---- */

/* The operation at all; then with a user, in a division, with a queue, team or unit. */
bool permitted(struct call *call);
bool permitted_user(struct call *call, const struct user *user);
bool permitted_division(struct call *call, uint32_t division);
bool permitted_item(struct call *call, const struct item *item);
/* All permissions that some operation needs, NULL at the end. */
const char *const *permissions_known(struct arena *mem);

/* ---- the operations ---- */

void op_token(struct call *call);
void op_token_info(struct call *call);
/* The 400 that means throttled. */
void refuse_token_rate(struct call *call);
/* The token of the request, or NULL after a refusal. */
struct token *oauth_check(struct call *call);

void op_users(struct call *call);
void op_catalogue(struct call *call);
void op_grants(struct call *call);
void op_queue_members(struct call *call);
void op_scim_users(struct call *call);
void op_scim_user(struct call *call);
void op_scim_create(struct call *call);
void op_scim_patch(struct call *call);
void op_division_move(struct call *call);
void op_levels_patch(struct call *call);
void op_level_delete(struct call *call);
void op_role_grant(struct call *call);
void op_subject_bulkadd(struct call *call);
void op_grant_delete(struct call *call);
void op_group_add(struct call *call);
void op_group_remove(struct call *call);
void op_queue_change(struct call *call);
void op_skills_put(struct call *call);
void op_level_create(struct call *call);
void op_subject_bulkremove(struct call *call);
void op_subject_bulkreplace(struct call *call);
void op_user(struct call *call);
void op_user_patch(struct call *call);
void op_users_query(struct call *call);
void op_users_search(struct call *call);
void op_teams(struct call *call);
void op_team_members(struct call *call);
void op_team_add(struct call *call);
void op_team_remove(struct call *call);
void op_units(struct call *call);
void op_work_plans(struct call *call);
void op_unit_users(struct call *call);
void op_unit_of(struct call *call);
void op_unit_move(struct call *call);
void op_work_plans_query(struct call *call);
void op_work_plans_patch(struct call *call);
void op_subject(struct call *call);
void op_subject_me(struct call *call);
void op_oauth_client(struct call *call);
void op_oauth_clients(struct call *call);
void op_limits(struct call *call);
void op_scim_config(struct call *call);
void op_tokens_delete(struct call *call);

/* ---- shared between operations ---- */

/* A user who is there and not deleted, or NULL after 404. */
struct user *call_user(struct call *call, struct slice id);
/* A division's number, ALL_DIVISIONS for "*", or NONE after 404. */
uint32_t call_division(struct call *call, struct slice id);
/* An item named in the path, or NULL after 404. */
struct item *call_item(struct call *call, enum item_kind kind, struct slice id);
/*
 * Cursor paging: read pageSize and the place behind `name` (after, cursor); then the page
 * of a list of `total`. Cursors are places in hexadecimal behind a "c".
 */
bool cursor_read(struct call *call, const char *name, unsigned size_max,
		 struct page *page);
void cursor_of(struct page *page, size_t total);
/* nextUri and selfUri; with `bare`, also the cursor by itself. */
void cursor_write(struct call *call, const struct page *page, const char *name, bool bare);
/* {"id", "name"} under a key. */
void write_ref(struct json_out *out, const char *key, const struct item *item);
/* One state as lines, to a file or (file NULL) into a buf. */
void save_lines(struct sandbox *sandbox, FILE *file, struct buf *buf);

#endif
