#include "bridge/explain.h"

#include <string.h>

#include "bridge/directory/groups.h"
#include "mappings/dn.h"

#include "scim/base/banned.h"

#define TEXT_BYTES_MAX 500 /* of one expression; longer ones are cut */
#define NAMES_MAX 1000     /* groups among which a similar name is looked for */

struct explainer {
	const struct rules *rules;
	struct directory *directory;
	struct arena *mem;
	struct arena work; /* one event's evaluation */
	struct map_observer observer;
	struct explained *out;
	VEC(struct explained_event) events;
	VEC(struct explained_part) parts; /* of the event under way */
	unsigned long part_count;
};

static void on_event(void *ctx, const struct map_event *event);

struct explainer *explainer_new(const struct rules *rules, struct directory *directory,
				struct arena *mem)
{
	struct explainer *x = mem_zalloc(sizeof(*x));

	x->rules = rules;
	x->directory = directory;
	x->mem = mem;
	arena_init(&x->work);
	x->observer = (struct map_observer){ on_event, x };
	return x;
}

void explainer_free(struct explainer *x)
{
	if (!x)
		return;
	vec_release(&x->events);
	vec_release(&x->parts);
	arena_release(&x->work);
	mem_free(x);
}

const struct map_observer *explainer_observer(struct explainer *x)
{
	return &x->observer;
}

/* --- values ------------------------------------------------------------------------------ */

static const char *keep_text(struct explainer *x, struct slice text)
{
	if (!text.data)
		return NULL;
	if (text.len <= TEXT_BYTES_MAX)
		return arena_strndup(x->mem, text.data, text.len);
	/* Not in the middle of a character. */
	for (text.len = TEXT_BYTES_MAX; (text.data[text.len] & 0xc0) == 0x80; text.len--)
		;
	return arena_printf(x->mem, "%.*s ...", SLICE_FMT(text));
}

/* Type and JSON of a value: what stands in {"type":"T","value":V}. */
static void keep_value(struct explainer *x, const struct cel_value *value,
		       const char **ret_type, const char **ret_json)
{
	static const size_t before_type = sizeof("{\"type\":\"") - 1;
	static const size_t before_value = sizeof("\",\"value\":") - 1;
	struct buf text;
	const char *type, *end;

	buf_init(&text, EXPLAIN_VALUE_BYTES_MAX);
	cel_print_json(value, &text);
	type = text.data + before_type;
	end = strchr(type, '"');
	*ret_type = arena_strndup(x->mem, type, (size_t)(end - type));
	*ret_json = NULL;
	if (!buf_failed(&text)) {
		const char *json = end + before_value;
		size_t len = text.len - (size_t)(json - text.data) - 1;

		*ret_json = arena_strndup(x->mem, json, len);
	}
	buf_release(&text);
}

static void on_part(void *ctx, const struct cel_part *part)
{
	struct explainer *x = ctx;
	struct explained_part kept = {
		.kind = part->kind, .depth = part->depth, .decided = part->decided,
		.text = keep_text(x, part->text), .name = keep_text(x, part->name),
	};

	if (x->part_count == EXPLAIN_PARTS_MAX) {
		x->out->parts_dropped++;
		return;
	}
	x->part_count++;
	if (part->value) {
		keep_value(x, part->value, &kept.type, &kept.json);
		kept.truth = part->value->type == CEL_BOOL && part->value->as.b;
	} else {
		kept.error = arena_strdup(x->mem, part->error->text);
		kept.absent = part->error->kind == ERR_NO_KEY;
	}
	vec_push(&x->parts, kept);
}

static struct explained_parts take_parts(struct explainer *x)
{
	struct explained_parts out = { .count = (unsigned)x->parts.count };

	if (out.count) {
		struct explained_part *items = arena_array(x->mem, out.count, sizeof(*items));

		memcpy(items, x->parts.items, out.count * sizeof(*items));
		out.items = items;
	}
	x->parts.count = 0;
	return out;
}

/* --- events ------------------------------------------------------------------------------ */

static const char *keep_c_text(struct explainer *x, const char *text)
{
	return text ? arena_strdup(x->mem, text) : NULL;
}

/* What a condition that did not hold would have needed. */
static void add_missing(struct explainer *x, const struct map_event *event,
			struct explained_event *kept)
{
	bool condition = event->kind == MAP_BLOCK || event->kind == MAP_ITEM;

	if (!condition || event->result > 0 || !event->program)
		return;
	kept->misses = cel_misses(event->program, event->act, &x->work, on_part, x, &kept->held);
	kept->missing = take_parts(x);
}

static void on_event(void *ctx, const struct map_event *event)
{
	struct explainer *x = ctx;
	struct explained_event kept = {
		.kind = event->kind, .origin = event->origin, .result = event->result,
		.text = keep_c_text(x, event->text), .key = keep_c_text(x, event->key),
		.division = keep_c_text(x, event->division), .level = event->level,
		.count = event->count, .attr = event->attr, .assign_kind = event->assign_kind,
		.conditional = event->program != NULL,
		.by_default = event->kind == MAP_FIELD && !event->tmpl,
	};
	const char *type;

	if (x->events.count == EXPLAIN_EVENTS_MAX) {
		x->out->events_dropped++;
		return;
	}
	if (event->err) {
		kept.error = arena_strdup(x->mem, event->err->text);
		kept.absent = event->err->kind == ERR_NO_KEY;
	}
	if (event->act && event->act->var_count && event->act->vars)
		keep_value(x, &event->act->vars[0], &type, &kept.element);
	map_event_explain(event, &x->work, on_part, x);
	kept.parts = take_parts(x);
	add_missing(x, event, &kept);
	vec_push(&x->events, kept);
	arena_reset(&x->work);
}

