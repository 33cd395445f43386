/* Tables that grow, of what has a hash of its own. */
#include "tools/trace/hash.h"

#include <stdlib.h>

#include "tools/trace/text.h"

uint64_t hash_string(uint64_t hash, const char *s)
{
	const uint64_t prime = 0x100000001b3ULL;

	for (; *s; s++)
		hash = (hash ^ (uint8_t)*s) * prime;
	return (hash ^ 0xff) * prime;
}

static void insert(struct hash_table *t, struct hashed *h)
{
	struct hashed **bucket = &t->buckets[h->hash % t->bucket_count];

	h->next = *bucket;
	*bucket = h;
}

static void grow(struct hash_table *t)
{
	struct hashed **old = t->buckets;
	size_t n = t->bucket_count;

	t->bucket_count = n ? 2 * n : 1024;
	t->buckets = must_have(calloc(t->bucket_count, sizeof(struct hashed *)));
	for (size_t i = 0; i < n; i++)
		for (struct hashed *h = old[i], *next; h; h = next) {
			next = h->next;
			insert(t, h);
		}
	free(old);
}

void hash_add(struct hash_table *t, struct hashed *h)
{
	if (t->count++ >= t->bucket_count)
		grow(t);
	insert(t, h);
}

struct hashed *hash_first(const struct hash_table *t, uint64_t hash)
{
	return t->buckets ? t->buckets[hash % t->bucket_count] : NULL;
}
