#include "scim/patch.h"

#include <stdio.h>
#include <string.h>

#include "scim/filter.h"
#include "scim/schema.h"
#include "scim/base/banned.h"

struct patcher {
	json_t *resource; /* our copy */
	const struct scim_patch_rules *rules;
	struct arena *mem;
	enum scim_error_type type;
	struct err *err;
	size_t op_number; /* from 1, for messages */
};

static int __attribute__((format(printf, 3, 4)))
refuse(struct patcher *p, enum scim_error_type type, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	p->type = type;
	if (p->op_number)
		err_set(p->err, ERR_REFUSED, "operation %zu: %s", p->op_number, text);
	else
		err_set(p->err, ERR_REFUSED, "%s", text);
	return -1;
}

static bool is_name(struct slice a, const char *name)
{
	return text_cmp_nocase(a.data, a.len, name, strlen(name)) == 0;
}

/* RFC 7643 section 2.5: these assign nothing, so setting them is removing. */
static bool is_unassigned(const json_t *value)
{
	return json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0);
}

/* ---- what may be written ---- */

static int check_writable(struct patcher *p, enum scim_op op, const struct scim_path *path)
{
	/* RFC 7643 sections 3.1 and 4.1: the service provider's own. */
	static const char *const read_only[] = { "id", "meta", "schemas", "groups" };
	struct slice name = path->attr.name;
	bool core = path->attr.urn.len == 0 || scim_urn_is_core(path->attr.urn);
	size_t i;

	for (i = 0; core && i < sizeof(read_only) / sizeof(read_only[0]); i++) {
		if (is_name(name, read_only[i]))
			return refuse(p, SCIM_ERROR_MUTABILITY, "%s is read-only",
				      read_only[i]);
	}
	/* RFC 7644 section 3.5.2.2: a required attribute is not removed. */
	if (core && op == SCIM_OP_REMOVE && is_name(name, "userName"))
		return refuse(p, SCIM_ERROR_MUTABILITY, "userName is required");
	if (p->rules && p->rules->writable && !p->rules->writable(p->rules->ctx, op, path))
		return refuse(p, SCIM_ERROR_MUTABILITY, "%.*s may not be changed",
			      SLICE_FMT(name));
	return 0;
}

static enum scim_attr attr_of(const struct scim_attr_path *path)
{
	struct buf text;
	enum scim_attr attr;

	buf_init(&text, PATH_BYTES_MAX + 2);
	scim_attr_path_print(path, &text);
	attr = scim_attr_by_path(slice_of(text.data, text.len));
	buf_release(&text);
	return attr;
}

/* Multi-valued attributes of RFC 7643 that have no row in the schema table. */
static bool is_multi(const struct scim_attr_path *path)
{
	static const char *const names[] = {
		"members", "roles", "entitlements", "addresses", "x509Certificates", "groups",
	};
	enum scim_attr attr = attr_of(path);
	size_t i;

	if (attr != SCIM_ATTR_COUNT)
		return scim_attr(attr)->multi;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (is_name(path->name, names[i]))
			return path->urn.len == 0 || scim_urn_is_core(path->urn);
	}
	return false;
}

/* The value of a single-valued attribute that the schema knows must have its type. */
static int check_type(struct patcher *p, const struct scim_attr_path *path,
		      const json_t *value)
{
	enum scim_attr attr = attr_of(path);
	const struct scim_attr_row *row;
	bool fits;

	if (is_unassigned(value))
		return 0;
	if (path->sub.len == 0 && is_name(path->name, "name") && !json_is_object(value))
		return refuse(p, SCIM_ERROR_INVALID_VALUE, "name takes an object");
	if (attr == SCIM_ATTR_COUNT || scim_attr(attr)->multi)
		return 0;
	row = scim_attr(attr);
	if (row->place == SCIM_IN_MANAGER && path->sub.len == 0)
		fits = json_is_object(value);
	else if (row->type == SCIM_BOOLEAN)
		fits = json_is_boolean(value);
	else
		fits = json_is_string(value) &&
		       strlen(json_string_value(value)) == json_string_length(value) &&
		       scim_value_valid(attr, json_string_value(value));
	if (!fits)
		return refuse(p, SCIM_ERROR_INVALID_VALUE, "%s: the value has not its type",
			      row->name);
	return 0;
}

/* ---- members of objects ---- */

/* Set a member under the name that it has already, whatever its case. */
static void member_set(json_t *object, struct slice name, const json_t *value,
		       struct arena *mem)
{
	const char *key = NULL;

