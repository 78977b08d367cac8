#include <string.h>

#include "bridge/cli/check.h"
#include "bridge/tenant/access.h"
#include "mappings/rules_uses.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

#define REPORT_BYTES_MAX ((size_t)16 << 20)

static unsigned long count_problems(const struct run *run)
{
	unsigned long people = 0;

	for (size_t i = 0; i < run->records.count; i++)
		people += record_frozen(run->records.items[i]);
	return people;
}

/* --- text -------------------------------------------------------------------------------- */

static void print_verdict(const char *what, const struct verdict *verdict)
{
	printf("%s: %s\n", what, verdict->complete ? "read completely" : "NOT read completely");
	for (size_t i = 0; i < verdict->reason_count && i < VERDICT_REASONS_MAX; i++)
		printf("  %s\n", verdict->reasons[i]);
}

static void print_online(const struct check_report *report)
{
	const struct run *run = report->run;
	unsigned long frozen = count_problems(run);

	print_verdict("directory", &run->people);
	printf("  %zu people in scope, %lu entries that no rule takes\n", run->records.count,
	       run->out_of_scope);
	if (frozen)
		printf("  %lu of them can not be decided; plan names them\n", frozen);
	if (!run->tenant)
		return;
	print_verdict("tenant", &run->present.verdict);
	for (int kind = 0; kind < CAT_KIND_COUNT; kind++)
		printf("  %zu %ss", run->present.catalogue.kinds[kind].items.count,
		       catalogue_kind_name((enum catalogue_kind)kind));
	printf("\n");
	if (report->named)
		printf("  every name in the rules is there\n");
}

void check_report_text(const struct check_report *report)
{
	const struct findings *findings = report->findings;

	if (report->online)
		print_online(report);
	for (size_t i = 0; i < findings->items.count; i++) {
		const struct finding *finding = &findings->items.items[i];

		printf("  %-8s %s: %s\n", finding_level_name(finding->level), finding->what,
		       finding->text);
		if (finding->way)
			printf("  %-8s -> %s\n", "", finding->way);
	}
	if (findings->more)
		printf("  and %zu more\n", findings->more);
}

/* --- JSON -------------------------------------------------------------------------------- */

static void put_verdict(struct json_out *out, const struct verdict *verdict)
{
	json_out_key(out, "complete");
	json_out_bool(out, verdict->complete);
	json_out_key(out, "reasons");
	json_out_array(out);
	for (size_t i = 0; i < verdict->reason_count && i < VERDICT_REASONS_MAX; i++)
		json_out_text(out, verdict->reasons[i]);
	json_out_array_end(out);
}

static void put_online(struct json_out *out, const struct check_report *report)
{
	const struct run *run = report->run;

	json_out_key(out, "directory");
	json_out_object(out);
	put_verdict(out, &run->people);
	json_out_member_int(out, "people", (int64_t)run->records.count);
	json_out_member_int(out, "outOfScope", (int64_t)run->out_of_scope);
	json_out_member_int(out, "undecided", (int64_t)count_problems(run));
	json_out_object_end(out);
	if (!run->tenant)
		return;
	json_out_key(out, "tenant");
	json_out_object(out);
	put_verdict(out, &run->present.verdict);
	json_out_key(out, "named");
	json_out_bool(out, report->named);
	json_out_key(out, "catalogue");
	json_out_object(out);
	for (int kind = 0; kind < CAT_KIND_COUNT; kind++)
		json_out_member_int(out, catalogue_kind_name((enum catalogue_kind)kind),
				    (int64_t)run->present.catalogue.kinds[kind].items.count);
	json_out_object_end(out);
	json_out_object_end(out);
}

