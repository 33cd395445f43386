/* getcontext, swapcontext and setcontext between threads that get signals: coroutines on stacks of their own, some on
 * another thread than before, handlers on them, setcontext out of a handler; and GNU Pth's trick with sigaltstack. */
// threads
#include "test.h"
#include <setjmp.h>
#include <stdatomic.h>
#include <ucontext.h>

#define COROUTINES 4
#define STEPS 3000
#define STACK 65536

static _Atomic long handled;
static _Atomic bool stop;

struct coroutine {
	ucontext_t own, *back;
	char *stack;
	int steps;
	double sum;
};

static void on_signal(int sig)
{
	volatile double x = 1.5;

	(void)sig;
	x = x * 3;
	atomic_fetch_add(&handled, 1);
}

static void body(unsigned low, unsigned high)
{
	struct coroutine *c = (struct coroutine *)((uintptr_t)high << 32 | low);
	double sum = 0;

	for (;;) {
		char local;

		CHECK(&local > c->stack && &local < c->stack + STACK);
		sum += 0.5;
		if (c->steps++ % 64 == 0)
			sleep_us(1);
		c->sum = sum;
		swapcontext(&c->own, c->back);
	}
}

static void make(struct coroutine *c)
{
	memset(c, 0, sizeof(*c));
	c->stack = malloc(STACK);
	SYS(getcontext(&c->own));
	c->own.uc_stack.ss_sp = c->stack;
	c->own.uc_stack.ss_size = STACK;
	makecontext(&c->own, (void (*)(void))body, 2, (unsigned)(uintptr_t)c, (unsigned)((uintptr_t)c >> 32));
}

static void step(struct coroutine *c)
{
	ucontext_t here;

	c->back = &here;
	SYS(swapcontext(&here, &c->own));
}

static struct coroutine shared[COROUTINES]; /* each by one thread at a time, in turn */
static pthread_mutex_t locks[COROUTINES] = {
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

static void *steps(void *arg)
{
	unsigned seed = (unsigned)(long)arg * 7919 + 1;
	struct coroutine mine;

	make(&mine);
	for (int i = 0; i < STEPS; i++) {
		unsigned k = rnd(&seed) % COROUTINES;

		step(&mine);
		CHECK_EQ(mine.sum * 2, i + 1);
		PT(pthread_mutex_lock(&locks[k]));
		step(&shared[k]);
		PT(pthread_mutex_unlock(&locks[k]));
	}
	free(mine.stack);
	return NULL;
}

static pthread_t steppers[COROUTINES];

static void *signals(void *arg)
{
	for (int i = 0; !atomic_load(&stop); i++) {
		if (i % 5 == 0)
			SYS(kill(getpid(), SIGUSR1));
		else
			pthread_kill(steppers[i % COROUTINES], SIGUSR1);
		sleep_us(50);
	}
	return arg;
}

static void coroutines(void)
{
	pthread_t sender;
	int all = 0;

	for (int i = 0; i < COROUTINES; i++)
		make(&shared[i]);
	for (long i = 0; i < COROUTINES; i++)
		steppers[i] = start(steps, (void *)i);
	sender = start(signals, NULL);
	/* The sender names them: they are not joined before it is. */
	WAIT_UNTIL(atomic_load(&handled) > 20);
	atomic_store(&stop, true);
	join(sender);
	for (int i = 0; i < COROUTINES; i++)
		join(steppers[i]);
	for (int i = 0; i < COROUTINES; i++)
		all += shared[i].steps;
	CHECK_EQ(all, COROUTINES * STEPS);
	puts("coroutines: right");
}

/* setcontext instead of a return. */

static __thread volatile int jumps;
static __thread ucontext_t start_again;

static bool blocked(int sig)
{
	sigset_t now;

	PT(pthread_sigmask(SIG_SETMASK, NULL, &now));
	return sigismember(&now, sig);
}

static void goes_elsewhere(int sig)
{
	CHECK(blocked(sig));
	jumps++;
	setcontext(&start_again);
	abort();
}

static void *out_of_handlers(void *arg)
{
	volatile int rounds = 0;

	SYS(getcontext(&start_again));
	CHECK(!blocked(SIGUSR2));
	CHECK_EQ(jumps, rounds);
	if (rounds++ < 200) {
		if (rounds % 2)
			raise(SIGUSR2);
		pthread_kill(pthread_self(), SIGUSR2);
	}
	return arg;
}

/* A coroutine is born in a handler on an alternate stack, and goes on there when the handler is long gone. */

static __thread jmp_buf caller, born;
static __thread volatile bool is_born;
static __thread volatile int lives;

static void lives_on(void)
{
	for (;;) {
		lives++;
		sleep_us(10);
		if (_setjmp(born) == 0)
			_longjmp(caller, 1);
	}
}

static void is_birth(int sig)
{
	(void)sig;
	if (_setjmp(born) == 0) {
		is_born = true;
		return;
	}
	lives_on();
}

static void *pth(void *arg)
{
	char *stack = malloc(STACK);
	stack_t alt = {.ss_sp = stack, .ss_size = STACK}, off = {.ss_flags = SS_DISABLE};

	lives = 0;
	is_born = false;
	SYS(sigaltstack(&alt, NULL));
	raise(SIGWINCH);
	CHECK(is_born);
	SYS(sigaltstack(&off, NULL));
	for (int i = 1; i <= 200; i++) {
		if (_setjmp(caller) == 0)
			_longjmp(born, 1);
		CHECK_EQ(lives, i);
	}
	free(stack);
	return arg;
}

static void *run(void *arg)
{
	out_of_handlers(NULL);
	pth(NULL);
	puts(arg);
	return NULL;
}

int main(void)
{
	set_handler(SIGUSR1, on_signal, SA_RESTART);
	set_handler(SIGUSR2, goes_elsewhere, 0);
	set_handler(SIGWINCH, is_birth, SA_ONSTACK);
	coroutines();
	run("main: right");
	join(start(run, "a thread: right"));
	return 0;
}
