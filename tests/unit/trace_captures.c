/* Tracing: the memory that is told along with a call. */
#include "tests/unit/trace.h"

/* Captures */

Test(trace, strings)
{
	char text[CAPTURE + 100];
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	green(SYS_mq_unlink, "text");
	green(SYS_mq_unlink, "");
	green(SYS_mq_unlink, text);
	green(SYS_mq_unlink, text + sizeof(text) - 1 - CAPTURE);
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_mq_unlink, 0), 0, 0, "text", 4, 4));
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_mq_unlink, 1), 0, 0, "", 0, 0));
	const struct trace_capture *p = captured(call_at(TRACE_CALL, SYS_mq_unlink, 2), 0, 0);
	cr_assert(p && p->size == CAPTURE && p->of > CAPTURE && !memcmp(p->bytes, text, CAPTURE));
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_mq_unlink, 3), 0, 0, text, CAPTURE, CAPTURE));
}

/* Whole, as far as the kernel takes them. */
Test(trace, paths)
{
	static char longest[PATH_MAX], too_long[PATH_MAX + 100];
	const size_t most = PATH_MAX - 1;
	memset(longest, 'x', most);
	memset(too_long, 'y', sizeof(too_long) - 1);
	green(SYS_openat, -1, "dir/file", 0, 0);
	green(SYS_openat, -1, "", 0, 0);
	green(SYS_rename, longest, longest);
	green(SYS_rename, longest, too_long);
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_openat, 0), 1, 0, "dir/file", 8, 8));
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_openat, 1), 1, 0, "", 0, 0));
	const struct trace_call *c = call_at(TRACE_CALL, SYS_rename, 0);
	cr_assert(is_captured(c, 0, 0, longest, most, (uint32_t)most));
	cr_assert(is_captured(c, 1, 0, longest, most, (uint32_t)most));
	const struct trace_capture *p = captured(call_at(TRACE_CALL, SYS_rename, 1), 1, 0);
	cr_assert(p && p->size == most && p->of > most && !memcmp(p->bytes, too_long, most));
}

/* It is cut where `capture` says, but not below what an address may need. */
Test(trace, buffers)
{
	static char text[1000], got[1000];
	int fds[2];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	atomic_store(&control->capture, 500);
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(green(SYS_write, fds[1], text, sizeof(text)), sizeof(text));
	cr_assert_eq(green(SYS_read, fds[0], got, 10), 10);
	cr_assert_eq(green(SYS_read, fds[0], got, sizeof(got)), 990);
	cr_assert(is_captured(the_call(SYS_write), 1, 0, text, 500, 1000));
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_read, 0), 1, 0, text, 10, 10), "what was read, and no more");
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_read, 1), 1, 0, text + 10, 500, 990));
	close(fds[1]);
	cr_assert_eq(green(SYS_read, fds[0], got, sizeof(got)), 0);
	cr_assert_eq(captured(call_at(TRACE_CALL, SYS_read, 2), 1, 0), NULL);
}

/* More than any array has elements. */
Test(trace, a_large_read)
{
	size_t size = 17UL << 20;
	char *got = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char nothing[2 * CAPTURE] = "";
	int fd = memfd_create("zeroes", 0);
	cr_assert(ftruncate(fd, (long)size) == 0 && got != MAP_FAILED);
	cr_assert_eq(green(SYS_read, fd, got, size), size);
	cr_assert(is_captured(the_call(SYS_read), 1, 0, nothing, sizeof(nothing), (uint32_t)size));
}

Test(trace, vectors)
{
	struct iovec out[5] = {{"one", 3}, {"two", 3}, {NULL, 0}, {"four", 4}, {"five", 4}};
	char a[2], b[20];
	struct iovec in[2] = {{a, 2}, {b, 20}};
	int fds[2];
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(green(SYS_writev, fds[1], out, 5), 14);
	cr_assert_eq(green(SYS_readv, fds[0], in, 2), 14);
	const struct trace_call *c = the_call(SYS_writev);
	cr_assert(is_captured(c, 1, 0, out, 4 * sizeof(*out), 5 * sizeof(*out)));
	cr_assert(is_captured(c, 1, 1, "one", 3, 3) && is_captured(c, 1, 2, "two", 3, 3));
	cr_assert(!captured(c, 1, 3) && is_captured(c, 1, 4, "four", 4, 4) && !captured(c, 1, 5));
	c = the_call(SYS_readv);
	cr_assert(is_captured(c, 1, 1, "on", 2, 2) && is_captured(c, 1, 2, "etwofourfive", 12, 12));
}

