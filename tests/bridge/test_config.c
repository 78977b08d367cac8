/* Settings: each refusal with its place, defaults, all forms, and where secrets come from. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cases.h"

#include "bridge/config/config.h"
#include "scim/base/banned.h"

/* A folder of the test's own, with the settings in it. */
struct place {
	char folder[32], file[64];
};

static int set_up(void **state)
{
	struct place *place = mem_zalloc(sizeof(*place));

	memcpy(place->folder, "/tmp/test_config_XXXXXX", 24);
	if (!mkdtemp(place->folder))
		return -1;
	snprintf(place->file, sizeof(place->file), "%s/dirbridge.yaml", place->folder);
	*state = place;
	return 0;
}

static struct place *the_place;

static int tear_down(void **state)
{
	struct place *place = *state;

	unlink(place->file);
	rmdir(place->folder);
	mem_free(place);
	return 0;
}

static void write_file(const char *path, const char *text, size_t len, mode_t mode)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int load_text(const char *text, struct config **ret, struct diags *diags)
{
	write_file(the_place->file, text, strlen(text), 0644);
	return config_load(the_place->file, ret, diags);
}

static bool run_bad(const struct test_case *c)
{
	struct config *config = NULL;
	struct diags diags = { 0 };
	struct buf got;
	int status = load_text(c->sections[0], &config, &diags);
	bool good;

	buf_init(&got, 1 << 20);
	buf_addstr(&got, "");
	print_diags(&diags, &got);
	good = status == -1 && !config && got.len && lines_match(c->sections[1], got.data) &&
	       !strstr(got.data, "hunter");
	for (size_t i = 0; i < diags.count; i++)
		good &= strcmp(diags.items[i].where, the_place->file) == 0 &&
			diags.items[i].kind == ERR_INVALID;
	if (!good)
		case_failed(c, c->sections[1], got.data);
	buf_release(&got);
	diags_release(&diags);
	config_free(config);
	return good;
}

static void test_bad_files(void **state)
{
	the_place = *state;
	run_cases("tests/cases/config/bad.txt", run_bad);
}

static struct config *load(const char *text)
{
	struct config *config = NULL;
	struct diags diags = { 0 };

	if (load_text(text, &config, &diags))
		fail_msg("%u:%u: %s", diags.items[0].line, diags.items[0].column,
			 diags.items[0].text);
	assert_int_equal(diags.total, 0);
	return config;
}

static const char least[] =
	"directory: {uri: ldaps://x, bind_dn: cn=r, password_env: P, people: {base: dc=x}}\n"
	"target: {region: mypurecloud.de, client_id: id, client_secret_env: S}\n"
	"rules: r.yaml\n";

static void assert_in_folder(const char *path, const char *name)
{
	size_t len = strlen(the_place->folder);

	assert_memory_equal(path, the_place->folder, len);
	assert_int_equal(path[len], '/');
	assert_string_equal(path + len + 1, name);
}

static void test_defaults(void **state)
{
	struct config *config;

	the_place = *state;
	config = load(least);
	assert_string_equal(config->file, the_place->file);
	assert_int_equal(config->directory.kind, DIRECTORY_LDAP);
	assert_int_equal(config->directory.bind, BIND_SIMPLE);
	assert_false(config->directory.start_tls);
	assert_false(config->directory.allow_plaintext);
	assert_null(config->directory.tls_ca_file);
	assert_string_equal(config->directory.id_attribute, "entryUUID");
	assert_int_equal(config->directory.page_size, 1000);
	assert_int_equal(config->directory.max_drop_percent, 20);
	assert_int_equal(config->directory.member_attributes.count, 3);
	assert_string_equal(config->directory.member_attributes.items[2], "memberUid");
	assert_int_equal(config->directory.uris.count, 1);
	assert_int_equal(config->directory.people.count, 1);
	assert_int_equal(config->directory.people.items[0].scope, SCOPE_SUB);
	assert_string_equal(config->directory.people.items[0].filter, "(objectClass=*)");
	assert_int_equal(config->directory.people.items[0].line, 1);
	assert_int_equal(config->directory.people.items[0].column, 69);
	assert_int_equal(config->directory.groups.count, 0);
	assert_string_equal(config->target.api_url, "https://api.mypurecloud.de");
	assert_string_equal(config->target.login_url, "https://login.mypurecloud.de");
	assert_int_equal(config->target.rate_per_minute, 300);
	assert_in_folder(config->state_file, "dirbridge.db");
	assert_int_equal(config->rules.count, 1);
	assert_in_folder(config->rules.items[0], "r.yaml");
	assert_int_equal(config->limits[LIMIT_DELETES].count, 0);
	assert_int_equal(config->limits[LIMIT_DISABLES].percent, 5);
	assert_int_equal(config->limits[LIMIT_DISABLES].min, 10);
	assert_int_equal(config->limits[LIMIT_RENAMES].min, 10);
	assert_int_equal(config->privileged_roles.count, 3);
	assert_string_equal(config->privileged_roles.items[2], "Master Admin");
	assert_int_equal(config->protect.roles.count, 0);
	assert_int_equal(config->log.level, 0);
	config_free(config);
	config_free(NULL);
}

