/*
 * A run that begins with changes must come to what a full run comes to. A directory in
 * memory is changed at random (entries and groups added, changed, renamed, deleted; moved
 * in and out of two overlapping searches), read by changes, and the records of the people
 * touched, laid over those of the run before, are compared with the records of a full read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/changes.h"
#include "bridge/directory/groups.h"
#include "mappings/dn.h"
#include "mappings/map.h"
#include "mappings/rules_impl.h"

#include "scim/base/banned.h"

#define T0 INT64_C(1767225600) /* 2026-01-01 */
#define PEOPLE 40
#define GROUPS 5
#define SEARCHES 2

static int64_t now_s = T0;
static int64_t fake_now(void *ctx)
{
	(void)ctx;
	return now_s * 1000000;
}
static const struct clock fake_clock = { fake_now, fake_now, NULL };

static const char rules_text[] =
	"version: 1\n"
	"people:\n"
	"  - name: agents\n"
	"    when: inGroup(\"cn=g0,ou=groups\") && entry.l != \"D\"\n"
	"    profile: {userName: \"${entry.mail}\", title: \"${entry.title}\"}\n"
	"    assign:\n"
	"      - when: inGroup(\"cn=g1,ou=groups\")\n"
	"        skills: {Billing: 4}\n"
	"  - name: others\n"
	"    when: entry.l == \"C\"\n"
	"    profile: {userName: \"${entry.mail}\"}\n";

/* --- a directory in memory --------------------------------------------------------------- */

struct person {
	bool there, dirty;
	unsigned name; /* the DN's number; changes by a rename */
	char l, title;
	unsigned mail;
};
struct group {
	bool there;
	unsigned people[PEOPLE], people_count; /* by DN number */
	unsigned groups[GROUPS], group_count;
};
struct fake {
	struct directory base;
	struct person people[PEOPLE];
	struct group groups[GROUPS];
	bool groups_dirty, present_phase, refuse, partial_groups;
	unsigned next_name;
	unsigned long version, group_reads, full_reads;
	struct membership *membership;
	struct arena mem;
};

/* Two searches that overlap in B. */
static bool shown(const struct person *person, unsigned search)
{
	return person->there && (search ? person->l >= 'B' : person->l <= 'B');
}

static struct attr_values values_of(struct arena *mem, const char *text)
{
	struct slice *items = arena_alloc(mem, sizeof(*items));

	*items = slice_str(text);
	return (struct attr_values){ items, 1 };
}

static void make_entry(struct fake *fake, const struct layout *layout, unsigned at, bool answer,
		       struct entry *ret)
{
	const struct person *person = &fake->people[at];
	struct attr_values *attrs = arena_array(&fake->mem, layout->names.count, sizeof(*attrs));
	unsigned count = fake->membership ? membership_count(fake->membership) : 0;
	unsigned char *answers = arena_array(&fake->mem, count + 1, 1);

	for (size_t i = 0; i < layout->names.count; i++) {
		const char *name = layout->names.items[i];

		if (strcmp(name, "l") == 0)
			attrs[i] = values_of(&fake->mem, arena_printf(&fake->mem, "%c", person->l));
		else if (strcmp(name, "mail") == 0)
			attrs[i] = values_of(&fake->mem, arena_printf(&fake->mem, "m%u@x.org",
								      person->mail));
		else if (strcmp(name, "title") == 0 && person->title)
			attrs[i] = values_of(&fake->mem,
					     arena_printf(&fake->mem, "%c", person->title));
	}
	*ret = (struct entry){
		.dn = arena_printf(&fake->mem, "cn=P%u,ou=People", person->name),
		.id = arena_printf(&fake->mem, "id-%u", at),
		.attrs = attrs, .attr_count = (unsigned)layout->names.count,
	};
	dn_normalize(&fake->mem, ret->dn, strlen(ret->dn), &ret->norm_dn, NULL);
	if (answer && count) {
		membership_of(fake->membership, ret->norm_dn, NULL, answers);
		ret->groups = answers;
		ret->group_count = count;
	}
}

static int read_groups(struct directory *dir, const struct group_names *wanted,
		       struct verdict *verdict, struct err *err)
{
	struct fake *fake = (struct fake *)dir;

