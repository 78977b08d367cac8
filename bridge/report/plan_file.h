/*
 * bridge/report/plan_file.h - a saved plan, read back: the JSON that report_plan_json writes.
 *
 * It is the contract between who made the plan, who says yes and what is applied: its last
 * member is a hash over all before it, so that an edited file is found out.
 *
 * Memory  Everything in the arena given; the plan's lists by plan_release.
 * Errors  -1 with *err: ERR_INVALID it is no plan, or one of another version of the form (line
 *         and column told); ERR_REFUSED its hash does not fit what it says; ERR_IO, ERR_LIMIT.
 * Limits  PLAN_FILE_BYTES_MAX.
 */
#ifndef BRIDGE_REPORT_PLAN_FILE_H
#define BRIDGE_REPORT_PLAN_FILE_H

#include "bridge/plan/plan.h"
#include "scim/base/digest.h"

/* A plan of a million people is about 1 GB of JSON. */
#define PLAN_FILE_BYTES_MAX ((size_t)4 << 30)

/*
 * Read a plan from text or a file ("-" is standard input). report_plan_json of the result
 * gives the same bytes again. `ret_hash` may be NULL.
 */
int plan_file_parse(struct slice text, const char *where, struct arena *mem,
		    struct plan *ret_plan, char ret_hash[DIGEST_TEXT], struct err *err);
int plan_file_read(const char *path, struct arena *mem, struct plan *ret_plan,
		   char ret_hash[DIGEST_TEXT], struct err *err);

/* The JSON Schema (draft 2020-12) of such a file, one line; SCHEMA_BYTES_MAX is enough. */
void plan_file_schema(struct buf *out);

#endif