static void put_findings(struct json_out *out, const struct findings *findings)
{
	json_out_key(out, "findings");
	json_out_array(out);
	for (size_t i = 0; i < findings->items.count; i++) {
		const struct finding *finding = &findings->items.items[i];

		json_out_object(out);
		json_out_member(out, "level", finding_level_name(finding->level));
		json_out_member(out, "what", finding->what);
		json_out_member(out, "text", finding->text);
		if (finding->way)
			json_out_member(out, "way", finding->way);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	if (findings->more)
		json_out_member_int(out, "more", (int64_t)findings->more);
}

void check_report_json(const struct check_report *report)
{
	struct json_out out;
	struct buf text;

	buf_init(&text, REPORT_BYTES_MAX);
	json_out_init(&out, &text);
	json_out_object(&out);
	json_out_member(&out, "schema", "dirbridge.check/1");
	json_out_key(&out, "ok");
	json_out_bool(&out, report->code == EXIT_DONE);
	if (report->online)
		put_online(&out, report);
	put_findings(&out, report->findings);
	json_out_object_end(&out);
	puts(text.data);
	buf_release(&text);
}

/* --- permissions ------------------------------------------------------------------------- */

static const char *const where_words[] = {
	[ACCESS_ANYWHERE] = "any division",
	[ACCESS_PEOPLE] = "each division with people",
	[ACCESS_GRANTS] = "each division with role grants",
};
static const char *const where_names[] = {
	[ACCESS_ANYWHERE] = "any",
	[ACCESS_PEOPLE] = "people",
	[ACCESS_GRANTS] = "grants",
};

static const char *wanted(const struct access_need *need)
{
	if (*need->permission)
		return need->permission;
	return need->advice ? need->advice : "";
}

static void print_need(const struct access_need *needs, size_t count, size_t at)
{
	const char *permission = wanted(&needs[at]);

	for (size_t i = 0; i < at; i++)
		if (!strcmp(wanted(&needs[i]), permission) && needs[i].where == needs[at].where)
			return;
	printf("%s\n  in %s, for:\n", permission, where_words[needs[at].where]);
	for (size_t i = at; i < count; i++)
		if (!strcmp(wanted(&needs[i]), permission) && needs[i].where == needs[at].where)
			printf("    %-40s %s %s%s\n", api_words(needs[i].op),
			       api_op(needs[i].op)->method, api_op(needs[i].op)->path,
			       *needs[i].permission ? "" : " (advised; the contract names none)");
}

static void print_needs(const struct access_need *needs, size_t count)
{
	printf("The OAuth client (grant type Client Credentials) needs a role, or roles, with\n"
	       "these permissions; | is any of, \",\" is all of.\n\n");
	for (size_t i = 0; i < count; i++)
		if (*wanted(&needs[i]))
			print_need(needs, count, i);
	printf("oauth:client:view\n  to be told of other SCIM clients, changes and expiry; "
	       "check --online alone uses it\n");
}

static void put_needs(const struct access_need *needs, size_t count)
{
	struct json_out out;
	struct buf text;

	buf_init(&text, REPORT_BYTES_MAX);
	json_out_init(&out, &text);
	json_out_object(&out);
	json_out_member(&out, "schema", "dirbridge.permissions/1");
	json_out_key(&out, "needs");
	json_out_array(&out);
	for (size_t i = 0; i < count; i++) {
		const struct api_op_row *row = api_op(needs[i].op);

		json_out_object(&out);
		json_out_member(&out, "operation", row->name);
		json_out_member(&out, "method", row->method);
		json_out_member(&out, "path", row->path);
		json_out_member(&out, "for", api_words(needs[i].op));
		json_out_member(&out, "permission", needs[i].permission);
		if (!*needs[i].permission && needs[i].advice)
			json_out_member(&out, "advised", needs[i].advice);
		json_out_member(&out, "divisions", where_names[needs[i].where]);
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	puts(text.data);
	buf_release(&text);
}

enum exit_code check_permissions(const struct run *run, bool json)
{
	struct rules_uses uses = rules_uses(run->rules);
	struct access_use use = { uses.kinds, uses.attrs, true };
	struct access_need needs[API_OP_COUNT];
	bool genesys = run->config->target.kind == TARGET_GENESYS;
	size_t count = genesys ? access_needs(&use, needs) : 0;

	if (!genesys && !json)
		printf("%s names no permissions: whoever logs in must be let read and write users "
		       "and groups\n", target_row(run->config->target.kind)->words);
	else if (json)
		put_needs(needs, count);
	else
		print_needs(needs, count);
	return EXIT_DONE;
}
