#include "bridge/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/config/config_impl.h"
#include "mappings/yaml.h"

#include "scim/base/banned.h"

#define CONFIG_OPTIONS_MAX 160
#define CONFIG_NUMBER_MAX 10000000

#define OPTION(name, type, member, min, max, preset, help)                         \
	{ name, OPT_##type, offsetof(struct config, member), min, max, preset, help },
#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define LIMIT(kind, count_, percent_, min_, what)                                  \
	{ "limits." #kind ".count", OPT_UINT, LIMIT_OFFSET(kind, count), 0,        \
	  CONFIG_NUMBER_MAX, STRING(count_), what " At most this many." },         \
	{ "limits." #kind ".percent", OPT_UINT, LIMIT_OFFSET(kind, percent), 0, 100, \
	  STRING(percent_), what " At most this share of the linked accounts." },  \
	{ "limits." #kind ".min", OPT_UINT, LIMIT_OFFSET(kind, min), 0,            \
	  CONFIG_NUMBER_MAX, STRING(min_), what " This many are allowed whatever the share." },
#define LIMIT_OFFSET(kind, member)                                                 \
	(offsetof(struct config, limits) +                                         \
	 LIMIT_INDEX_##kind * sizeof(struct config_limit) +                        \
	 offsetof(struct config_limit, member))
enum {
	LIMIT_INDEX_creates = LIMIT_CREATES,
	LIMIT_INDEX_disables = LIMIT_DISABLES,
	LIMIT_INDEX_deletes = LIMIT_DELETES,
	LIMIT_INDEX_privileged = LIMIT_PRIVILEGED,
	LIMIT_INDEX_revokes = LIMIT_REVOKES,
	LIMIT_INDEX_skill_removals = LIMIT_SKILL_REMOVALS,
	LIMIT_INDEX_group_removals = LIMIT_GROUP_REMOVALS,
	LIMIT_INDEX_renames = LIMIT_RENAMES,
};

#define SECTION(name, help)
static const struct option options[] = {
#include "bridge/config/options.def"
	{ "directory.people", OPT_SEARCHES, offsetof(struct config, directory.people), 0, 0, "",
	  "Where people are: base, scope (sub, one, base) and filter; one or a list." },
	{ "directory.groups", OPT_SEARCHES, offsetof(struct config, directory.groups), 0, 0, "",
	  "Where groups are; the same form." },
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))
#undef OPTION
#undef LIMIT
#undef SECTION

static const struct section sections[] = {
#define OPTION(name, type, member, min, max, preset, help)
#define LIMIT(kind, count, percent, min, help) { "limits." #kind, help },
#define SECTION(name, help) { name, help },
#include "bridge/config/options.def"
#undef OPTION
#undef LIMIT
#undef SECTION
};