	scim_json_get(object, name, &key);
	/* The key is copied: jansson may free the old one while it sets. */
	key = key ? arena_strdup(mem, key) : arena_strndup(mem, name.data, name.len);
	json_object_set_new(object, key, json_deep_copy(value));
}

static void member_delete(json_t *object, struct slice name, struct arena *mem)
{
	const char *key = NULL;

	if (scim_json_get(object, name, &key))
		json_object_del(object, arena_strdup(mem, key));
}

static void member_put(json_t *object, struct slice name, const json_t *value,
		       struct arena *mem)
{
	if (is_unassigned(value))
		member_delete(object, name, mem);
	else
		member_set(object, name, value, mem);
}

/* RFC 7644 section 3.5.2.3: sub-attributes that the value does not name stay. */
static void object_merge(json_t *object, const json_t *value, struct arena *mem)
{
	const char *key;
	json_t *member;

	json_object_foreach((json_t *)value, key, member)
		member_put(object, slice_str(key), member, mem);
}

/* ---- arrays ---- */

static bool array_has(const json_t *array, const json_t *value)
{
	size_t i;

	for (i = 0; i < json_array_size(array); i++) {
		if (json_equal(json_array_get(array, i), value))
			return true;
	}
	return false;
}

static bool is_primary(const json_t *element)
{
	return json_is_object(element) &&
	       json_is_true(scim_json_get(element, SLICE("primary"), NULL));
}

/* RFC 7644 section 3.5.2: a new primary value takes that from the one before. */
static void demote_others(json_t *array, const json_t *chosen, struct arena *mem)
{
	json_t *no = json_false();
	size_t i;

	for (i = 0; i < json_array_size(array); i++) {
		json_t *element = json_array_get(array, i);

		if (element != chosen && is_primary(element))
			member_set(element, SLICE("primary"), no, mem);
	}
}

static void array_add(json_t *array, const json_t *value, struct arena *mem)
{
	json_t *copy;

	/* Section 3.5.2.1: what is there already is not added again. */
	if (array_has(array, value))
		return;
	copy = json_deep_copy(value);
	if (is_primary(copy))
		demote_others(array, copy, mem);
	json_array_append_new(array, copy);
}

/* ---- operations on an attribute ---- */

static void schemas_add(struct patcher *p, struct slice urn)
{
	json_t *schemas = scim_json_get(p->resource, SLICE("schemas"), NULL);
	size_t i;

	if (!json_is_array(schemas))
		return;
	for (i = 0; i < json_array_size(schemas); i++) {
		const char *known = json_string_value(json_array_get(schemas, i));

		if (known && is_name(urn, known))
			return;
	}
	json_array_append_new(schemas, json_stringn(urn.data, urn.len));
}

/* The object that holds the attribute; an extension's is made when `create`. */
static json_t *holder_of(struct patcher *p, const struct scim_attr_path *attr, bool create)
{
	json_t *holder = scim_json_holder(p->resource, attr);

	if (holder || !create)
		return json_is_object(holder) ? holder : NULL;
	json_object_set_new(p->resource,
			    arena_strndup(p->mem, attr->urn.data, attr->urn.len),
			    json_object());
	schemas_add(p, attr->urn);
	return scim_json_get(p->resource, attr->urn, NULL);
}

/* An extension or a complex attribute with nothing left in it is not there. */
static void drop_empty(struct patcher *p, json_t *object, struct slice name)
{
	const json_t *value = scim_json_get(object, name, NULL);

	if ((json_is_object(value) && json_object_size(value) == 0) ||
	    (json_is_array(value) && json_array_size(value) == 0))
		member_delete(object, name, p->mem);
}

static int add_to_array(struct patcher *p, json_t *holder, const struct scim_attr_path *attr,
			const json_t *value)
{
	json_t *array = scim_json_get(holder, attr->name, NULL);
	size_t i;

	if (!json_is_array(array)) {
		json_t *empty = json_array();

		member_set(holder, attr->name, empty, p->mem);
		json_decref(empty);
		array = scim_json_get(holder, attr->name, NULL);
	}
	if (!json_is_array(value)) {
		array_add(array, value, p->mem);
		return 0;
	}
	for (i = 0; i < json_array_size(value); i++)
		array_add(array, json_array_get(value, i), p->mem);
	return 0;
}

static int replace_array(struct patcher *p, json_t *holder,
			 const struct scim_attr_path *attr, const json_t *value)
{
	member_delete(holder, attr->name, p->mem);
	return add_to_array(p, holder, attr, value);
}

