// env: GREEN_TRAP=1
// threads
/*
 * Processes and threads that are made past libc, and what becomes of their own inline calls: the kernel forgets at
 * fork, clone and exec who is to be trapped, and a child that makes threads is armed anew.
 */
#include <asm/prctl.h>
#include <linux/sched.h>
#include <spawn.h>
#include <sys/resource.h>

#include "trap_test.h"

extern char **environ;

static void *sees_itself(void *arg)
{
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(inline_call(SYS_gettid), gettid());
		inline_call(SYS_sched_yield);
	}
	return arg;
}

/* What the next program has: its first argument says what to look for. */
static int next_program(const char *what)
{
	sigset_t mask;
	struct sigaction sa;

	SYS(sigprocmask(SIG_SETMASK, NULL, &mask));
	SYS(sigaction(SIGSYS, NULL, &sa));
	CHECK_EQ(sigismember(&mask, SIGSYS), !strcmp(what, "blocked"));
	CHECK_EQ(sigismember(&mask, SIGUSR1), 0);
	CHECK_EQ(sigismember(&mask, SIGTERM), 0);
	CHECK(sa.sa_handler == (!strcmp(what, "ignored") ? SIG_IGN : SIG_DFL));
	CHECK_EQ(inline_call(SYS_gettid), gettid());
	CHECK_EQ(descriptors(), 3);
	if (!strcmp(what, "ignored"))
		return 0;
	join(start(sees_itself, NULL));
	return 0;
}

static char *child_args[] = {"/proc/self/exe", "plain", NULL};

static void *forks(void *arg)
{
	for (int i = 0; i < 8; i++) {
		pid_t pid = (pid_t)inline_call(i % 2 ? SYS_fork : SYS_clone, i % 2 ? 0 : SIGCHLD, 0, 0, 0, 0);
		CHECK(pid >= 0);
		if (pid == 0) {
			CHECK_EQ(inline_call(SYS_getpid), inline_call(SYS_gettid));
			pthread_t a = start(sees_itself, NULL), b = start(sees_itself, NULL);
			join(a);
			join(b);
			sees_itself(NULL);
			inline_call(SYS_exit_group, 7);
		}
		CHECK_EQ(inline_call(SYS_gettid), gettid());
		CHECK(strcmp(reap(pid), "exit 7") == 0);
	}
	return arg;
}

/* The child stands on its parent's stack and calls the kernel itself. */
static void *vforks(void *arg)
{
	for (int i = 0; i < 8; i++) {
		pid_t pid = (pid_t)inline_call(SYS_vfork);
		if (pid == 0) {
			inline_call(SYS_gettid);
			inline_call(SYS_execve, child_args[0], child_args, environ);
			inline_call(SYS_exit_group, 127);
		}
		CHECK(pid > 0);
		CHECK_EQ(inline_call(SYS_gettid), gettid());
		CHECK(strcmp(reap(pid), "exit 0") == 0);
	}
	return arg;
}

static void *spawns(void *arg)
{
	pid_t pid;

	PT(posix_spawn(&pid, child_args[0], NULL, NULL, child_args, environ));
	CHECK_EQ(inline_call(SYS_gettid), gettid());
	CHECK(strcmp(reap(pid), "exit 0") == 0);
	CHECK_EQ(system("exit 3"), 3 << 8);
	return arg;
}

/* From a thread of a forked child that is armed itself. */
static void *becomes(void *arg)
{
	char *args[] = {"/proc/self/exe", arg, NULL};

	block_signal(SIGSYS);
	if (strcmp(arg, "plain") == 0)
		unblock_signal(SIGSYS);
	CHECK_EQ(inline_call(SYS_gettid), gettid());
	inline_call(SYS_execve, "/nowhere", args, environ);
	CHECK_EQ(inline_call(SYS_gettid), gettid());
	inline_call(SYS_execve, args[0], args, environ);
	return NULL;
}

static void execs(char *how)
{
	pid_t pid = SYS(fork());

	if (pid == 0) {
		join(start(becomes, how));
		_exit(99);
	}
	CHECK(strcmp(reap(pid), "exit 0") == 0);
}

/* Armed with everything blocked, and with SIGSYS ignored. */
static void begins_blocked(void)
{
	sigset_t all;
	pid_t pid = SYS(fork());

	if (pid == 0) {
		sigfillset(&all);
		SYS(sigprocmask(SIG_BLOCK, &all, NULL));
		signal(SIGSYS, SIG_IGN);
		pthread_t t = start(sees_itself, NULL);
		sees_itself(NULL);
		join(t);
		sees_itself(NULL);
		_exit(0);
	}
	CHECK(strcmp(reap(pid), "exit 0") == 0);
}

static void ignores(void)
{
	char *args[] = {"/proc/self/exe", "ignored", NULL};
	pid_t pid;

	signal(SIGSYS, SIG_IGN);
	PT(posix_spawn(&pid, args[0], NULL, NULL, args, environ));
	CHECK_EQ(inline_call(SYS_gettid), gettid());
	CHECK(strcmp(reap(pid), "exit 0") == 0);
	signal(SIGSYS, SIG_DFL);
}

/* A thread of another C library: TLS, stack and end of its own. */
#define OWN_FLAGS                                                                                          \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | \
	    CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static struct own {
	struct own *self; /* fs:0 */
	int in, out;
	volatile int tid;
	volatile int seen_tid;
	char stack[16384] __attribute__((aligned(64)));
} own[8];

