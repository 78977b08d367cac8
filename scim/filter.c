#include "scim/filter.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "scim/base/json.h"
#include "scim/schema.h"
#include "scim/base/banned.h"

static const struct {
	const char *name;
	enum scim_filter_op op;
} operators[] = {
	{ "eq", SCIM_FILTER_EQ }, { "ne", SCIM_FILTER_NE }, { "co", SCIM_FILTER_CO },
	{ "sw", SCIM_FILTER_SW }, { "ew", SCIM_FILTER_EW }, { "gt", SCIM_FILTER_GT },
	{ "ge", SCIM_FILTER_GE }, { "lt", SCIM_FILTER_LT }, { "le", SCIM_FILTER_LE },
	{ "pr", SCIM_FILTER_PR },
};

/* ---- parsing ---- */

struct parser {
	struct arena *mem;
	const char *text;
	size_t len, at;
	unsigned depth;
	bool element; /* inside [ ], where no other [ may be */
	struct err *err;
};

static struct scim_filter *parse_or(struct parser *p);

static struct scim_filter *fail(struct parser *p, size_t at, const char *what)
{
	err_at(p->err, ERR_INVALID, NULL, 0, (unsigned)at + 1, "%s", what);
	return NULL;
}

static void skip_spaces(struct parser *p)
{
	while (p->at < p->len && p->text[p->at] == ' ')
		p->at++;
}

/* The word at p->at, letters only; not consumed. */
static struct slice word_here(const struct parser *p)
{
	size_t end = p->at;

	while (end < p->len && ((p->text[end] >= 'a' && p->text[end] <= 'z') ||
				(p->text[end] >= 'A' && p->text[end] <= 'Z')))
		end++;
	return slice_of(p->text + p->at, end - p->at);
}

static bool word_is(struct slice word, const char *name)
{
	return text_cmp_nocase(word.data, word.len, name, strlen(name)) == 0;
}

static struct scim_filter *node(struct parser *p, enum scim_filter_op op,
				const struct scim_filter *left,
				const struct scim_filter *right)
{
	struct scim_filter *filter = arena_alloc(p->mem, sizeof(*filter));

	filter->op = op;
	filter->left = left;
	filter->right = right;
	return filter;
}

/* A JSON text or number at p->at, by the JSON reader. */
static int parse_json(struct parser *p, struct scim_filter *filter)
{
	bool is_text = p->text[p->at] == '"', ok;
	struct err err = ERR_INIT;
	struct json_in in;

	json_open(&in, p->text + p->at, p->len - p->at, NULL, p->mem, &err);
	if (is_text) {
		filter->kind = SCIM_VALUE_TEXT;
		ok = json_get_text(&in, &filter->text);
	} else {
		filter->kind = SCIM_VALUE_NUMBER;
		ok = json_get_double(&in, &filter->number);
		filter->text = slice_of(p->text + p->at, (size_t)(in.at - in.text));
	}
	if (!ok) {
		err_at(p->err, err.kind, NULL, 0, (unsigned)p->at + err.column, "%s",
		       err.text);
		return -1;
	}
	p->at += (size_t)(in.at - in.text);
	return 0;
}

static int parse_value(struct parser *p, struct scim_filter *filter)
{
	struct slice word = word_here(p);
	char c = p->at < p->len ? p->text[p->at] : '\0';

	if (c == '"' || c == '-' || (c >= '0' && c <= '9'))
		return parse_json(p, filter);
	/* As in JSON, these three are written small. */
	if (slice_eq_str(word, "true"))
		filter->kind = SCIM_VALUE_TRUE;
	else if (slice_eq_str(word, "false"))
		filter->kind = SCIM_VALUE_FALSE;
	else if (slice_eq_str(word, "null"))
		filter->kind = SCIM_VALUE_NULL;
	else
		return fail(p, p->at,
			    "a value is expected: \"text\", a number, true, false or null"),
		       -1;
	p->at += word.len;
	return 0;
}

