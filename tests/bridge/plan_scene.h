/*
 * tests/bridge/plan_scene.h - inputs of the planner from lines of text, its plan as lines.
 *
 * Lines (words apart by one space, "_" in a value stands for a space):
 *   person ID [user=N] [name=N] [ext=T|-] [ATTR[.TYPE][:OWN]=VALUE] [own:KIND=OWN]
 *             [boss[:OWN]=ID] [clear:ATTR[.TYPE]=OWN] [skip=REASON] [stated:KIND]
 *             [KIND=NAME[:LEVEL|@DIVISION]] [problem:person|note|KIND]
 *   account ID [user=N] [ext=T] [state=inactive|deleted] [ATTR=V] [KIND=NAME...]
 *             [unknown:KIND]
 *   link PERSON ACCOUNT [left] [ATTR=V] [KIND=NAME...] [try:KIND=NAME...]
 * A person has user=ID@x, name=ID and ext=ID unless told; an account has user=ID@x.
 */
#ifndef TESTS_BRIDGE_PLAN_SCENE_H
#define TESTS_BRIDGE_PLAN_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/config/config.h"
#include "bridge/plan/plan.h"
#include "scim/base/buf.h"

struct scene {
	struct arena mem;
	struct config config;
	struct present present;
	VEC(struct record *) records;
	VEC(struct recorded) recorded;
	struct verdict directory, groups;
	struct plan_input in;
	struct plan plan;
};

static inline void scene_item(struct scene *scene, enum catalogue_kind kind, const char *name,
			      bool privileged)
{
	struct catalogue_item item = { .name = name, .privileged = privileged,
				       .home = strcmp(name, "Home") == 0 };
	uint32_t index;

	item.id = arena_printf(&scene->mem, "%c%zu", catalogue_kind_name(kind)[0],
			       scene->present.catalogue.kinds[kind].items.count + 1);
	index = catalogue_add(&scene->present.catalogue, kind, &item);
	if (item.home)
		scene->present.catalogue.home = index;
}

static inline void scene_init(struct scene *scene)
{
	static const struct {
		enum catalogue_kind kind;
		const char *names[7];
	} things[] = {
		{ CAT_ROLE, { "employee", "Agent", "Supervisor", "Admin" } },
		{ CAT_SKILL, { "Billing", "Refunds", "Sales", "Twin", "Twin" } },
		{ CAT_LANGUAGE, { "English", "German" } },
		{ CAT_GROUP, { "G1", "G2", "G3" } },
		{ CAT_QUEUE, { "Q1", "Q2", "Q3" } },
		{ CAT_DIVISION, { "Home", "Berlin", "Bern" } },
	};

	*scene = (struct scene){ .mem = ARENA_INIT };
	present_init(&scene->present);
	verdict_init(&scene->directory);
	verdict_init(&scene->groups);
	for (size_t i = 0; i < sizeof(things) / sizeof(*things); i++)
		for (size_t n = 0; things[i].names[n]; n++)
			scene_item(scene, things[i].kind, things[i].names[n],
				   strcmp(things[i].names[n], "Admin") == 0);
	for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++)
		scene->config.limits[kind] = (struct config_limit){ 1000, 100, 1000 };
	scene->config.directory.max_drop_percent = 20;
	scene->in = (struct plan_input){ .config = &scene->config, .time_s = 1767225600,
					 .directory = &scene->directory,
					 .present = &scene->present, .baseline = true };
}

static inline void scene_release(struct scene *scene)
{
	plan_release(&scene->plan);
	present_release(&scene->present);
	vec_release(&scene->records);
	vec_release(&scene->recorded);
	arena_release(&scene->mem);
}

/* --- words ------------------------------------------------------------------------------- */

struct word {
	char *key, *value; /* value NULL = no "=" */
};

static inline struct word scene_word(struct scene *scene, const char **at)
{
	size_t len = strcspn(*at, " ");
	char *text = arena_strndup(&scene->mem, *at, len);
	struct word word = { .key = text };

	*at += len;
	*at += strspn(*at, " ");
	word.value = strchr(text, '=');
	if (word.value)
		*word.value++ = '\0';
	for (char *c = word.value; c && *c; c++)
		if (*c == '_')
			*c = ' ';
	return word;
}

