/*
 * First contact: whose accounts those are that were there before us.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "bridge/log.h"
#include "bridge/plan/adopt.h"
#include "bridge/run.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

#define LIST_BYTES_MAX ((size_t)256 << 20)
#define SHOWN_MAX 20

static const struct cli_option options[] = {
	{ "yes", 'y', NULL, "link those with a strong key" },
	{ "yes-to", 0, "FILE", "link those listed: lines of ACCOUNT PERSON, as -o writes them" },
	{ "output", 'o', "FILE", "write the list for --yes-to: all but strong ones commented out" },
	{ "found", 0, NULL,
	  "what adopted accounts had and no rule wants; with --yes-to FILE, what may go" },
	{ "all", 'a', NULL, "show everybody" },
	{ "from", 0, "DIR", "read this snapshot in place of directory and tenant" },
	{ NULL, 0, NULL, NULL },
};

static const char *account_name(const struct account *account, enum scim_attr attr)
{
	const char *text = account_text(account, attr);

	return text ? text : "";
}

/* --- the list ---------------------------------------------------------------------------- */

static const char *const headings[ADOPT_KIND_COUNT] = {
	[ADOPT_STRONG] = "Strong: the same person by the first key; --yes links them",
	[ADOPT_WEAK] = "Weak: probably the same person; each needs a listed yes",
	[ADOPT_RELINK] = "Re-link: somebody under a new directory id; each needs a listed yes",
	[ADOPT_PRIVILEGED] = "Privileged: the account may do much; each needs a listed yes",
	[ADOPT_AMBIGUOUS] = "Ambiguous: somebody must say which account it is",
	[ADOPT_PROTECTED] = "Protected by the settings: never linked",
	[ADOPT_UNMATCHED] = "Without an account: a plan makes one",
};

static void describe(struct buf *out, const struct run *run, const struct adoption *adoption)
{
	const struct account *account =
		adoption->account == UINT32_MAX
			? NULL : &run->present.accounts.items[adoption->account];
	const char *name = record_text(adoption->record, SCIM_ATTR_DISPLAY_NAME);

	buf_addvisible(out, name ? name : "", name ? strlen(name) : 0);
	buf_addstr(out, " (");
	buf_addvisible(out, adoption->record->dn, strlen(adoption->record->dn));
	buf_addstr(out, ")");
	if (adoption->attr != SCIM_ATTR_COUNT) {
		buf_addf(out, ": %s ", scim_attr(adoption->attr)->name);
		buf_addvisible(out, adoption->value, strlen(adoption->value));
	}
	if (account) {
		const char *user = account_name(account, SCIM_ATTR_USER_NAME);
		const char *shown = account_name(account, SCIM_ATTR_DISPLAY_NAME);

		buf_addf(out, " = account %s ", account->id);
		buf_addvisible(out, shown, strlen(shown));
		buf_addstr(out, " <");
		buf_addvisible(out, user, strlen(user));
		buf_addstr(out, account->state == ACCOUNT_INACTIVE ? ">, inactive" : ">");
	}
	if (adoption->note)
		buf_addf(out, "; %s", adoption->note);
}

static void print_text(const struct run *run, const struct adoptions *list, bool all)
{
	struct buf line;
	size_t at = 0;

	buf_init(&line, LIST_BYTES_MAX);
	printf("%lu %s linked already.\n", list->linked, list->linked == 1 ? "person is" : "people are");
	for (int kind = 0; kind < ADOPT_KIND_COUNT; kind++) {
		unsigned long shown = 0;

		if (list->counts[kind])
			printf("\n%s (%lu)\n", headings[kind], list->counts[kind]);
		for (; at < list->count && (int)list->items[at].kind == kind; at++) {
			if (!all && shown++ >= SHOWN_MAX)
				continue;
			buf_clear(&line);
			describe(&line, run, &list->items[at]);
			printf("  %s\n", line.data);
		}
		if (!all && list->counts[kind] > SHOWN_MAX)
			printf("  and %lu more; --all shows them\n", list->counts[kind] - SHOWN_MAX);
	}
	buf_release(&line);
}

