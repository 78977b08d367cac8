#include <string.h>

#include "bridge/cli/check.h"
#include "bridge/directory/schema.h"
#include "bridge/log.h"
#include "bridge/plan/where.h"
#include "bridge/tenant/regions.h"
#include "mappings/rules_uses.h"

#include "scim/base/banned.h"

/* Accounts of ours that are offered for samples. */
#define SAMPLES_MAX 5
/* Computed names that are named one by one. */
#define NAMES_SHOWN 20

enum exit_code check_verdict(const struct findings *findings)
{
	switch (findings->worst) {
	case FINDING_REFUSED:
		return EXIT_REFUSED;
	case FINDING_FAILED:
		return EXIT_FAILED;
	default:
		return EXIT_DONE;
	}
}

/* --- settings ---------------------------------------------------------------------------- */

void check_settings(const struct run *run, struct findings *findings)
{
	const char *domain = run->config->target.region;
	const char *region, *near;

	if (!domain)
		return;
	region = region_of_domain(domain);
	near = region ? NULL : region_nearest(domain);
	if (region)
		findings_add(findings, FINDING_GOOD, "region", NULL, "%s is Genesys Cloud in %s",
			     domain, region);
	else
		findings_add(findings, FINDING_WARNING, "region", "look at target.region",
			     "%s is no domain of Genesys Cloud that is known%s%s", domain,
			     near ? "; nearest: " : "", near ? near : "");
}

/* --- directory --------------------------------------------------------------------------- */

/* An attribute that the directory does not have is absent from everybody: a typo, mostly. */
static void check_attribute(struct run *run, const struct dir_schema *schema, unsigned slot,
			    struct findings *findings)
{
	const char *name = rules_layout(run->rules)->names.items[slot], *nearest;
	char place[512];

	if (dir_schema_find(schema, slice_of(name, strcspn(name, ";"))))
		return;
	nearest = dir_schema_nearest(schema, name);
	rules_origin_text(run->rules, rules_attribute_origin(run->rules, slot), place,
			  sizeof(place));
	findings_add(findings, FINDING_WARNING, "attribute", NULL,
		     "%s: the directory's schema has no attribute \"%s\"%s%s%s", place, name,
		     nearest ? "; nearest: \"" : "", nearest ? nearest : "",
		     nearest ? "\"" : "");
}

static void check_schema(struct run *run, struct findings *findings)
{
	struct dir_schema schema;
	struct err err = ERR_INIT;

	if (!run->directory || !run->directory->ops->read_schema)
		return;
	dir_schema_init(&schema);
	if (run->directory->ops->read_schema(run->directory, &schema, &err))
		findings_add(findings, FINDING_WARNING, "attribute", NULL,
			     "attribute names were not checked: %s", err.text);
	else
		for (unsigned i = 0; i < rules_layout(run->rules)->names.count; i++)
			check_attribute(run, &schema, i, findings);
	run->directory->ops->disconnect(run->directory);
	dir_schema_release(&schema);
}

/* --- tenant ------------------------------------------------------------------------------ */

struct samples {
	struct run *run;
	const char *items[SAMPLES_MAX];
	size_t count;
};

static void take_sample(void *ctx, const struct link *link)
{
	struct samples *samples = ctx;

	if (!link->left && samples->count < SAMPLES_MAX)
		samples->items[samples->count++] = arena_strdup(&samples->run->mem,
								link->account_id);
}

/* Of the state only what dates the last good run, and some accounts. */
static void look_at_state(struct run *run, struct samples *samples, int64_t *ret_last_good_s,
			  struct findings *findings)
{
	struct state_whom nobody = { 0 };
	struct state_summary summary;
	struct recorded *items;
	size_t count;
	struct err err = ERR_INIT;

