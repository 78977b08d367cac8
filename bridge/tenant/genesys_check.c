/*
 * What a run would meet in this tenant, found out before it: the client's own rights, other
 * writers, limits, expiry. Nothing here is a condition of a run, so that what can not be
 * asked becomes a finding and the rest is asked all the same.
 */
#include "bridge/tenant/genesys.h"

#include <stdio.h>
#include <string.h>

#include "scim/base/json.h"

#include "scim/base/banned.h"

/* A token this short is asked for again and again. */
#define TOKEN_SHORT_S 600
/* From so many days on an expiring client is worth a warning. */
#define EXPIRY_DAYS 30
/* Accounts of ours that are looked at for marks of another SCIM client. */
#define SAMPLE_MAX 5
/* The authority that SCIM itself owns; what follows it is thought to be the client's (facts,
 * section 3: unsure, so it is a warning and no more). */
#define SCIM_MARK "x-pc:scimv2:v1"
#define SCIM_URN_GENESYS "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"
#define RATE_KEY "client.credentials.token.rate.per.minute"

static const char *const namespaces[] = { "platform.api", "auth.api", "scim", "users" };
#define NAMESPACES (sizeof(namespaces) / sizeof(namespaces[0]))

struct client {
	struct slice id, name, state, grant_type;
	int64_t modified_s, delete_s, validity_s; /* 0 = not told */
	VEC(struct slice) roles;                  /* ids */
};

struct sample {
	unsigned looked, marked;
	char mark[100]; /* one of them, shown */
};

struct checker {
	struct genesys *g;
	const struct tenant_look *look;
	struct findings *findings;
	struct arena mem;
	struct access access;
	bool grants_known, rate_known;
	int64_t newest_s;     /* youngest grant of ours */
	const char *newest;   /* its role */
	size_t other_scim;
	struct sample sample;
};

/* Text of the tenant's, fit to be shown. */
static const char *shown(struct checker *c, struct slice text)
{
	char out[200];

	text_visible(text.data ? text.data : "", text.len, out, sizeof(out));
	return arena_strdup(&c->mem, out);
}

static void not_asked(struct checker *c, const char *what, const char *subject,
		      const struct genesys_answer *answer, const char *permission)
{
	char way[200] = "";

	if (answer->status == 403 && permission)
		snprintf(way, sizeof(way), "give the client %s, or look yourself", permission);
	findings_add(c->findings, FINDING_NOTE, what, *way ? way : NULL,
		     "%s could not be looked at: %s", subject, answer->err.text);
}

static void broken(struct checker *c, const char *what, const char *subject,
		   const struct err *err)
{
	findings_add(c->findings, FINDING_NOTE, what, NULL,
		     "%s could not be looked at: the answer can't be read: %s", subject,
		     err->text);
}

static void read_time(struct json_in *in, int64_t *ret)
{
	struct slice text = { 0 };

	if (json_opt_text(in, &text) && text.len)
		(void)time_parse(text.data, text.len, ret);
}

/* --- our own grants ---------------------------------------------------------------------- */

struct grant_words {
	const char *division_id, *division, *role;
	int64_t made_s;
};

static void read_named(struct checker *c, struct json_in *in, const char **ret_id,
		       const char **ret_name)
{
	struct slice key, id = { 0 }, name = { 0 };

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "id"))
			json_opt_text(in, &id);
		else if (slice_eq_str(key, "name"))
			json_opt_text(in, &name);
		else
			json_skip(in);
	}
	*ret_id = arena_strndup(&c->mem, id.data ? id.data : "", id.len);
	*ret_name = shown(c, name);
}

static void read_actions(struct checker *c, struct json_in *in, struct access_grant *grant)
{
	VEC(const char *) actions = { 0 };
	struct slice text;
	const char **copy;

	while (json_array_next(in))
		if (json_get_text(in, &text))
			vec_push(&actions, arena_strndup(&c->mem, text.data, text.len));
	copy = arena_array(&c->mem, actions.count + 1, sizeof(*copy));
	for (size_t i = 0; i < actions.count; i++)
		copy[i] = actions.items[i];
	grant->actions = copy;
	grant->action_count = (unsigned)actions.count;
	vec_release(&actions);
}

