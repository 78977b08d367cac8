/*
 * tests/tools/read_tenant.c - read the configured tenant whole and print what came.
 *
 *   read_tenant SETTINGS [--no-grants]
 *
 * Prints "digest users=N grants=N", "seconds S" of the reads of users and grants alone
 * (token and catalogues are read before), and "complete" or "incomplete" with reasons.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bridge/config/config.h"
#include "bridge/tenant/tenant.h"

#include "scim/base/banned.h"

static unsigned long grants_of(const struct present *present)
{
	unsigned long count = 0;

	for (size_t i = 0; i < present->accounts.count; i++)
		for (unsigned h = 0; h < present->accounts.items[i].held_count; h++)
			count += present->accounts.items[i].held[h].kind == ASSIGN_ROLE;
	return count;
}

static int read_all(struct tenant *tenant, bool grants, struct present *present,
		    double *ret_seconds, struct err *err)
{
	const struct clock *clock = clock_system();
	struct tenant_need need = { .queues = NULL };
	uint32_t *divisions;
	size_t count;
	int64_t start;
	int result;

	if (tenant->ops->read_catalogue(tenant, present, err))
		return -1;
	count = present->catalogue.kinds[CAT_DIVISION].items.count;
	divisions = mem_array(count + 1, sizeof(*divisions));
	for (size_t i = 0; i < count; i++)
		divisions[i] = (uint32_t)i;
	divisions[count] = ITEM_ALL;
	need.grant_divisions = divisions;
	need.grant_division_count = grants ? (unsigned)count + 1 : 0;
	start = clock_mono_us(clock);
	result = tenant->ops->read_accounts(tenant, &need, present, err);
	*ret_seconds = (double)(clock_mono_us(clock) - start) / 1e6;
	mem_free(divisions);
	return result;
}

static void print_all(const struct present *present, double seconds)
{
	printf("digest users=%zu grants=%lu\n", present->accounts.count, grants_of(present));
	printf("seconds %.3f\n", seconds);
	puts(present->verdict.complete ? "complete" : "incomplete");
	for (size_t i = 0; i < present->verdict.reason_count && i < VERDICT_REASONS_MAX; i++)
		printf("reason %s\n", present->verdict.reasons[i]);
}

int main(int argc, char **argv)
{
	bool grants = argc < 3 || strcmp(argv[2], "--no-grants") != 0;
	struct config *config;
	struct diags diags = { 0 };
	struct present present;
	struct tenant *tenant = NULL;
	struct rng rng;
	struct err err = ERR_INIT;
	char text[ERR_FORMAT_MAX];
	double seconds;
	int status = 1;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		fprintf(stderr, "usage: read_tenant SETTINGS [--no-grants]\n");
		return 2;
	}
	if (config_load(argv[1], &config, &diags)) {
		for (size_t i = 0; i < diags.count; i++)
			printf("error %s\n", err_format(&diags.items[i], text, sizeof(text)));
		diags_release(&diags);
		return 2;
	}
	rng_seed_system(&rng);
	present_init(&present);
	if (!tenant_open(config, clock_system(), &rng, &tenant, &err) &&
	    !read_all(tenant, grants, &present, &seconds, &err)) {
		print_all(&present, seconds);
		status = 0;
	} else {
		printf("error %s\n", err_format(&err, text, sizeof(text)));
	}
	if (tenant)
		tenant->ops->free(tenant);
	present_release(&present);
	config_free(config);
	return status;
}
