/* select: all three sets together, what is written back, counts of bits, writers that wake when a pipe drains. */
// threads
#include "io_test.h"
#include <sys/select.h>

static int full[2], empty[2], sv[2];

static int fill(int fd)
{
	static char page[4096];
	int n = 0;

	SYS(fcntl(fd, F_SETFL, O_NONBLOCK));
	while (write(fd, page, sizeof(page)) > 0)
		n++;
	SYS(fcntl(fd, F_SETFL, 0));
	return n;
}

static void *waits(void *arg)
{
	fd_set in, out, except;
	int n;

	(void)arg;
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	FD_SET(empty[0], &in);
	FD_SET(sv[0], &in);
	FD_SET(full[1], &out);
	FD_SET(sv[0], &except);
	n = select(FD_SETSIZE, &in, &out, &except, NULL);
	printf("select: %d: %d %d %d %d\n", n, !!FD_ISSET(empty[0], &in), !!FD_ISSET(sv[0], &in),
	    !!FD_ISSET(full[1], &out), !!FD_ISSET(sv[0], &except));
	return NULL;
}

int main(void)
{
	static char page[65536];
	pthread_t t;
	fd_set out;

	SYS(pipe(full));
	SYS(pipe(empty));
	tcp_pair(sv);
	printf("%d pages fill a pipe\n", fill(full[1]));
	t = start(waits, NULL);
	let_it_block();
	SYS(read(full[0], page, 4096));
	join(t);
	fill(full[1]);
	t = start(waits, NULL);
	let_it_block();
	write_full(empty[1], "x", 1);
	join(t);
	SYS(read(empty[0], page, 1));
	t = start(waits, NULL);
	let_it_block();
	CHECK_EQ(send(sv[1], "o", 1, MSG_OOB), 1);
	join(t);
	FD_ZERO(&out);
	FD_SET(sv[0], &out);
	FD_SET(sv[1], &out);
	FD_SET(empty[1], &out);
	FD_SET(full[1], &out);
	SAY("all writable but one", select(FD_SETSIZE, NULL, &out, NULL, NULL));
	return 0;
}
