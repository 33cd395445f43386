/* A new descriptor has the lowest number that is free, while others hold each other up with calls that take long, and
 * who looks after that has descriptors of its own. */
// threads
#include "io_test.h"
#include <stdatomic.h>
#include <sys/mman.h>

enum { OPENS = 50000, OTHERS = 2, SIZE = 1 << 20 };

static atomic_int over;

static void *stays_in_the_kernel(void *arg)
{
	(void)arg;
	while (!over) {
		void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		CHECK(p != MAP_FAILED);
		munmap(p, SIZE);
	}
	return NULL;
}

static void *opens(void *arg)
{
	int wrong = 0;

	for (int i = 0; i < OPENS; i++) {
		int fd = (int)SYS(open("/dev/null", O_RDONLY));

		wrong += fd != 3;
		SYS(close(fd));
	}
	printf("%d of %d had another number\n", wrong, OPENS);
	over = 1;
	return arg;
}

int main(void)
{
	pthread_t stay[OTHERS], t;

	for (int i = 0; i < OTHERS; i++)
		stay[i] = start(stays_in_the_kernel, NULL);
	t = start(opens, NULL);
	join(t);
	for (int i = 0; i < OTHERS; i++)
		join(stay[i]);
	return 0;
}
