#include "bridge/tenant/tenant.h"

#include "bridge/config/config.h"
#include "bridge/tenant/genesys.h"
#include "bridge/tenant/scim.h"

#include "scim/base/banned.h"

int tenant_open(const struct config *config, const struct clock *clock, struct rng *rng,
		struct tenant **ret_tenant, struct err *err)
{
	if (config->target.kind == TARGET_SCIM)
		return scim_tenant(config, clock, rng, ret_tenant, err);
	return genesys_tenant(config, clock, rng, ret_tenant, err);
}
