/* EBADF, ENOTSOCK, EINVAL and their like, for each family of calls, over descriptors of the wrong sort. */
// threads
#include "io_test.h"
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/timerfd.h>

static char buf[16];
static struct iovec iov = {buf, sizeof(buf)};
static struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
static struct mmsghdr mmsg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

static void everything(const char *name, int fd)
{
	struct sockaddr_in addr = {
	    .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	struct epoll_event ev;

	printf("-- %s\n", name);
	SHOW(read(fd, buf, 1));
	SHOW(write(fd, buf, 1));
	SHOW(readv(fd, &iov, 1));
	SHOW(writev(fd, &iov, 1));
	SHOW(pread(fd, buf, 1, 0));
	SHOW(pwrite(fd, buf, 1, 0));
	SHOW(preadv2(fd, &iov, 1, -1, 0));
	SHOW(recv(fd, buf, 1, MSG_DONTWAIT));
	SHOW(recv(fd, buf, 1, 0));
	SHOW(recvmsg(fd, &msg, 0));
	SHOW(recvmmsg(fd, &mmsg, 1, 0, NULL));
	SHOW(send(fd, buf, 1, MSG_NOSIGNAL));
	SHOW(sendto(fd, buf, 1, MSG_NOSIGNAL, NULL, 0));
	SHOW(sendmsg(fd, &msg, MSG_NOSIGNAL));
	SHOW(sendmmsg(fd, &mmsg, 1, MSG_NOSIGNAL));
	SHOW(accept(fd, NULL, NULL));
	SHOW(accept4(fd, (struct sockaddr *)&addr, &len, SOCK_CLOEXEC));
	addr.sin_family = AF_UNSPEC + 77;
	SHOW(connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	SHOW(shutdown(fd, SHUT_RD));
	SHOW(listen(fd, 1));
	SHOW(epoll_wait(fd, &ev, 1, 0));
	SHOW(splice(fd, NULL, fd, NULL, 1, SPLICE_F_NONBLOCK));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(fcntl(fd, F_GETFD) & 0);
	SHOW(fsync(fd));
}

static void *body(void *arg)
{
	int p[2], file = scratch_file(), stream = (int)SYS(socket(AF_INET, SOCK_STREAM, 0)), hung[2], sv[2];
	struct sockaddr_in addr;

	SYS(pipe(p));
	SYS(pipe(hung));
	SYS(close(hung[1]));
	unix_pair(sv);
	SYS(close(sv[1]));
	everything("closed", 9999);
	everything("negative", -1);
	everything("write end of a pipe", p[1]);
	everything("read end of a hung up pipe", hung[0]);
	everything("file", file);
	everything("directory", (int)SYS(open("/", O_RDONLY)));
	everything("path only", (int)SYS(open("/", O_PATH)));
	everything("write-only file", (int)SYS(open("/dev/null", O_WRONLY)));
	everything("unconnected tcp", stream);
	everything("unix socket, peer gone", sv[0]);
	everything("non-blocking listener", ({
		int fd = tcp_listen(1, &addr);
		SYS(fcntl(fd, F_SETFL, O_NONBLOCK));
		fd;
	}));
	everything("epoll", (int)SYS(epoll_create1(0)));
	everything("timerfd", (int)SYS(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)));
	return arg;
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	join(start(body, NULL));
	return 0;
}