Test(trace, addresses)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/no/such/socket"}, from;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un own = {.sun_family = AF_UNIX}; /* a name that the kernel finds */
	socklen_t size = sizeof(own), from_size = sizeof(from);
	char text[8];
	cr_assert_eq(green(SYS_connect, fd, &to, 20), -ENOENT);
	cr_assert(is_captured(the_call(SYS_connect), 1, 0, &to, 20, 20));
	cr_assert_eq(bind(fd, (struct sockaddr *)&own, 2), 0);
	cr_assert_eq(bind(other, (struct sockaddr *)&own, 2), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&own, &size), 0);
	cr_assert_eq(green(SYS_sendto, other, "hello", 5, 0, &own, size), 5);
	cr_assert_eq(green(SYS_recvfrom, fd, text, sizeof(text), 0, &from, &from_size), 5);
	const struct trace_call *c = the_call(SYS_sendto);
	cr_assert(is_captured(c, 1, 0, "hello", 5, 5) && is_captured(c, 4, 0, &own, size, size));
	c = the_call(SYS_recvfrom);
	cr_assert(is_captured(c, 1, 0, "hello", 5, 5) && is_captured(c, 4, 0, &from, from_size, from_size));
}

Test(trace, messages)
{
	char text[20];
	struct iovec out = {"hello", 5}, in = {text, sizeof(text)};
	struct msghdr sent = {.msg_iov = &out, .msg_iovlen = 1}, got = {.msg_iov = &in, .msg_iovlen = 1};
	int fds[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	cr_assert_eq(green(SYS_sendmsg, fds[0], &sent, 0), 5);
	cr_assert_eq(green(SYS_recvmsg, fds[1], &got, 0), 5);
	const struct trace_call *s = the_call(SYS_sendmsg), *r = the_call(SYS_recvmsg);
	cr_assert(is_captured(s, 1, 0, &sent, sizeof(sent), sizeof(sent)) && is_captured(s, 1, 1, "hello", 5, 5));
	cr_assert(is_captured(s, 1, 6, &out, sizeof(out), sizeof(out)));
	cr_assert(is_captured(r, 1, 1, "hello", 5, 5) && !captured(r, 1, 5) && !captured(r, 1, 7));
}

/* Half a page that is there, before one that is not. */
static char *before_nothing(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(p != MAP_FAILED && !munmap(p + 4096, 4096));
	return p + 4096;
}

Test(trace, memory_that_is_not_there)
{
	char *end = before_nothing();
	strcpy(end - 4, "end");
	cr_assert_eq(green(SYS_openat, -1, 16, 0, 0), -EFAULT);
	cr_assert_eq(green(SYS_openat, -1, end - 4, 0, 0), -EBADF);
	end[-1] = 'x';
	cr_assert_eq(green(SYS_openat, -1, end - 4, 0, 0), -EFAULT);
	cr_assert_eq(green(SYS_writev, 1, 16, 2), -EFAULT);
	cr_assert_eq(green(SYS_sendmsg, 1, end - 8, 0), -ENOTSOCK);
	cr_assert_eq(green(SYS_connect, -1, 16, 20), -EBADF);
	cr_assert_eq(green(SYS_execve, 16, 16, 16), -EFAULT);
	cr_assert_eq(captured(call_at(TRACE_CALL, SYS_openat, 0), 1, 0), NULL);
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_openat, 1), 1, 0, "end", 3, 3));
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_openat, 2), 1, 0, "endx", 4, 4), "as far as it is there");
	cr_assert_eq(the_call(SYS_writev)->h.size, sizeof(struct trace_call));
	cr_assert_eq(the_call(SYS_sendmsg)->h.size, sizeof(struct trace_call));
	cr_assert_eq(the_call(SYS_connect)->h.size, sizeof(struct trace_call));
	cr_assert(the_call(SYS_execve) && !captured(the_call(SYS_execve), 0, 0));
}

Test(trace, no_memory_is_wanted)
{
	atomic_store(&control->capture, 0);
	green(SYS_openat, -1, "path", 0, 0);
	green(SYS_write, -1, "text", 4);
	cr_assert_eq(the_call(SYS_openat)->h.size, sizeof(struct trace_call));
	cr_assert_eq(the_call(SYS_write)->h.size, sizeof(struct trace_call));
}

/* However much the tool asks for. */
Test(trace, a_record_has_an_end)
{
	static char large[65536];
	char *argv[40] = {0};
	for (int i = 0; i < 39; i++)
		argv[i] = large;
	memset(large, 'x', sizeof(large) - 1);
	atomic_store(&control->capture, UINT32_MAX);
	green(SYS_write, -1, large, sizeof(large));
	green(SYS_openat, -1, large, 0, 0);
	cr_assert_lt(green(SYS_execve, "/no/such/file", argv, argv), 0);
	const struct trace_capture *p = captured(the_call(SYS_write), 1, 0);
	cr_assert(p && p->size > 16384 && p->of == sizeof(large) && !memcmp(p->bytes, large, p->size));
	cr_assert_leq(the_call(SYS_openat)->h.size, TRACE_RECORD_MOST);
	cr_assert_leq(the_call(SYS_execve)->h.size, TRACE_RECORD_MOST);
	cr_assert(captured(the_call(SYS_execve), 0, 0) && !captured(the_call(SYS_execve), 2, 7));
}
