/* poll and select that only look, again and again, in a thread that blocks the signals that keep coming: none of them
 * ends with EINTR, and what is there is found. */
// threads
#include "test.h"
#include <poll.h>
#include <sys/select.h>
#include <sys/time.h>

#define LOOKS 100000

static int empty[2], full[2];
static volatile sig_atomic_t ticks;

static void on_alarm(int sig)
{
	(void)sig;
	ticks++;
}

static int selected(int fd)
{
	struct timeval zero = {0, 0};
	fd_set set;
	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &zero);
}

static int polled(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0);
}

static void *look(void *arg)
{
	for (int i = 0; i < LOOKS; i++) {
		CHECK_EQ(selected(empty[0]), 0);
		CHECK_EQ(polled(empty[0]), 0);
		CHECK_EQ(selected(full[0]), 1);
		CHECK_EQ(polled(full[0]), 1);
	}
	return arg;
}

int main(void)
{
	struct itimerval tick = {{0, 100}, {0, 100}}, off = {{0, 0}, {0, 0}};
	pthread_t t;

	SYS(pipe(empty));
	SYS(pipe(full));
	SYS(write(full[1], "x", 1));
	set_handler(SIGALRM, on_alarm, SA_RESTART);
	block_signal(SIGALRM);
	t = start(look, NULL);
	unblock_signal(SIGALRM);
	SYS(setitimer(ITIMER_REAL, &tick, NULL));
	join(t);
	SYS(setitimer(ITIMER_REAL, &off, NULL));
	CHECK(ticks > 10);
	return 0;
}