/* RFC 7644 table 3: parts are of text, order is not of truth values. */
static int check_comparison(struct parser *p, const struct scim_filter *filter, size_t at)
{
	bool is_part = filter->op == SCIM_FILTER_CO || filter->op == SCIM_FILTER_SW ||
		       filter->op == SCIM_FILTER_EW;
	bool is_same = filter->op == SCIM_FILTER_EQ || filter->op == SCIM_FILTER_NE;

	if (is_part && filter->kind != SCIM_VALUE_TEXT)
		return fail(p, at, "co, sw and ew compare with \"text\""), -1;
	if (!is_same && !is_part && filter->kind != SCIM_VALUE_TEXT &&
	    filter->kind != SCIM_VALUE_NUMBER)
		return fail(p, at, "gt, ge, lt and le compare with \"text\" or a number"), -1;
	return 0;
}

/* After the attribute: `pr`, or an operator and a value. */
static struct scim_filter *parse_comparison(struct parser *p, struct scim_filter *filter)
{
	struct slice word;
	size_t i, at;

	if (p->at == p->len || p->text[p->at] != ' ')
		return fail(p, p->at, "a space and an operator are expected");
	skip_spaces(p);
	at = p->at;
	word = word_here(p);
	for (i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (word_is(word, operators[i].name))
			break;
	}
	if (i == sizeof(operators) / sizeof(operators[0]))
		return fail(p, at,
			    "an operator is expected: eq ne co sw ew gt ge lt le pr");
	filter->op = operators[i].op;
	p->at += word.len;
	if (filter->op == SCIM_FILTER_PR)
		return filter;
	if (p->at == p->len || p->text[p->at] != ' ')
		return fail(p, p->at, "a space and a value are expected");
	skip_spaces(p);
	if (parse_value(p, filter) != 0 || check_comparison(p, filter, at) != 0)
		return NULL;
	return filter;
}

/* What is between brackets, with the closing one; p->at is behind the opening one. */
static struct scim_filter *parse_inside(struct parser *p, char closer)
{
	struct scim_filter *inside;

	if (++p->depth > FILTER_DEPTH_MAX) {
		err_at(p->err, ERR_LIMIT, NULL, 0, (unsigned)p->at,
		       "nested deeper than %d levels", FILTER_DEPTH_MAX);
		return NULL;
	}
	inside = parse_or(p);
	if (!inside)
		return NULL;
	skip_spaces(p);
	if (p->at == p->len || p->text[p->at] != closer)
		return fail(p, p->at, closer == ')' ? "and, or or ) is expected"
						    : "and, or or ] is expected");
	p->at++;
	p->depth--;
	return inside;
}

static struct scim_filter *parse_value_path(struct parser *p, struct scim_filter *filter)
{
	if (p->element)
		return fail(p, p->at, "a [filter] inside another");
	if (filter->attr.sub.len)
		return fail(p, p->at, "a sub-attribute takes no [filter]");
	filter->op = SCIM_FILTER_ELEMENT;
	p->at++;
	p->element = true;
	filter->left = parse_inside(p, ']');
	p->element = false;
	return filter->left ? filter : NULL;
}

static struct scim_filter *parse_unary(struct parser *p)
{
	struct scim_filter *filter;
	struct slice word;
	size_t after;

	skip_spaces(p);
	word = word_here(p);
	after = p->at + word.len;
	while (after < p->len && p->text[after] == ' ')
		after++;
	/* An attribute could be called "not": only a bracket after it makes it a word. */
	if (word_is(word, "not") && after < p->len && p->text[after] == '(') {
		p->at = after + 1;
		filter = parse_inside(p, ')');
		return filter ? node(p, SCIM_FILTER_NOT, filter, NULL) : NULL;
	}
	if (p->at < p->len && p->text[p->at] == '(') {
		p->at++;
		return parse_inside(p, ')');
	}
	filter = node(p, SCIM_FILTER_PR, NULL, NULL);
	if (scim_attr_path_parse(p->text, p->len, p->at, &filter->attr, &p->at, p->err) != 0)
		return NULL;
	if (p->at < p->len && p->text[p->at] == '[')
		return parse_value_path(p, filter);
	return parse_comparison(p, filter);
}

/* The word `name` with a space before it and after it (or a bracket) is next: eat it. */
static bool eat_word(struct parser *p, const char *name)
{
	size_t start = p->at;
	struct slice word;

	skip_spaces(p);
	word = word_here(p);
	if (word_is(word, name) && (p->at > start || p->text[start - 1] == ')' ||
				    p->text[start - 1] == ']')) {
		size_t after = p->at + word.len;

		if (after < p->len && (p->text[after] == ' ' || p->text[after] == '(')) {
			p->at = after;
			return true;
		}
	}
	p->at = start;
	return false;
}

