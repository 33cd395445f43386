/* sigaltstack is each thread's own: handlers with SA_ONSTACK run on it, others do not; it cannot change while in use.
 */
// threads
#include "test.h"

#define THREADS 20
#define SIZE 65536

static __thread char *alt;
static __thread volatile sig_atomic_t on_alt, on_plain;

static bool is_on_alt(void)
{
	char local;

	return &local >= alt && &local < alt + SIZE;
}

static void on_usr1(int sig)
{
	stack_t now, other = {.ss_flags = SS_DISABLE};

	(void)sig;
	CHECK(is_on_alt());
	SYS(sigaltstack(NULL, &now));
	CHECK_EQ(now.ss_flags & SS_ONSTACK, SS_ONSTACK);
	CHECK(sigaltstack(&other, NULL) == -1 && errno == EPERM);
	sched_yield();
	on_alt++;
}

static void on_usr2(int sig)
{
	(void)sig;
	CHECK(!is_on_alt());
	on_plain++;
}

static void *run(void *arg)
{
	stack_t old, mine = {.ss_size = SIZE}, small = {.ss_sp = &old, .ss_size = 100};

	SYS(sigaltstack(NULL, &old));
	CHECK_EQ(old.ss_flags, SS_DISABLE);
	CHECK(sigaltstack(&small, NULL) == -1 && errno == ENOMEM);
	mine.ss_sp = alt = malloc(SIZE);
	SYS(sigaltstack(&mine, NULL));
	for (int i = 0; i < 100; i++) {
		SYS(raise(SIGUSR1));
		SYS(raise(SIGUSR2));
		if (i % 10 == 0)
			sleep_us(20);
		SYS(sigaltstack(NULL, &old));
		CHECK(old.ss_sp == alt && old.ss_size == SIZE && old.ss_flags == 0);
	}
	CHECK_EQ(on_alt, 100);
	CHECK_EQ(on_plain, 100);
	mine.ss_flags = SS_DISABLE;
	SYS(sigaltstack(&mine, NULL));
	free(alt);
	return arg;
}

int main(void)
{
	pthread_t t[THREADS];

	set_handler(SIGUSR1, on_usr1, SA_ONSTACK);
	set_handler(SIGUSR2, on_usr2, 0);
	for (int i = 0; i < THREADS; i++)
		t[i] = start(run, NULL);
	run(NULL);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	puts("each on its own");
	return 0;
}
