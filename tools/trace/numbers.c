/* Stacks by the numbers that the program gives them: one number is one stack, in all processes that share the memory.
 * Several numbers may be the same stack. */
#include "tools/trace/tool.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1 << 16, NUMBERS_MOST = 1 << 20 };

/* Numbers in the table of known stacks stay in use; of the others, which come once, the oldest make room. */
static struct entry {
	uint32_t number;
	bool published;
	const struct stack *stack;
	uint32_t next; /* index + 1 */
} * entries;
static uint32_t count, room, hand;
static uint32_t buckets[BUCKETS];

/* What is mapped may have been written to a ring that was read before the stack's: a stack waits for another pass. */
static struct pending {
	struct pending *next;
	struct traced *traced;
	_Alignas(8) struct trace_stack record;
} * first, **last = &first, **old = &first; /* old: the end of those that have waited */

static void *memory;
static unsigned left_out;

static uint32_t *bucket_of(uint32_t number)
{
	return &buckets[number % BUCKETS];
}

static struct entry *find(uint32_t number)
{
	uint32_t i = *bucket_of(number);

	while (i && entries[i - 1].number != number)
		i = entries[i - 1].next;
	return i ? &entries[i - 1] : NULL;
}

static void unlink_entry(uint32_t i)
{
	uint32_t *at = bucket_of(entries[i].number);

	while (*at != i + 1)
		at = &entries[*at - 1].next;
	*at = entries[i].next;
}

static struct entry *grow(void)
{
	uint32_t more = room ? 2 * room : 4096;
	struct entry *bigger = realloc(entries, more * sizeof(*entries));

	if (!bigger)
		return NULL;
	entries = bigger;
	room = more;
	return &entries[count++];
}

static struct entry *recycle(void)
{
	for (uint32_t looked = 0; looked < count; looked++) {
		uint32_t i = hand;
		hand = (hand + 1) % count;
		if (!entries[i].published) {
			unlink_entry(i);
			return &entries[i];
		}
	}
	return NULL;
}

static struct entry *new_entry(uint32_t number)
{
	struct entry *e = count < room ? &entries[count++] : count < NUMBERS_MOST ? grow() : recycle();
	uint32_t *bucket = bucket_of(number);

	if (!e)
		return NULL;
	*e = (struct entry){.number = number, .next = *bucket};
	*bucket = (uint32_t)(e - entries) + 1;
	return e;
}

void stack_take(struct traced *t, const struct trace_stack *record)
{
	struct pending *p = malloc(offsetof(struct pending, record) + record->h.size);

	if (!p) {
		left_out++;
		return;
	}
	p->next = NULL;
	p->traced = t;
	memcpy(&p->record, record, record->h.size);
	*last = p;
	last = &p->next;
}

/* To look places up may take long, the first time: the program need not wait for that. */
static void make(struct traced *t, const struct trace_stack *r)
{
	struct snapshot s = {
	    r->ip, r->sp, r->bp, r->bx, r->r12, r->r13, r->r14, r->r15, r->incomplete != 0, r->memory, r->bytes};
	struct frame frames[FRAMES_MOST];
	bool whole;
	size_t n = unwind(t->process, &s, frames, FRAMES_MOST, &whole);
	struct entry *e = find(r->stack);

	if (!e)
		e = new_entry(r->stack);
	if (!e) {
		left_out++;
		return;
	}
	if (!s.incomplete && !t->gone && known_publish(memory, r->key, r->stack, &s, frames, n))
		e->published = true;
	e->stack = stack_same(t, &s, frames, n);
	left_out += !e->stack;
}

void stacks_make(bool all)
{
	struct pending *end = all ? NULL : *old;

	while (first != end) {
		struct pending *p = first;
		first = p->next;
		make(p->traced, &p->record);
		free(p);
	}
	if (!first)
		last = &first;
	old = last;
}

const struct stack *stack_of(uint32_t number)
{
	const struct entry *e = number ? find(number) : NULL;

	return e ? e->stack : NULL;
}

unsigned stacks_left_out(void)
{
	return left_out;
}

void stacks_start(void *base)
{
	memory = base;
}

void stacks_free(void)
{
	while (first) {
		struct pending *p = first;
		first = p->next;
		free(p);
	}
	last = old = &first;
	free(entries);
	entries = NULL;
	memset(buckets, 0, sizeof(buckets));
	count = room = hand = left_out = 0;
	same_free();
}
