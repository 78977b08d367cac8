/*
 * bridge/report/plan_file: bytes are sealed as a plan is, and read; what is read prints to a
 * plan that reads back to the same text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/report/plan_file.h"
#include "bridge/report/report.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX (64 * 1024)
#define PLAN_BYTES_MAX (16 * 1024 * 1024)

static int parse(const struct buf *text, struct arena *mem, struct plan *plan)
{
	struct err err = ERR_INIT;
	int status = plan_file_parse(slice_of(text->data, text->len), "fuzz", mem, plan, NULL,
				     &err);

	if (status && !err.kind)
		abort();
	return status;
}

static void check(const struct plan *plan, struct arena *mem)
{
	struct buf first, second;
	struct plan again;

	buf_init(&first, PLAN_BYTES_MAX);
	buf_init(&second, PLAN_BYTES_MAX);
	report_plan_json(plan, &first);
	if (parse(&first, mem, &again) == 0) {
		report_plan_json(&again, &second);
		if (first.len != second.len || memcmp(first.data, second.data, first.len))
			abort();
		plan_release(&again);
	}
	buf_release(&first);
	buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena mem = ARENA_INIT;
	char hash[DIGEST_TEXT];
	struct plan plan;
	struct buf text;

	if (size > INPUT_BYTES_MAX)
		return 0;
	buf_init(&text, PLAN_BYTES_MAX);
	buf_add(&text, data, size);
	buf_addch(&text, ',');
	digest_of(text.data, text.len, hash);
	buf_addf(&text, "\n\"sha256\":\"%s\"}\n", hash);
	if (parse(&text, &mem, &plan) == 0) {
		check(&plan, &mem);
		plan_release(&plan);
	}
	buf_release(&text);
	arena_release(&mem);
	return 0;
}
