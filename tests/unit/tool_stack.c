/* Stacks of this very program, and of little ones that are compiled here: unwound, and looked up. */
#include <execinfo.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tests/unit/tool_stack.h"
#include "tools/trace/image.h"

static struct taken taken;
static void *addresses[FRAMES_MOST]; /* what backtrace(3) says at the same place */
static int address_count;
static int taken_line;

static struct process *self(void)
{
	struct process *p = process_new(getpid(), 1, "self");
	FILE *maps = fopen("/proc/self/maps", "r");

	map_all(p, maps);
	fclose(maps);
	return p;
}

static const struct place *find(const struct stack *s, const char *function)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->places[i].function && strcmp(s->places[i].function, function) == 0)
			return &s->places[i];
	return NULL;
}

/* `function` is there, at that line of this file. */
static void expect(const struct stack *s, const char *function, int line)
{
	const struct place *p = find(s, function);

	cr_assert(p, "no %s in%s", function, text_of(s));
	cr_assert(p->file && strcmp(p->file, "tool_stack.c") == 0, "%s is in %s", function, p->file);
	cr_assert(p->line == line, "%s at line %d, not %d, in%s", function, p->line, line, text_of(s));
}

#define KEEP_FRAME __attribute__((noinline, noclone))

KEEP_FRAME static void bottom(void)
{
	address_count = backtrace(addresses, FRAMES_MOST);
	taken_line = __LINE__ + 1;
	TAKE(&taken);
	__asm__ volatile("");
}

static int inline_line, outer_line, array_line, pointer_line;

static inline __attribute__((always_inline)) int inlined(int n)
{
	inline_line = __LINE__ + 1;
	bottom();
	return n + 1;
}

KEEP_FRAME static int outer(int n)
{
	outer_line = __LINE__ + 1;
	n += inlined(n);
	return n;
}

KEEP_FRAME static int with_array(int n)
{
	volatile char room[n];

	room[n - 1] = 1;
	array_line = __LINE__ + 1;
	n += outer(n);
	return n + room[n / 4];
}

__attribute__((optimize("no-omit-frame-pointer"))) KEEP_FRAME static int with_pointer(int n)
{
	pointer_line = __LINE__ + 1;
	n += with_array(n);
	return n;
}

static volatile int number = 100;

/* All but the first frame, which has gone on meanwhile. ASan's backtrace has one more before it. */
static void expect_addresses(const struct frame *frames, size_t n)
{
	int more = address_count > 2 && (uint64_t)addresses[2] == frames[1].pc;

	cr_assert(n >= (size_t)(address_count - more), "%zu frames, backtrace(3) has %d", n, address_count);
	for (int i = 1; i < address_count - more; i++)
		cr_assert(frames[i].pc == (uint64_t)addresses[i + more], "frame %d: %" PRIx64 ", not %p", i,
		    frames[i].pc, addresses[i + more]);
}

Test(stack, own)
{
	struct process *p = self();
	struct frame frames[FRAMES_MOST];
	size_t n;

	number += with_pointer(number);
	struct snapshot s = snapshot_of(&taken);
	struct stack *stack = stack_of(p, &s, frames, &n);

	expect_addresses(frames, n);
	cr_assert(stack->whole, "the end was not found:%s", text_of(stack));
	expect(stack, "bottom", taken_line);
	expect(stack, "inlined", inline_line);
	expect(stack, "outer", outer_line);
	expect(stack, "with_array", array_line);
	expect(stack, "with_pointer", pointer_line);
	cr_assert(find(stack, "inlined")->inlined);
	cr_assert(!find(stack, "outer")->inlined);
	cr_assert(find(stack, "inlined") + 1 == find(stack, "outer"));
	cr_assert(stack->site == 0, "the site is %zu in%s", stack->site, text_of(stack));
	process_free(p);
}

