/*
 * bridge/cli/cli.h - the command line: one table of commands, one file per command.
 *
 * A command declares its options as rows; from them come parsing, refusals with the nearest
 * known name, and --help. stdout carries results, stderr carries log (design: fixed).
 */
#ifndef BRIDGE_CLI_CLI_H
#define BRIDGE_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "scim/base/buf.h"
#include "scim/base/err.h"
#include "scim/base/vec.h"

/* Exit codes (fixed); the first that applies wins: 6, 2, 4, 1, 5, 3, 0. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,   /* usage, settings or rules wrong */
	EXIT_CHANGES = 3, /* plan --exit-code: changes pending */
	EXIT_REFUSED = 4, /* a limit or guard says no, nothing written */
	EXIT_PARTLY = 5,  /* applied in part, the rest is listed */
	EXIT_LOCKED = 6,  /* another run holds the lock */
};

/* Exit code that an error means for a run. */
enum exit_code exit_code_of(const struct err *err);

struct cli_option {
	const char *name;   /* long, without dashes */
	char letter;        /* 0 = none */
	const char *value;  /* name of its value in --help; NULL = a flag */
	const char *help;
};

struct cli_command {
	const char *name;
	const char *operands;               /* "EXPR", "[FILE]", "" */
	unsigned operands_min, operands_max;
	const char *summary;                /* one line */
	const char *help;                   /* paragraphs for --help; may be "" */
	const struct cli_option *options;   /* ended by a row without name */
	int (*run)(const struct cli_command *self, int argc, char **argv);
};

struct cli_given {
	const struct cli_option *option;
	const char *value;
};

/* What was given; options that every command takes have members of their own. */
struct cli_args {
	const struct cli_command *command;
	VEC(struct cli_given) options;
	VEC(const char *) operands;
	const char *config_path; /* NULL = search */
	bool json, help;
	int verbosity;           /* -q -1, -v 1 */
};

/*
 * Parse argv (argv[0] is the command's name). On --help prints it and sets args->help.
 * Returns 0, or -1 after a message on stderr (exit 2). Release in each case.
 */
int cli_parse(const struct cli_command *command, int argc, char **argv,
	      struct cli_args *ret_args);
void cli_args_release(struct cli_args *args);
bool cli_flag(const struct cli_args *args, const char *name);
/* Last value given for an option, or NULL. */
const char *cli_value(const struct cli_args *args, const char *name);
/* n-th value (from 0), or NULL. */
const char *cli_value_at(const struct cli_args *args, const char *name, size_t n);

const struct cli_command *cli_find(const char *name);
const struct cli_command *const *cli_commands(size_t *ret_count);

extern const struct cli_command cli_adopt, cli_check, cli_eval, cli_explain, cli_plan, cli_show,
	cli_approve, cli_apply, cli_backup, cli_runs, cli_snapshot, cli_status, cli_test;

/* Written aside and renamed: nobody reads half of it. `mode` is 0600 unless others may read. */
int cli_write_file(const char *path, const struct buf *text, unsigned mode, struct err *err);

/* "dirbridge: " + text on stderr, whatever the log settings. */
void cli_say_error(const struct err *err);
void cli_say_diags(const struct diags *diags);

#endif