/* AuthzGrantPolicy: {actions[], condition, domain, entityName} */
static void read_policy(struct checker *c, struct json_in *in)
{
	struct access_grant grant = { .domain = "", .entity = "" };
	struct slice key, text = { 0 };

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "domain") && json_opt_text(in, &text) && text.len)
			grant.domain = arena_strndup(&c->mem, text.data, text.len);
		else if (slice_eq_str(key, "entityName") && json_opt_text(in, &text) && text.len)
			grant.entity = arena_strndup(&c->mem, text.data, text.len);
		else if (slice_eq_str(key, "condition") && json_opt_text(in, &text))
			grant.conditional = text.len > 0;
		else if (slice_eq_str(key, "actions") && json_peek(in) == JSON_IN_ARRAY)
			read_actions(c, in, &grant);
		else if (!slice_eq_str(key, "domain") && !slice_eq_str(key, "entityName") &&
			 !slice_eq_str(key, "condition"))
			json_skip(in);
	}
	vec_push(&c->access.grants, grant);
}

static void read_role(struct checker *c, struct json_in *in, struct grant_words *words)
{
	struct slice key, text = { 0 };

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "name") && json_opt_text(in, &text))
			words->role = shown(c, text);
		else if (slice_eq_str(key, "policies") && json_peek(in) == JSON_IN_ARRAY)
			while (json_array_next(in))
				read_policy(c, in);
		else if (!slice_eq_str(key, "name"))
			json_skip(in);
	}
}

/* AuthzGrant: its division may stand before or after the role whose policies it bounds. */
static void read_grant(struct checker *c, struct json_in *in)
{
	struct grant_words words = { "", "", "", 0 };
	size_t first = c->access.grants.count;
	struct slice key;

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "division") && json_peek(in) == JSON_IN_OBJECT)
			read_named(c, in, &words.division_id, &words.division);
		else if (slice_eq_str(key, "role") && json_peek(in) == JSON_IN_OBJECT)
			read_role(c, in, &words);
		else if (slice_eq_str(key, "grantMadeAt"))
			read_time(in, &words.made_s);
		else
			json_skip(in);
	}
	for (size_t i = first; i < c->access.grants.count; i++) {
		c->access.grants.items[i].division_id = words.division_id;
		c->access.grants.items[i].division = words.division;
		c->access.grants.items[i].role = words.role;
	}
	if (words.made_s > c->newest_s) {
		c->newest_s = words.made_s;
		c->newest = words.role;
	}
}

static void grants_done(void *ctx, const struct genesys_answer *answer)
{
	struct checker *c = ctx;
	struct err err = ERR_INIT;
	struct json_in in;
	struct slice key;

	if (!genesys_ok(answer)) {
		findings_add(c->findings, FINDING_WARNING, "permission", NULL,
			     "the client's permissions could not be looked at: %s",
			     answer->err.text);
		return;
	}
	json_open(&in, answer->body.data, answer->body.len, "", &c->mem, &err);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, "grants") && json_peek(&in) == JSON_IN_ARRAY) {
			c->grants_known = true;
			while (json_array_next(&in))
				read_grant(c, &in);
		} else {
			json_skip(&in);
		}
	}
	if (json_close(&in) || !c->grants_known) {
		c->grants_known = false;
		findings_add(c->findings, FINDING_WARNING, "permission", NULL,
			     "the client's permissions could not be looked at: the answer %s",
			     err.kind ? err.text : "has no \"grants\"");
	}
}

/* --- OAuth clients ----------------------------------------------------------------------- */

static void read_client_roles(struct json_in *in, struct client *ret)
{
	struct slice key, id;

	while (json_array_next(in)) {
		if (json_peek(in) == JSON_IN_TEXT) {
			json_get_text(in, &id);
			vec_push(&ret->roles, id);
			continue;
		}
		while (json_object_next(in, &key)) {
			if (slice_eq_str(key, "roleId") && json_opt_text(in, &id) && id.len)
				vec_push(&ret->roles, id);
			else if (!slice_eq_str(key, "roleId"))
				json_skip(in);
		}
	}
}

