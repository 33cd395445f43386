/*
 * Records of several carriers: threads of three hubs and some without one tell of their calls, park in them, are woken
 * and stolen, while one who plays the tool reads the rings, looks at the slots, and says which stacks it knows. Each
 * call is told once, whole, and with a stack of its own thread's.
 */
#include "runtime/trace_format.h"
#include "tests/race/race.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "runtime/trace_internal.h"

#define HUBS 3
#define RACERS 12
#define OUTSIDE 6 /* more than there are rings for them */
#define ALL (RACERS + OUTSIDE)
#define CALLS_MOST (1U << 20) /* of one thread */
#define STACKS_MOST (1U << 20)
#define SITES 64
#define TEXT 48
#define MARK 0x6b72616d20736968ULL

static struct one {
	struct racer racer;
	uint64_t made;
	char text[TEXT]; /* what its call gives the kernel */
	/* What it calls its stack: nobody is here to come back from a fault behind the end of the real one. */
	uint64_t stack[TRACE_SNAPSHOT / 8];
} ones[ALL];

static _Atomic bool over;

static int id_of(uint32_t tid)
{
	check(tid - TID_BASE < ALL, "a record of nobody: %u", tid);
	return (int)(tid - TID_BASE);
}

static uint64_t mixed(int id, uint64_t n)
{
	return (n + 1) * 0x9e3779b97f4a7c15ULL ^ (uint64_t)id;
}

static size_t length_of(uint64_t n)
{
	return 1 + n % TEXT;
}

/* The tellers. */

/* As futex_wait does where somebody else has the lock. */
static void wait_for_lock(struct racer *racer)
{
	struct {
		uint32_t word, count, owner;
	} lock = {2, 0, TID_BASE + (uint32_t)(race_random(&racer->random) % ALL)};
	trace_waits(&lock.word, 2, false, NEVER);
}

static void rest(struct racer *racer)
{
	uint64_t r = race_random(&racer->random);
	struct thread *t = &racer->thread;
	if (t->bound || r % 4 == 0)
		return;
	if (r % 4 == 1) {
		thread_yield(t);
		return;
	}
	if (r % 4 == 2)
		wait_for_lock(racer);
	thread_prepare(t);
	thread_park(t, clock_now() + (nsec_t)(r / 16 % 50000));
}

static void tell_call(struct one *o, uint64_t n)
{
	int id = o->racer.id;
	struct regs r = {.nr = SYS_write, .rdi = (uint64_t)id, .rsi = (uint64_t)o->text, .rdx = length_of(n)};
	r.r10 = n, r.r8 = ~n, r.r9 = mixed(id, n);
	r.rip = (uint64_t)tell_call + n % SITES;
	r.rsp = (uint64_t)o->stack;
	memset(o->text, (char)mixed(id, n), sizeof(o->text));
	trace_call_begins(&o->racer.thread, &r, NULL);
	rest(&o->racer);
	trace_call_ends(&o->racer.thread, &r, (long)length_of(n));
}

static void end(struct one *o)
{
	struct regs r = {.nr = SYS_exit, .rsp = (uint64_t)o->stack};
	trace_call_begins(&o->racer.thread, &r, NULL);
	trace_thread_gone(&o->racer.thread); /* by the thread's end */
}

static void rounds(struct racer *racer)
{
	struct one *o = container_of(racer, struct one, racer);
	while (race_goes_on() && o->made < CALLS_MOST) {
		tell_call(o, o->made++);
		uint64_t r = race_random(&racer->random);
		if (r % 2)
			thread_wake(&ones[r / 2 % RACERS].racer.thread, WAKE_SIGNAL);
	}
	end(o);
}

static void *outside(void *arg)
{
	int id = (int)(intptr_t)arg;
	struct one *o = &ones[id];
	struct carrier c;
	race_carrier_init(&c, NULL);
	o->racer.id = id;
	o->racer.random = race_random_begin(id);
	o->racer.thread.bound = true;
	c.current = &o->racer.thread;
	rounds(&o->racer);
	return NULL;
}

/* The tool. It reads where the program writes, in one mapping: the sanitizer knows addresses. */

static uint8_t seen[ALL][CALLS_MOST / 8];
static uint8_t stack_of[STACKS_MOST]; /* whose, + 1 */
static uint64_t calls_read, stacks_read, known, pads, ends, slots_read;

static void read_capture(const struct trace_call *c, int id, uint64_t n)
{
	const struct trace_capture *p = (const void *)c->captured;
	check(c->h.size == sizeof(*c) + ((sizeof(*p) + length_of(n) + 7) & ~7UL), "%u bytes", c->h.size);
	check(p->arg == 1 && p->size == length_of(n) && p->of == length_of(n), "a capture of %u bytes", p->size);
	for (size_t i = 0; i < p->size; i++)
		check(p->bytes[i] == (uint8_t)mixed(id, n), "another call's text");
}

