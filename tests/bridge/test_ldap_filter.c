/*
 * LDAP filters over LDIF entries, and which person a text names.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/directory/filter.h"
#include "bridge/directory/person.h"

#include "scim/base/banned.h"

static const char ann[] =
	"dn: uid=ann,ou=people,dc=x\nobjectClass: top\nobjectClass: inetOrgPerson\nuid: ann\n"
	"cn: Ann  Arbor\ncn;lang-de: Anna\nsn: O(b*\\r\nage: 42\nlevel: -7\nflags: 514\n"
	"mail: ann@example.org\nmail: a.arbor@example.org\nempty:\n"
	"manager: UID=Bob , ou=People,dc=x\nname: J\xc3\xbcrgen \xd0\x96\n"
	"objectCategory: CN=Person,CN=Schema,DC=x\nbytes:: AP8=\n";

static const struct {
	const char *filter;
	bool matches;
} matches[] = {
	{ "(uid=ann)", true },
	{ "(UID=ANN)", true },
	{ "(uid=anna)", false },
	{ "(uid=)", false },
	{ "(empty=)", true },
	{ "(cn=ann arbor)", true },
	{ "(cn= ann   arbor )", true },
	{ "(cn=annarbor)", false },
	{ "(cn=anna)", true },
	{ "(cn;lang-de=anna)", true },
	{ "(cn;lang-fr=anna)", false },
	{ "(uid=*)", true },
	{ "(nothing=*)", false },
	{ "(!(nothing=*))", true },
	{ "(!(uid=ann))", false },
	{ "(mail=a.arbor@example.org)", true },
	{ "(mail=*@example.org)", true },
	{ "(mail=ANN*)", true },
	{ "(mail=*arbor*)", true },
	{ "(mail=a*example*org)", true },
	{ "(mail=a*org*example)", false },
	{ "(mail=ann@example.org*org)", false },
	{ "(mail=*@*@*)", false },
	{ "(mail=**org)", true },
	{ "(sn=o\\28b\\2a\\5cr)", true },
	{ "(sn=*\\2a*)", true },
	{ "(uid=*\\2a*)", false },
	{ "(bytes=\\00\\ff)", true },
	{ "(age>=42)", true },
	{ "(age>=43)", false },
	{ "(age>=9)", true },
	{ "(age<=100)", true },
	{ "(age<=41)", false },
	{ "(level<=-6)", true },
	{ "(level>=-6)", false },
	{ "(uid>=ann)", true },
	{ "(uid>=anz)", false },
	{ "(uid<=b)", true },
	{ "(uid~=ANN)", true },
	{ "(nothing>=1)", false },
	{ "(flags:1.2.840.113556.1.4.803:=2)", true },
	{ "(flags:1.2.840.113556.1.4.803:=3)", false },
	{ "(flags:1.2.840.113556.1.4.804:=3)", true },
	{ "(flags:1.2.840.113556.1.4.804:=1)", false },
	{ "(!(flags:1.2.840.113556.1.4.803:=2))", false },
	{ "(uid:caseExactMatch:=ann)", true },
	{ "(uid:2.5.13.5:=ANN)", false },
	{ "(uid:caseIgnoreMatch:=ANN)", true },
	{ "(uid:=ANN)", true },
	{ "(manager=uid=bob,OU=people,dc=X)", true },
	{ "(manager=uid=bob,dc=x)", false },
	{ "(objectCategory=person)", true },
	{ "(objectCategory=computer)", false },
	{ "(cn=person)", false },
	{ "(name=J\xc3\x9cRGEN \xd0\xb6)", true },
	{ "(name=*\xc3\x9c*)", true },
	{ "(&)", true },
	{ "(|)", false },
	{ "(&(uid=ann)(age=42))", true },
	{ "(&(uid=ann)(age=43))", false },
	{ "(|(uid=bob)(age=42))", true },
	{ "(|(uid=bob)(age=43))", false },
	{ "(&(|(uid=bob)(uid=ann))(!(|(sn=x)(sn=y)))(objectClass=inetorgperson))", true },
	{ "( & (uid=ann) (age=42) )", true },
};

static const struct {
	const char *filter;
	unsigned column;
	const char *what;
} refused[] = {
	{ "", 1, "\"(\" is expected" },
	{ "uid=ann", 1, "\"(\" is expected" },
	{ "(uid=ann", 9, "\")\" is expected" },
	{ "(uid=ann))", 10, "it goes on" },
	{ "(uid=x)(uid=y)", 8, "it goes on" },
	{ "(uid)", 5, "one of = >=" },
	{ "(=a)", 2, "an attribute name is expected" },
	{ "(uid>a)", 6, "one of = >=" },
	{ "(uid>=a*b)", 10, "\"*\" has a meaning after" },
	{ "(uid=a(b)", 7, "\")\" is expected after a value" },
	{ "(uid=\\2)", 6, "two hexadecimal digits" },
	{ "(uid=\\zz)", 6, "two hexadecimal digits" },
	{ "(!(uid=a)(uid=b))", 17, "\"!\" takes one" },
	{ "(!)", 3, "\"!\" takes one" },
	{ "(&(uid=a)", 10, "\")\" is expected" },
	{ "(&uid=a)", 3, "\")\" is expected" },
	{ "(flags:1.2.840.113556.1.4.803:=x)", 33, "a bit rule needs a number" },
	{ "(member:1.2.840.113556.1.4.1941:=cn=a)", 9, "known to servers only" },
	{ "(ou:dn:=people)", 5, "known to servers only" },
	{ "(uid:caseExactMatch=a)", 20, "\":=\" is expected" },
	{ "(uid::=a)", 6, "a matching rule is expected" },
};

static void test_match(void **state)
{
	struct ldif *ldif = ldif_open_text(ann, sizeof(ann) - 1, "t");
	struct arena mem = ARENA_INIT;
	const struct ldif_entry *entry;

	(void)state;
	assert_int_equal(ldif_next(ldif, &entry, NULL), 1);
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		const char *text = matches[i].filter;
		const struct dir_filter *filter;
		struct err err = ERR_INIT;

		if (dir_filter_parse(&mem, text, strlen(text), true, &filter, &err))
			fail_msg("%s: %s", text, err.text);
		if (dir_filter_match(filter, entry) != matches[i].matches)
			fail_msg("%s: should %smatch", text, matches[i].matches ? "" : "not ");
	}
	arena_release(&mem);
	ldif_close(ldif);
}

static void test_refused(void **state)
{
	struct arena mem = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *text = refused[i].filter;
		const struct dir_filter *filter;
		struct err err = ERR_INIT;

		if (dir_filter_parse(&mem, text, strlen(text), true, &filter, &err) == 0)
			fail_msg("%s: taken", text);
		if (err.column != refused[i].column || !strstr(err.text, refused[i].what))
			fail_msg("%s: column %u, %s", text, err.column, err.text);
	}
	arena_release(&mem);
}

static void test_limits(void **state)
{
	struct arena mem = ARENA_INIT;
	const struct dir_filter *filter;
	struct err err = ERR_INIT;
	char deep[4 * DIR_FILTER_DEPTH_MAX + 32] = "";
	char *large = arena_bytes(&mem, DIR_FILTER_BYTES_MAX + 2);
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i < DIR_FILTER_DEPTH_MAX; i++)
		len += (size_t)snprintf(deep + len, sizeof(deep) - len, "(!");
	len += (size_t)snprintf(deep + len, sizeof(deep) - len, "(a=b)");
	for (unsigned i = 0; i < DIR_FILTER_DEPTH_MAX; i++)
		len += (size_t)snprintf(deep + len, sizeof(deep) - len, ")");
	assert_int_equal(dir_filter_parse(&mem, deep, len, true, &filter, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	/* One level less is taken. */
	assert_int_equal(dir_filter_parse(&mem, deep + 2, len - 3, true, &filter, NULL), 0);
	memset(large, 'a', DIR_FILTER_BYTES_MAX + 1);
	err = (struct err)ERR_INIT;
	assert_int_equal(dir_filter_parse(&mem, large, DIR_FILTER_BYTES_MAX + 1, true, &filter,
					  &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	arena_release(&mem);
}

/* Rules that only servers know pass for a server. */
static void test_for_server(void **state)
{
	static const char *const filters[] = {
		"(member:1.2.840.113556.1.4.1941:=cn=a,dc=x)", "(ou:dn:=people)",
		"(:caseExactMatch:=a)", "(&(a:rule:=b)(c=d))",
	};
	struct arena mem = ARENA_INIT;
	const struct dir_filter *filter;

	(void)state;
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		struct err err = ERR_INIT;

		if (dir_filter_parse(&mem, filters[i], strlen(filters[i]), false, &filter, &err))
			fail_msg("%s: %s", filters[i], err.text);
	}
	arena_release(&mem);
}

