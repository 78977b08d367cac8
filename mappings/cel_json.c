#include "mappings/cel_impl.h"

#include "scim/base/json.h"
#include "scim/base/banned.h"

/* `dirbridge eval`: one expression with a layout of its own, one line of JSON as the answer. */

static void print_error(const struct err *err, struct buf *out)
{
	char text[ERR_FORMAT_MAX];

	err_format(err, text, sizeof(text));
	buf_addstr(out, "{\"error\":");
	json_quote(out, text, strlen(text));
	buf_addch(out, '}');
}

static int print_result(const struct cel_value *value, struct buf *out, struct err *err)
{
	size_t before = out->len;

	cel_print_json(value, out);
	if (!buf_failed(out))
		return 0;
	/* Room for the error: what was printed is taken back. */
	out->failed = false;
	out->len = before;
	return err_set(err, ERR_LIMIT, "the value is too long to be printed");
}

/* Who is in which group: as told, or not known at all. */
static void answer_groups(struct arena *mem, const struct group_names *groups,
			  const struct cel_once *how, struct entry *entry)
{
	unsigned char *answers;

	if (!how->groups)
		return;
	answers = arena_alloc(mem, groups->names.count + 1);
	for (size_t i = 0; i < groups->names.count; i++)
		for (size_t g = 0; g < how->group_count; g++)
			if (strcmp(groups->names.items[i], how->groups[g]) == 0)
				answers[i] = GROUP_YES;
	entry->groups = answers;
	entry->group_count = (unsigned)groups->names.count;
}

static int evaluate(struct arena *mem, struct slice text, const struct cel_attr *attrs,
		    size_t count, const struct cel_once *how, struct layout *layout,
		    struct buf *out, struct err *err)
{
	struct cel_activation act = { .now_s = how->now_s };
	const struct cel_program *program = NULL;
	struct attr_values *values;
	struct group_names groups;
	struct cel_value value;
	struct cel_env *env;
	struct entry entry = { .dn = how->dn };
	int rc;

	for (size_t i = 0; i < count; i++)
		if (layout_add(layout, attrs[i].name.data, attrs[i].name.len, err) < 0)
			return -1;
	/* Two spellings of one name share a slot: the later one counts. */
	values = arena_array(mem, count ? count : 1, sizeof(*values));
	for (size_t i = 0; i < count; i++) {
		int slot = layout_find(layout, attrs[i].name.data, attrs[i].name.len);

		values[slot].items = attrs[i].values;
		values[slot].count = attrs[i].count;
		attr_values_sort(attrs[i].values, attrs[i].count);
	}
	entry.attrs = values;
	entry.attr_count = (unsigned)count;
	act.entry = &entry;
	group_names_init(&groups);
	env = cel_env_new(layout, &groups);
	cel_env_tables(env, how->tables);
	rc = (how->check ? cel_compile : cel_compile_unchecked)(mem, env, text,
								(struct cel_place){ 0 },
								&program, err);
	answer_groups(mem, &groups, how, &entry);
	if (rc == 0)
		rc = cel_eval(program, &act, mem, &value, err);
	if (rc == 0)
		rc = print_result(&value, out, err);
	cel_env_free(env);
	group_names_release(&groups);
	return rc;
}

static int once(struct arena *mem, struct slice text, const struct cel_attr *attrs, size_t count,
		const struct cel_once *how, struct buf *out)
{
	struct err err = ERR_INIT;
	struct layout layout;
	int rc;

	layout_init(&layout);
	rc = evaluate(mem, text, attrs, count, how, &layout, out, &err);
	layout_release(&layout);
	if (rc < 0)
		print_error(&err, out);
	return rc;
}

int cel_eval_once(struct slice text, const struct cel_attr *attrs, size_t count,
		  const struct cel_once *how, struct buf *out)
{
	struct arena mem;
	int rc;

	arena_init(&mem);
	rc = once(&mem, text, attrs, count, how, out);
	arena_release(&mem);
	return rc;
}

typedef VEC(struct slice) slices;

/* [value, ...] or one text alone. */
static void read_values(struct json_in *in, struct arena *mem, slices *list,
			struct cel_attr *attr)
{
	struct slice s;

	list->count = 0;
	if (json_peek(in) == JSON_IN_TEXT) {
		if (json_get_text(in, &s))
			vec_push(list, s);
	} else {
		while (json_array_next(in))
			if (json_get_text(in, &s) && list->count < ENTRY_VALUES_MAX)
				vec_push(list, s);
	}
	attr->count = (uint32_t)list->count;
	attr->values = arena_array(mem, list->count + 1, sizeof(*attr->values));
	if (list->count)
		memcpy(attr->values, list->items, list->count * sizeof(*list->items));
}

struct request {
	struct slice expr;
	bool has_expr;
	VEC(struct cel_attr) attrs;
};

static void read_entry(struct json_in *in, struct arena *mem, struct request *request)
{
	struct slice key;
	slices values = { 0 };

	while (json_object_next(in, &key)) {
		struct cel_attr attr = { .name = key };

		read_values(in, mem, &values, &attr);
		if (request->attrs.count < LAYOUT_SLOTS_MAX)
			vec_push(&request->attrs, attr);
	}
	vec_release(&values);
}

int cel_eval_json(struct slice line, const struct cel_once *how, struct buf *out)
{
	struct request request = { .has_expr = false };
	struct err err = ERR_INIT;
	struct json_in in;
	struct arena mem;
	struct slice key;
	int rc;

	arena_init(&mem);
	json_open(&in, line.data, line.len, NULL, &mem, &err);
	while (json_object_next(&in, &key)) {
		if (slice_eq_str(key, "expr"))
			request.has_expr = json_get_text(&in, &request.expr);
		else if (slice_eq_str(key, "entry") && json_peek(&in) == JSON_IN_OBJECT)
			read_entry(&in, &mem, &request);
		else
			json_skip(&in);
	}
	rc = json_close(&in);
	if (rc == 0 && !request.has_expr)
		rc = err_set(&err, ERR_INVALID, "the line has no \"expr\"");
	if (rc < 0)
		print_error(&err, out);
	else
		rc = once(&mem, request.expr, request.attrs.items, request.attrs.count, how, out);
	vec_release(&request.attrs);
	arena_release(&mem);
	return rc;
}