static const struct search_key search_keys[] = {
#define SEARCH(name, type, member, needed, preset, help)                           \
	{ name, OPT_##type, offsetof(struct config_search, member), needed, preset, help },
#include "bridge/config/searches.def"
#undef SEARCH
};
#define SEARCH_KEY_COUNT (sizeof(search_keys) / sizeof(search_keys[0]))

const struct option *config_options(size_t *ret_count)
{
	*ret_count = OPTION_COUNT;
	return options;
}

const struct section *config_sections(size_t *ret_count)
{
	*ret_count = sizeof(sections) / sizeof(sections[0]);
	return sections;
}

const struct search_key *config_search_keys(size_t *ret_count)
{
	*ret_count = SEARCH_KEY_COUNT;
	return search_keys;
}

struct loader {
	struct config *config;
	const char *file;
	const char *folder; /* of the settings file, with the slash; "" = current */
	struct diags *diags;
	unsigned lines[OPTION_COUNT]; /* where an option was given; 0 = not */
};

static void *member(struct loader *load, const struct option *option)
{
	return (char *)load->config + option->offset;
}

static int complain(struct loader *load, const struct yaml_node *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int complain(struct loader *load, const struct yaml_node *node, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return diags_at(load->diags, ERR_INVALID, load->file, node->line, node->column, "%s",
			text);
}

static const char *resolve_path(struct loader *load, const char *path)
{
	if (path[0] == '/' || load->folder[0] == '\0' || strcmp(path, "-") == 0)
		return arena_strdup(&load->config->mem, path);
	return arena_printf(&load->config->mem, "%s%s", load->folder, path);
}

/* Index of `text` among the words of `list`, or -1. */
static int word_index(const char *list, const char *text, size_t len)
{
	for (int i = 0; *list; i++) {
		size_t word = strcspn(list, " ");

		if (word == len && memcmp(list, text, len) == 0)
			return i;
		list += word + (list[word] == ' ');
	}
	return -1;
}

static int set_number(struct loader *load, const struct option *option,
		      const struct yaml_node *node)
{
	const char *text = node->text.data;
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno ||
	    n < option->min || n > option->max)
		return complain(load, node, "%s: \"%s\" is not a number from %u to %u",
				option->name, text, option->min, option->max);
	*(unsigned *)member(load, option) = (unsigned)n;
	return 0;
}

static int set_scalar(struct loader *load, const struct option *option,
		      const struct yaml_node *node)
{
	const char *text = node->text.data;
	int word;

	if (node->text.len == 0)
		return complain(load, node, "%s: the value is empty; leave the line out",
				option->name);
	switch (option->type) {
	case OPT_TEXT:
		*(const char **)member(load, option) = arena_strdup(&load->config->mem, text);
		return 0;
	case OPT_PATH:
		*(const char **)member(load, option) = resolve_path(load, text);
		return 0;
	case OPT_UINT:
		return set_number(load, option, node);
	case OPT_BOOL:
		word = word_index("false true", text, node->text.len);
		if (word < 0)
			return complain(load, node, "%s: \"%s\" is neither true nor false",
					option->name, text);
		*(bool *)member(load, option) = word;
		return 0;
	default:
		word = word_index(option->preset, text, node->text.len);
		if (word < 0)
			return complain(load, node, "%s: \"%s\" is none of: %s", option->name,
					text, option->preset);
		*(unsigned *)member(load, option) = (unsigned)word;
		return 0;
	}
}

static int set_texts(struct loader *load, const struct option *option,
		     const struct yaml_node *node)
{
	struct config_texts *texts = member(load, option);
	bool one = node->type == YAML_TEXT;
	unsigned count = one ? 1 : node->count;

	if (node->type == YAML_MAP)
		return complain(load, node, "%s: a list is expected here", option->name);
	texts->items = arena_array(&load->config->mem, count ? count : 1, sizeof(char *));
	texts->count = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct yaml_node *item = one ? node : node->items[i];

		if (item->type != YAML_TEXT || item->text.len == 0)
			return complain(load, item, "%s: text is expected here", option->name);
		texts->items[texts->count++] =
			option->type == OPT_PATHS
				? resolve_path(load, item->text.data)
				: arena_strdup(&load->config->mem, item->text.data);
	}
	return 0;
}

/* "attributes: [cn, mail]", or one name. */
static int set_attributes(struct loader *load, const struct option *option,
			  const struct yaml_node *node, struct config_texts *ret)
{
	bool one = node->type == YAML_TEXT;
	unsigned count = one ? 1 : node->count;

	if (node->type == YAML_MAP || count == 0 ||
	    strcmp(option->name, "directory.people") != 0)
		return complain(load, node, "%s.attributes: a list of names is expected here, of directory.people only",
				option->name);
	ret->items = arena_array(&load->config->mem, count, sizeof(char *));
	for (unsigned i = 0; i < count; i++) {
		const struct yaml_node *item = one ? node : node->items[i];

		if (item->type != YAML_TEXT || item->text.len == 0)
			return complain(load, item, "%s.attributes: text is expected here",
					option->name);
		ret->items[i] = arena_strdup(&load->config->mem, item->text.data);
	}
	ret->count = count;
	return 0;
}

static const struct search_key *find_search_key(const char *name)
{
	for (size_t i = 0; i < SEARCH_KEY_COUNT; i++)
		if (strcmp(search_keys[i].name, name) == 0)
			return &search_keys[i];
	return NULL;
}

static int unknown_search_key(struct loader *load, const struct option *option,
			      const struct yaml_node *key)
{
	const char *names[SEARCH_KEY_COUNT];
	int near;

	for (size_t i = 0; i < SEARCH_KEY_COUNT; i++)
		names[i] = search_keys[i].name;
	near = text_nearest(key->text.data, names, SEARCH_KEY_COUNT);
	return complain(load, key, "%s has no setting \"%s\"%s%s", option->name, key->text.data,
			near >= 0 ? "; nearest: " : "", near >= 0 ? names[near] : "");
}

