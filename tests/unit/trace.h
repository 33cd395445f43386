/* The program's side of `green trace` in a unit test: what the tool does, and threads that make calls. */
#ifndef TESTS_UNIT_TRACE_H
#define TESTS_UNIT_TRACE_H

#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "runtime/cpu_time.h"
#include "runtime/monitor.h"
#include "runtime/signal_core.h"
#include "runtime/trace.h"
#include "runtime/trace_format.h"
#include "tests/unit/green.h"

#define PRIVATE FUTEX_PRIVATE_FLAG
#define CAPTURE 64
#define RECORDS 60000
#define KNOWN 4242 /* the number of a stack that the tool has published */

static char *memory;
static struct trace_control *control;

/* What the tool does. */

static inline void all_calls(bool wanted)
{
	for (int i = 0; i < TRACE_CALLS / 64; i++)
		atomic_store(&control->calls[i], wanted ? ~0UL : 0);
}

static inline void call_is(long nr, bool wanted)
{
	uint64_t bit = 1UL << nr % 64;
	if (wanted)
		atomic_fetch_or(&control->calls[nr / 64], bit);
	else
		atomic_fetch_and(&control->calls[nr / 64], ~bit);
}

static inline void want(uint32_t on)
{
	all_calls(true);
	atomic_store(&control->capture, CAPTURE);
	atomic_store(&control->stacks, 1);
	atomic_store(&control->beat, 1);
	atomic_store(&control->on, on);
}

