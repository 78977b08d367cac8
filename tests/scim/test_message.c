/* scim/message: PatchOp, ListResponse, Error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "scim/message.h"
#include "scim/path.h"
#include "scim/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ENTERPRISE "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

static const struct {
	const char *name;
	struct scim_patch_op op;
	const char *wanted;
} ops[] = {
	{ "single", { SCIM_OP_REPLACE, { SCIM_ATTR_TITLE, NULL, "a\"b" } },
	  "{\"op\":\"replace\",\"path\":\"title\",\"value\":\"a\\\"b\"}" },
	{ "boolean", { SCIM_OP_REPLACE, { SCIM_ATTR_ACTIVE, NULL, "false" } },
	  "{\"op\":\"replace\",\"path\":\"active\",\"value\":false}" },
	{ "in name", { SCIM_OP_ADD, { SCIM_ATTR_GIVEN_NAME, NULL, "Ana" } },
	  "{\"op\":\"add\",\"path\":\"name.givenName\",\"value\":\"Ana\"}" },
	{ "extension", { SCIM_OP_REPLACE, { SCIM_ATTR_DEPARTMENT, NULL, "D" } },
	  "{\"op\":\"replace\",\"path\":\"" ENTERPRISE ":department\",\"value\":\"D\"}" },
	{ "manager", { SCIM_OP_REPLACE, { SCIM_ATTR_MANAGER, NULL, "m" } },
	  "{\"op\":\"replace\",\"path\":\"" ENTERPRISE ":manager.value\",\"value\":\"m\"}" },
	{ "remove", { SCIM_OP_REMOVE, { SCIM_ATTR_TITLE, NULL, NULL } },
	  "{\"op\":\"remove\",\"path\":\"title\"}" },
	{ "multi added", { SCIM_OP_ADD, { SCIM_ATTR_EMAILS, "work", "a" } },
	  "{\"op\":\"add\",\"path\":\"emails\",\"value\":[{\"type\":\"work\",\"value\":\"a\"}]}" },
	{ "multi replaced", { SCIM_OP_REPLACE, { SCIM_ATTR_EMAILS, "work", "a" } },
	  "{\"op\":\"replace\",\"path\":\"emails[type eq \\\"work\\\"].value\",\"value\":\"a\"}" },
	{ "multi removed", { SCIM_OP_REMOVE, { SCIM_ATTR_PHONE_NUMBERS, "work2", NULL } },
	  "{\"op\":\"remove\",\"path\":\"phoneNumbers[type eq \\\"work2\\\"]\"}" },
	{ "type with a quote", { SCIM_OP_REMOVE, { SCIM_ATTR_EMAILS, "a\"]", NULL } },
	  "{\"op\":\"remove\",\"path\":\"emails[type eq \\\"a\\\\\\\"]\\\"]\"}" },
	{ "no type", { SCIM_OP_REPLACE, { SCIM_ATTR_EMAILS, "", "a" } },
	  "{\"op\":\"replace\",\"path\":\"emails[not (type pr)].value\",\"value\":\"a\"}" },
};

static void test_patch_ops(void **state)
{
	static const char head[] = "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:"
				   "PatchOp\"],\"Operations\":[";
	struct arena mem = ARENA_INIT;
	struct buf buf, path;
	size_t i;

	(void)state;
	buf_init(&buf, 10000);
	buf_init(&path, 1000);
	for (i = 0; i < COUNT(ops); i++) {
		struct scim_path parsed;
		struct json_out out;

		buf_clear(&buf);
		json_out_init(&out, &buf);
		scim_patch_write(&ops[i].op, 1, &out);
		assert_int_equal(strncmp(buf.data, head, strlen(head)), 0);
		assert_string_equal(buf.data + buf.len - 2, "]}");
		buf.data[buf.len - 2] = '\0';
		if (strcmp(buf.data + strlen(head), ops[i].wanted) != 0)
			fail_msg("%s: %s", ops[i].name, buf.data + strlen(head));
		/* Each path is one that RFC 7644 knows. */
		buf_clear(&path);
		scim_patch_path(&ops[i].op, &path);
		assert_int_equal(scim_path_parse(&mem, path.data, path.len, &parsed, NULL), 0);
	}
	buf_release(&buf);
	buf_release(&path);
	arena_release(&mem);
}