static int set_search_key(struct loader *load, const struct option *option,
			  const struct yaml_node *key, const struct yaml_node *value,
			  struct config_search *search)
{
	const struct search_key *row = find_search_key(key->text.data);
	void *at;
	int word;

	if (row && row->type == OPT_TEXTS)
		return set_attributes(load, option, value,
				      (struct config_texts *)((char *)search + row->offset));
	if (value->type != YAML_TEXT || (value->plain && value->text.len == 0))
		return complain(load, value, "%s.%s: text is expected here", option->name,
				key->text.data);
	if (!row)
		return unknown_search_key(load, option, key);
	at = (char *)search + row->offset;
	if (row->type != OPT_ENUM) {
		*(const char **)at = arena_strdup(&load->config->mem, value->text.data);
		return 0;
	}
	word = word_index(row->preset, value->text.data, value->text.len);
	if (word < 0)
		return complain(load, value, "%s.%s: \"%s\" is none of: %s", option->name,
				row->name, value->text.data, row->preset);
	*(unsigned *)at = (unsigned)word;
	return 0;
}

static int set_search(struct loader *load, const struct option *option,
		      const struct yaml_node *node, struct config_search *ret)
{
	if (node->type != YAML_MAP)
		return complain(load, node, "%s: base, scope and filter are expected here",
				option->name);
	*ret = (struct config_search){ .line = node->line, .column = node->column };
	for (size_t i = 0; i < SEARCH_KEY_COUNT; i++)
		if (search_keys[i].type == OPT_TEXT && search_keys[i].preset[0])
			*(const char **)((char *)ret + search_keys[i].offset) =
				search_keys[i].preset;
	for (unsigned i = 0; i < node->count; i++)
		if (set_search_key(load, option, node->keys[i], node->items[i], ret))
			return -1;
	for (size_t i = 0; i < SEARCH_KEY_COUNT; i++)
		if (search_keys[i].needed && !yaml_get(node, search_keys[i].name))
			return complain(load, node, "%s: %s is missing", option->name,
					search_keys[i].name);
	return 0;
}

static int set_searches(struct loader *load, const struct option *option,
			const struct yaml_node *node)
{
	struct config_searches *searches = member(load, option);
	bool one = node->type != YAML_LIST;
	unsigned count = one ? 1 : node->count;

	if (count > CONFIG_SEARCHES_MAX)
		return complain(load, node, "%s: more than %d searches", option->name,
				CONFIG_SEARCHES_MAX);
	searches->items = arena_array(&load->config->mem, count ? count : 1,
				      sizeof(*searches->items));
	for (unsigned i = 0; i < count; i++)
		if (set_search(load, option, one ? node : node->items[i], &searches->items[i]))
			return -1;
	searches->count = count;
	return 0;
}

static int set_option(struct loader *load, const struct option *option,
		      const struct yaml_node *node)
{
	unsigned *line = &load->lines[option - options];

	/* "directory.uri" may be written as one name and below "directory". */
	if (*line)
		return complain(load, node, "%s is given twice; first in line %u", option->name,
				*line);
	*line = node->line;
	switch (option->type) {
	case OPT_TEXTS:
	case OPT_PATHS:
		return set_texts(load, option, node);
	case OPT_SEARCHES:
		return set_searches(load, option, node);
	default:
		if (node->type != YAML_TEXT)
			return complain(load, node, "%s: one value is expected here",
					option->name);
		return set_scalar(load, option, node);
	}
}

/* The option named so, or NULL; *ret_group: the name is the beginning of others. */
static const struct option *find_option(const char *name, bool *ret_group)
{
	size_t len = strlen(name);

	*ret_group = false;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
		if (strncmp(options[i].name, name, len) == 0 && options[i].name[len] == '.')
			*ret_group = true;
	}
	return NULL;
}

