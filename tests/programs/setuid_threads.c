/* setuid and setgid in one thread are seen by all, blocked ones too. Needs root. */
// threads
#include "test.h"
#include <grp.h>

#define THREADS 20

static pthread_barrier_t barrier;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int fds[2];

static void check_ids(uid_t uid, gid_t gid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	SYS(getresuid(&r, &e, &s));
	SYS(getresgid(&rg, &eg, &sg));
	CHECK(r == uid && e == uid && s == uid);
	CHECK(rg == gid && eg == gid && sg == gid);
}

static void *run(void *arg)
{
	char c;

	check_ids(0, 0);
	pthread_barrier_wait(&barrier);
	/* Blocked in several ways while the ids change. */
	switch ((long)arg % 4) {
	case 0:
		CHECK_EQ(read(fds[0], &c, 1), 0);
		break;
	case 1:
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
		break;
	case 2:
		sleep_us(3000);
		break;
	}
	pthread_barrier_wait(&barrier);
	check_ids(65534, 65533);
	CHECK(open("/proc/1/environ", O_RDONLY) == -1 && errno == EACCES);
	return NULL;
}

static void child(void)
{
	pthread_t t[THREADS];

	SYS(pipe(fds));
	PT(pthread_barrier_init(&barrier, NULL, THREADS + 1));
	pthread_mutex_lock(&lock);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	pthread_barrier_wait(&barrier);
	sleep_us(1000);
	SYS(setgroups(0, NULL));
	SYS(setgid(65533));
	SYS(setuid(65534));
	check_ids(65534, 65533);
	CHECK(setuid(0) == -1 && errno == EPERM);
	pthread_mutex_unlock(&lock);
	close(fds[1]);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	_exit(0);
}

static void *nothing(void *arg)
{
	return arg;
}

int main(void)
{
	if (geteuid() != 0)
		test_skip("only root may change its ids");
	for (int i = 0; i < 10; i++) {
		pid_t pid = (pid_t)SYS(fork());

		if (pid == 0)
			child();
		CHECK(strcmp(reap(pid), "exit 0") == 0);
	}
	/* This process had no thread so far. */
	join(start(nothing, NULL));
	puts("seen by all");
	return 0;
}
