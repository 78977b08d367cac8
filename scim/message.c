#include "scim/message.h"

#include <assert.h>
#include <string.h>

#include "scim/base/banned.h"

/* A detail is for people; more than this is cut. */
#define DETAIL_BYTES_MAX 2000

/* ---- PatchOp ---- */

static const char *const op_names[] = { "add", "replace", "remove" };

/* `type eq "work"`; a value without a type is named by its absence. */
static void add_type_filter(struct buf *buf, const char *key)
{
	if (!key[0]) {
		buf_addstr(buf, "not (type pr)");
		return;
	}
	buf_addstr(buf, "type eq ");
	json_quote(buf, key, strlen(key));
}

void scim_patch_path(const struct scim_patch_op *op, struct buf *buf)
{
	const struct scim_attr_row *row = scim_attr((enum scim_attr)op->field.attr);

	buf_addstr(buf, row->path);
	if (!row->multi || op->op == SCIM_OP_ADD)
		return;
	buf_addch(buf, '[');
	add_type_filter(buf, op->field.key);
	buf_addch(buf, ']');
	if (op->op == SCIM_OP_REPLACE)
		buf_addstr(buf, ".value");
}

static void write_op(const struct scim_patch_op *op, struct buf *path, struct json_out *out)
{
	enum scim_attr attr = (enum scim_attr)op->field.attr;

	buf_clear(path);
	scim_patch_path(op, path);
	json_out_object(out);
	json_out_member(out, "op", op_names[op->op]);
	json_out_key(out, "path");
	json_out_slice(out, slice_of(path->data, path->len));
	if (op->op == SCIM_OP_ADD && scim_attr(attr)->multi) {
		json_out_key(out, "value");
		json_out_array(out);
		scim_element_write(&op->field, out);
		json_out_array_end(out);
	} else if (op->op != SCIM_OP_REMOVE) {
		json_out_key(out, "value");
		scim_value_write(attr, op->field.value, out);
	}
	json_out_object_end(out);
}

void scim_patch_write(const struct scim_patch_op *ops, size_t count, struct json_out *out)
{
	struct buf path;
	size_t i;

	/* Escaped, a byte of a key takes six at most. */
	buf_init(&path, 6 * SCIM_VALUE_BYTES_MAX + 1024);
	json_out_object(out);
	json_out_key(out, "schemas");
	json_out_array(out);
	json_out_text(out, SCIM_URN_PATCH);
	json_out_array_end(out);
	json_out_key(out, "Operations");
	json_out_array(out);
	for (i = 0; i < count; i++)
		write_op(&ops[i], &path, out);
	json_out_array_end(out);
	json_out_object_end(out);
	assert(!buf_failed(&path));
	buf_release(&path);
}

/* ---- ListResponse ---- */

static bool is_key(struct slice key, const char *name)
{
	return text_cmp_nocase(key.data, key.len, name, strlen(name)) == 0;
}

/* A count from 0; null leaves it as it is. */
static void read_count(struct json_in *in, const char *name, int64_t *ret)
{
	int64_t value;

	if (json_peek(in) == JSON_IN_NULL) {
		json_skip(in);
		return;
	}
	if (!json_get_int(in, &value)) {
		err_prefix(in->err, "%s", name);
		return;
	}
	if (value < 0)
		json_fail(in, ERR_PROTOCOL, "%s is %lld", name, (long long)value);
	else
		*ret = value;
}

static int read_resources(struct json_in *in, scim_resource_fn *each, void *ctx,
			  struct scim_list *list, struct err *err)
{
	struct slice raw;

	if (json_peek(in) == JSON_IN_NULL) {
		json_skip(in);
		return 0;
	}
	while (json_array_next(in)) {
		if (json_peek(in) != JSON_IN_OBJECT) {
			json_fail(in, ERR_PROTOCOL, "a resource that is not an object");
			return -1;
		}
		if (!json_get_raw(in, &raw))
			return -1;
		list->resources++;
		if (each(ctx, raw, err) != 0)
			return -1;
	}
	return 0;
}

int scim_list_read(const char *text, size_t len, const char *where, struct arena *mem,
		   scim_resource_fn *each, void *ctx, struct scim_list *ret,
		   struct err *err)
{
	struct scim_list list = { -1, 1, -1, 0 };
	struct json_in in;
	struct slice key;