static void read_client(struct json_in *in, struct client *ret)
{
	struct slice key;

	*ret = (struct client){ 0 };
	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "id"))
			json_opt_text(in, &ret->id);
		else if (slice_eq_str(key, "name"))
			json_opt_text(in, &ret->name);
		else if (slice_eq_str(key, "state"))
			json_opt_text(in, &ret->state);
		else if (slice_eq_str(key, "authorizedGrantType"))
			json_opt_text(in, &ret->grant_type);
		else if (slice_eq_str(key, "dateModified"))
			read_time(in, &ret->modified_s);
		else if (slice_eq_str(key, "dateToDelete"))
			read_time(in, &ret->delete_s);
		else if (slice_eq_str(key, "accessTokenValiditySeconds") &&
			 json_peek(in) == JSON_IN_NUMBER)
			json_get_int(in, &ret->validity_s);
		else if ((slice_eq_str(key, "roleDivisions") || slice_eq_str(key, "roleIds")) &&
			 json_peek(in) == JSON_IN_ARRAY)
			read_client_roles(in, ret);
		else
			json_skip(in);
	}
}

static void say_expiry(struct checker *c, const struct client *client)
{
	int64_t left = (client->delete_s - c->look->now_s) / 86400;
	char time[21];

	if (!client->delete_s)
		return;
	time_format(client->delete_s, time);
	if (client->delete_s <= c->look->now_s)
		findings_add(c->findings, FINDING_FAILED, "client",
			     "make a new client, and name it in target.client_id",
			     "the OAuth client is marked for deletion at %s, which is past", time);
	else
		findings_add(c->findings, left < EXPIRY_DAYS ? FINDING_WARNING : FINDING_NOTE,
			     "client", "restore it in the tenant, or make a new one in time",
			     "the OAuth client will be deleted at %s, in %lld days", time,
			     (long long)left);
}

static void say_changed(struct checker *c, int64_t changed_s, const char *what,
			const char *name)
{
	char changed[21], last[21];

	if (!c->look->last_good_s || changed_s <= c->look->last_good_s)
		return;
	time_format(changed_s, changed);
	time_format(c->look->last_good_s, last);
	findings_add(c->findings, FINDING_WARNING, "client",
		     "ask who did it and why; the tenant's audit knows",
		     "%s%s%s at %s, after the last good run (%s)", what, *name ? " " : "", name,
		     changed, last);
}

static void judge_own(struct checker *c, const struct client *own)
{
	if (own->state.len && !slice_eq_str(own->state, "active"))
		findings_add(c->findings, FINDING_FAILED, "client",
			     "activate it in the tenant, or name another",
			     "the OAuth client \"%s\" is %s", shown(c, own->name),
			     shown(c, own->state));
	if (own->grant_type.len && !slice_eq_str(own->grant_type, "CLIENT-CREDENTIALS"))
		findings_add(c->findings, FINDING_WARNING, "client",
			     "make a client with the grant type Client Credentials",
			     "the OAuth client \"%s\" has the grant type %s; roles with divisions "
			     "are held by CLIENT-CREDENTIALS", shown(c, own->name),
			     shown(c, own->grant_type));
	say_expiry(c, own);
	say_changed(c, own->modified_s, "the OAuth client was changed", "");
	if (own->validity_s)
		findings_add(c->findings, FINDING_GOOD, "client", NULL,
			     "the OAuth client is \"%s\"; its tokens live %lld minutes",
			     shown(c, own->name), (long long)own->validity_s / 60);
}

