/* scim/resource: read, write, compare. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "scim/resource.h"
#include "scim/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ENTERPRISE "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

/* "userName=a emails[work]=b ..." */
static void fields_text(const struct scim_field *fields, size_t count, struct buf *buf)
{
	size_t i;

	buf_clear(buf);
	for (i = 0; i < count; i++) {
		buf_addf(buf, "%s%s", i ? " " : "",
			 scim_attr((enum scim_attr)fields[i].attr)->name);
		if (fields[i].key)
			buf_addf(buf, "[%s]", fields[i].key);
		buf_addf(buf, "=%s", fields[i].value);
	}
}

static const struct {
	const char *name, *json, *wanted; /* wanted NULL = refused */
} rows[] = {
	{ "nothing", "{}", "" },
	{ "RFC 7643 section 8.1, minimal",
	  "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"id\":\"2819c223\","
	  "\"userName\":\"bjensen@example.com\",\"meta\":{\"resourceType\":\"User\","
	  "\"version\":\"W\\/\\\"3694e05e9dff590\\\"\"}}",
	  "userName=bjensen@example.com" },
	{ "RFC 7643 section 8.3, parts",
	  "{\"externalId\":\"701984\",\"userName\":\"bjensen@example.com\",\"name\":{"
	  "\"formatted\":\"Ms. Barbara J Jensen, III\",\"familyName\":\"Jensen\","
	  "\"givenName\":\"Barbara\"},\"emails\":[{\"value\":\"bjensen@example.com\","
	  "\"type\":\"work\",\"primary\":true},{\"value\":\"babs@jensen.org\",\"type\":"
	  "\"home\"}],\"addresses\":[{\"type\":\"work\",\"locality\":\"Hollywood\"}],"
	  "\"active\":true,\"password\":\"t1meMa$heen\",\"groups\":[{\"value\":\"e9\"}],"
	  "\"" ENTERPRISE "\":{\"employeeNumber\":\"701984\",\"manager\":{\"value\":\"26118915\","
	  "\"$ref\":\"../Users/26118915\",\"displayName\":\"John Smith\"}}}",
	  "userName=bjensen@example.com externalId=701984"
	  " formattedName=Ms. Barbara J Jensen, III givenName=Barbara familyName=Jensen"
	  " active=true emails[home]=babs@jensen.org emails[work]=bjensen@example.com"
	  " employeeNumber=701984 manager=26118915" },
	{ "names in any case",
	  "{\"USERNAME\":\"a\",\"Name\":{\"GIVENNAME\":\"b\"},\"Emails\":[{\"TYPE\":\"work\","
	  "\"Value\":\"c\"}],\"URN:ietf:params:scim:schemas:extension:ENTERPRISE:2.0:User\":"
	  "{\"Manager\":{\"VALUE\":\"d\"}}}",
	  "userName=a givenName=b emails[work]=c manager=d" },
	{ "null, empty list and empty text are absence",
	  "{\"title\":null,\"emails\":[],\"phoneNumbers\":null,\"nickName\":\"\",\"name\":null,"
	  "\"meta\":null,\"id\":null,\"" ENTERPRISE "\":null}",
	  "" },
	{ "values without a value", "{\"emails\":[{\"type\":\"work\"},null,{\"value\":null}]}",
	  "" },
	{ "the primary one of a type stays",
	  "{\"emails\":[{\"type\":\"work\",\"value\":\"a\"},{\"type\":\"WORK\",\"value\":\"b\","
	  "\"primary\":true},{\"type\":\"work\",\"value\":\"c\"}]}",
	  "emails[work]=b" },
	{ "else the first", "{\"emails\":[{\"type\":\"work\",\"value\":\"a\"},"
			    "{\"type\":\"work\",\"value\":\"b\"}]}",
	  "emails[work]=a" },
	{ "no type", "{\"emails\":[{\"value\":\"a\"},{\"type\":null,\"value\":\"b\"}]}",
	  "emails[]=a" },
	{ "plain texts", "{\"emails\":[\"a\"]}", "emails[]=a" },
	{ "boolean as text", "{\"active\":\"False\"}", "active=false" },
	{ "number as text", "{\"" ENTERPRISE "\":{\"employeeNumber\":701984}}",
	  "employeeNumber=701984" },
	{ "manager as text", "{\"" ENTERPRISE "\":{\"manager\":\"m1\"}}", "manager=m1" },
	{ "types in order without case",
	  "{\"phoneNumbers\":[{\"type\":\"Work\",\"value\":\"1\"},{\"type\":\"home\","
	  "\"value\":\"2\"}]}",
	  "phoneNumbers[home]=2 phoneNumbers[Work]=1" },
	{ "a NUL does not cut", "{\"title\":\"a\\u0000b\"}", "title=a\xef\xbf\xbd" "b" },
	{ "many NULs leave what follows alone",
	  "{\"title\":\"\\u0000\\u0000\\u0000\\u0000\",\"userType\":\"xyz\"}",
	  "title=\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd userType=xyz" },
	{ "unknown attributes", "{\"x\":{\"userName\":[1,{}]},\"name\":{\"x\":1}}", "" },
	{ "not an object", "[]", NULL },
	{ "object for text", "{\"title\":{}}", NULL },
	{ "list for text", "{\"title\":[\"a\"]}", NULL },
	{ "text for a list", "{\"emails\":\"a\"}", NULL },
	{ "text for an object", "{\"name\":\"a\"}", NULL },
	{ "list for the extension", "{\"" ENTERPRISE "\":[]}", NULL },
	{ "number for a boolean", "{\"active\":1}", NULL },
	{ "other text for a boolean", "{\"active\":\"yes\"}", NULL },
	{ "boolean for text", "{\"title\":true}", NULL },
	{ "number for a date", "{\"" ENTERPRISE "\":{\"dateHire\":20260131}}", NULL },
	{ "number for an id", "{\"id\":1}", NULL },
	{ "NUL in an id", "{\"id\":\"a\\u0000b\"}", NULL },
	{ "twice the same", "{\"userName\":\"a\",\"username\":\"b\"}", NULL },
	{ "something behind", "{} {}", NULL },
	{ "cut", "{\"userName\":\"a\"", NULL },
};