/* --- the entry --------------------------------------------------------------------------- */

static void keep_attrs(struct explainer *x, const struct entry *entry)
{
	const struct layout *layout = rules_layout(x->rules);
	unsigned count = (unsigned)layout->names.count;
	struct explained_attr *attrs = arena_array(x->mem, count + 1, sizeof(*attrs));

	for (unsigned i = 0; i < count; i++) {
		const struct attr_values *from = &entry->attrs[i];
		struct slice *values = arena_array(x->mem, from->count + 1, sizeof(*values));

		for (uint32_t v = 0; v < from->count; v++)
			values[v] = slice_of(arena_strndup(x->mem, from->items[v].data,
							   from->items[v].len),
					     from->items[v].len);
		attrs[i] = (struct explained_attr){ layout->names.items[i], values, from->count };
	}
	x->out->attrs = attrs;
	x->out->attr_count = count;
}

/* "cn=cc-agents,ou=groups,..." and "cc-agents" are compared as "cc-agents". */
static const char *short_name(struct explainer *x, const char *name)
{
	struct slice cn;

	if (dn_looks_like(name, strlen(name)) &&
	    dn_part(x->mem, name, strlen(name), "cn", &cn, NULL) == 0)
		return arena_strndup(x->mem, cn.data, cn.len);
	return name;
}

static const char *nearest_own(struct explainer *x, const struct explained_group *groups,
			       unsigned count, const char *name)
{
	const char *names[NAMES_MAX], *full[NAMES_MAX] = { NULL };
	size_t own = 0;
	int near;

	for (unsigned i = 0; i < count && own < NAMES_MAX; i++) {
		if (groups[i].answer != GROUP_YES)
			continue;
		full[own] = groups[i].name;
		names[own++] = short_name(x, groups[i].name);
	}
	near = own ? text_nearest(short_name(x, name), names, own) : -1;
	return near < 0 ? NULL : full[near];
}

static void keep_groups(struct explainer *x, const struct entry *entry)
{
	const struct group_names *names = rules_groups(x->rules);
	unsigned count = entry->groups ? entry->group_count : 0;
	struct explained_group *groups = arena_array(x->mem, count + 1, sizeof(*groups));

	for (unsigned i = 0; i < count; i++) {
		struct group_path path = { 0 };

		if (x->directory->ops->group_path)
			x->directory->ops->group_path(x->directory, entry, i, x->mem, &path);
		groups[i] = (struct explained_group){
			.name = names->names.items[i],
			.origin = rules_group_origin(x->rules, i),
			.answer = (enum group_answer)entry->groups[i],
			.path_count = path.count,
			.unknown = path.unknown,
		};
		if (path.count) {
			const char **dns = arena_array(x->mem, path.count, sizeof(*dns));

			for (unsigned g = 0; g < path.count; g++)
				dns[g] = arena_strdup(x->mem, path.dns[g]);
			groups[i].path = dns;
		}
	}
	for (unsigned i = 0; i < count; i++)
		if (groups[i].answer == GROUP_NO)
			groups[i].nearest = nearest_own(x, groups, count, groups[i].name);
	x->out->groups = groups;
	x->out->group_count = count;
}

void explainer_start(struct explainer *x, const struct entry *entry)
{
	x->out = arena_alloc(x->mem, sizeof(*x->out));
	x->events.count = 0;
	x->parts.count = 0;
	x->part_count = 0;
	x->out->dn = arena_strdup(x->mem, entry->dn);
	x->out->id = arena_strdup(x->mem, entry->id);
	keep_attrs(x, entry);
	keep_groups(x, entry);
}

/* The first value of the DN: "Ada Lovelace" of "cn=Ada Lovelace,ou=people". */
static const char *name_of_dn(struct explainer *x, const char *dn)
{
	const char *equals = strchr(dn, '=');
	struct slice value;
	char *type;

	if (!equals)
		return dn;
	type = arena_strndup(x->mem, dn, (size_t)(equals - dn));
	if (dn_part(x->mem, dn, strlen(dn), type, &value, NULL))
		return dn;
	return arena_strndup(x->mem, value.data, value.len);
}

struct unasked {
	const struct explained *out;
	origin_id *ids;
	unsigned count;
};

static void count_unasked(void *ctx, enum map_event_kind kind, origin_id origin)
{
	struct unasked *u = ctx;

	if (kind != MAP_BLOCK)
		return;
	for (unsigned i = 0; i < u->out->event_count; i++)
		if (u->out->events[i].kind == MAP_BLOCK && u->out->events[i].origin == origin)
			return;
	if (u->ids)
		u->ids[u->count] = origin;
	u->count++;
}

static void keep_unasked(struct explainer *x, struct explained *out)
{
	struct unasked u = { .out = out };

	if (out->events_dropped)
		return; /* they may be among those that were not kept */
	rules_each_place(x->rules, count_unasked, &u);
	u.ids = arena_array(x->mem, u.count + 1, sizeof(*u.ids));
	u.count = 0;
	rules_each_place(x->rules, count_unasked, &u);
	out->unasked = u.ids;
	out->unasked_count = u.count;
}

struct explained *explainer_finish(struct explainer *x, struct record *record, int64_t due_s)
{
	struct explained *out = x->out;
	struct explained_event *events =
		arena_array(x->mem, x->events.count + 1, sizeof(*events));
	const char *name = record ? record_text(record, SCIM_ATTR_DISPLAY_NAME) : NULL;

	if (x->events.count)
		memcpy(events, x->events.items, x->events.count * sizeof(*events));
	out->events = events;
	out->event_count = (unsigned)x->events.count;
	keep_unasked(x, out);
	out->record = record;
	out->due_s = due_s;
	out->name = name ? name : name_of_dn(x, out->dn);
	x->out = NULL;
	return out;
}
