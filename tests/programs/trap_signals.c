// env: GREEN_TRAP=1
// threads
/*
 * Signals and inline system calls: interrupted and restarted ones, calls in handlers, handlers and masks that are set
 * past libc, SIGSYS of the program's own, blocked and not, and that of a seccomp filter.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <ucontext.h>

#include "trap_test.h"

static volatile sig_atomic_t handled;
static int fds[2];
static struct event begun = EVENT_INIT;

/* A handler makes inline calls, too; and then its way back is one (see restorer). */
static void on_signal(int sig)
{
	char byte = 'h';

	(void)sig;
	handled++;
	CHECK_EQ(inline_call(SYS_gettid), gettid());
	CHECK_EQ(inline_call(SYS_write, fds[1], &byte, 1), 1);
	CHECK_EQ(inline_call(SYS_read, fds[0], &byte, 1), 1);
}

static void *interrupted(void *arg)
{
	int *p = arg;
	char byte;

	event_post(&begun);
	return (void *)inline_call(SYS_read, p[0], &byte, 1);
}

static void interrupts(void)
{
	int p[2];
	pthread_t t;

	SYS(pipe(p));
	SYS(pipe(fds));
	set_handler(SIGUSR1, on_signal, 0);
	t = start(interrupted, p);
	event_wait(&begun, 1);
	sleep_us(2000);
	while (!handled) {
		PT(pthread_kill(t, SIGUSR1));
		sleep_us(2000);
	}
	CHECK_EQ((long)join(t), -EINTR);
	printf("EINTR\n");

	handled = 0;
	set_handler(SIGUSR1, on_signal, SA_RESTART);
	t = start(interrupted, p);
	event_wait(&begun, 2);
	sleep_us(2000);
	for (int i = 0; i < 20; i++) {
		PT(pthread_kill(t, SIGUSR1));
		WAIT_UNTIL(handled > i);
	}
	SYS(write(p[1], "", 1));
	CHECK_EQ((long)join(t), 1);
	printf("restarted\n");
}

/* A frame's way back past libc, as another C library has it. */
__asm__("restorer: mov $15, %eax\n syscall\n");
void restorer(void);

struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static void past_libc(void)
{
	struct kernel_sigaction sa = {.handler = on_signal, .flags = 0x04000000, .restorer = restorer};
	uint64_t usr2 = 1UL << (SIGUSR2 - 1), none = 0, now = ~0UL, pending = 0;

	handled = 0;
	CHECK_EQ(inline_call(SYS_rt_sigaction, SIGUSR2, &sa, 0, 8), 0);
	CHECK_EQ(inline_call(SYS_rt_sigprocmask, SIG_SETMASK, &usr2, 0, 8), 0);
	CHECK_EQ(inline_call(SYS_tgkill, getpid(), gettid(), SIGUSR2), 0);
	CHECK_EQ(inline_call(SYS_rt_sigpending, &pending, 8), 0);
	CHECK_EQ(pending, usr2);
	CHECK_EQ(handled, 0);
	CHECK_EQ(inline_call(SYS_rt_sigprocmask, SIG_SETMASK, &none, &now, 8), 0);
	CHECK_EQ(handled, 1);
	CHECK_EQ(now, usr2);
	CHECK_EQ(inline_call(SYS_rt_sigprocmask, SIG_SETMASK, 0, &now, 8), 0);
	CHECK_EQ(now, 0);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(inline_call(SYS_tgkill, getpid(), gettid(), SIGUSR2), 0);
	CHECK_EQ(handled, 1001);
}

static void *past_libc_thread(void *arg)
{
	past_libc();
	return arg;
}

/* Thousands of calls under signals that come at any point of them. */
#define CALLS 4000

static volatile bool over;

static void *calls(void *arg)
{
	char *bytes = arg;

	for (int i = 0; i < CALLS; i++) {
		long n = inline_call(SYS_write, 9999, bytes, 1);
		CHECK_EQ(n, -EBADF);
		CHECK_EQ(inline_call(SYS_getppid), getppid());
		CHECK_EQ(inline_call(SYS_gettid), gettid());
		if (i % 16 == 0)
			inline_call(SYS_sched_yield);
	}
	return NULL;
}

static void count(int sig)
{
	(void)sig;
	handled++;
	CHECK_EQ(inline_call(SYS_gettid), gettid());
}

static void *sender(void *arg)
{
	pthread_t *t = arg;

	while (!over) {
		for (int i = 0; i < 3; i++)
			pthread_kill(t[i], SIGUSR1);
		SYS(kill(getpid(), SIGUSR2));
		inline_call(SYS_sched_yield);
	}
	return NULL;
}

static void storm(void)
{
	static pthread_t t[3];
	pthread_t s;

	set_handler(SIGUSR1, count, SA_RESTART);
	set_handler(SIGUSR2, count, SA_RESTART);
	for (int i = 0; i < 3; i++)
		t[i] = start(calls, "x");
	s = start(sender, t);
	pthread_t last = start(calls, "y");
	join(last);
	over = true;
	join(s);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	CHECK(handled > 100);
	printf("storm\n");
}

static bool cleaned;

