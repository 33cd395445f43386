/* green trace: from the rings to the events. The test writes what a program would. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/symbols.h"
#include "tools/trace/tool.h"

enum { SERIAL = 7, EVENTS = 4096 };

static struct memory memory;
static struct reader reader;
static struct wanted wanted;

/* What the sinks were told. */
static struct told {
	unsigned nr;
	int tid, pid;
	char name[17], owner[17];
	int64_t result;
	unsigned verdict;
	bool unfinished, begins, has_stack;
	const char *function;
	size_t captures, captured;
} calls[EVENTS];
static struct run runs[EVENTS];
static struct life lives[EVENTS];
static struct losses lost;
static size_t call_count, run_count, life_count, end_count;

static void on_call(const struct call *c)
{
	struct told *t = &calls[call_count++ % EVENTS];

	*t = (struct told){c->nr, c->thread->tid, c->thread->process->pid, "", "", c->result, c->verdict, c->unfinished,
	    c->begins, c->stack != NULL, c->function, c->capture_count, 0};
	memcpy(t->name, c->thread->name, sizeof(t->name));
	if (c->owner)
		memcpy(t->owner, c->owner->name, sizeof(t->owner));
	for (size_t i = 0; i < c->capture_count; i++)
		t->captured += c->captures[i].size;
}

static void on_run(const struct run *r)
{
	runs[run_count++ % EVENTS] = *r;
}

static void on_life(const struct life *l)
{
	lives[life_count++ % EVENTS] = *l;
}

static void on_end(const struct losses *l, uint64_t begin, uint64_t end)
{
	cr_assert_leq(begin, end);
	lost = *l;
	end_count++;
}

static const struct sink sink = {.call = on_call, .run = on_run, .life = on_life, .end = on_end};

static void set_up(void)
{
	memory_make(&memory);
	memset(wanted.calls, 0xff, sizeof(wanted.calls));
	events_start(memory.base, &wanted, (const struct sink *const[]){&sink}, 1);
	reader = (struct reader){.take = events_take, .gone = events_gone};
	reader_start(&reader, memory.base);
}

static void tear_down(void)
{
	events_free();
}

TestSuite(tool_reader, .init = set_up, .fini = tear_down, .timeout = 60);

static void all_delivered(void)
{
	reader_pass(&reader);
	events_deliver(UINT64_MAX);
}

/* A ring that this process owns. */
static struct trace_ring *ring_of(unsigned i, uint32_t serial, int pid)
{
	struct trace_ring *ring = trace_ring_at(memory.base, i);

	ring->owner = serial;
	ring->pid = (uint32_t)pid;
	return ring;
}

static struct trace_ring *own_ring(unsigned i)
{
	return ring_of(i, SERIAL, getpid());
}

/* As the program does: a record does not run over the end. */
static bool write_record(struct trace_ring *ring, const void *record, size_t size)
{
	struct trace_record pad = {.type = TRACE_PAD};
	size_t to_end = TRACE_RING_BYTES - ring->head % TRACE_RING_BYTES;
	size_t needed = size <= to_end ? size : to_end + size;

	if (TRACE_RING_BYTES - (ring->head - ring->tail) < needed) {
		ring->lost++;
		return false;
	}
	if (size > to_end) {
		pad.size = (uint16_t)to_end;
		memcpy(trace_ring_bytes(ring) + ring->head % TRACE_RING_BYTES, &pad, sizeof(pad));
		ring->head += to_end;
	}
	memcpy(trace_ring_bytes(ring) + ring->head % TRACE_RING_BYTES, record, size);
	ring->head += size;
	return true;
}

static struct trace_call call_of(int tid, unsigned nr, uint64_t end)
{
	return (struct trace_call){.h = {.size = sizeof(struct trace_call), .type = TRACE_CALL, .tid = (uint32_t)tid},
	    .start = end - 10,
	    .end = end,
	    .nr = (uint16_t)nr,
	    .symbol = TRACE_NO_SYMBOL};
}

static void write_call(struct trace_ring *ring, int tid, unsigned nr, uint64_t end)
{
	struct trace_call c = call_of(tid, nr, end);

	write_record(ring, &c, sizeof(c));
}

