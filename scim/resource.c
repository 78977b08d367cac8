#include "scim/resource.h"

#include <assert.h>
#include <string.h>

#include "scim/base/banned.h"

/* ---- fields ---- */

int scim_field_cmp(const struct scim_field *a, const struct scim_field *b)
{
	if (a->attr != b->attr)
		return a->attr < b->attr ? -1 : 1;
	if (!a->key || !b->key)
		return (a->key != NULL) - (b->key != NULL);
	return text_cmp_nocase(a->key, strlen(a->key), b->key, strlen(b->key));
}

size_t scim_fields_sort(struct scim_field *fields, size_t count)
{
	size_t kept = 0, i;

	/* By insertion: stable, and lists come nearly sorted and short. */
	for (i = 0; i < count; i++) {
		struct scim_field field = fields[i];
		size_t at = kept;

		while (at > 0 && scim_field_cmp(&fields[at - 1], &field) > 0)
			at--;
		if (at > 0 && scim_field_cmp(&fields[at - 1], &field) == 0)
			continue;
		memmove(&fields[at + 1], &fields[at], (kept - at) * sizeof(*fields));
		fields[at] = field;
		kept++;
	}
	return kept;
}

const struct scim_field *scim_fields_find(const struct scim_field *fields, size_t count,
					  enum scim_attr attr, const char *key)
{
	struct scim_field wanted = { .attr = (uint16_t)attr, .key = key };
	size_t i;

	for (i = 0; i < count && fields[i].attr <= attr; i++) {
		if (scim_field_cmp(&fields[i], &wanted) == 0)
			return &fields[i];
	}
	return NULL;
}

size_t scim_fields_compare(const struct scim_field *a, size_t a_count,
			   const struct scim_field *b, size_t b_count,
			   scim_differ_fn *differ, void *ctx)
{
	size_t i = 0, j = 0, differences = 0;

	while (i < a_count || j < b_count) {
		int order = i == a_count ? 1 : j == b_count ? -1 :
			    scim_field_cmp(&a[i], &b[j]);
		const struct scim_field *left = order <= 0 ? &a[i++] : NULL;
		const struct scim_field *right = order >= 0 ? &b[j++] : NULL;

		if (left && right &&
		    scim_value_same((enum scim_attr)left->attr, left->value, right->value))
			continue;
		differ(ctx, left, right);
		differences++;
	}
	return differences;
}

/* ---- reading ---- */

struct reader {
	struct json_in *in;
	struct arena *mem;
	const char *id, *version;
	struct scim_field fields[SCIM_FIELDS_MAX];
	size_t count;
};

/*
 * Text as a C string. A NUL in it, which JSON can write and a directory can not, becomes
 * U+FFFD: cut there, two different values would look the same.
 */
static const char *text_copy(struct arena *mem, struct slice text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t nuls = 0, i;
	char *copy, *to;

	if (!memchr(text.data, '\0', text.len))
		return arena_strndup(mem, text.data, text.len);
	for (i = 0; i < text.len; i++)
		nuls += text.data[i] == '\0';
	to = copy = arena_bytes(mem, text.len + 2 * nuls + 1);
	for (i = 0; i < text.len; i++) {
		if (text.data[i]) {
			*to++ = text.data[i];
		} else {
			memcpy(to, replacement, 3);
			to += 3;
		}
	}
	*to = '\0';
	return copy;
}

/* The field of this attribute and key if it is there already. */
static struct scim_field *reader_find(struct reader *r, enum scim_attr attr,
				      struct slice key)
{
	size_t i;

	for (i = 0; i < r->count; i++) {
		struct scim_field *field = &r->fields[i];

		if (field->attr == attr &&
		    (!field->key || text_cmp_nocase(field->key, strlen(field->key),
						    key.data, key.len) == 0))
			return field;
	}
	return NULL;
}

/* `key` has data NULL for a single-valued attribute. An empty value is none. */
static void reader_add(struct reader *r, enum scim_attr attr, struct slice key,
		       struct slice value, bool primary)
{
	struct scim_field *field;

