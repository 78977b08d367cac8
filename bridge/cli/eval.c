/*
 * dirbridge eval - one expression, or one for each line of standard input.
 *
 * The work is in mappings/cel.h; here are the options, the entry's file and the exit code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/cli/cli.h"
#include "bridge/directory/ldif.h"
#include "mappings/cel_manual.h"
#include "mappings/table.h"
#include "scim/base/buf.h"
#include "scim/base/clock.h"
#include "scim/base/banned.h"

#define EVAL_LINE_BYTES_MAX (64 * 1024 * 1024) /* of input and of output */

static const struct cli_option options[] = {
	{ "entry", 0, "FILE", "evaluate over the first entry of this LDIF file" },
	{ "stdin", 0, NULL, "read lines {\"expr\", \"entry\": {attr: [values]}}, answer each" },
	{ "table", 0, "NAME=FILE", "a table for lookup(), CSV or YAML; may be repeated" },
	{ "group", 0, "NAME", "the entry is in this group, and in no other that is not given; may "
			      "be repeated" },
	{ "functions", 0, NULL, "print the manual of the expression language, in Markdown" },
	{ "check", 0, NULL, "check names and types first, as when rules are loaded" },
	{ NULL, 0, NULL, NULL },
};

static void print_line(const struct buf *out)
{
	fwrite(out->data, 1, out->len, stdout);
	putchar('\n');
	/* Each answer is there before the next question: the other side may be waiting. */
	fflush(stdout);
}

static int answer_lines(const struct cel_once *how)
{
	struct buf out;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	buf_init(&out, EVAL_LINE_BYTES_MAX);
	while ((len = getline(&line, &size, stdin)) > 0) {
		if (line[len - 1] == '\n')
			len--;
		buf_clear(&out);
		if (len > EVAL_LINE_BYTES_MAX)
			buf_addstr(&out, "{\"error\":\"the line is too long\"}");
		else
			cel_eval_json(slice_of(line, (size_t)len), how, &out);
		print_line(&out);
	}
	free(line);
	buf_release(&out);
	return ferror(stdin) || ferror(stdout) ? EXIT_FAILED : EXIT_DONE;
}

static void copy_attr(struct arena *mem, const struct ldif_attr *from, struct cel_attr *to)
{
	to->name = slice_of(arena_strndup(mem, from->name.data, from->name.len), from->name.len);
	to->count = from->count;
	to->values = arena_array(mem, from->count + 1, sizeof(*to->values));
	for (uint32_t i = 0; i < from->count; i++) {
		struct slice s = from->values[i];

		to->values[i] = slice_of(arena_strndup(mem, s.data, s.len), s.len);
	}
}

/* The first entry of the file as attributes, in `mem`. */
static int read_entry(const char *path, struct arena *mem, struct cel_attr **ret_attrs,
		      size_t *ret_count, const char **ret_dn, struct err *err)
{
	const struct ldif_entry *entry;
	struct ldif *ldif;
	int got;

	if (ldif_open(path, &ldif, err) < 0)
		return -1;
	got = ldif_next(ldif, &entry, err);
	if (got == 0)
		err_at(err, ERR_INVALID, path, 0, 0, "there is no entry in it");
	if (got == 1) {
		*ret_dn = arena_strndup(mem, entry->dn, entry->dn_len);
		*ret_count = entry->attr_count;
		*ret_attrs = arena_array(mem, entry->attr_count + 1, sizeof(**ret_attrs));
		for (unsigned i = 0; i < entry->attr_count; i++)
			copy_attr(mem, &entry->attrs[i], &(*ret_attrs)[i]);
	}
	ldif_close(ldif);
	return got == 1 ? 0 : -1;
}

static int answer_one(const char *expr, const char *path, struct cel_once *how)
{
	struct cel_attr *attrs = NULL;
	struct err err = ERR_INIT;
	struct arena mem;
	struct buf out;
	size_t count = 0;
	int code = EXIT_DONE;

	arena_init(&mem);
	buf_init(&out, EVAL_LINE_BYTES_MAX);
	if (path && read_entry(path, &mem, &attrs, &count, &how->dn, &err) < 0) {
		cli_say_error(&err);
		code = EXIT_USAGE;
	} else {
		if (cel_eval_once(slice_str(expr), attrs, count, how, &out) < 0)
			code = EXIT_FAILED;
		print_line(&out);
	}
	buf_release(&out);
	arena_release(&mem);
	return code;
}

static int load_table(struct tables *tables, const char *given, struct err *err)
{
	const char *equals = strchr(given, '=');
	struct arena mem = ARENA_INIT;
	int status;

	if (!equals || equals == given || !equals[1])
		return err_set(err, ERR_USAGE, "--table takes NAME=FILE, not \"%s\"", given);
	status = tables_load(tables, arena_strndup(&mem, given, (size_t)(equals - given)),
			     equals + 1, err);
	arena_release(&mem);
	return status;
}

/* What --table and --group say; the groups' names stay in argv. */
static int take_surroundings(const struct cli_args *args, struct tables *tables,
			     const char ***ret_groups, struct cel_once *how, struct err *err)
{
	const char *given;

	for (size_t i = 0; (given = cli_value_at(args, "table", i)) != NULL; i++)
		if (load_table(tables, given, err))
			return -1;
	how->tables = tables;
	for (size_t i = 0; (given = cli_value_at(args, "group", i)) != NULL; i++) {
		*ret_groups = mem_realloc(*ret_groups, (i + 1) * sizeof(**ret_groups));
		(*ret_groups)[i] = given;
		how->group_count = i + 1;
	}
	how->groups = *ret_groups;
	return 0;
}

static int answer(const struct cli_args *args)
{
	struct cel_once how = {
		.check = cli_flag(args, "check"),
		.now_s = clock_now_us(clock_system()) / 1000000,
	};
	struct tables *tables = tables_new();
	const char **groups = NULL;
	bool lines = cli_flag(args, "stdin");
	struct err err = ERR_INIT;
	int code = EXIT_USAGE;

	if (lines == (args->operands.count == 1) || (lines && cli_value(args, "entry")))
		err_set(&err, ERR_USAGE, "eval takes one expression, or --stdin without "
			"expression and --entry");
	else
		take_surroundings(args, tables, &groups, &how, &err);
	if (err.kind != ERR_NONE)
		cli_say_error(&err);
	else if (lines)
		code = answer_lines(&how);
	else
		code = answer_one(args->operands.items[0], cli_value(args, "entry"), &how);
	mem_free(groups);
	tables_free(tables);
	return code;
}

static int print_manual(void)
{
	struct buf out;

	buf_init(&out, EVAL_LINE_BYTES_MAX);
	cel_manual_markdown(&out);
	fwrite(out.data, 1, out.len, stdout);
	buf_release(&out);
	return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
	struct cli_args args;
	int code = EXIT_USAGE;

	if (cli_parse(self, argc, argv, &args) == 0)
		code = args.help			  ? EXIT_DONE
		       : cli_flag(&args, "functions") ? print_manual()
						      : answer(&args);
	cli_args_release(&args);
	return code;
}

const struct cli_command cli_eval = {
	.name = "eval",
	.operands = "[EXPR]",
	.operands_min = 0,
	.operands_max = 1,
	.summary = "evaluate one expression of the rule language",
	.help = "Prints one line, {\"type\", \"value\"} or {\"error\"} (then exit code 1). With "
		"--stdin there is one answer for each line, and the exit code is 0.",
	.options = options,
	.run = run,
};
