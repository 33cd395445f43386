/* Made like carriers, but with a stack that has room for the handler of a kick too. */
#include "helper.h"

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
	int err = carrier_make_thread(c, HELPER_STACK, helper_main);
	if (err)
		pages_free(c, c->mapped);
	return err;
}