static void own_done(void *ctx, const struct genesys_answer *answer)
{
	struct checker *c = ctx;
	struct err err = ERR_INIT;
	struct client own;
	struct json_in in;

	if (!genesys_ok(answer)) {
		not_asked(c, "client", "the OAuth client (its expiry, whether it was changed)",
			  answer, api_op(API_OAUTH_CLIENT)->permission);
		return;
	}
	json_open(&in, answer->body.data, answer->body.len, "", &c->mem, &err);
	read_client(&in, &own);
	if (json_close(&in))
		broken(c, "client", "the OAuth client", &err);
	else
		judge_own(c, &own);
	vec_release(&own.roles);
}

static bool says_scim(struct slice text)
{
	for (size_t i = 0; i + 4 <= text.len; i++)
		if (!text_cmp_nocase(text.data + i, 4, "scim", 4))
			return true;
	return false;
}

/* Name of the first of its roles that sounds like SCIM, or NULL. */
static const char *scim_role(const struct checker *c, const struct client *client)
{
	const struct catalogue *cat = &c->look->present->catalogue;
	uint64_t at;

	for (size_t i = 0; i < client->roles.count; i++) {
		const char *name;

		if (!map_get(&cat->kinds[CAT_ROLE].by_id, client->roles.items[i], &at))
			continue;
		name = catalogue_item(cat, CAT_ROLE, (uint32_t)at)->name;
		if (says_scim(slice_str(name)))
			return name;
	}
	return NULL;
}

static void judge_other(struct checker *c, const struct client *other)
{
	const char *role = scim_role(c, other);

	if (slice_eq_str(other->id, c->g->set.client_id) ||
	    (other->state.len && !slice_eq_str(other->state, "active")) ||
	    (!role && !says_scim(other->name)))
		return;
	c->other_scim++;
	findings_add(c->findings, FINDING_WARNING, "writers",
		     "make sure that it does not provision the same people: two writers undo "
		     "each other's work. Genesys advises one client per SCIM source",
		     "another OAuth client looks like SCIM provisioning: \"%s\"%s%s%s",
		     shown(c, other->name), role ? ", with the role \"" : "",
		     role ? shown(c, slice_str(role)) : "", role ? "\"" : "");
}

static void others_done(void *ctx, const struct genesys_answer *answer)
{
	struct checker *c = ctx;
	struct err err = ERR_INIT;
	struct json_in in;
	struct slice key;
	struct client other;
	int64_t total = 0, seen = 0;

	if (!genesys_ok(answer)) {
		not_asked(c, "writers", "other OAuth clients", answer,
			  api_op(API_OAUTH_CLIENTS)->permission);
		return;
	}
	json_open(&in, answer->body.data, answer->body.len, "", &c->mem, &err);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, "total") && json_peek(&in) == JSON_IN_NUMBER) {
			json_get_int(&in, &total);
		} else if (slice_eq_str(key, "entities") && json_peek(&in) == JSON_IN_ARRAY) {
			while (json_array_next(&in)) {
				read_client(&in, &other);
				if (!json_failed(&in))
					judge_other(c, &other);
				vec_release(&other.roles);
				seen++;
			}
		} else {
			json_skip(&in);
		}
	}
	if (json_close(&in))
		broken(c, "writers", "other OAuth clients", &err);
	else if (total > seen)
		findings_add(c->findings, FINDING_NOTE, "writers", NULL,
			     "only %lld of %lld OAuth clients were shown", (long long)seen,
			     (long long)total);
	else if (!c->other_scim)
		findings_add(c->findings, FINDING_GOOD, "writers", NULL,
			     "none of %lld OAuth clients looks like another SCIM provisioning",
			     (long long)seen);
}

/* --- marks of other SCIM clients --------------------------------------------------------- */

static bool foreign_mark(const struct checker *c, struct slice authority)
{
	size_t len = sizeof(SCIM_MARK) - 1;
	struct slice tail;

	if (authority.len <= len || memcmp(authority.data, SCIM_MARK, len) != 0)
		return false;
	tail = slice_of(authority.data + len, authority.len - len);
	return !memmem(tail.data, tail.len, c->g->set.client_id, strlen(c->g->set.client_id));
}

