/*
 * bridge/directory/ldif and bridge/directory/filter: any bytes are entries up to a point,
 * and then an error with a place in the text; reading them again gives the same. Each value
 * lies where it can be read, and filters made of what was read match what they name.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/directory/fill.h"
#include "bridge/directory/filter.h"
#include "bridge/directory/ldif.h"
#include "scim/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX (64 * 1024)
#define VALUE_BYTES_MAX 1024 /* as a filter it is four times as long */

static uint64_t add_bytes(uint64_t sum, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (unsigned char)data[i]) * UINT64_C(1099511628211);
	return sum * 31 + len;
}

static bool finds(struct slice attr, struct slice value, const struct ldif_entry *entry)
{
	const struct dir_filter *filter;
	struct arena mem = ARENA_INIT;
	struct buf text;
	bool found;

	buf_init(&text, INPUT_BYTES_MAX);
	buf_addf(&text, "(%.*s=", SLICE_FMT(attr));
	dir_filter_escape(&text, value.data, value.len);
	buf_addch(&text, ')');
	if (buf_failed(&text) || dir_filter_parse(&mem, text.data, text.len, true, &filter, NULL))
		abort();
	found = dir_filter_match(filter, entry);
	buf_release(&text);
	arena_release(&mem);
	return found;
}

/* Returns a sum of all bytes, so that a sanitizer sees each of them read. */
static uint64_t check_entry(const struct ldif_entry *entry, bool match)
{
	char id[ENTRY_ID_BYTES_MAX + 1];
	uint64_t sum = add_bytes(entry->line, entry->dn, entry->dn_len);

	if (strlen(entry->dn) != entry->dn_len)
		abort();
	for (unsigned a = 0; a < entry->attr_count; a++) {
		const struct ldif_attr *attr = &entry->attrs[a];

		if (attr->count == 0 || ldif_find(entry, attr->name.data, attr->name.len) != attr)
			abort();
		sum = add_bytes(sum, attr->name.data, attr->name.len);
		for (uint32_t v = 0; v < attr->count; v++) {
			struct slice value = attr->values[v];

			sum = add_bytes(sum, value.data, value.len);
			if (entry_id_format(value, a % 2, id) == 0 && !utf8_valid(id, strlen(id)))
				abort();
			/* "member;range=0-9" can not be named in a filter. */
			if (match && v < 4 && a < 16 && value.len <= VALUE_BYTES_MAX &&
			    !memchr(attr->name.data, '=', attr->name.len) &&
			    attr->name.len <= VALUE_BYTES_MAX && !finds(attr->name, value, entry))
				abort();
		}
	}
	return sum;
}

static uint64_t read_all(struct ldif *ldif, unsigned lines, bool match)
{
	const struct ldif_entry *entry = NULL;
	struct err err = ERR_INIT;
	unsigned line = 0;
	uint64_t sum = 0;
	int got;

	while ((got = ldif_next(ldif, &entry, &err)) == 1) {
		if (entry->line <= line || entry->line > lines)
			abort();
		line = entry->line;
		sum = sum * 31 + check_entry(entry, match);
	}
	if (got < 0 && (!err.text[0] || err.line == 0 || err.line > lines))
		abort();
	if (got == 0 && err.kind != ERR_NONE)
		abort();
	return sum * 31 + (uint64_t)err.line + ldif_cut_off(ldif);
}

/* The text itself as a filter: parsed or refused with a column in it, and then used. */
static void check_filter(const char *text, size_t len)
{
	static const char sample[] = "dn: cn=a\ncn: a\nnumber: 12\nmember: cn=b\n";
	const struct dir_filter *filter = NULL;
	const struct ldif_entry *entry = NULL;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	struct ldif *ldif;

	if (dir_filter_parse(&mem, text, len, true, &filter, &err)) {
		if (filter || !err.text[0] || err.column > len + 1)
			abort();
	} else {
		ldif = ldif_open_text(sample, sizeof(sample) - 1, "f");
		if (ldif_next(ldif, &entry, NULL) != 1)
			abort();
		dir_filter_match(filter, entry);
		ldif_close(ldif);
	}
	arena_release(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	unsigned lines = 2;
	struct ldif *ldif;
	uint64_t sum;

	if (size > INPUT_BYTES_MAX)
		return 0;
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	ldif = ldif_open_text(text, size, "f");
	sum = read_all(ldif, lines, true);
	if (ldif_rewind(ldif, NULL) || read_all(ldif, lines, false) != sum)
		abort();
	ldif_close(ldif);
	check_filter(text, size);
	return 0;
}