static const char all[] =
	"directory:\n"
	"  kind: ldif\n"
	"  uri: [ldap://a, 'ldapi:///']\n"
	"  start_tls: true\n"
	"  tls_ca_file: /etc/ca.pem\n"
	"  bind: external\n"
	"  ldif: data/people.ldif\n"
	"  id_attribute: dn\n"
	"  page_size: 0\n"
	"  member_attribute: member\n"
	"  people:\n"
	"  - {base: ou=a, scope: one, filter: (uid=*)}\n"
	"  - {base: '', scope: base}\n"
	"  groups: []\n"
	"target:\n"
	"  region: x.y\n"
	"  api_url: http://localhost:1\n"
	"  client_id: id\n"
	"  client_secret_credential: secret\n"
	"state.file: /var/lib/x.db\n"
	"rules: [a.yaml, /b.yaml]\n"
	"limits: {deletes: {count: 3, percent: 4, min: 5}, group_removals.min: 7}\n"
	"protect: {roles: [A, Master Admin], accounts: x@y}\n"
	"privileged: {roles: []}\n"
	"log: {format: json, level: debug}\n";

static void test_all_forms(void **state)
{
	struct config *config;

	the_place = *state;
	config = load(all);
	assert_int_equal(config->directory.kind, DIRECTORY_LDIF);
	assert_int_equal(config->directory.uris.count, 2);
	assert_string_equal(config->directory.uris.items[1], "ldapi:///");
	assert_true(config->directory.start_tls);
	assert_string_equal(config->directory.tls_ca_file, "/etc/ca.pem");
	assert_int_equal(config->directory.bind, BIND_EXTERNAL);
	assert_in_folder(config->directory.ldif, "data/people.ldif");
	assert_int_equal(config->directory.page_size, 0);
	assert_int_equal(config->directory.member_attributes.count, 1);
	assert_int_equal(config->directory.people.count, 2);
	assert_int_equal(config->directory.people.items[0].scope, SCOPE_ONE);
	assert_string_equal(config->directory.people.items[0].filter, "(uid=*)");
	assert_int_equal(config->directory.people.items[1].scope, SCOPE_BASE);
	assert_string_equal(config->directory.people.items[1].base, "");
	assert_int_equal(config->directory.people.items[1].line, 13);
	assert_string_equal(config->target.api_url, "http://localhost:1");
	assert_string_equal(config->target.login_url, "https://login.x.y");
	assert_string_equal(config->target.secret.credential, "secret");
	assert_string_equal(config->state_file, "/var/lib/x.db");
	assert_int_equal(config->rules.count, 2);
	assert_in_folder(config->rules.items[0], "a.yaml");
	assert_string_equal(config->rules.items[1], "/b.yaml");
	assert_int_equal(config->limits[LIMIT_DELETES].count, 3);
	assert_int_equal(config->limits[LIMIT_DELETES].percent, 4);
	assert_int_equal(config->limits[LIMIT_DELETES].min, 5);
	assert_int_equal(config->limits[LIMIT_GROUP_REMOVALS].min, 7);
	assert_int_equal(config->protect.roles.count, 2);
	assert_string_equal(config->protect.accounts.items[0], "x@y");
	assert_int_equal(config->privileged_roles.count, 0);
	assert_int_equal(config->log.format, LOG_FORMAT_JSON);
	assert_int_equal(config->log.level, 3);
	config_free(config);
}

