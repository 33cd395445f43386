/* read and write: vectors, kinds, and calls that park, on pipes, sockets and files. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "runtime/io.h"
#include "runtime/stats.h"
#include "tests/unit/green.h"

TestSuite(vec, .init = green_begin, .timeout = 20);
TestSuite(io, .init = green_begin, .timeout = 20);

Test(vec, total)
{
	struct iovec v[20];
	for (int i = 0; i < 20; i++)
		v[i] = (struct iovec){NULL, (size_t)i};
	cr_assert_eq(vec_total(v, 0), 0);
	cr_assert_eq(vec_total(v, 20), 190);
	cr_assert_eq(vec_total(v, 9), 36);
	v[3].iov_len = (size_t)-1;
	cr_assert_eq(vec_total(v, 20), -EINVAL);
	cr_assert_eq(vec_total(v, 3), 3);
	v[3].iov_len = SSIZE_MAX;
	v[4].iov_len = SSIZE_MAX;
	cr_assert_eq(vec_total(v, 20), MAX_RW_COUNT);
	cr_assert_eq(vec_total(v, 1025), -EINVAL);
	cr_assert_eq(vec_total((struct iovec *)16, 1), -EFAULT);
}

/* Every split of every way to advance, with empty segments among them: each byte once, in order. */
Test(vec, advances)
{
	char bytes[40];
	const size_t len[] = {3, 0, 1, 0, 0, 7, 2, 0, 11, 4, 5}; /* more than struct vec holds itself */
	struct iovec iov[ARRAY_LEN(len)];
	size_t total = 0;
	for (size_t i = 0; i < ARRAY_LEN(len); i++) {
		iov[i] = (struct iovec){bytes + total, len[i]};
		total += len[i];
	}
	for (size_t count = 1; count <= ARRAY_LEN(len); count++) {
		size_t all = (size_t)vec_total(iov, count);
		for (size_t skip = 0; skip <= all; skip++) {
			for (size_t step = 1; step <= 9; step++) {
				struct vec v;
				size_t at = skip;
				cr_assert_eq(vec_open(&v, iov, count, skip), 0);
				while (v.left) {
					size_t sum = 0, n = step < v.left ? step : v.left;
					cr_assert_eq(v.left, all - at);
					cr_assert_eq(v.at[0].iov_base, bytes + at);
					for (size_t i = 0; i < v.count; i++)
						sum += v.at[i].iov_len;
					cr_assert_eq(sum, v.left);
					vec_advance(&v, n);
					at += n;
				}
				cr_assert_eq(at, all);
				vec_close(&v);
			}
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(len); i++)
		cr_assert_eq(iov[i].iov_len, len[i], "the program's own is as it was");
}

Test(vec, limits)
{
	struct iovec iov[2] = {{NULL, MAX_RW_COUNT - 1}, {NULL, 100}};
	struct vec v;
	cr_assert_eq(vec_open(&v, iov, 2, 0), 0);
	cr_assert_eq(v.left, MAX_RW_COUNT);
	cr_assert_eq(v.at[1].iov_len, 1);
	cr_assert_eq(vec_open(&v, (struct iovec *)16, 3, 0), -EFAULT);
	cr_assert_eq(vec_open(&v, (struct iovec *)16, 300, 0), -EFAULT);
	cr_assert_null(v.pages);
}

Test(io, kinds)
{
	int p[2], s[2], file = open("/proc/self/exe", O_RDONLY), dir = open("/", O_RDONLY);
	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	cr_assert_eq(fd_kind(fd_entry(p[0]), p[0], FD_IN), FD_NOWAIT);
	cr_assert_eq(fd_kind(fd_entry(s[0]), s[0], FD_OUT), FD_SOCKET);
	cr_assert_eq(fd_kind(fd_entry(file), file, FD_IN), FD_FILE);
	cr_assert_eq(fd_kind(fd_entry(file), file, FD_OUT), FD_NATIVE);
	cr_assert_eq(fd_kind(fd_entry(dir), dir, FD_IN), FD_NATIVE);
	close(dir);
	dup2(p[0], file);
	cr_assert_eq(fd_kind(fd_entry(file), file, FD_IN), FD_FILE, "known until a close that was seen");
	cr_assert_eq(green(SYS_close, file), 0);
	cr_assert_eq(fd_kind(fd_entry(file), file, FD_IN), FD_UNKNOWN);
}

/* The same seen from a program: results, never a changed flag. */

struct job {
	struct green_thread green;
	int fd;
	size_t size;
	long ret;
	bool done;
};

static unsigned char pattern(size_t at)
{
	return (unsigned char)(at * 31 + at / 251);
}

static void write_pattern(void *arg)
{
	struct job *j = arg;
	unsigned char *b = malloc(j->size);
	for (size_t i = 0; i < j->size; i++)
		b[i] = pattern(i);
	j->ret = green(SYS_write, j->fd, b, j->size);
	j->done = true;
	free(b);
}

static void write_vectors(void *arg)
{
	struct job *j = arg;
	enum { N = 50 };
	unsigned char *b = malloc(j->size);
	struct iovec iov[N];
	size_t each = j->size / N;
	for (size_t i = 0; i < j->size; i++)
		b[i] = pattern(i);
	for (size_t i = 0; i < N; i++)
		iov[i] = (struct iovec){b + i * each, each};
	j->ret = green(SYS_writev, j->fd, iov, N);
	free(b);
}

static void check_pattern(int fd, size_t size)
{
	unsigned char b[5000];
	size_t at = 0;
	while (at < size) {
		long n = green(SYS_read, fd, b, sizeof(b));
		cr_assert_gt(n, 0, "after %zu: %ld", at, n);
		for (long i = 0; i < n; i++, at++)
			cr_assert_eq(b[i], pattern(at), "byte %zu", at);
	}
}

/* A blocking write comes back when all is written. */
static void through(int from, int to, void (*writer)(void *))
{
	struct job j = {.fd = from, .size = 3000000};
	int flags[2] = {fcntl(from, F_GETFL), fcntl(to, F_GETFL)};
	uint64_t parks = carrier_self()->hub->count.parks;
	green_start(&j.green, writer, &j);
	check_pattern(to, j.size);
	green_join(&j.green);
	cr_assert_eq(j.ret, (long)j.size);
	cr_assert_gt(carrier_self()->hub->count.parks, parks + 10);
	cr_assert(fcntl(from, F_GETFL) == flags[0] && fcntl(to, F_GETFL) == flags[1]);
}

Test(io, whole_writes)
{
	int p[2], s[2];
	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	through(p[1], p[0], write_pattern);
	through(p[1], p[0], write_vectors);
	through(s[1], s[0], write_pattern);
	through(s[0], s[1], write_vectors);
}

Test(io, the_programs_own_nonblocking)
{
	int p[2];
	char b[100000] = {0};
	cr_assert_eq(pipe2(p, O_NONBLOCK), 0);
	cr_assert_eq(green(SYS_read, p[0], b, 1), -EAGAIN);
	long n = green(SYS_write, p[1], b, sizeof(b));
	cr_assert(n > 0 && n < (long)sizeof(b), "a partial write: %ld", n);
	cr_assert_eq(green(SYS_write, p[1], b, 1), -EAGAIN);
	fcntl(p[0], F_SETFL, 0);
	cr_assert_eq(green(SYS_read, p[0], b, sizeof(b)), n);
}

Test(io, ends_and_errors)
{
	int p[2];
	char c = 0;
	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(green(SYS_read, p[1], &c, 1), -EBADF);
	cr_assert_eq(green(SYS_write, p[0], &c, 1), -EBADF);
	cr_assert_eq(green(SYS_read, -1, &c, 1), -EBADF);
	cr_assert_eq(green(SYS_read, p[0], &c, 0), 0);
	cr_assert_eq(green(SYS_write, p[1], (void *)16, 1), -EFAULT);
	cr_assert_eq(green(SYS_write, p[1], &c, 1), 1);
	cr_assert_eq(green(SYS_read, p[0], (void *)16, 1), -EFAULT);
	cr_assert_eq(green(SYS_read, p[0], &c, 1), 1, "it is still there");
	cr_assert_eq(green(SYS_readv, p[0], (void *)16, 1), -EFAULT);
	cr_assert_eq(green(SYS_readv, p[0], (void *)16, -1), -EINVAL);
	close(p[1]);
	cr_assert_eq(green(SYS_read, p[0], &c, 1), 0);
	cr_assert_eq(pipe(p), 0);
	close(p[0]);
	cr_assert_eq(green(SYS_write, p[1], &c, 1), -EPIPE);
	int dir = open("/", O_RDONLY);
	cr_assert_eq(green(SYS_read, dir, &c, 1), -EISDIR);
}

/* A reader that goes away while the writer is parked: what was written counts. */
Test(io, a_reader_goes)
{
	int p[2];
	struct job j = {.size = 1000000};
	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe(p), 0);
	j.fd = p[1];
	green_start(&j.green, write_pattern, &j);
	green_settle();
	cr_assert(!j.done);
	close(p[0]);
	green_join(&j.green);
	cr_assert(j.ret > 0 && j.ret < 1000000, "%ld", j.ret);
}