static inline char *map_memory(int fd)
{
	void *p = mmap(NULL, TRACE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(p != MAP_FAILED);
	control = p;
	return p;
}

/* Its path. */
static inline const char *make_memory(void)
{
	static char path[32];
	int fd = memfd_create(TRACE_MEMFD, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	cr_assert_eq(ftruncate(fd, TRACE_BYTES), 0);
	cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	memory = map_memory(fd);
	control->version = TRACE_VERSION;
	strcpy(control->release, GREEN_VERSION);
	control->magic = TRACE_MAGIC;
	want(1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static const struct trace_record *records[RECORDS];
static int record_count, pads;

static inline void look_at_ring(struct trace_ring *ring)
{
	uint64_t head = atomic_load(&ring->head), tail = atomic_load(&ring->tail);
	if (head == tail)
		return;
	cr_assert_leq(head - tail, TRACE_RING_BYTES);
	cr_assert_eq(ring->owner, control->processes, "a ring of an earlier trace");
	for (uint64_t at = tail; at < head;) {
		uint64_t place = at % TRACE_RING_BYTES;
		const struct trace_record *r = (void *)(trace_ring_bytes(ring) + place);
		cr_assert(r->size >= sizeof(*r) && r->size % 8 == 0, "a record of %u bytes", r->size);
		cr_assert_leq(place + r->size, TRACE_RING_BYTES, "it runs over the ring's end");
		cr_assert_leq(at + r->size, head);
		at += r->size;
		pads += r->type == TRACE_PAD;
		if (r->type == TRACE_PAD)
			continue;
		cr_assert_lt(record_count, RECORDS);
		records[record_count++] = r;
	}
}

/* All that there is, and not yet eaten. */
static inline void look(void)
{
	record_count = 0;
	for (unsigned i = 0; i < TRACE_RINGS; i++)
		look_at_ring(trace_ring_at(memory, i));
}

static inline void eat(void)
{
	for (unsigned i = 0; i < TRACE_RINGS; i++) {
		struct trace_ring *ring = trace_ring_at(memory, i);
		atomic_store(&ring->tail, atomic_load(&ring->head));
	}
}

static inline uint64_t lost(void)
{
	uint64_t n = atomic_load(&control->no_ring);
	for (unsigned i = 0; i < TRACE_RINGS; i++)
		n += atomic_load(&trace_ring_at(memory, i)->lost);
	return n;
}

/* The n-th of a type, of a thread if tid is not 0; NULL. */
static inline const void *record(int type, int tid, int n)
{
	look();
	for (int i = 0; i < record_count; i++)
		if (records[i]->type == type && (!tid || records[i]->tid == (uint32_t)tid) && !n--)
			return records[i];
	return NULL;
}

static inline const struct trace_call *call_at(int type, long nr, int n)
{
	const struct trace_call *c;
	for (int i = 0; (c = record(type, 0, i)); i++)
		if (c->nr == nr && !n--)
			return c;
	return NULL;
}

static inline int count_calls(long nr)
{
	int n = 0;
	look();
	for (int i = 0; i < record_count; i++)
		n += records[i]->type == TRACE_CALL && ((const struct trace_call *)records[i])->nr == nr;
	return n;
}

/* There is one, and no more. */
static inline const struct trace_call *the_call(long nr)
{
	cr_assert_eq(count_calls(nr), 1, "call %ld was told %d times", nr, count_calls(nr));
	return call_at(TRACE_CALL, nr, 0);
}

static inline int count_stacks(void)
{
	int n = 0;
	while (record(TRACE_STACK, 0, n))
		n++;
	return n;
}

static inline const struct trace_stack *sent_stack(uint32_t number)
{
	const struct trace_stack *s;
	int i = 0;
	do
		s = record(TRACE_STACK, 0, i++);
	while (s && s->stack != number);
	cr_assert(s, "stack %u was not sent", number);
	return s;
}

static inline const struct trace_capture *captured(const struct trace_call *c, unsigned arg, unsigned part)
{
	const uint8_t *at = c->captured, *end = (const uint8_t *)c + c->h.size;
	while (at < end) {
		const struct trace_capture *p = (const void *)at;
		at += (sizeof(*p) + p->size + 7) & ~7UL;
		cr_assert_leq(at, end, "a capture runs over its record's end");
		if (p->arg == arg && p->part == part)
			return p;
	}
	return NULL;
}

static inline bool is_captured(
    const struct trace_call *c, unsigned arg, unsigned part, const void *bytes, size_t n, uint32_t of)
{
	const struct trace_capture *p = captured(c, arg, part);
	return p && p->size == n && p->of == of && !memcmp(p->bytes, bytes, n);
}

static inline struct trace_slot *slot_of(int tid)
{
	for (unsigned i = 0; i < TRACE_SLOTS; i++) {
		struct trace_slot *s = trace_slot_at(memory, i);
		if (atomic_load(&s->owner) == atomic_load(&control->processes) && s->tid == (uint32_t)tid)
			return s;
	}
	return NULL;
}

static inline uint32_t state_of(int tid)
{
	struct trace_slot *s = slot_of(tid);
	cr_assert(s, "no slot");
	cr_assert_eq(atomic_load(&s->sequence) % 2, 0, "it is still being written");
	return atomic_load(&s->state);
}

/* What the program does. */

static inline int own_tid(void)
{
	return thread_tid(thread_self());
}

struct caller {
	struct green_thread green;
	long call[5], ret; /* the number, then arguments */
	/* Of the main thread, which waits for its turn. */
	uint32_t stack_before, state_before, call_before;
	int main_tid;
	bool done;
};

static inline void makes_call(void *arg)
{
	struct caller *c = arg;
	struct trace_slot *s = slot_of(c->main_tid);
	if (s) {
		c->stack_before = s->stack;
		c->state_before = s->state;
		c->call_before = s->nr;
	}
	c->ret = green(c->call[0], c->call[1], c->call[2], c->call[3], c->call[4]);
	c->done = true;
}

/* A thread that makes one call; it is in it now. */
static inline void begin_call(struct caller *c, long nr, long a, long b, long d, long e)
{
	*c = (struct caller){.call = {nr, a, b, d, e}, .main_tid = own_tid()};
	green_start(&c->green, makes_call, c);
	green_settle();
}

static struct mutex {
	uint32_t lock, count, owner;
} mutex; /* as glibc's is laid out */

static inline void wake(void)
{
	mutex.lock = 0;
	cr_assert_eq(green(SYS_futex, &mutex.lock, FUTEX_WAKE | PRIVATE, 1), 1);
}

static inline void began(void)
{
	cr_assert(trace_join(make_memory()));
	green_begin();
	trace_armed();
	cr_assert(tracing());
}

static inline void lock_wait(struct caller *c, int owner, const struct ktimespec *time)
{
	mutex = (struct mutex){.lock = 2, .owner = (uint32_t)owner};
	begin_call(c, SYS_futex, (long)&mutex.lock, FUTEX_WAIT | PRIVATE, 2, (long)time);
}

TestSuite(trace, .init = began, .timeout = 20);

#endif
