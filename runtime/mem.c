/* Memory of the runtime's own. */
#include "mem.h"

#include <sys/mman.h>

/* The compiler calls these for struct copies; libc's are ifuncs that use vector registers, which a runtime in the
 * middle of somebody's system call must not touch. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	void *d = dst;
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		return memcpy(dst, src, n);
	for (char *d = dst; n--;)
		d[n] = ((const char *)src)[n];
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *pages_alloc(size_t size)
{
	long p = sys(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p < 0 && p > -4096 ? NULL : (void *)p;
}

void pages_free(void *p, size_t size)
{
	sys(SYS_munmap, p, size);
}

#define SLAB_CHUNK (256 * 1024)

void *slab_alloc(struct slab *s)
{
	spin_lock(&s->lock);
	void *p = s->free;
	if (p) {
		s->free = *(void **)p;
	} else {
		if ((size_t)(s->end - s->fresh) < s->size) {
			s->fresh = pages_alloc(SLAB_CHUNK);
			s->end = s->fresh ? s->fresh + SLAB_CHUNK : NULL;
		}
		if (s->fresh) {
			p = s->fresh;
			s->fresh += s->size;
		}
	}
	spin_unlock(&s->lock);
	return p;
}

void slab_free(struct slab *s, void *p)
{
	spin_lock(&s->lock);
	*(void **)p = s->free;
	s->free = p;
	spin_unlock(&s->lock);
}

/* If another thread was in the middle of it at the fork, what was free is lost. */
void slab_reset_in_child(struct slab *s)
{
	if (atomic_load(&s->lock.held)) {
		s->free = NULL;
		s->fresh = s->end = NULL;
	}
	s->lock = (struct spin){0};
}