static void test_person(void **state)
{
	static const struct {
		const char *person, *filter, *dn; /* both NULL = refused */
	} cases[] = {
		{ "uid=ann", "(uid=ann)", NULL },
		{ "cn=Doe, John", "(cn=Doe, John)", NULL },
		{ "cn=a*(b)\\", "(cn=a\\2a\\28b\\29\\5c)", NULL },
		{ "mail=", "(mail=)", NULL },
		{ "(uid=ann)", "(uid=ann)", NULL },
		{ "uid=Ann,dc=X", NULL, "uid=ann,dc=x" },
		{ "uid=ann)(uid=*", "(uid=ann\\29\\28uid=\\2a)", NULL },
		{ "(uid=ann))(uid=*", NULL, NULL },
		{ "uid)(x=ann", NULL, NULL },
		{ "ann", NULL, NULL },
		{ "=ann", NULL, NULL },
		{ "", NULL, NULL },
	};
	struct arena mem = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct person_query query = { 0 };
		bool taken = cases[i].filter || cases[i].dn;

		if ((person_query_parse(&mem, cases[i].person, true, &query, NULL) == 0) != taken)
			fail_msg("%s: %s", cases[i].person, taken ? "refused" : "taken");
		if (cases[i].filter && (!query.filter || strcmp(query.filter, cases[i].filter) != 0))
			fail_msg("%s: %s", cases[i].person, query.filter);
		if (cases[i].dn && (!query.dn.data || !slice_eq_str(query.dn, cases[i].dn)))
			fail_msg("%s: not this DN", cases[i].person);
	}
	arena_release(&mem);
}

static void test_scope(void **state)
{
	static const struct {
		const char *base, *dn;
		bool sub, one, same;
	} cases[] = {
		{ "dc=x", "dc=x", true, false, true },
		{ "dc=x", "ou=a,dc=x", true, true, false },
		{ "dc=x", "uid=b,ou=a,dc=x", true, false, false },
		{ "dc=x", "dc=y", false, false, false },
		{ "dc=x", "o=adc=x", false, false, false },
		{ "", "dc=x", true, true, false },
		{ "", "ou=a,dc=x", true, false, false },
		{ "", "", true, false, true },
		{ "ou=a,dc=x", "dc=x", false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice base = slice_str(cases[i].base), dn = slice_str(cases[i].dn);

		if (scope_holds(SCOPE_SUB, base, dn) != cases[i].sub ||
		    scope_holds(SCOPE_ONE, base, dn) != cases[i].one ||
		    scope_holds(SCOPE_BASE, base, dn) != cases[i].same)
			fail_msg("base \"%s\", dn \"%s\"", cases[i].base, cases[i].dn);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),	   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),	   cmocka_unit_test(test_for_server),
		cmocka_unit_test(test_person),	   cmocka_unit_test(test_scope),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
