/* Threads that wait for each other, and threads that only seem to. */
#include "tests/unit/tool_events.h"

#include "tools/trace/text.h"

static size_t told;
static size_t told_count;
static bool told_ring;
static struct waiter told_waiters[8];

void events_deadlock(const struct deadlock *d)
{
	told++;
	told_count = d->count;
	told_ring = d->ring;
	for (size_t i = 0; i < d->count && i < 8; i++)
		told_waiters[i] = d->waiters[i];
}

static struct standing waits(int thread, int owner, uint64_t since)
{
	return (struct standing){.thread = &threads[thread],
	    .state = TRACE_IS_PARKED,
	    .since = since,
	    .nr = SYS_futex,
	    .lock = 0x1000 + 16 * (uint64_t)thread,
	    .owner = owner < 0 ? NULL : &threads[owner]};
}

static struct standing runs(int thread)
{
	return (struct standing){.thread = &threads[thread], .state = TRACE_IN_PROGRAM, .nr = -1};
}

static size_t looks;
static void look(const struct standing *s, size_t n, bool complete)
{
	deadlock_look(&server, s, n, complete, ++looks * 20 * MS);
}

#define LOOK(complete, ...)                                                                                        \
	look((struct standing[]){__VA_ARGS__}, sizeof((struct standing[]){__VA_ARGS__}) / sizeof(struct standing), \
	    complete)

Test(deadlock, ring_of_two_while_another_runs)
{
	LOOK(false, runs(0), waits(1, 2, 5), waits(2, 1, 6));
	cr_assert_eq(told, 0, "seen once only");
	LOOK(false, runs(0), waits(1, 2, 5), waits(2, 1, 6));
	cr_assert_eq(told, 1);
	cr_assert(told_ring);
	cr_assert_eq(told_count, 2);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(told_waiters[i].owner, told_waiters[1 - i].thread);
	for (int i = 0; i < 5; i++)
		LOOK(true, runs(0), waits(2, 1, 6), waits(1, 2, 5));
	cr_assert_eq(told, 1, "told once");
}

Test(deadlock, ring_with_a_tail)
{
	for (int i = 0; i < 3; i++)
		LOOK(false, waits(3, 0, 9), waits(0, 1, 5), waits(1, 2, 6), waits(2, 0, 7));
	cr_assert_eq(told, 1);
	cr_assert_eq(told_count, 3);
	for (int i = 0; i < 3; i++)
		cr_assert_neq(told_waiters[i].thread, &threads[3]);
}

Test(deadlock, waits_for_itself)
{
	LOOK(false, runs(0), waits(1, 1, 5));
	LOOK(false, runs(0), waits(1, 1, 5));
	cr_assert_eq(told, 1);
	cr_assert_eq(told_count, 1);
}

Test(deadlock, another_wait_is_another_look)
{
	for (uint64_t i = 0; i < 6; i++)
		LOOK(false, waits(1, 2, 5), waits(2, 1, 6 + i));
	cr_assert_eq(told, 0);
}

Test(deadlock, told_again_when_it_changed)
{
	for (int i = 0; i < 3; i++)
		LOOK(false, waits(1, 2, 5), waits(2, 1, 6));
	for (int i = 0; i < 3; i++)
		LOOK(false, runs(1), runs(2));
	cr_assert_eq(told, 1);
	for (int i = 0; i < 3; i++)
		LOOK(false, waits(1, 2, 15), waits(2, 1, 16));
	cr_assert_eq(told, 2);
}

Test(deadlock, not_without_owners_or_with_limits)
{
	struct standing limited = waits(2, 1, 6);
	limited.lock = 0;
	for (int i = 0; i < 3; i++) {
		LOOK(false, waits(1, 2, 5), limited);
		LOOK(false, waits(1, 2, 5), runs(2));
		LOOK(false, waits(1, 2, 5), waits(2, -1, 6));
		LOOK(false, waits(1, 3, 5), waits(2, 1, 6));
	}
	cr_assert_eq(told, 0);
}

Test(deadlock, all_wait)
{
	LOOK(true, waits(0, -1, 1), waits(1, -1, 2), waits(2, 0, 3));
	cr_assert_eq(told, 0);
	for (int i = 0; i < 4; i++)
		LOOK(true, waits(0, -1, 1), waits(1, -1, 2), waits(2, 0, 3));
	cr_assert_eq(told, 1);
	cr_assert(!told_ring);
	cr_assert_eq(told_count, 3);
}

Test(deadlock, not_all_wait)
{
	struct standing sleeps = waits(2, -1, 3);
	sleeps.lock = 0;
	for (int i = 0; i < 3; i++) {
		LOOK(true, waits(0, -1, 1), waits(1, -1, 2), sleeps);
		LOOK(true, waits(0, -1, 1));
		LOOK(false, waits(0, -1, 1), waits(1, -1, 2));
	}
	cr_assert_eq(told, 0);
}

Test(deadlock, ring_explains_the_others)
{
	for (int i = 0; i < 3; i++)
		LOOK(true, waits(0, -1, 1), waits(1, 2, 2), waits(2, 1, 3));
	cr_assert_eq(told, 1);
	cr_assert(told_ring);
}

Test(deadlock, processes_apart)
{
	struct process other = {.pid = 7, .serial = 2, .path = "/bin/other"};
	struct standing s[] = {waits(1, 2, 5), waits(2, 1, 6)};
	for (int i = 0; i < 2; i++) {
		deadlock_look(&server, s, 2, true, 1);
		deadlock_look(&other, s, 0, true, 1);
	}
	cr_assert_eq(told, 1);
}

/* As many as a program can claim: a look takes no longer than the others wait for. */
Test(deadlock, many_rings, .timeout = 10)
{
	enum { MANY = 16384, LOOKS = 40 };
	struct thread *all = calloc(MANY, sizeof(*all));
	struct standing *s = calloc(MANY, sizeof(*s));

	for (uint32_t i = 0; i < MANY; i++) {
		all[i] = (struct thread){.process = &server, .tid = (int)i + 1, .number = i + 1};
		s[i] = (struct standing){.thread = &all[i], .state = TRACE_IS_PARKED, .lock = 16, .owner = &all[i]};
	}
	for (size_t i = 0; i < LOOKS; i++)
		look(s, MANY, true);
	cr_assert_eq(told, MANY);
	free(all);
	free(s);
}

Test(deadlock, written_out)
{
	struct stack *s = stack_new(LIBC("pthread_mutex_lock"), "bank.c", 17, "transfer");
	struct waiter waiters[] = {{&threads[1], 0x1000, &threads[2], s}, {&threads[2], 0x2000, &threads[1], NULL}};
	struct deadlock d = {.process = &server, .ring = true, .waiters = waiters, .count = 2};

	options((struct trace_options){0});
	live_sink.deadlock(&d);
	done();
	HAS("DEADLOCK: 2 threads of server (pid 4194) wait for each other\n"
	    "  [4194401 worker-1] waits for the lock at 0x1000, held by [4194402 worker-2]\n"
	    "    pthread_mutex_lock+0x10 (libc.so.6)\n"
	    "    bank.c:17 in transfer\n");
	HAS("  [4194402 worker-2] waits for the lock at 0x2000, held by [4194401 worker-1]\n");
}
