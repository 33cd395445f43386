/* The library trap_lib, which the build puts beside the test: a program of its own kind, but to be loaded. */
#ifndef TRAP_LIB_TEST_H
#define TRAP_LIB_TEST_H

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>

#include "trap_test.h"

static long (*lib_gettid)(void);
static long (*lib_read)(int fd, void *to, size_t n);

static void lib_open(void)
{
	char self[PATH_MAX] = "", path[PATH_MAX + 16];
	void *lib;

	SYS(readlink("/proc/self/exe", self, sizeof(self) - 1));
	snprintf(path, sizeof(path), "%s/trap_lib", dirname(self));
	lib = dlopen(path, RTLD_NOW);
	if (!lib)
		test_fail(__FILE__, __LINE__, "dlopen", dlerror());
	lib_gettid = (long (*)(void))dlsym(lib, "lib_gettid");
	lib_read = (long (*)(int, void *, size_t))dlsym(lib, "lib_read");
	CHECK(lib_gettid && lib_read);
}

#endif