static void write_name(struct trace_ring *ring, int tid, const char *name, uint64_t at)
{
	struct trace_name n = {.h = {.size = sizeof(n), .type = TRACE_NAME, .tid = (uint32_t)tid}, .at = at};

	strncpy(n.name, name, sizeof(n.name) - 1);
	write_record(ring, &n, sizeof(n));
}

static void write_end(struct trace_ring *ring, int tid, uint64_t at)
{
	struct trace_end e = {.h = {.size = sizeof(e), .type = TRACE_END, .tid = (uint32_t)tid}, .at = at};

	write_record(ring, &e, sizeof(e));
}

static void write_process(struct trace_ring *ring, uint32_t serial, int pid, const char *path)
{
	_Alignas(8) uint8_t bytes[256] = {0};
	struct trace_process *p = (struct trace_process *)bytes;

	*p = (struct trace_process){
	    .h = {.type = TRACE_PROCESS}, .pid = (uint32_t)pid, .serial = serial, .hubs = 1, .at = now()};
	p->h.size = (uint16_t)((sizeof(*p) + strlen(path) + 8) & ~7UL);
	strcpy(p->path, path);
	write_record(ring, p, p->h.size);
}

static int start_child(void)
{
	int pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

static void kill_child(int pid)
{
	int status;

	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	while (traced_of_pid(pid))
		processes_wait(-1, -1, 10, events_dead);
	events_status(pid, status);
}

Test(tool_reader, a_call)
{
	struct trace_ring *ring = own_ring(0);
	struct trace_call c = call_of(12, SYS_read, now());

	c.result = -11;
	c.verdict = TRACE_PARKED;
	c.symbol = SYMBOL_getaddrinfo;
	c.owner = 13;
	write_name(ring, 13, "holder", c.start);
	write_record(ring, &c, sizeof(c));
	all_delivered();
	cr_assert_eq(call_count, 1);
	cr_assert_eq(calls[0].nr, SYS_read);
	cr_assert_eq(calls[0].tid, 12);
	cr_assert_eq(calls[0].pid, getpid());
	cr_assert_eq(calls[0].result, -11);
	cr_assert_eq(calls[0].verdict, TRACE_PARKED);
	cr_assert_str_eq(calls[0].function, "getaddrinfo");
	cr_assert_str_eq(calls[0].owner, "holder");
	cr_assert(!calls[0].has_stack && !calls[0].begins);
	cr_assert_eq(ring->tail, ring->head);
	cr_assert_eq(reader.losses.damaged, 0);
}

Test(tool_reader, in_the_order_of_time)
{
	static const unsigned expected[] = {12, 10, 13, 11};
	uint64_t at = now() - SECOND;

	write_call(own_ring(0), 1, 10, at + 30);
	write_call(own_ring(0), 1, 11, at + 50);
	write_call(own_ring(5), 2, 12, at + 20);
	write_call(own_ring(5), 2, 13, at + 40);
	all_delivered();
	cr_assert_eq(call_count, 4);
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(calls[i].nr, expected[i]);
}

Test(tool_reader, waits_for_what_is_older)
{
	uint64_t at = now();

	write_call(own_ring(0), 1, 10, at);
	reader_pass(&reader);
	events_deliver(now());
	write_call(own_ring(1), 1, 11, at - 10);
	all_delivered();
	cr_assert_eq(call_count, 2);
	cr_assert_eq(calls[0].nr, 11);
}

Test(tool_reader, a_time_to_come_is_now)
{
	write_call(own_ring(0), 1, 10, UINT64_MAX);
	reader_pass(&reader);
	uint64_t end = now() + 10 * SECOND;
	while (!call_count && now() < end)
		events_deliver(now());
	cr_assert_eq(call_count, 1);
}

Test(tool_reader, around_the_ring_many_times)
{
	struct trace_ring *ring = own_ring(0);
	struct {
		struct trace_call call;
		struct trace_capture capture;
		uint8_t bytes[1000];
	} r;
	unsigned times_read = 0;

	memset(&r, 'x', sizeof(r));
	for (unsigned i = 0; ring->head <= 3UL * TRACE_RING_BYTES; i++) {
		size_t n = i * 7 % sizeof(r.bytes);
		r.call = call_of(1, i % 300, now());
		r.capture = (struct trace_capture){.arg = 1, .size = (uint16_t)n, .of = (uint32_t)n};
		r.call.h.size = (uint16_t)((sizeof(r.call) + sizeof(r.capture) + n + 7) & ~7UL);
		cr_assert(write_record(ring, &r, r.call.h.size), "%u does not fit", i);
		if (ring->head - ring->tail > TRACE_RING_BYTES / 2) {
			times_read++;
			all_delivered();
			cr_assert_eq(call_count, i + 1);
			cr_assert_eq(calls[i % EVENTS].nr, i % 300);
			cr_assert_eq(calls[i % EVENTS].captured, n);
		}
	}
	cr_assert_geq(times_read, 5);
	cr_assert_eq(reader.losses.damaged, 0);
}

Test(tool_reader, what_does_not_fit_is_counted)
{
	struct trace_ring *ring = own_ring(0);
	struct trace_call c = call_of(1, SYS_read, now());
	unsigned fit = 0;

	while (write_record(ring, &c, sizeof(c)))
		fit++;
	cr_assert(!write_record(ring, &c, sizeof(c)));
	memory.control->no_ring += 3;
	cr_assert_gt(reader_pass(&reader), TRACE_RING_BYTES / 2);
	events_deliver(UINT64_MAX);
	cr_assert_eq(call_count, fit);
	struct losses l = reader_losses(&reader);
	events_end("", &l);
	cr_assert_eq(end_count, 1);
	cr_assert_eq(lost.records, 2);
	cr_assert_eq(lost.no_ring, 3);
}

Test(tool_reader, captures)
{
	struct {
		struct trace_call call;
		struct trace_capture first;
		uint8_t five[8];
		struct trace_capture second;
		uint8_t eight[8];
		struct trace_capture lies;
	} r = {.call = call_of(1, SYS_read, now()),
	    .first = {.arg = 1, .part = 0, .size = 5, .of = 100},
	    .second = {.arg = 2, .part = 1, .size = 8, .of = 8},
	    .lies = {.arg = 3, .size = 60000}};

	r.call.h.size = sizeof(r);
	write_record(own_ring(0), &r, sizeof(r));
	all_delivered();
	cr_assert_eq(call_count, 1);
	cr_assert_eq(calls[0].captures, 2);
	cr_assert_eq(calls[0].captured, 13);
}

Test(tool_reader, damaged_records)
{
	static const struct {
		struct trace_record h;
		const char *what;
	} cases[] = {{{0, TRACE_CALL, 1}, "no size"}, {{7, TRACE_CALL, 1}, "less than a head"},
	    {{12, TRACE_CALL, 1}, "not in eights"}, {{40, TRACE_CALL, 1}, "less than a call"},
	    {{TRACE_RECORD_MOST + 8, TRACE_CALL, 1}, "too big"}, {{16384, TRACE_CALL, 1}, "more than there is"},
	    {{200, 77, 1}, "no such type"}, {{8, TRACE_PAD, 1}, "padding that nothing follows"}};
	struct trace_ring *ring = own_ring(0);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[200] = {0};
		memcpy(bytes, &cases[i].h, sizeof(cases[i].h));
		write_record(ring, bytes, sizeof(bytes));
		all_delivered();
		cr_assert_geq(reader.losses.damaged, i + 1, "%s", cases[i].what);
		cr_assert_eq(call_count, i, "%s", cases[i].what);
		cr_assert_eq(ring->tail, ring->head, "%s", cases[i].what);
		write_call(ring, 1, 3, now());
		all_delivered();
		cr_assert_eq(call_count, i + 1, "after %s", cases[i].what);
	}
}

