#include "bridge/report/plan_file.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "bridge/api/api.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

#define SEAL ",\n\"sha256\":\""

struct reader {
	struct json_in in;
	struct arena *mem;
	struct plan *plan;
	struct map people;           /* id -> index */
	struct map origins;          /* text of a place -> origin */
	VEC(const char *) places;    /* by origin; 0 is none */
	uint32_t step_person;        /* of the step before; UINT32_MAX = none yet */
	bool has_schema;
};

/* --- values ------------------------------------------------------------------------------ */

static const char *get_text(struct reader *r)
{
	struct slice text;

	if (!json_get_text(&r->in, &text))
		return NULL;
	if (memchr(text.data, '\0', text.len)) {
		json_fail(&r->in, ERR_INVALID, "a NUL in a text");
		return NULL;
	}
	return arena_strndup(r->mem, text.data, text.len);
}

static unsigned long get_count(struct reader *r)
{
	int64_t value = 0;

	if (json_get_int(&r->in, &value) && (value < 0 || value > UINT32_MAX))
		json_fail(&r->in, ERR_INVALID, "%lld is no count", (long long)value);
	return value < 0 ? 0 : (unsigned long)value;
}

static bool get_bool(struct reader *r)
{
	bool value = false;

	json_get_bool(&r->in, &value);
	return value;
}

static int64_t get_time(struct reader *r)
{
	struct slice text = { "", 0 };
	int64_t time_s = 0;

	if (json_get_text(&r->in, &text) && time_parse(text.data, text.len, &time_s))
		json_fail(&r->in, ERR_INVALID, "\"%.*s\" is no time", SLICE_FMT(text));
	return time_s;
}

/* One of `count` names; the count itself after a failure. */
static unsigned get_name(struct reader *r, const char *what, unsigned count,
			 const char *(*name_of)(unsigned))
{
	struct slice text;

	if (!json_get_text(&r->in, &text))
		return count;
	for (unsigned i = 0; i < count; i++)
		if (slice_eq_str(text, name_of(i)))
			return i;
	json_fail(&r->in, ERR_INVALID, "there is no %s \"%.*s\"", what, SLICE_FMT(text));
	return count;
}

static origin_id get_origin(struct reader *r)
{
	const char *text = get_text(r);
	uint64_t origin;

	if (!text)
		return 0;
	if (!map_get(&r->origins, slice_str(text), &origin)) {
		origin = r->places.count;
		map_set(&r->origins, slice_str(text), origin);
		vec_push(&r->places, text);
	}
	return (origin_id)origin;
}

static bool unknown_member(struct reader *r, const char *of, struct slice key)
{
	return json_fail(&r->in, ERR_INVALID, "%s has no member \"%.*s\"; the plan was made by "
			 "another version", of, SLICE_FMT(key));
}

/* --- parts ------------------------------------------------------------------------------- */

/* Text members of a thing: name in JSON, place in the struct. */
struct text_member {
	const char *name;
	size_t offset;
};

static bool read_member(struct reader *r, const struct text_member *members, size_t count,
			void *thing, struct slice key)
{
	for (size_t i = 0; i < count; i++) {
		if (!slice_eq_str(key, members[i].name))
			continue;
		if (json_peek(&r->in) == JSON_IN_NULL)
			json_skip(&r->in);
		else
			*(const char **)(void *)((char *)thing + members[i].offset) = get_text(r);
		return true;
	}
	return false;
}
#define MEMBERS(table) table, sizeof(table) / sizeof((table)[0])

static void read_verdict(struct reader *r, struct verdict *verdict)
{
	struct slice key, text;

	verdict_init(verdict);
	while (json_object_next(&r->in, &key)) {
		if (slice_eq_str(key, "complete")) {
			verdict->complete = get_bool(r);
		} else if (slice_eq_str(key, "count")) {
			verdict->count = get_count(r);
		} else if (slice_eq_str(key, "reasons")) {
			while (json_array_next(&r->in)) {
				bool complete = verdict->complete;

				if (json_get_text(&r->in, &text))
					verdict_spoil(verdict, "%.*s", SLICE_FMT(text));
				verdict->complete = complete;
			}
		} else {
			unknown_member(r, "a verdict", key);
		}
	}
}

