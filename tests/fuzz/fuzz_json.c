/*
 * scim/base/json: what is read by value and written again is read as the same, and
 * skipping takes what reading takes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/json.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COPY_BYTES_MAX (64u * 1024 * 1024)

static void copy_value(struct json_in *in, struct json_out *out);

static void copy_object(struct json_in *in, struct json_out *out)
{
	struct slice key;

	json_out_object(out);
	while (json_object_next(in, &key)) {
		struct json_out name;

		/* json_out_key takes a C string; a name may have a NUL. */
		if (out->need_comma)
			buf_addch(out->buf, ',');
		json_out_init(&name, out->buf);
		json_out_slice(&name, key);
		buf_addch(out->buf, ':');
		out->need_comma = false;
		copy_value(in, out);
	}
	json_out_object_end(out);
}

static void copy_value(struct json_in *in, struct json_out *out)
{
	struct slice text;
	double number;
	bool flag;

	switch (json_peek(in)) {
	case JSON_IN_OBJECT:
		copy_object(in, out);
		break;
	case JSON_IN_ARRAY:
		json_out_array(out);
		while (json_array_next(in))
			copy_value(in, out);
		json_out_array_end(out);
		break;
	case JSON_IN_TEXT:
		if (json_get_text(in, &text))
			json_out_slice(out, text);
		break;
	case JSON_IN_NUMBER:
		if (json_get_double(in, &number))
			json_out_double(out, number);
		break;
	case JSON_IN_BOOL:
		if (json_get_bool(in, &flag))
			json_out_bool(out, flag);
		break;
	case JSON_IN_NULL:
		json_skip(in);
		json_out_null(out);
		break;
	case JSON_IN_NONE:
		break;
	}
}

static int copy(const char *text, size_t len, struct buf *buf, struct err *err)
{
	struct arena mem = ARENA_INIT;
	struct json_out out;
	struct json_in in;
	int ret;

	json_out_init(&out, buf);
	json_open(&in, text, len, "input", &mem, err);
	copy_value(&in, &out);
	ret = json_close(&in);
	arena_release(&mem);
	return ret;
}

static int skip(const char *text, size_t len)
{
	struct json_in in;

	json_open(&in, text, len, "input", NULL, NULL);
	json_skip(&in);
	return json_close(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct err err = ERR_INIT;
	struct buf first, second;
	int ret;

	buf_init(&first, COPY_BYTES_MAX);
	buf_init(&second, COPY_BYTES_MAX);
	ret = copy(text, size, &first, &err);
	if ((ret == 0) != (err.kind == ERR_NONE))
		abort();
	/* Only the reader by value has a limit on the size of numbers. */
	if (skip(text, size) != ret && err.kind != ERR_LIMIT)
		abort();
	if (ret == 0 && !buf_failed(&first)) {
		if (copy(first.data, first.len, &second, NULL) != 0)
			abort();
		if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
			abort();
	}
	buf_release(&first);
	buf_release(&second);
	return 0;
}
