#include "mappings/cel_manual.h"

#include <stdio.h>

#include "mappings/cel_impl.h"
#include "mappings/table.h"
#include "scim/base/banned.h"

/* ---- the scene ---- */

static const char *const scene_attrs[][3] = {
	{ "cn", "Ann Lée" },
	{ "mail", "Ann.Lee@example.org" },
	{ "l", "Berlin" },
	{ "employeeType", "PT" },
	{ "telephoneNumber", "030 1234-567" },
	{ "manager", "CN=Bo Ek,OU=People,DC=example,DC=org" },
	{ "skillTag", "Billing:4", "Refunds:3" },
	{ "userAccountControl", "512" },
	{ "accountExpires", "134483328000000000" },
	{ "whenCreated", "20240101120000.0Z" },
};
#define SCENE_ATTRS (sizeof(scene_attrs) / sizeof(*scene_attrs))
static const char scene_dn[] = "uid=ann,ou=Billing,ou=people,dc=example,dc=org";
static const char *const scene_groups[] = { "cc-agents",
					    "cn=cc-billing,ou=groups,dc=example,dc=org" };
static const struct {
	const char *name, *path, *text;
} scene_tables[] = {
	{ "sites", "sites.csv",
	  "city,division,unit\nBerlin,Site Berlin,MU 1\nLisbon,Site Lisbon,MU 2\n" },
	{ "hours", "hours.yaml", "PT: Part time 20h\nFT: Full time 40h\n" },
};
#define SCENE_TABLES (sizeof(scene_tables) / sizeof(*scene_tables))
#define SCENE_NOW 1769851800 /* 2026-01-31T09:30:00Z */

int cel_manual_eval(struct slice text, struct buf *out)
{
	struct slice values[SCENE_ATTRS][2];
	struct cel_attr attrs[SCENE_ATTRS];
	struct tables *tables = tables_new();
	struct cel_once how = { .check = true, .now_s = SCENE_NOW, .dn = scene_dn,
				.tables = tables, .groups = scene_groups,
				.group_count = sizeof(scene_groups) / sizeof(*scene_groups) };
	struct err err = ERR_INIT;
	int rc = 0;

	for (size_t i = 0; i < SCENE_ATTRS; i++) {
		attrs[i] = (struct cel_attr){ slice_str(scene_attrs[i][0]), values[i], 0 };
		for (unsigned v = 1; v < 3 && scene_attrs[i][v]; v++)
			values[i][attrs[i].count++] = slice_str(scene_attrs[i][v]);
	}
	for (size_t i = 0; i < SCENE_TABLES && rc == 0; i++)
		rc = tables_load_text(tables, scene_tables[i].name, scene_tables[i].path,
				      slice_str(scene_tables[i].text), &err);
	if (rc == 0)
		rc = cel_eval_once(text, attrs, SCENE_ATTRS, &how, out);
	else
		buf_addstr(out, err.text);
	tables_free(tables);
	return rc;
}

/* ---- the rows ---- */

/* A heading, a function, or another row by its texts. */
struct row {
	const char *group;
	const struct cel_fn *fn;
	const char *name, *forms, *doc, *examples;
};

enum fn_index {
#define GROUP(title)
#define FN(id, name, style, min, max, a0, a1, a2, a3, result, prep, params, doc, examples) \
	FN_##id,
#include "mappings/cel_fn.def"
#undef FN
#undef GROUP
};

