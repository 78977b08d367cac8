#include "mappings/map_impl.h"

#include <stdio.h>
#include <string.h>

#include "scim/base/banned.h"

/* Notes beyond this add nothing that a reader would take in. */
#define RECORD_NOTES_MAX 100

void *map_grow(struct arena *mem, void *items, unsigned count, unsigned *size, size_t bytes)
{
	unsigned bigger = *size ? *size * 2 : 16;
	void *more = arena_array(mem, bigger, bytes);

	if (count)
		memcpy(more, items, count * bytes);
	*size = bigger;
	return more;
}

/* A rule with `each` may fail once for each of many elements; the first is said. */
static bool has_problem(const struct mapper *m, enum problem_scope scope, unsigned what,
			origin_id origin)
{
	for (unsigned i = 0; i < m->problem_count; i++)
		if (m->problems[i].scope == scope && m->problems[i].what == what &&
		    m->problems[i].origin == origin)
			return true;
	return false;
}

void map_problem(struct mapper *m, enum problem_scope scope, unsigned what,
			origin_id origin, const char *fmt, ...)
{
	char raw[1024], text[400];
	va_list args;

	if (scope == PROBLEM_NOTE ? m->note_count++ >= RECORD_NOTES_MAX
				  : has_problem(m, scope, what, origin))
		return;
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text_visible(raw, strlen(raw), text, sizeof(text));
	if (m->problem_count == m->problem_size)
		m->problems = map_grow(m->scratch, m->problems, m->problem_count, &m->problem_size,
				   sizeof(*m->problems));
	m->problems[m->problem_count++] = (struct problem){
		.scope = scope, .what = (uint16_t)what, .origin = origin,
		.text = arena_strdup(m->mem, text),
	};
}

void map_tell(const struct mapper *m, struct map_event *event)
{
	if (event->err && event->err->kind == ERR_NONE)
		event->err = NULL;
	m->observer->event(m->observer->ctx, event);
}

/* --- conditions -------------------------------------------------------------------------- */

/* 1 = true, 0 = false or no such key, -1 = *err. */
static int condition(const struct cel_program *when, const struct cel_activation *act,
		     struct arena *scratch, struct err *err)
{
	struct cel_value value;

	if (!when)
		return 1;
	if (cel_eval(when, act, scratch, &value, err))
		return err->kind == ERR_NO_KEY ? 0 : -1;
	if (value.type != CEL_BOOL)
		return err_set(err, ERR_EVAL, "when gives a %s, not true or false",
			       cel_type_name(value.type));
	return value.as.b;
}

/* Does now stand before the moment? Then that is when the answer changes. */
static bool ahead(struct mapper *m, int64_t moment_s)
{
	if (moment_s <= m->act.now_s)
		return false;
	if (!m->due_s || moment_s < m->due_s)
		m->due_s = moment_s;
	return true;
}

/*
 * 1 = now is within the span, 0 = outside, -1 = a bound is wrong. *ret_bound is the one that
 * decided, and *err says how in any case but 1.
 */
static int within(struct mapper *m, const struct span *span, const struct bound **ret_bound,
		  struct err *err)
{
	struct err wrong_from = ERR_INIT, wrong_until = ERR_INIT;
	int64_t from_s = 0, until_s = 0;
	char text[21];
	int from = 0, until = 0;

	if (span->from.stated)
		from = bound_eval(&span->from, &m->act, m->scratch, &from_s, &wrong_from);
	if (from > 0 && ahead(m, from_s)) {
		time_format(from_s, text);
		*ret_bound = &span->from;
		err_set(err, ERR_REFUSED, "from %s on, which is not yet", text);
		return 0;
	}
	if (span->until.stated)
		until = bound_eval(&span->until, &m->act, m->scratch, &until_s,
				   &wrong_until);
	if (until > 0 && !ahead(m, until_s)) {
		time_format(until_s, text);
		*ret_bound = &span->until;
		err_set(err, ERR_REFUSED, "until %s, which is over", text);
		return 0;
	}
	if (from >= 0 && until >= 0)
		return 1;
	*ret_bound = from < 0 ? &span->from : &span->until;
	return err_set(err, ERR_EVAL, "%s: %s", from < 0 ? "from" : "until",
		       from < 0 ? wrong_from.text : wrong_until.text);
}

