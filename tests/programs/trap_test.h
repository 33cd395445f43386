/* System calls by an instruction of the test's own, past libc. */
#ifndef TRAP_TEST_H
#define TRAP_TEST_H

#include "test.h"

static inline long inline6(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define INLINE_ARG_(_0, _1, _2, _3, _4, _5, _6, name, ...) name
#define INLINE_0(nr) inline6(nr, 0, 0, 0, 0, 0, 0)
#define INLINE_1(nr, a) inline6(nr, (long)(a), 0, 0, 0, 0, 0)
#define INLINE_2(nr, a, b) inline6(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define INLINE_3(nr, a, b, c) inline6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define INLINE_4(nr, a, b, c, d) inline6(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define INLINE_5(nr, a, b, c, d, e) inline6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define INLINE_6(nr, a, b, c, d, e, f) inline6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* inline_call(SYS_read, fd, buf, n): the kernel's result. */
#define inline_call(...) \
	INLINE_ARG_(__VA_ARGS__, INLINE_6, INLINE_5, INLINE_4, INLINE_3, INLINE_2, INLINE_1, INLINE_0)(__VA_ARGS__)

#endif
