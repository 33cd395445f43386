/* Each stack is looked up once: the program sends one again that it cannot tell by its words. */
#include "tools/trace/tool.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1 << 14, STACKS_MOST = 1 << 18 };

static struct same {
	struct same *next;
	uint32_t serial, maps; /* what lies at the addresses may have changed with a mapping */
	const struct stack *stack;
	size_t count;
	uint64_t pc[];
} * buckets[BUCKETS];
static uint32_t count;

/* Deep stacks take tens of kilobytes each, and a program may have any number of them. */
size_t same_bytes_most = 512UL << 20;
static size_t bytes;

static size_t hash(const struct traced *t, const struct frame *frames, size_t n)
{
	uint64_t h = t->serial;

	for (size_t i = 0; i < n; i++)
		h = (h ^ frames[i].pc) * 0x9e3779b97f4a7c15ULL; /* 2^64 / golden ratio */
	return (h >> 40) % BUCKETS;
}

static bool is_same(const struct same *s, const struct traced *t, const struct frame *frames, size_t n)
{
	if (s->serial != t->serial || s->maps != t->maps || s->count != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s->pc[i] != frames[i].pc)
			return false;
	return true;
}

static size_t bytes_of(const struct same *s)
{
	const struct stack *stack = s->stack;

	return sizeof(*s) + s->count * sizeof(s->pc[0]) + sizeof(*stack) + stack->frames * sizeof(stack->pcs[0]) +
	       stack->count * sizeof(stack->places[0]);
}

static const struct stack *make(
    struct same **bucket, struct traced *t, const struct snapshot *snapshot, const struct frame *frames, size_t n)
{
	bool room = count < STACKS_MOST && bytes < same_bytes_most;
	struct same *s = room ? malloc(sizeof(*s) + n * sizeof(s->pc[0])) : NULL;
	struct frame again[FRAMES_MOST];
	size_t its;

	if (!s)
		return NULL;
	s->serial = t->serial;
	s->maps = t->maps;
	s->stack = stack_make(t->process, snapshot, again, FRAMES_MOST, &its);
	s->count = n;
	for (size_t i = 0; i < n; i++)
		s->pc[i] = frames[i].pc;
	s->next = *bucket;
	*bucket = s;
	count++;
	bytes += bytes_of(s);
	return s->stack;
}

const struct stack *stack_same(struct traced *t, const struct snapshot *s, const struct frame *frames, size_t n)
{
	struct same **bucket = &buckets[hash(t, frames, n)];

	for (const struct same *is = *bucket; is; is = is->next)
		if (is_same(is, t, frames, n))
			return is->stack;
	return make(bucket, t, s, frames, n);
}

void same_free(void)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (buckets[i]) {
			struct same *s = buckets[i];
			buckets[i] = s->next;
			free(s);
		}
	count = 0;
	bytes = 0;
}
