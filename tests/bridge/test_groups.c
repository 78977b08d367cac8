/*
 * Who is in which group, from the group side; and the verdict that says if that is all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/directory/groups.h"
#include "mappings/dn.h"
#include "scim/base/buf.h"
#include "scim/base/clock.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

/*
 * A case is told in words: "a: b x y" is the group cn=a,o=g with the members cn=b,o=g and
 * the people x and y (in lower case: groups a to m, people n to z). "a~" was read in part;
 * "a!", told last, exists but no search reads it.
 */
struct groups_case {
	const char *name, *groups, *wanted;
	const char *expected; /* per wanted group: yes of n..z, then ? where unknown */
	bool read_whole;
	bool complete;        /* afterwards */
};

static const struct groups_case cases[] = {
	{ "members", "a: n o|b: o p", "a b", "no op", true, true },
	{ "no members", "a:", "a", "-", true, true },
	{ "nested", "a: b n|b: c o|c: p", "a b c", "nop op p", true, true },
	{ "nested, told backwards", "c: p|b: c o|a: b n", "a c", "nop p", true, true },
	{ "itself", "a: a n", "a", "n", true, true },
	{ "a ring", "a: b n|b: c o|c: a p", "a b c", "nop nop nop", true, true },
	{ "two ways to one", "a: b c|b: d|c: d|d: n", "a", "n", true, true },
	{ "two rings that touch", "a: b|b: a c n|c: d|d: c o", "a c", "no o", true, true },
	{ "not wanted ones do not count", "a: n|b: o", "a", "n", true, true },
	{ "not there", "a: n", "a b", "n ?", true, false },
	{ "nested one not there", "a: b n", "a", "n", true, true },
	{ "part of it", "a~: n", "a", "n?", true, true },
	{ "part of a nested one", "a: b n|b~: o|c: p", "a b c", "no? o? p", true, true },
	{ "part of an outer one", "a~: b n|b: o", "b", "o", true, true },
	{ "a nested one that no search reads", "a: b n|c: o|b!", "a c", "n? o", true, false },
	{ "deeper still", "a: b n|b: d o|d!", "a b", "no? o?", true, false },
	{ "one that no wanted group holds", "a: n|b: c|c!", "a", "n", true, true },
	{ "one that nobody holds", "a: n|b!", "a", "n", true, true },
	{ "one that was read all the same", "a: b|b: n|b!", "a", "n", true, true },
	{ "groups not read whole", "a: n|b: o", "a b", "n? o?", false, false },
	{ "met twice, members joined", "a: n|b: o|a: p", "a b", "np o", true, true },
	{ "twice the same member", "a: n n", "a", "n", true, true },
};

static void group_dn(char letter, char out[32])
{
	/* Spelled differently each time. */
	snprintf(out, 32, letter % 2 ? "cn=%c,o=g" : "CN = %c , O=G", letter);
}

static void person_dn(char letter, char out[32])
{
	snprintf(out, 32, letter % 2 ? "uid=%c,o=p" : "UID=%c, o=P", letter);
}

static void add_groups(struct membership *m, const char *text)
{
	char dn[32];

	while (*text) {
		struct slice cn = slice_of(text, 1);
		bool partial = text[1] == '~';

		group_dn(*text, dn);
		if (text[1] == '!') {
			assert_int_equal(membership_add_unread(m, dn, strlen(dn), NULL), 0);
			text += text[2] == '|' ? 3 : 2;
			continue;
		}
		assert_int_equal(membership_add(m, dn, strlen(dn), &cn, 1, NULL), 0);
		if (partial)
			membership_mark_partial(m);
		for (text += partial ? 3 : 2; *text && *text != '|'; text++) {
			if (*text == ' ')
				continue;
			if (*text < 'n')
				group_dn(*text, dn);
			else
				person_dn(*text, dn);
			assert_int_equal(membership_add_member(m, MEMBER_DN, dn, strlen(dn),
							       NULL), 0);
		}
		text += *text == '|';
	}
}

