#include "bridge/run.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/tenant/tenant_file.h"
#include "mappings/dn.h"
#include "bridge/plan/why.h"

#include "scim/base/banned.h"

static enum exit_code failed(const struct err *err)
{
	cli_say_error(err);
	return exit_code_of(err);
}

static enum exit_code open_snapshot(struct run *run, const char *dir)
{
	struct err err = ERR_INIT;

	if (!dir)
		return EXIT_DONE;
	if (snapshot_open(dir, run->config, &run->snapshot, &err) ||
	    snapshot_holds(&run->snapshot, rules_layout(run->rules), &err))
		return failed(&err);
	run->time_s = run->snapshot.time_s;
	return EXIT_DONE;
}

/* Those of --rules, else of the settings. */
static int load_rules(struct run *run, const struct cli_args *args, struct diags *diags)
{
	const struct config_texts *rules = &run->config->rules;
	VEC(const char *) given = { 0 };
	const char *path;
	int status;

	for (size_t i = 0; (path = cli_value_at(args, "rules", i)); i++)
		vec_push(&given, path);
	status = given.count ? rules_load(given.items, given.count, &run->rules, diags)
			     : rules_load(rules->items, rules->count, &run->rules, diags);
	vec_release(&given);
	return status ? status
		      : target_check_rules(run->config->target.kind, run->rules, diags);
}

enum exit_code run_open(struct run *run, const struct cli_args *args)
{
	static const enum log_level levels[] = { LOG_WARN, LOG_ERROR, LOG_INFO, LOG_DEBUG };
	struct diags diags = { 0 };
	enum log_level level;

	*run = (struct run){ .clock = clock_system() };
	rng_seed_system(&run->rng);
	run->time_s = clock_now_us(run->clock) / 1000000;
	arena_init(&run->mem);
	arena_init(&run->scratch);
	present_init(&run->present);
	verdict_init(&run->people);
	verdict_init(&run->groups);
	run->progress = isatty(STDERR_FILENO) && args->verbosity >= 0;
	if (config_load(args->config_path, &run->config, &diags) ||
	    load_rules(run, args, &diags)) {
		cli_say_diags(&diags);
		diags_release(&diags);
		return EXIT_USAGE;
	}
	level = levels[run->config->log.level];
	if (args->verbosity)
		level = args->verbosity > 0 ? LOG_INFO : LOG_ERROR;
	log_setup(level, run->config->log.format == LOG_FORMAT_JSON);
	diags_release(&diags);
	/* Stable across servers that fail over, and the same for a snapshot of them. */
	run->source = run->config->directory.people.items[0].base;
	return open_snapshot(run, cli_value(args, "from"));
}

void run_release(struct run *run)
{
	changes_end(run->changes);
	explainer_free(run->explainer);
	if (run->directory)
		run->directory->ops->free(run->directory);
	if (run->tenant)
		run->tenant->ops->free(run->tenant);
	if (run->state)
		run->state->ops->close(run->state);
	plan_release(&run->plan);
	present_release(&run->present);
	vec_release(&run->records);
	tally_release(&run->tally);
	tally_release(&run->last_tally);
	tally_release(&run->high_tally);
	vec_release(&run->held);
	vec_release(&run->managers);
	vec_release(&run->explained);
	rules_free(run->rules);
	config_free(run->config);
	snapshot_release(&run->snapshot);
	arena_release(&run->scratch);
	arena_release(&run->mem);
}

int run_with(const struct cli_command *self, int argc, char **argv,
	     enum exit_code (*command)(struct run *run, const struct cli_args *args))
{
	struct cli_args args;
	struct run run;
	enum exit_code code;

	if (cli_parse(self, argc, argv, &args) || args.help) {
		code = args.help ? EXIT_DONE : EXIT_USAGE;
		cli_args_release(&args);
		return code;
	}
	code = run_open(&run, &args);
	if (!code)
		code = command(&run, &args);
	run_release(&run);
	cli_args_release(&args);
	return code;
}

