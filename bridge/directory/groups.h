/*
 * bridge/directory/groups.h - who is in which of the groups that rules name.
 *
 * Built from the group side only: each group read is added with the names of its members,
 * then membership_resolve walks down from every wanted group, cycles included. A virtual
 * memberOf is never asked for: servers compute it by searching all groups for each person.
 *
 *   membership_new -> membership_add for each group -> membership_resolve -> membership_of
 *
 * A member that is no group of the read is a person's DN, known or not. Answers are
 * GROUP_YES for what was seen even where the read was incomplete; what was not seen is then
 * GROUP_UNKNOWN instead of GROUP_NO. A wanted group that was not read, or a plain name that
 * two groups have, is GROUP_UNKNOWN for everybody.
 *
 * Memory  Owns what it holds; after membership_resolve only people in wanted groups remain.
 * Limits  MEMBERSHIP_GROUPS_MAX groups, MEMBERSHIP_MEMBERS_MAX members in all.
 */
#ifndef BRIDGE_DIRECTORY_GROUPS_H
#define BRIDGE_DIRECTORY_GROUPS_H

#include "bridge/model/verdict.h"
#include "mappings/entry.h"
#include "mappings/sid.h"

#define MEMBERSHIP_GROUPS_MAX 2000000u
#define MEMBERSHIP_MEMBERS_MAX 200000000u

struct membership;

struct membership *membership_new(const struct group_names *wanted);
void membership_free(struct membership *membership);

/*
 * A group. cn: its values of that name. Returns 0, or -1 with ERR_INVALID for a DN that
 * can not be read, ERR_LIMIT. A group met twice (two searches) is one group.
 */
int membership_add(struct membership *membership, const char *dn, size_t dn_len,
		   const struct slice *cns, uint32_t cn_count, struct err *err);
/* Members of the group added last. `attribute` tells their form: DN, DN#bits, or uid. */
enum member_form { MEMBER_DN, MEMBER_UNIQUE, MEMBER_UID, MEMBER_PRIMARY };
enum member_form member_form_of(const char *attribute);
int membership_add_member(struct membership *membership, enum member_form form,
			  const char *value, size_t len, struct err *err);
/* Many at once, which is faster; those before a broken one are added. */
int membership_add_members(struct membership *membership, enum member_form form,
			   const struct slice *values, size_t count, struct err *err);
/*
 * Everybody whose primary group it is, though it does not name them (Active Directory): its
 * objectSid, as bytes. What is none is ignored. People bring primary_group_name among their
 * uids.
 */
void membership_add_primary(struct membership *membership, struct slice sid);
/*
 * The name by which such a group knows a person, from objectSid and primaryGroupID (MS-ADTS
 * 3.1.1.4.5.20, tokenGroups: the person's domain with this relative identifier). Returns its
 * length, or 0 when one is broken. It begins with PRIMARY_GROUP_MARK, which no uid does.
 */
#define PRIMARY_GROUP_MARK '\x01'
size_t primary_group_name(struct slice sid, struct slice rid, char out[SID_TEXT_BYTES + 1]);
/* The group added last was not read whole (an attribute range). */
void membership_mark_partial(struct membership *membership);
/*
 * A group that exists but that no search reads. Without this it would look like a person's
 * DN, and who is in a wanted group through it would be taken for nobody in it. Groups that
 * were added already stay as they are: call it after all of them.
 */
int membership_add_unread(struct membership *membership, const char *dn, size_t dn_len,
			  struct err *err);
/* Object classes of groups (RFC 4519, RFC 2307, MS-ADSC), by which such ones are found. */
#define GROUP_CLASSES                                                              \
	"groupOfNames", "groupOfUniqueNames", "groupOfMembers", "posixGroup",      \
		"groupOfURLs", "group"

/*
 * Before membership_resolve: not all groups of the domains that are met were read, so that a
 * member of another domain may be a group that was not.
 */
void membership_doubt_domains(struct membership *membership);

/*
 * Walk. Wanted groups that are missing or ambiguous spoil the verdict, whose `complete`
 * says if all groups were read.
 */
void membership_resolve(struct membership *membership, struct verdict *verdict);

/*
 * Members that another domain of Active Directory keeps (foreign.h), one note for each group
 * that holds some; the first MEMBERSHIP_NOTES_MAX. With `unknown` they may stand for people of
 * ours, and who is not seen in that group is GROUP_UNKNOWN.
 */
#define MEMBERSHIP_NOTES_MAX 32
struct membership_note {
	bool unknown;
	char text[320];
};
unsigned membership_notes(const struct membership *membership,
			  const struct membership_note **ret_notes);

/* Does any group name members by uid, or have people as their primary group? */
bool membership_wants_uid(const struct membership *membership);
bool membership_wants_primary(const struct membership *membership);
unsigned membership_count(const struct membership *membership); /* wanted groups */
/*
 * Answers for the person of this normalised DN and these uids, one byte each, into
 * `answers` (membership_count of them).
 */
void membership_of(const struct membership *membership, struct slice norm_dn,
		   const struct attr_values *uids, unsigned char *answers);

/* Before membership_resolve: keep the graph, so that membership_path can be asked. */
void membership_keep_paths(struct membership *membership);

/* How somebody is in a wanted group, for people who ask why. */
struct group_path {
	const char *const *dns; /* normalised: the group that names the person, its group, ... */
	unsigned count;         /* 0 = no way was found */
	const char *unknown;    /* then: why the answer is not known, or NULL for a plain no */
};
/* The shortest way, in `mem`. One walk over the groups below the wanted one. */
void membership_path(struct membership *membership, struct arena *mem, struct slice norm_dn,
		     const struct attr_values *uids, unsigned wanted,
		     struct group_path *ret_path);

#endif