	(void)err;
	fake->group_reads++;
	membership_free(fake->membership);
	fake->membership = membership_new(wanted);
	for (unsigned g = 0; g < GROUPS; g++) {
		const struct group *group = &fake->groups[g];
		char dn[64];

		if (!group->there)
			continue;
		snprintf(dn, sizeof(dn), "cn=g%u,ou=groups", g);
		membership_add(fake->membership, dn, strlen(dn), NULL, 0, NULL);
		for (unsigned i = 0; i < group->people_count; i++) {
			snprintf(dn, sizeof(dn), "cn=p%u,ou=people", group->people[i]);
			membership_add_member(fake->membership, MEMBER_DN, dn, strlen(dn), NULL);
		}
		for (unsigned i = 0; i < group->group_count; i++) {
			snprintf(dn, sizeof(dn), "cn=g%u,ou=groups", group->groups[i]);
			membership_add_member(fake->membership, MEMBER_DN, dn, strlen(dn), NULL);
		}
	}
	if (fake->partial_groups)
		verdict_spoil(verdict, "half a read");
	membership_resolve(fake->membership, verdict);
	return 0;
}

static int read_people(struct directory *dir, const struct layout *layout,
		       directory_entry_fn *fn, void *ctx, struct verdict *verdict,
		       struct err *err)
{
	struct fake *fake = (struct fake *)dir;
	struct entry entry;
	char key[32];

	fake->full_reads++;
	for (unsigned search = 0; search < SEARCHES; search++) {
		for (unsigned i = 0; i < PEOPLE; i++) {
			struct directory_change change = { CHANGE_ENTRY, search, false, key, &entry };

			if (!shown(&fake->people[i], search))
				continue;
			make_entry(fake, layout, i, true, &entry);
			snprintf(key, sizeof(key), "key-%u", i);
			if (dir->watch)
				dir->watch(dir->watch_ctx, &change, err);
			if (search == 1 && shown(&fake->people[i], 0))
				continue;
			verdict->count++;
			if (fn(ctx, &entry, err))
				return -1;
		}
	}
	return 0;
}

static int mark(struct directory *dir, struct buf *out, struct err *err)
{
	(void)err;
	buf_clear(out);
	buf_addf(out, "%lu", ((struct fake *)dir)->version);
	return 0;
}

static int read_changes(struct directory *dir, struct slice place, const struct layout *layout,
			directory_change_fn *fn, void *ctx, enum directory_changes *ret,
			char why[DIRECTORY_WHY_MAX], struct err *err)
{
	struct fake *fake = (struct fake *)dir;
	struct directory_change change = { 0 };
	struct entry entry;
	char key[32];

	(void)place;
	*ret = fake->refuse ? CHANGES_FULL : CHANGES_READ;
	snprintf(why, DIRECTORY_WHY_MAX, "asked to");
	for (unsigned search = 0; search < SEARCHES; search++) {
		for (unsigned i = 0; i < PEOPLE; i++) {
			bool is_shown = shown(&fake->people[i], search);

			snprintf(key, sizeof(key), "key-%u", i);
			change = (struct directory_change){ .search = search, .key = key };
			if (is_shown && fake->people[i].dirty) {
				make_entry(fake, layout, i, false, &entry);
				change.entry = &entry;
				change.kind = CHANGE_ENTRY;
			} else if (fake->present_phase) {
				if (!is_shown)
					continue;
				change.kind = CHANGE_PRESENT;
			} else if (fake->people[i].dirty) {
				change.kind = CHANGE_GONE; /* also of who was never shown */
			} else {
				continue;
			}
			fn(ctx, &change, err);
		}
		change = (struct directory_change){ .kind = CHANGE_SWEEP, .search = search };
		if (fake->present_phase)
			fn(ctx, &change, err);
	}
	change = (struct directory_change){ .kind = CHANGE_GONE, .search = SEARCHES,
					    .group = true, .key = "g" };
	if (fake->groups_dirty)
		fn(ctx, &change, err);
	return 0;
}

static void member_of(struct directory *dir, struct slice norm_dn,
		      const struct attr_values *uids, unsigned char *answers)
{
	membership_of(((struct fake *)dir)->membership, norm_dn, uids, answers);
}

static bool members_by_uid(struct directory *dir)
{
	(void)dir;
	return false;
}

