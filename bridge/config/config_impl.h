/*
 * bridge/config/config_impl.h - the rows of options.def and searches.def; for config*.c.
 */
#ifndef BRIDGE_CONFIG_CONFIG_IMPL_H
#define BRIDGE_CONFIG_CONFIG_IMPL_H

#include <stdbool.h>
#include <stddef.h>

enum option_type {
	OPT_TEXT,
	OPT_PATH,
	OPT_UINT,
	OPT_BOOL,
	OPT_ENUM,
	OPT_TEXTS,
	OPT_PATHS,
	OPT_SEARCHES,
};

struct option {
	const char *name; /* with dots: "directory.uri" */
	enum option_type type;
	size_t offset;     /* in struct config */
	unsigned min, max; /* of a number */
	const char *preset; /* of an enumeration its words, the first is the default */
	const char *help;
};

/* A key of a search. */
struct search_key {
	const char *name;
	enum option_type type;
	size_t offset; /* in struct config_search */
	bool needed;
	const char *preset;
	const char *help;
};

/* The beginning of names: "directory", "limits.creates". */
struct section {
	const char *name, *help;
};

/* Constant; those of one section need not stand together. */
const struct option *config_options(size_t *ret_count);
const struct section *config_sections(size_t *ret_count);
const struct search_key *config_search_keys(size_t *ret_count);

#endif
