/* The library's constructor: reads the options and waits for the first thread. */
#include "shim/arm.h"
#include "shim/options.h"

static void __attribute__((constructor)) load(void)
{
	options_read();
	arm_on_first_thread();
}
