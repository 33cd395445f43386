/* Stacks that were looked up are found again, and do not take more memory than they may. */
#include <criterion/criterion.h>

#include "tools/trace/tool.h"

/* Nothing is mapped: to look a stack up costs nothing. */
static struct traced traced;
static struct frame frames[FRAMES_MOST];

static void set_up(void)
{
	traced.process = process_new(0, 1, "nothing");
	traced.serial = 1;
}

static void tear_down(void)
{
	same_free();
	process_free(traced.process);
}

TestSuite(same, .init = set_up, .fini = tear_down);

static const struct stack *stack(uint64_t innermost)
{
	const struct snapshot s = {.ip = innermost};

	frames[0].pc = innermost;
	return stack_same(&traced, &s, frames, FRAMES_MOST);
}

Test(same, found_again)
{
	const struct stack *one = stack(1), *other = stack(2);

	cr_assert(one && other && one != other);
	cr_assert_eq(stack(1), one);
	cr_assert_eq(stack(2), other);
	traced.maps++;
	cr_assert_neq(stack(1), one);
}

Test(same, limited_in_bytes)
{
	size_t n = 0;

	same_bytes_most = 1 << 20;
	while (n < 10000 && stack(n))
		n++;
	cr_assert(n > 100 && n * sizeof(frames[0].pc) * FRAMES_MOST <= 1 << 20, "%zu", n);
	cr_assert_null(stack(n));
	cr_assert_not_null(stack(0), "what is known stays");
	same_free();
	cr_assert_not_null(stack(n));
}
