/* What groups may name a person by besides the DN: uids, and the primary group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/directory/fill.h"
#include "bridge/directory/groups.h"

#define SID_OF(rid)                                                                          \
	"\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"   \
	"\x03\x00\x00\x00" rid "\x00\x00"

enum { IN_ONE = 1, IN_OUTER = 2 };

static const struct {
	const char *name;
	const char *sid; /* NULL = absent; all of 28 bytes but "short" */
	const char *rid, *uid, *ready;
	bool from_file;
	unsigned in;
} rows[] = {
	/* The group "one" has the relative identifier 0x450. */
	{ "primary group", SID_OF("\x99\x09"), "1104", NULL, NULL, false, IN_ONE | IN_OUTER },
	{ "another one", SID_OF("\x99\x09"), "513", NULL, NULL, false, 0 },
	{ "number beyond 32 bits", SID_OF("\x99\x09"), "4294968400", NULL, NULL, false, 0 },
	{ "no number", SID_OF("\x99\x09"), "1104x", NULL, NULL, false, 0 },
	{ "empty number", SID_OF("\x99\x09"), "", NULL, NULL, false, 0 },
	{ "no primary group", SID_OF("\x99\x09"), NULL, NULL, NULL, false, 0 },
	{ "no identifier", NULL, "1104", NULL, NULL, false, 0 },
	{ "the group's own identifier", SID_OF("\x50\x04"), "513", NULL, NULL, false, 0 },
	{ "uid", SID_OF("\x99\x09"), "513", "ann", NULL, false, IN_OUTER },
	{ "both", SID_OF("\x99\x09"), "1104", "ann", NULL, false, IN_ONE | IN_OUTER },
	{ "a uid that looks like it", SID_OF("\x99\x09"), "513", "S-1-5-21-1-2-3-1104", NULL, false, 0 },
	{ "a uid that pretends to be it", SID_OF("\x99\x09"), "513", "\x01S-1-5-21-1-2-3-1104", NULL,
	  false, 0 },
	{ "ready, in a snapshot", NULL, NULL, NULL, "S-1-5-21-1-2-3-1104", true, IN_ONE | IN_OUTER },
	{ "ready, from a server", NULL, NULL, NULL, "S-1-5-21-1-2-3-1104", false, 0 },
};

static void put(struct fill *fill, const char *name, struct slice value)
{
	int slot = value.data ? fill_slot(fill, name, strlen(name)) : -1;

	if (slot >= 0)
		fill_value(fill, slot, value.data, value.len);
}

static struct slice text_of(const char *text)
{
	return text ? slice_of(text, strlen(text)) : slice_of(NULL, 0);
}

/* "one" is primary to some; "outer" holds "one", and ann by uid. */
static struct membership *make_groups(const struct group_names *wanted)
{
	struct membership *m = membership_new(wanted);
	struct verdict verdict;

	verdict_init(&verdict);
	assert_int_equal(membership_add(m, "cn=one", 6, NULL, 0, NULL), 0);
	membership_add_primary(m, slice_of(SID_OF("\x50\x04"), 28));
	membership_add_primary(m, SLICE("no identifier"));
	assert_int_equal(membership_add(m, "cn=outer", 8, NULL, 0, NULL), 0);
	assert_int_equal(membership_add_member(m, MEMBER_DN, "cn=one", 6, NULL), 0);
	assert_int_equal(membership_add_member(m, MEMBER_UID, "ann", 3, NULL), 0);
	membership_resolve(m, &verdict);
	assert_true(membership_wants_primary(m) && membership_wants_uid(m));
	return m;
}

static void test_own_names(void **state)
{
	struct group_names wanted;
	struct layout layout;
	struct membership *m;

	(void)state;
	group_names_init(&wanted);
	group_names_add(&wanted, "cn=one", 6);
	group_names_add(&wanted, "cn=outer", 8);
	layout_init(&layout);
	m = make_groups(&wanted);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fill *fill = mem_alloc(sizeof(*fill));
		struct err err = ERR_INIT;
		struct entry entry;
		unsigned in;

		fill_init(fill, &layout, "id", m);
		fill_primary_groups(fill, rows[i].from_file);
		fill_start(fill);
		put(fill, "id", SLICE("1"));
		put(fill, "objectSid", slice_of(rows[i].sid, rows[i].sid ? 28 : 0));
		put(fill, "primaryGroupID", text_of(rows[i].rid));
		put(fill, "uid", text_of(rows[i].uid));
		put(fill, SNAPSHOT_PRIMARY, text_of(rows[i].ready));
		if (fill_finish(fill, "cn=ann", 6, m, &entry, &err))
			fail_msg("%s: %s", rows[i].name, err.text);
		in = (entry.groups[0] == GROUP_YES ? IN_ONE : 0) |
		     (entry.groups[1] == GROUP_YES ? IN_OUTER : 0);
		if (in != rows[i].in)
			fail_msg("%s: in %u instead of %u", rows[i].name, in, rows[i].in);
		fill_release(fill);
		mem_free(fill);
	}
	membership_free(m);
	layout_release(&layout);
	group_names_release(&wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_own_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