/* `when` and span: false in either is false, whatever the other says. */
int map_counts(struct mapper *m, const struct cel_program *when, const struct span *span,
		  struct verdict_of *ret_by, struct err *err)
{
	struct err outside = ERR_INIT;
	const struct bound *bound;
	int holds = condition(when, &m->act, m->scratch, err), inside;

	*ret_by = (struct verdict_of){ when, NULL };
	if (holds == 0 || (!span->from.stated && !span->until.stated))
		return holds;
	inside = within(m, span, &bound, &outside);
	if (inside > 0 || (holds < 0 && inside < 0))
		return holds;
	*ret_by = (struct verdict_of){ NULL, &bound->when };
	*err = outside;
	return inside;
}

/* --- the person -------------------------------------------------------------------------- */

/* "agents", or of several "agents, supervisors". */
static const char *block_names(const struct mapper *m)
{
	const char *names = m->blocks[0]->name;

	for (unsigned i = 1; i < m->block_count; i++)
		names = arena_printf(i + 1 < m->block_count ? m->scratch : m->mem, "%s, %s", names,
				     m->blocks[i]->name);
	return names;
}

static struct record *finish(struct mapper *m, const char *id, const char *dn)
{
	struct record *record = arena_alloc(m->mem, sizeof(*record));
	struct problem *problems = NULL;

	if (m->problem_count) {
		problems = arena_array(m->mem, m->problem_count, sizeof(*problems));
		memcpy(problems, m->problems, m->problem_count * sizeof(*problems));
	}
	*record = (struct record){
		.id = id,
		.dn = dn,
		.rule = block_names(m),
		.skip_reason = m->skip_reason,
		.skip_origin = m->skip_origin,
		.match = m->matcher->match,
		.match_count = m->matcher->match_count,
		.kinds_stated = m->kinds_stated,
		.fields = m->fields,
		.field_count = m->field_count,
		.assigns = m->assigns,
		.assign_count = m->assign_count,
		.manager_dn = m->manager_dn,
		.manager_own = m->manager_own,
		.manager_origin = m->manager_origin,
		.problems = problems,
		.problem_count = m->problem_count,
	};
	memcpy(record->own, m->own, sizeof(record->own));
	return record;
}

/* Does the block take the person? 1, 0, -1 = it is not known, and said. */
static int block_takes(struct mapper *m, const struct people_block *block)
{
	struct err err = ERR_INIT;
	struct verdict_of by;
	int takes = map_counts(m, block->when, &block->span, &by, &err);

	OBSERVE(m, .kind = MAP_BLOCK, .origin = block->origin, .program = by.program,
		.tmpl = by.bound, .result = takes, .err = &err);
	if (takes < 0)
		map_problem(m, PROBLEM_PERSON, 0, block->origin, "%s", err.text);
	return takes;
}

/*
 * The blocks that take the person: 1, 0 = none, -1 = it is not known of one (it stands last
 * in blocks), so that nothing is decided.
 */
static int find_blocks(struct mapper *m)
{
	const struct rules *rules = m->rules;
	size_t most = rules->all ? rules->blocks.count : 1;

	m->blocks = arena_array(m->scratch, most, sizeof(struct people_block *));
	for (size_t b = 0; b < rules->blocks.count && m->block_count < most; b++) {
		int takes = block_takes(m, &rules->blocks.items[b]);

		if (takes)
			m->blocks[m->block_count++] = &rules->blocks.items[b];
		if (takes < 0)
			return -1;
	}
	return m->block_count > 0;
}