Test(tool_reader, texts_that_do_not_end)
{
	struct {
		struct trace_map map;
		char path[16];
	} r = {.map = {.h = {.size = sizeof(r), .type = TRACE_MAP}, .start = 4096, .end = 8192}};

	memset(r.path, 'a', sizeof(r.path));
	write_record(own_ring(0), &r, sizeof(r));
	struct trace_name n = {.h = {.size = sizeof(n), .type = TRACE_NAME, .tid = 1}, .at = now()};
	memset(n.name, 'b', sizeof(n.name));
	write_record(own_ring(0), &n, sizeof(n));
	struct trace_stack s = {.h = {.size = sizeof(s), .type = TRACE_STACK}, .stack = 1, .bytes = 8};
	write_record(own_ring(0), &s, sizeof(s));
	all_delivered();
	cr_assert_eq(reader.losses.damaged, 3);
}

Test(tool_reader, a_ring_that_is_nonsense)
{
	struct trace_ring *ring = own_ring(0);

	ring->head = 1UL << 60;
	all_delivered();
	cr_assert_eq(ring->tail, ring->head);
	ring->head = 3;
	all_delivered();
	ring->head = 1UL << 20;
	all_delivered();
	cr_assert_eq(reader.losses.damaged, 3);
	write_call(ring, 1, 1, now());
	all_delivered();
	cr_assert_eq(call_count, 1);
}

