/*
 * bridge/explain.h - watches the mapper at work on one person and keeps what it did.
 *
 *   explain_start -> map_entry_observed(..., explain_observer(x), ...) -> explain_finish
 *
 * Memory  All results are in the arena given; the collector holds nothing else.
 */
#ifndef BRIDGE_EXPLAIN_H
#define BRIDGE_EXPLAIN_H

#include "bridge/directory/directory.h"
#include "bridge/model/explained.h"

struct explainer;

struct explainer *explainer_new(const struct rules *rules, struct directory *directory,
				struct arena *mem);
void explainer_free(struct explainer *x);
/* The entry as it was read, and its groups; good until the entry goes. */
void explainer_start(struct explainer *x, const struct entry *entry);
const struct map_observer *explainer_observer(struct explainer *x);
/* `record` NULL: out of scope. The explanation lives in the arena. */
struct explained *explainer_finish(struct explainer *x, struct record *record, int64_t due_s);

#endif
