#include "bridge/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scim/base/banned.h"

static const struct cli_command *const commands[] = {
	&cli_adopt, &cli_check, &cli_eval, &cli_explain, &cli_plan, &cli_show, &cli_approve, &cli_apply,
	&cli_runs, &cli_snapshot, &cli_backup, &cli_status, &cli_test,
};

static const struct cli_option common_options[] = {
	{ "config", 'c', "FILE",
	  "settings (default: dirbridge.yaml, then /etc/dirbridge/dirbridge.yaml)" },
	{ "json", 0, NULL, "print the result as JSON" },
	{ "verbose", 'v', NULL, "log more" },
	{ "quiet", 'q', NULL, "log errors only" },
	{ "help", 'h', NULL, "this text" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_command *const *cli_commands(size_t *ret_count)
{
	*ret_count = sizeof(commands) / sizeof(commands[0]);
	return commands;
}

const struct cli_command *cli_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

enum exit_code exit_code_of(const struct err *err)
{
	switch (err->kind) {
	case ERR_NONE:
		return EXIT_DONE;
	case ERR_BUSY:
		return EXIT_LOCKED;
	case ERR_USAGE:
	case ERR_INVALID:
		return EXIT_USAGE;
	default:
		return EXIT_FAILED;
	}
}

static void print_options(const struct cli_option *options)
{
	for (; options->name; options++) {
		char left[64];
		char letter[8] = "";

		if (options->letter)
			snprintf(letter, sizeof(letter), "-%c, ", options->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, options->name,
			 options->value ? " " : "", options->value ? options->value : "");
		printf("  %-26s %s\n", left, options->help);
	}
}

static void print_help(const struct cli_command *command)
{
	printf("Usage: dirbridge %s [OPTION]...%s%s\n\n%s\n", command->name,
	       command->operands[0] ? " " : "", command->operands, command->summary);
	if (command->help[0])
		printf("\n%s\n", command->help);
	printf("\nOptions:\n");
	print_options(command->options);
	print_options(common_options);
}

static const struct cli_option *find_option(const struct cli_option *rows, const char *name,
					    size_t len, char letter)
{
	for (; rows->name; rows++) {
		if (name && strlen(rows->name) == len && memcmp(rows->name, name, len) == 0)
			return rows;
		if (!name && rows->letter == letter)
			return rows;
	}
	return NULL;
}

static void say_unknown(const struct cli_command *command, const char *arg)
{
	const char *names[64];
	size_t count = 0;
	char shown[128];
	const struct cli_option *sets[] = { command->options, common_options };

	for (size_t s = 0; s < 2; s++)
		for (const struct cli_option *o = sets[s]; o->name && count < 64; o++)
			names[count++] = o->name;
	text_visible(arg, strlen(arg), shown, sizeof(shown));
	int near = strncmp(arg, "--", 2) == 0 ? text_nearest(arg + 2, names, count) : -1;

	if (near >= 0)
		fprintf(stderr, "dirbridge %s: unknown option %s; nearest: --%s\n",
			command->name, shown, names[near]);
	else
		fprintf(stderr, "dirbridge %s: unknown option %s; see dirbridge %s --help\n",
			command->name, shown, command->name);
}

static void take_option(struct cli_args *args, const struct cli_option *option,
			const char *value)
{
	if (option < common_options ||
	    option >= common_options + sizeof(common_options) / sizeof(common_options[0])) {
		struct cli_given given = { option, value };

		vec_push(&args->options, given);
		return;
	}
	switch (option->letter) {
	case 'c':
		args->config_path = value;
		break;
	case 'v':
		args->verbosity = 1;
		break;
	case 'q':
		args->verbosity = -1;
		break;
	case 'h':
		args->help = true;
		break;
	default:
		args->json = true;
	}
}

/* One argument that begins with '-'. Returns how many of argv it took, or -1. */
static int parse_option(const struct cli_command *command, struct cli_args *args, int argc,
			char **argv, int i)
{
	const char *arg = argv[i];
	const struct cli_option *option;
	const char *value = NULL;

	if (arg[1] == '-') {
		const char *name = arg + 2;
		const char *eq = strchr(name, '=');
		size_t len = eq ? (size_t)(eq - name) : strlen(name);

		option = find_option(command->options, name, len, 0);
		if (!option)
			option = find_option(common_options, name, len, 0);
		value = eq ? eq + 1 : NULL;
	} else {
		option = find_option(command->options, NULL, 0, arg[1]);
		if (!option)
			option = find_option(common_options, NULL, 0, arg[1]);
		value = arg[2] ? arg + 2 : NULL;
	}
	if (!option) {
		say_unknown(command, arg);
		return -1;
	}
	if (!option->value && value) {
		fprintf(stderr, "dirbridge %s: --%s takes no value\n", command->name,
			option->name);
		return -1;
	}
	if (option->value && !value) {
		if (i + 1 >= argc) {
			fprintf(stderr, "dirbridge %s: --%s needs %s\n", command->name,
				option->name, option->value);
			return -1;
		}
		take_option(args, option, argv[i + 1]);
		return 2;
	}
	take_option(args, option, value);
	return 1;
}

int cli_parse(const struct cli_command *command, int argc, char **argv,
	      struct cli_args *ret_args)
{
	memset(ret_args, 0, sizeof(*ret_args));
	ret_args->command = command;
	for (int i = 1; i < argc;) {
		if (strcmp(argv[i], "--") == 0) {
			for (i++; i < argc; i++)
				vec_push(&ret_args->operands, argv[i]);
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			vec_push(&ret_args->operands, argv[i]);
			i++;
			continue;
		}
		int took = parse_option(command, ret_args, argc, argv, i);

		if (took < 0)
			return -1;
		i += took;
	}
	if (ret_args->help) {
		print_help(command);
		return 0;
	}
	if (ret_args->operands.count < command->operands_min ||
	    ret_args->operands.count > command->operands_max) {
		fprintf(stderr, "Usage: dirbridge %s [OPTION]...%s%s\n", command->name,
			command->operands[0] ? " " : "", command->operands);
		return -1;
	}
	return 0;
}

void cli_args_release(struct cli_args *args)
{
	vec_release(&args->options);
	vec_release(&args->operands);
}

const char *cli_value_at(const struct cli_args *args, const char *name, size_t n)
{
	for (size_t i = 0; i < args->options.count; i++)
		if (strcmp(args->options.items[i].option->name, name) == 0 && n-- == 0)
			return args->options.items[i].value;
	return NULL;
}

const char *cli_value(const struct cli_args *args, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; i < args->options.count; i++)
		if (strcmp(args->options.items[i].option->name, name) == 0)
			found = args->options.items[i].value;
	return found;
}

bool cli_flag(const struct cli_args *args, const char *name)
{
	for (size_t i = 0; i < args->options.count; i++)
		if (strcmp(args->options.items[i].option->name, name) == 0)
			return true;
	return false;
}

void cli_say_error(const struct err *err)
{
	char line[ERR_FORMAT_MAX];

	fprintf(stderr, "dirbridge: %s\n", err_format(err, line, sizeof(line)));
}

/* Of a line longer than this, and of more mistakes than these, only the place is told. */
#define SOURCE_BYTES_MAX 200
#define SOURCES_MAX 20

/* The line that a mistake stands in, and a caret below the place. */
static void say_source(const struct err *err)
{
	char line[SOURCE_BYTES_MAX + 2] = "", shown[4 * SOURCE_BYTES_MAX], before[4 * SOURCE_BYTES_MAX];
	FILE *f = err->line && err->column && err->where[0] ? fopen(err->where, "re") : NULL;
	unsigned at = 0;
	size_t len;

	if (!f)
		return;
	while (at < err->line && fgets(line, sizeof(line), f))
		at += strchr(line, '\n') != NULL || feof(f);
	len = strcspn(line, "\r\n");
	if (at == err->line && len < SOURCE_BYTES_MAX && err->column <= len + 1) {
		text_visible(line, len, shown, sizeof(shown));
		text_visible(line, err->column - 1, before, sizeof(before));
		fprintf(stderr, "  %s\n  %*s^\n", shown, (int)utf8_width(before, strlen(before)), "");
	}
	fclose(f);
}

void cli_say_diags(const struct diags *diags)
{
	char line[ERR_FORMAT_MAX];

	for (size_t i = 0; i < diags->count; i++) {
		fprintf(stderr, "dirbridge: %s\n",
			err_format(&diags->items[i], line, sizeof(line)));
		if (diags->total <= SOURCES_MAX)
			say_source(&diags->items[i]);
	}
	if (diags->total > diags->count)
		fprintf(stderr, "dirbridge: and %zu more\n", diags->total - diags->count);
}

int cli_write_file(const char *path, const struct buf *text, unsigned mode, struct err *err)
{
	struct buf aside;
	int fd, status = -1;
	size_t at = 0;

	buf_init(&aside, 65536);
	buf_addf(&aside, "%s.new", path);
	fd = open(aside.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0) {
		err_set(err, ERR_IO, "cannot write %s: %s", aside.data, strerror(errno));
		goto out;
	}
	while (at < text->len) {
		ssize_t n = write(fd, text->data + at, text->len - at);

		if (n < 0) {
			err_set(err, ERR_IO, "cannot write %s: %s", aside.data, strerror(errno));
			goto out;
		}
		at += (size_t)n;
	}
	if (fchmod(fd, mode) || fsync(fd) || rename(aside.data, path)) {
		err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
		goto out;
	}
	status = 0;
out:
	if (fd >= 0) {
		close(fd);
		if (status)
			unlink(aside.data);
	}
	buf_release(&aside);
	return status;
}