static void put_adoption(struct json_out *out, const struct run *run,
			 const struct adoption *adoption)
{
	json_out_object(out);
	json_out_member(out, "kind", adopt_kind_name(adoption->kind));
	json_out_member(out, "person", adoption->record->id);
	json_out_member(out, "dn", adoption->record->dn);
	json_out_member(out, "userName", record_text(adoption->record, SCIM_ATTR_USER_NAME));
	if (adoption->attr != SCIM_ATTR_COUNT) {
		json_out_member(out, "key", scim_attr(adoption->attr)->name);
		json_out_member(out, "value", adoption->value);
	}
	if (adoption->account != UINT32_MAX) {
		const struct account *account = &run->present.accounts.items[adoption->account];

		json_out_member(out, "account", account->id);
		json_out_member(out, "accountName", account_name(account, SCIM_ATTR_USER_NAME));
	}
	if (adoption->old_person)
		json_out_member(out, "oldPerson", adoption->old_person);
	if (adoption->note)
		json_out_member(out, "note", adoption->note);
	json_out_object_end(out);
}

static void print_json(const struct run *run, const struct adoptions *list)
{
	struct json_out json;
	struct buf text;

	buf_init(&text, LIST_BYTES_MAX);
	json_out_init(&json, &text);
	json_out_object(&json);
	json_out_member(&json, "schema", "dirbridge.adopt/1");
	json_out_member_int(&json, "linked", (int64_t)list->linked);
	json_out_key(&json, "sums");
	json_out_object(&json);
	for (int kind = 0; kind < ADOPT_KIND_COUNT; kind++)
		json_out_member_int(&json, adopt_kind_name(kind), (int64_t)list->counts[kind]);
	json_out_object_end(&json);
	json_out_key(&json, "people");
	json_out_array(&json);
	for (size_t i = 0; i < list->count; i++)
		put_adoption(&json, run, &list->items[i]);
	json_out_array_end(&json);
	json_out_object_end(&json);
	printf("%s\n", text.data);
	buf_release(&text);
}

static int write_list(const struct run *run, const struct adoptions *list, const char *path,
		      struct err *err)
{
	struct buf text;
	int status;

	buf_init(&text, LIST_BYTES_MAX);
	buf_addstr(&text, "# ACCOUNT PERSON, for dirbridge adopt --yes-to. Take away the # before "
			  "those that are right.\n");
	for (size_t i = 0; i < list->count; i++) {
		const struct adoption *adoption = &list->items[i];

		if (adoption->kind == ADOPT_PROTECTED || adoption->kind == ADOPT_UNMATCHED)
			continue;
		buf_addf(&text, "\n# %s: ", adopt_kind_name(adoption->kind));
		describe(&text, run, adoption);
		buf_addf(&text, "\n%s%s %s\n", adoption->kind == ADOPT_STRONG ? "" : "#",
			 adoption->account == UINT32_MAX
				 ? "ACCOUNT" : run->present.accounts.items[adoption->account].id,
			 adoption->record->id);
	}
	status = cli_write_file(path, &text, 0600, err);
	buf_release(&text);
	return status;
}

/* --- taking ------------------------------------------------------------------------------ */

struct taker {
	struct run *run;
	const struct adoptions *list;
	struct map people;    /* directory id -> adoption */
	struct map accounts;  /* taken already */
	VEC(struct adoption) taken;
};

/* A line of the list: may this account be this person's? */
static int take_line(struct taker *t, const char *file, unsigned line, struct slice account,
		     struct slice person, struct err *err)
{
	struct run *run = t->run;
	struct adoption adoption;
	uint64_t index, found;

	if (!map_get(&t->people, person, &index))
		return err_at(err, ERR_INVALID, file, line, 0, "\"%.*s\" is nobody who waits to be "
			      "linked (not in scope, or linked already)", SLICE_FMT(person));
	if (!map_get(&run->present.by_id, account, &found))
		return err_at(err, ERR_INVALID, file, line, 0, "there is no account \"%.*s\"",
			      SLICE_FMT(account));
	adoption = t->list->items[index];
	if (adoption.kind == ADOPT_PROTECTED && adoption.account == found)
		return err_at(err, ERR_INVALID, file, line, 0, "%s", adoption.note);
	if (run->present.accounts.items[found].state == ACCOUNT_DELETED)
		return err_at(err, ERR_INVALID, file, line, 0, "the account %.*s is deleted",
			      SLICE_FMT(account));
	if (map_get(&t->accounts, account, NULL))
		return err_at(err, ERR_INVALID, file, line, 0, "the account %.*s is listed twice",
			      SLICE_FMT(account));
	if (adoption.account != found) {
		adoption.account = (uint32_t)found;
		adoption.old_person = NULL;
	}
	map_set(&t->accounts, account, 1);
	vec_push(&t->taken, adoption);
	return 0;
}