static const struct directory_ops fake_ops = {
	.kind = "fake", .read_groups = read_groups, .read_people = read_people, .mark = mark,
	.read_changes = read_changes, .member_of = member_of, .members_by_uid = members_by_uid,
};

/* --- a lab: the fake directory, a state, and the records of the last run ------------------ */

struct kept {
	char *text[PEOPLE]; /* record as text, by person; NULL = none */
};

struct lab {
	struct fake fake;
	struct config config;
	struct rules *rules;
	struct state *state;
	char dir[128], state_file[160], settings[160];
	struct kept kept;
	const char *todo[PEOPLE];
	size_t todo_count;
	struct arena scratch, mem;
	struct kept now; /* of the read that is under way */
	struct changes *changes;
	bool full;       /* what the last run did */
	unsigned long touched, people;
};

static void kept_clear(struct kept *kept)
{
	for (unsigned i = 0; i < PEOPLE; i++) {
		mem_free(kept->text[i]);
		kept->text[i] = NULL;
	}
}

static char *record_as_text(const struct record *record)
{
	struct buf out;
	char *text;

	buf_init(&out, 65536);
	buf_addf(&out, "%s %s", record->rule, record->dn);
	for (unsigned i = 0; i < record->field_count; i++)
		buf_addf(&out, " %s=%s", scim_attr(record->fields[i].field.attr)->name,
			 record->fields[i].field.value);
	for (unsigned i = 0; i < record->assign_count; i++)
		buf_addf(&out, " %s:%g", record->assigns[i].name, record->assigns[i].level);
	for (unsigned i = 0; i < record->problem_count; i++)
		buf_addf(&out, " !%s", record->problems[i].text);
	text = mem_strdup(out.data);
	buf_release(&out);
	return text;
}

static int map_person(void *ctx, const struct entry *entry, struct record **ret_record,
		      int64_t *ret_due_s, struct err *err)
{
	struct lab *lab = ctx;
	unsigned at = (unsigned)strtoul(entry->id + 3, NULL, 10);

	if (map_entry(lab->rules, entry, now_s, &lab->scratch, &lab->mem, ret_record, ret_due_s,
		      err))
		return -1;
	mem_free(lab->now.text[at]);
	lab->now.text[at] = *ret_record ? record_as_text(*ret_record) : NULL;
	return 0;
}

static int take_person(void *ctx, const struct entry *entry, struct err *err)
{
	struct lab *lab = ctx;
	struct record *record;
	int64_t due_s;

	if (map_person(ctx, entry, &record, &due_s, err))
		return -1;
	if (lab->changes)
		changes_record(lab->changes, entry, record, due_s);
	return 0;
}

static void lab_open(struct lab *lab)
{
	const char *tmp = getenv("TMPDIR");
	struct diags diags = { 0 };
	struct err err = ERR_INIT;
	FILE *f;

	memset(lab, 0, sizeof(*lab));
	snprintf(lab->dir, sizeof(lab->dir), "%s/test_changes.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(lab->dir));
	snprintf(lab->state_file, sizeof(lab->state_file), "%s/state", lab->dir);
	snprintf(lab->settings, sizeof(lab->settings), "%s/settings", lab->dir);
	f = fopen(lab->settings, "w");
	assert_non_null(f);
	fputs("a: b\n", f);
	fclose(f);
	lab->config.file = lab->settings;
	lab->config.state_file = lab->state_file;
	lab->config.directory.full_every_h = 24;
	if (rules_load_text("r.yaml", slice_str(rules_text), &lab->rules, &diags))
		fail_msg("%s", diags.items[0].text);
	diags_release(&diags);
	lab->fake.base.ops = &fake_ops;
	now_s = T0;
	if (state_open_sqlite(lab->state_file, "s", "t", true, &fake_clock, &lab->state, &err) ||
	    lab->state->ops->lock(lab->state, &err))
		fail_msg("%s", err.text);
}

static void lab_close(struct lab *lab)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".mirror", ".mirror-wal",
					    ".mirror-shm" };
	char path[200];

	lab->state->ops->close(lab->state);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", lab->state_file, ends[i]);
		unlink(path);
	}
	unlink(lab->settings);
	assert_int_equal(rmdir(lab->dir), 0);
	rules_free(lab->rules);
	membership_free(lab->fake.membership);
	arena_release(&lab->fake.mem);
	arena_release(&lab->scratch);
	arena_release(&lab->mem);
	kept_clear(&lab->kept);
	kept_clear(&lab->now);
}

