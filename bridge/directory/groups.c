#include "bridge/directory/groups.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bridge/directory/foreign.h"
#include "bridge/directory/names.h"
#include "mappings/dn.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

#define NO_GROUP UINT32_MAX

struct group {
	uint32_t name; /* number of its DN */
	bool partial;
	bool unread; /* exists, but no search reads it; also partial */
	bool named;  /* as unread, in the verdict */
	bool looked; /* for foreign members */
	bool foreign; /* holds one that may stand for people of ours; also partial */
	uint32_t first_piece; /* from 1, in `pieces`: a group met twice has two */
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

	struct arena mem, scratch, key_mem;
	struct names names;
	VEC(uint32_t) group_of;     /* by number; NO_GROUP */
	VEC(struct group) groups;
	VEC(uint32_t) members;
	VEC(struct piece) pieces;
	struct map cns;             /* lower-case cn -> group; NO_GROUP = several */
	struct dn_memo memo;
	uint32_t last; /* group added last */
	bool wants_uid, wants_primary;
	struct map domains; /* of the groups that were read, for telling other ones */
	bool doubts_domains; /* then none is taken for read */
	struct membership_note notes[MEMBERSHIP_NOTES_MAX];
	unsigned note_count;

	/* What is left after resolving; the graph too with `keep`. */
	bool resolved, keep;
	struct names people;
	uint32_t *row_of;           /* by number, from 1; 0 = in no wanted group */
	VEC(uint64_t) rows;
	unsigned char *when_absent; /* by wanted: GROUP_NO or GROUP_UNKNOWN */
	unsigned char *unknown;     /* by wanted: GROUP_UNKNOWN for everybody */
};

struct membership *membership_new(const struct group_names *wanted)
{
	struct membership *m = mem_zalloc(sizeof(*m));

	m->wanted = wanted;
	m->words = (unsigned)(wanted->names.count + 63) / 64;
	names_init(&m->names);
	names_init(&m->people);
	return m;
}

static void release_graph(struct membership *m)
{
	names_release(&m->names);
	map_release(&m->cns);
	map_release(&m->domains);
	vec_release(&m->group_of);
	vec_release(&m->groups);
	vec_release(&m->members);
	vec_release(&m->pieces);
	arena_release(&m->mem);
	arena_release(&m->scratch);
	arena_release(&m->key_mem);
	dn_memo_release(&m->memo);
}

void membership_free(struct membership *m)
{
	if (!m)
		return;
	release_graph(m);
	names_release(&m->people);
	vec_release(&m->rows);
	mem_free(m->row_of);
	mem_free(m->when_absent);
	mem_free(m->unknown);
	mem_free(m);
}

/* Number of a name in normal form, given when new. */
static uint32_t name_number(struct membership *m, struct slice norm)
{
	uint32_t number = names_add(&m->names, norm, names_hash(norm));

	if (number == m->group_of.count)
		vec_push(&m->group_of, NO_GROUP);
	return number;
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
		group = NO_GROUP;
	map_set(&m->cns, key, group);
}

int membership_add(struct membership *m, const char *dn, size_t dn_len,
		   const struct slice *cns, uint32_t cn_count, struct err *err)
{
	struct slice norm;
	uint32_t name;

	assert(!m->resolved);
	arena_reset(&m->scratch);
	if (dn_normalize(&m->scratch, dn, dn_len, &norm, err))
		return -1;
	name = name_number(m, norm);
	m->last = m->group_of.items[name];
	if (m->last == NO_GROUP) {
		struct group fresh = { .name = name };

		if (m->groups.count == MEMBERSHIP_GROUPS_MAX)
			return err_set(err, ERR_LIMIT, "more than %u groups",
				       MEMBERSHIP_GROUPS_MAX);
		m->last = (uint32_t)m->groups.count;
		vec_push(&m->groups, fresh);
		m->group_of.items[name] = m->last;
	}
	/* Met again, it is judged anew: an earlier attempt may have had only a part. */
	m->groups.items[m->last].partial = false;
	add_piece(m, &m->groups.items[m->last]);
	for (uint32_t i = 0; i < cn_count; i++)
		add_cn(m, m->last, cns[i]);
	return 0;
}

