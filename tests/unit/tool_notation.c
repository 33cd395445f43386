/* Calls in strace's notation. What is expected is what strace 6.1 printed for the same arguments and memory. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "tools/trace/notation.h"
#include "tools/trace/trace.h"

#define AT 0x10000020UL /* where all memory is said to be */

/* What the runtime would have captured; it is all there, unless `of` says otherwise. */
static struct capture captures[CAPTURES_MOST];
static size_t capture_count;

static void setup(void)
{
	trace_options.string_size = 32;
	capture_count = 0;
	setenv("TZ", "UTC", 1);
}

TestSuite(tool_notation, .init = setup);

static void part_of(unsigned arg, unsigned part, const void *bytes, size_t size, uint32_t of)
{
	captures[capture_count++] = (struct capture){(uint8_t)arg, (uint8_t)part, of, size, bytes};
}

static void memory(unsigned arg, const void *bytes, size_t size)
{
	part_of(arg, 0, bytes, size, (uint32_t)size);
}

static void text(unsigned arg, const char *string)
{
	memory(arg, string, strlen(string));
}

static char *printed(const struct call *c)
{
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	call_print(out, c);
	fputc(' ', out);
	call_print_result(out, c);
	fclose(out);
	return line;
}

static void check(const char *wanted, unsigned nr, int64_t result, const uint64_t args[6], int line)
{
	struct call c = {.nr = nr, .result = result, .captures = captures, .capture_count = capture_count};

	memcpy(c.args, args, sizeof(c.args));
	char *got = printed(&c);
	cr_assert_str_eq(got, wanted, "line %d: %s\ninstead of: %s", line, got, wanted);
	free(got);
	capture_count = 0;
}

#define PRINTS(wanted, name, result, ...) check(wanted, SYS_##name, result, (const uint64_t[6]){__VA_ARGS__}, __LINE__)

Test(tool_notation, files)
{
	text(1, "/etc/hosts");
	PRINTS("openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY|O_CLOEXEC) = 3", openat, 3, AT_FDCWD, AT, 0x80000);
	text(1, "/etc/hosts");
	PRINTS("openat(5, \"/etc/hosts\", O_WRONLY|O_CREAT|O_CLOEXEC, 000) = -1 ENOENT (No such file or directory)",
	    openat, -ENOENT, 5, AT, 02000101);
	PRINTS("openat(AT_FDCWD, 0x10, O_RDWR|O_TMPFILE, 0600) = 3", openat, 3, AT_FDCWD, 0x10, 0x410002, 0600);
	text(0, "/tmp/x\n\"y\"\\\1772\t");
	PRINTS("unlink(\"/tmp/x\\n\\\"y\\\"\\\\\\1772\\t\") = 0", unlink, 0, AT);
	PRINTS("lseek(3, -5, SEEK_END) = 7", lseek, 7, 3, (uint64_t)-5, 2);
	PRINTS("fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0", fcntl, 0, 3, 4, 0x802);
	PRINTS("fcntl(3, F_GETFD) = 0x1 (flags FD_CLOEXEC)", fcntl, 1, 3, 1, 77);
	PRINTS("umask(022) = 077", umask, 077, 022);
	text(1, "/etc/hosts");
	PRINTS("newfstatat(AT_FDCWD, \"/etc/hosts\", 0x10000020, AT_SYMLINK_NOFOLLOW) = -1 EAGAIN "
	       "(Resource temporarily unavailable)",
	    newfstatat, -EAGAIN, AT_FDCWD, AT, AT, 0x100);
}

Test(tool_notation, status_of_files)
{
	uint64_t file[18] = {1, 2, 1, 0104755, 0, 0, 10}, device[18] = {1, 2, 1, 020666, 0, 1 << 8 | 3};

	text(1, "/etc/hosts");
	memory(2, file, sizeof(file));
	PRINTS("newfstatat(AT_FDCWD, \"/etc/hosts\", {st_mode=S_IFREG|S_ISUID|0755, st_size=10, ...}, "
	       "AT_SYMLINK_NOFOLLOW) = 0",
	    newfstatat, 0, AT_FDCWD, AT, AT, 0x100);
	memory(1, device, sizeof(device));
	PRINTS("fstat(3, {st_mode=S_IFCHR|0666, st_rdev=makedev(0x1, 0x3), ...}) = 0", fstat, 0, 3, AT);
	memory(1, file, sizeof(file) - 1);
	PRINTS("fstat(3, 0x10000020) = 0", fstat, 0, 3, AT);
}

