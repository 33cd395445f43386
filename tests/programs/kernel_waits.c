/*
 * Waits that only the kernel knows, each beside a thread that ticks: the call answers as natively whether it can go on
 * at once, has to wait, or is interrupted, and the ticks go on while it waits.
 */
// threads
#include <linux/aio_abi.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>

#include "test.h"

static char directory[] = "/tmp/kernel_waits.XXXXXX";
static atomic_long ticks;
static atomic_bool waits;

static void *tick(void *arg)
{
	for (;;) {
		nanosleep(&(struct timespec){0, 200000}, NULL);
		atomic_fetch_add(&ticks, 1);
	}
	return arg;
}

/* Lets the thread that is about to wait get there, seen by ticks that go on. */
static void let_wait(void)
{
	while (!atomic_load(&waits))
		sched_yield();
	for (long until = atomic_load(&ticks) + 25; atomic_load(&ticks) < until;)
		sched_yield();
}

static char *path(const char *name)
{
	static char p[128];

	snprintf(p, sizeof(p), "%s/%s", directory, name);
	return p;
}

static void interrupted(int sig)
{
	(void)sig;
}

/* native AIO: an eventfd that is read asynchronously completes when it is written to */
static aio_context_t context;
static int aio_fd;

static void aio_submit(unsigned n)
{
	static uint64_t buf[8];
	static struct iocb cb[8];
	struct iocb *list[8];

	for (unsigned i = 0; i < n; i++) {
		cb[i] = (struct iocb){.aio_lio_opcode = IOCB_CMD_POLL,
		    .aio_fildes = (unsigned)aio_fd,
		    .aio_buf = POLLIN,
		    .aio_data = (uintptr_t)&buf[i]};
		list[i] = &cb[i];
	}
	CHECK_EQ(syscall(SYS_io_submit, context, n, list), n);
}

static long aio_wait(long min, long most, struct timespec *timeout)
{
	struct io_event events[8];

	atomic_store(&waits, true);
	long ret = syscall(SYS_io_getevents, context, min, most, events, timeout);
	return ret < 0 ? -errno : ret;
}

static void *aio_waits(void *arg)
{
	return (void *)aio_wait((long)arg, 8, NULL);
}

static atomic_bool done;

struct wait {
	void *(*fn)(void *);
	void *arg;
};

static void *runs(void *arg)
{
	struct wait *w = arg;
	void *result = w->fn(w->arg);

	atomic_store(&done, true);
	return result;
}

static long in_thread(void *(*fn)(void *), void *arg, void (*meanwhile)(pthread_t))
{
	struct wait w = {fn, arg};
	pthread_t t;
	void *result;

	atomic_store(&waits, false);
	atomic_store(&done, false);
	PT(pthread_create(&t, NULL, runs, &w));
	let_wait();
	meanwhile(t);
	PT(pthread_join(t, &result));
	return (long)result;
}

static void complete(pthread_t t)
{
	(void)t;
	eventfd_write(aio_fd, 1);
}

/* Until it is: the first signals may come before it waits. */
static void interrupt(pthread_t t)
{
	while (!atomic_load(&done)) {
		pthread_kill(t, SIGUSR1);
		for (long until = atomic_load(&ticks) + 10; atomic_load(&ticks) < until && !atomic_load(&done);)
			sched_yield();
	}
}

static void drain(void)
{
	eventfd_t n;

	eventfd_read(aio_fd, &n);
}

