/* The table of known stacks, by which the program finds a stack's number without sending it. */
#include "tools/trace/tool.h"

#include <string.h>

/* The words that tell this stack from others: the return addresses, up to the first whose place is not known. */
static uint32_t words(const struct frame *frames, size_t count, const struct snapshot *s, struct trace_known *k)
{
	uint32_t n = 0;

	for (size_t i = 1; i < count && n < TRACE_STACK_WORDS; i++, n++) {
		if (frames[i].at == UINT64_MAX || frames[i].at % 8 || frames[i].at + 8 > s->bytes)
			break;
		k->distance[n] = (uint16_t)(frames[i].at / 8);
		k->value[n] = frames[i].pc;
	}
	return n;
}

static bool same(const struct trace_known *a, const struct trace_known *b)
{
	return a->count == b->count && memcmp(a->value, b->value, b->count * sizeof(b->value[0])) == 0 &&
	       memcmp(a->distance, b->distance, b->count * sizeof(b->distance[0])) == 0;
}

/* The program may read the entry as soon as it finds its key. */
static void store(struct trace_known *at, const struct trace_known *k, uint32_t key)
{
	at->stack = k->stack;
	at->count = k->count;
	memcpy(at->value, k->value, sizeof(k->value));
	memcpy(at->distance, k->distance, sizeof(k->distance));
	atomic_store_explicit(&at->key, key, memory_order_release);
}

bool known_publish(
    void *base, uint32_t key, uint32_t number, const struct snapshot *s, const struct frame *frames, size_t count)
{
	struct trace_known k = {.stack = number};

	k.count = words(frames, count, s, &k);
	if (!key || !k.count)
		return false;
	for (unsigned i = 0; i < TRACE_STACK_PROBES; i++) {
		struct trace_known *at = trace_known_at(base, (key + i) % TRACE_STACKS);
		uint32_t there = atomic_load_explicit(&at->key, memory_order_relaxed);

		if (!there) {
			store(at, &k, key);
			return true;
		}
		if (there == key && same(at, &k))
			return false;
	}
	return false;
}
