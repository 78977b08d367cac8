/*
 * tests/tools/gen_tenant.c - a sample tenant as tenant.jsonl (see bridge/sandbox/load.c),
 * the same for the same arguments.
 *
 * Besides the catalogues: `--foreign` accounts of others, which no directory knows and the
 * first two of which are administrators, and `--users` accounts that carry an external id,
 * for benchmarks. Every person's data follow from the number alone, so any size fits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/clock.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PEOPLE_MAX 1000000ul

static const char *const cities[] = { "Berlin", "Lisbon", "Osaka", "Cairo", "Toronto" };
static const struct {
	const char *name, *permissions[4];
} roles[] = {
	{ "employee", { "directory:user:view" } },
	{ "Agent", { "routing:queue:view", "conversation:call:accept" } },
	{ "Supervisor", { "routing:queue:edit", "routing:skill:assign", "quality:evaluation:view" } },
	{ "Communicate - User", { "telephony:phone:use" } },
	{ "Master Admin", { "*:*:*" } },
};
enum { ROLE_EMPLOYEE, ROLE_AGENT, ROLE_ADMIN = 4 };
static const char *const skills[] = { "Billing", "Refunds", "Sales", "Support", "Tech" };
static const char *const languages[] = { "English",  "German", "French",    "Spanish",
					 "Japanese", "Arabic", "Portuguese" };
static const char *const groups[] = { "Everyone", "Supervisors", "Part time",
				      "Reachable by phone" };
static const char *const given[] = { "Ada", "Björn", "Chiara", "Dmitri", "Eleni", "Fatima",
				     "Grace", "Hiro", "Inês", "Jürgen", "Kaito", "Zoë" };
static const char *const family[] = { "Ødegård", "Nakamura", "Kowalska", "Haddad", "Silva",
				      "Papadaki", "Lindqvist", "Moreau", "Okafor", "Byrne" };

enum idspace { ID_DIVISION = 1, ID_ROLE, ID_SKILL, ID_LANGUAGE, ID_GROUP, ID_QUEUE, ID_USER };

struct settings {
	unsigned long seed, foreign, users;
};

struct writer {
	const struct settings *settings;
	struct buf buf;
	struct json_out out;
};

struct id {
	char text[37];
};

static struct id make_id(const struct settings *s, enum idspace space, unsigned long n)
{
	struct rng rng;
	struct id id = { "" };

	rng_seed(&rng, (s->seed * 16 + space) * 16777619u + n);
	rng_uuid(&rng, id.text);
	return id;
}

static unsigned long pick(const struct settings *s, unsigned long person, unsigned what,
			  unsigned long bound)
{
	struct rng rng;

	rng_seed(&rng, (s->seed * 1000003u + person) * 64 + what);
	return (unsigned long)rng_below(&rng, bound);
}

static void begin(struct writer *w, const char *kind)
{
	buf_clear(&w->buf);
	json_out_init(&w->out, &w->buf);
	json_out_object(&w->out);
	json_out_member(&w->out, "kind", kind);
}

static void end(struct writer *w)
{
	json_out_object_end(&w->out);
	fwrite(w->buf.data, 1, w->buf.len, stdout);
	putchar('\n');
}

static void put_id(struct writer *w, const char *key, enum idspace space, unsigned long n)
{
	struct id id = make_id(w->settings, space, n);

	json_out_member(&w->out, key, id.text);
}

static void begin_named(struct writer *w, const char *kind, enum idspace space,
			unsigned long n, const char *prefix, const char *name)
{
	char text[64];

	begin(w, kind);
	put_id(w, "id", space, n);
	snprintf(text, sizeof(text), "%s%s", prefix, name);
	json_out_member(&w->out, "name", text);
}

static void put_list(struct writer *w, const char *kind, enum idspace space,
		     const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		begin_named(w, kind, space, i, "", names[i]);
		end(w);
	}
}

/* ---- what a person has ---- */

static unsigned long people(const struct settings *s)
{
	return s->foreign + s->users;
}

static bool is_foreign(const struct settings *s, unsigned long n)
{
	return n < s->foreign;
}

