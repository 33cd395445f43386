/* Threads blocked in flock and in F_OFD_SETLKW hold up nobody else, and get the lock when it is let go. */
// threads
#include "io_test.h"
#include <sys/file.h>

static char *path;
static int inside, rounds;

static void lock_flock(int fd, int on)
{
	SYS(flock(fd, on ? LOCK_EX : LOCK_UN));
}

static void lock_ofd(int fd, int on)
{
	struct flock l = {.l_type = on ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET};

	SYS(fcntl(fd, F_OFD_SETLKW, &l));
}

static void *takes(void *arg)
{
	void (*lock)(int, int) = *(void (**)(int, int))arg;
	int fd = (int)SYS(open(path, O_RDWR | O_CLOEXEC));

	for (int i = 0; i < 50; i++) {
		lock(fd, 1);
		CHECK_EQ(inside++, 0);
		if (i % 10 == 0)
			sleep_us(200);
		rounds++;
		CHECK_EQ(--inside, 0);
		lock(fd, 0);
	}
	SYS(close(fd));
	return NULL;
}

static void *ticks(void *arg)
{
	for (int i = 0; i < 100; i++)
		sleep_us(500);
	return arg;
}

int main(void)
{
	void (*locks[])(int, int) = {lock_flock, lock_ofd};
	pthread_t t[20];
	int fd;

	path = scratch_path("lock");
	fd = (int)SYS(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	for (size_t k = 0; k < ARRAY_LEN(locks); k++) {
		locks[k](fd, 1);
		for (int i = 0; i < 20; i++)
			t[i] = start(takes, &locks[k]);
		/* All are blocked by us: others go on all the same. */
		join(start(ticks, NULL));
		CHECK_EQ(rounds, 1000 * (int)k);
		locks[k](fd, 0);
		for (int i = 0; i < 20; i++)
			join(t[i]);
	}
	SAY("held, LOCK_NB", flock(fd, LOCK_EX | LOCK_NB));
	printf("%d rounds\n", rounds);
	SYS(unlink(path));
	free(path);
	return 0;
}