/* The way in says the same as the answer. */
static void check_path(struct membership *m, struct arena *mem, struct slice norm, int letter,
		       unsigned wanted, int answer)
{
	struct group_path path;

	membership_path(m, mem, norm, NULL, wanted, &path);
	if ((path.count > 0) != (answer == GROUP_YES) ||
	    (path.unknown != NULL) != (answer == GROUP_UNKNOWN))
		fail_msg("%c in wanted group %u: answer %d, path of %u, unknown: %s", letter,
			 wanted, answer, path.count, path.unknown ? path.unknown : "no");
}

static void print_answers(struct membership *m, unsigned wanted, struct buf *out)
{
	unsigned char answers[64];
	bool any = false;
	int absent = GROUP_NO;

	for (int letter = 'n'; letter <= 'z'; letter++) {
		struct arena mem = ARENA_INIT;
		struct slice norm;
		char dn[32];

		snprintf(dn, sizeof(dn), "uid=%c,o=p", letter);
		assert_int_equal(dn_normalize(&mem, dn, strlen(dn), &norm, NULL), 0);
		membership_of(m, norm, NULL, answers);
		if (answers[wanted] == GROUP_YES) {
			buf_addch(out, (char)letter);
			any = true;
		}
		absent = answers[wanted] == GROUP_YES ? absent : answers[wanted];
		check_path(m, &mem, norm, letter, wanted, answers[wanted]);
		arena_release(&mem);
	}
	if (absent == GROUP_UNKNOWN)
		buf_addch(out, '?');
	else if (!any)
		buf_addch(out, '-');
}

static void run_case(const struct groups_case *c, bool by_dn, struct buf *out)
{
	struct group_names wanted;
	struct membership *m;
	struct verdict verdict;

	group_names_init(&wanted);
	for (const char *at = c->wanted; *at; at++) {
		char dn[32];

		if (*at == ' ')
			continue;
		snprintf(dn, sizeof(dn), by_dn ? "CN=%c,o=G" : "%c", *at);
		group_names_add(&wanted, dn, strlen(dn));
	}
	m = membership_new(&wanted);
	membership_keep_paths(m);
	add_groups(m, c->groups);
	verdict_init(&verdict);
	if (!c->read_whole)
		verdict_spoil(&verdict, "for the test");
	membership_resolve(m, &verdict);
	for (unsigned w = 0; w < membership_count(m); w++) {
		if (w)
			buf_addch(out, ' ');
		print_answers(m, w, out);
	}
	if (verdict.complete != c->complete)
		fail_msg("%s: %s", c->name, verdict.complete ? "complete" : verdict.reasons[0]);
	membership_free(m);
	group_names_release(&wanted);
}

static void test_cases(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int by_dn = 0; by_dn < 2; by_dn++) {
			buf_clear(&out);
			run_case(&cases[i], by_dn, &out);
			if (strcmp(out.data, cases[i].expected) != 0)
				fail_msg("%s (by %s): \"%s\" instead of \"%s\"", cases[i].name,
					 by_dn ? "DN" : "name", out.data, cases[i].expected);
		}
	}
	buf_release(&out);
}

static void test_paths(void **state)
{
	static const struct {
		const char *name, *groups, *want; /* of the person n in the group a */
	} rows[] = {
		{ "itself", "a: n", "a" },
		{ "nested", "a: b|b: c|c: n", "c b a" },
		{ "the shortest way", "a: b d|b: c|c: n|d: n", "d a" },
		{ "a ring", "a: b|b: a c|c: b n", "c b a" },
		{ "no way", "a: b|b: o|c: n", "" },
		{ "in spite of a part", "a~: b|b: n", "b a" },
		{ "a part", "a: b|b~: o", "? the members of \"cn=b,o=g\" were read in part" },
		{ "not read", "a: b|b!", "? \"cn=b,o=g\" is nested in it, and "
		  "directory.groups does not read that group" },
		{ "not there", "b: n", "? no group \"cn=a,o=g\" was read, and rules name it" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena mem = ARENA_INIT;
		struct group_names wanted;
		struct group_path path;
		struct verdict verdict;
		struct membership *m;
		struct buf out;

		buf_init(&out, 4096);
		group_names_init(&wanted);
		group_names_add(&wanted, "cn=a,o=g", 8);
		m = membership_new(&wanted);
		membership_keep_paths(m);
		add_groups(m, rows[i].groups);
		verdict_init(&verdict);
		membership_resolve(m, &verdict);
		membership_path(m, &mem, SLICE("uid=n,o=p"), NULL, 0, &path);
		buf_addf(&out, path.unknown ? "? %s" : "%s", path.unknown ? path.unknown : "");
		for (unsigned g = 0; g < path.count; g++)
			buf_addf(&out, "%s%c", g ? " " : "", path.dns[g][3]);
		if (strcmp(out.data, rows[i].want) != 0)
			fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].name, out.data,
				 rows[i].want);
		membership_free(m);
		group_names_release(&wanted);
		arena_release(&mem);
		buf_release(&out);
	}
}

