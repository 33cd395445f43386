/* O_NONBLOCK of an inherited descriptor is the other process's too: what that one sets or clears holds at once. */
// threads
#include "io_test.h"

/* Numbers that nothing else has, in both processes. */
enum { DATA = 50, ORDERS = 51, DONE = 52 };

/* The parent, which makes no thread: sets and clears the flag, and writes, as it is told. */
static void obey(int data, int peer, int orders, int done)
{
	char order;

	while (read(orders, &order, 1) == 1) {
		if (order == 'w')
			write_full(peer, "data", 4);
		else
			SYS(fcntl(data, F_SETFL, order == 's' ? O_NONBLOCK : 0));
		write_full(done, "k", 1);
	}
}

static void tell(char order)
{
	write_full(ORDERS, &order, 1);
	CHECK_EQ(read(DONE, &order, 1), 1);
}

static void *reads(void *arg)
{
	char buf[16];

	(void)arg;
	return (void *)read(DATA, buf, sizeof(buf));
}

static void *body(void *arg)
{
	char buf[16];
	pthread_t t;

	SAY("inherited with O_NONBLOCK", read(DATA, buf, sizeof(buf)));
	for (int i = 0; i < 3; i++) {
		tell('c');
		t = start(reads, NULL);
		let_it_block();
		/* Set while somebody is blocked: that call stays blocked. */
		tell('s');
		tell('w');
		printf("cleared: %ld\n", (long)join(t));
		SAY("set", read(DATA, buf, sizeof(buf)));
	}
	return arg;
}

static void run_other(const int *sv, const int *orders, const int *done)
{
	SYS(dup2(sv[1], DATA));
	SYS(dup2(orders[1], ORDERS));
	SYS(dup2(done[0], DONE));
	SYS(close_range(3, DATA - 1, 0));
	execl("/proc/self/exe", "nonblock_inherited", "other", (char *)NULL);
	_exit(127);
}

int main(int argc, char **argv)
{
	int sv[2], orders[2], done[2];
	pid_t pid;

	if (argc == 2 && strcmp(argv[1], "other") == 0) {
		join(start(body, NULL));
		return 0;
	}
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	SYS(pipe(orders));
	SYS(pipe(done));
	SYS(fcntl(sv[1], F_SETFL, O_NONBLOCK));
	pid = SYS(fork());
	if (pid == 0)
		run_other(sv, orders, done);
	SYS(close(orders[1]));
	obey(sv[1], sv[0], orders[0], done[1]);
	puts(reap(pid));
	return 0;
}
