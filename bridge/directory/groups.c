#include "bridge/directory/groups.h"

#include <string.h>

#include "mappings/dn.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

#define NO_GROUP UINT32_MAX

struct group {
	uint32_t name;   /* DN, in `names` */
	bool partial;
	bool cn_shared;  /* by another group: its plain name is ambiguous */
	/* Pieces of `members`: a group met twice has two. */
	uint32_t first_piece;
};

struct piece {
	uint32_t first, count;
	uint32_t next; /* from 1; 0 = none */
};

/*
 * While groups are added each distinct name (DN, or uid with a NUL before it so that the
 * two can not meet) is kept once and has a number; members are numbers.
 */
struct membership {
	const struct group_names *wanted;
	unsigned words; /* of a row: one bit a wanted group */

	struct arena mem, scratch;
	struct map names;           /* text -> number */
	VEC(uint32_t) group_of;     /* by number; NO_GROUP */
	VEC(struct slice) texts;    /* by number */
	VEC(struct group) groups;
	VEC(uint32_t) members;
	VEC(struct piece) pieces;
	struct map cns;             /* lower-case cn -> group; -1 = several */
	bool wants_uid;

	/* What is left after resolving. */
	bool resolved;
	struct arena people_mem;
	struct map people;          /* name -> row */
	VEC(uint64_t) rows;
	unsigned char *when_absent; /* by wanted: GROUP_NO or GROUP_UNKNOWN */
	unsigned char *unknown;     /* by wanted: GROUP_UNKNOWN for everybody */
};

struct membership *membership_new(const struct group_names *wanted)
{
	struct membership *m = mem_zalloc(sizeof(*m));

	m->wanted = wanted;
	m->words = (unsigned)(wanted->names.count + 63) / 64;
	return m;
}

static void release_graph(struct membership *m)
{
	map_release(&m->names);
	map_release(&m->cns);
	vec_release(&m->group_of);
	vec_release(&m->texts);
	vec_release(&m->groups);
	vec_release(&m->members);
	vec_release(&m->pieces);
	arena_release(&m->mem);
	arena_release(&m->scratch);
}

void membership_free(struct membership *m)
{
	if (!m)
		return;
	release_graph(m);
	map_release(&m->people);
	vec_release(&m->rows);
	arena_release(&m->people_mem);
	mem_free(m->when_absent);
	mem_free(m->unknown);
	mem_free(m);
}

/* Number of a name, given when new. */
static uint32_t name_number(struct membership *m, struct slice text)
{
	uint64_t number;
	struct slice kept;

	if (map_get(&m->names, text, &number))
		return (uint32_t)number;
	kept = slice_of(arena_strndup(&m->mem, text.data, text.len), text.len);
	number = m->texts.count;
	vec_push(&m->texts, kept);
	vec_push(&m->group_of, NO_GROUP);
	map_set(&m->names, kept, number);
	return (uint32_t)number;
}

static void add_piece(struct membership *m, struct group *group)
{
	struct piece piece = { .first = (uint32_t)m->members.count, .next = group->first_piece };

	vec_push(&m->pieces, piece);
	group->first_piece = (uint32_t)m->pieces.count;
}

static void add_cn(struct membership *m, uint32_t group, struct slice cn)
{
	char *text = arena_strndup(&m->mem, cn.data, cn.len);
	struct slice key = slice_of(text, cn.len);
	uint64_t other;

	text_lower(text, cn.len);
	if (map_get(&m->cns, key, &other) && other != group)
		m->groups.items[other].cn_shared = m->groups.items[group].cn_shared = true;
	else
		map_set(&m->cns, key, group);
}

int membership_add(struct membership *m, const char *dn, size_t dn_len,
		   const struct slice *cns, uint32_t cn_count, struct err *err)
{
	struct slice norm;
	uint32_t name, group;

	arena_reset(&m->scratch);
	if (dn_normalize(&m->scratch, dn, dn_len, &norm, err))
		return -1;
	name = name_number(m, norm);
	group = m->group_of.items[name];
	if (group == NO_GROUP) {
		struct group fresh = { .name = name };

		if (m->groups.count == MEMBERSHIP_GROUPS_MAX)
			return err_set(err, ERR_LIMIT, "more than %u groups",
				       MEMBERSHIP_GROUPS_MAX);
		group = (uint32_t)m->groups.count;
		vec_push(&m->groups, fresh);
		m->group_of.items[name] = group;
	} else if (group + 1 != m->groups.count) {
		/* "Added last" is the last one of the list: swap is not possible, so a copy of
		   the place is made by moving on to a new group that has the same name. */
		struct group again = m->groups.items[group];

		vec_push(&m->groups, again);
		group = (uint32_t)m->groups.count - 1;
		m->group_of.items[name] = group;
	}
	add_piece(m, &m->groups.items[group]);
	for (uint32_t i = 0; i < cn_count; i++)
		add_cn(m, group, cns[i]);
	return 0;
}
