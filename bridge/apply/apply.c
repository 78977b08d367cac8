#include "bridge/apply/apply.h"

#include <assert.h>
#include <string.h>

#include "scim/base/banned.h"

struct applier {
	const struct apply *a;
	struct plan *plan;
	struct arena *mem;
	struct apply_result *result;
	struct state_batch batch;
	unsigned char *blocked; /* by person */
	VEC(uint32_t) accepted;
	unsigned long settled, calls;
};

/* --- what a done step leaves in the state ------------------------------------------------ */

static void keep_link(struct applier *ap, const struct plan_person *person, bool left)
{
	struct link link = { .person_id = person->id, .account_id = person->account_id,
			     .user_name = person->user_name, .dn = person->dn, .left = left };

	vec_push(&ap->batch.links, link);
}

static void keep_field(struct applier *ap, const struct plan_person *person,
		       const struct step *step)
{
	struct state_field field = {
		.person = person->id,
		.field = { step->attr, step->key, step->new_text },
		.forget = step->new_text ? STATE_KEEP : STATE_FORGET,
	};

	vec_push(&ap->batch.fields, field);
}

/* Kind of assignment that a step gives or takes; ASSIGN_KIND_COUNT = none. */
static enum assign_kind step_assigns(const struct step *step)
{
	switch (step->kind) {
	case STEP_GRANT:
	case STEP_REVOKE:
		return ASSIGN_ROLE;
	case STEP_SKILL_SET:
	case STEP_SKILL_REMOVE:
		return ASSIGN_SKILL;
	case STEP_LANGUAGE_SET:
	case STEP_LANGUAGE_REMOVE:
		return ASSIGN_LANGUAGE;
	case STEP_GROUP_ADD:
	case STEP_GROUP_REMOVE:
		return ASSIGN_GROUP;
	case STEP_QUEUE_ADD:
	case STEP_QUEUE_REMOVE:
		return ASSIGN_QUEUE;
	case STEP_TEAM_ADD:
	case STEP_TEAM_REMOVE:
		return ASSIGN_TEAM;
	case STEP_UNIT_SET:
	case STEP_UNIT_REMOVE:
		return ASSIGN_UNIT;
	case STEP_WORK_PLAN_SET:
	case STEP_WORK_PLAN_REMOVE:
		return ASSIGN_WORK_PLAN;
	default:
		return ASSIGN_KIND_COUNT;
	}
}

static bool step_removes(const struct step *step)
{
	return step->kind == STEP_REVOKE || step->kind == STEP_SKILL_REMOVE ||
	       step->kind == STEP_LANGUAGE_REMOVE || step->kind == STEP_GROUP_REMOVE ||
	       step->kind == STEP_QUEUE_REMOVE || step->kind == STEP_TEAM_REMOVE ||
	       step->kind == STEP_UNIT_REMOVE || step->kind == STEP_WORK_PLAN_REMOVE;
}

static void keep_held(struct applier *ap, const struct step *step, enum state_forget how)
{
	struct state_held held = {
		.person = ap->plan->people.items[step->person].id,
		.held = { .kind = step_assigns(step), .item_id = step->item_id,
			  .division_id = step->division_id, .level = step->level },
		.forget = how,
	};

	vec_push(&ap->batch.held, held);
}

static bool gives(const struct step *step)
{
	return step_assigns(step) != ASSIGN_KIND_COUNT && !step_removes(step);
}

static void record_done(struct applier *ap, const struct step *step)
{
	const struct plan_person *person = &ap->plan->people.items[step->person];

	switch (step->kind) {
	case STEP_CREATE:
		keep_link(ap, person, false);
		keep_field(ap, person, step);
		break;
	case STEP_DISABLE:
		keep_link(ap, person, person->change == PERSON_LEAVE);
		break;
	case STEP_ENABLE:
	case STEP_RESTORE:
		keep_link(ap, person, false);
		break;
	case STEP_RENAME:
		keep_link(ap, person, false);
		keep_field(ap, person, step);
		break;
	case STEP_SET:
	case STEP_DIVISION:
		keep_field(ap, person, step);
		break;
	case STEP_GROUP_CREATE:
		break; /* of the tenant, not of the person */
	case STEP_MANAGER: {
		struct step known = *step;

		known.new_text = ap->plan->people.items[step->manager - 1].account_id;
		keep_field(ap, person, &known);
		break;
	}
	default:
		assert(step_assigns(step) != ASSIGN_KIND_COUNT);
		keep_held(ap, step, step_removes(step) ? STATE_FORGET : STATE_KEEP);
	}
}

/* --- outcomes ---------------------------------------------------------------------------- */

static void settle_step(struct applier *ap, uint32_t index, enum step_outcome outcome,
			const char *error)
{
	const struct step *step = &ap->plan->steps.items[index];
	struct state_step row = { index, outcome, error };

	ap->result->outcomes[index] = outcome;
	ap->result->errors[index] = error;
	vec_push(&ap->batch.steps, row);
	if (outcome == OUTCOME_DONE) {
		record_done(ap, step);
	} else if (outcome == OUTCOME_ACCEPTED) {
		vec_push(&ap->accepted, index);
	} else {
		ap->blocked[step->person] = 1;
		if (gives(step) && outcome != OUTCOME_UNKNOWN)
			keep_held(ap, step, STATE_UNTRY);
	}
}

