/* bridge/api: the table is whole, and requests find their row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/api/api.h"

#include "scim/base/banned.h"

static const struct {
	const char *name, *method, *path;
	int op; /* API_OP_COUNT = none */
	bool method_wrong;
	const char *ids[API_PATH_IDS_MAX];
} routes[] = {
	{ "plain", "GET", "/api/v2/users", API_USERS, false, { NULL } },
	{ "login host", "POST", "/oauth/token", API_TOKEN, false, { NULL } },
	{ "one id", "GET", "/api/v2/scim/v2/users/u1", API_SCIM_USER, false, { "u1" } },
	{ "same path, other method", "PATCH", "/api/v2/scim/v2/users/u1", API_SCIM_PATCH, false,
	  { "u1" } },
	{ "id in the middle", "POST", "/api/v2/groups/g%201/members", API_GROUP_ADD, false,
	  { "g%201" } },
	{ "two ids", "POST", "/api/v2/authorization/divisions/d/objects/USER",
	  API_DIVISION_MOVE, false, { "d", "USER" } },
	{ "three ids", "DELETE", "/api/v2/authorization/subjects/s/divisions/*/roles/r",
	  API_GRANT_DELETE, false, { "s", "*", "r" } },
	{ "fixed last segment", "PATCH", "/api/v2/users/u/routingskills/bulk", API_SKILLS_PATCH,
	  false, { "u" } },
	{ "wrong method", "PUT", "/api/v2/users", API_OP_COUNT, true, { NULL } },
	{ "method in lower case", "get", "/api/v2/users", API_OP_COUNT, true, { NULL } },
	{ "unknown path", "GET", "/api/v2/nothing", API_OP_COUNT, false, { NULL } },
	{ "longer than a row", "GET", "/api/v2/users/u/x", API_OP_COUNT, false, { NULL } },
	{ "beginning of a row", "GET", "/api/v2", API_OP_COUNT, false, { NULL } },
	{ "slash at the end", "GET", "/api/v2/users/", API_OP_COUNT, false, { NULL } },
	{ "empty id", "GET", "/api/v2/scim/v2/users/", API_OP_COUNT, false, { NULL } },
	{ "empty path", "GET", "", API_OP_COUNT, false, { NULL } },
};

static void test_route(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct slice ids[API_PATH_IDS_MAX] = { { NULL, 0 } };
		bool wrong = !routes[i].method_wrong;
		int op = api_route(routes[i].method, routes[i].path, strlen(routes[i].path),
				   ids, &wrong);

		if (op != routes[i].op || wrong != routes[i].method_wrong)
			fail_msg("%s: op %d, method wrong %d", routes[i].name, op, wrong);
		for (int n = 0; n < API_PATH_IDS_MAX; n++)
			if (routes[i].ids[n] ? !slice_eq_str(ids[n], routes[i].ids[n]) :
					       ids[n].data != NULL)
				fail_msg("%s: id %d is \"%.*s\"", routes[i].name, n,
					 SLICE_FMT(ids[n]));
	}
}

/* The length counts, not a NUL. */
static void test_route_length(void **state)
{
	struct slice ids[API_PATH_IDS_MAX];
	bool wrong;

	(void)state;
	assert_int_equal(api_route("GET", "/api/v2/users?state=any", 13, ids, &wrong),
			 API_USERS);
	assert_int_equal(api_route("GET", "/api/v2/users?state=any", 12, ids, &wrong),
			 API_OP_COUNT);
}

/* Each row leads to itself and says of itself what it must. */
static void test_rows(void **state)
{
	(void)state;
	for (unsigned i = 0; i < API_OP_COUNT; i++) {
		const struct api_op_row *row = api_op((enum api_op)i);
		struct slice ids[API_PATH_IDS_MAX];
		bool wrong;

		if (!row->name || !row->method || row->path[0] != '/')
			fail_msg("row %u is incomplete", i);
		if (row->host != API_HOST_SCIM &&
		    api_route(row->method, row->path, strlen(row->path), ids, &wrong) != i)
			fail_msg("%s: another row has its path", row->name);
		if (row->success < 200 || row->success > 299)
			fail_msg("%s: success %d", row->name, row->success);
		if (!strcmp(row->method, "GET") && (!row->repeat_safe || row->body != API_BODY_NONE))
			fail_msg("%s: a GET changes nothing and has no body", row->name);
	}
	assert_true(api_op(API_SCIM_USERS)->repeat_safe);
	assert_false(api_op(API_SCIM_CREATE)->repeat_safe);
}

static void test_fields(void **state)
{
	size_t count;
	const struct api_field_row *fields = api_fields(&count);

	(void)state;
	assert_true(count > 20);
	for (size_t i = 0; i < count; i++) {
		enum api_body body = api_op(fields[i].op)->body;

		if (body != API_BODY_OBJECT && body != API_BODY_ARRAY)
			fail_msg("%s: field %s of an operation without such a body",
				 api_op(fields[i].op)->name, fields[i].path);
		if ((body == API_BODY_ARRAY) != !strncmp(fields[i].path, "[].", 3))
			fail_msg("%s: field %s doesn't fit the body", api_op(fields[i].op)->name,
				 fields[i].path);
	}
}

/* No plan and no error shows the bare path of an operation for want of words. */
static void test_words(void **state)
{
	(void)state;
	for (int op = 0; op < API_OP_COUNT; op++)
		if (api_words(op)[0] == '/')
			fail_msg("%s has no words", api_op(op)->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_route_length),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
