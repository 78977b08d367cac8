/*
 * Parts of a search that are on other servers (RFC 4511 sections 4.1.10, 4.5.3): left out or
 * followed, as the settings say.
 *
 * The same account logs in there, by the rules of directory.uri; a reference seen over TLS is
 * followed over TLS only: ldaps://, or StartTLS on ldap://.
 */
#include <string.h>
#include <strings.h>

#include "bridge/directory/ldap_changes.h"
#include "bridge/log.h"

#include "scim/base/banned.h"

/* From one server to another that refers to another. */
#define HOPS_MAX 5
/* References that one search leads to, all in all. */
#define FOLLOWS_MAX 100

/* What one search and all that it leads to share. */
struct ldap_follows {
	struct arena mem;
	struct map seen;    /* what was read, as address text */
	struct map refused; /* hosts that refused the login: asking again locks accounts */
	unsigned count;
};

/*
 * Naming contexts of their own that Active Directory always refers to from a domain's root;
 * no people live there.
 */
static bool is_other_context(const char *url)
{
	static const char *const contexts[] = { "cn=configuration,", "cn=schema,",
						"dc=domaindnszones,", "dc=forestdnszones," };
	LDAPURLDesc *parsed = NULL;
	bool other = false;

	if (ldap_url_parse(url, &parsed) != LDAP_URL_SUCCESS)
		return false;
	for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++)
		other |= parsed->lud_dn && strncasecmp(parsed->lud_dn, contexts[i],
						       strlen(contexts[i])) == 0;
	ldap_free_urldesc(parsed);
	return other;
}

bool ldap_follow_note(struct ldap_search *search, char **urls)
{
	unsigned policy = search->dir->config->directory.referrals;

	if (search->beyond || is_other_context(urls[0])) {
		log_line(LOG_INFO, "not followed: %s", urls[0]);
		return false;
	}
	if (policy == REFERRALS_IGNORE) {
		log_line(LOG_INFO, "left out (directory.referrals: ignore): %s", urls[0]);
		return false;
	}
	if (policy == REFERRALS_FAIL) {
		verdict_spoil(search->verdict,
			      "a part below \"%.60s\" is on another server and was not read: %.100s (Referral; see directory.referrals)",
			      search->base, urls[0]);
		return false;
	}
	if (search->dir->changes)
		ldap_changes_refuse(search->dir->changes, "a part is on another server: %.150s",
				    urls[0]);
	vec_push(&search->references, urls);
	return true;
}

/* Is there text between the n-th "?" of an address and the next? (RFC 4516 section 2) */
static bool has_part(const char *url, unsigned n)
{
	for (; n && url; n--) {
		url = strchr(url, '?');
		url = url ? url + 1 : NULL;
	}
	return url && url[0] && url[0] != '?';
}

/* Where one address leads, in the follows' memory. */
struct target {
	const char *uri; /* scheme, host, port */
	const char *base, *filter;
	int scope;
	bool is_plain;   /* ldap:// */
};

static int target_parse(struct ldap_search *search, const char *url, struct target *ret,
			struct err *err)
{
	struct arena *mem = &search->follows->mem;
	struct ldap_address here;
	LDAPURLDesc *parsed = NULL;
	const char *host;
	int port;

	if (ldap_url_parse(url, &parsed) != LDAP_URL_SUCCESS)
		return err_set(err, ERR_INVALID, "it is no LDAP address");
	if (strcmp(parsed->lud_scheme, "ldap") != 0 && strcmp(parsed->lud_scheme, "ldaps") != 0) {
		ldap_free_urldesc(parsed);
		return err_set(err, ERR_REFUSED, "only ldaps:// and ldap:// are followed");
	}
	host = parsed->lud_host;
	port = parsed->lud_port;
	if (!host || !host[0]) { /* the server that was asked */
		if (ldap_address_parse(search->dir->uri, &here, err) ||
		    here.scheme == SCHEME_LDAPI) {
			ldap_free_urldesc(parsed);
			return err_set(err, ERR_INVALID, "it names no host");
		}
		host = here.host;
		port = here.port;
	}
	*ret = (struct target){
		.is_plain = strcmp(parsed->lud_scheme, "ldap") == 0,
		.base = parsed->lud_dn && parsed->lud_dn[0]
				? arena_strdup(mem, parsed->lud_dn) : search->base,
		.scope = has_part(url, 2) ? parsed->lud_scope : search->scope,
		.filter = has_part(url, 3) ? arena_strdup(mem, parsed->lud_filter)
					   : search->filter,
	};
	ret->uri = arena_printf(mem, strchr(host, ':') ? "%s://[%s]:%d" : "%s://%s:%d",
				parsed->lud_scheme, host,
				port ? port : ret->is_plain ? LDAP_PORT : LDAPS_PORT);
	ldap_free_urldesc(parsed);
	return 0;
}