	if (state_open_sqlite(run->config->state_file, run->source,
			      run->config->target.api_url, false, run->clock, &run->state,
			      &err) ||
	    run->state->ops->load(run->state, run->time_s, &nobody, &run->mem, &items, &count,
				  &summary, &err) ||
	    run->state->ops->each_link(run->state, take_sample, samples, &err)) {
		findings_add(findings, FINDING_FAILED, "state", NULL, "%s", err.text);
		return;
	}
	*ret_last_good_s = summary.baseline ? summary.last_good_s : 0;
	if (summary.unfinished)
		findings_add(findings, FINDING_NOTE, "state", NULL,
			     "an earlier run was cut off with %lu calls under way; the next one "
			     "looks what they did", summary.unfinished);
}

/* Names that expressions made; those that stand in the rules were looked at before. */
static void check_names(struct run *run, struct findings *findings)
{
	struct plan_unknown *unknown = arena_array(&run->mem, PLAN_UNKNOWN_MAX,
						   sizeof(*unknown));
	size_t count = plan_unknown_names(&run->input, &run->mem, unknown);
	char place[512];

	for (size_t i = 0; i < count && i < NAMES_SHOWN; i++) {
		rules_origin_text(run->rules, unknown[i].origin, place, sizeof(place));
		findings_add(findings, FINDING_WARNING, "name",
			     "make it in the tenant, or mend the rule or the entry",
			     "%s: %s; %lu of the people in scope do not get it (%s)", place,
			     unknown[i].text, unknown[i].people, unknown[i].person);
	}
	if (count > NAMES_SHOWN)
		findings_add(findings, FINDING_WARNING, "name", NULL,
			     "%zu more names that expressions made are not in the tenant",
			     count - NAMES_SHOWN);
}

static void check_tenant(struct run *run, struct findings *findings)
{
	struct rules_uses uses = rules_uses(run->rules);
	struct samples samples = { .run = run };
	struct plan_where where;
	struct tenant_look look = {
		.present = &run->present,
		.use = { .kinds = uses.kinds, .attrs = uses.attrs, .unlinked = true },
		.now_s = clock_now_us(run->clock) / 1000000,
	};

	plan_where(&run->input, &run->mem, &where);
	look.people = (struct access_divisions){ where.people, where.people_count };
	look.grants = (struct access_divisions){ where.grants, where.grant_count };
	look_at_state(run, &samples, &look.last_good_s, findings);
	look.accounts = samples.items;
	look.account_count = samples.count;
	if (run->tenant->ops->check)
		run->tenant->ops->check(run->tenant, &look, findings);
	else
		findings_add(findings, FINDING_NOTE, "permission", NULL,
			     "permissions, limits and other writers are not looked at: the tenant "
			     "is of the kind %s", run->tenant->ops->kind);
}

enum exit_code check_online(struct run *run, struct findings *findings)
{
	struct tenant_need need;
	enum exit_code code = run_read_directory(run, NULL, 0);

	if (code)
		return code;
	check_schema(run, findings);
	run->input = (struct plan_input){
		.config = run->config, .time_s = run->time_s, .records = run->records.items,
		.record_count = run->records.count, .directory = &run->people,
		.present = &run->present, .rules = run->rules,
	};
	code = run_read_catalogue(run, &need);
	/* A catalogue that the client may not read is a reason to ask what it may, not to end. */
	if (run->tenant)
		check_tenant(run, findings);
	if (!code || code == EXIT_USAGE)
		check_names(run, findings);
	return code;
}

enum exit_code check_probe(struct run *run, struct findings *findings)
{
	struct err err = ERR_INIT;

	if (!run->tenant)
		return EXIT_DONE; /* why has been said */
	if (!run->tenant->ops->probe) {
		findings_add(findings, FINDING_NOTE, "probe", NULL,
			     "%s needs none; it is for target.kind: scim",
			     target_row(run->config->target.kind)->words);
		return EXIT_DONE;
	}
	if (!run->tenant->ops->probe(run->tenant, findings, &err))
		return EXIT_DONE;
	findings_add(findings, FINDING_FAILED, "probe", NULL, "%s", err.text);
	return EXIT_FAILED;
}