static void test_read(void **state)
{
	struct buf text;
	size_t i;

	(void)state;
	buf_init(&text, 10000);
	for (i = 0; i < COUNT(rows); i++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		struct scim_resource user = { .count = 99 };
		int ret = scim_resource_parse(rows[i].json, strlen(rows[i].json), "t", &mem,
					      &user, &err);

		if ((ret == 0) != (rows[i].wanted != NULL))
			fail_msg("%s: %s", rows[i].name, ret ? err.text : "taken");
		if (ret != 0) {
			assert_int_not_equal(err.kind, ERR_NONE);
			assert_int_equal(user.count, 99);
		} else {
			fields_text(user.fields, user.count, &text);
			if (strcmp(text.data, rows[i].wanted) != 0)
				fail_msg("%s: %s", rows[i].name, text.data);
		}
		arena_release(&mem);
	}
	buf_release(&text);
}

static void test_read_id_and_version(void **state)
{
	static const char json[] = "{\"meta\":{\"version\":\"W/\\\"7\\\"\",\"x\":1},"
				   "\"id\":\"u1\"}";
	struct arena mem = ARENA_INIT;
	struct scim_resource user;

	(void)state;
	assert_int_equal(scim_resource_parse(json, sizeof(json) - 1, "t", &mem, &user, NULL),
			 0);
	assert_string_equal(user.id, "u1");
	assert_string_equal(user.version, "W/\"7\"");
	assert_int_equal(scim_resource_parse("{}", 2, "t", &mem, &user, NULL), 0);
	assert_null(user.id);
	assert_null(user.version);
	arena_release(&mem);
}

static void test_read_errors(void **state)
{
	static const struct {
		const char *json, *wanted;
	} errors[] = {
		{ "{\"title\":\n {}}", "t:2:2: title: an object where text is expected" },
		{ "{\"emails\":[1,{\"value\":[]}]}",
		  "t:1:23: emails: an array where text is expected" },
		{ "{\"active\":\"maybe\"}",
		  "t:1:18: active: \"maybe\" where true or false is expected" },
	};
	char line[ERR_FORMAT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(errors); i++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		struct scim_resource user;

		assert_int_equal(scim_resource_parse(errors[i].json, strlen(errors[i].json),
						     "t", &mem, &user, &err), -1);
		assert_string_equal(err_format(&err, line, sizeof(line)), errors[i].wanted);
		arena_release(&mem);
	}
}

