/* Tracing: rings, stacks by number, and long stays in the program. */
#include "tests/unit/trace.h"

/* Rings */

static char bulk[4096];
static int null;

/* The n-th. Its record is as long as the program's data. */
static void numbered_write(uint64_t n, size_t size)
{
	cr_assert_eq(green(SYS_write, null, bulk, size, n), size);
}

/* From the `from`-th on, without a gap; how many. */
static uint64_t numbers(uint64_t from)
{
	uint64_t n = from;
	look();
	for (int i = 0; i < record_count; i++) {
		const struct trace_call *c = (const void *)records[i];
		if (c->h.type != TRACE_CALL || c->nr != SYS_write)
			continue;
		cr_assert_eq(c->args[3], n, "number %lu, not %lu", c->args[3], n);
		cr_assert(c->result == (long)c->args[2] && c->args[1] == (uint64_t)bulk);
		cr_assert(is_captured(c, 1, 0, bulk, c->args[2], (uint32_t)c->args[2]));
		n++;
	}
	return n - from;
}

static void began_writing(void)
{
	began();
	null = open("/dev/null", O_WRONLY);
	for (size_t i = 0; i < sizeof(bulk); i++)
		bulk[i] = (char)(i * 7);
	atomic_store(&control->capture, sizeof(bulk));
	numbered_write(0, 1);
	eat();
}

Test(trace, a_ring_goes_round, .init = began_writing)
{
	struct trace_ring *ring = trace_ring_at(memory, 0);
	uint64_t made = 0, read = 0;
	for (pads = 0; atomic_load(&ring->head) < 4UL * TRACE_RING_BYTES;) {
		for (int i = 0; i < 90; i++, made++)
			numbered_write(made, 1 + made * 523 % sizeof(bulk));
		read += numbers(read);
		eat();
	}
	cr_assert_eq(read, made);
	cr_assert_eq(lost(), 0);
	cr_assert_geq(pads, 3);
}

Test(trace, a_full_ring_loses, .init = began_writing)
{
	uint64_t made = 0;
	while (lost() < 10 && made < 10000)
		numbered_write(made++, sizeof(bulk));
	uint64_t kept = numbers(0);
	cr_assert_eq(kept + lost(), made);
	cr_assert_gt(kept * (sizeof(bulk) + sizeof(struct trace_call)), TRACE_RING_BYTES / 10 * 9, "it was not full");
	eat();
	numbered_write(made, sizeof(bulk));
	cr_assert_eq(numbers(made), 1, "there is room again");
	cr_assert_eq(lost(), 10);
}

/* They come again; calls do not. */
static __attribute__((noinline)) long from_elsewhere(void)
{
	return green(SYS_getppid);
}

Test(trace, no_stacks_when_there_is_little_room, .init = began_writing)
{
	struct trace_ring *ring = trace_ring_at(memory, 0);
	uint64_t made = 0, tail = atomic_load(&ring->tail);
	while (atomic_load(&ring->head) - tail < TRACE_RING_BYTES / 4 * 3)
		numbered_write(made++, sizeof(bulk));
	int stacks = count_stacks();
	from_elsewhere();
	cr_assert_eq(the_call(SYS_getppid)->stack, 0);
	eat();
	from_elsewhere();
	cr_assert_neq(the_call(SYS_getppid)->stack, 0);
	cr_assert(stacks <= 1 && lost() == 0);
}

/* Stacks */

#define MARK 0x6b72616d20736968UL

/* A call with two words on its stack that the test knows. */
static __attribute__((noinline)) uint32_t marked_call(uint64_t mark)
{
	volatile uint64_t words[2] = {mark, ~mark};
	int n = count_calls(SYS_getppid);
	green(SYS_getppid);
	cr_assert_eq(words[0], ~words[1]);
	return call_at(TRACE_CALL, SYS_getppid, n)->stack;
}

/* In words from the stack pointer. (Loops around marked_call() have a volatile counter: unrolled, they would be several
 * callers.) */
static unsigned distance_of(const struct trace_stack *s, uint64_t word)
{
	unsigned i = 0;
	uint64_t its;
	do {
		cr_assert_lt(8UL * i, s->bytes, "the stack that was sent has no such word");
		memcpy(&its, s->memory + 8UL * i++, 8);
	} while (its != word);
	return i - 1;
}