static void complain_unknown(struct loader *load, const struct yaml_node *key,
			     const char *name)
{
	const char *names[CONFIG_OPTIONS_MAX] = { NULL };
	const char *leaf = strrchr(name, '.');
	size_t prefix = leaf ? (size_t)(leaf - name) + 1 : 0;
	size_t count = 0;
	int near;

	_Static_assert(OPTION_COUNT < CONFIG_OPTIONS_MAX, "room for all names");
	if (load->diags->total >= DIAGS_MAX) { /* only counted: a file of nothing but these */
		complain(load, key, "there is no setting \"%s\"", name);
		return;
	}
	/* Candidates at the same level first: "directory.url" wants "directory.uri". */
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const char *rest;
		size_t len;

		if (strncmp(options[i].name, name, prefix) != 0)
			continue;
		rest = options[i].name + prefix;
		len = strcspn(rest, ".");
		if (count && strncmp(names[count - 1], rest, len) == 0 &&
		    names[count - 1][len] == '\0')
			continue;
		names[count++] = arena_strndup(&load->config->mem, rest, len);
	}
	near = text_nearest(name + prefix, names, count);
	if (near >= 0) {
		complain(load, key, "there is no setting \"%s\"; nearest: %.*s%s", name,
			 (int)prefix, name, names[near]);
		return;
	}
	for (size_t i = 0; i < OPTION_COUNT; i++)
		names[i] = options[i].name;
	near = text_nearest(name, names, OPTION_COUNT);
	complain(load, key, "there is no setting \"%s\"%s%s", name,
		 near >= 0 ? "; nearest: " : "", near >= 0 ? names[near] : "");
}

/*
 * Somebody who writes the secret itself into the file gets told what to do, and the value
 * is not repeated.
 */
static bool is_plain_secret(const char *name)
{
	return strcmp(name, "directory.password") == 0 ||
	       strcmp(name, "target.client_secret") == 0 || strcmp(name, "target.token") == 0;
}

static void walk(struct loader *load, const struct yaml_node *map, const char *prefix)
{
	for (unsigned i = 0; i < map->count; i++) {
		const struct yaml_node *key = map->keys[i], *value = map->items[i];
		const char *name = arena_printf(&load->config->mem, "%s%s%s", prefix,
						prefix[0] ? "." : "", key->text.data);
		bool group;
		const struct option *option = find_option(name, &group);

		if (option)
			set_option(load, option, value);
		else if (group && value->type == YAML_MAP)
			walk(load, value, name);
		else if (group)
			complain(load, value, "%s: settings are expected below this name",
				 name);
		else if (is_plain_secret(name))
			complain(load, key,
				 "a secret does not belong here; put it in a file that only "
				 "its owner may read, and name that: %s_file", name);
		else
			complain_unknown(load, key, name);
	}
}

static void set_default(struct config *config, const struct option *option)
{
	void *at = (char *)config + option->offset;
	struct config_texts *texts = at;
	const char *word = option->preset;
	char separator = strchr(word, ';') ? ';' : ' ';

	switch (option->type) {
	case OPT_UINT:
		*(unsigned *)at = (unsigned)strtoul(word, NULL, 10);
		break;
	case OPT_BOOL:
		*(bool *)at = word[0] == 't';
		break;
	case OPT_TEXT:
	case OPT_PATH:
		if (word[0])
			*(const char **)at = word;
		break;
	case OPT_TEXTS:
		texts->items = arena_array(&config->mem, 16, sizeof(char *));
		while (*word) {
			const char *end = strchr(word, separator);
			size_t len = end ? (size_t)(end - word) : strlen(word);

			texts->items[texts->count++] = arena_strndup(&config->mem, word, len);
			word += len + (end != NULL);
		}
		break;
	default:
		break; /* enum 0, nothing listed */
	}
}

static const char *option_place(struct loader *load, const char *name, unsigned *ret_line)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (strcmp(options[i].name, name) == 0)
			*ret_line = load->lines[i];
	return load->file;
}

/* What no row can say: settings that need each other. */
static void need(struct loader *load, bool ok, const char *name, const char *text)
{
	unsigned line = 0;
	const char *file = option_place(load, name, &line);

	if (!ok)
		diags_at(load->diags, ERR_INVALID, file, line, 0, "%s: %s", name, text);
}

static void check_secret(struct loader *load, const struct config_secret *secret,
			 const char *name, bool needed)
{
	int given = (secret->file != NULL) + (secret->env != NULL) +
		    (secret->credential != NULL);

	need(load, given <= 1, name, "given more than once; keep one of _file, _env, _credential");
	need(load, given >= 1 || !needed, name,
	     "missing; name a file (..._file), a variable (..._env) or a systemd credential "
	     "(..._credential)");
}