static void test_places(void **state)
{
	struct config *config = NULL;
	struct diags diags = { 0 };
	char before[4096];

	the_place = *state;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(config_load("/nowhere/dirbridge.yaml", &config, &diags), -1);
	assert_non_null(strstr(diags.items[0].text, "No such file"));
	assert_string_equal(diags.items[0].where, "/nowhere/dirbridge.yaml");
	/* Without a name: the one here; paths are relative to it. */
	write_file(the_place->file, least, strlen(least), 0644);
	assert_int_equal(chdir(the_place->folder), 0);
	assert_int_equal(config_load(NULL, &config, &diags), 0);
	assert_string_equal(config->file, "dirbridge.yaml");
	assert_string_equal(config->rules.items[0], "r.yaml");
	assert_string_equal(config->state_file, "dirbridge.db");
	config_free(config);
	config = NULL;
	unlink(the_place->file);
	if (access("/etc/dirbridge/dirbridge.yaml", F_OK) != 0) {
		assert_int_equal(config_load(NULL, &config, &diags), -1);
		assert_null(config);
		assert_int_equal(diags.items[1].kind, ERR_USAGE);
		assert_non_null(strstr(diags.items[1].text, "name a file with -c"));
	}
	assert_int_equal(chdir(before), 0);
	diags_release(&diags);
}

static void test_too_many_searches(void **state)
{
	struct config *config = NULL;
	struct diags diags = { 0 };
	struct buf text;

	the_place = *state;
	buf_init(&text, 1 << 20);
	buf_addstr(&text, "directory:\n  groups:\n");
	for (unsigned i = 0; i <= CONFIG_SEARCHES_MAX; i++)
		buf_addstr(&text, "  - {base: dc=x}\n");
	assert_int_equal(load_text(text.data, &config, &diags), -1);
	assert_int_equal(diags.count, 1);
	assert_string_equal(diags.items[0].text, "directory.groups: more than 100 searches");
	buf_release(&text);
	diags_release(&diags);
}

/* --- secrets ----------------------------------------------------------------------------- */

static char secret_path[64];

static void secret_from(struct slice text, mode_t mode)
{
	snprintf(secret_path, sizeof(secret_path), "%s/secret", the_place->folder);
	write_file(secret_path, text.data, text.len, mode);
}

static void check_secret(const char *name, const struct config_secret *secret,
			 const char *want, const char *error)
{
	struct err err = ERR_INIT;
	struct buf got;
	int status;

	buf_init(&got, CONFIG_SECRET_BYTES_MAX);
	buf_addstr(&got, "left over");
	status = config_secret_read(secret, "directory.password", &got, &err);
	if (want ? status || strcmp(got.data, want) != 0
		 : status != -1 || err.kind != ERR_INVALID || !strstr(err.text, error) ||
			   strstr(err.text, "hunter"))
		fail_msg("%s: %s", name, err.text);
	buf_release(&got);
}

static void test_secret_files(void **state)
{
	/* One byte too many; from the second on it is the longest that is taken. */
	static char longer[CONFIG_SECRET_BYTES_MAX + 2];
	const struct {
		const char *name;
		struct slice text;
		mode_t mode;
		const char *want, *error;
	} rows[] = {
		{ "plain", SLICE("hunter2"), 0600, "hunter2", NULL },
		{ "line end", SLICE("hunter2\n"), 0400, "hunter2", NULL },
		{ "Windows line end", SLICE("hunter2\r\n"), 0600, "hunter2", NULL },
		{ "spaces stay", SLICE(" hunter 2 \n"), 0600, " hunter 2 ", NULL },
		{ "others may read", SLICE("hunter2"), 0644, NULL,
		  "directory.password_file: others may read" },
		{ "mode and way out", SLICE("hunter2"), 0644, NULL, "(mode 0644); chmod 600 /tmp/" },
		{ "the group may read", SLICE("hunter2"), 0640, NULL, "(mode 0640)" },
		{ "others may write", SLICE("hunter2"), 0602, NULL, "(mode 0602)" },
		{ "empty", SLICE(""), 0600, NULL, "the secret is empty" },
		{ "only a line end", SLICE("\n"), 0600, NULL, "the secret is empty" },
		{ "NUL", SLICE("hunter\0two"), 0600, NULL, "holds a NUL byte" },
		{ "longest", { longer, CONFIG_SECRET_BYTES_MAX }, 0600, longer + 1, NULL },
		{ "too long", { longer, CONFIG_SECRET_BYTES_MAX + 1 }, 0600, NULL,
		  "is longer than 4096 bytes" },
	};
	struct config_secret secret = { .file = secret_path };

	the_place = *state;
	memset(longer, 'x', sizeof(longer) - 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		secret_from(rows[i].text, rows[i].mode);
		check_secret(rows[i].name, &secret, rows[i].want, rows[i].error);
		unlink(secret_path);
	}
	check_secret("no file", &secret, NULL, "directory.password_file: cannot open");
	secret.file = the_place->folder;
	check_secret("folder", &secret, NULL, "is a folder");
}