Test(tool_notation, buffers)
{
	static const char bytes[] = "hello\0\001\0019\0377world this is a longer text of more than 32 bytes";

	memory(1, bytes, 60);
	PRINTS("write(1, \"hello\\0\\1\\19\\0377world this is a longe\"..., 60) = 60", write, 60, 1, AT, 60);
	memory(1, bytes, 32);
	PRINTS("write(1, \"hello\\0\\1\\19\\0377world this is a longe\", 32) = 32", write, 32, 1, AT, 32);
	part_of(1, 0, bytes, 16, 60);
	PRINTS("write(1, \"hello\\0\\1\\19\\0377world\"..., 60) = 60", write, 60, 1, AT, 60);
	memory(1, "abc", 3);
	PRINTS("read(3, \"abc\", 4096) = 3", read, 3, 3, AT, 4096);
	PRINTS("read(3, \"\", 4096) = 0", read, 0, 3, AT, 4096);
	PRINTS("write(1, \"\", 0) = 0", write, 0, 1, AT, 0);
	PRINTS("write(1, NULL, 3) = -1 EFAULT (Bad address)", write, -EFAULT, 1, 0, 3);
	PRINTS("read(3, 0x10000020, 9) = -1 EAGAIN (Resource temporarily unavailable)", read, -EAGAIN, 3, AT, 9);
	trace_options.string_size = 2;
	memory(1, "abc", 3);
	PRINTS("read(3, \"ab\"..., 4096) = 3", read, 3, 3, AT, 4096);
	memory(0, "hel", 3);
	trace_options.string_size = 32;
	PRINTS("getrandom(\"\\x68\\x65\\x6c\", 16, GRND_NONBLOCK) = 3", getrandom, 3, AT, 16, 1);
}

Test(tool_notation, vectors)
{
	struct iovec v[2] = {{(void *)AT, 3}, {(void *)AT, 40}};

	memory(1, v, sizeof(v));
	part_of(1, 1, "abc", 3, 3);
	PRINTS("readv(3, [{iov_base=\"abc\", iov_len=3}, {iov_base=\"\", iov_len=40}], 2) = 3", readv, 3, 3, AT, 2);
	memory(1, v, sizeof(v));
	PRINTS("readv(3, [{iov_base=0x10000020, iov_len=3}, {iov_base=0x10000020, iov_len=40}], 2) = -1 EAGAIN "
	       "(Resource temporarily unavailable)",
	    readv, -EAGAIN, 3, AT, 2);
	memory(1, v, sizeof(v));
	part_of(1, 1, "abc", 3, 3);
	part_of(1, 2, "hello\0\001\0019\0377world this is a longer", 36, 40);
	PRINTS("writev(3, [{iov_base=\"abc\", iov_len=3}, {iov_base=\"hello\\0\\1\\19\\0377world this is a longe\"..., "
	       "iov_len=40}], 2) = 3",
	    writev, 3, 3, AT, 2);
}

static void connects(const char *address, const void *bytes, size_t size)
{
	char wanted[256];

	memory(1, bytes, size);
	snprintf(wanted, sizeof(wanted), "connect(3, {sa_family=%s}, %zu) = 0", address, size);
	check(wanted, SYS_connect, 0, (const uint64_t[6]){3, AT, size}, __LINE__);
}

Test(tool_notation, addresses)
{
	static const uint8_t in[16] = {2, 0, 0, 80, 127, 0, 0, 1};
	static const uint8_t in6[28] = {10, 0, 0x1f, 0x90, 0, 0, 0, 5, 0x20, 1, 0xd, 0xb8, [23] = 1};
	static const uint8_t path[110] = {1, 0, '/', 't', 'm', 'p', '/', 's'};
	static const uint8_t abstract[8] = {1, 0, 0, 'a', 'b', 's', 0, 'x'};
	static const uint8_t netlink[12] = {16, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0};
	static const uint8_t other[8] = {200, 0, 1, 2, 3};

	connects("AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")", in, sizeof(in));
	connects("AF_INET, sa_data=\"\\0P\\177\\0\\0\\1\"", in, 8);
	connects("AF_INET6, sin6_port=htons(8080), sin6_flowinfo=htonl(5), inet_pton(AF_INET6, \"2001:db8::1\", "
		 "&sin6_addr), "
		 "sin6_scope_id=0",
	    in6, sizeof(in6));
	connects("AF_UNIX, sun_path=\"/tmp/s\"", path, sizeof(path));
	connects("AF_UNIX, sun_path=\"/tmp/\"", path, 7);
	connects("AF_UNIX", path, 2);
	connects("AF_UNIX, sun_path=@\"abs\\0x\"", abstract, sizeof(abstract));
	connects("AF_NETLINK, nl_pid=5, nl_groups=0x000003", netlink, sizeof(netlink));
	connects("0xc8 /* AF_??? */, sa_data=\"\\1\\2\\3\\0\\0\\0\"", other, sizeof(other));
	memory(1, in, 1);
	PRINTS("connect(3, 0x10000020, 1) = -1 EINVAL (Invalid argument)", connect, -EINVAL, 3, AT, 1);

	memory(1, in, sizeof(in));
	memory(2, &(int){16}, 4);
	PRINTS("accept4(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, [16], "
	       "SOCK_CLOEXEC|SOCK_NONBLOCK) = 4",
	    accept4, 4, 3, AT, AT, 0x80800);
	memory(2, &(int){16}, 4);
	PRINTS(
	    "accept(3, 0x10000020, [16]) = -1 EAGAIN (Resource temporarily unavailable)", accept, -EAGAIN, 3, AT, AT);
	PRINTS("accept(3, NULL, NULL) = 4", accept, 4, 3);
}

