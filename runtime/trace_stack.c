/*
 * Stacks by number. The tool unwinds each once, from a snapshot, and says which words tell it from others (struct
 * trace_known); here they are only compared. So no unwinding is done on a thread's way, and no stack is sent twice.
 */
#include <sys/uio.h>

#include "carrier.h"
#include "clock.h"
#include "mem.h"
#include "runtime.h"
#include "trace_internal.h"

#define SENT 4096                    /* a power of two */
#define ANSWER (200 * NSEC_PER_MSEC) /* so long the tool has to make a snapshot's stack known */
#define STACK_MOST (64UL << 20)
#define SIGNATURE_WORDS 64

/* Snapshots under way: what was sent lately, as signature << 32 | number. Racy: at worst one is sent twice. */
static struct {
	_Atomic uint64_t what;
	_Atomic nsec_t when;
} sent[SENT];

void trace_stacks_begin(void)
{
	for (unsigned i = 0; i < SENT; i++)
		atomic_store_explicit(&sent[i].when, 0, memory_order_relaxed);
}

uint64_t trace_thread_pointer(void)
{
	uint64_t fs;
	if (!trace_native)
		return carrier_current()->ctx.fs;
	__asm__ volatile("mov %%fs:0, %0" : "=r"(fs));
	return fs;
}

static uint32_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ULL; /* 2^64 / golden ratio */
	return (uint32_t)(h >> 32);
}

/* The same function at the same depth: threads of one kind have the same distance from their stack's top, where their
 * TLS is. */
static uint32_t key_of(const struct regs *r, uint64_t thread_pointer)
{
	uint32_t key = mix(mix(1, r->rip), thread_pointer - r->rsp);
	return key ? key : 1;
}

size_t trace_peek(void *dst, const void *src, size_t n)
{
	if (!trace_native && carrier_current())
		return user_copy(dst, src, n) ? 0 : n;
	struct iovec to = {dst, n}, from = {(void *)src, n};
	long got = sys(SYS_process_vm_readv, sys(SYS_getpid), &to, 1, &from, 1, 0);
	return got < 0 ? 0 : (size_t)got;
}

/* Each word by itself: they are few, and far from each other. */
static bool read_words(uint64_t *words, const struct trace_known *k, uint32_t count, uint64_t sp)
{
	struct iovec from[TRACE_STACK_WORDS], to = {words, count * sizeof(*words)};
	for (uint32_t i = 0; i < count; i++)
		from[i] = (struct iovec){(void *)(sp + 8UL * k->distance[i]), 8};
	return sys(SYS_process_vm_readv, sys(SYS_getpid), &to, 1, from, count, 0) == (long)to.iov_len;
}

static bool words_are(const struct trace_known *k, uint64_t sp)
{
	uint32_t count = k->count;
	if (!count || count > TRACE_STACK_WORDS)
		return false;
	if (trace_native || !carrier_current()) {
		uint64_t words[TRACE_STACK_WORDS];
		return read_words(words, k, count, sp) && !memcmp(words, k->value, count * sizeof(*words));
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t word;
		if (user_load64((const uint64_t *)(sp + 8UL * k->distance[i]), &word) || word != k->value[i])
			return false;
	}
	return true;
}

static uint32_t known(uint32_t key, uint64_t sp)
{
	for (unsigned i = 0; i < TRACE_STACK_PROBES; i++) {
		const struct trace_known *k = trace_known_at(trace_memory, (key + i) % TRACE_STACKS);
		uint32_t its = atomic_load_explicit(&k->key, memory_order_acquire);
		if (!its)
			break;
		if (its == key && words_are(k, sp))
			return k->stack;
	}
	return 0;
}

/* Two call sites of one function have the same key: what looks like code among the first words tells them apart, as
 * long as the tool has not answered. */
static uint32_t signature(const struct regs *r, uint32_t key)
{
	uint64_t words[SIGNATURE_WORDS];
	size_t n = trace_peek(words, (const void *)r->rsp, sizeof(words)) / 8;
	uint64_t h = key;
	for (size_t i = 0; i < n; i++)
		if (trace_is_code(words[i]))
			h = mix(h, words[i]);
	return mix(h, n);
}

/* Up to its top, where that is known. */
static size_t snapshot(uint8_t *to, uint64_t sp, uint64_t top)
{
	size_t most = top > sp && top - sp < STACK_MOST ? top - sp : TRACE_SNAPSHOT;
	for (size_t n = most < TRACE_SNAPSHOT ? most : TRACE_SNAPSHOT; n >= 64; n /= 2) {
		size_t got = trace_peek(to, (const void *)sp, n & ~7UL);
		if (got)
			return got & ~7UL;
	}
	return 0;
}

uint32_t trace_stack_send(const struct trace_stack *registers, int tid, uint64_t top)
{
	struct trace_writer w;
	if (!trace_ring_roomy())
		return 0;
	struct trace_stack *s = trace_write(&w, sizeof(*s) + TRACE_SNAPSHOT, TRACE_STACK, tid);
	if (!s)
		return 0;
	struct trace_record h = s->h;
	*s = *registers;
	s->h = h;
	s->stack = atomic_fetch_add(&trace_control->stack_numbers, 1) + 1;
	s->bytes = (uint32_t)snapshot(s->memory, s->sp, top);
	uint32_t number = s->stack;
	trace_written(&w, sizeof(*s) + s->bytes);
	return number;
}

static uint32_t send(const struct regs *r, uint32_t key, uint64_t thread_pointer, int tid)
{
	struct trace_stack s = {.key = key, .sp = r->rsp, .bp = r->rbp, .bx = r->rbx};
	s.ip = runtime_hooks.site_canonical ? runtime_hooks.site_canonical(r->rip) : r->rip;
	s.r12 = r->r12, s.r13 = r->r13, s.r14 = r->r14, s.r15 = r->r15;
	return trace_stack_send(&s, tid, thread_pointer);
}

uint32_t trace_stack_of(const struct regs *r, uint64_t thread_pointer, int tid)
{
	if (!atomic_load_explicit(&trace_control->stacks, memory_order_relaxed))
		return 0;
	uint32_t key = key_of(r, thread_pointer), number = known(key, r->rsp);
	if (likely(number))
		return number;
	uint32_t looks = signature(r, key);
	uint64_t what = atomic_load_explicit(&sent[looks % SENT].what, memory_order_relaxed);
	nsec_t when = atomic_load_explicit(&sent[looks % SENT].when, memory_order_relaxed);
	if (when && what >> 32 == looks && clock_now() - when < ANSWER)
		return (uint32_t)what;
	number = send(r, key, thread_pointer, tid);
	if (number) {
		atomic_store_explicit(&sent[looks % SENT].what, (uint64_t)looks << 32 | number, memory_order_relaxed);
		atomic_store_explicit(&sent[looks % SENT].when, clock_now(), memory_order_relaxed);
	}
	return number;
}
