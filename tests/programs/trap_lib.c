// cflags: -shared -fPIC
// no-test
/* A library that makes its own system calls: for trap_library and trap_except. */
#include "trap_test.h"

long lib_gettid(void)
{
	return inline_call(SYS_gettid);
}

long lib_read(int fd, void *to, size_t n)
{
	return inline_call(SYS_read, fd, to, n);
}
