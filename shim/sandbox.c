/* What keeps a process from having green threads: sanitizers, and seccomp filters that would not stand for it. */
#include "shim/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* They keep books about stacks, which a switch that they do not see upsets; ASan also ends the process at a dlopen with
 * RTLD_DEEPBIND. */
static bool sanitized(void)
{
#ifdef GREEN_SANITIZE
	return false;
#else
	static const char *const runtimes[] = {"__asan_init", "__tsan_init", "__msan_init", "__hwasan_init"};
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(*runtimes); i++)
		if (dlsym(RTLD_DEFAULT, runtimes[i]))
			return true;
	return false;
#endif
}

/* In a child, since a filter may kill for it: what arming and running need that a program may never have asked for. */
static bool try_everything(void)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	p[0] = (char)0xc3; /* ret */
	if (mprotect(p, 4096, PROT_READ | PROT_EXEC))
		return false;
	int ep = epoll_create1(EPOLL_CLOEXEC), ev = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event in = {.events = EPOLLIN | EPOLLET};
	if (ep < 0 || ev < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, ev, &in) || epoll_ctl(ep, EPOLL_CTL_DEL, ev, NULL))
		return false;
	struct timespec zero = {0};
	if (syscall(SYS_epoll_pwait2, ep, &in, 1, &zero, NULL, 8) < 0 && errno != ENOSYS)
		return false;
	stack_t ss = {.ss_sp = p, .ss_size = 4096};
	struct sigaction sa;
	if (sigaltstack(&ss, NULL) || sigaction(SIGUSR1, NULL, &sa) || syscall(SYS_tgkill, getpid(), getpid(), 0))
		return false;
	unsigned long gs;
	return syscall(SYS_arch_prctl, 0x1004 /* ARCH_GET_GS */, &gs) == 0;
}

/* 0: it lets us; a signal or an error: it does not. */
static bool works_in_child(bool (*try)(void))
{
	int status;
	pid_t pid = _Fork(); /* not the program's atfork handlers */
	if (pid == 0)
		_exit(try() ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool is_filtered(void)
{
	return prctl(PR_GET_SECCOMP) == 2;
}

bool sandbox_lets(bool (*try)(void))
{
	return is_filtered() ? works_in_child(try) : try();
}

const char *sandbox_forbids(void)
{
	if (sanitized())
		return "a sanitizer's runtime is present";
	if (is_filtered() && !works_in_child(try_everything))
		return "its seccomp filter does not allow what green threads need";
	return NULL;
}
