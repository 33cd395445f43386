/*
 * The trap door: Syscall User Dispatch (Linux 5.11), for `syscall` instructions that are no sites: those of other
 * libraries, of the program, of code made at run time. Nothing has to be known of them beforehand.
 *
 * The kernel exempts one range of addresses and looks at a byte of ours before each call elsewhere. We need no byte:
 * the range is our own text, where all of the runtime's calls are made, and every call of libc and ld.so is a site
 * then, the way back from signal handlers too. So nothing changes at the way in and out of the runtime, and nothing has
 * to be told to the kernel in the program's handlers, in a child of vfork or at a longjmp. fork, clone and exec end it.
 */
#include "shim/trap.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/patterns.h"
#include "runtime/sys_x86_64.h"
#include "shim/sandbox.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

static const char *exceptions;
static char program[PATH_MAX]; /* the loader has no name for it */
static int (*find_object)(void *, struct dl_find_object *);

/* libc knows the library at an address without a lock (glibc 2.35). */
bool trap_is_except(uintptr_t ip)
{
	struct dl_find_object object;
	if (find_object((void *)ip, &object))
		return false;
	const char *name = object.dlfo_link_map->l_name;
	return patterns_fit_library(exceptions, *name ? name : program);
}

bool trap_has_exceptions(void)
{
	return exceptions && *exceptions;
}

static bool try_to_switch_off(void)
{
	return sys(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0) == 0;
}

const char *trap_prepare(const char *except)
{
	exceptions = except;
	if (!sandbox_lets(try_to_switch_off))
		return "the kernel has no Syscall User Dispatch (Linux 5.11)";
	if (!trap_has_exceptions())
		return NULL;
	find_object = (__typeof__(find_object))dlsym(RTLD_DEFAULT, "_dl_find_object");
	if (!find_object)
		return "exceptions need glibc 2.35";
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[n > 0 ? n : 0] = '\0';
	return NULL;
}

void trap_begin(void)
{
	sys(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, __ehdr_start,
	    (uintptr_t)etext - (uintptr_t)__ehdr_start, 0);
}