Test(io, a_files_short_read_is_its_end)
{
	char name[] = "/tmp/green-unit-XXXXXX", b[10000];
	int fd = mkstemp(name);
	unlink(name);
	struct iovec iov[3] = {{b, 100}, {b + 100, 0}, {b + 100, 9000}};
	for (int i = 0; i < 5000; i++)
		b[i] = (char)pattern((size_t)i);
	cr_assert_eq(green(SYS_write, fd, b, 5000), 5000);
	cr_assert_eq(green(SYS_read, fd, b, 10), 0);
	memset(b, 0, sizeof(b));
	cr_assert_eq(green(SYS_pread64, fd, b, 10000, 1000), 4000);
	cr_assert_eq((unsigned char)b[0], pattern(1000));
	cr_assert_eq(lseek(fd, 0, SEEK_CUR), 5000);
	lseek(fd, 0, SEEK_SET);
	cr_assert_eq(green(SYS_readv, fd, iov, 3), 5000);
	for (int i = 0; i < 5000; i++)
		cr_assert_eq((unsigned char)b[i], pattern((size_t)i));
	cr_assert_eq(lseek(fd, 0, SEEK_CUR), 5000);
	cr_assert_eq(green(SYS_pread64, fd, b, 10, -1), -EINVAL);
}

/* SO_RCVTIMEO: EAGAIN, never early; asked anew after setsockopt. */
Test(io, socket_timeouts)
{
	int s[2];
	char c;
	struct timeval tv = {0, 20000};
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	cr_assert_eq(green(SYS_setsockopt, s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	for (int i = 0; i < 2; i++) {
		nsec_t start = clock_now();
		cr_assert_eq(green(SYS_read, s[0], &c, 1), -EAGAIN);
		cr_assert_geq(clock_now() - start, 20 * MSEC);
	}
	tv.tv_usec = 90000;
	cr_assert_eq(green(SYS_setsockopt, s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	nsec_t start = clock_now();
	cr_assert_eq(green(SYS_recvfrom, s[0], &c, 1, 0, 0, 0), -EAGAIN);
	cr_assert_geq(clock_now() - start, 90 * MSEC);
	cr_assert_eq(fcntl(s[0], F_GETFL) & O_NONBLOCK, 0);
}
