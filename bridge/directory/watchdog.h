/*
 * bridge/directory/watchdog.h - ends a connection whose other side keeps a blocking call
 * waiting, by shutting the socket down from a second thread.
 *
 * libldap has a time-out for the TCP connection, but with GnuTLS none for the TLS handshake:
 * it asks a silent server for ever (and, on a non-blocking socket, without a pause).
 *
 * Use     watchdog_start when the socket is connected, watchdog_stop when the call is back.
 */
#ifndef BRIDGE_DIRECTORY_WATCHDOG_H
#define BRIDGE_DIRECTORY_WATCHDOG_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

struct watchdog {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct timespec deadline;
	int fd; /* a copy of its own, so that the number can not be used again */
	bool running, stop, fired;
};

/* Returns 0, or -1 when there is no thread or descriptor for it. */
int watchdog_start(struct watchdog *dog, int fd, unsigned timeout_s);
/* Returns true when it had to end the connection. One that never ran is fine. */
bool watchdog_stop(struct watchdog *dog);

#endif
