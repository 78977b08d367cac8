/*
 * bridge/main.c - dirbridge: finds the command and runs it.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "bridge/cli/cli.h"

#include "scim/base/banned.h"

static void print_usage(FILE *out)
{
	size_t count;
	const struct cli_command *const *commands = cli_commands(&count);

	fprintf(out, "Usage: dirbridge COMMAND [OPTION]...\n\n"
		     "Keeps the accounts of a contact centre in step with the company directory.\n\n"
		     "Commands:\n");
	for (size_t i = 0; i < count; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\n`dirbridge COMMAND --help` tells more; `dirbridge --version` the version.\n"
		     "Exit codes: 0 done; 1 failed; 2 usage, settings or rules wrong; 3 changes\n"
		     "pending (plan --exit-code); 4 refused by a limit or guard; 5 applied in part;\n"
		     "6 another run holds the lock.\n");
}

static void say_unknown_command(const char *name)
{
	size_t count;
	const struct cli_command *const *commands = cli_commands(&count);
	const char *names[64];
	char shown[128];

	for (size_t i = 0; i < count; i++)
		names[i] = commands[i]->name;
	text_visible(name, strlen(name), shown, sizeof(shown));
	int near = text_nearest(name, names, count);

	if (near >= 0)
		fprintf(stderr, "dirbridge: there is no command \"%s\"; nearest: %s\n", shown,
			names[near]);
	else
		fprintf(stderr, "dirbridge: there is no command \"%s\"; see dirbridge --help\n",
			shown);
}

/*
 * Secrets are in memory while we run: a core dump must not carry them to disk (design,
 * invariant 9).
 */
static void forbid_core_dumps(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, char **argv)
{
	const struct cli_command *command;
	int code;

	/* Only the character set: numbers and messages stay as they are. */
	setlocale(LC_CTYPE, "C.UTF-8");
	signal(SIGPIPE, SIG_IGN);
	forbid_core_dumps();
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("dirbridge %s\n", DIRBRIDGE_VERSION);
		return EXIT_DONE;
	}
	command = cli_find(argv[1]);
	if (!command) {
		say_unknown_command(argv[1]);
		return EXIT_USAGE;
	}
	code = command->run(command, argc - 1, argv + 1);
	/* A result that could not be written is not a result. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "dirbridge: cannot write the result: %m\n");
		if (code == EXIT_DONE || code == EXIT_CHANGES)
			code = EXIT_FAILED;
	}
	return code;
}