static const char *change_name(unsigned change)
{
	return person_change_name((enum person_change)change);
}

static void read_person(struct reader *r)
{
	static const struct text_member members[] = {
		{ "person", offsetof(struct plan_person, id) },
		{ "dn", offsetof(struct plan_person, dn) },
		{ "userName", offsetof(struct plan_person, user_name) },
		{ "displayName", offsetof(struct plan_person, display_name) },
		{ "account", offsetof(struct plan_person, account_id) },
		{ "version", offsetof(struct plan_person, version) },
	};
	struct plan_person person = { .change = PERSON_CHANGE_COUNT };
	struct slice key;

	while (json_object_next(&r->in, &key)) {
		if (slice_eq_str(key, "change"))
			person.change = (enum person_change)get_name(r, "change",
								     PERSON_CHANGE_COUNT,
								     change_name);
		else if (!read_member(r, MEMBERS(members), &person, key))
			unknown_member(r, "a person", key);
	}
	if (json_failed(&r->in))
		return;
	if (!person.id || !person.dn || !person.user_name || !person.display_name ||
	    person.change == PERSON_CHANGE_COUNT ||
	    map_get(&r->people, slice_str(person.id), NULL)) {
		json_fail(&r->in, ERR_INVALID,
			  "a person without id, names or change, or named twice");
		return;
	}
	map_set(&r->people, slice_str(person.id), r->plan->people.count);
	vec_push(&r->plan->people, person);
}

static const char *kind_name(unsigned kind)
{
	return step_row((enum step_kind)kind)->name;
}

static const char *attr_name(unsigned attr)
{
	return scim_attr((enum scim_attr)attr)->name;
}

/* The steps of one person stand together, as they do in a plan. */
static void place_step(struct reader *r, struct step *step, const char *id)
{
	struct plan *plan = r->plan;
	struct plan_person *person;
	uint64_t index, manager;

	if (!id || step->kind == STEP_KIND_COUNT || !map_get(&r->people, slice_str(id), &index)) {
		json_fail(&r->in, ERR_INVALID, "a step without a kind, or for nobody of the plan");
		return;
	}
	if (step->attr == SCIM_ATTR_COUNT &&
	    (step->kind == STEP_SET || step->kind == STEP_RENAME ||
	     step->kind == STEP_DIVISION || step->kind == STEP_MANAGER)) {
		json_fail(&r->in, ERR_INVALID, "a step that sets an attribute and names none");
		return;
	}
	step->person = (uint32_t)index;
	person = &plan->people.items[index];
	if (r->step_person != step->person && person->step_count) {
		json_fail(&r->in, ERR_INVALID, "the steps of \"%s\" do not stand together", id);
		return;
	}
	if (step->kind == STEP_MANAGER) {
		if (!step->manager_id ||
		    !map_get(&r->people, slice_str(step->manager_id), &manager)) {
			json_fail(&r->in, ERR_INVALID, "a manager who is nobody of the plan");
			return;
		}
		step->manager = (uint32_t)manager + 1;
	}
	if (person->step_count++ == 0)
		person->first_step = (uint32_t)plan->steps.count;
	r->step_person = step->person;
	plan->counts[step->kind]++;
	vec_push(&plan->steps, *step);
}

