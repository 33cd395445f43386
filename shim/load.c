/* The library's constructor: reads the options and waits for the first thread. */
#include "runtime/say.h"
#include "runtime/stats.h"
#include "shim/arm.h"
#include "shim/options.h"

/* With -z initfirst this runs before libc's own constructor, which sets environ; the loader passes the environment. */
static void __attribute__((constructor)) load(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	say_begin();
	options_read(envp);
	if (options.stats)
		stats_ask();
	arm_on_first_thread();
}
