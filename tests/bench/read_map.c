/*
 * tests/bench/read_map.c - read every person of the configured directory, map each by the
 * configured rules, drop the records. Prints what it met: "entries=N records=N digest=...".
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridge/config/config.h"
#include "bridge/directory/directory.h"
#include "mappings/map.h"

#include "scim/base/banned.h"

struct reader {
	struct rules *rules;
	struct arena scratch, mem;
	uint64_t entries, records, values, bytes;
};

static int take(void *ctx, const struct entry *entry, struct err *err)
{
	struct reader *reader = ctx;
	struct record *record;

	reader->entries++;
	for (unsigned i = 0; i < entry->attr_count; i++) {
		reader->values += entry->attrs[i].count;
		for (uint32_t v = 0; v < entry->attrs[i].count; v++)
			reader->bytes += entry->attrs[i].items[v].len;
	}
	arena_reset(&reader->mem);
	if (map_entry(reader->rules, entry, 0, &reader->scratch, &reader->mem, &record, NULL, err))
		return -1;
	reader->records += record != NULL;
	return 0;
}

int main(int argc, char **argv)
{
	struct config *config;
	struct directory *dir;
	struct diags diags = { 0 };
	struct err err = ERR_INIT;
	struct verdict verdict;
	struct reader reader = { 0 };
	char text[ERR_FORMAT_MAX];

	if (argc != 2) {
		fprintf(stderr, "usage: read_map SETTINGS\n");
		return 2;
	}
	if (config_load(argv[1], &config, &diags) ||
	    rules_load(config->rules.items, config->rules.count, &reader.rules, &diags)) {
		fprintf(stderr, "%s\n", err_format(&diags.items[0], text, sizeof(text)));
		return 2;
	}
	verdict_init(&verdict);
	if (directory_open(config, clock_system(), &dir, &err) ||
	    dir->ops->read_people(dir, rules_layout(reader.rules), take, &reader, &verdict,
				  &err)) {
		fprintf(stderr, "%s\n", err_format(&err, text, sizeof(text)));
		return 1;
	}
	printf("entries=%" PRIu64 " values=%" PRIu64 " bytes=%" PRIu64 " records=%" PRIu64
	       " complete=%d\n",
	       reader.entries, reader.values, reader.bytes, reader.records, verdict.complete);
	dir->ops->free(dir);
	arena_release(&reader.scratch);
	arena_release(&reader.mem);
	rules_free(reader.rules);
	config_free(config);
	return 0;
}
