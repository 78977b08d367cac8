/*
 * bridge/changes.h - a run that begins with what has changed since the last one.
 *
 *   changes_begin     may this run do so? Else everything is read, and kept when it applies
 *   changes_touched   changes of the directory + mirror -> the people whom a full run could
 *                     decide differently, through the rules
 *   changes_commit    after the plan was applied: mirror, mark and who has something left
 *
 * A person is touched when the entry or the answer for a group changed, it is gone, a date
 * of the rules is due, the last run left something undone, the manager it refers to is
 * touched, or a touched person wants the same login name or external id. Everything is read
 * when settings, rules or tables are others, when the rules ask for the time, after
 * directory.full_every, when the state is not the one of the mirror, and when the directory
 * can not tell its changes. So that the plan is the one of a full run on the same tenant.
 *
 * Memory  What is handed out lives until changes_end.
 * Errors  A mirror that fails is said in the log and makes a full run; only a directory that
 *         can not be read is an error.
 */
#ifndef BRIDGE_CHANGES_H
#define BRIDGE_CHANGES_H

#include "bridge/config/config.h"
#include "scim/base/digest.h"
#include "bridge/directory/directory.h"
#include "bridge/plan/plan.h"
#include "bridge/state/mirror.h"
#include "bridge/state/state.h"

struct changes;

struct changes_how {
	const struct config *config;
	const struct rules *rules;
	struct directory *directory;
	struct state *state;
	const char *source, *target; /* as in the keys of the state */
	int64_t time_s;
	bool write;                  /* apply: keep what is read */
	bool full;                   /* read everything whatever changed */
};

/*
 * Open the mirror and ask the directory. *ret_part: only changes need be looked at; call
 * changes_touched. Else the caller reads everything, with changes_record for each person.
 * Returns 0; -1 with *err when the directory can not be read.
 */
int changes_begin(const struct changes_how *how, struct changes **ret_changes, bool *ret_part,
		  struct err *err);
void changes_end(struct changes *changes);

/* Maps one entry; *ret_record NULL = out of scope. */
typedef int changes_map_fn(void *ctx, const struct entry *entry, struct record **ret_record,
			   int64_t *ret_due_s, struct err *err);
/*
 * The touched people through `map`. *ret_whom: all of them, also those gone, for the state.
 * *ret_full: it turned out that everything must be read after all. `groups` is what a read
 * of the groups, when one was needed, came to.
 */
int changes_touched(struct changes *changes, changes_map_fn *map, void *ctx,
		    struct verdict *groups, struct state_whom *ret_whom, bool *ret_full,
		    struct err *err);
/* People in scope, all of them, after changes_touched. */
unsigned long changes_people(const struct changes *changes);

/*
 * It must be a full read after all (ret_full): what is read from here on is kept.
 */
void changes_full(struct changes *changes);
/* In a full read: what the rules made of the person that was read last. */
void changes_record(struct changes *changes, const struct entry *entry,
		    const struct record *record, int64_t due_s);
/* The full read is over; `complete`: groups and people were read completely. */
void changes_read_done(struct changes *changes, bool complete);

/*
 * The plan was applied by this run of the state: keep what was read. `todo`: people with
 * something left undone, by directory id. Never fails the run.
 */
void changes_commit(struct changes *changes, uint64_t run, int64_t run_start_s,
		    const char *const *todo, size_t todo_count);

/* For monitoring: what is kept of the last read, without a run. */
/* A hash of all that decides what is read and what the rules make of it: settings, rules. */
void changes_inputs(const struct config *config, const struct rules *rules,
		    char out[DIGEST_TEXT]);

struct changes_kept {
	int64_t full_s; /* when everything was read last; 0 = nothing is kept */
	size_t todo;    /* people not yet as the rules want */
};
void changes_kept(const struct config *config, const char *source, const char *target,
		  struct changes_kept *ret_kept);

#endif