Test(tool_reader, names_and_ends_of_threads)
{
	struct trace_ring *ring = own_ring(0);
	uint64_t at = now() - SECOND;

	write_name(ring, 5, "first", at);
	write_call(ring, 5, 1, at + 1);
	write_end(ring, 5, at + 2);
	write_call(ring, 5, 2, at + 3);
	write_name(ring, 5, "second", at + 4);
	write_call(ring, 5, 3, at + 5);
	all_delivered();
	cr_assert_eq(call_count, 3);
	cr_assert_str_eq(calls[0].name, "first");
	cr_assert_str_eq(calls[1].name, "");
	cr_assert_str_eq(calls[2].name, "second");
}

Test(tool_reader, an_owner_that_has_ended)
{
	struct trace_ring *ring = own_ring(0);
	uint64_t at = now() - SECOND;
	struct trace_call c = call_of(6, SYS_futex, at + 3);

	c.owner = 5;
	write_name(ring, 5, "owner", at);
	write_end(ring, 5, at + 2);
	write_record(ring, &c, sizeof(c));
	all_delivered();
	cr_assert_eq(call_count, 1);
	cr_assert_str_eq(calls[0].owner, "owner");
}

/* Those that have ended are forgotten at last, but the living never. */
Test(tool_reader, very_many_threads)
{
	struct trace_ring *ring = own_ring(0);
	uint64_t at = now() - SECOND;

	write_name(ring, 1, "stays", at);
	for (int i = 0; i < 200000; i++) {
		write_name(ring, 2 + i, "goes", ++at);
		write_end(ring, 2 + i, ++at);
		if (i % 1000 == 0)
			all_delivered();
	}
	write_call(ring, 1, 1, now());
	all_delivered();
	cr_assert_eq(threads_left_out(), 0);
	cr_assert_str_eq(calls[0].name, "stays");
}

Test(tool_reader, threads_by_name_or_id)
{
	struct trace_ring *ring = own_ring(0);
	uint64_t at = now() - SECOND;

	threads_wanted("work*,9");
	write_name(ring, 5, "worker", at);
	write_name(ring, 6, "other", at);
	write_call(ring, 5, 1, at + 1);
	write_call(ring, 6, 2, at + 2);
	write_call(ring, 9, 3, at + 3);
	all_delivered();
	cr_assert_eq(call_count, 2);
	cr_assert_eq(calls[0].nr, 1);
	cr_assert_eq(calls[1].nr, 3);
}

Test(tool_reader, calls_that_were_not_asked_for)
{
	memset(wanted.calls, 0, sizeof(wanted.calls));
	wanted.calls[0] = 1UL << SYS_write;
	write_call(own_ring(0), 5, SYS_read, now());
	write_call(own_ring(0), 5, SYS_write, now());
	all_delivered();
	cr_assert_eq(call_count, 1);
	cr_assert_eq(calls[0].nr, SYS_write);
}