static void test_read_limits(void **state)
{
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct scim_resource user;
	struct buf json;
	int i;

	(void)state;
	buf_init(&json, 1 << 20);
	buf_addstr(&json, "{\"photos\":[{\"value\":\"data:");
	for (i = 0; i <= SCIM_VALUE_BYTES_MAX; i++)
		buf_addch(&json, 'x');
	buf_addstr(&json, "\"}]");
	buf_addch(&json, '}');
	assert_int_equal(scim_resource_parse(json.data, json.len, "t", &mem, &user, &err), 0);
	assert_int_equal(user.count, 0); /* a picture is no profile field */

	buf_clear(&json);
	buf_addstr(&json, "{\"title\":\"");
	for (i = 0; i < SCIM_VALUE_BYTES_MAX; i++)
		buf_addch(&json, 'x');
	buf_addstr(&json, "\"}");
	assert_int_equal(scim_resource_parse(json.data, json.len, "t", &mem, &user, &err), 0);
	json.len -= 2;
	buf_addstr(&json, "y\"}");
	assert_int_equal(scim_resource_parse(json.data, json.len, "t", &mem, &user, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);

	err = (struct err)ERR_INIT;
	buf_clear(&json);
	buf_addstr(&json, "{\"ims\":[");
	for (i = 0; i <= SCIM_FIELDS_MAX; i++)
		buf_addf(&json, "%s{\"type\":\"t%d\",\"value\":\"v\"}", i ? "," : "", i);
	buf_addstr(&json, "]}");
	assert_int_equal(scim_resource_parse(json.data, json.len, "t", &mem, &user, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	buf_release(&json);
	arena_release(&mem);
}

static void test_write(void **state)
{
	static const struct scim_field all[] = {
		{ SCIM_ATTR_USER_NAME, NULL, "a@example.com" },
		{ SCIM_ATTR_EXTERNAL_ID, NULL, "x\"1" },
		{ SCIM_ATTR_GIVEN_NAME, NULL, "Ana" },
		{ SCIM_ATTR_FAMILY_NAME, NULL, "Li" },
		{ SCIM_ATTR_ACTIVE, NULL, "false" },
		{ SCIM_ATTR_EMAILS, "", "c" },
		{ SCIM_ATTR_EMAILS, "work", "b" },
		{ SCIM_ATTR_PHONE_NUMBERS, "work", "+1" },
		{ SCIM_ATTR_DEPARTMENT, NULL, "D" },
		{ SCIM_ATTR_MANAGER, NULL, "m1" },
		{ SCIM_ATTR_DATE_HIRE, NULL, "2026-01-31" },
	};
	static const char wanted[] =
		"{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\",\"" ENTERPRISE "\"],"
		"\"userName\":\"a@example.com\",\"externalId\":\"x\\\"1\",\"name\":{\"givenName\":"
		"\"Ana\",\"familyName\":\"Li\"},\"active\":false,\"emails\":[{\"value\":\"c\"},{"
		"\"type\":\"work\",\"value\":\"b\"}],\"phoneNumbers\":[{\"type\":\"work\","
		"\"value\":\"+1\"}],\"" ENTERPRISE "\":{\"department\":\"D\",\"manager\":{"
		"\"value\":\"m1\"},\"dateHire\":\"2026-01-31\"}}";
	struct arena mem = ARENA_INIT;
	struct scim_resource user;
	struct json_out out;
	struct buf buf;

	(void)state;
	buf_init(&buf, 10000);
	json_out_init(&out, &buf);
	scim_fields_write(all, COUNT(all), &out);
	assert_string_equal(buf.data, wanted);
	/* What is written reads back as the same fields. */
	assert_int_equal(scim_resource_parse(buf.data, buf.len, "t", &mem, &user, NULL), 0);
	assert_int_equal(user.count, COUNT(all));
	buf_clear(&buf);
	json_out_init(&out, &buf);
	scim_fields_write(user.fields, user.count, &out);
	assert_string_equal(buf.data, wanted);

	buf_clear(&buf);
	json_out_init(&out, &buf);
	scim_fields_write(all, 1, &out);
	assert_string_equal(buf.data,
			    "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],"
			    "\"userName\":\"a@example.com\"}");
	buf_release(&buf);
	arena_release(&mem);
}

static void test_sort_and_find(void **state)
{
	struct scim_field fields[] = {
		{ SCIM_ATTR_TITLE, NULL, "t" },       { SCIM_ATTR_EMAILS, "work", "w1" },
		{ SCIM_ATTR_USER_NAME, NULL, "u" },   { SCIM_ATTR_EMAILS, "WORK", "w2" },
		{ SCIM_ATTR_EMAILS, "home", "h" },    { SCIM_ATTR_TITLE, NULL, "t2" },
	};
	struct buf text;
	size_t count = scim_fields_sort(fields, COUNT(fields));

	(void)state;
	buf_init(&text, 1000);
	fields_text(fields, count, &text);
	assert_string_equal(text.data, "userName=u title=t emails[home]=h emails[work]=w1");
	assert_string_equal(scim_fields_find(fields, count, SCIM_ATTR_EMAILS, "Work")->value,
			    "w1");
	assert_string_equal(scim_fields_find(fields, count, SCIM_ATTR_TITLE, NULL)->value, "t");
	assert_null(scim_fields_find(fields, count, SCIM_ATTR_EMAILS, "other"));
	assert_null(scim_fields_find(fields, count, SCIM_ATTR_MANAGER, NULL));
	assert_null(scim_fields_find(fields, 0, SCIM_ATTR_TITLE, NULL));
	buf_release(&text);
}

static void note(void *ctx, const struct scim_field *a, const struct scim_field *b)
{
	const struct scim_field *field = a ? a : b;
	struct buf *buf = ctx;

	buf_addf(buf, "%s%s:%s>%s ", scim_attr((enum scim_attr)field->attr)->name,
		 field->key ? field->key : "", a ? a->value : "-", b ? b->value : "-");
}

static void test_compare(void **state)
{
	static const struct {
		const char *name, *a, *b, *wanted;
		size_t count;
	} pairs[] = {
		{ "both empty", "{}", "{}", "", 0 },
		{ "same", "{\"userName\":\"a\",\"active\":true}",
		  "{\"active\":true,\"userName\":\"A\"}", "", 0 },
		{ "changed", "{\"title\":\"a\"}", "{\"title\":\"A\"}", "title:a>A ", 1 },
		{ "only left", "{\"title\":\"a\"}", "{}", "title:a>- ", 1 },
		{ "only right", "{}", "{\"title\":\"a\"}", "title:->a ", 1 },
		{ "by type",
		  "{\"emails\":[{\"type\":\"work\",\"value\":\"a\"},{\"type\":\"home\",\"value\":"
		  "\"b\"}]}",
		  "{\"emails\":[{\"type\":\"Home\",\"value\":\"B\"},{\"type\":\"other\","
		  "\"value\":\"a\"}]}",
		  "emailsother:->a emailswork:a>- ", 2 },
		{ "all around",
		  "{\"userName\":\"a\",\"" ENTERPRISE "\":{\"department\":\"d\"}}",
		  "{\"displayName\":\"b\",\"" ENTERPRISE "\":{\"department\":\"e\"}}",
		  "userName:a>- displayName:->b department:d>e ", 3 },
	};
	struct buf buf;
	size_t i;

	(void)state;
	buf_init(&buf, 1000);
	for (i = 0; i < COUNT(pairs); i++) {
		struct arena mem = ARENA_INIT;
		struct scim_resource a, b;

		assert_int_equal(scim_resource_parse(pairs[i].a, strlen(pairs[i].a), "a", &mem,
						     &a, NULL), 0);
		assert_int_equal(scim_resource_parse(pairs[i].b, strlen(pairs[i].b), "b", &mem,
						     &b, NULL), 0);
		buf_clear(&buf);
		assert_int_equal(scim_fields_compare(a.fields, a.count, b.fields, b.count,
						     note, &buf), pairs[i].count);
		if (strcmp(buf.data, pairs[i].wanted) != 0)
			fail_msg("%s: %s", pairs[i].name, buf.data);
		arena_release(&mem);
	}
	buf_release(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_id_and_version),
		cmocka_unit_test(test_read_errors),
		cmocka_unit_test(test_read_limits),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_sort_and_find),
		cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