static const struct row rows[] = {
#define GROUP(title) { .group = (title) },
#define SYNTAX(name, forms, doc, examples) { NULL, NULL, name, forms, doc, examples },
#define MACRO(name, forms, doc, examples) { NULL, NULL, name, forms, doc, examples },
#include "mappings/cel_macro.def"
#undef MACRO
#undef SYNTAX
#define FN(id, name, style, min, max, a0, a1, a2, a3, result, prep, params, doc, examples) \
	{ .fn = &cel_fns[FN_##id] },
#include "mappings/cel_fn.def"
#undef FN
#undef GROUP
};
#define ROWS (sizeof(rows) / sizeof(*rows))

/* ---- forms of functions ---- */

static void add_types(struct buf *out, uint32_t types)
{
	static const char *const names[CEL_TYPE_COUNT] = {
		"null", "bool", "int", "uint", "double", "string", "bytes", "list", "map",
		"timestamp", "duration", "type", "optional",
	};
	bool first = true;

	if (types == TANY) {
		buf_addstr(out, "any");
		return;
	}
	if ((types & TNUM) == TNUM) {
		buf_addstr(out, "number");
		types &= ~TNUM;
		first = false;
	}
	for (unsigned t = 0; t < CEL_TYPE_COUNT; t++) {
		if (!(types & T_(t)))
			continue;
		buf_addf(out, "%s%s", first ? "" : "|", names[t]);
		first = false;
	}
}

/* "name: types" of the next parameter; moves on. */
static void add_param(struct buf *out, const char **names, uint32_t types)
{
	size_t len = strcspn(*names, " ");

	buf_addf(out, "%.*s: ", (int)len, *names);
	add_types(out, types);
	*names += len + ((*names)[len] == ' ');
}

/* f(a: string, [b: int]) -> bool, or string.f([b: int]) -> bool */
static void add_form(struct buf *out, const struct cel_fn *fn, bool member)
{
	const char *names = fn->params;
	unsigned i = 0;

	if (member) {
		add_types(out, fn->args[0]);
		buf_addch(out, '.');
		names += strcspn(names, " ");
		names += *names == ' ';
		i = 1;
	}
	buf_addf(out, "%s(", fn->name);
	for (unsigned first = i; i < fn->max && *names; i++) {
		buf_addf(out, "%s%s", i > first ? ", " : "", i >= fn->min ? "[" : "");
		add_param(out, &names, fn->args[i < 4 ? i : 3]);
		if (i >= fn->min)
			buf_addch(out, ']');
	}
	if (fn->max == CEL_ARGS_MAX)
		buf_addstr(out, ", ...");
	buf_addstr(out, ") -> ");
	add_types(out, fn->result);
}

static void walk_forms(const struct cel_manual *to, void *ctx, const struct cel_fn *fn)
{
	struct buf text;

	buf_init(&text, 1024);
	if (fn->style & CEL_MEMBER) {
		add_form(&text, fn, true);
		to->form(ctx, slice_of(text.data, text.len));
	}
	buf_clear(&text);
	if (fn->style & CEL_GLOBAL) {
		add_form(&text, fn, false);
		to->form(ctx, slice_of(text.data, text.len));
	}
	buf_release(&text);
}

/* ---- the walk ---- */

static struct slice next_line(const char **text)
{
	size_t len = strcspn(*text, "\n");
	struct slice line = slice_of(*text, len);

	*text += len + ((*text)[len] == '\n');
	return line;
}

static void walk_examples(const struct cel_manual *to, void *ctx, const char *examples)
{
	static const char arrow[] = " => ";

	while (*examples) {
		struct slice line = next_line(&examples);
		const char *at = memmem(line.data, line.len, arrow, sizeof(arrow) - 1);
		size_t expr = at ? (size_t)(at - line.data) : line.len;
		struct slice value = slice_of("", 0);

		if (at)
			value = slice_of(at + 4, line.len - expr - 4);
		to->example(ctx, slice_of(line.data, expr), value);
	}
}

static void walk_row(const struct cel_manual *to, void *ctx, const struct row *row)
{
	const char *forms = row->forms;

	if (to->row)
		to->row(ctx, row->fn ? row->fn->name : row->name);
	if (to->form && row->fn)
		walk_forms(to, ctx, row->fn);
	while (to->form && forms && *forms)
		to->form(ctx, next_line(&forms));
	if (to->doc)
		to->doc(ctx, row->fn ? row->fn->doc : row->doc);
	if (to->example)
		walk_examples(to, ctx, row->fn ? row->fn->examples : row->examples);
}

void cel_manual_walk(const struct cel_manual *to, void *ctx)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].group && to->group)
			to->group(ctx, rows[i].group);
		/* A second name of a macro has no texts of its own. */
		if (rows[i].fn || rows[i].doc)
			walk_row(to, ctx, &rows[i]);
	}
}

/* ---- Markdown ---- */

struct markdown {
	struct buf *out;
	bool code; /* in a block of code, which a blank line ends */
};

static void md_end_code(struct markdown *md)
{
	if (md->code)
		buf_addch(md->out, '\n');
	md->code = false;
}

static void md_code(struct markdown *md, struct slice text)
{
	buf_addf(md->out, "    %.*s", SLICE_FMT(text));
	md->code = true;
}

static void md_group(void *ctx, const char *title)
{
	struct markdown *md = ctx;

	md_end_code(md);
	buf_addf(md->out, "## %s\n\n", title);
}

static void md_row(void *ctx, const char *name)
{
	struct markdown *md = ctx;

	md_end_code(md);
	buf_addf(md->out, "### %s\n\n", name);
}

static void md_form(void *ctx, struct slice text)
{
	struct markdown *md = ctx;

	md_code(md, text);
	buf_addch(md->out, '\n');
}

static void md_doc(void *ctx, const char *text)
{
	struct markdown *md = ctx;

	md_end_code(md);
	buf_addf(md->out, "%s\n\n", text);
}

/* "//" begins a comment in CEL, so that the whole line may be pasted. */
static void md_example(void *ctx, struct slice expr, struct slice value)
{
	struct markdown *md = ctx;

	md_code(md, expr);
	buf_addf(md->out, "  // %.*s\n", SLICE_FMT(value));
}

static void md_scene(struct buf *out)
{
	buf_addf(out, "    dn: %s\n", scene_dn);
	for (size_t i = 0; i < SCENE_ATTRS; i++)
		for (unsigned v = 1; v < 3 && scene_attrs[i][v]; v++)
			buf_addf(out, "    %s: %s\n", scene_attrs[i][0], scene_attrs[i][v]);
	buf_addstr(out, "\nwho is in the groups");
	for (size_t i = 0; i < sizeof(scene_groups) / sizeof(*scene_groups); i++)
		buf_addf(out, "%s %s", i ? " and" : "", scene_groups[i]);
	buf_addstr(out, ", and these tables:\n\n");
	for (size_t i = 0; i < SCENE_TABLES; i++) {
		const char *text = scene_tables[i].text;

		buf_addf(out, "    # %s: %s\n", scene_tables[i].name, scene_tables[i].path);
		while (*text) {
			struct slice line = next_line(&text);

			buf_addf(out, "    %.*s\n", SLICE_FMT(line));
		}
	}
	buf_addch(out, '\n');
}

void cel_manual_markdown(struct buf *out)
{
	static const struct cel_manual to = {
		.group = md_group, .row = md_row, .form = md_form, .doc = md_doc,
		.example = md_example,
	};
	struct markdown md = { .out = out };

	buf_addstr(out, "# Expressions\n\nThe language is CEL, the Common Expression Language, with "
			"what directories need on top. Each example is followed by its value as "
			"JSON. They are about this person,\n\n");
	md_scene(out);
	cel_manual_walk(&to, &md);
}
