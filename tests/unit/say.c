/* Lines on stderr. */
#include <criterion/criterion.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "runtime/say.h"

static char text[4096];

#define SAID(...)                                               \
	({                                                      \
		int p[2], old = dup(2);                         \
		cr_assert_eq(pipe(p), 0);                       \
		dup2(p[1], 2);                                  \
		say(__VA_ARGS__);                               \
		dup2(old, 2);                                   \
		close(old);                                     \
		close(p[1]);                                    \
		ssize_t n = read(p[0], text, sizeof(text) - 1); \
		text[n > 0 ? n : 0] = '\0';                     \
		close(p[0]);                                    \
		text;                                           \
	})

Test(say, formats)
{
	cr_assert_str_eq(SAID("nothing"), "libgreen: nothing\n");
	cr_assert_str_eq(SAID("%s: %d", "value", 42), "libgreen: value: 42\n");
	cr_assert_str_eq(SAID("%d %d %d", 0, -1, INT_MIN), "libgreen: 0 -1 -2147483648\n");
	cr_assert_str_eq(SAID("%u %u", 0U, UINT_MAX), "libgreen: 0 4294967295\n");
	cr_assert_str_eq(SAID("%l", ULONG_MAX), "libgreen: 18446744073709551615\n");
	cr_assert_str_eq(
	    SAID("%x %x %x", 0UL, 0xdeadbeefUL, ULONG_MAX), "libgreen: 0x0 0xdeadbeef 0xffffffffffffffff\n");
	cr_assert_str_eq(SAID("[%s]", ""), "libgreen: []\n");
}

Test(say, what_is_too_long_is_cut_and_still_a_line)
{
	char longer[2000];
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	char *s = SAID("%s%d", longer, 5);
	cr_assert_eq(strlen(s), 512);
	cr_assert_eq(s[511], '\n');
	cr_assert_eq(s[510], 'a');
	cr_assert_eq(strncmp(s, "libgreen: aaa", 13), 0);
}

Test(say, one_write_a_line)
{
	int p[2], old = dup(2);
	cr_assert_eq(pipe2(p, 040000 /* O_DIRECT: packets */), 0);
	dup2(p[1], 2);
	say("%s %d %x", "one", 2, 3UL);
	say("two");
	dup2(old, 2);
	cr_assert_eq(read(p[0], text, sizeof(text)), (ssize_t)strlen("libgreen: one 2 0x3\n"));
	cr_assert_eq(read(p[0], text, sizeof(text)), (ssize_t)strlen("libgreen: two\n"));
}