/* Group 0 is everyone's, the last ones are the cities'. */
static bool in_group(const struct settings *s, unsigned long n, size_t group)
{
	if (!is_foreign(s, n))
		return false;
	if (group >= COUNT(groups))
		return pick(s, n, 0, COUNT(cities)) == group - COUNT(groups);
	return group == 0 || pick(s, n, 10 + (unsigned)group, 4) == 0;
}

static bool in_queue(const struct settings *s, unsigned long n, size_t queue)
{
	if (!is_foreign(s, n))
		return false;
	if (queue >= COUNT(skills))
		return pick(s, n, 0, COUNT(cities)) == queue - COUNT(skills);
	return pick(s, n, 1, COUNT(skills)) == queue;
}

static void put_members(struct writer *w, size_t thing,
			bool (*in)(const struct settings *, unsigned long, size_t))
{
	json_out_key(&w->out, "members");
	json_out_array(&w->out);
	for (unsigned long n = 0; n < people(w->settings); n++)
		if (in(w->settings, n, thing)) {
			struct id id = make_id(w->settings, ID_USER, n);

			json_out_text(&w->out, id.text);
		}
	json_out_array_end(&w->out);
}

static void put_levels(struct writer *w, const char *key, enum idspace space,
		       unsigned long first, unsigned long count, unsigned long n)
{
	json_out_key(&w->out, key);
	json_out_array(&w->out);
	for (unsigned i = 0; i < 2; i++) {
		json_out_object(&w->out);
		put_id(w, "id", space, (first + i) % count);
		json_out_key(&w->out, "proficiency");
		json_out_double(&w->out, 1 + (double)pick(w->settings, n, 40 + i, 5));
		json_out_object_end(&w->out);
	}
	json_out_array_end(&w->out);
}

static void put_pair(struct writer *w, const char *key, const char *value)
{
	json_out_key(&w->out, key);
	json_out_array(&w->out);
	json_out_object(&w->out);
	json_out_member(&w->out, "type", "work");
	json_out_member(&w->out, "value", value);
	json_out_object_end(&w->out);
	json_out_array_end(&w->out);
}

static void put_user(struct writer *w, unsigned long n)
{
	const struct settings *s = w->settings;
	const char *city = cities[pick(s, n, 0, COUNT(cities))];
	const char *domain = is_foreign(s, n) ? "partner.example.org" : "agents.example.net";
	char text[96];

	begin(w, "user");
	put_id(w, "id", ID_USER, n);
	snprintf(text, sizeof(text), "%s %s", given[pick(s, n, 2, COUNT(given))],
		 family[pick(s, n, 3, COUNT(family))]);
	json_out_member(&w->out, "name", text);
	snprintf(text, sizeof(text), "person%lu@%s", n + 1, domain);
	json_out_member(&w->out, "email", text);
	json_out_member(&w->out, "state", "active");
	json_out_member_int(&w->out, "version", 1 + (int64_t)pick(s, n, 4, 9));
	put_id(w, "division", ID_DIVISION, 1 + pick(s, n, 0, COUNT(cities)));
	json_out_member(&w->out, "title", n < 2 && is_foreign(s, n) ? "Administrator" :
								      "Agent");
	json_out_member(&w->out, "department", city);
	snprintf(text, sizeof(text), "%lu", 900000 + n);
	json_out_member(&w->out, "employeeNumber", text);
	snprintf(text, sizeof(text), "mail%lu@%s", n + 1, domain);
	put_pair(w, "emails", text);
	snprintf(text, sizeof(text), "+4930%07lu", n);
	put_pair(w, "phones", text);
	if (!is_foreign(s, n)) {
		snprintf(text, sizeof(text), "sample-%lu", n);
		json_out_member(&w->out, "externalId", text);
	}
	put_levels(w, "skills", ID_SKILL, pick(s, n, 1, COUNT(skills)), COUNT(skills), n);
	put_levels(w, "languages", ID_LANGUAGE, pick(s, n, 5, COUNT(languages)),
		   COUNT(languages), n);
	end(w);
}