Test(tool_reader, a_run_with_its_sample)
{
	struct trace_ring *ring = own_ring(0);
	uint64_t at = now() - SECOND;
	struct trace_sample s = {.h = {.size = sizeof(s), .type = TRACE_SAMPLE, .tid = 4},
	    .at = at + 50,
	    .since = at,
	    .args = {1, 2, 3, 4, 5, 6},
	    .nr = SYS_nanosleep,
	    .waiting = 9};
	struct trace_run r = {.h = {.size = sizeof(r), .type = TRACE_RUN, .tid = 4},
	    .start = at,
	    .end = at + 100,
	    .rescued_at = at + 60,
	    .sampled_at = 1,
	    .waiting = 2};

	write_record(ring, &s, sizeof(s));
	write_record(ring, &r, sizeof(r));
	r.h.tid = 5;
	r.end++;
	write_record(ring, &r, sizeof(r));
	all_delivered();
	cr_assert_eq(run_count, 2);
	cr_assert_eq(runs[0].nr, SYS_nanosleep);
	cr_assert_eq(runs[0].args[5], 6);
	cr_assert_eq(runs[0].waiting, 9);
	cr_assert_eq(runs[0].rescued_at, at + 60);
	cr_assert_eq(runs[1].nr, -1);
}

/* Without a CPU for most of the time since it was found; who sleeps past libc needs none. */
Test(tool_reader, a_run_without_a_cpu)
{
	static const struct {
		uint64_t sampled_at, cpu;
		int nr;
		bool alone, starved;
	} cases[] = {{50, 24, -1, false, true}, {50, 25, -1, true, false}, {0, 0, -1, false, false},
	    {100, 0, -1, false, false}, {50, 0, SYS_nanosleep, false, false}};
	struct trace_ring *ring = own_ring(0);
	uint64_t at = now() - SECOND;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trace_sample s = {
		    .h = {.size = sizeof(s), .type = TRACE_SAMPLE, .tid = 4}, .since = at, .nr = cases[i].nr};
		struct trace_run r = {.h = {.size = sizeof(r), .type = TRACE_RUN, .tid = 4},
		    .start = at,
		    .end = at + 100,
		    .sampled_at = cases[i].sampled_at ? at + cases[i].sampled_at : 0,
		    .cpu = cases[i].cpu,
		    .alone = cases[i].alone};
		write_record(ring, &s, sizeof(s));
		write_record(ring, &r, sizeof(r));
		all_delivered();
		cr_assert_eq(run_count, i + 1);
		cr_assert_eq(runs[i].starved, cases[i].starved, "%zu", i);
		cr_assert_eq(runs[i].alone, cases[i].alone, "%zu", i);
	}
}

Test(tool_reader, a_process_that_is_killed)
{
	int pid = start_child();
	struct trace_ring *ring = ring_of(3, 2, pid);
	struct trace_slot *slot = trace_slot_at(memory.base, 100);

	write_process(ring, 2, pid, "/bin/server");
	write_call(ring, 11, SYS_accept, now());
	*slot = (struct trace_slot){
	    .owner = 2, .tid = 11, .state = TRACE_IS_PARKED, .since = now(), .nr = SYS_poll, .symbol = TRACE_NO_SYMBOL};
	all_delivered();
	cr_assert_eq(life_count, 1);
	cr_assert_eq(lives[0].what, LIFE_BEGINS);
	cr_assert_str_eq(lives[0].process->path, "/bin/server");
	kill_child(pid);
	all_delivered();
	cr_assert_eq(call_count, 2);
	cr_assert(calls[1].unfinished && calls[1].nr == SYS_poll && calls[1].verdict == TRACE_PARKED);
	cr_assert_eq(life_count, 2);
	cr_assert_eq(lives[1].what, LIFE_KILLED);
	cr_assert_eq(lives[1].code, SIGKILL);
	cr_assert_eq(slot->owner, 0);
	cr_assert_eq(ring->owner, 0);
	cr_assert_eq(ring->pid, 0);
	cr_assert_null(traced_first());
}