/* Lines of two words or more: the first, and the rest. */
static int each_line(const char *file, struct buf *text,
		     int (*fn)(void *ctx, unsigned line, struct slice first, struct slice rest,
			       struct err *err),
		     void *ctx, struct err *err)
{
	char *at, *end;
	unsigned line = 0;

	if (buf_read_file(text, file, err))
		return -1;
	at = text->data;
	end = text->data + text->len;
	while (at && at < end) {
		char *next = memchr(at, '\n', (size_t)(end - at));
		size_t len = next ? (size_t)(next - at) : (size_t)(end - at);
		size_t first;

		line++;
		if (len && at[len - 1] == '\r')
			len--;
		first = 0;
		while (first < len && at[first] != ' ')
			first++;
		if (len && at[0] != '#' &&
		    (first + 1 >= len
			     ? err_at(err, ERR_INVALID, file, line, 0,
				      "a line is ACCOUNT PERSON, as adopt -o writes it")
			     : fn(ctx, line, slice_of(at, first),
				  slice_of(at + first + 1, len - first - 1), err)))
			return -1;
		at = next ? next + 1 : end;
	}
	return 0;
}

struct link_lines {
	struct taker *taker;
	const char *file;
};

static int on_link_line(void *ctx, unsigned line, struct slice first, struct slice rest,
			struct err *err)
{
	struct link_lines *lines = ctx;

	return take_line(lines->taker, lines->file, line, first, rest, err);
}

static int collect(struct taker *t, const struct cli_args *args, struct buf *text,
		   struct err *err)
{
	struct link_lines lines = { t, cli_value(args, "yes-to") };
	const struct adoptions *list = t->list;

	for (size_t i = 0; i < list->count; i++)
		map_set(&t->people, slice_str(list->items[i].record->id), i);
	for (size_t i = 0; i < list->count && cli_flag(args, "yes"); i++) {
		const struct adoption *adoption = &list->items[i];

		if (adoption->kind != ADOPT_STRONG)
			continue;
		map_set(&t->accounts,
			slice_str(t->run->present.accounts.items[adoption->account].id), 1);
		vec_push(&t->taken, *adoption);
	}
	return lines.file ? each_line(lines.file, text, on_link_line, &lines, err) : 0;
}

/* What the rules want and the account has; its external id in any case ("" = none). */
static void add_fields(const struct record *record, const struct account *account,
		       struct state_batch *batch)
{
	for (unsigned i = 0; i < record->field_count; i++) {
		const struct scim_field *wanted = &record->fields[i].field, *has;
		enum scim_attr attr = (enum scim_attr)wanted->attr;
		struct state_field field = { .person = record->id,
					     .field = { attr, wanted->key, wanted->value } };

		has = scim_fields_find(account->fields, account->field_count, attr, wanted->key);
		if (attr == SCIM_ATTR_EXTERNAL_ID)
			field.field.value = account->external_id ? account->external_id : "";
		else if (!wanted->value || !has || !scim_value_same(attr, has->value, wanted->value))
			continue;
		vec_push(&batch->fields, field);
	}
}

static void add_to_batch(struct run *run, const struct adoption *adoption,
			 struct state_batch *batch)
{
	const struct record *record = adoption->record;
	const struct account *account = &run->present.accounts.items[adoption->account];
	struct link link = { .person_id = record->id, .account_id = account->id,
			     .user_name = account_name(account, SCIM_ATTR_USER_NAME),
			     .dn = record->dn };
	struct adopted_thing *things;
	size_t count;

	if (adoption->old_person)
		vec_push(&batch->relinks,
			 ((struct state_relink){ adoption->old_person, record->id }));
	vec_push(&batch->links, link);
	add_fields(record, account, batch);
	if (adoption->old_person) /* what is recorded of them went with them */
		return;
	plan_adopted_things(&run->input, adoption, &run->mem, &things, &count);
	for (size_t i = 0; i < count; i++) {
		struct state_held held = { .person = record->id, .held = things[i].held,
					   .forget = things[i].ours ? STATE_KEEP : STATE_FOUND };

		vec_push(&batch->held, held);
	}
}

