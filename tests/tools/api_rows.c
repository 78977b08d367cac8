/*
 * tests/tools/api_rows.c - bridge/api/api.def as JSON, for tests in other languages:
 * {"operations": [...], "fields": [...]}, one row a line, in the table's order.
 */
#include <stdio.h>

#include "bridge/api/api.h"

#include "scim/base/banned.h"

static const char *const hosts[] = { [API_HOST_API] = "API", [API_HOST_LOGIN] = "LOGIN" };
static const char *const bodies[] = {
	[API_BODY_NONE] = "NONE",   [API_BODY_FORM] = "FORM",   [API_BODY_OBJECT] = "OBJECT",
	[API_BODY_ARRAY] = "ARRAY", [API_BODY_TEXTS] = "TEXTS",
};
static const char *const types[] = {
	[API_TYPE_TEXT] = "TEXT",     [API_TYPE_NUMBER] = "NUMBER",
	[API_TYPE_BOOL] = "BOOL",     [API_TYPE_OBJECT] = "OBJECT",
	[API_TYPE_OBJECTS] = "OBJECTS", [API_TYPE_TEXTS] = "TEXTS",
};

/* The table's strings are names, paths and lists: nothing in them needs an escape. */
static void print_operation(const struct api_op_row *row)
{
	printf("{\"name\": \"%s\", \"host\": \"%s\", \"method\": \"%s\", \"path\": \"%s\", "
	       "\"query\": \"%s\", \"body\": \"%s\", \"page_max\": %u, \"batch_max\": %u, "
	       "\"success\": %d, \"repeat_safe\": %s, \"permission\": \"%s\"}",
	       row->name, hosts[row->host], row->method, row->path, row->query,
	       bodies[row->body], row->page_max, row->batch_max, row->success,
	       row->repeat_safe ? "true" : "false", row->permission);
}

static void print_field(const struct api_field_row *row)
{
	printf("{\"op\": \"%s\", \"path\": \"%s\", \"type\": \"%s\", \"required\": %s}",
	       api_op(row->op)->name, row->path, types[row->type],
	       row->required ? "true" : "false");
}

int main(void)
{
	size_t count;
	const struct api_field_row *fields = api_fields(&count);

	puts("{\"operations\": [");
	for (unsigned op = 0, any = 0; op < API_OP_COUNT; op++) {
		/* RFC 7644's own are no part of the vendor's contract. */
		if (api_op((enum api_op)op)->host == API_HOST_SCIM)
			continue;
		puts(any++ ? "," : "");
		print_operation(api_op((enum api_op)op));
	}
	puts("], \"fields\": [");
	for (size_t i = 0; i < count; i++) {
		print_field(&fields[i]);
		puts(i + 1 < count ? "," : "");
	}
	puts("]}");
	return 0;
}