static bool step_failed(const struct call_result *result, unsigned i)
{
	return result->step_failed && (result->step_failed[i / 8] & (1u << (i % 8)));
}

/* A group that was made has an id now; what was tried under the one before is forgotten. */
static void name_item(struct applier *ap, const struct call *call, const char *item_id)
{
	const char *id = arena_strdup(ap->mem, item_id);

	for (unsigned i = 0; i < call->step_count; i++) {
		struct step *step = &ap->plan->steps.items[call->steps[i]];

		if (gives(step))
			keep_held(ap, step, STATE_UNTRY);
		step->item_id = id;
	}
}

static void take_result(struct applier *ap, struct call *call,
			const struct call_result *result)
{
	struct plan_person *person =
		&ap->plan->people.items[ap->plan->steps.items[call->steps[0]].person];
	const char *error = NULL;
	char text[ERR_FORMAT_MAX];

	if (result->err.kind != ERR_NONE)
		error = arena_strdup(ap->mem, err_format(&result->err, text, sizeof(text)));
	if (result->account_id)
		person->account_id = arena_strdup(ap->mem, result->account_id);
	if (result->version)
		person->version = arena_strdup(ap->mem, result->version);
	if (result->item_id)
		name_item(ap, call, result->item_id);
	for (unsigned i = 0; i < call->step_count; i++) {
		if (step_failed(result, i))
			settle_step(ap, call->steps[i], OUTCOME_FAILED, error);
		else
			settle_step(ap, call->steps[i], result->outcome,
				    result->outcome == OUTCOME_DONE ? NULL : error);
	}
	if (call->journal_id) {
		struct state_outcome outcome = { call->journal_id, result->outcome,
						 result->http_status,
						 arena_strdup(ap->mem, result->correlation_id),
						 error };

		vec_push(&ap->batch.outcomes, outcome);
	}
}

static void on_done(void *ctx, struct call *call, const struct call_result *result)
{
	struct applier *ap = ctx;

	take_result(ap, call, result);
	ap->settled += call->step_count;
	ap->calls++;
	if (ap->a->progress)
		ap->a->progress(ap->a->progress_ctx, ap->settled, ap->plan->steps.count,
				ap->calls);
}

/* --- the journal ------------------------------------------------------------------------- */

static int commit(struct applier *ap, struct err *err)
{
	if (state_batch_empty(&ap->batch))
		return 0;
	if (ap->a->state->ops->commit(ap->a->state, &ap->batch, err)) {
		/* These calls do not leave; the outcomes are tried once more at the end. */
		ap->batch.intents.count = 0;
		return -1;
	}
	state_batch_clear(&ap->batch);
	return 0;
}

static void try_steps(struct applier *ap, const struct call *call)
{
	for (unsigned i = 0; i < call->step_count; i++) {
		const struct step *step = &ap->plan->steps.items[call->steps[i]];

		if (gives(step))
			keep_held(ap, step, STATE_TRY);
	}
}

/* Intents of the batch, and what is known by now, are on disk before it leaves. */
static int on_before(void *ctx, struct call **calls, size_t count, struct err *err)
{
	struct applier *ap = ctx;

	for (size_t i = 0; i < count; i++) {
		struct state_intent intent = { calls[i], api_op(calls[i]->op)->name };

		vec_push(&ap->batch.intents, intent);
		try_steps(ap, calls[i]);
	}
	return commit(ap, err);
}

static int begin(struct applier *ap, struct err *err)
{
	struct plan *plan = ap->plan;
	int64_t now_s = clock_now_us(ap->a->clock) / 1000000;

	ap->result->started_s = now_s;
	if (ap->a->state->ops->begin_run(ap->a->state, plan, now_s, &ap->result->run, err))
		return -1;
	for (size_t i = 0; i < plan->new_links.count; i++)
		vec_push(&ap->batch.links, plan->new_links.items[i]);
	for (size_t i = 0; i < plan->moved.count; i++)
		vec_push(&ap->batch.links, plan->moved.items[i]);
	for (size_t i = 0; i < plan->forgets.count; i++) {
		struct state_held held = { plan->forgets.items[i].person_id,
					   *plan->forgets.items[i].held, STATE_FORGET };

		vec_push(&ap->batch.held, held);
	}
	for (size_t i = 0; i < plan->claims.count; i++) {
		struct state_held held = { plan->claims.items[i].person_id,
					   plan->claims.items[i].held, STATE_KEEP };

		vec_push(&ap->batch.held, held);
	}
	return commit(ap, err);
}

/* --- the pass ---------------------------------------------------------------------------- */

