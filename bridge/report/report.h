/*
 * bridge/report/report.h - a plan and a result for people and for programs.
 *
 * Text is for a person who must say yes: warnings first, then who changes and why, then
 * sums. JSON is the one form of a plan (design, "Files"). Values from outside are made
 * visible, so that none can steer a terminal.
 */
#ifndef BRIDGE_REPORT_REPORT_H
#define BRIDGE_REPORT_REPORT_H

#include <stdio.h>

#include "bridge/apply/apply.h"
#include "bridge/model/explained.h"
#include "bridge/plan/plan.h"
#include "bridge/preview.h"

/* What of a plan is shown; the sums stay those of the whole plan. */
struct report_filter {
	const char *const *only;   /* login names, directory ids or DNs; case does not count */
	size_t only_count;         /* 0 = everybody */
	uint64_t kinds;            /* bit per enum step_kind; 0 = all */
};
bool report_shows_person(const struct report_filter *filter, const struct plan_person *person);
bool report_shows_step(const struct report_filter *filter, const struct plan *plan,
		       const struct step *step);

struct report_options {
	bool color;
	unsigned people_max;       /* shown in full; 0 = all */
	struct report_filter filter;
};

void report_plan_text(const struct plan *plan, const struct report_options *options,
		      FILE *out);
/*
 * One object, one step a line, last member "sha256" over the bytes before it (from the
 * opening brace up to and including the comma in front of "sha256").
 */
void report_plan_json(const struct plan *plan, struct buf *out);
/*
 * One line a step after a line of column names (RFC 4180: CRLF, doubled quotes), in UTF-8.
 * What a spreadsheet would take for a formula gets an apostrophe before it, and control
 * characters are shown as text; the JSON form holds all values as they are.
 */
void report_plan_csv(const struct plan *plan, const struct report_filter *filter,
		     struct buf *out);
/*
 * One page that needs nothing beside itself: no network, no other file, and its policy lets
 * only its own script run. `hash` is that of the JSON form, `approval` says in words whether
 * somebody has signed it; NULL = not said.
 */
void report_plan_html(const struct plan *plan, const char *hash, const char *approval,
		      struct buf *out);
/* "skill", "role", ...: what a step of this kind is about; "" where its attribute says it. */
const char *report_step_noun(enum step_kind kind);

void report_result_text(const struct plan *plan, const struct apply_result *result,
			const struct report_options *options, FILE *out);
void report_result_json(const struct plan *plan, const struct apply_result *result,
			struct buf *out);

/* What other rules would make of the same people. */
void report_preview_text(const struct preview *preview, const struct report_options *options,
			 FILE *out);
void report_preview_json(const struct preview *preview, struct buf *out);

/* People and how each came to what they should have (bridge/model/explained.h). */
struct explain_report {
	const struct explained *const *people;
	size_t count;
	unsigned long more;        /* that match and are not among them */
	const struct rules *rules; /* for the places */
	const struct verdict *groups; /* of the read of groups */
	int64_t time_s;
	bool offline;              /* the tenant was not asked */
	bool color, all;           /* of the text: all = each part of each rule */
	unsigned columns;          /* of the terminal */
};
void report_explain_text(const struct explain_report *report, FILE *out);
void report_explain_json(const struct explain_report *report, struct buf *out);

/* Calls by operation, the most first, and the time they take; nothing when there are none. */
void report_calls_text(const struct plan *plan, FILE *out);
/* "40 s", "6 min", "2 h 5 min" for so many calls; per_minute > 0. */
void report_duration(unsigned long calls, unsigned long per_minute, char out[32]);
/* Steps done, and the time that the calls left to make will take, as a progress line. */
void report_apply_progress(const struct plan *plan, unsigned long steps_done,
			   unsigned long calls_done, FILE *out);

/* `done` of `total` as one line on a terminal, drawn over the last one. */
void report_progress(FILE *out, const char *what, uint64_t done, uint64_t total);
void report_progress_end(FILE *out);

#endif
