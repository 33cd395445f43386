/*
 * green trace reads a hostile program: valid records, mutated in every way, in rings and slots that are mutated, too.
 * The tool must not crash, not loop, and leave the program's bytes as they are. For ASan and UBSan.
 *
 *	reader [seconds [seed]]
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/trace/tool.h"

enum { RINGS = 3, SERIALS = 4, TIDS = 6, PASSES = 4, ROUND_SECONDS = 20 };

static struct memory memory;
static struct reader reader;
static struct wanted wanted;
static uint64_t state, rounds, told;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
	return next() % n;
}

static void count_call(const struct call *c)
{
	told += c->capture_count + 1;
}

static void count_run(const struct run *r)
{
	told += r->end >= r->start;
}

static void count_life(const struct life *l)
{
	told += l->process != NULL;
}

static void count_deadlock(const struct deadlock *d)
{
	told += d->count;
}

static const struct sink counting = {
    .call = count_call, .run = count_run, .life = count_life, .deadlock = count_deadlock};

/* Numbers that are often wrong at their edges. */
static uint64_t odd_number(void)
{
	static const uint64_t edges[] = {0, 1, 7, 8, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 1UL << 63, UINT64_MAX};

	switch (below(3)) {
	case 0:
		return edges[below(sizeof(edges) / sizeof(edges[0]))];
	case 1:
		return now() - below(SECOND);
	default:
		return next();
	}
}

static void fill(void *at, size_t n)
{
	uint8_t *bytes = at;

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(below(4) ? below(8) * 8 : next());
}

static size_t make_call(uint8_t *out)
{
	struct trace_call *c = (struct trace_call *)out;
	uint8_t *at = c->captured;

	c->start = now() - below(SECOND);
	c->end = c->start + below(SECOND);
	c->result = (int64_t)below(600) - 550;
	for (int i = 0; i < 6; i++)
		c->args[i] = odd_number();
	c->nr = (uint16_t)below(470);
	c->verdict = (uint8_t)below(TRACE_VERDICTS + 1);
	c->flags = (uint8_t)below(4);
	c->symbol = (uint16_t)(below(2) ? TRACE_NO_SYMBOL : below(300));
	c->invocation = (uint32_t)below(3);
	c->stack = (uint32_t)below(8);
	c->owner = (uint32_t)below(TIDS);
	for (uint64_t n = below(8); n; n--) {
		struct trace_capture *capture = (struct trace_capture *)at;
		*capture = (struct trace_capture){
		    (uint8_t)below(6), (uint8_t)below(4), (uint16_t)below(200), (uint32_t)below(300)};
		fill(capture->bytes, capture->size);
		at += (sizeof(*capture) + capture->size + 7UL) & ~7UL;
	}
	return (size_t)(at - out);
}

static size_t make_stack(uint8_t *out)
{
	struct trace_stack *s = (struct trace_stack *)out;

	s->stack = (uint32_t)below(8);
	s->key = (uint32_t)next();
	s->bytes = (uint32_t)below(512) * 8;
	s->incomplete = (uint32_t)below(2);
	s->ip = (uint64_t)&make_stack + below(64);
	s->sp = 0x7fff00000000;
	s->bp = s->sp + below(1024);
	/* Return addresses that lie in this program, and frame pointers that lie on this stack. */
	for (uint32_t i = 0; i < s->bytes; i += 8) {
		uint64_t word = below(2) ? (uint64_t)&next + below(4096) : s->sp + below(4096);
		memcpy(s->memory + i, &word, 8);
	}
	return sizeof(*s) + s->bytes;
}

static size_t text(char *at, const char *string)
{
	strcpy(at, string);
	return strlen(string) + 1;
}

static size_t make_map(uint8_t *out)
{
	static const char *const paths[] = {"/proc/self/exe", "/lib/x86_64-linux-gnu/libc.so.6", "/etc/passwd",
	    "[vdso]", "/nowhere/libnone.so", "", "/dev/zero", "/memfd:x (deleted)"};
	struct trace_map *m = (struct trace_map *)out;

	m->at = now();
	m->start = ((uint64_t)&make_map & ~0xfffUL) - below(4) * 4096;
	m->end = m->start + below(64) * 4096;
	m->offset = below(64) * 4096;
	return sizeof(*m) + text(m->path, paths[below(sizeof(paths) / sizeof(paths[0]))]);
}

static size_t make_process(uint8_t *out)
{
	struct trace_process *p = (struct trace_process *)out;

	p->pid = (uint32_t)getpid();
	p->serial = (uint32_t)below(SERIALS);
	p->hubs = (uint32_t)below(2);
	p->at = now();
	return sizeof(*p) + text(p->path, "/bin/\033[31mhostile\n");
}

static size_t make_name(uint8_t *out)
{
	struct trace_name *n = (struct trace_name *)out;

	n->at = now() - below(SECOND);
	fill(n->name, sizeof(n->name));
	return sizeof(*n);
}

static size_t make_end(uint8_t *out)
{
	((struct trace_end *)out)->at = now() - below(SECOND);
	return sizeof(struct trace_end);
}

static size_t make_sample(uint8_t *out)
{
	struct trace_sample *s = (struct trace_sample *)out;

	s->at = now() - below(SECOND);
	s->since = s->at - below(SECOND);
	s->nr = (int32_t)below(500) - 1;
	s->stack = (uint32_t)below(8);
	return sizeof(*s);
}

