/* Faults are handled on the faulting thread, with the address, and left by siglongjmp; also on an alternate stack. */
// threads
#include "test.h"
#include <setjmp.h>

#define THREADS 10

static __thread sigjmp_buf back;
static __thread void *volatile fault_address;
static __thread volatile int fault_code;
static __thread char *alt;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	char local;

	(void)context;
	fault_address = info->si_addr;
	fault_code = info->si_code;
	if (alt)
		CHECK(&local >= alt && &local < alt + 65536);
	siglongjmp(back, sig);
}

/* Not in C, where the compiler finds a way around the division. */
static void divide(int a, int b)
{
	__asm__ volatile("cltd\n	idivl %1" : "+a"(a) : "r"(b) : "rdx");
}

static __attribute__((noinline)) int overflow(int n)
{
	volatile char room[4096];

	room[0] = (char)n;
	return n > 1000000 ? room[0] : overflow(n + 1) + room[0];
}

static void *run(void *arg)
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int sig;

	CHECK(page != MAP_FAILED);
	for (volatile int i = 0; i < 100; i++) {
		sig = sigsetjmp(back, 1);
		if (sig == 0) {
			*(volatile char *)(page + i) = 1;
			CHECK(false);
		}
		CHECK_EQ(sig, SIGSEGV);
		CHECK(fault_address == page + i);
		CHECK_EQ(fault_code, SEGV_ACCERR);
		sched_yield();
	}
	sig = sigsetjmp(back, 1);
	if (sig == 0)
		divide(1, 0);
	CHECK_EQ(sig, SIGFPE);
	CHECK_EQ(fault_code, FPE_INTDIV);
	sig = sigsetjmp(back, 1);
	if (sig == 0)
		__asm__ volatile("ud2");
	CHECK_EQ(sig, SIGILL);
	munmap(page, 4096);
	if (arg) {
		stack_t mine = {.ss_size = 65536};

		mine.ss_sp = alt = malloc(65536);
		SYS(sigaltstack(&mine, NULL));
		for (volatile int i = 0; i < 5; i++) {
			sig = sigsetjmp(back, 1);
			if (sig == 0)
				overflow(0);
			CHECK_EQ(sig, SIGSEGV);
		}
		mine.ss_flags = SS_DISABLE;
		SYS(sigaltstack(&mine, NULL));
		free(alt);
		alt = NULL;
	}
	return NULL;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t[THREADS];

	set_sigaction(SIGSEGV, on_fault, SA_ONSTACK);
	set_sigaction(SIGFPE, on_fault, SA_ONSTACK);
	set_sigaction(SIGILL, on_fault, SA_ONSTACK);
	PT(pthread_attr_init(&attr));
	PT(pthread_attr_setstacksize(&attr, 256 << 10));
	for (long i = 0; i < THREADS; i++)
		PT(pthread_create(&t[i], &attr, run, (void *)(i % 2)));
	run(NULL);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	puts("handled");
	return 0;
}