static int run_wave(struct applier *ap, unsigned wave, struct err *err)
{
	const struct tenant_ops *ops = ap->a->tenant->ops;
	struct calls calls = { 0 };
	int status = 0;

	ops->make_calls(ap->a->tenant, ap->plan, wave, ap->blocked, ap->mem, &calls);
	if (calls.count)
		status = ops->send(ap->a->tenant, ap->plan, calls.items, calls.count, on_before,
				   on_done, ap, ap->a->stop, err);
	vec_release(&calls);
	return status;
}

/*
 * What was accepted counts as done once a reader sees it. What is not seen, and also what
 * could not be looked at, stays accepted: the next run looks again.
 */
static void settle_accepted(struct applier *ap)
{
	size_t count = ap->accepted.count;
	struct err err = ERR_INIT;
	const char *why = "accepted by the tenant, not yet seen there";
	char text[ERR_FORMAT_MAX];
	bool *confirmed;

	if (count == 0)
		return;
	confirmed = arena_array(ap->mem, count, sizeof(*confirmed));
	if (ap->a->tenant->ops->settle(ap->a->tenant, ap->plan, ap->accepted.items, count,
				       confirmed, &err))
		why = arena_strdup(ap->mem, err_format(&err, text, sizeof(text)));
	for (size_t i = 0; i < count; i++) {
		uint32_t index = ap->accepted.items[i];

		if (confirmed[i])
			settle_step(ap, index, OUTCOME_DONE, NULL);
		else
			ap->result->errors[index] = why;
		/* A work plan is one of the unit that the person must be in by then. */
		if (!confirmed[i] && ap->plan->steps.items[index].kind == STEP_UNIT_SET)
			ap->blocked[ap->plan->steps.items[index].person] = 1;
	}
	ap->accepted.count = 0;
}

/* Unit before work plan, each awaited (invariant 6). */
static bool awaits_units(const struct applier *ap, unsigned wave)
{
	return wave == step_row(STEP_WORK_PLAN_SET)->wave && ap->plan->counts[STEP_WORK_PLAN_SET] &&
	       ap->plan->counts[STEP_UNIT_SET];
}

static const char *why_not_sent(const struct applier *ap, uint32_t index, bool aborted)
{
	const struct step *step = &ap->plan->steps.items[index];

	if (aborted || ap->result->stopped)
		return "not sent: the run stopped before it";
	if (step->kind == STEP_MANAGER && !ap->blocked[step->person])
		return "not sent: the manager's account was not made";
	return "not sent: an earlier step of this person failed";
}

static void finish_outcomes(struct applier *ap, bool aborted)
{
	struct apply_result *result = ap->result;

	for (size_t i = 0; i < ap->plan->steps.count; i++) {
		if (result->outcomes[i] == OUTCOME_NONE)
			settle_step(ap, (uint32_t)i, OUTCOME_SKIPPED,
				    why_not_sent(ap, (uint32_t)i, aborted));
		result->counts[result->outcomes[i]]++;
	}
}

static int end(struct applier *ap, bool aborted, struct err *err)
{
	const struct apply_result *result = ap->result;
	unsigned long total = ap->plan->steps.count;
	bool good = !aborted && result->counts[OUTCOME_DONE] == total &&
		    ap->plan->skips.count == 0;
	struct state_run run = {
		.id = result->run,
		.ended_s = clock_now_us(ap->a->clock) / 1000000,
		.result = aborted ? "failed" : good ? "good" : "partly",
		.done = result->counts[OUTCOME_DONE],
		.failed = total - result->counts[OUTCOME_DONE],
	};

	return commit(ap, err) || ap->a->state->ops->end_run(ap->a->state, &run, err) ? -1 : 0;
}

int apply_plan(const struct apply *apply, struct arena *mem, struct apply_result *ret_result,
	       struct err *err)
{
	struct plan *plan = apply->plan;
	struct applier ap = { .a = apply, .plan = plan, .mem = mem, .result = ret_result };
	struct err later = ERR_INIT;
	int status;

	*ret_result = (struct apply_result){
		.outcomes = arena_array(mem, plan->steps.count + 1, sizeof(enum step_outcome)),
		.errors = arena_array(mem, plan->steps.count + 1, sizeof(char *)),
	};
	ap.blocked = arena_array(mem, plan->people.count + 1, 1);
	status = begin(&ap, err);
	if (status) {
		finish_outcomes(&ap, true);
		goto out;
	}
	for (unsigned wave = 0; plan->steps.count && wave < STEP_WAVES && !status && !*apply->stop;
	     wave++) {
		if (awaits_units(&ap, wave))
			settle_accepted(&ap);
		status = run_wave(&ap, wave, err);
	}
	if (!status && !*apply->stop)
		settle_accepted(&ap);
	ret_result->stopped = *apply->stop;
	finish_outcomes(&ap, status != 0);
	/* Outcomes are kept also when the run broke off; its own error is what is told. */
	if (end(&ap, status != 0, status ? &later : err))
		status = -1;
	if (!status && !ret_result->stopped && ret_result->counts[OUTCOME_DONE] == plan->steps.count)
		assert(ap.settled == plan->steps.count);
out:
	state_batch_release(&ap.batch);
	vec_release(&ap.accepted);
	return status;
}