Test(tool_notation, sockets)
{
	PRINTS("socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3", socket, 3, 2, 1, 6);
	PRINTS("socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_UDP) = 3", socket, 3, 2, 0x80802, 17);
	PRINTS("socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 3", socket, 3, 16, 3, 0);
	PRINTS("socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 3", socket, 3, 1, 0x80001, 0);
	PRINTS("shutdown(3, SHUT_RDWR) = 0", shutdown, 0, 3, 2);
	memory(3, &(int){1}, 4);
	PRINTS("setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0", setsockopt, 0, 3, 1, 2, AT, 4);
	memory(3, &(int){1}, 4);
	PRINTS("setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0", setsockopt, 0, 3, 6, 1, AT, 4);
	memory(3, "cubic", 5);
	PRINTS("setsockopt(3, SOL_TCP, TCP_CONGESTION, \"cubic\", 5) = 0", setsockopt, 0, 3, 6, 13, AT, 5);
	memory(3, (int[]){1, 5}, 8);
	PRINTS("setsockopt(3, SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=5}, 8) = 0", setsockopt, 0, 3, 1, 13, AT, 8);
	memory(3, &(int){1}, 4);
	memory(4, &(int){4}, 4);
	PRINTS("getsockopt(3, SOL_SOCKET, SO_ERROR, [EPERM], [4]) = 0", getsockopt, 0, 3, 1, 4, AT, AT);
	memory(3, (int[]){10, 0, -1}, 12);
	memory(4, &(int){12}, 4);
	PRINTS("getsockopt(3, SOL_SOCKET, SO_PEERCRED, {pid=10, uid=0, gid=-1}, [12]) = 0", getsockopt, 0, 3, 1, 17, AT,
	    AT);
}

Test(tool_notation, messages)
{
	struct iovec v = {(void *)AT, 3};
	struct msghdr m = {.msg_iov = (void *)AT,
	    .msg_iovlen = 1,
	    .msg_control = (void *)AT,
	    .msg_controllen = 24,
	    .msg_flags = MSG_DONTWAIT};
	struct {
		struct cmsghdr h;
		int fds[2];
	} control = {{24, SOL_SOCKET, SCM_RIGHTS}, {7, 8}};

	memory(1, &m, sizeof(m));
	part_of(1, 1, "abc", 3, 3);
	part_of(1, 6, &v, sizeof(v), sizeof(v));
	part_of(1, 7, &control, sizeof(control), sizeof(control));
	PRINTS("sendmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"abc\", iov_len=3}], msg_iovlen=1, "
	       "msg_control=[{cmsg_len=24, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[7, 8]}], "
	       "msg_controllen=24, msg_flags=MSG_DONTWAIT}, MSG_NOSIGNAL) = 3",
	    sendmsg, 3, 3, AT, MSG_NOSIGNAL);
	m.msg_namelen = 110;
	memory(1, &m, sizeof(m));
	PRINTS("recvmsg(3, {msg_namelen=110}, MSG_DONTWAIT) = -1 EAGAIN (Resource temporarily unavailable)", recvmsg,
	    -EAGAIN, 3, AT, MSG_DONTWAIT);
}

