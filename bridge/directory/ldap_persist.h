/*
 * bridge/directory/ldap_persist.h - follow a directory live, for who stays running.
 *
 * Spec    RFC 4533 section 3.4, refreshAndPersist.
 * Use     From a mark: what has changed since is told as by read_changes, then each change as
 *         it happens, for all searches of the mark on one connection. Whenever all that came
 *         has been told `quiet` is called; the directory's mark stands for it then.
 * Errors  As read_changes: CHANGES_FULL with `why` when it can not go on, also when the server
 *         ends it or the connection is lost; CHANGES_READ when it was stopped.
 */
#ifndef BRIDGE_DIRECTORY_LDAP_PERSIST_H
#define BRIDGE_DIRECTORY_LDAP_PERSIST_H

#include "bridge/directory/directory.h"

struct ldap_delta;

struct ldap_persist_how {
	directory_change_fn *fn;
	bool (*quiet)(void *ctx); /* returns true to stop */
	void *ctx;
	int stop_fd;              /* to stop when there is something to read; -1 = none */
};

/* `base` is of kind "ldap". The connection is closed at the end. */
int ldap_persist(struct directory *base, struct slice mark, const struct layout *layout,
		 const struct ldap_persist_how *how, enum directory_changes *ret_changes,
		 char why[DIRECTORY_WHY_MAX], struct err *err);

/* For ldap_changes.c: the part that follows. */
int ldap_persist_follow(struct ldap_delta *delta, struct err *err);

#endif
