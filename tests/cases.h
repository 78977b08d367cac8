/*
 * tests/cases.h - cases kept as text: a file of blocks, each with a name and sections.
 *
 *     === name of the case
 *     first section
 *     --- any word
 *     second section
 *
 * Text before the first block is a comment. Sections keep their line ends; a case is told
 * by file, line and name, and all that fail are told before the test does.
 */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "scim/base/buf.h"
#include "scim/base/err.h"
#include "scim/base/mem.h"

#define CASE_SECTIONS_MAX 4
#define CASE_FILE_BYTES_MAX (1 << 20)

struct test_case {
	const char *file, *name;
	unsigned line;
	const char *sections[CASE_SECTIONS_MAX]; /* "" when not there */
};

/* Runs one case; false when it failed (and has said why with case_failed). */
typedef bool case_fn(const struct test_case *c);

static inline bool case_failed(const struct test_case *c, const char *want, const char *got)
{
	/* cmocka's own print cuts long texts. */
	fprintf(stderr, "%s:%u: %s\n--- wanted\n%s--- got\n%s\n", c->file, c->line, c->name,
		want, got);
	return false;
}

static inline bool run_case(const struct test_case *c, case_fn *run, unsigned *count)
{
	++*count;
	return run(c);
}

/* Run every block of `file`; at least one must be there. */
static inline void run_cases(const char *file, case_fn *run)
{
	struct arena mem = ARENA_INIT;
	struct test_case c = { .file = file };
	struct err err = ERR_INIT;
	struct buf text, section;
	unsigned line = 0, count = 0, at = 0;
	bool good = true;

	buf_init(&text, CASE_FILE_BYTES_MAX);
	buf_init(&section, CASE_FILE_BYTES_MAX);
	if (buf_read_file(&text, file, &err))
		fail_msg("%s: %s", file, err.text);
	for (const char *s = text.data; *s;) {
		const char *end = strchr(s, '\n');
		size_t len = end ? (size_t)(end - s) + 1 : strlen(s);
		bool head = strncmp(s, "=== ", 4) == 0;

		line++;
		if (head || strncmp(s, "--- ", 4) == 0) {
			if (c.name)
				c.sections[at++] = arena_strndup(
					&mem, section.data ? section.data : "", section.len);
			assert_true(head || at < CASE_SECTIONS_MAX);
			buf_clear(&section);
		} else {
			buf_add(&section, s, len);
		}
		if (head) {
			if (c.name)
				good &= run_case(&c, run, &count);
			c = (struct test_case){ .file = file, .line = line };
			c.name = arena_strndup(&mem, s + 4, len - 5);
			for (at = 0; at < CASE_SECTIONS_MAX; at++)
				c.sections[at] = "";
			at = 0;
		}
		s += len;
	}
	if (c.name) {
		c.sections[at] = arena_strndup(&mem, section.data ? section.data : "",
					       section.len);
		good &= run_case(&c, run, &count);
	}
	buf_release(&text);
	buf_release(&section);
	arena_release(&mem);
	assert_true(count > 0);
	assert_true(good);
}

/* One line for each diagnosis, without the file's name. */
static inline void print_diags(const struct diags *diags, struct buf *out)
{
	for (size_t i = 0; i < diags->count; i++) {
		const struct err *err = &diags->items[i];

		buf_addf(out, "%u:%u: %s\n", err->line, err->column, err->text);
	}
}

/*
 * Are the lines of `got` those of `want`, each as far as it goes? A wanted line is
 * "place: text" where the place must be the same and the text be in it.
 */
static inline bool lines_match(const char *want, const char *got)
{
	while (*want && *got) {
		size_t want_len = strcspn(want, "\n"), got_len = strcspn(got, "\n");
		const char *space = memchr(want, ' ', want_len);
		size_t place = space ? (size_t)(space - want) + 1 : want_len;
		const char *text = want + place;

		if (got_len < place || memcmp(want, got, place) != 0 ||
		    !memmem(got + place, got_len - place, text, want_len - place))
			return false;
		want += want_len + (want[want_len] == '\n');
		got += got_len + (got[got_len] == '\n');
	}
	return !*want && !*got;
}

#endif
