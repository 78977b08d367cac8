#include "bridge/preview.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/banned.h"

/* One of the two rule sets over entries of the common layout. */
struct side {
	const struct rules *rules;
	uint16_t slots[LAYOUT_SLOTS_MAX]; /* of its layout -> of the common one */
	unsigned *groups;                 /* of its groups -> of the common ones */
	struct attr_values *attrs;
	unsigned char *answers;
	struct arena mem; /* of one record */
	struct record *record;
};

struct comparer {
	struct side sides[2]; /* before, after */
	struct layout layout;
	struct group_names groups;
	int64_t now_s;
	struct arena *mem, scratch;
	struct preview *preview;
	VEC(struct preview_line) lines;
};

static int open_side(struct comparer *c, struct side *side, const struct rules *rules,
		     struct err *err)
{
	const struct layout *layout = rules_layout(rules);
	const struct group_names *groups = rules_groups(rules);

	side->rules = rules;
	for (size_t i = 0; i < layout->names.count; i++) {
		const char *name = layout->names.items[i];
		int slot = layout_add(&c->layout, name, strlen(name), err);

		if (slot < 0)
			return -1;
		side->slots[i] = (uint16_t)slot;
	}
	side->attrs = arena_array(c->mem, layout->names.count + 1, sizeof(*side->attrs));
	side->groups = arena_array(c->mem, groups->names.count + 1, sizeof(*side->groups));
	side->answers = arena_array(c->mem, groups->names.count + 1, 1);
	for (size_t i = 0; i < groups->names.count; i++) {
		const char *name = groups->names.items[i];

		side->groups[i] = group_names_add(&c->groups, name, strlen(name));
	}
	return 0;
}

/* --- what differs ------------------------------------------------------------------------ */

static void add_line(struct comparer *c, const char *what, const char *before,
		     const char *after, const struct side *side, origin_id origin)
{
	char place[512];
	struct preview_line line = {
		.what = arena_strdup(c->mem, what),
		.before = before ? arena_strdup(c->mem, before) : NULL,
		.after = after ? arena_strdup(c->mem, after) : NULL,
		.place = arena_strdup(c->mem, rules_origin_text(side->rules, origin, place,
								sizeof(place))),
	};

	vec_push(&c->lines, line);
}

static void name_field(const struct record_field *field, char *out, size_t size)
{
	const char *key = field->field.key;

	snprintf(out, size, "%s%s%s", scim_attr(field->field.attr)->name, key ? "." : "",
		 key ? key : "");
}

/* A value with its ownership where that is not the usual one. */
static const char *value_of(struct comparer *c, const struct record_field *field)
{
	const char *value = field->field.value ? field->field.value : "(cleared)";

	if (field->own == OWN_MANAGE)
		return value;
	return arena_printf(&c->scratch, "%s (%s)", value, own_name(field->own));
}

static void compare_fields(struct comparer *c, const struct record *a, const struct record *b)
{
	unsigned i = 0, j = 0;
	unsigned ends[2] = { a ? a->field_count : 0, b ? b->field_count : 0 };

	while (i < ends[0] || j < ends[1]) {
		const struct record_field *x = i < ends[0] ? &a->fields[i] : NULL;
		const struct record_field *y = j < ends[1] ? &b->fields[j] : NULL;
		const char *before, *after;
		char what[128];
		int order;

		assert(x || y);
		order = !x ? 1 : !y ? -1 : scim_field_cmp(&x->field, &y->field);
		before = order <= 0 ? value_of(c, x) : NULL;
		after = order >= 0 ? value_of(c, y) : NULL;
		name_field(order <= 0 ? x : y, what, sizeof(what));
		if (!before || !after || strcmp(before, after) != 0)
			add_line(c, what, before, after, &c->sides[order >= 0],
				 order >= 0 ? y->origin : x->origin);
		i += order <= 0;
		j += order >= 0;
	}
}

static const char *level_of(struct comparer *c, const struct assignment *assign)
{
	bool graded = assign->kind == ASSIGN_SKILL || assign->kind == ASSIGN_LANGUAGE;
	const char *own = assign->own == OWN_MERGE ? "" : own_name(assign->own);

	if (graded)
		return arena_printf(&c->scratch, "level %g%s%s", assign->level, own[0] ? ", " : "",
				    own);
	return own[0] ? own : "yes";
}

static void compare_assigns(struct comparer *c, const struct record *a, const struct record *b)
{
	unsigned i = 0, j = 0;
	unsigned ends[2] = { a ? a->assign_count : 0, b ? b->assign_count : 0 };

	while (i < ends[0] || j < ends[1]) {
		const struct assignment *x = i < ends[0] ? &a->assigns[i] : NULL;
		const struct assignment *y = j < ends[1] ? &b->assigns[j] : NULL;
		const struct assignment *one;
		const char *before, *after, *what;
		int order;

		assert(x || y);
		order = !x ? 1 : !y ? -1 : assignment_cmp(x, y);
		one = order <= 0 ? x : y;
		before = order <= 0 ? level_of(c, x) : NULL;
		after = order >= 0 ? level_of(c, y) : NULL;
		what = arena_printf(&c->scratch, "%s %s%s%s", assign_kind_name(one->kind), one->name,
				    one->division ? " in " : "", one->division ? one->division : "");
		if (!before || !after || strcmp(before, after) != 0)
			add_line(c, what, before, after, &c->sides[order >= 0],
				 order >= 0 ? y->origin : x->origin);
		i += order <= 0;
		j += order >= 0;
	}
}