static void check_uris(struct loader *load)
{
	const struct config_texts *uris = &load->config->directory.uris;

	for (unsigned i = 0; i < uris->count; i++) {
		const char *uri = uris->items[i];

		if (strncmp(uri, "ldaps://", 8) != 0 && strncmp(uri, "ldap://", 7) != 0 &&
		    strncmp(uri, "ldapi://", 8) != 0)
			need(load, false, "directory.uri",
			     "an address begins with ldaps://, ldap:// or ldapi://");
	}
}

static bool is_address(const char *url)
{
	return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
}

static bool is_given(struct loader *load, const char *name)
{
	unsigned line = 0;

	option_place(load, name, &line);
	return line != 0;
}

/* A setting that the other kind of target would not look at was meant to do something. */
static void refuse_unused(struct loader *load)
{
	static const char *const of_genesys[] = { "target.region", "target.login_url" };
	static const char *const of_scim[] = {
		"target.auth", "target.token_url", "target.token_scope", "target.token_file",
		"target.token_env", "target.token_credential", "target.profile_file",
		"target.page_size", "target.bulk", "target.create_groups",
	};
	bool scim = load->config->target.kind == TARGET_SCIM;

	for (size_t i = 0; scim && i < sizeof(of_genesys) / sizeof(of_genesys[0]); i++)
		need(load, !is_given(load, of_genesys[i]), of_genesys[i],
		     "it is only for target.kind: genesys");
	for (size_t i = 0; !scim && i < sizeof(of_scim) / sizeof(of_scim[0]); i++)
		need(load, !is_given(load, of_scim[i]), of_scim[i],
		     "it is only for target.kind: scim");
}

/* A SCIM service: its address, and one way to log in. */
static void check_scim(struct loader *load)
{
	struct config *config = load->config;
	const char *url = config->target.api_url, *token_url = config->target.token_url;
	const struct config_secret *token = &config->target.token;
	unsigned auth = config->target.auth;

	/* A token is given: it is meant to be used. */
	if (!is_given(load, "target.auth") && (token->file || token->env || token->credential))
		auth = config->target.auth = AUTH_BEARER;
	need(load, url, "target.api_url",
	     "missing; it is the address before /Users, for example https://example.org/scim/v2");
	need(load, !url || (is_address(url) && !url[strcspn(url, "?#")]), "target.api_url",
	     "an address that begins with https:// or http://, without ? and #, is expected");
	need(load, !token_url || is_address(token_url), "target.token_url",
	     "an address begins with https:// or http://");
	need(load, auth != AUTH_CLIENT || token_url, "target.token_url",
	     "missing; it gives tokens for target.client_id. With a token of your own say "
	     "target.auth: bearer");
	need(load, auth == AUTH_BEARER || config->target.client_id, "target.client_id", "missing");
	check_secret(load, &config->target.secret, "target.client_secret", auth != AUTH_BEARER);
	check_secret(load, &config->target.token, "target.token", auth == AUTH_BEARER);
	if (!is_given(load, "target.rate"))
		config->target.rate_per_minute = 0;
}