/* Was this part read already, or is it being read? Servers may refer to each other. */
static bool was_seen(struct ldap_follows *follows, const struct target *target)
{
	char *key = arena_printf(&follows->mem, "%s/%s?%d?%s", target->uri, target->base,
				 target->scope, target->filter);

	text_lower(key, strlen(key));
	return !map_set(&follows->seen, slice_str(key), 1);
}

/* Another directory, with one server and the same account. */
static void prepare(const struct ldap_directory *dir, const struct target *target,
		    struct config *config, const char **uri, struct ldap_directory *ret)
{
	*config = *dir->config;
	*uri = target->uri;
	config->directory.uris = (struct config_texts){ uri, 1 };
	config->directory.domain = NULL;
	if (target->is_plain && ldap_conn_has_tls(dir->conn))
		config->directory.start_tls = true;
	*ret = (struct ldap_directory){ .base = dir->base, .config = config,
					.clock = dir->clock };
}

static int read_there(struct ldap_search *search, struct ldap_directory *other,
		      const struct target *target, struct err *err)
{
	struct ldap_search there = {
		.dir = other, .base = target->base, .filter = target->filter,
		.scope = target->scope, .attrs = search->attrs,
		.ahead_max = search->ahead_max,
		.missing_base_is_none = search->missing_base_is_none,
		.fn = search->fn, .ctx = search->ctx, .verdict = search->verdict,
		.hops = search->hops + 1, .follows = search->follows,
		.repeat = search->repeat, .begin = search->begin,
	};
	int ret = ldap_search_run(&there, err);

	search->found += there.found;
	return ret;
}

/* One address. Returns 1 when it can not be used, with *why; 0; -1 with *err of the caller. */
static int follow_url(struct ldap_search *search, const char *url, struct err *why,
		      struct err *err)
{
	struct ldap_follows *follows = search->follows;
	struct ldap_directory other;
	struct config config;
	struct target target;
	const char *uri;
	int ret = 1;

	if (target_parse(search, url, &target, why))
		return 1;
	if (was_seen(follows, &target)) {
		log_line(LOG_INFO, "read already: %s", url);
		return 0;
	}
	if (map_get(&follows->refused, slice_str(target.uri), NULL)) {
		err_set(why, ERR_AUTH, "its server refused the login before");
		return 1;
	}
	prepare(search->dir, &target, &config, &uri, &other);
	log_line(LOG_INFO, "followed: %s", url);
	if (ldap_directory_connect(&other, why) == 0)
		ret = read_there(search, &other, &target, err);
	else if (why->kind == ERR_AUTH)
		map_set(&follows->refused, slice_str(target.uri), 1);
	ldap_directory_disconnect(&other);
	return ret;
}

/* The addresses of one reference are as good as each other. */
static int follow_one(struct ldap_search *search, char **urls, struct err *err)
{
	struct err why = ERR_INIT;

	if (search->hops == HOPS_MAX || search->follows->count++ == FOLLOWS_MAX) {
		verdict_spoil(search->verdict, "too many references, the last one to %.150s",
			      urls[0]);
		return 0;
	}
	for (unsigned i = 0; urls[i]; i++) {
		int ret;

		why = (struct err)ERR_INIT;
		ret = follow_url(search, urls[i], &why, err);
		if (ret <= 0)
			return ret;
	}
	verdict_spoil(search->verdict, "the reference to %.80s can not be followed: %.100s", urls[0],
		      why.text);
	return 0;
}

int ldap_follow(struct ldap_search *search, struct err *err)
{
	struct ldap_follows *follows = search->follows;
	int ret = 0;

	if (!follows) {
		struct ldap_address here;
		struct target target = { .base = search->base, .filter = search->filter,
					 .scope = search->scope };

		search->follows = mem_zalloc(sizeof(*follows));
		if (ldap_address_parse(search->dir->uri, &here, NULL) == 0) {
			target.uri = arena_printf(&search->follows->mem, "%s://%s:%d",
						  here.scheme == SCHEME_LDAPS ? "ldaps" : "ldap",
						  here.host, here.port);
			was_seen(search->follows, &target);
		}
	}
	for (size_t i = 0; ret == 0 && i < search->references.count; i++)
		ret = follow_one(search, search->references.items[i], err);
	if (!follows) {
		map_release(&search->follows->seen);
		map_release(&search->follows->refused);
		arena_release(&search->follows->mem);
		mem_free(search->follows);
		search->follows = NULL;
	}
	return ret;
}