/* Everything, by a full read that keeps nothing, into `now`. */
static unsigned long read_all(struct lab *lab)
{
	struct verdict people, groups;
	struct err err = ERR_INIT;
	unsigned long in_scope = 0;

	verdict_init(&people);
	verdict_init(&groups);
	kept_clear(&lab->now);
	read_groups(&lab->fake.base, rules_groups(lab->rules), &groups, &err);
	if (read_people(&lab->fake.base, rules_layout(lab->rules), take_person, lab, &people, &err))
		fail_msg("%s", err.text);
	for (unsigned i = 0; i < PEOPLE; i++)
		in_scope += lab->now.text[i] != NULL;
	return in_scope;
}

static void lab_full(struct lab *lab)
{
	lab->full = true;
	lab->people = read_all(lab);
	changes_read_done(lab->changes, true);
	kept_clear(&lab->kept);
	lab->kept = lab->now;
	memset(&lab->now, 0, sizeof(lab->now));
}

/* Whom the read touched: what is kept of them is what it says now, or nothing. */
static void lab_part(struct lab *lab, struct state_whom whom)
{
	lab->full = false;
	for (size_t i = 0; i < whom.count; i++) {
		unsigned at = (unsigned)strtoul(whom.persons[i] + 3, NULL, 10);

		mem_free(lab->kept.text[at]);
		lab->kept.text[at] = lab->now.text[at];
		lab->now.text[at] = NULL;
	}
	lab->touched = whom.count;
	lab->people = changes_people(lab->changes);
	for (unsigned i = 0; i < PEOPLE; i++)
		if (lab->now.text[i])
			fail_msg("id-%u was mapped, and is not among those touched", i);
}

struct run_how {
	bool full, refused; /* refused: nothing is committed */
};

static void lab_run(struct lab *lab, struct run_how run_how)
{
	struct changes_how how = {
		.config = &lab->config, .rules = lab->rules, .directory = &lab->fake.base,
		.state = lab->state, .source = "s", .target = "t", .time_s = now_s,
		.write = true, .full = run_how.full,
	};
	struct plan plan = { .time_s = now_s };
	struct state_run ended = { .ended_s = now_s, .result = "good" };
	struct state_whom whom;
	struct verdict groups;
	struct err err = ERR_INIT;
	bool part, full = true;

	kept_clear(&lab->now);
	verdict_init(&groups);
	verdict_init(&plan.directory);
	if (changes_begin(&how, &lab->changes, &part, &err))
		fail_msg("%s", err.text);
	if (part && changes_touched(lab->changes, map_person, lab, &groups, &whom, &full, &err))
		fail_msg("%s", err.text);
	if (part && full)
		changes_full(lab->changes);
	if (full)
		lab_full(lab);
	else
		lab_part(lab, whom);
	if (!run_how.refused) {
		if (lab->state->ops->begin_run(lab->state, &plan, now_s, &ended.id, &err) ||
		    lab->state->ops->end_run(lab->state, &ended, &err))
			fail_msg("%s", err.text);
		changes_commit(lab->changes, ended.id, now_s, lab->todo, lab->todo_count);
		for (unsigned i = 0; i < PEOPLE; i++)
			lab->fake.people[i].dirty = false;
		lab->fake.groups_dirty = false;
	}
	changes_end(lab->changes);
	lab->changes = NULL;
	lab->fake.base.watch = NULL;
	arena_reset(&lab->mem);
	arena_reset(&lab->fake.mem);
}

/* What is kept must be what a full read says. */
static void lab_compare(struct lab *lab, const char *when)
{
	unsigned long people = read_all(lab);

	for (unsigned i = 0; i < PEOPLE; i++) {
		const char *want = lab->now.text[i], *got = lab->kept.text[i];

		if (strcmp(want ? want : "none", got ? got : "none") != 0)
			fail_msg("%s: id-%u is\n%s\nby changes, and\n%s\nby a full read", when, i,
				 got ? got : "none", want ? want : "none");
	}
	if (people != lab->people)
		fail_msg("%s: %lu people by changes, %lu by a full read", when, lab->people,
			 people);
	arena_reset(&lab->mem);
	arena_reset(&lab->fake.mem);
}

