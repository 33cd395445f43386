/* hash.c: tables that grow, of what has a hash of its own. */
#ifndef GREEN_TRACE_HASH_H
#define GREEN_TRACE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_BEGIN 0xcbf29ce484222325ULL

/* FNV-1a of a string, behind what was hashed before. */
uint64_t hash_string(uint64_t hash, const char *s);

/* The first member of what is in a table. */
struct hashed {
	struct hashed *next;
	uint64_t hash;
};

struct hash_table {
	struct hashed **buckets;
	size_t bucket_count, count;
};

void hash_add(struct hash_table *t, struct hashed *h);
/* Those with this hash are among the ones from here on, by ->next. */
struct hashed *hash_first(const struct hash_table *t, uint64_t hash);

#endif