/* A run of its own in the history: what was linked, and when. */
static int record_run(struct run *run, struct state_batch *batch, unsigned long linked,
		      struct err *err)
{
	struct plan empty = { .time_s = run->time_s, .only = true,
			      .people_in_scope = run->records.count };
	struct state_run done = { .started_s = run->time_s, .ended_s = clock_now_us(run->clock) / 1000000,
				  .result = "adopted", .people = run->records.count, .done = linked };

	verdict_init(&empty.directory);
	if (run->state->ops->begin_run(run->state, &empty, run->time_s, &done.id, err) ||
	    run->state->ops->commit(run->state, batch, err) ||
	    run->state->ops->end_run(run->state, &done, err))
		return -1;
	return 0;
}

static enum exit_code say(struct err *err)
{
	cli_say_error(err);
	return exit_code_of(err);
}

static enum exit_code take(struct run *run, const struct cli_args *args,
			   const struct adoptions *list)
{
	struct taker t = { .run = run, .list = list };
	struct state_batch batch = { 0 };
	struct err err = ERR_INIT;
	enum exit_code code = EXIT_DONE;
	struct buf text;

	buf_init(&text, LIST_BYTES_MAX);
	if (collect(&t, args, &text, &err)) {
		code = say(&err);
	} else if (t.taken.count) {
		for (size_t i = 0; i < t.taken.count; i++)
			add_to_batch(run, &t.taken.items[i], &batch);
		if (record_run(run, &batch, t.taken.count, &err))
			code = say(&err);
	}
	if (!code)
		printf("%zu %s linked; nothing was changed in the tenant. dirbridge plan shows what "
		       "comes of it.\n", t.taken.count, t.taken.count == 1 ? "person was" : "people were");
	state_batch_release(&batch);
	buf_release(&text);
	map_release(&t.people);
	map_release(&t.accounts);
	vec_release(&t.taken);
	return code;
}

/* --- what was there before --------------------------------------------------------------- */

struct found_thing {
	const struct recorded *who;
	const struct recorded_held *held;
	const char *name;
};

static const char *thing_name(const struct run *run, const struct recorded_held *held)
{
	const struct catalogue *cat = &run->present.catalogue;
	uint32_t item = catalogue_by_id(cat, (enum catalogue_kind)held->kind, held->item_id);

	return item == ITEM_NONE ? held->item_id
				 : catalogue_item(cat, (enum catalogue_kind)held->kind, item)->name;
}

/* As a line of the list, and as its key. */
static const char *thing_key(struct run *run, const struct recorded *who,
			     const struct recorded_held *held)
{
	return arena_printf(&run->mem, "%s:%s:%s %s", assign_kind_name(held->kind), held->item_id,
			    held->division_id ? held->division_id : "", who->link.person_id);
}

struct found_lines {
	struct run *run;
	const char *file;
	struct map things; /* key -> place in `list` */
	VEC(struct found_thing) list;
	struct state_batch batch;
};

static int on_found_line(void *ctx, unsigned line, struct slice first, struct slice rest,
			 struct err *err)
{
	struct found_lines *lines = ctx;
	const char *key = arena_printf(&lines->run->mem, "%.*s %.*s", SLICE_FMT(first), SLICE_FMT(rest));
	struct state_held held = { .forget = STATE_FORGET };
	uint64_t at;

	if (!map_get(&lines->things, slice_str(key), &at))
		return err_at(err, ERR_INVALID, lines->file, line, 0,
			      "nothing of that kind was found with that person");
	assert(lines->list.items && at < lines->list.count);
	held.person = lines->list.items[at].who->link.person_id;
	held.held = *lines->list.items[at].held;
	vec_push(&lines->batch.held, held);
	return 0;
}

static void collect_found(struct run *run, struct found_lines *lines)
{
	for (size_t i = 0; i < run->input.recorded_count; i++) {
		const struct recorded *who = &run->input.recorded[i];

		for (unsigned h = 0; h < who->held_count; h++) {
			const struct recorded_held *held = &who->held[h];
			const char *key;

			if (!held->found)
				continue;
			key = thing_key(run, who, held);
			map_set(&lines->things, slice_str(key), lines->list.count);
			vec_push(&lines->list, ((struct found_thing){ who, held, thing_name(run, held) }));
		}
	}
}

