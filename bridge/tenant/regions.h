/*
 * bridge/tenant/regions.h - the domains of Genesys Cloud that are known.
 *
 * Source: the vendor's own clients (facts, section 1). The list grows, so an unknown domain
 * is worth a warning, never a refusal.
 */
#ifndef BRIDGE_TENANT_REGIONS_H
#define BRIDGE_TENANT_REGIONS_H

/* "eu-central-1" for "mypurecloud.de", or NULL. Compared without case. */
const char *region_of_domain(const char *domain);
/* The known domain nearest to it, or NULL. A region's name gives its domain. */
const char *region_nearest(const char *domain);

#endif
