/*
 * mappings/cel: an expression ends in one line of JSON, a value or an error with a text; what
 * the checker lets pass has the same result without it; cel_scan finds the end of whatever
 * parses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mappings/cel.h"
#include "scim/base/buf.h"
#include "scim/base/json.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PRINT_BYTES_MAX (1024 * 1024)

static int evaluate(struct slice text, bool check, struct buf *out)
{
	struct slice one[] = { SLICE("A") }, two[] = { SLICE("b@x"), SLICE("a@x") };
	struct slice odd[] = { SLICE("\xff\x00") };
	struct cel_attr attrs[] = {
		{ SLICE("a"), one, 1 },
		{ SLICE("mail"), two, 2 },
		{ SLICE("b"), odd, 1 },
	};
	struct cel_once how = { .check = check, .now_s = 1769851800, .dn = "cn=a,dc=x" };

	buf_init(out, PRINT_BYTES_MAX);
	return cel_eval_once(text, attrs, 3, &how, out);
}

static void must_be_json(const struct buf *out)
{
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct json_in in;

	json_open(&in, out->data, out->len, NULL, &mem, &err);
	json_skip(&in);
	/* A value may be nested deeper than the reader goes. */
	if (json_close(&in) < 0 && err.kind != ERR_LIMIT)
		abort();
	arena_release(&mem);
}

static void scan(struct slice text)
{
	struct err err = ERR_INIT;
	char *closed = malloc(text.len + 2);
	long end;

	memcpy(closed, text.data, text.len);
	closed[text.len] = '\n'; /* ends a comment */
	closed[text.len + 1] = '}';
	end = cel_scan(slice_of(closed, text.len + 2), (struct cel_place){ 0 }, &err);
	if (end != (long)text.len + 1)
		abort();
	free(closed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct arena mem = ARENA_INIT;
	const struct cel_program *program;
	struct err err = ERR_INIT;
	struct buf loose, strict;
	int rc = evaluate(text, false, &loose);

	must_be_json(&loose);
	if (rc < 0 && strncmp(loose.data, "{\"error\":\"", 10) != 0)
		abort();
	if (evaluate(text, true, &strict) == 0 &&
	    (rc < 0 || loose.len != strict.len || memcmp(loose.data, strict.data, loose.len)))
		abort();
	buf_release(&loose);
	buf_release(&strict);
	if (cel_compile_unchecked(&mem, NULL, text, (struct cel_place){ 0 }, &program, &err) == 0)
		scan(text);
	else if (err.kind == ERR_NONE || !err.text[0])
		abort();
	arena_release(&mem);
	return 0;
}
