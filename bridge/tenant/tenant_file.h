/*
 * bridge/tenant/tenant_file.h - what a tenant holds, in a file: tenant.jsonl of a snapshot.
 *
 * One object a line, `kind` first:
 *
 *   division  id name home           role  id name permissions[]
 *   skill language  id name          group id name version members[]
 *   queue     id name members[]      team  id name members[]
 *   unit      id name members[]      workPlan  id name unit members[]
 *   user      id name email state version division title department employeeNumber
 *             dateHire manager emails[{type,value}] phones[{type,value}] externalId
 *             skills[{id,proficiency}] languages[{id,proficiency}]
 *             more[{attribute,type,value}]   (what other services have besides)
 *   grant     subject role division ("*" = all)
 *
 * It is what dirbridge-sandbox loads and saves as well; lines and members that only the
 * sandbox knows are passed over here. Of a role's permissions only that it can hand out
 * rights is known: such a role is written with "*". A manager who is not among the users is
 * left out.
 *
 * Memory  What is read lies in the `present` given.
 * Errors  ERR_IO, or ERR_INVALID with file and line.
 * Limits  TENANT_LINE_BYTES_MAX a line.
 */
#ifndef BRIDGE_TENANT_TENANT_FILE_H
#define BRIDGE_TENANT_TENANT_FILE_H

#include <stdio.h>

#include "bridge/model/present.h"
#include "bridge/tenant/tenant.h"

#define TENANT_LINE_BYTES_MAX ((size_t)64 << 20)

/* The `kind` of a catalogue's lines. */
const char *tenant_file_kind(enum catalogue_kind kind);
/*
 * Write `present`, which must know everything of everybody, into the new file `path`, mode
 * 0600. ERR_REFUSED when it does not: unknown would be read as absent.
 */
int tenant_file_write(const struct present *present, const char *path, struct err *err);

/* Roles named in `privileged` are privileged whatever they carry. */
struct tenant_file_names {
	const char *const *privileged;
	unsigned privileged_count;
};
/*
 * Read a file into `present` (initialised): catalogue, accounts of all states with external
 * ids and all that they hold.
 */
int tenant_file_read(const char *path, const struct tenant_file_names *names,
		     struct present *present, struct err *err);
/* The same of an open file, which is read from its beginning, twice. */
int tenant_file_parse(FILE *file, const char *where, const struct tenant_file_names *names,
		      struct present *present, struct err *err);

/*
 * A tenant that is such a file: read as the real one is, never written to. `verdict` is
 * that of the read that made the file; NULL: it was whole.
 */
int tenant_file_open(const struct config *config, const char *path,
		     const struct verdict *verdict, struct tenant **ret_tenant,
		     struct err *err);

#endif
