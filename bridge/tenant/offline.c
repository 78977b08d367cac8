/*
 * The tenant of a snapshot: the file is read once and handed out as the real tenant would,
 * asked for this and that, so that a plan from it is the plan from the tenant.
 */
#include <string.h>

#include "bridge/config/config.h"
#include "bridge/tenant/calls.h"
#include "bridge/tenant/tenant_file.h"

#include "scim/base/banned.h"

struct offline {
	struct tenant base;
	struct present all;      /* as read; the run's `present` borrows from it */
	bool genesys;            /* its calls can be counted */
	double budget;
};

static int no_write(struct err *err)
{
	return err_set(err, ERR_REFUSED, "a snapshot is not written to");
}

static int read_catalogue(struct tenant *tenant, struct present *present, struct err *err)
{
	const struct offline *o = (const struct offline *)tenant;
	const struct catalogue *cat = &o->all.catalogue;

	(void)err;
	for (int kind = 0; kind < CAT_KIND_COUNT; kind++)
		for (size_t i = 0; i < cat->kinds[kind].items.count; i++)
			catalogue_add(&present->catalogue, (enum catalogue_kind)kind,
				      &cat->kinds[kind].items.items[i]);
	present->catalogue.home = cat->home;
	return 0;
}

/* What a run asks for: members of named queues alone, grants in named divisions alone. */
struct filter {
	bool *queues, *divisions; /* by catalogue index */
	bool everywhere;
	struct map ids, names;    /* of whom; counted only when `some` */
	bool some;
};

static void filter_init(struct filter *f, const struct catalogue *cat,
			const struct tenant_need *need, struct arena *mem)
{
	const struct tenant_whom *whom = need->whom;

	*f = (struct filter){ .some = whom != NULL };
	f->queues = arena_array(mem, cat->kinds[CAT_QUEUE].items.count + 1, sizeof(bool));
	f->divisions = arena_array(mem, cat->kinds[CAT_DIVISION].items.count + 1, sizeof(bool));
	for (unsigned i = 0; i < need->queue_count; i++)
		f->queues[need->queues[i]] = true;
	for (unsigned i = 0; i < need->grant_division_count; i++)
		if (need->grant_divisions[i] == ITEM_ALL)
			f->everywhere = true;
		else
			f->divisions[need->grant_divisions[i]] = true;
	for (size_t i = 0; i < need->account_count; i++)
		map_set(&f->ids, slice_str(need->account_ids[i]), 1);
	for (size_t i = 0; whom && i < whom->user_name_count; i++) {
		char *lower = arena_strdup(mem, whom->user_names[i]);

		text_lower(lower, strlen(lower));
		map_set(&f->names, slice_str(lower), 1);
	}
}

static void filter_release(struct filter *f)
{
	map_release(&f->ids);
	map_release(&f->names);
}

static bool asked_for(const struct filter *f, const struct account *account)
{
	const char *name = account_text(account, SCIM_ATTR_USER_NAME);
	char lower[SCIM_VALUE_BYTES_MAX + 1];
	size_t len;

	if (!f->some || map_get(&f->ids, slice_str(account->id), NULL))
		return true;
	len = name ? strlen(name) : 0;
	if (!len || len >= sizeof(lower))
		return false;
	memcpy(lower, name, len);
	text_lower(lower, len);
	return map_get(&f->names, slice_of(lower, len), NULL);
}

static bool held_shown(const struct filter *f, const struct held *held)
{
	if (held->kind == ASSIGN_QUEUE)
		return f->queues[held->item];
	if (held->kind != ASSIGN_ROLE)
		return true;
	/* Grants in all divisions are listed under each. */
	if (held->division == ITEM_ALL)
		return f->everywhere;
	return f->divisions[held->division];
}

static void show(struct present *present, const struct filter *f, const struct account *from)
{
	struct account account = *from;
	struct held *held = arena_array(&present->mem, account.held_count + 1, sizeof(*held));

	account.external_id = NULL;
	account.external_id_known = false;
	account.held_count = 0;
	for (unsigned i = 0; i < from->held_count; i++)
		if (held_shown(f, &from->held[i]))
			held[account.held_count++] = from->held[i];
	account.held = held;
	present_add(present, &account);
}

static int read_accounts(struct tenant *tenant, const struct tenant_need *need,
			 struct present *present, struct err *err)
{
	static const enum account_state order[] = { ACCOUNT_ACTIVE, ACCOUNT_INACTIVE };
	const struct offline *o = (const struct offline *)tenant;
	struct filter filter;