enum member_form member_form_of(const char *attribute)
{
	if (text_eq_nocase(attribute, "uniqueMember"))
		return MEMBER_UNIQUE;
	return text_eq_nocase(attribute, "memberUid") ? MEMBER_UID : MEMBER_DN;
}

/* DN#'0101'B: the optional bits of RFC 4517 section 3.3.21 tell reused DNs apart. */
static size_t without_bits(const char *value, size_t len)
{
	size_t at;

	if (len < 4 || value[len - 1] != 'B' || value[len - 2] != '\'')
		return len;
	for (at = len - 2; at > 0 && (value[at - 1] == '0' || value[at - 1] == '1'); at--)
		;
	return at >= 2 && value[at - 1] == '\'' && value[at - 2] == '#' ? at - 2 : len;
}

static struct slice uid_key(struct arena *mem, struct slice uid)
{
	char *text = arena_bytes(mem, uid.len + 1);

	text[0] = '\0'; /* no normalised DN starts so */
	names_lower(uid, text + 1);
	return slice_of(text, uid.len + 1);
}

static struct slice lower_text(struct arena *mem, struct slice text)
{
	char *low = arena_bytes(mem, text.len);

	names_lower(text, low);
	return slice_of(low, text.len);
}

/* A name that was not found as it is written: in its normal form, and added when new. */
static int slow_number(struct membership *m, enum member_form form, struct slice value,
		       uint32_t *ret, struct err *err)
{
	struct slice norm;

	arena_reset(&m->scratch);
	if (form == MEMBER_UID || form == MEMBER_PRIMARY)
		norm = value;
	else if (dn_normalize_next(&m->memo, &m->scratch, value.data, value.len, &norm, err))
		return -1;
	*ret = name_number(m, norm);
	return 0;
}

static int add_some(struct membership *m, enum member_form form, const struct slice *values,
		    size_t count, struct err *err)
{
	bool is_dn = form == MEMBER_DN || form == MEMBER_UNIQUE;
	struct slice written[NAMES_AT_ONCE], texts[NAMES_AT_ONCE];
	uint32_t numbers[NAMES_AT_ONCE];

	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		written[i] = values[i];
		if (form == MEMBER_UNIQUE)
			written[i].len = without_bits(values[i].data, values[i].len);
		texts[i] = is_dn ? lower_text(&m->key_mem, written[i])
				 : uid_key(&m->key_mem, written[i]);
	}
	names_find_many(&m->names, texts, count, numbers);
	for (size_t i = 0; i < count; i++) {
		if (numbers[i] == NAME_NONE &&
		    slow_number(m, form, is_dn ? written[i] : texts[i], &numbers[i], err))
			return -1;
		vec_push(&m->members, numbers[i]);
		m->pieces.items[m->pieces.count - 1].count++;
	}
	m->wants_uid |= form == MEMBER_UID;
	m->wants_primary |= form == MEMBER_PRIMARY;
	arena_reset(&m->key_mem);
	return 0;
}

int membership_add_members(struct membership *m, enum member_form form,
			   const struct slice *values, size_t count, struct err *err)
{
	assert(m->pieces.count);
	if (count > MEMBERSHIP_MEMBERS_MAX - m->members.count)
		return err_set(err, ERR_LIMIT, "the groups have more than %u members",
			       MEMBERSHIP_MEMBERS_MAX);
	for (size_t at = 0; at < count; at += NAMES_AT_ONCE) {
		size_t some = count - at < NAMES_AT_ONCE ? count - at : NAMES_AT_ONCE;

		if (add_some(m, form, values + at, some, err))
			return -1;
	}
	return 0;
}

int membership_add_member(struct membership *m, enum member_form form, const char *value,
			  size_t len, struct err *err)
{
	struct slice one = slice_of(value, len);

	return membership_add_members(m, form, &one, 1, err);
}

void membership_add_primary(struct membership *m, struct slice sid)
{
	char name[SID_TEXT_BYTES + 1] = { PRIMARY_GROUP_MARK };
	size_t len = sid_format(sid, name + 1);

	if (len && membership_add_member(m, MEMBER_PRIMARY, name, len + 1, NULL))
		membership_mark_partial(m); /* no room for more */
}

