/*
 * bridge/preview.h - what other rules would make of the same people, without the tenant.
 *
 * Each person is read once and goes through both rule sets; what differs between the two
 * records is kept. It speaks of what is wanted: what the tenant has by then is the plan's
 * business.
 *
 * Memory  Lives in the arena given; texts of rules in the rule sets.
 */
#ifndef BRIDGE_PREVIEW_H
#define BRIDGE_PREVIEW_H

#include "bridge/directory/directory.h"
#include "mappings/map.h"
#include "scim/base/json.h"

enum preview_kind { PREVIEW_JOINS, PREVIEW_LEAVES, PREVIEW_CHANGES, PREVIEW_KIND_COUNT };

struct preview_line {
	const char *what;           /* "title", "skill Billing" */
	const char *before, *after; /* NULL = not there */
	const char *place;          /* of the rule that says it: "new.yaml:14:9 (agents)" */
};
struct preview_person {
	const char *id, *dn, *name;
	enum preview_kind kind;
	const struct preview_line *lines;
	unsigned line_count;
};
struct preview {
	VEC(struct preview_person) people; /* by directory id */
	unsigned long counts[PREVIEW_KIND_COUNT], same, out_of_scope;
	struct verdict directory;
};

/*
 * Returns 0, or -1 with *err when the directory can not be read; what is not complete is in
 * the verdict.
 */
int preview_make(struct directory *directory, const struct rules *before,
		 const struct rules *after, int64_t now_s, struct arena *mem,
		 struct preview *ret_preview, struct err *err);
void preview_release(struct preview *preview);

#endif
