/*
 * tests/bench/floor_ldap.c - the reference of read-map-floor: libldap's own loop without
 * copies (ldap_get_dn_ber, ldap_get_attribute_ber), which counts values and does nothing
 * with them.
 *
 *   floor_ldap URI CA_FILE BIND_DN PASSWORD_FILE BASE FILTER PAGE_SIZE ATTRIBUTE...
 *
 * Prints "entries=N values=N bytes=N", to be compared with what dirbridge read. entryUUID
 * may be asked for, as dirbridge does, and is not counted.
 */
#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "scim/base/buf.h"
#include "scim/base/err.h"

#include "scim/base/banned.h"

struct totals {
	unsigned long entries, values, bytes;
};

static void fail(const char *what, int code)
{
	fprintf(stderr, "floor_ldap: %s: %s\n", what, ldap_err2string(code));
	exit(1);
}

static LDAP *log_in(char **argv)
{
	int version = LDAP_VERSION3, client = 0, demand = LDAP_OPT_X_TLS_DEMAND, code;
	struct err err = ERR_INIT;
	struct buf password;
	struct berval secret;
	LDAP *ld;

	code = ldap_initialize(&ld, argv[1]);
	if (code != LDAP_SUCCESS)
		fail(argv[1], code);
	ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, argv[2]);
	ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
	ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client);
	buf_init(&password, 4096);
	if (buf_read_file(&password, argv[4], &err)) {
		fprintf(stderr, "floor_ldap: %s: %s\n", argv[4], err.text);
		exit(1);
	}
	secret.bv_val = password.data;
	secret.bv_len = strcspn(password.data, "\r\n");
	code = ldap_sasl_bind_s(ld, argv[3], LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
	if (code != LDAP_SUCCESS)
		fail("bind", code);
	buf_release(&password);
	return ld;
}

static void count_entry(LDAP *ld, LDAPMessage *entry, struct totals *totals)
{
	BerElement *ber = NULL;
	struct berval dn, name, *values;

	if (ldap_get_dn_ber(ld, entry, &ber, &dn) != LDAP_SUCCESS)
		fail("entry", LDAP_DECODING_ERROR);
	totals->entries++;
	while (ldap_get_attribute_ber(ld, entry, ber, &name, &values) == LDAP_SUCCESS &&
	       name.bv_val) {
		if (strcasecmp(name.bv_val, "entryUUID") != 0) {
			for (size_t i = 0; values && values[i].bv_val; i++) {
				totals->values++;
				totals->bytes += values[i].bv_len;
			}
		}
		ber_memfree(values);
	}
	ber_free(ber, 0);
}

/* Returns the cookie of the next page; empty = that was the last one. */
static struct berval take_done(LDAP *ld, LDAPMessage *message)
{
	struct berval cookie = { 0, NULL };
	LDAPControl **controls = NULL, *page;
	ber_int_t total;
	int code = LDAP_OTHER;

	ldap_parse_result(ld, message, &code, NULL, NULL, NULL, &controls, 0);
	if (code != LDAP_SUCCESS)
		fail("search", code);
	page = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
	if (page)
		ldap_parse_pageresponse_control(ld, page, &total, &cookie);
	ldap_controls_free(controls);
	return cookie;
}

static struct berval read_page(LDAP *ld, char **argv, struct berval cookie,
			       struct totals *totals)
{
	LDAPControl page = { 0 }, *controls[2] = { &page, NULL };
	struct berval next = { 0, NULL };
	int message, type = 0;

	ldap_create_page_control_value(ld, (ber_int_t)strtol(argv[7], NULL, 10),
				       cookie.bv_len ? &cookie : NULL, &page.ldctl_value);
	page.ldctl_oid = (char *)(uintptr_t)LDAP_CONTROL_PAGEDRESULTS;
	if (ldap_search_ext(ld, argv[5], LDAP_SCOPE_SUBTREE, argv[6], argv + 8, 0, controls, NULL,
			    NULL, LDAP_NO_LIMIT, &message) != LDAP_SUCCESS)
		fail("search", LDAP_OTHER);
	ber_memfree(page.ldctl_value.bv_val);
	while (type != LDAP_RES_SEARCH_RESULT) {
		LDAPMessage *result = NULL;

		type = ldap_result(ld, message, LDAP_MSG_ONE, NULL, &result);
		if (type <= 0)
			fail("result", LDAP_SERVER_DOWN);
		if (type == LDAP_RES_SEARCH_ENTRY)
			count_entry(ld, result, totals);
		else if (type == LDAP_RES_SEARCH_RESULT)
			next = take_done(ld, result);
		ldap_msgfree(result);
	}
	return next;
}

int main(int argc, char **argv)
{
	struct berval cookie = { 0, NULL }, next;
	struct totals totals = { 0 };
	LDAP *ld;

	if (argc < 9) {
		fprintf(stderr, "usage: floor_ldap URI CA_FILE BIND_DN PASSWORD_FILE BASE FILTER "
				"PAGE_SIZE ATTRIBUTE...\n");
		return 2;
	}
	ld = log_in(argv);
	do {
		next = read_page(ld, argv, cookie, &totals);
		ber_memfree(cookie.bv_val);
		cookie = next;
	} while (cookie.bv_len);
	ber_memfree(cookie.bv_val);
	ldap_unbind_ext_s(ld, NULL, NULL);
	printf("entries=%lu values=%lu bytes=%lu\n", totals.entries, totals.values, totals.bytes);
	return 0;
}