	if (value.len == 0)
		return;
	if (value.len > SCIM_VALUE_BYTES_MAX || key.len > SCIM_VALUE_BYTES_MAX) {
		if (scim_attr(attr)->type != SCIM_REFERENCE)
			json_fail(r->in, ERR_LIMIT, "%s: value of %zu bytes, %d are allowed",
				  scim_attr(attr)->name, value.len, SCIM_VALUE_BYTES_MAX);
		return;
	}
	field = reader_find(r, attr, key);
	if (field && !key.data) {
		json_fail(r->in, ERR_INVALID, "%s is there twice", scim_attr(attr)->name);
		return;
	}
	if (field && !primary)
		return;
	if (!field) {
		if (r->count == SCIM_FIELDS_MAX) {
			json_fail(r->in, ERR_LIMIT, "a user with more than %d values",
				  SCIM_FIELDS_MAX);
			return;
		}
		field = &r->fields[r->count++];
		field->attr = (uint16_t)attr;
		field->key = key.data ? text_copy(r->mem, key) : NULL;
	}
	field->value = text_copy(r->mem, value);
}

/* A boolean, also as text. */
static void read_flag(struct json_in *in, struct slice *ret)
{
	struct slice text;
	bool value = false;

	if (json_peek(in) == JSON_IN_TEXT) {
		if (!json_get_text(in, &text))
			return;
		value = text_cmp_nocase(text.data, text.len, "true", 4) == 0;
		if (!value && text_cmp_nocase(text.data, text.len, "false", 5) != 0) {
			json_fail(in, ERR_INVALID, "\"%.*s\" where true or false is expected",
				  text.len > 40 ? 40 : (int)text.len, text.data);
			return;
		}
	} else if (!json_get_bool(in, &value)) {
		return;
	}
	*ret = value ? SLICE("true") : SLICE("false");
}

/* One value as text; null gives the empty slice. */
static struct slice read_value(struct json_in *in, enum scim_type type)
{
	struct slice value = { NULL, 0 };

	switch (json_peek(in)) {
	case JSON_IN_NULL:
		json_skip(in);
		break;
	case JSON_IN_NUMBER:
		if (type == SCIM_STRING)
			json_get_raw(in, &value);
		else
			json_get_text(in, &value); /* fails and says so */
		break;
	default:
		if (type == SCIM_BOOLEAN)
			read_flag(in, &value);
		else
			json_get_text(in, &value);
	}
	return value;
}

/* An element of a multi-valued attribute: {"type", "value", "primary"}, or just text. */
static void read_element(struct reader *r, enum scim_attr attr)
{
	struct slice key, type = SLICE(""), value = { NULL, 0 }, flag;
	bool primary = false;

	if (json_peek(r->in) != JSON_IN_OBJECT) {
		value = read_value(r->in, SCIM_STRING);
		reader_add(r, attr, type, value, false);
		return;
	}
	while (json_object_next(r->in, &key)) {
		if (text_cmp_nocase(key.data, key.len, "type", 4) == 0) {
			type = read_value(r->in, SCIM_STRING);
			type.data = type.data ? type.data : "";
		} else if (text_cmp_nocase(key.data, key.len, "value", 5) == 0) {
			value = read_value(r->in, SCIM_STRING);
		} else if (text_cmp_nocase(key.data, key.len, "primary", 7) == 0) {
			flag = read_value(r->in, SCIM_BOOLEAN);
			primary = slice_eq_str(flag, "true");
		} else {
			json_skip(r->in);
		}
	}
	if (!json_failed(r->in))
		reader_add(r, attr, type, value, primary);
}

static void read_attr(struct reader *r, enum scim_attr attr)
{
	struct slice value;

	if (scim_attr(attr)->multi) {
		if (json_peek(r->in) == JSON_IN_NULL) {
			json_skip(r->in);
			return;
		}
		while (json_array_next(r->in))
			read_element(r, attr);
	} else {
		value = read_value(r->in, scim_attr(attr)->type);
		if (!json_failed(r->in))
			reader_add(r, attr, slice_of(NULL, 0), value, false);
	}
	if (json_failed(r->in))
		err_prefix(r->in->err, "%s", scim_attr(attr)->name);
}

