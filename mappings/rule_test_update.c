/*
 * Tests of rules: the file of cases with what came out in place of what was expected.
 *
 * What is to be written is made as a small tree, which is then printed in the style of its
 * place: in brackets when it fits into a line or stands in brackets, else as a block.
 */
#include "mappings/rule_test_impl.h"

#include <stdio.h>
#include <string.h>

#include "scim/base/banned.h"

#define WIDTH_MAX 90 /* of a line in brackets, where there is a choice */
#define INDENT 2

struct out {
	const char *key;    /* in a map */
	const char *text;   /* of a leaf; NULL in a leaf: null */
	bool leaf, map;
	bool bare;          /* a leaf as it is: a number, true */
	struct out *first, *last, *next;
};

/* --- making the tree --------------------------------------------------------------------- */

static struct out *add(struct arena *mem, struct out *parent, const char *key)
{
	struct out *out = arena_alloc(mem, sizeof(*out));

	out->key = key;
	if (parent && parent->last)
		parent->last->next = out;
	else if (parent)
		parent->first = out;
	if (parent)
		parent->last = out;
	return out;
}

static struct out *add_map(struct arena *mem, struct out *parent, const char *key)
{
	struct out *out = add(mem, parent, key);

	out->map = true;
	return out;
}

static void add_text(struct arena *mem, struct out *parent, const char *key, const char *text)
{
	struct out *out = add(mem, parent, key);

	out->leaf = true;
	out->text = text;
}

static void add_bare(struct arena *mem, struct out *parent, const char *key, const char *text)
{
	add_text(mem, parent, key, text);
	parent->last->bare = true;
}

/* Map of a multi-valued attribute in the profile: the one that is there, or a new one. */
static struct out *types_of(struct arena *mem, struct out *profile, const char *name)
{
	for (struct out *out = profile->first; out; out = out->next)
		if (strcmp(out->key, name) == 0)
			return out;
	return add_map(mem, profile, name);
}

static void add_value(struct arena *mem, struct out *profile, enum scim_attr attr,
		      const char *key, const char *value)
{
	const char *name = scim_attr(attr)->name;

	if (key)
		add_text(mem, types_of(mem, profile, name), key, value);
	else
		add_text(mem, profile, name, value);
}

static const struct record_field *find_field(const struct record *record, enum scim_attr attr,
					     const char *key)
{
	for (unsigned i = 0; i < record->field_count; i++) {
		const struct scim_field *field = &record->fields[i].field;

		if (field->attr == attr &&
		    (!key || (field->key && text_eq_nocase(key, field->key))))
			return &record->fields[i];
	}
	return NULL;
}

/* An attribute that stood there as null for all its types: those that came out. */
static void put_types(struct arena *mem, const struct record *record, enum scim_attr attr,
		      struct out *profile)
{
	bool any = false;

	for (unsigned i = 0; i < record->field_count; i++) {
		const struct scim_field *field = &record->fields[i].field;

		if (field->attr != attr || !field->value)
			continue;
		add_value(mem, profile, attr, field->key, field->value);
		any = true;
	}
	if (!any)
		add_value(mem, profile, attr, NULL, NULL);
}

static void put_stated_fields(struct arena *mem, const struct test_case *test,
			      struct out *profile)
{
	for (unsigned i = 0; i < test->expect.field_count; i++) {
		const struct expect_field *want = &test->expect.fields[i];
		const struct record_field *got = find_field(test->record, want->attr, want->key);

		if (want->attr == SCIM_ATTR_MANAGER)
			add_value(mem, profile, want->attr, NULL, test->record->manager_dn);
		else if (scim_attr(want->attr)->multi && !want->key)
			put_types(mem, test->record, want->attr, profile);
		else
			add_value(mem, profile, want->attr, want->key,
				  got ? got->field.value : NULL);
	}
}

static void put_all_fields(struct arena *mem, const struct record *record,
			   struct out *profile)
{
	for (unsigned i = 0; i < record->field_count; i++) {
		const struct record_field *got = &record->fields[i];

		if (got->field.value && !rule_test_is_default(record, got))
			add_value(mem, profile, got->field.attr, got->field.key,
				  got->field.value);
	}
	if (record->manager_dn)
		add_value(mem, profile, SCIM_ATTR_MANAGER, NULL, record->manager_dn);
}

