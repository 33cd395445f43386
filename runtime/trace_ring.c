/*
 * Records into rings: one for each hub, a few for those who have none. A ring is one process's; within it a lock of a
 * few instructions keeps carriers apart, since a hub changes hands.
 */
#include <signal.h>

#include "carrier.h"
#include "clock.h"
#include "hub.h"
#include "mem.h"
#include "trace_internal.h"

#define HUBLESS 4
#define WRITERS (MAX_HUBS + HUBLESS)
#define NATIVE 8         /* of a native process, however many threads it has: others want rings, too */
#define ASK_AGAIN 1024UL /* records that were lost for want of a ring: one may be free by now */

struct writer {
	_Alignas(CACHE_LINE) struct spin lock;
	struct trace_ring *ring; /* NULL: none yet, or none was left */
	uint64_t lost;           /* records, since there was none left */
};
static struct writer writers[WRITERS];

static unsigned writer_of_caller(void)
{
	if (trace_native)
		return (unsigned)trace_me()->tid % NATIVE;
	const struct carrier *c = carrier_self();
	return c->hub ? (unsigned)c->hub->id : MAX_HUBS + (unsigned)c->tid % HUBLESS;
}

/* In --native a handler of the program might interrupt who holds the lock, write itself, or never come back: a thread
 * that is cancelled unwinds from where it is. */
static struct writer *lock_writer(struct trace_writer *w)
{
	const ksigset_t all = ~0UL;
	if (trace_native)
		sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, &w->mask, 8);
	w->index = writer_of_caller();
	spin_lock(&writers[w->index].lock);
	return &writers[w->index];
}

static void unlock_writer(const struct trace_writer *w)
{
	spin_unlock(&writers[w->index].lock);
	if (trace_native)
		sys(SYS_rt_sigprocmask, SIG_SETMASK, &w->mask, 0, 8);
}

static struct trace_ring *ring_claim(void)
{
	uint32_t self = atomic_load(&trace_serial);
	for (unsigned i = 0; i < TRACE_RINGS; i++) {
		struct trace_ring *ring = trace_ring_at(trace_memory, i);
		uint32_t owner = 0;
		if (atomic_load_explicit(&ring->owner, memory_order_relaxed) ||
		    !atomic_compare_exchange_strong(&ring->owner, &owner, self))
			continue;
		atomic_store(&ring->pid, trace_pid);
		return ring;
	}
	return NULL;
}

static struct trace_ring *ring_of(struct writer *w)
{
	if (likely(w->ring != NULL))
		return w->ring;
	if (w->lost++ % ASK_AGAIN == 0)
		w->ring = ring_claim();
	return w->ring;
}

static uint64_t room(struct trace_ring *ring, uint64_t head)
{
	uint64_t used = head - atomic_load_explicit(&ring->tail, memory_order_acquire);
	return used > TRACE_RING_BYTES ? 0 : TRACE_RING_BYTES - used;
}

/* Place for `most` bytes in a row; what is left up to the end is padding. */
static bool reserve(struct trace_ring *ring, size_t most, uint64_t *head)
{
	uint64_t to_end = TRACE_RING_BYTES - *head % TRACE_RING_BYTES;
	uint64_t pad = to_end < most ? to_end : 0;
	if (room(ring, *head) < pad + most)
		return false;
	if (pad) {
		struct trace_record *r = (void *)(trace_ring_bytes(ring) + *head % TRACE_RING_BYTES);
		*r = (struct trace_record){(uint16_t)pad, TRACE_PAD, 0};
		*head += pad;
	}
	return true;
}

void *trace_write(struct trace_writer *w, size_t most, enum trace_type type, int tid)
{
	struct trace_ring *ring = ring_of(lock_writer(w));
	if (ring) {
		w->head = atomic_load_explicit(&ring->head, memory_order_relaxed);
		if (reserve(ring, most, &w->head)) {
			w->record = (void *)(trace_ring_bytes(ring) + w->head % TRACE_RING_BYTES);
			*w->record = (struct trace_record){0, (uint16_t)type, (uint32_t)tid};
			return w->record;
		}
	}
	atomic_fetch_add_explicit(ring ? &ring->lost : &trace_control->no_ring, 1, memory_order_relaxed);
	unlock_writer(w);
	return NULL;
}

void trace_written(struct trace_writer *w, size_t size)
{
	struct trace_ring *ring = writers[w->index].ring;
	size = (size + 7) & ~7UL;
	w->record->size = (uint16_t)size;
	atomic_store_explicit(&ring->head, w->head + size, memory_order_release);
	unlock_writer(w);
}

bool trace_ring_roomy(void)
{
	struct writer *writer = &writers[writer_of_caller()];
	struct trace_ring *ring = __atomic_load_n(&writer->ring, __ATOMIC_RELAXED);
	return !ring || room(ring, atomic_load_explicit(&ring->head, memory_order_relaxed)) > TRACE_RING_BYTES / 4;
}

bool trace_ring_held(void)
{
	return __atomic_load_n(&writers[writer_of_caller()].ring, __ATOMIC_RELAXED);
}

bool trace_ring_there(void)
{
	struct writer *writer = &writers[writer_of_caller()];
	spin_lock(&writer->lock);
	if (!writer->ring)
		writer->ring = ring_claim();
	bool there = writer->ring != NULL;
	spin_unlock(&writer->lock);
	return there;
}

static void drop_rings(uint64_t lost)
{
	for (unsigned i = 0; i < WRITERS; i++) {
		spin_lock(&writers[i].lock);
		writers[i].ring = NULL;
		writers[i].lost = lost;
		spin_unlock(&writers[i].lock);
	}
}

/* Each gets a ring anew: those that it had are the tool's to free. */
void trace_rings_begin(void)
{
	drop_rings(0);
}

/* Who is still about to write has none either. */
void trace_rings_end(void)
{
	drop_rings(1);
}

/* Another thread may have been in the middle of a record. */
void trace_rings_reset_in_child(void)
{
	if (atomic_load(&trace_serial))
		memset(writers, 0, sizeof(writers));
}
