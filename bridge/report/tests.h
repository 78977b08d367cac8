/*
 * bridge/report/tests.h - results of tests of rules: text, JSON, JUnit XML.
 *
 * Values from outside are made visible in text and escaped in JSON and XML.
 */
#ifndef BRIDGE_REPORT_TESTS_H
#define BRIDGE_REPORT_TESTS_H

#include <stdio.h>

#include "mappings/rule_test.h"

struct test_report {
	const struct rule_test_result *results; /* those of one file together */
	size_t count;
	const struct rule_branch *branches;     /* sorted by file and line */
	size_t branch_count;
	bool all_branches;                      /* in text: with counts, not only the missed */
	bool quiet;                             /* in text: only what failed */
};

struct test_sums {
	size_t passed, failed, updated;
	size_t hit; /* branches */
};
struct test_sums report_tests_sum(const struct test_report *report);

/* Each difference as expected (-) and as it came out (+), then sums and coverage. */
void report_tests_text(const struct test_report *report, FILE *out);
/* {"schema": "dirbridge.test/1", "cases": [...], "coverage": {...}} */
void report_tests_json(const struct test_report *report, struct buf *out);
/* A <testsuite> for each file. What XML 1.0 can not carry is written as U+FFFD. */
void report_tests_junit(const struct test_report *report, struct buf *out);

#endif
