/*
 * tests/bench/rules.c - the mapper alone: entries in memory to records, on one core.
 *
 *   rules RULES LDIF time ROUNDS   map every entry ROUNDS times: "entries=N records=N seconds=S"
 *   rules RULES LDIF entries       each entry as a line of JSON, for the reference
 *   rules RULES LDIF records       each record as a line of JSON, as the reference writes it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bridge/directory/ldif.h"
#include "mappings/map.h"
#include "scim/base/buf.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

#define LINE_BYTES_MAX (1024 * 1024)

struct bench {
	struct rules *rules;
	struct arena mem, scratch, record_mem;
	VEC(struct entry) entries;
};

static void die(const struct err *err)
{
	char text[ERR_FORMAT_MAX];

	fprintf(stderr, "rules: %s\n", err_format(err, text, sizeof(text)));
	exit(1);
}

/* ---- entries ---- */

static struct slice copy(struct bench *b, struct slice s)
{
	return slice_of(arena_strndup(&b->mem, s.data, s.len), s.len);
}

static void keep_entry(struct bench *b, const struct ldif_entry *from)
{
	const struct layout *layout = rules_layout(b->rules);
	size_t slots = layout->names.count;
	struct attr_values *attrs = arena_array(&b->mem, slots, sizeof(*attrs));
	const struct ldif_attr *id = ldif_find(from, "entryUUID", 9);
	struct entry entry = { .attrs = attrs, .attr_count = (unsigned)slots };

	if (!id || !ldif_find(from, "mail", 4))
		return; /* no person */
	entry.dn = copy(b, slice_of(from->dn, from->dn_len)).data;
	entry.id = copy(b, id->values[0]).data;
	for (size_t s = 0; s < slots; s++) {
		const char *name = layout->names.items[s];
		const struct ldif_attr *attr = ldif_find(from, name, strlen(name));
		struct slice *items;

		if (!attr)
			continue;
		items = arena_array(&b->mem, attr->count, sizeof(*items));
		for (uint32_t v = 0; v < attr->count; v++)
			items[v] = copy(b, attr->values[v]);
		attr_values_sort(items, attr->count);
		attrs[s] = (struct attr_values){ items, attr->count };
	}
	vec_push(&b->entries, entry);
}

static void load(struct bench *b, const char *rules, const char *path)
{
	const struct ldif_entry *entry;
	struct diags diags = { 0 };
	struct err err = ERR_INIT;
	struct ldif *ldif;
	int got;

	if (rules_load(&rules, 1, &b->rules, &diags))
		die(&diags.items[0]);
	if (ldif_open(path, &ldif, &err))
		die(&err);
	while ((got = ldif_next(ldif, &entry, &err)) == 1)
		keep_entry(b, entry);
	if (got < 0)
		die(&err);
	ldif_close(ldif);
}

static struct record *map(struct bench *b, const struct entry *entry)
{
	struct record *record;
	struct err err = ERR_INIT;

	arena_reset(&b->record_mem);
	if (map_entry(b->rules, entry, 0, &b->scratch, &b->record_mem, &record, NULL, &err))
		die(&err);
	return record;
}

/* ---- JSON ---- */

static void quote(struct buf *out, const char *s)
{
	json_quote(out, s, strlen(s));
}

static void print_entry(struct bench *b, const struct entry *entry, struct buf *out)
{
	const struct layout *layout = rules_layout(b->rules);

	buf_addstr(out, "{\"id\":");
	quote(out, entry->id);
	buf_addstr(out, ",\"dn\":");
	quote(out, entry->dn);
	for (unsigned s = 0; s < entry->attr_count; s++) {
		if (entry->attrs[s].count == 0)
			continue;
		buf_addch(out, ',');
		quote(out, layout->names.items[s]);
		for (uint32_t v = 0; v < entry->attrs[s].count; v++) {
			struct slice value = entry->attrs[s].items[v];

			buf_addstr(out, v ? "," : ":[");
			json_quote(out, value.data, value.len);
		}
		buf_addch(out, ']');
	}
	buf_addch(out, '}');
}

static void print_assignment(const struct assignment *a, struct buf *out)
{
	buf_addf(out, "[\"%s\",", assign_kind_name(a->kind));
	quote(out, a->name);
	if (a->division) {
		buf_addch(out, ',');
		quote(out, a->division);
	}
	if (a->kind == ASSIGN_SKILL || a->kind == ASSIGN_LANGUAGE)
		buf_addf(out, ",%g", a->level);
	buf_addch(out, ']');
}

static void print_record(const struct record *record, struct buf *out)
{
	buf_addstr(out, "{\"id\":");
	quote(out, record->id);
	buf_addstr(out, ",\"rule\":");
	quote(out, record->rule);
	buf_addstr(out, ",\"profile\":{");
	for (unsigned i = 0; i < record->field_count; i++) {
		const struct scim_field *field = &record->fields[i].field;

		buf_addf(out, "%s\"%s%s%s\":", i ? "," : "",
			 scim_attr((enum scim_attr)field->attr)->name, field->key ? "." : "",
			 field->key ? field->key : "");
		quote(out, field->value);
	}
	buf_addstr(out, "},\"assign\":[");
	for (unsigned i = 0; i < record->assign_count; i++) {
		if (i)
			buf_addch(out, ',');
		print_assignment(&record->assigns[i], out);
	}
	buf_addf(out, "],\"problems\":%u}", record->problem_count);
}

static void print_all(struct bench *b, bool records)
{
	struct buf line;

	buf_init(&line, LINE_BYTES_MAX);
	for (size_t i = 0; i < b->entries.count; i++) {
		buf_clear(&line);
		if (records)
			print_record(map(b, &b->entries.items[i]), &line);
		else
			print_entry(b, &b->entries.items[i], &line);
		if (buf_failed(&line))
			abort();
		puts(line.data);
	}
	buf_release(&line);
}

/* Of this process alone: what else the machine does is no part of it. */
static double cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void time_rounds(struct bench *b, unsigned long rounds)
{
	uint64_t records = 0;
	double start = cpu_seconds();

	for (unsigned long r = 0; r < rounds; r++)
		for (size_t i = 0; i < b->entries.count; i++)
			records += map(b, &b->entries.items[i]) != NULL;
	printf("entries=%zu records=%llu seconds=%.6f\n", b->entries.count,
	       (unsigned long long)(records / rounds),
	       (cpu_seconds() - start) / (double)rounds);
}

int main(int argc, char **argv)
{
	struct bench b = { .rules = NULL };
	unsigned long rounds = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;

	if (argc < 4 || (rounds == 0 && strcmp(argv[3], "time") == 0)) {
		fprintf(stderr, "usage: rules RULES LDIF entries|records|time [ROUNDS]\n");
		return 2;
	}
	load(&b, argv[1], argv[2]);
	if (rounds)
		time_rounds(&b, rounds);
	else
		print_all(&b, strcmp(argv[3], "records") == 0);
	vec_release(&b.entries);
	arena_release(&b.mem);
	arena_release(&b.scratch);
	arena_release(&b.record_mem);
	rules_free(b.rules);
	return fflush(stdout) ? 1 : 0;
}
