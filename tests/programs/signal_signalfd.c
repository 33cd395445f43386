/* SIGTERM is blocked everywhere and read from a signalfd, by read and by poll, in threads. */
// threads
#include "test.h"
#include <sys/signalfd.h>

#define ROUNDS 1000

static sem_t seen;
static int fd;

static void take(void)
{
	struct signalfd_siginfo info;

	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	CHECK_EQ(info.ssi_signo, SIGTERM);
	CHECK_EQ(info.ssi_code, SI_USER);
	CHECK_EQ(info.ssi_pid, getpid());
}

static void *reads(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		take();
		SYS(sem_post(&seen));
	}
	return NULL;
}

static void *polls(void *arg)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_EQ(poll(&p, 1, -1), 1);
		CHECK_EQ(p.revents, POLLIN);
		take();
		SYS(sem_post(&seen));
	}
	return NULL;
}

static void run(const char *name, void *(*fn)(void *))
{
	pthread_t t = start(fn, NULL);

	for (int i = 0; i < ROUNDS; i++) {
		SYS(kill(getpid(), SIGTERM));
		SYS(sem_wait(&seen));
	}
	join(t);
	printf("%s: %d\n", name, ROUNDS);
}

int main(void)
{
	sigset_t set = one_signal(SIGTERM);

	SYS(sem_init(&seen, 0, 0));
	block_signal(SIGTERM);
	fd = (int)SYS(signalfd(-1, &set, SFD_CLOEXEC));
	run("read", reads);
	run("poll", polls);
	return 0;
}