static void aio(void)
{
	struct timespec zero = {0}, bad = {0, 2000000};

	SYS(syscall(SYS_io_setup, 8, &context));
	aio_fd = (int)SYS(eventfd(0, 0));
	printf("none: %ld, at least 9 of 8: %ld, negative: %ld, bad context: %ld, bad time: %ld\n",
	    aio_wait(0, 8, &zero), aio_wait(9, 8, &zero), aio_wait(-1, 8, &zero),
	    syscall(SYS_io_getevents, 1, 1, 1, NULL, NULL), syscall(SYS_io_getevents, context, 1, 1, NULL, (void *)8L));
	printf("in 2 ms: %ld\n", aio_wait(1, 8, &bad));
	aio_submit(3);
	printf("three: %ld\n", in_thread(aio_waits, (void *)3L, complete));
	drain();
	aio_submit(2);
	printf("interrupted: %ld\n", in_thread(aio_waits, (void *)1L, interrupt));
	complete(0);
	printf("then both: %ld\n", aio_wait(2, 8, NULL));
	aio_submit(2);
	printf("two of three, interrupted: %ld\n", in_thread(aio_waits, (void *)3L, interrupt));
	aio_submit(2);
	printf("two of three, in 2 ms: %ld\n", aio_wait(3, 8, &bad));
	SYS(syscall(SYS_io_destroy, context));
	close(aio_fd);
}

/* FIFOs, by each call that opens */
static long fd_or_errno(long fd)
{
	if (fd < 0)
		return -errno;
	close((int)fd);
	return 0;
}

static void *opens(void *arg)
{
	struct open_how how = {.flags = O_WRONLY};

	atomic_store(&waits, true);
	switch ((long)arg) {
	case 0:
		return (void *)fd_or_errno(open(path("fifo"), O_WRONLY | O_CREAT, 0600));
	case 1:
		return (void *)fd_or_errno(creat(path("fifo"), 0600));
	default:
		return (void *)fd_or_errno(syscall(SYS_openat2, AT_FDCWD, path("fifo"), &how, sizeof(how)));
	}
}

static void open_other_end(pthread_t t)
{
	(void)t;
	close((int)SYS(open(path("fifo"), O_RDONLY)));
}

static void fifos(void)
{
	SYS(mkfifo(path("fifo"), 0600));
	for (long i = 0; i < 3; i++) {
		printf("opened, way %ld: %ld\n", i, in_thread(opens, (void *)i, open_other_end));
		printf("interrupted, way %ld: %ld\n", i, in_thread(opens, (void *)i, interrupt));
	}
	printf("exclusively: %ld\n", fd_or_errno(open(path("fifo"), O_WRONLY | O_CREAT | O_EXCL, 0600)));
	printf("openat2, bad how: %ld\n", fd_or_errno(syscall(SYS_openat2, AT_FDCWD, path("fifo"), (void *)8L, 24L)));
	unlink(path("fifo"));
}

