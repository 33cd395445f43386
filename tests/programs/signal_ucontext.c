/* A handler's ucontext beyond the registers: where it says that the thread was, uc_sigmask and uc_stack that take
 * effect when it returns, and handlers of faults that step over the instruction. */
// threads
// not-watched
// libs: -ldl
#include "test.h"
#include <dlfcn.h>
#include <fenv.h>
#include <ucontext.h>

struct seen {
	int sig, code, trap, count;
	bool sender, on_stack, in_text, aligned, flags, fp, no_link;
	void *addr;
	int alt_flags;
};

static __thread struct seen seen;
static __thread char *stack_low, *stack_high;

static bool in_program_text(greg_t rip)
{
	Dl_info info;

	return dladdr((void *)rip, &info) &&
	       (strstr(info.dli_fname, "libc.so") || strstr(info.dli_fname, "signal_ucontext"));
}

static bool fp_is_whole(ucontext_t *uc)
{
	char *fp = (char *)uc->uc_mcontext.fpregs;
	unsigned magic, size, end;

	memcpy(&magic, fp + 464, 4);
	if (magic != 0x46505853) /* FP_XSTATE_MAGIC1 */
		return true;
	memcpy(&size, fp + 468, 4);
	memcpy(&end, fp + size - 4, 4);
	return (uintptr_t)fp % 64 == 0 && end == 0x46505845;
}

static void note(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *g = uc->uc_mcontext.gregs;
	char *sp = (char *)g[REG_RSP];

	if (seen.count++)
		return;
	seen.sig = sig;
	seen.code = info->si_code;
	seen.addr = info->si_addr;
	seen.sender = info->si_pid == getpid() && info->si_uid == getuid();
	seen.on_stack = sp > stack_low && sp < stack_high;
	seen.in_text = in_program_text(g[REG_RIP]);
	seen.aligned = ((uintptr_t)context & 7) == 0 && (uintptr_t)__builtin_frame_address(0) % 16 == 0;
	seen.flags = (g[REG_EFL] & 0x202) == 0x202 && (g[REG_CSGSFS] & 0xffff) == 0x33;
	seen.trap = (int)g[REG_TRAPNO];
	seen.fp = fp_is_whole(uc);
	seen.no_link = uc->uc_link == NULL;
	seen.alt_flags = uc->uc_stack.ss_flags;
}

/* most: as many were sent. */
static void show(const char *what, int most)
{
	CHECK(seen.count >= 1 && seen.count <= most && seen.aligned && seen.flags && seen.fp && seen.no_link);
	printf("%s: code %d%s, rsp %s, rip %s, stack flags %d\n", what, seen.code,
	    seen.code > 0 ? ""
	    : seen.sender ? " from us"
			  : " from others",
	    seen.on_stack ? "on the stack" : "elsewhere", seen.in_text ? "in the text" : "elsewhere", seen.alt_flags);
	memset(&seen, 0, sizeof(seen));
}

static sem_t go;
static volatile bool over;
static volatile int sent;

static void *sends(void *arg)
{
	pthread_t to = *(pthread_t *)arg;

	while (sem_wait(&go))
		;
	sleep_us(500);
	PT(pthread_kill(to, SIGUSR1));
	return NULL;
}

/* Until the wait is over: a signal may come between the look at `seen` and the wait. */
static void *keeps_sending(void *arg)
{
	pthread_t to = *(pthread_t *)arg;

	while (sem_wait(&go))
		;
	do {
		sleep_us(500);
		PT(pthread_kill(to, SIGUSR1));
		sent++;
	} while (!over);
	return NULL;
}

static void contents(void)
{
	static int word;
	int fds[2];
	char c;
	pthread_t self = pthread_self(), sender;
	struct timespec day = {86400, 0};
	struct pollfd p;

	set_sigaction(SIGUSR1, note, 0);
	SYS(pipe(fds));
	p = (struct pollfd){.fd = fds[0], .events = POLLIN};
	raise(SIGUSR1);
	show("raise", 1);
	for (int how = 0; how < 6; how++) {
		static const char *const names[] = {"computing", "read", "nanosleep", "poll", "futex", "pause"};

		over = false;
		sent = 0;
		sender = start(keeps_sending, &self);
		SYS(sem_post(&go));
		while (!seen.count) {
			if (how == 1 && read(fds[0], &c, 1) == -1)
				CHECK_EQ(errno, EINTR);
			else if (how == 2)
				nanosleep(&day, NULL);
			else if (how == 3)
				poll(&p, 1, -1);
			else if (how == 4)
				syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0);
			else if (how == 5 && !sent)
				sleep_us(100);
		}
		over = true;
		join(sender);
		sched_yield(); /* at whose end the last one has come, too */
		show(names[how], sent);
	}
	close(fds[0]);
	close(fds[1]);
}

