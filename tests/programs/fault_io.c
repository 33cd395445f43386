/* Bad pointers to the calls of files and sockets: EFAULT as the kernel says it, never a crash, nothing lost. */
// threads
#include "io_test.h"
#include <sys/sendfile.h>

static char *bad, *read_only;
static int sv[2], p[2], file;

/* Volatile, so that no compiler sees through it. */
static void *volatile nowhere = (void *)8;

static void refill(void)
{
	write_full(sv[0], "data", 4);
	write_full(p[1], "data", 4);
}

static void streams(void)
{
	struct iovec iov[2] = {{bad, 4}, {NULL, 0}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 1}, no_iov = {.msg_iov = nowhere, .msg_iovlen = 1};
	char buf[16];

	refill();
	SHOW(read(p[0], bad, 4));
	SHOW(read(p[0], nowhere, 4));
	SHOW(read(p[0], read_only, 4));
	SHOW(readv(p[0], iov, 1));
	SHOW(readv(p[0], nowhere, 1));
	SHOW(preadv2(p[0], iov, 1, -1, 0));
	SHOW(write(p[1], bad, 4));
	SHOW(writev(p[1], iov, 1));
	SHOW(read(sv[1], bad, 4));
	SHOW(recv(sv[1], bad, 4, 0));
	SHOW(recv(sv[1], bad, 4, MSG_PEEK));
	SHOW(recvfrom(sv[1], bad, 4, 0, NULL, NULL));
	SHOW(recvmsg(sv[1], &msg, 0));
	SHOW(recvmsg(sv[1], &no_iov, 0));
	SHOW(recvmsg(sv[1], nowhere, 0));
	SHOW(recvmmsg(sv[1], nowhere, 1, 0, NULL));
	SHOW(send(sv[0], bad, 4, 0));
	SHOW(sendto(sv[0], "x", 1, 0, nowhere, 16));
	SHOW(sendmsg(sv[0], &msg, 0));
	SHOW(sendmsg(sv[0], nowhere, 0));
	SHOW(sendmmsg(sv[0], nowhere, 1, 0));
	SAY("the pipe's data are there still", read(p[0], buf, sizeof(buf)));
	SAY("the socket's too", recv(sv[1], buf, sizeof(buf), MSG_DONTWAIT));
}

static void *writes_later(void *arg)
{
	let_it_block();
	refill();
	return arg;
}

/* The fault shows once there is something to copy. */
static void blocked(void)
{
	pthread_t t = start(writes_later, NULL);
	char buf[16];

	SAY("blocked read into nowhere", read(p[0], bad, 4));
	join(t);
	SAY("drained", read(p[0], buf, sizeof(buf)) + read(sv[1], buf, sizeof(buf)));
	t = start(writes_later, NULL);
	SAY("blocked recv into nowhere", recv(sv[1], bad, 4, 0));
	join(t);
	SAY("drained", read(p[0], buf, sizeof(buf)) + read(sv[1], buf, sizeof(buf)));
}

/* A buffer whose second page is missing: what went over before the fault counts. */
static void half(void)
{
	char *edge = read_only + 4096 - 2;

	SYS(mprotect(read_only, 4096, PROT_READ | PROT_WRITE));
	write_full(p[1], "data", 4);
	SAY("read up to the edge", read(p[0], edge, 4));
	SAY("write from the edge", write(p[1], edge, 4));
	SYS(mprotect(read_only, 4096, PROT_READ));
}

static void files(void)
{
	struct iovec iov = {bad, 4};

	write_full(file, "contents", 8);
	SHOW(pread(file, bad, 4, 0));
	SHOW(pread(file, bad, 4, 100));
	SHOW(pwrite(file, bad, 4, 0));
	SHOW(preadv(file, &iov, 1, 0));
	SHOW(sendfile(sv[0], file, nowhere, 4));
	SHOW(splice(file, nowhere, p[1], NULL, 4, 0));
	SHOW(open(nowhere, O_RDONLY));
	SHOW(pipe(nowhere));
	SHOW(ioctl(p[0], FIONREAD, nowhere));
}

static void *body(void *arg)
{
	SYS(pipe(p));
	unix_pair(sv);
	file = scratch_file();
	streams();
	blocked();
	half();
	files();
	return arg;
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	read_only = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(read_only != MAP_FAILED);
	bad = read_only + 4096;
	SYS(mprotect(bad, 4096, PROT_NONE));
	join(start(body, NULL));
	return 0;
}
