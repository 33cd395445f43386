/*
 * A file of which a part is not in the page cache is read while its number changes between that file and another: what
 * one call reads is one file's.
 */
// threads
#include "io_test.h"

#include <fcntl.h>

#define SIZE (96 << 10)
#define ROUNDS 3000

static int files[2], fd;
static bool stop;

static int file_of(char byte)
{
	static char block[SIZE];
	int file = scratch_file();

	memset(block, byte, sizeof(block));
	write_full(file, block, sizeof(block));
	SYS(fsync(file));
	return file;
}

static void *replaces(void *arg)
{
	for (unsigned i = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++) {
		CHECK_EQ(dup2(files[i & 1], fd), fd);
		if (i % 16 == 0)
			sched_yield();
	}
	return arg;
}

int main(void)
{
	static char got[SIZE];
	int seen[2] = {0, 0};
	pthread_t t;

	for (int i = 0; i < 2; i++)
		files[i] = file_of((char)('a' + i));
	fd = (int)SYS(dup(files[0]));
	t = start(replaces, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		for (int k = 0; k < 2; k++)
			posix_fadvise(files[k], SIZE / 3, SIZE / 3 << (i & 1), POSIX_FADV_DONTNEED);
		CHECK_EQ(pread(fd, got, SIZE, 0), SIZE);
		for (int k = 1; k < SIZE; k += 512)
			CHECK_EQ(got[k], got[0]);
		CHECK(got[0] == 'a' || got[0] == 'b');
		seen[got[0] - 'a']++;
		if (i % 32 == 0)
			sched_yield();
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	join(t);
	printf("%d reads, %d files\n", ROUNDS, (seen[0] > 0) + (seen[1] > 0));
	return 0;
}