/* Numbers come as text; this is one of 32 bits. */
static bool read_rid(struct slice text, uint32_t *ret)
{
	uint64_t n = 0;

	if (text.len == 0 || text.len > 10)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		n = n * 10 + (unsigned char)(text.data[i] - '0');
	}
	*ret = (uint32_t)n;
	return n <= UINT32_MAX;
}

size_t primary_group_name(struct slice sid, struct slice rid, char out[SID_TEXT_BYTES + 1])
{
	char text[SID_TEXT_BYTES];
	size_t len = sid_format(sid, text);
	uint32_t number;

	/* The shortest of an account: S-1-5-21-a-b-c-rid; without sub-authorities no domain. */
	if (sid.len < 8 + 4 || len == 0 || !read_rid(rid, &number))
		return 0;
	while (text[len - 1] != '-')
		len--;
	return (size_t)snprintf(out, SID_TEXT_BYTES + 1, "%c%.*s%u", PRIMARY_GROUP_MARK,
				(int)len, text, number);
}

void membership_mark_partial(struct membership *m)
{
	assert(m->groups.count);
	m->groups.items[m->last].partial = true;
}

int membership_add_unread(struct membership *m, const char *dn, size_t dn_len,
			  struct err *err)
{
	struct slice norm;
	uint32_t name;

	arena_reset(&m->scratch);
	if (dn_normalize(&m->scratch, dn, dn_len, &norm, err))
		return -1;
	/* A name that no group has for a member can not be reached. */
	if (!names_find(&m->names, norm, names_hash(norm), &name) || m->group_of.items[name] != NO_GROUP)
		return 0;
	if (membership_add(m, dn, dn_len, NULL, 0, err))
		return -1;
	m->groups.items[m->last].partial = true;
	m->groups.items[m->last].unread = true;
	return 0;
}

/* What a walk needs beside the graph. */
struct walk {
	struct membership *m;
	uint32_t *seen;   /* by group: the wanted group, from 1, that met it last */
	VEC(uint32_t) todo;
	bool partial;
	struct verdict *verdict;
};

static void mark_person(struct walk *walk, uint32_t name, unsigned wanted)
{
	struct membership *m = walk->m;

	assert(m->words > wanted / 64);
	if (m->row_of[name] == 0) {
		for (unsigned i = 0; i < m->words; i++)
			vec_push(&m->rows, 0);
		m->row_of[name] = (uint32_t)(m->rows.count / m->words);
	}
	m->rows.items[(size_t)(m->row_of[name] - 1) * m->words + wanted / 64] |=
		UINT64_C(1) << wanted % 64;
}

static void walk_members(struct walk *walk, const struct piece *piece, unsigned wanted)
{
	struct membership *m = walk->m;

	for (uint32_t i = 0; i < piece->count; i++) {
		uint32_t name = m->members.items[piece->first + i];
		uint32_t group = m->group_of.items[name];

		if (group == NO_GROUP) {
			mark_person(walk, name, wanted);
		} else if (walk->seen[group] != wanted + 1) {
			walk->seen[group] = wanted + 1;
			vec_push(&walk->todo, group);
		}
	}
}

static void say_unread(struct walk *walk, struct group *group, unsigned wanted)
{
	if (!group->unread || group->named)
		return;
	group->named = true;
	verdict_spoil(walk->verdict,
		      "the group \"%.90s\" is nested in \"%.40s\", and directory.groups does not "
		      "read it", walk->m->names.texts.items[group->name].data,
		      walk->m->wanted->names.items[wanted]);
}

/* What a group holds of other domains. */
struct foreigners {
	unsigned principals, unknown;
	const char *first, *first_unknown;
};

static void count_foreigner(struct membership *m, struct slice member, struct slice group,
			    struct foreigners *found)
{
	switch (foreign_kind_of(member, group)) {
	case FOREIGN_PRINCIPAL:
		found->first = found->principals++ ? found->first : member.data;
		break;
	case FOREIGN_DOMAIN:
		/* Where groups were read, all of them are known, and this is none. */
		if (map_get(&m->domains, foreign_domain(member), NULL))
			break;
		/* fallthrough */
	case FOREIGN_MANY:
		found->first_unknown = found->unknown++ ? found->first_unknown : member.data;
		break;
	default:
		break;
	}
}

