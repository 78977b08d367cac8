#include "bridge/directory/watchdog.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scim/base/banned.h"

static void *watch(void *arg)
{
	struct watchdog *dog = arg;
	int status = 0;

	pthread_mutex_lock(&dog->lock);
	while (!dog->stop && status == 0)
		status = pthread_cond_timedwait(&dog->wake, &dog->lock, &dog->deadline);
	if (!dog->stop) {
		dog->fired = true;
		shutdown(dog->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&dog->lock);
	return NULL;
}

int watchdog_start(struct watchdog *dog, int fd, unsigned timeout_s)
{
	pthread_condattr_t clock;
	sigset_t all, before;
	int status;

	*dog = (struct watchdog){ .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0) };
	if (dog->fd < 0)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &dog->deadline);
	dog->deadline.tv_sec += timeout_s;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&dog->wake, &clock);
	pthread_condattr_destroy(&clock);
	pthread_mutex_init(&dog->lock, NULL);
	/* Signals stay with the thread that expects them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	status = pthread_create(&dog->thread, NULL, watch, dog);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (status) {
		close(dog->fd);
		return -1;
	}
	dog->running = true;
	return 0;
}

bool watchdog_stop(struct watchdog *dog)
{
	if (!dog->running)
		return dog->fired;
	pthread_mutex_lock(&dog->lock);
	dog->stop = true;
	pthread_cond_signal(&dog->wake);
	pthread_mutex_unlock(&dog->lock);
	pthread_join(dog->thread, NULL);
	pthread_mutex_destroy(&dog->lock);
	pthread_cond_destroy(&dog->wake);
	close(dog->fd);
	dog->running = false;
	return dog->fired;
}
