/* Sleeps that a signal ends: EINTR with the time that remains, absolute ones without, whether SA_RESTART or not. */
// threads
#include "io_test.h"

static int handled;

static void handler(int sig)
{
	(void)sig;
	handled++;
}

static void show_left(const char *what, long result, const struct timespec *left)
{
	long long ns = left->tv_sec * NSEC_PER_SEC + left->tv_nsec;

	printf("%s: %s, %s\n", what, strerrorname_np((int)result),
	    ns == 77 * NSEC_PER_SEC ? "not told what remains"
	    : ns > 50 * NSEC_PER_SEC && ns < 60 * NSEC_PER_SEC + NSEC_PER_MSEC /* timer slack */ ? "most remains"
												 : "wrong remainder");
}

static void *by_nanosleep(void *arg)
{
	struct timespec ts = {60, 0}, left = {77, 0};

	show_left("nanosleep", nanosleep(&ts, &left) ? errno : 0, &left);
	return arg;
}

static void *by_nanosleep_same(void *arg)
{
	struct timespec ts = {60, 0};

	show_left("nanosleep, one timespec", nanosleep(&ts, &ts) ? errno : 0, &ts);
	return arg;
}

static void *by_clock(void *arg)
{
	struct timespec ts = {60, 0}, left = {77, 0};

	show_left("clock_nanosleep", clock_nanosleep(CLOCK_REALTIME, 0, &ts, &left), &left);
	return arg;
}

static void *by_clock_absolute(void *arg)
{
	struct timespec ts = after_ms(CLOCK_MONOTONIC, 60000), left = {77, 0};

	show_left("absolute", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, &left), &left);
	return arg;
}

static void *by_sleep(void *arg)
{
	unsigned left = sleep(60);

	printf("sleep: %s\n", left > 50 && left <= 60 ? "most remains" : "wrong remainder");
	return arg;
}

static void *by_usleep(void *arg)
{
	SAY("usleep", usleep(60000000));
	return arg;
}

static void *(*const sleepers[])(void *) = {
    by_nanosleep, by_nanosleep_same, by_clock, by_clock_absolute, by_sleep, by_usleep};

/* What remains after each of many interruptions adds up: the sleep as a whole is not early. */
static void *goes_on(void *arg)
{
	struct timespec ts = {0, 200000000};
	long long began = now_ns();

	while (nanosleep(&ts, &ts) == -1)
		CHECK_EQ(errno, EINTR);
	CHECK(now_ns() - began >= 200000000);
	return arg;
}

int main(void)
{
	pthread_t t;

	for (int restart = 0; restart < 2; restart++) {
		set_handler(SIGUSR1, handler, restart ? SA_RESTART : 0);
		puts(restart ? "SA_RESTART" : "no SA_RESTART");
		for (size_t i = 0; i < ARRAY_LEN(sleepers); i++) {
			t = start(sleepers[i], NULL);
			let_it_block();
			PT(pthread_kill(t, SIGUSR1));
			join(t);
		}
	}
	printf("handled %d\n", handled);
	t = start(goes_on, NULL);
	for (int i = 0; i < 20; i++) {
		sleep_us(3000);
		PT(pthread_kill(t, SIGUSR1));
	}
	join(t);
	puts("never early");
	return 0;
}
