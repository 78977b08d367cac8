/*
 * bridge/config/config.h - dirbridge.yaml: where and how.
 *
 * Declared by options.def; unknown names are errors with the nearest known one. A relative
 * path is relative to the settings file's folder. Secrets never stand in the file itself:
 * they come from a file that only its owner may read, an environment variable, or a systemd
 * credential.
 *
 * Memory  A config owns all it points to; immutable after loading.
 * Errors  Everything that is wrong is added to `diags` with file:line:column.
 */
#ifndef BRIDGE_CONFIG_CONFIG_H
#define BRIDGE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "bridge/model/step.h"
#include "bridge/model/target.h"
#include "scim/base/buf.h"
#include "scim/base/err.h"
#include "scim/base/mem.h"

#define CONFIG_SECRET_BYTES_MAX 4096
#define CONFIG_SEARCHES_MAX 100

struct config_texts {
	const char **items;
	unsigned count;
};

struct config_secret {
	const char *file, *env, *credential; /* at most one is set */
};

enum config_scope { SCOPE_SUB, SCOPE_ONE, SCOPE_BASE };
struct config_search {
	const char *base;
	unsigned scope; /* enum config_scope */
	const char *filter;
	struct config_texts attributes; /* of people; count 0 = all that rules use */
	unsigned line, column; /* where it stands in the settings */
};
struct config_searches {
	struct config_search *items;
	unsigned count;
};

/* At most `count`, and at most max(min, percent of the linked accounts). */
struct config_limit {
	unsigned count, percent, min;
};

enum config_directory { DIRECTORY_LDAP, DIRECTORY_LDIF };
enum config_bind { BIND_SIMPLE, BIND_ANONYMOUS, BIND_EXTERNAL, BIND_GSSAPI };
enum config_tls { TLS_MIN_1_2, TLS_MIN_1_3 };
enum config_changes { CHANGES_AUTO, CHANGES_NONE, CHANGES_SYNCREPL, CHANGES_DIRSYNC };
enum config_srv { SRV_LDAPS, SRV_LDAP };
enum config_referrals { REFERRALS_FAIL, REFERRALS_IGNORE, REFERRALS_FOLLOW };
enum config_nested { NESTED_OWN, NESTED_SERVER };
enum config_auth { AUTH_CLIENT, AUTH_BEARER, AUTH_BASIC };
enum config_log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct config {
	const char *file; /* the settings' own path, for messages */
	struct {
		unsigned kind; /* enum config_directory */
		struct config_texts uris;
		const char *domain, *dns_server;
		unsigned srv_scheme; /* enum config_srv */
		bool start_tls;
		const char *tls_ca_file; /* NULL = the system's; so for all texts not set */
		unsigned tls_min; /* enum config_tls */
		const char *tls_cert_file, *tls_key_file; /* both or none */
		unsigned bind; /* enum config_bind */
		const char *bind_dn;
		struct config_secret password;
		const char *keytab_file, *principal;
		bool allow_plaintext;
		struct config_searches people, groups;
		struct config_texts member_attributes;
		unsigned nested_groups; /* enum config_nested */
		const char *id_attribute;
		unsigned page_size, connect_timeout_s, timeout_s;
		const char *ldif;
		unsigned max_drop_percent;
		struct config_texts may_be_absent;
		unsigned referrals; /* enum config_referrals */
		unsigned changes; /* enum config_changes */
		unsigned full_every_h;
	} directory;
	struct {
		unsigned kind; /* enum target_kind */
		const char *region, *api_url, *login_url; /* URLs are filled from region */
		const char *client_id;
		struct config_secret secret;
		unsigned auth; /* enum config_auth; of kind scim, and the next ones */
		const char *token_url, *token_scope;
		struct config_secret token;
		const char *profile_file;
		unsigned page_size;
		bool bulk, create_groups;
		const char *ca_file;
		bool allow_plaintext;
		unsigned rate_per_minute, share_percent;
		unsigned timeout_s, in_flight, retry_deadline_s, settle_s;
	} target;
	const char *state_file;
	unsigned state_keep_days;
	struct config_texts rules;
	struct config_limit limits[LIMIT_KIND_COUNT];
	struct {
		unsigned expires_h;
	} plan;
	const char *metrics_file; /* NULL = none */
	const char *approval_key_file; /* NULL = none is needed */
	struct {
		struct config_texts roles, accounts;
	} protect;
	struct config_texts privileged_roles;
	struct {
		unsigned format, level; /* level: index of "warning error info debug" */
	} log;
	struct arena mem;
};

/*
 * Load `path`, or, when NULL, dirbridge.yaml and then /etc/dirbridge/dirbridge.yaml.
 * Returns 0, or -1 with diags.
 */
int config_load(const char *path, struct config **ret_config, struct diags *diags);
void config_free(struct config *config);

/*
 * Read a secret into `ret` (which the caller clears and releases); the line end is cut.
 * `what` names the setting without its ending, "directory.password". A file that others
 * may read is refused. Returns 0, or -1 with *err.
 */
int config_secret_read(const struct config_secret *secret, const char *what, struct buf *ret,
		       struct err *err);

/*
 * Is this file there, readable, and for its owner alone? For keys that a library reads by
 * itself; `what` names the setting. Returns 0, or -1 with *err.
 */
int config_secret_file_check(const char *path, const char *what, struct err *err);

/* All settings with their defaults and meaning. */
void config_print_help(FILE *out);

/* The JSON Schema of the settings, as one line of JSON (mappings/json_schema.h). */
void config_schema(struct buf *to);
/* The manual's list of settings, in Markdown. */
void config_keys_markdown(struct buf *out);

#endif
