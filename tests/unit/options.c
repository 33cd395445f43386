/* GREEN_* in the environment. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shim/options.h"

static char said[2048];

/* What was said about it; the options start from their defaults. */
static const char *read_all(char **environment)
{
	int p[2], old = dup(2);
	cr_assert_eq(pipe2(p, O_NONBLOCK), 0);
	dup2(p[1], 2);
	options = (struct options){.max_carriers = 64};
	options_read(environment);
	dup2(old, 2);
	close(old);
	ssize_t n = read(p[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	close(p[0]);
	close(p[1]);
	return said;
}

#define READ(...) read_all((char *[]){__VA_ARGS__, NULL})

Test(options, defaults)
{
	cr_assert_eq(options.max_carriers, 0);
	cr_assert_eq(options.hubs, 0);
	cr_assert(!options.stats && !options.verbose);
	cr_assert_str_empty(read_all(NULL));
	cr_assert_eq(options.max_carriers, 64);
}

Test(options, values)
{
	cr_assert_str_empty(READ("PATH=/bin", "GREEN_STATS=1", "GREEN_MAX_CARRIERS=7", "GREEN_VERBOSE=0"));
	cr_assert_eq(options.stats, 1);
	cr_assert_eq(options.max_carriers, 7);
	cr_assert_eq(options.verbose, 0);
	cr_assert_str_empty(READ("GREEN_MAX_CARRIERS=1000000", "GREEN_HUBS=007"));
	cr_assert_eq(options.max_carriers, 1000000);
	cr_assert_eq(options.hubs, 7);
}

Test(options, texts)
{
	char variable[] = "GREEN_TRAP_EXCEPT=liba*,b";
	cr_assert_null(options.trap_except);
	cr_assert_str_empty(READ(variable, "GREEN_TRAP=1"));
	memset(variable, 'x', sizeof(variable) - 1); /* as programs do that change their title */
	cr_assert_str_eq(options.trap_except, "liba*,b");
	cr_assert_eq(options.trap, 1);
	cr_assert_str_empty(READ("GREEN_EXCLUDE=c", "GREEN_TRAP_EXCEPT=d"));
	cr_assert_str_eq(options.exclude, "c");
	cr_assert_str_eq(options.trap_except, "d");
}

Test(options, a_text_that_is_too_long_is_said_and_ignored)
{
	static char variable[8192] = "GREEN_TRAP_EXCEPT=";
	memset(variable + strlen(variable), 'x', sizeof(variable) - strlen(variable) - 1);
	cr_assert_neq(*READ(variable), 0);
	cr_assert_null(options.trap_except);
}

Test(options, what_is_no_value_is_said_and_ignored)
{
	char *bad[] = {"GREEN_MAX_CARRIERS=", "GREEN_MAX_CARRIERS=0", "GREEN_MAX_CARRIERS=-1",
	    "GREEN_MAX_CARRIERS=1000001", "GREEN_MAX_CARRIERS=99999999999999999999999999", "GREEN_MAX_CARRIERS=5x",
	    "GREEN_MAX_CARRIERS= 5", "GREEN_STATS=2", "GREEN_STATS=yes", "GREEN_STATS="};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *s = READ(bad[i]);
		cr_assert_eq(options.max_carriers, 64, "%s", bad[i]);
		cr_assert_eq(options.stats, 0, "%s", bad[i]);
		cr_assert(strstr(s, bad[i]) && strchr(s, '\n') == s + strlen(s) - 1, "%s: said \"%s\"", bad[i], s);
	}
}

Test(options, patterns)
{
	char variable[] = "GREEN_EXCLUDE=libfoo.so*,audio-?";
	cr_assert_str_empty(READ(variable));
	memset(variable, 'x', sizeof(variable) - 1); /* as programs do that show another title */
	cr_assert_str_eq(options.exclude, "libfoo.so*,audio-?");
	cr_assert_str_empty(READ("PATH=/bin"));
	cr_assert_null(options.exclude);
}

Test(options, wrong_patterns_are_said_and_ignored)
{
	static char huge[8192] = "GREEN_EXCLUDE=";
	char *bad[] = {"GREEN_EXCLUDE=", "GREEN_EXCLUDE=a,,b", "GREEN_EXCLUDE=[a", huge};
	const char *why[] = {"an empty pattern", "an empty pattern", "a [ without its ]", "longer than"};
	memset(huge + strlen(huge), 'a', sizeof(huge) - strlen(huge) - 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *s = READ(bad[i]);
		cr_assert_null(options.exclude);
		cr_assert(strstr(s, why[i]) && strchr(s, '\n') == s + strlen(s) - 1, "%s: said \"%s\"", bad[i], s);
	}
}

Test(options, other_names_are_not_ours)
{
	cr_assert_str_empty(READ("GREEN_STATSX=1", "GREEN_STAT=1", "XGREEN_STATS=1", "green_stats=1", "GREEN_stats=1",
	    "GREEN_", "GREEN_STATS", "GREEN_MAX-CARRIERS=9", "GREEN=1", ""));
	cr_assert_eq(options.stats, 0);
	cr_assert_eq(options.max_carriers, 64);
}
