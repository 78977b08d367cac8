/*
 * bridge/state/mirror.h - the people as they were last read, kept so that a run can begin
 * with what has changed since.
 *
 * A file of its own beside the state: it can be lost at any time, then everything is read
 * again. It holds a row for each person of each search, the directory's mark (where the read
 * stood), and who has something still to be done.
 *
 *   full read   mirror_fill_begin, mirror_fill for each row, mirror_fill_end; the old rows
 *               stay until mirror_commit
 *   changes     mirror_each to see what is there, then one mirror_commit with what is new
 *
 * Nothing counts before mirror_commit: a run that is refused or dies moves neither rows nor
 * mark.
 *
 * Memory  Rows that are handed out are good until the callback returns; of mirror_entry and
 *         mirror_mark until the arena goes.
 * Errors  ERR_IO. A mirror that can not be opened or read is no error of the run: the caller
 *         reads everything.
 * Limits  MIRROR_BLOB_BYTES_MAX of one person's values.
 */
#ifndef BRIDGE_STATE_MIRROR_H
#define BRIDGE_STATE_MIRROR_H

#include "mappings/entry.h"
#include "scim/base/buf.h"

#define MIRROR_BLOB_BYTES_MAX (64u * 1024 * 1024)

struct mirror;

/* What of a person's row is looked at without taking its values apart. */
struct mirror_head {
	unsigned search;       /* number of the search that shows the person */
	const char *key;       /* the server's own key of the entry */
	const char *id, *dn;
	struct slice norm_dn;
	struct slice answers;  /* enum group_answer by index of group_names */
	const char *names;     /* what must be unique, a line each; "" = out of scope */
	const char *manager;   /* normalised DN of the person referred to, or "" */
	int64_t due_s;         /* when the rules decide differently by the calendar; 0 = never */
};

/* Values of the layout's slots and of uid, as bytes. */
void mirror_pack(const struct entry *entry, struct buf *out);
/* Returns 0, or -1 when the bytes are not what mirror_pack makes for this layout. */
int mirror_unpack(struct slice packed, const struct layout *layout, struct arena *mem,
		  struct attr_values **ret_attrs, struct attr_values *ret_uids);

/* One for the whole file; from the last mirror_commit. */
struct mirror_mark {
	const char *inputs;    /* fingerprint of settings, rules and tables it rests on */
	struct slice place;    /* the directory's mark, opaque */
	int64_t full_s;        /* when everything was read last */
	unsigned long people;  /* in scope */
	int64_t due_s;         /* the next date that is due for anybody; 0 = none */
	uint64_t run;          /* of the state, which committed it */
	int64_t run_start_s;
	const char *const *todo; /* people not yet as the rules want, by directory id */
	size_t todo_count;
};

/*
 * Open the mirror in `file` for this source and target. Read-only: NULL in *ret_mirror when
 * there is none. To write: made when missing, made anew when it is damaged or of another
 * form. Returns 0, or -1 with *err.
 */
int mirror_open(const char *file, const char *source, const char *target, bool write,
		struct mirror **ret_mirror, struct err *err);
void mirror_close(struct mirror *mirror);

/* 1 with *ret, 0 when nothing was committed yet, -1 with *err. */
int mirror_mark_load(struct mirror *mirror, struct arena *mem, struct mirror_mark *ret,
		     struct err *err);

/* In the order of search and key. fn returns non-zero to stop. */
typedef int mirror_head_fn(void *ctx, const struct mirror_head *head);
int mirror_each(struct mirror *mirror, mirror_head_fn *fn, void *ctx, struct err *err);
/* The packed values of one row, in mem. Returns 0, -1 with *err also when it is not there. */
int mirror_values(struct mirror *mirror, unsigned search, const char *key, struct arena *mem,
		  struct slice *ret_packed, struct err *err);

int mirror_fill_begin(struct mirror *mirror, struct err *err);
int mirror_fill(struct mirror *mirror, const struct mirror_head *head, struct slice packed,
		struct err *err);
int mirror_fill_end(struct mirror *mirror, struct err *err);

/*
 * A changed row. `packed` with data NULL leaves the values; `gone` drops the row.
 */
struct mirror_change {
	struct mirror_head head;
	struct slice packed;
	bool gone;
};
/*
 * In one transaction, on disk when it returns: the rows filled since mirror_fill_begin take
 * the place of all (`filled`), then the changes, then the mark.
 */
int mirror_commit(struct mirror *mirror, bool filled, const struct mirror_change *changes,
		  size_t count, const struct mirror_mark *mark, struct err *err);

#endif