static void put_profile(struct arena *mem, const struct test_case *test, bool all,
			struct out *expect)
{
	struct out *profile = add_map(mem, NULL, "profile");

	if (all)
		put_all_fields(mem, test->record, profile);
	else if (test->expect.profile_at)
		put_stated_fields(mem, test, profile);
	if (!profile->first)
		return;
	if (expect->last)
		expect->last->next = profile;
	else
		expect->first = profile;
	expect->last = profile;
}

static void put_cleared(struct arena *mem, const struct record *record, struct out *expect)
{
	struct out *cleared = NULL;

	for (unsigned i = 0; i < record->field_count; i++) {
		const struct scim_field *field = &record->fields[i].field;

		if (field->value)
			continue;
		if (!cleared)
			cleared = add(mem, expect, "cleared");
		add_text(mem, cleared, NULL,
			 arena_printf(mem, "%s%s%s", scim_attr(field->attr)->name,
				      field->key ? "." : "", field->key ? field->key : ""));
	}
}

static void put_assign(struct arena *mem, const struct assignment *got, struct out *kind)
{
	struct out *role;

	if (got->kind == ASSIGN_SKILL || got->kind == ASSIGN_LANGUAGE) {
		add_bare(mem, kind, got->name, arena_printf(mem, "%g", got->level));
	} else if (got->division) {
		role = add_map(mem, kind, NULL);
		bool plan = got->kind == ASSIGN_WORK_PLAN;

		add_text(mem, role, plan ? "plan" : "role", got->name);
		add_text(mem, role, plan ? "unit" : "division", got->division);
	} else {
		add_text(mem, kind, NULL, got->name);
	}
}

static void put_kind(struct arena *mem, const struct test_case *test, enum assign_kind kind,
		     bool all, struct out *expect)
{
	const struct record *record = test->record;
	bool stated = test->expect.kinds[kind].at != NULL;
	struct out *out = NULL;

	for (unsigned i = 0; i < record->assign_count; i++) {
		if (record->assigns[i].kind != kind || !(all || stated))
			continue;
		if (!out)
			out = add(mem, expect, rule_test_kind_key(kind));
		put_assign(mem, &record->assigns[i], out);
	}
	if (!out && stated)
		out = add(mem, expect, rule_test_kind_key(kind));
	if (out)
		out->map = kind == ASSIGN_SKILL || kind == ASSIGN_LANGUAGE;
}

static void put_problems(struct arena *mem, const struct test_case *test, bool all,
			 struct out *expect)
{
	bool stated = test->expect.problems_at != NULL, refusal = false;
	struct out *problems = stated ? add(mem, expect, "problems") : NULL;

	for (unsigned i = 0; i < test->record->problem_count; i++) {
		const struct problem *problem = &test->record->problems[i];
		/* The first that refuses the person is in `refused`. */
		bool first = problem->scope == PROBLEM_PERSON && !refusal;

		refusal |= first;
		if (!stated && (!all || first))
			continue;
		if (!problems)
			problems = add(mem, expect, "problems");
		add_text(mem, problems, NULL, problem->text);
	}
}

static void put_reason(struct arena *mem, const struct test_case *test,
		       enum person_state state, struct out *expect)
{
	const struct record *record = test->record;

	if (state == PERSON_SKIPPED)
		add_text(mem, expect, "skipped", record->skip_reason);
	for (unsigned i = 0; state == PERSON_REFUSED && i < record->problem_count; i++)
		if (record->problems[i].scope == PROBLEM_PERSON) {
			add_text(mem, expect, "refused", record->problems[i].text);
			return;
		}
}

/* What a failing case should expect. */
static struct out *make_expect(struct arena *mem, const struct test_case *test)
{
	enum person_state state = rule_test_state(test->record);
	bool same = test->expect.node && test->expect.state == state;
	bool exactly = same && test->expect.exactly;
	bool all = exactly || (state == PERSON_TAKEN && !same);
	struct out *expect = add_map(mem, NULL, NULL);

