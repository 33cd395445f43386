/* Forks from threads while 100 others compute, lock, allocate, sleep, block natively and in pipes: every child ends as
 * it should, after threads of its own or not, and the parent has the descriptors, mappings and memory it had before.
 * The number of forks may be given. */
// threads
// not-traced
#include "test.h"

#define FORKERS 4
#define OTHERS 16 /* of each kind */

static int forks = 300;
static _Atomic int done;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic long turns[7];

static bool going(int kind)
{
	turns[kind]++;
	return !done;
}

/* One of them never stops. */
static void *computes(void *arg)
{
	while (going(0)) {
		for (volatile int i = 0; i < 100000; i++)
			;
		if (arg)
			sleep_us(20000);
	}
	return arg;
}

static void *locks(void *arg)
{
	while (going(1)) {
		pthread_mutex_lock(&lock);
		sched_yield();
		pthread_mutex_unlock(&lock);
		sleep_us(5000);
	}
	return arg;
}

static void *allocates(void *arg)
{
	while (going(2)) {
		void *p[20];

		for (size_t i = 0; i < ARRAY_LEN(p); i++)
			CHECK(p[i] = malloc(100 + i * 300));
		for (size_t i = 0; i < ARRAY_LEN(p); i++)
			free(p[i]);
		sleep_us(5000);
	}
	return arg;
}

static void *sleeps(void *arg)
{
	while (going(3))
		sleep_us(5000);
	return arg;
}

static void *native_calls(void *arg)
{
	int fd = (int)SYS(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
	char text[100];

	while (going(4)) {
		CHECK(pread(fd, text, sizeof(text), 0) > 0);
		sleep_us(5000);
	}
	close(fd);
	return arg;
}

static void *pipes(void *arg)
{
	int fds[2];
	char c = 'x';

	SYS(pipe2(fds, O_CLOEXEC));
	while (going(5)) {
		CHECK_EQ(write(fds[1], &c, 1), 1);
		CHECK_EQ(read(fds[0], &c, 1), 1);
		sleep_us(5000);
	}
	close(fds[0]);
	close(fds[1]);
	return arg;
}

static void *ends(void *arg)
{
	return arg;
}

static void *churns(void *arg)
{
	while (going(6)) {
		join(start(ends, NULL));
		sleep_us(5000);
	}
	return arg;
}

static void *(*const others[])(void *) = {computes, locks, allocates, sleeps, native_calls, pipes, churns};

static void child(int i)
{
	char *p = malloc(1000);

	CHECK(p);
	memset(p, 1, 1000);
	free(p);
	CHECK_EQ(own_tid(), getpid());
	if (i % 16 == 0) {
		pthread_t t[3];

		for (long k = 0; k < 3; k++)
			t[k] = start(ends, (void *)k);
		for (long k = 0; k < 3; k++)
			CHECK_EQ((long)join(t[k]), k);
	}
	if (i % 8 == 1)
		exit(i % 100);
	_exit(i % 100);
}

static void *forks_away(void *arg)
{
	for (int i = 0; i < forks / FORKERS; i++) {
		int status, got;
		pid_t pid = (pid_t)SYS(fork());

		if (pid == 0)
			child(i);
		do
			got = waitpid(pid, &status, 0);
		while (got == -1 && errno == EINTR);
		CHECK_EQ(got, pid);
		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), i % 100);
	}
	return arg;
}

static long lines_of(const char *path)
{
	FILE *f = fopen(path, "r");
	long n = 0;
	int c;

	CHECK(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static long resident_kib(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f);
	CHECK_EQ(fscanf(f, "%*d %ld", &pages), 1);
	fclose(f);
	return pages * 4;
}

static void fork_round(void)
{
	pthread_t t[FORKERS];

	for (int i = 0; i < FORKERS; i++)
		t[i] = start(forks_away, NULL);
	for (int i = 0; i < FORKERS; i++)
		join(t[i]);
}

int main(int argc, char **argv)
{
	pthread_t t[ARRAY_LEN(others) * OTHERS];
	int whole, fds;
	long maps, kib;

	if (argc > 1)
		whole = atoi(argv[1]);
	else
		whole = forks;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		t[i] = start(others[i / OTHERS], (void *)(i % OTHERS));
	/* What the first forks leave behind for good: arenas, carriers. */
	forks = whole / 5;
	fork_round();
	forks = whole - forks;
	fds = descriptors();
	maps = lines_of("/proc/self/maps");
	kib = resident_kib();
	fork_round();
	CHECK_EQ(descriptors(), fds);
	fprintf(stderr, "maps %ld -> %ld, resident %ld KiB -> %ld KiB\n", maps, lines_of("/proc/self/maps"), kib,
	    resident_kib());
	CHECK(lines_of("/proc/self/maps") <= maps + 100);
	CHECK(resident_kib() <= kib + 4096);
	done = 1;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		join(t[i]);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		CHECK(turns[i] > OTHERS);
	CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
	printf("%d forks\n", whole);
	return 0;
}
