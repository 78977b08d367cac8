/*
 * JSON Schemas: rows of documents that tests/npm/schema.js judges by the schemas are loaded
 * here, and must come out the same; and what the schemas hold in any case.
 */
#include <stdlib.h>
#include <unistd.h>

#include "tests/cases.h"

#include "bridge/config/config.h"
#include "bridge/config/config_impl.h"
#include "mappings/json_schema.h"
#include "mappings/rule_test.h"
#include "mappings/rules_impl.h"

#include "scim/base/banned.h"

#define ROWS "tests/cases/schema/rows.txt"

static bool load_settings(struct slice text, struct diags *diags)
{
	char path[] = "/tmp/test_json_schema_XXXXXX";
	struct config *config = NULL;
	int fd = mkstemp(path);
	bool loaded;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.data, text.len), text.len);
	assert_int_equal(close(fd), 0);
	loaded = config_load(path, &config, diags) == 0;
	config_free(config);
	unlink(path);
	return loaded;
}

static bool load_rules(struct slice text, struct diags *diags)
{
	struct rules *rules = NULL;
	bool loaded = rules_load_text("r.yaml", text, &rules, diags) == 0;

	rules_free(rules);
	return loaded;
}

static bool load_cases(struct slice text, struct diags *diags)
{
	struct rule_tests *tests = NULL;
	bool loaded = rule_tests_load("r.test.yaml", text, false, &tests, diags) == 0;

	rule_tests_free(tests);
	return loaded;
}

static const struct {
	const char *kind;
	bool (*load)(struct slice text, struct diags *diags);
	void (*make)(struct buf *out);
} kinds[] = {
	{ "settings ", load_settings, config_schema },
	{ "rules ", load_rules, rules_schema },
	{ "test ", load_cases, rule_test_schema },
};

/* "good rules {...}" */
static bool run_row(const char *row, size_t len, unsigned line)
{
	bool want = strncmp(row, "good ", 5) == 0;
	size_t head = want ? 5 : 4;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t skip = head + strlen(kinds[i].kind);
		struct diags diags = { 0 };
		bool got;

		if (len < skip || strncmp(row + head, kinds[i].kind, skip - head) != 0)
			continue;
		got = kinds[i].load(slice_of(row + skip, len - skip), &diags);
		if (got != want)
			fprintf(stderr, "%s:%u: %.*s: %s\n", ROWS, line, (int)len, row,
				diags.count ? diags.items[0].text : "it loads");
		diags_release(&diags);
		return got == want;
	}
	fprintf(stderr, "%s:%u: no such row\n", ROWS, line);
	return false;
}

static void test_rows(void **state)
{
	struct err err = ERR_INIT;
	unsigned line = 0, count = 0;
	bool good = true;
	struct buf text;

	(void)state;
	buf_init(&text, CASE_FILE_BYTES_MAX);
	if (buf_read_file(&text, ROWS, &err))
		fail_msg("%s", err.text);
	for (const char *at = text.data; *at;) {
		size_t len = strcspn(at, "\n");

		line++;
		if (len && *at != '#') {
			good &= run_row(at, len, line);
			count++;
		}
		at += len + (at[len] == '\n');
	}
	buf_release(&text);
	assert_true(count > 100);
	assert_true(good);
}

/* Without a section a setting could be written with dots only. */
static void test_sections(void **state)
{
	size_t option_count, section_count;
	const struct option *options = config_options(&option_count);
	const struct section *sections = config_sections(&section_count);

	(void)state;
	for (size_t i = 0; i < option_count; i++)
		for (const char *dot = strchr(options[i].name, '.'); dot;
		     dot = strchr(dot + 1, '.')) {
			size_t len = (size_t)(dot - options[i].name);
			bool found = false;

			for (size_t s = 0; s < section_count; s++)
				found |= strlen(sections[s].name) == len &&
					 strncmp(sections[s].name, options[i].name, len) == 0;
			if (!found)
				fail_msg("no SECTION(\"%.*s\", ...) in options.def", (int)len,
					 options[i].name);
		}
}

/* Each is JSON, and each "$ref" in it has its definition. */
static void test_references(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct arena mem = ARENA_INIT;
		struct err err = ERR_INIT;
		struct json_in in;
		struct buf text;
		unsigned refs = 0;

		buf_init(&text, SCHEMA_BYTES_MAX);
		kinds[i].make(&text);
		assert_false(buf_failed(&text));
		json_open(&in, text.data, text.len, kinds[i].kind, &mem, &err);
		json_skip(&in);
		if (json_close(&in))
			fail_msg("%s: %s", kinds[i].kind, err.text);
		for (const char *at = text.data; (at = strstr(at, "#/$defs/")); refs++) {
			size_t len;

			at += strlen("#/$defs/");
			len = strcspn(at, "\"");
			if (!strstr(text.data, arena_printf(&mem, "\"%.*s\":{", (int)len, at)))
				fail_msg("%s: no definition of %.*s", kinds[i].kind, (int)len,
					 at);
		}
		assert_true(refs > 20);
		arena_release(&mem);
		buf_release(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
