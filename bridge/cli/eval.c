/*
 * dirbridge eval - one expression, or one for each line of standard input.
 *
 * The work is in mappings/cel.h; here are the options, the entry's file and the exit code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/cli/cli.h"
#include "mappings/cel.h"
#include "scim/base/buf.h"
#include "scim/base/clock.h"
#include "scim/base/banned.h"

#define EVAL_LINE_BYTES_MAX (64 * 1024 * 1024) /* of input and of output */
#define EVAL_FILE_BYTES_MAX (64 * 1024 * 1024)

static const struct cli_option options[] = {
	{ "entry", 0, "FILE", "evaluate over the first entry of this LDIF file" },
	{ "stdin", 0, NULL, "read lines {\"expr\", \"entry\": {attr: [values]}}, answer each" },
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

/* ---- the entry of --entry: the first one of the file, RFC 2849 ---- */

struct value {
	struct slice name, value;
};

struct ldif_entry {
	struct arena mem;
	const char *dn;
	VEC(struct value) values;
	VEC(struct cel_attr) attrs;
};

/* Next line without its end, continuation lines joined in place; false at the end. */
static bool next_line(char **at, unsigned *line, struct slice *ret)
{
	char *from = *at, *to = from;

	if (!*from)
		return false;
	ret->data = from;
	for (;;) {
		size_t len = strcspn(from, "\n"), text = len;

		if (text && from[text - 1] == '\r')
			text--;
		memmove(to, from, text);
		to += text;
		from += len + (from[len] == '\n');
		++*line;
		if (*from != ' ')
			break;
		from++;
	}
	ret->len = (size_t)(to - ret->data);
	*at = from;
	return true;
}

/* "name: text" or "name:: base64" into `ret`, in the entry's memory. */
static int parse_line(struct ldif_entry *e, struct slice s, struct value *ret, struct err *err)
{
	const char *colon = memchr(s.data, ':', s.len);
	const char *end = s.data + s.len, *from;
	bool base64;
	long len;
	char *copy;

	if (!colon || colon == s.data)
		return err_set(err, ERR_INVALID, "a line without \"name: value\"");
	from = colon + 1;
	base64 = from < end && *from == ':';
	if (from < end && *from == '<')
		return err_set(err, ERR_INVALID, "values from a URL (\":<\") are not read");
	for (from += base64; from < end && *from == ' ';)
		from++;
	ret->name = slice_of(s.data, (size_t)(colon - s.data));
	copy = arena_strndup(&e->mem, from, (size_t)(end - from));
	len = base64 ? base64_decode(copy, (size_t)(end - from), copy) : end - from;
	if (len < 0)
		return err_set(err, ERR_INVALID, "\"%.*s\" is not base64",
			       (int)ret->name.len, ret->name.data);
	copy[len] = '\0';
	ret->value = slice_of(copy, (size_t)len);
	return 0;
}

static int take_value(struct ldif_entry *e, const struct value *v, struct err *err)
{
	bool first = !e->dn;

	if (first && v->name.len == 7 && text_cmp_nocase(v->name.data, 7, "version", 7) == 0)
		return 0;
	if (first) {
		if (text_cmp_nocase(v->name.data, v->name.len, "dn", 2) != 0)
			return err_set(err, ERR_INVALID, "an entry begins with \"dn:\"");
		e->dn = v->value.data;
		return 0;
	}
	vec_push(&e->values, *v);
	return 0;
}

static int value_cmp(const void *a, const void *b)
{
	const struct value *x = a, *y = b;

	return text_cmp_nocase(x->name.data, x->name.len, y->name.data, y->name.len);
}

/* Values side by side by name become attributes. */
static void group_values(struct ldif_entry *e)
{
	if (e->values.count)
		qsort(e->values.items, e->values.count, sizeof(*e->values.items), value_cmp);
	for (size_t i = 0, k; i < e->values.count; i = k) {
		struct cel_attr attr = { .name = e->values.items[i].name };

		for (k = i; k < e->values.count &&
			    value_cmp(&e->values.items[i], &e->values.items[k]) == 0;)
			k++;
		attr.count = (uint32_t)(k - i);
		attr.values = arena_array(&e->mem, attr.count, sizeof(*attr.values));
		for (size_t v = i; v < k; v++)
			attr.values[v - i] = e->values.items[v].value;
		vec_push(&e->attrs, attr);
	}
}

static int read_entry(struct ldif_entry *e, const char *path, struct buf *file, struct err *err)
{
	struct slice line;
	unsigned number = 0, at_line = 1;
	char *at;

	if (buf_read_file(file, path, err) < 0)
		return -1;
	if (file->len == 0 || memchr(file->data, '\0', file->len))
		return err_at(err, ERR_INVALID, path, 0, 0, "there is no LDIF text in it");
	at = file->data;
	for (; next_line(&at, &number, &line); at_line = number + 1) {
		struct value v;

		if (line.len == 0 && e->dn)
			break;
		if (line.len == 0 || line.data[0] == '#')
			continue;
		if (parse_line(e, line, &v, err) < 0 || take_value(e, &v, err) < 0)
			return err_place(err, path, at_line, 0);
	}
	if (!e->dn)
		return err_at(err, ERR_INVALID, path, 0, 0, "there is no entry in it");
	group_values(e);
	return 0;
}

static int answer_one(const char *expr, const char *path, struct cel_once *how)
{
	struct ldif_entry entry = { .dn = NULL };
	struct err err = ERR_INIT;
	struct buf file, out;
	int code;

	buf_init(&file, EVAL_FILE_BYTES_MAX);
	buf_init(&out, EVAL_LINE_BYTES_MAX);
	if (path && read_entry(&entry, path, &file, &err) < 0) {
		cli_say_error(&err);
		code = EXIT_USAGE;
	} else {
		how->dn = entry.dn;
		code = cel_eval_once(slice_str(expr), entry.attrs.items, entry.attrs.count, how,
				     &out) == 0
			       ? EXIT_DONE
			       : EXIT_FAILED;
		print_line(&out);
	}
	vec_release(&entry.values);
	vec_release(&entry.attrs);
	arena_release(&entry.mem);
	buf_release(&out);
	buf_release(&file);
	return code;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct cli_args args;
	struct cel_once how;
	int code = EXIT_USAGE;
	bool lines;

	if (cli_parse(self, argc, argv, &args) < 0) {
		cli_args_release(&args);
		return EXIT_USAGE;
	}
	how = (struct cel_once){
		.check = cli_flag(&args, "check"),
		.now_s = clock_now_us(clock_system()) / 1000000,
	};
	lines = cli_flag(&args, "stdin");
	if (args.help) {
		code = EXIT_DONE;
	} else if (lines == (args.operands.count == 1) || (lines && cli_value(&args, "entry"))) {
		err_set(&err, ERR_USAGE, "eval takes one expression, or --stdin without "
			"expression and --entry");
		cli_say_error(&err);
	} else if (lines) {
		code = answer_lines(&how);
	} else {
		code = answer_one(args.operands.items[0], cli_value(&args, "entry"), &how);
	}
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
