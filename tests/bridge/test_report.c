#include "bridge/report/report.h"
#include "scim/base/json.h"
#include "tests/bridge/plan_scene.h"

#include <openssl/evp.h>

#include "scim/base/banned.h"

/*
 * Reports against files under tests/cases/report. With REPORT_WRITE set in the environment
 * the files are written anew; look at what changed before you keep it.
 */
#define CASES "tests/cases/report/"

static void compare(const char *file, const char *got, size_t len)
{
	char path[200];
	struct err err = ERR_INIT;
	struct buf expected;
	FILE *f;

	snprintf(path, sizeof(path), CASES "%s", file);
	if (getenv("REPORT_WRITE")) {
		f = fopen(path, "w");
		assert_non_null(f);
		assert_int_equal(fwrite(got, 1, len, f), len);
		fclose(f);
	}
	buf_init(&expected, 1 << 20);
	if (buf_read_file(&expected, path, &err))
		fail_msg("%s", err.text);
	if (expected.len != len || memcmp(expected.data, got, len) != 0)
		fail_msg("%s\n--- expected\n%s--- got\n%.*s", path, expected.data, (int)len, got);
	buf_release(&expected);
}

/* --- plans ------------------------------------------------------------------------------- */

static const char company[] =
	"person a user=ann@x.org name=Ann_Müller title=Agent division=Bern skill=Billing:4 "
	"language=German:5 role=employee role=Admin queue=Q1\n"
	"person b user=bob@x.org name=Bob title=Senior_agent phoneNumbers.work=+41_1 "
	"skill=Billing:3.5 own:group=manage group=G1\n"
	"person c user=cid@x.org name=山田太郎\n"
	"person d user=dan@x.org name=D\xcc\x81\x61n skill=Biling:2\n"
	"person e user=eve@x.org name=Eve problem:person\n"
	"person f user=fay@x.org name=Fay problem:note\n"
	"person g user=new@x.org name=Gus\n"
	"person h user=hal@x.org name=Hal\n"
	"account B user=bob@x.org ext=b displayName=Bob title=Agent skill=Billing:2 "
	"skill=Sales:1 group=G2\n"
	"account C user=cid@x.org ext=c displayName=山田太郎 state=inactive\n"
	"account D user=dan@x.org ext=d displayName=D\xcc\x81\x61n\n"
	"account E user=eve@x.org ext=e displayName=Eve\n"
	"account F user=fay@x.org ext=f displayName=Fay\n"
	"account G user=gus@x.org ext=g displayName=Gus\n"
	"account H user=hal@x.org ext=h displayName=Hal\n"
	"account L user=lea@x.org displayName=Lea\n"
	"account X user=stranger@x.org\n"
	"link b B title=Boss skill=Billing:2 skill=Sales:1 group=G2\nlink c C left\nlink d D\n"
	"link e E\nlink f F\nlink g G\nlink l L\n";

static const char *const places[] = { "", "agents.yaml:14:9 (agents)",
				      "agents.yaml:20:11 (agents.assign[1])" };

static void add_places(struct scene *scene)
{
	scene->plan.places = places;
	for (size_t i = 0; i < scene->plan.steps.count; i++) {
		struct step *step = &scene->plan.steps.items[i];

		if (step_row(step->kind)->wave != 1 && step->kind != STEP_DISABLE)
			step->origin = step->name ? 2 : 1;
	}
	for (size_t i = 0; i < scene->plan.skips.count; i++)
		scene->plan.skips.items[i].origin = 2;
}

static void make(struct scene *scene, const char *text)
{
	struct buf ignored;

	scene_read(scene, text);
	buf_init(&ignored, 1 << 20);
	scene_plan(scene, &ignored);
	buf_release(&ignored);
	add_places(scene);
}

