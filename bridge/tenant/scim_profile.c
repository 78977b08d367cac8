#include "bridge/tenant/scim.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "scim/base/json.h"

#include "scim/base/banned.h"

#define PROFILE_SCHEMA "dirbridge.scim-profile/1"

/* Without a word from the service: RFC 7644 names no maximum, vendors have 100. */
#define MEMBERS_DEFAULT 100
#define BULK_MAX 1000
#define BULK_BYTES_MAX (16u << 20)

enum row_type { ROW_BOOL, ROW_UINT, ROW_WORD };

/* One row a field: the file's form, both ways. */
static const struct row {
	const char *name;
	enum row_type type;
	size_t offset;
	const char *words[4]; /* of ROW_WORD, in the order of its enumeration */
} rows[] = {
#define AT(member) offsetof(struct service_profile, member)
	{ "patch", ROW_BOOL, AT(patch), { NULL } },
	{ "opTitleCase", ROW_BOOL, AT(op_title_case), { NULL } },
	{ "pathForm", ROW_WORD, AT(path_form), { "each", "object", "dotted" } },
	{ "extensionDot", ROW_BOOL, AT(extension_dot), { NULL } },
	{ "patchOperationsMax", ROW_UINT, AT(patch_ops_max), { NULL } },
	{ "memberFilter", ROW_BOOL, AT(member_filter), { NULL } },
	{ "memberValue", ROW_BOOL, AT(member_value), { NULL } },
	{ "membersMax", ROW_UINT, AT(member_max), { NULL } },
	{ "etag", ROW_BOOL, AT(etag), { NULL } },
	{ "bulk", ROW_BOOL, AT(bulk), { NULL } },
	{ "bulkOperationsMax", ROW_UINT, AT(bulk_max), { NULL } },
	{ "bulkBytesMax", ROW_UINT, AT(bulk_bytes_max), { NULL } },
	{ "pageMax", ROW_UINT, AT(page_max), { NULL } },
	{ "paging", ROW_WORD, AT(paging), { "index", "number", "cursor" } },
	{ "totalIsPage", ROW_BOOL, AT(total_is_page), { NULL } },
	{ "attributes", ROW_BOOL, AT(attributes), { NULL } },
	{ "filterNames", ROW_BOOL, AT(filter_names), { NULL } },
	{ "inactiveApart", ROW_BOOL, AT(inactive_apart), { NULL } },
	{ "groupFilter", ROW_BOOL, AT(group_filter), { NULL } },
	{ "members", ROW_WORD, AT(members), { "inGroup", "inUser", "byFilter" } },
	{ "keepsValues", ROW_BOOL, AT(keeps_values), { NULL } },
	{ "lowerPaths", ROW_BOOL, AT(lower_paths), { NULL } },
#undef AT
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

void service_profile_init(struct service_profile *profile)
{
	*profile = (struct service_profile){
		.patch = true, .member_filter = true, .member_max = MEMBERS_DEFAULT,
	};
}

/* ---- the file ---- */

void service_profile_write(const struct service_profile *profile, const char *url,
			   struct buf *out)
{
	struct json_out json;

	json_out_init(&json, out);
	json_out_object(&json);
	json_out_member(&json, "schema", PROFILE_SCHEMA);
	json_out_member(&json, "service", url);
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const char *at = (const char *)profile + rows[i].offset;

		json_out_key(&json, rows[i].name);
		if (rows[i].type == ROW_BOOL)
			json_out_bool(&json, *(const bool *)at);
		else if (rows[i].type == ROW_UINT)
			json_out_int(&json, *(const unsigned *)at);
		else
			json_out_text(&json, rows[i].words[*(const unsigned *)at]);
	}
	json_out_key(&json, "notKept");
	json_out_array(&json);
	for (int attr = 0; attr < SCIM_ATTR_COUNT; attr++)
		if (profile->lost & UINT64_C(1) << attr)
			json_out_text(&json, scim_attr((enum scim_attr)attr)->name);
	json_out_array_end(&json);
	json_out_object_end(&json);
	buf_addch(out, '\n');
}

static void read_word(struct json_in *in, const struct row *row, char *at)
{
	struct slice word;

	if (!json_get_text(in, &word))
		return;
	for (unsigned i = 0; i < 4 && row->words[i]; i++)
		if (slice_eq_str(word, row->words[i])) {
			*(unsigned *)at = i;
			return;
		}
	json_fail(in, ERR_INVALID, "%s: \"%.*s\" is unknown", row->name,
		  word.len > 40 ? 40 : (int)word.len, word.data);
}

static void read_row(struct json_in *in, const struct row *row,
		     struct service_profile *profile)
{
	char *at = (char *)profile + row->offset;
	int64_t number = 0;

	switch (row->type) {
	case ROW_BOOL:
		json_get_bool(in, (bool *)at);
		break;
	case ROW_UINT:
		if (!json_get_int(in, &number))
			break;
		if (number < 0 || number > (int64_t)SERVICE_ANSWER_BYTES_MAX)
			json_fail(in, ERR_INVALID, "%s: out of range", row->name);
		*(unsigned *)at = (unsigned)number;
		break;
	case ROW_WORD:
		read_word(in, row, at);
	}
}

