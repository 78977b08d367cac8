/*
 * Attributes of an entry that came in part: the rest, asked for by base searches beside the
 * search that met the entry.
 */
#include <string.h>
#include <sys/time.h>

#include "bridge/directory/ldap_search.h"

#include "scim/base/banned.h"

/* How often reading begins again because the values moved. */
#define RESTARTS_MAX 3
/* A server that sends one value at a time still gets through a large group. */
#define ROUNDS_MAX 200000u

int ldap_read_one(struct ldap_directory *dir, const char *dn, const char **attrs,
		  LDAPMessage **ret_answer, char **ret_said)
{
	struct timeval wait = { .tv_sec = dir->config->directory.timeout_s };
	LDAPMessage *answer = NULL;
	char *said = NULL;
	int message, type;
	int code = ldap_search_ext(dir->ld, dn, LDAP_SCOPE_BASE, "(objectClass=*)",
				   (char **)(uintptr_t)attrs, 0, NULL, NULL, NULL, LDAP_NO_LIMIT,
				   &message);

	*ret_said = NULL;
	if (code != LDAP_SUCCESS)
		return code;
	type = ldap_result(dir->ld, message, LDAP_MSG_ALL, &wait, &answer);
	if (type == 0) {
		ldap_abandon_ext(dir->ld, message, NULL, NULL);
		return LDAP_TIMEOUT;
	}
	if (type < 0) {
		code = LDAP_OTHER;
		ldap_get_option(dir->ld, LDAP_OPT_RESULT_CODE, &code);
		return code == LDAP_SUCCESS ? LDAP_OTHER : code;
	}
	if (ldap_parse_result(dir->ld, answer, &code, NULL, &said, NULL, NULL, 0) !=
	    LDAP_SUCCESS)
		code = LDAP_DECODING_ERROR;
	if (code == LDAP_SUCCESS) {
		*ret_answer = answer;
		ldap_memfree(said);
		return code;
	}
	ldap_msgfree(answer);
	*ret_said = said;
	return code;
}

/* Copy the attributes that came whole; note the others. */
static int split(BerElement *attrs, struct ranges *ranges, struct buf *out)
{
	struct raw_entry entry = { .attrs = attrs };
	struct range_name part;
	struct berval raw;
	struct tlv in, name;
	unsigned char tag;

	while (ber_skip_element(entry.attrs, &raw) != LBER_DEFAULT) {
		in = tlv_of(raw.bv_val, raw.bv_len);
		if (!tlv_next(&in, &tag, &name))
			return -1;
		if (range_name_parse(slice_of((const char *)name.at, tlv_len(name)), &part) != 0) {
			if (ranges_add(ranges, part.name))
				return -1;
			continue;
		}
		tlv_begin(out, LBER_SEQUENCE, raw.bv_len);
		buf_add(out, raw.bv_val, raw.bv_len);
	}
	return 0;
}

static void take_answer(struct ldap_directory *dir, LDAPMessage *answer, struct ranges *ranges)
{
	LDAPMessage *message = ldap_first_entry(dir->ld, answer);
	struct raw_entry entry = { 0 };
	struct berval dn;
	struct slice name;
	struct tlv values;

	if (!message || ldap_get_dn_ber(dir->ld, message, &entry.attrs, &dn) != LDAP_SUCCESS)
		return;
	while (raw_entry_attr(&entry, &name, &values) == 1)
		ranges_take(ranges, name, values);
	ber_free(entry.attrs, 0);
}

/* Whole or not, from the first part on. Returns the state it ended in. */
static enum ranges_state read_parts(struct ldap_directory *dir, const char *dn,
				    struct ranges *ranges, int *ret_code)
{
	enum ranges_state state = RANGES_MORE;

	ranges_start(ranges);
	for (unsigned round = 0; state == RANGES_MORE; round++) {
		struct arena mem = ARENA_INIT;
		LDAPMessage *answer;
		char *said;

		if (round == ROUNDS_MAX) {
			snprintf(ranges->why, sizeof(ranges->why), "its parts have no end");
			return RANGES_LIMIT;
		}
		*ret_code = ldap_read_one(dir, dn, ranges_names(ranges, &mem), &answer, &said);
		arena_release(&mem);
		if (*ret_code != LDAP_SUCCESS) {
			ldap_explain_result(*ret_code, said, ranges->why, sizeof(ranges->why));
			if (*ret_code == LDAP_TIMEOUT)
				snprintf(ranges->why, sizeof(ranges->why),
					 "no answer within %u s",
					 dir->config->directory.timeout_s);
			ldap_memfree(said);
			return RANGES_LIMIT;
		}
		take_answer(dir, answer, ranges);
		ldap_msgfree(answer);
		state = ranges_end(ranges);
	}
	return state;
}

static BerElement *element_of(const struct buf *bytes)
{
	struct berval value = { bytes->len, bytes->data };
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	if (ber)
		ber_init2(ber, &value, LBER_USE_DER);
	return ber;
}

static bool is_lost(int code)
{
	return code == LDAP_SERVER_DOWN || code == LDAP_CONNECT_ERROR || code == LDAP_TIMEOUT ||
	       code == LDAP_BUSY || code == LDAP_UNAVAILABLE;
}

BerElement *ldap_range_read(struct ldap_directory *dir, const char *dn, BerElement *attrs,
			    struct buf *out, char why[RANGE_WHY_MAX], bool *ret_lost)
{
	struct ranges *ranges = mem_alloc(sizeof(*ranges));
	enum ranges_state state = RANGES_MOVED;
	BerElement *ret = NULL;
	int code = LDAP_SUCCESS;

	ranges_init(ranges);
	buf_clear(out);
	if (split(attrs, ranges, out) || ranges->count == 0) {
		snprintf(ranges->why, sizeof(ranges->why), "its attributes can not be read");
	} else {
		for (unsigned i = 0; i <= RESTARTS_MAX && state == RANGES_MOVED; i++)
			state = read_parts(dir, dn, ranges, &code);
	}
	if (state == RANGES_DONE) {
		ranges_write(ranges, out);
		if (!buf_failed(out))
			ret = element_of(out);
		else
			snprintf(ranges->why, sizeof(ranges->why), "its values are too large");
	}
	snprintf(why, RANGE_WHY_MAX, "%s", ranges->why);
	*ret_lost = is_lost(code);
	ranges_release(ranges);
	mem_free(ranges);
	return ret;
}