/* --- directory --------------------------------------------------------------------------- */

/* The first few are explained, the rest is counted as they are. */
static int explain_one(struct run *run, const struct entry *entry,
		       struct record **ret_record, int64_t *ret_due_s, struct err *err)
{
	struct record *record;

	explainer_start(run->explainer, entry);
	if (map_entry_observed(run->rules, entry, run->time_s, &run->scratch, &run->mem, &record,
			       ret_due_s, explainer_observer(run->explainer), err))
		return -1;
	vec_push(&run->explained, explainer_finish(run->explainer, record, *ret_due_s));
	*ret_record = record;
	return 0;
}

static int map_one(void *ctx, const struct entry *entry, struct record **ret_record,
		   int64_t *ret_due_s, struct err *err)
{
	struct run *run = ctx;
	struct record *record;

	if (run->explainer && run->explained.count < EXPLAIN_PEOPLE_MAX) {
		if (explain_one(run, entry, &record, ret_due_s, err))
			return -1;
	} else if (map_entry(run->rules, entry, run->time_s, &run->scratch, &run->mem, &record,
			     ret_due_s, err)) {
		return -1;
	}
	*ret_record = record;
	if (!record) {
		run->out_of_scope++;
		return 0;
	}
	vec_push(&run->records, record);
	if (run->progress && run->records.count % 500 == 0)
		report_progress(stderr, "directory: people", run->records.count, 0);
	return 0;
}

static int take_entry(void *ctx, const struct entry *entry, struct err *err)
{
	struct run *run = ctx;
	struct record *record;
	int64_t due_s;

	if (map_one(run, entry, &record, &due_s, err))
		return -1;
	if (run->changes)
		changes_record(run->changes, entry, record, due_s);
	return 0;
}

/* A group that a rule names and the read did not return: said once, with its place. */
static void warn_groups(struct run *run)
{
	for (size_t i = 0; i < run->groups.reason_count && i < VERDICT_REASONS_MAX; i++)
		log_line(LOG_INFO, "groups: %s", run->groups.reasons[i]);
}

static enum exit_code read_only_people(struct run *run, const char *const *only, size_t count,
				       struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		size_t before = run->records.count;

		if (run->directory->ops->read_person(run->directory, rules_layout(run->rules),
						     only[i], take_entry, run, &run->people, err))
			return failed(err);
		if (run->explainer && run->explained.count)
			continue; /* out of scope is an answer too */
		if (run->explainer) {
			bool broken = run->people.reason_count > 0;

			err_set(err, ERR_NOT_FOUND, "%s: nobody in the directory's searches for "
				"people matches%s%s", only[i], broken ? ": " : "",
				broken ? run->people.reasons[0] : "");
			return failed(err);
		}
		if (run->records.count == before) {
			err_set(err, ERR_NOT_FOUND, "--only %s: nobody in scope matches", only[i]);
			return failed(err);
		}
	}
	run->only = true;
	/* Who else is there was not asked: this run is no measure for later ones. */
	verdict_spoil(&run->people, "only selected people were read");
	return EXIT_DONE;
}

static enum exit_code open_directory(struct run *run)
{
	struct err err = ERR_INIT;

	if (!run->directory && directory_open(run->config, run->clock, &run->directory, &err))
		return failed(&err);
	return EXIT_DONE;
}

static void end_directory(struct run *run)
{
	if (run->progress)
		report_progress_end(stderr);
	/* Not kept open: it would idle through the tenant's reads and be cut by the server. */
	run->directory->ops->disconnect(run->directory);
	verdict_merge(&run->people, &run->groups);
	if (run->snapshot.time_s)
		verdict_merge(&run->people, &run->snapshot.verdict);
}

enum exit_code run_read_directory(struct run *run, const char *const *only, size_t count)
{
	struct err err = ERR_INIT;
	enum exit_code code = open_directory(run);

