/* vfork from 50 threads at once, with _exit, exec, failed exec and what the child writes into the shared memory, while
 * signals pour in and others compute. */
// threads
#include "test.h"
#include <sys/time.h>

#define THREADS 50
#define ROUNDS 12

static _Atomic int alarms, done;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void *computes(void *arg)
{
	while (!done)
		for (volatile int i = 0; i < 100000; i++)
			;
	return arg;
}

static void *vforks(void *arg)
{
	volatile int word = 0, i, code;
	char want[32];

	for (i = 0; i < ROUNDS; i++) {
		code = ((int)(long)arg + i) % 100;
		pid_t pid = vfork();
		CHECK(pid >= 0);
		if (pid == 0) {
			word = code;
			if (i % 4 == 1)
				execl("/nonexistent", "x", NULL);
			if (i % 4 == 2)
				execl("/bin/sh", "sh", "-c", "exit 7", NULL);
			if (i % 4 == 3)
				kill(getpid(), SIGKILL);
			_exit(code);
		}
		CHECK_EQ(word, code);
		snprintf(want, sizeof(want), "exit %d", i % 4 == 2 ? 7 : code);
		CHECK(strcmp(reap(pid), i % 4 == 3 ? "signal SIGKILL" : want) == 0);
	}
	return arg;
}

static void *sleeps(void *arg)
{
	while (!done)
		sleep_us(200);
	return arg;
}

int main(void)
{
	struct itimerval it = {{0, 3000}, {0, 3000}};
	pthread_t t[THREADS], c, s;

	set_handler(SIGALRM, on_alarm, SA_RESTART);
	SYS(setitimer(ITIMER_REAL, &it, NULL));
	c = start(computes, NULL);
	s = start(sleeps, NULL);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(vforks, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	done = 1;
	join(c);
	join(s);
	CHECK(alarms > 0);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	puts("done");
	return 0;
}
