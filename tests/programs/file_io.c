/* 50 threads on one regular file: pread, pwrite, readv, shared offsets, O_APPEND lines that never mix. */
// threads
#include "io_test.h"
#include <sys/stat.h>

#define THREADS 50
#define BLOCK 4096
#define BLOCKS 20
#define LINES 100

static int file, log_fd;
static unsigned char seen[THREADS * BLOCKS];

static void *own_part(void *arg)
{
	unsigned me = (unsigned)(long)arg;
	unsigned char buf[BLOCK];

	for (unsigned i = 0; i < BLOCKS; i++) {
		off_t at = (off_t)(i * THREADS + me) * BLOCK;
		struct iovec iov[2] = {{buf, 1000}, {buf + 1000, BLOCK - 1000}};

		pattern_fill(buf, BLOCK, me, (uint64_t)at);
		memcpy(buf, &(unsigned){i * THREADS + me}, sizeof(unsigned));
		CHECK_EQ(i % 2 ? pwritev(file, iov, 2, at) : pwrite(file, buf, BLOCK, at), BLOCK);
	}
	for (unsigned i = 0; i < BLOCKS; i++) {
		off_t at = (off_t)(i * THREADS + me) * BLOCK;
		struct iovec iov[2] = {{buf, 10}, {buf + 10, BLOCK - 10}};

		CHECK_EQ(i % 2 ? pread(file, buf, BLOCK, at) : preadv(file, iov, 2, at), BLOCK);
		pattern_check(buf + sizeof(unsigned), BLOCK - sizeof(unsigned), me, (uint64_t)at + sizeof(unsigned));
	}
	return NULL;
}

/* One offset for all: each block goes to one thread. */
static void *shared_offset(void *arg)
{
	unsigned char buf[BLOCK];
	long blocks = 0;
	ssize_t got;

	(void)arg;
	while ((got = SYS(read(file, buf, BLOCK))) > 0) {
		unsigned number;

		CHECK_EQ(got, BLOCK);
		memcpy(&number, buf, sizeof(number));
		CHECK_EQ(__atomic_fetch_add(&seen[number], 1, __ATOMIC_RELAXED), 0);
		blocks++;
	}
	return (void *)blocks;
}

static void *logs(void *arg)
{
	char line[128];

	for (int i = 0; i < LINES; i++) {
		int n = snprintf(line, sizeof(line), "%03ld %03d %0*d\n", (long)arg, i, (i * 7) % 80 + 1, 0);

		CHECK_EQ(write(log_fd, line, (size_t)n), n);
	}
	return NULL;
}

static void check_log(void)
{
	int fd = (int)SYS(dup(log_fd)), next[THREADS] = {0}, lines = 0;
	FILE *f;
	char line[256];

	SYS(lseek(fd, 0, SEEK_SET));
	f = fdopen(fd, "r");
	while (fgets(line, sizeof(line), f)) {
		int who, number;

		CHECK_EQ(sscanf(line, "%d %d", &who, &number), 2);
		CHECK_EQ(number, next[who]);
		CHECK_EQ(strlen(line), 9 + (number * 7) % 80 + 1);
		next[who]++;
		lines++;
	}
	fclose(f);
	printf("%d lines\n", lines);
}

static long all(void *(*fn)(void *))
{
	pthread_t t[THREADS];
	long sum = 0;

	for (long i = 0; i < THREADS; i++)
		t[i] = start(fn, (void *)i);
	for (int i = 0; i < THREADS; i++)
		sum += (long)join(t[i]);
	return sum;
}

int main(void)
{
	char buf[16];
	struct stat st;

	file = scratch_file();
	all(own_part);
	SYS(fstat(file, &st));
	printf("%ld bytes\n", (long)st.st_size);
	printf("%ld blocks\n", all(shared_offset));
	SAY("at the end", read(file, buf, sizeof(buf)));
	SYS(lseek(file, -5, SEEK_END));
	SAY("short", read(file, buf, sizeof(buf)));
	SHOW(pread(file, buf, 1, 1 << 30));
	SHOW(fsync(file));
	SHOW(fdatasync(file));
	SHOW(ftruncate(file, 100));
	SHOW(pread(file, buf, sizeof(buf), 90));
	SHOW(posix_fallocate(file, 0, 10000));
	log_fd = scratch_file();
	SYS(fcntl(log_fd, F_SETFL, O_APPEND));
	all(logs);
	check_log();
	return 0;
}