	if (code)
		return code;
	run->directory->keep_ids = true;
	if (count == 0)
		run->directory->tally = &run->tally;
	if (run->explain) {
		run->explainer = explainer_new(run->rules, run->directory, &run->mem);
		run->directory->keep_paths = true;
	}
	if (rules_groups(run->rules)->names.count &&
	    run->directory->ops->read_groups(run->directory, rules_groups(run->rules),
					     &run->groups, &err))
		return failed(&err);
	warn_groups(run);
	if (count)
		code = read_only_people(run, only, count, &err);
	else if (run->directory->ops->read_people(run->directory, rules_layout(run->rules),
						  take_entry, run, &run->people, &err))
		code = failed(&err);
	run->tallied = count == 0;
	if (run->changes)
		changes_read_done(run->changes, !code && run->people.complete &&
							run->groups.complete);
	end_directory(run);
	log_line(LOG_INFO, "directory: %zu people in scope, %lu out of scope, %s",
		 run->records.count, run->out_of_scope,
		 run->people.complete ? "complete" : "not complete");
	return code;
}

/* --- state ------------------------------------------------------------------------------- */

enum exit_code run_open_state(struct run *run, bool write)
{
	struct err err = ERR_INIT;

	if (state_open_sqlite(run->config->state_file, run->source,
			      run->config->target.api_url, write, run->clock, &run->state,
			      &err))
		return failed(&err);
	if (write && run->state->ops->lock(run->state, &err))
		return failed(&err);
	return EXIT_DONE;
}

/* --- what has changed -------------------------------------------------------------------- */

static void note_held(void *ctx, enum assign_kind kind, const char *item_id)
{
	struct run *run = ctx;
	struct recorded_held held = { .kind = kind,
				      .item_id = arena_strdup(&run->mem, item_id) };

	vec_push(&run->held, held);
}

/* The mirror did not do: as if it had not been tried. */
static void forget_read(struct run *run)
{
	run->records.count = 0;
	run->out_of_scope = 0;
	verdict_init(&run->people);
	verdict_init(&run->groups);
	changes_full(run->changes);
}

static enum exit_code read_touched(struct run *run, bool *ret_full)
{
	struct err err = ERR_INIT;

	if (changes_touched(run->changes, map_one, run, &run->groups, &run->touched, ret_full,
			    &err))
		return failed(&err);
	if (*ret_full) {
		forget_read(run);
		return EXIT_DONE;
	}
	run->part_read = true;
	run->people.count = changes_people(run->changes);
	run->part.people = changes_people(run->changes);
	end_directory(run);
	log_line(LOG_INFO, "directory: %zu people touched by changes, %lu in scope",
		 run->touched.count, run->part.people);
	return EXIT_DONE;
}

/* Only what has changed, where that is enough, else everybody. */
static enum exit_code read_everybody(struct run *run, bool write, bool full)
{
	struct changes_how how = {
		.config = run->config, .rules = run->rules, .state = run->state,
		.source = run->source, .target = run->config->target.api_url,
		.time_s = run->time_s, .write = write, .full = full,
	};
	struct err err = ERR_INIT;
	bool part, all = true;
	enum exit_code code = open_directory(run);

	if (code)
		return code;
	how.directory = run->directory;
	if (changes_begin(&how, &run->changes, &part, &err))
		return failed(&err);
	if (part)
		code = read_touched(run, &all);
	return code || !all ? code : run_read_directory(run, NULL, 0);
}

void run_keep(struct run *run, const struct apply_result *result)
{
	const struct plan *plan = &run->plan;
	VEC(const char *) todo = { 0 };

	if (!run->changes)
		return;
	for (size_t i = 0; i < plan->people.count; i++) {
		const struct plan_person *person = &plan->people.items[i];
		bool left = false;

		for (uint32_t s = 0; s < person->step_count; s++)
			left |= result->outcomes[person->first_step + s] != OUTCOME_DONE;
		if (left)
			vec_push(&todo, person->id);
	}
	for (size_t i = 0; i < plan->skips.count; i++)
		vec_push(&todo, plan->skips.items[i].id);
	changes_commit(run->changes, result->run, result->started_s, todo.items, todo.count);
	vec_release(&todo);
}