/* --- random changes ---------------------------------------------------------------------- */

static unsigned below(struct rng *rng, unsigned n)
{
	return (unsigned)(rng_next(rng) % n);
}

static void change_person(struct fake *fake, struct rng *rng)
{
	struct person *person = &fake->people[below(rng, PEOPLE)];

	person->dirty = true;
	if (!person->there) {
		*person = (struct person){ true, true, fake->next_name++,
					   (char)('A' + below(rng, 4)), 0, below(rng, 200) };
		return;
	}
	switch (below(rng, 5)) {
	case 0:
		person->there = false;
		break;
	case 1:
		person->name = fake->next_name++;
		break;
	case 2:
		person->mail = below(rng, 200);
		break;
	case 3:
		person->title = (char)('a' + below(rng, 26));
		break;
	default:
		person->l = (char)('A' + below(rng, 4));
	}
}

static void change_group(struct fake *fake, struct rng *rng)
{
	struct group *group = &fake->groups[below(rng, GROUPS)];
	const struct person *person = &fake->people[below(rng, PEOPLE)];

	fake->groups_dirty = true;
	group->there = true;
	switch (below(rng, 4)) {
	case 0:
		if (group->people_count)
			group->people_count--;
		break;
	case 1:
		if (group->group_count == GROUPS)
			group->group_count = 0;
		group->groups[group->group_count++] = below(rng, GROUPS); /* also cycles */
		break;
	default:
		if (group->people_count == PEOPLE)
			group->people_count /= 2;
		group->people[group->people_count++] = person->name;
	}
}

static void random_changes(struct fake *fake, struct rng *rng)
{
	unsigned count = below(rng, 6);

	fake->version++;
	for (unsigned i = 0; i < count; i++)
		if (below(rng, 3))
			change_person(fake, rng);
		else
			change_group(fake, rng);
	fake->present_phase = below(rng, 4) == 0;
	fake->refuse = below(rng, 25) == 0;
}

static void equal_to_a_full_run(void **unused)
{
	unsigned parts = 0;

	(void)unused;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct rng rng;
		struct lab lab;
		char when[64];

		rng_seed(&rng, seed);
		lab_open(&lab);
		for (unsigned g = 0; g < 2; g++)
			lab.fake.groups[g].there = true;
		for (unsigned i = 0; i < 60; i++)
			change_person(&lab.fake, &rng);
		lab_run(&lab, (struct run_how){ 0 });
		assert_true(lab.full);
		for (unsigned batch = 0; batch < 60; batch++) {
			now_s += 60;
			random_changes(&lab.fake, &rng);
			snprintf(when, sizeof(when), "seed %lu, batch %u", (unsigned long)seed, batch);
			/* Dry runs and refused ones in between move nothing. */
			if (below(&rng, 4) == 0) {
				struct kept before = { { NULL } };

				for (unsigned i = 0; i < PEOPLE; i++)
					before.text[i] = lab.kept.text[i]
								 ? mem_strdup(lab.kept.text[i]) : NULL;
				lab_run(&lab, (struct run_how){ .refused = true });
				lab_compare(&lab, when);
				kept_clear(&lab.kept);
				lab.kept = before;
			}
			lab_run(&lab, (struct run_how){ 0 });
			parts += !lab.full;
			lab_compare(&lab, when);
		}
		lab_close(&lab);
	}
	/* The test would prove nothing if it read everything each time. */
	assert_true(parts > 600);
}

static void prepare(struct lab *lab)
{
	lab_open(lab);
	lab->fake.groups[0].there = lab->fake.groups[1].there = true;
	for (unsigned i = 0; i < 10; i++) {
		lab->fake.people[i] = (struct person){ true, true, i, 'C', 'x', i };
		lab->fake.groups[0].people[i] = i;
	}
	lab->fake.groups[0].people_count = 10;
	lab->fake.next_name = 10;
	lab_run(lab, (struct run_how){ 0 });
	now_s += 60;
}