Test(stack, where_return_addresses_lie)
{
	struct process *p = self();
	struct frame frames[FRAMES_MOST];
	bool whole;

	number += with_pointer(number);
	struct snapshot s = snapshot_of(&taken);
	size_t n = unwind(p, &s, frames, FRAMES_MOST, &whole);

	cr_assert(n > 5);
	cr_assert(frames[0].at == UINT64_MAX);
	for (size_t i = 1; i < n; i++) {
		uint64_t word;

		cr_assert(frames[i].at <= s.bytes - 8, "frame %zu", i);
		memcpy(&word, s.memory + frames[i].at, sizeof(word));
		cr_assert(word == frames[i].pc);
		cr_assert(i == 1 || frames[i].at > frames[i - 1].at);
	}
	process_free(p);
}

/* What was found for one process, or before something else was mapped, says nothing of another. */
Test(stack, of_other_mappings)
{
	struct process *p = self(), *other = process_new(0, 2, "nothing");
	struct frame frames[FRAMES_MOST];
	bool whole;

	number += with_pointer(number);
	struct snapshot s = snapshot_of(&taken);
	cr_assert(unwind(p, &s, frames, FRAMES_MOST, &whole) > 5);
	cr_assert(unwind(other, &s, frames, FRAMES_MOST, &whole) == 1);
	cr_assert(unwind(p, &s, frames, FRAMES_MOST, &whole) > 5);
	process_map(p, s.ip & ~0xfffULL, (s.ip & ~0xfffULL) + 0x1000, 0, "/none/new.so");
	cr_assert(unwind(p, &s, frames, FRAMES_MOST, &whole) == 1);
	process_free(other);
	process_free(p);
}

Test(stack, limited)
{
	struct process *p = self();
	struct frame frames[3];
	bool whole;

	number += with_pointer(number);
	struct snapshot s = snapshot_of(&taken);
	cr_assert(unwind(p, &s, frames, 3, &whole) == 3);
	cr_assert(!whole);
	s.bytes = frames[2].at;
	cr_assert(unwind(p, &s, frames, 3, &whole) == 2, "the stack ends before the second return address");
	cr_assert(!whole);
	s.bytes = 0;
	cr_assert(unwind(p, &s, frames, 3, &whole) == 1);
	cr_assert(!whole);
	process_free(p);
}

static int compare(const void *a, const void *b)
{
	bottom();
	return *(const int *)a - *(const int *)b;
}

Test(stack, through_libc)
{
	struct process *p = self();
	struct frame frames[FRAMES_MOST];
	int numbers[] = {3, 1, 2};
	size_t n;

	qsort(numbers, 3, sizeof(*numbers), compare);
	struct snapshot s = snapshot_of(&taken);
	struct stack *stack = stack_of(p, &s, frames, &n);

	expect_addresses(frames, n);
	cr_assert(stack->whole);
	cr_assert(find(stack, "compare"), "%s", text_of(stack));
	cr_assert(stack->places[2].module && strcmp(stack->places[2].module, "libc.so.6") == 0, "%s", text_of(stack));
	process_free(p);
}

static void handler(int signal)
{
	(void)signal;
	bottom();
	__asm__ volatile("");
}

Test(stack, through_a_signal_handler)
{
	struct process *p = self();
	struct frame frames[FRAMES_MOST];
	size_t n, interrupted = 0;

	sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handler}, NULL);
	int line = __LINE__ + 1;
	raise(SIGUSR1);
	struct snapshot s = snapshot_of(&taken);
	struct stack *stack = stack_of(p, &s, frames, &n);

	expect_addresses(frames, n);
	cr_assert(stack->whole);
	for (size_t i = 1; i < n; i++)
		if (frames[i].at == UINT64_MAX) {
			cr_assert(!interrupted, "two frames without a word");
			interrupted = i;
		}
	cr_assert(interrupted == 3, "bottom, handler, the return code, and then what was interrupted");
	expect(stack, "stack_through_a_signal_handler_impl", line);

	struct place code;
	cr_assert(places_of(p, frames[2].pc, false, &code, 1) == 1 && code.module);
	cr_assert(!code.function || (strcmp(code.function, "__restore_rt") == 0 && find(stack, "__restore_rt")),
	    "the return code is looked up where it begins:%s", text_of(stack));
	process_free(p);
}

static void *thread(void *arg)
{
	bottom();
	__asm__ volatile("");
	return arg;
}