/* --- tenant and plan --------------------------------------------------------------------- */

static void on_tenant_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	(void)ctx;
	report_progress(stderr, what, done, total);
}

static int open_tenant(struct run *run, struct err *err)
{
	if (run->snapshot.tenant)
		return tenant_file_open(run->config, run->snapshot.tenant,
					&run->snapshot.tenant_verdict, &run->tenant, err);
	return tenant_open(run->config, run->clock, &run->rng, &run->tenant, err);
}

static void note_kind(void *ctx, enum assign_kind kind, origin_id origin)
{
	(void)origin;
	*(unsigned *)ctx |= 1u << kind;
}

/* Kinds that the rules may give, or that we gave once. */
static unsigned kinds_spoken_of(const struct run *run)
{
	unsigned kinds = 0;

	rules_each_assign(run->rules, note_kind, &kinds);
	for (size_t i = 0; i < run->input.recorded_count; i++)
		for (unsigned h = 0; h < run->input.recorded[i].held_count; h++)
			kinds |= 1u << run->input.recorded[i].held[h].kind;
	for (size_t i = 0; i < run->part.held_count; i++)
		kinds |= 1u << run->part.held[i].kind;
	return kinds;
}

enum exit_code run_read_catalogue(struct run *run, struct tenant_need *ret_need)
{
	struct diags diags = { 0 };
	struct err err = ERR_INIT;
	enum exit_code code = EXIT_DONE;

	if (open_tenant(run, &err))
		return failed(&err);
	if (run->progress)
		run->tenant->progress = on_tenant_progress;
	run->present.kinds = kinds_spoken_of(run);
	run->present.time_s = run->time_s;
	if (run->tenant->ops->read_catalogue(run->tenant, &run->present, &err))
		code = failed(&err);
	if (run->progress)
		report_progress_end(stderr);
	if (code)
		return code;
	plan_new_groups(&run->input, &run->present);
	if (plan_resolve(&run->input, &run->mem, ret_need, &diags)) {
		cli_say_diags(&diags);
		code = EXIT_USAGE;
	}
	diags_release(&diags);
	return code;
}

static enum exit_code read_accounts(struct run *run, const struct tenant_need *need)
{
	const struct tenant_ops *ops = run->tenant->ops;
	struct plan_questions ask;
	struct err err = ERR_INIT;
	int status = ops->read_accounts(run->tenant, need, &run->present, &err);

	if (!status) {
		plan_questions(&run->input, &run->mem, &ask);
		if (ask.all || ask.account_count)
			status = ops->read_external_ids(run->tenant, &run->present, ask.accounts,
							ask.all ? 0 : ask.account_count, &err);
		if (!status && ask.user_name_count && !run->present.deleted_read)
			status = ops->read_deleted(run->tenant, ask.user_names,
						   ask.user_name_count, &run->present, &err);
	}
	if (run->progress)
		report_progress_end(stderr);
	return status ? failed(&err) : EXIT_DONE;
}

/* --- managers whom this run does not look at --------------------------------------------- */

struct manager_search {
	struct run *run;
	struct map wanted; /* normalised DN */
	struct arena scratch;
};

static void take_link(void *ctx, const struct link *link)
{
	struct manager_search *search = ctx;
	struct run *run = search->run;
	struct plan_manager manager;
	struct slice norm;

	arena_reset(&search->scratch);
	if (link->left || dn_normalize(&search->scratch, link->dn, strlen(link->dn), &norm, NULL) ||
	    !map_get(&search->wanted, norm, NULL))
		return;
	manager.dn = arena_strndup(&run->mem, norm.data, norm.len);
	manager.account_id = arena_strdup(&run->mem, link->account_id);
	manager.user_name = arena_strdup(&run->mem, link->user_name);
	vec_push(&run->managers, manager);
}

