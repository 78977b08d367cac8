/*
 * The examples of RFC 7643 and 7644 as inputs: tests/cases/scim/rfc.jsonl, a case a line,
 * each with "kind", "name" and what its kind needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "scim/filter.h"
#include "scim/message.h"
#include "scim/patch.h"
#include "scim/resource.h"

#include "scim/base/banned.h"

#define CASES "tests/cases/scim/rfc.jsonl"
#define TEXT_BYTES_MAX 100000

static const char *text_of(const json_t *row, const char *key)
{
	return json_string_value(json_object_get(row, key));
}

static int64_t number_of(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

/* "userName=a emails[work]=b ..." */
static void run_resource(const json_t *row, const char *body, struct arena *mem)
{
	struct scim_resource resource;
	struct err err = ERR_INIT;
	struct buf seen;

	if (scim_resource_parse(body, strlen(body), "example", mem, &resource, &err))
		fail_msg("%s: %s", text_of(row, "name"), err.text);
	buf_init(&seen, TEXT_BYTES_MAX);
	for (size_t i = 0; i < resource.count; i++) {
		const struct scim_field *field = &resource.fields[i];

		buf_addf(&seen, "%s%s", i ? " " : "", scim_attr((enum scim_attr)field->attr)->name);
		if (field->key)
			buf_addf(&seen, "[%s]", field->key);
		buf_addf(&seen, "=%s", field->value);
	}
	if (strcmp(seen.data, text_of(row, "fields")) != 0)
		fail_msg("%s: %s", text_of(row, "name"), seen.data);
	buf_release(&seen);
}

static int count_one(void *ctx, struct slice resource, struct err *err)
{
	unsigned *count = ctx;

	(void)err;
	assert_true(resource.len > 0 && resource.data[0] == '{');
	++*count;
	return 0;
}

static void run_list(const json_t *row, const char *body, struct arena *mem)
{
	struct err err = ERR_INIT;
	struct scim_list list;
	unsigned count = 0;

	if (scim_list_read(body, strlen(body), "example", mem, count_one, &count, &list, &err))
		fail_msg("%s: %s", text_of(row, "name"), err.text);
	assert_int_equal(list.total_results, number_of(row, "total"));
	assert_int_equal(list.start_index, number_of(row, "start"));
	assert_int_equal(count, number_of(row, "count"));
}

static void run_error(const json_t *row, const char *body, struct arena *mem)
{
	const char *type = text_of(row, "scimType");
	struct err err = ERR_INIT;
	struct scim_error error;

	if (scim_error_read(body, strlen(body), "example", mem, &error, &err))
		fail_msg("%s: %s", text_of(row, "name"), err.text);
	assert_int_equal(error.status, number_of(row, "status"));
	if (type)
		assert_string_equal(scim_error_name(error.type), type);
	else
		assert_int_equal(error.type, SCIM_ERROR_NONE);
}

static void run_patch(const json_t *row, struct arena *mem)
{
	json_t *request = json_pack("{s:[s], s:O}", "schemas",
				    "urn:ietf:params:scim:api:messages:2.0:PatchOp",
				    "Operations", json_object_get(row, "operations"));
	enum scim_error_type type = SCIM_ERROR_NONE;
	struct err err = ERR_INIT;
	json_t *result = NULL;

	if (scim_patch_apply(json_object_get(row, "resource"), request, NULL, mem, &result,
			     &type, &err))
		fail_msg("%s: %s", text_of(row, "name"), err.text);
	if (!json_equal(result, json_object_get(row, "wanted")))
		fail_msg("%s: %s", text_of(row, "name"), json_dumps(result, JSON_COMPACT));
	json_decref(result);
	json_decref(request);
}

/* It parses, and what is printed parses to the same. */
static void run_filter(const json_t *row, struct arena *mem)
{
	const char *text = text_of(row, "filter");
	const struct scim_filter *filter, *again;
	struct err err = ERR_INIT;
	struct buf first, second;

	buf_init(&first, TEXT_BYTES_MAX);
	buf_init(&second, TEXT_BYTES_MAX);
	if (scim_filter_parse(mem, text, strlen(text), &filter, &err))
		fail_msg("%s: %s", text, err.text);
	scim_filter_print(filter, &first);
	if (scim_filter_parse(mem, first.data, first.len, &again, &err))
		fail_msg("%s, printed as %s: %s", text, first.data, err.text);
	scim_filter_print(again, &second);
	assert_string_equal(first.data, second.data);
	buf_release(&first);
	buf_release(&second);
}

/* Returns false for a kind that is for servers only. */
static bool run_row(const json_t *row)
{
	const char *kind = text_of(row, "kind");
	char *body = json_dumps(json_object_get(row, "body"), JSON_COMPACT);
	struct arena mem = ARENA_INIT;
	bool known = true;

	if (!strcmp(kind, "resource"))
		run_resource(row, body, &mem);
	else if (!strcmp(kind, "list"))
		run_list(row, body, &mem);
	else if (!strcmp(kind, "error"))
		run_error(row, body, &mem);
	else if (!strcmp(kind, "patch"))
		run_patch(row, &mem);
	else if (!strcmp(kind, "filter"))
		run_filter(row, &mem);
	else
		known = false;
	free(body);
	arena_release(&mem);
	return known;
}

static void test_examples(void **state)
{
	FILE *file = fopen(CASES, "r");
	char *line = NULL;
	size_t size = 0;
	unsigned count = 0, at = 0;

	(void)state;
	assert_non_null(file);
	while (getline(&line, &size, file) > 0) {
		json_t *row = json_loads(line, 0, NULL);

		at++;
		if (!row)
			fail_msg("%s:%u: no JSON", CASES, at);
		count += run_row(row);
		json_decref(row);
	}
	free(line);
	fclose(file);
	assert_true(count > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_examples) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
