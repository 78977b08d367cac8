/*
 * bridge/changes_impl.h - a run by changes from within; for changes.c and changes_touched.c.
 */
#ifndef BRIDGE_CHANGES_IMPL_H
#define BRIDGE_CHANGES_IMPL_H

#include "bridge/changes.h"
#include "scim/base/digest.h"

/* A row of the mirror that changes, or whose person is looked at again. */
struct changes_row {
	struct mirror_head head;
	struct slice packed;     /* values; data NULL: as in the mirror */
	bool gone, present;      /* what the directory said of it */
	bool mapped;             /* its person went through the rules, here or by another row */
	bool known;              /* it was in the mirror, as: */
	const char *old_id;
	struct slice old_norm_dn;
	bool has_uids;           /* groups may name the person by uid */
};

struct changes {
	struct changes_how how;
	char inputs[DIGEST_TEXT];
	struct mirror *mirror;
	struct mirror_mark mark;   /* as loaded, then as it is to be */
	struct buf place;          /* the directory's mark of this run */
	bool part, filling, filled;
	struct arena mem;

	/* A read of changes. */
	VEC(struct changes_row) rows;
	struct map by_key;         /* "search:key" -> index of rows */
	bool swept[2 * CONFIG_SEARCHES_MAX];
	bool any, group_changed;

	/* A full read: the person shown last, until the rules have spoken. */
	struct mirror_head pending;
	struct arena pending_mem;
	struct buf pending_packed;
	bool is_pending;

	/* What the mirror will say of all. */
	unsigned long people;
	int64_t due_s;
};

/* The earlier one of two dates, where 0 is none. */
static inline int64_t changes_earlier(int64_t a, int64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* What must be unique among people, for struct mirror_head; "" for no record. */
const char *changes_names(struct arena *mem, const struct record *record);
struct changes_row *changes_find(const struct changes *changes, unsigned search,
				 const char *key);
struct changes_row *changes_add(struct changes *changes, unsigned search, const char *key);

#endif