/* In a run for some people a manager may be one of the others: found by the name last seen. */
static enum exit_code load_managers(struct run *run)
{
	struct manager_search search = { .run = run };
	struct err err = ERR_INIT;
	int status = 0;

	for (size_t i = 0; (run->only || run->part_read) && i < run->records.count; i++)
		if (run->records.items[i]->manager_dn)
			map_set(&search.wanted, slice_str(run->records.items[i]->manager_dn), 1);
	if (search.wanted.count)
		status = run->state->ops->each_link(run->state, take_link, &search, &err);
	map_release(&search.wanted);
	arena_release(&search.scratch);
	run->input.managers = run->managers.items;
	run->input.manager_count = run->managers.count;
	return status ? failed(&err) : EXIT_DONE;
}

static void take_tallies(struct run *run, const struct state_summary *summary)
{
	if (!summary->tally)
		return;
	tally_parse(&run->last_tally, summary->tally);
	for (size_t i = 0; i < summary->tally_count; i++)
		tally_parse(&run->high_tally, summary->tallies[i]);
	run->input.last_tally = &run->last_tally;
	run->input.high_tally = &run->high_tally;
}

static enum exit_code load_state(struct run *run)
{
	const struct state_whom *whom = run->part_read ? &run->touched : NULL;
	struct recorded *recorded;
	struct state_summary summary;
	struct err err = ERR_INIT;

	if (run->state->ops->load(run->state, run->time_s, whom, &run->mem, &recorded,
				  &run->input.recorded_count, &summary, &err))
		return failed(&err);
	if (run->part_read) {
		if (run->touched.count &&
		    run->state->ops->each_held(run->state, note_held, run, &err))
			return failed(&err);
		run->part.linked = summary.linked;
		run->part.touched = run->touched.count;
		run->part.held = run->held.items;
		run->part.held_count = run->held.count;
		run->input.part = &run->part;
	}
	run->input.recorded = recorded;
	run->input.baseline = summary.baseline;
	run->input.last_good_count = summary.last_good_count;
	run->input.unfinished = summary.unfinished;
	if (run->tallied && !run->part_read) {
		run->input.tally = &run->tally;
		take_tallies(run, &summary);
	}
	memcpy(run->input.recent, summary.recent, sizeof(run->input.recent));
	if (summary.unfinished)
		log_line(LOG_WARN, "an earlier run was cut off with %lu calls under way; the "
			 "tenant is read anew to see what they did", summary.unfinished);
	return EXIT_DONE;
}

/* Calls per operation that apply would make, by the same function that makes them. */
static void estimate(struct run *run)
{
	double budget = run->tenant && run->tenant->ops->budget ?
				run->tenant->ops->budget(run->tenant) :
				0;
	unsigned char *blocked = arena_array(&run->mem, run->plan.people.count + 1, 1);
	struct arena mem = ARENA_INIT;

	_Static_assert(API_OP_COUNT <= sizeof(run->plan.calls) / sizeof(run->plan.calls[0]),
		       "room for each operation");
	run->plan.calls_per_minute = (unsigned long)(budget + 0.5);
	for (unsigned wave = 0; wave < STEP_WAVES && run->plan.steps.count; wave++) {
		struct calls calls = { 0 };

		run->tenant->ops->make_calls(run->tenant, &run->plan, wave, blocked, &mem, &calls);
		for (size_t i = 0; i < calls.count; i++)
			run->plan.calls[calls.items[i].op] += 1 + calls.items[i].more;
		vec_release(&calls);
		arena_reset(&mem);
	}
	arena_release(&mem);
}

static void fill_input(struct run *run)
{
	run->input = (struct plan_input){
		.config = run->config, .time_s = run->time_s,
		.records = run->records.items, .record_count = run->records.count,
		.directory = &run->people, .groups = &run->groups,
		.present = &run->present, .rules = run->rules, .only = run->only,
	};
}

