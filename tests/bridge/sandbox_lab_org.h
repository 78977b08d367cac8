/* The small tenant with what sandbox_lab.h leaves out: teams, locations, units, plans. */
#ifndef TESTS_BRIDGE_SANDBOX_LAB_ORG_H
#define TESTS_BRIDGE_SANDBOX_LAB_ORG_H

#include "tests/bridge/sandbox_lab.h"

static const char lab_org[] =
	"{\"kind\":\"location\",\"id\":\"loc1\",\"name\":\"Berlin\"}\n"
	"{\"kind\":\"location\",\"id\":\"loc2\",\"name\":\"Osaka\"}\n"
	"{\"kind\":\"team\",\"id\":\"t1\",\"name\":\"Red\",\"division\":\"d-home\",\"members\":[\"u1\"]}\n"
	"{\"kind\":\"team\",\"id\":\"t2\",\"name\":\"Blue\",\"division\":\"d-osaka\",\"members\":[]}\n"
	"{\"kind\":\"unit\",\"id\":\"mu1\",\"name\":\"MU Berlin\",\"division\":\"d-home\","
	"\"businessUnit\":\"bu1\",\"members\":[\"u1\"]}\n"
	"{\"kind\":\"unit\",\"id\":\"mu2\",\"name\":\"MU Osaka\",\"division\":\"d-osaka\",\"members\":[]}\n"
	"{\"kind\":\"workPlan\",\"id\":\"wp1\",\"name\":\"Full time\",\"unit\":\"mu1\",\"members\":[\"u1\"]}\n"
	"{\"kind\":\"workPlan\",\"id\":\"wp2\",\"name\":\"Part time\",\"unit\":\"mu1\",\"members\":[]}\n"
	"{\"kind\":\"workPlan\",\"id\":\"wp3\",\"name\":\"Full time\",\"unit\":\"mu2\",\"members\":[]}\n"
	"{\"kind\":\"role\",\"id\":\"r-osaka\",\"name\":\"Osaka admin\",\"permissions\":["
	"\"routing:skill:assign\",\"authorization:grant:add\",\"groups:team:assign\"]}\n"
	"{\"kind\":\"client\",\"id\":\"o\",\"secret\":\"s\",\"name\":\"osaka\",\"roles\":["
	"{\"role\":\"r-osaka\",\"division\":\"d-osaka\"}]}\n";

/* Basic o:s */
#define LAB_OSAKA "Basic bzpz"

/* sandbox_lab.h's tenant and this; the caller frees it. */
static char *lab_whole(void)
{
	char *text = mem_alloc(sizeof(lab_tenant) + sizeof(lab_org));

	memcpy(text, lab_tenant, sizeof(lab_tenant));
	memcpy(text + sizeof(lab_tenant) - 1, lab_org, sizeof(lab_org));
	return text;
}

#endif