static void read_call(const struct trace_call *c)
{
	int id = id_of(c->h.tid);
	uint64_t n = c->args[3];
	check(c->nr == SYS_write && c->args[0] == (uint64_t)id, "call %u of %d is told of %d", c->nr, (int)c->args[0],
	    id);
	check(n < CALLS_MOST && c->args[4] == ~n && c->args[5] == mixed(id, n), "a torn record");
	check(c->result == (long)length_of(n) && c->start <= c->end, "a torn record");
	check(!(seen[id][n / 8] >> n % 8 & 1), "%d's call %llu was told twice", id, (unsigned long long)n);
	check(c->stack < STACKS_MOST && (!c->stack || stack_of[c->stack] == id + 1), "stack %u is not %d's", c->stack,
	    id);
	seen[id][n / 8] |= (uint8_t)(1 << n % 8);
	read_capture(c, id, n);
	calls_read++;
}

/* Its first two words tell whose it is. */
static void read_stack(void *memory, const struct trace_stack *s)
{
	struct trace_known *k = trace_known_at(memory, s->key % TRACE_STACKS);
	uint64_t words[2];
	memcpy(words, s->memory, sizeof(words));
	check(s->bytes >= sizeof(words) && words[0] == MARK, "no stack");
	check(words[1] == (uint64_t)id_of(s->h.tid), "another thread's stack");
	check(s->stack < STACKS_MOST && !stack_of[s->stack], "number %u twice", s->stack);
	stack_of[s->stack] = (uint8_t)(id_of(s->h.tid) + 1);
	stacks_read++;
	if (atomic_load(&k->key))
		return;
	k->stack = s->stack;
	k->count = 2;
	memcpy(k->value, words, sizeof(words));
	k->distance[1] = 1;
	atomic_store_explicit(&k->key, s->key, memory_order_release);
	known++;
}

static void read_record(void *memory, const struct trace_record *r)
{
	if (r->type == TRACE_CALL)
		read_call((const void *)r);
	if (r->type == TRACE_STACK)
		read_stack(memory, (const void *)r);
	pads += r->type == TRACE_PAD;
	ends += r->type == TRACE_END;
}

static void read_ring(void *memory, unsigned i, _Atomic uint64_t *from, uint64_t head, bool stacks)
{
	struct trace_ring *ring = trace_ring_at(memory, i);
	uint64_t at = atomic_load_explicit(from, memory_order_relaxed);
	check(head - at <= TRACE_RING_BYTES, "the writer has passed the reader");
	while (at < head) {
		uint64_t place = at % TRACE_RING_BYTES;
		const struct trace_record *r = (void *)(trace_ring_bytes(ring) + place);
		check(r->size >= 8 && r->size % 8 == 0 && place + r->size <= TRACE_RING_BYTES && at + r->size <= head,
		    "a record of %u bytes", r->size);
		if ((r->type == TRACE_STACK) == stacks)
			read_record(memory, r);
		at += r->size;
	}
	atomic_store_explicit(from, head, memory_order_release);
}

static _Atomic uint64_t stacks_at[TRACE_RINGS]; /* those up to there have been read */

/* Stacks come before the calls that name them, but maybe in another ring: those who tell move. */
static void read_rings(void *memory)
{
	uint64_t heads[TRACE_RINGS];
	for (unsigned i = 0; i < TRACE_RINGS; i++)
		heads[i] = atomic_load_explicit(&trace_ring_at(memory, i)->head, memory_order_acquire);
	for (unsigned i = 0; i < TRACE_RINGS; i++)
		read_ring(memory, i, &stacks_at[i],
		    atomic_load_explicit(&trace_ring_at(memory, i)->head, memory_order_acquire), true);
	for (unsigned i = 0; i < TRACE_RINGS; i++)
		read_ring(memory, i, &trace_ring_at(memory, i)->tail, heads[i], false);
}

/* Under a sequence lock, of which the sanitizer thinks nothing. */
__attribute__((no_sanitize("thread"))) static bool read_slot(const struct trace_slot *s, struct trace_slot *copy)
{
	uint32_t before = __atomic_load_n(&s->sequence, __ATOMIC_ACQUIRE);
	const volatile uint64_t *from = (const volatile uint64_t *)s;
	for (size_t i = 0; i < sizeof(*s) / 8; i++)
		((volatile uint64_t *)copy)[i] = from[i];
	atomic_thread_fence(memory_order_acquire);
	return before % 2 == 0 && before == __atomic_load_n(&s->sequence, __ATOMIC_RELAXED);
}