Test(stack, of_a_thread)
{
	struct process *p = self();
	struct frame frames[FRAMES_MOST];
	pthread_t t;
	size_t n;

	cr_assert(pthread_create(&t, NULL, thread, NULL) == 0);
	pthread_join(t, NULL);
	struct snapshot s = snapshot_of(&taken);
	struct stack *stack = stack_of(p, &s, frames, &n);

	cr_assert(stack->whole, "%s", text_of(stack));
	cr_assert(n == 4, "bottom, thread, start_thread, clone:%s", text_of(stack));
	process_free(p);
}

/* Only ip and sp are known, and most of these functions find their callers by rbp. */
#define WITH_POINTER __attribute__((optimize("no-omit-frame-pointer"), no_sanitize_address)) KEEP_FRAME

WITH_POINTER static int sleeper(int n)
{
	volatile char room[n];

	room[0] = 1;
	address_count = backtrace(addresses, FRAMES_MOST);
	TAKE(&taken);
	return room[0];
}

WITH_POINTER static int sleepers_caller(int n)
{
	volatile char room[n];

	room[0] = 1;
	return sleeper(n) + room[0];
}

Test(stack, incomplete)
{
	struct process *p = self();
	struct frame frames[FRAMES_MOST];
	size_t n;

	number += sleepers_caller(number);
	struct snapshot s = snapshot_of(&taken);
	s.incomplete = true;
	s.bp = s.bx = s.r12 = s.r13 = s.r14 = s.r15 = 0xdead;
	struct stack *stack = stack_of(p, &s, frames, &n);

	expect_addresses(frames, n);
	cr_assert(find(stack, "sleepers_caller"), "%s", text_of(stack));
	process_free(p);
}

static int (*volatile by_pointer)(int) = sleeper;

WITH_POINTER static int pointers_caller(int n)
{
	volatile char room[n];

	room[0] = 1;
	return by_pointer(n) + room[0];
}

WITH_POINTER static int pointers_callers_caller(int n)
{
	return pointers_caller(n) + 1;
}

/* What earlier calls have left there might be taken for frames. */
__attribute__((noinline, no_sanitize_address)) static void wipe_stack(void)
{
	volatile char room[SNAPSHOT_MOST];

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = 0;
}

/* No call of that very function is on the stack: a chain of frames ends at one that may be. */
Test(stack, incomplete_by_pointer)
{
	struct process *p = self();
	struct frame frames[FRAMES_MOST];
	bool whole;
	size_t n;

	wipe_stack();
	number += pointers_callers_caller(number);
	struct snapshot s = snapshot_of(&taken);
	s.incomplete = true;
	n = unwind(p, &s, frames, FRAMES_MOST, &whole);
	expect_addresses(frames, n);

	/* The chain is broken: nothing is invented. */
	uint64_t bp = 0;
	memcpy(taken.memory + frames[1].at - sizeof(bp), &bp, sizeof(bp));
	cr_assert(unwind(p, &s, frames, 2, &whole) == 1, "%" PRIx64, frames[1].pc);
	process_free(p);
}

Test(stack, first_frame_alone)
{
	struct process *p = process_new(0, 1, "nothing");
	struct frame frames[FRAMES_MOST];
	uint8_t memory[256] = {0};
	struct snapshot s = {.ip = 0x1234, .sp = 0x7000, .bp = 0x7010, .memory = memory, .bytes = sizeof(memory)};
	char text[64];
	size_t n;
	struct stack *stack = stack_of(p, &s, frames, &n);

	cr_assert(n == 1 && frames[0].pc == 0x1234);
	cr_assert(!stack->whole && stack->count == 1 && stack->site == 0);
	cr_assert_str_eq(place_text(&stack->places[0], text, sizeof(text)), "0x1234");
	process_free(p);
}