static void nothing_changed(void **unused)
{
	struct lab lab;

	(void)unused;
	prepare(&lab);
	lab.fake.group_reads = lab.fake.full_reads = 0;
	lab_run(&lab, (struct run_how){ 0 });
	assert_false(lab.full);
	assert_int_equal(lab.touched, 0);
	assert_int_equal(lab.people, 10);
	assert_int_equal(lab.fake.group_reads + lab.fake.full_reads, 0);
	lab_close(&lab);
}

static void left_undone(void **unused)
{
	struct lab lab;

	(void)unused;
	prepare(&lab);
	lab.todo[0] = "id-3";
	lab.todo_count = 1;
	lab.fake.people[7].title = 'q';
	lab.fake.people[7].dirty = true;
	lab_run(&lab, (struct run_how){ 0 });
	assert_int_equal(lab.touched, 1);
	lab.todo_count = 0;
	lab_run(&lab, (struct run_how){ 0 });
	assert_int_equal(lab.touched, 1); /* id-3, which the run before had left */
	lab_run(&lab, (struct run_how){ 0 });
	assert_int_equal(lab.touched, 0);
	lab_close(&lab);
}

static void same_name(void **unused)
{
	struct lab lab;

	(void)unused;
	prepare(&lab);
	lab.fake.people[7].mail = 3;
	lab.fake.people[7].dirty = true;
	lab_run(&lab, (struct run_how){ 0 });
	assert_int_equal(lab.touched, 2); /* the holder of the name is asked too */
	lab_close(&lab);
}

static void say_settings(struct lab *lab)
{
	FILE *f = fopen(lab->settings, "a");

	assert_non_null(f);
	fputs("c: d\n", f);
	fclose(f);
}
static void let_time_pass(struct lab *lab)
{
	(void)lab;
	now_s += 24 * 3600;
}
static void turn_back_time(struct lab *lab)
{
	(void)lab;
	now_s -= 3600;
}
static void cut_off_run(struct lab *lab)
{
	struct plan plan = { .time_s = now_s };
	struct state_batch batch = { 0 };
	struct call call = { 0 };
	struct state_intent intent = { &call, "op" };
	struct err err = ERR_INIT;
	uint64_t run;

	verdict_init(&plan.directory);
	lab->state->ops->begin_run(lab->state, &plan, now_s, &run, &err);
	vec_push(&batch.intents, intent);
	if (lab->state->ops->commit(lab->state, &batch, &err))
		fail_msg("%s", err.text);
	state_batch_release(&batch);
}
static void lose_state(struct lab *lab)
{
	struct err err = ERR_INIT;

	lab->state->ops->close(lab->state);
	unlink(lab->state_file);
	if (state_open_sqlite(lab->state_file, "s", "t", true, &fake_clock, &lab->state, &err) ||
	    lab->state->ops->lock(lab->state, &err))
		fail_msg("%s", err.text);
}
static void damage_mirror(struct lab *lab)
{
	char path[200], junk[8192];
	FILE *f;

	snprintf(path, sizeof(path), "%s.mirror", lab->state_file);
	memset(junk, 'x', sizeof(junk));
	f = fopen(path, "r+b");
	assert_non_null(f);
	fwrite(junk, 1, sizeof(junk), f);
	fclose(f);
}
static void half_groups(struct lab *lab)
{
	lab->fake.partial_groups = true;
	lab->fake.groups_dirty = true;
}
static void refused_cookie(struct lab *lab)
{
	lab->fake.refuse = true;
}

/* Whatever makes changes doubtful: everything is read. */
static void reads_everything(void **unused)
{
	static const struct {
		const char *name;
		void (*make)(struct lab *lab);
	} cases[] = {
		{ "settings changed", say_settings },
		{ "a day later", let_time_pass },
		{ "a clock that went back", turn_back_time },
		{ "a run that was cut off", cut_off_run },
		{ "another state", lose_state },
		{ "a damaged mirror", damage_mirror },
		{ "groups that can not be read whole", half_groups },
		{ "a cookie that is refused", refused_cookie },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lab lab;

		prepare(&lab);
		cases[i].make(&lab);
		lab_run(&lab, (struct run_how){ 0 });
		if (!lab.full)
			fail_msg("%s: only changes were read", cases[i].name);
		lab_close(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_to_a_full_run),
		cmocka_unit_test(nothing_changed),
		cmocka_unit_test(left_undone),
		cmocka_unit_test(same_name),
		cmocka_unit_test(reads_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
