#include <string.h>

#include "bridge/run.h"
#include "bridge/snapshot.h"
#include "mappings/rules_uses.h"

#include "scim/base/banned.h"

static const struct cli_option options[] = {
	{ "attribute", 0, "NAME", "also this attribute, which the rules do not use; may be repeated" },
	{ "no-tenant", 0, NULL, "leave the tenant out: --from DIR asks the real one then" },
	{ NULL, 0, NULL, NULL },
};

/* What the rules use, and what was asked for besides. */
static int make_layout(const struct run *run, const struct cli_args *args, struct layout *layout,
		       struct err *err)
{
	const struct layout *used = rules_layout(run->rules);
	const char *name;

	layout_init(layout);
	for (size_t i = 0; i < used->names.count; i++)
		if (layout_add(layout, used->names.items[i], strlen(used->names.items[i]), err) < 0)
			return -1;
	for (size_t i = 0; (name = cli_value_at(args, "attribute", i)); i++)
		if (layout_add(layout, name, strlen(name), err) < 0)
			return -1;
	return 0;
}

static void print_reasons(const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->reason_count && i < VERDICT_REASONS_MAX; i++)
		printf("  %s\n", verdict->reasons[i]);
}

static void print_sums(const struct snapshot_sums *sums, const char *dir, bool tenant,
		       bool json)
{
	const struct verdict *verdict = &sums->verdict;

	if (json) {
		printf("{\"schema\":\"dirbridge.snapshotTaken/1\",\"people\":%zu,\"groups\":%zu,"
		       "\"accounts\":%zu,\"complete\":%s}\n", sums->people, sums->groups,
		       sums->accounts,
		       verdict->complete && sums->tenant.complete ? "true" : "false");
		return;
	}
	printf("%s: %zu people, %zu groups, %s\n", dir, sums->people, sums->groups,
	       verdict->complete ? "read completely" : "NOT read completely");
	print_reasons(verdict);
	if (!tenant)
		return;
	printf("%s: %zu accounts of the tenant, %s\n", dir, sums->accounts,
	       sums->tenant.complete ? "read completely" : "NOT read completely");
	print_reasons(&sums->tenant);
}

static enum exit_code take(struct run *run, const struct cli_args *args)
{
	const char *dir = args->operands.items[0];
	struct snapshot_sums sums;
	struct layout layout;
	struct err err = ERR_INIT;
	int status = make_layout(run, args, &layout, &err);

	if (!status)
		status = directory_open(run->config, run->clock, &run->directory, &err);
	if (!status && !cli_flag(args, "no-tenant"))
		status = tenant_open(run->config, run->clock, &run->rng, &run->tenant, &err);
	if (!status)
		status = snapshot_write(dir, run->config, run->directory, &layout, run->tenant,
					rules_uses(run->rules).kinds, run->time_s, &sums, &err);
	layout_release(&layout);
	if (status) {
		cli_say_error(&err);
		return exit_code_of(&err);
	}
	print_sums(&sums, dir, run->tenant != NULL, args->json);
	return sums.verdict.complete && sums.tenant.complete ? EXIT_DONE : EXIT_PARTLY;
}

static int run_snapshot(const struct cli_command *self, int argc, char **argv)
{
	return run_with(self, argc, argv, take);
}

const struct cli_command cli_snapshot = {
	.name = "snapshot",
	.operands = "DIR",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Stores what directory and tenant show in a new folder, to be read offline.",
	.help = "People and groups that the searches of the settings find, with the attributes that\n"
		"the rules use, and all that the tenant holds. --from DIR of check, plan and explain\n"
		"reads it in their place, without network; dirbridge-sandbox --data DIR/tenant.jsonl\n"
		"makes a tenant of it to rehearse on. It holds personal data: only its owner may read\n"
		"it. Exit 5: a read was not complete, and whoever reads the snapshot is told so.",
	.options = options,
	.run = run_snapshot,
};
