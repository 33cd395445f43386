/* The slots: what each thread does just now. For deadlocks, and for the calls that a dead process leaves unfinished. */
#include "tools/trace/tool.h"

#include <stdlib.h>
#include <string.h>

static uint64_t no_slot; /* the program's counter when the trace began */

void slots_start(void *base)
{
	const struct trace_control *c = base;

	no_slot = atomic_load(&c->no_slot);
}

/* A thread that writes its slot is not stuck: it is left out of this look. */
static bool read_slot(const struct trace_slot *slot, struct trace_slot *copy)
{
	for (int tries = 0; tries < 4; tries++) {
		uint32_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);
		memcpy(copy, slot, sizeof(*copy));
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 && before == atomic_load_explicit(&slot->sequence, memory_order_relaxed))
			return copy->owner != 0;
	}
	return false;
}

static struct standing *new_standing(struct traced *t)
{
	if (t->count == t->room) {
		size_t more = t->room ? 2 * t->room : 64;
		struct standing *bigger = realloc(t->standing, more * sizeof(*bigger));

		if (!bigger)
			return NULL;
		t->standing = bigger;
		t->room = more;
	}
	return &t->standing[t->count++];
}

static void add(struct traced *t, const struct trace_slot *slot)
{
	struct seen *thread = thread_get(t, (int)slot->tid);
	struct seen *owner = slot->lock_owner ? thread_of_past(t, (int)slot->lock_owner) : NULL;
	struct standing *s = thread ? new_standing(t) : NULL;
	bool parked = slot->state == TRACE_IS_PARKED;

	if (!s) {
		t->complete = false;
		return;
	}
	/* It may have been named before the trace began. */
	if (!*thread->thread.name && memchr(slot->name, '\0', sizeof(slot->name)))
		thread_rename(thread, slot->name);
	*s = (struct standing){.thread = &thread->thread,
	    .state = slot->state <= TRACE_IS_PARKED ? slot->state : TRACE_IN_PROGRAM,
	    .since = slot->since,
	    .nr = slot->state == TRACE_IN_PROGRAM ? -1 : slot->nr,
	    .stack = stack_of(slot->stack),
	    .lock = parked ? slot->lock : 0,
	    .owner = parked && owner ? &owner->thread : NULL};
}

static void look_at(const struct trace_slot *slot)
{
	uint32_t serial = atomic_load_explicit(&slot->owner, memory_order_acquire);
	struct traced *t = serial ? traced_find(serial) : NULL;
	struct trace_slot copy;

	if (!t || t->gone)
		return;
	if (read_slot(slot, &copy) && copy.owner == serial)
		add(t, &copy);
	else
		t->complete = false;
}

void slots_look(void *base, uint64_t at)
{
	const struct trace_control *c = base;
	bool complete = atomic_load(&c->no_slot) == no_slot;

	for (struct traced *t = traced_first(); t; t = t->next) {
		t->count = 0;
		t->complete = complete;
	}
	for (unsigned i = 0; i < TRACE_SLOTS; i++)
		look_at(trace_slot_at(base, i));
	for (struct traced *t = traced_first(); t; t = t->next)
		if (t->count)
			deadlock_look(t->process, t->standing, t->count, t->complete, at);
}

/* Of those that live on when the tool leaves. */
void slots_of_living(void *base, uint64_t at)
{
	for (unsigned i = 0; i < TRACE_SLOTS; i++) {
		const struct trace_slot *slot = trace_slot_at(base, i);
		struct traced *t = traced_find(atomic_load_explicit(&slot->owner, memory_order_acquire));
		struct trace_slot copy;

		if (t && !t->gone && read_slot(slot, &copy) && copy.owner == t->serial)
			events_unfinished(t, &copy, at);
	}
}

void slots_of_dead(void *base, struct traced *t, uint64_t at)
{
	for (unsigned i = 0; i < TRACE_SLOTS; i++) {
		struct trace_slot *slot = trace_slot_at(base, i), copy;
		uint32_t serial = t->serial;

		if (atomic_load_explicit(&slot->owner, memory_order_acquire) != serial)
			continue;
		memcpy(&copy, slot, sizeof(copy));
		events_unfinished(t, &copy, at);
		atomic_compare_exchange_strong(&slot->owner, &serial, 0);
	}
}