static inline bool scene_kind(const char *name, unsigned *ret)
{
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		if (strcmp(assign_kind_name((enum assign_kind)kind), name) == 0) {
			*ret = kind;
			return true;
		}
	return false;
}

static inline enum own scene_own(const char *name)
{
	for (unsigned own = 0; own < OWN_COUNT; own++)
		if (strcmp(own_name((enum own)own), name) == 0)
			return (enum own)own;
	fail_msg("no ownership %s", name);
	return OWN_COUNT;
}

/* "NAME:LEVEL", "NAME@DIVISION" */
static inline struct assignment scene_assignment(unsigned kind, char *value)
{
	struct assignment a = { .kind = (enum assign_kind)kind, .name = value };
	char *mark = strpbrk(value, ":@");

	if (mark && *mark == ':')
		a.level = strtod(mark + 1, NULL);
	else if (mark)
		a.division = mark + 1;
	if (mark)
		*mark = '\0';
	return a;
}

static inline struct held scene_held(struct scene *scene, unsigned kind, char *value)
{
	const struct catalogue *cat = &scene->present.catalogue;
	struct assignment a = scene_assignment(kind, value);
	struct held held = { .kind = a.kind, .level = a.level };

	held.item = catalogue_by_name(cat, (enum catalogue_kind)kind, a.name);
	if (kind == ASSIGN_ROLE)
		held.division = !a.division ? cat->home
				: strcmp(a.division, "*") == 0
					? ITEM_ALL
					: catalogue_by_name(cat, CAT_DIVISION, a.division);
	if (held.item >= ITEM_ALL)
		fail_msg("no such thing: %s", a.name);
	return held;
}

/* "ATTR", "ATTR.TYPE" */
static inline struct scim_field scene_field(char *key, const char *value)
{
	char *dot = strchr(key, '.');
	struct scim_field field = { .value = value };

	if (dot)
		*dot++ = '\0';
	field.key = dot;
	field.attr = (uint16_t)scim_attr_find(key);
	if (field.attr == SCIM_ATTR_COUNT)
		fail_msg("no attribute %s", key);
	return field;
}

/* --- lines ------------------------------------------------------------------------------- */

struct scene_lists {
	struct record_field fields[24];
	unsigned field_count;
	struct assignment assigns[24];
	unsigned assign_count;
	struct problem problems[8];
	unsigned problem_count;
	struct held held[24];
	unsigned held_count;
};

static inline int scene_field_order(const void *a, const void *b)
{
	return scim_field_cmp(&((const struct record_field *)a)->field,
			      &((const struct record_field *)b)->field);
}
static inline int scene_assign_order(const void *a, const void *b)
{
	return assignment_cmp(a, b);
}
static inline int scene_held_order(const void *a, const void *b)
{
	return held_cmp(a, b);
}

static inline void *scene_copy(struct scene *scene, const void *items, size_t count,
			       size_t bytes)
{
	void *copy = arena_array(&scene->mem, count + 1, bytes);

	if (count)
		memcpy(copy, items, count * bytes);
	return copy;
}

static inline void scene_put(struct scene_lists *l, enum scim_attr attr, const char *value)
{
	for (unsigned i = 0; i < l->field_count; i++)
		if (l->fields[i].field.attr == attr)
			return;
	l->fields[l->field_count++] = (struct record_field){
		.field = { (uint16_t)attr, NULL, value }, .own = OWN_MANAGE };
}

static inline void scene_problem(struct scene_lists *l, const char *what)
{
	struct problem *problem = &l->problems[l->problem_count++];
	unsigned kind = 0;

	*problem = (struct problem){ .scope = PROBLEM_KIND, .text = "it is odd" };
	if (strcmp(what, "person") == 0)
		problem->scope = PROBLEM_PERSON;
	else if (strcmp(what, "note") == 0)
		problem->scope = PROBLEM_NOTE;
	else if (scene_kind(what, &kind))
		problem->what = (uint16_t)kind;
}

static inline void scene_person_word(struct scene *scene, struct record *record,
				     struct scene_lists *l, struct word word)
{
	char *own = strchr(word.key, ':');
	unsigned kind;