/* Generated code keeps frame pointers; what it is called by lies in a file. */
Test(stack, generated_code)
{
	struct process *p = self();
	struct frame frames[FRAMES_MOST];
	bool whole;

	number += with_pointer(number);
	struct snapshot real = snapshot_of(&taken);
	size_t n = unwind(p, &real, frames, FRAMES_MOST, &whole);
	cr_assert(whole && n > 3);

	/* Two frames of it, then the callers of bottom(). */
	static uint64_t words[2048];
	uint64_t sp = real.sp - 64, caller = real.sp + frames[1].at;
	memcpy((uint8_t *)words + 64, real.memory, real.bytes < sizeof(words) - 64 ? real.bytes : sizeof(words) - 64);
	words[2] = sp + 32;     /* at sp + 16: rbp of the second one */
	words[3] = 0x10000;     /* in the second one */
	words[4] = caller - 16; /* any value: rbp of the caller is not what it finds its own by */
	words[5] = frames[1].pc;
	struct snapshot s = real;
	s.ip = 0x20000;
	s.sp = sp;
	s.bp = sp + 16;
	s.memory = (const uint8_t *)words;
	s.bytes = sizeof(words);
	cr_assert(unwind(p, &s, frames, 3, &whole) == 3);
	cr_assert(frames[0].pc == 0x20000 && frames[1].pc == 0x10000 && frames[2].pc == words[5]);
	cr_assert(frames[1].at == 24 && frames[2].at == 40);

	words[5] = 0x30000; /* leads nowhere */
	words[4] = 0;
	cr_assert(unwind(p, &s, frames, 3, &whole) == 1);
	process_free(p);
}

/* clone.S: its frame information ends before the system call. */
Test(stack, between_entries)
{
	struct process *p = self();
	struct frame frames[FRAMES_MOST];
	bool whole;
	struct snapshot s = {.incomplete = true};
	const uint8_t *clone_code = (const uint8_t *)clone;
	size_t i = 0;

	while (i < 128 && (clone_code[i] != 0x0f || clone_code[i + 1] != 0x05))
		i++;
	cr_assert(i < 128, "no system call in clone()");
	/* A call of clone() in libc: that of its own __clone_internal. */
	uint64_t call = 0;
	for (const uint8_t *code = clone_code; !call; code++) {
		const struct module *m = process_module(p, (uint64_t)code + 5);
		int32_t distance;

		if (!m || strcmp(m->name, "libc.so.6") != 0)
			break;
		memcpy(&distance, code + 1, sizeof(distance));
		if (*code == 0xe8 && code + 5 + distance == clone_code)
			call = (uint64_t)code + 5;
	}
	uint64_t words[32] = {call};
	s.ip = (uint64_t)clone_code + i + 2;
	s.sp = 0x7000;
	s.memory = (const uint8_t *)words;
	s.bytes = sizeof(words);
	if (!call)
		cr_skip_test("libc does not call clone()");
	cr_assert(unwind(p, &s, frames, 2, &whole) == 2);
	cr_assert(frames[1].pc == call && frames[1].at == 0);
	words[0] += 1; /* not right behind the call */
	cr_assert(unwind(p, &s, frames, 2, &whole) == 1);
	process_free(p);
}

Test(stack, takes_addresses_over)
{
	struct process *p = process_new(0, 1, "nothing");

	process_map(p, 0x10000, 0x20000, 0, "/none/a.so");
	process_map(p, 0x30000, 0x40000, 0, "/none/b.so");
	const struct module *a = process_module(p, 0x10000);
	cr_assert_str_eq(a->name, "a.so");
	cr_assert_str_eq(process_module(p, 0x3ffff)->name, "b.so");
	cr_assert_null(process_module(p, 0x20000));
	cr_assert_null(process_module(p, 0xffff));
	cr_assert_null(process_module(p, 0x40000));

	process_map(p, 0x14000, 0x18000, 0, "/none/inside.so (deleted)");
	cr_assert(process_module(p, 0x13fff) == a && process_module(p, 0x18000) == a);
	cr_assert_str_eq(process_module(p, 0x14000)->name, "inside.so");
	process_map(p, 0x1f000, 0x31000, 0, "/none/between.so");
	cr_assert(process_module(p, 0x1efff) == a);
	cr_assert_str_eq(process_module(p, 0x1f000)->name, "between.so");
	cr_assert_str_eq(process_module(p, 0x30fff)->name, "between.so");
	cr_assert_str_eq(process_module(p, 0x31000)->name, "b.so");
	process_map(p, 0x0, 0x50000, 0, "/none/all.so");
	cr_assert_str_eq(process_module(p, 0x14000)->name, "all.so");
	cr_assert_str_eq(a->name, "a.so", "what stacks point to stays");
	process_map(p, 0x0, 0x50000, 0, "/none/all.so");
	process_map(p, 0x60000, 0x60000, 0, "/none/empty.so");
	cr_assert_null(process_module(p, 0x60000));

	struct place place;
	char text[64];
	cr_assert(places_of(p, 0x14002, false, &place, 1) == 1);
	cr_assert_str_eq(place_text(&place, text, sizeof(text)), "all.so+0x14002");
	process_free(p);
}