	if (state == PERSON_OUT) {
		add_bare(mem, expect, "out_of_scope", "true");
		return expect;
	}
	put_reason(mem, test, state, expect);
	if (exactly)
		add_bare(mem, expect, "exactly", "true");
	if (same ? test->expect.rule.at != NULL : state == PERSON_TAKEN)
		add_text(mem, expect, "rule", test->record->rule);
	if (!same && !all)
		return expect;
	put_profile(mem, test, all, expect);
	if (all || test->expect.cleared_at)
		put_cleared(mem, test->record, expect);
	for (unsigned kind = 0; kind < ASSIGN_KIND_COUNT; kind++)
		put_kind(mem, test, kind, all, expect);
	put_problems(mem, test, all, expect);
	if (!expect->first) /* all that was stated is gone */
		add_text(mem, expect, "rule", test->record->rule);
	return expect;
}

/* --- printing ---------------------------------------------------------------------------- */

/* Can it stand without quotes, in brackets too, and be taken for nothing else? */
static bool plain_safe(const char *text)
{
	size_t len = strlen(text);
	unsigned char c = (unsigned char)text[0];
	bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

	if (!alpha && !(c >= '0' && c <= '9') && c != '/')
		return false;
	if (strcmp(text, "null") == 0 || text[len - 1] == ' ')
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    " _@.+/=()-") == len;
}

/* Code points that YAML takes for a line break, or that nobody could see. */
static bool hidden(uint32_t cp)
{
	return (cp >= 0x80 && cp < 0xa0) || cp == 0x2028 || cp == 0x2029 || cp == 0xfeff ||
	       cp == 0xfffe || cp == 0xffff || (cp >= 0x200b && cp <= 0x200f) ||
	       (cp >= 0x202a && cp <= 0x202e);
}

static void print_text(struct buf *to, const char *text)
{
	size_t len = strlen(text);

	if (len && plain_safe(text)) {
		buf_addstr(to, text);
		return;
	}
	buf_addch(to, '"');
	for (size_t i = 0; i < len;) {
		uint32_t cp = 0xfffd;
		size_t took = utf8_decode(text + i, len - i, &cp);

		if (!took)
			took = 1;
		if (cp == '"' || cp == '\\')
			buf_addf(to, "\\%c", (char)cp);
		else if (cp == '\n')
			buf_addstr(to, "\\n");
		else if (cp < 0x20 || cp == 0x7f)
			buf_addf(to, "\\x%02x", cp);
		else if (hidden(cp))
			buf_addf(to, "\\u%04x", cp);
		else
			buf_add(to, text + i, took);
		i += took;
	}
	buf_addch(to, '"');
}

static void print_leaf(struct buf *to, const struct out *out)
{
	if (!out->text)
		buf_addstr(to, "null");
	else if (out->bare)
		buf_addstr(to, out->text);
	else
		print_text(to, out->text);
}

static void print_flow(struct buf *to, const struct out *out)
{
	if (out->leaf) {
		print_leaf(to, out);
		return;
	}
	buf_addch(to, out->map ? '{' : '[');
	for (const struct out *item = out->first; item; item = item->next) {
		if (item != out->first)
			buf_addstr(to, ", ");
		if (item->key) {
			print_text(to, item->key);
			buf_addstr(to, ": ");
		}
		print_flow(to, item);
	}
	buf_addch(to, out->map ? '}' : ']');
}

struct style {
	unsigned indent;  /* of the lines of a block */
	const char *line; /* "\n" or "\r\n" */
};

/* In brackets behind what is on the line already, if that fits. */
static bool print_short(struct buf *to, const struct out *out, size_t used)
{
	struct buf flow;
	bool fits;

	buf_init(&flow, YAML_BYTES_MAX);
	print_flow(&flow, out);
	fits = used + utf8_width(flow.data, flow.len) <= WIDTH_MAX;
	if (fits || out->leaf || !out->first)
		buf_add(to, flow.data, flow.len);
	buf_release(&flow);
	return fits || out->leaf || !out->first;
}

static void new_line(struct buf *to, const struct style *style, unsigned indent)
{
	buf_addf(to, "%s%*s", style->line, (int)indent, "");
}

/* The members of a map or list, the first where the line stands. */
static void print_block(struct buf *to, const struct out *out, const struct style *style,
			unsigned indent)
{
	for (const struct out *item = out->first; item; item = item->next) {
		size_t start = to->len;

		if (item != out->first)
			new_line(to, style, indent);
		start = item != out->first ? start + strlen(style->line) + indent : start;
		if (item->key) {
			print_text(to, item->key);
			buf_addch(to, ':');
		} else {
			buf_addch(to, '-');
		}
		buf_addch(to, ' ');
		if (print_short(to, item, indent + to->len - start))
			continue;
		to->len--; /* the space before a line's end */
		new_line(to, style, indent + INDENT);
		print_block(to, item, style, indent + INDENT);
	}
}