Test(tool_notation, waits_for_descriptors)
{
	struct {
		int fd;
		short events, revents;
	} fds[] = {{3, 1, 1}, {-1, 4, 0}, {5, 0x2005, 0x11}, {6, 0, 0}};
	uint8_t events[] = {1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0x80, 0x90, 0x78, 0x56, 0x34, 0x12, 0, 0, 0};
	uint64_t in[16] = {8}, out[16] = {0x30};
	uint64_t left[2] = {1, 500};

	memory(0, fds, 8);
	PRINTS("poll([{fd=3, events=POLLIN}], 1, 1000) = 1 ([{fd=3, revents=POLLIN}])", poll, 1, AT, 1, 1000);
	memory(0, fds, sizeof(fds));
	PRINTS("poll([{fd=3, events=POLLIN}, {fd=-1}, {fd=5, events=POLLIN|POLLOUT|POLLRDHUP}, {fd=6, events=0}], 4, "
	       "-1) = 2 "
	       "([{fd=3, revents=POLLIN}, {fd=5, revents=POLLIN|POLLHUP}])",
	    poll, 2, AT, 4, (uint32_t)-1);
	memory(0, fds, 8);
	PRINTS("poll([{fd=3, events=POLLIN}], 1, 10) = 0 (Timeout)", poll, 0, AT, 1, 10);
	PRINTS("poll([], 0, 5) = 0 (Timeout)", poll, 0, AT, 0, 5);
	memory(0, fds, 16);
	PRINTS("ppoll([{fd=3, events=POLLIN}, {fd=-1}], 2, NULL, NULL, 8) = 1 ([{fd=3, revents=POLLIN}])", ppoll, 1, AT,
	    2, 0, 0, 8);

	memory(1, events, sizeof(events));
	PRINTS("epoll_wait(4, [{events=EPOLLIN, data={u32=3, u64=3}}, {events=EPOLLIN|EPOLLOUT|EPOLLET, "
	       "data={u32=878082192, u64=78187493520}}], 16, -1) = 2",
	    epoll_wait, 2, 4, AT, 16, (uint32_t)-1);
	PRINTS("epoll_wait(4, [], 16, 10) = 0", epoll_wait, 0, 4, AT, 16, 10);
	PRINTS("epoll_wait(4, 0x10000020, 16, -1) = -1 EINTR (Interrupted system call)", epoll_wait, -EINTR, 4, AT, 16,
	    (uint32_t)-1);
	memory(3, events, 12);
	PRINTS("epoll_ctl(4, EPOLL_CTL_ADD, 5, {events=EPOLLIN, data={u32=3, u64=3}}) = 0", epoll_ctl, 0, 4, 1, 5, AT);
	memory(3, events, 12);
	PRINTS("epoll_ctl(4, EPOLL_CTL_DEL, 5, 0x10000020) = 0", epoll_ctl, 0, 4, 2, 5, AT);

	memory(1, in, sizeof(in));
	memory(2, out, sizeof(out));
	memory(4, left, sizeof(left));
	PRINTS("select(6, [3], [4 5], NULL, {tv_sec=1, tv_usec=500}) = -1 EINTR (Interrupted system call)", select,
	    -EINTR, 6, AT, AT, 0, AT);
}

/* The call has written over what strace shows of select's arguments: they are addresses here. */
Test(tool_notation, select_that_succeeded)
{
	uint64_t in[16] = {8}, out[16] = {0x30}, left[2] = {1, 500};

	memory(1, in, sizeof(in));
	memory(2, out, sizeof(out));
	memory(4, left, sizeof(left));
	PRINTS(
	    "select(6, 0x10000020, 0x10000020, NULL, 0x10000020) = 3 (in [3], out [4 5], left {tv_sec=1, tv_usec=500})",
	    select, 3, 6, AT, AT, 0, AT);
}

Test(tool_notation, locks)
{
	uint64_t t[2] = {1, 500};

	PRINTS("futex(0x10000020, FUTEX_WAIT, 2, NULL) = 0", futex, 0, AT, 0, 2);
	memory(3, t, sizeof(t));
	PRINTS(
	    "futex(0x10000020, FUTEX_WAIT_PRIVATE, 2, {tv_sec=1, tv_nsec=500}) = -1 ETIMEDOUT (Connection timed out)",
	    futex, -ETIMEDOUT, AT, 128, 2, AT);
	PRINTS("futex(0x10000020, FUTEX_WAKE_PRIVATE, 1) = 1", futex, 1, AT, 129, 1);
	PRINTS("futex(0x10000020, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, NULL, FUTEX_BITSET_MATCH_ANY) = 0",
	    futex, 0, AT, 393, 0, 0, 0, (uint64_t)-1);
	PRINTS("futex(0x10000020, FUTEX_WAKE_BITSET_PRIVATE, 1, 0x5) = 0", futex, 0, AT, 138, 1, 0, 0, 5);
	PRINTS("futex(0x10000020, FUTEX_CMP_REQUEUE, 1, 2, 0x10000020, 3) = 0", futex, 0, AT, 4, 1, 2, AT, 3);
	PRINTS("futex(0x10000020, FUTEX_REQUEUE, 1, 2, 0x10000020) = 0", futex, 0, AT, 3, 1, 2, AT, 3);
	PRINTS("futex(0x10000020, FUTEX_WAKE_OP, 1, 1, 0x10000020, FUTEX_OP_SET<<28|0<<12|FUTEX_OP_CMP_GT<<24|0x1) = 0",
	    futex, 0, AT, 5, 1, 1, AT, 0x4000001);
	PRINTS("futex(0x10000020, FUTEX_UNLOCK_PI_PRIVATE) = 0", futex, 0, AT, 135, 1);
	PRINTS("flock(3, LOCK_EX|LOCK_NB) = 0", flock, 0, 3, 6);
	memory(1, (short[]){0, -1, 0x1000, 1, 2, 0x800}, 12);
	PRINTS("semop(1, [{sem_num=0, sem_op=-1, sem_flg=SEM_UNDO}, {sem_num=1, sem_op=2, sem_flg=IPC_NOWAIT}], 2) = 0",
	    semop, 0, 1, AT, 2);
}

