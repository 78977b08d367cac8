#include "bridge/model/finding.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "scim/base/banned.h"

const char *finding_level_name(enum finding_level level)
{
	static const char *const names[FINDING_LEVEL_COUNT] = {
		[FINDING_GOOD] = "good",       [FINDING_NOTE] = "note",
		[FINDING_WARNING] = "warning", [FINDING_FAILED] = "failed",
		[FINDING_REFUSED] = "refused",
	};

	assert((unsigned)level < FINDING_LEVEL_COUNT);
	return names[level];
}

void findings_init(struct findings *findings)
{
	*findings = (struct findings){ .worst = FINDING_GOOD };
	arena_init(&findings->mem);
}

void findings_release(struct findings *findings)
{
	vec_release(&findings->items);
	arena_release(&findings->mem);
}

void findings_add(struct findings *findings, enum finding_level level, const char *what,
		  const char *way, const char *fmt, ...)
{
	struct finding finding = { .level = level, .what = what };
	char text[FINDING_BYTES_MAX];
	va_list args;

	/* The worst counts, also among those that are not kept. */
	if (level > findings->worst)
		findings->worst = level;
	if (findings->items.count == FINDINGS_MAX) {
		findings->more++;
		return;
	}
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	finding.text = arena_strdup(&findings->mem, text);
	finding.way = way ? arena_strdup(&findings->mem, way) : NULL;
	vec_push(&findings->items, finding);
}
