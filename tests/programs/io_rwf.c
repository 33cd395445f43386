/* preadv2 and pwritev2 with flags: RWF_NOWAIT, RWF_APPEND, RWF_DSYNC, unknown ones; offset -1 means the position. */
// threads
#include "io_test.h"

static char buf[64];
static struct iovec iov = {buf, 8};

static void *writes_later(void *arg)
{
	let_it_block();
	write_full((int)(long)arg, "12345678", 8);
	return NULL;
}

static void *body(void *arg)
{
	int file = scratch_file(), sv[2];

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		pthread_t t;

		kinds[k].make(sv);
		printf("-- %s\n", kinds[k].name);
		SHOW(preadv2(sv[1], &iov, 1, -1, RWF_NOWAIT));
		t = start(writes_later, (void *)(long)sv[0]);
		SHOW(preadv2(sv[1], &iov, 1, -1, 0));
		join(t);
		SHOW(pwritev2(sv[0], &iov, 1, -1, RWF_NOWAIT));
		SHOW(preadv2(sv[1], &iov, 1, -1, RWF_NOWAIT));
		SHOW(preadv2(sv[1], &iov, 1, 0, 0));
		SHOW(preadv2(sv[1], &iov, 1, -2, 0));
		SHOW(preadv2(sv[1], &iov, 1, -1, 1 << 20));
	}
	puts("-- file");
	SHOW(pwritev2(file, &iov, 1, -1, 0));
	SHOW(pwritev2(file, &iov, 1, -1, RWF_DSYNC));
	SHOW(pwritev2(file, &iov, 1, 0, RWF_APPEND));
	SHOW(lseek(file, 0, SEEK_END));
	SHOW(lseek(file, 4, SEEK_SET));
	SHOW(preadv2(file, &iov, 1, -1, 0));
	SHOW(lseek(file, 0, SEEK_CUR));
	SHOW(preadv2(file, &iov, 1, 20, 0));
	SHOW(preadv2(file, &iov, 1, -2, 0));
	SHOW(preadv2(file, &iov, 1, 0, 1 << 20));
	SHOW(preadv2(9999, &iov, 1, 0, 0));
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
