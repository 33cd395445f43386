/* What a handler changes in its ucontext is what the thread goes on with: general registers, SSE and x87 state, where
 * it goes on; while it computes, at a call's exit, in a blocking call. And with what a handler itself begins. */
// threads
// not-watched
#include "test.h"
#include <fenv.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <ucontext.h>

/* In the order in which call_and_capture stores them. */
enum { RAX, RBX, RCX, RDX, RSI, RDI, R8, R9, R10, R12, R13, R14, R15, REGISTERS };
static const int gregs[REGISTERS] = {
    REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R12, REG_R13, REG_R14, REG_R15};

struct captured {
	unsigned long regs[REGISTERS];
	unsigned char xmm[16][16] __attribute__((aligned(16)));
	unsigned mxcsr;
	unsigned short cw;
};

#define VALUE(i) (0x1000L + (i))
#define NEW_MXCSR (0x1f80 | 0x6000) /* towards zero */
#define NEW_CW 0x0f7f

const unsigned default_mxcsr = 0x1f80;

/* Runs *code with rax, rdi, rsi, rdx and r10 given, and captures what is in the registers after it. */
void call_and_capture(struct captured *out, void (*code)(void), const unsigned long regs[5]);
void spin_for_rax(void), spin_for_ever(void), makes_the_call(void), beyond(void);

__asm__(
    ".text\n"
    "call_and_capture:\n"
    "	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
    "	push %rdi\n"
    "	mov %rsi, %rbp\n"
    "	mov 0(%rdx), %rax\n	mov 8(%rdx), %rdi\n	mov 16(%rdx), %rsi\n"
    "	mov 32(%rdx), %r10\n	mov 24(%rdx), %rdx\n"
    "	call *%rbp\n"
    "beyond:\n"
    "	mov (%rsp), %rbp\n"
    "	mov %rax, 0(%rbp)\n	mov %rbx, 8(%rbp)\n	mov %rcx, 16(%rbp)\n	mov %rdx, 24(%rbp)\n"
    "	mov %rsi, 32(%rbp)\n	mov %rdi, 40(%rbp)\n	mov %r8, 48(%rbp)\n	mov %r9, 56(%rbp)\n"
    "	mov %r10, 64(%rbp)\n	mov %r12, 72(%rbp)\n	mov %r13, 80(%rbp)\n	mov %r14, 88(%rbp)\n"
    "	mov %r15, 96(%rbp)\n"
    "	movaps %xmm0, 112(%rbp)\n	movaps %xmm1, 128(%rbp)\n	movaps %xmm2, 144(%rbp)\n"
    "	movaps %xmm3, 160(%rbp)\n	movaps %xmm4, 176(%rbp)\n	movaps %xmm5, 192(%rbp)\n"
    "	movaps %xmm6, 208(%rbp)\n	movaps %xmm7, 224(%rbp)\n	movaps %xmm8, 240(%rbp)\n"
    "	movaps %xmm9, 256(%rbp)\n	movaps %xmm10, 272(%rbp)\n	movaps %xmm11, 288(%rbp)\n"
    "	movaps %xmm12, 304(%rbp)\n	movaps %xmm13, 320(%rbp)\n	movaps %xmm14, 336(%rbp)\n"
    "	movaps %xmm15, 352(%rbp)\n"
    "	stmxcsr 368(%rbp)\n"
    "	fnstcw 372(%rbp)\n"
    "	fninit\n"
    "	ldmxcsr default_mxcsr(%rip)\n"
    "	add $8, %rsp\n"
    "	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n"
    "	ret\n"
    "spin_for_rax:\n"
    "	test %rax, %rax\n"
    "	jz spin_for_rax\n"
    "	ret\n"
    "spin_for_ever:\n"
    "	jmp spin_for_ever\n"
    /* libc's syscall(rax, rdi, rsi, rdx, r10) does nothing but that, and changes no more than rax, rcx and r11. */
    "makes_the_call:\n"
    "	mov %r10, %r8\n	mov %rdx, %rcx\n	mov %rsi, %rdx\n	mov %rdi, %rsi\n	mov %rax, %rdi\n"
    "	sub $8, %rsp\n"
    "	call syscall@PLT\n"
    "	add $8, %rsp\n"
    "	ret\n");
_Static_assert(offsetof(struct captured, xmm) == 112 && offsetof(struct captured, mxcsr) == 368, "as in the assembly");

static enum change { REGISTERS_TOO, GOES_BEYOND } change;
static volatile int handled;
static greg_t after_call; /* where libc's syscall() goes on */