static bool read_marks(struct checker *c, struct json_in *in)
{
	struct slice key, authority = { 0 };
	bool marked = false;

	while (json_object_next(in, &key)) {
		if (!slice_eq_str(key, "externalIds") || json_peek(in) != JSON_IN_ARRAY) {
			json_skip(in);
			continue;
		}
		while (json_array_next(in)) {
			while (json_object_next(in, &key))
				if (!slice_eq_str(key, "authority"))
					json_skip(in);
				else if (json_opt_text(in, &authority) &&
					 foreign_mark(c, authority)) {
					marked = true;
					text_visible(authority.data, authority.len,
						     c->sample.mark, sizeof(c->sample.mark));
				}
		}
	}
	return marked;
}

static void sample_done(void *ctx, const struct genesys_answer *answer)
{
	struct checker *c = ctx;
	struct err err = ERR_INIT;
	struct json_in in;
	struct slice key;
	bool marked = false;

	if (!genesys_ok(answer))
		return; /* gone, or not ours to see: the next run says so */
	json_open(&in, answer->body.data, answer->body.len, "", &c->mem, &err);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, SCIM_URN_GENESYS) && json_peek(&in) == JSON_IN_OBJECT)
			marked |= read_marks(c, &in);
		else
			json_skip(&in);
	}
	if (json_close(&in))
		return;
	c->sample.looked++;
	c->sample.marked += marked;
}

static void say_sample(struct checker *c)
{
	if (c->sample.marked)
		findings_add(c->findings, FINDING_WARNING, "writers",
			     "end the other provisioning, or list these accounts in "
			     "protect.accounts",
			     "%u of %u accounts of ours that were looked at carry the mark of "
			     "another SCIM client (\"%s\")", c->sample.marked, c->sample.looked,
			     c->sample.mark);
}

/* --- limits ------------------------------------------------------------------------------ */

struct limit_call {
	struct checker *c;
	const char *name;
};

static void judge_rate(struct checker *c, int64_t allowed)
{
	unsigned rate = c->g->set.rate;

	c->rate_known = true;
	if (rate == 0 || rate > allowed)
		findings_add(c->findings, FINDING_WARNING, "limit",
			     "set target.rate to what the tenant allows",
			     "the tenant allows this client %lld calls a minute, target.rate is "
			     "%u%s", (long long)allowed, rate, rate ? "" : " (not throttled)");
	else
		findings_add(c->findings, rate < allowed ? FINDING_NOTE : FINDING_GOOD, "limit",
			     rate < allowed ? "raise target.rate to be faster" : NULL,
			     "the tenant allows this client %lld calls a minute, target.rate is "
			     "%u, of which %u%% are ours", (long long)allowed, rate,
			     c->g->set.share_percent);
}

static void judge_limit(struct limit_call *call, struct slice key, int64_t value)
{
	struct checker *c = call->c;
	static const char tail[] = "rate.per.minute";
	size_t len = sizeof(tail) - 1;

	if (slice_eq_str(key, RATE_KEY)) {
		judge_rate(c, value);
		return;
	}
	/* What is slower than our own rate may be met first. */
	if (key.len >= len && !memcmp(key.data + key.len - len, tail, len) && value > 0 &&
	    value < (int64_t)c->g->set.rate)
		findings_add(c->findings, FINDING_NOTE, "limit", NULL,
			     "%s: %s is %lld, below target.rate; a run may be slowed by it",
			     call->name, shown(c, key), (long long)value);
}

static void read_limit(struct limit_call *call, struct json_in *in)
{
	struct slice member, key = { 0 };
	int64_t value = -1;

	while (json_object_next(in, &member)) {
		if (slice_eq_str(member, "key"))
			json_opt_text(in, &key);
		else if (slice_eq_str(member, "value") && json_peek(in) == JSON_IN_NUMBER)
			json_get_int(in, &value);
		else
			json_skip(in);
	}
	if (!json_failed(in) && key.len && value >= 0)
		judge_limit(call, key, value);
}