static void note_foreigners(struct membership *m, struct group *group,
			    const struct foreigners *found)
{
	const char *name = m->names.texts.items[group->name].data;
	struct membership_note *note = &m->notes[m->note_count];

	if (found->unknown)
		group->partial = group->foreign = true;
	if (m->note_count == MEMBERSHIP_NOTES_MAX || (!found->principals && !found->unknown))
		return;
	m->note_count++;
	note->unknown = found->unknown > 0;
	if (found->unknown)
		snprintf(note->text, sizeof(note->text),
			 "the group \"%.90s\" holds %u that only another domain can tell about: \"%.90s\"; who is in it through them is not known",
			 name, found->unknown, found->first_unknown);
	else
		snprintf(note->text, sizeof(note->text),
			 "the group \"%.90s\" holds %u of trusted domains, who are not read: \"%.90s\"",
			 name, found->principals, found->first);
}

/* Only in Active Directory are the domains of a forest apart from each other. */
static void look_for_foreigners(struct membership *m, struct group *group)
{
	struct slice name = m->names.texts.items[group->name];
	struct foreigners found = { 0 };

	if (!m->wants_primary || group->looked)
		return;
	group->looked = true;
	for (uint32_t at = group->first_piece; at; at = m->pieces.items[at - 1].next) {
		const struct piece *piece = &m->pieces.items[at - 1];

		for (uint32_t i = 0; i < piece->count; i++) {
			uint32_t member = m->members.items[piece->first + i];
			struct slice text = m->names.texts.items[member];

			/* A NUL begins names that are no DN. */
			if (m->group_of.items[member] == NO_GROUP && text.len && text.data[0])
				count_foreigner(m, text, name, &found);
		}
	}
	note_foreigners(m, group, &found);
}

void membership_doubt_domains(struct membership *m)
{
	assert(!m->resolved);
	m->doubts_domains = true;
}

static void note_domains(struct membership *m)
{
	if (!m->wants_primary || m->doubts_domains)
		return;
	for (size_t i = 0; i < m->groups.count; i++) {
		struct slice domain = foreign_domain(m->names.texts.items[m->groups.items[i].name]);

		if (domain.len && !map_get(&m->domains, domain, NULL))
			map_set(&m->domains, domain, 1);
	}
}

unsigned membership_notes(const struct membership *m, const struct membership_note **ret_notes)
{
	*ret_notes = m->notes;
	return m->note_count;
}

static void walk_group(struct walk *walk, uint32_t start, unsigned wanted)
{
	struct membership *m = walk->m;

	walk->partial = false;
	walk->seen[start] = wanted + 1;
	vec_push(&walk->todo, start);
	while (walk->todo.count) {
		struct group *group = &m->groups.items[walk->todo.items[--walk->todo.count]];

		look_for_foreigners(m, group);
		walk->partial |= group->partial;
		say_unread(walk, group, wanted);
		for (uint32_t at = group->first_piece; at; at = m->pieces.items[at - 1].next)
			walk_members(walk, &m->pieces.items[at - 1], wanted);
	}
}

/* The group that a rule means by `name`, or NO_GROUP with the reason in the verdict. */
static uint32_t find_wanted(struct membership *m, const char *name, struct verdict *verdict)
{
	size_t len = strlen(name);
	struct slice key;
	uint64_t found = NO_GROUP;
	uint32_t number;

	arena_reset(&m->scratch);
	if (dn_looks_like(name, len)) {
		if (dn_normalize(&m->scratch, name, len, &key, NULL) == 0 &&
		    names_find(&m->names, key, names_hash(key), &number))
			found = m->group_of.items[number];
	} else {
		char *text = arena_strndup(&m->scratch, name, len);

		text_lower(text, len);
		if (map_get(&m->cns, slice_of(text, len), &found) && found == NO_GROUP) {
			verdict_spoil(verdict,
				      "several groups are called \"%s\"; the rules must give its DN",
				      name);
			return NO_GROUP;
		}
	}
	if (found == NO_GROUP)
		verdict_spoil(verdict, "no group \"%s\" was read, and rules name it", name);
	return (uint32_t)found;
}