Test(tool_notation, time)
{
	uint64_t t[2] = {1, 500}, files[4] = {1000000000, 123, 0, 0x3ffffffe};

	memory(2, t, sizeof(t));
	PRINTS("clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=1, tv_nsec=500}, 0x10000020) = 0", clock_nanosleep, 0, 0, 0,
	    AT, AT);
	memory(0, t, sizeof(t));
	memory(1, t, sizeof(t));
	PRINTS("nanosleep({tv_sec=1, tv_nsec=500}, {tv_sec=1, tv_nsec=500}) = ? ERESTART_RESTARTBLOCK "
	       "(Interrupted by signal)",
	    nanosleep, -516, AT, AT);
	memory(1, t, sizeof(t));
	PRINTS("clock_gettime(CLOCK_MONOTONIC, {tv_sec=1, tv_nsec=500}) = 0", clock_gettime, 0, 1, AT);
	text(1, "/etc/hosts");
	memory(2, files, sizeof(files));
	PRINTS("utimensat(AT_FDCWD, \"/etc/hosts\", [{tv_sec=1000000000, tv_nsec=123} "
	       "/* 2001-09-09T01:46:40.000000123+0000 */, UTIME_OMIT], AT_SYMLINK_NOFOLLOW) = 0",
	    utimensat, 0, AT_FDCWD, AT, AT, 0x100);
}

Test(tool_notation, signals)
{
	uint64_t action[4] = {0x401000, 0x14000000, 0x402000, 2}, none[4] = {0}, set = 1 << 1 | 1 << 14;
	uint64_t all = UINT64_MAX, realtime = 1UL << 33 | 1UL << 63 | 1UL << 31;

	memory(1, action, sizeof(action));
	memory(2, none, sizeof(none));
	PRINTS("rt_sigaction(SIGINT, {sa_handler=0x401000, sa_mask=[INT], sa_flags=SA_RESTORER|SA_RESTART, "
	       "sa_restorer=0x402000}, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, 8) = 0",
	    rt_sigaction, 0, 2, AT, AT, 8);
	memory(1, &all, 8);
	memory(2, &realtime, 8);
	PRINTS("rt_sigprocmask(SIG_SETMASK, ~[], [RTMIN RT_2 RT_32], 8) = 0", rt_sigprocmask, 0, 2, AT, AT, 8);
	memory(0, &set, 8);
	PRINTS("rt_sigsuspend([INT TERM], 8) = ? ERESTARTNOHAND (To be restarted if no handler)", rt_sigsuspend, -514,
	    AT, 8);
	PRINTS("tgkill(5, 6, SIGRT_2) = 0", tgkill, 0, 5, 6, 34);
	memory(0, &set, 8);
	PRINTS("rt_sigtimedwait([INT TERM], NULL, NULL, 8) = 15 (SIGTERM)", rt_sigtimedwait, 15, AT, 0, 0, 8);
}

static void waits(const char *status, int value)
{
	char wanted[256];

	memory(1, &value, sizeof(value));
	snprintf(wanted, sizeof(wanted), "wait4(-1, [{%s}], 0, NULL) = 5", status);
	check(wanted, SYS_wait4, 5, (const uint64_t[6]){(uint64_t)-1, AT}, __LINE__);
}

