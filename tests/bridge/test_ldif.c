/*
 * LDIF: text to entries, and a file as a directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/config/config.h"
#include "bridge/directory/cert.h"
#include "bridge/directory/fill.h"
#include "bridge/directory/ldif.h"
#include "bridge/directory/person.h"

#include "scim/base/banned.h"

struct parse_case {
	const char *name, *text;
	const char *expected; /* entries as "dn attr=value,value attr=value\n", or an error */
};

static const struct parse_case parse_cases[] = {
	{ "nothing", "", "" },
	{ "only a version", "version: 1\n", "" },
	{ "only comments", "# a\n#b\n  b goes on\n\n\n# c\n", "" },
	{ "one entry", "dn: cn=a\ncn: a\n", "cn=a cn=a\n" },
	{ "version, then an entry at once", "version: 1\ndn: cn=a\ncn: a\n", "cn=a cn=a\n" },
	{ "version apart", "version: 1\n\ndn: cn=a\ncn: a\n", "cn=a cn=a\n" },
	{ "a comment before the version", "# made by\nversion: 1\ndn: cn=a\ncn: a\n",
	  "cn=a cn=a\n" },
	{ "two entries, many blank lines", "\n\ndn: cn=a\ncn: a\n\n\n\ndn: cn=b\ncn: b\n\n",
	  "cn=a cn=a\ncn=b cn=b\n" },
	{ "DOS line ends", "version: 1\r\n\r\ndn: cn=a\r\ncn: a\r\n\r\ndn: cn=b\r\ncn: b\r\n",
	  "cn=a cn=a\ncn=b cn=b\n" },
	{ "byte order mark", "\xef\xbb\xbf" "dn: cn=a\ncn: a\n", "cn=a cn=a\n" },
	{ "no line end at the end", "dn: cn=a\ncn: a", "cn=a cn=a\n" },
	{ "folded", "dn: cn=a,\n ou=b\ncn: a\n b\n  c\n", "cn=a,ou=b cn=ab c\n" },
	{ "folded with DOS line ends", "dn: cn=a,\r\n ou=b\r\ncn: a\r\n b\r\n",
	  "cn=a,ou=b cn=ab\n" },
	{ "folded inside a name", "dn: cn=a\nc\n n: a\n", "cn=a cn=a\n" },
	{ "folded inside a character", "dn: cn=a\ncn: \xc3\n \xa9\n", "cn=a cn=\xc3\xa9\n" },
	{ "folded base64", "dn: cn=a\ncn:: YWJ\n jZGVm\n", "cn=a cn=abcdef\n" },
	{ "base64 of text and of bytes", "dn:: Y249w6k=\ncn:: AP8=\n", "cn=\xc3\xa9 cn=\\x00\\xFF\n" },
	{ "empty values", "dn: cn=a\na:\nb: \nc::\n", "cn=a a= b= c=\n" },
	{ "no space after the colon", "dn:cn=a\ncn:a\n", "cn=a cn=a\n" },
	{ "more spaces after the colon", "dn:   cn=a\ncn:  a\n", "cn=a cn=a\n" },
	{ "colons and signs in a value", "dn: cn=a\nurl: http://x:1/<y>\n",
	  "cn=a url=http://x:1/<y>\n" },
	{ "values gathered", "dn: cn=a\nmail: 1\ncn: a\nMAIL: 2\nmail: 3\n",
	  "cn=a mail=1,2,3 cn=a\n" },
	{ "options", "dn: cn=a\ncn;lang-de: b\ncn: c\n2.5.4.3;binary: d\n",
	  "cn=a cn;lang-de=b cn=c 2.5.4.3;binary=d\n" },
	{ "comments in an entry", "dn: cn=a\n# one\n  goes on\ncn: a\n#two\n", "cn=a cn=a\n" },
	{ "UTF-8 as it is", "dn: cn=\xc3\xa9\ncn: \xe8\x8a\xb1\n", "cn=\xc3\xa9 cn=\xe8\x8a\xb1\n" },
	{ "an entry without attributes", "dn: cn=a\n", "cn=a\n" },
	{ "a minus in a name", "dn: cn=a\nx-y.1: b\n", "cn=a x-y.1=b\n" },

	{ "wrong version", "version: 2\n", "t:1: the only LDIF version is 1" },
	{ "no dn", "cn: a\n", "t:1: an entry starts with \"dn:\"" },
	{ "version later", "dn: cn=a\n\nversion: 1\n", "t:3: an entry starts with \"dn:\"" },
	{ "blank line missing", "dn: cn=a\ncn: a\ndn: cn=b\n",
	  "t:3: a second \"dn:\" in one entry; a blank line is missing" },
	{ "change record", "dn: cn=a\nchangetype: delete\n", "t:2: this is a change record" },
	{ "change record in capitals", "dn: cn=a\nChangeType: add\ncn: a\n",
	  "t:2: this is a change record" },
	{ "control", "dn: cn=a\ncontrol: 1.2.3 true\n", "t:2: this is a change record" },
	{ "end of a change", "dn: cn=a\nadd: cn\ncn: b\n-\n", "t:4: \"name: value\" is expected" },
	{ "value by URL", "dn: cn=a\njpegPhoto:< file:///etc/passwd\n",
	  "t:2: a value by URL (\":<\") is not read" },
	{ "no colon", "dn: cn=a\n\ndn: cn=b\nrubbish\n", "t:4: \"name: value\" is expected" },
	{ "no name", "dn: cn=a\n: a\n", "t:2: \"name: value\" is expected" },
	{ "space in a name", "dn: cn=a\ncn : a\n", "t:2: \"name: value\" is expected" },
	{ "broken base64", "dn: cn=a\n\n# c\ndn: cn=b\ncn:: Y*Q=\n", "t:5: the value is not base64" },
	{ "base64 without its end", "dn: cn=a\ncn:: YQ\n", "t:2: the value is not base64" },
	{ "broken UTF-8", "dn: cn=a\ncn: J\xfcrgen\n", "t:2: the value is neither UTF-8 nor base64" },
	{ "broken UTF-8 in the dn", "dn: cn=\xfc\n", "t:1: the value is neither UTF-8" },
	{ "broken UTF-8 in the dn, base64", "dn:: Y249/A==\n", "t:1: the DN is not UTF-8" },
	{ "NUL in the dn", "dn:: Y249AGE=\n", "t:1: the DN is not UTF-8" },
	{ "carriage return inside", "dn: cn=a\ncn: a\rb\n", "t:2: a NUL or carriage return" },
	{ "nothing to continue", "dn: cn=a\n\n cn: a\n", "t:3: a continuation line" },
	{ "line counted through folds", "dn: cn=a\ncn: a\n b\n c\nrubbish\n",
	  "t:5: \"name: value\" is expected" },
};

