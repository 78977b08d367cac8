/*
 * mappings/cel_manual.h - the manual's chapter on expressions, from the tables of the
 * language (cel_fn.def, cel_macro.def), and the scene in which its examples stand.
 *
 * The rows are walked through a table of functions, one for each part of a chapter, so that
 * another form of manual is another table; the test of the examples is one, too.
 */
#ifndef MAPPINGS_CEL_MANUAL_H
#define MAPPINGS_CEL_MANUAL_H

#include "mappings/cel.h"
#include "scim/base/buf.h"

/* Called in the order of the chapter; any may be NULL. Texts are UTF-8, one line each. */
struct cel_manual {
	void (*group)(void *ctx, const char *title);
	void (*row)(void *ctx, const char *name);
	void (*form)(void *ctx, struct slice text); /* one or more after a row */
	void (*doc)(void *ctx, const char *text);
	void (*example)(void *ctx, struct slice expr, struct slice value); /* value as JSON */
};
void cel_manual_walk(const struct cel_manual *to, void *ctx);

/* The chapter in Markdown. */
void cel_manual_markdown(struct buf *out);

/* Evaluate over the scene as cel_eval_once does, with the checker. */
int cel_manual_eval(struct slice text, struct buf *out);

#endif
