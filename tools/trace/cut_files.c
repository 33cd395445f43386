/* Files that are mapped and then cut off: a program under trace can do that to its own. What is not there any more
 * reads as zeros, which are checked like everything else in such a file. */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/trace/tool.h"

#define PAGE 4096UL

static void fill(int sig, siginfo_t *info, void *context)
{
	(void)context;
	void *page = (void *)((uintptr_t)info->si_addr & ~(PAGE - 1));

	if (info->si_code != BUS_ADRERR ||
	    mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		signal(sig, SIG_DFL);
}

void cut_files_start(void)
{
	struct sigaction action = {.sa_sigaction = fill, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &action, NULL);
}
