/* Makes threads of its own and by libraries that it opens later, and prints of each whether it is a kernel thread that
 * /proc knows by its id. exclude_host LIBRARY...: in the order given; the C++ one has more ways. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

static const char *kind(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", (int)syscall(SYS_gettid));
	return access(path, F_OK) == 0 ? "kernel" : "green";
}

static void *tell(void *what)
{
	printf("%s: %s\n", (const char *)what, kind());
	return what;
}

static int tell_c11(void *what)
{
	tell(what);
	return 0;
}

static void make(void *(*fn)(void *), const char *what)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, (void *)what) || pthread_join(t, NULL))
		abort();
}

static void call(void *library, const char *name, void (*fn)(void *(*)(void *)))
{
	if (!fn)
		fn = (void (*)(void *(*)(void *)))dlsym(library, name);
	if (fn)
		fn(tell);
}

int main(int argc, char **argv)
{
	thrd_t t;

	make(tell, "the program's own");
	for (int i = 1; i < argc; i++) {
		void *library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);

		if (!library) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
		call(library, "make_own", NULL);
		call(library, "make_programs", NULL);
		call(library, "make_c11", NULL);
		call(library, "make_std_thread", NULL);
		call(library, "make_std_async", NULL);
		void *routine = dlsym(library, "routine");
		if (routine)
			make((void *(*)(void *))routine, "the library's, made by the program");
	}
	if (thrd_create(&t, tell_c11, "the program's own of C11") != thrd_success || thrd_join(t, NULL) != thrd_success)
		abort();
	make(tell, "the program's own again");
	return 0;
}
