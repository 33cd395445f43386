// env: GREEN_TRAP=1
// threads
/* Inline system calls behave as libc's: they park beside others, know the same thread id, hand over by futexes. */
#include <linux/futex.h>

#include "trap_test.h"

#define READERS 200
#define SLEEPERS 200

static int pipes[READERS][2];
static struct event begun = EVENT_INIT;

/* More readers than a process that blocks its kernel threads could have at once, and one writer. */
static void *reader(void *arg)
{
	int *p = arg;
	char byte;

	CHECK_EQ(inline_call(SYS_gettid), gettid());
	CHECK_EQ(inline_call(SYS_getpid), getpid());
	event_post(&begun);
	CHECK_EQ(inline_call(SYS_read, p[0], &byte, 1), 1);
	CHECK_EQ(inline_call(SYS_write, p[1], &byte, 1), 1);
	return (void *)(long)byte;
}

static void pipes_park(void)
{
	pthread_t t[READERS];
	int carriers;

	for (int i = 0; i < READERS; i++) {
		SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pipes[i]));
		int *p = malloc(2 * sizeof(int));
		p[0] = p[1] = pipes[i][0];
		t[i] = start(reader, p);
	}
	event_wait(&begun, READERS);
	sleep_us(1000);
	carriers = kernel_threads();
	if (carriers != READERS + 1) /* as there are natively */
		CHECK(carriers < 20);
	for (int i = 0; i < READERS; i++) {
		char byte = (char)(i % 100), back = -1;
		CHECK_EQ(inline_call(SYS_write, pipes[i][1], &byte, 1), 1);
		CHECK_EQ(inline_call(SYS_recvfrom, pipes[i][1], &back, 1, 0, 0, 0), 1);
		CHECK_EQ(back, byte);
	}
	for (int i = 0; i < READERS; i++)
		CHECK_EQ((long)join(t[i]), i % 100);
	printf("readers parked\n");
}

static uint32_t turn;

static void *hand_over(void *arg)
{
	uint32_t self = (uint32_t)(long)arg;

	for (int i = 0; i < 2000; i++) {
		uint32_t now;
		while ((now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) % 2 != self)
			inline_call(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, 0);
		__atomic_store_n(&turn, now + 1, __ATOMIC_RELEASE);
		inline_call(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
	}
	return NULL;
}

static void futexes(void)
{
	pthread_t a = start(hand_over, (void *)0L), b = start(hand_over, (void *)1L);

	join(a);
	join(b);
	CHECK_EQ(turn, 4000);
	printf("futex: handed over\n");
}

static void *sleeper(void *arg)
{
	struct timespec ts = to_timespec(20 * NSEC_PER_MSEC);
	long long before = now_ns();

	(void)arg;
	CHECK_EQ(inline_call(SYS_nanosleep, &ts, 0), 0);
	CHECK(now_ns() - before >= 20 * NSEC_PER_MSEC);
	CHECK_EQ(inline_call(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, 0), 0);
	CHECK_EQ(inline_call(SYS_sched_yield), 0);
	return NULL;
}

static void sleeps(void)
{
	pthread_t t[SLEEPERS];
	long long before = now_ns();

	for (int i = 0; i < SLEEPERS; i++)
		t[i] = start(sleeper, NULL);
	for (int i = 0; i < SLEEPERS; i++)
		join(t[i]);
	CHECK(now_ns() - before < 5 * NSEC_PER_SEC); /* one after the other: 8 s */
	printf("slept beside each other\n");
}

static void errors(void)
{
	char byte;

	CHECK_EQ(inline_call(SYS_read, -1, &byte, 1), -EBADF);
	CHECK_EQ(inline_call(SYS_write, 1, (void *)8, 1), -EFAULT);
	CHECK_EQ(inline_call(511), -ENOSYS);
	CHECK_EQ(inline_call(100000), -ENOSYS);
	CHECK_EQ(inline_call(SYS_nanosleep, (void *)8, 0), -EFAULT);
	printf("errors are the kernel's\n");
}

int main(void)
{
	errors();
	pipes_park();
	futexes();
	sleeps();
	errors();
	return 0;
}