/* `match` and `own` of a kind: of the first block that states them. */
static void unite_blocks(struct mapper *m)
{
	uint8_t stated = 0;

	m->matcher = m->blocks[0];
	memcpy(m->own, m->blocks[0]->own, sizeof(m->own));
	for (unsigned b = 0; b < m->block_count; b++) {
		const struct people_block *block = m->blocks[b];

		if (block->match_stated && !m->matcher->match_stated)
			m->matcher = block;
		for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
			if (block->own_stated & ~stated & (1u << kind))
				m->own[kind] = block->own[kind];
		stated |= block->own_stated;
	}
}

static const char *skip_reason(struct mapper *m, const struct skip_rule *skip)
{
	struct cel_value value;
	struct err err = ERR_INIT;
	const char *text;

	switch (template_eval(&skip->reason, &m->act, m->scratch, &text, &value, &err)) {
	case TEMPLATE_TEXT:
		return skip->reason.literal ? text : arena_strdup(m->mem, text);
	case TEMPLATE_ERROR:
		return arena_printf(m->mem, "a rule says so (its reason fails: %s)", err.text);
	default:
		return "a rule says so (its reason is not stated for this person)";
	}
}

/* Is the person left as they are? Also when that is not known, which is said. */
static bool is_skipped(struct mapper *m, const struct people_block *block)
{
	for (unsigned i = 0; i < block->skip_count; i++) {
		const struct skip_rule *skip = &block->skips[i];
		struct err err = ERR_INIT;
		int skips = condition(skip->when, &m->act, m->scratch, &err);

		if (skips > 0) {
			m->skip_reason = skip_reason(m, skip);
			m->skip_origin = skip->origin;
		}
		OBSERVE(m, .kind = MAP_SKIP, .origin = skip->origin, .program = skip->when,
			.tmpl = &skip->reason, .result = skips, .text = m->skip_reason,
			.err = &err);
		if (skips < 0)
			map_problem(m, PROBLEM_PERSON, 0, skip->origin, "skip: %s", err.text);
		if (skips)
			return true;
	}
	return false;
}

static void map_person(struct mapper *m, const char *id)
{
	for (unsigned b = 0; b < m->block_count; b++)
		if (is_skipped(m, m->blocks[b]))
			return;
	map_profile(m, id);
	for (unsigned b = 0; b < m->block_count; b++) {
		m->block = m->blocks[b];
		for (unsigned i = 0; i < m->block->item_count; i++)
			map_item(m, &m->block->items[i]);
	}
	map_finish_assigns(m);
}

int map_entry(const struct rules *rules, const struct entry *entry, int64_t now_s,
	      struct arena *scratch, struct arena *mem, struct record **ret_record,
	      int64_t *ret_due_s, struct err *err)
{
	return map_entry_observed(rules, entry, now_s, scratch, mem, ret_record, ret_due_s, NULL,
				  err);
}

int map_entry_observed(const struct rules *rules, const struct entry *entry, int64_t now_s,
		       struct arena *scratch, struct arena *mem, struct record **ret_record,
		       int64_t *ret_due_s, const struct map_observer *observer,
		       struct err *err)
{
	struct mapper m = {
		.rules = rules, .entry = entry, .scratch = scratch, .mem = mem,
		.act = { .entry = entry, .now_s = now_s }, .observer = observer,
	};
	const char *id, *dn;
	int found;

	(void)err;
	arena_reset(scratch);
	found = find_blocks(&m);
	*ret_record = NULL;
	if (found) {
		id = arena_strdup(mem, entry->id);
		dn = arena_strdup(mem, entry->dn);
		unite_blocks(&m);
		if (found > 0)
			map_person(&m, id);
		*ret_record = finish(&m, id, dn);
	}
	if (ret_due_s)
		*ret_due_s = m.due_s;
	return 0;
}
