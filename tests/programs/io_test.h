/* What the I/O test programs share: connections, whole reads and writes, bytes that tell where they belong. */
#ifndef IO_TEST_H
#define IO_TEST_H

#include "test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/un.h>

/* The byte that stream `id` carries at `offset`. */
static inline unsigned char pattern(unsigned id, uint64_t offset)
{
	return (unsigned char)((id * 2654435761u >> 24) ^ (offset * 131) ^ (offset >> 8) ^ (offset >> 17));
}

static inline void pattern_fill(unsigned char *buf, size_t n, unsigned id, uint64_t offset)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = pattern(id, offset + i);
}

static inline void pattern_check(const unsigned char *buf, size_t n, unsigned id, uint64_t offset)
{
	for (size_t i = 0; i < n; i++)
		if (buf[i] != pattern(id, offset + i))
			test_fail_eq("stream", (int)id, "byte", buf[i], "expected at", (long long)(offset + i));
}

static inline void write_full(int fd, const void *buf, size_t n)
{
	for (size_t done = 0; done < n;)
		done += (size_t)SYS(write(fd, (const char *)buf + done, n - done));
}

/* How many bytes came before the end of the file. */
static inline size_t read_full(int fd, void *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = SYS(read(fd, (char *)buf + done, n - done));

		if (got == 0)
			break;
		done += (size_t)got;
	}
	return done;
}

static inline int tcp_listen(int backlog, struct sockaddr_in *addr)
{
	socklen_t len = sizeof(*addr);
	int fd = (int)SYS(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), one = 1;

	/* Thousands of connections in TIME_WAIT must not use up the ports. */
	SYS(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	*addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	SYS(bind(fd, (struct sockaddr *)addr, sizeof(*addr)));
	SYS(listen(fd, backlog));
	SYS(getsockname(fd, (struct sockaddr *)addr, &len));
	return fd;
}

static inline int tcp_connect(const struct sockaddr_in *addr)
{
	int fd = (int)SYS(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	SYS(connect(fd, (const struct sockaddr *)addr, sizeof(*addr)));
	return fd;
}

static inline void tcp_pair(int sv[2])
{
	struct sockaddr_in addr;
	int listener = tcp_listen(1, &addr), one = 1;

	sv[0] = tcp_connect(&addr);
	sv[1] = (int)SYS(accept(listener, NULL, NULL));
	SYS(close(listener));
	for (int i = 0; i < 2; i++)
		SYS(setsockopt(sv[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
}

static inline void unix_pair(int sv[2])
{
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
}

/* A pipe as a pair: sv[0] is written, sv[1] is read. */
static inline void pipe_pair(int sv[2])
{
	int p[2];

	SYS(pipe2(p, O_CLOEXEC));
	sv[0] = p[1];
	sv[1] = p[0];
}

struct kind {
	const char *name;
	void (*make)(int sv[2]);
};
static const struct kind kinds[] __attribute__((unused)) = {
    {"pipe", pipe_pair},
    {"unix", unix_pair},
    {"tcp", tcp_pair},
};

/* Descriptors along with a byte. */
static inline ssize_t send_fds(int sock, const int *fds, int n, char c)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {&c, 1};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.buf,
	    .msg_controllen = CMSG_SPACE(sizeof(int) * n)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(h), fds, sizeof(int) * n);
	return sendmsg(sock, &msg, 0);
}

/* How many came. */
static inline int receive_fds(int sock, int *fds, int room, int flags, int *msg_flags)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} control = {0};
	char c;
	struct iovec iov = {&c, 1};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.buf,
	    .msg_controllen = CMSG_SPACE(sizeof(int) * room)};
	struct cmsghdr *h;
	int n;

	CHECK_EQ(recvmsg(sock, &msg, flags), 1);
	h = CMSG_FIRSTHDR(&msg);
	CHECK(h && h->cmsg_type == SCM_RIGHTS);
	n = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(h), sizeof(int) * n);
	*msg_flags = msg.msg_flags;
	return n;
}

/* Does any kernel thread of ours run, or want to, except the one that asks? */
static inline bool others_run(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *d;
	int running = 0;

	CHECK(tasks);
	while ((d = readdir(tasks))) {
		char path[300], line[256], *state;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/stat", d->d_name);
		if (d->d_name[0] == '.' || !(f = fopen(path, "r")))
			continue; /* or it has ended */
		if (fgets(line, sizeof(line), f) && (state = strrchr(line, ')')) &&
		    (state[2] == 'R' || state[2] == 'D'))
			running++;
		fclose(f);
	}
	closedir(tasks);
	return running > 1;
}

/* Until every other thread has gone to sleep, in the call that it is known to make next. A green one has by then too:
 * our own sleep lets all of them run first. */
static inline void let_it_block(void)
{
	do
		sleep_us(5000);
	while (others_run());
}

/* The result of a call in words: a number, or the name of errno. */
static inline const char *outcome(long result)
{
	static __thread char text[32];

	if (result == -1)
		return strerrorname_np(errno);
	snprintf(text, sizeof(text), "%ld", result);
	return text;
}

/* Print a call and what it answered. */
#define SHOW(call) (errno = 0, printf("%s: %s\n", #call, outcome(call)))

/* The same with a plain text in place of the call. */
#define SAY(what, call) (errno = 0, printf("%s: %s\n", (what), outcome(call)))

/* An unlinked file in the directory for temporary files. */
static inline int scratch_file(void)
{
	const char *dir = getenv("TMPDIR");
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/scratch.XXXXXX", dir ? dir : "/tmp");
	fd = (int)SYS(mkostemp(path, O_CLOEXEC));
	SYS(unlink(path));
	return fd;
}

/* A name in the directory for temporary files that nobody else uses. */
static inline char *scratch_path(const char *name)
{
	const char *dir = getenv("TMPDIR");
	char *path;

	CHECK(asprintf(&path, "%s/%s.%d", dir ? dir : "/tmp", name, (int)getpid()) > 0);
	return path;
}

/* As many descriptors as are allowed; skip the test where that is less than `need`. */
static inline void need_files(rlim_t need)
{
	struct rlimit limit;

	SYS(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
	if (limit.rlim_cur < need)
		test_skip("too few file descriptors allowed (RLIMIT_NOFILE)");
	SYS(setrlimit(RLIMIT_NOFILE, &limit));
}

#endif
