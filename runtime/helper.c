/* Made like carriers, but with a stack that has room for the handler of a kick too. */
#include "helper.h"

#include <linux/sched.h>

#include "carrier.h"
#include "mem.h"
#include "signal_core.h"

#define HELPER_STACK (64 * 1024)

static void helper_main(struct carrier *c)
{
	carrier_block_signals(c);
	c->body(c);
	carrier_set_mask(c, ~0UL);
	sys(SYS_exit, 0);
}

int helper_start(void (*fn)(struct carrier *))
{
	struct carrier *c = pages_alloc(4096 + HELPER_STACK);
	if (!c)
		return -ENOMEM;
	c->self = c;
	c->mapped = 4096 + HELPER_STACK;
	c->alive = 1;
	c->state = MODE_SPARE;
	c->kernel_mask = ~0UL;
	c->stack = (char *)c + 4096;
	c->body = fn;
	ksigset_t all = ~0UL, old;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
	long tid = carrier_clone(
	    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
	    (char *)c->stack + HELPER_STACK - 64, c, helper_main, &c->alive);
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &old, 0, 8);
	if (tid < 0) {
		pages_free(c, c->mapped);
		return (int)tid;
	}
	c->tid = (int)tid;
	carrier_list(c);
	return 0;
}
