/*
 * mappings/map_impl.h - the mapper from within: one person's work.
 */
#ifndef MAPPINGS_MAP_IMPL_H
#define MAPPINGS_MAP_IMPL_H

#include "mappings/map.h"
#include "mappings/rules_impl.h"

/* Growing arrays in scratch memory: one record's work allocates nothing else. */
struct mapper {
	const struct rules *rules;
	const struct people_block **blocks; /* that take the person; one but in mode all */
	unsigned block_count;
	const struct people_block *block;   /* the one at work */
	const struct people_block *matcher; /* whose `match` counts */
	uint8_t own[ASSIGN_KIND_COUNT];
	int64_t due_s;
	const struct entry *entry;
	struct cel_activation act;
	struct arena *scratch, *mem;
	const struct map_observer *observer; /* NULL = nobody looks */
	struct record_field *fields;
	unsigned field_count;
	struct assignment *assigns;
	unsigned assign_count, assign_size;
	struct problem *problems;
	unsigned problem_count, problem_size;
	unsigned note_count;
	uint8_t kinds_stated;
	const char *manager_dn, *skip_reason;
	origin_id skip_origin;
	enum own manager_own;
	origin_id manager_origin;
};

/* One more item in scratch memory; what was there moves along. */
void *map_grow(struct arena *mem, void *items, unsigned count, unsigned *size, size_t bytes);
/* Note what can not be decided; the same of one rule is said once. */
void map_problem(struct mapper *m, enum problem_scope scope, unsigned what, origin_id origin,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Tell the observer; an event is put together only when there is one. */
#define OBSERVE(m, ...)                                                                   \
	do {                                                                              \
		if ((m)->observer)                                                        \
			map_tell(m, &(struct map_event){ .act = &(m)->act, __VA_ARGS__ });    \
	} while (0)

void map_tell(const struct mapper *m, struct map_event *event);

/* What decided whether a block or item counts. */
struct verdict_of {
	const struct cel_program *program;
	const struct template *bound; /* NULL: `when` did */
};

/* `when` and span: 1, 0, -1 = *err. False in either is false, whatever the other says. */
int map_counts(struct mapper *m, const struct cel_program *when, const struct span *span,
	       struct verdict_of *ret_by, struct err *err);

/* map_profile.c: the fields of the blocks that take the person. */
void map_profile(struct mapper *m, const char *id);
/* map_assign.c: one item of a block; then, after all, sort and merge. */
void map_item(struct mapper *m, const struct assign_item *item);
void map_finish_assigns(struct mapper *m);

#endif
