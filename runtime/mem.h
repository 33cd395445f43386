/* Memory of the runtime's own: straight from the kernel, never libc's malloc. */
#ifndef GREEN_MEM_H
#define GREEN_MEM_H

#include "base.h"
#include "spin.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* Whole pages, zeroed; NULL when the kernel has none. */
void *pages_alloc(size_t size);
void pages_free(void *p, size_t size);

/* Objects of one size, recycled and never given back: a stale pointer always points to an object of its type, so that
 * a late reader sees a wrong value at worst, which sequence numbers catch. */
struct slab {
	struct spin lock;
	size_t size;
	void *free;
	char *fresh, *end;
};
/* clang-format off */
#define SLAB_INIT(type) {.size = (sizeof(type) + 15) & ~15UL}
/* clang-format on */

void *slab_alloc(struct slab *s); /* contents: of the last user, or zero; NULL when out of memory */
void slab_free(struct slab *s, void *p);
void slab_reset_in_child(struct slab *s);

#endif
