/* Faults of each kind are handled by the thread that commits them, wherever it runs: after a wait in the kernel, while
 * it computes, on a kernel thread of its own, in a handler; and kill where they are blocked. */
// threads
#include "test.h"
#include <setjmp.h>
#include <sys/fsuid.h>
#include <sys/resource.h>

static __thread sigjmp_buf back;
static __thread volatile int code;
static int fd;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	code = info->si_code;
	siglongjmp(back, sig);
}

static void divide(void)
{
	int a = 1, b = 0;

	__asm__ volatile("cltd\n	idivl %1" : "+a"(a) : "r"(b) : "rdx");
}

static void undefined(void)
{
	__asm__ volatile("ud2");
}

static void breakpoint(void)
{
	__asm__ volatile("int3");
}

static void forbidden(void)
{
	static volatile int *volatile nothing_there = (int *)8;

	*nothing_there = 1;
}

static void beyond_the_end(void)
{
	volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	(void)page[100];
}

static const struct {
	void (*commit)(void);
	int sig, code;
} faults[] = {
    {divide, SIGFPE, FPE_INTDIV},
    {undefined, SIGILL, ILL_ILLOPN},
    {breakpoint, SIGTRAP, SI_KERNEL},
    {forbidden, SIGSEGV, SEGV_MAPERR},
    {beyond_the_end, SIGBUS, BUS_ADRERR},
};

static void commit(size_t i)
{
	int sig = sigsetjmp(back, 1);

	if (sig == 0) {
		faults[i].commit();
		CHECK(!"no fault");
	}
	CHECK_EQ(sig, faults[i].sig);
	CHECK_EQ(code, faults[i].code);
}

static void nowhere(void)
{
}

static void after_fsync(void)
{
	SYS(fsync(fd));
}

/* Waits where only the kernel can, and comes back with what it got there. */
static void after_lock(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_len = 1};

	SYS(fcntl(fd, F_OFD_SETLKW, &l));
}

static void after_computing(void)
{
	for (long long until = now_ns() + 15 * NSEC_PER_MSEC; now_ns() < until;)
		;
	syscall(SYS_gettid);
}

static void bound(void)
{
	setfsuid(geteuid());
}

static void bound_after_wait(void)
{
	bound();
	sleep_us(100);
}

static const struct {
	const char *name;
	void (*go)(void);
} places[] = {
    {"as it is", nowhere},
    {"after fsync", after_fsync},
    {"after a wait for a lock", after_lock},
    {"computing", after_computing},
    {"own kernel thread", bound},
    {"own kernel thread, after a wait", bound_after_wait},
};

static size_t place;

static void *commits_all(void *arg)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		places[place].go();
		for (volatile int k = 0; k < 10; k++)
			commit(i);
	}
	return arg;
}

static void handled(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		t[i] = start(commits_all, NULL);
	for (int i = 0; i < 4; i++)
		join(t[i]);
	commits_all(NULL);
	exit(0);
}

static void *blocks_them(void *arg)
{
	size_t i = (size_t)arg;

	places[place].go();
	block_signal(faults[i].sig);
	faults[i].commit();
	return arg;
}

static const char *in_child(void (*fn)(size_t), size_t arg)
{
	fflush(stdout);
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		fn(arg);
		_exit(99);
	}
	return reap(pid);
}

static void all_handled(size_t unused)
{
	(void)unused;
	handled();
}

static void one_blocked(size_t i)
{
	join(start(blocks_them, (void *)i));
}

int main(void)
{
	fd = (int)SYS(open("file", O_RDWR | O_CREAT, 0600));
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		set_sigaction(faults[i].sig, on_fault, 0);
	for (place = 0; place < ARRAY_LEN(places); place++) {
		printf("%s: %s, blocked:", places[place].name, in_child(all_handled, 0));
		for (size_t i = 0; i < ARRAY_LEN(faults); i++)
			printf(" %s", in_child(one_blocked, i));
		puts("");
	}
	join(start(commits_all, (place = 0, NULL)));
	return 0;
}