/* Nobody else probes: each has the slot of its tid. */
static void look_at_slot(void *memory, int id)
{
	struct trace_slot *s = trace_slot_at(memory, (unsigned)(TID_BASE + id) % TRACE_SLOTS), copy;
	if (!atomic_load(&s->owner) || !read_slot(s, &copy))
		return;
	if (copy.nr != SYS_write)
		return; /* its first call has not begun, or its last one has */
	uint64_t n = copy.args[3];
	check(copy.tid == (uint32_t)(TID_BASE + id) && copy.args[0] == (uint64_t)id, "a slot of another thread");
	check(copy.args[4] == ~n && copy.args[5] == mixed(id, n), "a torn slot");
	slots_read++;
}

static void *tool(void *memory)
{
	uint64_t random = race_random_begin(-2);
	struct trace_control *control = memory;
	for (bool last = false; !last;) {
		last = atomic_load(&over);
		uint64_t r = race_random(&random);
		read_rings(memory);
		for (int i = 0; r % 2 && i < 100 * ALL; i++)
			look_at_slot(memory, i % ALL);
		if (r % 64 == 1)
			atomic_store(&control->stacks, r / 64 % 4 != 0);
		usleep(r / 256 % 2048);
	}
	return NULL;
}

static void make_memory(void)
{
	char path[32];
	int fd = memfd_create(TRACE_MEMFD, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	check(!ftruncate(fd, TRACE_BYTES), "no memory");
	check(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0, "it cannot be sealed");
	struct trace_control *c = mmap(NULL, TRACE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(c != MAP_FAILED, "no memory");
	c->version = TRACE_VERSION;
	strcpy(c->release, GREEN_VERSION);
	c->magic = TRACE_MAGIC;
	for (int i = 0; i < TRACE_CALLS / 64; i++)
		c->calls[i] = ~0ULL;
	c->capture = TEXT;
	c->stacks = 1;
	c->on = 1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	check(trace_join(path), "it is not taken");
	for (unsigned i = 0; i < TRACE_RINGS; i++) { /* as if others had used them before; soon at their end */
		struct trace_ring *ring = trace_ring_at(trace_memory, i);
		ring->head = ring->tail = stacks_at[i] = TRACE_RING_BYTES - 65536;
	}
}

static uint64_t lost(void)
{
	uint64_t n = atomic_load(&trace_control->no_ring);
	for (unsigned i = 0; i < TRACE_RINGS; i++)
		n += atomic_load(&trace_ring_at(trace_memory, i)->lost);
	return n;
}

static void expect_no_slots(void)
{
	for (unsigned i = 0; i < TRACE_SLOTS; i++)
		check(!atomic_load(&trace_slot_at(trace_memory, i)->owner), "a slot of a thread that has ended");
}

int main(int argc, char **argv)
{
	struct carrier c;
	pthread_t p[OUTSIDE], reader;
	uint64_t made = 0;
	race_begin(argc, argv);
	race_carrier_init(&c, NULL);
	make_memory();
	race_hubs(HUBS);
	trace_armed();
	check(!pthread_create(&reader, NULL, tool, trace_memory), "no tool");
	for (int i = 0; i < ALL; i++) {
		ones[i].racer.thread.tid = TID_BASE + i;
		ones[i].stack[0] = MARK;
		ones[i].stack[1] = (uint64_t)i;
	}
	for (int i = 0; i < RACERS; i++)
		race_start(&ones[i].racer, i, i % HUBS, rounds);
	race_outside(p, OUTSIDE, RACERS, outside);
	race_monitor_begin();
	race_end(RACERS, NULL);
	for (int i = 0; i < OUTSIDE; i++)
		pthread_join(p[i], NULL);
	atomic_store(&over, true);
	pthread_join(reader, NULL);
	for (int i = 0; i < ALL; i++)
		made += ones[i].made;
	printf("%llu calls, %llu stacks sent, %llu known, %llu looks at slots, %llu stolen, %llu pads, %llu lost\n",
	    (unsigned long long)made, (unsigned long long)stacks_read, (unsigned long long)known,
	    (unsigned long long)slots_read, (unsigned long long)stats.steals, (unsigned long long)pads,
	    (unsigned long long)lost());
	check(calls_read <= made && made - calls_read <= lost(), "%llu were read", (unsigned long long)calls_read);
	check(ends == ALL, "%llu ends", (unsigned long long)ends);
	check(made && stacks_read && known && slots_read && pads, "nothing was tried");
	expect_no_slots();
	return 0;
}