static bool has_problem(const struct record *record, const struct problem *problem)
{
	for (unsigned i = 0; record && i < record->problem_count; i++)
		if (strcmp(record->problems[i].text, problem->text) == 0)
			return true;
	return false;
}

static void compare_problems(struct comparer *c, const struct record *a, const struct record *b)
{
	const struct record *records[] = { a, b };

	for (int side = 0; side < 2; side++) {
		for (unsigned i = 0; records[side] && i < records[side]->problem_count; i++) {
			const struct problem *problem = &records[side]->problems[i];

			if (!has_problem(records[!side], problem))
				add_line(c, "not decided", side ? NULL : problem->text,
					 side ? problem->text : NULL, &c->sides[side],
					 problem->origin);
		}
	}
}

static void compare(struct comparer *c, const struct entry *entry)
{
	const struct record *a = c->sides[0].record, *b = c->sides[1].record;
	const struct record *known = b ? b : a;
	struct preview_person person = {
		.kind = !a ? PREVIEW_JOINS : !b ? PREVIEW_LEAVES : PREVIEW_CHANGES,
	};
	struct preview_line *lines;
	const char *name;

	c->lines.count = 0;
	if (a && b && strcmp(a->rule, b->rule) != 0)
		add_line(c, "taken by", a->rule, b->rule, &c->sides[1], 0);
	compare_fields(c, a, b);
	compare_assigns(c, a, b);
	compare_problems(c, a, b);
	if (a && b && c->lines.count == 0) {
		c->preview->same++;
		return;
	}
	name = record_text(known, SCIM_ATTR_USER_NAME);
	lines = arena_array(c->mem, c->lines.count + 1, sizeof(*lines));
	if (c->lines.count)
		memcpy(lines, c->lines.items, c->lines.count * sizeof(*lines));
	person.id = arena_strdup(c->mem, entry->id);
	person.dn = arena_strdup(c->mem, entry->dn);
	person.name = name ? arena_strdup(c->mem, name) : person.dn;
	person.lines = lines;
	person.line_count = (unsigned)c->lines.count;
	c->preview->counts[person.kind]++;
	vec_push(&c->preview->people, person);
}

/* --- reading ----------------------------------------------------------------------------- */

static int map_side(struct comparer *c, struct side *side, const struct entry *entry,
		    struct err *err)
{
	size_t slots = rules_layout(side->rules)->names.count;
	size_t groups = rules_groups(side->rules)->names.count;
	struct entry own = *entry;

	for (size_t i = 0; i < slots; i++)
		side->attrs[i] = entry->attrs[side->slots[i]];
	for (size_t i = 0; i < groups; i++)
		side->answers[i] = entry->groups ? entry->groups[side->groups[i]] : GROUP_UNKNOWN;
	own.attrs = side->attrs;
	own.attr_count = (unsigned)slots;
	own.groups = groups ? side->answers : NULL;
	own.group_count = (unsigned)groups;
	arena_reset(&side->mem);
	return map_entry(side->rules, &own, c->now_s, &c->scratch, &side->mem, &side->record, NULL,
			 err);
}

static int take(void *ctx, const struct entry *entry, struct err *err)
{
	struct comparer *c = ctx;

	for (int i = 0; i < 2; i++)
		if (map_side(c, &c->sides[i], entry, err))
			return -1;
	if (c->sides[0].record || c->sides[1].record)
		compare(c, entry);
	else
		c->preview->out_of_scope++;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct preview_person *)a)->id,
		      ((const struct preview_person *)b)->id);
}

static int read_all(struct comparer *c, struct directory *directory, struct err *err)
{
	struct verdict groups;
	int status = 0;

	verdict_init(&c->preview->directory);
	directory->keep_ids = true;
	verdict_init(&groups);
	if (c->groups.names.count)
		status = directory->ops->read_groups(directory, &c->groups, &groups, err);
	if (status == 0)
		status = directory->ops->read_people(directory, &c->layout, take, c,
						     &c->preview->directory, err);
	directory->ops->disconnect(directory);
	verdict_merge(&c->preview->directory, &groups);
	return status;
}

int preview_make(struct directory *directory, const struct rules *before,
		 const struct rules *after, int64_t now_s, struct arena *mem,
		 struct preview *ret_preview, struct err *err)
{
	struct comparer c = { .now_s = now_s, .mem = mem, .preview = ret_preview };
	int status = -1;

	*ret_preview = (struct preview){ 0 };
	layout_init(&c.layout);
	group_names_init(&c.groups);
	if (open_side(&c, &c.sides[0], before, err) == 0 &&
	    open_side(&c, &c.sides[1], after, err) == 0)
		status = read_all(&c, directory, err);
	if (ret_preview->people.count)
		qsort(ret_preview->people.items, ret_preview->people.count,
		      sizeof(*ret_preview->people.items), by_id);
	layout_release(&c.layout);
	group_names_release(&c.groups);
	arena_release(&c.scratch);
	arena_release(&c.sides[0].mem);
	arena_release(&c.sides[1].mem);
	vec_release(&c.lines);
	return status;
}

void preview_release(struct preview *preview)
{
	vec_release(&preview->people);
}