/* Set a sub-attribute of a complex attribute, of each value if there are several. */
static int set_sub(struct patcher *p, json_t *holder, const struct scim_attr_path *attr,
		   const json_t *value)
{
	json_t *target = scim_json_get(holder, attr->name, NULL);
	size_t i;

	if (json_is_array(target)) {
		for (i = 0; i < json_array_size(target); i++) {
			json_t *element = json_array_get(target, i);

			if (!json_is_object(element))
				return refuse(p, SCIM_ERROR_INVALID_PATH,
					      "the values of %.*s have no sub-attributes",
					      SLICE_FMT(attr->name));
			member_put(element, attr->sub, value, p->mem);
		}
		return 0;
	}
	if (target && !json_is_object(target))
		return refuse(p, SCIM_ERROR_INVALID_PATH, "%.*s has no sub-attributes",
			      SLICE_FMT(attr->name));
	if (is_multi(&(struct scim_attr_path){ .urn = attr->urn, .name = attr->name }))
		return refuse(p, SCIM_ERROR_NO_TARGET, "%.*s has no value yet",
			      SLICE_FMT(attr->name));
	if (!target) {
		json_t *empty = json_object();

		member_set(holder, attr->name, empty, p->mem);
		json_decref(empty);
		target = scim_json_get(holder, attr->name, NULL);
	}
	member_put(target, attr->sub, value, p->mem);
	drop_empty(p, holder, attr->name);
	return 0;
}

static int remove_attr(struct patcher *p, const struct scim_attr_path *attr)
{
	json_t *holder = holder_of(p, attr, false), *target;
	size_t i;

	if (!holder)
		return 0;
	if (attr->sub.len == 0) {
		member_delete(holder, attr->name, p->mem);
	} else {
		target = scim_json_get(holder, attr->name, NULL);
		for (i = 0; i < json_array_size(target); i++)
			member_delete(json_array_get(target, i), attr->sub, p->mem);
		if (json_is_object(target)) {
			member_delete(target, attr->sub, p->mem);
			drop_empty(p, holder, attr->name);
		}
	}
	if (holder != p->resource)
		drop_empty(p, p->resource, attr->urn);
	return 0;
}

static int set_attr(struct patcher *p, enum scim_op op, const struct scim_attr_path *attr,
		    const json_t *value)
{
	json_t *holder, *target;

	if (check_type(p, attr, value) != 0)
		return -1;
	if (is_unassigned(value))
		return op == SCIM_OP_ADD ? 0 : remove_attr(p, attr);
	holder = holder_of(p, attr, true);
	if (!holder)
		return refuse(p, SCIM_ERROR_INVALID_PATH, "%.*s is no object in this resource",
			      SLICE_FMT(attr->urn));
	if (attr->sub.len)
		return set_sub(p, holder, attr, value);
	target = scim_json_get(holder, attr->name, NULL);
	if (json_is_array(target) || is_multi(attr))
		return op == SCIM_OP_ADD ? add_to_array(p, holder, attr, value)
					 : replace_array(p, holder, attr, value);
	if (json_is_object(target) && json_is_object(value)) {
		object_merge(target, value, p->mem);
		drop_empty(p, holder, attr->name); /* null in the value takes away */
	} else if (json_is_object(target)) {
		return refuse(p, SCIM_ERROR_INVALID_VALUE, "%.*s takes an object",
			      SLICE_FMT(attr->name));
	} else {
		member_set(holder, attr->name, value, p->mem);
	}
	return 0;
}

/* ---- operations on values that a filter picks ---- */

/* One picked element. A removed one is marked by null and swept afterwards. */
static int change_element(struct patcher *p, enum scim_op op, const struct scim_path *path,
			  json_t *array, size_t index, const json_t *value)
{
	json_t *element = json_array_get(array, index);
	struct slice sub = path->attr.sub;

	if (op == SCIM_OP_REMOVE && sub.len == 0) {
		json_array_set_new(array, index, json_null());
		return 0;
	}
	if (!json_is_object(element) || (sub.len == 0 && !json_is_object(value)))
		return refuse(p, SCIM_ERROR_INVALID_VALUE, "%.*s[...] takes an object",
			      SLICE_FMT(path->attr.name));
	if (op == SCIM_OP_REMOVE)
		member_delete(element, sub, p->mem);
	else if (sub.len)
		member_put(element, sub, value, p->mem);
	else if (op == SCIM_OP_ADD)
		object_merge(element, value, p->mem);
	else
		json_array_set_new(array, index, json_deep_copy(value));
	element = json_array_get(array, index);
	if (is_primary(element))
		demote_others(array, element, p->mem);
	return 0;
}

