#include "bridge/tenant/regions.h"

#include <stddef.h>

#include "scim/base/text.h"

#include "scim/base/banned.h"

static const struct {
	const char *domain, *region;
} rows[] = {
	{ "mypurecloud.com", "us-east-1" },
	{ "use2.us-gov-pure.cloud", "us-east-2" },
	{ "usw2.pure.cloud", "us-west-2" },
	{ "mypurecloud.ie", "eu-west-1" },
	{ "euw2.pure.cloud", "eu-west-2" },
	{ "mypurecloud.de", "eu-central-1" },
	{ "euc2.pure.cloud", "eu-central-2" },
	{ "mec1.pure.cloud", "me-central-1" },
	{ "mxc1.pure.cloud", "mx-central-1" },
	{ "cac1.pure.cloud", "ca-central-1" },
	{ "sae1.pure.cloud", "sa-east-1" },
	{ "aps1.pure.cloud", "ap-south-1" },
	{ "apse1.pure.cloud", "ap-southeast-1" },
	{ "mypurecloud.com.au", "ap-southeast-2" },
	{ "mypurecloud.jp", "ap-northeast-1" },
	{ "apne2.pure.cloud", "ap-northeast-2" },
	{ "apne3.pure.cloud", "ap-northeast-3" },
	{ "edee1.eusc-pure.cloud", "eusc-de-east-1" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

const char *region_of_domain(const char *domain)
{
	for (size_t i = 0; i < ROWS; i++)
		if (text_eq_nocase(rows[i].domain, domain))
			return rows[i].region;
	return NULL;
}

const char *region_nearest(const char *domain)
{
	const char *names[2 * ROWS];
	int at;

	for (size_t i = 0; i < ROWS; i++) {
		names[i] = rows[i].domain;
		names[ROWS + i] = rows[i].region;
	}
	at = text_nearest(domain, names, 2 * ROWS);
	return at < 0 ? NULL : rows[(size_t)at % ROWS].domain;
}