/* `at`: so many buckets behind its own. Those before it have other stacks. */
static struct trace_known *publish(const struct trace_stack *s, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		atomic_store(
		    &((struct trace_known *)trace_known_at(memory, (s->key + i) % TRACE_STACKS))->key, ~s->key);
	struct trace_known *k = trace_known_at(memory, (s->key + at) % TRACE_STACKS);
	*k = (struct trace_known){.stack = KNOWN, .count = 2, .value = {MARK, ~MARK}};
	k->distance[0] = (uint16_t)distance_of(s, MARK);
	k->distance[1] = (uint16_t)distance_of(s, ~MARK);
	atomic_store(&k->key, s->key);
	return k;
}

Test(trace, a_stack_is_sent)
{
	uint32_t number = marked_call(MARK);
	const struct trace_stack *s = sent_stack(number);
	cr_assert(number && s->h.tid == (uint32_t)own_tid() && s->key && !s->incomplete);
	cr_assert(s->ip - (uint64_t)marked_call < 4096, "it was not at the call");
	cr_assert(s->sp < (uint64_t)&number && (uint64_t)&number - s->sp < 65536);
	cr_assert_eq(distance_of(s, ~MARK), distance_of(s, MARK) + 1);
	cr_assert_leq(s->bytes, TRACE_SNAPSHOT);
}

Test(trace, no_stacks_are_wanted)
{
	atomic_store(&control->stacks, 0);
	cr_assert_eq(marked_call(MARK), 0);
	cr_assert_eq(count_stacks(), 0);
}

Test(trace, a_known_stack_is_not_sent_again)
{
	for (volatile int i = 0; i < 3; i++) {
		uint32_t number = marked_call(i == 2 ? MARK + 1 : MARK);
		if (i == 0)
			publish(sent_stack(number), 0);
		if (i == 1)
			cr_assert(number == KNOWN && count_stacks() == 1);
		if (i == 2)
			cr_assert(number && number != KNOWN, "another word");
	}
}

/* One that nobody has published yet: not for each call. (The first may look unlike the others: their caller's frame has
 * holes, where there is what was there before.) */
Test(trace, a_stack_is_sent_again_when_nobody_answers)
{
	uint32_t number = 0, before;
	nsec_t sent_at = 0, at, end = clock_now() + 2 * NSEC_PER_SEC;
	int alike = 0;
	for (;;) {
		struct ktimespec moment = {0, MSEC};
		at = clock_now();
		before = number;
		number = marked_call(MARK);
		if (at > end || (alike >= 3 && number != before))
			break;
		alike = number == before ? alike + 1 : 0;
		if (!alike)
			sent_at = at;
		sys(SYS_nanosleep, &moment, 0);
	}
	cr_assert_neq(number, before, "what was lost never comes");
	cr_assert_geq(clock_now() - sent_at, 200 * MSEC);
}

static uint32_t published_at(unsigned at)
{
	uint32_t now = 0;
	for (volatile int i = 0; i < 2; i++) {
		now = marked_call(MARK);
		if (i == 0)
			publish(sent_stack(now), at);
	}
	return now;
}

Test(trace, the_last_bucket)
{
	cr_assert_eq(published_at(TRACE_STACK_PROBES - 1), KNOWN);
}

Test(trace, a_bucket_too_far)
{
	cr_assert_neq(published_at(TRACE_STACK_PROBES), KNOWN);
}

/* The tool's mistakes are no crash. */
Test(trace, words_that_cannot_be)
{
	struct trace_known *k = NULL;
	for (volatile int i = 0; i < 5; i++) {
		uint32_t now = marked_call(MARK);
		if (i == 0)
			k = publish(sent_stack(now), 0);
		if (i == 1)
			cr_assert_eq(now, KNOWN);
		if (i == 1)
			k->distance[1] = UINT16_MAX;
		if (i == 2)
			k->count = TRACE_STACK_WORDS + 1;
		if (i == 3)
			k->count = 0;
		if (i > 1)
			cr_assert_neq(now, KNOWN);
	}
}

