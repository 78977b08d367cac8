#include "bridge/state/state.h"

#include "scim/base/banned.h"

void state_batch_clear(struct state_batch *batch)
{
	batch->intents.count = 0;
	batch->outcomes.count = 0;
	batch->steps.count = 0;
	batch->links.count = 0;
	batch->relinks.count = 0;
	batch->fields.count = 0;
	batch->held.count = 0;
}

void state_batch_release(struct state_batch *batch)
{
	vec_release(&batch->intents);
	vec_release(&batch->outcomes);
	vec_release(&batch->steps);
	vec_release(&batch->links);
	vec_release(&batch->relinks);
	vec_release(&batch->fields);
	vec_release(&batch->held);
}

bool state_batch_empty(const struct state_batch *batch)
{
	return !(batch->intents.count || batch->outcomes.count || batch->steps.count ||
		 batch->links.count || batch->relinks.count ||
		 batch->fields.count || batch->held.count);
}
