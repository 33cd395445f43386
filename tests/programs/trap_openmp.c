// cflags: -fopenmp
// env: GREEN_TRAP=1
// env: GOMP_SPINCOUNT=0
// env: OMP_NUM_THREADS=4
// threads
/* libgomp makes its futex calls itself: teams that meet at barriers thousands of times, and locks. */
#include <omp.h>

#include "test.h"

int main(void)
{
	long sum = 0, locked = 0;
	omp_lock_t lock;

	omp_init_lock(&lock);
	for (int round = 0; round < 1000; round++) {
#pragma omp parallel for reduction(+ : sum)
		for (int i = 0; i < 100; i++)
			sum += i;
	}
#pragma omp parallel
	for (int i = 0; i < 500; i++) {
		omp_set_lock(&lock);
		locked++;
		if (i % 50 == 0)
			sched_yield(); /* the others find it taken */
		omp_unset_lock(&lock);
#pragma omp barrier
	}
	printf("%ld %ld\n", sum, locked);
	return 0;
}