/* Keys that a library reads by itself: only looked at. */
static void test_secret_file_check(void **state)
{
	const struct {
		const char *name;
		mode_t mode; /* 0 = no file */
		const char *error; /* NULL = fine */
	} rows[] = {
		{ "its owner alone", 0600, NULL },
		{ "others may read", 0604, "directory.keytab_file: others may read" },
		{ "the group may read", 0640, "(mode 0640); chmod 600" },
		{ "no file", 0, "directory.keytab_file: cannot open" },
	};

	the_place = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = ERR_INIT;
		int status;

		if (rows[i].mode)
			secret_from(SLICE("key"), rows[i].mode);
		status = config_secret_file_check(secret_path, "directory.keytab_file", &err);
		if (rows[i].error ? status != -1 || !strstr(err.text, rows[i].error) : status)
			fail_msg("%s: %s", rows[i].name, err.text);
		unlink(secret_path);
	}
}

static void test_secret_elsewhere(void **state)
{
	static char longer[CONFIG_SECRET_BYTES_MAX + 2];
	struct config_secret env = { .env = "DIRBRIDGE_TEST_SECRET" };
	struct config_secret credential = { .credential = "secret" };
	struct config_secret outside = { .credential = "../secret" };
	struct config_secret nothing = { NULL, NULL, NULL };

	the_place = *state;
	unsetenv(env.env);
	check_secret("no variable", &env, NULL,
		     "directory.password_env: the variable DIRBRIDGE_TEST_SECRET is not set");
	setenv(env.env, "", 1);
	check_secret("empty variable", &env, NULL, "the secret is empty");
	setenv(env.env, "hunter2\n", 1);
	check_secret("variable", &env, "hunter2", NULL);
	memset(longer, 'x', sizeof(longer) - 1);
	setenv(env.env, longer, 1);
	check_secret("long variable", &env, NULL, "is longer than 4096 bytes");
	unsetenv(env.env);
	unsetenv("CREDENTIALS_DIRECTORY");
	check_secret("no systemd", &credential, NULL,
		     "directory.password_credential: no systemd credential \"secret\" here");
	setenv("CREDENTIALS_DIRECTORY", the_place->folder, 1);
	check_secret("no such credential", &credential, NULL, "cannot open");
	/* The mask of the ACL by which systemd lets a service in shows as group bits. */
	secret_from(SLICE("hunter2\n"), 0440);
	check_secret("credential", &credential, "hunter2", NULL);
	check_secret("outside its folder", &outside, NULL, "no systemd credential");
	unlink(secret_path);
	unsetenv("CREDENTIALS_DIRECTORY");
	check_secret("nothing named", &nothing, NULL, "no secret is named");
}

static void test_help(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	config_print_help(out);
	fclose(out);
	assert_non_null(strstr(text, "directory.kind  one of: ldap ldif  default: ldap\n"));
	assert_non_null(strstr(text, "target.rate  default: 300\n    Calls a minute"));
	assert_non_null(strstr(text, "limits.deletes.count  default: 0\n"));
	assert_non_null(strstr(text, "directory.people\n    Where people are"));
	assert_null(strstr(text, "password  "));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_forms, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_places, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_searches, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_secret_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_secret_file_check, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_secret_elsewhere, set_up, tear_down),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