	(void)scene;
	if (strncmp(word.key, "own:", 4) == 0 && scene_kind(word.key + 4, &kind)) {
		record->own[kind] = (uint8_t)scene_own(word.value);
	} else if (strncmp(word.key, "stated:", 7) == 0 && scene_kind(word.key + 7, &kind)) {
		record->kinds_stated |= (uint8_t)(1u << kind);
	} else if (strncmp(word.key, "problem:", 8) == 0) {
		scene_problem(l, word.key + 8);
	} else if (strncmp(word.key, "boss", 4) == 0) {
		record->manager_dn = arena_printf(&scene->mem, "cn=%s", word.value);
		record->manager_own = own ? scene_own(own + 1) : OWN_MANAGE;
	} else if (strncmp(word.key, "clear:", 6) == 0) {
		struct record_field *f = &l->fields[l->field_count++];

		*f = (struct record_field){ .own = scene_own(word.value) };
		f->field = scene_field(word.key + 6, NULL);
	} else if (strcmp(word.key, "skip") == 0) {
		record->skip_reason = word.value;
	} else if (strcmp(word.key, "user") == 0) {
		scene_put(l, SCIM_ATTR_USER_NAME, word.value);
	} else if (strcmp(word.key, "name") == 0) {
		if (word.value[0] != '-')
			scene_put(l, SCIM_ATTR_DISPLAY_NAME, word.value);
	} else if (strcmp(word.key, "ext") == 0) {
		scene_put(l, SCIM_ATTR_EXTERNAL_ID, word.value);
	} else if (scene_kind(word.key, &kind)) {
		record->kinds_stated |= (uint8_t)(1u << kind);
		l->assigns[l->assign_count++] = scene_assignment(kind, word.value);
	} else {
		struct record_field *f = &l->fields[l->field_count++];

		if (own)
			*own++ = '\0';
		*f = (struct record_field){ .own = own ? scene_own(own) : OWN_MANAGE };
		f->field = scene_field(word.key, word.value);
	}
}

static inline void scene_person(struct scene *scene, const char *at)
{
	struct record *record = arena_alloc(&scene->mem, sizeof(*record));
	struct scene_lists l = { 0 };
	bool unnamed = strstr(at, "name=-") != NULL;

	record->id = scene_word(scene, &at).key;
	record->dn = arena_printf(&scene->mem, "cn=%s", record->id);
	record->rule = "people";
	memset(record->own, OWN_MERGE, sizeof(record->own));
	while (*at)
		scene_person_word(scene, record, &l, scene_word(scene, &at));
	scene_put(&l, SCIM_ATTR_USER_NAME, arena_printf(&scene->mem, "%s@x", record->id));
	scene_put(&l, SCIM_ATTR_EXTERNAL_ID, record->id);
	scene_put(&l, SCIM_ATTR_ACTIVE, "true");
	if (!unnamed)
		scene_put(&l, SCIM_ATTR_DISPLAY_NAME, record->id);
	for (unsigned i = 0; i < l.assign_count; i++)
		l.assigns[i].own = (enum own)record->own[l.assigns[i].kind];
	qsort(l.fields, l.field_count, sizeof(*l.fields), scene_field_order);
	qsort(l.assigns, l.assign_count, sizeof(*l.assigns), scene_assign_order);
	record->fields = scene_copy(scene, l.fields, l.field_count, sizeof(*l.fields));
	record->field_count = l.field_count;
	record->assigns = scene_copy(scene, l.assigns, l.assign_count, sizeof(*l.assigns));
	record->assign_count = l.assign_count;
	record->problems = scene_copy(scene, l.problems, l.problem_count, sizeof(*l.problems));
	record->problem_count = l.problem_count;
	vec_push(&scene->records, record);
}

static inline void scene_name_account(struct scene *scene, const char *user_name,
				      enum account_state state, uint32_t index)
{
	char *key = arena_strdup(&scene->mem, user_name);
	uint64_t before;

	text_lower(key, strlen(key));
	if (map_get(&scene->present.by_user_name, slice_str(key), &before) &&
	    (state == ACCOUNT_DELETED ||
	     scene->present.accounts.items[before].state != ACCOUNT_DELETED))
		return;
	map_set(&scene->present.by_user_name, slice_str(key), index);
}