Test(tool_reader, a_process_that_execs)
{
	int pid = start_child();
	struct trace_ring *before = ring_of(0, 2, pid), *after = ring_of(1, 3, pid);
	struct trace_call enter = call_of(pid, SYS_execve, now());

	write_process(before, 2, pid, "/bin/sh");
	enter.h.type = TRACE_ENTER;
	write_record(before, &enter, sizeof(enter));
	write_process(after, 3, pid, "/bin/server");
	write_call(after, pid, SYS_accept, now());
	all_delivered();
	cr_assert_eq(life_count, 2);
	cr_assert_eq(lives[1].what, LIFE_EXECS);
	cr_assert_str_eq(lives[1].process->path, "/bin/server");
	cr_assert_eq(call_count, 2);
	cr_assert(calls[0].begins);
	all_delivered();
	cr_assert_eq(before->owner, 0);
	cr_assert_eq(after->owner, 3);
	kill_child(pid);
	all_delivered();
	cr_assert_eq(life_count, 3);
}

/* The tool was stopped meanwhile: nothing has happened to the process. */
Test(tool_reader, a_process_that_begins_anew)
{
	struct trace_ring *before = own_ring(0), *after = own_ring(1);

	write_process(before, SERIAL, getpid(), "/bin/server");
	write_call(before, 11, SYS_accept, now());
	*trace_slot_at(memory.base, 100) =
	    (struct trace_slot){.owner = SERIAL, .tid = 11, .state = TRACE_IS_PARKED, .since = now(), .nr = SYS_poll};
	all_delivered();
	events_interrupted(now(), 3 * SECOND);
	cr_assert_eq(events_tell_interruptions(), 1);
	all_delivered();
	cr_assert_eq(before->owner, SERIAL, "it may still write");
	write_call(before, 11, SYS_read, now());
	after->owner = SERIAL + 1;
	write_process(after, SERIAL + 1, getpid(), "/bin/server");
	write_call(after, 11, SYS_write, now());
	all_delivered();
	all_delivered();
	cr_assert_eq(before->owner, 0);
	cr_assert_eq(life_count, 1);
	cr_assert_eq(call_count, 3);
	cr_assert(!calls[2].unfinished && calls[2].nr == SYS_write);
	write_process(ring_of(2, SERIAL + 2, getpid()), SERIAL + 2, getpid(), "/bin/server");
	all_delivered();
	cr_assert_eq(life_count, 2);
	cr_assert_eq(lives[1].what, LIFE_EXECS);
}

/* Nothing can be opened: that is no news of the process. */
Test(tool_reader, a_process_that_cannot_be_looked_at)
{
	struct rlimit files = {0}, before;

	getrlimit(RLIMIT_NOFILE, &before);
	files.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	write_process(own_ring(0), SERIAL, getpid(), "/bin/server");
	all_delivered();
	for (int i = 0; i < 10; i++)
		processes_wait(-1, -1, 10, events_dead);
	all_delivered();
	setrlimit(RLIMIT_NOFILE, &before);
	cr_assert(traced_of_pid(getpid()) && life_count == 1);
}

Test(tool_reader, the_exit_of_another_process)
{
	int pid = start_child();
	struct trace_ring *ring = ring_of(0, 2, pid);
	struct trace_call enter = call_of(pid, SYS_exit_group, now());

	enter.h.type = TRACE_ENTER;
	enter.args[0] = 256 + 3;
	write_record(ring, &enter, sizeof(enter));
	all_delivered();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (traced_of_pid(pid))
		processes_wait(-1, -1, 10, events_dead);
	events_deliver(UINT64_MAX);
	cr_assert_eq(life_count, 1);
	cr_assert_eq(lives[0].what, LIFE_EXITS);
	cr_assert_eq(lives[0].code, 3);
}

Test(tool_reader, a_child_that_wrote_nothing)
{
	events_status(4711, 3 << 8);
	events_end("/bin/true", &(struct losses){0});
	cr_assert_eq(life_count, 1);
	cr_assert_eq(lives[0].code, 3);
	cr_assert_str_eq(lives[0].process->path, "/bin/true");
	cr_assert(!events_seen());
}

Test(tool_reader, a_child_whose_child_wrote)
{
	write_call(own_ring(0), 1, SYS_read, now());
	reader_pass(&reader);
	events_status(4711, 0);
	events_end("/bin/sh", &(struct losses){0});
	cr_assert(events_seen());
}

/* As many rings and processes as there are. */
Test(tool_reader, all_rings)
{
	for (unsigned i = 0; i < TRACE_RINGS; i++)
		write_call(ring_of(i, i + 1, getpid()), 1, i, now());
	all_delivered();
	cr_assert_eq(call_count, TRACE_RINGS);
}

