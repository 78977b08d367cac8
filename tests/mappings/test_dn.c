/* Distinguished names: one form for equal names, parts, and what is no DN. */
#include <stdlib.h>

#include "tests/cases.h"

#include "mappings/dn.h"
#include "scim/base/banned.h"

static void test_normalize(void **state)
{
	static const struct {
		const char *dn, *want;
	} rows[] = {
		{ "", "" },
		{ "   ", "" },
		{ "dc=org", "dc=org" },
		{ "CN=Ana Li,OU=People,DC=Example,DC=ORG", "cn=ana li,ou=people,dc=example,dc=org" },
		{ " cn = Ana  Li , ou=People ", "cn=ana li,ou=people" },
		{ "cn=a;ou=b", "cn=a,ou=b" }, /* RFC 4514 section 4: LDAPv2 separators */
		{ "cn=\\20a\\20 ,ou=b", "cn=a,ou=b" },
		{ "cn=Li\\, Ana,ou=b", "cn=li\\2c ana,ou=b" },
		{ "cn=Li\\2C Ana,ou=b", "cn=li\\2c ana,ou=b" },
		{ "cn=a=b,ou=c", "cn=a\\3db,ou=c" },
		{ "cn=a\\3Db,ou=c", "cn=a\\3db,ou=c" },
		{ "cn=\\\"x\\\"\\+\\\\\\<\\>\\;,ou=c",
		  "cn=\\22x\\22\\2b\\5c\\3c\\3e\\3b,ou=c" },
		{ "cn=J\xc3\x9cRGEN", "cn=j\xc3\xbcrgen" },
		{ "cn=J\\C3\\9CRGEN", "cn=j\xc3\xbcrgen" },
		{ "cn=\xce\xa9\xd0\x96", "cn=\xcf\x89\xd0\xb6" },
		{ "cn=\\FFx", "cn=\xffx" }, /* bytes that are not UTF-8 stay */
		{ "sn=b+CN=a,ou=c", "cn=a+sn=b,ou=c" },
		{ "CN=a+sn=b,ou=c", "cn=a+sn=b,ou=c" },
		{ "uid=x+uid=a", "uid=a+uid=x" },
		{ "2.5.4.3=X", "2.5.4.3=x" },
		{ "cn=,ou=b", "cn=,ou=b" },
		{ "cn=a\\00b", "cn=a\\00b" },
		{ "cn=a\\0Db", "cn=a\\0db" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		struct slice norm, again;

		if (dn_normalize(&mem, rows[i].dn, strlen(rows[i].dn), &norm, &err))
			fail_msg("%s: %s", rows[i].dn, err.text);
		if (!slice_eq_str(norm, rows[i].want))
			fail_msg("%s: %.*s", rows[i].dn, SLICE_FMT(norm));
		if (dn_normalize(&mem, norm.data, norm.len, &again, &err) ||
		    !slice_eq(norm, again))
			fail_msg("%s: not the same a second time", rows[i].dn);
		arena_release(&mem);
	}
}

static const struct {
	const char *dn, *want;
} bad[] = {
	{ "x", "an attribute name and \"=\" are expected at byte 2" },
	{ "=x", "an attribute name and \"=\" are expected" },
	{ ",cn=x", "an attribute name and \"=\" are expected at byte 1" },
	{ "cn=x,y", "an attribute name and \"=\" are expected at byte 7" },
	{ "cn=x+", "an attribute name and \"=\" are expected" },
	{ "cn=x,,dc=y", "an attribute name and \"=\" are expected" },
	{ "cn=x,", "it ends with a comma" },
	{ "cn=x;", "it ends with a comma" },
	{ "c_n=x", "an attribute name has letters, digits" },
	{ "c n=x", "an attribute name has letters, digits" },
	{ "c\xc3\xb6=x", "an attribute name has letters, digits" },
	{ "cn=x\\", "it ends inside an escape" },
	{ "cn=\"x\"", "a character that must be escaped at byte 4" },
	{ "cn=<x", "a character that must be escaped" },
	{ "cn=x>", "a character that must be escaped" },
	{ "a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1",
	  "too many parts in one RDN" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		struct slice norm = { NULL, 0 };

		if (dn_normalize(&mem, bad[i].dn, strlen(bad[i].dn), &norm, &err) != -1 ||
		    norm.data || err.kind != ERR_INVALID || !strstr(err.text, bad[i].want))
			fail_msg("%s: %s", bad[i].dn, err.text);
		assert_false(dn_looks_like(bad[i].dn, strlen(bad[i].dn)));
		arena_release(&mem);
	}
}

/* A name of many RDNs, in a form that needs care and in one that does not. */
static void check_limit(const char *rdn, unsigned count, enum err_kind want)
{
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct slice norm;
	struct buf dn;

	buf_init(&dn, 1 << 20);
	for (unsigned i = 0; i < count; i++)
		buf_addf(&dn, "%s%s", i ? "," : "", rdn);
	dn_normalize(&mem, dn.data, dn.len, &norm, &err);
	if (err.kind != want)
		fail_msg("%u of %s: %s", count, rdn, err.text);
	buf_release(&dn);
	arena_release(&mem);
}

static void test_limits(void **state)
{
	static char dn[DN_BYTES_MAX + 1];
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct slice out;

	(void)state;
	check_limit("dc=x", DN_RDNS_MAX, ERR_NONE);
	check_limit("dc=x", DN_RDNS_MAX + 1, ERR_INVALID);
	check_limit("dc=\\x", DN_RDNS_MAX, ERR_NONE);
	check_limit("dc=\\x", DN_RDNS_MAX + 1, ERR_INVALID);
	/* The longest that is taken, all of it in need of an escape. */
	memset(dn, ',', sizeof(dn));
	for (size_t i = 3; i + 1 < DN_BYTES_MAX; i += 2)
		dn[i] = '\\';
	memcpy(dn, "cn=", 3);
	dn[DN_BYTES_MAX - 1] = 'x';
	assert_int_equal(dn_normalize(&mem, dn, DN_BYTES_MAX, &out, &err), 0);
	assert_int_equal(out.len, 3 + (DN_BYTES_MAX - 4) / 2 * 3 + 1);
	assert_int_equal(dn_normalize(&mem, dn, sizeof(dn), &out, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	err = (struct err)ERR_INIT;
	assert_int_equal(dn_part(&mem, dn, sizeof(dn), "cn", &out, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_false(dn_looks_like(dn, sizeof(dn)));
	arena_release(&mem);
}

static void test_looks_like(void **state)
{
	(void)state;
	assert_true(dn_looks_like("cn=x", 4));
	assert_true(dn_looks_like("cn=Sales, Europe=x,dc=y", 4)); /* its first four bytes */
	assert_false(dn_looks_like("", 0));
	assert_false(dn_looks_like("  ", 2));
	assert_false(dn_looks_like("cc-agents", 9));
	assert_false(dn_looks_like("Sales, Europe", 13));
	assert_false(dn_looks_like("a_b=c", 5));
}

static void test_below(void **state)
{
	static const struct {
		const char *dn, *base;
		bool below;
	} rows[] = {
		{ "ou=a,dc=b", "dc=b", true },	   { "ou=a,dc=b", "ou=a,dc=b", true },
		{ "ou=a,dc=b", "", true },	   { "", "", true },
		{ "dc=b", "ou=a,dc=b", false },	   { "ou=a,xdc=b", "dc=b", false },
		{ "ou=x\\2cdc=b", "dc=b", false }, { "ou=a,dc=c", "dc=b", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (dn_is_below(slice_str(rows[i].dn), slice_str(rows[i].base)) != rows[i].below)
			fail_msg("%s below %s", rows[i].dn, rows[i].base);
}

static void test_part(void **state)
{
	static const struct {
		const char *dn, *type, *want; /* NULL = not found */
	} rows[] = {
		{ "cn=Sales Europe,ou=Groups", "cn", "Sales Europe" },
		{ "CN=Sales,ou=Groups", "cn", "Sales" },
		{ "cn=Sales,ou=Groups,ou=Top", "OU", "Groups" },
		{ "cn=Li\\, Ana ,ou=b", "cn", "Li, Ana" },
		{ "cn=J\\C3\\BCrg,ou=b", "cn", "J\xc3\xbcrg" },
		{ "sn=b+cn=A,ou=c", "cn", "A" },
		{ "cn=a", "uid", NULL },
		{ "", "uid", NULL },
	};
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct slice value;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status;

		err = (struct err)ERR_INIT;
		status = dn_part(&mem, rows[i].dn, strlen(rows[i].dn), rows[i].type, &value, &err);
		if (rows[i].want ? status || !slice_eq_str(value, rows[i].want)
				 : status != -1 || err.kind != ERR_NOT_FOUND)
			fail_msg("%s of %s: %s", rows[i].type, rows[i].dn, err.text);
	}
	err = (struct err)ERR_INIT;
	assert_int_equal(dn_part(&mem, "x", 1, "cn", &value, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	arena_release(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normalize),  cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),	   cmocka_unit_test(test_looks_like),
		cmocka_unit_test(test_below),	   cmocka_unit_test(test_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