/* files: what is large, synchronous, or not in memory */
static void files(void)
{
	enum { SIZE = 3 << 20 };
	char *block = malloc(SIZE), *back = malloc(SIZE);
	int fd = (int)SYS(open(path("file"), O_RDWR | O_CREAT | O_TRUNC, 0600)), synced, copy, p[2];
	off_t at = 1 << 20;

	for (long i = 0; i < SIZE; i++)
		block[i] = (char)(i * 7 >> 3);
	CHECK_EQ(write(fd, block, SIZE), SIZE);
	CHECK_EQ(pwrite(fd, block, SIZE, 4096), SIZE);
	CHECK_EQ(pwritev2(fd, &(struct iovec){block, SIZE}, 1, 0, RWF_DSYNC), SIZE);
	CHECK_EQ(SYS(lseek(fd, 0, SEEK_CUR)), SIZE);
	synced = (int)SYS(open(path("file"), O_WRONLY | O_SYNC));
	CHECK_EQ(write(synced, "synced", 6), 6);
	CHECK_EQ(pwrite(synced, "too", 3, 10), 3);
	memcpy(block, "synced", 6);
	memcpy(block + 10, "too", 3);
	SYS(fsync(fd));
	SYS(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	CHECK_EQ(pread(fd, back, SIZE, 0), SIZE);
	CHECK(memcmp(block, back, SIZE) == 0);
	SYS(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	SYS(lseek(fd, 0, SEEK_SET));
	copy = (int)SYS(open(path("copy"), O_RDWR | O_CREAT, 0600));
	CHECK_EQ(sendfile(copy, fd, NULL, SIZE), SIZE);
	CHECK_EQ(SYS(lseek(fd, 0, SEEK_CUR)), SIZE);
	CHECK_EQ(pread(copy, back, SIZE, 0), SIZE);
	CHECK(memcmp(block, back, SIZE) == 0);
	SYS(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	SYS(pipe(p));
	CHECK_EQ(sendfile(p[1], fd, &at, 4096), 4096);
	CHECK_EQ(at, (1 << 20) + 4096);
	CHECK_EQ(read(p[0], back, SIZE), 4096);
	CHECK(memcmp(block + (1 << 20), back, 4096) == 0);
	SYS(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	CHECK_EQ(splice(fd, &at, p[1], NULL, 4096, 0), 4096);
	CHECK_EQ(read(p[0], back, SIZE), 4096);
	CHECK(memcmp(block + (1 << 20) + 4096, back, 4096) == 0);
	SYS(posix_fallocate(copy, 0, 2 * SIZE));
	CHECK_EQ(SYS(lseek(copy, 0, SEEK_END)), 2 * SIZE);
	printf("sendfile, closed: %ld, from a pipe: %ld\n", sendfile(copy, 100000, NULL, 4096),
	    sendfile(copy, p[0], NULL, 1));
	printf("pwrite, read only: %ld, negative: %ld\n", pwrite((int)SYS(open(path("file"), O_RDONLY)), "x", 1, 0),
	    pwrite(fd, "x", 1, -1));
	printf("files are as they should be\n");
	unlink(path("file"));
	unlink(path("copy"));
	free(block);
	free(back);
}

/* memory that is a file, terminals, chance */
static void others(void)
{
	char bytes[300];
	int fd = (int)SYS(open(path("mapped"), O_RDWR | O_CREAT, 0600)), pty;
	char *p;
	struct termios tio;

	SYS(ftruncate(fd, 8192));
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[5000] = 'x';
	printf("msync: %d, ", msync(p, 8192, MS_SYNC));
	printf("%d, ", msync(p, 8192, MS_ASYNC));
	printf("both %d, ", msync(p, 8192, MS_ASYNC | MS_SYNC));
	printf("odd %d\n", msync(p + 1, 8192, MS_SYNC));
	unlink(path("mapped"));

	pty = (int)SYS(posix_openpt(O_RDWR | O_NOCTTY));
	SYS(grantpt(pty));
	SYS(unlockpt(pty));
	fd = (int)SYS(open(ptsname(pty), O_RDWR | O_NOCTTY));
	CHECK_EQ(write(fd, "output", 6), 6);
	SYS(tcgetattr(fd, &tio));
	printf("tcdrain: %d, ", tcdrain(fd));
	printf("TCSADRAIN: %d, ", tcsetattr(fd, TCSADRAIN, &tio));
	printf("TCSAFLUSH: %d, ", tcsetattr(fd, TCSAFLUSH, &tio));
	printf("tcsendbreak: %d, ", tcsendbreak(fd, 0));
	printf("of nothing: %d\n", tcdrain(-1));

	printf("getrandom: %ld, %ld, ", (long)getrandom(bytes, sizeof(bytes), 0),
	    (long)getrandom(bytes, 16, GRND_NONBLOCK));
	printf("odd flags %ld\n", (long)getrandom(bytes, 16, 0x100));
}

int main(void)
{
	pthread_t t;

	CHECK(mkdtemp(directory));
	CHECK(!sigaction(SIGUSR1, &(struct sigaction){.sa_handler = interrupted}, NULL));
	PT(pthread_create(&t, NULL, tick, NULL));
	aio();
	fifos();
	files();
	others();
	SYS(rmdir(directory));
	return 0;
}