static void read_step(struct reader *r)
{
	static const struct text_member members[] = {
		{ "type", offsetof(struct step, key) },
		{ "name", offsetof(struct step, name) },
		{ "id", offsetof(struct step, item_id) },
		{ "division", offsetof(struct step, division) },
		{ "divisionId", offsetof(struct step, division_id) },
		{ "old", offsetof(struct step, old_text) },
		{ "oldName", offsetof(struct step, old_name) },
		{ "manager", offsetof(struct step, manager_id) },
		{ "new", offsetof(struct step, new_text) },
	};
	struct step step = { .kind = STEP_KIND_COUNT, .attr = SCIM_ATTR_COUNT };
	const char *person = NULL;
	struct slice key;

	while (json_object_next(&r->in, &key)) {
		if (slice_eq_str(key, "kind"))
			step.kind = (enum step_kind)get_name(r, "kind of step", STEP_KIND_COUNT,
							     kind_name);
		else if (slice_eq_str(key, "attribute"))
			step.attr = (enum scim_attr)get_name(r, "attribute", SCIM_ATTR_COUNT,
							     attr_name);
		else if (slice_eq_str(key, "person"))
			person = get_text(r);
		else if (slice_eq_str(key, "step") || slice_eq_str(key, "userName"))
			json_skip(&r->in); /* for the eye: they follow from the rest */
		else if (slice_eq_str(key, "level"))
			json_get_double(&r->in, &step.level);
		else if (slice_eq_str(key, "drift"))
			step.drift = get_bool(r);
		else if (slice_eq_str(key, "privileged"))
			step.privileged = get_bool(r);
		else if (slice_eq_str(key, "rule"))
			step.origin = get_origin(r);
		else if (!read_member(r, MEMBERS(members), &step, key))
			unknown_member(r, "a step", key);
	}
	if (!json_failed(&r->in))
		place_step(r, &step, person);
}

static struct plan_skip read_skip(struct reader *r)
{
	static const struct text_member members[] = {
		{ "person", offsetof(struct plan_skip, id) },
		{ "dn", offsetof(struct plan_skip, dn) },
		{ "userName", offsetof(struct plan_skip, user_name) },
		{ "reason", offsetof(struct plan_skip, text) },
	};
	struct plan_skip skip = { .id = NULL };
	struct slice key;

	while (json_object_next(&r->in, &key)) {
		if (slice_eq_str(key, "whole"))
			skip.whole = get_bool(r);
		else if (slice_eq_str(key, "rule"))
			skip.origin = get_origin(r);
		else if (!read_member(r, MEMBERS(members), &skip, key))
			unknown_member(r, "somebody who is skipped", key);
	}
	if (!json_failed(&r->in) && (!skip.id || !skip.dn || !skip.user_name || !skip.text))
		json_fail(&r->in, ERR_INVALID, "somebody who is skipped, without id, names or reason");
	return skip;
}

static struct link read_link(struct reader *r)
{
	static const struct text_member members[] = {
		{ "person", offsetof(struct link, person_id) },
		{ "account", offsetof(struct link, account_id) },
	};
	struct link link = { .person_id = "", .account_id = "" };
	struct slice key;

	while (json_object_next(&r->in, &key))
		if (!read_member(r, MEMBERS(members), &link, key))
			unknown_member(r, "a link", key);
	return link;
}

static const char *limit_name(unsigned kind)
{
	return limit_kind_name((enum limit_kind)kind);
}

/* Members whose names are those of a table; `read` reads the value of one. */
static void read_named(struct reader *r, const char *what, unsigned count,
		       const char *(*name_of)(unsigned), void (*read)(struct reader *, unsigned))
{
	struct slice key;

	while (json_object_next(&r->in, &key)) {
		unsigned i = 0;

		while (i < count && !slice_eq_str(key, name_of(i)))
			i++;
		if (i < count)
			read(r, i);
		else
			json_fail(&r->in, ERR_INVALID, "there is no %s \"%.*s\"", what,
				  SLICE_FMT(key));
	}
}