/* --- putting it into the file ------------------------------------------------------------ */

/* The part of the old text that goes. */
struct edit {
	size_t start, end;
};

struct updater {
	const struct rule_tests *tests;
	struct arena mem;
	struct style style;
	size_t mark;        /* bytes of a byte order mark, which lines and columns do not count */
	VEC(size_t) lines;  /* offsets of line starts */
};

static void find_lines(struct updater *u)
{
	struct slice text = u->tests->text;

	u->mark = text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	u->style.line = "\n";
	vec_push(&u->lines, u->mark);
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != '\n')
			continue;
		if (u->lines.count == 1 && i > 0 && text.data[i - 1] == '\r')
			u->style.line = "\r\n";
		vec_push(&u->lines, i + 1);
	}
}

static size_t offset_of(const struct updater *u, const struct yaml_node *node)
{
	return u->lines.items[node->source_line - 1] + node->source_column - 1;
}

static void write_value(struct updater *u, const struct out *expect, unsigned indent,
			struct buf *to)
{
	buf_addch(to, ' ');
	if (print_short(to, expect, indent + strlen("expect: ")))
		return;
	to->len--;
	new_line(to, &u->style, indent + INDENT);
	print_block(to, expect, &u->style, indent + INDENT);
}

/* A case without `expect` gets one behind its last line, or before its bracket. */
static void insert(struct updater *u, const struct test_case *test, const struct out *expect,
		   struct buf *to, struct edit *ret)
{
	const struct yaml_node *node = test->node;
	size_t at = offset_of(u, node) + node->source.len;
	struct slice text = u->tests->text;

	if (node->flow) {
		at--;
		buf_addstr(to, ", expect: ");
		print_flow(to, expect);
	} else {
		while (at < text.len && text.data[at] != '\n' && text.data[at] != '\r')
			at++;
		new_line(to, &u->style, node->column - 1);
		buf_addstr(to, "expect:");
		write_value(u, expect, node->column - 1, to);
	}
	*ret = (struct edit){ .start = at, .end = at };
}

/* Nothing but blanks between the colon and the value? Then both can be written anew. */
static bool follows_colon(const struct updater *u, size_t colon, size_t value)
{
	size_t at = colon + 1;

	while (at < value && u->tests->text.data[at] == ' ')
		at++;
	return u->tests->text.data[colon] == ':' && at == value;
}

static void replace(struct updater *u, const struct test_case *test, const struct out *expect,
		    struct buf *to, struct edit *ret)
{
	const struct yaml_node *key = test->expect_key, *old = test->expect.node;
	size_t colon = offset_of(u, key) + key->source.len, start = offset_of(u, old);

	*ret = (struct edit){ .start = start, .end = start + old->source.len };
	if (old->flow && !test->node->flow && follows_colon(u, colon, start)) {
		ret->start = colon + 1;
		write_value(u, expect, test->node->column - 1, to);
	} else if (old->flow) {
		print_flow(to, expect);
	} else {
		print_block(to, expect, &u->style, old->column - 1);
	}
}

size_t rule_tests_update(const struct rule_tests *tests, struct buf *out)
{
	struct updater u = { .tests = tests };
	size_t at = 0, count = 0;

	find_lines(&u);
	for (size_t i = 0; i < tests->cases.count; i++) {
		const struct test_case *test = &tests->cases.items[i];
		struct edit edit;
		struct buf text;

		if (!test->failed)
			continue;
		buf_init(&text, YAML_BYTES_MAX);
		if (test->expect.node)
			replace(&u, test, make_expect(&u.mem, test), &text, &edit);
		else
			insert(&u, test, make_expect(&u.mem, test), &text, &edit);
		buf_add(out, tests->text.data + at, edit.start - at);
		buf_add(out, text.data, text.len);
		at = edit.end;
		count++;
		buf_release(&text);
	}
	buf_add(out, tests->text.data + at, tests->text.len - at);
	vec_release(&u.lines);
	arena_release(&u.mem);
	return count;
}