static struct scim_filter *parse_and(struct parser *p)
{
	struct scim_filter *left = parse_unary(p), *right;

	while (left && eat_word(p, "and")) {
		right = parse_unary(p);
		left = right ? node(p, SCIM_FILTER_AND, left, right) : NULL;
	}
	return left;
}

static struct scim_filter *parse_or(struct parser *p)
{
	struct scim_filter *left = parse_and(p), *right;

	while (left && eat_word(p, "or")) {
		right = parse_and(p);
		left = right ? node(p, SCIM_FILTER_OR, left, right) : NULL;
	}
	return left;
}

int scim_filter_parse(struct arena *mem, const char *text, size_t len,
		      const struct scim_filter **ret_filter, struct err *err)
{
	struct parser p = { .mem = mem, .text = text, .len = len, .err = err };
	struct scim_filter *filter;

	if (len > FILTER_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "a filter of %zu bytes, %d are allowed", len,
			       FILTER_BYTES_MAX);
	filter = parse_or(&p);
	if (!filter)
		return -1;
	skip_spaces(&p);
	if (p.at != len) {
		fail(&p, p.at, "and, or or the end is expected");
		return -1;
	}
	*ret_filter = filter;
	return 0;
}

int scim_filter_parse_element(struct arena *mem, const char *text, size_t len, size_t at,
			      const struct scim_filter **ret_filter, size_t *ret_after,
			      struct err *err)
{
	struct parser p = { .mem = mem, .text = text, .len = len, .at = at + 1,
			    .element = true, .err = err };
	struct scim_filter *filter;

	assert(at < len && text[at] == '[');
	if (len - at > FILTER_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "a filter of %zu bytes, %d are allowed",
			       len - at, FILTER_BYTES_MAX);
	filter = parse_inside(&p, ']');
	if (!filter)
		return -1;
	*ret_filter = filter;
	*ret_after = p.at;
	return 0;
}

/* ---- printing ---- */

static const char *op_name(enum scim_filter_op op)
{
	return operators[op].name; /* in the order of the enum */
}

static void print_comparison(const struct scim_filter *f, struct buf *buf)
{
	scim_attr_path_print(&f->attr, buf);
	buf_addch(buf, ' ');
	buf_addstr(buf, op_name(f->op));
	if (f->op == SCIM_FILTER_PR)
		return;
	buf_addch(buf, ' ');
	switch (f->kind) {
	case SCIM_VALUE_TEXT:
		json_quote(buf, f->text.data, f->text.len);
		break;
	case SCIM_VALUE_NUMBER:
		buf_add(buf, f->text.data, f->text.len);
		break;
	case SCIM_VALUE_TRUE:
		buf_addstr(buf, "true");
		break;
	case SCIM_VALUE_FALSE:
		buf_addstr(buf, "false");
		break;
	case SCIM_VALUE_NULL:
		buf_addstr(buf, "null");
		break;
	}
}

/* An operand, in brackets when it binds looser than its operator or would regroup. */
static void print_operand(const struct scim_filter *f, bool brackets, struct buf *buf)
{
	if (brackets)
		buf_addch(buf, '(');
	scim_filter_print(f, buf);
	if (brackets)
		buf_addch(buf, ')');
}

void scim_filter_print(const struct scim_filter *f, struct buf *buf)
{
	switch (f->op) {
	case SCIM_FILTER_AND:
		print_operand(f->left, f->left->op == SCIM_FILTER_OR, buf);
		buf_addstr(buf, " and ");
		print_operand(f->right, f->right->op == SCIM_FILTER_OR ||
						f->right->op == SCIM_FILTER_AND, buf);
		break;
	case SCIM_FILTER_OR:
		print_operand(f->left, false, buf);
		buf_addstr(buf, " or ");
		print_operand(f->right, f->right->op == SCIM_FILTER_OR, buf);
		break;
	case SCIM_FILTER_NOT:
		buf_addstr(buf, "not ");
		print_operand(f->left, true, buf);
		break;
	case SCIM_FILTER_ELEMENT:
		scim_attr_path_print(&f->attr, buf);
		buf_addch(buf, '[');
		scim_filter_print(f->left, buf);
		buf_addch(buf, ']');
		break;
	default:
		print_comparison(f, buf);
	}
}