static void test_patch_several(void **state)
{
	struct scim_patch_op list[] = {
		{ SCIM_OP_REPLACE, { SCIM_ATTR_TITLE, NULL, "a" } },
		{ SCIM_OP_REMOVE, { SCIM_ATTR_LOCALE, NULL, NULL } },
	};
	struct json_out out;
	struct buf buf;

	(void)state;
	buf_init(&buf, 10000);
	json_out_init(&out, &buf);
	scim_patch_write(list, COUNT(list), &out);
	assert_string_equal(buf.data,
			    "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],"
			    "\"Operations\":[{\"op\":\"replace\",\"path\":\"title\",\"value\":\"a\"},"
			    "{\"op\":\"remove\",\"path\":\"locale\"}]}");
	buf_release(&buf);
}

/* ---- ListResponse ---- */

struct seen {
	struct buf *buf;
	int stop_after; /* 0 = never */
	int count;
};

static int each(void *ctx, struct slice resource, struct err *err)
{
	struct seen *seen = ctx;

	buf_addf(seen->buf, "<%.*s>", SLICE_FMT(resource));
	if (++seen->count == seen->stop_after)
		return err_set(err, ERR_REFUSED, "enough");
	return 0;
}

static const struct {
	const char *name, *json;
	bool ok;
	int64_t total, start, per_page;
	const char *resources;
} lists[] = {
	{ "RFC 7644 section 3.4.2.2",
	  "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"],"
	  "\"totalResults\":2,\"Resources\":[{\"id\":\"1\"}, {\"id\":\"2\"}]}",
	  true, 2, 1, -1, "<{\"id\":\"1\"}><{\"id\":\"2\"}>" },
	{ "counts behind", "{\"Resources\":[],\"totalResults\":100,\"itemsPerPage\":10,"
			   "\"startIndex\":11}",
	  true, 100, 11, 10, "" },
	{ "names in any case", "{\"totalresults\":1,\"resources\":[{}]}", true, 1, 1, -1, "<{}>" },
	{ "no Resources, as for none", "{\"totalResults\":0}", true, 0, 1, -1, "" },
	{ "null Resources", "{\"totalResults\":0,\"Resources\":null,\"startIndex\":null}", true, 0,
	  1, -1, "" },
	{ "nothing", "{}", true, -1, 1, -1, "" },
	{ "total as text", "{\"totalResults\":\"2\"}", false, 0, 0, 0, "" },
	{ "negative total", "{\"totalResults\":-1}", false, 0, 0, 0, "" },
	{ "resource that is text", "{\"Resources\":[\"a\"]}", false, 0, 0, 0, "" },
	{ "Resources that are an object", "{\"Resources\":{}}", false, 0, 0, 0, "" },
	{ "an array", "[]", false, 0, 0, 0, "" },
	{ "HTML", "<html>", false, 0, 0, 0, "" },
	{ "cut in the second", "{\"Resources\":[{},{\"a\":", false, 0, 0, 0, "<{}>" },
	{ "cut behind", "{\"Resources\":[{}]", false, 0, 0, 0, "<{}>" },
};

static void test_list(void **state)
{
	struct buf buf;
	size_t i;

	(void)state;
	buf_init(&buf, 10000);
	for (i = 0; i < COUNT(lists); i++) {
		struct seen seen = { &buf, 0, 0 };
		struct scim_list list = { .total_results = 77 };
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		int ret;

		buf_clear(&buf);
		ret = scim_list_read(lists[i].json, strlen(lists[i].json), "page", &mem, each,
				     &seen, &list, &err);
		if ((ret == 0) != lists[i].ok)
			fail_msg("%s: %s", lists[i].name, ret ? err.text : "taken");
		if (strcmp(buf.data, lists[i].resources) != 0)
			fail_msg("%s: %s", lists[i].name, buf.data);
		assert_int_equal(ret == 0, err.kind == ERR_NONE);
		assert_int_equal(list.total_results, ret ? 77 : lists[i].total);
		if (ret == 0) {
			assert_int_equal(list.start_index, lists[i].start);
			assert_int_equal(list.items_per_page, lists[i].per_page);
			assert_int_equal(list.resources, seen.count);
		}
		arena_release(&mem);
	}
	buf_release(&buf);
}