static void read_limit(struct reader *r, unsigned kind)
{
	struct plan_limit *limit = &r->plan->limits[kind];
	struct slice key;

	while (json_object_next(&r->in, &key)) {
		if (slice_eq_str(key, "planned"))
			limit->planned = (unsigned)get_count(r);
		else if (slice_eq_str(key, "recent"))
			limit->recent = (unsigned)get_count(r);
		else if (slice_eq_str(key, "allowed"))
			limit->allowed = (unsigned)get_count(r);
		else if (slice_eq_str(key, "exceeded"))
			limit->exceeded = get_bool(r);
		else
			unknown_member(r, "a limit", key);
	}
}

static const char *op_name(unsigned op)
{
	return api_op((enum api_op)op)->name;
}

static void read_calls(struct reader *r, unsigned op)
{
	r->plan->calls[op] = get_count(r);
}

/* --- the whole --------------------------------------------------------------------------- */

static void read_schema(struct reader *r)
{
	struct slice text;

	if (json_get_text(&r->in, &text) && !slice_eq_str(text, "dirbridge.plan/1"))
		json_fail(&r->in, ERR_INVALID, "this is \"%.*s\", not a plan of dirbridge.plan/1",
			  SLICE_FMT(text));
	r->has_schema = true;
}

static void read_how(struct reader *r)
{
	struct slice text;

	if (!json_get_text(&r->in, &text))
		return;
	r->plan->part = slice_eq_str(text, "changes");
	r->plan->only = slice_eq_str(text, "selected");
	if (!r->plan->part && !r->plan->only && !slice_eq_str(text, "all"))
		json_fail(&r->in, ERR_INVALID, "a read is all, changes or selected, not \"%.*s\"",
			  SLICE_FMT(text));
}

#define READ_LIST(r, list, value)                                                          \
	do {                                                                               \
		while (json_array_next(&(r)->in))                                          \
			vec_push(list, value);                                             \
	} while (0)

/* Members that are one value. */
static bool read_scalar(struct reader *r, struct slice key)
{
	struct plan *plan = r->plan;

	if (slice_eq_str(key, "schema"))
		read_schema(r);
	else if (slice_eq_str(key, "time"))
		plan->time_s = get_time(r);
	else if (slice_eq_str(key, "expires"))
		plan->expires_s = get_time(r);
	else if (slice_eq_str(key, "source"))
		plan->source = get_text(r);
	else if (slice_eq_str(key, "target"))
		plan->target = get_text(r);
	else if (slice_eq_str(key, "inputs"))
		plan->inputs = get_text(r);
	else if (slice_eq_str(key, "read"))
		read_how(r);
	else if (slice_eq_str(key, "touched"))
		plan->touched = get_count(r);
	else if (slice_eq_str(key, "inScope"))
		plan->people_in_scope = get_count(r);
	else if (slice_eq_str(key, "unchanged"))
		plan->people_unchanged = get_count(r);
	else if (slice_eq_str(key, "foreign"))
		plan->accounts_foreign = get_count(r);
	else if (slice_eq_str(key, "foundLeft"))
		plan->found_left = get_count(r);
	else if (slice_eq_str(key, "callsPerMinute"))
		plan->calls_per_minute = get_count(r);
	else if (slice_eq_str(key, "refused"))
		plan->refused = get_bool(r);
	else
		return false;
	return true;
}

static void read_list(struct reader *r, struct slice key)
{
	struct plan *plan = r->plan;

	if (slice_eq_str(key, "selected"))
		READ_LIST(r, &plan->selected, get_text(r));
	else if (slice_eq_str(key, "refusals"))
		READ_LIST(r, &plan->refusals, get_text(r));
	else if (slice_eq_str(key, "warnings"))
		READ_LIST(r, &plan->warnings, get_text(r));
	else if (slice_eq_str(key, "skipped"))
		READ_LIST(r, &plan->skips, read_skip(r));
	else if (slice_eq_str(key, "skippedByRule"))
		READ_LIST(r, &plan->by_rule, read_skip(r));
	else if (slice_eq_str(key, "links"))
		READ_LIST(r, &plan->new_links, read_link(r));
	else if (slice_eq_str(key, "people"))
		while (json_array_next(&r->in))
			read_person(r);
	else if (slice_eq_str(key, "steps"))
		while (json_array_next(&r->in))
			read_step(r);
	else
		unknown_member(r, "a plan", key);
}

