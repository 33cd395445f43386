// env: GREEN_TRAP=1
// threads
/*
 * Whatever the program has in registers, under its stack pointer and below its stack is there after an inline system
 * call that parked, while other threads with other values made the same.
 */
#include <immintrin.h>

#include "trap_test.h"

#define THREADS 8
#define ROUNDS 300
#define MXCSR_ROUND_UP 0x4000

static int ring[THREADS][2];
static bool have_avx, have_avx512;

struct state {
	uint8_t ymm[16][32];
	uint32_t mxcsr;
	uint16_t x87;
};

/* Fills what the call must keep, makes read(fd, &byte, 1), and stores what was left of it. */
static long read_with_state(int fd, char *byte, const struct state *in, struct state *out)
{
	long ret;

#define LOAD(i) "vmovdqu 32*" #i "(%[in]), %%ymm" #i "\n"
#define STORE(i) "vmovdqu %%ymm" #i ", 32*" #i "(%[out])\n"
	__asm__ volatile(LOAD(0) LOAD(1) LOAD(2) LOAD(3) LOAD(4) LOAD(5) LOAD(6) LOAD(7) LOAD(8) LOAD(9) LOAD(10)
			     LOAD(11) LOAD(12) LOAD(13) LOAD(14)
				 LOAD(15) "ldmxcsr 512(%[in])\n"
					  "fldcw 516(%[in])\n"
					  "movq %[red], -8(%%rsp)\n"
					  "movq %[red], -128(%%rsp)\n"
					  "syscall\n"
					  "cmpq %[red], -8(%%rsp)\n"
					  "jne 1f\n"
					  "cmpq %[red], -128(%%rsp)\n"
					  "je 2f\n"
					  "1: ud2\n"
					  "2:\n" STORE(0) STORE(1) STORE(2) STORE(3) STORE(4) STORE(5) STORE(6) STORE(7)
					      STORE(8) STORE(9) STORE(10) STORE(11) STORE(12) STORE(13) STORE(14)
						  STORE(15) "stmxcsr 512(%[out])\n"
							    "fnstcw 516(%[out])\n"
							    "vzeroupper\n"
			 : "=a"(ret)
			 : "0"((long)SYS_read), "D"((long)fd), "S"(byte),
			 "d"(1L), [in] "r"(in), [out] "r"(out), [red] "r"((uint64_t)in)
			 : "rcx", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
			 "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	return ret;
}

__attribute__((target("avx512f,avx512bw"))) static void read_with_masks(int fd, char *byte, long seed)
{
	__m512i value = _mm512_set1_epi64(seed), after;
	uint64_t mask = (uint64_t)seed * 0x9e3779b97f4a7c15, mask_after;
	long ret;

	__asm__ volatile("vmovdqa64 %[value], %%zmm31\n"
			 "kmovq %[mask], %%k5\n"
			 "syscall\n"
			 "vmovdqa64 %%zmm31, %[after]\n"
			 "kmovq %%k5, %[mask_after]\n"
			 : "=a"(ret), [after] "=v"(after), [mask_after] "=r"(mask_after)
			 : "0"((long)SYS_read), "D"((long)fd), "S"(byte), "d"(1L), [value] "v"(value), [mask] "r"(mask)
			 : "rcx", "r11", "memory", "xmm31", "k5");
	CHECK_EQ(ret, 1);
	CHECK_EQ(mask_after, mask);
	CHECK_EQ(_mm512_cmpeq_epi64_mask(after, value), 0xff);
}

static void *runner(void *arg)
{
	long self = (long)arg;
	int in = ring[self][0], out = ring[(self + 1) % THREADS][1];
	struct state before, after;
	char byte = 1;

	for (int round = 0; round < ROUNDS; round++) {
		memset(&before, (int)(self * 37 + round), sizeof(before));
		before.mxcsr = self % 2 ? 0x1f80 | MXCSR_ROUND_UP : 0x1f80;
		before.x87 = self % 3 ? 0x37f : 0x27f;
		memset(&after, 0, sizeof(after));
		CHECK_EQ(read_with_state(in, &byte, &before, &after), 1);
		CHECK(memcmp(before.ymm, after.ymm, sizeof(before.ymm)) == 0);
		CHECK_EQ(after.mxcsr & ~0x3fu, before.mxcsr & ~0x3fu);
		CHECK_EQ(after.x87, before.x87);
		CHECK_EQ(inline_call(SYS_write, out, &byte, 1), 1);
		if (!have_avx512)
			continue;
		read_with_masks(in, &byte, self + round);
		CHECK_EQ(inline_call(SYS_write, out, &byte, 1), 1);
	}
	return NULL;
}

/* A goroutine's stack may have a few hundred bytes left: what lies below them is somebody else's. */
#define ROOM 256
#define STACK 8192

static long read_on_small_stack(int fd, char *byte, char *sp)
{
	long ret;

	__asm__ volatile("mov %%rsp, %%rbx\n"
			 "mov %[sp], %%rsp\n"
			 "syscall\n"
			 "mov %%rbx, %%rsp\n"
			 : "=a"(ret)
			 : "0"((long)SYS_read), "D"((long)fd), "S"(byte), "d"(1L), [sp] "r"(sp)
			 : "rbx", "rcx", "r11", "memory");
	return ret;
}

static void *on_small_stack(void *arg)
{
	static char stacks[THREADS][STACK];
	long self = (long)arg;
	char *stack = stacks[self], byte = 0;

	memset(stack, 0x5a, STACK);
	for (int round = 0; round < ROUNDS; round++) {
		CHECK_EQ(read_on_small_stack(ring[self][0], &byte, stack + STACK - 64), 1);
		CHECK_EQ(inline_call(SYS_write, ring[(self + 1) % THREADS][1], &byte, 1), 1);
	}
	for (int i = 0; i < STACK - 64 - ROOM; i++)
		CHECK_EQ(stack[i], 0x5a);
	return NULL;
}

/* None at all: the call itself needs no stack. */
static void *on_no_stack(void *arg)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), byte;
	long self = (long)arg, ret;

	CHECK(pages != MAP_FAILED);
	SYS(mprotect(pages, 4096, PROT_NONE));
	for (int round = 0; round < ROUNDS; round++) {
		CHECK_EQ(read_on_small_stack(ring[self][0], &byte, pages + 4096), 1);
		__asm__ volatile("mov %%rsp, %%rbx\n"
				 "mov %[sp], %%rsp\n"
				 "syscall\n"
				 "mov %%rbx, %%rsp\n"
				 : "=a"(ret)
				 : "0"((long)SYS_getppid), [sp] "r"(pages + 4096)
				 : "rbx", "rcx", "r11", "memory");
		CHECK_EQ(ret, getppid());
		CHECK_EQ(inline_call(SYS_write, ring[(self + 1) % THREADS][1], &byte, 1), 1);
	}
	SYS(munmap(pages, 8192));
	return NULL;
}

static void go_round(void *(*fn)(void *), int bytes)
{
	pthread_t t[THREADS];
	char byte = 7;

	for (long i = 0; i < THREADS; i++)
		t[i] = start(fn, (void *)i);
	SYS(write(ring[0][1], &byte, 1));
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	CHECK_EQ(read(ring[0][0], &byte, 1), 1);
	CHECK_EQ(byte, bytes);
}

int main(void)
{
	have_avx = __builtin_cpu_supports("avx");
	have_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
	if (!have_avx)
		test_skip("no AVX");
	for (int i = 0; i < THREADS; i++)
		SYS(pipe(ring[i]));
	go_round(runner, 7);
	printf("registers kept\n");
	go_round(on_small_stack, 7);
	printf("nothing written below the stack\n");
	go_round(on_no_stack, 7);
	printf("no stack needed\n");
	return 0;
}