/* Directory and state are at hand: the tenant, and the plan. */
static enum exit_code plan_rest(struct run *run)
{
	struct tenant_need need;
	struct err err = ERR_INIT;
	enum exit_code code;

	fill_input(run);
	code = load_state(run);
	if (!code)
		code = load_managers(run);
	/* Whom nothing touches needs no look at the tenant. */
	if (!code && !(run->part_read && run->touched.count == 0) &&
	    !(run->explain && run->records.count == 0)) {
		code = run_read_catalogue(run, &need);
		if (!code)
			code = read_accounts(run, &need);
	}
	if (code)
		return code;
	if (plan_make(&run->input, &run->mem, &run->plan, &err))
		return failed(&err);
	estimate(run);
	return EXIT_DONE;
}

/* What a saved plan says of itself, for whoever applies it. */
static void name_plan(struct run *run, const char *const *selected, size_t count)
{
	char *inputs = arena_bytes(&run->mem, DIGEST_TEXT);

	changes_inputs(run->config, run->rules, inputs);
	run->plan.inputs = inputs;
	run->plan.source = run->source;
	run->plan.target = run->config->target.api_url;
	run->plan.expires_s = run->time_s + (int64_t)run->config->plan.expires_h * 3600;
	for (size_t i = 0; i < count; i++)
		vec_push(&run->plan.selected, selected[i]);
}

static enum exit_code plan_for(struct run *run, const char *const *only, size_t count,
			       bool write, bool full)
{
	enum exit_code code = run_open_state(run, write);

	if (!code && count)
		code = run_read_directory(run, only, count);
	else if (!code)
		code = read_everybody(run, write, full);
	if (!code)
		code = plan_rest(run);
	if (!code)
		name_plan(run, only, count);
	return code;
}

enum exit_code run_plan(struct run *run, const struct cli_args *args, bool write)
{
	VEC(const char *) only = { 0 };
	enum exit_code code;
	const char *person;

	for (size_t i = 0; (person = cli_value_at(args, "only", i)); i++)
		vec_push(&only, person);
	code = plan_for(run, only.items, only.count, write, cli_flag(args, "full"));
	vec_release(&only);
	return code;
}

enum exit_code run_adopt(struct run *run, bool write)
{
	struct tenant_need need;
	struct err err = ERR_INIT;
	enum exit_code code = run_open_state(run, write);

	if (!code)
		code = run_read_directory(run, NULL, 0);
	if (code)
		return code;
	fill_input(run);
	run->input.adopting = true;
	code = load_state(run);
	if (!code)
		code = run_read_catalogue(run, &need);
	if (code)
		return code;
	if (run->tenant->ops->read_accounts(run->tenant, &need, &run->present, &err) ||
	    run->tenant->ops->read_external_ids(run->tenant, &run->present, NULL, 0, &err))
		code = failed(&err);
	if (run->progress)
		report_progress_end(stderr);
	return code;
}

enum exit_code run_saved_plan(struct run *run, const struct plan *saved)
{
	enum exit_code code = plan_for(run, saved->selected.items, saved->selected.count, true,
				       true);

	if (code || run->plan.refused)
		return code;
	plan_keep(&run->plan, saved, &run->mem);
	memset(run->plan.calls, 0, sizeof(run->plan.calls));
	estimate(run);
	return EXIT_DONE;
}

enum exit_code run_explain(struct run *run, const char *person, bool offline)
{
	enum exit_code code;

	run->explain = true;
	code = run_read_directory(run, &person, 1);
	if (!code && !offline)
		code = run_open_state(run, false);
	if (!code && !offline)
		code = plan_rest(run);
	if (code || offline)
		return code;
	for (size_t i = 0; i < run->explained.count; i++)
		plan_why(&run->input, &run->plan, &run->mem, run->explained.items[i]);
	return EXIT_DONE;
}