void scim_filter_quote(struct buf *buf, const char *attr, const char *op,
		       struct slice value)
{
	buf_addstr(buf, attr);
	buf_addch(buf, ' ');
	buf_addstr(buf, op);
	buf_addch(buf, ' ');
	json_quote(buf, value.len ? value.data : "", value.len);
}

/* ---- matching ---- */

/* Dotted path without URN, to ask whether it compares with case. */
static bool case_exact(struct slice parent, const struct scim_attr_path *attr)
{
	struct slice parts[3] = { parent, attr->name, attr->sub };
	char path[160];
	size_t len = 0, i;

	for (i = 0; i < 3; i++) {
		if (parts[i].len == 0)
			continue;
		if (len + parts[i].len + 1 > sizeof(path))
			return false; /* no schema has names like that */
		if (len)
			path[len++] = '.';
		memcpy(path + len, parts[i].data, parts[i].len);
		len += parts[i].len;
	}
	return scim_path_case_exact(slice_of(path, len));
}

/* The digits of the fraction in an RFC 3339 time. */
static struct slice fraction(struct slice time)
{
	size_t at = 20;

	if (time.len < 21 || time.data[19] != '.')
		return slice_of("", 0);
	while (at < time.len && time.data[at] >= '0' && time.data[at] <= '9')
		at++;
	while (at > 20 && time.data[at - 1] == '0') /* .50 is .5 */
		at--;
	return slice_of(time.data + 20, at - 20);
}

static int compare_text(struct slice a, struct slice b, bool exact)
{
	int64_t a_time, b_time;

	/* RFC 7644 table 3: times compare as times, whatever zone they are written in. */
	if (time_parse(a.data, a.len, &a_time) == 0 &&
	    time_parse(b.data, b.len, &b_time) == 0) {
		if (a_time != b_time)
			return a_time < b_time ? -1 : 1;
		return slice_cmp(fraction(a), fraction(b));
	}
	return exact ? slice_cmp(a, b) : text_cmp_nocase(a.data, a.len, b.data, b.len);
}

static bool text_equal(struct slice a, struct slice b, bool exact)
{
	return exact ? slice_eq(a, b) : text_cmp_nocase(a.data, a.len, b.data, b.len) == 0;
}

static bool text_contains(struct slice text, struct slice part, bool exact)
{
	size_t at;

	for (at = 0; part.len <= text.len && at <= text.len - part.len; at++) {
		if (text_equal(slice_of(text.data + at, part.len), part, exact))
			return true;
	}
	return false;
}

static bool ordered(enum scim_filter_op op, int order)
{
	switch (op) {
	case SCIM_FILTER_EQ:
		return order == 0;
	case SCIM_FILTER_NE:
		return order != 0;
	case SCIM_FILTER_GT:
		return order > 0;
	case SCIM_FILTER_GE:
		return order >= 0;
	case SCIM_FILTER_LT:
		return order < 0;
	default:
		return order <= 0;
	}
}

static bool match_text(const struct scim_filter *f, struct slice text, bool exact)
{
	struct slice part = f->text;

	switch (f->op) {
	case SCIM_FILTER_CO:
		return text_contains(text, part, exact);
	case SCIM_FILTER_SW:
		return part.len <= text.len &&
		       text_equal(slice_of(text.data, part.len), part, exact);
	case SCIM_FILTER_EW:
		return part.len <= text.len &&
		       text_equal(slice_of(text.data + text.len - part.len, part.len), part,
				  exact);
	default:
		return ordered(f->op, compare_text(text, part, exact));
	}
}

