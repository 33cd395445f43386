/*
 * A hub's run queue: first in, first out. Its owner pushes and takes; the carriers of idle hubs steal from it.
 *
 * A ring (modelled in tests/models/run_queue.pml), and behind it a list for what finds no room there, which is the
 * owner's alone.
 */
#ifndef GREEN_RUN_QUEUE_H
#define GREEN_RUN_QUEUE_H

#include "base.h"

struct thread;

#define RUN_RING 256 /* a power of two */

struct run_queue {
	_Alignas(CACHE_LINE) _Atomic uint32_t head; /* taken so far, by anybody */
	_Alignas(CACHE_LINE) _Atomic uint32_t tail; /* pushed so far */
	bool thieves;                               /* there may be some */
	uint32_t behind;                            /* how many are on the list */
	struct thread *first_behind, *last_behind;
	struct thread *_Atomic ring[RUN_RING];
};

/* The owner. */
void run_queue_push(struct run_queue *q, struct thread *t);
struct thread *run_queue_pop(struct run_queue *q);   /* NULL: empty */
struct thread *run_queue_first(struct run_queue *q); /* may be stolen, and gone, by now: read only */

/* Anybody. */
static inline uint32_t run_queue_length(const struct run_queue *q)
{
	uint32_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
	return atomic_load_explicit(&q->tail, memory_order_relaxed) - head + q->behind;
}

/* Half of what is in the ring, into `batch`; how many. */
uint32_t run_queue_steal(struct run_queue *q, struct thread *batch[RUN_RING]);

#endif