static void print_entry(struct buf *out, const struct ldif_entry *entry)
{
	buf_addstr(out, entry->dn);
	for (unsigned a = 0; a < entry->attr_count; a++) {
		buf_addf(out, " %.*s=", SLICE_FMT(entry->attrs[a].name));
		for (uint32_t v = 0; v < entry->attrs[a].count; v++) {
			buf_addstr(out, v ? "," : "");
			buf_addvisible(out, entry->attrs[a].values[v].data,
				       entry->attrs[a].values[v].len);
		}
	}
	buf_addch(out, '\n');
}

static void print_all(struct ldif *ldif, struct buf *out)
{
	const struct ldif_entry *entry;
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];
	int got;

	buf_clear(out);
	while ((got = ldif_next(ldif, &entry, &err)) == 1)
		print_entry(out, entry);
	if (got < 0) {
		buf_clear(out);
		buf_addstr(out, err_format(&err, text, sizeof(text)));
		/* It stays broken. */
		assert_int_equal(ldif_next(ldif, &entry, NULL), -1);
	}
}

static void test_parse(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 65536);
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(parse_cases[0]); i++) {
		const struct parse_case *c = &parse_cases[i];
		struct ldif *ldif = ldif_open_text(c->text, strlen(c->text), "t");
		bool error = strncmp(c->expected, "t:", 2) == 0;

		for (int round = 0; round < 2; round++) {
			print_all(ldif, &out);
			if (error ? !out.data || strncmp(out.data, c->expected,
							 strlen(c->expected)) != 0
				  : strcmp(out.data ? out.data : "", c->expected) != 0)
				fail_msg("%s, round %d:\n%s\ninstead of\n%s", c->name, round,
					 out.data, c->expected);
			assert_int_equal(ldif_rewind(ldif, NULL), 0);
		}
		ldif_close(ldif);
	}
	buf_release(&out);
}

