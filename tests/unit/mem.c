/* Memory of the runtime's own, and the way to the program's. */
#include <criterion/criterion.h>
#include <pthread.h>

#include "runtime/mem.h"
#include "tests/unit/green.h"

/* The test's own memcpy may be libc's: these are asked by the names they have in the library. */
Test(mem, move_overlapping)
{
	for (size_t from = 0; from < 20; from++) {
		for (size_t to = 0; to < 20; to++) {
			unsigned char have[40], want[40];
			for (size_t i = 0; i < sizeof(have); i++)
				have[i] = (unsigned char)i;
			for (size_t i = 0; i < sizeof(want); i++)
				want[i] = i >= to && i < to + 17 ? (unsigned char)(from + i - to) : (unsigned char)i;
			volatile size_t n = 17;
			memmove(have + to, have + from, n);
			for (size_t i = 0; i < sizeof(have); i++)
				cr_assert_eq(have[i], want[i], "from %zu to %zu, byte %zu", from, to, i);
		}
	}
}

Test(mem, compare_and_set)
{
	volatile size_t n = 3;
	cr_assert_eq(memcmp("abc", "abc", n), 0);
	cr_assert(memcmp("abc", "abd", n) < 0);
	cr_assert(memcmp("ab\377", "abc", n) > 0, "bytes are unsigned");
	n = 0;
	cr_assert_eq(memcmp("a", "b", n), 0);
	char buf[8] = "1234567";
	n = 3;
	memset(buf + 1, 'x', n);
	cr_assert_str_eq(buf, "1xxx567");
}

Test(mem, pages_are_zero_and_may_be_refused)
{
	char *p = pages_alloc(8192);
	cr_assert_not_null(p);
	cr_assert_eq((uintptr_t)p & 4095, 0);
	for (int i = 0; i < 8192; i++)
		cr_assert_eq(p[i], 0);
	pages_free(p, 8192);
	cr_assert_null(pages_alloc(1UL << 60));
}

struct thing {
	char bytes[40];
};

Test(slab, aligned_apart_recycled)
{
	static struct slab s = SLAB_INIT(struct thing);
	enum { N = 20000 }; /* several chunks */
	static struct thing *all[N];
	cr_assert_eq(s.size, 48);
	for (int i = 0; i < N; i++) {
		all[i] = slab_alloc(&s);
		cr_assert_not_null(all[i]);
		cr_assert_eq((uintptr_t)all[i] % 16, 0);
		cr_assert_eq(all[i]->bytes[39], 0);
		memset(all[i], 1 + i % 100, sizeof(*all[i]));
	}
	for (int i = 0; i < N; i++)
		cr_assert(all[i]->bytes[0] == 1 + i % 100 && all[i]->bytes[39] == 1 + i % 100,
		    "object %d was written over", i);
	char *fresh = s.fresh;
	for (int i = 0; i < N; i++)
		slab_free(&s, all[i]);
	for (int i = N; i-- > 0;)
		cr_assert_eq(slab_alloc(&s), all[i], "the last one freed is the first to be used again");
	cr_assert_eq(s.fresh, fresh);
}

static struct slab shared = SLAB_INIT(struct thing);

static void *churn(void *arg)
{
	struct thing *mine[16];
	for (int round = 0; round < 3000; round++) {
		for (int i = 0; i < 16; i++) {
			mine[i] = slab_alloc(&shared);
			memset(mine[i], (int)(intptr_t)arg, sizeof(*mine[i]));
		}
		for (int i = 0; i < 16; i++) {
			for (size_t b = 0; b < sizeof(*mine[i]); b++)
				cr_assert_eq(mine[i]->bytes[b], (char)(intptr_t)arg);
			slab_free(&shared, mine[i]);
		}
	}
	return arg;
}

Test(slab, several_kernel_threads, .timeout = 20)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, churn, (void *)(intptr_t)(i + 1));
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	int free_ones = 0;
	for (void *p = shared.free; p; p = *(void **)p)
		free_ones++;
	cr_assert_leq(free_ones, 48);
	cr_assert_geq(free_ones, 16);
}

/* A bad pointer is -EFAULT, at each of the four ways; what was copied before it stays. */
Test(user, faults, .init = green_begin)
{
	char *page = pages_alloc(8192), from[16] = "0123456789abcde";
	uint32_t value = 7, *bad = (uint32_t *)(page + 4096), *odd = (uint32_t *)8;
	sys(SYS_munmap, page + 4096, 4096);
	cr_assert_eq(user_copy(page + 4096 - 4, from, sizeof(from)), -EFAULT);
	cr_assert(memcmp(page + 4096 - 4, "0123", 4) == 0);
	cr_assert_eq(user_copy(from, page + 4090, 16), -EFAULT);
	cr_assert_eq(user_load32(bad, &value), -EFAULT);
	cr_assert_eq(user_load32(odd, &value), -EFAULT);
	cr_assert_eq(user_store32(bad, 1), -EFAULT);
	cr_assert_eq(user_cas32(bad, &value, 1), -EFAULT);
	cr_assert_eq(value, 7);
	cr_assert_eq(
	    user_copy(from, (void *)0x8000000000000000, 8), -EFAULT, "not canonical: a fault without an address");
	mprotect(page, 4096, PROT_READ);
	cr_assert_eq(user_load32((uint32_t *)page, &value), 0);
	cr_assert_eq(user_store32((uint32_t *)page, 1), -EFAULT);
	cr_assert_eq(user_read(&value, page), 0);
	cr_assert_eq(user_write(page, &value), -EFAULT);
}

Test(user, compare_and_swap, .init = green_begin)
{
	uint32_t word = 5, expected = 4;
	cr_assert_eq(user_cas32(&word, &expected, 9), 0);
	cr_assert_eq(expected, 5);
	cr_assert_eq(word, 5);
	cr_assert_eq(user_cas32(&word, &expected, 9), 1);
	cr_assert_eq(word, 9);
	cr_assert_eq(user_load32(&word, &expected), 0);
	cr_assert_eq(expected, 9);
	cr_assert_eq(user_store32(&word, 11), 0);
	cr_assert_eq(word, 11);
}