static void read_plan(struct reader *r)
{
	struct slice key;

	while (json_object_next(&r->in, &key)) {
		if (read_scalar(r, key))
			continue;
		if (slice_eq_str(key, "directory"))
			read_verdict(r, &r->plan->directory);
		else if (slice_eq_str(key, "tenant"))
			read_verdict(r, &r->plan->tenant);
		else if (slice_eq_str(key, "limits"))
			read_named(r, "limit", LIMIT_KIND_COUNT, limit_name, read_limit);
		else if (slice_eq_str(key, "calls"))
			read_named(r, "operation", API_OP_COUNT, op_name, read_calls);
		else if (slice_eq_str(key, "sums") || slice_eq_str(key, "sha256"))
			json_skip(&r->in); /* counted anew; looked at before */
		else
			read_list(r, key);
	}
}

/* The hash at the end must be that of all before it. */
static int check_seal(struct slice text, const char *where, char hash[DIGEST_TEXT],
		      struct err *err)
{
	const size_t tail = sizeof(SEAL) - 1 + DIGEST_TEXT - 1 + 3; /* "} and a line end */
	const char *seal;

	if (text.len < tail || memcmp(seal = text.data + text.len - tail, SEAL, sizeof(SEAL) - 1) != 0)
		return err_at(err, ERR_INVALID, where, 0, 0,
			      "this is not a saved plan: it does not end with its sha256");
	digest_of(text.data, text.len - tail + 1, hash);
	if (memcmp(seal + sizeof(SEAL) - 1, hash, DIGEST_TEXT - 1) != 0 ||
	    memcmp(text.data + text.len - 3, "\"}\n", 3) != 0)
		return err_at(err, ERR_REFUSED, where, 0, 0,
			      "the plan was changed after it was made: its sha256 does not fit; "
			      "make it anew with dirbridge plan -o");
	return 0;
}

int plan_file_parse(struct slice text, const char *where, struct arena *mem,
		    struct plan *ret_plan, char ret_hash[DIGEST_TEXT], struct err *err)
{
	struct reader r = { .mem = mem, .step_person = UINT32_MAX };
	char hash[DIGEST_TEXT];
	struct plan plan = { .time_s = 0 };
	int status;

	if (check_seal(text, where, hash, err))
		return -1;
	r.plan = &plan;
	vec_push(&r.places, "");
	json_open(&r.in, text.data, text.len, where, mem, err);
	read_plan(&r);
	if (!r.has_schema)
		json_fail(&r.in, ERR_INVALID, "it does not say that it is a plan");
	status = json_close(&r.in);
	if (status == 0) {
		const char **places = arena_array(mem, r.places.count, sizeof(*places));

		memcpy(places, r.places.items, r.places.count * sizeof(*places));
		plan.places = places;
		*ret_plan = plan;
		if (ret_hash)
			memcpy(ret_hash, hash, DIGEST_TEXT);
	} else {
		plan_release(&plan);
	}
	vec_release(&r.places);
	map_release(&r.people);
	map_release(&r.origins);
	return status;
}

int plan_file_read(const char *path, struct arena *mem, struct plan *ret_plan,
		   char ret_hash[DIGEST_TEXT], struct err *err)
{
	struct buf text;
	int status;

	buf_init(&text, PLAN_FILE_BYTES_MAX);
	status = buf_read_file(&text, path, err);
	if (status == 0)
		status = plan_file_parse(slice_of(text.data, text.len), path, mem, ret_plan,
					 ret_hash, err);
	buf_release(&text);
	return status;
}
