// threads
/* Becomes another program while a thread sends it signals that the next one ignores: what the runtime makes of them
 * does not end that one. */
#include "test.h"

#define TIMES 40

static pthread_t self;

/* Without sleeping: what Linux says is left of an interrupted sleep holds the timer's slack (50 us), so that a sleep
 * which is interrupted more often than that never ends. */
static void compute_us(int us)
{
	for (long long until = now_ns() + us * 1000; now_ns() < until;)
		;
}

static void on_signal(int sig)
{
	(void)sig;
}

static void *sends(void *arg)
{
	/* With a pause: a thread that is sent signals faster than it handles them does nothing else. */
	for (;;) {
		PT(pthread_kill(self, SIGWINCH));
		compute_us(10);
	}
	return arg;
}

static void *ends(void *arg)
{
	return arg;
}

int main(int argc, char **argv)
{
	char left[16];
	int n = argc > 1 ? atoi(argv[1]) : TIMES;

	if (n > 0) {
		self = pthread_self();
		set_handler(SIGWINCH, on_signal, SA_RESTART);
		start(sends, NULL);
		compute_us(n * 37 % 300);
		snprintf(left, sizeof(left), "%d", n - 1);
		execl("/proc/self/exe", argv[0], left, NULL);
		CHECK(!"exec");
	}
	join(start(ends, NULL)); /* the last one is to be seen to be green too */
	puts("ok");
	return 0;
}
