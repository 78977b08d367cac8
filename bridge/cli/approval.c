#include "bridge/cli/approval.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/json.h"
#include "scim/base/sign.h"

#include "scim/base/banned.h"

#define APPROVAL_BYTES_MAX 65536
#define SIGNATURE ",\n\"signature\":\""

static int allow_one(const char *text, struct allowances *ret, struct err *err)
{
	const char *equals = strchr(text, '=');
	const char *names[LIMIT_KIND_COUNT];
	char *end;
	long count;

	if (!equals || !equals[1])
		return err_set(err, ERR_USAGE, "--allow takes KIND=COUNT, such as disables=40, "
			       "not \"%s\"", text);
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++) {
		names[kind] = limit_kind_name(kind);
		if (strncmp(text, names[kind], (size_t)(equals - text)) != 0 ||
		    names[kind][equals - text] != '\0')
			continue;
		errno = 0;
		count = strtol(equals + 1, &end, 10);
		if (*end || errno || count < 0 || count > 10000000)
			return err_set(err, ERR_USAGE, "--allow %s: \"%s\" is no count",
				       names[kind], equals + 1);
		ret->counts[kind] = count;
		return 0;
	}
	char shown[64];
	snprintf(shown, sizeof(shown), "%.*s", (int)(equals - text), text);
	int near = text_nearest(shown, names, LIMIT_KIND_COUNT);

	return err_set(err, ERR_USAGE, "--allow: there is no limit \"%s\"%s%s", shown,
		       near >= 0 ? "; nearest: " : "", near >= 0 ? names[near] : "");
}

static void allow_nothing(struct allowances *allow)
{
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++)
		allow->counts[kind] = -1;
}

int allowances_read(const struct cli_args *args, struct allowances *ret, struct err *err)
{
	const char *text;

	allow_nothing(ret);
	for (size_t i = 0; (text = cli_value_at(args, "allow", i)); i++)
		if (allow_one(text, ret, err))
			return -1;
	return 0;
}

bool allowances_any(const struct allowances *allow)
{
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++)
		if (allow->counts[kind] >= 0)
			return true;
	return false;
}

void allowances_use(const struct allowances *allow, struct config *config)
{
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++) {
		unsigned count = (unsigned)allow->counts[kind];

		if (allow->counts[kind] >= 0)
			config->limits[kind] = (struct config_limit){ count, 100, count };
	}
}

static void file_of(const char *plan_file, struct buf *out)
{
	buf_init(out, 65536);
	buf_addf(out, "%s.sig", plan_file);
}

int approval_write(const char *plan_file, const char hash[DIGEST_TEXT],
		   const struct allowances *allow, const char *private_key_file,
		   int64_t now_s, struct err *err)
{
	char signature[SIGN_TEXT], time[21];
	struct json_out json;
	struct buf text, path;
	int status;

	buf_init(&text, APPROVAL_BYTES_MAX);
	file_of(plan_file, &path);
	json_out_init(&json, &text);
	json_out_object(&json);
	json_out_member(&json, "schema", "dirbridge.approval/1");
	json_out_member(&json, "plan", hash);
	time_format(now_s, time);
	json_out_member(&json, "time", time);
	json_out_key(&json, "allow");
	json_out_object(&json);
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++)
		if (allow->counts[kind] >= 0)
			json_out_member_int(&json, limit_kind_name(kind), allow->counts[kind]);
	json_out_object_end(&json);
	status = sign_make(private_key_file, text.data, text.len, signature, err);
	if (status == 0) {
		buf_addf(&text, SIGNATURE "%s\"}\n", signature);
		status = cli_write_file(path.data, &text, 0600, err);
	}
	buf_release(&text);
	buf_release(&path);
	return status;
}

static int read_allowed(struct json_in *in, struct allowances *ret)
{
	struct slice key;
	int64_t count;

	while (json_object_next(in, &key)) {
		int kind = 0;

		while (kind < LIMIT_KIND_COUNT && !slice_eq_str(key, limit_kind_name(kind)))
			kind++;
		if (kind == LIMIT_KIND_COUNT)
			json_fail(in, ERR_INVALID, "there is no limit \"%.*s\"", SLICE_FMT(key));
		else if (json_get_int(in, &count) && count >= 0)
			ret->counts[kind] = (long)count;
	}
	return json_failed(in) ? -1 : 0;
}

/* What is signed has been checked: it is ours. */
static int parse(const char *where, struct slice text, const char *hash,
		 struct allowances *ret, struct err *err)
{
	struct arena mem = ARENA_INIT;
	struct json_in in;
	struct slice key, plan = { "", 0 };
	int status;

	json_open(&in, text.data, text.len, where, &mem, err);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, "plan"))
			json_get_text(&in, &plan);
		else if (slice_eq_str(key, "allow"))
			read_allowed(&in, ret);
		else
			json_skip(&in);
	}
	status = json_close(&in);
	if (status == 0 && !slice_eq_str(plan, hash))
		status = err_at(err, ERR_REFUSED, where, 0, 0,
				"it approves another plan than this one");
	arena_release(&mem);
	return status;
}

static int check_text(const char *where, struct slice text, const char *hash,
		      const char *public_key_file, struct allowances *ret, struct err *err)
{
	const size_t tail = sizeof(SIGNATURE) - 1 + SIGN_TEXT - 1 + 3;
	char signature[SIGN_TEXT];
	const char *seal = text.data + text.len - tail;

	if (text.len < tail || memcmp(seal, SIGNATURE, sizeof(SIGNATURE) - 1) != 0)
		return err_at(err, ERR_REFUSED, where, 0, 0, "this is no approval");
	memcpy(signature, seal + sizeof(SIGNATURE) - 1, SIGN_TEXT - 1);
	signature[SIGN_TEXT - 1] = '\0';
	if (sign_check(public_key_file, text.data, text.len - tail, signature, err))
		return err_place(err, where, 0, 0);
	return parse(where, text, hash, ret, err);
}

int approval_read(const char *plan_file, const char hash[DIGEST_TEXT],
		  const char *public_key_file, struct allowances *ret, struct err *err)
{
	struct buf text, path;
	int status;

	allow_nothing(ret);
	buf_init(&text, APPROVAL_BYTES_MAX);
	file_of(plan_file, &path);
	status = buf_read_file(&text, path.data, err);
	if (status == 0)
		status = check_text(path.data, slice_of(text.data, text.len), hash,
				    public_key_file, ret, err);
	buf_release(&text);
	buf_release(&path);
	return status;
}
