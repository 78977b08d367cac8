/*
 * mappings/cel, checker and evaluator: an expression ends in one line of JSON, a value or an
 * error with a text; what the checker lets pass has the same result without it, and what was
 * folded in compiling the same as when it is evaluated.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mappings/cel_impl.h"
#include "mappings/table.h"
#include "scim/base/buf.h"
#include "scim/base/json.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PRINT_BYTES_MAX (1024 * 1024)

static struct tables *tables;

static void open_tables(void)
{
	struct err err = ERR_INIT;

	tables = tables_new();
	if (tables_load_text(tables, "t", "t.csv", SLICE("k,v\nA,1\nb,2\n"), &err) ||
	    tables_load_text(tables, "u", "u.yaml", SLICE("A: {x: 1, y: 2}\nB: {y: 3}\n"), &err))
		abort();
}

static int evaluate(struct slice text, bool check, struct buf *out)
{
	struct slice one[] = { SLICE("A") }, two[] = { SLICE("b@x"), SLICE("a@x") };
	struct slice odd[] = { SLICE("\xff\x00") };
	struct cel_attr attrs[] = {
		{ SLICE("a"), one, 1 },
		{ SLICE("mail"), two, 2 },
		{ SLICE("b"), odd, 1 },
	};
	static const char *const groups[] = { "a", "cn=b,dc=x" };
	struct cel_once how = { .check = check, .now_s = 1769851800, .dn = "cn=a,dc=x",
				.tables = tables, .groups = groups, .group_count = 2 };

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

/* The line of JSON, or "" when it does not compile or a limit is met. */
static void evaluate_as(struct slice text, unsigned how, struct buf *out)
{
	struct arena mem = ARENA_INIT;
	const struct cel_program *program;
	struct cel_value value;
	struct err err = ERR_INIT;

	buf_init(out, PRINT_BYTES_MAX);
	buf_addstr(out, "");
	if (cel_compile_as(&mem, NULL, text, (struct cel_place){ 0 }, how, &program, &err) == 0) {
		if (cel_eval(program, NULL, &mem, &value, &err) == 0)
			cel_print_json(&value, out);
		else if (err.kind != ERR_LIMIT)
			buf_addf(out, "error %d", err.kind);
	}
	arena_release(&mem);
}

/*
 * Not for what is bound otherwise when its argument is constant: an attribute that has no
 * slot, a group, a table.
 */
static void compare_folded(struct slice text)
{
	static const char *const skip[] = { "entry", "values", "inGroup", "lookup" };
	struct buf folded, unfolded;

	for (size_t i = 0; i < sizeof(skip) / sizeof(*skip); i++)
		if (memmem(text.data, text.len, skip[i], strlen(skip[i])))
			return;
	evaluate_as(text, 0, &folded);
	evaluate_as(text, CEL_UNFOLDED, &unfolded);
	if (folded.len && unfolded.len && strcmp(folded.data, unfolded.data) != 0)
		abort();
	buf_release(&folded);
	buf_release(&unfolded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct buf loose, strict;
	int rc;

	if (!tables)
		open_tables();
	rc = evaluate(text, false, &loose);
	must_be_json(&loose);
	if (rc < 0 && strncmp(loose.data, "{\"error\":\"", 10) != 0)
		abort();
	if (evaluate(text, true, &strict) == 0 &&
	    (rc < 0 || loose.len != strict.len || memcmp(loose.data, strict.data, loose.len)))
		abort();
	buf_release(&loose);
	buf_release(&strict);
	compare_folded(text);
	return 0;
}
