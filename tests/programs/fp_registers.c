/* Values in xmm and x87 registers survive blocking system calls, made inline and through libc, in many threads. */
// threads
#include "test.h"
#include <math.h>

#define THREADS 50
#define ROUNDS 300

/* syscall(nr, arg) with the thread's own values in all sixteen xmm registers: the kernel keeps them, and so does libc's
 * function around it. out[] must be in[] again: every
 * other pair comes from xmm0-7, the rest from the copies in xmm8-15. */
void keep_xmm(long nr, long arg, const double in[16], double out[16]);
__asm__(".text\n.globl keep_xmm\n.type keep_xmm, @function\n"
	"keep_xmm:\n"
	"	push %rbx\n	push %r12\n	sub $8, %rsp\n"
	"	mov %rdx, %r12\n	mov %rcx, %rbx\n"
	"	movupd 0(%r12), %xmm0\n	movupd 16(%r12), %xmm1\n	movupd 32(%r12), %xmm2\n"
	"	movupd 48(%r12), %xmm3\n	movupd 64(%r12), %xmm4\n	movupd 80(%r12), %xmm5\n"
	"	movupd 96(%r12), %xmm6\n	movupd 112(%r12), %xmm7\n"
	"	movapd %xmm0, %xmm8\n	movapd %xmm1, %xmm9\n	movapd %xmm2, %xmm10\n	movapd %xmm3, %xmm11\n"
	"	movapd %xmm4, %xmm12\n	movapd %xmm5, %xmm13\n	movapd %xmm6, %xmm14\n	movapd %xmm7, %xmm15\n"
	"	xor %edx, %edx\n	xor %ecx, %ecx\n	xor %r8d, %r8d\n	xor %r9d, %r9d\n"
	"	call *syscall@GOTPCREL(%rip)\n"
	"	movupd %xmm0, 0(%rbx)\n	movupd %xmm9, 16(%rbx)\n	movupd %xmm2, 32(%rbx)\n"
	"	movupd %xmm11, 48(%rbx)\n	movupd %xmm4, 64(%rbx)\n	movupd %xmm13, 80(%rbx)\n"
	"	movupd %xmm6, 96(%rbx)\n	movupd %xmm15, 112(%rbx)\n"
	"	add $8, %rsp\n	pop %r12\n	pop %rbx\n	ret\n"
	".size keep_xmm, .-keep_xmm\n");

static void *run(void *arg)
{
	struct timespec us20 = {0, 20000};
	double in[16], out[16], sum = 0, want = 0;
	long double exact = 1.0L + (long double)(long)arg;

	for (int i = 0; i < 16; i++)
		in[i] = (double)(long)arg * 100 + i + 0.5;
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 3)
			keep_xmm(SYS_sched_yield, 0, in, out);
		else
			keep_xmm(SYS_nanosleep, (long)&us20, in, out);
		for (int k = 0; k < 16; k++)
			CHECK(out[k] == in[k]);
		/* Sums in floating point with a call in each step. */
		sum += sqrt((double)(i + 1));
		exact = exact * 1.0000001L;
		if (i % 7 == 0)
			sleep_us(1);
	}
	for (int i = 0; i < ROUNDS; i++)
		want += sqrt((double)(i + 1));
	CHECK(sum == want);
	CHECK(exact > 1.0L + (long double)(long)arg);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (long i = 0; i < THREADS; i++)
		join(t[i]);
	puts("kept");
	return 0;
}