/* The region is part of a host name; an address there would make one nobody meant. */
static void check_genesys(struct loader *load)
{
	const char *region = load->config->target.region;
	const char *urls[] = { load->config->target.api_url, load->config->target.login_url };
	static const char *const names[] = { "target.api_url", "target.login_url" };

	check_secret(load, &load->config->target.secret, "target.client_secret", true);
	need(load, load->config->target.client_id, "target.client_id", "missing");
	need(load, region || (urls[0] && urls[1]), "target.region",
	     "missing; for example mypurecloud.de");
	need(load,
	     !region || !region[strspn(region, "abcdefghijklmnopqrstuvwxyz"
					       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")],
	     "target.region", "a domain is expected, for example mypurecloud.de");
	for (size_t i = 0; i < 2; i++)
		need(load, !urls[i] || is_address(urls[i]), names[i],
		     "an address begins with https:// or http://");
}

static void check_login(struct loader *load)
{
	const struct config *config = load->config;
	bool ldap = config->directory.kind == DIRECTORY_LDAP;
	bool simple = ldap && config->directory.bind == BIND_SIMPLE;
	bool gssapi = ldap && config->directory.bind == BIND_GSSAPI;
	const char *cert = config->directory.tls_cert_file;
	const char *key = config->directory.tls_key_file;

	need(load, !simple || config->directory.bind_dn, "directory.bind_dn", "missing");
	check_secret(load, &config->directory.password, "directory.password", simple);
	need(load, !cert || key, "directory.tls_key_file",
	     "missing; it holds the key of directory.tls_cert_file");
	need(load, cert || !key, "directory.tls_cert_file",
	     "missing; it holds the certificate of directory.tls_key_file");
	need(load, !gssapi || config->directory.keytab_file, "directory.keytab_file",
	     "missing; directory.bind: gssapi logs in with the keys in it");
	need(load, gssapi || !config->directory.keytab_file, "directory.keytab_file",
	     "it is only for directory.bind: gssapi");
	need(load, gssapi || !config->directory.principal, "directory.principal",
	     "it is only for directory.bind: gssapi");
}

static void check_whole(struct loader *load)
{
	struct config *config = load->config;
	bool ldap = config->directory.kind == DIRECTORY_LDAP;

	need(load, !ldap || config->directory.uris.count || config->directory.domain,
	     "directory.uri", "missing; or give directory.domain");
	need(load, !config->directory.uris.count || !config->directory.domain, "directory.domain",
	     "only one of directory.uri and directory.domain can be given");
	need(load, ldap || config->directory.ldif, "directory.ldif",
	     "missing; it names the file to read");
	need(load, ldap || config->directory.nested_groups == NESTED_OWN, "directory.nested_groups",
	     "server is only for directory.kind: ldap; a file can not be asked");
	need(load, config->directory.people.count, "directory.people",
	     "missing; it says where people are (base, scope, filter)");
	check_login(load);
	refuse_unused(load);
	if (config->target.kind == TARGET_SCIM)
		check_scim(load);
	else
		check_genesys(load);
	need(load, config->rules.count, "rules", "missing; it lists the rule files");
	check_uris(load);
	if (config->target.region && !config->target.api_url)
		config->target.api_url =
			arena_printf(&config->mem, "https://api.%s", config->target.region);
	if (config->target.region && !config->target.login_url)
		config->target.login_url =
			arena_printf(&config->mem, "https://login.%s", config->target.region);
}

static const char *find_file(const char *path, struct diags *diags)
{
	static const char *const places[] = { "dirbridge.yaml",
					      "/etc/dirbridge/dirbridge.yaml" };

	if (path)
		return path;
	for (size_t i = 0; i < 2; i++)
		if (access(places[i], F_OK) == 0)
			return places[i];
	diags_at(diags, ERR_USAGE, NULL, 0, 0,
		 "no settings: neither dirbridge.yaml here nor /etc/dirbridge/dirbridge.yaml; "
		 "name a file with -c");
	return NULL;
}

int config_load(const char *path, struct config **ret_config, struct diags *diags)
{
	size_t before = diags->total;
	const char *file = find_file(path, diags);
	const struct yaml_node *root;
	struct loader load = { .diags = diags };
	struct err err = ERR_INIT;
	struct config *config;
	const char *slash;

	if (!file)
		return -1;
	config = mem_zalloc(sizeof(*config));
	arena_init(&config->mem);
	config->file = arena_strdup(&config->mem, file);
	load.config = config;
	load.file = config->file;
	slash = strrchr(file, '/');
	load.folder = arena_strndup(&config->mem, file, slash ? (size_t)(slash - file) + 1 : 0);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		set_default(config, &options[i]);
	config->state_file = resolve_path(&load, config->state_file);
	config->target.profile_file = resolve_path(&load, config->target.profile_file);
	if (yaml_read_file(&config->mem, file, &root, &err))
		diags_add(diags, &err);
	else if (root->type != YAML_MAP)
		complain(&load, root, "settings are expected here, as name: value");
	else
		walk(&load, root, "");
	if (diags->total == before)
		check_whole(&load);
	if (diags->total != before) {
		config_free(config);
		return -1;
	}
	*ret_config = config;
	return 0;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	arena_release(&config->mem);
	mem_free(config);
}

static int check_secret_file(int fd, const char *path, const char *what, bool credential,
			     struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(err, ERR_INVALID, "%s: cannot look at %s: %s", what, path,
			       strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "%s: %s is a folder", what, path);
	/*
	 * systemd lets the service in by an ACL, whose mask shows as the group's bits
	 * (systemd.exec(5), LoadCredential=); the folder around it is private.
	 */
	if (!credential && S_ISREG(st.st_mode) && (st.st_mode & 077))
		return err_set(err, ERR_INVALID,
			       "%s: others may read %s (mode %04o); chmod 600 %s", what, path,
			       (unsigned)(st.st_mode & 07777), path);
	return 0;
}

static int read_all(int fd, const char *path, const char *what, struct buf *ret,
		    struct err *err)
{
	char bytes[CONFIG_SECRET_BYTES_MAX + 1];
	size_t got = 0;
	ssize_t n;
	int status = 0;

	do {
		n = read(fd, bytes + got, sizeof(bytes) - got);
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		status = err_set(err, ERR_INVALID, "%s: cannot read %s: %s", what, path,
				 strerror(errno));
	else if (got > CONFIG_SECRET_BYTES_MAX)
		status = err_set(err, ERR_INVALID, "%s: %s is longer than %d bytes", what, path,
				 CONFIG_SECRET_BYTES_MAX);
	else
		buf_add(ret, bytes, got);
	explicit_bzero(bytes, sizeof(bytes));
	return status;
}

static int read_secret_file(const char *path, const char *what, bool credential,
			    struct buf *ret, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int status;

	if (fd < 0)
		return err_set(err, ERR_INVALID, "%s: cannot open %s: %s", what, path,
			       strerror(errno));
	status = check_secret_file(fd, path, what, credential, err);
	if (status == 0)
		status = read_all(fd, path, what, ret, err);
	close(fd);
	return status;
}

int config_secret_file_check(const char *path, const char *what, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), status;

	if (fd < 0)
		return err_set(err, ERR_INVALID, "%s: cannot open %s: %s", what, path,
			       strerror(errno));
	status = check_secret_file(fd, path, what, false, err);
	close(fd);
	return status;
}

/* A systemd credential is a file of that name in a folder that only the service sees. */
static int read_credential(const char *name, const char *what, struct buf *ret,
			   struct err *err)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	struct arena mem = ARENA_INIT;
	int status;

	if (!folder || strchr(name, '/'))
		return err_set(err, ERR_INVALID, "%s: no systemd credential \"%s\" here", what,
			       name);
	status = read_secret_file(arena_printf(&mem, "%s/%s", folder, name), what, true, ret,
				  err);
	arena_release(&mem);
	return status;
}

static int read_variable(const char *name, const char *what, struct buf *ret, struct err *err)
{
	const char *value = getenv(name);

	if (!value)
		return err_set(err, ERR_INVALID, "%s: the variable %s is not set", what, name);
	if (strlen(value) > CONFIG_SECRET_BYTES_MAX)
		return err_set(err, ERR_INVALID, "%s: the variable %s is longer than %d bytes",
			       what, name, CONFIG_SECRET_BYTES_MAX);
	buf_addstr(ret, value);
	return 0;
}

int config_secret_read(const struct config_secret *secret, const char *what, struct buf *ret,
		       struct err *err)
{
	char from[128];
	int status;

	buf_clear(ret);
	snprintf(from, sizeof(from), "%s_%s", what,
		 secret->file ? "file" : secret->credential ? "credential" : "env");
	if (secret->file)
		status = read_secret_file(secret->file, from, false, ret, err);
	else if (secret->credential)
		status = read_credential(secret->credential, from, ret, err);
	else if (secret->env)
		status = read_variable(secret->env, from, ret, err);
	else
		status = err_set(err, ERR_INVALID, "%s: no secret is named", what);
	if (status)
		return -1;
	while (ret->len && (ret->data[ret->len - 1] == '\n' || ret->data[ret->len - 1] == '\r'))
		ret->data[--ret->len] = '\0';
	if (ret->len == 0 || memchr(ret->data, '\0', ret->len))
		return err_set(err, ERR_INVALID, "%s: the secret is empty or holds a NUL byte",
			       what);
	return 0;
}

void config_print_help(FILE *out)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option *option = &options[i];
		int first = (int)strcspn(option->preset, " ");

		fprintf(out, "%s", option->name);
		if (option->type == OPT_ENUM)
			fprintf(out, "  one of: %s  default: %.*s", option->preset, first,
				option->preset);
		else if (option->preset[0])
			fprintf(out, "  default: %s", option->preset);
		fprintf(out, "\n    %s\n", option->help);
	}
}