/* The object of a place with nothing below it: "name" or "manager". */
static void read_group(struct reader *r, enum scim_place place)
{
	struct slice key;

	if (json_peek(r->in) == JSON_IN_NULL) {
		json_skip(r->in);
		return;
	}
	while (json_object_next(r->in, &key)) {
		enum scim_attr attr = scim_attr_by_leaf(place, key);

		if (attr == SCIM_ATTR_COUNT)
			json_skip(r->in);
		else
			read_attr(r, attr);
	}
}

static void read_enterprise(struct reader *r)
{
	struct slice key;

	if (json_peek(r->in) == JSON_IN_NULL) {
		json_skip(r->in);
		return;
	}
	while (json_object_next(r->in, &key)) {
		enum scim_attr attr = scim_attr_by_leaf(SCIM_IN_ENTERPRISE, key);

		if (attr != SCIM_ATTR_COUNT)
			read_attr(r, attr);
		else if (text_cmp_nocase(key.data, key.len, "manager", 7) != 0)
			json_skip(r->in);
		else if (json_peek(r->in) == JSON_IN_TEXT)
			read_attr(r, SCIM_ATTR_MANAGER); /* the id alone */
		else
			read_group(r, SCIM_IN_MANAGER);
	}
}

static const char *read_name(struct reader *r)
{
	struct slice text = { NULL, 0 };

	if (!json_opt_text(r->in, &text) || text.len == 0)
		return NULL;
	if (text.len > SCIM_VALUE_BYTES_MAX || memchr(text.data, '\0', text.len)) {
		json_fail(r->in, ERR_INVALID, "an id or version that is too long or has a NUL");
		return NULL;
	}
	return arena_strndup(r->mem, text.data, text.len);
}

static void read_meta(struct reader *r)
{
	struct slice key;

	if (json_peek(r->in) == JSON_IN_NULL) {
		json_skip(r->in);
		return;
	}
	while (json_object_next(r->in, &key)) {
		if (text_cmp_nocase(key.data, key.len, "version", 7) == 0)
			r->version = read_name(r);
		else
			json_skip(r->in);
	}
}

static void read_member(struct reader *r, struct slice key)
{
	enum scim_attr attr = scim_attr_by_leaf(SCIM_IN_CORE, key);

	if (attr != SCIM_ATTR_COUNT)
		read_attr(r, attr);
	else if (text_cmp_nocase(key.data, key.len, "id", 2) == 0)
		r->id = read_name(r);
	else if (text_cmp_nocase(key.data, key.len, "meta", 4) == 0)
		read_meta(r);
	else if (text_cmp_nocase(key.data, key.len, "name", 4) == 0)
		read_group(r, SCIM_IN_NAME);
	else if (text_cmp_nocase(key.data, key.len, SCIM_URN_ENTERPRISE,
				 sizeof(SCIM_URN_ENTERPRISE) - 1) == 0)
		read_enterprise(r);
	else
		json_skip(r->in);
}

int scim_resource_read(struct json_in *in, struct arena *mem, struct scim_resource *ret)
{
	struct reader r;
	struct slice key;

	r.in = in;
	r.mem = mem;
	r.id = r.version = NULL;
	r.count = 0;
	while (json_object_next(in, &key))
		read_member(&r, key);
	if (json_failed(in))
		return -1;
	r.count = scim_fields_sort(r.fields, r.count);
	ret->id = r.id;
	ret->version = r.version;
	ret->count = r.count;
	ret->fields = arena_array(mem, r.count, sizeof(*ret->fields));
	memcpy(ret->fields, r.fields, r.count * sizeof(*ret->fields));
	return 0;
}

int scim_resource_parse(const char *text, size_t len, const char *where, struct arena *mem,
			struct scim_resource *ret, struct err *err)
{
	struct scim_resource resource;
	struct json_in in;