static void sweep(json_t *array)
{
	size_t i = json_array_size(array);

	while (i-- > 0) {
		if (json_is_null(json_array_get(array, i)))
			json_array_remove(array, i);
	}
}

static int change_picked(struct patcher *p, enum scim_op op, const struct scim_path *path,
			 const json_t *value)
{
	char *name = arena_strndup(p->mem, path->attr.name.data, path->attr.name.len);
	json_t *holder = holder_of(p, &path->attr, false);
	json_t *array = holder ? scim_json_get(holder, path->attr.name, NULL) : NULL;
	size_t i, picked = 0;

	if (array && !json_is_array(array))
		return refuse(p, SCIM_ERROR_INVALID_PATH, "%s is not multi-valued", name);
	for (i = 0; i < json_array_size(array); i++) {
		if (!scim_filter_match(path->filter, json_array_get(array, i), name))
			continue;
		picked++;
		if (change_element(p, op, path, array, i, value) != 0)
			return -1;
	}
	if (picked == 0)
		return refuse(p, SCIM_ERROR_NO_TARGET, "%s: no value matches the filter", name);
	sweep(array);
	drop_empty(p, holder, path->attr.name);
	if (holder != p->resource)
		drop_empty(p, p->resource, path->attr.urn);
	return 0;
}

/* ---- whole operations ---- */

static bool ends_in(struct slice text, const char *end)
{
	size_t len = strlen(end);

	return text.len > len &&
	       text_cmp_nocase(text.data + text.len - len, len, end, len) == 0;
}

/*
 * Whether the path is the URN of an extension as a whole: one that the resource has or
 * names, or one that ends in a resource type as all of the RFC do. The grammar alone can't
 * tell it from an attribute "User" of a shorter URN.
 */
static bool is_extension(const struct patcher *p, struct slice name)
{
	json_t *schemas = scim_json_get(p->resource, SLICE("schemas"), NULL);
	size_t i;

	if (name.len < 4 || text_cmp_nocase(name.data, 4, "urn:", 4) != 0 ||
	    scim_urn_is_core(name))
		return false;
	if (ends_in(name, ":User") || ends_in(name, ":Group") ||
	    scim_json_get(p->resource, name, NULL))
		return true;
	for (i = 0; i < json_array_size(schemas); i++) {
		const char *known = json_string_value(json_array_get(schemas, i));

		if (known && is_name(name, known))
			return true;
	}
	return false;
}

static int apply_path(struct patcher *p, enum scim_op op, const struct scim_path *path,
		      const json_t *value)
{
	bool clears = op == SCIM_OP_REPLACE && !path->filter && is_unassigned(value);

	if (check_writable(p, clears ? SCIM_OP_REMOVE : op, path) != 0)
		return -1;
	if (path->filter)
		return change_picked(p, op, path, value);
	if (op == SCIM_OP_REMOVE)
		return remove_attr(p, &path->attr);
	return set_attr(p, op, &path->attr, value);
}

static int apply_extension(struct patcher *p, enum scim_op op, struct slice urn,
			   json_t *value)
{
	struct scim_path path = { .attr = { .urn = urn } };
	json_t *members = op == SCIM_OP_REMOVE ? scim_json_get(p->resource, urn, NULL) : value;
	const char *key;
	json_t *member;
	void *next;

	if (op != SCIM_OP_REMOVE && !json_is_object(value))
		return refuse(p, SCIM_ERROR_INVALID_VALUE, "%.*s takes an object",
			      SLICE_FMT(urn));
	if (!json_is_object(members))
		return 0;
	/* With its last member the extension itself goes from the resource. */
	json_incref(members);
	json_object_foreach_safe(members, next, key, member) {
		path.attr.name = slice_str(arena_strdup(p->mem, key));
		if (apply_path(p, op, &path, member) != 0)
			break;
	}
	json_decref(members);
	return p->type == SCIM_ERROR_NONE ? 0 : -1;
}

static int apply_text_path(struct patcher *p, enum scim_op op, struct slice text,
			   json_t *value)
{
	struct err why = ERR_INIT;
	struct scim_path path;

	if (is_extension(p, text))
		return apply_extension(p, op, text, value);
	if (scim_path_parse(p->mem, text.data, text.len, &path, &why) != 0)
		return refuse(p, SCIM_ERROR_INVALID_PATH, "path, column %u: %s", why.column,
			      why.text);
	return apply_path(p, op, &path, value);
}

