/*
 * tests/tools/gen_directory.c - a sample company as LDIF, the same for the same arguments.
 *
 * People with 16 attributes in an OU per city, names in several scripts with plain ASCII
 * mail addresses; nested groups: cc-agents holds a group per site, each site its teams, each
 * team its people; --nest adds a tree of so many groups, and cc-half. Written as it is made,
 * so any size fits.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/base/clock.h"
#include "scim/base/mem.h"
#include "scim/base/text.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

struct name {
	const char *shown, *latin;
};
struct site {
	const char *city, *region, *phone;
};

static const struct site sites[] = {
	{ "Berlin", "Brandenburg", "+4930" }, { "Lisbon", "Lisboa", "+35121" },
	{ "Osaka", "Kansai", "+816" },	      { "Cairo", "Cairo", "+202" },
	{ "Toronto", "Ontario", "+1416" },
};
#define SITES (sizeof(sites) / sizeof(sites[0]))

/* Given names and surnames go together by script. */
static const struct name given[][8] = {
	{ { "Anna", "anna" }, { "Jürgen", "juergen" }, { "Zoë", "zoe" }, { "Björn", "bjoern" },
	  { "Małgorzata", "malgorzata" }, { "Paul", "paul" }, { "Inês", "ines" },
	  { "Žofie", "zofie" } },
	{ { "Ελένη", "eleni" }, { "Γιώργος", "giorgos" }, { "Μαρία", "maria" },
	  { "Νίκος", "nikos" }, { "Σοφία", "sofia" }, { "Κώστας", "kostas" },
	  { "Δήμητρα", "dimitra" }, { "Άγγελος", "angelos" } },
	{ { "Ольга", "olga" }, { "Дмитрий", "dmitri" }, { "Наталья", "natalya" },
	  { "Сергей", "sergei" }, { "Юлия", "yulia" }, { "Павел", "pavel" },
	  { "Татьяна", "tatyana" }, { "Игорь", "igor" } },
	{ { "فاطمة", "fatima" }, { "أحمد", "ahmed" }, { "ليلى", "layla" }, { "يوسف", "yusuf" },
	  { "مريم", "maryam" }, { "خالد", "khaled" }, { "نور", "nour" }, { "عمر", "omar" } },
	{ { "花子", "hanako" }, { "太郎", "taro" }, { "美咲", "misaki" }, { "健", "ken" },
	  { "さくら", "sakura" }, { "翔太", "shota" }, { "陽菜", "hina" }, { "蓮", "ren" } },
	{ { "प्रिया", "priya" }, { "अर्जुन", "arjun" }, { "दीपा", "deepa" }, { "राहुल", "rahul" },
	  { "अनिता", "anita" }, { "विजय", "vijay" }, { "मीरा", "meera" }, { "संजय", "sanjay" } },
	{ { "Grace", "grace" }, { "Liam", "liam" }, { "Aoife", "aoife" }, { "Noah", "noah" },
	  { "Siân", "sian" }, { "Owen", "owen" }, { "Chloé", "chloe" }, { "Étienne", "etienne" } },
};
static const struct name family[][8] = {
	{ { "Müller", "mueller" }, { "Schäfer", "schaefer" }, { "Nowak", "nowak" },
	  { "Sørensen", "soerensen" }, { "Novák", "novak" }, { "Gonçalves", "goncalves" },
	  { "Weiß", "weiss" }, { "Åkesson", "akesson" } },
	{ { "Παπαδόπουλος", "papadopoulos" }, { "Νικολάου", "nikolaou" },
	  { "Γεωργίου", "georgiou" }, { "Ιωάννου", "ioannou" }, { "Αντωνίου", "antoniou" },
	  { "Χατζής", "chatzis" }, { "Βλάχος", "vlachos" }, { "Μάρκου", "markou" } },
	{ { "Иванова", "ivanova" }, { "Смирнов", "smirnov" }, { "Кузнецова", "kuznetsova" },
	  { "Попов", "popov" }, { "Волкова", "volkova" }, { "Соколов", "sokolov" },
	  { "Лебедева", "lebedeva" }, { "Козлов", "kozlov" } },
	{ { "حسن", "hassan" }, { "علي", "ali" }, { "محمود", "mahmoud" }, { "إبراهيم", "ibrahim" },
	  { "سعيد", "said" }, { "منصور", "mansour" }, { "الشامي", "elshamy" }, { "فارس", "fares" } },
	{ { "佐藤", "sato" }, { "鈴木", "suzuki" }, { "高橋", "takahashi" }, { "田中", "tanaka" },
	  { "渡辺", "watanabe" }, { "伊藤", "ito" }, { "山本", "yamamoto" }, { "中村", "nakamura" } },
	{ { "शर्मा", "sharma" }, { "पटेल", "patel" }, { "सिंह", "singh" }, { "गुप्ता", "gupta" },
	  { "वर्मा", "verma" }, { "राव", "rao" }, { "मेहता", "mehta" }, { "जोशी", "joshi" } },
	{ { "O'Connor", "oconnor" }, { "MacLeod", "macleod" }, { "Tremblay", "tremblay" },
	  { "Byrne", "byrne" }, { "Hughes", "hughes" }, { "Lévesque", "levesque" },
	  { "Walker", "walker" }, { "Fortin", "fortin" } },
};
#define SCRIPTS (sizeof(given) / sizeof(given[0]))

