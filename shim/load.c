/* The library's constructor: reads the options and waits for the first thread. */
#include <string.h>

#include "runtime/say.h"
#include "runtime/stats.h"
#include "runtime/trace.h"
#include "runtime/trace_format.h"
#include "shim/arm.h"
#include "shim/options.h"

/* `green trace` has started us, or who did. */
static void join_trace(char **envp)
{
	static const char name[] = TRACE_VARIABLE "=";
	for (char **e = envp; e && *e; e++)
		if (!strncmp(*e, name, sizeof(name) - 1))
			trace_join(*e + sizeof(name) - 1);
}

/* With -z initfirst this runs before libc's own constructor, which sets environ; the loader passes the environment. */
static void __attribute__((constructor)) load(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	say_begin();
	options_read(envp);
	if (options.stats)
		stats_ask();
	join_trace(envp);
	arm_on_first_thread();
}