Test(tool_notation, processes)
{
	uint64_t limits[2] = {8192 * 1024, UINT64_MAX};
	int info[32] = {17, 0, 1, 0, 33, 1000, 5, 0, 6, 0, 7, 0};

	waits("WIFEXITED(s) && WEXITSTATUS(s) == 7", 7 << 8);
	waits("WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)", 11 | 128);
	waits("WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP", 0x137f);
	waits("WIFCONTINUED(s)", 0xffff);
	memory(1, &(int){0}, 4);
	PRINTS("wait4(5, 0x10000020, WNOHANG, NULL) = 0", wait4, 0, 5, AT, 1);
	memory(2, info, sizeof(info));
	PRINTS("waitid(P_PID, 5, {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=33, si_uid=1000, si_status=5, "
	       "si_utime=6 /* 0.06 s */, si_stime=7 /* 0.07 s */}, WEXITED, NULL) = 0",
	    waitid, 0, 1, 5, AT, 4, 0);
	memory(2, limits, sizeof(limits));
	PRINTS("prlimit64(0, RLIMIT_STACK, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}, NULL) = 0", prlimit64, 0, 0,
	    3, AT, 0);
	memory(2, &(int){4711}, 4);
	PRINTS("clone(child_stack=0x7000, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|"
	       "CLONE_SETTLS|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID, parent_tid=[4711], tls=0x7700, "
	       "child_tidptr=0x10000020) = 4711",
	    clone, 4711, 0x3d0f00, 0x7000, AT, AT, 0x7700);
	PRINTS("clone(child_stack=NULL, flags=SIGCHLD) = 12", clone, 12, 17);
}

/* Memory behind the structure is not what the program passed. */
Test(tool_notation, clone3_by_size)
{
	static const uint64_t args[11] = {0, 0, 0, 0, 17, 0, 0, 0, 7, 8, 9};

	memory(0, args, sizeof(args));
	PRINTS("clone3({flags=0, exit_signal=SIGCHLD, stack=NULL, stack_size=0}, 64) = 12", clone3, 12, AT, 64);
	memory(0, args, sizeof(args));
	PRINTS("clone3({flags=0, exit_signal=SIGCHLD, stack=NULL, stack_size=0, set_tid=0x7, set_tid_size=8}, 80) = 12",
	    clone3, 12, AT, 80);
	memory(0, args, sizeof(args));
	PRINTS("clone3(0x10000020, 32) = -1 EINVAL (Invalid argument)", clone3, -EINVAL, AT, 32);
}

/* strace 6.1 has no names for some of them. */
Test(tool_notation, flags_beside_numbers)
{
	text(2, "c");
	PRINTS("mount(NULL, NULL, \"c\", MS_MGC_VAL|MS_RDONLY, NULL) = 0", mount, 0, 0, 0, AT, 0xC0ED0001, 0);
	PRINTS("mount(NULL, NULL, NULL, MS_MGC_VAL, NULL) = 0", mount, 0, 0, 0, 0, 0xC0ED0000, 0);
	PRINTS("mount(NULL, NULL, NULL, MS_REC|MS_PRIVATE, NULL) = 0", mount, 0, 0, 0, 0, 0x44000, 0);
	PRINTS("mount(NULL, NULL, NULL, 0, NULL) = 0", mount, 0, 0);
	memory(2, &(int){99}, 4);
	PRINTS("sched_setscheduler(0, SCHED_FIFO|SCHED_RESET_ON_FORK, [99]) = 0", sched_setscheduler, 0, 0, 0x40000001,
	    AT);
	PRINTS(
	    "sched_getscheduler(0) = 1073741824 (SCHED_OTHER|SCHED_RESET_ON_FORK)", sched_getscheduler, 0x40000000, 0);
	PRINTS("sched_get_priority_max(0x77 /* SCHED_??? */) = -1 EINVAL (Invalid argument)", sched_get_priority_max,
	    -EINVAL, 0x77);
	PRINTS("clock_getres(CLOCK_TAI, NULL) = 0", clock_getres, 0, 11);
	PRINTS("clock_getres(MAKE_PROCESS_CPUCLOCK(5, CPUCLOCK_SCHED), NULL) = 0", clock_getres, 0, ~5U << 3 | 2);
	PRINTS("clock_getres(MAKE_THREAD_CPUCLOCK(0, CPUCLOCK_PROF), NULL) = 0", clock_getres, 0, ~0U << 3 | 4);
	PRINTS("clock_getres(FD_TO_CLOCKID(3), NULL) = 0", clock_getres, 0, ~3U << 3 | 3);
	PRINTS("clock_getres(0x63 /* CLOCK_??? */, NULL) = -1 EINVAL (Invalid argument)", clock_getres, -EINVAL, 99);
}