static const char *const titles[] = { "Agent, Billing", "Agent, Refunds", "Agent, Sales",
				      "Agent, Support", "Agent, Technical help" };
static const char *const skill_groups[] = { "cc-billing", "cc-refunds", "cc-sales",
					    "cc-support", "cc-tech" };
static const char *const departments[] = { "110 Billing", "120 Refunds", "210 Sales",
					   "220 Support", "230 Tech" };
#define SKILLS (sizeof(titles) / sizeof(titles[0]))
static const char *const language_groups[] = { "cc-english", "cc-german", "cc-french",
					       "cc-spanish", "cc-japanese", "cc-arabic",
					       "cc-portuguese" };
static const char *const language_codes[] = { "en", "de", "fr", "es", "ja", "ar", "pt" };
#define LANGUAGES (sizeof(language_groups) / sizeof(language_groups[0]))
/* Groups that are always there, besides teams: agents, supervisors, part time. */
#define PEOPLE_GROUPS (2 + SKILLS + LANGUAGES)
#define FIXED_GROUPS (1 + SITES + PEOPLE_GROUPS)

/* What groups need of a person. */
struct brief {
	unsigned long team;
	unsigned groups; /* bit per group of people */
};

struct options {
	unsigned long people, groups, seed, teams, nest;
	const char *base;
	struct brief *briefs; /* by person */
};

/* What a person is, worked out from the number alone. */
struct person {
	unsigned long n;
	const struct name *given, *family;
	const struct site *site;
	unsigned site_index, skill, second_skill, language;
	unsigned long team;
	bool supervisor, part_time, has_second_skill, english;
	char uid[80], id[37];
};

static void make_person(const struct options *o, unsigned long n, struct person *ret)
{
	struct rng rng;
	unsigned script;

	rng_seed(&rng, o->seed * 1000003u + n);
	script = (unsigned)rng_below(&rng, SCRIPTS);
	memset(ret, 0, sizeof(*ret));
	ret->n = n;
	ret->given = &given[script][rng_below(&rng, 8)];
	ret->family = &family[script][rng_below(&rng, 8)];
	ret->site_index = (unsigned)rng_below(&rng, SITES);
	ret->site = &sites[ret->site_index];
	ret->skill = (unsigned)rng_below(&rng, SKILLS);
	ret->second_skill = (unsigned)((ret->skill + 1 + rng_below(&rng, SKILLS - 1)) % SKILLS);
	ret->has_second_skill = rng_below(&rng, 3) == 0;
	ret->language = (unsigned)rng_below(&rng, LANGUAGES);
	ret->english = rng_below(&rng, 2) == 0;
	ret->supervisor = n % 12 == 0;
	ret->part_time = rng_below(&rng, 5) == 0;
	/* A team is of one site: team t belongs to site t % SITES. */
	ret->team = o->teams >= SITES
			    ? ret->site_index + SITES * rng_below(&rng, (o->teams - ret->site_index +
									 SITES - 1) / SITES)
			    : 0;
	rng_uuid(&rng, ret->id);
	snprintf(ret->uid, sizeof(ret->uid), "%s.%s%lu", ret->given->latin, ret->family->latin, n);
}

/* "name: value", or base64 where RFC 2849 wants it. */
static void put(const char *name, const char *value)
{
	size_t len = strlen(value);
	bool safe = value[0] != ' ' && value[0] != ':' && value[0] != '<';
	char coded[1024];

	for (size_t i = 0; i < len; i++)
		safe &= (unsigned char)value[i] >= 32 && (unsigned char)value[i] < 127;
	if (safe) {
		printf("%s: %s\n", name, value);
		return;
	}
	if (base64_encoded_size(len) >= sizeof(coded))
		exit(1);
	printf("%s:: %.*s\n", name, (int)base64_encode(value, len, coded), coded);
}