/* Only the few that are in wanted groups; the memory of all others goes. */
static void keep_few(struct membership *m, size_t few)
{
	uint32_t *row_of = mem_array(few + 1, sizeof(*row_of));

	for (size_t i = 0; i < m->names.texts.count; i++) {
		struct slice text = m->names.texts.items[i];

		if (m->row_of[i])
			row_of[names_add(&m->people, text, names_hash(text))] = m->row_of[i];
	}
	mem_free(m->row_of);
	m->row_of = row_of;
}

/* Keep the people in wanted groups, forget the graph. */
static void keep_people(struct membership *m)
{
	size_t kept = m->words ? m->rows.count / m->words : 0;

	if (m->keep || kept < m->names.texts.count / 2) {
		keep_few(m, kept);
	} else {
		m->people = m->names;
		m->names = (struct names){ 0 };
	}
	if (!m->keep)
		release_graph(m);
}

void membership_resolve(struct membership *m, struct verdict *verdict)
{
	unsigned count = membership_count(m);
	bool complete = verdict->complete;
	struct walk walk = { .m = m, .verdict = verdict };

	assert(!m->resolved);
	m->row_of = mem_array(m->names.texts.count + 1, sizeof(*m->row_of));
	walk.seen = mem_array(m->groups.count + 1, sizeof(*walk.seen));
	m->when_absent = mem_zalloc(count + 1);
	m->unknown = mem_zalloc(count + 1);
	note_domains(m);
	for (unsigned w = 0; w < count; w++) {
		uint32_t group = find_wanted(m, m->wanted->names.items[w], verdict);

		if (group == NO_GROUP) {
			m->unknown[w] = 1;
			continue;
		}
		walk_group(&walk, group, w);
		m->when_absent[w] = complete && !walk.partial ? GROUP_NO : GROUP_UNKNOWN;
	}
	keep_people(m);
	m->resolved = true;
	vec_release(&walk.todo);
	mem_free(walk.seen);
}

bool membership_wants_uid(const struct membership *m)
{
	return m->wants_uid;
}

bool membership_wants_primary(const struct membership *m)
{
	return m->wants_primary;
}

unsigned membership_count(const struct membership *m)
{
	return (unsigned)m->wanted->names.count;
}

static void add_row(const struct membership *m, struct slice key, unsigned char *answers)
{
	unsigned count = membership_count(m);
	const uint64_t *row;
	uint32_t number;

	if (!names_find(&m->people, key, names_hash(key), &number) || m->row_of[number] == 0)
		return;
	row = m->rows.items + (size_t)(m->row_of[number] - 1) * m->words;
	for (unsigned w = 0; w < count; w++) {
		if (row[w / 64] >> w % 64 & 1)
			answers[w] = GROUP_YES;
	}
}

void membership_of(const struct membership *m, struct slice norm_dn,
		   const struct attr_values *uids, unsigned char *answers)
{
	unsigned count = membership_count(m);

	assert(m->resolved);
	if (count)
		memcpy(answers, m->when_absent, count);
	add_row(m, norm_dn, answers);
	for (uint32_t i = 0; uids && i < uids->count; i++) {
		struct arena mem = ARENA_INIT;

		add_row(m, uid_key(&mem, uids->items[i]), answers);
		arena_release(&mem);
	}
	for (unsigned w = 0; w < count; w++) {
		if (m->unknown[w])
			answers[w] = GROUP_UNKNOWN;
	}
}

/* --- how somebody is in a group ---------------------------------------------------------- */

void membership_keep_paths(struct membership *m)
{
	assert(!m->resolved);
	m->keep = true;
}

#define PERSON_NAMES_MAX 64 /* a DN and uids; more of them name nobody */

struct path_walk {
	struct membership *m;
	uint32_t names[PERSON_NAMES_MAX]; /* numbers of the person's own names */
	unsigned name_count;
	uint32_t *from; /* by group: the group above it, from 1; 0 = not met */
	VEC(uint32_t) todo;
	uint32_t partial; /* first group met that was not read whole, or NO_GROUP */
};

static void add_own_name(struct path_walk *walk, struct slice key)
{
	uint32_t number;

	if (walk->name_count < PERSON_NAMES_MAX &&
	    names_find(&walk->m->names, key, names_hash(key), &number))
		walk->names[walk->name_count++] = number;
}