/* add and replace without a path: each member of the value is a path of its own. */
static int apply_members(struct patcher *p, enum scim_op op, json_t *value)
{
	const char *key;
	json_t *member;

	if (!json_is_object(value))
		return refuse(p, SCIM_ERROR_INVALID_VALUE,
			      "without a path the value must be an object of attributes");
	json_object_foreach(value, key, member) {
		const json_t *present = scim_json_get(p->resource, slice_str(key), NULL);

		/* Clients send back what they read; what is not changed is no change. */
		if (is_name(SLICE("schemas"), key) || (present && json_equal(present, member)))
			continue;
		if (apply_text_path(p, op, slice_str(key), member) != 0)
			return -1;
	}
	return 0;
}

static int read_op(struct patcher *p, const json_t *operation, enum scim_op *ret)
{
	static const char *const names[] = { "add", "replace", "remove" };
	const char *name =
		json_string_value(scim_json_get(operation, SLICE("op"), NULL));
	size_t i;

	for (i = 0; name && i < 3; i++) {
		if (text_eq_nocase(name, names[i])) {
			*ret = (enum scim_op)i;
			return 0;
		}
	}
	return refuse(p, SCIM_ERROR_INVALID_SYNTAX, "op must be add, replace or remove");
}

static int apply_operation(struct patcher *p, const json_t *operation)
{
	json_t *path, *value;
	enum scim_op op = SCIM_OP_ADD;

	if (!json_is_object(operation))
		return refuse(p, SCIM_ERROR_INVALID_SYNTAX, "not an object");
	if (read_op(p, operation, &op) != 0)
		return -1;
	path = scim_json_get(operation, SLICE("path"), NULL);
	value = scim_json_get(operation, SLICE("value"), NULL);
	if (path && !json_is_string(path))
		return refuse(p, SCIM_ERROR_INVALID_PATH, "the path must be text");
	if (op == SCIM_OP_REMOVE) {
		if (!path) /* RFC 7644 section 3.5.2.2 */
			return refuse(p, SCIM_ERROR_NO_TARGET, "remove needs a path");
		/* Some clients name values to remove here; ignored, all would be removed. */
		if (value && !json_is_null(value))
			return refuse(p, SCIM_ERROR_INVALID_VALUE,
				      "remove takes no value; pick values in the path");
	} else if (!value) {
		return refuse(p, SCIM_ERROR_INVALID_VALUE, "the value is missing");
	} else if (!path) {
		return apply_members(p, op, value);
	}
	return apply_text_path(p, op,
			       slice_of(json_string_value(path), json_string_length(path)),
			       value);
}

static int check_request(struct patcher *p, const json_t *request, const json_t **ret_ops)
{
	const json_t *schemas = json_is_object(request) ?
		scim_json_get(request, SLICE("schemas"), NULL) : NULL;
	const json_t *ops = json_is_object(request) ?
		scim_json_get(request, SLICE("Operations"), NULL) : NULL;
	bool named = false;
	size_t i;

	for (i = 0; i < json_array_size(schemas); i++) {
		const char *urn = json_string_value(json_array_get(schemas, i));

		named = named || (urn && text_eq_nocase(urn, SCIM_URN_PATCH));
	}
	if (!named)
		return refuse(p, SCIM_ERROR_INVALID_SYNTAX, "schemas must have " SCIM_URN_PATCH);
	if (!json_is_array(ops) || json_array_size(ops) == 0)
		return refuse(p, SCIM_ERROR_INVALID_SYNTAX,
			      "Operations must be an array with one operation at least");
	if (json_array_size(ops) > PATCH_OPS_MAX)
		return refuse(p, SCIM_ERROR_INVALID_SYNTAX, "%zu operations, %d are allowed",
			      json_array_size(ops), PATCH_OPS_MAX);
	*ret_ops = ops;
	return 0;
}

int scim_patch_apply(const json_t *resource, const json_t *request,
		     const struct scim_patch_rules *rules, struct arena *mem,
		     json_t **ret_resource, enum scim_error_type *ret_type, struct err *err)
{
	struct patcher p = { .rules = rules, .mem = mem, .err = err };
	const json_t *ops = NULL;
	size_t i;

	if (check_request(&p, request, &ops) != 0) {
		*ret_type = p.type;
		return -1;
	}
	p.resource = json_deep_copy(resource);
	for (i = 0; i < json_array_size(ops); i++) {
		p.op_number = i + 1;
		if (apply_operation(&p, json_array_get(ops, i)) != 0) {
			json_decref(p.resource);
			*ret_type = p.type;
			return -1;
		}
	}
	*ret_resource = p.resource;
	return 0;
}