static void test_list_stopped(void **state)
{
	static const char json[] = "{\"Resources\":[{},{},{}]}";
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct scim_list list;
	struct buf buf;
	struct seen seen = { &buf, 2, 0 };

	(void)state;
	buf_init(&buf, 100);
	assert_int_equal(scim_list_read(json, sizeof(json) - 1, "page", &mem, each, &seen,
					&list, &err), -1);
	assert_int_equal(seen.count, 2);
	assert_string_equal(err.text, "enough");
	buf_release(&buf);
	arena_release(&mem);
}

/* ---- Error ---- */

static const struct {
	const char *name, *json;
	bool ok;
	int status;
	enum scim_error_type type;
	const char *detail;
} errors[] = {
	{ "RFC 7644 section 3.12",
	  "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:Error\"],\"scimType\":"
	  "\"mutability\",\"detail\":\"Attribute 'id' is readOnly\",\"status\":\"400\"}",
	  true, 400, SCIM_ERROR_MUTABILITY, "Attribute 'id' is readOnly" },
	{ "status as a number", "{\"status\":404}", true, 404, SCIM_ERROR_NONE, "" },
	{ "type in capitals", "{\"SCIMTYPE\":\"UNIQUENESS\"}", true, 0, SCIM_ERROR_UNIQUENESS, "" },
	{ "unknown type", "{\"scimType\":\"novel\"}", true, 0, SCIM_ERROR_NONE, "" },
	{ "nulls", "{\"status\":null,\"scimType\":null,\"detail\":null}", true, 0,
	  SCIM_ERROR_NONE, "" },
	{ "status that is none", "{\"status\":\"4x4\"}", true, 0, SCIM_ERROR_NONE, "" },
	{ "status out of range", "{\"status\":99999}", true, 0, SCIM_ERROR_NONE, "" },
	{ "long status", "{\"status\":\"4000\"}", true, 0, SCIM_ERROR_NONE, "" },
	{ "hostile detail", "{\"detail\":\"\\u001b[2J\\u202e\"}", true, 0, SCIM_ERROR_NONE,
	  "\\x1B[2J\\u{202E}" },
	{ "the platform's own shape",
	  "{\"message\":\"m\",\"code\":\"not.found\",\"status\":404,\"details\":[],\"errors\":[]}",
	  true, 404, SCIM_ERROR_NONE, "" },
	{ "detail that is an object", "{\"detail\":{}}", false, 0, SCIM_ERROR_NONE, "" },
	{ "no JSON", "Bad Gateway", false, 0, SCIM_ERROR_NONE, "" },
	{ "empty", "", false, 0, SCIM_ERROR_NONE, "" },
};

static void test_error_read(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(errors); i++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		struct scim_error error = { 0 };
		int ret = scim_error_read(errors[i].json, strlen(errors[i].json), "answer",
					  &mem, &error, &err);

		if ((ret == 0) != errors[i].ok)
			fail_msg("%s: %s", errors[i].name, ret ? err.text : "taken");
		if (ret == 0) {
			if (error.status != errors[i].status || error.type != errors[i].type)
				fail_msg("%s: status %d, type %d", errors[i].name,
					 error.status, error.type);
			assert_string_equal(error.detail, errors[i].detail);
		}
		arena_release(&mem);
	}
}

static void test_error_write(void **state)
{
	static const struct {
		struct scim_error error;
		const char *wanted;
	} written[] = {
		{ { 400, SCIM_ERROR_NO_TARGET, "a \"b\"" },
		  "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:Error\"],\"status\":"
		  "\"400\",\"scimType\":\"noTarget\",\"detail\":\"a \\\"b\\\"\"}" },
		{ { 404, SCIM_ERROR_NONE, NULL },
		  "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:Error\"],\"status\":"
		  "\"404\"}" },
	};
	struct buf buf;
	size_t i;

	(void)state;
	buf_init(&buf, 1000);
	for (i = 0; i < COUNT(written); i++) {
		struct json_out out;

		buf_clear(&buf);
		json_out_init(&out, &buf);
		scim_error_write(&written[i].error, &out);
		assert_string_equal(buf.data, written[i].wanted);
	}
	buf_release(&buf);
	assert_null(scim_error_name(SCIM_ERROR_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patch_ops),
		cmocka_unit_test(test_patch_several),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_stopped),
		cmocka_unit_test(test_error_read),
		cmocka_unit_test(test_error_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
