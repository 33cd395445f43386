/*
 * The address space at its end: pthread_create says EAGAIN and the rest goes on, whether the limit is met before the
 * first thread, by it, or later; and with memory locked.
 */
// threads
// may-run-native
#include "io_test.h"

static _Atomic int stop, running;

static size_t used_kib(void)
{
	char line[256];
	size_t kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmSize: %zu", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

/* So much more than there is now. */
static void limit_to(size_t more_kib)
{
	struct rlimit limit;

	SYS(getrlimit(RLIMIT_AS, &limit));
	limit.rlim_cur = (used_kib() + more_kib) << 10;
	SYS(setrlimit(RLIMIT_AS, &limit));
}

static void unlimit(void)
{
	struct rlimit limit;

	SYS(getrlimit(RLIMIT_AS, &limit));
	limit.rlim_cur = limit.rlim_max;
	SYS(setrlimit(RLIMIT_AS, &limit));
}

static void *run(void *arg)
{
	int p[2];
	char c = 'x';

	SYS(pipe(p));
	SYS(write(p[1], &c, 1));
	SYS(read(p[0], &c, 1));
	close(p[0]);
	close(p[1]);
	return arg;
}

static void *stays(void *arg)
{
	running++;
	while (!stop)
		sleep_us(1000);
	return arg;
}

static int create(pthread_t *t, void *(*fn)(void *), size_t stack)
{
	pthread_attr_t attr;
	int error;

	PT(pthread_attr_init(&attr));
	PT(pthread_attr_setstacksize(&attr, stack));
	error = pthread_create(t, &attr, fn, &stop);
	PT(pthread_attr_destroy(&attr));
	CHECK(error == 0 || error == EAGAIN);
	return error;
}

/* The first thread meets the limit, somewhere. */
static void first(size_t more_kib)
{
	pthread_t t;
	int made = 0;

	limit_to(more_kib);
	for (int i = 0; i < 5; i++) {
		if (create(&t, run, 256 << 10))
			continue;
		made++;
		CHECK(join(t) == &stop);
	}
	unlimit();
	PT(create(&t, run, 256 << 10));
	CHECK(join(t) == &stop);
	_exit(made < 5);
}

/* Threads until there is no room; what was made lives on and ends. */
static void many(size_t more_kib)
{
	static pthread_t t[4096], extra;
	int n = 0, blocks = 0;

	PT(create(&extra, run, 256 << 10));
	join(extra);
	limit_to(more_kib);
	while (n < 4096 && create(&t[n], stays, 64 << 10) == 0)
		n++;
	CHECK(n < 4096);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(create(&extra, run, 64 << 10), EAGAIN);
	for (int i = 0; i < 10; i++)
		sleep_us(1000);
	void *block = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	blocks += block != MAP_FAILED;
	stop = 1;
	for (int i = 0; i < n; i++)
		join(t[i]);
	CHECK_EQ(running, n);
	unlimit();
	PT(create(&extra, run, 64 << 10));
	join(extra);
	_exit(blocks > 1);
}

/* Every thread blocks where only a kernel thread can, and none can be made. */
static void *blocks_in_kernel(void *arg)
{
	int fd = scratch_file();

	for (int i = 0; i < 50; i++) {
		SYS(pwrite(fd, "x", 1, i));
		SYS(fsync(fd));
		sched_yield();
	}
	close(fd);
	return arg;
}

static void no_kernel_threads(void)
{
	pthread_t t[20];

	PT(create(&t[0], run, 256 << 10));
	join(t[0]);
	for (int i = 0; i < 20; i++)
		PT(create(&t[i], blocks_in_kernel, 64 << 10));
	limit_to(0);
	for (int i = 0; i < 20; i++)
		join(t[i]);
	_exit(0);
}

static void locked(void)
{
	pthread_t t[20];

	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		_exit(77);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 20; i++)
			PT(create(&t[i], run, 64 << 10));
		for (int i = 0; i < 20; i++)
			join(t[i]);
	}
	_exit(0);
}

static void locked_at_limit(void)
{
	struct rlimit limit = {8 << 20, 8 << 20};
	pthread_t t;
	int failed = 0;

	SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
	SYS(setresuid(61999, 61999, 61999));
	if (mlockall(MCL_FUTURE))
		_exit(77);
	for (int i = 0; i < 20; i++) {
		if (create(&t, run, 64 << 20))
			failed++;
		else
			join(t);
	}
	CHECK_EQ(failed, 20);
	SYS(munlockall());
	PT(create(&t, run, 64 << 10));
	join(t);
	_exit(0);
}

static const char *in_child(void (*fn)(size_t), size_t arg)
{
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)SYS(fork());
	if (pid == 0)
		fn(arg);
	return reap(pid);
}

static const char *in_child_alone(void (*fn)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)SYS(fork());
	if (pid == 0)
		fn();
	return reap(pid);
}

static void *nothing(void *arg)
{
	return arg;
}

int main(void)
{
	int bad = 0;

	for (size_t kib = 0; kib <= 4096; kib += 128) {
		const char *end = in_child(first, kib);

		if (strcmp(end, "exit 0") && strcmp(end, "exit 1"))
			bad += printf("limit of %zu KiB: %s\n", kib, end);
	}
	printf("the first thread at the limit: %s\n", bad ? "bad" : "made, or EAGAIN");
	printf("many: %s\n", in_child(many, 20 << 10));
	printf("no kernel threads: %s\n", in_child_alone(no_kernel_threads));
	printf("locked: %s\n", in_child_alone(locked));
	if (geteuid() == 0)
		printf("locked, at the limit: %s\n", in_child_alone(locked_at_limit));
	join(start(nothing, NULL));
	return 0;
}