/* cn=a,dc=x holds the member, cn=b,dc=y is another domain that is read. */
static const struct {
	const char *name, *member;
	bool ad;
	int absent; /* the answer for others */
	const char *note; /* NULL = none */
	bool doubt; /* not all groups of dc=y were read */
} foreign_rows[] = {
	{ "of the same domain", "cn=n,ou=s,dc=x", true, GROUP_NO, NULL, false },
	{ "of a domain that is read", "cn=n,dc=y", true, GROUP_NO, NULL, false },
	{ "of a domain read in part", "cn=n,dc=y", true, GROUP_UNKNOWN, "cn=n,dc=y", true },
	{ "of the same domain read in part", "cn=n,dc=x", true, GROUP_NO, NULL, true },
	{ "of a domain above", "cn=n,dc=com", true, GROUP_UNKNOWN, "cn=n,dc=com", false },
	{ "of a domain below", "cn=n,dc=sub,dc=x", true, GROUP_UNKNOWN, "only another domain", false },
	{ "a value that looks like one", "cn=n\\,dc=sub,dc=x", true, GROUP_NO, NULL, false },
	{ "of a trusted domain", "CN=S-1-5-21-1-2-3-1104,CN=ForeignSecurityPrincipals,DC=x", true,
	  GROUP_NO, "holds 1 of trusted domains", false },
	{ "everybody", "CN=S-1-5-11,CN=ForeignSecurityPrincipals,DC=x", true, GROUP_UNKNOWN,
	  "cn=s-1-5-11", false },
	{ "a name that only looks so", "CN=S-1-5-11,CN=Users,DC=x", true, GROUP_NO, NULL, false },
	{ "no domain at all", "uid=n,o=p", true, GROUP_NO, NULL, false },
	{ "another kind of server", "cn=n,dc=com", false, GROUP_NO, NULL, false },
};

static void test_foreign_members(void **state)
{
	struct slice sid = slice_of("\x01\x01\x00\x00\x00\x00\x00\x05\x0b\x00\x00\x00", 12);

	(void)state;
	for (size_t i = 0; i < sizeof(foreign_rows) / sizeof(foreign_rows[0]); i++) {
		const char *member = foreign_rows[i].member, *says = foreign_rows[i].note;
		const struct membership_note *notes;
		struct group_names wanted;
		struct verdict verdict;
		struct membership *m;
		unsigned char answer;
		unsigned count;

		verdict_init(&verdict);
		group_names_init(&wanted);
		group_names_add(&wanted, "cn=a,dc=x", 9);
		m = membership_new(&wanted);
		assert_int_equal(membership_add(m, "cn=b,dc=y", 9, NULL, 0, NULL), 0);
		assert_int_equal(membership_add(m, "cn=a,dc=x", 9, NULL, 0, NULL), 0);
		assert_int_equal(membership_add_member(m, MEMBER_DN, member, strlen(member), NULL), 0);
		if (foreign_rows[i].ad)
			membership_add_primary(m, sid);
		if (foreign_rows[i].doubt)
			membership_doubt_domains(m);
		membership_resolve(m, &verdict);
		membership_of(m, SLICE("cn=other,dc=x"), NULL, &answer);
		count = membership_notes(m, &notes);
		if (!verdict.complete || answer != foreign_rows[i].absent || count != (says != NULL) ||
		    (count && (!strstr(notes[0].text, says) ||
			       notes[0].unknown != (answer == GROUP_UNKNOWN))))
			fail_msg("%s: others %d, %u notes: %s", foreign_rows[i].name, answer, count,
				 count ? notes[0].text : "");
		membership_free(m);
		group_names_release(&wanted);
	}
}