static bool spins(greg_t rip)
{
	return rip >= (greg_t)spin_for_rax && rip < (greg_t)makes_the_call;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *g = uc->uc_mcontext.gregs;
	struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;

	(void)sig, (void)info;
	if (!after_call)
		after_call = g[REG_RIP];
	if (handled || (g[REG_RIP] != after_call && !spins(g[REG_RIP])))
		return; /* not there yet: the sender tries again */
	handled++;
	for (int i = 0; i < REGISTERS; i++)
		g[gregs[i]] = VALUE(i);
	memset(fp->_xmm, 0, sizeof(fp->_xmm));
	for (unsigned i = 0; i < 16; i++)
		fp->_xmm[i].element[0] = fp->_xmm[i].element[3] = VALUE(i);
	fp->mxcsr = NEW_MXCSR;
	fp->cwd = NEW_CW;
	if (change == GOES_BEYOND) {
		/* The frame of call_and_capture: beyond its call. */
		unsigned long *sp = (unsigned long *)g[REG_RSP];

		while (*sp != (unsigned long)beyond)
			sp++;
		g[REG_RSP] = (greg_t)(sp + 1);
		g[REG_RIP] = (greg_t)beyond;
	}
}

static void check_captured(const char *what, struct captured *c, bool by_call)
{
	for (int i = 0; i < REGISTERS; i++)
		if (i != RCX || !by_call || change == GOES_BEYOND)
			CHECK_EQ(c->regs[i], VALUE(i));
	for (int i = 0; i < 16; i++) {
		unsigned words[4];

		memcpy(words, c->xmm[i], sizeof(words));
		CHECK(words[0] == VALUE(i) && words[1] == 0 && words[2] == 0 && words[3] == VALUE(i));
	}
	CHECK_EQ(c->mxcsr, NEW_MXCSR);
	CHECK_EQ(c->cw, NEW_CW);
	CHECK_EQ(handled, 1);
	printf("%s, %s: right\n", what, change == GOES_BEYOND ? "goes on elsewhere" : "registers");
}

static sem_t begins;

static void *sends(void *arg)
{
	while (sem_wait(&begins))
		;
	do {
		PT(pthread_kill(*(pthread_t *)arg, SIGUSR1));
		sleep_us(300);
	} while (!handled);
	return NULL;
}

static void from_another(const char *what, void (*code)(void), const unsigned long regs[5])
{
	struct captured c;
	pthread_t self = pthread_self(), sender = start(sends, &self);

	handled = 0;
	SYS(sem_post(&begins));
	call_and_capture(&c, code, regs);
	join(sender);
	check_captured(what, &c, code == makes_the_call);
}

static void at_exit_of_call(const char *what, const unsigned long regs[5])
{
	struct captured c;

	handled = 0;
	call_and_capture(&c, makes_the_call, regs);
	check_captured(what, &c, true);
}

static int empty[2], locked;

static void in_calls(void)
{
	static struct timespec day = {86400, 0};
	static struct pollfd p;
	static int word;
	static char byte;
	sigset_t usr1 = one_signal(SIGUSR1), none;
	const struct {
		const char *name;
		unsigned long regs[5];
	} calls[] = {
	    {"pause", {SYS_pause, 0, 0, 0, 0}},
	    {"read", {SYS_read, (unsigned long)empty[0], (unsigned long)&byte, 1, 0}},
	    {"nanosleep", {SYS_nanosleep, (unsigned long)&day, 0, 0, 0}},
	    {"poll", {SYS_poll, (unsigned long)&p, 1, (unsigned long)-1, 0}},
	    {"futex", {SYS_futex, (unsigned long)&word, 0 /* FUTEX_WAIT */, 0, 0}},
	    {"futex, private", {SYS_futex, (unsigned long)&word, 128, 0, 0}},
	    {"rt_sigsuspend", {SYS_rt_sigsuspend, (unsigned long)&none, 8, 0, 0}},
	    {"flock", {SYS_flock, (unsigned long)locked, LOCK_EX, 0, 0}},
	    {"open of a FIFO", {SYS_open, (unsigned long)"fifo", O_WRONLY, 0, 0}},
	};

	sigemptyset(&none);
	p = (struct pollfd){.fd = empty[0], .events = POLLIN};
	at_exit_of_call(
	    "tgkill", (unsigned long[]){SYS_tgkill, (unsigned long)getpid(), (unsigned long)own_tid(), SIGUSR1, 0});
	block_signal(SIGUSR1);
	raise(SIGUSR1);
	at_exit_of_call(
	    "rt_sigprocmask", (unsigned long[]){SYS_rt_sigprocmask, SIG_UNBLOCK, (unsigned long)&usr1, 0, 8});
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		from_another(calls[i].name, makes_the_call, calls[i].regs);
}

