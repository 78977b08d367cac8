/*
 * scim/filter: a filter that parses prints as one that parses to the same print and
 * matches the same; one that does not parse says why and where.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scim/filter.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Printing adds escapes and brackets, six bytes for one at most. */
#define PRINT_BYTES_MAX (8 * FILTER_BYTES_MAX)

static const char resource_json[] =
	"{\"id\":\"1\",\"userName\":\"ana@example.com\",\"active\":true,\"level\":4.5,"
	"\"name\":{\"familyName\":\"Li\"},\"emails\":[{\"type\":\"work\",\"value\":\"a\"},"
	"{\"type\":\"home\",\"value\":\"b\",\"primary\":true}],\"tags\":[\"x\"],\"none\":null,"
	"\"meta\":{\"created\":\"2010-01-23T04:56:22Z\"},"
	"\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\":{\"department\":\"D\"}}";

static void check(const struct scim_filter *filter, const json_t *resource)
{
	const struct scim_filter *again;
	struct arena mem = ARENA_INIT;
	struct buf first, second;
	struct err err = ERR_INIT;

	buf_init(&first, PRINT_BYTES_MAX);
	buf_init(&second, PRINT_BYTES_MAX);
	scim_filter_print(filter, &first);
	if (scim_filter_parse(&mem, first.data, first.len, &again, &err) == 0) {
		scim_filter_print(again, &second);
		if (strcmp(first.data, second.data) != 0)
			abort();
		if (scim_filter_match(filter, resource, NULL) !=
		    scim_filter_match(again, resource, NULL))
			abort();
	} else if (err.kind != ERR_LIMIT) { /* longer or deeper by what printing adds */
		abort();
	}
	buf_release(&first);
	buf_release(&second);
	arena_release(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *resource = json_loads(resource_json, 0, NULL);
	const struct scim_filter *filter;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;

	if (!resource)
		abort();
	if (scim_filter_parse(&mem, (const char *)data, size, &filter, &err) == 0)
		check(filter, resource);
	else if (err.kind == ERR_NONE || !err.text[0])
		abort();
	arena_release(&mem);
	json_decref(resource);
	return 0;
}
