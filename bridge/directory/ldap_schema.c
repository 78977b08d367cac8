/*
 * What attributes the server knows: from the subschema entry that the root DSE names
 * (RFC 4512 sections 4.4, 5.1).
 */
#include <string.h>

#include "bridge/directory/ldap_changes.h"
#include "bridge/directory/ldap_people.h"

#include "scim/base/banned.h"

struct schema_reader {
	struct dir_schema *schema;
	struct arena mem;
	const char *dn;
};

static bool name_is(struct slice name, const char *wanted)
{
	return text_cmp_nocase(name.data, name.len, wanted, strlen(wanted)) == 0;
}

static void take_value(void *ctx, struct slice name, struct slice value)
{
	struct schema_reader *reader = ctx;

	if (name_is(name, "subschemaSubentry"))
		reader->dn = arena_strndup(&reader->mem, value.data, value.len);
	else if (name_is(name, "attributeTypes"))
		dir_schema_add(reader->schema, value);
}

static int read_schema(struct ldap_directory *dir, struct schema_reader *reader, struct err *err)
{
	static const char *const place[] = { "subschemaSubentry", NULL };
	static const char *const types[] = { "attributeTypes", NULL };

	if (ldap_directory_connect(dir, err) ||
	    ldap_read_object(dir, "", place, take_value, reader, err))
		return -1;
	if (!reader->dn)
		return err_at(err, ERR_NOT_FOUND, dir->uri, 0, 0,
			      "the server does not say where its schema is");
	if (ldap_read_object(dir, reader->dn, types, take_value, reader, err))
		return -1;
	if (reader->schema->first.count == 0)
		return err_at(err, ERR_NOT_FOUND, dir->uri, 0, 0,
			      "the schema in \"%.100s\" can not be read", reader->dn);
	return 0;
}

int ldap_read_schema(struct directory *base, struct dir_schema *schema, struct err *err)
{
	struct schema_reader reader = { .schema = schema };
	int ret = read_schema((struct ldap_directory *)base, &reader, err);

	arena_release(&reader.mem);
	return ret;
}

/* ";lang-ja" of "cn;lang-ja"; empty without options. */
static struct slice options_of(struct slice description, struct slice *ret_name)
{
	const char *semi = memchr(description.data, ';', description.len);
	size_t len = semi ? (size_t)(semi - description.data) : description.len;

	*ret_name = slice_of(description.data, len);
	return slice_of(description.data + len, description.len - len);
}

int ldap_schema_slot(const struct dir_schema *schema, const struct fill *fill,
		     struct slice description)
{
	struct slice name, other, options = options_of(description, &name);
	const char *first = dir_schema_find(schema, name);

	for (unsigned i = 0; first && i < fill->slot_count; i++) {
		struct slice wanted = slice_of(fill->slots[i].name, fill->slots[i].name_len);
		struct slice its_options = options_of(wanted, &other);

		if (dir_schema_find(schema, other) == first &&
		    text_cmp_nocase(options.data, options.len, its_options.data,
				    its_options.len) == 0)
			return (int)i;
	}
	return -1;
}