static void changed(void)
{
	static const unsigned long zeros[5];

	in_calls();
	from_another("computing", change == GOES_BEYOND ? spin_for_ever : spin_for_rax, zeros);
}

/* A call that is to be made again, as the handler leaves it: another one, or with another argument. */

static void on_restart(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig, (void)info;
	if (g[REG_RAX] != SYS_readv)
		return;
	if (change == REGISTERS_TOO)
		g[REG_RDI] = -1;
	else
		g[REG_RAX] = SYS_getppid;
}

static void restarted(const char *what, bool by_name)
{
	pthread_t self = pthread_self(), sender = start(sends, &self);
	char c;
	struct iovec iov = {&c, 1};
	long ret;

	handled = 0;
	SYS(sem_post(&begins));
	ret = by_name ? readv(empty[0], &iov, 1) : syscall(SYS_readv, empty[0], &iov, 1);
	handled = 1; /* it takes more than one where the first comes too soon */
	CHECK(change == REGISTERS_TOO ? ret == -1 && errno == EBADF : ret == getppid());
	join(sender);
	printf("a call to be made again, %s: right\n", what);
}

/* A handler begins with the state of a fresh thread, whatever it interrupts. */

static volatile unsigned handlers_mxcsr;
static volatile unsigned short handlers_cw, handlers_tags;

static void looks_at_state(int sig)
{
	struct {
		unsigned cw, sw, tags, rest[4];
	} env;
	unsigned mxcsr;

	(void)sig;
	__asm__ volatile("fnstenv %0\n	fldcw %0" : "=m"(env));
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	if (handled)
		return;
	handlers_cw = (unsigned short)env.cw;
	handlers_tags = (unsigned short)env.tags;
	handlers_mxcsr = mxcsr;
	handled = 1;
}

static void state_of_handler(const char *what, bool computes)
{
	static volatile double one = 1, three = 3;
	pthread_t self = pthread_self(), sender;
	double top, third;

	handled = 0;
	block_signal(SIGUSR1);
	sender = start(sends, &self);
	SYS(sem_post(&begins));
	fesetround(FE_UPWARD);
	__asm__ volatile("fld1\n	fldpi\n	fld1\n	fldpi");
	if (computes) {
		unblock_signal(SIGUSR1);
		while (!handled)
			;
	} else {
		syscall(SYS_tgkill, getpid(), own_tid(), SIGUSR1);
		unblock_signal(SIGUSR1);
	}
	__asm__ volatile("fstpl %0\n	fstp %%st(0)\n	fstp %%st(0)\n	fstp %%st(0)" : "=m"(top));
	third = one / three;
	CHECK(handled && top > 3.14 && top < 3.15 && fegetround() == FE_UPWARD);
	fesetround(FE_TONEAREST);
	CHECK(third > one / three);
	join(sender);
	printf("a handler, %s: cw %#x, tags %#x, mxcsr %#x\n", what, handlers_cw, handlers_tags, handlers_mxcsr);
}

static void *run(void *arg)
{
	puts(arg);
	set_sigaction(SIGUSR1, on_signal, 0);
	change = REGISTERS_TOO;
	changed();
	change = GOES_BEYOND;
	changed();
	set_sigaction(SIGUSR1, on_restart, SA_RESTART);
	restarted("another call", false);
	restarted("another call by readv", true);
	change = REGISTERS_TOO;
	restarted("another argument", false);
	restarted("another argument by readv", true);
	set_handler(SIGUSR1, looks_at_state, 0);
	state_of_handler("computing", true);
	state_of_handler("at a call's exit", false);
	return NULL;
}

int main(void)
{
	int holder;

	SYS(sem_init(&begins, 0, 0));
	SYS(pipe(empty));
	holder = (int)SYS(open("locked", O_RDWR | O_CREAT, 0600));
	locked = (int)SYS(open("locked", O_RDWR));
	SYS(flock(holder, LOCK_EX));
	unlink("fifo");
	SYS(mkfifo("fifo", 0600));
	run("main");
	join(start(run, "a thread"));
	unlink("fifo");
	unlink("locked");
	return 0;
}
