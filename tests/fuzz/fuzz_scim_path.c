/*
 * scim/path: a path that parses prints as one that parses to the same print, and a patch
 * by it leaves a resource that is whole, or says why not.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scim/patch.h"
#include "scim/path.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char resource_json[] =
	"{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"id\":\"1\","
	"\"userName\":\"ana\",\"name\":{\"familyName\":\"Li\"},\"emails\":[{\"type\":\"work\","
	"\"value\":\"a\"},{\"type\":\"home\",\"value\":\"b\",\"primary\":true}],\"tags\":[\"x\"],"
	"\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\":{\"department\":\"D\"}}";

static void check_print(const struct scim_path *path)
{
	struct arena mem = ARENA_INIT;
	struct buf first, second;
	struct err err = ERR_INIT;
	struct scim_path again;

	buf_init(&first, 8 * PATH_BYTES_MAX);
	buf_init(&second, 8 * PATH_BYTES_MAX);
	scim_path_print(path, &first);
	if (scim_path_parse(&mem, first.data, first.len, &again, &err) == 0) {
		scim_path_print(&again, &second);
		if (strcmp(first.data, second.data) != 0)
			abort();
	} else if (err.kind != ERR_LIMIT) {
		abort();
	}
	buf_release(&first);
	buf_release(&second);
	arena_release(&mem);
}

static void check_patch(const char *op, const char *text, size_t len, json_t *value)
{
	json_t *resource = json_loads(resource_json, 0, NULL), *result = NULL, *request;
	enum scim_error_type type = SCIM_ERROR_NONE;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;

	if (!resource)
		abort();
	/* A path that is no UTF-8 can not come in as JSON; then there is no request. */
	request = json_pack("{s:[s], s:[{s:s, s:s%, s:o*}]}", "schemas", SCIM_URN_PATCH,
			    "Operations", "op", op, "path", text, len, "value", value);
	if (request) {
		int ret = scim_patch_apply(resource, request, NULL, &mem, &result, &type, &err);

		if (ret == 0 && (!json_is_object(result) || !json_object_get(result, "userName")))
			abort();
		if (ret != 0 && (type == SCIM_ERROR_NONE || !err.text[0]))
			abort();
	}
	json_decref(result);
	json_decref(request);
	json_decref(resource);
	arena_release(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct scim_path path;

	if (scim_path_parse(&mem, text, size, &path, &err) == 0)
		check_print(&path);
	else if (err.kind == ERR_NONE || !err.text[0])
		abort();
	arena_release(&mem);
	if (size > 0 && size < PATH_BYTES_MAX) {
		check_patch("add", text, size, json_string("x"));
		check_patch("replace", text, size, json_pack("{s:s}", "value", "x"));
		check_patch("replace", text, size, json_pack("[{s:s, s:b}]", "value", "x",
							     "primary", 1));
		check_patch("remove", text, size, NULL);
	}
	return 0;
}