	json_open(&in, text, len, where, mem, err);
	while (json_object_next(&in, &key)) {
		if (is_key(key, "totalResults"))
			read_count(&in, "totalResults", &list.total_results);
		else if (is_key(key, "startIndex"))
			read_count(&in, "startIndex", &list.start_index);
		else if (is_key(key, "itemsPerPage"))
			read_count(&in, "itemsPerPage", &list.items_per_page);
		else if (!is_key(key, "Resources"))
			json_skip(&in);
		else if (read_resources(&in, each, ctx, &list, err) != 0)
			return -1;
	}
	if (json_close(&in) != 0)
		return -1;
	*ret = list;
	return 0;
}

/* ---- Error ---- */

static const char *const error_names[SCIM_ERROR_TYPE_COUNT] = {
	[SCIM_ERROR_INVALID_FILTER] = "invalidFilter",
	[SCIM_ERROR_TOO_MANY] = "tooMany",
	[SCIM_ERROR_UNIQUENESS] = "uniqueness",
	[SCIM_ERROR_MUTABILITY] = "mutability",
	[SCIM_ERROR_INVALID_SYNTAX] = "invalidSyntax",
	[SCIM_ERROR_INVALID_PATH] = "invalidPath",
	[SCIM_ERROR_NO_TARGET] = "noTarget",
	[SCIM_ERROR_INVALID_VALUE] = "invalidValue",
	[SCIM_ERROR_INVALID_VERS] = "invalidVers",
	[SCIM_ERROR_SENSITIVE] = "sensitive",
};

const char *scim_error_name(enum scim_error_type type)
{
	assert((unsigned)type < SCIM_ERROR_TYPE_COUNT);
	return error_names[type];
}

static enum scim_error_type error_type(struct slice name)
{
	unsigned i;

	for (i = 1; i < SCIM_ERROR_TYPE_COUNT; i++) {
		if (is_key(name, error_names[i]))
			return (enum scim_error_type)i;
	}
	return SCIM_ERROR_NONE;
}

/* Three digits as text or number; anything else is "not stated". */
static int read_status(struct json_in *in)
{
	struct slice text;
	int64_t value = 0;
	size_t i;

	if (json_peek(in) == JSON_IN_NUMBER) {
		if (!json_get_int(in, &value))
			return 0;
	} else if (json_opt_text(in, &text) && text.len == 3) {
		for (i = 0; i < 3 && text.data[i] >= '0' && text.data[i] <= '9'; i++)
			value = value * 10 + (text.data[i] - '0');
		if (i < 3)
			return 0;
	}
	return value >= 100 && value <= 599 ? (int)value : 0;
}

int scim_error_read(const char *text, size_t len, const char *where, struct arena *mem,
		    struct scim_error *ret, struct err *err)
{
	struct scim_error error = { .detail = "" };
	struct json_in in;
	struct slice key, value;

	json_open(&in, text, len, where, mem, err);
	while (json_object_next(&in, &key)) {
		if (is_key(key, "status")) {
			error.status = read_status(&in);
		} else if (is_key(key, "scimType")) {
			if (json_opt_text(&in, &value))
				error.type = error_type(value);
		} else if (is_key(key, "detail")) {
			if (json_opt_text(&in, &value) && value.len) {
				char *shown = arena_bytes(mem, DETAIL_BYTES_MAX);

				text_visible(value.data, value.len, shown,
					     DETAIL_BYTES_MAX);
				error.detail = shown;
			}
		} else {
			json_skip(&in);
		}
	}
	if (json_close(&in) != 0)
		return -1;
	*ret = error;
	return 0;
}

void scim_error_write(const struct scim_error *error, struct json_out *out)
{
	char status[16] = "";
	int value = error->status;

	assert(value >= 100 && value <= 599);
	status[0] = (char)('0' + value / 100);
	status[1] = (char)('0' + value / 10 % 10);
	status[2] = (char)('0' + value % 10);
	json_out_object(out);
	json_out_key(out, "schemas");
	json_out_array(out);
	json_out_text(out, SCIM_URN_ERROR);
	json_out_array_end(out);
	json_out_member(out, "status", status); /* text, RFC 7644 section 3.12 */
	if (error->type != SCIM_ERROR_NONE)
		json_out_member(out, "scimType", scim_error_name(error->type));
	if (error->detail && error->detail[0])
		json_out_member(out, "detail", error->detail);
	json_out_object_end(out);
}