static void put_dn(const struct options *o, const struct person *p, const char *name)
{
	printf("%s: uid=%s,ou=%s,ou=people,%s\n", name, p->uid, p->site->city, o->base);
}

static bool is_in(const struct person *p, unsigned group)
{
	if (group == 0)
		return p->supervisor;
	if (group == 1)
		return p->part_time;
	group -= 2;
	if (group < SKILLS)
		return p->skill == group || (p->has_second_skill && p->second_skill == group);
	group -= SKILLS;
	return p->language == group || (group == 0 && p->english);
}

static void put_person(const struct options *o, unsigned long n)
{
	struct person p, boss;
	char text[256];

	make_person(o, n, &p);
	put_dn(o, &p, "dn");
	printf("objectClass: inetOrgPerson\n");
	put("uid", p.uid);
	snprintf(text, sizeof(text), "%s %s", p.given->shown, p.family->shown);
	put("cn", text);
	put("displayName", text);
	put("givenName", p.given->shown);
	put("sn", p.family->shown);
	printf("mail: %s@example.org\n", p.uid);
	printf("telephoneNumber: %s%07lu\n", p.site->phone, 1000000 + n);
	if (n % 3 == 0)
		printf("mobile: +4917%08lu\n", 10000000 + n);
	put("title", p.supervisor ? "Supervisor" : titles[p.skill]);
	put("departmentNumber", departments[p.skill]);
	put("l", p.site->city);
	put("st", p.site->region);
	printf("employeeNumber: %06lu\n", 100000 + n);
	printf("employeeType: %s\n", p.part_time ? "PT" : "FT");
	put("preferredLanguage", language_codes[p.language]);
	if (n >= 12) {
		make_person(o, n - n % 12, &boss);
		put_dn(o, &boss, "manager");
	}
	printf("entryUUID: %s\n\n", p.id);
	o->briefs[n].team = p.team;
	for (unsigned group = 0; group < PEOPLE_GROUPS; group++)
		o->briefs[n].groups |= is_in(&p, group) ? 1u << group : 0;
}

/* --- groups ------------------------------------------------------------------------------ */

static void begin_group(const struct options *o, const char *name)
{
	struct rng rng;
	char id[37];
	unsigned long sum = 7;

	for (const char *c = name; *c; c++)
		sum = sum * 131 + (unsigned char)*c;
	rng_seed(&rng, o->seed * 1000003u + sum);
	rng_uuid(&rng, id);
	printf("dn: cn=%s,ou=groups,%s\nobjectClass: groupOfNames\ncn: %s\n", name, o->base, name);
	printf("entryUUID: %s\n", id);
}

static void put_member(const struct options *o, unsigned long n)
{
	struct person p;

	make_person(o, n, &p);
	put_dn(o, &p, "member");
}

static void put_group_of_people(const struct options *o, unsigned group, const char *name)
{
	bool any = false;

	begin_group(o, name);
	for (unsigned long n = 0; n < o->people; n++) {
		if (o->briefs[n].groups & (1u << group)) {
			put_member(o, n);
			any = true;
		}
	}
	/* groupOfNames wants one (RFC 4519 3.5); the base is nobody. */
	if (!any)
		printf("member: %s\n", o->base);
	printf("\n");
}

static void put_team(const struct options *o, unsigned long team)
{
	char name[64];
	bool any = false;

	snprintf(name, sizeof(name), "cc-team-%02lu", team + 1);
	begin_group(o, name);
	for (unsigned long n = 0; n < o->people; n++) {
		if (o->briefs[n].team == team) {
			put_member(o, n);
			any = true;
		}
	}
	if (!any)
		printf("member: %s\n", o->base);
	printf("\n");
}

static void put_site(const struct options *o, unsigned site)
{
	char name[64];
	bool any = false;

	snprintf(name, sizeof(name), "cc-site-%s", sites[site].city);
	text_lower(name, strlen(name));
	begin_group(o, name);
	for (unsigned long team = site; team < o->teams; team += SITES, any = true)
		printf("member: cn=cc-team-%02lu,ou=groups,%s\n", team + 1, o->base);
	if (!any)
		printf("member: %s\n", o->base);
	printf("\n");
}

/* Four groups in each of the level above: 1,400 and more make six levels. */
#define NEST_BRANCHES 4

