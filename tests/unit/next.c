/* The lookup behind the symbol door against the loader's own. */
#include <criterion/criterion.h>
#include <dlfcn.h>

#include "shim/symbols.h"

static const char *const names[] = {"read", "write", "pthread_create", "getaddrinfo", "memcpy" /* an IFUNC */,
    "nanosleep", "__read_chk", "poll", "environ_that_is_not_there", "dlopen", "strlen", "malloc", "fopen"};

Test(next, as_dlsym)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		cr_assert_eq(next_function(names[i], NULL), dlsym(RTLD_NEXT, names[i]), "%s", names[i]);
}

/* Every name of the table that libc has, in every version that the table gives. */
Test(next, whole_table)
{
	int found = 0;
	for (uint32_t i = 0; i < SYMBOLS; i++) {
		void *want = dlsym(RTLD_NEXT, symbol_name(i));
		if (!want)
			continue;
		found++;
		cr_assert_not_null(symbol_real(i), "%s", symbol_name(i));
	}
	cr_assert_gt(found, 50);
}

/* Old and new version of one name are two functions. */
Test(next, versions)
{
#ifdef GREEN_SANITIZE
	cr_skip_test("the sanitizer's own memcpy, without versions, is found before libc's");
#endif
	const struct {
		const char *name, *version;
	} v[] = {{"memcpy", "GLIBC_2.2.5"}, {"memcpy", "GLIBC_2.14"}, {"pthread_cond_wait", "GLIBC_2.2.5"},
	    {"pthread_cond_wait", "GLIBC_2.3.2"}, {"read", "GLIBC_2.2.5"}, {"fopen", "GLIBC_2.2.5"},
	    {"read", "GLIBC_9.9"}, {"read_", "GLIBC_2.2.5"}};
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		cr_assert_eq(next_function(v[i].name, v[i].version), dlvsym(RTLD_DEFAULT, v[i].name, v[i].version),
		    "%s@%s", v[i].name, v[i].version);
	cr_assert_neq(next_function("memcpy", "GLIBC_2.2.5"), next_function("memcpy", "GLIBC_2.14"));
}

Test(next, what_is_not_there)
{
	cr_assert_null(next_function("", NULL));
	cr_assert_null(next_function("no_such_function_anywhere", NULL));
	cr_assert_null(next_function("environ", NULL), "an object, not a function");
}