static void own_body(struct own *me)
{
	struct own *tls;
	char byte;

	for (int i = 0; i < 200; i++) {
		inline_call(SYS_read, me->in, &byte, 1);
		__asm__ volatile("mov %%fs:0, %0" : "=r"(tls));
		if (tls != me)
			inline_call(SYS_exit_group, 98);
		inline_call(SYS_write, me->out, &byte, 1);
	}
	me->seen_tid = (int)inline_call(SYS_gettid);
	inline_call(SYS_exit, 0);
}

__asm__(".globl own_clone\n"
	"own_clone:\n" /* (flags, stack, parent tid, child tid, tls): the argument of own_body is on the stack */
	"	mov	%rcx, %r10\n"
	"	mov	$56, %eax\n"
	"	syscall\n"
	"	test	%eax, %eax\n"
	"	jnz	1f\n"
	"	pop	%rdi\n"
	"	pop	%rax\n"
	"	call	*%rax\n"
	"1:	ret\n");
long own_clone(unsigned long flags, void *stack, volatile int *parent, volatile int *child, void *tls);

static void *own_threads(void *arg)
{
	int p[ARRAY_LEN(own)][2], back[2], tids[ARRAY_LEN(own)];

	SYS(pipe(back));
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		void **top = (void **)(own[i].stack + sizeof(own[i].stack) - 64);
		SYS(pipe(p[i]));
		own[i].self = &own[i];
		own[i].in = p[i][0];
		own[i].out = back[1];
		top[0] = &own[i];
		top[1] = own_body;
		tids[i] = (int)own_clone(OWN_FLAGS, top, &own[i].tid, &own[i].tid, &own[i]);
		CHECK(tids[i] > 0);
	}
	for (int round = 0; round < 200; round++) {
		char byte;
		for (size_t i = 0; i < ARRAY_LEN(own); i++)
			SYS(write(p[i][1], "o", 1));
		for (size_t i = 0; i < ARRAY_LEN(own); i++)
			CHECK_EQ(inline_call(SYS_read, back[0], &byte, 1), 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		int tid;
		while ((tid = own[i].tid)) /* as pthread_join does */
			inline_call(SYS_futex, &own[i].tid, 0 /* FUTEX_WAIT */, tid, 0);
		CHECK_EQ(own[i].seen_tid, tids[i]);
		close(p[i][0]);
		close(p[i][1]);
	}
	close(back[0]);
	close(back[1]);
	return arg;
}

static void shares_body(struct own *me)
{
	for (int i = 0; i < 20; i++)
		me->seen_tid = (int)inline_call(SYS_getpid);
	inline_call(SYS_exit_group, 5);
}

/* A process that shares our memory, while its parent goes on. */
static void *shares_memory(void *arg)
{
	for (int i = 0; i < 50; i++) {
		void **top = (void **)(own[0].stack + sizeof(own[0].stack) - 64);
		int status;
		pid_t pid;
		top[0] = &own[0];
		top[1] = shares_body;
		pid = (pid_t)own_clone(CLONE_VM | SIGCHLD, top, NULL, NULL, NULL);
		CHECK(pid > 0);
		for (int k = 0; k < 20; k++)
			CHECK_EQ(inline_call(SYS_gettid), gettid());
		CHECK_EQ(inline_call(SYS_wait4, pid, &status, 0, 0), pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
		CHECK_EQ(own[0].seen_tid, pid);
	}
	return arg;
}

/* Another TLS for a while; nothing of libc in between. */
static void *other_tls(void *arg)
{
	static void *block[16];
	int *p = arg;
	unsigned long before, after = 0;
	void *seen = NULL;
	char byte;

	block[0] = block;
	CHECK_EQ(inline_call(SYS_arch_prctl, ARCH_GET_FS, &before), 0);
	inline_call(SYS_arch_prctl, ARCH_SET_FS, block);
	long n = inline_call(SYS_read, p[0], &byte, 1);
	__asm__ volatile("mov %%fs:0, %0" : "=r"(seen));
	inline_call(SYS_arch_prctl, ARCH_SET_FS, before);
	CHECK_EQ(n, 1);
	CHECK(seen == block);
	CHECK_EQ(inline_call(SYS_arch_prctl, ARCH_GET_FS, &after), 0);
	CHECK_EQ(after, before);
	sees_itself(NULL);
	return arg;
}

int main(int argc, char **argv)
{
	int p[2];

	if (argc > 1)
		return next_program(argv[1]);
	join(start(forks, NULL));
	forks(NULL);
	printf("fork\n");
	join(start(vforks, NULL));
	printf("vfork\n");
	join(start(spawns, NULL));
	printf("spawn\n");
	execs("plain");
	execs("blocked");
	ignores();
	printf("exec\n");
	begins_blocked();
	printf("with SIGSYS blocked\n");
	join(start(own_threads, NULL));
	printf("threads past libc\n");
	join(start(shares_memory, NULL));
	printf("shared memory\n");
	SYS(pipe(p));
	pthread_t t = start(other_tls, p);
	sleep_us(2000);
	SYS(write(p[1], "", 1));
	join(t);
	printf("TLS\n");
	return 0;
}