static void setup(struct scene *scene, const char *which)
{
	scene_init(scene);
	if (strcmp(which, "refused") == 0) {
		scene->config.limits[LIMIT_RENAMES] = (struct config_limit){ 0, 100, 100 };
		scene->in.recent[LIMIT_RENAMES] = 1;
		verdict_spoil(&scene->present.verdict, "members of queue Q1: 3 came of 5");
	}
	if (strcmp(which, "near") == 0)
		scene->config.limits[LIMIT_DISABLES] = (struct config_limit){ 2, 100, 10 };
	if (strcmp(which, "formulas") == 0)
		make(scene, "person a user==1+1@x name=+49_1 title=-1\n"
			    "person b user=b@x name=@SUM(A1) title=\uff1dx\n"
			    "person c user=c@x name=_=1 title=\"a,b\";'c\n"
			    "person d user=d@x name=a=b title=5-1\n"
			    "account B user=b@x ext=b displayName==HYPERLINK(\"//x\")\nlink b B\n");
	else if (strcmp(which, "empty") == 0)
		make(scene, "person a\naccount A user=a@x ext=a displayName=a\nlink a A\n");
	else if (strcmp(which, "hostile") == 0)
		make(scene, "person a user=x\033[31m@x name=\xe2\x80\xae" "evil\a title=a\tb\xff\n"
			    "person b user=" "wide名前@x name=<script>alert(1)</script> title=\"q\"\\\n"
			    "account B user=wide名前@x ext=b displayName=o\nlink b B\n");
	else
		make(scene, company);
}

static const char *const two[] = { "BOB@x.org", "L" };
#define ONLY_TWO .only = two, .only_count = 2
#define ONLY_KIND(kind) .kinds = UINT64_C(1) << (kind)

static const struct {
	const char *file, *which;
	struct report_options options;
	unsigned long calls, per_minute;
} texts[] = {
	{ "plan.txt", "company", { 0 }, 301, 300 },
	{ "plan-color.txt", "company", { .color = true }, 1, 0 },
	{ "plan-first.txt", "company", { .people_max = 1 }, 12, 0 },
	{ "plan-refused.txt", "refused", { .people_max = 2 }, 0, 0 },
	{ "plan-near.txt", "near", { .people_max = 1 }, 0, 0 },
	{ "plan-empty.txt", "empty", { 0 }, 0, 0 },
	{ "plan-hostile.txt", "hostile", { 0 }, 0, 0 },
	{ "plan-only.txt", "company", { .filter = { ONLY_TWO } }, 0, 0 },
	{ "plan-kind.txt", "company", { .people_max = 1, .filter = { ONLY_KIND(STEP_SKILL_SET) } }, 0, 0 },
	{ "plan-only-kind.txt", "company", { .filter = { ONLY_TWO, ONLY_KIND(STEP_GRANT) } }, 0, 0 },
};

static void each_text(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct scene scene;
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);

		setup(&scene, texts[i].which);
		scene.plan.calls[API_SCIM_PATCH] = texts[i].calls;
		scene.plan.calls[API_SKILLS_PATCH] = 2 * texts[i].per_minute;
		scene.plan.calls_per_minute = texts[i].per_minute;
		report_plan_text(&scene.plan, &texts[i].options, out);
		fclose(out);
		compare(texts[i].file, text, len);
		free(text);
		scene_release(&scene);
	}
}

static const struct {
	const char *file, *which;
	struct report_filter filter;
} csvs[] = {
	{ "plan.csv", "company", { 0 } },
	{ "plan-empty.csv", "empty", { 0 } },
	{ "plan-hostile.csv", "hostile", { 0 } },
	{ "plan-formulas.csv", "formulas", { 0 } },
	{ "plan-only.csv", "company", { ONLY_TWO } },
	{ "plan-kind.csv", "company", { ONLY_KIND(STEP_SKILL_SET) } },
};

static void each_csv(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(csvs) / sizeof(*csvs); i++) {
		struct scene scene;
		struct buf out;

		setup(&scene, csvs[i].which);
		buf_init(&out, 1 << 20);
		report_plan_csv(&scene.plan, &csvs[i].filter, &out);
		compare(csvs[i].file, out.data, out.len);
		buf_release(&out);
		scene_release(&scene);
	}
}

