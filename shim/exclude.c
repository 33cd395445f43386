/*
 * Threads that are to stay kernel threads because of a library: its own function is what they run, or it makes them.
 *
 * Both are asked by address when the thread is made, so that it does not matter when the library was loaded.
 */
#include "shim/exclude.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>

#include "runtime/exclude.h"
#include "runtime/patterns.h"
#include "runtime/runtime.h"
#include "shim/options.h"
#include "shim/symbols.h"

/* From this function down to the caller of libstdc++'s. */
#define FRAMES 16

static __typeof__(&_dl_find_object)
    find_object; /* glibc 2.35: without the loader's lock, which dlopen holds for long */

/* The path of the library that an address lies in; NULL: in none, or in the program itself. */
static const char *library_of(const void *address)
{
	struct dl_find_object found;
	Dl_info info;
	struct link_map *map = NULL;

	if (find_object) {
		if (find_object((void *)address, &found) == 0)
			map = found.dlfo_link_map;
	} else {
		dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP);
	}
	return map && *map->l_name ? map->l_name : NULL;
}

static bool lies_in(const void *address, const char *patterns)
{
	const char *path = address ? library_of(address) : NULL;
	return path && patterns_fit_library(patterns, path);
}

/* A std::thread is made, and run, by functions of libstdc++: who wanted it is further up. */
static const void *maker_behind(const void *caller)
{
	static const char language[] = "libstdc++.so";
	void *frames[FRAMES];
	int n, i = 0;

	if (!lies_in(caller, language))
		return caller;
	n = backtrace(frames, FRAMES);
	while (i < n && frames[i] != caller)
		i++;
	while (i < n && lies_in(frames[i], language))
		i++;
	return i < n ? frames[i] : caller;
}

void exclude_thread(uint32_t symbol, const void *routine)
{
	bool known = symbol == SYMBOL_pthread_create || symbol == SYMBOL_thrd_create;
	runtime_exclude_next(
	    known && (lies_in(routine, options.exclude) || lies_in(maker_behind(note.caller), options.exclude)));
}

void exclude_start(void)
{
	void *frame;

	if (!options.exclude)
		return;
	find_object = (__typeof__(find_object))next_function("_dl_find_object", NULL);
	backtrace(&frame, 1); /* opens libgcc, which is better done here than in the middle of the program */
	exclude_begin(options.exclude);
}

void exclude_stop(void)
{
	exclude_begin(NULL);
}
