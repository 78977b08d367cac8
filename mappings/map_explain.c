#include "mappings/map.h"

#include <stddef.h>

#include "mappings/rules_impl.h"

#include "scim/base/banned.h"

static void explain_template(const struct template *tmpl, const struct cel_activation *act,
			     struct arena *mem, cel_part_fn *fn, void *ctx)
{
	for (unsigned i = 0; i < tmpl->count; i++)
		if (tmpl->pieces[i].program)
			cel_explain(tmpl->pieces[i].program, act, mem, fn, ctx);
}

void map_event_explain(const struct map_event *event, struct arena *mem, cel_part_fn *fn,
		       void *ctx)
{
	if (event->program)
		cel_explain(event->program, event->act, mem, fn, ctx);
	/* The words of a reason decide nothing. */
	if (!event->tmpl || event->kind == MAP_SKIP)
		return;
	explain_template(event->tmpl, event->act, mem, fn, ctx);
	if (event->kind == MAP_ASSIGN) {
		/* The event carries the name; its rule holds the rest beside it. */
		const struct assign_rule *rule =
			(const void *)((const char *)event->tmpl -
				       offsetof(struct assign_rule, name));

		explain_template(&rule->level, event->act, mem, fn, ctx);
		explain_template(&rule->division, event->act, mem, fn, ctx);
	}
}
