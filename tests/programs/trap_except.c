// env: GREEN_TRAP=1
// env: GREEN_TRAP_EXCEPT=libno*,trap_l?b
// threads
/* The calls of a library that is excepted go to the kernel, those of others do not; both with their results. */
#include "trap_lib_test.h"

#define PID_MAX_LIMIT (1 << 22)
#define ROUNDS 2000

static int fds[2];

static void *caller(void *arg)
{
	bool green = gettid() > PID_MAX_LIMIT;
	char byte = 0;

	(void)arg;
	CHECK_EQ(inline_call(SYS_gettid), gettid());
	if (green)
		CHECK(lib_gettid() < PID_MAX_LIMIT);
	else
		CHECK_EQ(lib_gettid(), gettid());
	for (int i = 0; i < ROUNDS; i++) {
		char sent = (char)i;
		CHECK_EQ(lib_read(-1, &byte, 1), -EBADF);
		SYS(write(fds[1], &sent, 1));
		CHECK_EQ(lib_read(fds[0], &byte, 1), 1);
		CHECK_EQ(byte, sent);
	}
	return NULL;
}

static void *blocks(void *arg)
{
	char byte;

	CHECK_EQ(lib_read(*(int *)arg, &byte, 1), 1);
	return NULL;
}

static volatile sig_atomic_t handled;
static volatile bool over;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
	CHECK_EQ(lib_read(-1, NULL, 0), -EBADF);
}

static void *interrupted(void *arg)
{
	char byte;

	long ret = lib_read(*(int *)arg, &byte, 1);

	over = true;
	return (void *)ret;
}

static long signalled(int *p, int flags, int times)
{
	pthread_t t;

	handled = 0;
	over = false;
	set_handler(SIGUSR1, on_signal, flags);
	t = start(interrupted, p);
	/* One that comes before its call interrupts nothing: until it ends. */
	while (handled < times || !(flags & SA_RESTART || over)) {
		sleep_us(1000);
		PT(pthread_kill(t, SIGUSR1));
	}
	if (flags & SA_RESTART)
		SYS(write(p[1], "", 1));
	return (long)join(t);
}

int main(void)
{
	int p[2];

	SYS(pipe(fds));
	SYS(pipe(p));
	lib_open();
	join(start(caller, NULL));
	printf("excepted\n");
	pthread_t t = start(blocks, p);
	sleep_us(30000);
	SYS(write(p[1], "", 1)); /* others go on while it blocks in the kernel */
	join(t);
	printf("blocked beside others\n");
	CHECK_EQ(signalled(p, SA_RESTART, 10), 1);
	printf("restarted\n");
	CHECK_EQ(signalled(p, 0, 1), -EINTR);
	printf("EINTR\n");
	return 0;
}