Test(place, text)
{
	char text[64];
	struct place p = {.function = "handle_client",
	    .file = "server.c",
	    .path = "/src/server.c",
	    .line = 88,
	    .module = "server",
	    .offset = 0x1f};

	cr_assert_str_eq(place_text(&p, text, sizeof(text)), "server.c:88 in handle_client");
	p.line = 0;
	cr_assert_str_eq(place_text(&p, text, sizeof(text)), "handle_client+0x1f (server)");
	p.function = NULL;
	cr_assert_str_eq(place_text(&p, text, sizeof(text)), "server+0x1f");
	p.line = 5;
	cr_assert_str_eq(place_text(&p, text, sizeof(text)), "server.c:5");
}

static void expect_name(const char *name, const char *readable)
{
	char *made = demangle(name);

	if (readable)
		cr_assert(
		    made && strcmp(made, readable) == 0, "%s: %s, not %s", name, made ? made : "as it is", readable);
	else
		cr_assert(!made, "%s: %s", name, made);
	free(made);
}

Test(place, names)
{
	expect_name("handle_client", NULL);
	expect_name("", NULL);
	expect_name("@", NULL);
	expect_name("_Z", NULL);
	expect_name("pthread_cond_wait@@GLIBC_2.3.2", "pthread_cond_wait");
	expect_name("_Z3foov", "foo");
	expect_name("_ZN3own5orderclEii", "own::order::operator()");
	expect_name("_ZNK3own5orderclEii", "own::order::operator()");
	expect_name("_ZN12_GLOBAL__N_16hiddenEi", "(anonymous namespace)::hidden");
	expect_name("_Z3fooPFivE", "foo");
	expect_name("_ZN1AC2Ei.cold", "A::A");
	expect_name("_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()");
	expect_name("_ZN29_$LT$r..A$u20$as$u20$r..T$GT$2go17h61ce5d0d88b044e6E", "<r::A as r::T>::go");
	expect_name("_ZN1r4main17h086b0cfd890a8ea9E", "r::main");
}

Test(place, name_that_is_too_long)
{
	char name[5000];

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	memcpy(name, "_Z4900", 6);
	name[6 + 4900] = 'v';
	name[6 + 4901] = '\0';
	expect_name(name, NULL);
}

/* The innermost of the program's own. */
Test(place, site)
{
	struct process *p = self();
	struct frame frames[FRAMES_MOST];
	int numbers[] = {3, 1, 2};
	bool whole;

	qsort(numbers, 3, sizeof(*numbers), compare);
	struct snapshot s = snapshot_of(&taken);
	size_t n = unwind(p, &s, frames, FRAMES_MOST, &whole);
	cr_assert(n > 4);

	/* As if qsort itself were where it waits. */
	uint64_t at = frames[2].at + sizeof(uint64_t);
	struct snapshot inside = {
	    .ip = frames[2].pc, .sp = s.sp + at, .memory = s.memory + at, .bytes = s.bytes - at, .incomplete = true};
	struct stack *stack = stack_of(p, &inside, frames, &n);
	cr_assert_str_eq(stack->places[0].module, "libc.so.6", "%s", text_of(stack));
	cr_assert(stack->site > 0 && stack->places[stack->site].function &&
		      strcmp(stack->places[stack->site].function, "place_site_impl") == 0,
	    "%zu in%s", stack->site, text_of(stack));

	inside.bytes = 0;
	stack = stack_of(p, &inside, frames, &n);
	cr_assert(n == 1 && stack->site == 0, "there is none");
	process_free(p);
}
