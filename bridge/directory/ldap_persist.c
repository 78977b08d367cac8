#include "bridge/directory/ldap_persist.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "bridge/directory/ldap_sync.h"

#include "scim/base/banned.h"

struct follower {
	struct ldap_delta *delta;
	struct sync_run **runs;
	unsigned count;
	bool told;  /* something since `quiet` was called */
	bool stop;
};

static struct sync_run *run_of(struct follower *follower, int message)
{
	for (unsigned i = 0; i < follower->count; i++) {
		if (follower->runs[i]->search->message == message)
			return follower->runs[i];
	}
	return NULL;
}

static bool all_refreshed(const struct follower *follower)
{
	for (unsigned i = 0; i < follower->count; i++) {
		if (!follower->runs[i]->refreshed)
			return false;
	}
	return true;
}

static int keep_cookie(struct follower *follower, struct sync_run *run)
{
	if (run->cookie.data && run->cookie.len == 0)
		return ldap_delta_give_up(follower->delta,
					  "the server does not know its cookie any more");
	if (run->cookie.data)
		follower->delta->changes->mark.searches[run->number].cookie = run->cookie;
	return 0;
}

static int take_change(struct follower *follower, struct sync_run *run, LDAPMessage *message,
		       struct err *err)
{
	struct ldap_delta *delta = follower->delta;
	bool refreshed = run->refreshed;

	delta->number = run->number;
	if (ldap_search_take(run->search, message, err))
		return -1;
	if (!delta->verdict.complete)
		return ldap_delta_give_up(delta, "%s", delta->verdict.reasons[0]);
	follower->told = true;
	if (run->refreshed && !refreshed && run->present_over && sync_run_sweep(run, err))
		return -1;
	delta->live = all_refreshed(follower);
	return keep_cookie(follower, run);
}

static int take_end(struct follower *follower, struct sync_run *run, LDAPMessage *message)
{
	char *diagnostic = NULL;
	int code = LDAP_DECODING_ERROR;
	char said[200];

	ldap_parse_result(run->search->dir->ld, message, &code, NULL, &diagnostic, NULL, NULL, 0);
	run->search->message = -1;
	ldap_explain_result(code, diagnostic, said, sizeof(said));
	ldap_memfree(diagnostic);
	return ldap_delta_give_up(follower->delta, "the server tells no more of \"%.100s\": %s",
				  run->search->base, said);
}

static int take_message(struct follower *follower, LDAPMessage *message, struct err *err)
{
	struct sync_run *run = run_of(follower, ldap_msgid(message));

	/* A notice of disconnection (RFC 4511 section 4.4.1) comes unasked; the end follows. */
	if (!run)
		return 0;
	switch (ldap_msgtype(message)) {
	case LDAP_RES_SEARCH_ENTRY:
	case LDAP_RES_INTERMEDIATE:
		return take_change(follower, run, message, err);
	case LDAP_RES_SEARCH_RESULT:
		return take_end(follower, run, message);
	default:
		return ldap_delta_give_up(follower->delta,
					  "a part below \"%.100s\" is on another server",
					  run->search->base);
	}
}

/* Until something comes; while the refresh lasts no longer than for any other answer. */
static int wait_for_more(struct follower *follower, struct err *err)
{
	struct ldap_directory *dir = follower->delta->dir;
	int timeout_ms = follower->delta->live ? -1
					       : (int)dir->config->directory.timeout_s * 1000;
	struct pollfd wait[2] = { { .fd = -1, .events = POLLIN },
				  { .fd = follower->delta->persist->stop_fd, .events = POLLIN } };
	int ready;

	ldap_get_option(dir->ld, LDAP_OPT_DESC, &wait[0].fd);
	do {
		ready = poll(wait, 2, timeout_ms);
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return err_at(err, ERR_TIMEOUT, dir->uri, 0, 0, "no answer within %u s",
			      dir->config->directory.timeout_s);
	follower->stop = wait[1].revents != 0;
	return 0;
}

static int take_all(struct follower *follower, struct err *err)
{
	struct ldap_directory *dir = follower->delta->dir;
	int ret = 0;

	while (ret == 0) {
		struct timeval now = { 0 };
		LDAPMessage *message = NULL;
		int type = ldap_result(dir->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &now, &message);

		if (type == 0)
			return 0;
		ret = type < 0 ? err_at(err, ERR_NET, dir->uri, 0, 0, "the connection was lost")
			       : take_message(follower, message, err);
		ldap_msgfree(message);
	}
	return ret;
}

static int follow(struct follower *follower, struct err *err)
{
	const struct ldap_persist_how *how = follower->delta->persist;

	while (!follower->stop) {
		if (take_all(follower, err))
			return -1;
		if (follower->told && follower->delta->live) {
			follower->told = false;
			/* The limit is meant for one run. */
			follower->delta->entries = 0;
			if (how->quiet && how->quiet(how->ctx))
				return 0;
		}
		if (wait_for_more(follower, err))
			return -1;
	}
	return 0;
}

/* A server that is gone without a word is found out by the system. */
static void keep_alive(LDAP *ld)
{
	int fd = -1, on = 1;

	ldap_get_option(ld, LDAP_OPT_DESC, &fd);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

int ldap_persist_follow(struct ldap_delta *delta, struct err *err)
{
	struct follower follower = { .delta = delta };
	unsigned sent = 0;
	int ret = sync_runs_make(delta, &follower.runs, &follower.count);

	if (ret == 0)
		keep_alive(delta->dir->ld);
	while (ret == 0 && sent < follower.count) {
		struct sync_run *run = follower.runs[sent++];

		sync_run_open(run, SYNC_REFRESH_AND_PERSIST,
			      delta->old.searches[run->number].cookie);
		ret = ldap_search_send(run->search, err);
	}
	if (ret == 0)
		ret = follow(&follower, err);
	while (sent) {
		struct sync_run *run = follower.runs[--sent];

		ldap_search_stop(run->search);
		sync_run_close(run);
	}
	return ret;
}

int ldap_persist(struct directory *base, struct slice mark, const struct layout *layout,
		 const struct ldap_persist_how *how, enum directory_changes *ret_changes,
		 char why[DIRECTORY_WHY_MAX], struct err *err)
{
	struct ldap_directory *dir = (struct ldap_directory *)base;
	int ret;

	assert(strcmp(base->ops->kind, "ldap") == 0);
	ret = ldap_changes_read(dir, mark, layout, how->fn, how->ctx, how, ret_changes, why, err);
	ldap_directory_disconnect(dir);
	return ret;
}
