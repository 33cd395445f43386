/* Threads on stacks that the program supplies: locals lie there, the memory is the program's again after the join. */
// threads
#include "test.h"

#define THREADS 50
#define SIZE (128 << 10)

struct stack {
	char *base;
	long n;
};

static void *run(void *arg)
{
	struct stack *s = arg;
	char local[1000];

	memset(local, (int)s->n, sizeof(local));
	CHECK(local >= s->base && local + sizeof(local) <= s->base + SIZE);
	for (int i = 0; i < 20; i++)
		sleep_us(100);
	for (size_t i = 0; i < sizeof(local); i++)
		CHECK_EQ(local[i], s->n);
	return (void *)s->n;
}

int main(void)
{
	struct stack stacks[THREADS];
	pthread_attr_t attr;
	pthread_t t[THREADS];
	void *base;
	size_t size;

	PT(pthread_attr_init(&attr));
	for (int round = 0; round < 20; round++) {
		for (long i = 0; i < THREADS; i++) {
			stacks[i].base = aligned_alloc(4096, SIZE);
			stacks[i].n = i;
			memset(stacks[i].base, 0xee, SIZE);
			PT(pthread_attr_setstack(&attr, stacks[i].base, SIZE));
			PT(pthread_attr_getstack(&attr, &base, &size));
			CHECK(base == stacks[i].base && size == SIZE);
			PT(pthread_create(&t[i], &attr, run, &stacks[i]));
		}
		for (long i = 0; i < THREADS; i++) {
			CHECK_EQ((long)join(t[i]), i);
			/* Nobody may touch it once the join has returned. */
			memset(stacks[i].base, 0xdd, SIZE);
			free(stacks[i].base);
		}
	}
	puts("own stacks used");
	return 0;
}
