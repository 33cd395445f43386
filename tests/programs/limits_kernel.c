/*
 * Other limits at their edge: kernel threads (RLIMIT_NPROC), stacks (RLIMIT_STACK),
 * descriptors when the first thread is made (RLIMIT_NOFILE).
 */
// threads
// may-run-native
#include "io_test.h"

static int main_stack;

static void set_limit(int what, rlim_t soft)
{
	struct rlimit limit;

	SYS(getrlimit(what, &limit));
	limit.rlim_cur = soft;
	SYS(setrlimit(what, &limit));
}

static void *nothing(void *arg)
{
	return arg;
}

static const char *in_child(void (*fn)(long), long arg)
{
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		fn(arg);
		fflush(stdout);
		_exit(0);
	}
	return reap(pid);
}

static void *uses_disk(void *arg)
{
	int fd = scratch_file();

	for (int i = 0; i < 30; i++) {
		SYS(pwrite(fd, "x", 1, i));
		SYS(fsync(fd));
		sched_yield();
	}
	close(fd);
	return arg;
}

static void be_nobody(void)
{
	if (geteuid() == 0)
		SYS(setresuid(61998, 61998, 61998));
}

/* No kernel thread may be made: not the first one, and then, with the limit lifted, as ever. */
static void no_thread_at_all(long arg)
{
	pthread_t t;

	(void)arg;
	be_nobody();
	set_limit(RLIMIT_NPROC, 1);
	CHECK_EQ(pthread_create(&t, NULL, nothing, NULL), EAGAIN);
	set_limit(RLIMIT_NPROC, 1000);
	join(start(nothing, NULL));
}

/* The threads are there, and then no more kernel threads. */
static void no_more(long arg)
{
	pthread_t t[20];

	(void)arg;
	be_nobody();
	PT(pthread_create(&t[0], NULL, nothing, NULL));
	join(t[0]);
	for (int i = 0; i < 20; i++)
		t[i] = start(uses_disk, NULL);
	set_limit(RLIMIT_NPROC, 1);
	for (int i = 0; i < 20; i++)
		join(t[i]);
	CHECK(fork() == -1 && errno == EAGAIN);
}

static void *bounds(void *arg)
{
	pthread_attr_t attr;
	void *base;
	size_t size, guard;

	PT(pthread_getattr_np(pthread_self(), &attr));
	PT(pthread_attr_getstack(&attr, &base, &size));
	PT(pthread_attr_getguardsize(&attr, &guard));
	PT(pthread_attr_destroy(&attr));
	CHECK((char *)&attr > (char *)base && (char *)&attr < (char *)base + size);
	if (arg)
		printf("main: %d, guard %zu\n", size > 64 << 10, guard);
	else
		printf("thread: %zu KiB, guard %zu\n", size >> 10, guard);
	return arg;
}

static void stack(long kib)
{
	set_limit(RLIMIT_STACK, kib < 0 ? RLIM_INFINITY : (rlim_t)kib << 10);
	join(start(bounds, NULL));
	bounds(&main_stack);
}

/* `spare` descriptors are left when the first thread is made: it comes, and at most a dozen are gone. */
static void few_files(long spare)
{
	int used = 0, left = 0, fd;

	while (fcntl(used, F_GETFD) >= 0)
		used++;
	set_limit(RLIMIT_NOFILE, (rlim_t)(used + spare));
	for (int i = 0; i < 3; i++)
		join(start(nothing, NULL));
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		left++;
	CHECK_EQ(errno, EMFILE);
	CHECK(left <= spare && left >= spare - 12);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EMFILE);
	CHECK(pipe((int[2]){0}) == -1 && errno == EMFILE);
	for (int i = 0; i < 3; i++)
		join(start(nothing, NULL));
}

int main(void)
{
	printf("no thread at all: %s\n", in_child(no_thread_at_all, 0));
	printf("no more: %s\n", in_child(no_more, 0));
	printf("stack of 1 MiB: %s\n", in_child(stack, 1024));
	printf("stack of 64 MiB: %s\n", in_child(stack, 64 << 10));
	printf("stack without limit: %s\n", in_child(stack, -1));
	for (long spare = 0; spare <= 20; spare++) {
		const char *end = in_child(few_files, spare);

		if (strcmp(end, "exit 0") != 0)
			printf("%ld descriptors: %s\n", spare, end);
	}
	join(start(nothing, NULL));
	return 0;
}