static void limits_done(void *ctx, const struct genesys_answer *answer)
{
	struct limit_call *call = ctx;
	struct checker *c = call->c;
	struct err err = ERR_INIT;
	struct json_in in;
	struct slice key;
	char subject[80];

	snprintf(subject, sizeof(subject), "the limits of %s", call->name);
	if (!genesys_ok(answer)) {
		not_asked(c, "limit", subject, answer, NULL);
		return;
	}
	json_open(&in, answer->body.data, answer->body.len, "", &c->mem, &err);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, "entities") && json_peek(&in) == JSON_IN_ARRAY)
			while (json_array_next(&in))
				read_limit(call, &in);
		else
			json_skip(&in);
	}
	if (json_close(&in))
		broken(c, "limit", subject, &err);
}

/* --- the token --------------------------------------------------------------------------- */

static void token_done(void *ctx, const struct genesys_answer *answer)
{
	struct checker *c = ctx;
	struct err err = ERR_INIT;
	const char *id = "", *name = "";
	struct json_in in;
	struct slice key;
	bool quick = c->g->token_life_s < TOKEN_SHORT_S;

	if (!genesys_ok(answer)) {
		not_asked(c, "token", "the token", answer, NULL);
		return;
	}
	json_open(&in, answer->body.data, answer->body.len, "", &c->mem, &err);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, "organization") && json_peek(&in) == JSON_IN_OBJECT)
			read_named(c, &in, &id, &name);
		else
			json_skip(&in);
	}
	if (json_close(&in)) {
		broken(c, "token", "the token", &err);
		return;
	}
	findings_add(c->findings, quick ? FINDING_NOTE : FINDING_GOOD, "token",
		     quick ? "give the client a longer token duration" : NULL,
		     "the token works%s%s%s; it lives %lld minutes",
		     *name ? " for the organization \"" : "", name, *name ? "\"" : "",
		     (long long)c->g->token_life_s / 60);
}

/* --- all of it --------------------------------------------------------------------------- */

static void ask(struct checker *c, enum api_op op, const char *path_id, const char *query,
		genesys_done_fn *done, void *ctx)
{
	struct genesys_request request = genesys_request(op);

	request.path_ids[0] = path_id;
	request.query = query;
	request.done = done;
	request.ctx = ctx;
	genesys_start(c->g, &request);
}

static void ask_all(struct checker *c, struct limit_call limits[NAMESPACES])
{
	const struct tenant_look *look = c->look;

	ask(c, API_TOKEN_INFO, NULL, NULL, token_done, c);
	ask(c, API_SUBJECT_ME, NULL, NULL, grants_done, c);
	ask(c, API_OAUTH_CLIENT, c->g->set.client_id, NULL, own_done, c);
	ask(c, API_OAUTH_CLIENTS, NULL, NULL, others_done, c);
	for (size_t i = 0; i < NAMESPACES; i++) {
		limits[i] = (struct limit_call){ c, namespaces[i] };
		ask(c, API_LIMITS, namespaces[i], NULL, limits_done, &limits[i]);
	}
	for (size_t i = 0; i < look->account_count && i < SAMPLE_MAX; i++)
		ask(c, API_SCIM_USER, look->accounts[i],
		    "?attributes=" SCIM_URN_GENESYS "%3AexternalIds", sample_done, c);
	genesys_wait(c->g);
}

void genesys_check(struct tenant *tenant, const struct tenant_look *look,
		   struct findings *findings)
{
	struct checker c = { .g = (struct genesys *)tenant, .look = look, .findings = findings };
	struct limit_call limits[NAMESPACES];

	arena_init(&c.mem);
	ask_all(&c, limits);
	say_sample(&c);
	if (!c.rate_known)
		findings_add(findings, FINDING_NOTE, "limit", NULL,
			     "the tenant does not tell %s; target.rate is %u", RATE_KEY,
			     c.g->set.rate);
	if (c.grants_known) {
		if (c.newest_s)
			say_changed(&c, c.newest_s, "the client was given the role", c.newest);
		access_judge(&c.access, &look->use, &look->present->catalogue, &look->people,
			     &look->grants, findings);
	}
	vec_release(&c.access.grants);
	arena_release(&c.mem);
}
