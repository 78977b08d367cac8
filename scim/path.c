#include "scim/path.h"

#include <assert.h>
#include <string.h>

#include "scim/filter.h"
#include "scim/schema.h"
#include "scim/base/banned.h"

/* ---- text ---- */

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* What a URI before a name may have (RFC 8141), less what filters use themselves. */
static bool is_urn_char(char c)
{
	return is_name_char(c) || (c && strchr(".:%/+~", c));
}

static int path_error(struct err *err, size_t at, const char *what)
{
	return err_at(err, ERR_INVALID, NULL, 0, (unsigned)at + 1, "%s", what);
}

/* Name at text[at]; *ret_after behind it. */
static int parse_name(const char *text, size_t len, size_t at, struct slice *ret,
		      size_t *ret_after)
{
	size_t end = at;

	/* "$ref" is the one name with such a sign (RFC 7643 section 2.4). */
	if (end + 4 <= len && memcmp(text + end, "$ref", 4) == 0)
		end += 4;
	else if (end == len || !is_alpha(text[end]))
		return -1;
	while (end < len && is_name_char(text[end]))
		end++;
	*ret = slice_of(text + at, end - at);
	*ret_after = end;
	return 0;
}

int scim_attr_path_parse(const char *text, size_t len, size_t at,
			 struct scim_attr_path *ret, size_t *ret_after, struct err *err)
{
	struct scim_attr_path path = { .urn = { text + at, 0 }, .sub = { text + at, 0 } };
	size_t end = at, colon = at;

	/* A URN has dots and digits of its own ("2.0"): its last colon ends it. */
	while (end < len && is_urn_char(text[end])) {
		if (text[end] == ':')
			colon = end;
		end++;
	}
	if (colon > at) {
		path.urn.len = colon - at;
		at = colon + 1;
	}
	if (parse_name(text, len, at, &path.name, &at) != 0)
		return path_error(err, at, "an attribute name is expected");
	if (at < len && text[at] == '.' &&
	    parse_name(text, len, at + 1, &path.sub, &at) != 0)
		return path_error(err, at + 1, "the name of a sub-attribute is expected");
	*ret = path;
	*ret_after = at;
	return 0;
}

void scim_attr_path_print(const struct scim_attr_path *attr, struct buf *buf)
{
	if (attr->urn.len) {
		buf_add(buf, attr->urn.data, attr->urn.len);
		buf_addch(buf, ':');
	}
	buf_add(buf, attr->name.data, attr->name.len);
	if (attr->sub.len) {
		buf_addch(buf, '.');
		buf_add(buf, attr->sub.data, attr->sub.len);
	}
}

int scim_path_parse(struct arena *mem, const char *text, size_t len,
		    struct scim_path *ret_path, struct err *err)
{
	struct scim_path path = { .filter = NULL };
	size_t at = 0;

	if (len > PATH_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "a path of %zu bytes, %d are allowed", len,
			       PATH_BYTES_MAX);
	if (scim_attr_path_parse(text, len, 0, &path.attr, &at, err) != 0)
		return -1;
	if (at < len && text[at] == '[') {
		if (path.attr.sub.len)
			return path_error(err, at, "a sub-attribute takes no [filter]");
		if (scim_filter_parse_element(mem, text, len, at, &path.filter, &at, err) != 0)
			return -1;
		if (at < len && text[at] == '.' &&
		    parse_name(text, len, at + 1, &path.attr.sub, &at) != 0)
			return path_error(err, at + 1,
					  "the name of a sub-attribute is expected");
	}
	if (at != len)
		return path_error(err, at, "the path should end here");
	*ret_path = path;
	return 0;
}

void scim_path_print(const struct scim_path *path, struct buf *buf)
{
	struct scim_attr_path attr = path->attr;

	if (!path->filter) {
		scim_attr_path_print(&attr, buf);
		return;
	}
	attr.sub.len = 0;
	scim_attr_path_print(&attr, buf);
	buf_addch(buf, '[');
	scim_filter_print(path->filter, buf);
	buf_addch(buf, ']');
	if (path->attr.sub.len) {
		buf_addch(buf, '.');
		buf_add(buf, path->attr.sub.data, path->attr.sub.len);
	}
}

/* ---- in a resource ---- */

json_t *scim_json_get(const json_t *object, struct slice name, const char **ret_key)
{
	json_t *mutable_object = (json_t *)object; /* the iterator has no const form */
	const char *key;
	json_t *value;

	json_object_foreach(mutable_object, key, value) {
		if (text_cmp_nocase(key, strlen(key), name.data, name.len) == 0) {
			if (ret_key)
				*ret_key = key;
			return value;
		}
	}
	return NULL;
}

bool scim_urn_is_core(struct slice urn)
{
	static const char core[] = "urn:ietf:params:scim:schemas:core:";
	size_t len = sizeof(core) - 1;

	return urn.len > len && text_cmp_nocase(urn.data, len, core, len) == 0;
}

json_t *scim_json_holder(json_t *resource, const struct scim_attr_path *attr)
{
	if (attr->urn.len == 0 || scim_urn_is_core(attr->urn))
		return resource;
	return scim_json_get(resource, attr->urn, NULL);
}