static int print_found(struct run *run, const struct cli_args *args,
		       const struct found_lines *lines, struct err *err)
{
	const char *path = cli_value(args, "output");
	struct buf text;
	int status = 0;

	buf_init(&text, LIST_BYTES_MAX);
	buf_addstr(&text, "# What adopted accounts had and no rule wants. Take away the # before what "
			  "may go where the rules manage it.\n");
	for (size_t i = 0; i < lines->list.count; i++) {
		const struct found_thing *thing = &lines->list.items[i];
		const char *who = thing->who->link.user_name;

		if (!path) {
			buf_clear(&text);
			buf_addf(&text, "%s ", assign_kind_name(thing->held->kind));
			buf_addvisible(&text, thing->name, strlen(thing->name));
			buf_addstr(&text, ": ");
			buf_addvisible(&text, who, strlen(who));
			printf("%s\n", text.data);
			continue;
		}
		buf_addf(&text, "\n# %s ", assign_kind_name(thing->held->kind));
		buf_addvisible(&text, thing->name, strlen(thing->name));
		buf_addstr(&text, " of ");
		buf_addvisible(&text, who, strlen(who));
		buf_addf(&text, "\n#%s\n", thing_key(run, thing->who, thing->held));
	}
	if (path)
		status = cli_write_file(path, &text, 0600, err);
	buf_release(&text);
	return status;
}

static enum exit_code found(struct run *run, const struct cli_args *args)
{
	struct found_lines lines = { .run = run, .file = cli_value(args, "yes-to") };
	struct err err = ERR_INIT;
	struct buf text;
	int status;

	buf_init(&text, LIST_BYTES_MAX);
	collect_found(run, &lines);
	if (lines.file)
		status = each_line(lines.file, &text, on_found_line, &lines, &err) ||
			 (lines.batch.held.count &&
			  record_run(run, &lines.batch, lines.batch.held.count, &err));
	else
		status = print_found(run, args, &lines, &err);
	if (!status && lines.file)
		printf("%zu things are no longer kept for having been there before.\n",
		       lines.batch.held.count);
	buf_release(&text);
	state_batch_release(&lines.batch);
	map_release(&lines.things);
	vec_release(&lines.list);
	return status ? say(&err) : EXIT_DONE;
}

/* --- command ----------------------------------------------------------------------------- */

static enum exit_code adopt(struct run *run, const struct cli_args *args)
{
	const char *path = cli_value(args, "output");
	bool write = cli_flag(args, "yes") || cli_value(args, "yes-to");
	struct adoptions list;
	struct err err = ERR_INIT;
	enum exit_code code = run_adopt(run, write);

	if (code)
		return code;
	if (cli_flag(args, "found"))
		return found(run, args);
	if (write && !run->present.verdict.complete) {
		fprintf(stderr, "dirbridge: the tenant was not read completely: %s; nobody is linked\n",
			run->present.verdict.reasons[0]);
		return EXIT_REFUSED;
	}
	plan_adopt(&run->input, &run->mem, &list);
	if (path && write_list(run, &list, path, &err))
		return say(&err);
	if (write)
		return take(run, args, &list);
	if (args->json)
		print_json(run, &list);
	else
		print_text(run, &list, cli_flag(args, "all"));
	return run->present.verdict.complete && run->people.complete ? EXIT_DONE : EXIT_PARTLY;
}

static int run_adopt_command(const struct cli_command *self, int argc, char **argv)
{
	return run_with(self, argc, argv, adopt);
}

const struct cli_command cli_adopt = {
	.name = "adopt",
	.operands = "",
	.summary = "First contact: which accounts belong to whom; links them after a yes.",
	.help = "For each person without a link the keys of the rules (match) are tried in order.\n"
		"The first is strong. All else waits for a listed yes: adopt -o FILE, look at it,\n"
		"adopt --yes-to FILE. Links are kept in the state; the tenant is not changed. What an\n"
		"adopted account has and the rules want is ours from then on; what they do not want\n"
		"stays until adopt --found --yes-to FILE.",
	.options = options,
	.run = run_adopt_command,
};