	(void)err;
	filter_init(&filter, &o->all.catalogue, need, &present->mem);
	for (size_t s = 0; s < sizeof(order) / sizeof(order[0]); s++)
		for (size_t i = 0; i < o->all.accounts.count; i++) {
			const struct account *account = &o->all.accounts.items[i];

			if (account->state == order[s] && asked_for(&filter, account))
				show(present, &filter, account);
		}
	filter_release(&filter);
	if (!o->all.verdict.complete)
		verdict_merge(&present->verdict, &o->all.verdict);
	return 0;
}

static void show_external_id(const struct offline *o, struct account *account)
{
	uint64_t at;

	if (account->state == ACCOUNT_DELETED ||
	    !map_get(&o->all.by_id, slice_str(account->id), &at))
		return;
	account->external_id = o->all.accounts.items[at].external_id;
	account->external_id_known = true;
}

static int read_external_ids(struct tenant *tenant, struct present *present,
			     const uint32_t *accounts, unsigned count, struct err *err)
{
	const struct offline *o = (const struct offline *)tenant;

	(void)err;
	for (unsigned i = 0; i < count; i++)
		show_external_id(o, &present->accounts.items[accounts[i]]);
	for (size_t i = 0; !count && i < present->accounts.count; i++)
		show_external_id(o, &present->accounts.items[i]);
	return 0;
}

static int read_deleted(struct tenant *tenant, const char *const *user_names, size_t count,
			struct present *present, struct err *err)
{
	const struct offline *o = (const struct offline *)tenant;

	(void)user_names;
	(void)count;
	(void)err;
	for (size_t i = 0; i < o->all.accounts.count; i++)
		if (o->all.accounts.items[i].state == ACCOUNT_DELETED &&
		    !map_get(&present->by_id, slice_str(o->all.accounts.items[i].id), NULL))
			present_add(present, &o->all.accounts.items[i]);
	present->deleted_read = true;
	return 0;
}

static void make_calls(struct tenant *tenant, const struct plan *plan, unsigned wave,
		       const unsigned char *blocked, struct arena *mem, struct calls *calls)
{
	if (((const struct offline *)tenant)->genesys)
		calls_make(plan, wave, blocked, mem, calls);
}

static int refuse_send(struct tenant *tenant, const struct plan *plan, struct call *calls,
		       size_t count,
		       int (*before)(void *ctx, struct call **batch, size_t n, struct err *err),
		       tenant_call_fn *done, void *ctx, volatile bool *stop, struct err *err)
{
	(void)tenant, (void)plan, (void)calls, (void)count;
	(void)before, (void)done, (void)ctx, (void)stop;
	return no_write(err);
}

static int refuse_settle(struct tenant *tenant, const struct plan *plan,
			 const uint32_t *steps, size_t count, bool *confirmed, struct err *err)
{
	(void)tenant, (void)plan, (void)steps, (void)count, (void)confirmed;
	return no_write(err);
}

static double budget(const struct tenant *tenant)
{
	return ((const struct offline *)tenant)->budget;
}

static void counters(const struct tenant *tenant, uint64_t by_op[API_OP_COUNT],
		     uint64_t *ret_429)
{
	(void)tenant;
	memset(by_op, 0, API_OP_COUNT * sizeof(*by_op));
	*ret_429 = 0;
}

static void offline_free(struct tenant *tenant)
{
	struct offline *o = (struct offline *)tenant;

	present_release(&o->all);
	mem_free(o);
}

static const struct tenant_ops ops = {
	.kind = "snapshot",
	.read_catalogue = read_catalogue,
	.read_accounts = read_accounts,
	.read_external_ids = read_external_ids,
	.read_deleted = read_deleted,
	.make_calls = make_calls,
	.send = refuse_send,
	.settle = refuse_settle,
	.budget = budget,
	.counters = counters,
	.free = offline_free,
};

int tenant_file_open(const struct config *config, const char *path,
		     const struct verdict *verdict, struct tenant **ret_tenant,
		     struct err *err)
{
	struct tenant_file_names names = { config->privileged_roles.items,
					   config->privileged_roles.count };
	struct offline *o = mem_zalloc(sizeof(*o));

	o->base.ops = &ops;
	o->genesys = config->target.kind == TARGET_GENESYS;
	o->budget = config->target.rate_per_minute * (config->target.share_percent / 100.0);
	present_init(&o->all);
	if (tenant_file_read(path, &names, &o->all, err)) {
		offline_free(&o->base);
		return -1;
	}
	/* What was counted here is counted again as it is handed out. */
	o->all.verdict.count = 0;
	if (verdict)
		verdict_merge(&o->all.verdict, verdict);
	*ret_tenant = &o->base;
	return 0;
}
