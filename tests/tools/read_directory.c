/*
 * tests/tools/read_directory.c - read the configured directory and print what came.
 *
 *   read_directory SETTINGS [--attr NAME]... [--group NAME]... [--person PERSON]
 *                  [--count] [--forget] [--delay-us N] [--flag FILE]
 *
 * A line "entry ID DN attr=value;value... group=yes|no|unknown" each (not with --count), the
 * lines "groups ..." and "people complete|incomplete N" with "reason ..." below them, or
 * "error KIND text" and exit 1. --delay-us waits in each entry, --flag makes FILE when the
 * first has come; --forget reads without keeping ids (directory.h); the first two let a test stop the server in the middle.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/config/config.h"
#include "bridge/directory/directory.h"

#include "scim/base/banned.h"

struct reader {
	struct layout layout;
	struct group_names groups;
	bool count_only, forget;
	unsigned delay_us;
	const char *flag, *person;
	unsigned long entries, values, bytes;
};

static void print_text(const char *text, size_t len)
{
	char shown[1024];

	text_visible(text, len, shown, sizeof(shown));
	fputs(shown, stdout);
}

static void print_entry(const struct reader *reader, const struct entry *entry)
{
	static const char *const answers[] = { "no", "yes", "unknown" };

	printf("entry %s ", entry->id);
	print_text(entry->dn, strlen(entry->dn));
	for (unsigned i = 0; i < entry->attr_count; i++) {
		printf(" %s=", reader->layout.names.items[i]);
		for (uint32_t v = 0; v < entry->attrs[i].count; v++) {
			fputs(v ? ";" : "", stdout);
			print_text(entry->attrs[i].items[v].data, entry->attrs[i].items[v].len);
		}
	}
	for (unsigned i = 0; i < entry->group_count; i++)
		printf(" [%s]=%s", reader->groups.names.items[i], answers[entry->groups[i]]);
	putchar('\n');
}

static int take(void *ctx, const struct entry *entry, struct err *err)
{
	struct reader *reader = ctx;
	FILE *flag;

	(void)err;
	reader->entries++;
	for (unsigned i = 0; i < entry->attr_count; i++) {
		reader->values += entry->attrs[i].count;
		for (uint32_t v = 0; v < entry->attrs[i].count; v++)
			reader->bytes += entry->attrs[i].items[v].len;
	}
	if (!reader->count_only)
		print_entry(reader, entry);
	if (reader->flag && reader->entries == 1) {
		flag = fopen(reader->flag, "w");
		if (flag)
			fclose(flag);
	}
	if (reader->delay_us)
		usleep(reader->delay_us);
	return 0;
}

static void print_verdict(const char *what, const struct verdict *verdict)
{
	printf("%s %s %zu\n", what, verdict->complete ? "complete" : "incomplete",
	       verdict->count);
	for (size_t i = 0; i < verdict->reason_count && i < VERDICT_REASONS_MAX; i++)
		printf("reason %s\n", verdict->reasons[i]);
}

static int read_all(struct reader *reader, const struct config *config, struct err *err)
{
	struct verdict groups, people;
	struct directory *dir;
	int ret;

	verdict_init(&groups);
	verdict_init(&people);
	if (directory_open(config, clock_system(), &dir, err))
		return -1;
	dir->keep_ids = !reader->forget;
	ret = dir->ops->read_groups(dir, &reader->groups, &groups, err);
	if (ret == 0)
		ret = reader->person ? dir->ops->read_person(dir, &reader->layout, reader->person,
							     take, reader, &people, err)
				     : dir->ops->read_people(dir, &reader->layout, take, reader,
							     &people, err);
	dir->ops->disconnect(dir);
	dir->ops->free(dir);
	if (ret)
		return -1;
	print_verdict("groups", &groups);
	print_verdict("people", &people);
	printf("digest entries=%lu values=%lu bytes=%lu\n", reader->entries, reader->values,
	       reader->bytes);
	return 0;
}

static bool take_option(struct reader *reader, const char *name, const char *value)
{
	if (strcmp(name, "--attr") == 0)
		layout_add(&reader->layout, value, strlen(value), NULL);
	else if (strcmp(name, "--group") == 0)
		group_names_add(&reader->groups, value, strlen(value));
	else if (strcmp(name, "--person") == 0)
		reader->person = value;
	else if (strcmp(name, "--delay-us") == 0)
		reader->delay_us = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "--flag") == 0)
		reader->flag = value;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	struct reader reader = { 0 };
	struct config *config;
	struct diags diags = { 0 };
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];
	int status = 0;

	signal(SIGPIPE, SIG_IGN);
	layout_init(&reader.layout);
	group_names_init(&reader.groups);
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--count") == 0)
			reader.count_only = true;
		else if (strcmp(argv[i], "--forget") == 0)
			reader.forget = true;
		else if (i + 1 == argc || !take_option(&reader, argv[i], argv[i + 1]))
			argc = 0;
		else
			i++;
	}
	if (argc < 2) {
		fprintf(stderr, "usage: read_directory SETTINGS [OPTION]...\n");
		return 2;
	}
	if (config_load(argv[1], &config, &diags)) {
		for (size_t i = 0; i < diags.count; i++)
			printf("error %s\n", err_format(&diags.items[i], text, sizeof(text)));
		diags_release(&diags);
		status = 2;
	} else {
		if (read_all(&reader, config, &err)) {
			printf("error %d %s\n", err.kind, err_format(&err, text, sizeof(text)));
			status = 1;
		}
		config_free(config);
	}
	layout_release(&reader.layout);
	group_names_release(&reader.groups);
	return status;
}