/* A tree of groups, its people dealt out among all of them; and one group of half of all. */
static void put_nest(const struct options *o)
{
	for (unsigned long g = 0; g < o->nest; g++) {
		char name[64];
		bool any = false;

		snprintf(name, sizeof(name), "cc-nest-%04lu", g);
		begin_group(o, name);
		for (unsigned long b = 1; b <= NEST_BRANCHES && g * NEST_BRANCHES + b < o->nest; b++) {
			printf("member: cn=cc-nest-%04lu,ou=groups,%s\n", g * NEST_BRANCHES + b,
			       o->base);
			any = true;
		}
		for (unsigned long n = g; n < o->people; n += o->nest, any = true)
			put_member(o, n);
		if (!any)
			printf("member: %s\n", o->base);
		printf("\n");
	}
	if (!o->nest)
		return;
	begin_group(o, "cc-half");
	for (unsigned long n = 0; n < o->people; n += 2)
		put_member(o, n);
	printf("\n");
}

static void put_groups(const struct options *o)
{
	begin_group(o, "cc-agents");
	for (unsigned s = 0; s < SITES; s++) {
		char name[64];

		snprintf(name, sizeof(name), "cc-site-%s", sites[s].city);
		text_lower(name, strlen(name));
		printf("member: cn=%s,ou=groups,%s\n", name, o->base);
	}
	printf("\n");
	for (unsigned s = 0; s < SITES; s++)
		put_site(o, s);
	for (unsigned long t = 0; t < o->teams; t++)
		put_team(o, t);
	put_group_of_people(o, 0, "cc-supervisors");
	put_group_of_people(o, 1, "cc-part-time");
	for (unsigned s = 0; s < SKILLS; s++)
		put_group_of_people(o, 2 + s, skill_groups[s]);
	for (unsigned l = 0; l < LANGUAGES; l++)
		put_group_of_people(o, 2 + SKILLS + l, language_groups[l]);
}

static void put_base(const struct options *o)
{
	const char *dc = strchr(o->base, '=');

	printf("dn: %s\nobjectClass: dcObject\nobjectClass: organization\n", o->base);
	printf("dc: %.*s\no: Example\n\n", (int)strcspn(dc + 1, ","), dc + 1);
	printf("dn: ou=people,%s\nobjectClass: organizationalUnit\nou: people\n\n", o->base);
	printf("dn: ou=groups,%s\nobjectClass: organizationalUnit\nou: groups\n\n", o->base);
	printf("dn: ou=services,%s\nobjectClass: organizationalUnit\nou: services\n\n", o->base);
	printf("dn: cn=dirbridge,ou=services,%s\nobjectClass: organizationalRole\n"
	       "objectClass: simpleSecurityObject\ncn: dirbridge\n"
	       "userPassword: demo-password\n\n", o->base);
	for (unsigned s = 0; s < SITES; s++)
		printf("dn: ou=%s,ou=people,%s\nobjectClass: organizationalUnit\nou: %s\n\n",
		       sites[s].city, o->base, sites[s].city);
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || !*text) {
		fprintf(stderr, "gen_directory: \"%s\" is not a number\n", text);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	struct options o = { .people = 500, .groups = 40, .seed = 1,
			     .base = "dc=example,dc=org" };

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--people") == 0)
			o.people = number(argv[i + 1]);
		else if (strcmp(argv[i], "--groups") == 0)
			o.groups = number(argv[i + 1]);
		else if (strcmp(argv[i], "--nest") == 0)
			o.nest = number(argv[i + 1]);
		else if (strcmp(argv[i], "--seed") == 0)
			o.seed = number(argv[i + 1]);
		else if (strcmp(argv[i], "--base") == 0 && strchr(argv[i + 1], '='))
			o.base = argv[i + 1];
		else
			argc = 0;
	}
	if (argc % 2 == 0) {
		fprintf(stderr, "usage: gen_directory [--people N] [--groups N] [--nest N] "
				"[--seed N] [--base DN]\n");
		return 2;
	}
	/* Everybody is in a team, so each site has at least one. */
	o.teams = o.groups > FIXED_GROUPS + SITES ? o.groups - FIXED_GROUPS : SITES;
	o.briefs = mem_array(o.people ? o.people : 1, sizeof(*o.briefs));
	put_base(&o);
	for (unsigned long n = 0; n < o.people; n++)
		put_person(&o, n);
	put_groups(&o);
	put_nest(&o);
	mem_free(o.briefs);
	return fflush(stdout) ? 1 : 0;
}