static size_t make_run(uint8_t *out)
{
	struct trace_run *r = (struct trace_run *)out;

	r->start = now() - below(SECOND);
	r->end = r->start + below(SECOND);
	r->rescued_at = odd_number();
	return sizeof(*r);
}

static size_t (*const makers[])(uint8_t *out) = {
    [TRACE_PROCESS] = make_process,
    [TRACE_MAP] = make_map,
    [TRACE_NAME] = make_name,
    [TRACE_END] = make_end,
    [TRACE_STACK] = make_stack,
    [TRACE_ENTER] = make_call,
    [TRACE_CALL] = make_call,
    [TRACE_SAMPLE] = make_sample,
    [TRACE_RUN] = make_run,
};

static void mutate(uint8_t *bytes, size_t n)
{
	for (uint64_t times = below(8) ? 0 : 1 + below(4); times; times--) {
		size_t at = below(n);
		uint64_t odd = odd_number();
		size_t size = 1UL << below(4);
		if (below(2))
			bytes[at] ^= (uint8_t)(1 << below(8));
		else
			memcpy(bytes + at, &odd, size < n - at ? size : n - at);
	}
}

/* As the program does, but for what has become of the record. */
static void write_record(struct trace_ring *ring)
{
	static _Alignas(8) uint8_t bytes[TRACE_RECORD_MOST];
	struct trace_record *h = (struct trace_record *)bytes;
	unsigned type = TRACE_PROCESS + (unsigned)below(TRACE_RUN);

	memset(bytes, 0, sizeof(bytes));
	size_t n = (makers[type](bytes) + 7) & ~7UL;
	h->size = (uint16_t)n;
	h->type = (uint16_t)type;
	h->tid = (uint32_t)below(TIDS);
	mutate(bytes, n);
	size_t offset = ring->head % TRACE_RING_BYTES, to_end = TRACE_RING_BYTES - offset;
	if (n > to_end) {
		struct trace_record pad = {.type = TRACE_PAD, .size = (uint16_t)to_end};
		memcpy(trace_ring_bytes(ring) + offset, &pad, sizeof(pad));
		ring->head += to_end;
		offset = 0;
	}
	memcpy(trace_ring_bytes(ring) + offset, bytes, n);
	ring->head += n;
}

static void write_ring(struct trace_ring *ring)
{
	if (!ring->owner || below(8) == 0)
		ring->owner = (uint32_t)below(SERIALS);
	ring->pid = (uint32_t)(below(50) ? getpid() : (int)next());
	for (uint64_t n = below(200); n; n--)
		write_record(ring);
	if (below(100) == 0)
		ring->head = odd_number();
	if (below(100) == 0)
		ring->lost = odd_number();
}

static void write_slot(struct trace_slot *slot)
{
	fill(slot, sizeof(*slot));
	slot->owner = (uint32_t)below(SERIALS);
	slot->tid = (uint32_t)below(TIDS);
	slot->state = (uint32_t)below(4);
	slot->sequence = (uint32_t)below(8);
	slot->lock_owner = (uint32_t)below(TIDS);
}

/* Of what the tool has only to read. */
static uint64_t sum_of_rings(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < RINGS; i++) {
		const uint64_t *words = (const uint64_t *)trace_ring_bytes(trace_ring_at(memory.base, i));
		for (size_t w = 0; w < TRACE_RING_BYTES / 8; w++)
			sum = sum * 31 + words[w];
	}
	return sum;
}

static void fail(const char *what)
{
	fprintf(stderr, "reader: %s\n", what);
	abort();
}

static void check_rings(uint64_t sum)
{
	if (sum_of_rings() != sum)
		fail("the tool has changed the program's bytes");
	for (unsigned i = 0; i < RINGS; i++) {
		const struct trace_ring *ring = trace_ring_at(memory.base, i);
		if (ring->owner && ring->pid && ring->tail != ring->head)
			fail("a ring was not read to its end");
	}
}

static void pass(void)
{
	for (unsigned i = 0; i < RINGS; i++)
		write_ring(trace_ring_at(memory.base, i));
	for (unsigned i = 0; i < 16; i++)
		write_slot(trace_slot_at(memory.base, (unsigned)below(TRACE_SLOTS)));
	uint64_t sum = sum_of_rings();
	reader_pass(&reader);
	events_deliver(below(2) ? UINT64_MAX : now());
	slots_look(memory.base, now());
	if (below(8) == 0 && traced_first())
		events_dead(traced_first());
	reader_pass(&reader);
	check_rings(sum);
}

static void run_round(void)
{
	static const struct sink *const sinks[] = {&counting, &live_sink, &json_sink};

	alarm(ROUND_SECONDS);
	memory_give_back(&memory);
	events_start(memory.base, &wanted, sinks, sizeof(sinks) / sizeof(sinks[0]));
	reader = (struct reader){.take = events_take, .gone = events_gone};
	reader_start(&reader, memory.base);
	for (int i = 0; i < PASSES; i++)
		pass();
	struct losses losses = reader_losses(&reader);
	events_end("", &losses);
	events_free();
	rounds++;
}

int main(int argc, char **argv)
{
	uint64_t end = now() + (argc > 1 ? strtoull(argv[1], NULL, 0) : 60) * SECOND;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : now();

	printf("reader: seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	memset(wanted.calls, 0xff, sizeof(wanted.calls));
	memory_make(&memory);
	trace_options.out = fopen("/dev/null", "we");
	while (now() < end) {
		state = seed + rounds;
		run_round();
	}
	printf("reader: %llu rounds, %llu events\n", (unsigned long long)rounds, (unsigned long long)told);
	return rounds == 0 || told == 0;
}
