#include "bridge/model/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scim/base/text.h"

#include "scim/base/banned.h"

void verdict_init(struct verdict *verdict)
{
	memset(verdict, 0, sizeof(*verdict));
	verdict->complete = true;
}

void verdict_spoil(struct verdict *verdict, const char *fmt, ...)
{
	char text[400];
	va_list args;
	int len;

	verdict->complete = false;
	if (verdict->reason_count++ >= VERDICT_REASONS_MAX)
		return;
	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len < 0)
		len = 0;
	if ((size_t)len >= sizeof(text))
		len = sizeof(text) - 1;
	/* A reason may quote what a server sent. */
	text_visible(text, (size_t)len, verdict->reasons[verdict->reason_count - 1],
		     sizeof(verdict->reasons[0]));
}

void verdict_merge(struct verdict *verdict, const struct verdict *other)
{
	size_t kept = other->reason_count < VERDICT_REASONS_MAX ? other->reason_count
								 : VERDICT_REASONS_MAX;

	verdict->count += other->count;
	if (other->complete)
		return;
	verdict->complete = false;
	for (size_t i = 0; i < kept; i++) {
		if (verdict->reason_count + i < VERDICT_REASONS_MAX)
			memcpy(verdict->reasons[verdict->reason_count + i], other->reasons[i],
			       sizeof(verdict->reasons[0]));
	}
	verdict->reason_count += other->reason_count;
}
