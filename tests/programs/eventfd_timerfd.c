/* Blocking reads of eventfd and timerfd: counters, semaphores, full counters that block the writer, expirations. */
// threads
#include "io_test.h"
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#define ROUNDS 5000

static int to, back;

static void *pongs(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		eventfd_t value;

		SYS(eventfd_read(to, &value));
		SYS(eventfd_write(back, value + 1));
	}
	return arg;
}

static void ping_pong(void)
{
	pthread_t t = start(pongs, NULL);

	for (eventfd_t i = 1; i <= ROUNDS; i++) {
		eventfd_t value;

		SYS(eventfd_write(to, i));
		SYS(eventfd_read(back, &value));
		CHECK_EQ(value, i + 1);
	}
	join(t);
	printf("%d rounds\n", ROUNDS);
}

static void *writes(void *arg)
{
	return (void *)(long)eventfd_write((int)(long)arg, 5);
}

static void full(void)
{
	int fd = (int)SYS(eventfd(0, 0));
	eventfd_t value;
	pthread_t t;

	SYS(eventfd_write(fd, UINT64_MAX - 1));
	t = start(writes, (void *)(long)fd);
	let_it_block();
	SYS(eventfd_read(fd, &value));
	CHECK(value == UINT64_MAX - 1);
	printf("blocked writer: %ld\n", (long)join(t));
	SYS(eventfd_read(fd, &value));
	printf("then %llu\n", (unsigned long long)value);
	SAY("write of the highest value", eventfd_write(fd, UINT64_MAX));
	SAY("short read", read(fd, &value, 4));
	SAY("short write", write(fd, &value, 4));
	SYS(close(fd));
}

static void *takes(void *arg)
{
	eventfd_t value;
	long sum = 0;

	for (int i = 0; i < 100; i++) {
		SYS(eventfd_read((int)(long)arg, &value));
		sum += (long)value;
	}
	return (void *)sum;
}

static void semaphore(void)
{
	int fd = (int)SYS(eventfd(0, EFD_SEMAPHORE));
	pthread_t t[10];
	long sum = 0;

	for (int i = 0; i < 10; i++)
		t[i] = start(takes, (void *)(long)fd);
	for (int i = 0; i < 100; i++)
		SYS(eventfd_write(fd, 10));
	for (int i = 0; i < 10; i++)
		sum += (long)join(t[i]);
	printf("semaphore: %ld\n", sum);
	SYS(close(fd));
}

static void timers(clockid_t clock, int flags, const char *name)
{
	struct itimerspec its = {.it_value = to_timespec(20 * NSEC_PER_MSEC)};
	long long began = clock_ns(clock);
	int fd = (int)SYS(timerfd_create(clock, 0));
	uint64_t expired, sum = 0;

	if (flags & TFD_TIMER_ABSTIME)
		its.it_value = to_timespec(began + 20 * NSEC_PER_MSEC);
	SYS(timerfd_settime(fd, flags, &its, NULL));
	printf("%s: %zd bytes", name, read(fd, &expired, sizeof(expired)));
	CHECK(clock_ns(clock) - began >= 20 * NSEC_PER_MSEC);
	printf(", %llu expired\n", (unsigned long long)expired);
	its.it_value = its.it_interval = to_timespec(2 * NSEC_PER_MSEC);
	began = clock_ns(clock);
	SYS(timerfd_settime(fd, 0, &its, NULL));
	while (sum < 20) {
		CHECK_EQ(read(fd, &expired, sizeof(expired)), sizeof(expired));
		sum += expired;
	}
	CHECK(clock_ns(clock) - began >= 40 * NSEC_PER_MSEC);
	SYS(close(fd));
}

static void *body(void *arg)
{
	to = (int)SYS(eventfd(0, 0));
	back = (int)SYS(eventfd(0, 0));
	ping_pong();
	full();
	semaphore();
	timers(CLOCK_MONOTONIC, 0, "monotonic");
	timers(CLOCK_REALTIME, TFD_TIMER_ABSTIME, "realtime, absolute");
	timers(CLOCK_BOOTTIME, 0, "boottime");
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