static void test_member_forms(void **state)
{
	static const struct {
		const char *attribute, *member, *dn, *uid;
		bool in;
	} rows[] = {
		{ "member", "uid=n,o=p", "uid=n,o=p", NULL, true },
		{ "Member", "UID=N , O=P", "uid=n,o=p", NULL, true },
		{ "uniqueMember", "uid=n,o=p", "uid=n,o=p", NULL, true },
		{ "uniqueMember", "uid=n,o=p#'0101'B", "uid=n,o=p", NULL, true },
		{ "UNIQUEMEMBER", "uid=n,o=p#''B", "uid=n,o=p", NULL, true },
		{ "uniqueMember", "uid=n,o=p#'0121'B", "uid=n,o=p", NULL, false },
		{ "member", "uid=n,o=p#'0101'B", "uid=n,o=p", NULL, false },
		{ "memberUid", "N", "uid=x,o=p", "n", true },
		{ "memberuid", "n", "uid=x,o=p", "N", true },
		{ "memberUid", "n", "uid=n,o=p", NULL, false },
		{ "memberUid", "uid=n,o=p", "uid=n,o=p", "n", false },
		{ "member", "uid=n,o=p", "uid=x,o=p", "uid=n,o=p", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum member_form form = member_form_of(rows[i].attribute);
		struct slice uid = slice_str(rows[i].uid), norm;
		struct attr_values uids = { &uid, rows[i].uid != NULL };
		struct arena mem = ARENA_INIT;
		struct group_names wanted;
		struct verdict verdict;
		struct membership *m;
		unsigned char answer;

		group_names_init(&wanted);
		group_names_add(&wanted, "cn=a", 4);
		m = membership_new(&wanted);
		assert_int_equal(membership_add(m, "cn=a", 4, NULL, 0, NULL), 0);
		assert_int_equal(membership_add_member(m, form, rows[i].member,
						       strlen(rows[i].member), NULL), 0);
		assert_int_equal(membership_wants_uid(m), form == MEMBER_UID);
		verdict_init(&verdict);
		membership_resolve(m, &verdict);
		dn_normalize(&mem, rows[i].dn, strlen(rows[i].dn), &norm, NULL);
		membership_of(m, norm, &uids, &answer);
		if ((answer == GROUP_YES) != rows[i].in)
			fail_msg("%s: %s: %d", rows[i].attribute, rows[i].member, answer);
		membership_free(m);
		group_names_release(&wanted);
		arena_release(&mem);
	}
}

static void test_ambiguous_name(void **state)
{
	struct slice cn = SLICE("Sales");
	struct group_names wanted;
	struct verdict verdict;
	struct membership *m;
	unsigned char answers[2];

	(void)state;
	group_names_init(&wanted);
	group_names_add(&wanted, "sales", 5);
	group_names_add(&wanted, "cn=Sales,o=b", 12);
	m = membership_new(&wanted);
	membership_add(m, "cn=Sales,o=a", 12, &cn, 1, NULL);
	membership_add_member(m, MEMBER_DN, "uid=n", 5, NULL);
	membership_add(m, "cn=Sales,o=b", 12, &cn, 1, NULL);
	membership_add_member(m, MEMBER_DN, "uid=n", 5, NULL);
	verdict_init(&verdict);
	membership_resolve(m, &verdict);
	assert_false(verdict.complete);
	assert_string_equal(verdict.reasons[0],
			    "several groups are called \"sales\"; the rules must give its DN");
	membership_of(m, SLICE("uid=n"), NULL, answers);
	assert_int_equal(answers[0], GROUP_UNKNOWN);
	assert_int_equal(answers[1], GROUP_YES);
	membership_free(m);
	group_names_release(&wanted);
}

static void test_broken_names(void **state)
{
	struct group_names wanted;
	struct membership *m;
	struct err err = ERR_INIT;

	(void)state;
	group_names_init(&wanted);
	m = membership_new(&wanted);
	assert_int_equal(membership_add(m, "sales", 5, NULL, 0, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_int_equal(membership_add(m, "cn=a", 4, NULL, 0, NULL), 0);
	err = (struct err)ERR_INIT;
	assert_int_equal(membership_add_member(m, MEMBER_DN, "ann", 3, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	membership_free(m);
	membership_free(NULL);
	group_names_release(&wanted);
}

/*
 * Random graphs against the plainest way to compute the same: spread membership one step at
 * a time until nothing changes. More wanted groups than bits in a word.
 */
#define GROUPS 90
#define PEOPLE 60

static void spread(bool in[GROUPS][GROUPS + PEOPLE])
{
	for (bool changed = true; changed;) {
		changed = false;
		for (int g = 0; g < GROUPS; g++) {
			for (int h = 0; h < GROUPS; h++) {
				for (int p = 0; in[g][h] && p < GROUPS + PEOPLE; p++) {
					changed |= in[h][p] && !in[g][p];
					in[g][p] |= in[h][p];
				}
			}
		}
	}
}

static void check_graph(uint64_t seed)
{
	static bool in[GROUPS][GROUPS + PEOPLE];
	unsigned char answers[GROUPS];
	struct group_names wanted;
	struct verdict verdict;
	struct membership *m;
	struct rng rng;
	char name[32];

	memset(in, 0, sizeof(in));
	rng_seed(&rng, seed);
	group_names_init(&wanted);
	for (int g = 0; g < GROUPS; g++) {
		snprintf(name, sizeof(name), "cn=g%d", g);
		group_names_add(&wanted, name, strlen(name));
	}
	m = membership_new(&wanted);
	for (int g = 0; g < GROUPS; g++) {
		snprintf(name, sizeof(name), "cn=g%d", g);
		assert_int_equal(membership_add(m, name, strlen(name), NULL, 0, NULL), 0);
		for (uint64_t n = rng_below(&rng, 5); n > 0; n--) {
			int p = (int)rng_below(&rng, GROUPS + PEOPLE);

			in[g][p] = true;
			snprintf(name, sizeof(name), p < GROUPS ? "cn=g%d" : "uid=%d", p);
			assert_int_equal(membership_add_member(m, MEMBER_DN, name, strlen(name),
							       NULL), 0);
		}
	}
	spread(in);
	verdict_init(&verdict);
	membership_resolve(m, &verdict);
	assert_true(verdict.complete);
	for (int p = GROUPS; p < GROUPS + PEOPLE; p++) {
		snprintf(name, sizeof(name), "uid=%d", p);
		membership_of(m, slice_str(name), NULL, answers);
		for (int g = 0; g < GROUPS; g++) {
			if ((answers[g] == GROUP_YES) != in[g][p])
				fail_msg("seed %u, group %d, person %d", (unsigned)seed, g, p);
		}
	}
	membership_free(m);
	group_names_release(&wanted);
}

static void test_random_graphs(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		check_graph(seed);
}

static void test_verdict(void **state)
{
	struct verdict a, b;

	(void)state;
	verdict_init(&a);
	verdict_init(&b);
	assert_true(a.complete);
	a.count = 3;
	b.count = 4;
	verdict_merge(&a, &b);
	assert_true(a.complete);
	assert_int_equal(a.count, 7);
	for (int i = 0; i < VERDICT_REASONS_MAX + 5; i++)
		verdict_spoil(&b, "reason %d\n\x1b[31m", i);
	assert_int_equal(b.reason_count, VERDICT_REASONS_MAX + 5);
	assert_null(strchr(b.reasons[0], '\x1b'));
	verdict_spoil(&a, "own");
	verdict_merge(&a, &b);
	assert_false(a.complete);
	assert_int_equal(a.reason_count, VERDICT_REASONS_MAX + 6);
	assert_string_equal(a.reasons[0], "own");
	assert_memory_equal(a.reasons[1], "reason 0", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	       cmocka_unit_test(test_member_forms),
		cmocka_unit_test(test_ambiguous_name), cmocka_unit_test(test_broken_names),
		cmocka_unit_test(test_random_graphs),  cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_paths),	       cmocka_unit_test(test_foreign_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
