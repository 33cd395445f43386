/* poll over every kind of descriptor at once: pipes, sockets, eventfd, timerfd, files, closed and negative ones. */
// threads
#include "io_test.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

enum { PIPE_OUT, PIPE_IN, SOCKET, EVENT, EVENT_SET, TIMER, FILE_FD, NULL_FD, EPOLL, CLOSED, NEGATIVE, HUNG, COUNT };

static struct pollfd fds[COUNT];

static void fill(int pipe_fds[2], int sv[2])
{
	const int events[COUNT] = {[PIPE_OUT] = POLLIN,
	    [PIPE_IN] = 0,
	    [SOCKET] = POLLIN | POLLRDHUP,
	    [EVENT] = POLLIN,
	    [EVENT_SET] = POLLIN,
	    [TIMER] = POLLIN,
	    [FILE_FD] = POLLIN | POLLOUT,
	    [NULL_FD] = POLLIN | POLLOUT,
	    [EPOLL] = POLLIN,
	    [CLOSED] = POLLIN,
	    [NEGATIVE] = POLLIN,
	    [HUNG] = POLLIN};
	int hung[2];

	SYS(pipe(hung));
	SYS(close(hung[1]));
	for (int i = 0; i < COUNT; i++)
		fds[i].events = (short)events[i];
	fds[PIPE_OUT].fd = pipe_fds[0];
	fds[PIPE_IN].fd = pipe_fds[1];
	fds[SOCKET].fd = sv[0];
	fds[EVENT].fd = (int)SYS(eventfd(0, 0));
	fds[EVENT_SET].fd = (int)SYS(eventfd(1, 0));
	fds[TIMER].fd = (int)SYS(timerfd_create(CLOCK_MONOTONIC, 0));
	fds[FILE_FD].fd = scratch_file();
	fds[NULL_FD].fd = (int)SYS(open("/dev/null", O_RDWR));
	fds[EPOLL].fd = (int)SYS(epoll_create1(0));
	fds[CLOSED].fd = 9999;
	fds[NEGATIVE].fd = -5;
	fds[HUNG].fd = hung[0];
}

static void show(const char *what, int result)
{
	printf("%s: %s:", what, outcome(result));
	for (int i = 0; i < COUNT; i++)
		printf(" %x", fds[i].revents);
	puts("");
}

static void *polls(void *arg)
{
	/* Only those that nothing is ready on. */
	fds[EVENT_SET].fd = fds[FILE_FD].fd = fds[NULL_FD].fd = fds[CLOSED].fd = fds[HUNG].fd = -1;
	show("blocked", poll(fds, COUNT, -1));
	return arg;
}

static void wake(const char *what, void (*fn)(int, int), int a, int b)
{
	pthread_t t = start(polls, NULL);

	let_it_block();
	puts(what);
	fn(a, b);
	join(t);
}

static void write_one(int fd, int n)
{
	uint64_t value = 1;

	SYS(write(fd, &value, (size_t)n));
}

static void arm(int fd, int n)
{
	struct itimerspec its = {.it_value.tv_nsec = n};

	SYS(timerfd_settime(fd, 0, &its, NULL));
}

static void half_close(int fd, int how)
{
	SYS(shutdown(fd, how));
}

static void drain(int fd)
{
	char buf[64];

	SYS(read(fd, buf, sizeof(buf)));
}

static void *body(void *arg)
{
	int pipe_fds[2], sv[2];
	struct timespec zero = {0, 0};

	SYS(pipe(pipe_fds));
	tcp_pair(sv);
	fill(pipe_fds, sv);
	show("poll 0", poll(fds, COUNT, 0));
	show("poll -1, some ready", poll(fds, COUNT, -1));
	show("ppoll 0", ppoll(fds, COUNT, &zero, NULL));
	wake("pipe", write_one, pipe_fds[1], 4);
	drain(pipe_fds[0]);
	wake("socket", write_one, sv[1], 4);
	drain(sv[0]);
	wake("eventfd", write_one, fds[EVENT].fd, 8);
	drain(fds[EVENT].fd);
	wake("timerfd", arm, fds[TIMER].fd, 1000);
	drain(fds[TIMER].fd);
	wake("socket's peer shut", half_close, sv[1], SHUT_WR);
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