static bool is_own_name(const struct path_walk *walk, uint32_t name)
{
	for (unsigned i = 0; i < walk->name_count; i++)
		if (walk->names[i] == name)
			return true;
	return false;
}

/* Does the group name the person? Groups in it are put on the list. */
static bool names_person(struct path_walk *walk, uint32_t group)
{
	struct membership *m = walk->m;

	for (uint32_t at = m->groups.items[group].first_piece; at; at = m->pieces.items[at - 1].next) {
		const struct piece *piece = &m->pieces.items[at - 1];

		for (uint32_t i = 0; i < piece->count; i++) {
			uint32_t name = m->members.items[piece->first + i];
			uint32_t below = m->group_of.items[name];

			if (below == NO_GROUP && is_own_name(walk, name))
				return true;
			if (below == NO_GROUP || walk->from[below])
				continue;
			walk->from[below] = group + 1;
			vec_push(&walk->todo, below);
		}
	}
	return false;
}

/* Breadth first: the way found is the shortest. The group that names the person, or NO_GROUP. */
static uint32_t find_way(struct path_walk *walk, uint32_t start)
{
	walk->from[start] = start + 1; /* the top is above itself */
	vec_push(&walk->todo, start);
	for (size_t at = 0; at < walk->todo.count; at++) {
		uint32_t group = walk->todo.items[at];

		if (walk->m->groups.items[group].partial && walk->partial == NO_GROUP)
			walk->partial = group;
		if (names_person(walk, group))
			return group;
	}
	return NO_GROUP;
}

static void keep_way(const struct path_walk *walk, uint32_t group, struct arena *mem,
		     struct group_path *ret_path)
{
	const struct membership *m = walk->m;
	unsigned count = 1;
	const char **dns;

	for (uint32_t at = group; walk->from[at] != at + 1; at = walk->from[at] - 1)
		count++;
	dns = arena_array(mem, count, sizeof(*dns));
	for (unsigned i = 0; i < count; i++, group = walk->from[group] - 1)
		dns[i] = m->names.texts.items[m->groups.items[group].name].data;
	ret_path->dns = dns;
	ret_path->count = count;
}

static const char *why_unknown(const struct path_walk *walk, struct arena *mem, unsigned wanted)
{
	const struct membership *m = walk->m;
	const struct group *group;

	if (m->when_absent[wanted] != GROUP_UNKNOWN)
		return NULL;
	if (walk->partial == NO_GROUP)
		return "the groups were not read completely";
	group = &m->groups.items[walk->partial];
	if (group->foreign)
		return arena_printf(mem, "\"%.200s\" holds somebody of another domain, which is "
				    "not read", m->names.texts.items[group->name].data);
	return arena_printf(mem, group->unread ? "\"%.200s\" is nested in it, and "
						 "directory.groups does not read that group"
					       : "the members of \"%.200s\" were read in part",
			    m->names.texts.items[group->name].data);
}

void membership_path(struct membership *m, struct arena *mem, struct slice norm_dn,
		     const struct attr_values *uids, unsigned wanted,
		     struct group_path *ret_path)
{
	struct path_walk walk = { .m = m, .partial = NO_GROUP };
	struct verdict verdict;
	uint32_t start, group;

	assert(m->resolved && m->keep && wanted < membership_count(m));
	*ret_path = (struct group_path){ 0 };
	verdict_init(&verdict);
	start = find_wanted(m, m->wanted->names.items[wanted], &verdict);
	if (start == NO_GROUP) {
		ret_path->unknown = arena_strdup(mem, verdict.reasons[0]);
		return;
	}
	add_own_name(&walk, norm_dn);
	for (uint32_t i = 0; uids && i < uids->count; i++) {
		struct arena key = ARENA_INIT;

		add_own_name(&walk, uid_key(&key, uids->items[i]));
		arena_release(&key);
	}
	walk.from = mem_array(m->groups.count, sizeof(*walk.from));
	group = find_way(&walk, start);
	if (group != NO_GROUP)
		keep_way(&walk, group, mem, ret_path);
	else
		ret_path->unknown = why_unknown(&walk, mem, wanted);
	vec_release(&walk.todo);
	mem_free(walk.from);
}
