/* SIGEV_THREAD timers: libc makes the threads itself; each expiry runs the function in a thread of its own. */
// threads
#include "test.h"

static sem_t fired;
static pthread_t main_thread;

static void on_timer(union sigval value)
{
	CHECK_EQ(value.sival_int, 12);
	CHECK(!pthread_equal(pthread_self(), main_thread));
	sleep_us(100);
	SYS(sem_post(&fired));
}

int main(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 12};
	struct itimerspec every_ms = {{0, NSEC_PER_MSEC}, {0, NSEC_PER_MSEC}};
	timer_t timer;

	main_thread = pthread_self();
	SYS(sem_init(&fired, 0, 0));
	event.sigev_notify_function = on_timer;
	SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
	SYS(timer_settime(timer, 0, &every_ms, NULL));
	for (int i = 0; i < 20; i++)
		SYS(sem_wait(&fired));
	SYS(timer_delete(timer));
	puts("fired");
	return 0;
}
