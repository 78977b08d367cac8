/*
 * bridge/report/explain_words.h - parts of expressions as short phrases.
 *
 * All that is added to `out` is fit for a terminal.
 */
#ifndef BRIDGE_REPORT_EXPLAIN_WORDS_H
#define BRIDGE_REPORT_EXPLAIN_WORDS_H

#include "bridge/model/explained.h"
#include "scim/base/buf.h"

/* A value, cut when it is long. */
void explain_value(struct buf *out, const struct explained_part *part);
/* `entry.l == "Berlin" is false: entry.l is "Bremen"`, of the parts that decided. */
void explain_decided(struct buf *out, const struct explained_parts *parts);
/* The same of what a condition lacks; nearest groups from `of`. */
void explain_missing(struct buf *out, const struct explained *of,
		     const struct explained_parts *parts);
/* `entry.l = "Bremen", inGroup("x") = true`: what a value was made of. */
void explain_sources(struct buf *out, const struct explained_parts *parts);
/* Was it near? All but one of several conditions hold, or a text is nearly the wanted one. */
bool explain_is_near(const struct explained_event *event);

#endif