Test(tool_notation, exec)
{
	struct call c = {.nr = SYS_execve, .args = {AT, AT, AT}, .begins = true, .captures = captures};
	uint32_t three = 3, one = 1;

	text(0, "/bin/ls");
	part_of(1, 0, "ls", 2, 2);
	part_of(1, 1, "-l", 2, 2);
	part_of(1, 2, "", 0, 0);
	part_of(1, 16, &three, 4, 4);
	part_of(2, 0, "A=B", 3, 3);
	part_of(2, 16, &one, 4, 4);
	c.capture_count = capture_count;
	char *got = printed(&c);
	cr_assert_str_eq(got, "execve(\"/bin/ls\", [\"ls\", \"-l\", \"\"], 0x10000020 /* 1 var */) = ?");
	free(got);
	capture_count = 0;
	PRINTS("execve(0x10000020, 0x10000020, NULL) = -1 ENOENT (No such file or directory)", execve, -ENOENT, AT, AT);
}

Test(tool_notation, memory_maps)
{
	PRINTS("mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000001000", mmap,
	    0x7f0000001000, 0, 4096, 3, 0x22, (uint64_t)-1, 0);
	PRINTS("mmap(0x10000, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE, 3, 0x1000) = -1 ENOMEM (Cannot allocate memory)",
	    mmap, -ENOMEM, 0x10000, 4096, 5, 2, 3, 0x1000);
	PRINTS("mprotect(0x1000, 4096, PROT_NONE) = 0", mprotect, 0, 0x1000, 4096, 0);
	PRINTS("brk(NULL) = 0x5000", brk, 0x5000, 0);
	PRINTS("madvise(0x1000, 4096, MADV_DONTNEED) = 0", madvise, 0, 0x1000, 4096, 4);
}

Test(tool_notation, unknown_flags)
{
	PRINTS("eventfd2(0, 0x2 /* EFD_??? */) = 3", eventfd2, 3, 0, 2);
	PRINTS("eventfd2(0, EFD_SEMAPHORE|0x2) = 3", eventfd2, 3, 0, 3);
	PRINTS("msync(0x1000, 5, 0x400 /* MS_??? */) = 0", msync, 0, 0x1000, 5, 0x400);
	PRINTS("lseek(3, 10, 0x9 /* SEEK_??? */) = -1 EINVAL (Invalid argument)", lseek, -EINVAL, 3, 10, 9);
}

Test(tool_notation, results)
{
	PRINTS("getpid() = 17", getpid, 17, 0);
	PRINTS("pause() = ? ERESTARTNOHAND (To be restarted if no handler)", pause, -514, 0);
	PRINTS("fsync(3) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)", fsync, -512, 3);
	PRINTS("fsync(3) = ? ERESTARTNOINTR (To be restarted)", fsync, -513, 3);
	PRINTS("fsync(3) = -1 ERRNO_4000 (Unknown error 4000)", fsync, -4000, 3);
	struct call c = {.nr = SYS_exit_group, .args = {3}, .begins = true};
	char *got = printed(&c);
	cr_assert_str_eq(got, "exit_group(3) = ?");
	free(got);
}

Test(tool_notation, without_captures)
{
	char line[256] = "";
	FILE *out = fmemopen(line, sizeof(line), "w");

	call_print_args(out, SYS_openat, (const uint64_t[6]){AT_FDCWD, AT, 0});
	call_print_args(out, SYS_read, (const uint64_t[6]){3, AT, 9});
	call_print_args(out, 457, (const uint64_t[6]){3, AT, 9, 0, 1, 2});
	fclose(out);
	cr_assert_str_eq(line, "openat(AT_FDCWD, 0x10000020, O_RDONLY)read(3, 0x10000020, 9)"
			       "syscall_0x1c9(0x3, 0x10000020, 0x9, 0, 0x1, 0x2)");
}

Test(tool_notation, names)
{
	cr_assert_str_eq(call_name(SYS_openat), "openat");
	cr_assert_str_eq(call_name(450), "set_mempolicy_home_node");
	cr_assert_str_eq(call_name(400), "syscall_0x190");
	cr_assert_str_eq(call_name(1U << 31), "syscall_0x80000000");
	cr_assert_eq(call_number("openat"), SYS_openat);
	cr_assert_eq(call_number("exit_group"), SYS_exit_group);
	cr_assert_eq(call_number("open_at"), -1);
	cr_assert_eq(call_number(""), -1);
}