static struct frame frames[] = {{0x1000, UINT64_MAX}, {0x2000, 8}, {0x3000, 40}, {0x4000, UINT64_MAX}, {0x5000, 80}};

Test(tool_reader, known_stacks)
{
	struct snapshot s = {.bytes = 4096};
	const uint32_t key = TRACE_STACKS - 1;
	struct trace_known *k = trace_known_at(memory.base, key);

	cr_assert(known_publish(memory.base, key, 17, &s, frames, 5));
	cr_assert_eq(k->key, key);
	cr_assert_eq(k->stack, 17);
	cr_assert_eq(k->count, 2);
	cr_assert(k->value[0] == 0x2000 && k->distance[0] == 1 && k->value[1] == 0x3000 && k->distance[1] == 5);
	cr_assert(!known_publish(memory.base, key, 18, &s, frames, 5), "twice");
	cr_assert(!known_publish(memory.base, key, 18, &s, frames, 1), "only an instruction");
	cr_assert(!known_publish(memory.base, 0, 18, &s, frames, 5), "no key");
	for (uint32_t i = 1; i < TRACE_STACK_PROBES; i++) {
		frames[1].pc = 0x2000 + i;
		cr_assert(known_publish(memory.base, key, 17 + i, &s, frames, 5));
		cr_assert_eq(trace_known_at(memory.base, i - 1)->stack, 17 + i);
	}
	frames[1].pc = 0x9999;
	cr_assert(!known_publish(memory.base, key, 99, &s, frames, 5), "the bucket is full");
	frames[1].at = 5000;
	cr_assert(!known_publish(memory.base, 1, 99, &s, frames, 5), "a word that was not seen");
}

Test(tool_reader, times)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {{"10ms", 10 * MILLISECOND}, {"1s", SECOND}, {"500us", 500000}, {"2", 2 * SECOND}, {"0", 0},
	    {"1.5ms", 1500000}, {"7ns", 7}};
	static const char *const bad[] = {"", "ms", "-1s", "1h", "1 s", "nan", "inf", "1e30", "10msx"};
	uint64_t ns;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(time_parse(good[i].text, &ns) && ns == good[i].ns, "%s", good[i].text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(!time_parse(bad[i], &ns), "%s", bad[i]);
}

#define WANTED(nr) call_wanted(set, nr)

Test(tool_reader, expressions)
{
	static const char *const bad[] = {
	    "", "nosuchcall", "%nosuch", "read,", "read,!write", "signal=SIGHUP", "trace="};
	uint64_t set[TRACE_CALLS / 64];
	const char *at;

	cr_assert_null(calls_parse("trace=read,write", set, &at));
	cr_assert(WANTED(SYS_read) && WANTED(SYS_write) && !WANTED(SYS_close));
	cr_assert_null(calls_parse("!read,write", set, &at));
	cr_assert(!WANTED(SYS_read) && !WANTED(SYS_write) && WANTED(SYS_close));
	cr_assert_null(calls_parse("trace=%network,?nosuchcall", set, &at));
	cr_assert(WANTED(SYS_connect) && !WANTED(SYS_read));
	cr_assert_null(calls_parse("network", set, &at));
	cr_assert(WANTED(SYS_connect) && !WANTED(SYS_read));
	cr_assert_null(calls_parse("all", set, &at));
	cr_assert(WANTED(0) && WANTED(TRACE_CALLS - 1));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not_null(calls_parse(bad[i], set, &at), "%s", bad[i]);
}

Test(tool_reader, memory_is_checked)
{
	struct memory second;

	cr_assert_null(memory_map(&second, dup(memory.fd)));
	second.control->version++;
	cr_assert_not_null(strstr(memory_map(&second, memory.fd), "version"));
	second.control->magic = 0;
	cr_assert_not_null(strstr(memory_map(&second, memory.fd), "not libgreen's"));
	int other = (int)syscall(SYS_memfd_create, "libgreen", 0);
	cr_assert_eq(ftruncate(other, TRACE_BYTES), 0);
	cr_assert_not_null(memory_map(&second, other), "it may shrink");
}