	json_open(&in, text, len, where, mem, err);
	if (scim_resource_read(&in, mem, &resource) != 0 || json_close(&in) != 0)
		return -1;
	*ret = resource;
	return 0;
}

/* ---- writing ---- */

static enum scim_place place_of(const struct scim_field *field)
{
	return scim_attr((enum scim_attr)field->attr)->place;
}

static bool is_enterprise(const struct scim_field *field)
{
	return place_of(field) == SCIM_IN_ENTERPRISE || place_of(field) == SCIM_IN_MANAGER;
}

void scim_value_write(enum scim_attr attr, const char *value, struct json_out *out)
{
	if (scim_attr(attr)->type == SCIM_BOOLEAN)
		json_out_bool(out, strcmp(value, "true") == 0);
	else
		json_out_text(out, value);
}

static void write_leaf(const struct scim_field *field, struct json_out *out)
{
	enum scim_attr attr = (enum scim_attr)field->attr;

	json_out_key(out, scim_attr(attr)->leaf);
	scim_value_write(attr, field->value, out);
}

void scim_element_write(const struct scim_field *field, struct json_out *out)
{
	json_out_object(out);
	if (field->key[0])
		json_out_member(out, "type", field->key);
	json_out_key(out, "value");
	scim_value_write((enum scim_attr)field->attr, field->value, out);
	json_out_object_end(out);
}

/* Each of these writes from fields[at] what belongs together and returns the next. */
static size_t write_multi(const struct scim_field *fields, size_t count, size_t at,
			  struct json_out *out)
{
	uint16_t attr = fields[at].attr;

	json_out_key(out, scim_attr((enum scim_attr)attr)->leaf);
	json_out_array(out);
	for (; at < count && fields[at].attr == attr; at++)
		scim_element_write(&fields[at], out);
	json_out_array_end(out);
	return at;
}

static size_t write_name(const struct scim_field *fields, size_t count, size_t at,
			 struct json_out *out)
{
	json_out_key(out, "name");
	json_out_object(out);
	for (; at < count && place_of(&fields[at]) == SCIM_IN_NAME; at++)
		write_leaf(&fields[at], out);
	json_out_object_end(out);
	return at;
}

static size_t write_enterprise(const struct scim_field *fields, size_t count, size_t at,
			       struct json_out *out)
{
	json_out_key(out, SCIM_URN_ENTERPRISE);
	json_out_object(out);
	for (; at < count && is_enterprise(&fields[at]); at++) {
		if (place_of(&fields[at]) == SCIM_IN_MANAGER) {
			json_out_key(out, "manager");
			json_out_object(out);
			write_leaf(&fields[at], out);
			json_out_object_end(out);
		} else {
			write_leaf(&fields[at], out);
		}
	}
	json_out_object_end(out);
	return at;
}

void scim_fields_write_members(const struct scim_field *fields, size_t count,
			       struct json_out *out)
{
	size_t at = 0;

	while (at < count) {
		assert(at == 0 || scim_field_cmp(&fields[at - 1], &fields[at]) < 0);
		if (place_of(&fields[at]) == SCIM_IN_NAME)
			at = write_name(fields, count, at, out);
		else if (is_enterprise(&fields[at]))
			at = write_enterprise(fields, count, at, out);
		else if (scim_attr((enum scim_attr)fields[at].attr)->multi)
			at = write_multi(fields, count, at, out);
		else
			write_leaf(&fields[at++], out);
	}
}

void scim_fields_write(const struct scim_field *fields, size_t count, struct json_out *out)
{
	bool enterprise = false;
	size_t i;

	for (i = 0; i < count; i++)
		enterprise = enterprise || is_enterprise(&fields[i]);
	json_out_object(out);
	json_out_key(out, "schemas");
	json_out_array(out);
	json_out_text(out, SCIM_URN_USER);
	if (enterprise)
		json_out_text(out, SCIM_URN_ENTERPRISE);
	json_out_array_end(out);
	scim_fields_write_members(fields, count, out);
	json_out_object_end(out);
}