Test(tool_notation, numbers_are_those_of_the_kernel_headers)
{
#define CALL(number, name, classes, ...)         \
	cr_assert_eq(number, SYS_##name, #name); \
	cr_assert_eq(call_number(#name), number, #name);
#include "runtime/trace_calls.def"
#undef CALL
}

/* What is captured of a structure is as much as is shown of it. */
Test(tool_notation, captures_have_the_size_of_the_structures)
{
#define ARG(notation, capture)                      \
	{                                           \
		&type_##notation, CAPTURE_##capture \
	}
#define CALL(number, name, classes, ...) {#name, {__VA_ARGS__}},
	static const struct {
		const char *name;
		struct {
			const struct arg_type *type;
			struct trace_arg capture;
		} args[6];
	} table[] = {
#include "runtime/trace_calls.def"
	};
#undef ARG
#undef CALL
	for (size_t n = 0; n < sizeof(table) / sizeof(table[0]); n++)
		for (unsigned i = 0; i < 6 && table[n].args[i].type; i++) {
			size_t size = table[n].args[i].type->structure.size;
			cr_assert(!size || size == table[n].args[i].capture.size, "%s, argument %u: %u bytes of %zu",
			    table[n].name, i, table[n].args[i].capture.size, size);
		}
}

static bool has(const uint64_t set[TRACE_CALLS / 64], unsigned nr)
{
	return set[nr / 64] >> (nr % 64) & 1;
}

Test(tool_notation, classes)
{
	static const struct {
		const char *name;
		int in, out;
	} table[] = {{"%desc", SYS_read, SYS_socket}, {"file", SYS_openat, SYS_read},
	    {"%process", SYS_exit_group, SYS_read}, {"%network", SYS_sendto, SYS_read}, {"%net", SYS_accept4, SYS_pipe},
	    {"%signal", SYS_pause, SYS_read}, {"%ipc", SYS_semop, SYS_futex}, {"%memory", SYS_brk, SYS_read},
	    {"%clock", SYS_clock_gettime, SYS_nanosleep}, {"%creds", SYS_setuid, SYS_kill},
	    {"%poll", SYS_epoll_wait, SYS_epoll_ctl}, {"sleep", SYS_nanosleep, SYS_poll},
	    {"%sync", SYS_fsync, SYS_futex}, {"lock", SYS_futex, SYS_fsync}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t set[TRACE_CALLS / 64] = {0};
		cr_assert(call_class(table[i].name, set), "%s", table[i].name);
		cr_assert(has(set, (unsigned)table[i].in), "%s should have %s", table[i].name,
		    call_name((unsigned)table[i].in));
		cr_assert(!has(set, (unsigned)table[i].out), "%s should not have %s", table[i].name,
		    call_name((unsigned)table[i].out));
	}
	uint64_t set[TRACE_CALLS / 64] = {0};
	cr_assert(!call_class("%fil", set) && !call_class("", set) && !call_class("%", set));
	cr_assert(!call_class("desc file", set));
	cr_assert(call_class("all", set) && has(set, SYS_fsync));
	cr_assert(!has(set, 400), "there is no such call");
}

/*
 * Captures of any content and any length, whole and cut short, for every call and every result: nothing is read past
 * their ends, which are the ends of their heap blocks (the sanitizer looks).
 */
static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_word(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

/* Mostly small numbers: these are counts, commands, families. */
static uint64_t random_value(void)
{
	uint64_t word = random_word();
	return word >> (word >> 58);
}

static uint8_t *random_bytes(size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1);

	for (size_t i = 0; i < size; i++)
		bytes[i] = random_word() % 3 ? 0 : (uint8_t)random_value();
	return bytes;
}

static void random_captures(struct call *c)
{
	for (unsigned i = 0; i < 24; i++) {
		size_t size = random_word() % (random_word() % 4 ? 40 : 300);
		unsigned part = i < 6 ? 0 : (unsigned)(random_word() % 18);
		part_of(i % 6, part, random_bytes(size), size, (uint32_t)(random_word() % 2 ? size : random_value()));
	}
	c->captures = captures;
	c->capture_count = capture_count;
}

static void free_captures(void)
{
	for (size_t i = 0; i < capture_count; i++)
		free((void *)captures[i].bytes);
	capture_count = 0;
}

Test(tool_notation, random_captures_are_no_harm, .timeout = 60)
{
	static const int64_t results[] = {0, 1, 3, 4096, -EAGAIN, -514, INT64_MAX, INT64_MIN};

	for (unsigned round = 0; round < 40; round++)
		for (unsigned nr = 0; nr < TRACE_CALLS; nr++) {
			struct call c = {
			    .nr = nr, .result = results[random_word() % 8], .begins = random_word() % 8 == 0};
			for (unsigned i = 0; i < 6; i++)
				c.args[i] = random_value();
			random_captures(&c);
			char *line = printed(&c);
			cr_assert(strchr(line, '(') && strstr(line, ") = "), "%s", line);
			cr_assert(!strpbrk(line, "\n\r\t\033"), "not one plain line: %s", line);
			free(line);
			free_captures();
		}
}