static void put_grant(struct writer *w, unsigned long n, unsigned long role, long division)
{
	begin(w, "grant");
	put_id(w, "subject", ID_USER, n);
	put_id(w, "role", ID_ROLE, role);
	if (division < 0)
		json_out_member(&w->out, "division", "*");
	else
		put_id(w, "division", ID_DIVISION, (unsigned long)division);
	end(w);
}

/* ---- the whole ---- */

static void put_divisions_and_roles(struct writer *w)
{
	begin_named(w, "division", ID_DIVISION, 0, "", "Home");
	json_out_key(&w->out, "home");
	json_out_bool(&w->out, true);
	end(w);
	for (size_t i = 0; i < COUNT(cities); i++) {
		begin_named(w, "division", ID_DIVISION, i + 1, "Site ", cities[i]);
		json_out_key(&w->out, "home");
		json_out_bool(&w->out, false);
		end(w);
	}
	for (size_t i = 0; i < COUNT(roles); i++) {
		begin_named(w, "role", ID_ROLE, i, "", roles[i].name);
		json_out_key(&w->out, "permissions");
		json_out_array(&w->out);
		for (size_t p = 0; p < 4 && roles[i].permissions[p]; p++)
			json_out_text(&w->out, roles[i].permissions[p]);
		json_out_array_end(&w->out);
		end(w);
	}
}

static void put_groups_and_queues(struct writer *w)
{
	for (size_t i = 0; i < COUNT(groups) + COUNT(cities); i++) {
		bool team = i >= COUNT(groups);

		begin_named(w, "group", ID_GROUP, i, team ? "Team " : "",
			    team ? cities[i - COUNT(groups)] : groups[i]);
		json_out_member_int(&w->out, "version", 1);
		put_members(w, i, in_group);
		end(w);
	}
	for (size_t i = 0; i < COUNT(skills) + COUNT(cities); i++) {
		bool local = i >= COUNT(skills);

		begin_named(w, "queue", ID_QUEUE, i, local ? "Queue " : "",
			    local ? cities[i - COUNT(skills)] : skills[i]);
		put_id(w, "division", ID_DIVISION, local ? i - COUNT(skills) + 1 : 0);
		put_members(w, i, in_queue);
		end(w);
	}
}

static void put_people(struct writer *w)
{
	const struct settings *s = w->settings;

	for (unsigned long n = 0; n < people(s); n++)
		put_user(w, n);
	for (unsigned long n = 0; n < people(s); n++) {
		put_grant(w, n, ROLE_EMPLOYEE, 0);
		put_grant(w, n, ROLE_AGENT, 1 + (long)pick(s, n, 0, COUNT(cities)));
		if (n < 2 && is_foreign(s, n))
			put_grant(w, n, ROLE_ADMIN, -1);
	}
}

static int parse(int argc, char **argv, struct settings *s)
{
	for (int i = 1; i < argc; i += 2) {
		unsigned long *to = !strcmp(argv[i], "--seed")	    ? &s->seed :
				    !strcmp(argv[i], "--foreign") ? &s->foreign :
				    !strcmp(argv[i], "--users")	    ? &s->users :
								      NULL;
		char *rest = NULL;

		if (!to || i + 1 == argc || argv[i + 1][0] < '0' || argv[i + 1][0] > '9')
			return -1;
		*to = strtoul(argv[i + 1], &rest, 10);
		if (*rest || *to > PEOPLE_MAX)
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct settings settings = { .seed = 1, .foreign = 20 };
	struct writer w = { .settings = &settings };

	if (parse(argc, argv, &settings)) {
		fprintf(stderr, "usage: gen_tenant [--seed N] [--foreign N] [--users N]\n");
		return 2;
	}
	buf_init(&w.buf, 1u << 30);
	put_divisions_and_roles(&w);
	put_list(&w, "skill", ID_SKILL, skills, COUNT(skills));
	put_list(&w, "language", ID_LANGUAGE, languages, COUNT(languages));
	put_groups_and_queues(&w);
	put_people(&w);
	begin(&w, "client");
	json_out_member(&w.out, "id", "dirbridge-demo");
	json_out_member(&w.out, "secret", "demo-secret");
	json_out_member(&w.out, "name", "dirbridge");
	end(&w);
	buf_release(&w.buf);
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
