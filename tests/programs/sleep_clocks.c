/* nanosleep, clock_nanosleep, usleep, sleep: each clock, absolute and relative, never early; wrong arguments. */
// threads
#include "io_test.h"

#define MS 20

static const struct {
	clockid_t clock;
	const char *name;
} clocks[] = {
    {CLOCK_REALTIME, "realtime"}, {CLOCK_MONOTONIC, "monotonic"}, {CLOCK_BOOTTIME, "boottime"}, {CLOCK_TAI, "tai"}};

static void relative(clockid_t clock)
{
	struct timespec ts = to_timespec(MS * NSEC_PER_MSEC), left = {5, 5};
	long long began = clock_ns(clock);

	PT(clock_nanosleep(clock, 0, &ts, &left));
	CHECK(clock_ns(clock) - began >= MS * NSEC_PER_MSEC);
	CHECK(left.tv_sec == 5 && left.tv_nsec == 5);
}

static void absolute(clockid_t clock)
{
	struct timespec ts = after_ms(clock, MS), past = after_ms(clock, -MS);

	PT(clock_nanosleep(clock, TIMER_ABSTIME, &ts, NULL));
	CHECK(clock_ns(clock) >= ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec);
	PT(clock_nanosleep(clock, TIMER_ABSTIME, &past, NULL));
}

static void *sleeps(void *arg)
{
	unsigned state = (unsigned)(long)arg + 1;

	for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
		relative(clocks[i].clock);
		absolute(clocks[i].clock);
	}
	for (int i = 0; i < 100; i++) {
		long long ns = rnd(&state) % 500000, began = now_ns();
		struct timespec ts = to_timespec(ns);

		CHECK_EQ(nanosleep(&ts, NULL), 0);
		CHECK(now_ns() - began >= ns);
		CHECK_EQ(usleep((unsigned)ns / 1000), 0);
	}
	return NULL;
}

static void wrong(void)
{
	struct timespec ts = {0, 1}, over = {0, NSEC_PER_SEC}, negative = {-1, 0}, minus = {0, -1};

	SHOW(nanosleep(&over, NULL));
	SHOW(nanosleep(&negative, NULL));
	SHOW(nanosleep(&minus, NULL));
	printf("clock 99: %s\n", strerrorname_np(clock_nanosleep(99, 0, &ts, NULL)));
	printf("own CPU clock: %s\n", strerrorname_np(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL)));
	printf("coarse clock: %s\n", strerrorname_np(clock_nanosleep(CLOCK_MONOTONIC_COARSE, 0, &ts, NULL)));
	printf("absolute, negative: %s\n",
	    strerrorname_np(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &negative, NULL)));
}

static void zero(void)
{
	struct timespec none = {0, 0};

	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(usleep(0), 0);
		CHECK_EQ(nanosleep(&none, NULL), 0);
		CHECK_EQ(sched_yield(), 0);
		CHECK_EQ(sleep(0), 0);
	}
}

static void *body(void *arg)
{
	long long began = now_ns();

	wrong();
	zero();
	SHOW(sleep(1));
	CHECK(now_ns() - began >= NSEC_PER_SEC);
	return arg;
}

int main(void)
{
	pthread_t t[100];

	join(start(body, NULL));
	for (long i = 0; i < 100; i++)
		t[i] = start(sleeps, (void *)i);
	for (int i = 0; i < 100; i++)
		join(t[i]);
	for (size_t i = 0; i < ARRAY_LEN(clocks); i++)
		printf("%s: never early\n", clocks[i].name);
	return 0;
}