static inline void scene_account(struct scene *scene, const char *at)
{
	struct account account = { .version = "1", .external_id_known = true };
	uint32_t index = (uint32_t)scene->present.accounts.count;
	struct scene_lists l = { 0 };
	struct scim_field *fields;
	unsigned kind;

	account.id = scene_word(scene, &at).key;
	while (*at) {
		struct word word = scene_word(scene, &at);

		if (strcmp(word.key, "state") == 0)
			account.state = word.value[0] == 'i' ? ACCOUNT_INACTIVE : ACCOUNT_DELETED;
		else if (strcmp(word.key, "user") == 0)
			scene_put(&l, SCIM_ATTR_USER_NAME, word.value);
		else if (strcmp(word.key, "ext") == 0 && strcmp(word.value, "?") == 0)
			account.external_id_known = false;
		else if (strcmp(word.key, "ext") == 0)
			account.external_id = word.value;
		else if (strncmp(word.key, "unknown:", 8) == 0 && scene_kind(word.key + 8, &kind))
			account.unknown_kinds |= (uint8_t)(1u << kind);
		else if (scene_kind(word.key, &kind))
			l.held[l.held_count++] = scene_held(scene, kind, word.value);
		else
			l.fields[l.field_count++].field = scene_field(word.key, word.value);
	}
	scene_put(&l, SCIM_ATTR_USER_NAME, arena_printf(&scene->mem, "%s@x", account.id));
	qsort(l.fields, l.field_count, sizeof(*l.fields), scene_field_order);
	qsort(l.held, l.held_count, sizeof(*l.held), scene_held_order);
	fields = arena_array(&scene->mem, l.field_count + 1, sizeof(*fields));
	for (unsigned i = 0; i < l.field_count; i++)
		fields[i] = l.fields[i].field;
	account.fields = fields;
	account.field_count = l.field_count;
	account.held = scene_copy(scene, l.held, l.held_count, sizeof(*l.held));
	account.held_count = l.held_count;
	vec_push(&scene->present.accounts, account);
	map_set(&scene->present.by_id, slice_str(account.id), index);
	scene_name_account(scene, account_text(&account, SCIM_ATTR_USER_NAME), account.state,
			   index);
	scene->present.verdict.count++;
}

static inline void scene_link(struct scene *scene, const char *at)
{
	const struct catalogue *cat = &scene->present.catalogue;
	struct recorded_field fields[24];
	struct recorded_held helds[24];
	struct recorded r = { 0 };
	unsigned kind;

	r.link.person_id = scene_word(scene, &at).key;
	r.link.account_id = scene_word(scene, &at).key;
	r.link.user_name = arena_printf(&scene->mem, "%s@x", r.link.person_id);
	r.link.dn = arena_printf(&scene->mem, "cn=%s", r.link.person_id);
	while (*at) {
		struct word word = scene_word(scene, &at);
		bool tentative = strncmp(word.key, "try:", 4) == 0;

		if (strcmp(word.key, "left") == 0) {
			r.link.left = true;
		} else if (scene_kind(word.key + (tentative ? 4 : 0), &kind)) {
			struct held held = scene_held(scene, kind, word.value);
			struct recorded_held *to = &helds[r.held_count++];

			*to = (struct recorded_held){ .kind = held.kind, .level = held.level,
						      .tentative = tentative };
			to->item_id = catalogue_item(cat, (enum catalogue_kind)kind, held.item)->id;
			if (kind == ASSIGN_ROLE)
				to->division_id =
					held.division == ITEM_ALL
						? "*"
						: catalogue_item(cat, CAT_DIVISION, held.division)->id;
		} else {
			struct scim_field field = scene_field(word.key, word.value);

			fields[r.field_count++] = (struct recorded_field){
				(enum scim_attr)field.attr, field.key, field.value };
		}
	}
	r.fields = scene_copy(scene, fields, r.field_count, sizeof(*fields));
	r.held = scene_copy(scene, helds, r.held_count, sizeof(*helds));
	vec_push(&scene->recorded, r);
}

static inline void scene_line(struct scene *scene, const char *line)
{
	if (strncmp(line, "person ", 7) == 0)
		scene_person(scene, line + 7);
	else if (strncmp(line, "account ", 8) == 0)
		scene_account(scene, line + 8);
	else if (strncmp(line, "link ", 5) == 0)
		scene_link(scene, line + 5);
	else
		fail_msg("what is this: %s", line);
}

