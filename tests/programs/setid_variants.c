/*
 * Every way to change the process's ids, with its errors, seen by threads that wait in every kind of way: parked,
 * blocked in the kernel, computing; and by threads and kernel threads that are made meanwhile and later. Needs root.
 */
// threads
#include "test.h"
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

enum { READS, LOCKS, SLEEPS, WAITS, COMPUTES, OPENS_FIFO, WAITS_FOR_CHILD, KINDS };

static _Atomic int stop, seen_by;
static int pipe_fds[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t never;
static char fifo[128];
static pid_t child;

struct ids {
	uid_t r, e, s, f;
	gid_t rg, eg, sg, fg;
	int groups;
	gid_t first;
};
static struct ids want;

static struct ids ids_now(void)
{
	gid_t list[64] = {0};
	struct ids i = {0};

	SYS(getresuid(&i.r, &i.e, &i.s));
	SYS(getresgid(&i.rg, &i.eg, &i.sg));
	i.f = (uid_t)setfsuid((uid_t)-1);
	i.fg = (gid_t)setfsgid((gid_t)-1);
	i.groups = (int)SYS(getgroups(64, list));
	i.first = list[0];
	return i;
}

static void check_ids(void)
{
	struct ids now = ids_now();

	CHECK(memcmp(&now, &want, sizeof(now)) == 0);
	seen_by++;
}

static void *run(void *arg)
{
	char c;

	pthread_barrier_wait(&barrier);
	switch ((long)arg % KINDS) {
	case READS:
		CHECK_EQ(read(pipe_fds[0], &c, 1), 0);
		break;
	case LOCKS:
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
		break;
	case SLEEPS:
		while (!stop)
			sleep_us(500);
		break;
	case WAITS:
		while (sem_wait(&never) != 0)
			;
		break;
	case COMPUTES:
		while (!stop)
			;
		break;
	case OPENS_FIFO:
		close((int)SYS(open(fifo, O_RDONLY)));
		break;
	case WAITS_FOR_CHILD:
		waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT);
		break;
	}
	pthread_barrier_wait(&barrier);
	check_ids();
	return NULL;
}

static void *checks(void *arg)
{
	check_ids();
	return arg;
}

#define THREADS (2 * KINDS)

/* The change is made while all wait. */
static void seen_by_all(const char *what, void (*change)(void))
{
	pthread_t t[THREADS];
	char go;
	int p[2];
	pid_t pid = (pid_t)SYS(fork());

	if (pid) {
		printf("%s: %s\n", what, reap(pid));
		return;
	}
	snprintf(fifo, sizeof(fifo), "%s/fifo.%d", getenv("TMPDIR") ?: "/tmp", (int)getpid());
	SYS(mkfifo(fifo, 0600));
	SYS(pipe(pipe_fds));
	SYS(pipe(p));
	child = (pid_t)SYS(fork());
	if (child == 0) {
		close(p[1]);
		_exit((int)read(p[0], &go, 1));
	}
	SYS(sem_init(&never, 0, 0));
	PT(pthread_barrier_init(&barrier, NULL, THREADS + 1));
	pthread_mutex_lock(&lock);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	pthread_barrier_wait(&barrier);
	sleep_us(30000); /* until they wait, and those that compute have been noticed */
	int wr = (int)SYS(open(fifo, O_RDWR));
	change();
	want = ids_now();
	stop = 1;
	pthread_mutex_unlock(&lock);
	close(pipe_fds[1]);
	close(p[1]);
	for (int i = 0; i < 2; i++)
		SYS(sem_post(&never));
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	join(start(checks, NULL));
	CHECK_EQ(seen_by, THREADS + 1);
	close(wr);
	unlink(fifo);
	_exit(0);
}

static void with_setuid(void)
{
	SYS(setgid(1001));
	SYS(setuid(1000));
	printf("back to root: %s\n", setuid(0) ? strerrorname_np(errno) : "0");
	printf("another user: %s\n", setresuid(1000, 4242, 1000) ? strerrorname_np(errno) : "0");
	printf("another group: %s\n", setgid(0) ? strerrorname_np(errno) : "0");
	printf("groups: %s\n", setgroups(0, NULL) ? strerrorname_np(errno) : "0");
	fflush(stdout);
}

static void with_seteuid(void)
{
	SYS(setegid(1001));
	SYS(seteuid(1000));
	SYS(seteuid(0));
	SYS(seteuid(1002));
	CHECK(setuid(4242) == -1 && errno == EPERM);
}

static void with_setreuid(void)
{
	SYS(setregid((gid_t)-1, 1001));
	SYS(setreuid(1000, 0));
	SYS(setreuid((uid_t)-1, 1000));
}

static void with_setresuid(void)
{
	SYS(setresgid(1001, 1002, 1003));
	SYS(setresuid(1000, 1001, 1002));
	SYS(setresuid((uid_t)-1, 1002, (uid_t)-1));
}

static void with_groups(void)
{
	gid_t two[] = {2001, 2002};

	SYS(setgroups(2, two));
	CHECK(setgroups(1 << 20, two) == -1 && errno == EINVAL);
}

static void with_initgroups(void)
{
	SYS(initgroups("root", 3003));
}

/* Kernel threads come and go while the ids change: nobody is left with the old ones. */
static void *blocks(void *arg)
{
	char path[128];

	while (!stop) {
		snprintf(path, sizeof(path), "%s/%ld.%d", getenv("TMPDIR") ?: "/tmp", (long)arg, (int)getpid());
		int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);

		if (fd >= 0) {
			fsync(fd);
			close(fd);
			unlink(path);
		}
		for (volatile int i = 0; i < 100000 && !stop; i++)
			;
	}
	check_ids();
	return NULL;
}

static void again_and_again(void)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		pthread_t t[4];

		for (long i = 0; i < 4; i++)
			t[i] = start(blocks, (void *)i);
		for (int i = 0; i < 40; i++) {
			SYS(seteuid(i % 2 ? 0 : 1000));
			CHECK_EQ(geteuid(), i % 2 ? 0 : 1000);
		}
		SYS(setresuid(1000, 1000, 1000));
		want = ids_now();
		stop = 1;
		for (int i = 0; i < 4; i++)
			join(t[i]);
		CHECK_EQ(seen_by, 4);
		_exit(0);
	}
	printf("again and again: %s\n", reap(pid));
}

int main(void)
{
	if (geteuid() != 0)
		test_skip("only root may change its ids");
	umask(0);
	seen_by_all("setuid, setgid", with_setuid);
	seen_by_all("seteuid, setegid", with_seteuid);
	seen_by_all("setreuid, setregid", with_setreuid);
	seen_by_all("setresuid, setresgid", with_setresuid);
	seen_by_all("setgroups", with_groups);
	seen_by_all("initgroups", with_initgroups);
	for (int i = 0; i < 5; i++)
		again_and_again();
	return 0;
}