/* uc_sigmask. */

static __thread int second;

static void counts(int sig)
{
	(void)sig;
	second++;
}

static void blocks_usr2(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig, (void)info;
	sigaddset(&uc->uc_sigmask, SIGUSR2);
	sigaddset(&uc->uc_sigmask, SIGKILL);
	seen.count++;
}

static void unblocks_usr2(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig, (void)info;
	CHECK(sigismember(&uc->uc_sigmask, SIGUSR2));
	CHECK(!sigismember(&uc->uc_sigmask, SIGUSR1));
	sigdelset(&uc->uc_sigmask, SIGUSR2);
	seen.count++;
	CHECK_EQ(second, 0);
}

static bool blocked(int sig)
{
	sigset_t now;

	PT(pthread_sigmask(SIG_SETMASK, NULL, &now));
	return sigismember(&now, sig);
}

/* Until the handler ran, however the signal comes. */
static void takes_one(int how)
{
	pthread_t self = pthread_self(), sender;
	sigset_t usr1 = one_signal(SIGUSR1);

	seen.count = 0;
	if (how == 0) {
		raise(SIGUSR1);
	} else if (how == 1) {
		block_signal(SIGUSR1);
		raise(SIGUSR1);
		PT(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL));
	} else {
		sender = start(sends, &self);
		SYS(sem_post(&go));
		while (!seen.count)
			if (how == 3)
				poll(NULL, 0, 1);
			else if (how == 4 && seen.count == 0)
				clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, 1000000}, NULL);
		join(sender);
	}
	CHECK_EQ(seen.count, 1);
}

static void masks(void)
{
	set_handler(SIGUSR2, counts, 0);
	for (int how = 0; how < 5; how++) {
		second = 0;
		set_sigaction(SIGUSR1, blocks_usr2, 0);
		takes_one(how);
		CHECK(blocked(SIGUSR2) && !blocked(SIGUSR1) && !blocked(SIGKILL));
		raise(SIGUSR2);
		CHECK_EQ(second, 0);
		set_sigaction(SIGUSR1, unblocks_usr2, 0);
		takes_one(how);
		CHECK_EQ(second, 1);
		CHECK(!blocked(SIGUSR2) && !blocked(SIGUSR1));
	}
	puts("masks: right");
}

/* uc_stack. */

static __thread stack_t to_set;

static void sets_stack(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig, (void)info;
	uc->uc_stack = to_set;
	seen.count++;
}

static void try_stack(const char *what, void *sp, size_t size, int flags)
{
	stack_t before, now;

	to_set = (stack_t){.ss_sp = sp, .ss_size = size, .ss_flags = flags};
	SYS(sigaltstack(NULL, &before));
	raise(SIGUSR1);
	SYS(sigaltstack(NULL, &now));
	printf("stack, %s: %s, size %zu, flags %#x\n", what,
	    now.ss_sp == before.ss_sp ? "the same"
	    : now.ss_sp == sp         ? "the new one"
	    : now.ss_sp == NULL       ? "none"
				      : "?",
	    now.ss_size, now.ss_flags);
}

static void stacks(void)
{
	char *first = malloc(65536), *other = malloc(65536);

	SYS(sigaltstack(&(stack_t){.ss_sp = first, .ss_size = 65536}, NULL));
	set_sigaction(SIGUSR1, sets_stack, 0);
	try_stack("another", other, 32768, 0);
	try_stack("too small", first, 1024, 0);
	try_stack("wrong flags", first, 65536, 4);
	try_stack("SS_ONSTACK", first, 65536, SS_ONSTACK);
	try_stack("disabled", other, 65536, SS_DISABLE);
	try_stack("the first", first, 65536, 0);
	SYS(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL));
	free(first);
	free(other);
	seen.count = 0;
}

/* Faults that are stepped over. */

static __thread int skip;

