/* Asynchronous cancellation at any instruction of threads that make calls that do and do not block, change their mask,
 * and handle signals, also on an alternate stack: the handlers run, and what others share with them stays whole. */
// threads
#include "test.h"
#include <linux/futex.h>
#include <sys/eventfd.h>

#define ROUNDS 400
#define AT_ONCE 2

static int pipe_fds[2], event_fd;
static _Atomic int cleaned, handled;
static uint32_t word;

struct job {
	int kind;
	_Atomic bool there;
	char *stack;
};

static void clean(void *arg)
{
	(void)arg;
	cleaned++;
}

static void on_signal(int sig)
{
	(void)sig;
	handled++;
	for (volatile int i = 0; i < 200; i++)
		;
	syscall(SYS_getpid);
}

static void no_stack(void *arg)
{
	stack_t off = {.ss_flags = SS_DISABLE};

	(void)arg;
	SYS(sigaltstack(&off, NULL));
	cleaned++;
}

/* One call; no libc that would be left in the middle of something. */
static void call(int kind, int i)
{
	char c[8] = {0};
	struct timespec brief = {0, 1000};
	struct pollfd p = {.fd = pipe_fds[0], .events = POLLIN};
	uint64_t mask = 1UL << (SIGUSR2 - 1);

	switch (kind) {
	case 0:
		syscall(SYS_gettid);
		syscall(SYS_sched_yield);
		break;
	case 1:
		syscall(SYS_nanosleep, &brief, NULL);
		break;
	case 2:
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &brief, NULL, 0);
		syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		break;
	case 3:
		syscall(SYS_poll, &p, 1, i % 4 ? 0 : 1);
		break;
	case 4:
		syscall(SYS_rt_sigprocmask, i % 2 ? SIG_BLOCK : SIG_UNBLOCK, &mask, NULL, 8);
		break;
	case 5:
		syscall(SYS_write, event_fd, "\1\0\0\0\0\0\0", 8);
		syscall(SYS_read, event_fd, c, 8);
		break;
	case 6:
		syscall(SYS_tgkill, getpid(), (long)own_tid(), SIGUSR1);
		break;
	case 7:
		syscall(SYS_futex, &word, FUTEX_WAIT, 0, &brief, NULL, 0); /* as if shared: in the kernel */
		break;
	case 8:
		syscall(SYS_ppoll, NULL, 0, &brief, &mask, 8);
		break;
	default:
		for (volatile int k = 0; k < 100; k++)
			;
	}
}

#define KINDS 10

static void *runs(void *arg)
{
	struct job *j = arg;
	stack_t stack = {.ss_sp = j->stack, .ss_size = 32768};

	pthread_cleanup_push(clean, NULL);
	pthread_cleanup_push(no_stack, NULL);
	if (j->stack)
		SYS(sigaltstack(&stack, NULL));
	PT(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL));
	j->there = true;
	for (int i = 0;; i++)
		call(j->kind, i);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	unsigned seed = test_seed();
	static char stacks[AT_ONCE][32768];
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
	int started = 0;

	SYS(sigaction(SIGUSR1, &sa, NULL));
	SYS(pipe(pipe_fds));
	event_fd = (int)SYS(eventfd(1, EFD_NONBLOCK));
	for (int round = 0; round < ROUNDS / AT_ONCE; round++) {
		struct job jobs[AT_ONCE];
		pthread_t t[AT_ONCE];

		for (int i = 0; i < AT_ONCE; i++) {
			jobs[i] = (struct job){(int)(rnd(&seed) % KINDS), false, i % 2 ? stacks[i] : NULL};
			t[i] = start(runs, &jobs[i]);
			started++;
		}
		for (int i = 0; i < AT_ONCE; i++) {
			WAIT_UNTIL(jobs[i].there);
			for (unsigned k = rnd(&seed) % 3000; k > 0; k--)
				__asm__ volatile("pause");
			if (i % 3 == 0)
				PT(pthread_kill(t[i], SIGUSR1));
			PT(pthread_cancel(t[i]));
		}
		for (int i = 0; i < AT_ONCE; i++)
			CHECK(join(t[i]) == PTHREAD_CANCELED);
	}
	CHECK_EQ(cleaned, 2 * started);
	CHECK(handled > 0);
	printf("canceled %d\n", started);
	return 0;
}
