/*
 * Loaded before the program's libraries: kills the process (SIGKILL) at the n-th write of the
 * state, request, or answer.
 *
 *   KILL_AT=KIND:N:WHEN   KIND disk (a write or sync of SQLite), send (of a request), recv (of an
 *                         answer); WHEN before or after the call itself
 *   KILL_COUNT=FILE       instead: write how many there were of each, at the end
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum kind { DISK, SEND, RECV, KIND_COUNT };

static const char *const names[KIND_COUNT] = { "disk", "send", "recv" };
static unsigned long seen[KIND_COUNT];
static enum kind wanted = KIND_COUNT;
static unsigned long number;
static int after;

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("KILL_AT");

	for (int kind = 0; at && kind < KIND_COUNT; kind++)
		if (strncmp(at, names[kind], 4) == 0 && at[4] == ':')
			wanted = (enum kind)kind;
	if (at && wanted != KIND_COUNT)
		number = strtoul(at + 5, NULL, 10);
	after = at && strstr(at, ":after");
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("KILL_COUNT");
	FILE *out = path ? fopen(path, "w") : NULL;

	for (int kind = 0; out && kind < KIND_COUNT; kind++)
		fprintf(out, "%s %lu\n", names[kind], seen[kind]);
	if (out)
		fclose(out);
}

static void meet(enum kind kind, int is_after)
{
	if (!is_after)
		seen[kind]++;
	if (kind == wanted && seen[kind] == number && after == is_after)
		kill(getpid(), SIGKILL);
}

#define REAL(name) ((__typeof__(&name))(size_t)dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
	ssize_t ret;

	meet(DISK, 0);
	ret = REAL(pwrite64)(fd, bytes, len, at);
	meet(DISK, 1);
	return ret;
}

int fdatasync(int fd)
{
	int ret;

	meet(DISK, 0);
	ret = REAL(fdatasync)(fd);
	meet(DISK, 1);
	return ret;
}

int fsync(int fd)
{
	int ret;

	meet(DISK, 0);
	ret = REAL(fsync)(fd);
	meet(DISK, 1);
	return ret;
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	ssize_t ret;

	meet(SEND, 0);
	ret = REAL(send)(fd, bytes, len, flags);
	meet(SEND, 1);
	return ret;
}

/* Only answers count: nothing yet, and the other's goodbye, are none. */
ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
	ssize_t ret = REAL(recv)(fd, bytes, len, flags);

	if (ret > 0) {
		meet(RECV, 0);
		meet(RECV, 1);
	}
	return ret;
}