/* By their names in rules; one that is unknown is of a newer program, and left out. */
static void read_lost(struct json_in *in, struct service_profile *profile)
{
	struct slice name;

	_Static_assert(SCIM_ATTR_COUNT <= 64, "a bit for each");
	while (json_array_next(in)) {
		if (!json_get_text(in, &name))
			return;
		for (int attr = 0; attr < SCIM_ATTR_COUNT; attr++)
			if (slice_eq_str(name, scim_attr((enum scim_attr)attr)->name))
				profile->lost |= UINT64_C(1) << attr;
	}
}

static int read_profile(struct json_in *in, const char *url, struct service_profile *profile,
			bool *ret_ours)
{
	struct slice key, text = { 0 };
	bool known = false, ours = false;
	size_t i;

	while (json_object_next(in, &key)) {
		if (slice_eq_str(key, "schema") && json_get_text(in, &text)) {
			known = slice_eq_str(text, PROFILE_SCHEMA);
		} else if (slice_eq_str(key, "service") && json_get_text(in, &text)) {
			ours = slice_eq_str(text, url);
		} else if (slice_eq_str(key, "notKept")) {
			read_lost(in, profile);
		} else {
			for (i = 0; i < ROW_COUNT; i++)
				if (slice_eq_str(key, rows[i].name))
					break;
			if (i < ROW_COUNT)
				read_row(in, &rows[i], profile);
			else if (!json_failed(in))
				json_skip(in);
		}
	}
	if (!json_failed(in) && !known)
		json_fail(in, ERR_INVALID, "this is no %s", PROFILE_SCHEMA);
	*ret_ours = ours;
	return json_close(in);
}

int service_profile_load(struct service_profile *profile, const char *path, const char *url,
			 struct err *err)
{
	struct arena mem = ARENA_INIT;
	struct service_profile read;
	struct json_in in;
	struct buf text;
	bool ours = false;
	int status;

	if (access(path, F_OK) && errno == ENOENT)
		return 0;
	buf_init(&text, SERVICE_PROFILE_BYTES_MAX);
	service_profile_init(&read);
	status = buf_read_file(&text, path, err);
	if (!status) {
		json_open(&in, text.data ? text.data : "", text.len, path, &mem, err);
		status = read_profile(&in, url, &read, &ours);
		if (status)
			err_prefix(err, "made anew by dirbridge check --online --probe");
	}
	if (!status && ours) {
		*profile = read;
		profile->probed = true;
		if (!profile->member_max)
			profile->member_max = MEMBERS_DEFAULT;
	}
	buf_release(&text);
	arena_release(&mem);
	return status;
}

/* ---- ServiceProviderConfig ---- */

struct feature {
	bool told, supported;
	int64_t operations, bytes, results;
};

static void read_feature(struct json_in *in, struct feature *ret)
{
	struct slice key;

	if (json_peek(in) != JSON_IN_OBJECT) {
		json_skip(in);
		return;
	}
	while (json_object_next(in, &key)) {
		bool number = json_peek(in) == JSON_IN_NUMBER;

		if (service_key(key, "supported") && json_peek(in) == JSON_IN_BOOL)
			ret->told = json_get_bool(in, &ret->supported);
		else if (service_key(key, "maxOperations") && number)
			json_get_int(in, &ret->operations);
		else if (service_key(key, "maxPayloadSize") && number)
			json_get_int(in, &ret->bytes);
		else if (service_key(key, "maxResults") && number)
			json_get_int(in, &ret->results);
		else
			json_skip(in);
	}
}

static unsigned bounded(int64_t told, unsigned most)
{
	return told > 0 && told < most ? (unsigned)told : most;
}

static void take_bulk(struct service_profile *profile, const struct feature *bulk)
{
	profile->bulk = bulk->supported && bulk->operations != 0;
	profile->bulk_max = bounded(bulk->operations, BULK_MAX);
	profile->bulk_bytes_max = bounded(bulk->bytes, BULK_BYTES_MAX);
}

void service_profile_advertised(struct service_profile *profile, struct slice body)
{
	struct feature patch = { 0 }, bulk = { 0 }, filter = { 0 }, etag = { 0 };
	struct arena mem = ARENA_INIT;
	struct err ignored = ERR_INIT;
	struct json_in in;
	struct slice key;

	json_open(&in, body.data, body.len, "", &mem, &ignored);
	if (json_peek(&in) != JSON_IN_OBJECT)
		goto out;
	while (json_object_next(&in, &key)) {
		if (service_key(key, "patch"))
			read_feature(&in, &patch);
		else if (service_key(key, "bulk"))
			read_feature(&in, &bulk);
		else if (service_key(key, "filter"))
			read_feature(&in, &filter);
		else if (service_key(key, "etag"))
			read_feature(&in, &etag);
		else
			json_skip(&in);
	}
	/* Half a document is none. */
	if (json_close(&in) || profile->probed)
		goto out;
	if (patch.told)
		profile->patch = patch.supported;
	profile->etag = etag.supported;
	take_bulk(profile, &bulk);
	if (filter.results > 0)
		profile->page_max = bounded(filter.results, 1000000);
out:
	arena_release(&mem);
}