/* What stands in the page's data element: nothing there may look like markup. */
static void pages_hold_their_data(void **unused)
{
	static const char begin[] = "id=\"data\">", end[] = "</script>\n<script>";
	static const char *const scenes[] = { "company", "empty", "hostile", "formulas", "refused" };

	(void)unused;
	for (size_t i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		const char *data, *stop;
		struct scene scene;
		struct buf out;

		setup(&scene, scenes[i]);
		buf_init(&out, 1 << 20);
		report_plan_html(&scene.plan, "0123", NULL, &out);
		data = strstr(out.data, begin);
		stop = data ? strstr(data, end) : NULL;
		if (!data || !stop) {
			fail_msg("%s: no data", scenes[i]);
			return;
		}
		data += strlen(begin);
		if (data[0] != '{' || stop[-1] != '}')
			fail_msg("%s: the data does not end where it should", scenes[i]);
		if (strcspn(data, "<>&") != (size_t)(stop - data))
			fail_msg("%s: %.40s", scenes[i], data + strcspn(data, "<>&"));
		assert_true(utf8_valid(out.data, out.len));
		buf_release(&out);
		scene_release(&scene);
	}
}

/* Nothing that reaches a terminal may steer it. */
static void hostile_text_is_harmless(void **unused)
{
	struct report_options options = { 0 };
	struct scene scene;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)unused;
	setup(&scene, "hostile");
	report_plan_text(&scene.plan, &options, out);
	fclose(out);
	assert_true(utf8_valid(text, len));
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 && text[i] != '\n')
			fail_msg("byte %02x at %zu", (unsigned char)text[i], i);
	assert_null(strstr(text, "\xe2\x80\xae")); /* right-to-left override */
	free(text);
	scene_release(&scene);
}

/* Columns of the rule's place are the same whatever script a name is in. */
static void columns_line_up(void **unused)
{
	struct report_options options = { 0 };
	struct scene scene;
	char *text = NULL, *line, *next;
	size_t len = 0, column = 0, seen = 0;
	FILE *out = open_memstream(&text, &len);

	(void)unused;
	scene_init(&scene);
	make(&scene, "person a name=Ann title=山田\nperson b name=山田太郎 title=Agent\n"
		     "person c name=e\xcc\x81\xcc\xa3 title=e\xcc\x81\xcc\xa3\n");
	report_plan_text(&scene.plan, &options, out);
	fclose(out);
	for (line = text; line && *line; line = next ? next + 1 : NULL) {
		const char *place;

		next = strchr(line, '\n');
		if (next)
			*next = '\0';
		place = strstr(line, "agents.yaml");
		if (!place)
			continue;
		if (seen++ && utf8_width(line, (size_t)(place - line)) != column)
			fail_msg("\"%s\" begins at another column", line);
		column = utf8_width(line, (size_t)(place - line));
	}
	assert_int_equal(seen, 12);
	free(text);
	scene_release(&scene);
}

/* --- JSON -------------------------------------------------------------------------------- */