/* Entries across the borders of what is read at once, with a long one among them. */
static void test_long_file(void **state)
{
	struct buf text;
	struct ldif *ldif;
	const struct ldif_entry *entry;
	struct err err = ERR_INIT;
	unsigned count = 0;

	(void)state;
	buf_init(&text, 16 << 20);
	for (unsigned i = 0; i < 20000; i++) {
		buf_addf(&text, "dn: cn=%u,\n  o=x\nnumber: %u\n", i, i);
		for (unsigned m = 0; i == 777 && m < 100000; m++)
			buf_addf(&text, "member: cn=%u\n", m);
		buf_addstr(&text, "\n");
	}
	ldif = ldif_open_text(text.data, text.len, "t");
	while (ldif_next(ldif, &entry, &err) == 1) {
		char expected[32];

		snprintf(expected, sizeof(expected), "cn=%u, o=x", count);
		assert_string_equal(entry->dn, expected);
		snprintf(expected, sizeof(expected), "%u", count);
		assert_true(slice_eq_str(entry->attrs[0].values[0], expected));
		assert_int_equal(entry->attr_count, count == 777 ? 2 : 1);
		if (count == 777)
			assert_int_equal(entry->attrs[1].count, 100000);
		count++;
	}
	assert_int_equal(err.kind, ERR_NONE);
	assert_int_equal(count, 20000);
	assert_false(ldif_cut_off(ldif));
	ldif_close(ldif);
	buf_release(&text);
}