/* Two callers of one function, which is at the same depth. */
Test(trace, stacks_are_told_apart_before_they_are_known)
{
	uint32_t one = marked_call(MARK), other = marked_call(MARK);
	cr_assert(one && other && one != other);
	cr_assert_eq(sent_stack(one)->key, sent_stack(other)->key, "they were to be alike");
}

/* Stays in the program */

Test(trace, a_long_stay)
{
	const struct trace_run *run;
	green(SYS_gettid);
	green(SYS_getppid);
	cr_assert_eq(record(TRACE_RUN, 0, 0), NULL);
	for (nsec_t until = clock_now() + 6 * MSEC; clock_now() < until;)
		;
	green(SYS_close, -1);
	run = record(TRACE_RUN, own_tid(), 0);
	cr_assert(run && !record(TRACE_RUN, 0, 1));
	cr_assert_eq(run->start, the_call(SYS_getppid)->end);
	cr_assert(run->end - run->start >= 6 * MSEC && run->end <= the_call(SYS_close)->start);
	cr_assert(run->rescued_at == 0 && run->sampled_at == 0);
}

static struct carrier *sampled;
static _Atomic bool sampled_enough;

/* The monitor's part. A kick that comes while the thread is in this program's own text meets the runtime, as it is. */
static void *samples(void *since)
{
	trace_sample(sampled, (nsec_t)(intptr_t)since, false, 3);
	while (!atomic_load(&sampled_enough)) {
		usleep(500);
		signal_interrupt(sampled);
	}
	return NULL;
}

Test(trace, a_sample_of_who_computes)
{
	static char much[1 << 20];
	pthread_t p;
	nsec_t since = clock_now();
	const struct trace_sample *s;
	green(SYS_gettid);
	sampled = carrier_self();
	cr_assert_eq(pthread_create(&p, NULL, samples, (void *)(intptr_t)since), 0);
	while (!(s = record(TRACE_SAMPLE, 0, 0)) || clock_now() < since + 6 * MSEC)
		cr_assert_eq(memchr(much, 1, sizeof(much)), NULL);
	atomic_store(&sampled_enough, true);
	pthread_join(p, NULL);
	cr_assert(s->h.tid == (uint32_t)own_tid() && s->nr == -1 && s->waiting == 3 && s->since == (uint64_t)since);
	cr_assert_eq(sent_stack(s->stack)->key, 0);
	cr_assert((uint64_t)&since - sent_stack(s->stack)->sp < 65536);
	green(SYS_close, -1);
	const struct trace_run *run = record(TRACE_RUN, 0, 0);
	cr_assert(run && run->sampled_at >= run->start && run->sampled_at <= s->at);
	cr_assert(run->cpu > 0 && run->cpu <= run->end - run->sampled_at + 10 * MSEC);
}

/* By a call made past libc, of which /proc tells. */
static void *samples_sleeper(void *since)
{
	static struct carrier c;
	c = (struct carrier){.self = &c, .state = MODE_RUNTIME, .tid = (int)gettid()};
	set_gs(&c);
	while (!record(TRACE_SAMPLE, 0, 0)) {
		trace_sample(sampled, (nsec_t)(intptr_t)since, true, 1);
		sampled->trace_sampled_at = 0;
		usleep(500);
	}
	return NULL;
}

Test(trace, a_sample_of_who_sleeps)
{
	pthread_t p;
	int fds[2];
	green(SYS_gettid);
	sampled = carrier_self();
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(pthread_create(&p, NULL, samples_sleeper, (void *)1234L), 0);
	struct pollfd {
		int fd;
		short events, revents;
	} never = {fds[0], 1, 0};
	while (!record(TRACE_SAMPLE, 0, 0))
		sys(SYS_poll, &never, 1, 100);
	pthread_join(p, NULL);
	const struct trace_sample *s = record(TRACE_SAMPLE, 0, 0);
	cr_assert(s->nr == SYS_poll && s->args[0] == (uint64_t)&never && s->args[1] == 1 && s->args[2] == 100);
	cr_assert(s->since == 1234 && s->waiting == 1 && s->h.tid == (uint32_t)own_tid());
	cr_assert(sent_stack(s->stack)->incomplete);
}