/* One value that is no array and no object. Values of another kind are just unequal. */
static bool match_scalar(const struct scim_filter *f, const json_t *value, bool exact)
{
	double number;

	if (f->kind == SCIM_VALUE_TEXT && json_is_string(value))
		return match_text(f, slice_of(json_string_value(value),
					      json_string_length(value)), exact);
	if (f->kind == SCIM_VALUE_NUMBER && json_is_number(value)) {
		number = json_number_value(value);
		return ordered(f->op, (number > f->number) - (number < f->number));
	}
	if ((f->kind == SCIM_VALUE_TRUE && json_is_true(value)) ||
	    (f->kind == SCIM_VALUE_FALSE && json_is_false(value)) ||
	    (f->kind == SCIM_VALUE_NULL && json_is_null(value)))
		return f->op == SCIM_FILTER_EQ;
	return f->op == SCIM_FILTER_NE;
}

/* RFC 7643 section 2.5: null and the empty array are no value; so is an empty object. */
static bool is_present(const json_t *value)
{
	json_t *member, *walked = (json_t *)value; /* the iterators have no const form */
	const char *key;
	size_t i;

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
		return false;
	case JSON_STRING:
		return json_string_length(value) > 0;
	case JSON_ARRAY:
		json_array_foreach(walked, i, member) {
			if (is_present(member))
				return true;
		}
		return false;
	case JSON_OBJECT:
		json_object_foreach(walked, key, member) {
			if (is_present(member))
				return true;
		}
		return false;
	default:
		return true;
	}
}

/* What a comparison says of an attribute that is not there (RFC 7643 section 2.5). */
static bool match_absent(const struct scim_filter *f)
{
	if (f->kind == SCIM_VALUE_NULL)
		return f->op == SCIM_FILTER_EQ;
	return f->op == SCIM_FILTER_NE;
}

static bool match_value(const struct scim_filter *f, const json_t *value, struct slice sub,
			bool exact)
{
	size_t i;

	if (json_is_array(value) && json_array_size(value) > 0) {
		for (i = 0; i < json_array_size(value); i++) {
			if (match_value(f, json_array_get(value, i), sub, exact))
				return true;
		}
		return false;
	}
	/* `emails co "x"` means their "value", as the RFC's own examples do. */
	if (json_is_object(value))
		return match_value(f, scim_json_get(value, sub.len ? sub : SLICE("value"), NULL),
				   SLICE("value"), exact);
	if (f->op == SCIM_FILTER_PR)
		return is_present(value);
	if (!value || json_is_null(value) || json_is_array(value))
		return match_absent(f);
	return match_scalar(f, value, exact);
}

static bool match_in(const struct scim_filter *f, const json_t *resource,
		     struct slice parent);

static bool match_element(const struct scim_filter *f, const json_t *value)
{
	size_t i;

	if (!json_is_array(value))
		return value && match_in(f->left, value, f->attr.name);
	for (i = 0; i < json_array_size(value); i++) {
		if (match_in(f->left, json_array_get(value, i), f->attr.name))
			return true;
	}
	return false;
}

/* The value of the filter's attribute; an element that is no object has only "value". */
static const json_t *attr_value(const struct scim_filter *f, const json_t *resource)
{
	json_t *holder;

	if (!json_is_object(resource))
		return text_cmp_nocase(f->attr.name.data, f->attr.name.len, "value", 5) == 0
			       ? resource : NULL;
	holder = scim_json_holder((json_t *)resource, &f->attr);
	return holder ? scim_json_get(holder, f->attr.name, NULL) : NULL;
}

static bool match_in(const struct scim_filter *f, const json_t *resource,
		     struct slice parent)
{
	const json_t *value;

	switch (f->op) {
	case SCIM_FILTER_AND:
		return match_in(f->left, resource, parent) &&
		       match_in(f->right, resource, parent);
	case SCIM_FILTER_OR:
		return match_in(f->left, resource, parent) ||
		       match_in(f->right, resource, parent);
	case SCIM_FILTER_NOT:
		return !match_in(f->left, resource, parent);
	default:
		break;
	}
	value = attr_value(f, resource);
	if (f->op == SCIM_FILTER_ELEMENT)
		return match_element(f, value);
	if (f->op == SCIM_FILTER_PR && f->attr.sub.len == 0)
		return is_present(value);
	return match_value(f, value, f->attr.sub, case_exact(parent, &f->attr));
}

bool scim_filter_match(const struct scim_filter *filter, const json_t *resource,
		       const char *parent)
{
	return match_in(filter, resource, slice_str(parent));
}
