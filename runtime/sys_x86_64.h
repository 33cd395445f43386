/* Raw system calls: no errno, no cancellation, no libc. The result is the kernel's (negative errno on failure). */
#ifndef GREEN_SYS_X86_64_H
#define GREEN_SYS_X86_64_H

#include <sys/syscall.h>

#include "base.h"

/* What the headers of an older kernel lack. */
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
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

static inline long sys4(long nr, long a, long b, long c, long d)
{
	long ret;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(ret) : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return ret;
}

static inline long sys3(long nr, long a, long b, long c)
{
	long ret;
	__asm__ volatile("syscall" : "=a"(ret) : "0"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return ret;
}

#define SYS_ARG_(_0, _1, _2, _3, _4, _5, _6, name, ...) name
#define SYS_0(nr) sys3(nr, 0, 0, 0)
#define SYS_1(nr, a) sys3(nr, (long)(a), 0, 0)
#define SYS_2(nr, a, b) sys3(nr, (long)(a), (long)(b), 0)
#define SYS_3(nr, a, b, c) sys3(nr, (long)(a), (long)(b), (long)(c))
#define SYS_4(nr, a, b, c, d) sys4(nr, (long)(a), (long)(b), (long)(c), (long)(d))
#define SYS_5(nr, a, b, c, d, e) sys6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS_6(nr, a, b, c, d, e, f) sys6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* sys(SYS_read, fd, buf, n): one to six arguments. */
#define sys(...) SYS_ARG_(__VA_ARGS__, SYS_6, SYS_5, SYS_4, SYS_3, SYS_2, SYS_1, SYS_0)(__VA_ARGS__)

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

#endif
