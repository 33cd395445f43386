/* A hub's run queue. */
#include "run_queue.h"

#include "thread.h"

static struct thread *_Atomic *slot(struct run_queue *q, uint32_t i)
{
	return &q->ring[i % RUN_RING];
}

/* Where there is room in the ring the list's first go there. */
static void refill(struct run_queue *q)
{
	uint32_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
	while (q->first_behind && tail - atomic_load_explicit(&q->head, memory_order_acquire) < RUN_RING) {
		struct thread *t = q->first_behind;
		q->first_behind = t->next;
		q->behind--;
		atomic_store_explicit(slot(q, tail), t, memory_order_relaxed);
		atomic_store_explicit(&q->tail, ++tail, memory_order_release);
	}
}

void run_queue_push(struct run_queue *q, struct thread *t)
{
	if (unlikely(q->first_behind))
		refill(q);
	uint32_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
	if (likely(!q->first_behind && tail - atomic_load_explicit(&q->head, memory_order_acquire) < RUN_RING)) {
		atomic_store_explicit(slot(q, tail), t, memory_order_relaxed);
		atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
		return;
	}
	t->next = NULL;
	if (q->first_behind)
		q->last_behind->next = t;
	else
		q->first_behind = t;
	q->last_behind = t;
	q->behind++;
}

struct thread *run_queue_pop(struct run_queue *q)
{
	for (;;) {
		uint32_t head = atomic_load_explicit(&q->head, memory_order_acquire);
		if (unlikely(q->first_behind))
			refill(q);
		if (head == atomic_load_explicit(&q->tail, memory_order_relaxed))
			return NULL;
		struct thread *t = atomic_load_explicit(slot(q, head), memory_order_relaxed);
		if (!q->thieves) {
			atomic_store_explicit(&q->head, head + 1, memory_order_relaxed);
			return t;
		}
		if (likely(atomic_compare_exchange_strong(&q->head, &head, head + 1)))
			return t;
	}
}

struct thread *run_queue_first(struct run_queue *q)
{
	if (unlikely(q->first_behind)) /* thieves may have left nothing before them */
		refill(q);
	uint32_t head = atomic_load_explicit(&q->head, memory_order_acquire);
	return head == atomic_load_explicit(&q->tail, memory_order_relaxed) ? NULL : q->ring[head % RUN_RING];
}

uint32_t run_queue_steal(struct run_queue *q, struct thread *batch[RUN_RING])
{
	for (;;) {
		uint32_t head = atomic_load_explicit(&q->head, memory_order_acquire);
		uint32_t n = atomic_load_explicit(&q->tail, memory_order_acquire) - head;
		if (n == 0)
			return 0;
		n -= n / 2;
		if (n > RUN_RING)
			continue; /* head was read long ago */
		for (uint32_t i = 0; i < n; i++)
			batch[i] = atomic_load_explicit(slot(q, head + i), memory_order_relaxed);
		if (atomic_compare_exchange_strong(&q->head, &head, head + n))
			return n;
	}
}
