/*
 * Faults by switch: "OP:every=N:status=503", "OP:after=K:count=M:cut=before" ...
 *
 *   OP             a name of api.def, or * for every call
 *   every=N        strikes each N-th call of OP (default 1: each)
 *   after=K        lets K calls of OP pass first
 *   count=M        strikes M times, then never again
 *   status=S       answers S (400-599) and does nothing; retry-after=SECONDS with it
 *   cut=before     closes the connection with nothing done; cut=after: with all done
 *   delay=MS       does it, then waits with the answer
 *   half-body      does it, then breaks off in the middle of the answer
 *   stale=MS       reads show the state of MS ago
 *   never          what is answered with 202 doesn't happen
 *   no-expand      users come without what `expand` asked for
 *   from=MS        only so long after the first call; for=MS: and for so long
 *
 * The first fault whose turn it is strikes; exactly one of status, cut, delay, half-body,
 * stale, never, no-expand. status=429 of TOKEN is the 400 that means throttled.
 */
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

#define FAULT_NUMBER_MAX 1000000000u
#define DELAY_MS_MAX 600000u

static int parse_op(struct slice name, enum api_op *ret, struct err *err)
{
	const char *names[API_OP_COUNT];
	char shown[64];
	int near;

	*ret = API_OP_COUNT;
	if (slice_eq_str(name, "*"))
		return 0;
	for (unsigned op = 0; op < API_OP_COUNT; op++) {
		names[op] = api_op((enum api_op)op)->name;
		if (slice_eq_str(name, names[op])) {
			*ret = (enum api_op)op;
			return 0;
		}
	}
	text_visible(name.data, name.len, shown, sizeof(shown));
	near = text_nearest(shown, names, API_OP_COUNT);
	return err_set(err, ERR_USAGE, "fault: there is no operation \"%s\"%s%s", shown,
		       near >= 0 ? "; nearest: " : "", near >= 0 ? names[near] : "");
}

static int parse_number(struct slice text, unsigned min, unsigned max, unsigned *ret,
			struct err *err)
{
	uint64_t number = 0;
	size_t i;

	for (i = 0; i < text.len && i < 10; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			break;
		number = number * 10 + (unsigned)(text.data[i] - '0');
	}
	if (!text.len || i < text.len || number < min || number > max)
		return err_set(err, ERR_USAGE, "fault: \"%.*s\" is no number from %u to %u",
			       SLICE_FMT(text), min, max);
	*ret = (unsigned)number;
	return 0;
}

static bool named(struct slice part, const char *name, struct slice *ret_value)
{
	size_t len = strlen(name);

	if (part.len <= len || memcmp(part.data, name, len) != 0 || part.data[len] != '=')
		return false;
	*ret_value = slice_of(part.data + len + 1, part.len - len - 1);
	return true;
}

/* `kinds` counts how many of status, cut, delay and half-body there were. */
static int parse_part(struct slice part, struct fault *fault, unsigned *kinds,
		      struct err *err)
{
	struct slice value;
	unsigned status;

	if (named(part, "every", &value))
		return parse_number(value, 1, FAULT_NUMBER_MAX, &fault->every, err);
	if (named(part, "after", &value))
		return parse_number(value, 0, FAULT_NUMBER_MAX, &fault->after, err);
	if (named(part, "count", &value))
		return parse_number(value, 1, FAULT_NUMBER_MAX, &fault->count, err);
	if (named(part, "from", &value))
		return parse_number(value, 0, FAULT_NUMBER_MAX, &fault->from_ms, err);
	if (named(part, "for", &value))
		return parse_number(value, 1, FAULT_NUMBER_MAX, &fault->for_ms, err);
	if (named(part, "retry-after", &value))
		return parse_number(value, 0, 86400, &fault->retry_after_s, err);
	++*kinds;
	if (named(part, "status", &value)) {
		fault->kind = FAULT_STATUS;
		if (parse_number(value, 400, 599, &status, err))
			return -1;
		fault->status = (int)status;
		return 0;
	}
	if (named(part, "delay", &value)) {
		fault->kind = FAULT_DELAY;
		return parse_number(value, 1, DELAY_MS_MAX, &fault->delay_ms, err);
	}
	if (named(part, "stale", &value)) {
		fault->kind = FAULT_STALE;
		return parse_number(value, 1, DELAY_MS_MAX, &fault->delay_ms, err);
	}
	if (slice_eq_str(part, "never"))
		fault->kind = FAULT_NEVER;
	else if (slice_eq_str(part, "no-expand"))
		fault->kind = FAULT_NO_EXPAND;
	else if (slice_eq_str(part, "cut=before"))
		fault->kind = FAULT_CUT_BEFORE;
	else if (slice_eq_str(part, "cut=after"))
		fault->kind = FAULT_CUT_AFTER;
	else if (slice_eq_str(part, "half-body"))
		fault->kind = FAULT_HALF_BODY;
	else
		return err_set(err, ERR_USAGE, "fault: \"%.*s\" is not known; write every=N, "
			       "after=N, count=N, from=MS, for=MS, status=N, "
			       "retry-after=N, cut=before, cut=after, delay=MS, stale=MS, "
			       "never, no-expand or half-body", SLICE_FMT(part));
	return 0;
}

int sandbox_add_fault(struct sandbox *sandbox, const char *spec, struct err *err)
{
	struct fault fault = { .every = 1, .retry_after_s = 0 };
	const char *at = spec;
	unsigned kinds = 0;

	if (sandbox->fault_count == SANDBOX_FAULTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d faults", SANDBOX_FAULTS_MAX);
	for (bool first = true; at; first = false) {
		const char *stop = strchr(at, ':');
		struct slice part = slice_of(at, stop ? (size_t)(stop - at) : strlen(at));

		if (first ? parse_op(part, &fault.op, err) :
			    parse_part(part, &fault, &kinds, err))
			return -1;
		at = stop ? stop + 1 : NULL;
	}
	if (kinds != 1)
		return err_set(err, ERR_USAGE, "fault \"%s\" wants one of status=N, "
			       "cut=before, cut=after, delay=MS, stale=MS, never, no-expand "
			       "and half-body", spec);
	/* A 429 of the vendor always says for how long. */
	if (fault.status == 429 && !fault.retry_after_s)
		fault.retry_after_s = 1;
	sandbox->wants_stale |= fault.kind == FAULT_STALE;
	sandbox->faults[sandbox->fault_count++] = fault;
	return 0;
}

static bool strikes(struct fault *fault, int64_t since_us)
{
	int64_t from_us = fault->from_ms * INT64_C(1000);

	if (since_us < from_us ||
	    (fault->for_ms && since_us >= from_us + fault->for_ms * INT64_C(1000)))
		return false;
	fault->seen++;
	if (fault->seen <= fault->after || (fault->count && fault->done >= fault->count))
		return false;
	if ((fault->seen - fault->after) % fault->every)
		return false;
	fault->done++;
	return true;
}

const struct fault *fault_next(struct sandbox *sandbox, enum api_op op, int64_t mono_us)
{
	const struct fault *found = NULL;

	if (!sandbox->called)
		sandbox->first_us = mono_us;
	sandbox->called = true;

	for (size_t i = 0; i < sandbox->fault_count; i++) {
		struct fault *fault = &sandbox->faults[i];

		if (fault->op != API_OP_COUNT && fault->op != op)
			continue;
		/* Every fault counts its calls, whether another one struck or not. */
		if (!found && strikes(fault, mono_us - sandbox->first_us))
			found = fault;
		else if (found)
			fault->seen++;
	}
	return found;
}
