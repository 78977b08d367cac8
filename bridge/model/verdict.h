/*
 * bridge/model/verdict.h - was a read complete? Invariant 2: unknown is never gone.
 *
 * A verdict starts complete; each thing that spoils it is added as one plain sentence. Only
 * a complete read of everything a decision rests on may lead to something being taken away.
 */
#ifndef BRIDGE_MODEL_VERDICT_H
#define BRIDGE_MODEL_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#define VERDICT_REASONS_MAX 32

struct verdict {
	bool complete;
	size_t count;                              /* objects read */
	char reasons[VERDICT_REASONS_MAX][200];    /* why not, first ones */
	size_t reason_count;                       /* all, also those not kept */
};

void verdict_init(struct verdict *verdict);
void verdict_spoil(struct verdict *verdict, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Add the reasons and counts of `other`. */
void verdict_merge(struct verdict *verdict, const struct verdict *other);

#endif