static void steps_over(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	note(sig, info, context);
	uc->uc_mcontext.gregs[REG_RIP] += skip;
	uc->uc_mcontext.gregs[REG_RAX] = 4711;
}

static void masks_fp(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	note(sig, info, context);
	uc->uc_mcontext.fpregs->mxcsr |= 0x1f80;
}

static void show_fault(const char *what, long got, bool addr_right)
{
	printf("%s: SIG%s code %d, trap %d, address %s, rax %ld; ", what, sigabbrev_np(seen.sig), seen.code, seen.trap,
	    addr_right ? "right" : "wrong", got);
	seen.code = 1;
	show("then", 1);
}

static char *unreadable, *past_the_end;

static void faults(void)
{
	long a;
	void *at;
	volatile double zero = 0, one = 1, quotient;

	static const int faulting[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

	for (size_t i = 0; i < ARRAY_LEN(faulting); i++)
		set_sigaction(faulting[i], steps_over, 0);
	skip = 3;
	__asm__ volatile("mov (%1), %0" : "=a"(a) : "r"(unreadable + 40));
	show_fault("no access", a, seen.addr == unreadable + 40);
	__asm__ volatile("mov (%1), %0" : "=a"(a) : "r"(NULL));
	show_fault("null pointer", a, seen.addr == NULL);
	__asm__ volatile("mov (%1), %0" : "=a"(a) : "r"(past_the_end + 8));
	show_fault("past the end", a, seen.addr == past_the_end + 8);
	__asm__ volatile("mov (%1), %0" : "=a"(a) : "r"(0x8000000000000000));
	show_fault("not canonical", a, seen.addr == NULL);
	skip = 2;
	__asm__ volatile("lea 1f(%%rip), %1\n	xor %%ecx, %%ecx\n	cltd\n1:	idivl %%ecx"
			 : "=a"(a), "=&r"(at)
			 : "a"(1)
			 : "rcx", "rdx");
	show_fault("division", a, seen.addr == at);
	__asm__ volatile("lea 1f(%%rip), %1\n1:	ud2" : "=a"(a), "=&r"(at));
	show_fault("ud2", a, seen.addr == at);
	skip = 1;
	__asm__ volatile("hlt" : "=a"(a));
	show_fault("hlt", a, seen.addr == NULL);
	skip = 0;
	__asm__ volatile("int3" : "=a"(a));
	show_fault("int3", a, seen.addr == NULL);
	set_sigaction(SIGFPE, masks_fp, 0);
	feenableexcept(FE_DIVBYZERO);
	quotient = one / zero;
	CHECK(quotient > 1);
	fedisableexcept(FE_ALL_EXCEPT);
	feclearexcept(FE_ALL_EXCEPT);
	seen.addr = NULL;
	show_fault("floating point", 0, true);
	for (size_t i = 0; i < ARRAY_LEN(faulting); i++)
		signal(faulting[i], SIG_DFL);
}

/* For so long that others go on without it, and then something that makes its mask known. */
static void computes(void)
{
	long long until = now_ns() + 30 * NSEC_PER_MSEC;

	while (now_ns() < until)
		;
	CHECK(!blocked(SIGFPE));
}

static void *parks(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *ticks(void *arg)
{
	for (;;)
		sleep_us(500);
	return arg;
}

static void *run(void *arg)
{
	pthread_attr_t attr;
	size_t size;
	void *low;

	puts(arg);
	PT(pthread_getattr_np(pthread_self(), &attr));
	PT(pthread_attr_getstack(&attr, &low, &size));
	stack_low = low;
	stack_high = stack_low + size;
	PT(pthread_attr_destroy(&attr));
	contents();
	masks();
	stacks();
	faults();
	sleep_us(100);
	faults();
	computes();
	faults();
	return NULL;
}

static void *bound(void *arg)
{
	SYS(unshare(CLONE_FS));
	return run(arg);
}

int main(void)
{
	int fd = (int)SYS(open("empty", O_RDWR | O_CREAT, 0600));

	unlink("empty");
	unreadable = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	past_the_end = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(unreadable != MAP_FAILED && past_the_end != MAP_FAILED);
	SYS(sem_init(&go, 0, 0));
	start(parks, NULL);
	start(ticks, NULL);
	run("main");
	join(start(run, "a thread"));
	join(start(bound, "a thread with a state of its own in the kernel"));
	return 0;
}
