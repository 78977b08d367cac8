#include "scim/schema.h"

#include <assert.h>
#include <string.h>

#include "scim/base/banned.h"

/* Path of a leaf at each place of schema.def. */
#define PATH_CORE(leaf) leaf
#define PATH_NAME(leaf) "name." leaf
#define PATH_ENTERPRISE(leaf) SCIM_URN_ENTERPRISE ":" leaf
#define PATH_MANAGER(leaf) SCIM_URN_ENTERPRISE ":manager." leaf

static const struct scim_attr_row rows[SCIM_ATTR_COUNT] = {
#define SCIM_ATTR(id, name, place, leaf, type, multi, mutability, uniqueness, case_exact, \
		  same)                                                                   \
	[SCIM_ATTR_##id] = { name, PATH_##place(leaf), leaf, sizeof(leaf) - 1,            \
			     SCIM_IN_##place, SCIM_##type, multi, SCIM_##mutability,      \
			     SCIM_UNIQUE_##uniqueness, case_exact, SCIM_SAME_##same },
#include "scim/schema.def"
#undef SCIM_ATTR
};

static bool in_enterprise(const struct scim_attr_row *row)
{
	return row->place == SCIM_IN_ENTERPRISE || row->place == SCIM_IN_MANAGER;
}

const struct scim_attr_row *scim_attr(enum scim_attr attr)
{
	assert((unsigned)attr < SCIM_ATTR_COUNT);
	return &rows[attr];
}

enum scim_attr scim_attr_find(const char *name)
{
	unsigned i;

	for (i = 0; i < SCIM_ATTR_COUNT; i++) {
		if (text_eq_nocase(rows[i].name, name))
			break;
	}
	return (enum scim_attr)i;
}

static bool slice_eq_nocase(struct slice a, const char *b)
{
	return text_cmp_nocase(a.data, a.len, b, strlen(b)) == 0;
}

/* Cut "urn:" off the front of *path; false when it is not there. */
static bool cut_urn(struct slice *path, const char *urn)
{
	size_t len = strlen(urn);

	if (path->len <= len + 1 || path->data[len] != ':' ||
	    text_cmp_nocase(path->data, len, urn, len) != 0)
		return false;
	*path = slice_of(path->data + len + 1, path->len - len - 1);
	return true;
}

enum scim_attr scim_attr_by_leaf(enum scim_place place, struct slice leaf)
{
	unsigned i;

	for (i = 0; i < SCIM_ATTR_COUNT; i++) {
		if (rows[i].leaf_len == leaf.len && rows[i].place == place &&
		    text_cmp_nocase(leaf.data, leaf.len, rows[i].leaf, leaf.len) == 0)
			break;
	}
	return (enum scim_attr)i;
}

enum scim_attr scim_attr_by_path(struct slice path)
{
	bool enterprise = cut_urn(&path, SCIM_URN_ENTERPRISE);
	unsigned i;

	if (enterprise && slice_eq_nocase(path, "manager"))
		return SCIM_ATTR_MANAGER;
	if (!enterprise)
		cut_urn(&path, SCIM_URN_USER);
	for (i = 0; i < SCIM_ATTR_COUNT; i++) {
		const char *own = rows[i].path;

		if (enterprise != in_enterprise(&rows[i]))
			continue;
		if (enterprise)
			own += sizeof(SCIM_URN_ENTERPRISE); /* and the colon */
		if (slice_eq_nocase(path, own))
			break;
	}
	return (enum scim_attr)i;
}

const char *scim_attr_nearest(const char *name)
{
	const char *names[SCIM_ATTR_COUNT];
	unsigned i;
	int found;

	for (i = 0; i < SCIM_ATTR_COUNT; i++)
		names[i] = rows[i].name;
	found = text_nearest(name, names, SCIM_ATTR_COUNT);
	return found < 0 ? NULL : names[found];
}

/* ---- values ---- */

static bool date_valid(const char *value)
{
	char text[sizeof("2026-01-31T00:00:00Z")];
	int64_t ignored;

	if (strlen(value) != 10)
		return false;
	memcpy(text, value, 10);
	memcpy(text + 10, "T00:00:00Z", sizeof("T00:00:00Z"));
	return time_parse(text, sizeof(text) - 1, &ignored) == 0;
}

static bool text_valid(const char *value)
{
	size_t len = strlen(value);
	const char *p;

	if (text_plain(value, len))
		return true;
	for (p = value; *p; p++) {
		/* Line breaks and tabs are allowed: postal forms in titles and notes. */
		if (((unsigned char)*p < 0x20 && !strchr("\t\r\n", *p)) || *p == 0x7f)
			return false;
	}
	return utf8_valid(value, len);
}

bool scim_value_valid(enum scim_attr attr, const char *value)
{
	const char *p;

	switch (scim_attr(attr)->type) {
	case SCIM_BOOLEAN:
		return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
	case SCIM_DATE:
		return date_valid(value);
	case SCIM_REFERENCE:
		for (p = value; *p; p++) {
			if ((unsigned char)*p <= 0x20)
				return false;
		}
		return text_valid(value);
	case SCIM_STRING:
		break;
	}
	return text_valid(value);
}

/* Next character of a telephone number that counts. */
static char phone_next(const char **at)
{
	/* RFC 3966 visual separators, and the spaces that people write. */
	while (**at && strchr("-.() ", **at))
		(*at)++;
	return **at ? *(*at)++ : '\0';
}

static bool phone_same(const char *a, const char *b)
{
	char c;

	if (text_cmp_nocase(a, strnlen(a, 4), "tel:", 4) == 0)
		a += 4;
	if (text_cmp_nocase(b, strnlen(b, 4), "tel:", 4) == 0)
		b += 4;
	do {
		c = phone_next(&a);
		if (c != phone_next(&b))
			return false;
	} while (c);
	return true;
}

bool scim_value_same(enum scim_attr attr, const char *a, const char *b)
{
	switch (scim_attr(attr)->same) {
	case SCIM_SAME_NOCASE:
		return text_eq_nocase(a, b);
	case SCIM_SAME_PHONE:
		return phone_same(a, b);
	case SCIM_SAME_EXACT:
		break;
	}
	return strcmp(a, b) == 0;
}

bool scim_path_case_exact(struct slice path)
{
	/* RFC 7643 section 3.1, and references (section 2.3.7). */
	static const char *const exact[] = {
		"id", "schemas", "meta.resourceType", "meta.location", "meta.version",
		"members", "members.value", "members.$ref", "groups", "groups.value",
		"groups.$ref", "photos.value", "manager", "manager.value", "manager.$ref",
	};
	enum scim_attr attr;
	size_t i;

	for (i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
		if (slice_eq_nocase(path, exact[i]))
			return true;
	}
	attr = scim_attr_by_path(path);
	return attr != SCIM_ATTR_COUNT && rows[attr].case_exact;
}