static void check_seal(const struct buf *text)
{
	static const char key[] = "\n\"sha256\":\"";
	unsigned char hash[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned len = 0;
	const char *at = strstr(text->data, key);

	assert_non_null(at);
	EVP_Digest(text->data, (size_t)(at - text->data), hash, &len, EVP_sha256(), NULL);
	for (unsigned i = 0; i < len; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", hash[i]);
	at += strlen(key);
	assert_memory_equal(at, hex, 64);
	assert_string_equal(at + 64, "\"}\n");
}

/* It is JSON, the schema comes first, and there are as many steps as the plan has. */
static void check_json(const struct plan *plan, const struct buf *text)
{
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct json_in in;
	struct slice key, value;
	size_t keys = 0, steps = 0;

	json_open(&in, text->data, text->len, "plan", &mem, &err);
	while (json_object_next(&in, &key)) {
		if (!keys++) {
			assert_true(slice_eq_str(key, "schema"));
			assert_true(json_get_text(&in, &value));
			assert_true(slice_eq_str(value, "dirbridge.plan/1"));
		} else if (slice_eq_str(key, "steps")) {
			for (; json_array_next(&in); steps++)
				json_skip(&in);
		} else {
			json_skip(&in);
		}
	}
	if (json_close(&in))
		fail_msg("line %u: %s", err.line, err.text);
	assert_int_equal(steps, plan->steps.count);
	arena_release(&mem);
}

static void each_json(void **unused)
{
	static const struct {
		const char *file, *which;
	} rows[] = {
		{ "plan.json", "company" },
		{ "plan-refused.json", "refused" },
		{ "plan-empty.json", "empty" },
		{ "plan-hostile.json", "hostile" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scene scene;
		struct buf text;

		setup(&scene, rows[i].which);
		scene.plan.calls[API_SCIM_PATCH] = 7;
		scene.plan.calls_per_minute = 240;
		buf_init(&text, 1 << 20);
		report_plan_json(&scene.plan, &text);
		check_json(&scene.plan, &text);
		check_seal(&text);
		compare(rows[i].file, text.data, text.len);
		buf_release(&text);
		scene_release(&scene);
	}
}

/* What calls cost in time: rounded up, in words of the right size. */
static void durations(void **unused)
{
	static const struct {
		unsigned long calls, per_minute;
		const char *text;
	} rows[] = {
		{ 1, 300, "1 s" },        { 7, 1000000, "1 s" },     { 300, 300, "60 s" },
		{ 450, 300, "90 s" },     { 451, 300, "2 min" },     { 3000, 300, "10 min" },
		{ 35995, 300, "120 min" }, { 36000, 300, "2 h 0 min" }, { 100000, 240, "6 h 56 min" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[32];

		report_duration(rows[i].calls, rows[i].per_minute, text);
		if (strcmp(text, rows[i].text) != 0)
			fail_msg("%lu calls at %lu: %s, expected %s", rows[i].calls,
				 rows[i].per_minute, text, rows[i].text);
	}
}

/* --- results ----------------------------------------------------------------------------- */

static void fill_result(struct scene *scene, struct apply_result *result, bool good)
{
	size_t count = scene->plan.steps.count;

	*result = (struct apply_result){ .run = 12, .stopped = !good };
	result->outcomes = arena_array(&scene->mem, count, sizeof(*result->outcomes));
	result->errors = arena_array(&scene->mem, count, sizeof(*result->errors));
	for (size_t i = 0; i < count; i++) {
		enum step_outcome outcome = OUTCOME_DONE;

		if (!good)
			outcome = (enum step_outcome)(OUTCOME_DONE + i % (OUTCOME_COUNT - 1));
		result->outcomes[i] = outcome;
		result->counts[outcome]++;
		if (outcome == OUTCOME_FAILED)
			result->errors[i] = "SCIM_PATCH: 409 uniqueness: taken (correlation 1f2e)";
		else if (outcome == OUTCOME_SKIPPED)
			result->errors[i] = "not sent: an earlier step of this person failed";
	}
}

static void each_result(void **unused)
{
	static const struct {
		const char *file;
		bool good, json;
	} rows[] = {
		{ "result.txt", false, false },
		{ "result-good.txt", true, false },
		{ "result.json", false, true },
		{ "result-good.json", true, true },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct report_options options = { 0 };
		struct apply_result result;
		struct scene scene;
		struct buf json;
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);

		setup(&scene, "company");
		fill_result(&scene, &result, rows[i].good);
		buf_init(&json, 1 << 20);
		if (rows[i].json) {
			report_result_json(&scene.plan, &result, &json);
			fwrite(json.data, 1, json.len, out);
		} else {
			report_result_text(&scene.plan, &result, &options, out);
		}
		fclose(out);
		compare(rows[i].file, text, len);
		free(text);
		buf_release(&json);
		scene_release(&scene);
	}
}

static void progress(void **unused)
{
	static const struct {
		uint64_t done, total;
		const char *expected;
	} rows[] = {
		{ 0, 10, "\r" "reading                  [..............................] 0/10\033[K" },
		{ 5, 10, "\r" "reading                  [###############...............] 5/10\033[K" },
		{ 10, 10, "\r" "reading                  [##############################] 10/10\033[K" },
		{ 7, 0, "\r" "reading                  7\033[K" },
		/* A list that grew while it was read. */
		{ 30, 10, "\r" "reading                  [##############################] 30/10\033[K" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);

		report_progress(out, "reading", rows[i].done, rows[i].total);
		fclose(out);
		assert_string_equal(text, rows[i].expected);
		free(text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_text),
		cmocka_unit_test(each_csv),
		cmocka_unit_test(pages_hold_their_data),
		cmocka_unit_test(hostile_text_is_harmless),
		cmocka_unit_test(columns_line_up), cmocka_unit_test(each_json),
		cmocka_unit_test(each_result),     cmocka_unit_test(progress),
		cmocka_unit_test(durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
