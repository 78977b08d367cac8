/*
 * bridge/model/finding.h - what a check found: a list for people and for programs.
 *
 * A finding has a level, a word for what was looked at, a sentence, and the way out. The
 * worst level decides the exit code of `check`.
 *
 * Memory  Text is copied into the list's arena; findings_release frees all.
 * Limits  A sentence is cut at FINDING_BYTES_MAX; more than FINDINGS_MAX are only counted.
 */
#ifndef BRIDGE_MODEL_FINDING_H
#define BRIDGE_MODEL_FINDING_H

#include "scim/base/mem.h"
#include "scim/base/vec.h"

#define FINDING_BYTES_MAX 2000
#define FINDINGS_MAX 1000

enum finding_level {
	FINDING_GOOD,    /* looked at, nothing to say against it */
	FINDING_NOTE,    /* could not be looked at, or worth knowing */
	FINDING_WARNING, /* a run works, but look at this */
	FINDING_FAILED,  /* a run would fail here */
	FINDING_REFUSED, /* a run would decide without seeing: it must not be started */
	FINDING_LEVEL_COUNT,
};
const char *finding_level_name(enum finding_level level); /* "good", ... "refused" */

struct finding {
	enum finding_level level;
	const char *what; /* "permission", "limit", ...: a fixed word, borrowed */
	const char *text;
	const char *way;  /* what to do about it, or NULL */
};

struct findings {
	struct arena mem;
	VEC(struct finding) items;
	size_t more;      /* not kept */
	enum finding_level worst;
};

void findings_init(struct findings *findings);
void findings_release(struct findings *findings);
/* `way` may be NULL. Text from outside is made visible by the caller (text_visible). */
void findings_add(struct findings *findings, enum finding_level level, const char *what,
		  const char *way, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

#endif