/* Lines of one text, each ended by "\n". */
static inline void scene_read(struct scene *scene, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		scene_line(scene, arena_strndup(&scene->mem, text, len));
		text += len + (text[len] == '\n');
	}
	scene->in.records = scene->records.items;
	scene->in.record_count = scene->records.count;
	scene->in.recorded = scene->recorded.items;
	scene->in.recorded_count = scene->recorded.count;
}

/* --- the plan as lines ------------------------------------------------------------------- */

static inline void scene_print_step(const struct plan *plan, const struct step *step,
				    struct buf *out)
{
	bool value = step->kind == STEP_SET || step->kind == STEP_RENAME ||
		     step->kind == STEP_DIVISION;

	buf_addf(out, "%s %s", plan->people.items[step->person].id, step_row(step->kind)->name);
	if (value && step->kind == STEP_SET)
		buf_addf(out, " %s%s%s", scim_attr(step->attr)->name, step->key ? "." : "",
			 step->key ? step->key : "");
	if (value)
		buf_addf(out, " %s -> %s", step->old_text ? step->old_text : "-",
			 step->new_text ? step->new_text : "-");
	if (step->kind == STEP_CREATE)
		buf_addf(out, " %s", step->new_text);
	if (!value && step->name) {
		buf_addf(out, " %s", step->name);
		if (step->division)
			buf_addf(out, " in %s", step->division);
		if (step->kind == STEP_SKILL_SET || step->kind == STEP_LANGUAGE_SET)
			buf_addf(out, " %s -> %g", step->old_text ? step->old_text : "-",
				 step->level);
	}
	buf_addf(out, "%s%s\n", step->drift ? " (drift)" : "",
		 step->privileged ? " (privileged)" : "");
}

static inline const char *scene_item_name(const struct scene *scene,
					  const struct recorded_held *held)
{
	enum catalogue_kind kind = (enum catalogue_kind)held->kind;

	return catalogue_item(&scene->present.catalogue, kind,
			      catalogue_by_id(&scene->present.catalogue, kind, held->item_id))
		->name;
}

static inline void scene_print(struct scene *scene, struct buf *out)
{
	const struct plan *plan = &scene->plan;

	for (size_t i = 0; i < plan->refusals.count; i++)
		buf_addf(out, "refused: %s\n", plan->refusals.items[i]);
	for (size_t i = 0; i < plan->warnings.count; i++)
		buf_addf(out, "warning: %s\n", plan->warnings.items[i]);
	for (size_t i = 0; i < plan->new_links.count; i++)
		buf_addf(out, "link %s %s\n", plan->new_links.items[i].person_id,
			 plan->new_links.items[i].account_id);
	for (size_t i = 0; i < plan->claims.count; i++)
		buf_addf(out, "claim %s %s %s\n", plan->claims.items[i].person_id,
			 assign_kind_name(plan->claims.items[i].held.kind),
			 scene_item_name(scene, &plan->claims.items[i].held));
	for (size_t i = 0; i < plan->forgets.count; i++)
		buf_addf(out, "forget %s %s %s\n", plan->forgets.items[i].person_id,
			 assign_kind_name(plan->forgets.items[i].held->kind),
			 scene_item_name(scene, plan->forgets.items[i].held));
	for (size_t i = 0; i < plan->skips.count; i++)
		buf_addf(out, "%s %s: %s\n", plan->skips.items[i].whole ? "left" : "part",
			 plan->skips.items[i].id, plan->skips.items[i].text);
	for (size_t i = 0; i < plan->by_rule.count; i++)
		buf_addf(out, "by rule %s: %s\n", plan->by_rule.items[i].id,
			 plan->by_rule.items[i].text);
	for (size_t i = 0; i < plan->steps.count; i++)
		scene_print_step(plan, &plan->steps.items[i], out);
}

static inline void scene_plan(struct scene *scene, struct buf *out)
{
	struct err err = ERR_INIT;

	if (plan_make(&scene->in, &scene->mem, &scene->plan, &err))
		fail_msg("%s", err.text);
	scene_print(scene, out);
}

/* One case: lines in, lines out. */
static inline void scene_check(struct scene *scene, const char *name, const char *given,
			       const char *expected)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	scene_read(scene, given);
	scene_plan(scene, &out);
	if (strcmp(out.data ? out.data : "", expected) != 0)
		fail_msg("%s\n--- given\n%s--- expected\n%s--- planned\n%s", name, given, expected,
			 out.data ? out.data : "");
	buf_release(&out);
}

#endif
