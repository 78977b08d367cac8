/*
 * bridge/directory/ldap_search.h - one LDAP search, read to its end: pages, references,
 * results, and what of it spoils the verdict. For ldap.c, ldap_groups.c and what synchronises.
 *
 * Spec    RFC 4511 section 4.5 (search), RFC 2696 (paged results).
 * Use     Fill a struct ldap_search and run it; fn gets each entry, whose attributes are read
 *         with raw_entry_attr and raw_entry_value where libldap received them, without copies.
 * Errors  -1 with *err when not even the first entry came, or fn failed. All else that is
 *         missing makes the verdict incomplete.
 * Limits  LDAP_MESSAGE_BYTES_MAX a message.
 */
#ifndef BRIDGE_DIRECTORY_LDAP_SEARCH_H
#define BRIDGE_DIRECTORY_LDAP_SEARCH_H

#include "bridge/directory/ldap_impl.h"
#include "bridge/directory/range.h"
#include "bridge/directory/tlv.h"

/*
 * Entries held while earlier ones are worked on. A page should fit, so that its end is met
 * and the next one asked for early. Groups can be large, and gain little from it.
 */
#define PEOPLE_AHEAD_MAX 2000
#define GROUPS_AHEAD_MAX 16

/* What is read from an entry; good until the callback returns. */
struct raw_entry {
	struct slice dn; /* NUL-terminated */
	BerElement *attrs;
	LDAPControl **controls; /* only of a search with a control of the caller's; may be NULL */
	/* Why some attribute could not be read whole; NULL = nothing is known against it. */
	const char *partial;
};

/*
 * Returns 0, -1 with *err, or RAW_ENTRY_PART, having done nothing, for an entry with an
 * attribute that came in part: then the rest is read (MS-ADTS 3.1.1.3.1.3.3), and the entry
 * comes again, whole or with `partial` set.
 */
#define RAW_ENTRY_PART 1
typedef int raw_entry_fn(void *ctx, const struct raw_entry *entry, struct err *err);

/* What else a search with a control of the caller's is told; ctx as of fn. */
struct ldap_search_hooks {
	/* An intermediate response (RFC 4511 section 4.13), in its order among the entries. */
	int (*info)(void *ctx, const char *oid, struct slice value, struct err *err);
	/* The end, before it is judged; `diagnostic` may be NULL. Returns true to judge itself. */
	bool (*done)(void *ctx, int code, const char *diagnostic, LDAPControl **controls);
};

/*
 * May a search that lost its connection, or met a busy server, begin again, on the next
 * server where there are several?
 */
enum ldap_repeat {
	REPEAT_NEVER,
	REPEAT_UNTOUCHED, /* while fn was given nothing */
	REPEAT_ALWAYS,    /* fn takes what it was given once more */
};

struct ldap_search {
	struct ldap_directory *dir;
	const char *base, *filter;
	int scope;
	const char **attrs;
	unsigned ahead_max;
	bool missing_base_is_none; /* looking for one person by DN */
	/*
	 * Looks beyond what is configured: a base that is not there or not ours to read, and
	 * references to other servers, spoil nothing.
	 */
	bool beyond;
	/* With these the search is made in one piece, without pages. */
	LDAPControl *control;
	const struct ldap_search_hooks *hooks; /* may be NULL */
	raw_entry_fn *fn;
	void *ctx;
	struct verdict *verdict;
	/* Of a search that follows a reference; see ldap_follow.c. */
	unsigned hops;
	struct ldap_follows *follows;
	enum ldap_repeat repeat;
	void (*begin)(void *ctx); /* before each attempt; may be NULL */

	enum err_kind lost; /* ERR_NONE = not: no connection, no answer, or a busy server */
	char lost_why[240];
	struct arena scratch; /* of one entry; fn may make searches of its own */
	int message; /* request on its way, -1 = none: all has come */
	bool paged;  /* the server has sent a page control */
	struct berval cookie;
	VEC(LDAPMessage *) ahead; /* entries and infos not worked on yet, from `first` */
	size_t first;
	size_t found; /* entries of this search that came */
	VEC(char **) references; /* to be followed; each a list of addresses of the same */
	bool page_empty;
	struct slice page_dn; /* of the first entry of the page before; its own copy */
	unsigned empty_pages;
};

/* Returns 0 with the verdict saying how complete it was, or -1. */
int ldap_search_run(struct ldap_search *search, struct err *err);
/*
 * A part of the search is at one of these addresses (RFC 4511 section 4.1.10): by the policy
 * of the settings it spoils the verdict, is left out, or is kept in `references`, which then
 * owns `urls`. Returns whether it does.
 */
bool ldap_follow_note(struct ldap_search *search, char **urls);
/* Read what was kept. Returns 0 with the verdict saying how complete it was, or -1. */
int ldap_follow(struct ldap_search *search, struct err *err);
/*
 * Its pieces, for who follows several searches with controls at once: ask, hand one entry or
 * intermediate response to fn or the hooks, stop asking.
 */
int ldap_search_send(struct ldap_search *search, struct err *err);
int ldap_search_take(struct ldap_search *search, LDAPMessage *message, struct err *err);
void ldap_search_stop(struct ldap_search *search);
/* libldap's number for a scope. */
int ldap_search_scope(enum config_scope scope);

/*
 * Read one entry by its DN, while searches are under way: its whole answer, which the caller
 * frees. Returns libldap's code, with the server's words or NULL in *ret_said (ldap_memfree).
 */
int ldap_read_one(struct ldap_directory *dir, const char *dn, const char **attrs,
		  LDAPMessage **ret_answer, char **ret_said);

/*
 * Read what an entry lacks: `attrs` is where its attributes begin. Returns an entry whose
 * attributes live in `out`, to be freed by ber_free(_, 0); NULL with `why` when they can not
 * be had, *ret_lost telling that the connection is gone.
 */
#define RANGE_WHY_MAX 240
BerElement *ldap_range_read(struct ldap_directory *dir, const char *dn, BerElement *attrs,
			    struct buf *out, char why[RANGE_WHY_MAX], bool *ret_lost);

/*
 * Next attribute: its description, and values to be read by raw_entry_value. Returns 1, 0 at
 * the end, -1 when the entry is broken.
 */
int raw_entry_attr(const struct raw_entry *entry, struct slice *ret_name,
		   struct tlv *ret_values);

/* false at the end, and when the value is broken: then bytes are left in `values`. */
static inline bool raw_entry_value(struct tlv *values, struct slice *ret)
{
	struct tlv rest = *values, value;
	unsigned char tag;

	if (!tlv_next(&rest, &tag, &value) || tag != LBER_OCTETSTRING)
		return false;
	*values = rest;
	*ret = slice_of((const char *)value.at, tlv_len(value));
	return true;
}

#endif
