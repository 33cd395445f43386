/* Stacks: glibc's pair of calls, mmap of all and mprotect of what is above the guard, answered with guard pages. */
#include <sys/mman.h>

#include "tests/unit/green.h"

#define PAGE 4096UL
#define STACK (MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK)
#define RW (PROT_READ | PROT_WRITE)

TestSuite(stack, .init = green_begin, .timeout = 20);

static bool readable(const char *p)
{
	uint32_t word;
	return user_load32((const uint32_t *)p, &word) == 0;
}

static bool writable(char *p)
{
	return user_store32((uint32_t *)p, 1) == 0;
}

static bool have_guards(void)
{
	char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return madvise(p, PAGE, 102 /* MADV_GUARD_INSTALL */) == 0;
}

static int maps(void)
{
	int n = 0, c;
	FILE *f = fopen("/proc/self/maps", "re");
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static char *map_stack(size_t size, size_t guard)
{
	char *p = (char *)green(SYS_mmap, NULL, size, PROT_NONE, STACK, -1, 0);
	cr_assert((long)p > 0 || (long)p < -4096, "%ld", (long)p);
	cr_assert_eq(green(SYS_mprotect, p + guard, size - guard, RW), 0);
	return p;
}

static void check_stack(char *p, size_t size, size_t guard)
{
	for (size_t at = 0; at < size; at += PAGE) {
		cr_assert_eq(readable(p + at), at >= guard, "at %zu", at);
		cr_assert_eq(writable(p + at), at >= guard, "at %zu", at);
	}
}

Test(stack, guard)
{
	const size_t guards[] = {PAGE, 5 * PAGE, 0, 15 * PAGE};
	for (size_t i = 0; i < ARRAY_LEN(guards); i++)
		check_stack(map_stack(16 * PAGE, guards[i]), 16 * PAGE, guards[i]);
}

/* The point of it: many stacks, few VMAs. */
Test(stack, neighbours_share_a_vma)
{
	if (!have_guards())
		cr_skip_test("this kernel has no MADV_GUARD_INSTALL");
	int before = maps();
	for (int i = 0; i < 500; i++)
		map_stack(16 * PAGE, PAGE);
	cr_assert_leq(maps(), before + 20);
}

/* A cached stack with a smaller guard: glibc opens what is between (setup_stack_prot). */
Test(stack, smaller_guard)
{
	char *p = map_stack(16 * PAGE, 4 * PAGE);
	cr_assert_eq(green(SYS_mprotect, p + PAGE, 3 * PAGE, RW), 0);
	check_stack(p, 16 * PAGE, PAGE);
}

/* And with a larger one. */
Test(stack, larger_guard)
{
	char *p = map_stack(16 * PAGE, PAGE);
	cr_assert_eq(green(SYS_mprotect, p, 6 * PAGE, PROT_NONE), 0);
	check_stack(p, 16 * PAGE, 6 * PAGE);
	cr_assert_eq(green(SYS_mprotect, p + 2 * PAGE, 4 * PAGE, RW), 0);
	check_stack(p, 16 * PAGE, 2 * PAGE);
}

Test(stack, executable)
{
	char *p = (char *)green(SYS_mmap, NULL, 16 * PAGE, PROT_NONE, STACK, -1, 0);
	cr_assert_eq(green(SYS_mprotect, p + PAGE, 15 * PAGE, RW | PROT_EXEC), 0);
	check_stack(p, 16 * PAGE, PAGE);
	p[8 * PAGE] = (char)0xc3; /* ret */
	((void (*)(void))(p + 8 * PAGE))();
}

/* Where the kernel refuses guards: memory that is locked. */
Test(stack, locked_memory)
{
	if (mlockall(MCL_FUTURE))
		cr_skip_test("mlockall is not allowed");
	for (int i = 0; i < 3; i++) /* the first one finds out */
		check_stack(map_stack(16 * PAGE, 2 * PAGE), 16 * PAGE, 2 * PAGE);
}

/* A call that the kernel refuses says nothing about guards: the next stacks have theirs as before. */
Test(stack, refused_before_it_is_opened)
{
	if (!have_guards())
		cr_skip_test("this kernel has no MADV_GUARD_INSTALL");
	char *p = (char *)green(SYS_mmap, NULL, 16 * PAGE, PROT_NONE, STACK, -1, 0);
	cr_assert_eq(green(SYS_mprotect, p + 100, 16 * PAGE - 100, RW), -EINVAL);
	int before = maps();
	for (int i = 0; i < 100; i++)
		map_stack(16 * PAGE, PAGE);
	cr_assert_leq(maps(), before + 20);
}

/* Two reservations before the first is opened, as by who manages stacks of his own: that one has its guard too. */
Test(stack, opened_after_another_is_mapped)
{
	char *first = (char *)green(SYS_mmap, NULL, 16 * PAGE, PROT_NONE, STACK, -1, 0);
	char *second = (char *)green(SYS_mmap, NULL, 16 * PAGE, PROT_NONE, STACK, -1, 0);
	check_stack(first, 16 * PAGE, 16 * PAGE);
	cr_assert_eq(green(SYS_mprotect, first + PAGE, 15 * PAGE, RW), 0);
	check_stack(first, 16 * PAGE, PAGE);
	cr_assert_eq(green(SYS_mprotect, second + 2 * PAGE, 14 * PAGE, RW), 0);
	check_stack(second, 16 * PAGE, 2 * PAGE);
}

/* What is not a stack of glibc's is the kernel's. */
Test(stack, other_mappings)
{
	char *p = (char *)green(SYS_mmap, NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(!readable(p));
	cr_assert_eq(green(SYS_mprotect, p + PAGE, PAGE, PROT_READ), 0);
	cr_assert(!readable(p) && readable(p + PAGE) && !writable(p + PAGE));
	cr_assert_eq(green(SYS_mprotect, p + 1, PAGE, RW), -EINVAL);
	cr_assert_eq(green(SYS_mmap, NULL, 0, PROT_NONE, STACK, -1, 0), -EINVAL);
	cr_assert_eq(green(SYS_mmap, NULL, 1UL << 60, PROT_NONE, STACK, -1, 0), -ENOMEM);
	char *rw = (char *)green(SYS_mmap, NULL, PAGE, RW, STACK, -1, 0);
	cr_assert(writable(rw));
}
