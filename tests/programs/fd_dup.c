/* dup, dup2, dup3 and F_DUPFD over descriptors that another thread is blocked on. */
// threads
#include "io_test.h"

static int fd;

static void *reads_twice(void *arg)
{
	char a[8] = "", b[8] = "";

	(void)arg;
	SAY("blocked read", read(fd, a, sizeof(a)));
	SAY("next read", read(fd, b, sizeof(b)));
	printf("%s %s\n", a, b);
	return NULL;
}

/* dup2 over the number: the blocked read stays with the old file, the next one takes the new. */
static void replaced(const struct kind *kind, int flags)
{
	int old[2], new[2];
	pthread_t t;

	kind->make(old);
	kind->make(new);
	fd = old[1];
	t = start(reads_twice, NULL);
	let_it_block();
	CHECK_EQ(flags ? dup3(new[1], fd, flags) : dup2(new[1], fd), fd);
	write_full(new[0], "new", 3);
	let_it_block();
	write_full(old[0], "old", 3);
	join(t);
	SYS(close(old[0]));
	SYS(close(new[0]));
	SYS(close(new[1]));
	SYS(close(fd));
}

static void *reads(void *arg)
{
	char c;

	return (void *)read((int)(long)arg, &c, 1);
}

/* Closing one of two numbers leaves the other blocked until data comes. */
static void other_number(const struct kind *kind)
{
	int sv[2], copies[2];
	pthread_t t[2];

	kind->make(sv);
	copies[0] = (int)SYS(dup(sv[1]));
	copies[1] = (int)SYS(fcntl(sv[1], F_DUPFD_CLOEXEC, 100));
	CHECK(copies[1] >= 100);
	for (int i = 0; i < 2; i++)
		t[i] = start(reads, (void *)(long)copies[i]);
	let_it_block();
	SYS(close(sv[1]));
	write_full(sv[0], "ab", 2);
	printf("copies: %ld %ld\n", (long)join(t[0]), (long)join(t[1]));
	t[0] = start(reads, (void *)(long)copies[0]);
	let_it_block();
	SYS(close(copies[1]));
	SYS(close(sv[0]));
	printf("end through the last copy: %ld\n", (long)join(t[0]));
	SYS(close(copies[0]));
}

/* Under load: a number changes from file to file while a thread reads it; what comes is always whole. */
static bool stop;

static void *reads_on(void *arg)
{
	unsigned record[2];

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		CHECK_EQ(read(fd, record, sizeof(record)), sizeof(record));
		CHECK_EQ(record[0], ~record[1]);
	}
	return arg;
}

static void under_load(void)
{
	enum { FILES = 4, ROUNDS = 20000 };
	int p[FILES][2];
	pthread_t t;

	for (int i = 0; i < FILES; i++)
		SYS(pipe(p[i]));
	fd = (int)SYS(dup(p[0][0]));
	t = start(reads_on, NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned record[2] = {i, ~i};

		CHECK_EQ(dup2(p[i % FILES][0], fd), fd);
		for (int k = 0; k < FILES; k++)
			if (i % FILES == (unsigned)k)
				write_full(p[k][1], record, sizeof(record));
		if (i % 64 == 0)
			sched_yield();
		/* Nobody may read these any more: take them, or the pipes fill up. */
		for (int k = 0; k < FILES; k++) {
			struct pollfd poll_in = {.fd = p[k][0], .events = POLLIN};

			if ((i & 1023) == 1023 && k != (int)(i % FILES))
				while (poll(&poll_in, 1, 0) == 1 &&
				       preadv2(p[k][0], &(struct iovec){record, 8}, 1, -1, RWF_NOWAIT) > 0)
					;
		}
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (int k = 0; k < FILES; k++)
		SYS(write(p[k][1], (unsigned[]){0, ~0u}, 8));
	join(t);
	printf("%d replacements\n", ROUNDS);
}

int main(void)
{
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		puts(kinds[k].name);
		replaced(&kinds[k], 0);
		replaced(&kinds[k], O_CLOEXEC);
		other_number(&kinds[k]);
	}
	under_load();
	SAY("dup3, same", dup3(fd, fd, 0));
	SAY("dup2 of a closed one", dup2(9999, fd));
	SAY("dup2 to a negative one", dup2(fd, -1));
	SAY("F_DUPFD, too high", fcntl(fd, F_DUPFD, INT_MAX));
	return 0;
}
