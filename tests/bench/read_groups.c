/*
 * tests/bench/read_groups.c - read the groups of the configured directory and resolve, with
 * nesting, membership in those named. Prints "entries=N complete=0|1".
 *
 *   read_groups SETTINGS GROUP...
 */
#include <stdio.h>
#include <string.h>

#include "bridge/config/config.h"
#include "bridge/directory/directory.h"

#include "scim/base/banned.h"

int main(int argc, char **argv)
{
	struct config *config;
	struct directory *dir;
	struct group_names wanted;
	struct diags diags = { 0 };
	struct err err = ERR_INIT;
	struct verdict verdict;
	char text[ERR_FORMAT_MAX];

	if (argc < 3) {
		fprintf(stderr, "usage: read_groups SETTINGS GROUP...\n");
		return 2;
	}
	if (config_load(argv[1], &config, &diags)) {
		fprintf(stderr, "%s\n", err_format(&diags.items[0], text, sizeof(text)));
		return 2;
	}
	group_names_init(&wanted);
	for (int i = 2; i < argc; i++)
		group_names_add(&wanted, argv[i], strlen(argv[i]));
	verdict_init(&verdict);
	if (directory_open(config, clock_system(), &dir, &err) ||
	    dir->ops->read_groups(dir, &wanted, &verdict, &err)) {
		fprintf(stderr, "%s\n", err_format(&err, text, sizeof(text)));
		return 1;
	}
	printf("entries=%zu complete=%d\n", verdict.count, verdict.complete);
	dir->ops->free(dir);
	group_names_release(&wanted);
	config_free(config);
	return 0;
}
