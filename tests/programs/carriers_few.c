/* More calls that block in the kernel than there may be kernel threads: they wait for one, and the rest goes on. */
// threads
// env: GREEN_MAX_CARRIERS=4
#include "test.h"
#include <sys/file.h>
#include <sys/stat.h>

#define READERS 30
#define LOCKERS 20

static char names[READERS][32];
static int ends[2][2];
static unsigned long locked;

static void *reads_fifo(void *arg)
{
	int fd = (int)SYS(open(arg, O_RDONLY));
	char c;

	while (read(fd, &c, 1) == -1)
		CHECK_EQ(errno, EINTR);
	CHECK_EQ(c, 'x');
	SYS(close(fd));
	return arg;
}

static void *answers(void *arg)
{
	char c;

	while (read(ends[0][0], &c, 1) == 1)
		CHECK_EQ(write(ends[1][1], &c, 1), 1);
	return arg;
}

static void ask(int times)
{
	char c = 0;

	for (int i = 0; i < times; i++) {
		CHECK_EQ(write(ends[0][1], &c, 1), 1);
		CHECK_EQ(read(ends[1][0], &c, 1), 1);
	}
}

/* Whoever holds the lock needs a kernel thread for fsync, while the others have theirs to wait for the lock. */
static void *locks_file(void *arg)
{
	int fd = (int)SYS(open("locked", O_RDWR | O_CREAT, 0600));

	for (int i = 0; i < 10; i++) {
		SYS(flock(fd, LOCK_EX));
		unsigned long was = locked;
		CHECK_EQ(write(fd, "x", 1), 1);
		SYS(fsync(fd));
		locked = was + 1;
		SYS(flock(fd, LOCK_UN));
	}
	SYS(close(fd));
	return arg;
}

int main(void)
{
	pthread_t readers[READERS], lockers[LOCKERS], other;
	int writers[READERS];

	SYS(pipe(ends[0]));
	SYS(pipe(ends[1]));
	other = start(answers, NULL);
	for (int i = 0; i < READERS; i++) {
		snprintf(names[i], sizeof(names[i]), "fifo%d", i);
		SYS(mkfifo(names[i], 0600));
		readers[i] = start(reads_fifo, names[i]);
	}
	ask(100);
	for (int i = READERS; i-- > 0;) { /* also those who wait for a kernel thread, first */
		writers[i] = (int)SYS(open(names[i], O_RDWR | O_NONBLOCK));
		CHECK_EQ(write(writers[i], "x", 1), 1);
	}
	for (int i = 0; i < READERS; i++)
		join(readers[i]);
	ask(100);
	puts("fifos opened");

	for (int i = 0; i < LOCKERS; i++)
		lockers[i] = start(locks_file, NULL);
	ask(100);
	for (int i = 0; i < LOCKERS; i++)
		join(lockers[i]);
	printf("locked %lu times\n", locked);
	SYS(close(ends[0][1]));
	join(other);
	return 0;
}