static void cleanup(void *arg)
{
	(void)arg;
	cleaned = true;
}

static void *cancelled(void *arg)
{
	PT(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL));
	pthread_cleanup_push(cleanup, NULL);
	interrupted(arg);
	pthread_cleanup_pop(0);
	return NULL;
}

static sigjmp_buf away;

static void jumps(int sig)
{
	(void)sig;
	siglongjmp(away, 1);
}

static void *jumped(void *arg)
{
	for (volatile int i = 0; i < 50; i++) {
		if (!sigsetjmp(away, 1))
			interrupted(arg);
		CHECK_EQ(inline_call(SYS_gettid), gettid());
	}
	return NULL;
}

/* Ways out of a call that does not return. */
static void left_behind(void)
{
	int p[2], n = begun.count;
	pthread_t t;

	SYS(pipe(p));
	t = start(cancelled, p);
	event_wait(&begun, ++n);
	sleep_us(2000);
	PT(pthread_cancel(t));
	CHECK(join(t) == PTHREAD_CANCELED);
	CHECK(cleaned);
	printf("cancelled\n");

	set_handler(SIGUSR1, jumps, 0);
	t = start(jumped, p);
	for (int i = 0; i < 50; i++) {
		event_wait(&begun, ++n);
		sleep_us(i % 3 * 500);
		PT(pthread_kill(t, SIGUSR1));
	}
	join(t);
	printf("jumped away\n");
}

static volatile sig_atomic_t sys_code;

static void on_sigsys(int sig, siginfo_t *info, void *ucontext)
{
	ucontext_t *uc = ucontext;

	CHECK_EQ(sig, SIGSYS);
	sys_code = info->si_code;
	if (info->si_code != 1 /* SYS_SECCOMP */)
		return;
	CHECK_EQ(info->si_syscall, uc->uc_mcontext.gregs[REG_RAX]);
	CHECK_EQ((uintptr_t)info->si_call_addr, uc->uc_mcontext.gregs[REG_RIP]);
	uc->uc_mcontext.gregs[REG_RAX] = 1000 + info->si_syscall;
}

/* SIGSYS that the program sends: a signal like others, whatever it is used for beside. */
static void *own_sigsys(void *arg)
{
	sigset_t set = one_signal(SIGSYS), pending;
	siginfo_t info;

	(void)arg;
	set_sigaction(SIGSYS, on_sigsys, 0);
	sys_code = -100;
	PT(pthread_kill(pthread_self(), SIGSYS));
	CHECK_EQ(sys_code, SI_TKILL);
	block_signal(SIGSYS);
	sys_code = -100;
	PT(pthread_kill(pthread_self(), SIGSYS));
	CHECK_EQ(inline_call(SYS_gettid), gettid());
	CHECK_EQ(inline_call(SYS_getppid), getppid());
	CHECK_EQ(sys_code, -100);
	SYS(sigpending(&pending));
	CHECK(sigismember(&pending, SIGSYS));
	CHECK_EQ(sigwaitinfo(&set, &info), SIGSYS);
	CHECK_EQ(info.si_code, SI_USER); /* glibc makes that of SI_TKILL */
	unblock_signal(SIGSYS);
	signal(SIGSYS, SIG_IGN);
	PT(pthread_kill(pthread_self(), SIGSYS));
	CHECK_EQ(inline_call(SYS_gettid), gettid());
	signal(SIGSYS, SIG_DFL);
	block_signal(SIGSYS);
	CHECK_EQ(inline_call(SYS_gettid), gettid());
	return NULL;
}

static void *filtered(void *arg)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_umask, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog filter = {ARRAY_LEN(code), code};

	set_sigaction(SIGSYS, on_sigsys, 0);
	SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	SYS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(syscall(SYS_getppid), 1000 + SYS_getppid);
		CHECK_EQ(getppid(), 1000 + SYS_getppid);
		CHECK_EQ(umask(0), 1000 + SYS_umask);
		CHECK_EQ(syscall(SYS_gettid), gettid());
	}
	return arg;
}

/* The same by instructions of its own; the address that is told is the runtime's then, where calls are trapped. */
static void on_sigsys_inline(int sig, siginfo_t *info, void *ucontext)
{
	ucontext_t *uc = ucontext;

	CHECK_EQ(sig, SIGSYS);
	CHECK_EQ(info->si_syscall, uc->uc_mcontext.gregs[REG_RAX]);
	uc->uc_mcontext.gregs[REG_RAX] = 2000 + info->si_syscall;
}

static void *filtered_inline(void *arg)
{
	filtered(NULL);
	set_sigaction(SIGSYS, on_sigsys_inline, 0);
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(inline_call(SYS_getppid), 2000 + SYS_getppid);
		CHECK_EQ(inline_call(SYS_gettid), gettid());
	}
	return arg;
}

int main(void)
{
	interrupts();
	join(start(past_libc_thread, NULL));
	printf("handler, mask and return past libc\n");
	storm();
	left_behind();
	join(start(own_sigsys, NULL));
	printf("SIGSYS of its own\n");
	join(start(filtered, NULL));
	join(start(filtered_inline, NULL));
	printf("SIGSYS of a seccomp filter\n");
	return 0;
}