static void test_limits(void **state)
{
	struct buf text;
	struct ldif *ldif;
	const struct ldif_entry *entry;
	struct err err = ERR_INIT;

	(void)state;
	buf_init(&text, (size_t)LDIF_ENTRY_BYTES_MAX * 2);
	buf_addstr(&text, "dn: cn=a\n");
	for (unsigned i = 0; i <= LDIF_ATTRS_MAX; i++)
		buf_addf(&text, "a%u: x\n", i);
	ldif = ldif_open_text(text.data, text.len, "t");
	assert_int_equal(ldif_next(ldif, &entry, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	ldif_close(ldif);

	err = (struct err)ERR_INIT;
	buf_clear(&text);
	buf_addstr(&text, "dn: cn=a\n");
	for (unsigned i = 0; i <= ENTRY_VALUES_MAX; i++)
		buf_addstr(&text, "a: x\n");
	ldif = ldif_open_text(text.data, text.len, "t");
	assert_int_equal(ldif_next(ldif, &entry, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	ldif_close(ldif);

	err = (struct err)ERR_INIT;
	buf_clear(&text);
	buf_addstr(&text, "dn: cn=a\n");
	while (text.len <= LDIF_ENTRY_BYTES_MAX + (1 << 20))
		buf_addstr(&text, "#2345678901234567890123456789012345678901234567890\n");
	ldif = ldif_open_text(text.data, text.len, "t");
	assert_int_equal(ldif_next(ldif, &entry, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	ldif_close(ldif);
	buf_release(&text);
}

/* --- as a directory ---------------------------------------------------------------------- */

#define ID(n) "entryUUID: 00000000-0000-4000-8000-00000000000" #n "\n"
static const char company[] =
	"dn: dc=x\nobjectClass: top\n\n"
	"dn: ou=p,dc=x\nobjectClass: top\n\n"
	"dn: cn=Ann,ou=p,dc=x\nobjectClass: person\ncn: Ann\nsn: b\nsn: a\n"
	"sn;lang-de: c\ncert;binary: z\nENTRYUUID: 00000000-0000-4000-8000-0000000000AA\n\n"
	"dn: cn=Bob,ou=s,ou=p,dc=x\nobjectClass: person\nuid: BOB\ncn: Bob\n" ID(2) "\n"
	"dn: ou=g,dc=x\nobjectClass: top\n\n"
	"dn: cn=outer,ou=g,dc=x\nobjectClass: group\ncn: outer\nmember: CN=inner, ou=g,dc=x\n\n"
	"dn: cn=inner,ou=g,dc=x\nobjectClass: group\ncn: inner\nmember: cn=ann,ou=p,dc=x\n"
	"memberUid: bob\n";

struct directory_case {
	const char *name;
	const char *extra;            /* after the company */
	const char *base, *filter;    /* of people; NULL = the usual */
	enum config_scope scope;
	const char *id_attribute, *person;
	const char *expected;
};

static const struct directory_case directory_cases[] = {
	{ "everybody", "", NULL, NULL, SCOPE_SUB, NULL, NULL,
	  "00000000-0000-4000-8000-0000000000aa cn=Ann,ou=p,dc=x sn=a,b sn;lang-de=c cert=z outer=1\n"
	  "00000000-0000-4000-8000-000000000002 cn=Bob,ou=s,ou=p,dc=x outer=1\n"
	  "complete 2\n" },
	{ "one level", "", NULL, NULL, SCOPE_ONE, NULL, "cn=Ann",
	  "00000000-0000-4000-8000-0000000000aa cn=Ann,ou=p,dc=x sn=a,b sn;lang-de=c cert=z outer=1\n"
	  "complete 1\n" },
	{ "out of one level", "", NULL, NULL, SCOPE_ONE, NULL, "cn=Bob", "complete 0\n" },
	{ "base alone", "", "cn=bob, ou=S,ou=p,dc=x", NULL, SCOPE_BASE, NULL, NULL,
	  "00000000-0000-4000-8000-000000000002 cn=Bob,ou=s,ou=p,dc=x outer=1\n"
	  "complete 1\n" },
	{ "one by DN", "", NULL, NULL, SCOPE_SUB, NULL, "CN=BOB,ou=s,ou=p,dc=x",
	  "00000000-0000-4000-8000-000000000002 cn=Bob,ou=s,ou=p,dc=x outer=1\n"
	  "complete 1\n" },
	{ "one by filter", "", NULL, NULL, SCOPE_SUB, NULL, "(uid=bob)",
	  "00000000-0000-4000-8000-000000000002 cn=Bob,ou=s,ou=p,dc=x outer=1\n"
	  "complete 1\n" },
	{ "stars are letters in attr=value", "", NULL, NULL, SCOPE_SUB, NULL, "uid=B*",
	  "complete 0\n" },
	{ "the DN as id", "", NULL, NULL, SCOPE_SUB, "dn", "cn=Ann",
	  "cn=ann,ou=p,dc=x cn=Ann,ou=p,dc=x sn=a,b sn;lang-de=c cert=z outer=1\ncomplete 1\n" },
	{ "nobody", "", NULL, "(cn=Zoe)", SCOPE_SUB, NULL, NULL,
	  "incomplete 0\nthe search below \"ou=p,dc=x\" found nobody\n" },
	{ "base missing", "", "ou=q,dc=x", NULL, SCOPE_SUB, NULL, NULL,
	  "incomplete 0\nno entry at or below the base \"ou=q,dc=x\"\n" },
	{ "no id", "\ndn: cn=Cy,ou=p,dc=x\nobjectClass: person\ncn: Cy\n", NULL, NULL, SCOPE_SUB,
	  NULL, "cn=Cy",
	  "incomplete 0\nF:36: \"cn=Cy,ou=p,dc=x\" has no entryUUID, or the account may not read it\n" },
	{ "two ids", "\ndn: cn=Cy,ou=p,dc=x\nobjectClass: person\ncn: Cy\n" ID(3) ID(4), NULL, NULL,
	  SCOPE_SUB, NULL, "cn=Cy",
	  "incomplete 0\nF:36: \"cn=Cy,ou=p,dc=x\" has 2 values of entryUUID instead of one\n" },
	{ "broken id", "\ndn: cn=Cy,ou=p,dc=x\nobjectClass: person\ncn: Cy\nentryUUID:: AAAA\n", NULL,
	  NULL, SCOPE_SUB, NULL, "cn=Cy",
	  "incomplete 0\nF:36: \"cn=Cy,ou=p,dc=x\" has a value of entryUUID that is no id\n" },
	{ "cut off", "\ndn: cn=Cy,ou=p,dc=x\nobjectCl: per", NULL, NULL, SCOPE_SUB, NULL, "cn=Cy",
	  "groups: F ends inside a line; it may have been cut off\n"
	  "incomplete 0\nF ends inside a line; it may have been cut off\n" },
	{ "cut off: who is not seen in a group may be in it", "\ndn: cn=Cy,ou=p,dc=x\n"
	  "objectClass: person\n" ID(3) "cn: C", NULL, NULL, SCOPE_SUB, NULL, "cn=C",
	  "groups: F ends inside a line; it may have been cut off\n"
	  "00000000-0000-4000-8000-000000000003 cn=Cy,ou=p,dc=x outer=2\n"
	  "incomplete 1\nF ends inside a line; it may have been cut off\n" },
	{ "part of a group", "\ndn: cn=big,ou=g,dc=x\nobjectClass: group\nmember;range=0-1: cn=a\n",
	  NULL, NULL, SCOPE_SUB, NULL, "cn=Bob",
	  "groups: the file has only a part of the members of \"cn=big,ou=g,dc=x\"\n"
	  "00000000-0000-4000-8000-000000000002 cn=Bob,ou=s,ou=p,dc=x outer=1\n"
	  "complete 1\n" },
	{ "broken entry", "\ndn: cn=Cy,ou=p,dc=x\nrubbish\n", NULL, NULL, SCOPE_SUB, NULL, NULL,
	  "F:37: \"name: value\" is expected; an LDIF of entries, not of changes" },
	{ "broken DN", "\ndn: Cy\ncn: Cy\n", NULL, NULL, SCOPE_SUB, NULL, NULL,
	  "F:36: \"Cy\" is not a DN: an attribute name and \"=\" are expected at byte 3" },
	{ "broken filter", "", NULL, "(cn=a", SCOPE_SUB, NULL, NULL,
	  "S:3:4: filter, byte 6: not an LDAP filter (RFC 4515): \")\" is expected after a value; write ( ) * \\ as \\28 \\29 \\2a \\5c" },
	{ "person who is none", "", NULL, NULL, SCOPE_SUB, NULL, "Ann",
	  "\"Ann\" names nobody: give a filter in (), a DN, or attribute=value" },
};

struct taken {
	struct buf out;
	const struct layout *layout;
};

static int take(void *ctx, const struct entry *entry, struct err *err)
{
	struct taken *taken = ctx;

	(void)err;
	buf_addf(&taken->out, "%s %s", entry->id, entry->dn);
	for (unsigned i = 0; i < entry->attr_count; i++) {
		for (uint32_t v = 0; v < entry->attrs[i].count; v++) {
			if (v == 0)
				buf_addf(&taken->out, " %s=", taken->layout->names.items[i]);
			buf_addf(&taken->out, v ? ",%.*s" : "%.*s",
				 SLICE_FMT(entry->attrs[i].items[v]));
		}
	}
	assert_int_equal(entry->group_count, 1);
	buf_addf(&taken->out, " outer=%d\n", entry->groups[0]);
	return 0;
}

static void read_all(struct directory *dir, const struct directory_case *c, struct taken *taken,
		     const struct group_names *wanted, struct err *err)
{
	struct verdict groups, people;
	int ret;

	verdict_init(&groups);
	verdict_init(&people);
	if (dir->ops->read_groups(dir, wanted, &groups, err))
		return;
	for (size_t i = 0; i < groups.reason_count; i++)
		buf_addf(&taken->out, "groups: %s\n", groups.reasons[i]);
	ret = c->person ? dir->ops->read_person(dir, taken->layout, c->person, take, taken,
						&people, err)
			: dir->ops->read_people(dir, taken->layout, take, taken, &people, err);
	if (ret)
		return;
	buf_addf(&taken->out, "%s %zu\n", people.complete ? "complete" : "incomplete",
		 people.count);
	for (size_t i = 0; i < people.reason_count; i++)
		buf_addf(&taken->out, "%s\n", people.reasons[i]);
}

static void run_directory(const struct directory_case *c, struct taken *taken)
{
	static const char *members[] = { "member", "memberUid" };
	struct config_search people = { c->base ? c->base : "ou=p,dc=x", c->scope,
					c->filter ? c->filter : "(objectClass=person)",
					{ NULL, 0 }, 3, 4 };
	struct config_search groups = { "ou=g,dc=x", SCOPE_SUB, "(objectClass=group)",
					{ NULL, 0 }, 5, 6 };
	struct config config = { .file = "S" };
	struct group_names wanted;
	struct directory *dir;
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];

	config.directory.kind = DIRECTORY_LDIF;
	config.directory.ldif = "F";
	config.directory.id_attribute = c->id_attribute ? c->id_attribute : "entryUUID";
	config.directory.people = (struct config_searches){ &people, 1 };
	config.directory.groups = (struct config_searches){ &groups, 1 };
	config.directory.member_attributes = (struct config_texts){ members, 2 };
	group_names_init(&wanted);
	group_names_add(&wanted, "outer", 5);
	if (directory_open(&config, clock_system(), &dir, &err) == 0) {
		read_all(dir, c, taken, &wanted, &err);
		dir->ops->disconnect(dir);
		dir->ops->free(dir);
	}
	if (err.kind) {
		buf_clear(&taken->out);
		buf_addstr(&taken->out, err_format(&err, text, sizeof(text)));
	}
	group_names_release(&wanted);
}

static void write_file(const char *path, const char *first, const char *second)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(first, file);
	fputs(second, file);
	assert_int_equal(fclose(file), 0);
}

static void test_directory(void **state)
{
	struct layout layout;
	struct taken taken = { .layout = &layout };

	(void)state;
	layout_init(&layout);
	layout_add(&layout, "SN", 2, NULL);
	layout_add(&layout, "sn;lang-de", 10, NULL);
	layout_add(&layout, "cert", 4, NULL);
	buf_init(&taken.out, 65536);
	for (size_t i = 0; i < sizeof(directory_cases) / sizeof(directory_cases[0]); i++) {
		const struct directory_case *c = &directory_cases[i];
		struct buf expected;

		write_file("F", company, c->extra);
		buf_clear(&taken.out);
		run_directory(c, &taken);
		/* The layout's spelling is printed. */
		buf_init(&expected, 65536);
		for (const char *at = c->expected; *at; at++) {
			if (strncmp(at, " sn=", 4) == 0) {
				buf_addstr(&expected, " SN=");
				at += 3;
			} else {
				buf_addch(&expected, *at);
			}
		}
		if (strcmp(taken.out.data, expected.data) != 0)
			fail_msg("%s:\n%s\ninstead of\n%s", c->name, taken.out.data,
				 expected.data);
		buf_release(&expected);
	}
	buf_release(&taken.out);
	layout_release(&layout);
}

static void test_changed_file(void **state)
{
	struct ldif *ldif;
	const struct ldif_entry *entry;

	(void)state;
	write_file("F", company, "");
	assert_int_equal(ldif_open("F", &ldif, NULL), 0);
	assert_int_equal(ldif_next(ldif, &entry, NULL), 1);
	assert_false(ldif_changed(ldif));
	write_file("F", company, "\n");
	assert_true(ldif_changed(ldif));
	assert_int_equal(ldif_rewind(ldif, NULL), 0);
	assert_false(ldif_changed(ldif));
	ldif_close(ldif);
}

static void test_open_fails(void **state)
{
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];
	struct ldif *ldif = NULL;

	(void)state;
	assert_int_equal(ldif_open("no-such-file", &ldif, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_string_equal(err_format(&err, text, sizeof(text)),
			    "no-such-file: No such file or directory");
	err = (struct err)ERR_INIT;
	assert_int_equal(ldif_open(".", &ldif, &err), -1);
	assert_string_equal(err_format(&err, text, sizeof(text)),
			    ".: this is a folder, not a file");
	assert_null(ldif);
}

static void test_ids(void **state)
{
	static const struct {
		const char *name;
		struct slice value;
		bool guid;
		const char *expected; /* NULL = refused */
	} cases[] = {
		{ "objectGUID", SLICE("\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"),
		  true, "00112233-4455-6677-8899-aabbccddeeff" },
		{ "objectGUID as text", SLICE("00112233-4455-6677-8899-AABBCCDDEEFF"), true,
		  "00112233-4455-6677-8899-aabbccddeeff" },
		{ "objectGUID cut short", SLICE("0123456789abcde"), true, NULL },
		{ "UUID in capitals", SLICE("ABCDEF00-0000-4000-8000-00000000000A"), false,
		  "abcdef00-0000-4000-8000-00000000000a" },
		{ "another id keeps its case", SLICE("E-00A7"), false, "E-00A7" },
		{ "empty", SLICE(""), false, NULL },
		{ "line end", SLICE("a\nb"), false, NULL },
		{ "NUL", SLICE("a\0b"), false, NULL },
		{ "broken UTF-8", SLICE("\xff\xfe"), false, NULL },
	};
	char out[ENTRY_ID_BYTES_MAX + 1], many[ENTRY_ID_BYTES_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int ret = entry_id_format(cases[i].value, cases[i].guid, out);

		if (ret != (cases[i].expected ? 0 : -1) ||
		    (ret == 0 && strcmp(out, cases[i].expected) != 0))
			fail_msg("%s: %d %s", cases[i].name, ret, out);
	}
	memset(many, 'a', sizeof(many));
	assert_int_equal(entry_id_format(slice_of(many, ENTRY_ID_BYTES_MAX), false, out), 0);
	assert_int_equal(entry_id_format(slice_of(many, sizeof(many)), false, out), -1);
}

/* Whatever bytes a server sends as its certificate, they are only looked at. */
static void test_certificate_bytes(void **state)
{
	static const char *const broken[] = { "", "\x30", "\x30\x80", "\x30\x84\xff\xff\xff\xff",
					      "\x30\x02\x30\x00", "\x02\x01\x01" };
	struct cert cert;

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(cert_read(broken[i], strlen(broken[i]), "h", &cert), -1);
}

static char folder[] = "/tmp/dirbridge-ldif.XXXXXX";

static int enter_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
	(void)state;
	unlink("F");
	return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	     cmocka_unit_test(test_long_file),
		cmocka_unit_test(test_limits),	     cmocka_unit_test(test_directory),
		cmocka_unit_test(test_changed_file), cmocka_unit_test(test_open_fails),
		cmocka_unit_test(test_ids),	     cmocka_unit_test(test_certificate_bytes),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
